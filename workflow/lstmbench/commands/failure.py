"""Write the record of a run that failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.training.failure import write_failure


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench failure", description=__doc__)
    result.add_argument("--exit-code", type=int, required=True, help="what lstm-bench train ended with")
    result.add_argument(
        "--retries-left", type=int, default=0, help="times the run will be tried again, with more memory"
    )
    result.add_argument("--log", type=Path, required=True, help="what it wrote to stderr")
    add(result, "--data", "--preset", "--implementation")
    result.add_argument("--device", required=True)
    result.add_argument("--seed", type=int, required=True)
    result.add_argument("--output", type=Path, required=True, help="the run's record, run.json")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    written = write_failure(
        exit_code=options.exit_code,
        retries_left=options.retries_left,
        log=options.log,
        data=options.data,
        preset_file=options.preset,
        implementation=options.implementation,
        device=options.device,
        seed=options.seed,
        output=options.output,
    )
    if not written:
        sys.exit(options.exit_code)
