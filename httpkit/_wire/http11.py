"""The HTTP/1.1 message format (RFC 9112): bytes in, values out.

Sans-io: nothing here knows a socket, a clock or urllib3, so a blocking and an asynchronous transport share it and
fuzzing it needs no server. Strict: what the RFC calls a reason to reject is rejected, since a message that two parties
read differently is how one call's answer becomes another's. However the input is split, the result is the same, and
the work is in proportion to the input. Every bound is in `Limits`.

Faults of the peer are raised as `MalformedResponse` while a head is read and as `ChunkedEncodingError` in a body; both
name the fault and show a short, printable piece of it. After an error the reader or body is of no further use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
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
    """How much a peer may send before the message is rejected. Sizes are in bytes. Raises ValueError below 0."""

    #: One status line, field line or trailer line, without its end.
    line: int = 65_536
    #: A whole head, and a whole trailer section, with the line ends.
    head: int = 262_144
    #: Fields in a head, and in a trailer section.
    fields: int = 256
    #: The line that begins a chunk, without its end: its size and extensions.
    chunk_line: int = 4_096
    #: Chunk extensions in all, beyond 16 bytes and twice the content for each chunk that has some.
    extensions: int = 65_536
    #: Interim (1xx) responses before the final one.
    interim: int = 32

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"the limit {field.name} is {value!r}; give a whole number, 0 or more")


DEFAULT_LIMITS = Limits()

#: What may stand between two line ends: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5).
_TEXT_BYTES = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_NOT_TEXT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"[\x21-\x7e]+")
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (.*))?")
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
#: The end of one chunk and the beginning of the next, as nearly all of them are.
_NEXT_CHUNK = re.compile(rb"\r\n([0-9A-Fa-f]{1,15})\r\n")

#: The fields that say how the message ends and what becomes of the connection, and the one that every call looks for.
_MARKED = ("connection", "content-length", "set-cookie", "transfer-encoding")
#: Field names that were seen, in the case they came in: the name in lower case if it is marked, else "".
_SEEN: dict[str, str] = {}
_SEEN_MOST = 1024


def _shown(piece: bytes | bytearray | str) -> str:
    """A short printable form of *piece* for a message."""
    raw = piece[:41].encode("utf-8", "backslashreplace") if isinstance(piece, str) else bytes(piece[:41])
    return repr(raw[:40])[1:] + ("..." if len(raw) > 40 else "")


# -- what we send ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _field_prefix(name: str | bytes) -> str:
    """`Name: `, the name checked to be a token (RFC 9110 §5.1)."""
    text = name if isinstance(name, str) else name.decode("latin-1")
    if not _NAME.fullmatch(text):
        raise InvalidHeader(
            f"Invalid field name {_shown(text)}: only letters, digits and !#$%&'*+-.^_`|~ are allowed"
        )
    return text + ": "


def encode_head(method: str, target: str, fields: Iterable[tuple[str | bytes, str | bytes | int]]) -> bytes:
    """Request line and fields, ending with the empty line (RFC 9112 §3, §5).

    This is the last place where something could end a line, so everything is checked here, whoever checked before.
    Text is sent as ISO-8859-1 and whole numbers as digits. Raises InvalidHeader for a method, name or value that
    cannot be sent, InvalidURL for a target with anything but visible ASCII.
    """
    if not _NAME.fullmatch(method):
        raise InvalidHeader(f"Invalid method {_shown(method)}: a method is one word (RFC 9110 §9.1)")
    if not _TARGET.fullmatch(target):
        raise InvalidURL(
            f"Invalid request target {_shown(target)}: blanks, controls and non-ASCII must be percent-encoded"
        )
    # Not an f-string: that would ask an enumeration for its name, not for the text that was checked.
    lines = [method + " " + target + " HTTP/1.1"]
    for name, value in fields:
        lines.append(_field_prefix(name) + (value if isinstance(value, str) else _text_of(name, value)))
    lines.append("\r\n")
    try:
        head = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise _value_fault(lines) from error
    if len(head.translate(None, _TEXT_BYTES)) != 2 * len(lines):
        raise _value_fault(lines)
    return head


def _text_of(name: str | bytes, value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, int):
        return int.__repr__(value)
    raise InvalidHeader(f"the value of the field {_shown(name)} is {type(value).__name__}; give str or bytes")


def _value_fault(lines: list[str]) -> InvalidHeader:
    """What to raise for the field among *lines*, those of a whole request head, whose value cannot be sent."""
    for line in lines[1:-1]:
        name, _, value = line.partition(": ")
        found = _NOT_TEXT.search(value)
        if found is None:
            continue
        if found[0] > "\xff":
            return InvalidHeader(
                f"the value of the field {_shown(name)} has the character {found[0]!a}, which ISO-8859-1 cannot"
                " hold; encode the value to bytes yourself"
            )
        return InvalidHeader(
            f"the value of the field {_shown(name)} has the line end or control character {found[0]!a}"
        )
    return InvalidHeader("the request head has a line end inside a line")


def encode_chunk(data: bytes | bytearray | memoryview) -> tuple[bytes, bytes]:
    """What goes before and after *data* in the chunked coding (RFC 9112 §7.1): nothing when it is empty.

    An empty chunk would be the last one, and what follows it would be read as another request.
    """
    size = len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes
    return (b"%x\r\n" % size, b"\r\n") if size else (b"", b"")


# -- heads -------------------------------------------------------------------------------------------------------------


class Head:
    """The head of a response: `version` (10 or 11), `status`, `reason` and `fields` as they came, repeats included.

    `connection`, `content_length` and `transfer_encoding` hold the values of these fields, one for each line;
    `sets_cookies` says whether there is a Set-Cookie field.
    """

    __slots__ = (
        "connection",
        "content_length",
        "fields",
        "reason",
        "sets_cookies",
        "status",
        "transfer_encoding",
        "version",
    )

    def __init__(
        self,
        version: int,
        status: int,
        reason: str,
        fields: list[tuple[str, str]],
        marked: Iterable[tuple[str, str]] | None = None,
    ) -> None:
        """*marked*, for those who know it already: names in lower case and values of the fields singled out above."""
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.connection: tuple[str, ...] = ()
        self.content_length: tuple[str, ...] = ()
        self.transfer_encoding: tuple[str, ...] = ()
        self.sets_cookies = False
        for name, value in [(name.lower(), value) for name, value in fields] if marked is None else marked:
            if name == "content-length":
                self.content_length += (value,)
            elif name == "connection":
                self.connection += (value,)
            elif name == "set-cookie":
                self.sets_cookies = True
            elif name == "transfer-encoding":
                self.transfer_encoding += (value,)

    def values(self, name: str) -> list[str]:
        """The values of the field *name* (in lower case), one for each line."""
        return [value for given, value in self.fields if given.lower() == name]

    def __repr__(self) -> str:
        return f"<Head {self.status} with {len(self.fields)} fields>"


def parse_head(block: bytes | bytearray, limits: Limits = DEFAULT_LIMITS) -> Head:
    """The head in *block*, which ends with the empty line. Raises MalformedResponse."""
    lines = block.decode("latin-1").split("\r\n")
    # What is no text adds up to the line ends: so each CR and LF is part of one, and there are no other controls.
    if len(block.translate(None, _TEXT_BYTES)) != 2 * len(lines) - 2 or len(block) > limits.line:
        lines = _checked_lines(block.decode("latin-1"), limits)
    start = lines[0]
    version, status, reason = _status_of(start) if len(start) < 64 else _status_of.__wrapped__(start)
    # Without obs-text, strip(None) takes SP and HTAB only, and is the faster one.
    fields, marked = _parse_fields(lines[1:-2], limits, None if block.isascii() else " \t")
    return Head(version, status, reason, fields, marked)


@lru_cache(maxsize=256)
def _status_of(line: str) -> tuple[int, int, str]:
    """Version, status code and reason phrase in a status line, which holds nothing but text (RFC 9112 §4)."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedResponse(f"malformed status line {_shown(line)} (RFC 9112 §4)")
    # A higher minor version is read as the highest that we know (RFC 9110 §2.5).
    return (10 if match[1] == "0" else 11), int(match[2]), match[3] or ""


def _checked_lines(text: str, limits: Limits) -> list[str]:
    """The lines of a head and two empty ones, each looked at. A bare LF ends a line as well (RFC 9112 §2.2)."""
    lines = [line[:-1] if line.endswith("\r") else line for line in text.split("\n")]
    for line in lines:
        if len(line) > limits.line:
            raise MalformedResponse(f"a line of the head is longer than {limits.line} bytes: {_shown(line)}")
        if "\r" in line:
            raise MalformedResponse(f"a CR without LF inside the line {_shown(line)} (RFC 9112 §2.2)")
        if _NOT_TEXT.search(line):
            raise MalformedResponse(f"a control character in the line {_shown(line)} (RFC 9110 §5.5)")
    return lines


def _parse_fields(
    lines: list[str], limits: Limits, blanks: str | None = " \t"
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Names and values (RFC 9112 §5) in *lines*, which hold nothing but text, and again those that are marked."""
    fields: list[tuple[str, str]] = []
    marked: list[tuple[str, str]] = []
    kind_of = _SEEN.get
    for line in lines:
        name, colon, value = line.partition(": ")
        kind = kind_of(name)
        if kind is None or not colon:
            if line[:1] in (" ", "\t"):
                return _parse_fields(_unfolded(lines), limits, blanks)
            name, colon, value = line.partition(":")
            kind = _kind_of(name, line)
        value = value.strip(blanks)
        if kind:
            marked.append((kind, value))
        fields.append((name, value))
    if len(fields) > limits.fields:
        raise MalformedResponse(f"{len(fields)} fields in one section; at most {limits.fields} are accepted")
    return fields, marked


def _kind_of(name: str, line: str) -> str:
    """What `_SEEN` says of a *name* that is new to it. Raises MalformedResponse when the *line* is no field."""
    if len(name) == len(line):
        raise MalformedResponse(f"a field line without a colon: {_shown(line)} (RFC 9112 §5)")
    if name.endswith((" ", "\t")):
        raise MalformedResponse(f"white space between field name and colon: {_shown(line)} (RFC 9112 §5.1)")
    if not _NAME.fullmatch(name):
        raise MalformedResponse(f"malformed field name in {_shown(line)} (RFC 9110 §5.1)")
    lower = name.lower()
    kind = lower if lower in _MARKED else ""
    if len(name) <= 64:
        if len(_SEEN) >= _SEEN_MOST:  # someone sends names at random: forget them
            _SEEN.clear()
        _SEEN[name] = kind
    return kind


def _unfolded(lines: list[str]) -> list[str]:
    """A line that begins with white space continues the value before it, after one space (RFC 9112 §5.2)."""
    folded: list[list[str]] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            folded.append([line])
        elif folded:
            folded[-1].append(line)
        else:
            raise MalformedResponse(f"white space before the first field: {_shown(line)} (RFC 9112 §2.2)")
    return [
        " ".join(filter(None, [pieces[0].rstrip(" \t"), *(piece.strip(" \t") for piece in pieces[1:])]))
        if len(pieces) > 1
        else pieces[0]
        for pieces in folded
    ]


class HeadReader:
    """Collects bytes until the head of the final response is there.

    Interim responses (RFC 9110 §15.2) are passed to *on_interim* and skipped, however they are spread over the input;
    101 is final, because what follows it is no HTTP.
    """

    __slots__ = ("_buffer", "_fields", "_interim", "_limits", "_line", "_on_interim", "_searched")

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, on_interim: Callable[[Head], None] | None = None
    ) -> None:
        self._buffer: bytes | bytearray = b""
        self._searched = 0  # bytes of the buffer in which no head ends
        self._line = 0  # where the line begins that is not complete
        self._fields = -1  # complete lines that begin a field; the status line makes it 0
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
        start, buffer, limit = 0, self._buffer, self._limits.head
        while True:
            found = _HEAD_END.search(buffer, max(start, self._searched - 2), start + limit)
            if found is None:
                break
            stop = found.end()
            head = parse_head(buffer[start:stop], self._limits)
            if head.status >= 200 or head.status == 101:
                return head, bytes(buffer[stop:])
            self._skip(head)
            start = self._searched = stop
        if start:
            self._buffer = buffer[start:]
            self._line, self._fields, self._searched = 0, -1, 0
        self._check_unfinished()
        return None

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
        buffer, limits, line = self._buffer, self._limits, self._line
        size = len(buffer)
        if not b"HTTP/1.".startswith(bytes(buffer[:7])):
            raise MalformedResponse(f"malformed status line {_shown(buffer)} (RFC 9112 §4)")
        if size > limits.head:
            raise MalformedResponse(f"the head of the response is larger than {limits.head} bytes")
        end = buffer.find(b"\n", min(self._searched, size))
        while end >= 0:
            self._check_line(line, end)
            self._fields += buffer[line] not in b" \t"
            line = end + 1
            end = buffer.find(b"\n", line)
        self._check_line(line, size)
        self._line, self._searched = line, size
        if self._fields > limits.fields:
            raise MalformedResponse(f"the response has more than {limits.fields} fields")

    def _check_line(self, start: int, end: int) -> None:
        """Look at the line from *start* to *end*, where its LF is or will come."""
        buffer, limit = self._buffer, self._limits.line
        if end - start > limit and (end - start > limit + 1 or buffer[end - 1] != 0x0D):
            raise MalformedResponse(
                f"a line of the head is longer than {limit} bytes: {_shown(buffer[start : start + 41])}"
            )

    def at_eof(self) -> MalformedResponse:
        """The error for a connection that ended inside the head."""
        if self.is_untouched:
            return MalformedResponse("the connection ended before the response began")
        if not self._buffer:
            return MalformedResponse(
                f"the connection ended after {self._interim} interim responses, before the final one"
            )
        return MalformedResponse(
            f"the connection ended inside the head of the response, after {_shown(self._buffer)}"
        )


# -- framing and bodies ------------------------------------------------------------------------------------------------


def is_persistent(head: Head) -> bool:
    """True when the connection may carry another request after this response (RFC 9112 §9.3)."""
    if not head.connection:
        return head.version >= 11
    options = [option.strip(" \t") for option in ",".join(head.connection).lower().split(",")]
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
            raise ChunkedEncodingError(f"malformed chunk size {_shown(line)} (RFC 9112 §7.1)")
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
                f"a chunk is followed by {_shown(held)} instead of CRLF (RFC 9112 §7.1)"
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
            self.trailers, _ = _parse_fields(self._trailer_lines, self._limits)
        except MalformedResponse as error:
            raise ChunkedEncodingError(f"in the trailers: {error}") from error
        self._trailer_lines.clear()
        self.done = True
        return position

    def _keep_trailer(self, line: str) -> None:
        if _NOT_TEXT.search(line):
            raise ChunkedEncodingError(f"a control character in the trailer {_shown(line)} (RFC 9110 §5.5)")
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
                f"a CR without LF in the {what} line {_shown(held + piece)} (RFC 9112 §2.2)"
            )
        if end >= 0 > cr and not held.endswith(b"\r"):
            raise ChunkedEncodingError(
                f"an LF without CR ends the {what} line {_shown(held + piece)} (RFC 9112 §2.2)"
            )
        if len(held) + len(piece) - (2 if end >= 0 else cr >= 0) > limit:
            raise ChunkedEncodingError(f"a {what} line is longer than {limit} bytes: {_shown(held + piece)}")
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
    if head.transfer_encoding:
        _check_codings(head)
        return ChunkedBody(limits)
    return LengthBody(_length(head.content_length)) if head.content_length else UntilCloseBody()


def _check_codings(head: Head) -> None:
    """Only `chunked`, once, from an HTTP/1.1 server and without a Content-Length (RFC 9112 §6.1)."""
    if head.version < 11:
        raise MalformedResponse("Transfer-Encoding in an HTTP/1.0 response (RFC 9112 §6.1)")
    if head.content_length:
        raise MalformedResponse("both Transfer-Encoding and Content-Length in one response (RFC 9112 §6.3)")
    written = ", ".join(head.transfer_encoding)
    codings = [coding.strip(" \t").lower() for coding in written.split(",")]
    if codings != ["chunked"]:
        fault = (
            "chunked is not the final coding, or there twice"
            if "chunked" in codings[:-1]
            else "a coding that was not offered"
        )
        raise MalformedResponse(f"Transfer-Encoding {_shown(written)}: {fault} (RFC 9112 §6.1)")


def _length(values: tuple[str, ...]) -> int:
    """The one number that Content-Length says, also when it is repeated (RFC 9110 §8.6)."""
    number = values[0]
    if len(values) > 1 or "," in number:
        numbers = {number.strip(" \t") for value in values for number in value.split(",")}
        number = numbers.pop()
        if numbers:
            raise MalformedResponse(
                f"conflicting Content-Length values {_shown(', '.join(values))} (RFC 9112 §6.3)"
            )
    if len(number) > 18 or not (number.isascii() and number.isdigit()):
        raise MalformedResponse(f"malformed Content-Length {_shown(number)} (RFC 9110 §8.6)")
    return int(number)
