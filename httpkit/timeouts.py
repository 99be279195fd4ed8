"""Timeouts: how long each phase of an exchange may take. A value and its reading, no clock.

The default is finite, because a server that hangs must not hang the program: ten seconds to connect, sixty
between two receives.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

__all__ = ["DEFAULT_TIMEOUT", "NO_LIMIT", "UNSET", "Timeout", "Unset"]


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

    *connect* bounds making the connection to one address, TLS included. *read* bounds each wait for bytes
    from the server, not the whole body. Raises ValueError for a limit that is zero, negative or not a
    number.
    """

    connect: float | None = 10.0
    read: float | None = 60.0

    def __post_init__(self) -> None:
        for name in ("connect", "read"):
            object.__setattr__(self, name, _seconds(name, getattr(self, name)))

    @classmethod
    def of(cls, value: Any) -> Timeout:
        """The timeout that *value* stands for.

        A number of seconds for both phases, a `(connect, read)` pair, a `Timeout`, a `urllib3.Timeout`, or
        None for no limit. Raises ValueError for anything else.
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
            f"timeout: {name} is {limit!r}; give seconds as a number, a (connect, read) pair, or None"
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
