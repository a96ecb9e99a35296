"""Rehearse a run: the same loop with a learner that computes nothing, in well under a second.

Preset, caps, data, names and machine decide by themselves whether a record of its form can come of a run.  With what
is rehearsed the whole record can be written down and checked before the first update, not after the last.
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
    """Return what ``loop.train`` would, of a model that learns nothing and at no speed.

    Raises:
        UsageError: the data are too few for the preset.
    """
    run = Run(_Guesser(task.model_spec(preset, dataset.facts)), task, dataset, preset, caps, seed)
    reached, silent = TrainingProgress(), Progress(run.total_updates, 0, "", shown=False)
    while reached.updates < run.total_updates or reached.epoch_updates:
        run.epoch(reached, silent)
    final = run.evaluate(run.test, reached)
    reached.rates.clear()
    return reached, final, run.full_updates


class _Guesser:
    """What the loop asks of a learner: it holds every word or class equally likely, and guesses wrong."""

    def __init__(self, spec: ModelSpec) -> None:
        self.loss = math.log(spec.output_size)

    def place(self, examples: Examples) -> int:
        """Predictions per example, which are all that it remembers of a split."""
        return predictions(examples)

    def initial_state(self, batch_size: int) -> None:
        """None is needed."""

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
        """Nothing is under way."""

    def broadcast(self, value: float) -> float:
        """Every worker rehearses alone."""
        return value
