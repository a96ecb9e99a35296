"""Compute what a training job requests of a scheduler, from the plan or, without one, generously; check its cores.

Requests are no part of a run's result, so a new plan repeats no run.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lstmbench.orchestration.selection import Selection
from lstmbench.utils.errors import UsageError

TIME_SAFETY_FACTOR = 2.0
SPARE_MINUTES = 10
"""Request this multiple of the planned time plus this many minutes, because jobs share the machine and the scheduler
kills late ones."""

SNAKEMAKE_MB = 500
"""Memory of the two Snakemake processes in a scheduler's job: the submitted one, and the one it starts for the rule."""

MAX_RETRY_FACTOR = 4
"""Retries request at most this multiple of the first attempt; a run that needs many retries needs no more memory."""


@dataclass(frozen=True)
class ResourceRequest:
    """A job's request: ``minutes`` of wall time and ``mem_mb`` megabytes of memory."""

    minutes: int
    mem_mb: int

    def of_attempt(self, attempt: int) -> ResourceRequest:
        """Return the request of attempt 1, 2, ...  Time and memory grow: a scheduler does not say which was short."""
        times = min(attempt, MAX_RETRY_FACTOR)
        return ResourceRequest(self.minutes * times, self.mem_mb * times)


UNPLANNED = ResourceRequest(minutes=3 * 24 * 60, mem_mb=16_000)

Case = tuple[str, str, str, str]
"""Data set, size, implementation, device."""

Value = TypeVar("Value")


def read_plan(path: Path, selection: Selection) -> dict[Case, ResourceRequest]:
    """Return the requests of all cases in plan.csv that were planned with the selection's threads and caps.

    The result is empty if there is no plan, because training does not require one.
    """
    return _read(path, selection, _request)


def planned_seconds(path: Path, selection: Selection) -> dict[Case, float]:
    """Return the planned seconds per run of the same cases."""
    return _read(path, selection, lambda row: float(row["seconds"]))


def require_cores_of_job(output: str, threads: int, workers: int, found: int) -> None:
    """Refuse a job whose workers have more threads in total than Snakemake gives it cores.

    Snakemake itself would silently give it fewer threads.  ``output`` names the job.

    Raises:
        UsageError: too few cores; the message says what to write.
    """
    expected = threads * workers
    if found < expected:
        each = f"{threads} thread{'s' if threads > 1 else ''}"
        needs = each if workers == 1 else f"{workers} workers of {each}"
        raise UsageError(
            f"{output}: expected {expected} cores ({needs}), found {found}; write --cores {expected}, or ask for fewer "
            "threads or workers, as in --config threads=1"
        )


def _read(path: Path, selection: Selection, value: Callable[[dict[str, str]], Value]) -> dict[Case, Value]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {
            (row["dataset"], row["size"], row["implementation"], row["device"]): value(row)
            for row in rows
            if row["device"] in selection.devices
            and _number(row["threads"]) == selection.threads_of(row["device"])
            and _number(row["max_updates"]) == selection.max_updates_of(row["size"])
            and _number(row["max_eval_predictions"]) == selection.max_eval_predictions
        }
    except (OSError, KeyError, ValueError):
        return {}


def _request(row: dict[str, str]) -> ResourceRequest:
    minutes = TIME_SAFETY_FACTOR * float(row["seconds"]) / 60 + SPARE_MINUTES
    return ResourceRequest(math.ceil(minutes), math.ceil(float(row["mem_mb"])) + SNAKEMAKE_MB)


def _number(text: str) -> float | None:
    return float(text) if text else None
