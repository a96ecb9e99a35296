"""A process that is asked to stop is told so where it looks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from lstmbench.utils import signals
from lstmbench.utils.errors import Interrupted
from lstmbench.utils.signals import SAME_REQUEST_SECONDS, SIGNALS, Interruption


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_nothing_until_the_next_look(number):
    with Interruption() as interruption:
        interruption.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match=f"stopped by {number.name}") as caught:
            interruption.check()
    assert caught.value.exit_code == 75


def test_afterwards_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interruption():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
WORK = """
import os, signal, sys, time
from lstmbench.utils.signals import Interruption
with Interruption() as interruption:
    print("looking", flush=True)
    if sys.argv[1] == "deaf":
        time.sleep(60)
    try:
        while True:
            interruption.check()
            time.sleep(0.01)
    except Exception as error:
        open(sys.argv[2], "w").write(str(error))
"""


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), number)
            interruption.check()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_signal_that_comes_twice_at_once_is_one_request():
    with Interruption() as interruption:
        for number in SIGNALS:
            os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match="stopped by SIG"):
            interruption.check()


def test_a_second_signal_ends_the_process_at_once(tmp_path):
    process = start(sys.executable, "-c", WORK, "deaf", tmp_path / "output")
    assert process.stdout.readline() == "looking\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(SAME_REQUEST_SECONDS + 0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM


def test_work_whose_snakemake_is_killed_stops(tmp_path):
    output = tmp_path / "output"
    # Named like Snakemake, and between it and the work a shell, as there is one in a job.
    (tmp_path / "snakemake").write_text("import subprocess, sys\nsubprocess.run(sys.argv[1:])\n")
    shell = ["bash", "-c", '"$0" "$@"; true', sys.executable, "-c", WORK, "", str(output)]
    process = start(sys.executable, tmp_path / "snakemake", *shell)
    assert process.stdout.readline() == "looking\n"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while not output.exists() or not output.read_text():
        assert time.monotonic() < deadline, "the orphan goes on"
        time.sleep(0.05)
    assert output.read_text() == f"Snakemake (process {process.pid}) is gone"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["/venv/bin/python3.11", "/venv/bin/snakemake", "--cores", "2"], True),
        (["python", "-m", "snakemake", "--snakefile", "Snakefile"], True),
        (["bash", "snakemake-notes/start.sh"], False),
        (["python", "train_without_snakemake.py"], False),
        (["bash", "-c", "snakemake --cores 2; true"], False),
        ([], False),
    ],
)
def test_a_parent_is_snakemake_by_the_name_of_its_program_or_script(monkeypatch, command, found):
    parent = SimpleNamespace(cmdline=lambda: command)
    monkeypatch.setattr("psutil.Process", lambda: SimpleNamespace(parents=lambda: [parent]))
    assert signals._snakemake() is (parent if found else None)
