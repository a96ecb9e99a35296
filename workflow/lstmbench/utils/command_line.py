"""Run a command line, and turn each error that the user can act on into one message and an exit code."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable
from typing import TextIO

from lstmbench.utils.errors import PREFIX, as_bench_error
from lstmbench.utils.escaping import printable

READER_GONE = 128 + 13
"""Exit code if the program that reads the output ended first, as ``head`` does: what a shell reports for SIGPIPE."""


def run(main: Callable[[], None]) -> int:
    """Run ``main`` and return the exit code; print an error that the user can act on as one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # Escape characters that the terminal or the locale lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except Exception as raised:
        if isinstance(raised, BrokenPipeError) and (gone := [*filter(_is_without_reader, (sys.stdout, sys.stderr))]):
            for stream in gone:
                _discard(stream)
            return READER_GONE
        error = as_bench_error(raised)
        if error is None:
            raise
        print(f"{PREFIX}{error.label}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    return 0


def _is_without_reader(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Discard what is left in a stream, because Python writes it at exit and would tell that it cannot."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
