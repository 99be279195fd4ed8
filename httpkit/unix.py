"""HTTP over Unix sockets by URL: the adapter for `http+unix://`, to be mounted by programs that want it.

No session has it by itself, since a URL from elsewhere could then reach every socket of the machine. Where all calls
go to one socket, `HTTPAdapter(uds=...)` and `Session(uds=...)` do without a scheme of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from ._message import urls
from ._wire import pools
from ._wire.addresses import Route
from .adapters import DEFAULT_POOLBLOCK, HTTPAdapter
from .exceptions import InvalidURL

if TYPE_CHECKING:
    from ._types import CertType, ProxiesType, TimeoutType, VerifyType
    from .models import PreparedRequest, Response
    from .timeouts import Timeout

__all__ = ["UnixAdapter", "socket_path"]


class UnixAdapter(HTTPAdapter):
    """Sends `http+unix://%2Frun%2Fdocker.sock/containers/json` to the socket `/run/docker.sock`.

    The host of the URL is the path of the socket, percent-encoded; `%00` at its beginning is Linux' abstract names.
    Each socket has its own pool of connections. Host is `localhost`, unless the request has another. Proxies are not
    used. Arguments are those of `HTTPAdapter`, but for *resolve*, *uds* and *allow_addresses*. A session that has
    `allow_addresses` does not send through it.

        session.mount("http+unix://", UnixAdapter())
    """

    _managers: dict[str, Any]

    def __init__(self, *args: Any, **settings: Any) -> None:
        for name in ("resolve", "uds", "allow_addresses"):
            if settings.get(name) is not None:
                raise TypeError(f"UnixAdapter() has no argument {name!r}: each URL names its socket")
        super().__init__(*args, **settings)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **pool_kwargs: Any
    ) -> None:
        """Set `poolmanager`, whose settings the pools of all sockets have."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self._managers = {}

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: VerifyType,
        proxies: ProxiesType = None,
        cert: CertType = None,
    ) -> Any:
        """The pool of the socket that the URL of *request* names. Raises InvalidURL when it names none."""
        return self._manager(socket_path(cast(str, request.url))).connection_from_host("localhost")

    def _manager(self, path: str) -> Any:
        known = self._managers.get(path)
        if known is not None:
            return known
        given = self._base()
        settings = {name: given[name] for name in given.keys() & pools.setting_names()}
        manager = pools.pool_manager(
            1, self._pool_maxsize, self._pool_block, **self._idle_settings, **settings
        )
        pools.lead(manager, Route.of(uds=path))
        # Two threads may have made one each; both use that of the first.
        manager = self._managers.setdefault(path, manager)
        for oldest in list(self._managers)[: -self._pool_connections]:
            pools.close(self._managers.pop(oldest, manager))
        return manager

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: TimeoutType | Timeout = None,
        verify: VerifyType = True,
        cert: CertType = None,
        proxies: ProxiesType = None,
    ) -> Response:
        """Send *request* once, as `HTTPAdapter.send`; *verify*, *cert* and *proxies* mean nothing on a socket."""
        return super().send(request, stream, timeout, verify, cert, None)

    def close(self) -> None:
        """Close the connections that are not in use."""
        super().close()
        for manager in list(self._managers.values()):
            pools.close(manager)


def socket_path(url: str) -> str:
    """The path that the host of *url* names, percent-encoded. Raises InvalidURL when it is none."""
    name = urls.parse(url).authority
    path = os.fsdecode(unquote_to_bytes(name))
    if "/" not in path and not path.startswith("\0"):
        raise InvalidURL(
            f"Invalid URL {urls.redact(url)[:80]!r}: its host is no path of a socket. Write the path percent-encoded: "
            "http+unix://%2Frun%2Fserver.sock/"
        )
    if "\0" in path[1:]:
        raise InvalidURL(f"Invalid URL {urls.redact(url)[:80]!r}: the path of a socket has no NUL in it")
    return path
