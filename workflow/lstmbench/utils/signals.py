"""Handle requests to stop: a signal, or the end of the process that started this one (Snakemake, the worker launcher).

Work continues to the next call of ``check``, a block of about half a second later.  A second signal ends the process at
once.  A signal that this process ignores from its start, as under nohup, stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType, TracebackType

import psutil

from lstmbench.utils.clock import Stopwatch
from lstmbench.utils.errors import Interrupted

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]

SAME_REQUEST_SECONDS = 1.0
"""Signals within this time of the first are the same request: a scheduler signals every process of a job, and the
launcher passes the signal on to workers that have it already."""


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give the signals that end this process to ``handler`` within the block, then to those that had them before."""
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class Interruption:
    """Remember signals that would end this process, within the block; watch that Snakemake and ``launcher`` live."""

    def __init__(self, launcher: psutil.Process | None = None) -> None:
        self.reason: str | None = None
        self._since_signal: Stopwatch | None = None
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
        if self._since_signal is None:
            self.reason, self._since_signal = f"stopped by {signal.Signals(number).name}", Stopwatch()
        elif self._since_signal.seconds() >= SAME_REQUEST_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def _snakemake() -> psutil.Process | None:
    """Return the nearest Snakemake above this process, if any; other parents may end, as a shell does under nohup."""
    for parent in psutil.Process().parents():
        try:
            # The program, or the script or module that Python runs.
            if any(PurePath(word).name == "snakemake" for word in parent.cmdline()[:3]):
                return parent
        except psutil.Error:  # it ended meanwhile, or is another user's
            continue
    return None
