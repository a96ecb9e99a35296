"""Compare a resumed run on the GPU bit for bit."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.commands._arguments import add
from lstmbench.commands._request import request_of
from lstmbench.gpu_check.resume import UPDATES, check_resume
from lstmbench.utils.files import write_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset", "--weights", "--implementation")
    result.add_argument("--device", required=True)
    add(result, "--threads")
    result.add_argument("--updates", type=int, default=UPDATES)
    result.add_argument("--output", type=Path, required=True, help="the answers, a JSON file")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    answer = check_resume(request_of(options, options.device, seed=1), options.updates)
    write_json(options.output, answer)
