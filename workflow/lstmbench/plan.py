"""Plan: time, memory and disk of every run of a configuration on this machine, and how far earlier plans were off.

Each cell was measured alone for some seconds (``calibrate``).  A run is that cell's start, its updates at the measured
step, a validation and a checkpoint per epoch, and its tests.  Nothing of it is fitted to finished runs.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench import limits, machine, present, tasks
from lstmbench.checkpoint import GENERATIONS, OTHERS
from lstmbench.cli import run
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.errors import MachineError, UsageError
from lstmbench.presets import PRESETS, Preset, load_preset
from lstmbench.record import failed, read_record
from lstmbench.schemas import read_json
from lstmbench.selection import Selection, checked
from lstmbench.shown import write_shown
from lstmbench.tables import write_table
from lstmbench.tasks import predictions

MEMORY_MARGIN = 1.2
"""On the memory a run needs: a process held against this one must never be killed for what an allocator keeps."""

RECORD_BYTES = 12_000
EPOCH_BYTES = 1_000
"""A run's record and TensorBoard file, whole blocks of the file system counted, and what an epoch adds to them."""

MB = 1e6
DAY = 86_400.0

CELL = ["dataset", "size", "implementation", "device"]
ERRORS = [
    *CELL, "seed", "processor", "planned_seconds", "seconds", "error_percent", "planned_mb", "peak_rss_mb",
    "spare_percent",
]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a run does, counted."""

    updates: int
    epochs: int  # begun; each ends with a validation and a checkpoint
    tests: int  # the last one, and one during training if the preset has it and the run gets so far
    predictions: dict[str, int]  # of one validation ("valid") and of one test ("test")
    evaluation_bytes: int  # held for them beside training: their examples, and the activations of the largest batch


def count_work(dataset: Dataset, preset: Preset, max_updates: int | None, max_eval_predictions: int | None) -> Work:
    """The work of a run under these caps."""
    task = tasks.load(dataset.task)
    spec = task.model_spec(preset, dataset.facts)
    examples = task.training_examples(dataset.arrays, preset)
    steps = len(task.training_order(len(examples.inputs), preset, 1, 1))
    updates = min(steps * preset.epochs, max_updates or math.inf)
    counts, held, largest = {}, 0, 0
    for split in ("valid", "test"):
        parts = task.evaluation_parts(dataset.arrays, split, preset, max_eval_predictions)
        counts[split] = sum(part.batches.size * predictions(part.examples) for part in parts)
        for part in parts:
            held += part.examples.inputs.nbytes + part.examples.targets.nbytes
            batch, window = part.batches.shape[1], part.examples.inputs.shape[1]
            largest = max(largest, limits.least_memory(spec, batch, window)["activations"])
    tested = preset.report_after_updates is not None and preset.report_after_updates <= updates
    return Work(updates, math.ceil(updates / steps), 1 + tested, counts, held + largest)


def predict(sample: Mapping[str, Any], work: Work, keep_model: bool = False) -> dict[str, float | None]:
    """Seconds, peak memory and disk (MB) of one run; ``sample``: what ``lstmbench.calibrate`` wrote.

    Of a sample that was disturbed only the fastest step and the fastest evaluation count: whatever else ran made the
    others slower, beside spinning threads a hundred times.
    ``disk_mb`` while it trains, with a checkpoint more than are kept since one is written before one is deleted, and
    one of other settings (``checkpoint.OTHERS``); ``kept_mb`` once it is complete, with its final weights if they are
    kept.
    """
    phases, evaluation = sample["phases"], sample["details"]["evaluation"]
    checkpoint = sample["details"]["checkpoint"]
    steps = [block["seconds"] / block["steps"] for block in sample["blocks"]]
    disturbed = bool(sample.get("disturbances"))
    step = min(*steps, sample["fastest_step_seconds"]) if disturbed else statistics.median(steps)
    rate = "fastest_per_second" if disturbed else "predictions_per_second"
    seconds = {
        "start_seconds": sum(phases[f"{name}_seconds"] for name in ("import", "build", "place", "first_step")),
        "training_seconds": (work.updates - 1) * step,
        "evaluation_seconds": _evaluation(evaluation["valid"], rate, work.predictions["valid"], work.epochs)
        + _evaluation(evaluation["test"], rate, work.predictions["test"], work.tests),
        "checkpoint_seconds": work.epochs * checkpoint["write_seconds"],
    }
    weights = sample["memory"]["least_bytes"]["weights"]
    kept = RECORD_BYTES + EPOCH_BYTES * work.epochs + keep_model * weights
    device_bytes = sample["memory"]["peak_device_bytes"]
    # A checkpoint is gathered as arrays and then made into one string of bytes.
    memory = sample["memory"]["peak_rss_bytes"] + work.evaluation_bytes + 2 * checkpoint["bytes"]
    return seconds | {
        "seconds": sum(seconds.values()),
        "mem_mb": MEMORY_MARGIN * memory / MB,
        "device_mb": None if device_bytes is None else MEMORY_MARGIN * (device_bytes + work.evaluation_bytes) / MB,
        "disk_mb": ((GENERATIONS + 1 + OTHERS) * checkpoint["bytes"] + kept) / MB,
        "kept_mb": kept / MB,
        "weights_mb": weights / MB,
    }


def _evaluation(measured: Mapping[str, float | None], which: str, count: int, times: int) -> float:
    """Seconds of ``times`` evaluations of ``count`` predictions; the first batch of all was traced and compiled."""
    rate = measured[which]
    return times * measured["first_seconds"] if rate is None else measured["first_seconds"] + times * count / rate


def plan(selection: Selection, data: Path, calibrations: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return what one run of each cell takes, with the number of its runs (``seeds``), and what cannot be planned.

    There is a row per cell of the selection with one worker that can run here, and a sentence per other one.

    Raises:
        DataError: damaged data, or a calibration that is missing or unreadable.
        UsageError: there is no such cell.
        MachineError: none of them can run here.
    """
    if not selection.cells_of_one:
        raise UsageError(f"workers {selection.workers}: only runs of one worker are planned; add 1")
    rows, unplanned = [], []
    for dataset_name in selection.datasets:
        dataset = load_dataset(data / dataset_name)
        for size in selection.sizes:
            caps = {
                "max_updates": selection.max_updates_of(size),
                "max_eval_predictions": selection.max_eval_predictions,
            }
            work = count_work(dataset, load_preset(PRESETS / dataset_name / f"{size}.yaml"), **caps)
            for cell in selection.cells_of_one:
                names = (dataset_name, size, *cell)
                threads = selection.threads_of(cell[1])
                sample = read_json(_calibration(calibrations, names, threads))
                if "failure" in sample:
                    unplanned.append(f"{' '.join(names)} cannot run here and is not planned: {sample['failure']}")
                    continue
                row = dict(zip(CELL, names, strict=True)) | {"threads": threads} | caps
                row |= {"seeds": len(selection.seeds_of(size)), "updates": work.updates, "epochs": work.epochs}
                planned = predict(sample, work, selection.keep_models)
                rows.append(row | planned | {"disturbed": "; ".join(sample.get("disturbances", []))})
    if not rows:
        raise MachineError(f"nothing to plan: {'; '.join(unplanned)}")
    return pd.DataFrame(rows), unplanned


def _calibration(folder: Path, cell: Iterable[str], threads: int) -> Path:
    return folder.joinpath(*cell, f"threads-{threads:.0f}.json")


def side_by_side(selection: Selection, cores: int) -> int:
    """How many runs this machine has room for at a time: one on its GPU, else as many as their most threads leave."""
    return 1 if selection.device == "gpu" else max(1, cores // max(_threads(selection)))


def _threads(selection: Selection) -> list[int]:
    return sorted({selection.threads_of(device) for device in selection.devices})


def whole_seconds(rows: pd.DataFrame, lanes: int) -> float:
    """Seconds for all runs in ``lanes`` at a time: no less than an equal share, nor than the longest run."""
    return max((rows["seconds"] * rows["seeds"]).sum() / lanes, rows["seconds"].max())


def whole_disk_mb(rows: pd.DataFrame, lanes: int) -> float:
    """MB for all runs: what they keep, initial weights (shared by implementations), the checkpoints of ``lanes``."""
    weights = rows.drop_duplicates(["dataset", "size"])
    kept = (rows["kept_mb"] * rows["seeds"]).sum() + (weights["weights_mb"] * weights["seeds"]).sum()
    return kept + lanes * rows["disk_mb"].max()


def advice(rows: pd.DataFrame, lanes: int) -> list[str]:
    """What takes longer than a day, and a selection that does not; nothing if all of it takes less."""
    if whole_seconds(rows, lanes) <= DAY:
        return []
    total = rows.assign(total=rows["seconds"] * rows["seeds"])
    cells = total.groupby(["size", "implementation"])["total"].sum().sort_values(ascending=False)
    lines = [f"{size} with {name}: {duration(value)}" for (size, name), value in cells.items() if value > DAY]
    kept = list(total.groupby("size")["total"].sum().sort_values().index)
    while len(kept) > 1 and whole_seconds(rows[rows["size"].isin(kept)], lanes) > DAY:
        kept.pop()
    chosen, choice = rows[rows["size"].isin(kept)], f"sizes: [{', '.join(kept)}]"
    if whole_seconds(chosen, lanes) > DAY and chosen["seeds"].max() > 1:
        chosen, choice = chosen.assign(seeds=1), f"{choice} with one seed"
    shorter = duration(whole_seconds(chosen, lanes))
    return [*lines, f"on this machine choose {choice}: {shorter}; or make quick, every cell cut short"]


def errors(rows: pd.DataFrame, records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per finished run that the plan is about and that was never interrupted: planned against found.

    ``error_percent``: of the planned time, positive if the run was faster.  ``spare_percent``: of the memory found,
    negative if the plan was too low.
    """
    planned = rows.set_index(CELL)
    found = []
    for record in records:
        cell = tuple(record["run"][name] for name in CELL)
        if record["resumed"] or cell not in planned.index:
            continue
        row, settings = planned.loc[cell], record["settings"]
        caps = ("threads", "max_updates", "max_eval_predictions")
        if [settings[name] for name in caps] != [None if pd.isna(row[name]) else row[name] for name in caps]:
            continue
        span = datetime.fromisoformat(record["finished"]) - datetime.fromisoformat(record["started"])
        seconds, peak_mb = span.total_seconds(), record["memory"]["peak_rss_bytes"] / MB
        if not seconds:  # shorter than the second that the times of a record are rounded to
            continue
        found.append(
            record["run"]
            | {"processor": _machine(record["machine"])}
            | {"planned_seconds": row["seconds"], "seconds": seconds}
            | {"error_percent": 100 * (row["seconds"] / seconds - 1)}
            | {"planned_mb": row["mem_mb"], "peak_rss_mb": peak_mb}
            | {"spare_percent": 100 * (row["mem_mb"] / peak_mb - 1)}
        )
    return pd.DataFrame(found, columns=ERRORS)


def duration(seconds: float) -> str:
    """In the unit people would use, with one decimal beyond minutes."""
    for unit, length, digits in (("days", DAY, 1), ("hours", 3600.0, 1), ("min", 60.0, 0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:,.{digits}f} {unit}"
    return f"{seconds:.0f} s"


def _machine(described: Mapping[str, Any]) -> str:
    parts = [described["cpu"], f"{described['cores']} cores", described["gpu"]]
    return ", ".join(part for part in parts if part)


def disturbed_in_words(rows: pd.DataFrame, calibrations: Path) -> list[str]:
    """Return how many cells were disturbed, and which, by what, and what to do; nothing if none was."""
    disturbed = rows[rows["disturbed"] != ""]
    if disturbed.empty:
        return []
    was = "was" if len(disturbed) == 1 else "were"
    files = [
        _calibration(calibrations, [row[name] for name in CELL], row["threads"]) for _, row in disturbed.iterrows()
    ]
    reasons = present.joined(sorted(set(disturbed["disturbed"])))
    return [
        f"{len(disturbed)} of {len(rows)} cells {was} disturbed in every attempt to measure them ({reasons}). Their "
        "times come from the fastest step, near to that of a quiet machine: while others run, they take longer. "
        f"For a better plan, stop what else runs, delete {' '.join(map(str, files))} and plan again."
    ]


def _write_plan(folder: Path, rows: pd.DataFrame, words: list[str]) -> None:
    write_table(folder / "plan.csv", rows)
    write_shown(folder / "plan", "Plan", {"": _plan_as_text(rows)}, words)


def _plan_in_words(rows: pd.DataFrame, selection: Selection) -> list[str]:
    here = machine.describe()
    lanes = side_by_side(selection, here["cores"])
    together = f" ({lanes} at a time: {duration(whole_seconds(rows, lanes))} or more)" if lanes > 1 else ""
    memory, disk = rows["mem_mb"].max(), whole_disk_mb(rows, lanes)
    tight = lanes * memory > here["memory_bytes"] / MB
    several = len(selection.cells) - len(selection.cells_of_one)
    return [
        f"In all: {rows['seeds'].sum():,} runs, threads {', '.join(map(str, _threads(selection)))}: "
        f"{duration(whole_seconds(rows, 1))} one after another{together}; "
        f"at most {present.number(memory, 0)} MB of memory per run and {present.number(disk, 0)} MB of disk.",
        *([f"That is more memory than this machine has for {lanes} runs: use fewer cores."] if tight else []),
        *([f"Runs of several workers are not planned: {several} cells."] if several else []),
        *[f"- {line}" for line in advice(rows, lanes)],
        f"Predicted from each cell alone on {_machine(here)}; runs side by side slow one another down, which is not "
        f"counted. Memory has a margin of {MEMORY_MARGIN - 1:.0%}; disk is what a run needs while it trains.",
    ]


def _plan_as_text(rows: pd.DataFrame) -> pd.DataFrame:
    text = rows[CELL].copy()
    text["updates"] = rows["updates"].map(lambda value: present.number(value, 0))
    text["a run"] = rows["seconds"].map(duration)
    text["runs"] = rows["seeds"].astype(str)
    text["all runs"] = (rows["seconds"] * rows["seeds"]).map(duration)
    text["memory, MB"] = rows["mem_mb"].map(lambda value: present.number(value, 0))
    if rows["device_mb"].notna().any():
        text["GPU memory, MB"] = rows["device_mb"].map(lambda value: present.number(value, 0))
    text["disk, MB"] = rows["disk_mb"].map(lambda value: present.number(value, 0))
    if (rows["disturbed"] != "").any():
        text["disturbed"] = rows["disturbed"].replace("", present.ABSENT)
    return text


def _write_errors(folder: Path, found: pd.DataFrame) -> None:
    tables, notes = {}, []
    for name, part in found.groupby("processor", sort=True):
        text = part[[*CELL, "seed"]].astype(str)
        text["planned"], text["found"] = part["planned_seconds"].map(duration), part["seconds"].map(duration)
        text["error"] = part["error_percent"].map(lambda value: present.signed(value, "%"))
        text["planned, MB"] = part["planned_mb"].map(lambda value: present.number(value, 0))
        text["peak, MB"] = part["peak_rss_mb"].map(lambda value: present.number(value, 0))
        tables[name] = text
        off = part["error_percent"].abs()
        notes.append(
            f"{name}: planned times are off by {off.median():.0f} % in the median and {off.max():.0f} % at most over "
            f"{len(part)} runs; planned memory was too low for {(part['spare_percent'] < 0).sum()} of them."
        )
    notes += [] if notes else ["No finished run of this configuration to hold a plan against."]
    write_table(folder / "error.csv", found)
    write_shown(folder / "error", "Plan against finished runs", tables, notes)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lstmbench.plan", description=__doc__)
    parser.add_argument("--selection", required=True, help="the configuration, as JSON with the keys of config.yaml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared data sets, results/data")
    parser.add_argument("--calibrations", type=Path, required=True, help="folder of the samples of all cells")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder of plan.csv, error.csv and their .md")
    arguments = parser.parse_args(argv)
    selection = checked(json.loads(arguments.selection))
    rows, unplanned = plan(selection, arguments.data, arguments.calibrations)
    words = [*unplanned, *disturbed_in_words(rows, arguments.calibrations), *_plan_in_words(rows, selection)]
    _write_plan(arguments.output_dir, rows, words)
    finished = filter(Path.exists, selection.records())
    records = [record for record in map(read_record, finished) if not failed(record)]
    _write_errors(arguments.output_dir, errors(rows, records))
    names = ["plan", "error"] if records else ["plan"]
    print("\n".join((arguments.output_dir / f"{name}.md").read_text(encoding="utf-8") for name in names))


if __name__ == "__main__":
    sys.exit(run(main))
