"""Show the closing table, the last output of a run on the terminal: the results in at most 100 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import pandas as pd
from tabulate import tabulate

from lstmbench.analysis.quality import better_of
from lstmbench.records.paths import CASE_COLUMNS, GROUP_COLUMNS
from lstmbench.reporting import cells, order
from lstmbench.reporting import speed as present_speed
from lstmbench.statistics.verdict import Kind
from lstmbench.utils.escaping import one_line, sentence_and_details

WIDTH = 100
MAX_WIDTHS = (9, 10, 17, 18, 17)
"""Of all columns but the last, which takes the rest."""

MAX_ROWS = 24
MAX_REASON = 90

HEADERS = (
    "data set",
    "size",
    "implementation",
    "test quality:\nlower perplexity,\nhigher % is better",
    "training speed,\nhigher is better",
    "verdict on quality,\nand the speed",
)

_VERDICTS = {Kind.EQUAL: "equal", Kind.INCONCLUSIVE: "inconclusive", Kind.NO_CLAIM: "too few seeds"}
FAILED = Kind.FAILED.value

BASE = "others against it"
"""In the row of a size that its other rows are compared with."""

ONE_PROCESS = "~: one process of each, no interval."
DISTURBED = "*: disturbed while it was measured (the table of speeds says by what), so it is less certain."
BRACKETS = "In brackets: a speed that may not be quoted."
NOTES = (ONE_PROCESS, DISTURBED, BRACKETS)
"""The meanings of the marks in a row; those that are used are below the table."""


@dataclass(frozen=True)
class _Row:
    """A row of the table as text; failed: a run or the measurement; notes: of ``NOTES``, on the marks in the row."""

    dataset: str
    size: str
    device: str
    implementation: str
    quality: str
    speed: str
    verdict: str
    failed: bool
    notes: frozenset[str]


def closing(quality: pd.DataFrame, differences: pd.DataFrame, speed: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """Return the table of all cases, one row each, and the meaning of its marks, from the tables of the report.

    ``quality`` and ``differences`` may be empty: then only the speeds are shown.
    """
    rows = _rows(quality, differences, speed, ratios)
    several = len({row.device for row in rows}) > 1
    fields = [
        [
            row.dataset,
            row.size,
            row.implementation + (f" on {row.device}" if several else ""),
            row.quality,
            row.speed,
            row.verdict,
        ]
        for row in rows
    ]
    text = _fitted([[one_line(field) for field in row] for row in fields[:MAX_ROWS]])
    notes = []
    if len(rows) > MAX_ROWS:
        failed = sum(row.failed for row in rows[MAX_ROWS:])
        notes.append(f"{len(rows) - MAX_ROWS} more rows" + (f", {failed} of them failed." if failed else "."))
    used = {note for row in rows[:MAX_ROWS] for note in row.notes}
    notes += [note for note in NOTES if note in used]
    return "\n".join([text, *notes]) + "\n"


def _fitted(fields: list[list[str]]) -> str:
    """Return the table; the last column is as wide as the others allow."""
    widths: list[int] = []
    for place, heading in enumerate(HEADERS):
        most = WIDTH - sum(widths) - 2 * place if place == len(MAX_WIDTHS) else MAX_WIDTHS[place]
        longest = max(len(row[place]) for row in fields)
        widths.append(max(*map(len, heading.split("\n")), min(most, longest)))
    # Headers are passed as a row, because tabulate leaves too much room beside headers.
    rule = ["-" * width for width in widths]
    align = ("left", "left", "left", "right", "right", "left")
    rows = [list(HEADERS), rule, *fields]
    text: str = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=align, maxcolwidths=widths)
    return text


def _rows(quality: pd.DataFrame, differences: pd.DataFrame, speed: pd.DataFrame, ratios: pd.DataFrame) -> list[_Row]:
    """Return the rows as text, in the order of data sets, sizes and devices; the others follow their base."""
    keys = pd.concat([table[CASE_COLUMNS] for table in (quality, speed)])
    keys = keys.drop_duplicates().sort_values(["dataset", "implementation"], kind="stable")
    rows = []
    for (dataset, size, device), members in order.by_size(keys).groupby(GROUP_COLUMNS, sort=False):
        group = {"dataset": dataset, "size": size, "device": device}
        own = [_of(table, group) for table in (quality, differences, speed, ratios)]
        names = _base_first(list(members["implementation"]), own[0], own[2])
        disturbed = {*own[2].loc[own[2]["disturbed"] != "", "implementation"]}
        for name in names:
            learned, timed = (_of(own[place], {"implementation": name}) for place in (0, 2))
            speed_text, explained, lost = _speed(timed)
            # Runs of one implementation that differ in versions or machine have a row each and no common verdict.
            for one in learned.to_dict("records") or [None]:
                remarks, approximate = [_failures(one, timed)], False
                if name != names[0] and (one is None or len(learned) == 1):
                    on_speed, approximate = _on_speed(own[3], names[0], name, disturbed)
                    remarks += [_on_quality(one, own[1], names[0], name), on_speed]
                elif one is not None and one["failure"] == "" and one["caps"]:
                    remarks.append("cut short")
                if name == names[0] and len(names) > 1 and not any(remarks):
                    remarks.append(BASE)
                rows.append(
                    _Row(
                        **group,
                        implementation=name,
                        quality=_quality(one),
                        speed=speed_text,
                        verdict=", ".join(filter(None, remarks)) or cells.ABSENT,
                        failed=lost or (one is not None and one["failure"] != ""),
                        notes=frozenset([*explained, *([ONE_PROCESS] if approximate else [])]),
                    )
                )
    return rows


def _base_first(names: list[str], quality: pd.DataFrame, speed: pd.DataFrame) -> list[str]:
    """Return the implementations, first the one to compare with: trained, with a quotable and undisturbed speed.

    If none is all of that, it is the one that lacks the least, in this order.
    """
    failed = {row["implementation"] for row in quality.to_dict("records") if row["failure"]}
    quotable = {*speed.loc[speed["quotable"] == 1, "implementation"]}
    disturbed = {*speed.loc[speed["disturbed"] != "", "implementation"]}
    base = min(names, key=lambda name: (name in failed, name not in quotable, name in disturbed))
    return [base, *(name for name in names if name != base)]


def _of(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of a table with these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def _quality(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return cells.ABSENT
    if row["failure"]:
        return FAILED
    seeds = f"{row['n']:.0f} seed{'s' if row['n'] > 1 else ''}"
    return f"{cells.metric(row['test_mean'], row['metric'])} ({seeds})"


def _speed(timed: pd.DataFrame) -> tuple[str, list[str], bool]:
    """Return the speed as text, the notes on its marks, and whether the measurement failed."""
    if len(timed) != 1:
        return cells.ABSENT if timed.empty else "see the page", [], False
    (row,) = timed.to_dict("records")
    if row["verdict"].kind is Kind.FAILED:
        return FAILED, [], True
    shown = f"{present_speed.rounded(row['rate'])} {row['unit']}"
    if not row["quotable"]:
        return f"({shown})", [BRACKETS], False
    return (f"{shown}*", [DISTURBED], False) if row["disturbed"] else (shown, [], False)


def _failures(learned: Mapping[str, Any] | None, timed: pd.DataFrame) -> str:
    """Return why a run or a measurement failed."""
    reasons = [learned["failure"]] if learned is not None else []
    if not any(reasons):
        reasons = [verdict.reason for verdict in timed["verdict"] if verdict.kind is Kind.FAILED]
    sentences = (sentence_and_details(why)[0] for why in reasons if why)
    return "; ".join(textwrap.shorten(why, MAX_REASON, placeholder=" ...") for why in dict.fromkeys(sentences))


def _on_quality(row: Mapping[str, Any] | None, differences: pd.DataFrame, first: str, second: str) -> str:
    """Return the verdict on the second implementation's quality."""
    if row is None or row["failure"]:
        return ""
    if row["caps"]:
        return "cut short"
    found = [one for pair in ((first, second), (second, first)) for one in
             _of(differences, dict(zip(("first", "second"), pair, strict=True))).to_dict("records")]  # fmt: skip
    if len(found) != 1:
        return Kind.NOT_COMPARED.value
    (one,) = found
    if one["verdict"].kind is Kind.DIFFERENT:
        return "better" if better_of(one) == second else "worse"
    return _VERDICTS[one["verdict"].kind]


def _on_speed(ratios: pd.DataFrame, first: str, second: str, disturbed: Set[str]) -> tuple[str, bool]:
    """Return how many times as fast the second implementation is, and whether that is without an interval.

    A ratio with a disturbed speed has the mark of that speed.
    """
    there = _of(ratios, {"numerator": second, "denominator": first})
    back = _of(ratios, {"numerator": first, "denominator": second})
    if len(there) + len(back) != 1:
        return "", False
    row = pd.concat([there, back]).iloc[0]
    ratio = row["ratio"] if len(there) else 1 / row["ratio"]
    verdict = row["verdict"]
    if verdict.kind is Kind.NOT_QUOTABLE or math.isnan(ratio):
        return "speed unclear", False
    if verdict.kind is Kind.INCONCLUSIVE:
        return "speed inconclusive", False
    approximate = verdict.kind is Kind.NO_INTERVAL
    mark = "*" if disturbed & {first, second} else ""
    return f"{'~' if approximate else ''}{ratio:.2f}x as fast{mark}", approximate
