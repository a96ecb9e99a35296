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

TABLES = ("quality", "speed", "circumstances")


def against(baselines: Mapping[str, Records], here: Records) -> dict[str, pd.DataFrame]:
    """Return the tables of ``compare`` without the cases that only one side has.

    Column ``bundle`` names the baseline, which is first; the results of this configuration are second.  Baselines that
    share no case with these results are left out.
    """
    tables = comparison.compare_sides({name: (baseline, here) for name, baseline in baselines.items()})
    found = {name: _shared(tables[name]) for name in ("quality", "speed")}
    named = {bundle for table in found.values() for bundle in table["bundle"]}
    differing = tables["circumstances"]
    found["circumstances"] = differing[differing["bundle"].isin(named)]
    return {name: found[name].reset_index(drop=True) for name in TABLES}


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    of_one = (comparison.ONLY_FIRST, comparison.ONLY_SECOND)
    return table.loc[[verdict not in of_one for verdict in table["verdict"]]]


def paths_of(runs: Iterable[tuple[object, ...]], groups: Iterable[tuple[object, ...]]) -> set[str]:
    """Return the paths of the records of runs (``RUN_COLUMNS``) and measurements (``GROUP_COLUMNS``) in a folder."""
    of_runs = {paths.RUN.format(**dict(zip(RUN_COLUMNS, run, strict=True))) for run in runs}
    return of_runs | {paths.MEASUREMENT.format(**dict(zip(GROUP_COLUMNS, group, strict=True))) for group in groups}
