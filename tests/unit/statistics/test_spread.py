"""The spread of blocks, which single outliers do not affect."""

from __future__ import annotations

import pytest

from lstmbench.statistics.spread import iqr_over_median


def test_the_spread_is_that_of_the_middle_half():
    assert iqr_over_median([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert iqr_over_median([1, 2, 3, 4, 500]) == pytest.approx(2 / 3)
