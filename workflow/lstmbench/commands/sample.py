"""Measure the speed of one implementation in one process."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from lstmbench import machine, turns
from lstmbench.counters import Counters, load
from lstmbench.files import write_json
from lstmbench.sample import BLOCKS, DETAILS, measure_sample


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="lstm-bench sample", description=__doc__)
    result.add_argument("--data", type=Path, required=True, help="prepared data set, e.g. results/data/ptb")
    result.add_argument("--preset", type=Path, required=True, help="e.g. workflow/presets/ptb/small.yaml")
    result.add_argument("--weights", type=Path, required=True, help="initial weights (lstmbench.initialise)")
    result.add_argument("--implementation", required=True, help="a module of lstmbench/implementations")
    result.add_argument("--device", default="auto", help=machine.DEVICE_HELP)
    result.add_argument("--threads", type=int, default=1, help="CPU threads of the framework")
    result.add_argument("--seed", type=int, default=1, help="of the dropout masks")
    result.add_argument("--blocks", type=int, default=BLOCKS, help="steady blocks to time, if nobody leads")
    result.add_argument("--led", action="store_true", help="time a block when standard input says so (turns)")
    result.add_argument("--details", nargs="*", choices=DETAILS, default=[], help="also measure these")
    result.add_argument("--output", type=Path, required=True, help="the sample, a JSON file")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    more = turns.led() if options.led else turns.alone(options.blocks)
    before = Counters()
    described = machine.describe()  # before a framework adds switches of its own
    sample = measure_sample(
        data=options.data,
        preset_file=options.preset,
        weights_file=options.weights,
        implementation=options.implementation,
        device=machine.resolve_device(options.device),
        threads=options.threads,
        seed=options.seed,
        more=more,
        details=options.details,
    )
    alone = {} if options.led else {"whole_load": dataclasses.asdict(load([before.span()]))}
    write_json(options.output, {**sample, **alone, "machine": described})
