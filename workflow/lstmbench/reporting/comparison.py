"""Show the comparison of bundles as text: a summary in words, and the tables for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from lstmbench.analysis.comparison import range_of_ratios, with_verdicts
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.reporting import glossary, margins
from lstmbench.reporting.cells import ABSENT, number, signed
from lstmbench.reporting.html import Section, as_table, render
from lstmbench.reporting.margins import unit_of_difference
from lstmbench.reporting.order import by_size
from lstmbench.reporting.speed import rounded
from lstmbench.statistics.verdict import Kind

NOTES = {
    "quality": [
        "Quality: the second relative to the first, over pairs of runs of one seed from the same initial weights: mean "
        f"with its 95 % interval (t). {margins.EQUAL} {margins.TESTED}; "
        "different: by a t-test, corrected for all comparisons of the table (Holm); inconclusive: neither. "
        f"{margins.FEWER} no claim is made.",
    ],
    "speed": [
        "Speed: the second over the first, of the geometric means over the processes, with Welch's 95 % interval. "
        f"Equal: the interval lies within {margins.SPEED} of 1; faster or slower: by Welch's t-test, corrected in the "
        "same way; no interval: one process on a side. The two were not measured in turn: whatever differs between "
        "the machines, or between the moments on one machine, is part of a ratio.",
    ],
    "circumstances": ["Machine, libraries and commit: what is not named here was the same."],
}

EMPTY = {
    "quality": "No run of either was found.",
    "speed": "No speed of either was measured.",
    "circumstances": "Machine, libraries and commit are the same.",
}

TITLE_OF_BASELINES = "Here beside the baseline machines"
SIDES_OF_BASELINES = (
    "First: the machine that a bundle in results/baselines names; second: here. What both have is compared."
)

FIRST_CASES = 3
"""Cases that a line names of each verdict."""


def summary(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return the number of cases per bundle, kind and verdict, and a line for each that is slower or differs.

    Speeds have their range of ratios too.
    """
    lines = []
    for kind in ("quality", "speed"):
        for bundle, rows in tables[kind].groupby("bundle", sort=False):
            kinds = rows["verdict"].map(lambda verdict: verdict.kind.value)
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.value_counts().items())
            lines.append(f"{bundle}, {kind}: {counts}{_range(rows) if kind == 'speed' else ''}")
            for row in rows[kinds.isin([Kind.SLOWER, Kind.DIFFERENT])].to_dict("records"):
                found = _difference(row) if kind == "quality" else f"{row['ratio']:.2f} times as fast"
                lines.append(f"  {_name(row)}: {row['verdict']}, {found}")
    return lines


def not_compared(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a line for each case that was not compared, with the reason."""
    rows = with_verdicts(tables, (Kind.FAILED, Kind.MISSING, Kind.NOT_COMPARED))
    return [f"  {row['bundle']}, {row['table']} of {_name(row)}: {row['verdict']}" for row in rows.to_dict("records")]


def listed(tables: Mapping[str, pd.DataFrame], kinds: Collection[Kind]) -> str:
    """Return in one line how many cases have each of these verdicts, and the first of them; "" if none has."""
    rows = with_verdicts(tables, kinds).to_dict("records")
    parts = []
    for kind in kinds:
        cases = [f"{row['table']} of {_name(row)}" for row in rows if row["verdict"].kind is kind]
        more = [f"{len(cases) - FIRST_CASES} more"] if len(cases) > FIRST_CASES else []
        if cases:
            parts.append(f"{len(cases)} {kind} ({', '.join([*cases[:FIRST_CASES], *more])})")
    return "; ".join(parts)


def _name(row: Mapping[str, Any]) -> str:
    return "/".join(row[part] for part in CASE_COLUMNS)


def shown(tables: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables as text by their headings, and the notes below; a table without rows becomes a note."""
    headings = {"quality": ("Quality", _quality), "speed": ("Speed", _speed), "circumstances": ("Circumstances", _text)}
    parts, notes = {}, []
    for name, table in tables.items():
        heading, show = headings[name]
        if table.empty:
            notes.append(EMPTY[name])
        else:
            parts[heading] = show(table)
            notes += NOTES[name]
    return parts, notes


def _quality(table: pd.DataFrame) -> pd.DataFrame:
    table = by_size(table)
    rows = _case(table)
    records = table.to_dict("records")
    rows["metric"] = table["metric"].fillna("").replace("", ABSENT)
    rows["n"] = [number(row["n"], 0) for row in records]
    rows["difference"] = [_difference(row) for row in records]
    rows["95 % interval"] = [
        ABSENT if pd.isna(row["low"]) else f"{_signed(row, 'low')} to {_signed(row, 'high')}" for row in records
    ]
    rows["verdict"] = table["verdict"].map(str)
    return rows


def _speed(table: pd.DataFrame) -> pd.DataFrame:
    table = by_size(table)
    rows = _case(table)
    rows["threads"] = [number(value, 0) for value in table["threads"]]
    rows["unit"] = table["unit"].fillna("").replace("", ABSENT)
    for side in ("first", "second"):
        rows[side] = [rounded(value) for value in table[f"{side}_rate"]]
    rows["times as fast"] = [number(value, 2) for value in table["ratio"]]
    rows["95 % interval"] = [
        ABSENT if pd.isna(low) else f"{number(low, 2)} to {number(high, 2)}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    rows["verdict"] = table["verdict"].map(str)
    return rows


def _text(table: pd.DataFrame) -> pd.DataFrame:
    return table.replace("", ABSENT)


def _case(table: pd.DataFrame) -> pd.DataFrame:
    case = CASE_COLUMNS
    return table[["bundle", *case] if table["bundle"].nunique() > 1 else case].copy()


def _range(rows: pd.DataFrame) -> str:
    """Return the least and the greatest ratio if there are several."""
    found = range_of_ratios(rows)
    if found is None:
        return ""
    least, greatest, median = found
    return f"; {least:.2f} to {greatest:.2f} times as fast, median {median:.2f}"


def _difference(row: Mapping[str, Any]) -> str:
    return _signed(row, "difference")


def _signed(row: Mapping[str, Any], name: str) -> str:
    return ABSENT if pd.isna(row[name]) else signed(row[name], unit_of_difference(row["metric"]))


def html(title: str, summary: list[str], parts: dict[str, pd.DataFrame], notes: list[str]) -> str:
    """Return the comparison as its own page."""
    return render(
        "comparison.html.j2",
        title=title,
        summary=summary,
        sections=[Section(heading.lower(), heading, tables={"": as_table(part)}) for heading, part in parts.items()],
        notes=notes,
        glossary={"Verdicts": glossary.verdicts()},
    )
