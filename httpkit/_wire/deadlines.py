"""Waiting no longer than a call may, where a socket's own timeout does not see to it.

That timeout bounds one receive, so a peer that sends a byte now and then outlasts it for ever; and there are calls that
know no timeout at all, such as the look-up of a name. Here are the limits of a connection that is being made
(`Opening`) and of an exchange on it (`Waits`), a socket that asks one of them before each wait (`Timed`), and a way to
turn one's back on what cannot be interrupted (`in_time`). A call without a total has none of this, but for `Opening`.
"""

from __future__ import annotations

import io
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar, cast

from ..timeouts import RunningTimeout, Stopwatch

__all__ = ["Limits", "Opening", "TimedSocket", "Waits", "bare", "errands", "in_time", "late", "limits_of"]

T = TypeVar("T")

#: A wait that ended so many seconds before a limit was ended by it: clocks of sockets count milliseconds.
_GRAIN = 0.002
#: Look-ups and the like that nobody waits for any more, at the most. Each is a thread.
_MOST_ABANDONED = 64


class Limits(Protocol):
    """What bounds each wait of a socket."""

    def within(self) -> float | None:
        """Seconds that the next wait may take, None for ever. Raises when there is no time left."""
        ...

    def late(self, error: OSError) -> OSError:
        """The error to raise for a wait that has ended with *error*, a TimeoutError."""
        ...


class Waits:
    """The limits of one exchange: *read* for each wait, and what remains of the call."""

    __slots__ = ("pool", "read", "running")

    def __init__(self, running: RunningTimeout) -> None:
        self.running = running
        self.read = running.read
        self.pool = running.pool

    def within(self) -> float | None:
        return self.running.within(self.read)

    def late(self, error: OSError) -> OSError:
        return late(self.running, error)


def late(running: RunningTimeout, error: OSError) -> OSError:
    """*error*, or DeadlineExceeded where it came because the call was over."""
    if running.remaining() >= _GRAIN:
        return error
    exceeded = running.exceeded()
    exceeded.__cause__ = error
    return exceeded


class Opening:
    """The limits of a connection that is being made: *limit* seconds for all of it, and what remains of the call."""

    __slots__ = ("_ends", "limit", "running", "watch")

    def __init__(self, limit: object, running: RunningTimeout | None) -> None:
        # urllib3 has a sentinel for "nobody said anything".
        self.limit = limit if isinstance(limit, (int, float)) else None
        self.running = running
        self.watch = Stopwatch() if running is None else running.watch
        self._ends = math.inf if self.limit is None else time.monotonic() + self.limit

    def within(self) -> float | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            if self.running is not None:
                self.running.within()
            raise TimeoutError("timed out")
        wait = None if left == math.inf else left
        return wait if self.running is None else self.running.within(wait)

    def late(self, error: OSError) -> OSError:
        return error if self.running is None else late(self.running, error)


class TimedSocket:
    """*sock* as far as exchanges use one, each wait of it bounded by *limits*.

    *limits* may be a callable that gives the limits of the moment, or None for those that the socket has.
    """

    def __init__(self, sock: Any, limits: Limits | Callable[[], Limits | None]) -> None:
        self.plain = sock
        self._limits = limits

    def recv(self, size: int) -> bytes:
        return cast(bytes, self._timed(self.plain.recv, size))

    def recv_into(self, buffer: Any, *sizes: int) -> int:
        return cast(int, self._timed(self.plain.recv_into, buffer, *sizes))

    def send(self, data: Any) -> int:
        return cast(int, self._timed(self.plain.send, data))

    def sendall(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view) :]

    def _timed(self, deed: Callable[..., T], *arguments: Any) -> T:
        limits = self._limits() if callable(self._limits) else self._limits
        if limits is None:
            return deed(*arguments)
        self.plain.settimeout(limits.within())
        try:
            return deed(*arguments)
        except TimeoutError as error:
            known = limits.late(error)
            if known is error:
                raise
            raise known from error

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """The socket as a file to read."""
        # The file keeps the socket open when it is closed, as the socket's own would.
        return io.BufferedReader(_Incoming(self, self.plain.makefile("rb", 0)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class _Incoming(io.RawIOBase):
    def __init__(self, sock: TimedSocket, kept: Any) -> None:
        self._sock = sock
        self._kept = kept

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)

    def fileno(self) -> int:
        return cast(int, self._sock.fileno())

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._kept.close()


def bare(sock: Any) -> Any:
    """The system's socket under *sock*, which may be layers of TLS and of the above."""
    for _ in range(8):
        inner = (
            sock.__dict__.get("plain") or sock.__dict__.get("socket") if hasattr(sock, "__dict__") else None
        )
        if inner is None:
            break
        sock = inner
    return sock


# --- what cannot be interrupted


class _Errand(Generic[T]):
    """One call in a thread of its own, and who waits for its outcome."""

    def __init__(self, deed: Callable[[], T], discard: Callable[[T], object] | None) -> None:
        self._deed = deed
        self._discard = discard
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._waiting = 0
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    @property
    def is_awaited(self) -> bool:
        return self._waiting > 0

    def join(self) -> None:
        with self._lock:
            self._waiting += 1

    def run(self) -> None:
        try:
            self._value = self._deed()
        except BaseException as error:  # noqa: BLE001  # raised where the outcome is waited for
            self._error = error
        with self._lock:
            self._done.set()
            unwanted = not self._waiting
        if unwanted and self._error is None and self._discard is not None:
            self._discard(cast(T, self._value))

    def outcome(self, limit: float) -> tuple[T | None, BaseException | None]:
        """What the call gave, or what it raised. Raises TimeoutError after *limit* seconds."""
        self._done.wait(limit)
        with self._lock:
            done = self._done.is_set()
            self._waiting -= 1
        if not done:
            raise TimeoutError("timed out")
        return self._value, self._error


class _Errands:
    """Those that run. Who asks for what is being asked already waits for the same answer, so that a resolver that hangs
    costs one thread for each name and not one for each call.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """After a fork: the threads are the parent's."""
        self._lock = threading.Lock()
        self._running: dict[Hashable, _Errand[Any]] = {}

    def abandoned(self) -> int:
        """How many run that nobody waits for."""
        return sum(not errand.is_awaited for errand in list(self._running.values()))

    def begin(
        self, key: Hashable, deed: Callable[[], T], discard: Callable[[T], object] | None
    ) -> _Errand[T] | None:
        """The errand for *key*, begun now or running already; None when there are too many."""
        with self._lock:
            errand = self._running.get(key)
            if errand is not None and not errand.is_done:
                errand.join()
                return errand
            if len(self._running) >= _MOST_ABANDONED <= self.abandoned():
                return None
            errand = _Errand(deed, discard)
            errand.join()
            self._running[key] = errand
        running = errand

        def run() -> None:
            try:
                running.run()
            finally:
                with self._lock:
                    if self._running.get(key) is running:
                        del self._running[key]

        try:
            threading.Thread(target=run, name="httpkit-wait", daemon=True).start()
        except RuntimeError:
            # No thread can be had, as when the interpreter ends.
            run()
        return errand


errands = _Errands()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=errands.forget)


def in_time(
    deed: Callable[[], T],
    limit: float,
    *,
    key: Hashable = None,
    discard: Callable[[T], object] | None = None,
) -> T:
    """What *deed* gives, or raises, if it does so within *limit* seconds; otherwise TimeoutError.

    It runs in a thread of its own, which is left alone when the time is up. Calls with the same *key* at the same time
    share one run. *discard* gets an outcome that came too late.
    """
    errand = errands.begin(object() if key is None else key, deed, discard)
    if errand is None:
        raise TimeoutError(f"{errands.abandoned()} earlier lookups still hang; not one more is begun")
    value, error = errand.outcome(limit)
    if error is None:
        return cast(T, value)
    try:
        raise error
    finally:
        # An error that is raised has our frame in its traceback.
        del error, errand


def limits_of(connection: Any) -> Callable[[], Limits | None]:
    """The limits that hold for *connection* when they are asked for; it may be gone by then."""
    reference = weakref.ref(connection)

    def current() -> Limits | None:
        found = reference()
        return None if found is None else found.limits_now()

    return current
