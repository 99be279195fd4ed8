"""An address on which connecting never ends: a listener whose queue of waiting connections is full."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["full_backlog_listener"]


@contextmanager
def full_backlog_listener(host: str = "127.0.0.1") -> Iterator[tuple[str, int]]:
    """The (host, port) of a listener that answers no further connection attempt, so that connecting times out."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(16):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            if client.connect_ex(listener.getsockname()) not in (0, errno.EINPROGRESS):
                break
            if not select.select([], [client], [], 0.02)[1]:
                break
        else:
            raise RuntimeError("this system's accept queue does not fill up")
        yield listener.getsockname()
