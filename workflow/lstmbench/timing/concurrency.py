"""Share time in which several operations run among them, so that their seconds do not exceed those of the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Key = tuple[str, str, str]
"""Name, part and direction of an operation."""


def shared_seconds(stretches: Iterable[tuple[int, int, Key]]) -> Counter[Key]:
    """Return the seconds of each operation, from start and end in picoseconds.

    Time in which n operations run counts 1 / n for each.
    """
    changes = [change for start, end, key in stretches for change in ((start, 1, key), (end, -1, key))]
    seconds: Counter[Key] = Counter()
    running: Counter[Key] = Counter()
    before = 0
    for now, change, key in sorted(changes):
        for one, count in running.items():
            seconds[one] += (now - before) * count / running.total() / 1e12  # type: ignore[assignment]  # not a count
        running[key] += change
        running = +running
        before = now
    return seconds
