"""The order in which sizes and devices are shown."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from lstmbench.analysis.chosen_size import STANDARD_SIZES
from lstmbench.system.device import PRECISIONS, split_device


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of ``STANDARD_SIZES``, then other sizes by name."""
    known = {size: rank for rank, size in enumerate(STANDARD_SIZES)}
    rank = table["size"].map(lambda size: known.get(size, len(known)))
    ranks = {"_size": rank}
    if "device" in table:
        ranks["_device"] = table["device"].map({name: place for place, name in enumerate(devices(table["device"]))})
    order = [name for name in ("dataset", "_size", "size", "_device") if name in table or name in ranks]
    return table.assign(**ranks).sort_values(order, kind="stable").drop(columns=list(ranks))


def devices(names: Iterable[str]) -> list[str]:
    """Return each name once; within a kind and precision by number of threads, then by number of workers."""

    def rank(name: str) -> tuple[object, ...]:
        kind, precision, workers, threads = split_device(name)
        return kind, precision != PRECISIONS[0], precision, threads or 0, workers

    return sorted(set(names), key=rank)
