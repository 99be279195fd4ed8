"""A total that holds: whatever a server does or leaves undone, a call with `Timeout(total=1)` is over after a second.

Each server here would keep a call for much longer than the test waits for, and sends often enough for no limit of a
single receive to help.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.auth import HTTPDigestAuth
from httpkit.exceptions import (
    ConnectionError,
    ConnectTimeout,
    DeadlineExceeded,
    ReadTimeout,
    RequestException,
)
from httpkit.timeouts import RunningTimeout, Timeout
from tests.servers import (
    HANG,
    READ_HEAD,
    READ_REQUEST,
    Authority,
    Drip,
    Peer,
    ProxyServer,
    RawServer,
    RecordingServer,
    Reply,
    Socks5Server,
)
from tests.servers.backlog import full_backlog_listener

ServeRaw = Callable[..., RawServer]
Serve = Callable[..., RecordingServer]

PERIOD = 0.4
DRIP = functools.partial(Drip, delay=PERIOD)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ONE = Timeout(total=1)


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


@contextlib.contextmanager
def lasts(seconds: float = 1.0, slack: float = 0.8, before: float = 0.05) -> Iterator[None]:
    """What happens inside takes *seconds*, and no more than *slack* beyond; *before* may have passed already."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert seconds - before <= took <= seconds + slack, f"it took {took:.2f} s"


@contextlib.contextmanager
def ends_at_one(phase: str, before: float = 0.05) -> Iterator[None]:
    """The call inside fails after a second, and says that it was busy with *phase*."""
    with lasts(before=before), pytest.raises(DeadlineExceeded) as caught:
        yield
    error = caught.value
    assert error.phase == phase
    assert error.total == 1
    assert 0.9 <= sum(error.spent.values()) <= 1.8
    assert error.request is not None
    assert "1 s that the call was given (total)" in str(error)
    assert len(str(error)) < 500


def hello_then_drip(context: ssl.SSLContext, peer: Peer, period: float = PERIOD) -> None:
    """Answer a TLS handshake a byte at a time."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    while not outgoing.pending:
        incoming.write(peer.recv())
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
    peer.drip(outgoing.read(), 1, period)


class TestEachPhase:
    @pytest.mark.parametrize(
        ("before", "dripped", "phase"),
        [
            pytest.param(b"", b"HTTP/1.1 200 OK\r\n", "head", id="status line"),
            pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 90, "head", id="fields"),
            pytest.param(b"", b"HTTP/1.1 102 P\r\n\r\n" * 9, "head", id="interim responses"),
            pytest.param(HEAD, b"b" * 90, "body", id="body"),
            pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"b" * 90, "body", id="body until close"),
            pytest.param(CHUNKED, b"1\r\na\r\n" * 20, "body", id="chunks"),
            pytest.param(CHUNKED + b"40\r\n", b"c" * 64, "body", id="one chunk"),
            pytest.param(CHUNKED + b"1;", b"x" * 90, "body", id="chunk extension"),
            pytest.param(CHUNKED + b"0\r\n", b"X-A: " + b"a" * 90, "body", id="trailer"),
        ],
    )
    @pytest.mark.parametrize("adapter", ["plain", "retrying"])
    def test_a_server_that_drips(
        self,
        serve_raw: ServeRaw,
        session: httpkit.Session,
        before: bytes,
        dripped: bytes,
        phase: str,
        adapter: str,
    ) -> None:
        server = serve_raw([READ_REQUEST, before, DRIP(dripped), HANG])
        if adapter == "retrying":
            session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(2, read=0)))
        with ends_at_one(phase):
            session.get(server.url, timeout=ONE)

    @pytest.mark.parametrize(("said", "phase"), [(b"", "head"), (HEAD, "body"), (CHUNKED, "body")])
    def test_one_that_falls_silent(
        self, serve_raw: ServeRaw, session: httpkit.Session, said: bytes, phase: str
    ) -> None:
        server = serve_raw([READ_REQUEST, said, HANG])
        with ends_at_one(phase):
            session.get(server.url, timeout=ONE)

    def test_one_that_drips_over_tls(
        self, serve_raw: ServeRaw, session: httpkit.Session, tls_context: Any, ca_file: str
    ) -> None:
        server = serve_raw([READ_REQUEST, HEAD, DRIP(b"b" * 90), HANG], tls=tls_context)
        with ends_at_one("body"):
            session.get(server.url, timeout=ONE, verify=ca_file)

    def test_one_that_never_accepts(self, session: httpkit.Session) -> None:
        with full_backlog_listener() as (host, port), ends_at_one("connect"):
            session.get(f"http://{host}:{port}/", timeout=ONE)

    def test_several_that_never_accept(
        self, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with full_backlog_listener() as one, full_backlog_listener("127.0.0.2") as other:
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in (one, other)]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
            with ends_at_one("connect"):
                session.get("http://api.test/", timeout=ONE)

    def test_one_that_stalls_in_the_handshake(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([HANG])
        with ends_at_one("tls"):
            session.get(f"https://{server.authority}/", timeout=ONE)

    def test_one_that_drips_in_the_handshake(
        self, serve_raw: ServeRaw, session: httpkit.Session, tls_context: Any
    ) -> None:
        server = serve_raw(functools.partial(hello_then_drip, tls_context))
        with ends_at_one("tls"):
            session.get(f"https://{server.authority}/", timeout=ONE)

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param([HANG], id="silent"),
            pytest.param([DRIP(b"HTTP/1.1 200 OK\r\n" * 9), HANG], id="drips"),
            pytest.param([b"HTTP/1.1 200 OK\r\n", DRIP(b"X-A: " + b"a" * 90), HANG], id="drips a field"),
        ],
    )
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_that_makes_no_tunnel(
        self,
        serve_raw: ServeRaw,
        session: httpkit.Session,
        answer: list[Any],
        scheme: str,
        tls_context: Any,
        ca_file: str,
    ) -> None:
        proxy = serve_raw([READ_HEAD, *answer], tls=tls_context if scheme == "https" else None)
        session.proxies = {"all": f"{scheme}://{proxy.authority}"}
        with ends_at_one("proxy"):
            session.get("https://api.test/", timeout=ONE, verify=ca_file)

    @pytest.mark.parametrize("drips", ["handshake", "body"])
    def test_a_server_that_drips_through_a_tunnel_in_tls(
        self, serve_raw: ServeRaw, session: httpkit.Session, ca: Authority, ca_file: str, drips: str
    ) -> None:
        context = ca.server_context()
        script: Any = functools.partial(hello_then_drip, context)
        if drips == "body":
            script = [READ_REQUEST, HEAD, DRIP(b"b" * 90), HANG]
        server = serve_raw(script, tls=context if drips == "body" else None)
        with ProxyServer({"api.test": server}, tls=ca.server_context()) as proxy:
            session.proxies = {"https": proxy.url}
            with ends_at_one("tls" if drips == "handshake" else "body"):
                session.get("https://api.test/", timeout=ONE, verify=ca_file)

    @pytest.mark.parametrize(
        "dripped", [b"", b"\x05\x00\x05\x00\x00\x01" + b"a" * 9], ids=["silent", "drips"]
    )
    def test_a_socks_proxy_that_makes_no_connection(
        self, serve_raw: ServeRaw, session: httpkit.Session, dripped: bytes
    ) -> None:
        pytest.importorskip("socks")
        proxy = serve_raw([DRIP(dripped), HANG])
        session.proxies = {"all": f"socks5h://{proxy.authority}"}
        with ends_at_one("proxy"):
            session.get("http://api.test/", timeout=ONE)

    def test_a_chain_of_slow_hops(self, serve: Serve, session: httpkit.Session) -> None:
        def hop(request: Any) -> Reply:
            time.sleep(PERIOD)
            return Reply.redirect(f"/{int(request.target[1:] or 0) + 1}")

        server = serve(hop)
        with lasts(), pytest.raises(DeadlineExceeded) as caught:
            session.get(server.url, timeout=ONE)
        assert caught.value.spent["redirects"] > 0.9 * PERIOD
        assert 1 < len(server.requests) <= 3

    def test_a_redirect_whose_body_never_ends(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        head = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 1000\r\n\r\n"
        server = serve_raw([READ_REQUEST, head, DRIP(b"b" * 90), HANG])
        with lasts(), pytest.raises(DeadlineExceeded):
            session.get(server.url, timeout=ONE)
        assert server.connections == 1

    def test_a_full_pool(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([READ_REQUEST, HEAD, HANG])
        session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True))
        with session.get(server.url, stream=True), ends_at_one("pool"):
            session.get(server.url, timeout=ONE)

    @pytest.mark.parametrize("kind", ["bytes", "file", "chunks", "tls"])
    def test_a_slow_reader_of_a_large_upload(
        self,
        serve_raw: ServeRaw,
        session: httpkit.Session,
        kind: str,
        tmp_path: Any,
        ca: Authority,
        ca_file: str,
    ) -> None:
        def sip(peer: Peer) -> None:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while peer.recv(65536):
                if peer.stopping.wait(PERIOD / 4):
                    return

        server = serve_raw(sip, tls=ca.server_context() if kind == "tls" else None)
        size = 64 * 1024 * 1024
        body: Any = bytes(size)
        if kind == "file":
            path = tmp_path / "large"
            path.write_bytes(body)
            body = path.open("rb")
        elif kind == "chunks":
            body = (bytes(65536) for _ in range(size // 65536))
        with contextlib.closing(body) if kind == "file" else contextlib.nullcontext(), ends_at_one("send"):
            session.post(server.url, data=body, timeout=ONE, verify=ca_file)

    def test_a_reader_that_stops(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([READ_HEAD, lambda peer: peer.stopping.wait(10)])
        with ends_at_one("send"):
            session.post(server.url, data=bytes(64 * 1024 * 1024), timeout=ONE)

    def test_a_resolver_that_hangs(self, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: over.wait(10))
        try:
            with ends_at_one("lookup"):
                session.get("http://stalled.test/", timeout=ONE)
        finally:
            over.set()

    def test_digest_round_trips(self, serve: Serve, session: httpkit.Session) -> None:
        def challenge(request: Any) -> Reply:
            time.sleep(0.7)
            value = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
            return Reply(status=401, headers=[("WWW-Authenticate", value)])

        server = serve(challenge)
        with ends_at_one("head"):
            session.get(server.url, timeout=ONE, auth=HTTPDigestAuth("user", "password"))
        assert len(server.requests) == 2

    def test_hooks_are_told_what_runs(self, serve: Serve, session: httpkit.Session) -> None:
        told: list[Any] = []
        session.hooks["response"].append(lambda response, **settings: told.append(settings["timeout"]))
        session.get(serve().url, timeout=ONE)
        assert [type(one) for one in told] == [RunningTimeout]
        assert told[0].total == 1


class TestStreams:
    @pytest.fixture
    def response(self, serve_raw: ServeRaw, session: httpkit.Session) -> Iterator[httpkit.Response]:
        server = serve_raw([READ_REQUEST, HEAD, DRIP(b"b" * 90), HANG])
        with session.get(server.url, timeout=ONE, stream=True) as response:
            yield response

    @pytest.mark.parametrize(
        "read",
        [
            lambda response: list(response.iter_content(10)),
            lambda response: list(response.iter_content(None)),
            lambda response: list(response.iter_lines()),
            lambda response: response.content,
            lambda response: response.text,
        ],
        ids=["iter_content", "as it comes", "iter_lines", "content", "text"],
    )
    def test_the_deadline_holds_while_the_program_reads(
        self, response: httpkit.Response, read: Callable[[httpkit.Response], Any]
    ) -> None:
        with ends_at_one("body", before=0.4):
            read(response)

    @pytest.mark.parametrize("amount", [None, 5, 500])
    def test_who_reads_raw_gets_the_error_of_urllib3(
        self, response: httpkit.Response, amount: int | None
    ) -> None:
        with lasts(before=0.4), pytest.raises(urllib3.exceptions.ReadTimeoutError) as caught:
            while response.raw.read(amount):
                pass
        assert isinstance(caught.value.__cause__, DeadlineExceeded)

    def test_the_file_under_raw_is_bounded_too(self, response: httpkit.Response) -> None:
        with lasts(before=0.4), pytest.raises(TimeoutError):
            response.raw._fp.fp.raw.read()

    def test_the_time_of_the_program_counts(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([READ_REQUEST, HEAD + b"b" * 1000, HANG])
        with session.get(server.url, timeout=Timeout(total=0.5), stream=True) as response:
            response.raw.read(1)
            time.sleep(0.6)
            # What has arrived with the head is there already.
            assert len(response.content) == 999

    def test_the_connection_is_closed(self, response: httpkit.Response) -> None:
        with pytest.raises(DeadlineExceeded):
            response.content  # noqa: B018
        assert response.raw.closed or response.raw.connection is None


class TestWhoseLimit:
    """Call over mount over session."""

    @pytest.fixture
    def server(self, serve_raw: ServeRaw) -> RawServer:
        return serve_raw([READ_REQUEST, DRIP(HEAD), HANG])

    @pytest.mark.parametrize(
        ("call", "mount", "session_has"),
        [
            ({"timeout": Timeout(total=1)}, Timeout(total=7), Timeout(total=8)),
            ({}, Timeout(total=1), Timeout(total=8)),
            ({}, None, Timeout(total=1)),
        ],
        ids=["call", "mount", "session"],
    )
    def test_a_total_of_each(self, server: RawServer, call: Any, mount: Any, session_has: Any) -> None:
        with httpkit.Session(timeout=session_has) as session:
            session.mount(server.url, HTTPAdapter(timeout=mount))
            with ends_at_one("head"):
                session.get(server.url, **call)

    def test_the_mount_beats_the_session(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        with httpkit.Session(timeout=9) as session:
            session.mount(server.url, HTTPAdapter(timeout=(5, 0.03)))
            with pytest.raises(ReadTimeout, match=r"within 0\.03 seconds"):
                session.get(server.url)

    def test_the_next_hop_has_the_limits_of_its_mount(self, serve: Serve, serve_raw: ServeRaw) -> None:
        silent = serve_raw([READ_REQUEST, HANG])
        first = serve(Reply.redirect(silent.url))
        with httpkit.Session(timeout=9) as session:
            session.mount(silent.url, HTTPAdapter(timeout=(5, 0.03)))
            with pytest.raises(ReadTimeout, match=r"within 0\.03 seconds"):
                session.get(first.url)

    def test_the_total_of_a_mount_covers_the_hops_after_it(
        self, serve: Serve, server: RawServer, session: httpkit.Session
    ) -> None:
        first = serve(Reply.redirect(server.url))
        session.mount(first.url, HTTPAdapter(timeout=ONE))
        with ends_at_one("head"):
            session.get(first.url)

    def test_an_adapter_alone_begins_with_its_exchange(self, server: RawServer) -> None:
        adapter = HTTPAdapter(timeout=ONE)
        request = httpkit.Request("GET", server.url).prepare()
        with contextlib.closing(adapter), ends_at_one("head"):
            adapter.send(request)

    def test_none_is_no_limit_whatever_the_mount_says(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, Drip(HEAD[:10], delay=0.03), HEAD[10:] + b"b" * 1000])
        with httpkit.Session(timeout=Timeout(total=0.1)) as session:
            session.mount(server.url, HTTPAdapter(timeout=Timeout(total=0.1)))
            assert len(session.get(server.url, timeout=None).content) == 1000

    def test_a_session_refuses_what_is_no_timeout(self) -> None:
        with pytest.raises(ValueError, match="timeout"):
            httpkit.Session(timeout="3")  # type: ignore[arg-type]

    def test_read_still_bounds_each_wait(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        with pytest.raises(ReadTimeout, match=r"within 0\.03 seconds \(read timeout\)"):
            session.get(server.url, timeout=Timeout(read=0.03, total=9))
        with full_backlog_listener() as (host, port), pytest.raises(ConnectTimeout, match=r"0\.03 seconds"):
            session.get(f"http://{host}:{port}/", timeout=Timeout(connect=0.03, total=9))

    def test_a_call_that_ends_in_time_leaves_a_connection_for_the_next(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve()
        assert session.get(server.url, timeout=ONE).ok
        time.sleep(1.1)
        for timeout in (None, 5, ONE):
            assert session.get(server.url, timeout=timeout).ok
        assert server.connections == 1


class TestPoolLimit:
    @pytest.mark.parametrize("retries", [0, urllib3.Retry(2, read=0)], ids=["plain", "retrying"])
    def test_it_beats_that_of_the_adapter(
        self, serve_raw: ServeRaw, session: httpkit.Session, retries: Any
    ) -> None:
        server = serve_raw([READ_REQUEST, HEAD, HANG])
        session.mount(
            "http://", HTTPAdapter(pool_maxsize=1, pool_block=True, pool_timeout=9, max_retries=retries)
        )
        with (
            session.get(server.url, stream=True),
            lasts(0.1),
            pytest.raises(ConnectTimeout, match=r"free within 0\.1 seconds \(pool timeout\)") as caught,
        ):
            session.get(server.url, timeout=Timeout(pool=0.1))
        assert isinstance(caught.value, ConnectionError)


class TestConnectLimit:
    """It is one for the whole of connecting, and not for each receive of it."""

    def test_a_handshake_that_drips(
        self, serve_raw: ServeRaw, session: httpkit.Session, tls_context: Any
    ) -> None:
        server = serve_raw(functools.partial(hello_then_drip, tls_context, period=0.05))
        with (
            lasts(0.3),
            pytest.raises(ConnectTimeout, match=r"0\.3 seconds \(connect timeout, after .*tls 0\.") as caught,
        ):
            session.get(f"https://{server.authority}/", timeout=(0.3, 9))
        assert isinstance(caught.value, ReadTimeout)  # as in requests

    def test_a_tunnel_that_drips(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        proxy = serve_raw([READ_HEAD, Drip(b"HTTP/1.1 200 OK\r\n" * 90, delay=0.05), HANG])
        session.proxies = {"all": proxy.url}
        with lasts(0.3), pytest.raises(ConnectTimeout, match=r"0\.3 seconds .*proxy 0\."):
            session.get("https://api.test/", timeout=(0.3, 9))

    def test_a_lookup_that_hangs(self, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: over.wait(10))
        try:
            with lasts(0.3), pytest.raises(ConnectTimeout, match=r"0\.3 seconds .*lookup 0\."):
                session.get("http://stalled.test/", timeout=(0.3, 9))
        finally:
            over.set()

    def test_lookup_and_handshake_share_it(
        self, serve_raw: ServeRaw, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve_raw([HANG])

        def slow(*_: Any) -> list[Any]:
            time.sleep(0.5)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (server.host, server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        with lasts(0.6, slack=0.4), pytest.raises(ConnectTimeout):
            session.get("https://slow.test/", timeout=(0.6, 9))

    def test_a_socks_proxy_that_drips(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        pytest.importorskip("socks")
        proxy = serve_raw([Drip(b"\x05\x00\x05\x00\x00\x01" + b"a" * 99, delay=0.1), HANG])
        session.proxies = {"all": f"socks5h://{proxy.authority}"}
        with lasts(0.3), pytest.raises(ConnectTimeout):
            session.get("http://api.test/", timeout=(0.3, 9))

    def test_what_a_socks_proxy_brings_too_late_is_closed(
        self, serve: Serve, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        socks = pytest.importorskip("socks")
        server, late, made = serve(), threading.Event(), []
        original = socks.create_connection

        def slow(*args: Any, **settings: Any) -> Any:
            sock = original(*args, **settings)
            made.append(sock)
            late.wait(5)
            return sock

        monkeypatch.setattr(socks, "create_connection", slow)
        with Socks5Server({"api.test": server}) as proxy:
            session.proxies = {"all": proxy.url_for("socks5h")}
            with pytest.raises(ConnectTimeout):
                session.get("http://api.test/", timeout=(0.2, 9))
            late.set()
            deadline = time.monotonic() + 5
            while made[0].fileno() != -1 and time.monotonic() < deadline:
                time.sleep(0.01)
        assert made[0].fileno() == -1


def test_a_redirect_that_is_not_followed_costs_nothing_more(serve: Serve, session: httpkit.Session) -> None:
    server = serve(Reply.redirect("/next"))
    response = session.get(server.url, timeout=ONE, allow_redirects=False)
    assert response.status_code == 302


def test_every_error_is_ours(serve_raw: ServeRaw, session: httpkit.Session) -> None:
    server = serve_raw([READ_REQUEST, HEAD, HANG])
    with pytest.raises(RequestException) as caught:
        session.post(server.url, data=io.BytesIO(b"x"), timeout=Timeout(total=0.05))
    assert type(caught.value).__module__.startswith("httpkit")
