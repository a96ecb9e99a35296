"""See what a kept classifier takes for what: the confusion matrix, and the mistakes that it is surest of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lstmbench import tasks
from lstmbench.inference.kept_model import KeptModel, data_of, require_task
from lstmbench.inference.language import log_softmax
from lstmbench.inference.learned import Confusion, Mistake
from lstmbench.utils.progress import Progress

WORST = 10
"""Mistakes that are shown."""

BATCH = 200
"""Images per forward pass."""


def confusion(model: KeptModel, data: Path) -> Confusion:
    """Classify every image of the test split; ``data``: the folder of the prepared data sets.

    Raises:
        DataError: the run is on text, or the data are missing or others than the record's.
    """
    require_task(model, "classifier")
    dataset = data_of(model, data)
    settings = model.record.settings
    parts = tasks.load(dataset.task).evaluation_parts(dataset.arrays, "test", settings.preset, None)
    images = np.concatenate([part.examples.inputs for part in parts])
    labels = np.concatenate([part.examples.targets for part in parts])
    probabilities = np.exp(_log_probabilities(model, images))
    predicted = probabilities.argmax(1)
    counts = np.zeros((model.learner.spec.output_size,) * 2, np.int64)
    np.add.at(counts, (labels, predicted), 1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:WORST]
    return Confusion(
        counts=counts.tolist(),
        worst=[
            Mistake(
                image=int(place),
                label=int(labels[place]),
                predicted=int(predicted[place]),
                probability=float(probabilities[place, predicted[place]]),
                pixels=dataset.arrays["test_images"][place].tolist(),
            )
            for place in surest
        ],
    )


def _log_probabilities(model: KeptModel, images: np.ndarray) -> np.ndarray:
    """Return log probabilities float64[images, classes] of float32[images, rows, columns]."""
    progress = Progress(len(images), 0, str(model.record.run), unit="images")
    found = []
    try:
        for begin in range(0, len(images), BATCH):
            batch = images[begin : begin + BATCH]
            logits, _ = model.logits(batch, model.learner.initial_state(len(batch)))
            found.append(log_softmax(logits[-1]))
            progress.advance(len(batch), "")
    finally:
        progress.close()
    return np.concatenate(found)
