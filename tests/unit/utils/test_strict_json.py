"""JSON from anybody: taken as it is, or refused in one line."""

from __future__ import annotations

import pytest

from lstmbench.utils.errors import DataError
from lstmbench.utils.strict_json import MAX_DIGITS, parse_json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' appears twice"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' appears twice"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "1e999 is too large for a number"),
        ("9" * (MAX_DIGITS + 1), "is too large for a whole number"),
        ("[" * 100_000, "nested too deeply"),
        ("{'a': 1}", "not JSON"),
        (b'"\xff"', "not JSON"),
        ("", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_in_one_line_that_says_where_it_is_from(text, message):
    with pytest.raises(DataError) as refused:
        parse_json(text, "a.json")
    assert str(refused.value).startswith("a.json: not JSON: ")
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_json_is_read_as_it_is():
    assert parse_json(b'{"a": [1, 2.5, null, true, "\\u00e4"]}', "a.json") == {"a": [1, 2.5, None, True, "\u00e4"]}
    assert parse_json("9" * MAX_DIGITS, "a.json") == 10**MAX_DIGITS - 1
