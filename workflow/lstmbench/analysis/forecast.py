"""Plan: time, memory and disk of every run of a configuration on this machine, and how far earlier plans were off.

Each case was measured alone for some seconds (``calibrate``).  A run is that case's start, its updates at the measured
step, a validation and a checkpoint per epoch, and its tests.  Nothing of it is fitted to finished runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench import tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.models import cost
from lstmbench.models.presets import PRESETS, Preset, load_preset
from lstmbench.orchestration.config import Selection
from lstmbench.records.format import GENERATIONS, OTHERS
from lstmbench.tasks import predictions
from lstmbench.utils.errors import MachineError, UsageError
from lstmbench.utils.json_schema import read_json

MEMORY_MARGIN = 1.2
"""On the memory a run needs: a process held against this one must never be killed for what an allocator keeps."""

RECORD_BYTES = 12_000
EPOCH_BYTES = 1_000
"""A run's record and TensorBoard file, whole blocks of the file system counted, and what an epoch adds to them."""

MB = 1e6
DAY = 86_400.0

CASE = ["dataset", "size", "implementation", "device"]
ERRORS = [
    *CASE, "seed", "processor", "planned_seconds", "seconds", "error_percent", "planned_mb", "peak_rss_mb",
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
            largest = max(largest, cost.minimum_memory_bytes(spec, batch, window)["activations"])
    tested = preset.report_after_updates is not None and preset.report_after_updates <= updates
    return Work(updates, math.ceil(updates / steps), 1 + tested, counts, held + largest)


def predict(sample: Mapping[str, Any], work: Work, keep_model: bool = False) -> dict[str, float | None]:
    """Seconds, peak memory and disk (MB) of one run; ``sample``: what ``lstm-bench calibrate`` wrote.

    Of a sample that was disturbed only the fastest step and the fastest evaluation count: whatever else ran made the
    others slower, beside spinning threads a hundred times.
    ``disk_mb`` while it trains, with a checkpoint more than are kept since one is written before one is deleted, and
    one of other settings (``format.OTHERS``); ``kept_mb`` once it is complete, with its final weights if they are
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
    """Return what one run of each case takes, with the number of its runs (``seeds``), and what cannot be planned.

    There is a row per case of the selection with one worker that can run here, and a sentence per other one.

    Raises:
        DataError: damaged data, or a calibration that is missing or unreadable.
        UsageError: there is no such case.
        MachineError: none of them can run here.
    """
    if not selection.cases_of_one:
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
            for case in selection.cases_of_one:
                names = (dataset_name, size, *case)
                threads = selection.threads_of(case[1])
                sample = read_json(calibration_file(calibrations, names, threads))
                if "failure" in sample:
                    unplanned.append(f"{' '.join(names)} cannot run here and is not planned: {sample['failure']}")
                    continue
                row = dict(zip(CASE, names, strict=True)) | {"threads": threads} | caps
                row |= {"seeds": len(selection.seeds_of(size)), "updates": work.updates, "epochs": work.epochs}
                planned = predict(sample, work, selection.keep_models)
                rows.append(row | planned | {"disturbed": "; ".join(sample.get("disturbances", []))})
    if not rows:
        raise MachineError(f"nothing to plan: {'; '.join(unplanned)}")
    return pd.DataFrame(rows), unplanned


def calibration_file(folder: Path, case: Iterable[str], threads: int) -> Path:
    return folder.joinpath(*case, f"threads-{threads:.0f}.json")


def side_by_side(selection: Selection, cores: int) -> int:
    """How many runs this machine has room for at a time: one on its GPU, else as many as their most threads leave."""
    return 1 if selection.device == "gpu" else max(1, cores // max(threads_of(selection)))


def threads_of(selection: Selection) -> list[int]:
    return sorted({selection.threads_of(device) for device in selection.devices})


def whole_seconds(rows: pd.DataFrame, lanes: int) -> float:
    """Seconds for all runs in ``lanes`` at a time: no less than an equal share, nor than the longest run."""
    return max((rows["seconds"] * rows["seeds"]).sum() / lanes, rows["seconds"].max())


def whole_disk_mb(rows: pd.DataFrame, lanes: int) -> float:
    """MB for all runs: what they keep, initial weights (shared by implementations), the checkpoints of ``lanes``."""
    weights = rows.drop_duplicates(["dataset", "size"])
    kept = (rows["kept_mb"] * rows["seeds"]).sum() + (weights["weights_mb"] * weights["seeds"]).sum()
    return kept + lanes * rows["disk_mb"].max()


def machine_in_words(described: Mapping[str, Any]) -> str:
    parts = [described["cpu"], f"{described['cores']} cores", described["gpu"]]
    return ", ".join(part for part in parts if part)


def errors(rows: pd.DataFrame, records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per finished run that the plan is about and that was never interrupted: planned against found.

    ``error_percent``: of the planned time, positive if the run was faster.  ``spare_percent``: of the memory found,
    negative if the plan was too low.
    """
    planned = rows.set_index(CASE)
    found = []
    for record in records:
        case = tuple(record["run"][name] for name in CASE)
        if record["resumed"] or case not in planned.index:
            continue
        row, settings = planned.loc[case], record["settings"]
        caps = ("threads", "max_updates", "max_eval_predictions")
        if [settings[name] for name in caps] != [None if pd.isna(row[name]) else row[name] for name in caps]:
            continue
        span = datetime.fromisoformat(record["finished"]) - datetime.fromisoformat(record["started"])
        seconds, peak_mb = span.total_seconds(), record["memory"]["peak_rss_bytes"] / MB
        if not seconds:  # shorter than the second that the times of a record are rounded to
            continue
        found.append(
            record["run"]
            | {"processor": machine_in_words(record["machine"])}
            | {"planned_seconds": row["seconds"], "seconds": seconds}
            | {"error_percent": 100 * (row["seconds"] / seconds - 1)}
            | {"planned_mb": row["mem_mb"], "peak_rss_mb": peak_mb}
            | {"spare_percent": 100 * (row["mem_mb"] / peak_mb - 1)}
        )
    return pd.DataFrame(found, columns=ERRORS)
