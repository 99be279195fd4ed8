"""One exchange through HTTPAdapter with real servers: what goes out, when connections are kept, what raw can do."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import socket
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit._wire.errors import BrokenReadTimeout
from httpkit._wire.response import WireResponse
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ConnectTimeout,
    ContentDecodingError,
    InvalidHeader,
    InvalidURL,
    MalformedResponse,
    ReadTimeout,
    RequestException,
    RetryError,
)
from tests.servers import (
    CLOSE,
    HANG,
    READ_HEAD,
    READ_REQUEST,
    RESET,
    Drip,
    Peer,
    RawServer,
    RecordingServer,
    Reply,
    full_backlog_listener,
)

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]

# What `send` calls, in its order.
STEERING = (
    "get_connection_with_tls_context",
    "build_connection_pool_key_attributes",
    "cert_verify",
    "request_url",
    "add_headers",
    "build_response",
)


@pytest.fixture
def adapter() -> Iterator[HTTPAdapter]:
    adapter = HTTPAdapter()
    yield adapter
    adapter.close()


def prepared(url: str, method: str = "GET", **kwargs: Any) -> httpkit.PreparedRequest:
    return httpkit.Request(method, url, **kwargs).prepare()


def exchange(adapter: HTTPAdapter, url: str, method: str = "GET", **kwargs: Any) -> httpkit.Response:
    """Send and read the body, as a session does."""
    response = adapter.send(prepared(url, method, **kwargs), timeout=5)
    response.content  # noqa: B018
    return response


class TestWhatGoesOut:
    def test_the_fields_of_the_request_and_no_other(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        exchange(adapter, server.url, headers={"Accept-Encoding": "identity", "X-A": "b"})
        assert sorted(server.last.names) == ["Accept-Encoding", "Host", "X-A"]

    def test_the_request_is_not_changed(self, adapter: HTTPAdapter, server: RecordingServer) -> None:
        request = prepared(server.url_as(path="/a?b=c#d"), "POST", data=b"body", headers={"X-A": "b"})
        before = copy.deepcopy(vars(request))
        adapter.send(request).close()
        assert vars(request) == before

    @pytest.mark.parametrize(
        "path", ["/a%2fb%2F", "/%7Euser", "/a;b=c?d=e&f=%c3%a9", "/'()*!$,", "//double", "/a//b?c=/d/"]
    )
    def test_the_target_is_sent_as_it_is(
        self, adapter: HTTPAdapter, server: RecordingServer, path: str
    ) -> None:
        request = prepared(server.url)
        request.url = server.url + path
        adapter.send(request).close()
        assert server.last.target == path

    def test_what_cannot_be_sent_in_a_target_is_encoded(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        request = prepared(server.url)
        request.url = server.url + "/a b\u00fc"
        adapter.send(request).close()
        assert server.last.target == "/a%20b%C3%BC"

    @pytest.mark.parametrize(
        "body, framing",
        [
            (b"bytes", ("content-length", "5")),
            ("text \u00fc", ("content-length", "7")),
            (io.BytesIO(b"a file"), ("content-length", "6")),
            (iter([b"one", b"", b"two"]), ("transfer-encoding", "chunked")),
        ],
        ids=["bytes", "text", "file", "generator"],
    )
    def test_a_body_is_framed_as_the_request_says(
        self, adapter: HTTPAdapter, server: RecordingServer, body: Any, framing: tuple[str, str]
    ) -> None:
        response = exchange(adapter, server.url, "POST", data=body)
        assert response.status_code == 200
        assert server.last.getlist(framing[0]) == [framing[1]]
        assert len(server.last.getlist("content-length") + server.last.getlist("transfer-encoding")) == 1
        assert server.last.body in (b"bytes", b"text \xc3\xbc", b"a file", b"onetwo")

    def test_settings_of_the_socket(self, server: RecordingServer) -> None:
        option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        adapter = HTTPAdapter(source_address=("127.0.0.7", 0), socket_options=[option])
        response = adapter.send(prepared(server.url))
        sock = response.raw.connection.sock
        assert sock.getsockname()[0] == server.peers[0].sock.getpeername()[0] == "127.0.0.7"
        assert sock.getsockopt(*option[:2]) == 1
        response.close()
        adapter.close()

    def test_an_ipv6_server(self, adapter: HTTPAdapter, serve: Serve) -> None:
        server = serve(host="::1")
        assert exchange(adapter, server.url).status_code == 200
        assert server.last.header("host") == server.authority


class TestOverriding:
    def test_every_method_is_called_by_send(self, server: RecordingServer) -> None:
        called: list[str] = []

        def recording(name: str) -> Any:
            def method(self: HTTPAdapter, *args: Any, **kwargs: Any) -> Any:
                called.append(name)
                return getattr(HTTPAdapter, name)(self, *args, **kwargs)

            return method

        names = ["init_poolmanager", *STEERING]
        mine: Any = type("Mine", (HTTPAdapter,), {name: recording(name) for name in names})
        adapter = mine()
        exchange(adapter, server.url)
        assert called == names
        adapter.close()

    @pytest.mark.parametrize("name", STEERING)
    @pytest.mark.parametrize("where", ["on the class", "on one adapter"])
    def test_one_that_is_replaced_after_a_call_is_called_from_then_on(
        self, name: str, where: str, server: RecordingServer, adapter: HTTPAdapter
    ) -> None:
        called = []
        stock = getattr(HTTPAdapter, name)

        def on_the_class(self: HTTPAdapter, *args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return stock(self, *args, **kwargs)

        exchange(adapter, server.url)
        with pytest.MonkeyPatch.context() as patched:
            if where == "on the class":
                patched.setattr(HTTPAdapter, name, on_the_class)
            else:
                patched.setattr(adapter, name, partial(on_the_class, adapter))
            for number in range(1, 3):
                exchange(adapter, server.url)
                assert called == [name] * number
        exchange(adapter, server.url)
        assert len(called) == 2

    def test_what_they_answer_is_used(self, server: RecordingServer) -> None:
        class Mine(HTTPAdapter):
            def add_headers(self, request: Any, **kwargs: Any) -> None:
                assert sorted(kwargs) == ["cert", "proxies", "stream", "timeout", "verify"]
                request.headers["X-Added"] = str(kwargs["stream"])

            def request_url(self, request: Any, proxies: Any) -> str:
                return "/elsewhere"

            def build_response(self, req: Any, resp: Any) -> httpkit.Response:
                response = super().build_response(req, resp)
                response.mine = True  # type: ignore[attr-defined]
                return response

        adapter = Mine()
        response = adapter.send(prepared(server.url), stream=True)
        assert (server.last.target, server.last.header("x-added")) == ("/elsewhere", "True")
        assert response.mine  # type: ignore[attr-defined]
        response.close()
        adapter.close()

    def test_a_stock_pool_manager_does_its_work(self, server: RecordingServer) -> None:
        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kw: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block)

        adapter = Mine()
        for path in "ab":
            assert exchange(adapter, f"{server.url}/{path}").json()["target"] == f"/{path}"
        assert server.connections == 1
        adapter.close()

    def test_a_pickled_adapter_sends(self, server: RecordingServer) -> None:
        adapter = pickle.loads(pickle.dumps(HTTPAdapter(source_address=("127.0.0.7", 0))))
        exchange(adapter, server.url)
        assert server.peers[0].sock.getpeername()[0] == "127.0.0.7"
        adapter.close()

    def test_a_connection_class_that_replaces_urllib3s_is_used(
        self, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard: list[str] = []

        class Recording(urllib3.connection.HTTPConnection):
            def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
                heard.append(url)
                super().request(method, url, *args, **kwargs)

        monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Recording)
        adapter = HTTPAdapter()
        assert exchange(adapter, server.url + "/x").json()["target"] == "/x"
        assert heard == ["/x"]
        adapter.close()


class TestPersistence:
    """RFC 9112 §6.3, §9.3: how long a connection lasts, and where on it a message ends."""

    @pytest.mark.parametrize(
        "version, fields, kept",
        [
            ("1.1", "", True),
            ("1.1", "Connection: keep-alive\r\n", True),
            ("1.1", "Connection: close\r\n", False),
            ("1.1", "connection: CLOSE\r\n", False),
            ("1.1", "Connection: x-a, Close , x-b\r\n", False),
            ("1.1", "Connection: x-a\r\nConnection: close\r\n", False),
            ("1.1", "Connection: not-close, closer\r\n", True),
            ("1.0", "", False),
            ("1.0", "Connection: keep-alive\r\n", True),
            ("1.0", "CONNECTION: x, Keep-Alive\r\n", True),
            ("1.0", "Connection: keep-alive, close\r\n", False),
            ("1.0", "Keep-Alive: timeout=5\r\n", False),
            ("1.0", "Connection: close\r\n", False),
        ],
    )
    def test_is_what_version_and_connection_options_say(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw, version: str, fields: str, kept: bool
    ) -> None:
        answer = f"HTTP/{version} 200 OK\r\n{fields}Content-Length: 2\r\n\r\nhi".encode()
        server = serve_raw([READ_REQUEST, answer, READ_REQUEST, answer])
        for _ in range(2):
            assert exchange(adapter, server.url).content == b"hi"
        assert server.connections == (1 if kept else 2)

    @pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED", "chunked "])
    def test_transfer_codings_have_no_case(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw, coding: str
    ) -> None:
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n"
        answer = head.encode() + b"2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n"
        server = serve_raw([READ_REQUEST, answer, READ_REQUEST, answer])
        assert exchange(adapter, server.url).content == b"hi!"
        assert adapter.send(prepared(server.url)).raw.read() == b"hi!"
        assert server.connections == 1

    @pytest.mark.parametrize(
        "fields", ["Content-Length: 2, 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n"]
    )
    def test_a_length_that_is_said_twice_is_that_length(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw, fields: str
    ) -> None:
        answer = f"HTTP/1.1 200 OK\r\n{fields}\r\nhi".encode()
        server = serve_raw([READ_REQUEST, answer, READ_REQUEST, answer])
        for _ in range(2):
            assert exchange(adapter, server.url).content == b"hi"
        assert server.connections == 1

    def test_a_body_without_length_ends_with_the_connection(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        assert exchange(adapter, server.url).content == b"until the end"

    @pytest.mark.parametrize("interim", [100, 102, 103, 199])
    def test_interim_answers_are_no_answer(self, adapter: HTTPAdapter, serve: Serve, interim: int) -> None:
        server = serve(Reply(body=b"final", interim=[(interim, {"Link": "</a>; rel=preload"})] * 3))
        for _ in range(2):
            response = exchange(adapter, server.url)
            assert (response.status_code, response.content) == (200, b"final")
            assert "link" not in response.headers
        assert server.connections == 1

    def test_endless_interim_answers_are_given_up(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * 1000, HANG])
        with pytest.raises(ConnectionError, match="interim"):
            exchange(adapter, server.url)

    def test_a_dropped_idle_connection_is_replaced(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        exchange(adapter, server.url)
        server.drop_connections()
        assert exchange(adapter, server.url).status_code == 200
        assert server.connections == 2

    def test_a_response_closed_before_its_end_does_not_spoil_the_next(
        self, adapter: HTTPAdapter, serve: Serve
    ) -> None:
        server = serve([Reply(body=b"x" * 100_000), Reply(body=b"second")])
        response = adapter.send(prepared(server.url), stream=True)
        assert next(response.iter_content(10)) == b"x" * 10
        response.close()
        assert exchange(adapter, server.url).content == b"second"

    def test_close_closes_idle_connections_at_once_and_others_when_they_come_back(self, serve: Serve) -> None:
        server, adapter = serve(), HTTPAdapter()
        idle = [adapter.send(prepared(server.url), stream=True) for _ in range(2)]
        busy = adapter.send(prepared(server.url), stream=True)
        for response in idle:
            response.content  # noqa: B018
        adapter.close()
        assert server.wait_until_closed(1)
        assert server.wait_until_closed(2)
        assert busy.json()["target"] == "/"
        assert server.wait_until_closed(3)
        assert exchange(adapter, server.url).status_code == 200
        adapter.close()
        assert server.wait_until_closed(4)

    def test_threads_share_the_adapter(self, server: RecordingServer) -> None:
        adapter = HTTPAdapter(pool_maxsize=8)
        with ThreadPoolExecutor(8) as threads:
            targets = list(
                threads.map(lambda n: exchange(adapter, f"{server.url}/{n}").json()["target"], range(80))
            )
        assert targets == [f"/{n}" for n in range(80)]
        assert server.connections <= 8
        adapter.close()


class TestRaw:
    """`raw` is a file that other libraries read, the same with every urllib3 and without a warning."""

    @pytest.fixture(autouse=True)
    def _no_warnings(self) -> Iterator[None]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    @pytest.fixture
    def raw(self, adapter: HTTPAdapter, serve: Serve) -> Iterator[WireResponse]:
        server = serve(
            Reply(headers=[("X-A", "b"), ("x-a", "c"), ("Y", "z")], body=b"0123456789", reason="Fine")
        )
        response = adapter.send(prepared(server.url), stream=True)
        yield response.raw
        response.close()

    def test_is_a_response_of_urllib3(self, raw: WireResponse) -> None:
        assert isinstance(raw, urllib3.BaseHTTPResponse)
        assert (raw.status, raw.reason, raw.version) == (200, "Fine", 11)

    def test_is_read_in_pieces_and_knows_its_end(self, raw: WireResponse) -> None:
        assert not raw.closed
        assert raw.read(4) == b"0123"
        buffer = bytearray(3)
        assert raw.readinto(buffer) == 3
        assert buffer == b"456"
        assert b"".join(raw.stream(2)) == b"789"
        assert raw.read(1) == b""
        assert raw.read(1) == b""
        assert raw.closed

    def test_is_a_file_for_the_standard_library(self, raw: WireResponse) -> None:
        assert io.BufferedReader(raw).read() == b"0123456789"  # type: ignore[type-var]
        assert raw.readable()

    def test_joins_repeated_fields_and_gives_all_of_them(self, raw: WireResponse) -> None:
        assert raw.getheader("X-A") == raw.getheader("x-a") == "b, c"
        assert (raw.getheader("None"), raw.getheader("None", "default")) == (None, "default")
        assert list(raw.getheaders().items())[:3] == [("X-A", "b"), ("X-A", "c"), ("Y", "z")]

    def test_has_a_file_descriptor(self, raw: WireResponse) -> None:
        assert raw.fileno() == raw.connection.sock.fileno()  # type: ignore[union-attr]

    def test_gives_what_was_sent_unless_asked_to_decode(self, adapter: HTTPAdapter, serve: Serve) -> None:
        packed = zlib.compress(b"content")
        server = serve(Reply(headers={"Content-Encoding": "deflate"}, body=packed))
        assert adapter.send(prepared(server.url)).raw.read() == packed
        assert adapter.send(prepared(server.url)).raw.read(decode_content=True) == b"content"
        assert exchange(adapter, server.url).content == b"content"

    def test_has_no_socket_to_detach(self, raw: WireResponse) -> None:
        with pytest.raises(ValueError, match="did not switch protocols"):
            raw.detach_socket()


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "echo"}


def echo_after(first: bytes = b"") -> Callable[[Peer], None]:
    """Switch protocols, send *first* at once, and then send back whatever comes."""

    def serve(peer: Peer) -> None:
        peer.read_head()
        peer.send(SWITCH + first)
        while data := peer.recv():
            peer.send(data)

    return serve


class TestUpgrade:
    """RFC 9110 §7.8, §15.2.2: after 101 the connection belongs to the other protocol."""

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("first", [b"", b"hello", b"x" * 5000], ids=["none", "some", "much"])
    def test_hands_over_the_socket_with_the_bytes_that_came_along(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw, stream: bool, first: bytes
    ) -> None:
        server = serve_raw(echo_after(first))
        response = adapter.send(prepared(server.url, headers=UPGRADE), stream=stream, timeout=5)
        if not stream:
            assert response.content == b""
        assert (response.status_code, response.headers["upgrade"]) == (101, "echo")
        sock, received = response.raw.detach_socket()
        response.close()
        del response
        gc.collect()
        while len(received) < len(first):
            received += sock.recv(65536)
        assert received == first
        sock.sendall(b"ping")
        assert sock.recv(4) == b"ping"
        sock.close()

    def test_over_tls(self, serve_raw: ServeRaw, tls_context: Any, ca_file: str) -> None:
        server, adapter = serve_raw(echo_after(b"hello"), tls=tls_context), HTTPAdapter()
        response = adapter.send(prepared(server.url, headers=UPGRADE), verify=ca_file, timeout=5)
        sock, received = response.raw.detach_socket()
        while len(received) < 5:
            received += sock.recv(100)
        sock.sendall(b"ping")
        assert (received, sock.recv(4)) == (b"hello", b"ping")
        sock.close()
        adapter.close()

    def test_over_tls_without_a_first_byte(self, serve_raw: ServeRaw, tls_context: Any, ca_file: str) -> None:
        server, adapter = serve_raw(echo_after(), tls=tls_context), HTTPAdapter()
        response = adapter.send(prepared(server.url, headers=UPGRADE), verify=ca_file, timeout=5)
        sock, received = response.raw.detach_socket()
        sock.sendall(b"ping")
        assert (received, sock.gettimeout(), sock.recv(4)) == (b"", 5, b"ping")
        sock.close()
        adapter.close()

    @pytest.mark.parametrize("read", [True, False])
    def test_the_connection_is_in_no_pool(self, serve_raw: ServeRaw, read: bool) -> None:
        plain: list[Any] = [READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]
        server = serve_raw([[echo_after()], plain])
        adapter = HTTPAdapter(pool_maxsize=1, pool_block=True)
        response = adapter.send(prepared(server.url, headers=UPGRADE), timeout=5)
        if read:
            assert response.raw.read() == response.raw.read(10) == b""
        sock, _ = response.raw.detach_socket()
        assert exchange(adapter, server.url).content == b"hi"
        assert server.connections == 2
        sock.close()
        adapter.close()

    def test_a_response_that_is_closed_closes_the_socket(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw(echo_after())
        response = adapter.send(prepared(server.url, headers=UPGRADE), stream=True, timeout=5)
        assert response.raw.fileno() > 0
        response.close()
        assert server.wait_until_closed(1)
        with pytest.raises(ValueError, match="gone"):
            response.raw.detach_socket()

    def test_a_response_that_is_forgotten_closes_the_socket(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw(echo_after())
        adapter.send(prepared(server.url, headers=UPGRADE), stream=True, timeout=5)
        gc.collect()
        assert server.wait_until_closed(1)

    def test_the_socket_is_handed_over_once(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw(echo_after())
        response = adapter.send(prepared(server.url, headers=UPGRADE), timeout=5)
        sock, _ = response.raw.detach_socket()
        with pytest.raises(ValueError, match="detach"):
            response.raw.detach_socket()
        sock.close()

    def test_libraries_that_reach_for_the_socket_by_hand_find_it(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw(echo_after())
        response = adapter.send(prepared(server.url, headers=UPGRADE), stream=True, timeout=5)
        sock = response.raw._fp.fp.raw._sock
        sock.sendall(b"ping")
        assert response.raw._fp.fp.raw.read(4) == b"ping"
        response.close()


class TestErrors:
    """All that goes wrong is an error of ours, with the request, and says where."""

    def fail(self, kind: type[Exception], adapter: HTTPAdapter, url: str, **options: Any) -> str:
        request = prepared(
            url, **{key: options.pop(key) for key in ("method", "data", "headers") if key in options}
        )
        with pytest.raises(kind) as caught:
            adapter.send(request, **{"timeout": 5, **options}).content  # noqa: B018
        assert isinstance(caught.value, RequestException)
        assert caught.value.request is request
        return str(caught.value)

    def test_connection_refused(self, adapter: HTTPAdapter) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        text = self.fail(ConnectionError, adapter, f"http://localhost:{port}/")
        assert text.startswith(f"Cannot connect to localhost:{port}: connection refused.")

    def test_no_such_name(self, adapter: HTTPAdapter) -> None:
        text = self.fail(ConnectionError, adapter, "http://nowhere.invalid/")
        assert text.startswith("Cannot connect to nowhere.invalid:80: there is no address for the name")

    def test_connect_timeout(self, adapter: HTTPAdapter) -> None:
        with full_backlog_listener() as (host, port):
            text = self.fail(ConnectTimeout, adapter, f"http://{host}:{port}/", timeout=(0.03, 5))
        assert text.startswith(
            f"No connection to {host}:{port} within 0.03 seconds (connect timeout, after connect 0."
        )
        assert text.endswith(". If it may take longer, give timeout=(connect, read) with a larger connect")

    def test_read_timeout(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        text = self.fail(ReadTimeout, adapter, server.url, timeout=(5, 0.03))
        assert text == (
            f"No answer from {server.authority} within 0.03 seconds (read timeout). "
            "If it may take longer, give timeout=(connect, read) with a larger read"
        )

    def test_the_default_timeout_of_the_adapter(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        self.fail(ReadTimeout, HTTPAdapter(timeout=(5, 0.03)), server.url, timeout=None)

    def test_timeout_in_the_body(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", HANG])
        text = self.fail(BrokenReadTimeout, adapter, server.url, timeout=(5, 0.03))
        assert "stopped coming" in text

    @pytest.mark.parametrize(
        "script, says",
        [
            ([READ_REQUEST, CLOSE], "closed the connection without an answer"),
            ([READ_REQUEST, RESET], "reset"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed status line 'SSH-2.0"),
            (b"HTTP/2.0 200 OK\r\n\r\n", "malformed status line 'HTTP/2.0"),
            (b"HTTP/1.1 abc OK\r\n\r\n", "did not answer in HTTP/1.1 as it should"),
            (b"HTTP/1.1 200 " + b"x" * 70000, "65536"),
            (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n", "256"),
        ],
        ids=["close", "reset", "ssh", "http2", "status", "long", "many fields"],
    )
    def test_no_usable_answer(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw, script: Any, says: str
    ) -> None:
        server = serve_raw(script)
        text = self.fail(ConnectionError, adapter, server.url)
        assert says in text
        assert server.authority in text

    @pytest.mark.parametrize(
        "answer, kind",
        [
            (b"Content-Length: 9\r\n\r\nhalf", ChunkedEncodingError),
            (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhalf", ChunkedEncodingError),
            (b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ChunkedEncodingError),
            (b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", ChunkedEncodingError),
            (b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf", ContentDecodingError),
            (b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff", ContentDecodingError),
            (b"Content-Encoding: deflate\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff", ContentDecodingError),
            (b"Content-Length: 5, 6\r\n\r\nhello", MalformedResponse),
            (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", MalformedResponse),
        ],
        ids=[
            "short",
            "short chunk",
            "no chunk",
            "no end",
            "gzip",
            "br",
            "deflate",
            "two lengths",
            "two fields",
        ],
    )
    def test_a_broken_body(self, adapter: HTTPAdapter, serve_raw: ServeRaw, answer: bytes, kind: Any) -> None:
        server = serve_raw(b"HTTP/1.1 200 OK\r\n" + answer)
        self.fail(kind, adapter, server.url)

    def test_a_reset_in_the_body(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        begun = threading.Event()
        server = serve_raw([READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", begun, RESET])
        response = adapter.send(prepared(server.url), timeout=5)
        begun.set()
        with pytest.raises(ChunkedEncodingError, match="broke while the body was read"):
            response.content  # noqa: B018

    def test_fields_that_would_change_the_message(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        request = prepared(server.url)
        request.headers["X-A"] = "b\r\nX-Injected: c"
        with pytest.raises(InvalidHeader, match="line end"):
            adapter.send(request)
        request.headers["X-A"] = "\u20ac"
        with pytest.raises(InvalidHeader, match="ISO-8859-1"):
            adapter.send(request)
        assert server.requests == []

    def test_a_host_name_that_cannot_be(self, adapter: HTTPAdapter) -> None:
        request = prepared("http://a.test/")
        request.url = f"http://{'a' * 70}.test/"
        with pytest.raises(InvalidURL):
            adapter.send(request)

    def test_an_error_of_the_bodys_generator_is_the_programs_own(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        def body() -> Iterator[bytes]:
            yield b"one"
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            adapter.send(prepared(server.url, "POST", data=body()))

    def test_a_server_that_does_not_take_the_body(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_HEAD, threading.Event()])
        text = self.fail(
            BrokenReadTimeout,
            adapter,
            server.url,
            method="POST",
            data=b"x" * 20_000_000,
            timeout=(0.05, 0.05),
        )
        assert server.authority in text

    def test_a_server_that_answers_early_and_closes_is_heard(
        self, adapter: HTTPAdapter, serve_raw: ServeRaw
    ) -> None:
        server = serve_raw([READ_HEAD, b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"])
        assert exchange(adapter, server.url, "POST", data=b"x" * 200_000).status_code == 413

    def test_a_slow_answer_within_the_limit_is_one(self, adapter: HTTPAdapter, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")])
        assert exchange(adapter, server.url).content == b"hi"


class TestRetries:
    """`max_retries`, by urllib3's Retry."""

    def test_a_status_that_is_to_be_retried(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply(503), Reply(body=b"at last")])
        adapter = HTTPAdapter(max_retries=urllib3.Retry(3, status_forcelist=[503]))
        assert exchange(adapter, server.url).content == b"at last"
        assert len(server.requests) == 3
        adapter.close()

    def test_used_up(self, serve: Serve) -> None:
        server = serve(Reply(503))
        adapter = HTTPAdapter(max_retries=urllib3.Retry(2, status_forcelist=[503]))
        with pytest.raises(RetryError, match="all retries") as caught:
            exchange(adapter, server.url)
        assert isinstance(caught.value.args[0].reason, urllib3.exceptions.ResponseError)
        assert len(server.requests) == 3
        adapter.close()

    def test_read_errors_after_retries_are_connection_errors_and_timeouts(self, serve_raw: ServeRaw) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        adapter = HTTPAdapter(max_retries=urllib3.Retry(1, read=1))
        with pytest.raises(BrokenReadTimeout):
            adapter.send(prepared(server.url), timeout=(5, 0.02))
        assert server.connections == 2
        adapter.close()

    def test_a_number_assigned_later_holds(self, serve_raw: ServeRaw) -> None:
        server = serve_raw(
            [[READ_REQUEST, CLOSE], [READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]]
        )
        adapter: Any = HTTPAdapter()
        adapter.max_retries = 1
        assert exchange(adapter, server.url).content == b"hi"
        adapter.close()

    def test_a_file_is_sent_again_from_where_it_began(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply(200)])
        adapter = HTTPAdapter(max_retries=urllib3.Retry(1, status_forcelist=[503], allowed_methods=None))
        body = io.BytesIO(b"skipped content")
        body.seek(8)
        assert exchange(adapter, server.url, "POST", data=body).status_code == 200
        assert [request.body for request in server.requests] == [b"content", b"content"]
        adapter.close()

    def test_a_body_that_can_be_sent_once_is_sent_once(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply(200)])
        adapter = HTTPAdapter(max_retries=urllib3.Retry(1, status_forcelist=[503], allowed_methods=None))
        response = exchange(adapter, server.url, "POST", data=iter([b"once"]))
        assert response.status_code == 503
        assert [request.body for request in server.requests] == [b"once"]
        adapter.close()

    def test_such_a_body_is_no_reason_not_to_connect_again(self, serve: Serve) -> None:
        server, refused = serve(), socket.create_server(("127.0.0.1", 0))
        refused.close()
        attempts: list[int] = []

        class Flaky(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                attempts.append(1)
                if len(attempts) == 1:
                    raise urllib3.exceptions.NewConnectionError(self, "refused")
                super().connect()

        adapter = HTTPAdapter(max_retries=2)
        pool = adapter.get_connection_with_tls_context(prepared(server.url), True)
        pool.ConnectionCls = Flaky
        assert exchange(adapter, server.url, "POST", data=iter([b"once"])).status_code == 200
        assert (len(attempts), server.last.body) == (2, b"once")
        adapter.close()
