"""A command line prints on any terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstmbench.utils.command_line import READER_GONE

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_character_gets_its_escape(encoding):
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
    command = [
        sys.executable,
        "-c",
        "from lstmbench.utils.command_line import run; run(lambda: print('a\\N{EN DASH}b'))",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a\\u2013b\n"


def ran(body: str, *, redirection: str) -> subprocess.CompletedProcess[str]:
    """A command line with this body, and its output as a shell redirects it; the exit code is the command's."""
    program = f"import sys\nfrom lstmbench.utils.command_line import run\ndef main():\n    {body}\nsys.exit(run(main))"
    command = ["bash", "-c", f'"$0" "$@" {redirection}; exit ${{PIPESTATUS[0]}}', sys.executable, "-c", program]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.mark.parametrize("count", [10, 100_000], ids=["written at exit", "written before"])
@pytest.mark.parametrize("redirection", ["| true", "| head -1 > /dev/null"])
def test_a_command_whose_reader_ends_first_ends_quietly(count, redirection):
    body = f"import time; time.sleep(0.3); print('x\\n' * {count}, flush=True); time.sleep(0.3); print('y')"
    done = ran(body, redirection=redirection)
    assert (done.returncode, done.stderr) == (READER_GONE, "")


def test_another_broken_pipe_is_a_fault_of_ours_and_keeps_its_traceback():
    done = ran("raise BrokenPipeError(32, 'Broken pipe')", redirection="")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_an_output_on_a_full_disk_is_told_as_such():
    done = ran("print('x')", redirection="> /dev/full")
    assert done.returncode == 6
    assert done.stderr.startswith("error: E6-RESOURCES: no space left")
