"""The small words that field values are made of (RFC 9110 §5.6): tokens, quoted strings, lists, parameters.

Pure text in, text out; what a particular field means is known in the rooms above. Every reader here takes
time linear in its input and accepts any string: where a quoted string is not closed, it ends with the value.
"""

from __future__ import annotations

import re

__all__ = ["MAX_LENGTH", "QUOTED", "TOKEN", "is_token", "parameter", "split", "unquote"]

MAX_LENGTH = 65_536
"""Longest field value, in characters, that is worth reading into a structure; no server sends half of it."""

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""RFC 9110 §5.6.2."""

QUOTED = r'"[^"\\]*(?:\\(?s:.)[^"\\]*)*"'
"""RFC 9110 §5.6.4; written so that a missing end is found in linear time."""

_TOKEN = re.compile(TOKEN)

# The quoted alternative always matches: with its closing quote, or with all that is left. Anything else would
# try again at every later quote, which is quadratic.
_PIECES = {mark: rf'(?P<mark>{mark})|[^"{mark}]+|"[^"\\]*(?:\\(?s:.)[^"\\]*)*(?:"|\\?\Z)' for mark in ",;"}


def is_token(text: str) -> bool:
    """Is *text* a token: a method, a field name, an auth-scheme, a parameter name?"""
    return _TOKEN.fullmatch(text) is not None


def split(value: str, mark: str) -> list[str]:
    """The pieces of *value* between its *marks* (`,` or `;`) that stand in no quoted string.

    White space around a piece is removed. An empty piece is kept, the one after a last mark too: *value*
    always has one piece more than marks.
    """
    if '"' not in value:
        return [piece.strip() for piece in value.split(mark)]
    pieces, start = [], 0
    for match in re.finditer(_PIECES[mark], value):
        if match["mark"]:
            pieces.append(value[start : match.start()].strip())
            start = match.end()
    pieces.append(value[start:].strip())
    return pieces


def unquote(text: str) -> str:
    """What a quoted string says: without its quotes, each quoted pair replaced by the character in it.

    Text that is not in quotes comes back as it is.
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inside = text[1:-1]
    return re.sub(r"(?s)\\(.)", r"\1", inside) if "\\" in inside else inside


def parameter(piece: str) -> tuple[str, str] | None:
    """The name, in lower case, and the value of `name=value` or `name="value"` (RFC 9110 §5.6.6).

    White space around `=` is passed over, and a value that is no token is read to its end. None where there
    is no `=`, no token before it, or where a quoted string is not all that follows.
    """
    name, equals, value = (part.strip() for part in piece.partition("="))
    if not equals or not is_token(name):
        return None
    if '"' not in value:
        return name.lower(), value
    return (name.lower(), unquote(value)) if re.fullmatch(QUOTED, value) else None
