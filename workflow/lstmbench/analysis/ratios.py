"""Judge the ratios of speeds that were measured in the same rounds.

A measurement of several implementations has a ratio for each two of them.  Of seven that are equally fast, some ratio
would be called faster or slower in half of all measurements.  So the t-tests are corrected for all of them (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmbench.statistics.equivalence import chance, holm
from lstmbench.statistics.intervals import CONFIDENCE
from lstmbench.statistics.verdict import Kind, Verdict


def verdicts(ratios: Sequence[Sequence[float]], quotable: Sequence[bool]) -> list[Verdict]:
    """Return the verdict on each ratio of one measurement.

    Args:
        ratios: of each two implementations, the first speed over the second in each round that both have.
        quotable: of each two, whether both speeds may be quoted.  Only these ratios are tested.
    """
    tested = [place for place, each in enumerate(ratios) if quotable[place] and len(each) > 1]
    logs = [np.log(np.asarray(ratios[place], dtype=float)) for place in tested]
    chances = [chance(each) for each in logs]
    found = {
        place: _tested(float(each.mean()), p, certain, len(tested))
        for place, each, p, certain in zip(tested, logs, chances, holm(chances), strict=True)
    }
    untested = (
        Verdict(Kind.NO_INTERVAL) if good else Verdict(Kind.NOT_QUOTABLE, "one of the speeds is not")
        for good in quotable
    )
    return [found.get(place, other) for place, other in enumerate(untested)]


def _tested(log_ratio: float, p: float, certain: bool, count: int) -> Verdict:
    """Return the verdict on one of ``count`` ratios, given whether it is certain after the correction."""
    if certain:
        return Verdict(Kind.FASTER if log_ratio > 0 else Kind.SLOWER)
    alone = p <= 1 - CONFIDENCE
    why = f"not certain once corrected for the {count} ratios of the measurement" if alone else ""
    return Verdict(Kind.INCONCLUSIVE, why)
