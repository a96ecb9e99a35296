"""Text is drawn from the model's probabilities, and the same for the same weights and seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbench.inference.generation import _draw, generate
from lstmbench.inference.language import open_language_model
from lstmbench.utils.errors import UsageError
from tests.helpers.run_command import run_command


def test_the_same_weights_and_seed_give_the_same_words_and_another_seed_others(model, text_run, tmp_path):
    words = generate(model, 40, seed=3)
    assert len(words) == 40
    assert set(words) <= set(model.words)
    assert generate(open_language_model(text_run, tmp_path), 40, seed=3) == words
    assert generate(model, 40, seed=4) != words


def test_words_follow_the_model_s_probabilities_given_all_words_before(model):
    drawn = generate(model, 12, ["the"], temperature=0)
    context = [*model.beginning(), "the"]
    for word in drawn:
        logits, _ = model.next_words(model.ids(context), model.initial_state())
        assert word == model.words[int(logits.argmax())]
        context.append(word)


def test_words_are_drawn_as_often_as_their_probabilities_say():
    logits = np.log([0.5, 0.3, 0.2])
    stream = np.random.default_rng(1)
    counts = Counter(_draw(logits, 1.0, stream.random()) for _ in range(20_000))
    assert [counts[place] / 20_000 for place in range(3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1e6, allow_subnormal=True),
)
def test_any_logits_and_temperature_give_a_word(logits, chance, temperature):
    assert 0 <= _draw(np.array(logits), temperature, chance) < len(logits)


def test_low_temperatures_take_the_most_likely_word():
    assert {_draw(np.array([1.0, 2.0, 0.0]), 1e-3, chance) for chance in (0.0, 0.5, 0.999)} == {1}


def test_the_command_prints_the_prompt_and_the_words_that_follow(text_run, tmp_path, capsys):
    arguments = [str(text_run), "--data", str(tmp_path), "--prompt", "the cat", "--words", "5", "--temperature", "0.5"]
    run_command("generate", arguments)
    first = capsys.readouterr().out
    assert first.startswith("the cat")
    run_command("generate", arguments)
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(("option", "value"), [("--words", "0"), ("--words", "x"), ("--temperature", "nan")])
def test_a_number_out_of_range_is_refused_with_the_range(text_run, tmp_path, capsys, option, value):
    with pytest.raises(SystemExit):
        run_command("generate", [str(text_run), "--data", str(tmp_path), option, value])
    assert f"expected a number of at least {'1' if option == '--words' else '0'}, found '{value}'" in (
        capsys.readouterr().err
    )


def test_an_unknown_word_of_a_prompt_is_refused(model):
    with pytest.raises(UsageError, match="found 'zebra'"):
        generate(model, 1, ["zebra"])
