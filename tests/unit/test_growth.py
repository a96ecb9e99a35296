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

from lstmbench import collect, schemas, tabulate
from tests.unit.pages import PUBLISHED, TARGETS
from tests.unit.records import make_record, save, sweep


def test_each_record_is_opened_once_and_a_good_one_never_explained(tmp_path, monkeypatch):
    paths = save(tmp_path, *sweep(seeds=3))
    opened: Counter[Path] = Counter()
    read = Path.read_text

    def counted(path: Path, *arguments: Any, **options: Any) -> str:
        opened[path] += path.name == "run.json"
        return read(path, *arguments, **options)

    def explained(*_: Any) -> None:
        raise AssertionError("a good record went to the slow validator")

    monkeypatch.setattr(Path, "read_text", counted)
    monkeypatch.setattr(schemas, "_validator", explained)
    collect.main(["--output-dir", str(tmp_path / "tables"), *map(str, paths)])
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
    if schemas._fast_validator("run.schema.json").is_valid(record):
        assert not list(schemas._validator("run.schema.json").iter_errors(record))


@pytest.mark.slow
def test_5000_records_are_collected_and_tabled_in_minutes_at_most(tmp_path):
    """The limit is ten times what two cores of a laptop take: only a growth by the square exceeds it."""
    paths = save(tmp_path, *sweep(seeds=625))
    tables = str(tmp_path / "tables")
    start = time.monotonic()
    collect.main(["--output-dir", tables, *map(str, paths)])
    tabulate.main(["--tables", tables, "--published", str(PUBLISHED), "--targets", str(TARGETS)])
    assert time.monotonic() - start < 300
