"""Circuit breakers: when an origin that fails is given a rest. Values and pure decisions, no clock and no store.

A breaker is closed and lets calls through; after a number of failures in a row it opens and refuses them at once;
after a while it is half-open and lets one call through, the probe, whose outcome closes or opens it again. What is
kept between calls is a tuple of four numbers; None is a closed breaker without failures.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from . import exceptions

if TYPE_CHECKING:
    from .stores import State

__all__ = ["Admission", "Breaker", "Outcome", "ask", "tell"]

#: Seconds after which a breaker that nobody asks is forgotten.
_KEPT = 3600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Refuses calls to an origin that has failed *failures* times in a row, with `CircuitOpen`.

    After *reset* seconds one call goes through as a probe, and the others are still refused: if it succeeds, calls go
    through again; if it fails, *reset* seconds begin anew. A probe of which nothing was heard for *reset* seconds is
    given up, and another takes its place.

    A failure is an error of one of the classes *on*, by default whatever keeps an answer from arriving, or a
    response with one of the *statuses*, by default 500, 502, 503 and 504. Any other response is a success. Other
    errors, such as that of a body that cannot be read, say nothing about the origin and count for nothing.

    Origins (scheme, host and port) do not share a breaker. Raises ValueError or TypeError for what is no such
    setting.
    """

    failures: int = 5
    reset: float = 30.0
    statuses: Collection[int] = field(default=frozenset({500, 502, 503, 504}), kw_only=True)
    on: tuple[type[BaseException], ...] = field(
        default=(exceptions.ConnectionError, exceptions.Timeout), kw_only=True
    )

    def __post_init__(self) -> None:
        if not _is_count(self.failures):
            raise ValueError(f"Breaker: failures={self.failures!r}; give a number of failures, 1 or more")
        if not _is_positive(self.reset):
            raise ValueError(f"Breaker: reset={self.reset!r}; give a number of seconds, more than 0")
        object.__setattr__(self, "statuses", _statuses(self.statuses))
        object.__setattr__(self, "on", _errors(self.on))

    def judge(self, status: int | None = None, error: BaseException | None = None) -> Outcome:
        """What an attempt says about its origin that ended with *status* or *error*."""
        if error is not None:
            return Outcome.FAILURE if isinstance(error, self.on) else Outcome.NEITHER
        return Outcome.FAILURE if status in self.statuses else Outcome.SUCCESS


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _statuses(given: object) -> frozenset[int]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"Breaker: statuses={given!r}; give a set of status codes, such as {{502, 503}}")
    statuses = frozenset(given)
    if not all(isinstance(status, int) and 100 <= status <= 999 for status in statuses):
        raise ValueError(f"Breaker: statuses={given!r}; give status codes, such as {{502, 503}}")
    return statuses


def _errors(given: object) -> tuple[type[BaseException], ...]:
    classes: tuple[object, ...] = given if isinstance(given, tuple) else (given,)
    if not all(isinstance(one, type) and issubclass(one, BaseException) for one in classes):
        raise TypeError(f"Breaker: on={given!r}; give classes of exceptions, such as (ConnectionError,)")
    return cast("tuple[type[BaseException], ...]", classes)


class Outcome(enum.Enum):
    """What an attempt says about its origin."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"


class Admission(NamedTuple):
    """The answer to a call that asks.

    *refused* with the seconds until it is worth asking again, *retry_after*, and those since the breaker opened,
    *since*; or let through, with the *ticket* that tells a probe from other calls.
    """

    refused: bool = False
    ticket: float | None = None
    retry_after: float = 0.0
    since: float = 0.0


class _Mode(enum.IntEnum):
    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class _Circuit(NamedTuple):
    """What is kept: *opened* is when it opened last, *probed* when the probe went out that it waits for, negative
    for none.
    """

    mode: float = _Mode.CLOSED
    failures: float = 0
    opened: float = 0.0
    probed: float = -1.0


_CLOSED = _Circuit()


def _read(state: State | None) -> _Circuit:
    return _CLOSED if state is None else _Circuit(*state)


def ask(breaker: Breaker, state: State | None, now: float) -> tuple[State | None, float, Admission]:
    """May a call go to the origin? A `stores.Change` but for its first argument."""
    circuit = _read(state)
    ttl = breaker.reset + _KEPT
    if circuit.mode == _Mode.CLOSED:
        return state, ttl, Admission()
    waits_for_none = circuit.mode == _Mode.HALF_OPEN and circuit.probed < 0
    began = circuit.opened if circuit.mode == _Mode.OPEN else circuit.probed
    left = 0.0 if waits_for_none else began + breaker.reset - now
    if left > 0:
        since = max(0.0, now - circuit.opened)
        return state, ttl, Admission(True, retry_after=min(left, breaker.reset), since=since)
    return _plain(circuit._replace(mode=_Mode.HALF_OPEN, probed=now)), ttl, Admission(ticket=now)


def tell(
    breaker: Breaker, outcome: Outcome, ticket: float | None, state: State | None, now: float
) -> tuple[State | None, float, None]:
    """Take note of how a call ended that was let through with *ticket*. A `stores.Change` but for the first three."""
    circuit = _read(state)
    after: _Circuit | None = circuit
    if circuit.mode == _Mode.CLOSED:
        after = _after_a_call(breaker, circuit, outcome, now)
    elif circuit.mode == _Mode.HALF_OPEN and ticket == circuit.probed:
        after = _after_the_probe(breaker, circuit, outcome, now)
    # A call that went out before the breaker opened, or a probe that was given up, changes nothing.
    return None if after is None else _plain(after), breaker.reset + _KEPT, None


def _after_a_call(breaker: Breaker, circuit: _Circuit, outcome: Outcome, now: float) -> _Circuit | None:
    if outcome is Outcome.SUCCESS:
        return None
    failures = circuit.failures + (outcome is Outcome.FAILURE)
    if failures >= breaker.failures:
        return _Circuit(_Mode.OPEN, failures, now)
    return circuit._replace(failures=failures) if failures else None


def _after_the_probe(breaker: Breaker, circuit: _Circuit, outcome: Outcome, now: float) -> _Circuit | None:
    if outcome is Outcome.SUCCESS:
        return None
    if outcome is Outcome.FAILURE:
        return _Circuit(_Mode.OPEN, circuit.failures, now)
    # It has told nothing, so the next call is the probe.
    return circuit._replace(probed=-1.0)


def _plain(circuit: _Circuit) -> State:
    return tuple(map(float, circuit))
