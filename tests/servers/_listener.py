"""The ground that all test servers stand on: a loopback listener, one thread per connection, nothing left at the end.

A server records and obeys its script; it asserts nothing. What goes wrong inside one of its own callbacks is kept in
`errors` and raised when the `with` block ends, so that a mistake in a test does not look like a slow client.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

__all__ = ["Closed", "Listener", "Peer", "ServerThread", "TLSInfo"]

Self = TypeVar("Self", bound="Listener")

LIMIT = 10.0  # seconds after which a server stops waiting for anything: a bug in a test must not hang the run


class Closed(Exception):
    """The client has closed, or the server is being stopped: the script of this connection is over."""


class ServerThread(threading.Thread):
    """A thread of a test server. The network guard does not count its sockets as the client's."""


@dataclass(frozen=True)
class TLSInfo:
    """What a TLS client showed in the handshake."""

    sni: str | None
    version: str | None
    peer_cert: dict[str, Any] | None
    alpn: str | None = None


@dataclass
class Peer:
    """The server's end of one connection, with everything that it received in `received`."""

    sock: socket.socket
    number: int
    stopping: threading.Event
    received: bytearray = field(default_factory=bytearray)
    tls: TLSInfo | None = None
    gently: bool = False
    _position: int = 0

    @property
    def has_unread(self) -> bool:
        """True when `recv` has something to give without waiting for the network."""
        pending = self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0
        return pending > 0 or self._position < len(self.received)

    def recv(self, limit: int = 65536) -> bytes:
        """Up to *limit* bytes; b'' at the end of the stream. Bytes read by `read_*` are not given again."""
        if self._position == len(self.received):
            self._fill(limit)
        piece = bytes(self.received[self._position : self._position + limit])
        self._position += len(piece)
        return piece

    def read_until(self, end: bytes) -> bytes:
        """All up to and with *end*. Raises Closed when the client closes first."""
        searched = self._position
        while (found := self.received.find(end, searched)) < 0:
            searched = max(self._position, len(self.received) - len(end) + 1)
            if not self._fill():
                raise Closed
        return self._take(found + len(end))

    def read_exactly(self, length: int) -> bytes:
        """Exactly *length* bytes. Raises Closed when the client closes first."""
        while len(self.received) - self._position < length:
            if not self._fill():
                raise Closed
        return self._take(self._position + length)

    def read_head(self) -> bytes:
        """A request line and its fields, with the empty line that ends them."""
        return self.read_until(b"\r\n\r\n")

    def read_request(self) -> bytes:
        """One whole request as it came, its body included."""
        start = self._position
        head = self.read_head().lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            self.read_chunks()
        elif b"\r\ncontent-length:" in head:
            self.read_exactly(int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0]))
        return bytes(self.received[start : self._position])

    def read_chunks(self) -> tuple[list[bytes], list[tuple[str, str]]]:
        """The chunks of a chunked body, without the empty last one, and its trailer fields."""
        chunks: list[bytes] = []
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            chunks.append(self.read_exactly(size))
            self.read_until(b"\r\n")
        trailers = []
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            trailers.append(field_line(line))
        return chunks, trailers

    def send(self, data: bytes) -> None:
        """Send all of *data*. Raises Closed when the client is no longer there."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Closed from error

    def drip(self, data: bytes, size: int = 1, delay: float = 0.002) -> None:
        """Send *data* in segments of *size* bytes, *delay* seconds apart; stops when the server does."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            if self.stopping.wait(delay):
                raise Closed

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on listening."""
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock = self.sock.unwrap()
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Closed

    def hang(self) -> None:
        """Neither send nor close: read until the client closes or the server is stopped."""
        while self._fill():
            pass
        raise Closed

    def wait_for(self, event: threading.Event) -> None:
        """Wait until the test sets *event*; Closed when the server is stopped first."""
        deadline = time.monotonic() + LIMIT
        while not event.wait(0.01):
            if self.stopping.is_set() or time.monotonic() > deadline:
                raise Closed

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on, as the server. Raises ssl.SSLError or OSError when the handshake fails."""
        wrapped = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.sock = wrapped
        wrapped.do_handshake()
        self.tls = TLSInfo(
            sni=getattr(wrapped, "sni", None),
            version=wrapped.version(),
            peer_cert=wrapped.getpeercert() or None,
            alpn=wrapped.selected_alpn_protocol(),
        )

    def close(self) -> None:
        """Close at once; what the client has sent and nobody has read makes it a reset."""
        self.sock.close()

    def close_gently(self) -> None:
        """Send FIN, then swallow what the client still sends for up to a second, so that it can read the answer."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(1.0)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.sock.close()

    def _take(self, end: int) -> bytes:
        piece = bytes(self.received[self._position : end])
        self._position = end
        return piece

    def _fill(self, limit: int = 65536) -> int:
        try:
            data = self.sock.recv(limit)
        except OSError as error:
            raise Closed from error
        self.received += data
        return len(data)


def field_line(line: bytes) -> tuple[str, str]:
    """The name and value of a field line, surrounding blanks removed, read as ISO-8859-1 so that no byte is lost."""
    name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
    return name, value.strip(" \t")


def remember_sni(sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    sock.sni = name  # type: ignore[union-attr]  # a note for Peer.start_tls


class Listener:
    """A listening socket on loopback that gives each connection to `serve(peer)` in a thread of its own.

    Attributes: `host`, `port`, `authority` (host:port as it stands in a URL), `url`, `peers` (one per accepted
    connection, in order), `tls_failures` (reasons of failed handshakes), `errors` (of the server's own callbacks).
    """

    scheme = "http"

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.tls = tls
        self.port = 0
        self.peers: list[Peer] = []
        self.tls_failures: list[str] = []
        self.errors: list[BaseException] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._finished: dict[int, threading.Event] = {}
        if tls is not None:
            tls.sni_callback = remember_sni

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return self.url_as()

    def url_as(self, name: str | None = None, path: str = "", userinfo: str | None = None) -> str:
        """The server's URL under another host *name* (one that resolves to loopback), with *path* and *userinfo*."""
        authority = self.authority if name is None else f"{name}:{self.port}"
        scheme = self.scheme + ("s" if self.tls is not None else "")
        return f"{scheme}://{userinfo + '@' if userinfo else ''}{authority}{path}"

    @property
    def connections(self) -> int:
        """How many connections have been accepted so far."""
        return len(self.peers)

    def serve(self, peer: Peer) -> None:
        """Speak with one client. Runs in the connection's own thread; the socket is closed afterwards."""
        raise NotImplementedError

    def wait_until_closed(self, number: int = 1, timeout: float = LIMIT) -> bool:
        """Wait until connection *number* (from 1) is over; whether it is."""
        deadline = time.monotonic() + timeout
        while number not in self._finished:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return self._finished[number].wait(max(0.0, deadline - time.monotonic()))

    def wait_for_connections(self, count: int, timeout: float = LIMIT) -> bool:
        """Wait until *count* connections have been accepted; whether they have."""
        return wait_until(lambda: len(self.peers) >= count, timeout)

    def drop_connections(self) -> None:
        """Close every connection that is open now, as a server does with idle ones, and wait until they are closed."""
        for peer in list(self.peers):
            _shutdown(peer.sock)
            self._finished[peer.number].wait(LIMIT)

    def __enter__(self: Self) -> Self:
        self._socket = self.listen()
        self._waker, self._wakened = socket.socketpair()
        self._start(self._accept)
        return self

    def listen(self) -> socket.socket:
        """The listening socket. A subclass may have another kind."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.create_server((self.host, 0), family=family, backlog=64)
        self.port = sock.getsockname()[1]
        return sock

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if kind is None and self.errors:
            raise self.errors[0]

    def stop(self) -> None:
        """Close the listener and every connection, and join every thread."""
        self._stopping.set()
        self._waker.close()
        self._threads[0].join(LIMIT)
        self._wakened.close()
        self._socket.close()
        for peer in list(self.peers):
            _shutdown(peer.sock)
        for thread in self._threads:
            thread.join(LIMIT)
            if thread.is_alive():
                self.errors.append(RuntimeError(f"{type(self).__name__}: a connection's thread did not end"))

    def _accept(self) -> None:
        while True:
            readable, _, _ = select.select([self._socket, self._wakened], [], [])
            if self._wakened in readable:
                return
            sock, _ = self._socket.accept()
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(LIMIT)
            peer = Peer(sock, len(self.peers) + 1, self._stopping)
            self._finished[peer.number] = threading.Event()
            self.peers.append(peer)
            self._start(partial(self._run, peer))

    def _run(self, peer: Peer) -> None:
        try:
            if self.tls is None or self._handshake(peer, self.tls):
                self.serve(peer)
                if peer.gently:
                    self._finished[peer.number].set()
                    peer.close_gently()
        except Closed:
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            peer.close()
            self._finished[peer.number].set()

    def _handshake(self, peer: Peer, context: ssl.SSLContext) -> bool:
        try:
            peer.start_tls(context)
        except (OSError, AttributeError, ValueError) as error:
            # The end of the server takes the TLS of a socket away under the thread that shakes hands.
            if not isinstance(error, OSError) and not self._stopping.is_set():
                raise
            self.tls_failures.append(str(error))
            return False
        return True

    def _start(self, target: Callable[[], None]) -> None:
        thread = ServerThread(target=target, name=f"{type(self).__name__}:{self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()


def wait_until(condition: Callable[[], object], timeout: float = LIMIT) -> bool:
    """Look at *condition* every millisecond until it holds; whether it did within *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _shutdown(sock: socket.socket) -> None:
    try:
        # Not the one of ssl, which takes the TLS away from a thread that is in the middle of it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass
