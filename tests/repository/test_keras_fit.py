"""The script of docs/benchmark.md that times Keras's ``fit`` runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from lstmbench.preparation.prepare import prepare
from lstmbench.utils.paths import ROOT, WORKFLOW


@pytest.mark.slow
def test_keras_s_fit_and_an_implementation_are_timed_in_turns(tmp_path):
    prepare(dataset="markov", raw=tmp_path / "raw", output=tmp_path / "data")
    command = [sys.executable, "docs/keras_fit.py", "small", "--data", str(tmp_path / "data")]
    done = subprocess.run(
        [*command, "--threads", "1", "--rounds", "2", "--round-seconds", "0.01"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(WORKFLOW), "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs, ratio = done.stdout.splitlines()
    assert re.fullmatch(r"PTB small, tensorflow_fused: \d+\.\d ms per step", ours)
    assert re.fullmatch(r"PTB small, Keras fit on tensorflow: \d+\.\d ms per step", theirs)
    assert re.fullmatch(r"tensorflow_fused over Keras fit: \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d, 2 rounds\)", ratio)
