"""Whether there is something to read from a socket that idles, be it bytes or the end of the connection.

Each kept connection is asked before it carries another request. Nothing is read here and nothing waited for; what TLS
holds back is its own affair. Linux has questions that would cost less among many threads, such as FIONREAD, but that
one stops counting at an urgent byte (tcp(7)), and what follows would pass for the next answer.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from functools import partial
from typing import Any

from urllib3.util.wait import wait_for_read

__all__ = ["probe_of"]

# Linux has poll() everywhere; where it is missing, or replaced by a cooperative scheduler, select() serves.
_poll = getattr(select, "poll", None)


def probe_of(sock: Any) -> Callable[[], object]:
    """A callable that is true when there is something to read from *sock*. Raises OSError or ValueError, as the
    callable may, when the socket is closed.
    """
    if _poll is None:
        return partial(wait_for_read, sock, timeout=0.0)
    poller = _poll()
    poller.register(sock, select.POLLIN)
    return partial(poller.poll, 0)
