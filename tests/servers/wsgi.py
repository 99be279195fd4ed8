"""WSGI applications (PEP 3333) behind a RecordingServer: httpbin over keep-alive and TLS, under any name."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from .http import Received, Reply

__all__ = ["wsgi"]


def wsgi(app: Callable[..., Iterable[bytes]]) -> Callable[[Received], Reply]:
    """A handler that lets *app* answer."""

    def handler(request: Received) -> Reply:
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[..., None]:
            started[:] = [status, headers]
            return lambda data: None

        body = app(environ(request), start_response)
        status, _, reason = started[0].partition(" ")
        sized = any(name.lower() == "content-length" for name, _ in started[1])
        return Reply(int(status), started[1], b"".join(body) if sized else body, reason)

    return handler


def environ(request: Received) -> dict[str, Any]:
    """What *app* is told about *request*."""
    authority = request.header("host") or "localhost"
    name, _, port = authority.partition(":")
    scheme = "https" if request.tls else "http"
    told: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.target.partition("?")[2],
        "REQUEST_URI": request.target,
        "SERVER_NAME": name,
        "SERVER_PORT": port or ("443" if request.tls else "80"),
        "SERVER_PROTOCOL": request.version,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name in dict.fromkeys(name.lower() for name in request.names):
        key = name.upper().replace("-", "_")
        told[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = request.header(name)
    return told
