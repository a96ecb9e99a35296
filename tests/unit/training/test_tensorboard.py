from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.training.tensorboard import FILE_NAME, EventFile

ROW = {"epoch": 1, "learning_rate": 0.5, "updates": 16, "train_loss": 1.25, "valid_perplexity": 3.5}


def read(folder):
    """Step -> name -> value, as TensorBoard's own loader reads them."""
    events = EventFileLoader(str(folder / FILE_NAME)).Load()
    return {
        event.step: {value.tag: value.tensor.float_val[0] for value in event.summary.value}
        for event in events
        if event.summary.value
    }


def test_tensorboard_reads_each_epochs_numbers_at_its_updates(tmp_path):
    with EventFile(tmp_path / "tensorboard") as events:
        events.add(ROW)
        # Without closing: a run is followed while it goes on.
        assert read(tmp_path / "tensorboard") == {
            16: {"learning_rate": 0.5, "train_loss": 1.25, "valid_perplexity": pytest.approx(3.5)}
        }
        events.add({**ROW, "epoch": 2, "updates": 32})
    assert list(read(tmp_path / "tensorboard")) == [16, 32]


def test_another_attempt_starts_the_file_anew(tmp_path):
    for _ in range(2):
        with EventFile(tmp_path / "tensorboard") as events:
            events.add(ROW)
    assert list(read(tmp_path / "tensorboard")) == [16]


def test_the_verb_that_trains_imports_no_framework_before_it_is_asked_for_one():
    check = "import sys, lstmbench.training.run; sys.exit('torch' in sys.modules or 'tensorflow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    assert subprocess.run([sys.executable, "-c", check], env=environment, check=False).returncode == 0
