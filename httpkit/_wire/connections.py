"""urllib3's connections, with HTTP/1 persistence as RFC 9112 has it, shared TLS contexts, and upgrades handed over.

What a connection says and how it reads the answer is http.client's work for now; all that goes beyond it is here,
so that no other room has to change when that does. Nothing here decides which connection serves which request.
"""

from __future__ import annotations

import socket
import ssl
import weakref
from contextlib import nullcontext
from functools import lru_cache
from http import client
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection as _HTTPConnection
from urllib3.connection import HTTPSConnection as _HTTPSConnection
from urllib3.exceptions import InvalidHeader
from urllib3.util import SKIP_HEADER
from urllib3.util.ssl_ import resolve_cert_reqs

from . import tls

__all__ = ["HTTPConnection", "HTTPSConnection", "RawResponse", "socks_connection_classes"]

#: Attributes of a connection that urllib3 would apply to its context, by the names that `tls.Settings` has too.
_SETTINGS = (
    *("ca_certs", "ca_cert_dir", "ca_cert_data", "cert_file", "key_file", "key_password"),
    *("ssl_version", "ssl_minimum_version", "ssl_maximum_version"),
)
_MAX_INTERIM = 100
_MAX_LINE = 65536


class _Message(client.HTTPResponse):
    """The answer as http.client reads it, corrected where RFC 9112 says otherwise."""

    def _read_status(self) -> tuple[str, int, str]:
        """The first final status line: interim answers other than 101 are skipped (RFC 9110 §15.2)."""
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

    def begin(self) -> None:
        begun = self.headers is not None
        super().begin()
        if begun or self.chunked:
            return
        codings = _tokens(self.headers.get_all("transfer-encoding"))
        if codings and codings[-1] == "chunked":
            # http.client knows `chunked` alone; as the last of several codings it frames the body too (§6.3).
            self.chunked = True
            self.chunk_left = None
            self.length = None
            self.will_close = self._check_close()
        elif self.length is None:
            self._read_repeated_length()

    def _read_repeated_length(self) -> None:
        """A Content-Length that is said twice is that length; two lengths are an error (RFC 9112 §6.3)."""
        lengths = set(_tokens(self.headers.get_all("content-length")))
        if len(lengths) > 1:
            raise InvalidHeader(f"Content-Length: {', '.join(sorted(lengths))}")
        if lengths and (length := lengths.pop()).isdecimal():
            self.length = int(length)
            self.will_close = self._check_close()

    def _check_close(self) -> bool:
        """Whether the connection ends with this answer (RFC 9112 §9.3). After 101 it goes on, though not for HTTP."""
        if self.status == client.SWITCHING_PROTOCOLS:
            return False
        options = _tokens(self.headers.get_all("connection"))
        return "close" in options or (self.version < 11 and "keep-alive" not in options)

    def isclosed(self) -> bool:
        """True when there is no more body to read, which after 101 is so from the beginning."""
        return self.status == client.SWITCHING_PROTOCOLS or super().isclosed()

    def _close_conn(self) -> None:
        # Bytes of the new protocol may be in the buffer already.
        if self.status != client.SWITCHING_PROTOCOLS:
            super()._close_conn()  # type: ignore[misc]  # not in typeshed


def _tokens(values: list[str] | None) -> list[str]:
    """The members of a comma-separated field, in lower case."""
    if not values:
        return []
    members = (member.strip(" \t\r\n").lower() for value in values for member in value.split(","))
    return [member for member in members if member]


class RawResponse(urllib3.HTTPResponse):
    """What `Response.raw` is: urllib3's response, the same over all of its versions, and able to give up its socket."""

    #: The socket of a 101 response until somebody takes it.
    _upgraded: socket.socket | None = None
    _give_up: weakref.finalize[..., Any] | None = None

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """The value of the field *name*, its repeats joined by ", "; *default* when there is none."""
        return self.headers.get(name, default)

    def getheaders(self) -> urllib3.HTTPHeaderDict:
        """All fields, repeats kept."""
        return self.headers

    def fileno(self) -> int:
        """The file descriptor that the body, or what follows a 101, is read from."""
        return super().fileno() if self._upgraded is None else self._upgraded.fileno()

    def keep_socket(self, sock: socket.socket) -> None:
        """Own *sock* from now on: it is closed with this response, unless it was detached before."""
        self._upgraded = sock
        self._give_up = weakref.finalize(self, _close_both, self._fp, sock)

    def detach_socket(self) -> tuple[socket.socket, bytes]:
        """The socket of a 101 response, with the timeout that it had, and the bytes that came after the head.

        The caller owns the socket from now on. Raises ValueError for another response, and when it was closed or
        detached before.
        """
        sock = self._upgraded
        if sock is None or self._give_up is None or not self._give_up.alive:
            raise ValueError(
                "there is no socket to detach: the server did not switch protocols, or it is gone already"
            )
        received = _buffered(cast(Any, self._fp).fp, sock)
        self._give_up.detach()
        self._upgraded = None
        cast(Any, self._fp).fp.close()
        self.release_conn()
        return sock, received

    def close(self) -> None:
        """Give up the body and, after 101, the socket."""
        if self._give_up is not None:
            self._give_up()
            self._upgraded = None
        super().close()


def _close_both(message: Any, sock: socket.socket) -> None:
    # The file keeps the descriptor open, whatever becomes of the socket.
    message.fp.close()
    sock.close()


def _buffered(reader: Any, sock: socket.socket) -> bytes:
    """What *reader* has read from *sock* already, without waiting for more."""
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        received: bytes = reader.peek()
    except OSError:
        # TLS says so when there is nothing to read; what else is wrong shows when the caller reads.
        received = b""
    finally:
        sock.settimeout(timeout)
    return received


class HTTPConnection(_HTTPConnection):
    """A connection that sends the fields it is given and nothing more, and answers with a `RawResponse`."""

    response_class = _Message

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """As urllib3's, but without a User-Agent that nobody asked for."""
        if headers is not None and "user-agent" not in (
            name.lower() for name in headers if isinstance(name, str)
        ):
            headers = headers.copy()
            headers["User-Agent"] = SKIP_HEADER
        super().request(method, url, body=body, headers=headers, **options)

    def set_tunnel(self, host: str, *args: Any, **kwargs: Any) -> None:
        """As urllib3's. An IPv6 address is in brackets with every version of it (RFC 9112 §3.2.3)."""
        super().set_tunnel(host, *args, **kwargs)
        if self._tunnel_host and ":" in self._tunnel_host and self._tunnel_host[0] != "[":
            self._tunnel_host = f"[{self._tunnel_host}]"

    def getresponse(self) -> RawResponse:  # type: ignore[override]  # http.client's class is another
        """The answer. After 101 its socket belongs to it, and this connection has none any more."""
        sock = self.sock
        response = super().getresponse()
        # urllib3 has no seam for the class, and its constructor takes other arguments from version to version.
        response.__class__ = RawResponse
        raw = cast(RawResponse, response)
        if raw.status == client.SWITCHING_PROTOCOLS and sock is not None:
            raw.keep_socket(sock)
            self.sock = None
            self.close()
        return raw


class HTTPSConnection(HTTPConnection, _HTTPSConnection):
    """The same over TLS. Without a context of the program's own it uses the one that all with its settings share."""

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
