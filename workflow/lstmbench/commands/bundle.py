"""Pack all records of a results folder into one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench.records.bundle import pack
from lstmbench.records.run import MODEL


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of runs, measurements and certificates"
    )
    result.add_argument(
        "--models", action="store_true", help=f"also take along every {MODEL} that a run kept, checked by its record"
    )
    result.add_argument("--output", type=Path, required=True, help="the bundle, a zip file")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    count = pack(options.results, options.output, models=options.models)
    print(f"{options.output}: {count} files, {options.output.stat().st_size:,} bytes", file=sys.stderr)
