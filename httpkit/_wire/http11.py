"""The HTTP/1.1 message format (RFC 9112): bytes in, values out.

Sans-io: nothing here knows a socket, a clock or urllib3, so a blocking and an asynchronous transport share it and fuzzing it
needs no server. Strict: what the RFC calls a reason to reject is rejected, since a message that two parties read differently
is how one call's answer becomes another's. However the input is split, the result is the same. Every bound is in `Limits`.

Faults of the peer are raised as `MalformedResponse` while a head is read and as `ChunkedEncodingError` in a body; both name
the fault and show a short, printable piece of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Union

from ..exceptions import ChunkedEncodingError, InvalidHeader, InvalidURL, MalformedResponse

__all__ = [
    "DEFAULT_LIMITS",
    "Body",
    "ChunkedBody",
    "Head",
    "HeadReader",
    "LengthBody",
    "Limits",
    "NoBody",
    "UntilCloseBody",
    "body_of",
    "encode_chunk",
    "encode_head",
    "is_persistent",
    "parse_head",
]


@dataclass(frozen=True)
class Limits:
    """How much a peer may send before the message is rejected. Sizes are in bytes."""

    #: One status line, field line or trailer line.
    line: int = 65_536
    #: A whole head, and a whole trailer section.
    head: int = 262_144
    #: Fields in a head, and in a trailer section.
    fields: int = 256
    #: The line that begins a chunk: its size and extensions.
    chunk_line: int = 4_096
    #: Interim (1xx) responses before the final one.
    interim: int = 32


DEFAULT_LIMITS = Limits()

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (" + _TEXT + rb"))?")
#: A head as it should be; anything else is looked at line by line.
_HEAD = re.compile(_STATUS_LINE.pattern + rb"\r\n((?:" + _TOKEN + rb":" + _TEXT + rb"\r\n)*)\r\n")
_FIELD_LINE = re.compile(rb"(" + _TOKEN + rb"):(" + _TEXT + rb")")
_HEAD_END = re.compile(rb"\n\r?\n")
_NAME = re.compile(_TOKEN.decode())
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;" + _TEXT + rb")?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_TARGET = re.compile(r"[\x21-\x7e]+")
_BAD_IN_HEAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _shown(piece: bytes | bytearray | str) -> str:
    """A short printable form of *piece* for a message."""
    raw = piece.encode("utf-8", "backslashreplace") if isinstance(piece, str) else bytes(piece[:41])
    return repr(raw[:40])[1:] + ("..." if len(raw) > 40 else "")


# -- what we send ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _field_prefix(name: str) -> str:
    """`Name: `, the name checked to be a token (RFC 9110 §5.1)."""
    if not _NAME.fullmatch(name):
        raise InvalidHeader(
            f"Invalid field name {_shown(name)}: only letters, digits and !#$%&'*+-.^_`|~ are allowed"
        )
    return name + ": "


def encode_head(method: str, target: str, fields: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Request line and fields, ending with the empty line (RFC 9112 §3, §5).

    This is the last place where something could end a line, so everything is checked here, whoever checked before. Raises
    InvalidHeader for a method, name or value that cannot be sent, InvalidURL for a target with anything but visible ASCII.
    """
    if not _NAME.fullmatch(method):
        raise InvalidHeader(f"Invalid method {_shown(method)}: a method is one word (RFC 9110 §9.1)")
    if not _TARGET.fullmatch(target):
        raise InvalidURL(
            f"Invalid request target {_shown(target)}: blanks, controls and non-ASCII must be percent-encoded"
        )
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in fields:
        lines.append(_field_prefix(name) + (value if isinstance(value, str) else _text_of(name, value)))
    lines.append("\r\n")
    head = "\r\n".join(lines)
    ends = len(lines)
    if head.count("\n") != ends or head.count("\r") != ends or _BAD_IN_HEAD.search(head):
        _reject_value(lines[1:-1])
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError as error:
        raise InvalidHeader(
            f"a field has the character {head[error.start]!r}, which ISO-8859-1 cannot hold; encode the value to bytes yourself"
        ) from error


def _text_of(name: str, value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, int):
        return str(value)
    raise InvalidHeader(f"the value of the field {name!r} is {type(value).__name__}; give str or bytes")


def _reject_value(lines: list[str]) -> None:
    for line in lines:
        name, _, value = line.partition(": ")
        if "\r" in value or "\n" in value or _BAD_IN_HEAD.search(value):
            raise InvalidHeader(
                f"the value of the field {name!r} has a line end or a control character in it"
            )


def encode_chunk(data: bytes | bytearray | memoryview) -> tuple[bytes, bytes]:
    """What goes before and after *data*, which must not be empty, in the chunked coding (RFC 9112 §7.1)."""
    return b"%x\r\n" % len(data), b"\r\n"


# -- heads -------------------------------------------------------------------------------------------------------------


class Head:
    """The head of a response: `version` (10 or 11), `status`, `reason` and `fields` as they came, repeats included."""

    __slots__ = ("fields", "reason", "status", "version")

    def __init__(self, version: int, status: int, reason: str, fields: list[tuple[str, str]]) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields

    def values(self, name: str) -> list[str]:
        """The values of the field *name* (in lower case), one for each line."""
        return [value for given, value in self.fields if given.lower() == name]

    def __repr__(self) -> str:
        return f"<Head {self.status} with {len(self.fields)} fields>"


def parse_head(block: bytes | bytearray, limits: Limits = DEFAULT_LIMITS) -> Head:
    """The head in *block*, which ends with the empty line. Raises MalformedResponse."""
    match = _HEAD.fullmatch(block)
    if match is None or len(block) > limits.line:
        return _parse_lines(block, limits)
    minor, status, reason, section = match.groups()
    lines = section.decode("latin-1").split("\r\n")
    if len(lines) - 1 > limits.fields:
        raise MalformedResponse(
            f"the response has {len(lines) - 1} fields; at most {limits.fields} are accepted"
        )
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name, value.strip(" \t")))
    return Head(10 if minor == b"0" else 11, int(status), (reason or b"").decode("latin-1"), fields)


def _parse_lines(block: bytes | bytearray, limits: Limits) -> Head:
    """The same, one line at a time: accepts a bare LF as a line end (RFC 9112 §2.2) and says what is wrong."""
    first, *lines = _split_lines(bytes(block), limits)
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise MalformedResponse(f"malformed status line {_shown(first)} (RFC 9112 §4)")
    minor, status, reason = match.groups()
    fields = _parse_fields(lines, limits)
    return Head(10 if minor == b"0" else 11, int(status), (reason or b"").decode("latin-1"), fields)


def _split_lines(block: bytes, limits: Limits) -> list[bytes]:
    """The lines of a head or trailer section without their ends and without the empty one that closes it."""
    lines = [line[:-1] if line.endswith(b"\r") else line for line in block.split(b"\n")]
    del lines[-2:]
    for line in lines:
        if len(line) > limits.line:
            raise MalformedResponse(f"a line of the head is longer than {limits.line} bytes: {_shown(line)}")
        if b"\r" in line:
            raise MalformedResponse(f"a CR without LF inside the line {_shown(line)} (RFC 9112 §2.2)")
    return lines


def _parse_fields(lines: list[bytes], limits: Limits) -> list[tuple[str, str]]:
    """Names and values (RFC 9112 §5). A folded line (§5.2) continues the value before it with one space."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise MalformedResponse(f"white space before the first field: {_shown(line)} (RFC 9112 §2.2)")
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {_checked_text(line)}".strip(" \t"))
            continue
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise MalformedResponse(_field_fault(line))
        if len(fields) == limits.fields:
            raise MalformedResponse(f"the response has more than {limits.fields} fields")
        fields.append((match[1].decode("ascii"), match[2].decode("latin-1").strip(" \t")))
    return fields


def _checked_text(line: bytes) -> str:
    if not re.fullmatch(_TEXT, line):
        raise MalformedResponse(f"a control character in the folded line {_shown(line)} (RFC 9110 §5.5)")
    return line.decode("latin-1").strip(" \t")


def _field_fault(line: bytes) -> str:
    name, colon, _ = line.partition(b":")
    if not colon:
        return f"a field line without a colon: {_shown(line)} (RFC 9112 §5)"
    if name != name.rstrip(b" \t"):
        return f"white space between the field name and the colon: {_shown(line)} (RFC 9112 §5.1)"
    if not re.fullmatch(_TOKEN, name):
        return f"malformed field name in {_shown(line)} (RFC 9110 §5.1)"
    return f"a control character in the value of the field {_shown(name)} (RFC 9110 §5.5)"


class HeadReader:
    """Collects bytes until the head of the final response is there.

    Interim responses (RFC 9110 §15.2) are passed to *on_interim* and skipped, however they are spread over the input; 101 is
    final, because what follows it is no HTTP.
    """

    __slots__ = ("_buffer", "_interim", "_limits", "_on_interim", "_searched")

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, on_interim: Callable[[Head], None] | None = None
    ) -> None:
        self._buffer: bytes | bytearray = b""
        self._searched = 0
        self._interim = 0
        self._limits = limits
        self._on_interim = on_interim

    @property
    def is_untouched(self) -> bool:
        """True as long as not one byte of a response has arrived."""
        return not self._buffer and not self._interim

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """The final head and the bytes after it, or None when more input is needed. Raises MalformedResponse."""
        if not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        while True:
            end = _HEAD_END.search(self._buffer, max(0, self._searched - 2))
            if end is None:
                self._searched = len(self._buffer)
                self._check_unfinished()
                return None
            stop = end.end()
            if stop > self._limits.head:
                raise MalformedResponse(f"the head of the response is larger than {self._limits.head} bytes")
            head = parse_head(self._buffer[:stop], self._limits)
            rest = bytes(self._buffer[stop:])
            if head.status >= 200 or head.status == 101:
                return head, rest
            self._skip(head)
            self._buffer, self._searched = rest, 0

    def _skip(self, head: Head) -> None:
        self._interim += 1
        if self._interim > self._limits.interim:
            raise MalformedResponse(
                f"more than {self._limits.interim} interim responses before the final one"
            )
        if self._on_interim is not None:
            self._on_interim(head)

    def _check_unfinished(self) -> None:
        """Reject early what can no longer become a head, rather than wait for more of it."""
        size = len(self._buffer)
        if size > self._limits.head:
            raise MalformedResponse(f"the head of the response is larger than {self._limits.head} bytes")
        if size > self._limits.line and size - self._buffer.rfind(b"\n") - 1 > self._limits.line:
            raise MalformedResponse(f"a line of the head is longer than {self._limits.line} bytes")
        if not b"HTTP/1.".startswith(bytes(self._buffer[:7])):
            raise MalformedResponse(f"malformed status line {_shown(self._buffer)} (RFC 9112 §4)")

    def at_eof(self) -> MalformedResponse:
        """The error for a connection that ended inside the head."""
        return MalformedResponse(
            f"the connection ended inside the head of the response, after {_shown(self._buffer)}"
        )


# -- framing and bodies ------------------------------------------------------------------------------------------------


def is_persistent(head: Head) -> bool:
    """True when the connection may carry another request after this response (RFC 9112 §9.3)."""
    options = {option.strip().lower() for value in head.values("connection") for option in value.split(",")}
    if "close" in options:
        return False
    return head.version >= 11 or "keep-alive" in options


class NoBody:
    """A response without a body, whatever its fields say."""

    done = True
    excess = b""
    remaining = 0

    def feed(self, data: bytes) -> bytes:
        """Nothing of *data* belongs to the body."""
        self.excess += data
        return b""

    def eof(self) -> None:
        """The end of the connection is no fault here."""


class LengthBody:
    """A body of as many bytes as Content-Length says (RFC 9112 §6.2)."""

    __slots__ = ("done", "excess", "length", "remaining")

    def __init__(self, length: int) -> None:
        self.length = self.remaining = length
        self.done = length == 0
        self.excess = b""

    def feed(self, data: bytes) -> bytes:
        """The part of *data* that belongs to the body; the rest is `excess`."""
        size = len(data)
        if size > self.remaining:
            self.excess += data[self.remaining :]
            data = data[: self.remaining]
            size = self.remaining
        self.remaining -= size
        self.done = not self.remaining
        return data

    def eof(self) -> None:
        """Raises ChunkedEncodingError when bytes are missing (RFC 9112 §8)."""
        if not self.done:
            came = self.length - self.remaining
            raise ChunkedEncodingError(
                f"the body ended early: {came} of {self.length} bytes arrived, {self.remaining} are missing (RFC 9112 §8)"
            )


class UntilCloseBody:
    """A body that lasts until the server closes the connection (RFC 9112 §6.3, rule 8)."""

    __slots__ = ("done",)
    excess = b""

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        return data

    def eof(self) -> None:
        """The end of the connection is the end of the body."""
        self.done = True


class ChunkedBody:
    """A body in the chunked coding (RFC 9112 §7.1); `trailers` holds the fields after it (§7.1.2)."""

    __slots__ = (
        "_limits",
        "_line",
        "_state",
        "_trailer_lines",
        "_trailers_size",
        "done",
        "excess",
        "remaining",
        "trailers",
    )

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._line = b""
        self._trailer_lines: list[bytes] = []
        self._trailers_size = 0
        self._state: Callable[[bytes, int, list[bytes]], int] = self._read_size
        self.remaining = 0
        self.done = False
        self.excess = b""
        self.trailers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> bytes:
        """The content in *data*, without its coding. Raises ChunkedEncodingError."""
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.done:
            position = self._state(data, position, pieces)
        if self.done and position < size:
            self.excess += data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_size(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        line, position = self._complete_line(data, position, "chunk size", self._limits.chunk_line)
        if line is None:
            return position
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise ChunkedEncodingError(f"malformed chunk size {_shown(line)} (RFC 9112 §7.1)")
        self.remaining = int(match[1], 16)
        self._state = self._read_content if self.remaining else self._read_trailers
        return position

    def _read_content(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        piece = data[position : position + self.remaining]
        pieces.append(piece)
        self.remaining -= len(piece)
        if not self.remaining:
            self._state = self._read_end
        return position + len(piece)

    def _read_end(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        stop = position + 2 - len(self._line)
        self._line += data[position:stop]
        if not b"\r\n".startswith(self._line):
            raise ChunkedEncodingError(
                f"a chunk is followed by {_shown(self._line)} instead of CRLF (RFC 9112 §7.1)"
            )
        if len(self._line) == 2:
            self._line = b""
            self._state = self._read_size
        return stop

    def _read_trailers(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        line, position = self._complete_line(data, position, "trailer", self._limits.line)
        if line is None:
            return position
        if line:
            self._trailers_size += len(line)
            if self._trailers_size > self._limits.head:
                raise ChunkedEncodingError(f"the trailers are larger than {self._limits.head} bytes")
            self._trailer_lines.append(line)
            return position
        try:
            self.trailers = _parse_fields(self._trailer_lines, self._limits)
        except MalformedResponse as error:
            raise ChunkedEncodingError(f"in the trailers: {error}") from error
        self.done = True
        return position

    def _complete_line(self, data: bytes, position: int, what: str, limit: int) -> tuple[bytes | None, int]:
        """The line up to CRLF and the position after it, or None while it is incomplete. A bare CR or LF ends nothing."""
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end + 1
        line = self._line + data[position:stop] if self._line else data[position:stop]
        if len(line) > limit + 2:
            raise ChunkedEncodingError(f"a {what} line is longer than {limit} bytes")
        complete = end >= 0
        cr = line.find(b"\r")
        if 0 <= cr < len(line) - 1 - complete:
            raise ChunkedEncodingError(f"a CR without LF in the {what} line {_shown(line)} (RFC 9112 §2.2)")
        if complete and cr < 0:
            raise ChunkedEncodingError(
                f"an LF without CR ends the {what} line {_shown(line)} (RFC 9112 §2.2)"
            )
        self._line = b"" if complete else line
        return (line[:-2] if complete else None), stop

    def eof(self) -> None:
        """Raises ChunkedEncodingError unless the last chunk and the trailers have arrived (RFC 9112 §8)."""
        if not self.done:
            raise ChunkedEncodingError("the body ended early: the last chunk has not arrived (RFC 9112 §8)")


Body = Union[NoBody, LengthBody, UntilCloseBody, ChunkedBody]


def body_of(head: Head, method: str, limits: Limits = DEFAULT_LIMITS) -> Body:
    """How the body after *head*, in answer to *method*, ends: the rules of RFC 9112 §6.3 in their order.

    Raises MalformedResponse where the fields contradict each other or cannot be read.
    """
    status = head.status
    if method == "HEAD" or status < 200 or status in (204, 304):
        return NoBody()
    if method == "CONNECT" and status < 300:
        return NoBody()
    codings = lengths = None
    for name, value in head.fields:
        size = len(name)
        if size == 14 and name.lower() == "content-length":
            lengths = [value] if lengths is None else [*lengths, value]
        elif size == 17 and name.lower() == "transfer-encoding":
            codings = [value] if codings is None else [*codings, value]
    if codings is not None:
        _check_codings(codings, head.version, lengths)
        return ChunkedBody(limits)
    return UntilCloseBody() if lengths is None else LengthBody(_length(lengths))


def _check_codings(values: list[str], version: int, lengths: list[str] | None) -> None:
    """Only `chunked`, once, from an HTTP/1.1 server and without a Content-Length (RFC 9112 §6.1)."""
    written = ", ".join(values)
    if version < 11:
        raise MalformedResponse("Transfer-Encoding in an HTTP/1.0 response (RFC 9112 §6.1)")
    if lengths is not None:
        raise MalformedResponse("both Transfer-Encoding and Content-Length in one response (RFC 9112 §6.3)")
    codings = [coding.strip(" \t").lower() for coding in written.split(",")]
    if codings != ["chunked"]:
        fault = (
            "chunked is not the final coding"
            if "chunked" in codings[:-1]
            else "a coding that was not offered"
        )
        raise MalformedResponse(f"Transfer-Encoding {_shown(written)}: {fault} (RFC 9112 §6.1)")


def _length(values: list[str]) -> int:
    """The one number that Content-Length says, also when it is repeated (RFC 9110 §8.6)."""
    numbers = {number.strip(" \t") for value in values for number in value.split(",")}
    if len(numbers) > 1:
        raise MalformedResponse(
            f"conflicting Content-Length values {_shown(', '.join(values))} (RFC 9112 §6.3)"
        )
    number = numbers.pop()
    if not _LENGTH.fullmatch(number):
        raise MalformedResponse(f"malformed Content-Length {_shown(number)} (RFC 9110 §8.6)")
    return int(number)
