"""Ten thousand calls of every ending leave no descriptor open, and no place in a pool taken."""

from __future__ import annotations

import gc
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from tests.servers._listener import ServerThread

CALLS = 10_000
_DESCRIPTORS = Path("/proc/self/fd")

pytestmark = [
    pytest.mark.skipif(not _DESCRIPTORS.is_dir(), reason="this system does not list descriptors"),
    pytest.mark.slow,
]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS: dict[bytes, bytes] = {
    b"ok": OK,
    b"empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    b"chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"partial": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    b"excess": OK + b"?",
    b"malformed": b"?\r\n\r\n",
    b"framing": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    b"close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    b"silent": b"",
    b"reset": b"",
}
ENDS = (b"close", b"silent", b"reset")


def converse(sock: socket.socket) -> None:
    """Answer small requests as their targets ask, until one ends the connection."""
    with sock:
        while True:
            head = sock.recv(65_536)
            if not head:
                return
            name = head.split(b" ", 2)[1].strip(b"/")
            sock.sendall(ANSWERS[name])
            if name == b"reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if name in ENDS:
                return


@pytest.fixture
def url() -> Iterator[str]:
    """A server that is quick, and serves connections one after another in few threads."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                try:
                    converse(sock)
                except OSError:
                    pass

        threads = [ServerThread(target=serve, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(10)


def read(session: httpkit.Session, url: str) -> None:
    session.get(url)


def close_unread(session: httpkit.Session, url: str) -> None:
    session.get(url, stream=True).close()


def abandon(session: httpkit.Session, url: str) -> None:
    session.get(url, stream=True)


def stop_half_way(session: httpkit.Session, url: str) -> None:
    next(session.get(url, stream=True).iter_content(1))


def fail(session: httpkit.Session, url: str) -> None:
    with pytest.raises(httpkit.RequestException):
        session.get(url)


def fail_in_the_body(session: httpkit.Session, url: str) -> None:
    def body() -> Iterator[bytes]:
        raise LookupError
        yield b""

    with pytest.raises(LookupError):
        session.post(url, data=body())


#: How often, which answer, what the caller does.
ENDINGS: list[tuple[int, str, Callable[[httpkit.Session, str], None]]] = [
    (2_000, "ok", read),
    (1_500, "empty", read),
    (1_500, "chunked", read),
    (1_500, "ok", close_unread),
    (600, "partial", close_unread),
    (600, "partial", abandon),
    (400, "partial", stop_half_way),
    (300, "excess", read),
    (300, "malformed", fail),
    (300, "framing", fail),
    (300, "close", read),
    (300, "silent", fail),
    (200, "reset", fail),
    (200, "ok", fail_in_the_body),
]


def descriptors() -> int:
    return len(os.listdir(_DESCRIPTORS))


def test_ten_thousand_calls_of_every_ending_leave_no_descriptor_open(url: str) -> None:
    assert sum(count for count, _, _ in ENDINGS) == CALLS
    gc.collect()
    before = descriptors()
    with httpkit.Session() as session:
        adapter = HTTPAdapter(pool_maxsize=1, pool_block=True, pool_timeout=1)
        session.mount("http://", adapter)
        for count, target, end in ENDINGS:
            for _ in range(count):
                end(session, f"{url}/{target}")
            # The pool's one connection, and the server's end of it and of one that it has not seen closed yet.
            assert descriptors() <= before + 4, (target, end.__name__)
            assert adapter.poolmanager.connection_from_url(url).pool.qsize() == 1
    threading.Event().wait(0.02)
    gc.collect()
    assert descriptors() <= before + 1
