"""Lock a folder for one process; the lock ends with the process that holds it, however that ends.

If the file system has no ``flock``, a file that names its holder is the lock.  It stays if its holder is killed, and is
taken over if that process ran on this machine.  A holder on another machine cannot be checked, so the error names its
file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import psutil

from lstmbench.utils.clock import utc_now
from lstmbench.utils.errors import DataError, LockedError
from lstmbench.utils.files import UNSUPPORTED
from lstmbench.utils.strict_json import parse_json

NO_FLOCK = UNSUPPORTED | {errno.ENOLCK}

SAME_START_SECONDS = 2.0
"""Tolerance in seconds for the start of one process when read twice, because its clock may be corrected in between."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is created if necessary, and removed at the end if it is empty.

    Raises:
        LockedError: another process holds it.
    """
    path = folder / "lock"
    try:
        stream = _acquired(path)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        holding = _held_by_file(path.with_name("holder.json"), errno.errorcode[error.errno])
    else:
        holding = _held_by_flock(path, stream)
    with holding:
        yield
    with contextlib.suppress(OSError):  # not empty
        os.removedirs(folder)


@contextlib.contextmanager
def _held_by_flock(path: Path, stream: TextIO) -> Iterator[None]:
    with stream:
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()} since {utc_now()}")
        stream.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


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
        except OSError as error:
            stream.close()
            if error.errno in NO_FLOCK:
                path.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(path)) from error
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        stream.close()  # its holder removed it between our opening and our locking it


@contextlib.contextmanager
def _held_by_file(path: Path, reason: str) -> Iterator[None]:
    me = {
        "process": os.getpid(),
        "started": psutil.Process().create_time(),
        "host": platform.node(),
        "since": utc_now(),
    }
    while True:
        try:
            with path.open("x", encoding="utf-8") as stream:
                json.dump(me, stream)
            break
        except FileExistsError:
            holder = _holder(path)
            if not _is_gone(holder):
                name = "process {process} on {host} since {since}".format_map(holder) if holder else "another process"
                left = f"wait for it, or stop it; if it is gone, delete {path}"
                raise LockedError(f"{path.parent}: {name} trains this run; {left}") from None
            path.unlink(missing_ok=True)
    try:
        print(f"{path}: the lock is this file: the file system has no flock ({reason})", file=sys.stderr)
        yield
    finally:
        path.unlink(missing_ok=True)


def _holder(path: Path) -> dict[str, Any]:
    """Return what the lock says of its holder; empty if it says nothing yet."""
    try:
        holder = parse_json(path.read_bytes(), path)
        return {name: holder[name] for name in ("process", "started", "host", "since")}
    except (DataError, OSError, LookupError, TypeError):
        return {}


def _is_gone(holder: dict[str, Any]) -> bool:
    """Return whether the holder has certainly ended: it ran on this machine, and no longer does."""
    if holder.get("host") != platform.node():
        return False
    try:
        started = psutil.Process(holder["process"]).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(abs(started - holder["started"]) > SAME_START_SECONDS)
