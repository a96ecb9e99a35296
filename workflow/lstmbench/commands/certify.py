"""Compare an implementation with the NumPy reference here."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.parity.certificate import certify, not_certified
from lstmbench.records.tables import write_table
from lstmbench.system.machine import DEVICE_HELP
from lstmbench.utils.errors import MachineError, last_error


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add(result, "--implementation")
    result.add_argument("--device", required=True, help=DEVICE_HELP)
    result.add_argument("--threads", type=int, required=True, help="CPU threads of the framework")
    result.add_argument("--output", type=Path, required=True, help="the table, as CSV")
    result.add_argument(
        "--exit-code", type=int, help="do nothing but write why it could not be run: what it ended with"
    )
    result.add_argument("--log", type=Path, help="and what it wrote to stderr")
    return result


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    name = (arguments.implementation, arguments.device)
    if arguments.exit_code is None:
        table = certify(*name, arguments.threads)
    elif arguments.exit_code == MachineError.exit_code:
        table = not_certified(
            *name, last_error(arguments.log.read_text(encoding="utf-8", errors="replace").splitlines())
        )
    else:
        sys.exit(arguments.exit_code)
    write_table(arguments.output, table)
