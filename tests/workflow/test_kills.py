"""Training that is killed and started again, as often as you like, ends with the bits of training that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from lstmbench import implementations
from lstmbench.errors import Interrupted, LockedError, MachineError
from tests.workflow.conftest import ROOT

PRESET = {
    "source": "a test", "num_layers": 2, "hidden_size": 24, "num_steps": 10, "batch_size": 10, "keep_prob": 0.8,
    "init_scale": 0.1, "optimizer": "adam", "learning_rate": 2.0e-3, "epochs": 3, "full_rate_epochs": 1,
    "lr_decay": 0.5, "max_grad_norm": 1.0,
}  # fmt: skip

KILLS = 100
"""Of the long version, over all implementations."""


class Cell:
    """The files of a run and the processes that train it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preset = folder / "tiny.yaml"
        self.preset.write_text(yaml.safe_dump(PRESET), encoding="utf-8")
        self.verb("prepare", "--dataset", "markov", "--raw", folder / "raw", "--output", folder / "data").wait()
        files = ("--data", folder / "data", "--preset", self.preset)
        self.verb("initialise", *files, "--seed", 1, "--output", folder / "weights.safetensors").wait()
        self.uninterrupted: dict[str, dict[str, Any]] = {}

    def train(self, implementation: str, folder: Path) -> subprocess.Popen:
        """Start training in ``folder``, with a checkpoint after every block."""
        return self.verb(
            "train",
            *("--data", self.folder / "data", "--preset", self.preset),
            *("--weights", self.folder / "weights.safetensors"),
            *("--implementation", implementation, "--device", "cpu", "--threads", 1, "--seed", 1),
            *("--checkpoints", folder / "checkpoints", "--checkpoint-seconds", 0.001, "--output", folder / "run.json"),
        )

    def whole(self, implementation: str, folder: Path) -> dict[str, Any]:
        """What training that nothing interrupts ends with."""
        if implementation not in self.uninterrupted:
            process = self.train(implementation, folder / "whole")
            if process.wait() == MachineError.exit_code:
                pytest.skip(process.stderr.read())
            self.uninterrupted[implementation] = essence(folder / "whole/run.json")
        return self.uninterrupted[implementation]

    def environment(self) -> dict[str, str]:
        """In which the package is found."""
        return {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}

    def verb(self, name: str, *arguments: Any) -> subprocess.Popen:
        command = [sys.executable, "-m", f"lstmbench.{name}", *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment(), stderr=subprocess.PIPE, text=True)


def essence(path: Path) -> dict[str, Any]:
    """What two runs that did the same have in common: all but times."""
    record = json.loads(path.read_text(encoding="utf-8"))
    history = [{name: value for name, value in row.items() if "seconds" not in name} for row in record["history"]]
    return {"weights": record["final_weights_sha256"], "history": history, "loss": record["final"]["loss"]}


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """One cell for all tests of this file."""
    return Cell(tmp_path_factory.mktemp("kills"))


def interrupt(process: subprocess.Popen, checkpoints: Path, number: int, stream: random.Random) -> bool:
    """Send a signal some time after the process has written a checkpoint; was it still at work?"""
    before = set(checkpoints.glob("*.safetensors"))
    while set(checkpoints.glob("*.safetensors")) <= before and process.poll() is None:
        time.sleep(0.001)
    time.sleep(stream.uniform(0, 0.2))
    process.send_signal(number)
    return process.wait() != 0


def survive(cell: Cell, folder: Path, implementation: str, kills: int, stream: random.Random) -> int:
    """Kill a run so many times, let it end, and hold it against the uninterrupted one; how many kills hit it."""
    expected = cell.whole(implementation, folder)
    hit = 0
    for _ in range(kills):
        hit += interrupt(cell.train(implementation, folder), folder / "checkpoints", signal.SIGKILL, stream)
        if (folder / "run.json").exists():
            break
    process = cell.train(implementation, folder)
    assert process.wait() == 0, process.stderr.read()
    assert essence(folder / "run.json") == expected
    assert json.loads((folder / "run.json").read_text())["resumed"] > 0
    return hit


@pytest.mark.parametrize("implementation", implementations.names())
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(cell, tmp_path, implementation):
    assert survive(cell, tmp_path, implementation, 1, random.Random(1)) == 1


def test_a_run_survives_one_kill_after_another(cell, tmp_path):
    assert survive(cell, tmp_path, "reference", 4, random.Random(2)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("implementation", implementations.names())
def test_a_hundred_kills_change_no_bit(cell, tmp_path, implementation):
    stream, hit, attempt = random.Random(implementation), 0, 0
    while hit < KILLS / len(implementations.names()):
        attempt += 1
        hit += survive(cell, tmp_path / str(attempt), implementation, 3, stream)
    print(f"{implementation}: survived {hit} kills")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_saves_and_ends_with_the_code_that_says_so(cell, tmp_path, number):
    expected = cell.whole("reference", tmp_path)
    process = cell.train("reference", tmp_path)
    assert interrupt(process, tmp_path / "checkpoints", number, random.Random(3))
    assert process.returncode == Interrupted.exit_code
    assert f"stopped by {number.name}; saved after" in process.stderr.read()
    assert cell.train("reference", tmp_path).wait() == 0
    assert essence(tmp_path / "run.json") == expected


def test_a_second_trainer_of_a_run_is_refused(cell, tmp_path):
    first = cell.train("reference", tmp_path)
    while not (tmp_path / "checkpoints").exists():
        time.sleep(0.01)
    second = cell.train("reference", tmp_path)
    assert second.wait() == LockedError.exit_code
    assert f"process {first.pid} on" in second.stderr.read()
    first.kill()
    first.wait()
