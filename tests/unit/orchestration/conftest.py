"""The speed of a thread, told and not measured."""

from __future__ import annotations

import pytest

from lstmbench.orchestration import estimate
from tests.factories.jobs import GFLOPS


@pytest.fixture
def speed(monkeypatch):
    """Stand in for the probe: the speed of a thread."""
    monkeypatch.setattr(estimate, "measured_flops_per_second", lambda: GFLOPS)
    monkeypatch.setattr(estimate, "usable_cores", lambda: 64)
