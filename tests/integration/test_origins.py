"""What belongs to one origin stays there: policies of redirects, fields, bodies and the credentials of proxies."""

from __future__ import annotations

import base64
import contextlib
import gzip
import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import httpkit
from httpkit.auth import HTTPDigestAuth, HTTPProxyAuth
from httpkit.exceptions import StreamConsumedError
from httpkit.models import PreparedRequest
from httpkit.redirects import SecretFields
from httpkit.unix import UnixAdapter
from tests.servers import ProxyServer, RecordingServer, Reply, UnixServer

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


@pytest.fixture
def origins(serve: Serve) -> RecordingServer:
    """One server under several names: a.test/0 leads to b.test/1, which leads home to a.test/2."""
    server = serve(
        lambda request: {
            "/0": Reply.redirect(server.url_as("b.test", "/1"), 307),
            "/1": Reply.redirect(server.url_as("a.test", "/2"), 307),
            "/here": Reply.redirect("/there", 307),
        }.get(request.target, Reply(200))
    )
    return server


class TestPolicies:
    def test_same_origin_sends_no_body_to_another(self, origins: RecordingServer) -> None:
        with httpkit.Session(redirects="same-origin") as session:
            response = session.post(origins.url_as("a.test", "/0"), data=b"body")
            assert (response.status_code, response.is_redirect, response.history) == (307, True, [])
            assert origins.targets == ["/0"]
            assert response.next is not None
            assert (response.next.url, response.next.body) == (origins.url_as("b.test", "/1"), b"body")
            assert session.post(origins.url_as("a.test", "/here"), data=b"body").status_code == 200
        assert [(request.target, request.body) for request in origins.requests[1:]] == [
            ("/here", b"body"),
            ("/there", b"body"),
        ]

    def test_none_are_followed(self, origins: RecordingServer) -> None:
        with httpkit.Session(redirects="none") as session:
            assert session.get(origins.url_as("a.test", "/here")).status_code == 307
            assert session.get(origins.url_as("a.test", "/here"), stream=True).is_redirect
        assert origins.targets == ["/here", "/here"]

    def test_a_callable_is_asked_at_every_hop(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        asked: list[Any] = []

        def ask(response: httpkit.Response, following: PreparedRequest) -> bool:
            asked.append((response.status_code, following.path_url))
            return following.path_url != "/2"

        session.redirects = ask
        response = session.get(origins.url_as("a.test", "/0"))
        assert asked == [(307, "/1"), (307, "/2")]
        assert origins.targets == ["/0", "/1"]
        assert (response.status_code, len(response.history)) == (307, 1)
        assert response.next is not None
        assert response.next.path_url == "/2"

    def test_allow_redirects_of_a_call_stays_as_it_is(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        assert session.get(origins.url_as("a.test", "/0"), allow_redirects=False).status_code == 307
        assert session.head(origins.url_as("a.test", "/0")).status_code == 307
        assert session.get(origins.url_as("a.test", "/0")).status_code == 200

    @pytest.mark.parametrize("policy", ["sometimes", None, 1])
    def test_what_is_no_policy_is_an_error_when_it_is_given(self, policy: Any) -> None:
        with pytest.raises((ValueError, TypeError), match="redirects"):
            httpkit.Session(redirects=policy)

    def test_a_pickle_keeps_it(self) -> None:
        with httpkit.Session(redirects="same-origin", secret_fields=SecretFields(also=["X-Own"])) as session:
            twin = pickle.loads(pickle.dumps(session))
        assert (twin.redirects, twin.secret_fields) == ("same-origin", session.secret_fields)
        twin.close()


class TestFields:
    def test_fields_that_the_session_names_do_not_cross_and_do_not_come_back(
        self, origins: RecordingServer
    ) -> None:
        secret = SecretFields(also=["x-session-*"], may_cross=["X-CSRF-Token"])
        with httpkit.Session(secret_fields=secret) as session:
            session.get(origins.url_as("a.test", "/0"), headers={"X-Session-Id": "s", "X-CSRF-Token": "c"})
        assert [request.header("x-session-id") for request in origins.requests] == ["s", None, None]
        assert [request.header("x-csrf-token") for request in origins.requests] == ["c", "c", "c"]

    def test_a_host_field_by_hand_is_for_the_first_origin(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        session.get(origins.url_as("a.test", "/0"), headers={"Host": "internal"})
        assert [request.header("host") for request in origins.requests] == [
            "internal",
            f"b.test:{origins.port}",
            f"a.test:{origins.port}",
        ]

    def test_fields_that_auth_signed_with_do_not_cross(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        def sign(request: PreparedRequest) -> PreparedRequest:
            request.headers["X-Signature"] = "secret"
            return request

        session.get(origins.url_as("a.test", "/0"), auth=sign)
        assert [request.header("x-signature") for request in origins.requests] == ["secret", None, None]

    def test_no_referer_goes_from_https_to_http_and_no_userinfo_anywhere(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        plain = serve(Reply(200))
        secure = serve_tls(
            lambda request: Reply.redirect(
                "/1" if request.target == "/0" else plain.url_as("localhost", "/2")
            )
        )
        url = secure.url_as("localhost", "/page", userinfo="user:secret")
        session.get(secure.url_as("localhost", "/0"), verify=ca_file, headers={"Referer": url})
        assert secure.last.header("referer") == secure.url_as("localhost", "/page")
        assert plain.last.header("referer") is None


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets on this system")
def test_another_socket_is_another_origin(session: httpkit.Session) -> None:
    session.mount("http+unix://", UnixAdapter())
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory()))
        other = stack.enter_context(UnixServer(str(place / "B.sock"), Reply(200)))
        first = stack.enter_context(
            UnixServer(
                str(place / "A.sock"),
                lambda request: Reply.redirect("/1" if request.target == "/0" else other.at("/2")),
            )
        )
        session.get(first.at("/0"), auth=("u", "p"), headers={"X-API-Key": "k"}, cookies={"c": "1"})
        session.close()
    assert [bool(request.header("authorization")) for request in first.requests] == [True, True]
    for name in ("authorization", "x-api-key", "cookie"):
        assert first.last.header(name) is not None
        assert other.last.header(name) is None


class TestProxies:
    """Credentials for a proxy: it alone reads them."""

    SECRET = "Basic dXNlcjpzZWNyZXQ="

    def test_from_http_to_https_they_go_into_the_connect_and_not_into_the_tunnel(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        secure = serve_tls(
            lambda request: Reply.redirect("http://a.test/2") if request.target == "/1" else Reply(200)
        )
        plain = serve({"/": Reply.redirect("/0"), "/0": Reply.redirect("https://a.test/1"), "/2": Reply(200)})
        with ProxyServer({"a.test:80": plain, "a.test:443": secure}, auth=("user", "secret")) as proxy:
            session.get(
                "http://a.test/", proxies={"all": proxy.url_as(userinfo="user:secret")}, verify=ca_file
            )
            session.close()
        assert [(request.method, request.header("proxy-authorization")) for request in proxy.requests] == [
            ("GET", self.SECRET),
            ("GET", self.SECRET),
            ("CONNECT", self.SECRET),
            ("GET", self.SECRET),
        ]
        assert [request.target for request in secure.requests] == ["/1"]
        assert b"secret" not in secure.last.head
        assert [secure.last.header("proxy-authorization"), plain.last.header("proxy-authorization")] == [
            None,
            None,
        ]

    def test_an_origin_that_no_proxy_exempts_does_not_get_them(
        self, serve: Serve, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        direct = serve(Reply(200))
        origin = serve({"/0": Reply.redirect("/1"), "/1": Reply.redirect(direct.url_as("direct.test", "/2"))})
        with ProxyServer({"a.test": origin}, auth=("user", "secret")) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url_as(userinfo="user:secret"))
            monkeypatch.setenv("no_proxy", "direct.test")
            session.get("http://a.test/0")
            session.close()
        assert [request.header("proxy-authorization") for request in proxy.requests] == [self.SECRET] * 2
        assert direct.last.target == "/2"
        assert direct.last.header("proxy-authorization") is None
        assert b"secret" not in direct.last.head

    @pytest.mark.parametrize("way", ["a proxy", "a tunnel", "no proxy", "a proxy that is bypassed"])
    def test_auth_for_a_proxy_goes_where_one_reads_it(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str, way: str
    ) -> None:
        server = (serve_tls if way == "a tunnel" else serve)(Reply(200))
        with ProxyServer({"a.test": server}) as proxy:
            session.proxies = {} if way == "no proxy" else {"all": proxy.url}
            if way == "a proxy that is bypassed":
                session.proxies["no_proxy"] = "a.test"
            scheme = "https" if way == "a tunnel" else "http"
            auth = HTTPProxyAuth("user", "secret")
            session.get(f"{scheme}://a.test:{server.port}/", auth=auth, verify=ca_file)
            session.close()
            sent = [request.header("proxy-authorization") for request in proxy.requests]
        assert sent == {"a proxy": [self.SECRET], "a tunnel": [None]}.get(way, [])
        assert server.last.header("proxy-authorization") is None

    def test_those_of_one_proxy_are_not_for_another(self, serve: Serve, session: httpkit.Session) -> None:
        origin = serve(
            lambda request: Reply.redirect("http://b.test/1") if request.target == "/0" else Reply(200)
        )
        with ProxyServer({"a.test": origin}) as one, ProxyServer({"b.test": origin}) as other:
            session.proxies = {"http": one.url_as(userinfo="user:secret"), "http://b.test": other.url}
            session.get("http://a.test/0")
            session.close()
        assert one.last.header("proxy-authorization") == self.SECRET
        assert other.last.header("proxy-authorization") is None


class TestBodiesOfRedirects:
    MIB = 1_048_576

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_large_one_is_not_read_at_any_hop(
        self, serve: Serve, session: httpkit.Session, stream: bool
    ) -> None:
        written: list[int] = []

        def endless() -> Iterator[bytes]:
            while len(written) < 2000:
                written.append(65536)
                yield b"x" * 65536

        server = serve(
            lambda request: {
                "/0": Reply(302, [("Location", "/1")], b"x" * (self.MIB + 1)),
                "/1": Reply(302, [("Location", "/2")], endless()),
            }.get(request.target, Reply(200, body=b"here"))
        )
        response = session.get(server.url + "/0", stream=stream)
        assert response.content == b"here"
        assert server.connections == 3
        assert sum(written) < 64 * self.MIB
        for hop in response.history:
            with pytest.raises(StreamConsumedError):
                hop.content  # noqa: B018

    def test_one_that_would_grow_beyond_it_is_not_decompressed_beyond_it(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        bomb = gzip.compress(bytes(7 * self.MIB))
        server = serve(
            lambda request: {
                "/0": Reply(302, [("Location", "/1"), ("Content-Encoding", "gzip")], bomb),
                "/1": Reply(302, [("Location", "/2"), ("Content-Encoding", "gzip")], bomb),
            }.get(request.target, Reply(200))
        )
        response = session.get(server.url + "/0")
        assert response.status_code == 200
        for hop in response.history:
            with pytest.raises(StreamConsumedError):
                hop.content  # noqa: B018

    def test_one_of_a_mebibyte_is_there_and_its_connection_is_kept(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: {
                "/0": Reply(302, [("Location", "/1")], b"a" * self.MIB),
                "/1": Reply(302, [("Location", "/2")], b"b" * self.MIB),
            }.get(request.target, Reply(200))
        )
        response = session.get(server.url + "/0")
        assert [len(hop.content) for hop in response.history] == [self.MIB, self.MIB]
        assert server.connections == 1

    def test_the_answer_is_read_whole_be_it_a_redirect(self, serve: Serve) -> None:
        server = serve(
            lambda request: (
                Reply(302, [("Location", "http://b.test/")], b"a" * (self.MIB + 1))
                if request.target == "/1"
                else Reply.redirect("/1")
            )
        )
        with httpkit.Session(redirects="same-origin") as session:
            response = session.get(server.url + "/0")
            assert (len(response.content), len(response.history)) == (self.MIB + 1, 1)
            assert len(session.get(server.url + "/1", allow_redirects=False).content) == self.MIB + 1


def shown(value: object) -> str:
    """The same in every process, as sets are not."""
    return "+".join(sorted(value)) or "nothing" if isinstance(value, set) else str(value)


def users(server: RecordingServer) -> list[str | None]:
    """Who each request said that it is from."""
    found = [request.header("authorization") for request in server.requests]
    return [
        None if one is None else base64.b64decode(one.split()[1]).decode().partition(":")[0] for one in found
    ]


class TestAuthByOrigin:
    def test_each_origin_gets_its_own_on_calls_and_redirects(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        session.auth = {origins.url_as("a.test"): ("a", "1"), origins.url_as("b.test"): ("b", "2")}
        session.get(origins.url_as("a.test", "/0"))
        session.get(origins.url_as("b.test", "/x"))
        session.get(origins.url_as("c.test", "/x"))
        session.get(f"http://a.test:{origins.port}/here")
        assert users(origins) == ["a", "b", "a", "b", None, "a", "a"]

    def test_no_other_origin_gets_any(self, origins: RecordingServer, session: httpkit.Session) -> None:
        session.auth = {origins.url_as("a.test"): ("a", "1"), "https://b.test": ("b", "2")}
        session.get(origins.url_as("a.test", "/0"))
        assert users(origins) == ["a", None, "a"]

    def test_the_auth_of_a_call_is_for_its_first_origin_and_beats_the_mapping(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        session.auth = {origins.url_as("a.test"): ("a", "1"), origins.url_as("b.test"): ("b", "2")}
        session.get(origins.url_as("a.test", "/here"), auth=("call", "0"))
        session.get(origins.url_as("a.test", "/0"), auth=("call", "0"))
        assert users(origins) == ["call", "call", "call", "b", "a"]

    def test_a_challenge_is_answered_by_the_handler_of_its_origin(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')]

        def answer(request: Any) -> Reply:
            if not any(f'uri="{request.target}"' in value for value in request.getlist("authorization")):
                return Reply(401, challenge)
            return Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(200)

        server = serve(answer)
        session.auth = {
            server.url_as("a.test"): HTTPDigestAuth("a", "1"),
            server.url_as("b.test"): HTTPDigestAuth("b", "2"),
        }
        assert session.get(server.url_as("a.test", "/0")).status_code == 200
        sent = [request.header("authorization", "") for request in server.requests]
        assert ['username="a"' in one for one in sent] == [False, True, False, False]
        assert ['username="b"' in one for one in sent] == [False, False, False, True]

    def test_an_upgrade_gets_what_the_mapping_has_for_https(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        secure = serve_tls(Reply(200))
        plain = serve(Reply.redirect("https://a.test/1"))
        session.auth = {"https://a.test": ("a", "1")}
        with ProxyServer({"a.test:80": plain, "a.test:443": secure}) as proxy:
            session.get("http://a.test/0", proxies={"all": proxy.url}, verify=ca_file)
            session.close()
        assert (users(plain), users(secure)) == ([None], ["a"])

    def test_a_mapping_for_a_call_is_an_error_that_says_where_it_belongs(
        self, session: httpkit.Session
    ) -> None:
        with pytest.raises(TypeError, match=r"auth=dict.*Session\.auth"):
            session.get("http://a.test/", auth={"http://a.test": ("a", "1")})  # type: ignore[arg-type]


class TestNetrc:
    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "netrc"
        path.write_text("machine a.test login netrc password 1\ndefault login anybody password 2\n")
        path.chmod(0o600)
        monkeypatch.setenv("NETRC", str(path))
        return path

    def test_the_default_entry_is_not_for_hosts_that_a_redirect_names(
        self, origins: RecordingServer, session: httpkit.Session
    ) -> None:
        session.get(origins.url_as("a.test", "/0"))
        session.get(origins.url_as("c.test", "/x"))
        assert users(origins) == ["netrc", None, "netrc", "anybody"]

    @pytest.mark.parametrize(
        "form", ["call", "session", "mapping", "field of the call", "field of the session", "URL"]
    )
    def test_it_is_used_where_no_auth_is_given_in_any_form(
        self, origins: RecordingServer, session: httpkit.Session, form: str
    ) -> None:
        field = {"authorization": "Basic " + base64.b64encode(b"given:1").decode()}
        call: dict[str, Any] = {}
        if form == "call":
            call["auth"] = ("given", "1")
        elif form == "session":
            session.auth = ("given", "1")
        elif form == "mapping":
            session.auth = {origins.url_as("a.test"): ("given", "1")}
        elif form == "field of the call":
            call["headers"] = field
        elif form == "field of the session":
            session.headers.update(field)
        userinfo = "given:1" if form == "URL" else ""
        session.get(
            origins.url_as("a.test", "/x", userinfo=userinfo) if userinfo else origins.url_as("a.test", "/x"),
            **call,
        )
        assert users(origins) == ["given"]

    @pytest.mark.parametrize(
        ("trust_env", "used"),
        [(True, True), ({"netrc"}, True), ({"proxies", "ca"}, False), (set(), False), (False, False)],
        ids=shown,
    )
    @pytest.mark.parametrize("where", ["session", "keyword", "call", "function"])
    def test_it_has_a_switch_of_its_own_on_session_and_call_for_every_hop(
        self, origins: RecordingServer, session: httpkit.Session, where: str, trust_env: Any, used: bool
    ) -> None:
        url = origins.url_as("a.test", "/0")
        if where == "session":
            session.trust_env = trust_env
            session.get(url)
        elif where == "keyword":
            with httpkit.Session(trust_env=trust_env) as other:
                other.get(url)
        elif where == "call":
            session.trust_env = not used
            session.get(url, trust_env=trust_env)
        else:
            httpkit.get(url, trust_env=trust_env)
        assert users(origins) == (["netrc", None, "netrc"] if used else [None] * 3)


class TestTrustOfACall:
    @pytest.mark.parametrize(
        ("of_session", "of_call", "proxied"),
        [
            (True, None, True),
            (False, None, False),
            (False, True, True),
            (False, {"proxies"}, True),
            (True, False, False),
            (True, {"netrc", "ca"}, False),
            ({"ca"}, {"proxies"}, True),
        ],
        ids=shown,
    )
    def test_it_beats_the_session_for_proxies_at_every_hop(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch, of_session: Any, of_call: Any, proxied: bool
    ) -> None:
        server = serve(lambda request: Reply.redirect("/1") if request.target == "/0" else Reply(200))
        with ProxyServer({"a.test": server}) as proxy, httpkit.Session(trust_env=of_session) as session:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert session.get(server.url_as("a.test", "/0"), trust_env=of_call).status_code == 200
            assert len(proxy.requests) == (2 if proxied else 0)
            # What is given explicitly is not the environment's.
            proxies = {"http": proxy.url}
            assert session.get(server.url_as("a.test", "/0"), trust_env=of_call, proxies=proxies).ok
            assert len(proxy.requests) == (4 if proxied else 2)

    @pytest.mark.parametrize(
        ("trust_env", "used"), [({"ca"}, True), ({"proxies", "netrc"}, False), (False, False)]
    )
    def test_it_beats_the_session_for_the_bundle(
        self,
        https_server: RecordingServer,
        ca_file: str,
        monkeypatch: pytest.MonkeyPatch,
        trust_env: Any,
        used: bool,
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
        with httpkit.Session(trust_env=not used) as session:
            if used:
                assert session.get(https_server.url, trust_env=trust_env).ok
            else:
                with pytest.raises(httpkit.exceptions.SSLError):
                    session.get(https_server.url, trust_env=trust_env)

    def test_it_reaches_sessions_that_override_the_methods_of_old(
        self, origins: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Old(httpkit.Session):
            def prepare_request(self, request: Any) -> PreparedRequest:
                return super().prepare_request(request)

            def merge_environment_settings(
                self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
            ) -> Any:
                return super().merge_environment_settings(url, proxies, stream, verify, cert)

            def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> Any:
                return super().rebuild_proxies(prepared_request, proxies)

        monkeypatch.setenv("http_proxy", "http://nobody.invalid:1")
        with Old() as session:
            assert session.get(origins.url_as("a.test", "/0"), trust_env={"ca"}).ok

    @pytest.mark.parametrize("trust_env", ["proxies", {"proxy"}, 1.5], ids=shown)
    def test_what_is_none_is_an_error_before_anything_is_sent(
        self, origins: RecordingServer, session: httpkit.Session, trust_env: Any
    ) -> None:
        with pytest.raises((TypeError, ValueError), match="trust_env"):
            session.get(origins.url_as("a.test", "/x"), trust_env=trust_env)
        with pytest.raises((TypeError, ValueError), match="trust_env"):
            httpkit.Session(trust_env=trust_env)
        session.trust_env = trust_env
        with pytest.raises((TypeError, ValueError), match="trust_env"):
            session.get(origins.url_as("a.test", "/x"))
        assert origins.requests == []
