"""A ratio is judged by its interval, and only if both speeds may be quoted."""

from __future__ import annotations

import math

import pytest

from lstmbench.analysis.ratios import verdict
from lstmbench.statistics.verdict import Kind


@pytest.mark.parametrize(
    ("quotable", "low", "high", "kind"),
    [
        (1, 1.01, 1.2, Kind.FASTER),
        (1, 0.8, 0.99, Kind.SLOWER),
        (1, 0.99, 1.01, Kind.INCONCLUSIVE),
        (1, 1.0, 1.2, Kind.INCONCLUSIVE),
        (1, math.nan, math.nan, Kind.NO_INTERVAL),
        (0, 1.01, 1.2, Kind.NOT_QUOTABLE),
    ],
)
def test_an_interval_on_one_side_of_1_shows_which_is_faster(quotable, low, high, kind):
    assert verdict(quotable, low, high).kind is kind
