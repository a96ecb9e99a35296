"""A cell of the benchmark, ready to learn: data, preset, initial weights and the learner made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from safetensors.numpy import load_file

from lstmbench import implementations, tasks
from lstmbench.clock import Stopwatch
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.errors import UsageError
from lstmbench.learner import Learner, ModelSpec
from lstmbench.machine import require_precision, split_device
from lstmbench.presets import Preset, load_preset
from lstmbench.weights import shapes


@dataclass(frozen=True)
class Cell:
    """What a process needs to train or to measure, and how long it took to get there."""

    dataset: Dataset
    preset: Preset
    task: ModuleType
    spec: ModelSpec
    weights: dict[str, np.ndarray]  # the initial ones
    framework: ModuleType  # the implementation's module
    learner: Learner
    import_seconds: float
    build_seconds: float


def open_cell(
    *,
    data: Path,
    preset_file: Path,
    weights_file: Path,
    implementation: str,
    device: str,
    threads: int,
    seed: int,
) -> Cell:
    """Read and check everything, import the framework, limit it to ``threads``, and build the learner.

    ``device`` carries its precision, as in gpu-tf32 (``machine.split_device``).

    Raises:
        UsageError: unknown implementation, faulty preset, or weights of another model.
        DataError: damaged data.
        MachineError: the framework or the device is not there, or lacks the precision.
    """
    dataset = load_dataset(data)
    preset = load_preset(preset_file)
    task = tasks.load(dataset.task)
    spec = task.model_spec(preset, dataset.facts)
    weights = load_file(weights_file)
    if {name: value.shape for name, value in weights.items()} != shapes(spec):
        raise UsageError(f"{weights_file}: its names and shapes are not those of {preset_file}: initialise it anew")
    where, precision = split_device(device)
    require_precision(where, precision)
    watch = Stopwatch()
    framework = implementations.load(implementation)
    framework.configure(threads)
    import_seconds = watch.seconds()
    watch = Stopwatch()
    learner = framework.Learner(spec, where, seed, precision)
    learner.load_weights(weights)
    build_seconds = watch.seconds()
    return Cell(dataset, preset, task, spec, weights, framework, learner, import_seconds, build_seconds)
