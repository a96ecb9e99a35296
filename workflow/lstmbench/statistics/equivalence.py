"""Equal, different or inconclusive: what runs paired by their seed say about the quality of two implementations.

Perplexities are compared as logarithms, accuracies as they are.  A claim needs a margin that was fixed beforehand:
*equal* is said if the difference lies within it by an equivalence test (two one-sided t-tests, Schuirmann 1987),
*different* if a t-test says so after Holm's correction (1979) for all the comparisons that are shown together,
*inconclusive* otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lstmbench.statistics.intervals import CONFIDENCE

MARGINS = {"perplexity": math.log(1.01), "accuracy": 0.002}
"""Differences within which two implementations are as good as each other: of logarithms of perplexities, of accuracies.

``margins`` says them in words.
"""

SPEED_MARGIN = 0.02
"""Two speeds are equal if the interval of their ratio lies within this distance of 1."""

MIN_SEEDS = 5
"""Fewer pairs support no claim."""

EQUAL, DIFFERENT, INCONCLUSIVE, NO_CLAIM = "equal", "different", "inconclusive", "no claim"
"""The verdicts."""


@dataclass(frozen=True)
class Comparison:
    """Differences of pairs: mean with its 95 % interval, and the probabilities of both null hypotheses.

    p_different: of differences like these if there is none.  p_equal: if there is one as large as the margin.
    """

    n: int
    mean: float
    low: float
    high: float
    p_different: float
    p_equal: float


def compare(first: Sequence[float], second: Sequence[float], metric: str) -> Comparison:
    """The second relative to the first, pair by pair; of a perplexity the logarithm of the ratio."""
    before, after = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    differences = np.log(after / before) if metric == "perplexity" else after - before
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return Comparison(n, mean, math.nan, math.nan, math.nan, math.nan)
    error = max(float(stats.sem(differences)), np.finfo(float).tiny)  # pairs may agree in every bit
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * error
    margin = MARGINS[metric]
    p_different = 2 * stats.t.sf(abs(mean) / error, n - 1)
    p_equal = stats.t.sf((margin - abs(mean)) / error, n - 1)
    return Comparison(n, mean, mean - half, mean + half, float(p_different), float(p_equal))


def verdicts(comparisons: Sequence[Comparison]) -> list[str]:
    """What each of the comparisons that are shown together supports: equal, different, inconclusive or no claim."""
    claimed = [place for place, comparison in enumerate(comparisons) if comparison.n >= MIN_SEEDS]
    rejected = holm([comparisons[place].p_different for place in claimed])
    different = {place for place, differs in zip(claimed, rejected, strict=True) if differs}
    words = []
    for place, comparison in enumerate(comparisons):
        if comparison.n < MIN_SEEDS:
            words.append(NO_CLAIM)
        elif comparison.p_equal < 1 - CONFIDENCE:
            words.append(EQUAL)
        else:
            words.append(DIFFERENT if place in different else INCONCLUSIVE)
    return words


def holm(probabilities: Sequence[float]) -> list[bool]:
    """Which null hypotheses fall, at 5 % for all of them together (Holm 1979)."""
    rejected = [False] * len(probabilities)
    for rank, place in enumerate(np.argsort(probabilities)):
        if not probabilities[place] <= (1 - CONFIDENCE) / (len(probabilities) - rank):
            break
        rejected[place] = True
    return rejected


def in_unit(value: float, metric: str) -> float:
    """A ``Comparison``'s logarithm of perplexities' ratio in %, its difference of accuracies in percentage points."""
    return 100 * (math.expm1(value) if metric == "perplexity" else value)
