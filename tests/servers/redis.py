"""A Redis of the tests' own: the program that this machine has, on loopback, keeping nothing."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TypeVar

__all__ = ["RedisServer"]

Self = TypeVar("Self", bound="RedisServer")

_PROGRAMS = ("redis-server", "valkey-server")


class RedisServer:
    """`with RedisServer() as server:` a server at `server.host` and `server.port`, `server.url` for clients."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = 0

    @staticmethod
    def missing() -> str:
        """What keeps the tests that need one from running; empty when nothing does."""
        if not any(map(shutil.which, _PROGRAMS)):
            return "needs redis-server, which is not installed"
        if importlib.util.find_spec("redis") is None:
            return "needs the package redis, which is not installed"
        return ""

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def __enter__(self: Self) -> Self:
        for _ in range(5):
            self._directory = TemporaryDirectory()
            self._start()
            if self._answers():
                return self
            # Somebody else has taken the port.
            self.stop()
        raise OSError("redis-server does not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; calls that come later are refused."""
        self._process.kill()
        self._process.wait()
        self._directory.cleanup()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port = probe.getsockname()[1]
        program = next(filter(None, map(shutil.which, _PROGRAMS)))
        options = {"port": str(self.port), "bind": self.host, "dir": self._directory.name, "save": ""}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _answers(self) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), 5) as client:
                    client.sendall(b"PING\r\n")
                    return client.recv(16).startswith(b"+PONG")
            except OSError:
                time.sleep(0.02)
        return False
