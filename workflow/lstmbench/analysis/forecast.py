"""Plan a configuration: time, memory and disk of every run on this machine, and the errors of earlier plans.

``calibrate`` measured each case alone for some seconds.  A run consists of the case's start, its training steps at the
measured time per step, a validation and a checkpoint per epoch, and its tests.  Nothing is fitted to finished runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pandas as pd

from lstmbench import tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.models import cost
from lstmbench.models.presets import Preset, load_preset
from lstmbench.orchestration.selection import Selection
from lstmbench.records.calibration import FailedCalibration, read_calibration
from lstmbench.records.format import GENERATIONS, OTHERS
from lstmbench.records.measurement_record import Block, Details, EvaluationSpeed, ProcessFigures
from lstmbench.records.paths import CASE_COLUMNS as CASE
from lstmbench.records.paths import SIZE_COLUMNS
from lstmbench.records.run_record import RunRecord
from lstmbench.system.machine import Machine
from lstmbench.tasks import predictions
from lstmbench.utils.errors import DataError, MachineError, UsageError

MEMORY_MARGIN = 1.2
"""Multiply the memory that a run needs by this, so that no process is killed for what an allocator keeps."""

RECORD_BYTES = 12_000
EPOCH_BYTES = 1_000
"""Bytes of a run's record and TensorBoard file, in whole blocks of the file system, and those that an epoch adds."""

MB = 1e6
DAY = 86_400.0

ERRORS = [
    *CASE, "seed", "processor", "planned_seconds", "seconds", "error_percent", "planned_mb", "peak_rss_mb",
    "spare_percent",
]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """The amounts of work in a run."""

    updates: int
    epochs: int  # epochs that begin; each ends with a validation and a checkpoint
    tests: int  # the last one, and one during training if the preset has it and the run gets that far
    predictions: dict[str, int]  # of one validation ("valid") and of one test ("test")
    evaluation_bytes: int  # held for evaluation besides training: examples, activations of the largest batch
    embedding_bytes: int  # written once more for TensorBoard if the model is kept


def count_work(dataset: Dataset, preset: Preset, max_updates: int | None, max_eval_predictions: int | None) -> Work:
    """Return the amounts of work of a run under these caps."""
    task = tasks.load(dataset.task)
    preset = task.fitted(preset, dataset.facts)
    spec = task.model_spec(preset, dataset.facts)
    examples = task.training_examples(dataset.arrays, preset)
    steps = len(task.training_order(len(examples.inputs), preset, 1, 1))
    updates = min(steps * preset.epochs, max_updates or steps * preset.epochs)
    counts, held, largest = {}, 0, 0
    for split in ("valid", "test"):
        parts = task.evaluation_parts(dataset.arrays, split, preset, max_eval_predictions)
        counts[split] = sum(part.batches.size * predictions(part.examples) for part in parts)
        for part in parts:
            held += part.examples.inputs.nbytes + part.examples.targets.nbytes
            batch, window = part.batches.shape[1], part.examples.inputs.shape[1]
            largest = max(largest, cost.minimum_memory_bytes(spec, batch, window).activations)
    tested = preset.report_after_updates is not None and preset.report_after_updates <= updates
    return Work(updates, math.ceil(updates / steps), 1 + tested, counts, held + largest, cost.embedding_bytes(spec))


def predict(
    figures: ProcessFigures,
    blocks: Sequence[Block],
    work: Work,
    *,
    disturbed: bool = False,
    keep_model: bool = False,
) -> dict[str, float | None]:
    """Return seconds, peak memory and disk (MB) of one run of the case that a process measured.

    If it was disturbed, only the fastest step and the fastest evaluation count.  Whatever else ran made the
    others slower, up to a hundred times beside spinning threads. ``disk_mb`` applies during training.  It includes one
    checkpoint more than are kept, because one is written before one is deleted, and one of other settings
    (``format.OTHERS``).  ``kept_mb`` applies once the run is complete, with its final weights if they are kept.

    Raises:
        DataError: the process did not measure evaluation and checkpoint.
    """
    details, phases = figures.details or Details(), figures.phases
    evaluation, checkpoint = details.evaluation, details.checkpoint
    if evaluation is None or checkpoint is None:
        raise DataError(f"{figures.implementation}: expected its evaluation and checkpoint measured, found neither")
    steps = [block.step_seconds for block in blocks]
    fastest = figures.fastest_step_seconds or math.inf
    step = min(*steps, fastest) if disturbed else statistics.median(steps)
    start = phases.import_seconds + phases.build_seconds + phases.place_seconds + phases.first_step_seconds
    seconds = {
        "start_seconds": start,
        "training_seconds": (work.updates - 1) * step,
        "evaluation_seconds": _evaluation(evaluation.valid, disturbed, work.predictions["valid"], work.epochs)
        + _evaluation(evaluation.test, disturbed, work.predictions["test"], work.tests),
        "checkpoint_seconds": work.epochs * checkpoint.write_seconds,
    }
    weights = figures.memory.least_bytes.weights
    kept = RECORD_BYTES + EPOCH_BYTES * work.epochs + keep_model * (weights + work.embedding_bytes)
    device_bytes = figures.memory.peak_device_bytes
    # A checkpoint is gathered as arrays, and these are then copied into one string of bytes.
    memory = figures.memory.peak_rss_bytes + work.evaluation_bytes + 2 * checkpoint.bytes
    return seconds | {
        "seconds": sum(seconds.values()),
        "mem_mb": MEMORY_MARGIN * memory / MB,
        "device_mb": None if device_bytes is None else MEMORY_MARGIN * (device_bytes + work.evaluation_bytes) / MB,
        "disk_mb": ((GENERATIONS + 1 + OTHERS) * checkpoint.bytes + kept) / MB,
        "kept_mb": kept / MB,
        "weights_mb": weights / MB,
    }


def _evaluation(measured: EvaluationSpeed, disturbed: bool, count: int, times: int) -> float:
    """Return the seconds of ``times`` evaluations of ``count`` predictions; the first batch is traced and compiled."""
    rate = (measured.fastest_per_second if disturbed else None) or measured.predictions_per_second
    return measured.first_seconds + times * count / rate


def plan(selection: Selection, data: Path, calibrations: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return what one run of each case takes with its number of runs (``seeds``), and which cases cannot be planned.

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
            work = count_work(dataset, load_preset(selection.preset_file(dataset_name, size)), **caps)
            for case in selection.cases_of_one:
                names = (dataset_name, size, *case)
                threads = selection.threads_of(case[1])
                sample = read_calibration(calibration_file(calibrations, names, threads))
                if isinstance(sample, FailedCalibration):
                    unplanned.append(f"{' '.join(names)} cannot run here and is not planned: {sample.failure}")
                    continue
                row = dict(zip(CASE, names, strict=True)) | {"threads": threads} | caps
                row |= {"seeds": len(selection.seeds_of(size)), "updates": work.updates, "epochs": work.epochs}
                planned = predict(
                    sample,
                    sample.blocks,
                    work,
                    disturbed=bool(sample.disturbances),
                    keep_model=selection.keep_models,
                )
                rows.append(row | planned | {"disturbed": "; ".join(sample.disturbances)})
    if not rows:
        raise MachineError(f"nothing to plan: {'; '.join(unplanned)}")
    return pd.DataFrame(rows), unplanned


def calibration_file(folder: Path, case: Iterable[str], threads: int) -> Path:
    """Return the path of a case's calibration."""
    return folder.joinpath(*case, f"threads-{threads:.0f}.json")


def side_by_side(selection: Selection, cores: int) -> int:
    """Return how many runs fit on this machine at a time: one on its GPU, else cores over the most threads of a run."""
    return 1 if selection.device == "gpu" else max(1, cores // max(threads_of(selection)))


def threads_of(selection: Selection) -> list[int]:
    """Return the numbers of threads that a selection's devices use."""
    return sorted({selection.threads_of(device) for device in selection.devices})


def whole_seconds(rows: pd.DataFrame, lanes: int) -> float:
    """Return seconds for all runs, ``lanes`` at a time: at least an equal share, and at least the longest run."""
    return float(max((rows["seconds"] * rows["seeds"]).sum() / lanes, rows["seconds"].max()))


def whole_disk_mb(rows: pd.DataFrame, lanes: int) -> float:
    """Return MB for all runs: what they keep, shared initial weights, and the checkpoints of ``lanes`` runs."""
    weights = rows.drop_duplicates(SIZE_COLUMNS)
    kept = (rows["kept_mb"] * rows["seeds"]).sum() + (weights["weights_mb"] * weights["seeds"]).sum()
    return float(kept + lanes * rows["disk_mb"].max())


@dataclass(frozen=True)
class Advice:
    """What of a plan takes longer than a day, and a selection that takes less if there is one."""

    longer: dict[tuple[str, str], float]  # seconds of the seeds of a size and implementation, longest first
    sizes: list[str]  # to choose
    one_seed: bool  # to choose
    seconds: float  # of the selection to choose


def advise(rows: pd.DataFrame, lanes: int) -> Advice | None:
    """Return what to choose instead of a plan that takes longer than a day; None if it takes less."""
    if whole_seconds(rows, lanes) <= DAY:
        return None
    total = rows.assign(total=rows["seconds"] * rows["seeds"])
    cases = total.groupby(["size", "implementation"])["total"].sum().sort_values(ascending=False)
    kept = list(total.groupby("size")["total"].sum().sort_values().index)
    while len(kept) > 1 and whole_seconds(rows[rows["size"].isin(kept)], lanes) > DAY:
        kept.pop()
    chosen = rows[rows["size"].isin(kept)]
    one_seed = whole_seconds(chosen, lanes) > DAY and int(chosen["seeds"].max()) > 1
    if one_seed:
        chosen = chosen.assign(seeds=1)
    longer = {case: value for case, value in cases.items() if value > DAY}
    return Advice(longer, kept, one_seed, whole_seconds(chosen, lanes))


def exceeds_memory(rows: pd.DataFrame, lanes: int, memory_bytes: int) -> bool:
    """Return whether ``lanes`` runs at a time need more memory than a machine has."""
    return bool(lanes * rows["mem_mb"].max() > memory_bytes / MB)


@dataclass(frozen=True)
class PlanErrors:
    """How far plans were off: of the time in %, in the median and at most; and runs whose planned memory was low."""

    median_percent: float
    largest_percent: float
    low_memory: int


def summarise(errors: pd.DataFrame) -> PlanErrors:
    """Return how far the plans of runs were off, from rows of the table ``errors``."""
    off = errors["error_percent"].abs()
    return PlanErrors(float(off.median()), float(off.max()), int((errors["spare_percent"] < 0).sum()))


def machine_in_words(machine: Machine) -> str:
    """Return a machine's processor, number of cores and GPU in words."""
    parts = [machine.cpu, f"{machine.cores} cores", machine.gpu]
    return ", ".join(part for part in parts if part)


def errors(rows: pd.DataFrame, records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per planned run that finished without interruption: planned against found.

    ``error_percent`` is relative to the planned time, and positive if the run was faster.  ``spare_percent`` is
    relative to the memory found, and negative if the plan was too low.
    """
    planned = rows.set_index(CASE)
    found = []
    for record in records:
        case = record.run.case
        if record.resumed or case not in planned.index:
            continue
        row, settings = planned.loc[case], record.settings
        caps = ("threads", "max_updates", "max_eval_predictions")
        if [getattr(settings, name) for name in caps] != [None if pd.isna(row[name]) else row[name] for name in caps]:
            continue
        span = datetime.fromisoformat(record.finished) - datetime.fromisoformat(record.started)
        seconds, peak_mb = span.total_seconds(), record.memory.peak_rss_bytes / MB
        if not seconds:  # shorter than the second to which the times of a record are rounded
            continue
        found.append(
            msgspec.structs.asdict(record.run)
            | {"processor": machine_in_words(record.machine)}
            | {"planned_seconds": row["seconds"], "seconds": seconds}
            | {"error_percent": 100 * (row["seconds"] / seconds - 1)}
            | {"planned_mb": row["mem_mb"], "peak_rss_mb": peak_mb}
            | {"spare_percent": 100 * (row["mem_mb"] / peak_mb - 1)}
        )
    return pd.DataFrame(found, columns=ERRORS)
