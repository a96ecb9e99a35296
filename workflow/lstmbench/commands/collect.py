"""Collect the records of all runs into tables."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lstmbench.analysis.runs import collect
from lstmbench.orchestration.config import checked
from lstmbench.records.tables import write_table


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--output-dir", type=Path, required=True, help="folder of runs.csv and the other tables")
    result.add_argument("--selection", help="the checked configuration as JSON, for all of its runs")
    result.add_argument("records", type=Path, nargs="*", metavar="run.json", help="other runs")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    # Thousands of paths are more than a command line holds.
    selected = checked(json.loads(options.selection)).records() if options.selection else []
    for name, table in collect([*selected, *options.records]).items():
        write_table(options.output_dir / f"{name}.csv", table)
