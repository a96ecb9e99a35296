"""Choose the size that the first lines on a data set describe, so that its quality and its speed appear together."""

from __future__ import annotations

import pandas as pd

from lstmbench.statistics.equivalence import MIN_SEEDS

STANDARD_SIZES = ("small", "medium", "large")


def choose_size(quality: pd.DataFrame, differences: pd.DataFrame, speed: pd.DataFrame) -> str:
    """Return the size of one data set that ``reporting.chosen_size.RULE`` describes.

    A preset that is no standard size, such as a variant of the schedule, has no rank.  It is chosen only if no other
    preset has complete runs, whatever its number of parameters.
    """
    complete = quality[(quality["failure"] == "") & (quality["caps"] == "")]
    pairs = differences[differences["caps"] == ""]
    measured = set(speed.loc[speed["processes"] > 0, "size"])
    standard = {size: rank for rank, size in enumerate(STANDARD_SIZES)}

    def preference(size: str) -> tuple[object, ...]:
        seeds = pairs.loc[pairs["size"] == size, "n"]
        return (
            (complete["size"] == size).any(),
            size in standard,
            not seeds.empty,
            (seeds >= MIN_SEEDS).any(),
            size in measured,
            standard.get(size, -1),
            size,
        )

    return str(max(quality["size"].unique(), key=preference))
