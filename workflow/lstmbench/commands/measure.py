"""Measure the speed of implementations, which take turns."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from msgspec.structs import asdict
from tqdm import tqdm

from lstmbench import implementations
from lstmbench.commands._arguments import add
from lstmbench.models.presets import load_preset
from lstmbench.orchestration.environments import interpreter
from lstmbench.records.interference import ATTEMPTS
from lstmbench.records.measurement import Measurement, check_measurement, write_measurement
from lstmbench.records.measurement_record import Circumstances, Group, MeasurementRecord, ProcessReport
from lstmbench.records.run_record import Precision
from lstmbench.records.version import SCHEMA_VERSION
from lstmbench.system import hardware, provenance
from lstmbench.system.device import require_threads, resolve_device, split_device
from lstmbench.timing.blocks import BLOCKS
from lstmbench.timing.rounds import Ended, Found, Plan, measure_group, read_earlier, run_round
from lstmbench.utils.clock import Stopwatch, later, utc_now
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.validation import require_known


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    add(result, "--data", "--preset", "--weights")
    result.add_argument("--implementations", nargs="+", required=True, help="modules of lstmbench/implementations")
    add(result, "--environments", "--device", "--threads")
    result.add_argument("--processes", type=int, default=5, help="per implementation; five or more for an interval")
    result.add_argument("--attempts", type=int, default=ATTEMPTS, help="tries of a round that was disturbed")
    result.add_argument("--blocks", type=int, default=BLOCKS, help="steady blocks to time per process")
    result.add_argument("--add", action="store_true", help="add the processes to those that --output holds already")
    add(result, "--seed")
    result.add_argument(
        "--output", type=Path, required=True, help="measurement.json; blocks.parquet goes to its folder"
    )
    return result


def main(options: argparse.Namespace) -> None:
    """Run the command."""
    if min(options.processes, options.threads, options.blocks, options.attempts) < 1:
        raise UsageError("--processes, --threads, --blocks and --attempts: expected at least 1")
    for name in options.implementations:
        require_known("implementation", implementations.split(name)[0], implementations.names())
    device = resolve_device(options.device)
    require_threads(device, options.threads)
    started, watch = utc_now(), Stopwatch()
    circumstances = _circumstances(options, device)
    earlier = read_earlier(options.output, circumstances) if options.add else None

    def command(implementation: str, details: Sequence[str]) -> list[str]:
        return [
            interpreter(implementation, options.environments, own=sys.executable), "-m", "lstmbench", "sample",
            "--data", options.data, "--preset", options.preset, "--weights", options.weights, "--device", device,
            "--threads", str(options.threads), "--implementation", implementation, "--details", *details,
        ]  # fmt: skip

    def log(line: str) -> None:
        tqdm.write(f"{options.data.name}/{options.preset.stem}/{device}: {line}", file=sys.stderr)
        sys.stderr.flush()

    def measurement_of(found: Found) -> Measurement:
        record = MeasurementRecord(
            **asdict(circumstances),
            schema_version=SCHEMA_VERSION,
            processes=options.processes + (earlier.record.processes if earlier else 0),
            started=earlier.record.started if earlier else started,
            finished=later(started, watch.seconds()),
            samples=found.samples,
            failures=found.failures,
        )
        return Measurement(record, found.table())

    try:
        check_measurement(options.output, measurement_of(Found()))
    except DataError as error:
        raise UsageError(f"its record would be refused, so it is not measured: {error}") from error
    plan = Plan(
        implementations=options.implementations,
        rounds=options.processes,
        attempts=options.attempts,
        threads=options.threads,
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory() as folder:

        def sampler(names: Sequence[str], details: Sequence[str]) -> dict[str, ProcessReport | Ended]:
            return run_round({name: command(name, details) for name in names}, options.blocks, Path(folder), log)

        found = measure_group(plan, sampler, log, earlier)
    write_measurement(options.output, measurement_of(found))


def _circumstances(options: argparse.Namespace, device: str) -> Circumstances:
    commit, dirty = provenance.commit()
    return Circumstances(
        group=Group(dataset=options.data.name, size=options.preset.stem, device=device),
        threads=options.threads,
        dtype=cast(Precision, split_device(device).precision),  # which resolve_device has checked
        seed=options.seed,
        commit=commit,
        commit_dirty=dirty,
        machine=hardware.describe(),
        settings=load_preset(options.preset),
    )
