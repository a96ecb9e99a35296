"""Tell an archive or a compressed file from its first bytes."""

from __future__ import annotations

from pathlib import Path

_SIGNATURES = (
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\x00", "an xz file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"%PDF-", "a PDF file"),
    (257, b"ustar", "a tar archive"),
)
"""Where in a file, which bytes, and what it then is."""


def archive_format(path: Path) -> str | None:
    """Return what an archive or a compressed file is, with its article; None for any other file."""
    with path.open("rb") as stream:
        beginning = stream.read(512)
    return next((kind for offset, mark, kind in _SIGNATURES if beginning.startswith(mark, offset)), None)
