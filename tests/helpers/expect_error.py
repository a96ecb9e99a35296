"""What a reader of anything at all may do: take it, or refuse it by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lstmbench.utils.errors import BenchError


@contextmanager
def taken_or_refused(kind: type[BenchError], expected: object) -> Iterator[None]:
    """The block succeeds, or ends with an error of this ``kind`` in whose one message ``expected`` stands."""
    message = str(expected)
    try:
        yield
    except kind as error:
        message = str(error)
    assert str(expected) in message
