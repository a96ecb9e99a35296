"""Define the errors that a user can meet, each with its name and the exit code of the command.

The names and codes are stable, because scripts and tables rely on them.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from lstmbench.utils.escaping import brief, one_line
from lstmbench.utils.paths import PACKAGE

PREFIX = "error: "


def last_error(log: Iterable[str]) -> str:
    """Return the last line of a log that begins with "error: ", without it; if there is none, the last line.

    A command prints its error as its last act, so the last one explains why the process ended.  Earlier ones are of a
    process that it started, whose error it has taken into account, or of an earlier attempt in the same log.  Nothing
    else reads errors from logs.
    """
    lines = [line for line in map(one_line, log) if line] or ["no message"]
    return ([line for line in lines if line.startswith(PREFIX)] or lines)[-1].removeprefix(PREFIX)


def last_error_in(log: Path) -> str:
    """Return ``last_error`` of a file, whatever its bytes."""
    return last_error(log.read_text(encoding="utf-8", errors="replace").splitlines())


class BenchError(Exception):
    """An error that the user can act on: printed as one message, without a traceback."""

    exit_code = 1
    name = "ERROR"

    @property
    def label(self) -> str:
        """Return code and name: E3-DATA."""
        return f"E{self.exit_code}-{self.name}"


class UsageError(BenchError):
    """A wrong configuration, preset or command line."""

    exit_code = 2
    name = "USAGE"


class DataError(BenchError):
    """A file whose content is not what it should be."""

    exit_code = 3
    name = "DATA"


class MachineError(BenchError):
    """The machine or its software cannot do what was asked: no GPU, a framework not installed."""

    exit_code = 4
    name = "MACHINE"


class DivergedError(BenchError):
    """The loss is no longer a finite number."""

    exit_code = 5
    name = "DIVERGED"


class ResourceError(BenchError):
    """Memory or disk space has run out, or a place cannot be written."""

    exit_code = 6
    name = "RESOURCES"


class NetworkError(BenchError):
    """No source of a file could be reached."""

    exit_code = 7
    name = "NETWORK"


class LockedError(BenchError):
    """Another process is working on the same run."""

    exit_code = 8
    name = "LOCKED"


class WorkerError(BenchError):
    """A worker of a shared training run is lost, or does not answer."""

    exit_code = 9
    name = "WORKER"


class VerdictError(BenchError):
    """A comparison came to a verdict that the user asked to be an error."""

    exit_code = 10
    name = "VERDICT"


class Interrupted(BenchError):
    """The process was asked to stop, and has saved its work: the same command resumes from there."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h
    name = "INTERRUPTED"


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
_MISTAKEN = {
    errno.ENOENT: "a file or folder that is there or can be created",
    errno.EEXIST: "a folder",
    errno.ENOTDIR: "a folder",
    errno.EISDIR: "a file",
}
"""What was expected at a path that is not what a command takes it for."""

_NO_MEMORY = re.compile(
    r"out[ _]of[ _]memory|can(no|')t allocate memory|OOM when allocating"
    r"|bad_alloc|malloc failed|mmap error: 12\b|memory allocation of \d+ bytes failed",
    re.IGNORECASE,
)
"""What frameworks, CUDA and Linux (first line) and C++, OpenBLAS, Abseil (TensorFlow) and Rust (second line) say."""


def out_of_memory(error: BaseException) -> bool:
    """Return whether Python or a framework raises this when memory has run out."""
    return isinstance(error, MemoryError) or (not isinstance(error, BenchError) and mentions_out_of_memory(str(error)))


def mentions_out_of_memory(line: str) -> bool:
    """Return whether a line by Python, a framework or the C++ library says that memory has run out."""
    return bool(_NO_MEMORY.search(line))


def as_bench_error(error: Exception) -> BenchError | None:
    """Return the user's error for ``error``; None if it is a fault of this project."""
    if isinstance(error, BenchError):
        return error
    if out_of_memory(error):
        return ResourceError(f"out of memory ({brief(error)}): choose fewer jobs at a time, or a smaller size")
    if isinstance(error, OSError) and error.errno is not None:
        return _of_file_system(error, error.errno)
    return None


def _of_file_system(error: OSError, code: int) -> BenchError | None:
    number = f"(errno {code}, {errno.errorcode.get(code, 'unknown')})"
    path = error.filename2 or error.filename  # a file is renamed from a temporary name, which tells a user nothing
    where = "" if path is None else f"{path}: "
    if code in _NO_SPACE:
        free = "free some, and run the same command again"
        return ResourceError(f"{where}no space left on its file system {number}: {free}")
    if code in _NOT_WRITABLE:
        allowed = "expected to be allowed to read and to write there"
        return ResourceError(f"{where}{error.strerror} {number}: {allowed}")
    if not isinstance(path, (str, PathLike)) or code == errno.ENOTEMPTY:  # a fault of ours
        return None
    if code in _MISTAKEN:
        mistake = _mistake(Path(path), _MISTAKEN[code])
        return UsageError(f"{mistake} {number[:-1]}, at {_place(error)}); correct the path or what is there")
    again = "use another file system, or run the same command again when this one is sound"
    return ResourceError(f"{where}{error.strerror} {number}: {again}")


def _mistake(path: Path, expected: str) -> str:
    """Return what is expected and found at the first part of a path that is not what the path takes it for."""
    for folder in reversed(path.parents):
        if (found := _found(folder)) != "a folder":
            return f"{folder}: expected a folder, found {found}"
    return f"{path}: expected {expected}, found {_found(path)}"


def _found(path: Path) -> str:
    try:
        if path.is_symlink() and not path.exists():
            return f"a link to {path.readlink()}, which is not there"
        return "a folder" if path.is_dir() else "a file" if path.exists() else "nothing"
    except OSError as error:
        return f"what cannot be looked at ({error.strerror})"


def _place(error: Exception) -> str:
    """Return where in this package an error was met, as file and line: perhaps the path is a fault of ours."""
    files = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [f"{file.relative_to(PACKAGE)}:{line}" for file, line in files if file.is_relative_to(PACKAGE)]
    return ours[-1] if ours else "an unknown place"
