"""Run a command in a child process and wait for it, whatever signals this process gets."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from lstmbench.utils.signals import handled_by


def outlive(command: Sequence[str]) -> int:
    """Run a command in a child process and return its exit code, or 128 + N if signal N ended it.

    A scheduler signals all processes of a job, and considers the job ended when its first process has ended.  So a
    signal ends only the command, which may first save its work.
    """
    with handled_by(_ignore):
        code = subprocess.call(command)
    return code if code >= 0 else 128 - code


def _ignore(number: int, frame: object) -> None:
    """Do nothing.  Unlike SIG_IGN, a handler is not inherited, so the command handles signals as any process does."""
