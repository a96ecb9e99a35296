"""Complete runs of a few updates that kept their models, for tests of what can be done with those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmbench.datasets import Prepared, own_text, ptb
from lstmbench.records.run_record import Caps
from lstmbench.training.run import train_run
from tests.factories.cases import make_case, make_request

SENTENCES = (
    "the cat sat on the mat and looked at the old dog again\n"
    "a dog that had seen the cat before sat down on the mat\n"
    "the old mat had been seen by a cat and by the dog too\n"
    "before the dog came the cat had looked at a mat alone\n"
)


class Tale:
    """A text of sentences, as PTB's."""

    TASK, VERSION = "language_model", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        raw.mkdir(exist_ok=True)
        for split in ("train", "valid", "test"):
            (raw / f"ptb.{split}.txt").write_text(SENTENCES * 4, encoding="utf-8")
        return ptb.prepare(raw)


class Letters:
    """The same text of a user's own, read by characters."""

    TASK, VERSION = "language_model", 1

    @staticmethod
    def prepare(raw: Path) -> Prepared:
        raw.mkdir(exist_ok=True)
        (raw / "tale.txt").write_text(SENTENCES * 20, encoding="utf-8")
        return own_text.prepare(raw / "tale.txt", "character")


def make_kept(folder: Path, monkeypatch: pytest.MonkeyPatch, module: Any, *, seed: int = 1) -> Path:
    """The folder of a complete run with its model; the data set is ``folder/made``."""
    monkeypatch.chdir(folder)
    files = make_case(folder, monkeypatch, module)
    files["data"].rename(folder / "made")
    run = folder / f"runs/made/tiny/reference/cpu/seed-{seed}"
    request = make_request({**files, "data": folder / "made"})
    train_run(request, caps=Caps(), checkpoints=folder / "checkpoints", output=run / "run.json")
    return run
