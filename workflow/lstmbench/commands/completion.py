"""Print the script for completion in bash, zsh or tcsh."""

from __future__ import annotations

import argparse

from lstmbench import commands
from lstmbench.utils.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("shell", choices=("bash", "zsh", "tcsh"), help='e.g. eval "$(lstm-bench completion bash)"')
    return result


def main(options: argparse.Namespace) -> None:
    """Print the script for a shell."""
    try:
        import shtab
    except ImportError as error:
        raise UsageError(
            "completion needs shtab: expected it to be installed, found none; pip install shtab"
        ) from error
    whole = argparse.ArgumentParser(prog="lstm-bench")
    chosen = whole.add_subparsers()
    for name in commands.names():
        own = commands.load(name).parser()
        chosen.add_parser(name, parents=[own], add_help=False, help=commands.summary(name))
    print(shtab.complete(whole, options.shell))
