"""Compute means and ratios with their intervals: over processes, over pairs and over seeds.

Times are positive and their errors multiply, so means and intervals are computed on logarithms.  The unit of
repetition is the process, because blocks of one process share its memory layout and its moment.  An interval over
blocks alone covers far less than its nominal 95 %.  An interval that bootstraps processes, then blocks, also covers
less: 88 % with 6 processes, 92 % with 10 (tests/unit/statistics/test_intervals.py shows all three).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval, of 95 % unless said otherwise; the bounds are NaN if there is only one value."""

    estimate: float
    low: float
    high: float


def arithmetic_mean(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of values, one per seed or pair, with its t-interval."""
    each = np.asarray(values, dtype=float)
    mean = float(each.mean())
    if len(each) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(special.stdtrit(len(each) - 1, (1 + confidence) / 2)) * standard_error(each)
    return Interval(mean, mean - half, mean + half)


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of two or more values."""
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def geometric_mean(values: ArrayLike) -> Interval:
    """Return the geometric mean of positive values, one per process, with a t-interval on their logarithms."""
    of_logs = arithmetic_mean(np.log(np.asarray(values, dtype=float)))
    return Interval(math.exp(of_logs.estimate), math.exp(of_logs.low), math.exp(of_logs.high))


def ratio(numerators: ArrayLike, denominators: ArrayLike) -> Interval:
    """Return the ratio of two speeds measured in pairs: geometric mean of the pairs' ratios, with its t-interval.

    Pairs of one round share the machine's state, which cancels in their ratio.
    """
    return geometric_mean(np.divide(numerators, denominators))


def unpaired_ratio(numerators: ArrayLike, denominators: ArrayLike) -> tuple[Interval, float]:
    """Return the ratio of two speeds that were not measured in pairs, and the p-value of no difference.

    The ratio of the geometric means is tested by Welch's t-test on the logarithms.  Interval and p-value are NaN with a
    single process on either side.
    """
    above, below = (np.log(np.asarray(values, dtype=float)) for values in (numerators, denominators))
    centre = math.exp(above.mean() - below.mean())
    if min(len(above), len(below)) < 2:
        return Interval(centre, math.nan, math.nan), math.nan
    from scipy import stats  # takes most of a second, which only a comparison of bundles needs

    test = stats.ttest_ind(above, below, equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    return Interval(centre, math.exp(interval.low), math.exp(interval.high)), float(test.pvalue)
