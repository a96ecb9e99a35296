"""Compute speeds, ratios and the anatomy of a step."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench import present_speed
from lstmbench.analyse import SHOWN_FROM, analyse
from lstmbench.measurement import read_measurement
from lstmbench.shown import write_shown
from lstmbench.tables import read_table, write_table


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench analyse", description=__doc__)
    result.add_argument("--output-dir", type=Path, required=True, help="folder of speed.csv and the other tables")
    result.add_argument("records", type=Path, nargs="+", metavar="measurement.json", help="blocks.parquet is beside it")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    for name, table in analyse(read_measurement(path) for path in options.records).items():
        write_table(options.output_dir / f"{name}.csv", table)
    for name, title in present_speed.TITLES.items():
        table = read_table(options.output_dir / f"{SHOWN_FROM.get(name, name)}.csv")
        parts = present_speed.by_dataset(name, table)
        write_shown(options.output_dir / name, title, parts, present_speed.notes(name, table))
