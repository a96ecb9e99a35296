"""What only Linux reports is asked for in one place, where another system answers nothing."""

from __future__ import annotations

import os
import re

from lstmbench.system import linux
from lstmbench.utils.paths import PACKAGE

ONLY_LINUX = re.compile(
    r"[\"'](?:/proc|/sys|/dev/shm|/etc/os-release)\b|\bsched_\w+\(|\bprctl\b|\bpidfd|\.cpu_affinity\b"
)


def test_no_other_module_asks_for_what_only_linux_has():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if ONLY_LINUX.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"system/linux.py"}


def test_a_file_that_the_system_lacks_has_no_text(tmp_path):
    assert linux.read(tmp_path / "pressure/cpu") is None
    (tmp_path / "file").write_text("some 1\n", encoding="utf-8")
    assert linux.read(tmp_path / "file") == "some 1\n"


def test_an_affinity_is_none_where_the_system_has_none_or_the_thread_has_ended(monkeypatch):
    def ended(thread):
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_getaffinity", ended, raising=False)
    assert linux.affinity(1) is None
    monkeypatch.delattr(os, "sched_getaffinity")
    assert linux.affinity() is None
