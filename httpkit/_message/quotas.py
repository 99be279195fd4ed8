"""What a server says of how many calls it takes: the fields RateLimit and RateLimit-Policy, their predecessors, and
Retry-After.

draft-ietf-httpapi-ratelimit-headers has changed its fields twice, and all three forms are in use, next to the
X-RateLimit fields that came before:

    RateLimit: "default";r=0;t=30                                       since draft 08
    RateLimit: limit=100, remaining=0, reset=30                         drafts 07 and 06
    RateLimit-Limit: 100, RateLimit-Remaining: 0, RateLimit-Reset: 30   drafts 00 to 05, and with X- before

A field that cannot be read is no hint; nothing here raises, and all of it takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from .grammar import is_token, parameter, split, unquote
from .typed import retry_after

__all__ = ["Quota", "quotas", "silence"]

_LONGEST = 4096
#: A reset that is larger is no number of seconds from now but Unix time, as some servers have it.
_UNIX_TIME = 1_000_000_000
_INTEGER = re.compile(r"[0-9]{1,15}")  # RFC 9651 §3.3.1
_QUOTED = re.compile(r'"(?:[^"\\]|\\["\\])*"')  # RFC 9651 §3.3.3


class Quota(NamedTuple):
    """How many calls a server still takes by one of its policies, and how many seconds until it takes more.

    *reset* is None where the server does not say.
    """

    policy: str
    remaining: int
    reset: float | None


def silence(status: int, fields: Mapping[str, str], *, now: float) -> float:
    """How many seconds a server wants no more calls, by the *status* and *fields* of a response; 0.0 for none.

    The longest of what Retry-After says with status 429 or 503 (RFC 9110 §10.2.3, RFC 6585 §4), and the resets of
    the quotas of which nothing remains. *now* is Unix time in seconds.
    """
    waits = [quota.reset for quota in quotas(fields, now=now) if quota.remaining == 0 and quota.reset]
    if status in (429, 503):
        waits.append(retry_after(fields.get("Retry-After"), now=now) or 0.0)
    return max(waits, default=0.0)


def quotas(fields: Mapping[str, str], *, now: float) -> tuple[Quota, ...]:
    """The quotas that *fields*, a mapping without regard to case, tell of; *now* is Unix time in seconds."""
    given = fields.get("RateLimit")
    if given is not None:
        windows = {name: arguments.get("w") for name, arguments in _items(fields.get("RateLimit-Policy"))}
        found = [_quota(name, arguments, windows) for name, arguments in _items(given)]
        read = tuple(quota for quota in found if quota is not None)
        return read or _one(_dictionary(given), "", now)
    for prefix in ("RateLimit-", "X-RateLimit-", "X-Rate-Limit-"):
        if (read := _one(fields.get, prefix, now)) != ():
            return read
    return ()


def _quota(name: str, arguments: Mapping[str, str], windows: Mapping[str, str | None]) -> Quota | None:
    """A member of RateLimit. Without the time of its reset the window of its policy is all that it can take."""
    remaining, reset = _integer(arguments.get("r")), _integer(arguments.get("t"))
    if remaining is None:
        return None
    return Quota(name, remaining, _integer(windows.get(name)) if reset is None else reset)


def _one(read: Callable[[str], str | None], prefix: str, now: float) -> tuple[Quota, ...]:
    """The quota of the earlier forms, where *read* gives the value of a name, of a field or in a dictionary."""
    remaining, reset = _integer(read(f"{prefix}Remaining")), _integer(read(f"{prefix}Reset"))
    if remaining is None:
        return ()
    if reset is not None and reset >= _UNIX_TIME:
        return (Quota("", remaining, max(0.0, reset - now)),)
    return (Quota("", remaining, reset),)


def _dictionary(value: str) -> Callable[[str], str | None]:
    pairs = (parameter(piece) for piece in split(value, ","))
    known = dict(pair for pair in pairs if pair is not None)
    return lambda name: known.get(name.lower())


def _items(value: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """The members of a list of strings, or tokens, with their parameters (RFC 9651 §3.1); none of a malformed list."""
    if value is None or len(value) > _LONGEST:
        return iter(())
    members = []
    for member in split(value, ","):
        name, *pieces = split(member, ";")
        arguments = [parameter(piece) for piece in pieces]
        if not (_QUOTED.fullmatch(name) or is_token(name)) or None in arguments:
            return iter(())
        members.append((unquote(name), dict(pair for pair in arguments if pair is not None)))
    return iter(members)


def _integer(text: str | None) -> int | None:
    """The number that *text* is; of a list of them, which repeated fields make, the first."""
    first = "" if text is None else text.partition(",")[0].strip(" \t")
    return int(first) if _INTEGER.fullmatch(first) else None
