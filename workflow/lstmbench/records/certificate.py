"""Read a certificate of parity, which ``certify`` writes, and check that it can be true."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lstmbench.records.tables import TEXTS, read_table
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import short
from lstmbench.utils.strict_json import RERUN_HINT

COLUMNS = ["implementation", "device", "task", "what", "deviation", "tolerance", "versions", "failure"]
"""Columns of a certificate."""


def read_certificate(path: Path) -> pd.DataFrame:
    """Read and check ``{implementation}/{device}.csv``: a row per comparison, with the columns ``COLUMNS``.

    A deviation may be infinite: that is what ``certify`` writes if an implementation computes a NaN.

    Raises:
        DataError: missing, not a table of these columns, of another implementation or device than its path names,
            or with a number that cannot be; names the line and the column.
    """
    try:
        table = read_table(path)
    except DataError as error:
        raise DataError(f"{error}. {RERUN_HINT}") from error
    # pandas uses the first column as an index if rows have more fields than the header.
    if list(table.columns) != COLUMNS or not isinstance(table.index, pd.RangeIndex):
        columns = ", ".join(table.columns)
        raise DataError(
            f"{path}: expected the columns {', '.join(COLUMNS)} and as many fields in each row; found {columns}. "
            f"{RERUN_HINT}"
        )
    if table.empty:
        raise DataError(f"{path}: expected a row per comparison, found none. {RERUN_HINT}")
    for line, row in enumerate(table.to_dict("records"), start=2):
        for column, value in row.items():
            if expected := _expected(path, row, str(column)):
                found = "none" if isinstance(value, float) and math.isnan(value) else short(value)
                raise DataError(f"{path} line {line}, {column}: expected {expected}, found {found}. {RERUN_HINT}")
    return table


def _expected(path: Path, row: dict[str, object], column: str) -> str:
    """Return what a field of a row should contain, or nothing if it does."""
    value = row[column]
    if column in ("implementation", "device"):
        name = path.parent.name if column == "implementation" else path.stem
        return "" if value == name else f"{name}, as in its path"
    if column in TEXTS:
        return ""
    number = float(str(value))
    if column == "deviation" and math.isnan(number) != (row["failure"] != ""):
        return "none beside a failure" if row["failure"] else "a number"
    if number < 0:
        return "0 or more"
    return "a finite number or none" if math.isinf(number) and column != "deviation" else ""
