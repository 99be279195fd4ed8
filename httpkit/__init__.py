"""httpkit, an HTTP client with the interface of requests and safe defaults.

    >>> import httpkit
    >>> response = httpkit.get("https://api.example.com/items", params={"page": 2}, timeout=5)
    >>> response.raise_for_status().json()

This is the door: the public names and nothing else. Each is loaded when it is first asked for, so `import
httpkit` is cheap.
"""

from __future__ import annotations

import logging as _logging
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from .__version__ import (  # noqa: F401  # attributes that requests has too, and its __all__ does not list
    __author__,
    __author_email__,
    __build__,
    __cake__,
    __copyright__,
    __description__,
    __license__,
    __title__,
    __url__,
    __version__,
)

if TYPE_CHECKING:
    from . import (
        adapters,
        address_policy,
        api,
        auth,
        breakers,
        certs,
        compat,
        cookies,
        exceptions,
        help,
        hooks,
        models,
        packages,
        ratelimits,
        redirects,
        retries,
        sessions,
        status_codes,
        stores,
        structures,
        timeouts,
        tlsconfig,
        utils,
    )
    from .address_policy import AddressPolicy
    from .api import delete, get, head, options, patch, post, put, request
    from .breakers import Breaker
    from .exceptions import (
        AddressNotAllowed,
        BodyNotReplayable,
        CircuitOpen,
        ConnectionError,
        ConnectTimeout,
        DeadlineExceeded,
        FileModeWarning,
        HTTPError,
        InvalidURL,
        JSONDecodeError,
        ProxyError,
        RateLimitExceeded,
        ReadTimeout,
        RequestException,
        SSLError,
        Timeout,
        TooManyRedirects,
        URLRequired,
    )
    from .models import PreparedRequest, Request, Response
    from .ratelimits import RateLimit
    from .retries import Budget, Retry
    from .sessions import Session, session
    from .status_codes import codes
    from .tlsconfig import TLS

__all__ = [
    "TLS",
    "AddressNotAllowed",
    "AddressPolicy",
    "BodyNotReplayable",
    "Breaker",
    "Budget",
    "CircuitOpen",
    "ConnectTimeout",
    "ConnectionError",
    "DeadlineExceeded",
    "FileModeWarning",
    "HTTPError",
    "InvalidURL",
    "JSONDecodeError",
    "PreparedRequest",
    "ProxyError",
    "RateLimit",
    "RateLimitExceeded",
    "ReadTimeout",
    "Request",
    "RequestException",
    "Response",
    "Retry",
    "SSLError",
    "Session",
    "Timeout",
    "TooManyRedirects",
    "URLRequired",
    "adapters",
    "address_policy",
    "api",
    "auth",
    "breakers",
    "certs",
    "codes",
    "compat",
    "cookies",
    "delete",
    "exceptions",
    "get",
    "head",
    "help",
    "hooks",
    "models",
    "options",
    "packages",
    "patch",
    "post",
    "put",
    "ratelimits",
    "redirects",
    "request",
    "retries",
    "session",
    "sessions",
    "status_codes",
    "stores",
    "structures",
    "timeouts",
    "tlsconfig",
    "utils",
]

#: Where each name that is not a module lives.
_HOMES = {
    **dict.fromkeys(("delete", "get", "head", "options", "patch", "post", "put", "request"), "api"),
    **dict.fromkeys(("PreparedRequest", "Request", "Response"), "models"),
    "Breaker": "breakers",
    "RateLimit": "ratelimits",
    **dict.fromkeys(("Budget", "Retry"), "retries"),
    **dict.fromkeys(("Session", "session"), "sessions"),
    "AddressPolicy": "address_policy",
    "codes": "status_codes",
    "TLS": "tlsconfig",
    **dict.fromkeys(
        (
            "AddressNotAllowed",
            "BodyNotReplayable",
            "CircuitOpen",
            "ConnectTimeout",
            "ConnectionError",
            "DeadlineExceeded",
            "FileModeWarning",
            "HTTPError",
            "InvalidURL",
            "JSONDecodeError",
            "ProxyError",
            "RateLimitExceeded",
            "ReadTimeout",
            "RequestException",
            "RequestsDependencyWarning",
            "SSLError",
            "Timeout",
            "TooManyRedirects",
            "URLRequired",
        ),
        "exceptions",
    ),
}

_logging.getLogger(__name__).addHandler(_logging.NullHandler())


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is not None:
        value: Any = getattr(_import_module(f"{__name__}.{home}"), name)
    elif name in __all__:
        value = _import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
