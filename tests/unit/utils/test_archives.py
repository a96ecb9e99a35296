"""What an archive is told from."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from lstmbench.utils.archives import archive_format


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"b")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (gzip.compress(b"a", mtime=0), "a gzip file"),
        (zipped(), "a zip archive"),
        (bz2.compress(b"a"), "a bzip2 file"),
        (lzma.compress(b"a"), "an xz file"),
        (tar(), "a tar archive"),
        (b"%PDF-1.7", "a PDF file"),
        (b"a text\n" * 100, None),
        (b"", None),
    ],
)
def test_an_archive_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, expected: str | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert archive_format(path) == expected
