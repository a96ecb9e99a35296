from __future__ import annotations

import errno
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest

from lstmbench.training import checkpoint
from lstmbench.training.checkpoint import Checkpoint, CheckpointFolder
from lstmbench.utils.errors import ResourceError, as_bench_error
from lstmbench.utils.files import write_arrays

FLIPS = 200
PRINT = {"settings": "s", "code": "c"}


def at(updates: int) -> Checkpoint:
    arrays = {"weights/a": np.full((2, 3), updates, np.float32), "training/updates": np.array(updates)}
    return Checkpoint(arrays, {"updates": updates, "history": [{"loss": 0.1 + 0.2}]})


def updates_in(folder: CheckpointFolder) -> list[int]:
    """The updates in the names of all files, whoever's they are."""
    return sorted(int(path.stem.split("-")[-1]) for path in folder.folder.glob("*.safetensors"))


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "run", PRINT)


def test_the_newest_comes_back_as_it_was(folder):
    for updates in (5, 10, 100):
        folder.save(at(updates))
    found = folder.newest(pytest.fail)
    assert found.progress == at(100).progress
    for name, value in at(100).arrays.items():
        np.testing.assert_array_equal(found.arrays[name], value)
        assert found.arrays[name].dtype == value.dtype


def test_two_generations_are_kept(folder):
    for updates in (5, 10, 100):
        folder.save(at(updates))
    assert updates_in(folder) == [10, 100]


def test_one_flipped_bit_anywhere_sends_the_run_back_to_the_generation_before(folder):
    folder.save(at(5))
    folder.save(at(10))
    newest = folder.latest()
    good = newest.read_bytes()
    for position in random.Random(1).sample(range(8 * len(good)), FLIPS):
        content = bytearray(good)
        content[position // 8] ^= 1 << position % 8
        newest.write_bytes(content)
        output = []
        assert folder.newest(output.append).progress["updates"] == 5, f"bit {position}"
        assert len(output) == 1
        assert str(newest) in output[0]


def test_what_a_killed_process_left_half_written_is_neither_read_nor_left(folder):
    folder.save(at(5))
    (folder.folder / ".000000010.safetensors.abc").write_bytes(b"half")
    assert folder.newest(pytest.fail).progress["updates"] == 5
    folder.clear()
    assert not list(folder.folder.iterdir())


def test_no_file_that_we_read_can_run_code():
    package = Path(checkpoint.__file__).parent
    modules = r"\b(pickle|joblib|dill|shelve|marshal)\b"
    readers = re.compile(rf"{modules}|allow_pickle=True|weights_only=False|yaml\.load\((?!.*Loader=_)")
    found = [
        f"{path.name}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if readers.search(line)
    ]
    assert not found


@pytest.mark.parametrize("length", [0, 3, 100])
def test_a_truncated_file_is_passed_over(folder, length):
    folder.save(at(5))
    path = folder.latest()
    path.write_bytes(path.read_bytes()[:length])
    output = []
    assert folder.newest(output.append) is None
    assert "not readable" in output[0]


def test_a_checkpoint_of_another_run_is_not_used_and_the_difference_is_named(folder):
    folder.save(at(5))
    output = []
    assert CheckpointFolder(folder.folder, {**PRINT, "code": "other"}).newest(output.append) is None
    assert "it belongs to another run: code c, now other" in output[0]
    assert "settings" not in output[0]


def other(folder: CheckpointFolder, name: str = "other") -> CheckpointFolder:
    """The same folder, as a run with other settings sees it."""
    return CheckpointFolder(folder.folder, {**PRINT, "settings": name})


def test_a_run_that_has_come_less_far_than_another_keeps_its_own_checkpoints(folder):
    other(folder).save(at(6358))
    for updates in (5, 10, 15):
        folder.save(at(updates))
    assert folder.newest(pytest.fail).progress["updates"] == 15
    assert updates_in(folder) == [10, 15, 6358]
    assert other(folder).newest(pytest.fail).progress["updates"] == 6358


def test_of_all_other_runs_one_file_is_kept_the_one_written_last_and_which_were_deleted_is_told(folder):
    for age, (name, updates) in enumerate([("first", 900), ("second", 70), ("second", 80)]):
        other(folder, name).save(at(updates))
        os.utime(other(folder, name).latest(), (age, age))
    gone = other(folder, "second").folder.glob("*-000000070.safetensors")
    gone = [*gone, *other(folder, "first").folder.glob("*-000000900.safetensors")]
    deleted = folder.save(at(5))
    assert sorted(deleted) == sorted(gone)
    assert updates_in(folder) == [5, 80]
    assert folder.save(at(6)) == []


def test_a_file_of_another_run_at_the_same_update_is_not_overwritten(folder):
    other(folder).save(at(5))
    folder.save(at(5))
    assert updates_in(folder) == [5, 5]


def test_the_file_name_of_an_earlier_form_is_another_runs(folder):
    folder.save(at(7))
    earlier = folder.latest().rename(folder.folder / "000000007.safetensors")
    assert folder.latest() is None
    folder.save(at(3))
    folder.clear()
    assert list(folder.folder.iterdir()) == [earlier]


def test_a_damaged_checkpoint_takes_no_good_ones_place(folder):
    for updates in (5, 10):
        folder.save(at(updates))
    damaged = folder.latest()
    damaged.write_bytes(b"damaged")
    output = []
    assert folder.newest(output.append).progress["updates"] == 5
    aside = damaged.with_name(f"{damaged.name}.damaged")
    assert f"kept as {aside.name}" in output[0]
    for updates in (6, 7, 10):
        folder.save(at(updates))
    assert updates_in(folder) == [7, 10]
    assert aside.read_bytes() == b"damaged"
    folder.clear()
    assert not list(folder.folder.iterdir())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE], ids=errno.errorcode.get)
def test_a_file_that_cannot_be_read_ends_the_run_with_its_path_and_number_and_stays(folder, monkeypatch, number):
    def fail(path, *_):
        raise OSError(number, os.strerror(number))

    folder.save(at(5))
    folder.save(at(10))
    path = folder.latest()
    with monkeypatch.context() as unreadable:
        unreadable.setattr(Path, "open", fail)
        with pytest.raises(OSError, match=os.strerror(number)) as refused:
            folder.newest(pytest.fail)
        assert folder.latest() is None
    assert (refused.value.errno, refused.value.filename) == (number, str(path))
    assert isinstance(as_bench_error(refused.value), ResourceError)
    assert updates_in(folder) == [5, 10]


def test_the_latest_is_one_that_can_be_used(folder):
    other(folder).save(at(900))
    assert folder.latest() is None
    for updates in (5, 10):
        folder.save(at(updates))
    folder.latest().write_bytes(b"damaged")
    assert folder.latest().stem.endswith("-000000005")


def test_a_hash_is_told_by_its_first_digits_and_what_only_one_of_them_has_as_absent():
    assert checkpoint.differences({"data": "a" * 64}, {"data": "b" * 64}) == [
        "data aaaaaaaaaaaa..., now bbbbbbbbbbbb..."
    ]
    assert checkpoint.differences({}, {"settings": {"threads": 1}}) == ["settings absent, now present"]
    assert checkpoint.differences({"gpu": None}, {"gpu": 0}) == ["gpu None, now 0"]
    assert checkpoint.differences({"gpu": None}, {}) == ["gpu None, now absent"]


def test_a_difference_that_refuses_nothing_is_noted_where_the_checkpoint_is_used(folder):
    CheckpointFolder(folder.folder, PRINT, {"cores": 2, "os": "Linux 6.1"}).save(at(5))
    output = []
    later = CheckpointFolder(folder.folder, PRINT, {"cores": 4, "os": "Linux 6.1"})
    assert later.newest(output.append).progress["updates"] == 5
    assert len(output) == 1
    assert output[0].endswith("is used; noted: cores 2, now 4")


def test_a_difference_within_a_field_is_told_by_its_name(folder):
    other = CheckpointFolder(folder.folder, {**PRINT, "machine": {"cpu": "this", "cores": 2}})
    other.save(at(5))
    output = []
    CheckpointFolder(folder.folder, {**PRINT, "machine": {"cpu": "that", "cores": 2}}).newest(output.append)
    assert output[0].endswith("it belongs to another run: machine.cpu this, now that")


def test_a_complete_run_leaves_no_checkpoints(folder):
    folder.save(at(5))
    folder.clear()
    assert list(folder.folder.iterdir()) == []


def test_a_complete_run_leaves_the_checkpoint_of_another(folder):
    other(folder).save(at(900))
    folder.save(at(5))
    folder.clear()
    assert updates_in(folder) == [900]
    assert other(folder).newest(pytest.fail).progress["updates"] == 900


@pytest.mark.parametrize("text", ["[" * 100_000, '{"sha256": "a", "sha256": "b"}', '{"sha256": NaN}', "[]", "1"])
def test_metadata_that_no_checkpoint_has_sends_the_run_back_to_the_generation_before(folder, text):
    folder.save(at(5))
    folder.save(at(10))
    write_arrays(folder.latest(), at(10).arrays, {"lstmbench": text})
    output = []
    assert folder.newest(output.append).progress["updates"] == 5
    assert len(output) == 1
