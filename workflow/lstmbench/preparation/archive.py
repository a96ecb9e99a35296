"""Extract one regular member from an untrusted archive, and unpack nothing else."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from typing import IO, BinaryIO

from lstmbench.datasets import Source
from lstmbench.preparation.failures import WrongContentError

MAX_UNPACKED_BYTES = 512 << 20
"""How far into an archive to search for a member."""


def write_member(archive: BinaryIO, source: Source, stream: BinaryIO) -> None:
    """Write ``source.member`` of a gzipped tar archive to ``stream``.

    Raises:
        WrongContentError: the archive is damaged or too large, or its member is missing or not as listed.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as members:
            shutil.copyfileobj(_find_member(members, source), stream)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise WrongContentError(f"not a whole gzipped tar archive: {error}") from error


def _find_member(members: tarfile.TarFile, source: Source) -> IO[bytes]:
    for member in members:
        if member.offset_data + member.size > MAX_UNPACKED_BYTES:
            raise WrongContentError(f"archive of more than {MAX_UNPACKED_BYTES} bytes when unpacked")
        if member.name != source.member:
            continue
        content = members.extractfile(member) if member.isreg() else None
        if content is None:
            raise WrongContentError(f"archive member {source.member} is not a regular file")
        if member.size != source.bytes:
            raise WrongContentError(
                f"archive member {source.member}: expected {source.bytes} bytes, found {member.size}"
            )
        return content
    raise WrongContentError(f"archive has no member {source.member}")
