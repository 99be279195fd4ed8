"""The tries of one hop under a retry policy: what was tried, what comes next, and with what it ends.

The state that `_pipeline`'s loop asks after each outcome. It decides by `retries`, pays from the budget, takes bodies
back to where they began and makes the Cookie field anew; it neither sends nor sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Union

from . import retries
from ._message import bodies, urls
from .auth import renew_cookies
from .exceptions import RequestException
from .models import PreparedRequest, Response

__all__ = ["Outcome", "Persistence", "Tries", "note_failure"]

Outcome = Union[Response, RequestException]


@dataclass(frozen=True)
class Persistence:
    """What it takes to try again: the policy, what is left of its budgets, whether the caller *streams* the body, the
    seconds until the deadline if there is one, and Unix time.
    """

    policy: retries.Retry
    tokens: retries.Tokens
    streams: bool
    remaining: Callable[[], float | None]
    now: Callable[[], float]


class Tries:
    """What became of *request* until now.

    After `judge`, `delay` is how many seconds later it is to be sent again, None for never; then `error` is what the
    hop ends with, None where it is the response.
    """

    def __init__(self, request: PreparedRequest, persistence: Persistence) -> None:
        self.request = request
        self.delay: float | None = None
        self.error: RequestException | None = None
        self._persistence = persistence
        self._policy = persistence.policy
        self._random = persistence.policy.random()
        self._origin = _origin(request.url or "")
        self._before: tuple[retries.Attempt, ...] = ()
        self._waited = 0.0
        if self._policy.budget is not None:
            persistence.tokens.earn(self._policy.budget, self._origin)

    def reads(self, response: Response) -> bool:
        """True when the body is to be read before anything is decided: nobody has seen any of it, so that one that
        breaks off can be had again. Not of responses that will be dropped, nor where the caller streams.
        """
        if self._persistence.streams or response.status_code == 101 or response.is_redirect:
            return False
        return self._policy.predicate is not None or response.status_code not in self._policy.statuses

    def judge(self, outcome: Outcome) -> None:
        """Decide what comes after *outcome*; what the policy's predicate raises is its own."""
        self.delay = self.error = None
        decision = self._decide(outcome)
        if decision.retry:
            decision = self._prepare(outcome, decision)
        if not decision.retry and self.error is None:
            self._end(outcome, decision)

    def _decide(self, outcome: Outcome) -> retries.Decision:
        request = self.request
        return retries.decide(
            self._policy,
            len(self._before) + 1,
            request.method or "",
            request.headers,
            outcome,
            remaining=self._persistence.remaining(),
            random=self._random,
            now=self._persistence.now(),
        )

    def _prepare(self, outcome: Outcome, decision: retries.Decision) -> retries.Decision:
        """Get ready for the next try, unless the body or the budget does not allow one."""
        if not self._rewind(outcome):
            return replace(decision, retry=False)
        budget = self._policy.budget
        if budget is not None and not self._persistence.tokens.try_spend(budget, self._origin):
            return replace(decision, retry=False, why=f"{decision.why}, and the retry budget is spent")
        self._before = self._with(outcome)
        self._waited = self.delay = decision.delay
        if isinstance(outcome, RequestException):
            retries.forget_frames(outcome)
        elif any("set-cookie" in one.headers for one in (*outcome.history, outcome)):
            self._renew_cookies(outcome)
        return decision

    def _rewind(self, outcome: Outcome) -> bool:
        """Take the body back to where it began; False, with the error for it, when it can be read once only."""
        request = self.request
        if request.body is None:
            return True
        if isinstance(outcome, RequestException) and retries.never_left(outcome):
            # Nobody has begun to read it.
            return True
        try:
            bodies.rewind(request.body, request._body_position)
        except RequestException as error:
            error.request = request
            if isinstance(outcome, RequestException):
                asked = outcome
            else:
                error.response, asked = outcome, outcome._status_error()
            error.__cause__ = error.__cause__ or asked
            error._tried = retries.Tried(self._with(outcome))
            self.error = error.with_traceback(None)
            return False
        return True

    def _renew_cookies(self, response: Response) -> None:
        self.request = self.request.copy()
        for one in (*response.history, response):
            renew_cookies(self.request, one)

    def _end(self, outcome: Outcome, decision: retries.Decision) -> None:
        """*outcome* is the last one."""
        if isinstance(outcome, RequestException):
            note_failure(outcome, self._before, self.request, self._waited)
            self.error = outcome
            return
        if self._before and isinstance(outcome, Response):
            outcome._before = (self._before, self._waited)
        if decision.wanted and self._policy.raise_on_status:
            self.error = retries.exhausted(outcome, len(self._before) + 1, decision.why)

    def _with(self, outcome: Outcome) -> tuple[retries.Attempt, ...]:
        """The attempts until now, and the one that ended with *outcome*."""
        result: int | RequestException
        if isinstance(outcome, RequestException):
            result, reused = outcome, outcome._reused
        else:
            result, reused = outcome.status_code, outcome._is_on_kept_connection()
        number = len(self._before) + 1
        return (*self._before, retries.Attempt(number, self.request, result, self._waited, reused))


def note_failure(
    error: RequestException,
    before: tuple[retries.Attempt, ...],
    request: Any,
    waited: float = 0.0,
) -> None:
    """Let *error* tell the attempts *before*, and that of *request* which ended with it."""
    error._tried = retries.Tried(before, waited, request, error._reused)


def _origin(url: str) -> object:
    try:
        return urls.origin(url)
    except RequestException:
        # Of a scheme that has no host, such as that of a socket.
        return "/".join(url.split("/", 3)[:3])
