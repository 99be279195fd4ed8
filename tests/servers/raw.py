"""A peer that follows a script byte by byte: malformed answers, drips, early and rude endings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ._listener import Listener, Peer

__all__ = [
    "CLOSE",
    "HALF_CLOSE",
    "HANG",
    "READ_HEAD",
    "READ_REQUEST",
    "RESET",
    "Drip",
    "RawServer",
    "Step",
]

Step = Union[bytes, threading.Event, Callable[[Peer], Any]]
Script = Union[bytes, Callable[[Peer], Any], Sequence[Any]]


def READ_REQUEST(peer: Peer) -> None:
    """Read one request with its body."""
    peer.read_request()


def READ_HEAD(peer: Peer) -> None:
    """Read a request line and its fields, and leave the body unread."""
    peer.read_head()


def HALF_CLOSE(peer: Peer) -> None:
    """Send FIN and go on reading."""
    peer.half_close()


def RESET(peer: Peer) -> None:
    """End with a TCP reset."""
    peer.reset()


def CLOSE(peer: Peer) -> None:
    """End properly (also what happens at the end of a script)."""
    peer.close()


def HANG(peer: Peer) -> None:
    """Send nothing and keep the connection open until the client closes it or the server is stopped."""
    peer.hang()


@dataclass(frozen=True)
class Drip:
    """Send *data* in segments of *size* bytes, *delay* seconds apart."""

    data: bytes
    size: int = 1
    delay: float = 0.002

    def __call__(self, peer: Peer) -> None:
        peer.drip(self.data, self.size, self.delay)


class RawServer(Listener):
    """A scripted peer. `received` holds the bytes that each connection sent, in the order of connecting.

    *script* is one of
    - bytes: read one request, send them, close;
    - a callable(peer): the whole connection is its own affair (`peer.read_request()`, `peer.send(b"...")`, ...);
    - a list of steps, run for each connection: bytes to send, the constants above, `Drip(...)`, a threading.Event to
      wait for, or any callable(peer);
    - a list of such lists: one for each connection in turn; further connections are reset.
    """

    def __init__(self, script: Script, *, host: str = "127.0.0.1", tls: Any = None) -> None:
        super().__init__(host=host, tls=tls)
        self.script = script

    @property
    def received(self) -> list[bytes]:
        return [bytes(peer.received) for peer in self.peers]

    def serve(self, peer: Peer) -> None:
        peer.gently = True
        for step in self._steps(peer.number):
            if isinstance(step, (bytes, bytearray)):
                peer.send(step)
            elif isinstance(step, threading.Event):
                peer.wait_for(step)
            else:
                step(peer)

    def _steps(self, number: int) -> Sequence[Step]:
        script: Any = self.script
        if isinstance(script, (bytes, bytearray)):
            return [READ_REQUEST, bytes(script)]
        if callable(script):
            return [script]
        steps: list[Any] = list(script)
        if not steps or not isinstance(steps[0], list):
            return steps
        return steps[number - 1] if number <= len(steps) else [RESET]
