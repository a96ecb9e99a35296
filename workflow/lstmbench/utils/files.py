"""Write files that are whole or absent, and hash files and values."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from lstmbench.utils.errors import DataError

UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""Errors by which a file system (a network share, FUSE) says that it lacks a system call."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` if the block ends without an error.

    A reader sees the old content or the new one, never a half: write, fsync, rename, fsync of the folder.  A step that
    the file system does not have is left out.

    Raises:
        OSError: the file system failed; with the path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with naming(path):
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            # Open for writing, because some shares require that for fsync.
            with temporary.open("r+b") as stream:
                with if_supported(errno.EPERM, errno.EACCES):
                    os.fchmod(stream.fileno(), 0o666 & ~umask)
                with if_supported():
                    os.fsync(stream.fileno())
            temporary.replace(path)
            # The file is in place, so a folder that cannot be read is no error.
            with if_supported(errno.EPERM, errno.EACCES, errno.EISDIR):
                _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add ``path`` to an error of the block that names no file, as one of writing or flushing a stream does."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def if_supported(*others: int) -> Iterator[None]:
    """Ignore an error that says that this file system cannot do what the block asks for."""
    try:
        yield
    except OSError as error:
        if error.errno not in {*UNSUPPORTED, *others}:
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; refuse NaN and infinity, which JSON lacks."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write arrays atomically in safetensors format.

    Raises:
        OSError: cannot be written; with its number and the path, which safetensors alone would not give.
    """
    with atomic(path) as temporary:
        try:
            save_file(dict(arrays), temporary, metadata=metadata)
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Raises:
        DataError: missing, or not such a file.
    """
    with _reading(path):
        return load_file(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell whatever keeps safetensors from reading ``path`` as a DataError."""
    try:
        yield
    # For an array of a type that NumPy lacks, such as bfloat16, safetensors lets NumPy's own error through.
    except (OSError, SafetensorError, TypeError, AttributeError) as error:
        again = "delete it and run the workflow again"
        raise DataError(f"{path}: expected a safetensors file: {error}; {again}") from error


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the sha256 over names, dtypes, shapes and values of arrays, in order of their names, in hex."""
    return _hash_in_order((name, arrays[name]) for name in sorted(arrays))


def hash_arrays_in(path: Path) -> str:
    """Return the ``hash_arrays`` of a safetensors file; one array at a time is in memory.

    Raises:
        DataError: missing, or not such a file.
    """
    with _reading(path), safe_open(path, framework="numpy") as file:
        return _hash_in_order((name, file.get_tensor(name)) for name in sorted(file.keys()))


def _hash_in_order(arrays: Iterable[tuple[str, np.ndarray]]) -> str:
    digest = hashlib.sha256()
    for name, values in arrays:
        array = np.ascontiguousarray(values)
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_json(value: Any) -> str:
    """Return the sha256 of a JSON value in canonical form, in hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
