"""multipart/form-data (RFC 7578): how named parts become one body.

Names and file names are quoted as WHATWG HTML §4.10.21.8 says and browsers do. Nothing is decided here about what may
be a part: `bodies` reads what the caller gave, checks the parts' fields and measures files. A body that is small is
bytes; a large one is read from its files while it is sent, with its exact length known beforehand.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple, Union

from ..exceptions import RequestException

__all__ = [
    "BLOCK",
    "IN_MEMORY",
    "Extent",
    "InvalidBody",
    "MultipartStream",
    "Part",
    "choose_boundary",
    "encode",
]

#: A body of at most this many bytes is made in memory even when files are in it.
IN_MEMORY = 1024 * 1024
#: Bytes read at a time when a streamed body is iterated over.
BLOCK = 64 * 1024

_QUOTED = {0x0A: "%0A", 0x0D: "%0D", 0x22: "%22"}


class InvalidBody(RequestException, TypeError, ValueError):
    """What was given as `data=` or `files=` cannot be sent, or is no longer what it was when it was measured."""


class Extent(NamedTuple):
    """*length* bytes of a seekable binary *file*, from *start*."""

    file: Any
    start: int
    length: int


Content = Union[bytes, Extent]


class Part(NamedTuple):
    """One part: a field of the form, or a file when *filename* is not None. *fields* are valid and follow the names."""

    name: str
    content: Content
    filename: str | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()


def choose_boundary() -> str:
    """128 random bits: no content contains them by chance, and nobody who supplies content can guess them."""
    return os.urandom(16).hex()


def encode(parts: Iterable[Part], boundary: str | None = None) -> tuple[bytes | MultipartStream, str]:
    """The body of *parts* and its Content-Type.

    Bytes when all parts are in memory, or no more than IN_MEMORY bytes in all; otherwise a `MultipartStream`. Without a
    *boundary*, `choose_boundary` makes one. Raises InvalidBody for a name that has no form in UTF-8.
    """
    if boundary is None:
        boundary = choose_boundary()
    dashes = b"--" + boundary.encode("ascii")
    pieces: list[Content] = []
    for part in parts:
        pieces += (dashes + b"\r\n" + _head(part), part.content, b"\r\n")
    pieces.append(dashes + b"--\r\n")
    content_type = f"multipart/form-data; boundary={boundary}"
    if not any(isinstance(piece, Extent) for piece in pieces):
        return b"".join(pieces), content_type  # type: ignore[arg-type]  # every piece is bytes
    stream = MultipartStream(pieces)
    return (stream.read() if len(stream) <= IN_MEMORY else stream), content_type


def _head(part: Part) -> bytes:
    disposition = f"Content-Disposition: form-data; {_parameter('name', part.name)}"
    if part.filename is not None:
        disposition += f"; {_parameter('filename', part.filename)}"
    try:
        # Names of files can hold bytes that are not UTF-8, which Python carries as lone surrogates.
        first = disposition.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidBody(f"files: a name cannot be written in UTF-8: {error.reason}") from error
    return b"".join([first, b"\r\n", *(b"%s: %s\r\n" % field for field in part.fields), b"\r\n"])


def _parameter(name: str, value: str) -> str:
    return f'{name}="{value.translate(_QUOTED)}"'


class MultipartStream:
    """A multipart body that is read from its files on demand: a seekable binary file of known length.

    `len()` is its length in bytes, wherever it stands. Reading raises InvalidBody when a file has been closed or has
    become shorter since the body was made: what was announced could not be sent.
    """

    def __init__(self, pieces: Iterable[Content]) -> None:
        self._pieces = [piece for piece in pieces if _length(piece)]
        self._ends = list(accumulate(map(_length, self._pieces)))
        self._position = 0

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        return f"<MultipartStream of {len(self)} bytes>"

    def __iter__(self) -> Iterator[bytes]:
        """Blocks of bytes, from the present position to the end."""
        while block := self.read(BLOCK):
            yield block

    def readable(self) -> bool:
        """True: `read()` works."""
        return True

    def seekable(self) -> bool:
        """True: `seek()` works, so the body can be sent again."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to *offset* from the start, the present position or the end; the new position, within the body."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self)}[whence]
        self._position = min(max(0, origin + offset), len(self))
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next *size* bytes, fewer only at the end; all that is left for None or a negative *size*."""
        left = len(self) - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        blocks: list[bytes] = []
        while wanted:
            block = self._read_piece(wanted)
            self._position += len(block)
            wanted -= len(block)
            blocks.append(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def _read_piece(self, size: int) -> bytes:
        """At least one byte, at most *size*, of the piece at the position."""
        index = bisect_right(self._ends, self._position)
        piece = self._pieces[index]
        offset = self._position - (self._ends[index - 1] if index else 0)
        if isinstance(piece, bytes):
            return piece[offset : offset + size]
        return _read_extent(piece, offset, min(size, piece.length - offset))


def _length(piece: Content) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


def _read_extent(extent: Extent, offset: int, size: int) -> bytes:
    file = extent.file
    if getattr(file, "closed", False) is True:
        raise InvalidBody(
            f"files: {_named(file)} was closed before it was sent; keep it open until the call returns"
        )
    # Not only at the start: the same file may be in two parts, and the caller may have moved it.
    file.seek(extent.start + offset)
    block = file.read(size)
    if not isinstance(block, bytes) or not 0 < len(block) <= size:
        raise InvalidBody(
            f"files: {_named(file)} gave {_what(block)} where {extent.length - offset} bytes were left of the "
            f"{extent.length} that it had when the request was made"
        )
    return block


def _what(block: object) -> str:
    if isinstance(block, bytes):
        return f"{len(block)} bytes" if block else "nothing"
    return type(block).__name__


def _named(file: object) -> str:
    name = getattr(file, "name", None)
    return f"the file {str(name)[-60:]!r}" if isinstance(name, (str, bytes)) and name else "a file"
