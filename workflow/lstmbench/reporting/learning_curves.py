"""Prepare the learning curves of a data set for the page to draw: per case and epoch the mean and the range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from lstmbench.reporting import quality
from lstmbench.reporting.figures.style import looks

MAX_POINTS = 20_000
"""Points of all curves of a data set together; above, only every second, third, ... epoch of each curve is kept."""

DIGITS = 6
"""Significant digits of a value."""


def curves(history: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Return validation ``metric`` per epoch over the seeds, a case per size, device and implementation.

    The mean is that of the logarithm for a perplexity; accuracies are in %.  The first and the last epoch of a curve
    are always there.
    """
    column = f"valid_{metric}"
    looked = looks(history["implementation"])
    scale = 100 if metric == "accuracy" else 1
    values = np.log(history[column]) if metric == "perplexity" else scale * history[column]
    keys = ["size", "device", "implementation"]
    grouped = values.groupby([*(history[key] for key in keys), history["epoch"]], sort=True)
    table = grouped.agg(["mean", "min", "max", "count"]).rename(columns={"min": "low", "max": "high"})
    shown = ["mean", "low", "high"]
    if metric == "perplexity":
        table[shown] = np.exp(table[shown])
    table = quality.by_size(table.reset_index())
    several = table["device"].nunique() > 1
    every = math.ceil(len(table) / MAX_POINTS)
    cases = []
    for (size, device, name), rows in table.groupby(keys, sort=False):
        kept = rows.iloc[sorted({*range(0, len(rows), every), len(rows) - 1})]
        look = looked[name]
        cases.append({
            "panel": f"{size}, {device}" if several else size,
            "implementation": name,
            "colour": look.colour,
            "dash": None if look.line == "solid" else [3 * part for part in look.line[1]],
            "seeds": int(rows["count"].max()),
            "epochs": [int(epoch) for epoch in kept["epoch"]],
            **{part: [float(f"{value:.{DIGITS}g}") for value in kept[part]] for part in shown},
        })  # fmt: skip
    return {
        "metric": metric,
        "unit": " %" if metric == "accuracy" else "",
        "log": metric == "perplexity",
        "cases": cases,
    }
