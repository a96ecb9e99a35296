"""The schemas that are kept beside the code are those of its types, and say what every key is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.records.run_record import RunRecord
from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError
from tests.factories.records import make_record
from tests.repository.schemas import FOLDER, TYPES, schema_of, text_of

RECORD = make_record()
VALUES = st.sampled_from([None, True, -1, 0, 1.5, 10**20, "", "x", "x\n", [], {}, RECORD])
VALIDATOR = jsonschema.Draft202012Validator(schema_of(RunRecord))


@pytest.mark.parametrize("name", TYPES)
def test_a_kept_schema_is_that_of_its_type(name):
    kept = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    assert kept == text_of(TYPES[name]), "run make schemas"


@pytest.mark.parametrize("name", TYPES)
def test_every_key_is_described(name):
    schema = schema_of(TYPES[name])
    definitions = schema.get("$defs", {})

    def undescribed(node: dict[str, Any], place: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            parts = [child, *child.get("anyOf", ())]
            whole = [definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in parts]
            if not any(part.get("description") for part in whole):
                yield f"{place}.{key}"
            yield from undescribed(child, f"{place}.{key}")

    assert [
        *undescribed(schema, "$"),
        *(name for kind in definitions for name in undescribed(definitions[kind], kind)),
    ] == []


@given(st.data())
def test_what_the_type_accepts_the_schema_accepts_and_the_other_way_round(data):
    record = copy.deepcopy(RECORD)
    place: Any = record
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], dict | list) and place[key]) or data.draw(st.integers(0, 3)) == 0:
            break
        place = place[key]
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(VALUES)
    try:
        _ = converted(record, RunRecord, "record").data.known_facts
    except DataError:
        accepted = False
    else:
        accepted = True
    # A whole number that 64 bits cannot hold is one for the schema only.
    assert accepted == VALIDATOR.is_valid(record) or "100000000000000000000" in json.dumps(record)


def test_a_version_that_is_a_text_of_the_library_s_own_kind_is_written_as_a_text():
    class Version(str):
        """As torch has it."""

    assert plain({"torch": Version("2.13.0")}) == {"torch": "2.13.0"}
