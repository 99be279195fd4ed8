"""One session under many threads at once: no crossed bodies, no lost cookies, pool bounds kept."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.cookies import RequestsCookieJar, RFC6265Policy
from tests.servers._listener import ServerThread

THREADS = 12
TURNS = 40


class Mirror:
    """Answers each request with its target many times over, framed at whim, and counts open connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = self.most = self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [ServerThread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(10)
            thread = ServerThread(target=self.serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, sock: socket.socket) -> None:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            with sock, sock.makefile("rb") as reader:
                while self.answer(sock, reader):
                    pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1

    def answer(self, sock: socket.socket, reader: Any) -> bool:
        """Answer one request; False when the connection is over."""
        line = reader.readline()
        length = 0
        while (field := reader.readline()) not in (b"\r\n", b""):
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        if not line:
            return False
        body = reader.read(length)
        with self.lock:
            self.requests += 1
            number = self.requests
        target = line.split(b" ")[1]
        content = (target + b"|" + body + b"|") * (1 + number % 40)
        head = b"HTTP/1.1 200 OK\r\nSet-Cookie: c%s=1\r\n" % target[1:]
        if number % 3 == 0:
            half = len(content) // 2
            pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (content[:half], content[half:])]
            sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n")
        elif number % 7 == 0:
            sock.sendall(head + b"Connection: close\r\n\r\n" + content)
            return False
        else:
            sock.sendall(head + b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        return True

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    yield server
    server.stop()


def together(work: Callable[[int], Any]) -> None:
    """*work* in each thread, all starting at once; the first error is raised here."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        barrier.wait(10)
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(run, range(THREADS)):
            pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "size, block", [(3, True), (THREADS, True), (3, False)], ids=["scarce", "enough", "unbounded"]
)
def test_threads_do_not_disturb_each_other(mirror: Mirror, size: int, block: bool) -> None:
    """Reading, streaming, leaving half-way and posting, mixed."""
    expected: list[str] = []
    with httpkit.Session() as session:
        session.cookies = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=3000))
        session.mount("http://", HTTPAdapter(pool_maxsize=size, pool_block=block, pool_timeout=20))

        def work(number: int) -> None:
            chance = random.Random(number)
            for turn in range(TURNS):
                target = f"{number}x{turn}"
                expected.append(f"c{target}")
                body = bytes([65 + number]) * chance.randrange(2_000)
                unit = f"/{target}|".encode() + body + b"|"
                with session.post(f"{mirror.url}/{target}", data=body, stream=True) as response:
                    kind = chance.randrange(4)
                    if kind == 0:
                        assert next(response.iter_content(len(unit))) == unit
                        continue
                    content = b"".join(response.iter_content(700)) if kind == 1 else response.content
                    assert content == unit * (len(content) // len(unit))
                    assert content

        together(work)
        assert sorted(session.cookies.keys()) == sorted(expected)
        slots = session.get_adapter("http://").poolmanager.connection_from_url(mirror.url).pool
        assert slots.qsize() <= size
        if block:
            assert slots.qsize() == size, "no place is lost"
        kept = [conn for conn in slots.queue if conn is not None]
        assert len(kept) == len(set(kept)), "no connection is there twice"
    assert mirror.requests == THREADS * TURNS
    if block:
        # A connection that the client has closed may be one for the server still.
        assert mirror.most <= size + THREADS


@pytest.mark.slow
def test_no_more_connections_are_open_than_a_blocking_pool_has(mirror: Mirror) -> None:
    with httpkit.Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=3, pool_block=True, pool_timeout=20))
        session.headers["Connection"] = "keep-alive"
        mirror.requests = 0

        def work(number: int) -> None:
            for turn in range(TURNS):
                # Every seventh is closed by the server, which counts it as closed before it is here.
                assert session.get(f"{mirror.url}/{number}x{turn}").content

        together(work)
    assert mirror.most <= 3 + 3


@pytest.mark.slow
def test_threads_that_close_the_session_meanwhile_disturb_nobody(mirror: Mirror) -> None:
    with httpkit.Session() as session:

        def work(number: int) -> None:
            for turn in range(TURNS):
                if number == 0:
                    session.close()
                else:
                    assert session.get(f"{mirror.url}/{number}x{turn}").content.startswith(
                        f"/{number}x{turn}||".encode()
                    )

        together(work)
