"""Read the values that others published, and the targets that a validation metric should reach."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lstmbench.records.paths import SIZE_COLUMNS
from lstmbench.records.tables import read_table
from lstmbench.utils.errors import DataError

PUBLISHED_METRICS = ("train_perplexity", "valid_perplexity", "test_perplexity", "test_accuracy", "first_128_accuracy")

APPLIES_TO = ("complete", "capped")
"""The runs that a target is for."""


def read_published(path: Path) -> pd.DataFrame:
    """Read published.tsv.

    Raises:
        DataError: a missing column, an unknown metric, or a value that is none.
    """
    frame = read_table(path, separator="\t")
    expected = [*SIZE_COLUMNS, "metric", "value", "source", "url", "note"]
    if list(frame.columns) != expected:
        raise DataError(f"{path}: expected the columns {', '.join(expected)}; found {', '.join(frame.columns)}")
    for row in frame.itertuples():
        if row.metric not in PUBLISHED_METRICS:
            raise DataError(
                f"{path} line {row.Index + 2}: unknown metric {row.metric!r}; known: {', '.join(PUBLISHED_METRICS)}"
            )
        low, high = (0, 1) if row.metric.endswith("accuracy") else (1, float("inf"))
        if not low <= row.value <= high:
            raise DataError(f"{path} line {row.Index + 2}: expected a value from {low} to {high}, found {row.value}")
    return frame


def read_targets(path: Path, published: pd.DataFrame) -> pd.DataFrame:
    """Read targets.tsv: values that the validation metric should reach, by dataset, size and applies_to.

    A row gives its own ``value``, or names a published one by ``published_metric`` and ``published_source``, whose
    value it then has.

    Raises:
        DataError: a missing column, neither or both of these, or no such published value.
    """
    frame = read_table(path, separator="\t")
    expected = [*SIZE_COLUMNS, "applies_to", "value", "published_metric", "published_source", "why"]
    if list(frame.columns) != expected:
        raise DataError(f"{path}: expected the columns {', '.join(expected)}; found {', '.join(frame.columns)}")
    for row in frame.itertuples():
        where = f"{path} line {row.Index + 2}"
        if row.applies_to not in APPLIES_TO:
            raise DataError(f"{where}: applies_to: expected {' or '.join(APPLIES_TO)}, found {row.applies_to!r}")
        if pd.isna(row.value) != (row.published_source != ""):
            raise DataError(f"{where}: expected either a value or a published_metric and published_source")
        if row.published_source:
            named = (row.dataset, row.size, row.published_metric, row.published_source)
            found = published[(published[[*SIZE_COLUMNS, "metric", "source"]] == named).all(axis="columns")]
            if len(found) != 1:
                raise DataError(f"{where}: expected one published value of {', '.join(named)}; found {len(found)}")
            frame.loc[row.Index, "value"] = found["value"].iloc[0]
    return frame
