"""Compute speeds, ratios and the anatomy of a step."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.analysis.speed import analyse
from lstmbench.records.measurement import read_measurement
from lstmbench.records.table_names import SHOWN_FROM
from lstmbench.records.tables import read_table, write_table
from lstmbench.reporting import speed
from lstmbench.reporting.text_tables import write_text_tables


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--output-dir", type=Path, required=True, help="folder of speed.csv and the other tables")
    result.add_argument(
        "records", type=Path, nargs="+", metavar="measurement.json", help="blocks.parquet is in its folder"
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    for name, table in analyse(read_measurement(path) for path in options.records).items():
        write_table(options.output_dir / f"{name}.csv", table)
    for name, title in speed.TITLES.items():
        table = read_table(options.output_dir / f"{SHOWN_FROM.get(name, name)}.csv")
        parts = speed.by_dataset(name, table)
        write_text_tables(options.output_dir / name, title, parts, speed.notes(name, table))
