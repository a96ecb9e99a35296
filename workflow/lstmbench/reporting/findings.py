"""State the findings on quality, speed and time to quality, one line each: numbers first, then their evidence.

Means over seeds and ratios over processes are compared, never a best run.  Every line begins with a data set and its
size.  If there are too few seeds or processes, the line gives their numbers and ends with what these do not show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstmbench.analysis.chosen_size import choose_size
from lstmbench.analysis.quality import better_of, interval_of_mean, largest_difference, means_by_implementation
from lstmbench.implementations import framework
from lstmbench.reporting import cells, order
from lstmbench.reporting import speed as present_speed
from lstmbench.reporting.cells import BETTER
from lstmbench.reporting.interference import reasons
from lstmbench.reporting.margins import SEEDS, in_words, unit_of_difference, within
from lstmbench.reporting.names import called, called_dataset
from lstmbench.reporting.scaling import WORDS as SCALED_WORDS
from lstmbench.statistics.verdict import Kind
from lstmbench.system.device import split_device
from lstmbench.utils.escaping import one_line, sentence_and_details
from lstmbench.utils.wording import counted, joined

MAX_REASON = 90
"""Show at most this number of characters of a reason in a line; the page has the full reason further below."""


@dataclass(frozen=True)
class Finding:
    """A finding about ``what`` (quality, speed, time to quality) in ``where`` (data set, size, device).

    text: the numbers.  evidence: the seeds, intervals and verdict that support them.
    conclusive: whether the question is answered: equal or different, faster or slower.
    """

    where: str
    what: str
    text: str
    evidence: str
    conclusive: bool

    def __str__(self) -> str:
        return f"{self.where}: {self.text}; {self.evidence}."


def findings(dataset: str, tables: dict[str, pd.DataFrame]) -> list[Finding]:
    """Return the lines on one data set, for the size that ``chosen_size`` chooses and each of its devices.

    tables: runs, quality, differences, speed, ratios and time_to_quality, of all data sets of the page.
    """
    names = ("runs", "quality", "differences", "speed", "ratios", "time_to_quality")
    of_dataset = {name: tables[name][tables[name]["dataset"] == dataset] for name in names}
    size = choose_size(of_dataset["quality"], of_dataset["differences"], of_dataset["speed"])
    own = {name: table[table["size"] == size] for name, table in of_dataset.items()}
    corrected = sum(verdict.kind is not Kind.NO_CLAIM for verdict in tables["differences"]["verdict"])
    devices = order.devices(own["quality"]["device"])
    lines = []
    for device in devices:
        here = {name: table[table["device"] == device] for name, table in own.items()}
        where = f"{called_dataset(dataset)} {size}" + (f" ({device})" if len(devices) > 1 else "")
        lines += [_quality(where, here, corrected), _speed(where, here, of_dataset), _time(where, here)]
    return lines


def _quality(where: str, here: dict[str, pd.DataFrame], corrected: int) -> Finding:
    """State the means over the seeds and what they show, ``corrected`` for this number of comparisons."""
    well = here["quality"][here["quality"]["failure"] == ""]
    complete = well[well["caps"] == ""]
    metric = here["quality"]["metric"].iloc[0]
    failed = sorted(set(here["quality"].loc[here["quality"]["failure"] != "", "implementation"]))
    note = f"; {joined(map(called, failed))} failed" if failed else ""
    if well.empty:
        text = f"0 of {counted(len(failed), 'implementation')} trained to the end"
        return Finding(where, "quality", text, note.removeprefix("; "), False)
    if complete.empty:
        count = int(well["n"].sum())
        text = f"{_all_runs(count)} cut short ({well['caps'].iloc[0]})"
        return Finding(where, "quality", text, f"their quality says nothing{note}", False)
    pairs = here["differences"][here["differences"]["caps"] == ""]
    # Compare across frameworks if there are several; otherwise compare implementations of the one framework.
    across = pairs[pairs["first"].map(framework) != pairs["second"].map(framework)]
    compared = pairs if across.empty else across
    runs = here["runs"][here["runs"]["caps"] == ""]
    if len(compared) == 1:
        paired = compared["seeds"].iloc[0].split()
        runs = runs[runs["seed"].astype(str).isin(paired)]
        complete = complete[complete["implementation"].isin([*compared["first"], *compared["second"]])]
    values = f"{_values(complete, runs, metric)} test {metric} ({BETTER[metric]} is better)"
    if compared.empty:
        seeds = _seeds(complete["n"], each=len(complete) > 1)
        return Finding(where, "quality", values, f"{seeds}, and nothing to compare with{note}", False)
    apart = f"{largest_difference(compared):.2f} {unit_of_difference(metric)}"
    evidence, conclusive = _carries(compared, metric, corrected)
    evidence += note
    if len(compared) > 1:
        return Finding(where, "quality", f"{values}, at most {apart} apart", evidence, conclusive)
    (row,) = compared.to_dict("records")
    match row["verdict"].kind:
        case Kind.EQUAL:
            text = f"{values}, {apart} apart: equal within {in_words(metric)}"
        case Kind.DIFFERENT:
            text = f"{values}: {called(better_of(row))} is better by {apart}"
        case _:
            text = f"{values}, {apart} apart"
    return Finding(where, "quality", text, evidence, conclusive)


def _carries(compared: pd.DataFrame, metric: str, corrected: int) -> tuple[str, bool]:
    """Return the evidence for differences in quality, and whether it is conclusive."""
    seeds = _seeds(compared["n"], each=True)
    counts = compared["verdict"].map(lambda verdict: verdict.kind.value).value_counts()
    conclusive = all(verdict.conclusive for verdict in compared["verdict"])
    too_few = f"{seeds}, too few to call them equal or different (that takes {SEEDS})"
    if all(verdict.kind is Kind.NO_CLAIM for verdict in compared["verdict"]) and len(compared) > 1:
        return too_few, conclusive
    if len(compared) > 1:
        each = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        return f"{seeds}; of {len(compared)} pairs: {each}", conclusive
    (row,) = compared.to_dict("records")
    unit = unit_of_difference(metric)
    low, high = cells.signed(row["low"], unit).partition(" ")[0], cells.signed(row["high"], unit)
    mean = f"{called(row['second'])} is {cells.signed(row['mean'], unit)} from {called(row['first'])}"
    interval = "" if np.isnan(row["low"]) else f": {mean}, 95 % interval {low} to {high}"
    match row["verdict"].kind:
        case Kind.NO_CLAIM:
            return too_few + interval, conclusive
        case Kind.INCONCLUSIVE:
            excludes_0 = row["low"] > 0 or row["high"] < 0
            why = (
                f"not certain once corrected for the {corrected} comparisons of the page"
                if excludes_0
                else "too wide to call them equal or different"
            )
            return f"{seeds}{interval}, {why} (inconclusive)", conclusive
        case Kind.EQUAL if not within(metric, row["low"], row["high"]):
            decides = f"the 90 % interval, which decides on equality, is within {in_words(metric)}"
            return f"{seeds}{interval}; {decides}", conclusive
        case _:
            return seeds + interval, conclusive


def _speed(where: str, here: dict[str, pd.DataFrame], of_dataset: dict[str, pd.DataFrame]) -> Finding:
    """State the quotable speeds, and how much faster the fastest framework is than the next one."""
    speed = here["speed"]
    if speed.empty:
        asked = counted(here["quality"]["implementation"].nunique(), "implementation")
        return Finding(
            where, "speed", f"the speed of 0 of {asked} was measured", _not_measured(here, of_dataset), False
        )
    good = speed[speed["quotable"] == 1].sort_values("rate", ascending=False)
    left = [f"{called(row.implementation)} ({_why(row)})" for row in speed[speed["quotable"] == 0].itertuples()]
    if good.empty:
        return Finding(
            where,
            "speed",
            f"0 of {counted(len(speed), 'speed')} can be relied on",
            f"not compared: {', '.join(left)}",
            False,
        )
    unit = present_speed.unit(good)
    rates = [f"{called(row.implementation)} {present_speed.rounded(row.rate)}" for row in good.itertuples()]
    text = f"{', '.join(rates)} {unit} (higher is faster)"
    row = _first_pair(good["implementation"], here["ratios"])
    compared = good if row is None else good[good["implementation"].isin([row["numerator"], row["denominator"]])]
    notes = _disturbed(compared)
    notes += [f"not compared: {', '.join(left)}"] if left else []
    if row is None:
        why = "not measured in the same rounds, so not compared" if len(good) > 1 else "no second speed to compare with"
        return Finding(where, "speed", text, "; ".join([why, *notes]), False)
    times = f"{row['ratio']:.2f} times as fast as {called(row['denominator'])}"
    text += f": {called(row['numerator'])} is {times}"
    over = present_speed.interval(row["low"], row["high"], row["pairs"], "pair", 2)
    pairs = counted(int(row["pairs"]), "pair") + " of processes"
    verdict = row["verdict"]
    match verdict.kind:
        case Kind.FASTER | Kind.SLOWER:
            evidence = f"95 % interval {over}, {pairs}"
        case Kind.INCONCLUSIVE:
            why = verdict.reason or "it includes 1"
            evidence = f"95 % interval {over}, {pairs}; {why}, so which is faster is open (inconclusive)"
        case _:
            evidence = f"{pairs}, too few for an interval, so this is a hint and not a result"
    return Finding(where, "speed", text, "; ".join([evidence, *notes]), verdict.conclusive)


def _not_measured(here: dict[str, pd.DataFrame], of_dataset: dict[str, pd.DataFrame]) -> str:
    """Return what to do about a speed that was not measured, or where there is one."""
    (size, device), *_ = here["quality"][["size", "device"]].itertuples(index=False)
    if split_device(device).workers > 1:
        compared = of_dataset["runs"]["device"].map(lambda name: split_device(name).workers).nunique() > 1
        table = f"; the speeds of the runs themselves are under {SCALED_WORDS['workers'].title}" if compared else ""
        return f"make bench measures one worker only{table}"
    measured = of_dataset["speed"][of_dataset["speed"]["processes"] > 0]
    others = order.by_size(measured[measured["size"] != size])["size"].unique()
    if not len(others):
        return "make bench does it"
    return f"only {joined(others)} {'was' if len(others) == 1 else 'were'}"


def _disturbed(speed: pd.DataFrame) -> list[str]:
    """Return a note on each speed that was disturbed, with the recorded reasons."""
    rows = speed[speed["disturbed"] != ""]
    return [
        f"{called(row.implementation)} was disturbed ({_short(reasons([row.disturbed]))})" for row in rows.itertuples()
    ]


def _first_pair(by_speed: Iterable[str], ratios: pd.DataFrame) -> pd.Series | None:
    """Return the ratio of the fastest to the next of another framework, or to the next of the same one if none is."""
    fastest, *others = by_speed
    pairs = ratios.set_index(["numerator", "denominator"], drop=False)
    for name in sorted(others, key=lambda name: framework(name) == framework(fastest)):
        if (fastest, name) in pairs.index:
            return pairs.loc[[(fastest, name)]].iloc[0]
    return None


def _time(where: str, here: dict[str, pd.DataFrame]) -> Finding:
    """State the training time to the target, in seconds, without a verdict because runs may share a machine."""
    rows, what = here["time_to_quality"], "time to quality"
    if here["runs"].empty:
        return Finding(where, what, "0 runs trained to the end", "no target was reached", False)
    if (rows["caps"] == "").any():
        rows = rows[rows["caps"] == ""]
    if rows.empty:
        return Finding(where, what, "0 targets are set for this size", "workflow/targets.tsv has the others", False)
    rows = rows[rows["target"] == rows["target"].iloc[0]].sort_values("seconds_median", kind="stable")
    metric = rows["metric"].iloc[0]
    target = f"a validation {metric} of {cells.metric(rows['target'].iloc[0], metric)}"
    reached, runs = int(rows["reached"].sum()), int(rows["n"].sum())
    if not reached:
        text = f"0 of {counted(runs, 'run')} reached {target}"
        return Finding(where, what, text, _cut_short(rows) or "the whole schedule was trained", False)
    each = [_reached(row) for row in rows.itertuples()]
    text = f"{', '.join(each)} of training to {target} (less is better)"
    seeds = _seeds(rows["n"], each=len(rows) > 1)
    median = ", the median counts" if rows["n"].max() > 1 else ""
    caveat = "runs may have shared the machine, so this is a hint and no benchmark"
    short = f"; {_cut_short(rows)}" if _cut_short(rows) else ""
    return Finding(where, what, text, f"{seeds}{median}; {caveat}{short}", False)


def _reached(row: Any) -> str:
    name, seconds = called(row.implementation), row.seconds_median
    if np.isnan(seconds):
        return f"{name} not ({row.reached:.0f} of {counted(int(row.n), 'run')})"
    return f"{name} {cells.number(seconds, 0 if seconds >= 100 else 1)} s"


def _cut_short(rows: pd.DataFrame) -> str:
    caps = rows["caps"].iloc[0]
    return f"runs were cut short ({caps}), so the target is a loose one" if caps else ""


def _all_runs(count: int) -> str:
    return {1: "the only run was", 2: "both runs were"}.get(count, f"all {count} runs were")


def _seeds(counts: pd.Series, each: bool) -> str:
    """Return the number of seeds behind values: "one seed each", "3 to 5 seeds each"."""
    low, high = int(counts.min()), int(counts.max())
    words = "one seed" if high == 1 else f"{high} seeds" if low == high else f"{low} to {high} seeds"
    return f"{words} each" if each else words


def _short(reason: str) -> str:
    """Return a reason in at most ``MAX_REASON`` characters."""
    reason = one_line(reason)
    return reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 3]}..."


def _why(row: Any) -> str:
    """Return why a speed is not quotable."""
    return _short(sentence_and_details(str(row.verdict))[0])


def _values(quality: pd.DataFrame, runs: pd.DataFrame, metric: str) -> str:
    """Return each mean over the seeds, best first; runs that differ in settings or machine are never averaged."""
    rows, means = [], means_by_implementation(quality)
    for name, group in quality.groupby("implementation", sort=True):
        mine = runs[runs["implementation"] == name]
        alike = len(group) == 1
        shown = _amount(mine, metric) if alike else joined(cells.metric(v, metric) for v in group["test_mean"])
        rows.append((means[name], f"{called(name)} {shown}"))
    return ", ".join(text for _, text in sorted(rows, reverse=BETTER[metric] == "higher"))


def _amount(runs: pd.DataFrame, metric: str) -> str:
    """Return the mean over the seeds, with half of its 95 % interval (t) if there are two or more."""
    mean = interval_of_mean(runs[f"test_{metric}"].tolist(), metric)
    half = (mean.high - mean.low) / 2
    if np.isnan(half):
        return cells.metric(mean.estimate, metric)
    return cells.metric_with_half(mean.estimate, half, metric)
