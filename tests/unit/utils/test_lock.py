"""One process at a time, and no lock outlives its process."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from lstmbench.utils.errors import LockedError
from lstmbench.utils.lock import locked

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
HOLD = """
import sys, time
from pathlib import Path
from lstmbench.utils.lock import locked
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


WITHOUT_FLOCK = """
import errno, fcntl, os, sys
def flock(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fcntl.flock = flock
"""


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL])
def no_flock(request, monkeypatch):
    """A file system that does not lock, as Lustre without its option, or NFS without its daemon."""

    def flock(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    return request.param


@pytest.fixture
def holder_without_flock(tmp_path):
    command = [sys.executable, "-c", WITHOUT_FLOCK + HOLD, tmp_path / "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_without_flock_a_file_is_the_lock_and_that_is_said_once(no_flock, tmp_path, capsys):
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
        assert json.loads(held.read_text())["process"] == os.getpid()
        with (
            pytest.raises(LockedError, match=rf"process {os.getpid()} on .* since 20.*delete {held}"),
            locked(tmp_path / "run"),
        ):
            pytest.fail("both hold it")
    assert not (tmp_path / "run").exists()
    output = capsys.readouterr().err
    assert output.count(errno.errorcode[no_flock]) == 1


def test_without_flock_a_second_process_is_refused(no_flock, holder_without_flock, tmp_path):
    with pytest.raises(LockedError, match=rf"process {holder_without_flock.pid} on "), locked(tmp_path / "run"):
        pytest.fail("both hold it")


def test_without_flock_a_killed_holder_of_this_machine_leaves_the_run_free(no_flock, holder_without_flock, tmp_path):
    os.kill(holder_without_flock.pid, signal.SIGKILL)
    holder_without_flock.wait()
    assert list((tmp_path / "run").iterdir())
    with locked(tmp_path / "run"):
        pass


@pytest.mark.parametrize(
    ("change", "free"),
    [
        ({"host": "another"}, False),  # perhaps it lives there
        ({"started": 1.0}, True),  # another process had this number, before a restart of the machine or container
        ({}, False),
    ],
)
def test_without_flock_only_a_process_known_to_be_gone_loses_its_lock(no_flock, tmp_path, change, free):
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
        content = json.loads(held.read_text())
    (tmp_path / "run").mkdir(parents=True)
    held.write_text(json.dumps(content | change))
    if free:
        with locked(tmp_path / "run"):
            pass
    else:
        with pytest.raises(LockedError), locked(tmp_path / "run"):
            pytest.fail("both hold it")


def test_without_flock_an_unreadable_lock_is_refused_and_named(no_flock, tmp_path):
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
    (tmp_path / "run").mkdir(parents=True)
    held.write_text("")
    with pytest.raises(LockedError, match=f"delete {held}"), locked(tmp_path / "run"):
        pytest.fail("both hold it")
