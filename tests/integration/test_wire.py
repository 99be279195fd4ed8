"""What goes out on an open connection, and what is heard while it does: framing, long bodies, early answers."""

from __future__ import annotations

import io
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit._wire import connections
from httpkit._wire.connections import UnfinishedBody
from tests.servers import CLOSE, HALF_CLOSE, HANG, READ_HEAD, READ_REQUEST, RESET, Peer, RawServer, wait_until

ServeRaw = Callable[..., RawServer]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch"
LONG = 30_000_000
#: More than the buffers of two sockets hold.
TIMEOUT = (5, 5)


@pytest.fixture
def session(ca_file: str) -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        session.verify = ca_file
        yield session


@pytest.fixture(params=["plain", "tls"])
def serve_both(request: pytest.FixtureRequest, serve_raw: ServeRaw, tls_context: ssl.SSLContext) -> ServeRaw:
    """The same server without TLS and with it."""
    tls = tls_context if request.param == "tls" else None
    return lambda script, **options: serve_raw(script, tls=tls, **options)


def file_of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def pieces(total: int, size: int = 100_000) -> Iterator[bytes]:
    for _ in range(total // size):
        yield b"x" * size


def kept_open(session: httpkit.Session) -> list[Any]:
    """The connections that idle in the pools of *session*."""
    managers = [session.get_adapter(f"{scheme}://").poolmanager for scheme in ("http", "https")]
    pools = [manager.pools.get(key) for manager in managers for key in manager.pools.keys()]  # noqa: SIM118
    return [conn for pool in pools for conn in pool.pool.queue if conn is not None and conn.sock is not None]


BODIES: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: b"x" * LONG,
    "file": lambda path: file_of(path / "body", b"x" * LONG).open("rb"),
    "file in memory": lambda path: io.BytesIO(b"x" * LONG),
    "generator": lambda path: pieces(LONG),
}


@pytest.fixture(params=BODIES)
def body(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A body of 30 MB, of each kind."""
    made = BODIES[request.param](tmp_path)
    yield made
    if hasattr(made, "close"):
        made.close()


class TestOneSend:
    @pytest.mark.parametrize("size", [0, 1, 1000, 60_000])
    def test_head_and_small_body_go_out_together(
        self, session: httpkit.Session, serve_raw: ServeRaw, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[int] = []
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        session.get(server.url)
        adapter = session.get_adapter(server.url)
        conn = adapter.poolmanager.connection_from_url(server.url).pool.queue[-1]
        sock = conn.sock

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(sock, name)

            def send(self, data: Any) -> int:
                sent.append(len(data))
                return int(sock.send(data))

            def sendall(self, data: Any) -> None:
                sent.append(len(data))
                sock.sendall(data)

        conn.sock = Counting()
        session.post(server.url, data=b"x" * size)
        assert len(sent) == 1
        assert server.received[0].endswith(b"x" * size)


class TestLongBodies:
    def test_arrive_whole_and_the_connection_lives(
        self, session: httpkit.Session, serve_both: ServeRaw, body: Any
    ) -> None:
        server = serve_both([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        assert session.post(server.url, data=body, timeout=TIMEOUT).content == b"ok"
        assert session.get(server.url, timeout=TIMEOUT).content == b"ok"
        assert server.connections == 1
        assert server.received[0].count(b"x") >= LONG

    def test_a_server_that_answers_at_the_very_end_keeps_the_connection(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        """The answer to all of the body, heard before the client has looked for it, is no early one."""
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK, HANG])

        class Slow:
            """A body whose end is only seen after the server has answered."""

            def __iter__(self) -> Iterator[bytes]:
                yield b"x" * 100
                wait_until(lambda: len(server.received) == 1 and server.received[0].endswith(b"x" * 100))
                wait_until(lambda: answered.is_set())

        answered = threading.Event()
        server.script = [READ_REQUEST, OK, lambda peer: answered.set(), READ_REQUEST, OK, HANG]
        session.post(server.url, data=Slow(), headers={"Content-Length": "100"}, timeout=TIMEOUT)
        session.get(server.url, timeout=TIMEOUT)
        assert server.connections == 1

    def test_interim_answers_are_skipped_while_it_goes_out(
        self, session: httpkit.Session, serve_both: ServeRaw, body: Any
    ) -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        server = serve_both(
            lambda peer: (peer.send(interim), peer.read_request(), peer.send(interim + OK), peer.hang())
        )
        response = session.post(server.url, data=body, timeout=TIMEOUT)
        assert (response.status_code, response.content) == (200, b"ok")
        assert "link" not in response.headers
        assert server.received[0].count(b"x") >= LONG

    def test_a_timeout_is_for_each_wait(self, session: httpkit.Session, serve_both: ServeRaw) -> None:
        server = serve_both([READ_HEAD, threading.Event()])
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.post(server.url, data=b"x" * LONG, timeout=(5, 0.03))
        assert isinstance(caught.value, httpkit.exceptions.Timeout)

    def test_a_server_that_reads_slowly_is_no_timeout(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        def slowly(peer: Peer) -> None:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            head = peer.read_head()
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            for _ in range(10):
                peer.read_exactly(length // 20)
                peer.stopping.wait(0.02)
            peer.read_exactly(length - length // 20 * 10)
            peer.send(OK)
            peer.hang()

        server = serve_raw(slowly)
        # 0.2 s in all.
        assert session.post(server.url, data=b"x" * 10_000_000, timeout=(5, 0.15)).content == b"ok"


class TestEarlyAnswers:
    """RFC 9112 §9.5."""

    def test_of_a_server_that_stops_reading_and_stays(
        self, session: httpkit.Session, serve_both: ServeRaw, body: Any
    ) -> None:
        # It thinks about it for so long that all buffers are full.
        server = serve_both(
            [READ_HEAD, lambda peer: peer.stopping.wait(0.05), TOO_LARGE, lambda peer: peer.stopping.wait(2)]
        )
        started = time.monotonic()
        response = session.post(server.url, data=body, timeout=TIMEOUT)
        assert (response.status_code, response.content) == (413, b"much")
        assert time.monotonic() - started < 1.5, "the answer counts, not the end of the connection"
        assert not kept_open(session), "the rest was promised and never came"

    def test_of_a_server_that_reads_some_and_closes(
        self, session: httpkit.Session, serve_both: ServeRaw, body: Any
    ) -> None:
        server = serve_both(
            lambda peer: (peer.read_head(), peer.read_exactly(200_000), peer.send(TOO_LARGE), peer.close())
        )
        response = session.post(server.url, data=body, timeout=TIMEOUT)
        assert (response.status_code, response.content) == (413, b"much")

    def test_of_a_server_that_reads_to_the_end_all_the_same(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_HEAD, TOO_LARGE, HANG])
        assert session.post(server.url, data=b"x" * LONG, timeout=TIMEOUT).content == b"much"
        assert server.wait_until_closed(1), (
            "the rest was promised and never came: the connection is of no use"
        )
        assert server.received[0].count(b"x") < LONG

    def test_a_server_that_agrees_early_gets_the_rest(
        self, session: httpkit.Session, serve_both: ServeRaw, body: Any
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

        def agree(peer: Peer) -> None:
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mark = len(peer.received)
            peer.read_until(b"\r\n\r\n")
            peer.send(head)
            peer._position = mark
            peer.read_request()
            peer.send(b"2\r\nok\r\n0\r\n\r\n")
            peer.read_request()
            peer.send(OK)
            peer.hang()

        server = serve_both(agree)
        response = session.post(server.url, data=body, timeout=TIMEOUT)
        assert response.content == b"ok"
        assert server.received[0].count(b"x") >= LONG
        session.get(server.url, timeout=TIMEOUT)
        assert server.connections == 1, "all was sent and all was read: the connection can be used again"

    def test_a_server_that_ends_its_half_without_an_answer_is_not_sent_the_rest(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_HEAD, HALF_CLOSE, HANG])
        with pytest.raises(httpkit.ConnectionError, match="without an answer"):
            session.post(server.url, data=b"x" * LONG, timeout=TIMEOUT)
        assert server.wait_until_closed(1)
        assert server.received[0].count(b"x") < LONG

    def test_a_malformed_one_is_an_error_at_once(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_HEAD, b"SSH-2.0-nonsense\r\n", threading.Event()])
        with pytest.raises(httpkit.exceptions.MalformedResponse):
            session.post(server.url, data=b"x" * LONG, timeout=TIMEOUT)

    def test_session_tickets_are_none(self, session: httpkit.Session, serve_raw: ServeRaw, ca: Any) -> None:
        context = ca.server_context(minimum=ssl.TLSVersion.TLSv1_3)
        context.num_tickets = 8
        server = serve_raw([READ_REQUEST, OK, HANG], tls=context)
        assert session.post(server.url, data=b"x" * 300_000, timeout=(5, 2)).content == b"ok"


class TestFiles:
    def test_are_sent_from_their_position_to_their_end(
        self, session: httpkit.Session, serve_both: ServeRaw, tmp_path: Path
    ) -> None:
        server = serve_both([READ_REQUEST, OK, HANG])
        path = file_of(tmp_path / "f", b"not this" + b"x" * 300_000)
        with path.open("rb") as file:
            assert file.read(8) == b"not this"
            session.post(server.url, data=file)
            assert file.tell() == 300_008
        assert b"not this" not in server.received[0]
        assert server.received[0].endswith(b"\r\n\r\n" + b"x" * 300_000)

    def test_that_grow_meanwhile_are_sent_as_long_as_they_were(
        self, session: httpkit.Session, serve_both: ServeRaw, tmp_path: Path
    ) -> None:
        path = file_of(tmp_path / "log", b"x" * 200_000)
        server = serve_both([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        with path.open("rb") as file:
            request = session.prepare_request(httpkit.Request("POST", server.url, data=file))
            with path.open("ab") as log:
                log.write(b"y" * 200_000)
            assert session.send(request).content == b"ok"
            assert file.tell() == 200_000
        session.get(server.url)
        assert server.connections == 1
        assert b"y" not in server.received[0].replace(b"identity", b"")

    def test_that_shrink_meanwhile_are_an_error(
        self, session: httpkit.Session, serve_both: ServeRaw, tmp_path: Path
    ) -> None:
        path = file_of(tmp_path / "log", b"x" * 200_000)
        server = serve_both([READ_REQUEST, OK, HANG])
        with path.open("rb") as file:
            request = session.prepare_request(httpkit.Request("POST", server.url, data=file))
            os.truncate(path, 150_000)
            with pytest.raises(UnfinishedBody, match="50000 bytes"):
                session.send(request)
        assert server.wait_until_closed(1)
        assert server.received[0].count(b"x") <= 150_000

    def test_with_a_read_of_their_own_are_read(
        self, session: httpkit.Session, serve_raw: ServeRaw, tmp_path: Path
    ) -> None:
        class Shouting(io.FileIO):
            def read(self, size: int | None = -1) -> bytes:
                return (super().read(size) or b"").upper()

        server = serve_raw([READ_REQUEST, OK, HANG])
        with Shouting(str(file_of(tmp_path / "f", b"x" * 100_000))) as file:
            session.post(server.url, data=file)
        assert server.received[0].endswith(b"\r\n\r\n" + b"X" * 100_000)

    def test_below_a_buffer_that_are_no_files_are_read(
        self, session: httpkit.Session, serve_raw: ServeRaw, tmp_path: Path
    ) -> None:
        class Shouting(io.FileIO):
            def readinto(self, buffer: Any) -> int:
                piece = (super().read(len(buffer)) or b"").upper()
                buffer[: len(piece)] = piece
                return len(piece)

        server = serve_raw([READ_REQUEST, OK, HANG])
        with io.BufferedReader(Shouting(str(file_of(tmp_path / "f", b"x" * 100_000)))) as file:
            session.post(server.url, data=file)
        assert server.received[0].endswith(b"\r\n\r\n" + b"X" * 100_000)

    def test_a_timeout_on_the_way_leaves_the_position_after_what_was_sent(
        self, session: httpkit.Session, serve_raw: ServeRaw, tmp_path: Path
    ) -> None:
        server = serve_raw([READ_HEAD, threading.Event()])
        with file_of(tmp_path / "f", b"x" * LONG).open("rb") as file:
            with pytest.raises(httpkit.exceptions.Timeout):
                session.post(server.url, data=file, timeout=(5, 0.03))
            assert 0 < file.tell() < LONG

    def test_nothing_is_read_by_python_where_the_kernel_can(
        self, session: httpkit.Session, serve_raw: ServeRaw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[int] = []
        real = os.sendfile

        def counted(out: int, source: int, offset: int, count: int) -> int:
            calls.append(count)
            return real(out, source, offset, count)

        monkeypatch.setattr(os, "sendfile", counted)
        server = serve_raw([READ_REQUEST, OK, HANG])
        with file_of(tmp_path / "f", b"x" * 1_000_000).open("rb") as file:
            session.post(server.url, data=file)
        assert calls

    def test_are_read_where_the_kernel_refuses(
        self, session: httpkit.Session, serve_raw: ServeRaw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> int:
            raise OSError(22, "Invalid argument")

        monkeypatch.setattr(os, "sendfile", refuse)
        server = serve_raw([READ_REQUEST, OK, HANG])
        with file_of(tmp_path / "f", b"x" * 1_000_000).open("rb") as file:
            assert session.post(server.url, data=file).content == b"ok"
        assert server.received[0].endswith(b"\r\n\r\n" + b"x" * 1_000_000)


class Mine(Exception):
    """An error of the program's own."""


class TestUnfinishedBodies:
    """A server must never take a part for the whole, nor the next request for the rest (RFC 9112 §6.3, §8)."""

    def test_a_generator_that_raises_ends_the_connection_and_not_the_body(
        self, session: httpkit.Session, serve_both: ServeRaw
    ) -> None:
        def body() -> Iterator[bytes]:
            yield b"first"
            raise Mine

        server = serve_both([READ_REQUEST, OK, HANG])
        with pytest.raises(Mine):
            session.post(server.url, data=body())
        assert server.wait_until_closed(1)
        assert server.received[0].endswith(b"5\r\nfirst\r\n"), "without the last chunk"

    @pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError])
    def test_an_error_of_the_body_is_none_of_the_server(
        self, session: httpkit.Session, serve_raw: ServeRaw, error: type[OSError]
    ) -> None:
        """It may read from a connection of its own: nobody waits for an answer then."""

        def body() -> Iterator[bytes]:
            yield b"first"
            raise error("mine")

        server = serve_raw([READ_HEAD, HANG])
        with pytest.raises(httpkit.ConnectionError):
            session.post(server.url, data=body(), timeout=30)
        assert server.wait_until_closed(1)

    @pytest.mark.parametrize(
        "made, length", [(b"12345", 4), (b"12345", 6), ("12345", 6), (memoryview(b"12345"), 4)]
    )
    def test_bytes_of_another_length_are_not_sent(
        self, session: httpkit.Session, serve_raw: ServeRaw, made: Any, length: int
    ) -> None:
        server = serve_raw([READ_REQUEST, OK, HANG])
        request = session.prepare_request(httpkit.Request("POST", server.url, data=b"?"))
        request.body = made
        request.headers["Content-Length"] = str(length)
        with pytest.raises(UnfinishedBody):
            session.get_adapter(server.url).send(request)
        assert b"POST" not in b"".join(server.received)

    def test_a_generator_that_ends_early_is_an_error(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_REQUEST, OK, HANG])
        with pytest.raises(UnfinishedBody, match="ended 3 bytes"):
            session.post(server.url, data=iter([b"12"]), headers={"Content-Length": "5"})
        assert server.wait_until_closed(1)

    def test_a_generator_that_goes_on_is_an_error_and_the_surplus_is_not_sent(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        with pytest.raises(UnfinishedBody, match="longer"):
            session.post(server.url, data=iter([b"12345", b"GET /"]), headers={"Content-Length": "5"})
        assert server.wait_until_closed(1)
        assert server.received[0].endswith(b"12345")

    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
    def test_a_length_without_a_body_is_not_sent(
        self, session: httpkit.Session, serve_raw: ServeRaw, method: str
    ) -> None:
        server = serve_raw([READ_REQUEST, OK, HANG])
        request = session.prepare_request(httpkit.Request(method, server.url))
        request.headers["content-Length"] = "5"
        with pytest.raises(UnfinishedBody, match="no body"):
            session.send(request)
        assert b"HTTP/1.1" not in b"".join(server.received)

    def test_no_length_without_a_body_is_fine(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, OK, HANG])
        assert session.get(server.url, headers={"Content-Length": "0"}).content == b"ok"

    def test_chunked_without_a_body_has_its_end(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        session.get(server.url, headers={"Transfer-Encoding": "chunked"}, timeout=2)
        session.get(server.url, timeout=2)
        assert server.connections == 1
        assert b"\r\n\r\n0\r\n\r\nGET / " in server.received[0]

    @pytest.mark.parametrize("coding", ["gzip", "chunked, gzip", "identity"])
    def test_a_transfer_coding_has_chunked_at_its_end(
        self, session: httpkit.Session, serve_raw: ServeRaw, coding: str
    ) -> None:
        server = serve_raw([READ_REQUEST, OK, HANG])
        with pytest.raises(httpkit.exceptions.InvalidHeader):
            session.post(server.url, data=iter([b"a"]), headers={"Transfer-Encoding": coding})
        assert b"POST" not in b"".join(server.received)

    def test_a_view_of_numbers_counts_bytes(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        numbers = memoryview(bytes(400_000)).cast("I")
        session.post(server.url, data=iter([numbers, numbers]))
        session.get(server.url)
        assert server.connections == 1
        assert server.received[0].count(b"\0") == 800_000


class TestUrlopen:
    """urllib3's own way, on connections of ours."""

    def test_an_error_while_sending_is_told_as_it_was(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_HEAD, lambda peer: peer.reset()])
        with httpkit.Session() as session:
            session.mount(
                "http://",
                httpkit.adapters.HTTPAdapter(
                    max_retries=httpkit.adapters.Retry(total=0, status_forcelist=[503])
                ),
            )
            with pytest.raises(httpkit.ConnectionError) as caught:
                session.post(server.url, data=b"x" * LONG)
        assert "ResponseNotReady" not in repr(caught.value.__cause__)

    @pytest.mark.parametrize(
        "options", [{}, {"preload_content": False}, {"preload_content": False, "release_conn": True}]
    )
    def test_a_manager_of_ours_serves_programs_that_speak_urllib3(
        self, serve_raw: ServeRaw, options: dict[str, Any]
    ) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"y" * 200_000
        server = serve_raw([READ_REQUEST, answer, READ_REQUEST, OK, HANG])
        with httpkit.Session() as session:
            manager = session.get_adapter("http://").poolmanager
            first = manager.request("GET", server.url, **options)
            if "release_conn" in options:
                # Given back unread: it must not serve the next call.
                server.script = [READ_REQUEST, OK, HANG]
                assert manager.request("GET", server.url).data == b"ok"
                assert server.connections == 2
            assert first.data == b"y" * 200_000
            if "release_conn" not in options:
                assert manager.request("GET", server.url).data == b"ok"
                assert server.connections == 1
            pool = manager.connection_from_url(server.url).pool
            kept = [conn for conn in pool.queue if conn is not None]
            assert len(kept) == len(set(kept)), "no connection is there twice"
            assert pool.qsize() == pool.maxsize
            first.close()


def test_interim_answers_can_be_seen(
    session: httpkit.Session, serve_raw: ServeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[tuple[str, str]]]] = []
    monkeypatch.setattr(
        connections.HTTPConnection,
        "on_interim",
        staticmethod(lambda head: seen.append((head.status, head.fields))),
    )
    server = serve_raw([READ_REQUEST, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, HANG])
    session.get(server.url)
    assert seen == [(103, [("Link", "</a>")])]


class TestAConnectionOfAnyAge:
    """What is asked of it before it is used again depends on how much is known of it by then."""

    #: Small ones are read with their head, others in several receives, by two ways.
    SIZES = (2, 100_000, 3_000_000)

    @staticmethod
    def answer(size: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"o" * size

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("age", [1, 2, 3, 6])
    @pytest.mark.parametrize("stream", [False, True], ids=["content", "stream"])
    @pytest.mark.parametrize(
        "late",
        [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", b"\0", CLOSE, RESET],
        ids=["answer", "byte", "end", "reset"],
    )
    def test_what_comes_unasked_is_seen(
        self, session: httpkit.Session, serve_both: ServeRaw, size: int, age: int, stream: bool, late: Any
    ) -> None:
        go = threading.Event()
        exchanges: list[Any] = [READ_REQUEST, self.answer(size)] * age
        server = serve_both([[*exchanges, go, late, HANG], [READ_REQUEST, self.answer(4), HANG]])
        for _ in range(age):
            with session.get(server.url, stream=stream, timeout=TIMEOUT) as response:
                assert sum(map(len, response.iter_content(65_536))) == size
        assert server.connections == 1
        [conn] = kept_open(session)
        assert conn.is_connected
        go.set()
        # What was sent takes its time to arrive.
        assert wait_until(lambda: not conn.is_connected)
        assert session.get(server.url, timeout=TIMEOUT).content == b"oooo"
        assert server.connections == 2

    def test_whoever_asks_in_the_middle_hides_nothing(self, serve_raw: ServeRaw) -> None:
        """Always after the same piece, and never between two exchanges: what was read would seem to be counted."""
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: "
        head += b"x" * (len(stray) - len(head) - 4) + b"\r\n\r\n"
        assert len(head) == len(stray)
        ends = [threading.Event() for _ in range(4)]
        exchanges: list[Any] = [step for end in ends for step in (READ_REQUEST, head, end, b"piece")]
        late = threading.Event()
        server = serve_raw([*exchanges, late, stray, HANG])
        conn = connections.HTTPConnection("127.0.0.1", server.port, timeout=5)
        for end in ends:
            conn.request("GET", "/")
            response = conn.getresponse()
            assert conn.is_connected
            end.set()
            assert response.read() == b"piece"
        late.set()
        assert wait_until(lambda: conn.probe is not None and conn.probe._is_readable())
        assert not conn.is_connected
        conn.close()

    def test_a_second_reader_that_is_late_hides_nothing(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        """Two threads read one answer; one has received a piece and stands still while the connection goes on."""
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
        piece = b"%x\r\n" % (len(stray) - 6) + b"p" * (len(stray) - 6) + b"\r\n"
        assert len(piece) == len(stray)
        begin, end, late, holds = (threading.Event() for _ in range(4))
        chunked = [READ_REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", begin, piece, end]
        exchange = [READ_REQUEST, OK]
        server = serve_raw(
            [
                [*exchange * 2, *chunked, b"0\r\n\r\n", *exchange * 2, late, stray, HANG],
                [READ_REQUEST, self.answer(4), HANG],
            ]
        )
        for _ in range(2):
            session.get(server.url, timeout=TIMEOUT)
        response = session.get(server.url, stream=True, timeout=TIMEOUT)
        raw: Any = response.raw
        conn = raw._reader._lease.connection

        class Slow:
            """The socket, whose first receive takes its time to come back."""

            def __init__(self, sock: socket.socket) -> None:
                self.sock = sock

            def recv(self, size: int) -> bytes:
                data = self.sock.recv(size)
                if threading.current_thread() is reader:
                    holds.set()
                    assert go_on.wait(10)
                return data

            def __getattr__(self, name: str) -> Any:
                return getattr(self.sock, name)

        go_on = threading.Event()
        raw._reader._lease._sock = Slow(raw._reader._lease._sock)
        reader = threading.Thread(target=lambda: raw.read1(1000))
        reader.start()
        begin.set()
        assert holds.wait(5)
        end.set()
        assert raw.read1(1000) == b""
        for _ in range(2):
            assert session.get(server.url, timeout=TIMEOUT).content == b"ok"
        assert server.connections == 1
        assert conn.is_connected
        go_on.set()
        reader.join(5)
        late.set()
        assert wait_until(lambda: conn.probe._is_readable())
        assert not conn.is_connected
        assert session.get(server.url, timeout=TIMEOUT).content == b"oooo"

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a connection")
    @pytest.mark.parametrize("size", SIZES)
    def test_once_its_bytes_are_counted_poll_is_not_asked(
        self, session: httpkit.Session, serve_raw: ServeRaw, size: int
    ) -> None:
        server = serve_raw([READ_REQUEST, self.answer(size)] * 6)
        asked = []
        for _ in range(6):
            assert len(session.get(server.url, timeout=TIMEOUT).content) == size
            probe = kept_open(session)[0].probe
            if probe is not None and not asked:
                usual, asked = probe._is_readable, [0]

                def count(usual: Any = usual, asked: list[int] = asked) -> bool:
                    asked[0] += 1
                    return bool(usual())

                probe._is_readable = count
        # One question more, after which what has been read is known to be counted.
        assert asked == [1]
