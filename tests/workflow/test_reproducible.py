"""The same run twice ends with the same bits, also where somebody else keeps the processor busy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.case import essence
from tests.helpers.implementation_params import each


@pytest.fixture
def busy_neighbour():
    """Two processes that do nothing but count."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.wait()


@pytest.mark.parametrize("implementation", each())
@pytest.mark.usefixtures("busy_neighbour")
def test_another_process_ends_with_the_same_bits_beside_a_busy_neighbour(case, tmp_path, implementation):
    expected = case.whole(implementation, tmp_path)
    process = case.train(implementation, tmp_path / "again")
    assert process.wait() == 0, process.stderr.read()
    assert essence(tmp_path / "again/run.json") == expected
