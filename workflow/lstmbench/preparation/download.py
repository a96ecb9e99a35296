"""Fetch one raw file of a data set: from a local folder or a mirror, and only if its sha256 is right.

No server is trusted.  A file gets its name only after its checksum was verified.  Every source has a byte limit, and
all sources together have a deadline.  Only failures that may pass are retried.  Archives are never unpacked: one
regular member is read from them.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import requests

from lstmbench import __version__, datasets
from lstmbench.datasets import Source
from lstmbench.preparation.archive import write_member
from lstmbench.preparation.failures import UnavailableError, WrongContentError
from lstmbench.preparation.fetch import Client, drop_redirect_body, log, request
from lstmbench.preparation.local_files import absent_from, local_paths
from lstmbench.utils.errors import DataError, NetworkError, UsageError
from lstmbench.utils.files import atomic, hash_file

MAX_REDIRECTS = 5

MAX_ARCHIVE_BYTES = 64 << 20
"""The largest listed archive, that of PTB, has 35 MB."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Say when a download is given up, in seconds.

    Args:
        deadline_s: limit for all sources together.  It is checked between two reads, so that one ``timeout_s`` may
            exceed it.
        timeout_s: longest silence of a server.
        attempts: number of attempts per source.
        backoff_s: upper end of the random wait before the second attempt; doubled for each further one.
    """

    deadline_s: float = 900.0
    timeout_s: float = 30.0
    attempts: int = 4
    backoff_s: float = 1.0


PATIENCE = Patience()


def download(
    *, dataset: str, file: str, output: Path, local: Sequence[Path] = (), patience: Patience = PATIENCE
) -> None:
    """Download or copy ``file`` of ``dataset`` to ``output``, unless it is there already.

    Args:
        dataset: name of the data set, as in ``datasets.tsv``.
        file: name of its file, as in ``datasets.tsv``.
        output: path to write.
        local: folders to search first, for the file, its archive or its content, where people keep them.
        patience: when to give up.

    Raises:
        UsageError: the data set or the file is unknown.
        DataError: at least one source answered, but with other content.
        NetworkError: no source answered.
    """
    sources = _sources(dataset, file)
    if output.is_file() and datasets.is_listed(output, sources[0]):
        log(f"{output}: already there, sha256 right")
        return
    absent = absent_from(sources, local)
    for line in absent:
        log(f"{dataset}/{file}: {line}")
    failures: list[str] = []
    found_wrong = False
    with _client(patience) as client:
        for place, fetch in _places(sources, local, client):
            log(f"{dataset}/{file}: trying {place}")
            try:
                with atomic(output) as temporary:
                    with temporary.open("wb") as stream:
                        fetch(stream)
                    _verify(temporary, sources[0])
            except (UnavailableError, WrongContentError) as error:
                found_wrong |= isinstance(error, WrongContentError)
                failures.append(f"{place}: {error}")
                log(f"{dataset}/{file}: {error}")
            else:
                log(f"{output}: {sources[0].bytes} bytes, sha256 right; licence: {sources[0].licence}")
                return
    raise _failure(sources[0], [*absent, *failures], found_wrong)


@contextmanager
def _client(patience: Patience) -> Iterator[Client]:
    """Open a client whose time begins now."""
    expired = threading.Event()
    timer = threading.Timer(patience.deadline_s, expired.set)
    timer.daemon = True
    timer.start()
    try:
        with requests.Session() as session:
            session.max_redirects = MAX_REDIRECTS
            session.hooks["response"].append(drop_redirect_body)
            # identity: the checksum is that of the plain bytes, not of a compressed encoding.
            session.headers.update({"User-Agent": f"lstm-bench/{__version__}", "Accept-Encoding": "identity"})
            timeout_s = min(patience.timeout_s, patience.deadline_s)
            yield Client(session, expired, timeout_s, patience.attempts, patience.backoff_s)
    finally:
        timer.cancel()


def _sources(dataset: str, file: str) -> list[Source]:
    known = datasets.sources(dataset)
    found = [source for source in known if source.file == file]
    if not found:
        files = ", ".join(dict.fromkeys(source.file for source in known)) or "none, it is generated"
        raise UsageError(f"data set {dataset} has no file {file!r} to download; it has: {files}")
    return found


def _places(
    sources: list[Source], local: Sequence[Path], client: Client
) -> list[tuple[str, Callable[[BinaryIO], None]]]:
    """Return where to look, in this order, and how to write what is there to a stream."""
    places: list[tuple[str, Callable[[BinaryIO], None]]] = [
        (str(folder / path), partial(copy, folder / path))
        for folder in local
        for path, copy in local_paths(sources).items()
        if (folder / path).is_file()
    ]
    for source in sources:
        fetch = _fetch_member if source.member else _fetch_file
        places.append((source.url, partial(fetch, client, source)))
    return places


def _verify(path: Path, source: Source) -> None:
    if not datasets.is_listed(path, source):
        raise WrongContentError(
            f"expected {source.bytes} bytes with sha256 {source.sha256}, "
            f"found {path.stat().st_size} with {hash_file(path)}"
        )


def _fetch_file(client: Client, source: Source, stream: BinaryIO) -> None:
    request(client, source.url, stream, limit=source.bytes, size=source.bytes)


def _fetch_member(client: Client, source: Source, stream: BinaryIO) -> None:
    """Write the archive's member ``source.member`` to ``stream``, and nothing else anywhere."""
    with tempfile.TemporaryFile() as archive:
        request(client, source.url, archive, limit=MAX_ARCHIVE_BYTES)
        archive.seek(0)
        write_member(archive, source, stream)


def _failure(source: Source, failures: list[str], found_wrong: bool) -> DataError | NetworkError:
    what = f"{source.dataset}/{source.file}"
    problem = "every source that answered gave something else" if found_wrong else "no source could be reached"
    lines = [
        f"{what}: {problem}",
        *(f"  {failure}" for failure in failures),
        f"  expected: {source.bytes} bytes, sha256 {source.sha256}",
        f"Put the file at DIR/{what} and set local_data to DIR in config.yaml, or run the embedded datasets: make demo",
    ]
    return (DataError if found_wrong else NetworkError)("\n".join(lines))
