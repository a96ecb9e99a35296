"""Precision: what computing matrix products in less than float32 costs in quality, beside what it gains in speed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from lstmbench import margins, present
from lstmbench.cli import run
from lstmbench.machine import split_device
from lstmbench.present_speed import rounded
from lstmbench.shown import write_shown
from lstmbench.tables import read_table, write_table
from lstmbench.tabulate import difference, mean, metric_of

TITLE = "What a precision costs and gains"
NOTES = [
    "Cost: the test result in this precision relative to float32, over pairs of runs from the same initial weights, "
    f"mean over the seeds; {margins.FEWER.lower()} it supports no claim. Gain: how many times as fast as float32 on "
    "the same device, from the two measured speeds; a dash where one was not measured or may not be quoted."
]
EMPTY = "Everything was computed in float32."

CELL = ["dataset", "size", "implementation", "device", "threads", "cpu", "gpu", "machine_kind", "versions"]
PAIR = [*CELL, "seed", "initial_weights_sha256", "data_sha256", "caps"]
COLUMNS = [
    "dataset", "size", "implementation", "device", "precision", "metric", "caps", "n", "test_mean", "float32_test_mean",
    "cost", "rate", "float32_rate", "gain",
]  # fmt: skip


def precisions(runs: pd.DataFrame, speed: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and precision other than float32; ``cost`` in % of a perplexity or in points of an accuracy."""
    speed = _split(speed[speed["headline"] == 1])
    runs = _split(runs)
    rates = _against_float32(speed, CELL)
    rows = []
    for (*cell, precision, caps), pairs in _against_float32(runs, PAIR).groupby([*CELL, "precision", "caps"]):
        key = dict(zip(CELL, cell, strict=True))
        metric = metric_of(pairs)
        here, there = mean(pairs[f"test_{metric}"], metric), mean(pairs[f"test_{metric}_float32"], metric)
        row = key | {"precision": precision, "caps": caps, "metric": metric, "n": len(pairs)}
        row |= {"test_mean": here, "float32_test_mean": there, "cost": difference(here, there, metric)}
        mine = rates[(rates[CELL].fillna("") == pd.Series(key).fillna("")).all(axis="columns")]
        mine = mine[mine["precision"] == precision]
        if len(mine) == 1:
            row |= {"rate": mine["rate"].item(), "float32_rate": mine["rate_float32"].item()}
            row["gain"] = row["rate"] / row["float32_rate"]
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    metric = table["metric"].iloc[0]
    marks = table["caps"].map(lambda caps: ", capped" if caps else "")
    rows = pd.DataFrame({"size": table["size"] + marks, "implementation": table["implementation"]})
    rows["device"], rows["precision"] = table["device"], table["precision"]
    rows["n"] = table["n"].map("{:.0f}".format)
    rows[f"test {metric}"] = table["test_mean"].map(lambda value: present.metric(value, metric))
    rows["in float32"] = table["float32_test_mean"].map(lambda value: present.metric(value, metric))
    unit = margins.unit_of_difference(metric)
    rows["cost"] = table["cost"].map(lambda value: present.signed(value, unit))
    rows["speed"], rows["speed in float32"] = table["rate"].map(rounded), table["float32_rate"].map(rounded)
    rows["times as fast"] = table["gain"].map(lambda value: present.number(value, 2))
    return rows


def by_dataset(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """``precisions`` as people read it, one part per data set."""
    return {dataset: _as_text(part) for dataset, part in present.by_size(table).groupby("dataset", sort=True)}


def _split(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with the device without its precision under ``device``, and the precision in a column of its own."""
    parts = [split_device(device) for device in table["device"]]
    devices = [device._replace(precision="float32").name for device in parts]
    return table.assign(device=devices, precision=[device.precision for device in parts])


def _against_float32(table: pd.DataFrame, same: list[str]) -> pd.DataFrame:
    """Each row in another precision, with that of float32 that agrees in ``same`` beside it."""
    full = table["precision"] == "float32"
    return table[~full].merge(table[full], on=same, suffixes=("", "_float32"))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.precision", description=__doc__)
    parser.add_argument(
        "--tables", type=Path, required=True, help="folder of runs.csv and speed.csv, and of the result"
    )
    folder = parser.parse_args(arguments).tables
    table = precisions(read_table(folder / "runs.parquet"), read_table(folder / "speed.parquet"))
    write_table(folder / "precision.csv", table)
    write_shown(folder / "precision", TITLE, by_dataset(table), [EMPTY] if table.empty else NOTES)


if __name__ == "__main__":
    sys.exit(run(main))
