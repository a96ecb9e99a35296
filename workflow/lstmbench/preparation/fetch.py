"""Fetch bytes from an untrusted server, with a byte limit and a deadline; retry where that may help."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import requests
import tenacity
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from tqdm import tqdm

from lstmbench.preparation.failures import TransientError, UnavailableError, WrongContentError

CHUNK_BYTES = 1 << 16
MAX_RETRY_AFTER_S = 60.0
MAX_BACKOFF_S = 30.0

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that replace the certificates of ``requests``; the first that is set counts."""


@dataclass(frozen=True)
class Client:
    """How to send requests, and when to stop."""

    session: requests.Session
    expired: threading.Event  # set when the deadline has passed
    timeout_s: float  # longest wait for a byte
    attempts: int  # per source
    backoff_s: float  # longest wait before the second attempt; doubled for each further one


def request(client: Client, url: str, stream: BinaryIO, *, limit: int, size: int | None = None) -> None:
    """Write the body of ``url`` to ``stream``; retry while that may help."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        wait=_wait(client.backoff_s),
        stop=tenacity.stop_after_attempt(client.attempts) | tenacity.stop_when_event_set(client.expired),
        sleep=tenacity.sleep_using_event(client.expired),
        before_sleep=lambda state: log(f"{url}: {_failure(state)}; trying again"),
        reraise=True,
    )
    retrying(_request_once, client, url, stream, limit, size)


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    """Return what the last attempt failed with."""
    return state.outcome.exception() if state.outcome is not None else None


def _wait(backoff_s: float) -> Callable[[tenacity.RetryCallState], float]:
    exponential = tenacity.wait_random_exponential(multiplier=backoff_s, max=MAX_BACKOFF_S)

    def wait(state: tenacity.RetryCallState) -> float:
        failure = _failure(state)
        asked = failure.retry_after_s if isinstance(failure, TransientError) else None
        return exponential(state) if asked is None else asked

    return wait


def _request_once(client: Client, url: str, stream: BinaryIO, limit: int, size: int | None) -> None:
    """Make one attempt.

    ``limit`` is the maximum number of bytes to accept.  ``size``, if known, reveals a body that was cut short although
    the server announced no length.
    """
    stream.seek(0)
    stream.truncate()
    _stop_if_expired(client)
    try:
        with _open(client, url) as response:
            _check_status(response)
            announced = response.headers.get("Content-Length", "")
            if announced.isdecimal() and int(announced) > limit:
                raise WrongContentError(f"expected at most {limit} bytes, found {announced} announced")
            received = _read_body(client, response, stream, limit)
    except (requests.exceptions.SSLError, requests.TooManyRedirects) as error:
        raise UnavailableError(_brief(error, url)) from error
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        raise TransientError(_brief(error, url)) from error
    except requests.RequestException as error:  # for one, a redirect to file://
        raise UnavailableError(_brief(error, url)) from error
    if size is not None and received < size and not announced:
        raise TransientError(f"body ended after {received} of {size} bytes")


def _open(client: Client, url: str) -> requests.Response:
    """Request ``url``.  Nothing is written yet, so any other OSError comes from the user's settings."""
    try:
        return client.session.get(url, stream=True, timeout=client.timeout_s)
    except requests.RequestException:  # an OSError too
        raise
    except OSError as error:
        raise UnavailableError(_brief(error, url)) from error


def _read_body(client: Client, response: requests.Response, stream: BinaryIO, limit: int) -> int:
    """Copy the body and return its length in bytes."""
    received = 0
    with tqdm(total=limit, unit="B", unit_scale=True, leave=False, disable=None) as progress:
        # read1 returns what has arrived.  A slow server might never fill a chunk, and the deadline would go unchecked.
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
            _stop_if_expired(client)
            if received == 0 and _is_html(response, chunk):
                raise UnavailableError("found an HTML page instead of the file (an error or a login page?)")
            received += len(chunk)
            if received > limit:
                raise WrongContentError(f"expected at most {limit} bytes, found more")
            stream.write(chunk)
            progress.update(len(chunk))
    return received


def drop_redirect_body(response: requests.Response, **_: object) -> None:
    """Close a redirect's response, because requests would read its body without a limit before following it."""
    if response.is_redirect:
        response.close()


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    message = f"HTTP status {status} {response.reason}"
    if status == 429 or status >= 500:
        retry_after_s = _retry_after_s(response)
        if retry_after_s is not None and retry_after_s > MAX_RETRY_AFTER_S:
            raise UnavailableError(f"{message}, and asks to wait {retry_after_s:.0f} s")
        raise TransientError(message, retry_after_s)
    if status != 200:
        raise UnavailableError(message)


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return urllib3.Retry().get_retry_after(response.raw)
    except (urllib3.exceptions.InvalidHeader, ValueError):  # neither a number nor a date
        return None


def _is_html(response: requests.Response, chunk: bytes) -> bool:
    start = chunk.lstrip().lower()
    declared = "text/html" in response.headers.get("Content-Type", "")
    return start.startswith((b"<!doctype html", b"<html")) or (declared and start.startswith(b"<"))


def _stop_if_expired(client: Client) -> None:
    if client.expired.is_set():
        raise UnavailableError("the deadline has passed")


def _brief(error: Exception, url: str) -> str:
    """Return the cause, without the layers of urllib3 and requests, and the user's settings that may explain it."""
    cause, settings = str(error), []
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
        inner = error.args[0] if error.args else error
        cause = str(getattr(inner, "reason", inner)).rpartition(": ")[2].removesuffix('"))')
    if proxy := select_proxy(url, get_environ_proxies(url)):
        settings.append(f"proxy {proxy}")
    if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.RequestException):
        settings += [f"{name}={os.environ[name]}" for name in CERTIFICATES if os.environ.get(name)][:1]
    text = f"{type(error).__name__}: {cause}" + (f"; your setting: {', '.join(settings)}" if settings else "")
    return re.sub(r"//[^/@\s]*@", "//***@", text)  # a proxy's password


def log(line: str) -> None:
    """Write a line to stderr, above a progress bar."""
    tqdm.write(line, file=sys.stderr)
