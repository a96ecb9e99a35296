"""Check a record's values: some must follow from one another, and others have bounds.

A record that fails a check was edited, mixed up with another, or written by faulty code.  No check may depend on how
fast or busy a machine is, because a run that took hours must not be refused for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmbench.system.machine import Machine
from lstmbench.utils.errors import DataError
from lstmbench.utils.escaping import short

ROUNDING = 1e-6
"""Relative tolerance.  Both sides follow from one another in double precision; a larger difference means an edit."""


@dataclass(frozen=True)
class Check:
    """A check at one place of a record: whether it holds, what was expected there, and what was found."""

    where: str
    holds: bool
    expected: str
    found: Any


def raise_first_failure(path: Path, checks: Iterable[Check]) -> None:
    """Raise an error for the first of ``checks`` that the record at ``path`` fails.

    Raises:
        DataError: names the place, what was expected and what was found; also raised if values cannot be computed
            with, such as the 13th month.
    """
    try:
        for check in checks:
            if not check.holds:
                raise DataError(f"{path} at {check.where}: expected {check.expected}, found {short(check.found)}")
    except (ArithmeticError, ValueError) as error:
        raise DataError(f"{path}: its values cannot be computed with: {error}") from error


def equal(where: str, found: Any, expected: Any, because: str) -> Check:
    """Return a check that ``found`` is ``expected``; floats are compared up to ``ROUNDING``."""
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return Check(where, math.isclose(found, expected, rel_tol=ROUNDING), f"{expected:.9g}, {because}", found)
    return Check(where, found == expected, f"{short(expected)}, {because}", found)


def between(where: str, found: float, least: float, most: float, because: str) -> Check:
    """Return a check that ``found`` is from ``least`` to ``most``, both 0 or more, up to ``ROUNDING``."""
    holds = least * (1 - ROUNDING) <= found <= most * (1 + ROUNDING)
    return Check(where, holds, f"from {least:,.9g} to {most:,.9g}, {because}", found)


def memory(where: str, peak: int, weights: int, machine: Machine) -> Check:
    """Return a check that a process held the weights (float32) and no more than the machine's memory, in bytes."""
    because = "the weights' memory and the machine's"
    return between(where, peak, 4 * weights, machine.memory_bytes, because)
