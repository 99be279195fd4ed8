"""`response.raw` in the hands of other libraries: what they read, wrap and reach for."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import shutil
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit.exceptions import ChunkedEncodingError, ContentDecodingError
from tests.servers import RawServer, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]
ROWS = [[str(n), "grün", 'a "b"\nc'] for n in range(3000)]
FRAMINGS = ["length", "chunked", "close"]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def table() -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(ROWS)
    return text.getvalue().encode()


@pytest.fixture(params=FRAMINGS)
def opened(
    request: pytest.FixtureRequest, serve: Serve, session: httpkit.Session
) -> Callable[[bytes], httpkit.Response]:
    """A stream of the body that it is given, in each framing."""

    def get(body: bytes, headers: Any = ()) -> httpkit.Response:
        pieces = [body[i : i + 5000] for i in range(0, len(body), 5000)]
        server = serve(
            Reply(200, headers, pieces if request.param != "length" else body, framing=request.param)
        )
        return session.get(server.url, stream=True)

    return get


def test_a_text_wrapper_reads_a_table_as_pandas_does(opened: Any) -> None:
    with opened(table()) as response:
        raw = response.raw
        assert (raw.readable(), raw.writable(), raw.seekable()) == (True, False, False)
        with io.TextIOWrapper(raw, "utf-8", newline="") as text:
            assert list(csv.reader(text)) == ROWS


def test_a_codec_reader_reads_lines(opened: Any) -> None:
    with opened("ä\nö\nü".encode()) as response:
        assert list(codecs.getreader("utf-8")(response.raw)) == ["ä\n", "ö\n", "ü"]


def test_shutil_copies_it(opened: Any, tmp_path: Path) -> None:
    with opened(table()) as response, (tmp_path / "copy").open("wb") as file:
        shutil.copyfileobj(response.raw, file)
    assert (tmp_path / "copy").read_bytes() == table()


def test_gzip_unpacks_what_was_sent_packed(opened: Any) -> None:
    response = opened(gzip.compress(table()), [("Content-Encoding", "gzip")])
    with response, gzip.GzipFile(fileobj=response.raw) as unpacked:
        assert unpacked.read() == table()


def test_a_parser_that_reads_bits_until_nothing_comes(opened: Any) -> None:
    parsed = b""
    with opened(json.dumps(ROWS).encode()) as response:
        while piece := response.raw.read(64):
            parsed += piece
    assert json.loads(parsed) == ROWS


def test_zipfile_needs_to_seek_and_is_told_so(opened: Any) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("rows.csv", table())
    with opened(archive.getvalue()) as response, pytest.raises(io.UnsupportedOperation):
        response.raw.seek(0)
    with opened(archive.getvalue()) as response, zipfile.ZipFile(io.BytesIO(response.content)) as read:
        assert read.read("rows.csv") == table()


def test_urllib3_knows_it_as_its_own(opened: Any) -> None:
    with opened(b'{"a": 1}') as response:
        assert isinstance(response.raw, urllib3.response.BaseHTTPResponse)
        assert response.raw.json() == {"a": 1}
        assert response.raw.get_redirect_location() is False


@pytest.mark.parametrize(
    "answer, kind",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", ChunkedEncodingError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ChunkedEncodingError),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip", ContentDecodingError),
    ],
    ids=["short", "no last chunk", "no gzip"],
)
def test_raw_raises_urllib3s_errors_and_the_response_ours(
    serve_raw: ServeRaw, session: httpkit.Session, answer: bytes, kind: type[Exception]
) -> None:
    server = serve_raw(answer)
    with session.get(server.url, stream=True) as response:
        for _ in range(2):
            with pytest.raises(urllib3.exceptions.HTTPError):
                response.raw.read(decode_content=True)
    with session.get(server.url, stream=True) as response, pytest.raises(kind):
        _ = response.content


def test_a_docker_client_disables_the_timeout_and_reads_frames(
    serve_raw: ServeRaw, session: httpkit.Session
) -> None:
    go_on = threading.Event()
    server = serve_raw(
        [
            lambda peer: peer.read_request(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"7\r\none\ntwo\r\n",
            go_on,
            b"3\r\nend\r\n0\r\n\r\n",
        ]
    )
    with session.get(server.url, stream=True, timeout=5) as response:
        sock = response.raw._fp.fp.raw._sock
        sock.settimeout(None)
        assert response.raw._fp.chunked
        data = response.raw.read(1)
        while left := response.raw._fp.chunk_left:
            data += response.raw.read(left)
        assert data == b"one\ntwo"
        go_on.set()
        assert response.raw.read() == b"end"


def test_content_of_a_long_body_is_in_memory_once(serve: Serve, session: httpkit.Session) -> None:
    size = 32 << 20
    server = serve(Reply(200, [("Content-Length", str(size))], (bytes(65_536) for _ in range(512))))
    tracemalloc.start()
    try:
        assert len(session.get(server.url).content) == size
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < size + (4 << 20)
