"""The whole GPU check, run on the CPU with embedded data: each of its five steps leaves a real record."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lstmbench.records.bundle import read_bundle
from lstmbench.records.run_record import RunName
from lstmbench.utils.paths import ROOT

pytestmark = pytest.mark.slow


def check(output, *arguments):
    """Run the check on one implementation and two updates' worth of everything; gpu-check.json."""
    ended = subprocess.run(
        [
            sys.executable, "-m", "lstmbench", "gpu-check",
            "--device", "cpu", "--datasets", "markov", "--sizes", "small",
            "--seeds", "1", "--blocks", "3", "--threads", "1", "--max-updates", "30", "--max-eval-predictions", "400",
            "--output", output, *arguments,
        ],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "workflow"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads((output / "gpu-check.json").read_text(encoding="utf-8")), ended.stderr


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    pytest.importorskip("torch")
    output = tmp_path_factory.mktemp("check") / "out"
    names = ["--implementations", "pytorch", "--measured", "pytorch", "--trained", "pytorch"]
    summary, _ = check(output, *names, "--budget", "500")
    return output, summary


def of_step(summary, step):
    return [job for job in summary["jobs"] if job["step"] == step]


def test_every_step_leaves_a_real_record(checked):
    _, summary = checked
    assert all(job["outcome"] == "done" for job in summary["jobs"]), summary["jobs"]
    (framework,) = of_step(summary, 1)
    assert framework["found"]["torch"]
    certificate, tests = of_step(summary, 2)
    assert 0 < certificate["found"]["largest_part_of_tolerance"] <= 1
    assert tests["found"]["passed"] > 20
    assert tests["found"]["failed"] == 0
    (resume,) = of_step(summary, 3)
    assert resume["found"]["repeats"]
    assert resume["found"]["resumes"]
    assert [job["found"]["pytorch"] > 0 for job in of_step(summary, 4)] == [True, True]
    (training,) = of_step(summary, 5)
    assert training["found"]["perplexity"] > 1
    assert training["predicted_seconds"] > 0


def test_what_comes_back_is_an_ordinary_bundle(checked):
    output, _ = checked
    records = read_bundle(output / "bundle.zip")
    (run,) = records.runs
    assert run.run == RunName("markov", "small", "pytorch", "cpu", 1)
    (measurement,) = records.measurements
    assert measurement.record.processes == 2
    assert {sample.round for sample in measurement.record.samples} == {1, 2}


def test_a_budget_too_small_for_step_four_names_what_it_left_out(tmp_path):
    names = ["--implementations", "reference", "--measured", "reference", "--trained", "reference"]
    summary, printed = check(tmp_path / "out", *names, "--budget", "30")
    left_out = of_step(summary, 4)
    assert [job["name"] for job in left_out] == ["speed markov/small/cpu, round 1", "speed markov/small/cpu, round 2"]
    assert {job["outcome"] for job in left_out} == {"skipped"}
    assert all(job["name"] in printed for job in left_out)
    assert of_step(summary, 2)[0]["outcome"] == "done"
    (training,) = of_step(summary, 5)
    assert (training["outcome"], "was not measured" in training["reason"]) == ("skipped", True)
