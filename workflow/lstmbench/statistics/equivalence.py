"""Judge whether two implementations are equal or different in quality, from runs paired by their random seed.

Perplexities are compared as logarithms, accuracies directly.  A verdict needs a margin that was fixed beforehand.
It is *equal* if an equivalence test puts the difference within the margin (two one-sided t-tests, Schuirmann 1987).
It is *different* if a t-test rejects equality after Holm's correction (1979) for all comparisons that are shown
together.  Otherwise it is *inconclusive*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from lstmbench.statistics.intervals import CONFIDENCE, Interval, arithmetic_mean, standard_error
from lstmbench.statistics.verdict import Kind

MARGINS = {"perplexity": math.log(1.01), "accuracy": 0.002}
"""Differences within which two implementations are equally good: of log perplexities, and of accuracies.

``margins`` states them in words.
"""

SPEED_MARGIN = 0.02
"""Two speeds are equal if the interval of their ratio is within this distance of 1."""

MIN_SEEDS = 5
"""The verdict is ``NO_CLAIM`` below this number of pairs."""


@dataclass(frozen=True)
class Comparison:
    """Differences of pairs: their mean with its 95 % interval, and the p-values of both null hypotheses.

    p_different: the null hypothesis is no difference.  p_equal: the null hypothesis is a difference as large as the
    margin.
    """

    n: int
    mean: float
    low: float
    high: float
    p_different: float
    p_equal: float


def compare(first: Sequence[float], second: Sequence[float], metric: str) -> Comparison:
    """Compare the second with the first, pair by pair; for a perplexity by the logarithm of the ratio."""
    before, after = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    differences = np.log(after / before) if metric == "perplexity" else after - before
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return Comparison(n, mean, math.nan, math.nan, math.nan, math.nan)
    interval = arithmetic_mean(differences)
    beyond = float(special.stdtr(n - 1, (abs(mean) - MARGINS[metric]) / _error(differences)))
    return Comparison(n, mean, interval.low, interval.high, chance(differences), beyond)


def chance(values: np.ndarray) -> float:
    """Return the two-sided p-value of a t-test whose null hypothesis is that the mean of two or more values is 0."""
    return float(2 * special.stdtr(len(values) - 1, -abs(values.mean()) / _error(values)))


def _error(values: np.ndarray) -> float:
    return max(standard_error(values), np.finfo(float).tiny)  # values may agree in every bit


def verdicts(comparisons: Sequence[Comparison]) -> list[Kind]:
    """Return the verdict on each comparison, corrected for all comparisons that are shown together."""
    claimed = [place for place, comparison in enumerate(comparisons) if comparison.n >= MIN_SEEDS]
    rejected = holm([comparisons[place].p_different for place in claimed])
    different = {place for place, differs in zip(claimed, rejected, strict=True) if differs}
    kinds = []
    for place, comparison in enumerate(comparisons):
        if comparison.n < MIN_SEEDS:
            kinds.append(Kind.NO_CLAIM)
        elif comparison.p_equal < 1 - CONFIDENCE:
            kinds.append(Kind.EQUAL)
        else:
            kinds.append(Kind.DIFFERENT if place in different else Kind.INCONCLUSIVE)
    return kinds


def speed_verdict(ratio: Interval, differs: bool) -> Kind:
    """Return the verdict on the ratio of a second speed over a first; ``differs``: a test rejects equality."""
    if math.isnan(ratio.low):
        return Kind.NO_INTERVAL
    if ratio.low > 1 - SPEED_MARGIN and ratio.high < 1 + SPEED_MARGIN:
        return Kind.EQUAL
    if differs:
        return Kind.FASTER if ratio.estimate > 1 else Kind.SLOWER
    return Kind.INCONCLUSIVE


def holm(probabilities: Sequence[float]) -> list[bool]:
    """Return which null hypotheses are rejected, at 5 % for all of them together (Holm 1979).

    NaN is no test: it is not rejected, and makes no other test stricter.
    """
    rejected = [False] * len(probabilities)
    tested = [place for place, probability in enumerate(probabilities) if not math.isnan(probability)]
    for rank, place in enumerate(sorted(tested, key=lambda place: probabilities[place])):
        if probabilities[place] > (1 - CONFIDENCE) / (len(tested) - rank):
            break
        rejected[place] = True
    return rejected


def in_unit(value: float, metric: str) -> float:
    """Return a ``Comparison``'s value in % (perplexity) or percentage points (accuracy)."""
    return 100 * (math.expm1(value) if metric == "perplexity" else value)
