"""A bundle tells archives what is in it and how it came about."""

from __future__ import annotations

import pytest
from rocrate.rocrate import ROCrate

from lstmbench.records.bundle import GPU_CHECK, pack
from lstmbench.records.measurement import write_measurement
from lstmbench.records.run import write_record
from tests.factories.certificates import make_certificate, save_certificate
from tests.factories.measurements import make_measurement
from tests.factories.records import make_record, save

RUN = "runs/ptb/small/pytorch/cpu/seed-1/run.json"
FAILED = "runs/ptb/small/tensorflow/cpu/seed-1/run.json"
MEASUREMENT = "measurements/ptb/small/cpu/measurement.json"
CERTIFICATE = "parity/pytorch/gpu.csv"


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    """A bundle with a run, one that failed, a measurement, a certificate and the summary of a GPU check, as the library
    reads it."""
    results = tmp_path_factory.mktemp("results")
    save(results, make_record())
    failure = {"exit_code": 5, "message": "the loss of update 31 is not a number"}
    named = make_record(implementation="tensorflow")["run"]
    write_record(results / FAILED, {
        "schema_version": 2, "run": named, "task": "language_model", "failed": "2026-01-02T05:00:00+00:00",
        "failure": failure,
    })  # fmt: skip
    write_measurement(results / MEASUREMENT, make_measurement({"pytorch": [5.0, 5.1]}))
    save_certificate(results, make_certificate())
    (results / GPU_CHECK).write_text('{"run": "words that no record has"}')
    pack(results, results / "bundle.zip")
    return ROCrate(results / "bundle.zip")


def action(crate, name):
    """The only action that made this file."""
    (found,) = [one for one in crate.get_by_type("CreateAction") if name in {made.id for made in one["result"]}]
    return found


def test_it_lists_every_file_with_its_size_and_type(crate):
    blocks = MEASUREMENT.replace("measurement.json", "blocks.parquet")
    assert {file.id for file in crate.data_entities} == {RUN, FAILED, MEASUREMENT, blocks, CERTIFICATE, GPU_CHECK}
    for file in crate.data_entities:
        assert int(file["contentSize"]) == (crate.source / file.id).stat().st_size
    assert crate.get(blocks)["encodingFormat"] == "application/vnd.apache.parquet"
    assert crate.get(CERTIFICATE)["encodingFormat"] == "text/csv"
    assert crate.get(GPU_CHECK)["encodingFormat"] == "application/json"


def test_what_is_no_record_is_the_result_of_no_record(crate):
    made = {one.id for action in crate.get_by_type("CreateAction") for one in action["result"]}
    assert {CERTIFICATE, GPU_CHECK} & made == set()
    assert len(crate.get_by_type("CreateAction")) == 3


def test_a_run_came_from_a_commit_its_data_and_its_weights(crate):
    record, made = make_record(), action(crate, RUN)
    assert made["name"] == "Training ptb small pytorch cpu 1"
    assert made["instrument"]["version"] == record["commit"]
    inputs = (record["data"]["sha256"], record["initial_weights_sha256"])
    assert [one.id for one in made["object"]] == [f"#{sha256}" for sha256 in inputs]
    assert (made["startTime"], made["endTime"]) == (record["started"], record["finished"])


def test_a_run_that_failed_says_why(crate):
    made = action(crate, FAILED)
    assert made["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert made["error"] == "the loss of update 31 is not a number"
    assert "version" not in made["instrument"]


def test_a_measurement_made_both_of_its_files(crate):
    made = action(crate, MEASUREMENT)
    assert made["name"] == "Measuring the speed of ptb small cpu"
    assert len(made["result"]) == 2
    assert len(made["object"]) == 2


def test_it_was_published_when_its_last_record_ended_and_not_when_it_was_packed(crate):
    ends = [crate.get(f"#{name}")["endTime"] for name in (RUN, FAILED, MEASUREMENT)]
    assert crate.root_dataset["datePublished"] == max(ends)
    assert [one.id for one in crate.root_dataset["mentions"]] == [f"#{name}" for name in (MEASUREMENT, RUN, FAILED)]
