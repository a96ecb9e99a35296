"""Print how long a command of the workflow will take, in one line before its first job (``estimate`` computes it)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lstmbench import datasets
from lstmbench.orchestration.estimate import ALONE, Costs, Job, UnknownTimeError, case_of, disk_bytes, wall_seconds
from lstmbench.orchestration.resources import Case
from lstmbench.orchestration.selection import Selection
from lstmbench.system.device import split_device
from lstmbench.utils.escaping import one_line
from lstmbench.utils.wording import counted, largest_unit

LONG_SECONDS = 30 * 60.0
LARGE_BYTES = 10e9
"""Beyond this time the line suggests smaller selections; beyond this size it mentions the disk."""


def announce(
    selection: Selection,
    planned: Mapping[Case, float],
    jobs: Iterable[tuple[str, Mapping[str, str], int]],
    data: Path,
    cores: int | None,
) -> None:
    """Print in one line how long ``jobs`` will take, unless they only make tables.

    No error here ends a run.

    Args:
        selection: the checked configuration.
        planned: seconds of the runs that a plan covers.
        jobs: rule, wildcards and threads of each job.
        data: folder of the prepared data sets.
        cores: number of cores that the jobs share on this machine; None: other machines run them.
    """
    try:
        line = in_words(selection, planned, [Job(*job) for job in jobs], data, cores)
    except Exception as error:
        line = _unknown(f"{type(error).__name__}: {error}")
    if line:
        print(one_line(line), file=sys.stderr, flush=True)


def in_words(
    selection: Selection, planned: Mapping[Case, float], jobs: Sequence[Job], data: Path, cores: int | None
) -> str:
    """Return the line that ``announce`` prints; empty if nothing is trained or measured."""
    if not {job.rule for job in jobs} & {"train", *ALONE}:
        return ""
    costs = Costs(selection, planned, data)
    try:
        time = _time_in_words(selection, costs, jobs, cores)
    except UnknownTimeError as error:
        time = _unknown(str(error))
    return " ".join(filter(None, [time, _disk_in_words(selection, costs, jobs, cores)]))


def _unknown(reason: str) -> str:
    return f"How long this will take is unknown ({reason}); make plan measures it."


def _time_in_words(selection: Selection, costs: Costs, jobs: Sequence[Job], cores: int | None) -> str:
    runs = [job for job in jobs if job.rule == "train"]
    measured = sum(job.rule in ALONE for job in jobs)
    counts = {"run": len(runs), "speed measurement": measured}
    what = " and ".join(counted(count, noun) for noun, count in counts.items() if count)
    if cores is None and not runs:
        return ""
    if cores is None:
        on_gpu = selection.device == "gpu"
        widths = [split_device(job.wildcards["device"]).workers if on_gpu else job.threads for job in runs]
        hours = sum(costs.seconds(job) * width for job, width in zip(runs, widths, strict=True)) / 3600
        text = f"The runs will take about {_rounded(hours)} {'GPU' if on_gpu else 'core'} hours"
        return f"{text}: {what} ({_source(costs, runs)}). When jobs start is up to the scheduler."
    seconds = wall_seconds(selection, costs, jobs, cores)
    text = f"This will take about {about(seconds)} on this machine: {what} ({_source(costs, runs)})."
    if seconds <= LONG_SECONDS:
        return text
    better = "" if {*map(case_of, runs)} <= {*costs.planned} else " make plan measures each case."
    choices = ", ".join(smaller_choices(selection, costs, jobs, cores))
    return f"{text}{better}{f' Shorter: {choices}.' if choices else ''}"


def _source(costs: Costs, runs: Iterable[Job]) -> str:
    cases = {*map(case_of, runs)}
    covered = cases & {*costs.planned}
    speed = f"{costs.flops_per_second / 1e9:,.0f} GFLOP/s per thread" if costs.probed else ""
    estimated = f"estimated from the models' FLOPs and {speed}, measured now" if speed else "estimated"
    if not covered:
        return estimated
    if covered == cases:
        return "the runs as planned"
    return f"{len(covered)} of {counted(len(cases), 'case')} as planned, the rest {estimated}"


def smaller_choices(selection: Selection, costs: Costs, jobs: Sequence[Job], cores: int) -> list[str]:
    """Return alternatives that take less time, with their times where those are known."""
    result = []
    embedded = (not selection.own(name) and not datasets.sources(name) for name in selection.datasets)
    if not all(embedded):  # the demo is
        result += ["make demo", "make quick"] if selection.max_updates is None else ["make demo"]
    runs = [job.wildcards for job in jobs if job.rule == "train"]
    by_size = {size: _only(jobs, "size", size) for size in {run["size"] for run in runs}}
    if len(by_size) > 1:
        seconds = {size: wall_seconds(selection, costs, left, cores) for size, left in by_size.items()}
        size = min(seconds, key=lambda size: (seconds[size], size))
        result.append(f"--config sizes=[{size}] ({about(seconds[size])})")
    seeds = {int(run["seed"]) for run in runs}
    if len(seeds) > 1:
        left = _only(jobs, "seed", str(min(seeds)))
        result.append(f"--config seeds=[{min(seeds)}] ({about(wall_seconds(selection, costs, left, cores))})")
    return result


def _only(jobs: Iterable[Job], wildcard: str, value: str) -> list[Job]:
    """Return the jobs without those runs whose wildcard has another value."""
    return [job for job in jobs if job.rule != "train" or job.wildcards[wildcard] == value]


def _disk_in_words(selection: Selection, costs: Costs, jobs: Sequence[Job], cores: int | None) -> str:
    try:
        size = disk_bytes(selection, costs, jobs, cores)
    except UnknownTimeError:
        return ""
    return f"It needs about {size / 1e9:,.0f} GB of disk." if size > LARGE_BYTES else ""


def about(seconds: float) -> str:
    """Return a time with at most two significant digits, in days, hours, minutes or seconds."""
    value, unit = largest_unit(seconds)
    return f"{_rounded(value)} {unit}"


def _rounded(value: float) -> str:
    digits = 1 - math.floor(math.log10(max(value, 0.01)))
    return f"{round(value, digits):,.{max(0, digits)}f}".removesuffix(".0")
