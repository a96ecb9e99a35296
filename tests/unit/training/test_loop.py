"""The loop, with the NumPy reference learning a small text."""

from __future__ import annotations

import itertools
import math
import re
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmbench import implementations, tasks
from lstmbench.datasets import Dataset
from lstmbench.models.presets import Preset
from lstmbench.models.weights import initial_weights
from lstmbench.records.run_record import Caps
from lstmbench.system.nvml import not_measured
from lstmbench.tasks import classifier
from lstmbench.training.checkpoint import CheckpointFolder
from lstmbench.training.loop import Supervision, TrainingLoop, TrainingRequest
from lstmbench.utils.errors import DataError, DivergedError, Interrupted
from lstmbench.utils.files import hash_arrays

UNCAPPED = Caps()
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
CLASSIFIED = msgspec.structs.replace(PRESET, batch_size=3, report_after_updates=5, optimizer="adam", learning_rate=1e-2)
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


class Killed(Exception):
    """Stands for a process that is killed."""


class Stop:
    """Asks a run to stop at its n-th look; None: never."""

    def __init__(self, looks=None):
        self.looks = looks

    def check(self):
        if self.looks is not None:
            self.looks -= 1
            if self.looks < 0:
                raise Interrupted("told to")


def run(
    folder,
    *,
    preset=PRESET,
    dataset=TEXT,
    caps=UNCAPPED,
    stop_after=None,
    fingerprint="same",
    looks=None,
    every=1e9,
    is_main=True,
    energy=not_measured,
):
    task = tasks.load(dataset.task)
    spec = task.model_spec(preset, dataset.facts)
    learner = implementations.load("reference").Learner(spec, "cpu", 1, "float32")
    learner.load_weights(initial_weights(spec, preset, 1))
    seen = []

    def on_epoch(row):
        seen.append(row["epoch"])
        if row["epoch"] == stop_after:
            raise Killed

    loop = TrainingLoop(
        TrainingRequest(learner=learner, task=task, dataset=dataset, preset=preset, caps=caps, seed=1),
        Supervision(
            label="test",
            checkpoints=CheckpointFolder(folder, {"fingerprint": fingerprint}),
            checkpoint_seconds=every,
            stop_if_asked=Stop(looks).check,
            on_epoch=on_epoch,
            is_main=is_main,
            energy=energy,
        ),
    )
    final = loop.run()
    return loop, final, loop.full_updates, hash_arrays(learner.weights()), seen


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


class Counter:
    """Counts a joule per reading from ``start`` on, so that each block takes one; ``lost``: the readings that fail."""

    def __init__(self, start=1000.0, lost=()):
        self.readings, self.start, self.lost = 0, start, lost

    def __call__(self):
        self.readings += 1
        return None if self.readings in self.lost else self.start + self.readings


def joules(loop):
    return [row.get("train_joules") for row in loop.history]


def test_an_epoch_has_the_energy_of_its_blocks_and_none_of_the_evaluations(tmp_path):
    counter = Counter()
    loop, *_ = run(tmp_path, energy=counter)
    assert all(value > 0 for value in joules(loop))
    assert sum(joules(loop)) == loop.blocks == counter.readings / 2


def test_an_epoch_of_which_a_block_was_not_measured_has_no_energy(tmp_path):
    loop, *_ = run(tmp_path, energy=Counter(lost=[2]))
    assert joules(loop)[0] is None
    assert None not in joules(loop)[1:]
    assert joules(run(tmp_path / "none")[0]) == [None] * 4
    restarted = itertools.chain([10.0, 5.0], itertools.count(6.0))
    assert joules(run(tmp_path / "restarted", energy=lambda: next(restarted))[0])[0] is None


def test_a_resumed_run_keeps_the_energy_of_the_epoch_that_was_interrupted(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, looks=2, energy=Counter())
    loop, *_ = run(tmp_path, energy=Counter(start=50.0))  # of another driver
    assert loop.resumed == 1
    assert joules(loop)[0] >= 2
    assert all(value > 0 for value in joules(loop))


def test_an_interrupted_run_goes_on_after_its_last_epoch_and_ends_like_an_uninterrupted_one(tmp_path):
    whole, final, _, weights, _ = run(tmp_path / "whole")
    # Epoch 3 is trained but its checkpoint is not yet written.
    with pytest.raises(Killed):
        run(tmp_path / "cut", stop_after=3)
    resumed, final_resumed, _, weights_resumed, seen = run(tmp_path / "cut")
    assert resumed.resumed == 1
    assert seen == [1, 2, 3, 4]
    assert weights_resumed == weights
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert final_resumed["loss"] == final["loss"]


def until_done(folder, looks, **changes):
    """Stop and start again after so many looks each, then without end; what the last process found."""
    for number in looks:
        try:
            return run(folder, looks=number, **changes)
        except Interrupted:
            pass
    return run(folder, **changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return {
        "text": run(tmp_path_factory.mktemp("text")),
        "images": run(tmp_path_factory.mktemp("images"), preset=CLASSIFIED, dataset=IMAGES),
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.integers(0, 40), min_size=1, max_size=6), task=st.sampled_from(["text", "images"]))
def test_a_run_that_is_stopped_anywhere_any_number_of_times_ends_with_the_same_bits(whole, looks, task):
    changes = {"text": {}, "images": {"preset": CLASSIFIED, "dataset": IMAGES}}[task]
    with tempfile.TemporaryDirectory() as folder:
        reached, final, _, weights, seen = until_done(Path(folder), looks, **changes)
    expected, final_expected, _, weights_expected, _ = whole[task]
    assert weights == weights_expected
    assert without_seconds(reached.history) == without_seconds(expected.history)
    assert without_seconds(reached.milestones) == without_seconds(expected.milestones)
    assert final["loss"] == final_expected["loss"]
    assert seen == [1, 2, 3, 4]


def test_a_run_that_was_stopped_within_an_epoch_says_so_and_goes_on_within_it(tmp_path, capsys):
    with pytest.raises(Interrupted, match=r"test: told to; saved after \d+ updates, and the same command resumes"):
        run(tmp_path, looks=2)
    run(tmp_path)
    assert "resumes after" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "lost"),
    [
        ("text", "weights/"),
        ("text", "state/"),  # of the recurrence
        ("text", "epoch/losses"),
        ("text", "training/updates"),  # from which the reference draws its dropout masks
        ("images", "training/first_moment"),
        ("images", "training/second_moment"),
    ],
)
def test_a_checkpoint_without_one_of_its_parts_would_be_noticed(tmp_path, whole, monkeypatch, task, lost):
    restore = TrainingLoop.restore

    def forgetful(self, arrays):
        fresh = {**TrainingLoop.arrays(self), "epoch/losses": 0 * arrays["epoch/losses"]}
        restore(self, {name: fresh[name] if name.startswith(lost) else value for name, value in arrays.items()})

    monkeypatch.setattr(TrainingLoop, "restore", forgetful)
    changes = {"text": {}, "images": {"preset": CLASSIFIED, "dataset": IMAGES}}[task]
    reached, _, _, weights, _ = until_done(tmp_path, [1], **changes)
    expected, _, _, weights_expected, _ = whole[task]
    same = without_seconds(reached.history) == without_seconds(expected.history)
    assert not (weights == weights_expected and same)


def test_checkpoints_within_an_epoch_come_after_so_many_seconds(tmp_path):
    for every, count in ((0.0, 2), (1e9, 0)):
        folder = tmp_path / str(every)
        with pytest.raises(Killed):
            run(folder, every=every, stop_after=1)
        assert len(list(folder.glob("*.safetensors"))) == count


def test_a_checkpoint_of_a_changed_run_is_not_used(tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, stop_after=3)
    reached, *_ = run(tmp_path, fingerprint="changed")
    assert reached.resumed == 0


def test_both_of_two_settings_that_take_turns_go_on_from_their_own_checkpoints(tmp_path, capsys):
    with pytest.raises(Killed):
        run(tmp_path, stop_after=3)
    with pytest.raises(Interrupted, match="saved after 3 updates, and the same command resumes from there"):
        run(tmp_path, looks=1, fingerprint="changed")
    for fingerprint, updates in (("changed", 3), ("same", 32)):
        with pytest.raises(Interrupted):
            run(tmp_path, looks=0, fingerprint=fingerprint)
        assert f"resumes after {updates} updates" in capsys.readouterr().err


def test_that_a_checkpoint_of_another_run_is_deleted_is_told(tmp_path, capsys):
    for fingerprint in ("first", "second", "third"):
        with pytest.raises(Interrupted):
            run(tmp_path, looks=0, fingerprint=fingerprint)
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "deleted" in line]
    assert re.fullmatch(r"test: checkpoint \S+-000000001\.safetensors of another run is deleted: .*", told)


def test_caps_cut_training_and_evaluation(tmp_path):
    reached, final, full, _, _ = run(tmp_path, caps=Caps(max_updates=20, max_eval_predictions=10))
    assert (reached.updates, full) == (20, 64)
    assert [row["train_predictions"] for row in reached.history] == [128, 32]
    assert final["predictions"] == 10
    assert reached.history[0]["valid_predictions"] == 16


def test_the_words_predicted_right_are_counted_in_every_evaluation(tmp_path):
    reached, final, *_ = run(tmp_path)
    for accuracy, count in [
        (final["accuracy"], final["predictions"]),
        *((row["valid_accuracy"], row["valid_predictions"]) for row in reached.history),
    ]:
        assert 0 < accuracy < 1
        assert accuracy * count == pytest.approx(round(accuracy * count))


def test_a_milestone_is_tested_at_its_update_on_both_protocols(tmp_path):
    preset = msgspec.structs.replace(PRESET, batch_size=6, report_after_updates=5, optimizer="adam", learning_rate=1e-3)
    reached, final, _, _, _ = run(tmp_path, preset=preset, dataset=IMAGES)
    assert [(m["updates"], m["predictions"]) for m in reached.milestones] == [(5, 20), (5, 6)]
    assert 0 <= final["accuracy"] <= 1
    assert "perplexity" not in final


def test_a_milestone_names_the_number_of_images_that_it_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "EVALUATION_BATCH", 4)
    preset = msgspec.structs.replace(PRESET, batch_size=6, report_after_updates=2, optimizer="adam", learning_rate=1e-3)
    reached, *_ = run(tmp_path, preset=preset, dataset=IMAGES)
    assert [(m["protocol"], m["predictions"]) for m in reached.milestones] == [
        ("all test images", 20),
        ("first 4 test images, as the tutorial", 4),
    ]


def test_a_diverging_run_stops_and_says_where(tmp_path):
    preset = msgspec.structs.replace(PRESET, learning_rate=1e5, max_grad_norm=None)
    with pytest.raises(DivergedError, match=r"update \d+ .*learning rate 100000"):
        run(tmp_path, preset=preset)


@pytest.mark.parametrize("loss", [1e9, math.inf, math.nan])
@pytest.mark.parametrize("dataset", [TEXT, IMAGES], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize(("good_blocks", "split"), [(0, "validation"), (1, "test")])
def test_a_divergence_that_only_an_evaluation_sees_stops_the_run_and_says_where(
    tmp_path, monkeypatch, loss, dataset, good_blocks, split
):
    reference, blocks = implementations.load("reference").Learner, itertools.count()
    evaluated = reference.eval_block

    def diverged(*arguments):
        losses, hits, state = evaluated(*arguments)
        return losses if next(blocks) < good_blocks else np.full_like(losses, loss), hits, state

    monkeypatch.setattr(reference, "eval_block", diverged)
    with pytest.raises(DivergedError, match=rf"loss of {split} after update 1 is \S+ at learning rate 0\.5: "):
        run(tmp_path, dataset=dataset, caps=Caps(max_updates=1))


def test_the_first_validation_of_an_untrained_model_is_near_the_uniform_guess(tmp_path):
    reached, *_ = run(tmp_path, preset=msgspec.structs.replace(PRESET, learning_rate=1e-9))
    assert reached.history[0]["valid_loss"] == pytest.approx(math.log(5), abs=0.1)


class Following(implementations.load("reference").Learner):
    """A worker to which another one says when to stop: at the n-th question whether to."""

    asked = 0

    def broadcast(self, value):
        Following.asked += value in (0.0, 1.0)
        return 1.0 if Following.asked == 7 and value == 0.0 else value


def test_a_worker_stops_when_the_first_one_is_asked_to_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(implementations.load("reference"), "Learner", Following)
    with pytest.raises(Interrupted, match="the first worker was asked to stop; saved"):
        run(tmp_path, is_main=False)
    assert not list(tmp_path.iterdir())


def test_a_worker_that_goes_on_from_another_checkpoint_than_the_first_is_refused(tmp_path, monkeypatch):
    with pytest.raises(Killed):
        run(tmp_path, stop_after=2)
    monkeypatch.setattr(implementations.load("reference").Learner, "broadcast", lambda self, value: 0.0)
    with pytest.raises(DataError, match=r"after 16 updates, and the first one does not.*" + str(tmp_path)):
        run(tmp_path)
