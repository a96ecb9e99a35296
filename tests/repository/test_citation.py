"""CITATION.cff names what is here."""

from __future__ import annotations

import yaml

from lstmbench import __version__
from lstmbench.utils.paths import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_has_what_the_format_requires():
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    assert CITATION["cff-version"] == "1.2.0"
    assert all(author.keys() <= {"name"} for author in CITATION["authors"])  # an entity, not a person


def test_the_citation_names_this_version_and_its_licence():
    assert CITATION["version"] == __version__
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(CITATION["license"])
    assert CITATION["authors"][0]["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
