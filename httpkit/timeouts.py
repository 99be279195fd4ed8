"""Timeouts: how long a call and each phase of it may take. Values and their reading; the clock is an argument.

The default is finite, because a server that hangs must not hang the program: ten seconds to connect, sixty
between two receives. A `total` has no default. It begins to run with the call: `start()` gives the value that goes
with every hop, attempt, hook and read of it, so that one clock covers them all.

Nothing here waits. Whoever is about to asks `within` how long it may.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from .exceptions import DeadlineExceeded

__all__ = [
    "DEFAULT_TIMEOUT",
    "NO_LIMIT",
    "UNSET",
    "RunningTimeout",
    "Stopwatch",
    "Timeout",
    "Unset",
    "remaining",
]


class _Unset(enum.Enum):
    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


#: Stands for "nothing was said", where None already means "no limit".
UNSET: Final = _Unset.UNSET
Unset = Literal[_Unset.UNSET]


#: Seconds. poll() counts milliseconds in a C int, so sockets refuse longer waits; three weeks are for ever
#: here.
_FOREVER = 2_000_000


@dataclass(frozen=True)
class Timeout:
    """Limits in seconds; None is no limit.

    *connect* bounds making a connection: the look-up of the name, all addresses together, a proxy's tunnel and TLS.
    *read* bounds each wait for the server, to send it bytes or to receive some, and not the whole body. *total* bounds
    the whole call: both of these, waiting for a pooled connection, every attempt and the sleeps between them, every
    redirect and authentication, and reading the body, also under `stream=True` while the program reads it. *pool*
    bounds waiting for a connection where the adapter opens no more of them (`pool_block=True`).

    Raises ValueError for a limit that is zero, negative or not a number.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    total: float | None = None
    pool: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total", "pool"):
            object.__setattr__(self, name, _seconds(name, getattr(self, name)))

    @classmethod
    def of(cls, value: Any) -> Timeout:
        """The timeout that *value* stands for.

        A number of seconds for both phases, a `(connect, read)` pair, a `Timeout`, a `urllib3.Timeout` (whose total
        bounds connecting and each wait, as in urllib3, and not the call), or None for no limit. Raises ValueError for
        anything else.
        """
        if isinstance(value, Timeout):
            return value
        if value is None:
            return NO_LIMIT
        if isinstance(value, (tuple, list)):
            if len(value) != 2:
                raise ValueError(
                    f"timeout={value!r}: a tuple has two items, (connect, read); give one number to use it for both"
                )
            return cls(*value)
        # Asked of the class: urllib3's property raises as long as the clock of its total has not started.
        if hasattr(type(value), "connect_timeout") and hasattr(type(value), "read_timeout"):
            return _from_urllib3(value)
        return cls(value, value)

    def start(self, clock: Callable[[], float] = time.monotonic) -> RunningTimeout:
        """This timeout for a call that begins now. *clock* gives seconds, of which only differences count."""
        now = clock()
        ends = math.inf if self.total is None else now + self.total
        return RunningTimeout(self.connect, self.read, self.total, self.pool, clock, ends, Stopwatch(clock))


class Stopwatch:
    """How long each phase of a call has taken: one at a time, and a phase may come back."""

    __slots__ = ("_clock", "_since", "_spent", "phase")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: dict[str, float] = {}
        self._since = clock()
        #: What is going on; empty before the first phase.
        self.phase = ""

    def enter(self, phase: str) -> None:
        """From now on the time goes to *phase*."""
        if phase != self.phase:
            self._note()
            self.phase = phase

    def fold(self, phase: str) -> None:
        """Count all that was spent until now as spent on *phase*."""
        self._note()
        self._spent = {phase: sum(self._spent.values())}
        self.phase = phase

    def spent(self) -> dict[str, float]:
        """Seconds by phase, in the order of entering them."""
        self._note()
        return dict(self._spent)

    def _note(self) -> None:
        now = self._clock()
        if self.phase:
            self._spent[self.phase] = self._spent.get(self.phase, 0.0) + now - self._since
        self._since = now


@dataclass(frozen=True)
class RunningTimeout(Timeout):
    """A timeout whose call has begun; made by `Timeout.start()`. Its limits stand for one call and all that it does."""

    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    #: When the call has to be over, by *clock*; infinity without a total.
    deadline: float = field(default=math.inf, compare=False)
    watch: Stopwatch = field(default_factory=Stopwatch, repr=False, compare=False)

    def start(self, clock: Callable[[], float] = time.monotonic) -> RunningTimeout:
        """The same: it began with the call."""
        return self

    def remaining(self) -> float:
        """Seconds that are left of the total; zero or less when it is over."""
        return self.deadline - self.clock()

    def within(self, limit: float | None = None) -> float | None:
        """How long the next wait may take: *limit* seconds, or what remains where that is less.

        None is for ever. Raises DeadlineExceeded when nothing remains.
        """
        left = self.deadline - self.clock()
        if left <= 0:
            raise self.exceeded()
        if left == math.inf:
            return limit
        return left if limit is None or left < limit else limit

    def enter(self, phase: str) -> None:
        """From now on the time is spent on *phase*: one of pool, lookup, connect, proxy, tls, send, head, body,
        sleep, redirects.
        """
        self.watch.enter(phase)

    def exceeded(self) -> DeadlineExceeded:
        """The error for a call that is not over by its deadline."""
        spent = self.watch.spent()
        return DeadlineExceeded.of(self.total or 0.0, self.watch.phase, spent)


def remaining(timeout: object) -> float | None:
    """Seconds that are left of the total of *timeout*, which may be anything that `Timeout.of` takes; None where no
    total is set. Of one whose call has not begun all is left.
    """
    if isinstance(timeout, RunningTimeout):
        return None if timeout.total is None else timeout.remaining()
    return timeout.total if isinstance(timeout, Timeout) else None


def _seconds(name: str, limit: Any) -> float | None:
    """*limit* in a form that sockets take."""
    if limit is None or (type(limit) in (int, float) and 0 < limit < _FOREVER):
        return cast("float | None", limit)
    try:
        # Decimal, Fraction and numpy numbers are welcome; True is a slip of the pen, and text a setting not
        # yet read.
        seconds = float("nan" if isinstance(limit, (bool, str, bytes)) else limit)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds):
        raise ValueError(
            f"timeout: {name} is {repr(limit)[:80]}; give seconds as a number, a (connect, read) pair, or None"
        )
    if seconds <= 0:
        raise ValueError(
            f"timeout: {name} is {limit!r}; it must be more than 0 seconds, or None for no limit"
        )
    return seconds if seconds < _FOREVER else None


def _from_urllib3(value: Any) -> Timeout:
    """urllib3 has three answers: a number, None for no limit, and a sentinel for the socket module's own
    default.
    """

    def seconds(limit: object) -> float | None:
        return float(limit) if isinstance(limit, (int, float)) else None

    total = seconds(value.total)
    limits = [seconds(value._connect), seconds(value._read)]
    connect, read = (
        total if limit is None else limit if total is None else min(limit, total) for limit in limits
    )
    return Timeout(connect, read)


NO_LIMIT = Timeout(None, None)
DEFAULT_TIMEOUT = Timeout()
