"""What must hold of a timeline of any framework."""

from __future__ import annotations

from collections.abc import Iterable

from lstmbench.timing.probes import PARTS, Event


def faults(events: Iterable[Event]) -> list[str]:
    """What Perfetto would draw wrongly: an unknown part, a negative time, or events of a lane that cross."""
    events = list(events)
    found = [
        f"{one}: part" for one in events if one.part not in PARTS or one.direction not in ("forward", "backward", "")
    ]
    found += [f"{one}: time" for one in events if one.nanoseconds < 0 or not one.name or not one.lane]
    for lane in {one.lane for one in events}:
        ends: list[int] = []
        for one in sorted((one for one in events if one.lane == lane), key=lambda one: (one.start, -one.nanoseconds)):
            while ends and ends[-1] <= one.start:
                ends.pop()
            if ends and one.start + one.nanoseconds > ends[-1]:
                found.append(f"{one}: crosses the one before")
            ends.append(one.start + one.nanoseconds)
    return found
