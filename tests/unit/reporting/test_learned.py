"""The section on what was learned: true beside predicted, escaped, with pictures of the worst mistakes."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread

from lstmbench.inference.learned import Confusion, Continuation, Learned, Mistake, Sentence, Shown
from lstmbench.reporting.learned import SCALE, by_dataset, png
from lstmbench.utils.conversion import plain
from lstmbench.utils.files import write_json

PIXELS = [[0, 255], [128, 0]]


@pytest.fixture
def shown(tmp_path):
    """What the page is given of these models."""

    def build(*models, missing=()):
        write_json(tmp_path / "made.json", plain(Learned("made", "small", 1, list(models), list(missing))))
        return by_dataset([tmp_path / "made.json"])["made"]

    return build


def test_ink_is_dark_on_white_paper_and_enlarged():
    picture = imread(io.BytesIO(png(PIXELS)))
    assert picture.shape[:2] == (2 * SCALE, 2 * SCALE)
    assert [picture[0, 0, 0], picture[0, -1, 0]] == [1, 0]
    assert 0 < picture[-1, 0, 0] < 1
    assert png(PIXELS) == png(PIXELS)


def test_a_sentence_is_shown_word_by_word_and_right_ones_are_marked(shown):
    found = shown(Shown("pytorch", sentence=Sentence(["a", "b"], ["a", "c"])))
    assert found["sentences"] == {
        "PyTorch": [
            {"true": "a", "predicted": "a", "right": True},
            {"true": "b", "predicted": "c", "right": False},
        ]
    }
    assert found["title"] == "What the models learned: small, seed 1"


def test_prompts_of_all_implementations_stand_together(shown):
    models = [
        Shown(name, continuations=tuple(Continuation(prompt, {"x": 0.5, "y": 0.25}, "z") for prompt in ("p", "q")))
        for name in ("tensorflow", "pytorch")
    ]
    table = shown(*models)["next"]
    assert [row[:2] for row in table.rows] == [
        ["p", "pytorch"],
        ["p", "tensorflow"],
        ["q", "pytorch"],
        ["q", "tensorflow"],
    ]
    assert table.rows[0][2] == "x 50 %, y 25 %"


def test_a_confusion_has_a_row_per_class_and_its_mistakes_as_pictures(shown):
    confusion = Confusion([[1000, 2], [0, 3]], [Mistake(7, 0, 1, 0.995, PIXELS)])
    (found,) = shown(Shown("tensorflow", confusion=confusion))["confusions"]
    assert found["table"].rows == [["0", "1,000", "2"], ["1", "0", "3"]]
    (mistake,) = found["mistakes"]
    assert (mistake["text"], mistake["probability"]) == ("0 taken for 1", "99.5 %")
    content = base64.b64decode(mistake["source"].removeprefix("data:image/png;base64,"))
    assert np.array_equal(imread(io.BytesIO(content)), imread(io.BytesIO(png(PIXELS))))


def test_what_is_missing_is_said(shown):
    found = shown(missing=["Of made, no run kept its model: train with keep_models: true."])
    assert found["title"] == "What the models learned"
    assert found["missing"] == ["Of made, no run kept its model: train with keep_models: true."]
    assert found["next"] is None


def test_words_cannot_control_the_page_s_lines(shown):
    found = shown(Shown("pytorch", sentence=Sentence(["a\nb"], ["\x1b[31m"])))
    assert found["sentences"]["PyTorch"][0]["true"] == "a b"
    assert "\x1b" not in found["sentences"]["PyTorch"][0]["predicted"]
