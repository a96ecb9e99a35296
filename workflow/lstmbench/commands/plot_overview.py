"""Draw the picture that the report begins with."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.records.tables import read_table
from lstmbench.reporting.figures.overview import TABLES, draw
from lstmbench.reporting.figures.style import figure_style, save


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of the figure")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    tables = {name: read_table(options.tables / f"{name}.parquet") for name in TABLES}
    with figure_style():
        save(draw(tables), options.output_dir / "overview")
