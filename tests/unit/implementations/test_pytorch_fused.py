"""What pytorch_fused has of its own, beside the contract."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from lstmbench.implementations import pytorch_fused
from lstmbench.parity import comparison
from tests.helpers import checks


def build(spec, dtype="float32", seed=0):
    return pytorch_fused.Learner(spec, "cpu", seed, dtype)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("wide", [1, 10**9])
@pytest.mark.parametrize("by_onednn", [True, False])
@pytest.mark.parametrize(
    "spec", [comparison.LANGUAGE_MODEL, comparison.CLASSIFIER], ids=["language_model", "classifier"]
)
def test_however_weights_lie_and_whoever_multiplies_it_is_the_reference_and_resumes(
    monkeypatch, optimizer, wide, by_onednn, spec
):
    monkeypatch.setattr(pytorch_fused, "WIDE", wide)
    monkeypatch.setattr(pytorch_fused, "BY_ONEDNN", by_onednn and torch.backends.mkldnn.is_available())
    checks.check_resume(build, spec, optimizer)
    clipped = dataclasses.replace(spec, optimizer=optimizer, max_grad_norm=0.2)
    rate = 0.01 if optimizer == "adam" else 1.0
    for what, found, expected in comparison.twenty_steps(build, clipped, "float32", learning_rate=rate):
        assert comparison.relative_error(found, expected) <= comparison.tolerance(what, "float32"), what


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch is built without oneDNN")
@pytest.mark.parametrize("left_lies", ["by rows", "by columns"])
@pytest.mark.parametrize("right_lies", ["by rows", "by columns"])
def test_onednn_s_product_is_that_of_any_library(monkeypatch, left_lies, right_lies):
    left = torch.randn(30, 50) if left_lies == "by rows" else torch.randn(50, 30).t()
    right = torch.randn(50, 70) if right_lies == "by rows" else torch.randn(70, 50).t()
    monkeypatch.setattr(pytorch_fused, "BY_ONEDNN", True)
    found = pytorch_fused._product(left, right)
    assert torch.allclose(found.double(), left.double() @ right.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_precisions_than_float32_are_never_onednn_s(monkeypatch, kind):
    monkeypatch.setattr(pytorch_fused, "BY_ONEDNN", True)
    assert not pytorch_fused._for_onednn(torch.zeros(2, 2, dtype=kind))


@pytest.mark.parametrize(
    ("avx512", "maker", "by_onednn"),
    [
        (True, "AuthenticAMD", True),
        (True, None, True),
        (True, "GenuineIntel", False),
        (False, "AuthenticAMD", False),
        (False, "GenuineIntel", False),
    ],
)
def test_mkl_multiplies_on_the_cpus_of_its_maker_and_onednn_on_others_with_avx512(
    monkeypatch, avx512, maker, by_onednn
):
    monkeypatch.setattr(pytorch_fused, "AVX512", avx512)
    assert pytorch_fused._faster_by_onednn(maker) == by_onednn


def test_the_norm_for_the_clip_is_taken_along_the_memory_of_every_gradient(monkeypatch):
    monkeypatch.setattr(pytorch_fused, "WIDE", 1)
    norm, strides = torch.linalg.vector_norm, []

    def observed(values, **options):
        strides.append(values.stride(-1))
        return norm(values, **options)

    monkeypatch.setattr(torch.linalg, "vector_norm", observed)
    spec = dataclasses.replace(comparison.LANGUAGE_MODEL, max_grad_norm=0.2)
    list(comparison.twenty_steps(build, spec, "float32", learning_rate=1.0))
    assert set(strides) == {1}
