"""A job that fails for a reason of its own ends well and leaves a record; any other ends with the code it came with."""

from __future__ import annotations

import pytest

from lstmbench.models.presets import PRESETS
from lstmbench.preparation.prepare import prepare
from lstmbench.records.run import read_record
from lstmbench.records.run_record import Failure
from lstmbench.records.tables import read_table
from tests.helpers.run_command import run_command


@pytest.fixture
def python(tmp_path):
    """Make a stand-in for an environment's Python that ends with a code, and tells what it was started with."""

    def make(code):
        path = tmp_path / "python"
        path.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\nexit {code}\n', encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def attempt(tmp_path, python):
    """Attempt to train or certify, with a Python that ends with a code after these words."""
    prepare(dataset="markov", raw=tmp_path / "raw", output=tmp_path / "data")
    (tmp_path / "log").write_text("epoch 1\nerror: E4-MACHINE: no such framework\n", encoding="utf-8")

    def run(command, code, *more, retries=0):
        words = ["--implementation", "absent", "--device", "cpu", "--threads", "1", *more]
        own = ["--python", python(code), "--log", str(tmp_path / "log"), "--retries-left", str(retries)]
        run_command("attempt", [*own, command, *words])
        assert (tmp_path / "words").read_text(encoding="utf-8").split() == ["-m", "lstmbench", command, *words]

    return run


@pytest.fixture
def training(tmp_path):
    """What a training is told beside its implementation."""
    files = ["--data", tmp_path / "data", "--preset", PRESETS / "markov/small.yaml", "--weights", "none"]
    return [str(word) for word in [*files, "--checkpoints", tmp_path / "kept", "--output", tmp_path / "run.json"]]


def test_a_training_that_ends_well_leaves_what_it_wrote(attempt, training, tmp_path):
    attempt("train", 0, *training)
    assert not (tmp_path / "run.json").exists()


def test_a_training_that_cannot_run_here_leaves_a_record_with_its_reason(attempt, training, tmp_path):
    attempt("train", 4, *training, "--seed", "3")
    record = read_record(tmp_path / "run.json")
    assert record.failure == Failure(exit_code=4, message="E4-MACHINE: no such framework")
    assert record.run.seed == 3


@pytest.mark.parametrize(("code", "retries"), [(1, 0), (2, 0), (75, 0), (6, 1), (137, 1)])
def test_what_is_no_result_of_its_own_ends_with_the_code_it_came_with(attempt, training, tmp_path, code, retries):
    with pytest.raises(SystemExit) as ended:
        attempt("train", code, *training, retries=retries)
    assert ended.value.code == code
    assert not (tmp_path / "run.json").exists()


def test_a_certificate_that_cannot_be_made_here_says_why(attempt, tmp_path):
    attempt("certify", 4, "--output", str(tmp_path / "parity.csv"))
    assert list(read_table(tmp_path / "parity.csv")["failure"]) == ["E4-MACHINE: no such framework"]


def test_any_other_failure_makes_no_certificate(attempt, tmp_path):
    with pytest.raises(SystemExit) as ended:
        attempt("certify", 1, "--output", str(tmp_path / "parity.csv"))
    assert ended.value.code == 1
    assert not (tmp_path / "parity.csv").exists()
