"""Sessions over the wire: defaults and calls merged, mounts, proxies, timeouts, and what outlives a call."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

import httpkit
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.exceptions import ConnectTimeout, ProxyError, ReadTimeout, SSLError
from httpkit.models import PreparedRequest, Response
from httpkit.timeouts import Timeout
from tests.servers import (
    HANG,
    READ_REQUEST,
    ProxyServer,
    RawServer,
    RecordingServer,
    Reply,
    full_backlog_listener,
)

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


class TestDefaults:
    def test_those_of_the_session_and_of_the_call_arrive_together(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        session.headers.update({"X-A": "session", "X-B": "session"})
        session.params = {"a": "session", "b": "session"}
        session.auth = ("session", "s")
        session.cookies.set("a", "session")
        session.get(
            server.url,
            headers={"x-b": "call", "X-C": "call"},
            params={"b": "call", "c": "call"},
            cookies={"b": "call"},
        )
        received = server.last
        assert [received.getlist(name) for name in ("x-a", "x-b", "x-c")] == [["session"], ["call"], ["call"]]
        assert received.query == {"a": ["session"], "b": ["call"], "c": ["call"]}
        assert received.cookies == {"a": "session", "b": "call"}
        assert received.getlist("authorization") == ["Basic c2Vzc2lvbjpz"]

    def test_none_takes_a_default_away(self, server: RecordingServer, session: httpkit.Session) -> None:
        session.headers["X-A"] = "session"
        session.params = {"a": "1", "b": "2"}
        session.get(server.url, headers={"x-a": None, "User-Agent": None, "accept": None}, params={"a": None})
        received = server.last
        assert [received.getlist(name) for name in ("x-a", "user-agent", "accept")] == [[], [], []]
        assert received.target == "/?b=2"
        session.get(server.url)
        assert server.last.getlist("x-a") == ["session"]

    @pytest.mark.parametrize(
        ("auth", "field"),
        [
            (("user", "pass"), "Basic dXNlcjpwYXNz"),
            (httpkit.auth.HTTPBasicAuth("user", "pass"), "Basic dXNlcjpwYXNz"),
            (httpkit.auth.HTTPBearerAuth("token"), "Bearer token"),
            (lambda r: r.headers.update({"Authorization": "mine"}) or r, "mine"),
        ],
        ids=["pair", "basic", "bearer", "callable"],
    )
    @pytest.mark.parametrize("place", ["session", "call"])
    def test_each_form_of_auth(
        self, server: RecordingServer, session: httpkit.Session, auth: Any, field: str, place: str
    ) -> None:
        if place == "session":
            session.auth = auth
            session.get(server.url)
        else:
            session.get(server.url, auth=auth)
        assert server.last.getlist("authorization") == [field]

    def test_a_proxy_handler_as_auth_speaks_to_the_proxy(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        with ProxyServer({"a.test": server}) as proxy:
            auth = httpkit.auth.HTTPProxyAuth("user", "pass")
            session.get("http://a.test/", auth=auth, proxies={"http": proxy.url})
            session.close()
            assert proxy.last.getlist("proxy-authorization") == ["Basic dXNlcjpwYXNz"]
        assert server.last.getlist("authorization") == []

    def test_connections_are_kept_between_calls(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        for method in ("GET", "POST", "PUT", "HEAD", "DELETE"):
            session.request(method, server.url)
        assert server.connections == 1
        session.close()
        assert server.wait_until_closed(1)
        session.get(server.url)
        assert server.connections == 2

    def test_a_dropped_connection_is_made_again(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        session.get(server.url)
        server.drop_connections()
        assert session.get(server.url).status_code == 200
        assert server.connections == 2

    def test_a_session_that_was_pickled_goes_on(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, [("Set-Cookie", "a=1")]))
        session.headers["X-A"] = "1"
        session.auth = ("u", "p")
        session.get(server.url)
        with pickle.loads(pickle.dumps(session)) as twin:
            twin.get(server.url)
        assert (server.last.getlist("x-a"), server.last.cookies) == (["1"], {"a": "1"})
        assert server.last.getlist("authorization") == ["Basic dTpw"]


class Counting(HTTPAdapter):
    """Remembers the URLs that it was asked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.urls: list[str | None] = []

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:  # type: ignore[override]
        self.urls.append(request.url)
        return super().send(request, **kwargs)


class TestMounts:
    def test_an_adapter_mounted_for_one_host_serves_that_host_alone(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        special = Counting()
        session.mount(server.url_as("api.test"), special)
        urls = [
            server.url_as("api.test", "/a"),
            server.url_as("API.test", "/b"),
            server.url_as("api.test", "/c", userinfo="user:pass"),
            server.url_as("api.test.evil.test", "/d"),
            server.url_as("evil.test", "/e", userinfo="api.test"),
            server.url_as("other.test", "/f"),
        ]
        for url in urls:
            session.get(url)
        assert [url and url[-1] for url in special.urls] == ["a", "b", "c"]
        assert len(server.requests) == 6

    def test_redirects_are_sent_by_the_adapter_of_their_host(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(200)
            )
        )
        first, second = Counting(), Counting()
        session.mount("http://a.test", first)
        session.mount("http://b.test", second)
        session.get(server.url_as("a.test", "/0"))
        assert first.urls == [server.url_as("a.test", "/0")]
        assert second.urls == [server.url_as("b.test", "/1")]

    def test_an_adapter_of_ones_own_needs_no_network(self, session: httpkit.Session) -> None:
        class Constant(BaseAdapter):
            def send(self, request: PreparedRequest, **kwargs: Any) -> Response:  # type: ignore[override]
                response = Response()
                response.status_code = 200
                response.url = request.url or ""
                response.request = request
                response._content = b"constant"
                response._content_consumed = True
                return response

            def close(self) -> None: ...

        session.mount("const:", Constant())
        session.mount("https://const.test", Constant())
        assert session.get("const:anything").text == "constant"
        assert session.get("https://const.test/x").text == "constant"

    def test_a_mounted_timeout_is_heard_on_every_hop(
        self, serve: Serve, serve_raw: Callable[..., RawServer], session: httpkit.Session
    ) -> None:
        silent = serve_raw([READ_REQUEST, HANG])
        server = serve(Reply.redirect(silent.url))
        session.mount("http://", HTTPAdapter(timeout=(5, 0.03)))
        with pytest.raises(ReadTimeout):
            session.get(server.url)


class TestTimeouts:
    @pytest.mark.parametrize(
        "timeout",
        [
            0.03,
            (5, 0.03),
            (None, 0.03),
            Timeout(5, 0.03),
            urllib3.Timeout(connect=5, read=0.03),
            urllib3.Timeout(0.03),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("place", ["call", "session"])
    def test_each_form_bounds_the_wait(
        self, serve_raw: Callable[..., RawServer], session: httpkit.Session, timeout: Any, place: str
    ) -> None:
        server = serve_raw([READ_REQUEST, HANG])
        if place == "session":
            session.timeout = timeout
        with pytest.raises(ReadTimeout) as caught:
            session.get(server.url, **({"timeout": timeout} if place == "call" else {}))
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.request is not None
        assert "read timeout" in str(caught.value)

    def test_connecting_is_bounded_too(self, session: httpkit.Session) -> None:
        with full_backlog_listener() as (host, port), pytest.raises(ConnectTimeout) as caught:
            session.get(f"http://{host}:{port}/", timeout=(0.03, 5))
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, ConnectionError)

    @pytest.mark.parametrize("timeout", [None, (None, None), 10, (3, None)], ids=repr)
    def test_a_generous_one_changes_nothing(
        self, server: RecordingServer, session: httpkit.Session, timeout: Any
    ) -> None:
        assert session.get(server.url, timeout=timeout).status_code == 200

    @pytest.mark.parametrize("timeout", [0, -1, "3", (1, 2, 3), True, object], ids=repr)
    def test_what_is_no_timeout_is_a_value_error_before_anything_is_sent(
        self, server: RecordingServer, session: httpkit.Session, timeout: Any
    ) -> None:
        with pytest.raises(ValueError, match="timeout"):
            session.get(server.url, timeout=timeout)
        assert server.connections == 0

    def test_each_hop_has_the_same(
        self, serve: Serve, serve_raw: Callable[..., RawServer], session: httpkit.Session
    ) -> None:
        silent = serve_raw([READ_REQUEST, HANG])
        server = serve(Reply.redirect(silent.url))
        with pytest.raises(ReadTimeout):
            session.get(server.url, timeout=(5, 0.03))


class TestProxies:
    @pytest.fixture
    def proxy(self, server: RecordingServer) -> Iterator[ProxyServer]:
        with ProxyServer({"origin.test": server, "other.test": server}) as proxy:
            yield proxy

    @pytest.mark.parametrize(
        ("keys", "used"),
        [
            (["http"], True),
            (["all"], True),
            (["http://origin.test"], True),
            (["all://origin.test"], True),
            (["https"], False),
            (["http://other.test"], False),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("place", ["call", "session"])
    def test_each_form_of_key(
        self, server: RecordingServer, proxy: ProxyServer, dns: Any, keys: list[str], used: bool, place: str
    ) -> None:
        proxies = dict.fromkeys(keys, proxy.url)
        with httpkit.Session() as session:
            url = server.url_as("origin.test")
            if place == "session":
                session.proxies = proxies
                session.get(url)
            else:
                session.get(url, proxies=proxies)
        assert len(proxy.requests) == used
        assert len(server.requests) == 1

    def test_the_environment_is_used_and_an_explicit_word_beats_it(
        self, server: RecordingServer, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", proxy.url)
        url = server.url_as("origin.test")
        calls: list[tuple[dict[str, Any], int]] = [
            ({}, 1),
            ({"proxies": {}}, 2),
            ({"proxies": {"http": None}}, 2),
            ({"proxies": {"all": None}}, 2),
            ({"proxies": {"no_proxy": "origin.test"}}, 2),
        ]
        with httpkit.Session() as session:
            for arguments, proxied in calls:
                session.get(url, **arguments)
                assert len(proxy.requests) == proxied, arguments
            session.trust_env = False
            session.get(url)
        assert len(proxy.requests) == 2

    def test_send_uses_the_environment_as_request_does(
        self, server: RecordingServer, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", proxy.url)
        with httpkit.Session() as session:
            session.send(session.prepare_request(httpkit.Request("GET", "http://origin.test/")))
            session.send(httpkit.Request("GET", "http://origin.test/").prepare())
        assert len(proxy.requests) == 2

    def test_a_proxy_that_is_not_there_is_a_proxy_error(self, session: httpkit.Session) -> None:
        with pytest.raises(ProxyError) as caught:
            session.get("http://origin.test/", proxies={"http": "http://user:hunter2@127.0.0.1:9/"})
        assert "hunter2" not in str(caught.value)

    def test_a_proxy_that_wants_credentials_answers(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        with ProxyServer({"origin.test": server}, auth=("user", "pass")) as proxy:
            assert session.get("http://origin.test/", proxies={"http": proxy.url}).status_code == 407
            url = proxy.url_as(userinfo="user:pass")
            assert session.get("http://origin.test/", proxies={"http": url}).status_code == 200
            session.close()
        assert server.last.getlist("proxy-authorization") == []


class TestTLS:
    @pytest.mark.parametrize("place", ["call", "session", "environment"])
    def test_a_bundle_is_given_by_call_session_or_environment(
        self,
        https_server: RecordingServer,
        session: httpkit.Session,
        ca_file: str,
        place: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        url = https_server.url_as("localhost")
        with pytest.raises(SSLError):
            session.get(url)
        if place == "environment":
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
        elif place == "session":
            session.verify = ca_file
        assert session.get(url, **({"verify": ca_file} if place == "call" else {})).status_code == 200
        assert len(https_server.requests) == 1

    def test_a_connection_that_was_not_verified_is_not_used_by_a_call_that_verifies(
        self, https_server: RecordingServer, session: httpkit.Session
    ) -> None:
        url = https_server.url_as("localhost")
        with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
            assert session.get(url, verify=False).status_code == 200
        with pytest.raises(SSLError):
            session.get(url)

    def test_an_explicit_false_beats_the_environment(
        self,
        https_server: RecordingServer,
        session: httpkit.Session,
        ca_file: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/bundle.pem")
        session.verify = ca_file
        assert session.get(https_server.url_as("localhost")).status_code == 200


class TestSteering:
    """A session of a program's own: each overridden method is felt by the server on every hop."""

    def test_every_decision_of_a_subclass_reaches_the_wire(self, serve: Serve) -> None:
        class Mine(httpkit.Session):
            def request(self, method: Any, url: Any, **kwargs: Any) -> Response:  # type: ignore[override]
                return super().request(method, base + url, **kwargs)

            def prepare_request(self, request: httpkit.Request) -> PreparedRequest:
                prepared = super().prepare_request(request)
                prepared.headers["X-Prepared"] = "yes"
                return prepared

            def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
                request.headers["X-Sent"] = str(int(request.headers.get("X-Sent", "0")) + 1)
                return super().send(request, **kwargs)

            def get_redirect_target(self, resp: Response) -> str | None:
                target = super().get_redirect_target(resp)
                return f"{target}?steered" if target else None

            def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None:
                prepared_request.method = "REPORT"

            def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
                prepared_request.headers["Authorization"] = f"for {prepared_request.path_url}"

        server = serve({"/0": Reply.redirect("/1"), "/1": Reply.redirect("/2"), "/2": Reply(200)})
        base = server.url
        with Mine() as session:
            assert session.get("/0").status_code == 200
        assert [(request.method, request.target) for request in server.requests] == [
            ("GET", "/0"),
            ("REPORT", "/1?steered"),
            ("REPORT", "/2?steered"),
        ]
        assert [request.getlist("x-sent") for request in server.requests] == [["1"], ["2"], ["3"]]
        assert [request.getlist("x-prepared") for request in server.requests] == [["yes"]] * 3
        assert [request.getlist("authorization") for request in server.requests] == [
            [],
            ["for /1?steered"],
            ["for /2?steered"],
        ]
