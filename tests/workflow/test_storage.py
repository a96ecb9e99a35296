"""Disks that are full or cannot be written, memory that runs out: provoked for real, in a process of its own."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from lstmbench.records.run import read_record
from lstmbench.utils.errors import MachineError, ResourceError
from tests.helpers.case import PRESET, essence

LIMITS = {"reference": 450 << 20, "pytorch": 800 << 20, "tensorflow": 1200 << 20}
"""Bytes of data that each may have: enough to start, too little for the model."""


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system at ``folder`` for as long as the block lasts; skips where none can be mounted."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("no Linux: no file system can be mounted for a test")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def small(tmp_path):
    """A file system of 1 MiB."""
    with mounted(tmp_path / "small", "size=1m") as folder:
        yield folder


@pytest.fixture
def read_only(tmp_path):
    """A file system on which nothing can be written."""
    with mounted(tmp_path / "read-only", "size=1m,ro") as folder:
        yield folder


def test_a_full_disk_ends_the_run_with_its_code_and_leaves_nothing_half_written(case, small):
    (small / "filler").write_bytes(bytes(960_000))
    process = case.train("reference", small)
    assert process.wait() == ResourceError.exit_code
    message = process.stderr.read()
    assert "error: E6-RESOURCES: " in message
    assert "no space left on its file system" in message
    assert str(small / "checkpoints") in message
    assert "Traceback" not in message
    assert not list((small / "checkpoints").glob("*.safetensors"))
    assert not list((small / "checkpoints").glob(".*"))


def test_once_there_is_space_again_the_same_command_ends_as_if_nothing_had_been(case, small, tmp_path):
    (small / "filler").write_bytes(bytes(960_000))
    assert case.train("reference", small).wait() == ResourceError.exit_code
    (small / "filler").unlink()
    expected = case.whole("reference", tmp_path)
    process = case.train("reference", small)
    assert process.wait() == 0, process.stderr.read()
    assert essence(small / "run.json") == expected


def test_a_place_that_cannot_be_written_is_told_before_training(case, read_only):
    process = case.train("reference", read_only)
    assert process.wait() == ResourceError.exit_code
    message = process.stderr.read()
    assert f"error: E6-RESOURCES: {read_only / 'checkpoints'}: Read-only file system" in message
    assert "epoch 1" not in message


@pytest.mark.parametrize("implementation", ["reference", "pytorch", pytest.param("tensorflow", marks=pytest.mark.slow)])
def test_out_of_memory_is_told_as_such_with_the_estimate(case, tmp_path, implementation):
    preset = tmp_path / "huge.yaml"
    preset.write_text(yaml.safe_dump({**PRESET, "hidden_size": 1500}), encoding="utf-8")
    files = ("--data", case.folder / "data", "--preset", preset)
    case.verb("initialise", *files, "--seed", 1, "--output", tmp_path / "weights.safetensors").wait()
    command = [
        *(sys.executable, "-m", "lstmbench", "attempt", "--log", tmp_path / "log", "train"),
        *(*files, "--weights", tmp_path / "weights.safetensors"),
        *("--implementation", implementation, "--device", "cpu", "--threads", "1"),
        *("--checkpoints", tmp_path / "checkpoints", "--output", tmp_path / "run.json"),
    ]

    def limit() -> None:
        # What the framework takes of the address space is not what it uses; the model's 650 MB are.
        resource.setrlimit(resource.RLIMIT_DATA, (LIMITS[implementation], LIMITS[implementation]))

    with (tmp_path / "log").open("w") as log:
        done = subprocess.run(list(map(str, command)), env=case.environment(), preexec_fn=limit, stderr=log)
    assert done.returncode == 0, (tmp_path / "log").read_text()
    failure = read_record(tmp_path / "run.json").failure
    if failure.exit_code == MachineError.exit_code:
        pytest.skip(failure.message)
    message = failure.message
    # TensorFlow may crash instead: its products by oneDNN, with AVX-512, do not look whether they were given memory.
    wanted = r"E(6-RESOURCES: out of memory|134-ABORTED: out of memory|139-CRASHED: ended by SIGSEGV)"
    assert re.match(wanted, message), message
    assert re.search(r"the model needs at least 6\d\d MB", message)
