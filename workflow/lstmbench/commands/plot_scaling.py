"""Draw how speed scales with workers or threads."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.analysis.scaling import SCALED
from lstmbench.commands._arguments import add
from lstmbench.records.tables import read_table
from lstmbench.reporting import order
from lstmbench.reporting.figures.scaling import draw
from lstmbench.reporting.figures.style import figure_style, save


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--of", choices=list(SCALED), required=True, help="what there is more of")
    result.add_argument("--dataset", required=True, help="the data set whose cases are drawn")
    add(result, "--tables")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of the figures")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    table = read_table(options.tables / f"{options.of}.parquet")
    mine = order.by_size(table[table["dataset"] == options.dataset])
    with figure_style():
        save(draw(SCALED[options.of], options.dataset, mine), options.output_dir / f"{options.of}_{options.dataset}")
