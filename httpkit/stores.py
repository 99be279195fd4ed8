"""Where policies keep what they count: budgets of retries, breakers, limits of calls.

A store maps texts to short tuples of numbers and changes them one at a time, so that threads, and processes
that share a store, never decide on the same state at once. What the numbers mean is known to the policies
alone; time is the store's, so that all who share it read one clock.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

__all__ = ["Change", "Fallback", "MemoryStore", "State", "Store", "dependable"]

T = TypeVar("T")

#: What is kept under one key. JSON can hold it.
State = tuple[float, ...]
#: Given the state under a key, None where there is none, and the time in seconds: the state to be kept instead,
#: or None for none; how many seconds it is worth keeping; and an answer for whoever asked.
Change = Callable[["State | None", float], "tuple[State | None, float, T]"]

_log = logging.getLogger("httpkit")

#: How long a store that has failed is left alone, in seconds, so that a dead one does not cost each call a timeout.
_PAUSE = 5.0


class Store(Protocol):
    """What `Session(store=...)` takes: one method, which may be called from several threads."""

    def update(self, key: str, change: Change[T]) -> T:
        """Replace the state under *key* by what *change* makes of it, in one step, and give *change*'s answer.

        *key* is printable ASCII in the usual case, and may hold a URL's host or what a caller's own function gave.
        `change(state, now)` gives `(state, ttl, answer)`: see `Change`. It has no effects, so it may be called again
        when another process was faster. *now* is in seconds by a clock that all users of the store share. After *ttl*
        seconds the state may be forgotten, and before that whenever there is no more room.

        Any exception means that the store cannot be asked at present.
        """
        ...


class _Kept(NamedTuple):
    state: State
    until: float


class MemoryStore:
    """A store in the memory of this process, which its threads share.

    It holds *size* states; beyond that it forgets the one that was not asked for the longest. *clock* gives
    seconds. A pickle keeps the size and no state, since clocks of two processes differ. Raises ValueError for
    a *size* that is not positive.
    """

    def __init__(self, size: int = 10_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not _is_count(size):
            raise ValueError(f"size={size!r}: give the number of states to be kept, 1 or more")
        self.size = size
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<MemoryStore: {len(self)} of {self.size}>"

    def update(self, key: str, change: Change[T]) -> T:
        """See `Store.update`."""
        if self._process != os.getpid():
            # The lock was perhaps held when this process was forked, and nobody here would release it.
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            now = self._clock()
            kept = self._kept.get(key)
            state, ttl, answer = change(None if kept is None or kept.until <= now else kept.state, now)
            if state is not None:
                self._kept[key] = _Kept(state, now + ttl)
                self._kept.move_to_end(key)
                self._make_room(now)
            elif kept is not None:
                del self._kept[key]
        return answer

    def _make_room(self, now: float) -> None:
        """Forget what is over, from the one that was asked for the longest ago on, and what is too many."""
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) <= self.size and self._kept[oldest].until > now:
                return
            del self._kept[oldest]

    def __getstate__(self) -> dict[str, Any]:
        return {"size": self.size, "_clock": self._clock}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class Fallback:
    """Asks *store*, and while that fails a store in memory: no call fails because the keeper of its limits does.

    Until *store* works again each process counts for itself. A failure is logged once as a warning, the return as
    information; in between *store* is asked every five seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._memory = MemoryStore(clock=clock)
        self._failing_until: float | None = None
        # What may be said next: one word, which is in one of two lists, so that of many threads one says it.
        self._may_fail, self._may_return = ["failed"], list[str]()

    def update(self, key: str, change: Change[T]) -> T:
        """See `Store.update`. Raises nothing that *store* raises."""
        failing_until = self._failing_until
        if failing_until is None or self._clock() >= failing_until:
            try:
                answer = self._store.update(key, change)
            except Exception as error:  # noqa: BLE001  # whatever a store of others raises
                self._failed(error)
            else:
                self._works()
                return answer
        return self._memory.update(key, change)

    def _failed(self, error: Exception) -> None:
        self._failing_until = self._clock() + _PAUSE
        if _moved(self._may_fail, self._may_return):
            _log.warning(
                "%s, the store of a session, failed with %s; until it works again, this process counts for itself",
                type(self._store).__name__,
                type(error).__name__,
            )

    def _works(self) -> None:
        if self._failing_until is not None:
            self._failing_until = None
            if _moved(self._may_return, self._may_fail):
                _log.info("%s, the store of a session, works again", type(self._store).__name__)


def _moved(source: list[str], target: list[str]) -> bool:
    """Whether there was anything in *source* to be moved to *target*."""
    try:
        target.append(source.pop())
    except IndexError:
        return False
    return True


def dependable(given: Store | None) -> Store:
    """A store that never raises: *given* with one in memory to fall back to, or one in memory alone."""
    if given is None:
        return MemoryStore()
    return given if isinstance(given, (MemoryStore, Fallback)) else Fallback(given)
