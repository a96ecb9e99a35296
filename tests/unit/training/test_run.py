"""The verb that trains, on both tasks, with the NumPy reference: what it writes is a record that can be read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from lstmbench import tasks
from lstmbench.datasets import load_dataset
from lstmbench.implementations import reference
from lstmbench.models.presets import Preset, load_preset
from lstmbench.models.weights import are_initial, initial_weights, shapes
from lstmbench.orchestration.failed_runs import FAILED
from lstmbench.records.run import MODEL, read_record
from lstmbench.records.run_record import Caps
from lstmbench.system import hardware, provenance, spin
from lstmbench.system.machine import Machine
from lstmbench.tasks import language_model
from lstmbench.training import projector, session
from lstmbench.training.loop import TrainingRequest
from lstmbench.training.rehearsal import rehearse
from lstmbench.training.run import train_run
from lstmbench.utils.conversion import plain
from lstmbench.utils.errors import DataError, Interrupted, ResourceError, UsageError
from lstmbench.utils.files import atomic, hash_arrays, read_arrays
from lstmbench.utils.signals import Interruption
from tests.factories.cases import PRESET, Images, Text, make_case, make_request, refuse_memory


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains on a made-up data set; returns the record as it is read back."""

    def run(module, *, caps=Caps(), weights_of=None, threads=1, size="tiny", keep_model=True, **changes):  # noqa: B008 - frozen
        files = make_case(tmp_path, monkeypatch, module, **(weights_of or changes))
        files["preset_file"].write_text(yaml.safe_dump({**PRESET, **changes}), encoding="utf-8")
        files["preset_file"] = files["preset_file"].rename(tmp_path / f"{size}.yaml")
        output = tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json"
        train_run(
            make_request(files, threads=threads),
            caps=caps,
            checkpoints=tmp_path / "checkpoints/made",
            keep_model=keep_model,
            output=output,
        )
        return read_record(output)

    return run


def test_a_classifiers_record_is_whole_with_the_tests_made_on_the_way(train, tmp_path):
    record = train(Images, report_after_updates=7)
    assert [(row.updates, row.predictions) for row in record.milestones] == [(7, 20), (7, 4)]
    assert [row.updates for row in record.history] == [5, 10]
    assert record.caps == []
    assert record.final_weights_sha256 != record.initial_weights_sha256
    assert not (tmp_path / "checkpoints/made").exists()
    assert list((tmp_path / "runs/made/tiny/reference/cpu/seed-1/tensorboard").iterdir())


def test_a_language_models_record_says_what_was_capped(train):
    record = train(Text, caps=Caps(max_updates=3, max_eval_predictions=150))
    assert record.caps == ["trained for 3 of 4 updates", "evaluated on the first 150 predictions"]
    assert record.final.predictions == 150
    assert record.history[-1].updates == 3


RUN = "runs/made/tiny/reference/cpu/seed-1"


@pytest.mark.parametrize("caps", [Caps(), Caps(max_updates=3)], ids=["whole", "capped"])
def test_a_complete_run_keeps_its_final_weights_by_their_canonical_names(train, tmp_path, caps):
    record = train(Text, caps=caps)
    weights = read_arrays(tmp_path / RUN / MODEL)
    assert hash_arrays(weights) == record.final_weights_sha256
    spec = language_model.model_spec(load_preset(tmp_path / "tiny.yaml"), record.data.facts)
    assert {name: value.shape for name, value in weights.items()} == shapes(spec)


def test_who_keeps_no_models_has_none_that_an_earlier_run_left_either(train, tmp_path):
    train(Text)
    train(Text, keep_model=False, learning_rate=0.5)
    assert not (tmp_path / RUN / MODEL).exists()


def test_a_record_of_another_name_is_refused_because_two_would_share_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(reference.Learner, "train_block", lambda *_: pytest.fail("it was trained"))
    request = make_request(make_case(tmp_path, monkeypatch, Text))
    output = tmp_path / "runs/seed1.json"
    with pytest.raises(UsageError, match=r"seed1\.json: expected the name run\.json"):
        train_run(request, caps=Caps(), checkpoints=tmp_path / "checkpoints", output=output)
    assert not output.parent.exists()


def test_a_users_own_files_beside_those_for_tensorboard_stay(train, tmp_path):
    notes = tmp_path / RUN / "tensorboard/notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("keep", encoding="utf-8")
    train(Text)
    assert notes.read_text(encoding="utf-8") == "keep"


def test_what_a_killed_process_left_half_written_is_removed_when_the_run_is_trained_again(train, tmp_path):
    checkpoint = tmp_path / "checkpoints/made/aaaa-000000001.safetensors"
    shown = tmp_path / RUN / "tensorboard" / projector.VECTORS
    outputs = [tmp_path / RUN / name for name in ("run.json", MODEL, FAILED)]
    left = []
    for path in [*outputs, shown, checkpoint]:
        with atomic(path) as temporary:
            left.append(temporary)
        path.unlink()
        temporary.write_bytes(b"half")
    edited = tmp_path / RUN / ".run.json.swp"
    edited.write_bytes(b"an editor's")
    train(Text)
    assert not [path for path in left if path.exists()]
    assert edited.exists()


def test_there_is_no_record_before_its_model_and_no_model_of_a_record_that_is_refused(train, tmp_path, monkeypatch):
    checked = []

    def check(path, record):
        if checked:
            raise DataError("an accuracy too good to be true")
        checked.append(record)

    with monkeypatch.context() as refusing:
        refusing.setattr("lstmbench.training.run.require_readable", check)
        with pytest.raises(DataError):
            train(Text)
    assert not (tmp_path / RUN / MODEL).exists()
    with monkeypatch.context() as full:
        full.setattr("lstmbench.training.run.write_arrays", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            train(Text)
    assert not (tmp_path / RUN / "run.json").exists()
    assert train(Text).resumed == 1


def test_a_checkpoint_of_other_settings_is_passed_over_with_the_settings_that_differ(train, monkeypatch, capsys):
    monkeypatch.setattr(Interruption, "check", lambda self: (_ for _ in ()).throw(Interrupted("told to")))
    for changes in ({"learning_rate": 1.0}, {"learning_rate": 0.5, "max_grad_norm": 5.0}):
        with pytest.raises(Interrupted):
            train(Text, **changes)
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "is not used" in line]
    differing = "settings.preset.learning_rate 1.0, now 0.5; settings.preset.max_grad_norm None, now 5.0"
    assert told.endswith(f"it belongs to another run: {differing}")


def test_where_a_recipe_comes_from_is_no_setting_a_checkpoint_depends_on(train, monkeypatch):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Interruption, "check", lambda self: (_ for _ in ()).throw(Interrupted("told to")))
        with pytest.raises(Interrupted):
            train(Text, source="a test")
    assert train(Text, source="the same test in other words").resumed == 1


REFUSED = {
    "a text that is to be tested on the way": ({"report_after_updates": 2}, "report_after_updates"),
    "a cap of no update": ({"caps": Caps(max_updates=0)}, r"\$\.settings\.max_updates"),
    "a cap below that": ({"caps": Caps(max_updates=-1)}, r"\$\.settings\.max_updates|\$\.history"),
    "an evaluation of nothing": ({"caps": Caps(max_eval_predictions=0)}, "expected a prediction at least"),
    "a cap that JSON cannot hold": ({"caps": Caps(max_updates=10**18)}, "too large for a whole number"),
    "no thread": ({"threads": 0}, r"\$\.settings\.threads"),
    "a preset whose name no path may have": ({"size": "Tiny Case"}, r"\$\.run\.size"),
    "the path of another run": ({"size": "small"}, r"\$\.run\.size: expected 'tiny' as in its path"),
    "a source of two lines": ({"source": "two\nlines"}, "source"),
    "a source that a spreadsheet takes for a formula": ({"source": "=1+1"}, "source"),
    "more layers than a record may have": ({"num_layers": 1001}, "num_layers"),
    "a bias that is no number": ({"forget_bias": float("nan")}, "forget_bias"),
    "a rate that falls to zero": ({"lr_decay": 1e-200, "epochs": 4}, "lr_decay"),
    "a rate that grows beyond a float": ({"lr_decay": 1e5, "epochs": 90}, "lr_decay"),
}


@pytest.mark.parametrize(("changes", "told"), REFUSED.values(), ids=REFUSED)
def test_inputs_whose_record_would_be_refused_are_refused_before_the_first_update(
    train, monkeypatch, tmp_path, changes, told
):
    monkeypatch.setattr(reference.Learner, "train_block", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(UsageError, match=told):
        train(Text, weights_of={}, **changes)
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "checkpoints").exists()


SURROUNDINGS = {
    "versions of two lines": (reference, "versions", lambda: {"numpy": "1\n2"}),
    "an unknown unit": (language_model, "unit", lambda facts: "tokens/s"),
    "memory of a device on the CPU": (reference.Learner, "peak_device_bytes", lambda self: 1),
    "a processor whose name is a formula": (
        hardware,
        "describe",
        lambda: Machine(cpu="=1+1", cores=1, memory_bytes=10**12, gpu=None, os="", python=""),
    ),
    "a commit that is none": (provenance, "commit", lambda: ("main", False)),
}


@pytest.mark.parametrize(("place", "name", "value"), SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_surroundings_whose_record_would_be_refused_are_told_before_the_first_update(
    train, monkeypatch, tmp_path, place, name, value
):
    monkeypatch.setattr(place, name, value)
    monkeypatch.setattr(reference.Learner, "train_block", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(UsageError, match="its record would be refused"):
        train(Text)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("module", "caps", "changes"),
    [
        (Text, Caps(), {}),
        (Text, Caps(3, 150), {}),
        (Images, Caps(), {"report_after_updates": 7}),
        (Images, Caps(6, 7), {"report_after_updates": 7}),
    ],
)
def test_what_is_rehearsed_is_the_run_but_for_what_is_learned_and_how_fast(train, tmp_path, module, caps, changes):
    record = train(module, caps=caps, **changes)
    dataset, preset = load_dataset(tmp_path / "data"), load_preset(tmp_path / "tiny.yaml")
    task = tasks.load(dataset.task)
    learner = reference.Learner(task.model_spec(preset, dataset.facts), "cpu", 1, "float32")
    reached, final = rehearse(
        TrainingRequest(learner=learner, task=task, dataset=dataset, preset=preset, caps=caps, seed=1)
    )
    counts = {"epoch", "learning_rate", "updates", "train_predictions", "valid_predictions", "predictions", "protocol"}
    for rehearsed, found in (
        (reached.history, plain(record.history)),
        (reached.milestones, plain(record.milestones)),
        ([final], [plain(record.final)]),
    ):
        assert [set(row) for row in rehearsed] == [set(row) for row in found]
        assert [{name: row[name] for name in counts & set(row)} for row in rehearsed] == [
            {name: row[name] for name in counts & set(row)} for row in found
        ]
    assert len(reached.first_losses) == len(record.first_losses)
    assert (reached.full_updates == reached.updates) == (caps.max_updates is None)


def test_what_we_set_for_the_threads_stands_in_a_field_of_its_own_and_among_no_switches(train, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.delenv("KMP_BLOCKTIME", raising=False)
    found = train(Images).machine
    assert "GOMP_SPINCOUNT" not in found.spin_limits
    assert found.switches["GOMP_SPINCOUNT"] == "7"
    assert set(found.spin_limits).isdisjoint(found.switches)
    assert found.spin_limits["KMP_BLOCKTIME"] == spin.LIMITS["KMP_BLOCKTIME"]


def test_a_run_tells_what_held_it_back(train):
    speed = train(Images).speed
    assert 0 <= speed.throttled_share <= 1
    assert speed.reachable_cores is None or speed.reachable_cores >= 1


def test_weights_of_another_model_are_refused(train):
    with pytest.raises(UsageError, match=r"weights\.safetensors.*initialise it again"):
        train(Text, weights_of={"hidden_size": 5})


OTHERS = {
    "of another preset": ({"init_scale": 0.2}, 1),
    "of another seed": ({}, 2),
}


@pytest.mark.parametrize(("weights_of", "seed"), OTHERS.values(), ids=OTHERS)
def test_weights_that_the_preset_and_the_seed_do_not_give_are_refused(tmp_path, monkeypatch, weights_of, seed):
    files = make_case(tmp_path, monkeypatch, Text, **weights_of)
    files["preset_file"].write_text(yaml.safe_dump(PRESET), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"expected the initial weights of \S+tiny\.yaml and seed {seed}, found"):
        train_run(
            replace(make_request(files), seed=seed),
            caps=Caps(),
            checkpoints=tmp_path / "checkpoints",
            output=tmp_path / "runs/run.json",
        )
    assert not (tmp_path / "runs").exists()


def test_weights_that_another_machine_rounded_otherwise_are_the_same():
    preset = Preset(**{**PRESET, "lstm_init": "normal"})
    spec = language_model.model_spec(preset, {"vocab_size": 7})
    weights = initial_weights(spec, preset, 1)
    assert are_initial(weights, spec, preset, 1)
    assert are_initial(
        {name: np.nextafter(value, np.inf) * (value != 0) for name, value in weights.items()}, spec, preset, 1
    )
    assert not are_initial({name: value.astype(float) for name, value in weights.items()}, spec, preset, 1)


def test_a_model_larger_than_the_memory_is_not_tried_and_told_with_both_sizes(train, monkeypatch):
    monkeypatch.setattr(session, "memory_limit_bytes", lambda: 2_000_000)
    with pytest.raises(ResourceError, match=r"not tried.*at least \d+ MB .*no more than 2 MB"):
        train(Text, hidden_size=400)


@pytest.mark.parametrize("step", ["are_initial", "load_vocabulary", "rehearse", "model_graph", "write_record"])
def test_memory_that_runs_out_at_any_step_of_a_run_is_told_with_what_the_model_needs(train, monkeypatch, step):
    monkeypatch.setattr(f"lstmbench.training.run.{step}", refuse_memory)
    with pytest.raises(ResourceError, match=r"68\.7 MiB.*the model needs at least \d+ MB"):
        train(Text)
