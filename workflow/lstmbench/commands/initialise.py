"""Draw the initial weights of a data set, size and seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.preparation.initialise import initialise


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset")
    add(result, "--seed")
    result.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    initialise(data=options.data, preset_file=options.preset, seed=options.seed, output=options.output)
