"""Train one run and write its record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lstmbench.commands._arguments import add, at_least
from lstmbench.commands._request import request_of
from lstmbench.models import process_group
from lstmbench.records.run import MODEL, RECORD
from lstmbench.records.run_record import Caps
from lstmbench.system.cores import require_cores
from lstmbench.system.device import resolve_device, split_device
from lstmbench.training import launcher
from lstmbench.training.run import CHECKPOINT_SECONDS, train_run


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset", "--weights", "--implementation", "--device", "--threads")
    add(result, "--seed")
    result.add_argument("--max-updates", type=int, help="stop after this many updates: a capped run")
    result.add_argument(
        "--max-eval-predictions", type=int, help="evaluate on the first predictions only, this many: a capped run"
    )
    result.add_argument("--checkpoints", type=Path, required=True, help="folder from which an interrupted run resumes")
    result.add_argument(
        "--checkpoint-seconds",
        type=at_least(0.0, float),
        default=CHECKPOINT_SECONDS,
        help="between two checkpoints, at least",
    )
    result.add_argument(
        "--output", type=Path, required=True, help=f"the run's record, {RECORD}, in a folder of its own"
    )
    result.add_argument(
        "--keep-model",
        type=int,
        choices=(0, 1),
        default=1,
        help=f"1: also write the final weights to {MODEL} in its folder",
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    device = resolve_device(options.device)
    count = split_device(device).workers
    if count > 1 and process_group.current_group().size == 1:
        require_cores(options.threads, count)
        sys.exit(launcher.launch([sys.executable, "-m", "lstmbench", "train", *options.command_line], count))
    with launcher.told_by_launcher():
        train_run(
            request_of(options, device, options.seed),
            caps=Caps(options.max_updates, options.max_eval_predictions),
            checkpoints=options.checkpoints,
            checkpoint_seconds=options.checkpoint_seconds,
            output=options.output,
            keep_model=bool(options.keep_model),
        )
