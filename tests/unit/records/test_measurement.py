"""A measurement reads back as it was written, and its two files must belong together."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from msgspec.structs import replace

from lstmbench.records.measurement import Measurement, read_measurement, write_measurement
from lstmbench.utils.errors import DataError
from tests.factories.measurements import make_measurement


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "measurements/ptb/small/cpu/measurement.json"
    write_measurement(path, make_measurement({"pytorch": [5.0, 5.1], "tensorflow": [3.0, 3.1]}))
    return path


def test_a_measurement_reads_back_as_it_was_written(path):
    found, expected = read_measurement(path), make_measurement({"pytorch": [5.0, 5.1], "tensorflow": [3.0, 3.1]})
    assert found.record == expected.record
    pd.testing.assert_frame_equal(found.blocks, expected.blocks, check_dtype=False)


def test_a_device_may_carry_its_precision(tmp_path):
    made = make_measurement({"pytorch": [5.0]}, memory__peak_device_bytes=10**9)
    group = replace(made.record.group, device="gpu-tf32")
    measurement = Measurement(replace(made.record, group=group, dtype="tf32"), made.blocks)
    path = tmp_path / "measurements/ptb/small/gpu-tf32/measurement.json"
    write_measurement(path, measurement)
    assert read_measurement(path).record.group.device == "gpu-tf32"


def test_blocks_that_do_not_add_up_to_what_the_samples_say_are_refused(path):
    blocks = pd.read_parquet(path.with_name("blocks.parquet"))
    blocks.loc[3, "seconds"] *= 1.01
    blocks.to_parquet(path.with_name("blocks.parquet"))
    with pytest.raises(DataError, match=r"samples\[0\]\.phases\.steady_seconds.*not of one measurement"):
        read_measurement(path)


def test_a_sample_without_blocks_is_refused(path):
    blocks = pd.read_parquet(path.with_name("blocks.parquet"))
    blocks[blocks["implementation"] == "pytorch"].to_parquet(path.with_name("blocks.parquet"))
    with pytest.raises(DataError, match="tensorflow"):
        read_measurement(path)


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"PAR1 cut off")])
def test_missing_or_damaged_blocks_are_refused_by_name(path, damage):
    damage(path.with_name("blocks.parquet"))
    with pytest.raises(DataError, match=r"blocks\.parquet.*measure again"):
        read_measurement(path)


def test_an_unknown_key_is_refused_by_its_place(path):
    record = json.loads(path.read_text())
    record["samples"][0]["load"]["mood"] = 1
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"samples\[0\].*mood"):
        read_measurement(path)


def test_nothing_is_written_of_a_measurement_that_is_not_of_the_schema(tmp_path):
    made = make_measurement({"pytorch": [5.0]})
    sample = replace(made.record.samples[0], unit="furlongs")
    measurement = Measurement(replace(made.record, samples=[sample]), made.blocks)
    with pytest.raises(DataError, match="furlongs"):
        write_measurement(tmp_path / "measurement.json", measurement)
    assert not list(tmp_path.iterdir())
