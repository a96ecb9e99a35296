"""Turn the tables of quality into tables of text, for Markdown and the report."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from lstmbench.records.paths import SIZE_COLUMNS
from lstmbench.reporting import margins
from lstmbench.reporting.cells import ABSENT, capped, metric, number, signed
from lstmbench.reporting.margins import unit_of_difference
from lstmbench.reporting.order import by_size
from lstmbench.system.device import split_device
from lstmbench.utils.escaping import sentence_and_details

NOT_REACHED = "not reached"
NOT_MEASURED = "not measured"

TITLES = {
    "quality": "Quality",
    "differences": "Differences between implementations",
    "environment": "Machines and libraries",
    "milestone_means": "Tests during training",
    "time_to_quality": "Time to quality",
}

NOTES = {
    "quality": [
        "Mean over the seeds (of the logarithm, for a perplexity), with the lowest and the highest value; n is the "
        "number of seeds. Test: whole split unless the run was capped (cut short), final weights. Validation and "
        "training: last epoch.",
    ],
    "differences": [
        "A with B: implementation A relative to B, over n pairs of runs from the same initial weights: "
        "mean over the seeds with its 95 % interval (t), the lowest and the highest. "
        f"{margins.EQUAL} {margins.TESTED}; different: by a t-test, corrected for all comparisons "
        f"(Holm); inconclusive: neither. {margins.FEWER}, and of capped runs, the verdict is no claim: too little.",
    ],
    "environment": [
        "Runs on different machines, libraries or threads are never averaged together. Rows with the same number of a "
        "machine differ in nothing that can change a result or a speed."
    ],
    "milestone_means": [
        "Accuracy after the given number of updates, mean over the n seeds with the lowest and the highest. "
        "On 128 images one image more or less is 0.8 points.",
    ],
    "time_to_quality": [
        "Seconds of training until the validation first shows the target: median over the seeds, with the shortest and "
        "the longest. Validation itself does not count; it comes at the end of an epoch, all of which counts. "
        "A run that never shows the target counts as taking for ever: where half of the runs do not reach it, nor does "
        "their median. The targets are in workflow/targets.tsv; that of a capped run is a loose one. "
        "These times come from training runs, which may have shared the machine with others: they are no benchmark.",
    ],
}

PUBLISHED_NOTE = (
    "The published value is the best one known for the size; its protocol may differ, as its note says. "
    "A capped run is compared with nothing published."
)
ENERGY_NOTE = (
    "GPU energy: of the whole card during training, by the driver's counter (NVML), until the target and per epoch. "
    "On a CPU, with several workers, or on a part of a card it is not measured."
)
FLOOR_NOTE = "The floor of a generated text is the perplexity that its own source has on the same words."
PREDICTED_NOTE = (
    "Predicted right: the share of the next words (or characters) that the model held to be the most likely."
)

EMPTY = {
    "differences": "No two implementations have a run from the same initial weights.",
    "milestone_means": "No run was tested during training.",
    "time_to_quality": "No run has a target in workflow/targets.tsv.",
}
"""The text in place of a table that may have no rows."""

_WHEN_MIXED = {
    "settings_sha256": ("settings", lambda value: value[:8]),
    "data_sha256": ("data", lambda value: value[:8]),
    "machine": ("machine", lambda value: f"{value:.0f}"),
}


_SIDES = ("first", "second")


def notes(name: str, table: pd.DataFrame) -> list[str]:
    """Return the notes below the table called ``name``; on published values and floors only if it has any."""
    if table.empty:
        return [EMPTY[name]]
    more = []
    if name == "quality":
        more += [PUBLISHED_NOTE] if table["published"].notna().any() else []
        more += [PREDICTED_NOTE] if table["predicted_right"].notna().any() else []
        more += [FLOOR_NOTE] if table["floor"].notna().any() else []
    if name == "time_to_quality":
        more += [ENERGY_NOTE] if _any_gpu(table) else []
    return [*NOTES[name], *more]


def by_dataset(name: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table called ``name`` as text, one part per data set (one under "" if it has no such column)."""
    columns = {
        "quality": _quality,
        "differences": _differences,
        "environment": _environment,
        "milestone_means": _milestones,
        "time_to_quality": _time_to_quality,
    }[name]
    if "dataset" not in table:
        return {"": columns(table)}
    return {dataset: columns(part) for dataset, part in by_size(table).groupby("dataset", sort=True)}


def _quality(table: pd.DataFrame) -> pd.DataFrame:
    well = table["failure"] == ""
    rows, failures = _learned(table[well], table["metric"].iloc[0]), table[~well]
    if failures.empty:
        return rows
    rows = rows if "remark" in rows else rows.assign(remark=ABSENT)
    shown = failures[["size", "implementation", "device"]].assign(n="0")
    shown["remark"] = "failed (seed " + failures["seeds"] + "): "
    shown["remark"] += failures["failure"].map(lambda why: sentence_and_details(why)[0])
    return pd.concat([rows, shown]).fillna(ABSENT)


def _learned(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = _identity(table)
    rows["n"] = _each(table, "n", lambda value: f"{value:.0f}")
    rows[f"test {name}"] = _each(table, "test_mean", lambda value: metric(value, name))
    rows["lowest to highest"] = _range(table, "test_min", "test_max", lambda value: metric(value, name))
    rows["validation"] = _each(table, "valid_mean", lambda value: metric(value, name))
    if name == "perplexity":
        rows["training"] = _each(table, "train_mean", lambda value: metric(value, name))
    if table["predicted_right"].notna().any():
        rows["predicted right"] = _each(table, "predicted_right", lambda value: metric(value, "accuracy"))
    if table["floor"].notna().any():
        rows["floor"] = _each(table, "floor", lambda value: metric(value, name))
        rows["above the floor"] = _each(table, "above_floor", lambda value: signed(value, "%"))
    if table["published"].notna().any():
        rows["published"] = _each(table, "published", lambda value: metric(value, name))
        rows["difference"] = _each(table, "difference", lambda value: signed(value, unit_of_difference(name)))
        rows["source"] = table["published_source"].replace("", ABSENT)
    return _with_caps(rows, table)


def _differences(table: pd.DataFrame) -> pd.DataFrame:
    unit = unit_of_difference(table["metric"].iloc[0])
    rows = _sizes(table)
    rows["compared"] = table["second"] + " with " + table["first"]
    sides = [table[[side, f"{side}_versions"]].set_axis(["implementation", "versions"], axis=1) for side in _SIDES]
    if mixed_versions(pd.concat(sides)):
        rows["libraries"] = table["second_versions"] + " with " + table["first_versions"]
    rows["n"] = _each(table, "n", lambda value: f"{value:.0f}")
    rows[f"difference in test {table['metric'].iloc[0]}"] = _each(table, "mean", lambda value: signed(value, unit))
    rows["95 % interval"] = _range(table, "low", "high", lambda value: signed(value, unit))
    rows["lowest to highest"] = _range(table, "min", "max", lambda value: signed(value, unit))
    rows["verdict"] = table["verdict"].map(str)
    return _with_caps(rows, table)


def _environment(table: pd.DataFrame) -> pd.DataFrame:
    rows = pd.DataFrame(index=table.index)
    rows["machine"] = _each(table, "machine", lambda value: f"{value:.0f}")
    rows["implementation"] = table["implementation"]
    rows["device"] = table["device"]
    if (table["bfloat16"] != "").any():
        rows["bfloat16 by"] = table["bfloat16"].replace("", ABSENT)
    rows["threads"] = _each(table, "threads", lambda value: f"{value:.0f}")
    rows["libraries"] = table["versions"]
    rows["cpu"] = table["cpu"]
    rows["cores"] = _each(table, "cores", lambda value: f"{value:.0f}")
    if table["cpu_quota"].notna().any():
        rows["quota, CPUs"] = _each(table, "cpu_quota", lambda value: f"{value:g}")
    rows["memory, GB"] = _each(table, "memory_gb", lambda value: f"{value:.0f}")
    rows["gpu"] = table["gpu"].replace("", ABSENT)
    libc = table["libc"].where(table["libc"] == "", ", " + table["libc"])
    rows["system"] = table["os"] + libc + ", Python " + table["python"]
    if (table["switches"] != "").any():
        rows["switches"] = table["switches"].replace("", ABSENT)
    if (table["spin_limits"] != "").any():
        rows["set by us"] = table["spin_limits"].replace("", ABSENT)
    if (table["limited"] != "").any():
        rows["held back"] = table["limited"].replace("", ABSENT)
    if (table["nodes"] != "").any():
        rows["nodes"] = table["nodes"].replace("", ABSENT)
    rows["commit"] = table["commits"]
    rows["runs"] = _each(table, "runs", lambda value: f"{value:.0f}")
    return rows


def _milestones(table: pd.DataFrame) -> pd.DataFrame:
    rows = _identity(table)
    rows["updates"] = _each(table, "updates", lambda value: number(value, 0))
    rows["tested on"] = table["protocol"]
    rows["n"] = _each(table, "n", lambda value: f"{value:.0f}")
    rows["accuracy"] = _each(table, "mean", lambda value: metric(value, "accuracy"))
    rows["lowest to highest"] = _range(table, "min", "max", lambda value: metric(value, "accuracy"))
    if (table["published_values"] != "").any():
        rows["published, %"] = table["published_values"].replace("", ABSENT)
    return _with_caps(rows, table)


def _time_to_quality(table: pd.DataFrame) -> pd.DataFrame:
    name = table["metric"].iloc[0]
    rows = _identity(table)
    rows[f"target: validation {name}"] = _each(table, "target", lambda value: metric(value, name))
    rows["reached"] = [f"{reached:.0f} of {n:.0f}" for reached, n in zip(table["reached"], table["n"], strict=True)]
    for heading, column in (("seconds", "median"), ("shortest", "min"), ("longest", "max")):
        if column == "median" or (table["n"] > 1).any():
            seconds = _each(table, f"seconds_{column}", lambda value: number(value, 0 if value >= 100 else 1))
            rows[heading] = seconds.replace(ABSENT, NOT_REACHED)
    rows["epochs"] = _each(table, "epochs_median", lambda value: f"{value:g}").replace(ABSENT, NOT_REACHED)
    if _any_gpu(table):
        rows["GPU energy, J"] = [_energy(row) for row in table.to_dict("records")]
        rows["J per epoch"] = _each(table, "joules_per_epoch", lambda value: number(value, 0))
        rows["J per epoch"] = rows["J per epoch"].replace(ABSENT, NOT_MEASURED)
    rows["source of the target"] = table["target_source"].replace("", "ours") + "; " + table["target_note"]
    return _with_caps(rows, table)


def _any_gpu(table: pd.DataFrame) -> bool:
    return any(split_device(device).kind == "gpu" for device in table["device"])


def _energy(row: Mapping[Hashable, Any]) -> str:
    """Return the energy to the target; it may not have been measured, or the target not reached."""
    if pd.isna(row["joules_per_epoch"]):
        return NOT_MEASURED
    return NOT_REACHED if pd.isna(row["joules_median"]) else number(row["joules_median"], 0)


def _identity(table: pd.DataFrame) -> pd.DataFrame:
    rows = _sizes(table)
    rows.insert(1, "implementation", table["implementation"])
    if mixed_versions(table):
        rows["libraries"] = table["versions"]
    return rows


def mixed_versions(table: pd.DataFrame) -> bool:
    """Return whether an implementation ran with several sets of libraries."""
    return bool(table.groupby("implementation")["versions"].nunique().max() > 1)


def _sizes(table: pd.DataFrame) -> pd.DataFrame:
    marks = table["caps"].map(lambda caps: ", capped" if caps else "")
    rows = pd.DataFrame({"size": table["size"] + marks, "device": table["device"]})
    for column, (heading, show) in _WHEN_MIXED.items():
        by = SIZE_COLUMNS if column == "settings_sha256" else ["dataset"]
        if table.groupby(by)[column].nunique().max() > 1:
            rows[heading] = table[column].map(show)
    return rows


def _with_caps(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    if (table["caps"] != "").any():
        rows["remark"] = table["caps"].map(capped).replace("", ABSENT)
    return rows


def _each(table: pd.DataFrame, column: str, show: Callable[[float], str]) -> pd.Series:
    return table[column].map(lambda value: ABSENT if pd.isna(value) else show(value)).astype(str)


def _range(table: pd.DataFrame, low: str, high: str, show: Callable[[float], str]) -> list[str]:
    ends = [(show(least), show(most)) for least, most in zip(table[low], table[high], strict=True)]
    # State the unit, which follows a space, once.
    shown = [f"{least.split(' ')[0]} to {most}" for least, most in ends]
    return [text if count > 1 else ABSENT for text, count in zip(shown, table["n"], strict=True)]
