"""Training that is killed and started again, as often as you like, ends with the bits of training that was not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lstmbench.utils.errors import Interrupted, LockedError
from tests.helpers.case import Case, essence
from tests.helpers.implementation_params import NAMES, each

KILLS = 100
"""Of the long version, over all implementations."""


def interrupt(process: subprocess.Popen, checkpoints: Path, number: int, stream: random.Random) -> bool:
    """Send a signal some time after the process has written a checkpoint; was it still at work?"""
    before = set(checkpoints.glob("*.safetensors"))
    while set(checkpoints.glob("*.safetensors")) <= before and process.poll() is None:
        time.sleep(0.001)
    time.sleep(stream.uniform(0, 0.2))
    process.send_signal(number)
    return process.wait() != 0


def survive(case: Case, folder: Path, implementation: str, kills: int, stream: random.Random) -> int:
    """Kill a run so many times, let it end, and hold it against the uninterrupted one; how many kills hit it."""
    expected = case.whole(implementation, folder)
    hit = 0
    for _ in range(kills):
        hit += interrupt(case.train(implementation, folder), folder / "checkpoints", signal.SIGKILL, stream)
        if (folder / "run.json").exists():
            break
    process = case.train(implementation, folder)
    assert process.wait() == 0, process.stderr.read()
    assert essence(folder / "run.json") == expected
    assert json.loads((folder / "run.json").read_text())["resumed"] > 0
    return hit


@pytest.mark.parametrize("implementation", each("pytorch"))
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(case, tmp_path, implementation):
    assert survive(case, tmp_path, implementation, 1, random.Random(1)) == 1


def test_a_run_survives_one_kill_after_another(case, tmp_path):
    assert survive(case, tmp_path, "reference", 4, random.Random(2)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("implementation", NAMES)
def test_a_hundred_kills_change_no_bit(case, tmp_path, implementation):
    stream, hit, attempt = random.Random(implementation), 0, 0
    while hit < KILLS / len(NAMES):
        attempt += 1
        hit += survive(case, tmp_path / str(attempt), implementation, 3, stream)
    print(f"{implementation}: survived {hit} kills")


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGINT, signal.SIGHUP))],
    ids=lambda number: number.name,
)
def test_a_signal_saves_and_ends_with_the_code_that_says_so(case, tmp_path, number):
    expected = case.whole("reference", tmp_path)
    process = case.train("reference", tmp_path)
    assert interrupt(process, tmp_path / "checkpoints", number, random.Random(3))
    assert process.returncode == Interrupted.exit_code
    assert f"stopped by {number.name}; saved after" in process.stderr.read()
    assert case.train("reference", tmp_path).wait() == 0
    assert essence(tmp_path / "run.json") == expected


def test_a_second_trainer_of_a_run_is_refused(case, tmp_path):
    first = case.train("reference", tmp_path)
    while not (tmp_path / "checkpoints").exists():
        time.sleep(0.01)
    second = case.train("reference", tmp_path)
    assert second.wait() == LockedError.exit_code
    assert f"process {first.pid} on" in second.stderr.read()
    first.kill()
    first.wait()
