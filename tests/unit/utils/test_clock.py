"""Times as records have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lstmbench.utils.clock import later, utc_now


def test_now_is_written_in_utc_to_the_second_and_read_back():
    written = utc_now()
    assert written.endswith("+00:00")
    now = datetime.fromisoformat(written)
    assert now.microsecond == 0
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "2026-12-31T23:59:58+00:00"),
        (1.5, "2026-12-31T23:59:59+00:00"),
        (2.0, "2027-01-01T00:00:00+00:00"),
        (86_400.0, "2027-01-01T23:59:58+00:00"),
    ],
)
def test_later_adds_seconds_across_days_and_years_to_the_second(seconds, expected):
    assert later("2026-12-31T23:59:58+00:00", seconds) == expected
