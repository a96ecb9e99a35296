"""PyTorch's probe: what a traced step consists of, and the products alone."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("torch")

import torch

from lstmbench import implementations
from lstmbench.implementations.pytorch import BY_ONEDNN, STEP_BY_STEP, Model
from lstmbench.parity import comparison
from lstmbench.timing import kernels, probes
from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import MachineError
from tests.helpers.lanes import faults

SPEC = dataclasses.replace(comparison.LANGUAGE_MODEL, keep_prob=0.5, max_grad_norm=0.2)

NEEDED = {
    ("recurrent", "forward"),
    ("recurrent", "backward"),
    ("output", "forward"),
    ("output", "backward"),
    ("embedding", "backward"),
    ("clip", ""),
    ("update", ""),
}


@pytest.fixture(scope="module", params=["pytorch", "pytorch_plain", "pytorch_fused"])
def traced(request: pytest.FixtureRequest):
    """(implementation's module, operations of one step, seconds that the step took while traced)."""
    framework = implementations.load(request.param)
    framework.configure(threads=1)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), SPEC, "float32")
    run.train(comparison.batches(1))
    seconds = []

    def work() -> None:
        watch = Stopwatch()
        run.train(comparison.batches(1))
        seconds.append(watch.seconds())

    return framework, probes.load(request.param).trace(work), seconds[0]


def test_every_part_of_a_step_takes_time(traced):
    _, operations, _ = traced
    assert {operation.part for operation in operations} <= set(probes.PARTS)
    assert {(operation.part, operation.direction) for operation in operations if operation.seconds > 0} >= NEEDED


def test_nothing_is_counted_twice(traced):
    _, operations, seconds = traced
    assert sum(operation.seconds for operation in operations) <= seconds


@pytest.mark.parametrize("name", ["pytorch", "pytorch_fused"])
def test_a_timeline_has_every_part_and_its_events_lie_within_one_another_or_apart(name):
    framework = implementations.load(name)
    framework.configure(threads=1)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), SPEC, "float32")
    run.train(comparison.batches(1))
    events = probes.load(name).timeline(lambda: run.train(comparison.batches(1)))
    assert {(event.part, event.direction) for event in events} >= NEEDED
    assert faults(events) == []
    assert all(event.lane.startswith("CPU thread ") for event in events)


def test_products_belong_to_their_layer(traced):
    _, operations, _ = traced
    products = ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise")
    homes = {operation.part for operation in operations if operation.name in products}
    assert homes == {"output"}, "oneDNN's LSTM has no products of its own name, and nothing else multiplies"


@pytest.mark.parametrize("transposed", ["", "left", "right"])
def test_a_product_can_be_timed_however_its_operands_lie(transposed):
    module = probes.load("pytorch")
    plain, by_onednn = module.gemms((3, 5), (5, 7), transposed, False, "cpu", "float32")
    assert "aten::mm" in [operation.name for operation in module.trace(lambda: plain(4))]
    assert "mkldnn::_linear_pointwise" in [operation.name for operation in module.trace(lambda: by_onednn(4))]


@pytest.mark.parametrize("transposed", ["", "right"])
def test_weights_that_many_products_share_can_also_be_packed_first(transposed):
    module = probes.load("pytorch")
    _, packed = module.gemms((3, 5), (5, 7), transposed, True, "cpu", "float32")
    assert "mkldnn::_linear_pointwise" in [operation.name for operation in module.trace(lambda: packed(4))]


def test_an_addition_in_memory_can_be_timed():
    module = probes.load("pytorch")
    work = module.addition(8, "cpu")
    assert "aten::add_" in [operation.name for operation in module.trace(lambda: work(4))]


@pytest.mark.parametrize(("dtype", "expected"), [("float32", "ieee"), ("bfloat16", "ieee"), ("tf32", "tf32")])
def test_every_backend_is_told_the_precision_by_name(dtype, expected):
    backends = torch.backends
    for place in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul):
        place.fp32_precision = "ieee" if expected == "tf32" else "tf32"
    Model.set_precision(dtype)
    found = {place.fp32_precision for place in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul)}
    assert found == {expected}


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch is built without oneDNN")
@pytest.mark.parametrize("implementation", ["pytorch", "pytorch_fused"])
def test_a_step_with_and_without_onednn_proves_its_own_path_and_refuses_the_other(implementation):
    framework = implementations.load(implementation)
    framework.configure(threads=1)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), SPEC, "float32")
    for enabled, own, other in ((True, BY_ONEDNN, STEP_BY_STEP), (False, STEP_BY_STEP, BY_ONEDNN)):
        with torch.backends.mkldnn.flags(enabled=enabled):
            seen = probes.load(implementation).executed(lambda: run.train(comparison.batches(1)))
        assert kernels.proved(implementation, "cpu", own, seen, ()) == own[0]
        with pytest.raises(MachineError, match="did not run as"):
            kernels.proved(implementation, "cpu", other, seen, ())
