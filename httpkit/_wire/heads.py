"""What a head is (RFC 9112 §4, §5; RFC 9110 §5, §15.2): the status line and the fields, read whole or as they come.

Field lines of a trailer section are read here as well. Nothing of bodies, and nothing of what we send. Every bound is
in `Limits`. Faults are raised as `MalformedResponse`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from ..exceptions import MalformedResponse

__all__ = [
    "DEFAULT_LIMITS",
    "NOT_TEXT",
    "TEXT_BYTES",
    "TOKEN",
    "Head",
    "HeadReader",
    "KnownLines",
    "Limits",
    "head_at_once",
    "parse_fields",
    "parse_head",
    "shown",
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
TEXT_BYTES = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
NOT_TEXT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (.*))?")
#: Status lines up to this length are kept once read; longer ones nobody repeats.
_USUAL_STATUS_LINE = 63
_HEAD_END = re.compile(rb"\n\r?\n")

#: A field by its name in lower case, and as it came.
_Field = tuple[str, tuple[str, str]]
#: What lines were read as.
KnownLines = dict[str, _Field]

#: Field names that were seen, in the case they came in, and in lower case.
_SEEN: dict[str, str] = {}
_SEEN_MOST = 1024


def shown(piece: bytes | bytearray | str) -> str:
    """A short printable form of *piece* for a message."""
    raw = piece[:41].encode("utf-8", "backslashreplace") if isinstance(piece, str) else bytes(piece[:41])
    return repr(raw[:40])[1:] + ("..." if len(raw) > 40 else "")


class Head:
    """The head of a response: `version` (10 or 11), `status`, `reason` and `fields` as they came, repeats included.

    `by_name` has the fields by their names in lower case; it is None when a name comes more than once.
    """

    __slots__ = ("by_name", "fields", "reason", "status", "version")

    def __init__(
        self,
        version: int,
        status: int,
        reason: str,
        fields: list[tuple[str, str]],
        by_name: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        """*by_name* is for those who know it already."""
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.by_name = by_name

    def values(self, name: str) -> tuple[str, ...]:
        """The values of the field *name* (in lower case), one for each line."""
        if self.by_name is None:
            return tuple([value for given, value in self.fields if given.lower() == name])
        field = self.by_name.get(name)
        return () if field is None else (field[1],)

    def __repr__(self) -> str:
        return f"<Head {self.status} with {len(self.fields)} fields>"


def head_at_once(
    data: bytes, limits: Limits = DEFAULT_LIMITS, known: KnownLines | None = None
) -> tuple[Head, bytes] | None:
    """The final head and the bytes after it when *data* begins with one that is written as most are.

    *known* is what the lines of the last head on this connection were read as, most of which this one repeats; it is
    brought up to date. None leaves it to `HeadReader`, which reads every other: what has come in part, interim
    responses, long lines, line ends that are no CRLF. Raises MalformedResponse, as that would.
    """
    block, end, rest = data.partition(b"\r\n\r\n")
    size = len(block) + 4
    if not end or size > limits.line or size > limits.head:
        return None
    lines = block.decode("latin-1").split("\r\n")
    start = lines.pop(0)
    status = _plain_status(start) if len(start) <= _USUAL_STATUS_LINE else None
    if status is None or len(lines) > limits.fields:
        return None
    if known is None:
        known = {}
    read: list[Any] = list(map(known.get, lines))
    if not all(read):
        learnt = _learnt(lines, known)
        if learnt is None:
            return None
        read = [learnt[line] for line in lines]
    by_name = dict(read)
    if len(by_name) == len(read):
        return Head(*status, list(by_name.values()), by_name), rest
    return Head(*status, [field for _, field in read]), rest


def _learnt(lines: list[str], known: KnownLines) -> KnownLines | None:
    """What *lines* are read as, which *known* is from now on; None when one of them is no field in one line of text.

    What is known already was looked at when it came first.
    """
    learnt: KnownLines = {}
    for line in lines:
        field = known.get(line)
        if field is None:
            if line[:1] in (" ", "\t") or NOT_TEXT.search(line):
                return None
            # Without obs-text, strip(None) takes SP and HTAB only, and is the faster one.
            field = _field_of(line, None if line.isascii() else " \t")
        learnt[line] = field
    known.clear()
    known.update(learnt)
    return learnt


def parse_head(block: bytes | bytearray, limits: Limits = DEFAULT_LIMITS) -> Head:
    """The head in *block*, which ends with the empty line. Raises MalformedResponse."""
    lines = _plain_lines(block) if len(block) <= limits.line else None
    if lines is None:
        lines = _checked_lines(block.decode("latin-1"), limits)
    version, status, reason = _status_of(lines[0])
    fields, by_name = parse_fields(lines[1:-2], limits, None if block.isascii() else " \t")
    return Head(version, status, reason, fields, by_name)


def _plain_lines(block: bytes | bytearray) -> list[str] | None:
    """The lines of *block*, and two empty ones; None when there is anything but text between CRLFs."""
    lines = block.decode("latin-1").split("\r\n")
    # What is no text adds up to the line ends: so each CR and LF is part of one, and there are no other controls.
    return lines if len(block.translate(None, TEXT_BYTES)) == 2 * len(lines) - 2 else None


@lru_cache(maxsize=256)
def _plain_status(line: str) -> tuple[int, int, str] | None:
    """The same as `_status_of`; None for what is no text, and for an interim response."""
    if NOT_TEXT.search(line):
        return None
    found = _status_of(line)
    return found if found[1] >= 200 else None


def _status_of(line: str) -> tuple[int, int, str]:
    """Version, status code and reason phrase in a status line, which holds nothing but text (RFC 9112 §4)."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedResponse(f"malformed status line {shown(line)} (RFC 9112 §4)")
    # A higher minor version is read as the highest that we know (RFC 9110 §2.5).
    return (10 if match[1] == "0" else 11), int(match[2]), match[3] or ""


def _checked_lines(text: str, limits: Limits) -> list[str]:
    """The lines of a head and two empty ones, each looked at. A bare LF ends a line as well (RFC 9112 §2.2)."""
    lines = [line[:-1] if line.endswith("\r") else line for line in text.split("\n")]
    for line in lines:
        if len(line) > limits.line:
            raise MalformedResponse(f"a line of the head is longer than {limits.line} bytes: {shown(line)}")
        if "\r" in line:
            raise MalformedResponse(f"a CR without LF inside the line {shown(line)} (RFC 9112 §2.2)")
        if NOT_TEXT.search(line):
            raise MalformedResponse(f"a control character in the line {shown(line)} (RFC 9110 §5.5)")
    return lines


def parse_fields(
    lines: list[str], limits: Limits, blanks: str | None = " \t"
) -> tuple[list[tuple[str, str]], dict[str, tuple[str, str]] | None]:
    """Names and values (RFC 9112 §5) in *lines*, which hold nothing but text; and by name, as `Head` has them."""
    read = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            return parse_fields(_unfolded(lines), limits, blanks)
        read.append(_field_of(line, blanks))
    if len(read) > limits.fields:
        raise _too_many(len(read), limits)
    by_name = dict(read)
    return [field for _, field in read], by_name if len(by_name) == len(read) else None


def _too_many(count: int, limits: Limits) -> MalformedResponse:
    return MalformedResponse(f"{count} fields in one section; at most {limits.fields} are accepted")


def _field_of(line: str, blanks: str | None) -> _Field:
    name, colon, value = line.partition(":")
    lower = _SEEN.get(name)
    if lower is None or not colon:
        lower = _lower_of(name, line)
    return lower, (name, value.strip(blanks))


def _lower_of(name: str, line: str) -> str:
    """A *name* that is new to `_SEEN` in lower case. Raises MalformedResponse when the *line* is no field."""
    if len(name) == len(line):
        raise MalformedResponse(f"a field line without a colon: {shown(line)} (RFC 9112 §5)")
    if name.endswith((" ", "\t")):
        raise MalformedResponse(f"white space between field name and colon: {shown(line)} (RFC 9112 §5.1)")
    if not TOKEN.fullmatch(name):
        raise MalformedResponse(f"malformed field name in {shown(line)} (RFC 9110 §5.1)")
    lower = name.lower()
    if len(name) <= 64:
        if len(_SEEN) >= _SEEN_MOST:  # someone sends names at random: forget them
            _SEEN.clear()
        _SEEN[name] = lower
    return lower


def _unfolded(lines: list[str]) -> list[str]:
    """A line that begins with white space continues the value before it, after one space (RFC 9112 §5.2)."""
    folded: list[list[str]] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            folded.append([line])
        elif folded:
            folded[-1].append(line)
        else:
            raise MalformedResponse(f"white space before the first field: {shown(line)} (RFC 9112 §2.2)")
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
            raise MalformedResponse(f"malformed status line {shown(buffer)} (RFC 9112 §4)")
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
                f"a line of the head is longer than {limit} bytes: {shown(buffer[start : start + 41])}"
            )

    def at_eof(self) -> MalformedResponse:
        """The error for a connection that ended inside the head."""
        if self.is_untouched:
            where = "before the response began"
        elif not self._buffer:
            where = f"after {self._interim} interim responses, before the final one"
        else:
            where = f"inside the head of the response, after {shown(self._buffer)}"
        error = MalformedResponse(f"the connection ended {where}")
        error.is_truncated = True
        return error
