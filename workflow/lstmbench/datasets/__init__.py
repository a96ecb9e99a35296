"""Define the data sets: one module each, found by listing this folder.

A module defines

    TASK: str                       "language_model" or "classifier": how its arrays become batches
    VERSION: int                    increased whenever the same raw files would give other arrays
    prepare(raw: Path) -> Prepared  from a folder of verified files; a generated data set ignores the folder

and the arrays of its task:

    language_model  train, valid, test       int32[tokens], each below the fact ``vocab_size``
    classifier      {split}_images           uint8[examples, 28, 28]
                    {split}_labels           uint8[examples], each below the fact ``classes``

A language model's data set also has a vocabulary, the word of each id, for what is read by people: it is kept beside
the manifest and outside its hash, so that other words for the same ids are the same data.

The report shows the first paragraph of its docstring, which says in a sentence or two what the data are.

Its raw files, if any, are rows of ``workflow/datasets.tsv``.

The modules in ``OWN_MODULES`` are no data sets.  Each reads a kind of data that a user has, to which a configuration
gives a name and a path (``texts``, ``images``).  Such a module defines ``TASK``, ``VERSION`` and

    contents(path) -> dict[str, str]    the sha256 of the content of each file that ``path`` means
    prepare(path, ...) -> Prepared      with the fact ``about``, the sentences that the report shows
"""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import importlib
import pkgutil
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lstmbench.utils.conversion import converted, plain
from lstmbench.utils.errors import DataError, UsageError
from lstmbench.utils.escaping import short
from lstmbench.utils.fields import NAME, StrictStruct
from lstmbench.utils.files import UNSUPPORTED, hash_file, hash_json
from lstmbench.utils.paths import WORKFLOW
from lstmbench.utils.strict_json import parse_json
from lstmbench.utils.validation import require_known

SOURCES = WORKFLOW / "datasets.tsv"

SCHEMA_VERSION = 1
"""The version of ``manifest.json``."""

MANIFEST = "manifest.json"
"""What a prepared data set is, in its folder; written last."""

VOCABULARY = "vocabulary.json"
"""The file beside ``manifest.json`` with the words of a language model's ids, and the hash of their data."""

SPLITS = ("train", "valid", "test")

OWN_MODULES = ("own_text", "own_images")
"""The modules that read a user's own data."""

Facts = Mapping[str, int | float | str]
"""What is known of a data set, by name: sizes, floors of the loss, and how it was drawn."""


@dataclass(frozen=True)
class Source:
    """One place from which one file can be downloaded: a row of ``datasets.tsv``."""

    dataset: str
    file: str
    bytes: int
    sha256: str
    url: str
    member: str  # name in the archive at the url; empty: the url is the file itself
    licence: str
    unpacked_bytes: int = 0  # of a gzip file's content, because programs compress differently; 0: not compressed
    unpacked_sha256: str = ""


@dataclass(frozen=True)
class Prepared:
    """What a data set module makes of its raw files."""

    arrays: dict[str, np.ndarray]
    facts: Facts
    vocabulary: Sequence[str] = ()  # of a language model: the word of each id


@dataclass(frozen=True)
class Dataset:
    """A prepared data set, read back from its folder."""

    name: str
    task: str
    facts: Facts
    arrays: dict[str, np.ndarray]  # read-only; memory-mapped if the file system supports it
    sha256: str  # of the manifest, and through it of every array and fact


@dataclass(frozen=True)
class OwnData:
    """A user's own data: what reads them, where they are, and how they are read."""

    module: str  # one of ``OWN_MODULES``
    path: Path
    options: Mapping[str, str] = field(default_factory=dict)  # of the module's ``prepare``

    @property
    def task(self) -> str:
        """Return the task of the data."""
        task: str = load_module(self.module).TASK
        return task

    def contents(self) -> dict[str, str]:
        """Return the sha256 of the content of each file; the same wherever the files are.

        Raises:
            UsageError, DataError: the path does not mean such files.
        """
        contents: dict[str, str] = load_module(self.module).contents(self.path)
        return contents

    def prepare(self) -> Prepared:
        """Return the arrays.

        Raises:
            UsageError, DataError, ResourceError: the files are not what the module reads.
        """
        prepared: Prepared = load_module(self.module).prepare(self.path, **self.options)
        return prepared


def names() -> list[str]:
    """Return the known data sets, sorted."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - {*OWN_MODULES})


def load_module(name: str) -> ModuleType:
    """Import the module of data set ``name``, or one of ``OWN_MODULES``.

    Raises:
        UsageError: there is no such data set.
    """
    if name not in OWN_MODULES:
        require_known("data set", name, names())
    return importlib.import_module(f"{__name__}.{name}")


def require_own_name(name: str) -> None:
    """Refuse a name for a user's own data that a shipped data set has, or that is not safe in paths.

    Raises:
        UsageError: one line.
    """
    if name in names():
        raise UsageError(f"data set {name!r}: a shipped data set has this name; choose another for your own data")
    if not re.fullmatch(NAME, name):
        raise UsageError(f"data set {short(name)}: expected a name of a-z, 0-9, '.', '_' and '-', at most 64 of them")


def sources(name: str) -> list[Source]:
    """Return the rows of ``datasets.tsv`` for data set ``name``, in order of preference; none if it is generated.

    Raises:
        UsageError: there is no such data set.
        DataError: rows for one file disagree on its size or checksum.
    """
    load_module(name)
    with SOURCES.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["dataset"] == name]
    found = [_source(row) for row in rows]
    if len({(s.file, s.bytes, s.sha256, s.unpacked_bytes, s.unpacked_sha256) for s in found}) > len(
        {s.file for s in found}
    ):
        raise DataError(f"{SOURCES}: data set {name}: rows for the same file differ in bytes or sha256")
    return found


def _source(row: dict[str, str]) -> Source:
    return Source(
        dataset=row["dataset"],
        file=row["file"],
        bytes=int(row["bytes"] or 0),
        sha256=row["sha256"],
        url=row["url"],
        member=row["member"],
        licence=row["licence"],
        unpacked_bytes=int(row["unpacked_bytes"] or 0),
        unpacked_sha256=row["unpacked_sha256"],
    )


def is_listed(path: Path, source: Source) -> bool:
    """Return whether a file is the listed one, byte for byte or, if that is a gzip file, by its content."""
    if hash_file(path) == source.sha256:
        return True
    return bool(source.unpacked_sha256) and _hash_content(path, source.unpacked_bytes) == source.unpacked_sha256


def _hash_content(path: Path, size: int) -> str | None:
    """Return the sha256 of a gzip file's content; None if it is no gzip file or holds more than ``size`` bytes."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as content:
            while chunk := content.read(1 << 20):
                size -= len(chunk)
                if size < 0:
                    return None
                digest.update(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None
    return digest.hexdigest()


def load_dataset(folder: Path) -> Dataset:
    """Check every byte of a prepared data set against its manifest, and open it.

    Raises:
        DataError: a file is missing or has changed; the message names it, with the expected and the found hash.
    """
    manifest = _read_manifest(folder)
    again = _again(folder)
    arrays = {}
    for name, entry in manifest["arrays"].items():
        file = folder / f"{name}.npy"
        if not file.is_file():
            raise DataError(f"{file}: missing; {again}")
        found = hash_file(file)
        if found != entry["sha256"]:
            raise DataError(f"{file}: expected sha256 {entry['sha256']}, found {found}; {again}")
        arrays[name] = _load_array(file)
    return Dataset(manifest["dataset"], manifest["task"], manifest["facts"], arrays, manifest["sha256"])


def load_vocabulary(folder: Path) -> tuple[str, ...]:
    """Return the word of each id of a prepared data set; none if it is no text.

    Raises:
        DataError: the file is missing or damaged, or belongs to other data; the manifest, as for ``load_dataset``.
    """
    manifest = _read_manifest(folder)
    expected = manifest["facts"].get("vocab_size")
    if expected is None:
        return ()
    path = folder / VOCABULARY
    try:
        content = converted(parse_json(path.read_bytes(), path), _Vocabulary, path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; {_again(folder)}") from error
    if content.data_sha256 != manifest["sha256"] or len(set(content.words)) != expected:
        raise DataError(
            f"{path}: expected {expected} different words for the data {manifest['sha256']}, "
            f"found {len(set(content.words))} for {content.data_sha256}; {_again(folder)}"
        )
    return content.words


class _Vocabulary(StrictStruct, frozen=True):
    """What ``vocabulary.json`` holds."""

    data_sha256: str
    words: tuple[str, ...]


def vocabulary_content(data_sha256: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what ``vocabulary.json`` holds of the data with that hash."""
    content: dict[str, Any] = plain(_Vocabulary(data_sha256, tuple(words)))
    return content


def _read_manifest(folder: Path) -> dict[str, Any]:
    path, again = folder / MANIFEST, _again(folder)
    try:
        manifest = parse_json(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; prepare the data set first") from error
    except DataError as error:
        raise DataError(f"{error}; {again}") from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise DataError(f"{path}: expected schema_version {SCHEMA_VERSION}, found something else; {again}")
    found = hash_json({key: value for key, value in manifest.items() if key != "sha256"})
    if manifest.get("sha256") != found:
        raise DataError(f"{path}: expected sha256 {manifest.get('sha256')}, found {found}; {again}")
    return manifest


def _again(folder: Path) -> str:
    return f"delete {folder} and prepare the data set again"


def _load_array(file: Path) -> np.ndarray:
    """Map an array into memory, or read it if the file system cannot map files (FUSE, some network shares)."""
    try:
        mapped: np.ndarray = np.load(file, mmap_mode="r")
        return mapped
    except OSError as error:
        if error.errno not in UNSUPPORTED | {errno.ENODEV}:
            raise
    array: np.ndarray = np.load(file)
    array.flags.writeable = False
    return array
