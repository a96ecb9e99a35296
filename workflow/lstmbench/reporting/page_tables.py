"""Fit tables of text to the page: what would push a verdict out of sight, or repeats itself, goes below a table."""

from __future__ import annotations

import pandas as pd

from lstmbench.reporting import cells, order
from lstmbench.reporting import quality as present
from lstmbench.reporting import speed as present_speed
from lstmbench.reporting.html import Table, as_table
from lstmbench.utils.wording import joined

BELOW = {"remark": "{Sizes}{whose} {text}.", "source of the target": "The target of {sizes}: {text}."}
"""Columns that become notes, each text once with the sizes that it is about."""

ELSEWHERE = ("source",)
"""Columns that the list of published values has, with addresses."""

OF_MACHINE = (
    "cpu",
    "cores",
    "quota, CPUs",
    "memory, GB",
    "gpu",
    "system",
    "switches",
    "set by us",
    "held back",
    "nodes",
)
"""Columns about a machine; those about libraries are the others."""

REASONS = "The reasons against a speed are under Interference and steadiness."


def quality_table(name: str, table: pd.DataFrame) -> Table:
    """Return a table of ``quality.TITLES`` of one data set."""
    (frame,) = present.by_dataset(name, table).values()
    notes = present.notes(name, table)
    for column, words in BELOW.items():
        if column in frame:
            notes = [*_noted(frame, column, words), *notes]
    return as_table(frame.drop(columns=[*BELOW, *ELSEWHERE], errors="ignore"), " ".join(notes))


def speed_table(name: str, table: pd.DataFrame) -> Table:
    """Return a table of ``speed.TITLES`` of one data set, the verdicts on speeds without their reasons."""
    (frame,) = present_speed.by_dataset(name, table).values()
    notes = present_speed.notes(name, table)
    if name == "speed":
        frame["verdict"] = [present_speed.short_verdict(row) for row in order.by_size(table).itertuples()]
        notes = [*notes, REASONS]
    return as_table(frame, " ".join(notes))


def machines_and_libraries(environment: pd.DataFrame) -> dict[str, Table]:
    """Return the table ``environment`` in two, one about the machines and one about what ran on them."""
    (frame,) = present.by_dataset("environment", environment).values()
    of_machine = ["machine", *(name for name in OF_MACHINE if name in frame)]
    libraries = frame.drop(columns=of_machine[1:])
    note = " ".join(present.notes("environment", environment))
    return {
        "Machines": as_table(frame[of_machine].drop_duplicates(), note),
        "Libraries": as_table(libraries),
    }


def _noted(frame: pd.DataFrame, column: str, words: str) -> list[str]:
    """Return a note on each text of a column that has one."""
    frame = frame.reset_index(drop=True)
    names = frame["size"].str.removesuffix(", capped")
    marked = frame[column] != cells.ABSENT
    notes = []
    for text, group in frame[marked].groupby(column, sort=False):
        sizes = names[group.index].unique()
        # Name the cases unless the text is about every one of these sizes.
        whose = "" if len(group) == names.isin(sizes).sum() else f", {joined(_cases(group, frame))}:"
        listed = joined(sizes)
        notes.append(words.format(sizes=listed, Sizes=listed.capitalize(), whose=whose, text=text))
    return notes


def _cases(group: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Return each implementation in a part of a table, with its device if the table has several."""
    several = frame["device"].nunique() > 1
    cases = group["implementation"] + (" on " + group["device"] if several else "")
    return list(cases.unique())
