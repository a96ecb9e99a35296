"""Compare precisions: the quality that matrix products in less than float32 cost, and the speed that they gain."""

from __future__ import annotations

import pandas as pd

from lstmbench.analysis.quality import difference, mean, metric_of
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.system.device import split_device

CASE = [*CASE_COLUMNS, "threads", "cpu", "gpu", "machine_kind", "versions"]
PRECISION = ["precision", "bfloat16"]
PAIR = [*CASE, "seed", "initial_weights_sha256", "data_sha256", "caps"]
COLUMNS = [
    *CASE_COLUMNS, "precision", "versions", "metric", "caps", "n", "test_mean", "float32_test_mean",
    "cost", "rate", "float32_rate", "gain",
]  # fmt: skip


def precisions(runs: pd.DataFrame, speed: pd.DataFrame) -> pd.DataFrame:
    """Return a row per case and precision but float32; ``cost`` is in % of a perplexity or points of an accuracy."""
    speed = _split(speed[speed["quotable"] == 1])
    runs = _split(runs)
    rates = _against_float32(speed, CASE)
    rows = []
    for (*case, precision, how, caps), pairs in _against_float32(runs, PAIR).groupby([*CASE, *PRECISION, "caps"]):
        key = dict(zip(CASE, case, strict=True))
        metric = metric_of(pairs)
        here, there = mean(pairs[f"test_{metric}"], metric), mean(pairs[f"test_{metric}_float32"], metric)
        row = key | {"precision": precision, "caps": caps, "metric": metric, "n": len(pairs)}
        row |= {"test_mean": here, "float32_test_mean": there, "cost": difference(here, there, metric)}
        mine = rates[(rates[CASE].fillna("") == pd.Series(key).fillna("")).all(axis="columns")]
        mine = mine[(mine[PRECISION] == [precision, how]).all(axis="columns")]
        if len(mine) == 1:
            row |= {"rate": mine["rate"].item(), "float32_rate": mine["rate_float32"].item()}
            row["gain"] = row["rate"] / row["float32_rate"]
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _split(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` with the device without its precision in ``device``, and a column for the precision."""
    parts = [split_device(device) for device in table["device"]]
    devices = [device._replace(precision="float32").name for device in parts]
    return table.assign(device=devices, precision=[device.precision for device in parts])


def _against_float32(table: pd.DataFrame, same: list[str]) -> pd.DataFrame:
    """Join each row in another precision with the float32 row that has equal values in the columns ``same``."""
    full = table["precision"] == "float32"
    return table[~full].merge(table[full], on=same, suffixes=("", "_float32"))
