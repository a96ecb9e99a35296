"""The documentation says what holds."""

from __future__ import annotations

from lstmbench.reporting.margins import SPEED, in_words
from lstmbench.utils.paths import ROOT


def test_the_documentation_names_the_margins_that_hold():
    text = " ".join((ROOT / "docs/comparing.md").read_text(encoding="utf-8").split())
    assert f"within {in_words('perplexity')} of a perplexity or {in_words('accuracy')} of an accuracy" in text
    assert f"the interval lies within {SPEED} of 1" in text
