"""The functions: `get`, `post` and their kin, for programs that need no session.

Each call has its own settings and cookies, so nothing leaks from one to the next; connections and TLS
contexts are kept in one pool that all of them share.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from . import sessions
from .adapters import HTTPAdapter

if TYPE_CHECKING:
    from ._types import DataType, JsonType, ParamsType
    from .models import Response

__all__ = ["delete", "get", "head", "options", "patch", "post", "put", "request"]

_lock = threading.Lock()
_shared: HTTPAdapter | None = None


def _forked() -> None:
    """In the child of a fork nobody will ever give back a lock that another thread had."""
    global _lock  # noqa: PLW0603  # a lock cannot be opened by another
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _shared_adapter() -> HTTPAdapter:
    """The adapter whose connections all functions share, made on the first call."""
    global _shared  # noqa: PLW0603  # made once, on the first call
    if _shared is None:
        with _lock:
            if _shared is None:
                _shared = HTTPAdapter()
    return _shared


def request(method: str, url: str | bytes, **kwargs: Any) -> Response:
    """Send one request and give back the response. Keywords as for `Session.request`."""
    session = sessions.Session()
    # Not closed afterwards: its connections belong to everybody.
    adapter = _shared_adapter()
    for prefix in ("https://", "http://"):
        session.mount(prefix, adapter)
    if kwargs.get("retry") is not None:
        # A budget of one call would bound nothing.
        session._share_tokens(adapter)
    return session.request(method=method, url=url, **kwargs)


def get(url: str | bytes, params: ParamsType = None, **kwargs: Any) -> Response:
    """Send GET. Keywords as for `Session.request`."""
    return request("get", url, params=params, **kwargs)


def options(url: str | bytes, **kwargs: Any) -> Response:
    """Send OPTIONS. Keywords as for `Session.request`."""
    return request("options", url, **kwargs)


def head(url: str | bytes, **kwargs: Any) -> Response:
    """Send HEAD.

    Keywords as for `Session.request`; redirects are not followed unless *allow_redirects* says so.
    """
    kwargs.setdefault("allow_redirects", False)
    return request("head", url, **kwargs)


def post(url: str | bytes, data: DataType = None, json: JsonType = None, **kwargs: Any) -> Response:
    """Send POST. Keywords as for `Session.request`."""
    return request("post", url, data=data, json=json, **kwargs)


def put(url: str | bytes, data: DataType = None, **kwargs: Any) -> Response:
    """Send PUT. Keywords as for `Session.request`."""
    return request("put", url, data=data, **kwargs)


def patch(url: str | bytes, data: DataType = None, **kwargs: Any) -> Response:
    """Send PATCH. Keywords as for `Session.request`."""
    return request("patch", url, data=data, **kwargs)


def delete(url: str | bytes, **kwargs: Any) -> Response:
    """Send DELETE. Keywords as for `Session.request`."""
    return request("delete", url, **kwargs)
