"""Run one worker's part of a training on the models of ``parity.comparison``, and write what it found.

``python -m tests.helpers.worker_program IMPLEMENTATION OUTPUT``
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from lstmbench import implementations
from lstmbench.models.process_group import current_group
from lstmbench.parity import comparison

BATCH, STEPS = 4, 20
"""A batch that two workers share, and updates: a block of 10, an evaluation, a gathering of the state, 10 again."""

CASES = {
    "language_model-sgd": dataclasses.replace(comparison.LANGUAGE_MODEL, max_grad_norm=0.2, keep_prob=0.7),
    "language_model-adam": dataclasses.replace(comparison.LANGUAGE_MODEL, optimizer="adam", keep_prob=0.7),
    "classifier-adam": dataclasses.replace(comparison.CLASSIFIER, optimizer="adam", max_grad_norm=0.2, keep_prob=0.7),
}

RATES = {"sgd": 1.0, "adam": 0.01}


def trained(implementation: str, case: str, dtype: str) -> dict[str, np.ndarray]:
    """Losses, evaluation, state and weights of a training with the seed 3."""
    spec = CASES[case]
    learner = implementations.load(implementation).Learner(spec, "cpu", 3, dtype)
    learner.load_weights(comparison.random_weights(spec))
    data, state = learner.place(comparison.examples(spec)), learner.initial_state(BATCH)
    stream = np.random.default_rng(5)
    rows = np.array([stream.permutation(comparison.EXAMPLES)[:BATCH] for _ in range(STEPS)], np.int32)
    result, losses = {}, []
    for number, block in enumerate((rows[:10], rows[10:])):
        found, state = learner.train_block(data, block, state, RATES[spec.optimizer])
        losses.append(found)
        sums, correct, _ = learner.eval_block(data, rows[:3], state)
        result |= {f"sums.{number}": sums, f"correct.{number}": correct}
        arrays = learner.state_arrays(state)
        if spec.stateful:
            result |= {f"state.{number}.{layer}": np.stack(pair) for layer, pair in enumerate(arrays)}
            state = learner.load_state(arrays) if number == 0 else state
    result |= {"losses": np.concatenate(losses), "broadcast": np.array(learner.broadcast(float(current_group().rank)))}
    return result | {f"weights.{name}": value for name, value in learner.weights().items()}


def main() -> None:
    """Train all cases in both dtypes."""
    implementation, output = sys.argv[1:]
    implementations.load(implementation).configure(threads=1)
    found = {
        f"{case}/{dtype}/{name}": value
        for case in CASES
        for dtype in ("float32", "float64")
        for name, value in trained(implementation, case, dtype).items()
    }
    np.savez(Path(output) / f"{current_group().rank}.npz", **found)


if __name__ == "__main__":
    main()
