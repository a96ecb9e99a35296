"""Rehearse a run with a learner that computes nothing, so that its record is checked before the first update.

A rehearsal runs the same loop and takes well under a second.  Preset, caps, data, names and machine alone decide
whether the record of a run is valid, so the check need not wait for the last update.
"""

from __future__ import annotations

import dataclasses
import math
from typing import cast

import numpy as np

from lstmbench.models.learner import Examples, Handle, Learner, ModelSpec, State, override
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


class _Guesser(Learner):
    """Stand in for a learner: predict every word or class with equal probability, and count none as correct.

    It has neither weights nor a state, and knows of a split only the predictions per example.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.loss = math.log(spec.output_size)

    @override
    def place(self, examples: Examples) -> int:
        return predictions(examples)

    @override
    def train_block(
        self, data: Handle, batches: np.ndarray, state: State, learning_rate: float
    ) -> tuple[np.ndarray, State]:
        return np.full(len(batches), self.loss), state

    @override
    def eval_block(self, data: Handle, batches: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray, State]:
        losses = np.full(len(batches), self.loss * batches.shape[1] * cast(int, data))
        return losses, np.zeros(len(batches), int), state

    @override
    def initial_state(self, batch_size: int) -> State:
        return None

    @override
    def load_state(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> State:
        return None

    @override
    def state_arrays(self, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        return []

    @override
    def weights(self) -> dict[str, np.ndarray]:
        return {}

    @override
    def load_weights(self, weights: dict[str, np.ndarray]) -> None:
        pass

    @override
    def training_state(self) -> dict[str, np.ndarray]:
        return {}

    @override
    def load_training_state(self, state: dict[str, np.ndarray]) -> None:
        pass
