"""State the margins of ``equivalence`` in words; no number is written here."""

from __future__ import annotations

from lstmbench.statistics.equivalence import MARGINS, MIN_SEEDS, SPEED_MARGIN, in_unit


def unit_of_difference(metric: str) -> str:
    """Return the unit in which two values of a metric are compared."""
    return "%" if metric == "perplexity" else "points"


def in_words(metric: str) -> str:
    """Return the margin within which two implementations are equally good."""
    return f"{in_unit(MARGINS[metric], metric):.3g} {unit_of_difference(metric)}"


def within(metric: str, low: float, high: float) -> bool:
    """Return whether an interval of differences, in the metric's unit of differences, lies within its margin."""
    return in_unit(-MARGINS[metric], metric) < low and high < in_unit(MARGINS[metric], metric)


SPEED = f"{100 * SPEED_MARGIN:.3g} %"

EQUAL = f"Equal: within {in_words('perplexity')} of a perplexity or {in_words('accuracy')} of an accuracy"

TESTED = "by two one-sided t-tests (which the 90 % interval decides, not the 95 % interval that is shown)"

SEEDS = str(MIN_SEEDS)

FEWER = f"Below {SEEDS} seeds"
