"""Read the operating system's counters around timed blocks.

They count the CPU time of this process, that of the whole machine, the time that the host took away (steal), and how
long runnable tasks waited for a CPU (pressure stall information).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil

from lstmbench.records.interference import Load
from lstmbench.system import linux
from lstmbench.system.cores import throttling
from lstmbench.utils.clock import Stopwatch

Count = TypeVar("Count", int, float)

PRESSURE = linux.PROC / "pressure/cpu"


@dataclass(frozen=True)
class Span:
    """The change of the counters between two moments, in seconds; None: the system does not count this."""

    wall: float
    own: float
    busy: float  # all processes, on all CPUs
    steal: float | None
    pressure: float | None
    periods: int | None = 0  # number of periods in which a control group had a quota
    throttled: int | None = 0  # number of those in which the quota was used up


class Counters:
    """Read the counters at one moment."""

    def __init__(self) -> None:
        own, whole = psutil.Process().cpu_times(), psutil.cpu_times()
        self.own = own.user + own.system
        # User time already includes guest time.
        self.busy = whole.user + whole.nice + whole.system + getattr(whole, "irq", 0) + getattr(whole, "softirq", 0)
        self.steal = getattr(whole, "steal", None)
        self.pressure = _pressure_seconds()
        counted: tuple[int | None, int | None] = throttling() or (None, None)
        self.periods, self.throttled = counted
        self._watch = Stopwatch()

    def span(self) -> Span:
        """Return the change since these counters were read."""
        wall, now = self._watch.seconds(), Counters()
        return Span(
            wall=wall,
            own=now.own - self.own,
            busy=now.busy - self.busy,
            steal=_change(self.steal, now.steal),
            pressure=_change(self.pressure, now.pressure),
            periods=_change(self.periods, now.periods),
            throttled=_change(self.throttled, now.throttled),
        )


def load(spans: Sequence[Span], reachable_cores: int | None = None) -> Load:
    """Return the load during all spans together; ``reachable_cores``: see ``cores.Limits``.

    The spans are summed first, because the system counts CPU time in ticks and a single span may be off by one.
    """
    wall, own, busy = (sum(getattr(span, name) for span in spans) for name in ("wall", "own", "busy"))
    steal, pressure = _total([span.steal for span in spans]), _total([span.pressure for span in spans])
    periods, throttled = (_total([getattr(span, name) for span in spans]) for name in ("periods", "throttled"))
    on_all = wall * (psutil.cpu_count() or 1)
    return Load(
        wall_seconds=wall,
        cpu_seconds=own,
        foreign_share=max(0.0, busy - own) / on_all,
        steal_share=None if steal is None else steal / on_all,
        pressure_share=None if pressure is None else pressure / wall,
        throttled_share=None if periods is None or throttled is None else min(1.0, throttled / max(1, periods)),
        reachable_cores=reachable_cores,
    )


def _change(before: Count | None, now: Count | None) -> Count | None:
    return None if before is None or now is None else now - before


def _total(values: Sequence[Count | None]) -> Count | None:
    """Return the sum, or None if the system does not count this."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _pressure_seconds() -> float | None:
    """Return the seconds since boot in which some runnable task waited for a CPU; None: the system does not count."""
    text = linux.read(PRESSURE)
    return int(text.splitlines()[0].rpartition("total=")[2]) / 1e6 if text else None
