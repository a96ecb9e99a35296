"""Turn the raw files of a data set into arrays."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench import datasets
from lstmbench.preparation.prepare import prepare


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m lstmbench prepare", description=__doc__)
    result.add_argument("--dataset", required=True, help=", ".join(datasets.names()))
    result.add_argument("--raw", type=Path, help="folder of the downloaded files [results/data/DATASET/raw]")
    result.add_argument("--output", type=Path, required=True, help="folder to write")
    return result


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parser().parse_args(argv)
    raw = args.raw or Path("results/data") / args.dataset / "raw"
    prepare(dataset=args.dataset, raw=raw, output=args.output)
