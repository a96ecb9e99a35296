"""One process at a time in a folder; the lock ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from lstmbench.clock import utc_now
from lstmbench.errors import LockedError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is made if need be, and removed at the end if nothing is left in it.

    Raises:
        LockedError: another process holds it.
    """
    path = folder / "lock"
    with _acquired(path) as stream:
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()} since {utc_now()}")
        stream.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty
        os.removedirs(folder)


def _acquired(path: Path) -> TextIO:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read() or "another process"
            stream.close()
            raise LockedError(f"{path.parent}: {holder} trains this run; wait for it, or stop it") from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        stream.close()  # its holder removed it between our opening and our locking
