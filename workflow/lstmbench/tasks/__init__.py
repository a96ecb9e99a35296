"""Tasks: how a data set becomes batches, and how losses become the metric people read.

Each task module offers, by these names:

    UNIT                                     of throughput
    MILESTONES                               whether the test may also be made during training
    model_spec(preset, facts)                -> ModelSpec
    training_examples(arrays, preset)        -> Examples
    training_order(count, preset, seed, epoch)  -> int32[steps, batch], the example numbers of each batch
    evaluation_parts(arrays, split, preset, limit)  -> list[Part]
    metrics(loss, accuracy)                  -> the metric beside the loss, by name
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from lstmbench.models.learner import Examples
from lstmbench.models.presets import Preset
from lstmbench.utils.errors import UsageError


@dataclass(frozen=True)
class Part:
    """A stretch of a split whose batches all have one shape; a split is evaluated part by part.

    examples: see ``learner.Examples``.  batches: int32[steps, batch], example numbers.
    """

    examples: Examples
    batches: np.ndarray


def load(task: str) -> ModuleType:
    """The module of ``task``: language_model or classifier."""
    return import_module(f"{__name__}.{task}")


def require_suited(task: str, preset: Preset) -> None:
    """Refuse a preset that asks what the task does not have.

    Raises:
        UsageError: a test during training.
    """
    if preset.report_after_updates is not None and not load(task).MILESTONES:
        raise UsageError(
            f"report_after_updates {preset.report_after_updates}: a {task} is tested after training only; expected null"
        )


def predictions(examples: Examples) -> int:
    """Predictions per example: the words of a window, or 1."""
    return int(np.prod(examples.targets.shape[1:]))
