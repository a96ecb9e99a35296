"""What becomes of the jobs of a check."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from lstmbench.gpu_check.budget import Budget
from lstmbench.gpu_check.jobs import Job, Runner, Summary
from lstmbench.utils.conversion import plain


@pytest.fixture
def runner(tmp_path):
    return Runner(Budget(100.0), Summary(tmp_path / "summary.json", {"jobs": []}), tmp_path / "logs")


def python(text, **more):
    return Job(step=5, name="a job", arguments=["-c", text], **more)


def test_a_job_that_runs_out_of_memory_fails_alone_with_its_code_and_the_next_one_runs(runner, tmp_path):
    output = "error: E6-RESOURCES: out of memory (CUDA out of memory. Tried to allocate 2 GiB)"
    first, second = runner.run([python(f"print('{output}'); raise SystemExit(6)"), python("pass")])
    assert (first.outcome, first.exit_code) == ("failed", 6)
    assert first.reason.startswith("E6-RESOURCES: out of memory (CUDA")
    assert second.outcome == "done"
    assert json.loads((tmp_path / "summary.json").read_text())["jobs"] == plain([first, second])


def test_a_job_that_is_predicted_to_take_longer_than_is_left_is_skipped_and_named(runner):
    entry = runner.run_one(python("pass", seconds=101.0))
    assert (entry.name, entry.outcome) == ("a job", "skipped")
    assert "101 s predicted" in entry.reason


def test_a_job_still_running_when_the_budget_is_spent_is_stopped_with_all_that_it_started(runner, tmp_path):
    runner.budget.seconds = runner.budget.spent() + 1.0
    program = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    assert runner.run_one(python(program)).outcome == "stopped"
    child = int((tmp_path / "child").read_text())
    for _ in range(100):  # a killed process may take a moment to go
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("what a stopped job had started is still running")


def test_a_job_whose_framework_is_missing_is_absent_and_no_failure(runner):
    entry = runner.run_one(python("import sys; sys.exit('error: E4-MACHINE: install torch')", absent_if_failed=True))
    assert (entry.outcome, entry.reason) == ("absent", "E4-MACHINE: install torch")
