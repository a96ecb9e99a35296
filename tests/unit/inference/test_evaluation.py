"""A kept model proves its record: the test, repeated in NumPy, ends at the loss that the record says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lstmbench import commands
from lstmbench.inference.evaluation import TOLERANCES, evaluate
from lstmbench.inference.kept_model import open_model
from lstmbench.utils.errors import DataError
from tests.factories.cases import Images, Text
from tests.factories.kept import make_kept
from tests.helpers.run_command import run_command


@pytest.fixture(params=[Text, Images])
def run(request, tmp_path, monkeypatch):
    """The folder of a complete run; its data are below ``tmp_path``."""
    return make_kept(tmp_path, monkeypatch, request.param)


def test_the_test_of_a_kept_model_ends_at_the_loss_of_its_record(run, tmp_path, capsys):
    run_command("evaluate", [str(run), "--data", str(tmp_path)])
    assert "within 1e-05" in capsys.readouterr().out
    run_command("evaluate", [str(run / "run.json"), "--data", str(tmp_path)])


def test_another_loss_than_the_record_s_is_refused_with_both(run, tmp_path):
    model = open_model(run)
    weights = {name: value * 1.01 for name, value in model.learner.weights().items()}
    model.learner.load_weights(weights)
    with pytest.raises(
        DataError, match=r"a test loss of .* nats, .* in the record .*; expected 1e-05 at most in float32"
    ):
        evaluate(model, tmp_path)


def test_each_precision_has_its_tolerance_and_float32_the_strictest():
    assert TOLERANCES["float32"] == 1e-5
    assert TOLERANCES["float32"] < TOLERANCES["tf32"] < TOLERANCES["bfloat16"]


USES = """
import contextlib, io, json, sys
from lstmbench import commands
for name, words in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()):
        commands.start(name, words)
print({"torch", "tensorflow", "keras", "jax"} & set(sys.modules))
"""


@pytest.mark.parametrize("module", ["text", "images"])
def test_no_command_that_uses_a_model_imports_a_framework(module, tmp_path, request):
    run = request.getfixturevalue("text_run" if module == "text" else "image_run")
    common = [str(run), "--data", str(tmp_path)]
    (tmp_path / "text").write_text("the cat sat\n", encoding="utf-8")
    uses = (
        {"generate": [], "score": [str(tmp_path / "text")], "neighbours": ["cat"]}
        if module == "text"
        else {"mistakes": ["--pictures", str(tmp_path / "pictures")]}
    )
    calls = {name: [*common, *more] for name, more in {"evaluate": [], **uses}.items()}
    assert {*calls} <= {*commands.GROUPS["Use the model that a run kept"]}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", USES, json.dumps(calls)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
