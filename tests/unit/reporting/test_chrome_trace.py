"""A timeline is written in the Trace Event Format, one form for every framework."""

from __future__ import annotations

import json

import jsonschema

from lstmbench.reporting.chrome_trace import chrome_trace
from lstmbench.timing.probes import Event

TRACE_EVENTS = {
    "type": "object",
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object", "additionalProperties": {"type": "string"}},
        "traceEvents": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {
                            "ph": {"const": "X"},
                            "name": {"type": "string"},
                            "cat": {"type": "string"},
                            "ts": {"type": "number", "minimum": 0},
                            "dur": {"type": "number", "minimum": 0},
                            "pid": {"type": "integer"},
                            "tid": {"type": "integer"},
                            "args": {"type": "object"},
                        },
                        "required": ["ph", "name", "cat", "ts", "dur", "pid", "tid"],
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "properties": {
                            "ph": {"const": "M"},
                            "name": {"enum": ["process_name", "thread_name"]},
                            "pid": {"type": "integer"},
                            "tid": {"type": "integer"},
                            "args": {"type": "object", "required": ["name"]},
                        },
                        "required": ["ph", "name", "pid", "args"],
                        "additionalProperties": False,
                    },
                ]
            },
        },
    },
    "required": ["traceEvents"],
}
"""Of the Trace Event Format the JSON object form, complete events and metadata (the document that the module cites)."""

EVENTS = [
    Event("inner", "output", "forward", "CPU thread 7", 5_500, 1_000),
    Event("kernel", "recurrent", "backward", "GPU stream 2", 9_000, 250),
    Event("outer", "clip", "", "CPU thread 7", 5_000, 3_000),
]


def test_a_trace_has_the_documented_shape_with_microseconds_from_the_first_event_on():
    trace = json.loads(json.dumps(chrome_trace(EVENTS, "ptb/small/pytorch/cpu", {"torch": "2.13.0"})))
    jsonschema.validate(trace, TRACE_EVENTS)
    shown = [(row["name"], row["cat"], row["ts"], row["dur"]) for row in trace["traceEvents"] if row["ph"] == "X"]
    assert shown == [
        ("outer", "clip", 0, 3), ("inner", "output/forward", 0.5, 1), ("kernel", "recurrent/backward", 4, 0.25),
    ]  # fmt: skip


def test_each_lane_has_a_name_and_its_own_events():
    rows = chrome_trace(EVENTS, "ptb/small/pytorch/cpu", {})["traceEvents"]
    lanes = {row["tid"]: row["args"]["name"] for row in rows if row["name"] == "thread_name"}
    assert {row["name"]: lanes[row["tid"]] for row in rows if row["ph"] == "X"} == {
        "outer": "CPU thread 7", "inner": "CPU thread 7", "kernel": "GPU stream 2",
    }  # fmt: skip
    (process,) = [row for row in rows if row["name"] == "process_name"]
    assert process["args"]["name"] == "ptb/small/pytorch/cpu"


def test_a_step_without_events_is_an_empty_trace():
    jsonschema.validate(chrome_trace([], "a/b/c/d", {}), TRACE_EVENTS)
