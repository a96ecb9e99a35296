"""A ratio is judged by its rounds, corrected for all ratios of the measurement, and only if it may be quoted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lstmbench.analysis.ratios import verdicts
from lstmbench.statistics.verdict import Kind, Verdict

DOUBTFUL = [1.05, 1.01, 1.08, 1.02, 1.09]
"""Ratios whose own 95 % interval excludes 1; their p-value is 0.03."""


@pytest.mark.parametrize(
    ("ratios", "quotable", "kind"),
    [
        ([1.10, 1.12, 1.11], True, Kind.FASTER),
        ([0.90, 0.88, 0.89], True, Kind.SLOWER),
        ([2.0, 2.0, 2.0], True, Kind.FASTER),
        ([1.0, 1.0, 1.0], True, Kind.INCONCLUSIVE),
        ([0.9, 1.1, 1.0], True, Kind.INCONCLUSIVE),
        (DOUBTFUL, True, Kind.FASTER),
        ([1.1], True, Kind.NO_INTERVAL),
        ([1.10, 1.12, 1.11], False, Kind.NOT_QUOTABLE),
    ],
)
def test_the_rounds_of_a_ratio_show_which_is_faster(ratios, quotable, kind):
    (found,) = verdicts([ratios], [quotable])
    assert found.kind is kind


def test_a_ratio_that_only_the_correction_makes_uncertain_says_so():
    wide = [0.9, 1.1, 1.0, 1.2, 0.8]
    first, *_ = verdicts([DOUBTFUL, wide], [True, True])
    assert first == Verdict(Kind.INCONCLUSIVE, "not certain once corrected for the 2 ratios of the measurement")


def test_ratios_that_are_not_tested_take_no_part_in_the_correction():
    found = verdicts([DOUBTFUL, [0.9, 1.1], [1.1]], [True, False, True])
    assert [verdict.kind for verdict in found] == [Kind.FASTER, Kind.NOT_QUOTABLE, Kind.NO_INTERVAL]
    assert verdicts([], []) == []


def test_of_seven_that_are_equally_fast_some_ratio_is_called_faster_in_at_most_5_percent_of_measurements():
    generator = np.random.default_rng(1)
    trials, wrong = 400, 0
    for _ in range(trials):
        speeds = np.exp(generator.normal(0, 0.02, (7, 5)))
        ratios = [speeds[one] / speeds[other] for one, other in itertools.combinations(range(7), 2)]
        wrong += any(verdict.conclusive for verdict in verdicts(ratios, [True] * len(ratios)))
    assert wrong / trials < 0.07  # 5 % and two standard errors
