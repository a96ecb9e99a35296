"""A made-up case: a tiny data set of either task, a preset and initial weights, for tests of what trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lstmbench import datasets
from lstmbench.datasets import Prepared
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare
from lstmbench.training.session import RunRequest

PRESET = {
    "source": "a test",
    "num_layers": 1,
    "hidden_size": 4,
    "num_steps": 28,
    "batch_size": 4,
    "keep_prob": 0.9,
    "init_scale": 0.1,
    "optimizer": "adam",
    "learning_rate": 1.0e-2,
    "epochs": 2,
    "full_rate_epochs": 1,
}


class Images:
    TASK, VERSION = "classifier", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        stream = np.random.default_rng(0)
        arrays = {}
        for split in ("train", "valid", "test"):
            arrays[f"{split}_images"] = stream.integers(0, 256, (20, 28, 28)).astype(np.uint8)
            arrays[f"{split}_labels"] = (np.arange(20) % 10).astype(np.uint8)
        return Prepared(arrays, {"classes": 10})


class Text:
    TASK, VERSION = "language_model", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        words = np.random.default_rng(0).integers(0, 7, 300).astype(np.int32)
        return Prepared(dict.fromkeys(("train", "valid", "test"), words), {"vocab_size": 7}, list("abcdefg"))


def make_case(folder: Path, monkeypatch: pytest.MonkeyPatch, module: Any, **preset: Any) -> dict[str, Path]:
    """The files of a case, as arguments of ``train_run`` or ``measure_process``; ``preset`` changes PRESET's values."""
    monkeypatch.setattr(datasets, "load_module", lambda name: module)
    prepare(dataset="made", raw=folder / "raw", output=folder / "data")
    preset_file, weights = folder / "tiny.yaml", folder / "weights.safetensors"
    preset_file.write_text(yaml.safe_dump({**PRESET, **preset}), encoding="utf-8")
    initialise(data=folder / "data", preset_file=preset_file, seed=1, output=weights)
    return {"data": folder / "data", "preset_file": preset_file, "weights_file": weights}


def make_request(files: dict[str, Path], *, threads: int = 1) -> RunRequest:
    """Ask for a training of the reference from these files."""
    return RunRequest(**files, implementation="reference", device="cpu", threads=threads, seed=1)


def refuse_memory(*arguments: Any, **keywords: Any) -> None:
    """Stand in for a function for which no memory is left."""
    raise MemoryError("Unable to allocate 68.7 MiB")
