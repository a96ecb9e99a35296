"""Format the table of precisions for people."""

from __future__ import annotations

import pandas as pd

from lstmbench.reporting import cells, margins, order, quality
from lstmbench.reporting.speed import rounded

TITLE = "What a precision costs and gains"
NOTES = [
    "Cost: the test result in this precision relative to float32, over pairs of runs from the same initial weights, "
    f"mean over the seeds; {margins.FEWER.lower()} it supports no claim. Gain: how many times as fast as float32 on "
    "the same device, from the two measured speeds; a dash where one was not measured or may not be quoted."
]
EMPTY = "Everything was computed in float32."


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    metric = table["metric"].iloc[0]
    marks = table["caps"].map(lambda caps: ", capped" if caps else "")
    rows = pd.DataFrame({"size": table["size"] + marks, "implementation": table["implementation"]})
    rows["device"], rows["precision"] = table["device"], table["precision"]
    if quality.mixed_versions(table):
        rows["libraries"] = table["versions"]
    rows["n"] = table["n"].map("{:.0f}".format)
    rows[f"test {metric}"] = table["test_mean"].map(lambda value: cells.metric(value, metric))
    rows["in float32"] = table["float32_test_mean"].map(lambda value: cells.metric(value, metric))
    unit = margins.unit_of_difference(metric)
    rows["cost"] = table["cost"].map(lambda value: cells.signed(value, unit))
    rows["speed"], rows["speed in float32"] = table["rate"].map(rounded), table["float32_rate"].map(rounded)
    rows["times as fast"] = table["gain"].map(lambda value: cells.number(value, 2))
    return rows


def by_dataset(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``precisions`` as text, one part per data set."""
    return {dataset: _as_text(part) for dataset, part in order.by_size(table).groupby("dataset", sort=True)}
