"""The surprise of each word is that of the recorded test, and its mean the perplexity."""

from __future__ import annotations

import math

import pytest

from lstmbench.inference.language import LanguageModel
from lstmbench.inference.scoring import Scored, score
from lstmbench.utils.errors import DataError
from tests.helpers.run_command import run_command


def test_without_a_word_before_it_the_test_text_has_the_perplexity_of_the_record(model, tmp_path, monkeypatch):
    """The recorded test has nothing before its first word, which it does not predict."""
    words = model.read(tmp_path / "raw/ptb.test.txt")
    assert score(model, words).words == words
    monkeypatch.setattr(LanguageModel, "beginning", lambda _: [])
    scored = score(model, words)
    assert scored.words == words[1:]
    assert scored.perplexity == pytest.approx(model.kept.record.final.perplexity, rel=1e-6)


def test_an_expected_word_surprises_less(model):
    usual = score(model, ["the", "cat", "<eos>"] * 2)
    assert usual.perplexity == pytest.approx(math.exp2(sum(usual.bits) / 6))
    assert all(bits > 0 for bits in usual.bits)


def test_a_model_that_has_nearly_diverged_has_an_infinite_perplexity():
    assert Scored(["a"], ["a"], [2000.0]).perplexity == math.inf
    assert Scored(["a"], ["a"], [10.0]).perplexity == pytest.approx(1024)


def test_nothing_to_predict_is_refused(model):
    with pytest.raises(DataError, match="expected a text with words to predict, found 0 words"):
        score(model, [])


def test_the_command_shows_every_word_with_its_bits_and_the_perplexity(text_run, tmp_path, capsys):
    (tmp_path / "text").write_text("the cat sat\nthe dog\n", encoding="utf-8")
    run_command("score", [str(text_run), str(tmp_path / "text"), "--data", str(tmp_path)])
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert [word for word in first.split() if not word[0].isdigit()] == ["the", "cat", "sat", "<eos>"]
    assert [word for word in second.split() if not word[0].isdigit()] == ["the", "dog", "<eos>"]
    assert last.startswith("perplexity ")
    assert "of 7 words" in last
