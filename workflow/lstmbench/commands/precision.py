"""Compare each precision with float32."""

from __future__ import annotations

import argparse

from lstmbench.analysis.precision import precisions
from lstmbench.commands._arguments import add
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import precision
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    folder = options.tables
    table = precisions(read_table(folder / "runs.parquet"), read_table(folder / "speed.parquet"))
    write_table(folder / "precision.csv", table)
    notes = [precision.EMPTY] if table.empty else precision.NOTES
    write_text_tables(folder / "precision", precision.TITLE, precision.by_dataset(table), notes)
