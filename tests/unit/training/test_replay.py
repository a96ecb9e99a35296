"""A recorded run is held against its first updates, run again from nothing but its record."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from lstmbench.implementations import reference
from lstmbench.records.run import read_record, write_record
from lstmbench.records.run_record import Caps
from lstmbench.training import replay
from lstmbench.training.run import train_run
from lstmbench.utils.errors import DataError, ResourceError
from tests.factories.cases import Images, Text, make_case, make_request, refuse_memory
from tests.factories.records import change
from tests.helpers.run_command import run_command


@pytest.fixture(params=[Text, Images])
def recorded(request, tmp_path, monkeypatch):
    """The record of a run of the reference, and the folder of its data set."""
    monkeypatch.chdir(tmp_path)
    files = make_case(tmp_path, monkeypatch, request.param)
    files["data"].rename(tmp_path / "made")
    output = tmp_path / "runs/made/tiny/reference/cpu/seed-1/run.json"
    train_run(
        make_request({**files, "data": tmp_path / "made"}),
        caps=Caps(),
        checkpoints=tmp_path / "checkpoints",
        output=output,
    )
    return output


def edit(path, **changes):
    record = json.loads(path.read_text(encoding="utf-8"))
    for place, value in changes.items():
        change(record, place.split("__"), value)
    write_record(path, record)
    return record


def verified(path, data):
    return list(replay.verify(path, data))


def losses(path):
    return json.loads(path.read_text(encoding="utf-8"))["first_losses"]


def test_a_run_of_the_same_code_and_machine_is_identical(recorded, tmp_path):
    (line,) = verified(recorded, tmp_path)
    assert line.startswith("made/tiny/reference/cpu/1: identical over ")


def test_a_difference_within_rounding_is_told_with_its_size(recorded, tmp_path, monkeypatch):
    shifted = [value * (1 + 1e-6) for value in losses(recorded)]
    monkeypatch.setattr(replay, "read_record", lambda path: replace(read_record(path), first_losses=shifted))
    assert "within tolerance over" in verified(recorded, tmp_path)[-1]
    assert "from update 1 on, by 1.0e-06 at most" in verified(recorded, tmp_path)[-1]


def test_another_loss_is_refused_with_the_update(recorded, tmp_path, monkeypatch):
    changed = losses(recorded)
    changed[1] *= 1.01
    monkeypatch.setattr(replay, "read_record", lambda path: replace(read_record(path), first_losses=changed))
    with pytest.raises(DataError, match="different from update 2 on"):
        verified(recorded, tmp_path)


def test_what_differs_is_printed_also_if_the_losses_do(recorded, tmp_path, monkeypatch, capsys):
    edit(recorded, machine__cpu="Another CPU", machine__cores=999)
    changed = [value * 1.01 for value in losses(recorded)]
    monkeypatch.setattr(replay, "read_record", lambda path: replace(read_record(path), first_losses=changed))
    with pytest.raises(DataError, match="different from update 1 on"):
        run_command("verify", [str(recorded), "--data", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "fingerprint: machine.cpu Another CPU, now " in printed
    assert "noted: machine.cores 999, now " in printed


def test_what_differs_in_the_fingerprint_is_said(recorded, tmp_path):
    edit(recorded, machine__cpu="Another CPU")
    first, last = verified(recorded, tmp_path)
    assert first.startswith("fingerprint: machine.cpu Another CPU, now ")
    assert "identical" in last


def test_what_differs_and_changes_nothing_is_noted(recorded, tmp_path):
    here = json.loads(recorded.read_text(encoding="utf-8"))["machine"].get("switches", {})
    edit(recorded, machine__cores=999, machine__switches={**here, "TORCH_LOGS": "all"})
    *notes, last = verified(recorded, tmp_path)
    assert "noted: machine.cores 999, now" in "\n".join(notes)
    assert any(line.startswith("noted: machine.switches.TORCH_LOGS all, now ") for line in notes)
    assert not [line for line in notes if line.startswith("fingerprint")]
    assert "identical" in last


@pytest.mark.parametrize("place", ["data__sha256", "initial_weights_sha256"])
def test_other_data_or_weights_are_refused_with_both_hashes(recorded, tmp_path, place):
    edit(recorded, **{place: "0" * 64})
    with pytest.raises(DataError, match=rf"{place.replace('__', '.')}: expected {'0' * 64}, found [0-9a-f]{{64}}"):
        verified(recorded, tmp_path)


def test_a_record_without_losses_cannot_be_verified(recorded, tmp_path):
    record = json.loads(recorded.read_text(encoding="utf-8"))
    del record["first_losses"]
    write_record(recorded, record)
    with pytest.raises(DataError, match="expected first_losses"):
        verified(recorded, tmp_path)


def test_memory_that_runs_out_while_a_run_is_verified_is_told_with_what_the_model_needs(
    recorded, tmp_path, monkeypatch
):
    monkeypatch.setattr(reference.Learner, "train_block", refuse_memory)
    with pytest.raises(ResourceError, match=r"68\.7 MiB.*the model needs at least \d+ MB"):
        verified(recorded, tmp_path)
