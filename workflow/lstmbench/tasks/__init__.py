"""Define the tasks: how a data set becomes batches, and how a loss becomes a metric.

Each task module defines:

    unit(facts)                              of throughput
    MILESTONES                               whether a run may also be tested during training
    fitted(preset, facts)                    -> the preset with what the data decide, not the recipe
    model_spec(preset, facts)                -> ModelSpec
    require_enough(name, arrays, preset)     refuse data that are too few for a batch
    training_examples(arrays, preset)        -> Examples
    training_order(count, preset, seed, epoch)  -> int32[steps, batch], the example numbers of each batch
    evaluation_parts(arrays, split, preset, limit)  -> list[Part]
    metrics(loss)                            -> the metrics that follow from the loss, by name
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from lstmbench.datasets import Facts
from lstmbench.models.learner import Examples
from lstmbench.models.presets import Preset, load_preset
from lstmbench.utils.errors import UsageError


@dataclass(frozen=True)
class Part:
    """A part of a split whose batches all have the same shape; a split is evaluated part by part.

    examples: see ``learner.Examples``.  batches: int32[steps, batch], example numbers.
    """

    examples: Examples
    batches: np.ndarray


def load(task: str) -> ModuleType:
    """Import the module of ``task``: language_model or classifier."""
    return import_module(f"{__name__}.{task}")


def load_fitted(preset_file: Path, task: str, facts: Facts) -> Preset:
    """Read a preset, with what the data decide and not the recipe: the time steps of images are their rows.

    Raises:
        UsageError: the preset is faulty.
    """
    preset: Preset = load(task).fitted(load_preset(preset_file), facts)
    return preset


def require_suited(task: str, preset: Preset) -> None:
    """Refuse a preset that asks for something that the task does not have.

    Raises:
        UsageError: the preset asks for a test during training.
    """
    if preset.report_after_updates is not None and not load(task).MILESTONES:
        raise UsageError(
            f"report_after_updates {preset.report_after_updates}: a {task} is tested after training only; expected null"
        )


def predictions(examples: Examples) -> int:
    """Return the predictions per example: the words of a window, or 1."""
    return int(np.prod(examples.targets.shape[1:]))
