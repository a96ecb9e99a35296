"""Define how a source of a raw file can fail: it gives nothing now, never will, or gives something else."""

from __future__ import annotations


class UnavailableError(Exception):
    """The source does not give the file, and will not if it is soon asked again."""


class TransientError(UnavailableError):
    """The failure may pass; ``retry_after_s`` holds the wait that the server named, if any."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WrongContentError(Exception):
    """The source gives something else."""
