from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from lstmbench import checkpoint
from lstmbench.checkpoint import Checkpoint, CheckpointFolder

FLIPS = 200
PRINT = {"settings": "s", "code": "c"}


def at(updates: int) -> Checkpoint:
    arrays = {"weights/a": np.full((2, 3), updates, np.float32), "training/updates": np.array(updates)}
    return Checkpoint(arrays, {"updates": updates, "history": [{"loss": 0.1 + 0.2}]})


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
    assert sorted(path.stem for path in folder.folder.iterdir()) == ["000000010", "000000100"]


def test_one_flipped_bit_anywhere_sends_the_run_back_to_the_generation_before(folder):
    folder.save(at(5))
    folder.save(at(10))
    newest = folder.folder / "000000010.safetensors"
    good = newest.read_bytes()
    for position in random.Random(1).sample(range(8 * len(good)), FLIPS):
        content = bytearray(good)
        content[position // 8] ^= 1 << position % 8
        newest.write_bytes(content)
        said = []
        assert folder.newest(said.append).progress["updates"] == 5, f"bit {position}"
        assert len(said) == 1
        assert str(newest) in said[0]


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
    path = folder.folder / "000000005.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    said = []
    assert folder.newest(said.append) is None
    assert "not readable" in said[0]


def test_a_checkpoint_of_another_run_is_not_used_and_the_difference_is_named(folder):
    folder.save(at(5))
    said = []
    assert CheckpointFolder(folder.folder, {**PRINT, "code": "other"}).newest(said.append) is None
    assert "it belongs to another run: code c, now other" in said[0]
    assert "settings" not in said[0]


def test_a_difference_within_a_field_is_told_by_its_name(folder):
    other = CheckpointFolder(folder.folder, {**PRINT, "machine": {"cpu": "this", "cores": 2}})
    other.save(at(5))
    said = []
    CheckpointFolder(folder.folder, {**PRINT, "machine": {"cpu": "that", "cores": 2}}).newest(said.append)
    assert said[0].endswith("it belongs to another run: machine.cpu this, now that")


def test_a_complete_run_leaves_no_checkpoints(folder):
    folder.save(at(5))
    folder.clear()
    assert list(folder.folder.iterdir()) == []
