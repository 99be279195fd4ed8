"""The test servers do what they say: what stands on them stands on something."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_httpbin.certs
import urllib3

from tests.servers import (
    CLOSE,
    HANG,
    READ_HEAD,
    READ_REQUEST,
    RESET,
    Authority,
    Drip,
    ProxyServer,
    RawServer,
    Received,
    RecordingServer,
    Reply,
    Socks5Server,
    full_backlog_listener,
    slowly,
    wsgi,
)
from tests.servers.guard import Network, network
from tests.servers.tls import subject_hash


def talk(server: RecordingServer | RawServer, data: bytes, until: bytes | None = None) -> bytes:
    """Send *data* on a fresh connection and read to its end, or until *until* has come."""
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        sock.sendall(data)
        answer = b""
        while not (until and until in answer) and (piece := sock.recv(65536)):
            answer += piece
        return answer


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class TestRecordingServer:
    def test_it_records_what_arrived_to_the_byte(self, server: RecordingServer) -> None:
        head = b"POST /p?q=1&q=%20 HTTP/1.1\r\nhost: a\r\nX-A: 1\r\nx-a:\t2 \r\nCookie: c=d; e=f\r\n"
        head += b"Content-Length: 3\r\nConnection: close\r\n\r\n"
        talk(server, head + b"a=b")
        request = server.last
        assert (request.method, request.target, request.version) == ("POST", "/p?q=1&q=%20", "HTTP/1.1")
        assert request.head == head
        assert request.body == b"a=b"
        assert request.form == [("a", "b")]
        assert request.names == ["host", "X-A", "x-a", "Cookie", "Content-Length", "Connection"]
        assert request.getlist("x-A") == ["1", "2"]
        assert request.header("X-A") == "1, 2"
        assert request.header("missing") is None
        assert request.query == {"q": ["1", " "]}
        assert request.path == "/p"
        assert request.cookies == {"c": "d", "e": "f"}

    def test_chunks_and_trailers_are_kept(self, server: RecordingServer) -> None:
        talk(
            server,
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
        )
        assert server.last.chunks == [b"abc", b"de"]
        assert server.last.body == b"abcde"
        assert server.last.trailers == [("X-T", "1")]

    def test_connections_are_numbered_and_kept_alive(self, server: RecordingServer) -> None:
        connection = http.client.HTTPConnection(server.host, server.port)
        for _ in range(2):
            connection.request("GET", "/")
            assert json.loads(connection.getresponse().read())["method"] == "GET"
        connection.close()
        talk(server, LAST_GET)
        assert [(r.connection, r.sequence) for r in server.requests] == [(1, 1), (1, 2), (2, 1)]
        assert server.connections == 2

    def test_dropped_connections_are_closed_for_the_client(self, server: RecordingServer) -> None:
        with socket.create_connection((server.host, server.port), timeout=5) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n")
            assert server.wait_for_connections(1)
            server.drop_connections()
            assert sock.recv(1) == b""
            assert server.wait_until_closed(1)

    @pytest.mark.parametrize(
        "handler",
        [
            lambda request: Reply(201, body=b"x"),
            {"/": Reply(201, body=b"x")},
            {"/": lambda request: Reply(201, body="x")},
            [Reply(201, body=b"x")],
            Reply(201, body=[b"x"], framing="length"),
        ],
        ids=["callable", "mapping", "mapping of callables", "list", "one reply"],
    )
    def test_the_handler_has_several_shapes(
        self, serve: Callable[..., RecordingServer], handler: object
    ) -> None:
        answer = talk(serve(handler), LAST_GET)
        assert answer == b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx"

    def test_no_answer_closes(self, serve: Callable[..., RecordingServer]) -> None:
        assert talk(serve(lambda request: None), GET) == b""

    def test_a_list_is_used_up(self, serve: Callable[..., RecordingServer]) -> None:
        server = serve([Reply(204)])
        assert talk(server, LAST_GET).startswith(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert talk(server, LAST_GET).startswith(b"HTTP/1.1 599 No More Replies\r\n")

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [
            (Reply(body=[b"ab", b"c"]), b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
            (Reply(body=slowly([b"ab"])), b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
            (Reply(body=b"abc", framing="close"), b"HTTP/1.1 200 OK\r\n\r\nabc"),
            (Reply(headers={"Content-Length": "9"}, body=b"abc"), b"Content-Length: 9\r\n\r\nabc"),
            (
                Reply(interim=[(103, {"Link": "<a>"})]),
                b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK",
            ),
            (Reply(reason="Fine", headers=[("A", "1"), ("a", "2")]), b"200 Fine\r\nA: 1\r\na: 2\r\n"),
            (Reply(body=[b"a"], trailers={"T": "1"}), b"0\r\nT: 1\r\n\r\n"),
            (Reply.redirect("/x", 307), b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\n"),
            (
                Reply.text("\u00e9"),
                b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
            ),
        ],
        ids=[
            "chunked",
            "generator",
            "close",
            "verbatim",
            "interim",
            "fields",
            "trailers",
            "redirect",
            "text",
        ],
    )
    def test_a_reply_is_sent_as_it_says(
        self, serve: Callable[..., RecordingServer], reply: Reply, expected: bytes
    ) -> None:
        reply.close = True
        assert expected in talk(serve(reply), GET)

    def test_head_has_no_body(self, serve: Callable[..., RecordingServer]) -> None:
        answer = talk(serve(Reply(body=b"abc")), LAST_GET.replace(b"GET", b"HEAD"))
        assert answer.endswith(b"Content-Length: 3\r\n\r\n")

    def test_expectations_are_answered_before_the_body(self, serve: Callable[..., RecordingServer]) -> None:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        assert talk(serve(), head, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        refusing = serve(on_expect=lambda request: Reply(417))
        assert talk(refusing, head).startswith(b"HTTP/1.1 417 ")
        assert refusing.last.body == b""

    def test_a_connection_can_be_taken_over(self, serve: Callable[..., RecordingServer]) -> None:
        server = serve(Reply(101, {"Upgrade": "x"}, takeover=lambda peer: peer.send(peer.recv().upper())))
        assert talk(server, GET + b"hello").endswith(b"Upgrade: x\r\n\r\nHELLO")

    def test_what_is_no_request_is_kept_apart(self, server: RecordingServer) -> None:
        assert talk(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert server.malformed == [b"nonsense\r\n\r\n"]
        assert server.requests == []

    def test_a_mistake_in_the_handler_is_raised_at_the_end(self) -> None:
        def mistaken(request: Received) -> Reply:
            raise ZeroDivisionError("in the handler")

        with pytest.raises(ZeroDivisionError, match="in the handler"), RecordingServer(mistaken) as server:
            assert talk(server, GET) == b""

    def test_nothing_is_left_when_it_stops(self) -> None:
        before = threading.active_count()
        with RecordingServer() as server:
            sock = socket.create_connection((server.host, server.port), timeout=5)
            sock.sendall(GET)
            assert sock.recv(10)
        with sock:
            while sock.recv(65536):
                pass
        assert threading.active_count() == before
        assert all(peer.sock.fileno() == -1 for peer in server.peers)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), timeout=5)

    def test_it_listens_on_ipv6_too(self) -> None:
        try:
            with RecordingServer(host="::1") as server:
                assert server.url == f"http://[::1]:{server.port}"
                assert talk(server, LAST_GET).startswith(b"HTTP/1.1 200 ")
        except OSError:
            pytest.skip("no IPv6 on this machine")


class TestTLS:
    def test_the_server_knows_what_the_client_showed(self, ca: Authority) -> None:
        certificate = ca.issue("client@example.test")
        context = ca.client_context()
        context.load_cert_chain(certificate.cert_file, certificate.encrypted_key_file, certificate.password)
        with RecordingServer(tls=ca.server_context(client_certs="required")) as server:
            assert server.url_as("api.test", "/a") == f"https://api.test:{server.port}/a"
            connection = http.client.HTTPSConnection("api.test", server.port, context=context)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        tls = server.last.tls
        assert tls is not None
        assert tls.sni == "api.test"
        assert tls.version == "TLSv1.3"
        assert tls.peer_cert is not None
        assert ("email", "client@example.test") in tls.peer_cert["subjectAltName"]

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"names": ["wrong.test"]}, "Hostname mismatch|not valid for"),
            ({"names": ["localhost"], "expired": True}, "expired"),
        ],
        ids=["wrong name", "expired"],
    )
    def test_bad_certificates_are_bad(self, ca: Authority, options: dict[str, object], reason: str) -> None:
        names = options.pop("names")
        with RecordingServer(tls=ca.server_context(*names, **options)) as server:
            connection = http.client.HTTPSConnection("localhost", server.port, context=ca.client_context())
            with pytest.raises(ssl.SSLCertVerificationError, match=reason):
                connection.request("GET", "/")
            assert server.wait_until_closed(1)
        assert len(server.tls_failures) == 1
        assert server.requests == []

    def test_a_missing_client_certificate_fails_the_handshake(self, ca: Authority) -> None:
        context = ca.client_context()
        with RecordingServer(tls=ca.server_context(client_certs="required")) as server:
            connection = http.client.HTTPSConnection("localhost", server.port, context=context)
            with pytest.raises(OSError):
                connection.request("GET", "/")
                connection.getresponse()
            connection.close()
        assert server.tls_failures

    def test_the_trust_directory_is_one_for_openssl(
        self, ca: Authority, https_server: RecordingServer
    ) -> None:
        context = ssl.create_default_context(capath=ca.trust_directory())
        connection = http.client.HTTPSConnection("127.0.0.1", https_server.port, context=context)
        connection.request("GET", "/")
        assert connection.getresponse().read()
        connection.close()

    def test_the_subject_hash_is_openssls(self, ca: Authority) -> None:
        from cryptography import x509

        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("no openssl command here")
        expected = subprocess.run(
            [openssl, "x509", "-hash", "-noout", "-in", ca.file], capture_output=True, text=True, check=True
        )
        assert (
            f"{subject_hash(x509.load_pem_x509_certificate(ca.pem).subject):08x}" == expected.stdout.strip()
        )

    def test_fingerprints_are_of_the_served_certificate(self, ca: Authority) -> None:
        issued = ca.issue("localhost")
        with RecordingServer(tls=ca.server_context(issued=issued)) as server:
            pool = urllib3.HTTPSConnectionPool(
                "localhost", server.port, ca_certs=ca.file, assert_fingerprint=issued.fingerprint()
            )
            assert pool.request("GET", "/").status == 200
            pool.close()


class TestRawServer:
    def test_bytes_answer_one_request(self, serve_raw: Callable[..., RawServer]) -> None:
        server = serve_raw(b"whatever")
        assert talk(server, GET) == b"whatever"
        assert server.received == [GET]

    def test_steps_are_taken_in_order(self, serve_raw: Callable[..., RawServer]) -> None:
        seen = []
        server = serve_raw(
            [READ_HEAD, b"a", Drip(b"bcd", size=2), lambda peer: seen.append(peer.recv()), CLOSE]
        )
        assert talk(server, GET + b"more") == b"abcd"
        assert seen == [b"more"]

    def test_a_reset_is_a_reset(self, serve_raw: Callable[..., RawServer]) -> None:
        with pytest.raises(ConnectionResetError):
            talk(serve_raw([READ_REQUEST, RESET]), GET)

    def test_hanging_ends_with_the_server(self) -> None:
        with RawServer([HANG]) as server:
            sock = socket.create_connection((server.host, server.port), timeout=0.03)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        sock.close()

    def test_an_event_holds_the_script_back(self, serve_raw: Callable[..., RawServer]) -> None:
        go = threading.Event()
        server = serve_raw([READ_REQUEST, go, b"now"])
        with socket.create_connection((server.host, server.port), timeout=0.03) as sock:
            sock.sendall(GET)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            go.set()
            sock.settimeout(5)
            assert sock.recv(3) == b"now"

    def test_each_connection_can_have_its_own_script(self, serve_raw: Callable[..., RawServer]) -> None:
        server = serve_raw([[READ_REQUEST, b"one"], [READ_REQUEST, b"two"]])
        assert [talk(server, GET), talk(server, GET)] == [b"one", b"two"]
        with pytest.raises(ConnectionResetError):
            talk(server, GET)

    def test_an_early_answer_can_be_read_although_the_body_was_not(
        self, serve_raw: Callable[..., RawServer]
    ) -> None:
        server = serve_raw([READ_HEAD, b"early"])
        assert talk(server, b"POST / HTTP/1.1\r\n\r\n" + b"x" * 1_000_000) == b"early"

    def test_a_whole_request_is_read_with_its_body(self, serve_raw: Callable[..., RawServer]) -> None:
        seen: list[bytes] = []
        server = serve_raw([lambda peer: seen.extend([peer.read_request(), peer.read_request()])])
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        sized = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
        talk(server, chunked + sized)
        assert seen == [chunked, sized]


class TestProxies:
    def test_it_forwards_and_records(self, server: RecordingServer) -> None:
        with ProxyServer({"example.test": server}) as proxy, urllib3.ProxyManager(proxy.url) as pool:
            answer = pool.request("POST", "http://example.test/a?b", body=b"xyz", headers={"X-A": "1"})
            assert answer.json()["target"] == "/a?b"
        assert proxy.last.target == "http://example.test/a?b"
        assert proxy.forwarded == proxy.requests
        assert server.last.header("host") == "example.test"
        assert server.last.body == b"xyz"
        assert server.last.header("x-a") == "1"

    def test_it_tunnels(self, ca: Authority, https_server: RecordingServer) -> None:
        with (
            ProxyServer({"example.test:443": https_server}) as proxy,
            urllib3.ProxyManager(proxy.url, ca_certs=ca.file) as pool,
        ):
            assert pool.request("GET", "https://example.test/a").status == 200
        assert proxy.tunnels == ["example.test:443"]
        assert proxy.forwarded == []
        assert https_server.last.target == "/a"

    def test_a_tls_proxy_tunnels_too(self, ca: Authority, https_server: RecordingServer) -> None:
        with (
            ProxyServer({"example.test": https_server}, tls=ca.server_context()) as proxy,
            urllib3.ProxyManager(proxy.url_as("proxy.test"), ca_certs=ca.file) as pool,
        ):
            assert pool.request("GET", "https://example.test/").status == 200
        assert proxy.requests[0].tls is not None
        assert proxy.requests[0].tls.sni == "proxy.test"

    def test_it_wants_credentials(self, server: RecordingServer) -> None:
        right = urllib3.make_headers(proxy_basic_auth="user:pass")
        with ProxyServer({"example.test": server}, auth=("user", "pass")) as proxy:
            with urllib3.ProxyManager(proxy.url) as pool:
                assert pool.request("GET", "http://example.test/").status == 407
            assert server.requests == []
            with urllib3.ProxyManager(proxy.url, proxy_headers=right) as pool:
                assert pool.request("GET", "http://example.test/").status == 200
        assert server.last.header("proxy-authorization") is None

    def test_what_it_cannot_resolve_is_unreachable(self) -> None:
        with ProxyServer() as proxy, urllib3.ProxyManager(proxy.url) as pool:
            assert pool.request("GET", "http://example.test/").status == 502

    def test_a_tunnel_can_be_refused(self, ca: Authority) -> None:
        with (
            ProxyServer({"a.test": ("127.0.0.1", 1)}, on_connect=lambda request: Reply(403)) as proxy,
            urllib3.ProxyManager(proxy.url) as pool,
            pytest.raises(urllib3.exceptions.MaxRetryError, match="403"),
        ):
            pool.request("GET", "https://a.test/", retries=0)

    @pytest.mark.parametrize(
        ("scheme", "expected"),
        [
            ("socks5", (5, "127.0.0.1", "ipv4")),
            ("socks5h", (5, "example.test", "name")),
            ("socks4", (4, "127.0.0.1", "ipv4")),
            ("socks4a", (4, "example.test", "name")),
        ],
    )
    def test_socks_records_who_resolved_the_name(
        self, scheme: str, expected: tuple[int, str, str], server: RecordingServer, dns: Network
    ) -> None:
        socks = pytest.importorskip("urllib3.contrib.socks")
        with Socks5Server({"example.test": server}) as proxy:
            pool = socks.SOCKSProxyManager(proxy.url_for(scheme))
            answer = pool.request("GET", f"http://example.test:{server.port}/")
            assert answer.json()["target"] == "/"
            pool.clear()
        asked = proxy.requests[0]
        assert (asked.version, asked.host, asked.kind) == expected
        assert ("example.test" in dns.queries) == (asked.kind == "ipv4")

    def test_socks_credentials(self, server: RecordingServer) -> None:
        socks = pytest.importorskip("urllib3.contrib.socks")
        with Socks5Server({"example.test": server}, auth=("user", "pass")) as proxy:
            pool = socks.SOCKSProxyManager(proxy.url_for("socks5h", "user:pass"))
            assert pool.request("GET", "http://example.test/").status == 200
            pool.clear()
            wrong = socks.SOCKSProxyManager(proxy.url_for("socks5h", "user:wrong"))
            with pytest.raises(urllib3.exceptions.MaxRetryError):
                wrong.request("GET", "http://example.test/", retries=0)
            wrong.clear()
        assert [(r.username, r.password) for r in proxy.requests] == [("user", "pass")]


class TestGuard:
    def test_connecting_never_ends_where_the_backlog_is_full(self) -> None:
        with full_backlog_listener() as address:
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.03)
            assert time.monotonic() - started >= 0.03

    @pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80), ("0.0.0.0", 80)])
    def test_nothing_but_loopback_is_reached(self, address: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as sock, pytest.raises(OSError, match="guard"):
            sock.connect(address)
        with socket.socket(family) as sock:
            assert sock.connect_ex(address) != 0
        assert len(network.violations) == 2
        network.violations.clear()

    def test_only_reserved_names_are_resolved(self, dns: Network) -> None:
        assert socket.gethostbyname("a.b.test") == "127.0.0.1"
        assert socket.getaddrinfo("api.localhost", 80)[0][4][:2] == ("127.0.0.1", 80)
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("a.invalid", 80)
        assert dns.violations == []
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("example.com", 80)
        assert len(dns.violations) == 1
        dns.violations.clear()
        dns.hosts["example.com"] = "127.0.0.2"
        assert socket.getaddrinfo("Example.com.", 80)[0][4] == ("127.0.0.2", 80)
        assert dns.queries == ["a.b.test", "api.localhost", "a.invalid", "example.com", "Example.com."]

    def test_a_name_can_be_routed_to_a_server_by_its_port(
        self, dns: Network, serve: Callable[..., RecordingServer]
    ) -> None:
        plain, other = serve(), serve()
        dns.route("example.com", 80, plain)
        dns.route("example.com", 8080, other)
        dns.route("www.example.com", 80, other)
        for url in ("http://example.com/a", "http://example.com:8080/b", "http://www.example.com/c"):
            with urllib3.PoolManager() as pool:
                assert pool.request("GET", url).status == 200
        assert plain.targets == ["/a"]
        assert other.targets == ["/b", "/c"]
        assert plain.last.header("host") == "example.com"

    def test_a_socket_left_open_is_noticed_until_it_is_closed(self, server: RecordingServer) -> None:
        sock = socket.create_connection((server.host, server.port))
        assert len(network.left_open(settle=lambda: None)) == 1
        sock.close()
        assert network.left_open(settle=lambda: None) == []

    def test_a_tls_socket_left_open_is_noticed(self, ca: Authority, https_server: RecordingServer) -> None:
        plain = socket.create_connection((https_server.host, https_server.port))
        sock = ca.client_context().wrap_socket(plain, server_hostname="localhost")
        assert len(network.left_open(settle=lambda: None)) == 1
        sock.close()

    def test_the_environment_is_clean(self) -> None:
        assert not {name for name in os.environ if name.lower().endswith("_proxy")}
        assert Path(os.environ["NETRC"]).read_text() == ""

    def test_the_environment_is_put_back_first(self) -> None:
        os.environ["HTTP_PROXY"] = "http://left.over.test"

    def test_the_environment_is_put_back_second(self) -> None:
        assert "HTTP_PROXY" not in os.environ


def test_failures_of_the_guard_fail_a_test(pytester: pytest.Pytester, project: Path) -> None:
    """The fixtures themselves, in a run of their own: each of these tests passes by itself and fails by its end."""
    pytester.makeconftest(
        "from tests.conftest import *\nfrom tests.conftest import _only_loopback_and_nothing_left_open\n"
    )
    pytester.makepyfile(
        """
        import socket
        from tests.servers import RecordingServer

        kept = []

        def test_reaches_out():
            try:
                socket.create_connection(("192.0.2.1", 9), timeout=0.01)
            except OSError:
                pass

        def test_asks_for_a_name():
            try:
                socket.gethostbyname("example.com")
            except OSError:
                pass

        def test_leaves_a_socket():
            with RecordingServer() as server:
                kept.append(socket.create_connection((server.host, server.port)))

        def test_is_fine():
            with RecordingServer() as server, socket.create_connection((server.host, server.port)):
                pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q", f"-opythonpath={project}")
    result.assert_outcomes(passed=4, errors=3)
    result.stdout.fnmatch_lines(["*only loopback is allowed*", "*lookup of 'example.com'*", "*left open: *"])


def test_httpbin_answers_under_any_name(
    ca: Authority, serve: Callable[..., RecordingServer], dns: Network
) -> None:
    app = pytest.importorskip("httpbin").app
    dns.route("httpbin.org", 443, serve(wsgi(app), tls=ca.server_context("httpbin.org")))
    with urllib3.PoolManager(ca_certs=ca.file) as pool:
        sent = pool.request(
            "POST", "https://httpbin.org/anything/a%20b?x=y", fields={"a": "b"}, encode_multipart=False
        )
        assert sent.json()["url"] == "https://httpbin.org/anything/a%20b?x=y"
        assert sent.json()["form"] == {"a": "b"}
        assert len(pool.request("GET", "https://httpbin.org/stream/3").data.splitlines()) == 3
        assert pool.request("HEAD", "https://httpbin.org/get").headers["Content-Length"]


def test_httpbin_answers(httpbin: Any, httpbin_secure: Any) -> None:
    with urllib3.PoolManager(ca_certs=pytest_httpbin.certs.where()) as pool:
        for server in (httpbin, httpbin_secure):
            assert pool.request("GET", f"{server.url}/get").json()["url"] == f"{server.url}/get"
