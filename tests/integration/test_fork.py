"""After a fork parent and child go on, each with connections of its own."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import httpkit
from httpkit import api
from httpkit._wire import tls
from httpkit.adapters import HTTPAdapter
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_a_child(work: Callable[[], object]) -> None:
    """Run *work* in a child process; what it raises fails the test, and so does a child that hangs."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            work()
            os.write(writing, b"done")
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(pid, 0)
    assert said == "done", said or "the child hung"


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest, serve: Serve, tls_context: Any) -> RecordingServer:
    def answer(received: Received) -> Reply:
        return Reply(body=f"{received.connection}:{received.path}")

    return serve(answer, tls=tls_context if request.param == "tls" else None)


@pytest.fixture
def session(ca_file: str) -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        session.verify = ca_file
        yield session


def test_parent_and_child_have_connections_of_their_own(
    server: RecordingServer, session: httpkit.Session
) -> None:
    assert session.get(server.url + "/parent").text == "1:/parent"

    def child() -> None:
        for _ in range(2):
            assert session.get(server.url + "/child").text == "2:/child"

    in_a_child(child)
    for _ in range(2):
        assert session.get(server.url + "/parent").text == "1:/parent"
    assert server.connections == 2


def test_a_child_that_closes_the_session_leaves_the_parents_connections_alone(
    server: RecordingServer, session: httpkit.Session
) -> None:
    session.get(server.url)
    in_a_child(session.close)
    assert session.get(server.url + "/still").text == "1:/still"
    assert server.connections == 1


def test_a_child_reads_nothing_of_a_stream_that_the_parent_reads(
    serve: Serve, tls_context: Any, ca_file: str
) -> None:
    for secured in (None, tls_context):
        server = serve(Reply(body=b"x" * 1_000_000), tls=secured)
        with httpkit.Session() as session, session.get(server.url, stream=True, verify=ca_file) as response:

            def child(response: httpkit.Response = response) -> None:
                # What had arrived before the fork is the child's as well; no more.
                with pytest.raises(httpkit.RequestException):
                    response.content  # noqa: B018

            in_a_child(child)
            assert len(response.content) == 1_000_000


@pytest.mark.parametrize("block", [True, False])
def test_a_pool_that_was_in_use_elsewhere_is_whole_in_the_child(
    serve: Serve, session: httpkit.Session, block: bool
) -> None:
    """Another thread of the parent has all places, and waits in the pool, when the fork happens."""
    server = serve(Reply(body=b"x" * 1_000_000))
    session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=block, pool_timeout=5))
    held = session.get(server.url, stream=True)
    waiting = threading.Thread(target=lambda: session.get(server.url).content)
    waiting.start()

    def child() -> None:
        for _ in range(3):
            assert len(session.get(server.url).content) == 1_000_000

    in_a_child(child)
    held.close()
    waiting.join(10)
    assert len(session.get(server.url).content) == 1_000_000


def test_locks_that_a_thread_of_the_parent_had_do_not_hold_up_the_child(
    serve: Serve, session: httpkit.Session
) -> None:
    server, other = serve(Reply(body=b"a")), serve(Reply(body=b"b"))
    session.get(server.url)
    manager = session.get_adapter(server.url).poolmanager
    pool = manager.connection_from_url(server.url).pool
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with manager.pools.lock, pool.mutex:
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(5)
    try:
        in_a_child(lambda: [session.get(server.url).content, session.get(other.url).content])
    finally:
        leave.set()
        holder.join()


def test_nor_do_those_of_cookie_jars_tls_contexts_and_the_shared_adapter(
    serve: Serve, tls_context: Any, session: httpkit.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = serve()
    server = serve(Reply(headers=[("Set-Cookie", "a=1")]), tls=tls_context)
    session.get(server.url)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with session.cookies._cookies_lock, tls._lock, api._lock:
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(5)
    try:
        # The child makes what the parent has not made yet.
        monkeypatch.setattr(api, "_shared", None)
        in_a_child(lambda: [session.get(server.url), session.cookies["a"], httpkit.get(plain.url)])
    finally:
        leave.set()
        holder.join()
