"""What becomes of workers that one process starts."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from lstmbench.training import launcher
from lstmbench.training.launcher import launch
from lstmbench.utils.errors import Interrupted, WorkerError


def started(script: str) -> int:
    """The exit code of two workers that run ``script``, in which ``rank`` is known."""
    return launch([sys.executable, "-c", f"import os, sys, time; rank = int(os.environ['RANK'])\n{script}"], 2)


def test_workers_that_end_well_end_well_together():
    assert started("assert os.environ['WORLD_SIZE'] == '2' and rank in (0, 1)") == 0


def test_what_every_worker_would_say_is_said_once(capfd):
    assert started("sys.exit('wrong configuration')") == 1
    assert capfd.readouterr().err.count("wrong configuration") == 1


def test_what_one_worker_alone_has_to_say_is_said(capfd):
    assert started("if rank == 1: print('no disk here', file=sys.stderr), sys.exit(6)\ntime.sleep(0.1)") == 6
    assert "no disk here" in capfd.readouterr().err


def test_a_killed_worker_ends_the_others_at_once_and_is_named():
    watch = time.monotonic()
    with pytest.raises(WorkerError, match=r"rank 1 \(of 2 workers, .*SIGKILL.*run the same command again"):
        started("if rank == 1: os.kill(os.getpid(), 9)\ntime.sleep(60)")
    assert time.monotonic() - watch < 10


def test_a_worker_that_no_longer_answers_is_killed_and_named(monkeypatch):
    monkeypatch.setattr(launcher, "GRACE_SECONDS", 0.2)
    with pytest.raises(WorkerError, match=r"rank 1 \(of 2 workers\) does not answer"):
        started("sys.exit(9) if rank == 0 else time.sleep(60)")


def test_a_signal_reaches_every_worker_and_what_they_make_of_it_counts(tmp_path):
    script = f"""
import pathlib, signal
def stop(*_):
    pathlib.Path({str(tmp_path)!r}, f'stopped-{{rank}}').touch()
    sys.exit({Interrupted.exit_code})
signal.signal(signal.SIGTERM, stop)
pathlib.Path({str(tmp_path)!r}, f'ready-{{rank}}').touch()
if rank == 0:
    while len(list(pathlib.Path({str(tmp_path)!r}).glob('ready-*'))) < 2: time.sleep(0.01)
    os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    before = signal.getsignal(signal.SIGTERM)
    assert started(script) == Interrupted.exit_code
    assert len(list(tmp_path.glob("stopped-*"))) == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_workers_that_a_scheduler_signals_too_end_as_asked(tmp_path):
    script = f"""
from pathlib import Path
from lstmbench.utils.errors import Interrupted
from lstmbench.utils.signals import Interruption
with Interruption() as interruption:
    Path({str(tmp_path)!r}, str(rank)).touch()
    while len(list(Path({str(tmp_path)!r}).iterdir())) < 2:
        time.sleep(0.01)
    if rank == 0:
        os.kill(os.getppid(), {signal.SIGTERM})
    os.kill(os.getpid(), {signal.SIGTERM})
    time.sleep(0.5)
    try:
        interruption.check()
    except Interrupted as error:
        sys.exit(error.exit_code)
"""
    assert started(script) == Interrupted.exit_code


def test_whatever_bytes_a_worker_writes_are_shown(capfd):
    assert started("if rank == 1: sys.stderr.buffer.write(b'x\\xe9'), sys.exit(5)\ntime.sleep(0.1)") == 5
    assert "x\ufffd" in capfd.readouterr().err


def test_no_worker_is_left_running():
    before = psutil.Process().children()
    assert started("sys.exit(3) if rank == 0 else time.sleep(0.2)") == 3
    assert psutil.Process().children() == before


def test_a_lost_worker_is_told_once_by_the_launcher(monkeypatch, capsys):
    monkeypatch.delenv(launcher.LAUNCHER, raising=False)
    with pytest.raises(WorkerError), launcher.told_by_launcher():
        raise WorkerError("gone")
    monkeypatch.setenv(launcher.LAUNCHER, str(os.getpid()))
    with pytest.raises(SystemExit) as ended, launcher.told_by_launcher():
        raise WorkerError("gone")
    assert ended.value.code == WorkerError.exit_code
    assert capsys.readouterr().err == "gone\n"
