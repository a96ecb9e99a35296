"""The recurrent state and the cutting of work into blocks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lstmbench.parity import comparison
from lstmbench.parity.comparison import CLASSIFIER, LANGUAGE_MODEL, Build
from tests.helpers import checks

two_layer_model = pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])


@two_layer_model
def test_the_initial_state_is_zero(build: Build, spec):
    learner = build(spec)
    layers = learner.state_arrays(learner.initial_state(comparison.BATCH))
    assert len(layers) == spec.num_layers
    for part in (part for layer in layers for part in layer):
        np.testing.assert_array_equal(part, np.zeros((comparison.BATCH, spec.hidden_size)), strict=True)


def test_a_state_comes_back_as_it_was_loaded(build: Build):
    learner = build(LANGUAGE_MODEL, dtype="float32")
    arrays = comparison.random_state(LANGUAGE_MODEL)
    found = learner.state_arrays(learner.load_state(arrays))
    for pair, expected_pair in zip(found, arrays, strict=True):
        for part, expected in zip(pair, expected_pair, strict=True):
            np.testing.assert_array_equal(part, expected, strict=True)


@two_layer_model
def test_a_block_of_five_steps_is_five_blocks_of_one(build: Build, spec):
    spec = dataclasses.replace(spec, max_grad_norm=0.2)
    at_once, in_parts = comparison.start(build, spec), comparison.start(build, spec)
    rows = comparison.batches(5)
    losses = at_once.train(rows)
    np.testing.assert_array_equal(losses, np.concatenate([in_parts.train(row[np.newaxis]) for row in rows]))
    checks.assert_identical(at_once.learner.weights(), in_parts.learner.weights())
    evaluated = at_once.evaluate(rows)
    parts = [in_parts.evaluate(row[np.newaxis]) for row in rows]
    for whole, part in zip(evaluated, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(part))


def test_a_language_model_goes_on_from_the_state_it_is_given(build: Build):
    from_zero = comparison.start(build, LANGUAGE_MODEL)
    going_on = comparison.start(build, LANGUAGE_MODEL, state=comparison.random_state(LANGUAGE_MODEL))
    rows = comparison.batches(1)
    assert not np.isclose(from_zero.evaluate(rows)[0], going_on.evaluate(rows)[0], rtol=1e-3)
    assert not np.isclose(from_zero.train(rows), going_on.train(rows), rtol=1e-3)


def test_a_classifier_starts_every_batch_from_zero(build: Build):
    from_zero = comparison.start(build, CLASSIFIER)
    ignoring = comparison.start(build, CLASSIFIER, state=comparison.random_state(CLASSIFIER))
    same_batch_twice = np.repeat(comparison.batches(1), 2, axis=0)
    sums, _ = from_zero.evaluate(same_batch_twice)
    assert sums[0] == sums[1]
    np.testing.assert_array_equal(ignoring.evaluate(same_batch_twice)[0], sums)
    np.testing.assert_array_equal(ignoring.train(comparison.batches(2)), from_zero.train(comparison.batches(2)))


def test_a_state_that_was_used_can_be_used_again(build: Build):
    run = comparison.start(build, LANGUAGE_MODEL, state=comparison.random_state(LANGUAGE_MODEL))
    first, rows = run.state, comparison.batches(2)
    sums, _ = run.evaluate(rows)
    run.state = first
    run.train(rows, learning_rate=0.0)
    run.state = first
    np.testing.assert_array_equal(run.evaluate(rows)[0], sums)


def test_batches_of_another_size_can_follow(build: Build):
    run, expected = (
        comparison.start(build, LANGUAGE_MODEL),
        comparison.start(comparison.build_reference, LANGUAGE_MODEL),
    )
    run.train(comparison.batches(2)), expected.train(comparison.batches(2))
    for size in (1, 2):
        rows = comparison.batches(3)[:, :size]
        for one in (run, expected):
            one.state = one.learner.initial_state(size)
        checks.assert_close(f"batch of {size}", run.evaluate(rows)[0], expected.evaluate(rows)[0], 1e-11)
