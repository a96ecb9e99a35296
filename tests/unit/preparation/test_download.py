"""Downloading from servers that cannot be trusted; every one of them runs on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lstmbench.datasets import Source
from lstmbench.preparation.download import Patience, download
from lstmbench.utils.command_line import run
from lstmbench.utils.errors import DataError, NetworkError, UsageError
from tests.helpers.run_command import run_command

FILE = "ptb.train.txt"
MEMBER = f"./simple-examples/data/{FILE}"
CONTENT = b" the right words <unk> \n" * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = CONTENT[:100] + bytes([CONTENT[100] ^ 1]) + CONTENT[101:]

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path with the next of its answers, the last one for ever, and notes what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.stopped = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers[self.path]
        # The client hangs up on most of these answers.
        with suppress(ConnectionError):
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: object) -> None:
        pass


def body(content: bytes, *, status: int = 200, length: int | None = -1, **headers: str) -> Answer:
    """Send ``content``; ``length`` announces another length than its own, or None for none."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if length is not None:
            handler.send_header("Content-Length", str(len(content) if length < 0 else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def endless(chunk: bytes, *, pause_s: float = 0.0, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body(b"", status=status, length=None, **headers)(handler)
        while not handler.server.stopped.wait(pause_s):
            handler.wfile.write(chunk)

    return answer


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.server.stopped.wait(10)


def redirect(url: str) -> Answer:
    return body(b"", status=302, Location=url)


def archive(*members: tuple[str, bytes | None]) -> bytes:
    """A .tgz of these names and contents; a content of None is a symbolic link to /etc/passwd."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return buffer.getvalue()


def archive_with_wrong_crc() -> bytes:
    # Without the zero blocks that end a tar, so that reading it reaches the end of the gzip file and its CRC.
    packed = bytearray(gzip.compress(gzip.decompress(archive(("other", b"x")))[:1024]))
    packed[-8] ^= 1
    return bytes(packed)


def archive_with_invalid_block() -> bytes:
    compressor = zlib.compressobj(wbits=31)
    tar = gzip.decompress(archive(("zeros", bytes(500_000))))
    return compressor.compress(tar[:400_000]) + compressor.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 100


RIGHT = body(CONTENT)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.stopped.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "raw" / FILE


Fetch = Callable[..., None]


@pytest.fixture
def fetch(server: Server, output: Path, list_sources: Callable[[list[Source]], None]) -> Fetch:
    """Download from these mirrors, each given by its answers, in turn; a tuple is an archive's."""

    def fetch(*mirrors: list[Answer] | tuple[Answer, ...], local: Sequence[Path] = (), **settings: float) -> None:
        rows = []
        for number, answers in enumerate(mirrors):
            path = f"/{number}"
            server.answers[path] = list(answers)
            member = MEMBER if isinstance(answers, tuple) else ""
            rows.append(Source("ptb", FILE, len(CONTENT), SHA256, server.url(path), member, "none"))
        list_sources(rows)
        settings = {"deadline_s": 60.0, "timeout_s": 5.0, "backoff_s": 0.01, **settings}
        download(dataset="ptb", file=FILE, output=output, local=local, patience=Patience(**settings))

    return fetch


@pytest.fixture(autouse=True)
def nothing_half_done(output: Path) -> Iterator[None]:
    """After every test the output is right or absent, and no other file lies beside it."""
    yield
    if output.parent.exists():
        assert [path.name for path in output.parent.iterdir()] in ([], [FILE])
        assert not output.exists() or output.read_bytes() == CONTENT


def test_a_right_file_gets_its_name(fetch: Fetch, server: Server, output: Path) -> None:
    fetch([RIGHT], [RIGHT])
    assert output.read_bytes() == CONTENT
    assert server.asked == ["/0"]


def test_a_log_is_plain_lines_without_progress_bar(fetch: Fetch, capsys: pytest.CaptureFixture[str]) -> None:
    fetch([RIGHT])
    printed = capsys.readouterr().err
    assert "\r" not in printed
    assert [line.partition(":")[0].rpartition("/")[2] for line in printed.splitlines()] == [FILE, FILE]


def test_a_file_without_announced_length_is_taken_by_its_checksum(fetch: Fetch, output: Path) -> None:
    fetch([body(CONTENT, length=None)])
    assert output.exists()


def test_a_flipped_bit_is_refused_with_expected_and_found(fetch: Fetch, server: Server, output: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch([body(WRONG)], [body(WRONG)])
    assert f"sha256 {SHA256}" in str(caught.value)
    assert hashlib.sha256(WRONG).hexdigest() in str(caught.value)
    assert not output.exists()
    assert server.asked == ["/0", "/1"]


def test_after_a_flipped_bit_the_next_mirror_is_used(fetch: Fetch, server: Server, output: Path) -> None:
    fetch([body(WRONG)], [RIGHT])
    assert output.exists()
    assert server.asked == ["/0", "/1"]


@pytest.mark.parametrize("length", [len(CONTENT), None], ids=["announced", "unannounced"])
def test_a_body_cut_short_is_asked_for_again(fetch: Fetch, server: Server, output: Path, length: int | None) -> None:
    fetch([body(CONTENT[:1000], length=length), RIGHT])
    assert output.exists()
    assert server.asked == ["/0", "/0"]


@pytest.mark.parametrize("length", [len(CONTENT), None], ids=["announced", "unannounced"])
def test_a_body_cut_short_every_time_is_given_up(fetch: Fetch, server: Server, length: int | None) -> None:
    with pytest.raises(NetworkError, match="1000"):
        fetch([body(CONTENT[:1000], length=length)], attempts=3)
    assert server.asked == ["/0"] * 3


def test_a_shorter_file_that_is_whole_is_not_asked_for_again(fetch: Fetch, server: Server) -> None:
    with pytest.raises(DataError, match=f"expected {len(CONTENT)} bytes .* found 1000 with"):
        fetch([body(CONTENT[:1000])])
    assert server.asked == ["/0"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_asked_again_and_the_next_mirror_is_used(
    fetch: Fetch, server: Server, output: Path, status: int
) -> None:
    fetch([body(CONTENT, status=status)], [RIGHT])
    assert output.exists()
    assert server.asked == ["/0", "/1"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_out_of_order_twice_is_asked_three_times(
    fetch: Fetch, server: Server, output: Path, status: int
) -> None:
    out_of_order = body(b"try later", status=status)
    fetch([out_of_order, out_of_order, RIGHT])
    assert output.exists()
    assert server.asked == ["/0"] * 3


def test_a_server_out_of_order_for_ever_is_given_up(fetch: Fetch, server: Server) -> None:
    with pytest.raises(NetworkError, match="HTTP status 503"):
        fetch([body(b"", status=503)], attempts=3)
    assert server.asked == ["/0"] * 3


def test_the_time_a_server_asks_for_is_kept(fetch: Fetch, server: Server) -> None:
    start = time.monotonic()
    fetch([body(b"", status=429, Retry_After="1"), RIGHT], backoff_s=0.0)
    assert time.monotonic() - start >= 1.0
    assert server.asked == ["/0", "/0"]


def test_a_server_that_asks_for_more_than_a_minute_is_left(fetch: Fetch, server: Server) -> None:
    fetch([body(b"", status=429, Retry_After="61")], [RIGHT])
    assert server.asked == ["/0", "/1"]


@pytest.mark.parametrize("value", ["soon", "Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_an_odd_time_to_wait_does_no_harm(fetch: Fetch, server: Server, value: str) -> None:
    fetch([body(b"", status=503, Retry_After=value), RIGHT])
    assert server.asked == ["/0", "/0"]


def test_an_endless_body_is_cut_off(fetch: Fetch) -> None:
    with pytest.raises(DataError, match=f"expected at most {len(CONTENT)} bytes, found more"):
        fetch([endless(CONTENT)])


def test_a_body_announced_too_long_is_not_read(fetch: Fetch) -> None:
    with pytest.raises(DataError, match="found 1000000000000 announced"):
        fetch([body(b"", length=10**12)])


def test_a_server_that_drips_meets_the_deadline(fetch: Fetch, server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(NetworkError, match="the deadline has passed"):
        fetch([endless(b".", pause_s=0.02)], [RIGHT], deadline_s=0.5)
    assert time.monotonic() - start < 10.0
    assert server.asked == ["/0"]


def test_a_wait_between_attempts_ends_at_the_deadline(fetch: Fetch, server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(NetworkError, match="the deadline has passed"):
        fetch([body(b"", status=503, Retry_After="30")], [RIGHT], deadline_s=0.5)
    assert time.monotonic() - start < 10.0
    assert server.asked == ["/0"]


def test_a_server_that_says_nothing_is_left(fetch: Fetch, server: Server, output: Path) -> None:
    start = time.monotonic()
    fetch([silent], [RIGHT], timeout_s=0.2, attempts=2)
    assert time.monotonic() - start < 10.0
    assert output.exists()
    assert server.asked == ["/0", "/0", "/1"]


@pytest.mark.parametrize(
    "page", [b"\n<!DOCTYPE html><title>Log in", b"<HTML><h1>Moved", b"<?xml version='1.0'?><html/>"]
)
def test_a_web_page_is_recognised(fetch: Fetch, server: Server, page: bytes) -> None:
    with pytest.raises(NetworkError, match="found an HTML page instead of the file"):
        fetch([body(page, Content_Type="text/html; charset=utf-8")])
    assert server.asked == ["/0"]


def test_a_right_file_that_is_called_a_web_page_is_taken(fetch: Fetch, output: Path) -> None:
    fetch([body(CONTENT, Content_Type="text/html")])
    assert output.exists()


def test_the_file_itself_is_asked_for_and_not_an_encoding_of_it(fetch: Fetch, output: Path) -> None:
    def encode_for_who_accepts_it(handler: BaseHTTPRequestHandler) -> None:
        accepted = "gzip" in handler.headers.get("Accept-Encoding", "")
        body(gzip.compress(CONTENT), Content_Encoding="gzip")(handler) if accepted else RIGHT(handler)

    fetch([encode_for_who_accepts_it])
    assert output.exists()


def test_a_file_called_an_encoding_is_not_decoded(
    server: Server, tmp_path: Path, list_sources: Callable[[list[Source]], None]
) -> None:
    packed = gzip.compress(CONTENT, mtime=0)
    name = "train-labels-idx1-ubyte.gz"
    server.answers["/0"] = [body(packed, Content_Encoding="gzip")]
    sha256 = hashlib.sha256(packed).hexdigest()
    list_sources([Source("mnist", name, len(packed), sha256, server.url("/0"), "", "none")])
    download(dataset="mnist", file=name, output=tmp_path / name)
    assert (tmp_path / name).read_bytes() == packed


def test_five_redirects_are_followed(fetch: Fetch, server: Server, output: Path) -> None:
    for number in range(1, 5):
        server.answers[f"/hop{number}"] = [redirect(f"/hop{number + 1}")]
    server.answers["/hop5"] = [RIGHT]
    fetch([redirect("/hop1")])
    assert output.exists()


def test_more_redirects_are_not_followed(fetch: Fetch, server: Server) -> None:
    with pytest.raises(NetworkError, match="TooManyRedirects"):
        fetch([redirect("/0")])
    assert server.asked == ["/0"] * 6


@pytest.mark.parametrize("scheme", ["file", "ftp"])
def test_a_redirect_off_the_web_is_not_followed(fetch: Fetch, server: Server, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    with pytest.raises(NetworkError, match="InvalidSchema"):
        fetch([redirect(f"{scheme}://{tmp_path}/secret")])
    assert server.asked == ["/0"]


def test_the_body_of_a_redirect_is_not_read(fetch: Fetch, server: Server, output: Path) -> None:
    server.answers["/right"] = [RIGHT]
    fetch([endless(CONTENT, status=302, Location="/right")])
    assert output.exists()


def test_a_member_is_read_out_of_an_archive(fetch: Fetch, output: Path) -> None:
    fetch((body(archive(("../../outside", b"x"), ("./simple-examples/README", b"x"), (MEMBER, CONTENT))),))
    assert output.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive((f"{MEMBER}.bak", CONTENT)), f"archive has no member {MEMBER}"),
        (archive((MEMBER, None)), "is not a regular file"),
        (archive((MEMBER, CONTENT[:-1])), f"expected {len(CONTENT)} bytes, found {len(CONTENT) - 1}"),
        (archive((MEMBER, WRONG)), f"expected {len(CONTENT)} bytes with sha256 {SHA256}"),
        (archive((MEMBER, CONTENT))[:-200], "not a whole gzipped tar archive"),
        (archive_with_wrong_crc(), "not a whole gzipped tar archive: CRC"),
        (archive_with_invalid_block(), "not a whole gzipped tar archive: Error -3"),
        (b"no archive at all", "not a whole gzipped tar archive"),
        (gzip.compress(b"no tar"), "not a whole gzipped tar archive"),
        (b"", "not a whole gzipped tar archive"),
    ],
    ids=[
        "absent",
        "symlink",
        "short",
        "flipped bit",
        "truncated",
        "wrong crc",
        "invalid block",
        "no gzip",
        "no tar",
        "empty",
    ],
)
def test_an_archive_without_the_right_member_is_refused(
    fetch: Fetch, server: Server, output: Path, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fetch((body(content),))
    fetch((body(content),), [RIGHT])
    assert output.exists()
    assert server.asked == ["/0", "/0", "/1"]


def test_an_archive_too_large_is_refused(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmbench.preparation.download.MAX_ARCHIVE_BYTES", 1000)
    with pytest.raises(DataError, match="expected at most 1000 bytes, found more"):
        fetch((endless(b"x" * 100),))


def test_an_archive_that_unpacks_to_too_much_is_refused(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmbench.preparation.archive.MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(DataError, match="archive of more than 1000000 bytes when unpacked"):
        fetch((body(archive(("zeros", bytes(2_000_000)), (MEMBER, CONTENT))),))


@pytest.mark.parametrize(
    "place",
    [
        f"ptb/{FILE}",
        FILE,
        f"ptb/raw/{FILE}",
        f"PTB/raw/{FILE}",
        f"simple-examples/data/{FILE}",
        f"ptb/simple-examples/data/{FILE}",
        f"data/{FILE}",
    ],
)
def test_a_local_copy_spares_the_network(
    fetch: Fetch, server: Server, tmp_path: Path, output: Path, place: str
) -> None:
    copy = tmp_path / "copies" / place
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    fetch((RIGHT,), local=[tmp_path / "absent", tmp_path / "copies"])
    assert output.read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("place", ["ptb/simple-examples.tgz", "simple-examples.tgz"])
def test_a_local_archive_spares_the_network(
    server: Server, tmp_path: Path, output: Path, list_sources: Callable[[list[Source]], None], place: str
) -> None:
    path = tmp_path / "copies" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(archive((MEMBER, CONTENT)))
    url = server.url("/mirror%2Fsimple-examples.tgz")
    list_sources([Source("ptb", FILE, len(CONTENT), SHA256, url, MEMBER, "none")])
    download(dataset="ptb", file=FILE, output=output, local=[tmp_path / "copies"])
    assert output.read_bytes() == CONTENT
    assert server.asked == []


@pytest.fixture
def labels(list_sources: Callable[[list[Source]], None], server: Server) -> Source:
    """A gzip file, listed with its content; no server has it."""
    packed = gzip.compress(CONTENT, 9, mtime=1)
    content = {"unpacked_bytes": len(CONTENT), "unpacked_sha256": SHA256}
    sha256 = hashlib.sha256(packed).hexdigest()
    url = server.url("/0")
    server.answers["/0"] = [body(b"", status=404)]
    source = Source("mnist", "train-labels-idx1-ubyte.gz", len(packed), sha256, url, "", "none", **content)
    list_sources([source])
    return source


@pytest.mark.parametrize("folder", ["mnist", ".", "mnist/raw", "MNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["unpacked", "packed by somebody else"])
def test_what_a_gzip_file_holds_is_the_file_whoever_packed_it(
    labels: Source, server: Server, tmp_path: Path, folder: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copies" / folder / f"train-labels-idx1-ubyte{suffix}"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(gzip.compress(CONTENT, 1, mtime=2) if suffix else CONTENT)
    raw = tmp_path / "packed" / labels.file
    for _ in range(2):
        download(dataset="mnist", file=labels.file, output=raw, local=[tmp_path / "copies"])
    assert gzip.decompress(raw.read_bytes()) == CONTENT
    assert server.asked == []
    assert "already there" in capsys.readouterr().err


@pytest.mark.parametrize("content", [WRONG, CONTENT[:-1], CONTENT + b"x"], ids=["flipped", "short", "long"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_wrong_content_of_a_gzip_file_is_refused_by_its_place(
    labels: Source, tmp_path: Path, content: bytes, suffix: str
) -> None:
    copy = tmp_path / f"train-labels-idx1-ubyte{suffix}"
    copy.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(DataError, match=f"{copy}: expected "):
        download(dataset="mnist", file=labels.file, output=tmp_path / "packed" / labels.file, local=[tmp_path])
    assert not any((tmp_path / "packed").iterdir())


def test_a_gzip_file_is_read_no_further_than_the_listed_content(labels: Source, tmp_path: Path) -> None:
    bomb = tmp_path / labels.file
    bomb.write_bytes(gzip.compress(bytes(300 << 20)))
    tracemalloc.start()
    with pytest.raises(DataError):
        download(dataset="mnist", file=labels.file, output=tmp_path / "packed" / labels.file, local=[tmp_path])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


def test_the_last_message_lists_every_place_that_was_looked_at(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NetworkError) as caught:
        fetch((body(b"", status=404),), [body(b"", status=404)], local=[tmp_path / "empty"])
    message = str(caught.value)
    assert f"{tmp_path / 'empty'}: has none of ptb/{FILE}, {FILE}, " in message
    assert f"simple-examples/data/{FILE}" in message
    for path in ("/0", "/1"):
        assert server.url(path) in message


def test_a_folder_without_the_file_is_said_also_if_the_network_has_it(
    fetch: Fetch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch([RIGHT], local=[tmp_path])
    assert f"{tmp_path}: has none of ptb/{FILE}" in capsys.readouterr().err


def test_a_wrong_local_copy_is_passed_over(fetch: Fetch, server: Server, tmp_path: Path, output: Path) -> None:
    (tmp_path / FILE).write_bytes(WRONG)
    fetch([RIGHT], local=[tmp_path])
    assert output.exists()
    assert server.asked == ["/0"]


def test_a_local_copy_that_is_too_large_is_not_read(fetch: Fetch, tmp_path: Path) -> None:
    with (tmp_path / FILE).open("wb") as large:
        large.truncate(1 << 40)
    with pytest.raises(DataError, match=f"{tmp_path / FILE}: expected at most {len(CONTENT)} bytes, found {1 << 40}"):
        fetch([body(b"", status=404)], local=[tmp_path])


def test_a_local_gzip_file_that_is_too_large_for_its_content_is_not_read(labels: Source, tmp_path: Path) -> None:
    with (tmp_path / labels.file).open("wb") as large:
        large.truncate(1 << 40)
    with pytest.raises(DataError, match=rf"expected at most \d+ bytes, found {1 << 40}"):
        download(dataset="mnist", file=labels.file, output=tmp_path / "packed" / labels.file, local=[tmp_path])


def test_a_wrong_local_copy_and_no_network_is_a_data_error_that_names_the_copy(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(WRONG)
    with pytest.raises(DataError, match=f"{tmp_path / FILE}: expected {len(CONTENT)} bytes with sha256 {SHA256}"):
        fetch([body(b"", status=404)], local=[tmp_path])


def test_a_right_output_is_kept_without_asking_anyone(fetch: Fetch, server: Server, output: Path) -> None:
    fetch([RIGHT])
    written = output.stat().st_mtime_ns
    fetch([RIGHT])
    assert output.stat().st_mtime_ns == written
    assert server.asked == ["/0"]


def test_an_edited_output_is_fetched_again(fetch: Fetch, output: Path) -> None:
    output.parent.mkdir()
    output.write_bytes(WRONG)
    fetch([RIGHT])
    assert output.read_bytes() == CONTENT


def test_without_network_one_message_says_what_to_do(
    output: Path, list_sources: Callable[[list[Source]], None], server: Server
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/{FILE}"
        list_sources([Source("ptb", FILE, len(CONTENT), SHA256, url, "", "none")])
        with pytest.raises(NetworkError) as caught:
            download(dataset="ptb", file=FILE, output=output, patience=Patience(attempts=2, backoff_s=0.01))
    message = str(caught.value)
    for part in (
        f"ptb/{FILE}: no source could be reached",
        f"{url}: ConnectionError",
        "Connection refused",
        f"{len(CONTENT)} bytes, sha256 {SHA256}",
        f"DIR/ptb/{FILE} and set local_data to DIR in config.yaml",
        "or run the embedded datasets: make demo",
    ):
        assert part in message


def stale(folder: Path) -> Path:
    return folder / "gone/ca.pem"


def no_certificate(folder: Path) -> Path:
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    return folder / "ca.pem"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("bundle", [stale, no_certificate])
def test_wrong_certificates_of_the_user_are_named_and_other_sources_are_used(
    server: Server,
    output: Path,
    list_sources: Callable[[list[Source]], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    variable: str,
    bundle: Callable[[Path], Path],
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    path = bundle(tmp_path)
    monkeypatch.setenv(variable, str(path))
    secure = f"https://127.0.0.1:{server.server_port}/0"
    rows = [Source("ptb", FILE, len(CONTENT), SHA256, url, "", "none") for url in (secure, server.url("/1"))]
    list_sources(rows)
    server.answers["/1"] = [RIGHT, body(b"", status=404)]
    download(dataset="ptb", file=FILE, output=output, patience=Patience(attempts=1))
    (expected,) = [line for line in capsys.readouterr().err.splitlines() if variable in line]
    assert expected.endswith(f"; your setting: {variable}={path}")
    output.unlink()
    with pytest.raises(NetworkError, match=f"{secure}: .*{variable}={path}"):
        download(dataset="ptb", file=FILE, output=output, patience=Patience(attempts=1))


@pytest.mark.parametrize("proxy", ["127.0.0.1:1", "[::1", "127.0.0.1:99999"])
def test_a_wrong_proxy_of_the_user_is_named_without_its_password(
    output: Path, list_sources: Callable[[list[Source]], None], monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://user:secret@{proxy}")
    list_sources([Source("ptb", FILE, len(CONTENT), SHA256, "http://example.org/0", "", "none")])
    with pytest.raises(NetworkError) as caught:
        download(dataset="ptb", file=FILE, output=output, patience=Patience(attempts=1))
    assert f"your setting: proxy http://***@{proxy}\n" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unknown_file_is_refused_with_the_known_ones(output: Path) -> None:
    with pytest.raises(UsageError, match=r"no file 'ptb.txt' to download; it has: ptb.train.txt, ptb.valid.txt, "):
        download(dataset="ptb", file="ptb.txt", output=output)


def test_a_misspelt_folder_is_refused_with_the_nearest(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "copies").mkdir()
    arguments = ["--dataset", "ptb", "--file", FILE, "--output", str(output), "--local", str(tmp_path / "copys")]
    assert run(lambda: run_command("download", arguments)) == UsageError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--local '{tmp_path}/copys': expected a folder, found nothing" in line
    assert f"did you mean '{tmp_path}/copies'?" in line


def test_the_command_line_downloads_and_exits_with_the_error_s_code(
    server: Server, output: Path, list_sources: Callable[[list[Source]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    list_sources([Source("ptb", FILE, len(CONTENT), SHA256, server.url("/0"), "", "none")])
    server.answers["/0"] = [RIGHT, body(b"", status=404)]
    arguments = ["--dataset", "ptb", "--file", FILE, "--output", str(output), "--local"]
    assert run(lambda: run_command("download", arguments)) == 0
    assert output.exists()
    output.unlink()
    assert run(lambda: run_command("download", arguments)) == NetworkError.exit_code
    assert capsys.readouterr().err.count("error: ") == 1
