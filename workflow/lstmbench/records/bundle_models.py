"""Put the models of runs into a bundle, and take them out: in pieces, and checked against the runs' records.

A model is the final weights of a run.  Models are larger than all records, so none is held in memory as a whole.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lstmbench.records import paths
from lstmbench.records.run import MODEL, RECORD, require_weights_of
from lstmbench.records.run_record import FailedRun, RunRecord
from lstmbench.utils.errors import DataError
from lstmbench.utils.files import hash_arrays_in, naming

MAX_MODEL_BYTES = 4 << 30
MAX_MODELS_BYTES = 64 << 30
"""Bytes of one model, and of all in a bundle.  A model of PTB large takes 264 MB."""

MODELS = PurePosixPath(paths.RUN).with_name(MODEL).as_posix()
"""Where the model of each run is in a folder of results, as the patterns of ``paths``."""

_PIECE_BYTES = 1 << 20


def is_model(name: str) -> bool:
    """Return whether this is the name of a run's model."""
    return paths.regex(MODELS).fullmatch(name) is not None


def record_of(name: str) -> str:
    """Return the name of the record of the run that a model belongs to."""
    return PurePosixPath(name).with_name(RECORD).as_posix()


def check_model(path: Path, record: object) -> None:
    """Raise an error unless the file holds the weights that the run of this record ended with.

    Raises:
        DataError: they are others, the file is damaged, or there is no record of a complete run.
    """
    again = "delete it, or make the bundle without models"
    if not isinstance(record, RunRecord):
        found = "that of a failed one" if isinstance(record, FailedRun) else "none"
        raise DataError(f"{path}: expected the {RECORD} of a complete run beside it, found {found}; {again}")
    require_weights_of(record, hash_arrays_in(path), path, again)


def write_piecewise(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write a file into an archive; weights hardly shrink, so it is not compressed."""
    member.file_size = path.stat().st_size  # by which zipfile chooses the format for more than 2 GiB
    with path.open("rb") as source, archive.open(member, "w") as target:
        while piece := source.read(_PIECE_BYTES):
            target.write(piece)


def extract_piecewise(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    """Write a member of an archive to ``path``, and return its sha256 in hex.

    Raises:
        OSError: ``path`` cannot be written; with the path.
        zipfile.BadZipFile, zlib.error, EOFError, RuntimeError: the member cannot be read.
    """
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("wb") as target:
        for piece in _pieces(archive, name):
            digest.update(piece)
            target.write(piece)
    return digest.hexdigest()


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with archive.open(name) as source:
            while piece := source.read(_PIECE_BYTES):
                yield piece
    except OSError as error:  # so that it is not taken for one of writing
        raise zipfile.BadZipFile(str(error)) from error
