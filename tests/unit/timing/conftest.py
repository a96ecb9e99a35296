"""A process that measures the reference on a made-up data set, and a probe that says what it is told to."""

from __future__ import annotations

from typing import ClassVar

import pytest

from lstmbench.implementations import reference
from lstmbench.timing import probes
from lstmbench.timing.interleaving import unled
from lstmbench.timing.process import measure_process
from tests.factories.cases import Text, make_case, make_request
from tests.factories.timing import LOOP, Told


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measures the reference on a made-up data set, each phase as short as it can be."""
    for name in ("details.EVALUATION_SECONDS", "details.LOOP_SECONDS", "products.PRODUCT_SECONDS"):
        monkeypatch.setattr(f"lstmbench.timing.{name}", 0.01)
    for name, seconds in (("WARM_UP_SECONDS", 0.01), ("BLOCK_SECONDS", 0.02), ("MIN_BLOCK_SECONDS", 0.01)):
        monkeypatch.setattr(f"lstmbench.timing.blocks.{name}", seconds)

    def run(module=Text, *, details=(), more=None):
        request = make_request(make_case(tmp_path, monkeypatch, module, hidden_size=8))
        return measure_process(request, more or unled(4), details)

    return run


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
    monkeypatch.setattr("lstmbench.timing.products.CallTimer", Told)
    monkeypatch.setattr("lstmbench.timing.details.CallTimer", Told)
    monkeypatch.setattr(reference, "EXPECTED_KERNELS", {"cpu": ("the loop", "recurrent/forward lstm")}, raising=False)
    return probe
