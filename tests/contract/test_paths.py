"""An implementation is measured only as what it says it is: the path that a step takes is proved, not assumed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys

import pytest

from lstmbench.models.learner import ModelSpec
from lstmbench.models.presets import PRESETS
from lstmbench.parity import comparison
from lstmbench.preparation.initialise import initialise
from lstmbench.preparation.prepare import prepare
from lstmbench.system.processor import processor
from lstmbench.timing import kernels, probes
from lstmbench.utils.errors import MachineError
from lstmbench.utils.paths import ROOT
from tests.helpers.another_path import MUTATIONS
from tests.helpers.implementation_params import configured

PROCESSES = 20

SPEC = dataclasses.replace(comparison.LANGUAGE_MODEL, keep_prob=0.5, max_grad_norm=0.2)


WIDE = dataclasses.replace(SPEC, hidden_size=512)

in_bfloat16 = pytest.mark.skipif(
    processor().bfloat16 is None, reason="the processor does not multiply in bfloat16 (AMX, AVX512-BF16)"
)


def proved(name: str, spec: ModelSpec = SPEC, precision: str = "float32", stated: str = "cpu") -> str | None:
    """The path that a step of a small model is proved to take, of those that are stated."""
    framework = configured(name)
    run = comparison.start(lambda spec, dtype, seed: framework.Learner(spec, "cpu", seed, dtype), spec, precision)
    run.train(comparison.batches(1))
    executed = probes.load(name).executed(lambda: run.train(comparison.batches(1)))
    path = kernels.stated(framework.EXPECTED_KERNELS, stated, run.learner.way)
    return kernels.proved(name, stated, path, executed, traced=set())


@pytest.fixture(params=MUTATIONS)
def name(request: pytest.FixtureRequest) -> str:
    """Each implementation with a path of its own, if its framework is installed."""
    try:
        configured(request.param)
    except MachineError as error:
        pytest.skip(str(error))
    return request.param


def test_the_path_of_an_implementation_is_proved(name):
    assert proved(name) == configured(name).EXPECTED_KERNELS["cpu"][0]


def test_the_path_of_wide_layers_is_proved(name):
    assert proved(name, WIDE)


@in_bfloat16
@pytest.mark.parametrize("spec", [SPEC, WIDE], ids=["narrow", "wide"])
def test_products_in_bfloat16_are_proved_and_those_in_float32_not_taken_for_them(name, spec):
    assert proved(name, spec, "bfloat16", "cpu-bfloat16")
    with pytest.raises(MachineError, match=r"on cpu-bfloat16 did not run as .* expected operations .* bfloat16"):
        proved(name, spec, "float32", "cpu-bfloat16")


def test_another_path_is_refused_with_what_ran_instead(name):
    for mutation in MUTATIONS[name]:
        with mutation(configured(name)), pytest.raises(MachineError, match=f"{name} on cpu did not run as"):
            proved(name)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["own", "other"])
def test_in_every_process_the_own_path_is_proved_and_another_is_refused(name, which, tmp_path):
    prepare(dataset="markov", raw=tmp_path / "raw", output=tmp_path / "data")
    shutil.copy(PRESETS / "markov/small.yaml", tmp_path / "preset.yaml")
    initialise(
        data=tmp_path / "data", preset_file=tmp_path / "preset.yaml", seed=1, output=tmp_path / "weights.safetensors"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-m", "tests.helpers.another_path", name, which, str(tmp_path)]
    ended = [
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True) for _ in range(PROCESSES)
    ]
    expected = 0 if which == "own" else MachineError.exit_code
    assert [done.returncode for done in ended] == [expected] * PROCESSES, {done.stderr[-500:] for done in ended}
    if which == "own":
        assert {done.stdout.strip() for done in ended} == {configured(name).EXPECTED_KERNELS["cpu"][0]}
