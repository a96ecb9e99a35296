"""One process at a time, and no lock outlives its process."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

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


def test_an_empty_folder_goes_with_its_lock_and_a_full_one_and_its_parent_stay(tmp_path):
    with locked(tmp_path / "b/empty"):
        pass
    assert not list((tmp_path / "b").iterdir())
    with locked(tmp_path / "a/empty"):
        pass
    with locked(tmp_path / "a/full"):
        (tmp_path / "a/full/checkpoint").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["full"]
    assert [path.name for path in (tmp_path / "a/full").iterdir()] == ["checkpoint"]


def test_a_folder_that_another_process_removes_before_a_file_is_in_it_is_created_again(tmp_path, monkeypatch):
    original, removed = Path.open, []

    def remove_once(path, *arguments, **named):
        if not removed:
            path.parent.rmdir()
            removed.append(path)
        return original(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", remove_once)
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").exists()
    assert removed


def test_a_folder_that_cannot_be_created_is_told_with_its_path(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="link"), locked(tmp_path / "link/run"):
        pytest.fail("there is no such folder")


def test_a_full_disk_is_told_with_a_path_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "run").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left .*run/holder-.*json") as caught, locked(tmp_path / "run"):
            pytest.fail("its file is not whole")
    assert caught.value.errno == errno.ENOSPC
    assert not list((tmp_path / "run").iterdir())


WITHOUT_FLOCK = """
import errno, fcntl, os, sys
def flock(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fcntl.flock = flock
"""


def _no_locks(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


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


def test_a_process_without_flock_is_refused_by_one_that_has_it(holder, tmp_path, monkeypatch):
    before = list((tmp_path / "run").iterdir())
    monkeypatch.setattr(fcntl, "flock", _no_locks)
    with pytest.raises(LockedError, match=f"process {holder.pid} on "), locked(tmp_path / "run"):
        pytest.fail("both hold it")
    assert list((tmp_path / "run").iterdir()) == before


def test_a_process_with_flock_is_refused_by_one_that_lacks_it(holder_without_flock, tmp_path):
    with (
        pytest.raises(LockedError, match=f"process {holder_without_flock.pid} on .* delete "),
        locked(tmp_path / "run"),
    ):
        pytest.fail("both hold it")


def test_a_killed_holder_of_another_machine_leaves_the_run_free_if_both_have_flock(tmp_path):
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
        content = json.loads(held.read_text())
    (tmp_path / "run").mkdir()
    held.write_text(json.dumps(content | {"host": "another"}))
    with locked(tmp_path / "run"):
        assert not held.exists()


def test_a_lock_of_an_earlier_version_counts(tmp_path):
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
        content = json.loads(held.read_text())
    (tmp_path / "run").mkdir()
    old = {name: content[name] for name in ("process", "started", "host", "since")}
    (tmp_path / "run/holder.json").write_text(json.dumps(old))
    with pytest.raises(LockedError, match=r"delete .*/holder.json"), locked(tmp_path / "run"):
        pytest.fail("both hold it")


@pytest.mark.parametrize("flock", [fcntl.flock, _no_locks])
def test_of_threads_that_ask_at_once_one_holds_the_folder_of_a_dead_holder(tmp_path, monkeypatch, flock):
    count, outcomes, ended = 4, [], threading.Semaphore(0)
    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "run"):
        (held,) = (tmp_path / "run").iterdir()
        content = json.loads(held.read_text())
    (tmp_path / "run").mkdir()
    held.write_text(json.dumps(content | {"started": 1.0}))
    begin = threading.Barrier(count)

    def ask():
        begin.wait()
        try:
            with locked(tmp_path / "run"):
                outcomes.append("held")
                for _ in range(count - 1):
                    ended.acquire(timeout=60)
        except LockedError:
            outcomes.append("refused")
            ended.release()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held", *["refused"] * (count - 1)]


TAKE_TURNS = """
import os, sys, time
from pathlib import Path
from lstmbench.utils.errors import LockedError
from lstmbench.utils.lock import locked
run, held = Path(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 1
while time.monotonic() < end:
    try:
        with locked(run):
            held += 1
            os.close(os.open(run.with_name("inside"), os.O_CREAT | os.O_EXCL))
            os.unlink(run.with_name("inside"))
    except LockedError:
        pass
print(held)
"""


@pytest.mark.parametrize("before", ["", WITHOUT_FLOCK])
def test_processes_that_ask_again_and_again_never_hold_a_folder_together(tmp_path, before):
    commands = [[sys.executable, "-c", before + TAKE_TURNS, tmp_path / "run"]] * 3
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        for command in commands
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, outputs
    assert sum(int(stdout) for stdout, _ in outputs) > 0
