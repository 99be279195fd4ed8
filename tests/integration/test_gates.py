"""Limits and breakers before a real server, which counts; time is virtual where it would be long."""

from __future__ import annotations

import bisect
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

import httpkit
from httpkit import Breaker, RateLimit, Retry
from httpkit.adapters import HTTPAdapter
from httpkit.auth import HTTPDigestAuth
from httpkit.stores import MemoryStore
from httpkit.timeouts import Timeout
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]


class VirtualTime:
    """A clock for many threads, which moves when all of them sleep, and then to when the first wakes up.

    Exchanges take no time at all, so that what the server notes is when a request was let go.
    """

    def __init__(self, workers: int) -> None:
        self.now = 1000.0
        self._awake = workers
        self._alarms: list[float] = []
        self._changed = threading.Condition()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            alarm = self.now + seconds
            bisect.insort(self._alarms, alarm)
            self._one_less_is_awake()
            while self.now < alarm:
                assert self._changed.wait(20), "everybody sleeps"

    @contextmanager
    def worker(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._one_less_is_awake()

    def _one_less_is_awake(self) -> None:
        self._awake -= 1
        if self._awake == 0 and self._alarms:
            self.now = self._alarms[0]
            while self._alarms and self._alarms[0] <= self.now:
                self._alarms.pop(0)
                self._awake += 1
            self._changed.notify_all()


def most_in_a_window(times: list[float], per: float) -> int:
    times = sorted(times)
    return max(bisect.bisect_left(times, time + per) - index for index, time in enumerate(times))


def virtual(session: httpkit.Session, time: VirtualTime) -> httpkit.Session:
    session.store = MemoryStore(clock=time)
    session._sleep = time.sleep
    return session


@pytest.mark.parametrize("calls", [1, 3, 10])
@pytest.mark.parametrize("silent", [False, True], ids=["never silent", "asks for silence"])
def test_the_server_never_sees_more_than_the_limit(serve: Serve, calls: int, silent: bool) -> None:
    workers, each = 8, 6
    time = VirtualTime(workers)
    seen: list[float] = []
    lock = threading.Lock()

    def count(request: Received) -> Reply:
        with lock:
            seen.append(time.now)
            asks = silent and len(seen) in (5, 17)
        return Reply(429, [("Retry-After", "25")]) if asks else Reply()

    server = serve(count)
    with virtual(httpkit.Session(rate_limit=RateLimit(calls, per=10)), time) as session:

        def work(_: int) -> None:
            with time.worker():
                for _ in range(each):
                    session.get(server.url)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    assert len(seen) == workers * each
    assert most_in_a_window(seen, 10) <= calls
    spans = -(-workers * each // calls) - 1
    if not silent:
        assert max(seen) - 1000 == 10 * spans, "and nobody waits for nothing"
    else:
        assert max(seen) - 1000 >= 10 * spans + 25


def test_sessions_that_share_a_store_share_the_limit(serve: Serve) -> None:
    server = serve()
    time = VirtualTime(1)
    store = MemoryStore(clock=time)
    sessions = [httpkit.Session(rate_limit=RateLimit(2, per=10), store=store) for _ in range(3)]
    for session in sessions:
        session._sleep = time.sleep
        with session:
            session.get(server.url)
            session.get(server.url)
    assert time.now == 1020


def test_each_hop_of_a_redirect_and_each_attempt_counts(serve: Serve) -> None:
    server = serve([Reply.redirect("/1"), Reply(503), Reply(503), Reply()])
    time = VirtualTime(1)
    with virtual(
        httpkit.Session(rate_limit=RateLimit(1, per=10), retry=Retry(3, backoff=0)), time
    ) as session:
        assert session.get(server.url).status_code == 200
    assert (len(server.requests), time.now) == (4, 1030)


def test_the_answer_to_a_challenge_counts(serve: Serve) -> None:
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    server = serve(
        lambda request: (
            Reply() if request.header("authorization") else Reply(401, [("WWW-Authenticate", challenge)])
        )
    )
    time = VirtualTime(1)
    with virtual(httpkit.Session(rate_limit=RateLimit(1, per=10)), time) as session:
        assert session.get(server.url, auth=HTTPDigestAuth("user", "pass")).status_code == 200
    assert (len(server.requests), time.now) == (2, 1010)


def test_a_call_whose_turn_is_beyond_its_deadline_fails_at_once(server: RecordingServer) -> None:
    with httpkit.Session(rate_limit=RateLimit(1, per=30)) as session:
        session.get(server.url)
        for _ in range(3):
            with pytest.raises(httpkit.RateLimitExceeded) as caught:
                session.get(server.url, timeout=Timeout(total=5))
            assert 20 < caught.value.wait <= 30
    assert len(server.requests) == 1


def test_waiting_counts_against_the_deadline(serve: Serve) -> None:
    release = threading.Event()

    def hang(request: Received) -> Reply:
        release.wait(20)
        return Reply()

    server = serve([Reply(), hang])
    with httpkit.Session(rate_limit=RateLimit(1, per=1)) as session:
        session.get(server.url)
        begin = time.monotonic()
        with pytest.raises(httpkit.DeadlineExceeded) as caught:
            session.get(server.url, timeout=Timeout(total=1.3))
        assert 1.3 <= time.monotonic() - begin < 10
    release.set()
    assert caught.value.spent["sleep"] > 0


def test_waiting_is_no_part_of_the_exchange(server: RecordingServer) -> None:
    with httpkit.Session(rate_limit=RateLimit(1, per=600)) as session:
        session._sleep = lambda seconds: time.sleep(0.05)
        session.get(server.url)
        begin = time.monotonic()
        elapsed = session.get(server.url).elapsed.total_seconds()
        assert elapsed <= time.monotonic() - begin - 0.05


def failing_then_fine() -> tuple[Callable[[Received], Reply], dict[str, Any]]:
    state: dict[str, Any] = {"status": 503}
    return lambda request: Reply(state["status"]), state


def test_a_breaker_spares_a_failing_origin_and_finds_out_when_it_is_back(serve: Serve) -> None:
    handler, state = failing_then_fine()
    server = serve(handler)
    other = serve()
    time = VirtualTime(1)
    with virtual(httpkit.Session(breaker=Breaker(3, reset=30)), time) as session:
        for _ in range(3):
            assert session.get(server.url).status_code == 503
        with pytest.raises(httpkit.CircuitOpen) as caught:
            session.get(server.url)
        assert caught.value.origin == server.url.rstrip("/")
        assert (caught.value.since, caught.value.retry_after) == (0, 30)
        assert isinstance(caught.value, httpkit.ConnectionError)
        assert session.get(other.url).status_code == 200
        time.now += 30
        assert session.get(server.url).status_code == 503
        with pytest.raises(httpkit.CircuitOpen):
            session.get(server.url)
        time.now += 30
        state["status"] = 200
        assert [session.get(server.url).status_code for _ in range(3)] == [200, 200, 200]
    assert len(server.requests) == 7


def test_only_one_thread_probes(serve: Serve) -> None:
    release = threading.Event()
    status = [500]

    def slow_probe(request: Received) -> Reply:
        if status[0] == 200:
            release.wait(20)
        return Reply(status[0])

    server = serve(slow_probe)
    time = VirtualTime(1)
    with virtual(httpkit.Session(breaker=Breaker(1, reset=30)), time) as session:
        session.get(server.url)
        time.now += 30
        status[0] = 200
        refused = threading.Semaphore(0)

        def work(_: int) -> Any:
            try:
                return session.get(server.url).status_code
            except httpkit.CircuitOpen as error:
                refused.release()
                return error

        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(work, number) for number in range(8)]
            for _ in range(7):
                assert refused.acquire(timeout=20)
            release.set()
        assert [answer.result() for answer in answers].count(200) == 1
        assert session.get(server.url).status_code == 200
    assert len(server.requests) == 3


def test_a_server_that_is_not_there_opens_the_breaker(dead_port: int) -> None:
    with httpkit.Session(breaker=Breaker(2)) as session:
        for _ in range(2):
            with pytest.raises(httpkit.ConnectionError, match="refused") as caught:
                session.get(f"http://127.0.0.1:{dead_port}/")
            assert not isinstance(caught.value, httpkit.CircuitOpen)
        with pytest.raises(httpkit.CircuitOpen):
            session.get(f"http://127.0.0.1:{dead_port}/")


@pytest.fixture
def dead_port() -> int:
    with RecordingServer() as server:
        return server.port


def test_an_open_breaker_ends_the_attempts(serve: Serve) -> None:
    server = serve(Reply(503))
    policies: dict[str, Any] = {"breaker": Breaker(2), "retry": Retry(9, backoff=0)}
    with httpkit.Session(**policies) as session, pytest.raises(httpkit.CircuitOpen) as caught:
        session.get(server.url)
    assert [getattr(attempt.outcome, "origin", attempt.outcome) for attempt in caught.value.attempts] == [
        503,
        503,
        server.url.rstrip("/"),
    ]
    assert len(server.requests) == 2


def test_a_policy_that_names_it_waits_for_an_open_breaker(serve: Serve) -> None:
    server = serve([Reply(503), Reply(503), Reply(200)])
    time = VirtualTime(1)
    policy = Retry(9, backoff=0, on=(httpkit.CircuitOpen,))
    with virtual(httpkit.Session(breaker=Breaker(2, reset=30), retry=policy), time) as session:
        response = session.post(server.url, data=b"x", headers={"Idempotency-Key": "1"})
    assert response.status_code == 200
    assert time.now == 1030
    assert len(server.requests) == 3


def test_policies_of_a_mount_and_their_state_in_the_sessions_store(serve: Serve) -> None:
    server = serve(Reply(500))
    with httpkit.Session(breaker=Breaker(1)) as session:
        session.mount(f"{server.url}/patient", HTTPAdapter(breaker=Breaker(3)))
        session.mount(f"{server.url}/none", HTTPAdapter(breaker=None))
        for path, answers in (("/patient", 3), ("/none", 5)):
            for _ in range(answers):
                assert session.get(server.url + path).status_code == 500
        with pytest.raises(httpkit.CircuitOpen):
            session.get(server.url + "/patient")
        assert session.get(server.url).status_code == 500
        with pytest.raises(httpkit.CircuitOpen):
            session.get(server.url)


def test_an_adapter_that_was_put_among_the_mounts_by_hand_has_its_policies(server: RecordingServer) -> None:
    with httpkit.Session() as session:
        session.adapters["http://"].close()
        session.adapters["http://"] = HTTPAdapter(rate_limit=RateLimit(1, per=30, max_wait=0))
        session.get(server.url)
        with pytest.raises(httpkit.RateLimitExceeded):
            session.get(server.url)


def test_subclasses_written_for_requests_may_have_attributes_of_these_names(server: RecordingServer) -> None:
    class Theirs(httpkit.Session):
        def __init__(self) -> None:
            super().__init__()
            self.breaker = "their own"  # type: ignore[assignment]
            self.rate_limit = 5  # type: ignore[assignment]
            self.store = {}  # type: ignore[assignment]

    with Theirs() as session:
        assert [session.get(server.url).status_code for _ in range(10)] == [200] * 10


def test_a_session_without_policies_makes_no_store(server: RecordingServer) -> None:
    with httpkit.Session() as session:
        session.get(server.url)
        assert "_kept_store" not in vars(session)


def test_a_store_that_fails_fails_no_call(server: RecordingServer, caplog: pytest.LogCaptureFixture) -> None:
    class Down:
        def update(self, key: str, change: Any) -> Any:
            raise ConnectionRefusedError("nobody is there")

    policies: dict[str, Any] = {"breaker": Breaker(), "rate_limit": RateLimit(100, per=1), "retry": Retry()}
    with httpkit.Session(store=Down(), **policies) as session:
        assert [session.get(server.url).status_code for _ in range(3)] == [200] * 3
    assert [record.levelname for record in caplog.records if "store" in record.message] == ["WARNING"]


def test_budgets_of_retries_are_kept_in_the_store(serve: Serve) -> None:
    server = serve(Reply(503))
    store = MemoryStore()
    policy = Retry(2, backoff=0, budget=httpkit.Budget(ratio=0, reserve=1))
    for tries in (2, 1):
        server.requests.clear()
        with httpkit.Session(retry=policy, store=store) as session:
            session.get(server.url)
        assert len(server.requests) == tries


def test_a_pickled_session_has_its_policies_and_an_empty_store() -> None:
    session = httpkit.Session(breaker=Breaker(7), rate_limit=RateLimit(7, per=7), store=MemoryStore(77))
    copy = pickle.loads(pickle.dumps(session))
    assert (copy.breaker, copy.rate_limit, copy.store.size) == (Breaker(7), RateLimit(7, per=7), 77)


@pytest.mark.parametrize("given", [{"breaker": 5}, {"rate_limit": "10/s"}, {"store": 5}], ids=str)
def test_other_values_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(given))):
        httpkit.Session(**given)
    if "store" not in given:
        with pytest.raises(TypeError, match=next(iter(given))):
            HTTPAdapter(**given)


def test_tests_that_do_not_sleep_do_not_wait_for_a_turn_either(server: RecordingServer) -> None:
    with httpkit.Session(rate_limit=RateLimit(1, per=600)) as session, Retry.testing() as waits:
        for _ in range(3):
            session.get(server.url)
    assert len(server.requests) == 3
    assert [590 < wait <= 1200 for wait in waits] == [True, True]
