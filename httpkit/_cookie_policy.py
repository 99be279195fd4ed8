"""What RFC 6265 says about accepting and sending a cookie, in the form in which http.cookiejar asks for it.

With what browsers have added since, as draft-ietf-httpbis-rfc6265bis ("6265bis" here) has it: Secure
cookies come from secure origins, prefixes of names keep their promise, public suffixes have no cookies. A policy, and
the two disguises in which a jar sees our messages. Decisions only: no jar here stores anything, and nothing is sent or
received.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http.cookiejar import Cookie, DefaultCookiePolicy
from importlib import import_module
from typing import Any, cast

from ._message import urls
from ._message.set_cookie import (
    SetCookie,
    default_path,
    domain_matches,
    is_address,
    normal_path,
    path_matches,
)
from .exceptions import InvalidURL, MissingSchema

__all__ = [
    "MockRequest",
    "MockResponse",
    "RFC6265Policy",
    "is_public_suffix",
    "related_domains",
    "stored_cookie",
]

_AUTHORITY = re.compile(r"(?<=://)[^/?#]*")


class MockRequest:
    """A prepared request with the interface of `urllib.request.Request`, as http.cookiejar reads it.

    The request is not modified: fields that a jar adds are kept apart, see `get_new_headers()`.
    """

    def __init__(self, request: Any) -> None:
        self._r = request
        self._new_headers: dict[str, str] = {}
        self._location: tuple[str, str] | None = None

    @property
    def type(self) -> str:
        """The scheme of the URL."""
        return str(self._r.url).partition(":")[0].lower()

    def get_type(self) -> str:
        """See `type`."""
        return self.type

    @property
    def host(self) -> str:
        """Host and port of the URL."""
        return self.get_host()

    def get_host(self) -> str:
        """See `host`."""
        try:
            return urls.parse(str(self._r.url)).authority
        except (InvalidURL, MissingSchema):
            return ""

    @property
    def origin_req_host(self) -> str:
        """The host that the user asked for, which is the URL's."""
        return self.get_origin_req_host()

    def get_origin_req_host(self) -> str:
        """See `origin_req_host`."""
        return self.get_host()

    @property
    def unverifiable(self) -> bool:
        """True: no user has approved of this request in particular."""
        return self.is_unverifiable()

    def is_unverifiable(self) -> bool:
        """See `unverifiable`."""
        return True

    def get_full_url(self) -> str:
        """The URL, with the Host field's value for its authority where the request has that field."""
        url: str = self._r.url
        host = self._r.headers.get("Host")
        if not host:
            return url
        name = host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host)
        return _AUTHORITY.sub(lambda _: name, url, count=1)

    def get_new_headers(self) -> dict[str, str]:
        """The fields that were added."""
        return self._new_headers

    def add_unredirected_header(self, name: str, value: str) -> None:
        """Keep a field for `get_new_headers`."""
        self._new_headers[name] = value

    def add_header(self, key: str, val: str) -> None:
        """Not there: the request is only looked at, and cookies come through `add_unredirected_header`."""
        raise NotImplementedError("a cookie field is added with add_unredirected_header()")

    def get_header(self, name: str, default: str | None = None) -> str | None:
        """The value of a field of the request, else of one that was added, else *default*."""
        for fields in (self._r.headers, self._new_headers):
            if name in fields:
                value: str | None = fields[name]
                return value
        return default

    def has_header(self, name: str) -> bool:
        """True when the request has the field, or it was added."""
        return any(name in fields for fields in (self._r.headers, self._new_headers))


class MockResponse:
    """The fields of a response with the interface of what `urllib.request.urlopen` returns."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def info(self) -> Any:
        """The fields, an object with `get_all(name, default)`."""
        return self._headers

    def getheaders(self, name: str) -> list[str]:
        """Every value of a field."""
        return list(self._headers.get_all(name, []))


def _locate(request: Any) -> tuple[str, str]:
    """Host, an IPv6 address in brackets, and path that cookies are compared with; no host for an unusable URL."""
    known = getattr(request, "_location", None)
    if known is None:
        try:
            parsed = urls.parse(request.get_full_url())
            # The path of a socket is no name: its case tells two of them apart.
            host = parsed.host if parsed.scheme == "http+unix" else parsed.host.lower()
            known = host, normal_path(parsed.path or "/")
        except (InvalidURL, MissingSchema):
            known = "", "/"
        if isinstance(request, MockRequest):
            request._location = known
    return known


class RFC6265Policy(DefaultCookiePolicy):
    """Which cookies are accepted from a response and sent with a request, by RFC 6265 §5.3 and §5.4 and 6265bis.

    *blocked_domains* and *allowed_domains* narrow it down, as in `DefaultCookiePolicy`. A response sets cookies for its
    host or a domain above it, but for none that is a public suffix, such as `com`: by the list of publicsuffix.org
    where the extra `httpkit[cookies]` is installed, and without it by its having one label. Secure cookies are set by
    https only, and so is what has the name of one that is there; `__Secure-` and `__Host-` names keep their promise.
    A jar keeps *max_cookies_per_domain*, and *max_cookies* in all, of those that servers set; beyond that the oldest
    give way, those without Secure first.

    A cookie that a program made with a domain is sent to that domain and its subdomains, and one without a domain to
    every host. None of the rules for servers is for programs. `secure_protocols` holds the schemes that count as
    secure.

    http.cookiejar keeps the cookies of a host with a one-label name under `name.local`, and programs have come to name
    that domain. Such a cookie is sent to the host `name`.
    """

    max_cookies_per_domain: int = 180
    max_cookies: int = 3000

    def __init__(
        self,
        blocked_domains: Iterable[str] | None = None,
        allowed_domains: Iterable[str] | None = None,
        *,
        max_cookies_per_domain: int = 180,
        max_cookies: int = 3000,
    ) -> None:
        super().__init__(
            blocked_domains=None if blocked_domains is None else tuple(blocked_domains),
            allowed_domains=None if allowed_domains is None else tuple(allowed_domains),
        )
        for name, limit in (("max_cookies_per_domain", max_cookies_per_domain), ("max_cookies", max_cookies)):
            if limit < 1:
                raise ValueError(f"{name} is {limit!r}; give how many cookies are kept, 1 or more")
        self.max_cookies_per_domain = max_cookies_per_domain
        self.max_cookies = max_cookies

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """True when the response to *request* may set *cookie*, as far as the cookie alone decides."""
        if cookie.secure and not self.is_secure(request):
            return False
        return keeps_its_prefix(cookie) and self.set_ok_domain(cookie, request)

    def is_secure(self, request: Any) -> bool:
        """True when nobody on the way can change the response to *request* (6265bis §5.7)."""
        return request.type in self.secure_protocols  # type: ignore[attr-defined]  # not in typeshed

    def set_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        """True when the host of *request* may set a cookie for the domain of *cookie* (RFC 6265 §5.3 steps 5 and 6)."""
        host, _ = _locate(request)
        domain = cookie.domain.removeprefix(".")
        if not host or self._excludes(cookie.domain):
            return False
        if not cookie.domain_specified:
            return host == domain
        return domain_matches(host, domain) and not is_public_suffix(domain)

    def return_ok(self, cookie: Cookie, request: Any) -> bool:
        """True when *cookie* may be sent with *request* as far as the cookie alone decides (RFC 6265 §5.4 step 1)."""
        return (
            self.return_ok_domain(cookie, request)
            and self.return_ok_secure(cookie, request)
            and self.return_ok_expires(cookie, request)
            and (not cookie.port or self.return_ok_port(cookie, request))
        )

    def return_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        """True when the host is the cookie's or, unless the cookie is host-only, domain-matches it."""
        domain = cookie.domain
        host, _ = _locate(request)
        if not domain or host == domain or _keeps_under_local(domain, host):
            return True
        host_only = not cookie.domain_specified and domain[0] != "."
        return not host_only and domain_matches(host, domain.removeprefix("."))

    def return_ok_expires(self, cookie: Cookie, request: Any) -> bool:
        """True when the cookie's time is not over."""
        return cookie.expires is None or not cookie.is_expired()

    def domain_return_ok(self, domain: str, request: Any) -> bool:
        """True when some cookie for *domain* might be sent."""
        host, _ = _locate(request)
        if domain and not (
            domain_matches(host, domain.removeprefix(".")) or _keeps_under_local(domain, host)
        ):
            return False
        return not self._excludes(domain)

    def path_return_ok(self, path: str, request: Any) -> bool:
        """True when the path of the request path-matches *path* (RFC 6265 §5.1.4)."""
        return path_matches(_locate(request)[1], path)

    def _excludes(self, domain: str) -> bool:
        return self.is_blocked(domain) or self.is_not_allowed(domain)


class AsReceivedPolicy(RFC6265Policy):
    """For the jar of one response, which tells what the response has set: Secure over http as well, which a session
    would not keep.
    """

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return keeps_its_prefix(cookie) and self.set_ok_domain(cookie, request)


def _keeps_under_local(domain: str, host: str) -> bool:
    return domain.endswith(".local") and domain[:-6] == host and "." not in host


def keeps_its_prefix(cookie: Cookie) -> bool:
    """True unless the name of *cookie* promises what it does not keep (6265bis §4.1.3, §5.7)."""
    name = cookie.name.lower()
    if name.startswith("__host-"):
        return bool(
            cookie.secure and not cookie.domain_specified and cookie.path_specified and cookie.path == "/"
        )
    return cookie.secure or not name.startswith("__secure-")


def related_domains(one: str, other: str) -> bool:
    """True when a host may be sent cookies of both: one is the other, or above it, or empty, which is every host."""
    one, other = one.removeprefix("."), other.removeprefix(".")
    return not one or not other or domain_matches(one, other) or domain_matches(other, one)


def is_public_suffix(domain: str) -> bool:
    """True for a domain under which others register theirs, such as `co.uk` (6265bis §5.7).

    Without the extra `httpkit[cookies]` only domains of one label are known to be such.
    """
    name = domain.removesuffix(".")
    if "." not in name:
        return True
    listed = _public_suffixes()
    return listed is not None and listed(name)


@lru_cache(maxsize=1)
def _public_suffixes() -> Callable[[str], bool] | None:
    """The question to the list, which takes 50 ms to read; None where it is not installed."""
    try:
        known = import_module("publicsuffixlist").PublicSuffixList()
    except ImportError:
        return None
    return cast("Callable[[str], bool]", known.is_public)


def stored_cookie(read: SetCookie, request: Any) -> Cookie:
    """The cookie to be stored for what a response to *request* set (RFC 6265 §5.3)."""
    host, request_path = _locate(request)
    domain = read.domain
    if domain == host and (is_address(host) or is_public_suffix(host)):
        domain = None  # it has no subdomains, or they are others', so it is a host-only cookie (step 5)
    cookie = Cookie(
        version=0,
        name=read.name,
        value=read.value,
        port=None,
        port_specified=False,
        domain=host if domain is None else "." + domain,
        domain_specified=domain is not None,
        domain_initial_dot=False,
        path=default_path(request_path) if read.path is None else read.path,
        path_specified=read.path is not None,
        secure=read.secure,
        expires=read.expires,
        discard=read.expires is None,
        comment=None,
        comment_url=None,
        rest=read.rest,  # type: ignore[arg-type]  # an attribute without a value is None there, as in http.cookiejar
    )
    if domain is None:
        cookie.domain = host  # which was put into lower case, and the path of a socket must not be
    return cookie
