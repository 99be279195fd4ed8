"""`Session.explain`: where each setting comes from, without a byte sent, a secret shown or an auth called."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit import _environment
from httpkit._explain import Explanation, Setting
from httpkit.adapters import HTTPAdapter
from httpkit.auth import HTTPBearerAuth
from httpkit.breakers import Breaker
from httpkit.exceptions import InvalidSchema, InvalidURL
from httpkit.models import PreparedRequest
from httpkit.ratelimits import RateLimit
from httpkit.retries import Retry
from httpkit.sessions import Session
from httpkit.timeouts import Timeout
from httpkit.tlsconfig import TLS

URL = "https://api.test/items"


@pytest.fixture(autouse=True)
def _no_system_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_environment, "_HAS_SYSTEM_PROXIES", False)


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "netrc"
    path.write_text("machine api.test login me password hunter2\ndefault login me password hunter2\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return str(path)


def one(name: str, session: Session | None = None, url: str = URL, **settings: Any) -> tuple[str, str, str]:
    setting = (session or Session()).explain(url, **settings)[name]
    return setting.value, setting.source, setting.note


def session_with(**attributes: Any) -> Session:
    session = Session()
    for name, value in attributes.items():
        setattr(session, name, value)
    return session


class TestAsAWhole:
    def test_the_default(self) -> None:
        found = Session().explain(URL)
        assert (found.method, found.url) == ("GET", URL)
        assert [(setting.name, setting.value, setting.source) for setting in found] == [
            ("adapter", "HTTPAdapter", "mount 'https://'"),
            ("proxy", "none", "default"),
            ("verify", "True", "default"),
            ("cert", "none", "default"),
            ("auth", "none", "default"),
            ("cookies", "none", "default"),
            ("timeout", "connect 10 s, read 60 s", "default"),
            ("retry", "none", "default"),
            ("redirects", "all, 30 at most", "default"),
            ("trust_env", "True", "default"),
        ]
        with pytest.raises(KeyError):
            found["colour"]

    def test_it_prints_as_a_table(self) -> None:
        explanation = Explanation(
            "GET", URL, (Setting("proxy", "none", "call", "why"), Setting("cert", "a", "session"))
        )
        assert str(explanation).splitlines() == [
            "GET https://api.test/items",
            "  proxy  none  call (why)",
            "  cert   a     session",
        ]
        assert str(explanation["proxy"]) == "proxy: none (call); why"

    def test_no_secret_is_in_it(self, monkeypatch: pytest.MonkeyPatch, netrc: str) -> None:
        monkeypatch.setenv("https_proxy", "http://me:hunter2@proxy.test:1")
        for settings in (
            {},
            {"auth": ("me", "hunter2")},
            {"auth": HTTPBearerAuth("hunter2")},
            {"headers": {"Authorization": "hunter2", "Cookie": "a=hunter2"}},
            {"headers": {"Authorization": "Basic hunter2"}},
            {"cookies": {"a": "hunter2"}},
            {"cert": ("a", "b", "hunter2")},
            {"proxies": {"all": "http://me:hunter2@p.test"}},
        ):
            explanation = Session().explain("https://me:hunter2@api.test/", **settings)
            assert "hunter2" not in str(explanation) + repr(explanation)

    def test_it_is_bounded_and_printable(self) -> None:
        session = session_with(proxies={"https": "http://p.test/" + "x" * 10_000})
        session.cookies.set("c" * 5000, "1")
        text = str(session.explain(URL + "/" + "y" * 10_000, headers={"X": "y" * 5000}))
        assert len(text) < 3000
        assert text.replace("\n", "").isprintable()

    def test_auth_is_not_called_and_nothing_is_sent(self) -> None:
        def auth(request: PreparedRequest) -> PreparedRequest:
            raise AssertionError("called")

        assert one("auth", auth=auth)[1] == "call"

    def test_it_raises_what_the_call_would(self) -> None:
        with pytest.raises(InvalidURL):
            Session().explain("http://[")
        with pytest.raises(InvalidSchema):
            Session().explain("ftp://a.test/")
        with pytest.raises(ValueError, match="trust_env"):
            Session().explain(URL, trust_env={"x"})
        with pytest.raises(TypeError, match=r"explain\(\) has no argument 'verfy'"):
            Session().explain(URL, verfy=False)


class TestAdapter:
    def test_the_mount_that_serves(self) -> None:
        session = Session()
        adapter = HTTPAdapter()
        session.mount("https://api.test", adapter)
        session.mount("https://other.test", adapter)
        assert one("adapter", session)[1] == "mount 'https://api.test'"
        assert one("adapter", session, "https://api.test.evil.test/")[1] == "mount 'https://'"

    def test_an_override_that_chooses(self) -> None:
        class Mine(Session):
            def get_adapter(self, url: str) -> Any:
                return HTTPAdapter()

        assert one("adapter", Mine())[1] == "Mine.get_adapter"


class TestProxy:
    @pytest.mark.parametrize(
        ("env", "session", "call", "found"),
        [
            ({"https_proxy": "http://e.test"}, {}, None, ("http://e.test", "environment variable https_proxy", "")),
            ({"HTTPS_PROXY": "http://e.test"}, {}, None, ("http://e.test", "environment variable HTTPS_PROXY", "")),
            ({"all_proxy": "http://e.test"}, {}, None, ("http://e.test", "environment variable all_proxy", "")),
            ({"http_proxy": "http://e.test"}, {}, None, ("none", "default", "")),
            (
                {"https_proxy": "http://e.test", "no_proxy": "x, .test"}, {}, None,
                ("none", "environment variable no_proxy",
                 "it has '.test', which beats environment variable https_proxy"),
            ),
            (
                {"https_proxy": "http://e.test"}, {"no_proxy": "api.test"}, None,
                ("none", "session", "its no_proxy has 'api.test'"),
            ),
            (
                {"https_proxy": "http://e.test"}, {"https": "http://s.test"}, None,
                ("http://s.test", "session", "for 'https'"),
            ),
            ({}, {"all": "http://s.test"}, {"https": "http://c.test"}, ("http://c.test", "call", "for 'https'")),
            ({}, {"https": "http://s.test"}, {"https": None}, ("none", "call", "for 'https'")),
            ({}, {"https://api.test": "http://s.test"}, {"https": "http://c.test"},
             ("http://s.test", "session", "for 'https://api.test'")),
            ({"https_proxy": "http://e.test"}, {}, {"no_proxy": "a.test,*"}, ("none", "call", "its no_proxy has '*'")),
        ],
    )  # fmt: skip
    def test_it_says_who_named_it_or_why_it_is_bypassed(
        self, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], session: Any, call: Any, found: Any
    ) -> None:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        assert one("proxy", session_with(proxies=session), proxies=call) == found
        effective = _environment.select_proxy(
            URL,
            session_with(proxies=session).merge_environment_settings(URL, call or {}, None, None, None)[
                "proxies"
            ],
        )
        assert (effective or "none") == found[0], "as the call has it"

    def test_an_environment_that_is_not_trusted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://e.test")
        assert one("proxy", trust_env={"ca"})[:2] == ("none", "call")
        assert one("proxy", session_with(trust_env=False))[:2] == ("none", "session")
        assert one("proxy", session_with(trust_env=False), trust_env={"proxies"})[0] == "http://e.test"

    def test_an_override_has_the_last_word(self) -> None:
        class Mine(Session):
            def merge_environment_settings(self, *args: Any) -> Any:
                return {
                    **super().merge_environment_settings(*args),
                    "proxies": {"all": "http://mine.test"},
                    "verify": "/m",
                }

        assert one("proxy", Mine())[:2] == ("http://mine.test", "Mine.merge_environment_settings")
        assert one("verify", Mine())[:2] == ("/m", "Mine.merge_environment_settings")

    def test_a_unix_socket_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://e.test")
        with Session(uds="/run/x.sock") as session:
            assert one("proxy", session) == ("none", "mount 'https://'", "it connects to a Unix socket")


class TestTLS:
    @pytest.mark.parametrize(
        ("env", "session", "call", "found"),
        [
            (None, True, None, ("True", "default")),
            (None, True, True, ("True", "call")),
            (None, False, None, ("False", "session")),
            (None, False, True, ("True", "call")),
            (None, "/s.pem", True, ("/s.pem", "session")),
            (None, "/s.pem", "/c.pem", ("/c.pem", "call")),
            ("/e.pem", True, None, ("/e.pem", "environment variable CURL_CA_BUNDLE")),
            ("/e.pem", True, True, ("/e.pem", "environment variable CURL_CA_BUNDLE")),
            ("/e.pem", "/s.pem", None, ("/s.pem", "session")),
            ("/e.pem", True, False, ("False", "call")),
        ],
        ids=str,
    )
    def test_who_named_the_bundle(
        self,
        monkeypatch: pytest.MonkeyPatch,
        env: str | None,
        session: Any,
        call: Any,
        found: tuple[str, str],
    ) -> None:
        if env:
            monkeypatch.setenv("CURL_CA_BUNDLE", env)
        assert one("verify", session_with(verify=session), verify=call)[:2] == found

    def test_contexts_mounts_and_certificates(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        assert one("verify", verify=context)[:2] == ("SSLContext", "call")
        session = Session()
        session.mount("https://api.test", HTTPAdapter(tls=TLS(verify=False, cert="/m.pem")))
        assert one("verify", session)[:2] == ("False", "mount 'https://api.test'")
        assert one("verify", session, verify="/c.pem")[:2] == ("/c.pem", "call")
        assert one("cert", session)[:2] == ("/m.pem", "mount 'https://api.test'")
        assert one("cert", session, cert=("/c.pem", "/k.pem"))[:2] == ("/c.pem, /k.pem", "call")
        assert one("cert", session_with(cert="/s.pem"))[:2] == ("/s.pem", "session")


class TestAuth:
    @pytest.mark.parametrize(
        ("session", "settings", "url", "found"),
        [
            ({}, {"auth": ("u", "p")}, URL, ("Basic", "call", "")),
            ({}, {"auth": HTTPBearerAuth("t")}, URL, ("HTTPBearerAuth", "call", "")),
            ({"auth": ("u", "p")}, {}, URL, ("Basic", "session", "")),
            ({"auth": ("u", "p")}, {"headers": {"Authorization": "Bearer x"}}, URL, ("Basic", "session", "")),
            ({"auth": {"https://api.test": ("u", "p")}}, {}, URL, ("Basic", "session", "for this origin")),
            ({"auth": {"https://b.test": ("u", "p")}}, {"headers": {"authorization": "Bearer x"}}, URL,
             ("Bearer", "call", "the field Authorization")),
            ({"headers": {"Authorization": "Digest a=b"}}, {}, URL, ("Digest", "session", "the field Authorization")),
            ({"headers": {"Authorization": "opaque"}}, {}, URL, ("given", "session", "the field Authorization")),
            ({}, {}, "https://u:p@api.test/", ("Basic", "URL", "")),
            ({}, {}, URL, ("Basic", "file NETRC", "an entry for the host")),
            ({}, {}, "https://b.test/", ("Basic", "file NETRC", "its default entry")),
            ({}, {}, "https://u@b.test/", ("none", "default", "")),
            ({}, {"trust_env": {"ca"}}, URL, ("none", "call", "trust_env does not let netrc say")),
        ],
    )  # fmt: skip
    def test_its_kind_and_who_gave_it(
        self, netrc: str, session: Any, settings: Any, url: str, found: tuple[str, str, str]
    ) -> None:
        assert one("auth", session_with(**session), url, **settings) == tuple(
            text.replace("NETRC", netrc) for text in found
        )

    def test_a_netrc_file_with_nothing_for_the_host(self, netrc: str) -> None:
        Path(netrc).write_text("machine other.test login me password x\n")
        assert one("auth") == ("none", "default", f"{netrc} has nothing for the host")


class TestTheRest:
    def test_names_of_cookies_that_would_be_sent(self) -> None:
        session = Session()
        session.cookies.set("here", "1", domain="api.test")
        session.cookies.set("there", "1", domain="b.test")
        assert one("cookies", session)[:2] == ("here", "session")
        value, source, _ = one("cookies", session, cookies={"call": "1"})
        assert (set(value.split(", ")), source) == ({"here", "call"}, "call and session")
        assert one("cookies", session, headers={"Cookie": "by=hand"}) == ("by", "call", "the field Cookie")

    @pytest.mark.parametrize(
        ("session", "mount", "call", "found"),
        [
            ({"timeout": 3}, None, {}, ("connect 3 s, read 3 s", "session")),
            ({"timeout": 3}, 4, {}, ("connect 4 s, read 4 s", "mount 'https://'")),
            ({"timeout": 3}, 4, {"timeout": (1, None)}, ("connect 1 s", "call")),
            ({"timeout": 3}, None, {"timeout": None}, ("no limit", "call")),
            ({}, None, {"timeout": Timeout(total=2.5)}, ("connect 10 s, read 60 s, total 2.5 s", "call")),
        ],
    )
    def test_timeouts(self, session: Any, mount: Any, call: Any, found: tuple[str, str]) -> None:
        own = session_with(**session)
        own.mount("https://", HTTPAdapter(timeout=mount))
        assert one("timeout", own, **call)[:2] == found

    @pytest.mark.parametrize(
        ("session", "mount", "call", "source"),
        [
            (None, 0, {}, "default"),
            (Retry(attempts=2), 0, {}, "session"),
            (Retry(attempts=2), Retry(attempts=4), {}, "mount 'https://'"),
            (Retry(attempts=2), Retry(attempts=4), {"retry": None}, "call"),
            (None, 3, {}, "mount 'https://'"),
        ],
        ids=["none", "session", "mount", "call", "urllib3"],
    )
    def test_retries(self, session: Any, mount: Any, call: Any, source: str) -> None:
        own = Session(retry=session)
        own.mount("https://", HTTPAdapter(max_retries=mount))
        value, said, _ = one("retry", own, **call)
        assert said == source
        assert (value == "none") is (source in ("default", "call"))

    @pytest.mark.parametrize(
        ("session", "mount", "found"),
        [
            ({}, {}, []),
            ({"breaker": Breaker(3)}, {}, [("breaker", "session")]),
            ({"breaker": Breaker(3)}, {"breaker": None}, [("breaker", "mount 'https://'")]),
            (
                {"breaker": Breaker(3)},
                {"rate_limit": RateLimit(1, 1)},
                [("breaker", "session"), ("rate_limit", "mount 'https://'")],
            ),
            ({"rate_limit": 5}, {}, []),
        ],
        ids=["none", "session", "none for the mount", "mount", "a subclass's own"],
    )
    def test_breakers_and_limits(self, session: Any, mount: Any, found: list[tuple[str, str]]) -> None:
        own = session_with(**session)
        own.mount("https://", HTTPAdapter(**mount))
        shown = [(one.name, one.source) for one in own.explain(URL)]
        assert [one for one in shown if one[0] in ("breaker", "rate_limit")] == found

    @pytest.mark.parametrize(
        ("session", "settings", "found"),
        [
            ({"redirects": "same-origin"}, {}, ("same-origin, 30 at most", "session")),
            ({"max_redirects": 3}, {}, ("all, 3 at most", "session")),
            ({}, {"allow_redirects": False}, ("none", "call")),
            ({}, {"method": "head"}, ("none", "default")),
            ({"redirects": print}, {}, ("print, 30 at most", "session")),
        ],
    )
    def test_redirects(self, session: Any, settings: Any, found: tuple[str, str]) -> None:
        assert one("redirects", session_with(**session), **settings)[:2] == found

    def test_trust(self) -> None:
        assert one("trust_env", trust_env=["netrc", "ca"])[:2] == ("ca, netrc", "call")
        assert one("trust_env", session_with(trust_env=set()))[:2] == ("False", "session")

    def test_policies_that_the_session_has_besides(self) -> None:
        with Session(allow_addresses="public") as session:
            assert one("allow_addresses", session)[1] == "session"


def test_the_command_shows_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from httpkit._cli import main

    monkeypatch.setitem(os.environ, "https_proxy", "http://u:hunter2@e.test")
    arguments: Callable[..., list[str]] = lambda *more: ["--explain", URL, *more]  # noqa: E731
    assert main(arguments("--auth", "me:hunter2", "--timeout", "1,2", "-k", "-d", "x")) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"POST {URL}\n")
    for text in ("http://***@e.test", "connect 1 s, read 2 s", "environment variable https_proxy"):
        assert text in out
    assert "hunter2" not in out
    assert main(["--explain", "nonsense"]) == 2
    assert httpkit.Session().explain(URL)["proxy"].source == "environment variable https_proxy"


def test_the_addresses_that_may_be_connected_to_are_those_of_the_mount_or_the_session() -> None:
    with Session(allow_addresses="public") as session:
        assert session.explain("http://h.test/")["allow_addresses"].source == "session"
        session.mount("http://h.test", HTTPAdapter(allow_addresses="10.0.0.0/8"))
        shown = session.explain("http://h.test/")["allow_addresses"]
        assert shown.source == "mount 'http://h.test'"
        assert "10.0.0.0/8" in shown.value
