"""A signal that nobody sends to stop a process is a result of its job; its name is told whatever the log holds."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import get_args

import pytest

from lstmbench.records.run_record import ExitCode
from lstmbench.utils.exit_codes import ending_signal, is_outcome, reason

CRASHES = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV]


@pytest.mark.parametrize("number", CRASHES, ids=lambda number: number.name)
def test_a_crash_is_a_result_and_names_its_signal_if_the_log_is_empty(tmp_path, number):
    code = subprocess.run([sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(number)})"]).returncode
    (tmp_path / "log").touch()
    assert (ending_signal(code), is_outcome(code), is_outcome(128 + number)) == (number, True, True)
    assert f": ended by {number.name}" in reason(code, tmp_path / "log")
    assert reason(code, tmp_path / "log") == reason(128 + number, tmp_path / "log")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_that_asks_to_stop_is_no_result(number):
    assert not is_outcome(-number)
    assert not is_outcome(128 + number)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 7, 8, 9, 10, 75, 128, 255])
def test_any_other_failure_is_no_result(code):
    assert not is_outcome(code)


def test_a_record_holds_exactly_the_codes_that_are_results():
    assert set(get_args(ExitCode)) == set(filter(is_outcome, range(256)))


def test_the_reason_of_a_process_that_ended_by_itself_is_its_error(tmp_path):
    log = tmp_path / "log"
    log.write_text("epoch 1\nerror: E4-MACHINE: no GPU\n", encoding="utf-8")
    assert reason(4, log) == "E4-MACHINE: no GPU"


def test_a_signal_that_has_no_name_here_is_told_by_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "Signals", lambda number: (_ for _ in ()).throw(ValueError(number)))
    assert ": ended by signal 12; " in reason(140, tmp_path / "none")
