"""Measure one case alone for some seconds, for `plan`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.orchestration.environments import interpreter
from lstmbench.orchestration.failed_runs import failed_sample
from lstmbench.records.calibration import FailedCalibration
from lstmbench.records.interference import ATTEMPTS
from lstmbench.records.measurement_record import ProcessReport
from lstmbench.timing.calibration import DETAILS, CannotRun, calibrated
from lstmbench.utils.clock import utc_now
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.exit_codes import is_outcome, reason
from lstmbench.utils.files import write_json
from lstmbench.utils.strict_json import read_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset", "--weights", "--implementation", "--environments", "--device", "--threads")
    result.add_argument("--attempts", type=int, default=ATTEMPTS, help="tries of a case that was disturbed")
    result.add_argument("--output", type=Path, required=True, help="the sample, a JSON file")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""

    def measure() -> ProcessReport:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "sample.json")
            command = [
                interpreter(options.implementation, options.environments, own=sys.executable), 
                "-m", "lstmbench", "sample",
                "--data", options.data, "--preset", options.preset, "--weights", options.weights, "--details", *DETAILS,
                "--implementation", options.implementation, "--device", options.device,
                "--threads", str(options.threads), "--output", output,
            ]  # fmt: skip
            errors = Path(folder, "errors.txt")
            with errors.open("wb") as stream:
                code = subprocess.run(command, stderr=stream).returncode
            print(errors.read_text(encoding="utf-8", errors="replace"), end="", file=sys.stderr)
            if is_outcome(code):
                raise CannotRun(reason(code, errors))
            if code:
                sys.exit(code)
            return converted(read_json(output), ProcessReport, output)

    def log(line: str) -> None:
        print(f"{options.data.name}/{options.preset.stem}/{options.implementation}: {line}", file=sys.stderr)

    try:
        result = plain(calibrated(measure, max(1, options.attempts), options.threads, log))
    except CannotRun as error:
        result = plain(FailedCalibration(failure=str(error), failed=utc_now()))
        # In this order: a case whose sample was not written is calibrated again in any case.
        write_json(failed_sample(options.output), result)
    write_json(options.output, result)
