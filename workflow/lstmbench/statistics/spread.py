"""Measure how far values spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def iqr_over_median(values: ArrayLike) -> float:
    """Return the interquartile range relative to the median, a spread that single outliers do not affect."""
    low, median, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
    return float((high - low) / median)
