"""When a connection is used again, when it is not, and what becomes of its place in the pool."""

from __future__ import annotations

import gc
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter, Retry
from tests.servers import (
    CLOSE,
    HANG,
    READ_HEAD,
    READ_REQUEST,
    RESET,
    Peer,
    ProxyServer,
    RawServer,
    RecordingServer,
    wait_until,
)

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def session(ca_file: str) -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        session.verify = ca_file
        yield session


@pytest.fixture
def one() -> Iterator[httpkit.Session]:
    """A session with one connection to each origin and no patience."""
    with httpkit.Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True, pool_timeout=0.05))
        yield session


@pytest.fixture(params=["plain", "tls"])
def serve_both(request: pytest.FixtureRequest, serve_raw: ServeRaw, tls_context: Any) -> ServeRaw:
    """The same server without TLS and with it."""
    tls = tls_context if request.param == "tls" else None
    return lambda script, **options: serve_raw(script, tls=tls, **options)


class TestReplay:
    """A kept connection that dies before a byte of the answer (RFC 9112 §9.3.1, RFC 9110 §9.2.2)."""

    DIES: list[Any] = [READ_REQUEST, OK, READ_REQUEST, CLOSE]
    LIVES: list[Any] = [READ_REQUEST, OK, HANG]

    @pytest.mark.parametrize("end", [CLOSE, RESET])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    def test_is_once_and_silent_where_the_method_is_idempotent(
        self, session: httpkit.Session, serve_both: ServeRaw, method: str, end: Any
    ) -> None:
        server = serve_both([[READ_REQUEST, OK, READ_REQUEST, end], self.LIVES])
        session.get(server.url)
        data = b"body" if method == "PUT" else None
        assert session.request(method, server.url, data=data).status_code == 200
        assert server.connections == 2
        assert server.received[0].count(f"{method} / HTTP/1.1".encode()) >= 1
        assert server.received[1].count(f"{method} / HTTP/1.1".encode()) == 1
        assert server.received[1].endswith(b"body") == (method == "PUT")

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_is_not_where_it_is_not_and_the_request_went_out(
        self, session: httpkit.Session, serve_both: ServeRaw, method: str
    ) -> None:
        server = serve_both([self.DIES, self.LIVES])
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError):
            session.request(method, server.url, data=b"pay")
        assert b"".join(server.received).count(b"pay") == 1
        assert server.connections == 1

    def test_is_where_nothing_of_the_request_was_sent(
        self, session: httpkit.Session, serve_raw: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, OK, HANG])
        session.get(server.url)
        pool = session.get_adapter(server.url).poolmanager.connection_from_url(server.url)
        real = pool.pool.queue[-1].sock

        class Dead:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def send(self, data: bytes) -> int:
                raise BrokenPipeError(32, "Broken pipe")

        pool.pool.queue[-1].sock = Dead()
        assert session.post(server.url, data=b"pay").content == b"ok"
        assert [received.count(b"pay") for received in server.received] == [0, 1]

    def test_rewinds_a_file_to_where_it_began(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([self.DIES, self.LIVES])
        session.get(server.url)
        file = io.BytesIO(b"not this" + b"x" * 100_000)
        file.seek(8)
        assert session.put(server.url, data=file).content == b"ok"
        assert server.received[1].endswith(b"\r\n\r\n" + b"x" * 100_000)

    def test_is_not_where_the_body_can_be_read_once_only(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([self.DIES, self.LIVES])
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError):
            session.put(server.url, data=iter([b"once"]))
        assert server.connections == 1

    def test_a_second_death_is_an_error(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([self.DIES, [READ_REQUEST, CLOSE], self.LIVES])
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError):
            session.get(server.url)
        assert server.connections == 2

    def test_a_new_connection_that_dies_is_an_error(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([[READ_REQUEST, CLOSE], self.LIVES])
        with pytest.raises(httpkit.ConnectionError):
            session.get(server.url)
        assert server.connections == 1

    @pytest.mark.parametrize("end", [CLOSE, RESET])
    @pytest.mark.parametrize("answer", [b"H", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
    def test_is_not_after_one_byte_of_an_answer(
        self, session: httpkit.Session, serve_raw: ServeRaw, answer: bytes, end: Any
    ) -> None:
        server = serve_raw([[READ_REQUEST, OK, READ_REQUEST, answer, end], self.LIVES])
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError):
            session.get(server.url)
        assert server.connections == 1

    def test_is_not_after_a_timeout(self, session: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([[READ_REQUEST, OK, READ_REQUEST, HANG], self.LIVES])
        session.get(server.url)
        with pytest.raises(httpkit.exceptions.ReadTimeout):
            session.get(server.url, timeout=(5, 0.03))
        assert server.connections == 1

    def test_by_way_of_a_tunnel_opens_another_tunnel(
        self, session: httpkit.Session, serve_raw: ServeRaw, tls_context: Any
    ) -> None:
        server = serve_raw([self.DIES, self.LIVES], tls=tls_context)
        with ProxyServer({"example.test": server}) as proxy:
            session.proxies = {"https": proxy.url}
            for _ in range(2):
                assert session.get("https://example.test/").content == b"ok"
            assert len(proxy.tunnels) == 2


class TestIdleConnections:
    def test_expire(self, serve: Serve) -> None:
        server = serve()
        now = 1000.0
        with httpkit.Session() as session:
            adapter = HTTPAdapter(keepalive_expiry=5)
            session.mount("http://", adapter)
            pool = adapter.poolmanager.connection_from_url(server.url)
            pool.clock = lambda: now
            connections = []
            for pause in (0, 5, 5, 5.1, 0):
                now += pause
                session.get(server.url)
                connections.append(server.connections)
        assert connections == [1, 1, 1, 2, 2]

    @pytest.mark.parametrize("expiry, lives", [(None, True), (60.0, False)])
    def test_expire_after_a_minute_or_never(self, serve: Serve, expiry: float | None, lives: bool) -> None:
        server = serve()
        with httpkit.Session() as session:
            if expiry is None:
                session.mount("http://", HTTPAdapter(keepalive_expiry=None))
            session.get(server.url)
            pool = session.get_adapter(server.url).poolmanager.connection_from_url(server.url)
            then = pool.clock()
            pool.clock = lambda: then + 61
            session.get(server.url)
        assert server.connections == (1 if lives else 2)

    def test_expire_through_proxies_and_after_pickling_too(self, serve: Serve) -> None:
        import pickle

        adapter = pickle.loads(pickle.dumps(HTTPAdapter(keepalive_expiry=7, pool_timeout=3)))
        for manager in (adapter.poolmanager, adapter.proxy_manager_for("http://proxy.test:3128")):
            pool = manager.connection_from_url("http://a.test/")
            assert (pool.keepalive_expiry, pool.pool_timeout) == (7, 3)
        adapter.close()

    def test_that_the_server_has_closed_are_not_used(
        self, session: httpkit.Session, serve_both: ServeRaw
    ) -> None:
        """Even a POST is safe then: it is never sent on them."""
        server = serve_both([[READ_REQUEST, OK, CLOSE], [READ_REQUEST, OK, HANG]])
        session.get(server.url)
        assert server.wait_until_closed(1)
        assert session.post(server.url, data=b"pay").content == b"ok"
        assert b"pay" not in server.received[0]

    def test_with_bytes_on_them_are_not_used(self, session: httpkit.Session, serve_both: ServeRaw) -> None:
        """An answer that nobody asked for is not given to the next call."""
        sent = threading.Event()
        unasked = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"
        release = threading.Event()
        server = serve_both(
            [[READ_REQUEST, OK, release, unasked, lambda peer: sent.set(), HANG], [READ_REQUEST, OK, HANG]]
        )
        session.get(server.url)
        release.set()
        assert sent.wait(5)
        assert session.get(server.url).content == b"ok"
        assert server.connections == 2

    def test_with_bytes_after_the_answer_are_not_used(
        self, session: httpkit.Session, serve_both: ServeRaw
    ) -> None:
        server = serve_both([[READ_REQUEST, OK + OK.replace(b"ok", b"no"), HANG], [READ_REQUEST, OK, HANG]])
        assert session.get(server.url).content == b"ok"
        assert server.wait_until_closed(1)
        assert session.get(server.url).content == b"ok"
        assert server.connections == 2

    def test_whose_socket_somebody_has_closed_are_not_used(self, one: httpkit.Session, serve: Serve) -> None:
        server = serve()
        one.get(server.url)
        pool = one.get_adapter(server.url).poolmanager.connection_from_url(server.url)
        pool.pool.queue[-1].sock.close()
        for _ in range(2):
            assert one.get(server.url).ok
        assert server.connections == 2

    def test_after_the_caller_asked_to_close_are_not_used(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        """RFC 9112 §9.6: also where the server does not close."""
        server = serve_raw([READ_REQUEST, OK, HANG])
        session.get(server.url, headers={"connection": "Foo, Close"})
        assert server.wait_until_closed(1)

    def test_a_body_that_ends_with_the_connection_ends_it_here_too(
        self, session: httpkit.Session, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_REQUEST, b"HTTP/1.1 200 OK\r\n\r\nok", lambda peer: peer.half_close(), HANG])
        assert session.get(server.url).content == b"ok"
        assert server.wait_until_closed(1)


def say_goodbye(peer: Peer) -> None:
    """close_notify. The client need not answer it."""
    try:
        peer.sock.unwrap()  # type: ignore[attr-defined]  # TLS
    except OSError:
        pass


class TestTLSEndings:
    HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

    def test_without_a_goodbye_a_body_of_unknown_length_may_be_cut(
        self, session: httpkit.Session, serve_raw: ServeRaw, tls_context: Any
    ) -> None:
        """RFC 9112 §9.8."""
        server = serve_raw([READ_REQUEST, self.HEAD + b"\r\nhalf", CLOSE], tls=tls_context)
        with pytest.raises(httpkit.exceptions.ChunkedEncodingError):
            session.get(server.url)

    def test_with_one_it_is_whole(
        self, session: httpkit.Session, serve_raw: ServeRaw, tls_context: Any
    ) -> None:
        server = serve_raw([READ_REQUEST, self.HEAD + b"\r\nwhole", say_goodbye], tls=tls_context)
        assert session.get(server.url).content == b"whole"

    def test_a_body_of_known_length_needs_none(
        self, session: httpkit.Session, serve_raw: ServeRaw, tls_context: Any
    ) -> None:
        server = serve_raw([READ_REQUEST, self.HEAD + b"Content-Length: 2\r\n\r\nok", CLOSE], tls=tls_context)
        assert session.get(server.url).content == b"ok"


PARTIAL = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"


class Stop(BaseException):
    """As KeyboardInterrupt: no Exception."""


def read_until_it_breaks(response: httpkit.Response) -> None:
    with pytest.raises(httpkit.RequestException):
        response.content  # noqa: B018


def stop_in_a_hook(session: httpkit.Session, url: str) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    with pytest.raises(Stop):
        session.get(url, hooks={"response": stop}, stream=True)


def stop_in_the_body(session: httpkit.Session, url: str) -> None:
    def body() -> Iterator[bytes]:
        yield b"some"
        raise Stop

    with pytest.raises(Stop):
        session.post(url, data=body())


def leave_a_generator(session: httpkit.Session, url: str) -> None:
    pieces = session.get(url, stream=True).iter_content(2)
    next(pieces)
    pieces.close()


def abandon_in_a_cycle(session: httpkit.Session, url: str) -> None:
    response: Any = session.get(url, stream=True)
    response.itself = response
    del response
    gc.collect()


def fail(session: httpkit.Session, url: str, **options: Any) -> None:
    with pytest.raises(httpkit.RequestException):
        session.get(url, **options)


class TestPlaces:
    """Of a pool with one place, the next call proves that no ending loses it."""

    ENDINGS: dict[str, tuple[list[Any], Callable[[httpkit.Session, str], object]]] = {
        "read": ([READ_REQUEST, OK] * 4, lambda session, url: session.get(url)),
        "closed unread": ([READ_REQUEST, PARTIAL, HANG], lambda s, url: s.get(url, stream=True).close()),
        "abandoned": ([READ_REQUEST, PARTIAL, HANG], lambda s, url: s.get(url, stream=True) and None),
        "abandoned in a cycle": ([READ_REQUEST, PARTIAL, HANG], abandon_in_a_cycle),
        "left generator": ([READ_REQUEST, PARTIAL, HANG], leave_a_generator),
        "broken body": (
            [READ_REQUEST, PARTIAL, RESET],
            lambda s, url: read_until_it_breaks(s.get(url, stream=True)),
        ),
        "timeout in body": ([READ_REQUEST, PARTIAL, HANG], lambda s, url: fail(s, url, timeout=(5, 0.02))),
        "timeout": ([READ_REQUEST, HANG], lambda s, url: fail(s, url, timeout=(5, 0.02))),
        "malformed": ([READ_REQUEST, b"?\r\n\r\n", HANG], lambda s, url: fail(s, url)),
        "malformed framing": (
            [READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", HANG],
            lambda s, url: fail(s, url),
        ),
        "malformed chunk": (
            [READ_REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n?\r\n", HANG],
            lambda s, url: fail(s, url),
        ),
        "no answer": ([READ_REQUEST, CLOSE], lambda s, url: fail(s, url)),
        "unsendable": (
            [READ_REQUEST, OK, HANG],
            lambda s, url: fail(s, url, headers={"Transfer-Encoding": "chunked", "Content-Length": "1"}),
        ),
        "stopped in a hook": ([READ_REQUEST, PARTIAL, HANG], stop_in_a_hook),
        "stopped in the body": ([READ_HEAD, HANG], stop_in_the_body),
        "empty answer": ([READ_REQUEST, b"HTTP/1.1 204 No Content\r\n\r\n"] * 4, lambda s, url: s.get(url)),
    }

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("way", ["direct", "urlopen"])
    def test_are_never_lost(self, serve_raw: ServeRaw, ending: str, way: str) -> None:
        retries = Retry(total=0, read=0, status_forcelist=[599]) if way == "urlopen" else 0
        script, act = self.ENDINGS[ending]
        with httpkit.Session() as session:
            adapter = HTTPAdapter(pool_maxsize=1, pool_block=True, pool_timeout=0.05, max_retries=retries)
            session.mount("http://", adapter)
            server = serve_raw(script)
            for _ in range(3):
                act(session, server.url)
            pool = adapter.poolmanager.connection_from_url(server.url).pool
            assert pool.qsize() == 1
            server.script = [READ_REQUEST, OK, HANG]
            assert session.get(server.url, headers={"Connection": "close"}).status_code in (200, 204)
            assert pool.qsize() == 1

    def test_a_connection_refused_loses_none(self, one: httpkit.Session) -> None:
        for _ in range(2):
            fail(one, "http://127.0.0.1:1/")

    def test_a_call_waits_for_one_as_long_as_it_may(self, one: httpkit.Session, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, PARTIAL, HANG])
        with one.get(server.url, stream=True), pytest.raises(httpkit.ConnectionError, match="pool_maxsize"):
            one.get(server.url)
        server.script = [READ_REQUEST, OK, HANG]
        assert one.get(server.url).content == b"ok"

    def test_a_call_that_waits_gets_the_one_that_becomes_free(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([[READ_REQUEST, PARTIAL, HANG], [READ_REQUEST, OK, HANG]])
        with httpkit.Session() as session:
            session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True, pool_timeout=5))
            first = session.get(server.url, stream=True)
            answers: list[bytes] = []
            waiting = threading.Thread(target=lambda: answers.append(session.get(server.url).content))
            waiting.start()
            assert not wait_until(lambda: answers, 0.03)
            first.close()
            waiting.join(5)
            assert answers == [b"ok"]

    def test_come_back_from_a_finaliser_in_the_middle_of_a_checkout(
        self, serve_raw: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The collector may run anywhere, inside the pool as well: nothing there waits for a lock."""
        server = serve_raw([[READ_REQUEST, PARTIAL, HANG], [READ_REQUEST, OK, HANG]])
        with httpkit.Session() as session:
            session.mount("http://", HTTPAdapter(pool_maxsize=2, pool_block=True, pool_timeout=1))
            held = [session.get(server.url, stream=True)]
            slots = session.get_adapter(server.url).poolmanager.connection_from_url(server.url).pool

            class Interrupted(type(slots.queue)):  # type: ignore[misc]
                def pop(self) -> Any:
                    held.clear()
                    return super().pop()

            slots.queue = Interrupted(slots.queue)
            with slots.mutex:
                assert session.get(server.url).content == b"ok"
            assert slots.qsize() == 2

    def test_closing_twice_gives_back_once(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, PARTIAL, HANG])
        with httpkit.Session() as session:
            for _ in range(3):
                response = session.get(server.url, stream=True)
                lease = response.raw._reader.lease
                barrier = threading.Barrier(4)

                def close(lease: Any = lease, barrier: threading.Barrier = barrier) -> None:
                    barrier.wait()
                    lease.give_back(reusable=False)

                threads = [threading.Thread(target=close) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            queue = session.get_adapter(server.url).poolmanager.connection_from_url(server.url).pool.queue
            kept = [conn for conn in queue if conn is not None]
            assert len(queue) == 10
            assert len(set(kept)) == len(kept) == 1

    def test_a_response_closed_by_another_thread_never_reads_the_next_ones(self, serve_raw: ServeRaw) -> None:
        """The connection lives on with another socket; who still reads the old answer reads from the old one."""
        server = serve_raw([[READ_REQUEST, PARTIAL, HANG], [READ_REQUEST, OK, HANG]])
        with httpkit.Session() as session:
            session.mount("http://", HTTPAdapter(pool_maxsize=1))
            response = session.get(server.url, stream=True)
            lease = response.raw._reader.lease
            response.close()
            with session.get(server.url, stream=True) as second:
                with pytest.raises(Exception, match="broken"):
                    lease.receive(100)
                assert second.content == b"ok"

    def test_an_interrupt_after_the_connection_went_back_does_not_give_it_back_again(
        self, serve_raw: ServeRaw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from httpkit._wire import connections

        server = serve_raw([READ_REQUEST, b"HTTP/1.1 204 No Content\r\n\r\n", READ_REQUEST, OK, HANG])
        with httpkit.Session() as session:
            real = connections.WireResponse

            def interrupted(*_: Any, **__: Any) -> Any:
                raise KeyboardInterrupt

            monkeypatch.setattr(connections, "WireResponse", interrupted)
            with pytest.raises(KeyboardInterrupt):
                session.head(server.url)
            monkeypatch.setattr(connections, "WireResponse", real)
            queue = session.get_adapter(server.url).poolmanager.connection_from_url(server.url).pool.queue
            assert len(queue) == 10
            assert len([conn for conn in queue if conn is not None]) == 1
            assert session.get(server.url).content == b"ok"
        assert server.connections == 1, "nor does it close what is somebody else's by now"
