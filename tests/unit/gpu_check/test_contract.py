"""What certificates and the contract tests' report say of a card."""

from __future__ import annotations

import pandas as pd
import pytest

from lstmbench.gpu_check import contract


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
