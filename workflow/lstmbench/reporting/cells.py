"""Write numbers as the text of a cell: metrics, differences, and what is missing."""

from __future__ import annotations

import math

import pandas as pd

ABSENT = "\N{EN DASH}"

BETTER = {"perplexity": "lower", "accuracy": "higher"}
"""The direction in which a metric is better."""


def number(value: float, digits: int) -> str:
    """Format with thousands separators and a fixed number of decimals; a dash if missing."""
    return ABSENT if pd.isna(value) else f"{value:,.{digits}f}"


def signed(value: float, unit: str) -> str:
    """Format with its sign (a zero's is +), two decimals and a unit; a dash if missing."""
    return ABSENT if pd.isna(value) else f"{value:+z.2f} {unit}".replace("-", "\N{MINUS SIGN}")


def decimals(value: float, significant: int) -> int:
    """Return with how many decimals a number shows this many significant digits; 0 for zero and what is not finite."""
    if pd.isna(value) or value == 0 or math.isinf(value):
        return 0
    exponent = int(f"{value:.{significant - 1}e}".partition("e")[2])
    return max(0, significant - 1 - exponent)


def metric(value: float, name: str) -> str:
    """Format a perplexity with two decimals (whole from four digits on), or an accuracy in %."""
    return ABSENT if pd.isna(value) else _metric(value, name, _metric_decimals(value, name))


def metric_with_half(value: float, half: float, name: str) -> str:
    """Format as ``metric`` with half of its interval, and with more decimals if the half would be shown as zero."""
    percent = 100 if name == "accuracy" else 1
    digits = _metric_decimals(value, name)
    # The values of two seeds that agree in every bit have means that differ by rounding in float64.
    if half > 1e-9 * value:
        digits = max(digits, decimals(percent * half, 1))
    return f"{number(percent * value, digits)} \N{PLUS-MINUS SIGN} {_metric(half, name, digits)}"


def _metric(value: float, name: str, digits: int) -> str:
    return f"{number(100 * value, digits)} %" if name == "accuracy" else number(value, digits)


def _metric_decimals(value: float, name: str) -> int:
    return 2 if name == "accuracy" or value < 1000 else 0


def capped(caps: str) -> str:
    """Return the mark of a capped run; empty for a complete one."""
    return f"capped: {caps}" if caps else ""
