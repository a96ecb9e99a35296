"""Time Keras's ``fit`` on PTB in turns with an implementation: what a user of Keras has, beside what is possible.

    python docs/keras_fit.py small --data results/data/ptb

The model is the preset's: the same batches, sizes, dropout, clip and learning rate, in stateful LSTM layers.
``KERAS_BACKEND`` chooses Keras's back end (tensorflow, torch, jax), and with it the implementation beside.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from pathlib import Path

# Keras reads it when it is imported.
BACKEND = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from lstmbench import tasks
from lstmbench.datasets import load_dataset
from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.models.schedule import learning_rate_at
from lstmbench.models.weights import initial_weights
from lstmbench.timing.blocks import StepRunner
from lstmbench.training.session import Execution, Session, built_session
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.paths import WORKFLOW

BESIDE = {"tensorflow": "tensorflow_fused", "torch": "pytorch_fused", "jax": "jax_fused"}
"""Back end -> implementation of the same framework."""

ROUND_SECONDS = 2.0
"""Each takes about this long in a round, of which starting ``fit`` is a few per cent at most."""


def keras_model(spec: ModelSpec, batch_shape: tuple[int, int], learning_rate: float) -> keras.Model:
    """Build the language model of ``spec`` from Keras's layers, compiled with SGD and a clip by the global norm."""
    drop = 1.0 - spec.keep_prob
    layers = [
        keras.layers.Input(batch_shape=batch_shape, dtype="int32"),
        keras.layers.Embedding(spec.output_size, spec.input_size),
        keras.layers.Dropout(drop),
    ]
    for _ in range(spec.num_layers):
        # On PyTorch, Keras 3 writes a stateful layer's state in place, which autograd refuses.
        lstm = keras.layers.LSTM(spec.hidden_size, return_sequences=True, stateful=BACKEND != "torch")
        layers += [lstm, keras.layers.Dropout(drop)]
    model = keras.Sequential([*layers, keras.layers.Dense(spec.output_size)])
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate, global_clipnorm=spec.max_grad_norm),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        loss_weights=[spec.loss_scale],
    )
    return model


def fit(session: Session, examples: Examples) -> Callable[[int], None]:
    """Return the function that trains Keras's model the given number of steps."""
    preset = session.preset
    model = keras_model(session.spec, (preset.batch_size, preset.num_steps), learning_rate_at(preset, 1))
    order = session.task.training_order(len(examples.inputs), preset, 1, 1)

    def train(steps: int) -> None:
        rows = order[np.arange(steps) % len(order)].reshape(-1)
        model.fit(examples.inputs[rows], examples.targets[rows], batch_size=preset.batch_size, shuffle=False, verbose=0)

    return train


def seconds(work: Callable[[int], None], steps: int) -> float:
    """Return the seconds of a step."""
    watch = Stopwatch()
    work(steps)
    return watch.seconds() / steps


def main() -> None:
    """Print the medians of both and of their ratio, with the least and the greatest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", help="small, medium or large")
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared data set ptb")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    options = parser.parse_args()

    dataset = load_dataset(options.data)
    preset = tasks.load_fitted(WORKFLOW / f"presets/ptb/{options.size}.yaml", dataset.task, dataset.facts)
    task = tasks.load(dataset.task)
    weights = initial_weights(task.model_spec(preset, dataset.facts), preset, 1)
    execution = Execution(implementation=BESIDE[BACKEND], device="cpu", threads=options.threads, seed=1)
    with built_session(dataset, preset, weights, execution) as session:
        ours, theirs = StepRunner(session).run, fit(session, task.training_examples(dataset.arrays, preset))
        for work in (ours, theirs):
            work(2)  # traces and compiles
        counts = {work: max(1, round(options.round_seconds / seconds(work, 2))) for work in (ours, theirs)}
        theirs(counts[theirs])  # Keras compiles again for another number of steps
        rounds = [(seconds(ours, counts[ours]), seconds(theirs, counts[theirs])) for _ in range(options.rounds)]
    for name, values in zip((BESIDE[BACKEND], f"Keras fit on {BACKEND}"), zip(*rounds, strict=True), strict=True):
        print(f"PTB {options.size}, {name}: {1000 * statistics.median(values):,.1f} ms per step")
    ratios = [theirs / ours for ours, theirs in rounds]
    print(
        f"{BESIDE[BACKEND]} over Keras fit: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds)"
    )


if __name__ == "__main__":
    main()
