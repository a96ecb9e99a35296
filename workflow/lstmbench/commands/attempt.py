"""Run a training or a certificate, and record why it failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench.commands import parse
from lstmbench.utils.child_process import outlive


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--python", default=sys.executable, help="the Python that runs the command")
    result.add_argument("--log", type=Path, required=True, help="the file that stderr goes to")
    result.add_argument(
        "--retries-left", type=int, default=0, help="times the job will be tried again, with more memory"
    )
    result.add_argument("command", choices=("train", "certify"))
    result.add_argument("arguments", nargs=argparse.REMAINDER, help="of the command")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    code = outlive([options.python, "-m", "lstmbench", options.command, *options.arguments])
    if code and not _recorded(options, code):
        sys.exit(code)


def _recorded(options: argparse.Namespace, code: int) -> bool:
    """Write the record of a failure that is a result of its own; False if it is none."""
    # Not before a failure: a command that ends well need not wait for these imports.
    from lstmbench.commands._request import request_of
    from lstmbench.parity.certificate import write_failed_certificate
    from lstmbench.training.failure import Attempt, write_failure

    given = parse(options.command, options.arguments)
    if options.command == "certify":
        return write_failed_certificate(code, options.log, given.implementation, given.device, given.output)
    attempt = Attempt(code, options.log, options.retries_left)
    return write_failure(request_of(given, given.device, given.seed), attempt, given.output)
