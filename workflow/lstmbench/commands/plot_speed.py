"""Draw the figures of speed."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.reporting.figures.speed import plot_speed


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--tables")
    result.add_argument("--output-dir", type=Path, required=True, help="folder of the figures")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    plot_speed(options.tables, options.output_dir)
