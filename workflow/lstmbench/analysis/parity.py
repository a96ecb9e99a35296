"""Judge certificates of parity: whether each deviation is within its tolerance."""

from __future__ import annotations

import pandas as pd

from lstmbench.statistics.verdict import Kind, Verdict


def verdict(certificate: pd.DataFrame) -> Verdict:
    """Return the verdict on the rows of one implementation and device."""
    failure = certificate["failure"].iloc[0]
    if failure:
        return Verdict(Kind.FAILED, failure)
    beyond = certificate.loc[certificate["deviation"] > certificate["tolerance"], "what"].unique()
    if len(beyond):
        return Verdict(Kind.EXCEEDS, ", ".join(beyond))
    return Verdict(Kind.UNTESTED if certificate["tolerance"].isna().any() else Kind.WITHIN)


def largest_deviations(certificate: pd.DataFrame) -> pd.Series:
    """Return the largest deviation of each comparison in a certificate; none if it failed."""
    good = certificate[certificate["failure"] == ""]
    return good.groupby("what", sort=False)["deviation"].max()
