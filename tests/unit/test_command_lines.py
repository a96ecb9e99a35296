"""Every command line starts in whatever Python a user's environment makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.unit.reference import ROOT

HELP = """
import contextlib, io
from lstmbench import commands

for name in commands.names():
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        commands.load(name).main(["--help"])
    print(name, told.getvalue().split(maxsplit=1)[0])
"""


def test_every_command_line_starts_in_a_python_that_drops_docstrings():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONOPTIMIZE": "2"}
    done = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    started = dict(line.split() for line in done.stdout.splitlines())
    assert set(started.values()) == {"usage:"}
    assert {"download", "prepare", "train", "report", "gpu-check"} <= set(started)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_character_gets_its_escape(encoding):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", "from lstmbench.cli import run; run(lambda: print('a\\N{EN DASH}b'))"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a\\u2013b\n"


def test_a_colon_in_the_project_s_path_is_refused_by_make_in_one_line(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    shutil.copy2(ROOT / "Makefile", folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "demo"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{folder}/.venv: a folder whose path holds a colon" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["Makefile"]
