"""No test reaches the internet, and no test leaves a socket open.

Installed once for the whole process. It looks at every connect and every name lookup of the socket module:

- connecting to anything but loopback raises OSError, and the test fails afterwards, whatever became of the error;
- names: `localhost`, `*.localhost`, `*.test` are loopback; `*.invalid` does not exist (RFC 6761); numbers are numbers;
  `dns.hosts` holds what a test adds; any other name fails the test;
- client sockets are remembered; those still open when the test is over fail it. Sockets of the test servers' own
  threads are not counted.
"""

from __future__ import annotations

import errno
import gc
import ipaddress
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ._listener import Listener, ServerThread

__all__ = ["Network", "network"]


class Network:
    """What the process under test did with the network since the last `begin()`.

    `hosts` maps names to loopback addresses; `route()` gives a name and port a server; `queries` lists the names that
    were looked up, in order; `violations` says what should not have happened.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}
        self.routes: dict[Any, Any] = {}
        self.queries: list[str] = []
        self.violations: list[str] = []
        self.opened: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Forget the last test."""
        self.hosts.clear()
        self.routes.clear()
        self.queries.clear()
        self.violations.clear()
        self.opened.clear()

    def route(self, name: str, port: int, server: Listener) -> None:
        """Connections to *name* at *port*, 443 say, reach *server*: default ports without being root."""
        address = self.hosts.setdefault(name, f"127.77.0.{len(self.hosts) + 1}")
        self.routes[address, port] = server.host, server.port

    def left_open(self, settle: Callable[[], None]) -> list[str]:
        """The client sockets that are still open although their test is over.

        *settle* closes what may stay open between calls; unreachable objects get their chance to close theirs.
        """
        for attempt in (settle, gc.collect):
            if not self._open():
                return []
            attempt()
        return [f"left open: {sock!r}" for sock in self._open()]

    def _open(self) -> list[socket.socket]:
        return [sock for sock in list(self.opened) if sock.fileno() != -1]

    def remember(self, sock: socket.socket) -> None:
        if not isinstance(threading.current_thread(), ServerThread):
            self.opened.add(sock)

    def allow(self, sock: socket.socket, address: Any) -> Any:
        """Where to connect to for *address*. Raises OSError unless it is on this machine."""
        if sock.family == getattr(socket, "AF_UNIX", None):
            return self.routes.get(address, address)
        if is_loopback(address[0]):
            return self.routes.get(address[:2], address)
        self.violations.append(f"connect to {address!r}: only loopback is allowed in tests")
        raise OSError(errno.ENETUNREACH, "Network is unreachable (the tests' guard)")

    def translate(self, host: Any) -> Any:
        """The loopback address for the name *host*; raises gaierror when there is none."""
        name = host.decode("idna") if isinstance(host, (bytes, bytearray)) else host
        if name is None or is_number(name):
            return host
        with self._lock:
            self.queries.append(name)
        name = name.rstrip(".").lower()
        if name in self.hosts:
            return self.hosts[name]
        if name == "localhost":
            return host
        if name.endswith((".test", ".localhost")):
            return "127.0.0.1"
        if name != "invalid" and not name.endswith(".invalid"):
            self.violations.append(
                f"lookup of {name!r}: add it to dns.hosts, or use a name under .test or .invalid"
            )
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known (the tests' guard)")


def is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return not host or host.replace(".", "").isdigit()
    return True


def is_loopback(host: Any) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


network = Network()


def install() -> None:
    """Put the guard before the socket module's own functions. Once is enough."""
    if getattr(socket, "guarded_by_tests", False):
        return
    socket.guarded_by_tests = True  # type: ignore[attr-defined]
    _guard_connecting()
    _guard_lookups()


def _guard_connecting() -> None:
    connect, connect_ex, wrap = socket.socket.connect, socket.socket.connect_ex, ssl.SSLContext.wrap_socket

    def guarded_connect(self: socket.socket, address: Any) -> None:
        address = network.allow(self, address)
        network.remember(self)
        return connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        try:
            address = network.allow(self, address)
        except OSError as error:
            return error.errno or errno.ENETUNREACH
        network.remember(self)
        return connect_ex(self, address)

    def guarded_wrap(self: ssl.SSLContext, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        counted = sock in network.opened
        wrapped = wrap(self, sock, *args, **kwargs)
        if counted:
            network.opened.add(wrapped)
        return wrapped

    socket.socket.connect = guarded_connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign,assignment]
    ssl.SSLContext.wrap_socket = guarded_wrap  # type: ignore[method-assign]


def _guard_lookups() -> None:
    originals = {name: getattr(socket, name) for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex")}

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            return original(network.translate(host), *args, **kwargs)

        return lookup

    for name, original in originals.items():
        setattr(socket, name, guarded(original))
