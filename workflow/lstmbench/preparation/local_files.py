"""Find a raw file in a user's folder, under the names that people use for it, and copy it."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from lstmbench.datasets import Source
from lstmbench.preparation.archive import write_member
from lstmbench.preparation.failures import UnavailableError, WrongContentError

GZIP_BYTES = 1 << 20
"""A gzip file is at most this much larger than its content: 5 bytes per 16 KiB, of a content below 3 GiB."""


def local_paths(sources: list[Source]) -> dict[str, Callable[[Path, BinaryIO], None]]:
    """Return where the file may be in a user's folder, and how to write it from there to a stream.

    The file may be in the folder itself, in one named after the data set, where this project and torchvision keep raw
    files, or where its archive unpacks to.  A gzip file may also be unpacked, and a member may still be in its archive.
    """
    first = sources[0]
    own = PurePosixPath(first.dataset)
    folders = [own, PurePosixPath(), own / "raw", PurePosixPath(first.dataset.upper(), "raw")]
    for member in {source.member: None for source in sources if source.member}:
        inner = PurePosixPath(member).parent
        folders += [inner, own / inner, PurePosixPath(inner.name)]
    paths: dict[str, Callable[[Path, BinaryIO], None]] = {}
    for folder in folders:
        paths[str(folder / first.file)] = partial(_copy, first)
        if first.unpacked_sha256:
            paths[str(folder / first.file.removesuffix(".gz"))] = partial(_copy_packed, first)
    for source in sources:
        if source.member:
            archive = PurePosixPath(unquote(urlsplit(source.url).path)).name
            paths |= {str(folder / archive): partial(_copy_member, source) for folder in folders[:2]}
    return paths


def absent_from(sources: list[Source], local: Sequence[Path]) -> list[str]:
    """Return one line per folder that does not hold the file, with the paths that were tried."""
    paths = local_paths(sources)
    return [
        f"{folder}: has none of {', '.join(paths)}"
        for folder in local
        if not any((folder / path).is_file() for path in paths)
    ]


def _copy(source: Source, path: Path, stream: BinaryIO) -> None:
    """Copy a file that has at most the listed bytes; a gzip file may be compressed otherwise than the listed one."""
    limit = source.unpacked_bytes + GZIP_BYTES if source.unpacked_sha256 else source.bytes
    found = path.stat().st_size
    if found > limit:
        raise WrongContentError(f"expected at most {limit} bytes, found {found}")
    with _opened(path) as original:
        shutil.copyfileobj(original, stream)


def _copy_packed(source: Source, path: Path, stream: BinaryIO) -> None:
    """Compress a file that is listed compressed; its bytes may differ from the listed ones, but not its content."""
    found = path.stat().st_size
    if found != source.unpacked_bytes:
        raise WrongContentError(f"expected {source.unpacked_bytes} bytes of unpacked content, found {found}")
    with _opened(path) as original, gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0) as packed:
        shutil.copyfileobj(original, packed)


def _copy_member(source: Source, path: Path, stream: BinaryIO) -> None:
    with _opened(path) as archive:
        write_member(archive, source, stream)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UnavailableError(error) from error
