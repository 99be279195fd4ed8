"""The three nouns of a call: what the caller said, what goes out, and what came back.

`Request`, `PreparedRequest` and `Response` hold and translate; they do not decide and do not send. What a URL, a
field or a body is lives in `_message`; who may answer a redirect or a challenge lives in `redirects` and `auth`;
bytes move in `_wire`. A response reads its body from `raw` on demand, which is the only input here.
"""

from __future__ import annotations

import datetime as dt
import json as complexjson
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, Union, cast, overload

from . import hooks as _hooks
from ._bounds import Bounds
from ._late import late_names
from ._message import bodies, charsets, credentials, dates, fields, grammar, lines, typed, urls
from ._message.bodies import iter_slices
from ._wire import errors
from .cookies import RequestsCookieJar, _copy_cookie_jar, cookiejar_from_dict, get_cookie_header
from .exceptions import (
    HTTPError,
    InvalidHeader,
    JSONDecodeError,
    RequestException,
    ResponseCancelled,
    StreamConsumedError,
)
from .status_codes import codes
from .structures import CaseInsensitiveDict
from .timeouts import UNSET, Unset

if TYPE_CHECKING:
    import os
    import socket
    from pathlib import Path

    from ._types import (
        BodyType,
        CookiesType,
        DataType,
        FilesType,
        HeadersType,
        HooksInput,
        JsonType,
        ParamsType,
    )
    from .retries import Attempt, Retry

    Self = TypeVar("Self", bound="Response")

__all__ = [
    "CONTENT_CHUNK_SIZE",
    "DEFAULT_REDIRECT_LIMIT",
    "ITER_CHUNK_SIZE",
    "REDIRECT_STATI",
    "AuthType",
    "HookType",
    "PreparedRequest",
    "Request",
    "RequestEncodingMixin",
    "RequestHooksMixin",
    "Response",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        __name__,
        {
            ".exceptions": "ChunkedEncodingError ConnectionError ContentDecodingError InvalidJSONError InvalidURL "
            "MissingSchema SSLError",
            ".hooks": "default_hooks",
            ".structures": "to_key_val_list",
            "._message.bodies": "guess_filename super_len",
            "._message.charsets": "guess_json_utf stream_decode_response_unicode",
            "._message.fields": "check_header_validity parse_header_links",
            "._message.urls": "get_auth_from_url requote_uri",
            "http": "cookielib=cookiejar",
            "urllib.parse": "urlencode urlsplit urlunparse",
        },
    )

HookType = Callable[..., Any]
AuthType = Union[tuple[str, str], "Callable[[PreparedRequest], PreparedRequest]", None]
SessionAuth = Union[AuthType, Mapping[str, AuthType]]
T = TypeVar("T")

#: Statuses that ask for the next request by their Location field (RFC 9110 §15.4).
REDIRECT_STATI: tuple[int, ...] = (301, 302, 303, 307, 308)
DEFAULT_REDIRECT_LIMIT = 30
#: Bytes per read when `content` collects a body, and the default piece of `iter_lines`.
CONTENT_CHUNK_SIZE = 64 * 1024
ITER_CHUNK_SIZE = 512
_LONGEST_REASON = 200

_USUAL_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NO_HOOKS: dict[str, list[HookType]] = {"response": []}
#: Methods that say nothing by having no body (RFC 9110 §8.6).
_BODILESS = ("GET", "HEAD")
_UNFRAMED = (None, None, None)
_FRAMING = ("Content-Length", "Transfer-Encoding")
_KINDS = {3: "Redirection", 4: "Client Error", 5: "Server Error"}


class RequestEncodingMixin:
    """How a prepared request writes its target and its parameters."""

    url: str | None

    @property
    def path_url(self) -> str:
        """The request target in origin form: path and query, `/` for an empty path (RFC 9112 §3.2.1)."""
        return urls.path_url(self.url or "")

    @staticmethod
    def _encode_params(data: Any) -> Any:
        """Form-encode pairs; text, bytes and files pass as they are."""
        return bodies.encode_form(data)

    @staticmethod
    def _encode_files(files: Any, data: Any) -> tuple[Any, str]:
        """The multipart/form-data body of *files* and *data*, and its Content-Type (RFC 7578)."""
        return bodies.encode_multipart(files, data)


class RequestHooksMixin:
    """Registration of hooks, the same on a request before and after preparation."""

    hooks: dict[str, list[HookType]]

    def register_hook(self, event: str, hook: HookType | Iterable[Any]) -> None:
        """Add one callable, or several, to *event*. Raises ValueError for an event that does not exist."""
        if event not in self.hooks:
            known = ", ".join(sorted(self.hooks)) or "none"
            raise ValueError(f"there is no hook for the event {event!r}; events are: {known}")
        if callable(hook):
            self.hooks[event].append(hook)
        elif hook is not None:
            if isinstance(hook, (str, bytes)) or not isinstance(hook, Iterable):
                raise TypeError(
                    f"hooks: give a callable, or several in a list, for {event!r}, not {type(hook).__name__}"
                )
            self.hooks[event].extend(one for one in hook if callable(one))

    def _register(self, hooks: Any) -> None:
        try:
            given = list(hooks.items())
        except AttributeError:
            raise TypeError(
                f"hooks: give a mapping from events to callables, such as {{'response': function}}, "
                f"not {type(hooks).__name__}"
            ) from None
        for event, registered in given:
            self.register_hook(event, registered)

    def deregister_hook(self, event: str, hook: HookType) -> bool:
        """Remove *hook* from *event*; False when it was not there."""
        registered = self.hooks.get(event, [])
        if hook not in registered:
            return False
        registered.remove(hook)
        return True


class Request(RequestHooksMixin):
    """What the caller wants to ask, not yet in the form in which it is sent.

    *params* go into the query; *data* (pairs, text, bytes, a file, an iterable, or a callable that makes one
    of the last four for each time it is sent), *files* and *json* make the body; *auth* is a `(user,
    password)` tuple or a callable; *cookies* a mapping or a jar; *hooks* a mapping from event to callables.
    """

    #: What the environment may say about it; None leaves that to the session.
    _trust_env: Any = None

    def __init__(
        self,
        method: str | None = None,
        url: str | bytes | None = None,
        headers: HeadersType = None,
        files: FilesType = None,
        data: DataType = None,
        params: ParamsType = None,
        auth: AuthType = None,
        cookies: CookiesType = None,
        hooks: HooksInput = None,
        json: JsonType = None,
    ) -> None:
        self.hooks = _hooks.default_hooks()
        if hooks:
            self._register(hooks)
        self.method = method
        self.url = url
        self.headers: Any = {} if headers is None else headers
        self.files: Any = [] if files is None else files
        self.data: Any = [] if data is None else data
        self.json = json
        self.params: Any = {} if params is None else params
        self.auth = auth
        self.cookies = cookies

    def __repr__(self) -> str:
        return f"<Request [{self.method}]>"

    def prepare(self) -> PreparedRequest:
        """This request as it will be sent, with nothing of a session in it."""
        prepared = PreparedRequest()
        prepared.prepare(
            method=self.method,
            url=self.url,
            headers=self.headers,
            files=self.files,
            data=self.data,
            params=self.params,
            auth=self.auth,
            cookies=self.cookies,
            hooks=self.hooks,
            json=self.json,
        )
        return prepared


class PreparedRequest(RequestEncodingMixin, RequestHooksMixin):
    """What will be sent: method, URL, fields and body. May be edited before it is given to `Session.send`.

    `headers` is a case-insensitive mapping; `body` is None, bytes, text, a file or an iterable.
    """

    method: str | None
    url: str | None
    headers: CaseInsensitiveDict[Any]
    body: BodyType
    #: Where a file-like body stood when it was prepared, an opaque object when that is unknown, None for
    #: other bodies.
    _body_position: int | object | None
    _jar: CookieJar | None
    #: The body that the framing fields describe, with what they said then.
    _framed: tuple[Any, Any, Any] = (None, None, None)
    #: The hooks that auth registered: what they would answer a challenge with belongs to this origin.
    _auth_hooks: tuple[HookType, ...] = ()
    #: The fields that auth wrote, in lower case, for the same reason.
    _auth_fields: frozenset[str] = frozenset()
    #: What the environment may say about it; None leaves that to the session.
    _trust_env: Any = None
    #: True when Proxy-Authorization was written by auth, for a proxy and nobody else.
    _is_for_proxy: bool = False
    #: True while it is sent as part of a chain: whoever follows it reads what is not the end.
    _is_hop: bool = False
    #: How much the response may hold, as far as the call says.
    _bounds: Bounds | None = None
    #: When it is sent again, as far as the call says: None is never.
    _retry: Retry | Unset | None = UNSET

    def __init__(self) -> None:
        self.method = None
        self.url = None
        self.headers = None  # type: ignore[assignment]  # until they are prepared
        self.body = None
        self.hooks = _hooks.default_hooks()
        self._body_position = None
        self._jar = None
        self._is_for_proxy = self._is_hop = False
        self._bounds = None
        self._retry = UNSET

    @property
    def _cookies(self) -> CookieJar:
        """The jar that the Cookie field was made from; made when first asked for, since most requests have
        none.
        """
        if self._jar is None:
            self._jar = RequestsCookieJar()
        return self._jar

    @_cookies.setter
    def _cookies(self, jar: CookieJar | None) -> None:
        self._jar = jar

    def __repr__(self) -> str:
        return f"<PreparedRequest [{self.method}]>"

    def prepare(
        self,
        method: str | None = None,
        url: str | bytes | None = None,
        headers: HeadersType = None,
        files: FilesType = None,
        data: DataType = None,
        params: ParamsType = None,
        auth: AuthType = None,
        cookies: CookiesType = None,
        hooks: HooksInput = None,
        json: JsonType = None,
    ) -> None:
        """Fill in everything.

        Auth comes after the body, since it may sign it, and hooks after auth, which may add one.
        """
        self.prepare_method(method)
        self.prepare_url(url, params)
        self.prepare_headers(headers)
        self.prepare_cookies(cookies)
        self.prepare_body(data, files, json)
        self.prepare_auth(auth, url or "")
        self.prepare_hooks(hooks)

    def copy(self) -> PreparedRequest:
        """An independent copy; the body is shared, since it may be a file, and so are the callables of
        hooks.
        """
        twin = PreparedRequest()
        twin.method = self.method
        twin.url = self.url
        if self.headers is not None:
            twin.headers = self.headers.copy()
        twin._jar = None if self._jar is None else _copy_cookie_jar(self._jar)
        twin.body = self.body
        twin.hooks = {event: list(hooks) for event, hooks in self.hooks.items()} if self.hooks else self.hooks
        twin._body_position = self._body_position
        twin._framed = self._framed
        twin._auth_hooks = self._auth_hooks
        twin._auth_fields = self._auth_fields
        if self._trust_env is not None:
            twin._trust_env = self._trust_env
        if self._is_for_proxy:
            twin._is_for_proxy = True
        if self._bounds is not None:
            twin._bounds = self._bounds
        if self._retry is not UNSET:
            twin._retry = self._retry
        return twin

    def to_curl(self, *, secrets: bool = False) -> str:
        """The request as a command line for curl in a shell such as bash, on one line.

        Credentials, cookies, and fields, parameters and members of JSON whose names look like secrets are shown as
        `***` unless *secrets* is True. A body that is no text, or too long for a command line, is to be piped in
        (`--data-binary @-`); a file is named. No body is read for it.
        """
        from . import _curl

        return _curl.command(self, secrets)

    def prepare_method(self, method: str | bytes | None) -> None:
        """Set the method, in upper case. Raises InvalidHeader for one that is no token (RFC 9110 §9.1)."""
        if method is not None and method not in _USUAL_METHODS:
            method = (method.decode("ascii", "replace") if isinstance(method, bytes) else method).upper()
            if not grammar.is_token(method):
                raise InvalidHeader(
                    f"Invalid method {method[:40]!r}: a method is a word of letters, digits and !#$%&'*+-.^_`|~"
                )
        self.method = method

    def prepare_url(self, url: Any, params: ParamsType) -> None:
        """Set the URL with *params* in its query.

        Raises MissingSchema or InvalidURL, saying what is wrong with it.
        """
        self.url = urls.prepare(url, params)

    def prepare_headers(self, headers: HeadersType) -> None:
        """Set the fields, each name and value checked (RFC 9110 §5). Raises InvalidHeader."""
        if not headers:
            self.headers = CaseInsensitiveDict()
            return
        if type(headers) is CaseInsensitiveDict and headers.is_approved():
            self.headers = headers.copy()
            return
        try:
            pairs: Iterable[tuple[Any, Any]] = (
                headers.pairs() if isinstance(headers, CaseInsensitiveDict) else headers.items()
            )
        except AttributeError as error:
            raise InvalidHeader(
                f"headers: give a mapping from names to values, not {type(headers).__name__}"
            ) from error
        checked = []
        for name, value in pairs:
            fields.validate(name, value)
            checked.append((name.decode("ascii") if isinstance(name, bytes) else name, value))
        self.headers = CaseInsensitiveDict.from_pairs(checked)
        if type(headers) is CaseInsensitiveDict:
            headers.approve(checked)

    def prepare_body(self, data: DataType, files: FilesType, json: JsonType = None) -> None:
        """Set the body and the fields that frame it: Content-Length or Transfer-Encoding, never both (RFC
        9112 §6).
        """
        if not data and not files and json is None:
            self.body = None
            names = _names_in(self.headers)
            if (
                self.method in _BODILESS
                and "content-length" not in names
                and "transfer-encoding" not in names
            ):
                self._framed = _UNFRAMED
            else:
                self._frame(None, None)
            return
        try:
            prepared = bodies.prepare(data, files, json)
        except RequestException as error:
            error.request = self
            raise
        self._body_position = prepared.position
        headers = self.headers
        # A program may have put a plain mapping there, in which it names what is to be overwritten in another case.
        if prepared.content_type and "content-type" not in (
            headers.names() if type(headers) is CaseInsensitiveDict else headers
        ):
            headers["Content-Type"] = prepared.content_type
        self.body = prepared.body
        self._frame(prepared.body, prepared.length)

    def _frame(self, body: Any, length: int | None) -> None:
        """One of the two framing fields.

        A Transfer-Encoding that the caller set stands for a body of any length.
        """
        headers = self.headers
        names = _names_in(headers)
        if body is None:
            if self.method not in _BODILESS and "content-length" not in names:
                headers["Content-Length"] = "0"
        elif "transfer-encoding" in names:
            headers.pop("Content-Length", None)
        elif length is not None:
            headers["Content-Length"] = said = str(length)
            self._framed = (body, said, None)
            return
        elif "content-length" not in names:
            headers["Transfer-Encoding"] = "chunked"
        self._framed = (body, headers.get(_FRAMING[0]), headers.get(_FRAMING[1]))

    def frame_edited(self) -> None:
        """Frame the body anew if auth or a program has put another in the place of the one that was framed.

        Framing fields that were written for the new body stay, as far as they can be true of it.
        """
        if self.body is self._framed[0]:
            return
        for name, value in zip(_FRAMING, self._framed[1:], strict=True):
            if value is not None and self.headers.get(name) == value:
                del self.headers[name]
        prepared = bodies.prepare(self.body)
        self.body = prepared.body
        self._body_position = prepared.position
        self._frame(prepared.body, prepared.length)

    def prepare_content_length(self, body: Any) -> None:
        """Set Content-Length to what *body* has, or to 0 for a method that usually carries a body and has
        none.
        """
        if body is None:
            self._frame(None, None)
            return
        length = bodies.super_len(body)
        if length or isinstance(body, (str, bytes, bytearray)):
            self.headers["Content-Length"] = str(length)

    def prepare_auth(self, auth: AuthType, url: str | bytes = "") -> None:
        """Let *auth* make its changes; without one, the userinfo of the URL is used (RFC 3986 §3.2.1)."""
        if auth is None:
            if "@" not in (self.url or ""):
                return
            userinfo = urls.get_auth_from_url(cast(str, self.url))
            if not any(userinfo):
                return
            auth = userinfo
        if isinstance(auth, tuple) and len(auth) == 2:
            self.headers["Authorization"] = credentials.basic(*auth)
        else:
            self._authorise(auth)

    def _authorise(self, auth: Any) -> None:
        if not auth:
            return
        if not callable(auth):
            hint = "; a mapping from origins is for Session.auth" if isinstance(auth, Mapping) else ""
            raise TypeError(f"auth={type(auth).__name__}: give a (user, password) tuple or a callable{hint}")
        before = [hook for hooks in self.hooks.values() for hook in hooks]
        fields_before = _values_of(self.headers)
        answer = auth(self)
        if answer is None:
            raise TypeError(
                f"the auth callable {type(auth).__name__} returned None; it must return the request"
            )
        if answer is not self:
            self.__dict__.update(answer.__dict__)
        added = [hook for hooks in self.hooks.values() for hook in hooks if hook not in before]
        if added:
            self._auth_hooks = (*self._auth_hooks, *added)
        now = _values_of(self.headers)
        written = [name for name, value in now.items() if fields_before.get(name) != value]
        if written:
            self._auth_fields = self._auth_fields.union(written)
        self.frame_edited()

    def prepare_cookies(self, cookies: CookiesType) -> None:
        """Set the Cookie field from a mapping or jar, unless there is one already (RFC 6265 §5.4)."""
        if cookies is None or (not isinstance(cookies, CookieJar) and not cookies):
            self._jar = None
            return
        self._jar = cookies if isinstance(cookies, CookieJar) else cookiejar_from_dict(cookies)
        header = get_cookie_header(self._jar, self)
        if header is not None:
            self.headers["Cookie"] = header

    def prepare_hooks(self, hooks: HooksInput) -> None:
        """Register the callables of *hooks*."""
        if hooks and hooks != _NO_HOOKS:
            self._register(hooks)


def _names_in(headers: Any) -> AbstractSet[str]:
    """The names of *headers* in lower case: a program may have put a plain mapping there."""
    if type(headers) is CaseInsensitiveDict:
        return headers.names()
    return {str(name).lower() for name in headers}


def _values_of(headers: Any) -> dict[str, Any]:
    """Fields by name in lower case, from whatever a program has put in their place."""
    return {str(name).lower(): value for name, value in (headers or {}).items()}


class _TypedField(Generic[T]):
    """A response field read as a value. Computed at each access, and a program may assign over it."""

    def __init__(self, name: str, read: Callable[[Any], T], doc: str, *, repeats: bool = False) -> None:
        self._name, self._read, self._repeats = name, read, repeats
        self.__doc__ = doc

    @overload
    def __get__(self, response: None, owner: type) -> _TypedField[T]: ...
    @overload
    def __get__(self, response: Response, owner: type) -> T: ...
    def __get__(self, response: Response | None, owner: type) -> _TypedField[T] | T:
        if response is None:
            return self
        if self._repeats:
            getlist = getattr(response.headers, "getlist", None)
            return self._read(getlist(self._name) if getlist else [response.headers.get(self._name) or ""])
        return self._read(response.headers.get(self._name))


class Response:
    """What the server answered. False for a 4xx or 5xx status, so `if response:` asks whether the call succeeded.

    The body is read when first asked for; with `stream=True` nothing of it has been read when the call
    returns, and the response should be closed or used as a context manager.
    """

    #: What a pickle keeps.
    __attrs__: ClassVar[list[str]] = [
        "status_code",
        "reason",
        "url",
        "headers",
        "cookies",
        "encoding",
        "elapsed",
        "history",
        "request",
        "_content",
    ]

    #: How much the body may hold, as call, mount and session say together.
    _bounds: Bounds | None = None
    _is_cancelled = False
    #: What `elapsed` is: seconds as they were measured, until somebody asks.
    _seconds: float | None = 0.0
    _elapsed: Any = None
    #: The attempts before the one that this response ended, and the seconds waited before that.
    _before: tuple[tuple[Attempt, ...], float] = ((), 0.0)

    def __init__(self) -> None:
        self._content: bytes | bool | None = False
        self._content_consumed = False
        self._next: PreparedRequest | Callable[[], PreparedRequest | None] | None = None
        self._jar: RequestsCookieJar | None = None
        self.status_code: int = None  # type: ignore[assignment]  # until there is one
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self.raw: Any = None
        self.url: str = None  # type: ignore[assignment]
        self.encoding: str | None = None
        self.history: list[Response] = []
        self.reason: str = None  # type: ignore[assignment]
        self.request: PreparedRequest = None  # type: ignore[assignment]
        self.connection: Any = None

    date = _TypedField("Date", dates.parse_http_date, "When the message was made (RFC 9110 §6.6.1), or None.")
    last_modified = _TypedField(
        "Last-Modified",
        dates.parse_http_date,
        "When the representation last changed (RFC 9110 §8.8.2), or None.",
    )
    expires = _TypedField(
        "Expires", dates.parse_http_date, "When the response becomes stale (RFC 9111 §5.3), or None."
    )
    age = _TypedField(
        "Age", typed.age, "Seconds since the origin made or validated it (RFC 9111 §5.1), or None."
    )
    content_type = _TypedField(
        "Content-Type", typed.content_type, "Media type with its parameters (RFC 9110 §8.3), or None."
    )
    cache_control = _TypedField(
        "Cache-Control", typed.cache_control, "Directives for caches (RFC 9111 §5.2), or None."
    )
    via = _TypedField("Via", typed.via, "The intermediaries it passed (RFC 9110 §7.6.3).", repeats=True)
    warning = _TypedField("Warning", typed.warning, "Warnings of caches (RFC 7234 §5.5).", repeats=True)
    link = _TypedField("Link", typed.link, "Links to other resources (RFC 8288 §3).", repeats=True)
    allow = _TypedField(
        "Allow", typed.allow, "The methods that the resource supports (RFC 9110 §10.2.1), or None."
    )

    retry_after = _TypedField(
        "Retry-After",
        lambda value: typed.retry_after(value, now=time.time()),
        "Seconds to wait before the next request (RFC 9110 §10.2.3), counted from now; None without a usable hint.",
    )

    @property
    def elapsed(self) -> dt.timedelta:
        """How long it took from sending the request until the head of the response was there."""
        if self._seconds is not None:
            self.elapsed = dt.timedelta(seconds=self._seconds)
        if self._elapsed is UNSET:
            raise AttributeError("the elapsed of this response was deleted")
        return cast(dt.timedelta, self._elapsed)

    @elapsed.setter
    def elapsed(self, elapsed: dt.timedelta) -> None:
        self._seconds, self._elapsed = None, elapsed

    @elapsed.deleter
    def elapsed(self) -> None:
        self._seconds, self._elapsed = None, UNSET

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies that this response set."""
        if self._jar is None:
            self._jar = RequestsCookieJar()
        return self._jar

    @cookies.setter
    def cookies(self, jar: RequestsCookieJar) -> None:
        self._jar = jar

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried until this response came: one attempt, and those that were retried before it.

        Of a redirect or a challenge that was answered, those of the earlier responses are theirs, in `history`.
        """
        from .retries import Attempt

        before, waited = self._before
        kept = self._is_on_kept_connection()
        return (*before, Attempt(len(before) + 1, self.request, self.status_code, waited, kept))

    def _is_on_kept_connection(self) -> bool | None:
        """Whether it came over a connection that was used before; None where that is not known."""
        kept: bool | None = getattr(self.raw, "is_on_kept_connection", None)
        return kept

    @property
    def trailers(self) -> CaseInsensitiveDict[str]:
        """The fields that came after a chunked body (RFC 9110 §6.5): none before it was read, none for most.

        They are no part of `headers`; what they may be trusted with is the program's decision.
        """
        repeats = getattr(getattr(self.raw, "trailers", None), "iteritems", None)
        return CaseInsensitiveDict.from_pairs(repeats() if repeats is not None else ())

    def _limit(self, bounds: Bounds) -> None:
        """Let *bounds* hold for what is read from now on."""
        self._bounds = bounds
        limit = getattr(type(self.raw), "limit", None)
        if limit is not None:
            limit(self.raw, max_response_size=bounds.size, max_decompression_ratio=bounds.ratio)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        if not self._content_consumed:
            self.content  # noqa: B018  # a pickle cannot hold the connection, so the body is read first
        return {name: getattr(self, name, None) for name in self.__attrs__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Response.__init__(self)
        for name, value in state.items():
            setattr(self, name, value)
        self._content_consumed = True

    @property
    def ok(self) -> bool:
        """True when the status is below 400: when `raise_for_status()`, which a subclass may override, does
        not object.
        """
        with suppress(HTTPError):
            self.raise_for_status()
            return True
        return False

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[bytes]:
        """The body in small pieces."""
        return self.iter_content(128)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"

    @property
    def is_redirect(self) -> bool:
        """True when the response names the next request: a redirect status with a Location."""
        return self.status_code in REDIRECT_STATI and "location" in self.headers

    @property
    def is_permanent_redirect(self) -> bool:
        """True for a redirect after which the old URL should be forgotten (301, 308)."""
        return (
            self.status_code in (codes.moved_permanently, codes.permanent_redirect)
            and "location" in self.headers
        )

    @property
    def next(self) -> PreparedRequest | None:
        """The request that the redirect asks for, when redirects are not followed; None where there is none.

        Made when first asked for. Raises InvalidURL or InvalidSchema for a target that cannot be requested,
        BodyNotReplayable for a body that cannot be sent again.
        """
        if callable(self._next):
            self._next = self._next()
        return self._next

    @property
    def apparent_encoding(self) -> str | None:
        """The charset that the bytes of the body look like, whatever the server declares."""
        return charsets.detect(self.content or b"")

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        """The body in pieces of at most *chunk_size* bytes after content decoding; None takes what arrives.

        With *decode_unicode* the pieces are text. Raises StreamConsumedError when the stream was read
        before, TypeError for a chunk size that is no integer; while iterating, ChunkedEncodingError,
        ContentDecodingError, ConnectionError.
        """
        read = not isinstance(self._content, bool)
        if self._content_consumed and not read:
            raise StreamConsumedError(
                "the body of this response was already read as a stream; it cannot be read again"
            )
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size is {chunk_size!r}; it must be an int or None")
        if chunk_size is not None and chunk_size < 1:
            chunk_size = CONTENT_CHUNK_SIZE
        if read:
            pieces: Iterator[bytes] = iter_slices(cast(bytes, self._content or b""), chunk_size)
        else:
            pieces = self._stream(chunk_size)
        return charsets.iter_decoded(pieces, self.encoding) if decode_unicode else pieces

    def _stream(self, chunk_size: int | None) -> Iterator[bytes]:
        """Read `raw` to its end.

        What urllib3 or a socket raises becomes one of our errors, and ends the response.
        """
        try:
            if self._bounds is not None and not hasattr(type(self.raw), "limit"):
                yield from self._bounds.watch(self._pieces(chunk_size), getattr(self.raw, "tell", None))
            else:
                yield from self._pieces(chunk_size)
            if self._is_cancelled:
                # The end of the connection may be that of the body.
                raise ResponseCancelled("the response was cancelled while its body was read", response=self)
        except GeneratorExit:
            # The reader has had enough for now.
            raise
        except BaseException as error:
            known = self._broken(error)
            if known is error:
                raise
            raise known from error
        self._content_consumed = True

    def _pieces(self, chunk_size: int | None) -> Iterator[bytes]:
        """The same from a body that is not ours, which may be any file."""
        if hasattr(self.raw, "stream"):
            yield from self.raw.stream(chunk_size, decode_content=True)
            return
        while piece := self.raw.read(chunk_size):
            yield piece

    def _broken(self, error: BaseException) -> BaseException:
        """Our error for *error*, which ended the reading of the body."""
        # What is left, read later, would pass for the whole.
        self.close()
        self._content_consumed = True
        if not isinstance(error, Exception):
            return error
        if self._is_cancelled and not isinstance(error, ResponseCancelled):
            return ResponseCancelled("the response was cancelled while its body was read", response=self)
        from .retries import Tried

        known = errors.translate(error, self.request, phase="body")
        known._tried = Tried(*self._before, self.request, self._is_on_kept_connection())
        return known

    def iter_lines(
        self,
        chunk_size: int = ITER_CHUNK_SIZE,
        decode_unicode: bool = False,
        delimiter: str | bytes | None = None,
    ) -> Iterator[Any]:
        """The lines of the body without their ends, the same however the bytes arrive.

        A line ends at LF, CRLF or CR, and nowhere else: U+2028 and form feeds are content. With *delimiter*
        it ends there instead. A last line without an end counts, an empty rest does not.
        """
        pieces = self.iter_content(chunk_size, decode_unicode)
        return lines.between(pieces, delimiter) if delimiter else lines.of(pieces)

    def save(
        self, path: str | os.PathLike[str], *, filename: str | None = None, overwrite: bool = False
    ) -> Path:
        """Write the body to a file, piece by piece, and give its path.

        Where *path* is a directory the file is called *filename*, or what Content-Disposition suggests (RFC 6266), or
        the end of the URL; of a suggestion only the last component is used, without what could hide, overwrite or
        run something. Otherwise *path* is the file. It appears when it is complete, and is gone when the body breaks
        off; one that is there is replaced with *overwrite* only, and a symbolic link is replaced and not followed.

        Raises FileExistsError (ours), ValueError for a *filename* that is no plain name, RequestException for what
        the system refuses to write; and as `iter_content`. Use `stream=True`, or the body is in memory by then.
        """
        from . import _downloads

        return _downloads.save(self, path, filename, overwrite)

    @property
    def content(self) -> bytes:
        """The body in bytes, content codings removed. Read once and kept.

        Raises StreamConsumedError when the body was already read in pieces, or broke off; while it is read,
        errors as `iter_content`.
        """
        if self._content is False:
            if self._content_consumed:
                raise StreamConsumedError(
                    "the body of this response was already read as a stream, or broke off, and was not kept"
                )
            if self.status_code == 0 or self.raw is None:
                self._content = None
            else:
                # Asked of the class, since stand-ins for it have every attribute.
                at_once = getattr(type(self.raw), "read_to_end", None)
                cls = type(self)
                if at_once is None or (cls is not Response and cls.iter_content is not Response.iter_content):
                    # Somebody has a say in how it is read.
                    self._content = b"".join(self.iter_content(CONTENT_CHUNK_SIZE)) or b""
                else:
                    try:
                        self._content = at_once(self.raw)
                    except BaseException as error:
                        known = self._broken(error)
                        if known is error:
                            raise
                        raise known from error
            self._content_consumed = True
        return self._content  # type: ignore[return-value]  # bytes, or None where there was nothing to read

    @property
    def text(self) -> str:
        """The body as text.

        In the charset that `encoding` names; without one by its byte order mark, as UTF-8 if it is that,
        else by detection. What does not decode becomes U+FFFD. Set `encoding` first to decide otherwise.
        """
        return charsets.decode(self.content or b"", self.encoding)

    def json(self, **kwargs: Any) -> Any:
        """The body read as JSON (RFC 8259); *kwargs* go to `json.loads`.

        Raises JSONDecodeError, which is a ValueError and says what came instead.
        """
        try:
            if self.encoding is None or self.encoding.lower() in ("utf-8", "utf8"):
                try:
                    return complexjson.loads(self.content or b"", **kwargs)
                except UnicodeDecodeError:
                    pass
            return complexjson.loads(self.text, **kwargs)
        except complexjson.JSONDecodeError as error:
            raise JSONDecodeError(error.msg, error.doc, error.pos, response=self) from error
        except (RecursionError, ValueError) as error:
            # Nested too deeply, or a number of thousands of digits. A ValueError may also be that of a
            # caller's own hook.
            if kwargs and isinstance(error, ValueError):
                raise
            raise JSONDecodeError(str(error), self.text, 0, response=self) from error

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The Link field as a mapping from relation, or URL where there is none, to the link's parameters."""
        value = self.headers.get("link")
        found = fields.parse_header_links(value) if value else []
        return {key: link for link in found if (key := link.get("rel") or link.get("url"))}

    def raise_for_status(self: Self) -> Self:
        """Raise HTTPError for a 4xx or 5xx status; otherwise return the response, so that calls can be
        chained.
        """
        if self.status_code < 400 or self.status_code >= 600:
            return self
        raise self._status_error()

    def _status_error(self) -> HTTPError:
        """The error for the status, whatever it is."""
        kind = _KINDS.get(self.status_code // 100, "Answer") if self.status_code else "Answer"
        url = urls.redact(self.url or "")
        return HTTPError(f"{self.status_code} {kind}: {self._phrase()} for url: {url}", response=self)

    def _phrase(self) -> str:
        """The reason phrase for people: the server's words, as far as they are printable and fit in a line."""
        reason: object = self.reason
        if isinstance(reason, bytes):
            try:
                text = reason.decode("utf-8")
            except UnicodeDecodeError:
                text = reason.decode("iso-8859-1")
        else:
            text = str(reason)
        text = text[:_LONGEST_REASON]
        return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")[:_LONGEST_REASON]

    def detach(self) -> tuple[socket.socket, bytes]:
        """Hand over the open socket of a 101 response, with the bytes that came right after its head.

        For protocols that begin with an HTTP Upgrade (RFC 9110 §7.8). The caller owns the socket and closes
        it. Raises ValueError when the server did not switch protocols.
        """
        if self.status_code != 101 or not hasattr(self.raw, "detach_socket"):
            raise ValueError(
                f"only a 101 response has a socket to hand over; this one has status {self.status_code}"
            )
        return cast("tuple[socket.socket, bytes]", self.raw.detach_socket())

    def cancel(self) -> None:
        """Give up the rest of the body from another thread, at once.

        A thread that is reading it, or reads on afterwards, gets ResponseCancelled. The connection is cut, and never
        used again; its socket is closed by that thread or by `close()`, which is called as usual. Nothing happens when
        the body was read already, and when it is called again.
        """
        if self._content_consumed or self.raw is None:
            return
        self._is_cancelled = True
        cancel = getattr(self.raw, "cancel", None) or getattr(self.raw, "shutdown", None)
        if cancel is not None:
            # A response of urllib3's own has the latter, and raises for a socket that is gone or was never known.
            with suppress(OSError, ValueError, RuntimeError):
                cancel()

    def close(self) -> None:
        """Give up the rest of the body.

        A connection with unread bytes is closed, any other returns to its pool.
        """
        if not self._content_consumed and self.raw is not None:
            self.raw.close()
        release = getattr(self.raw, "release_conn", None)
        if release is not None:
            release()
