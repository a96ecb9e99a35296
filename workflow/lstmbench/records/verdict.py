"""Write a verdict with its reason, and read it back: "failed: no GPU", "not compared: only in the first"."""

from __future__ import annotations

import enum


class Verdict(enum.StrEnum):
    """Say in a table why a case has no number.  A verdict without a reason is a word of ``statistics.equivalence``."""

    FAILED = "failed"
    NOT_COMPARED = "not compared"

    def because(self, reason: str) -> str:
        """Return this verdict as tables hold it."""
        return f"{self}: {reason}"

    def reason(self, text: str) -> str | None:
        """Return the reason in ``text``, or None if it is another verdict."""
        verdict, colon, reason = text.partition(": ")
        return reason if colon and verdict == self else None
