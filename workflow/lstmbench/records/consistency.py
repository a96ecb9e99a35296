"""Check the claims of a record: values that must follow from one another, or cannot lie elsewhere.

A record of which a claim does not hold was edited, mixed up with another, or written by faulty code.  No claim may
depend on how fast or busy a machine is: a run that took hours must not be refused for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmbench.utils.errors import DataError
from lstmbench.utils.json_schema import short

ROUNDING = 1e-6
"""Relative.  Both sides are computed in double precision from one another; anything further apart was edited."""


@dataclass(frozen=True)
class Claim:
    """What a record says at a place, and what it would have to say there."""

    where: str
    holds: bool
    expected: str
    found: Any


def refuse(path: Path, claims: Iterable[Claim]) -> None:
    """Check claims about the record at ``path``.

    Raises:
        DataError: the first that does not hold, with its place, what was expected and what was found; or values
            that cannot be computed with, such as the 13th month.
    """
    try:
        for claim in claims:
            if not claim.holds:
                raise DataError(f"{path} at {claim.where}: expected {claim.expected}, found {short(claim.found)}")
    except (ArithmeticError, ValueError) as error:
        raise DataError(f"{path}: its values cannot be computed with: {error}") from error


def equal(where: str, found: Any, expected: Any, because: str) -> Claim:
    """That ``found`` is ``expected``; numbers with a fraction up to rounding."""
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return Claim(where, math.isclose(found, expected, rel_tol=ROUNDING), f"{expected:.9g}, {because}", found)
    return Claim(where, found == expected, f"{short(expected)}, {because}", found)


def between(where: str, found: float, least: float, most: float, because: str) -> Claim:
    """That ``found`` lies between two values that are 0 or more, or is one of them; up to rounding."""
    holds = least * (1 - ROUNDING) <= found <= most * (1 + ROUNDING)
    return Claim(where, holds, f"from {least:,.9g} to {most:,.9g}, {because}", found)


def memory(where: str, peak: int, weights: int, machine: dict[str, Any]) -> Claim:
    """That a process held the model's weights (float32), and no more than the machine's memory."""
    because = "the weights' memory and the machine's"
    return between(where, peak, 4 * weights, machine["memory_bytes"], because)
