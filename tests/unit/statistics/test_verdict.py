"""A verdict is read back from its text as it was written, and no other text is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.statistics.verdict import Kind, Verdict


@given(st.sampled_from([kind for kind in Kind if kind is not Kind.GOOD]), st.text())
def test_every_verdict_is_read_back_with_its_reason(kind, reason):
    assert Verdict.parse(str(Verdict(kind, reason))) == Verdict(kind, reason)


def test_a_good_speed_has_no_words():
    assert str(Verdict(Kind.GOOD)) == ""
    assert Verdict.parse("") == Verdict(Kind.GOOD)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict(Kind.EQUAL), "equal"),
        (Verdict(Kind.FAILED, "no GPU: none"), "failed: no GPU: none"),
        (Verdict(Kind.SCATTERED, "33 %"), "blocks spread by 33 %"),
    ],
)
def test_a_verdict_has_the_text_that_tables_have(verdict, text):
    assert str(verdict) == text


@pytest.mark.parametrize("text", ["equals", "equal ", "Failed: x", "settled: yes", ": x"])
def test_a_text_that_is_no_verdict_is_refused(text):
    with pytest.raises(ValueError, match=r"expected a verdict \(equal, .*found"):
        Verdict.parse(text)


@pytest.mark.parametrize(
    ("kind", "conclusive"),
    [("equal", True), ("slower", True), ("inconclusive", False), ("no claim", False), ("", False)],
)
def test_only_an_answer_is_conclusive(kind, conclusive):
    assert Verdict(Kind(kind)).conclusive is conclusive
