"""Time blocks of training steps in steady state: warm up, find how many steps fill a block, and time the blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from lstmbench.models.schedule import learning_rate_at
from lstmbench.records.format import BLOCK_SECONDS, MIN_BLOCK_SECONDS
from lstmbench.records.interference import Load
from lstmbench.records.measurement_record import Block
from lstmbench.system.cores import Limits
from lstmbench.tasks import predictions
from lstmbench.timing.counters import Counters, Span, load
from lstmbench.timing.interleaving import More
from lstmbench.timing.products import GemmBenchmark
from lstmbench.training.session import Session
from lstmbench.utils.clock import Stopwatch

LONG_STEP_SECONDS = 1.0
"""If a step takes this long or longer, no untimed steps run before its blocks."""

BLOCKS = 10

UNTIMED_FRACTION = 0.1
"""Fraction of a block to run untimed before each block after the first, to refill the caches that the previous process
evicted."""

RECOVERED_RATIO = 1.1
"""Before its first timed block, a process trains until a block takes at most this multiple of the time that it took
before the wait."""

RECOVERY_SECONDS = 5.0
"""Limit of that recovery, so that a machine that has become slower is measured as it is."""

WARM_UP_SECONDS = 0.5
"""A warm-up takes this long, but at least one step."""


class StepRunner:
    """Run training steps in the order of the first epoch, and start over at its end."""

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
        """Return the seconds that ``run(count)`` takes."""
        watch = Stopwatch()
        self.run(count)
        return watch.seconds()


def warm_up(steps: StepRunner) -> list[float]:
    """Train single steps until the warm-up is over, and return the seconds of each."""
    seconds: list[float] = []
    while sum(seconds) < WARM_UP_SECONDS:
        seconds.append(steps.timed(1))
    return seconds


def repetitions(timed: Callable[[int], float], least: float, once: float) -> tuple[int, float]:
    """Return how many repetitions take ``least`` seconds, and the seconds that they took.

    ``timed(count)`` returns the seconds of ``count`` repetitions; ``once`` is the time of one.  Two calls must take at
    least ``least`` seconds, so that a single slow call cannot make the number too small.
    """
    count = max(1, math.ceil(least / once))
    before = once if count == 1 else 0.0
    while True:
        seconds = timed(count)
        if seconds >= least:
            seconds = min(seconds, before if before >= least else timed(count))
        if seconds >= least:
            return count, seconds
        # A single repetition includes the overhead of the call, so the first number is often slightly too small.
        count, before = max(count + 1, math.ceil(count * least / seconds)), 0.0


def steady(
    steps: StepRunner, warm_up: Sequence[float], products: GemmBenchmark, more: More
) -> tuple[list[Block], Load]:
    """Time one block per turn; return the blocks and the load of the machine during them.

    ``warm_up`` holds the seconds of single steps.
    """
    # These blocks do not count.  After them nothing is traced or allocated for the first time, although the products
    # have taken memory that a step had freed.
    length, block_seconds = repetitions(steps.timed, BLOCK_SECONDS, min(warm_up))
    is_long = block_seconds / length >= LONG_STEP_SECONDS
    result: list[Block] = []
    spans: list[Span] = []
    seconds, limits_met = 0.0, Limits()
    while more(seconds):
        if not result:
            _recover(steps, length, block_seconds)
        elif not is_long:
            steps.run(math.ceil(UNTIMED_FRACTION * length))
        before = Counters()
        count, seconds = 0, 0.0
        # This repeats only if the machine was slow whenever a length was timed, and is fast now.
        while seconds < MIN_BLOCK_SECONDS:
            seconds += steps.timed(length)
            count += length
        spans.append(before.span())
        result.append(Block(steps=count, seconds=seconds))
        if count > length:
            length = math.ceil(count * BLOCK_SECONDS / seconds)
        products.turn()
    return result, load(spans, limits_met.reachable_cores())


def _recover(steps: StepRunner, length: int, block_seconds: float) -> None:
    """Train untimed until a block is about as fast as ``block_seconds``, its time before the wait for the first turn.

    The process waits until all others are ready, which can take a minute.  Meanwhile the machine may reclaim idle
    memory.  Steps that get it back have been seen to take twice as long for more than a second.
    """
    watch = Stopwatch()
    while steps.timed(length) > RECOVERED_RATIO * block_seconds and watch.seconds() < RECOVERY_SECONDS:
        pass
