"""What the report shows of kept models: the first seed, the largest size, each implementation once."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lstmbench.datasets import Prepared, ptb
from lstmbench.inference import demonstration
from lstmbench.inference.demonstration import PROMPTS, SENTENCE_WORDS, demonstrate
from lstmbench.inference.learned import Learned, read_learned
from lstmbench.orchestration.config import checked
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import write_json
from tests.factories.kept import SENTENCES, Tale, make_kept
from tests.factories.pages import SELECTION

NAMES = ["reference", "pytorch"]


def selected(**changes):
    """The runs of ``factories.kept``, below the working directory, of two implementations."""
    values = {"datasets": ["made"], "sizes": ["tiny"], "implementations": NAMES, "seeds": [1], "results": "."}
    return replace(checked({**SELECTION, "datasets": ["ptb"]}), **{**values, **changes})


def twin(run: Path) -> Path:
    """The same run as if PyTorch had made it."""
    folder = Path(str(run).replace("/reference/", "/pytorch/"))
    shutil.copytree(run, folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["run"]["implementation"] = "pytorch"
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_a_text_shows_a_true_sentence_its_prediction_and_what_follows_three_others(text_run, tmp_path):
    twin(text_run)
    learned = demonstrate(selected(), "made", tmp_path)
    assert (learned.size, learned.seed, learned.missing) == ("tiny", 1, [])
    assert [one.implementation for one in learned.shown] == NAMES
    first, second = learned.shown
    assert (first.sentence, first.continuations) == (second.sentence, second.continuations)
    assert " ".join(first.sentence.true) == SENTENCES.split("\n")[0]
    assert len(first.sentence.predicted) == len(first.sentence.true) >= SENTENCE_WORDS[0]
    prompts = [" ".join(line.split()[:3]) for line in SENTENCES.split("\n")[1:4]]
    assert [one.prompt for one in first.continuations] == prompts
    for one in first.continuations:
        assert list(one.likely.values()) == sorted(one.likely.values(), reverse=True)
        assert 0 < sum(one.likely.values()) <= 1


def test_a_text_of_characters_shows_what_is_seen_of_each_and_continues_a_line(letters_run, tmp_path):
    learned = demonstrate(selected(implementations=["reference"]), "made", tmp_path)
    assert learned.level == "character"
    (one,) = learned.shown
    assert "".join(one.sentence.true) == SENTENCES[:25].replace(" ", "\u2423")
    assert len(one.continuations) == 3
    for continuation in one.continuations:
        assert (
            continuation.prompt == next(line for line in SENTENCES.split("\n") if line[:20] == continuation.prompt)[:20]
        )
        assert "\n" not in continuation.drawn


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 30), max_size=8).filter(lambda lengths: sum(lengths) + len(lengths) >= 2),
    last=st.integers(0, 30),
    ends=st.booleans(),
)
@example(lengths=[0, 0], last=0, ends=True)
@example(lengths=[1], last=0, ends=True)
@example(lengths=[2], last=0, ends=False)
def test_every_test_split_shows_a_sentence_and_as_many_prompts_as_it_has(model, lengths, last, ends):
    one, end = model.ids(["cat", "<eos>"])
    test = np.array([number for length in lengths for number in [one] * length + [end] * ends] + [one] * last)
    assume(len(test) >= 2)
    words = model.words if ends else tuple("." if word == "<eos>" else word for word in model.words)
    dataset = dataclasses.replace(model.dataset, arrays={**model.dataset.arrays, "test": test.astype(np.int32)})
    sentence, *prompts = demonstration._excerpts(dataclasses.replace(model, dataset=dataset, words=words))
    assert len(sentence) >= (1 if ends else 2)
    assert all(prompts)
    whole = [length for length in [*lengths, last] if length] if ends else range(0, len(test), SENTENCE_WORDS[1])
    assert len(prompts) == min(PROMPTS, max(0, len(whole) - 1))
    assert len(sentence) >= min(SENTENCE_WORDS[0], max(map(len, prompts), default=0))


class Verse(Tale):
    """The sentences of ``Tale`` to learn from, and a test split of two short ones."""

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        Tale.prepare(raw)
        (raw / "ptb.test.txt").write_text("the cat\nsat\n", encoding="utf-8")
        return ptb.prepare(raw)


def test_a_text_of_short_lines_shows_what_it_has_and_says_what_is_missing(tmp_path, monkeypatch):
    make_kept(tmp_path, monkeypatch, Verse)
    learned = demonstrate(selected(implementations=["reference"]), "made", tmp_path)
    (one,) = learned.shown
    assert (one.sentence.true, [each.prompt for each in one.continuations]) == (["the", "cat"], ["sat"])
    assert learned.missing == ["Of made, 1 of 3 continuations are shown: its test split has no more lines."]


def test_images_show_the_confusion_of_each_implementation(image_run, tmp_path):
    twin(image_run)
    learned = demonstrate(selected(), "made", tmp_path)
    assert [sum(map(sum, one.confusion.counts)) for one in learned.shown] == [20, 20]
    assert all(one.sentence is None for one in learned.shown)


def test_only_kept_models_of_the_first_seed_are_shown(text_run, tmp_path):
    (twin(text_run) / "model.safetensors").unlink()
    learned = demonstrate(selected(seeds=[1, 2]), "made", tmp_path)
    assert [one.implementation for one in learned.shown] == ["reference"]


def test_without_kept_models_it_says_how_to_get_them(text_run, tmp_path):
    (text_run / "model.safetensors").unlink()
    learned = demonstrate(selected(implementations=["reference"]), "made", tmp_path)
    assert learned.shown == []
    assert learned.missing == ["Of made, no run kept its model: train with keep_models: true."]


def test_what_would_take_too_long_is_left_out_and_named(text_run, tmp_path, monkeypatch):
    twin(text_run)
    monkeypatch.setattr(demonstration, "SECONDS", 1e-9)
    learned = demonstrate(selected(), "made", tmp_path)
    assert [one.implementation for one in learned.shown] == ["reference"]
    assert learned.missing[0].startswith("pytorch is not shown: the one before it took")


def test_what_is_written_is_read_and_anything_else_is_refused(image_run, tmp_path):
    learned = demonstrate(selected(implementations=["reference"]), "made", tmp_path)
    write_json(tmp_path / "made.json", plain(learned))
    assert read_learned(tmp_path / "made.json") == learned
    write_json(tmp_path / "made.json", {**plain(Learned("made", "tiny", 1, [], [])), "seed": "one"})
    with pytest.raises(DataError, match=r"made.json at \$.seed: expected integer, found 'one'"):
        read_learned(tmp_path / "made.json")
