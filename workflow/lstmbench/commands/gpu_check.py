"""Check a GPU: its results, resumed runs and speed."""

from __future__ import annotations

import argparse
import dataclasses
import signal
from pathlib import Path

from lstmbench import datasets, implementations
from lstmbench.commands._arguments import SEED
from lstmbench.gpu_check import __doc__ as description
from lstmbench.gpu_check.budget import Budget
from lstmbench.gpu_check.check import BUNDLE, Check, Options
from lstmbench.orchestration.config import sizes
from lstmbench.records.bundle import GPU_CHECK
from lstmbench.system.device import PRECISIONS
from lstmbench.timing.blocks import BLOCKS
from lstmbench.utils.errors import Interrupted, UsageError
from lstmbench.utils.signals import handled_by
from lstmbench.utils.validation import require_folder, require_known

BUDGET_SECONDS = 600.0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds for all steps [%(default)g]")
    result.add_argument("--output", type=Path, default=Path("results/gpu"), help="folder to write [%(default)s]")
    result.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu: try the check without a GPU")
    result.add_argument("--datasets", nargs="+", default=["ptb", "mnist"], help="in this order [ptb mnist]")
    result.add_argument("--sizes", nargs="+", default=["small", "large", "medium"], help="measured in this order")
    result.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "tf32"], choices=PRECISIONS)
    result.add_argument("--implementations", nargs="+", help="to hold against the reference [all that run here]")
    result.add_argument(
        "--measured",
        nargs="+",
        default=["pytorch_fused", "pytorch", "pytorch_plain", "jax_fused", "jax", "tensorflow_fused", "tensorflow"],
        help="whose speed is measured, if they run here %(default)s",
    )
    result.add_argument("--trained", nargs="+", default=["pytorch", "jax", "tensorflow"], help="that train whole runs")
    result.add_argument("--seeds", nargs="+", type=SEED, default=[1, 2, 3, 4, 5], help="of whole runs [1 to 5]")
    result.add_argument("--threads", type=int, default=2, help="CPU threads of the framework [%(default)s]")
    result.add_argument("--blocks", type=int, default=BLOCKS, help="timed blocks per process [%(default)s]")
    result.add_argument("--max-updates", type=int, help="cap whole runs, to try the check")
    result.add_argument("--max-eval-predictions", type=int, help="cap their evaluations too")
    result.add_argument("--local-data", nargs="+", default=[], metavar="DIR", help="folders of data files")
    return result


def checked(options: argparse.Namespace) -> tuple[Options, float]:
    """Return the checked options and the budget in seconds.

    Raises:
        UsageError: an unknown name.
    """
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(Options)}
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
    return Options(**values), options.budget


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    chosen, seconds = checked(options)

    def stop(number: int, _: object) -> None:
        raise Interrupted(
            f"stopped by {signal.Signals(number).name}; what was finished is in {chosen.output / BUNDLE} and "
            f"{chosen.output / GPU_CHECK}"
        )

    with handled_by(stop):
        Check(chosen, Budget(seconds)).run()
    print(f"{chosen.output / BUNDLE}: the records; {chosen.output / GPU_CHECK}: what was done")
