"""`Response.cancel()`: another thread stops a read that is blocked, and the connection is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ResponseCancelled
from httpkit.timeouts import Timeout
from tests.servers import HANG, READ_REQUEST, Authority, ProxyServer, RawServer

ServeRaw = Callable[..., RawServer]

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nsome"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

READS: dict[str, Callable[[httpkit.Response], Any]] = {
    "content": lambda response: response.content,
    "iter_content": lambda response: list(response.iter_content(65536)),
    "small pieces": lambda response: list(response.iter_content(1)),
    "iter_lines": lambda response: list(response.iter_lines()),
    "raw": lambda response: response.raw.read(),
    "raw in pieces": lambda response: [*iter(lambda: response.raw.read(50_000), b"")],
}


class Reader(threading.Thread):
    """Reads, and keeps what came of it."""

    def __init__(self, read: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._read = read
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self.error = error


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def cancelled(response: httpkit.Response, read: Callable[[httpkit.Response], Any]) -> BaseException | None:
    """What a thread that is blocked reading *response* gets when it is cancelled."""
    reader = Reader(lambda: read(response))
    time.sleep(0.05)
    assert reader.is_alive()
    began = time.monotonic()
    response.cancel()
    reader.join(5)
    assert not reader.is_alive()
    assert time.monotonic() - began < 2
    return reader.error


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("answer", [SIZED, CHUNKED, UNTIL_CLOSE], ids=["sized", "chunked", "until close"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_blocked_read_ends_at_once(
    session: httpkit.Session,
    serve_raw: ServeRaw,
    scheme: str,
    answer: bytes,
    read: Callable[[httpkit.Response], Any],
    tls_context: Any,
    ca_file: str,
) -> None:
    server = serve_raw(
        [[READ_REQUEST, answer, HANG], [READ_REQUEST, OK]], tls=tls_context if scheme == "https" else None
    )
    with session.get(server.url, stream=True, verify=ca_file) as response:
        error = cancelled(response, read)
    assert type(error) is ResponseCancelled
    assert "cancelled" in str(error)
    assert session.get(server.url, verify=ca_file).content == b"ok"
    assert server.connections == 2


def test_under_a_deadline(session: httpkit.Session, serve_raw: ServeRaw) -> None:
    server = serve_raw([READ_REQUEST, SIZED, HANG])
    with session.get(server.url, stream=True, timeout=Timeout(total=9)) as response:
        assert type(cancelled(response, READS["content"])) is ResponseCancelled


def test_tls_within_tls(
    session: httpkit.Session, serve_raw: ServeRaw, tls_context: Any, ca: Authority, ca_file: str
) -> None:
    server = serve_raw([READ_REQUEST, SIZED, HANG], tls=tls_context)
    with ProxyServer({"api.test": server}, tls=ca.server_context()) as proxy:
        session.proxies = {"https": proxy.url}
        with session.get("https://api.test/", stream=True, verify=ca_file) as response:
            assert type(cancelled(response, READS["content"])) is ResponseCancelled


@pytest.mark.parametrize("read", [READS["content"], READS["small pieces"]])
@pytest.mark.parametrize("answer", [SIZED, UNTIL_CLOSE], ids=["sized", "until close"])
def test_a_response_of_urllib3(
    serve_raw: ServeRaw, answer: bytes, read: Callable[[httpkit.Response], Any]
) -> None:
    class Plain(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **settings: Any) -> None:
            self.poolmanager = urllib3.PoolManager()

    server = serve_raw([READ_REQUEST, answer, HANG])
    with httpkit.Session() as session:
        session.mount("http://", Plain())
        with session.get(server.url, stream=True) as response:
            assert isinstance(response.raw, urllib3.HTTPResponse)
            assert type(cancelled(response, read)) is ResponseCancelled


def test_who_reads_on_is_told(session: httpkit.Session, serve_raw: ServeRaw) -> None:
    server = serve_raw([READ_REQUEST, SIZED, HANG])
    with session.get(server.url, stream=True) as response:
        response.cancel()
        response.cancel()
        with pytest.raises(ResponseCancelled) as caught:
            response.content  # noqa: B018
        assert caught.value.request is response.request
        response.cancel()


def test_the_server_sees_the_end_at_once(session: httpkit.Session, serve_raw: ServeRaw) -> None:
    gone = threading.Event()
    server = serve_raw([READ_REQUEST, SIZED, lambda peer: peer.recv() or gone.set()])
    with session.get(server.url, stream=True) as response:
        response.cancel()
        assert gone.wait(5)


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_that_was_read_is_left_alone(
    session: httpkit.Session, serve_raw: ServeRaw, stream: bool
) -> None:
    server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK])
    for _ in range(2):
        response = session.get(server.url, stream=stream)
        assert response.content == b"ok"
        response.cancel()
        assert response.content == b"ok"
    assert server.connections == 1


def test_a_connection_that_comes_back_all_the_same_is_not_kept(
    session: httpkit.Session, serve_raw: ServeRaw
) -> None:
    server = serve_raw([READ_REQUEST, SIZED, HANG])
    with session.get(server.url, stream=True) as response:
        lease = response.raw._reader.lease
        lease.cancel()
        lease.give_back(reusable=True)
        assert lease.connection.sock is None
        lease.cancel()


def test_one_without_a_body_too() -> None:
    httpkit.Response().cancel()


def test_a_race_with_the_reader_never_cuts_the_next_exchange(serve_raw: ServeRaw) -> None:
    def serve(peer: Any) -> None:
        while True:
            peer.read_request()
            peer.send(OK)

    server = serve_raw(serve)
    with httpkit.Session() as session:
        for _ in range(200):
            response = session.get(server.url, stream=True)
            other = Reader(response.cancel)
            try:
                assert response.content == b"ok"
            except ResponseCancelled:
                response.close()
            # On the connection of that response, if it came back whole.
            assert session.get(server.url).content == b"ok"
            other.join()
