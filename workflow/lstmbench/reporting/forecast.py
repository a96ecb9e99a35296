"""Format the plan, and how far earlier plans were off, for people."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lstmbench.analysis.forecast import (
    MEMORY_MARGIN,
    advise,
    calibration_file,
    exceeds_memory,
    machine_in_words,
    side_by_side,
    summarise,
    threads_of,
    whole_disk_mb,
    whole_seconds,
)
from lstmbench.orchestration.selection import Selection
from lstmbench.records.paths import CASE_COLUMNS as CASE
from lstmbench.reporting import cells
from lstmbench.system import hardware
from lstmbench.utils.wording import duration, joined


def advice(rows: pd.DataFrame, lanes: int) -> list[str]:
    """Return what takes longer than a day, and a selection that does not; nothing if all takes less."""
    found = advise(rows, lanes)
    if found is None:
        return []
    lines = [f"{size} with {name}: {duration(seconds)}" for (size, name), seconds in found.longer.items()]
    choice = f"sizes: [{', '.join(found.sizes)}]{' with one seed' if found.one_seed else ''}"
    shorter = duration(found.seconds)
    return [*lines, f"on this machine choose {choice}: {shorter}; or make quick, every case cut short"]


def disturbed_in_words(rows: pd.DataFrame, calibrations: Path) -> list[str]:
    """Return how many cases were disturbed, which, by what, and what to do; nothing if none was."""
    disturbed = rows[rows["disturbed"] != ""]
    if disturbed.empty:
        return []
    was = "was" if len(disturbed) == 1 else "were"
    files = [
        calibration_file(calibrations, [row[name] for name in CASE], row["threads"]) for _, row in disturbed.iterrows()
    ]
    reasons = joined(sorted(set(disturbed["disturbed"])))
    return [
        f"{len(disturbed)} of {len(rows)} cases {was} disturbed in every attempt to measure them ({reasons}). Their "
        "times come from the fastest step, near to that of a quiet machine: while others run, they take longer. "
        f"For a better plan, stop what else runs, delete {' '.join(map(str, files))} and plan again."
    ]


def plan_in_words(rows: pd.DataFrame, selection: Selection) -> list[str]:
    """Return sentences on the time, memory and disk of the plan on this machine."""
    here = hardware.describe()
    lanes = side_by_side(selection, here.cores)
    together = f" ({lanes} at a time: {duration(whole_seconds(rows, lanes))} or more)" if lanes > 1 else ""
    memory, disk = rows["mem_mb"].max(), whole_disk_mb(rows, lanes)
    tight = exceeds_memory(rows, lanes, here.memory_bytes)
    several = len(selection.cases) - len(selection.cases_of_one)
    return [
        f"In all: {rows['seeds'].sum():,} runs, threads {', '.join(map(str, threads_of(selection)))}: "
        f"{duration(whole_seconds(rows, 1))} one after another{together}; "
        f"at most {cells.number(memory, 0)} MB of memory per run and {cells.number(disk, 0)} MB of disk.",
        *([f"That is more memory than this machine has for {lanes} runs: use fewer cores."] if tight else []),
        *([f"Runs of several workers are not planned: {several} cases."] if several else []),
        *[f"- {line}" for line in advice(rows, lanes)],
        f"Predicted from each case alone on {machine_in_words(here)}; runs side by side slow one another down, which "
        f"is not counted. Memory has a margin of {100 * (MEMORY_MARGIN - 1):.0f} %; disk is what a run needs while it "
        "trains.",
    ]


def plan_as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the plan as a table of text."""
    text = rows[CASE].copy()
    text["updates"] = rows["updates"].map(lambda value: cells.number(value, 0))
    text["a run"] = rows["seconds"].map(duration)
    text["runs"] = rows["seeds"].astype(str)
    text["all runs"] = (rows["seconds"] * rows["seeds"]).map(duration)
    text["memory, MB"] = rows["mem_mb"].map(lambda value: cells.number(value, 0))
    if rows["device_mb"].notna().any():
        text["GPU memory, MB"] = rows["device_mb"].map(lambda value: cells.number(value, 0))
    text["disk, MB"] = rows["disk_mb"].map(lambda value: cells.number(value, 0))
    if (rows["disturbed"] != "").any():
        text["disturbed"] = rows["disturbed"].replace("", cells.ABSENT)
    return text


def errors_as_text(found: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the finished runs beside their plans, a table per processor, and the errors of the plans."""
    tables, notes = {}, []
    for name, part in found.groupby("processor", sort=True):
        text = part[[*CASE, "seed"]].astype(str)
        text["planned"], text["found"] = part["planned_seconds"].map(duration), part["seconds"].map(duration)
        text["error"] = part["error_percent"].map(lambda value: cells.signed(value, "%"))
        text["planned, MB"] = part["planned_mb"].map(lambda value: cells.number(value, 0))
        text["peak, MB"] = part["peak_rss_mb"].map(lambda value: cells.number(value, 0))
        tables[name] = text
        off = summarise(part)
        notes.append(
            f"{name}: planned times are off by {off.median_percent:.0f} % in the median and "
            f"{off.largest_percent:.0f} % at most over {len(part)} runs; planned memory was too low for "
            f"{off.low_memory} of them."
        )
    notes += [] if notes else ["No finished run of this configuration to hold a plan against."]
    return tables, notes
