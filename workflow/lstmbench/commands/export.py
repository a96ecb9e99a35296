"""Write results as JSON, also for services that watch them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lstmbench.analysis.comparison import names
from lstmbench.analysis.history import HISTORY, history
from lstmbench.records.bundle import read_bundle, records
from lstmbench.records.tables import read_table
from lstmbench.reporting.export import FORMATS, rows_of, texts
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import write_text

TABLES = (".csv", ".parquet")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "sources", type=Path, nargs="+", help="bundles, folders of results, or history.csv of compare --by"
    )
    result.add_argument("--format", choices=FORMATS, required=True, help="whose JSON")
    result.add_argument(
        "--output-dir", type=Path, default=Path("results/export"), help="folder of the files [%(default)s]"
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    tables = [_table(path) for path in options.sources if path.suffix in TABLES]
    others = [path for path in options.sources if path.suffix not in TABLES]
    if others:
        called = names(others, least=1)
        read = {
            name: records(path) if path.is_dir() else read_bundle(path)
            for name, path in zip(called, others, strict=True)
        }
        tables.append(history(read, "date"))
    for name, text in texts(rows_of(pd.concat(tables)), options.format).items():
        write_text(options.output_dir / name, text)
        print(options.output_dir / name)


def _table(path: Path) -> pd.DataFrame:
    table = read_table(path)
    if list(table.columns) != HISTORY:
        found = ", ".join(table.columns)
        raise DataError(f"{path}: expected the table that compare --by writes, history.csv, found the columns {found}")
    return table
