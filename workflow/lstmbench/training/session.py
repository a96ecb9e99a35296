"""Open a case for training or measuring: load data, preset and initial weights, and build the learner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from msgspec.structs import replace

from lstmbench import implementations, tasks
from lstmbench.datasets import Dataset, load_dataset
from lstmbench.models import cost
from lstmbench.models.learner import Learner, ModelSpec
from lstmbench.models.presets import Preset
from lstmbench.models.weights import shapes
from lstmbench.records.run_record import RunName, Unit
from lstmbench.system.cores import require_cores
from lstmbench.system.device import require_precision, require_threads, split_device
from lstmbench.system.hardware import memory_limit_bytes
from lstmbench.system.machine import Machine
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import ResourceError, UsageError, out_of_memory
from lstmbench.utils.escaping import brief
from lstmbench.utils.files import read_arrays


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Say who trains, where, and from which random seed.

    ``device`` carries its precision, its workers and perhaps its threads, as in gpu-tf32-x2 (``device.split_device``).
    ``threads`` are CPU threads of each worker.  ``seed`` decides the order of the examples and the dropout masks.
    """

    implementation: str
    device: str
    threads: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class RunRequest(Execution):
    """Say what is trained or measured as well: a prepared data set, a preset and its initial weights."""

    data: Path
    preset_file: Path
    weights_file: Path

    def run_of(self, dataset: Dataset) -> RunName:
        """Return what names the run, in its path and in its record."""
        return RunName(
            dataset=dataset.name,
            size=self.preset_file.stem,
            implementation=self.implementation,
            device=self.device,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Session:
    """What a process needs to train or to measure, and the seconds that it took to build."""

    dataset: Dataset
    preset: Preset
    task: ModuleType
    spec: ModelSpec
    weights: dict[str, np.ndarray]  # the initial ones
    framework: ModuleType  # the implementation's module
    learner: Learner
    import_seconds: float
    build_seconds: float

    def described(self, machine: Machine) -> Machine:
        """Return ``machine`` with the GPU that the learner names, unless the driver of NVIDIA named it."""
        return replace(machine, gpu=self.learner.gpu or machine.gpu)

    @property
    def unit(self) -> Unit:
        """Return the unit of throughput."""
        unit: Unit = self.task.unit(self.dataset.facts)
        return unit


@contextmanager
def opened_session(request: RunRequest) -> Iterator[Session]:
    """Read and check all files, and build a session from them for the block.

    Raises:
        UsageError: the preset is faulty, or the weights belong to another model; see also ``built_session``.
        DataError: data or weights are damaged.
    """
    dataset = load_dataset(request.data)
    preset = tasks.load_fitted(request.preset_file, dataset.task, dataset.facts)
    weights = read_arrays(request.weights_file)
    spec = tasks.load(dataset.task).model_spec(preset, dataset.facts)
    if {name: value.shape for name, value in weights.items()} != shapes(spec):
        raise UsageError(
            f"{request.weights_file}: its names and shapes are not those of {request.preset_file}: initialise it again"
        )
    with built_session(dataset, preset, weights, request) as session:
        yield session


@contextmanager
def built_session(
    dataset: Dataset, preset: Preset, weights: dict[str, np.ndarray], execution: Execution
) -> Iterator[Session]:
    """Import the framework, limit its threads, and build the learner for the block.

    Raises:
        UsageError: the preset asks for something that the task does not have, the implementation is unknown, the
            workers cannot share the implementation or the batch, or the threads differ from the device's name.
        MachineError: the framework or the device is missing, the device lacks the precision, or there are fewer cores
            than threads.
        ResourceError: the model needs more memory than there is, here or in the block.
    """
    task = tasks.load(dataset.task)
    spec = task.model_spec(preset, dataset.facts)
    where = split_device(execution.device)
    tasks.require_suited(dataset.task, preset)
    implementations.require_shared(execution.implementation, preset.batch_size, where.workers)
    require_threads(execution.device, execution.threads)
    require_cores(execution.threads)
    require_precision(where.kind, where.precision)
    with _memory_explained(spec, preset):
        if where.kind == "cpu" and least_bytes(spec, preset) > memory_limit_bytes():
            raise MemoryError("not tried")
        watch = Stopwatch()
        framework = implementations.load(execution.implementation)
        framework.configure(execution.threads)
        import_seconds = watch.seconds()
        watch = Stopwatch()
        learner = framework.Learner(spec, where.kind, execution.seed, where.precision)
        learner.load_weights(weights)
        build_seconds = watch.seconds()
        yield Session(dataset, preset, task, spec, weights, framework, learner, import_seconds, build_seconds)


def least_bytes(spec: ModelSpec, preset: Preset) -> int:
    """Return the bytes of memory that training needs at least (``cost.minimum_memory_bytes``)."""
    return cost.minimum_memory_bytes(spec, preset.batch_size, preset.num_steps).total


@contextmanager
def _memory_explained(spec: ModelSpec, preset: Preset) -> Iterator[None]:
    """If memory runs out in the block, say how much the model needs and how much there is."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise ResourceError(f"out of memory ({brief(error)}): {memory_needed(spec, preset)}") from error


def memory_needed(spec: ModelSpec, preset: Preset) -> str:
    """Return a sentence: the memory that the model needs, the memory that there is, and what to do."""
    return (
        f"the model needs at least {least_bytes(spec, preset) / 1e6:,.0f} MB (weights, gradients, activations), the "
        f"framework and the data need more; expected no more than {memory_limit_bytes() / 1e6:,.0f} MB. "
        "Run fewer jobs at a time, or choose a smaller size"
    )
