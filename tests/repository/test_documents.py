"""The documents name files that there are."""

from __future__ import annotations

import re

import pytest

from lstmbench.utils.paths import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("results/baselines/*.md"), ROOT / "Makefile"]
# What the changelog names was there once.
DOCUMENTS = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
PATTERNS = {"tests/unit/FOLDER/test_MODULE.py"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_test_that_a_document_names_is_there(path):
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?", path.read_text(encoding="utf-8")))
    missing = [name for name in sorted(named) if not (ROOT / name).exists() and name not in PATTERNS]
    assert not missing, f"{path.relative_to(ROOT)} names {', '.join(missing)}: no such file"
