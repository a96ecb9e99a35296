"""Compute the perplexity, for every place that trains, scores or checks."""

from __future__ import annotations

import math

_MAX_EXPONENT = 709.0
"""The largest whole number whose exp is a float."""


def perplexity(loss: float) -> float:
    """Return exp of a mean cross-entropy in nats per prediction; infinity where a float cannot hold it."""
    return math.exp(loss) if not loss > _MAX_EXPONENT else math.inf
