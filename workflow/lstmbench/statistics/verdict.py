"""Name the verdicts of all tables, each with the reason for it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """A verdict without its reason; the values are the words in tables."""

    GOOD = ""  # a speed that may be quoted
    EQUAL = "equal"
    DIFFERENT = "different"
    FASTER = "faster"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    NO_CLAIM = "no claim"  # too few seeds, or capped runs
    NO_INTERVAL = "no interval"  # one pair of processes, or one process on a side
    NOT_QUOTABLE = "not to be quoted"
    HELD_BACK = "not the speed of this machine"
    UNSTEADY = "not steady"
    SCATTERED = "blocks spread by"
    FAILED = "failed"
    MISSING = "missing"  # a case that only the first of two bundles has
    NOT_COMPARED = "not compared"
    WITHIN = "within tolerance"
    EXCEEDS = "exceeds"
    UNTESTED = "no tolerance is set"


@dataclass(frozen=True)
class Verdict:
    """A verdict with its reason ("" for none).  ``str`` gives the text in files, and ``parse`` reads it back."""

    kind: Kind
    reason: str = ""

    @property
    def compared(self) -> bool:
        """Return whether a case of two bundles was compared."""
        return self.kind not in (Kind.FAILED, Kind.MISSING, Kind.NOT_COMPARED)

    @property
    def conclusive(self) -> bool:
        """Return whether the question of a comparison is answered."""
        return self.kind in (Kind.EQUAL, Kind.DIFFERENT, Kind.FASTER, Kind.SLOWER)

    def __str__(self) -> str:
        return f"{_before_reason(self.kind)}{self.reason}" if self.reason else self.kind.value

    @classmethod
    def parse(cls, text: str) -> Verdict:
        """Return the verdict that ``str`` made ``text`` of.

        Raises:
            ValueError: no verdict has this text.
        """
        for kind in Kind:
            if text == kind:
                return cls(kind)
            if kind and text.startswith(_before_reason(kind)):
                return cls(kind, text.removeprefix(_before_reason(kind)))
        raise ValueError(f"expected a verdict ({', '.join(filter(None, Kind))}), found {text!r}")


def _before_reason(kind: Kind) -> str:
    return f"{kind} " if kind is Kind.SCATTERED else f"{kind}: "
