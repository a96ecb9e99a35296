"""Run a command line, and turn each error that the user can act on into one message and an exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from lstmbench.utils.errors import PREFIX, as_bench_error
from lstmbench.utils.escaping import printable


def run(main: Callable[[], None]) -> int:
    """Run ``main`` and return the exit code; print an error that the user can act on as one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # Escape characters that the terminal or the locale lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
    except Exception as raised:
        error = as_bench_error(raised)
        if error is None:
            raise
        print(f"{PREFIX}{error.label}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    return 0
