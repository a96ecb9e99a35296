"""Put many bundles into one table: a history by version or by date, or a ranking of machines.

A row is a case of a bundle under one processor, set of libraries and recipe.  Rows are never averaged.
Change points are marked between rows that share everything but time and versions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from packaging.version import InvalidVersion, Version

from lstmbench.analysis import parity
from lstmbench.analysis import speed as analyse
from lstmbench.analysis.quality import interval_of_mean
from lstmbench.implementations import framework
from lstmbench.models.presets import Preset
from lstmbench.records.bundle import Records
from lstmbench.records.columns import machine_columns, versions_column
from lstmbench.records.paths import CASE_COLUMNS as CASE
from lstmbench.records.run_record import RunRecord
from lstmbench.records.tables import TEXTS, VERDICT
from lstmbench.statistics.change_points import change_points
from lstmbench.statistics.equivalence import MARGINS, SPEED_MARGIN
from lstmbench.statistics.verdict import Kind, Verdict
from lstmbench.system.device import split_device
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_json

ORDERS = ("version", "date", "machine")

_GROUP = ["bundle", *CASE, "recipe", "processor", "versions"]
"""What a row is of."""

_SPEED = ["threads", "unit", "rate", "rate_low", "rate_high", "processes", "verdict"]
_QUALITY = ["caps", "metric", "mean", "low", "high", "n"]
HISTORY = [*_GROUP, "version", "started", *_SPEED, *_QUALITY, "certificate", "rank", "speed_change", "quality_change"]
"""Columns; ``rank`` is of a speed among the machines of a case, and a change is relative, or in points of accuracy."""

NO_CERTIFICATE = "none"

NO_SPEED = {"verdict": Verdict(Kind.GOOD), "rate": math.nan, "threads": math.nan}

_RANKED = [*CASE, "recipe", "threads"]
"""What the speeds share that are ranked."""

_SERIES = [*CASE, "recipe", "processor"]
"""What the points of a history share; a speed shares ``threads`` too, and a quality ``caps``."""


def history(bundles: Mapping[str, Records], by: str) -> pd.DataFrame:
    """Return the rows of all bundles, those of a case together and in the order that ``by`` names (``ORDERS``).

    Raises:
        DataError: the bundles hold neither a complete run nor a speed.
    """
    found = [row for name, records in bundles.items() for row in _rows(name, records)]
    if not found:
        raise DataError(f"{', '.join(bundles)}: expected a complete run or a speed, found none")
    rows = pd.DataFrame(found, columns=HISTORY)
    numbers = [name for name in HISTORY if name not in TEXTS and name != VERDICT]
    rows = rows.astype(dict.fromkeys(numbers, float)).fillna(dict.fromkeys([*TEXTS.intersection(rows)], ""))
    keys = [_sort_key(row, by) for row in rows.to_dict("records")]
    ordered = rows.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
    if by == "machine":
        ranks = ordered.groupby(_RANKED, dropna=False)["rate"].rank(ascending=False, method="min")
        return ordered.assign(rank=ranks)
    return _with_changes(ordered)


def shared_cases(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return per machine the number of ``cases`` that others measured too, and how many it ``won``, the best first.

    ``rows`` are a ranking of ``history``.  The second value is the number of speeds of a case that no other has.
    """
    fast = rows[rows["rate"] > 0]
    machines = fast.groupby(_RANKED)["bundle"].transform("nunique")
    shared = fast[machines > 1].assign(cases=1, won=lambda table: (table["rank"] == 1).astype(int))
    found = shared.groupby(["bundle", "processor"], as_index=False)[["cases", "won"]].sum()
    return found.sort_values("won", ascending=False, kind="stable"), int((machines == 1).sum())


def _sort_key(row: Mapping[Hashable, Any], by: str) -> tuple[Any, ...]:
    """Return what orders the rows: by case and recipe, then as ``by`` says."""
    within = {
        "version": (_version_key(row["version"]), row["started"]),
        "date": (row["started"],),
        "machine": (-row["rate"] if row["rate"] > 0 else 0.0, row["processor"]),  # without a speed last
    }[by]
    return *(row[part] for part in CASE), row["recipe"], *within, row["bundle"]


def _rows(bundle: str, records: Records) -> Iterator[dict[str, Any]]:
    """Yield rows for each group of a bundle: as many as it has speeds or qualities, whichever are more."""
    certificates = {
        (table["implementation"].iloc[0], table["device"].iloc[0]): str(parity.verdict(table))
        for table in records.certificates
    }
    speeds, qualities = _grouped(_speeds(records)), _grouped(_qualities(records))
    for key in sorted({*speeds, *qualities}):
        name = {"bundle": bundle, **dict(zip(_GROUP[1:], key, strict=True))}
        found = certificates.get((name["implementation"], name["device"]), NO_CERTIFICATE)
        name |= {"version": _main_version(name["implementation"], name["versions"]), "certificate": found}
        # Each speed and each quality is in one row only, because rows are ranked, counted and searched for changes.
        both = itertools.zip_longest(speeds.get(key, []), qualities.get(key, []))
        for speed, quality in both:
            dates = [part["started"] for part in (speed, quality) if part]
            yield {**name, **(speed or NO_SPEED), **(quality or {}), "started": min(dates)}


def _grouped(rows: Iterator[tuple[tuple[str, ...], dict[str, Any]]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, row in rows:
        found.setdefault(key, []).append(row)
    return found


def _speeds(records: Records) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the group and the speed of each measured case; one that may not be quoted has no numbers."""
    for measurement in records.measurements:
        record = measurement.record
        processor = _processor(machine_columns(record.machine), record.group.device)
        data = next((sample.data_sha256 for sample in record.samples), "")
        for row in analyse.speed_table([measurement]).to_dict("records"):
            shown = {name: row[name] if row["quotable"] or name in ("threads", "verdict") else None for name in _SPEED}
            versions = row["versions"] if isinstance(row["versions"], str) else ""  # none if it failed
            key = (*(str(row[part]) for part in CASE), _recipe(record.settings, data), processor, versions)
            yield key, shown | {"started": record.started}


def _qualities(records: Records) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the group and the quality of the runs that differ by their seed only, or by their threads.

    The complete runs of a group come before the capped ones.
    """
    groups: dict[tuple[tuple[str, ...], str], list[RunRecord]] = {}
    for run in records.runs:
        processor = _processor(machine_columns(run.machine), run.run.device)
        key: tuple[str, ...] = (
            *run.run.case,
            _recipe(run.settings.preset, run.data.sha256),
            processor,
            versions_column(run.versions),
        )
        groups.setdefault((key, "; ".join(run.caps)), []).append(run)
    for (key, caps), runs in sorted(groups.items()):
        metric = runs[0].final.metric
        found = interval_of_mean([run.final.value for run in runs], metric)
        row = {"caps": caps, "metric": metric, "mean": found.estimate, "low": found.low, "high": found.high}
        yield key, row | {"n": len(runs), "started": min(run.started for run in runs)}


def _recipe(preset: Preset, data: str) -> str:
    """Return a name of the hyper-parameters and the data; only what shares it is compared."""
    settings = {name: value for name, value in plain(preset).items() if name != "source"}
    return hash_json([settings, data])[:8]


def _processor(row: Mapping[str, Any], device: str) -> str:
    """Return what computed: the GPU of a run on one, otherwise the CPU."""
    return str((row["gpu"] if split_device(device).kind == "gpu" else None) or row["cpu"])


def _main_version(implementation: str, versions: str) -> str:
    """Return the library of a framework and its version: of "keras 3.15.1, tensorflow 2.21.0" the second."""
    listed = [one for one in versions.split(", ") if one]
    own = [one for one in listed if one.partition(" ")[0] in framework(implementation)]
    return next(iter([*own, *listed]), "")


def _version_key(library: str) -> tuple[object, ...]:
    """Return what orders versions of a library; those that no standard orders come first, by their text."""
    name, _, version = library.partition(" ")
    try:
        return name, 1, Version(version), ""
    except InvalidVersion:
        return name, 0, Version("0"), version


def _with_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Mark where a speed or a quality changes its level."""
    rows = rows.assign(speed_change=math.nan, quality_change=math.nan)
    for _, series in rows.groupby([*_SERIES, "threads"], sort=False):
        rates = series["rate"].astype(float).dropna()
        for place, change in change_points(np.log(rates), SPEED_MARGIN).items():
            rows.loc[rates.index[place], "speed_change"] = math.expm1(change)
    for (*_, metric), series in rows[rows["n"] > 0].groupby([*_SERIES, "caps", "metric"], sort=False):
        means = series["mean"].astype(float)
        values = np.log(means) if metric == "perplexity" else means
        for place, change in change_points(values, MARGINS[str(metric)]).items():
            rows.loc[means.index[place], "quality_change"] = math.expm1(change) if metric == "perplexity" else change
    return rows
