"""Say what disturbed a speed, from the reasons that were recorded for its processes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PLACE = "\N{NULL}"


def reasons(recorded: Iterable[str]) -> str:
    """Return the reasons in a column ``disturbed``, each kind once: "steal 1.1 to 2.7 % > 1.0 %".

    The reasons of several processes differ in their first number, of which the lowest and the highest are kept.
    """
    kinds: dict[str, list[str]] = {}
    for reason in "; ".join(filter(None, recorded)).split("; "):
        kinds.setdefault(_NUMBER.sub(_PLACE, reason, count=1), []).extend(_NUMBER.findall(reason)[:1])
    return "; ".join(kind.replace(_PLACE, _span(numbers)) for kind, numbers in sorted(kinds.items()))


def _span(numbers: list[str]) -> str:
    ends = dict.fromkeys((min(numbers, key=float), max(numbers, key=float))) if numbers else ()
    return " to ".join(ends)
