"""Compare an implementation with the NumPy reference here."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.parity.certificate import certify
from lstmbench.records.tables import write_table


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--implementation", "--device", "--threads")
    result.add_argument("--output", type=Path, required=True, help="the table, as CSV")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    table = certify(options.implementation, options.device, options.threads)
    write_table(options.output, table)
