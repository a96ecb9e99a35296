"""One process's share of a measurement, with the NumPy reference: phases apart, blocks long enough, nothing judged."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest

from lstmbench.implementations import reference
from lstmbench.system import cores
from lstmbench.timing import probes
from lstmbench.timing.blocks import BLOCK_SECONDS, Steps, _recover, steady
from lstmbench.timing.details import BANDWIDTH_ELEMENTS, DETAILS, _median_rate
from lstmbench.timing.interleaving import alone
from lstmbench.timing.probes import Operation
from lstmbench.timing.process import measure_sample
from lstmbench.timing.products import CLEARLY_SLOWER, PRODUCT_SECONDS, Alone
from lstmbench.utils.errors import MachineError
from tests.factories.cases import Images, Text, make_cell


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measures the reference on a made-up data set, each phase as short as it can be."""
    for name in ("details.EVALUATION_SECONDS", "details.LOOP_SECONDS", "products.PRODUCT_SECONDS"):
        monkeypatch.setattr(f"lstmbench.timing.{name}", 0.01)
    for name, seconds in (("WARM_UP_SECONDS", 0.01), ("BLOCK_SECONDS", 0.02), ("SHORTEST_BLOCK_SECONDS", 0.01)):
        monkeypatch.setattr(f"lstmbench.timing.blocks.{name}", seconds)

    def run(module=Text, *, details=(), more=None):
        return measure_sample(
            **make_cell(tmp_path, monkeypatch, module, hidden_size=8),
            implementation="reference",
            device="cpu",
            threads=1,
            seed=1,
            more=more or alone(4),
            details=details,
        )

    return run


class Told:
    """Work alone, that tells its seconds itself."""

    def __init__(self, work):
        self.work, self.seconds, self.first = work, [], work(1)

    def turn(self):
        self.seconds.append(self.work(1))


LOOP = Operation("lstm", "recurrent", "forward", 1e-6)
OTHER = Operation("slow_fallback", "recurrent", "forward", 1e-6)


@pytest.fixture
def probe(monkeypatch):
    """A probe that shows the given operations, traced and executed, and whose other work tells its seconds itself."""

    class Probe:
        shared: ClassVar[dict[tuple[int, int], bool]] = {}
        operations = (LOOP,)

        executes = (LOOP,)

        def trace(self, work):
            work()
            return self.operations

        def executed(self, work):
            work()
            return {probes.label(one.part, one.direction, one.name) for one in self.executes}

        def gemms(self, left, right, transposed, shared, device, dtype):
            self.shared[left] = shared
            return [lambda times: 3e-6, lambda times: 2e-6]

        def addition(self, elements, device):
            return lambda times: 0.05

    probe = Probe()
    monkeypatch.setattr(probes, "load", lambda implementation: probe)
    monkeypatch.setattr("lstmbench.timing.products.Alone", Told)
    monkeypatch.setattr("lstmbench.timing.details.Alone", Told)
    monkeypatch.setattr(reference, "PATHS", {"cpu": ("the loop", "recurrent/forward lstm")}, raising=False)
    return probe


@pytest.mark.parametrize("module", [Text, Images])
def test_blocks_take_their_least_time_and_add_up(measured, module):
    found = measured(module)
    assert len(found["blocks"]) == 4
    assert all(block["seconds"] > 0.5 * 0.02 for block in found["blocks"]), "a block is many steps, not one"
    assert found["steady_steps"] == sum(block["steps"] for block in found["blocks"])
    assert found["phases"]["steady_seconds"] == pytest.approx(sum(block["seconds"] for block in found["blocks"]))
    assert found["load"]["wall_seconds"] >= found["phases"]["steady_seconds"]
    assert 0 <= found["load"]["throttled_share"] <= 1
    assert 0 < found["load"]["granted_share"] < 1.1
    assert found["load"]["reachable_cores"] is None or found["load"]["reachable_cores"] >= 1
    assert "details" not in found


def test_more_threads_than_cores_are_not_measured(measured, monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: 0)
    with pytest.raises(MachineError, match="threads 1: expected at most 0,"):
        measured()


def test_a_way_that_is_clearly_slower_is_not_timed_again(measured, probe, monkeypatch):
    times = []

    def slow(_):
        times.append("slow")
        return 2 * CLEARLY_SLOWER * 2e-6

    def fast(_):
        times.append("fast")
        return 2e-6

    monkeypatch.setattr(probe, "gemms", lambda *_: [slow, fast])
    products = measured()["products"]
    assert {product["seconds"] for product in products} == {2e-6}
    assert times.count("slow") == len(products)
    assert times.count("fast") == len(products) * (1 + 4)


def test_the_details_tell_evaluation_checkpoint_loop_path_and_operations(measured, probe):
    details = measured(details=DETAILS)["details"]
    assert details["trace"]["path"] == "the loop"
    assert [operation["name"] for operation in details["trace"]["operations"]] == ["lstm"]
    assert details["trace"]["step_seconds"] > 0
    assert details["checkpoint"]["bytes"] > 0
    assert 0 < details["loop"]["learner_seconds"] < details["loop"]["seconds"]
    assert set(details["evaluation"]) == {"valid", "test"}
    assert details["bandwidth"] == {"bytes": 3 * 4 * BANDWIDTH_ELEMENTS, "seconds": 0.05}


def test_a_product_has_the_time_of_the_fastest_way_and_only_those_of_a_recurrence_share_their_weights(measured, probe):
    products = measured()["products"]
    assert {product["seconds"] for product in products} == {2e-6}
    shared = {product["name"] for product in products if probe.shared[tuple(product["left"])]}
    assert shared == {"layer 0 state"}


def test_a_step_that_did_not_take_its_stated_path_fails_with_what_it_ran_instead(measured, probe):
    probe.operations = probe.executes = (OTHER,)
    with pytest.raises(MachineError, match=r"did not run as the loop.*lstm.*slow_fallback"):
        measured(details=DETAILS)


def test_a_trace_that_lacks_an_operation_disproves_no_path(measured, probe):
    probe.operations = (OTHER,)
    assert measured(details=["trace"])["details"]["trace"]["path"] == "the loop"


def test_an_operation_that_only_the_trace_shows_proves_the_path_too(measured, probe):
    probe.executes = (OTHER,)
    assert measured(details=["trace"])["details"]["trace"]["path"] == "the loop"


def test_a_path_that_could_not_be_seen_is_no_failure_and_is_not_called_proved(measured, probe):
    probe.operations, probe.executes = (OTHER,), ()
    found = measured(details=["trace"])
    assert found["details"]["trace"]["path"] is None
    assert found["steady_steps"] > 0


def test_a_trace_says_what_share_of_its_step_its_operations_take(measured, probe):
    probe.operations = (LOOP, OTHER)
    trace = measured(details=["trace"])["details"]["trace"]
    assert trace["coverage"] == pytest.approx(2e-6 / trace["step_seconds"])


def test_a_framework_without_a_probe_has_no_products_and_no_path(measured, monkeypatch):
    def missing(implementation):
        raise ModuleNotFoundError(name=f"lstmbench.timing.probes.{implementation}")

    monkeypatch.setattr(probes, "load", missing)
    found = measured(details=DETAILS)
    assert found["products"] == []
    assert found["details"]["trace"] == {"path": None, "operations": [], "step_seconds": None, "coverage": None}


def test_a_product_is_timed_once_per_turn_and_its_mean_counts(measured, probe, monkeypatch):
    changing, asked = iter([9e-6, 1e-6, 3e-6, 1e-6, 7e-6]), []  # the first, which may compile, is not counted

    def gemms(*arguments):
        asked.append(arguments)
        return [(lambda times: next(changing)) if len(asked) == 1 else (lambda times: 2e-6)]

    monkeypatch.setattr(probe, "gemms", gemms)
    first, *others = measured()["products"]
    assert first["seconds"] == pytest.approx(3e-6)
    assert {product["seconds"] for product in others} == {2e-6}


def test_a_first_call_that_compiles_does_not_make_the_turns_of_a_product_short(monkeypatch):
    now, asked = [0.0], []

    class Clock:
        def __init__(self):
            self.start = now[0]

        def seconds(self):
            return now[0] - self.start

    def work(times):
        now[0] += times * 1e-4 + 1e-3 + (0.5 if not asked else 0.0)  # a call of the function costs something too
        asked.append(times)

    monkeypatch.setattr("lstmbench.timing.products.Stopwatch", Clock)
    product = Alone(work)
    product.turn()
    assert product.seconds == [pytest.approx(1e-4, rel=0.2)]
    assert asked[-1] * 1e-4 > 0.5 * PRODUCT_SECONDS


def test_the_time_between_its_turns_is_not_in_a_process_s_load(measured):
    # Its turn comes late, since others had theirs.
    more = alone(4)

    def late(seconds):
        time.sleep(0.2)
        return more(seconds)

    found = measured(more=late)
    assert len(found["blocks"]) == 4
    assert found["load"]["wall_seconds"] < 1.5 * found["phases"]["steady_seconds"]


@pytest.mark.parametrize(("long_step_seconds", "lead_in"), [(60, [1]), (0, [])])
def test_a_whole_block_goes_untimed_before_the_first_and_little_or_nothing_before_the_others(
    measured, monkeypatch, long_step_seconds, lead_in
):
    counts, run, take = [], Steps.run, alone(3)
    monkeypatch.setattr("lstmbench.timing.blocks.LONG_STEP_SECONDS", long_step_seconds)
    monkeypatch.setattr("lstmbench.timing.blocks.LEAD_IN", 1e-9)
    monkeypatch.setattr("lstmbench.timing.blocks.AS_FAST_AGAIN", math.inf)

    def counted(steps, count):
        counts.append(count)
        run(steps, count)

    def more(seconds):
        if not seconds:
            counts.clear()
        return take(seconds)

    monkeypatch.setattr(Steps, "run", counted)
    length = measured(more=more)["blocks"][0]["steps"]
    assert counts == [length, length, *lead_in, length, *lead_in, length]


class Machine:
    """Steps of ``step_seconds``, ``factor`` times slower in the calls of ``timed`` numbered in ``slow`` (from 0)."""

    def __init__(self, step_seconds, slow=(), factor=200.0):
        self.step_seconds, self.slow, self.factor = step_seconds, slow, factor
        self.counts = []

    def timed(self, count):
        self.counts.append(count)
        return count * self.step_seconds * (self.factor if len(self.counts) - 1 in self.slow else 1.0)

    def run(self, count):
        pass


def blocks_of(machine, warm_up_calls=5, asked=3):
    """Return the blocks timed on ``machine`` after ``warm_up_calls`` single steps."""
    warm_up = [machine.timed(1) for _ in range(warm_up_calls)]
    products = SimpleNamespace(turn=lambda: None)
    blocks, _ = steady(machine, warm_up, products, alone(asked))
    return blocks


@pytest.mark.parametrize("slow", [(), (2,), (3,), (0, 1, 2, 3), (5,), (6,), (7,), (8, 9)])
def test_steps_that_are_slow_for_a_while_before_the_blocks_do_not_make_these_short(slow):
    blocks = blocks_of(Machine(0.002, slow))
    assert all(0.9 <= block["steps"] * 0.002 / BLOCK_SECONDS <= 1.1 for block in blocks), blocks


def test_a_length_that_was_timed_while_the_machine_was_slow_is_timed_again():
    # The warm-up and the first try at a block take twice their time.
    assert {block["steps"] for block in blocks_of(Machine(0.002, slow=range(6), factor=2.0))} == {125}


@pytest.mark.parametrize("slow_calls", [6, 7])
def test_even_a_machine_that_becomes_fast_only_with_the_first_block_has_no_short_one(slow_calls):
    machine = Machine(0.002, range(slow_calls))
    first, second, third = blocks_of(machine)
    assert first["seconds"] >= BLOCK_SECONDS / 2
    assert second["steps"] == third["steps"] == pytest.approx(BLOCK_SECONDS / 0.002, rel=0.5)
    assert machine.counts[-2:] == [second["steps"], third["steps"]]


@pytest.mark.parametrize(("step_seconds", "length"), [(3.0, 1), (0.3, 1), (0.2, 2), (0.004, 63)])
def test_a_block_has_as_many_steps_as_take_its_least_time(step_seconds, length):
    assert {block["steps"] for block in blocks_of(Machine(step_seconds))} == {length}


def test_a_step_far_longer_than_a_block_costs_few_steps_that_are_not_counted():
    machine = Machine(3.0)
    assert len(blocks_of(machine, warm_up_calls=1)) == 3
    assert len(machine.counts) <= 1 + 1 + 1 + 3  # warm-up, length, wait for the first turn, blocks


def test_one_slow_step_does_not_make_a_short_step_a_block_of_its_own():
    machine = Machine(0.1, slow=(0,), factor=50.0)
    assert {block["steps"] for block in blocks_of(machine, warm_up_calls=1)} == {3}


class Timed:
    """Steps whose blocks take the given seconds, by a clock of their own."""

    def __init__(self, seconds):
        self.seconds, self.now = list(seconds), 0.0

    def timed(self, count):
        seconds = self.seconds.pop(0)
        self.now += seconds
        return seconds


@pytest.mark.parametrize(
    ("before", "blocks", "untimed"),
    [
        (1.0, [1.05, 1.0], 1),  # as fast as before at once
        (1.0, [2.0, 1.8, 1.05, 1.0], 3),  # slow until the machine has given back what it took
        (1.0, [2.0, 2.0, 2.0, 2.0, 2.0], 3),  # slower for good
    ],
)
def test_the_first_block_waits_until_steps_are_as_fast_as_before_the_wait_but_not_for_ever(
    monkeypatch, before, blocks, untimed
):
    steps = Timed(blocks)
    monkeypatch.setattr("lstmbench.timing.blocks.Stopwatch", lambda: SimpleNamespace(seconds=lambda: steps.now))
    _recover(steps, 8, before)
    assert len(blocks) - len(steps.seconds) == untimed


def test_a_way_to_multiply_that_is_slow_once_at_first_is_timed_all_the_same(monkeypatch):
    now, calls = [0.0], []

    def work(times):
        calls.append(times)
        now[0] += times * PRODUCT_SECONDS * (50.0 if len(calls) == 2 else 1.0)

    monkeypatch.setattr(
        "lstmbench.timing.products.Stopwatch", lambda: SimpleNamespace(seconds=lambda start=now[0]: now[0] - start)
    )
    assert Alone(work).first == pytest.approx(PRODUCT_SECONDS)


@pytest.mark.parametrize("slow", [(), (1,), (3,)])
def test_a_rate_of_evaluation_is_not_that_of_a_moment_in_which_the_machine_was_slow(slow):
    machine = Machine(0.001, slow)
    assert _median_rate(machine.timed) == pytest.approx(1000.0)


def test_training_goes_on_past_the_end_of_the_epoch(measured):
    # The made-up text has 4 steps; 4 blocks and the warm-up are more.
    assert measured()["steady_steps"] > 4
