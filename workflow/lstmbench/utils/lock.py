"""Lock a folder for one process; the lock ends with the process that holds it, however that ends.

Each process first puts a file of its own into the folder, and then holds the folder if no other process that is alive
has one there.  Of two processes at least the later one sees the other's file, so both never hold it.  A file is whole
from the moment it is seen, its name is used once, and so anyone may remove that of a process that is gone.

A process is gone if it no longer holds the ``flock`` of its file.  If the file system has no ``flock``, it is gone if
it ran on this machine and no longer does.  One on another machine cannot be checked then, so the error names its file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from lstmbench.utils.clock import Stopwatch, timestamp, utc_now
from lstmbench.utils.errors import LockedError
from lstmbench.utils.fields import Number, StrictStruct
from lstmbench.utils.files import UNSUPPORTED, if_supported, naming

NO_FLOCK = UNSUPPORTED | {errno.ENOLCK}

SAME_START_SECONDS = 2.0
"""Tolerance in seconds for the start of one process when read twice, because its clock may be corrected in between."""

PATIENCE_SECONDS = 2.0
"""Of processes that ask at the same time, the first waits this long for the others to be refused."""

POLL_SECONDS = 0.05

OPEN_TRIES = 10
"""A folder may vanish between its creation and that of a file in it, as often as another process's lock ends then."""


class _Holder(StrictStruct, frozen=True):
    process: Number
    started: float  # of the process, in seconds since 1970
    host: str
    since: str
    asked: float = 0.0  # the same, in seconds since 1970
    flock: bool = False  # the process holds it on this file


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is created if necessary, and removed at the end if it is empty.

    Raises:
        LockedError: another process holds it.
        OSError: it cannot be created or written; with a path.
    """
    path = folder / f"holder-{uuid.uuid4().hex}.json"
    with _stating(path) as (me, reason):
        _refuse_others(path, me)
        if reason:
            print(f"{path}: the lock is this file: the file system has no flock ({reason})", file=sys.stderr)
        yield
    with contextlib.suppress(OSError):  # not empty
        folder.rmdir()


@contextlib.contextmanager
def _stating(path: Path) -> Iterator[tuple[_Holder, str | None]]:
    """Have a file ``path`` that names this process, within the block; yield what it says and why it has no flock."""
    hidden = path.with_name(f".{path.name}")  # until it is locked and whole
    try:
        with _created(hidden) as stream:
            with naming(path):
                reason = _flock(stream, fcntl.LOCK_EX)
                me = _me(flock=reason is None)
                _write(stream, msgspec.json.encode(me))
            hidden.rename(path)
            yield me, reason
    finally:
        for one in (hidden, path):
            one.unlink(missing_ok=True)


def _me(*, flock: bool) -> _Holder:
    started = psutil.Process().create_time()
    return _Holder(os.getpid(), started, platform.node(), utc_now(), timestamp(), flock)


def _created(path: Path) -> io.FileIO:
    for left in reversed(range(OPEN_TRIES)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb", buffering=0)
        except (FileNotFoundError, FileExistsError):
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _write(stream: io.FileIO, content: bytes) -> None:
    while content:
        content = content[stream.write(content) :]
    with if_supported():
        os.fsync(stream.fileno())  # so that other machines see it


def _flock(stream: io.FileIO, operation: int) -> str | None:
    """Lock an open file without waiting; return the name of the error if its file system has no flock, else None.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        fcntl.flock(stream, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        return errno.errorcode[error.errno]
    return None


def _refuse_others(path: Path, me: _Holder) -> None:
    watch = Stopwatch()
    while others := list(_others(path)):
        # Who asked after this process sees its file and is refused; who asked before may hold the folder.
        earlier = [other for other in others if other[1] is None or (other[1].asked, other[0]) < (me.asked, path)]
        if earlier or watch.seconds() > PATIENCE_SECONDS:
            raise _refusal(*(earlier or others)[0])
        time.sleep(POLL_SECONDS)


def _refusal(path: Path, holder: _Holder | None) -> LockedError:
    name = f"process {holder.process} on {holder.host} since {holder.since}" if holder else "another process"
    left = "" if holder and holder.flock else f"; if it is gone, delete {path}"
    return LockedError(f"{path.parent}: {name} trains this run; wait for it, or stop it{left}")


def _others(mine: Path) -> Iterator[tuple[Path, _Holder | None]]:
    """Yield the files of other processes that may be alive, with what they say; remove those of processes gone."""
    for path in sorted(mine.parent.glob("holder*.json")):
        if path == mine:
            continue
        with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as stream:
            holder = _read(stream)
            if holder and _is_gone(holder, stream):
                path.unlink()
            else:
                yield path, holder


def _read(stream: io.FileIO) -> _Holder | None:
    """Return what an open file says; None: it is not whole, as one of an earlier version may be, or not readable."""
    try:
        return msgspec.json.decode(stream.read(), type=_Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_gone(holder: _Holder, stream: io.FileIO) -> bool:
    """Return whether the process that wrote a file, which is open for reading, has certainly ended."""
    if holder.flock:
        try:
            if _flock(stream, fcntl.LOCK_SH) is None:
                return True
        except BlockingIOError:
            return False
    if holder.host != platform.node():
        return False
    try:
        started = psutil.Process(holder.process).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(abs(started - holder.started) > SAME_START_SECONDS)
