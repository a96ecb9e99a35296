"""Start a process and wait for it, whatever this one is told meanwhile."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence

from lstmbench.utils.signals import SIGNALS


def outlive(command: Sequence[str]) -> int:
    """Run a command in a process of its own and return its exit code, 128 + N if signal N ended it.

    A scheduler signals all processes of a job, and takes the job for ended once its first process is gone.  So the
    signals that end a process end the command alone, which may first save its work.
    """
    before = {number: signal.signal(number, _ignore) for number in SIGNALS}
    try:
        code = subprocess.call(command)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _ignore(number: int, frame: object) -> None:
    """Do nothing.  Unlike SIG_IGN a handler is not handed down: the command meets its signals as any process does."""
