"""Proxies: HTTP (forwarding and CONNECT) and SOCKS 4, 4a and 5. They record what they were asked and by whom.

No name is looked up: *resolve* maps what the client asks for to loopback servers. Loopback addresses and `localhost`
are reached as they are; anything else is answered as unreachable.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union
from urllib.parse import urlsplit

from ._listener import LIMIT, Closed, Listener, Peer, ServerThread
from .http import Received, RecordingServer, Reply

__all__ = ["ProxyServer", "Socks5Server", "SocksRequest"]

Resolver = Mapping[str, Union[Listener, tuple[str, int]]]
HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "upgrade"}


def find(resolve: Resolver | None, host: str, port: int) -> tuple[str, int] | None:
    """The loopback address that stands for *host* and *port*, looked up as 'host:port' and then as 'host'."""
    for key in (f"{host}:{port}", host):
        if resolve and key in resolve:
            place = resolve[key]
            return (place.host, place.port) if isinstance(place, Listener) else place
    if host in ("localhost", "::1") or host.startswith("127."):
        return host, port
    return None


class ProxyServer(RecordingServer):
    """An HTTP proxy. `requests` holds what clients asked of it, CONNECT included; `tunnels` the CONNECT authorities.

    *resolve* maps 'host' or 'host:port' to a server or an address. *auth*, (user, password), makes it answer 407 to
    whoever does not give it. *tls* makes it an https:// proxy. *on_connect*, callable(Received) -> Reply | None, can
    refuse a tunnel or answer it in its own words (a Reply whose status is 2xx still opens it).
    """

    def __init__(
        self,
        resolve: Resolver | None = None,
        *,
        auth: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
        tls: Any = None,
        on_connect: Callable[[Received], Reply | None] | None = None,
    ) -> None:
        super().__init__(None, host=host, tls=tls)
        self.resolve = resolve
        self.auth = auth
        self.on_connect = on_connect
        self.tunnels: list[str] = []

    @property
    def forwarded(self) -> list[Received]:
        """The requests other than CONNECT."""
        return [request for request in self.requests if request.method != "CONNECT"]

    def answer(self, request: Received) -> Reply | None:
        if self.auth is not None and request.header("proxy-authorization") != basic(*self.auth):
            return Reply(407, [("Proxy-Authenticate", 'Basic realm="proxy"')])
        if request.method == "CONNECT":
            return self._connect(request)
        return self._forward(request)

    def _connect(self, request: Received) -> Reply:
        self.tunnels.append(request.target)
        host, _, port = request.target.rpartition(":")
        place = find(self.resolve, host.strip("[]"), int(port))
        reply = self.on_connect(request) if self.on_connect else None
        if reply is None:
            reply = Reply(200, reason="Connection established")
        if place is None:
            return Reply(502, body=b"unreachable")
        if 200 <= reply.status < 300:
            reply.framing = "none"
            reply.takeover = lambda peer: tunnel(peer, place)
        return reply

    def _forward(self, request: Received) -> Reply:
        parts = urlsplit(request.target)
        place = find(self.resolve, parts.hostname or "", parts.port or 80) if parts.scheme else None
        if place is None:
            return Reply(502, body=b"unreachable")
        upstream = http.client.HTTPConnection(*place, timeout=LIMIT)
        try:
            upstream.putrequest(
                request.method,
                request.target.partition(parts.netloc)[2] or "/",
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in request.headers:
                if name.lower() not in HOP_BY_HOP | {"transfer-encoding", "content-length"}:
                    upstream.putheader(name, value)
            if request.body:
                upstream.putheader("Content-Length", str(len(request.body)))
            upstream.putheader("Connection", "close")
            upstream.endheaders(request.body or None)
            with upstream.getresponse() as answer:
                skipped = HOP_BY_HOP | {"transfer-encoding", "content-length"}
                fields = [(name, value) for name, value in answer.getheaders() if name.lower() not in skipped]
                return Reply(answer.status, fields, answer.read(), answer.reason)
        except OSError:
            return Reply(502, body=b"unreachable")
        finally:
            upstream.close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def tunnel(peer: Peer, place: tuple[str, int]) -> None:
    """Carry bytes both ways between *peer* and *place* until one of them ends."""
    try:
        upstream = socket.create_connection(place, timeout=LIMIT)
    except OSError as error:
        raise Closed from error
    with upstream:
        if isinstance(peer.sock, ssl.SSLSocket):
            take_turns(peer, upstream)
            return
        back = ServerThread(target=lambda: pump(upstream.recv, peer.sock), daemon=True)
        back.start()
        try:
            pump(peer.recv, upstream)
        finally:
            shut(upstream)
            back.join(LIMIT)


def take_turns(peer: Peer, upstream: socket.socket) -> None:
    """The same in one thread: OpenSSL forbids that two read and write one TLS connection at the same time."""
    try:
        while True:
            waits = [] if peer.has_unread else [peer.sock, upstream]
            for sock in select.select(waits, [], [], LIMIT)[0] if waits else [peer.sock]:
                data = peer.recv() if sock is peer.sock else upstream.recv(65536)
                if not data:
                    return
                (upstream if sock is peer.sock else peer.sock).sendall(data)
    except (OSError, Closed):
        pass
    finally:
        shut(upstream)
        shut(peer.sock)


def pump(read: Callable[[int], bytes], to: socket.socket) -> None:
    try:
        while data := read(65536):
            to.sendall(data)
    except (OSError, Closed):
        pass
    shut(to)


def shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@dataclass(frozen=True)
class SocksRequest:
    """What a SOCKS client asked: *kind* is 'name' when the proxy shall resolve it, else 'ipv4' or 'ipv6'."""

    version: int
    host: str
    port: int
    kind: str
    username: str | None = None
    password: str | None = None


class Socks5Server(Listener):
    """A SOCKS 5 proxy (RFC 1928, RFC 1929) that also speaks 4 and 4a. `requests` holds what it was asked."""

    scheme = "socks5"

    def __init__(
        self,
        resolve: Resolver | None = None,
        *,
        auth: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(host=host)
        self.resolve = resolve
        self.auth = auth
        self.requests: list[SocksRequest] = []
        self._lock = threading.Lock()

    def url_for(self, scheme: str, userinfo: str | None = None) -> str:
        """The proxy's URL with *scheme* socks4, socks4a, socks5 or socks5h."""
        return f"{scheme}://{userinfo + '@' if userinfo else ''}{self.authority}"

    def serve(self, peer: Peer) -> None:
        version = peer.read_exactly(1)[0]
        asked = self._socks5(peer) if version == 5 else self._socks4(peer)
        if asked is None:
            return
        with self._lock:
            self.requests.append(asked)
        place = find(self.resolve, asked.host, asked.port)
        if asked.version == 5:
            peer.send(b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00" % (0 if place else 4))
        else:
            peer.send(b"\x00%c\x00\x00\x00\x00\x00\x00" % (90 if place else 91))
        if place is not None:
            tunnel(peer, place)

    def _socks5(self, peer: Peer) -> SocksRequest | None:
        methods = peer.read_exactly(peer.read_exactly(1)[0])
        wanted = 2 if self.auth else 0
        if wanted not in methods:
            peer.send(b"\x05\xff")
            return None
        peer.send(b"\x05%c" % wanted)
        given = self._credentials(peer) if self.auth else (None, None)
        if self.auth and given != self.auth:
            return None
        _, command, _, kind = peer.read_exactly(4)
        if kind == 3:
            host = peer.read_exactly(peer.read_exactly(1)[0]).decode("latin-1")
        elif kind == 1:
            host = socket.inet_ntop(socket.AF_INET, peer.read_exactly(4))
        else:
            host = socket.inet_ntop(socket.AF_INET6, peer.read_exactly(16))
        (port,) = struct.unpack("!H", peer.read_exactly(2))
        return SocksRequest(5, host, port, {1: "ipv4", 3: "name", 4: "ipv6"}[kind], *given)

    def _credentials(self, peer: Peer) -> tuple[str, str]:
        peer.read_exactly(1)
        user = peer.read_exactly(peer.read_exactly(1)[0]).decode()
        password = peer.read_exactly(peer.read_exactly(1)[0]).decode()
        peer.send(b"\x01%c" % (0 if (user, password) == self.auth else 1))
        return user, password

    def _socks4(self, peer: Peer) -> SocksRequest:
        _, port, address = struct.unpack("!BH4s", peer.read_exactly(7))
        user = peer.read_until(b"\x00")[:-1].decode()
        if address[:3] == b"\x00\x00\x00" and address[3]:
            return SocksRequest(4, peer.read_until(b"\x00")[:-1].decode(), port, "name", user or None)
        return SocksRequest(4, socket.inet_ntop(socket.AF_INET, address), port, "ipv4", user or None)
