"""Estimate the time and disk that the jobs of the workflow will take.

The estimate of a run that a plan covers (``plan``) is the planned time.  For every other run it is the time of its
matrix products at the speed of this machine.  The products are counted from the preset and the size of the data; the
speed is measured here in about a second.  This distinguishes hours from weeks.  It is within a factor of 3 of the plan,
which measures every case for a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from lstmbench import datasets, tasks
from lstmbench.models import cost
from lstmbench.models.learner import ModelSpec
from lstmbench.models.presets import Preset
from lstmbench.orchestration.resources import Case
from lstmbench.orchestration.selection import Selection
from lstmbench.records.format import GENERATIONS, OTHERS
from lstmbench.system.cores import usable_cores
from lstmbench.system.device import split_device
from lstmbench.system.flops import measured_flops_per_second
from lstmbench.utils.strict_json import parse_json

SHARE = 0.4
"""Share of a large product's speed that a training step reaches, over all its products.

In the measurements of ``results/baselines`` (ptb and mnist on two CPUs), tensorflow and pytorch reach 0.19 to 0.73 of
the speed of their fastest product, and pytorch_fused reaches 0.88.  So no estimate is off by much more than a factor
of 2.
"""

LOOP_SECONDS = 1e-4
"""Time of each time step of each layer without its products.  It matters only for the small models of embedded data."""

FORWARD = 1 / 3
"""Products of an evaluation / those of a training step with as many predictions, as there is no backward pass."""

START_SECONDS = 8.0
"""Time from the start of a process to its second training step; 4 to 23 s in the same measurements."""

MEASURED_SECONDS = 14.0
MEASURED_STEPS = 10
"""A process that measures speed takes this long plus this many training steps; 10 to 47 s in those measurements."""

ALONE = ("measure", "calibrate")
"""Rules whose jobs run alone on the machine."""

RULE_SECONDS = {"certify": 20.0, "install": 180.0}
OTHER_SECONDS = 3.0
"""Time of a job of any other rule; most of it starts Python."""


class UnknownTimeError(Exception):
    """There is nothing to estimate from; the message says what is missing."""


class Job(NamedTuple):
    """A job of the workflow that is going to run."""

    rule: str
    wildcards: Mapping[str, str]
    threads: int


@dataclass(frozen=True)
class Content:
    """The size of a data set: words or images of each split, and the facts that a model depends on."""

    counts: Mapping[str, int]
    facts: Mapping[str, Any]


CONTENTS = {
    "ptb": Content({"train": 929_589, "valid": 73_760, "test": 82_430}, {"vocab_size": 10_000}),
    "mnist": Content({"train": 55_000, "valid": 5_000, "test": 10_000}, {"classes": 10}),
    "markov": Content({"train": 150_000, "valid": 10_000, "test": 10_000}, {"vocab_size": 64}),
    "glyphs": Content({"train": 6_000, "valid": 1_000, "test": 1_000}, {"classes": 10}),
}
"""The content of the shipped data sets, because the first command needs an estimate before it downloads anything."""


class Costs:
    """Estimate the seconds of single jobs."""

    def __init__(self, selection: Selection, planned: Mapping[Case, float], data: Path) -> None:
        self.planned = planned
        self._selection, self._data = selection, data
        self._known: dict[tuple[str, ...], float] = {}

    @cached_property
    def flops_per_second(self) -> float:
        """The FLOP/s of one thread of this machine, measured at the first access."""
        return measured_flops_per_second()

    @property
    def probed(self) -> bool:
        """Whether ``flops_per_second`` has been measured."""
        return "flops_per_second" in vars(self)

    def seconds(self, job: Job) -> float:
        """Return the seconds of a job that runs alone on the machine.

        Raises:
            UnknownTimeError: no plan covers a run on a GPU, or the content of a data set is unknown.
        """
        key = job.rule, *(value for name, value in job.wildcards.items() if name != "seed")
        if key not in self._known:
            self._known[key] = self._seconds(job)
        return self._known[key]

    def _seconds(self, job: Job) -> float:
        if job.rule == "train":
            dataset, size, _, device = case = case_of(job)
            return self.planned[case] if case in self.planned else self._run(dataset, size, device)
        if job.rule in ALONE:
            speed = self._selection.speed
            processes = speed.processes * len(speed.implementations) if job.rule == "measure" else 1
            names = job.wildcards["dataset"], job.wildcards["size"], job.wildcards["device"]
            # On a GPU a step takes little of a process's time.
            step = 0.0 if self._selection.device == "gpu" else self._step(*names)
            return processes * (MEASURED_SECONDS + MEASURED_STEPS * step)
        return RULE_SECONDS.get(job.rule, OTHER_SECONDS)

    def _run(self, dataset: str, size: str, device: str) -> float:
        if self._selection.device == "gpu":
            raise UnknownTimeError("no plan covers these runs, and how fast a GPU is shows only when one trains")
        caps = self._selection.max_updates_of(size), self._selection.max_eval_predictions
        task = self._selection.task_of(dataset)
        work = count_steps(task, self._preset(dataset, size), self._content(dataset), *caps)
        return START_SECONDS + (work.updates + FORWARD * work.evaluated) * self._step(dataset, size, device)

    def _step(self, dataset: str, size: str, device: str) -> float:
        threads = self._selection.threads_of(device) * split_device(device).workers
        return step_seconds(self.model(dataset, size), self._preset(dataset, size), threads * self.flops_per_second)

    def model(self, dataset: str, size: str) -> ModelSpec:
        """Return the model of a data set and size."""
        task = tasks.load(self._selection.task_of(dataset))
        spec: ModelSpec = task.model_spec(self._preset(dataset, size), self._content(dataset).facts)
        return spec

    def _preset(self, dataset: str, size: str) -> Preset:
        file = self._selection.preset_file(dataset, size)
        return tasks.load_fitted(file, self._selection.task_of(dataset), self._content(dataset).facts)

    def _content(self, dataset: str) -> Content:
        return CONTENTS.get(dataset) or content_of(self._data / dataset / datasets.MANIFEST)


def case_of(job: Job) -> Case:
    """Return the case that a run belongs to."""
    names = job.wildcards
    return names["dataset"], names["size"], names["implementation"], names["device"]


def content_of(manifest: Path) -> Content:
    """Return the content of a prepared data set.

    Raises:
        UnknownTimeError: the data set has not been prepared.
    """
    if not manifest.exists():
        raise UnknownTimeError(f"the data set {manifest.parent.name} has not been prepared yet")
    described = parse_json(manifest.read_bytes(), manifest)
    arrays = described["arrays"]
    counts = {
        split: next(arrays[name]["shape"][0] for name in (split, f"{split}_labels") if name in arrays)
        for split in datasets.SPLITS
    }
    return Content(counts, described["facts"])


@dataclass(frozen=True)
class Steps:
    """The work of a run.  ``evaluated`` counts its evaluations in batches of a training step's size."""

    updates: int
    evaluated: float


def count_steps(
    task: str, preset: Preset, content: Content, max_updates: int | None, max_eval_predictions: int | None
) -> Steps:
    """Count the work of a run under these caps, as ``forecast.count_work`` does, but without reading the data."""
    counts, batch = content.counts, preset.batch_size
    if task == "language_model":
        steps = (counts["train"] // batch - 1) // preset.num_steps
        predictions = batch * preset.num_steps
    else:
        steps, predictions = counts["train"] // batch, batch
    updates = min(steps * preset.epochs, max_updates or steps * preset.epochs)
    epochs = math.ceil(updates / steps)
    valid, test = (min(counts[split], max_eval_predictions or math.inf) for split in ("valid", "test"))
    return Steps(updates, (epochs * valid + test) / predictions)


def step_seconds(spec: ModelSpec, preset: Preset, flops_per_second: float) -> float:
    """Return the seconds of a training step; all threads together reach ``flops_per_second`` in a large product."""
    products = cost.step_flops(spec, preset.batch_size, preset.num_steps) / (SHARE * flops_per_second)
    return products + LOOP_SECONDS * preset.num_steps * preset.num_layers


def wall_seconds(selection: Selection, costs: Costs, jobs: Iterable[Job], cores: int) -> float:
    """Return the seconds that ``jobs`` take on this machine: at least an equal share, and at least the longest job."""
    cores = min(cores, usable_cores())
    alone = shared = longest = 0.0
    for job in jobs:
        seconds = costs.seconds(job)
        if job.rule in ALONE:
            alone += seconds
        else:
            longest = max(longest, seconds)
            shared += seconds / _at_a_time(selection, job, cores)
    return alone + max(shared, longest)


def _at_a_time(selection: Selection, job: Job, cores: int) -> int:
    """Return how many jobs like this one run in parallel."""
    return 1 if job.rule == "train" and selection.device == "gpu" else max(1, cores // job.threads)


def disk_bytes(selection: Selection, costs: Costs, jobs: Iterable[Job], cores: int | None) -> float:
    """Return the bytes that the jobs leave on disk, plus the checkpoints of concurrent runs, as a plan does."""
    kept = checkpoints = 0.0
    for job in jobs:
        if job.rule not in ("train", "initialise"):
            continue
        names = job.wildcards["dataset"], job.wildcards["size"]
        model = costs.model(*names)
        memory = cost.minimum_memory_bytes(model, 1, 1)
        if job.rule == "initialise":
            kept += memory.weights
        else:
            kept += selection.keep_models * (memory.weights + cost.embedding_bytes(model))
            lanes = 1 if cores is None else _at_a_time(selection, job, min(cores, usable_cores()))
            files = GENERATIONS + 1 + OTHERS
            checkpoints = max(checkpoints, lanes * files * (memory.weights + memory.optimizer))
    return kept + checkpoints
