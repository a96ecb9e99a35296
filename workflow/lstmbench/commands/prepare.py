"""Turn the raw files of a data set into arrays."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench import datasets
from lstmbench.preparation.prepare import prepare


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--dataset", required=True, help=", ".join(datasets.names()))
    result.add_argument("--raw", type=Path, help="folder of the downloaded files [results/data/DATASET/raw]")
    result.add_argument("--output", type=Path, required=True, help="folder to write")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    raw = options.raw or Path("results/data") / options.dataset / "raw"
    prepare(dataset=options.dataset, raw=raw, output=options.output)
