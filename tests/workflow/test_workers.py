"""Trainings that two workers share, in processes: that they end as one does, and what becomes of a lost worker."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from lstmbench.system.cores import usable_cores
from lstmbench.utils.errors import Interrupted, MachineError, WorkerError
from tests.helpers.case import essence
from tests.helpers.implementation_params import DISTRIBUTED

TOLERANCE = 1e-4
"""Of a loss, relative: sums in another order, over an epoch of updates by Adam.  Without dropout's masks in common, or
with a gradient that is not averaged, losses differ by more than 1e-2."""


def start(case, implementation: str, folder: Path) -> subprocess.Popen:
    """Start two workers."""
    return case.train(implementation, folder, device="cpu-x2")


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Both workers, that of rank 0 first, once there is a checkpoint to go on from."""
    return sorted(psutil.Process(process.pid).children(), key=lambda worker: worker.environ()["RANK"])


def wait_for_checkpoint(process: subprocess.Popen, folder: Path) -> None:
    while not list((folder / "checkpoints").glob("*.safetensors")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


@pytest.fixture(scope="module", params=DISTRIBUTED)
def whole(request, case, tmp_path_factory) -> tuple[str, Path]:
    """An implementation, and the folder of a training of two workers that nothing interrupted."""
    folder = tmp_path_factory.mktemp(request.param)
    process = start(case, request.param, folder)
    if process.wait() == MachineError.exit_code:
        pytest.skip(process.stderr.read())
    assert process.returncode == 0, process.stderr.read()
    return request.param, folder


def test_two_workers_end_with_what_one_ends_with(whole, case, tmp_path):
    implementation, folder = whole
    found, expected = essence(folder / "run.json"), case.whole(implementation.partition("_")[0], tmp_path)
    assert found["loss"] == pytest.approx(expected["loss"], rel=TOLERANCE)
    for row, expected_row in zip(found["history"], expected["history"], strict=True):
        assert row == pytest.approx(expected_row, rel=TOLERANCE)


def test_the_record_says_how_many_workers_there_were(whole):
    record = json.loads((whole[1] / "run.json").read_text())
    assert record["run"]["device"] == "cpu-x2"
    assert not [name for name in record["machine"]["switches"] if name == "TF_CONFIG"]


@pytest.mark.parametrize("rank", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_worker_ends_the_run_in_one_line_and_the_same_command_goes_on_to_the_same_bits(
    whole, case, tmp_path, rank
):
    implementation, folder = whole
    process = start(case, implementation, tmp_path)
    wait_for_checkpoint(process, tmp_path)
    both = workers_of(process)
    both[rank].kill()
    since = time.monotonic()
    assert process.wait() == WorkerError.exit_code
    assert time.monotonic() - since < 10
    (line,) = [line for line in process.stderr.read().splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: E9-WORKER: the worker of rank {rank} (of 2 workers, process {both[rank].pid})")
    assert not any(worker.is_running() for worker in both)
    again = start(case, implementation, tmp_path)
    assert again.wait() == 0, again.stderr.read()
    assert essence(tmp_path / "run.json") == essence(folder / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["resumed"] == 1


@pytest.mark.slow
def test_a_signal_saves_and_ends_all_workers(whole, case, tmp_path):
    implementation, folder = whole
    process = start(case, implementation, tmp_path)
    wait_for_checkpoint(process, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == Interrupted.exit_code
    assert "stopped by SIGTERM; saved after" in process.stderr.read()
    assert start(case, implementation, tmp_path).wait() == 0
    assert essence(tmp_path / "run.json") == essence(folder / "run.json")


@pytest.mark.slow
def test_workers_whose_launcher_is_killed_save_and_stop(whole, case, tmp_path):
    implementation, _ = whole
    process = start(case, implementation, tmp_path)
    wait_for_checkpoint(process, tmp_path)
    both = workers_of(process)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(both, timeout=60)
    assert not alive
    assert not (tmp_path / "run.json").exists()
    assert list((tmp_path / "checkpoints").glob("*.safetensors"))


def test_workers_with_more_threads_than_the_machine_has_cores_are_refused(case, tmp_path):
    process = case.train("pytorch_ddp", tmp_path, device="cpu-x2", threads=usable_cores())
    assert process.wait() == 4
    assert f"workers 2 with threads {usable_cores()} each: expected at most " in process.stderr.read()


def test_an_implementation_of_one_worker_is_refused(case, tmp_path):
    process = start(case, "reference", tmp_path)
    assert process.wait() == 2
    (line,) = process.stderr.read().splitlines()
    assert "2 workers: reference runs with 1; with several: pytorch_ddp" in line
