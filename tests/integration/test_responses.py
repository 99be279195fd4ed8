"""Responses over the wire: bodies in every coding and framing, whole and broken; raw as a file; 101; connections."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import http.client
import io
import json
import pickle
import shutil
import socket
import ssl
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ContentDecodingError,
    HTTPError,
    JSONDecodeError,
    ReadTimeout,
    RequestException,
    StreamConsumedError,
)
from tests.servers import CLOSE, HANG, READ_REQUEST, RESET, Drip, Peer, RawServer, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]
TEXT = ("grün und weiß, " * 4000).encode()


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def brotli(data: bytes) -> bytes:
    return pytest.importorskip("brotli").compress(data)  # type: ignore[no-any-return]


def zstd(data: bytes) -> bytes:
    return pytest.importorskip("backports.zstd").compress(data)  # type: ignore[no-any-return]


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli),
    "zstd": ("zstd", zstd),
    "several": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "identity": ("identity", bytes),
}


class TestCodings:
    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    @pytest.mark.parametrize("coding", CODINGS)
    def test_content_is_decoded(
        self, serve: Serve, session: httpkit.Session, coding: str, framing: str
    ) -> None:
        name, pack = CODINGS[coding]
        server = serve(Reply(200, [("Content-Encoding", name)], pack(TEXT), framing=framing))
        response = session.get(server.url)
        assert response.content == TEXT
        assert response.headers["Content-Encoding"] == name

    @pytest.mark.parametrize("coding", CODINGS)
    @pytest.mark.parametrize("size", [1, 1000, None])
    def test_pieces_are_decoded(
        self, serve: Serve, session: httpkit.Session, coding: str, size: int | None
    ) -> None:
        name, pack = CODINGS[coding]
        packed = pack(TEXT[:3000])
        server = serve(
            Reply(200, [("Content-Encoding", name)], [packed[i : i + 7] for i in range(0, len(packed), 7)])
        )
        with session.get(server.url, stream=True) as response:
            pieces = list(response.iter_content(size))
        assert b"".join(pieces) == TEXT[:3000]
        assert size is None or all(len(piece) <= size for piece in pieces)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    @pytest.mark.parametrize("damage", ["rubbish", "flipped"])
    def test_a_broken_coding_is_our_error(
        self, serve: Serve, session: httpkit.Session, coding: str, damage: str
    ) -> None:
        packed = CODINGS[coding][1](TEXT)
        body = (
            b"no " + coding.encode() * 20 if damage == "rubbish" else packed[:20] + b"\xff" * 20 + packed[40:]
        )
        server = serve({"/0": Reply(200, [("Content-Encoding", coding)], body), "/1": Reply(200)})
        with pytest.raises(ContentDecodingError) as caught:
            session.get(server.url + "/0")
        assert caught.value.request is not None
        assert session.get(server.url + "/1").status_code == 200

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_so_it_is_while_streaming(self, serve: Serve, session: httpkit.Session, coding: str) -> None:
        server = serve(Reply(200, [("Content-Encoding", coding)], [b"\xff" * 5] * 3))
        with session.get(server.url, stream=True) as response, pytest.raises(ContentDecodingError):
            list(response.iter_content(10))

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_a_coding_that_breaks_off_does_not_pass_for_the_whole(
        self, serve: Serve, session: httpkit.Session, coding: str
    ) -> None:
        packed = CODINGS[coding][1](TEXT)
        server = serve(Reply(200, [("Content-Encoding", coding)], packed[:-15]))
        with pytest.raises(ContentDecodingError):
            session.get(server.url)

    @pytest.mark.parametrize("coding", ["unknown", "gzip2", ""])
    def test_an_unknown_coding_is_left_as_it_is(
        self, serve: Serve, session: httpkit.Session, coding: str
    ) -> None:
        server = serve(Reply(200, [("Content-Encoding", coding)], b"as it is"))
        assert session.get(server.url).content == b"as it is"

    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    @pytest.mark.parametrize("status", [204, 304, 200])
    def test_a_message_without_body_has_nothing_to_decode(
        self, serve: Serve, session: httpkit.Session, method: str, status: int
    ) -> None:
        server = serve(
            Reply(
                status, [("Content-Encoding", "gzip"), *([("Content-Length", "0")] if status == 200 else [])]
            )
        )
        assert session.request(method, server.url).content == b""

    def test_a_bomb_is_decoded_piece_by_piece(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, [("Content-Encoding", "gzip")], gzip.compress(bytes(10_000_000))))
        with session.get(server.url, stream=True) as response:
            piece = next(response.iter_content(100))
        assert len(piece) == 100


BROKEN = {
    "short of its length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    "empty of its length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "chunked without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    "chunked within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nshort",
    "chunked with no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n0\r\n\r\n",
    "chunked with a negative size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nshort\r\n0\r\n\r\n",
    "chunked with an endless size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 70000
    + b"\r\n",
    "chunked and nothing": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "gzip cut off": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 500\r\n\r\n"
    + gzip.compress(TEXT)[:50],
}
NO_ANSWER: dict[str, Any] = {
    "nothing": b"",
    "reset": [READ_REQUEST, RESET],
    "close at once": [CLOSE],
    "half a status line": b"HTTP/1.1 2",
    "not HTTP": b"220 mail.test ESMTP\r\n",
    "rubbish": b"\x00\xff\x16\x03\x01" * 10,
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "an unknown version": b"HTTP/9.9 200 OK\r\n\r\n",
    "an endless status line": b"HTTP/1.1 200 " + b"O" * 100_000,
    "an endless field": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "endless fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    "html without head": b"<html>hello</html>",
}
THEIRS = (
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    socket.gaierror,
    ssl.SSLError,
    zlib.error,
    struct.error,
)


def is_ours(error: BaseException) -> bool:
    return isinstance(error, RequestException) and type(error).__module__.startswith("httpkit")


class TestBroken:
    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
    @pytest.mark.parametrize("how", ["content", "iter_content", "iter_lines", "raw to the end"])
    def test_a_body_that_breaks_off_is_our_error(
        self, serve_raw: ServeRaw, session: httpkit.Session, answer: bytes, how: str
    ) -> None:
        server = serve_raw(answer)
        with session.get(server.url, stream=True) as response:
            with pytest.raises(Exception) as caught:
                if how == "content":
                    response.content  # noqa: B018
                elif how == "iter_content":
                    list(response.iter_content(3))
                elif how == "iter_lines":
                    list(response.iter_lines(3))
                else:
                    list(httpkit.Response.iter_content(response, None))
            assert is_ours(caught.value), repr(caught.value)
            assert isinstance(caught.value, (ChunkedEncodingError, ConnectionError, ContentDecodingError))
            assert caught.value.request is response.request
            with pytest.raises(StreamConsumedError):
                response.content  # noqa: B018

    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
    def test_so_it_is_when_the_call_reads_it(
        self, serve_raw: ServeRaw, session: httpkit.Session, answer: bytes
    ) -> None:
        with pytest.raises(RequestException) as caught:
            session.get(serve_raw(answer).url)
        assert is_ours(caught.value)

    @pytest.mark.parametrize("script", NO_ANSWER.values(), ids=NO_ANSWER)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_what_is_no_answer_is_our_error(
        self, serve_raw: ServeRaw, session: httpkit.Session, script: Any, method: str
    ) -> None:
        server = serve_raw(script)
        with pytest.raises(Exception) as caught:
            session.request(method, server.url, data=b"x" if method == "POST" else None, timeout=5)
        assert is_ours(caught.value), repr(caught.value)
        assert not isinstance(caught.value, THEIRS)
        assert isinstance(caught.value, ConnectionError)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000
        assert caught.value.request is not None

    def test_nobody_there(self, session: httpkit.Session) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        with pytest.raises(ConnectionError) as caught:
            session.get(f"http://127.0.0.1:{port}/")
        assert is_ours(caught.value)

    def test_no_such_host(self, session: httpkit.Session) -> None:
        with pytest.raises(ConnectionError) as caught:
            session.get("http://nobody.invalid/")
        assert is_ours(caught.value)

    def test_plain_http_where_tls_is_expected(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([Peer.recv, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
        with pytest.raises(httpkit.exceptions.SSLError, match="http://"):
            session.get(server.url.replace("http:", "https:"))

    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 10"]
    )
    def test_half_a_head_is_no_answer(
        self, serve_raw: ServeRaw, session: httpkit.Session, head: bytes
    ) -> None:
        with pytest.raises(ConnectionError):
            session.get(serve_raw(head).url)

    def test_tls_where_plain_http_is_expected(self, serve_tls: Serve, session: httpkit.Session) -> None:
        server = serve_tls()
        with pytest.raises(ConnectionError) as caught:
            session.get(server.url.replace("https:", "http:"))
        assert is_ours(caught.value)

    def test_a_reset_while_the_body_is_read(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        go = threading.Event()
        server = serve_raw([READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", go, RESET])
        with session.get(server.url, stream=True) as response:
            pieces = response.iter_content(4)
            assert next(pieces) == b"half"
            go.set()
            with pytest.raises((ConnectionError, ChunkedEncodingError)) as caught:
                next(pieces)
        assert is_ours(caught.value)

    @pytest.mark.parametrize("where", ["head", "body"])
    def test_a_server_that_falls_silent_is_a_timeout(
        self, serve_raw: ServeRaw, session: httpkit.Session, where: str
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
        server = serve_raw([READ_REQUEST, *([head] if where == "body" else []), HANG])
        with pytest.raises((ReadTimeout, ConnectionError)) as caught:
            session.get(server.url, timeout=(5, 0.03))
        assert is_ours(caught.value)
        assert isinstance(caught.value, TimeoutError)

    def test_drips_within_the_read_timeout_arrive(
        self, serve_raw: ServeRaw, session: httpkit.Session
    ) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
        server = serve_raw([READ_REQUEST, Drip(answer, delay=0.0005)])
        assert session.get(server.url, timeout=2).content == b"whole"

    def test_after_a_broken_answer_the_session_goes_on(
        self, serve_raw: ServeRaw, session: httpkit.Session
    ) -> None:
        good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        broken = [[READ_REQUEST, answer] for answer in BROKEN.values()]
        server = serve_raw([*broken, [READ_REQUEST, good]])
        for _ in broken:
            with pytest.raises(RequestException):
                session.get(server.url)
        assert session.get(server.url).content == b"ok"


class TestTextAndJSON:
    @pytest.mark.parametrize(
        ("content_type", "body", "encoding", "text"),
        [
            ("text/plain; charset=utf-8", "grün".encode(), "utf-8", "grün"),
            ("text/plain; charset=ISO-8859-1", "grün".encode("latin-1"), "ISO-8859-1", "grün"),
            ('text/plain; charset="utf-8"', "grün".encode(), "utf-8", "grün"),
            ("text/html", "grün".encode(), None, "grün"),
            ("text/html", "grün".encode("utf-8-sig"), None, "grün"),
            ("text/html", "grün".encode("utf-16"), None, "grün"),
            ("text/html; charset=nonsense", "grün".encode(), "nonsense", "grün"),
            ("application/json", '"grün"'.encode(), "utf-8", '"grün"'),
            (None, "grün".encode(), None, "grün"),
        ],
    )
    def test_text_is_what_the_server_meant(
        self,
        serve: Serve,
        session: httpkit.Session,
        content_type: str | None,
        body: bytes,
        encoding: str | None,
        text: str,
    ) -> None:
        server = serve(Reply(200, [("Content-Type", content_type)] if content_type else [], body))
        response = session.get(server.url)
        assert (response.encoding, response.text) == (encoding, text)

    @pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-32-be"])
    def test_json_in_any_utf(self, serve: Serve, session: httpkit.Session, charset: str) -> None:
        server = serve(Reply(200, [("Content-Type", "application/json")], '{"ä": 1}'.encode(charset)))
        assert session.get(server.url).json() == {"ä": 1}

    def test_what_is_not_json_says_so_with_the_response(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(502, [("Content-Type", "text/html")], b"<h1>Bad Gateway</h1>"))
        with pytest.raises(JSONDecodeError) as caught:
            session.get(server.url).json()
        assert caught.value.response is not None
        assert caught.value.response.status_code == 502

    @pytest.mark.parametrize("split", range(1, 12))
    def test_lines_do_not_depend_on_segments(
        self, serve: Serve, session: httpkit.Session, split: int
    ) -> None:
        body = "eins\r\nzwei\rdrei\n\nvier\u2028fünf\r\n".encode()
        server = serve(Reply(body=[body[i : i + split] for i in range(0, len(body), split)]))
        with session.get(server.url, stream=True) as response:
            response.encoding = "utf-8"
            lines = list(response.iter_lines(decode_unicode=True))
        assert lines == ["eins", "zwei", "drei", "", "vier\u2028fünf"]

    def test_a_line_is_there_before_the_next_is_sent(self, serve: Serve, session: httpkit.Session) -> None:
        go = threading.Event()

        def events() -> Iterator[bytes]:
            yield b"data: 1\n"
            assert go.wait(5)
            yield b"data: 2\n"

        server = serve(lambda request: Reply(200, [("Content-Type", "text/event-stream")], events()))
        with session.get(server.url, stream=True) as response:
            lines = response.iter_lines(chunk_size=1)
            assert next(lines) == b"data: 1"
            go.set()
            assert list(lines) == [b"data: 2"]


class TestFields:
    def test_repeats_are_kept(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, [("Set-Cookie", "a=1"), ("X", "1"), ("set-cookie", "b=2"), ("x", "2")]))
        response = session.get(server.url)
        assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]
        assert response.headers["x"] == "1, 2"

    def test_names_keep_their_case_and_compare_without_it(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(Reply(200, [("X-MiXed", "1")]))
        response = session.get(server.url)
        assert "X-MiXed" in list(response.headers)
        assert response.headers["x-mixed"] == "1"

    def test_typed_fields_of_a_real_response(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            Reply(
                200,
                [
                    ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("Last-Modified", "Sunday, 06-Nov-94 08:49:37 GMT"),
                    ("Expires", "Sun Nov  6 08:49:37 1994"),
                    ("Cache-Control", "max-age=60"),
                    ("Cache-Control", "no-transform"),
                    ("Content-Type", "text/html; charset=utf-8"),
                    ("Via", "1.1 a.test"),
                    ("Via", "1.1 b.test"),
                    ("Link", '</x>; rel="next"'),
                    ("Age", "7"),
                    ("Retry-After", "3"),
                    ("Allow", "GET, HEAD"),
                ],
            )
        )
        response = session.get(server.url)
        moment = dt.datetime(1994, 11, 6, 8, 49, 37, tzinfo=dt.timezone.utc)
        assert response.date == response.last_modified == response.expires == moment
        assert response.cache_control is not None
        assert (response.cache_control.max_age, response.cache_control.no_transform) == (60, True)
        assert response.content_type is not None
        assert response.content_type.charset == "utf-8"
        assert [hop.received_by for hop in response.via or ()] == ["a.test", "b.test"]
        assert (response.links["next"]["url"], response.link and response.link[0].target) == ("/x", "/x")
        assert (response.age, response.retry_after, response.allow) == (7, 3.0, {"GET", "HEAD"})

    def test_status_reason_and_url(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(418, reason="I'm a Teapot"))
        response = session.get(server.url + "/pot?x#y")
        assert (response.status_code, response.reason, response.url) == (
            418,
            "I'm a Teapot",
            server.url + "/pot?x#y",
        )
        assert not response
        with pytest.raises(HTTPError, match="418 Client Error: I'm a Teapot for url"):
            response.raise_for_status()

    def test_elapsed_is_the_time_until_the_head(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        server = serve_raw([READ_REQUEST, Drip(answer[:30], size=10, delay=0.01), answer[30:]])
        elapsed = session.get(server.url).elapsed
        assert dt.timedelta(milliseconds=15) < elapsed < dt.timedelta(seconds=5)


class TestRaw:
    BODY = b"first line\nsecond line\r\nthird" * 3

    @pytest.fixture
    def stream(self, serve: Serve, session: httpkit.Session) -> Iterator[httpkit.Response]:
        server = serve(Reply(200, [("X-A", "1"), ("X-A", "2"), ("Content-Type", "text/plain")], self.BODY))
        with session.get(server.url, stream=True) as response:
            yield response

    def test_it_reads_as_a_file_does(self, stream: httpkit.Response) -> None:
        raw = stream.raw
        assert raw.readable()
        assert not raw.closed
        assert raw.read(5) == self.BODY[:5]
        buffer = bytearray(4)
        assert raw.readinto(buffer) == 4
        assert bytes(buffer) == self.BODY[5:9]
        assert raw.read() == self.BODY[9:]
        assert raw.read() == raw.read(10) == b""

    def test_its_message_can_be_asked(self, stream: httpkit.Response) -> None:
        raw = stream.raw
        assert (raw.status, raw.reason, raw.version) == (200, "OK", 11)
        assert raw.getheader("x-a") == "1, 2"
        assert raw.getheader("nothing") is None
        assert raw.getheader("nothing", "default") == "default"
        assert ("X-A", "1") in list(raw.getheaders().items()) or "X-A" in raw.getheaders()

    def test_it_can_be_copied_to_a_file(self, stream: httpkit.Response) -> None:
        target = io.BytesIO()
        shutil.copyfileobj(stream.raw, target)
        assert target.getvalue() == self.BODY

    def test_it_streams(self, stream: httpkit.Response) -> None:
        assert b"".join(stream.raw.stream(7)) == self.BODY

    def test_a_text_wrapper_reads_lines(self, stream: httpkit.Response) -> None:
        with io.TextIOWrapper(stream.raw, encoding="utf-8") as text:
            assert text.readline() == "first line\n"
            assert len(text.readlines()) == 6

    def test_a_buffered_reader_reads_it(self, stream: httpkit.Response) -> None:
        with io.BufferedReader(stream.raw, 16) as reader:
            assert reader.peek(5)[:5] == b"first"
            assert reader.read() == self.BODY

    def test_csv_reads_it(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(body="name,value\r\nä,1\r\nb,2\r\n"))
        with (
            session.get(server.url, stream=True) as response,
            io.TextIOWrapper(response.raw, "utf-8") as text,
        ):
            assert list(csv.DictReader(text)) == [{"name": "ä", "value": "1"}, {"name": "b", "value": "2"}]

    def test_json_reads_it(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply.json({"a": [1, 2]}))
        with session.get(server.url, stream=True) as response:
            assert json.load(response.raw) == {"a": [1, 2]}

    def test_zipfile_reads_what_was_copied_and_gzip_what_comes(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("a.txt", b"inside")
        server = serve({"/zip": Reply(body=archive.getvalue()), "/gz": Reply(body=gzip.compress(TEXT))})
        with session.get(server.url + "/zip", stream=True) as response:
            copied = io.BytesIO(response.raw.read())
        assert zipfile.ZipFile(copied).read("a.txt") == b"inside"
        with session.get(server.url + "/gz", stream=True) as response, gzip.open(response.raw) as unpacked:
            assert unpacked.read() == TEXT

    def test_it_gives_what_was_sent_unless_asked_to_decode(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        packed = gzip.compress(TEXT)
        server = serve(Reply(200, [("Content-Encoding", "gzip")], packed))
        with session.get(server.url, stream=True) as response:
            assert response.raw.read() == packed
        with session.get(server.url, stream=True) as response:
            assert response.raw.read(decode_content=True) == TEXT
        with session.get(server.url, stream=True) as response:
            response.raw.decode_content = True
            target = io.BytesIO()
            shutil.copyfileobj(response.raw, target)
            assert target.getvalue() == TEXT


class TestConnections:
    @pytest.mark.parametrize("framing", ["length", "chunked"])
    @pytest.mark.parametrize(
        "read",
        [
            lambda r: r.content,
            lambda r: list(r.iter_content(5)),
            lambda r: list(r.iter_content(None)),
            lambda r: list(r.iter_lines()),
            lambda r: r.raw.read(),
            lambda r: list(r.raw.stream(3)),
            lambda r: r.text,
        ],
        ids=["content", "iter_content", "as it comes", "iter_lines", "raw.read", "raw.stream", "text"],
    )
    def test_a_body_read_to_its_end_gives_the_connection_back(
        self, serve: Serve, session: httpkit.Session, read: Callable[[Any], Any], framing: str
    ) -> None:
        server = serve(Reply(body=b"body\n" * 5, framing=framing))
        for _ in range(3):
            response = session.get(server.url, stream=True)
            assert read(response)
        assert server.connections == 1

    def test_so_does_closing_one_that_was_read(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        for _ in range(3):
            with session.get(server.url) as response:
                assert response.ok
        assert server.connections == 1

    @pytest.mark.parametrize("unread", [10, 10_000_000])
    def test_closing_early_closes_the_connection_or_uses_it_cleanly(
        self, serve: Serve, session: httpkit.Session, unread: int
    ) -> None:
        server = serve({"/0": Reply(body=b"x" * unread), "/1": Reply(body=b"clean")})
        with session.get(server.url + "/0", stream=True) as response:
            assert next(response.iter_content(1)) == b"x"
        assert response.raw.closed
        assert session.get(server.url + "/1").content == b"clean"

    @pytest.mark.parametrize(
        "reply",
        [Reply(204), Reply(304), Reply(200, [("Content-Length", "0")]), Reply(200, framing="chunked")],
    )
    def test_a_response_without_body_gives_it_back(
        self, serve: Serve, session: httpkit.Session, reply: Reply
    ) -> None:
        server = serve(reply)
        assert [session.get(server.url, stream=True).content for _ in range(3)] == [b""] * 3
        assert server.connections == 1

    def test_head_gives_it_back_whatever_length_is_said(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, [("Content-Length", "1000")], b"x" * 1000))
        for _ in range(3):
            response = session.head(server.url)
            assert (response.content, response.headers["Content-Length"]) == (b"", "1000")
        assert server.connections == 1

    def test_many_streams_can_be_open_at_once(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(lambda request: Reply(body=[request.target.encode(), b"|end" * 100_000]))
        with ExitStack() as stack:
            responses = [
                stack.enter_context(session.get(f"{server.url}/{number}", stream=True)) for number in range(5)
            ]
            bodies = [response.content for response in reversed(responses)]
        assert bodies == [f"/{number}".encode() + b"|end" * 100_000 for number in (4, 3, 2, 1, 0)]
        assert server.connections == 5

    def test_a_session_that_was_closed_leaves_an_open_stream_readable(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(Reply(body=[b"one", b"two"]))
        response = session.get(server.url, stream=True)
        session.close()
        assert response.content == b"onetwo"
        assert session.get(server.url).content == b"onetwo"

    def test_a_response_outlives_its_session_by_pickle(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            {"/0": Reply.redirect("/1"), "/1": Reply.text("grün", headers=[("Set-Cookie", "a=1")])}
        )
        response = session.get(server.url + "/0", stream=True)
        twin = pickle.loads(pickle.dumps(response))
        assert (twin.text, twin.history[0].status_code, twin.cookies.get_dict()) == ("grün", 302, {"a": "1"})
        assert (twin.request.url, twin.encoding, twin.ok) == (server.url + "/1", "utf-8", True)
        with pytest.raises(HTTPError) as caught:
            session.get(server.url + "/missing").raise_for_status()
        error = pickle.loads(pickle.dumps(caught.value))
        assert (error.response.status_code, error.request.url) == (404, server.url + "/missing")


class TestUpgrade:
    @pytest.mark.parametrize("early", [b"", b"hello"])
    @pytest.mark.parametrize("stream", [True, False])
    def test_101_hands_over_the_socket_with_early_bytes(
        self, serve: Serve, session: httpkit.Session, early: bytes, stream: bool
    ) -> None:
        def speak(peer: Peer) -> None:
            peer.send(early)
            peer.send(peer.read_exactly(4).upper())

        server = serve(Reply(101, [("Upgrade", "echo"), ("Connection", "Upgrade")], takeover=speak))
        response = session.get(
            server.url, headers={"Upgrade": "echo", "Connection": "Upgrade"}, stream=stream
        )
        assert (response.status_code, response.headers["upgrade"]) == (101, "echo")
        sock, received = response.detach()
        with sock:
            sock.settimeout(5)
            sock.sendall(b"ping")
            while len(received) < len(early) + 4:
                received += sock.recv(100)
        assert received == early + b"PING"
        assert server.last.header("upgrade") == "echo"

    def test_a_101_that_nobody_takes_is_closed_with_its_response(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        gone = threading.Event()

        def speak(peer: Peer) -> None:
            if peer.recv() == b"":
                gone.set()

        server = serve(Reply(101, [("Upgrade", "echo"), ("Connection", "Upgrade")], takeover=speak))
        with session.get(server.url, headers={"Upgrade": "echo", "Connection": "Upgrade"}):
            pass
        assert gone.wait(5)

    def test_an_upgrade_that_is_refused_is_an_answer(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(426, body=b"no"))
        response = session.get(server.url, headers={"Upgrade": "echo", "Connection": "Upgrade"})
        assert (response.status_code, response.content) == (426, b"no")
        with pytest.raises(ValueError, match="101"):
            response.detach()
