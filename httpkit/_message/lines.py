"""Lines of a body that arrives in pieces: the same lines, wherever the pieces are cut.

A line ends at LF, CRLF or CR and nowhere else, so U+2028, form feeds and the like are content. Nothing here
reads a body or decodes it: pieces of bytes give lines of bytes, pieces of text lines of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["between", "of"]

_END = re.compile(r"\r\n|\r|\n")
_END_BYTES = re.compile(rb"\r\n|\r|\n")


def of(pieces: Iterable[Any]) -> Iterator[Any]:
    """Split at LF, CRLF and CR.

    A CR at the end of a piece ends its line at once; the LF of a CRLF that follows is dropped.
    """
    held: list[Any] = []
    after_cr = False
    for piece in pieces:
        if not piece:
            continue
        text = isinstance(piece, str)
        if after_cr and piece[:1] in ("\n", b"\n"):
            piece = piece[1:]
            after_cr = False
            if not piece:
                continue
        after_cr = piece[-1:] in ("\r", b"\r")
        lines: list[Any] = _END.split(piece) if text else _END_BYTES.split(piece)
        held.append(lines[0])
        if len(lines) == 1:
            continue
        yield held[0] if len(held) == 1 else lines[0][:0].join(held)
        yield from lines[1:-1]
        held = [lines[-1]] if lines[-1] else []
    if any(held):
        yield held[0][:0].join(held)


def between(pieces: Iterable[Any], delimiter: str | bytes) -> Iterator[Any]:
    """Split at *delimiter*, also where it straddles two pieces. Each byte is looked at once or twice."""
    held: list[Any] = []
    rest: Any = None
    for piece in pieces:
        if isinstance(piece, str) != isinstance(delimiter, str):
            delimiter = delimiter.encode() if isinstance(delimiter, str) else delimiter.decode()
        *lines, rest = (piece if rest is None else rest + piece).split(delimiter)
        if lines:
            yield piece[:0].join([*held, lines[0]])
            yield from lines[1:]
            held = []
        # A delimiter that the next piece completes begins in the last characters of this one.
        whole = len(rest) - len(delimiter) + 1
        if whole > 0:
            held.append(rest[:whole])
            rest = rest[whole:]
    if held or rest:
        yield rest[:0].join([*held, rest])
