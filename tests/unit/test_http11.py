"""The HTTP/1.1 codec: what RFC 9112 and RFC 9110 let a response be, what we reject, and what a request may hold."""

from __future__ import annotations

import enum
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from httpkit._wire import heads
from httpkit._wire.http11 import (
    DEFAULT_LIMITS,
    Body,
    ChunkedBody,
    Head,
    HeadReader,
    KnownLines,
    LengthBody,
    Limits,
    NoBody,
    UntilCloseBody,
    body_of,
    encode_chunk,
    encode_head,
    head_at_once,
    is_persistent,
    parse_head,
)
from httpkit.exceptions import ChunkedEncodingError, InvalidHeader, InvalidURL, MalformedResponse
from tests.fuzz.exchange import LIMITS, METHODS, check, cut, outcome

OK = b"HTTP/1.1 200 OK\r\n"
REGRESSIONS = sorted((Path(__file__).parent / "http11_regressions").glob("*.bin"))

# -- heads -------------------------------------------------------------------------------------------------------------


def head_of(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Head:
    """The head that *data* is, after which nothing is left."""
    found = HeadReader(limits).feed(data)
    assert found is not None
    head, rest = found
    assert rest == b""
    return head


def answer(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> Head:
    """The head with these field *lines*."""
    return head_of(b"\r\n".join([status, *lines, b"", b""]))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"HTTP/1.1 200 OK", (11, 200, "OK"), id="RFC 9112 §4"),
        pytest.param(b"HTTP/1.1 200 ", (11, 200, ""), id="RFC 9112 §4 no reason phrase"),
        pytest.param(b"HTTP/1.1 200", (11, 200, ""), id="RFC 9112 §4 nor the space before it"),
        pytest.param(
            b"HTTP/1.1 404 Not\tFound ", (11, 404, "Not\tFound "), id="RFC 9112 §4 blanks in the reason"
        ),
        pytest.param(b"HTTP/1.1 200 \xc3\xbc", (11, 200, "\xc3\xbc"), id="RFC 9112 §4 obs-text"),
        pytest.param(b"HTTP/1.1 200 " + b"x" * 99, (11, 200, "x" * 99), id="a long reason"),
        pytest.param(b"HTTP/1.0 200 OK", (10, 200, "OK"), id="RFC 9112 §2.3 HTTP/1.0"),
        pytest.param(b"HTTP/1.2 200 OK", (11, 200, "OK"), id="RFC 9110 §2.5 a higher minor version"),
        pytest.param(b"HTTP/1.9 200 OK", (11, 200, "OK"), id="RFC 9110 §2.5 the highest"),
        pytest.param(b"HTTP/1.1 999 ?", (11, 999, "?"), id="RFC 9110 §15 an unknown class"),
    ],
)
def test_a_status_line_has_version_code_and_reason(line: bytes, expected: tuple[int, int, str]) -> None:
    for end in (b"\r\n", b"\n"):
        head = head_of(line + end + end)
        assert (head.version, head.status, head.reason) == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="RFC 9112 §2.2 an empty line first"),
        pytest.param(b"HTTP/2 200 OK", id="RFC 9112 §2.3 HTTP/2"),
        pytest.param(b"HTTP/2.0 200 OK", id="RFC 9112 §2.3 HTTP/2.0"),
        pytest.param(b"HTTP/0.9 200 OK", id="RFC 9112 §2.3 HTTP/0.9"),
        pytest.param(b"HTTP/1.10 200 OK", id="RFC 9112 §2.3 two digits"),
        pytest.param(b"HTTP/1 200 OK", id="RFC 9112 §2.3 no minor version"),
        pytest.param(b"HTTP/1.x 200 OK", id="RFC 9112 §2.3 no digit"),
        pytest.param(b"http/1.1 200 OK", id="RFC 9112 §2.3 lower case"),
        pytest.param(b" HTTP/1.1 200 OK", id="RFC 9112 §4 a blank first"),
        pytest.param(b"HTTP/1.1  200 OK", id="RFC 9112 §4 two spaces"),
        pytest.param(b"HTTP/1.1\t200 OK", id="RFC 9112 §4 a tab"),
        pytest.param(b"HTTP/1.1 20 OK", id="RFC 9112 §4 two digits of status"),
        pytest.param(b"HTTP/1.1 2000 OK", id="RFC 9112 §4 four digits of status"),
        pytest.param(b"HTTP/1.1 020 OK", id="RFC 9110 §15 below 100"),
        pytest.param(b"HTTP/1.1 +20 OK", id="RFC 9112 §4 a sign"),
        pytest.param(b"HTTP/1.1 2\xb20 OK", id="RFC 9112 §4 a digit beyond ASCII"),
        pytest.param(b"HTTP/1.1 OK", id="RFC 9112 §4 no status"),
        pytest.param(b"HTTP/1.1", id="RFC 9112 §4 a version only"),
        pytest.param(b"HTTP/1.1 200\tOK", id="RFC 9112 §4 a tab before the reason"),
        pytest.param(b"HTTP/1.1 200 O\x00K", id="RFC 9112 §4 NUL in the reason"),
        pytest.param(b"HTTP/1.1 200 O\x7fK", id="RFC 9112 §4 DEL in the reason"),
        pytest.param(b"HTTP/1.1 200 O\rK", id="RFC 9112 §2.2 bare CR in the reason"),
        pytest.param(b"ICY 200 OK", id="another protocol"),
        pytest.param(b"<html>", id="HTTP/0.9 as a body"),
        pytest.param(b"\x16\x03\x01\x00", id="TLS"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_a_malformed_status_line_is_rejected(line: bytes, end: bytes) -> None:
    with pytest.raises(MalformedResponse):
        HeadReader().feed(line + end + b"A: b" + end + end)


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.", b"HTTP/1.1 2", OK, OK + b"A: b\r\n", OK + b"A: b\r\n\r"])
def test_a_head_is_waited_for(data: bytes) -> None:
    assert HeadReader().feed(data) is None


@pytest.mark.parametrize("data", [b"S", b"HTTX", b"HTTP/2", b"\r\n", b" HTTP"])
def test_what_can_be_no_status_line_is_rejected_at_once(data: bytes) -> None:
    with pytest.raises(MalformedResponse, match="malformed status line"):
        HeadReader().feed(data)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        pytest.param(b"A: b", ("A", "b"), id="RFC 9112 §5"),
        pytest.param(b"A:b", ("A", "b"), id="RFC 9112 §5 no white space"),
        pytest.param(b"A: \t b \t", ("A", "b"), id="RFC 9112 §5.1 white space around the value"),
        pytest.param(b"A:", ("A", ""), id="RFC 9110 §5.5 no value"),
        pytest.param(b"A: \t ", ("A", ""), id="RFC 9110 §5.5 a value of blanks"),
        pytest.param(b"A: b: c", ("A", "b: c"), id="RFC 9110 §5.5 a colon in the value"),
        pytest.param(b"A:b: c", ("A", "b: c"), id="RFC 9110 §5.5 the first colon ends the name"),
        pytest.param(b"A: b\tc  d", ("A", "b\tc  d"), id="RFC 9110 §5.5 white space inside"),
        pytest.param(b"A: \xfc\xa0", ("A", "\xfc\xa0"), id="RFC 9110 §5.5 obs-text is not white space"),
        pytest.param(b"A: \x85b\x85", ("A", "\x85b\x85"), id="RFC 9110 §5.5 nor a line end"),
        pytest.param(
            b"!#$%&'*+-.^_`|~09azAZ: b", ("!#$%&'*+-.^_`|~09azAZ", "b"), id="RFC 9110 §5.6.2 a token"
        ),
        pytest.param(b"x" * 99 + b": b", ("x" * 99, "b"), id="a long name"),
    ],
)
def test_a_field_line_is_a_name_and_a_value(line: bytes, field: tuple[str, str]) -> None:
    for data in (OK + line + b"\r\n\r\n", OK + line + b"\n\n"):
        assert head_of(data).fields == [field]


@pytest.mark.parametrize("repeat", [1, 2], ids=["first", "seen before"])
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Server : x", id="RFC 9112 §5.1 space before the colon"),
        pytest.param(b"Server\t: x", id="RFC 9112 §5.1 tab before the colon"),
        pytest.param(b"Content-Length : 5", id="RFC 9112 §5.1 in a framing field"),
        pytest.param(b"Server", id="RFC 9112 §5 no colon"),
        pytest.param(b"Content-Length", id="RFC 9112 §5 no colon in a framing field"),
        pytest.param(b": x", id="RFC 9110 §5.1 no name"),
        pytest.param(b":", id="RFC 9110 §5.1 a colon"),
        pytest.param(b"A b: x", id="RFC 9110 §5.1 a space in the name"),
        pytest.param(b"A\xa0: x", id="RFC 9110 §5.1 obs-text in the name"),
        pytest.param(b"A\x00: x", id="RFC 9110 §5.1 NUL in the name"),
        pytest.param(b"\x0bA: x", id="RFC 9110 §5.1 a control before the name"),
        pytest.param(b"A(: x", id="RFC 9110 §5.1 a delimiter in the name"),
        pytest.param(b"A: x\x00y", id="RFC 9110 §5.5 NUL"),
        pytest.param(b"A: x\ry", id="RFC 9110 §5.5 bare CR"),
        pytest.param(b"A: x\r\ry", id="RFC 9110 §5.5 two bare CR"),
        pytest.param(b"A: x\rContent-Length: 5", id="RFC 9112 §2.2 bare CR is no line end"),
        pytest.param(b"A: x\r\r", id="RFC 9112 §2.2 CR before CRLF"),
        pytest.param(b"A: x\x0b", id="RFC 9110 §5.5 vertical tab"),
        pytest.param(b"A: x\x1f", id="RFC 9110 §5.5 a control last"),
        pytest.param(b"A: \x1cx", id="RFC 9110 §5.5 a control that str.strip takes for a blank"),
        pytest.param(b"A: x\x7f", id="RFC 9110 §5.5 DEL"),
    ],
)
def test_a_malformed_field_line_is_rejected(line: bytes, repeat: int) -> None:
    head_of(OK + b"Server: x\r\nContent-Length: 1\r\nA: b\r\n\r\n")
    for data in (OK + (line + b"\r\n") * repeat + b"\r\n", OK + b"B: c\n" + line + b"\n\n"):
        with pytest.raises(MalformedResponse):
            HeadReader().feed(data)


@pytest.mark.parametrize("code", [*range(9), *range(11, 13), *range(14, 32), 127])
def test_no_control_character_is_accepted_anywhere(code: int) -> None:
    for place in (
        b"HTTP/1.1 200 O%bK\r\n\r\n",
        OK + b"A%bB: c\r\n\r\n",
        OK + b"A: b%bc\r\n\r\n",
        OK + b"A:%b\r\n\r\n",
    ):
        with pytest.raises(MalformedResponse):
            HeadReader().feed(place % bytes([code]))


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        pytest.param(b"A: b\r\n c\r\n", [("A", "b c")], id="a space"),
        pytest.param(b"A: b\r\n\tc\r\n", [("A", "b c")], id="a tab"),
        pytest.param(b"A: b \t\r\n \t c \r\n", [("A", "b c")], id="one space for all white space"),
        pytest.param(b"A: b\r\n c\r\n d\r\nE: f\r\n", [("A", "b c d"), ("E", "f")], id="twice"),
        pytest.param(b"A: b\r\n Evil: c\r\n", [("A", "b Evil: c")], id="never a new field"),
        pytest.param(b"A:\r\n b\r\n", [("A", "b")], id="no value before"),
        pytest.param(b"A: b\r\n \t\r\n", [("A", "b")], id="blanks only"),
        pytest.param(b"A: b\r\n \r\n c\r\n", [("A", "b c")], id="blanks between"),
        pytest.param(b"A: b\n c\n", [("A", "b c")], id="bare LF"),
        pytest.param(
            b"Content-Length: 1\r\n 2\r\n", [("Content-Length", "1 2")], id="a number is not continued"
        ),
    ],
)
def test_obs_fold_becomes_one_space(section: bytes, fields: list[tuple[str, str]]) -> None:
    """RFC 9112 §5.2."""
    assert head_of(OK + section + b"\r\n").fields == fields


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(b" A: b\r\n", id="RFC 9112 §2.2 before the first field"),
        pytest.param(b"\tA: b\r\nC: d\r\n", id="RFC 9112 §2.2 a tab"),
        pytest.param(b" \r\nA: b\r\n", id="RFC 9112 §2.2 a line of blanks"),
        pytest.param(b"A\r\n : b\r\n", id="RFC 9112 §5.2 a folded name"),
        pytest.param(b"A: b\r\n c\x00\r\n", id="RFC 9110 §5.5 NUL in a folded line"),
        pytest.param(b"A: b\r\n c\rd\r\n", id="RFC 9112 §2.2 CR in a folded line"),
    ],
)
def test_other_leading_white_space_is_rejected(section: bytes) -> None:
    with pytest.raises(MalformedResponse):
        HeadReader().feed(OK + section + b"\r\n")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 200 OK\nA: b\nC: d\n\n", id="all"),
        pytest.param(b"HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n", id="mixed, CRLF last"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", id="mixed, LF last"),
    ],
)
def test_a_bare_lf_ends_a_line_of_a_head(data: bytes) -> None:
    """RFC 9112 §2.2: a recipient MAY recognize a single LF."""
    assert head_of(data).fields == [("A", "b"), ("C", "d")]
    found = HeadReader().feed(data + b"\n\r\n\r\nrest")
    assert found is not None
    assert found[1] == b"\n\r\n\r\nrest"


def test_repeats_and_their_order_are_kept() -> None:
    head = answer(b"Set-Cookie: a=1", b"X: y", b"set-cookie: b=2")
    assert head.fields == [("Set-Cookie", "a=1"), ("X", "y"), ("set-cookie", "b=2")]
    assert head.values("set-cookie") == ("a=1", "b=2")
    assert repr(head) == "<Head 200 with 3 fields>"


def test_a_head_knows_the_fields_that_every_call_asks_for() -> None:
    lines = [
        b"Connection: a",
        b"CONTENT-LENGTH: 5",
        b"Transfer-encoding: x",
        b"connection: b",
        b"sEt-CoOkIe: c",
    ]
    for head in (answer(*lines), Head(11, 200, "", [tuple(line.decode().split(": ")) for line in lines])):  # type: ignore[misc]
        assert head.values("connection") == ("a", "b")
        assert head.values("content-length") == ("5",)
        assert head.values("transfer-encoding") == ("x",)
        assert head.values("set-cookie") == ("c",)
    plain = answer(b"Set-Cookie2: a", b"Connections: b", b"X-Content-Length: 1")
    for name in ("connection", "content-length", "transfer-encoding"):
        assert plain.values(name) == ()
    assert plain.values("set-cookie") == ()
    assert plain.by_name is not None
    assert list(plain.by_name.values()) == plain.fields


def test_any_number_of_field_names_is_told_apart_and_few_are_remembered() -> None:
    for number in range(3000):
        assert answer(b"X-%d: y" % number, b"Content-Length: 1").values("content-length") == ("1",)
    assert len(heads._SEEN) <= heads._SEEN_MOST < 3000
    answer(b"X-" + b"y" * 999 + b": z")
    assert max(map(len, heads._SEEN)) < 100


# --- what is remembered of the last head on a connection


KNOWN = b"HTTP/1.1 200 OK\r\nServer: a\r\nDate: now\r\nContent-Length: 2\r\n\r\nok"


def on_a_used_connection(data: bytes, before: bytes = KNOWN) -> tuple[Head, bytes] | None:
    """What is read at once of *data* where *before* has come on the same connection."""
    known: KnownLines = {}
    assert head_at_once(before, Limits(), known) is not None
    return head_at_once(data, Limits(), known)


@pytest.mark.parametrize(
    "data",
    [
        KNOWN,
        KNOWN.replace(b"now", b"later"),
        KNOWN.replace(b"Server: a\r\n", b""),
        KNOWN.replace(b"Server: a\r\n", b"Date: now\r\nServer: a\r\n"),
        KNOWN.replace(b"Server", b"SERVER"),
        KNOWN.replace(b"Server: a", b"Server: \xe9\xa0"),
        KNOWN.replace(b"200 OK", b"404 Not Found").replace(b"Length: 2", b"Length: 1"),
    ],
)
def test_a_head_is_read_the_same_whatever_came_before_it(data: bytes) -> None:
    found, fresh = on_a_used_connection(data), HeadReader().feed(data)
    assert found is not None
    assert fresh is not None
    names = ("version", "status", "reason", "fields", "by_name")
    for name in names:
        assert getattr(found[0], name) == getattr(fresh[0], name), name
    assert found[1] == fresh[1] == b"ok"


@pytest.mark.parametrize(
    "line",
    [b"Server: a\x00", b"Server: a\rX: y", b"Server: a\nX: y", b" folded", b"\tfolded", b"Date: now\x7f"],
)
def test_a_line_like_a_known_one_is_looked_at_all_the_same(line: bytes) -> None:
    assert on_a_used_connection(KNOWN.replace(b"Date: now", b"Date: now\r\n" + line)) is None


@pytest.mark.parametrize("line", [b"Server : a", b"Server", b": a", b"Ser ver: a"])
def test_a_line_that_is_no_field_is_refused_among_known_ones(line: bytes) -> None:
    with pytest.raises(MalformedResponse):
        on_a_used_connection(KNOWN.replace(b"Server: a", line))


def test_known_lines_count_as_fields_too() -> None:
    many = KNOWN.replace(b"Server: a", b"\r\n".join([b"Server: a"] * 300))
    assert on_a_used_connection(many) is None
    with pytest.raises(MalformedResponse, match="302 fields"):
        HeadReader().feed(many)


def test_a_head_with_too_many_fields_is_not_remembered() -> None:
    known: KnownLines = {}
    many = KNOWN.replace(b"Server: a", b"\r\n".join(b"a:%d" % number for number in range(300)))
    assert head_at_once(many, Limits(), known) is None
    assert not known


def test_no_more_than_the_lines_of_the_last_head_are_remembered() -> None:
    known: KnownLines = {}
    for number in range(50):
        head_at_once(KNOWN.replace(b"now", b"%d" % number), Limits(), known)
    assert list(known) == ["Server: a", "Date: 49", "Content-Length: 2"]
    # Half of a head that turns out to be none leaves them alone.
    assert head_at_once(KNOWN.replace(b"Server: a", b"New: b\r\n folded"), Limits(), known) is None
    assert list(known) == ["Server: a", "Date: 49", "Content-Length: 2"]


def test_who_changes_the_fields_of_a_head_does_not_change_what_is_remembered() -> None:
    known: KnownLines = {}
    for _ in range(2):
        found = head_at_once(KNOWN, Limits(), known)
        assert found is not None
        assert found[0].fields[0] == ("Server", "a")
        found[0].fields.clear()
        assert found[0].by_name is not None
        found[0].by_name.clear()


def test_parse_head_reads_bytes_and_bytearrays() -> None:
    block = OK + b"A: b\r\n\r\n"
    assert parse_head(block).fields == parse_head(bytearray(block)).fields == [("A", "b")]


# -- interim responses, and what is no response ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [100, 102, 103, 110, 199])
def test_interim_responses_are_skipped_and_shown(status: int) -> None:
    """RFC 9110 §15.2."""
    shown: list[Head] = []
    interim = b"HTTP/1.1 %d x\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n" % status
    found = HeadReader(on_interim=shown.append).feed(interim * 2 + OK + b"\r\nbody")
    assert found is not None
    assert (found[0].status, found[1]) == (200, b"body")
    assert [(head.status, head.values("link")) for head in shown] == [(status, ("</a>",))] * 2


def test_an_interim_response_may_come_long_before_the_final_one() -> None:
    reader = HeadReader()
    assert reader.is_untouched
    assert reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n") is None
    assert not reader.is_untouched
    assert "1 interim" in str(reader.at_eof())
    assert reader.feed(OK) is None
    assert reader.feed(b"\r\n") is not None


def test_switching_protocols_is_final_and_what_follows_is_not_read() -> None:
    """RFC 9110 §15.2.2."""
    found = HeadReader(Limits(interim=0)).feed(
        b"HTTP/1.1 101 S\r\nContent-Length: 2\r\n\r\nHTTP/1.1 \x00\xff"
    )
    assert found is not None
    head, rest = found
    body = body_of(head, "GET")
    assert isinstance(body, NoBody)
    assert (body.feed(rest), body.excess, body.done) == (b"", b"HTTP/1.1 \x00\xff", True)


def test_the_number_of_interim_responses_is_limited() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    assert HeadReader(Limits(interim=2)).feed(interim * 2 + OK + b"\r\n") is not None
    with pytest.raises(MalformedResponse, match="more than 2 interim"):
        HeadReader(Limits(interim=2)).feed(interim * 3)
    with pytest.raises(MalformedResponse, match="more than 0 interim"):
        HeadReader(Limits(interim=0)).feed(interim)


def test_an_empty_line_between_responses_is_rejected() -> None:
    """RFC 9112 §2.2 lets servers skip one before a request, and clients none before a response."""
    with pytest.raises(MalformedResponse, match="status line"):
        HeadReader().feed(b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + OK + b"\r\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "before the response began"),
        (b"HTTP/1.1 200", "inside the head"),
        (OK + b"A: b\r\n", "HTTP/1.1 200 OK"),
    ],
)
def test_an_end_inside_the_head_is_an_error_that_shows_what_came(data: bytes, said: str) -> None:
    """RFC 9112 §8."""
    reader = HeadReader()
    reader.feed(data)
    assert reader.is_untouched is (not data)
    assert said in str(reader.at_eof())


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["line", "head", "fields", "chunk_line", "extensions", "interim"])
@pytest.mark.parametrize("value", [-1, 1.5, None, "1"])
def test_a_limit_is_a_whole_number(limit: str, value: object) -> None:
    with pytest.raises(ValueError, match=limit):
        Limits(**{limit: value})  # type: ignore[arg-type]


def fits_in_a_head(data: bytes, limits: Limits) -> bool:
    """Whether *data*, the beginning of a head, is accepted: told at once, for the whole and byte by byte."""
    verdicts = set()
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        reader = HeadReader(limits)
        try:
            for piece in pieces:
                reader.feed(piece)
            verdicts.add(True)
        except MalformedResponse:
            verdicts.add(False)
    assert len(verdicts) == 1
    return verdicts.pop()


@pytest.mark.parametrize(
    ("limits", "fits", "exceeds"),
    [
        pytest.param(
            Limits(line=20), b"HTTP/1.1 200 " + b"x" * 7, b"HTTP/1.1 200 " + b"x" * 8, id="status line"
        ),
        pytest.param(
            Limits(line=20), OK + b"A: " + b"x" * 17 + b"\r", OK + b"A: " + b"x" * 18, id="field line"
        ),
        pytest.param(
            Limits(line=20),
            OK + b"A: " + b"x" * 17 + b"\r\n",
            OK + b"A: " + b"x" * 18 + b"\r\n",
            id="complete line",
        ),
        pytest.param(
            Limits(line=20),
            OK + b"A: " + b"x" * 17 + b"\r\nB: c\r\n\r\n",
            OK + b"A: " + b"x" * 18 + b"\r\nB: c",
            id="a line before the last",
        ),
        pytest.param(
            Limits(line=20), OK + b"A: b\n " + b"x" * 19, OK + b"A: b\n " + b"x" * 20, id="folded line"
        ),
        pytest.param(
            Limits(line=20), OK + b"A:" + b"x" * 18 + b"\n", OK + b"A:" + b"x" * 19 + b"\n", id="LF only"
        ),
        pytest.param(
            Limits(line=20),
            OK + b"A: " + b"x" * 17 + b"\r\n\r\n",
            OK + b"A: " + b"x" * 18 + b"\r\n\r\n",
            id="a line of a complete head",
        ),
        pytest.param(Limits(head=30), OK + b"A: 45678901\r\n", OK + b"A: 456789012\r\n", id="head"),
        pytest.param(
            Limits(head=30), OK + b"A: 456789\r\n\r\n", OK + b"A: 4567890\r\n\r\n", id="complete head"
        ),
        pytest.param(Limits(fields=2), OK + b"A: b\r\n" * 2, OK + b"A: b\r\n" * 3, id="fields"),
        pytest.param(
            Limits(fields=2), OK + b"A: b\r\n" * 2 + b"\r\n", OK + b"A: b\r\n" * 3 + b"\r\n", id="complete"
        ),
        pytest.param(
            Limits(fields=1), OK + b"A: b\r\n c\r\n d\r\n", OK + b"A: b\r\n c\r\nD: e\r\n", id="folds"
        ),
        pytest.param(Limits(fields=0), OK + b"\r\n", OK + b"A: b\r\n\r\n", id="no field"),
    ],
)
def test_a_limit_of_the_head_holds_while_it_is_incomplete(
    limits: Limits, fits: bytes, exceeds: bytes
) -> None:
    for interim in (b"", b"HTTP/1.1 103 E\r\n\r\n"):
        assert fits_in_a_head(interim + fits, limits)
        assert not fits_in_a_head(interim + exceeds, limits)


def test_the_default_limits_are_generous_and_finite() -> None:
    big = OK + b"".join(b"A-%d: %s\r\n" % (i, b"x" * 900) for i in range(256)) + b"B: c"
    assert fits_in_a_head(OK + b"A: " + b"x" * 65_533 + b"\r\n\r\n", DEFAULT_LIMITS)
    assert fits_in_a_head(big, DEFAULT_LIMITS)
    assert not fits_in_a_head(big + b"\r\n", DEFAULT_LIMITS)
    assert not fits_in_a_head(OK + b"A: " + b"x" * 65_534, DEFAULT_LIMITS)


# -- framing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "lines", "kind"),
    [
        pytest.param("HEAD", 200, [b"Content-Length: 5"], NoBody, id="RFC 9112 §6.3 (1) HEAD"),
        pytest.param(
            "HEAD", 200, [b"Transfer-Encoding: chunked", b"Content-Length: x"], NoBody, id="HEAD, anything"
        ),
        pytest.param("GET", 204, [b"Content-Length: 5"], NoBody, id="RFC 9112 §6.3 (1) 204"),
        pytest.param("GET", 204, [b"Transfer-Encoding: chunked"], NoBody, id="RFC 9112 §6.3 (1) 204 chunked"),
        pytest.param("GET", 304, [b"Content-Length: 5"], NoBody, id="RFC 9112 §6.3 (1) 304"),
        pytest.param("GET", 304, [b"Transfer-Encoding: gzip"], NoBody, id="RFC 9112 §6.3 (1) 304 coded"),
        pytest.param("GET", 101, [b"Content-Length: 5"], NoBody, id="RFC 9112 §6.3 (1) 101"),
        pytest.param("CONNECT", 200, [b"Content-Length: 5"], NoBody, id="RFC 9112 §6.3 (2) CONNECT"),
        pytest.param("CONNECT", 299, [b"Transfer-Encoding: chunked"], NoBody, id="RFC 9112 §6.3 (2) chunked"),
        pytest.param(
            "CONNECT", 407, [b"Content-Length: 5"], LengthBody, id="RFC 9112 §6.3 (2) CONNECT refused"
        ),
        pytest.param("GET", 200, [b"Transfer-Encoding: chunked"], ChunkedBody, id="RFC 9112 §6.3 (4)"),
        pytest.param(
            "GET", 200, [b"Transfer-Encoding: \t CHUNKED "], ChunkedBody, id="RFC 9112 §7 case and blanks"
        ),
        pytest.param("GET", 200, [b"Content-Length: 5"], LengthBody, id="RFC 9112 §6.3 (6)"),
        pytest.param("GET", 205, [b"Content-Length: 0"], LengthBody, id="RFC 9110 §15.3.6"),
        pytest.param("GET", 200, [], UntilCloseBody, id="RFC 9112 §6.3 (8)"),
        pytest.param("get", 404, [b"X-Content-Length: 5"], UntilCloseBody, id="another field"),
        pytest.param("head", 200, [b"Content-Length: 5"], LengthBody, id="RFC 9110 §9.1 methods have a case"),
    ],
)
def test_how_a_body_ends(method: str, status: int, lines: list[bytes], kind: type[Body]) -> None:
    assert type(body_of(answer(*lines, status=b"HTTP/1.1 %d" % status), method)) is kind


@pytest.mark.parametrize(
    ("values", "length"),
    [
        pytest.param([b"5"], 5, id="RFC 9110 §8.6"),
        pytest.param([b"0"], 0, id="nothing"),
        pytest.param([b"0005"], 5, id="RFC 9110 §8.6 leading zeros"),
        pytest.param([b"5", b"5"], 5, id="RFC 9110 §8.6 equal repeats"),
        pytest.param([b"5, 5"], 5, id="RFC 9110 §8.6 equal repeats in a list"),
        pytest.param([b"5,5", b"5 ,\t5"], 5, id="RFC 9110 §8.6 both"),
        pytest.param([b"9" * 18], 10**18 - 1, id="the largest"),
    ],
)
def test_content_length_is_one_number(values: list[bytes], length: int) -> None:
    body = body_of(answer(*(b"Content-Length: " + value for value in values)), "GET")
    assert isinstance(body, LengthBody)
    assert (body.length, body.remaining, body.done) == (length, length, length == 0)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([b"5", b"6"], id="RFC 9112 §6.3 (5) conflicting lines"),
        pytest.param([b"5, 6"], id="RFC 9112 §6.3 (5) conflicting list"),
        pytest.param([b"5", b"05"], id="RFC 9112 §6.3 (5) equal numbers, written differently"),
        pytest.param([b"5", b""], id="RFC 9112 §6.3 (5) one is empty"),
        pytest.param([b"5,"], id="RFC 9110 §8.6 an empty element"),
        pytest.param([b","], id="RFC 9110 §8.6 two of them"),
        pytest.param([b""], id="RFC 9110 §8.6 empty"),
        pytest.param([b"+5"], id="RFC 9110 §8.6 plus"),
        pytest.param([b"-5"], id="RFC 9110 §8.6 minus"),
        pytest.param([b"-0"], id="RFC 9110 §8.6 minus zero"),
        pytest.param([b"5.0"], id="RFC 9110 §8.6 fraction"),
        pytest.param([b"5e1"], id="RFC 9110 §8.6 exponent"),
        pytest.param([b"0x5"], id="RFC 9110 §8.6 hexadecimal"),
        pytest.param([b"1_0"], id="RFC 9110 §8.6 underscore"),
        pytest.param([b"1 0"], id="RFC 9110 §8.6 space"),
        pytest.param([b"5;5"], id="RFC 9110 §8.6 parameter"),
        pytest.param([b"\xb2"], id="RFC 9110 §8.6 a digit beyond ASCII"),
        pytest.param([b"1" * 19], id="RFC 9110 §8.6 overflow"),
        pytest.param([b"0" * 19], id="RFC 9110 §8.6 too many zeros"),
        pytest.param([b"1" * 9999], id="RFC 9110 §8.6 more digits than Python reads"),
    ],
)
def test_conflicting_or_malformed_content_length_is_rejected(values: list[bytes]) -> None:
    with pytest.raises(MalformedResponse, match="Content-Length") as info:
        body_of(answer(*(b"Content-Length: " + value for value in values)), "GET")
    assert len(str(info.value)) < 250


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        pytest.param([b"Transfer-Encoding: chunked", b"Content-Length: 5"], 11, id="RFC 9112 §6.3 (3)"),
        pytest.param(
            [b"Content-Length: 5", b"Transfer-Encoding: chunked"], 11, id="RFC 9112 §6.3 (3) other order"
        ),
        pytest.param([b"Transfer-Encoding: chunked"], 10, id="RFC 9112 §6.1 from HTTP/1.0"),
        pytest.param([b"Transfer-Encoding: gzip, chunked"], 11, id="RFC 9112 §7.4 not offered"),
        pytest.param([b"Transfer-Encoding: gzip"], 11, id="RFC 9112 §6.3 (4) no chunked"),
        pytest.param([b"Transfer-Encoding: identity"], 11, id="RFC 9112 §7 identity is gone"),
        pytest.param([b"Transfer-Encoding: chunked, gzip"], 11, id="RFC 9112 §6.1 not the final one"),
        pytest.param([b"Transfer-Encoding: chunked, chunked"], 11, id="RFC 9112 §6.1 twice"),
        pytest.param([b"Transfer-Encoding: chunked"] * 2, 11, id="RFC 9112 §6.1 twice, in two lines"),
        pytest.param(
            [b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"], 11, id="RFC 9112 §6.1 two lines"
        ),
        pytest.param([b"Transfer-Encoding: chunked;a=b"], 11, id="RFC 9112 §7.1 with a parameter"),
        pytest.param([b"Transfer-Encoding: xchunked"], 11, id="RFC 9112 §6.1 unknown"),
        pytest.param(
            [b"Transfer-Encoding: \x0bchunked".replace(b"\x0b", b"\xa0")], 11, id="obs-text is no blank"
        ),
        pytest.param([b"Transfer-Encoding: 'chunked'"], 11, id="RFC 9112 §6.1 quoted"),
        pytest.param([b"Transfer-Encoding:"], 11, id="RFC 9112 §6.1 empty"),
        pytest.param([b"Transfer-Encoding: chunked,"], 11, id="RFC 9112 §6.1 an empty element"),
    ],
)
def test_a_transfer_encoding_other_than_chunked_is_rejected(lines: list[bytes], version: int) -> None:
    head = answer(*lines, status=b"HTTP/1.%d 200 OK" % (version - 10))
    with pytest.raises(MalformedResponse, match="Transfer-Encoding"):
        body_of(head, "GET")


@pytest.mark.parametrize(
    ("minor", "lines", "persistent"),
    [
        pytest.param(1, [], True, id="RFC 9112 §9.3 HTTP/1.1"),
        pytest.param(1, [b"Connection: close"], False, id="RFC 9112 §9.3 close"),
        pytest.param(1, [b"connection: CLOSE"], False, id="RFC 9110 §7.6.1 case"),
        pytest.param(1, [b"Connection: x,close ,y"], False, id="RFC 9110 §7.6.1 list"),
        pytest.param(1, [b"Connection: x", b"Connection: close"], False, id="RFC 9110 §7.6.1 lines"),
        pytest.param(1, [b"Connection: keep-alive, close"], False, id="RFC 9112 §9.3 close wins"),
        pytest.param(1, [b"Connection: keep-alive"], True, id="RFC 9112 §9.3 keep-alive"),
        pytest.param(1, [b"Connection: closed"], True, id="RFC 9110 §7.6.1 another option"),
        pytest.param(1, [b"Connection:"], True, id="RFC 9110 §7.6.1 none"),
        pytest.param(0, [], False, id="RFC 9112 §9.3 HTTP/1.0"),
        pytest.param(0, [b"Connection: Keep-Alive"], True, id="RFC 9112 §9.3 HTTP/1.0 keep-alive"),
        pytest.param(0, [b"Connection: keep-alive\xa0"], False, id="RFC 9110 §7.6.1 obs-text is no blank"),
        pytest.param(0, [b"Connection: keep-alive, close"], False, id="RFC 9112 §9.3 HTTP/1.0 close"),
    ],
)
def test_when_a_connection_persists(minor: int, lines: list[bytes], persistent: bool) -> None:
    assert is_persistent(answer(*lines, status=b"HTTP/1.%d 200 OK" % minor)) is persistent


def test_a_body_that_is_not_there_keeps_what_comes_as_excess() -> None:
    body = NoBody()
    assert (body.done, body.remaining, body.feed(b"a"), body.feed(b"b"), body.excess) == (
        True,
        0,
        b"",
        b"",
        b"ab",
    )
    body.eof()
    assert NoBody().excess == b""


def test_a_body_of_known_length_takes_so_many_bytes() -> None:
    body = LengthBody(5)
    assert (body.feed(b"abc"), body.remaining, body.done) == (b"abc", 2, False)
    assert (body.feed(b"defg"), body.remaining, body.done, body.excess) == (b"de", 0, True, b"fg")
    body.eof()


@pytest.mark.parametrize("came", [0, 1, 4])
def test_a_body_of_known_length_that_ends_early_is_an_error(came: int) -> None:
    """RFC 9112 §8."""
    body = LengthBody(5)
    body.feed(b"x" * came)
    with pytest.raises(ChunkedEncodingError, match=f"{came} of 5 bytes"):
        body.eof()


def test_a_body_until_close_takes_everything() -> None:
    body = UntilCloseBody()
    assert (body.feed(b"HTTP/1.1 200 OK"), body.done, body.excess) == (b"HTTP/1.1 200 OK", False, b"")
    body.eof()
    assert body.done is True


# -- the chunked coding ------------------------------------------------------------------------------------------------


def both_ways(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, ChunkedBody] | str:
    """Content and body, or the error's text, of *data* in the chunked coding; the same whole and byte by byte."""
    results: list[tuple[bytes, ChunkedBody] | str] = []
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        body = ChunkedBody(limits)
        try:
            content = b"".join(map(body.feed, pieces))
        except ChunkedEncodingError as error:
            results.append(str(error))
        else:
            results.append((content, body))
    for text in results:
        assert not isinstance(text, str) or (len(text) < 300 and text.isprintable())
    assert isinstance(results[0], str) == isinstance(results[1], str)
    if not isinstance(results[0], str) and not isinstance(results[1], str):
        assert results[0][0] == results[1][0]
        one, other = results[0][1], results[1][1]
        assert (one.done, one.excess, one.trailers) == (other.done, other.excess, other.trailers)
    return results[0]


@pytest.mark.parametrize(
    ("data", "content", "excess"),
    [
        pytest.param(b"5\r\nhello\r\n0\r\n\r\n", b"hello", b"", id="RFC 9112 §7.1"),
        pytest.param(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!", b"", id="two chunks"),
        pytest.param(b"0\r\n\r\n", b"", b"", id="nothing"),
        pytest.param(b"000\r\n\r\n", b"", b"", id="RFC 9112 §7.1 last-chunk = 1*0"),
        pytest.param(b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", b"", id="upper case"),
        pytest.param(b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789", b"", id="lower case"),
        pytest.param(b"000000000000005\r\nhello\r\n0\r\n\r\n", b"hello", b"", id="leading zeros"),
        pytest.param(b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", b"", id="line ends as content"),
        pytest.param(b"5;a=b\r\nhello\r\n0;c\r\n\r\n", b"hello", b"", id="RFC 9112 §7.1.1"),
        pytest.param(
            b'5 ;\ta="; 9"\r\nhello\r\n0\r\n\r\n', b"hello", b"", id="RFC 9112 §7.1.1 bad white space"
        ),
        pytest.param(b"0\r\n\r\nHTTP/1.1 200", b"", b"HTTP/1.1 200", id="excess"),
        pytest.param(b"1\r\na\r\n0\r\n\r\n\r\n", b"a", b"\r\n", id="a line end too many"),
    ],
)
def test_chunks_are_joined(data: bytes, content: bytes, excess: bytes) -> None:
    result = both_ways(data)
    assert not isinstance(result, str), result
    assert (result[0], result[1].done, result[1].excess) == (content, True, excess)
    result[1].eof()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"0x5", id="0x"),
        pytest.param(b"+5", id="plus"),
        pytest.param(b"-5", id="minus"),
        pytest.param(b" 5", id="space before"),
        pytest.param(b"5 ", id="space after"),
        pytest.param(b"5\t", id="tab after"),
        pytest.param(b"5 5", id="space between"),
        pytest.param(b"1_0", id="underscore"),
        pytest.param(b"5.", id="point"),
        pytest.param(b"5h", id="h"),
        pytest.param(b"g", id="no digit"),
        pytest.param(b"\xb2", id="a digit beyond ASCII"),
        pytest.param(b"0" * 16, id="too long"),
        pytest.param(b"f" * 16, id="overflow"),
        pytest.param(b";a=b", id="§7.1.1 extension only"),
        pytest.param(b"5,a=b", id="§7.1.1 comma"),
        pytest.param(b"5;a\x00", id="§7.1.1 NUL in an extension"),
        pytest.param(b"5;a\x7f", id="§7.1.1 DEL in an extension"),
        pytest.param(b"5;a\rb", id="§2.2 bare CR in an extension"),
        pytest.param(b"5;a\nb", id="§2.2 bare LF in an extension"),
        pytest.param(b"5\r", id="§2.2 two CR"),
    ],
)
def test_a_malformed_chunk_size_is_rejected(line: bytes) -> None:
    """RFC 9112 §7.1."""
    for before in (b"", b"1\r\na\r\n"):
        for after in (b"hello\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n"):
            assert isinstance(both_ways(before + line + b"\r\n" + after), str)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"5\nhello\r\n0\r\n\r\n", id="§2.2 LF after the size"),
        pytest.param(b"5\rhello\r\n0\r\n\r\n", id="§2.2 CR after the size"),
        pytest.param(b"5\r\nhello\n0\r\n\r\n", id="LF after the content"),
        pytest.param(b"5\r\nhello\r0\r\n\r\n", id="CR after the content"),
        pytest.param(b"5\r\nhello0\r\n\r\n", id="nothing after the content"),
        pytest.param(b"5\r\nhello!\r\n0\r\n\r\n", id="content longer than its size"),
        pytest.param(b"5\r\nhell\r\n0\r\n\r\n", id="content shorter than its size"),
        pytest.param(b"5\r\nhello\r\n\r\n0\r\n\r\n", id="an empty line"),
        pytest.param(b"5\r\nhelloxy0\r\n\r\n", id="two other bytes"),
        pytest.param(b"0\n\r\n", id="§2.2 LF after the last size"),
        pytest.param(b"0\r\n\n", id="§2.2 LF at the end"),
        pytest.param(b"0\r\n\rx", id="§2.2 CR at the end"),
        pytest.param(b"0\r\nA: b\n\r\n", id="§2.2 LF after a trailer"),
    ],
)
def test_chunks_end_with_crlf_only(data: bytes) -> None:
    """RFC 9112 §7.1."""
    assert isinstance(both_ways(data), str)


@pytest.mark.parametrize(
    ("section", "trailers"),
    [
        pytest.param(b"", [], id="none"),
        pytest.param(b"A: b\r\n", [("A", "b")], id="one"),
        pytest.param(b"A: b\r\nA:c \r\n", [("A", "b"), ("A", "c")], id="a repeat"),
        pytest.param(b"A: b\r\n c\r\n", [("A", "b c")], id="§5.2 obs-fold"),
        pytest.param(
            b"Content-Length: 7\r\n", [("Content-Length", "7")], id="§6.5.1 framing is decided already"
        ),
    ],
)
def test_trailers_are_kept_apart(section: bytes, trailers: list[tuple[str, str]]) -> None:
    """RFC 9112 §7.1.2."""
    result = both_ways(b"1\r\na\r\n0\r\n" + section + b"\r\nrest")
    assert not isinstance(result, str), result
    assert (result[0], result[1].trailers, result[1].excess) == (b"a", trailers, b"rest")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"A", id="§5 no colon"),
        pytest.param(b"A : b", id="§5.1 space before the colon"),
        pytest.param(b": b", id="§5.1 no name"),
        pytest.param(b" A: b", id="§2.2 white space before the first"),
        pytest.param(b"A: b\x00", id="RFC 9110 §5.5 NUL"),
        pytest.param(b"A: b\rc", id="§2.2 bare CR"),
        pytest.param(b"A: b\r\n\x0bc", id="RFC 9110 §5.5 vertical tab"),
        pytest.param(b"HTTP/1.1 200 OK", id="the next response"),
    ],
)
def test_malformed_trailers_are_rejected(line: bytes) -> None:
    """RFC 9112 §7.1.2."""
    assert isinstance(both_ways(b"0\r\n" + line + b"\r\n\r\n"), str)


WHOLE = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_a_chunked_body_that_ends_early_is_an_error(size: int) -> None:
    """RFC 9112 §8."""
    body = ChunkedBody()
    body.feed(WHOLE[:size])
    with pytest.raises(ChunkedEncodingError, match="ended early"):
        body.eof()


@pytest.mark.parametrize(
    ("limits", "fits", "exceeds"),
    [
        pytest.param(Limits(chunk_line=3), b"005\r", b"0005", id="size"),
        pytest.param(
            Limits(chunk_line=3), b"001\r\na\r\n001\r\n", b"001\r\na\r\n0001\r\n", id="a later size"
        ),
        pytest.param(Limits(chunk_line=6), b"5;abcd\r", b"5;abcde", id="§7.1.1 extension"),
        pytest.param(
            Limits(extensions=9), b"1;" + b"x" * 25 + b"\r\n", b"1;" + b"x" * 26 + b"\r\n", id="§7.1.1 in all"
        ),
        pytest.param(
            Limits(extensions=9),
            (b"1;" + b"x" * 20 + b"\r\na\r\n") * 2,
            (b"1;" + b"x" * 20 + b"\r\na\r\n") * 3,
            id="§7.1.1 one by one",
        ),
        pytest.param(Limits(line=6), b"0\r\nA: bcd\r", b"0\r\nA: bcde", id="§7.1.2 trailer line"),
        pytest.param(
            Limits(head=20),
            b"0\r\n" + b"A: b\r\n" * 3 + b"\r\n",
            b"0\r\n" + b"A: b\r\n" * 3 + b"B: c",
            id="size",
        ),
        pytest.param(
            Limits(head=20), b"0\r\n" + b"A: " + b"b" * 17, b"0\r\n" + b"A: " + b"b" * 18, id="one line"
        ),
        pytest.param(
            Limits(fields=2), b"0\r\n" + b"A: b\r\n c\r\n" * 2, b"0\r\n" + b"A: b\r\n" * 3, id="fields"
        ),
    ],
)
def test_a_limit_of_chunks_and_trailers_holds_while_they_are_incomplete(
    limits: Limits, fits: bytes, exceeds: bytes
) -> None:
    assert not isinstance(both_ways(fits, limits), str)
    assert isinstance(both_ways(exceeds, limits), str)


def test_extensions_in_proportion_to_the_content_are_no_abuse() -> None:
    chunk = b"40;chunk-signature=" + b"f" * 64 + b"\r\n" + b"x" * 64 + b"\r\n"
    result = both_ways(chunk * 50 + b"0\r\n\r\n", Limits(extensions=0))
    assert not isinstance(result, str)
    assert result[0] == b"x" * 3200


# -- what we send ------------------------------------------------------------------------------------------------------


class Method(str, enum.Enum):
    """A method as programs like to write it; in some Pythons its format() is not its value."""

    GET = "GET"


def test_a_request_head_is_a_request_line_and_fields() -> None:
    """RFC 9112 §3, §5."""
    fields = [
        ("Host", "a"),
        ("X", b"\xff\xe2\x82"),
        ("Y", "\xfc"),
        ("Content-Length", 5),
        (b"Z", ""),
        ("T", "a\tb"),
    ]
    assert encode_head("GET", "/?q=%20", fields) == (
        b"GET /?q=%20 HTTP/1.1\r\nHost: a\r\nX: \xff\xe2\x82\r\nY: \xfc\r\nContent-Length: 5\r\nZ: \r\nT: a\tb\r\n\r\n"
    )
    assert encode_head("M-SEARCH", "*", []) == b"M-SEARCH * HTTP/1.1\r\n\r\n"
    assert encode_head(Method.GET, "/", []) == b"GET / HTTP/1.1\r\n\r\n"


ENDS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1b", "\x7f"]


@pytest.mark.parametrize("bad", [*ENDS, " ", "\t", "/", ":", "\xfc", "\u010a", "\u2028", "\ud800"])
def test_a_method_is_one_word(bad: str) -> None:
    """RFC 9110 §9.1."""
    for method in (bad, f"GET{bad}", f"G{bad}T", f"{bad}GET", f"GET / HTTP/1.1{bad}X: y"):
        with pytest.raises(InvalidHeader, match="method"):
            encode_head(method, "/", [])
    with pytest.raises(InvalidHeader):
        encode_head("", "/", [])


@pytest.mark.parametrize("bad", [*ENDS, " ", "\t", "\x85", "\xa0", "\xfc", "\u010a", "\u2028", "\ud800"])
def test_a_target_is_visible_ascii(bad: str) -> None:
    """RFC 9112 §3.2."""
    for target in (bad, f"/{bad}", f"{bad}/", f"/{bad}HTTP/1.1"):
        with pytest.raises(InvalidURL, match="target"):
            encode_head("GET", target, [])
    with pytest.raises(InvalidURL):
        encode_head("GET", "", [])


@pytest.mark.parametrize("bad", [*ENDS, " ", "\t", ":", "(", "\xfc", "\u212a", "\u010a"])
def test_a_field_name_is_a_token(bad: str) -> None:
    """RFC 9110 §5.1."""
    for name in (bad, f"X{bad}", f"{bad}X", f"X{bad}Y", f"X: y{bad}Z"):
        with pytest.raises(InvalidHeader, match="field name"):
            encode_head("GET", "/", [(name, "v")])
        with pytest.raises(InvalidHeader, match="field name"):
            encode_head("GET", "/", [(name.encode("utf-8"), "v")])
    with pytest.raises(InvalidHeader):
        encode_head("GET", "/", [("", "v")])


@pytest.mark.parametrize("bad", ENDS)
def test_nothing_in_a_value_ends_a_line(bad: str) -> None:
    """RFC 9110 §5.5."""
    for value in (bad, f"secret{bad}", f"{bad}v", f"v{bad}X: y", f"v{bad}{bad}", f"v{bad} folded"):
        for spelling in (value, value.encode("latin-1"), bytearray(value, "latin-1")):
            with pytest.raises(InvalidHeader, match="'Authorization'") as info:
                encode_head("GET", "/", [("Host", "a"), ("Authorization", spelling), ("B", "c")])  # type: ignore[list-item]
            assert "secret" not in str(info.value)


@pytest.mark.parametrize("char", ["\u0100", "\u010a", "\u010d", "\u560a", "\u2028", "\U0001f36a", "\ud800"])
def test_text_beyond_iso_8859_1_is_refused_and_not_squeezed(char: str) -> None:
    """RFC 9110 §5.5: among them characters whose low byte is a line end."""
    with pytest.raises(InvalidHeader, match="ISO-8859-1") as info:
        encode_head("GET", "/", [("Host", "a"), ("X-Name", f"v{char}")])
    assert "'X-Name'" in str(info.value)
    assert str(info.value).isascii()


@pytest.mark.parametrize("value", [None, 1.5, ["a"], memoryview(b"a"), object()])
def test_a_value_is_text_bytes_or_a_whole_number(value: object) -> None:
    with pytest.raises(InvalidHeader, match=f"'X' is {type(value).__name__}"):
        encode_head("GET", "/", [("X", value)])  # type: ignore[list-item]


@given(
    st.text(max_size=5),
    st.text(max_size=5),
    st.lists(st.tuples(st.text(max_size=5) | st.just("X"), st.text(max_size=9) | st.binary(max_size=9))),
)
@example("GET", "/", [("X", b"a\r\nY: z")])
def test_a_request_head_has_the_lines_that_it_should_have(
    method: str, target: str, fields: list[tuple[str, str | bytes]]
) -> None:
    try:
        head = encode_head(method, target, fields)
    except (InvalidHeader, InvalidURL):
        return
    first, *lines = head.split(b"\r\n")
    assert first == f"{method} {target} HTTP/1.1".encode("ascii")
    assert lines[-2:] == [b"", b""]
    assert len(lines) == len(fields) + 2
    assert head.count(b"\r") == head.count(b"\n") == len(fields) + 2
    assert [line.partition(b": ")[0].decode() for line in lines[:-2]] == [name for name, _ in fields]


@pytest.mark.parametrize(
    ("data", "before"),
    [
        (b"hello", b"5\r\n"),
        (bytearray(16), b"10\r\n"),
        (memoryview(b"abc"), b"3\r\n"),
        pytest.param(memoryview(array("I", [1, 2])), b"8\r\n", id="a view of wider items"),
        pytest.param(array("H", [1]), b"2\r\n", id="an array of wider items"),
    ],
)
def test_a_chunk_says_its_size_in_bytes(data: bytes, before: bytes) -> None:
    """RFC 9112 §7.1."""
    assert encode_chunk(data) == (before, b"\r\n")


@pytest.mark.parametrize("data", [b"", bytearray(), memoryview(b"")])
def test_an_empty_piece_does_not_end_the_body(data: bytes) -> None:
    """RFC 9112 §7.1: a chunk of size zero is the last one."""
    assert encode_chunk(data) == (b"", b"")


# -- any split, any damage ---------------------------------------------------------------------------------------------

TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMES = st.text(TCHAR, min_size=1, max_size=12) | st.sampled_from(["Set-Cookie", "Connection", "X-A"])
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f") | st.just("\t"),
    max_size=20,
).map(lambda text: text.strip(" \t"))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
STEPS = st.lists(st.integers(1, 40), max_size=60)
BLANKS = st.sampled_from(["", " ", "\t", "  "])


def section(fields: list[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A response with interim responses before it, excess bytes after it, and any kind of body."""
    data = b""
    for status in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2)):
        data += b"HTTP/1.1 %d \r\n%b\r\n" % (status, section(draw(FIELDS)))
    data += b"HTTP/1.%d %d OK\r\n" % (
        draw(st.integers(0, 2)),
        draw(st.sampled_from([200, 101, 204, 304, 404])),
    )
    data += section(draw(FIELDS))
    content = draw(st.binary(max_size=60))
    kind = draw(st.sampled_from(["length", "chunked", "close"]))
    if kind == "length":
        data += b"Content-Length: %d\r\n\r\n" % len(content) + content
    elif kind == "chunked":
        data += b"Transfer-Encoding: chunked\r\n\r\n" + chunked(content, draw(STEPS), draw(FIELDS))
    else:
        data += b"\r\n" + content
    if draw(st.booleans()):
        data = data.replace(b"\r\n", b"\n", draw(st.integers(1, 3)))
    return data + draw(st.binary(max_size=10))


def chunked(content: bytes, steps: list[int], trailers: list[tuple[str, str]]) -> bytes:
    coded = [
        b"".join((encode_chunk(piece)[0], piece, encode_chunk(piece)[1])) for piece in cut(content, steps)
    ]
    return b"".join([*coded, b"0\r\n", section(trailers), b"\r\n"])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message with a few bytes changed, inserted, left out or repeated."""
    data = bytearray(draw(messages()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b":", b"\x00", b"0", b","])
        )
        data[at : at + draw(st.integers(0, 3))] = piece
    return bytes(data)


@given(messages() | damaged(), STEPS, st.sampled_from(METHODS), st.sampled_from(LIMITS))
def test_any_split_gives_the_same_result(data: bytes, steps: list[int], method: str, limits: Limits) -> None:
    """And no other error than ours: `outcome` lets them through."""
    whole = outcome([data], method, limits)
    assert outcome(cut(data, steps), method, limits) == whole
    assert outcome(cut(data, [1] * len(data)), method, limits) == whole


@given(st.binary(max_size=200), STEPS)
def test_any_split_of_anything_gives_the_same_result(data: bytes, steps: list[int]) -> None:
    for start in (b"", b"HTTP/1.1 ", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        assert outcome(cut(start + data, steps)) == outcome([start + data])


@given(FIELDS, BLANKS, BLANKS)
def test_fields_are_read_as_they_were_written(fields: list[tuple[str, str]], before: str, after: str) -> None:
    lines = "".join(f"{name}:{before}{value}{after}\r\n" for name, value in fields).encode("latin-1")
    for data in (OK + lines + b"\r\n", (OK + lines + b"\r\n").replace(b"\r\n", b"\n")):
        assert head_of(data).fields == fields


@given(FIELDS)
def test_what_is_encoded_as_a_head_is_parsed_as_the_same_fields(fields: list[tuple[str, str]]) -> None:
    request = encode_head("GET", "/", fields)
    assert head_of(OK + request.partition(b"\r\n")[2]).fields == fields


@given(st.binary(max_size=200), STEPS, FIELDS, STEPS, st.binary(max_size=5))
def test_what_is_encoded_in_chunks_is_decoded_again(
    content: bytes, chunks: list[int], trailers: list[tuple[str, str]], steps: list[int], excess: bytes
) -> None:
    body = ChunkedBody()
    pieces = cut(chunked(content, chunks, trailers) + excess, steps)
    assert b"".join(map(body.feed, pieces)) == content
    assert (body.done, body.trailers, body.excess) == (True, trailers, excess)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_a_fuzzer_found_once_is_not_found_again(path: Path) -> None:
    check(path.read_bytes())


def test_the_cases_of_the_fuzzer_are_there() -> None:
    assert REGRESSIONS


# -- work in proportion to the input -----------------------------------------------------------------------------------


class Copied(bytes):
    """Bytes that count how many of them are taken out or put together; what they give is counted, too."""

    total = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        taken = super().__getitem__(key)
        if isinstance(key, slice):
            Copied.total += len(taken)
            return Copied(taken)
        return taken

    def __add__(self, other):  # type: ignore[no-untyped-def]
        Copied.total += len(self) + len(other)
        return Copied(bytes(self) + bytes(other))


def work(run: Callable[[], object]) -> int:
    """How much *run* does: calls of functions, Python's and built-in ones, and bytes copied by slicing its input."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    Copied.total = 0
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls + Copied.total


WIDE = Limits(line=10**9, head=10**9, fields=10**9, chunk_line=10**9, extensions=10**9, interim=10**9)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def grown(size: int) -> dict[str, bytes]:
    """Inputs as long as *size* says, each stretching another part of a response."""
    return {
        "many fields": OK + b"A: b\r\n" * size + b"\r\n",
        "many fields ended by LF": OK + b"A: b\n" * size + b"\n",
        "one long field": OK + b"A: " + b"b" * size + b"\r\n\r\n",
        "one field folded often": OK + b"A: b\r\n" + b" c\r\n" * size + b"\r\n",
        "many cookies": OK + b"Set-Cookie: b\r\n" * size + b"\r\n",
        "many lengths": OK + b"Content-Length: 1\r\n" * size + b"\r\nx",
        "many interim responses": b"HTTP/1.1 100 C\r\n\r\n" * size + OK + b"\r\n",
        "many LF-only interim responses": b"HTTP/1.1 100 C\n\n" * size + OK + b"\r\n",
        "many chunks": CHUNKED + b"1\r\na\r\n" * size + b"0\r\n\r\n",
        "many extensions": CHUNKED + b"1;x\r\na\r\n" * size + b"0\r\n\r\n",
        "one long extension": CHUNKED + b"1;" + b"x" * size + b"\r\na\r\n0\r\n\r\n",
        "many trailers": CHUNKED + b"0\r\n" + b"A: b\r\n" * size + b"\r\n",
        "one long trailer": CHUNKED + b"0\r\nA: " + b"b" * size + b"\r\n\r\n",
        "one folded trailer": CHUNKED + b"0\r\nA: b\r\n" + b" c\r\n" * size + b"\r\n",
    }


@pytest.mark.parametrize("step", [1, 7, 10**9])
@pytest.mark.parametrize("name", grown(1))
def test_twice_the_input_is_twice_the_work(name: str, step: int) -> None:
    def done(size: int) -> int:
        data = grown(size)[name]
        pieces = [Copied(data[i : i + step]) for i in range(0, len(data), step)]
        return work(lambda: outcome(pieces, "GET", WIDE))

    done(10)
    assert done(800) < 2.3 * done(400)
