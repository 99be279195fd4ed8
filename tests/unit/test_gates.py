"""What is asked before each request and told after it, with adapters that only pretend, and a clock that is turned by
hand.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from httpkit import exceptions
from httpkit._gates import Gates, as_breaker, as_rate_limit, as_store, in_force
from httpkit.adapters import HTTPAdapter
from httpkit.breakers import Breaker
from httpkit.models import PreparedRequest, Request, Response
from httpkit.ratelimits import RateLimit
from httpkit.stores import MemoryStore, dependable
from httpkit.timeouts import Timeout


class World:
    """Gates whose pauses turn the clock, and an adapter that answers what it is told."""

    def __init__(self, breaker: Breaker | None = None, limit: RateLimit | None = None) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.sent: list[float] = []
        self.answers: list[Any] = []
        self.store = MemoryStore(clock=lambda: self.now)
        self.gates = Gates(self.store, self.pause, now=lambda: 1_700_000_000.0)
        self.breaker, self.limit = breaker, limit

    def pause(self, seconds: float, timeout: object) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def send(self, request: PreparedRequest, **settings: Any) -> Any:
        self.sent.append(self.now)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, BaseException):
            raise answer
        if not isinstance(answer, (int, tuple)):
            return answer
        response = Response()
        response.status_code, fields = answer if isinstance(answer, tuple) else (answer, {})
        response.headers.update(fields)
        response.connection, response.request = self, request
        return response

    def call(self, url: str = "https://a.test/", timeout: object = None) -> Any:
        request = Request("GET", url).prepare()
        return self.gates.admit(request, timeout, self, self.breaker, self.limit).send(
            request, timeout=timeout
        )


def test_it_opens_refuses_probes_and_closes() -> None:
    world = World(Breaker(2, 30.0))
    world.answers = [503, exceptions.ReadTimeout("slow"), 503, 200, 200]
    assert world.call().status_code == 503
    with pytest.raises(exceptions.ReadTimeout):
        world.call()
    world.now += 10
    with pytest.raises(exceptions.CircuitOpen) as caught:
        world.call("https://user:secret@A.test/path?token=secret")
    error = caught.value
    assert (error.origin, error.since, error.retry_after) == ("https://a.test", 10.0, 20.0)
    assert error.request is not None
    assert "to https://a.test was not" in str(error)
    assert "20 s" in str(error)
    assert "secret" not in str(error)
    world.now += 20
    assert world.call().status_code == 503, "the probe, which fails"
    with pytest.raises(exceptions.CircuitOpen):
        world.call()
    world.now += 30
    assert [world.call().status_code for _ in range(2)] == [200, 200]
    assert len(world.sent) == 5


def test_origins_do_not_share_a_breaker() -> None:
    world = World(Breaker(1, 30.0))
    world.answers = [500]
    world.call("https://a.test/")
    for other in ("https://b.test/", "http://a.test/", "https://a.test:8443/"):
        assert world.call(other).status_code == 200
    with pytest.raises(exceptions.CircuitOpen):
        world.call("https://a.test:443/elsewhere")


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt(), ValueError("a wrong argument"), exceptions.InvalidURL("?")]
)
def test_a_probe_that_says_nothing_about_its_origin_lets_the_next_call_probe(end: BaseException) -> None:
    world = World(Breaker(1, 30.0))
    world.answers = [500, end, 200]
    world.call()
    world.now += 30
    with pytest.raises(type(end)):
        world.call()
    assert world.call().status_code == 200


def test_calls_wait_for_their_turn() -> None:
    world = World(limit=RateLimit(2, per=10))
    for _ in range(5):
        world.call()
    assert world.sent == [1000, 1000, 1010, 1010, 1020]


@pytest.mark.parametrize(
    "key, apart",
    [
        ("origin", ["https://a.test/1", "https://b.test/", "http://a.test/", "https://a.test:8443/"]),
        ("host", ["https://a.test/1", "https://b.test/", "https://c.test:8443/"]),
        (lambda request: request.path_url, ["https://a.test/1", "https://a.test/2"]),
    ],
    ids=["origin", "host", "a function"],
)
@pytest.mark.parametrize("same", ["https://a.test/1"])
def test_what_is_counted_together(key: Any, apart: list[str], same: str) -> None:
    world = World(limit=RateLimit(1, per=10, key=key))
    for url in apart:
        world.call(url)
    assert world.pauses == []
    world.call(same)
    assert world.pauses == [10]


def test_by_host_schemes_and_ports_are_counted_together() -> None:
    world = World(limit=RateLimit(3, per=10, key="host"))
    for url in ("https://a.test/", "http://a.test/", "https://a.test:8443/", "https://A.test/"):
        world.call(url)
    assert world.pauses == [10]


@pytest.mark.parametrize(
    "url, origin",
    [
        ("https://a.test/", "https://a.test"),
        ("https://A.test:443/", "https://a.test"),
        ("http://a.test:8080/", "http://a.test:8080"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://[::1]:81/", "http://[::1]:81"),
        ("http+unix://%2Frun%2Fa.sock/info", "http+unix://%2Frun%2Fa.sock"),
        ("mock://somewhere/x", "mock://somewhere"),
    ],
)
def test_the_name_of_an_origin_rfc6454_6_2(url: str, origin: str) -> None:
    world = World(Breaker(1), RateLimit(100, per=1, key="host"))
    world.answers = [500]
    world.call(url)
    with pytest.raises(exceptions.CircuitOpen) as caught:
        world.call(url)
    assert caught.value.origin == origin


@pytest.mark.parametrize(
    "limit, timeout",
    [
        (RateLimit(1, per=10), Timeout(total=4)),
        (RateLimit(1, per=10), Timeout(total=4).start(lambda: 0.0)),
        (RateLimit(1, per=10, max_wait=4), None),
    ],
    ids=["the total", "what is left of it", "max_wait"],
)
def test_who_would_wait_too_long_fails_at_once(limit: RateLimit, timeout: object) -> None:
    world = World(limit=limit)
    world.call()
    with pytest.raises(
        exceptions.RateLimitExceeded, match=r"1 calls per 10 s its turn comes in 10 s.* wait 4 s"
    ) as caught:
        world.call("https://user:secret@a.test/?token=secret", timeout=timeout)
    error = caught.value
    assert (error.limit, error.key, error.wait) == (limit, "https://a.test", 10)
    assert isinstance(error, exceptions.Timeout)
    assert "secret" not in str(error)
    assert (world.pauses, len(world.sent)) == ([], 1)
    world.limit = dataclasses.replace(limit, max_wait=None)
    world.call()
    assert world.pauses == [10], "it has taken nobody's turn"


def test_a_key_of_the_programs_own_is_not_shown() -> None:
    world = World(limit=RateLimit(1, per=10, key=lambda request: "Bearer secret", max_wait=0))
    world.call()
    with pytest.raises(exceptions.RateLimitExceeded) as caught:
        world.call()
    assert "secret" not in str(caught.value)


def test_the_waits_of_a_call_together_are_bounded() -> None:
    world = World(limit=RateLimit(1, per=10, max_wait=12))
    world.call()
    pause = world.pause

    def meanwhile(seconds: float, timeout: object) -> None:
        pause(seconds, timeout)
        world.gates.heed(world.limit, Request("GET", "https://a.test/").prepare(), silent)  # type: ignore[arg-type]

    silent = Response()
    silent.status_code = 503
    silent.headers["Retry-After"] = "5"
    gates = Gates(world.store, meanwhile)
    with pytest.raises(exceptions.RateLimitExceeded):
        gates.admit(Request("GET", "https://a.test/").prepare(), None, world, None, world.limit)
    assert world.pauses == [10]


@pytest.mark.parametrize(
    "answer, silence",
    [
        ((429, {"Retry-After": "60"}), 60),
        ((503, {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}), 60),
        ((200, {"RateLimit": '"default";r=0;t=30'}), 30),
        ((200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "7"}), 7),
        ((429, {"Retry-After": "100000000"}), 3600),
        ((200, {"RateLimit": '"default";r=1;t=30'}), 0),
        ((200, {"Retry-After": "60"}), 0),
        ((429, {"Retry-After": "soon"}), 0),
        (429, 0),
    ],
    ids=str,
)
def test_a_server_that_asks_for_silence_has_it(answer: Any, silence: float) -> None:
    world = World(limit=RateLimit(100, per=1))
    world.answers = [answer]
    for _ in range(3):
        world.call()
    world.call("https://other.test/")
    assert world.sent[1:] == [1000 + silence] * 3
    assert world.pauses == ([silence] if silence else [])


def test_hints_are_ignored_when_they_shall_be() -> None:
    world = World(limit=RateLimit(100, per=1, hints=False))
    world.answers = [(429, {"Retry-After": "60"})]
    world.call()
    world.call()
    assert world.pauses == []


def test_the_turn_comes_first_and_then_the_breaker() -> None:
    """Asked when the call could go at once, the breaker's answer is not older than the wait."""
    world = World(Breaker(1, 10.0), RateLimit(1, per=10))
    world.answers = [500]
    world.call()
    assert world.call().status_code == 200, "ten seconds later, the probe"
    assert world.pauses == [10]


def test_what_auth_sends_by_the_connection_of_a_response_passes_the_same_gates() -> None:
    world = World(Breaker(2, 30.0), RateLimit(1, per=10))
    world.answers = [401, 500, 500]
    response = world.call()
    assert response.connection.sent is world.sent, "the adapter in all else"
    again = response.connection.send(response.request, timeout=None)
    again.connection.send(response.request, stream=True)
    assert world.sent == [1000, 1010, 1020]
    with pytest.raises(exceptions.CircuitOpen):
        again.connection.send(response.request)


def test_adapters_may_answer_with_anything() -> None:
    world = World(Breaker(1, 30.0), RateLimit(100, per=1))
    world.answers = [None, "text"]
    assert [world.call(), world.call(), world.call().status_code] == [None, "text", 200]


def test_a_store_that_fails_fails_no_call() -> None:
    class Broken:
        def update(self, key: str, change: Any) -> Any:
            raise OSError("down")

    world = World()
    gates = Gates(dependable(Broken()), world.pause)
    request = Request("GET", "https://a.test/").prepare()
    for _ in range(3):
        passage = gates.admit(request, None, world, Breaker(), RateLimit(1, per=0.01))
        assert passage.send(request).status_code == 200


@pytest.mark.parametrize(
    "check, good",
    [(as_breaker, Breaker()), (as_rate_limit, RateLimit(1, 1)), (as_store, MemoryStore())],
    ids=["breaker", "rate limit", "store"],
)
def test_other_values_are_refused(check: Callable[[Any], Any], good: Any) -> None:
    for given in (good, None):
        assert check(given) is given
    for wrong in (5, True, "10/s", (10, 1), Request, object()):
        with pytest.raises(TypeError, match=r"give an? "):
            check(wrong)


@pytest.mark.parametrize(
    "mount, breaker, limit",
    [
        ({}, Breaker(1), RateLimit(1, 1)),
        ({"breaker": Breaker(9)}, Breaker(9), RateLimit(1, 1)),
        ({"rate_limit": RateLimit(9, 1)}, Breaker(1), RateLimit(9, 1)),
        ({"breaker": None, "rate_limit": None}, None, None),
    ],
    ids=["nothing", "a breaker", "a limit", "none"],
)
def test_the_mount_beats_the_session(mount: dict[str, Any], breaker: Any, limit: Any) -> None:
    adapter = HTTPAdapter(**mount)
    assert in_force(adapter, Breaker(1), RateLimit(1, 1)) == (breaker, limit)
    assert in_force(pickle.loads(pickle.dumps(adapter)), Breaker(1), RateLimit(1, 1)) == (breaker, limit)


def test_what_is_no_policy_is_a_subclasss_own_affair() -> None:
    assert in_force(object(), "their breaker", 10) == (None, None)
