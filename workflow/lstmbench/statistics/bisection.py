"""Find the first slow version of several by bisection, each measured in turns with the first, which is good.

A comparison is a list of ratios, the speed of a version over that of the good one, one per round.  A version is slow if
it has lost more than half of what the last version has certainly lost (of the logarithm).  If its ratios do not say
which, they are added to.  A version whose ratios never say is no answer: the result then names every version that may
be the first.  So noise makes an answer wider, and not wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lstmbench.statistics.intervals import Interval, arithmetic_mean, geometric_mean
from lstmbench.utils.errors import MachineError

ROUNDS = (5, 10, 20, 40)
"""Rounds after which the ratios of a version are looked at."""

CONFIDENCE = 0.995
"""Of a single look.  Several looks at several versions err together, so it is more than that of an interval shown."""

MAX_UNCERTAIN = 2
"""Versions without an answer after which the search ends, as the machine is too noisy for it."""

Measure = Callable[[str, int], Sequence[float]]
"""measure(version, rounds) -> that many more ratios.  A MachineError says that the version cannot be measured."""


@dataclass(frozen=True)
class Judged:
    """What was measured of a version; ``slow`` is None if it is not certain."""

    slow: bool | None
    ratios: list[float]

    @property
    def interval(self) -> Interval:
        """Return the ratio with its 95 % interval."""
        return geometric_mean(self.ratios)


@dataclass
class Bisection:
    """The result.

    suspects: the versions of which one is the first slow one, in order; none if the last version is not slower.
    judged: every version that was measured.  skipped: why others could not be.
    """

    suspects: list[str] = field(default_factory=list)
    judged: dict[str, Judged] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def first_slow(versions: Sequence[str], measure: Measure, least_loss: float) -> Bisection:
    """Return the first slow of ``versions``, of which the first is good, if the last has lost ``least_loss`` or more.

    ``least_loss`` is a share of the speed.  Each version but the first is measured at most once.

    Raises:
        MachineError: the last version cannot be measured.
    """
    result = Bisection()
    last = len(versions) - 1
    end = result.judged[versions[last]] = judge(versions[last], measure, math.log1p(-least_loss), precise=True)
    if not end.slow:
        return result
    # The estimate of a noisy loss that was found large enough is too large, so the bound of it counts.
    threshold = _log_mean(end.ratios).high / 2
    low, high, uncertain = 0, last, 0
    while uncertain < MAX_UNCERTAIN:
        untested = [place for place in range(low + 1, high) if versions[place] not in result.skipped]
        if not untested:
            break
        place = min(untested, key=lambda one: abs(one - (low + high) / 2))
        name = versions[place]
        try:
            found = result.judged[name] = judge(name, measure, threshold)
        except MachineError as error:
            result.skipped[name] = str(error)
            continue
        if found.slow is None:
            uncertain += 1
            result.skipped[name] = f"not certain after {len(found.ratios)} rounds"
        elif found.slow:
            high = place
        else:
            low = place
    result.suspects = list(versions[low + 1 : high + 1])
    return result


def judge(version: str, measure: Measure, threshold: float, precise: bool = False) -> Judged:
    """Measure a version until it is certain on which side of ``threshold``, the log of a ratio, it is.

    precise: go on until a slow one is known to half of its loss, or the rounds end.

    Raises:
        MachineError: it cannot be measured.
    """
    ratios: list[float] = []
    slow = None
    for rounds in ROUNDS:
        ratios += measure(version, rounds - len(ratios))
        slow = is_below(ratios, threshold)
        loss = _log_mean(ratios)
        if slow is False or (slow and not (precise and loss.high - loss.low > abs(loss.estimate))):
            break
    return Judged(slow, ratios)


def is_below(ratios: Sequence[float], threshold: float) -> bool | None:
    """Return whether the mean of the logs of ratios is below ``threshold``; None if it is not certain."""
    mean = _log_mean(ratios)
    if mean.high < threshold:
        return True
    return False if mean.low > threshold else None


def _log_mean(ratios: Sequence[float]) -> Interval:
    """Return the mean of the logs of ratios."""
    return arithmetic_mean(np.log(np.asarray(ratios, dtype=float)), CONFIDENCE)
