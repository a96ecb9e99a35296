"""Draw the figures of speed."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.reporting.figures.speed import plot_speed


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--tables", type=Path, required=True, help="folder of analyse's tables")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of the figures")
    return result


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    plot_speed(arguments.tables, arguments.output_dir)
