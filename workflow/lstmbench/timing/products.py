"""Time a training step's matrix products alone, by each of the framework's kernels, to find the limit of its speed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from types import ModuleType

from msgspec.structs import asdict

from lstmbench.models import cost
from lstmbench.records.measurement_record import TimedProduct
from lstmbench.timing import probes
from lstmbench.training.session import Session
from lstmbench.utils.clock import Stopwatch

PRODUCT_SECONDS = 0.01
"""Each turn times one matrix product for at least this long."""

CLEARLY_SLOWER = 1.5
"""A kernel that first takes more than this multiple of the fastest one's time is not timed again."""


class GemmBenchmark:
    """Time every matrix product of a step by each of the framework's kernels; none if the framework has no probe."""

    def __init__(self, session: Session, implementation: str, device: str, dtype: str) -> None:
        probe = probe_of(implementation)
        self._ways: list[tuple[cost.Product, list[CallTimer]]] = []
        if probe is None:
            return
        for product in cost.products(session.spec, session.preset.batch_size, session.preset.num_steps):
            shared = product.count > 1  # all time steps multiply by the same weights
            ways = probe.gemms(product.left, product.right, product.transposed, shared, device, dtype)
            timers = [CallTimer(work) for work in ways]
            fastest = min(way.first for way in timers)
            self._ways.append((product, [way for way in timers if way.first <= CLEARLY_SLOWER * fastest]))

    def turn(self) -> None:
        """Time each product once by each kernel."""
        for _, ways in self._ways:
            for way in ways:
                way.turn()

    def timed(self) -> list[TimedProduct]:
        """Return every product with the seconds of one call: the mean over the turns, by the fastest kernel."""
        return [
            TimedProduct(
                **asdict(product),
                flops=cost.flops_of(product),
                seconds=min(statistics.fmean(way.seconds) for way in ways),
            )
            for product, ways in self._ways
        ]


class CallTimer:
    """Time calls of ``work``, one value per turn."""

    def __init__(self, work: Callable[[int], None]) -> None:
        self.seconds: list[float] = []  # of one call, a value per turn
        self._work, self._calls = work, 1
        work(1)  # may trace and compile
        for _ in range(2):
            self.turn()
        self.first = min(self.seconds)  # the smaller one, because the machine may have been slow for a moment
        self.seconds.clear()

    def turn(self) -> None:
        """Time as many calls as take ``PRODUCT_SECONDS``."""
        while True:
            watch = Stopwatch()
            self._work(self._calls)
            seconds = watch.seconds()
            if seconds >= PRODUCT_SECONDS:
                self.seconds.append(seconds / self._calls)
                return
            self._calls = math.ceil(1.1 * self._calls * PRODUCT_SECONDS / seconds)


def probe_of(implementation: str) -> ModuleType | None:
    """Return the probe of the implementation's framework, or None if it has none."""
    try:
        return probes.load(implementation)
    except ModuleNotFoundError:
        return None
