"""Time the matrix products of a training step alone, in each way that the framework has, to know its limit."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable
from types import ModuleType
from typing import Any

from lstmbench.models import cost
from lstmbench.timing import probes
from lstmbench.training.session import Session
from lstmbench.utils.clock import Stopwatch

PRODUCT_SECONDS = 0.01
"""A matrix product alone: at least so many seconds of it, once per turn."""

CLEARLY_SLOWER = 1.5
"""A way to multiply that takes so many times as long as another, at its first turn, is not timed again."""


class GemmBenchmark:
    """Each of the step's matrix products alone, in each of the framework's ways; none where it has no probe."""

    def __init__(self, session: Session, implementation: str, device: str, dtype: str) -> None:
        probe = probe_of(implementation)
        self._ways: list[tuple[cost.Product, list[CallTimer]]] = []
        for product in (
            cost.products(session.spec, session.preset.batch_size, session.preset.num_steps) if probe else ()
        ):
            shared = product.count > 1  # by the steps of a recurrence, which all multiply by the same weights
            ways = probe.gemms(product.left, product.right, product.transposed, shared, device, dtype)
            timers = [CallTimer(work) for work in ways]
            fastest = min(way.first for way in timers)
            self._ways.append((product, [way for way in timers if way.first <= CLEARLY_SLOWER * fastest]))

    def turn(self) -> None:
        """Time each once."""
        for _, ways in self._ways:
            for way in ways:
                way.turn()

    def timed(self) -> list[dict[str, Any]]:
        """The products, with the mean seconds of one call over the turns, in the way that is the fastest by it."""
        return [
            {
                **dataclasses.asdict(product),
                "flops": product.flops,
                "seconds": min(statistics.fmean(way.seconds) for way in ways),
            }
            for product, ways in self._ways
        ]


class CallTimer:
    """Work that is timed alone, turn by turn."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self.seconds: list[float] = []  # of one call, a value per turn
        self._work, self._calls = work, 1
        work(1)  # may trace and compile
        for _ in range(2):
            self.turn()
        self.first = min(self.seconds)  # not of a moment in which the machine was slow
        self.seconds.clear()

    def turn(self) -> None:
        """Time as many calls as take PRODUCT_SECONDS."""
        while True:
            watch = Stopwatch()
            self._work(self._calls)
            seconds = watch.seconds()
            if seconds >= PRODUCT_SECONDS:
                self.seconds.append(seconds / self._calls)
                return
            self._calls = math.ceil(1.1 * self._calls * PRODUCT_SECONDS / seconds)


def probe_of(implementation: str) -> ModuleType | None:
    """The probe of the implementation's framework, if it has one."""
    try:
        return probes.load(implementation)
    except ModuleNotFoundError:
        return None
