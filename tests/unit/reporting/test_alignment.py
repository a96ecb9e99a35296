"""Columns of numbers are told from columns of words."""

from __future__ import annotations

import pandas as pd

from lstmbench.reporting.alignment import numeric


def test_a_column_is_numeric_if_all_its_cells_are():
    frame = pd.DataFrame({"a": ["1", "\N{EN DASH}"], "b": ["1", "x"], "c": ["+1 %", "\N{MINUS SIGN}2 %"]})
    assert numeric(frame) == [True, False, True]
