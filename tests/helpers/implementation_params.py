"""Every implementation as a parameter of a test, few of them in ``make test``."""

from __future__ import annotations

import functools
from types import ModuleType

import pytest

from lstmbench import implementations

NAMES = implementations.names()

in_frameworks = pytest.mark.parametrize(
    "implementation",
    [pytest.param(name, marks=[pytest.mark.slow] if name == "jax" else []) for name in NAMES if name != "reference"],
    indirect=True,
)
"""Every implementation but the NumPy reference, which computes in float32 and float64 only."""

DISTRIBUTED = [
    pytest.param(name, marks=[pytest.mark.slow] if name.startswith("tensorflow") else [])
    for name in NAMES
    if implementations.distributed(name)
]
"""The implementations of several workers; TensorFlow's start takes most of a minute, several times over."""


def each(*fast: str) -> list:
    """Parameters of a test: all implementations, those that are not among ``fast`` marked as slow."""
    return [pytest.param(name, marks=[] if name in fast else [pytest.mark.slow]) for name in NAMES]


@functools.cache
def configured(name: str) -> ModuleType:
    """One implementation, on one thread; a framework takes its number of threads only once, at first."""
    module = implementations.load(name)
    module.configure(threads=1)
    return module
