"""A change of level is found where it is, and noise is not taken for one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmbench.statistics.change_points import MIN_POINTS, change_points

MARGIN = 0.02


def history(n: int, noise: float, seed: int, changes: dict[int, float]) -> np.ndarray:
    """Levels that change at places, with noise."""
    values = np.random.default_rng(seed).normal(9.0, noise, n)
    for place, change in changes.items():
        values[place:] += change
    return values


@pytest.mark.parametrize("n", [MIN_POINTS, 12, 30])
def test_a_history_without_a_change_is_seldom_marked(n):
    marked = [bool(change_points(history(n, 0.03, seed, {}), MARGIN)) for seed in range(200)]
    assert np.mean(marked) <= 0.05


@pytest.mark.parametrize("place", [2, 6, 10])
def test_a_change_is_found_at_its_place_with_its_size(place):
    found = [change_points(history(12, 0.01, seed, {place: math.log(0.9)}), MARGIN) for seed in range(50)]
    assert sum([*one] == [place] for one in found) >= 48
    assert np.mean([one[place] for one in found if place in one]) == pytest.approx(math.log(0.9), abs=0.01)


def test_two_changes_are_found():
    found = change_points(history(20, 0.005, 1, {6: 0.1, 14: -0.2}), MARGIN)
    assert [*found] == [6, 14]
    assert [round(change, 1) for change in found.values()] == [0.1, -0.2]


def test_a_change_within_the_margin_is_not_marked_however_certain():
    assert change_points(history(20, 1e-5, 1, {10: 0.015}), MARGIN) == {}
    assert change_points(history(20, 1e-5, 1, {10: 0.025}), MARGIN)


def test_one_point_is_an_outlier_and_too_few_points_have_no_change():
    assert change_points(history(12, 0.003, 1, {5: 0.1, 6: -0.1}), MARGIN) == {}
    assert change_points([9.0] * 4 + [8.0] * (MIN_POINTS - 5), MARGIN) == {}
    assert change_points([9.0] * 4 + [8.0] * (MIN_POINTS - 4), MARGIN) == {4: -1.0}
