"""The only senders: `BaseAdapter` is their law, `HTTPAdapter` sends by HTTP/1.1 through urllib3's connection pools.

An adapter does one exchange and knows nothing of redirects, auth, cookies or sessions. All that programs
override on requests' adapter can be overridden here, and is called by `send`: whoever overrides a method
steers the exchange. Pools and connections themselves are `_wire`'s; what their errors mean is too.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    EmptyPoolError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    ResponseError,
)
from urllib3.exceptions import HTTPError as _HTTPError
from urllib3.exceptions import InvalidHeader as _InvalidHeader
from urllib3.exceptions import ProxyError as _ProxyError
from urllib3.exceptions import SSLError as _SSLError
from urllib3.util import Timeout as TimeoutSauce
from urllib3.util.retry import Retry

from ._bounds import Bounds
from ._environment import EnvironmentBundle, select_proxy
from ._late import late_names
from ._message import bodies, credentials, urls
from ._message.charsets import get_encoding_from_headers
from ._wire import errors, pools, tls
from ._wire.addresses import Route, is_ip_address
from ._wire.http11 import Limits
from ._wire.pools import PoolManager, proxy_from_url
from .cookies import cookies_set_by, extract_cookies_to_jar
from .exceptions import AddressNotAllowed, InvalidProxyURL, RequestException, SSLError
from .models import PreparedRequest, Response
from .structures import CaseInsensitiveDict
from .timeouts import DEFAULT_TIMEOUT, UNSET, Timeout, Unset

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Container, Sequence

    from ._types import CertType, ProxiesType, TimeoutType, VerifyType
    from ._wire.addresses import Resolve
    from .address_policy import AddressPolicy, AllowAddresses
    from .breakers import Breaker
    from .ratelimits import RateLimit
    from .retries import Retry as Policy
    from .tlsconfig import TLS

__all__ = [
    "DEFAULT_POOLBLOCK",
    "DEFAULT_POOLSIZE",
    "DEFAULT_POOL_TIMEOUT",
    "DEFAULT_RETRIES",
    "BaseAdapter",
    "ClosedPoolError",
    "ConnectTimeoutError",
    "HTTPAdapter",
    "Limits",
    "LocationValueError",
    "MaxRetryError",
    "NewConnectionError",
    "PoolManager",
    "ProtocolError",
    "ReadTimeoutError",
    "ResponseError",
    "Retry",
    "TimeoutSauce",
    "_HTTPError",
    "_InvalidHeader",
    "_ProxyError",
    "_SSLError",
    "extract_cookies_to_jar",
    "proxy_from_url",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        __name__,
        {
            ".exceptions": "ConnectTimeout ConnectionError InvalidHeader InvalidSchema InvalidURL ProxyError "
            "ReadTimeout RetryError",
            "._message.urls": "get_auth_from_url prepend_scheme_if_needed urldefragauth",
            ".auth": "_basic_auth_str",
            "._compat": "DEFAULT_CA_BUNDLE_PATH basestring",
            "urllib.parse": "urlparse",
            "urllib3.util": "parse_url",
        },
    )

DEFAULT_POOLBLOCK = False
DEFAULT_POOLSIZE = 10
DEFAULT_RETRIES = 0
DEFAULT_POOL_TIMEOUT: float | None = None

_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
#: What urllib3 shall not do: follow redirects, care for origins, read the body, decode it.
_ONE_EXCHANGE = dict.fromkeys(("redirect", "assert_same_host", "preload_content", "decode_content"), False)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
#: Held while an adapter gets a guard, which is once in its life.
_guarding = threading.Lock()


class BaseAdapter:
    """What `Session.mount` takes. A subclass has `send` and `close`."""

    #: When a session tries again what it sends by this adapter; UNSET leaves it to the session, None is never.
    _retry: Policy | Unset | None = UNSET
    #: What a session asks before it sends by this adapter; UNSET leaves it to the session, None is nothing.
    _breaker: Breaker | Unset | None = UNSET
    _rate_limit: RateLimit | Unset | None = UNSET
    #: True when either was said.
    _is_gated: bool = False

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: TimeoutType = None,
        verify: VerifyType = True,
        cert: CertType = None,
        proxies: ProxiesType = None,
    ) -> Response:
        """Send *request* once, and give the response to it.

        The law of every adapter:

        - One request, one response. No redirect is followed, no challenge answered, no cookie added or kept: that is
          the session's work, and it sees each response.
        - The request is not changed. What has to be different on the wire is different in a copy.
        - Any status is a response; a 500 is not an error.
        - Every error is a `RequestException` whose `request` is this one. A ValueError or TypeError may say that an
          argument is wrong, before anything was sent.
        - It may be called from several threads at the same time.
        - The body of the response is still to be read, whatever *stream* says; whoever reads it to its end, or closes
          the response, gives the connection back.

        *timeout* is seconds, a `(connect, read)` pair or a `Timeout`; None asks for the adapter's own
        default, not for no limit. *verify* is True, False, the path of a CA bundle or an `ssl.SSLContext`;
        *cert* is a path, `(certificate, key)` or `(certificate, key, password)`; *proxies* maps schemes, or
        `scheme://host`, to the URLs of proxies.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close what is kept open between calls. The adapter may be used again."""
        raise NotImplementedError


class HTTPAdapter(BaseAdapter):
    """Sends by HTTP and HTTPS over pooled connections, directly or through a proxy.

    *pool_connections* is how many origins have connections kept, *pool_maxsize* how many of each;
    *pool_block* makes calls wait rather than open more, for *pool_timeout* seconds. A connection that has been idle
    for *keepalive_expiry* seconds is not used again. For both None means for ever. *max_retries* is how often
    connecting is tried again, or a `urllib3.Retry` that says what else is. *timeout* is for calls that give
    none; by default 10 s to connect and 60 s between receives.

    *max_response_size* is how many bytes a body may have, content codings removed, and
    *max_decompression_ratio* how many times the bytes on the wire, 500 by default; None is no limit. A call
    that says another has its way. *limits* bounds the heads of responses and the framing of their bodies.
    *on_interim* is called with the status and the fields of each interim response (RFC 9110 §15.2), such as
    103 Early Hints, as soon as it is there; it should be quick, since the call waits for it.

    *resolve* says which address to connect to in place of the one that a name has: a mapping from `"host:port"`,
    or `"host"` for every port, to an IP address or a list of them to be tried in order, or a callable(host, port)
    that gives these, or None to look the name up as usual. *uds* is the path of a Unix socket to connect to,
    whatever the URL and the proxies. With both the URL keeps its say: Host, cookies, the name that TLS asks for and
    verifies are its own. Raises ValueError for both at once and for what is no IP address.

    *tls* is a `TLS`: trust, client certificate, versions, ciphers, pins and server name of all its connections. A
    bundle, a context, False or a certificate that the call or the session names beats it; the environment's bundle
    does not. Raises ValueError where *ssl_context* or another setting for the same is given as well.

    *allow_addresses* says which addresses may be connected to: `"public"`, networks, a callable, or an
    `AddressPolicy` of these; None, the default, is all. Every address is checked before it is connected to, that of
    a proxy too, whatever name or redirect led there; the error is `AddressNotAllowed`. Behind a proxy only
    addresses in URLs can be checked, and proxies of the environment are refused. It excludes *uds*.

    *breaker*, a `Breaker`, and *rate_limit*, a `RateLimit`, hold for what sessions send by this adapter, in place of
    their own; None is none.

    The others are settings of urllib3's connections, given to every pool: *source_address* (host, port) to
    send from, *socket_options* triples for `setsockopt`, *blocksize* bytes per read of a body file,
    *ssl_context*, *ssl_minimum_version* and *ssl_maximum_version* (`ssl.TLSVersion`), *assert_fingerprint*
    the certificate's digest, *server_hostname* the name that TLS asks for and verifies, *assert_hostname*
    another name to look for in the certificate, or False for none. Raises TypeError for a setting that
    urllib3 does not have.
    """

    __attrs__: ClassVar[list[str]] = [
        "max_retries",
        "_retry",
        "config",
        "_pool_connections",
        "_pool_maxsize",
        "_pool_block",
        "_default_timeout",
        "_extra_settings",
        "_bounds",
        "_codec_limits",
        "_on_interim",
        "_idle_settings",
        "_route",
        "_tls",
        "_breaker",
        "_rate_limit",
        "_is_gated",
        "_borrowed_guard",
    ]

    config: dict[str, Any]
    poolmanager: Any
    proxy_manager: dict[str, Any]
    _kept: dict[Any, Any]
    _pool_connections: int
    _pool_maxsize: int
    _pool_block: bool
    # Private, since subclasses have attributes of their own called `timeout` or `ssl_context`, set before
    # ours are.
    _max_retries: Any = Retry(0, read=False)
    _default_timeout: Timeout | TimeoutSauce | None = None
    _extra_settings: Mapping[str, Any] = _NOTHING
    _bounds: Bounds | None = None
    _codec_limits: Limits | None = None
    _on_interim: Callable[[int, CaseInsensitiveDict[str]], object] | None = None
    _idle_settings: Mapping[str, Any] = _NOTHING
    _route: Route | None = None
    _tls: TLS | None = None
    #: True once a method that `send` would not need to call was replaced on this adapter alone.
    _is_overridden: bool = False
    #: The guard of the route, where it is a session's and not the adapter's own.
    _borrowed_guard: AddressPolicy | None = None

    def __init__(
        self,
        pool_connections: int = DEFAULT_POOLSIZE,
        pool_maxsize: int = DEFAULT_POOLSIZE,
        max_retries: int | Retry | Policy | None = DEFAULT_RETRIES,
        pool_block: bool = DEFAULT_POOLBLOCK,
        *,
        timeout: TimeoutType | Timeout = None,
        max_response_size: int | Unset | None = UNSET,
        max_decompression_ratio: float | Unset | None = UNSET,
        limits: Limits | None = None,
        on_interim: Callable[[int, CaseInsensitiveDict[str]], object] | None = None,
        keepalive_expiry: float | None = pools.KEEPALIVE_EXPIRY,
        pool_timeout: float | None = DEFAULT_POOL_TIMEOUT,
        source_address: tuple[str, int] | None = None,
        socket_options: Sequence[tuple[int, int, int | bytes]] | None = None,
        blocksize: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ssl_minimum_version: ssl.TLSVersion | None = None,
        ssl_maximum_version: ssl.TLSVersion | None = None,
        assert_fingerprint: str | None = None,
        server_hostname: str | None = None,
        assert_hostname: str | bool | None = None,
        resolve: Resolve | None = None,
        uds: str | bytes | os.PathLike[str] | None = None,
        tls: TLS | None = None,
        allow_addresses: AllowAddresses = None,
        breaker: Breaker | Unset | None = UNSET,
        rate_limit: RateLimit | Unset | None = UNSET,
        **pool_settings: Any,
    ) -> None:
        super().__init__()
        given = {
            "source_address": source_address,
            "socket_options": socket_options,
            "blocksize": blocksize,
            "ssl_context": ssl_context,
            "ssl_minimum_version": ssl_minimum_version,
            "ssl_maximum_version": ssl_maximum_version,
            "assert_fingerprint": assert_fingerprint,
            "server_hostname": server_hostname,
            "assert_hostname": assert_hostname,
            **_known(pool_settings),
        }
        if tls is not None:
            given.update(_tls_settings(tls, given))
        if not (
            max_retries is None
            or isinstance(max_retries, int)
            or hasattr(max_retries, "increment")
            or _is_policy(max_retries)
        ):
            raise ValueError(
                f"max_retries: give a number, a Retry or a urllib3 Retry, not {type(max_retries).__name__}"
            )
        if isinstance(max_retries, int) or max_retries is None:
            # Retries of reads are out: what was read from a response is gone.
            given_retries = Retry.from_int(max_retries) if max_retries else Retry(0, read=False)
            self.max_retries = given_retries
        else:
            self.max_retries = max_retries
        self.config = {}
        self._kept = {}
        self.proxy_manager = {}
        self._default_timeout = None if timeout is None else _limits(timeout, None)
        self._bounds = Bounds.of(max_response_size, max_decompression_ratio)
        self._codec_limits = limits
        self._on_interim = on_interim
        self._extra_settings = {name: value for name, value in given.items() if value is not None}
        self._idle_settings = {"keepalive_expiry": keepalive_expiry, "pool_timeout": pool_timeout}
        self._route = Route.of(resolve, uds, _address_policy(allow_addresses))
        self._tls = tls
        if breaker is not UNSET or rate_limit is not UNSET:
            from ._gates import as_breaker, as_rate_limit

            self._breaker, self._rate_limit = as_breaker(breaker), as_rate_limit(rate_limit)
            self._is_gated = True
        self._pool_connections = pool_connections
        self._pool_maxsize = pool_maxsize
        self._pool_block = pool_block
        self.init_poolmanager(pool_connections, pool_maxsize, block=pool_block, **self._extra_settings)
        self._lead(self.poolmanager)

    def __setattr__(self, name: str, value: Any) -> None:
        # Noticed here, since a look into `__dict__` with each call would make all attributes slow.
        if name in _STEERING:
            super().__setattr__("_is_overridden", True)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name, None) for name in self.__attrs__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.config = {}
        self._kept = {}
        self.proxy_manager = {}
        for name, value in state.items():
            setattr(self, name, value)
        self.init_poolmanager(
            self._pool_connections, self._pool_maxsize, block=self._pool_block, **self._extra_settings
        )
        self._lead(self.poolmanager)

    @property
    def max_retries(self) -> Any:
        """What urllib3 does on its own, connecting above all: a `urllib3.Retry`.

        A `retries.Retry` that is set here is for the session, which does what it says; nothing is left to urllib3.
        """
        return self._max_retries

    @max_retries.setter
    def max_retries(self, given: Any) -> None:
        if _is_policy(given):
            self._retry, self._max_retries = given, Retry(0, read=False)
        else:
            self._retry, self._max_retries = UNSET, given

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **pool_kwargs: Any
    ) -> None:
        """Set `poolmanager`. A subclass may set one of its own here, or add settings: `super().init_poolmanager(...)`.

        *pool_kwargs* are settings of urllib3's pools and connections. Those of `poolmanager` hold for
        connections through proxies as well.
        """
        self._pool_connections = connections
        self._pool_maxsize = maxsize
        self._pool_block = block
        self.poolmanager = pools.pool_manager(
            connections, maxsize, block, **self._idle_settings, **pool_kwargs
        )
        self._lead(self.poolmanager)

    def _lead(self, manager: Any) -> None:
        """Let the connections of *manager*, be it a subclass's own, be as `resolve`, `uds`, `allow_addresses` and
        `tls` say.
        """
        if self._route is not None:
            pools.lead(manager, self._route)
        if self._tls is not None:
            if getattr(manager, "connection_pool_kw", _NOTHING).get("ssl_context") is not None:
                raise ValueError(_CONTEXT_OR_TLS)
            pools.secure(manager, self._tls)

    def _hold_to(self, guard: AddressPolicy | None, instead_of: AddressPolicy | None = None) -> None:
        """Connect only to what *guard*, a session's, allows, unless the adapter has a guard of its own.

        Raises ValueError when it is held to the guard of another session, or connects to a Unix socket.
        """
        if guard is not None and self._borrowed_guard is guard:
            return
        with _guarding:
            route, held = self._route or Route(), self._borrowed_guard
            if held == guard or (held is None and route.guard is not None):
                return
            if held is not None and held != instead_of:
                raise ValueError(
                    "this adapter is mounted on sessions with different allow_addresses; give each its own adapter, "
                    "or the adapter an allow_addresses of its own"
                )
            if route.uds is not None:
                raise ValueError(
                    "uds= and allow_addresses= exclude each other: a Unix socket has no address to be checked"
                )
            route = replace(route, guard=guard)
            for manager in (self.poolmanager, *self.proxy_manager.values()):
                pools.lead(manager, route)
                pools.close(manager)  # what is connected already was not checked
            self._route, self._borrowed_guard = route, guard

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """The pool manager for calls through the proxy at the URL *proxy*, made when it is first asked for.

        It has the settings of `poolmanager`; *proxy_kwargs* are more, of urllib3's `ProxyManager`, that a
        subclass may add. Raises InvalidSchema for a SOCKS proxy when PySocks is not installed.
        """
        manager = self.proxy_manager.get(proxy)
        if manager is not None:
            return manager
        size = self._pool_connections, self._pool_maxsize, self._pool_block
        given = self._base()
        known = {name: given[name] for name in given.keys() & pools.setting_names()}
        settings: dict[str, Any] = {**known, **self._idle_settings, **proxy_kwargs}
        # urllib3 gets the credentials apart from the URL, so that they are in no message of its own.
        address = urls.urldefragauth(proxy)
        if proxy.lower().startswith("socks"):
            username, password = urls.get_auth_from_url(proxy)
            manager = pools.socks_manager(address, username or None, password or None, *size, **settings)
        else:
            manager = pools.proxy_manager(address, self.proxy_headers(proxy), *size, **settings)
        self._lead(manager)
        # Two threads may have made one each; both use that of the first.
        return self.proxy_manager.setdefault(proxy, manager)

    def cert_verify(self, conn: Any, url: str, verify: VerifyType, cert: CertType) -> None:
        """Set on the pool *conn* what *verify* and *cert* ask for. For subclasses that bring pools of their own.

        The pools of `get_connection_with_tls_context` have it from the beginning, as part of their key, so
        for them nothing changes. Raises as that does.
        """
        if not url.lower().startswith("https"):
            return
        own: dict[str, Any] = getattr(conn, "conn_kw", {})
        settings = tls.pool_settings(*self._wanted(verify, cert), {**self._base(), **own})
        if "ssl_context" in settings:
            own["ssl_context"] = settings.pop("ssl_context")
        for name, value in settings.items():
            setattr(conn, name, value)

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The response to *req* that urllib3's response *resp* makes.

        *resp* may be anything with `status`, `headers` and `reason`, or some of them: libraries that record
        or imitate exchanges call this too. Repeated fields are kept.
        """
        response = Response()
        response.status_code = getattr(resp, "status", None)  # type: ignore[assignment]  # of an imitation
        headers = response.headers = _fields_of(resp)
        response.encoding = get_encoding_from_headers(headers)
        response.raw = resp
        response.reason = getattr(resp, "reason", None)  # type: ignore[assignment]
        url: Any = req.url
        response.url = url.decode("utf-8") if isinstance(url, bytes) else url
        if "set-cookie" in headers.names():
            response.cookies = cookies_set_by(req, resp)
        response.request = req
        response.connection = self
        bounds = getattr(req, "_bounds", None) or self._bounds
        if type(bounds) is Bounds:
            response._limit(bounds.over(self._bounds))
        return response

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: VerifyType, cert: CertType = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What decides which connections may serve *request*: `scheme`, `host` and `port`, and the TLS settings.

        The second mapping has urllib3's names: `cert_reqs`, `ca_certs` or `ca_cert_dir`, or `ssl_context`
        for a *verify* that is one; with *cert* `cert_file`, and maybe `key_file` and `key_password`. A
        subclass may change both.
        """
        url = urls.parse(request.url or "")
        # urllib3 reads a zone in brackets only.
        name = url.host if "%" in url.host else url.hostname
        host = {"scheme": url.scheme, "host": name, "port": url.port}
        return host, self._tls_settings(verify, cert) if url.scheme == "https" else {}

    def _tls_settings(self, verify: VerifyType, cert: CertType) -> dict[str, Any]:
        return tls.pool_settings(*self._wanted(verify, cert), self._base())

    def _wanted(self, verify: VerifyType, cert: CertType) -> tuple[Any, Any]:
        """What a call wants, and what `tls` says where it leaves that open."""
        if self._tls is None:
            return verify, cert
        is_open = verify is None or verify is True or verify == "" or isinstance(verify, EnvironmentBundle)
        if is_open and self._tls.verify is not None:
            verify = cast("VerifyType", self._tls.verify)
        return verify, cert or self._tls.cert

    def _base(self) -> Mapping[str, Any]:
        """What `poolmanager` was made with, wherever it came from."""
        base: Mapping[str, Any] = getattr(self.poolmanager, "connection_pool_kw", _NOTHING)
        return base

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: VerifyType,
        proxies: ProxiesType = None,
        cert: CertType = None,
    ) -> Any:
        """The pool whose connections may serve *request*: a `urllib3.HTTPConnectionPool`.

        Raises InvalidURL, InvalidProxyURL, and for *verify* and *cert* as `send` says.
        """
        proxy = select_proxy(cast(str, request.url), proxies)
        host, settings = self.build_connection_pool_key_attributes(request, verify, cert)
        if not proxy:
            return self.poolmanager.connection_from_host(**host, pool_kwargs=settings)
        proxy = _proxy_url(proxy)
        if proxy.startswith("https:") and host.get("scheme") == "http":
            # The connection is one to the proxy, by TLS.
            settings = {**settings, **self._tls_settings(verify, cert)}
        return self.proxy_manager_for(proxy).connection_from_host(**host, pool_kwargs=settings)

    def get_connection(self, url: str, proxies: ProxiesType = None) -> Any:
        """The pool for *url*, whatever `verify` and `cert` say: deprecated, and not used by `send`."""
        warnings.warn(
            "get_connection() knows nothing of verify= and cert=; "
            "call or override get_connection_with_tls_context() instead",
            DeprecationWarning,
            stacklevel=2,
        )
        proxy = select_proxy(url, proxies)
        manager = self.proxy_manager_for(_proxy_url(proxy)) if proxy else self.poolmanager
        return manager.connection_from_url(url)

    def close(self) -> None:
        """Close the connections that are not in use.

        Those in use are closed when their responses are done with.
        """
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            pools.close(manager)

    def request_url(self, request: PreparedRequest, proxies: ProxiesType) -> str:
        """The request target: the whole URL for an HTTP proxy that forwards, else path and query (RFC 9112
        §3.2).
        """
        url = cast(str, request.url)
        proxy = select_proxy(url, proxies)
        if not proxy or url[:6].lower() == "https:" or proxy.lower().startswith("socks"):
            return request.path_url
        return urls.urldefragauth(url)

    def add_headers(self, request: PreparedRequest, **kwargs: Any) -> None:
        """Does nothing.

        A subclass may add fields to *request* here; *kwargs* are the other arguments of `send`.
        """

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The fields for the proxy alone: with each forwarded request, or with CONNECT, never to the server behind it.

        By default Proxy-Authorization, when the URL *proxy* holds a user name and password (RFC 9110
        §11.7.2).
        """
        username, password = urls.get_auth_from_url(proxy)
        return {"Proxy-Authorization": credentials.basic(username, password)} if username else {}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: TimeoutType | Timeout = None,
        verify: VerifyType = True,
        cert: CertType = None,
        proxies: ProxiesType = None,
    ) -> Response:
        """Send *request* once, and give the response to it; see `BaseAdapter.send` for the law and the arguments.

        Raises ConnectTimeout, ReadTimeout, SSLError, ProxyError, RetryError and other ConnectionErrors;
        InvalidURL and InvalidHeader for what cannot be sent; ValueError for a *timeout* or *cert* that
        means nothing.
        """
        limits: Timeout | TimeoutSauce = DEFAULT_TIMEOUT
        if timeout is not None or self._default_timeout is not None:
            limits = _limits(timeout, self._default_timeout)
        if self._route is not None and self._route.uds is not None:
            proxies = None
        conn = facts = None
        if self._is_stock():
            facts = _facts(request.url, proxies)
            if facts is not None:
                conn = self._kept_pool(request, facts.origin, verify, cert)
        if conn is None:
            conn = self._pool(request, verify, proxies, cert)
            facts = None
            self.cert_verify(conn, request.url, verify, cert)  # type: ignore[arg-type]  # _pool has looked at it
        if facts is not None and type(request) is PreparedRequest:
            target = facts.target
        else:
            target = self.request_url(request, proxies)
        if self._codec_limits is not None or self._on_interim is not None:
            self._instruct(conn)
        if type(self).add_headers is not _ADDS_NOTHING or self._is_overridden:
            self.add_headers(
                request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies
            )
        try:
            retries = self.max_retries
            if (
                isinstance(conn, pools.HTTPConnectionPool)
                and conn.is_ours()
                and type(retries) is Retry
                and not retries.total
                and not retries.status_forcelist
            ):
                answer = self._exchange(conn, request, target, limits, facts)
            else:
                answer = self._urlopen(conn, request, target, limits)
        except Exception as error:
            known = errors.translate(error, request)
            known._reused = _went_out_reused(error)
            if known is error:
                raise
            raise known from error
        return self.build_response(request, answer)

    def _exchange(
        self,
        conn: Any,
        request: PreparedRequest,
        target: str,
        limits: Timeout | TimeoutSauce,
        facts: urls.Facts | None,
    ) -> Any:
        """Send *request* on a connection of our own pools."""
        headers, body = request.headers, request.body
        if type(headers) is CaseInsensitiveDict:
            fields = headers.pairs()
            names: Container[str] = headers.names()
        else:
            # A subclass may have an order of its own.
            fields = list(headers.items())
            names = {_lower(name) for name, _ in fields}
        if "host" not in names:
            facts = facts or urls.facts(cast(str, request.url))
            fields.insert(0, ("Host", facts.host_field))
        if conn.proxy_headers and conn.is_forwarding(target):
            fields = [field for field in fields if field[0] not in conn.proxy_headers] + [
                *conn.proxy_headers.items()
            ]
        if body is not None and "content-length" not in names and "transfer-encoding" not in names:
            fields += pools.framing(body, cast(str, request.method), chunked=False)
        if isinstance(limits, TimeoutSauce):
            limits = Timeout.of(limits)
        waits = None
        if limits.total is not None or limits.pool is not None:
            waits = pools.Waits(limits.start())
        try:
            return conn.exchange(
                request.method,
                target,
                fields,
                body,
                limits.connect,
                limits.read,
                partial(_rewound, request),
                waits,
            )
        except (_HTTPError, OSError) as error:
            if isinstance(error, (RequestException, EmptyPoolError, ClosedPoolError)):
                raise
            # As urlopen would say it, since programs look at the reason of the error that they are given.
            self.max_retries.increment(request.method, target, error=cast(Exception, error), _pool=conn)
            raise

    def _urlopen(
        self, conn: Any, request: PreparedRequest, target: str, limits: Timeout | TimeoutSauce
    ) -> Any:
        """Send *request* by urllib3's own way: for its retries, and for pools that are not ours."""
        options: dict[str, Any] = {**_ONE_EXCHANGE}
        if isinstance(limits, Timeout) and (limits.total is not None or limits.pool is not None):
            limits = limits.start()
            own = getattr(conn, "pool_timeout", None) if limits.pool is None else limits.pool
            options["pool_timeout"] = limits.within(own)
        return conn.urlopen(
            method=request.method,
            url=target,
            headers=request.headers,
            body=request.body,
            chunked=request.body is not None and "Content-Length" not in request.headers,
            timeout=_urllib3_timeout(limits),
            retries=self._retries(request),
            **options,
        )

    def _instruct(self, conn: Any) -> None:
        """Tell the pool *conn*, which is this adapter's, how its connections shall read."""
        if isinstance(conn, pools.HTTPConnectionPool):
            conn.limits = self._codec_limits
            conn.on_interim = None if self._on_interim is None else partial(_tell, self._on_interim)

    def _is_stock(self) -> bool:
        """True when nobody has overridden what decides about the pool, so that the answer can be kept."""
        cls = type(self)
        methods = (
            cls.build_connection_pool_key_attributes,
            cls.cert_verify,
            cls.get_connection_with_tls_context,
            cls.request_url,
        )
        return methods == _STOCK_METHODS and not self._is_overridden

    def _kept_pool(
        self, request: PreparedRequest, origin: urls.Origin, verify: VerifyType, cert: CertType
    ) -> Any:
        """The pool that served the last direct request with the same origin and TLS settings, while it is open."""
        key = (origin, verify, cert)
        try:
            kept = self._kept.get(key)
        except TypeError:
            # A setting that cannot be a key, which is for the long way to say.
            return None
        if kept is not None and kept.is_open() and kept.manager is self.poolmanager:
            return kept
        if any(
            getattr(getattr(self, name), "__func__", None) is not getattr(type(self), name)
            for name in _STEERING
        ):
            # Put there past `__setattr__`.
            self._is_overridden = True
            return None
        if len(self._kept) >= self._pool_connections:
            self._kept.clear()
        pool = self._pool(request, verify, None, cert)
        if isinstance(pool, pools.HTTPConnectionPool):
            pool.manager = self.poolmanager
            self._kept[key] = pool
        return pool

    def _retries(self, request: PreparedRequest) -> Any:
        """`max_retries`, less those that would send again a body that can be sent once only."""
        retries: Any = self.max_retries
        body = request.body
        if body is None or isinstance(body, (bytes, str)) or not getattr(retries, "total", retries):
            return retries
        if bodies.is_replayable(body, request._body_position):
            return retries
        return Retry.from_int(retries).new(read=False, status_forcelist=(), respect_retry_after_header=False)

    def _pool(
        self, request: PreparedRequest, verify: VerifyType, proxies: ProxiesType, cert: CertType
    ) -> Any:
        guard = None if self._route is None else self._route.guard
        try:
            if guard is not None and proxies:
                _check_proxied(cast(str, request.url), proxies, guard)
            pool = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            if guard is not None:
                pools.require_guard(pool, guard)
            if self._wanted(verify, cert)[0] == tls.SYSTEM and not isinstance(pool, pools.HTTPConnectionPool):
                raise SSLError(
                    "verify='system' does not work with the pools of this adapter; "
                    "give them ssl_context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)"
                )
            return pool
        except RequestException as error:
            if error.request is None:
                error.request = request
            raise
        except (_HTTPError, LocationValueError) as error:
            raise errors.translate(error, request) from error


def _address_policy(given: AllowAddresses) -> AddressPolicy | None:
    if given is None:
        return None
    from .address_policy import AddressPolicy

    return AddressPolicy.of(given)


def _check_proxied(url: str, proxies: ProxiesType, guard: AddressPolicy) -> None:
    """Raise AddressNotAllowed where a proxy would be asked to go to what *guard* refuses, as far as can be seen.

    Names are the proxy's to look up. So only a program may choose one, and not the environment.
    """
    proxy = select_proxy(url, proxies)
    if not proxy:
        return
    host = urls.parse(url).hostname
    if select_proxy(url, getattr(proxies, "explicit", proxies)) != proxy:
        raise AddressNotAllowed(
            f"{host[:100]} would be reached through the proxy {urls.redact(proxy, 80)} of the environment, and "
            "allow_addresses cannot see behind it. Set trust_env=False to go without it, or give proxies= to rely on it"
        )
    is_local = host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3
    address = "127.0.0.1" if is_local else host
    why = guard.why_not(address) if is_ip_address(address) else None
    if why is not None:
        raise AddressNotAllowed.of(host, address, why)


def _went_out_reused(error: BaseException) -> bool | None:
    """Whether the request that failed with *error* was on a kept connection, as far as its pool has said."""
    for link in (error, getattr(error, "reason", None), *error.args):
        known = getattr(link, "is_on_kept_connection", None)
        if known is not None:
            return bool(known)
    return None


def _facts(url: Any, proxies: ProxiesType) -> urls.Facts | None:
    """What *url* says, where that is all that counts: None where a proxy does, or the URL cannot be used."""
    if proxies and select_proxy(url, proxies):
        return None
    try:
        return urls.facts(url)
    except (TypeError, RequestException):
        # For the long way to say.
        return None


def _lower(name: object) -> str:
    return (name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower()


def _tell(hook: Callable[[int, CaseInsensitiveDict[str]], object], head: Any) -> None:
    hook(head.status, CaseInsensitiveDict.from_pairs(head.fields))


def _fields_of(resp: Any) -> CaseInsensitiveDict[str]:
    if isinstance(resp, pools.WireResponse):
        by_name = resp.by_name()
        if by_name is not None:
            return CaseInsensitiveDict.from_store(by_name)
        return CaseInsensitiveDict.from_pairs(resp.pairs())
    fields = getattr(resp, "headers", None)
    repeats = getattr(fields, "iteritems", None)
    return CaseInsensitiveDict(fields or {}) if repeats is None else CaseInsensitiveDict.from_pairs(repeats())


#: The methods that decide which pool serves a request.
_POOL_METHODS = (
    "build_connection_pool_key_attributes",
    "cert_verify",
    "get_connection_with_tls_context",
    "request_url",
)
#: Those that are called only where somebody has another.
_STEERING = frozenset((*_POOL_METHODS, "add_headers"))
_ADDS_NOTHING = HTTPAdapter.add_headers
_STOCK_METHODS = tuple(HTTPAdapter.__dict__[name] for name in _POOL_METHODS)


def _is_policy(given: object) -> bool:
    """True for a policy of our own. Their class is not loaded for programs that have none."""
    return getattr(given, "attempts", None) is not None and not hasattr(given, "increment")


def _rewound(request: PreparedRequest) -> bool:
    """Take the body back to its beginning; False when it cannot be sent again."""
    if not bodies.is_replayable(request.body, request._body_position):
        return False
    bodies.rewind(request.body, request._body_position)
    return True


_CONTEXT_OR_TLS = (
    "tls= and ssl_context= exclude each other: a context has its own versions, trust and ciphers"
)
#: What a TLS says by itself, by the names of the adapter's settings.
_IN_TLS = {
    "ssl_minimum_version": "minimum_version",
    "ssl_maximum_version": "maximum_version",
    "server_hostname": "server_name",
}


def _tls_settings(wanted: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """urllib3's settings for *wanted*. Raises TypeError and ValueError, which name what is wrong or said twice."""
    from .tlsconfig import TLS

    if not isinstance(wanted, TLS):
        raise TypeError(f"tls: give a TLS, such as TLS(minimum_version='1.3'), not {type(wanted).__name__}")
    if given.get("ssl_context") is not None:
        raise ValueError(_CONTEXT_OR_TLS)
    settings = {name: getattr(wanted, of_tls) for name, of_tls in _IN_TLS.items()}
    for name, value in settings.items():
        if value is not None and given.get(name) is not None:
            raise ValueError(f"{name}= and tls=TLS({_IN_TLS[name]}=...) say the same; give one of them")
    return {name: value for name, value in settings.items() if value is not None}


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(settings.keys() - pools.setting_names())
    if unknown:
        raise TypeError(
            f"HTTPAdapter() has no argument {unknown[0]!r}. Besides its own it takes the settings of "
            f"urllib3's connections: {', '.join(sorted(pools.setting_names()))}"
        )
    return settings


def _limits(timeout: Any, default: Timeout | TimeoutSauce | None) -> Timeout | TimeoutSauce:
    """The timeout to use. Raises ValueError, which names it, when it means nothing."""
    if timeout is None:
        return default or DEFAULT_TIMEOUT
    return timeout if isinstance(timeout, (Timeout, TimeoutSauce)) else Timeout.of(timeout)


def _urllib3_timeout(limits: Timeout | TimeoutSauce) -> TimeoutSauce:
    if isinstance(limits, TimeoutSauce):
        return limits
    if limits.total is not None:
        return pools.RemainingTimeout(limits.start())
    return TimeoutSauce(connect=limits.connect, read=limits.read)


def _proxy_url(proxy: str) -> str:
    """The URL of a proxy in full. Raises InvalidProxyURL, which does not show the credentials in it."""
    url = urls.prepend_scheme_if_needed(proxy, "http")
    scheme = url.partition(":")[0]
    shown = urls.redact(proxy)
    given, colon, rest = proxy.strip().partition(":")
    if colon and given.lower() in _PROXY_SCHEMES and not rest.startswith("//") and not rest.isdigit():
        raise InvalidProxyURL(f"the proxy URL {shown!r} is malformed: after its scheme come two slashes")
    if scheme not in _PROXY_SCHEMES:
        raise InvalidProxyURL(
            f"the proxy URL {shown!r}: a proxy's scheme is one of {', '.join(_PROXY_SCHEMES)}"
        )
    try:
        # Other schemes are split leniently.
        host = urls.parse("http" + url[len(scheme) :]).host
    except RequestException as error:
        raise InvalidProxyURL(
            f"the proxy URL {shown!r} cannot be used: it is malformed, or has no host"
        ) from error
    if not host:
        raise InvalidProxyURL(f"the proxy URL {shown!r} has no host")
    return url
