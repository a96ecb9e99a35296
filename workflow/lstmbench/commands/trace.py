"""Write the timeline of a training step, for Perfetto."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from lstmbench import __version__
from lstmbench.commands._arguments import add
from lstmbench.commands._case import case_files
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.reporting.chrome_trace import chrome_trace
from lstmbench.system.device import resolve_device
from lstmbench.timing.timeline import step_timeline
from lstmbench.training.session import RunRequest
from lstmbench.utils.errors import UsageError
from lstmbench.utils.files import write_json


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("case", help="dataset/size/implementation/device, as in ptb/small/pytorch/cpu")
    add(result, "--threads", "--seed")
    result.add_argument("--data", type=Path, default=Path("results/data"), help="the prepared data sets [%(default)s]")
    result.add_argument("--output", type=Path, help="[results/traces/CASE.json]")
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    parts = options.case.split("/")
    if len(parts) != len(CASE_COLUMNS) or not all(parts):
        raise UsageError(f"{options.case!r}: expected {'/'.join(CASE_COLUMNS)}, as in ptb/small/pytorch/cpu")
    dataset, size, implementation, device = parts
    device = resolve_device(device)
    case = "/".join((dataset, size, implementation, device))
    with tempfile.TemporaryDirectory() as temporary:
        files = case_files(options.data, dataset, size, options.seed, Path(temporary))
        request = RunRequest(
            data=files.data, preset_file=files.preset, weights_file=files.weights, implementation=implementation,
            device=device, threads=options.threads, seed=options.seed,
        )  # fmt: skip
        events, versions = step_timeline(request)
    output = options.output or Path("results/traces") / f"{case}.json"
    write_json(output, chrome_trace(events, case, {"lstm-bench": __version__, **versions}))
    print(f"{output}: {len(events):,} events; open it in https://ui.perfetto.dev", file=sys.stderr)
