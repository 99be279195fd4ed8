"""The recording server behind a Unix socket."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

from .http import Handler, RecordingServer

__all__ = ["UnixServer"]


class UnixServer(RecordingServer):
    """A `RecordingServer` at a *path*; `at(target)` is its URL for `http+unix`."""

    def __init__(self, path: str, handler: Handler = None, **options: Any) -> None:
        super().__init__(handler, **options)
        self.path = path

    def listen(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(self.path)
        sock.listen(64)
        return sock

    def at(self, target: str) -> str:
        return f"http+unix://{quote(self.path, safe='')}{target}"
