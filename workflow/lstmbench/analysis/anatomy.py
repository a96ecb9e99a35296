"""Judge how much of a training step its trace shows."""

from __future__ import annotations

import pandas as pd

MIN_COVERAGE = 0.8
"""If the operations of a trace take a smaller share of the step, the report shows the share."""


def little_covered(anatomy: pd.DataFrame) -> pd.Series:
    """Return which rows have a trace that covers less of its step than ``MIN_COVERAGE``, in whole %."""
    return anatomy["coverage"].round(2) < MIN_COVERAGE
