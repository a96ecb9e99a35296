"""Test whether a process is in a steady state: no drift and no shift of its times per step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

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
        if 2 * special.stdtr(freedom, -t) < SIGNIFICANCE:
            return f"its last half drifts by {100 * math.expm1(drift):+.1f} %"
    if abs(shift) > MAX_SHIFT and special.kolmogorov(np.abs(sums).max() / noise / math.sqrt(count)) < SIGNIFICANCE:
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
