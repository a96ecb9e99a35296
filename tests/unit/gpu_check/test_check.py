"""The parts of the GPU check: the card as its driver describes it, the budget, and what becomes of jobs."""

from __future__ import annotations

import json
import math
import os
import time

import pandas as pd
import psutil
import pytest

from lstmbench import commands
from lstmbench.gpu_check import card, contract
from lstmbench.gpu_check.budget import MINIMUM_SECONDS, Budget
from lstmbench.gpu_check.jobs import Job, Runner, Summary
from lstmbench.system import nvidia
from lstmbench.utils.command_line import run
from lstmbench.utils.errors import MachineError

HEADER = "| NVIDIA-SMI 535.104  Driver Version: 535.104  CUDA Version: 12.2 |"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put an ``nvidia-smi`` on PATH that answers as it is told: a driver that describes one idle card."""
    monkeypatch.setattr(card, "SETTLING_SECONDS", 0.1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(apps="", utilization="0", gpu="NVIDIA H100, 535.104, 9.0, 81559, 700.00, 1980", code=0):
        script = tmp_path / "bin/nvidia-smi"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "#!/bin/sh\n"
            f"case $* in *id=1*compute-apps*) ;; *compute-apps*) echo '{apps}';; *=index*) printf '0\\n1\\n';;"
            f" *utilization*) echo '{utilization}';; --query-gpu*) echo '{gpu}';; *) echo '{HEADER}';; esac\n"
            f"exit {code}\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)

    put()
    return put


def run_main(capsys, tmp_path, *arguments):
    """Exit code and the one line of an error."""
    code = run(lambda: commands.start("gpu-check", [*arguments, "--output", str(tmp_path / "out")]))
    (line,) = capsys.readouterr().err.splitlines()
    return code, line


def test_a_machine_without_a_gpu_is_answered_in_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert line.startswith("error: E4-MACHINE: no GPU to check: expected an NVIDIA driver")


def test_a_misspelt_folder_of_data_is_answered_in_one_line(capsys, tmp_path):
    code, line = run_main(capsys, tmp_path, "--local-data", str(tmp_path / "absent"))
    assert code == 2
    assert f"--local-data '{tmp_path}/absent': expected a folder, found nothing" in line


def test_a_driver_without_a_card_is_answered_in_one_line(capsys, tmp_path, driver):
    driver(gpu="")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "expected one that nvidia-smi lists, found none" in line


def test_a_card_that_others_use_is_answered_with_who_uses_it(capsys, tmp_path, driver):
    driver(apps="4711, python3, 20000 MiB")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "in use by 1 other process(es)" in line
    assert "4711, python3, 20000 MiB" in line


def test_others_may_use_a_card_that_is_hidden_from_us(driver, monkeypatch):
    driver(apps="4711, python3, 20000 MiB")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(MachineError, match="4711"):
        card.require_idle()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    card.require_idle()


def test_a_card_that_is_hidden_is_not_checked(capsys, tmp_path, driver, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "does CUDA_VISIBLE_DEVICES (1) leave it?" in line


def test_a_card_that_is_busy_for_somebody_unseen_is_in_use(driver):
    card.require_idle()
    driver(utilization="97")
    with pytest.raises(MachineError, match=r"expected a utilization of at most 10 %, found 97 %"):
        card.require_idle()


def test_a_driver_that_hangs_ends_with_one_line(driver, monkeypatch, tmp_path):
    (tmp_path / "bin/nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(nvidia, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(MachineError, match=r"did not answer within 0\.2 s"):
        card.describe_card()


def test_a_driver_that_fails_is_told_with_its_words(driver):
    driver(code=9)
    with pytest.raises(MachineError, match="nvidia-smi failed \\(9\\)"):
        card.describe_card()


def test_the_card_is_described_by_its_driver(driver):
    assert card.describe_card() == {
        "name": "NVIDIA H100",
        "driver": "535.104",
        "compute_capability": "9.0",
        "memory_mib": 81559.0,
        "power_limit_watts": 700.0,
        "max_sm_clock_mhz": 1980.0,
        "cuda": "12.2",
    }


def test_what_the_driver_does_not_tell_is_absent(driver):
    driver(gpu="NVIDIA H100, 535.104, 9.0, 81559, [N/A], [Not Supported]")
    found = card.describe_card()
    assert found["power_limit_watts"] is None
    assert found["max_sm_clock_mhz"] is None


@pytest.mark.parametrize(("built", "refused"), [("13.0", True), ("12.8", False), ("11.8", False), (None, False)])
def test_a_driver_older_than_the_build_is_refused_with_both_versions(driver, built, refused):
    versions = {"torch": "2.13.0"} | ({"cuda": built} if built else {})
    described = card.describe_card()
    if not refused:
        card.require_new_enough(described, versions, "pytorch")
        return
    with pytest.raises(MachineError, match=r"built for CUDA 13\.0: .*found driver 535\.104 \(CUDA 12\.2\)"):
        card.require_new_enough(described, versions, "pytorch")


def test_a_budget_below_the_first_step_is_refused(capsys, tmp_path, driver):
    code, line = run_main(capsys, tmp_path, "--budget", str(MINIMUM_SECONDS - 1))
    assert code == 6
    assert line.startswith("error: E6-RESOURCES: --budget 29: expected at least 30 s")


def test_what_a_step_leaves_of_its_share_goes_to_the_next():
    budget = Budget(100.0)
    assert [math.ceil(budget.left_for(step)) for step in (1, 2, 3, 4, 5)] == [20, 20, 20, 55, 100]


@pytest.fixture
def runner(tmp_path):
    return Runner(Budget(100.0), Summary(tmp_path / "summary.json", {"jobs": []}), tmp_path / "logs")


def python(text, **more):
    return Job(step=5, name="a job", arguments=["-c", text], **more)


def test_a_job_that_runs_out_of_memory_fails_alone_with_its_code_and_the_next_one_runs(runner, tmp_path):
    said = "error: E6-RESOURCES: out of memory (CUDA out of memory. Tried to allocate 2 GiB)"
    first, second = runner.run([python(f"print('{said}'); raise SystemExit(6)"), python("pass")])
    assert (first["outcome"], first["exit_code"]) == ("failed", 6)
    assert first["reason"].startswith("E6-RESOURCES: out of memory (CUDA")
    assert second["outcome"] == "done"
    assert json.loads((tmp_path / "summary.json").read_text())["jobs"] == [first, second]


def test_a_job_that_is_predicted_to_take_longer_than_is_left_is_skipped_and_named(runner):
    entry = runner.run_one(python("pass", seconds=101.0))
    assert (entry["name"], entry["outcome"]) == ("a job", "skipped")
    assert "101 s predicted" in entry["reason"]


def test_a_job_still_running_when_the_budget_is_spent_is_stopped_with_all_that_it_started(runner, tmp_path):
    runner.budget.seconds = runner.budget.spent() + 1.0
    program = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    assert runner.run_one(python(program))["outcome"] == "stopped"
    child = int((tmp_path / "child").read_text())
    for _ in range(100):  # a killed process may take a moment to go
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("what a stopped job had started is still running")


def test_a_job_whose_framework_is_missing_is_absent_and_no_failure(runner):
    entry = runner.run_one(python("import sys; sys.exit('error: E4-MACHINE: install torch')", absent_if_failed=True))
    assert (entry["outcome"], entry["reason"]) == ("absent", "E4-MACHINE: install torch")


def test_a_certificate_beyond_its_tolerance_is_a_failure_that_names_the_row(tmp_path):
    rows = {"task": "classifier", "what": ["loss", "gradient"], "deviation": [1e-7, 1e-3], "tolerance": 1e-5}
    table = tmp_path / "gpu.csv"
    pd.DataFrame({"implementation": "a", "device": "gpu", **rows, "failure": ""}).to_csv(table, index=False)
    found = contract.read_certificate(table, "float32")
    assert found.failure.startswith("classifier, gradient: expected a relative error of at most 1.0e-05, found 1.0e-03")
    assert found.value["largest_part_of_tolerance"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("device", "deviation", "fails"), [("gpu", 2e-5, False), ("gpu", 2e-4, True), ("cpu", 2e-5, True)]
)
def test_a_deviation_that_is_known_of_cudnn_is_told_and_no_failure_within_its_bound(tmp_path, device, deviation, fails):
    rows = {"task": "classifier", "what": ["loss", "state"], "deviation": [1e-7, deviation], "tolerance": 5e-6}
    table = tmp_path / f"{device}.csv"
    pd.DataFrame({"implementation": "a", "device": device, **rows, "failure": ""}).to_csv(table, index=False)
    found = contract.read_certificate(table, "float32")
    assert bool(found.failure) == fails
    assert ("known_deviations" in found.value) != fails


def test_a_certificate_with_a_hole_for_a_deviation_is_a_failure(tmp_path):
    rows = {"task": "classifier", "what": ["loss", "gradient"], "deviation": [1e-7, None], "tolerance": 1e-5}
    table = tmp_path / "gpu.csv"
    pd.DataFrame({"implementation": "a", "device": "gpu", **rows, "failure": ""}).to_csv(table, index=False)
    assert contract.read_certificate(table, "float32").failure


def test_failed_contract_tests_are_counted_and_named(tmp_path):
    report = tmp_path / "a.xml"
    cases = (
        '<testcase name="one"/><testcase name="two"><failure/></testcase><testcase name="three"><skipped/></testcase>'
    )
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    found = contract.read_tests(report)
    assert found.value == {"passed": 1, "failed": 1, "skipped": 1, "failures": ["two"]}
    assert found.failure == "1 of 3 contract tests failed, the first: two"


def test_contract_tests_that_were_all_skipped_show_nothing(tmp_path):
    report = tmp_path / "a.xml"
    report.write_text('<testsuite><testcase name="one"><skipped/></testcase></testsuite>')
    assert "found none that ran" in contract.read_tests(report).failure


def test_an_unknown_name_is_refused_before_anything_runs(capsys, tmp_path, driver):
    assert run_main(capsys, tmp_path, "--datasets", "ptp")[1].startswith("error: E2-USAGE: unknown data set 'ptp'")
