"""Write events in the Trace Event Format, which Perfetto (https://ui.perfetto.dev) and chrome://tracing open.

The format: "Trace Event Format" (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU), JSON
object form.  An event is a complete one (``X``) with microseconds, and each lane has a name by metadata (``M``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lstmbench.timing.probes import Event

PROCESS = 1


def chrome_trace(events: Iterable[Event], case: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Return the trace of a case as JSON; the first event starts at 0.

    The category of an event, by which Perfetto can filter, is its part and direction: ``recurrent/forward``.
    """
    ordered = sorted(events, key=lambda one: (one.start, -one.nanoseconds))
    origin = ordered[0].start if ordered else 0
    lanes = {lane: number for number, lane in enumerate(sorted({one.lane for one in ordered}), start=1)}
    rows: list[dict[str, Any]] = [_metadata("process_name", case)]
    rows += [_metadata("thread_name", lane, number) for lane, number in lanes.items()]
    rows += [
        {
            "name": one.name,
            "cat": f"{one.part}/{one.direction}" if one.direction else one.part,
            "ph": "X",
            "ts": (one.start - origin) / 1000,
            "dur": one.nanoseconds / 1000,
            "pid": PROCESS,
            "tid": lanes[one.lane],
            "args": {"part": one.part, "direction": one.direction},
        }
        for one in ordered
    ]
    return {"traceEvents": rows, "displayTimeUnit": "ms", "otherData": {"case": case, **properties}}


def _metadata(name: str, value: str, lane: int = 0) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": PROCESS, "tid": lane, "args": {"name": value}}
