"""The examples of ``docs/weights.md`` load the weights of a run and compute what the reference computes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from lstmbench.implementations import reference
from lstmbench.parity.comparison import LANGUAGE_MODEL, random_weights
from lstmbench.records.run import MODEL
from lstmbench.utils.files import write_arrays
from lstmbench.utils.paths import ROOT

EXAMPLES = dict(
    re.findall(
        r"^## (\w+)$(?:(?!^## ).)*?^```python\n(.*?)^```$", (ROOT / "docs/weights.md").read_text("utf-8"), re.M | re.S
    )
)
"""The first block of code of each section, by the section's heading."""

WORDS = [2, 7, 1, 8]
"""The ids that the examples name."""

MAX_LINES = 15

KEEP = '\nimport json, pathlib\npathlib.Path("logits.json").write_text(json.dumps(logits.tolist()))\n'


def test_there_is_an_example_for_each_framework():
    assert list(EXAMPLES) == ["PyTorch", "Keras", "JAX"]


@pytest.mark.parametrize("code", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_short(code):
    assert len([line for line in code.splitlines() if line.strip()]) <= MAX_LINES


@pytest.mark.parametrize("framework", EXAMPLES)
def test_an_example_computes_the_logits_of_the_reference(tmp_path, framework):
    if framework == "JAX":
        pytest.importorskip("jax")
    weights = random_weights(LANGUAGE_MODEL)
    write_arrays(tmp_path / MODEL, weights)
    # A process of its own, because PyTorch and TensorFlow share none.
    command = [sys.executable, "-c", EXAMPLES[framework] + KEEP]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = np.array(json.loads((tmp_path / "logits.json").read_text()))
    expected = logits(weights)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-5)


def logits(weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the reference's logits [steps, vocabulary] of ``WORDS``, from the zero state."""
    learner = reference.Learner(LANGUAGE_MODEL, "cpu", 0, "float64")
    learner.load_weights(weights)
    no_dropout = [1.0] * (LANGUAGE_MODEL.num_layers + 1)
    result, *_ = learner._forward(np.array([WORDS]), learner.initial_state(1), no_dropout)
    return result[:, 0]
