"""Show the closing table, the last output of a run on the terminal: the results in at most 100 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Set
from typing import Any

import pandas as pd
from tabulate import tabulate

from lstmbench.records.verdict import Verdict
from lstmbench.reporting import quality as present
from lstmbench.reporting import speed as present_speed
from lstmbench.statistics.equivalence import DIFFERENT, EQUAL, INCONCLUSIVE, NO_CLAIM
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
    "verdict on both,\nagainst the size's\nfirst row",
)
COLUMNS = ("dataset", "size", "implementation", "device")

_VERDICTS = {EQUAL: "equal", INCONCLUSIVE: "inconclusive", NO_CLAIM: "too few seeds"}
BRACKETS = "In brackets: a speed that may not be quoted."
DISTURBED = "*: something else used the machine meanwhile, so the speed is doubtful and compared with none."
ONE_PROCESS = "~: one process of each, no interval."


def closing(quality: pd.DataFrame, differences: pd.DataFrame, speed: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """Return the table of all cases, one row each, and the meaning of its marks, from the tables of the report.

    ``quality`` and ``differences`` may be empty: then only the speeds are shown.
    """
    rows = _rows(quality, differences, speed, ratios)
    several = len({row["device"] for row in rows}) > 1
    fields = [
        [
            row["dataset"],
            row["size"],
            row["implementation"] + (f" on {row['device']}" if several else ""),
            row["quality"],
            row["speed"],
            row["verdict"],
        ]
        for row in rows
    ]
    text = _fitted([[one_line(field) for field in row] for row in fields[:MAX_ROWS]])
    notes = []
    if len(rows) > MAX_ROWS:
        failed = sum("failed" in (row["quality"], row["speed"]) for row in rows[MAX_ROWS:])
        notes.append(f"{len(rows) - MAX_ROWS} more rows" + (f", {failed} of them failed." if failed else "."))
    notes += [ONE_PROCESS] if any("~" in row["verdict"] for row in rows[:MAX_ROWS]) else []
    notes += [DISTURBED] if any(row["speed"].endswith("*") for row in rows[:MAX_ROWS]) else []
    notes += [BRACKETS] if any(row["speed"].startswith("(") for row in rows[:MAX_ROWS]) else []
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
    return tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=align, maxcolwidths=widths)


def _rows(
    quality: pd.DataFrame, differences: pd.DataFrame, speed: pd.DataFrame, ratios: pd.DataFrame
) -> list[dict[str, str]]:
    """Return the rows as text, in the order of data sets, sizes and devices."""
    keys = pd.concat([table[list(COLUMNS)] for table in (quality, speed)])
    keys = keys.drop_duplicates().sort_values(["dataset", "implementation"], kind="stable")
    rows = []
    for group, members in present.by_size(keys).groupby(["dataset", "size", "device"], sort=False):
        own = [_of(table, dict(zip(("dataset", "size", "device"), group, strict=True))) for table in
               (quality, differences, speed, ratios)]  # fmt: skip
        names = list(members["implementation"])
        disturbed = {*own[2].loc[own[2]["disturbed"] != "", "implementation"]}
        for name in names:
            learned, timed = (_of(own[place], {"implementation": name}) for place in (0, 2))
            # Runs of one implementation that differ in versions or machine have a row each and no common verdict.
            for one in learned.to_dict("records") or [None]:
                said = [_failures(one, timed)]
                if name != names[0] and (one is None or len(learned) == 1):
                    said += [_on_quality(one, own[1], names[0], name), _on_speed(own[3], names[0], name, disturbed)]
                elif one is not None and one["failure"] == "" and one["caps"]:
                    said.append("cut short")
                rows.append(
                    dict(zip(("dataset", "size", "device"), group, strict=True))
                    | {"implementation": name, "quality": _quality(one), "speed": _speed(timed)}
                    | {"verdict": ", ".join(filter(None, said)) or present.ABSENT}
                )
    return rows


def _of(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of a table with these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def _quality(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return present.ABSENT
    if row["failure"]:
        return "failed"
    seeds = f"{row['n']:.0f} seed{'s' if row['n'] > 1 else ''}"
    return f"{present.metric(row['test_mean'], row['metric'])} ({seeds})"


def _speed(timed: pd.DataFrame) -> str:
    if len(timed) != 1:
        return present.ABSENT if timed.empty else "see the page"
    (row,) = timed.to_dict("records")
    if Verdict.FAILED.reason(row["verdict"]) is not None:
        return "failed"
    shown = f"{present_speed.rounded(row['rate'])} {row['unit']}"
    if not row["quotable"]:
        return f"({shown})"
    return f"{shown}*" if row["disturbed"] else shown


def _failures(learned: Mapping[str, Any] | None, timed: pd.DataFrame) -> str:
    """Return why a run or a measurement failed."""
    reasons = [learned["failure"]] if learned is not None else []
    if not any(reasons):
        reasons = [*map(Verdict.FAILED.reason, timed["verdict"])]
    said = (sentence_and_details(why)[0] for why in reasons if why)
    return "; ".join(textwrap.shorten(why, MAX_REASON, placeholder=" ...") for why in dict.fromkeys(said))


def _on_quality(row: Mapping[str, Any] | None, differences: pd.DataFrame, first: str, second: str) -> str:
    """Return the verdict on the second implementation's quality."""
    if row is None or row["failure"]:
        return ""
    if row["caps"]:
        return "cut short"
    pairs = {(first, second): 1, (second, first): -1}
    found = [(one, sign) for pair, sign in pairs.items() for one in
             _of(differences, dict(zip(("first", "second"), pair, strict=True))).to_dict("records")]  # fmt: skip
    if len(found) != 1:
        return "not compared"
    one, sign = found[0]
    if one["verdict"] == DIFFERENT:
        lower = sign * one["mean"] < 0
        return "better" if lower == (one["metric"] == "perplexity") else "worse"
    return _VERDICTS[one["verdict"]]


def _on_speed(ratios: pd.DataFrame, first: str, second: str, disturbed: Set[str]) -> str:
    """Return how many times as fast the second implementation is, unless one of the two was disturbed."""
    there = _of(ratios, {"numerator": second, "denominator": first})
    back = _of(ratios, {"numerator": first, "denominator": second})
    if len(there) + len(back) != 1:
        return ""
    row = pd.concat([there, back]).iloc[0]
    ratio = row["ratio"] if len(there) else 1 / row["ratio"]
    verdict = present_speed.verdict_on_ratio(row)
    if not row["quotable"] or math.isnan(ratio) or disturbed & {first, second}:
        return "speed unclear"
    if verdict == "inconclusive":
        return "speed inconclusive"
    return f"{'~' if verdict == present.ABSENT else ''}{ratio:.2f}x as fast"
