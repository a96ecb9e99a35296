"""Repeat a recorded run's first updates and compare them."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.training.replay import verify


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    # One per process: a framework takes its number of threads only once.
    result.add_argument("record", type=Path, metavar="run.json", help="record of a finished run")
    result.add_argument("--data", type=Path, default=Path("results/data"), help="the prepared data sets")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    for line in verify(options.record, options.data):
        print(line, flush=True)
