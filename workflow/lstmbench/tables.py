"""The tables between the verbs: CSV that reads back as it was written, and Markdown for people."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lstmbench.errors import DataError
from lstmbench.files import write_text

RUN = ["dataset", "size", "implementation", "device", "seed"]
"""What names a run."""

TEXTS = {
    *RUN[:-1], "task", "caps", "seeds", "metric", "value_unit", "speed_unit", "unit", "cpu", "gpu", "os", "python",
    "versions", "commit", "commits", "started", "finished", "settings_sha256", "data_sha256", "initial_weights_sha256",
    "final_weights_sha256", "protocol", "first", "second", "source", "url", "note", "published_source", "published_url",
    "published_note", "published_valid_source", "published_values", "lstm_init", "output_init", "optimizer", "dtype",
}  # fmt: skip
"""Columns of text.  pandas would take a hash of digits for a number and a device called "NA" for a hole."""

PUBLISHED_METRICS = ("train_perplexity", "valid_perplexity", "test_perplexity", "test_accuracy", "first_128_accuracy")


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write CSV atomically; what is absent is an empty cell."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def read_table(path: Path, separator: str = ",") -> pd.DataFrame:
    """Read CSV: text columns as str ("" where empty), all others as numbers (NaN where empty).

    Raises:
        DataError: missing, empty, or a text where a number should be.
    """
    try:
        frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as a table: {error}") from error
    for column in frame.columns.difference(list(TEXTS)):
        try:
            frame[column] = pd.to_numeric(frame[column].replace("", None))
        except ValueError as error:
            raise DataError(f"{path}: column {column}: expected numbers: {error}") from error
    return frame


def read_published(path: Path) -> pd.DataFrame:
    """Read published.tsv.

    Raises:
        DataError: a missing column, an unknown metric, or a value that is none.
    """
    frame = read_table(path, separator="\t")
    expected = ["dataset", "size", "metric", "value", "source", "url", "note"]
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


def write_markdown(path: Path, title: str, tables: dict[str, pd.DataFrame], notes: list[str]) -> None:
    """Write tables of text under their headings ("" for none), and notes below, as Markdown, atomically."""
    parts = [f"# {title}"]
    for heading, frame in tables.items():
        if heading:
            parts.append(f"## {heading}")
        safe = frame.map(_escape)
        parts.append(safe.to_markdown(index=False, disable_numparse=True))
    parts += notes
    write_text(path, "\n\n".join(parts) + "\n")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
