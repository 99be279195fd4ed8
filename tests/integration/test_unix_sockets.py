"""HTTP over Unix sockets: `uds=` of sessions and adapters, and the adapter for `http+unix://`."""

from __future__ import annotations

import contextlib
import pickle
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ConnectionError, InvalidSchema, InvalidURL
from httpkit.unix import UnixAdapter, socket_path
from tests.servers import RecordingServer, Reply, UnixServer
from tests.servers.guard import Network

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets on this system")

KEEPALIVE = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


Serve = Callable[..., UnixServer]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name is short enough for that of a socket (some hundred bytes)."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def serve_unix(place: Path) -> Iterator[Serve]:
    """serve_unix(handler, name=...): a server at a path of its own until the end of the test."""
    with contextlib.ExitStack() as stack:

        def start(handler: Any = None, name: str = "A.sock", **options: Any) -> UnixServer:
            return stack.enter_context(UnixServer(str(place / name), handler, **options))

        yield start


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        session.mount("http+unix://", UnixAdapter())
        yield session


class TestUDS:
    @pytest.mark.parametrize("form", [str, Path, str.encode], ids=["text", "path", "bytes"])
    def test_every_call_goes_to_the_socket_and_keeps_its_host(
        self, serve_unix: Serve, dns: Network, form: Callable[[str], Any]
    ) -> None:
        server = serve_unix(Reply(headers=[("Set-Cookie", "a=b")]))
        with httpkit.Session(uds=form(server.path)) as session:
            session.get("http://service.example/x?y=1")
            session.post("http://service.example/z", json={"n": 1})
            session.get("http://other.example:8080/")
            assert session.cookies.list_domains() == ["service.example", "other.example"]
        assert server.targets == ["/x?y=1", "/z", "/"]
        assert [request.header("host") for request in server.requests] == [
            "service.example",
            "service.example",
            "other.example:8080",
        ]
        assert server.requests[1].cookies == {"a": "b"}
        assert (server.connections, dns.queries) == (2, [])

    def test_https_is_tls_on_the_socket_for_the_name_of_the_url(
        self, serve_unix: Serve, tls_context: ssl.SSLContext, ca_file: str
    ) -> None:
        server = serve_unix(tls=tls_context)
        with httpkit.Session(uds=server.path) as session:
            session.get("https://api.test/", verify=ca_file)
        tls = server.last.tls
        assert tls is not None
        assert tls.sni == "api.test"

    def test_proxies_are_not_used(self, serve_unix: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
        server = serve_unix()
        with httpkit.Session(uds=server.path) as session:
            session.get("http://service.example/x")
        assert server.targets == ["/x"]

    def test_one_adapter_may_go_to_a_socket_and_the_others_not(
        self, serve_unix: Serve, server: RecordingServer
    ) -> None:
        behind = serve_unix()
        with httpkit.Session() as session:
            session.mount("http://docker.test", HTTPAdapter(uds=behind.path))
            session.get("http://docker.test/version")
            session.get(server.url)
        assert (len(behind.requests), len(server.requests)) == (1, 1)

    def test_redirects_stay_on_the_socket(self, serve_unix: Serve) -> None:
        server = serve_unix({"/a": Reply.redirect("http://service.example/b"), "/b": Reply()})
        with httpkit.Session(uds=server.path) as session:
            assert session.get("http://service.example/a").url == "http://service.example/b"
        assert server.targets == ["/a", "/b"]

    def test_it_survives_pickling(self, serve_unix: Serve) -> None:
        server = serve_unix()
        with pickle.loads(pickle.dumps(httpkit.Session(uds=server.path))) as session:
            assert session.get("http://service.example/").ok

    def test_settings_that_fit_a_socket_are_applied_and_others_left_out(self, serve_unix: Serve) -> None:
        server = serve_unix()
        nodelay = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        adapter = HTTPAdapter(
            uds=server.path, socket_options=[nodelay, KEEPALIVE], source_address=("127.0.0.1", 0)
        )
        with httpkit.Session() as session:
            session.mount("http://", adapter)
            response = session.get("http://service.example/", stream=True, timeout=(5, 7))
            sock = response.raw.connection.sock
            assert sock.getsockopt(*KEEPALIVE[:2])
            assert sock.gettimeout() == 7
            response.close()

    def test_a_missing_socket_is_named(self, place: Path) -> None:
        path = place / "Missing.sock"
        with httpkit.Session(uds=path) as session, pytest.raises(ConnectionError) as caught:
            session.get("http://service.example/")
        expected = f"Cannot connect to service.example:80: no such file or directory ({path})"
        assert str(caught.value) == expected

    def test_a_socket_without_a_server_is_refused(self, place: Path) -> None:
        path = place / "dead.sock"
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
        with httpkit.Session(uds=path) as session, pytest.raises(ConnectionError, match="refused") as caught:
            session.get("http://service.example/")
        assert str(path) in str(caught.value)

    def test_a_path_that_is_too_long_is_an_error_of_ours(self) -> None:
        with (
            httpkit.Session(uds="/" + "x" * 200) as session,
            pytest.raises(ConnectionError, match="too long"),
        ):
            session.get("http://service.example/")

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract names")
    def test_an_abstract_name_begins_with_nul(self) -> None:
        name = f"\0httpkit-{id(object())}"
        with UnixServer(name) as server, httpkit.Session(uds=name) as session:
            session.get("http://service.example/")
            assert len(server.requests) == 1

    def test_a_system_without_such_sockets_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(socket, "AF_UNIX")
        with pytest.raises(ValueError, match="no Unix sockets"):
            HTTPAdapter(uds="/run/x.sock")


class TestHTTPUnix:
    def test_the_host_of_the_url_is_the_path_of_the_socket(
        self, session: httpkit.Session, serve_unix: Serve
    ) -> None:
        server = serve_unix()
        response = session.get(server.at("/v1/containers"), params={"all": 1})
        assert (server.last.target, server.last.header("host")) == ("/v1/containers?all=1", "localhost")
        assert response.url == server.at("/v1/containers?all=1")
        assert session.get(server.at("")).request.path_url == server.last.target == "/"
        assert server.connections == 1

    @pytest.mark.parametrize("retries", [0, 2], ids=["plain", "retrying"])
    def test_host_can_be_another(self, serve_unix: Serve, retries: int) -> None:
        server = serve_unix()
        with httpkit.Session() as session:
            session.mount("http+unix://", UnixAdapter(max_retries=retries))
            session.get(server.at("/"))
            session.get(server.at("/"), headers={"Host": "service.example"})
        assert [request.getlist("host") for request in server.requests] == [
            ["localhost"],
            ["service.example"],
        ]

    def test_paths_that_differ_in_case_are_different_sockets(
        self, session: httpkit.Session, serve_unix: Serve
    ) -> None:
        upper, lower = serve_unix(name="X.sock"), serve_unix(name="x.sock")
        session.get(upper.at("/upper"))
        session.get(lower.at("/lower"))
        assert (upper.targets, lower.targets) == (["/upper"], ["/lower"])

    def test_cookies_come_back(self, session: httpkit.Session, serve_unix: Serve) -> None:
        server = serve_unix(Reply(headers=[("Set-Cookie", "a=b")]))
        session.get(server.at("/"))
        session.get(server.at("/"))
        assert server.last.cookies == {"a": "b"}

    def test_a_relative_redirect_stays_on_the_socket(
        self, session: httpkit.Session, serve_unix: Serve
    ) -> None:
        server = serve_unix({"/a": Reply.redirect("/b"), "/b": Reply()})
        assert session.get(server.at("/a")).url == server.at("/b")

    def test_a_redirect_from_http_never_leads_to_a_socket(
        self, session: httpkit.Session, serve_unix: Serve, serve: Callable[..., RecordingServer]
    ) -> None:
        behind = serve_unix()
        server = serve(Reply.redirect(behind.at("/")))
        with pytest.raises(InvalidSchema):
            session.get(server.url)
        assert behind.requests == []

    def test_no_session_serves_it_without_being_told(self, serve_unix: Serve) -> None:
        with httpkit.Session() as session, pytest.raises(InvalidSchema):
            session.get(serve_unix().at("/"))

    def test_proxies_are_not_used(
        self, session: httpkit.Session, serve_unix: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:3128")
        server = serve_unix()
        session.get(server.at("/x"))
        session.get(server.at("/y"), proxies={"http+unix": "http://proxy.invalid:3128"})
        assert server.targets == ["/x", "/y"]

    def test_settings_of_the_adapter_hold_for_every_socket(self, serve_unix: Serve) -> None:
        servers = [serve_unix(name=name) for name in "ab"]
        with httpkit.Session() as session:
            session.mount("http+unix://", UnixAdapter(socket_options=[KEEPALIVE]))
            for server in servers:
                response = session.get(server.at("/"), stream=True)
                assert response.raw.connection.sock.getsockopt(*KEEPALIVE[:2])
                response.close()

    def test_as_many_sockets_are_kept_open_as_pools_are_asked_for(self, serve_unix: Serve) -> None:
        servers = [serve_unix(name=name) for name in "abc"]
        with httpkit.Session() as session:
            session.mount("http+unix://", UnixAdapter(pool_connections=2))
            for server in servers:
                session.get(server.at("/"))
            assert servers[0].wait_until_closed(1)
            for server in reversed(servers):
                session.get(server.at("/"))
        assert [server.connections for server in servers] == [2, 1, 1]

    def test_closing_the_adapter_closes_them_and_it_can_go_on(self, serve_unix: Serve) -> None:
        server = serve_unix()
        adapter = UnixAdapter()
        request = httpkit.Request("GET", server.at("/")).prepare()
        for number in (1, 2):
            assert adapter.send(request).content
            adapter.close()
            assert server.wait_until_closed(number)

    def test_it_survives_pickling(self, session: httpkit.Session, serve_unix: Serve) -> None:
        server = serve_unix()
        session.get(server.at("/"))
        with pickle.loads(pickle.dumps(session)) as twin:
            assert twin.get(server.at("/")).ok

    def test_the_error_names_the_socket(self, session: httpkit.Session, place: Path) -> None:
        path = str(place / "Missing.sock")
        with pytest.raises(ConnectionError) as caught:
            session.get(f"http+unix://{quote(path, safe='')}/")
        assert str(caught.value) == f"Cannot connect to the socket {path}: no such file or directory"

    @pytest.mark.parametrize(
        "url, path",
        [
            ("http+unix://%2Frun%2FDocker.sock/x", "/run/Docker.sock"),
            ("http+unix://%2frun%2fa%20b.sock", "/run/a b.sock"),
            ("http+unix://.%2Fhere.sock/", "./here.sock"),
            ("http+unix://%2Frun%2Fport%3A80/", "/run/port:80"),
            ("http+unix://%2Frun%2Fport:80/", "/run/port:80"),
            ("http+unix://%00abstract/", "\0abstract"),
        ],
    )
    def test_a_path_is_written_percent_encoded(self, url: str, path: str) -> None:
        assert socket_path(url) == path

    @pytest.mark.parametrize(
        "url",
        ["http+unix:///run/docker.sock/x", "http+unix://docker.sock/x", "http+unix://%2Frun%2Fx%00y/"],
        ids=["no host", "a name", "a NUL inside"],
    )
    def test_a_host_that_is_no_path_is_an_invalid_url(self, session: httpkit.Session, url: str) -> None:
        with pytest.raises(InvalidURL, match="socket") as caught:
            session.get(url)
        assert caught.value.request is not None

    @pytest.mark.parametrize("given", [{"uds": "/run/x.sock"}, {"resolve": {"a.test": "127.0.0.1"}}])
    def test_the_adapter_takes_no_route_of_its_own(self, given: Any) -> None:
        with pytest.raises(TypeError, match=next(iter(given))):
            UnixAdapter(**given)
