"""Check an exercise of the tutorial: say that it passes, or what is missing.

python docs/tutorial/check.py 1
python docs/tutorial/check.py 1 FILE      another file than the one in docs/tutorial/exercises
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lstmbench import implementations
from lstmbench.datasets import Dataset, markov
from lstmbench.implementations import reference
from lstmbench.models.learner import ModelSpec
from lstmbench.models.presets import PRESETS, load_preset
from lstmbench.models.weights import initial_weights, parameter_count
from lstmbench.parity.comparison import LANGUAGE_MODEL, random_weights
from lstmbench.records.run_record import Caps
from lstmbench.tasks import language_model
from lstmbench.training.loop import Supervision, TrainingLoop, TrainingRequest
from lstmbench.utils.command_line import run

EXACT = 1e-12
"""The largest difference from the reference in float64."""

ABOVE_FLOOR = 0.03
"""The share by which the perplexity of exercise 3 may be above the floor."""

TINY = dataclasses.replace(LANGUAGE_MODEL, input_size=LANGUAGE_MODEL.hidden_size)
"""A model of two layers, whose embedding is as wide as they are."""

FRAMEWORK = "pytorch_fused"
"""Trains in exercise 3."""


def gate_order(path: Path) -> str | None:
    """Return what the conversion in ``path`` lacks, or None."""
    from_old_cell = runpy.run_path(str(path))["from_old_cell"]
    draw = np.random.default_rng(1).standard_normal
    x, hidden, cell, matrix, bias = draw((2, 4)), draw((2, 3)), draw((2, 3)), draw((4 + 3, 12)), draw(12)
    input_gate, new, forget_gate, output_gate = np.split(np.hstack([x, hidden]) @ matrix + bias, 4, axis=-1)
    expected_cell = reference._sigmoid(forget_gate) * cell + reference._sigmoid(input_gate) * np.tanh(new)
    expected = reference._sigmoid(output_gate) * np.tanh(expected_cell), expected_cell
    _, found, _ = reference._lstm_forward(x[np.newaxis], hidden, cell, *from_old_cell(matrix, bias))
    for name, one, other in zip(("hidden", "cell"), found, expected, strict=True):
        difference = np.abs(one - other).max()
        if not difference <= EXACT:
            return (
                f"with the converted weights the new {name} differs from the old cell's by {difference:.2g}, expected "
                f"{EXACT:g} at most: which quarter of each matrix is which gate?"
            )
    return None


def _built(model_class: type, spec: ModelSpec) -> Any:
    return model_class(spec.num_layers, spec.hidden_size, spec.output_size)


def _arrays(value: object) -> dict[int, np.ndarray]:
    """Return every array that ``value`` holds, once, by its identity."""
    if isinstance(value, np.ndarray):
        return {id(value): value}
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    if inside is None:
        inside = getattr(value, "__dict__", {}).values()
    return {key: array for one in inside for key, array in _arrays(one).items()}


def shared_cell(path: Path) -> str | None:
    """Return what the model in ``path`` lacks, or None."""
    model_class = runpy.run_path(str(path))["Model"]
    medium = language_model.model_spec(load_preset(PRESETS / "ptb/medium.yaml"), {"vocab_size": 10_000})
    found = sum(array.size for array in _arrays(_built(model_class, medium)).values())
    expected = parameter_count(medium)
    if found != expected:
        return f"at medium the model has {found:,} different parameters, expected {expected:,}"
    model, weights = _built(model_class, TINY), random_weights(TINY)
    model.load_weights(weights)
    learner = reference.Learner(TINY, "cpu", 1, "float64")
    learner.load_weights(weights)
    ids = np.array([[2, 7, 1], [8, 2, 8]])
    logits, _, _ = learner._forward(ids, learner.initial_state(len(ids)), [1.0] * (learner.spec.num_layers + 1))
    difference = np.abs(model.logits(ids) - logits.swapaxes(0, 1)).max()
    if not difference <= EXACT:
        return (
            f"with equal weights its logits differ from the reference by {difference:.2g}, expected {EXACT:g} at most"
        )
    return None


def floor(path: Path) -> str | None:
    """Train the preset in ``path`` on markov; return how far it is from the floor, or None if it is near."""
    preset = load_preset(path)
    drawn = markov.prepare(path)
    dataset = Dataset("markov", markov.TASK, drawn.facts, drawn.arrays, sha256="")
    spec = language_model.model_spec(preset, drawn.facts)
    framework = implementations.load(FRAMEWORK)
    framework.configure(threads=1)
    learner = framework.Learner(spec, "cpu", 1, "float32")
    learner.load_weights(initial_weights(spec, preset, seed=1))
    request = TrainingRequest(learner=learner, task=language_model, dataset=dataset, preset=preset, caps=Caps(), seed=1)
    perplexity = TrainingLoop(request, Supervision(label="exercise 3")).run()["perplexity"]
    lowest = math.exp(drawn.facts["source_cross_entropy_nats_test"])
    if not perplexity <= (1 + ABOVE_FLOOR) * lowest:
        return (
            f"test perplexity {perplexity:.2f} is {perplexity / lowest - 1:.1%} above the floor of {lowest:.2f}, "
            f"expected {ABOVE_FLOOR:.0%} at most, which is {(1 + ABOVE_FLOOR) * lowest:.2f}"
        )
    return None


EXERCISES: dict[int, tuple[str, Callable[[Path], str | None]]] = {
    1: ("gate_order.py", gate_order),
    2: ("shared_cell.py", shared_cell),
    3: ("floor.yaml", floor),
}
"""Number -> the file that the exercise is about, and its check."""


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    result = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    result.add_argument("number", type=int, choices=EXERCISES, help="of the exercise")
    result.add_argument("file", type=Path, nargs="?", help="default: the one in docs/tutorial/exercises")
    return result


def main() -> None:
    """Check an exercise.

    Raises:
        SystemExit: something is missing.
    """
    options = parser().parse_args()
    name, check = EXERCISES[options.number]
    missing = check(options.file or Path(__file__).parent / "exercises" / name)
    if missing is not None:
        sys.exit(f"exercise {options.number} does not pass yet: {missing}")
    print(f"exercise {options.number} passes")


if __name__ == "__main__":
    sys.exit(run(main))
