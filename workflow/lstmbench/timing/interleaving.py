"""Run processes interleaved, one short turn at a time, so that disturbances cancel in the ratio of their speeds.

Other virtual machines on the host and the clock of the CPUs change speeds within seconds, by tens of per cent.
Processes that run one after another are measured under different conditions.  Interleaved processes, with turns of a
quarter of a second, share the same conditions.  The other processes block on stdin until it is their turn.

    process: "ready"              parent: "go"
    process: seconds of the turn  parent: "go", ..., "end"
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
"""Interleaving stops after the requested number of turns, or earlier once every process has had ``MIN_TURNS`` turns and
``MAX_SECONDS`` seconds."""

More = Callable[[float], bool]
"""more(seconds) -> whether to take another turn; ``seconds`` of the last turn, or 0 before the first."""


def enough(turns: int, seconds: float, asked: int) -> bool:
    """Return whether to stop after ``turns`` turns totalling ``seconds``, if ``asked`` turns were requested."""
    return turns >= asked or (turns >= MIN_TURNS and seconds >= MAX_SECONDS)


def unled(asked: int) -> More:
    """Return the turns of a process without a parent: they follow one another without a wait."""
    took: list[float] = []

    def more(seconds: float) -> bool:
        if seconds:
            took.append(seconds)
        return not enough(len(took), sum(took), asked)

    return more


def led_by_parent() -> More:
    """Return the turns of a process whose parent decides them, and redirect its stdout to stderr.

    Raises:
        SystemExit: from the returned function, if the parent is gone.
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
    """Start a process that waits for its turns, and lead it from its parent."""

    def __init__(self, command: Sequence[str | os.PathLike[str]], errors: Path) -> None:
        self.seconds: list[float] = []
        self.errors = errors
        with errors.open("w", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
            )
        assert self._process.stdin is not None  # a pipe
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self.alive = self._answers.readline().strip() == READY

    def turn(self) -> None:
        """Let it take a turn and note the seconds; if it has ended instead, it is no longer ``alive``."""
        self._say(GO)
        if line := self._answers.readline().strip():
            self.seconds.append(float(line))
        else:
            self.alive = False

    def finish(self) -> int:
        """Let it end and return its exit code."""
        self._say(END)
        self.alive = False
        return self._process.wait()

    def kill(self) -> None:
        """End it at once, if it has not ended yet."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()

    def _say(self, word: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended; its exit code says why
            self._questions.write(f"{word}\n")
            self._questions.flush()


def run_interleaved(processes: Sequence[InterleavedProcess], asked: int) -> None:
    """Run a turn of every living process, in rounds that alternate between forward and backward order (ABBA)."""
    done = 0
    while alive := [process for process in processes if process.alive]:
        if enough(done, min(sum(process.seconds) for process in alive), asked):
            return
        for process in alive if done % 2 == 0 else reversed(alive):
            process.turn()
        done += 1


@contextlib.contextmanager
def ended_at_last(processes: Mapping[str, InterleavedProcess]) -> Iterator[None]:
    """Kill every process that is still running when the block ends, whatever ends it."""
    try:
        yield
    finally:
        for process in processes.values():
            process.kill()
