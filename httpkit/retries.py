"""When a request is sent again, after how long, and how often at most: values and decisions, without I/O.

`Retry` is the policy, `decide` applies it to one outcome, `Budget` bounds what all retries of a session may add to the
load of an origin. Nobody sends or sleeps here: the loop is `_pipeline`'s, the sleep the session's. Time, randomness and
the time that is left come in as arguments.

A request is sent again only where that cannot do the work twice (RFC 9110 §9.2.2): its method is idempotent, or it
carries an Idempotency-Key, or nothing of it has left.
"""

from __future__ import annotations

import random as _random
import re
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, Union

from ._message import typed
from .exceptions import (
    ChunkedEncodingError,
    CircuitOpen,
    ConnectionError,
    ConnectTimeout,
    MalformedResponse,
    ProxyError,
    RateLimitExceeded,
    ReadTimeout,
    RequestException,
    RetryError,
    SSLError,
)
from .stores import MemoryStore

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .stores import State, Store

__all__ = [
    "IDEMPOTENT_METHODS",
    "RETRIED_ERRORS",
    "RETRIED_STATUSES",
    "Attempt",
    "Budget",
    "Decision",
    "Retry",
    "Tokens",
    "Tried",
    "decide",
]

#: Methods that have the effect of one request however often they are sent (RFC 9110 §9.2.2).
IDEMPOTENT_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"))
#: Statuses that may be others next time: Request Timeout, Too Early, Too Many Requests, and what servers and gateways
#: answer when they, or who is behind them, cannot serve now.
RETRIED_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504))
#: Connections that could not be made or broke, answers that did not come in time, bodies that ended early.
RETRIED_ERRORS: tuple[type[RequestException], ...] = (ConnectionError, ReadTimeout, ChunkedEncodingError)

#: Of these a second attempt gives the same: what answers does not speak HTTP, or does not prove who it is, or policies
#: of ours have decided that nothing is sent now.
_SETTLED = (MalformedResponse, SSLError, CircuitOpen, RateLimitExceeded)
#: What urllib3 raises before anything of a request can have left.
_CONNECTING = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")
_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")
#: Errors that wrap each other are followed this far.
_DEPTH = 20


class Answer(Protocol):
    """What a decision asks of a response."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


Outcome = Union[Answer, RequestException]


# --- reading what is given


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_number(name: str, value: object, least: float, wanted: str) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value < float("inf"):
        raise ValueError(f"{name} is {value!r}: give {wanted}")


def _methods(given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, (str, bytes)) or not all(isinstance(one, str) for one in given):
        raise TypeError(f"Retry(methods={given!r}): give names in a set or list, or None for every method")
    return frozenset(one.upper() for one in given)


def _statuses(given: Any) -> frozenset[int]:
    if isinstance(given, (str, bytes, int)) or not all(isinstance(one, int) for one in given):
        raise TypeError(f"Retry(statuses={given!r}): give numbers in a set, list or range")
    return frozenset(given)


def _sorted(value: object) -> object:
    """Sets in an order that does not change from run to run."""
    return sorted(value) if isinstance(value, frozenset) else value


def _errors(given: Any) -> tuple[type[RequestException], ...]:
    kinds = tuple(given) if isinstance(given, (tuple, list, set, frozenset)) else (given,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, RequestException)):
            raise TypeError(f"Retry(on=): {kind!r} is no subclass of httpkit.RequestException")
    return kinds


# --- the values


@dataclass(frozen=True, slots=True)
class Budget:
    """How much retries may add to the load of one origin: a bucket of tokens, so that many clients together do not
    storm a server that is failing.

    Each origin of a session has a bucket. It begins with *reserve* tokens and never holds more; each call whose policy
    has this budget adds *ratio* tokens, each retry takes one, and where less than one is left there is no retry. So of
    any N calls at most `reserve + ratio * N` retries come: with the default a fifth of the load, besides the first ten.

    Raises ValueError for a ratio that is negative, and for a reserve below 1, of which no retry could ever be paid.
    """

    ratio: float = 0.2
    reserve: float = 10.0

    def __post_init__(self) -> None:
        _check_number("Budget(ratio=)", self.ratio, 0, "a number such as 0.2, the share that retries may add")
        _check_number("Budget(reserve=)", self.reserve, 1, "how many retries are free, at least 1")


class Tokens:
    """What is left of budgets, by budget and origin, in *store*; in a store of its own without one.

    The key of a bucket is any value that its text tells from others. A bucket that is full, or that was not used for an
    hour, is forgotten, and begins full again.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store: Store = MemoryStore() if store is None else store

    def earn(self, budget: Budget, key: object) -> None:
        """Put in what one call earns."""
        self._store.update(_bucket(budget, key), partial(_earn, budget))

    def try_spend(self, budget: Budget, key: object) -> bool:
        """Take a token for one retry; False when there is none."""
        return self._store.update(_bucket(budget, key), partial(_spend, budget))

    def left(self, budget: Budget, key: object) -> float:
        """How many tokens are there."""
        return self._store.update(_bucket(budget, key), partial(_look, budget))


#: Seconds after which a bucket that nobody uses is forgotten.
_KEPT = 3600.0


def _bucket(budget: Budget, key: object) -> str:
    return f"budget:{float(budget.ratio)}/{float(budget.reserve)}:{key}"


def _earn(budget: Budget, state: State | None, now: float) -> tuple[State | None, float, None]:
    left = budget.reserve if state is None else min(budget.reserve, state[0] + budget.ratio)
    return (left,) if left < budget.reserve else None, _KEPT, None


def _spend(budget: Budget, state: State | None, now: float) -> tuple[State | None, float, bool]:
    left = budget.reserve if state is None else state[0]
    return ((left - 1,), _KEPT, True) if left >= 1 else (state, _KEPT, False)


def _look(budget: Budget, state: State | None, now: float) -> tuple[State | None, float, float]:
    return state, _KEPT, budget.reserve if state is None else state[0]


@dataclass(frozen=True, slots=True)
class Retry:
    """When a call is tried again. Give it to a session, to `HTTPAdapter(max_retries=)` for a mount, or to a call.

    *attempts* counts all tries together, the first one included: `Retry(attempts=3)` sends a request three times at
    most. A plain number in place of a policy is that of attempts.

    A response is tried again when its status is one of *statuses*, an error when it is one of *on* (what was never
    worth it, such as a certificate that does not verify, is not, unless *on* names that very class); both only where
    the method is one of *methods* (None allows all), the request carries an Idempotency-Key, or nothing of it has left
    because no connection was made. *predicate* has the say before these: it is called with the response or the error
    (both have `.request`) and answers True for another try whatever the method, False for none, None to leave it to the
    rules. It may read the body of a response, unless the call streams.

    The wait before try n + 1, in seconds, is `random() * min(backoff_max, backoff * 2 ** (n - 1))`: exponential backoff
    with full jitter, where random() is evenly distributed from 0 to 1; with `jitter=False` it is 1. With a *seed* the
    waits of each call are the same every time. A Retry-After field (RFC 9110 §10.2.3) of the response, in seconds or as
    a date, makes the wait longer where it asks for more: up to *retry_after_max* seconds, and not at all with
    `respect_retry_after=False`. What would end after the deadline of the call (`Timeout(total=)`) is not waited for:
    the response comes back, or the error is raised, at once.

    When there are no more tries, or the `Budget` of the origin allows none, the last response comes back like any
    other; with `raise_on_status=True` it is a `RetryError` that carries it. An error is raised as it is. Both have
    `attempts`. `budget=None` sets no limit.

    Raises ValueError or TypeError for a value that means nothing.
    """

    attempts: int = 3
    _: KW_ONLY
    methods: Collection[str] | None = IDEMPOTENT_METHODS
    statuses: Collection[int] = RETRIED_STATUSES
    on: tuple[type[RequestException], ...] = RETRIED_ERRORS
    backoff: float = 0.5
    backoff_max: float = 30.0
    jitter: bool = True
    respect_retry_after: bool = True
    retry_after_max: float = 60.0
    raise_on_status: bool = False
    predicate: Callable[[Any], bool | None] | None = field(default=None, compare=False)
    budget: Budget | None = Budget()
    seed: int | None = None

    def __post_init__(self) -> None:
        if not _is_count(self.attempts):
            raise ValueError(
                f"Retry(attempts={self.attempts!r}): give the number of tries, the first one included, 1 or more"
            )
        for name in ("backoff", "backoff_max", "retry_after_max"):
            _check_number(f"Retry({name}=)", getattr(self, name), 0, "seconds, 0 or more")
        object.__setattr__(self, "methods", _methods(self.methods))
        object.__setattr__(self, "statuses", _statuses(self.statuses))
        object.__setattr__(self, "on", _errors(self.on))
        if self.predicate is not None and not callable(self.predicate):
            raise TypeError(
                f"Retry(predicate={self.predicate!r}): give a callable that takes a response or an error"
            )
        if self.budget is not None and not isinstance(self.budget, Budget):
            raise TypeError(f"Retry(budget={self.budget!r}): give a Budget, or None for no limit")

    def __repr__(self) -> str:
        """The attempts, and what is not as by default."""
        known = ((one.name, getattr(self, one.name), one.default) for one in fields(self))
        told = [f"{name}={_sorted(value)!r}" for name, value, default in known if value != default]
        return f"Retry({', '.join(told if self.attempts != 3 else ['attempts=3', *told])})"

    @classmethod
    def of(cls, value: Any) -> Retry | None:
        """The policy that *value* stands for; None when it stands for no retries.

        A `Retry`, a number of attempts (the first one included, so that 1 and 0 mean no retries), None or False. Raises
        ValueError for a negative number and TypeError for anything else.
        """
        if isinstance(value, Retry):
            return value if value.attempts > 1 else None
        if value is None or value is False:
            return None
        if isinstance(value, int) and value is not True:
            return _counted(value)
        hint = ""
        if hasattr(value, "increment"):
            hint = (
                " A urllib3 Retry belongs to an adapter: session.mount(prefix, HTTPAdapter(max_retries=...))"
            )
        raise TypeError(f"retry={value!r}: give a number of attempts, a Retry, or None for no retries.{hint}")

    @staticmethod
    def testing(attempts: int | None = None) -> AbstractContextManager[list[float]]:
        """For tests: until the end of the `with` block no session of the process sleeps between attempts.

        Gives a list to which each wait is added, in seconds, instead of being slept. With *attempts* no policy tries
        more often than that. Blocks may be nested, and used in several threads; also as a decorator, or as a fixture::

            @pytest.fixture(autouse=True)
            def waits():
                with httpkit.Retry.testing() as waits:
                    yield waits

        Raises ValueError for a number of attempts below 1.
        """
        if attempts is not None and not _is_count(attempts):
            raise ValueError(f"Retry.testing(attempts={attempts!r}): give a number, 1 or more, or None")
        return _testing(_Rehearsal(attempts))

    def random(self) -> Callable[[], float]:
        """A source of numbers from 0 to 1 for one call: with a seed the same each time."""
        return _random.random if self.seed is None else _random.Random(self.seed).random

    def wait_after(self, number: int, random: Callable[[], float]) -> float:
        """Seconds to wait after try *number*, by the formula above and without Retry-After."""
        # Beyond the 60th doubling every limit is reached.
        most: float = min(self.backoff_max, self.backoff * 2.0 ** min(number - 1, 60))
        return most * random() if self.jitter else most


@lru_cache(maxsize=16)
def _counted(attempts: int) -> Retry | None:
    if attempts < 0:
        raise ValueError(
            f"retry={attempts}: give the number of attempts, the first one included, or 0 for no retries"
        )
    return Retry(attempts) if attempts > 1 else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes after one attempt: another one after *delay* seconds, or not, and *why* in a few words.

    *wanted* is True when the outcome asked for another attempt, be it that there is none left.
    """

    retry: bool
    delay: float = 0.0
    why: str = ""
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of a call that was sent, or could not be.

    *number* counts from 1. *outcome* is the status of its response, or the error it ended with. *waited* is how many
    seconds were slept before it. *reused* tells whether it went out on a kept connection, None where that is not known.
    """

    number: int
    request: Any
    outcome: int | RequestException
    waited: float = 0.0
    reused: bool | None = None


class Tried:
    """The attempts behind an error: those *before* it, and one that ended with it unless *request* is None.

    Made into a tuple when asked for. An error that held itself would keep all that it has seen alive.
    """

    __slots__ = ("_before", "_request", "_reused", "_waited")

    def __init__(
        self,
        before: tuple[Attempt, ...] = (),
        waited: float = 0.0,
        request: Any = None,
        reused: bool | None = None,
    ) -> None:
        self._before, self._waited, self._request, self._reused = before, waited, request, reused

    def __call__(self, error: RequestException) -> tuple[Attempt, ...]:
        if self._request is None:
            return self._before
        last = Attempt(len(self._before) + 1, self._request, error, self._waited, self._reused)
        return (*self._before, last)


def decide(
    policy: Retry,
    number: int,
    method: str,
    headers: Mapping[str, Any],
    outcome: Outcome,
    *,
    remaining: float | None = None,
    random: Callable[[], float] = _random.random,
    now: float,
) -> Decision:
    """Whether try *number* of a request is followed by another, and after how long.

    *outcome* is its response or its error, *remaining* the seconds until the deadline, None without one, *now* is Unix
    time in seconds. Whether the budget and the body allow it is for others to ask.
    """
    wanted, why = _wants(policy, method, headers, outcome)
    if not wanted:
        return Decision(False, why=why)
    if number >= _most_attempts(policy):
        return Decision(False, why=f"{why}, and there are no more attempts", wanted=True)
    delay = policy.wait_after(number, random)
    if policy.respect_retry_after:
        delay = max(delay, min(_asked(outcome, now), policy.retry_after_max))
    if remaining is not None and delay >= remaining:
        return Decision(False, why=f"{why}, and waiting {delay:.3g} s would pass the deadline", wanted=True)
    return Decision(True, delay, why, wanted=True)


def _asked(outcome: Outcome, now: float) -> float:
    """How many seconds of patience the server asks for, or the breaker that has refused the call."""
    if isinstance(outcome, CircuitOpen):
        return outcome.retry_after
    if isinstance(outcome, RequestException):
        return 0.0
    return typed.retry_after(outcome.headers.get("retry-after"), now=now) or 0.0


def _wants(policy: Retry, method: str, headers: Mapping[str, Any], outcome: Outcome) -> tuple[bool, str]:
    if policy.predicate is not None:
        said = policy.predicate(outcome)
        if said is not None:
            return bool(said), "the predicate says so"
    if isinstance(outcome, RequestException):
        why = type(outcome).__name__
        if not _is_passing(policy, outcome):
            return False, f"{why} is not tried again"
        if never_left(outcome):
            return True, why
    else:
        why = f"status {outcome.status_code}"
        if outcome.status_code not in policy.statuses:
            return False, f"{why} is not tried again"
    if policy.methods is None or method.upper() in policy.methods or "idempotency-key" in headers:
        return True, why
    return False, f"{method[:20]} may have been carried out"


def _is_passing(policy: Retry, error: RequestException) -> bool:
    """Whether *error* may be gone next time."""
    if not isinstance(error, policy.on):
        return False
    if type(error) in policy.on:
        # Asked for by name.
        return True
    if isinstance(error, SSLError):
        # The end of the connection says nothing about the two sides.
        return any(isinstance(link, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for link in _links(error))
    if isinstance(error, MalformedResponse):
        return error.is_truncated
    if isinstance(error, ProxyError):
        refused = next(filter(None, (_TUNNEL.search(str(link)) for link in _links(error))), None)
        return refused is None or int(refused[1]) in policy.statuses
    return not isinstance(error, _SETTLED)


def never_left(error: BaseException) -> bool:
    """True when *error* says that no connection was made, so that nothing of the request has been sent."""
    return isinstance(error, (ConnectTimeout, CircuitOpen, RateLimitExceeded)) or any(
        type(link).__name__ in _CONNECTING for link in _links(error)
    )


def _links(error: BaseException) -> Iterator[BaseException]:
    """*error* and what it wraps, the outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _DEPTH:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [getattr(link, "reason", None), link.__cause__, *link.args]


def exhausted(outcome: Answer, attempts: int, why: str) -> RetryError:
    """The error for a response that nobody will try again, where `raise_on_status` asks for one."""
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    response: Any = outcome
    return RetryError(
        f"no acceptable response after {times}: {why}. It is in the error's response", response=response
    )


def forget_frames(error: BaseException | None) -> None:
    """Drop the frames that *error* and its causes came through: they hold connections and responses, and an error that
    is kept as the outcome of an attempt would keep those.
    """
    for _ in range(_DEPTH):
        if error is None:
            return
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


# --- for tests


class _Rehearsal:
    """One block of `Retry.testing`."""

    def __init__(self, attempts: int | None) -> None:
        self.attempts = attempts
        self.waits: list[float] = []


#: The blocks that are open, replaced as a whole so that readers need no lock.
_rehearsals: tuple[_Rehearsal, ...] = ()
_rehearsing = threading.Lock()


@contextmanager
def _testing(block: _Rehearsal) -> Iterator[list[float]]:
    global _rehearsals  # noqa: PLW0603  # the switch of the process
    with _rehearsing:
        _rehearsals = (*_rehearsals, block)
    try:
        yield block.waits
    finally:
        with _rehearsing:
            _rehearsals = tuple(one for one in _rehearsals if one is not block)


def rehearsed(seconds: float) -> bool:
    """True when a test has asked not to sleep; it is told how long it would have been."""
    blocks = _rehearsals
    for block in blocks:
        block.waits.append(seconds)
    return bool(blocks)


def _most_attempts(policy: Retry) -> int:
    return min([policy.attempts, *(one.attempts for one in _rehearsals if one.attempts is not None)])
