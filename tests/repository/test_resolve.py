"""``make resolve`` with a uv that only notes what it is asked: every system, every Python, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lstmbench.utils.paths import ROOT

UV = """\
#!/bin/sh
echo "$* macOS $MACOSX_DEPLOYMENT_TARGET" >> "$CALLS"
case "$*" in *"$REFUSED"*) echo "$MESSAGE" >&2; exit 2;; esac
echo "numpy==2.4.6"
echo "    # via -r requirements.txt"
"""


@pytest.fixture
def resolve(tmp_path):
    """Runs the program; uv fails with ``message`` if ``refused`` is among its words."""
    (tmp_path / "uv").write_text(UV, encoding="utf-8")
    (tmp_path / "uv").chmod(0o755)
    calls = tmp_path / "calls"

    def run(refused="nothing", message=""):
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "CALLS": str(calls), "REFUSED": refused, "MESSAGE": message}
        done = subprocess.run(
            [sys.executable, ROOT / "envs/resolve.py"], env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout.splitlines(), calls.read_text(encoding="utf-8").splitlines()

    return run


def test_nine_environments_and_those_with_cuda_are_asked_for_by_metadata_alone(resolve):
    code, said, calls = resolve()
    assert code == 0
    assert len(said) == len(calls) == 12
    assert all(line.endswith(": 1 packages") for line in said)
    asked = {
        (call.split("--python-platform ")[1].split()[0], call.split("--python-version ")[1].split()[0])
        for call in calls
    }
    assert len(asked) == 9
    assert all(" pip compile " in f" {call} " and "--only-binary :all:" in call for call in calls)
    assert all(call.endswith("macOS 14.0") for call in calls)


def test_one_that_cannot_be_resolved_fails_with_its_name_and_the_others_are_tried(resolve):
    code, said, calls = resolve("aarch64-apple-darwin", "error: No solution found when resolving dependencies")
    assert (code, len(calls)) == (1, 12)
    assert next(line for line in said if "No solution" in line).startswith("macOS ARM, Python 3.11, everything: error")


def test_without_an_index_it_says_so_and_stops(resolve):
    code, said, calls = resolve("compile", "error: Failed to fetch: the index")
    assert (code, len(calls)) == (7, 1)
    assert said == ["not resolved, no index answers: error: Failed to fetch: the index"]
