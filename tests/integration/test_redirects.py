"""Redirects over the wire: what each hop receives, and which credentials never reach it (RFC 9110 §15.4)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit.auth import AuthBase, HTTPBasicAuth, HTTPBearerAuth, HTTPDigestAuth
from httpkit.exceptions import (
    BodyNotReplayable,
    ChunkedEncodingError,
    InvalidSchema,
    InvalidURL,
    RequestException,
    TooManyRedirects,
)
from httpkit.models import PreparedRequest
from tests.servers import ProxyServer, RawServer, Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def chain(*hops: tuple[str, int]) -> dict[str, Any]:
    """/0 leads to the first location, /1 to the second, and so on; anything else is echoed by the default handler."""
    return {f"/{number}": Reply.redirect(location, status) for number, (location, status) in enumerate(hops)}


class TestMethodsAndBodies:
    @pytest.mark.parametrize(
        ("method", "status", "following"),
        [
            (method, status, following)
            for method, row in {
                "GET": {301: "GET", 302: "GET", 303: "GET", 307: "GET", 308: "GET"},
                "HEAD": {301: "HEAD", 302: "HEAD", 303: "HEAD", 307: "HEAD", 308: "HEAD"},
                "POST": {301: "GET", 302: "GET", 303: "GET", 307: "POST", 308: "POST"},
                "PUT": {301: "PUT", 302: "GET", 303: "GET", 307: "PUT", 308: "PUT"},
                "DELETE": {301: "DELETE", 302: "GET", 303: "GET", 307: "DELETE", 308: "DELETE"},
            }.items()
            for status, following in row.items()
        ],
    )
    def test_the_method_of_the_next_request(
        self, serve: Serve, session: httpkit.Session, method: str, status: int, following: str
    ) -> None:
        server = serve({"/0": Reply.redirect("/1", status), "/1": Reply(200)})
        body = b"body" if method in ("POST", "PUT") else None
        response = session.request(method, server.url + "/0", data=body, allow_redirects=True)
        assert response.url == server.url + "/1"
        assert [request.method for request in server.requests] == [method, following]
        kept = following == method and status != 303
        assert server.last.body == (body if kept and body else b"")
        if not kept and following == "GET":
            assert server.last.getlist("content-length") == server.last.getlist("content-type") == []

    BODIES: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("bytes", lambda: {"data": b"content"}),
        ("text", lambda: {"data": "content"}),
        ("form", lambda: {"data": {"a": "1"}}),
        ("json", lambda: {"json": {"a": 1}}),
        ("file", lambda: {"data": io.BytesIO(b"content")}),
        ("list-like", lambda: {"data": Again([b"con", b"tent"])}),
        ("files", lambda: {"files": {"f": ("n", b"content")}}),
        ("files from memory", lambda: {"files": {"f": ("n", io.BytesIO(b"content"))}}),
        ("large file", lambda: {"files": {"f": ("n", io.BytesIO(b"x" * 3_000_000))}}),
    )

    @pytest.mark.parametrize("status", [307, 308])
    @pytest.mark.parametrize("make", [make for _, make in BODIES], ids=[name for name, _ in BODIES])
    def test_bodies_that_can_be_replayed_are_sent_whole_on_every_hop(
        self, serve: Serve, session: httpkit.Session, make: Callable[[], Any], status: int
    ) -> None:
        server = serve(
            {"/0": Reply.redirect("/1", status), "/1": Reply.redirect("/2", status), "/2": Reply(200)}
        )
        assert session.post(server.url + "/0", **make()).status_code == 200
        first, second, third = server.requests
        assert first.body
        assert first.body == second.body == third.body
        assert first.getlist("content-type") == third.getlist("content-type")
        assert first.getlist("content-length") == third.getlist("content-length")
        assert first.getlist("transfer-encoding") == third.getlist("transfer-encoding")

    def test_a_file_is_sent_again_from_where_it_stood(
        self, serve: Serve, session: httpkit.Session, tmp_path: Path
    ) -> None:
        server = serve({"/0": Reply.redirect("/1", 307), "/1": Reply(200)})
        path = tmp_path / "file"
        path.write_bytes(b"0123456789")
        with path.open("rb") as file:
            file.seek(3)
            session.put(server.url + "/0", data=file)
        assert [request.body for request in server.requests] == [b"3456789", b"3456789"]

    @pytest.mark.parametrize(
        "make",
        [lambda: (piece for piece in [b"x"]), lambda: iter([b"x"]), lambda: os.fdopen(pipe_with(b"x"), "rb")],
        ids=["generator", "iterator", "pipe"],
    )
    def test_what_can_be_read_once_is_never_sent_as_an_empty_body(
        self, serve: Serve, session: httpkit.Session, make: Callable[[], Any]
    ) -> None:
        server = serve({"/0": Reply.redirect("/1", 307), "/1": Reply(200)})
        body = make()
        with pytest.raises(BodyNotReplayable) as caught:
            session.post(server.url + "/0", data=body)
        getattr(body, "close", int)()
        assert [(request.target, request.body) for request in server.requests] == [("/0", b"x")]
        assert isinstance(caught.value.request, PreparedRequest)

    def test_a_file_closed_meanwhile_is_an_error_of_ours(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        file = io.BytesIO(b"x")

        def close(request: Received) -> Reply:
            file.close()
            return Reply.redirect("/1", 307)

        server = serve({"/0": close, "/1": Reply(200)})
        with pytest.raises(RequestException):
            session.post(server.url + "/0", data=file)
        assert server.targets == ["/0"]


class Again:
    """An iterable that begins anew each time."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


def pipe_with(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


class TestLocations:
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("/1", "/1"),
            ("1", "/dir/1"),
            ("./1", "/dir/1"),
            ("../1", "/1"),
            ("?q=1", "/dir/0?q=1"),
            ("#frag", "/dir/0?old"),
            ("/1#frag", "/1"),
            ("/1?a=b&c=%20", "/1?a=b&c=%20"),
            ("/a b", "/a%20b"),
            ("/%7E%2f", "/%7E%2f"),
            ("/a:b@c;d=e,f", "/a:b@c;d=e,f"),
            (" /1 ", "/1"),
            ("/a/../b/./c", "/b/c"),
        ],
    )
    def test_references_are_resolved_against_the_url_of_the_response(
        self, serve: Serve, session: httpkit.Session, location: str, target: str
    ) -> None:
        replies = [Reply.redirect(location), Reply(200)]
        server = serve(replies)
        response = session.get(server.url + "/dir/0?old")
        assert server.targets == ["/dir/0?old", target]
        assert (response.status_code, len(response.history)) == (200, 1)

    def test_the_url_of_the_response_shows_the_fragment(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve([Reply.redirect("/1"), Reply.redirect("/2#own"), Reply(200)])
        assert session.get(server.url + "/0#frag").url == server.url + "/2#own"

    def test_absolute_and_network_path_references_change_the_host(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: {
                "/0": Reply.redirect(server.url_as("b.test", "/1")),
                "/1": Reply.redirect(f"//c.test:{server.port}/2"),
            }.get(request.target, Reply(200))
        )
        assert session.get(server.url_as("a.test", "/0")).url == server.url_as("c.test", "/2")
        assert [request.getlist("host") for request in server.requests] == [
            [f"{name}.test:{server.port}"] for name in "abc"
        ]

    @pytest.mark.parametrize(
        ("sent", "target"),
        [
            ("/ü/€".encode(), "/%C3%BC/%E2%82%AC"),
            ("/ü".encode("latin-1"), "/%C3%BC"),
            ("/?q=ü".encode(), "/?q=%C3%BC"),
        ],
        ids=["UTF-8", "ISO-8859-1", "query"],
    )
    def test_bytes_beyond_ascii_are_read_as_utf_8(
        self, serve: Serve, session: httpkit.Session, sent: bytes, target: str
    ) -> None:
        server = serve([Reply.redirect(sent.decode("latin-1")), Reply(200)])
        session.get(server.url)
        assert server.targets[1] == target

    def test_an_international_host_is_written_in_ascii(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(f"http://münchen.test:{server.port}/".encode().decode("latin-1"))
                if request.target == "/0"
                else Reply(200)
            )
        )
        session.get(server.url + "/0")
        assert server.last.getlist("host") == [f"xn--mnchen-3ya.test:{server.port}"]

    @pytest.mark.parametrize(
        "location",
        [
            "http://",
            "http:///x",
            "http://[::1",
            "http://a.test:port/",
            "http://a.test:99999/",
            "//",
            "http://a b/",
        ],
    )
    def test_a_malformed_location_is_an_error_of_ours_with_the_response(
        self, serve: Serve, session: httpkit.Session, location: str
    ) -> None:
        server = serve({"/0": Reply.redirect(location), "/1": Reply(200)})
        with pytest.raises(InvalidURL) as caught:
            session.get(server.url + "/0")
        assert caught.value.response is not None
        assert caught.value.response.status_code == 302
        assert session.get(server.url + "/1").status_code == 200
        assert server.connections == 1

    @pytest.mark.parametrize("location", [b"/a\x00b", b"/a\x01b", b"/a\x7fb", b"/a\tb", b"/a\x1b[31m"])
    def test_control_characters_in_a_location_are_refused(
        self, serve_raw: Callable[..., RawServer], session: httpkit.Session, location: bytes
    ) -> None:
        server = serve_raw(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(RequestException) as caught:
            session.get(server.url)
        assert str(caught.value).isprintable()
        assert len(server.received) == 1

    @pytest.mark.parametrize(
        "location",
        [
            "ftp://a.test/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "mailto:a@b.test",
            "data:,x",
            "unix:/x",
        ],
    )
    def test_redirects_do_not_leave_http(self, serve: Serve, session: httpkit.Session, location: str) -> None:
        server = serve(Reply.redirect(location))
        with pytest.raises(InvalidSchema) as caught:
            session.get(server.url)
        assert caught.value.response is not None

    def test_an_empty_location_is_no_redirect(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply.redirect(""))
        assert session.get(server.url).status_code == 302
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", [300, 304, 305, 306])
    def test_other_3xx_statuses_are_the_answer(
        self, serve: Serve, session: httpkit.Session, status: int
    ) -> None:
        server = serve(Reply.redirect("/1", status))
        assert session.get(server.url).status_code == status
        assert len(server.requests) == 1


class TestChains:
    def test_history_holds_every_response_with_its_body(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            {
                "/0": Reply(301, [("Location", "/1")], b"gone there"),
                "/1": Reply(302, [("Location", "/2")], [b"chunk", b"ed"]),
                "/2": Reply(200, body=b"here"),
            }
        )
        response = session.get(server.url + "/0")
        assert [(hop.status_code, hop.url, hop.content) for hop in response.history] == [
            (301, server.url + "/0", b"gone there"),
            (302, server.url + "/1", b"chunked"),
        ]
        assert [len(hop.history) for hop in response.history] == [0, 1]
        assert response.text == "here"
        assert server.connections == 1, "each hop gave its connection back"

    def test_a_loop_is_an_error_with_history(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply.redirect("/again"))
        with pytest.raises(TooManyRedirects, match="redirect loop: the same GET") as caught:
            session.get(server.url)
        assert len(server.requests) == 6
        assert caught.value.response is not None
        assert len(caught.value.response.history) == 5
        assert server.connections == 1

    def test_more_than_thirty_are_an_error_with_history(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(lambda request: Reply.redirect(f"/{len(server.requests)}"))
        with pytest.raises(TooManyRedirects, match="30") as caught:
            session.get(server.url)
        assert len(server.requests) == 31
        assert caught.value.response is not None
        assert len(caught.value.response.history) == 30
        assert caught.value.request is not None
        assert server.connections == 1

    def test_a_redirect_that_is_not_followed_says_what_is_next(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve({"/0": Reply.redirect("/1", 307, [("Set-Cookie", "a=1")]), "/1": Reply(200)})
        response = session.post(server.url + "/0", data=b"body", allow_redirects=False)
        assert (response.is_redirect, response.is_permanent_redirect, response.history) == (True, False, [])
        assert len(server.requests) == 1
        assert response.next is not None
        assert session.send(response.next).status_code == 200
        assert (server.last.method, server.last.target, server.last.body) == ("POST", "/1", b"body")
        assert server.last.cookies == {"a": "1"}

    def test_a_body_of_a_redirect_that_breaks_off_does_not_stop_the_chain(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        broken = Reply(
            302, [("Location", "/1"), ("Content-Length", "100")], b"short", framing="none", close=True
        )
        server = serve({"/0": broken, "/1": Reply(200)})
        assert session.get(server.url + "/0").status_code == 200

    def test_a_last_body_that_breaks_off_is_an_error(self, serve: Serve, session: httpkit.Session) -> None:
        broken = Reply(200, [("Content-Length", "100")], b"short", framing="none", close=True)
        server = serve({"/0": Reply.redirect("/1"), "/1": broken})
        with pytest.raises((ChunkedEncodingError, httpkit.ConnectionError)):
            session.get(server.url + "/0")

    def test_a_huge_body_of_a_redirect_costs_no_more_than_a_connection(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve({"/0": Reply(302, [("Location", "/1")], b"x" * 1_000_000), "/1": Reply(200)})
        assert session.get(server.url + "/0", stream=True).status_code == 200

    def test_only_the_last_body_is_left_unread_when_streaming(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve({"/0": Reply(302, [("Location", "/1")], b"moved"), "/1": Reply(200, body=b"here")})
        with session.get(server.url + "/0", stream=True) as response:
            assert response.history[0].content == b"moved"
            assert not response._content_consumed
            assert b"".join(response.iter_content(2)) == b"here"

    def test_a_server_that_closes_after_each_hop_is_followed(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        close = [("Connection", "close")]
        server = serve(
            {"/0": Reply.redirect("/1", 302, close), "/1": Reply.redirect("/2", 302, close), "/2": Reply(200)}
        )
        assert session.get(server.url + "/0").status_code == 200
        assert server.connections == 3


class Own(AuthBase):
    """Auth that a program wrote: a field, and a hook that would answer a challenge."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["Authorization"] = "Own secret"
        r.register_hook("response", self.answer)
        return r

    def answer(self, response: httpkit.Response, **kwargs: Any) -> httpkit.Response:
        if response.status_code != 401:
            return response
        response.content  # noqa: B018
        again = response.request.copy()
        again.headers["Authorization"] = "Own answer"
        return response.connection.send(again, **kwargs)  # type: ignore[no-any-return]


class Duck:
    """The same without AuthBase: any callable is auth."""

    __call__ = Own.__call__
    answer = Own.answer


SECRETS: dict[str, tuple[dict[str, Any], str]] = {
    "auth=pair": ({"auth": ("user", "secret")}, "authorization"),
    "auth=basic": ({"auth": HTTPBasicAuth("user", "secret")}, "authorization"),
    "auth=bearer": ({"auth": HTTPBearerAuth("secret")}, "authorization"),
    "auth=own": ({"auth": Own()}, "authorization"),
    "header": ({"headers": {"Authorization": "Bearer secret"}}, "authorization"),
    "lower-case header": ({"headers": {"authorization": "Bearer secret"}}, "authorization"),
    "cookie header": ({"headers": {"Cookie": "a=secret"}}, "cookie"),
    "cookies=": ({"cookies": {"a": "secret"}}, "cookie"),
    "X-API-Key": ({"headers": {"X-API-Key": "secret"}}, "x-api-key"),
    "X-Auth-Token": ({"headers": {"X-Auth-Token": "secret"}}, "x-auth-token"),
    "Private-Token": ({"headers": {"PRIVATE-TOKEN": "secret"}}, "private-token"),
    "Proxy-Authorization": ({"headers": {"Proxy-Authorization": "Basic secret"}}, "proxy-authorization"),
}
KEPT = [name for name in SECRETS if name not in ("cookie header", "Proxy-Authorization")]


class TestCredentials:
    """Three servers, or one under three names: what was meant for the first reaches no other, and never comes back."""

    @pytest.mark.parametrize("status", [301, 307])
    @pytest.mark.parametrize("secret", SECRETS)
    def test_they_do_not_reach_another_origin_and_do_not_come_back(
        self, serve: Serve, session: httpkit.Session, secret: str, status: int
    ) -> None:
        arguments, name = SECRETS[secret]
        server = serve(
            lambda request: {
                "/0": Reply.redirect(server.url_as("b.test", "/1"), status),
                "/1": Reply.redirect(server.url_as("a.test", "/2"), status),
                "/2": Reply.redirect("/3", status),
            }.get(request.target, Reply(200))
        )
        assert session.get(server.url_as("a.test", "/0"), **arguments).status_code == 200
        assert [request.target for request in server.requests] == ["/0", "/1", "/2", "/3"]
        assert server.requests[0].getlist(name) != []
        for later in server.requests[1:]:
            assert later.getlist(name) == []
            assert b"secret" not in later.head

    @pytest.mark.parametrize("secret", KEPT)
    def test_they_stay_within_their_origin(self, serve: Serve, session: httpkit.Session, secret: str) -> None:
        arguments, name = SECRETS[secret]
        server = serve({"/0": Reply.redirect("/1"), "/1": Reply.redirect("/2", 307), "/2": Reply(200)})
        session.get(server.url + "/0", **arguments)
        values = [request.getlist(name) for request in server.requests]
        assert values[0] != []
        assert values[0] == values[1] == values[2]

    @pytest.mark.parametrize("change", ["host", "port", "subdomain", "localhost"])
    def test_any_part_of_the_origin_makes_it_another(
        self, serve: Serve, session: httpkit.Session, change: str
    ) -> None:
        other = serve(Reply(200))
        server = serve(lambda request: Reply.redirect(target) if request.target == "/0" else Reply(200))
        target = {
            "host": server.url_as("b.test", "/1"),
            "port": other.url_as("a.test", "/1"),
            "subdomain": server.url_as("sub.a.test", "/1"),
            "localhost": server.url_as("localhost", "/1"),
        }[change]
        session.get(server.url_as("a.test", "/0"), auth=("user", "secret"), headers={"X-API-Key": "secret"})
        last = other.last if change == "port" else server.last
        assert last.target == "/1"
        assert b"secret" not in last.head
        assert last.getlist("authorization") == []

    def test_they_do_not_go_from_https_to_http(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        plain = serve(Reply(200))
        secure = serve_tls(lambda request: Reply.redirect(plain.url_as("localhost", "/1")))
        session.get(
            secure.url_as("localhost", "/0"),
            verify=ca_file,
            auth=("user", "secret"),
            headers={"X-API-Key": "secret"},
            cookies={"a": "secret"},
        )
        assert plain.last.target == "/1"
        for name in ("authorization", "x-api-key", "cookie"):
            assert secure.last.getlist(name) != []
            assert plain.last.getlist(name) == []

    def test_they_go_from_http_to_https_on_the_same_host(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        """The upgrade is one of port 80 to port 443, which a proxy brings to servers that are at neither."""
        secure = serve_tls(Reply(200))
        plain = serve(lambda request: Reply.redirect("https://a.test/1"))
        with ProxyServer({"a.test:80": plain, "a.test:443": secure}) as proxy:
            session.get(
                "http://a.test/0",
                proxies={"all": proxy.url},
                verify=ca_file,
                auth=("user", "secret"),
                headers={"X-API-Key": "key"},
                cookies={"a": "1"},
            )
            session.close()
        assert secure.last.target == "/1"
        for name in ("authorization", "x-api-key", "cookie"):
            assert secure.last.getlist(name) == plain.last.getlist(name) != []

    def test_a_digest_does_not_answer_the_challenge_of_another_origin(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')]

        def answer(request: Received) -> Reply:
            if request.target == "/0" and request.getlist("authorization"):
                return Reply.redirect(server.url_as("b.test", "/1"))
            return Reply(401, challenge)

        server = serve(answer)
        response = session.get(server.url_as("a.test", "/0"), auth=HTTPDigestAuth("user", "secret"))
        assert response.status_code == 401
        assert [request.target for request in server.requests] == ["/0", "/0", "/1"]
        assert server.last.getlist("authorization") == []

    @pytest.mark.parametrize("kind", ["AuthBase", "callable object", "function"])
    def test_auth_of_a_program_does_not_answer_the_challenge_of_another_origin(
        self, serve: Serve, session: httpkit.Session, kind: str
    ) -> None:
        def answer(request: Received) -> Reply:
            return Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(401)

        server = serve(answer)
        auth: Any = {"AuthBase": Own(), "callable object": Duck(), "function": Duck().__call__}[kind]
        assert session.get(server.url_as("a.test", "/0"), auth=auth).status_code == 401
        assert [request.getlist("authorization") for request in server.requests] == [["Own secret"], []]

    def test_a_digest_answers_again_within_its_origin(self, serve: Serve, session: httpkit.Session) -> None:
        challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')]

        def answer(request: Received) -> Reply:
            if not any(f'uri="{request.target}"' in value for value in request.getlist("authorization")):
                return Reply(401, challenge)
            return Reply.redirect("/1") if request.target == "/0" else Reply(200)

        server = serve(answer)
        assert session.get(server.url + "/0", auth=HTTPDigestAuth("user", "pass")).status_code == 200

    def test_the_sessions_auth_is_for_the_url_that_was_called(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(200)
            )
        )
        session.auth = ("user", "secret")
        session.headers["X-API-Key"] = "secret"
        session.get(server.url_as("a.test", "/0"))
        assert b"secret" not in server.last.head
        assert server.last.getlist("authorization") == []

    def test_userinfo_in_a_url_does_not_travel(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(200)
            )
        )
        session.get(server.url_as("a.test", "/0", userinfo="user:secret"))
        assert server.requests[0].getlist("authorization") != []
        assert server.last.getlist("authorization") == []

    def test_netrc_serves_the_host_that_it_names_on_every_hop(
        self, serve: Serve, session: httpkit.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine a.test login a password a\nmachine c.test login c password c\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        server = serve(
            lambda request: {
                "/0": Reply.redirect(server.url_as("b.test", "/1")),
                "/1": Reply.redirect(server.url_as("c.test", "/2")),
            }.get(request.target, Reply(200))
        )
        session.get(server.url_as("a.test", "/0"))
        assert [request.getlist("authorization") for request in server.requests] == [
            ["Basic YTph"],
            [],
            ["Basic Yzpj"],
        ]

    def test_credentials_for_a_proxy_stay_with_it(self, serve: Serve, session: httpkit.Session) -> None:
        origin = serve({"/0": Reply.redirect("http://direct.test/1"), "/1": Reply(200)})
        direct = serve(Reply(200))
        with ProxyServer({"a.test": origin, "direct.test": direct}, auth=("user", "secret")) as proxy:
            url = proxy.url_as(userinfo="user:secret")
            session.get("http://a.test/0", proxies={"http": url})
            session.close()
            assert [request.getlist("proxy-authorization") for request in proxy.requests] == [
                ["Basic dXNlcjpzZWNyZXQ="]
            ] * 2
        assert origin.last.getlist("proxy-authorization") == direct.last.getlist("proxy-authorization") == []

    def test_a_cookie_of_the_session_goes_where_it_belongs(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: {
                "/0": Reply.redirect(server.url_as("b.test", "/1"), 302, [("Set-Cookie", "from_a=1")]),
                "/1": Reply.redirect(server.url_as("a.test", "/2"), 302, [("Set-Cookie", "from_b=2")]),
            }.get(request.target, Reply(200))
        )
        session.get(server.url_as("a.test", "/0"), cookies={"call": "secret"})
        assert [request.cookies for request in server.requests] == [{"call": "secret"}, {}, {"from_a": "1"}]

    def test_a_body_goes_along_with_307_and_its_credentials_do_not(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(server.url_as("b.test", "/1"), 307) if request.target == "/0" else Reply(200)
            )
        )
        session.post(server.url_as("a.test", "/0"), json={"a": 1}, auth=("user", "secret"))
        assert (server.last.method, server.last.json()) == ("POST", {"a": 1})
        assert server.last.getlist("authorization") == []
