"""Calibrate a case: measure it alone for some seconds, for ``plan``, and repeat that if it was disturbed.

For a case that cannot run here the sample is ``{"failure": why}``, so that the other cases can be planned without it.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from lstmbench.records.interference import Load, disturbances
from lstmbench.statistics.intervals import iqr_over_median
from lstmbench.utils.errors import MachineError, ResourceError

DETAILS = ("evaluation", "checkpoint")

OWN = (MachineError.exit_code, ResourceError.exit_code)
"""Exit codes that mean that this case cannot run here, but other cases may."""


class CannotRun(Exception):
    """The process of a case ended with one of ``OWN``; the message says why."""


def calibrated(
    measure: Callable[[], dict[str, Any]], attempts: int, threads: int, log: Callable[[str], None]
) -> dict[str, Any]:
    """Measure until a sample was not disturbed, at most ``attempts`` times, and return a sample to plan from.

    If all were disturbed, return the one with the fastest step.  The time of every other part is then the shortest of
    all samples.  The result also has the keys ``attempts`` and ``disturbances``.
    """
    samples: list[dict[str, Any]] = []
    while len(samples) < attempts:
        samples.append(measure())
        _judge(samples, threads)
        # A better attempt can show that an earlier one was disturbed, but never that it was not.
        if not samples[-1]["disturbances"]:
            break
        log(f"attempt {len(samples)} of {attempts} was disturbed: {'; '.join(samples[-1]['disturbances'])}")
    result = samples[-1] if not samples[-1]["disturbances"] else _least_disturbed(samples)
    return {**result, "attempts": len(samples)}


def _judge(samples: list[dict[str, Any]], threads: int) -> None:
    """Set the disturbances of all attempts, each compared with the best one."""
    best = max(Load(**sample["load"]).cpu_per_thread(threads) for sample in samples)
    for sample in samples:
        load, whole = Load(**sample["load"]), Load(**sample["whole_load"])
        # The plan also uses start, evaluations and checkpoint.  They often do not use all threads, so only the CPU time
        # of others says whether they were disturbed.
        load = dataclasses.replace(
            load,
            foreign_share=max(load.foreign_share, whole.foreign_share),
            steal_share=None if load.steal_share is None else max(load.steal_share, whole.steal_share),
        )
        spread = iqr_over_median([block["seconds"] / block["steps"] for block in sample["blocks"]])
        sample["disturbances"] = disturbances(load, threads, best, spread)


def _least_disturbed(samples: list[dict[str, Any]]) -> dict[str, Any]:
    result = copy.deepcopy(min(samples, key=lambda sample: sample["fastest_step_seconds"]))
    details = [sample["details"] for sample in samples]
    result["phases"] = {name: min(sample["phases"][name] for sample in samples) for name in result["phases"]}
    for split, measured in result["details"]["evaluation"].items():
        of_all = [one["evaluation"][split] for one in details]
        measured["first_seconds"] = min(one["first_seconds"] for one in of_all)
        measured["fastest_per_second"] = max(one["fastest_per_second"] for one in of_all)
    for name in ("write_seconds", "read_seconds"):
        result["details"]["checkpoint"][name] = min(one["checkpoint"][name] for one in details)
    return result
