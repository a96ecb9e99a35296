"""The command line of the GPU check: ``python -m lstmbench.gpu_check --help``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from lstmbench import datasets, implementations
from lstmbench.bundle import GPU_CHECK
from lstmbench.cli import run
from lstmbench.errors import Interrupted, UsageError
from lstmbench.gpu_check import __doc__ as description
from lstmbench.gpu_check.budget import Budget
from lstmbench.gpu_check.check import BUNDLE, Check, Options
from lstmbench.interruption import SIGNALS
from lstmbench.machine import PRECISIONS
from lstmbench.names import require_folder, require_known
from lstmbench.sample import BLOCKS
from lstmbench.selection import sizes

BUDGET_SECONDS = 600.0


def options_of(arguments: list[str] | None) -> tuple[Options, float]:
    """Return the checked options and the budget in seconds.

    Raises:
        UsageError: an unknown name.
    """
    parser = argparse.ArgumentParser(
        prog="lstmbench.gpu_check", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds for all steps [%(default)g]")
    parser.add_argument("--output", type=Path, default=Path("results/gpu"), help="folder to write [%(default)s]")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu: try the check without a GPU")
    parser.add_argument("--datasets", nargs="+", default=["ptb", "mnist"], help="in this order [ptb mnist]")
    parser.add_argument("--sizes", nargs="+", default=["small", "large", "medium"], help="measured in this order")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "tf32"], choices=PRECISIONS)
    parser.add_argument("--implementations", nargs="+", help="to hold against the reference [all that run here]")
    parser.add_argument(
        "--measured",
        nargs="+",
        default=["pytorch_fused", "pytorch", "pytorch_plain", "tensorflow_fused", "tensorflow"],
        help="whose speed is measured, if they run here [%(default)s]",
    )
    parser.add_argument("--trained", nargs="+", default=["pytorch", "tensorflow"], help="that train whole runs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5], help="of whole runs [1 to 5]")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the framework [%(default)s]")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="timed blocks per process [%(default)s]")
    parser.add_argument("--max-updates", type=int, help="cap whole runs, to try the check")
    parser.add_argument("--max-eval-predictions", type=int, help="cap their evaluations too")
    parser.add_argument("--local-data", nargs="+", default=[], metavar="DIR", help="folders of data files")
    values = vars(parser.parse_args(arguments))
    seconds = values.pop("budget")
    for name in values["datasets"]:
        require_known("data set", name, datasets.names())
        for size in values["sizes"]:
            require_known(f"size of data set {name}", size, sizes(name))
    for key in ("implementations", "measured", "trained"):
        for name in values[key] or ():
            require_known("implementation", name, implementations.names())
    values["local_data"] = [require_folder("--local-data", name) for name in values["local_data"]]
    if min(values["threads"], values["blocks"]) < 1:
        raise UsageError("--threads and --blocks: expected at least 1")
    return Options(**values), seconds


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options, seconds = options_of(arguments)

    def stop(number: int, _: object) -> None:
        raise Interrupted(
            f"stopped by {signal.Signals(number).name}; what was finished is in {options.output / BUNDLE} and "
            f"{options.output / GPU_CHECK}"
        )

    for number in SIGNALS:
        signal.signal(number, stop)
    Check(options, Budget(seconds)).run()
    print(f"{options.output / BUNDLE}: the records; {options.output / GPU_CHECK}: what was done")


if __name__ == "__main__":
    sys.exit(run(main))
