"""The answer of a search is a sentence, whatever was found."""

from __future__ import annotations

import pytest

from lstmbench.reporting.bisection import sentence, table
from lstmbench.statistics.bisection import Bisection, Judged

VERSIONS = ["1.0", "1.1", "1.2", "1.3"]
SLOW, FAST = Judged(True, [0.8, 0.81, 0.79]), Judged(False, [1.0, 1.01, 0.99])
OPEN = Judged(None, [0.9, 1.1, 0.7])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Bisection(["1.2"], {"1.3": SLOW, "1.1": FAST, "1.2": SLOW}),
            "1.2 is the first that is slower: 0.800 times as fast as 1.0 (95 % interval 0.775 to 0.825); 1.1 is not",
        ),
        (
            Bisection(["1.1", "1.2", "1.3"], {"1.3": SLOW}, {"1.1": "no wheel", "1.2": "no wheel"}),
            "one of 1.1 to 1.3 is the first that is slower; what lies between could not be judged",
        ),
        (
            Bisection([], {"1.3": FAST}),
            "1.3 has not lost 5 % against 1.0: 1.000 times as fast (95 % interval 0.975 to 1.025)",
        ),
    ],
)
def test_what_was_found_is_said_with_the_interval(found, said):
    assert sentence(VERSIONS, found, 0.05) == said


def test_what_is_not_certain_says_so():
    said = sentence(VERSIONS, Bisection([], {"1.3": OPEN}), 0.05)
    assert said.startswith("not certain whether 1.3 has lost 5 % against 1.0: 0.8")


def test_each_version_that_was_tried_is_a_row():
    rows = table(VERSIONS, Bisection(["1.3"], {"1.3": SLOW, "1.1": FAST}, {"1.2": "no wheel"}))
    assert [*zip(rows["version"], map(str, rows["verdict"]), strict=True)] == [
        ("1.1", ""), ("1.2", "failed: no wheel"), ("1.3", "slower"),
    ]  # fmt: skip
