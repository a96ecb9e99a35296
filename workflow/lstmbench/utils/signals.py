"""Handle requests to stop: a signal, or the end of the process that started this one (Snakemake, the worker launcher).

Work continues to the next call of ``check``, a block of about half a second later.  A second signal ends the process at
once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

import psutil

from lstmbench.utils.errors import Interrupted

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give the signals that end a process to ``handler`` within the block, and then to those that had them before."""
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class Interruption:
    """Remember signals that would end this process, within the block; watch that Snakemake and ``launcher`` live."""

    def __init__(self, launcher: psutil.Process | None = None) -> None:
        self.reason: str | None = None
        above = {"Snakemake": _snakemake(), "the launcher of the workers": launcher}
        self._above = {name: process for name, process in above.items() if process is not None}

    def __enter__(self) -> Interruption:
        self._handled = handled_by(self._remember)
        self._handled.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handled.__exit__(None, None, None)

    def check(self) -> None:
        """Raise ``Interrupted`` if this process was asked to stop."""
        for name, process in self._above.items():
            if not process.is_running():
                self.reason = f"{name} (process {process.pid}) is gone"
        if self.reason:
            raise Interrupted(self.reason)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.reason = f"stopped by {signal.Signals(number).name}"
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)


def _snakemake() -> psutil.Process | None:
    """Return the nearest Snakemake above this process, if any; other parents may end, as a shell does under nohup."""
    for parent in psutil.Process().parents():
        try:
            if any("snakemake" in word for word in parent.cmdline()[:3]):
                return parent
        except psutil.Error:  # it ended meanwhile, or is another user's
            continue
    return None
