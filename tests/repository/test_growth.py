"""What collecting costs grows with the records and with nothing else; counted, not timed."""

from __future__ import annotations

import copy
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.utils import json_schema
from lstmbench.utils.json_schema import check
from tests.factories.pages import make_page
from tests.factories.records import make_record, save, sweep
from tests.helpers.run_command import run_command

SIX = ("pytorch", "pytorch_fused", "pytorch_plain", "reference", "tensorflow", "tensorflow_fused")


def test_each_record_is_opened_once_and_a_good_one_never_explained(tmp_path, monkeypatch):
    paths = save(tmp_path, *sweep(seeds=3))
    opened: Counter[Path] = Counter()
    read = Path.read_bytes

    def counted(path: Path, *arguments: Any, **options: Any) -> bytes:
        opened[path] += path.name == "run.json"
        return read(path, *arguments, **options)

    def explained(*_: Any) -> None:
        raise AssertionError("a good record went to the slow validator")

    monkeypatch.setattr(Path, "read_bytes", counted)
    monkeypatch.setattr(json_schema, "_validator", explained)
    run_command("collect", ["--output-dir", str(tmp_path / "tables"), *map(str, paths)])
    assert len(paths) == 24
    assert +opened == Counter(paths)


RECORD = make_record()
VALUES = st.sampled_from([None, True, -1, 0, 1.5, 10**20, "", "x", "x\n", [], {}, float("nan"), RECORD])


@given(st.data())
def test_what_the_compiled_schema_lets_pass_the_explaining_one_does_too(data):
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
    if json_schema._is_valid("run.schema.json", record):
        assert not list(json_schema._validator("run.schema.json").iter_errors(record))


def test_a_version_that_is_a_text_of_the_library_s_own_kind_is_one(tmp_path):
    class Version(str):
        """As torch has it."""

    record = make_record()
    record["versions"] = {"torch": Version("2.13.0")}
    check(tmp_path / "run.json", record, "run.schema.json")


@pytest.mark.slow
def test_5000_records_reach_a_report_of_5_mb_in_minutes_at_most(tmp_path):
    """The limit is ten times what two cores of a laptop take: only a growth by the square exceeds it."""
    records = list(sweep(139, ("small", "medium", "large"), SIX, epochs=13))
    assert len(records) >= 5000
    start = time.monotonic()
    page = make_page(tmp_path, *records, figures="drawn")
    assert time.monotonic() - start < 600
    assert page.stat().st_size < 5_000_000
