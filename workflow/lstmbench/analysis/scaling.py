"""Scaling: how many times as fast a training is with more workers or threads, and how much of each that leaves.

Workers share one training, and their speeds are those of the training runs: the median over the steady blocks of a
run, and of these the median over the seeds.  Threads are those of one process, and their speeds the measured ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lstmbench.system.device import split_device

CASE = ["dataset", "size", "implementation", "device", "cpu", "machine_kind", "versions"]
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
    """What a training is given more of, and where its speeds come from."""

    count: str  # the column of how many
    others: list[str]  # columns in which, beside CASE, rows agree that are set beside one another
    source: str  # the table of the speeds
    speeds: Callable[[pd.DataFrame], pd.DataFrame]  # of the source: CASE, others, count, n, unit, rate

    @property
    def columns(self) -> list[str]:
        """Those of the table."""
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
    """One row per case and number of workers or threads, of the cases with several numbers.

    ``device`` is without that number; ``rate`` in predictions per second; ``efficiency``: what each is worth.
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
