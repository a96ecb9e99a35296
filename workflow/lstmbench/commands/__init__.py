"""Run the command line: one file per command, which parses arguments, makes one call and writes files.

Only ``__main__`` imports a command.  No module below this folder parses arguments or prints a result.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import pkgutil
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from lstmbench import __version__
from lstmbench.utils.command_line import run
from lstmbench.utils.errors import MachineError
from lstmbench.utils.validation import require_known

GROUPS = {
    "One run without Snakemake": ("download", "prepare", "initialise", "train", "verify"),
    "Use the model that a run kept": ("evaluate", "generate", "score", "neighbours", "mistakes"),
    "Look at this machine": ("certify", "gpu-check", "trace"),
    "Keep and compare results": ("bundle", "compare", "export", "bisect"),
}
"""The commands that people type, in the order of the workflow.  The others are ``completion``, which a shell's start
file calls, and those that the rules of the workflow call."""

USAGE = """\
usage: lstm-bench COMMAND [OPTIONS]     lstm-bench COMMAND --help says which
The workflow itself is started by `make demo`, `make quick` or `snakemake`."""


def names() -> list[str]:
    """Return the names of all commands in alphabetical order, as people type them: ``gpu-check``."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def load(name: str) -> ModuleType:
    """Import the module of a command; it has ``parser()`` and ``main(options)``.

    Raises:
        UsageError: there is no such command.
    """
    require_known("command", name, names())
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command, which knows its own name.

    Raises:
        UsageError: there is no such command.
    """
    parser: argparse.ArgumentParser = load(name).parser()
    parser.prog = f"lstm-bench {name}"
    return parser


def parse(name: str, words: Sequence[str]) -> argparse.Namespace:
    """Return the values of a command's options, and ``words`` unchanged as ``command_line``.

    Raises:
        UsageError: there is no such command.
        SystemExit: the words are no options of it, or ask for help.
    """
    options = parser_of(name).parse_args(words)
    options.command_line = list(words)
    return options


def start(name: str, words: Sequence[str]) -> None:
    """Run a command with the words that follow it.

    Raises:
        MachineError: this is Windows.
        BenchError: what the command ends with; also as for ``parse``.
    """
    if platform.system() == "Windows":
        raise MachineError("system: expected Linux or macOS, found Windows; use WSL2 (wsl --install), which is Linux")
    load(name).main(parse(name, words))


def summary(name: str) -> str:
    """Return the first line of a command's docstring; the command is not imported, which would take a second."""
    source = Path(__path__[0], f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def overview(everything: bool = False) -> str:
    """Return the help of ``lstm-bench``: the commands that people type, or all of them."""
    typed = [name for group in GROUPS.values() for name in group]
    groups = dict(GROUPS)
    if everything:
        groups["Called by the shell, or by the rules"] = tuple(name for name in names() if name not in typed)
    width = max(len(name) for group in groups.values() for name in group)
    lines = [USAGE]
    for title, group in groups.items():
        lines += [f"{title}:", *(f"  {name:{width}}  {summary(name)}" for name in group)]
    lines.append("--help-all lists all commands, --version says the version; see also completion.")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names, and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "--help-all"):
        print(overview(everything="--help-all" in words))
        return 0
    if words[0] == "--version":
        print(f"lstm-bench {__version__}")
        return 0
    return run(lambda: start(words[0], words[1:]))
