"""A job's first process outlives the signals that a scheduler sends to all of them, and ends as the second one did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from lstmbench.utils.child_process import outlive

PARENT = "import sys; from lstmbench.utils.child_process import outlive; sys.exit(outlive(sys.argv[1:]))"

SAVING = """
import signal, sys, time
def save(number, frame):
    time.sleep(0.3)
    print("saved", flush=True)
    sys.exit(75)
signal.signal(int(sys.argv[1]), save)
print("ready", flush=True)
time.sleep(60)
"""

UNPREPARED = "import time; print('ready', flush=True); time.sleep(60)"


def signalled(number: signal.Signals, program: str) -> tuple[int, str]:
    """Exit code and last words of a job whose processes all got a signal."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", PARENT, sys.executable, "-c", program, str(int(number))]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, number)
        output, _ = process.communicate()
    return process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_command_that_saves_its_work_is_waited_for(number):
    assert signalled(number, SAVING) == (75, "saved\n")


def test_a_command_that_does_not_handle_a_signal_is_ended_by_it():
    assert signalled(signal.SIGTERM, UNPREPARED) == (128 + signal.SIGTERM, "")


@pytest.mark.parametrize("code", [0, 4, 75])
def test_the_exit_code_is_that_of_the_command(code):
    assert outlive([sys.executable, "-c", f"raise SystemExit({code})"]) == code


def test_a_command_that_was_killed_ends_as_in_a_shell():
    assert outlive([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137
