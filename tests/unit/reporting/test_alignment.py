"""Columns of numbers are told from columns of words."""

from __future__ import annotations

import pandas as pd
import pytest

from lstmbench.reporting.alignment import leading_number, numeric


def test_a_column_is_numeric_if_all_its_cells_are():
    frame = pd.DataFrame({"a": ["1", "\N{EN DASH}"], "b": ["1", "x"], "c": ["+1 %", "\N{MINUS SIGN}2 %"]})
    assert numeric(frame) == [True, False, True]


def test_a_column_without_a_value_is_one_of_words():
    assert numeric(pd.DataFrame({"verdict": ["\N{EN DASH}"] * 2, "n": ["1", "\N{EN DASH}"]})) == [False, True]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1,234.5 to 2,000", "1234.5"),
        ("\N{MINUS SIGN}2 %", "-2"),
        ("+0.5 %", "0.5"),
        ("1.8e-05", "1.8e-05"),
        ("400, 20 % traced", "400"),
        ("40.0 (30.0)", "40.0"),
        ("+1e+20", "1e20"),
    ],
)
def test_a_number_is_told_with_what_follows_it_left_out(cell, number):
    assert leading_number(cell) == number


@pytest.mark.parametrize("cell", ["2026-01-02", "12th Gen Intel(R) Core(TM) i7", "2.11.0", "-", "x 1", ""])
def test_a_date_a_version_and_a_name_that_begins_with_a_digit_are_no_numbers(cell):
    assert leading_number(cell) == ""
    assert numeric(pd.DataFrame({"a": [cell], "b": ["1"]})) == [False, True]
