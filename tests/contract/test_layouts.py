"""pytorch_fused holds the output layer of a wide model by columns: that changes nothing in what it computes."""

from __future__ import annotations

import pytest

from lstmbench.parity import comparison
from lstmbench.parity.comparison import CLASSIFIER, LANGUAGE_MODEL, Build
from tests.helpers import checks
from tests.helpers.implementation_params import configured


@pytest.fixture
def build(monkeypatch) -> Build:
    """Makes learners to which every model is wide."""
    module = configured("pytorch_fused")
    monkeypatch.setattr(module, "WIDE", 1)

    def make(spec, dtype="float64", seed=0):
        learner = module.Learner(spec, "cpu", seed, dtype)
        assert learner.model.output.weight.stride(0) == 1
        return learner

    return make


@pytest.mark.parametrize("spec", [LANGUAGE_MODEL, CLASSIFIER], ids=["language_model", "classifier"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wide_model_gives_the_reference_s_losses_and_gradients(build, spec, dtype):
    checks.check_one_step(build, spec, dtype)
    checks.check_evaluation(build, spec, dtype)
    checks.check_clipped_sgd(build, spec, dtype)
    checks.check_adam(build, spec, dtype)


def test_its_weights_keep_their_layout_when_they_are_loaded_and_updated(build):
    run = comparison.start(build, LANGUAGE_MODEL)
    run.train(comparison.batches(2), learning_rate=0.1)
    assert run.learner.model.output.weight.stride(0) == 1
    saved = run.learner.weights()
    run.learner.load_weights(saved)
    checks.assert_identical(run.learner.weights(), saved)
    assert run.learner.model.output.weight.stride(0) == 1
