"""Redirect law: what the next request is, and what it may carry (RFC 9110 §15.4).

Pure decisions over a request and a response; nobody here sends, sleeps or reads the environment. The order
in which a session applies them, and the methods by which a subclass may steer them, are in `_pipeline` and
`sessions`.
"""

from __future__ import annotations

import re
from typing import Any

from ._message import bodies, fields, urls
from .exceptions import InvalidSchema, InvalidURL, RequestException
from .models import REDIRECT_STATI, PreparedRequest, Response

__all__ = [
    "drop_body",
    "drop_credentials",
    "drop_spent_credentials",
    "next_method",
    "next_url",
    "redirect_target",
    "rewind",
    "should_strip_auth",
]

#: Fields that describe a body and mean nothing without it.
_BODY_FIELDS = ("Content-Length", "Content-Type", "Content-Encoding", "Content-Language", "Transfer-Encoding")
#: What drops these has a name that subclasses override: `rebuild_auth`, and the cookies' own rules.
_NOT_OURS = frozenset(("authorization", "cookie", "cookie2"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
            f"redirect to {shown!r}: the Location has control characters in it", response=response
        )
    here = response.url or request.url or ""
    try:
        url = urls.prepare(urls.resolve(here, target.strip()))
    except RequestException as error:
        raise InvalidURL(f"redirect to {shown!r} cannot be followed: {error}", response=response) from error
    scheme, came_from = _scheme(url), _scheme(here)
    if scheme not in ("http", "https", came_from):
        raise InvalidSchema(
            f"redirect from {came_from} to {shown!r} is not followed: only http and https may be redirected to",
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
    upgraded = old[0] == "http" and new[0] == "https" and old[2] == 80 and new[2] == 443
    return old != new and not (upgraded and old[1] == new[1])


def drop_body(request: PreparedRequest) -> None:
    """Remove the body and the fields that describe it."""
    for name in _BODY_FIELDS:
        request.headers.pop(name, None)
    request.body = None
    request._body_position = None


def drop_credentials(request: PreparedRequest, auth_hooks: Any) -> None:
    """Remove what must not reach another origin: key-like fields, and the hooks by which auth would answer a challenge.

    The request is the base of every later hop, so what is dropped here never comes back.
    """
    for name in list(request.headers):
        if fields.is_secret_field(name) and name.lower() not in _NOT_OURS:
            del request.headers[name]
    request.hooks = {
        event: [hook for hook in hooks if not auth_hooks(hook)] for event, hooks in request.hooks.items()
    }


def drop_spent_credentials(request: PreparedRequest) -> None:
    """Remove Digest credentials, which hold for one target only (RFC 7616 §3.4); the hook that made them
    makes others.
    """
    if str(request.headers.get("Authorization", "")).startswith("Digest "):
        del request.headers["Authorization"]


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
