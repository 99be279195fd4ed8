"""Session: defaults, mounts, and the driver of a call, over adapters that answer from memory."""

from __future__ import annotations

import copy
import io
import pickle
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import httpkit
from httpkit import sessions
from httpkit._message import urls
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.auth import HTTPBasicAuth
from httpkit.cookies import RequestsCookieJar
from httpkit.exceptions import (
    BodyNotReplayable,
    HTTPError,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    RequestException,
    TooManyRedirects,
)
from httpkit.models import PreparedRequest, Request, Response
from httpkit.sessions import Session, SessionRedirectMixin
from httpkit.structures import CaseInsensitiveDict
from httpkit.timeouts import NO_LIMIT, UNSET, Timeout

URL = "http://example.test/"
Fields = Sequence[tuple[str, str]]


class Memory(BaseAdapter):
    """Answers with what it was given, in order, and 200 after that. Remembers what it was asked."""

    def __init__(self, *replies: tuple[int, Fields]) -> None:
        super().__init__()
        self.replies = list(replies)
        self.requests: list[PreparedRequest] = []
        self.settings: list[dict[str, Any]] = []
        self.responses: list[Response] = []
        self.closed = 0

    def send(self, request: PreparedRequest, **settings: Any) -> Response:  # type: ignore[override]
        self.requests.append(request)
        self.settings.append(settings)
        status, headers = self.replies.pop(0) if self.replies else (200, [])
        raw = urllib3.HTTPResponse(
            io.BytesIO(b"body"), urllib3.HTTPHeaderDict(headers), status, reason="", preload_content=False
        )
        response = HTTPAdapter().build_response(request, raw)
        self.responses.append(response)
        return response

    def close(self) -> None:
        self.closed += 1

    @property
    def urls(self) -> list[str | None]:
        return [request.url for request in self.requests]


def to(location: str, status: int = 302, *more: tuple[str, str]) -> tuple[int, Fields]:
    return status, [("Location", location), *more]


def session_with(*replies: tuple[int, Fields], cls: type[Session] = Session) -> tuple[Any, Memory]:
    session, memory = cls(), Memory(*replies)
    session.mount("http://", memory)
    session.mount("https://", memory)
    return session, memory


class TestDefaults:
    def test_a_new_session(self) -> None:
        session = Session()
        assert session.headers["User-Agent"] == f"httpkit/{httpkit.__version__}"
        assert {"Accept-Encoding", "Accept", "Connection"} <= set(session.headers)
        assert (session.auth, session.cert, session.params, session.proxies) == (None, None, {}, {})
        assert (session.stream, session.verify, session.trust_env, session.max_redirects) == (
            False,
            True,
            True,
            30,
        )
        assert session.hooks == {"response": []}
        assert isinstance(session.cookies, RequestsCookieJar)
        assert session.timeout is UNSET
        assert sorted(session.adapters) == ["http://", "https://"]
        assert isinstance(httpkit.session(), Session)

    def test_sessions_share_nothing(self) -> None:
        one, other = Session(), Session()
        one.headers["A"] = "1"
        one.cookies["a"] = "1"
        one.hooks["response"].append(print)
        one.params["a"] = 1
        one.proxies["http"] = "x"
        assert "A" not in other.headers
        assert (len(other.cookies), other.hooks, other.params, other.proxies) == (0, {"response": []}, {}, {})
        assert one.get_adapter(URL) is not other.get_adapter(URL)

    def test_a_subclass_may_be_made_without_calling_ours_first(self) -> None:
        class Mine(Session):
            def __init__(self, base: str) -> None:
                self.base = base
                super().__init__()

        assert Mine("x").base == "x"

    def test_it_is_a_redirect_mixin(self) -> None:
        assert issubclass(Session, SessionRedirectMixin)
        with pytest.raises(NotImplementedError):
            SessionRedirectMixin().send(PreparedRequest())


class TestPrepareRequest:
    def prepare(self, session: Session, **kwargs: Any) -> PreparedRequest:
        return session.prepare_request(Request(kwargs.pop("method", "GET"), kwargs.pop("url", URL), **kwargs))

    def test_headers_are_merged_and_none_removes(self) -> None:
        session = Session()
        session.headers.update({"A": "session", "B": "session"})
        fields = self.prepare(session, headers={"a": "call", "accept": None, "C": "call"}).headers
        assert (fields["A"], fields["B"], fields["C"]) == ("call", "session", "call")
        assert "Accept" not in fields
        assert session.headers["Accept"] == "*/*"

    def test_a_removed_user_agent_stays_removed(self) -> None:
        assert "User-Agent" not in self.prepare(Session(), headers={"User-Agent": None}).headers

    def test_parameters_are_merged(self) -> None:
        session = Session()
        session.params = {"a": "session", "b": "session"}
        assert self.prepare(session, params={"a": "call"}).url == URL + "?a=call&b=session"
        assert self.prepare(session, params={"a": None}).url == URL + "?b=session"
        assert self.prepare(session, params="x=y").url == URL + "?a=session&b=session&x=y"
        assert self.prepare(session, url=URL + "?q=1").url == URL + "?q=1&a=session&b=session"

    def test_auth_of_the_call_beats_the_sessions_and_that_the_urls(self) -> None:
        session = Session()
        session.auth = ("session", "s")
        url = "http://user:u@example.test/"
        assert self.prepare(session, url=url).headers["Authorization"] == "Basic c2Vzc2lvbjpz"
        assert self.prepare(session, url=url, auth=("call", "c")).headers["Authorization"] == "Basic Y2FsbDpj"
        session.auth = None
        assert self.prepare(session, url=url).headers["Authorization"] == "Basic dXNlcjp1"

    def test_cookies_of_the_call_are_sent_and_not_kept(self) -> None:
        session = Session()
        session.cookies.set("a", "session")
        session.cookies.set("b", "session")
        assert (
            self.prepare(session, cookies={"b": "call", "c": "call"}).headers["Cookie"]
            == "a=session; b=call; c=call"
        )
        assert session.cookies.get_dict() == {"a": "session", "b": "session"}

    def test_hooks_of_the_call_stand_instead_of_the_sessions(self) -> None:
        session = Session()
        session.hooks["response"] = [print]
        assert self.prepare(session).hooks == {"response": [print]}
        assert self.prepare(session, hooks={"response": len}).hooks == {"response": [len]}
        self.prepare(session).register_hook("response", len)
        assert session.hooks == {"response": [print]}

    @pytest.mark.parametrize("headers", [None, {}, {"A": "1"}, CaseInsensitiveDict(A="1")], ids=repr)
    def test_sessions_may_have_any_mapping_of_headers(self, headers: Any) -> None:
        session = Session()
        session.headers = headers
        assert dict(self.prepare(session, headers={"B": "2"}).headers) == {**(headers or {}), "B": "2"}

    def test_nothing_of_the_session_is_changed(self) -> None:
        session = Session()
        session.params = {"a": "1"}
        before = copy.deepcopy((dict(session.headers), session.params, session.hooks, session.proxies))
        self.prepare(session, method="POST", headers={"A": "1", "Accept": None}, params={"b": "2"}, json={})
        assert (dict(session.headers), session.params, session.hooks, session.proxies) == before

    def test_a_method_is_in_upper_case_and_may_be_missing(self) -> None:
        assert self.prepare(Session(), method="get").method == "GET"
        assert self.prepare(Session(), method=None).method is None

    @pytest.mark.parametrize(
        ("url", "error"), [("example.test", MissingSchema), ("http://", InvalidURL), ("", MissingSchema)]
    )
    def test_an_unusable_url_is_an_error_before_anything_is_sent(
        self, url: str, error: type[Exception]
    ) -> None:
        session, memory = session_with()
        with pytest.raises(error):
            session.get(url)
        assert memory.requests == []


class TestNetrc:
    @pytest.fixture(autouse=True)
    def netrc(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        file = tmp_path / "netrc"
        file.write_text("machine example.test login netrc password secret\n")
        file.chmod(0o600)
        monkeypatch.setenv("NETRC", str(file))

    NETRC = "Basic bmV0cmM6c2VjcmV0"

    def authorization(self, session: Session | None = None, url: str = URL, **kwargs: Any) -> str | None:
        prepared = (session or Session()).prepare_request(Request("GET", url, **kwargs))
        return prepared.headers.get("Authorization")

    @pytest.mark.parametrize(
        "url", [URL, "https://example.test:8443/x", "http://example.test/@scope", URL + "?a=@b"]
    )
    def test_it_is_used_where_no_auth_is_given(self, url: str) -> None:
        assert self.authorization(url=url) == self.NETRC

    @pytest.mark.parametrize(
        "url", ["http://other.test/", "http://sub.example.test/", "http://example.test.evil.test/"]
    )
    def test_it_is_for_the_exact_host(self, url: str) -> None:
        assert self.authorization(url=url) is None

    def test_it_replaces_nothing_that_was_given(self) -> None:
        assert self.authorization(headers={"Authorization": "Bearer t"}) == "Bearer t"
        assert self.authorization(headers={"authorization": "Bearer t"}) == "Bearer t"
        assert self.authorization(auth=("a", "b")) == "Basic YTpi"
        assert self.authorization(url="http://a:b@example.test/") == "Basic YTpi"
        session = Session()
        session.headers["Authorization"] = "Bearer s"
        assert self.authorization(session) == "Bearer s"
        session = Session()
        session.auth = ("a", "b")
        assert self.authorization(session) == "Basic YTpi"

    def test_an_untrusted_environment_has_none(self) -> None:
        session = Session()
        session.trust_env = False
        assert self.authorization(session) is None

    def test_after_a_redirect_it_is_used_for_its_host(self) -> None:
        session, memory = session_with(to(URL))
        session.get("http://other.test/", headers={"Authorization": "Bearer t"})
        assert [r.headers.get("Authorization") for r in memory.requests] == ["Bearer t", self.NETRC]

    def test_after_a_redirect_it_does_not_leave_its_host(self) -> None:
        session, memory = session_with(to("http://other.test/"))
        session.get(URL)
        assert [r.headers.get("Authorization") for r in memory.requests] == [self.NETRC, None]


MOUNTS = [
    # prefix, url, served
    ("https://", "https://example.test/", True),
    ("https://", "http://example.test/", False),
    ("http://", "https://example.test/", False),
    ("http", "https://example.test/", True),
    ("", "https://example.test/", True),
    ("https://api.test", "https://api.test/", True),
    ("https://api.test", "https://api.test/v1", True),
    ("https://api.test", "https://api.test?x", True),
    ("https://api.test", "https://api.test#x", True),
    ("https://api.test", "https://api.test:8443/", True),
    ("https://api.test", "https://user:pass@api.test/", True),
    ("https://api.test", "https://user:pass@api.test:8443/", True),
    ("HTTPS://API.test", "https://api.TEST/", True),
    ("https://api.test/", "https://api.test/", True),
    ("https://api.test/", "https://api.test", True),
    ("https://api.test/v2", "https://api.test/v2/x", True),
    ("https://api.test/v2", "https://api.test/V2", True),
    ("https://api.test/v2/", "https://api.test/v2", False),
    ("https://api.test/v2", "https://api.test/v1", False),
    ("https://api.test/v2", "https://api.test/?/v2", False),
    ("https://api.test:8443", "https://api.test:8443/", True),
    ("https://api.test:8443", "https://api.test/", False),
    ("https://api.test:8443", "https://api.test:84430/", False),
    ("https://api.test:443", "https://api.test/", True),
    ("https://api.test:443", "https://api.test:443/", True),
    ("http://api.test:443", "http://api.test/", False),
    ("https://api.test", "http://api.test/", False),
    ("https://api.test", "https://api.test.evil.test/", False),
    ("https://api.test", "https://api.testevil.test/", False),
    ("https://api.test", "https://api.test@evil.test/", False),
    ("https://api.test", "https://api.test:pass@evil.test/", False),
    ("https://api.test", "https://api.test:443@evil.test/", False),
    ("https://api.test", "https://user@evil.test/@api.test/", False),
    ("https://api.test", "https://evil.test?@api.test/", False),
    ("https://api.test", "https://evil.test#@api.test/", False),
    ("https://api.test", "https://evil.test/https://api.test/", False),
    ("https://api.test", "https://sub.api.test/", False),
    ("https://test", "https://api.test/", False),
    ("https://[::1]", "https://[::1]/", True),
    ("https://[::1]", "https://[::1]:8443/", True),
    ("https://[::1]:8443", "https://[::1]:8443/", True),
    ("https://[::1]:8443", "https://[::1]/", False),
    ("https://[::1]", "https://[::11]/", False),
    ("http+unix://", "http+unix://%2Fsock/", True),
    ("mock://api.test", "mock://api.test/x", True),
    ("mock://api.test", "mock://api.test.evil.test/x", False),
]


class TestMounts:
    @pytest.mark.parametrize(("prefix", "url", "served"), MOUNTS)
    def test_a_mount_serves_its_origin_and_nothing_that_looks_like_it(
        self, prefix: str, url: str, served: bool
    ) -> None:
        session = Session()
        session.adapters.clear()
        adapter = Memory()
        session.mount(prefix, adapter)
        if served:
            assert session.get_adapter(url) is adapter
        else:
            with pytest.raises(InvalidSchema):
                session.get_adapter(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.test\\@evil.test/",
            "https://evil.test\\@api.test/",
            "https://api.test\\.evil.test/",
            "https://api.test%40evil.test/",
            "https://api.test;@evil.test/",
            "https://a@b@api.test/",
            "https://evil.test/\\api.test",
            "https:///api.test/",
            "https:/api.test/",
            "https:api.test/",
            "https://api.test\t/",
            "https://\u2100pi.test/",
            "https://api。test/",
        ],
    )
    def test_the_mount_that_serves_a_url_is_that_of_the_host_that_is_connected_to(self, url: str) -> None:
        session = Session()
        special = Memory()
        session.mount("https://api.test", special)
        try:
            prepared = Request("GET", url).prepare()
        except RequestException:
            return
        parsed = urls.parse(prepared.url or "")
        assert (session.get_adapter(prepared.url or "") is special) is (parsed.hostname == "api.test")

    @given(
        st.tuples(
            st.sampled_from(["https://", "http://", "HTTPS://"]),
            st.sampled_from(["", "a@", "api.test@", "api.test:443@", "a:b@", "%40@"]),
            st.sampled_from(
                ["api.test", "API.test", "api.test.", "x.api.test", "api.testx", "b.test", "api。test"]
            ),
            st.sampled_from(["", ":", ":80", ":443", ":8443"]),
            st.sampled_from(
                ["", "/", "/@api.test", "?@api.test", "#@api.test", ":1@api.test/", "\\@api.test"]
            ),
        ).map("".join)
    )
    def test_whatever_the_url_looks_like_its_host_decides(self, url: str) -> None:
        session = Session()
        session.adapters.clear()
        special = Memory()
        session.mount("https://api.test", special)
        try:
            prepared = Request("GET", url).prepare()
        except RequestException:
            return
        parsed = urls.parse(prepared.url or "")
        try:
            served = session.get_adapter(prepared.url or "") is special
        except InvalidSchema:
            served = False
        assert served is ((parsed.scheme, parsed.hostname) == ("https", "api.test"))

    def test_longer_prefixes_are_asked_first(self) -> None:
        session = Session()
        mounts = {
            prefix: Memory()
            for prefix in ("http://a.test/long", "http://a.test", "http://a.test/l", "http://")
        }
        for prefix, adapter in mounts.items():
            session.mount(prefix, adapter)
        assert session.get_adapter("http://a.test/long/er") is mounts["http://a.test/long"]
        assert session.get_adapter("http://a.test/like") is mounts["http://a.test/l"]
        assert session.get_adapter("http://a.test/") is mounts["http://a.test"]
        assert session.get_adapter("http://b.test/") is mounts["http://"]
        assert list(map(len, session.adapters)) == sorted(map(len, session.adapters), reverse=True)

    def test_mounting_again_replaces(self) -> None:
        session = Session()
        one, other = Memory(), Memory()
        session.mount(URL, one)
        session.mount(URL, other)
        assert session.get_adapter(URL) is other
        assert len(session.adapters) == 3

    def test_a_program_may_put_a_dict_of_its_own_in_place_of_the_mounts(self) -> None:
        session = Session()
        one, other = Memory(), Memory()
        session.adapters = {"http://": one}  # type: ignore[assignment]  # a plain dict, which requests takes too
        session.mount(URL, other)
        assert list(session.adapters) == [URL, "http://"]
        assert session.get_adapter(URL) is other

    @pytest.mark.parametrize(
        ("url", "hint"),
        [
            ("htp://example.test/", "http://"),
            ("ftp://example.test/", "Mount an adapter"),
            ("file:///etc/passwd", "Mount an adapter"),
        ],
    )
    def test_a_scheme_that_nobody_serves_is_an_error_with_a_hint(self, url: str, hint: str) -> None:
        with pytest.raises(InvalidSchema) as caught:
            Session().get(url)
        assert hint in str(caught.value)

    def test_the_error_hides_a_password(self) -> None:
        with pytest.raises(InvalidSchema) as caught:
            Session().get("ftp://user:hunter2@example.test/")
        assert "hunter2" not in str(caught.value)

    def test_a_scheme_of_ones_own_is_served_by_its_mount(self) -> None:
        session, memory = Session(), Memory()
        session.mount("mock://", memory)
        assert session.get("mock://anything/at?all").ok
        assert memory.urls == ["mock://anything/at?all"]

    def test_closing_a_session_closes_every_adapter(self) -> None:
        memory = Memory()
        with Session() as session:
            session.mount("http://", memory)
            session.mount("mock://", memory)
        assert memory.closed == 2


class TestSettings:
    def test_what_the_adapter_is_told_by_default(self) -> None:
        session, memory = session_with()
        session.get(URL)
        assert memory.settings == [
            {"stream": False, "timeout": None, "verify": True, "cert": None, "proxies": {}}
        ]

    def test_the_calls_settings_reach_the_adapter(self) -> None:
        session, memory = session_with()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        proxies = {"http": "http://proxy.test"}
        session.get(URL, stream=True, timeout=(1, 2), verify=context, cert=("c", "k"), proxies=proxies)
        told = memory.settings[0]
        assert told == {
            "stream": True,
            "timeout": (1, 2),
            "verify": context,
            "cert": ("c", "k"),
            "proxies": proxies,
        }

    def test_the_sessions_settings_reach_the_adapter(self) -> None:
        session, memory = session_with()
        session.stream, session.timeout, session.verify, session.cert = True, 3, "/ca.pem", "/cert.pem"
        session.proxies = {"http": "http://proxy.test"}
        session.get(URL)
        prepared = session.prepare_request(Request("GET", URL))
        session.send(prepared)
        for told in memory.settings:
            assert told == {
                "stream": True,
                "timeout": 3,
                "verify": "/ca.pem",
                "cert": "/cert.pem",
                "proxies": {"http": "http://proxy.test"},
            }

    @pytest.mark.parametrize(
        ("call", "session_timeout", "told"),
        [
            ({}, UNSET, None),
            ({"timeout": 5}, UNSET, 5),
            ({"timeout": None}, UNSET, NO_LIMIT),
            ({"timeout": None}, 5, NO_LIMIT),
            ({}, 5, 5),
            ({}, None, NO_LIMIT),
            ({"timeout": Timeout(1, 2)}, 5, Timeout(1, 2)),
        ],
        ids=repr,
    )
    def test_the_timeout_is_the_same_on_every_hop(self, call: Any, session_timeout: Any, told: Any) -> None:
        session, memory = session_with(to("/two"), to("http://other.test/"))
        session.timeout = session_timeout
        session.get(URL, **call)
        assert [settings["timeout"] for settings in memory.settings] == [told] * 3

    def test_the_other_settings_are_the_same_on_every_hop(self) -> None:
        session, memory = session_with(to("/two"), to("/three"))
        session.get(URL, stream=True, verify="/ca.pem", cert="/cert.pem")
        assert len(memory.settings) == 3
        assert all(settings == memory.settings[0] for settings in memory.settings)

    def test_send_sees_the_environment_as_request_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/env.pem")
        monkeypatch.setenv("http_proxy", "http://environment.test")
        session, memory = session_with()
        session.get(URL)
        session.send(session.prepare_request(Request("GET", URL)))
        assert memory.settings[0] == memory.settings[1]
        assert memory.settings[0]["verify"] == "/env.pem"
        assert memory.settings[0]["proxies"]["http"] == "http://environment.test"
        session.trust_env = False
        session.get(URL)
        assert (memory.settings[2]["verify"], memory.settings[2]["proxies"]) == (True, {})

    def test_the_environment_is_asked_anew_for_each_hop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        monkeypatch.setenv("no_proxy", "direct.test")
        session, memory = session_with(to("http://direct.test/"), to(URL))
        session.get(URL)
        assert [s["proxies"].get("http") for s in memory.settings] == [
            "http://environment.test",
            None,
            "http://environment.test",
        ]

    def test_merge_environment_settings_steers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")

        class Mine(Session):
            def merge_environment_settings(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
                return {
                    "proxies": {},
                    "stream": True,
                    "verify": "/mine.pem",
                    "cert": "/mine.cert",
                    "timeout": 7,
                }

        session, memory = session_with(to("/two"), cls=Mine)
        session.get(URL)
        assert (
            memory.settings
            == [{"proxies": {}, "stream": True, "verify": "/mine.pem", "cert": "/mine.cert", "timeout": 7}]
            * 2
        )

    @pytest.mark.parametrize(
        ("edit", "proxies"),
        [
            (lambda proxies: proxies.update(http="http://mine.test"), {"http": "http://mine.test"}),
            (lambda proxies: proxies.clear(), {}),
            (lambda proxies: proxies.pop("http"), {}),
        ],
        ids=["update", "clear", "pop"],
    )
    def test_what_it_changes_in_the_merged_proxies_lasts(
        self, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Any], Any], proxies: dict[str, str]
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")

        class Mine(Session):
            def merge_environment_settings(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
                settings = super().merge_environment_settings(*args, **kwargs)
                edit(settings["proxies"])
                return settings

        session, memory = session_with(to("/two"), to("/three"), cls=Mine)
        session.get(URL)
        assert [settings["proxies"] for settings in memory.settings] == [proxies] * 3

    def test_a_call_may_be_made_from_within_an_overridden_merge(self) -> None:
        class Mine(Session):
            def merge_environment_settings(
                self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
            ) -> Any:
                settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
                settings["verify"] = False
                return settings

        session, memory = session_with(cls=Mine)
        session.get(URL)
        assert memory.settings[0]["verify"] is False

    def test_merged_settings_are_for_the_adapter(self) -> None:
        session = Session()
        merged = session.merge_environment_settings(URL, {"http": "http://p.test"}, None, None, None)
        assert merged == {"proxies": {"http": "http://p.test"}, "stream": False, "verify": True, "cert": None}


class TestSend:
    def test_what_was_not_prepared_is_refused(self) -> None:
        with pytest.raises(ValueError, match="prepare"):
            Session().send(Request("GET", URL))  # type: ignore[arg-type]

    def test_the_body_is_read_unless_streamed(self) -> None:
        session, memory = session_with()
        session.get(URL)
        session.get(URL, stream=True)
        assert [response._content_consumed for response in memory.responses] == [True, False]

    def test_elapsed_is_the_time_of_the_send(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter([10.0, 12.5])
        monkeypatch.setattr(sessions, "preferred_clock", lambda: next(times))
        session, memory = session_with()
        assert session.get(URL).elapsed == timedelta(seconds=2.5)

    def test_hooks_see_the_response_and_may_replace_it(self) -> None:
        seen: list[Any] = []
        other = Response()
        other.status_code = 299

        def replace(response: Response, **kwargs: Any) -> Response:
            seen.append((response.status_code, sorted(kwargs), response.elapsed is not None))
            return other

        session, memory = session_with()
        assert session.get(URL, hooks={"response": replace}) is other
        assert seen == [(200, ["cert", "proxies", "stream", "timeout", "verify"], True)]

    def test_hooks_run_on_every_hop(self) -> None:
        seen: list[int] = []
        session, memory = session_with(to("/two"), to("/three"))
        session.hooks["response"].append(lambda response, **kwargs: seen.append(response.status_code))
        session.get(URL)
        assert seen == [302, 302, 200]

    def test_a_hook_may_raise_and_its_error_shows_the_body(self) -> None:
        session, _ = session_with((404, []))
        with pytest.raises(HTTPError) as caught:
            session.get(URL, hooks={"response": lambda response, **kwargs: response.raise_for_status()})
        assert caught.value.response is not None
        assert caught.value.response.text == "body"

    def test_cookies_of_every_hop_are_kept(self) -> None:
        session, memory = session_with(to("/two", 302, ("Set-Cookie", "a=1")), (200, [("Set-Cookie", "b=2")]))
        response = session.get(URL)
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}
        assert memory.requests[1].headers["Cookie"] == "a=1"
        assert response.cookies.get_dict() == {"b": "2"}
        assert response.history[0].cookies.get_dict() == {"a": "1"}

    def test_the_verbs(self) -> None:
        session, memory = session_with()
        for verb in ("get", "options", "head", "post", "put", "patch", "delete"):
            getattr(session, verb)(URL)
        session.request("purge", URL)
        session.request(b"trace", URL)
        assert [request.method for request in memory.requests] == [
            "GET",
            "OPTIONS",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "PURGE",
            "TRACE",
        ]

    @pytest.mark.parametrize("verb", ["get", "options", "post", "put", "patch", "delete"])
    def test_all_verbs_but_head_follow_redirects(self, verb: str) -> None:
        session, memory = session_with(to("/two"))
        assert getattr(session, verb)(URL).url == URL + "two"
        session, memory = session_with(to("/two"))
        assert session.head(URL).status_code == 302
        session, memory = session_with(to("/two"))
        assert session.head(URL, allow_redirects=True).status_code == 200

    def test_positional_arguments_are_in_requests_order(self) -> None:
        session, memory = session_with()
        session.request(
            "POST", URL, {"p": "1"}, {"d": "2"}, {"H": "3"}, {"c": "4"}, None, ("a", "5"), 6, False
        )
        request = memory.requests[0]
        assert (request.url, request.body, request.headers["H"], request.headers["Cookie"]) == (
            URL + "?p=1",
            "d=2",
            "3",
            "c=4",
        )
        assert memory.settings[0]["timeout"] == 6
        session.post(URL, {"d": "2"})
        session.put(URL, b"put")
        session.patch(URL, b"patch")
        assert [request.body for request in memory.requests[1:]] == ["d=2", b"put", b"patch"]


class TestRedirects:
    def test_history_is_the_chain_in_order(self) -> None:
        session, memory = session_with(to("/two", 301), to("/three", 307))
        response = session.get(URL)
        assert [hop.url for hop in response.history] == [URL, URL + "two"]
        assert [hop.status_code for hop in response.history] == [301, 307]
        assert [hop.history for hop in response.history] == [[], [response.history[0]]]
        assert [hop.content for hop in response.history] == [b"body", b"body"]
        assert response.history == memory.responses[:2]
        assert response is memory.responses[2]

    def test_a_chain_of_one_has_no_history(self) -> None:
        session, _ = session_with()
        assert session.get(URL).history == []

    @pytest.mark.parametrize("limit", [0, 1, 7])
    def test_a_loop_ends_with_an_error(self, limit: int) -> None:
        session, memory = session_with(*[to(f"/loop/{number}") for number in range(50)])
        session.max_redirects = limit
        with pytest.raises(TooManyRedirects) as caught:
            session.get(URL)
        assert len(memory.requests) == limit + 1
        assert caught.value.response is memory.responses[-1]
        assert len(caught.value.response.history) == limit
        assert caught.value.request is memory.requests[-1]

    def test_exactly_the_limit_is_allowed(self) -> None:
        session, memory = session_with(to("/1"), to("/2"))
        session.max_redirects = 2
        assert session.get(URL).url == URL + "2"

    def test_the_next_request_is_there_when_it_is_not_sent(self) -> None:
        session, memory = session_with(to("/two", 302, ("Set-Cookie", "a=1")))
        response = session.post(URL, data={"a": "1"}, allow_redirects=False)
        assert (response.status_code, len(memory.requests)) == (302, 1)
        following = response.next
        assert following is not None
        assert (following.method, following.url, following.body) == ("GET", URL + "two", None)
        assert following.headers["Cookie"] == "a=1"
        assert session.send(following).url == URL + "two"

    @pytest.mark.parametrize(
        "location",
        [
            "myapp://callback?code=1",
            "http://[",
            "mailto:a@b.test",
            "/a\x00b",
            "javascript:alert(1)",
            "http://*.test/",
        ],
    )
    def test_a_redirect_that_is_not_followed_may_lead_anywhere(self, location: str) -> None:
        session, _ = session_with(to(location))
        response = session.get(URL, allow_redirects=False)
        assert (response.status_code, response.headers["Location"]) == (302, location)
        with pytest.raises((InvalidURL, InvalidSchema)):
            response.next  # noqa: B018

    def test_a_redirect_that_is_not_followed_needs_no_replay(self) -> None:
        session, _ = session_with(to("/two", 307), to("/two", 307))
        response = session.post(URL, data=iter([b"x"]), allow_redirects=False)
        assert response.status_code == 307
        with pytest.raises(BodyNotReplayable):
            response.next  # noqa: B018
        file = io.BytesIO(b"content")
        response = session.post(URL, data=file, allow_redirects=False)
        file.seek(3)
        assert file.tell() == 3, "nobody asked for the next request"
        assert response.next is not None
        assert file.tell() == 0

    def test_resolve_redirects_gives_the_responses_one_by_one(self) -> None:
        session, memory = session_with(to("/two"), to("/three"))
        first = session.get(URL, allow_redirects=False)
        hops = session.resolve_redirects(first, first.request)
        assert next(hops).url == URL + "two"
        assert len(memory.requests) == 2
        assert next(hops).url == URL + "three"
        assert next(hops, None) is None

    def test_resolve_redirects_can_give_the_request_alone(self) -> None:
        session, memory = session_with(to("/two"))
        first = session.get(URL, allow_redirects=False)
        (following,) = session.resolve_redirects(first, first.request, yield_requests=True)
        assert isinstance(following, PreparedRequest)
        assert len(memory.requests) == 1

    def test_the_fragment_is_inherited(self) -> None:
        session, memory = session_with(to("/two"), to("/three#own"))
        assert session.get(URL + "#frag").url == URL + "three#own"
        assert memory.urls == [URL + "#frag", URL + "two#frag", URL + "three#own"]

    def test_an_error_on_a_hop_leaves_nothing_open(self) -> None:
        session, memory = session_with(to("/two"), to("http://["))
        with pytest.raises(InvalidURL):
            session.get(URL, stream=True)
        assert all(response.raw.closed or response._content_consumed for response in memory.responses)


class Steered(Session):
    """Notes which of its methods were asked, and for which URL."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str | None]] = []

    def note(self, name: str, url: str | None) -> None:
        self.asked.append((name, (url or "").removeprefix("http://example.test")))

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        self.note("request", url)
        return super().request(method, url, *args, **kwargs)

    def prepare_request(self, request: Request) -> PreparedRequest:
        self.note("prepare_request", request.url)  # type: ignore[arg-type]
        return super().prepare_request(request)

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        self.note("send", request.url)
        return super().send(request, **kwargs)

    def merge_environment_settings(self, url: str, *args: Any) -> dict[str, Any]:
        self.note("merge_environment_settings", url)
        return super().merge_environment_settings(url, *args)

    def get_adapter(self, url: str) -> BaseAdapter:
        self.note("get_adapter", url)
        return super().get_adapter(url)

    def resolve_redirects(self, resp: Response, req: PreparedRequest, **kwargs: Any) -> Any:  # type: ignore[override]
        self.note("resolve_redirects", resp.url)
        return super().resolve_redirects(resp, req, **kwargs)

    def get_redirect_target(self, resp: Response) -> str | None:
        self.note("get_redirect_target", resp.url)
        return super().get_redirect_target(resp)

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        self.note("should_strip_auth", new_url)
        return super().should_strip_auth(old_url, new_url)

    def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None:
        self.note("rebuild_method", prepared_request.url)
        super().rebuild_method(prepared_request, response)

    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> dict[str, str]:
        self.note("rebuild_proxies", prepared_request.url)
        return super().rebuild_proxies(prepared_request, proxies)

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        self.note("rebuild_auth", prepared_request.url)
        super().rebuild_auth(prepared_request, response)


class TestSteering:
    @pytest.mark.parametrize(
        ("name", "paths"),
        [
            ("request", ["/"]),
            ("prepare_request", ["/"]),
            ("merge_environment_settings", ["/"]),
            ("send", ["/", "/two", "/three"]),
            ("get_adapter", ["/", "/two", "/three"]),
            ("rebuild_method", ["/two", "/three"]),
            ("rebuild_proxies", ["/two", "/three"]),
            ("rebuild_auth", ["/two", "/three"]),
        ],
    )
    def test_an_overridden_method_is_asked_on_every_hop(self, name: str, paths: list[str]) -> None:
        session, _ = session_with(to("/two"), to("/three"), cls=Steered)
        session.get(URL)
        assert [path for asked, path in session.asked if asked == name] == paths

    @pytest.mark.parametrize("name", ["resolve_redirects", "get_redirect_target", "should_strip_auth"])
    def test_so_are_those_that_may_be_asked_more_than_once(self, name: str) -> None:
        session, _ = session_with(to("/two"), to("/three"), cls=Steered)
        session.get(URL)
        asked = {path for method, path in session.asked if method == name}
        assert (
            asked
            == {
                "resolve_redirects": {"/"},
                "get_redirect_target": {"/", "/two", "/three"},
                "should_strip_auth": {"/two", "/three"},
            }[name]
        )

    def test_get_redirect_target_may_invent_and_suppress_redirects(self) -> None:
        class Mine(Session):
            def get_redirect_target(self, resp: Response) -> str | None:
                return "/invented" if resp.url == URL else None

        session, memory = session_with((200, []), to("/ignored"), cls=Mine)
        assert session.get(URL).url == URL + "invented"

    def test_rebuild_method_may_keep_a_post(self) -> None:
        class Mine(Session):
            def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None:
                pass

        session, memory = session_with(to("/two"), to("/three"), cls=Mine)
        session.post(URL)
        assert [request.method for request in memory.requests] == ["POST"] * 3

    def test_rebuild_auth_may_bring_its_own(self) -> None:
        class Mine(Session):
            def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
                prepared_request.headers["Authorization"] = f"for {prepared_request.path_url}"

        session, memory = session_with(to("http://other.test/two"), to("http://third.test/three"), cls=Mine)
        session.get(URL)
        assert [request.headers.get("Authorization") for request in memory.requests] == [
            None,
            "for /two",
            "for /three",
        ]

    def test_should_strip_auth_may_trust_a_family_of_hosts(self) -> None:
        class Mine(Session):
            def should_strip_auth(self, old_url: str, new_url: str) -> bool:
                return not new_url.startswith(("http://example.test/", "http://friend.test/"))

        session, memory = session_with(to("http://friend.test/"), to("http://other.test/"), to(URL), cls=Mine)
        session.get(URL, auth=("a", "b"), headers={"X-API-Key": "k"}, cookies={"c": "1"})
        carried = [
            ("Authorization" in r.headers, "X-API-Key" in r.headers, "Cookie" in r.headers)
            for r in memory.requests
        ]
        assert carried == [(True,) * 3, (True,) * 3, (False,) * 3, (False,) * 3]

    def test_get_adapter_may_choose_by_url_alone(self) -> None:
        first, second = Memory(to("http://b.test/")), Memory()

        class Mine(Session):
            def get_adapter(self, url: str) -> BaseAdapter:
                return first if "example" in url else second

        assert Mine().get(URL).url == "http://b.test/"
        assert (len(first.requests), len(second.requests)) == (1, 1)

    def test_resolve_redirects_may_be_replaced(self) -> None:
        class Mine(Session):
            def resolve_redirects(self, resp: Response, req: PreparedRequest, **kwargs: Any) -> Any:  # type: ignore[override]
                yield from ()

        session, memory = session_with(to("/two"), cls=Mine)
        assert session.get(URL).status_code == 302

    def test_send_may_sign_every_hop(self) -> None:
        class Mine(Session):
            def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
                request.headers["X-Signed"] = request.path_url
                return super().send(request, **kwargs)

        session, memory = session_with(to("/two"), cls=Mine)
        session.get(URL)
        assert [request.headers["X-Signed"] for request in memory.requests] == ["/", "/two"]

    def test_request_may_give_a_default(self) -> None:
        class Mine(Session):
            def request(self, method: Any, url: Any, **kwargs: Any) -> Response:  # type: ignore[override]
                kwargs.setdefault("timeout", 9)
                return super().request(method, "http://example.test" + url, **kwargs)

        session, memory = session_with(cls=Mine)
        session.get("/x")
        session.post("/y", json={})
        assert memory.urls == [URL + "x", URL + "y"]
        assert [settings["timeout"] for settings in memory.settings] == [9, 9]

    def test_rebuild_proxies_is_told_what_was_explicit_and_decides(self) -> None:
        class Mine(Session):
            def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> dict[str, str]:
                return {"http": f"http://{prepared_request.path_url.strip('/')}.test"}

        session, memory = session_with(to("/two"), to("/three"), cls=Mine)
        session.get(URL, proxies={"http": "http://one.test"})
        assert [settings["proxies"]["http"] for settings in memory.settings] == [
            "http://one.test",
            "http://two.test",
            "http://three.test",
        ]


class TestProxies:
    def test_explicit_proxies_last_over_every_hop(self) -> None:
        session, memory = session_with(to("http://other.test/"))
        session.get(URL, proxies={"http": "http://proxy.test"})
        assert [settings["proxies"] for settings in memory.settings] == [{"http": "http://proxy.test"}] * 2

    def test_proxy_authorization_goes_to_a_proxy_that_reads_it_only(self) -> None:
        proxies = {"http": "http://u:p@proxy.test", "https": "http://u:p@proxy.test"}
        session, memory = session_with(to(URL + "two"), to("https://example.test/"), to(URL))
        session.get(URL, proxies=proxies)
        fields = [request.headers.get("Proxy-Authorization") for request in memory.requests]
        assert fields[1:] == ["Basic dTpw", None, "Basic dTpw"]

    def test_a_socks_proxy_reads_no_fields(self) -> None:
        session, memory = session_with(to("/two"))
        session.get(URL, proxies={"http": "socks5://u:p@proxy.test"})
        assert [request.headers.get("Proxy-Authorization") for request in memory.requests] == [None, None]

    def test_proxy_authorization_by_hand_does_not_go_on_without_a_proxy(self) -> None:
        session, memory = session_with(to("http://other.test/"))
        session.get(URL, headers={"Proxy-Authorization": "Basic eA=="})
        assert "Proxy-Authorization" not in memory.requests[1].headers


class TestPickling:
    def test_a_session_travels_with_its_settings(self) -> None:
        session = Session()
        session.headers["A"] = "1"
        session.auth = HTTPBasicAuth("u", "p")
        session.params, session.proxies, session.verify, session.cert = (
            {"a": "1"},
            {"http": "p"},
            "/ca",
            "/cert",
        )
        session.stream, session.trust_env, session.max_redirects, session.timeout = True, False, 5, (1, 2)
        session.cookies.set("c", "1", domain="example.test")
        session.mount("https://api.test", HTTPAdapter(max_retries=3, pool_maxsize=7))
        twin = pickle.loads(pickle.dumps(session))
        for name in Session.__attrs__:
            if name not in ("cookies", "adapters"):
                assert getattr(twin, name) == getattr(session, name), name
        assert twin.cookies.get("c", domain="example.test") == "1"
        assert list(twin.adapters) == list(session.adapters)
        assert twin.get_adapter("https://api.test/").max_retries.total == 3

    def test_a_session_pickled_without_a_timeout_has_none(self) -> None:
        assert pickle.loads(pickle.dumps(Session())).timeout is UNSET

    def test_a_subclass_may_add_to_what_is_pickled(self) -> None:
        twin = pickle.loads(pickle.dumps(Extended()))
        assert twin.base == "http://x.test"
        assert twin.headers["User-Agent"].startswith("httpkit/")


class Extended(Session):
    __attrs__ = [*Session.__attrs__, "base"]

    def __init__(self) -> None:
        super().__init__()
        self.base = "http://x.test"
