"""Cookies: the jar that keeps them, and what passes between a jar and a message (RFC 6265).

`RequestsCookieJar` is an `http.cookiejar.CookieJar` with a mapping's interface. By default it follows RFC 6265 where
http.cookiejar, which is older than it, does not: host-only cookies stay with their host, a response cannot delete the
cookies of another site, dates are read as §5.1.1 says. A jar that is given another policy, and any other `CookieJar`,
work as http.cookiejar documents.

Nothing here sends or receives. Which cookies are accepted and sent is decided in `_cookie_policy`.
"""

from __future__ import annotations

import copy
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from http.cookiejar import Cookie, CookieJar, CookiePolicy
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakValueDictionary

from ._cookie_policy import (
    AsReceivedPolicy,
    MockRequest,
    MockResponse,
    RFC6265Policy,
    related_domains,
    stored_cookie,
)
from ._late import late_names
from ._message.set_cookie import cookie_date, path_matches, read_set_cookie
from .exceptions import InvalidHeader

__all__ = [
    "CookieConflictError",
    "MockRequest",
    "MockResponse",
    "RFC6265Policy",
    "RequestsCookieJar",
    "add_dict_to_cookiejar",
    "cookiejar_from_dict",
    "cookies_set_by",
    "create_cookie",
    "dict_from_cookiejar",
    "extract_cookies_to_jar",
    "get_cookie_header",
    "merge_cookies",
    "morsel_to_cookie",
    "remove_cookie_by_name",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        __name__,
        {
            "http": "cookielib=cookiejar",
            "urllib.parse": "urlparse urlunparse",
        },
    )

_Jar = TypeVar("_Jar", bound=CookieJar)
_NEVER = float("inf")
# A ';' would begin another cookie, a line break another field (RFC 6265 §4.1.1).
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f;]")


class CookieConflictError(RuntimeError):
    """Several cookies in the jar have this name. `get()` and `set()` with domain and path tell them apart."""


class RequestsCookieJar(CookieJar, MutableMapping[str, "str | None"]):
    """A cookie jar that is a mapping from cookie names to values as well. It can be pickled and shared by threads.

    Iterating gives `http.cookiejar.Cookie` objects; `keys()`, `values()` and `items()` give lists of names and values.
    Where cookies of several domains or paths have one name, subscription raises `CookieConflictError`, and `get()` and
    `set()` take `domain` and `path`. Looking a name up takes time in proportion to the number of cookies.

    Everything that enters the jar goes through `set_cookie`, and every assignment through `set`.
    """

    _cookies: dict[str, dict[str, dict[str, Cookie]]]
    _cookies_lock: Any
    _policy: CookiePolicy
    _soonest_expiry: float = _NEVER

    def __init__(self, policy: CookiePolicy | None = None) -> None:
        super().__init__(RFC6265Policy() if policy is None else policy)
        _jars[id(self)] = self

    def __repr__(self) -> str:
        """The cookies by name, domain and path. Their values are logins, and this ends up in logs."""
        cookies = ", ".join(f"<Cookie {cookie.name}=*** for {cookie.domain}{cookie.path}>" for cookie in self)
        return f"<{type(self).__name__}[{cookies}]>"

    __str__ = __repr__

    # the mapping

    def get(  # type: ignore[override]  # takes more than a mapping's
        self, name: str, default: str | None = None, domain: str | None = None, path: str | None = None
    ) -> str | None:
        """The value of the cookie with this name and, where given, this domain and path; *default* without one.

        Raises CookieConflictError when there are several.
        """
        try:
            return self._find_no_duplicates(name, domain, path)
        except KeyError:
            return default

    def set(self, name: str, value: str | bytes | Morsel[Any] | None, **kwargs: Any) -> Cookie | None:
        """Store a cookie and return it.

        *kwargs* are those of `create_cookie`, such as domain, path and expires. A `Morsel` brings its own. None removes
        the cookies of that name and, where given, that domain and path.
        """
        if value is None:
            remove_cookie_by_name(self, name, domain=kwargs.get("domain"), path=kwargs.get("path"))
            return None
        cookie = (
            morsel_to_cookie(value) if isinstance(value, Morsel) else create_cookie(name, value, **kwargs)
        )
        self.set_cookie(cookie)
        return cookie

    def iterkeys(self) -> Iterator[str]:
        """The names of the cookies, one by one."""
        return (cookie.name for cookie in self)

    def keys(self) -> list[str]:  # type: ignore[override]  # a list, as in requests
        """The names of the cookies."""
        return list(self.iterkeys())

    def itervalues(self) -> Iterator[str | None]:
        """The values of the cookies, one by one."""
        return (cookie.value for cookie in self)

    def values(self) -> list[str | None]:  # type: ignore[override]  # a list, as in requests
        """The values of the cookies."""
        return list(self.itervalues())

    def iteritems(self) -> Iterator[tuple[str, str | None]]:
        """Name and value of each cookie, one by one."""
        return ((cookie.name, cookie.value) for cookie in self)

    def items(self) -> list[tuple[str, str | None]]:  # type: ignore[override]  # a list, as in requests
        """Name and value of each cookie."""
        return list(self.iteritems())

    def list_domains(self) -> list[str]:
        """Each domain once."""
        return list(dict.fromkeys(cookie.domain for cookie in self))

    def list_paths(self) -> list[str]:
        """Each path once."""
        return list(dict.fromkeys(cookie.path for cookie in self))

    def multiple_domains(self) -> bool:
        """True when the cookies have more than one domain."""
        return len(self.list_domains()) > 1

    def get_dict(self, domain: str | None = None, path: str | None = None) -> dict[str, str | None]:
        """Names and values of the cookies with this domain and path, as far as they are given."""
        return {cookie.name: cookie.value for cookie in self._matching(None, domain, path)}

    def __iter__(self) -> Iterator[Cookie]:  # type: ignore[override]  # cookies, as in requests
        # A snapshot: other threads may add and remove meanwhile. http.cookiejar's takes ten times as long.
        return iter(
            [
                cookie
                for paths in list(self._cookies.values())
                for cookies in list(paths.values())
                for cookie in list(cookies.values())
            ]
        )

    def __len__(self) -> int:
        return sum(1 for _ in self) if self._cookies else 0

    def __contains__(self, name: object) -> bool:
        return any(cookie.name == name and cookie.value is not None for cookie in self)

    def __getitem__(self, name: str) -> str | None:
        return self._find_no_duplicates(name)

    def __setitem__(self, name: str, value: str | bytes | Morsel[Any] | None) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        remove_cookie_by_name(self, name)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Add copies of the cookies of another jar, or the names and values of a mapping or of pairs."""
        if isinstance(other, CookieJar):
            for cookie in other:
                self.set_cookie(_twin(cookie))
            other = ()
        super().update(other, **kwargs)

    def _matching(self, name: str | None, domain: str | None, path: str | None) -> Iterator[Cookie]:
        return (
            cookie
            for cookie in self
            if (name is None or cookie.name == name)
            and (domain is None or cookie.domain == domain)
            and (path is None or cookie.path == path)
        )

    def _find(self, name: str, domain: str | None = None, path: str | None = None) -> str | None:
        """The value of the first such cookie. Raises KeyError without one."""
        for cookie in self._matching(name, domain, path):
            return cookie.value
        raise KeyError(_described(name, domain, path))

    def _find_no_duplicates(self, name: str, domain: str | None = None, path: str | None = None) -> str:
        """The value of the only such cookie that has one. Raises KeyError without, CookieConflictError with several."""
        values = [cookie.value for cookie in self._matching(name, domain, path) if cookie.value is not None]
        if not values:
            raise KeyError(_described(name, domain, path))
        if len(values) > 1:
            raise CookieConflictError(
                f"{len(values)} cookies match {_described(name, domain, path)}; use get() with domain and path"
            )
        return values[0]

    # what http.cookiejar does with it

    def get_policy(self) -> CookiePolicy:
        """The policy that decides what is accepted and sent."""
        return self._policy

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:
        """Store *cookie*, in the place of one with the same domain, path and name.

        Escaped quotation marks within a quoted value are dropped.
        """
        value = cookie.value
        if isinstance(value, str) and value.startswith('"') and value.endswith('"'):
            cookie.value = value.replace('\\"', "")
        with self._cookies_lock:
            if cookie.expires is not None and cookie.expires < self._soonest_expiry:
                self._soonest_expiry = cookie.expires
            super().set_cookie(cookie, *args, **kwargs)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove all cookies, those of a domain, of a path within it, or the one with that name.

        Raises KeyError where there is no such cookie.
        """
        with self._cookies_lock:
            super().clear(domain, path, name)

    def clear_expired_cookies(self) -> None:
        """Remove the cookies whose time is over."""
        with self._cookies_lock:
            super().clear_expired_cookies()
            self._soonest_expiry = min(
                (cookie.expires for cookie in self if cookie.expires is not None), default=_NEVER
            )

    def make_cookies(self, response: Any, request: Any) -> list[Cookie]:
        """The cookies that *response* sets, before the policy has seen them, without those that it deletes."""
        if not isinstance(self._policy, RFC6265Policy):
            return list(super().make_cookies(response, request))
        now = int(time.time())
        return [cookie for cookie in self._received(response, request, now) if not cookie.is_expired(now)]

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Store the cookies that *response* sets, and delete those that it lets expire, where the policy agrees."""
        policy = self._policy
        if not isinstance(policy, RFC6265Policy):
            super().extract_cookies(response, request)
            return
        now = int(time.time())
        with self._cookies_lock:
            for cookie in self._received(response, request, now):
                if not policy.set_ok(cookie, request) or self._would_cover(cookie, request, policy):
                    continue
                if not cookie.is_expired(now):
                    self.set_cookie(cookie)
                    self._make_room(cookie.domain, policy)
                elif cookie.name in self._cookies.get(cookie.domain, {}).get(cookie.path, {}):
                    self.clear(cookie.domain, cookie.path, cookie.name)

    def _would_cover(self, cookie: Cookie, request: Any, policy: RFC6265Policy) -> bool:
        """True when *cookie*, which anybody on the way may have set, would be taken for a Secure one that is there.

        It would replace or delete it, or be sent beside it (6265bis §5.7).
        """
        if cookie.secure or policy.is_secure(request):
            return False
        for domain, paths in self._cookies.items():
            if related_domains(domain, cookie.domain):
                for path, cookies in paths.items():
                    other = cookies.get(cookie.name)
                    if other is not None and other.secure and path_matches(cookie.path, path):
                        return True
        return False

    def _make_room(self, domain: str, policy: RFC6265Policy) -> None:
        """Let cookies go until *domain*, and the jar, have no more than the policy allows (6265bis §5.7).

        Those that are over first. Then it is the domain with the most that gives them up, so that a site which sets
        thousands loses its own.
        """
        most = policy.max_cookies_per_domain
        if self._count(domain) <= most and sum(map(self._count, self._cookies)) <= policy.max_cookies:
            return
        self.clear_expired_cookies()
        while self._count(domain) > most:
            self._drop_one(domain)
        while sum(map(self._count, self._cookies)) > policy.max_cookies:
            self._drop_one(max(self._cookies, key=self._count))

    def _count(self, domain: str) -> int:
        return sum(map(len, self._cookies.get(domain, {}).values()))

    def _drop_one(self, domain: str) -> None:
        kept = [cookie for cookies in self._cookies[domain].values() for cookie in cookies.values()]
        oldest = next((cookie for cookie in kept if not cookie.secure), kept[0])
        self.clear(domain, oldest.path, oldest.name)
        # http.cookiejar leaves the empty places, of which there can be any number.
        if not self._cookies[domain][oldest.path]:
            self.clear(domain, oldest.path)
        if not self._cookies[domain]:
            self.clear(domain)

    def _received(self, response: Any, request: Any, now: int) -> Iterator[Cookie]:
        for field in response.info().get_all("Set-Cookie", []):
            read = read_set_cookie(str(field), now)
            if read is not None:
                yield stored_cookie(read, request)

    def add_cookie_header(self, request: Any) -> None:
        """Give *request* its Cookie field, unless it has one (RFC 6265 §5.4).

        Raises InvalidHeader for a cookie that cannot be sent without changing the message around it.
        """
        if not isinstance(self._policy, RFC6265Policy):
            super().add_cookie_header(request)
            return
        if request.has_header("Cookie"):
            return
        with self._cookies_lock:
            if time.time() >= self._soonest_expiry:
                self.clear_expired_cookies()
            fields = self._cookie_attrs(self._to_be_sent(request))
        if fields:
            request.add_unredirected_header("Cookie", "; ".join(fields))

    def _to_be_sent(self, request: Any) -> list[Cookie]:
        policy = self._policy
        return [
            cookie
            for domain, paths in self._cookies.items()
            if policy.domain_return_ok(domain, request)
            for path, cookies in paths.items()
            if policy.path_return_ok(path, request)
            for cookie in cookies.values()
            if policy.return_ok(cookie, request)
        ]

    def _cookie_attrs(self, cookies: list[Cookie]) -> list[str]:
        """The pairs of the Cookie field, longest path first, else in the order of their creation (RFC 6265 §5.4)."""
        pairs = {id(cookie): _sendable_pair(cookie) for cookie in cookies}
        if not isinstance(self._policy, RFC6265Policy):
            return list(super()._cookie_attrs(cookies))  # type: ignore[misc]  # not in typeshed
        cookies.sort(key=_path_length, reverse=True)
        return [pairs[id(cookie)] for cookie in cookies]

    # copies

    def copy(self) -> RequestsCookieJar:
        """A jar with the same policy and copies of the cookies."""
        twin = RequestsCookieJar(self.get_policy())
        twin.update(self)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_cookies_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.setdefault("_cookies_lock", threading.RLock())
        _jars[id(self)] = self


#: Jars by their identity, since they compare by what is in them.
_jars: WeakValueDictionary[int, RequestsCookieJar] = WeakValueDictionary()


def _forked() -> None:
    """In the child of a fork, which has one thread only: nobody will ever give back a lock that another had."""
    for jar in list(_jars.values()):
        jar._cookies_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _described(name: str, domain: str | None, path: str | None) -> str:
    return f"name={name!r}, domain={domain!r}, path={path!r}"


def _path_length(cookie: Cookie) -> int:
    return len(cookie.path)


def _sendable_pair(cookie: Cookie) -> str:
    """`name=value`. Raises InvalidHeader, which does not show the value, for what would add a cookie or a field."""
    pair = cookie.name if cookie.value is None else f"{cookie.name}={cookie.value}"
    wrong = _UNSENDABLE.search(pair)
    if wrong is None:
        return pair
    raise InvalidHeader(
        f"the cookie {cookie.name[:80]!r} cannot be sent: {wrong[0]!r} in its name or value would change the message "
        "around it (RFC 6265 §4.1.1); encode the value first, for example with urllib.parse.quote"
    )


def _twin(cookie: Cookie) -> Cookie:
    """A copy, at a tenth of `copy.copy`'s price."""
    if type(cookie) is not Cookie:
        return copy.copy(cookie)
    twin = Cookie.__new__(Cookie)
    twin.__dict__.update(cookie.__dict__)
    return twin


# --- between a jar and a message


def extract_cookies_to_jar(jar: CookieJar, request: Any, response: Any) -> None:
    """Store in *jar* the cookies that the response to *request* sets, as far as its policy accepts them.

    *response* is what an adapter received. Its Set-Cookie fields are taken from `_original_response.msg`, which
    libraries that stand in for a server fill, and where there is none from `headers`.
    """
    if getattr(response, "sets_cookies", None) is False:
        return
    fields = _set_cookie_fields(response)
    if fields is not None:
        jar.extract_cookies(MockResponse(fields), MockRequest(request))  # type: ignore[arg-type]  # as good as urllib's


def cookies_set_by(request: Any, response: Any) -> RequestsCookieJar:
    """A jar with what the response to *request* sets, for programs to look at.

    It has Secure cookies that came over http too. No session keeps those, and they are sent to https only.
    """
    jar = RequestsCookieJar(AsReceivedPolicy())
    extract_cookies_to_jar(jar, request, response)
    jar.set_policy(RFC6265Policy())
    return jar


class _SetCookieFields:
    """Set-Cookie values with the interface of an `email.message.Message`."""

    def __init__(self, values: list[str]) -> None:
        self._values = values

    def get_all(self, name: str, failobj: Any = None) -> Any:
        return self._values if name.lower() == "set-cookie" else failobj


def _set_cookie_fields(response: Any) -> Any:
    """The object that holds the Set-Cookie fields, None when there are none."""
    original = getattr(response, "_original_response", None)
    message = None if original is None else getattr(original, "msg", None)
    if message is not None and hasattr(message, "get_all"):
        found = message.get_all("Set-Cookie")
        return message if found and isinstance(found, (list, tuple)) else None
    headers = getattr(response, "headers", None)
    if headers is None:
        return None
    if hasattr(headers, "getlist"):
        values = headers.getlist("Set-Cookie")
    else:
        value = headers.get("Set-Cookie")
        values = None if value is None else [value]
    return _SetCookieFields(list(values)) if values and isinstance(values, (list, tuple)) else None


def get_cookie_header(jar: CookieJar, request: Any) -> str | None:
    """The value of the Cookie field that *request* shall have, None for no field.

    None as well when the request has a Cookie field already. A Host field in the request counts as its host. Raises
    InvalidHeader for a cookie that cannot be sent without changing the message around it.
    """
    ours = isinstance(jar, RequestsCookieJar)
    if ours and not jar._cookies:  # type: ignore[attr-defined]  # mypy does not follow `ours`
        return None
    asked = MockRequest(request)
    try:
        jar.add_cookie_header(asked)  # type: ignore[arg-type]  # as good as urllib's
        field = asked.get_new_headers().get("Cookie")
        if field is not None and not ours:
            _check_foreign(jar, field)
    except InvalidHeader as error:
        error.request = request
        raise
    return field


def _check_foreign(jar: CookieJar, field: str) -> None:
    """Raise InvalidHeader when a jar that is not ours wrote something into *field* that cannot be sent."""
    for cookie in jar:
        pair = f"{cookie.name}={cookie.value}"
        # Only then is it worth looking for in a field that may be long.
        if _UNSENDABLE.search(pair) and pair in field:
            _sendable_pair(cookie)


def remove_cookie_by_name(
    cookiejar: CookieJar, name: str, domain: str | None = None, path: str | None = None
) -> None:
    """Remove every cookie with this name and, where given, this domain and path. No such cookie is no error."""
    for cookie in list(cookiejar):
        if cookie.name == name and domain in (None, cookie.domain) and path in (None, cookie.path):
            try:
                cookiejar.clear(cookie.domain, cookie.path, cookie.name)
            except KeyError:  # another thread was faster
                pass


def _copy_cookie_jar(jar: CookieJar | None) -> CookieJar | None:
    """A jar of the same kind with copies of the cookies; None for None."""
    if jar is None:
        return None
    own_copy = getattr(jar, "copy", None)
    if own_copy is not None:
        twin: CookieJar = own_copy()
        return twin
    twin = copy.copy(jar)
    twin.clear()
    for cookie in jar:
        twin.set_cookie(_twin(cookie))
    return twin


# --- making cookies


# What a cookie has beyond name and value, and what it is by default.
_ATTRIBUTES: dict[str, Any] = {
    "domain": "",
    "path": "/",
    "expires": None,
    "secure": False,
    "discard": True,
    "port": None,
    "rest": {"HttpOnly": None},
    "comment": None,
    "comment_url": None,
    "version": 0,
    "rfc2109": False,
}


def create_cookie(name: str, value: str | bytes | None, **kwargs: Any) -> Cookie:
    """A cookie with this name and value; bytes are sent as they are.

    Keywords are the attributes of `http.cookiejar.Cookie`: version, port, domain, path, secure, expires (Unix time),
    discard, comment, comment_url, rest, rfc2109. By default it is sent to every host and path and lasts as long as the
    jar. Raises TypeError for any other keyword.
    """
    unknown = kwargs.keys() - _ATTRIBUTES.keys()
    if unknown:
        raise TypeError(
            f"create_cookie() takes no {', '.join(sorted(unknown))}; a cookie has {', '.join(_ATTRIBUTES)}"
        )
    attributes = {**_ATTRIBUTES, **kwargs}
    domain = attributes["domain"] = attributes["domain"] or ""
    if attributes["path"] is None:
        attributes["path"] = "/"
    return Cookie(
        name=name,
        value=value.decode("latin-1") if isinstance(value, bytes) else value,
        port_specified=bool(attributes["port"]),
        domain_specified=bool(domain),
        domain_initial_dot=domain.startswith("."),
        path_specified=bool(attributes["path"]),
        **attributes,
    )


def morsel_to_cookie(morsel: Morsel[Any]) -> Cookie:
    """The cookie that an `http.cookies.Morsel` describes.

    Raises TypeError for a max-age that is no integer, ValueError for an expires that is no date.
    """
    expires = None
    if morsel["max-age"]:
        try:
            expires = int(time.time()) + int(morsel["max-age"])
        except ValueError:
            raise TypeError(f"max-age is {str(morsel['max-age'])[:80]!r}; it must be an integer") from None
    elif morsel["expires"]:
        expires = _morsel_date(morsel["expires"])
    return create_cookie(
        morsel.key,
        morsel.value,
        version=morsel["version"] or 0,
        domain=morsel["domain"],
        path=morsel["path"],
        secure=bool(morsel["secure"]),
        expires=expires,
        discard=False,
        comment=morsel["comment"],
        rest={"HttpOnly": morsel["httponly"]},
    )


def _morsel_date(text: object) -> int:
    if not isinstance(text, str):
        raise TypeError(f"expires is {type(text).__name__}; it must be a date as text")
    expires = cookie_date(text)
    if expires is None:
        raise ValueError(
            f"expires is {text[:80]!r}; it must be a date such as 'Wed, 09-Jun-2032 10:18:14 GMT'"
        )
    return expires


@overload
def cookiejar_from_dict(
    cookie_dict: Any, cookiejar: None = None, overwrite: bool = True
) -> RequestsCookieJar: ...
@overload
def cookiejar_from_dict(cookie_dict: Any, cookiejar: _Jar, overwrite: bool = True) -> _Jar: ...
def cookiejar_from_dict(
    cookie_dict: Any, cookiejar: CookieJar | None = None, overwrite: bool = True
) -> CookieJar:
    """*cookiejar*, or a new one, with a cookie for each name and value of a mapping or of pairs; None for no cookies.

    With *overwrite* false a name that the jar has already is left alone. Raises InvalidHeader for anything else.
    """
    if cookiejar is None:
        cookiejar = RequestsCookieJar()
    if cookie_dict:
        present = set() if overwrite else {cookie.name for cookie in cookiejar}
        for name, value in _pairs(cookie_dict):
            if name not in present:
                cookiejar.set_cookie(create_cookie(name, value))
    return cookiejar


def _pairs(cookies: Any) -> list[tuple[str, Any]]:
    if isinstance(cookies, Mapping):
        return list(cookies.items())
    try:
        if not isinstance(cookies, (str, bytes)):
            return [(name, value) for name, value in cookies]
    except (TypeError, ValueError):
        pass
    raise InvalidHeader(
        f"cookies: give a mapping from names to values or a CookieJar, not {type(cookies).__name__}"
    )


def merge_cookies(cookiejar: _Jar, cookies: Any) -> _Jar:
    """*cookiejar* with the cookies of a mapping, whose names it does not have yet, or with all those of another jar.

    Raises ValueError when *cookiejar* is no CookieJar.
    """
    if not isinstance(cookiejar, CookieJar):
        raise ValueError(f"cookies can be merged into a CookieJar, not into {type(cookiejar).__name__}")
    if not isinstance(cookies, CookieJar):
        return cookiejar_from_dict(cookies, cookiejar, overwrite=False)
    update = getattr(cookiejar, "update", None)
    if update is not None:
        update(cookies)
    else:
        for cookie in cookies:
            cookiejar.set_cookie(cookie)
    return cookiejar


def dict_from_cookiejar(cj: Iterable[Cookie]) -> dict[str, str | None]:
    """Names and values of the cookies of a jar; of several with one name, the last."""
    return {cookie.name: cookie.value for cookie in cj}


def add_dict_to_cookiejar(cj: _Jar, cookie_dict: Any) -> _Jar:
    """*cj* with a cookie for each name and value of a mapping, in the place of those that it has."""
    return cookiejar_from_dict(cookie_dict, cj)
