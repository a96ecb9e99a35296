"""The yardstick itself, held to what can be known without any implementation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lstmbench.parity import comparison
from lstmbench.parity.comparison import CLASSIFIER, LANGUAGE_MODEL, build_reference


def _gradients(spec, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By one step of SGD at rate 1."""
    run = comparison.start(build_reference, spec, weights=weights, state=comparison.random_state(spec))
    run.train(comparison.batches(1))
    after = run.learner.weights()
    return {name: weights[name] - after[name] for name in weights}


@pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])
def test_gradients_are_the_slopes_of_the_loss(spec):
    spec = dataclasses.replace(spec, keep_prob=0.6)
    weights = {name: value.astype(np.float64) for name, value in comparison.random_weights(spec).items()}
    gradients = _gradients(spec, weights)
    run = comparison.start(build_reference, spec, state=comparison.random_state(spec))
    first_state, first_masks = run.state, run.learner.training_state()

    def objective(name: str, value: np.ndarray) -> float:
        run.learner.load_weights(weights | {name: value})
        run.learner.load_training_state(first_masks)
        run.state = first_state
        return spec.loss_scale * run.train(comparison.batches(1), learning_rate=0.0)[0]

    step = 1e-5  # of central differences: the error is of the order of step^2 = 1e-10
    stream = np.random.default_rng(5)
    for name, value in weights.items():
        for place in stream.permutation(value.size)[:25]:
            beside = np.zeros_like(value)
            beside.flat[place] = step
            slope = (objective(name, value + beside) - objective(name, value - beside)) / (2 * step)
            np.testing.assert_allclose(gradients[name].flat[place], slope, rtol=0, atol=1e-8, err_msg=name)


def test_a_clipped_gradient_has_the_length_of_the_clip_and_the_old_direction():
    weights = comparison.random_weights(LANGUAGE_MODEL)
    whole = _gradients(LANGUAGE_MODEL, weights)
    clipped = _gradients(dataclasses.replace(LANGUAGE_MODEL, max_grad_norm=0.25), weights)
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in whole.values()]))
    assert norm > 0.25
    for name in whole:
        np.testing.assert_allclose(clipped[name], whole[name] * 0.25 / norm, rtol=0, atol=1e-15)


def test_adam_follows_its_textbook_formula():
    spec = dataclasses.replace(CLASSIFIER, optimizer="adam")
    run, rate = comparison.start(build_reference, spec), 0.01
    weights = run.learner.weights()
    history: list[dict[str, np.ndarray]] = []
    for update, rows in enumerate(comparison.batches(3), start=1):
        plain = comparison.start(build_reference, CLASSIFIER, weights=weights)
        plain.train(rows[np.newaxis])
        moved = plain.learner.weights()
        history.append({name: weights[name] - moved[name] for name in weights})
        run.train(rows[np.newaxis], rate)
        for name in weights:
            past = [gradients[name] for gradients in history]
            ages = np.arange(update)[::-1]
            mean = 0.1 * sum(0.9**age * gradient for age, gradient in zip(ages, past, strict=True))
            square = 0.001 * sum(0.999**age * gradient**2 for age, gradient in zip(ages, past, strict=True))
            corrected = mean / (1 - 0.9**update)
            # 1e-8 is added before the bias correction of the square: after it, it is this much larger.
            epsilon = 1e-8 / np.sqrt(1 - 0.999**update)
            weights[name] = weights[name] - rate * corrected / (np.sqrt(square / (1 - 0.999**update)) + epsilon)
        for name, value in run.learner.weights().items():
            np.testing.assert_allclose(value, weights[name], rtol=0, atol=1e-10)
        weights = run.learner.weights()


def test_the_loss_of_a_model_that_knows_nothing_is_the_logarithm_of_its_choices():
    weights = {name: np.zeros_like(value) for name, value in comparison.random_weights(LANGUAGE_MODEL).items()}
    run = comparison.start(build_reference, LANGUAGE_MODEL, weights=weights)
    sums, _ = run.evaluate(comparison.batches(2))
    np.testing.assert_allclose(
        sums, comparison.BATCH * comparison.STEPS * np.log(LANGUAGE_MODEL.output_size), rtol=1e-14
    )


def test_huge_logits_do_not_overflow():
    weights = comparison.random_weights(CLASSIFIER)
    weights["output.bias"][0] = 1e30
    with np.errstate(all="raise", under="ignore"):
        sums, _ = comparison.start(build_reference, CLASSIFIER, "float32", weights=weights).evaluate(
            comparison.batches(1)
        )
    assert np.isfinite(sums).all()
