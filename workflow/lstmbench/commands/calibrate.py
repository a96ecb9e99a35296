"""Measure one case alone for some seconds, for `plan`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lstmbench import machine
from lstmbench.calibrate import DETAILS, OWN, CannotRun, calibrated
from lstmbench.clock import utc_now
from lstmbench.environment import interpreter
from lstmbench.errors import last_error
from lstmbench.files import write_json
from lstmbench.interference import ATTEMPTS
from lstmbench.retry import failed_sample
from lstmbench.schemas import read_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench calibrate", description=__doc__)
    result.add_argument("--data", type=Path, required=True, help="prepared data set, e.g. results/data/ptb")
    result.add_argument("--preset", type=Path, required=True, help="e.g. workflow/presets/ptb/small.yaml")
    result.add_argument("--weights", type=Path, required=True, help="initial weights (lstmbench.initialise)")
    result.add_argument("--implementation", required=True, help="a module of lstmbench/implementations")
    result.add_argument("--environments", type=Path, help="folder of the environments that implementations name")
    result.add_argument("--device", default="auto", help=machine.DEVICE_HELP)
    result.add_argument("--threads", type=int, default=1, help="CPU threads of the framework")
    result.add_argument("--attempts", type=int, default=ATTEMPTS, help="tries of a cell that was disturbed")
    result.add_argument("--output", type=Path, required=True, help="the sample, a JSON file")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)

    def measure() -> dict[str, Any]:
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
            said = errors.read_text(encoding="utf-8", errors="replace")
            print(said, end="", file=sys.stderr)
            if code in OWN:
                raise CannotRun(last_error(said.splitlines()))
            if code:
                sys.exit(code)
            return read_json(output)

    def say(line: str) -> None:
        print(f"{options.data.name}/{options.preset.stem}/{options.implementation}: {line}", file=sys.stderr)

    try:
        result = calibrated(measure, max(1, options.attempts), options.threads, say)
    except CannotRun as error:
        result = {"failure": str(error), "failed": utc_now()}
        # In this order: a cell whose sample was not written is calibrated again in any case.
        write_json(failed_sample(options.output), result)
    write_json(options.output, result)
