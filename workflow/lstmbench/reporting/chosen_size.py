"""State in words how the size is chosen that the first lines on a data set describe."""

from __future__ import annotations

from lstmbench.analysis.chosen_size import STANDARD_SIZES
from lstmbench.reporting import margins
from lstmbench.utils.wording import joined

RULE = (
    "The lines are about one size per data set. The choice prefers, in this order: complete runs, a standard size "
    f"({joined(STANDARD_SIZES)}) to any other preset, several implementations, {margins.SEEDS} seeds or "
    "more of each, a measured speed, and last the larger size."
)
