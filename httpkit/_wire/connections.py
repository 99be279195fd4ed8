"""urllib3's connections, speaking HTTP/1.1 by our codec, with shared TLS contexts.

urllib3 connects: TCP, TLS, CONNECT and SOCKS are its own. What is said on the open connection and how the
answer is read is `http11`'s, moved to and from the socket here. A connection carries one exchange at a time
and is reused only when nothing of the last one is left on it. Which connection serves which request is
decided in `pools`.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
import sys
import weakref
from collections.abc import Callable
from contextlib import nullcontext, suppress
from copy import copy
from functools import lru_cache, partial
from http import client
from typing import TYPE_CHECKING, Any, Union, cast

from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import connection as _connecting
from urllib3.util.ssl_ import resolve_cert_reqs

from .._message import urls
from ..exceptions import AddressNotAllowed, RequestException
from . import addresses, http11, sending, tls
from .deadlines import Limits, Opening, TimedSocket, Waits, bare, in_time, limits_of
from .probing import Probe
from .response import RECEIVE_SIZE, BodyReader, WireResponse
from .sending import UnfinishedBody, framing

if TYPE_CHECKING:
    from ..address_policy import AddressPolicy
    from ..tlsconfig import TLS
    from .certificates import Certificate

__all__ = [
    "HTTPConnection",
    "HTTPSConnection",
    "Lease",
    "UnfinishedBody",
    "forsake",
    "framing",
    "socks_connection_classes",
]

#: Attributes of a connection that urllib3 would apply to its context, by the names that `tls.Settings` has
#: too.
_SETTINGS = (
    *("ca_certs", "ca_cert_dir", "ca_cert_data", "cert_file", "key_file", "key_password"),
    *("ssl_version", "ssl_minimum_version", "ssl_maximum_version"),
)
_MAX_INTERIM = 100
#: Seconds that an error may take to find out which certificate did not verify.
_LOOK = 2.0
_MAX_LINE = 65536
#: Neither Content-Length nor Transfer-Encoding.
_UNFRAMED = (None, False)
#: A body up to this size goes out in one send with the head.
_JOINED = 65_536
#: What urllib3 says when nobody has said how much of a file to read at a time.
_THEIR_BLOCK = 16_384

#: The standard library's own class, where a descriptor is all there is to a socket; None where it is another's.
_PLAIN_SOCKET = socket.socket if os.name == "posix" and socket.socket.__module__ == "socket" else None

# What other libraries and programs replace to steer all of urllib3's connections.
_STOCK_CREATE_CONNECTION = _connecting.create_connection


class _Message(client.HTTPResponse):
    """The answer to CONNECT, which urllib3 reads by http.client; with interim answers skipped (RFC 9110
    §15.2).
    """

    def _read_status(self) -> tuple[str, int, str]:
        """The first final status line."""
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            if not 100 <= status < 200 or status == client.SWITCHING_PROTOCOLS:
                return version, status, reason
            self._skip_fields()
        raise client.HTTPException(f"more than {_MAX_INTERIM} interim responses")

    def _skip_fields(self) -> None:
        for _ in range(_MAX_INTERIM):
            line = self.fp.readline(_MAX_LINE + 1)
            if len(line) > _MAX_LINE:
                raise client.LineTooLong("header line")
            if line in (b"\r\n", b"\n", b""):
                return
        raise client.HTTPException(f"more than {_MAX_INTERIM} fields in an interim response")


def _bounded(sock: Any, opening: Opening) -> Any:
    """*sock*, that was just connected, with the time that is left for TLS or a tunnel as its timeout."""
    opening.watch.enter("tls")
    try:
        sock.settimeout(opening.within())
    except BaseException:
        sock.close()
        raise
    return sock


class Lease:
    """The exchange that a connection carries: lets its response read, and gives the connection back to
    *pool* afterwards, once.

    It may end in a finaliser, at any point of any thread, and so takes no lock.
    """

    __slots__ = ("_connection", "_disowned", "_is_cancelled", "_open", "_pool", "_probe", "_sock", "received")

    def __init__(self, connection: HTTPConnection, pool: Any) -> None:
        self._connection = connection
        self._pool = pool
        self._sock: Any = None
        self._probe: Probe | None = None
        #: Bytes that were read for this exchange.
        self.received = 0
        self._disowned = False
        self._is_cancelled = False
        # There until the exchange has ended: of all who delete it one succeeds, whatever the thread.
        self._open = True

    def begin(self, sock: Any) -> None:
        """From now on the answer is read from *sock*, and never from another one of the same connection."""
        connection = self._connection
        self._sock = sock
        self._probe = connection.probe
        connection.is_busy = True
        _reading.add(connection)

    @property
    def has_ended(self) -> bool:
        return not hasattr(self, "_open")

    def receive(self, size: int) -> bytes:
        try:
            data: bytes = self._sock.recv(size)
        except OSError as error:
            raise self._broken(error) from error
        self.received += len(data)
        return data

    def receive_into(self, buffer: memoryview) -> int:
        try:
            size: int = self._sock.recv_into(buffer)
        except OSError as error:
            raise self._broken(error) from error
        self.received += size
        return size

    def _broken(self, error: OSError) -> Exception:
        """urllib3's error for *error*: those who read `raw` expect these."""
        if isinstance(error, TimeoutError):
            text = f"Read timed out. (read timeout={self._sock.gettimeout()})"
            return ReadTimeoutError(self._pool or self._connection, "", text)  # type: ignore[arg-type]
        if isinstance(error, ssl.SSLEOFError):
            return ProtocolError(
                "The connection ended without the goodbye of TLS: the body may be cut", error
            )
        if isinstance(error, ssl.SSLError):
            return SSLError(error)
        return ProtocolError(f"Connection broken: {error!r}", error)

    def fileno(self) -> int:
        if self.has_ended:
            raise OSError("the response has no connection any more")
        return cast(int, self._sock.fileno())

    def give_back(self, *, reusable: bool) -> None:
        try:
            del self._open
        except AttributeError:
            return
        connection = self._connection
        _reading.discard(connection)
        connection.is_busy = False
        if self._probe is not None:
            # Here and not as they come: a second reader may be late with what it has read, and who asks the probe by
            # then must not be told that it is still to come.
            self._probe.received += self.received
        # In this order: see `cancel`.
        if not reusable or connection.is_stray or self._is_cancelled:
            connection.close()
        if self._pool is not None:
            self._pool._put_conn(connection)

    def cancel(self) -> None:
        """Let nobody read from the socket any more, not even who is doing so at this moment in another thread.

        Who gives the connection back ends the exchange first and then looks whether it was cancelled; here it is the
        other way round, so the socket that is shut down is never one that carries another exchange. It is closed by
        who gives it back: closing it here would let the reader use a descriptor that belongs to somebody else by then.
        """
        self._is_cancelled = True
        if self.has_ended:
            return
        sock = bare(self._sock)
        # That of TLS would forget the keys under the reader.
        shut = socket.socket.shutdown if isinstance(sock, socket.socket) else type(sock).shutdown
        with suppress(OSError):
            shut(sock, socket.SHUT_RDWR)

    def belongs_to(self, pool: Any) -> None:
        if self._disowned:
            return
        known, self._pool = self._pool, pool
        if known is None and self.has_ended:
            pool._put_conn(self._connection)

    def disown(self) -> None:
        """Let the caller give the connection back."""
        self._disowned = True

    @property
    def connection(self) -> Any:
        return self._connection

    def makefile(self) -> io.BufferedReader:
        return cast(io.BufferedReader, self._sock.makefile("rb"))

    def detach(self) -> socket.socket:
        sock = getattr(self._sock, "plain", self._sock)
        self._connection.sock = None
        self.give_back(reusable=False)
        if self._connection.waits is not None:
            sock.settimeout(self._connection.waits.read)
        return cast(socket.socket, sock)


#: Those whose answer is being read. Being here keeps a socket out of the garbage that an abandoned response is
#: part of, so that it is closed by the response and not by a finaliser of its own, which warns.
_reading: set[HTTPConnection] = set()
#: Those that may be open.
_connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()


def forsake() -> None:
    """After a fork: close the child's copies of all sockets. The parent's are not touched by that."""
    for connection in list(_connections):
        sock = connection.sock
        if sock is not None:
            # Not connection.close(): who reads from it still shall be told that it is closed.
            sock.close()


class HTTPConnection(_HTTPConnection):
    """A connection that sends the fields it is given and nothing more, and answers with a `WireResponse`."""

    response_class = _Message
    limits: http11.Limits
    #: When the last exchange ended, by the clock of the pool.
    idle_since = 0.0
    #: True while an answer is being read from it.
    is_busy = False
    #: True when urllib3 gives the connection back by itself.
    is_returned_by_caller = False
    #: True when its place in the pool is taken already.
    is_stray = False
    #: True once anything of the current request may have reached the server, and once all of it was sent.
    began_sending = False
    sent_all = False
    #: True once a byte of the answer to the current request has arrived.
    began_receiving = False
    #: True once the open connection has carried an answer.
    has_served = False
    #: Where to connect to, if not to where the host's name leads.
    route: addresses.Route | None = None
    #: Sees the head of each interim response: 103 Early Hints above all.
    on_interim: Callable[[http11.Head], None] | None = None
    #: The limits of the exchange that it carries, where the whole call has one, and those of connecting meanwhile.
    waits: Waits | None = None
    _opening: Opening | None = None
    _asked: tuple[str, str, _Early] | OSError | None = None
    #: The fields of the last request, and what they came to.
    _last_fields: list[tuple[str, Any]] | None = None
    _encoded = b""
    #: What the lines of the last head were read as.
    _known_lines: http11.KnownLines
    _framing: tuple[int | None, bool] = _UNFRAMED
    _asked_to_close = False
    #: Tells whether there is anything to read from the socket. There is one once the connection was kept.
    probe: Probe | None = None

    @property
    def is_connected(self) -> bool:
        """True when the connection can carry a request: open, with nothing on it to be read, be it bytes or
        its end.
        """
        sock = self.sock
        if sock is None:
            return False
        try:
            probe = self.probe
            if probe is None or probe.sock is not sock or self.is_busy:
                # In the middle of an exchange what was read is not counted yet: a new one knows nothing of it.
                self.probe = probe = Probe(sock)
            if isinstance(sock, ssl.SSLSocket):
                # What waits may be a record of TLS alone, such as a session ticket.
                has_input = bool(sock.pending() or probe.has_input())
                if not has_input or sending.receive_waiting(sock) is None:
                    return True
                # It has been read now, and who asks again would not be told.
                self.close()
                return False
            return not probe.has_input()
        except (OSError, ValueError):
            # Somebody has closed the socket by hand.
            return False

    def connect(self) -> None:
        """Connect, by way of a proxy's tunnel and with TLS where these are asked for, all of it within `timeout`."""
        running = None if self.waits is None else self.waits.running
        opening = self._opening = Opening(self.timeout, running)
        try:
            super().connect()
        except TimeoutError as error:
            # In the middle of TLS or of a tunnel.
            known = opening.late(error)
            if known is error and not isinstance(error, RequestException):
                known = self._late(ReadTimeoutError, f"Read timed out. (read timeout={opening.limit})")
            raise known from error
        finally:
            self._opening = None

    def limits_now(self) -> Limits | None:
        """What bounds a wait of its socket at this moment, beside the timeout that the socket has."""
        return self._opening or self.waits

    def _late(self, kind: Any, why: str) -> Any:
        """An error of urllib3's *kind* that knows where the time went."""
        error: Any = kind(cast(Any, self), None, why) if kind is ReadTimeoutError else kind(self, why)
        error.spent = self._opening.watch.spent() if self._opening is not None else {}
        return error

    def _new_conn(self) -> socket.socket:
        """A socket connected to the host, or to where `route` leads. Raises urllib3's errors, as its own does."""
        opening = self._opening or Opening(self.timeout, None)
        opening.watch.enter("lookup")
        if self.route is None and _connecting.create_connection is not _STOCK_CREATE_CONNECTION:
            return super()._new_conn()
        try:
            sock = addresses.connect(
                self._dns_host,
                self.port,
                timeout=opening.within(),
                source_address=self.source_address,
                socket_options=self.socket_options,
                family=_connecting.allowed_gai_family(),
                route=self.route,
                looked_up=partial(opening.watch.enter, "connect"),
            )
        except AddressNotAllowed as error:
            raise addresses.Guarded(error) from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise self._too_late(error, opening) from error
        except UnicodeError as error:
            raise LocationParseError(f"'{self.host}', label empty or too long") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return cast(socket.socket, _bounded(sock, opening))

    def _too_late(self, error: Any, opening: Opening) -> Exception:
        """What to raise for an *error* that came before there was a connection."""
        known = opening.late(error)
        if isinstance(known, RequestException):
            return known
        why = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
        return cast(Exception, self._late(ConnectTimeoutError, why))

    def _tunnel(self) -> None:
        """Ask the proxy for a tunnel. Its answer is read by http.client, from a socket that watches the time."""
        opening, sock = self._opening, self.sock
        if opening is None:
            super()._tunnel()
            return
        opening.watch.enter("proxy")
        self.sock = TimedSocket(sock, opening)
        try:
            super()._tunnel()
        finally:
            if self.sock is not None:
                self.sock = sock
        sock.settimeout(opening.within())
        opening.watch.enter("tls")

    def close(self) -> None:
        """Close the socket, if there is one."""
        self.probe = None
        self._known_lines = {}
        self.has_served = False
        super().close()

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._known_lines = {}
        self.limits = http11.DEFAULT_LIMITS
        self.is_busy = self.is_stray = False
        _connections.add(self)

    def exchange(
        self, method: str, target: str, fields: list[tuple[str, Any]], body: Any, lease: Lease
    ) -> WireResponse:
        """Send one request on the open connection and read the head of its answer.

        *fields* are complete, Host and framing included. *lease* ends with the last byte of the body; after
        an error the caller ends it.
        """
        if self.waits is not None:
            self.waits.running.enter("send")
        return self._read_head(method, target, lease, self._send(method, target, fields, body))

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send one request, for urllib3's `urlopen`: a Host that *headers* lack is added, and the framing
        of *body*.
        """
        if self.sock is None:
            self.connect()
        else:
            self.sock.settimeout(self.timeout)
        fields = list((headers or {}).items())
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", self._host_field(url)))
        if "content-length" not in names and "transfer-encoding" not in names:
            fields += sending.framing(body, method, chunked=bool(options.get("chunked")))
        self._asked = None
        try:
            self._asked = (method, url, self._send(method, url, fields, body))
        except OSError as error:
            # urllib3 goes on after a broken pipe, to see whether there is an answer in spite of it.
            self._asked = error
            raise

    def getresponse(self) -> Any:  # a WireResponse, which is no http.client response
        """The answer to what `request` sent."""
        asked, self._asked = self._asked, None
        if asked is None:
            raise client.ResponseNotReady("no request was sent on this connection")
        if isinstance(asked, OSError):
            raise asked
        method, url, early = asked
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        lease = Lease(self, None)
        if self.is_returned_by_caller:
            lease.disown()
        try:
            return self._read_head(method, url, lease, early)
        except BaseException:
            lease.give_back(reusable=False)
            raise

    def set_tunnel(self, host: str, *args: Any, **kwargs: Any) -> None:
        """As urllib3's. An IPv6 address is in brackets with every version of it (RFC 9112 §3.2.3)."""
        super().set_tunnel(host, *args, **kwargs)
        if self._tunnel_host and ":" in self._tunnel_host and self._tunnel_host[0] != "[":
            self._tunnel_host = f"[{self._tunnel_host}]"

    def _host_field(self, target: str) -> str:
        """Whom the request is for: the host of a target in absolute form, else whom we are connected to."""
        if "://" in target:
            return urls.parse(target).host_field
        host, port = (self._tunnel_host, self._tunnel_port) if self._tunnel_host else (self.host, self.port)
        if ":" in host:
            host = f"[{host.strip('[]').partition('%')[0]}]"
        return host if port in (None, self.default_port) else f"{host}:{port}"

    # -- sending

    def _send(self, method: str, target: str, fields: list[tuple[str, Any]], body: Any) -> _Early:
        """Write the request; what came back of the answer before all of it was written, which is seldom
        anything.
        """
        self.began_sending = self.sent_all = self.began_receiving = False
        if fields != self._last_fields:
            self._encode(fields)
        head = http11.request_line(method, target) + self._encoded
        if body is None:
            if self._framing is not _UNFRAMED:
                head += sending.empty_body(fields)
            return self._send_at_once(head)
        length, chunked = self._framing
        if type(body) is bytes and length == len(body) <= _JOINED and not chunked:
            return self._send_at_once(head + body)
        if isinstance(body, str):
            body = body.encode("utf-8")
        elif isinstance(body, memoryview):
            body = body.cast("B") if body.contiguous else body.tobytes()
        if isinstance(body, (bytes, bytearray, memoryview)) and not chunked:
            if len(body) != (length or 0):
                raise UnfinishedBody(f"the body has {len(body)} bytes, and Content-Length says {length}")
            if len(body) <= _JOINED:
                return self._send_at_once(head + body)
        elif length is None and not chunked:
            raise UnfinishedBody(
                "the body has neither Content-Length nor Transfer-Encoding: it would have no end"
            )
        return self._send_long(head, body, length, chunked)

    def _encode(self, fields: list[tuple[str, Any]]) -> None:
        """Keep what *fields* come to on the wire: the next request on this connection has mostly the same."""
        self._last_fields = None
        self._encoded = http11.encode_fields(fields)
        lower = self._encoded.lower()
        framed = b"\r\ncontent-length:" in lower or b"\r\ntransfer-encoding:" in lower
        self._framing = sending.framing_of(fields) if framed else _UNFRAMED
        self._asked_to_close = b"close" in lower and sending.says_close(fields)
        # Of other types some can change while they are kept.
        if all(type(name) is str and type(value) is str for name, value in fields):
            self._last_fields = fields

    def _send_at_once(self, message: bytes) -> _Early:
        sock = self.sock if self.waits is None else TimedSocket(self.sock, self.waits)
        # The first send tells whether the connection was dead already: then nothing of the request has left.
        # It takes what there is room for, and waits only when that is nothing: there is room nearly always, and a
        # socket with a timeout asks for it first, which is one system call more.
        try:
            sent = os.write(sock.fileno(), message) if type(sock) is _PLAIN_SOCKET else sock.send(message)
        except BlockingIOError:
            sent = sock.send(message)
        self.began_sending = True
        if sent < len(message):
            try:
                sock.sendall(memoryview(message)[sent:])
            except sending.HUNG_UP:
                early = self._listen()
                heard = sending.hear_in_spite(sock, early)
                self.began_receiving = early.began
                if not heard:
                    raise
                return early
        self.sent_all = True
        return None

    def _send_long(self, head: bytes, body: Any, length: int | None, chunked: bool) -> _Early:
        """Write head and body, and stop as soon as the server declines without waiting for the rest (RFC 9112
        §9.5).
        """
        early = self._send_at_once(head)
        if early is not None:
            return early
        self.sent_all = False
        early = self._listen()
        block = sending.BLOCK if self.blocksize == _THEIR_BLOCK else self.blocksize
        try:
            upload = sending.Upload(self.sock, early, block, self.waits)
            self.sent_all = upload.send(body, length, chunked)
        finally:
            self.began_receiving = early.began
        return early

    def _listen(self) -> sending.EarlyAnswer:
        return sending.EarlyAnswer(http11.HeadReader(self.limits, self.on_interim))

    # -- receiving

    def _read_head(self, method: str, target: str, lease: Lease, early: _Early) -> WireResponse:
        found = early.found if early is not None else None
        if found is None:
            found = self._receive_head(lease, early.reader if early is not None else None)
        head, rest = found
        body = http11.body_of(head, method, self.limits)
        # A request that was not sent to its end leaves a connection that nobody can use, and so does a tunnel.
        persistent = (
            self.sent_all and not self._asked_to_close and method != "CONNECT" and http11.is_persistent(head)
        )
        if type(body) is http11.UntilCloseBody:
            persistent = False
            if isinstance(self.sock, ssl.SSLSocket):
                # Its end is the end of the connection, and TLS can tell that from an attack (RFC 9112 §9.8).
                setattr(self.sock, "suppress_ragged_eofs", False)  # noqa: B010  # unknown to typeshed
        if self.waits is None:
            lease.begin(self.sock)
        else:
            self.waits.running.enter("body")
            lease.begin(TimedSocket(self.sock, self.waits))
        reader = BodyReader(lease, body, rest, persistent, head.status == 101)
        response = WireResponse(head, lease, reader, target)
        response.is_on_kept_connection, self.has_served = self.has_served, True
        return response

    def _receive_head(self, lease: Lease, reader: http11.HeadReader | None) -> tuple[http11.Head, bytes]:
        sock = self.sock
        if self.waits is not None:
            self.waits.running.enter("head")
            sock = TimedSocket(sock, self.waits)
        data = sock.recv(RECEIVE_SIZE)
        lease.received += len(data)
        if reader is None:
            if data:
                self.began_receiving = True
                found = http11.head_at_once(data, self.limits, self._known_lines)
                if found is not None:
                    return found
            reader = http11.HeadReader(self.limits, self.on_interim)
        while True:
            if not data:
                if reader.is_untouched:
                    raise client.RemoteDisconnected("the server closed the connection without an answer")
                raise reader.at_eof()
            self.began_receiving = True
            found = reader.feed(data)
            if found is not None:
                return found
            data = sock.recv(RECEIVE_SIZE)
            lease.received += len(data)


_Early = Union[sending.EarlyAnswer, None]


class HTTPSConnection(HTTPConnection, _HTTPSConnection):
    """The same over TLS.

    Without a context of the program's own it uses the one that all with its settings share.
    """

    #: What the adapter asks of its connections beyond urllib3's settings: ciphers and pins.
    tls_wanted: TLS | None = None
    _settings: tls.Settings | None = None
    #: Where the socket is connected to, as far as that is the server and not a proxy.
    _reached: Any = None

    def connect(self) -> None:
        """Connect, and shake hands. Errors of `tls` come as they are, others as urllib3's."""
        try:
            self._connect()
            if self.tls_wanted is not None and self.tls_wanted.pins and not self._ends_at_proxy():
                self._check_pins(cast("tuple[str, ...]", self.tls_wanted.pins))
        except ssl.SSLCertVerificationError as error:
            # What OpenSSL says does not name the certificate, and does not show it.
            setattr(error, "certificate", self._presented())  # noqa: B010  # unknown to typeshed
            raise

    def _connect(self) -> None:
        context = self.ssl_context
        if context is None or self._settings is not None:
            self._share_context()
            super().connect()
            return
        own = isinstance(context, ssl.SSLContext)
        if own:
            self._prepare_own(context)
        mode = resolve_cert_reqs(self.cert_reqs)
        with tls.exclusively(context, mode) if own else nullcontext():
            super().connect()

    def _share_context(self) -> None:
        """Let settings of a shared context say what urllib3 would do to a new one for each connection."""
        if self._settings is None:
            self._settings = self._stated_settings()
            self._trust_is_loaded()
            self.cert_file = self.key_file = self.key_password = None
        settings = self._settings
        if self._ends_at_proxy():
            settings = settings.without_client_certificate()
        self.ssl_context = context = tls.shared_context(settings)
        # urllib3 writes this to the context.
        self.cert_reqs = context.verify_mode
        self._share_with_proxy(settings)

    def _ends_at_proxy(self) -> bool:
        """True when the other end of TLS is a proxy that forwards, and not the server."""
        return self.proxy is not None and self._tunnel_host is None

    def _check_pins(self, pins: tuple[str, ...]) -> None:
        host, port = (self._tunnel_host, self._tunnel_port) if self._tunnel_host else (self.host, self.port)
        sock: Any = self.sock
        tls.check_pins(pins, sock.getpeercert(binary_form=True), f"{host}:{port}")
        self.is_verified = True

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.proxy is None:
            try:
                self._reached = sock.getpeername()
            except OSError:
                # It is closed already, which the handshake will say.
                self._reached = None
        return sock

    def _presented(self) -> Certificate | None:
        """The certificate that the server shows, by a second handshake with the same address; nothing is sent on it."""
        limits: list[Any] = [_LOOK, self.timeout, self.waits and self.waits.running.remaining()]
        limit = min(each for each in limits if isinstance(each, (int, float)))
        if not isinstance(self._reached, tuple) or limit <= 0:
            return None
        from . import certificates

        settings = tls.Settings(
            verifies=False,
            checks_hostname=False,
            ssl_minimum_version=self.ssl_minimum_version,
            ssl_maximum_version=self.ssl_maximum_version,
        )
        name = (self.server_hostname or self.host).rstrip(".")
        der = tls.presented(self._reached, name, settings, limit)
        return certificates.read(der) if der else None

    def _prepare_own(self, context: ssl.SSLContext) -> None:
        settings = self._stated_settings()
        if self.ca_certs or self.ca_cert_dir or self.ca_cert_data:
            tls.extend_trust(context, self.ca_certs, self.ca_cert_dir, self.ca_cert_data)
        self._share_with_proxy(settings)
        self._trust_is_loaded()

    def _connect_tls_proxy(self, hostname: str, sock: Any) -> Any:
        """TLS with the proxy. TLS with the server goes through it, each receive of which may be many of these."""
        secure = super()._connect_tls_proxy(hostname, sock)
        return secure if self._tunnel_host is None else TimedSocket(secure, limits_of(self))

    def _stated_settings(self) -> tls.Settings:
        return tls.Settings(
            verifies=resolve_cert_reqs(self.cert_reqs) != ssl.CERT_NONE,
            checks_hostname=not self.assert_fingerprint and self.assert_hostname is None,
            **{name: getattr(self, name) for name in _SETTINGS},
            ciphers=None if self.tls_wanted is None else self.tls_wanted.ciphers,
        )

    def _trust_is_loaded(self) -> None:
        self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None

    def _share_with_proxy(self, settings: tls.Settings) -> None:
        """A proxy reached by TLS is verified as the server is, but never sees the client's certificate."""
        config = self.proxy_config
        if (
            config is None
            or self.proxy is None
            or self.proxy.scheme != "https"
            or config.ssl_context is not None
        ):
            return
        self.proxy_config = config._replace(
            ssl_context=tls.shared_context(settings.without_client_certificate())
        )


@lru_cache(maxsize=1)
def socks_connection_classes() -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    """Connections through a SOCKS proxy, plain and with TLS. Raises ImportError when PySocks is missing."""
    from urllib3.contrib.socks import SOCKSConnection

    class ThroughSOCKS(SOCKSConnection):
        route: addresses.Route | None
        _opening: Opening | None
        _too_late: Any

        def _new_conn(self) -> Any:
            """A connection made by the proxy: to the address that `route` gives, or to the name.

            With a guard the proxy itself is connected to at an address that was checked, and where it is told
            addresses rather than names, it is told one that was checked.
            """
            name, options, route = self._dns_host, self._socks_options, self.route
            opening = self._opening or Opening(self.timeout, None)
            opening.watch.enter("proxy")
            if route is not None:
                self._dns_host = route.instead_of(name, self.port)
            try:
                if route is not None and route.guard is not None:
                    self._check(route.guard, opening)
                return _bounded(self._connect_in_time(opening), opening)
            except NewConnectionError:
                # For urllib3 a refusal is a timeout too.
                raise
            except (TimeoutError, ConnectTimeoutError) as error:
                # Of the two clocks, PySocks' own and ours, either may be the first.
                raise self._too_late(error, opening) from error
            finally:
                self._dns_host, self._socks_options = name, options

        def _connect_in_time(self, opening: Opening) -> Any:
            """PySocks knows no limit but that of each receive, so it may have to be left alone with a copy of ours."""
            left = opening.within()
            if left is None:
                return super()._new_conn()
            return in_time(super(ThroughSOCKS, copy(self))._new_conn, left, discard=lambda sock: sock.close())

        def _check(self, guard: AddressPolicy, opening: Opening) -> None:
            proxy = str(self._socks_options["proxy_host"])
            try:
                port = int(self._socks_options["proxy_port"] or 1080)
                there = addresses.checked(proxy, port, guard, opening.within())
                self._socks_options = {**self._socks_options, "proxy_host": there}
                if not self._socks_options["rdns"] or addresses.is_ip_address(self._dns_host):
                    port = int(self.port or 0)
                    self._dns_host = addresses.checked(self._dns_host, port, guard, opening.within())
            except AddressNotAllowed as error:
                raise addresses.Guarded(error) from error
            except socket.gaierror as error:
                raise NameResolutionError(self.host, self, error) from error

    class SOCKSHTTPConnection(ThroughSOCKS, HTTPConnection):
        pass

    class SOCKSHTTPSConnection(ThroughSOCKS, HTTPSConnection):
        pass

    return SOCKSHTTPConnection, SOCKSHTTPSConnection
