"""The loop, with the NumPy reference learning a small text."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from lstmbench import implementations, tasks
from lstmbench.checkpoint import CheckpointFolder
from lstmbench.datasets import Dataset
from lstmbench.errors import DivergedError
from lstmbench.files import hash_arrays
from lstmbench.loop import Caps, train
from lstmbench.presets import Preset
from lstmbench.weights import initial_weights

PRESET = Preset(
    source="test",
    num_layers=1,
    hidden_size=6,
    num_steps=4,
    batch_size=2,
    keep_prob=0.8,
    init_scale=0.1,
    optimizer="sgd",
    learning_rate=0.5,
    epochs=4,
    full_rate_epochs=2,
    lr_decay=0.5,
    max_grad_norm=1.0,
)
WORDS = np.random.default_rng(0).integers(0, 5, 130).astype(np.int32)
TEXT = Dataset("text", "language_model", {"vocab_size": 5}, dict.fromkeys(("train", "valid", "test"), WORDS), "0" * 64)
IMAGES = Dataset(
    "images",
    "classifier",
    {"classes": 3},
    {f"{split}_{kind}": value for split in ("train", "valid", "test") for kind, value in {
        "images": np.random.default_rng(1).integers(0, 255, (20, 4, 4)).astype(np.uint8),
        "labels": (np.arange(20) % 3).astype(np.uint8),
    }.items()},
    "0" * 64,
)  # fmt: skip


class Interrupted(Exception):
    """Stands for a process that is killed."""


def run(folder, *, preset=PRESET, dataset=TEXT, caps=Caps(), stop_after=None, fingerprint="same"):  # noqa: B008
    task = tasks.load(dataset.task)
    spec = task.model_spec(preset, dataset.facts)
    learner = implementations.load("reference").Learner(spec, "cpu", 1, "float32")
    learner.load_weights(initial_weights(spec, preset, 1))
    seen = []

    def on_epoch(row):
        seen.append(row["epoch"])
        if row["epoch"] == stop_after:
            raise Interrupted

    reached, final, full = train(
        learner=learner,
        task=task,
        dataset=dataset,
        preset=preset,
        caps=caps,
        seed=1,
        checkpoints=CheckpointFolder(folder, {"fingerprint": fingerprint}),
        on_epoch=on_epoch,
        label="test",
    )
    return reached, final, full, hash_arrays(learner.weights()), seen


def without_seconds(history):
    return [{name: value for name, value in row.items() if "seconds" not in name} for row in history]


def test_a_run_follows_its_schedule_and_counts_what_it_does(tmp_path):
    reached, final, full, _, _ = run(tmp_path)
    # (130 // 2 - 1) // 4 = 16 steps of 8 words per epoch.
    assert [row["updates"] for row in reached.history] == [16, 32, 48, 64]
    assert full == 64
    assert [row["learning_rate"] for row in reached.history] == [0.5, 0.5, 0.25, 0.125]
    assert {row["train_predictions"] for row in reached.history} == {128}
    assert final["predictions"] == 129
    assert final["perplexity"] == pytest.approx(math.exp(final["loss"]))
    assert reached.history[-1]["train_loss"] < reached.history[0]["train_loss"]


def test_an_interrupted_run_goes_on_after_its_last_epoch_and_ends_like_an_uninterrupted_one(tmp_path):
    whole, final, _, weights, _ = run(tmp_path / "whole")
    # Epoch 3 is trained but its checkpoint is not yet written.
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", stop_after=3)
    resumed, final_resumed, _, weights_resumed, seen = run(tmp_path / "cut")
    assert resumed.resumed == 1
    assert seen == [1, 2, 3, 4]
    assert weights_resumed == weights
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert final_resumed["loss"] == final["loss"]


def test_a_checkpoint_of_a_changed_run_is_not_used(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, stop_after=3)
    reached, *_ = run(tmp_path, fingerprint="changed")
    assert reached.resumed == 0


def test_caps_cut_training_and_evaluation(tmp_path):
    reached, final, full, _, _ = run(tmp_path, caps=Caps(max_updates=20, max_eval_predictions=10))
    assert (reached.updates, full) == (20, 64)
    assert [row["train_predictions"] for row in reached.history] == [128, 32]
    assert final["predictions"] == 10
    assert reached.history[0]["valid_predictions"] == 16


def test_a_milestone_is_tested_at_its_update_on_both_protocols(tmp_path):
    preset = dataclasses.replace(PRESET, batch_size=6, report_after_updates=5, optimizer="adam", learning_rate=1e-3)
    reached, final, _, _, _ = run(tmp_path, preset=preset, dataset=IMAGES)
    assert [(m["updates"], m["predictions"]) for m in reached.milestones] == [(5, 20), (5, 6)]
    assert 0 <= final["accuracy"] <= 1
    assert "perplexity" not in final


def test_a_diverging_run_stops_and_says_where(tmp_path):
    preset = dataclasses.replace(PRESET, learning_rate=1e5, max_grad_norm=None)
    with pytest.raises(DivergedError, match=r"update \d+ .*learning rate 100000"):
        run(tmp_path, preset=preset)


def test_the_first_validation_of_an_untrained_model_is_near_the_uniform_guess(tmp_path):
    reached, *_ = run(tmp_path, preset=dataclasses.replace(PRESET, learning_rate=1e-9))
    assert reached.history[0]["valid_loss"] == pytest.approx(math.log(5), abs=0.1)
