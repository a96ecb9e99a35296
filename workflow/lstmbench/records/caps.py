"""Say in words what cut a run short, and read it from the records that say it in words only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lstmbench.records.run_record import Caps

_CUT = re.compile(r"trained for [\d,]+ of (?P<whole>[\d,]+) updates")


def caps_in_words(caps: Caps, updates: int, full_updates: int) -> list[str]:
    """Return what cut a run short, a sentence each: after ``updates`` of its schedule's, and in its evaluation."""
    words = []
    if updates < full_updates:
        words.append(f"trained for {updates:,} of {full_updates:,} updates")
    if caps.max_eval_predictions is not None:
        words.append(f"evaluated on the first {caps.max_eval_predictions:,} predictions")
    return words


def whole_schedule(words: Sequence[str]) -> int | None:
    """Return the updates of the whole schedule from a record without ``full_updates``; None: it was not cut short."""
    found = next((match for match in map(_CUT.fullmatch, words) if match), None)
    return int(found["whole"].replace(",", "")) if found else None
