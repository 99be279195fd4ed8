"""Limits of waits, and calls that cannot be interrupted: by a clock of the test's own, without a socket."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from httpkit._wire import deadlines
from httpkit._wire.deadlines import Opening, TimedSocket, Waits, bare, errands, in_time, late
from httpkit.exceptions import DeadlineExceeded
from httpkit.timeouts import RunningTimeout, Timeout


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running(clock: Clock) -> RunningTimeout:
    return Timeout(connect=5, read=3, total=10).start(clock)


class Stub:
    """A socket that remembers the timeout that it had at each receive, and takes as long as it is told."""

    def __init__(self, clock: Clock, takes: float = 0.0) -> None:
        self.clock, self.takes = clock, takes
        self.timeout: float | None = 99.0
        self.seen: list[float | None] = []

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def recv(self, size: int) -> bytes:
        self.seen.append(self.timeout)
        if self.timeout is not None and self.takes > self.timeout:
            self.clock.now += self.timeout
            raise TimeoutError("timed out")
        self.clock.now += self.takes
        return b"x"

    def send(self, data: memoryview) -> int:
        self.recv(1)
        return min(3, len(data))

    def fileno(self) -> int:
        return 7


class TestTimedSocket:
    def test_each_wait_is_shorter_than_the_one_before(self, clock: Clock, running: RunningTimeout) -> None:
        stub = Stub(clock, takes=2.5)
        sock = TimedSocket(stub, Waits(running))
        for _ in range(4):
            sock.recv(1)
        assert stub.seen == [3, 3, 3, 2.5]
        with pytest.raises(DeadlineExceeded):
            sock.recv(1)
        assert stub.seen == [3, 3, 3, 2.5]

    def test_a_wait_that_the_read_limit_has_ended_is_no_deadline(
        self, clock: Clock, running: RunningTimeout
    ) -> None:
        with pytest.raises(TimeoutError) as caught:
            TimedSocket(Stub(clock, takes=60), Waits(running)).recv(1)
        assert not isinstance(caught.value, DeadlineExceeded)

    def test_one_that_the_deadline_has_ended_is(self, clock: Clock, running: RunningTimeout) -> None:
        clock.now = 9
        with pytest.raises(DeadlineExceeded) as caught:
            TimedSocket(Stub(clock, takes=60), Waits(running)).recv(1)
        assert isinstance(caught.value.__cause__, TimeoutError)

    def test_all_is_sent_under_the_same_deadline(self, clock: Clock, running: RunningTimeout) -> None:
        stub = Stub(clock, takes=1)
        TimedSocket(stub, Waits(running)).sendall(b"0123456789")
        assert stub.seen == [3, 3, 3, 3]
        with pytest.raises(DeadlineExceeded):
            TimedSocket(stub, Waits(running)).sendall(b"0" * 99)

    def test_the_rest_is_the_sockets(self, clock: Clock, running: RunningTimeout) -> None:
        assert TimedSocket(Stub(clock), Waits(running)).fileno() == 7

    def test_where_no_limits_hold_the_socket_has_its_own(self, clock: Clock) -> None:
        stub = Stub(clock)
        TimedSocket(stub, lambda: None).recv(1)
        assert stub.seen == [99]

    def test_the_file_reads_under_the_deadline_and_keeps_the_socket_open(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            file = TimedSocket(ours, Waits(Timeout(read=1, total=0.2).start())).makefile("rb")
            theirs.sendall(b"line\n")
            assert file.readline() == b"line\n"
            ours.close()
            with pytest.raises(DeadlineExceeded):
                file.readline()
            file.close()
            assert ours.fileno() == -1


class TestOpening:
    def test_the_first_of_two_limits_counts(self, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
        monkeypatch.setattr(deadlines.time, "monotonic", clock)
        running = Timeout(total=4).start(clock)
        opening = Opening(3, running)
        assert opening.within() == 3
        clock.now = 2
        assert opening.within() == 1
        clock.now = 3
        with pytest.raises(TimeoutError) as caught:
            opening.within()
        assert not isinstance(caught.value, DeadlineExceeded)
        clock.now = 4
        with pytest.raises(DeadlineExceeded):
            opening.within()
        late_one = Opening(9, running)
        with pytest.raises(DeadlineExceeded):
            late_one.within()

    @pytest.mark.parametrize("limit", [None, object()])
    def test_none_is_for_ever(self, limit: object) -> None:
        opening = Opening(limit, None)
        assert opening.within() is None
        error = TimeoutError()
        assert opening.late(error) is error


def test_late_by_less_than_a_clock_counts_is_the_deadline(clock: Clock, running: RunningTimeout) -> None:
    error = TimeoutError()
    clock.now = 9.9
    assert late(running, error) is error
    clock.now = 9.999
    assert isinstance(late(running, error), DeadlineExceeded)


def test_the_bare_socket_is_found_under_all_layers(clock: Clock, running: RunningTimeout) -> None:
    class Layer:
        def __init__(self, sock: Any) -> None:
            self.socket = sock

    with socket.socket() as sock:
        assert bare(sock) is sock
        assert bare(TimedSocket(Layer(TimedSocket(sock, Waits(running))), Waits(running))) is sock


class TestInTime:
    @pytest.fixture
    def hang(self) -> Iterator[threading.Event]:
        over = threading.Event()
        yield over
        over.set()
        ends = time.monotonic() + 5
        while errands._running and time.monotonic() < ends:
            time.sleep(0.001)
        assert not errands._running

    def test_gives_what_the_call_gives(self) -> None:
        assert in_time(lambda: 42, 5) == 42

    def test_raises_what_the_call_raises(self) -> None:
        def fail() -> None:
            raise LookupError("no such name")

        with pytest.raises(LookupError, match="no such name"):
            in_time(fail, 5)

    def test_it_runs_in_a_daemon(self) -> None:
        assert in_time(lambda: threading.current_thread().daemon, 5)

    def test_turns_its_back_when_the_time_is_up(self, hang: threading.Event) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            in_time(lambda: hang.wait(9), 0.03)
        assert time.monotonic() - began < 5

    def test_the_same_question_is_asked_once(self, hang: threading.Event) -> None:
        asked: list[int] = []

        def ask() -> str:
            asked.append(1)
            hang.wait(9)
            return "answer"

        for _ in range(3):
            with pytest.raises(TimeoutError):
                in_time(ask, 0.01, key="name")
        hang_soon = threading.Timer(0.03, hang.set)
        hang_soon.start()
        assert in_time(ask, 5, key="name") == "answer"
        hang_soon.join()
        assert asked == [1]
        assert in_time(lambda: "another", 5, key="name") == "another"

    def test_what_comes_too_late_is_discarded(self, hang: threading.Event) -> None:
        late_ones: list[str] = []
        with pytest.raises(TimeoutError):
            in_time(lambda: hang.wait(9) and "late", 0.01, discard=late_ones.append)
        assert late_ones == []
        hang.set()
        ends = time.monotonic() + 5
        while not late_ones and time.monotonic() < ends:
            time.sleep(0.001)
        assert late_ones == ["late"]

    def test_what_is_taken_is_not(self) -> None:
        discarded: list[int] = []
        assert in_time(lambda: 1, 5, discard=discarded.append) == 1
        assert discarded == []

    def test_too_many_that_hang_are_not_added_to(
        self, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deadlines, "_MOST_ABANDONED", 2)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                in_time(lambda: hang.wait(9), 0.01)
        with pytest.raises(TimeoutError, match="2 earlier lookups still hang"):
            in_time(lambda: 1, 5)

    def test_many_that_are_waited_for_are_no_such_case(
        self, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deadlines, "_MOST_ABANDONED", 2)
        answers: list[Any] = []
        waiting = [
            threading.Thread(target=lambda: answers.append(in_time(lambda: hang.wait(9), 9)))
            for _ in range(4)
        ]
        for thread in waiting:
            thread.start()
        assert in_time(lambda: 1, 5) == 1
        hang.set()
        for thread in waiting:
            thread.join()
        assert answers == [True] * 4

    def test_without_a_thread_to_be_had_it_runs_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_thread(thread: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", no_thread)
        assert in_time(lambda: 1, 5) == 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_child_does_not_wait_for_threads_of_its_parent(self, hang: threading.Event) -> None:
        with pytest.raises(TimeoutError):
            in_time(lambda: hang.wait(9), 0.01, key="name")
        child = os.fork()
        if not child:
            status = 1
            try:
                status = 0 if in_time(lambda: "own", 5, key="name") == "own" else 1
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_a_lookup_of_numbers_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from httpkit._wire import addresses

    def never(*_: Any, **__: Any) -> Callable[[], Any]:
        raise AssertionError("a thread for a number")

    monkeypatch.setattr(addresses, "in_time", never)
    for host in ("127.0.0.1", "::1"):
        assert addresses._looked_up_in_time(host, 80, socket.AF_UNSPEC, 5)
