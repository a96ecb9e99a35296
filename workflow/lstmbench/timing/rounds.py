"""Measure the speed of several implementations of one model, in interleaved processes.

A round is one process (``sample``) per implementation.  The processes start one after another.  When all are ready, one
at a time computes a block while the others wait (``interleaving``).  A round in which a process was disturbed is
repeated.  The record holds all attempts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from lstmbench.records.interference import Load, disturbances
from lstmbench.records.measurement import (
    BLOCK_COLUMNS,
    Measurement,
    read_measurement,
)
from lstmbench.statistics.intervals import iqr_over_median
from lstmbench.system.device import split_device
from lstmbench.system.identity import machine_fingerprint
from lstmbench.timing.details import DETAILS
from lstmbench.timing.interleaving import InterleavedProcess, ended_at_last, run_interleaved
from lstmbench.training.checkpoint import differences
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import PREFIX, DataError
from lstmbench.utils.json_schema import read_json

Sampler = Callable[[Sequence[str], Sequence[str]], dict[str, dict[str, Any]]]
"""sampler(implementations, details) -> per implementation a sample, or {"failure": message, "exit_code": code}."""


def order(implementations: list[str], rounds: int, seed: int) -> list[list[str]]:
    """Return the order of the implementations in each round: shuffled by ``seed``, every second round reversed."""
    first = random.Random(seed).sample(implementations, len(implementations))
    return [first if number % 2 == 0 else first[::-1] for number in range(rounds)]


def measure_group(
    *,
    implementations: list[str],
    rounds: int,
    attempts: int,
    threads: int,
    seed: int,
    sampler: Sampler,
    log: Callable[[str], None],
    earlier: Measurement | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], pd.DataFrame]:
    """Measure ``rounds`` rounds; return all samples, failures and blocks, after those of an ``earlier`` measurement.

    The first process of each implementation also measures the details.  An implementation that failed is not tried
    again.
    """
    samples: list[dict[str, Any]] = list(earlier.record["samples"]) if earlier else []
    failures: list[dict[str, Any]] = list(earlier.record["failures"]) if earlier else []
    blocks: list[dict[str, Any]] = earlier.blocks.to_dict("records") if earlier else []
    done = earlier.record["processes"] if earlier else 0
    bar = tqdm(total=rounds, unit=" rounds", disable=not sys.stderr.isatty())
    watch = Stopwatch()
    for number, turn in list(enumerate(order(implementations, done + rounds, seed), start=1))[done:]:
        for attempt in range(1, attempts + 1):
            left = [name for name in turn if name not in {failure["implementation"] for failure in failures}]
            found = sampler(left, DETAILS if number == 1 and attempt == 1 else ()) if left else {}
            of_round = []
            for implementation, sample in found.items():
                name = {"implementation": implementation, "round": number, "attempt": attempt}
                if "failure" in sample:
                    failures.append({**name, **sample})
                    log(f"{implementation}: {sample['failure']}")
                    continue
                timed = sample.pop("blocks")
                blocks += [{**name, "block": place, **block} for place, block in enumerate(timed, start=1)]
                spread = iqr_over_median([block["seconds"] / block["steps"] for block in timed])
                samples.append({**sample, **name, "spread": spread})
                of_round.append(samples[-1])
                _judge(samples, implementation, threads)
                log(_sentence(samples[-1]))
            if not any(sample["disturbances"] for sample in of_round):
                break
        bar.update()
        rest = tqdm.format_interval((done + rounds - number) * watch.seconds() / (number - done))
        log(f"{number} of {done + rounds} rounds, {rest} left")
    bar.close()
    return samples, failures, pd.DataFrame(blocks, columns=BLOCK_COLUMNS)


def _judge(samples: list[dict[str, Any]], implementation: str, threads: int) -> None:
    """Set the disturbances of all processes of an implementation, each compared with the best one so far."""
    mine = [(sample, Load(**sample["load"])) for sample in samples if sample["implementation"] == implementation]
    best = max(load.cpu_per_thread(threads) for _, load in mine)
    for sample, load in mine:
        sample["disturbances"] = disturbances(load, threads, best, sample["spread"])


def run_round(
    commands: Mapping[str, list[str]], blocks: int, folder: Path, log: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Run the ``sample`` commands interleaved; return what each one wrote, or how it failed.

    The processes write their files to ``folder``.
    """
    processes: dict[str, InterleavedProcess] = {}
    result = {}
    with ended_at_last(processes):
        for name, command in commands.items():
            output = folder / f"{name}.json"
            output.unlink(missing_ok=True)
            processes[name] = InterleavedProcess([*command, "--led", "--output", str(output)], folder / f"{name}.log")
            log(f"{name} is ready" if processes[name].alive else f"{name} ended before it was ready")
        run_interleaved(list(processes.values()), blocks)
        for name, process in processes.items():
            code = process.finish()
            result[name] = _failure(process.errors, code) if code else read_json(folder / f"{name}.json")
            result[name].pop("machine", None)  # the same for all; the record holds it once
    return result


def read_earlier(path: Path, circumstances: Mapping[str, Any]) -> Measurement | None:
    """Read the measurement to which rounds will be added; return None if there is none yet.

    Raises:
        DataError: it is damaged, or was made under other ``circumstances``, so that new rounds cannot be compared.
    """
    if not path.exists():
        return None
    earlier = read_measurement(path)
    if other := differences(_counting({key: earlier.record[key] for key in circumstances}), _counting(circumstances)):
        raise DataError(
            f"{path}: expected a measurement in the present circumstances, found others: {'; '.join(other)}; "
            "move it away to measure from the first round on"
        )
    return earlier


def _counting(circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``circumstances``, but of the machine only what affects a speed."""
    if "machine" not in circumstances:
        return dict(circumstances)
    device = split_device(circumstances["group"]["device"])
    return {**circumstances, "machine": machine_fingerprint(circumstances["machine"], device.kind)}


def _failure(errors: Path, code: int) -> dict[str, Any]:
    lines = [line for line in errors.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    message = next((line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)), ["no message", *lines][-1])
    return {"failure": message, "exit_code": code}


def _sentence(sample: dict[str, Any]) -> str:
    steady = sample["phases"]["steady_seconds"]
    rate = sample["steady_steps"] * sample["predictions_per_step"] / steady
    mark = f" (attempt {sample['attempt']}, disturbed: {'; '.join(sample['disturbances'])})"
    return (
        f"{sample['implementation']}, round {sample['round']}: {rate:,.0f} {sample['unit']} "
        f"over {steady:.1f} s{mark if sample['disturbances'] else ''}"
    )
