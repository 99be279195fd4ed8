"""Which connections are kept for whom: urllib3's pool managers, with our pools and connections in them.

urllib3 keys its pools by origin and by every setting that makes a connection different, TLS included; so a
connection that was made without verification is never handed to a call that verifies. Our classes come in through
urllib3's own seam, `pool_classes_by_scheme`; nothing of urllib3 is replaced. Where something else has replaced
urllib3's connection class, as libraries do that record exchanges, our pools use theirs.
"""

from __future__ import annotations

import queue
import re
from functools import lru_cache
from typing import Any

from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool as _HTTPConnectionPool
from urllib3.connectionpool import HTTPSConnectionPool as _HTTPSConnectionPool
from urllib3.poolmanager import PoolKey, PoolManager, ProxyManager, proxy_from_url

from ..exceptions import InvalidSchema
from . import connections

__all__ = [
    "HTTPConnectionPool",
    "HTTPSConnectionPool",
    "PoolManager",
    "ProxyManager",
    "close",
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
    """The class of a pool's connections: *ours*, unless urllib3's own has been replaced. A pool may set another."""

    def __init__(self, ours: type, pool: type, stock: type) -> None:
        self._ours, self._pool, self._stock = ours, pool, stock

    def __get__(self, instance: object, owner: type) -> Any:
        current = self._pool.ConnectionCls  # type: ignore[attr-defined]  # one of urllib3's pools
        return self._ours if current is self._stock else current


class HTTPConnectionPool(_HTTPConnectionPool):
    """The connections to one origin, or to one proxy for all origins that it serves by forwarding."""

    ConnectionCls: Any = _ConnectionClass(connections.HTTPConnection, _HTTPConnectionPool, _HTTPConnection)
    _retired = False

    def retire(self) -> None:
        """Close the connections that are idle now, and the others when they come back. Calls go on being served."""
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
    """Pools for *count* origins, each keeping *maxsize* connections; with *block* none beyond those are made."""
    manager = PoolManager(num_pools=count, maxsize=maxsize, block=block, **settings)
    manager.pool_classes_by_scheme = _POOLS
    return manager


def close(manager: Any) -> None:
    """Close what *manager* keeps open. It may be used again, and pools that are in use meanwhile go on."""
    known: Any = getattr(manager, "pools", {})
    for key in list(known.keys()):
        retire = getattr(known.get(key), "retire", None)
        if retire is not None:
            retire()
    manager.clear()


def proxy_manager(
    url: str, headers: dict[str, str], count: int, maxsize: int, block: bool, **settings: Any
) -> ProxyManager:
    """The same by way of the HTTP proxy at *url*, which gets *headers* with each request or tunnel."""
    manager = ProxyManager(
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
