"""A verdict with a reason is read back as it was written, and no other verdict is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.verdict import Verdict


@given(st.sampled_from(Verdict), st.text())
def test_the_reason_is_read_back_by_its_own_verdict_only(verdict, reason):
    text = verdict.because(reason)
    assert [one.reason(text) for one in Verdict] == [reason if one is verdict else None for one in Verdict]


@pytest.mark.parametrize("text", ["", "equal", "failed", "failed again: yes", "inconclusive: failed: no"])
def test_another_verdict_has_no_reason(text):
    assert [one.reason(text) for one in Verdict] == [None, None]
