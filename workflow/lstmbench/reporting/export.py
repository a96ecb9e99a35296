"""Export speeds and qualities to services that watch for regressions, and as JSON of our own.

A speed that may not be quoted is left out for services, which keep no reason; our JSON has it without numbers.

Sources of the shapes:

- github-action-benchmark, tools ``customBiggerIsBetter`` and ``customSmallerIsBetter``: an array of objects with
  name, unit and value, and optionally range and extra
  (https://github.com/benchmark-action/github-action-benchmark, examples and ``src/extract.ts``).
- Bencher Metric Format, adapter ``json``: measures by benchmark, with value and optionally lower_value and upper_value
  (https://bencher.dev/docs/reference/bencher-metric-format).
- JSON: ``workflow/schemas/export.schema.json``.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
from msgspec import Meta
from msgspec.structs import replace

from lstmbench import __version__
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.reporting.cells import capped
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.fields import Count, Line, Name, Number, Positive, StrictStruct

FORMAT = 1
"""Version of our own JSON."""


class Value(StrictStruct, frozen=True):
    """A mean with its 95 % interval."""

    value: Annotated[Positive, Meta(description="Geometric mean of a speed or perplexity, mean of an accuracy.")]
    low: Annotated[float | None, Meta(description="Lower bound of the 95 % interval; null for one value.")]
    high: Annotated[float | None, Meta(description="Upper bound of the 95 % interval; null for one value.")]
    unit: Annotated[str, Meta(description="words/s, images/s, perplexity (lower is better) or accuracy (0 to 1).")]
    n: Annotated[Number, Meta(description="Processes of a speed, or seeds of a quality.")]


class Row(StrictStruct, frozen=True):
    """A case of a bundle under one processor, set of libraries and recipe."""

    bundle: Annotated[Line, Meta(description="Name of the bundle or folder.")]
    dataset: Annotated[Name, Meta(description="Data set.")]
    size: Annotated[Name, Meta(description="Model size.")]
    implementation: Annotated[Name, Meta(description="Framework adapter.")]
    device: Annotated[Name, Meta(description="cpu or gpu, with precision, threads and workers behind it.")]
    recipe: Annotated[str, Meta(description="Name of hyper-parameters and data; only rows that share it compare.")]
    caps: Annotated[str, Meta(description="What cut the runs short; empty for complete runs.")]
    started: Annotated[str, Meta(description="When the first of the records was begun.")]
    processor: Annotated[Line, Meta(description="The GPU of a case on one, otherwise the CPU.")]
    versions: Annotated[Line, Meta(description="Libraries and their versions.")]
    threads: Annotated[Count | None, Meta(description="CPU threads of the speed; null if none was measured.")]
    certificate: Annotated[str, Meta(description="Verdict of the certificate of parity, or none.")]
    speed_verdict: Annotated[str, Meta(description="Why the speed may not be quoted; empty if it may.")]
    speed: Annotated[Value | None, Meta(description="Training speed; null if none may be quoted.")]
    quality: Annotated[Value | None, Meta(description="Test result; null without a complete run.")]


class Export(StrictStruct, frozen=True):
    """All rows."""

    format: Annotated[int, Meta(description="Version of this format.")]
    lstm_bench: Annotated[str, Meta(description="Version of lstm-bench that wrote it.")]
    rows: Annotated[list[Row], Meta(description="In the order of their cases, then of their dates.")]


@dataclass(frozen=True)
class _Measure:
    """A value of a case: ``name`` is for people, ``slug`` for Bencher, whose own measure of speed is throughput."""

    case: str
    name: str
    slug: str
    bigger_is_better: bool
    value: Value
    extra: str


def rows_of(history: pd.DataFrame) -> list[Row]:
    """Return the rows of a table of ``analysis.history``."""
    return [_row(row) for row in history.to_dict("records")]


def _row(row: Mapping[Any, Any]) -> Row:
    speed, quality = (
        None if pd.isna(row[name]) else Value(row[name], _bound(row[low]), _bound(row[high]), row[unit], int(row[n]))
        for name, low, high, unit, n in (
            ("rate", "rate_low", "rate_high", "unit", "processes"),
            ("mean", "low", "high", "metric", "n"),
        )
    )
    names = ("bundle", *CASE_COLUMNS, "recipe", "caps", "started", "processor", "versions", "certificate")
    threads = None if pd.isna(row["threads"]) else int(row["threads"])
    return Row(
        **{name: row[name] for name in names},
        threads=threads, speed_verdict=str(row["verdict"]), speed=speed, quality=quality,
    )  # fmt: skip


def _bound(value: float) -> float | None:
    return None if math.isnan(value) else value


def as_json(rows: list[Row]) -> dict[str, Any]:
    """Return our own JSON, as a file by its name."""
    return {"lstm-bench.json": plain(Export(FORMAT, __version__, rows))}


def as_github_action_benchmark(rows: list[Row]) -> dict[str, Any]:
    """Return a file per tool, as each says of all its values whether bigger is better.

    Raises:
        DataError: two rows of one case, or no value.
    """
    files: dict[str, list[dict[str, Any]]] = {}
    for one in _measures(rows):
        value = one.value
        entry = {"name": f"{one.case}: {one.name}", "unit": value.unit, "value": value.value, "extra": one.extra}
        if value.low is not None:
            entry["range"] = f"{value.low:.6g} to {value.high:.6g}"
        tool = "customBiggerIsBetter" if one.bigger_is_better else "customSmallerIsBetter"
        files.setdefault(f"{tool}.json", []).append(entry)
    return files


def as_bencher(rows: list[Row]) -> dict[str, Any]:
    """Return one file of the Bencher Metric Format.

    Raises:
        DataError: two rows of one case, or no value.
    """
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for one in _measures(rows):
        metric = {"value": one.value.value}
        if one.value.low is not None and one.value.high is not None:
            metric |= {"lower_value": one.value.low, "upper_value": one.value.high}
        benchmarks.setdefault(one.case, {})[one.slug] = metric
    return {"bencher.json": benchmarks}


FORMATS: dict[str, Callable[[list[Row]], dict[str, Any]]] = {
    "github-action-benchmark": as_github_action_benchmark,
    "bencher": as_bencher,
    "json": as_json,
}


def texts(rows: list[Row], form: str) -> dict[str, str]:
    """Return the files of a format, by their names.

    Raises:
        DataError: for a service: two rows of one case, or no value.
    """
    return {
        name: json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        for name, content in FORMATS[form](rows).items()
    }


def _measures(rows: list[Row]) -> list[_Measure]:
    """Return the values for a service, which takes one of each case and measure at a time."""
    found = [measure for row in _complete_first(rows) for measure in _of_row(row)]
    twice = [name for name, count in Counter((one.case, one.name) for one in found).items() if count > 1]
    if twice:
        case, name = twice[0]
        several = "; ".join(dict.fromkeys(one.extra.replace("\n", ", ") for one in found if one.case == case))
        raise DataError(
            f"{case}: expected one {name}, found several ({several}); export a bundle at a time, or --format json"
        )
    if not found:
        raise DataError("expected a speed that may be quoted or a complete run, found none; --format json has reasons")
    return found


def _complete_first(rows: list[Row]) -> Iterator[Row]:
    """Yield the rows, without the quality of capped runs if the bundle has complete ones of that case."""
    complete = {(row.bundle, _case(row)) for row in rows if row.quality and not row.caps}
    for row in rows:
        yield replace(row, quality=None) if row.caps and (row.bundle, _case(row)) in complete else row


def _case(row: Row) -> str:
    return "/".join(getattr(row, part) for part in CASE_COLUMNS)


def _of_row(row: Row) -> Iterator[_Measure]:
    case = _case(row)
    about = [row.bundle, row.processor, row.versions, f"certificate: {row.certificate}"]
    if row.speed:
        extra = [*about, f"{row.threads} threads", f"{row.speed.n} processes"]
        yield _Measure(case, "training speed", "throughput", True, row.speed, "\n".join(extra))
    if row.quality:
        name = row.quality.unit
        extra = [*about, f"{row.quality.n} seeds", *filter(None, [capped(row.caps)])]
        yield _Measure(case, f"test {name}", name, name == "accuracy", row.quality, "\n".join(extra))
