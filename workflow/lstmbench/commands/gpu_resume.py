"""Compare a resumed run on the GPU bit for bit."""

from __future__ import annotations

import argparse
from pathlib import Path

from lstmbench.files import write_json
from lstmbench.gpu_check.resume import UPDATES, check_resume


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench gpu-resume", description=__doc__)
    result.add_argument("--data", type=Path, required=True, help="prepared data set")
    result.add_argument("--preset", type=Path, required=True)
    result.add_argument("--weights", type=Path, required=True, help="initial weights (lstmbench.initialise)")
    result.add_argument("--implementation", required=True)
    result.add_argument("--device", required=True)
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--updates", type=int, default=UPDATES)
    result.add_argument("--output", type=Path, required=True, help="the answers, a JSON file")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    answer = check_resume(
        options.updates,
        data=options.data,
        preset_file=options.preset,
        weights_file=options.weights,
        implementation=options.implementation,
        device=options.device,
        threads=options.threads,
        seed=1,
    )
    write_json(options.output, answer)
