"""Verdicts on simulated truth: "equal" and "different" are said falsely in one case of twenty at most."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy import stats

from lstmbench.statistics.equivalence import MARGINS, MIN_SEEDS, Comparison, compare, holm, verdicts

TRIALS = 4000
SPREAD = 0.005
"""Of the logarithm of a ratio between pairs."""


@functools.cache
def pairs(truth: float, seeds: int, trials: int = TRIALS) -> list[Comparison]:
    generator = np.random.default_rng(seeds)
    ratios = np.exp(generator.normal(truth, SPREAD, (trials, seeds)))
    return [compare(np.full(seeds, 115.0), 115.0 * trial, "perplexity") for trial in ratios]


def share_called(word: str, comparisons: list[Comparison]) -> float:
    return sum(verdicts([comparison]) == [word] for comparison in comparisons) / len(comparisons)


@pytest.mark.parametrize("seeds", [5, 10])
def test_the_interval_covers_the_truth_as_often_as_it_claims(seeds):
    covered = [comparison.low <= 0.01 <= comparison.high for comparison in pairs(0.01, seeds)]
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("seeds", [5, 10])
def test_what_lies_at_the_margin_is_rarely_called_equal(seeds):
    assert share_called("equal", pairs(MARGINS["perplexity"], seeds)) <= 0.06


@pytest.mark.parametrize("seeds", [5, 10])
def test_what_does_not_differ_is_rarely_called_different(seeds):
    assert share_called("different", pairs(0.0, seeds)) <= 0.06


def test_ten_seeds_suffice_to_call_the_same_equal():
    assert share_called("equal", pairs(0.0, 10)) > 0.95


def test_a_large_difference_is_called_one():
    assert share_called("different", pairs(0.05, 10)) > 0.95


def test_many_comparisons_together_cry_wolf_no_more_often_than_one():
    # Five comparisons of what does not differ, wide enough for none to be equal: any "different" is false.
    generator = np.random.default_rng(1)
    false = 0
    for _ in range(1000):
        ratios = np.exp(generator.normal(0.0, 0.05, (5, 6)))
        together = [compare(np.full(6, 115.0), 115.0 * trial, "perplexity") for trial in ratios]
        false += "different" in verdicts(together)
    assert false / 1000 <= 0.065


@pytest.mark.parametrize(
    ("probabilities", "rejected"),
    [
        # Holm's own procedure by hand: 0.05 / 3, then / 2, then / 1, and none after the first that stands.
        ([0.01, 0.04, 0.03], [True, False, False]),
        ([0.01, 0.04, 0.02], [True, True, True]),
        ([0.02, 0.02, 0.02], [False, False, False]),
        # What has no p-value is no test, so it makes no other test stricter.
        ([math.nan, 0.01], [False, True]),
        ([0.04, math.nan], [True, False]),
        ([math.nan], [False]),
        ([], []),
    ],
)
def test_many_hypotheses_fall_by_holm_s_steps(probabilities, rejected):
    assert holm(probabilities) == rejected


def test_few_seeds_support_no_claim():
    one = compare([115.0] * (MIN_SEEDS - 1), [230.0] * (MIN_SEEDS - 1), "perplexity")
    assert verdicts([one]) == ["no claim"]
    assert math.isnan(compare([115.0], [116.0], "perplexity").low)


def test_the_p_values_are_those_of_scipy_s_tests():
    generator = np.random.default_rng(2)
    first, second = generator.normal(0.98, 0.001, 8), generator.normal(0.981, 0.001, 8)
    found = compare(first, second, "accuracy")
    assert found.p_different == pytest.approx(stats.ttest_rel(second, first).pvalue)
    margin = MARGINS["accuracy"]
    below = stats.ttest_1samp(second - first, margin, alternative="less").pvalue
    above = stats.ttest_1samp(second - first, -margin, alternative="greater").pvalue
    assert found.p_equal == pytest.approx(max(below, above))


def test_runs_that_agree_in_every_bit_are_equal():
    assert verdicts([compare([0.98] * 5, [0.98] * 5, "accuracy")]) == ["equal"]
