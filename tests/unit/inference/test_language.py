"""Words become ids and ids words, as in the data set that the model learned from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmbench.inference.generation import generate
from lstmbench.inference.language import WINDOW, log_softmax, open_language_model, shown, visible, windows
from lstmbench.inference.scoring import score
from lstmbench.utils.errors import DataError, UsageError


def test_the_words_of_a_text_and_their_ids_are_those_of_its_data_set(model, tmp_path):
    path = tmp_path / "text"
    path.write_text("the cat\nsat\n", encoding="utf-8")
    words = model.read(path)
    assert words == ["the", "cat", "<eos>", "sat", "<eos>"]
    assert [model.words[number] for number in model.ids(words)] == words


def test_unknown_words_are_refused_unless_the_vocabulary_has_a_word_for_them(model):
    with pytest.raises(UsageError, match="no <unk>: expected these only, found 'zebra', 'x'"):
        model.ids(["the", "zebra", "zebra", "x"])
    lenient = dataclasses.replace(model, words=(*model.words[:-1], "<unk>"))
    assert lenient.ids(["zebra"]).tolist() == [len(model.words) - 1]


def test_a_text_that_is_missing_or_empty_is_refused(model, tmp_path):
    with pytest.raises(UsageError, match="expected a text file, found nothing"):
        model.read(tmp_path / "none")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected words, found none"):
        model.read(tmp_path / "empty")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.integers(1, 3 * WINDOW))
def test_windows_change_no_probability(model, count):
    ids = np.arange(count, dtype=np.int32) % len(model.words)
    assert np.concatenate(list(windows(ids))).tolist() == ids.tolist()
    found, _ = model.next_words(ids, model.initial_state())
    at_once, _ = model.kept.logits(ids[np.newaxis], model.initial_state())
    np.testing.assert_allclose(found, at_once[-1, 0], rtol=1e-4, atol=1e-5)


def test_what_follows_no_word_at_all_is_not_asked(model):
    with pytest.raises(ValueError, match="expected at least one word"):
        model.next_words(np.array([], np.int32), model.initial_state())


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=9))
def test_probabilities_sum_to_one(logits):
    assert np.exp(log_softmax(np.array(logits, np.float32))).sum() == pytest.approx(1)


def test_a_text_is_shown_with_a_line_for_each_sentence():
    assert shown(["a", "b", "<eos>", "c", "<eos>", "<eos>", "d"]) == "a b\nc\n\nd"


def test_a_text_that_was_learned_by_characters_is_read_scored_and_written_by_these(letters_run, tmp_path):
    model = open_language_model(letters_run, tmp_path)
    (tmp_path / "text").write_text("the cat\nsat\n", encoding="utf-8")
    characters = model.read(tmp_path / "text")
    assert "".join(characters) == "the cat\nsat\n"
    assert model.beginning() == ["\n"]
    assert model.split("a cat ") == list("a cat ")
    scored = score(model, characters)
    assert scored.words == scored.read_as == characters
    written = generate(model, 30, model.split("the "))
    assert len(written) == 30
    assert len(shown(["t", "h", "e", " ", *written], model.level)) >= 34


def test_what_cannot_be_seen_has_a_sign():
    assert [*map(visible, [" ", "\n", "\t", "cat"])] == ["\u2423", "\u23ce", "\u21e5", "cat"]
