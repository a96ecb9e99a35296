"""The verb that trains, on both tasks, with the NumPy reference: what it writes is a record that can be read."""

from __future__ import annotations

import pytest
import yaml

from lstmbench import cell
from lstmbench.errors import Interrupted, ResourceError, UsageError
from lstmbench.interruption import Interruption
from lstmbench.loop import Caps
from lstmbench.record import read_record
from lstmbench.train import train_run
from tests.unit.made import PRESET, Images, Text, make_cell


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains on a made-up data set; returns the record as it is read back."""

    def run(module, *, caps=Caps(), weights_of=None, **changes):  # noqa: B008 - frozen
        files = make_cell(tmp_path, monkeypatch, module, **(weights_of or changes))
        files["preset_file"].write_text(yaml.safe_dump({**PRESET, **changes}), encoding="utf-8")
        output = tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json"
        train_run(
            **files,
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


def test_a_checkpoint_of_other_settings_is_passed_over_with_the_settings_that_differ(train, monkeypatch, capsys):
    monkeypatch.setattr(Interruption, "check", lambda self: (_ for _ in ()).throw(Interrupted("told to")))
    for changes in ({"learning_rate": 1.0}, {"learning_rate": 0.5, "max_grad_norm": 5.0}):
        with pytest.raises(Interrupted):
            train(Text, **changes)
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "is not used" in line]
    differing = "settings.preset.learning_rate 1.0, now 0.5; settings.preset.max_grad_norm None, now 5.0"
    assert told.endswith(f"it belongs to another run: {differing}")


def test_where_a_recipe_comes_from_is_no_setting_a_checkpoint_depends_on(train, monkeypatch, capsys):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Interruption, "check", lambda self: (_ for _ in ()).throw(Interrupted("told to")))
        with pytest.raises(Interrupted):
            train(Text, source="a test")
    assert train(Text, source="the same test in other words")["resumed"] == 1


def test_weights_of_another_model_are_refused(train):
    with pytest.raises(UsageError, match=r"weights\.safetensors.*initialise it anew"):
        train(Text, weights_of={"hidden_size": 5})


def test_a_model_larger_than_the_memory_is_not_tried_and_told_with_both_sizes(train, monkeypatch):
    monkeypatch.setattr(cell, "memory_limit_bytes", lambda: 2_000_000)
    with pytest.raises(ResourceError, match=r"not tried.*at least \d+ MB .*no more than 2 MB"):
        train(Text, hidden_size=400)
