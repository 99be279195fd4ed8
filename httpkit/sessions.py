"""Session: defaults, cookie jar and mounted adapters, and the driver of a call.

A session merges its defaults with what a call says, drives the pipeline, and lets subclasses steer each hop
by overriding its methods. What a redirect may carry is decided in `redirects`, which setting wins in
`_settings`; bytes are moved by the mounted adapters.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from functools import partial, reduce
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from . import _pipeline, redirects
from ._bounds import Bounds
from ._defaults import default_headers
from ._environment import DefaultEntry, get_netrc_auth, select_proxy
from ._late import late_names
from ._message import credentials, urls
from ._pipeline import Drain, Effect, Hop, Read, RunHooks, Send, Sleep
from ._settings import (
    CallProxies,
    EffectiveProxies,
    auth_of_origin,
    check_trust,
    effective_proxies,
    effective_timeout,
    effective_verify,
    merge_headers,
    merge_hooks,
    merge_params,
    merge_setting,
    settled_proxies,
    trusts,
)
from ._wire import errors
from .adapters import BaseAdapter, HTTPAdapter
from .cookies import RequestsCookieJar, cookiejar_from_dict, extract_cookies_to_jar, merge_cookies
from .exceptions import (
    AddressNotAllowed,
    DeadlineExceeded,
    InvalidHeader,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    RequestException,
)
from .hooks import default_hooks, dispatch_hook
from .models import DEFAULT_REDIRECT_LIMIT, REDIRECT_STATI, PreparedRequest, Request, Response
from .redirects import check_policy
from .structures import CaseInsensitiveDict
from .timeouts import UNSET, RunningTimeout, Timeout, Unset, remaining

if TYPE_CHECKING:
    import os

    from ._explain import Explanation
    from ._tries import Persistence
    from ._types import (
        CertType,
        CookiesType,
        DataType,
        FilesType,
        HeadersType,
        HooksInput,
        JsonType,
        ParamsType,
        ProxiesType,
        TimeoutType,
        TrustEnv,
        VerifyType,
    )
    from ._wire.addresses import Resolve
    from .address_policy import AddressPolicy, AllowAddresses
    from .breakers import Breaker
    from .models import AuthType, SessionAuth
    from .ratelimits import RateLimit
    from .redirects import RedirectPolicy, SecretFields
    from .retries import Retry, Tokens
    from .stores import Store
    from .tlsconfig import TLS

    Self = TypeVar("Self", bound="Session")

__all__ = [
    "DEFAULT_REDIRECT_LIMIT",
    "REDIRECT_STATI",
    "Session",
    "SessionRedirectMixin",
    "extract_cookies_to_jar",
    "merge_cookies",
    "merge_hooks",
    "merge_setting",
    "session",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        __name__,
        {
            ".exceptions": "ChunkedEncodingError ContentDecodingError TooManyRedirects",
            ".structures": "to_key_val_list",
            ".status_codes": "codes",
            ".auth": "_basic_auth_str",
            "._compat": "to_native_string",
            "._environment": "DEFAULT_PORTS get_environ_proxies resolve_proxies should_bypass_proxies",
            "._message.bodies": "rewind_body",
            "._message.urls": "get_auth_from_url requote_uri",
            "collections.abc": "MutableMapping",
            "http": "cookielib=cookiejar",
            "urllib.parse": "urljoin urlparse",
        },
    )

preferred_clock = time.perf_counter

#: How URLs begin, and what is mounted by default.
_USUAL = ("https://", "http://")
#: The settings that `merge_environment_settings` gives.
_MERGED = {"proxies", "stream", "verify", "cert"}
#: Bytes of the body of a redirect, content codings removed.
_MOST_DRAINED = 1_048_576


class SessionRedirectMixin:
    """How a session follows redirects. Each method is one decision, for subclasses to override."""

    max_redirects: int = DEFAULT_REDIRECT_LIMIT
    trust_env: TrustEnv = True
    auth: SessionAuth = None
    cookies: RequestsCookieJar
    #: Which redirects are followed: `"all"`, those within their origin (`"same-origin"`), `"none"`, or what a
    #: callable(response, next_request) says.
    redirects: RedirectPolicy = "all"
    #: A `redirects.SecretFields`: which fields, besides those that look like keys, belong to the origin they are for.
    secret_fields: SecretFields | None = None

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send *request*; the session provides it."""
        raise NotImplementedError

    def get_redirect_target(self, resp: Response) -> str | None:
        """The reference to follow from *resp*, or None when it is no redirect."""
        return redirects.redirect_target(resp)

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """True when credentials for *old_url* must not be sent to *new_url*."""
        return redirects.should_strip_auth(old_url, new_url)

    def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Set the method of the next request (RFC 9110 §15.4)."""
        prepared_request.method = redirects.next_method(prepared_request.method, response.status_code)

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Drop Authorization where the redirect leaves its origin. What the session has for the new one, if `auth` is a
        mapping, or else a netrc entry that names its host, may then be used.
        """
        headers = prepared_request.headers
        url = prepared_request.url or ""
        crossing = self.should_strip_auth(response.request.url or "", url)
        if crossing:
            headers.pop("Authorization", None)
        auths: Any = self.auth
        found: Any = None
        if auths is not None and _is_by_origin(auths) and "Authorization" not in headers:
            found = auth_of_origin(auths, url)
        if found is None and crossing and trusts(self._trust_for(prepared_request), "netrc"):
            found = get_netrc_auth(url)
            if isinstance(found, DefaultEntry):
                found = None
        if found is not None:
            prepared_request.prepare_auth(found)

    def _trust_for(self, request: Any) -> TrustEnv:
        """What the environment may say about *request*: the call beats the session."""
        given: Any = getattr(request, "_trust_env", None)
        return self.trust_env if given is None else given

    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: ProxiesType) -> dict[str, str]:
        """The proxies for the URL of the next request, and its Proxy-Authorization when a proxy will read
        it.
        """
        url = prepared_request.url or ""
        explicit = getattr(proxies, "explicit", proxies)
        effective = effective_proxies(url, explicit, None, trust_env=self._trust_for(prepared_request))
        prepared_request.headers.pop("Proxy-Authorization", None)
        proxy = _reading_proxy(url, effective) if effective else None
        if proxy:
            username, password = urls.get_auth_from_url(proxy)
            if username:
                prepared_request.headers["Proxy-Authorization"] = credentials.basic(username, password)
        return effective

    def resolve_redirects(
        self,
        resp: Response,
        req: PreparedRequest,
        stream: bool = False,
        timeout: TimeoutType | Timeout = None,
        verify: VerifyType = True,
        cert: CertType = None,
        proxies: ProxiesType = None,
        yield_requests: bool = False,
        **adapter_kwargs: Any,
    ) -> Generator[Any, None, None]:
        """The responses that follow *resp*, as they arrive; with *yield_requests*, the request that would be next.

        The settings are those that an adapter was told, so *timeout* None leaves it to session and adapter.
        """
        if yield_requests:
            target = self.get_redirect_target(resp)
            if target:
                yield _pipeline.next_request(resp, req, target, self, proxies)[0]
            return
        settings: dict[str, Any] = {"stream": stream, "verify": verify, "cert": cert, **adapter_kwargs}
        if timeout is not None:
            settings["timeout"] = timeout
        running = timeout if isinstance(timeout, RunningTimeout) else None
        steps = _pipeline.follow_redirects(resp, req, self, proxies)
        answer: Response | None = None
        while True:
            try:
                effect = steps.send(cast(Response, answer))
            except StopIteration:
                return
            if isinstance(effect, Drain):
                answer = _drain(effect.response, effect.most)
            elif isinstance(effect, Hop):
                if running is not None:
                    running.watch.fold("redirects")
                effect.request._is_hop = True
                try:
                    answer = self.send(
                        effect.request, proxies=effect.proxies, allow_redirects=False, **settings
                    )
                finally:
                    effect.request._is_hop = False
                yield answer


_STOCK_RESOLVE = SessionRedirectMixin.resolve_redirects
_STOCK_TARGET = SessionRedirectMixin.get_redirect_target


def _is_by_origin(auth: Any) -> bool:
    """True for a mapping from origins to auth. A handler may be a mapping as well, but it can be called."""
    return type(auth) is not tuple and isinstance(auth, Mapping) and not callable(auth)


def _reading_proxy(url: str, proxies: ProxiesType) -> str | None:
    """The URL of the proxy that would read the fields of a request to *url*, None where none does.

    Over TLS they travel inside the tunnel, and through SOCKS to the origin: in both cases past the proxy.
    """
    proxy = select_proxy(url, proxies)
    reads = proxy and url.lower().startswith("http:") and not proxy.lower().startswith("socks")
    return proxy if reads else None


def _drain(response: Response, most: int | None = None) -> Response:
    """Read the body of a redirect, which its history may be asked for, and release the connection; where *most* says
    how much it is worth, the body is for nobody.

    What is larger than anybody would want to see is not read: another connection is cheaper.
    """
    try:
        if most is None:
            bounds = getattr(response, "_bounds", None)
            size = bounds.size if bounds is not None and isinstance(bounds.size, int) else _MOST_DRAINED
            if hasattr(response, "_limit"):
                response._limit(Bounds(min(size, _MOST_DRAINED)).over(bounds))
            response.content  # noqa: B018  # the property reads
        elif (getattr(response.raw, "length_remaining", None) or 0) <= most:
            for piece in response.iter_content(8192):
                most -= len(piece)
                if most < 0:
                    break
    except (OSError, RuntimeError):
        # What cannot be read is not needed to go on.
        pass
    finally:
        response.close()
    return response


def _store_of(holder: object, given: Store | None) -> Store:
    """Where *holder* keeps what its policies remember: in *given*, or in memory that is made when first needed."""
    kept: tuple[object, Store] | None = holder.__dict__.get("_kept_store")
    if kept is not None and kept[0] is given:
        return kept[1]
    from .stores import dependable

    if kept is not None:
        # Somebody has set another one.
        del holder.__dict__["_kept_store"]
    # By one operation, so that two threads have the same.
    made = (given, dependable(given))
    store: Store = holder.__dict__.setdefault("_kept_store", made)[1]
    return store


def _policy(given: object) -> Retry | None:
    """The retry policy that a caller has given."""
    if given is None:
        return None
    from .retries import Retry

    return Retry.of(given)


def _check(timeout: RunningTimeout, request: PreparedRequest) -> None:
    """Raise DeadlineExceeded when nothing is left, before an adapter is asked that may know nothing of it."""
    try:
        timeout.within()
    except DeadlineExceeded as error:
        raise errors.translate(error, request) from None


def _method(given: object) -> str:
    """A method that is not given as text, as text. Raises InvalidHeader for what is none (RFC 9110 §9.1)."""
    if isinstance(given, bytes) and given:
        return given.decode("ascii", "replace")
    kind = type(given).__name__ if given else repr(given)
    raise InvalidHeader(f"method: give a word such as 'GET', not {kind}")


class Session(SessionRedirectMixin):
    """Settings, cookies and connections that many calls share.

    Use it as a context manager, or call `close()`. One session may be used by many threads as long as its
    settings are not changed meanwhile. Defaults are attributes: `headers`, `auth`, `params`, `proxies`,
    `hooks`, `stream`, `verify`, `cert`, `cookies`, `timeout` (seconds, see `timeouts.Timeout`),
    `max_redirects`, `trust_env`.

    *resolve*, *uds* and *tls* are for its own two adapters: addresses to connect to in place of what names have, a
    Unix socket, and what TLS connections shall be like; see `adapters.HTTPAdapter`.

    *timeout* is for calls that give none and whose adapter was mounted without one. Raises ValueError for one
    that means nothing.

    *retry* is when calls are tried again that say nothing themselves, on mounts that say nothing: a
    `retries.Retry`, or a number of attempts, the first one included; None, the default, is never. *breaker*, a
    `breakers.Breaker`, refuses calls to an origin that keeps failing, and *rate_limit*, a `ratelimits.RateLimit`, lets
    calls wait for their turn; None, the default, is none of it. What these policies remember is kept in *store*, a
    `stores.Store`, by default in the memory of this session.

    *redirects* says which redirects a call with `allow_redirects` follows: `"all"` of them; with `"same-origin"` those
    that stay within scheme, host and port, an upgrade from http to https included; `"none"`; or those for which a
    callable(response, next_request) is true. The response to one that is not followed is what the call returns, and
    `response.next` is the request that it asks for. With `"same-origin"` nothing of a call, its body above all, ever
    reaches another origin. *secret_fields* is a `redirects.SecretFields`.

    *allow_addresses* says which addresses may be connected to: `"public"` for those of the whole Internet, networks
    such as `"10.1.0.0/16"`, a callable, or an `AddressPolicy` of these; None is all. It holds for every adapter that
    is mounted, but for one with a policy of its own, and for each hop of a redirect.

    *trust_env* says what the environment may say: everything (True), nothing (False), or what is named in a set of
    `"proxies"`, `"netrc"` and `"ca"`. `auth` may be a mapping from origins to auth, `{"https://api.example.com":
    ("user", "password")}`: each origin gets its own, by the call or by a redirect, and no other gets any.
    """

    #: What a pickle keeps.
    __attrs__: ClassVar[list[str]] = [
        "headers",
        "params",
        "cookies",
        "auth",
        "hooks",
        "proxies",
        "stream",
        "verify",
        "cert",
        "timeout",
        "max_redirects",
        "trust_env",
        "adapters",
        "max_response_size",
        "max_decompression_ratio",
        "retry",
        "breaker",
        "rate_limit",
        "store",
        "redirects",
        "secret_fields",
        "allow_addresses",
    ]

    #: The timeout of calls that give none, where the mounted adapter has none either; UNSET is the default.
    timeout: TimeoutType | Timeout | Unset = UNSET
    #: How many bytes a body may have, codings removed, and how many times those on the wire, for calls and mounts
    #: that say neither; None is no limit, UNSET leaves it to the default.
    max_response_size: int | Unset | None = UNSET
    max_decompression_ratio: float | Unset | None = UNSET
    #: When calls are tried again, for calls and mounts that do not say. What is neither a policy nor a number is a
    #: subclass's own affair: programs written for requests have had attributes of this name.
    retry: int | Retry | None = None
    #: What is asked before each request, for mounts that do not say, and where policies remember things.
    breaker: Breaker | None = None
    rate_limit: RateLimit | None = None
    store: Store | None = None

    #: How seconds pass between two attempts.
    _sleep: Callable[[float], object] = staticmethod(time.sleep)
    _guard: AddressPolicy | None = None

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        uds: str | bytes | os.PathLike[str] | None = None,
        tls: TLS | None = None,
        retry: int | Retry | None = None,
        redirects: RedirectPolicy = "all",
        secret_fields: SecretFields | None = None,
        allow_addresses: AllowAddresses = None,
        timeout: TimeoutType | Timeout | Unset = UNSET,
        trust_env: TrustEnv = True,
        breaker: Breaker | None = None,
        rate_limit: RateLimit | None = None,
        store: Store | None = None,
    ) -> None:
        if timeout is not UNSET:
            Timeout.of(timeout)
            self.timeout = timeout
        self.headers = default_headers()
        self.auth: SessionAuth = None
        self.proxies: dict[str, str] = {}
        self.hooks = default_hooks()
        self.params: Any = {}
        self.stream: bool | None = False
        self.verify: VerifyType = True
        self.cert: CertType = None
        self.max_redirects = DEFAULT_REDIRECT_LIMIT
        if trust_env is not True:
            check_trust(trust_env)
        self.trust_env: TrustEnv = trust_env
        self.cookies = cookiejar_from_dict({})
        if redirects != "all":
            check_policy(redirects)
            self.redirects = redirects
        if secret_fields is not None:
            self.secret_fields = secret_fields
        self.adapters: OrderedDict[str, BaseAdapter] = OrderedDict()
        if retry is not None:
            self.retry = _policy(retry)
        if breaker is not None or rate_limit is not None or store is not None:
            from ._gates import as_breaker, as_rate_limit, as_store

            self.breaker, self.rate_limit = as_breaker(breaker), as_rate_limit(rate_limit)
            self.store = as_store(store)
        # Programs put classes without these arguments in the place of HTTPAdapter.
        given = {"resolve": resolve, "uds": uds, "tls": tls}
        route: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.mount("https://", HTTPAdapter(**route))
        self.mount("http://", HTTPAdapter(**route))
        if allow_addresses is not None:
            self.allow_addresses = allow_addresses

    @property
    def allow_addresses(self) -> AllowAddresses:
        """The policy that says which addresses may be connected to, None for all.

        Whatever stands for a policy may be assigned; connections that are open already are not used any more.
        """
        return self._guard

    @allow_addresses.setter
    def allow_addresses(self, given: AllowAddresses) -> None:
        before, guard = self._guard, None
        if given is not None:
            from .address_policy import AddressPolicy

            guard = AddressPolicy.of(given)
        if guard == before:
            return
        for adapter in getattr(self, "adapters", {}).values():
            if isinstance(adapter, HTTPAdapter):
                adapter._hold_to(guard, instead_of=before)
        self._guard = guard

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def prepare_request(self, request: Request) -> PreparedRequest:
        """*request* with the defaults of this session merged in, ready to be sent."""
        if not hasattr(request, "params"):
            raise TypeError(f"prepare_request() takes a Request, not {type(request).__name__}")
        prepared = PreparedRequest()
        headers: Any = self.headers
        if request.headers or type(headers) is not CaseInsensitiveDict or not _is_sendable(headers):
            headers = merge_headers(request.headers, headers)
        params = request.params
        prepared.prepare(
            method=request.method.upper() if request.method else None,
            url=request.url,
            files=request.files,
            data=request.data,
            json=request.json,
            headers=headers,
            params=merge_params(params, self.params) if self.params else params,
            auth=self._auth_for(request, headers),
            cookies=self._cookies_for(request) if request.cookies or len(self.cookies) else None,
            hooks=merge_hooks(request.hooks, self.hooks),
        )
        return prepared

    def _auth_for(self, request: Request, headers: Mapping[str, Any]) -> Any:
        """The auth of the call, of the session, or of netrc where nothing else was given, in no field and
        URL either.
        """
        auth: Any = request.auth
        own: Any = self.auth
        if own is not None:
            if _is_by_origin(own):
                own = auth_of_origin(own, urls.prepare(request.url))
            auth = merge_setting(auth, own)
        named = headers.names() if type(headers) is CaseInsensitiveDict else headers
        if auth or "authorization" in named or "Authorization" in named:
            return auth
        trust_env = self.trust_env if request._trust_env is None else request._trust_env
        if not (trust_env is True or trusts(trust_env, "netrc")):
            return auth
        url: Any = request.url
        if type(url) is not str:
            url = url.decode("utf-8", "replace") if isinstance(url, bytes) else str(url)
        return None if "@" in url and _has_userinfo(url) else get_netrc_auth(url)

    def _cookies_for(self, request: Request) -> CookiesType:
        """The jar of the session with the cookies of the call."""
        given = request.cookies
        merged = merge_cookies(RequestsCookieJar(), self.cookies)
        if not given:
            return merged
        # As a jar they replace cookies of their name; a mapping would be added where there is none.
        return merge_cookies(merged, given if isinstance(given, CookieJar) else cookiejar_from_dict(given))

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        params: ParamsType = None,
        data: DataType = None,
        headers: HeadersType = None,
        cookies: CookiesType = None,
        files: FilesType = None,
        auth: AuthType = None,
        timeout: TimeoutType | Timeout | Unset = UNSET,
        allow_redirects: bool = True,
        proxies: ProxiesType = None,
        hooks: HooksInput = None,
        stream: bool | None = None,
        verify: VerifyType = None,
        cert: CertType = None,
        json: JsonType = None,
        *,
        max_response_size: int | Unset | None = UNSET,
        max_decompression_ratio: float | Unset | None = UNSET,
        retry: int | Retry | Unset | None = UNSET,
        trust_env: TrustEnv = None,
    ) -> Response:
        """Build a request, send it, follow its redirects and give back the response.

        *params* go into the query: a mapping (lists repeat a name, None leaves it out), pairs, text or
        bytes. *data* is the body: pairs, text, bytes, a file, an iterable of bytes, or a callable that
        makes one of the last four for each time it is sent; *json* an object to be written as JSON; *files*
        a mapping from field name to file, content or `(filename, content[, content_type[, headers]])`.
        *auth* is a `(user, password)` tuple or a callable. *timeout* is in seconds: one number, `(connect,
        read)`, a `timeouts.Timeout`, whose `total` bounds the whole call, or None to wait for ever; by
        default ten to connect and sixty between receives. *proxies* maps `http`, `https`, `all`, or these
        with `://host`, to proxy URLs. With *stream* the body is not read before the call returns. *verify*
        is True, False, a CA file or directory, or an `ssl.SSLContext`; *cert* a file, a `(cert, key)` pair
        or `(cert, key, password)`. *max_response_size* is how many bytes the body may have,
        *max_decompression_ratio* how many times those that came over the wire (500 by default, asked beyond
        8 MiB); None is no limit. *retry* is when it is sent again: a `retries.Retry`, a number of attempts,
        or None for never. *trust_env* says what the environment may: everything (True), nothing (False), or
        what is named in a set of `"proxies"`, `"netrc"` and `"ca"`; None leaves it to the session.

        Raises RequestException, whose subclasses say what went wrong; a 4xx or 5xx status is a response and
        not an error.
        """
        if not isinstance(method, str) or not method:
            method = _method(method)
        request = Request(method.upper(), url, headers, files, data, params, auth, cookies, hooks, json)
        given: Any = proxies or {}
        if trust_env is not None:
            check_trust(trust_env)
            request._trust_env = trust_env
            given = CallProxies.of(proxies, trust_env)
        prepared = self.prepare_request(request)
        if trust_env is not None:
            prepared._trust_env = trust_env
        if max_response_size is not UNSET or max_decompression_ratio is not UNSET:
            # On the request, since adapters, hooks and overridden methods take no more arguments than they know.
            prepared._bounds = Bounds(max_response_size, max_decompression_ratio)
        if retry is not UNSET:
            prepared._retry = _policy(retry)
        settings = self.merge_environment_settings(prepared.url or "", given, stream, verify, cert)
        effective = settings.get("proxies")
        if type(effective) is not EffectiveProxies or (
            (effective or effective.as_made) and effective != effective.as_made
        ):
            # A subclass has the last word.
            settings["proxies"] = settled_proxies(effective)
        if timeout is not UNSET:
            settings["timeout"] = timeout
        return self.send(prepared, allow_redirects=allow_redirects, **settings)

    def get(self, url: str | bytes, params: ParamsType = None, **kwargs: Any) -> Response:
        """Send GET; keywords as for `request`."""
        kwargs.setdefault("allow_redirects", True)
        return self.request("GET", url, params=params, **kwargs)

    def options(self, url: str | bytes, **kwargs: Any) -> Response:
        """Send OPTIONS; keywords as for `request`."""
        kwargs.setdefault("allow_redirects", True)
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url: str | bytes, **kwargs: Any) -> Response:
        """Send HEAD; keywords as for `request`. Redirects are not followed unless *allow_redirects* says
        so.
        """
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def post(self, url: str | bytes, data: DataType = None, json: JsonType = None, **kwargs: Any) -> Response:
        """Send POST; keywords as for `request`."""
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: str | bytes, data: DataType = None, **kwargs: Any) -> Response:
        """Send PUT; keywords as for `request`."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url: str | bytes, data: DataType = None, **kwargs: Any) -> Response:
        """Send PATCH; keywords as for `request`."""
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url: str | bytes, **kwargs: Any) -> Response:
        """Send DELETE; keywords as for `request`."""
        return self.request("DELETE", url, **kwargs)

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a prepared request and follow its redirects.

        Keywords: stream, verify, cert, proxies, timeout, allow_redirects, as for `request`; what is not
        given comes from the session and the environment. Raises ValueError for a request that was not
        prepared.
        """
        if not hasattr(request, "frame_edited"):
            kind = type(request).__name__
            raise ValueError(
                f"send() takes a prepared request, not {kind}: call session.prepare_request(request) first"
            )
        allow_redirects = kwargs.pop("allow_redirects", True)
        if request.body is not request._framed[0]:
            request.frame_edited()
        if kwargs.keys() == _MERGED and type(kwargs["proxies"]) is EffectiveProxies:
            kwargs["timeout"] = None
        else:
            self._settle(request, kwargs)
        if request._is_for_proxy and not _reading_proxy(request.url or "", kwargs["proxies"]):
            request = request.copy()
            request.headers.pop("Proxy-Authorization", None)
        said = kwargs["timeout"]
        response = self._exchange(request, kwargs)
        if kwargs["timeout"] is not said and not isinstance(kwargs["timeout"], RunningTimeout):
            # That was for this hop: the next may be another mount's.
            kwargs["timeout"] = said
        try:
            cls = type(self)
            if (
                response.status_code not in REDIRECT_STATI
                and cls.resolve_redirects is _STOCK_RESOLVE
                and cls.get_redirect_target is _STOCK_TARGET
            ):
                # No subclass has its own idea of what a redirect is.
                pass
            elif allow_redirects:
                response = self._follow(response, request, kwargs)
            elif self.get_redirect_target(response):
                # Few ask for it, it may take a file back to its beginning, and it need not be possible.
                response._next = partial(self._next_request, response, request, kwargs)
            # A hop that is redirected once more is drained, within bounds, by whoever follows.
            to_be_drained = request._is_hop and self.get_redirect_target(response)
            if not kwargs["stream"] and response.status_code != 101 and not to_be_drained:
                response.content  # noqa: B018  # the property reads
        except BaseException:
            response.close()
            raise
        return response

    def _settle(self, request: PreparedRequest, kwargs: dict[str, Any]) -> None:
        """Fill in, in place, the settings that *kwargs* leaves open."""
        if "stream" not in kwargs:
            kwargs["stream"] = self.stream
        if "cert" not in kwargs:
            kwargs["cert"] = self.cert
        if "verify" not in kwargs:
            kwargs["verify"] = effective_verify(None, self.verify, trust_env=self._trust_for(request))
        if not isinstance(kwargs.get("proxies"), EffectiveProxies):
            kwargs["proxies"] = effective_proxies(
                request.url or "", kwargs.get("proxies"), self.proxies, trust_env=self._trust_for(request)
            )
        kwargs["timeout"] = effective_timeout(kwargs["timeout"]) if "timeout" in kwargs else None

    def _exchange(self, request: PreparedRequest, settings: dict[str, Any]) -> Response:
        """Drive one hop: perform what the pipeline asks for until it has its response."""
        adapter = self.get_adapter(url=request.url or "")
        if self._guard is not None:
            _hold_to(adapter, self._guard, request)
        if settings["timeout"] is None:
            own = getattr(adapter, "_default_timeout", None)
            if own is not None or self.timeout is not UNSET:
                settings["timeout"] = effective_timeout(UNSET, own, self.timeout)
        persistence = None
        policy: object = request._retry
        if policy is UNSET:
            policy = getattr(adapter, "_retry", UNSET)
            if policy is UNSET:
                policy = self.retry
        if policy:
            persistence = self._persistence(policy, settings)
        steps = _pipeline.exchange(request, self.cookies, persistence)
        effect = next(steps)
        while True:
            try:
                answer = self._perform(effect, adapter, settings)
            except RequestException as error:
                try:
                    effect = steps.throw(error)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]
                continue
            try:
                effect = steps.send(answer)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]

    def _perform(self, effect: Effect, adapter: BaseAdapter, settings: dict[str, Any]) -> Response:
        if type(effect) is Send:
            request = effect.request
            own = None
            if self.max_response_size is not UNSET or self.max_decompression_ratio is not UNSET:
                own = Bounds(self.max_response_size, self.max_decompression_ratio)
            if isinstance(settings["timeout"], RunningTimeout):
                _check(settings["timeout"], request)
            send = adapter.send
            gated: bool = getattr(adapter, "_is_gated", False)
            if gated or self.breaker is not None or self.rate_limit is not None:
                send = self._admit(request, adapter, settings)
            start = preferred_clock()
            response = send(request, **settings)
            seconds = preferred_clock() - start
            if type(response) is Response:
                response._seconds = seconds
            else:
                response.elapsed = timedelta(seconds=seconds)
            if own is not None or request._bounds is not None:
                self._bound(response, request, own)
            return response
        if isinstance(effect, RunHooks):
            # Auth may have brought another response from the adapter.
            response = dispatch_hook("response", effect.request.hooks, effect.response, **settings)
            own = Bounds.of(self.max_response_size, self.max_decompression_ratio)
            self._bound(response, effect.request, own)
            return cast(Response, response)
        if isinstance(effect, Read):
            effect.response.content  # noqa: B018  # the property reads
            return effect.response
        if isinstance(effect, Drain):
            return _drain(effect.response, effect.most)
        if isinstance(effect, Sleep):
            self._pause(effect.seconds, settings["timeout"])
            return cast(Response, None)
        raise TypeError(f"no way to perform {type(effect).__name__}")

    def _admit(
        self, request: PreparedRequest, adapter: BaseAdapter, settings: dict[str, Any]
    ) -> Callable[..., Response]:
        """Wait until *request* may go, or raise; what sends it then."""
        from ._gates import Gates, in_force

        breaker, limit = in_force(adapter, self.breaker, self.rate_limit)
        if breaker is None and limit is None:
            return adapter.send
        gates = Gates(_store_of(self, self.store), self._pause)
        return gates.admit(request, settings.get("timeout"), adapter, breaker, limit).send

    def _persistence(self, policy: object, settings: dict[str, Any]) -> Persistence | None:
        """What the pipeline needs to try again by *policy*; None where that is none."""
        from . import retries
        from ._tries import Persistence

        if not isinstance(policy, (int, retries.Retry)) or policy is True:
            return None
        known = retries.Retry.of(policy)
        if known is None:
            return None
        left = partial(remaining, settings["timeout"])
        return Persistence(known, self._tokens(), bool(settings["stream"]), left, time.time)

    def _tokens(self) -> Tokens:
        """What is left of the budgets of this session."""
        from .retries import Tokens

        return Tokens(_store_of(self, self.store))

    def _share_tokens(self, holder: object) -> None:
        """Use the budgets of all sessions that share with *holder*."""
        self.store = _store_of(holder, None)

    def _pause(self, seconds: float, timeout: object) -> None:
        from .retries import rehearsed

        if isinstance(timeout, RunningTimeout):
            timeout.enter("sleep")
        if not rehearsed(seconds):
            self._sleep(seconds)

    def _bound(self, response: Any, request: PreparedRequest, own: Bounds | None) -> None:
        """Let the bounds of the call, else those of the mount, else *own*, this session's, hold for the body."""
        if isinstance(response, Response) and (own or request._bounds):
            given = (one for one in (request._bounds, response._bounds, own) if one is not None)
            response._limit(reduce(Bounds.over, given))

    def _next_request(
        self, response: Response, request: PreparedRequest, settings: dict[str, Any]
    ) -> PreparedRequest | None:
        return next(self.resolve_redirects(response, request, yield_requests=True, **settings), None)

    def _follow(self, response: Response, request: PreparedRequest, settings: dict[str, Any]) -> Response:
        """The last response of the chain of redirects that begins with *response*, with the others as its
        history.
        """
        chain = [response, *self.resolve_redirects(response, request, **settings)]
        if len(chain) > 1:
            response = chain.pop()
            response.history = chain
        elif self.redirects != "all" and self.get_redirect_target(response):
            response._next = partial(self._next_request, response, request, settings)
        return response

    def merge_environment_settings(
        self,
        url: str,
        proxies: ProxiesType,
        stream: bool | None,
        verify: VerifyType,
        cert: CertType,
    ) -> dict[str, Any]:
        """The settings of a call to *url*: its own, over those of the session, over those of the
        environment.
        """
        trust_env = proxies.trust_env if type(proxies) is CallProxies else self.trust_env
        return {
            "proxies": effective_proxies(url, proxies, self.proxies, trust_env=trust_env),
            "stream": self.stream if stream is None else stream,
            "verify": effective_verify(verify, self.verify, trust_env=trust_env),
            "cert": self.cert if cert is None else cert,
        }

    def explain(self, url: str | bytes, method: str = "GET", **settings: Any) -> Explanation:
        """Where each setting of a call to *url* would come from; *settings* are the keywords of `request`.

        Nothing is sent, and no secret is shown. `print()` it, iterate over its `Setting`s, or ask for one by name:
        `session.explain(url)["proxy"].source`. Names are adapter, proxy, verify, cert, auth, cookies, timeout, retry,
        redirects and trust_env. Raises what the call would raise before anything is sent.
        """
        from . import _explain

        return _explain.explain(self, method.upper(), url, settings, _serves)

    def get_adapter(self, url: str) -> BaseAdapter:
        """The adapter mounted for *url*: the longest prefix that matches it at an origin boundary.

        Raises InvalidSchema when none does.
        """
        is_usual = url.startswith(_USUAL)
        for prefix, adapter in self.adapters.items():
            if url.startswith(prefix) if is_usual and prefix in _USUAL else _serves(prefix, url):
                return adapter
        meant = urls.suggest_url(url)
        hint = f"Did you mean {meant}?" if meant else "Mount an adapter that serves it, or use http or https."
        raise InvalidSchema(f"no adapter serves {urls.redact(url)!r}. {hint}")

    def close(self) -> None:
        """Close all adapters, and with them the connections they keep. The session may be used again."""
        for adapter in self.adapters.values():
            adapter.close()

    def mount(self, prefix: str, adapter: BaseAdapter) -> None:
        """Let *adapter* serve URLs that begin with *prefix*, such as `https://api.example.com/v2`.

        The prefix ends at a boundary: that of a scheme, a host, a port, or anywhere inside a path. A prefix
        without a port covers every port of its host. Longer prefixes are asked first. Raises TypeError for what is
        no prefix or no adapter.
        """
        if not isinstance(prefix, str):
            raise TypeError(f"mount(): the prefix is text such as 'https://', not {type(prefix).__name__}")
        if isinstance(adapter, type) or not callable(getattr(adapter, "send", None)):
            given = f"the class {adapter.__name__}" if isinstance(adapter, type) else type(adapter).__name__
            raise TypeError(f"mount(): give an adapter, an object with send() and close(), not {given}")
        self.adapters[prefix] = adapter
        # Programs also put a dict of their own there.
        for shorter in sorted(
            (one for one in self.adapters if len(one) < len(prefix)), key=len, reverse=True
        ):
            self.adapters[shorter] = self.adapters.pop(shorter)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name, None) for name in self.__attrs__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _is_sendable(headers: CaseInsensitiveDict[Any]) -> bool:
    """True when the fields of a session can be sent as they are: none of them is None, which would remove it."""
    return headers.is_approved() or None not in [value for _, value in headers.pairs()]


def _hold_to(adapter: BaseAdapter, guard: AddressPolicy, request: PreparedRequest) -> None:
    """Let *adapter* connect to nothing but what *guard* allows. Raises AddressNotAllowed when it cannot be told."""
    if not isinstance(adapter, HTTPAdapter):
        raise AddressNotAllowed(
            f"allow_addresses cannot check what {type(adapter).__name__}, which is mounted here, connects to; mount an "
            "HTTPAdapter, or call it from a session without allow_addresses",
            request=request,
        )
    adapter._hold_to(guard)


def _has_userinfo(url: str) -> bool:
    try:
        return urls.parse(url).userinfo is not None
    except (InvalidURL, MissingSchema):
        return True  # as far as anybody knows; it is not called anyway


def _serves(prefix: str, url: str) -> bool:
    """True when a mount at *prefix* serves *url*.

    `https://api.example.com` serves neither `https://api.example.com.evil.org` nor
    `https://api.example.com:pw@evil.org`, although their text begins with it.
    """
    if prefix.endswith("://") or "://" not in prefix:
        return url[: len(prefix)].lower() == prefix.lower()
    try:
        mount, asked = urls.parse(prefix), urls.parse(url)
    except (InvalidURL, MissingSchema):
        return False
    return (
        mount.scheme == asked.scheme
        and urls.same_host(mount, asked)
        and mount.port in (None, asked.effective_port)
        and asked.target.lower().startswith(mount.target.lower())
    )


def session() -> Session:
    """A new Session; an older spelling of `Session()`."""
    return Session()
