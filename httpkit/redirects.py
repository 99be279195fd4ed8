"""Redirect law: what the next request is, and what it may carry (RFC 9110 §15.4).

Pure decisions over a request and a response; nobody here sends, sleeps or reads the environment. The order
in which a session applies them, and the methods by which a subclass may steer them, are in `_pipeline` and
`sessions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Union

from ._message import bodies, fields, grammar, urls
from .exceptions import InvalidSchema, InvalidURL, RequestException, TooManyRedirects
from .models import REDIRECT_STATI, PreparedRequest, Response

__all__ = [
    "DEFAULT_SECRET_FIELDS",
    "MOST_REPEATS",
    "RedirectPolicy",
    "SecretFields",
    "check_policy",
    "drop_body",
    "drop_credentials",
    "drop_referer",
    "drop_spent_credentials",
    "is_followed",
    "is_policy",
    "limit_passed",
    "loop_found",
    "next_method",
    "next_url",
    "redirect_target",
    "rewind",
    "should_strip_auth",
    "state_of",
]

#: Fields that describe a body and mean nothing without it.
_BODY_FIELDS = ("Content-Length", "Content-Type", "Content-Encoding", "Content-Language", "Transfer-Encoding")
#: What drops these has a name that subclasses override: `rebuild_auth`, and the cookies' own rules.
_NOT_OURS = frozenset(("authorization", "cookie", "cookie2"))
_ABOUT_THE_BODY = frozenset(name.lower() for name in _BODY_FIELDS)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: One chain sends the very same request as often as this. A server that remembers may send a client to where it is
#: once or twice; one that has done so this often will not stop.
MOST_REPEATS = 5

#: What `Session.redirects` may be.
RedirectPolicy = Union[Literal["all", "same-origin", "none"], Callable[[Response, PreparedRequest], object]]
_POLICIES = ("all", "same-origin", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFields:
    """Which fields of a request belong to its first origin, besides those whose names look like keys.

    A redirect to another origin drops Authorization, Cookie, Proxy-Authorization, fields that auth has written, and
    fields whose names have `api-key`, `token`, `secret`, `password` or `authorization` in them or end with `-key`.
    *also* are names of others, such as `X-Session-Id`; *may_cross* are names that look like keys and are none, such
    as `Idempotency-Key`: whoever is redirected to gets to see what is in them. In both, `*` stands for any
    characters, and case does not matter. A name in both may cross.

    Raises ValueError for what is no name, and for a *may_cross* that would let Authorization, Cookie or
    Proxy-Authorization pass; TypeError for a single text, which would be read letter by letter.
    """

    also: Iterable[str] = ()
    may_cross: Iterable[str] = ()

    def __post_init__(self) -> None:
        for argument in ("also", "may_cross"):
            object.__setattr__(self, argument, _names(argument, getattr(self, argument)))
        for name in ("authorization", "cookie", "proxy-authorization"):
            if _any_matches(self.may_cross, name):
                raise ValueError(
                    f"SecretFields: may_cross={self.may_cross!r} would let {name} pass, which belongs to one origin; "
                    "credentials for several origins are given as a mapping, session.auth = {origin: auth}"
                )

    @classmethod
    def of(cls, given: Any) -> SecretFields:
        """*given* itself, the default for None, one with these names in *also* for an iterable of names."""
        if isinstance(given, cls):
            return given
        return DEFAULT_SECRET_FIELDS if given is None else cls(also=given)

    def is_for_one_origin(self, name: str) -> bool:
        """True when a field of this *name* is dropped where a redirect leaves the origin."""
        lower = name.lower()
        if self.may_cross and _any_matches(self.may_cross, lower):
            return False
        return fields.is_secret_field(name) or _any_matches(self.also, lower)


def _names(argument: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(
            f"SecretFields: {argument} is {type(given).__name__}; give names of fields in a tuple, ('X-Session-Id',)"
        )
    names = tuple(given)
    for name in names:
        if not isinstance(name, str) or not grammar.is_token(name):
            raise ValueError(
                f"SecretFields: {argument} has {str(name)[:80]!r} in it, which is no name of a field; "
                "give names such as 'X-Session-Id', or patterns such as '*-ticket'"
            )
    return tuple(name.lower() for name in names)


def _any_matches(patterns: Iterable[str], lower: str) -> bool:
    from fnmatch import fnmatchcase

    # `?` and brackets, which fnmatch knows too, are not in the names of fields.
    return any(fnmatchcase(lower, pattern) for pattern in patterns)


#: What a session has that says nothing.
DEFAULT_SECRET_FIELDS = SecretFields()


def redirect_target(response: Response) -> str | None:
    """The reference in Location when *response* is a redirect, else None.

    Fields arrive as ISO-8859-1, yet servers that write anything but ASCII here write UTF-8.
    """
    if response.status_code not in REDIRECT_STATI or "location" not in response.headers:
        return None
    location = response.headers["location"]
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def next_method(method: str | None, status: int) -> str | None:
    """The method after a redirect with *status*.

    303 asks for GET; 301 allows user agents to turn POST into GET, and 302 is treated by all of them as 303
    is (RFC 9110 §15.4.2-4). HEAD stays HEAD, 307 and 308 change nothing.
    """
    if method == "HEAD":
        return method
    if status in (302, 303) or (status == 301 and method == "POST"):
        return "GET"
    return method


def next_url(response: Response, request: PreparedRequest, target: str) -> str:
    """*target* resolved against the URL of *response*; a target without fragment inherits it (RFC 9110 §10.2.2).

    Raises InvalidURL for a target that is no URL, InvalidSchema for one that would leave HTTP.
    """
    shown = urls.redact(target)
    if _CONTROL.search(target.strip()):
        raise InvalidURL(
            f"redirect to {shown!r}: the Location has control characters in it{_after(response)}",
            response=response,
        )
    here = response.url or request.url or ""
    try:
        url = urls.prepare(urls.resolve(here, target.strip()))
    except RequestException as error:
        raise InvalidURL(
            f"redirect to {shown!r} cannot be followed: {error}{_after(response)}", response=response
        ) from error
    scheme, came_from = _scheme(url), _scheme(here)
    if scheme not in ("http", "https", came_from):
        raise InvalidSchema(
            f"redirect from {came_from} to {shown!r} is not followed: only http and https may be redirected to"
            f"{_after(response)}",
            response=response,
        )
    fragment = (request.url or "").partition("#")[2]
    return f"{url}#{fragment}" if fragment and "#" not in url else url


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def should_strip_auth(old_url: str, new_url: str) -> bool:
    """True when credentials meant for *old_url* must not go to *new_url*: another origin (RFC 6454 §4).

    An upgrade from http to https on the same host and the default ports counts as the same origin.
    """
    try:
        old, new = urls.origin(old_url), urls.origin(new_url)
    except RequestException:
        return True
    if not old[1]:
        # Without a host there is no origin to share.
        return True
    upgraded = old[0] == "http" and new[0] == "https" and old[2] == 80 and new[2] == 443
    return old != new and not (upgraded and old[1] == new[1])


def drop_body(request: PreparedRequest) -> None:
    """Remove the body and the fields that describe it."""
    for name in _BODY_FIELDS:
        request.headers.pop(name, None)
    request.body = None
    request._body_position = None


def drop_credentials(
    request: PreparedRequest, auth_hooks: Any, secret: SecretFields = DEFAULT_SECRET_FIELDS
) -> None:
    """Remove what must not reach another origin: the *secret* fields and those that auth has written, the Host field,
    which names the old one, and the hooks by which auth would answer a challenge.

    The request is the base of every later hop, so what is dropped here never comes back.
    """
    for name in list(request.headers):
        lower = name.lower()
        if lower in _NOT_OURS or lower in _ABOUT_THE_BODY:
            continue
        if lower == "host" or lower in request._auth_fields or secret.is_for_one_origin(name):
            del request.headers[name]
    request._auth_fields = frozenset()
    request.hooks = {
        event: [hook for hook in hooks if not auth_hooks(hook)] for event, hooks in request.hooks.items()
    }


def drop_spent_credentials(request: PreparedRequest) -> None:
    """Remove Digest credentials, which hold for one target only (RFC 7616 §3.4); the hook that made them
    makes others.
    """
    if str(request.headers.get("Authorization", "")).startswith("Digest "):
        del request.headers["Authorization"]


def drop_referer(request: PreparedRequest, came_from: str) -> None:
    """Remove a Referer that must not be sent, and of one that may be what must not be in it (RFC 9110 §10.1.3).

    From https to http none goes: not when the redirect came from https, nor when the Referer itself is https. Userinfo
    and fragment go nowhere.
    """
    given = request.headers.get("Referer")
    if given is None:
        return
    referer = given.decode("latin-1") if isinstance(given, bytes) else str(given)
    secure = "https" in (_scheme(came_from), _scheme(referer.strip()))
    if secure and _scheme(request.url or "") != "https":
        del request.headers["Referer"]
    elif "@" in referer or "#" in referer:
        try:
            request.headers["Referer"] = str(urls.parse(referer)._replace(userinfo=None, fragment=None))
        except RequestException:
            # Whether there is a password in it cannot be told.
            del request.headers["Referer"]


# --- which redirects are followed


def check_policy(policy: Any) -> None:
    """Raise ValueError or TypeError for what cannot be the `redirects` of a session."""
    if isinstance(policy, str):
        if policy not in _POLICIES:
            raise ValueError(
                f"redirects={policy[:80]!r}: give one of {', '.join(map(repr, _POLICIES))}, "
                "or a callable(response, next_request) that says whether to follow"
            )
    elif not callable(policy):
        raise TypeError(
            f"redirects is {type(policy).__name__}: give one of {', '.join(map(repr, _POLICIES))}, "
            "or a callable(response, next_request) that says whether to follow"
        )


def is_policy(given: object) -> bool:
    """False for what is a subclass's own affair: programs written for requests have had attributes called `redirects`
    that count or collect them.
    """
    return given is None or isinstance(given, (str, bool)) or callable(given)


def is_followed(policy: str, old_url: str, new_url: str) -> bool:
    """Whether the *policy* of a session, one that is a word, lets a redirect go from *old_url* to *new_url*."""
    return policy == "all" or (policy == "same-origin" and not should_strip_auth(old_url, new_url))


def state_of(request: PreparedRequest) -> tuple[object, ...]:
    """What a server without a memory sees of *request*: when it is the same again, so will be the answer."""
    headers = request.headers
    return (
        request.method,
        (request.url or "").partition("#")[0],
        headers.get("Cookie"),
        headers.get("Authorization"),
        id(request.body),
    )


def loop_found(response: Response, request: PreparedRequest) -> TooManyRedirects:
    """The error for a chain that would send *request*, which it has sent too often."""
    return TooManyRedirects(
        f"redirect loop: the same {request.method} {_shown(request.url)!r} was sent {MOST_REPEATS} times, with the "
        f"same cookies and credentials{_after(response)}. A session whose `redirects` is a callable decides for itself",
        response=response,
    )


def limit_passed(response: Response, limit: int, target: str) -> TooManyRedirects:
    """The error for *response*, which asks for one redirect more than *limit*."""
    return TooManyRedirects(
        f"{len(response.history) + 1} redirects, and {limit} are allowed (max_redirects); the last asked for "
        f"{_shown(target)!r}{_after(response)}",
        response=response,
    )


def _after(response: Response) -> str:
    """The way to *response* for a message: statuses and URLs, the middle of a long one left out."""
    way = [*response.history, response]
    left_out = len(way) - 4
    steps = [f"{hop.status_code} {_shown(hop.url)}" for hop in way]
    if left_out > 1:
        steps[2:-2] = [f"({left_out} more)"]
    return f"; the way there: {' -> '.join(steps)}"


def _shown(url: object) -> str:
    return urls.redact(url or "", 80)


def rewind(request: PreparedRequest, response: Response | None = None) -> None:
    """Take the body back to where it began, so that it can be sent again, as *response* asks.

    Raises BodyNotReplayable if it cannot be; the status of *response* is its cause.
    """
    if request.body is None:
        return
    try:
        bodies.rewind(request.body, request._body_position)
    except RequestException as error:
        error.request, error.response = request, response
        asked = None if response is None else response._status_error()
        raise error from error.__cause__ or asked
