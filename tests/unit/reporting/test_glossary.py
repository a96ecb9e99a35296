"""The words of the page: those that it uses, and no others."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from lstmbench.reporting.glossary import VERDICTS, WORDS, explained, verdicts, words
from lstmbench.statistics.verdict import Kind


@pytest.fixture
def tables():
    return {
        "quality": pd.DataFrame({"metric": ["perplexity"], "caps": [""]}),
        "runs": pd.DataFrame({"implementation": ["pytorch"], "level": ["word"]}),
        "speed": pd.DataFrame({"implementation": ["pytorch"], "share": [0.8], "disturbed": [""]}),
    }


def test_a_page_explains_the_words_that_it_uses(tables):
    assert [word for word, _ in words(tables)] == [
        "perplexity",
        "seed",
        "case",
        "words/s, images/s",
        "share of the ceiling",
    ]
    tables["speed"] = tables["speed"].iloc[:0]
    tables["quality"] = pd.DataFrame({"metric": ["accuracy"], "caps": ["short"]})
    tables["runs"] = pd.DataFrame({"implementation": ["pytorch_fused"], "level": [""]})
    assert [word for word, _ in words(tables)] == ["accuracy", "seed", "case", "_fused", "capped"]


@pytest.mark.parametrize(
    ("disturbed", "message"),
    [
        ("", "No other use of the machine was noticed meanwhile."),
        ("spread of the blocks 12.2 % > 10.0 %", "1 of 1 are disturbed: spread of the blocks 12.2 % > 10.0 %."),
    ],
)
def test_an_explanation_says_whether_speeds_were_disturbed_and_by_what(tables, disturbed, message):
    tables["speed"]["disturbed"] = disturbed
    assert dict(words(tables))["words/s, images/s"].endswith(message)


def test_the_explanation_of_a_share_holds_on_every_machine_and_above_100_percent():
    meaning = WORDS["share of the ceiling"]
    assert set(re.findall(r"\d+ %", meaning)) == {"50 %", "100 %"}
    assert "On a GPU" in meaning


def test_every_verdict_has_a_meaning():
    assert set(VERDICTS) == set(Kind)
    assert dict(verdicts()).keys() == {"good", *(kind.value for kind in Kind)} - {""}


def test_every_word_and_verdict_is_explained_in_sentences():
    for word, meaning in [*WORDS.items(), *verdicts()]:
        assert meaning[0].isupper() or meaning.startswith("cpu"), word
        assert meaning.endswith("."), word


def test_a_page_of_characters_speaks_of_characters_and_of_no_word(tables):
    tables["runs"]["level"] = "character"
    tables["quality"]["caps"] = "short"
    said = dict(words(tables))
    assert (
        "among how many characters the model still hesitates for the next character"
        in said["perplexity (per character)"]
    )
    assert "characters/s, images/s" in said
    assert "fewer characters or images" in said["capped"]
    assert "perplexity" not in said
    assert {*WORDS} - {*explained(tables["runs"])} == {"perplexity", "words/s, images/s"}
