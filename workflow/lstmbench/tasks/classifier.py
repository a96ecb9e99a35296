"""Classify an image that is read row by row, one row per time step; the class is predicted after the last row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from lstmbench.datasets import Facts
from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.models.presets import Preset
from lstmbench.tasks import Part
from lstmbench.utils.errors import UsageError

MILESTONES = True

EVALUATION_BATCH = 1000


def unit(facts: Facts) -> str:
    """Return the unit of throughput."""
    return "images/s"


def fitted(preset: Preset, facts: Facts) -> Preset:
    """Return the preset with a time step per row of an image; without the fact ``rows`` that is the preset's."""
    return replace(preset, num_steps=int(facts.get("rows", preset.num_steps)))


def model_spec(preset: Preset, facts: Facts) -> ModelSpec:
    """Return the model of ``preset`` for ``facts["classes"]`` classes of images, whose rows have ``columns`` values.

    Without the fact ``columns`` the images are square.
    """
    return ModelSpec(
        num_layers=preset.num_layers,
        hidden_size=preset.hidden_size,
        output_size=int(facts["classes"]),
        input_size=int(facts.get("columns", preset.num_steps)),
        embedding=False,
        every_step=False,
        stateful=False,
        input_dropout=False,
        keep_prob=preset.keep_prob,
        optimizer=preset.optimizer,
        max_grad_norm=preset.max_grad_norm,
        loss_scale=1.0,
    )


def require_enough(name: str, arrays: Mapping[str, np.ndarray], preset: Preset) -> None:
    """Refuse a data set that has too few images for one training batch.

    Raises:
        UsageError: one line.
    """
    count = len(arrays["train_images"])
    if count < preset.batch_size:
        raise UsageError(
            f"{name}: expected at least {preset.batch_size:,} training images, one batch of the preset, found "
            f"{count:,}; take more images, or a preset with a smaller batch_size"
        )


def training_examples(arrays: Mapping[str, np.ndarray], preset: Preset) -> Examples:
    """Return the training images, float32[images, rows, columns] in 0..1, and labels, int32[images]."""
    return _examples(arrays, "train", preset)


def training_order(count: int, preset: Preset, seed: int, epoch: int) -> np.ndarray:
    """Shuffle the examples of an epoch into batches, int32[steps, batch], without the incomplete last batch.

    The shuffle is new in each epoch and the same in every framework.

    Raises:
        UsageError: a batch is larger than the training set.
    """
    steps = count // preset.batch_size
    if steps == 0:
        raise UsageError(f"batch_size {preset.batch_size} gives 0 steps per epoch: at most {count} images are there")
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    return order[: steps * preset.batch_size].reshape(steps, preset.batch_size).astype(np.int32)


def evaluation_parts(arrays: Mapping[str, np.ndarray], split: str, preset: Preset, limit: int | None) -> list[Part]:
    """Return every image of the split once (or the first ``limit``), in batches of 1,000 and a smaller last one."""
    examples = _examples(arrays, split, preset)
    count = len(examples.inputs[:limit])
    whole = count // EVALUATION_BATCH * EVALUATION_BATCH
    parts = []
    for begin, end, batch in ((0, whole, EVALUATION_BATCH), (whole, count, count - whole)):
        if end > begin:
            piece = Examples(examples.inputs[begin:end], examples.targets[begin:end])
            parts.append(Part(piece, np.arange(end - begin, dtype=np.int32).reshape(-1, batch)))
    return parts


def metrics(loss: float) -> dict[str, float]:
    """Return nothing: a classifier is judged by its accuracy."""
    return {}


def _examples(arrays: Mapping[str, np.ndarray], split: str, preset: Preset) -> Examples:
    images = arrays[f"{split}_images"]
    rows, columns = images.shape[1:]
    if rows != preset.num_steps:
        raise UsageError(f"num_steps {preset.num_steps}: the images have {rows} rows of {columns} columns")
    return Examples(images.astype(np.float32) / 255.0, arrays[f"{split}_labels"].astype(np.int32))
