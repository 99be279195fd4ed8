"""URLs: what is sent for what a caller gave, what is refused and why, and how references are resolved."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from urllib3.util import parse_url as urllib3_parse_url

from httpkit._message import urls
from httpkit.exceptions import InvalidURL, MissingSchema, RequestException

LABEL_63 = "a" * 63
NAME_253 = ".".join([LABEL_63, LABEL_63, LABEL_63, "a" * 61])

SENT = [
    pytest.param("http://example.com/a", "http://example.com/a", id="nothing to do"),
    pytest.param("http://example.com", "http://example.com/", id="rfc3986-6.2.3 an empty path is /"),
    pytest.param("http://example.com?q", "http://example.com/?q", id="an empty path before a query"),
    pytest.param("http://example.com#f", "http://example.com/#f", id="an empty path before a fragment"),
    pytest.param("HTTP://EXAMPLE.com/Path", "http://example.com/Path", id="rfc3986-6.2.2.1 scheme and host"),
    pytest.param(" \t\nhttp://h/a \r\n", "http://h/a", id="rfc3986-C blanks around it"),
    pytest.param("http://h/%7e%41%2f%2F", "http://h/%7e%41%2f%2F", id="encoded stays encoded"),
    pytest.param("http://h/%e9?%e9#%e9", "http://h/%e9?%e9#%e9", id="encoded bytes need not be UTF-8"),
    pytest.param("http://h/100%", "http://h/100%25", id="a stray percent at the end"),
    pytest.param(
        "http://h/%zz%41%4?%#%g0", "http://h/%25zz%41%254?%25#%25g0", id="stray percents beside escapes"
    ),
    pytest.param("http://h/a b?c d#e f", "http://h/a%20b?c%20d#e%20f", id="spaces"),
    pytest.param("http://h/é/€?ü#ß", "http://h/%C3%A9/%E2%82%AC?%C3%BC#%C3%9F", id="rfc3987-3.1 UTF-8"),
    pytest.param("http://h/\U0001f600", "http://h/%F0%9F%98%80", id="beyond the basic plane"),
    pytest.param("http://h/[a]|b", "http://h/%5Ba%5D%7Cb", id="brackets and bars in the path"),
    pytest.param(
        'http://h/?q=[a]|^`{}"<>\\', "http://h/?q=%5Ba%5D%7C%5E%60%7B%7D%22%3C%3E%5C", id="in the query"
    ),
    pytest.param("http://h/-._~!$&'()*+,;=:@", "http://h/-._~!$&'()*+,;=:@", id="rfc3986-3.3 every pchar"),
    pytest.param(
        "http://h/?/?-._~!$&'()*+,;=:@", "http://h/?/?-._~!$&'()*+,;=:@", id="rfc3986-3.4 every query char"
    ),
    pytest.param(
        "http://h/a?b?c#d#e?f", "http://h/a?b?c#d%23e?f", id="rfc3986-3.5 the first # begins the fragment"
    ),
    pytest.param("http://h/a\\b", "http://h/a%5Cb", id="a backslash in the path"),
    pytest.param("http://h/?", "http://h/?", id="rfc3986-6.2.3 an empty query is not an absent one"),
    pytest.param("http://h/a/./b/../c", "http://h/a/c", id="rfc3986-5.2.4 dot segments"),
    pytest.param("http://h/../../a", "http://h/a", id="rfc3986-5.2.4 above the root"),
    pytest.param("http://h/a/..", "http://h/", id="rfc3986-5.2.4 dots at the end"),
    pytest.param("http://h/a/b/.", "http://h/a/b/", id="rfc3986-5.2.4 one dot at the end"),
    pytest.param("http://h//a//b/", "http://h//a//b/", id="empty segments are segments"),
    pytest.param("http://h/..//a", "http://h//a", id="rfc3986-5.2.4 an empty segment is not climbed twice"),
    pytest.param("http://h/.a/..b/c.", "http://h/.a/..b/c.", id="dots within names"),
    pytest.param("http://h/a?b/../c", "http://h/a?b/../c", id="dots in a query are no segments"),
    pytest.param("http://h/%2e%2e/a", "http://h/%2e%2e/a", id="encoded dots are sent as they are"),
    pytest.param("http://h:80/", "http://h:80/", id="a default port stays as written"),
    pytest.param("https://h:443/", "https://h:443/", id="a default port stays as written, https"),
    pytest.param("http://h:/", "http://h/", id="rfc3986-3.2.3 an empty port"),
    pytest.param("http://h:08080/", "http://h:8080/", id="zeros before a port"),
    pytest.param("http://h:65535/", "http://h:65535/", id="the last port"),
    pytest.param("http://u:p@h/", "http://u:p@h/", id="userinfo is kept"),
    pytest.param("http://u@h/", "http://u@h/", id="a user alone"),
    pytest.param("http://:p@h/", "http://:p@h/", id="a password alone"),
    pytest.param("http://@h/", "http://h/", id="empty userinfo"),
    pytest.param("http://u@x:p:q@h/", "http://u%40x:p:q@h/", id="the last @ ends the userinfo"),
    pytest.param("http://ü%40:p [x]%@h/", "http://%C3%BC%40:p%20%5Bx%5D%25@h/", id="userinfo is encoded"),
    pytest.param("http://h./", "http://h./", id="a name from the root of DNS"),
    pytest.param("http://a_b.-c-/", "http://a_b.-c-/", id="names in use that are no host names by RFC 952"),
    pytest.param(f"http://{NAME_253}/", f"http://{NAME_253}/", id="rfc1035-2.3.4 the longest name"),
    pytest.param("http://127.0.0.1/", "http://127.0.0.1/", id="IPv4"),
    pytest.param("http://255.255.255.255:1/", "http://255.255.255.255:1/", id="IPv4, largest"),
    pytest.param("http://1.2.3.4.example/", "http://1.2.3.4.example/", id="numbers in a name"),
    pytest.param("http://0xcafe.example/", "http://0xcafe.example/", id="a hexadecimal label in a name"),
    pytest.param("http://[::1]/", "http://[::1]/", id="IPv6"),
    pytest.param("http://[FE80::A]:80/", "http://[fe80::a]:80/", id="rfc5952-4.3 IPv6 in lower case"),
    pytest.param("http://[::ffff:192.0.2.1]/", "http://[::ffff:192.0.2.1]/", id="IPv6 ending in IPv4"),
    pytest.param("http://[fe80::1%25Eth0]/", "http://[fe80::1%25Eth0]/", id="rfc6874-2 zone"),
    pytest.param(
        "http://[fe80::1%Eth0]/", "http://[fe80::1%25Eth0]/", id="rfc6874-2 zone as people write it"
    ),
    pytest.param("http://É.com/", "http://xn--9ca.com/", id="rfc5891-4.4 to A-labels"),
    pytest.param("http://straße.de/", "http://xn--strae-oqa.de/", id="rfc5894-7.2 ß is a letter of its own"),
    pytest.param("http://ジェーピーニック.jp/", "http://xn--hckqz9bzb1cyrb.jp/", id="rfc5891 kana"),
    pytest.param("http://a。b．c/", "http://a.b.c/", id="uts46 full stops"),
    pytest.param("http://１２７.0.0.1/", "http://127.0.0.1/", id="uts46 full-width digits"),
    pytest.param("http://XN--9CA.com/", "http://xn--9ca.com/", id="an A-label passes"),
    pytest.param(b"http://h/\xc3\xa9", "http://h/%C3%A9", id="UTF-8 bytes"),
    pytest.param(
        "http+unix://%2FTmp%2fsock/a b",
        "http+unix://%2FTmp%2fsock/a%20b",
        id="an http-like scheme: host as is",
    ),
    pytest.param("http+unix://%2Ftmp", "http+unix://%2Ftmp/", id="an http-like scheme: an empty path"),
    pytest.param("mailto:user@example.com", "mailto:user@example.com", id="mailto is not touched"),
    pytest.param("  data:text/plain, a b", "data:text/plain, a b", id="data is not touched"),
    pytest.param("MOCK://Host/ü[", "MOCK://Host/ü[", id="an adapter's own scheme is not touched"),
    pytest.param("localhost:3128/a", "localhost:3128/a", id="host:port reads as a scheme"),
]


@pytest.mark.parametrize("given_url, sent", SENT)
def test_a_url_is_sent_in_one_form(given_url: str | bytes, sent: str) -> None:
    assert urls.prepare(given_url) == sent


@pytest.mark.parametrize("given_url, sent", SENT)
def test_a_prepared_url_is_prepared_again_to_itself(given_url: object, sent: str) -> None:
    assert urls.prepare(sent) == sent


REFUSED = [
    pytest.param("http://", "no host", id="no host"),
    pytest.param("http:///path", "no host", id="no host before a path"),
    pytest.param("http://?q", "no host", id="no host before a query"),
    pytest.param("http://u:p@/", "no host", id="userinfo without a host"),
    pytest.param("http://:80/", "no host", id="a port without a host"),
    pytest.param("http:", "no '//' after the scheme", id="a scheme alone"),
    pytest.param("http:example.com", "Did you mean http://example.com?", id="no slashes"),
    pytest.param("https:/example.com/a", "Did you mean https://example.com/a?", id="one slash"),
    pytest.param("http:\\\\example.com\\a", "no '//' after the scheme", id="backslashes for slashes"),
    pytest.param("http://good.example\\@evil.example/", "backslash", id="a backslash that hides a host"),
    pytest.param("http://h\\a", "backslash", id="a backslash for the path"),
    pytest.param("http://h:0/", "between 1 and 65535", id="port 0"),
    pytest.param("http://h:65536/", "between 1 and 65535", id="port out of range"),
    pytest.param(f"http://h:{'9' * 5000}/", "between 1 and 65535", id="a port too long for int()"),
    pytest.param("http://h:a/", "port is not a number", id="a port of letters"),
    pytest.param("http://h:-1/", "port is not a number", id="a negative port"),
    pytest.param("http://h:+80/", "port is not a number", id="a port with a sign"),
    pytest.param("http://h:8 0/", "port is not a number", id="a blank in the port"),
    pytest.param("http://h:٨٠/", "port is not a number", id="digits of another script in the port"),
    pytest.param("http://::1/", "IPv6 address in brackets", id="IPv6 without brackets"),
    pytest.param("http://[::1/", "brackets", id="an open bracket"),
    pytest.param("http://[::1]x/", "brackets", id="text after the bracket"),
    pytest.param("http://a[::1]/", "brackets", id="text before the bracket"),
    pytest.param("http://[]/", "no IPv6 address", id="empty brackets"),
    pytest.param("http://[1.2.3.4]/", "no IPv6 address", id="IPv4 in brackets"),
    pytest.param("http://[v1.a]/", "no IPv6 address", id="an address of the future"),
    pytest.param("http://[::1::2]/", "no IPv6 address", id="two gaps"),
    pytest.param("http://[::1 ]/", "no IPv6 address", id="a blank in brackets"),
    pytest.param("http://[::1%]/", "zone", id="rfc6874-2 an empty zone"),
    pytest.param("http://[::1%25]/", "zone", id="rfc6874-2 an empty zone, encoded"),
    pytest.param("http://[::1%25a b]/", "zone", id="rfc6874-2 a blank in the zone"),
    pytest.param("http://[::1%eth0%]/", "zone", id="a percent in the zone"),
    pytest.param("http://*/", "wildcard", id="a wildcard"),
    pytest.param("http://*.example.com/", "wildcard", id="a wildcard label"),
    pytest.param("http://.example.com/", "empty label", id="a dot at the start"),
    pytest.param("http://a..b/", "empty label", id="two dots"),
    pytest.param("http://./", "empty label", id="the root of DNS"),
    pytest.param("http://a../", "empty label", id="two dots at the end"),
    pytest.param(f"http://{LABEL_63}a.b/", "longer than 63", id="rfc1035-2.3.4 label"),
    pytest.param(f"http://{NAME_253}a/", "longer than 253", id="rfc1035-2.3.4 name"),
    pytest.param(f"http://{'ü.' * 200}de/", "longer than 253", id="a long international name"),
    pytest.param("http://%61/", "'%' in the host", id="an escape in the host"),
    pytest.param("http://h%/", "'%' in the host", id="a stray percent in the host"),
    pytest.param("http://a b/", "' ' in the host", id="a blank in the host"),
    pytest.param("http://h /", "' ' in the host", id="a blank after the host"),
    pytest.param("http://{host}/", "'{' in the host", id="a template not filled in"),
    pytest.param("http://a,b/", "',' in the host", id="a comma in the host"),
    pytest.param("http://a\xa0b/", "in the host|international", id="a no-break space in the host"),
    pytest.param("http://a\u2100b/", "in the host|international", id="uts46 a sign that decomposes to a/c"),
    pytest.param(
        "http://a\u200bb\u0301.\u0301c/", "international", id="rfc5891-4.2.3.2 a leading combining mark"
    ),
    pytest.param("http://ü" + "a" * 63 + "/", "international", id="rfc5891 an A-label too long"),
    pytest.param("http://0x7f.1/", "127.0.0.1", id="hexadecimal IPv4"),
    pytest.param("http://0x7F000001/", "127.0.0.1", id="IPv4 as one hexadecimal number"),
    pytest.param("http://2130706433/", "127.0.0.1", id="IPv4 as one number"),
    pytest.param("http://0177.0.0.1/", "127.0.0.1", id="octal IPv4"),
    pytest.param("http://127.0.0.01/", "127.0.0.1", id="a zero before a number of IPv4"),
    pytest.param("http://127.1/", "127.0.0.1", id="a short IPv4"),
    pytest.param("http://256.1.1.1/", "127.0.0.1", id="IPv4 out of range"),
    pytest.param("http://1.2.3.4.5/", "127.0.0.1", id="five numbers"),
    pytest.param("http://127.0.0.1./", "127.0.0.1", id="IPv4 with a dot"),
    pytest.param("http://０x7f.1/", "127.0.0.1", id="uts46 full-width hexadecimal IPv4"),
    pytest.param("http://h/a\nb", "'\\n' cannot be in a URL", id="a newline"),
    pytest.param("http://h/a\tb", "'\\t' cannot be in a URL", id="a tab"),
    pytest.param("http://h/\r\nX: y", "'\\r' cannot be in a URL", id="a field after a newline"),
    pytest.param("http\n://h/", "'\\n' cannot be in a URL", id="a newline in the scheme"),
    pytest.param("http://h/\x00", "'\\x00' cannot be in a URL", id="NUL"),
    pytest.param("http://h/\x7f", "'\\x7f' cannot be in a URL", id="DEL"),
    pytest.param("http://h/?q=\ud800", "'\\ud800' cannot be in a URL", id="half a surrogate pair"),
    pytest.param(b"http://h/\xff", "not UTF-8", id="bytes that are not UTF-8"),
]


@pytest.mark.parametrize("url, why", REFUSED)
def test_a_url_that_could_be_read_in_two_ways_is_refused_with_the_reason(url: Any, why: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        urls.prepare(url)
    message = str(caught.value)
    assert any(reason in message for reason in why.split("|")), message
    check_message(caught.value)


def check_message(error: RequestException) -> None:
    message = str(error)
    assert message.startswith(("Invalid URL '", 'Invalid URL "'))
    assert message.isprintable()
    assert len(message) < 400


WITHOUT_SCHEME = [
    pytest.param("example.com/a", "no scheme. Did you mean https://example.com/a?", id="host and path"),
    pytest.param("//example.com/a", "no scheme. Did you mean https://example.com/a?", id="network path"),
    pytest.param(
        "httpbin.org/get",
        "no scheme. Did you mean https://httpbin.org/get?",
        id="a host that begins with http",
    ),
    pytest.param("httpbin.org:8080/get", "Did you mean https://httpbin.org:8080/get?", id="with a port"),
    pytest.param("example.com/a:b", "Did you mean https://example.com/a:b?", id="a colon in the path"),
    pytest.param("example.com?a=b:c", "Did you mean https://example.com?a=b:c?", id="a colon in the query"),
    pytest.param("/a/b", "a path alone", id="a path"),
    pytest.param("", "it is empty", id="empty"),
    pytest.param("   ", "it is empty", id="blank"),
    pytest.param("not a url", "no scheme", id="words"),
    pytest.param(None, "it is None", id="None"),
    pytest.param(b"example.com", "Did you mean https://example.com?", id="bytes"),
]


@pytest.mark.parametrize("url, why", WITHOUT_SCHEME)
def test_a_url_without_a_scheme_is_refused_with_a_suggestion_where_there_is_one(url: Any, why: str) -> None:
    with pytest.raises(MissingSchema) as caught:
        urls.prepare(url)
    assert why in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_no_suggestion_is_made_that_would_be_refused_itself() -> None:
    for url in ("not a url", "/path", "*.example.com", "http:", "http:/a b"):
        with pytest.raises(RequestException) as caught:
            urls.prepare(url)
        assert "Did you mean" not in str(caught.value)


def test_an_object_is_read_by_its_text() -> None:
    class Endpoint:
        def __str__(self) -> str:
            return "http://h/a b"

    class Text(str):
        __slots__ = ()

    assert urls.prepare(Endpoint()) == "http://h/a%20b"
    assert urls.prepare(Text("http://h/a b")) == "http://h/a%20b"
    assert type(urls.prepare(Text("http://h/"))) is str


PARTS = [
    pytest.param(
        "https://u:p@Example.com:8443/a%20b;c?q=1&r#f",
        urls.URL("https", "u:p", "example.com", 8443, "/a%20b;c", "q=1&r", "f"),
        id="rfc3986-3 all of them",
    ),
    pytest.param("http://h", urls.URL("http", None, "h", None, "/", None, None), id="the least"),
    pytest.param("http://h/?#", urls.URL("http", None, "h", None, "/", "", ""), id="empty is not absent"),
    pytest.param(
        "http://[::1]:1/", urls.URL("http", None, "[::1]", 1, "/", None, None), id="IPv6 keeps its brackets"
    ),
    pytest.param(
        "mailto:a@b?c", urls.URL("mailto", None, "", None, "a@b", "c", None), id="rfc6068 no authority"
    ),
    pytest.param(
        "urn:isbn:1#f", urls.URL("urn", None, "", None, "isbn:1", None, "f"), id="rfc8141 no authority"
    ),
    pytest.param(
        "file:///a/b", urls.URL("file", None, "", None, "/a/b", None, None), id="rfc8089 empty authority"
    ),
    pytest.param(
        "socks5h://u:p@h:1080", urls.URL("socks5h", "u:p", "h", 1080, "/", None, None), id="another scheme"
    ),
    pytest.param(
        "x://h:port/", urls.URL("x", None, "h:port", None, "/", None, None), id="another scheme's own host"
    ),
    pytest.param(
        "http+unix://%2Frun%2FA.sock/v1?q",
        urls.URL("http+unix", None, "%2Frun%2FA.sock", None, "/v1", "q", None),
        id="a socket's path",
    ),
]


@pytest.mark.parametrize("url, parts", PARTS)
def test_a_url_is_split_into_its_parts_and_put_together_again(url: str, parts: urls.URL) -> None:
    assert urls.parse(url) == parts
    assert urls.parse(str(parts)) == parts


VIEWS = [
    # url, authority, hostname, effective port, Host field, target
    ("http://h/a?b#c", "h", "h", 80, "h", "/a?b"),
    ("https://h", "h", "h", 443, "h", "/"),
    ("http://h:80/?", "h:80", "h", 80, "h", "/?"),
    ("http://h:443/", "h:443", "h", 443, "h:443", "/"),
    ("https://u:p@h:443/a", "h:443", "h", 443, "h", "/a"),
    ("https://h:8443/a", "h:8443", "h", 8443, "h:8443", "/a"),
    ("http://[::1]:81/", "[::1]:81", "::1", 81, "[::1]:81", "/"),
    ("http://[fe80::1%25eth0]/", "[fe80::1%25eth0]", "fe80::1%eth0", 80, "[fe80::1]", "/"),
    ("http://[fe80::1%25eth0]:81/", "[fe80::1%25eth0]:81", "fe80::1%eth0", 81, "[fe80::1]:81", "/"),
    ("http+unix://%2Ftmp/a", "%2Ftmp", "%2Ftmp", None, "localhost", "/a"),
]


@pytest.mark.parametrize(
    "url, authority, hostname, port, host_field, target", VIEWS, ids=[view[0] for view in VIEWS]
)
def test_what_is_connected_to_and_what_is_said_come_from_one_parse(
    url: str, authority: str, hostname: str, port: int | None, host_field: str, target: str
) -> None:
    parsed = urls.parse(url)
    assert parsed.authority == authority
    assert parsed.hostname == hostname
    assert parsed.effective_port == port
    assert parsed.host_field == host_field
    assert parsed.target == target
    assert urls.origin(url) == (parsed.scheme, hostname, port)
    assert urls.path_url(url) == target


@pytest.mark.parametrize(
    "text, target",
    [
        ("", "/"),
        ("/a/b?c#d", "/a/b?c"),
        ("?q", "/?q"),
        ("a", "a"),
        ("http://h/a b", "/a%20b"),
        ("mailto:a@b", "a@b"),
    ],
)
def test_the_target_is_read_from_a_text_that_is_no_url_as_far_as_it_goes(text: str, target: str) -> None:
    assert urls.path_url(text) == target


def test_a_target_cannot_carry_a_line_break() -> None:
    with pytest.raises(InvalidURL):
        urls.path_url("http://h/a\r\nX: y")


SAME_ORIGIN = [
    ("http://h/a", "http://h/b?c#d", True),
    ("http://h", "http://H:80/", True),
    ("https://h", "https://h:443", True),
    ("http://u:p@h", "http://h", True),
    ("http://É.com", "http://xn--9ca.com", True),
    ("http://h", "https://h", False),
    ("http://h:443", "https://h:443", False),
    ("http://h", "http://h:8080", False),
    ("http://h", "http://h.", False),
    ("http://h", "http://www.h", False),
    ("http://example.com", "http://example.com.evil.org", False),
    ("http://example.com", "http://example.com@evil.org", False),
    ("mailto:a@b", "mailto:a@b", False),
    ("x://h", "x://h", True),
    ("x://h", "x://h:1", False),
]


@pytest.mark.parametrize("a, b, same", SAME_ORIGIN, ids=[f"{a} {b}" for a, b, _ in SAME_ORIGIN])
def test_an_origin_is_scheme_host_and_effective_port(a: str, b: str, same: bool) -> None:
    assert urls.same_origin(a, b) is same
    assert urls.same_origin(b, a) is same


# --- parameters

PARAMS = [
    pytest.param("http://h/", {"a": "b"}, "http://h/?a=b", id="a mapping"),
    pytest.param("http://h/?x=1", {"a": "b"}, "http://h/?x=1&a=b", id="after a query"),
    pytest.param("http://h/?", {"a": "b"}, "http://h/?a=b", id="after an empty query"),
    pytest.param("http://h/??", {"a": "b"}, "http://h/??&a=b", id="after a query that is a question mark"),
    pytest.param("http://h/a#f", {"a": "b"}, "http://h/a?a=b#f", id="before a fragment"),
    pytest.param("http://h/a#f?g", {"a": "b"}, "http://h/a?a=b#f?g", id="a question mark in the fragment"),
    pytest.param(
        "http://h/",
        [("a", "1"), ("b", "2"), ("a", "3")],
        "http://h/?a=1&b=2&a=3",
        id="pairs keep their order",
    ),
    pytest.param(
        "http://h/", {"a": ["1", "2"], "b": None, "c": ()}, "http://h/?a=1&a=2", id="lists and None"
    ),
    pytest.param("http://h/", {"a": [None, "x"]}, "http://h/?a=x", id="None in a list"),
    pytest.param("http://h/", {"a b": "c d&=+"}, "http://h/?a+b=c+d%26%3D%2B", id="form encoding"),
    pytest.param(
        "http://h/", {"ü": "€", b"\xff": b"\xfe"}, "http://h/?%C3%BC=%E2%82%AC&%FF=%FE", id="text and bytes"
    ),
    pytest.param(
        "http://h/", {"a": 1, "b": 2.5, "c": True, 4: ""}, "http://h/?a=1&b=2.5&c=True&4=", id="other values"
    ),
    pytest.param("http://h/", "a=b&c=%20", "http://h/?a=b&c=%20", id="text as it is"),
    pytest.param("http://h/", "a b=ü[]#", "http://h/?a%20b=%C3%BC%5B%5D%23", id="text that needs encoding"),
    pytest.param("http://h/", b"a=b", "http://h/?a=b", id="bytes as they are"),
    pytest.param("http://h/a", {}, "http://h/a", id="an empty mapping"),
    pytest.param("http://h/a", "", "http://h/a", id="empty text"),
    pytest.param("http://h/a", {"a": None}, "http://h/a", id="nothing but None"),
    pytest.param("http+unix://%2Ftmp/a", {"a": "b"}, "http+unix://%2Ftmp/a?a=b", id="an http-like scheme"),
    pytest.param("mailto:a@b", {"a": "b"}, "mailto:a@b", id="another scheme takes none"),
]


@pytest.mark.parametrize("url, params, sent", PARAMS)
def test_params_are_appended_to_the_query(url: str, params: Any, sent: str) -> None:
    assert urls.prepare(url, params) == sent
    assert urls.prepare(urls.prepare(url), params) == sent
    assert urls.prepare(urls.prepare(url, params)) == sent


def test_params_of_one_call_do_not_reach_the_next() -> None:
    assert urls.prepare("http://h/once", {"a": "b"}) == "http://h/once?a=b"
    assert urls.prepare("http://h/once") == "http://h/once"
    assert urls.prepare("http://h/once", {"c": "d"}) == "http://h/once?c=d"


@pytest.mark.parametrize(
    "params", [5, 1.5, True, [1], ["ab"], [("a",)], [("a", "b", "c")], object(), {"a": "\ud800"}]
)
def test_params_that_are_no_pairs_are_refused(params: Any) -> None:
    with pytest.raises(InvalidURL, match="Invalid params"):
        urls.prepare("http://h/", params)


def test_params_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(InvalidURL, match="Invalid params"):
        urls.prepare("http://h/", b"\xff")


# What requests 2.34 gives for the same data.
ENCODED = [
    ({"a": {"x": 1, "y": 2}}, "a=x&a=y"),
    ({"a": [[1, 2], (3,)]}, "a=1&a=2&a=3"),
    ({"a": bytearray(b"ab")}, "a=97&a=98"),
    ({"a": [["x", b"y", None]]}, "a=x&a=y&a=None"),
    ([("a", "b"), ["c", "d"]], "a=b&c=d"),
    ({"-._~": "-._~*!'()"}, "-._~=-._~%2A%21%27%28%29"),
    ({None: "x"}, "None=x"),
    ([], ""),
]


@pytest.mark.parametrize("data, encoded", ENCODED, ids=[repr(data) for data, _ in ENCODED])
def test_pairs_are_written_as_other_clients_write_them(data: Any, encoded: str) -> None:
    assert urls.encode_params(data) == encoded


def test_whatever_has_items_is_a_mapping() -> None:
    class Pairs:
        def items(self) -> list[tuple[str, str]]:
            return [("a", "1"), ("a", "2")]

    assert urls.form_urlencode(Pairs()) == "a=1&a=2"


# --- references

BASE = "http://a/b/c/d;p?q"
RESOLVED = [
    # RFC 3986 §5.4.1
    ("g:h", "g:h"),
    ("g", "http://a/b/c/g"),
    ("./g", "http://a/b/c/g"),
    ("g/", "http://a/b/c/g/"),
    ("/g", "http://a/g"),
    ("//g", "http://g"),
    ("?y", "http://a/b/c/d;p?y"),
    ("g?y", "http://a/b/c/g?y"),
    ("#s", "http://a/b/c/d;p?q#s"),
    ("g#s", "http://a/b/c/g#s"),
    ("g?y#s", "http://a/b/c/g?y#s"),
    (";x", "http://a/b/c/;x"),
    ("g;x", "http://a/b/c/g;x"),
    ("g;x?y#s", "http://a/b/c/g;x?y#s"),
    ("", "http://a/b/c/d;p?q"),
    (".", "http://a/b/c/"),
    ("./", "http://a/b/c/"),
    ("..", "http://a/b/"),
    ("../", "http://a/b/"),
    ("../g", "http://a/b/g"),
    ("../..", "http://a/"),
    ("../../", "http://a/"),
    ("../../g", "http://a/g"),
    # RFC 3986 §5.4.2
    ("../../../g", "http://a/g"),
    ("../../../../g", "http://a/g"),
    ("/./g", "http://a/g"),
    ("/../g", "http://a/g"),
    ("g.", "http://a/b/c/g."),
    (".g", "http://a/b/c/.g"),
    ("g..", "http://a/b/c/g.."),
    ("..g", "http://a/b/c/..g"),
    ("./../g", "http://a/b/g"),
    ("./g/.", "http://a/b/c/g/"),
    ("g/./h", "http://a/b/c/g/h"),
    ("g/../h", "http://a/b/c/h"),
    ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
    ("g;x=1/../y", "http://a/b/c/y"),
    ("g?y/./x", "http://a/b/c/g?y/./x"),
    ("g?y/../x", "http://a/b/c/g?y/../x"),
    ("g#s/./x", "http://a/b/c/g#s/./x"),
    ("g#s/../x", "http://a/b/c/g#s/../x"),
    ("http:g", "http:g"),
    # beyond the RFC's own examples
    ("?", "http://a/b/c/d;p?"),
    ("https://x/../y", "https://x/y"),
    (" /g \t", "http://a/g"),
    ("/g?u=http://x/../y", "http://a/g?u=http://x/../y"),
    ("//u@x:1/./y", "http://u@x:1/y"),
]


@pytest.mark.parametrize("reference, target", RESOLVED, ids=[repr(reference) for reference, _ in RESOLVED])
def test_a_reference_is_resolved_as_rfc3986_section_5_2_says(reference: str, target: str) -> None:
    assert urls.resolve(BASE, reference) == target


@pytest.mark.parametrize(
    "base, reference, target",
    [
        ("http://a", "g", "http://a/g"),
        ("http://a?q", "g", "http://a/g"),
        ("http://a?q", "", "http://a?q"),
        ("http://a?q", "#s", "http://a?q#s"),
        ("http://u:p@a:1/b", "/g", "http://u:p@a:1/g"),
        ("http://a/b#f", "g", "http://a/g"),
        ("http://a/b#f", "", "http://a/b"),
        ("http://a/b/", "g", "http://a/b/g"),
        ("https://a/", "//b/c", "https://b/c"),
        ("mailto:a@b", "c", "mailto:c"),
        ("", "g", "g"),
    ],
)
def test_a_base_gives_what_the_reference_lacks_and_no_fragment(
    base: str, reference: str, target: str
) -> None:
    assert urls.resolve(base, reference) == target


# --- what programs import from requests.utils


@pytest.mark.parametrize(
    "url, auth",
    [
        ("http://user:pass@h/", ("user", "pass")),
        ("http://user:p:a@h/", ("user", "p:a")),
        ("http://u%20x:p%25%40@h/", ("u x", "p%@")),
        ("http://a@b:c@h/", ("a@b", "c")),
        ("http://:p@h/", ("", "p")),
        ("http://u:@h/", ("u", "")),
        ("http://u@h/", ("", "")),
        ("http://h/a:b@c", ("", "")),
        ("http://u:p@h:bad/", ("u", "p")),
        ("//u:p@h", ("u", "p")),
        ("u:p@h", ("", "")),
        ("", ("", "")),
    ],
)
def test_auth_is_read_from_userinfo_and_decoded(url: str, auth: tuple[str, str]) -> None:
    assert urls.get_auth_from_url(url) == auth


@pytest.mark.parametrize(
    "url, bare",
    [
        ("http://u:p@example.com/path?a=1#test", "http://example.com/path?a=1"),
        ("http://example.com/path", "http://example.com/path"),
        ("//u:p@example.com/path?a=1#test", "//example.com/path?a=1"),
        ("example.com/path", "//example.com/path"),
        ("scheme:u:p@example.com/path?a=1#test", "scheme://example.com/path?a=1"),
        ("http://h/;b?c#d", "http://h/;b?c"),
        ("http://u@v@h", "http://h"),
        ("", ""),
    ],
)
def test_fragment_and_auth_are_removed(url: str, bare: str) -> None:
    assert urls.urldefragauth(url) == bare


@pytest.mark.parametrize(
    "url, with_scheme",
    [
        ("example.com/path", "http://example.com/path"),
        ("//example.com/path", "http://example.com/path"),
        ("example.com:80", "http://example.com:80"),
        ("localhost:3128", "http://localhost:3128"),
        ("u:p@localhost:3128", "http://u:p@localhost:3128"),
        ("[::1]:80", "http://[::1]:80"),
        ("http://user:pass@example.com/path?query", "http://user:pass@example.com/path?query"),
        ("http://user@example.com/path?query", "http://user@example.com/path?query"),
        ("SOCKS5h://h:1", "socks5h://h:1"),
        (" h:1 ", "http://h:1"),
    ],
)
def test_a_scheme_is_put_before_a_url_that_has_none(url: str, with_scheme: str) -> None:
    assert urls.prepend_scheme_if_needed(url, "http") == with_scheme


@pytest.mark.parametrize(
    "uri, quoted",
    [
        ("http://example.com/fiz?buz=%25ppicture", "http://example.com/fiz?buz=%25ppicture"),
        ("http://example.com/fiz?buz=%ppicture", "http://example.com/fiz?buz=%25ppicture"),
        ("http://h/%7e%41%2f", "http://h/~A%2f"),
        ("http://h/%7e%zz", "http://h/%257e%25zz"),
        ("http://h/é [x]#|", "http://h/%C3%A9%20[x]#%7C"),
        ("100%", "100%"),
    ],
)
def test_a_uri_is_quoted_again(uri: str, quoted: str) -> None:
    assert urls.requote_uri(uri) == quoted


@pytest.mark.parametrize(
    "uri, unquoted",
    [
        ("http://example.com/?a=%--", "http://example.com/?a=%--"),
        ("http://example.com/?a=%300", "http://example.com/?a=00"),
        ("%7E%2e%2F%20%C3%A9", "~.%2F%20%C3%A9"),
        ("%", "%"),
    ],
)
def test_only_unreserved_characters_are_unquoted(uri: str, unquoted: str) -> None:
    assert urls.unquote_unreserved(uri) == unquoted


def test_an_escape_that_is_not_hexadecimal_is_refused() -> None:
    with pytest.raises(InvalidURL, match="'%gg'"):
        urls.unquote_unreserved("http://h/%gg")


# --- messages


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://user:secret@h/a", "http://***@h/a"),
        ("http://secret@h:80/a?b#c", "http://***@h:80/a?b#c"),
        ("http://user:secret@x@h/", "http://***@h/"),
        ("http://h/users/@me", "http://h/users/@me"),
        ("http://h:80/users/@me", "http://h:80/users/@me"),
        ("http://[::1]:80/@me", "http://[::1]:80/@me"),
        ("http://user:sec/ret@h/", "http://***@h/"),
        ("http://user:sec?ret@h/", "http://***@h/"),
        ("http://user:sec#ret@h/", "http://***@h/"),
        ("http://user:sec\\ret@h/", "http://***@h/"),
        ("//user:secret@h/", "//***@h/"),
        ("user:secret@h/a", "***@h/a"),
        ("user:sec/ret@h/a", "***@h/a"),
        ("secret@h", "***@h"),
        ("localhost:80/users/@me", "localhost:80/users/@me"),
        ("http:/user:secret@h/", "http:/***@h/"),
        ("http:\\\\user:secret@h/", "http:\\\\***@h/"),
        ("http://p/?u=http://user:secret@h/", "http://p/?u=http://***@h/"),
        ("http://user:sec\nret@h/", "http://***@h/"),
        (b"http://user:\xff@h/\xff", "http://***@h/\ufffd"),
        ("http://h/\x1b[31m\n", "http://h/\\x1b[31m\\n"),
        ("http://h/é", "http://h/é"),
        ("", ""),
        (None, "None"),
    ],
)
def test_userinfo_is_hidden_and_the_rest_is_printable(url: object, shown: str) -> None:
    assert urls.redact(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@[bad/",
        "http://user:s3cret@h:port/",
        "http://user:s3c/s3cret@h/",
        "http:/user:s3cret@h/",
        "http:user:s3cret@h/",
        "//user:s3cret@h/",
        "http://user:s3cret@a b/",
        "http://user:s3cret\n@h/",
        "http://s3cret:s3cret@/",
        "http://user:s3cret@*/",
        "http://user:[s3cret/@h/",
    ],
)
def test_no_error_repeats_a_password(url: str) -> None:
    with pytest.raises(RequestException) as caught:
        urls.prepare(url)
    assert "s3c" not in str(caught.value)


def test_a_long_url_is_cut_in_messages() -> None:
    with pytest.raises(InvalidURL) as caught:
        urls.prepare("http://*/" + "a" * 1_000_000)
    assert len(str(caught.value)) < 300
    assert len(urls.redact("http://h/" + "a" * 1_000_000)) == 200
    assert urls.redact("http://h/abc", limit=8) == "http:..."


@pytest.mark.parametrize(
    "scheme, meant",
    [
        ("htp", "http"),
        ("htttp", "http"),
        ("ttp", "http"),
        ("hhtp", "http"),
        ("htps", "https"),
        ("httsp", "https"),
        ("ttps", "https"),
        ("HTPS", "https"),
        ("http", None),
        ("https", None),
        ("ftp", None),
        ("ws", None),
        ("mailto", None),
        ("http+unix", None),
        ("", None),
        ("h" * 100_000, None),
    ],
)
def test_a_slip_in_the_scheme_is_recognised(scheme: str, meant: str | None) -> None:
    assert urls.suggest_scheme(scheme) == meant


@pytest.mark.parametrize(
    "url, meant",
    [
        ("htp://u:p@example.com/a", "http://***@example.com/a"),
        ("localhost:3128/a", "https://localhost:3128/a"),
        ("10.0.0.1:80", "https://10.0.0.1:80"),
        ("ftp://h/", None),
        ("mailto:a b", None),
        ("htp://*/", None),
    ],
)
def test_the_url_that_was_meant_is_guessed(url: str, meant: str | None) -> None:
    assert urls.suggest_url(url) == meant


# --- laws

NASTY = st.sampled_from(
    [*"%%/?#@:[]\\. \t\n\x00é。．１０0xX*-_~\ud800\u2100\u200d\xad|^\"<>'", "%25", "..", "//", "xn--"]
)
TEXTS = st.lists(st.one_of(st.text(max_size=6), NASTY), max_size=12).map("".join)
PREFIXES = st.sampled_from(
    ["", "http://", "https://h/", "http://h", "HTTP:", "http://u:p@", "http://[", "x:", "http+x://"]
)
URLS = st.builds("{}{}".format, PREFIXES, TEXTS)


@given(URLS)
@example("http://\u2100")
@example("http://xn--/")
@example("http://a.xn--\u00e9")
@example("http://[::1%25\ud800]")
def test_whatever_is_given_is_prepared_once_and_for_all_or_refused(url: str) -> None:
    try:
        prepared = urls.prepare(url)
    except (InvalidURL, MissingSchema) as error:
        check_message(error)
        return
    assert urls.prepare(prepared) == prepared
    if prepared[:4].lower() == "http":
        assert urls.parse(url.lstrip()) == urls.parse(prepared)
        assert str(urls.parse(prepared)) == prepared


@given(st.binary(max_size=40))
def test_whatever_bytes_are_given_are_prepared_or_refused(url: bytes) -> None:
    try:
        assert isinstance(urls.prepare(b"http://h/" + url), str)
    except InvalidURL:
        pass


@given(st.builds("{}{}".format, st.sampled_from(["http://", "https://u:p@h/", "http://h:80/"]), TEXTS))
def test_what_is_sent_is_visible_ascii_and_every_percent_begins_an_escape(url: str) -> None:
    try:
        prepared = urls.prepare(url)
    except InvalidURL:
        return
    assert all("!" <= character <= "~" for character in prepared)
    assert not set(prepared.partition("#")[0]) & set('"<>\\^`{|}')
    for piece in prepared.split("%")[1:]:
        assert set(piece[:2]) <= set(string.hexdigits)
        assert len(piece) >= 2


AUTHORITIES = st.lists(
    st.sampled_from(
        [
            "a",
            "B.c",
            "1.2.3.4",
            "é",
            "-",
            "_",
            "u:p@",
            "@",
            ":80",
            ":",
            ".",
            "[::1]",
            "[fe80::1%25x]",
            "%",
            "\\",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)


@given(st.builds("http://{}{}{}".format, AUTHORITIES, st.sampled_from(["", "/", "?", "#"]), TEXTS))
@example("http://a@b@c:80/")
@example("http://a:1@b/")
@example("http://[::ffff:1.2.3.4]:80/")
def test_other_parsers_read_the_same_host_and_port_in_what_is_sent(url: str) -> None:
    try:
        prepared = urls.prepare(url)
    except InvalidURL:
        return
    ours = urls.parse(prepared)
    library = urlsplit(prepared)
    assert (library.hostname, library.port) == (ours.host.strip("[]").lower(), ours.port)
    if "%" not in ours.host:
        theirs = urllib3_parse_url(prepared)
        assert (theirs.scheme, theirs.host, theirs.port) == (ours.scheme, ours.host, ours.port)
        assert theirs.request_uri.lower() == ours.target.lower()


PLAIN = st.from_regex(
    r"(https?)://[a-z0-9_.-]{1,12}(:[0-9]{1,6})?(/[a-zA-Z0-9.%~!/:@-]{0,12})?(\?[a-z=&%/?]{0,8})?(#[a-z]{0,3})?",
    fullmatch=True,
)


@given(PLAIN)
@example("http://" + "a." * 127 + "a/")
@example("http://h:65536/")
def test_the_short_way_and_the_long_way_lead_to_the_same_parts(url: str) -> None:
    def outcome(parse: Any) -> object:
        try:
            return parse(url)
        except InvalidURL as error:
            return str(error)

    assert outcome(urls._parse) == outcome(urls._parse_any)


def test_a_long_url_is_parsed_and_not_kept() -> None:
    url = "http://h/" + "a" * 5000
    before = urls._parse_cached.cache_info().currsize
    assert urls.prepare(url) == url
    assert urls.parse(url).path == "/" + "a" * 5000
    assert urls._parse_cached.cache_info().currsize == before


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_form_encoding_is_undone_by_parsing_it(pairs: list[tuple[str, str]]) -> None:
    assume(not any("\ud800" <= c <= "\udfff" for pair in pairs for text in pair for c in text))
    encoded = urls.form_urlencode(pairs)
    assert parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(pairs)) == pairs
    assert parse_qsl(urlsplit(urls.prepare("http://h/", pairs)).query, keep_blank_values=True) == pairs


@given(TEXTS, TEXTS)
def test_any_reference_resolves_against_any_base_without_an_error(base: str, reference: str) -> None:
    assert isinstance(urls.resolve(base, reference), str)


@given(st.from_regex(r"/[a-c./]{0,10}", fullmatch=True))
@example("//..//./../a/.")
def test_no_dot_segment_is_left_in_a_path_from_the_root(path: str) -> None:
    resolved = urls.resolve("http://h", f"http://x{path}").removeprefix("http://x")
    assert resolved.startswith("/")
    assert not {".", ".."} & set(resolved.split("/"))
    assert urls.resolve("http://h", f"http://x{resolved}") == f"http://x{resolved}"


@given(st.one_of(TEXTS, URLS, st.binary(max_size=30)), st.integers(10, 300))
def test_any_garbage_is_shown_printable_and_bounded(url: object, limit: int) -> None:
    shown = urls.redact(url, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


@given(
    TEXTS.filter(lambda text: not set(text) & set("/?#\\@")),
    TEXTS.filter(lambda text: not set(text) & set("/?#\\@")),
)
def test_userinfo_is_never_shown(user: str, password: str) -> None:
    assert urls.redact(f"http://{user}:zq{password}qz@h/") == "http://***@h/"


@pytest.mark.parametrize(
    "url",
    [
        "http://" + "a." * 100_000,
        "http://" + "-" * 300_000,
        "http://h" + ":" * 300_000,
        "http://h/" + "%4" * 150_000,
        "http://h/" + "/." * 150_000,
        "http://h/" + "../" * 100_000,
        "http://" + "@" * 300_000,
        "http://" + "1." * 150_000,
        "http://[" + ":" * 300_000 + "]",
        "http://" + "é" * 300_000,
        "//" * 150_000 + "@",
        "a" * 300_000,
        "a:" * 150_000,
    ],
    ids=lambda url: url[:12],
)
def test_a_huge_url_costs_time_in_proportion(url: str) -> None:
    """No figure is asserted: what took quadratic time here would run for minutes and into the suite's limit."""
    try:
        urls.prepare(url)
    except RequestException as error:
        check_message(error)
    urls.resolve("http://h/", url)
