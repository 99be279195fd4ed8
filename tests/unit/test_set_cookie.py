"""Set-Cookie: how a field is read, which dates it can carry, and what a domain and a path match (RFC 6265)."""

from __future__ import annotations

import calendar
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.set_cookie import (
    SetCookie,
    cookie_date,
    default_path,
    domain_matches,
    normal_path,
    path_matches,
    read_set_cookie,
)

NOW = 1_000_000_000


@pytest.mark.parametrize(
    "host, domain, matches",
    [
        pytest.param("example.com", "example.com", True, id="6265-5.1.3 identical"),
        pytest.param("www.example.com", "example.com", True, id="6265-5.1.3 a suffix after a dot"),
        pytest.param("a.b.example.com", "example.com", True, id="6265-5.1.3 further down"),
        pytest.param("notexample.com", "example.com", False, id="6265-5.1.3 a suffix without a dot"),
        pytest.param("example.com", "www.example.com", False, id="not the other way round"),
        pytest.param("example.com", "com", True, id="whether that is wise is not matching's business"),
        pytest.param("example.com", "ample.com", False, id="half a label"),
        pytest.param("example.com", "example.org", False, id="another top-level name"),
        pytest.param("example.com.", "example.com", False, id="a trailing dot is another name"),
        pytest.param("192.168.0.1", "192.168.0.1", True, id="an address is itself"),
        pytest.param("192.168.0.1", "168.0.1", False, id="6265-5.1.3 an address has no suffixes"),
        pytest.param("192.168.0.1", "1", False, id="6265-5.1.3 nor one of a label"),
        pytest.param("[::1]", "[::1]", True, id="an IPv6 address is itself"),
        pytest.param("[::ffff:10.0.0.1]", "0.0.1]", False, id="an IPv6 address has no suffixes"),
    ],
)
def test_a_host_matches_a_domain_at_a_dot(host: str, domain: str, matches: bool) -> None:
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    "request_path, cookie_path, matches",
    [
        pytest.param("/foo", "/foo", True, id="6265-5.1.4 identical"),
        pytest.param("/foo/bar", "/foo", True, id="6265-5.1.4 the next character is /"),
        pytest.param("/foo/bar", "/foo/", True, id="6265-5.1.4 the cookie's path ends in /"),
        pytest.param("/foobar", "/foo", False, id="6265-5.1.4 half a segment"),
        pytest.param("/foo", "/foo/", False, id="6265-5.1.4 longer than the request's"),
        pytest.param("/", "/foo", False, id="6265-5.1.4 above"),
        pytest.param("/anything", "/", True, id="6265-5.1.4 the root"),
        pytest.param("/Foo", "/foo", False, id="case matters"),
        pytest.param("/foo//bar", "/foo/", True, id="empty segments"),
        pytest.param("/foo", "", True, id="an empty one, which a program may set"),
    ],
)
def test_a_path_matches_at_a_segment(request_path: str, cookie_path: str, matches: bool) -> None:
    assert path_matches(request_path, cookie_path) is matches


@pytest.mark.parametrize(
    "request_path, path",
    [
        ("/a/b/c", "/a/b"),
        ("/a/b/", "/a/b"),
        ("/a", "/"),
        ("/", "/"),
        ("", "/"),
        ("*", "/"),
        ("rootless", "/"),
        ("//x", "/"),
    ],
)
def test_the_default_path_is_the_directory_of_the_request(request_path: str, path: str) -> None:
    """RFC 6265 §5.1.4."""
    assert default_path(request_path) == path


@given(
    st.lists(st.sampled_from(["a", "ab", "b", ""]), max_size=5),
    st.lists(st.sampled_from(["a", "ab", ""]), max_size=3),
)
def test_a_path_matches_when_its_segments_begin_with_those_of_the_cookie(
    asked: list[str], own: list[str]
) -> None:
    # Written with a '/' at the end, a cookie's path is a prefix of whole segments; without, it may be the path itself.
    request_path, cookie_path = "/" + "/".join(asked), "/" + "/".join(own)
    prefix = cookie_path if cookie_path.endswith("/") else cookie_path + "/"
    expected = (request_path + "/").startswith(prefix) and (
        not cookie_path.endswith("/") or len(request_path) >= len(cookie_path)
    )
    assert path_matches(request_path, cookie_path) is expected


@pytest.mark.parametrize(
    "path, normal",
    [
        ("/a/b;c=d@e,f", "/a/b;c=d@e,f"),
        ("/a b", "/a%20b"),
        ("/%2fa", "/%2Fa"),
        ("/é".encode().decode("latin-1"), "/%C3%A9"),
        ("/€", "/%E2%82%AC"),
        ('/"', "/%22"),
        ("/\ud800", "/%ED%A0%80"),
    ],
)
def test_paths_are_compared_in_one_spelling(path: str, normal: str) -> None:
    assert normal_path(path) == normal
    assert normal_path(normal) == normal


# --- dates


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("Wed, 09 Jun 2021 10:18:14 GMT", (2021, 6, 9, 10, 18, 14), id="9110-5.6.7 IMF-fixdate"),
        pytest.param("Wednesday, 09-Jun-21 10:18:14 GMT", (2021, 6, 9, 10, 18, 14), id="9110-5.6.7 RFC 850"),
        pytest.param("Wed Jun  9 10:18:14 2021", (2021, 6, 9, 10, 18, 14), id="9110-5.6.7 asctime"),
        pytest.param("Wed, 09-Jun-2021 10:18:14 GMT", (2021, 6, 9, 10, 18, 14), id="Netscape's"),
        pytest.param("09 Jun 2021 10:18:14", (2021, 6, 9, 10, 18, 14), id="no weekday, no zone"),
        pytest.param("10:18:14 Jun 9 2021", (2021, 6, 9, 10, 18, 14), id="6265-5.1.1 in any order"),
        pytest.param("Jun 9 2021 1:2:3", (2021, 6, 9, 1, 2, 3), id="6265-5.1.1 one digit"),
        pytest.param('"Wed, 09 Jun 2021 10:18:14 GMT"', (2021, 6, 9, 10, 18, 14), id="in quotation marks"),
        pytest.param("9JUNE2021 10:18:14 06 2021", None, id="one token cannot be two"),
        pytest.param(
            "9th june 2021 10:18:14pm", (2021, 6, 9, 10, 18, 14), id="6265-5.1.1 what follows the digits"
        ),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", (1970, 1, 1, 0, 0, 0), id="the epoch"),
        pytest.param("Mon, 01-Jan-1900 00:00:00 GMT", (1900, 1, 1, 0, 0, 0), id="before the epoch"),
        pytest.param("Mon, 01 Jan 1601 00:00:00 GMT", (1601, 1, 1, 0, 0, 0), id="6265-5.1.1 the first year"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", (9999, 12, 31, 23, 59, 59), id="the last year"),
        pytest.param("1 Jan 70 0:0:0", (1970, 1, 1, 0, 0, 0), id="6265-5.1.1 70 is 1970"),
        pytest.param("1 Jan 69 0:0:0", (2069, 1, 1, 0, 0, 0), id="6265-5.1.1 69 is 2069"),
        pytest.param("1 Jan 99 0:0:0", (1999, 1, 1, 0, 0, 0), id="6265-5.1.1 99 is 1999"),
        pytest.param("1 Jan 00 0:0:0", (2000, 1, 1, 0, 0, 0), id="6265-5.1.1 00 is 2000"),
        pytest.param("1 Jan 1600 0:0:0", None, id="6265-5.1.1 before 1601"),
        pytest.param("32 Jan 2021 0:0:0", None, id="6265-5.1.1 the 32nd"),
        pytest.param("0 Jan 2021 0:0:0", None, id="6265-5.1.1 the 0th"),
        pytest.param("29 Feb 2021 0:0:0", None, id="6265-5.1.1 no such day"),
        pytest.param("29 Feb 2020 0:0:0", (2020, 2, 29, 0, 0, 0), id="a leap day"),
        pytest.param("1 Jan 2021 24:00:00", None, id="6265-5.1.1 hour 24"),
        pytest.param("1 Jan 2021 10:60:00", None, id="6265-5.1.1 minute 60"),
        pytest.param("1 Jan 2021 10:00:60", None, id="6265-5.1.1 second 60"),
        pytest.param("1 Jan 2021", None, id="no time"),
        pytest.param("10:18:14 Jun 2021", None, id="no day but that of the year"),
        pytest.param("9 Foo 2021 10:18:14", None, id="no month"),
        pytest.param("9 Jun 10:18:14", None, id="no year"),
        pytest.param("9 Jun 20211 10:18:14", None, id="five digits are no year"),
        pytest.param("0", None, id="a number"),
        pytest.param("-1", None, id="a negative number"),
        pytest.param("", None, id="empty"),
        pytest.param("٩ Jun 2021 10:18:14", None, id="digits of other scripts"),
    ],
)
def test_dates_are_read_as_user_agents_do(text: str, expected: tuple[int, ...] | None) -> None:
    assert cookie_date(text) == (None if expected is None else calendar.timegm((*expected, 0, 0, 0)))


@pytest.mark.parametrize(
    "form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"]
)
@given(seconds=st.integers(-11_644_473_600, 253_402_300_799))
def test_what_is_written_is_read_again(form: str, seconds: int) -> None:
    # glibc's %Y does not pad, but no year here has fewer than four digits.
    assert cookie_date(time.strftime(form, time.gmtime(seconds))) == seconds


@given(st.text(alphabet=string.digits + ":- ,/JanFebMar" + "GMT\x00é", max_size=40))
def test_no_text_is_an_error_as_a_date(text: str) -> None:
    assert cookie_date(text) is None or isinstance(cookie_date(text), int)


# --- fields


def cookie(name: str = "a", value: str | None = "1", **fields: Any) -> SetCookie:
    known: dict[str, Any] = {"domain": None, "path": None, "secure": False, "expires": None, "rest": {}}
    return SetCookie(name=name, value=value, **{**known, **fields})


@pytest.mark.parametrize(
    "field, expected",
    [
        pytest.param("a=1", cookie(), id="a pair"),
        pytest.param("  a\t =  1 \t; ", cookie(), id="6265-5.2 white space around"),
        pytest.param("a=b=c", cookie(value="b=c"), id="6265-5.2 the first = divides"),
        pytest.param("a=", cookie(value=""), id="6265-5.2 an empty value"),
        pytest.param("a", cookie(value=None), id="no ="),
        pytest.param("=1", None, id="6265-5.2 no name"),
        pytest.param("", None, id="empty"),
        pytest.param(";a=1", None, id="attributes alone"),
        pytest.param('a="x y"', cookie(value='"x y"'), id="6265-5.2 quotation marks belong to the value"),
        pytest.param("a=x, b=y", cookie(value="x, b=y"), id="6265-5.2 a comma is nothing particular"),
        pytest.param("a=\xa01\xa0", cookie(value="\xa01\xa0"), id="only SP and HTAB are white space"),
        pytest.param("a=1; secure", cookie(secure=True), id="6265-5.2.5 Secure"),
        pytest.param("a=1; SECURE=no", cookie(secure=True), id="6265-5.2.5 whatever its value"),
        pytest.param("a=1;Domain=Example.COM", cookie(domain="example.com"), id="6265-5.2.3 lower case"),
        pytest.param(
            "a=1;domain=.example.com", cookie(domain="example.com"), id="6265-5.2.3 the dot is dropped"
        ),
        pytest.param(
            "a=1;domain=..example.com", cookie(domain=".example.com"), id="6265-5.2.3 but one dot only"
        ),
        pytest.param("a=1;domain=", cookie(), id="6265-5.2.3 an empty one is ignored"),
        pytest.param("a=1;domain", cookie(), id="6265-5.2.3 one without a value too"),
        pytest.param("a=1;domain=b;domain=", cookie(), id="6265bis-5.6.3 the last one counts, empty or not"),
        pytest.param("a=1;domain=.", cookie(), id="6265bis-5.6.3 a dot alone is empty"),
        pytest.param("a" * 96 + "=" + "b" * 4000, cookie("a" * 96, "b" * 4000), id="6265bis-5.6 4096 octets"),
        pytest.param("a" * 96 + "=" + "b" * 4001, None, id="6265bis-5.6 one octet too many"),
        pytest.param("a" * 4097, None, id="6265bis-5.6 a name too long"),
        pytest.param("a=1;path=/" + "b" * 1023, cookie(path="/" + "b" * 1023), id="6265bis-5.6 1024 octets"),
        pytest.param("a=1;path=/" + "b" * 1024, cookie(), id="6265bis-5.6 an attribute too long is left out"),
        pytest.param("a=1;x=" + "b" * 1025, cookie(), id="6265bis-5.6 an unknown one too"),
        pytest.param("a=1;domain=b;domain=c", cookie(domain="c"), id="6265-5.3 the last one counts"),
        pytest.param("a=1;path=/x", cookie(path="/x"), id="6265-5.2.4 Path"),
        pytest.param("a=1;path=x", cookie(), id="6265-5.2.4 not from the root: the default"),
        pytest.param('a=1;path="/x"', cookie(), id="6265-5.2.4 in quotation marks: the default"),
        pytest.param("a=1;path=", cookie(), id="6265-5.2.4 empty: the default"),
        pytest.param("a=1;path=/x;path=y", cookie(), id="6265-5.3 the last one counts, the default it is"),
        pytest.param("a=1;path=/a b", cookie(path="/a%20b"), id="encoded as in a URL"),
        pytest.param("a=1;max-age=60", cookie(expires=NOW + 60), id="6265-5.2.2 Max-Age"),
        pytest.param("a=1;max-age=0", cookie(expires=0), id="6265-5.2.2 zero"),
        pytest.param("a=1;max-age=-60", cookie(expires=0), id="6265-5.2.2 negative"),
        pytest.param(
            "a=1;max-age=0000000000000060", cookie(expires=NOW + 60), id="6265-5.2.2 zeros in front"
        ),
        pytest.param("a=1;max-age=+60", cookie(), id="6265-5.2.2 no digit first"),
        pytest.param("a=1;max-age=6o", cookie(), id="6265-5.2.2 no digit within"),
        pytest.param("a=1;max-age=", cookie(), id="6265-5.2.2 empty"),
        pytest.param("a=1;max-age=" + "9" * 1024, cookie(expires=253402300799), id="6265-5.2.2 for ever"),
        pytest.param("a=1;expires=1 Jan 70 0:0:5", cookie(expires=5), id="6265-5.2.1 Expires"),
        pytest.param("a=1;expires=never", cookie(), id="6265-5.2.1 no date"),
        pytest.param(
            "a=1;expires=never;expires=1 Jan 70 0:0:5", cookie(expires=5), id="6265-5.2.1 no date, then one"
        ),
        pytest.param(
            "a=1;max-age=60;expires=1 Jan 70 0:0:5",
            cookie(expires=NOW + 60),
            id="6265-5.3 Max-Age precedes Expires",
        ),
        pytest.param(
            "a=1;expires=1 Jan 70 0:0:5;max-age=60", cookie(expires=NOW + 60), id="6265-5.3 in either order"
        ),
        pytest.param(
            "a=1;HttpOnly;SameSite=Lax;Port=80",
            cookie(rest={"HttpOnly": None, "SameSite": "Lax", "Port": "80"}),
            id="the rest is kept as it came",
        ),
        pytest.param("a=1;;=x; ", cookie(), id="attributes without a name"),
        pytest.param("a=1\x00", None, id="6265bis-5.6 NUL"),
        pytest.param("a=1\r\n b=2", None, id="6265bis-5.6 a folded line"),
        pytest.param("a=1;path=/\x7f", None, id="6265bis-5.6 DEL in an attribute"),
    ],
)
def test_a_field_is_read_as_user_agents_do(field: str, expected: SetCookie | None) -> None:
    assert read_set_cookie(field, NOW) == expected


@given(
    st.text(max_size=60)
    | st.text(alphabet='ab=; \t,"pathdomainexpires/.-0123456789:Jan\x00\r\n', max_size=60)
)
def test_no_field_is_an_error(field: str) -> None:
    found = read_set_cookie(field, NOW)
    assert found is None or (found.name and ";" not in found.name + (found.value or ""))
