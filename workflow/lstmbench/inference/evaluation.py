"""Test a kept model again, which proves that it is the one of its record."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lstmbench import tasks
from lstmbench.inference.kept_model import KeptModel, data_of
from lstmbench.parity.comparison import TOLERANCE_AFTER_20_STEPS
from lstmbench.tasks import predictions
from lstmbench.utils.errors import DataError
from lstmbench.utils.progress import Progress

TOLERANCES = TOLERANCE_AFTER_20_STEPS
"""Precision of the run -> relative tolerance of its test loss: 1e-5 in float32.  A trained model's logits are larger
than those of a new one, so the tolerance after updates is taken, not that of a loss at the start."""

BLOCK_STEPS = 20
"""Batches between two steps of the bar."""


def evaluate(model: KeptModel, data: Path) -> str:
    """Repeat the test of a run and return what was found, a sentence; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: the data differ from the record's, or the loss by more than its precision explains.
    """
    record, settings = model.record, model.record.settings
    dataset = data_of(model, data)
    task = tasks.load(dataset.task)
    parts = task.evaluation_parts(dataset.arrays, "test", settings.preset, settings.max_eval_predictions)
    loss = _mean_loss(model, parts)
    expected, allowed = record.final.loss, TOLERANCES[settings.dtype]
    away = abs(loss / expected - 1)
    found = f"{record.run}: a test loss of {loss:.9g} nats, {expected:.9g} in the record ({away:.1e} apart)"
    if not away <= allowed:
        raise DataError(f"{model.path}: {found}; expected {allowed:g} at most in {settings.dtype}")
    return f"{found}, within {allowed:g}"


def _mean_loss(model: KeptModel, parts: list[tasks.Part]) -> float:
    learner = model.learner
    progress = Progress(sum(len(part.batches) for part in parts), 0, str(model.record.run), unit="batches")
    losses: list[np.ndarray] = []
    count, state = 0, None
    try:
        for part in parts:
            examples = learner.place(part.examples)
            if state is None or not learner.spec.stateful:
                state = learner.initial_state(part.batches.shape[1])
            for begin in range(0, len(part.batches), BLOCK_STEPS):
                block = part.batches[begin : begin + BLOCK_STEPS]
                of_block, _, state = learner.eval_block(examples, block, state)
                losses.append(of_block.astype(np.float64))
                count += block.size * predictions(part.examples)
                progress.advance(len(block), f"loss {math.fsum(map(np.sum, losses)) / count:.4f}")
    finally:
        progress.close()
    return float(np.concatenate(losses).sum()) / count
