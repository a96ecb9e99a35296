"""Calibrate: measure one case alone for some seconds, for ``plan``, and again if something else ran beside it.

A case that cannot run here is a sample as well, ``{"failure": why}``: the others are planned without it.
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
"""Exit codes of a case that cannot run here; the other cases can."""


class CannotRun(Exception):
    """The process of a case ended with one of ``OWN``; the message says why."""


def calibrated(
    measure: Callable[[], dict[str, Any]], attempts: int, threads: int, log: Callable[[str], None]
) -> dict[str, Any]:
    """Measure until a sample was not disturbed, at most ``attempts`` times, and return what to plan from.

    That is the quiet sample.  If there is none it is the one with the fastest step, in which each other part took the
    least time that it took in any of them.  It has ``attempts`` and ``disturbances`` too.
    """
    samples: list[dict[str, Any]] = []
    while len(samples) < attempts:
        samples.append(measure())
        _judge(samples, threads)
        # A better attempt can tell that an earlier one was disturbed, never that it was not.
        if not samples[-1]["disturbances"]:
            break
        log(f"attempt {len(samples)} of {attempts} was disturbed: {'; '.join(samples[-1]['disturbances'])}")
    result = samples[-1] if not samples[-1]["disturbances"] else _least_disturbed(samples)
    return {**result, "attempts": len(samples)}


def _judge(samples: list[dict[str, Any]], threads: int) -> None:
    """Enter the disturbances of all attempts, each held against the best of them."""
    best = max(Load(**sample["load"]).cpu_per_thread(threads) for sample in samples)
    for sample in samples:
        load, whole = Load(**sample["load"]), Load(**sample["whole_load"])
        # Its start, evaluations and checkpoint are planned from too.  Much of them does not compute with all threads,
        # so only what others did then tells something.
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
