"""Ask for what only Linux reports; on another system the answer is None, and what needs it is not judged there.

No other module opens ``/proc`` or ``/sys``, or asks for an affinity.  ``records.interference.not_judged`` names the
checks that a None leaves out.
"""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
PROCESS = PROC / "self"


def read(path: Path) -> str | None:
    """Return the text of a file of the kernel's; None: this system has no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def affinity(thread: int = 0) -> set[int] | None:
    """Return the cores that a thread of this process may run on; None: not reported, or the thread has ended.

    Thread 0 is the one that asks.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    try:
        return os.sched_getaffinity(thread)
    except OSError:
        return None
