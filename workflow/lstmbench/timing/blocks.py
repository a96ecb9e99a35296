"""Time blocks of training steps in steady state: warm up, find how many steps fill a block, and time the blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lstmbench.models.schedule import learning_rate_at
from lstmbench.records.format import BLOCK_SECONDS, MIN_BLOCK_SECONDS
from lstmbench.records.interference import Load
from lstmbench.system.cores import Limits
from lstmbench.tasks import predictions
from lstmbench.timing.counters import Counters, Span, load
from lstmbench.timing.interleaving import More
from lstmbench.timing.products import GemmBenchmark
from lstmbench.training.session import Session
from lstmbench.utils.clock import Stopwatch

LONG_STEP_SECONDS = 1.0
"""A step of this length or more gets no untimed steps before its block."""

BLOCKS = 10

UNTIMED_FRACTION = 0.1
"""Before a block but the first, untimed: so much of one, since the process before left the caches full of its own."""

RECOVERED_RATIO = 1.1
"""Before its first block a process trains untimed until one takes at most so many times what it did before a wait."""

RECOVERY_SECONDS = 5.0
"""It does so no longer than this: a machine that became slower is measured as it is."""

WARM_UP_SECONDS = 0.5
"""A warm-up takes so long, and one step at least."""


class StepRunner:
    """Training steps in the order of the first epoch, as many as are asked for; after its end from its start."""

    def __init__(self, session: Session) -> None:
        self.learner = session.learner
        examples = session.task.training_examples(session.dataset.arrays, session.preset)
        self.predictions = session.preset.batch_size * predictions(examples)
        self._data = session.learner.place(examples)
        self._state = session.learner.initial_state(session.preset.batch_size)
        self._learning_rate = learning_rate_at(session.preset, 1)
        self._order = session.task.training_order(len(examples.inputs), session.preset, 1, 1)
        self._done = 0
        session.learner.synchronize()

    def run(self, count: int) -> None:
        """Train ``count`` steps and wait for the device."""
        batches = self._order[np.arange(self._done, self._done + count) % len(self._order)]
        _, self._state = self.learner.train_block(self._data, batches, self._state, self._learning_rate)
        self.learner.synchronize()
        self._done += count

    def timed(self, count: int) -> float:
        """Seconds that ``run(count)`` takes."""
        watch = Stopwatch()
        self.run(count)
        return watch.seconds()


def warm_up(steps: StepRunner) -> list[float]:
    """Seconds of each step after the first, until the warm-up is over."""
    seconds: list[float] = []
    while sum(seconds) < WARM_UP_SECONDS:
        seconds.append(steps.timed(1))
    return seconds


def repetitions(timed: Callable[[int], float], least: float, once: float) -> tuple[int, float]:
    """Return how many repetitions take ``least`` seconds, and the seconds that they took.

    ``timed(count)``: seconds of ``count`` repetitions.  ``once``: seconds of one, timed before.  Two timed calls
    have to take ``least``, so that one slow call does not make the number small.
    """
    count = max(1, math.ceil(least / once))
    before = once if count == 1 else 0.0
    while True:
        seconds = timed(count)
        if seconds >= least:
            seconds = min(seconds, before if before >= least else timed(count))
        if seconds >= least:
            return count, seconds
        # One alone also pays for the call, so the first number is often a little too small.
        count, before = max(count + 1, math.ceil(count * least / seconds)), 0.0


def steady(
    steps: StepRunner, warm_up: Sequence[float], products: GemmBenchmark, more: More
) -> tuple[list[dict[str, Any]], Load]:
    """Return the timed blocks, a turn each, and what the machine did meanwhile.

    ``warm_up``: seconds of single steps.
    """
    # These blocks are not counted: nothing below is traced or allocated for the first time, and the products have
    # taken memory that a step had freed.
    length, block_seconds = repetitions(steps.timed, BLOCK_SECONDS, min(warm_up))
    is_long = block_seconds / length >= LONG_STEP_SECONDS
    result: list[dict[str, Any]] = []
    spans: list[Span] = []
    seconds, limits_met = 0.0, Limits()
    while more(seconds):
        if not result:
            _recover(steps, length, block_seconds)
        elif not is_long:
            steps.run(math.ceil(UNTIMED_FRACTION * length))
        before = Counters()
        count, seconds = 0, 0.0
        # More than once only if the machine was slow whenever a length was timed, and is fast now.
        while seconds < MIN_BLOCK_SECONDS:
            seconds += steps.timed(length)
            count += length
        spans.append(before.span())
        result.append({"steps": count, "seconds": seconds})
        if count > length:
            length = math.ceil(count * BLOCK_SECONDS / seconds)
        products.turn()
    return result, load(spans, limits_met.reachable_cores())


def _recover(steps: StepRunner, length: int, block_seconds: float) -> None:
    """Train blocks untimed until one is as fast as ``block_seconds``, what it took before the wait for the first turn.

    That wait, for all other processes to be ready, takes a minute at times, in which a machine may take back memory
    that lies idle: the steps that get it again were seen to take twice the time for more than a second.
    """
    watch = Stopwatch()
    while steps.timed(length) > RECOVERED_RATIO * block_seconds and watch.seconds() < RECOVERY_SECONDS:
        pass
