"""README and docs quote what follows from the kept records: what stands between their markers is generated."""

from __future__ import annotations

import pytest

from lstmbench.utils.paths import ROOT
from tests.repository.figures.documents import BLOCK, FIGURES, generated

each_document = pytest.mark.parametrize("document", FIGURES)


@each_document
def test_the_figures_of_a_document_are_those_that_follow_from_the_records(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert text == generated(document, text), f"{document}: a figure differs from the records: make figures"


@each_document
def test_a_document_has_a_place_for_each_of_its_figures_and_for_no_other(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert sorted(found["name"] for found in BLOCK.finditer(text)) == sorted(FIGURES[document])
    assert text.count("<!-- figures:") == len(FIGURES[document])


def test_a_figure_that_was_edited_by_hand_is_written_anew_and_the_prose_around_it_stays():
    edited = "Before.\n<!-- figures: margins -->\n| perplexity | 7 % |\n<!-- end -->\nAfter.\n"
    text = generated("docs/comparing.md", edited)
    assert "| perplexity | 1 % |" in text
    assert "7 %" not in text
    assert text.startswith("Before.\n<!-- figures: margins -->\n|")
    assert text.endswith("|\n<!-- end -->\nAfter.\n")
    assert generated("docs/comparing.md", text) == text
