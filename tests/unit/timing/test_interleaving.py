"""Processes that take turns: never two at once, none waits for ever, and one that ends does not stop the others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from lstmbench.orchestration.dependencies import PACKAGE
from lstmbench.records.measurement_record import ProcessReport
from lstmbench.timing.interleaving import MAX_SECONDS, MIN_TURNS, enough, unled
from lstmbench.timing.rounds import Ended, run_round
from lstmbench.utils.conversion import plain
from tests.factories.measurements import make_report

SCRIPT = """
import json, os, sys
sys.path.insert(0, {package!r})
from lstmbench.timing import interleaving
name, output, log = {name!r}, sys.argv[-1], open({log!r}, "a")
{before}
more, seconds, taken = interleaving.led_by_parent(), 0, 0
print("noise on standard output")
while more(seconds):
    taken, seconds = taken + 1, {seconds}
    log.write(name + " begins\\n"); log.flush()
    {during}
    log.write(name + " ends\\n"); log.flush()
with open(output, "w") as stream:
    json.dump(json.loads({report!r}) | {{"steady_steps": taken}}, stream)
"""

REPORT = make_report()
"""What each process writes, but that its steps are its turns."""


def command(folder: Path, name: str, before: str = "", during: str = "", seconds: float = 0.5) -> list[str]:
    script = SCRIPT.format(
        package=str(PACKAGE.parent),
        name=name,
        log=str(folder / "log"),
        before=before,
        during=during,
        seconds=seconds,
        report=json.dumps(plain(REPORT)),
    )
    return [sys.executable, "-c", script]


def run(folder: Path, asked: int = 4, **commands: list[str]) -> dict[str, ProcessReport | Ended]:
    return run_round(commands, asked, folder, lambda line: None)


def after(turns: int) -> ProcessReport:
    """What a process reports after ``turns`` turns."""
    return replace(REPORT, steady_steps=turns)


def test_each_computes_only_when_it_is_its_turn_forwards_and_backwards(tmp_path):
    found = run(tmp_path, a=command(tmp_path, "a"), b=command(tmp_path, "b"), c=command(tmp_path, "c"))
    assert found == {name: after(4) for name in "abc"}
    order = [name for turn in ("abc", "cba", "abc", "cba") for name in turn]
    expected = [f"{name} {what}" for name in order for what in ("begins", "ends")]
    assert (tmp_path / "log").read_text().splitlines() == expected


@pytest.mark.parametrize(
    ("when", "code"),
    [({"before": "sys.exit(4)"}, 4), ({"during": "print('error: E4-MACHINE: no GPU'); sys.exit(4)"}, 4)],
)
def test_one_that_ends_before_or_in_its_turn_fails_and_the_others_go_on(tmp_path, when, code):
    found = run(tmp_path, a=command(tmp_path, "a", **when), b=command(tmp_path, "b"))
    assert found["b"] == after(4)
    assert found["a"] == Ended("no message" if "before" in when else "E4-MACHINE: no GPU", code)


def test_one_that_is_killed_fails_with_its_signal(tmp_path):
    found = run(tmp_path, a=command(tmp_path, "a", during="os.kill(os.getpid(), 9)"))
    assert found["a"].exit_code == -9
    assert found["a"].failure.startswith("E137-KILLED: ended by SIGKILL, as the system does when memory runs out")


def test_a_process_whose_leader_is_gone_ends_by_itself(tmp_path):
    done = subprocess.run(
        [*command(tmp_path, "a"), str(tmp_path / "out")], input="go\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "led this one is gone" in done.stderr
    assert done.stdout.splitlines() == ["ready", "0.5"]


def test_no_process_is_left_behind_by_an_error(tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    before = psutil.Process().children()
    with pytest.raises(KeyboardInterrupt):
        run_round({"a": command(tmp_path, "a"), "b": command(tmp_path, "b")}, 4, tmp_path, log=stop)
    assert psutil.Process().children() == before


@pytest.mark.parametrize(
    ("turns", "seconds", "expected"),
    [
        (9, 1.0, False),
        (10, 1.0, True),
        (MIN_TURNS, MAX_SECONDS, True),
        (MIN_TURNS, MAX_SECONDS - 1, False),
        (MIN_TURNS - 1, 100.0, False),
    ],
)
def test_turns_end_when_there_were_enough_or_they_took_long_but_some_there_must_be(turns, seconds, expected):
    assert enough(turns, seconds, asked=10) is expected


def test_alone_a_process_takes_as_many_turns_as_led():
    more, count, seconds = unled(10), 0, 0.0
    while more(seconds):
        count, seconds = count + 1, MAX_SECONDS / 5
    assert count == 5


def test_slow_ones_do_not_end_the_turns_of_fast_ones_early(tmp_path):
    found = run(tmp_path, asked=6, a=command(tmp_path, "a", seconds=10.0), b=command(tmp_path, "b"))
    assert found == {"a": after(6), "b": after(6)}
