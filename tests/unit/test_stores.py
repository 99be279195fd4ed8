"""Stores: states are changed one at a time, end by themselves, never outgrow their room, and fail nobody."""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit.stores import Change, Fallback, MemoryStore, State, T


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def put(value: float, ttl: float = 60.0) -> Change[None]:
    return lambda state, now: ((value,), ttl, None)


def look(state: State | None, now: float) -> tuple[State | None, float, State | None]:
    return state, 60.0, state


def count(state: State | None, now: float) -> tuple[State, float, float]:
    number = (state or (0.0,))[0] + 1
    return (number,), 60.0, number


def test_the_change_sees_the_state_and_the_time_and_its_answer_comes_back() -> None:
    store = MemoryStore(clock=lambda: 7.0)
    seen = []

    def change(state: State | None, now: float) -> tuple[State, float, str]:
        seen.append((state, now))
        return (1.0, 2.0), 60.0, "answer"

    assert [store.update("a", change), store.update("a", change)] == ["answer", "answer"]
    assert seen == [(None, 7.0), ((1.0, 2.0), 7.0)]


def test_none_keeps_nothing() -> None:
    store = MemoryStore()
    store.update("a", put(1))
    assert len(store) == 1
    store.update("a", lambda state, now: (None, 0.0, None))
    assert (len(store), store.update("a", look)) == (0, None)


def test_a_state_ends_after_its_time_and_each_update_gives_it_more() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.update("a", put(1, ttl=10))
    clock.now += 9
    store.update("a", put(2, ttl=10))
    clock.now += 9.9
    assert store.update("a", lambda state, now: (state, 0.2, state)) == (2,)
    clock.now += 0.2
    assert store.update("a", look) is None


def test_the_one_that_was_not_asked_for_the_longest_makes_room() -> None:
    store = MemoryStore(3)
    for key in "abcad":
        store.update(key, put(1))
    assert {key: store.update(key, lambda state, now: (state, 1.0, state)) for key in "abcd"} == {
        "a": (1,),
        "b": None,
        "c": (1,),
        "d": (1,),
    }


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0.1, 50), st.floats(0, 20))), st.integers(1, 5)
)
def test_it_never_has_more_states_than_room(steps: list[tuple[str, float, float]], size: int) -> None:
    clock = Clock()
    store = MemoryStore(size, clock=clock)
    ends: dict[str, float] = {}
    for key, ttl, passed in steps:
        clock.now += passed
        state = store.update(key, lambda state, now, ttl=ttl: ((1.0,), ttl, state))  # type: ignore[misc]
        assert state is None or ends[key] > clock.now, "never one that is over"
        ends[key] = clock.now + ttl
        assert len(store) <= size


def test_what_is_over_makes_room_before_it_is_needed() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(50):
        store.update(str(number), put(1, ttl=10))
    clock.now += 11
    store.update("new", put(1))
    assert len(store) == 1


def test_no_change_is_lost_between_threads() -> None:
    store = MemoryStore()

    def slowly(state: State | None, now: float) -> tuple[State, float, float]:
        time.sleep(0)  # lets another thread run
        return count(state, now)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.update("a", slowly), range(500)))
    assert sorted(answers) == [float(number) for number in range(1, 501)]


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "10", None])
def test_a_store_without_room_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="size="):
        MemoryStore(size)


def test_a_pickle_has_its_size_and_none_of_its_states() -> None:
    store = MemoryStore(12)
    store.update("a", put(1))
    copy = pickle.loads(pickle.dumps(store))
    assert (copy.size, len(copy), copy.update("a", count)) == (12, 0, 1.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_holds() -> None:
    store = MemoryStore()
    inside, leave = threading.Event(), threading.Event()

    def hold(state: State | None, now: float) -> tuple[State | None, float, None]:
        inside.set()
        leave.wait(10)
        return None, 0.0, None

    thread = threading.Thread(target=store.update, args=("a", hold))
    thread.start()
    assert inside.wait(10)
    child = os.fork()
    if not child:
        worker = threading.Thread(target=store.update, args=("b", count), daemon=True)
        worker.start()
        worker.join(5)
        os._exit(int(worker.is_alive()))
    status = os.waitpid(child, 0)[1]
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


class Shared:
    """A store that works or fails, as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0
        self.memory = MemoryStore()

    def update(self, key: str, change: Change[T]) -> T:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.memory.update(key, change)


def test_a_store_that_fails_fails_no_call_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpkit")
    shared, clock = Shared(), Clock()
    store = Fallback(shared, clock=clock)
    assert store.update("a", count) == 1
    shared.error = ConnectionRefusedError("redis://user:secret@localhost")
    assert [store.update("a", count) for _ in range(3)] == [1, 2, 3], "this process counts for itself"
    clock.now += 10
    assert store.update("a", count) == 4
    shared.error = None
    clock.now += 10
    assert [store.update("a", count), store.update("a", count)] == [2, 3]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "ConnectionRefusedError" in caplog.text
    assert "secret" not in caplog.text


def test_a_store_that_fails_is_left_alone_for_a_while() -> None:
    shared, clock = Shared(), Clock()
    shared.error = TimeoutError()
    store = Fallback(shared, clock=clock)
    for _ in range(10):
        store.update("a", count)
    assert shared.asked == 1
    clock.now += 5
    store.update("a", count)
    assert shared.asked == 2


def test_each_failure_after_it_worked_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    shared, clock = Shared(), Clock()
    store = Fallback(shared, clock=clock)
    for _ in range(2):
        shared.error = OSError()
        store.update("a", count)
        shared.error = None
        clock.now += 10
        store.update("a", count)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_of_many_threads_one_tells_of_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(8)

    class Slow:
        def update(self, key: str, change: Change[T]) -> T:
            together.wait(10)
            raise OSError

    store = Fallback(Slow())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.update("a", count), range(8)))
    assert sorted(answers) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(caplog.records) == 1
