"""Draw the picture that the report begins with."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.records.tables import read_table
from lstmbench.reporting.figures.overview import TABLES, draw
from lstmbench.reporting.figures.style import figure_style, save


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench plot-overview", description=__doc__)
    result.add_argument(
        "--tables", type=Path, required=True, help="folder of collect's, tabulate's and analyse's tables"
    )
    result.add_argument("--output-dir", type=Path, required=True, help="folder of the figure")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    tables = {name: read_table(options.tables / f"{name}.parquet") for name in TABLES}
    with figure_style():
        save(draw(tables), options.output_dir / "overview")
