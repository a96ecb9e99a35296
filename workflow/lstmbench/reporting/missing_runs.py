"""List what is not on the page: capped runs, failed runs and measurements, and cases that were not selected."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pandas as pd

from lstmbench.records.paths import CASE_COLUMNS, RUN_COLUMNS, SIZE_COLUMNS
from lstmbench.reporting import order
from lstmbench.statistics.verdict import Kind
from lstmbench.system.device import split_device
from lstmbench.utils.escaping import sentence_and_details
from lstmbench.utils.wording import joined


def capped(quality: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield data set and size, and what was capped, with the implementations and devices."""
    shown = order.by_size(quality[quality["caps"] != ""])
    for (dataset, size, caps), group in shown.groupby([*SIZE_COLUMNS, "caps"], sort=False):
        who = joined(sorted(set(group["implementation"] + " on " + group["device"])))
        yield f"{dataset}, {size}", f"{caps} ({who})"


def failed(failures: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield the runs that failed for one reason, the reason in a sentence, and its details."""
    for (dataset, size, implementation, device, why), group in failures.groupby([*CASE_COLUMNS, "failure"], sort=True):
        seeds = joined(map(str, sorted(group["seed"])))
        yield f"{dataset}, {size}, {implementation} on {device}, seed {seeds}", *sentence_and_details(why)


def not_measured(speed: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield each failed measurement, its reason in a sentence, and its details."""
    for row in order.by_size(speed).to_dict("records"):
        if row["verdict"].kind is not Kind.FAILED:
            continue
        where = f"speed of {row['dataset']}, {row['size']}, {row['implementation']} on {row['device']}"
        yield where, *sentence_and_details(row["verdict"].reason)


def missing_cases(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the runs that would complete the product of a data set's sizes, implementations, devices and seeds."""
    for dataset, own in runs.groupby("dataset", sort=True):
        there = set(own[RUN_COLUMNS[1:]].itertuples(index=False, name=None))
        ran = set(own[["implementation", "device"]].itertuples(index=False, name=None))
        missing: dict[tuple[str, ...], list[str]] = {}
        seeds_of = {size: sorted(rows["seed"].unique()) for size, rows in own.groupby("size")}
        for case in itertools.product(*(sorted(own[column].unique()) for column in RUN_COLUMNS[1:-1])):
            # Most implementations have no runs of several workers, and these are not missing.
            of_one = split_device(case[2]).workers == 1
            for seed in seeds_of[case[0]]:
                if (*case, seed) not in there and (of_one or case[1:] in ran):
                    missing.setdefault(case, []).append(str(seed))
        for (size, implementation, device), seeds in missing.items():
            yield f"{dataset}, {size}, {implementation} on {device}: seed {joined(seeds)}"
