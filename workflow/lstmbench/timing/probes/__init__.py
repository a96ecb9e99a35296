"""Probe a framework: time its matrix products alone, and list the operations of a training step.

There is one module per framework, with the name that its implementations begin with: ``pytorch`` probes
``pytorch_fused``.  Probes are not part of the implementations, so that a change of a probe repeats no training.  Every
module defines:

    gemms(left, right, transposed, shared, device, dtype) -> list[Callable[[int], None]]
        Return the framework's ways to compute the product left[m, k] @ right[k, n].  Each is a function that computes
        it the given number of times and returns when the device has finished.  ``transposed`` names the operand
        ("left" or "right") that is transposed in memory, or is "".  ``shared``: the products of all time steps have
        the same ``right``, so that converting it once to a layout of the library pays.
    addition(elements, device) -> Callable[[int], None]
        Return a function that adds one float32[elements] to another in the device's memory the given number of times:
        two reads and one write each.
    trace(work) -> list[Operation]
        Return the operations of one call of ``work`` and their seconds, from the framework's own profiler.  It may omit
        any operation.
    executed(work) -> set[str]
        Return the labels of all operations that one call of ``work`` executes; empty if the framework does not show
        them.
    timeline(work) -> list[Event]
        Return when each operation of one call of ``work`` ran, and where.  It may omit any operation.  Events of one
        lane do not overlap unless one lies within the other.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import get_args

from lstmbench.implementations import framework
from lstmbench.models.cost import Part

PARTS = get_args(Part)
"""The parts of a training step.  output: linear layer, softmax and loss.  other: dropout and fetching the batch."""


@dataclass(frozen=True)
class Event:
    """One stretch of time that an operation took.

    start: nanoseconds, from any origin that all events of a step share.  lane: the thread or the stream of a device.
    """

    name: str
    part: str
    direction: str
    lane: str
    start: int
    nanoseconds: int


LOW = "bfloat16"
"""What the label of an operation ends with if one of its operands has this type and the framework shows types."""


def label(part: str, direction: str, name: str, kind: str = "") -> str:
    """Return the label of an operation, such as ``recurrent/forward MatMul`` or ``output/backward MatMul bfloat16``."""
    return f"{part}/{direction} {name} {kind}".rstrip()


def load(implementation: str) -> ModuleType:
    """Import the probe of an implementation's framework; the implementation must have been imported and configured.

    Raises:
        ModuleNotFoundError: the framework has no probe.
    """
    return importlib.import_module(f"{__name__}.{framework(implementation)}")
