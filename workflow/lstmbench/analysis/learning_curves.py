"""Average learning curves over the seeds; of a perplexity its logarithm is averaged, because a run measures that."""

from __future__ import annotations

import numpy as np
import pandas as pd

CASE = ["size", "device", "implementation"]


def over_seeds(history: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return mean, low, high and count of the seeds, per ``CASE`` and epoch; accuracies are in %."""
    column = f"valid_{metric}"
    values = np.log(history[column]) if metric == "perplexity" else 100 * history[column]
    grouped = values.groupby([*(history[key] for key in CASE), history["epoch"]], sort=True)
    table = grouped.agg(["mean", "min", "max", "count"]).rename(columns={"min": "low", "max": "high"})
    if metric == "perplexity":
        shown = ["mean", "low", "high"]
        table[shown] = np.exp(table[shown])
    return table.reset_index()


def mean_by_epoch(rows: pd.DataFrame, column: str, metric: str) -> pd.Series:
    """Return the mean of a column over the seeds, by epoch."""
    if metric == "perplexity":
        return np.exp(np.log(rows[column]).groupby(rows["epoch"]).mean())
    return rows.groupby("epoch")[column].mean()


def range_by_epoch(rows: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    """Return the lowest and the highest value of a column over the seeds, by epoch."""
    over = rows.groupby("epoch")[column]
    return over.min(), over.max()


def seconds_by_epoch(rows: pd.DataFrame) -> pd.Series:
    """Return the seconds of training until the end of each epoch, the mean over the seeds."""
    ordered = rows.sort_values("epoch")
    return ordered.groupby("seed")["train_seconds"].cumsum().groupby(ordered["epoch"]).mean()
