"""Runs that fail for a reason of their own are rows, the others go on, and the next time they are tried again."""

from __future__ import annotations

import json

import pytest

from lstmbench import machine
from lstmbench.errors import MachineError
from lstmbench.tables import read_table
from tests.workflow.conftest import TINY

CHANGES = {"sizes": "[tiny,wild]", "implementations": "[reference,absent]", "results": "results/failures"}


@pytest.fixture(scope="module")
def failed(house):
    """The results of a workflow with a framework that is not installed and a size that diverges."""
    wild = TINY.replace("learning_rate: 0.5", "learning_rate: 9.0e+5").replace("max_grad_norm: 5.0\n", "")
    (house.root / "workflow/presets/markov/wild.yaml").write_text(wild, encoding="utf-8")
    absent = '"""A framework that nobody has."""\n\nimport no_such_framework  # noqa: F401\n'
    (house.root / "workflow/lstmbench/implementations/absent.py").write_text(absent, encoding="utf-8")
    done = house.snakemake(**CHANGES)
    assert done.returncode == 0, done.stdout
    return house.root / "results/failures"


def test_every_run_that_was_asked_for_is_a_row(failed):
    rows = read_table(failed / "tables/quality.csv").set_index(["size", "implementation"])
    assert rows.loc[("tiny", "reference"), "failure"] == ""
    assert "no_such_framework" in rows.loc[("tiny", "absent"), "failure"]
    assert rows.loc[("tiny", "absent"), "failure"].startswith("E4-MACHINE: ")
    diverged = rows.loc[("wild", "reference"), "failure"]
    assert diverged.startswith("E5-DIVERGED: markov/wild/reference/cpu/1: the loss of update ")
    assert "at learning rate 900000" in diverged
    assert "checkpoint" in diverged


def test_the_report_says_what_failed_and_why(failed):
    text = (failed / "report.html").read_text(encoding="utf-8")
    assert "<strong>markov, tiny, absent on cpu, seed 1</strong>: E4-MACHINE" in text
    assert "3 failed" in text


def test_what_failed_and_only_that_is_tried_again(house, failed):
    assert house.planned(**CHANGES)["train"] == 3
    assert house.snakemake(**CHANGES).returncode == 0
    assert house.planned(**CHANGES)["train"] == 3
    path = failed / "runs/markov/tiny/absent/cpu/seed-1/failed.json"
    assert json.loads(path.read_text(encoding="utf-8"))["failure"]["exit_code"] == 4


@pytest.mark.parametrize("implementation", ["reference", "pytorch"])
def test_a_gpu_that_is_not_there_ends_a_run_with_the_code_that_becomes_a_row(cell, tmp_path, implementation):
    if machine.gpu_names():
        pytest.skip("this machine has a GPU")
    process = cell.train(implementation, tmp_path, device="gpu")
    assert process.wait() == MachineError.exit_code
    message = process.stderr.read()
    assert "error: E4-MACHINE: " in message
    assert "device gpu was asked for" in message
    assert not (tmp_path / "run.json").exists()
