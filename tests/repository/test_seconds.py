"""A run of the tests that has a limit of time skips what is left, and says so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lstmbench.utils.paths import ROOT


@pytest.mark.parametrize(("limit", "outcome"), [("0", "1 skipped"), ("600", "1 passed")])
def test_no_test_begins_after_the_limit(limit, outcome):
    one = "tests/unit/system/test_processor.py::test_every_output_names_its_source"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--seconds={limit}", one]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert outcome in done.stdout
    assert (f"the {limit} s of --seconds are over" in done.stdout) == (limit == "0")
