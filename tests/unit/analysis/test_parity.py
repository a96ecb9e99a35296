"""A certificate is judged by its tolerances, and shown with its verdict."""

from __future__ import annotations

import pytest

from lstmbench.analysis.parity import largest_deviations, verdict
from lstmbench.reporting import parity
from lstmbench.statistics.verdict import Kind, Verdict
from tests.factories.certificates import make_certificate


@pytest.mark.parametrize(
    ("tolerance", "kind"), [(1e-5, Kind.WITHIN), (1e-7, Kind.EXCEEDS), (float("nan"), Kind.UNTESTED)]
)
def test_deviations_are_judged_by_their_tolerance(tolerance, kind):
    certificate = make_certificate().assign(tolerance=tolerance)
    found = verdict(certificate)
    assert found.kind is kind
    assert (found.reason == ", ".join(certificate["what"].unique())) is (kind is Kind.EXCEEDS)
    assert set(largest_deviations(certificate)) == {1e-6}


def test_a_certificate_that_failed_has_a_reason_and_no_deviation():
    failed = make_certificate(failure="no GPU")
    assert verdict(failed) == Verdict(Kind.FAILED, "no GPU")
    assert largest_deviations(failed).empty
    assert parity.shown(failed)["verdict"].tolist() == ["failed: no GPU"]
