"""What disturbed a speed: every kind of reason once, however many processes have it."""

from __future__ import annotations

import pytest

from lstmbench.reporting.interference import reasons


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (["steal 4.5 % > 1.0 %"], "steal 4.5 % > 1.0 %"),
        (["", "steal 9.5 % > 1.0 %; steal 10.2 % > 1.0 %"], "steal 9.5 to 10.2 % > 1.0 %"),
        (
            ["spread of the blocks 12.2 % > 10.0 %", "steal 4.5 % > 1.0 %; spread of the blocks 11.8 % > 10.0 %"],
            "spread of the blocks 11.8 to 12.2 % > 10.0 %; steal 4.5 % > 1.0 %",
        ),
        (["a reason without a number"], "a reason without a number"),
        ([""], ""),
    ],
)
def test_every_kind_of_reason_is_named_once_with_its_lowest_and_highest_number(recorded, expected):
    assert reasons(recorded) == expected
