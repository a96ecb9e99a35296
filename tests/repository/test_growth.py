"""What collecting costs grows with the records and with nothing else; counted, not timed."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.factories.pages import make_page
from tests.factories.records import save, sweep
from tests.helpers.run_command import run_command

SIX = ("pytorch", "pytorch_fused", "pytorch_plain", "reference", "tensorflow", "tensorflow_fused")


def test_each_record_is_opened_once(tmp_path, monkeypatch):
    paths = save(tmp_path, *sweep(seeds=3))
    opened: Counter[Path] = Counter()
    read = Path.read_bytes

    def counted(path: Path, *arguments: Any, **options: Any) -> bytes:
        opened[path] += path.name == "run.json"
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_bytes", counted)
    run_command("collect", ["--output-dir", str(tmp_path / "tables"), *map(str, paths)])
    assert len(paths) == 24
    assert +opened == Counter(paths)


@pytest.mark.slow
def test_5000_records_reach_a_report_of_5_mb_in_minutes_at_most(tmp_path):
    """The limit is ten times what two cores of a laptop take: only a growth by the square exceeds it."""
    records = list(sweep(139, ("small", "medium", "large"), SIX, epochs=13))
    assert len(records) >= 5000
    start = time.monotonic()
    page = make_page(tmp_path, *records, figures="drawn")
    assert time.monotonic() - start < 600
    assert page.stat().st_size < 5_000_000
