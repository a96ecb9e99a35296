"""Compute scaling: speed-up with more workers or threads, and the efficiency of each.

Workers share one training run, so their speed comes from training runs: the median over the steady blocks of a run, and
the median of these over the seeds.  Threads belong to one process, so their speed comes from the speed benchmark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.system.device import split_device

CASE = [*CASE_COLUMNS, "cpu", "machine_kind", "bfloat16", "versions"]
FOUND = ["n", "unit", "rate", "speed_up", "efficiency"]


def _of_runs(runs: pd.DataFrame) -> pd.DataFrame:
    devices = [split_device(device) for device in runs["device"]]
    return runs.assign(
        device=[device._replace(workers=1).name for device in devices],
        workers=[device.workers for device in devices],
        n=1,
        unit=runs["speed_unit"],
        rate=runs["speed_median"],
    )


def _of_measurements(speed: pd.DataFrame) -> pd.DataFrame:
    quoted = speed[speed["quotable"] == 1]
    devices = [split_device(device)._replace(threads=None).name for device in quoted["device"]]
    return quoted.assign(device=devices, n=quoted["processes"])


@dataclass(frozen=True)
class Scaled:
    """What a training run is given more of (workers or threads), and the source of its speeds."""

    count: str  # the column with the number of workers or threads
    others: list[str]  # columns that must agree, in addition to CASE, for rows to be compared
    source: str  # the table that has the speeds
    speeds: Callable[[pd.DataFrame], pd.DataFrame]  # computes from the source: CASE, others, count, n, unit, rate

    @property
    def columns(self) -> list[str]:
        """Return the columns of the table."""
        return [*CASE, *self.others, self.count, *FOUND]


SCALED = {
    one.count: one
    for one in (
        Scaled(
            count="workers",
            others=["threads", "settings_sha256", "caps"],
            source="runs",
            speeds=_of_runs,
        ),
        Scaled(
            count="threads",
            others=[],
            source="speed",
            speeds=_of_measurements,
        ),
    )
}
"""By the name of the table and of its figures."""


def scaling(scaled: Scaled, source: pd.DataFrame) -> pd.DataFrame:
    """Return one row per case and number of workers or threads, for cases with several numbers.

    ``device`` omits that number; ``rate`` is in predictions per second.  ``efficiency`` is the speed-up over the
    increase in workers or threads: 1 is perfect scaling.
    """
    speeds = scaled.speeds(source)
    case = [*CASE, *scaled.others]
    rows = []
    for values, group in speeds[speeds["rate"].notna()].groupby(case, sort=True, dropna=False):
        found = group.groupby(scaled.count).agg(n=("n", "sum"), unit=("unit", "first"), rate=("rate", "median"))
        if len(found) == 1:
            continue
        found["speed_up"] = found["rate"] / found["rate"].iloc[0]
        found["efficiency"] = found["speed_up"] * found.index[0] / found.index
        rows += [dict(zip(case, values, strict=True)) | row for row in found.reset_index().to_dict("records")]
    return pd.DataFrame(rows, columns=scaled.columns)
