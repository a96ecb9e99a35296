"""A record's values are compared up to rounding, and the first check that does not hold is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstmbench.records.consistency import ROUNDING, between, equal, raise_first_failure
from lstmbench.utils.errors import DataError

PATH = Path("run.json")


@pytest.mark.parametrize(("found", "holds"), [(1.0, True), (1 + ROUNDING / 2, True), (1 + 2 * ROUNDING, False)])
def test_numbers_are_equal_up_to_rounding(found, holds):
    assert equal("$.a", found, 1.0, "why").holds == holds
    assert between("$.a", found, 0.5, 1.0, "why").holds == holds
    assert between("$.a", 1 / found, 1.0, 2.0, "why").holds == holds


@pytest.mark.parametrize(("found", "expected"), [(3, 4), ("a", "b"), (True, False)])
def test_whole_numbers_and_texts_are_equal_or_not(found, expected):
    assert not equal("$.a", found, expected, "why").holds
    assert equal("$.a", expected, expected, "why").holds


def test_the_first_check_that_does_not_hold_is_named_with_what_was_expected_and_found():
    checks = [equal("$.a", 1, 1, "one"), equal("$.b", 2, 3, "as it is three"), equal("$.c", 4, 5, "late")]
    with pytest.raises(DataError, match=r"^run\.json at \$\.b: expected 3, as it is three, found 2$"):
        raise_first_failure(PATH, checks)
    raise_first_failure(PATH, checks[:1])


def test_values_that_cannot_be_computed_with_are_told_as_such():
    with pytest.raises(DataError, match=r"run\.json: its values cannot be computed with: .*division"):
        raise_first_failure(PATH, (equal("$.a", 1 / number, 1, "why") for number in (1, 0)))
