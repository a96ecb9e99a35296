"""Show a workflow on the terminal: a line per finished job, the remaining time, every error, and the result."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import PREFIX, last_error
from lstmbench.utils.escaping import one_line, printable, sentence_and_details
from lstmbench.utils.wording import duration

SHORT_JOB_SECONDS = 5.0
"""Guess for a job without a size, until one has ended.  Most of them start Python and make a table."""

REFRESH_SECONDS = 1.0

Kind = tuple[str | None, ...]
"""Rule, data set, size, implementation and device, with its precision, workers and threads.  Jobs of one kind take
about the same time."""


@dataclass(frozen=True)
class Job:
    """A job to run.

    ``planned``: the seconds that ``make plan`` predicts for it, or None.  ``number``: Snakemake's number of the job;
    ``needs``: the numbers of the jobs whose files it reads.
    """

    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    planned: float | None = None
    number: int | None = None
    needs: frozenset[int] = frozenset()

    @property
    def kind(self) -> Kind:
        """The kind of the job."""
        return self.rule, *(self.wildcards.get(name) for name in ("dataset", "size", "implementation", "device"))


def remaining(
    left: Mapping[Kind, int],
    planned: Mapping[Kind, float],
    ended: Mapping[Kind, Sequence[float]],
    running: Sequence[tuple[Kind, float]],
    wall: float,
) -> tuple[float, bool]:
    """Return the seconds until all jobs have ended, and whether the time of every kind of job is known.

    The time of a kind comes from its ended jobs, or else from the plan.  If the kind has no size, it comes from other
    jobs without a size.  Any other kind counts as 0 s.  As many jobs are assumed to run in parallel as did until now.

    Args:
        left: number of jobs that have not ended, including running ones.
        planned: seconds of one job.
        ended: seconds of each ended job.
        running: kind of each running job, and its seconds until now.
        wall: seconds since the first job started.
    """
    short = [seconds for kind, each in ended.items() if kind[2] is None for seconds in each] or [SHORT_JOB_SECONDS]

    def of_one(kind: Kind) -> float | None:
        if ended.get(kind):
            return sum(ended[kind]) / len(ended[kind])
        return planned.get(kind, None if kind[2] is not None else sum(short) / len(short))

    expected = {kind: of_one(kind) for kind, count in left.items() if count > 0}
    work = sum((seconds or 0.0) * left[kind] for kind, seconds in expected.items())
    work -= sum(min(seconds, expected.get(kind) or 0.0) for kind, seconds in running)
    busy = sum(map(sum, ended.values())) + sum(seconds for _, seconds in running)
    side_by_side = max(1.0, busy / wall) if wall > 0 else 1.0
    return max(0.0, work) / side_by_side, None not in expected.values()


def in_words(seconds: float, known: bool) -> str:
    """Return the remaining time in words, no more precisely than it is known."""
    about = "about" if known else "at least"
    if seconds < 60:
        some = f"at least {seconds:.0f} s left" if seconds >= 1 else "time left not known yet"
        return "less than a minute left" if known else some
    shown = duration(seconds) if seconds >= 90 else "1 min"
    return f"{about} {shown} left"


@dataclass
class _Running:
    job: Job
    description: str
    logs: Sequence[str]
    since: float


class Terminal:
    """Print lines to stderr, above a progress bar if it is a terminal, and the closing table to stdout."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or Stopwatch().seconds
        self._left: Counter[Kind] = Counter()
        self._kinds: dict[int, Kind] = {}
        self._needed_by: defaultdict[int, list[int]] = defaultdict(list)
        self._planned: dict[Kind, float] = {}
        self._ended: defaultdict[Kind, list[float]] = defaultdict(list)
        self._running: dict[int, _Running] = {}
        self._failed: dict[int, list[str]] = {}
        self.succeeded = False
        self._total = self._done = 0
        self._counted: int | None = None
        self._first: float | None = None
        self._bar: tqdm | None = None
        self._closed = threading.Event()
        self.log = ".snakemake/log"

    def expect(self, jobs: Iterable[Job]) -> None:
        """Register the jobs that will run."""
        jobs = list(jobs)
        self._left.update(job.kind for job in jobs)
        self._planned |= {job.kind: job.planned for job in jobs if job.planned is not None}
        for job in jobs:
            if job.number is not None:
                self._kinds[job.number] = job.kind
                for needed in job.needs:
                    self._needed_by[needed].append(job.number)
        self._total = len(jobs)
        self.say(f"{self._total} job{'s' if self._total != 1 else ''} to run; their full log: {self.log}")
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=self._total,
                unit=" jobs",
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} jobs, {elapsed}, {rate_fmt}{postfix}",
            )
            threading.Thread(target=self._refresh, daemon=True).start()

    def count(self, total: int) -> None:
        """Update the total from Snakemake's count of jobs, which grows when an installed environment adds jobs."""
        grown = total - (self._counted or total)
        self._counted = total
        self._total += grown
        if self._bar is not None and grown:
            self._bar.total = self._total

    def start(self, number: int, job: Job, description: str, logs: Sequence[str]) -> None:
        """Note that a job starts; ``description`` is that of its rule."""
        now = self._clock()
        self._first = now if self._first is None else self._first
        self._running[number] = _Running(job, one_line(description), list(logs), now)

    def finish(self, number: int) -> None:
        """Print what a job did, its time and the time left; also print an error in its log, although it succeeded."""
        self._failed.pop(number, None)
        running = self._running.pop(number, None)
        if running is None or not running.logs:  # such a rule only lists its inputs
            return
        seconds = self._clock() - running.since
        self._ended[running.job.kind].append(seconds)
        self._left[running.job.kind] -= 1
        self._done += 1
        if self._bar is not None:
            self._bar.update(1)
        done = f"{self._done} of {max(self._total, self._done)} done"
        errors = [line for line in _lines(running.logs) if line.startswith(PREFIX)]
        what = f"{running.description}, {seconds:.0f} s" if not errors else f"FAILED: {running.description}"
        self.say(f"{done}, {self._eta()}: {what}" if self._done < self._total else f"{done}: {what}")
        if errors:
            self._say_reason(errors, running.logs)

    def fail(self, number: int, rule: str, logs: Sequence[str]) -> None:
        """Print which job failed, why in one sentence, and where its log is."""
        running = self._running.pop(number, None)
        description = running.description if running else rule
        self._failed[number] = [description, *logs]
        self.say(f"FAILED: {description}")
        self._say_reason(_lines(logs), logs)

    def say(self, text: str) -> None:
        """Print text above the bar."""
        tqdm.write(printable(text), file=sys.stderr)
        sys.stderr.flush()

    def close(self, closing: Callable[[], str | None]) -> None:
        """Print the closing text, or repeat what failed."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._bar is not None:
            self._bar.leave = False
            self._bar.close()
        log = os.path.relpath(self.log)
        if self._total:
            self.say(f"The full log: {log}")
        if self.succeeded:
            text = closing()
            if text is not None:
                print("", printable(text), sep="\n", end="", flush=True)
            return
        for description, *logs in self._failed.values():
            self.say(f"FAILED: {description}")
            self._say_reason(_lines(logs), logs)
        if self._failed:
            self.say(f"{self._done} of {self._total} jobs done, {len(self._failed)} failed: the rest needs them.")

    def _say_reason(self, lines: Iterable[str], logs: Sequence[str]) -> None:
        self.say(f"    {sentence_and_details(last_error(lines))[0]}")
        self.say(f"    its log: {', '.join(logs) or 'none'}")

    def _eta(self) -> str:
        now = self._clock()
        running = [(one.job.kind, now - one.since) for one in list(self._running.values())]
        wall = now - (self._first or 0.0)
        # Copies, because another thread refreshes the bar.
        return in_words(*remaining(self._reachable(), self._planned, dict(self._ended), running, wall))

    def _reachable(self) -> Counter[Kind]:
        """Return the jobs that are left, without those that failed and those that need them."""
        lost: set[int] = set()
        waiting = [number for number in list(self._failed) if number not in self._running]  # unless it is tried again
        while waiting:
            number = waiting.pop()
            if number not in lost:
                lost.add(number)
                waiting += self._needed_by.get(number, ())
        return self._left - Counter(self._kinds[number] for number in lost if number in self._kinds)

    def _refresh(self) -> None:
        while not self._closed.wait(REFRESH_SECONDS):
            if self._bar is not None:
                self._bar.set_postfix_str(self._eta())


def _lines(logs: Sequence[str]) -> list[str]:
    """Return the lines of a job's logs; a missing log has none."""
    lines: list[str] = []
    for log in logs:
        try:
            lines += Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
    return lines
