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
from dataclasses import dataclass, field
from datetime import datetime

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

_Values = str | Iterable[str] | None
_ELEMENT = re.compile(rf"({TOKEN})(?:[ \t]*=[ \t]*(.*))?", re.DOTALL)
_END = r"[ \t]*(?:,[ \t,]*|\Z)"
_NEXT = re.compile(_END)
_SEPARATORS = re.compile(r"[ \t,]*")


def _joined(values: _Values) -> str | None:
    """A field's value, or its values in one list (RFC 9110 §5.3); None for none, or for too long a one."""
    if values is not None and not isinstance(values, str):
        values = ", ".join(values) or None
    return None if values is None or len(values) > MAX_LENGTH else values


def _seconds(text: str | None) -> int | None:
    """Delta-seconds, at most 2^31, as RFC 9111 §1.2.2 wants it of numbers that are too large."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return min(int(digits[:11] or "0"), 2**31)


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type (RFC 9110 §8.3.1): type, subtype and the names of the parameters in lower case."""

    type: str
    subtype: str
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheControl:
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
    extensions: Mapping[str, str | None] = field(default_factory=dict, hash=False)


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
    known: dict[str, object] = {}
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
    return _control(known, {name: extensions[name] for name in extensions if name not in known})


def _directives(text: str) -> Iterator[tuple[str, str | None]]:
    for item in split(text, ","):
        match = _ELEMENT.fullmatch(item)
        if match is not None and not (match[2] or "").startswith('"'):
            yield match[1].lower(), match[2]
        elif match is not None and (pair := parameter(item)) is not None:
            yield pair


def _united(one: object, other: object) -> object:
    return one | other if isinstance(one, frozenset) and isinstance(other, frozenset) else True


def _control(known: dict[str, object], extensions: dict[str, str | None]) -> CacheControl:
    fields: dict[str, object] = {name.replace("-", "_"): meaning for name, meaning in known.items()}
    # The table of directives gives each field its type.
    return CacheControl(**fields, extensions=extensions)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Via:
    """One intermediary (RFC 9110 §7.6.3): the protocol it received the message by, its name, its comment."""

    protocol: str
    version: str
    received_by: str
    comment: str | None = None


_VIA = re.compile(rf"(?:({TOKEN})/)?({TOKEN})[ \t]+([^\x00-\x20\x7f,()<>\"]+)")
_COMMENT_START = re.compile(r"[ \t]+\(")
_IN_COMMENT = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)


def via(values: _Values) -> tuple[Via, ...] | None:
    """The intermediaries of a Via field, the first that the message passed first (RFC 9110 §7.6.3)."""
    text = _joined(values)
    if text is None:
        return None
    hops: list[Via] = []
    position = _after(_SEPARATORS, text, 0) or 0
    while position < len(text):
        hop = _VIA.match(text, position)
        if hop is None:
            return None
        end, comment = _comment(text, hop.end())
        following = _after(_NEXT, text, end)
        if following is None:
            return None
        hops.append(Via((hop[1] or "HTTP").upper(), hop[2], hop[3], comment))
        position = following
    return tuple(hops) or None


def _comment(text: str, position: int) -> tuple[int, str | None]:
    """Where the comment at *position* ends, and what it says; comments nest (RFC 9110 §5.6.5)."""
    start = _after(_COMMENT_START, text, position)
    if start is None:
        return position, None
    depth, end = 1, start
    for piece in _IN_COMMENT.finditer(text, start):
        depth += (piece[0] == "(") - (piece[0] == ")")
        end = piece.end()
        if depth == 0:
            return end, _PAIR.sub(r"\1", text[start : end - 1])
    return position, None


def _after(pattern: re.Pattern[str], text: str, position: int) -> int | None:
    match = pattern.match(text, position)
    return None if match is None else match.end()


@dataclass(frozen=True, slots=True)
class WarningValue:
    """One warning (RFC 7234 §5.5): its code, who added it, what it says, and the Date it belongs to."""

    code: int
    agent: str
    text: str
    date: datetime | None = None


_WARNING = re.compile(
    rf'([1-9][0-9]{{2}}) ([^\x00-\x20\x7f,"]+) ({QUOTED})(?: "([^"\\]*)")?{_END}', re.DOTALL
)


def warning(values: _Values, *, now: float | None = None) -> tuple[WarningValue, ...] | None:
    """The warnings of a Warning field, in order (RFC 7234 §5.5; RFC 9111 §5.5 retires the field).

    *now*, Unix time in seconds, is for dates with two digits for the year, as in `dates.parse_http_date()`.
    """
    text = _joined(values)
    if text is None:
        return None
    found: list[WarningValue] = []
    position = _after(_SEPARATORS, text, 0) or 0
    while position < len(text):
        item = _WARNING.match(text, position)
        date = None if item is None else parse_http_date(item[4], now=now)
        if item is None or (item[4] is not None and date is None):
            return None
        found.append(WarningValue(int(item[1]), item[2], unquote(item[3]), date))
        position = item.end()
    return tuple(found) or None


@dataclass(frozen=True, slots=True)
class Link:
    """One link (RFC 8288 §3): its target as it stands, its relation types, and the parameters.

    The target may be relative to the URL of the response. Relation types are in lower case unless they are
    URIs, where case counts. The names of parameters are in lower case, `rel` among them; one without a value
    has an empty one.
    """

    target: str
    rel: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)


_LINK_TARGET = re.compile(r"<([^<>\"\s]*)>")
# Media types and URIs come as values without quotes, although they are no tokens.
_LINK_PARAMETER = re.compile(
    rf"[ \t]*;[ \t]*(?:({TOKEN})(?:[ \t]*=[ \t]*({QUOTED}|[^\s;,\"]+))?)?", re.DOTALL
)


def link(values: _Values) -> tuple[Link, ...] | None:
    """The links of a Link field, in order (RFC 8288 §3). Of a repeated parameter the first counts."""
    text = _joined(values)
    if text is None:
        return None
    links: list[Link] = []
    position = _after(_SEPARATORS, text, 0) or 0
    while position < len(text):
        target = _LINK_TARGET.match(text, position)
        if target is None:
            return None
        end, parameters = _link_parameters(text, target.end())
        following = _after(_NEXT, text, end)
        if following is None:
            return None
        types = parameters.get("rel", "").split()
        rel = tuple(name if ":" in name else name.lower() for name in types)
        links.append(Link(target[1], rel, parameters))
        position = following
    return tuple(links) or None


def _link_parameters(text: str, position: int) -> tuple[int, dict[str, str]]:
    parameters: dict[str, str] = {}
    while item := _LINK_PARAMETER.match(text, position):
        if item[1] is not None:
            parameters.setdefault(item[1].lower(), unquote(item[2] or ""))
        position = item.end()
    return position, parameters


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
