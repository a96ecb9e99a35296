"""Count the cores that this process may use, and detect what takes time away from its threads.

Three limits are easily overlooked: an affinity (``taskset``, a scheduler, OMP_PLACES), a quota of CPU time (a container
with half a CPU), and more threads than cores.  Affinity and quota are read from the system.  Their effect on the
threads that computed is measured with every timed block, because no list of causes is complete.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from pathlib import Path

import psutil

from lstmbench.system import linux
from lstmbench.system.control_groups import control_groups
from lstmbench.utils.clock import Stopwatch, cpu_seconds
from lstmbench.utils.errors import MachineError

GRANT_SECONDS = 0.1
GRANT_TRIES = 5
FULL_GRANT = 0.95
"""A calibration takes ``GRANT_SECONDS``.  It is repeated, at most ``GRANT_TRIES`` times, until its threads got
``FULL_GRANT`` of their cores, because a passing disturbance is no limit."""

MIN_SHARE_OF_BUSIEST = 0.1
"""A thread that computed for less than this share of the busiest one's time does not count."""


def usable_cores() -> int:
    """Return how many cores this process can keep busy: those of its affinity, or its quota of CPU time if less."""
    quota = cpu_quota()
    return max(1, min(_affinity(), math.floor(quota) if quota is not None else _affinity()))


def require_cores(threads: int, workers: int = 1) -> None:
    """Refuse more threads, of all workers together, than cores, because their speed would not be the machine's.

    Raises:
        MachineError: there are fewer cores than threads.
    """
    cores = usable_cores()
    if threads * workers > cores:
        each = f"threads {threads}" if workers == 1 else f"workers {workers} with threads {threads} each"
        fewer = f"threads: {max(1, cores // workers)}" if workers <= cores else "fewer workers"
        quota = cpu_quota()
        because = f"affinity to {_affinity()}" + ("" if quota is None else f", a quota of {quota:g} CPUs")
        raise MachineError(
            f"{each}: expected at most {cores}, the cores that this process may use ({because}); choose "
            f"{fewer}, or let the process use more (taskset, --cpus of a container, cpus of a job)"
        )


def cpu_quota() -> float | None:
    """Return the CPU time / wall time that the control groups of this process grant; None: no limit is known."""
    found = [quota for folder in control_groups("cpu") if (quota := _quota(folder)) is not None]
    return min(found, default=None)


def throttling() -> tuple[int, int] | None:
    """Count the periods in which the control groups of this process had a quota, and those in which it was used up.

    The parents of its control groups count too.  None: this system has no control groups.
    """
    if linux.read(linux.PROCESS / "cgroup") is None:
        return None
    periods = throttled = 0
    for folder in control_groups("cpu"):
        counters = dict(line.split(maxsplit=1) for line in _read(folder / "cpu.stat").splitlines() if " " in line)
        periods += int(counters.get("nr_periods", 0))
        throttled += int(counters.get("nr_throttled", 0))
    return periods, throttled


def granted_share(threads: int) -> float:
    """Measure the share of a CPU that each of ``threads`` threads gets if they only compute; 1 on a free machine.

    It shows every limit of this process, even one that the system does not report.  Measure before a framework is
    loaded, because its libraries may bind the main thread to one core.
    """
    best = 0.0
    for _ in range(GRANT_TRIES):
        best = max(best, _granted(threads))
        if best >= FULL_GRANT:
            break
    return best


class Limits:
    """Detect what limits the threads of this process that compute from now on."""

    def __init__(self) -> None:
        self._throttling = throttling()
        self._before = _thread_seconds()

    def throttled_share(self) -> float | None:
        """Return the share of the periods in which the quota of CPU time was used up; 0 without a quota.

        None: the system does not report it.
        """
        before, now = self._throttling, throttling()
        if before is None or now is None:
            return None
        return min(1.0, (now[1] - before[1]) / max(1, now[0] - before[0]))

    def reachable_cores(self) -> int | None:
        """Count the cores that the threads that computed may use together; None: the system does not report it."""
        used = {thread: seconds - self._before.get(thread, 0.0) for thread, seconds in _thread_seconds().items()}
        least = MIN_SHARE_OF_BUSIEST * max(used.values(), default=0.0)
        found: set[int] = set()
        for thread in (thread for thread, seconds in used.items() if seconds >= least > 0):
            found |= linux.affinity(thread) or set()
        return len(found) or None


def _affinity() -> int:
    return len(linux.affinity() or ()) or os.cpu_count() or 1


def _thread_seconds() -> dict[int, float]:
    try:
        return {one.id: one.user_time + one.system_time for one in psutil.Process().threads()}
    except psutil.Error:
        return {}


def _granted(threads: int) -> float:
    def compute() -> None:
        while watch.seconds() < GRANT_SECONDS:
            hashlib.sha256(data)  # releases the interpreter's lock, so that other threads run

    data = bytes(2**22)
    before, watch = cpu_seconds(), Stopwatch()
    others = [threading.Thread(target=compute) for _ in range(threads - 1)]
    for other in others:
        other.start()
    compute()
    for other in others:
        other.join()
    return (cpu_seconds() - before) / watch.seconds() / threads


def _quota(folder: Path) -> float | None:
    if words := _read(folder / "cpu.max").split():
        quota, period = words
    else:
        quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
    if not (quota.isdecimal() and period.isdecimal() and int(period)):  # "max", -1, or none
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    return linux.read(path) or ""
