"""Every implementation computes what the NumPy reference computes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lstmbench.models.weights import parameter_count, shapes
from lstmbench.parity import comparison
from lstmbench.parity.comparison import LANGUAGE_MODEL, MODELS, Build
from tests.helpers import checks
from tests.helpers.checks import two_layer_model

any_model = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
one_layer_model = pytest.mark.parametrize(
    "spec",
    [MODELS["one_layer_language_model"], MODELS["one_layer_classifier"]],
    ids=["one_layer_language_model", "one_layer_classifier"],
)
any_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@two_layer_model
@any_dtype
def test_one_step_gives_the_reference_s_loss_state_and_gradients(build: Build, spec, dtype):
    checks.check_one_step(build, spec, dtype)


@two_layer_model
@any_dtype
def test_evaluation_gives_the_reference_s_sums_and_counts(build: Build, spec, dtype):
    checks.check_evaluation(build, spec, dtype)


@two_layer_model
def test_float32_on_a_gpu_is_never_further_off_than_is_known_of_cudnn(build: Build, spec, request):
    if "gpu" not in request.node.name:
        pytest.skip("cuDNN computes on a GPU only")
    for what, found, expected in [
        *comparison.one_step(build, spec, "float32"),
        *comparison.evaluation(build, spec, "float32"),
    ]:
        known = [bound for kind, bound in comparison.CUDNN_FLOAT32.items() if kind in what]
        checks.assert_close(what, found, expected, max([comparison.tolerance(what, "float32"), *known]))


@one_layer_model
def test_one_layer_gives_the_same_too(build: Build, spec):
    checks.check_one_step(build, spec, "float64")
    checks.check_evaluation(build, spec, "float64")


@two_layer_model
@any_dtype
def test_twenty_clipped_steps_of_sgd_give_the_reference_s_losses(build: Build, spec, dtype):
    checks.check_clipped_sgd(build, spec, dtype)


@two_layer_model
@any_dtype
def test_twenty_steps_of_adam_give_the_reference_s_losses(build: Build, spec, dtype):
    checks.check_adam(build, spec, dtype)


def test_a_clip_is_exact_when_a_batch_holds_one_word_only(build: Build):
    spec = dataclasses.replace(LANGUAGE_MODEL, max_grad_norm=0.2)
    same_word = dataclasses.replace(
        comparison.examples(spec), inputs=np.full((comparison.EXAMPLES, comparison.STEPS), 8, np.int32)
    )
    after = []
    for make in (build, comparison.build_reference):
        run = comparison.start(make, spec)
        run.data = run.learner.place(same_word)
        run.train(comparison.batches(1))
        after.append(run.learner.weights())
    ours, theirs = after
    for name, before in comparison.random_weights(spec).items():
        checks.assert_close(
            name, before - ours[name], before - theirs[name], comparison.TOLERANCE_OF_GRADIENTS["float64"]
        )


def test_a_clip_that_is_not_reached_changes_nothing(build: Build):
    runs = [comparison.start(build, dataclasses.replace(LANGUAGE_MODEL, max_grad_norm=limit)) for limit in (1e6, None)]
    losses = [run.train(comparison.batches(3)) for run in runs]
    np.testing.assert_array_equal(*losses)


@any_model
@any_dtype
def test_weights_come_back_as_they_went_in_and_there_are_no_others(build: Build, spec, dtype):
    learner = build(spec, dtype=dtype)
    weights = {name: value.astype(dtype) for name, value in comparison.random_weights(spec).items()}
    learner.load_weights(weights)
    found = learner.weights()
    checks.assert_identical(found, weights)
    assert {name: value.shape for name, value in found.items()} == shapes(spec)
    assert sum(value.size for value in found.values()) == parameter_count(spec)
