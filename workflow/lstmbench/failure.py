"""A run that failed for a reason that leaves the others sound: its place is taken by a record that says why.

``lstmbench.train ... || python -m lstmbench.failure --exit-code $?`` ends with 0 if the failure is a result of its own:
a framework or a GPU that is not there, a loss that diverged, memory that ran out.  Everything else (a wrong
configuration, damaged data, an interruption, a fault of ours) ends with the code it came with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lstmbench import datasets
from lstmbench.cli import PREFIX, run
from lstmbench.clock import utc_now
from lstmbench.errors import DivergedError, MachineError, ResourceError
from lstmbench.record import SCHEMA_VERSION, write_record
from lstmbench.text import one_line

KILLED = 128 + 9
"""What a shell reports of a process that was ended by SIGKILL, which is how Linux takes memory back."""

OUTCOMES = (MachineError.exit_code, DivergedError.exit_code, ResourceError.exit_code, KILLED)

LONGEST_MESSAGE = 2000


def write_failure(output: Path, name: dict[str, Any], exit_code: int, log: Path) -> None:
    """Write to ``output`` that the run called ``name`` ended with ``exit_code``, and what its log says of it."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "run": name,
        "task": datasets.load_module(name["dataset"]).TASK,
        "failed": utc_now(),
        "failure": {"exit_code": exit_code, "message": _message(exit_code, log)[:LONGEST_MESSAGE]},
    }
    write_record(output, record)


def _message(exit_code: int, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    lines = [line for line in map(one_line, lines) if line]
    said = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    if exit_code == KILLED:
        last = f"; its last words: {lines[-1].removeprefix(PREFIX)}" if lines else ""
        return f"E{KILLED}-KILLED: ended by SIGKILL, as the system does when memory runs out{last}"
    return (said or lines or ["no message"])[-1]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.failure", description=__doc__)
    parser.add_argument("--exit-code", type=int, required=True, help="what lstmbench.train ended with")
    parser.add_argument("--log", type=Path, required=True, help="what it wrote to stderr")
    parser.add_argument("--output", type=Path, required=True, help="the run's record, run.json")
    for part in ("dataset", "size", "implementation", "device"):
        parser.add_argument(f"--{part}", required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args(arguments)
    if options.exit_code not in OUTCOMES:
        sys.exit(options.exit_code)
    name = {part: getattr(options, part) for part in ("dataset", "size", "implementation", "device", "seed")}
    write_failure(options.output, name, options.exit_code, options.log)


if __name__ == "__main__":
    sys.exit(run(main))
