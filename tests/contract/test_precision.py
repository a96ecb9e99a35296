"""A lower precision is one: near the reference, and not in float32; it reaches the products and not the weights."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from lstmbench.parity import comparison
from lstmbench.parity.comparison import LANGUAGE_MODEL, Build
from lstmbench.system.device import PRECISIONS
from tests.helpers import checks
from tests.helpers.checks import two_layer_model
from tests.helpers.implementation_params import in_frameworks


@pytest.fixture(autouse=True)
def without_onednn() -> Iterator[None]:
    """oneDNN's LSTM refuses bfloat16 on most CPUs; PyTorch's own computes in it on all."""
    torch = sys.modules.get("torch")
    with torch.backends.mkldnn.flags(enabled=False) if torch else contextlib.nullcontext():
        yield


any_precision = pytest.mark.parametrize("precision", [name for name in PRECISIONS if name != "float32"])


@in_frameworks
@any_precision
@two_layer_model
def test_one_step_gives_the_reference_s_loss_state_and_gradients_but_for_rounding(build: Build, spec, precision):
    checks.check_one_step(build, spec, precision)


@in_frameworks
@any_precision
@two_layer_model
def test_evaluation_gives_the_reference_s_sums_and_counts_but_for_rounding(build: Build, spec, precision):
    checks.check_evaluation(build, spec, precision)


@in_frameworks
@any_precision
@two_layer_model
def test_twenty_clipped_steps_of_sgd_give_the_reference_s_losses_but_for_rounding(build: Build, spec, precision):
    checks.check_clipped_sgd(build, spec, precision)


@in_frameworks
@any_precision
@two_layer_model
def test_twenty_steps_of_adam_give_the_reference_s_losses_but_for_rounding(build: Build, spec, precision):
    checks.check_adam(build, spec, precision)


@in_frameworks
@any_precision
@two_layer_model
def test_a_lower_precision_is_not_float32(build: Build, spec, precision):
    # Libraries may multiply odd sizes without tensor cores, and then in float32: these are multiples of 32.
    even = dataclasses.replace(spec, input_size=32, hidden_size=64, output_size=64)
    errors = [
        comparison.relative_error(found, expected) for _, found, expected in comparison.one_step(build, even, precision)
    ]
    assert max(errors) > 10 * comparison.TOLERANCE_OF_GRADIENTS["float32"]


@in_frameworks
@any_precision
def test_weights_stay_float32_beside_products_in_a_lower_precision(build: Build, precision):
    run = comparison.start(build, LANGUAGE_MODEL, precision)
    run.train(comparison.batches(3))
    for name, value in run.learner.weights().items():
        assert value.dtype == np.float32, name
        low_bits = value.view(np.uint32) & (0xFFFF if precision == "bfloat16" else 0x1FFF)
        assert low_bits.any(), f"{name} was rounded to {precision}"
