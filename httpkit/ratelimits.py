"""Limits of calls in a span of time, and when the next call may go. Values and pure decisions, no clock, no store.

The log of a sliding window, which calls that have to wait write themselves into beforehand: the turn of the n-th
call is

    t(n) = max(now, t(n - 1), t(n - calls) + per, until)

where *until* is the time before which the server wants no call. When it asks for silence, all turns that are still to
come are put off by as long as the silence lasts. So no window of *per* seconds ever holds more than *calls* turns,
nobody is overtaken, and without a silence no call waits longer than it must.

A log of more than 256 calls is kept in groups, of which only the last turn is known; then a group counts as if all of
its calls were the last, so that the limit holds and calls wait a little longer at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union

if TYPE_CHECKING:
    from .stores import State

__all__ = ["RateLimit", "Turn", "hold", "take_turn"]

#: What calls are counted by; the function gets a `models.PreparedRequest`.
Key = Union[Literal["origin", "host"], Callable[[Any], str]]

#: How many numbers are kept of one log at most, but for two.
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most *calls* calls within *per* seconds; further ones wait for their turn.

    Calls are counted by *key*: by `"origin"` (scheme, host and port), by `"host"`, or by the text that a function of
    the prepared request gives. Every attempt counts, those of retries, redirects and auth as well. `RateLimit(10,
    per=1)` lets ten calls go at once, and then each as soon as the tenth before it is a second old;
    `RateLimit(1, per=0.1)` lets one go each tenth of a second.

    A call waits no longer than its timeout's `total` has time left, and than *max_wait* seconds, by default without
    limit: if its turn is later than that, it fails at once with `RateLimitExceeded`, and takes nobody's turn.

    With *hints* what the server says is respected (`_message.quotas`): after `Retry-After` with status 429 or 503,
    or a `RateLimit` that says that nothing remains, no call goes before the time is over, *max_hint* seconds at most.

    Calls are counted when they are sent. The way to the server is not the same for all, so it may see a few more in
    a span than it would like: give a little less than it allows.

    Raises ValueError or TypeError for what is no such setting.
    """

    calls: int
    per: float
    key: Key = "origin"
    max_wait: float | None = field(default=None, kw_only=True)
    hints: bool = field(default=True, kw_only=True)
    max_hint: float = field(default=3600.0, kw_only=True)

    def __post_init__(self) -> None:
        if not _is_count(self.calls):
            raise ValueError(f"RateLimit: calls={self.calls!r}; give a number of calls, 1 or more")
        if not _is_seconds(self.per) or self.per == 0:
            raise ValueError(f"RateLimit: per={self.per!r}; give a number of seconds, more than 0")
        if self.key not in ("origin", "host") and not callable(self.key):
            raise TypeError(
                f"RateLimit: key={self.key!r}; give 'origin', 'host' or a function from a prepared request to text"
            )
        if self.max_wait is not None and not _is_seconds(self.max_wait):
            raise ValueError(f"RateLimit: max_wait={self.max_wait!r}; give seconds, or None for no limit")
        if not _is_seconds(self.max_hint):
            raise ValueError(f"RateLimit: max_hint={self.max_hint!r}; give a number of seconds")

    def patience(self, remaining: float | None, waited: float = 0.0) -> float:
        """How many more seconds a call may wait that has *remaining* seconds left, None for any number of them, and has
        *waited* for so many.
        """
        own = None if self.max_wait is None else self.max_wait - waited
        limits = (limit for limit in (remaining, own) if limit is not None)
        return max(0.0, min(limits, default=math.inf))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


class Turn(NamedTuple):
    """When a call may go: *wait* seconds from now, at the time *at*. *granted* is False when that is too long.

    *delay* is how long turns had been put off altogether when this one was given.
    """

    granted: bool
    wait: float
    at: float
    delay: float = 0.0


class _Log(NamedTuple):
    """What is kept: no call goes before *until*; turns were put off by *delay* seconds altogether; *taken* calls are in
    the last group; when the last call of each group goes.
    """

    until: float = 0.0
    delay: float = 0.0
    taken: float = 0
    turns: tuple[float, ...] = ()


def _read(state: State | None) -> _Log:
    return _Log() if state is None else _Log(state[0], state[1], state[2], state[3:])


def _write(limit: RateLimit, log: _Log, now: float) -> tuple[State, float]:
    """*log* as it is kept, and after how many seconds it says no more than an empty one."""
    over = max(log.until, log.turns[-1] + limit.per if log.turns else now)
    return (log.until, log.delay, log.taken, *log.turns), max(over - now, 0.0)


def take_turn(
    limit: RateLimit, patience: float, held: Turn | None, state: State | None, now: float
) -> tuple[State | None, float, Turn]:
    """The next turn, unless it is more than *patience* seconds away. A `stores.Change` but for the first three.

    *held* is the turn that the call has waited for: it goes, or waits for as long as that was put off meanwhile.
    """
    log = _read(state)
    turn = None if held is None else _held(log, held, now)
    if turn is not None:
        granted = turn.wait <= patience
        return *_write(limit, log, now), turn._replace(granted=granted)
    group = -(-limit.calls // _LONGEST)
    groups = limit.calls // group
    joins = 0 < log.taken < group
    earlier = log.turns[:-1] if joins else log.turns
    window_ends = earlier[-groups] + limit.per if len(earlier) >= groups else now
    at = max(now, *log.turns[-1:], window_ends, log.until)
    granted = at - now <= patience
    if granted:
        log = log._replace(taken=log.taken + 1 if joins else 1, turns=(*earlier[-groups:], at))
    return *_write(limit, log, now), Turn(granted, at - now, at, log.delay)


def _held(log: _Log, held: Turn, now: float) -> Turn | None:
    """What has become of a turn that is *held*; None when it was due before a silence began, and was missed."""
    put_off = log.delay - held.delay
    if put_off <= 0:
        return held._replace(wait=0.0)
    at = held.at + put_off
    wait = min(max(at - now, 0.0), put_off)
    return Turn(True, wait, at, log.delay) if at >= log.until else None


def hold(
    limit: RateLimit, seconds: float, state: State | None, now: float
) -> tuple[State | None, float, None]:
    """Let no call go for *seconds*. A `stores.Change` but for the first two arguments."""
    log = _read(state)
    until = now + min(seconds, limit.max_hint)
    began = max(log.until, now)
    if until > began:
        # Of what is known, the first turn that is to come may not be the first there is: all move by the same.
        put_off = until - began
        turns = tuple(turn + put_off if turn >= now else turn for turn in log.turns)
        log = log._replace(until=until, delay=log.delay + put_off, turns=turns)
    return *_write(limit, log, now), None
