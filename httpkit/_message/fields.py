"""Fields: which may be sent, what may be shown of them, and what challenges and a few others say.

Names and values only (RFC 9110 §5, §11). No field is acted on here, and the typed readings that a response
offers are in `typed`. Every reader takes any string in linear time and returns what it could read; only the
validity checks raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..exceptions import InvalidHeader
from . import secrets
from .grammar import MAX_LENGTH, QUOTED, TOKEN, split, unquote

__all__ = [
    "Challenge",
    "check_header_validity",
    "is_secret_field",
    "parse_challenges",
    "parse_dict_header",
    "parse_header_links",
    "parse_list_header",
    "redact_field",
    "unquote_header_value",
    "validate",
]

_is_name = re.compile(TOKEN).fullmatch
# Obs-text (0x80-0xFF) is allowed: it is how bytes of any other charset travel.
_is_value = re.compile(r"(?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?").fullmatch


def validate(name: object, value: object) -> None:
    """Nothing, if a field of this *name* and *value* can be sent; each is str or bytes.

    A name is a token (RFC 9110 §5.1). A value begins with no white space and holds no control character but
    HTAB (§5.5); as str it holds characters up to U+00FF, which is what a byte can carry. Raises
    InvalidHeader, which names the field and says what to pass, and never shows the value of a secret field.
    """
    if type(name) is str and type(value) is str and _is_name(name) and _is_value(value):
        return
    _examine(_text(name), _text(value))


def check_header_validity(header: tuple[str | bytes, str | bytes]) -> None:
    """`validate()` for a pair of name and value."""
    name, value = header
    validate(name, value)


def _text(part: object) -> object:
    return part.decode("latin-1") if isinstance(part, bytes) else part


def _examine(name: object, value: object) -> None:
    """The checks of `validate()` one by one, each with its own message."""
    if not isinstance(name, str):
        raise InvalidHeader(f"Invalid header name of type {type(name).__name__}: give str or bytes")
    if not _is_name(name):
        raise InvalidHeader(_fault_of_name(name))
    if not isinstance(value, str):
        raise InvalidHeader(
            f"Invalid value of header {_brief(name)}: it is of type {type(value).__name__}; give str or bytes"
        )
    if not _is_value(value):
        shown = _brief(redact_field(name, value))
        fault = _fault_of_value(value)
        raise InvalidHeader(f"Invalid value of header {_brief(name)}: {fault}. The value: {shown}")


def _fault_of_name(name: str) -> str:
    wrong = re.search(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]", name)
    if wrong is None:
        return "Invalid header name: it is empty"
    # What follows the wrong character may be a secret: 'Authorization: Bearer ...' given as the name.
    return (
        f"Invalid header name: {wrong[0]!r} after {_brief(name[: wrong.start()])} cannot be part of a name; "
        "names are made of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 §5.1)"
    )


def _fault_of_value(value: str) -> str:
    if control := re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return f"{control[0]!r} at position {control.start()} could end the field early (RFC 9110 §5.5)"
    if wide := re.search(r"[^\x00-\xff]", value):
        return f"the character at position {wide.start()} does not fit in a byte; give value.encode('utf-8')"
    return "it begins with white space; strip it (RFC 9110 §5.5)"


def _brief(text: str) -> str:
    """*text* printable and short enough for a message."""
    return repr(text if len(text) <= 80 else text[:80] + "...")[:100]


# From here on patterns are compiled on first use: importing this room is part of every program's start.
_HIDDEN = secrets.HIDDEN
_SCHEME = r"[ \t]*([A-Za-z][A-Za-z0-9-]{0,31})[ \t]+[^ \t]"
_USERINFO = r"(?<=//)[^/?#\s]*@"
# No "=" and, but for the day of a date, no comma: what follows one may be the next cookie of a joined field.
_COOKIE_ATTRIBUTE = (
    r"(?ia)[ \t]*(?:(?:path|domain|max-age|samesite)=[^,=]*|expires=[a-z]{3,9}, [\w :-]*|"
    r"secure|httponly|partitioned)[ \t]*"
)


is_secret_field = secrets.is_secret_name


def redact_field(name: str | bytes, value: str | bytes) -> str:
    """*value* as it may be shown to people: each secret in it replaced by `***`.

    Of credentials the scheme stays, of cookies their names and of Set-Cookie the attributes too; every other
    secret field (`is_secret_field`) is hidden whole. Userinfo and secret parameters are removed from URLs in any
    field.
    """
    field_name, text = (part.decode("latin-1") if isinstance(part, bytes) else part for part in (name, value))
    lower = field_name.lower()
    if lower in ("authorization", "proxy-authorization"):
        scheme = re.match(_SCHEME, text)
        return f"{scheme[1]} {_HIDDEN}" if scheme else _HIDDEN
    if lower == "cookie":
        return "; ".join(_hide_cookie(pair) for pair in text.split(";"))
    if lower == "set-cookie":
        cookie, *attributes = text.split(";")
        return "; ".join([_hide_cookie(cookie), *(_hide_attribute(item) for item in attributes)])
    if is_secret_field(field_name):
        return _HIDDEN
    return secrets.hide_in_url(re.sub(_USERINFO, _HIDDEN + "@", text) if "@" in text else text)


def _hide_cookie(pair: str) -> str:
    name, equals, _ = pair.strip().partition("=")
    return f"{name}={_HIDDEN}" if equals and _is_name(name) else _HIDDEN


def _hide_attribute(item: str) -> str:
    return item.strip() if re.fullmatch(_COOKIE_ATTRIBUTE, item) else _hide_cookie(item)


_END = r"(?=[ \t]*(?:,|\Z))"
# Servers leave values unquoted that are no tokens, base64 nonces above all.
_AUTH_PARAM = rf"({TOKEN})[ \t]*=[ \t]*(?:({QUOTED})|([^\s\",]+)){_END}"
_AUTH_SCHEME = rf"({TOKEN})(?=[ \t,]|\Z)(?:[ \t]+([A-Za-z0-9\-._~+/]+=*){_END})?"


class Challenge(NamedTuple):
    """One challenge (RFC 9110 §11.3): its scheme and the names of its parameters in lower case.

    A challenge has either parameters or one `token68`, or neither.
    """

    scheme: str
    parameters: Mapping[str, str] = MappingProxyType({})
    token68: str | None = None


def parse_challenges(value: str | Iterable[str] | None) -> tuple[Challenge, ...]:
    """The challenges of WWW-Authenticate or Proxy-Authenticate, in order (RFC 9110 §11.6.1, §11.7.1).

    *value* is the value of the field, or the values where it is repeated; one value may hold several
    challenges. What cannot be read is passed over, and of a repeated parameter the first counts. A value over
    64 Ki characters is not read.
    """
    if value is None:
        return ()
    found: list[Challenge] = []
    for text in [value] if isinstance(value, str) else value:
        if len(text) <= MAX_LENGTH:
            found += _challenges(text)
    return tuple(found)


def _challenges(text: str) -> list[Challenge]:
    read_param, read_scheme = re.compile(_AUTH_PARAM).match, re.compile(_AUTH_SCHEME).match
    find_item = re.compile(r"[^ \t,]").search
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = 0
    while start := find_item(text, position):
        position = start.start()
        if item := read_param(text, position):
            parameters.setdefault(item[1].lower(), item[3] if item[2] is None else unquote(item[2]))
        elif item := read_scheme(text, position):
            parameters = {}
            found.append(Challenge(item[1].lower(), parameters, item[2]))
        position = item.end() if item else text.find(",", position)
        if position < 0:
            break
    return found


def parse_list_header(value: str) -> list[str]:
    """The elements of a comma-separated list, quoted strings without their quotes (RFC 9110 §5.6.1).

    An empty element stays an empty string; a comma at the end adds none.
    """
    return [unquote(item) for item in _elements(value)]


def parse_dict_header(value: str) -> dict[str, str | None]:
    """The `name=value` elements of a comma-separated list; None is the value of an element without `=`.

    Quoted values come without their quotes, and names in the case in which they stand.
    """
    found: dict[str, str | None] = {}
    for item in _elements(value):
        name, equals, content = item.partition("=")
        found[name.rstrip()] = unquote(content.lstrip()) if equals else None
    return found


def _elements(value: str) -> list[str]:
    items = split(value, ",")
    return items if items[-1] else items[:-1]


def unquote_header_value(value: str, is_filename: bool = False) -> str:
    r"""*value* without its quotes; `\\` and `\"` in it are a backslash and a quote.

    A backslash before any other character stays, because browsers write `"C:\notes.txt"`. With *is_filename*
    a value that begins with two backslashes, the name of a file server, is left as it is between its quotes.
    """
    if not value or value[0] != '"' or value[-1] != '"':
        return value
    inside = value[1:-1]
    if "\\" not in inside or (is_filename and inside.startswith("\\\\")):
        return inside
    return inside.replace("\\\\", "\\").replace('\\"', '"')


_LINK_MARKS = " '\""
# A comma parts two links only where the next link's "<" follows it, and in no target and no quoted string.
_LINK_PIECES = r'(?s)(?P<mark>, *(?=<))|<[^>]*>?|"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^,<"]+|,'


def parse_header_links(value: str) -> list[dict[str, str]]:
    """The links of a Link field, each a dict of its `url` and its parameters (RFC 8288 §3).

    Lenient: a target without angle brackets ends at the first semicolon, and parameters without a value are
    left out. Of a repeated parameter the first counts. `typed.link()` is the strict reader.
    """
    value = value.lstrip(_LINK_MARKS)
    if not value:
        return []
    starts, ends = [0], []
    for match in re.finditer(_LINK_PIECES, value):
        if match["mark"]:
            ends.append(match.start())
            starts.append(match.end())
    return [_link(value[start:end]) for start, end in zip(starts, [*ends, len(value)], strict=True)]


def _link(piece: str) -> dict[str, str]:
    target, closed, rest = piece.partition(">") if piece.startswith("<") else ("", "", "")
    if not closed:
        target, _, rest = piece.partition(";")
    link = {"url": target.strip("<>" + _LINK_MARKS)}
    for item in split(rest, ";"):
        name, equals, content = item.partition("=")
        if equals:
            link.setdefault(name.strip(_LINK_MARKS), unquote(content.strip()).strip(_LINK_MARKS))
    return link


def _parse_content_type_header(header: str) -> tuple[str, dict[str, str]]:
    """The media type of a Content-Type value and its parameters, their names in lower case (RFC 9110 §8.3).

    Quotes around a value, single ones too, are removed; what is no `name=value` is left out.
    """
    media_type, *pieces = split(header, ";")
    found: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if equals:
            found[name.strip(_LINK_MARKS).lower()] = unquote(value.strip()).strip(_LINK_MARKS)
    return media_type, found
