"""Cookies: what a jar accepts, what it sends and where, its mapping, and what other libraries build upon it."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.cookiejar import (
    Cookie,
    CookieJar,
    CookiePolicy,
    DefaultCookiePolicy,
    LWPCookieJar,
    MozillaCookieJar,
)
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from httpkit import _cookie_policy, cookies
from httpkit.cookies import (
    CookieConflictError,
    MockRequest,
    MockResponse,
    RequestsCookieJar,
    RFC6265Policy,
    add_dict_to_cookiejar,
    cookiejar_from_dict,
    create_cookie,
    dict_from_cookiejar,
    extract_cookies_to_jar,
    get_cookie_header,
    merge_cookies,
    morsel_to_cookie,
    remove_cookie_by_name,
)
from httpkit.exceptions import InvalidHeader, RequestException
from httpkit.structures import CaseInsensitiveDict

YESTERDAY = "Thu, 01 Jan 2015 00:00:00 GMT"


class Asked:
    """As much of a prepared request as cookies depend on."""

    def __init__(self, url: str, **headers: Any) -> None:
        self.url = url
        self.headers: CaseInsensitiveDict[Any] = CaseInsensitiveDict(headers)


def answer(*fields: str) -> Any:
    """What an adapter received: urllib3's response over a response of http.client."""
    message = Message()
    for field in fields:
        message["Set-Cookie"] = field
    return SimpleNamespace(_original_response=SimpleNamespace(msg=message), headers={})


def keep(jar: CookieJar, url: str, *fields: str) -> None:
    extract_cookies_to_jar(jar, Asked(url), answer(*fields))


def sent(jar: CookieJar, url: str, **headers: Any) -> str | None:
    return get_cookie_header(jar, Asked(url, **headers))


@pytest.fixture
def jar() -> RequestsCookieJar:
    return RequestsCookieJar()


# --- where a cookie goes

HOST_ONLY = "a=1"
FOR_DOMAIN = "a=1; Domain=example.com"


@pytest.mark.parametrize(
    "origin, field, url, goes",
    [
        pytest.param(
            "http://example.com/", HOST_ONLY, "http://example.com/", True, id="6265-5.4 host-only: its host"
        ),
        pytest.param(
            "http://example.com/", HOST_ONLY, "http://example.com:81/", True, id="6265-8.5 any port"
        ),
        pytest.param(
            "http://example.com/", HOST_ONLY, "https://example.com/", True, id="6265-8.5 either scheme"
        ),
        pytest.param(
            "http://EXAMPLE.com/", HOST_ONLY, "http://example.COM/", True, id="6265-5.1.2 in any case"
        ),
        pytest.param(
            "http://example.com/", HOST_ONLY, "http://a.example.com/", False, id="6265-5.4 not a subdomain"
        ),
        pytest.param(
            "http://a.example.com/", HOST_ONLY, "http://example.com/", False, id="6265-5.4 nor the parent"
        ),
        pytest.param(
            "http://a.example.com/", HOST_ONLY, "http://b.example.com/", False, id="6265-5.4 nor a sibling"
        ),
        pytest.param("http://example.com/", HOST_ONLY, "http://notexample.com/", False, id="half a label"),
        pytest.param(
            "http://a.example.com/", FOR_DOMAIN, "http://example.com/", True, id="6265-5.3 Domain: itself"
        ),
        pytest.param(
            "http://example.com/", FOR_DOMAIN, "http://a.b.example.com/", True, id="6265-5.3 its subdomains"
        ),
        pytest.param(
            "http://example.com/", FOR_DOMAIN, "http://notexample.com/", False, id="6265-5.1.3 no half label"
        ),
        pytest.param(
            "http://example.com/", FOR_DOMAIN, "http://example.com.org/", False, id="a name that begins so"
        ),
        pytest.param("http://localhost/", HOST_ONLY, "http://localhost:8080/", True, id="one label"),
        pytest.param(
            "http://localhost/", HOST_ONLY, "http://localhost.local/", False, id="one label is not .local"
        ),
        pytest.param(
            "http://localhost/", HOST_ONLY, "http://a.localhost/", False, id="one label has no subdomains"
        ),
        pytest.param(
            "http://localhost/", "a=1; Domain=localhost", "http://localhost/", True, id="Domain of one label"
        ),
        pytest.param(
            "http://localhost/",
            "a=1; Domain=localhost",
            "http://a.localhost/",
            False,
            id="which stays host-only",
        ),
        pytest.param("http://127.0.0.1/", HOST_ONLY, "http://127.0.0.1:8080/", True, id="an address"),
        pytest.param("http://127.0.0.1/", HOST_ONLY, "http://127.0.0.2/", False, id="another address"),
        pytest.param(
            "http://127.0.0.1/", "a=1; Domain=127.0.0.1", "http://127.0.0.1/", True, id="Domain of an address"
        ),
        pytest.param("http://[::1]/", HOST_ONLY, "http://[::1]:81/", True, id="an IPv6 address"),
        pytest.param("http://[::1]/", HOST_ONLY, "http://[::2]/", False, id="another IPv6 address"),
        pytest.param(
            "https://example.com/", "a=1; Secure", "https://example.com/", True, id="6265-5.4 Secure: https"
        ),
        pytest.param(
            "https://example.com/", "a=1; Secure", "http://example.com/", False, id="6265-5.4 not http"
        ),
        pytest.param(
            "http://localhost/", "a=1; Secure", "http://localhost/", False, id="6265-5.4 not on loopback"
        ),
        pytest.param("http://h/foo/bar", HOST_ONLY, "http://h/foo", True, id="6265-5.1.4 the default path"),
        pytest.param("http://h/foo/bar", HOST_ONLY, "http://h/foo/x/y", True, id="6265-5.1.4 and below"),
        pytest.param(
            "http://h/foo/bar", HOST_ONLY, "http://h/foobar", False, id="6265-5.1.4 no half segment"
        ),
        pytest.param("http://h/foo/bar", HOST_ONLY, "http://h/", False, id="6265-5.1.4 not above"),
        pytest.param("http://h/foo/bar?x=/", "a=1", "http://h/foo", True, id="a query is no path"),
        pytest.param("http://h/", "a=1; Path=/foo", "http://h/foo?q", True, id="6265-5.2.4 Path"),
        pytest.param(
            "http://h/", "a=1; Path=/foo", "http://h/foobar", False, id="6265-5.1.4 Path, no half segment"
        ),
        pytest.param(
            "http://h/", "a=1; Path=/foo/", "http://h/foo", False, id="6265-5.1.4 Path with / at its end"
        ),
        pytest.param("http://h/", "a=1; Path=/x%2fy", "http://h/x%2Fy/z", True, id="escapes in either case"),
        pytest.param(
            "http://h/", "a=1; Path=/x y", "http://h/x y/z", True, id="a space, encoded in one of them"
        ),
        pytest.param(
            "http://h/foo", "a=1; Path=/other", "http://h/other", True, id="6265-8.6 a path is no protection"
        ),
        pytest.param("http://h/", f"a=1; Expires={YESTERDAY}", "http://h/", False, id="6265-5.3 expired"),
        pytest.param("http://h/", "a=1; Max-Age=0", "http://h/", False, id="6265-5.2.2 no time to live"),
        pytest.param("http://h/", "a=1; Max-Age=1000", "http://h/", True, id="6265-5.2.2 alive"),
        pytest.param(
            "http://h/", "a=1; Expires=Mon, 01-Jan-1900 00:00:00 GMT", "http://h/", False, id="before 1970"
        ),
        pytest.param(
            "http://h/", "a=1; Port=81; Version=1", "http://h/", True, id="6265 knows no Port and Version"
        ),
    ],
)
def test_a_cookie_goes_where_rfc_6265_sends_it(
    jar: RequestsCookieJar, origin: str, field: str, url: str, goes: bool
) -> None:
    keep(jar, origin, field)
    assert sent(jar, url) == ("a=1" if goes else None)


@pytest.mark.parametrize(
    "url, domain",
    [
        pytest.param("http://example.com/", "example.org", id="6265-5.3 another site"),
        pytest.param("http://example.com/", "a.example.com", id="6265-5.3 a subdomain of the host"),
        pytest.param("http://example.com/", "ample.com", id="6265-5.1.3 half a label"),
        pytest.param("http://example.com/", "com", id="6265-5.3 a public suffix of one label"),
        pytest.param("http://example.com/", ".com", id="6265-5.3 with a dot"),
        pytest.param("http://example.com/", "..example.com", id="6265-5.2.3 two dots"),
        pytest.param("http://example.com/", "example.com.", id="a trailing dot"),
        pytest.param("http://example.com/", "example.com:80", id="a port"),
        pytest.param("http://a.localhost/", "localhost", id="one label above the host"),
        pytest.param("http://printer/", "printer.local", id="what http.cookiejar takes the host for"),
        pytest.param("http://192.168.0.1/", "168.0.1", id="6265-5.1.3 the end of an address"),
        pytest.param("http://192.168.0.1/", ".1", id="6265-5.1.3 a number"),
        pytest.param("http://[::1]/", "::1", id="an IPv6 address without its brackets"),
        pytest.param("mailto:a@b", "b", id="no host"),
        pytest.param("http://exa mple.com/", "exa mple.com", id="no URL"),
    ],
)
def test_a_domain_that_the_host_does_not_match_is_refused(
    jar: RequestsCookieJar, url: str, domain: str
) -> None:
    keep(jar, url, f"a=1; Domain={domain}")
    assert list(jar) == []


# --- what browsers have added to RFC 6265: draft-ietf-httpbis-rfc6265bis


@pytest.fixture(params=["with the list", "without"])
def suffixes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """True where the list of public suffixes is installed, which it then is not."""
    _cookie_policy._public_suffixes.cache_clear()
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    else:
        pytest.importorskip("publicsuffixlist")
    yield request.param == "with the list"
    _cookie_policy._public_suffixes.cache_clear()


@pytest.mark.parametrize(
    "url, domain, by_list, by_label",
    [
        pytest.param("https://a.example.com/", "example.com", True, True, id="a site"),
        pytest.param("https://example.com/", "com", False, False, id="one label"),
        pytest.param("https://example.com./", "com.", False, False, id="CVE-2022-27779 a dot behind it"),
        pytest.param("https://a.b.invalidtld/", "invalidtld", False, False, id="one label that nobody knows"),
        pytest.param("https://www.evil.co.uk/", "co.uk", False, True, id="two labels"),
        pytest.param("https://www.evil.co.uk/", "Co.UK", False, True, id="CVE-2023-46218 in any case"),
        pytest.param("https://www.evil.co.uk./", "co.uk.", False, True, id="and a dot behind them"),
        pytest.param("https://evil.github.io/", "github.io", False, True, id="a suffix of a company"),
        pytest.param("https://a.b.kawasaki.jp/", "b.kawasaki.jp", False, True, id="a rule with a wildcard"),
        pytest.param("https://a.city.kawasaki.jp/", "city.kawasaki.jp", True, True, id="and its exception"),
        pytest.param("https://a.公司.cn/", "xn--55qx5d.cn", False, True, id="an international one"),
        pytest.param("https://a.localhost/", "localhost", False, False, id="the local machine"),
    ],
)
def test_a_public_suffix_has_no_cookies(
    jar: RequestsCookieJar, suffixes: bool, url: str, domain: str, by_list: bool, by_label: bool
) -> None:
    keep(jar, url, f"a=1; Domain={domain}")
    assert bool(len(jar)) is (by_list if suffixes else by_label)


@pytest.mark.parametrize("host", ["github.io", "localhost", "com"])
def test_a_suffix_that_is_the_host_itself_has_them_for_itself_alone(
    jar: RequestsCookieJar, suffixes: bool, host: str
) -> None:
    keep(jar, f"https://{host}/", f"a=1; Domain={host}")
    assert sent(jar, f"https://{host}/") == "a=1"
    if suffixes or "." not in host:
        assert sent(jar, f"https://evil.{host}/") is None


@pytest.mark.parametrize(
    "url, field, is_kept",
    [
        pytest.param("https://h/", "a=1; Secure", True, id="Secure from https"),
        pytest.param("http://h/", "a=1; Secure", False, id="Secure from http"),
        pytest.param("http://localhost/", "a=1; Secure", False, id="nor from loopback"),
        pytest.param("https://h/", "__Secure-a=1; Secure", True, id="__Secure- that is"),
        pytest.param("https://h/", "__Secure-a=1", False, id="__Secure- that is not"),
        pytest.param("https://h/", "__sEcUrE-a=1", False, id="in any case"),
        pytest.param("http://h/", "__Secure-a=1; Secure", False, id="__Secure- from http"),
        pytest.param("https://h/", "__Secure-a", False, id="__Secure- without a value"),
        pytest.param("https://h/", "__Host-a=1; Secure; Path=/", True, id="__Host- that is"),
        pytest.param("https://h/", "__Host-a=1; Path=/", False, id="__Host- that is not Secure"),
        pytest.param("https://h/", "__Host-a=1; Secure", False, id="__Host- without a path"),
        pytest.param("https://h/x/y", "__Host-a=1; Secure", False, id="__Host- with the default path"),
        pytest.param("https://h/", "__Host-a=1; Secure; Path=/x", False, id="__Host- with another path"),
        pytest.param(
            "https://h.example/",
            "__Host-a=1; Secure; Path=/; Domain=h.example",
            False,
            id="__Host- for a domain",
        ),
        pytest.param("https://h/", "__hOsT-a=1; Secure", False, id="__Host- in any case"),
        pytest.param("http://h/", "__Host-a=1; Secure; Path=/", False, id="__Host- from http"),
        pytest.param("https://h/", "=__Host-a=1", False, id="a value that would pass for it"),
        pytest.param("https://h/", "__Hosta=1", True, id="another name"),
    ],
)
def test_6265bis_a_name_with_a_prefix_keeps_its_promise(
    jar: RequestsCookieJar, url: str, field: str, is_kept: bool
) -> None:
    keep(jar, url, field)
    assert bool(len(jar)) is is_kept


SECURE = "sid=good; Secure; Path=/login"


@pytest.mark.parametrize(
    "there, url, field, is_covered",
    [
        pytest.param(SECURE, "http://a.test.example/", "sid=evil; Path=/login", True, id="the same"),
        pytest.param(SECURE, "http://a.test.example/", "sid=evil; Path=/login/x", True, id="below its path"),
        pytest.param(
            SECURE, "http://a.test.example/", "sid=evil; Path=/", False, id="above it: sent behind it"
        ),
        pytest.param(
            SECURE,
            "http://b.a.test.example/",
            "sid=evil; Path=/login; Domain=a.test.example",
            True,
            id="from a subdomain",
        ),
        pytest.param(
            SECURE,
            "http://a.test.example/",
            "sid=evil; Path=/login; Domain=test.example",
            True,
            id="for the domain above",
        ),
        pytest.param(
            SECURE, "http://a.test.example/", "sid=; Max-Age=0; Path=/login", True, id="its deletion"
        ),
        pytest.param(
            SECURE + "; Domain=test.example",
            "http://b.test.example/",
            "sid=evil; Path=/login",
            True,
            id="for a host below the domain",
        ),
        pytest.param(SECURE, "http://b.test.example/", "sid=evil; Path=/login", False, id="another host"),
        pytest.param(SECURE, "http://a.test.example/", "other=1; Path=/login", False, id="another name"),
        pytest.param(
            SECURE, "http://a.test.example/", "SID=1; Path=/login", False, id="a name in another case"
        ),
        pytest.param(
            "sid=good; Path=/login", "http://a.test.example/", "sid=evil; Path=/login", False, id="over none"
        ),
        pytest.param(SECURE, "https://a.test.example/", "sid=new; Path=/login", False, id="over https"),
    ],
)
def test_6265bis_an_insecure_origin_leaves_secure_cookies_alone(
    jar: RequestsCookieJar, there: str, url: str, field: str, is_covered: bool
) -> None:
    keep(jar, "https://a.test.example/", there)
    before = [(cookie.domain, cookie.name, cookie.value) for cookie in jar]
    keep(jar, url, field)
    after = [(cookie.domain, cookie.name, cookie.value) for cookie in jar]
    assert (after == before) is is_covered


def test_a_secure_cookie_of_the_program_for_every_host_is_left_alone_too(jar: RequestsCookieJar) -> None:
    jar.set("sid", "good", secure=True)
    keep(jar, "http://example.com/", "sid=evil")
    assert jar.get_dict() == {"sid": "good"}


def test_the_rules_for_servers_are_not_for_programs(jar: RequestsCookieJar) -> None:
    jar.set("__Host-a", "1", domain="example.com")
    jar.set("b", "x" * 5000, domain="com")
    jar.set("c", "1", secure=True)
    assert sent(jar, "http://example.com/") == "__Host-a=1; b=" + "x" * 5000


def test_which_schemes_are_secure_can_be_said(jar: RequestsCookieJar) -> None:
    policy: Any = jar.get_policy()
    policy.secure_protocols = ("https", "http")
    keep(jar, "http://localhost/", "a=1; Secure")
    assert sent(jar, "http://localhost/") == "a=1"


class TestNumbers:
    def test_the_oldest_of_a_domain_give_way(self, jar: RequestsCookieJar) -> None:
        for number in range(200):
            keep(jar, "https://a.example/", f"n{number}=1")
        keep(jar, "https://b.example/", "other=1")
        assert jar.get_dict(domain="a.example") == {f"n{number}": "1" for number in range(20, 200)}
        assert jar.get("other") == "1"

    def test_those_without_secure_first(self) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=3))
        keep(jar, "https://a.example/", "s1=1; Secure", "p1=1", "s2=1; Secure", "p2=1", "p3=1")
        assert jar.keys() == ["s1", "s2", "p3"]
        keep(jar, "https://a.example/", "s3=1; Secure", "s4=1; Secure")
        assert jar.keys() == ["s2", "s3", "s4"]

    def test_those_that_are_over_before_all_others(self) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=2))
        keep(jar, "https://a.example/", "first=1", "second=1; Max-Age=1000")
        next(cookie for cookie in jar if cookie.name == "second").expires = 1
        keep(jar, "https://a.example/", "third=1")
        assert jar.keys() == ["first", "third"]

    def test_who_sets_thousands_loses_them(self) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies=10))
        keep(jar, "https://bank.example/", "login=1", "theme=1")
        for number in range(100):
            keep(jar, "https://evil.example/", f"n{number}=1; Path=/{number}")
        assert jar.get_dict(domain="bank.example") == {"login": "1", "theme": "1"}
        assert len(jar) == 10

    def test_a_jar_is_never_fuller_than_it_may_be(self) -> None:
        jar = RequestsCookieJar()
        for number in range(60):
            keep(jar, f"https://h{number}.example/", *[f"n{n}=1; Path=/{n % 5}" for n in range(70)])
        assert len(jar) == 3000

    def test_nothing_is_left_of_those_that_gave_way(self) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=1, max_cookies=2))
        for number in range(20):
            keep(jar, f"https://h{number}.example/", "a=1; Path=/1", "a=1; Path=/2")
        assert [len(paths) for paths in jar._cookies.values()] == [1, 1]

    def test_programs_may_put_in_as_many_as_they_like(self) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=2, max_cookies=2))
        for number in range(10):
            jar.set(f"n{number}", "1", domain="a.example")
        assert len(jar) == 10

    @pytest.mark.parametrize("name", ["max_cookies", "max_cookies_per_domain"])
    def test_a_limit_is_a_number(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"{name} is 0"):
            RFC6265Policy(**{name: 0})

    @given(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans(), st.booleans()),
            max_size=30,
        )
    )
    def test_whatever_is_set_the_limits_hold(self, steps: list[tuple[str, str, bool, bool]]) -> None:
        jar = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=2, max_cookies=4))
        for host, name, secure, deep in steps:
            keep(jar, f"https://{host}.example/", f"{name}=1" + "; Secure" * secure + "; Path=/p" * deep)
            assert sent(jar, f"https://{host}.example/p") is not None
            domains = [cookie.domain for cookie in jar]
            assert len(domains) <= 4
            assert all(domains.count(domain) <= 2 for domain in domains)


def test_two_sockets_whose_paths_differ_in_case_share_no_cookies(jar: RequestsCookieJar) -> None:
    keep(jar, "http+unix://%2Frun%2FA.sock/", "a=1")
    assert sent(jar, "http+unix://%2Frun%2Fa.sock/") is None
    assert sent(jar, "http+unix://%2Frun%2FA.sock/") == "a=1"


def test_a_request_without_a_host_sets_nothing(jar: RequestsCookieJar) -> None:
    # Kept for the domain '' it would be sent everywhere.
    keep(jar, "file:///etc/passwd", "a=1")
    keep(jar, "http:///path", "a=1")
    assert list(jar) == []


def test_other_schemes_have_cookies_too(jar: RequestsCookieJar) -> None:
    keep(jar, "mock://Test.example/a", "a=1; Path=/")
    assert sent(jar, "mock://test.example/b") == "a=1"


@pytest.mark.parametrize(
    "kwargs, url, goes",
    [
        pytest.param({}, "http://anything/at/all", True, id="no domain: every host"),
        pytest.param({"domain": "example.com"}, "http://example.com/", True, id="a domain: itself"),
        pytest.param({"domain": "example.com"}, "http://a.example.com/", True, id="a domain: its subdomains"),
        pytest.param({"domain": ".example.com"}, "http://example.com/", True, id="with a dot"),
        pytest.param(
            {"domain": ".example.com"}, "http://a.example.com/", True, id="with a dot: its subdomains"
        ),
        pytest.param({"domain": "Example.COM"}, "http://example.com/", True, id="in any case"),
        pytest.param({"domain": "example.com"}, "http://notexample.com/", False, id="no half label"),
        pytest.param({"domain": "example.com"}, "http://example.org/", False, id="another site"),
        pytest.param({"domain": "localhost"}, "http://localhost:8080/", True, id="one label"),
        pytest.param(
            {"domain": "localhost.local"}, "http://localhost/", True, id="as http.cookiejar calls it"
        ),
        pytest.param({"domain": "a.localhost.local"}, "http://localhost/", False, id="but no longer name"),
        pytest.param({"domain": "a.b.local"}, "http://a.b/", False, id="nor for a host of two labels"),
        pytest.param({"domain": "127.0.0.1"}, "http://127.0.0.1/", True, id="an address"),
        pytest.param({"domain": "0.0.1"}, "http://127.0.0.1/", False, id="the end of an address"),
        pytest.param({"domain": "[::1]"}, "http://[::1]/", True, id="an IPv6 address"),
        pytest.param({"path": "/a"}, "http://h/a/b", True, id="a path"),
        pytest.param({"path": "/a"}, "http://h/ab", False, id="another path"),
        pytest.param({"path": None, "domain": None}, "http://h/ab", True, id="None is the default"),
        pytest.param({"secure": True}, "https://h/", True, id="secure"),
        pytest.param({"secure": True}, "http://h/", False, id="secure, not over http"),
        pytest.param({"expires": 1}, "http://h/", False, id="expired"),
        pytest.param({"expires": 1 << 40}, "http://h/", True, id="not expired"),
        pytest.param({"port": "80,81"}, "http://h:81/", True, id="2965-3.3.4 a port of the list"),
        pytest.param({"port": "80,81"}, "http://h:82/", False, id="2965-3.3.4 another port"),
        pytest.param({"version": 1}, "http://h/", True, id="6265 knows no version"),
    ],
)
def test_a_cookie_of_the_program_goes_where_it_says(
    jar: RequestsCookieJar, kwargs: dict[str, Any], url: str, goes: bool
) -> None:
    jar.set("a", "1", **kwargs)
    assert sent(jar, url) == ("a=1" if goes else None)


def test_the_longest_path_comes_first_and_then_the_oldest(jar: RequestsCookieJar) -> None:
    """RFC 6265 §5.4 step 2."""
    keep(
        jar,
        "http://h/",
        "a=root; Path=/",
        "b=1; Path=/",
        "a=deep; Path=/x/y",
        "a=mid; Path=/x",
        "b=2; Path=/",
    )
    assert sent(jar, "http://h/x/y/z") == "a=deep; a=mid; a=root; b=2"


def test_a_cookie_without_a_value_is_its_name(jar: RequestsCookieJar) -> None:
    keep(jar, "http://h/", "flag")
    assert sent(jar, "http://h/") == "flag"
    assert jar.items() == [("flag", None)]
    assert jar.get("flag", "default") == "default"
    assert "flag" not in jar


def test_a_leading_dot_tells_a_domain_from_a_host_whatever_the_flags_say(jar: RequestsCookieJar) -> None:
    # Libraries that read the cookies of browsers fill the flags in as they like.
    cookie = create_cookie("a", "1", domain=".example.com")
    cookie.domain_specified = False
    jar.set_cookie(cookie)
    assert sent(jar, "http://www.example.com/") == "a=1"


def test_a_cookie_that_the_program_lets_expire_is_not_sent(jar: RequestsCookieJar) -> None:
    jar.set("a", "1").expires = 1
    assert sent(jar, "http://h/") is None


def test_numbers_and_bytes_are_values(jar: RequestsCookieJar) -> None:
    cookiejar_from_dict({"a": 1, "b": "é".encode()}, jar)
    field = sent(jar, "http://h/")
    assert field is not None
    assert field.encode("latin-1") == "a=1; b=é".encode()


@pytest.mark.parametrize(
    "host, goes",
    [("other.example", True), ("other.example:80", True), (b"other.example", True), ("Other.Example", True),
     ("h", False), ("x/other.example", False), ("bad host", False)],
)  # fmt: skip
def test_a_host_field_of_the_program_is_the_host(jar: RequestsCookieJar, host: Any, goes: bool) -> None:
    jar.set("a", "1", domain="other.example")
    assert sent(jar, "http://h/", Host=host) == ("a=1" if goes else None)


def test_cookies_are_kept_for_the_host_field_of_the_program(jar: RequestsCookieJar) -> None:
    extract_cookies_to_jar(jar, Asked("http://127.0.0.1/", Host="other.example:8080"), answer("a=1"))
    assert jar.list_domains() == ["other.example"]


def test_a_cookie_field_of_the_program_stands(jar: RequestsCookieJar) -> None:
    jar.set("a", "1")
    assert sent(jar, "http://h/", cookie="mine=2") is None


@given(
    st.lists(
        st.sampled_from(["com", "example.com", "a.example.com", "b.a.example.com", "c.example.com"]),
        min_size=1,
    ),
    st.sampled_from(["example.com", "a.example.com", "b.a.example.com", "c.example.com"]),
    st.sampled_from(["example.com", "a.example.com", "b.a.example.com", "c.example.com"]),
)
def test_no_site_learns_more_than_its_own(domains: list[str], setter: str, reader: str) -> None:
    jar = RequestsCookieJar()
    keep(jar, f"http://{setter}/", "own=1", *(f"c{i}=1; Domain={domain}" for i, domain in enumerate(domains)))
    expected = ["own=1"] if reader == setter else []
    for number, domain in enumerate(domains):
        accepted = domain != "com" and ("." + setter).endswith("." + domain)
        if accepted and ("." + reader).endswith("." + domain):
            expected.append(f"c{number}=1")
    assert sorted((sent(jar, f"http://{reader}/") or "").split("; ")) == (sorted(expected) or [""])


# --- deleting and expiring


def test_an_expired_field_deletes_the_cookie_it_names_and_no_other(jar: RequestsCookieJar) -> None:
    keep(jar, "http://h/x/y", "a=1", "a=2; Path=/", "b=3; Path=/")
    keep(
        jar,
        "http://h/x/y",
        f"a=; Path=/; Expires={YESTERDAY}",
        "b=; Path=/x; Max-Age=0",
        "unknown=; Max-Age=0",
    )
    assert sorted(jar.items()) == [("a", "1"), ("b", "3")]


def test_a_response_deletes_no_cookie_of_another_site(jar: RequestsCookieJar) -> None:
    keep(jar, "http://bank.example/", "session=1; Domain=bank.example", "own=2")
    for domain in ("bank.example", ".bank.example"):
        keep(
            jar,
            "http://evil.example/",
            f"session=; Domain={domain}; Max-Age=0",
            f"own=; Domain={domain}; Max-Age=0",
        )
    assert len(jar) == 2


def test_what_expires_meanwhile_is_not_sent_and_leaves(
    jar: RequestsCookieJar, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(jar, "http://h/", "short=1; Max-Age=10", "long=1; Max-Age=1000")
    keep(jar, "http://other/", "short=1; Max-Age=10")
    assert sent(jar, "http://h/") == "short=1; long=1"
    later = time.time() + 100
    monkeypatch.setattr(time, "time", lambda: later)
    assert sent(jar, "http://h/") == "long=1"
    assert jar.keys() == ["long"]
    monkeypatch.setattr(time, "time", lambda: later + 1000)
    assert sent(jar, "http://h/") is None
    assert len(jar) == 0


def test_expired_cookies_can_be_cleared_by_the_program(jar: RequestsCookieJar) -> None:
    jar.set("old", "1", expires=1)
    jar.set("new", "1", expires=1 << 40)
    jar.clear_expired_cookies()
    assert jar.keys() == ["new"]


# --- what cannot be sent


@pytest.mark.parametrize("name, value", [("a", "1{}Set: x"), ("a{}b", "1"), ("a", "{}"), ("{}", "1")])
@pytest.mark.parametrize("wrong", ["\r", "\n", "\r\n", "\x00", ";", "; ", "\x7f", "\x1b"])
def test_a_value_that_would_add_a_cookie_or_field_is_refused(
    jar: RequestsCookieJar, name: str, value: str, wrong: str
) -> None:
    jar.set(name.format(wrong), value.format(wrong))
    asked = Asked("http://h/")
    with pytest.raises(InvalidHeader, match="cannot be sent") as caught:
        get_cookie_header(jar, asked)
    assert caught.value.request is asked  # type: ignore[comparison-overlap]
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).isprintable()


def test_the_error_does_not_show_the_value(jar: RequestsCookieJar) -> None:
    jar.set("a" * 1000, "secret;")
    with pytest.raises(InvalidHeader) as caught:
        sent(jar, "http://h/")
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_is_not_sent_is_no_error(jar: RequestsCookieJar) -> None:
    jar.set("a", "1;2", domain="example.com")
    assert sent(jar, "http://example.org/") is None
    assert sent(jar, "http://example.com/", Cookie="b=1") is None


@pytest.mark.parametrize("policy", [DefaultCookiePolicy, RFC6265Policy])
def test_other_jars_and_policies_cannot_be_used_for_injection(policy: Callable[[], CookiePolicy]) -> None:
    for jar in (CookieJar(policy()), RequestsCookieJar(policy())):
        jar.set_cookie(create_cookie("ok", "1"))
        jar.set_cookie(create_cookie("elsewhere", "1;2", domain="example.com"))
        assert sent(jar, "http://example.org/") == "ok=1"
        with pytest.raises(InvalidHeader):
            sent(jar, "http://example.com/")


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), min_size=1, max_size=4))
def test_the_field_has_as_many_cookies_as_the_program_gave_or_is_refused(given_: dict[str, str]) -> None:
    try:
        field = get_cookie_header(cookiejar_from_dict(given_), Asked("http://h/"))
    except InvalidHeader:
        assert any(ord(c) < 32 or c in ";\x7f" for pair in given_.items() for text in pair for c in text)
    else:
        assert field is not None
        assert field.split("; ") == [f"{name}={value}" for name, value in dict_from_cookiejar(
            cookiejar_from_dict(given_)).items()]  # fmt: skip
        assert not set("\r\n\x00") & set(field)


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=30), max_size=4))
def test_whatever_a_server_sets_can_be_sent(fields: list[str]) -> None:
    jar = RequestsCookieJar()
    message = SimpleNamespace(get_all=lambda name, default=None: fields)
    extract_cookies_to_jar(
        jar, Asked("http://h/"), SimpleNamespace(_original_response=SimpleNamespace(msg=message))
    )
    field = sent(jar, "http://h/")
    assert (field is None) == (not len(jar))
    assert field is None or len(field.split("; ")) >= len(jar)


# --- where Set-Cookie is found


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(HTTPHeaderDict([("set-cookie", "a=1"), ("Set-Cookie", "b=2, c")]), id="urllib3's"),
        pytest.param(
            CaseInsensitiveDict.from_pairs([("SET-cookie", "a=1"), ("set-cookie", "b=2, c")]), id="ours"
        ),
    ],
)
def test_repeated_fields_are_read_one_by_one(jar: RequestsCookieJar, headers: Any) -> None:
    extract_cookies_to_jar(jar, Asked("http://h/"), SimpleNamespace(_original_response=None, headers=headers))
    assert jar.items() == [("a", "1"), ("b", "2, c")]


def test_the_message_behind_the_response_precedes_its_fields(jar: RequestsCookieJar) -> None:
    response = answer("a=1")
    response.headers = HTTPHeaderDict({"Set-Cookie": "b=2"})
    extract_cookies_to_jar(jar, Asked("http://h/"), response)
    assert jar.keys() == ["a"]


def test_a_plain_mapping_will_do(jar: RequestsCookieJar) -> None:
    extract_cookies_to_jar(jar, Asked("http://h/"), SimpleNamespace(headers={"Set-Cookie": "a=1"}))
    assert jar.keys() == ["a"]


class Shim:
    """Fields as requests-mock shows them: one value each, and a default for those that are not there."""

    def __init__(self, **headers: str) -> None:
        self.headers = CaseInsensitiveDict(headers)

    def get_all(self, name: str, failobj: Any = None) -> Any:
        try:
            return [self.headers[name]]
        except KeyError:
            return failobj


def test_shims_of_mocking_libraries_are_read(jar: RequestsCookieJar) -> None:
    shim = Shim(**{"set-cookie": "a=1"})
    extract_cookies_to_jar(
        jar, Asked("mock://h/"), SimpleNamespace(_original_response=SimpleNamespace(msg=shim))
    )
    jar.extract_cookies(MockResponse(Shim(**{"Set-Cookie": "b=2"})), MockRequest(Asked("mock://h/")))
    assert jar.get_dict() == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(None, id="None"),
        pytest.param(SimpleNamespace(), id="nothing at all"),
        pytest.param(Mock(), id="a mock"),
        pytest.param(Mock(_original_response=None), id="a mock of a response"),
        pytest.param(answer(), id="no such field"),
        pytest.param(SimpleNamespace(_original_response=None, headers=None), id="no fields"),
        pytest.param(SimpleNamespace(headers={"a": "b"}), id="other fields"),
        pytest.param(SimpleNamespace(headers=HTTPHeaderDict(a="b")), id="other fields, urllib3's"),
        pytest.param(SimpleNamespace(headers=CaseInsensitiveDict({"a": "b"})), id="other fields, ours"),
        pytest.param(SimpleNamespace(_original_response=SimpleNamespace(), headers={}), id="no message"),
        pytest.param(
            SimpleNamespace(_original_response=SimpleNamespace(msg=Shim())), id="a shim without the field"
        ),
    ],
)
def test_without_a_field_nothing_is_done(
    jar: RequestsCookieJar, response: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*args: Any) -> None:
        raise AssertionError("no request needs to be looked at")

    monkeypatch.setattr(cookies, "MockRequest", too_much)
    extract_cookies_to_jar(jar, Asked("http://h/"), response)
    assert len(jar) == 0


def test_an_empty_jar_looks_at_no_request(jar: RequestsCookieJar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies, "MockRequest", None)
    assert get_cookie_header(jar, Asked("http://h/")) is None


def test_urllibs_requests_work_with_the_jar(jar: RequestsCookieJar) -> None:
    request = urllib.request.Request("http://example.com/a/b")
    jar.extract_cookies(MockResponse(answer("a=1")._original_response.msg), request)
    again = urllib.request.Request("http://example.com/a")
    jar.add_cookie_header(again)
    assert again.get_header("Cookie") == "a=1"


def test_make_cookies_tells_what_is_set_and_changes_nothing(jar: RequestsCookieJar) -> None:
    jar.set("b", "1", domain="h", path="/")
    message = answer("a=1", "b=; Max-Age=0", "c=1; Domain=evil")._original_response.msg
    made = jar.make_cookies(MockResponse(message), MockRequest(Asked("http://h/")))
    assert [cookie.name for cookie in made] == ["a", "c"]
    assert jar.keys() == ["b"]


# --- what cookies look like


def test_a_cookie_of_a_response_has_all_its_attributes(jar: RequestsCookieJar) -> None:
    keep(jar, "https://www.example.com/a/b", "a=1; Domain=Example.com; Path=/a; Secure; HttpOnly; Max-Age=60")
    (cookie,) = jar
    assert (cookie.name, cookie.value, cookie.domain, cookie.path) == ("a", "1", ".example.com", "/a")
    assert (cookie.domain_specified, cookie.path_specified, cookie.secure, cookie.discard) == (
        True,
        True,
        True,
        False,
    )
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.expires == pytest.approx(time.time() + 60, abs=5)
    assert cookie.version == 0


def test_a_session_cookie_is_to_be_discarded(jar: RequestsCookieJar) -> None:
    keep(jar, "https://www.example.com/a/b", "a=1")
    (cookie,) = jar
    assert (cookie.domain, cookie.domain_specified, cookie.path, cookie.path_specified) == (
        "www.example.com", False, "/a", False)  # fmt: skip
    assert (cookie.expires, cookie.discard) == (None, True)
    jar.clear_session_cookies()
    assert len(jar) == 0


# --- the mapping


def test_the_jar_is_a_mapping_of_names_to_values(jar: RequestsCookieJar) -> None:
    jar["a"] = "1"
    jar.update({"b": "2"})
    jar.update([("c", "3")], d="4")
    assert jar["a"] == "1"
    assert (jar.get("b"), jar.get("x"), jar.get("x", "default")) == ("2", None, "default")
    assert jar.keys() == ["a", "b", "c", "d"]
    assert jar.values() == ["1", "2", "3", "4"]
    assert jar.items() == list(zip("abcd", "1234", strict=True))
    assert (list(jar.iterkeys()), list(jar.itervalues()), list(jar.iteritems())) == (
        jar.keys(), jar.values(), jar.items())  # fmt: skip
    assert "a" in jar
    assert "x" not in jar
    assert len(jar) == 4
    assert bool(jar)
    assert dict(jar) == {"a": "1", "b": "2", "c": "3", "d": "4"}
    assert [type(cookie) for cookie in jar] == [Cookie] * 4
    del jar["a"]
    assert jar.pop("b") == "2"
    assert jar.setdefault("c", "x") == "3"
    assert jar.setdefault("e", "5") == "5"
    assert jar.get_dict() == {"c": "3", "d": "4", "e": "5"}
    assert jar == {"c": "3", "d": "4", "e": "5"}
    jar.clear()
    assert not jar
    with pytest.raises(KeyError, match="name='a'"):
        jar["a"]


def test_assigning_a_name_replaces_its_cookie(jar: RequestsCookieJar) -> None:
    jar["a"] = "1"
    jar["a"] = "2"
    assert jar.items() == [("a", "2")]


@pytest.fixture
def two() -> RequestsCookieJar:
    jar = RequestsCookieJar()
    jar.set("a", "1", domain="one.example", path="/")
    jar.set("a", "2", domain="two.example", path="/x")
    return jar


def test_a_name_that_several_cookies_have_is_a_conflict(two: RequestsCookieJar) -> None:
    assert "a" in two
    for ask in (lambda: two["a"], lambda: two.get("a"), lambda: two.get("a", "default")):
        with pytest.raises(CookieConflictError, match="2 cookies match name='a'"):
            ask()
    assert issubclass(CookieConflictError, RuntimeError)


def test_domain_and_path_tell_cookies_apart(two: RequestsCookieJar) -> None:
    assert two.get("a", domain="one.example") == "1"
    assert two.get("a", path="/x") == "2"
    assert two.get("a", domain="one.example", path="/x") is None
    assert two._find("a") == "1"
    assert two._find("a", domain="two.example") == "2"
    assert two._find_no_duplicates("a", path="/") == "1"
    with pytest.raises(KeyError):
        two._find("a", domain="three.example")
    assert two.get_dict() == {"a": "2"}
    assert two.get_dict(domain="one.example") == {"a": "1"}
    assert two.get_dict(path="/x") == {"a": "2"}
    assert two.get_dict(domain="one.example", path="/x") == {}


def test_domains_and_paths_are_listed_once(two: RequestsCookieJar) -> None:
    two.set("b", "3", domain="one.example", path="/x")
    assert two.list_domains() == ["one.example", "two.example"]
    assert two.list_paths() == ["/", "/x"]
    assert two.multiple_domains() is True
    two.clear("two.example")
    assert two.multiple_domains() is False


def test_none_removes(two: RequestsCookieJar) -> None:
    assert two.set("a", None, domain="one.example") is None
    assert two.items() == [("a", "2")]
    two["a"] = None
    two["a"] = None
    assert len(two) == 0


def test_remove_cookie_by_name_removes_all_that_fit(two: RequestsCookieJar) -> None:
    two.set("b", "3")
    remove_cookie_by_name(two, "a", path="/x")
    assert two.items() == [("a", "1"), ("b", "3")]
    remove_cookie_by_name(two, "a", domain="nowhere.example")
    remove_cookie_by_name(two, "a")
    assert two.items() == [("b", "3")]
    foreign = CookieJar()
    foreign.set_cookie(create_cookie("a", "1"))
    remove_cookie_by_name(foreign, "a")
    assert len(foreign) == 0


def test_set_returns_the_cookie_and_takes_its_attributes(jar: RequestsCookieJar) -> None:
    cookie = jar.set("a", "1", domain="example.com", rest={"SameSite": "Lax"})
    assert cookie is next(iter(jar))
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    with pytest.raises(TypeError, match="takes no colour; a cookie has domain, path"):
        jar.set("a", "1", colour="red")


def test_a_morsel_brings_its_own_attributes(jar: RequestsCookieJar) -> None:
    morsel = SimpleCookie("a=1; Path=/x; Domain=example.com; Secure")["a"]
    jar["a"] = morsel
    (cookie,) = jar
    assert (cookie.value, cookie.path, cookie.domain, cookie.secure) == ("1", "/x", "example.com", True)


def test_escaped_quotation_marks_are_dropped_from_a_quoted_value(jar: RequestsCookieJar) -> None:
    for value, kept in [('"a\\"b"', '"ab"'), ('a\\"b', 'a\\"b'), ('"', '"'), ("", "")]:
        jar.set_cookie(create_cookie("a", value))
        assert jar["a"] == kept


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.text(max_size=3))))
def test_names_without_a_domain_behave_as_in_a_dict(steps: list[tuple[str, str | None]]) -> None:
    jar, model = RequestsCookieJar(), dict[str, str]()
    for name, value in steps:
        jar[name] = value
        if value is None:
            model.pop(name, None)
        else:
            model[name] = value
        assert jar.get_dict() == model
        assert (len(jar), bool(jar), sorted(jar.keys())) == (len(model), bool(model), sorted(model))
        assert all((name in jar) == (name in model) for name in "abc")


# --- subclasses


class Recording(RequestsCookieJar):
    """A jar that notes which of its methods were used."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def set(self, name: str, value: Any, **kwargs: Any) -> Any:
        self.calls.append("set")
        return super().set(name, value, **kwargs)

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:
        self.calls.append("set_cookie")
        super().set_cookie(cookie, *args, **kwargs)


@pytest.mark.parametrize(
    "do, calls",
    [
        pytest.param(lambda jar: jar.__setitem__("a", "1"), ["set", "set_cookie"], id="assignment"),
        pytest.param(lambda jar: jar.set("a", "1"), ["set", "set_cookie"], id="set"),
        pytest.param(lambda jar: jar.update({"a": "1"}), ["set", "set_cookie"], id="update with a mapping"),
        pytest.param(
            lambda jar: jar.update(cookiejar_from_dict({"a": "1"})), ["set_cookie"], id="update with a jar"
        ),
        pytest.param(lambda jar: merge_cookies(jar, {"a": "1"}), ["set_cookie"], id="merge a dict"),
        pytest.param(
            lambda jar: merge_cookies(jar, cookiejar_from_dict({"a": "1"})), ["set_cookie"], id="merge a jar"
        ),
        pytest.param(
            lambda jar: cookiejar_from_dict({"a": "1"}, jar), ["set_cookie"], id="cookiejar_from_dict"
        ),
        pytest.param(lambda jar: keep(jar, "http://h/", "a=1"), ["set_cookie"], id="a response"),
        pytest.param(lambda jar: jar.setdefault("a", "1"), ["set", "set_cookie"], id="setdefault"),
    ],
)
def test_everything_goes_through_what_subclasses_override(do: Callable[[Any], Any], calls: list[str]) -> None:
    jar = Recording()
    do(jar)
    assert jar.calls == calls
    assert jar.items() == [("a", "1")]


# --- copies


def test_a_copy_shares_nothing_but_the_policy(two: RequestsCookieJar) -> None:
    policy = DefaultCookiePolicy()
    two.set_policy(policy)
    twin = two.copy()
    assert twin.get_policy() is policy
    assert twin == two
    next(iter(twin)).value = "changed"
    twin.set("b", "3")
    assert two.items() == [("a", "1"), ("a", "2")]


@pytest.mark.parametrize(
    "through", [lambda jar: pickle.loads(pickle.dumps(jar)), copy.deepcopy], ids=["pickle", "deep"]
)
def test_a_jar_can_be_pickled(two: RequestsCookieJar, through: Callable[[Any], Any]) -> None:
    twin = through(two)
    assert [vars(cookie) for cookie in twin] == [vars(cookie) for cookie in two]
    assert isinstance(twin.get_policy(), RFC6265Policy)
    twin.set("b", "3")
    assert "b" not in two
    assert sent(twin, "http://one.example/") == "a=1; b=3"


def test_a_shallow_copy_has_a_lock(two: RequestsCookieJar) -> None:
    copy.copy(two).set("b", "3")


@pytest.mark.parametrize("make", [RequestsCookieJar, CookieJar, LWPCookieJar], ids=lambda make: make.__name__)
def test_a_jar_of_any_kind_is_copied(make: Callable[[], CookieJar]) -> None:
    jar = make()
    jar.set_cookie(create_cookie("a", "1"))
    twin = cookies._copy_cookie_jar(jar)
    assert type(twin) is type(jar)
    next(iter(twin)).value = "changed"
    twin.clear()
    assert dict_from_cookiejar(jar) == {"a": "1"}
    assert cookies._copy_cookie_jar(None) is None


def test_a_jar_that_can_copy_itself_does() -> None:
    class Own(CookieJar):
        def copy(self) -> CookieJar:
            return twin

    twin = Own()
    assert cookies._copy_cookie_jar(Own()) is twin


def test_cookies_of_other_classes_keep_their_class(jar: RequestsCookieJar) -> None:
    class Special(Cookie):
        pass

    special = create_cookie("a", "1")
    special.__class__ = Special
    jar.set_cookie(special)
    (twin,) = jar.copy()
    assert type(twin) is Special
    assert twin is not special


# --- merging


def test_a_mapping_does_not_replace_what_the_jar_has(two: RequestsCookieJar) -> None:
    assert merge_cookies(two, {"a": "new", "b": "3"}) is two
    assert sorted(two.items()) == [("a", "1"), ("a", "2"), ("b", "3")]


def test_a_jar_replaces_what_the_jar_has(jar: RequestsCookieJar) -> None:
    jar.set("a", "1")
    other = cookiejar_from_dict({"a": "2", "b": "3"})
    merge_cookies(jar, other)
    assert jar.get_dict() == {"a": "2", "b": "3"}
    next(iter(jar)).value = "changed"
    assert other["a"] == "2"


@pytest.mark.parametrize("nothing", [None, {}, [], ()])
def test_nothing_merges_into_anything(jar: RequestsCookieJar, nothing: Any) -> None:
    assert merge_cookies(jar, nothing) is jar
    assert len(cookiejar_from_dict(nothing)) == 0


def test_other_jars_take_part(jar: RequestsCookieJar) -> None:
    plain = CookieJar()
    plain.set_cookie(create_cookie("a", "1"))
    merge_cookies(jar, plain)
    merge_cookies(plain, cookiejar_from_dict({"b": "2"}))
    merge_cookies(plain, {"a": "x", "c": "3"})
    assert jar.get_dict() == {"a": "1"}
    assert dict_from_cookiejar(plain) == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize("wrong", ["a=1", b"a=1", 1, [1], ["abc"], object], ids=repr)
def test_what_is_no_mapping_is_refused(jar: RequestsCookieJar, wrong: Any) -> None:
    with pytest.raises(RequestException, match="give a mapping"):
        merge_cookies(jar, wrong)


def test_cookies_are_merged_into_a_jar_only() -> None:
    with pytest.raises(ValueError, match="into a CookieJar, not into dict"):
        merge_cookies({}, {"a": "1"})  # type: ignore[type-var]


def test_dicts_and_jars_convert_both_ways(jar: RequestsCookieJar) -> None:
    made = cookiejar_from_dict({"a": "1", "b": None})
    assert type(made) is RequestsCookieJar
    assert dict_from_cookiejar(made) == {"a": "1", "b": None}
    assert add_dict_to_cookiejar(jar, {"a": "1"}) is jar
    assert add_dict_to_cookiejar(jar, {"a": "2"}).get_dict() == {"a": "2"}
    assert cookiejar_from_dict({"a": "3"}, jar, overwrite=False).get_dict() == {"a": "2"}
    assert cookiejar_from_dict([("c", "4")], jar)["c"] == "4"


# --- making


def test_a_cookie_is_made_of_a_name_and_a_value() -> None:
    cookie = create_cookie("a", "1")
    assert vars(cookie) == vars(Cookie(
        0, "a", "1", None, False, "", False, False, "/", True, False, None, True, None, None, {"HttpOnly": None}
    ))  # fmt: skip


def test_what_was_specified_is_noted() -> None:
    cookie = create_cookie(
        "a", "1", domain=".example.com", path="", port="80", secure=True, expires=5, discard=False
    )
    assert (cookie.domain_specified, cookie.domain_initial_dot, cookie.path_specified, cookie.port_specified) == (
        True, True, False, True)  # fmt: skip
    assert (cookie.secure, cookie.expires, cookie.discard) == (True, 5, False)


def test_cookies_do_not_share_their_attributes() -> None:
    create_cookie("a", "1").set_nonstandard_attr("SameSite", "Lax")
    assert not create_cookie("b", "2").has_nonstandard_attr("SameSite")


def morsel(**attributes: Any) -> Morsel[Any]:
    made: Morsel[Any] = Morsel()
    made.set("a", "1", "1")
    for name, value in attributes.items():
        made[name.replace("_", "-")] = value
    return made


def test_a_morsel_becomes_a_cookie() -> None:
    cookie = morsel_to_cookie(
        morsel(path="/x", domain="d", secure=True, httponly=True, comment="c", version=1)
    )
    assert (cookie.name, cookie.value, cookie.path, cookie.domain, cookie.secure) == (
        "a",
        "1",
        "/x",
        "d",
        True,
    )
    assert (cookie.version, cookie.comment, cookie.discard, cookie.expires) == (1, "c", False, None)
    assert cookie.get_nonstandard_attr("HttpOnly") is True


@pytest.mark.parametrize("text", ["Thu, 01-Jan-1970 00:00:05 GMT", "Thu, 01 Jan 1970 00:00:05 GMT"])
def test_a_morsels_expires_is_a_date(text: str) -> None:
    assert morsel_to_cookie(morsel(expires=text)).expires == 5


def test_a_morsels_max_age_precedes_its_expires() -> None:
    cookie = morsel_to_cookie(morsel(max_age="60", expires="Thu, 01-Jan-1970 00:00:05 GMT"))
    assert cookie.expires == pytest.approx(time.time() + 60, abs=5)


@pytest.mark.parametrize(
    "attributes, error",
    [
        ({"max_age": "soon"}, TypeError),
        ({"max_age": "1.5"}, TypeError),
        ({"expires": 100}, TypeError),
        ({"expires": "soon"}, ValueError),
    ],
)
def test_a_morsels_time_must_be_one(attributes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        morsel_to_cookie(morsel(**attributes))


# --- other policies and jars


def test_the_policy_of_the_program_decides(jar: RequestsCookieJar) -> None:
    class Nothing(CookiePolicy):
        netscape, rfc2965, hide_cookie2 = True, False, False

        def set_ok(self, *args: Any) -> bool:
            return False

        return_ok = domain_return_ok = path_return_ok = set_ok  # type: ignore[assignment]

    jar.set("mine", "1")
    jar.set_policy(Nothing())
    keep(jar, "http://h/", "a=1")
    assert jar.keys() == ["mine"]
    assert sent(jar, "http://h/") is None


@pytest.mark.parametrize("policy", [DefaultCookiePolicy, RFC6265Policy])
def test_domains_can_be_allowed_and_blocked(policy: Callable[..., CookiePolicy]) -> None:
    for options, kept in [
        ({"allowed_domains": ["a.example"]}, ["a.example"]),
        ({"blocked_domains": ["a.example"]}, ["b.example"]),
        ({"allowed_domains": []}, []),
    ]:
        jar = RequestsCookieJar(policy(**options))
        for host in ("a.example", "b.example"):
            keep(jar, f"http://{host}/", "a=1")
            jar.set("mine", "1", domain=host)
        assert [host for host in ("a.example", "b.example") if "a" in jar.get_dict(domain=host)] == kept
        assert [host for host in ("a.example", "b.example") if sent(jar, f"http://{host}/")] == kept


def test_http_cookiejars_policy_decides_as_http_cookiejar_has_it() -> None:
    jar = RequestsCookieJar(DefaultCookiePolicy())
    keep(jar, "http://example.com/", "a=1")
    assert sent(jar, "http://a.example.com/") == "a=1"
    message = answer("b=1")._original_response.msg
    assert [c.name for c in jar.make_cookies(MockResponse(message), MockRequest(Asked("http://h/")))] == ["b"]


@pytest.mark.parametrize("make", [CookieJar, LWPCookieJar, MozillaCookieJar], ids=lambda make: make.__name__)
def test_other_jars_work(make: Callable[[], CookieJar]) -> None:
    jar = make()
    assert sent(jar, "http://127.0.0.1/") is None
    keep(jar, "http://127.0.0.1:8000/a/b", "a=1", "b=2; Secure")
    assert sent(jar, "http://127.0.0.1:8000/a") == "a=1"


def test_what_http_cookiejar_kept_for_a_host_of_one_label_is_sent_to_it(tmp_path: Path) -> None:
    file = MozillaCookieJar(tmp_path / "cookies.txt")
    keep(file, "http://localhost:8000/", "a=1")
    file.save(ignore_discard=True)
    loaded = MozillaCookieJar(tmp_path / "cookies.txt")
    loaded.load(ignore_discard=True)
    merged = merge_cookies(RequestsCookieJar(), loaded)
    assert merged.list_domains() == ["localhost.local"]
    assert sent(merged, "http://localhost:8000/") == "a=1"
    assert sent(merged, "http://other/") is None


def test_cookies_of_a_response_survive_a_file(jar: RequestsCookieJar, tmp_path: Path) -> None:
    keep(
        jar,
        "https://example.com/",
        "a=1; Domain=example.com; HttpOnly; Max-Age=1000",
        "b=2; Secure; Max-Age=1000",
    )
    for make in (MozillaCookieJar, LWPCookieJar):
        file = make(tmp_path / make.__name__)
        merge_cookies(file, jar).save()
        loaded = make(tmp_path / make.__name__)
        loaded.load()
        again = merge_cookies(RequestsCookieJar(), loaded)
        assert sent(again, "https://example.com/") == "a=1; b=2"
        assert sent(again, "https://www.example.com/") == "a=1"


def test_what_cookiejar_asks_of_a_request_is_answered() -> None:
    asked = Asked("HTTPS://user:pw@example.com:8443/p?q#f", Via="x")
    request = MockRequest(asked)
    assert (request.type, request.get_type()) == ("https", "https")
    assert (request.host, request.get_host()) == ("example.com:8443", "example.com:8443")
    assert (request.origin_req_host, request.get_origin_req_host()) == (
        "example.com:8443",
        "example.com:8443",
    )
    assert request.get_full_url() == asked.url
    assert (request.unverifiable, request.is_unverifiable()) == (True, True)
    assert (request.has_header("via"), request.has_header("Cookie")) == (True, False)
    request.add_unredirected_header("Cookie", "a=1")
    assert request.has_header("Cookie")
    assert request.get_new_headers() == {"Cookie": "a=1"}
    assert (request.get_header("Via"), request.get_header("Cookie"), request.get_header("x", "y")) == (
        "x",
        "a=1",
        "y",
    )
    assert "Cookie" not in asked.headers
    with pytest.raises(NotImplementedError):
        request.add_header("a", "b")
    assert MockRequest(Asked("http://a/p?q", Host="b:81")).get_full_url() == "http://b:81/p?q"
    assert MockRequest(Asked("mailto:a@b")).host == ""


@pytest.mark.parametrize(
    "url, host",
    [
        ("http://user:pw@h.test:81/x", "h.test:81"),
        ("http://H.test/", "h.test"),
        ("http://good.test\\@evil.test/", ""),
        ("http://evil.test#@good.test/", "evil.test"),
        ("http://[::1]:81/", "[::1]:81"),
        ("no URL", ""),
    ],
)
def test_what_cookiejar_is_told_of_the_host_is_what_is_connected_to(url: str, host: str) -> None:
    asked = MockRequest(Asked(url))
    assert asked.get_host() == asked.host == asked.origin_req_host == host


def test_what_cookiejar_asks_of_a_response_is_answered() -> None:
    message = answer("a=1", "b=2")._original_response.msg
    assert MockResponse(message).info() is message
    assert MockResponse(message).getheaders("set-cookie") == ["a=1", "b=2"]


# --- threads


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(lambda jar: jar.clear(), id="clear"),
        pytest.param(lambda jar: jar.clear_expired_cookies(), id="clear_expired_cookies"),
        pytest.param(lambda jar: jar.set_cookie(create_cookie("b", "2")), id="set_cookie"),
        pytest.param(lambda jar: keep(jar, "http://h/", "a=; Path=/; Max-Age=0"), id="extract_cookies"),
        pytest.param(lambda jar: sent(jar, "http://h/"), id="add_cookie_header"),
    ],
)
def test_cookies_change_and_are_gathered_under_the_lock(
    jar: RequestsCookieJar, do: Callable[[Any], Any]
) -> None:
    jar.set("a", "1", domain="h")
    jar._cookies_lock = lock = MagicMock()
    do(jar)
    assert lock.__enter__.called or lock.acquire.called
    assert (
        lock.__enter__.call_count + lock.acquire.call_count
        == lock.__exit__.call_count + lock.release.call_count
    )


def test_threads_may_share_a_jar(jar: RequestsCookieJar) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(150):
                jar.set(f"n{turn % 7}", "1", domain=f"d{turn % 5}.example", path=f"/{number}")
                keep(jar, f"http://d{turn % 5}.example/", f"k{number}=1", "gone=1", "gone=; Max-Age=0")
                sent(jar, f"http://d{turn % 5}.example/{number}")
                jar.set(f"n{turn % 7}", None)
                len(jar), jar.items(), jar.copy(), "x" in jar
                jar.clear()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
