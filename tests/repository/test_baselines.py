"""A kept bundle is held to its own entry: a GPU without TensorFlow is no CPU with both frameworks."""

from __future__ import annotations

import dataclasses
import re
import shutil

import pytest

from lstmbench.records.bundle import pack, read_bundle, records
from lstmbench.records.measurement import Measurement, write_measurement
from lstmbench.records.measurement_record import MeasurementRecord
from lstmbench.utils.conversion import converted
from tests.factories.certificates import make_certificate, save_certificate
from tests.factories.measurements import make_content, make_measurement
from tests.factories.records import make_record, make_run, save
from tests.repository.baselines import (
    ENTRIES,
    FOLDER,
    MACHINES,
    UndeclaredError,
    differences,
    entries_in,
    entry_of,
    unlike_starts,
    without_bundle,
)

ENTRY = """
example-gpu:
  frameworks: [pytorch]
  quoted: false
  runs:
    - {datasets: [mnist], sizes: [small], implementations: [pytorch, pytorch_fused], devices: [gpu], seeds: [1, 2, 3],
       threads: 1, published: true}
    - {datasets: [ptb], sizes: [small, large], implementations: [pytorch], devices: [gpu-tf32, gpu-bfloat16],
       seeds: [7], threads: 1, published: false}
  measurements:
    - {datasets: [ptb], sizes: [small, medium], implementations: [pytorch, pytorch_fused, pytorch_plain],
       devices: [gpu], threads: 2, rounds: 3}
    - {datasets: [ptb], sizes: [small], implementations: [pytorch_fused], devices: [gpu-tf32, gpu-bfloat16], threads: 2,
       rounds: 2}
  certificates:
    - {implementations: [pytorch, pytorch_fused], devices: [gpu, gpu-bfloat16]}
"""

MILESTONES = {"milestones__0__accuracy": 0.9671, "milestones__1__accuracy": 0.9921875}
SPEED = {"pytorch": 5.0, "pytorch_fused": 6.0, "pytorch_plain": 4.0}


def measured(results, size, device, implementations, rounds):
    """Write a measurement of this many rounds."""
    speeds = {name: [SPEED[name] + number / 100 for number in range(rounds)] for name in implementations}
    path = results / f"measurements/ptb/{size}/{device}/measurement.json"
    write_measurement(path, make_measurement(speeds, size=size, device=device))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results folder of a GPU without TensorFlow, whose time ran out before PTB large was measured."""
    folder = tmp_path_factory.mktemp("gpu")
    for name in ("pytorch", "pytorch_fused"):
        save(folder, *(make_record("mnist", "small", name, "gpu", seed, metric=0.9885) for seed in (1, 2, 3)))
        for device in ("gpu", "gpu-bfloat16"):
            save_certificate(folder, make_certificate(name, device))
    for device in ("gpu-tf32", "gpu-bfloat16"):
        save(folder, *(make_record("ptb", size, "pytorch", device, 7, metric=300.0) for size in ("small", "large")))
        measured(folder, "small", device, ["pytorch_fused"], 2)
    for size in ("small", "medium"):
        measured(folder, size, "gpu", SPEED, 3)
    return folder


@pytest.fixture
def results(made, tmp_path):
    """A copy of it to edit."""
    return shutil.copytree(made, tmp_path / "results")


def found(results, entry=ENTRY, read=records):
    """What the records of a folder, or of the bundle that ``read`` reads, hold against their entry."""
    (results.parent / "bundles.yaml").write_text(entry)
    return differences(read(results), entry_of("example-gpu", entries_in(results.parent)))


def test_a_bundle_of_a_gpu_without_tensorflow_passes_with_its_own_entry(results):
    def packed(folder):
        pack(folder, folder.parent / "example-gpu.zip")
        return read_bundle(folder.parent / "example-gpu.zip")

    assert found(results, read=packed) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("runs/mnist/small/pytorch_fused/gpu/seed-3", "run mnist small pytorch_fused gpu 3"),
        ("runs/ptb/large/pytorch/gpu-bfloat16", "run ptb large pytorch gpu-bfloat16 7"),
        ("measurements/ptb/small/gpu-tf32", "measurement ptb small pytorch_fused gpu-tf32"),
        ("parity/pytorch/gpu-bfloat16.csv", "certificate pytorch gpu-bfloat16"),
    ],
)
def test_what_is_declared_must_be_there(results, path, message):
    gone = results / path
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    assert found(results) == [f"{message}: declared, and not in the bundle"]


def test_what_is_there_must_be_declared(results):
    save(results, make_record("ptb", "small", "tensorflow", "gpu"))
    measured(results, "large", "gpu", ["pytorch"], 3)
    save_certificate(results, make_certificate("pytorch", "gpu-tf32"))
    assert found(results) == [
        "run ptb small tensorflow gpu 1: in the bundle, and not declared",
        "measurement ptb large pytorch gpu: in the bundle, and not declared",
        "certificate pytorch gpu-tf32: in the bundle, and not declared",
        "frameworks: expected pytorch, found pytorch, tensorflow",
    ]


def test_a_measurement_has_the_declared_rounds_threads_and_implementations(results):
    measured(results, "small", "gpu", ["pytorch", "pytorch_fused"], 2)
    assert found(results) == [
        "measurement ptb small pytorch_plain gpu: declared, and not in the bundle",
        "measurement ptb small pytorch gpu: expected the rounds 1 to 3, found 1, 2",
        "measurement ptb small pytorch_fused gpu: expected the rounds 1 to 3, found 1, 2",
    ]
    measured(results, "small", "gpu", SPEED, 3)
    wrong = found(results, ENTRY.replace("threads: 2, rounds: 3", "threads: 4, rounds: 3"))
    assert len(wrong) == 2 * 3
    assert wrong[0] == "measurement ptb medium pytorch gpu: expected 4 threads, found 2"


def test_a_process_that_was_repeated_or_failed_must_be_declared(results):
    content, blocks = make_content({"pytorch": [5.0, 5.1], "pytorch_fused": [6.0]}, size="small", device="gpu-tf32")
    content["samples"][1] |= {"round": 1, "attempt": 2}
    content["processes"] = 1
    blocks.loc[(blocks["implementation"] == "pytorch") & (blocks["round"] == 2), ["round", "attempt"]] = (1, 2)
    failure = {"round": 1, "attempt": 1, "failure": "no memory is left", "exit_code": 6}
    content["failures"] = [{"implementation": "pytorch_plain", **failure}]
    measurement = Measurement(converted(content, MeasurementRecord, "made"), blocks)
    shutil.rmtree(results / "measurements")
    write_measurement(results / "measurements/ptb/small/gpu-tf32/measurement.json", measurement)
    block = """  measurements:
    - {datasets: [ptb], sizes: [small], implementations: [pytorch, pytorch_fused, pytorch_plain], devices: [gpu-tf32],
       threads: 2, rounds: 1, attempts: 1, failed: []}
"""
    entry = ENTRY.partition("  measurements:")[0] + block + "  certificates:" + ENTRY.partition("  certificates:")[2]
    assert found(results, entry) == [
        "measurement ptb small pytorch gpu-tf32: expected at most 1 attempts at a round, found 2",
        "measurement ptb small pytorch_plain gpu-tf32: expected no failure, found: no memory is left",
        "measurement ptb small pytorch_plain gpu-tf32: expected the rounds 1 to 1, found none",
    ]
    assert found(results, entry.replace("attempts: 1, failed: []", "attempts: 2, failed: [pytorch_plain]")) == []
    (message,) = found(
        results, entry.replace("attempts: 1, failed: []", "attempts: 2, failed: [pytorch_plain, pytorch]")
    )
    assert message == "measurement ptb small pytorch gpu-tf32: expected a failure, found none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": 0.97}, "expected an accuracy from 0.985 to 1.0, found 0.97"),
        ({"caps": ["trained for 1,600 of 4,646 updates"]}, "expected a complete run, found: trained for 1,600 of"),
        ({"settings__threads": 3}, "expected 1 threads, found 3"),
        ({"commit": None}, "expected a commit, without changes, found None"),
        ({"commit_dirty": True}, "expected a commit, without changes, found 0123456789abcdef.* with changes"),
        ({"final__predictions": 20_000}, "expected 10000 predictions, found 20000"),
    ],
)
def test_a_run_is_what_its_entry_says(results, changes, message):
    save(results, make_record("mnist", "small", "pytorch", "gpu", 2, **{"metric": 0.9885} | changes))
    (line, *_) = found(results)
    assert line.startswith("run mnist small pytorch gpu 2: ")
    assert re.search(message, line)


def test_results_from_outside_a_checkout_are_declared_as_such(results):
    save(results, make_record("mnist", "small", "pytorch", "gpu", 2, metric=0.9885, commit=None))
    assert found(results, ENTRY.replace("quoted: false", "quoted: false\n  committed: false")) == []


def test_published_values_are_only_asked_for_where_they_are_known(results):
    message = found(results, ENTRY.replace("published: false", "published: true"))
    assert "run ptb small pytorch gpu-tf32 7: expected a perplexity from 112.0 to 116.5, found 300.0" in message
    (line,) = [line for line in message if line.startswith("run ptb large pytorch gpu-tf32 7: ")]
    assert "no published value is known: add it to PUBLISHED in tests/repository/baselines.py, or say" in line


def test_a_bundle_without_an_entry_is_told_where_to_add_one():
    with pytest.raises(UndeclaredError, match=r"other\.zip: no entry in results/baselines/bundles\.yaml: add one"):
        entry_of("other", entries_in(FOLDER))


def test_an_entry_without_a_bundle_is_found(tmp_path):
    (tmp_path / "bundles.yaml").write_text(ENTRY)
    assert without_bundle(tmp_path) == ["example-gpu"]
    (tmp_path / "example-gpu.zip").touch()
    assert without_bundle(tmp_path) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("devices: [gpu], seeds", "device: [gpu], seeds", "example-gpu, runs 1: .*device"),
        ("sizes: [small, large]", "sizes: small", "example-gpu, runs 2: sizes: expected a list, found 'small'"),
        ("quoted: false", "quotable: false", "example-gpu: .*quotable"),
        ("rounds: 2", "rounds: '2'", "example-gpu, measurements 2: rounds: expected a whole number, found '2'"),
    ],
)
def test_a_mistake_in_an_entry_is_named(tmp_path, before, after, message):
    (tmp_path / "bundles.yaml").write_text(ENTRY.replace(before, after))
    with pytest.raises(UndeclaredError, match=message):
        entries_in(tmp_path)


@pytest.mark.parametrize("machine", [name for name, entry in ENTRIES.items() if entry.on_cpu])
def test_a_kept_bundle_that_loses_or_gains_anything_no_longer_passes(machine):
    kept, entry = MACHINES[machine], ENTRIES[machine]
    assert differences(kept, entry) == []
    edits = [
        {"runs": kept.runs[1:]},
        {"runs": [*kept.runs, make_run(seed=6)]},
        {"certificates": [make_certificate("pytorch", "cpu")]},
    ]
    if kept.measurements:
        edits.append({"measurements": kept.measurements[1:]})
    for edit in edits:
        assert differences(dataclasses.replace(kept, **edit), entry)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"device": "gpu-tf32"}, None),
        ({"settings__threads": 4}, None),
        ({"initial_weights_sha256": "0" * 64}, "mnist small 1: initial weights differ"),
        ({"data__sha256": "0" * 64}, "mnist: data differ"),
        ({"settings__preset__batch_size": 25}, "mnist small: presets differ"),
    ],
)
def test_all_machines_start_from_the_same_weights_data_and_presets(tmp_path, changes, message):
    bundles = []
    for number, own in enumerate(({}, {"implementation": "tensorflow"}, {"device": "gpu"} | changes)):
        save(tmp_path / str(number), make_record("mnist", **own))
        bundles.append(records(tmp_path / str(number)))
    assert unlike_starts(bundles) == ([message] if message else [])
