"""Put counts, durations and lists into words."""

from __future__ import annotations

from collections.abc import Iterable

UNITS = (("days", 86_400.0), ("hours", 3600.0), ("min", 60.0), ("s", 1.0))
"""Units of time and their lengths in seconds, from the longest."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 run", "1,200 runs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def largest_unit(seconds: float) -> tuple[float, str]:
    """Return a duration in the largest unit of which it has one and a half, or in seconds."""
    *larger, shortest = UNITS
    name, length = next((unit for unit in larger if seconds >= 1.5 * unit[1]), shortest)
    return seconds / length, name


def duration(seconds: float) -> str:
    """Return seconds in a readable unit, with one decimal above minutes."""
    value, unit = largest_unit(seconds)
    return f"{value:,.{1 if unit in ('days', 'hours') else 0}f} {unit}"


def joined(words: Iterable[str]) -> str:
    """Join words as in "one, two and three"."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
