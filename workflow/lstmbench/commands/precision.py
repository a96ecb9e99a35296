"""Compare each precision with float32."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.analysis.precision import precisions
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import precision
from lstmbench.reporting.text_tables import write_shown


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench precision", description=__doc__)
    result.add_argument(
        "--tables", type=Path, required=True, help="folder of runs.csv and speed.csv, and of the result"
    )
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    folder = parser().parse_args(arguments).tables
    table = precisions(read_table(folder / "runs.parquet"), read_table(folder / "speed.parquet"))
    write_table(folder / "precision.csv", table)
    notes = [precision.EMPTY] if table.empty else precision.NOTES
    write_shown(folder / "precision", precision.TITLE, precision.by_dataset(table), notes)
