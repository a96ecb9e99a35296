"""Judge whether something else disturbed a timed process, by thresholds on the counters read around its blocks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lstmbench.utils.fields import NonNegative, Number, Positive, Share, StrictStruct

MAX_FOREIGN_SHARE = 0.02
MAX_STEAL_SHARE = 0.01
MIN_CALIBRATION_SHARE = 0.9
MAX_SPREAD = 0.10
MAX_THROTTLED_SHARE = 0.02
MIN_GRANTED_SHARE = 0.9
"""A process was disturbed if it is beyond any of these."""

MAX_QUOTABLE_SPREAD = 0.25
"""A speed is not quotable if its blocks spread further than this (interquartile range / median)."""

CHECKS = {
    "steal_share": "time that a host takes away (steal)",
    "throttled_share": "a quota of CPU time",
    "reachable_cores": "threads bound to few cores",
}
"""Counter of ``Load`` that a system may lack -> what is then not judged."""

ATTEMPTS = 2
"""Measure a disturbed process again until it is undisturbed, at most this many times."""


class Load(StrictStruct, frozen=True, omit_defaults=True):
    """The counters of the machine between two moments, such as during the steady steps."""

    wall_seconds: Annotated[Positive, Meta(description="Wall time, in seconds.")]
    cpu_seconds: Annotated[NonNegative, Meta(description="CPU time of the process, all threads, in seconds.")]
    foreign_share: Annotated[
        NonNegative, Meta(description="CPU time of all other processes, a share of the wall time on all CPUs.")
    ]
    steal_share: Annotated[
        NonNegative | None,
        Meta(
            description="CPU time that the host gave to others, a share of the wall time on all CPUs; null: the "
            "system does not say."
        ),
    ]
    pressure_share: Annotated[
        NonNegative | None,
        Meta(description="Share of the wall time in which some task waited for a CPU; null: the system does not say."),
    ]
    throttled_share: Annotated[
        Share | None, Meta(description="Share of the periods in which the quota of CPU time was used up.")
    ] = None
    reachable_cores: Annotated[
        Number | None, Meta(description="Cores that the threads that computed may run on, a count; null: not told.")
    ] = None
    granted_share: Annotated[
        NonNegative | None,
        Meta(
            description="CPU time over wall time of each of as many threads that only computed, before the framework "
            "was loaded."
        ),
    ] = None

    def cpu_per_thread(self, threads: int) -> float:
        """Return CPU time / wall time / threads: 1 if every thread was busy all the time."""
        return self.cpu_seconds / self.wall_seconds / threads


def limits(throttled_share: float | None, reachable_cores: int | None, threads: int) -> list[str]:
    """Return what held a process back all the time, in words; empty: nothing.  Its speed is not that of ``threads``."""
    reasons = []
    if throttled_share is not None and throttled_share > MAX_THROTTLED_SHARE:
        reasons.append(f"its quota of CPU time was used up in {_percent(throttled_share)} of the periods")
    if reachable_cores is not None and reachable_cores < threads:
        reasons.append(f"its {threads} threads can run on {reachable_cores} of the cores only")
    return reasons


def not_judged(load: Load) -> list[str]:
    """Return the names of the checks that the system's counters left out; empty: all were made."""
    return [name for counter, name in CHECKS.items() if getattr(load, counter) is None]


def disturbances(load: Load, threads: int, calibration: float, spread: float) -> list[str]:
    """Return what disturbed this process, in words; empty: nothing.

    calibration: the best CPU time / wall time / threads of the same case's processes, because few programs keep all
    threads busy.  spread: interquartile range / median of the blocks' times per step.
    """
    reasons = limits(load.throttled_share, load.reachable_cores, threads)
    if load.granted_share is not None and load.granted_share < MIN_GRANTED_SHARE:
        reasons.append(f"threads that only compute got {_percent(load.granted_share)} of a CPU each")
    if load.foreign_share > MAX_FOREIGN_SHARE:
        reasons.append(f"foreign CPU {_percent(load.foreign_share)} > {_percent(MAX_FOREIGN_SHARE)}")
    if load.steal_share is not None and load.steal_share > MAX_STEAL_SHARE:
        reasons.append(f"steal {_percent(load.steal_share)} > {_percent(MAX_STEAL_SHARE)}")
    got = load.cpu_per_thread(threads) / calibration
    if got < MIN_CALIBRATION_SHARE:
        reasons.append(f"CPU time {_percent(got)} of the usual < {_percent(MIN_CALIBRATION_SHARE)}")
    if spread > MAX_SPREAD:
        reasons.append(f"spread of the blocks {_percent(spread)} > {_percent(MAX_SPREAD)}")
    return reasons


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
