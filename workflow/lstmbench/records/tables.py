"""Read and write result tables: CSV for people, Parquet with exact types for programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import ArrowInvalid

from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.statistics.verdict import Verdict
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import csv_cell, from_csv_cell
from lstmbench.utils.files import atomic, write_text

TEXTS = {
    *CASE_COLUMNS, "task", "caps", "seeds", "metric", "value_unit", "speed_unit", "unit", "cpu", "gpu", "os", "python",
    "switches", "versions", "commit", "commits", "started", "finished", "settings_sha256", "data_sha256",
    "initial_weights_sha256", "final_weights_sha256", "protocol", "first", "second", "source", "url", "note",
    "published_source", "published_url", "published_note", "published_valid_source", "published_values", "lstm_init",
    "output_init", "optimizer", "dtype", "steady", "disturbed", "verdict", "path", "numerator", "denominator", "part",
    "direction", "framework", "product", "transposed", "precision", "applies_to", "published_metric", "why",
    "target_source", "target_note", "failure", "bundle", "what", "node", "nodes", "libc", "spin_limits", "machine_kind",
    "processor", "limited", "not_judged", "level", "about", "recipe", "version", "certificate", "bfloat16",
    "first_versions", "second_versions",
}  # fmt: skip
"""Columns of text.  pandas would read a hash of digits as a number, and a device called "NA" as missing."""

VERDICT = "verdict"
"""The column that holds ``Verdict`` in memory, and its text in files."""


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write CSV atomically, and Parquet beside it; missing values are empty fields.

    Raises:
        DataError: a text where a number should be.
    """
    typed = _typed(path, frame)
    frame = frame.assign(**{VERDICT: typed[VERDICT]}) if VERDICT in frame else frame
    write_text(path, frame.map(csv_cell).to_csv(index=False, lineterminator="\n"))
    with atomic(path.with_suffix(".parquet")) as temporary:
        typed.to_parquet(temporary, index=False)


def read_table(path: Path, separator: str = ",") -> pd.DataFrame:
    """Read CSV or, by its suffix, Parquet: text columns as str ("" where empty), others as numbers (NaN where empty).

    The column of verdicts holds ``Verdict``.

    Raises:
        DataError: missing, empty, a text where a number should be, or an unknown verdict.
    """
    try:
        if path.suffix == ".parquet":
            return _with_verdicts(path, pd.read_parquet(path))
        frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, ArrowInvalid) as error:
        raise DataError(f"{path}: not readable as a table: {error}") from error
    for column in frame.columns.intersection(list(TEXTS)):
        frame[column] = frame[column].map(from_csv_cell)
    return _with_verdicts(path, _typed(path, frame))


def _with_verdicts(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    if VERDICT not in frame:
        return frame
    try:
        return frame.assign(**{VERDICT: [*map(Verdict.parse, frame[VERDICT])]})
    except ValueError as error:
        raise DataError(f"{path}: column {VERDICT}: {error}") from error


def _typed(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with each column, by its name, either text or numbers."""
    return pd.DataFrame({name: _column(path, values) for name, values in frame.items()}, columns=frame.columns)


def _column(path: Path, values: pd.Series) -> pd.Series:
    if values.name in TEXTS:
        return values.astype("str").fillna("")
    if pd.api.types.is_numeric_dtype(values):
        return values
    try:
        numbers = pd.to_numeric(np.array([None if value == "" else value for value in values], dtype=object))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: column {values.name}: expected numbers: {error}") from error
    # pandas would not make numbers of a column with only missing values.
    return pd.Series(numbers.astype(float) if numbers.dtype == object else numbers, values.index, name=values.name)
