"""Steady states on simulated truth: the tests neither cry wolf nor sleep."""

from __future__ import annotations

import numpy as np
import pytest

from lstmbench.statistics.steady_state import MIN_BLOCKS, unsteadiness
from tests.factories.timing import WITHIN, block_noise


def share_called_unsteady(trials) -> float:
    return float(np.mean([bool(unsteadiness(times)) for times in trials]))


@pytest.mark.parametrize("blocks", [MIN_BLOCKS, 10, 20, 40])
def test_noise_alone_is_called_unsteady_once_in_twenty_at_most(blocks):
    trials = 0.08 * np.exp(block_noise(np.random.default_rng(blocks), 2000, blocks))
    assert share_called_unsteady(trials) <= 0.05


def test_independent_noise_is_called_unsteady_once_in_a_hundred_at_most():
    assert share_called_unsteady(0.08 * np.exp(np.random.default_rng(1).normal(0, WITHIN, (1000, 20)))) <= 0.01


@pytest.mark.parametrize("blocks", [20, 40])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda part: np.where(part < 0.5, 0.05, 0.0), id="a shift of 5 % half-way"),
        pytest.param(lambda part: 0.3 * np.exp(-part * len(part) / 3), id="a warm-up of a few blocks"),
        pytest.param(lambda part: 0.1 * np.exp(-4 * part), id="a warm-up of half the blocks"),
        pytest.param(lambda part: 0.10 * part, id="a drift of 10 %"),
    ],
)
def test_a_change_is_called_unsteady(change, blocks):
    part = np.arange(blocks) / blocks
    trials = 0.08 * np.exp(np.random.default_rng(2).normal(0, 0.008, (200, blocks)) + change(part))
    assert share_called_unsteady(trials) >= 0.95


def test_the_reason_says_which_way_and_where():
    times = [1.0] * 10 + [1.2] * 10
    assert unsteadiness(times) == "it changes by +20.0 % after block 10"
    assert "drifts by +" in unsteadiness(1 + 0.01 * np.arange(20) ** 1.5)


def test_a_change_does_not_count_as_the_noise_that_hides_it():
    assert unsteadiness([1.0] * 4 + [1.2] * 4) == "it changes by +20.0 % after block 4"


def test_too_few_blocks_are_not_tested():
    assert unsteadiness([1.0, 2.0, 3.0]) == ""
    assert unsteadiness(np.arange(1.0, MIN_BLOCKS)) == ""
    assert unsteadiness(np.arange(1.0, MIN_BLOCKS + 1)) != ""
