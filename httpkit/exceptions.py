"""Every error that a call can raise, and the warnings.

One tree, with the names that programs written for requests catch. Each error is a `RequestException`, hence
an `OSError`, and where Python has a builtin for the same fault it is that builtin as well: a `Timeout` is a
`TimeoutError`, an `InvalidURL` is a `ValueError`. Errors carry `request` and `response` where there are
any. Nothing here knows urllib3, http.client or ssl: translating their errors is `_wire.errors`' work.
"""

from __future__ import annotations

import builtins
import json as _json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models import PreparedRequest, Request, Response
    from .retries import Attempt

__all__ = [
    "AddressNotAllowed",
    "BodyNotReplayable",
    "ChunkedEncodingError",
    "CircuitOpen",
    "ConnectTimeout",
    "ConnectionError",
    "ContentDecodingError",
    "DeadlineExceeded",
    "FileModeWarning",
    "HTTPError",
    "InvalidHeader",
    "InvalidJSONError",
    "InvalidProxyURL",
    "InvalidSchema",
    "InvalidURL",
    "JSONDecodeError",
    "MalformedResponse",
    "MissingSchema",
    "ProxyError",
    "RateLimitExceeded",
    "ReadTimeout",
    "RequestException",
    "RequestsDependencyWarning",
    "RequestsWarning",
    "ResponseCancelled",
    "ResponseTooLarge",
    "RetryError",
    "SSLError",
    "StreamConsumedError",
    "Timeout",
    "TooManyRedirects",
    "URLRequired",
    "UnrewindableBodyError",
]


class RequestException(OSError):
    """Something went wrong with a call. The root of every error that httpkit raises for one.

    *request* and *response* may be given by keyword; an error with a response finds the request on it.
    `attempts` tells what was tried.
    """

    request: Request | PreparedRequest | None
    response: Response | None
    #: What to show, where the first argument is the error of another library that programs look into.
    _message: str | None = None
    #: Knows the attempts of the call that ended with this error.
    _tried: Callable[[RequestException], tuple[Attempt, ...]] | None = None
    #: Whether the request went out on a kept connection, as far as that is known.
    _reused: bool | None = None

    def __init__(
        self,
        *args: Any,
        request: Request | PreparedRequest | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(*args)
        self.response = response
        # A Response is false for a 4xx or 5xx: compare with None.
        self.request = getattr(response, "request", None) if request is None else request

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What a session tried before it raised this error, the last of them being the one that failed with it.

        Those of the response, where the error has one and came from looking at it. Empty when nothing was sent.
        """
        if self._tried is not None:
            return self._tried(self)
        return getattr(self.response, "attempts", ())

    def __str__(self) -> str:
        return super().__str__() if self._message is None else self._message

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError pickles through its arguments alone, which would lose request and response.
        return (_rebuild, (type(self), self.args), self.__dict__)


def _rebuild(cls: type[RequestException], args: tuple[Any, ...]) -> RequestException:
    """Unpickle an error without running a subclass's own `__init__`, whose signature is unknown."""
    error = cls.__new__(cls, *args)
    # OSError finds its number and text in two arguments here, and not in `__new__`.
    OSError.__init__(error, *args)
    return error


class InvalidJSONError(RequestException):
    """The value given as `json=` cannot be written as JSON, or the body of a response is not JSON."""


class JSONDecodeError(InvalidJSONError, _json.JSONDecodeError):
    """The body of a response is not JSON. Also a `json.JSONDecodeError`, hence a `ValueError`.

    Carries `msg`, `doc`, `pos`, `lineno` and `colno` as the standard library's error does.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The standard error computes line and column and keeps one message; OSError must see that message
        # alone, or it would take two arguments for errno and strerror.
        if len(args) == 3:
            _json.JSONDecodeError.__init__(self, *args)
        InvalidJSONError.__init__(self, *self.args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild_json_error, (type(self), (self.msg, self.doc, self.pos)), self.__dict__)


def _rebuild_json_error(cls: type[JSONDecodeError], args: tuple[str, str, int]) -> JSONDecodeError:
    return cls(*args)


class URLRequired(RequestException):
    """A URL is needed to make a request."""


class MissingSchema(RequestException, ValueError):
    """The URL has no scheme (`https://` or `http://`)."""


class InvalidSchema(RequestException, ValueError):
    """No adapter serves the URL's scheme, or support for the scheme is not installed."""


class InvalidURL(RequestException, ValueError):
    """The URL cannot be used; the message says which part and why."""


class InvalidProxyURL(InvalidURL):
    """The URL of a proxy cannot be used."""


class InvalidHeader(RequestException, ValueError):
    """A field name or value that could not be sent without changing the message around it (RFC 9110 §5)."""


class UnrewindableBodyError(RequestException):
    """The body of a request could not be taken back to where it began."""


class BodyNotReplayable(UnrewindableBodyError):
    """The request would have to be sent again, and its body can be read once only.

    Give the body as bytes, a seekable file or an iterable that can be iterated twice.
    """


class ConnectionError(RequestException, builtins.ConnectionError):
    """The connection could not be made, or broke before an answer arrived."""


class AddressNotAllowed(RequestException, PermissionError):
    """Nothing was connected to: `allow_addresses` refuses the address, or cannot see which it would be.

    `host` is whose address it is, `address` the address as text, empty where it is not known. Not a
    `ConnectionError`, since no network failed and trying again would change nothing.
    """

    host: str = ""
    address: str = ""

    @classmethod
    def of(cls, host: str, address: str, why: str) -> AddressNotAllowed:
        """The error for a *host* whose *address* is refused: *why* is a clause such as `it is loopback`."""
        whose = "" if host.strip("[]") == address else f" of {host[:100]}"
        error = cls(
            f"the address {address[:60]}{whose} is refused by allow_addresses: {why}. If calls may go there, add it: "
            f'allow_addresses=["public", "{address.partition("%")[0][:45]}"]'
        )
        error.host, error.address = host, address
        return error


class ProxyError(ConnectionError):
    """The proxy could not be reached, or refused to serve."""


class SSLError(ConnectionError):
    """TLS could not be established: the certificate does not verify, or the two sides agree on no
    parameters.
    """


class MalformedResponse(ConnectionError):
    """What the server sent is no HTTP response, or one whose extent is uncertain; the connection was
    closed.
    """

    #: True when the connection ended inside the head: what came was not wrong, but not all.
    is_truncated: bool = False


class CircuitOpen(ConnectionError):
    """The call was not made, because its origin has failed too often of late: see `breakers.Breaker`.

    `origin` is scheme, host and port as text; `since` how many seconds ago the breaker opened; `retry_after` how many
    seconds it goes on refusing.
    """

    origin: str = ""
    since: float = 0.0
    retry_after: float = 0.0


class Timeout(RequestException, TimeoutError):
    """The time that the call was given is over. Catches `ConnectTimeout` and `ReadTimeout`.

    The limits that a call is given are `httpkit.timeouts.Timeout`: requests gave this name to the error.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.keys().isdisjoint(("connect", "read", "total", "pool")):
            raise TypeError(
                "httpkit.Timeout is an error that is raised; limits for a call are made by httpkit.timeouts.Timeout"
            )
        super().__init__(*args, **kwargs)


class ConnectTimeout(ConnectionError, Timeout):
    """No connection within the connect timeout.

    Nothing of the request was sent, so it is safe to try again.
    """


class ReadTimeout(Timeout):
    """The server sent nothing for as long as the read timeout."""


class DeadlineExceeded(Timeout):
    """The call took longer than the `total` of its `Timeout`.

    `total` is that limit in seconds, `phase` what was going on when it was over, and `spent` how many seconds each
    phase took: pool (waiting for a connection), lookup, connect, proxy, tls, send, head, body, sleep, redirects (all of
    the hops before the last).
    """

    total: float = 0.0
    phase: str = ""
    spent: Mapping[str, float] = MappingProxyType({})

    @classmethod
    def of(cls, total: float, phase: str, spent: dict[str, float]) -> DeadlineExceeded:
        """The error for a call that was given *total* seconds and has *spent* them."""
        doing = _DOING.get(phase, phase)
        error = cls(
            f"the {total:g} s that the call was given (total) were over{f' while {doing}' if doing else ''}"
            f"{f' ({shown_phases(spent)})' if spent else ''}. "
            "If it may take longer, give a larger timeout=Timeout(total=...)"
        )
        error.total, error.phase, error.spent = total, phase, spent
        return error


_DOING = {
    "pool": "it waited for a free connection",
    "lookup": "the name was looked up",
    "connect": "connecting",
    "proxy": "the proxy made a tunnel",
    "tls": "shaking hands by TLS",
    "send": "the request was sent",
    "head": "it waited for the head of the answer",
    "body": "the body was read",
    "sleep": "it waited to try again",
    "redirects": "redirects were followed",
}


def shown_phases(spent: Mapping[str, float]) -> str:
    """`connect 0.01 s, head 0.99 s`: phases that took no time are left out."""
    shown = [f"{phase[:20]} {seconds:.2f} s" for phase, seconds in spent.items() if seconds >= 0.005]
    return ", ".join(shown[:12])


class RateLimitExceeded(Timeout):
    """The call was not made, because it would have to wait for its turn longer than it may: see
    `ratelimits.RateLimit`.

    `limit` is that policy, `key` what it counts under, `wait` the seconds that the call would have to wait.
    """

    limit: object = None
    key: str = ""
    wait: float = 0.0


class RetryError(RequestException):
    """The retries that the adapter was given are used up."""


class HTTPError(RequestException):
    """The server answered with a 4xx or 5xx status, and `raise_for_status()` was asked to object."""


class TooManyRedirects(RequestException):
    """More redirects than `Session.max_redirects`; `response` is the last one, with its history."""


class ChunkedEncodingError(RequestException):
    """The body of a response ended early or its chunks are malformed."""


class ContentDecodingError(RequestException):
    """The body of a response does not decode as its Content-Encoding says."""


class ResponseCancelled(RequestException):
    """The body was being read, or was still to be read, when `Response.cancel()` was called."""


class ResponseTooLarge(RequestException):
    """The body of a response went beyond a bound that the program has set, and was given up.

    `bound` is the name of it, `max_response_size` or `max_decompression_ratio`; `limit` is its value;
    `received` is how many bytes there were, content codings removed, or that Content-Length announced.
    """

    bound: str = ""
    limit: float = 0
    received: int = 0

    @classmethod
    def by_size(cls, limit: int, received: int, *, announced: bool = False) -> ResponseTooLarge:
        """The error for a body of more than *limit* bytes; *announced* when only its length was seen."""
        came = f"Content-Length says {received}" if announced else f"{received} bytes came until now"
        return cls._of(
            "max_response_size",
            limit,
            received,
            f"the body is larger than max_response_size allows, {limit} bytes: {came}. "
            "If it may be, give a larger max_response_size=, or None for no limit",
        )

    @classmethod
    def by_ratio(cls, limit: float, received: int, wire: int) -> ResponseTooLarge:
        """The error for *wire* bytes that have become more than *limit* times as many."""
        return cls._of(
            "max_decompression_ratio",
            limit,
            received,
            f"the body grows more than max_decompression_ratio allows, {limit:g} times, while it is "
            f"decompressed: {wire} bytes became {received}. If the server is to be trusted, give a larger "
            "max_decompression_ratio=, or None for no limit",
        )

    @classmethod
    def _of(cls, bound: str, limit: float, received: int, message: str) -> ResponseTooLarge:
        error = cls(message)
        error.bound, error.limit, error.received = bound, limit, received
        return error


class StreamConsumedError(RequestException, TypeError, RuntimeError):
    """The body of the response was already read as a stream and is gone."""


class RequestsWarning(Warning):
    """Base of httpkit's warnings."""


class FileModeWarning(RequestsWarning, DeprecationWarning):
    """A file was opened in text mode where its size in bytes is needed."""


class RequestsDependencyWarning(RequestsWarning):
    """A dependency has a version that httpkit was not tested with."""
