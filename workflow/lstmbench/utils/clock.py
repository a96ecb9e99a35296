"""The only module that reads a clock.

Durations come from the monotonic performance counter; the wall clock only labels a record.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter_ns()

    def seconds(self) -> float:
        """Seconds since the start."""
        return (time.perf_counter_ns() - self._start) / 1e9


def timestamp() -> float:
    """The wall clock in seconds since 1970, as a label."""
    return time.time()


def utc_now() -> str:
    """The wall clock as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def later(started: str, seconds: float) -> str:
    """``utc_now()`` so many seconds after ``started``, whatever was done to the wall clock meanwhile."""
    return (datetime.fromisoformat(started) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """CPU time of this process, all its threads, in seconds."""
    return time.process_time()
