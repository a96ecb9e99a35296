"""The headline and the finding: what the runs and the measurements say, in sentences with numbers and intervals.

Means over seeds and ratios over processes are compared, never a best run; what the numbers do not settle is called
inconclusive, and what too few of them stand behind is no claim.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstmbench import equivalence, present, present_speed, statistics
from lstmbench.implementations import framework
from lstmbench.margins import in_words, unit_of_difference

_NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
_BETTER = {"perplexity": "lower", "accuracy": "higher"}
_VERDICTS = {
    equivalence.EQUAL: "equal within {margin}",
    equivalence.DIFFERENT: "a difference",
    equivalence.INCONCLUSIVE: "inconclusive",
    equivalence.NO_CLAIM: f"no claim with fewer than {equivalence.FEWEST_SEEDS} seeds",
}


@dataclass(frozen=True)
class Headline:
    """What is ``said``, the ``numbers`` that carry it, and whether the question is ``settled``."""

    said: str
    numbers: str
    settled: bool


def headlines(dataset: str, tables: dict[str, pd.DataFrame]) -> list[Headline]:
    """Of one data set's ``tables`` (runs, quality, differences, speed, ratios): per device, on quality and on speed."""
    quality = tables["quality"][tables["quality"]["failure"] == ""]
    return [
        *_quality(dataset, quality, tables["differences"], tables["runs"]),
        *_speed(dataset, tables["speed"], tables["ratios"]),
    ]


def _quality(dataset: str, quality: pd.DataFrame, differences: pd.DataFrame, runs: pd.DataFrame) -> list[Headline]:
    metric = quality["metric"].iloc[0]
    complete = quality[quality["caps"] == ""]
    if complete.empty:
        return [Headline(f"No claim on the quality of {dataset}", "every run was cut short", False)]
    size = complete.loc[complete["parameters"].idxmax(), "size"]
    pairs = differences[(differences["size"] == size) & (differences["caps"] == "")]
    own = runs[(runs["size"] == size) & (runs["caps"] == "")]
    where = f"{dataset} {size}"
    if pairs.empty:
        found = ", ".join(_value(name, rows, metric) for name, rows in own.groupby("implementation", sort=True))
        return [Headline(f"No two implementations to compare on {where}", f"test {metric} {found}", False)]
    said = []
    for device, here in pairs.groupby("device", sort=True):
        on = f"{where} ({device})" if pairs["device"].nunique() > 1 else where
        # Between frameworks, if there are several; two implementations of one framework otherwise.
        across = here[here["first"].map(framework) != here["second"].map(framework)]
        compared = here if across.empty else across
        mine = own[own["device"] == device]
        said.append(_pair(on, compared, mine, metric) if len(compared) == 1 else _pairs(on, compared, mine, metric))
    return said


def _pair(where: str, compared: pd.DataFrame, runs: pd.DataFrame, metric: str) -> Headline:
    (row,) = compared.to_dict("records")
    names = [row["first"], row["second"]]
    first, second = (called(name) for name in names)
    both = f"{first} and {second}"
    seeds = {int(seed) for seed in row["seeds"].split()}
    paired = runs[runs["seed"].isin(seeds)]
    values = " and ".join(_amount(paired[paired["implementation"] == name], metric) for name in names)
    unit = unit_of_difference(metric)
    difference = f"difference {present.signed(row['mean'], unit)}"
    if not np.isnan(row["low"]):
        low, high = (present.signed(row[end], unit) for end in ("low", "high"))
        difference += f", 95 % interval {low} to {high}"
    numbers = f"{values}, n = {row['n']:.0f}; {difference}"
    match row["verdict"]:
        case equivalence.EQUAL:
            said = f"{both} reach the same test {metric} on {where}, equal within {in_words(metric)}"
        case equivalence.DIFFERENT:
            lower, higher = (first, second) if row["mean"] > 0 else (second, first)
            better, worse = (lower, higher) if metric == "perplexity" else (higher, lower)
            said = f"{better} reaches a {_BETTER[metric]} test {metric} than {worse} on {where}"
        case equivalence.INCONCLUSIVE:
            said = f"Inconclusive whether {both} reach the same test {metric} on {where}"
        case _:
            said = f"No claim whether {both} reach the same test {metric} on {where}"
            numbers += f"; a claim needs {equivalence.FEWEST_SEEDS} seeds"
    return Headline(said, numbers, row["verdict"] in (equivalence.EQUAL, equivalence.DIFFERENT))


def _pairs(where: str, compared: pd.DataFrame, runs: pd.DataFrame, metric: str) -> Headline:
    """Of several pairs the verdicts are counted, and the widest difference is told."""
    counts = compared["verdict"].value_counts()
    names = sorted({*compared["first"], *compared["second"]})
    values = ", ".join(_value(name, runs[runs["implementation"] == name], metric) for name in names)
    fewest = f"n = {compared['n'].min():.0f}"
    if len(counts) == 1 and counts.index[0] == equivalence.EQUAL:
        said = f"All {len(names)} implementations reach the same test {metric} on {where}"
        return Headline(f"{said}, each pair equal within {in_words(metric)}", f"{values}, {fewest}", True)
    if len(counts) == 1 and counts.index[0] == equivalence.NO_CLAIM:
        said = f"No claim whether {len(names)} implementations reach the same test {metric} on {where}"
        return Headline(said, f"{values}, {fewest}; a claim needs {equivalence.FEWEST_SEEDS} seeds", False)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    said = f"Test {metric} of {len(compared)} pairs of implementations on {where}: {told}"
    return Headline(said, f"{values}, {fewest}", equivalence.INCONCLUSIVE not in counts)


def _speed(dataset: str, speed: pd.DataFrame, ratios: pd.DataFrame) -> list[Headline]:
    """Of the largest size that was measured: the fastest implementation of each framework, pair by pair."""
    if speed.empty:
        return [Headline(f"The speed of {dataset} was not measured", "", False)]
    size = present.by_size(speed)["size"].iloc[-1]
    cells = speed[speed["size"] == size]
    said = []
    for device, here in cells.groupby("device", sort=True):
        on = f"{dataset} {size}" + (f" ({device})" if cells["device"].nunique() > 1 else "")
        good = here[here["headline"] == 1].sort_values("rate", ascending=False)
        fastest = good[~good["implementation"].map(framework).duplicated()]
        rows = ratios[(ratios["size"] == size) & (ratios["device"] == device)]
        pairs = rows.set_index(["numerator", "denominator"], drop=False)
        wanted = [pair for pair in itertools.combinations(fastest["implementation"], 2) if pair in pairs.index]
        if not wanted:
            said.append(Headline(f"No claim on the speed of {on}", "no two frameworks have a speed to quote", False))
        disturbed = set(good.loc[good["disturbed"] != "", "implementation"])
        said += [_ratio(on, pairs.loc[[pair]].iloc[0], disturbed.intersection(pair)) for pair in wanted]
    return said


def _ratio(where: str, row: pd.Series, disturbed: set[str]) -> Headline:
    first, second = called(row["numerator"]), called(row["denominator"])
    over = present_speed.interval(row["low"], row["high"], row["pairs"], "pair", 2)
    numbers = f"95 % interval {over}, {row['pairs']:.0f} pairs of processes"
    numbers += "; some of these were disturbed" if disturbed else ""
    times = f"{row['ratio']:.2f} times as fast"
    match present_speed.verdict_on_ratio(row):
        case "faster":
            return Headline(f"{first} trains {where} {times} as {second}", numbers, True)
        case "inconclusive":
            said = f"Inconclusive whether {first} or {second} trains {where} faster"
            return Headline(said, f"{first} {times} as {second}, {numbers}", False)
        case _:
            said = f"No claim whether {first} or {second} trains {where} faster"
            return Headline(said, f"{first} {times} as {second}, {over}", False)


def finding(quality: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Sentences on one data set's quality: the largest size whose runs are complete, or that there is none."""
    complete = quality[quality["caps"] == ""]
    if complete.empty:
        return ["Every run was capped: this shows that each part works, not how well or how fast it learns."]
    largest = complete[complete["parameters"] == complete["parameters"].max()]
    size = present.by_size(largest)["size"].iloc[0]
    metric = quality["metric"].iloc[0]
    rows, pairs = (part[(part["size"] == size) & (part["caps"] == "")] for part in (complete, differences))
    values = [_with(present.metric(row.test_mean, metric), row) for row in rows.itertuples()]
    sentences = [f"Size {size}: test {metric} {present.joined(values)}."]
    unit = unit_of_difference(metric)
    for row in pairs.itertuples():
        side = "below" if row.mean < 0 else "above"
        low, high = (present.signed(value, unit) for value in (row.low, row.high))
        interval = f", 95 % interval {low} to {high}" if row.n > 1 else ""
        sentences.append(
            f"From the same initial weights, {row.second} ended {abs(row.mean):.2f} {unit} {side} {row.first} "
            f"({row.device}, n = {row.n:.0f}{interval}): {_VERDICTS[row.verdict].format(margin=in_words(metric))}."
        )
    best = rows.dropna(subset=["published"])
    if not best.empty:
        first = best.iloc[0]
        sentences.append(
            f"Best published value known for this size: {present.metric(first['published'], metric)} "
            f"({first['published_source']})."
        )
    floor = rows["floor"].dropna()
    if not floor.empty:
        sentences.append(f"The source of the text itself would reach {present.metric(floor.iloc[0], metric)}.")
    return sentences


def _with(value: str, row: Any) -> str:
    return f"{value} with {row.implementation} ({row.device}, n = {row.n:.0f})"


def called(implementation: str) -> str:
    """The name of a framework as it writes itself; any other implementation by its own."""
    return _NAMES.get(implementation, implementation)


def _value(name: str, runs: pd.DataFrame, metric: str) -> str:
    return f"{called(name)} {_amount(runs, metric)}"


def _amount(runs: pd.DataFrame, metric: str) -> str:
    """The mean over the seeds, with half of its 95 % interval (t) where there are two or more."""
    values = runs[f"test_{metric}"].tolist()
    mean = statistics.geometric_mean(values) if metric == "perplexity" else statistics.arithmetic_mean(values)
    text, half = present.metric(mean.estimate, metric), (mean.high - mean.low) / 2
    if np.isnan(half):
        return text
    number, space, unit = text.partition(" ")
    return f"{number} \N{PLUS-MINUS SIGN} {present.metric(half, metric).partition(' ')[0]}{space}{unit}"
