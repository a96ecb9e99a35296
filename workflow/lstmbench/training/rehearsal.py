"""Rehearse a run with a learner that computes nothing, so that its record is checked before the first update.

A rehearsal runs the same loop and takes well under a second.  Preset, caps, data, names and machine alone decide
whether the record of a run is valid, so the check need not wait for the last update.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.tasks import predictions
from lstmbench.training.loop import Row, Supervision, TrainingLoop, TrainingRequest


def rehearse(request: TrainingRequest) -> tuple[TrainingLoop, Row]:
    """Return the loop and the final test of a model that learns nothing, without a throughput.

    Raises:
        UsageError: there are too few data for the preset.
    """
    spec = request.task.model_spec(request.preset, request.dataset.facts)
    loop = TrainingLoop(dataclasses.replace(request, learner=_Guesser(spec)), Supervision(is_main=False))
    final = loop.run()
    loop.rates.clear()
    return loop, final


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
