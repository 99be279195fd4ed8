"""Whether there is something to read from a socket that idles, be it bytes or the end of the connection.

Each kept connection is asked before it carries another request. Nothing is read here and nothing waited for; what TLS
holds back is its own affair. poll() knows, but Python lets other threads run meanwhile, and among many it is a while
until this one runs again. So where Linux counts what has arrived (tcp(7), TCP_INFO) and all of that was read, poll() is
not called. The count has everything in it, an urgent byte too, behind which FIONREAD would see nothing.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from urllib3.util.wait import wait_for_read

__all__ = ["Probe"]

# Linux has poll() everywhere; where it is missing, or replaced by a cooperative scheduler, select() serves.
_poll = getattr(select, "poll", None)
#: The state of the connection, and the bytes that have arrived: tcpi_state and tcpi_bytes_received of <linux/tcp.h>.
_INFO = struct.Struct("=B127xQ")
_read_info = _INFO.unpack
_ESTABLISHED = 1
_UNKNOWN = -1
# MPTCP answers by one of several streams, and a Unix socket not at all.
_COUNTS_BYTES = sys.platform == "linux"


class Probe:
    """Asks *sock*. Raises OSError or ValueError when it is closed, here and in `has_input`.

    Who has read from the socket adds to `received` before anybody asks again. Bytes that nobody adds cost calls of
    poll() and nothing else; any that were added late would hide as many others.
    """

    __slots__ = ("_ahead", "_counts", "_info", "_is_readable", "_last", "received", "sock")

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.received = 0
        #: How many more bytes the system has counted than were added here when nothing is there to read, once that
        #: has proved true; and what it was when poll() was asked last, with the bytes added by then.
        self._ahead = _UNKNOWN
        self._last = (_UNKNOWN, 0)
        self._counts = _COUNTS_BYTES and type(sock) is socket.socket and _is_counted(sock)
        if self._counts:
            asked = (socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
            self._info = cast("Callable[[], bytes]", partial(sock.getsockopt, *asked))
        if _poll is None:
            self._is_readable = partial(wait_for_read, sock, timeout=0.0)
        else:
            poller = _poll()
            poller.register(sock, select.POLLIN)
            self._is_readable = partial(poller.poll, 0)

    def has_input(self) -> bool:
        if not self._counts:
            return bool(self._is_readable())
        state, count = _read_info(self._info())
        ahead = count - self.received
        if ahead == self._ahead and state == _ESTABLISHED:
            return False
        if self._is_readable():
            return True
        # Up to `count` all was read. It is a count if it has grown by what was read since.
        before, received = self._last
        self._last = ahead, self.received
        self._ahead = ahead if ahead == before and self.received > received else _UNKNOWN
        return False


def _is_counted(sock: socket.socket) -> bool:
    """True when the system counts the bytes that arrive at *sock*."""
    try:
        protocol = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        if protocol != socket.IPPROTO_TCP:
            return False
        return len(sock.getsockopt(protocol, socket.TCP_INFO, _INFO.size)) == _INFO.size
    except (OSError, AttributeError):
        # A sandbox that forbids the question, or a Python that was built without it.
        return False
