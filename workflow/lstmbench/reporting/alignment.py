"""Tell columns of numbers from columns of words, for their alignment."""

from __future__ import annotations

import re

import pandas as pd

NUMBER = re.compile(r"^(\d|[+\N{MINUS SIGN}]\d|\N{EN DASH}$)")
"""The beginning of a cell that is aligned to the right."""


def numeric(frame: pd.DataFrame) -> list[bool]:
    """Return which columns of a table of text contain only numbers."""
    return [all(NUMBER.match(cell) for cell in frame.iloc[:, place]) for place in range(frame.shape[1])]
