"""A lower precision is one: near the reference, and not in float32; it reaches the products and not the weights."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from lstmbench import implementations, parity
from lstmbench.parity import LANGUAGE_MODEL, Build
from tests.contract import checks
from tests.contract.test_parity import two_layer_model

in_frameworks = pytest.mark.parametrize(
    "implementation", [name for name in implementations.names() if name != "reference"], indirect=True
)


@pytest.fixture(autouse=True)
def without_onednn() -> Iterator[None]:
    """oneDNN's LSTM refuses bfloat16 on most CPUs; PyTorch's own computes in it on all."""
    torch = sys.modules.get("torch")
    with torch.backends.mkldnn.flags(enabled=False) if torch else contextlib.nullcontext():
        yield


@in_frameworks
@two_layer_model
def test_bfloat16_gives_the_reference_s_loss_state_and_gradients_as_nearly_as_it_can(build: Build, spec):
    checks.check_one_step(build, spec, "bfloat16")
    checks.check_evaluation(build, spec, "bfloat16")


@in_frameworks
@two_layer_model
def test_bfloat16_is_not_float32(build: Build, spec):
    with pytest.raises(AssertionError):
        checks.check_one_step(lambda spec, dtype, **options: build(spec, "bfloat16", **options), spec, "float32")


@in_frameworks
def test_weights_stay_float32_beside_products_in_bfloat16(build: Build):
    run = parity.start(build, LANGUAGE_MODEL, "bfloat16")
    run.train(parity.batches(3))
    for name, value in run.learner.weights().items():
        assert value.dtype == np.float32, name
        low_bits = value.view(np.uint32) & 0xFFFF
        assert low_bits.any(), f"{name} was rounded to bfloat16"
