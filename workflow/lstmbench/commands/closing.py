"""Write the table that the terminal ends with."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lstmbench.commands._arguments import add
from lstmbench.records.paths import CASE_COLUMNS, GROUP_COLUMNS
from lstmbench.records.tables import read_table
from lstmbench.reporting.closing_table import closing
from lstmbench.utils.files import write_text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    result.add_argument("--speed-only", action="store_true", help="of the speeds alone, as there are no runs")
    result.add_argument("--details", required=True, help="what holds more: the page or a table, by its path")
    result.add_argument("--output", type=Path, required=True, help="the text")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    names = ("quality", "differences", "speed", "ratios")
    tables = {name: read_table(options.tables / f"{name}.parquet") for name in names[2 * options.speed_only :]}
    for name, columns in (("quality", CASE_COLUMNS), ("differences", GROUP_COLUMNS)):
        tables.setdefault(name, pd.DataFrame(columns=[*columns]))
    text = closing(*(tables[name] for name in names))
    write_text(options.output, f"{text}{'Speeds' if options.speed_only else 'The page'}: {options.details}\n")
