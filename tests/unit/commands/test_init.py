"""Every command line starts in whatever Python a user's environment makes of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lstmbench import commands

HELP = """
import contextlib, io
from lstmbench import commands

for name in commands.names():
    help_text = io.StringIO()
    with contextlib.redirect_stdout(help_text), contextlib.suppress(SystemExit):
        commands.start(name, ["--help"])
    print(name, help_text.getvalue().split(maxsplit=1)[0])
"""


def test_every_command_line_starts_in_a_python_that_drops_docstrings():
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONDONTWRITEBYTECODE": "",  # or every test run compiles all libraries again
        "PYTHONOPTIMIZE": "2",
    }
    done = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    started = dict(line.split() for line in done.stdout.splitlines())
    assert set(started.values()) == {"usage:"}
    assert {"download", "prepare", "train", "report", "gpu-check"} <= set(started)


def output(*words: str) -> str:
    """What ``python -m lstmbench`` prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "lstmbench", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_help_fits_on_a_screen_and_names_commands_that_there_are():
    lines = output("--help").splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [name for group in commands.GROUPS.values() for name in group]
    assert set(listed) <= set(commands.names())


def test_all_commands_are_listed_each_with_what_it_does():
    lines = output("--help-all").splitlines()
    listed = dict(line.split(maxsplit=1) for line in lines if line.startswith("  "))
    assert set(listed) == set(commands.names())
    assert all(words.endswith((".", "?")) for words in listed.values())
    assert max(map(len, lines)) <= 80


SEEDS = [
    ("initialise", "-1"),
    ("initialise", "2147483648"),
    ("generate", "-1"),
    ("generate", "9" * 5000),
    ("train", "x"),
]


@pytest.mark.parametrize(("name", "seed"), SEEDS)
def test_a_seed_that_no_record_may_hold_is_refused(capsys, name, seed):
    with pytest.raises(SystemExit, match="2"):
        commands.parse(name, ["--seed", seed])
    assert "argument --seed: expected a number from 0 to 2147483647, found" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_seconds_between_checkpoints_that_never_pass_are_refused(capsys, seconds):
    with pytest.raises(SystemExit, match="2"):
        commands.parse("train", ["--checkpoint-seconds", seconds])
    assert "argument --checkpoint-seconds: expected a number of at least 0.0, found" in capsys.readouterr().err


def test_a_call_in_the_old_form_is_answered_in_one_line_with_the_new_one():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "lstmbench.gpu_check", "--budget", "60"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: E2-USAGE: python -m lstmbench.gpu_check: expected lstm-bench gpu-check, or python")


def test_every_command_is_called_by_its_name_in_its_help():
    for name in commands.names():
        message = (
            output(name, "--help") if name in ("train", "plot", "prepare") else commands.parser_of(name).format_usage()
        )
        assert message.startswith(f"usage: lstm-bench {name} "), message


def test_a_command_that_is_misspelt_is_refused_with_the_nearest_in_one_line():
    (line,) = output("trian").splitlines()
    assert line.startswith("error: E2-USAGE: unknown command 'trian' (did you mean train?)")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes_commands_and_their_options(shell):
    script = output("completion", shell)
    assert "gpu-check" in script
    assert "--checkpoint-seconds" in script


def test_windows_is_refused_in_one_line_that_names_wsl2(monkeypatch, capsys):
    monkeypatch.setattr("platform.system", lambda: "Windows")
    assert commands.main(["prepare", "--dataset", "markov"]) == 4
    assert capsys.readouterr().err.splitlines() == [
        "error: E4-MACHINE: system: expected Linux or macOS, found Windows; use WSL2 (wsl --install), which is Linux"
    ]
