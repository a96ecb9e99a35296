"""Tell from a process's exit code whether its failure affects other jobs, and from its log why it failed."""

from __future__ import annotations

import signal
from pathlib import Path

from lstmbench.utils.errors import (
    PREFIX,
    DivergedError,
    MachineError,
    ResourceError,
    last_error,
    mentions_out_of_memory,
)
from lstmbench.utils.escaping import one_line
from lstmbench.utils.signals import SIGNALS

PERMANENT = (MachineError.exit_code, DivergedError.exit_code)
"""Exit codes of failures that affect only one job and that no retry can mend."""

HINTS: dict[int, str] = {
    signal.SIGKILL: ", as the system does when memory runs out",
    signal.SIGSEGV: ", as a framework can when memory runs out",
    signal.SIGILL: ", as on a processor that lacks instructions of a framework's build",
    signal.SIGBUS: ", as when a file system such as /dev/shm is full",
}
"""What a signal that ended a process often means."""

NAMES: dict[int, str] = {signal.SIGKILL: "KILLED", signal.SIGABRT: "ABORTED"}
"""Names of failures by a signal; all others are called CRASHED."""

_LAST = 31
"""The last signal that systems send by themselves; those after it are for programs."""


def ending_signal(code: int) -> int | None:
    """Return the number of the signal that ended a process: N of -N, as Python says, or of 128 + N, as a shell says."""
    number = -code if code < 0 else code - 128
    return number if 1 <= number <= _LAST else None


def is_outcome(code: int) -> bool:
    """Return whether a failure affects only its own job, so that it is a result of the job.

    Such are a missing framework or GPU, a loss that diverged, a lack of memory, and each signal that nobody sends to
    ask a process to stop.
    """
    number = ending_signal(code)
    return code in (*PERMANENT, ResourceError.exit_code) if number is None else number not in SIGNALS


def can_lack_memory(code: int, log: Path) -> bool:
    """Return whether a signal ended the process that can mean a lack of memory.

    Linux kills a process to free memory, TensorFlow's oneDNN writes to memory that it requested but did not get, and
    C++ aborts, but not for this reason alone.
    """
    number = ending_signal(code)
    return number in (signal.SIGKILL, signal.SIGSEGV) or (number == signal.SIGABRT and _says_no_memory(_lines(log)))


def reason(code: int, log: Path) -> str:
    """Return in one line why a process failed, from its log; if a signal ended it, name the signal."""
    lines = _lines(log)
    number = ending_signal(code)
    if number is None:
        return last_error(lines)
    # A process that a signal ended printed no error of ours: whatever is last is nearest to the cause.
    last = lines[-1].removeprefix(PREFIX) if lines else "none"
    return f"E{128 + number}-{NAMES.get(number, 'CRASHED')}: {_how(number, lines)}; its last words: {last}"


def _how(number: int, lines: list[str]) -> str:
    if number == signal.SIGABRT and _says_no_memory(lines):
        return "out of memory"
    try:
        name = signal.Signals(number).name
    except ValueError:  # a signal of another system
        name = f"signal {number}"
    return f"ended by {name}{HINTS.get(number, '')}"


def _says_no_memory(lines: list[str]) -> bool:
    return any(map(mentions_out_of_memory, lines))


def _lines(log: Path) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return [line for line in map(one_line, text.splitlines()) if line]
