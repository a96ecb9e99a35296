"""JAX's products alone, and the operations of a step."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("jax", reason="JAX is not installed (make JAX=1 install)")

from lstmbench.parity import comparison
from lstmbench.timing.probes import jax as probe
from lstmbench.utils.clock import Stopwatch
from tests.helpers.implementation_params import configured
from tests.helpers.lanes import faults

SPEC = dataclasses.replace(comparison.LANGUAGE_MODEL, keep_prob=0.5, max_grad_norm=0.2)

ORIGIN = "jit(_train_block)/while/body/"


@pytest.fixture(scope="module", params=["jax", "jax_fused"])
def traced(request: pytest.FixtureRequest):
    """(operations of one step, seconds that the step took while traced)."""
    framework = configured(request.param)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), SPEC, "float32")
    seconds = []

    def work() -> None:
        watch = Stopwatch()
        run.train(comparison.batches(1))
        seconds.append(watch.seconds())

    return probe.trace(work), seconds[-1]


def test_a_step_s_operations_have_their_parts_and_take_no_longer_than_the_step(traced):
    operations, step_seconds = traced
    passes = {(part, way) for part in ("recurrent", "output") for way in ("forward", "backward")}
    assert {(one.part, one.direction) for one in operations} >= {*passes, ("clip", ""), ("update", "")}
    assert 0 < sum(one.seconds for one in operations) <= step_seconds


@pytest.mark.parametrize("name", ["jax", "jax_fused"])
def test_a_timeline_has_every_part_and_its_events_lie_within_one_another_or_apart(name):
    framework = configured(name)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), SPEC, "float32")
    events = probe.timeline(lambda: run.train(comparison.batches(1)))
    assert {one.part for one in events} >= {"recurrent", "output", "clip", "update"}
    assert faults(events) == []
    assert all(event.lane.startswith("CPU thread ") for event in events)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("jvp(recurrent)/while/body/closed_call/dot_general", ("while/dot_general dot", "recurrent", "forward")),
        ("transpose(jvp(recurrent))/dot_general", ("dot_general dot", "recurrent", "backward")),
        ("transpose(jvp(output))/transpose", ("transpose dot", "output", "backward")),
        ("embedding/backward/dot_general", ("dot_general dot", "embedding", "backward")),
        ("update/dot_general", ("dot_general dot", "update", "")),
        ("jvp(jit(_where))/select_n", ("select_n dot", "other", "")),
    ],
)
def test_an_instruction_belongs_to_the_part_that_its_program_names(origin, expected):
    assert probe._owner("dot.5", ORIGIN + origin) == expected


@pytest.mark.parametrize("transposed", ["", "left", "right"])
def test_a_product_can_be_timed_however_its_operands_lie(transposed):
    (work,) = probe.gemms((3, 5), (5, 7), transposed, False, "cpu", "float32")
    assert any(" dot" in one or "_fusion" in one for one in probe.executed(lambda: work(4)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_many_products_share_are_also_stored_the_other_way_round(dtype):
    for work in probe.gemms((3, 5), (5, 7), "right", True, "cpu", dtype):
        work(2)
    assert len(probe.gemms((3, 5), (5, 7), "", True, "cpu", dtype)) == 2


def test_an_addition_in_memory_can_be_timed():
    work = probe.addition(8, "cpu")
    assert any("add" in one for one in probe.executed(lambda: work(4)))
