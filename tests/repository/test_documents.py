"""The documents name files that there are."""

from __future__ import annotations

import re

import pytest

from lstmbench.utils.paths import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("results/baselines/*.md"), ROOT / "Makefile"]
# What the changelog names was there once.
DOCUMENTS = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
PATTERNS = {"tests/unit/FOLDER/test_MODULE.py"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_test_that_a_document_names_is_there(path):
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?", path.read_text(encoding="utf-8")))
    missing = [name for name in sorted(named) if not (ROOT / name).exists() and name not in PATTERNS]
    assert not missing, f"{path.relative_to(ROOT)} names {', '.join(missing)}: no such file"


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if target and not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}: no such file"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_heading_that_is_linked_to_is_there(path):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        text = (path.parent / target if target else path).read_text(encoding="utf-8")
        headings = [re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()]
        assert anchor in headings, f"{path.relative_to(ROOT)} links to {target}#{anchor}: no such heading"


def test_the_picture_in_the_readme_is_small():
    assert (ROOT / "docs/figures/report.png").stat().st_size <= 200_000
