"""Tell columns of numbers from columns of words, for their alignment."""

from __future__ import annotations

import re

import pandas as pd

from lstmbench.reporting.cells import ABSENT

_NUMBER = re.compile(r"[+\N{MINUS SIGN}]?\d+(,\d{3})*(\.\d+)?(e[+-]\d+)?(?=[\s,;%]|$)")
"""A number ends before a space, a sign or the end of its cell: a date or a name that begins with a digit is none."""


def leading_number(cell: str) -> str:
    """Return the number that a cell of text begins with, as Python writes it; "" if it begins with none."""
    found = _NUMBER.match(cell)
    return found[0].replace(",", "").replace("\N{MINUS SIGN}", "-").replace("+", "") if found else ""


def numeric(frame: pd.DataFrame) -> list[bool]:
    """Return which columns of a table of text contain numbers and else only dashes, for those that are missing."""
    columns = ([*frame.iloc[:, place]] for place in range(frame.shape[1]))
    present = ([cell for cell in column if cell != ABSENT] for column in columns)
    return [bool(cells) and all(map(leading_number, cells)) for cells in present]
