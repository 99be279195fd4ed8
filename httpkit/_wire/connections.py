"""urllib3's connections, speaking HTTP/1.1 by our codec, with shared TLS contexts.

urllib3 connects: TCP, TLS, CONNECT and SOCKS are its own. What is said on the open connection and how the
answer is read is `http11`'s, moved to and from the socket here. A connection carries one exchange at a time
and is reused only when nothing of the last one is left on it. Which connection serves which request is
decided in `pools`.
"""

from __future__ import annotations

import io
import os
import select
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import lru_cache
from http import client
from typing import Any, Union, cast

from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.exceptions import ProtocolError, ReadTimeoutError, SSLError
from urllib3.util.ssl_ import resolve_cert_reqs
from urllib3.util.wait import wait_for_read

from .._message import urls
from ..exceptions import InvalidHeader, RequestException
from . import http11, tls
from .response import RECEIVE_SIZE, BodyReader, WireResponse

__all__ = ["HTTPConnection", "HTTPSConnection", "UnfinishedBody", "framing", "socks_connection_classes"]

#: Attributes of a connection that urllib3 would apply to its context, by the names that `tls.Settings` has
#: too.
_SETTINGS = (
    *("ca_certs", "ca_cert_dir", "ca_cert_data", "cert_file", "key_file", "key_password"),
    *("ssl_version", "ssl_minimum_version", "ssl_maximum_version"),
)
_MAX_INTERIM = 100
_MAX_LINE = 65536
#: A body up to this size goes out in one send with the head.
_JOINED = 65_536
#: Bytes read from a file, and handed to the kernel, at a time.
_BLOCK = 65_536
_SLICE = 4_194_304

_HUNG_UP = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, ssl.SSLEOFError)

# Linux has poll() everywhere; where it is missing, or replaced by a cooperative scheduler, select() serves.
_poll = getattr(select, "poll", None)


class UnfinishedBody(RequestException, ValueError):
    """The body of a request has another length than its Content-Length says."""


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


class _Lease:
    """The exchange that a connection carries: lets its response read, and takes the connection back
    afterwards.
    """

    __slots__ = ("_connection", "_ended", "_pool", "_reusable")

    def __init__(self, connection: HTTPConnection, pool: Any) -> None:
        self._connection = connection
        self._pool = pool
        self._ended = False
        self._reusable = False

    def receive(self, size: int) -> bytes:
        try:
            return cast(bytes, self._connection.sock.recv(size))
        except OSError as error:
            raise self._broken(error) from error

    def receive_into(self, buffer: memoryview) -> int:
        try:
            return cast(int, self._connection.sock.recv_into(buffer))
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> Exception:
        """urllib3's error for *error*: those who read `raw` expect these."""
        connection = self._connection
        if isinstance(error, TimeoutError):
            limit = connection.sock.gettimeout() if connection.sock is not None else None
            return ReadTimeoutError(self._pool or connection, "", f"Read timed out. (read timeout={limit})")  # type: ignore[arg-type]
        if isinstance(error, ssl.SSLError):
            return SSLError(error)
        return ProtocolError(f"Connection broken: {error!r}", error)

    def fileno(self) -> int:
        sock = self._connection.sock
        if self._ended or sock is None:
            raise OSError("the response has no connection any more")
        return cast(int, sock.fileno())

    def give_back(self, *, reusable: bool) -> None:
        if self._ended:
            return
        self._ended = True
        self._reusable = reusable
        if not reusable:
            self._connection.close()
        if self._pool is not None:
            self._return()

    def belongs_to(self, pool: Any) -> None:
        known, self._pool = self._pool, pool
        if known is None and self._ended:
            self._return()

    def _return(self) -> None:
        self._connection.idle_since = time.monotonic()
        self._pool._put_conn(self._connection)

    @property
    def connection(self) -> Any:
        return self._connection

    def makefile(self) -> io.BufferedReader:
        return cast(io.BufferedReader, self._connection.sock.makefile("rb"))

    def detach(self) -> socket.socket:
        connection = self._connection
        sock, connection.sock = connection.sock, None
        self.give_back(reusable=False)
        return cast(socket.socket, sock)


class HTTPConnection(_HTTPConnection):
    """A connection that sends the fields it is given and nothing more, and answers with a `WireResponse`."""

    response_class = _Message
    limits = http11.DEFAULT_LIMITS
    #: When the last exchange ended, by `time.monotonic()`.
    idle_since = 0.0
    #: True once anything of the current request may have reached the server, and once all of it was sent.
    began_sending = False
    sent_all = False
    #: True once a byte of the answer to the current request has arrived.
    began_receiving = False
    #: Sees the head of each interim response: 103 Early Hints above all.
    on_interim: Callable[[http11.Head], None] | None = None
    _asked: tuple[str, str, _Early] | None = None
    _poller: Any = None
    _polled: Any = None

    @property
    def is_connected(self) -> bool:
        """True when the connection can carry a request: open, with nothing on it to be read, be it bytes or
        its end.
        """
        if self.sock is None:
            return False
        if not self._has_input():
            return True
        # What waits may be a record of TLS alone, such as a session ticket.
        return isinstance(self.sock, ssl.SSLSocket) and self._receive_waiting() is None

    def _receive_waiting(self) -> bytes | None:
        """What has arrived, empty at the end of the connection; None when there is nothing for us yet."""
        sock = self.sock
        timeout = sock.gettimeout()
        sock.settimeout(0)
        try:
            return cast(bytes, sock.recv(RECEIVE_SIZE))
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError:
            return b""
        finally:
            sock.settimeout(timeout)

    def _has_input(self) -> bool:
        sock = self.sock
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        if _poll is None:
            return bool(wait_for_read(sock, timeout=0.0))
        if self._polled is not sock:
            self._poller, self._polled = _poll(), sock
            self._poller.register(sock, select.POLLIN)
        return bool(self._poller.poll(0))

    def close(self) -> None:
        """Close the socket, if there is one."""
        self._poller = self._polled = None
        super().close()

    def exchange(
        self, method: str, target: str, fields: list[tuple[str, Any]], body: Any, *, pool: Any = None
    ) -> WireResponse:
        """Send one request on the open connection and read the head of its answer.

        *fields* are complete, Host and framing included. *pool* gets the connection back with the last byte
        of the body. The caller closes the connection after an error.
        """
        early = self._send(method, target, fields, body)
        self.sent_all = True
        return self._read_head(method, target, pool, early)

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
            fields += framing(body, method, chunked=bool(options.get("chunked")))
        self._asked = (method, url, self._send(method, url, fields, body))

    def getresponse(self) -> Any:  # a WireResponse, which is no http.client response
        """The answer to what `request` sent."""
        if self._asked is None:
            raise client.ResponseNotReady("no request was sent on this connection")
        (method, url, early), self._asked = self._asked, None
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return self._read_head(method, url, None, early)

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
        head = http11.encode_head(method, target, fields)
        if body is None:
            return self._send_at_once(head)
        length, chunked = _framing_of(fields)
        if isinstance(body, str):
            body = body.encode("utf-8")
        if isinstance(body, (bytes, bytearray, memoryview)) and not chunked:
            if length is not None and len(body) != length:
                raise UnfinishedBody(f"the body has {len(body)} bytes, and Content-Length says {length}")
            if len(body) <= _JOINED:
                return self._send_at_once(head + body)
        return self._send_long(head, body, length, chunked)

    def _send_at_once(self, message: bytes) -> _Early:
        sock = self.sock
        # The first send tells whether the connection was dead already: then nothing of the request has left.
        sent = sock.send(message)
        self.began_sending = True
        if sent < len(message):
            try:
                sock.sendall(memoryview(message)[sent:])
            except _HUNG_UP:
                answer = self._answer_in_spite(None)
                if answer is None:
                    raise
                return answer
        return None

    def _send_long(self, head: bytes, body: Any, length: int | None, chunked: bool) -> _Early:
        """Write a body piece by piece, and stop as soon as the server answers without waiting for the rest
        (RFC 9112 §9.5).
        """
        reader: _Early = None
        self._send_at_once(head)
        try:
            if length and not chunked and _can_sendfile(self.sock, body):
                pieces = self._sendfile(body, length)
            else:
                pieces = self._send_pieces(body, length, chunked)
            for _ in pieces:
                waiting = self._receive_waiting() if self._has_input() else None
                if waiting is not None:
                    reader = self._early_answer(reader, waiting)
                    if reader.is_final:
                        return reader
        except _HUNG_UP:
            answer = self._answer_in_spite(reader)
            if answer is None:
                raise
            return answer
        return reader

    def _send_pieces(self, body: Any, length: int | None, chunked: bool) -> Iterator[None]:
        """Send the pieces of *body*, framed, one at each step; stops short of what Content-Length does not
        cover.
        """
        sock, left = self.sock, length
        for piece in _pieces(body):
            if not piece:
                continue
            if chunked:
                before, after = http11.encode_chunk(piece)
                sock.sendall(b"".join((before, piece, after)))
            else:
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise UnfinishedBody(
                            f"the body is longer than the {length} bytes that Content-Length says"
                        )
                sock.sendall(piece)
            yield
        if chunked:
            sock.sendall(b"0\r\n\r\n")
        elif left:
            raise UnfinishedBody(f"the body ended {left} bytes before the {length} that Content-Length says")

    def _sendfile(self, file: Any, length: int) -> Iterator[None]:
        """Let the kernel copy *file* to the socket, some mebibytes at each step."""
        offset, left = file.tell(), length
        while left:
            sent = self.sock.sendfile(file, offset, min(left, _SLICE))
            if not sent:
                raise UnfinishedBody(
                    f"the file ended {left} bytes before the {length} that Content-Length says"
                )
            offset += sent
            left -= sent
            yield

    # -- receiving

    def _early_answer(self, reader: _Early, data: bytes) -> _EarlyAnswer:
        reader = reader or _EarlyAnswer(http11.HeadReader(self.limits, self.on_interim))
        reader.feed(data)
        self.began_receiving = self.began_receiving or bool(data)
        return reader

    def _answer_in_spite(self, reader: _Early) -> _Early:
        """The answer of a server that took no more of the request; None when there is none, and the error
        stands.
        """
        try:
            while reader is None or not reader.is_final:
                reader = self._early_answer(reader, self.sock.recv(RECEIVE_SIZE))
        except OSError:
            return None
        return reader if reader.found is not None else None

    def _read_head(self, method: str, target: str, pool: Any, early: _Early) -> WireResponse:
        found = early.found if early is not None else None
        if found is None:
            found = self._receive_head(early.reader if early is not None else None)
        head, rest = found
        body = http11.body_of(head, method, self.limits)
        lease = _Lease(self, pool)
        # A request that was not sent to its end leaves a connection that nobody can use.
        persistent = (early is None or not early.is_final) and http11.is_persistent(head)
        reader = BodyReader(lease, body, rest, persistent=persistent, upgraded=head.status == 101)
        return WireResponse(head, lease, reader, url=target)

    def _receive_head(self, reader: http11.HeadReader | None) -> tuple[http11.Head, bytes]:
        reader = reader or http11.HeadReader(self.limits, self.on_interim)
        sock = self.sock
        while True:
            data = sock.recv(RECEIVE_SIZE)
            if not data:
                if reader.is_untouched:
                    raise client.RemoteDisconnected("the server closed the connection without an answer")
                raise reader.at_eof()
            self.began_receiving = True
            found = reader.feed(data)
            if found is not None:
                return found


class _EarlyAnswer:
    """What the server has said while it was still being spoken to."""

    __slots__ = ("ended", "found", "reader")

    def __init__(self, reader: http11.HeadReader) -> None:
        self.reader = reader
        self.found: tuple[http11.Head, bytes] | None = None
        self.ended = False

    @property
    def is_final(self) -> bool:
        """True when there is no use in sending more: the answer is there, or the connection has ended."""
        return self.found is not None or self.ended

    def feed(self, data: bytes) -> None:
        if data:
            self.found = self.reader.feed(data)
        else:
            self.ended = True


_Early = Union[_EarlyAnswer, None]


def framing(body: Any, method: str, *, chunked: bool) -> list[tuple[str, str]]:
    """The framing field for a request whose fields have none (RFC 9112 §6)."""
    if body is None:
        return (
            []
            if method in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "DELETE")
            else [("Content-Length", "0")]
        )
    if not chunked and isinstance(body, (bytes, bytearray, memoryview)):
        return [("Content-Length", str(len(body)))]
    if not chunked and isinstance(body, str):
        return [("Content-Length", str(len(body.encode("utf-8"))))]
    return [("Transfer-Encoding", "chunked")]


def _framing_of(fields: list[tuple[str, Any]]) -> tuple[int | None, bool]:
    """Content-Length, and whether the body is chunked, as the fields to be sent say.

    Raises InvalidHeader for both.
    """
    length, chunked = None, False
    for name, value in fields:
        size = len(name)
        if size == 14 and name.lower() == "content-length":
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if not text.isascii() or not text.isdigit() or (length is not None and int(text) != length):
                raise InvalidHeader("Content-Length: give one decimal number, or leave it to httpkit")
            length = int(text)
        elif size == 17 and name.lower() == "transfer-encoding":
            chunked = True
    if chunked and length is not None:
        raise InvalidHeader("a request has Content-Length or Transfer-Encoding, not both (RFC 9112 §6.2)")
    return length, chunked


def _pieces(body: Any) -> Iterable[Any]:
    """The content of *body* in pieces of bytes: a whole, a file, or an iterable of bytes and text."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        whole = memoryview(body)
        return (whole[start : start + _SLICE] for start in range(0, len(whole), _SLICE))
    read = getattr(body, "read", None)
    parts: Iterable[Any] = iter(lambda: read(_BLOCK), None) if read is not None else body
    return _octets(parts, until_empty=read is not None)


def _octets(parts: Iterable[Any], *, until_empty: bool) -> Iterator[Any]:
    for part in parts:
        if until_empty and not part:
            return
        if isinstance(part, str):
            yield part.encode("utf-8")
        elif isinstance(part, (bytes, bytearray, memoryview)):
            yield part
        else:
            raise TypeError(f"a piece of the request body is {type(part).__name__}; give bytes or str")


def _can_sendfile(sock: Any, body: Any) -> bool:
    """True for a regular file opened for reading in binary, on a socket without TLS."""
    if type(sock) is not socket.socket or not isinstance(body, (io.BufferedReader, io.FileIO)):
        return False
    try:
        return stat.S_ISREG(os.fstat(body.fileno()).st_mode) and body.seekable()
    except (OSError, ValueError):
        return False


class HTTPSConnection(HTTPConnection, _HTTPSConnection):
    """The same over TLS.

    Without a context of the program's own it uses the one that all with its settings share.
    """

    _settings: tls.Settings | None = None

    def connect(self) -> None:
        """Connect, and shake hands. Errors of `tls` come as they are, others as urllib3's."""
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
        if self.proxy is not None and self._tunnel_host is None:
            # The other end is the proxy.
            settings = settings.without_client_certificate()
        self.ssl_context = context = tls.shared_context(settings)
        # urllib3 writes this to the context.
        self.cert_reqs = context.verify_mode
        self._share_with_proxy(settings)

    def _prepare_own(self, context: ssl.SSLContext) -> None:
        settings = self._stated_settings()
        if self.ca_certs or self.ca_cert_dir or self.ca_cert_data:
            tls.extend_trust(context, self.ca_certs, self.ca_cert_dir, self.ca_cert_data)
        self._share_with_proxy(settings)
        self._trust_is_loaded()

    def _stated_settings(self) -> tls.Settings:
        return tls.Settings(
            verifies=resolve_cert_reqs(self.cert_reqs) != ssl.CERT_NONE,
            checks_hostname=not self.assert_fingerprint and self.assert_hostname is None,
            **{name: getattr(self, name) for name in _SETTINGS},
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

    class SOCKSHTTPConnection(SOCKSConnection, HTTPConnection):
        pass

    class SOCKSHTTPSConnection(SOCKSConnection, HTTPSConnection):
        pass

    return SOCKSHTTPConnection, SOCKSHTTPSConnection
