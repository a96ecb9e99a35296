"""Compare the results of this configuration with those of the baseline machines, whose bundles are kept.

Cases that both sides have are compared as ``compare`` does, with the baseline first.  Cases of one side are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from lstmbench.analysis import comparison
from lstmbench.records import paths
from lstmbench.records.bundle import Records
from lstmbench.records.paths import GROUP_COLUMNS, RUN_COLUMNS

TITLE = "Here beside the baseline machines"
SIDES = "First: the machine that a bundle in results/baselines names; second: here. What both have is compared."
TABLES = ("quality", "speed", "circumstances")

"""Columns that identify a measurement."""


def against(baselines: Mapping[str, Records], here: Records) -> dict[str, pd.DataFrame]:
    """Return the tables of ``compare`` without the cases that only one side has.

    Column ``bundle`` names the baseline, which is first; the results of this configuration are second.  Baselines that
    share no case with these results are left out.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for name, baseline in baselines.items():
        others = {name: here}
        tables = {
            "quality": _shared(comparison.quality(baseline.runs, {name: here.runs})),
            "speed": _shared(comparison.speed(baseline.measurements, {name: here.measurements})),
        }
        if any(len(table) for table in tables.values()):
            for kind, table in (tables | {"circumstances": comparison.circumstances(baseline, others)}).items():
                found[kind].append(table)
    empty = {"quality": comparison.QUALITY, "speed": comparison.SPEED, "circumstances": comparison.CIRCUMSTANCES}
    return {
        kind: pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=empty[kind])
        for kind, parts in found.items()
    }


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    of_one = (comparison.ONLY_FIRST, comparison.ONLY_SECOND)
    return table.loc[[verdict not in of_one for verdict in table["verdict"]]]


def paths_of(runs: Iterable[tuple[object, ...]], groups: Iterable[tuple[object, ...]]) -> set[str]:
    """Return the paths of the records of runs (``RUN_COLUMNS``) and measurements (``GROUP_COLUMNS``) in a folder."""
    of_runs = {paths.RUN.format(**dict(zip(RUN_COLUMNS, run, strict=True))) for run in runs}
    return of_runs | {paths.MEASUREMENT.format(**dict(zip(GROUP_COLUMNS, group, strict=True))) for group in groups}
