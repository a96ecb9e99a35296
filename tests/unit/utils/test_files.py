from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lstmbench.training.tensorboard import FILE_NAME, EventFile
from lstmbench.utils.errors import as_bench_error
from lstmbench.utils.files import (
    hash_arrays,
    hash_arrays_in,
    hash_json,
    read_arrays,
    write_arrays,
    write_json,
    write_text,
)


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, 1)
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_number_json_does_not_have_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_files_have_the_mode_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "value.json", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "value.json").stat().st_mode & 0o777 == 0o640


def lack(monkeypatch, name, number, of=lambda descriptor: True):
    """Let the system's call ``name`` fail with ``number``, where ``of`` its first argument is true."""
    original = getattr(os, name)

    def call(first, *others, **named):
        if of(first):
            raise OSError(number, os.strerror(number))
        return original(first, *others, **named)

    monkeypatch.setattr(os, name, call)


def is_folder(descriptor):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
@pytest.mark.parametrize("name", ["fchmod", "fsync"])
def test_a_file_system_without_a_call_still_gets_whole_files(tmp_path, monkeypatch, name, number):
    lack(monkeypatch, name, number)
    write_json(tmp_path / "value.json", 1)
    assert (tmp_path / "value.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


def test_a_share_whose_modes_cannot_be_changed_still_gets_whole_files(tmp_path, monkeypatch):
    lack(monkeypatch, "fchmod", errno.EPERM)
    write_json(tmp_path / "value.json", 1)
    assert (tmp_path / "value.json").read_text() == "1\n"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EINVAL, errno.EISDIR])
def test_a_folder_that_cannot_be_opened_is_no_error_after_the_file_is_in_place(tmp_path, monkeypatch, number):
    lack(monkeypatch, "open", number, of=lambda path: path == tmp_path)
    write_json(tmp_path / "value.json", 1)
    assert (tmp_path / "value.json").read_text() == "1\n"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOSPC, errno.ENOTCONN])
@pytest.mark.parametrize("of", [is_folder, lambda descriptor: not is_folder(descriptor)])
def test_a_file_system_that_fails_is_told_with_the_path_and_the_number(tmp_path, monkeypatch, number, of):
    lack(monkeypatch, "fsync", number, of=of)
    with pytest.raises(OSError, match=r"value\.json") as caught:
        write_json(tmp_path / "value.json", 1)
    error = as_bench_error(caught.value)
    assert error.label == "E6-RESOURCES"
    assert str(tmp_path / "value.json") in str(error)
    assert f"errno {number}, {errno.errorcode[number]}" in str(error)


def test_a_folder_of_events_that_cannot_be_emptied_is_used_again(tmp_path, monkeypatch):
    # As on NFS and FUSE while another program has a deleted file open.
    (tmp_path / ".nfs0001").touch()
    monkeypatch.setattr("shutil.rmtree", lambda folder, ignore_errors: None)
    with EventFile(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_events_that_cannot_be_written_are_told_with_their_file(tmp_path, monkeypatch):
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: original(Path("/dev/full"), mode))
    with pytest.raises(OSError, match=FILE_NAME) as caught, EventFile(tmp_path):
        pytest.fail("nothing was written")
    assert f"{tmp_path / FILE_NAME}: no space left" in str(as_bench_error(caught.value))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_events_that_cannot_be_written_on_closing_are_told_with_their_file(tmp_path):
    events = EventFile(tmp_path)
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), events._file.fileno())
    with pytest.raises(OSError, match=FILE_NAME), events:
        events.add({"updates": 1, "loss": 1.0})


def test_the_hash_of_arrays_sees_name_type_shape_and_value():
    base = {"a": np.arange(6, dtype=np.int32)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].astype(np.int64)},
        {"a": base["a"].reshape(2, 3)},
        {"a": base["a"] + 1},
        {**base, "b": np.zeros(1)},
    ]
    assert len({hash_arrays(arrays) for arrays in [base, *others]}) == 6
    assert hash_arrays({"a": np.arange(12, dtype=np.int32)[::2] // 2}) == hash_arrays(base)


def test_the_hash_of_json_does_not_depend_on_the_order_of_keys():
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1}) != hash_json({"a": 1, "b": 3})


def of_type(folder, dtype, size):
    """A file in safetensors format with one array of a type that NumPy may lack."""
    header = json.dumps({"a": {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}}).encode()
    path = folder / "arrays.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return path


@pytest.mark.parametrize("read", [read_arrays, hash_arrays_in])
@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1)])
def test_arrays_of_a_type_that_numpy_lacks_are_refused_in_one_line(tmp_path, read, dtype, size):
    path = of_type(tmp_path, dtype, size)
    # A process of its own, because TensorFlow teaches NumPy bfloat16.
    program = f"from lstmbench.utils import files, paths; files.{read.__name__}(paths.Path({str(path)!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert f"DataError: {path}: expected a safetensors file" in done.stderr.splitlines()[-1]


def test_the_hash_of_arrays_in_a_file_is_that_of_the_arrays(tmp_path):
    arrays = {"b": np.arange(6, dtype=np.int32).reshape(2, 3), "a": np.array(1.5), "c": np.zeros((0, 2), np.float32)}
    write_arrays(tmp_path / "arrays.safetensors", arrays)
    assert hash_arrays_in(tmp_path / "arrays.safetensors") == hash_arrays(arrays)
