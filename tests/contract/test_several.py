"""Two workers do what one does: the same losses, evaluations, states and weights, dropout and clip included.

Between float32 sums in another order (two halves of a batch, added up) and the same ones lie a few units in the last
place of each gradient: the tolerances are those of two implementations over 20 steps (``parity.comparison``).  In
float64 the same difference is 1e-9 times that: nothing but rounding lies between them.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from lstmbench.parity import comparison
from lstmbench.training import launcher
from lstmbench.utils.paths import ROOT
from tests.helpers import checks
from tests.helpers.implementation_params import DISTRIBUTED, configured
from tests.helpers.worker_program import CASES, trained

TOLERANCE = comparison.TOLERANCE_AFTER_20_STEPS


@pytest.fixture(scope="module", params=DISTRIBUTED)
def together(request, tmp_path_factory) -> tuple[str, list[dict[str, np.ndarray]]]:
    """An implementation, and what each of two workers of it found."""
    configured(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "workflow"), str(ROOT)]))
        command = [sys.executable, "-m", "tests.helpers.worker_program", request.param, str(folder)]
        assert launcher.launch(command, 2) == 0
    return request.param, [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


def of(found: dict[str, np.ndarray], case: str, dtype: str) -> dict[str, np.ndarray]:
    prefix = f"{case}/{dtype}/"
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_two_workers_do_what_one_does(together, case, dtype):
    implementation, (first, _) = together
    found = of(first, case, dtype)
    expected = trained(implementation.partition("_")[0], case, dtype)
    assert set(found) == set(expected)
    for name, value in expected.items():
        if name.startswith("correct"):
            assert found[name].tolist() == value.tolist()
        elif name != "broadcast":
            checks.assert_close(name, found[name], value, TOLERANCE[dtype])


def test_all_workers_find_the_same_bits(together):
    _, (first, second) = together
    checks.assert_identical(first, second)


def test_what_the_first_worker_says_counts(together):
    _, (_, second) = together
    assert all(value == 0.0 for name, value in second.items() if name.endswith("/broadcast"))
