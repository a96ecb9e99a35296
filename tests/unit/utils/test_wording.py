"""Counts, durations and lists in words."""

from __future__ import annotations

import pytest

from lstmbench.utils.wording import counted, duration, joined, largest_unit


def test_one_of_a_thing_is_singular_and_every_other_number_plural():
    assert [counted(count, "run") for count in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, (0.4, "s")),
        (89.0, (89.0, "s")),
        (90.0, (1.5, "min")),
        (5400.0, (1.5, "hours")),
        (129_600.0, (1.5, "days")),
    ],
)
def test_a_duration_is_in_the_largest_unit_of_which_it_has_one_and_a_half(seconds, expected):
    assert largest_unit(seconds) == expected


def test_durations_are_told_in_the_unit_people_use():
    seconds = (0.4, 89, 90, 5399, 5400, 129_599, 976_320)
    assert [duration(each) for each in seconds] == [
        "0 s", "89 s", "2 min", "90 min", "1.5 hours", "36.0 hours", "11.3 days"
    ]  # fmt: skip


def test_a_list_has_an_and_before_its_last_word():
    assert [joined(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
