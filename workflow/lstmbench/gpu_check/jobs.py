"""Run the jobs of a check within its budget, each in its own process, and record their outcomes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmbench.gpu_check.budget import Budget
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import BenchError, Interrupted, MachineError, last_error_in
from lstmbench.utils.escaping import printable
from lstmbench.utils.fields import StrictStruct
from lstmbench.utils.files import write_json

DONE, ABSENT, FAILED, SKIPPED, STOPPED, PREDICTED = "done", "absent", "failed", "skipped", "stopped", "predicted"
"""Outcomes.  absent: the implementation cannot run here.  skipped: not started, for lack of time.  stopped: ended, for
lack of time.  predicted: not meant to run; its time is predicted from measured steps."""

GRACE_SECONDS = 5.0
"""The time in which a job that is asked to stop may save its work."""


@dataclass(frozen=True)
class Found:
    """The result of a job: JSON for the summary, and the reason if it failed."""

    value: Any = None
    failure: str = ""
    exit_code: int = MachineError.exit_code


@dataclass(frozen=True)
class Job:
    """One process of a step.

    seconds: the predicted time.  If it is None, the job starts as long as its step has time left.
    before: called just before the process starts; it may raise a ``BenchError`` to refuse.
    read: returns what the finished process wrote.
    """

    step: int
    name: str
    arguments: Sequence[str | os.PathLike[str]]  # of this Python
    seconds: float | None = None
    before: Callable[[], None] = lambda: None
    read: Callable[[], Found] = Found
    readable_codes: tuple[int, ...] = (0,)  # exit codes after which ``read`` knows what happened
    absent_if_failed: bool = False


class Entry(StrictStruct, frozen=True, omit_defaults=True):
    """What became of a job, as the summary holds it."""

    step: int
    name: str
    outcome: str
    seconds: float | None = None
    predicted_seconds: float | None = None
    reason: str | None = None
    exit_code: int | None = None
    found: Any = None


@dataclass
class Summary:
    """Write gpu-check.json after every change; a lock guards it, because jobs may end at the same time."""

    path: Path
    content: dict[str, object]
    on_change: Callable[[], None] = lambda: None
    jobs: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, **values: Any) -> None:
        """Set top-level values."""
        with self._lock:
            self.content.update(values)
            write_json(self.path, self.content)

    def add(self, entry: Entry) -> None:
        """Add the outcome of a job."""
        with self._lock:
            self.jobs.append(entry)
            self.content["jobs"] = plain(self.jobs)
            write_json(self.path, self.content)
            self.on_change()


class Runner:
    """Run jobs and report their outcomes."""

    def __init__(self, budget: Budget, summary: Summary, logs: Path) -> None:
        self.budget, self.summary, self.logs = budget, summary, logs
        self._running: set[subprocess.Popen[bytes]] = set()
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, jobs: Sequence[Job], at_a_time: int = 1) -> list[Entry]:
        """Run ``jobs`` in order, ``at_a_time`` in parallel, and return the outcome of each.

        Any exception ends the running processes, and no other job starts.
        """
        with ThreadPoolExecutor(at_a_time) as pool:
            try:
                return list(pool.map(self.run_one, jobs))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                _end(*self._running)
                raise

    def run_one(self, job: Job) -> Entry:
        """Run one job, unless there is too little time for it."""
        left = self.budget.left_for(job.step)
        if left <= (job.seconds or 0.0):
            predicted = "" if job.seconds is None else f", {job.seconds:.0f} s predicted"
            return self.note(job, SKIPPED, reason=f"{max(0.0, left):.0f} s were left for step {job.step}{predicted}")
        watch = Stopwatch()
        try:
            job.before()
            code, stopped = self._process(job)
            if stopped:
                return self.note(job, STOPPED, watch.seconds(), reason="the budget was spent")
            if code not in job.readable_codes:
                return self._failed(job, self._last_words(job), code, watch.seconds())
            found = job.read()
        except Interrupted:
            raise  # the check itself was asked to stop
        except BenchError as error:
            return self._failed(job, f"{error.label}: {error}", error.exit_code, watch.seconds())
        if found.failure:
            return self._failed(job, found.failure, found.exit_code, watch.seconds(), found=found.value)
        return self.note(job, DONE, watch.seconds(), found=found.value)

    def note(
        self,
        job: Job,
        outcome: str,
        seconds: float | None = None,
        *,
        reason: str | None = None,
        exit_code: int | None = None,
        found: object = None,
    ) -> Entry:
        """Add the outcome of a job to the summary and print it."""
        entry = Entry(
            step=job.step,
            name=job.name,
            outcome=outcome,
            seconds=None if seconds is None else round(seconds, 1),
            predicted_seconds=None if job.seconds is None else round(job.seconds, 1),
            reason=reason,
            exit_code=exit_code,
            found=found,
        )
        self.summary.add(entry)
        took = f" in {seconds:.0f} s" if seconds is not None else ""
        why = f": {reason}" if reason is not None else ""
        self.say(f"step {job.step}, {job.name}: {outcome}{took}{why}")
        return entry

    def say(self, line: str) -> None:
        """Write a line to stderr, with the seconds spent and the budget."""
        spent = f"[{self.budget.spent():.0f} of {self.budget.seconds:.0f} s]"
        print(f"{spent} {printable(line)}", file=sys.stderr, flush=True)

    def _failed(self, job: Job, reason: str, code: int, seconds: float, found: object = None) -> Entry:
        outcome = ABSENT if job.absent_if_failed else FAILED
        return self.note(job, outcome, seconds, reason=reason, exit_code=code, found=found)

    def _process(self, job: Job) -> tuple[int, bool]:
        """Run the process until it ends or the budget is spent; return its exit code and whether it was stopped."""
        with self._log(job).open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, *job.arguments], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._running.add(process)
            try:
                return process.wait(max(0.1, self.budget.left())), False
            except subprocess.TimeoutExpired:
                return 0, True
            finally:
                _end(process)
                self._running.discard(process)

    def _log(self, job: Job) -> Path:
        return self.logs / f"{job.step}-{job.name.replace('/', '-').replace(' ', '_').replace(',', '')}.log"

    def _last_words(self, job: Job) -> str:
        return last_error_in(self._log(job))


def _end(*processes: subprocess.Popen[bytes]) -> None:
    """End processes and all their children; those still running get ``GRACE_SECONDS`` together to end by themselves."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        _signal(process, signal.SIGTERM)
    watch = Stopwatch()
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, GRACE_SECONDS - watch.seconds()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
