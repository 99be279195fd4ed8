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
import time
from collections.abc import Callable
from functools import lru_cache
from http.client import HTTPException
from typing import Any

from urllib3._collections import RecentlyUsedContainer
from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool as _HTTPConnectionPool
from urllib3.connectionpool import HTTPSConnectionPool as _HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ProxyError, ReadTimeoutError, SSLError
from urllib3.poolmanager import PoolKey, PoolManager, ProxyManager, proxy_from_url
from urllib3.util.ssl_match_hostname import CertificateError

from ..exceptions import InvalidSchema, RequestException
from . import connections
from .connections import framing
from .http11 import Head, Limits
from .response import WireResponse

__all__ = [
    "HTTPConnectionPool",
    "HTTPSConnectionPool",
    "PoolManager",
    "ProxyManager",
    "WireResponse",
    "close",
    "framing",
    "pool_manager",
    "proxy_from_url",
    "proxy_manager",
    "setting_names",
    "socks_manager",
]

#: A request target that can be written as it is. urllib3 would change the case of its escapes.
_SENDABLE = re.compile(r"[!-\"$-~]+\Z")
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

_generation = 0


def _forked() -> None:
    global _generation  # noqa: PLW0603  # how a module learns of a fork
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class HTTPConnectionPool(_HTTPConnectionPool):
    """The connections to one origin, or to one proxy for all origins that it serves by forwarding."""

    ConnectionCls: Any = _ConnectionClass(connections.HTTPConnection, _HTTPConnectionPool, _HTTPConnection)

    #: Seconds after which an idle connection is closed rather than used again.
    keepalive_expiry: float | None = 60.0
    #: The manager that made this pool, as far as an adapter has noted it.
    manager: Any = None
    #: How connections read: the codec's bounds where they are not the default, and who sees interim responses.
    limits: Limits | None = None
    on_interim: Callable[[Head], None] | None = None
    _born = 0

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._born = _generation

    @property
    def is_open(self) -> bool:
        """True while connections that come back are kept."""
        return self.pool is not None and not self._retired

    @property
    def is_ours(self) -> bool:
        """False where something has replaced urllib3's connections or its `urlopen`: then that must be
        asked.
        """
        return (
            type(self).ConnectionCls in (connections.HTTPConnection, connections.HTTPSConnection)
            and _HTTPConnectionPool.urlopen is _STOCK_URLOPEN
        )

    def is_forwarding(self, target: str) -> bool:
        """True when a proxy is to send the request on, rather than to carry a tunnel: then *target* is a
        whole URL.
        """
        return self.proxy is not None and target[:1] != "/" and "://" in target

    def _get_conn(self, timeout: float | None = None) -> Any:
        """A connection, new or kept.

        A child process never gets one of its parent's, nor anybody one that idled too long.
        """
        if self._born != _generation:
            self._start_anew()
        conn: Any = super()._get_conn(timeout)
        if self.limits is not None:
            conn.limits = self.limits
        if self.on_interim is not None:
            conn.on_interim = self.on_interim
        idle_since = getattr(conn, "idle_since", 0.0)
        if (
            self.keepalive_expiry is not None
            and conn.sock is not None
            and time.monotonic() - idle_since > self.keepalive_expiry
        ):
            conn.close()
        return conn

    def _start_anew(self) -> None:
        """After a fork: what the parent put into the pool, and the state of its locks, is the parent's."""
        self._born = _generation
        inherited = self.pool
        if inherited is None:
            return
        self.pool = fresh = type(inherited)(inherited.maxsize)
        for _ in range(inherited.maxsize):
            fresh.put(None)
        for conn in inherited.queue:
            if conn is not None and conn.sock is not None:
                # Not conn.close(): TLS would say goodbye in the parent's name.
                conn.sock.close()
                conn.sock = None

    def exchange(
        self,
        method: str,
        target: str,
        fields: list[tuple[str, Any]],
        body: Any,
        *,
        connect_timeout: float | None,
        read_timeout: float | None,
        rewind: Callable[[], bool],
    ) -> Any:
        """Send one request and read the head of its answer, on a kept connection or a new one.

        A kept connection that turns out dead before a byte of an answer is replaced by a new one once, when
        the method is idempotent or nothing of the request was sent, and *rewind* takes the body back to its
        beginning. Raises urllib3's errors, and those of the codec.
        """
        conn = self._get_conn()
        replaced = False
        while True:
            kept = conn.sock is not None
            limit = connect_timeout
            try:
                self._open(conn, target, connect_timeout)
                limit = read_timeout
                if conn.sock.gettimeout() != read_timeout:
                    conn.sock.settimeout(read_timeout)
                return conn.exchange(method, target, fields, body, pool=self)
            except BaseException as error:
                proxy_reached = conn.proxy is None or conn.has_connected_to_proxy
                conn.close()
                replaced = (
                    not replaced
                    and kept
                    and isinstance(error, _DEAD)
                    and not conn.began_receiving
                    and (method in _IDEMPOTENT or not conn.began_sending)
                    and rewind()
                )
                if not replaced:
                    self._put_conn(conn)
                    known = self._as_urllib3(error, target, limit, conn, proxy_reached)
                    if known is error:
                        raise
                    raise known from error

    def _open(self, conn: Any, target: str, connect_timeout: float | None) -> None:
        """Connect, by way of a proxy's tunnel where there is one, unless *conn* is open."""
        conn.timeout = connect_timeout
        if conn.is_closed and self.proxy is not None and not self.is_forwarding(target):
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

    _retired = False

    def retire(self) -> None:
        """Close the connections that are idle now, and the others when they come back.

        Calls go on being served.
        """
        self._retired = True
        # The queue is last in, first out: all have to be out before the first is back.
        taken: list[Any] = []
        try:
            while self.pool is not None:
                taken.append(self.pool.get(block=False))
        except queue.Empty:
            pass
        for connection in taken:
            self._put_conn(connection)

    def _put_conn(self, conn: Any) -> None:
        if self._retired and conn is not None:
            conn.close()
            conn = None
        super()._put_conn(conn)

    def urlopen(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """As urllib3's, but the request target is sent as it is wherever it can be."""
        if not options.get("redirect", True) and _SENDABLE.match(url):
            options.setdefault("target", url)
        return super().urlopen(method, url, *args, **options)

    def _make_request(
        self, conn: Any, method: str, url: str, *args: Any, target: str | None = None, **options: Any
    ) -> Any:
        return super()._make_request(conn, method, target or url, *args, **options)


class HTTPSConnectionPool(HTTPConnectionPool, _HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls: Any = _ConnectionClass(connections.HTTPSConnection, _HTTPSConnectionPool, _HTTPSConnection)


_POOLS: dict[str, Any] = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


@lru_cache(maxsize=1)
def setting_names() -> frozenset[str]:
    """The settings of connections that pool managers take, such as `source_address`, by urllib3's own list."""
    names = {field.removeprefix("key_") for field in PoolKey._fields}
    return frozenset(name for name in names if name not in _INTERNAL and not name.startswith("_"))


def pool_manager(count: int, maxsize: int, block: bool, **settings: Any) -> PoolManager:
    """Pools for *count* origins, each keeping *maxsize* connections; with *block* none beyond those are
    made.
    """
    manager = PoolManager(num_pools=count, maxsize=maxsize, block=block, **settings)
    manager.pool_classes_by_scheme = _POOLS
    return manager


def close(manager: Any) -> None:
    """Close what *manager* keeps open. It may be used again, and pools that are in use meanwhile go on."""
    known = getattr(manager, "pools", None)
    if isinstance(known, RecentlyUsedContainer):
        for key in known.keys():
            retire = getattr(known.get(key), "retire", None)
            if retire is not None:
                retire()
    manager.clear()


def proxy_manager(
    url: str, headers: dict[str, str], count: int, maxsize: int, block: bool, **settings: Any
) -> ProxyManager:
    """The same by way of the HTTP proxy at *url*, which gets *headers* with each request or tunnel."""
    # By urllib3's own function, so that a ProxyManager that a test puts there is the one that is made.
    manager = proxy_from_url(
        url, proxy_headers=headers, num_pools=count, maxsize=maxsize, block=block, **settings
    )
    manager.pool_classes_by_scheme = _POOLS
    return manager


def socks_manager(
    url: str,
    username: str | None,
    password: str | None,
    count: int,
    maxsize: int,
    block: bool,
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
    manager.pool_classes_by_scheme = pools
    return manager


@lru_cache(maxsize=1)
def _socks_pools() -> dict[str, Any]:
    import warnings

    from urllib3.exceptions import DependencyWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DependencyWarning)
        plain, secure = connections.socks_connection_classes()

    class SOCKSHTTPConnectionPool(HTTPConnectionPool):
        ConnectionCls = plain

    class SOCKSHTTPSConnectionPool(HTTPSConnectionPool):
        ConnectionCls = secure

    return {"http": SOCKSHTTPConnectionPool, "https": SOCKSHTTPSConnectionPool}
