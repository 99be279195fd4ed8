"""What an error of urllib3, http.client, socket, ssl or a decoder means, as one of ours: `translate`, and nothing else.

The classes are those that programs written for requests catch. So are the arguments: `args[0]` is the error that
urllib3 raised, because programs look at `error.args[0].reason`. `str(error)` is a sentence of ours all the same, kept
on the error beside its arguments: it says where, what and what to do about it. The original is the `__cause__` too.
Sentences show host and port, never userinfo, a query or the value of a field.

Nothing is imported from urllib3 before there is an error to translate.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Union
from urllib.parse import unquote

from .._message import urls
from .._message.secrets import hide_in_url
from ..exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ConnectTimeout,
    ContentDecodingError,
    DeadlineExceeded,
    InvalidHeader,
    InvalidProxyURL,
    InvalidURL,
    MalformedResponse,
    ProxyError,
    ReadTimeout,
    RequestException,
    ResponseTooLarge,
    RetryError,
    SSLError,
    shown_phases,
)

if TYPE_CHECKING:
    from datetime import datetime

    from .certificates import Certificate

__all__ = ["BrokenReadTimeout", "HandshakeTimeout", "UnsendableRequest", "translate"]

Kind = type[RequestException]

#: Where an error of a builtin type has to come from to be translated: a program's own ValueError is its own business.
_THEIR_MODULES = re.compile(
    r"(?:urllib3|http|socket|ssl|socks|encodings|email|zlib|gzip|_?brotli\w*|zstandard|backports)(?:\.|\Z)"
)
_SECONDS = re.compile(r"timeout=([0-9.]+)")
_NAMES_SHOWN = 8
_FREE = re.compile(r"free within ([0-9.]+) s")
_TUNNEL = re.compile(r"Tunnel connection failed: (.*)", re.DOTALL)


class BrokenReadTimeout(ReadTimeout, ConnectionError):
    """A read timeout where requests raises its ConnectionError: in the body, while sending, and after retries.

    Both `except ReadTimeout` and `except ConnectionError` catch it.
    """


class HandshakeTimeout(ConnectTimeout, ReadTimeout):
    """No connection within the connect timeout, where requests raises its ReadTimeout: in TLS, or while a proxy makes a
    tunnel.
    """


class UnsendableRequest(RequestException, ValueError):
    """The request holds something that cannot be written as HTTP."""


def translate(error: BaseException, request: Any, *, phase: str = "send") -> RequestException:
    """The error of ours for *error*, to be raised `from` it. *phase* is "send", or "body" while a body is read.

    An error that is ours already comes back as it is, also from within one of urllib3's. One that is none of those
    libraries' (it came out of the program's own generator, hook or file) is not translated: it is raised again.
    """
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, RequestException):
            if link.request is None:
                link.request = request
                _say_where(link, request)
            return link
    kind = _kind(error, chain, phase)
    if kind is None:
        raise error
    for link in chain:
        _hide_target(link)
    translated = kind(error, request=request)
    translated._message = _sentence(kind, chain, request, phase)
    return translated


def _hide_target(error: BaseException) -> None:
    """urllib3 writes the whole request target into the message of one of its errors, which tracebacks show."""
    target = getattr(error, "url", None)
    if isinstance(target, str) and error.args and isinstance(error.args[0], str):
        public = hide_in_url(target)
        if public != target:
            error.args = (error.args[0].replace(target, public), *error.args[1:])


def _say_where(error: RequestException, request: Any) -> None:
    """The codec says what is wrong with an answer, and knows no more than its bytes."""
    server = _server(getattr(request, "url", None))
    if isinstance(error, MalformedResponse):
        error._message = f"{_up(server)} did not answer in HTTP/1.1 as it should: {error}"
    elif isinstance(error, ChunkedEncodingError):
        error._message = f"The body from {server} is broken: {error}"
    elif isinstance(error, ResponseTooLarge):
        error._message = f"From {server}: {error}"
    elif isinstance(error, DeadlineExceeded):
        error._message = f"No whole answer from {server}: {error}"


def _chain(error: object) -> Iterator[BaseException]:
    """*error* and the errors that it wraps, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (getattr(link, "reason", None), getattr(link, "original_error", None), *link.args)
        # urllib3 does not say `from` for an error of PySocks.
        waiting += [*wrapped, link.__cause__ or (None if link.__suppress_context__ else _socks_context(link))]


def _socks_context(error: BaseException) -> BaseException | None:
    context = error.__context__
    return context if type(context).__module__ == "socks" else None


# --- which class


Choice = Callable[[list[BaseException]], Union[Kind, None]]
Table = tuple[tuple[Any, Union[Kind, Choice]], ...]


def _kind(error: BaseException, chain: list[BaseException], phase: str) -> Kind | None:
    """Our class for *error* by the first row that it matches; None for an error that is not theirs."""
    for theirs, kind in _body_kinds() if phase == "body" else _send_kinds():
        if isinstance(error, theirs):
            return kind if isinstance(kind, type) else kind(chain)
    return None


@lru_cache(maxsize=1)
def _send_kinds() -> Table:
    import ssl
    from http.client import HTTPException

    from urllib3 import exceptions as theirs
    from urllib3.util.ssl_match_hostname import CertificateError

    return (
        (theirs.MaxRetryError, _after_retries),
        (theirs.NewConnectionError, _no_connection),
        (theirs.ConnectTimeoutError, ConnectTimeout),
        (theirs.ReadTimeoutError, _read_or_handshake),
        (theirs.EmptyPoolError, ConnectTimeout),
        (theirs.ResponseError, RetryError),
        (theirs.ProxyError, ProxyError),
        ((theirs.SSLError, ssl.SSLError, CertificateError), SSLError),
        (theirs.InvalidHeader, InvalidHeader),
        (theirs.DecodeError, ContentDecodingError),
        ((theirs.ProxySchemeUnknown, theirs.ProxySchemeUnsupported), InvalidProxyURL),
        (theirs.LocationValueError, InvalidURL),
        ((theirs.HTTPError, HTTPException), _broken_while_sending),
        (TimeoutError, BrokenReadTimeout),
        (OSError, ConnectionError),
        (UnicodeError, _unencodable),
        (ValueError, _unsendable),
    )


@lru_cache(maxsize=1)
def _body_kinds() -> Table:
    import ssl
    import zlib
    from http.client import HTTPException

    from urllib3 import exceptions as theirs

    return (
        ((theirs.TimeoutError, TimeoutError), BrokenReadTimeout),
        ((theirs.DecodeError, zlib.error), ContentDecodingError),
        ((theirs.SSLError, ssl.SSLError), SSLError),
        (
            (theirs.ProtocolError, theirs.IncompleteRead, theirs.InvalidChunkLength, HTTPException),
            ChunkedEncodingError,
        ),
        ((theirs.HTTPError, OSError), ConnectionError),
        # Another thread has closed the response under the reader.
        ((ValueError, AttributeError), lambda chain: ChunkedEncodingError if _is_theirs(chain[0]) else None),
    )


def _read_or_handshake(chain: list[BaseException]) -> Kind:
    # Our connections say of an error how long making one took.
    return ReadTimeout if getattr(chain[0], "spent", None) is None else HandshakeTimeout


def _after_retries(chain: list[BaseException]) -> Kind:
    reason = getattr(chain[0], "reason", None)
    kind = _kind(reason, list(_chain(reason)), "send") if isinstance(reason, Exception) else None
    if kind is ReadTimeout:
        return BrokenReadTimeout
    return (
        kind
        if kind in (ConnectTimeout, HandshakeTimeout, RetryError, ProxyError, SSLError, BrokenReadTimeout)
        else ConnectionError
    )


def _no_connection(chain: list[BaseException]) -> Kind:
    return ProxyError if any(type(link).__module__ == "socks" for link in chain) else ConnectionError


def _broken_while_sending(chain: list[BaseException]) -> Kind:
    from http import client

    malformed = (client.BadStatusLine, client.UnknownProtocol, client.LineTooLong)
    for link in chain:
        if isinstance(link, TimeoutError):
            return BrokenReadTimeout
        if isinstance(link, client.InvalidURL):
            return InvalidURL
        if isinstance(link, malformed) and not isinstance(link, OSError):
            return MalformedResponse
    return ConnectionError


def _unencodable(chain: list[BaseException]) -> Kind | None:
    error = chain[0]
    if not _is_theirs(error):
        return None
    return InvalidHeader if getattr(error, "encoding", None) == "latin-1" else InvalidURL


def _unsendable(chain: list[BaseException]) -> Kind | None:
    if not _is_theirs(chain[0]):
        return None
    return InvalidHeader if "header" in str(chain[0]).lower() else UnsendableRequest


def _is_theirs(error: BaseException) -> bool:
    """Whether *error* was raised in code of these libraries, rather than in something that they called."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return _THEIR_MODULES.match(trace.tb_frame.f_globals.get("__name__") or "") is not None


# --- what to say


class _Scene(NamedTuple):
    """Where it happened: *peer* is who we talked to, *server* whom the request is for; a proxy makes them differ."""

    peer: str
    server: str
    blames_proxy: bool
    body: bool


def _sentence(kind: Kind, chain: list[BaseException], request: Any, phase: str) -> str:
    server = peer = _server(getattr(request, "url", None))
    proxy = _proxy(chain)
    blames_proxy = issubclass(kind, ProxyError)
    if blames_proxy:
        peer = proxy or "the proxy"
    elif proxy:
        peer = f"{server} through {proxy}"
    scene = _Scene(peer, server, blames_proxy, phase == "body")
    for theirs, say in _sayings():
        for link in chain:
            if isinstance(link, theirs):
                return say(link, scene)
    place = f"Reading the body from {server}" if scene.body else f"The call to {peer}"
    return f"{place} failed: {_show(chain[-1]) or type(chain[-1]).__name__}"


def _server(url: Any) -> str:
    """`host:port` of the request's URL, or the socket."""
    try:
        parts = urls.parse(url.decode() if isinstance(url, bytes) else url or "")
    except ValueError:
        return "the server"
    if parts.scheme == "http+unix":
        return _show(f"the socket {unquote(parts.authority)}")
    host, port = parts.host.replace("%25", "%", 1), parts.effective_port
    return _show(f"{host}:{port}" if host and port else host or "the server")


def _proxy(chain: list[BaseException]) -> str:
    """`the proxy host:port`, as far as urllib3's error tells; empty when it does not."""
    from urllib3.exceptions import PoolError

    for link in chain:
        if isinstance(link, PoolError) and link.pool is not None:
            url = getattr(link.pool, "proxy", None)
            socks = getattr(link.pool, "conn_kw", {}).get("_socks_options")
            if url is not None:
                return _show(f"the proxy {url.host}:{url.port}")
            if socks:
                return _show(f"the proxy {socks['proxy_host']}:{socks['proxy_port'] or 1080}")
    return ""


Say = Callable[[Any, _Scene], str]


@lru_cache(maxsize=1)
def _sayings() -> tuple[tuple[Any, Say], ...]:
    """What to say of the first error in a chain that is one of these; the most telling come first."""
    import socket
    import ssl
    import zlib
    from http import client

    from urllib3 import exceptions as theirs
    from urllib3.util.ssl_match_hostname import CertificateError

    return (
        ((ssl.SSLCertVerificationError, CertificateError), _certificate),
        (ssl.SSLError, _tls),
        (theirs.SSLError, _tls),
        ((theirs.DecodeError, zlib.error), _decoding),
        (socket.gaierror, _name),
        (theirs.ReadTimeoutError, _read_timeout),
        (theirs.NewConnectionError, _connecting),
        (theirs.ConnectTimeoutError, _connect_timeout),
        (TimeoutError, _timeout),
        (theirs.ResponseError, lambda error, at: f"Gave up on {at.server} after all retries: {_show(error)}"),
        (theirs.EmptyPoolError, _empty_pool),
        (theirs.ClosedPoolError, lambda _, at: f"The connections to {at.server} were closed during the call"),
        ((theirs.ProxySchemeUnknown, theirs.ProxySchemeUnsupported), _proxy_scheme),
        (theirs.LocationValueError, _location),
        (client.InvalidURL, _target),
        (UnicodeError, _encoding),
        (
            theirs.InvalidHeader,
            lambda error, at: f"{_up(at.peer)} sent a field that cannot be: {_show(error)}",
        ),
        (client.RemoteDisconnected, lambda _, at: f"{_up(at.peer)} closed the connection without an answer"),
        (
            client.BadStatusLine,
            lambda error, at: f"{_up(at.peer)} did not answer in HTTP/1: {_show(repr(error.line))}",
        ),
        (
            client.UnknownProtocol,
            lambda error, at: f"{_up(at.peer)} did not answer in HTTP/1: {_show(repr(error.version))}",
        ),
        (client.LineTooLong, lambda _, at: f"{_up(at.peer)} sent a line of more than 65536 bytes"),
        ((theirs.IncompleteRead, client.IncompleteRead), _incomplete),
        (OSError, _broken),
        (ValueError, _value),
    )


def _certificate(error: Any, at: _Scene) -> str:
    why = getattr(error, "verify_message", "") or str(error)
    code = getattr(error, "verify_code", 0)
    shown = getattr(error, "certificate", None)
    told = "" if shown is None else _told(code, shown)
    sentences = (
        f"TLS with {at.peer} failed, the certificate does not verify: {_show(why.rstrip('.'))}.",
        told,
        _hint(code),
    )
    return " ".join(filter(None, sentences))


#: What OpenSSL calls its checks, by the numbers of X509_V_ERR.
_NOT_YET, _EXPIRED, _REVOKED = (9,), (10,), (23,)
_SELF_SIGNED, _UNKNOWN_ISSUER = (18,), (19, 20, 21)
_WRONG_NAME = (62, 64)


def _told(code: int, shown: Certificate) -> str:
    """What the certificate says of that which was wrong with it."""
    if code in _EXPIRED:
        past = shown.not_after.timestamp() < time.time()
        return (
            f"It was valid until {_day(shown.not_after)}."
            if past
            else "It is one of its authorities, and not the server's own."
        )
    if code in _NOT_YET:
        return f"It is valid from {_day(shown.not_before)}."
    if code in _WRONG_NAME:
        names = ", ".join(map(_show, shown.names[:_NAMES_SHOWN])) or "no host at all"
        more = len(shown.names) - _NAMES_SHOWN
        return f"It is for {names}{f' and {more} more' if more > 0 else ''}."
    if code in _SELF_SIGNED + _UNKNOWN_ISSUER and shown.issuer:
        return f"It was issued by {_show(repr(shown.issuer))}."
    return ""


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _hint(code: int) -> str:
    if code in _EXPIRED:
        return "Its operator has to renew it, unless the clock of this machine is wrong."
    if code in _NOT_YET:
        return "Is the clock of this machine right?"
    if code in _WRONG_NAME:
        return "Is the host of the URL right? If another name is meant, give HTTPAdapter(tls=TLS(server_name=...))."
    if code in _SELF_SIGNED:
        return "To trust it all the same, save it to a file and give verify='path/to/that/file.pem'."
    if code in _UNKNOWN_ISSUER:
        return (
            "If its authority is your own, give verify='path/to/the/authority.pem', "
            "or verify='system' where the operating system knows it."
        )
    if code in _REVOKED:
        return "Its authority has taken it back; do not go on."
    return ""


_NO_VERSION = (
    "the two sides have no version of TLS in common; see TLS(minimum_version=..., maximum_version=...)"
)
_NOT_ACCEPTED = "the server does not accept the client certificate; give another cert=(certificate, key)"
_WEAK = "a key or signature of it is too weak; its operator has to replace that"
#: What to say of OpenSSL's reasons, by what they end in.
_REASONS = {
    "ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate; give cert=(certificate, key)",
    **dict.fromkeys(
        (
            *(
                "ALERT_UNKNOWN_CA",
                "ALERT_BAD_CERTIFICATE",
                "ALERT_CERTIFICATE_EXPIRED",
                "ALERT_CERTIFICATE_REVOKED",
            ),
            *("ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED"),
        ),
        _NOT_ACCEPTED,
    ),
    **dict.fromkeys(
        ("ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "WRONG_SSL_VERSION"),
        _NO_VERSION,
    ),
    "ALERT_HANDSHAKE_FAILURE": "the server found nothing acceptable in what was offered: versions, ciphers, "
    "or a client certificate that it wants, cert=(certificate, key)",
    "NO_CIPHERS_AVAILABLE": "TLS(ciphers=...) leaves none that can be used",
    "UNRECOGNIZED_NAME": "the server does not serve this name; is the host of the URL right?",
    **dict.fromkeys(("KEY_TOO_SMALL", "MD_TOO_WEAK"), _WEAK),
    "LEGACY_RENEGOTIATION_DISABLED": "the server knows the old, unsafe renegotiation only",
    **dict.fromkeys(
        ("UNEXPECTED_EOF_WHILE_READING", "EOF occurred in violation of protocol"),
        "the other side hung up, as some servers do that want a client certificate, cert=(certificate, key)",
    ),
}


def _tls(error: Any, at: _Scene) -> str:
    why = getattr(error, "reason", None) or str(error)
    known = str(why).partition(" (_ssl.c")[0]
    meaning = next((said for ending, said in _REASONS.items() if known.endswith(ending)), "")
    if at.body:
        return f"Reading the body from {at.server} failed in TLS: {_show(why)}{meaning and f' ({meaning})'}"
    if why in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        what = "the URL of the proxy" if at.blames_proxy else "the URL"
        return f"TLS with {at.peer} failed: what answers there does not speak TLS. Should {what} begin with http://?"
    return (
        f"TLS with {at.peer} failed: {meaning} ({_show(why)})"
        if meaning
        else f"TLS with {at.peer} failed: {_show(why)}"
    )


def _decoding(error: Any, at: _Scene) -> str:
    why = error.args[-1] if error.args else error
    return f"The body from {at.server} does not decode as its Content-Encoding says: {_show(why)}"


def _name(error: Any, at: _Scene) -> str:
    name = at.peer.removeprefix("the proxy ").rpartition(":")[0]
    return f"Cannot connect to {at.peer}: there is no address for the name {name!r} ({_show(error.strerror or error)})"


def _read_timeout(error: Any, at: _Scene) -> str:
    if getattr(error, "spent", None) is not None:
        return _connect_timeout(error, at)
    if at.body:
        return f"The body from {at.server} stopped coming{_within(error)} (read timeout). {_longer('read')}"
    return f"No answer from {at.peer}{_within(error)} (read timeout). {_longer('read')}"


def _connect_timeout(error: Any, at: _Scene) -> str:
    late = next((link for link in _chain(error) if getattr(link, "tried", ())), None)
    # Where the host has several addresses, what became of each.
    tried = "" if late is None else f": {_show(late)}"
    spent = shown_phases(getattr(error, "spent", None) or {})
    took = f", after {spent}" if spent else ""
    return f"No connection to {at.peer}{_within(error)} (connect timeout{took}){tried}. {_longer('connect')}"


def _timeout(error: Any, at: _Scene) -> str:
    if at.body:
        return f"The body from {at.server} stopped coming (read timeout). {_longer('read')}"
    return f"{_up(at.peer)} did not take the request, or did not answer, in time (read timeout). {_longer('read')}"


def _longer(limit: str) -> str:
    return f"If it may take longer, give timeout=(connect, read) with a larger {limit}"


def _within(error: BaseException) -> str:
    """urllib3 tells the limit in its message only."""
    seconds = _SECONDS.search(str(error))
    return f" within {seconds[1]} seconds" if seconds else ""


def _connecting(error: Any, at: _Scene) -> str:
    chain = list(_chain(error))
    refusal = next((link for link in chain if type(link).__name__.startswith("SOCKS")), None)
    if refusal is not None:
        # PySocks puts the number of the reply before its meaning.
        why = _show(refusal).rpartition(": ")[2]
        return f"{_up(at.peer)} did not connect to {at.server}: {why}"
    cause = next((link for link in chain if isinstance(link, OSError)), None)
    if cause is None:
        return f"Cannot connect to {at.peer}"
    refused = next((link for link in chain if isinstance(link, ConnectionRefusedError)), None)
    several = getattr(cause, "tried", ())
    said = f"Cannot connect to {at.peer}: {_why(cause if several else refused or cause)}"
    if cause.filename is not None and _show(cause.filename) not in at.peer:
        said += f" ({_show(cause.filename)})"
    if refused:
        said += ". Is it running, and is the port right?"
    if several and str(cause.strerror) != str(cause):
        names = _show(", ".join(address for address, _ in several))
        said += f"{'' if refused else '.'} Tried {names}"
    return said


def _empty_pool(error: Any, at: _Scene) -> str:
    seconds = _FREE.search(str(error))
    waited = f", and none became free within {seconds[1]} seconds (pool timeout)" if seconds else ""
    return (
        f"All connections to {at.server} are in use{waited}. Close responses, give the adapter a larger "
        "pool_maxsize, or wait longer by timeout=Timeout(pool=...)"
    )


def _proxy_scheme(error: Any, at: _Scene) -> str:
    return f"The proxy for {at.server} cannot be used: {_show(error)}"


def _location(error: Any, at: _Scene) -> str:
    text = str(error)
    # A URL that could not be parsed can hold a password anywhere.
    return (
        f"Invalid URL for {at.server}: it cannot be parsed" if "@" in text else f"Invalid URL: {_show(text)}"
    )


def _target(error: Any, at: _Scene) -> str:
    return f"Invalid URL for {at.server}: a blank or control character in its path or query has to be percent-encoded"


def _encoding(error: Any, at: _Scene) -> str:
    if getattr(error, "encoding", "") == "latin-1":
        return f"A field for {at.server} has a character beyond ISO-8859-1; give the value as bytes"
    return f"Invalid URL for {at.server}: host, path and query can only be sent in ASCII"


def _incomplete(error: Any, at: _Scene) -> str:
    length = getattr(error, "length", None)
    if isinstance(length, bytes):
        return f"The body from {at.server} is malformed: {_show(repr(length))} is not the size of a chunk"
    partial, expected = error.partial, error.expected
    got = len(partial) if isinstance(partial, bytes) else partial
    # In parentheses what programs look for in the text.
    if expected and expected < 0:
        beyond = f"{-expected} more than its Content-Length says"
        return f"The body from {at.server} has {got} bytes, {beyond} ({_show(repr(error))})"
    missing = f", with {expected} to come" if expected else ""
    return f"The body from {at.server} ended early, after {got} bytes{missing} ({_show(repr(error))})"


def _broken(error: Any, at: _Scene) -> str:
    tunnel = _TUNNEL.match(str(error))
    if tunnel:
        hint = (
            " A user name and password go into its URL: http://user:password@host:port"
            if "407" in tunnel[1]
            else ""
        )
        return f"{_up(at.peer)} refused a tunnel to {at.server}: {_show(tunnel[1])}.{hint}"
    place = f"{at.server} broke while the body was read" if at.body else f"{at.peer} broke"
    return f"The connection to {place}: {_why(error)}"


def _value(error: Any, at: _Scene) -> str:
    if "header" in str(error).lower():
        return f"A field for {at.server} cannot be sent: its name or value has a line break or the like in it"
    return f"The request to {at.server} cannot be sent: {_show(error)}"


def _why(error: OSError) -> str:
    return _show(error.strerror).lower() if error.strerror else _show(error) or type(error).__name__


def _up(text: str) -> str:
    """A host stays as it is at the beginning of a sentence, 'the proxy' does not."""
    return text if text[:4] != "the " else f"The {text[4:]}"


def _show(text: object) -> str:
    """Printable, and not longer than a line."""
    shown = str(text).strip()
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 160 else f"{shown[:157]}..."
