"""The store over Redis that the documentation shows, against a real server: what is shared is shared exactly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit import Breaker, Budget, RateLimit, Retry
from httpkit.stores import MemoryStore, State
from tests.servers import RecordingServer, RedisServer, Reply
from tests.test_docs import PROJECT, blocks

pytestmark = pytest.mark.skipif(bool(RedisServer.missing()), reason=RedisServer.missing() or "it is there")

Serve = Callable[..., RecordingServer]


def source() -> str:
    """The class as the page has it."""
    page = blocks((PROJECT / "docs" / "policies.md").read_text(encoding="utf-8"))
    text = next(block.text for block in page if "class RedisStore" in block.text)
    return text[: text.index("\nclient = ")]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def make_store(redis: RedisServer) -> Iterator[Callable[[], Any]]:
    """make_store(): one more store in an empty Redis."""
    import redis as package

    namespace: dict[str, Any] = {}
    exec(compile(source(), "docs/policies.md", "exec"), namespace)
    clients = []

    def make() -> Any:
        client = package.Redis.from_url(redis.url, socket_timeout=20)
        clients.append(client)
        if len(clients) == 1:
            client.flushall()
        return namespace["RedisStore"](client)

    yield make
    for client in clients:
        client.close()


def count(state: State | None, now: float) -> tuple[State, float, float]:
    number = (state or (0.0,))[0] + 1
    return (number,), 60.0, number


def test_it_does_what_the_store_in_memory_does(make_store: Callable[[], Any]) -> None:
    for store in (MemoryStore(), make_store()):
        seen = []

        def change(state: State | None, now: float) -> tuple[State | None, float, str]:
            seen.append(state)  # noqa: B023  # asked at once
            return [(1.5, 2.0), (0.1 + 0.2,), None, None][len(seen) - 1], 60.0, "answer"  # noqa: B023

        assert [store.update("a:b/c", change) for _ in range(4)] == ["answer"] * 4
        assert seen == [None, (1.5, 2.0), (0.1 + 0.2,), None]


def test_its_time_is_the_servers(make_store: Callable[[], Any]) -> None:
    told = make_store().update("a", lambda state, now: (None, 0.0, now))
    assert abs(told - time.time()) < 60


def test_what_is_kept_ends(make_store: Callable[[], Any]) -> None:
    store = make_store()
    store.update("a", lambda state, now: ((1.0,), 90.0, None))
    assert 80 < store.client.pttl("httpkit:a") / 1000 <= 90
    store.update("a", lambda state, now: ((2.0,), 0.0, None))
    assert store.client.pttl("httpkit:a") <= 1


def test_no_change_is_lost_between_threads_and_clients(make_store: Callable[[], Any]) -> None:
    stores = [make_store() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: stores[number % 4].update("a", count), range(200)))
    assert sorted(answers) == [float(number) for number in range(1, 201)]


def test_processes_share_a_limit(
    make_store: Callable[[], Any], redis: RedisServer, serve: Serve, project: Path
) -> None:
    """Three processes of two threads want nine calls each; fifteen are allowed, and nobody waits."""
    make_store()
    server = serve()
    program = f"""
{source()}
from concurrent.futures import ThreadPoolExecutor
import httpkit

client = redis.Redis.from_url({redis.url!r}, socket_timeout=20)
limit = httpkit.RateLimit(15, per=600, max_wait=0)
session = httpkit.Session(rate_limit=limit, store=RedisStore(client))

def call(_):
    try:
        return session.get({server.url!r}).status_code == 200
    except httpkit.RateLimitExceeded:
        return False

with ThreadPoolExecutor(2) as pool:
    print(sum(pool.map(call, range(9))))
session.close()
client.close()
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=project, env=os.environ
        )
        for _ in range(3)
    ]
    answers = [int(process.communicate(timeout=50)[0]) for process in running]
    assert sum(answers) == len(server.requests) == 15


def test_sessions_share_a_breaker_and_a_budget(make_store: Callable[[], Any], serve: Serve) -> None:
    server = serve(Reply(503))
    policies: dict[str, Any] = {
        "breaker": Breaker(4, reset=600),
        "retry": Retry(2, backoff=0, budget=Budget(ratio=0, reserve=1)),
    }
    for sent in (2, 3, 4):
        with httpkit.Session(store=make_store(), **policies) as session:
            assert session.get(server.url).status_code == 503
        assert len(server.requests) == sent, "the budget allows one retry to all of them"
    with httpkit.Session(store=make_store(), **policies) as session:
        with pytest.raises(httpkit.CircuitOpen) as caught:
            session.get(server.url)
        assert 500 < caught.value.retry_after <= 600
    assert len(server.requests) == 4


def test_the_turns_of_threads_are_those_of_the_limit(make_store: Callable[[], Any], serve: Serve) -> None:
    """In real time, with little of it: the turns are by the clock of Redis."""
    server = serve()
    store = make_store()
    limit = RateLimit(4, per=0.5)
    begin = time.monotonic()
    with httpkit.Session(rate_limit=limit, store=store) as session, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: session.get(server.url), range(12)))
    assert time.monotonic() - begin >= 1.0 - 0.05
    [key] = store.client.keys("*")
    assert key == f"httpkit:limit:4/0.5:{server.url.rstrip('/')}".encode()


def test_calls_go_on_when_redis_goes_down(
    serve: Serve, make_store: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    import redis as package

    server = serve()
    with RedisServer() as mortal:
        client = package.Redis.from_url(mortal.url, socket_timeout=5)
        store = make_store()
        store.client.close()
        store.client = client
        with httpkit.Session(rate_limit=RateLimit(100, per=1), store=store) as session:
            session.get(server.url)
            assert not caplog.records
            mortal.stop()
            assert [session.get(server.url).status_code for _ in range(3)] == [200] * 3
            assert ["RedisStore" in record.getMessage() for record in caplog.records] == [True]
        client.close()
