"""Plain values become types or are refused in one line that names the place, what was expected and what was found."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta, field

from lstmbench.models.presets import Preset
from lstmbench.records.calibration import Calibration, FailedCalibration
from lstmbench.records.measurement_record import MeasurementRecord
from lstmbench.records.run_record import FailedRun, RunRecord
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.fields import Name, Number, Positive, StrictStruct
from tests.factories.values import values_of


class Part(StrictStruct, frozen=True):
    """A type within types."""

    count: Number
    name: Name = "a"


class Whole(StrictStruct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of every kind that records have."""

    part: Part
    parts: list[Part] = field(default_factory=list)
    by_name: dict[Name, Number] = field(default_factory=dict)
    part_of: dict[str, Part] = field(default_factory=dict)
    shape: tuple[Number, Number] = (1, 1)
    choice: Literal["x", "y"] = "x"
    few: Annotated[list[int], Meta(max_length=2)] = field(default_factory=list)
    facts: dict[str, int | float | str | bool | None] = field(default_factory=dict)
    maybe: Positive | None = None
    maybe_part: Part | None = None
    maybe_choice: Literal["z"] | None = None


GOOD = {"part": {"count": 1}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"part": None}, "$.part: expected mapping, found None"),
        ({"part": {"count": "1"}}, "$.part.count: expected integer, found '1'"),
        ({"part": {"count": True}}, "$.part.count: expected integer, found True"),
        ({"part": {"count": 0}}, "$.part.count: expected integer >= 1, found 0"),
        ({"part": {"count": 1, "name": "A"}}, r"$.part.name: expected text matching regex '*', found 'A'"),
        ({"choice": "z"}, "$.choice: expected 'x' or 'y', found 'z'"),
        ({"choice": 3}, "$.choice: expected text, found 3"),
        ({"part": {}}, "$.part: expected the key 'count', found none"),
        ({"more": 1}, "$: expected no key 'more'"),
        ({"part": {"count": 1, "more": 1}}, "$.part: expected no key 'more'"),
        ({"parts": [{"count": 1}, {"count": 2.5}]}, "$.parts[1].count: expected integer, found 2.5"),
        ({"parts": {}}, "$.parts: expected list, found {}"),
        ({"shape": [1, 0]}, "$.shape[1]: expected integer >= 1, found 0"),
        ({"shape": [1]}, "$.shape: expected list of length 2, found [1]"),
        ({"few": [1, 2, 3]}, "$.few: expected list of length <= 2, found [1, 2, 3]"),
        ({"by_name": {"a": 0}}, "$.by_name.a: expected integer >= 1, found 0"),
        ({"by_name": {"A": 1}}, "$.by_name: expected text matching regex '*', found {'A': 1}"),
        ({"part_of": {"any": {"count": 0}}}, "$.part_of.any.count: expected integer >= 1, found 0"),
        ({"facts": {"a": []}}, "$.facts.a: expected boolean or integer or number or text or null, found []"),
        ({"maybe": 0}, "$.maybe: expected number > 0.0, found 0"),
        ({"maybe": "1"}, "$.maybe: expected number or null, found '1'"),
        ({"maybe_part": {"count": 0}}, "$.maybe_part.count: expected integer >= 1, found 0"),
        ({"maybe_choice": "y"}, "$.maybe_choice: expected 'z', found 'y'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_what_was_expected_and_what_was_found(changes, told):
    with pytest.raises(DataError) as refused:
        converted(GOOD | changes, Whole, "a.json")
    assert re.fullmatch(re.escape(f"a.json at {told}").replace(r"\*", ".*"), str(refused.value))


def test_what_is_no_object_at_all_is_refused_at_the_root():
    with pytest.raises(DataError, match=r"^a\.json at \$: expected mapping, found \[1\]$"):
        converted([1], Whole, "a.json")


@pytest.mark.parametrize(
    "hostile",
    [
        "a - at `$.q",
        "a` - at `$.part.q",
        "a - at `$.q` b",
        "a - at `$.q`",
        "a - at `$.\n",
        "a\nb",
        "\x1b[2J",
        "a" * 999,
    ],
)
def test_no_text_of_a_file_can_break_the_message_or_its_line(hostile):
    for changes in ({hostile: 1}, {"part": {"count": 1, hostile: 1}}, {"choice": hostile}, {"by_name": {hostile: 0}}):
        with pytest.raises(DataError) as refused:
            converted(GOOD | changes, Whole, "a.json")
        assert re.fullmatch(r"a\.json at \$[\w.\[\]]*: expected .*", str(refused.value))
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 250


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=20)
@pytest.mark.parametrize(
    "kind", [Whole, Preset, RunRecord, FailedRun, MeasurementRecord, Calibration, FailedCalibration]
)
@given(data=st.data())
def test_what_was_made_plain_and_is_converted_is_what_it_was(kind, data):
    value = data.draw(values_of(kind))
    assert converted(plain(value), kind, "drawn") == value
    assert converted(json.loads(json.dumps(plain(value))), kind, "drawn") == value


class Version(str):
    """A text of a library's own class."""


def test_a_text_or_number_of_a_library_s_own_class_becomes_python_s():
    found = plain({"version": Version("2.13.0"), "seconds": np.float64(0.5)})
    assert found == {"version": "2.13.0", "seconds": 0.5}
    assert [type(value) for value in found.values()] == [str, float]


def test_what_json_cannot_hold_has_no_plain_form():
    with pytest.raises(TypeError, match=r"expected a value that JSON can hold, found complex 1j"):
        plain({"a": [1j]})
