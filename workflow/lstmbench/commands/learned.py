"""Write down what the kept models of a data set show."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.inference.demonstration import demonstrate
from lstmbench.orchestration.config import checked
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import write_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--selection")
    result.add_argument("--dataset", required=True, help="the data set")
    result.add_argument("--data", type=Path, required=True, help="folder of the prepared data sets")
    result.add_argument("--output", type=Path, required=True, help="the file to write, JSON")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    selection = checked(json.loads(options.selection))
    write_json(options.output, plain(demonstrate(selection, options.dataset, options.data)))
