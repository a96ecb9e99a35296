"""Read the clocks; no other module does.

Durations come from the monotonic performance counter; the wall clock only labels a record.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Stopwatch:
    """Count the seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter_ns()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return (time.perf_counter_ns() - self._start) / 1e9


def timestamp() -> float:
    """Return the wall clock in seconds since 1970, as a label."""
    return time.time()


def utc_now() -> str:
    """Return the wall clock as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def later(started: str, seconds: float) -> str:
    """Return ``utc_now()`` as of ``seconds`` after ``started``, regardless of changes to the wall clock meanwhile."""
    return (datetime.fromisoformat(started) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """Return the CPU time of this process, of all its threads, in seconds."""
    return time.process_time()
