"""Format the tables of how speed scales with workers or threads for people."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lstmbench.analysis.scaling import Scaled
from lstmbench.reporting import cells, order, quality
from lstmbench.reporting.speed import rounded, share


@dataclass(frozen=True)
class Words:
    """The words about one table and its figures."""

    title: str
    note: str
    empty: str
    caption: str


WORDS = {
    "workers": Words(
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
    "threads": Words(
        title="Several threads",
        note="Measured speed of training, of those that may be quoted. Speed-up: over the same implementation with "
        "the fewest threads, on the same machine with the same libraries, measured one after the other and not in "
        "turn. Efficiency: the speed-up over how many times as many threads there are. n: processes.",
        empty="No case has speeds with several numbers of threads that may be quoted.",
        caption="How many times as fast as with the fewest threads {dataset} is trained, over the number of "
        "threads, a panel per size and device. The straight line: each thread worth as much as the first.",
    ),
}
"""By the name of the table (``scaling.SCALED``)."""


def by_dataset(scaled: Scaled, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``scaling`` as text, one part per data set."""
    return {dataset: _as_text(scaled, part) for dataset, part in order.by_size(table).groupby("dataset", sort=True)}


def _as_text(scaled: Scaled, table: pd.DataFrame) -> pd.DataFrame:
    rows = table[["size", "implementation", "device"]].copy()
    if "caps" in table:
        rows["size"] += table["caps"].map(lambda caps: ", capped" if caps else "")
    if quality.mixed_versions(table):
        rows["libraries"] = table["versions"]
    if "threads" in scaled.others:
        rows["threads each"] = table["threads"].map("{:.0f}".format)
    for column in (scaled.count, "n"):
        rows[column] = table[column].map("{:.0f}".format)
    rows[table["unit"].iloc[0]] = table["rate"].map(rounded)
    rows["speed-up"] = table["speed_up"].map(lambda value: cells.number(value, 2))
    rows["efficiency"] = table["efficiency"].map(share)
    return rows
