"""Checks that fail where a learner and the NumPy reference differ by more than rounding."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pytest

from lstmbench.models.learner import ModelSpec
from lstmbench.parity.comparison import (
    CLASSIFIER,
    LANGUAGE_MODEL,
    Build,
    Comparison,
    batches,
    build_reference,
    evaluation,
    one_step,
    relative_error,
    start,
    tolerance,
    twenty_steps,
)

two_layer_model = pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])


def assert_close(what: str, found: np.ndarray, expected: np.ndarray, allowed: float) -> None:
    """Equal shapes, and a ``relative_error`` of at most ``allowed``."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    error = relative_error(found, expected)
    assert error <= allowed, f"{what}: relative error {error:.2g}, at most {allowed:g} allowed"


def assert_identical(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """The same names and the same bits."""
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name, strict=True)


def check_one_step(build: Build, spec: ModelSpec, dtype: str) -> None:
    """One step of SGD at rate 1 without a clip: the same loss, state and gradients."""
    _assert_all_close(one_step(build, spec, dtype), dtype)


def check_evaluation(build: Build, spec: ModelSpec, dtype: str) -> None:
    """Three batches: the same sums of losses, numbers of correct predictions, and state."""
    _assert_all_close(evaluation(build, spec, dtype), dtype)


def check_clipped_sgd(build: Build, spec: ModelSpec, dtype: str) -> None:
    """20 steps of SGD whose gradients are clipped, all of them: the same loss at every step."""
    spec = dataclasses.replace(spec, max_grad_norm=0.2)
    assert_clip_is_active(spec)
    _check_20_steps(build, spec, dtype, learning_rate=1.0)


def check_adam(build: Build, spec: ModelSpec, dtype: str) -> None:
    """20 steps of Adam behind an active clip: the same loss at every step."""
    spec = dataclasses.replace(spec, optimizer="adam", max_grad_norm=0.2)
    assert_clip_is_active(dataclasses.replace(spec, optimizer="sgd"))
    _check_20_steps(build, spec, dtype, learning_rate=0.01)


def assert_clip_is_active(spec: ModelSpec) -> None:
    """Each of the reference's 20 steps of SGD at rate 1 is as long as the clip allows, so it was shortened."""
    run = start(build_reference, spec)
    before = run.learner.weights()
    for rows in batches(20):
        run.train(rows[np.newaxis])
        after = run.learner.weights()
        length = np.sqrt(sum(np.square(after[name] - before[name]).sum() for name in after))
        np.testing.assert_allclose(length, spec.max_grad_norm, rtol=1e-9)
        before = after


def _check_20_steps(build: Build, spec: ModelSpec, dtype: str, learning_rate: float) -> None:
    compared = list(twenty_steps(build, spec, dtype, learning_rate))
    untrained = start(build_reference, spec).train(batches(20), learning_rate=0.0)
    assert abs(compared[-1][2] / untrained[-1] - 1) > 0.01, "training must change the model, or nothing is compared"
    _assert_all_close(compared, dtype)


def _assert_all_close(compared: Iterable[Comparison], dtype: str) -> None:
    for what, found, expected in compared:
        assert_close(what, found, expected, tolerance(what, dtype))


def check_resume(build: Build, spec: ModelSpec, optimizer: str) -> None:
    """A new learner that loads what another one saved trains on as that one does, bit by bit."""
    spec = dataclasses.replace(spec, optimizer=optimizer, keep_prob=0.7, max_grad_norm=0.2)
    before, after = batches(6)[:3], batches(6)[3:]
    run = start(build, spec, seed=5)
    run.train(before, learning_rate=0.1)
    weights, training_state, state = run.learner.weights(), run.learner.training_state(), run.state_arrays()
    expected = run.train(after, learning_rate=0.1)

    resumed = start(build, spec, seed=6, weights=weights, state=state)
    resumed.learner.load_training_state(training_state)
    np.testing.assert_array_equal(resumed.train(after, learning_rate=0.1), expected)
    assert_identical(resumed.learner.weights(), run.learner.weights())
    assert_identical(resumed.learner.training_state(), run.learner.training_state())
