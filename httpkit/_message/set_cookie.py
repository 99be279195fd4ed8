"""The Set-Cookie field, read as a user agent reads it, and what a cookie's domain and path match (RFC 6265 §5.1, §5.2).

Where browsers have moved on since, draft-ietf-httpbis-rfc6265bis counts: what is too long is ignored. Values only: no
jar, no clock and no http.cookiejar here. Reading never fails; a field that sets no cookie gives None.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = [
    "SetCookie",
    "cookie_date",
    "default_path",
    "domain_matches",
    "is_address",
    "normal_path",
    "path_matches",
    "read_set_cookie",
]

_LATEST = 253402300799  # 9999-12-31T23:59:59Z: no program can write a later date

# In octets, and each character of a field is one (6265bis §5.6).
_LONGEST_PAIR = 4096
_LONGEST_ATTRIBUTE = 1024

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.\-/;:@&=+$,!~*'()]*\Z")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_MAX_AGE = re.compile(r"(-?)([0-9]+)\Z")

# RFC 6265 §5.1.1
_DATE_DELIMITERS = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def domain_matches(host: str, domain: str) -> bool:
    """True when *host* domain-matches *domain* (RFC 6265 §5.1.3): both in lower case, *domain* without leading dot."""
    return host == domain or (host.endswith("." + domain) and not is_address(host))


def path_matches(request_path: str, cookie_path: str) -> bool:
    """True when *request_path* path-matches *cookie_path* (RFC 6265 §5.1.4)."""
    return request_path == cookie_path or (
        request_path.startswith(cookie_path)
        and (cookie_path.endswith("/") or request_path[len(cookie_path)] == "/")
    )


def default_path(request_path: str) -> str:
    """The path of a cookie that names none: the directory of the request's (RFC 6265 §5.1.4)."""
    return request_path[: max(request_path.rfind("/"), 0)] or "/"


def is_address(host: str) -> bool:
    return host[:1] == "[" or host[host.rfind(".") + 1 :].isdigit()


def normal_path(path: str) -> str:
    """*path* with what cannot be in a URL encoded and escapes in upper case: two spellings of one path are equal."""
    if _PLAIN_PATH.match(path):
        return path
    try:
        octets = path.encode("latin-1")
    except UnicodeEncodeError:
        octets = path.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda escape: escape[0].upper(), quote(octets, safe="%/;:@&=+$,!~*'()"))


def cookie_date(text: str) -> int | None:
    """The Unix time that a cookie's Expires means, None when it means none (RFC 6265 §5.1.1)."""
    clock: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _DATE_DELIMITERS.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601 or clock > (23, 59, 59) or max(clock[1:]) > 59:
        return None
    try:
        return calendar.timegm((*date(year, month, day).timetuple()[:3], *clock))
    except ValueError:
        return None


class SetCookie(NamedTuple):
    """A Set-Cookie field, read. *domain* is without its leading dot, *path* None where the default applies."""

    name: str
    value: str | None
    domain: str | None
    path: str | None
    secure: bool
    expires: int | None
    rest: dict[str, str | None]


def read_set_cookie(field: str, now: int) -> SetCookie | None:
    """The cookie of one Set-Cookie value (RFC 6265 §5.2); None for a value that sets none.

    A name without '=' is a cookie without a value, as browsers and http.cookiejar have it. A value without a name sets
    none: sent back it could pass for another cookie. Neither does one with a control character, or with more than 4096
    octets of name and value; an attribute of more than 1024 is left out (6265bis §5.6).
    """
    if _CONTROL.search(field):
        return None
    pair, *attributes = field.split(";")
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    if not name or len(name) + len(value) > _LONGEST_PAIR:
        return None
    known: dict[str, Any] = {}
    rest: dict[str, str | None] = {}
    for attribute in attributes:
        key, sign, text = (part.strip(" \t") for part in attribute.partition("="))
        reader = _ATTRIBUTES.get(key.lower())
        if len(text) > _LONGEST_ATTRIBUTE:
            continue
        if reader is not None:
            reader(known, text, now)
        elif key:
            rest[key] = text if sign else None
    return SetCookie(
        name,
        value if equals else None,
        known.get("domain"),
        known.get("path"),
        "secure" in known,
        known.get("max-age", known.get("expires")),
        rest,
    )


def _read_domain(known: dict[str, Any], text: str, now: int) -> None:
    known["domain"] = text.lower().removeprefix(".") or None


def _read_path(known: dict[str, Any], text: str, now: int) -> None:
    known["path"] = normal_path(text) if text[:1] == "/" else None


def _read_expires(known: dict[str, Any], text: str, now: int) -> None:
    expires = cookie_date(text)
    if expires is not None:
        known["expires"] = expires


def _read_max_age(known: dict[str, Any], text: str, now: int) -> None:
    found = _MAX_AGE.match(text)
    if found:
        seconds = 0 if found[1] else int(found[2].lstrip("0")[:12] or 0)
        known["max-age"] = min(now + seconds, _LATEST) if seconds else 0


def _read_secure(known: dict[str, Any], text: str, now: int) -> None:
    known["secure"] = True


_ATTRIBUTES = {
    "domain": _read_domain,
    "path": _read_path,
    "expires": _read_expires,
    "max-age": _read_max_age,
    "secure": _read_secure,
}
