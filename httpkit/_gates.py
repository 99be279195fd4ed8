"""What is asked before each request on the wire, the limit and the breaker, and what they are told after it.

The decisions are `ratelimits`' and `breakers`', what they remember is in the store of the session. The order is that
of the policies of a call: its deadline, which bounds how long a turn is waited for; the limit; the breaker, which is
asked when the call could go at once; and retries around all three, so that each attempt asks anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import breakers, ratelimits
from ._message import urls
from ._message.quotas import silence
from .breakers import Breaker, Outcome
from .exceptions import CircuitOpen, RateLimitExceeded, RequestException
from .ratelimits import RateLimit
from .timeouts import UNSET, remaining

if TYPE_CHECKING:
    from .models import PreparedRequest, Response
    from .stores import Store

__all__ = ["Gates", "Passage", "as_breaker", "as_rate_limit", "as_store", "in_force"]


def as_breaker(given: Any) -> Any:
    """*given*, which is a `Breaker`, None, or UNSET. Raises TypeError for anything else."""
    if given is None or given is UNSET or isinstance(given, Breaker):
        return given
    raise TypeError(f"breaker={given!r}: give a Breaker, such as Breaker(failures=5, reset=30), or None")


def as_rate_limit(given: Any) -> Any:
    """*given*, which is a `RateLimit`, None, or UNSET. Raises TypeError for anything else."""
    if given is None or given is UNSET or isinstance(given, RateLimit):
        return given
    raise TypeError(f"rate_limit={given!r}: give a RateLimit, such as RateLimit(10, per=1), or None")


def as_store(given: Any) -> Any:
    """*given*, which is a store or None. Raises TypeError for anything else."""
    if given is None or callable(getattr(given, "update", None)):
        return given
    raise TypeError(f"store={given!r}: give an object with the method of httpkit.stores.Store, or None")


def in_force(adapter: object, breaker: object, limit: object) -> tuple[Breaker | None, RateLimit | None]:
    """The policies of the mount, where it has any, or else those of the session.

    What is no policy is an affair of subclasses: programs written for requests have had attributes of these names.
    """
    own_breaker, own_limit = getattr(adapter, "_breaker", UNSET), getattr(adapter, "_rate_limit", UNSET)
    breaker = breaker if own_breaker is UNSET else own_breaker
    limit = limit if own_limit is UNSET else own_limit
    return breaker if isinstance(breaker, Breaker) else None, limit if isinstance(limit, RateLimit) else None


class Gates:
    """The limits and breakers of one session, whose state is in *store*, which does not raise.

    *pause* lets seconds pass, within a timeout: `pause(seconds, timeout)`. *now* is Unix time in seconds, for the dates
    that servers name.
    """

    def __init__(
        self,
        store: Store,
        pause: Callable[[float, object], object],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pause = pause
        self._now = now

    def admit(
        self,
        request: PreparedRequest,
        timeout: object,
        adapter: Any,
        breaker: Breaker | None,
        limit: RateLimit | None,
    ) -> Passage:
        """Wait until *request* may go by *adapter*.

        Raises RateLimitExceeded when its turn comes too late, and CircuitOpen.
        """
        if limit is not None:
            self._wait_for_turn(limit, request, timeout)
        ticket = None if breaker is None else self._ask(breaker, request)
        return Passage(self, request, adapter, breaker, limit, ticket)

    def _wait_for_turn(self, limit: RateLimit, request: PreparedRequest, timeout: object) -> None:
        key = _limit_key(limit, request)
        waited, turn = 0.0, None
        while True:
            patience = limit.patience(remaining(timeout), waited)
            turn = self._store.update(key, partial(ratelimits.take_turn, limit, patience, turn))
            if not turn.granted:
                raise _too_late(limit, request, turn.wait, patience)
            if turn.wait <= 0:
                return
            self._pause(turn.wait, timeout)
            waited += turn.wait

    def _ask(self, breaker: Breaker, request: PreparedRequest) -> float | None:
        admission = self._store.update(_breaker_key(breaker, request), partial(breakers.ask, breaker))
        if admission.refused:
            raise _refusal(request, admission)
        return admission.ticket

    def told(
        self, breaker: Breaker, request: PreparedRequest, outcome: Outcome, ticket: float | None
    ) -> None:
        """Note how an exchange ended that *breaker* has let through."""
        self._store.update(_breaker_key(breaker, request), partial(breakers.tell, breaker, outcome, ticket))

    def heed(self, limit: RateLimit, request: PreparedRequest, response: Response) -> None:
        """Be silent for as long as *response* asks for."""
        seconds = silence(response.status_code, response.headers, now=self._now())
        if seconds > 0:
            self._store.update(_limit_key(limit, request), partial(ratelimits.hold, limit, seconds))


class Passage:
    """One request that was let through, by one adapter, once."""

    def __init__(
        self,
        gates: Gates,
        request: PreparedRequest,
        adapter: Any,
        breaker: Breaker | None,
        limit: RateLimit | None,
        ticket: float | None,
    ) -> None:
        self._gates = gates
        self._request = request
        self._adapter = adapter
        self._breaker = breaker
        self._limit = limit
        self._ticket = ticket

    def send(self, request: PreparedRequest, **settings: Any) -> Response:
        """The response of the adapter to *request*, for which it was given; its errors are noted and passed on."""
        try:
            response: Response = self._adapter.send(request, **settings)
        except BaseException as error:
            self._tell(error=error)
            raise
        self._tell(status=getattr(response, "status_code", None))
        if self._limit is not None and self._limit.hints and hasattr(response, "headers"):
            self._gates.heed(self._limit, self._request, response)
        if getattr(response, "connection", None) is self._adapter:
            # By this auth sends again, past the session.
            response.connection = _Connection(self._adapter, self._again)
        return response

    def _tell(self, status: int | None = None, error: BaseException | None = None) -> None:
        if self._breaker is not None:
            outcome = self._breaker.judge(status, error)
            self._gates.told(self._breaker, self._request, outcome, self._ticket)

    def _again(self, request: PreparedRequest, settings: dict[str, Any]) -> Response:
        passage = self._gates.admit(
            request, settings.get("timeout"), self._adapter, self._breaker, self._limit
        )
        return passage.send(request, **settings)


class _Connection:
    """An adapter as the responses of gated calls have it: what is sent by it passes the same gates."""

    def __init__(self, adapter: Any, send: Callable[[PreparedRequest, dict[str, Any]], Response]) -> None:
        self._adapter = adapter
        self._send = send

    def send(self, request: PreparedRequest, stream: bool = False, **settings: Any) -> Response:
        return self._send(request, {"stream": stream, **settings})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def _host_and_port(request: PreparedRequest) -> tuple[str, str, str]:
    """Scheme, host and, where it is not the scheme's default, `:` and port of *request*."""
    url = request.url or ""
    try:
        scheme, host, port = urls.origin(url)
    except RequestException:
        # Of a scheme that has no host, such as that of a socket.
        scheme, _, rest = url.partition("://")
        return scheme, rest.partition("/")[0], ""
    host = f"[{host}]" if ":" in host else host
    return scheme, host, "" if port in (None, urls.DEFAULT_PORTS.get(scheme)) else f":{port}"


def _origin(request: PreparedRequest) -> str:
    """The origin of *request* as text (RFC 6454 §6.2)."""
    scheme, host, port = _host_and_port(request)
    return f"{scheme}://{host}{port}"


def _breaker_key(breaker: Breaker, request: PreparedRequest) -> str:
    return f"breaker:{breaker.failures}/{float(breaker.reset)}:{_origin(request)}"


def _counted_by(limit: RateLimit, request: PreparedRequest) -> str:
    if callable(limit.key):
        return str(limit.key(request))
    return _origin(request) if limit.key == "origin" else _host_and_port(request)[1]


def _limit_key(limit: RateLimit, request: PreparedRequest) -> str:
    return f"limit:{limit.calls}/{float(limit.per)}:{_counted_by(limit, request)}"


def _too_late(limit: RateLimit, request: PreparedRequest, wait: float, patience: float) -> RateLimitExceeded:
    longer = "no longer" if patience <= 0 else f"{patience:.3g} s"
    error = RateLimitExceeded(
        f"the call to {urls.redact(_origin(request))} was not made: by the limit of {limit.calls} calls per "
        f"{limit.per:g} s its turn comes in {wait:.3g} s, and it may wait {longer}. Give it more time (the total of "
        "its timeout, max_wait of the limit), or call less often",
        request=request,
    )
    error.limit, error.key, error.wait = limit, _counted_by(limit, request), wait
    return error


def _refusal(request: PreparedRequest, admission: breakers.Admission) -> CircuitOpen:
    origin = _origin(request)
    error = CircuitOpen(
        f"the call to {urls.redact(origin)} was not made: calls to it kept failing, so its breaker has been open for "
        f"{admission.since:.3g} s; try again in {admission.retry_after:.3g} s",
        request=request,
    )
    error.origin, error.since, error.retry_after = origin, admission.since, admission.retry_after
    return error
