"""Twice the input is twice the work, for whatever reads what a stranger sent. Steps are counted, and no clock is read.

A step is a call of a function, of Python's or built in, and a character or byte that is copied by slicing, joining or
partitioning the input. What a pattern does inside of `re` is not seen here: patterns are written so that no two parts
of one can match the same text, and `test_hostile_text_is_read_in_linear_time` in other files would not end otherwise.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from httpkit import _downloads, _proxies
from httpkit._message import charsets, fields, grammar, lines, multipart, secrets, set_cookie, typed, urls
from httpkit._wire import decoding
from httpkit.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header
from httpkit.models import PreparedRequest
from httpkit.structures import CaseInsensitiveDict


class Copied:
    total = 0


def counting(kind: Any) -> Any:
    """A subclass of str or bytes that counts what is copied out of it; what it gives is counted, too."""

    class Counting(kind):  # type: ignore[misc]
        def __getitem__(self, key: Any) -> Any:
            taken = super().__getitem__(key)
            if not isinstance(key, slice):
                return taken
            Copied.total += len(taken)
            return Counting(taken)

        def __add__(self, other: Any) -> Any:
            Copied.total += len(self) + len(other)
            return Counting(kind(self) + kind(other))

        def __radd__(self, other: Any) -> Any:
            if not isinstance(other, kind):
                return NotImplemented  # a bytearray, which grows
            Copied.total += len(self) + len(other)
            return Counting(kind(other) + kind(self))

        def partition(self, mark: Any) -> Any:
            Copied.total += len(self)
            return tuple(map(Counting, super().partition(mark)))

        def rpartition(self, mark: Any) -> Any:
            Copied.total += len(self)
            return tuple(map(Counting, super().rpartition(mark)))

        def strip(self, *marks: Any) -> Any:
            Copied.total += len(self)
            return Counting(super().strip(*marks))

    return Counting


Text, Bytes = counting(str), counting(bytes)


def work(run: Callable[[], object]) -> int:
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


def request() -> PreparedRequest:
    made = PreparedRequest()
    made.prepare("GET", "https://a.test/b/c")
    return made


def jar_of(size: int) -> Callable[[], object]:
    response = SimpleNamespace(
        headers=CaseInsensitiveDict.from_pairs(
            [("Set-Cookie", f"n{number}=v; Path=/") for number in range(size)]
        )
    )
    asking = request()

    def run() -> object:
        jar = RequestsCookieJar()
        extract_cookies_to_jar(jar, asking, response)
        return get_cookie_header(jar, asking)

    return run


def drained(decoder: Any, data: bytes) -> object:
    decoder.give(Bytes(data))
    while decoder.take(65_536):
        pass
    return decoder


READERS = {
    "parse_list_header": fields.parse_list_header,
    "parse_dict_header": fields.parse_dict_header,
    "parse_header_links": fields.parse_header_links,
    "parse_challenges": fields.parse_challenges,
    "content type": fields._parse_content_type_header,
    "unquote_header_value": fields.unquote_header_value,
    "redact Cookie": lambda value: fields.redact_field("Cookie", value),
    "redact Set-Cookie": lambda value: fields.redact_field("Set-Cookie", value),
    "redact Location": lambda value: fields.redact_field("Location", value),
    "split": lambda value: grammar.split(value, ","),
    "hide_in_url": secrets.hide_in_url,
    "read_set_cookie": lambda value: set_cookie.read_set_cookie(value, 0),
    "cookie_date": set_cookie.cookie_date,
    "typed.content_type": typed.content_type,
    "typed.cache_control": typed.cache_control,
    "typed.via": typed.via,
    "typed.warning": typed.warning,
    "typed.link": typed.link,
    "typed.allow": typed.allow,
    "Content-Disposition": _downloads._of_disposition,
    "safe_name": _downloads.safe_name,
    "URL": lambda value: urls._parse(f"https://a.test/{value}"),
    "host": lambda value: quietly(urls._parse, f"https://{value}/"),
    "reference": lambda value: urls.resolve("https://a.test/b/c", value),
    "redact URL": lambda value: urls.redact(f"https://{value}"),
    "requote_uri": urls.requote_uri,
    "declared charset": charsets.get_encodings_from_content,
    "no_proxy": lambda value: _proxies._read.__wrapped__(value),
}


def quietly(run: Callable[[str], object], value: str) -> None:
    try:
        run(value)
    except ValueError:
        pass


UNITS = [
    *(
        "a,",
        "a=b,",
        'a="b",',
        "a;",
        "a=b;",
        'a="b;',
        ";",
        ",",
        "=",
        '"',
        '\\"',
        "<",
        ">",
        "<a>,",
        '<a>; rel="b", ',
    ),
    *(
        "Basic a=b, ",
        "a b ",
        "(",
        "((a) ",
        "1.1 a (b), ",
        "//",
        "/.",
        "/../",
        "//a@",
        "@",
        ":",
        "%41",
        "%",
        "?a=b",
    ),
    *(
        "&token=a",
        "#",
        ".",
        "-",
        " ",
        "\t",
        "\u20ac",
        "10.0.0.1,",
        "a.b,",
        "<meta charset=",
        '199 a "b",',
        "max-age=1,",
    ),
]


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_reader_takes_twice_the_steps_for_twice_the_text(reader: Callable[[str], object]) -> None:
    for unit in UNITS:
        few, many = (work(partial(reader, Text(unit * size))) for size in (400, 800))
        assert many < 2.3 * few + 200, (unit, few, many)


TASKS: dict[str, Callable[[int], Callable[[], object]]] = {
    # More than a jar takes of one domain: each further one has a fixed price.
    "cookies": lambda size: jar_of(4 * size),
    "repeated fields": lambda size: lambda: CaseInsensitiveDict.from_pairs([("A", "b")] * size).getlist("a"),
    "lines": lambda size: lambda: list(lines.of([Bytes(b"a\nb\r")] * size)),
    "lines in single bytes": lambda size: lambda: list(lines.of([Bytes(b"a")] * size)),
    "lines between delimiters": lambda size: lambda: list(lines.between([Bytes(b"ab--")] * size, b"----")),
    "text in pieces": lambda size: lambda: list(charsets.iter_decoded([Bytes(b"ab\xc3")] * size, None)),
    "text in UTF-7": lambda size: lambda: list(charsets.iter_decoded([Bytes(b"+AGE-")] * size, "utf-7")),
    "parts": lambda size: lambda: multipart.encode([multipart.Part("a", b"b", "c")] * size, "x"),
    "parameters": lambda size: lambda: urls.form_urlencode([("a b", ["c", "d"])] * size),
    "gzip members": lambda size: (
        lambda: drained(decoding.decoder_for(["gzip"]), gzip.compress(b"", mtime=0) * 8 * size)
    ),
    "flushed gzip": lambda size: lambda: drained(decoding.decoder_for(["gzip"]), flushed(8 * size)),
}


def flushed(size: int) -> bytes:
    import zlib

    made = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join(made.compress(b"a") + made.flush(zlib.Z_SYNC_FLUSH) for _ in range(size)) + made.flush()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_task_takes_twice_the_steps_for_twice_the_input(
    task: Callable[[int], Callable[[], object]],
) -> None:
    few, many = work(task(400)), work(task(800))
    assert many < 2.3 * few + 200, (few, many)


def test_what_takes_four_times_the_steps_is_found() -> None:
    """Guards the guard."""

    def slow(text: str) -> None:
        while text:
            text = text[1:]

    few, many = (work(partial(slow, Text("a" * size))) for size in (400, 800))
    assert many > 3 * few
