"""What every verb's command line shares."""

from __future__ import annotations

import sys
from collections.abc import Callable

from lstmbench.errors import BenchError


def run(main: Callable[[], None]) -> int:
    """Run a verb's command line; a BenchError becomes one message on stderr and its exit code."""
    try:
        main()
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
