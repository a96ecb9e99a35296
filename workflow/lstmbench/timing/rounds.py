"""Measure the speed of several implementations of one model, in interleaved processes.

A round is one process (``sample``) per implementation.  The processes start one after another.  When all are ready, one
at a time computes a block while the others wait (``interleaving``).  A round in which a process was disturbed is
repeated.  The record holds all attempts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec.structs import replace
from tqdm import tqdm

from lstmbench.records.interference import disturbances
from lstmbench.records.measurement import (
    BLOCK_COLUMNS,
    Measurement,
    read_measurement,
)
from lstmbench.records.measurement_record import (
    Circumstances,
    ProcessFailure,
    ProcessFigures,
    ProcessReport,
    ProcessSample,
)
from lstmbench.system.identity import machine_fingerprint
from lstmbench.timing.details import DETAILS
from lstmbench.timing.interleaving import InterleavedProcess, ended_at_last, run_interleaved
from lstmbench.training.checkpoint import differences
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.exit_codes import reason
from lstmbench.utils.strict_json import read_json


@dataclass(frozen=True)
class Ended:
    """Say how a process failed: its message, and its exit code; negative: the signal that ended it."""

    failure: str
    exit_code: int


Sampler = Callable[[Sequence[str], Sequence[str]], Mapping[str, ProcessReport | Ended]]
"""sampler(implementations, details) -> what the process of each implementation reported, or how it failed."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Say what to measure: ``rounds`` of all ``implementations``, each at most ``attempts`` times if disturbed.

    ``seed`` decides the order of the implementations.
    """

    implementations: list[str]
    rounds: int
    attempts: int
    threads: int
    seed: int


@dataclass
class Found:
    """Collect what the processes of all rounds reported."""

    samples: list[ProcessSample] = field(default_factory=list)
    failures: list[ProcessFailure] = field(default_factory=list)
    blocks: list[dict[Hashable, Any]] = field(default_factory=list)  # rows of ``BLOCK_COLUMNS``

    @classmethod
    def of(cls, earlier: Measurement | None) -> Found:
        """Return what an earlier measurement found."""
        if earlier is None:
            return cls()
        record = earlier.record
        return cls([*record.samples], [*record.failures], earlier.blocks.to_dict("records"))

    def failed(self, implementation: str) -> bool:
        """Return whether a process of an implementation failed, so that it is not tried again."""
        return any(failure.implementation == implementation for failure in self.failures)

    def add(self, report: ProcessReport, number: int, attempt: int, threads: int) -> ProcessSample:
        """Add what one process of a round reported, and return it as judged among those of its implementation."""
        name: dict[Hashable, Any] = {"round": number, "attempt": attempt, "implementation": report.implementation}
        blocks = enumerate(report.blocks, start=1)
        self.blocks += [
            {**name, "block": place, "steps": block.steps, "seconds": block.seconds} for place, block in blocks
        ]
        figures = {key: getattr(report, key) for key in ProcessFigures.__struct_fields__}
        sample = ProcessSample(**figures, round=number, attempt=attempt, spread=report.spread, disturbances=[])
        self.samples.append(sample)
        mine = [one for one in self.samples if one.implementation == report.implementation]
        best = max(one.load.cpu_per_thread(threads) for one in mine)
        # A new best process can show that an earlier one was disturbed.
        self.samples = [
            replace(one, disturbances=disturbances(one.load, threads, best, one.spread))
            if one.implementation == report.implementation
            else one
            for one in self.samples
        ]
        return self.samples[-1]

    def table(self) -> pd.DataFrame:
        """Return all blocks."""
        return pd.DataFrame(self.blocks, columns=BLOCK_COLUMNS)


def order(implementations: list[str], rounds: int, seed: int) -> list[list[str]]:
    """Return the order of the implementations in each round: shuffled by ``seed``, every second round reversed."""
    first = random.Random(seed).sample(implementations, len(implementations))
    return [first if number % 2 == 0 else first[::-1] for number in range(rounds)]


def measure_group(
    plan: Plan, sampler: Sampler, log: Callable[[str], None], earlier: Measurement | None = None
) -> Found:
    """Measure all rounds of a plan; return what they found, after what an ``earlier`` measurement found.

    The first process of each implementation also measures the details.  An implementation that failed is not tried
    again.
    """
    found = Found.of(earlier)
    done = earlier.record.processes if earlier else 0
    last = done + plan.rounds
    bar = tqdm(total=plan.rounds, unit=" rounds", disable=not sys.stderr.isatty())
    watch = Stopwatch()
    for number, turn in list(enumerate(order(plan.implementations, last, plan.seed), start=1))[done:]:
        for attempt in range(1, plan.attempts + 1):
            left = [name for name in turn if not found.failed(name)]
            reports = sampler(left, DETAILS if number == 1 and attempt == 1 else ()) if left else {}
            disturbed = False
            for implementation, report in reports.items():
                if isinstance(report, Ended):
                    found.failures.append(ProcessFailure(implementation, number, attempt, **vars(report)))
                    log(f"{implementation}: {report.failure}")
                    continue
                sample = found.add(report, number, attempt, plan.threads)
                disturbed |= bool(sample.disturbances)
                log(_sentence(sample))
            if not disturbed:
                break
        bar.update()
        rest = tqdm.format_interval((last - number) * watch.seconds() / (number - done))
        log(f"{number} of {last} rounds, {rest} left")
    bar.close()
    return found


def run_round(
    commands: Mapping[str, list[str]], blocks: int, folder: Path, log: Callable[[str], None]
) -> dict[str, ProcessReport | Ended]:
    """Run the ``sample`` commands interleaved; return what each one wrote, or how it failed.

    The processes write their files to ``folder``.
    """
    processes: dict[str, InterleavedProcess] = {}
    result: dict[str, ProcessReport | Ended] = {}
    with ended_at_last(processes):
        for name, command in commands.items():
            output = folder / f"{name}.json"
            output.unlink(missing_ok=True)
            processes[name] = InterleavedProcess([*command, "--led", "--output", str(output)], folder / f"{name}.log")
            log(f"{name} is ready" if processes[name].alive else f"{name} ended before it was ready")
        run_interleaved(list(processes.values()), blocks)
        for name, process in processes.items():
            code = process.finish()
            output = folder / f"{name}.json"
            result[name] = (
                Ended(reason(code, process.errors), code)
                if code
                else converted(read_json(output), ProcessReport, output)
            )
    return result


def read_earlier(path: Path, circumstances: Circumstances) -> Measurement | None:
    """Read the measurement to which rounds will be added; return None if there is none yet.

    Raises:
        DataError: it is damaged, or was made under other ``circumstances``, so that new rounds cannot be compared.
    """
    if not path.exists():
        return None
    earlier = read_measurement(path)
    if other := differences(_counting(earlier.record), _counting(circumstances)):
        raise DataError(
            f"{path}: expected a measurement in the present circumstances, found others: {'; '.join(other)}; "
            "move it away to measure from the first round on"
        )
    return earlier


def _counting(circumstances: Circumstances) -> dict[str, object]:
    """Return what must be the same for all rounds; of the machine only what affects a speed."""
    names = [name for name in Circumstances.__struct_fields__ if name != "machine"]
    same = {name: plain(getattr(circumstances, name)) for name in names}
    return {**same, "machine": machine_fingerprint(circumstances.machine, circumstances.group.device)}


def _sentence(sample: ProcessSample) -> str:
    mark = f" (attempt {sample.attempt}, disturbed: {'; '.join(sample.disturbances)})"
    return (
        f"{sample.implementation}, round {sample.round}: {sample.rate:,.0f} {sample.unit} "
        f"over {sample.phases.steady_seconds:.1f} s{mark if sample.disturbances else ''}"
    )
