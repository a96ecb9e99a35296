"""Compute what a training job requests of a scheduler, from the plan or, without one, generously; check its cores.

Requests are no part of a run's result, so a new plan repeats no run.
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lstmbench.orchestration.selection import Selection
from lstmbench.utils.errors import UsageError
from lstmbench.utils.escaping import one_line
from lstmbench.utils.fields import Name

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

_Amount = Annotated[float, Meta(ge=0, le=1e12)]
"""A number that a request can be computed from, so not infinity."""


class Planned(msgspec.Struct, frozen=True):
    """What is read of a row of plan.csv: what a run of its case takes alone on the machine."""

    dataset: Name
    size: Name
    implementation: Name
    device: Name
    threads: _Amount
    max_updates: _Amount | None
    max_eval_predictions: _Amount | None
    seconds: _Amount
    mem_mb: _Amount

    def is_of(self, selection: Selection) -> bool:
        """Return whether the row was planned with the threads and caps of the selection."""
        return (
            self.device in selection.devices
            and self.threads == selection.threads_of(self.device)
            and self.max_updates == selection.max_updates_of(self.size)
            and self.max_eval_predictions == selection.max_eval_predictions
        )

    @property
    def case(self) -> Case:
        """Return what names the case."""
        return self.dataset, self.size, self.implementation, self.device

    @property
    def request(self) -> ResourceRequest:
        """Return what a run of the case asks of a scheduler."""
        minutes = TIME_SAFETY_FACTOR * self.seconds / 60 + SPARE_MINUTES
        return ResourceRequest(math.ceil(minutes), math.ceil(self.mem_mb) + SNAKEMAKE_MB)


def read_plan(path: Path, selection: Selection) -> dict[Case, Planned]:
    """Return all cases in plan.csv that were planned with the selection's threads and caps.

    The result is empty if there is no plan, because training does not require one.  A damaged plan is no plan, which
    one line on stderr says.
    """
    try:
        rows = _read(path)
    except ValueError as error:
        print(f"{path}: no plan, so ignored: {one_line(str(error))}; make plan writes another", file=sys.stderr)
        return {}
    return {row.case: row for row in rows if row.is_of(selection)}


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


def _read(path: Path) -> list[Planned]:
    """Return the rows of a plan; none if it cannot be opened.

    Raises:
        ValueError: it is no plan.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [{name: text or None for name, text in row.items()} for row in csv.DictReader(stream)]
    except OSError:
        return []
    except csv.Error as error:
        raise ValueError(error) from error
    return msgspec.convert(rows, list[Planned], strict=False)
