"""The verb that trains, on both tasks, with the NumPy reference: what it writes is a record that can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from lstmbench import datasets
from lstmbench.datasets import Prepared
from lstmbench.errors import UsageError
from lstmbench.initialise import initialise
from lstmbench.loop import Caps
from lstmbench.prepare import prepare
from lstmbench.record import read_record
from lstmbench.train import train_run

PRESET = {
    "source": "a test",
    "num_layers": 1,
    "hidden_size": 4,
    "num_steps": 28,
    "batch_size": 4,
    "keep_prob": 0.9,
    "init_scale": 0.1,
    "optimizer": "adam",
    "learning_rate": 1.0e-2,
    "epochs": 2,
    "full_rate_epochs": 1,
}


class Images:
    TASK, VERSION = "classifier", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        stream = np.random.default_rng(0)
        arrays = {}
        for split in ("train", "valid", "test"):
            arrays[f"{split}_images"] = stream.integers(0, 256, (20, 28, 28)).astype(np.uint8)
            arrays[f"{split}_labels"] = (np.arange(20) % 10).astype(np.uint8)
        return Prepared(arrays, {"classes": 10})


class Text:
    TASK, VERSION = "language_model", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        words = np.random.default_rng(0).integers(0, 7, 300).astype(np.int32)
        return Prepared(dict.fromkeys(("train", "valid", "test"), words), {"vocab_size": 7})


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains on a made-up data set; returns the record as it is read back."""

    def run(module, *, caps=Caps(), weights_of=None, **changes):  # noqa: B008 - frozen
        monkeypatch.setattr(datasets, "load_module", lambda name: module)
        prepare(dataset="made", raw=tmp_path / "raw", output=tmp_path / "data")
        preset, weights = tmp_path / "tiny.yaml", tmp_path / "weights.safetensors"
        preset.write_text(yaml.safe_dump({**PRESET, **(weights_of or changes)}), encoding="utf-8")
        initialise(data=tmp_path / "data", preset_file=preset, seed=1, output=weights)
        preset.write_text(yaml.safe_dump({**PRESET, **changes}), encoding="utf-8")
        output = tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json"
        train_run(
            data=tmp_path / "data",
            preset_file=preset,
            weights_file=weights,
            implementation="reference",
            device="cpu",
            threads=1,
            seed=1,
            caps=caps,
            checkpoints=tmp_path / "checkpoints/made",
            output=output,
        )
        return read_record(output)

    return run


def test_a_classifiers_record_is_whole_with_the_tests_made_on_the_way(train, tmp_path):
    record = train(Images, report_after_updates=7)
    assert [(row["updates"], row["predictions"]) for row in record["milestones"]] == [(7, 20), (7, 4)]
    assert [row["updates"] for row in record["history"]] == [5, 10]
    assert record["caps"] == []
    assert record["final_weights_sha256"] != record["initial_weights_sha256"]
    assert not (tmp_path / "checkpoints").exists()
    assert list((tmp_path / "runs/made/tiny/reference/cpu/seed-1/tensorboard").iterdir())


def test_a_language_models_record_says_what_was_capped(train):
    record = train(Text, caps=Caps(max_updates=3, max_eval_predictions=150))
    assert record["caps"] == ["trained for 3 of 4 updates", "evaluated on the first 150 predictions"]
    assert record["final"]["predictions"] == 150
    assert record["history"][-1]["updates"] == 3


def test_weights_of_another_model_are_refused(train):
    with pytest.raises(UsageError, match=r"weights\.safetensors.*initialise it anew"):
        train(Text, weights_of={"hidden_size": 5})
