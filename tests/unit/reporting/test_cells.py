"""Numbers as the text of a cell."""

from __future__ import annotations

import math

import pytest

from lstmbench.reporting.cells import capped, decimals, metric, metric_with_half, number, signed


def test_numbers_are_written_with_their_precision():
    assert [metric(113.567, "perplexity"), metric(2103.4, "perplexity")] == ["113.57", "2,103"]
    assert metric(0.98765, "accuracy") == "98.77 %"
    assert [signed(0.5, "%"), signed(-0.5, "points")] == ["+0.50 %", "\N{MINUS SIGN}0.50 points"]
    assert signed(-0.001, "%") == "+0.00 %"
    assert [number(math.nan, 1), signed(math.nan, "%"), metric(math.nan, "accuracy")] == ["\N{EN DASH}"] * 3


@pytest.mark.parametrize(
    ("value", "half", "metric", "expected"),
    [
        (115.3, 0.196, "perplexity", "115.30 \N{PLUS-MINUS SIGN} 0.20"),
        (1200.3, 24.84, "perplexity", "1,200 \N{PLUS-MINUS SIGN} 25"),
        (1200.3, 0.24, "perplexity", "1,200.3 \N{PLUS-MINUS SIGN} 0.2"),
        (114.501, 0.00124, "perplexity", "114.501 \N{PLUS-MINUS SIGN} 0.001"),
        (115.0, 1e-14, "perplexity", "115.00 \N{PLUS-MINUS SIGN} 0.00"),
        (0.98034, 0.00012, "accuracy", "98.03 \N{PLUS-MINUS SIGN} 0.01 %"),
        (0.98034, 0.000012, "accuracy", "98.034 \N{PLUS-MINUS SIGN} 0.001 %"),
    ],
)
def test_a_mean_and_its_interval_have_the_same_decimals_and_an_interval_is_zero_only_if_it_is(
    value, half, metric, expected
):
    assert metric_with_half(value, half, metric) == expected


@pytest.mark.parametrize(
    ("value", "significant", "expected"),
    [
        (0.0123, 2, 3),
        (0.0999, 1, 1),
        (1.5, 2, 1),
        (123.0, 2, 0),
        (0.0, 3, 0),
        (math.inf, 3, 0),
        (math.nan, 3, 0),
    ],
)
def test_decimals_show_as_many_significant_digits_as_asked_for(value, significant, expected):
    assert decimals(value, significant) == expected


def test_only_a_capped_run_has_a_mark():
    assert [capped(""), capped("trained for 2 of 10 updates")] == ["", "capped: trained for 2 of 10 updates"]
