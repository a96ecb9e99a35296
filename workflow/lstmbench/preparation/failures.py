"""Tell apart how a source of a raw file fails: it gives nothing now, never will, or gives something else."""

from __future__ import annotations


class UnavailableError(Exception):
    """A source that does not give the file, and will not if asked again soon."""


class TransientError(UnavailableError):
    """A failure that may pass; ``retry_after_s`` if the server named a time."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WrongContentError(Exception):
    """A source that gives something else."""
