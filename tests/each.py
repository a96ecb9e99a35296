"""Every implementation as a parameter of a test; where one shows little more than another it is among the slow tests."""

from __future__ import annotations

import pytest

from lstmbench import implementations

FRAMEWORKS = ("reference", "pytorch", "tensorflow")

NAMES = implementations.names()

EACH = [pytest.param(name, marks=[] if name in FRAMEWORKS else [pytest.mark.slow]) for name in NAMES]
"""Variants of a framework's first implementation are slow."""

OF_ONE_WORKER = [
    pytest.param(name, marks=[pytest.mark.slow] if implementations.distributed(name) else []) for name in NAMES
]
"""Those for several workers are slow: with one worker they are the learner that they share with another."""
