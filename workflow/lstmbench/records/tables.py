"""Read and write result tables: CSV for people, Parquet with exact types for programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowInvalid

from lstmbench.records.paths import CASE_COLUMNS, SIZE_COLUMNS
from lstmbench.statistics.verdict import Verdict
from lstmbench.system.identity import is_unknown, machine_fingerprint
from lstmbench.system.machine import Machine
from lstmbench.system.processor import UNKNOWN
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import csv_cell, from_csv_cell
from lstmbench.utils.files import atomic, hash_json, write_text

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

PUBLISHED_METRICS = ("train_perplexity", "valid_perplexity", "test_perplexity", "test_accuracy", "first_128_accuracy")

APPLIES_TO = ("complete", "capped")
"""The runs that a target is for."""

MACHINE = ["cpu", "cores", "cpu_quota", "memory_gb", "gpu", "os", "libc", "python", "switches", "spin_limits"]
"""Columns that describe the machine of a record.  Machines that differ in some can count as one (``identity``)."""


def machine_columns(machine: Machine) -> dict[str, Any]:
    """Return the values of ``MACHINE``."""
    cpu, capability = machine.cpu, machine.capability
    if is_unknown(cpu) and not cpu.startswith(UNKNOWN):  # the first records had the architecture as the name
        cpu = f"{UNKNOWN} ({cpu})"
    return {
        "cpu": f"{cpu}, {capability}" if capability else cpu,
        "cores": machine.cores,
        "cpu_quota": machine.cpu_quota,
        # Whole GB, because the kernel's own share differs by a few MB between boots of one machine.
        "memory_gb": round(machine.memory_bytes / 1e9),
        "gpu": machine.gpu,
        "os": machine.os,
        "libc": machine.libc,
        "python": machine.python,
        "switches": _variables(machine.switches),
        "spin_limits": _variables(machine.spin_limits),
    }


def kind_columns(machine: Machine, device: str) -> dict[str, str]:
    """Return what counts of a machine for runs on ``device``.

    machine_kind: a name of what counts in every precision, the same for identical machines.  bfloat16: how a CPU
    multiplied in that; empty in another precision.
    """
    counted = machine_fingerprint(machine, device)
    how = counted.pop("bfloat16", "")
    return {"machine_kind": hash_json(counted)[:16], "bfloat16": how}


def _variables(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))


def versions_column(versions: dict[str, str]) -> str:
    """Return libraries and their versions as one text."""
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


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
