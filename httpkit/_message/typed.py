"""What the fields that programs read mean: each reader takes a field value and gives a value of its own type.

Content-Type, Cache-Control, Via, Warning, Link, Allow, Age, Retry-After (RFC 9110, 9111, 8288, 7234). No
reader raises, and none takes more than linear time: a value that is missing, malformed or over 64 Ki
characters gives None. Nothing here decides anything; how long a response is fresh, or where a link leads
from, is asked elsewhere. Dates are in `dates`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from .dates import parse_http_date
from .grammar import MAX_LENGTH, QUOTED, TOKEN, is_token, parameter, split, unquote

__all__ = [
    "CacheControl",
    "ContentType",
    "Link",
    "Via",
    "WarningValue",
    "age",
    "allow",
    "cache_control",
    "content_type",
    "link",
    "retry_after",
    "via",
    "warning",
]

_T = TypeVar("_T")
_Values = str | Iterable[str] | None


def _joined(values: _Values) -> str | None:
    """A field's value, or its values in one list (RFC 9110 §5.3); None for none, or for too long a one."""
    if values is not None and not isinstance(values, str):
        values = ", ".join(values) or None
    return None if values is None or len(values) > MAX_LENGTH else values


def _list(values: _Values, read: Callable[[str, int], tuple[_T, int] | None]) -> tuple[_T, ...] | None:
    """The members of a list, which *read* gives for a text and a position, each with where it ends."""
    text = _joined(values)
    if text is None:
        return None
    next_member = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)").match
    members: list[_T] = []
    position = len(text) - len(text.lstrip(" \t,"))
    while position < len(text):
        member = read(text, position)
        following = None if member is None else next_member(text, member[1])
        if member is None or following is None:
            return None
        members.append(member[0])
        position = following.end()
    return tuple(members) or None


def _seconds(text: str | None) -> int | None:
    """Delta-seconds, at most 2^31, as RFC 9111 §1.2.2 wants it of numbers that are too large."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return min(int(digits[:11] or "0"), 2**31)


class ContentType(NamedTuple):
    """A media type (RFC 9110 §8.3.1): type, subtype and the names of the parameters in lower case."""

    type: str
    subtype: str
    parameters: Mapping[str, str] = MappingProxyType({})

    @property
    def essence(self) -> str:
        """`type/subtype`, without parameters."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str | None:
        """The charset parameter in lower case."""
        name = self.parameters.get("charset")
        return name.lower() if name else None


def content_type(value: str | None) -> ContentType | None:
    """The media type that a Content-Type field names.

    What is no `name=value` among the parameters is left out, and of a repeated one the first counts; None
    where type and subtype are not two tokens with a slash between them.
    """
    text = _joined(value)
    if text is None:
        return None
    essence, *pieces = split(text, ";")
    main, _, sub = essence.partition("/")
    if not (is_token(main) and is_token(sub)):
        return None
    parameters: dict[str, str] = {}
    for pair in map(parameter, pieces):
        if pair is not None:
            parameters.setdefault(*pair)
    return ContentType(main.lower(), sub.lower(), parameters)


class CacheControl(NamedTuple):
    """The directives of Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246), of requests and of responses.

    Times are in whole seconds, None without the directive; `max_stale` is infinite where it names no time.
    `no_cache` and `private` are True for the whole response, or the set of the fields, in lower case, that
    they are limited to. `extensions` has every other directive, and those of the above whose argument is
    malformed, with the argument or None.
    """

    max_age: int | None = None
    s_maxage: int | None = None
    max_stale: float | None = None
    min_fresh: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    no_cache: bool | frozenset[str] = False
    private: bool | frozenset[str] = False
    no_store: bool = False
    no_transform: bool = False
    only_if_cached: bool = False
    must_revalidate: bool = False
    must_understand: bool = False
    proxy_revalidate: bool = False
    public: bool = False
    immutable: bool = False
    extensions: Mapping[str, str | None] = MappingProxyType({})


def _max_stale(argument: str | None) -> float | None:
    return math.inf if argument is None else _seconds(argument)


def _field_names(argument: str | None) -> bool | frozenset[str]:
    """The fields that an argument lists; the whole response without one, or where it is no list of names."""
    names = [] if argument is None else [name for name in split(argument.lower(), ",") if name]
    return frozenset(names) if names and all(map(is_token, names)) else True


def _present(argument: str | None) -> bool:
    return True


_DIRECTIVES: dict[str, Callable[[str | None], object]] = {
    **dict.fromkeys(
        ("max-age", "s-maxage", "min-fresh", "stale-while-revalidate", "stale-if-error"), _seconds
    ),
    "max-stale": _max_stale,
    **dict.fromkeys(("no-cache", "private"), _field_names),
    **dict.fromkeys(("no-store", "no-transform", "only-if-cached", "must-revalidate"), _present),
    **dict.fromkeys(("must-understand", "proxy-revalidate", "public", "immutable"), _present),
}


def cache_control(value: _Values) -> CacheControl | None:
    """The directives of a Cache-Control field (RFC 9111 §5.2), None where there is none that can be read.

    One malformed directive does not hide the others: to miss a `no-store` would be worse. Of a repeated
    directive the first counts (§4.2.1); where `no-cache` or `private` comes both with and without fields, it
    is for the whole response.
    """
    text = _joined(value)
    if text is None:
        return None
    known: dict[str, Any] = {}
    extensions: dict[str, str | None] = {}
    for name, argument in _directives(text):
        read = _DIRECTIVES.get(name)
        meaning = None if read is None else read(argument)
        if meaning is None:
            extensions.setdefault(name, argument)
        elif name in extensions:
            continue
        elif read is _field_names:
            known[name] = _united(known.get(name, frozenset()), meaning)
        else:
            known.setdefault(name, meaning)
    if not known and not extensions:
        return None
    unread = {name: argument for name, argument in extensions.items() if name not in known}
    return CacheControl(extensions=unread, **{name.replace("-", "_"): known[name] for name in known})


def _directives(text: str) -> Iterator[tuple[str, str | None]]:
    for item in split(text, ","):
        directive = parameter(item) if "=" in item else (item.lower(), None) if is_token(item) else None
        if directive is not None:
            yield directive


def _united(one: object, other: object) -> object:
    return one | other if isinstance(one, frozenset) and isinstance(other, frozenset) else True


class Via(NamedTuple):
    """One intermediary (RFC 9110 §7.6.3): the protocol it received the message by, its name, its comment."""

    protocol: str
    version: str
    received_by: str
    comment: str | None = None


_VIA = rf"(?:({TOKEN})/)?({TOKEN})[ \t]+([^\x00-\x20\x7f,()<>\"]+)([ \t]+\()?"
_IN_COMMENT = r"[^()\\]+|\\(?s:.)|[()]"


def via(values: _Values) -> tuple[Via, ...] | None:
    """The intermediaries of a Via field, the first that the message passed first (RFC 9110 §7.6.3)."""
    return _list(values, _via)


def _via(text: str, position: int) -> tuple[Via, int] | None:
    hop = re.compile(_VIA).match(text, position)
    if hop is None:
        return None
    end = _end_of_comment(text, hop.end()) if hop[4] else hop.end()
    if end is None:
        return None
    comment = re.sub(r"\\(?s:(.))", r"\1", text[hop.end() : end - 1]) if hop[4] else None
    return Via((hop[1] or "HTTP").upper(), hop[2], hop[3], comment), end


def _end_of_comment(text: str, position: int) -> int | None:
    """Where the comment that holds *position* ends, for comments hold comments (RFC 9110 §5.6.5)."""
    depth = 1
    for piece in re.compile(_IN_COMMENT).finditer(text, position):
        depth += (piece[0] == "(") - (piece[0] == ")")
        if depth == 0:
            return piece.end()
    return None


class WarningValue(NamedTuple):
    """One warning (RFC 7234 §5.5): its code, who added it, what it says, and the Date it belongs to."""

    code: int
    agent: str
    text: str
    date: datetime | None = None


_WARNING = rf'([1-9][0-9]{{2}}) ([^\x00-\x20\x7f,"]+) ({QUOTED})(?: "([^"\\]*)")?'


def warning(values: _Values, *, now: float | None = None) -> tuple[WarningValue, ...] | None:
    """The warnings of a Warning field, in order (RFC 7234 §5.5; RFC 9111 §5.5 retires the field).

    *now*, Unix time in seconds, is for dates with two digits for the year, as in `dates.parse_http_date()`.
    """
    return _list(values, partial(_warning, now=now))


def _warning(text: str, position: int, *, now: float | None) -> tuple[WarningValue, int] | None:
    item = re.compile(_WARNING).match(text, position)
    if item is None:
        return None
    date = parse_http_date(item[4], now=now)
    if date is None and item[4] is not None:
        return None
    return WarningValue(int(item[1]), item[2], unquote(item[3]), date), item.end()


class Link(NamedTuple):
    """One link (RFC 8288 §3): its target as it stands, its relation types, and the parameters.

    The target may be relative to the URL of the response. Relation types are in lower case unless they are
    URIs, where case counts. The names of parameters are in lower case, `rel` among them; one without a value
    has an empty one.
    """

    target: str
    rel: tuple[str, ...] = ()
    parameters: Mapping[str, str] = MappingProxyType({})


_LINK_TARGET = r"<([^<>\"\s]*)>"
# Media types and URIs come as values without quotes, although they are no tokens.
_LINK_PARAMETER = rf"[ \t]*;[ \t]*(?:({TOKEN})(?:[ \t]*=[ \t]*({QUOTED}|[^\s;,\"]+))?)?"


def link(values: _Values) -> tuple[Link, ...] | None:
    """The links of a Link field, in order (RFC 8288 §3). Of a repeated parameter the first counts."""
    return _list(values, _link)


def _link(text: str, position: int) -> tuple[Link, int] | None:
    target = re.compile(_LINK_TARGET).match(text, position)
    if target is None:
        return None
    position = target.end()
    next_parameter = re.compile(_LINK_PARAMETER).match
    parameters: dict[str, str] = {}
    while item := next_parameter(text, position):
        position = item.end()
        if item[1] is not None:
            parameters.setdefault(item[1].lower(), unquote(item[2] or ""))
    types = parameters.get("rel", "").split()
    rel = tuple(name if ":" in name else name.lower() for name in types)
    return Link(target[1], rel, parameters), position


def allow(value: _Values) -> frozenset[str] | None:
    """The methods that an Allow field lists; an empty field is an empty set (RFC 9110 §10.2.1)."""
    text = _joined(value)
    methods = None if text is None else [name for name in split(text, ",") if name]
    return None if methods is None or not all(map(is_token, methods)) else frozenset(methods)


def age(value: _Values) -> int | None:
    """Seconds since the origin made or validated the response; the first of several (RFC 9111 §5.1)."""
    text = _joined(value)
    return None if text is None else _seconds(text.partition(",")[0].strip(" \t"))


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds to wait according to a Retry-After field (RFC 9110 §10.2.3).

    *value* is a number of seconds or an HTTP-date; *now* is Unix time in seconds. A date in the past gives
    0.0. None for anything else.
    """
    text = _joined(value)
    if text is None:
        return None
    seconds = _seconds(text.strip(" \t"))
    if seconds is not None:
        return float(seconds)
    date = parse_http_date(text, now=now)
    return None if date is None else max(0.0, date.timestamp() - now)
