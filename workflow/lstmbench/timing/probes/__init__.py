"""What the instrument asks of a framework beside training: its matrix products alone, and what a step consists of.

One file per framework, named as the implementations of it begin (``pytorch_fused`` is probed by ``pytorch``), and apart
from them, so that a change of the instrument repeats no training.  Every module offers, by these names:

    gemms(left, right, transposed, shared, device, dtype) -> list[Callable[[int], None]]
        the framework's ways to compute the product left[m, k] @ right[k, n], each a function that does it so many times
        and returns when the device has done it; ``transposed`` names the operand ("left", "right") that lies transposed
        in memory, or is ""; shared: the products of all time steps have the same ``right``, so that it pays to bring it
        into a layout of the library's own first
    addition(elements, device) -> Callable[[int], None]
        a function that adds a float32[elements] to another in the device's memory so many times: two reads and a write
    trace(work) -> list[Operation]
        the operations of one call of ``work`` and their seconds, from the framework's own profiler, which may leave out
        any of them
    executed(work) -> set[str]
        the labels of all operations that one call of ``work`` executes; empty if the framework does not show them
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from lstmbench.implementations import framework

PARTS = ("embedding", "recurrent", "output", "clip", "update", "other")
"""The parts of a training step; output: linear layer, softmax and loss; other: dropout, fetching the batch."""

MIN_COVERAGE = 0.8
"""A trace whose operations take a smaller share of its step says how much they take."""


@dataclass(frozen=True)
class Operation:
    """One kind of operation within a part of a step."""

    name: str
    part: str  # of PARTS
    direction: str  # "forward", "backward", or "" for clip, update and other
    seconds: float  # its own, without those of operations within it: all operations together take the step's time


def label(part: str, direction: str, name: str) -> str:
    """Return an operation as one text: ``recurrent/forward MatMul``."""
    return f"{part}/{direction} {name}"


def load(implementation: str) -> ModuleType:
    """Import the probe of an implementation's framework; the implementation must have been imported and configured.

    Raises:
        ModuleNotFoundError: the framework has no probe.
    """
    return importlib.import_module(f"{__name__}.{framework(implementation)}")
