"""Show many bundles as one table per data set, in the order of versions, of dates or of machines."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lstmbench.analysis.history import shared_cases
from lstmbench.records.paths import CASE_COLUMNS
from lstmbench.reporting.cells import ABSENT, capped, metric, number, signed
from lstmbench.reporting.order import by_size
from lstmbench.reporting.speed import GOOD, rounded
from lstmbench.statistics.change_points import MIN_POINTS

NOTES = [
    "A row is a case of one bundle. Speed: geometric mean over the processes, with its 95 % interval (t); one that may "
    "not be quoted is not shown. Test: mean over the n seeds, with its 95 % interval (t). Only rows of one recipe "
    "(hyper-parameters and data) may be compared.",
    "Certificate: what the bundle says of the implementation's parity with the reference on its machine.",
]
RANKED = (
    "Rank: of the speed, among the machines that were measured with the same number of threads, 1 is the fastest. "
    "Neighbours whose intervals overlap may be equal."
)
CHANGES = (
    f"Change: from this row on the level is another (PELT, for {MIN_POINTS} or more rows of one case, recipe and "
    "processor). A change needs two rows, and is larger than the margin of equality. A higher speed or accuracy is "
    "better, and a lower perplexity. A change may be the machine's: confirm it by measuring both versions side by side."
)


def shown(rows: pd.DataFrame, by: str) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the table of each data set as text by its heading, and the notes below."""
    ordered = by_size(rows)
    mixed = any(len(set(case["recipe"])) > 1 for _, case in rows.groupby(["dataset", "size"]))
    parts = {str(name): _table(part, by, mixed) for name, part in ordered.groupby("dataset", sort=True)}
    return parts, [*NOTES, RANKED if by == "machine" else CHANGES]


def summary(rows: pd.DataFrame, by: str) -> list[str]:
    """Return how many cases and bundles there are, and a line per machine (how often it is the fastest) or change."""
    lines = [f"{rows['bundle'].nunique()} bundles, {rows.groupby(CASE_COLUMNS).ngroups} cases"]
    return lines + (_winners(rows) if by == "machine" else _changed(rows) or ["no change of level is marked"])


def _winners(rows: pd.DataFrame) -> list[str]:
    """Return in how many cases each machine is the fastest, of those that it shares with others."""
    machines, alone = shared_cases(rows)
    lines = [
        f"{row['bundle']} ({row['processor']}): "
        f"fastest in {row['won']:,} of {row['cases']:,} cases that it shares with others"
        for row in machines.to_dict("records")
    ]
    return lines + ([f"{alone:,} speeds are of a case that only one machine measured"] if alone else [])


def _changed(rows: pd.DataFrame) -> list[str]:
    """Return a line per change of level."""
    lines = []
    for row in rows.to_dict("records"):
        case = "/".join(row[part] for part in CASE_COLUMNS)
        where = f"{row['bundle']} ({row['version'] or 'unknown version'}, {row['started'][:10]})"
        changes = _changes(row)
        if changes != ABSENT:
            lines.append(f"{case}: {changes} from {where} on")
    return lines


def _table(rows: pd.DataFrame, by: str, mixed: bool) -> pd.DataFrame:
    records = rows.to_dict("records")
    table = rows[["size", "implementation", "device"]].copy()
    if mixed:
        table["recipe"] = rows["recipe"]
    if by == "machine":
        table["rank"] = [number(row["rank"], 0) for row in records]
    table["bundle"] = rows["bundle"]
    table["date"] = [row["started"][:10] for row in records]
    table["version"] = [row["version"] or ABSENT for row in records]
    table["processor"] = rows["processor"]
    table["threads"] = [number(row["threads"], 0) for row in records]
    table["verdict"] = [_verdict(row) for row in records]
    table["speed"] = [f"{rounded(row['rate'])} {row['unit']}" if row["rate"] > 0 else ABSENT for row in records]
    table["95 % interval"] = [_interval(rounded(row["rate_low"]), rounded(row["rate_high"])) for row in records]
    table["test"] = [metric(row["mean"], row["metric"]) for row in records]
    table["interval of the test"] = [
        _interval(*(metric(row[bound], row["metric"]) for bound in ("low", "high"))) for row in records
    ]
    table["n"] = [number(row["n"], 0) for row in records]
    table["note"] = [capped(row["caps"]) or ABSENT for row in records]
    table["certificate"] = rows["certificate"]
    if by != "machine":
        table["change"] = [_changes(row) for row in records]
    return table


def _verdict(row: dict[str, Any]) -> str:
    """Return the verdict on the speed; a dash if none was measured."""
    return ABSENT if pd.isna(row["threads"]) else str(row["verdict"]) or GOOD


def _interval(low: str, high: str) -> str:
    return ABSENT if low == ABSENT else f"{low} to {high}"


def _changes(row: dict[str, Any]) -> str:
    """Return by how much the levels change at a row."""
    unit = "points" if row["metric"] == "accuracy" else "%"
    found = [
        f"{what} {signed(100 * row[f'{what}_change'], of)}"
        for what, of in (("speed", "%"), ("quality", unit))
        if not pd.isna(row[f"{what}_change"])
    ]
    return ", ".join(found) or ABSENT
