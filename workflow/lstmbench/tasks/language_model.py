"""Predict the next word: windows of a text are read in order, and the state is carried from each to the next.

batch_size = 2, num_steps = 3              step 0       step 1
ids  a b c d e f g h i j k l m n    row 0  [a b c] ...  [d e f]
                                    row 1  [h i j] ...  [k l m]
examples, stacked: [a b c] [h i j] [d e f] [k l m];  batches: [[0, 1], [2, 3]]
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lstmbench.datasets import Facts
from lstmbench.datasets.ptb import batch_windows
from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.models.presets import Preset
from lstmbench.statistics.perplexity import perplexity
from lstmbench.tasks import Part
from lstmbench.utils.errors import UsageError

MILESTONES = False

TEST_STEPS = 100
"""Window of the test protocol.  The tutorial tests with batch 1 and windows of 1.  Because the state is carried, any
window gives the same predictions, and a longer one is faster."""


def unit(facts: Facts) -> str:
    """Return the unit of throughput: characters or, without the fact ``level``, words per second."""
    return f"{facts.get('level', 'word')}s/s"


def fitted(preset: Preset, facts: Facts) -> Preset:
    """Return the preset: a text decides none of its values."""
    return preset


def model_spec(preset: Preset, facts: Facts) -> ModelSpec:
    """Return the model of ``preset`` for a vocabulary of ``facts["vocab_size"]`` words."""
    return ModelSpec(
        num_layers=preset.num_layers,
        hidden_size=preset.hidden_size,
        output_size=int(facts["vocab_size"]),
        input_size=preset.hidden_size,
        embedding=True,
        every_step=True,
        stateful=True,
        input_dropout=True,
        keep_prob=preset.keep_prob,
        optimizer=preset.optimizer,
        max_grad_norm=preset.max_grad_norm,
        # The tutorial's cost is summed over the time steps and averaged over the batch.
        loss_scale=float(preset.num_steps),
    )


def require_enough(name: str, arrays: Mapping[str, np.ndarray], preset: Preset) -> None:
    """Refuse a text of which a split has too few words for one batch; the test needs two.

    Raises:
        UsageError: one line.
    """
    batch = preset.batch_size * (preset.num_steps + 1)
    needs = {"train": ("training", batch), "valid": ("validation", batch), "test": ("test", 2)}
    for split, (purpose, needed) in needs.items():
        if len(arrays[split]) < needed:
            raise UsageError(
                f"{name}: expected at least {needed:,} words or characters in its {purpose} text for one batch "
                f"(batch_size {preset.batch_size}, num_steps {preset.num_steps}), found {len(arrays[split]):,}; take a "
                "longer text, or a preset with a smaller batch"
            )


def training_examples(arrays: Mapping[str, np.ndarray], preset: Preset) -> Examples:
    """Return all training windows, int32[steps * batch, num_steps]."""
    return _examples(arrays["train"], preset.batch_size, preset.num_steps)


def training_order(count: int, preset: Preset, seed: int, epoch: int) -> np.ndarray:
    """Return the batches in the order of the text, int32[steps, batch], the same in every epoch."""
    return _in_order(count, preset.batch_size)


def evaluation_parts(arrays: Mapping[str, np.ndarray], split: str, preset: Preset, limit: int | None) -> list[Part]:
    """Return validation data with the training batch and window, or test data with batch 1 for every prediction."""
    ids = arrays[split]
    if split != "test":
        examples = _examples(ids, preset.batch_size, preset.num_steps)
        batches = _in_order(len(examples.inputs), preset.batch_size)
        per_step = preset.batch_size * preset.num_steps
        return [Part(examples, batches[: limit and math.ceil(limit / per_step)])]
    ids = ids[: limit and limit + 1]
    whole = (len(ids) - 1) // TEST_STEPS * TEST_STEPS
    parts = []
    for piece, window in ((ids[: whole + 1], TEST_STEPS), (ids[whole:], len(ids) - 1 - whole)):
        if window and len(piece) > window:
            examples = _examples(piece, 1, window)
            parts.append(Part(examples, _in_order(len(examples.inputs), 1)))
    return parts


def metrics(loss: float) -> dict[str, float]:
    """Return the perplexity: exp of the mean negative log-likelihood per word."""
    return {"perplexity": perplexity(loss)}


def _examples(ids: np.ndarray, batch_size: int, num_steps: int) -> Examples:
    inputs, targets = batch_windows(ids, batch_size, num_steps)
    return Examples(inputs.reshape(-1, num_steps), targets.reshape(-1, num_steps))


def _in_order(count: int, batch_size: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32).reshape(-1, batch_size)
