"""Judge the ratios of speeds that were measured in the same rounds.

A measurement of several implementations has a ratio for each two of them.  Of seven that are equally fast, some ratio
would be called faster or slower in half of all measurements.  So the t-tests are corrected for all of them (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from lstmbench.statistics.equivalence import holm
from lstmbench.statistics.intervals import CONFIDENCE
from lstmbench.statistics.verdict import Kind, Verdict


def verdicts(ratios: Sequence[Sequence[float]], quotable: Sequence[bool]) -> list[Verdict]:
    """Return the verdict on each ratio of one measurement.

    Args:
        ratios: of each two implementations, the first speed over the second in each round that both have.
        quotable: of each two, whether both speeds may be quoted.  Only these ratios are tested.
    """
    tested = [place for place, each in enumerate(ratios) if quotable[place] and len(each) > 1]
    chances = [_chance(ratios[place]) for place in tested]
    found = {
        place: _tested(ratios[place], chance, certain, len(tested))
        for place, chance, certain in zip(tested, chances, holm(chances), strict=True)
    }
    untested = (
        Verdict(Kind.NO_INTERVAL) if good else Verdict(Kind.NOT_QUOTABLE, "one of the speeds is not")
        for good in quotable
    )
    return [found.get(place, other) for place, other in enumerate(untested)]


def _tested(ratios: Sequence[float], chance: float, certain: bool, count: int) -> Verdict:
    """Return the verdict on one of ``count`` ratios, given whether it is certain after the correction."""
    if certain:
        return Verdict(Kind.FASTER if np.log(ratios).mean() > 0 else Kind.SLOWER)
    alone = chance <= 1 - CONFIDENCE
    why = f"not certain once corrected for the {count} ratios of the measurement" if alone else ""
    return Verdict(Kind.INCONCLUSIVE, why)


def _chance(ratios: Sequence[float]) -> float:
    """Return the p-value of a t-test of the logarithms; the null hypothesis is that both are equally fast."""
    logs = np.log(np.asarray(ratios, dtype=float))
    error = max(float(stats.sem(logs)), np.finfo(float).tiny)  # rounds may agree in every bit
    return float(2 * stats.t.sf(abs(logs.mean()) / error, len(logs) - 1))
