"""Measurements that are of their schema and cannot be true: each mistake could happen, each is refused at its place."""

from __future__ import annotations

import copy
import json

import pytest

from lstmbench.records.measurement import read_measurement, write_measurement
from lstmbench.utils.errors import DataError
from tests.factories.measurements import make_measurement
from tests.factories.records import change


def first_sample(**changes):
    """A change of the first sample."""

    def edit(record, blocks):
        for path, value in changes.items():
            change(record["samples"][0], path.split("__"), value)
        return blocks

    return edit


def whole_record(**changes):
    def edit(record, blocks):
        for path, value in changes.items():
            change(record, path.split("__"), value)
        return blocks

    return edit


def a_round_lost(record, blocks):
    del record["samples"][-1]
    return blocks[~((blocks["implementation"] == "tensorflow") & (blocks["round"] == 2))]


def a_sample_twice(record, blocks):
    record["samples"].append(copy.deepcopy(record["samples"][0]))
    return blocks


def an_attempt_lost(record, blocks):
    record["samples"][0]["attempt"] = 2
    return blocks.assign(attempt=(blocks["implementation"].eq("pytorch") & blocks["round"].eq(1)) + 1)


def a_block_edited(record, blocks):
    return blocks.assign(seconds=blocks["seconds"].where(blocks.index != 3, blocks["seconds"] * 1.01))


def a_block_lost(record, blocks):
    return blocks[blocks.index != 3]


def steps_edited(record, blocks):
    return blocks.assign(steps=blocks["steps"].where(blocks.index != 3, 4))


def blocks_too_short(record, blocks):
    """Of one process, all that follows from its blocks changed with them."""
    mine = (blocks["implementation"] == "pytorch") & (blocks["round"] == 1)
    sample = record["samples"][0]
    sample["phases"]["steady_seconds"] /= 10
    return blocks.assign(seconds=blocks["seconds"].where(~mine, blocks["seconds"] / 10))


MEASUREMENTS = {
    "a precision that the device's name does not carry": ("$.dtype", whole_record(dtype="tf32")),
    "an end before its beginning": ("$.finished", whole_record(finished="2025-01-02T03:04:05+00:00")),
    "a round lost": ("$.samples", a_round_lost),
    "a sample twice": ("$.samples", a_sample_twice),
    "an attempt lost": ("$.samples[0].attempt", an_attempt_lost),
    "a block edited": ("$.samples[0].phases.steady_seconds", a_block_edited),
    "a block lost": ("$.samples[0].phases.steady_seconds", a_block_lost),
    "steps edited": ("$.samples[0].steady_steps", steps_edited),
    "a spread that its blocks do not have": ("$.samples[0].spread", first_sample(spread=0.09)),
    "a disturbed process called quiet": ("$.samples[0].disturbances", first_sample(load__steal_share=0.2)),
    "a quota used up and called quiet": ("$.samples[0].disturbances", first_sample(load__throttled_share=0.5)),
    "threads bound to one core and called quiet": ("$.samples[0].disturbances", first_sample(load__reachable_cores=1)),
    "a quiet process called disturbed": ("$.samples[0].disturbances", first_sample(disturbances=["noise"])),
    "counters of a shorter time": ("$.samples[0].load.wall_seconds", first_sample(load__wall_seconds=0.1)),
    "another seed's weights": ("$.samples[1].initial_weights_sha256", first_sample(initial_weights_sha256="0" * 64)),
    "another preparation of the data": ("$.samples[1].data_sha256", first_sample(data_sha256="0" * 64)),
    "words counted as windows": ("$.samples[0].predictions_per_step", first_sample(predictions_per_step=20)),
    "memory in kilobytes": ("$.samples[0].memory.peak_rss_bytes", first_sample(memory__peak_rss_bytes=500_000)),
    "more memory than there is": ("$.samples[0].memory.peak_rss_bytes", first_sample(memory__peak_rss_bytes=10**12)),
    "a GPU's memory on a CPU": ("$.samples[0].memory.peak_device_bytes", first_sample(memory__peak_device_bytes=1)),
    "multiplications alone": ("$.samples[0].products[0].flops", first_sample(products__0__flops=64_000_000)),
    "a trace that covers more than its operations take": (
        "$.samples[0].details.trace.coverage",
        first_sample(details__trace__coverage=0.9),
    ),
    "blocks too short for the clock and the counters": ("$.samples[0].steady_steps", blocks_too_short),
    "a loop faster than its learner": (
        "$.samples[0].details.loop.learner_seconds",
        first_sample(details__loop__learner_seconds=2.5),
    ),
}


@pytest.mark.parametrize("mistake", MEASUREMENTS)
def test_a_measurement_that_cannot_be_true_is_refused_at_its_place(tmp_path, mistake):
    where, edit = MEASUREMENTS[mistake]
    path = tmp_path / "measurement.json"
    write_measurement(path, make_measurement({"pytorch": [5.0, 5.1], "tensorflow": [3.0, 3.1]}))
    record = json.loads(path.read_text(encoding="utf-8"))
    blocks = edit(record, read_measurement(path).blocks)
    path.write_text(json.dumps(record), encoding="utf-8")
    blocks.to_parquet(path.with_name("blocks.parquet"), index=False)
    with pytest.raises(DataError) as refused:
        read_measurement(path)
    assert f"{path} at {where}: expected" in str(refused.value)
