"""Find change points in a history: the places from which on the level of a value is another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

MIN_POINTS = 8
"""With fewer points a change cannot be told from noise."""

MIN_SEGMENT = 2
"""Points that a new level needs: one alone may be an outlier."""

PENALTY = 3.0
"""A change must save this multiple of noise times log of the number of points.  A history without a change is marked
in at most 5 % of cases (tests/unit/statistics/test_change_points.py)."""

_NORMAL = 0.6745
"""Median of the absolute value of a standard normal variable."""


def change_points(logs: ArrayLike, least_change: float) -> dict[int, float]:
    """Return the places at which a new level begins, each with its change, by PELT (Killick et al. 2012).

    ``logs`` are logarithms in the order of the history; a change smaller than ``least_change`` is not marked.  The
    noise is estimated from the differences of neighbours, which a change hardly affects.  Levels are medians, and the
    distances from them are absolute, so that an outlier makes no level.  Fewer than ``MIN_POINTS`` have no change.
    """
    values = np.asarray(logs, dtype=float)
    if len(values) < MIN_POINTS:
        return {}
    import ruptures  # takes half a second, which only a history needs

    noise = float(np.median(np.abs(np.diff(values)))) / (_NORMAL * math.sqrt(2))
    penalty = PENALTY * max(noise, np.finfo(float).eps) * math.log(len(values))
    search = ruptures.Pelt(model="l1", min_size=MIN_SEGMENT, jump=1).fit(values[:, np.newaxis])
    edges = [0, *search.predict(pen=penalty)]
    found = {}
    for before, start, end in zip(edges, edges[1:], edges[2:], strict=False):
        change = float(np.median(values[start:end]) - np.median(values[before:start]))
        if abs(change) >= least_change:
            found[start] = change
    return found
