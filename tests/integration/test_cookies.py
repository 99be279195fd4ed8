"""Cookies between a session, its calls and servers: what arrives in the Cookie field (RFC 6265)."""

from __future__ import annotations

import http.cookiejar
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import httpkit
from httpkit.cookies import RequestsCookieJar, create_cookie
from httpkit.exceptions import InvalidHeader
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def setting(*cookies: str) -> Reply:
    return Reply(200, [("Set-Cookie", cookie) for cookie in cookies])


class TestOrigins:
    """draft-ietf-httpbis-rfc6265bis, over real connections."""

    def test_a_secure_cookie_is_neither_set_nor_covered_over_http(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        secure = serve_tls([setting("sid=good; Secure; Path=/"), Reply(200)])
        plain = serve(setting("sid=evil; Path=/", "sid=; Max-Age=0; Path=/", "new=1; Secure", "other=1"))
        session.get(secure.url_as("localhost"), verify=ca_file)
        session.get(plain.url_as("localhost"))
        session.get(secure.url_as("localhost"), verify=ca_file)
        assert secure.last.cookies == {"sid": "good", "other": "1"}

    def test_names_with_prefixes_come_from_where_they_say(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        fields = ["__Host-a=1; Secure; Path=/", "__Secure-b=1; Secure", "__Host-c=1; Path=/", "__Secure-d=1"]
        for server in (serve(setting(*fields)), serve_tls(setting(*fields))):
            session.get(server.url_as("localhost"), verify=ca_file)
        assert session.cookies.get_dict() == {"__Host-a": "1", "__Secure-b": "1"}
        assert {cookie.secure for cookie in session.cookies} == {True}

    def test_a_server_cannot_fill_the_memory(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: setting(*[f"{request.path[1:]}{n}=1" for n in range(90)], "big=" + "x" * 5000)
        )
        for page in "abcd":
            session.get(f"{server.url}/{page}")
        assert len(session.cookies) == 180
        assert "big" not in session.cookies

    def test_threads_may_set_send_look_at_and_clear_them_at_once(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(lambda request: setting(f"{request.path[1:]}=1; Path=/", "common=1; Path=/"))
        done = threading.Event()

        def call(caller: int) -> None:
            for number in range(25):
                session.get(f"{server.url}/{caller}-{number}")

        def look() -> None:
            while not done.is_set():
                assert {cookie.value for cookie in session.cookies.copy()} <= {"1"}
                pickle.loads(pickle.dumps(session.cookies)).items()

        def clear() -> None:
            while not done.is_set():
                session.cookies.clear_expired_cookies()
                session.cookies.pop("common", None)

        with ThreadPoolExecutor(6) as pool:
            others = [pool.submit(look), pool.submit(clear)]
            try:
                list(pool.map(call, range(4)))
            finally:
                done.set()
            for other in others:
                other.result()
        assert len(set(session.cookies.keys()) - {"common"}) == 100
        assert all(
            re.fullmatch(r"(?:[^=;]+=1(?:; )?)*", ";".join(one.getlist("cookie"))) for one in server.requests
        )


class TestKeeping:
    def test_what_a_server_sets_comes_back_to_it(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve({"/set": setting("a=1", "b=2; Path=/"), "/": Reply(200)})
        response = session.get(server.url + "/set")
        assert response.cookies.get_dict() == {"a": "1", "b": "2"}
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}
        session.get(server.url + "/")
        assert server.last.cookies == {"a": "1", "b": "2"}

    def test_a_session_without_cookies_sends_no_field(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        session.get(server.url)
        assert server.last.getlist("cookie") == []

    def test_set_again_replaces_and_expired_removes(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve([setting("a=1"), setting("a=2"), setting("a=; Max-Age=0"), Reply(200)])
        for _ in range(4):
            session.get(server.url)
        assert [request.cookies if request.getlist("cookie") else {} for request in server.requests] == [
            {},
            {"a": "1"},
            {"a": "2"},
            {},
        ]

    def test_they_stay_with_their_host(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(lambda request: setting(f"from={(request.header('host') or '').partition('.')[0]}"))
        for name in ("a.test", "b.test", "a.test", "b.test"):
            session.get(server.url_as(name))
        assert [request.getlist("cookie") for request in server.requests] == [[], [], ["from=a"], ["from=b"]]

    def test_they_stay_below_their_path(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: setting("deep=1; Path=/deep") if request.target == "/deep/set" else Reply(200)
        )
        for path in ("/deep/set", "/deep", "/deep/er", "/deeper", "/"):
            session.get(server.url + path)
        assert [bool(request.getlist("cookie")) for request in server.requests] == [
            False,
            True,
            True,
            False,
            False,
        ]

    def test_a_server_cannot_set_them_for_another(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: (
                setting("a=1; Domain=b.test", "c=2; Domain=test") if request.path == "/set" else Reply()
            )
        )
        session.get(server.url_as("a.test", "/set"))
        session.get(server.url_as("b.test"))
        assert server.last.getlist("cookie") == []

    def test_those_of_a_domain_go_to_its_hosts(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(
            lambda request: setting("a=1; Domain=site.test") if request.path == "/set" else Reply()
        )
        session.get(server.url_as("www.site.test", "/set"))
        for name, sent in [("www.site.test", True), ("api.site.test", True), ("other.test", False)]:
            session.get(server.url_as(name))
            assert bool(server.last.getlist("cookie")) is sent

    def test_secure_ones_are_not_sent_in_the_clear(
        self, serve: Serve, serve_tls: Serve, session: httpkit.Session, ca_file: str
    ) -> None:
        secure = serve_tls(setting("s=1; Secure", "p=2"))
        plain = serve(Reply(200))
        for _ in range(2):
            session.get(secure.url_as("localhost"), verify=ca_file)
        session.get(plain.url_as("localhost"))
        assert secure.last.cookies == {"s": "1", "p": "2"}
        assert plain.last.cookies == {"p": "2"}

    def test_a_status_of_error_sets_them_too(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve([Reply(500, [("Set-Cookie", "a=1")]), Reply(200)])
        session.get(server.url)
        session.get(server.url)
        assert server.last.cookies == {"a": "1"}

    def test_streamed_responses_set_them_before_the_body_is_read(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(setting("a=1"))
        with session.get(server.url, stream=True) as response:
            assert session.cookies.get_dict() == response.cookies.get_dict() == {"a": "1"}

    @pytest.mark.parametrize(
        "field",
        ["", "=", ";", "a", "=v", "a=1; Expires=never", "\xff=\xfe", "a=1; Max-Age=x", "a=" + "x" * 100_00],
    )
    def test_malformed_ones_never_raise(self, serve: Serve, session: httpkit.Session, field: str) -> None:
        server = serve([setting(field), Reply(200)])
        assert session.get(server.url).status_code == 200
        assert session.get(server.url).status_code == 200


JARS: list[tuple[str, Callable[[], Any]]] = [
    ("mapping", lambda: {"a": "1", "b": "2"}),
    ("jar", lambda: httpkit.cookies.cookiejar_from_dict({"a": "1", "b": "2"})),
    ("standard jar", lambda: standard_jar(a="1", b="2")),
]


def standard_jar(**cookies: str) -> http.cookiejar.CookieJar:
    jar = http.cookiejar.CookieJar()
    for name, value in cookies.items():
        jar.set_cookie(create_cookie(name, value))
    return jar


class TestGiving:
    @pytest.mark.parametrize("make", [make for _, make in JARS], ids=[name for name, _ in JARS])
    def test_each_form_arrives_and_is_not_kept(
        self, server: RecordingServer, session: httpkit.Session, make: Callable[[], Any]
    ) -> None:
        session.get(server.url, cookies=make())
        assert server.last.getlist("cookie") == ["a=1; b=2"]
        session.get(server.url)
        assert server.last.getlist("cookie") == []
        assert len(session.cookies) == 0

    @pytest.mark.parametrize("make", [make for _, make in JARS], ids=[name for name, _ in JARS])
    def test_those_of_the_call_beat_those_of_the_session(
        self, server: RecordingServer, session: httpkit.Session, make: Callable[[], Any]
    ) -> None:
        session.cookies.update({"a": "session", "c": "session"})
        session.get(server.url, cookies=make())
        assert server.last.cookies == {"a": "1", "b": "2", "c": "session"}
        session.get(server.url)
        assert server.last.cookies == {"a": "session", "c": "session"}

    @pytest.mark.parametrize("make", [make for _, make in JARS], ids=[name for name, _ in JARS])
    def test_the_sessions_own_jar_may_be_replaced(
        self, server: RecordingServer, session: httpkit.Session, make: Callable[[], Any]
    ) -> None:
        jar = make()
        session.cookies = httpkit.cookies.cookiejar_from_dict(jar) if isinstance(jar, dict) else jar
        session.get(server.url)
        assert server.last.cookies == {"a": "1", "b": "2"}
        session.get(server.url, cookies={"b": "call", "c": "3"})
        assert server.last.cookies == {"a": "1", "b": "call", "c": "3"}

    def test_what_a_server_sets_in_answer_to_them_is_kept_without_them(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve([setting("new=1"), Reply(200)])
        session.get(server.url, cookies={"call": "1"})
        session.get(server.url)
        assert server.last.cookies == {"new": "1"}

    def test_a_field_by_hand_stands_for_all_of_them(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        session.cookies.set("session", "1")
        session.get(server.url, headers={"Cookie": "by=hand"}, cookies={"call": "2"})
        assert server.last.getlist("cookie") == ["by=hand"]

    @pytest.mark.parametrize("value", ["a;b=c", "a\r\nX-Injected: 1", "a\x00"])
    def test_a_value_cannot_add_a_cookie_or_a_field(
        self, server: RecordingServer, session: httpkit.Session, value: str
    ) -> None:
        with pytest.raises(InvalidHeader):
            session.get(server.url, cookies={"a": value})
        assert server.requests == []

    @pytest.mark.parametrize("value", ['"quoted"', "a b", "a,b", "ä", "a=b", "", "x" * 4000])
    def test_other_values_arrive_as_they_are(
        self, server: RecordingServer, session: httpkit.Session, value: str
    ) -> None:
        session.get(server.url, cookies={"a": value})
        assert server.last.getlist("cookie") == [f"a={value}"]

    def test_a_jar_is_read_and_not_changed(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(setting("new=1"))
        jar = RequestsCookieJar()
        jar.set("a", "1")
        session.get(server.url, cookies=jar)
        assert jar.get_dict() == {"a": "1"}

    def test_functions_keep_none(self, serve: Serve) -> None:
        server = serve(setting("a=1"))
        assert httpkit.get(server.url).cookies.get_dict() == {"a": "1"}
        httpkit.get(server.url)
        assert server.last.getlist("cookie") == []

    def test_a_prepared_request_has_those_of_its_time(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        prepared = session.prepare_request(httpkit.Request("GET", server.url))
        session.cookies.set("late", "1")
        session.send(prepared)
        assert server.last.getlist("cookie") == []

    def test_a_login_by_redirect_works(self, serve: Serve, session: httpkit.Session) -> None:
        def site(request: Received) -> Reply:
            if request.path == "/login":
                return Reply.redirect("/home", 303, [("Set-Cookie", "sid=42; HttpOnly; Path=/")])
            return Reply(200 if request.getlist("cookie") == ["sid=42"] else 403)

        server = serve(site)
        assert session.get(server.url + "/home").status_code == 403
        assert session.post(server.url + "/login", data={"user": "u"}).status_code == 200
        assert session.get(server.url + "/home").status_code == 200


def test_a_response_shows_the_secure_cookies_of_an_insecure_origin_and_no_session_keeps_them(
    serve: Any, ca_file: str
) -> None:
    """Programs look at what a response has set; what is sent later is another question (rfc6265bis §5.7)."""
    server = serve(
        Reply(headers=[("Set-Cookie", "a=1; Secure"), ("Set-Cookie", "__Host-b=2"), ("Set-Cookie", "c=3")])
    )
    with httpkit.Session() as session:
        response = session.get(server.url)
        assert response.cookies.get_dict() == {"a": "1", "c": "3"}
        assert session.cookies.get_dict() == {"c": "3"}
        # It is no loophole: what a program takes from there goes to https only, and the jar keeps by the usual rules.
        session.get(server.url, cookies=response.cookies)
        assert server.last.header("cookie") == "c=3"
        session.cookies = response.cookies
        session.cookies.clear()
        session.get(server.url)
        assert session.cookies.get_dict() == {"c": "3"}
