"""Which connections are kept for whom: urllib3's pool managers, with our pools and connections in them.

urllib3 keys its pools by origin and by every setting that makes a connection different, TLS included; so a
connection that was made without verification is never handed to a call that verifies. Our classes come in
through urllib3's own seam, `pool_classes_by_scheme`; nothing of urllib3 is replaced. Where something else
has replaced urllib3's connection class, as libraries do that record exchanges, our pools use theirs.
"""

from __future__ import annotations

import os
import queue
import re
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, cast

from urllib3._collections import RecentlyUsedContainer
from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool as _HTTPConnectionPool
from urllib3.connectionpool import HTTPSConnectionPool as _HTTPSConnectionPool
from urllib3.exceptions import (
    ClosedPoolError,
    EmptyPoolError,
    HTTPError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.poolmanager import PoolKey, PoolManager, ProxyManager, proxy_from_url
from urllib3.util import Timeout as _Timeout
from urllib3.util.ssl_match_hostname import CertificateError

from .._message import bodies
from ..exceptions import AddressNotAllowed, InvalidSchema, RequestException
from ..timeouts import RunningTimeout
from . import connections
from .addresses import Guarded, Route
from .connections import framing
from .deadlines import Waits, late
from .http11 import Head, Limits
from .response import WireResponse

if TYPE_CHECKING:
    from ..address_policy import AddressPolicy
    from ..tlsconfig import TLS

__all__ = [
    "KEEPALIVE_EXPIRY",
    "HTTPConnectionPool",
    "HTTPSConnectionPool",
    "PoolManager",
    "ProxyManager",
    "RemainingTimeout",
    "Waits",
    "WireResponse",
    "close",
    "framing",
    "lead",
    "pool_manager",
    "proxy_from_url",
    "proxy_manager",
    "require_guard",
    "secure",
    "setting_names",
    "socks_manager",
]

#: A request target that can be written as it is. urllib3 would change the case of its escapes.
_SENDABLE = re.compile(r"[!-\"$-~]+\Z")
#: Seconds that an idle connection is kept by default.
KEEPALIVE_EXPIRY = 60.0
#: What is part of urllib3's pool keys, but not for callers to choose.
_INTERNAL = ("scheme", "host", "port", "block", "maxsize", "timeout", "retries", "headers")


class _ConnectionClass:
    """The class of a pool's connections: *ours*, unless urllib3's own has been replaced. A pool may set
    another.
    """

    def __init__(self, ours: type, pool: type, stock: type) -> None:
        self._ours, self._pool, self._stock = ours, pool, stock

    def __get__(self, instance: object, owner: type) -> Any:
        current = self._pool.ConnectionCls  # type: ignore[attr-defined]  # one of urllib3's pools
        return self._ours if current is self._stock else current


#: Methods that may be sent twice with the effect of once (RFC 9110 §9.2.2).
_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
#: How a connection dies that the server has closed meanwhile.
_DEAD = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_STOCK_URLOPEN = _HTTPConnectionPool.urlopen
_OURS = (connections.HTTPConnection, connections.HTTPSConnection)


class _Slots(queue.LifoQueue[Any]):
    """The idle connections of a pool, the last one first; None is one that may be opened.

    Connections come back in finalisers too, which may run at any point of any thread, inside `get()` as well.
    So nothing here waits for a lock: a deque and a SimpleQueue are all, and both may be interrupted by
    themselves.
    """

    def _init(self, maxsize: int) -> None:
        self.queue: Any = deque()
        self._tokens: queue.SimpleQueue[None] | None = None

    def wait_when_empty(self) -> None:
        """Let `get()` wait from now on. Each connection is there before its token is."""
        tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(len(self.queue)):
            tokens.put(None)
        self._tokens = tokens

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The connection that came last. Raises queue.Empty when there is none, or none in *timeout* seconds."""
        if self._tokens is not None:
            self._tokens.get(block, timeout)
        try:
            return self.queue.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Keep *item*. Raises queue.Full where there are too many already, and never waits."""
        if 0 < self.maxsize <= len(self.queue):
            raise queue.Full
        self.add(item)

    def add(self, item: Any) -> Any:
        """Keep *item*; the oldest, for the caller to close, when that is one too many."""
        self.queue.append(item)
        if 0 < self.maxsize < len(self.queue):
            try:
                return self.queue.popleft()
            except IndexError:
                return None
        if self._tokens is not None:
            self._tokens.put(None)
        return None

    def empty_out(self) -> None:
        """Forget all that was here, and who was waiting."""
        self.queue.clear()
        self.queue.extend([None] * self.maxsize)
        if self._tokens is not None:
            self.wait_when_empty()


_pools: weakref.WeakSet[HTTPConnectionPool] = weakref.WeakSet()
_managers: weakref.WeakSet[Any] = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork, which has one thread only: nothing that the parent had open is the child's, and
    nobody will ever give back a lock that another thread had.
    """
    connections.forsake()
    for pool in list(_pools):
        if isinstance(pool.pool, _Slots):
            pool.pool.empty_out()
    for manager in list(_managers):
        manager.pools.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class RemainingTimeout(_Timeout):
    """A timeout for urllib3, which copies it for each attempt: then it is what remains of *running*."""

    def __init__(self, running: RunningTimeout) -> None:
        left = running.within()
        super().__init__(total=left, connect=running.connect, read=running.read)
        self.running = running

    def clone(self) -> RemainingTimeout:
        """For an attempt that begins now. Raises DeadlineExceeded when there is no time left for it."""
        return RemainingTimeout(self.running)


class HTTPConnectionPool(_HTTPConnectionPool):
    """The connections to one origin, or to one proxy for all origins that it serves by forwarding."""

    ConnectionCls: Any = _ConnectionClass(connections.HTTPConnection, _HTTPConnectionPool, _HTTPConnection)

    QueueCls: Any = _Slots

    #: The manager that made this pool, as far as an adapter has noted it.
    manager: Any = None
    #: How connections read: the codec's bounds where they are not the default, and who sees interim responses.
    limits: Limits | None = None
    on_interim: Callable[[Head], None] | None = None
    #: Seconds, of which only differences count.
    clock: Callable[[], float] = staticmethod(time.monotonic)
    #: Where its connections go, if not to where the host's name leads.
    route: Route | None = None
    #: What its TLS connections shall be like, beyond urllib3's settings.
    tls: TLS | None = None
    _retired = False

    def __init__(
        self,
        *args: Any,
        keepalive_expiry: float | None = KEEPALIVE_EXPIRY,
        pool_timeout: float | None = None,
        route: Route | None = None,
        tls: TLS | None = None,
        **settings: Any,
    ) -> None:
        """*keepalive_expiry* is how many seconds an idle connection is kept, *pool_timeout* how many a call
        waits for one where *block* says that no more may be opened; None is for ever.
        """
        super().__init__(*args, **settings)
        self.keepalive_expiry = keepalive_expiry
        self.pool_timeout = pool_timeout
        self.route = route
        self.tls = tls
        self._retired = False
        if self.block and isinstance(self.pool, _Slots):
            self.pool.wait_when_empty()
        _pools.add(self)

    def is_open(self) -> bool:
        """True while connections that come back are kept."""
        return self.pool is not None and not self._retired

    def is_ours(self) -> bool:
        """False where something has replaced urllib3's connections or its `urlopen`: then that must be
        asked.
        """
        return type(self).ConnectionCls in _OURS and _HTTPConnectionPool.urlopen is _STOCK_URLOPEN

    def is_forwarding(self, target: str) -> bool:
        """True when a proxy is to send the request on, rather than to carry a tunnel: then *target* is a
        whole URL.
        """
        return self.proxy is not None and target[:1] != "/" and "://" in target

    def _new_conn(self) -> Any:
        conn: Any = super()._new_conn()
        if self.limits is not None:
            conn.limits = self.limits
        if self.on_interim is not None:
            conn.on_interim = self.on_interim
        if self.tls is not None:
            conn.tls_wanted = self.tls
        route = self.route
        if route is not None:
            conn.route = route
            if route.guard is not None and not isinstance(conn, connections.HTTPConnection):
                raise Guarded(_unseen(self.host, "something has replaced urllib3's connections"))
        return conn

    def _get_conn(self, timeout: float | None = None) -> Any:
        """A connection, new or kept: none that has idled too long, or that the server has closed.

        Raises urllib3's ClosedPoolError, and EmptyPoolError when there is none in *timeout* seconds.
        """
        slots = self.pool
        if slots is None:
            raise ClosedPoolError(self, "Pool is closed.")
        try:
            conn = slots.get(block=self.block, timeout=timeout)
        except queue.Empty:
            if self.block:
                raise EmptyPoolError(self, f"no connection became free within {timeout} s") from None
            return self._new_conn()
        try:
            if conn is None:
                return self._new_conn()
            if not isinstance(conn, self.ConnectionCls):
                # Made before something replaced the class, as recording libraries do, or before that ended.
                conn.close()
                return self._new_conn()
            if conn.sock is not None:
                expiry = self.keepalive_expiry
                has_expired = expiry is not None and self.clock() - getattr(conn, "idle_since", 0.0) > expiry
                if has_expired or not conn.is_connected:
                    conn.close()
        except BaseException:
            self._put_conn(None)
            raise
        return conn

    def _get_conn_in_time(self, waits: Waits) -> Any:
        """The same within what a call allows. Raises DeadlineExceeded besides."""
        waits.running.enter("pool")
        limit = self.pool_timeout if waits.pool is None else waits.pool
        try:
            return self._get_conn(waits.running.within(limit))
        except EmptyPoolError as error:
            known = late(waits.running, TimeoutError())
            if isinstance(known, RequestException):
                raise known from error
            raise EmptyPoolError(self, f"no connection became free within {limit} s") from error

    def _put_conn(self, conn: Any) -> None:
        """Take back a place, and with it *conn* when it can be used again. It takes no lock."""
        if conn is not None:
            if getattr(conn, "is_busy", False):
                # Somebody is reading from it still: it ends with the answer.
                conn.is_stray = True
                conn = None
            elif self._retired:
                conn.close()
            else:
                conn.idle_since = self.clock()
        slots = self.pool
        dropped = slots.add(conn) if isinstance(slots, _Slots) else conn
        if dropped is not None:
            dropped.close()
        if (self._retired or self.pool is not slots) and isinstance(slots, _Slots):
            _close_idle(slots)

    def exchange(
        self,
        method: str,
        target: str,
        fields: list[tuple[str, Any]],
        body: Any,
        connect_timeout: float | None,
        read_timeout: float | None,
        rewind: Callable[[], bool],
        waits: Waits | None = None,
    ) -> Any:
        """Send one request and read the head of its answer, on a kept connection or a new one.

        *waits* are the limits beyond those two, where the call has any.

        A kept connection that turns out dead before a byte of an answer is replaced by a new one once, when
        the method is idempotent or nothing of the request was sent, and *rewind* takes the body back to its
        beginning. Raises urllib3's errors, and those of the codec.
        """
        conn = self._get_conn(self.pool_timeout) if waits is None else self._get_conn_in_time(waits)
        conn.waits = waits
        lease = connections.Lease(conn, self)
        while True:
            kept = conn.sock is not None
            limit = connect_timeout
            try:
                conn.timeout = connect_timeout
                if kept:
                    self._validate_conn(conn)
                else:
                    self._open(conn, target)
                limit = read_timeout
                if conn.sock.gettimeout() != read_timeout:
                    conn.sock.settimeout(read_timeout)
                return conn.exchange(method, target, fields, body, lease)
            except BaseException as error:
                if lease.has_ended:
                    # The connection is in the pool already, if not in somebody else's hands.
                    raise
                proxy_reached = conn.proxy is None or conn.has_connected_to_proxy
                try:
                    conn.close()
                    again = (
                        kept
                        and isinstance(error, _DEAD)
                        and not isinstance(error, RequestException)
                        and not conn.began_receiving
                        and (method in _IDEMPOTENT or not conn.began_sending)
                        and rewind()
                    )
                except BaseException:
                    lease.give_back(reusable=False)
                    raise
                if not again:
                    lease.give_back(reusable=False)
                    known = self._as_urllib3(error, target, limit, conn, proxy_reached)
                    _mark(known, kept)
                    if known is error:
                        raise
                    raise known from error

    def _open(self, conn: Any, target: str) -> None:
        """Connect, by way of a proxy's tunnel where there is one."""
        conn.began_sending = conn.sent_all = conn.began_receiving = False
        if self.proxy is not None and not self.is_forwarding(target):
            self._prepare_proxy(conn)
        # Connects by TLS, and warns of connections without verification.
        self._validate_conn(conn)
        if conn.is_closed:
            conn.connect()

    def _as_urllib3(
        self, error: BaseException, target: str, limit: float | None, conn: Any, proxy_reached: bool
    ) -> BaseException:
        """*error* as urllib3's `urlopen` would raise it; what is ours, and what is no error of the network,
        as it is.
        """
        if isinstance(error, RequestException) or not isinstance(error, (HTTPError, OSError, HTTPException)):
            return error
        known: Exception = error
        if isinstance(error, (ssl.SSLError, CertificateError)):
            known = SSLError(error)
        elif isinstance(error, TimeoutError) and (conn.sent_all or not conn.began_sending):
            known = ReadTimeoutError(self, target, f"Read timed out. (read timeout={limit})")
        elif not isinstance(error, HTTPError):
            known = ProtocolError("Connection aborted.", error)
        return known if proxy_reached else ProxyError("Unable to connect to proxy", known)

    def retire(self) -> None:
        """Close the connections that are idle now, and the others when they come back.

        Calls go on being served.
        """
        self._retired = True
        if isinstance(self.pool, _Slots):
            _close_idle(self.pool)

    def urlopen(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """As urllib3's, but the request target is sent as it is wherever it can be."""
        if not options.get("redirect", True) and _SENDABLE.match(url):
            options.setdefault("target", url)
        options.setdefault("pool_timeout", self.pool_timeout)
        return super().urlopen(method, url, *args, **options)

    def _make_request(
        self, conn: Any, method: str, url: str, *args: Any, target: str | None = None, **options: Any
    ) -> Any:
        """As urllib3's, which gives the connection back by itself where it names none for the response."""
        returns = options.get("response_conn") is None
        conn.is_returned_by_caller = returns
        limits = options.get("timeout")
        conn.waits = Waits(limits.running) if isinstance(limits, RemainingTimeout) else None
        response = self._ask(conn, method, target or url, *args, **options)
        if returns and options.get("preload_content", True) and isinstance(response, WireResponse):
            response.decode_content = bool(options.get("decode_content", True))
            response.data  # noqa: B018  # reads the body, and keeps it
        return response

    def _ask(self, conn: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        """Send one request on *conn*; a kept connection that turns out dead is replaced as `exchange` does it, which
        is none of the retries that urllib3 counts.
        """
        body = options.get("body")
        kept = not args and getattr(conn, "has_served", False)
        position = bodies.position_of(body) if kept else None
        try:
            return super()._make_request(conn, method, url, *args, **options)
        except _DEAD as error:
            _mark(error, bool(kept))
            if (
                not kept
                or isinstance(error, RequestException)
                or conn.began_receiving
                or (method not in _IDEMPOTENT and conn.began_sending)
                or not bodies.is_replayable(body, position)
            ):
                raise
        bodies.rewind(body, position)
        conn.close()
        if self.proxy is not None and not self.is_forwarding(url):
            self._prepare_proxy(conn)
        return super()._make_request(conn, method, url, *args, **options)


def _mark(error: BaseException, kept: bool) -> None:
    """Let *error* tell whether the request went out on a *kept* connection."""
    error.__dict__["is_on_kept_connection"] = kept


def _close_idle(slots: _Slots) -> None:
    """Close what idles in *slots*. Last in, first out: all have to be out before the first place is back."""
    taken: list[Any] = []
    while True:
        try:
            taken.append(slots.get(block=False))
        except queue.Empty:
            break
    for conn in taken:
        if conn is not None:
            conn.close()
        slots.add(None)


class HTTPSConnectionPool(HTTPConnectionPool, _HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls: Any = _ConnectionClass(connections.HTTPSConnection, _HTTPSConnectionPool, _HTTPSConnection)


_POOLS: dict[str, Any] = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


@lru_cache(maxsize=1)
def setting_names() -> frozenset[str]:
    """The settings of connections that pool managers take, such as `source_address`, by urllib3's own list."""
    names = {field.removeprefix("key_") for field in PoolKey._fields}
    return frozenset(name for name in names if name not in _INTERNAL and not name.startswith("_"))


def pool_manager(
    count: int,
    maxsize: int,
    block: bool,
    *,
    keepalive_expiry: float | None = KEEPALIVE_EXPIRY,
    pool_timeout: float | None = None,
    **settings: Any,
) -> PoolManager:
    """Pools for *count* origins, each keeping *maxsize* connections; with *block* none beyond those are
    made.

    *keepalive_expiry* and *pool_timeout* are seconds, as the pools take them.
    """
    manager = PoolManager(num_pools=count, maxsize=maxsize, block=block, **settings)
    return cast(PoolManager, _equipped(manager, _POOLS, keepalive_expiry, pool_timeout))


def _equipped(
    manager: Any, made: dict[str, Any], keepalive_expiry: float | None, pool_timeout: float | None
) -> Any:
    """*manager* with pools of ours."""
    kept = {"keepalive_expiry": keepalive_expiry, "pool_timeout": pool_timeout}
    if kept != {"keepalive_expiry": KEEPALIVE_EXPIRY, "pool_timeout": None}:
        made = {scheme: partial(pool, **kept) for scheme, pool in made.items()}
    manager.pool_classes_by_scheme = made
    _managers.add(manager)
    return manager


def lead(manager: Any, route: Route | None) -> None:
    """Let the connections of all pools that *manager* makes from now on go where *route* leads,
    None being where the name of the host leads.

    Raises TypeError for a manager with pools of another make, whose connections cannot be told.
    """
    _tell(manager, "resolve=, uds= and allow_addresses= do", route=route)


def secure(manager: Any, wanted: TLS) -> None:
    """Let the TLS connections of all pools that *manager* makes from now on be as *wanted* says. Errors as `lead`."""
    _tell(manager, "tls= does", tls=wanted)


def _tell(manager: Any, what: str, **settings: Any) -> None:
    told = {}
    for scheme, made_by in manager.pool_classes_by_scheme.items():
        ours = _POOLS[scheme] if made_by in (_HTTPConnectionPool, _HTTPSConnectionPool) else made_by
        pool = getattr(ours, "func", ours)
        if not issubclass(pool, HTTPConnectionPool):
            raise TypeError(f"{what} not work with the pools of this adapter, {pool.__name__}")
        told[scheme] = partial(ours, **settings)
    manager.pool_classes_by_scheme = told


def require_guard(pool: Any, guard: AddressPolicy) -> None:
    """Raise AddressNotAllowed unless the connections of *pool* are held to *guard*."""
    route = getattr(pool, "route", None)
    if isinstance(pool, HTTPConnectionPool) and route is not None and route.guard is guard:
        return
    is_socket = route is not None and route.uds is not None
    why = "it is a Unix socket" if is_socket else f"the adapter brought a {type(pool).__name__} of its own"
    raise _unseen(getattr(pool, "host", ""), why)


def _unseen(host: str, why: str) -> AddressNotAllowed:
    error = AddressNotAllowed(
        f"allow_addresses cannot check the address of {host[:100] or 'the server'}: {why}. Call it from a session "
        "without allow_addresses, if it is to be trusted"
    )
    error.host = host
    return error


def close(manager: Any) -> None:
    """Close what *manager* keeps open. It may be used again, and pools that are in use meanwhile go on."""
    known = getattr(manager, "pools", None)
    if isinstance(known, RecentlyUsedContainer):
        for key in known.keys():  # noqa: SIM118  # it cannot be iterated
            retire = getattr(known.get(key), "retire", None)
            if retire is not None:
                retire()
    manager.clear()


def proxy_manager(
    url: str,
    headers: dict[str, str],
    count: int,
    maxsize: int,
    block: bool,
    *,
    keepalive_expiry: float | None = KEEPALIVE_EXPIRY,
    pool_timeout: float | None = None,
    **settings: Any,
) -> ProxyManager:
    """The same by way of the HTTP proxy at *url*, which gets *headers* with each request or tunnel."""
    # By urllib3's own function, so that a ProxyManager that a test puts there is the one that is made.
    manager = proxy_from_url(
        url, proxy_headers=headers, num_pools=count, maxsize=maxsize, block=block, **settings
    )
    return cast(ProxyManager, _equipped(manager, _POOLS, keepalive_expiry, pool_timeout))


def socks_manager(
    url: str,
    username: str | None,
    password: str | None,
    count: int,
    maxsize: int,
    block: bool,
    *,
    keepalive_expiry: float | None = KEEPALIVE_EXPIRY,
    pool_timeout: float | None = None,
    **settings: Any,
) -> PoolManager:
    """The same by way of the SOCKS proxy at *url*. Raises InvalidSchema when PySocks is missing."""
    try:
        pools = _socks_pools()
    except ImportError as error:
        raise InvalidSchema(
            'SOCKS proxies need PySocks, which is not installed: pip install "httpkit[socks]"'
        ) from error
    from urllib3.contrib.socks import SOCKSProxyManager

    manager = SOCKSProxyManager(
        url, username=username, password=password, num_pools=count, maxsize=maxsize, block=block, **settings
    )
    return cast(PoolManager, _equipped(manager, pools, keepalive_expiry, pool_timeout))


@lru_cache(maxsize=1)
def _socks_pools() -> dict[str, Any]:
    import warnings

    from urllib3.exceptions import DependencyWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DependencyWarning)
        plain, secure = connections.socks_connection_classes()
        from urllib3.contrib import socks

    class SOCKSHTTPConnectionPool(HTTPConnectionPool):
        ConnectionCls = _ConnectionClass(plain, socks.SOCKSHTTPConnectionPool, socks.SOCKSConnection)

    class SOCKSHTTPSConnectionPool(HTTPSConnectionPool):
        ConnectionCls = _ConnectionClass(secure, socks.SOCKSHTTPSConnectionPool, socks.SOCKSHTTPSConnection)

    return {"http": SOCKSHTTPConnectionPool, "https": SOCKSHTTPSConnectionPool}
