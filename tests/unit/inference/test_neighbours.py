"""Neighbours are the words with the largest cosine."""

from __future__ import annotations

import numpy as np
import pytest

from lstmbench.inference.neighbours import neighbours
from lstmbench.utils.errors import UsageError
from tests.helpers.run_command import run_command


def test_the_nearest_words_come_first_and_the_word_itself_is_left_out(model):
    weights = model.kept.learner.weights()
    cat, dog, mat = (model.words.index(word) for word in ("cat", "dog", "mat"))
    weights["embedding"][dog] = 3 * weights["embedding"][cat]
    weights["embedding"][mat] = -weights["embedding"][cat]
    model.kept.learner.load_weights(weights)
    found = neighbours(model, "cat", len(model.words))
    assert found[0] == ("dog", pytest.approx(1))
    assert found[-1] == ("mat", pytest.approx(-1))
    assert len(found) == len(model.words) - 1
    assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)


def test_a_word_without_an_embedding_is_no_neighbour_of_any(model):
    weights = model.kept.learner.weights()
    weights["embedding"][model.words.index("dog")] = 0
    model.kept.learner.load_weights(weights)
    assert np.isfinite([cosine for _, cosine in neighbours(model, "cat", 99)]).all()


def test_an_unknown_word_is_refused_with_the_nearest_known_one(model):
    with pytest.raises(UsageError, match=r"unknown word 'catt' \(did you mean cat\?\)"):
        neighbours(model, "catt", 3)


def test_the_command_lists_as_many_as_asked(text_run, tmp_path, capsys):
    run_command("neighbours", [str(text_run), "cat", "--data", str(tmp_path), "--count", "3"])
    assert len(capsys.readouterr().out.splitlines()) == 2 + 3
