"""A tiny case of the benchmark as files, and the processes that train it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lstmbench.utils.errors import MachineError
from lstmbench.utils.paths import ROOT

PRESET = {
    "source": "a test", "num_layers": 2, "hidden_size": 24, "num_steps": 10, "batch_size": 100, "keep_prob": 0.8,
    "init_scale": 0.1, "optimizer": "adam", "learning_rate": 2.0e-3, "epochs": 3, "full_rate_epochs": 1,
    "lr_decay": 0.5, "max_grad_norm": 1.0,
}  # fmt: skip


class Case:
    """The files of a run and the processes that train it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preset = folder / "tiny.yaml"
        self.preset.write_text(yaml.safe_dump(PRESET), encoding="utf-8")
        self.verb("prepare", "--dataset", "markov", "--raw", folder / "raw", "--output", folder / "data").wait()
        files = ("--data", folder / "data", "--preset", self.preset)
        self.verb("initialise", *files, "--seed", 1, "--output", folder / "weights.safetensors").wait()
        self.uninterrupted: dict[str, dict[str, Any]] = {}

    def train(self, implementation: str, folder: Path, device: str = "cpu", threads: int = 1) -> subprocess.Popen:
        """Start training in ``folder``, with a checkpoint after every block."""
        return self.verb(
            "train",
            *("--data", self.folder / "data", "--preset", self.preset),
            *("--weights", self.folder / "weights.safetensors"),
            *("--implementation", implementation, "--device", device, "--threads", threads, "--seed", 1),
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
        command = [sys.executable, "-m", "lstmbench", name.replace("_", "-"), *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment(), stderr=subprocess.PIPE, text=True)


def essence(path: Path) -> dict[str, Any]:
    """What two runs that did the same have in common: all but times."""
    record = json.loads(path.read_text(encoding="utf-8"))
    history = [{name: value for name, value in row.items() if "seconds" not in name} for row in record["history"]]
    return {"weights": record["final_weights_sha256"], "history": history, "loss": record["final"]["loss"]}
