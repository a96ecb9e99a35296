"""Describe the jobs of step 2: the contract tests and the certificates of an implementation."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lstmbench.gpu_check.jobs import Found, Job
from lstmbench.parity import comparison
from lstmbench.parity.certificate import STATE_OF_EVALUATION
from lstmbench.records.tables import read_table
from lstmbench.system.device import split_device
from lstmbench.utils.errors import DataError
from lstmbench.utils.paths import ROOT

TESTS = ROOT / "tests/contract"

SHOWN_FAILURES = 10


def tests_of(implementation: str, kind: str, folder: Path) -> Job:
    """Return the job that runs all contract tests of ``implementation`` on ``kind`` (cpu or gpu), in all precisions."""
    report = folder / f"{implementation}.xml"
    name = f"{kind}-{implementation}"
    return Job(
        step=2,
        name=f"contract tests of {implementation}",
        arguments=[
            "-m", "pytest", str(TESTS), "--quiet", "-m", "", "-k", f"{name}] or {name}-", "-p", "no:cacheprovider",
            f"--junitxml={report}", "--rootdir", str(ROOT),
        ],
        read=lambda: read_tests(report),
        readable_codes=(0, 1),
    )  # fmt: skip


def read_tests(report: Path) -> Found:
    """Return the counts of a JUnit report; a report without a passed test is a failure.

    Raises:
        DataError: there is no such report.
    """
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{report}: expected the report of the contract tests: {error}") from error
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - len(failed) - skipped
    value = {"passed": passed, "failed": len(failed), "skipped": skipped, "failures": failed[:SHOWN_FAILURES]}
    if failed:
        return Found(value, f"{len(failed)} of {len(cases)} contract tests failed, the first: {failed[0]}")
    return Found(value, "" if passed else "expected contract tests that pass, found none that ran")


def certificate_of(implementation: str, device: str, folder: Path) -> Job:
    """Return the job that computes how far ``implementation`` deviates from the NumPy reference on ``device``."""
    table = folder / implementation / f"{device}.csv"
    return Job(
        step=2,
        name=f"certificate of {implementation} on {device}",
        arguments=[
            "-m", "lstmbench", "certify", "--implementation", implementation, "--device", device, "--threads", "1",
            "--output", table,
        ],
        read=lambda: read_certificate(table, split_device(device).precision),
    )  # fmt: skip


def read_certificate(table: Path, precision: str) -> Found:
    """Return the largest deviation as a multiple of its tolerance; None if it is not finite, because of a NaN.

    Above 1 the card computes wrongly, unless the deviation is known of its library (``comparison.CUDNN_FLOAT32``).
    """
    rows = read_table(table)
    failures = sorted({reason for reason in rows["failure"] if reason})
    if failures:
        return Found(failure=failures[0])
    parts = (rows["deviation"] / rows["tolerance"]).fillna(math.inf)
    largest = float(parts.max())
    value: dict[str, object] = {"precision": precision}
    value["largest_part_of_tolerance"] = largest if math.isfinite(largest) else None
    beyond = rows[~(rows["deviation"] <= rows["tolerance"])]
    are_known = pd.Series([_is_known(row) for row in beyond.to_dict("records")], beyond.index, dtype=bool)
    known, unknown = beyond[are_known], beyond[~are_known]
    if len(known):
        value["known_deviations"] = [
            f"{row['task']}, {row['what']}: {row['deviation']:.1e}" for row in known.to_dict("records")
        ]
    return Found(value, _beyond(unknown.loc[parts[unknown.index].idxmax()]) if len(unknown) else "")


def _is_known(row: Mapping[str, Any]) -> bool:
    """Return whether a deviation beyond its tolerance is the known one of cuDNN's LSTM in float32."""
    bound = comparison.CUDNN_FLOAT32.get("state" if row["what"] == STATE_OF_EVALUATION else row["what"], 0.0)
    return bool(row["device"] == "gpu" and row["deviation"] <= bound)


def _beyond(row: pd.Series) -> str:
    found = f"{row['deviation']:.1e}" if math.isfinite(row["deviation"]) else "a result that is not finite"
    return (
        f"{row['task']}, {row['what']}: expected a relative error of at most {row['tolerance']:.1e} from the NumPy "
        f"reference, found {found}"
    )
