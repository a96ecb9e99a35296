"""TensorFlow's products alone, and the operations of a step."""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from lstmbench import implementations
from lstmbench.models.learner import Examples, ModelSpec
from lstmbench.models.weights import shapes
from lstmbench.records.measurement_record import Operation
from lstmbench.timing.probes import Event
from lstmbench.timing.probes import tensorflow as probe
from lstmbench.utils.clock import Stopwatch
from tests.helpers.lanes import faults

STEPS, BATCH, WORDS = 6, 4, 50
SPEC = ModelSpec(
    num_layers=2,
    hidden_size=40,
    output_size=WORDS,
    input_size=40,
    embedding=True,
    every_step=True,
    stateful=True,
    input_dropout=True,
    keep_prob=0.9,
    optimizer="sgd",
    max_grad_norm=0.1,
    loss_scale=1.0,
)


@pytest.fixture(scope="module", params=["tensorflow", "tensorflow_fused"])
def traced(request: pytest.FixtureRequest) -> tuple[ModuleType, list[Operation], float, list[Event]]:
    """An implementation, a step of a tiny model (its operations, its seconds), and the timeline of another step."""
    implementation = implementations.load(request.param)
    implementation.configure(threads=1)
    stream = np.random.default_rng(0)
    learner = implementation.Learner(SPEC, "cpu", 0, "float32")
    learner.load_weights({name: stream.uniform(-1, 1, shape) for name, shape in shapes(SPEC).items()})
    ids = stream.integers(0, WORDS, (BATCH, STEPS)).astype(np.int32)
    data, rows = learner.place(Examples(ids, ids)), np.arange(BATCH, dtype=np.int32)[np.newaxis]
    seconds = []

    def step() -> None:
        watch = Stopwatch()
        learner.train_block(data, rows, learner.initial_state(BATCH), 0.1)
        seconds.append(watch.seconds())

    step()
    return implementation, probe.trace(step), seconds[-1], probe.timeline(step)


def test_a_step_s_operations_have_their_parts_and_take_no_longer_than_the_step(traced):
    _, operations, step_seconds, _ = traced
    parts = Counter()
    for operation in operations:
        parts[operation.part, operation.direction] += operation.seconds
    passes = [(part, way) for part in ("recurrent", "output") for way in ("forward", "backward")]
    for key in [("embedding", "forward"), *passes, ("clip", ""), ("update", "")]:
        assert parts[key] > 0, key
    assert parts.total() <= 1.01 * step_seconds


def test_a_timeline_has_every_part_and_its_events_do_not_cross(traced):
    events = traced[-1]
    passes = {(part, way) for part in ("recurrent", "output") for way in ("forward", "backward")}
    assert {(event.part, event.direction) for event in events} >= {*passes, ("clip", ""), ("update", "")}
    assert faults(events) == []
    assert all(event.lane.startswith("CPU thread ") for event in events)


@pytest.mark.parametrize("product", ["MatMul", "_MklMatMul"])
def test_a_loop_over_time_is_proved_by_its_products_whichever_library_multiplies(product):
    (proof,) = [one for one in implementations.load("tensorflow").EXPECTED_KERNELS["cpu"] if "MatMul" in one]
    assert re.search(proof, f"recurrent/forward {product}")
    assert not re.search(proof, f"output/forward {product}")


@pytest.mark.parametrize("transposed", ["", "left", "right"])
def test_a_product_can_be_computed_many_times(transposed):
    (work,) = probe.gemms((3, 5), (5, 4), transposed, False, "cpu", "float32")
    work(3)


@pytest.mark.parametrize(("transposed", "ways"), [("", 2), ("right", 3)])
def test_weights_that_many_products_share_are_also_copied_the_other_way_round(transposed, ways):
    found = probe.gemms((3, 5), (5, 4), transposed, True, "cpu", "float32")
    assert len(found) == ways
    for work in found:
        work(3)


def test_an_addition_in_memory_can_be_timed():
    work = probe.addition(8, "cpu")
    names = [operation.name for operation in probe.trace(lambda: work(2))]
    assert "AssignAddVariableOp" in names
