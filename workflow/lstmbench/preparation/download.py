"""Fetch one raw file of a data set: from a local folder or a mirror, and only if its sha256 is right.

Nothing here trusts a server.  The file gets its name after its checksum was found right; every
source has a byte limit and all of them together a deadline; what may pass is tried again, the rest is
not.  Archives are never unpacked: one regular member is read out of them.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sys
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import requests
import tenacity
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from tqdm import tqdm

from lstmbench import __version__, datasets
from lstmbench.datasets import Source
from lstmbench.utils.errors import DataError, NetworkError, UsageError
from lstmbench.utils.files import atomic, hash_file

CHUNK_BYTES = 1 << 16
MAX_REDIRECTS = 5
MAX_RETRY_AFTER_S = 60.0
MAX_BACKOFF_S = 30.0

MAX_ARCHIVE_BYTES = 64 << 20
"""The largest archive listed, PTB's, has 35 MB."""

MAX_UNPACKED_BYTES = 512 << 20
"""How far into an archive to read in search of a member."""

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables by which a user names other certificates than those of requests, which takes the first that is set."""


class _UnavailableError(Exception):
    """A source that does not give the file, and will not if asked again soon."""


class _TransientError(_UnavailableError):
    """A failure that may pass; ``retry_after_s`` if the server named a time."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _WrongContentError(Exception):
    """A source that gives something else."""


@dataclass(frozen=True)
class _Client:
    """How to ask a server, and when to stop asking."""

    session: requests.Session
    expired: threading.Event  # set when the deadline has passed
    timeout_s: float  # without a single byte
    attempts: int  # per source
    backoff_s: float  # longest wait before the second attempt; doubled for each further one


def download(
    *,
    dataset: str,
    file: str,
    output: Path,
    local: Sequence[Path] = (),
    deadline_s: float = 900.0,
    timeout_s: float = 30.0,
    attempts: int = 4,
    backoff_s: float = 1.0,
) -> None:
    """Bring ``file`` of ``dataset`` to ``output``, unless it is there already.

    Args:
        local: folders searched first, for the file, its archive or its content, where people keep them.
        deadline_s: for all sources together, in seconds.  It is looked at between two reads, so it may be
            overrun by one ``timeout_s``.
        timeout_s: longest silence of a server, in seconds.
        attempts: per source.
        backoff_s: upper end of the random wait before the second attempt, in seconds; doubled for each one more.

    Raises:
        UsageError: unknown data set or file.
        DataError: the sources that gave anything gave something else.
        NetworkError: no source gave anything.
    """
    sources = _sources(dataset, file)
    if output.is_file() and datasets.is_listed(output, sources[0]):
        _say(f"{output}: already there, sha256 right")
        return
    absent = _absent(sources, local)
    for line in absent:
        _say(f"{dataset}/{file}: {line}")
    failures: list[str] = []
    found_wrong = False
    expired = threading.Event()
    timer = threading.Timer(deadline_s, expired.set)
    timer.daemon = True
    timer.start()
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        session.hooks["response"].append(_drop_redirect_body)
        # identity: the bytes that the checksum is of, not an encoding of them.
        session.headers.update({"User-Agent": f"lstm-bench/{__version__}", "Accept-Encoding": "identity"})
        client = _Client(session, expired, min(timeout_s, deadline_s), attempts, backoff_s)
        try:
            for place, fetch in _places(sources, local, client):
                _say(f"{dataset}/{file}: trying {place}")
                try:
                    with atomic(output) as temporary:
                        with temporary.open("wb") as stream:
                            fetch(stream)
                        _verify(temporary, sources[0])
                except (_UnavailableError, _WrongContentError) as error:
                    found_wrong |= isinstance(error, _WrongContentError)
                    failures.append(f"{place}: {error}")
                    _say(f"{dataset}/{file}: {error}")
                else:
                    _say(f"{output}: {sources[0].bytes} bytes, sha256 right; licence: {sources[0].licence}")
                    return
        finally:
            timer.cancel()
    raise _failure(sources[0], [*absent, *failures], found_wrong)


def _sources(dataset: str, file: str) -> list[Source]:
    known = datasets.sources(dataset)
    found = [source for source in known if source.file == file]
    if not found:
        files = ", ".join(dict.fromkeys(source.file for source in known)) or "none, it is generated"
        raise UsageError(f"data set {dataset} has no file {file!r} to download; it has: {files}")
    return found


def _places(
    sources: list[Source], local: Sequence[Path], client: _Client
) -> list[tuple[str, Callable[[BinaryIO], None]]]:
    """Where to look, in this order, and how to write what is there to a stream."""
    places = [
        (str(folder / path), partial(copy, folder / path))
        for folder in local
        for path, copy in _local_paths(sources).items()
        if (folder / path).is_file()
    ]
    for source in sources:
        fetch = _fetch_member if source.member else _fetch_file
        places.append((source.url, partial(fetch, client, source)))
    return places


def _local_paths(sources: list[Source]) -> dict[str, Callable[[Path, BinaryIO], None]]:
    """Where in a folder of the user's the file may lie, and how to write it from there to a stream.

    By itself, under the data set's name, as this project and torchvision keep raw files, and as an archive unpacks; a
    gzip file also unpacked, and a member also within its archive.
    """
    first = sources[0]
    own = PurePosixPath(first.dataset)
    folders = [own, PurePosixPath(), own / "raw", PurePosixPath(first.dataset.upper(), "raw")]
    for member in {source.member: None for source in sources if source.member}:
        inner = PurePosixPath(member).parent
        folders += [inner, own / inner, PurePosixPath(inner.name)]
    paths: dict[str, Callable[[Path, BinaryIO], None]] = {}
    for folder in folders:
        paths[str(folder / first.file)] = _copy
        if first.unpacked_sha256:
            paths[str(folder / first.file.removesuffix(".gz"))] = partial(_copy_packed, first)
    for source in sources:
        if source.member:
            archive = PurePosixPath(unquote(urlsplit(source.url).path)).name
            paths |= {str(folder / archive): partial(_copy_member, source) for folder in folders[:2]}
    return paths


def _absent(sources: list[Source], local: Sequence[Path]) -> list[str]:
    """A line for each folder of the user's in which the file is not, with the places looked at."""
    paths = _local_paths(sources)
    return [
        f"{folder}: has none of {', '.join(paths)}"
        for folder in local
        if not any((folder / path).is_file() for path in paths)
    ]


def _copy(path: Path, stream: BinaryIO) -> None:
    with _opened(path) as original:
        shutil.copyfileobj(original, stream)


def _copy_packed(source: Source, path: Path, stream: BinaryIO) -> None:
    """Pack a file as it is listed; the bytes may differ from the listed ones, and the content must not."""
    found = path.stat().st_size
    if found != source.unpacked_bytes:
        raise _WrongContentError(f"expected {source.unpacked_bytes} bytes of unpacked content, found {found}")
    with _opened(path) as original, gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0) as packed:
        shutil.copyfileobj(original, packed)


def _copy_member(source: Source, path: Path, stream: BinaryIO) -> None:
    with _opened(path) as archive:
        _write_member(archive, source, stream)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _UnavailableError(error) from error


def _verify(path: Path, source: Source) -> None:
    if not datasets.is_listed(path, source):
        raise _WrongContentError(
            f"expected {source.bytes} bytes with sha256 {source.sha256}, "
            f"found {path.stat().st_size} with {hash_file(path)}"
        )


def _fetch_file(client: _Client, source: Source, stream: BinaryIO) -> None:
    _request(client, source.url, stream, limit=source.bytes, size=source.bytes)


def _fetch_member(client: _Client, source: Source, stream: BinaryIO) -> None:
    """Write the archive's member ``source.member`` to ``stream``; nothing else is written anywhere."""
    with tempfile.TemporaryFile() as archive:
        _request(client, source.url, archive, limit=MAX_ARCHIVE_BYTES)
        archive.seek(0)
        _write_member(archive, source, stream)


def _write_member(archive: BinaryIO, source: Source, stream: BinaryIO) -> None:
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as members:
            shutil.copyfileobj(_find_member(members, source), stream)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _WrongContentError(f"not a whole gzipped tar archive: {error}") from error


def _find_member(members: tarfile.TarFile, source: Source) -> BinaryIO:
    for member in members:
        if member.offset_data + member.size > MAX_UNPACKED_BYTES:
            raise _WrongContentError(f"archive of more than {MAX_UNPACKED_BYTES} bytes when unpacked")
        if member.name != source.member:
            continue
        if not member.isreg():
            raise _WrongContentError(f"archive member {source.member} is not a regular file")
        if member.size != source.bytes:
            raise _WrongContentError(
                f"archive member {source.member}: expected {source.bytes} bytes, found {member.size}"
            )
        return members.extractfile(member)
    raise _WrongContentError(f"archive has no member {source.member}")


def _request(client: _Client, url: str, stream: BinaryIO, *, limit: int, size: int | None = None) -> None:
    """Write the body behind ``url`` to ``stream``, trying again while that may help."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_TransientError),
        wait=_wait(client.backoff_s),
        stop=tenacity.stop_after_attempt(client.attempts) | tenacity.stop_when_event_set(client.expired),
        sleep=tenacity.sleep_using_event(client.expired),
        before_sleep=lambda state: _say(f"{url}: {state.outcome.exception()}; trying again"),
        reraise=True,
    )
    retrying(_request_once, client, url, stream, limit, size)


def _wait(backoff_s: float) -> Callable[[tenacity.RetryCallState], float]:
    exponential = tenacity.wait_random_exponential(multiplier=backoff_s, max=MAX_BACKOFF_S)

    def wait(state: tenacity.RetryCallState) -> float:
        asked = state.outcome.exception().retry_after_s
        return exponential(state) if asked is None else asked

    return wait


def _request_once(client: _Client, url: str, stream: BinaryIO, limit: int, size: int | None) -> None:
    """One attempt.

    ``limit`` is the most bytes to accept; ``size``, if known, tells a body cut short from a whole one
    when the server announced no length.
    """
    stream.seek(0)
    stream.truncate()
    _stop_if_expired(client)
    try:
        with _open(client, url) as response:
            _check_status(response)
            announced = response.headers.get("Content-Length", "")
            if announced.isdecimal() and int(announced) > limit:
                raise _WrongContentError(f"expected at most {limit} bytes, found {announced} announced")
            received = _read_body(client, response, stream, limit)
    except (requests.exceptions.SSLError, requests.TooManyRedirects) as error:
        raise _UnavailableError(_brief(error, url)) from error
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        raise _TransientError(_brief(error, url)) from error
    except requests.RequestException as error:  # for one, a redirect to file://
        raise _UnavailableError(_brief(error, url)) from error
    if size is not None and received < size and not announced:
        raise _TransientError(f"body ended after {received} of {size} bytes")


def _open(client: _Client, url: str) -> requests.Response:
    """Ask for ``url``; nothing is written yet, so an error of the system is one of the user's settings."""
    try:
        return client.session.get(url, stream=True, timeout=client.timeout_s)
    except requests.RequestException:  # an OSError too
        raise
    except OSError as error:
        raise _UnavailableError(_brief(error, url)) from error


def _read_body(client: _Client, response: requests.Response, stream: BinaryIO, limit: int) -> int:
    """Copy the body and return its length in bytes."""
    received = 0
    with tqdm(total=limit, unit="B", unit_scale=True, leave=False, disable=None) as progress:
        # read1 returns what has arrived: a server that drips never fills a chunk, and the deadline would not be seen.
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
            _stop_if_expired(client)
            if received == 0 and _is_html(response, chunk):
                raise _UnavailableError("found an HTML page instead of the file (an error or a login page?)")
            received += len(chunk)
            if received > limit:
                raise _WrongContentError(f"expected at most {limit} bytes, found more")
            stream.write(chunk)
            progress.update(len(chunk))
    return received


def _drop_redirect_body(response: requests.Response, **_: object) -> None:
    """Requests reads the body of a redirect before it follows, without limit."""
    if response.is_redirect:
        response.close()


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    message = f"HTTP status {status} {response.reason}"
    if status == 429 or status >= 500:
        retry_after_s = _retry_after_s(response)
        if retry_after_s is not None and retry_after_s > MAX_RETRY_AFTER_S:
            raise _UnavailableError(f"{message}, and asks to wait {retry_after_s:.0f} s")
        raise _TransientError(message, retry_after_s)
    if status != 200:
        raise _UnavailableError(message)


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return urllib3.Retry().get_retry_after(response.raw)
    except (urllib3.exceptions.InvalidHeader, ValueError):  # neither a number nor a date
        return None


def _is_html(response: requests.Response, chunk: bytes) -> bool:
    start = chunk.lstrip().lower()
    declared = "text/html" in response.headers.get("Content-Type", "")
    return start.startswith((b"<!doctype html", b"<html")) or (declared and start.startswith(b"<"))


def _stop_if_expired(client: _Client) -> None:
    if client.expired.is_set():
        raise _UnavailableError("the deadline has passed")


def _brief(error: Exception, url: str) -> str:
    """The cause without the layers that urllib3 and requests put around it, and the user's settings behind it."""
    cause, settings = str(error), []
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
        inner = error.args[0] if error.args else error
        cause = str(getattr(inner, "reason", inner)).rpartition(": ")[2].removesuffix('"))')
    if proxy := select_proxy(url, get_environ_proxies(url)):
        settings.append(f"proxy {proxy}")
    if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.RequestException):
        settings += [f"{name}={os.environ[name]}" for name in CERTIFICATES if os.environ.get(name)][:1]
    told = f"{type(error).__name__}: {cause}" + (f"; your setting: {', '.join(settings)}" if settings else "")
    return re.sub(r"//[^/@\s]*@", "//***@", told)  # a proxy's password


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


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
