"""What certificates and the contract tests' report say of a card."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from lstmbench.gpu_check import contract
from lstmbench.gpu_check.budget import Budget
from lstmbench.gpu_check.jobs import Job, Runner, Summary
from lstmbench.utils.strict_json import read_json


def certificate(folder, deviations, tolerance, device="gpu"):
    """Write a certificate of a classifier with these deviations, by what is compared; its path."""
    table = folder / f"{device}.csv"
    rows = {"task": "classifier", "what": list(deviations), "deviation": deviations.values(), "tolerance": tolerance}
    pd.DataFrame({"implementation": "a", "device": device, **rows, "failure": ""}).to_csv(table, index=False)
    return table


def test_a_certificate_beyond_its_tolerance_is_a_failure_that_names_the_row(tmp_path):
    table = certificate(tmp_path, {"loss": 1e-7, "gradient": 1e-3}, 1e-5)
    found = contract.read_certificate(table, "float32")
    assert found.failure == (
        "classifier, gradient: expected a relative error of at most 1.0e-05 from the NumPy reference, found 1.0e-03"
    )
    assert found.value["largest_part_of_tolerance"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("device", "deviation", "fails"), [("gpu", 2e-5, False), ("gpu", 2e-4, True), ("cpu", 2e-5, True)]
)
def test_a_deviation_that_is_known_of_cudnn_is_told_and_no_failure_within_its_bound(tmp_path, device, deviation, fails):
    table = certificate(tmp_path, {"loss": 1e-7, "state": deviation, "state of evaluation": deviation}, 5e-6, device)
    found = contract.read_certificate(table, "float32")
    assert bool(found.failure) == fails
    assert ("known_deviations" in found.value) != fails


def test_a_certificate_with_a_hole_for_a_deviation_is_a_failure(tmp_path):
    table = certificate(tmp_path, {"loss": 1e-7, "gradient": None}, 1e-5)
    assert contract.read_certificate(table, "float32").failure


@pytest.mark.parametrize("what", ["loss", "evaluation"])
def test_a_deviation_that_is_not_known_is_the_one_that_is_blamed(tmp_path, what):
    table = certificate(tmp_path, {"state": 1.8e-5, what: 6e-6}, 5e-6)
    found = contract.read_certificate(table, "float32")
    assert found.failure.startswith(f"classifier, {what}: ")
    assert found.value["known_deviations"] == ["classifier, state: 1.8e-05"]


def test_a_card_that_computes_no_number_is_a_failed_job_and_the_next_one_runs(tmp_path):
    table = certificate(tmp_path, {"loss": math.inf, "gradient": 1e-7}, 1e-5)
    runner = Runner(Budget(100.0), Summary(tmp_path / "summary.json", {}), tmp_path / "logs")
    jobs = [
        Job(2, "certificate", ["-c", "pass"], read=lambda: contract.read_certificate(table, "float32")),
        Job(2, "another", ["-c", "pass"]),
    ]
    assert [entry.outcome for entry in runner.run(jobs)] == ["failed", "done"]
    first, _ = read_json(tmp_path / "summary.json")["jobs"]
    assert first["found"]["largest_part_of_tolerance"] is None
    assert first["reason"].endswith("found a result that is not finite")


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
