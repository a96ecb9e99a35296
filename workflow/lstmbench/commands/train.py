"""Train one run and write its record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench import machine, process_group, workers
from lstmbench.cores import require_cores
from lstmbench.loop import Caps
from lstmbench.record import MODEL
from lstmbench.train import CHECKPOINT_SECONDS, train_run


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench train", description=__doc__)
    result.add_argument("--data", type=Path, required=True, help="prepared data set, e.g. results/data/ptb")
    result.add_argument("--preset", type=Path, required=True, help="e.g. workflow/presets/ptb/small.yaml")
    result.add_argument("--weights", type=Path, required=True, help="initial weights (lstmbench.initialise)")
    result.add_argument("--implementation", required=True, help="a module of lstmbench/implementations")
    result.add_argument("--device", default="auto", help=machine.DEVICE_HELP)
    result.add_argument("--threads", type=int, default=1, help="CPU threads of the framework, of each worker")
    result.add_argument("--seed", type=int, default=1, help="of the shuffling and the dropout masks")
    result.add_argument("--max-updates", type=int, help="stop after this many updates: a capped run")
    result.add_argument("--max-eval-predictions", type=int, help="evaluate on the first so many: a capped run")
    result.add_argument("--checkpoints", type=Path, required=True, help="folder from which an interrupted run goes on")
    result.add_argument(
        "--checkpoint-seconds", type=float, default=CHECKPOINT_SECONDS, help="between two checkpoints, at least"
    )
    result.add_argument("--output", type=Path, required=True, help="the run's record, run.json")
    result.add_argument(
        "--keep-model", type=int, choices=(0, 1), default=1, help=f"1: write the final weights too, {MODEL} beside it"
    )
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    device = machine.resolve_device(options.device)
    count = machine.split_device(device).workers
    if count > 1 and process_group.team().size == 1:
        words = sys.argv[1:] if arguments is None else arguments
        require_cores(options.threads, count)
        sys.exit(workers.launch([sys.executable, "-m", "lstmbench", "train", *words], count))
    with workers.told_by_launcher():
        train_run(
            data=options.data,
            preset_file=options.preset,
            weights_file=options.weights,
            implementation=options.implementation,
            device=device,
            threads=options.threads,
            seed=options.seed,
            caps=Caps(options.max_updates, options.max_eval_predictions),
            checkpoints=options.checkpoints,
            checkpoint_seconds=options.checkpoint_seconds,
            output=options.output,
            keep_model=bool(options.keep_model),
        )
