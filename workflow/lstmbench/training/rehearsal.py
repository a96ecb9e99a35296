"""Rehearse a run with a learner that computes nothing, so that its record is checked before the first update.

A rehearsal runs the same loop and takes well under a second.  Preset, caps, data, names and machine alone decide
whether the record of a run is valid, so the check need not wait for the last update.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from lstmbench.datasets import Dataset
from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.models.presets import Preset
from lstmbench.tasks import predictions
from lstmbench.training.loop import Caps, Run, TrainingProgress
from lstmbench.utils.progress import Progress


def rehearse(
    task: ModuleType, dataset: Dataset, preset: Preset, caps: Caps, seed: int
) -> tuple[TrainingProgress, dict[str, Any], int]:
    """Return what ``loop.train`` would return for a model that learns nothing, without a throughput.

    Raises:
        UsageError: there are too few data for the preset.
    """
    run = Run(_Guesser(task.model_spec(preset, dataset.facts)), task, dataset, preset, caps, seed)
    reached, silent = TrainingProgress(), Progress(run.total_updates, 0, "", shown=False)
    while reached.updates < run.total_updates or reached.epoch_updates:
        run.epoch(reached, silent)
    final = run.evaluate(run.test, reached)
    reached.rates.clear()
    return reached, final, run.full_updates


class _Guesser:
    """Stand in for a learner: predict every word or class with equal probability, and count none as correct."""

    def __init__(self, spec: ModelSpec) -> None:
        self.loss = math.log(spec.output_size)

    def place(self, examples: Examples) -> int:
        """Return the predictions per example, which are all that the rehearsal needs to know of a split."""
        return predictions(examples)

    def initial_state(self, batch_size: int) -> None:
        """Return None, because no state is needed."""

    def train_block(
        self, per_example: int, batches: np.ndarray, state: None, learning_rate: float
    ) -> tuple[np.ndarray, None]:
        """See ``learner.Learner``."""
        return np.full(len(batches), self.loss), None

    def eval_block(self, per_example: int, batches: np.ndarray, state: None) -> tuple[np.ndarray, np.ndarray, None]:
        """See ``learner.Learner``."""
        losses = np.full(len(batches), self.loss * batches.shape[1] * per_example)
        return losses, np.zeros(len(batches), int), None

    def synchronize(self) -> None:
        """Do nothing, because nothing is pending."""

    def broadcast(self, value: float) -> float:
        """Return ``value``, because every worker rehearses alone."""
        return value
