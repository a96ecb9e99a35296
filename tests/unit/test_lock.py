"""One process at a time, and no lock outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from lstmbench.errors import LockedError
from lstmbench.lock import locked

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
HOLD = """
import sys, time
from pathlib import Path
from lstmbench.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, tmp_path / "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_holds_the_run(holder, tmp_path):
    who = rf"run: process {holder.pid} on .* since 20.*T"
    with pytest.raises(LockedError, match=who) as caught, locked(tmp_path / "run"):
        pytest.fail("both hold it")
    assert caught.value.exit_code == 8


def test_a_killed_holder_leaves_the_run_free(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with locked(tmp_path / "run"):
        pass


def test_an_empty_folder_goes_with_its_lock_and_a_full_one_stays(tmp_path):
    with locked(tmp_path / "a/empty"):
        pass
    with locked(tmp_path / "a/full"):
        (tmp_path / "a/full/checkpoint").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["full"]
    assert [path.name for path in (tmp_path / "a/full").iterdir()] == ["checkpoint"]
