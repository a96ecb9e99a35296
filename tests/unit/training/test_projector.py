"""TensorBoard itself serves the graph of each run, and the embedding of a text with its words."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lstmbench import datasets
from lstmbench.records.run import MODEL, read_complete
from lstmbench.records.run_record import Caps
from lstmbench.training.projector import CONFIG, VECTORS, WORDS, write_projector
from lstmbench.training.run import train_run
from lstmbench.training.tensorboard import EventFile
from lstmbench.utils.errors import DataError, Interrupted
from lstmbench.utils.files import read_arrays
from lstmbench.utils.signals import Interruption
from tests.factories.cases import Images, Text, make_case, make_request

SHOWN = "seed-1/tensorboard"


@pytest.fixture
def served(tmp_path):
    """What TensorBoard serves of a folder, started like a user's: with TensorFlow or without."""

    def run(logdir, tensorflow="without"):
        output = tmp_path / "served.json"
        command = [sys.executable, "-m", "tests.helpers.tensorboard_program", str(logdir), tensorflow, str(output)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(output.read_text())

    return run


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains the reference on a made-up data set; returns the folder of the run."""

    def run(module, keep_model=True):
        files = make_case(tmp_path, monkeypatch, module)
        output = tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json"
        checkpoints = tmp_path / "checkpoints"
        train_run(make_request(files), caps=Caps(), checkpoints=checkpoints, keep_model=keep_model, output=output)
        return output.parent

    return run


def test_a_text_s_run_has_its_graph_and_its_words_in_the_order_of_their_vectors(train, served):
    folder = train(Text)
    found = served(folder.parent)
    assert list(found["graphs"]) == list(found["embeddings"]) == [SHOWN]
    assert 'name: "lstm.0/kernel"' in found["graphs"][SHOWN]
    embedding, shown = read_arrays(folder / MODEL)["embedding"], found["embeddings"][SHOWN]
    assert shown["name"] == "embedding"
    assert shown["words"].splitlines() == list("abcdefg")
    np.testing.assert_allclose(np.reshape(shown["values"], shown["shape"]), embedding, rtol=2**-15)


def test_a_run_on_images_has_its_graph_and_no_words(train, served):
    found = served(train(Images).parent)
    assert list(found["graphs"]) == [SHOWN]
    assert not found["embeddings"]


def test_a_run_that_keeps_no_model_has_no_vectors_that_an_earlier_one_left_either(train):
    assert (train(Text) / "tensorboard" / CONFIG).exists()
    folder = train(Text, keep_model=False)
    assert [path.name for path in (folder / "tensorboard").iterdir() if "events" not in path.name] == []


def test_a_resumed_run_shows_its_graph_once_and_the_record_of_one_that_was_not_stopped(
    train, served, tmp_path, monkeypatch
):
    whole = read_complete(train(Text) / "run.json")
    (tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json").unlink()
    asked = iter([None, None, Interrupted("told to")])

    def check(self):
        if error := next(asked, None):
            raise error

    monkeypatch.setattr(Interruption, "check", check)
    with pytest.raises(Interrupted):
        train(Text)
    folder = train(Text)
    resumed = read_complete(folder / "run.json")
    assert resumed.resumed == 1
    assert resumed.final_weights_sha256 == whole.final_weights_sha256
    assert [row.valid_loss for row in resumed.history] == [row.valid_loss for row in whole.history]
    (events,) = (folder / "tensorboard").glob("events*")
    assert events.read_bytes().count(b"lstm.0/kernel") == 2  # as a node, and as an input of another one
    assert list(served(folder.parent)["graphs"]) == [SHOWN]


def test_a_missing_vocabulary_is_told_before_the_first_update(train, monkeypatch):
    monkeypatch.setattr("lstmbench.training.run.TrainingLoop", lambda *_: pytest.fail("it was trained"))
    monkeypatch.setattr(datasets, "VOCABULARY", "lost.json")
    with pytest.raises(DataError, match=r"lost\.json: missing"):
        train(Text)


AWKWARD = ["\t", "\n", " ", "a\tb", "two\r\nlines", "\u2028", "\ufeff", "é", "'", "<eos>", "=1+1", "\x00", ""]


def test_each_word_is_one_line_that_is_not_empty_whatever_is_in_it(served, tmp_path):
    table = np.arange(2.0 * len(AWKWARD), dtype=np.float32).reshape(-1, 2)
    write_events(tmp_path / "logs/run")
    write_projector(tmp_path / "logs/run", table, AWKWARD)
    words = served(tmp_path / "logs")["embeddings"]["run"]["words"]
    lines = words.split("\n")[:-1]
    assert len(lines) == len(set(lines)) == len(AWKWARD)
    assert all(line.strip() and "\t" not in line for line in lines)
    assert lines[:4] == [r"'\t'", r"'\n'", "' '", r"'a\tb'"]
    assert lines[7:11] == ["é", "'", "<eos>", "=1+1"]


TEXTS = {"zeros": [[0.0, 0.0]], "digits": np.frombuffer(b"1.5\t2.5\n", np.float32).reshape(1, 2)}


@pytest.mark.parametrize("tensorflow", ["without", "tensorflow"])
def test_vectors_whose_bytes_could_be_a_text_are_read_as_vectors(served, tmp_path, tensorflow):
    for name, values in TEXTS.items():
        write_events(tmp_path / "logs" / name)
        write_projector(tmp_path / "logs" / name, np.array(values, np.float32), ["word"])
    shown = served(tmp_path / "logs", tensorflow)["embeddings"]
    assert set(shown) == set(TEXTS)
    for name, values in TEXTS.items():
        found = np.reshape(shown[name]["values"], shown[name]["shape"])
        np.testing.assert_allclose(found, values, rtol=2**-15, atol=1e-42)


def test_the_files_are_small_next_to_the_model(train):
    folder = train(Text) / "tensorboard"
    assert (folder / VECTORS).stat().st_size == 4 * 7 * 4
    assert (folder / WORDS).stat().st_size == 2 * 7
    assert (folder / CONFIG).stat().st_size < 200


def write_events(folder):
    """Make a folder a run of TensorBoard."""
    with EventFile(folder) as events:
        events.add({"epoch": 1, "updates": 1, "train_loss": 1.0})
