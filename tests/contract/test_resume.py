"""Training goes on from what was saved as if it had never stopped."""

from __future__ import annotations

import dataclasses

import pytest

from lstmbench.parity import comparison
from lstmbench.parity.comparison import CLASSIFIER, LANGUAGE_MODEL, Build
from lstmbench.system.processor import processor
from tests.helpers import checks
from tests.helpers.implementation_params import in_frameworks


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])
def test_a_new_learner_goes_on_bit_by_bit(build: Build, spec, optimizer):
    checks.check_resume(build, spec, optimizer)


@in_frameworks
@pytest.mark.skipif(processor().bfloat16 is None, reason="the processor does not multiply in bfloat16")
@pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])
def test_a_new_learner_goes_on_bit_by_bit_in_bfloat16(build: Build, spec):
    checks.check_resume(lambda spec, dtype="bfloat16", seed=0: build(spec, "bfloat16", seed), spec, "sgd")


def test_what_was_saved_does_not_change_as_training_goes_on(build: Build):
    spec = dataclasses.replace(LANGUAGE_MODEL, optimizer="adam", keep_prob=0.7)
    run = comparison.start(build, spec)
    run.train(comparison.batches(1), learning_rate=0.1)
    saved = run.learner.weights() | run.learner.training_state()
    copies = {name: value.copy() for name, value in saved.items()}
    run.train(comparison.batches(1), learning_rate=0.1)
    checks.assert_identical(saved, copies)


def test_evaluation_does_not_disturb_training(build: Build):
    spec = dataclasses.replace(LANGUAGE_MODEL, optimizer="adam", keep_prob=0.7)
    after = []
    for evaluating in (False, True):
        run = comparison.start(build, spec)
        run.train(comparison.batches(2), learning_rate=0.1)
        if evaluating:
            run.learner.eval_block(run.data, comparison.batches(3), run.state)
        run.train(comparison.batches(2), learning_rate=0.1)
        after.append(run.learner.weights())
    checks.assert_identical(*after)
