"""The ways that are for wide layers compute the same; here they are taken by small ones, on which rounding is known."""

from __future__ import annotations

from types import ModuleType

import pytest

from lstmbench.models.learner import ModelSpec
from lstmbench.parity.comparison import Build
from tests.helpers import checks
from tests.helpers.checks import two_layer_model

in_both_precisions = pytest.mark.parametrize("precision", ["float32", "bfloat16"])

pytestmark = pytest.mark.parametrize("implementation", ["pytorch_fused", "tensorflow_fused"], indirect=True)


@pytest.fixture
def wide(implementation: ModuleType, build: Build, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Makes learners that take the way for wide layers; skips where the processor has it not."""
    monkeypatch.setattr(implementation, "WIDE", 1)

    def make(spec: ModelSpec, dtype: str = "float64", seed: int = 0):
        learner = build(spec, dtype, seed)
        if not learner.way:
            pytest.skip(f"no way of its own for wide layers in {dtype}, on this device and processor")
        return learner

    return make


@in_both_precisions
@two_layer_model
def test_one_step_gives_the_reference_s_loss_state_and_gradients(wide: Build, spec, precision):
    checks.check_one_step(wide, spec, precision)


@in_both_precisions
@two_layer_model
def test_evaluation_gives_the_reference_s_sums_and_counts(wide: Build, spec, precision):
    checks.check_evaluation(wide, spec, precision)


@in_both_precisions
@two_layer_model
def test_twenty_clipped_steps_of_sgd_give_the_reference_s_losses(wide: Build, spec, precision):
    checks.check_clipped_sgd(wide, spec, precision)


@in_both_precisions
@two_layer_model
def test_twenty_steps_of_adam_give_the_reference_s_losses(wide: Build, spec, precision):
    checks.check_adam(wide, spec, precision)


@in_both_precisions
@two_layer_model
def test_a_new_learner_goes_on_bit_by_bit(wide: Build, spec, precision):
    checks.check_resume(lambda spec, dtype="", seed=0: wide(spec, precision, seed), spec, "sgd")
