"""What cut a run short is said in words, and the words of earlier records are read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.caps import caps_in_words, whole_schedule
from lstmbench.records.run_record import Caps


@given(updates=st.integers(1, 10**9), more=st.integers(1, 10**9), predictions=st.none() | st.integers(1, 10**9))
def test_the_whole_schedule_is_read_from_the_words_of_a_run_that_was_cut_short(updates, more, predictions):
    words = caps_in_words(Caps(updates, predictions), updates, updates + more)
    assert whole_schedule(words) == updates + more
    assert len(words) == 1 + (predictions is not None)


def test_a_whole_run_says_nothing():
    assert caps_in_words(Caps(), 7, 7) == []
    assert whole_schedule([]) is None


def test_a_cap_of_the_evaluation_alone_says_nothing_of_the_schedule():
    assert whole_schedule(caps_in_words(Caps(None, 2000), 7, 7)) is None
