"""How a response body ends (RFC 9112 §6.3), and bodies that find their end in the bytes that come (§6.2, §7.1, §8).

The one place that decides it. Contradictions between the fields are raised as `MalformedResponse`, faults in a body as
`ChunkedEncodingError`, an early end among them. Content codings are none of its business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Union

from ..exceptions import ChunkedEncodingError, MalformedResponse
from .heads import DEFAULT_LIMITS, NOT_TEXT, Head, Limits, parse_fields, shown

__all__ = ["Body", "ChunkedBody", "LengthBody", "NoBody", "UntilCloseBody", "body_of", "is_persistent"]

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
#: The end of one chunk and the beginning of the next, as nearly all of them are.
_NEXT_CHUNK = re.compile(rb"\r\n([0-9A-Fa-f]{1,15})\r\n")


def is_persistent(head: Head) -> bool:
    """True when the connection may carry another request after this response (RFC 9112 §9.3)."""
    known = None if head.by_name is None else head.by_name.get("connection")
    if known is not None and known[1] == "keep-alive":
        return True
    values = head.values("connection")
    if not values:
        return head.version >= 11
    options = [option.strip(" \t") for option in ",".join(values).lower().split(",")]
    return "close" not in options and (head.version >= 11 or "keep-alive" in options)


class NoBody:
    """A response without a body, whatever its fields say."""

    __slots__ = ("excess",)
    done = True
    remaining = 0

    def __init__(self) -> None:
        self.excess = b""

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
                f"the body ended early: {came} of {self.length} bytes arrived, {self.remaining} are missing"
                " (RFC 9112 §8)"
            )


class UntilCloseBody:
    """A body that lasts until the server closes the connection (RFC 9112 §6.3, rule 8)."""

    __slots__ = ("done",)
    excess = b""
    remaining = 0

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        return data

    def eof(self) -> None:
        """The end of the connection is the end of the body."""
        self.done = True


class ChunkedBody:
    """A body in the chunked coding (RFC 9112 §7.1); `trailers` holds the fields after it (§7.1.2).

    `remaining` is what is missing of the chunk that has begun. The trailers never mix with the fields of the head.
    """

    __slots__ = (
        "_extensions",
        "_held",
        "_limits",
        "_state",
        "_trailer_fields",
        "_trailer_lines",
        "_trailer_size",
        "done",
        "excess",
        "remaining",
        "trailers",
    )

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._held = bytearray()  # the beginning of a line, or of the CRLF after a chunk
        self._extensions = 0
        self._trailer_lines: list[str] = []
        self._trailer_fields = self._trailer_size = 0
        # A plain function: a bound method would tie every body into a cycle.
        self._state: Callable[[ChunkedBody, bytes, int, list[bytes]], int] = ChunkedBody._read_size
        self.remaining = 0
        self.done = False
        self.excess = b""
        self.trailers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> bytes:
        """The content in *data*, without its coding. Raises ChunkedEncodingError."""
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.done:
            position = self._state(self, data, position, pieces)
        if position < size:
            self.excess += data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_size(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        line, position = self._complete_line(data, position, "chunk size", self._limits.chunk_line)
        if line is None:
            return position
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise ChunkedEncodingError(f"malformed chunk size {shown(line)} (RFC 9112 §7.1)")
        self._begin_chunk(match[1])
        if len(match[1]) < len(line):
            # One byte of content and kilobytes of extensions, for ever, would pass every limit on the content.
            self._extensions += max(0, len(line) - 16 - 2 * self.remaining)
            if self._extensions > self._limits.extensions:
                raise ChunkedEncodingError(
                    f"more than {self._limits.extensions} bytes of chunk extensions (RFC 9112 §7.1.1)"
                )
        return position

    def _begin_chunk(self, digits: bytes) -> None:
        self.remaining = int(digits, 16)
        self._state = ChunkedBody._read_content if self.remaining else ChunkedBody._read_trailers

    def _read_content(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        size, most = len(data), self._limits.chunk_line
        while self._state is ChunkedBody._read_content:
            stop = position + self.remaining
            if stop > size:
                pieces.append(data[position:])
                self.remaining = stop - size
                return size
            pieces.append(data[position:stop])
            match = _NEXT_CHUNK.match(data, stop)
            if match is None or len(match[1]) > most:
                self.remaining = 0
                self._state = ChunkedBody._read_end
                return stop
            self._begin_chunk(match[1])
            position = match.end()
        return position

    def _read_end(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        held = self._held
        stop = position + 2 - len(held)
        held += data[position:stop]
        if not b"\r\n".startswith(bytes(held)):
            raise ChunkedEncodingError(
                f"a chunk is followed by {shown(held)} instead of CRLF (RFC 9112 §7.1)"
            )
        if len(held) == 2:
            held.clear()
            self._state = ChunkedBody._read_size
        return stop

    def _read_trailers(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        line, position = self._complete_line(data, position, "trailer", self._limits.line)
        size = self._trailer_size + (len(self._held) if line is None else len(line) + 2)
        if size > self._limits.head:
            raise ChunkedEncodingError(f"the trailers are larger than {self._limits.head} bytes")
        if line is None:
            return position
        self._trailer_size = size
        if line:
            self._keep_trailer(line.decode("latin-1"))
            return position
        try:
            self.trailers, _ = parse_fields(self._trailer_lines, self._limits)
        except MalformedResponse as error:
            raise ChunkedEncodingError(f"in the trailers: {error}") from error
        self._trailer_lines.clear()
        self.done = True
        return position

    def _keep_trailer(self, line: str) -> None:
        if NOT_TEXT.search(line):
            raise ChunkedEncodingError(f"a control character in the trailer {shown(line)} (RFC 9110 §5.5)")
        self._trailer_fields += line[0] not in " \t"
        if self._trailer_fields > self._limits.fields:
            raise ChunkedEncodingError(f"more than {self._limits.fields} trailer fields")
        self._trailer_lines.append(line)

    def _complete_line(self, data: bytes, position: int, what: str, limit: int) -> tuple[bytes | None, int]:
        """The line up to CRLF, or None while it is incomplete, and the position after it. No bare CR or LF ends it."""
        held = self._held
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end + 1
        piece = data[position:stop]
        cr = piece.find(b"\r")
        if 0 <= cr < len(piece) - (1 if end < 0 else 2) or (held.endswith(b"\r") and piece != b"\n"):
            raise ChunkedEncodingError(
                f"a CR without LF in the {what} line {shown(held + piece)} (RFC 9112 §2.2)"
            )
        if end >= 0 > cr and not held.endswith(b"\r"):
            raise ChunkedEncodingError(
                f"an LF without CR ends the {what} line {shown(held + piece)} (RFC 9112 §2.2)"
            )
        if len(held) + len(piece) - (2 if end >= 0 else cr >= 0) > limit:
            raise ChunkedEncodingError(f"a {what} line is longer than {limit} bytes: {shown(held + piece)}")
        if end < 0:
            held += piece
            return None, stop
        line = bytes(held + piece)[:-2] if held else piece[:-2]
        held.clear()
        return line, stop

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
    if method == "HEAD" or status < 200 or status in (204, 304) or (method == "CONNECT" and status < 300):
        return NoBody()
    by_name = head.by_name
    if by_name is not None and "content-length" in by_name and "transfer-encoding" not in by_name:
        number = by_name["content-length"][1]
        usual = len(number) < 16 and number.isascii() and number.isdigit()
        return LengthBody(int(number) if usual else _length((number,)))
    codings, lengths = head.values("transfer-encoding"), head.values("content-length")
    if codings:
        _check_codings(head.version, codings, lengths)
        return ChunkedBody(limits)
    return LengthBody(_length(lengths)) if lengths else UntilCloseBody()


def _check_codings(version: int, values: tuple[str, ...], lengths: tuple[str, ...]) -> None:
    """Only `chunked`, once, from an HTTP/1.1 server and without a Content-Length (RFC 9112 §6.1)."""
    if version < 11:
        raise MalformedResponse("Transfer-Encoding in an HTTP/1.0 response (RFC 9112 §6.1)")
    if lengths:
        raise MalformedResponse("both Transfer-Encoding and Content-Length in one response (RFC 9112 §6.3)")
    written = ", ".join(values)
    codings = [coding.strip(" \t").lower() for coding in written.split(",")]
    if codings != ["chunked"]:
        fault = (
            "chunked is not the final coding, or there twice"
            if "chunked" in codings[:-1]
            else "a coding that was not offered"
        )
        raise MalformedResponse(f"Transfer-Encoding {shown(written)}: {fault} (RFC 9112 §6.1)")


def _length(values: tuple[str, ...]) -> int:
    """The one number that Content-Length says, also when it is repeated (RFC 9110 §8.6)."""
    number = values[0]
    if len(values) > 1 or "," in number:
        numbers = {number.strip(" \t") for value in values for number in value.split(",")}
        number = numbers.pop()
        if numbers:
            raise MalformedResponse(
                f"conflicting Content-Length values {shown(', '.join(values))} (RFC 9112 §6.3)"
            )
    if len(number) > 18 or not (number.isascii() and number.isdigit()):
        raise MalformedResponse(f"malformed Content-Length {shown(number)} (RFC 9110 §8.6)")
    return int(number)
