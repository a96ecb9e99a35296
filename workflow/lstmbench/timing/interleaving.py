"""Turns: processes that are ready compute one after the other, a short while each, over and over.

What else happens on the machine (other machines on the same host, the clock of its CPUs) changes within seconds and by
tens of per cent.  Processes that run one after the other meet different moments; those that take turns of a quarter of
a second meet the same, and it cancels in their ratio.  Whose turn it is not waits for a line on its standard input.

    process: "ready"              leader: "go"
    process: seconds of the turn  leader: "go", ..., "end"
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

READY, GO, END = "ready", "go", "end"

MAX_SECONDS = 4.0
MIN_TURNS = 3
"""Processes take so many turns as are asked for, or until each had MAX_SECONDS, but MIN_TURNS at least."""

More = Callable[[float], bool]
"""Called when a process is ready, with 0, and then with the seconds of its last turn: is there another one?"""


def enough(turns: int, seconds: float, asked: int) -> bool:
    """Were ``turns`` that took ``seconds`` together enough, where ``asked`` were asked for?"""
    return turns >= asked or (turns >= MIN_TURNS and seconds >= MAX_SECONDS)


def unled(asked: int) -> More:
    """The turns of a process that nobody leads: one after the other."""
    took: list[float] = []

    def more(seconds: float) -> bool:
        if seconds:
            took.append(seconds)
        return not enough(len(took), sum(took), asked)

    return more


def led_by_parent() -> More:
    """The turns of a process that a leader started.  What it prints from now on goes to its standard error.

    Raises:
        SystemExit: from the calls; the leader is gone.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def more(seconds: float) -> bool:
        print(seconds or READY, file=answers, flush=True)
        line = sys.stdin.readline().strip()
        if line not in (GO, END):
            sys.exit("the process that led this one is gone")
        return line == GO

    return more


class InterleavedProcess:
    """A process that takes its turns when it is told to, seen from its leader."""

    def __init__(self, command: Sequence[str | os.PathLike[str]], errors: Path) -> None:
        self.seconds: list[float] = []
        self.errors = errors
        with errors.open("w", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
            )
        self.alive = self._process.stdout.readline().strip() == READY

    def turn(self) -> None:
        """Let it compute; if it ends instead, it is no longer ``alive``."""
        self._say(GO)
        if line := self._process.stdout.readline().strip():
            self.seconds.append(float(line))
        else:
            self.alive = False

    def finish(self) -> int:
        """Let it end; its exit code."""
        self._say(END)
        self.alive = False
        return self._process.wait()

    def kill(self) -> None:
        """End it at once, if it has not ended yet."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _say(self, word: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended; its exit code tells how
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()


def run_interleaved(processes: Sequence[InterleavedProcess], asked: int) -> None:
    """Let all that are alive take turns, forwards and backwards by turns (ABBA)."""
    done = 0
    while alive := [process for process in processes if process.alive]:
        if enough(done, min(sum(process.seconds) for process in alive), asked):
            return
        for process in alive if done % 2 == 0 else reversed(alive):
            process.turn()
        done += 1


@contextlib.contextmanager
def ended_at_last(processes: Mapping[str, InterleavedProcess]) -> Iterator[None]:
    """Leave no process behind, whatever ends the block."""
    try:
        yield
    finally:
        for process in processes.values():
            process.kill()
