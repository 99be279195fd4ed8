"""Calls through HTTP, HTTPS and SOCKS proxies: who gets to see what, and whose fault an error is."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ConnectionError, InvalidProxyURL, ProxyError, ReadTimeout, SSLError
from tests.servers import (
    HANG,
    READ_HEAD,
    Authority,
    ProxyServer,
    RawServer,
    RecordingServer,
    Reply,
    Socks5Server,
)

Serve = Callable[..., RecordingServer]


@pytest.fixture
def adapter() -> Iterator[HTTPAdapter]:
    adapter = HTTPAdapter()
    yield adapter
    adapter.close()


@pytest.fixture
def start() -> Iterator[Callable[[Any], Any]]:
    """start(server): run it until the end of the test."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def proxy(start: Any, server: RecordingServer, https_server: RecordingServer) -> ProxyServer:
    """A proxy that finds `api.test:80` and `api.test:443` at the two servers."""
    return start(ProxyServer({"api.test:80": server, "api.test:443": https_server}))  # type: ignore[no-any-return]


def get(adapter: HTTPAdapter, url: str, proxy: Any, **kwargs: Any) -> httpkit.Response:
    """GET *url* through *proxy*, a URL for both schemes or a mapping; the body is read."""
    headers = kwargs.pop("headers", None)
    proxies = proxy if isinstance(proxy, dict) else {"http": proxy, "https": proxy}
    request = httpkit.Request(
        kwargs.pop("method", "GET"), url, headers=headers, data=kwargs.pop("data", None)
    ).prepare()
    response = adapter.send(request, proxies=proxies, **{"timeout": 5, **kwargs})
    response.content  # noqa: B018
    return response


class TestForwarding:
    """Plain HTTP: the proxy gets the request in absolute form (RFC 9112 §3.2.2) and sends it on."""

    def test_the_proxy_gets_the_whole_url(
        self, adapter: HTTPAdapter, proxy: ProxyServer, server: RecordingServer
    ) -> None:
        assert get(adapter, "http://api.test/a%2fb?c=d", proxy.url).json()["target"] == "/a%2fb?c=d"
        assert proxy.last.target == "http://api.test/a%2fb?c=d"
        assert proxy.last.header("host") == "api.test"
        assert server.last.header("host") == "api.test"

    def test_names_are_not_looked_up_here(self, adapter: HTTPAdapter, proxy: ProxyServer, dns: Any) -> None:
        get(adapter, "http://api.test/", proxy.url)
        assert "api.test" not in dns.queries

    def test_one_connection_serves_all_hosts_behind_the_proxy(
        self, adapter: HTTPAdapter, start: Any, server: RecordingServer
    ) -> None:
        proxy = start(ProxyServer({"a.test": server, "b.test": server}))
        for host in ("a.test", "b.test", "a.test"):
            get(adapter, f"http://{host}/", proxy.url)
        assert proxy.connections == 1

    def test_a_body_goes_through(
        self, adapter: HTTPAdapter, proxy: ProxyServer, server: RecordingServer
    ) -> None:
        get(adapter, "http://api.test/", proxy.url, method="POST", data=iter([b"one", b"two"]))
        assert server.last.body == b"onetwo"

    def test_credentials_of_the_url_go_to_the_proxy_alone(
        self, adapter: HTTPAdapter, start: Any, server: RecordingServer
    ) -> None:
        proxy = start(ProxyServer({"api.test": server}, auth=("us er", "p@ss")))
        response = get(adapter, "http://api.test/", proxy.url_as(userinfo="us%20er:p%40ss"))
        assert response.status_code == 200
        assert server.last.header("proxy-authorization") is None
        assert "p@ss" not in repr(response.request.headers)

    def test_without_them_the_proxys_answer_is_the_response(
        self, adapter: HTTPAdapter, start: Any, server: RecordingServer
    ) -> None:
        proxy = start(ProxyServer({"api.test": server}, auth=("user", "pass")))
        assert get(adapter, "http://api.test/", proxy.url).status_code == 407
        assert server.requests == []


class TestTunnels:
    """HTTPS: CONNECT (RFC 9110 §9.3.6), and the proxy sees nothing but names."""

    def test_the_server_is_verified_and_the_proxy_sees_only_connect(
        self, adapter: HTTPAdapter, proxy: ProxyServer, https_server: RecordingServer, ca_file: str
    ) -> None:
        response = get(
            adapter, "https://api.test/secret", proxy.url, verify=ca_file, headers={"X-Secret": "s3cret"}
        )
        assert response.json()["target"] == "/secret"
        assert proxy.tunnels == ["api.test:443"]
        assert proxy.forwarded == []
        assert b"s3cret" not in b"".join(bytes(peer.received) for peer in proxy.peers)
        assert https_server.last.tls is not None
        assert https_server.last.tls.sni == "api.test"

    def test_a_tunnel_is_kept(
        self, adapter: HTTPAdapter, proxy: ProxyServer, https_server: RecordingServer, ca_file: str
    ) -> None:
        for _ in range(2):
            get(adapter, "https://api.test/", proxy.url, verify=ca_file)
        assert len(proxy.tunnels) == 1
        https_server.drop_connections()
        get(adapter, "https://api.test/", proxy.url, verify=ca_file)
        assert len(proxy.tunnels) == 2

    def test_the_certificate_behind_the_proxy_has_to_verify(
        self, adapter: HTTPAdapter, proxy: ProxyServer
    ) -> None:
        with pytest.raises(SSLError, match=r"api\.test:443 through the proxy .* failed, the certificate"):
            get(adapter, "https://api.test/", proxy.url)

    def test_a_tunnel_has_fields_of_its_own(
        self, proxy: ProxyServer, https_server: RecordingServer, ca_file: str
    ) -> None:
        class Mine(HTTPAdapter):
            def proxy_headers(self, proxy: str) -> dict[str, str]:
                return {**super().proxy_headers(proxy), "X-Tunnel": "yes"}

        adapter = Mine()
        url = proxy.url_as(userinfo="user:hunter2")
        get(adapter, "https://api.test/", url, verify=ca_file, headers={"X-Inner": "yes"})
        connect = proxy.requests[0]
        assert (connect.method, connect.header("x-tunnel"), connect.header("x-inner")) == (
            "CONNECT",
            "yes",
            None,
        )
        assert connect.header("proxy-authorization") == "Basic dXNlcjpodW50ZXIy"
        assert https_server.last.header("x-tunnel") is None
        assert https_server.last.header("proxy-authorization") is None
        assert https_server.last.header("x-inner") == "yes"
        adapter.close()

    def test_an_ipv6_server(self, adapter: HTTPAdapter, start: Any, serve_tls: Serve, ca_file: str) -> None:
        server = serve_tls(host="::1")
        proxy = start(ProxyServer({"::1": server}))
        assert get(adapter, server.url, proxy.url, verify=ca_file).ok
        assert proxy.tunnels == [server.authority]

    @pytest.mark.parametrize(
        "reply, says",
        [
            (Reply(403, reason="Not For You"), "refused a tunnel to api.test:443: 403 Not For You"),
            (Reply(502), "refused a tunnel to api.test:443: 502 Bad Gateway"),
        ],
    )
    def test_a_refused_tunnel_is_a_proxy_error(
        self, adapter: HTTPAdapter, start: Any, https_server: RecordingServer, reply: Reply, says: str
    ) -> None:
        proxy = start(ProxyServer({"api.test": https_server}, on_connect=lambda _: reply))
        with pytest.raises(ProxyError, match=says) as caught:
            get(adapter, "https://api.test/", proxy.url)
        assert f"proxy {proxy.authority}" in str(caught.value)

    def test_missing_credentials_are_said_and_wrong_ones_not_shown(
        self, adapter: HTTPAdapter, start: Any, https_server: RecordingServer
    ) -> None:
        proxy = start(ProxyServer({"api.test": https_server}, auth=("user", "pass")))
        with pytest.raises(ProxyError, match=r"407 Proxy Authentication Required.*user:password@") as caught:
            get(adapter, "https://api.test/", proxy.url_as(userinfo="user:hunter2"))
        error: BaseException | None = caught.value
        while error is not None:
            assert "hunter2" not in str(error) + repr(error)
            error = error.__cause__

    def test_an_interim_answer_to_connect_is_none(
        self, adapter: HTTPAdapter, start: Any, https_server: RecordingServer, ca_file: str
    ) -> None:
        established = Reply(200, interim=[(102, {})])
        proxy = start(ProxyServer({"api.test": https_server}, on_connect=lambda _: established))
        assert get(adapter, "https://api.test/", proxy.url, verify=ca_file).ok


class TestProxiesReachedByTLS:
    @pytest.fixture
    def secure(
        self, start: Any, server: RecordingServer, https_server: RecordingServer, ca: Authority
    ) -> ProxyServer:
        table = {"api.test:80": server, "api.test:443": https_server}
        return start(ProxyServer(table, tls=ca.server_context("proxy.test", client_certs="optional")))  # type: ignore[no-any-return]

    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_the_proxy_is_verified_as_the_call_says(
        self, adapter: HTTPAdapter, secure: ProxyServer, ca_file: str, url: str
    ) -> None:
        assert get(adapter, url, secure.url_as("proxy.test"), verify=ca_file).ok
        assert secure.last.tls is not None
        assert secure.last.tls.sni == "proxy.test"

    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_a_proxy_that_does_not_verify_is_not_used(
        self, adapter: HTTPAdapter, secure: ProxyServer, server: RecordingServer, url: str
    ) -> None:
        with pytest.raises(ConnectionError, match="does not verify"):
            get(adapter, url, secure.url_as("proxy.test"))
        assert (secure.requests, server.requests) == ([], [])

    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_nor_is_one_that_has_the_certificate_of_another(
        self, adapter: HTTPAdapter, secure: ProxyServer, server: RecordingServer, ca_file: str, url: str
    ) -> None:
        with pytest.raises(ConnectionError, match=r"other\.test"):
            get(adapter, url, secure.url_as("other.test"), verify=ca_file)
        assert (secure.requests, server.requests) == ([], [])

    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_unless_the_call_says_so(self, adapter: HTTPAdapter, secure: ProxyServer, url: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert get(adapter, url, secure.url_as("other.test"), verify=False).ok

    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_the_clients_certificate_is_not_for_the_proxy(
        self, adapter: HTTPAdapter, secure: ProxyServer, ca: Authority, url: str
    ) -> None:
        cert = ca.issue("me@example.test").combined_file
        assert get(adapter, url, secure.url_as("proxy.test"), verify=ca.file, cert=cert).ok
        assert secure.last.tls is not None
        assert secure.last.tls.peer_cert is None

    def test_with_a_context_of_the_programs_own(self, secure: ProxyServer, ca: Authority) -> None:
        adapter = HTTPAdapter(ssl_context=ca.client_context())
        assert get(adapter, "https://api.test/", secure.url_as("proxy.test"), verify=ca.file).ok
        adapter.close()

    def test_a_proxy_without_tls_is_recognised(self, adapter: HTTPAdapter, serve_raw: Any) -> None:
        proxy: RawServer = serve_raw([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
        with pytest.raises(ProxyError, match=r"Should the URL of the proxy begin with http://\?"):
            get(adapter, "https://api.test/", f"https://{proxy.authority}")


class TestSocks:
    @pytest.mark.parametrize(
        "scheme, version, kind",
        [("socks4", 4, "ipv4"), ("socks4a", 4, "name"), ("socks5", 5, "ipv4"), ("socks5h", 5, "name")],
    )
    @pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
    def test_the_scheme_says_who_looks_up_names(
        self,
        adapter: HTTPAdapter,
        start: Any,
        server: RecordingServer,
        https_server: RecordingServer,
        ca_file: str,
        dns: Any,
        scheme: str,
        version: int,
        kind: str,
        secure: bool,
    ) -> None:
        behind = https_server if secure else server
        proxy = start(Socks5Server({"api.test": behind, "127.0.0.1": behind}))
        response = get(adapter, behind.url_as("api.test", "/x"), proxy.url_for(scheme), verify=ca_file)
        assert response.json()["target"] == "/x"
        asked = proxy.requests[0]
        assert (asked.version, asked.kind) == (version, kind)
        assert ("api.test" in dns.queries) is (kind != "name")
        assert behind.last.header("host") == behind.url_as("api.test").partition("//")[2]

    def test_credentials(self, adapter: HTTPAdapter, start: Any, server: RecordingServer) -> None:
        proxy = start(Socks5Server({"api.test": server}, auth=("us er", "p@ss")))
        assert get(adapter, "http://api.test/", proxy.url_for("socks5h", "us%20er:p%40ss")).ok
        assert (proxy.requests[0].username, proxy.requests[0].password) == ("us er", "p@ss")
        assert server.last.header("proxy-authorization") is None

    def test_wrong_credentials_are_a_proxy_error_and_not_shown(
        self, adapter: HTTPAdapter, start: Any, server: RecordingServer
    ) -> None:
        proxy = start(Socks5Server({"api.test": server}, auth=("user", "pass")))
        with pytest.raises(
            ProxyError, match=f"The proxy {proxy.authority} .*authentication failed"
        ) as caught:
            get(adapter, "http://api.test/", proxy.url_for("socks5h", "user:hunter2"))
        assert "hunter2" not in str(caught.value)

    def test_a_server_that_it_cannot_reach_is_a_proxy_error(self, adapter: HTTPAdapter, start: Any) -> None:
        proxy = start(Socks5Server())
        with pytest.raises(
            ProxyError, match=rf"{proxy.authority} did not connect to api\.test:80: Host unreachable"
        ):
            get(adapter, "http://api.test/", proxy.url_for("socks5h"))

    def test_connections_are_kept(self, adapter: HTTPAdapter, start: Any, server: RecordingServer) -> None:
        proxy = start(Socks5Server({"api.test": server}))
        for _ in range(3):
            get(adapter, "http://api.test/", proxy.url_for("socks5h"))
        assert proxy.connections == 1


class TestWhichProxy:
    def test_the_one_for_the_host_before_the_one_for_the_scheme(
        self, adapter: HTTPAdapter, start: Any, server: RecordingServer
    ) -> None:
        one, other = (start(ProxyServer({"a.test": server, "b.test": server})) for _ in range(2))
        proxies = {"http": one.url, "http://b.test": other.url}
        for host in ("a.test", "b.test"):
            get(adapter, f"http://{host}/", proxies)
        assert (one.last.target, other.last.target) == ("http://a.test/", "http://b.test/")

    def test_none_for_a_scheme_that_is_not_named(
        self, adapter: HTTPAdapter, proxy: ProxyServer, server: RecordingServer
    ) -> None:
        get(adapter, server.url, {"https": proxy.url})
        assert proxy.requests == []

    def test_a_url_without_a_scheme_is_http(self, adapter: HTTPAdapter, proxy: ProxyServer) -> None:
        assert get(adapter, "http://api.test/", proxy.authority).ok
        assert len(proxy.requests) == 1

    def test_one_that_is_malformed_is_an_error_before_anything_is_sent(
        self, adapter: HTTPAdapter, server: RecordingServer
    ) -> None:
        with pytest.raises(InvalidProxyURL):
            get(adapter, server.url, "http:///")
        assert server.requests == []


class TestErrors:
    @pytest.fixture
    def closed_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            return int(taken.getsockname()[1])

    @pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
    @pytest.mark.parametrize("url", ["http://api.test/", "https://api.test/"])
    def test_a_proxy_that_is_not_there(
        self, adapter: HTTPAdapter, closed_port: int, scheme: str, url: str
    ) -> None:
        with pytest.raises(
            ProxyError, match=f"Cannot connect to the proxy 127.0.0.1:{closed_port}.*refused"
        ) as caught:
            get(adapter, url, f"{scheme}://user:hunter2@127.0.0.1:{closed_port}")
        error: BaseException | None = caught.value
        while error is not None:
            assert "hunter2" not in str(error) + repr(error)
            error = error.__cause__

    def test_a_proxy_without_an_address(self, adapter: HTTPAdapter) -> None:
        with pytest.raises(ProxyError, match=r"no address for the name 'nowhere\.invalid'"):
            get(adapter, "http://api.test/", "http://nowhere.invalid:3128")

    def test_a_proxy_that_does_not_answer(self, adapter: HTTPAdapter, serve_raw: Any) -> None:
        proxy: RawServer = serve_raw([READ_HEAD, HANG])
        with pytest.raises(ReadTimeout):
            get(adapter, "http://api.test/", proxy.url, timeout=(5, 0.03))
        with pytest.raises(
            ReadTimeout, match=rf"api\.test:443 through the proxy {proxy.authority} within 0\.03"
        ):
            get(adapter, "https://api.test/", proxy.url, timeout=(0.03, 5))
