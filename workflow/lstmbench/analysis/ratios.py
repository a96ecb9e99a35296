"""Judge the ratio of two speeds that were measured in the same rounds."""

from __future__ import annotations

import math

from lstmbench.statistics.verdict import Kind, Verdict


def verdict(quotable: int, low: float, high: float) -> Verdict:
    """Return the verdict on a row of the table ``ratios``, from its columns of these names."""
    if not quotable:
        return Verdict(Kind.NOT_QUOTABLE, "one of the speeds is not")
    if math.isnan(low):
        return Verdict(Kind.NO_INTERVAL)
    if low > 1:
        return Verdict(Kind.FASTER)
    return Verdict(Kind.SLOWER if high < 1 else Kind.INCONCLUSIVE)
