"""The HTTP/1.1 message format (RFC 9112): bytes in, values out. What we send is here, what we read in the rooms below.

Sans-io: nothing here knows a socket, a clock or urllib3, so a blocking and an asynchronous transport share it and
fuzzing it needs no server. Strict: what the RFC calls a reason to reject is rejected, since a message that two parties
read differently is how one call's answer becomes another's. However the input is split, the result is the same, and
the work is in proportion to the input. Every bound is in `Limits`.

Faults of the peer are raised as `MalformedResponse` while a head is read and as `ChunkedEncodingError` in a body; both
name the fault and show a short, printable piece of it. After an error the reader or body is of no further use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ..exceptions import InvalidHeader, InvalidURL
from .framing import Body, ChunkedBody, LengthBody, NoBody, UntilCloseBody, body_of, is_persistent
from .heads import (
    DEFAULT_LIMITS,
    NOT_TEXT,
    TEXT_BYTES,
    TOKEN,
    Head,
    HeadReader,
    KnownLines,
    Limits,
    head_at_once,
    parse_head,
    shown,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Body",
    "ChunkedBody",
    "Head",
    "HeadReader",
    "KnownLines",
    "LengthBody",
    "Limits",
    "NoBody",
    "UntilCloseBody",
    "body_of",
    "encode_chunk",
    "encode_fields",
    "encode_head",
    "head_at_once",
    "is_persistent",
    "parse_head",
    "request_line",
]

_USUAL_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_TARGET = re.compile(r"[\x21-\x7e]+")


@lru_cache(maxsize=512)
def _field_prefix(name: str | bytes) -> str:
    """`Name: `, the name checked to be a token (RFC 9110 §5.1)."""
    text = name if isinstance(name, str) else name.decode("latin-1")
    if not TOKEN.fullmatch(text):
        raise InvalidHeader(
            f"Invalid field name {shown(text)}: only letters, digits and !#$%&'*+-.^_`|~ are allowed"
        )
    return text + ": "


def encode_head(method: str, target: str, fields: Iterable[tuple[str | bytes, str | bytes | int]]) -> bytes:
    """Request line and fields, ending with the empty line (RFC 9112 §3, §5).

    This is the last place where something could end a line, so everything is checked here, whoever checked before.
    Text is sent as ISO-8859-1 and whole numbers as digits. Raises InvalidHeader for a method, name or value that
    cannot be sent, InvalidURL for a target with anything but visible ASCII.
    """
    return request_line(method, target) + encode_fields(fields)


def request_line(method: str, target: str) -> bytes:
    """The first line without its end, which the fields begin with (RFC 9112 §3). Errors as `encode_head`."""
    if method not in _USUAL_METHODS and not TOKEN.fullmatch(method):
        raise InvalidHeader(f"Invalid method {shown(method)}: a method is one word (RFC 9110 §9.1)")
    if not _TARGET.fullmatch(target):
        raise InvalidURL(
            f"Invalid request target {shown(target)}: blanks, controls and non-ASCII must be percent-encoded"
        )
    # Not an f-string: that would ask an enumeration for its name, not for the text that was checked.
    return (method + " " + target + " HTTP/1.1").encode("ascii")


def encode_fields(fields: Iterable[tuple[str | bytes, str | bytes | int]]) -> bytes:
    """Field lines, each with the line end before it, and the empty line (RFC 9112 §5). Errors as `encode_head`."""
    lines = [""]
    for name, value in fields:
        lines.append(_field_prefix(name) + (value if isinstance(value, str) else _text_of(name, value)))
    lines.append("\r\n")
    try:
        head = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise _value_fault(lines) from error
    if len(head.translate(None, TEXT_BYTES)) != 2 * len(lines):
        raise _value_fault(lines)
    return head


def _text_of(name: str | bytes, value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, int):
        return int.__repr__(value)
    raise InvalidHeader(f"the value of the field {shown(name)} is {type(value).__name__}; give str or bytes")


def _value_fault(lines: list[str]) -> InvalidHeader:
    """What to raise for the field among *lines*, those of a whole request head, whose value cannot be sent."""
    for line in lines[1:-1]:
        name, _, value = line.partition(": ")
        found = NOT_TEXT.search(value)
        if found is None:
            continue
        if found[0] > "\xff":
            return InvalidHeader(
                f"the value of the field {shown(name)} has the character {found[0]!a}, which ISO-8859-1 cannot"
                " hold; encode the value to bytes yourself"
            )
        return InvalidHeader(
            f"the value of the field {shown(name)} has the line end or control character {found[0]!a}"
        )
    return InvalidHeader("the request head has a line end inside a line")


def encode_chunk(data: bytes | bytearray | memoryview) -> tuple[bytes, bytes]:
    """What goes before and after *data* in the chunked coding (RFC 9112 §7.1): nothing when it is empty.

    An empty chunk would be the last one, and what follows it would be read as another request.
    """
    size = len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes
    return (b"%x\r\n" % size, b"\r\n") if size else (b"", b"")
