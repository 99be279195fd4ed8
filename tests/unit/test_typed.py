"""Typed fields: each value that its RFC allows is read, each that it does not is None, and nothing raises."""

from __future__ import annotations

import math
import pickle
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.dates import format_http_date
from httpkit._message.typed import (
    CacheControl,
    ContentType,
    Link,
    Via,
    WarningValue,
    age,
    allow,
    cache_control,
    content_type,
    link,
    retry_after,
    via,
    warning,
)

TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKENS = st.text(TCHAR, min_size=1, max_size=10)
ANY_TEXT = st.text(st.sampled_from('ab1 ,;="\\<>()\t\r\nü*/:-\x00'), max_size=60) | st.text(max_size=40)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
DATE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=timezone.utc)


def quoted(text: str) -> str:
    """*text* as a quoted string (RFC 9110 §5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


READERS: list[Any] = [
    content_type,
    cache_control,
    via,
    warning,
    link,
    allow,
    age,
    lambda value: retry_after(value, now=NOW),
]


@pytest.mark.parametrize("read", READERS)
def test_a_missing_field_is_none(read: Any) -> None:
    assert read(None) is None


@pytest.mark.parametrize("read", [cache_control, via, warning, link, allow, age])
def test_a_field_with_no_value_of_several_is_none(read: Any) -> None:
    assert read([]) is None


@pytest.mark.parametrize("read", READERS)
def test_a_value_that_is_too_long_is_none(read: Any) -> None:
    assert read("0" * 70_000) is None
    assert read("a/b," * 20_000) is None


@given(ANY_TEXT)
def test_no_reader_raises(value: str) -> None:
    for read in READERS:
        read(value)
    for read in (cache_control, via, warning, link, allow, age):
        read([value, value])


@pytest.mark.parametrize(
    "unit",
    [
        '"',
        '\\"',
        '"\\',
        "(",
        ")",
        "1.1 a (",
        "<a>;",
        "; a",
        ";a=",
        '<a>;b="',
        '199 - "',
        ",",
        "\t,",
        " ",
        "a=",
        ',a="',
        "a/b;",
    ],
)
@pytest.mark.parametrize("start", ["", '"', "1.1 a (", '<a>; b="', '199 - "', "a/b;"])
def test_hostile_text_is_read_in_linear_time(start: str, unit: str) -> None:
    """Quadratic time would be minutes in sum: the timeout of the test run is the assertion."""
    text = start + unit * (60_000 // len(unit))
    for read in READERS:
        read(text)
        read(text + "x")


# Content-Type


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("text/html", ContentType("text", "html"), id="RFC 9110 §8.3.1"),
        pytest.param("Text/HTML;Charset=utf-8", ContentType("text", "html", {"charset": "utf-8"}), id="case"),
        pytest.param(
            'text/html; charset="utf-8"', ContentType("text", "html", {"charset": "utf-8"}), id="quoted"
        ),
        pytest.param(
            'multipart/mixed; boundary="a;b\\"c"; x=1',
            ContentType("multipart", "mixed", {"boundary": 'a;b"c', "x": "1"}),
            id="RFC 9110 §5.6.4 marks in quotes",
        ),
        pytest.param(
            "application/problem+json ;", ContentType("application", "problem+json"), id="RFC 6839 §3.1"
        ),
        pytest.param(
            "a/b; c; d=1", ContentType("a", "b", {"d": "1"}), id="a parameter without a value is left out"
        ),
        pytest.param(
            'a/b; c="1; d=1', ContentType("a", "b"), id="a parameter without closing quote is left out"
        ),
        pytest.param("a/b; c=1; C=2", ContentType("a", "b", {"c": "1"}), id="the first counts"),
    ],
)
def test_a_media_type_is_read(value: str, expected: ContentType) -> None:
    assert content_type(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "text", "/", "text/", "/html", "text/html/x", "te xt/html", "text /html", "t\xe9xt/html", ";a=b"],
)
def test_what_is_no_media_type_is_none(value: str) -> None:
    assert content_type(value) is None


def test_a_media_type_says_its_essence_and_its_charset_in_lower_case() -> None:
    found = content_type("Text/HTML; charset=UTF-8")
    assert found is not None
    assert (found.essence, found.charset) == ("text/html", "utf-8")
    assert ContentType("text", "html").charset is None
    assert ContentType("text", "html", {"charset": ""}).charset is None


@given(TOKENS, TOKENS, st.dictionaries(TOKENS.map(str.lower), st.text(max_size=10)))
def test_a_written_media_type_is_read_again(main: str, sub: str, parameters: dict[str, str]) -> None:
    written = "; ".join([f"{main}/{sub}", *(f"{name}={quoted(text)}" for name, text in parameters.items())])
    assert content_type(written) == ContentType(main.lower(), sub.lower(), parameters)


# Cache-Control


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("max-age=60", CacheControl(max_age=60), id="RFC 9111 §5.2.2.1"),
        pytest.param('max-age="60"', CacheControl(max_age=60), id="RFC 9111 §5.2 both forms of an argument"),
        pytest.param("MAX-AGE=60", CacheControl(max_age=60), id="RFC 9111 §5.2 case"),
        pytest.param("s-maxage=0, public", CacheControl(s_maxage=0, public=True), id="RFC 9111 §5.2.2.10"),
        pytest.param(
            "max-age=99999999999999999999", CacheControl(max_age=2**31), id="RFC 9111 §1.2.2 overflow"
        ),
        pytest.param(
            "max-age=" + "9" * 10_000,
            CacheControl(max_age=2**31),
            id="RFC 9111 §1.2.2 more digits than int takes",
        ),
        pytest.param("max-age=" + "0" * 10_000 + "7", CacheControl(max_age=7), id="leading zeros"),
        pytest.param("no-cache", CacheControl(no_cache=True), id="RFC 9111 §5.2.2.4 unqualified"),
        pytest.param(
            'no-cache="Set-Cookie, X-A"',
            CacheControl(no_cache=frozenset({"set-cookie", "x-a"})),
            id="RFC 9111 §5.2.2.4",
        ),
        pytest.param(
            "private=x-a", CacheControl(private=frozenset({"x-a"})), id="RFC 9111 §5.2.2.7 as a token"
        ),
        pytest.param('private="x-a", private', CacheControl(private=True), id="unqualified wins"),
        pytest.param(
            'private, private="x-a"', CacheControl(private=True), id="unqualified wins in any order"
        ),
        pytest.param(
            'private="a", private="b"', CacheControl(private=frozenset({"a", "b"})), id="fields add up"
        ),
        pytest.param('no-cache=""', CacheControl(no_cache=True), id="no field named"),
        pytest.param('no-cache="a b"', CacheControl(no_cache=True), id="what is no field"),
        pytest.param("no-store=yes", CacheControl(no_store=True), id="an argument that should not be there"),
        pytest.param(
            "no-store, no-transform, must-revalidate, must-understand, proxy-revalidate, public, "
            "only-if-cached",
            CacheControl(
                no_store=True,
                no_transform=True,
                must_revalidate=True,
                must_understand=True,
                proxy_revalidate=True,
                public=True,
                only_if_cached=True,
            ),
            id="RFC 9111 §5.2 without arguments",
        ),
        pytest.param("max-stale", CacheControl(max_stale=math.inf), id="RFC 9111 §5.2.1.2 any staleness"),
        pytest.param(
            "max-stale=5, min-fresh=6", CacheControl(max_stale=5, min_fresh=6), id="RFC 9111 §5.2.1"
        ),
        pytest.param(
            "stale-while-revalidate=1, stale-if-error=2",
            CacheControl(stale_while_revalidate=1, stale_if_error=2),
            id="RFC 5861",
        ),
        pytest.param("immutable", CacheControl(immutable=True), id="RFC 8246"),
        pytest.param(
            'community="UCI, x", Vendor',
            CacheControl(extensions={"community": "UCI, x", "vendor": None}),
            id="RFC 9111 §5.2.3",
        ),
        pytest.param("max-age=1, max-age=2", CacheControl(max_age=1), id="RFC 9111 §4.2.1 the first counts"),
        pytest.param("max-age=x", CacheControl(extensions={"max-age": "x"}), id="RFC 9111 §4.2.1 malformed"),
        pytest.param("max-age", CacheControl(extensions={"max-age": None}), id="without its argument"),
        pytest.param("max-age=-1", CacheControl(extensions={"max-age": "-1"}), id="negative"),
        pytest.param("max-age=1.5", CacheControl(extensions={"max-age": "1.5"}), id="a fraction"),
        pytest.param("max-age=٣", CacheControl(extensions={"max-age": "٣"}), id="digits of another script"),
        pytest.param(
            "max-age=x, max-age=60", CacheControl(extensions={"max-age": "x"}), id="the first is malformed"
        ),
        pytest.param("max-age=60, max-age=x", CacheControl(max_age=60), id="the second is malformed"),
        pytest.param('a b, no-store, "', CacheControl(no_store=True), id="no-store beside rubbish"),
        pytest.param(", ,no-store,", CacheControl(no_store=True), id="RFC 9110 §5.6.1.2 empty elements"),
        pytest.param(["no-store", "max-age=1"], CacheControl(no_store=True, max_age=1), id="two fields"),
    ],
)
def test_cache_directives_are_read(value: Any, expected: CacheControl) -> None:
    assert cache_control(value) == expected


@pytest.mark.parametrize("value", ["", ",", "a b", '"no-store"', "=1", "\x00"])
def test_without_a_directive_cache_control_is_none(value: str) -> None:
    assert cache_control(value) is None


# Via


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            "1.0 fred, 1.1 p.example.net",
            [Via("HTTP", "1.0", "fred"), Via("HTTP", "1.1", "p.example.net")],
            id="RFC 9110 §7.6.3",
        ),
        pytest.param("HTTP/2 [::1]:8080", [Via("HTTP", "2", "[::1]:8080")], id="a host and a port"),
        pytest.param(
            "FSTR/2 proxy (a (b, c) d)",
            [Via("FSTR", "2", "proxy", "a (b, c) d")],
            id="RFC 9110 §5.6.5 comments nest",
        ),
        pytest.param(
            r"1.1 a (\) \( x), 1.1 b",
            [Via("HTTP", "1.1", "a", ") ( x"), Via("HTTP", "1.1", "b")],
            id="escaped",
        ),
        pytest.param("1.1 a ()", [Via("HTTP", "1.1", "a", "")], id="an empty comment"),
        pytest.param(["1.1 a", "1.1 b"], [Via("HTTP", "1.1", "a"), Via("HTTP", "1.1", "b")], id="two fields"),
        pytest.param(",1.1\ta ,, ", [Via("HTTP", "1.1", "a")], id="RFC 9110 §5.6.1.2 empty elements"),
    ],
)
def test_intermediaries_are_read(value: Any, expected: list[Via]) -> None:
    assert via(value) == tuple(expected)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "1.1",
        "1.1 a b",
        "1.1 a (b",
        "1.1 a (b (c)",
        "1.1 a (b\\)",
        "1.1 a (b) c",
        "/1.1 a",
        "1.1 a, x",
    ],
)
def test_malformed_intermediaries_are_none(value: str) -> None:
    assert via(value) is None


# Warning


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            '110 cache "Response is stale"',
            [WarningValue(110, "cache", "Response is stale")],
            id="RFC 7234 §5.5",
        ),
        pytest.param(
            '112 - "network down" "Sun, 06 Nov 1994 08:49:37 GMT"',
            [WarningValue(112, "-", "network down", DATE)],
            id="RFC 7234 §5.5 with a date",
        ),
        pytest.param(
            '112 - "" "Sunday, 06-Nov-94 08:49:37 GMT"',
            [WarningValue(112, "-", "", DATE)],
            id="RFC 9110 §5.6.7 two digits",
        ),
        pytest.param(
            '299 a:80 "x, \\"y\\"", 199 b "z"',
            [WarningValue(299, "a:80", 'x, "y"'), WarningValue(199, "b", "z")],
            id="two warnings",
        ),
        pytest.param(
            ['199 b "z"', '299 c ""'],
            [WarningValue(199, "b", "z"), WarningValue(299, "c", "")],
            id="two fields",
        ),
    ],
)
def test_warnings_are_read(value: Any, expected: list[WarningValue]) -> None:
    assert warning(value, now=NOW) == tuple(expected)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "110",
        "110 a",
        "110 a b",
        '11 a "b"',
        '1100 a "b"',
        '110 a "b" "c"',
        '110 a "b',
        '110 a "b" x',
        '110  a "b"',
    ],
)
def test_malformed_warnings_are_none(value: str) -> None:
    assert warning(value) is None


# Link


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            '<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"',
            [
                Link(
                    "http://example.com/TheBook/chapter2",
                    ("previous",),
                    {"rel": "previous", "title": "previous chapter"},
                )
            ],
            id="RFC 8288 §3.5",
        ),
        pytest.param(
            '</>; rel="http://example.net/Foo", <b,;c>;REL="Start http://example.net/X"',
            [
                Link("/", ("http://example.net/Foo",), {"rel": "http://example.net/Foo"}),
                Link("b,;c", ("start", "http://example.net/X"), {"rel": "Start http://example.net/X"}),
            ],
            id="RFC 8288 §2.1 case counts in URIs only",
        ),
        pytest.param(
            "<>; rel=self", [Link("", ("self",), {"rel": "self"})], id="RFC 3986 §4.4 an empty target"
        ),
        pytest.param(
            "<a>; rel=a; rel=b", [Link("a", ("a",), {"rel": "a"})], id="RFC 8288 §3.3 the first rel counts"
        ),
        pytest.param("<a>", [Link("a")], id="no parameters"),
        pytest.param(
            "<a> ; ; crossorigin ;", [Link("a", (), {"crossorigin": ""})], id="RFC 8288 §3 without a value"
        ),
        pytest.param(
            "<a>; type=text/css; rel=x:y",
            [Link("a", ("x:y",), {"type": "text/css", "rel": "x:y"})],
            id="no tokens",
        ),
        pytest.param(
            "<a>; title*=UTF-8''%e2%82%ac",
            [Link("a", (), {"title*": "UTF-8''%e2%82%ac"})],
            id="RFC 8187 as it stands",
        ),
        pytest.param(
            '<a>; title="b, <c>; d=\\"e\\""',
            [Link("a", (), {"title": 'b, <c>; d="e"'})],
            id="marks in quotes",
        ),
        pytest.param(["<a>", "<b>"], [Link("a"), Link("b")], id="two fields"),
    ],
)
def test_links_are_read(value: Any, expected: list[Link]) -> None:
    assert link(value) == tuple(expected)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "a",
        "<a",
        "<a b>",
        "<a>>",
        "<a> rel=x",
        '<a>; rel="x',
        "<a>; =x",
        "<a>; rel=",
        "<a>, b",
        "<a><b>",
    ],
)
def test_malformed_links_are_none(value: str) -> None:
    assert link(value) is None


@given(
    st.lists(
        st.tuples(
            st.text("ab/?:;,.", max_size=9), st.dictionaries(TOKENS.map(str.lower), st.text(max_size=9))
        ),
        min_size=1,
    )
)
def test_written_links_are_read_again(links: list[tuple[str, dict[str, str]]]) -> None:
    written = ", ".join(
        "; ".join([f"<{url}>", *(f"{k}={quoted(v)}" for k, v in found.items())]) for url, found in links
    )
    assert [(item.target, item.parameters) for item in link(written) or ()] == links


# Allow, Age, Retry-After


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("GET, HEAD, PUT", {"GET", "HEAD", "PUT"}, id="RFC 9110 §10.2.1"),
        pytest.param("", set(), id="RFC 9110 §10.2.1 an empty field allows no method"),
        pytest.param("get", {"get"}, id="RFC 9110 §9.1 methods are case-sensitive"),
        pytest.param(", GET,,", {"GET"}, id="RFC 9110 §5.6.1.2 empty elements"),
        pytest.param(["GET", "PUT"], {"GET", "PUT"}, id="two fields"),
        pytest.param("GET PUT", None, id="no comma"),
        pytest.param('"GET"', None, id="quotes"),
        pytest.param("GET, P\xdcT", None, id="what is no token"),
    ],
)
def test_methods_are_read(value: Any, expected: set[str] | None) -> None:
    assert allow(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("0", 0, id="RFC 9111 §5.1"),
        pytest.param(" 3600\t", 3600, id="white space"),
        pytest.param("3600, 5", 3600, id="RFC 9111 §5.1 the first of several"),
        pytest.param(["7", "8"], 7, id="two fields"),
        pytest.param("9" * 5000, 2**31, id="RFC 9111 §1.2.2 overflow"),
        pytest.param("2147483647", 2**31 - 1, id="the last that fits"),
        pytest.param("", None, id="empty"),
        pytest.param("-1", None, id="negative"),
        pytest.param("+1", None, id="a sign"),
        pytest.param("1.0", None, id="a fraction"),
        pytest.param("1_0", None, id="an underscore"),
        pytest.param("0x10", None, id="hexadecimal"),
        pytest.param("²", None, id="a digit that is no ASCII"),
        pytest.param("x, 5", None, id="the first is malformed"),
    ],
)
def test_an_age_is_read(value: Any, expected: int | None) -> None:
    assert age(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("120", 120.0, id="RFC 9110 §10.2.3 seconds"),
        pytest.param(" 0 ", 0.0, id="no wait"),
        pytest.param("Thu, 01 Jan 2026 00:01:30 GMT", 90.0, id="RFC 9110 §10.2.3 a date"),
        pytest.param("Thursday, 01-Jan-26 00:01:30 GMT", 90.0, id="an obsolete date"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.0, id="a date in the past"),
        pytest.param("9" * 5000, float(2**31), id="overflow"),
        pytest.param("", None, id="empty"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("soon", None, id="a word"),
        pytest.param("120, 60", None, id="two values"),
    ],
)
def test_the_seconds_to_wait_are_read(value: str, expected: float | None) -> None:
    found = retry_after(value, now=NOW)
    assert found == expected
    assert found is None or type(found) is float


@given(st.integers(0, 10**6), st.floats(0, 4e9))
def test_waiting_until_a_date_is_waiting_until_then(seconds: int, now: float) -> None:
    wait = retry_after(format_http_date(math.floor(now) + seconds), now=now)
    assert wait == pytest.approx(max(0.0, math.floor(now) + seconds - now), abs=1e-5)


@pytest.mark.parametrize(
    "value",
    [
        content_type("a/b; c=d"),
        cache_control("max-age=1, x"),
        via("1.1 a (b)"),
        warning('110 a "b" "Sun, 06 Nov 1994 08:49:37 GMT"'),
        link("<a>; rel=b"),
    ],
)
def test_what_was_read_can_be_pickled(value: object) -> None:
    assert value is not None
    assert pickle.loads(pickle.dumps(value)) == value
