"""Scaling: how many times as fast a training is with more workers or threads, and how much of each that leaves.

Workers share one training, and their speeds are those of the training runs: the median over the steady blocks of a
run, and of these the median over the seeds.  Threads are those of one process, and their speeds the measured ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lstmbench import present
from lstmbench.cli import run
from lstmbench.machine import split_device
from lstmbench.present_speed import rounded, share
from lstmbench.shown import write_shown
from lstmbench.tables import read_table, write_table

CELL = ["dataset", "size", "implementation", "device", "cpu", "machine_kind", "versions"]
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
    quoted = speed[speed["headline"] == 1]
    devices = [split_device(device)._replace(threads=None).name for device in quoted["device"]]
    return quoted.assign(device=devices, n=quoted["processes"])


@dataclass(frozen=True)
class Scaled:
    """What a training is given more of, and where its speeds come from."""

    count: str  # the column of how many
    others: list[str]  # columns in which, beside CELL, rows agree that are set beside one another
    source: str  # the table of the speeds
    speeds: Callable[[pd.DataFrame], pd.DataFrame]  # of the source: CELL, others, count, n, unit, rate
    title: str
    note: str
    empty: str
    caption: str

    @property
    def columns(self) -> list[str]:
        """Those of the table."""
        return [*CELL, *self.others, self.count, *FOUND]


SCALED = {
    one.count: one
    for one in (
        Scaled(
            count="workers",
            others=["threads", "settings_sha256", "caps"],
            source="runs",
            speeds=_of_runs,
            title="Several workers",
            note="Speed of training, all workers together, as the runs themselves found it: median over their steady "
            "blocks, and over the seeds. Speed-up: over the runs of the same implementation with the fewest workers, "
            "on the same machine with the same libraries and as many threads per worker. Efficiency: the speed-up over "
            "how many times as many workers there are. A run may have shared the machine with others: these speeds "
            "are no benchmark.",
            empty="No case was run with several numbers of workers.",
            caption="How many times as fast as with the fewest workers {dataset} is trained, over the number of "
            "workers, a panel per size and device. The straight line: each worker worth as much as the first.",
        ),
        Scaled(
            count="threads",
            others=[],
            source="speed",
            speeds=_of_measurements,
            title="Several threads",
            note="Measured speed of training, of those that may be quoted. Speed-up: over the same implementation with "
            "the fewest threads, on the same machine with the same libraries, measured one after the other and not in "
            "turn. Efficiency: the speed-up over how many times as many threads there are. n: processes.",
            empty="No case has speeds with several numbers of threads that may be quoted.",
            caption="How many times as fast as with the fewest threads {dataset} is trained, over the number of "
            "threads, a panel per size and device. The straight line: each thread worth as much as the first.",
        ),
    )
}
"""By the name of the table and of its figures."""


def scaling(scaled: Scaled, source: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and number of workers or threads, of the cells with several numbers.

    ``device`` is without that number; ``rate`` in predictions per second; ``efficiency``: what each is worth.
    """
    speeds = scaled.speeds(source)
    cell = [*CELL, *scaled.others]
    rows = []
    for values, group in speeds[speeds["rate"].notna()].groupby(cell, sort=True, dropna=False):
        found = group.groupby(scaled.count).agg(n=("n", "sum"), unit=("unit", "first"), rate=("rate", "median"))
        if len(found) == 1:
            continue
        found["speed_up"] = found["rate"] / found["rate"].iloc[0]
        found["efficiency"] = found["speed_up"] * found.index[0] / found.index
        rows += [dict(zip(cell, values, strict=True)) | row for row in found.reset_index().to_dict("records")]
    return pd.DataFrame(rows, columns=scaled.columns)


def by_dataset(scaled: Scaled, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """``scaling`` as people read it, one part per data set."""
    return {dataset: _as_text(scaled, part) for dataset, part in present.by_size(table).groupby("dataset", sort=True)}


def _as_text(scaled: Scaled, table: pd.DataFrame) -> pd.DataFrame:
    rows = table[["size", "implementation", "device"]].copy()
    if "caps" in table:
        rows["size"] += table["caps"].map(lambda caps: ", capped" if caps else "")
    if "threads" in scaled.others:
        rows["threads each"] = table["threads"].map("{:.0f}".format)
    for column in (scaled.count, "n"):
        rows[column] = table[column].map("{:.0f}".format)
    rows[table["unit"].iloc[0]] = table["rate"].map(rounded)
    rows["speed-up"] = table["speed_up"].map(lambda value: present.number(value, 2))
    rows["efficiency"] = table["efficiency"].map(share)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.scaling", description=__doc__)
    parser.add_argument("--of", choices=list(SCALED), required=True, help="what there is more of")
    parser.add_argument("--tables", type=Path, required=True, help="folder of runs.csv and speed.csv, and of this")
    options = parser.parse_args(arguments)
    scaled = SCALED[options.of]
    table = scaling(scaled, read_table(options.tables / f"{scaled.source}.parquet"))
    write_table(options.tables / f"{scaled.count}.csv", table)
    notes = [scaled.empty if table.empty else scaled.note]
    write_shown(options.tables / scaled.count, scaled.title, by_dataset(scaled, table), notes)


if __name__ == "__main__":
    sys.exit(run(main))
