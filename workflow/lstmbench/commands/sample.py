"""Measure the speed of one implementation in one process."""

from __future__ import annotations

import argparse
from pathlib import Path

from msgspec.structs import replace

from lstmbench.commands._arguments import add
from lstmbench.commands._request import request_of
from lstmbench.system.device import resolve_device
from lstmbench.timing import interleaving
from lstmbench.timing.blocks import BLOCKS
from lstmbench.timing.counters import Counters, load
from lstmbench.timing.details import DETAILS
from lstmbench.timing.process import measure_process
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import write_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset", "--weights", "--implementation", "--device", "--threads")
    add(result, "--seed")
    result.add_argument("--blocks", type=int, default=BLOCKS, help="steady blocks to time, without --led")
    result.add_argument("--led", action="store_true", help="time a block when the parent says so on stdin")
    result.add_argument("--details", nargs="*", choices=DETAILS, default=[], help="also measure these")
    result.add_argument("--output", type=Path, required=True, help="the sample, a JSON file")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    more = interleaving.led_by_parent() if options.led else interleaving.unled(options.blocks)
    before = Counters()
    request = request_of(options, resolve_device(options.device), options.seed)
    report = measure_process(request, more, options.details)
    whole_load = None if options.led else load([before.span()])
    write_json(options.output, plain(replace(report, whole_load=whole_load)))
