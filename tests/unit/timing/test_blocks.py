"""Blocks of training steps: long enough however slow the machine was before, with little untimed before each."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from lstmbench.timing.blocks import BLOCK_SECONDS, StepRunner, _recover, steady
from lstmbench.timing.interleaving import unled
from tests.factories.timing import Machine


@pytest.mark.parametrize(("long_step_seconds", "lead_in"), [(60, [1]), (0, [])])
def test_a_whole_block_goes_untimed_before_the_first_and_little_or_nothing_before_the_others(
    measured, monkeypatch, long_step_seconds, lead_in
):
    counts, run, take = [], StepRunner.run, unled(3)
    monkeypatch.setattr("lstmbench.timing.blocks.LONG_STEP_SECONDS", long_step_seconds)
    monkeypatch.setattr("lstmbench.timing.blocks.UNTIMED_FRACTION", 1e-9)
    monkeypatch.setattr("lstmbench.timing.blocks.RECOVERED_RATIO", math.inf)

    def counted(steps, count):
        counts.append(count)
        run(steps, count)

    def more(seconds):
        if not seconds:
            counts.clear()
        return take(seconds)

    monkeypatch.setattr(StepRunner, "run", counted)
    length = measured(more=more).blocks[0].steps
    assert counts == [length, length, *lead_in, length, *lead_in, length]


def blocks_of(machine, warm_up_calls=5, asked=3):
    """Return the blocks timed on ``machine`` after ``warm_up_calls`` single steps."""
    warm_up = [machine.timed(1) for _ in range(warm_up_calls)]
    products = SimpleNamespace(turn=lambda: None)
    blocks, _ = steady(machine, warm_up, products, unled(asked))
    return blocks


@pytest.mark.parametrize("slow", [(), (2,), (3,), (0, 1, 2, 3), (5,), (6,), (7,), (8, 9)])
def test_steps_that_are_slow_for_a_while_before_the_blocks_do_not_make_these_short(slow):
    blocks = blocks_of(Machine(0.002, slow))
    assert all(0.9 <= block.steps * 0.002 / BLOCK_SECONDS <= 1.1 for block in blocks), blocks


def test_a_length_that_was_timed_while_the_machine_was_slow_is_timed_again():
    # The warm-up and the first try at a block take twice their time.
    assert {block.steps for block in blocks_of(Machine(0.002, slow=range(6), factor=2.0))} == {125}


@pytest.mark.parametrize("slow_calls", [6, 7])
def test_even_a_machine_that_becomes_fast_only_with_the_first_block_has_no_short_one(slow_calls):
    machine = Machine(0.002, range(slow_calls))
    first, second, third = blocks_of(machine)
    assert first.seconds >= BLOCK_SECONDS / 2
    assert second.steps == third.steps == pytest.approx(BLOCK_SECONDS / 0.002, rel=0.5)
    assert machine.counts[-2:] == [second.steps, third.steps]


@pytest.mark.parametrize(("step_seconds", "length"), [(3.0, 1), (0.3, 1), (0.2, 2), (0.004, 63)])
def test_a_block_has_as_many_steps_as_take_its_least_time(step_seconds, length):
    assert {block.steps for block in blocks_of(Machine(step_seconds))} == {length}


def test_a_step_far_longer_than_a_block_costs_few_steps_that_are_not_counted():
    machine = Machine(3.0)
    assert len(blocks_of(machine, warm_up_calls=1)) == 3
    assert len(machine.counts) <= 1 + 1 + 1 + 3  # warm-up, length, wait for the first turn, blocks


def test_one_slow_step_does_not_make_a_short_step_a_block_of_its_own():
    machine = Machine(0.1, slow=(0,), factor=50.0)
    assert {block.steps for block in blocks_of(machine, warm_up_calls=1)} == {3}


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
