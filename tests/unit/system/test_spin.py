"""What is set so that waiting threads sleep soon, and for whom."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.system import spin


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in {other for others in spin.ASKED_FOR_BY.values() for other in others}:
        monkeypatch.delenv(name, raising=False)


def test_the_variables_are_set_while_a_framework_is_loaded_and_no_longer():
    with spin.limited("cpu") as ours:
        assert ours == spin.LIMITS
        assert {name: os.environ[name] for name in ours} == ours
    assert not set(spin.LIMITS) & set(os.environ)


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_set_wins(monkeypatch, name):
    monkeypatch.setenv(name, "7")
    with spin.limited("cpu") as ours:
        assert "GOMP_SPINCOUNT" not in ours
        assert os.environ[name] == "7"
    assert os.environ[name] == "7"


def test_nothing_is_set_beside_a_gpu():
    with spin.limited("gpu") as ours:
        assert ours == {}


def test_gnu_openmp_that_is_loaded_within_the_block_spins_as_little_as_we_say():
    pytest.importorskip("torch")
    program = "from lstmbench.system import spin\nwith spin.limited('cpu'):\n    import torch"
    environment = {**os.environ, "OMP_DISPLAY_ENV": "verbose", "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stderr
    if "GOMP_SPINCOUNT" not in done:
        pytest.skip("PyTorch was built with another OpenMP here")
    assert f"GOMP_SPINCOUNT = '{spin.LIMITS['GOMP_SPINCOUNT']}'" in done
