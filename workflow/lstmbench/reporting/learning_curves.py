"""Prepare the learning curves of a data set for the page to draw: per case and epoch the mean and the range."""

from __future__ import annotations

import math

import pandas as pd

from lstmbench.analysis.learning_curves import CASE, over_seeds
from lstmbench.reporting import order
from lstmbench.reporting.figures.style import looks

MAX_POINTS = 20_000
"""Points of all curves of a data set together; above, only every second, third, ... epoch of each curve is kept."""

DIGITS = 6
"""Significant digits of a value."""


def curves(history: pd.DataFrame, metric: str) -> dict[str, object]:
    """Return validation ``metric`` per epoch over the seeds, a case per size, device and implementation.

    Accuracies are in %.  The first and the last epoch of a curve are always there.
    """
    looked = looks(history["implementation"])
    table = order.by_size(over_seeds(history, metric))
    several = table["device"].nunique() > 1
    every = math.ceil(len(table) / MAX_POINTS)
    cases = []
    for (size, device, name), rows in table.groupby(CASE, sort=False):
        kept = rows.iloc[sorted({*range(0, len(rows), every), len(rows) - 1})]
        look = looked[name]
        cases.append({
            "panel": f"{size}, {device}" if several else size,
            "implementation": name,
            "colour": look.colour,
            "dash": None if look.line == "solid" else [3 * part for part in look.line[1]],
            "seeds": int(rows["count"].max()),
            "epochs": [int(epoch) for epoch in kept["epoch"]],
            **{part: [float(f"{value:.{DIGITS}g}") for value in kept[part]] for part in ("mean", "low", "high")},
        })  # fmt: skip
    return {
        "metric": metric,
        "unit": " %" if metric == "accuracy" else "",
        "log": metric == "perplexity",
        "cases": cases,
    }
