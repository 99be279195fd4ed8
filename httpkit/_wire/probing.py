"""Whether there is something to read from a socket that idles, be it bytes or the end of the connection.

Each kept connection is asked before it carries another request. Nothing is read here and nothing waited for; what TLS
holds back is its own affair.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from urllib3.util.wait import wait_for_read

__all__ = ["PLAIN_SOCKET", "probe_of"]

#: The standard library's own class, where a descriptor is all there is to a socket; None where it is another's.
PLAIN_SOCKET = socket.socket if os.name == "posix" and socket.socket.__module__ == "socket" else None

# Linux has poll() everywhere; where it is missing, or replaced by a cooperative scheduler, select() serves.
_poll = getattr(select, "poll", None)
#: The state of a TCP connection that neither side has ended (linux/tcp.h).
_ESTABLISHED = b"\x01"


def probe_of(sock: Any) -> Callable[[], object]:
    """A callable that is true when there is something to read from *sock*. Raises OSError or ValueError, as the
    callable does, when the socket is closed.
    """
    if _poll is None:
        return partial(wait_for_read, sock, timeout=0.0)
    if type(sock) is PLAIN_SOCKET and sys.platform == "linux" and sock.type == socket.SOCK_STREAM:
        with suppress(OSError):
            return _tcp_probe(sock)
    poller = _poll()
    poller.register(sock, select.POLLIN)
    return partial(poller.poll, 0)


if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD

    def _tcp_probe(sock: socket.socket) -> Callable[[], object]:
        """The same by two questions that Linux answers for TCP (tcp(7)): how many bytes wait, and whether the
        connection stands. Raises OSError for another socket.

        poll() would do with one, but lets other threads take over the interpreter meanwhile; among many of them that
        costs a tenth of a call. `ioctl` keeps it as long as the buffer for the answer has more than a kilobyte.
        """
        descriptor, option, waiting = sock.fileno, sock.getsockopt, array("i", bytes(2048))

        def has_input() -> bool:
            ioctl(descriptor(), FIONREAD, waiting)
            return waiting[0] != 0 or option(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != _ESTABLISHED

        has_input()
        return has_input
