"""Compute the statistics of speed: intervals over processes, ratios over pairs, and tests for a steady state.

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
from scipy import stats

CONFIDENCE = 0.95

MAX_DRIFT = 0.01
"""Largest relative change of a steady process's time per step over the last half of its blocks."""

MAX_SHIFT = 0.02
"""Largest relative change of a steady process's time per step at the most likely change point."""

LIKENESS = 0.5
"""Assumed correlation of neighbouring blocks' noise; a larger correlation counts as a change."""

SIGNIFICANCE = 0.04
"""A drift or shift with a p-value below this is more than noise.  Of steady processes with noise of 3 %, 3 to 5 % are
called unsteady if the correlation of neighbours is ``LIKENESS``, and at most 1 % if they are independent."""

MIN_BLOCKS = 8
"""With fewer blocks neither test can distinguish a change from noise."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; the bounds are NaN if there is only one value."""

    estimate: float
    low: float
    high: float


def geometric_mean(values: ArrayLike) -> Interval:
    """Return the geometric mean of positive values, one per process, with a t-interval on their logarithms."""
    logs = np.log(np.asarray(values, dtype=float))
    centre = logs.mean()
    if len(logs) < 2:
        return Interval(math.exp(centre), math.nan, math.nan)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * stats.sem(logs)
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def arithmetic_mean(values: ArrayLike) -> Interval:
    """Return the mean of values, one per seed, with its t-interval."""
    each = np.asarray(values, dtype=float)
    if len(each) < 2:
        return Interval(float(each.mean()), math.nan, math.nan)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(each) - 1) * stats.sem(each)
    return Interval(float(each.mean()), float(each.mean() - half), float(each.mean() + half))


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
    test = stats.ttest_ind(above, below, equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    return Interval(centre, math.exp(interval.low), math.exp(interval.high)), float(test.pvalue)


def iqr_over_median(values: ArrayLike) -> float:
    """Return the interquartile range relative to the median, a spread that single outliers do not affect."""
    low, median, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
    return float((high - low) / median)


def unsteadiness(times: ArrayLike) -> str:
    """Return why a process's times per step, one per block, are not a steady state; "" if they are.

    Each of two tests must find a change that is both larger than allowed and more than noise.  One tests the slope of
    the last half by least squares.  The other tests a shift at the most likely place, where the cumulative sum is
    furthest from a straight line (CUSUM; its distribution is Kolmogorov's: Ploberger and Kraemer 1992).  Fewer than
    ``MIN_BLOCKS`` blocks are not tested; "" then means nothing.
    """
    logs = np.log(np.asarray(times, dtype=float))
    count = len(logs)
    if count < MIN_BLOCKS:
        return ""
    sums = np.cumsum(logs - logs.mean())
    place = int(np.abs(sums[:-1]).argmax()) + 1
    shift = logs[place:].mean() - logs[:place].mean()
    noise = _noise(logs, place)
    freedom = (count - 4) / 2  # of _noise: neighbouring differences share two of their three blocks
    half = logs[count // 2 :]
    centred = np.arange(len(half)) - (len(half) - 1) / 2
    slope = (centred @ half) / (centred @ centred)
    drift = slope * (len(half) - 1)
    if abs(drift) > MAX_DRIFT:
        t = abs(slope) * math.sqrt(centred @ centred) / noise
        if 2 * stats.t.sf(t, freedom) < SIGNIFICANCE:
            return f"its last half drifts by {100 * math.expm1(drift):+.1f} %"
    if abs(shift) > MAX_SHIFT and stats.kstwobign.sf(np.abs(sums).max() / noise / math.sqrt(count)) < SIGNIFICANCE:
        return f"it changes by {100 * math.expm1(shift):+.1f} % after block {place}"
    return ""


def _noise(logs: np.ndarray, place: int) -> float:
    """Return the standard deviation of a block's noise, as it counts in sums over neighbouring blocks.

    Second differences are hardly affected by a drift or a tail; the two that span ``place`` are left out because a
    shift would affect them.  Noise with standard deviation s and correlation r between neighbours gives them the
    variance 2 (1 - r) (3 - r) s^2, and a sum of n blocks the variance n s^2 (1 + r) / (1 - r).  r is assumed, because a
    few blocks do not suffice to fit it.
    """
    spans = np.isin(np.arange(1, len(logs) - 1), (place - 1, place))
    variance = np.mean(np.diff(logs, 2)[~spans] ** 2) / (2 * (1 - LIKENESS) * (3 - LIKENESS))
    return max(math.sqrt(variance * (1 + LIKENESS) / (1 - LIKENESS)), np.finfo(float).eps)
