"""Make steps, products, operations and blocks whose time is told and not measured."""

from __future__ import annotations

import math

import numpy as np

from lstmbench.records.measurement_record import Operation


class Told:
    """Work alone, that tells its seconds itself."""

    def __init__(self, work):
        self.work, self.seconds, self.first = work, [], work(1)

    def turn(self):
        self.seconds.append(self.work(1))


LOOP = Operation("lstm", "recurrent", "forward", 1e-6)
OTHER = Operation("slow_fallback", "recurrent", "forward", 1e-6)


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


WITHIN, CORRELATION = 0.03, 0.5
"""Standard deviation of the logarithm between blocks of a process, and the correlation of neighbours."""


def block_noise(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Autocorrelated noise along the last axis, of standard deviation WITHIN."""
    noise = generator.normal(0, WITHIN, shape)
    for place in range(1, shape[-1]):
        fresh = math.sqrt(1 - CORRELATION**2) * noise[..., place]
        noise[..., place] = CORRELATION * noise[..., place - 1] + fresh
    return noise
