"""Limits: no window holds more turns than calls, nobody waits without need, a server that asks for silence has it."""

from __future__ import annotations

import bisect
import dataclasses
import heapq
import itertools
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpkit.ratelimits import RateLimit, Turn, hold, take_turn
from httpkit.stores import MemoryStore, State


class Log:
    """A log with a clock of its own."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.now = 1000.0
        self.store = MemoryStore(clock=lambda: self.now)

    def take(self, patience: float = math.inf, held: Turn | None = None) -> Turn:
        return self.store.update("k", lambda s, now: take_turn(self.limit, patience, held, s, now))

    def hold(self, seconds: float) -> None:
        self.store.update("k", lambda s, now: hold(self.limit, seconds, s, now))

    @property
    def state(self) -> State:
        return self.store.update("k", lambda s, now: (s, 1e9, s)) or ()


def most_in_a_window(turns: list[float], per: float) -> int:
    """How many of *turns*, which ascend, lie in [t, t + per) for the worst t."""
    return max((bisect.bisect_left(turns, turn + per) - index for index, turn in enumerate(turns)), default=0)


def test_the_formula() -> None:
    log = Log(RateLimit(3, per=10))
    assert [log.take().wait for _ in range(7)] == [0, 0, 0, 10, 10, 10, 20]
    log.now += 12
    assert log.take() == Turn(True, 8.0, 1020.0)


def test_one_call_in_a_span_spreads_them() -> None:
    log = Log(RateLimit(1, per=0.5))
    assert [log.take().wait for _ in range(4)] == [0, 0.5, 1.0, 1.5]


def test_the_window_slides() -> None:
    log = Log(RateLimit(2, per=10))
    log.take()
    log.now += 9
    assert log.take().wait == 0
    log.now += 1
    assert log.take().wait == 0, "the first is ten seconds old"
    assert log.take().wait == 9, "the second is one second old"


def test_who_may_not_wait_takes_nobodys_turn() -> None:
    log = Log(RateLimit(1, per=10))
    log.take()
    before = log.state
    assert log.take(patience=9.9) == Turn(False, 10.0, 1010.0)
    assert log.state == before
    assert log.take(patience=10) == Turn(True, 10.0, 1010.0)


@pytest.mark.parametrize("calls", [1, 2, 7, 256, 257, 300, 1000])
@settings(max_examples=40)
@given(st.data())
def test_no_window_ever_holds_more_turns_than_calls(calls: int, data: st.DataObject) -> None:
    """For logs that are kept in groups as well. A caller that comes when it likes, often or rarely."""
    log = Log(RateLimit(calls, per=10))
    turns = []
    for _ in range(data.draw(st.integers(1, 6))):
        for _ in range(data.draw(st.integers(1, calls + calls // 2))):
            turns.append(log.take().at)
        log.now += data.draw(st.sampled_from([0, 0.25, 1, 5, 9.75, 10, 30]))
    assert turns == sorted(turns), "nobody is overtaken"
    assert most_in_a_window(turns, 10) <= calls
    assert len(log.state) <= 260, "the state is bounded"
    assert json.loads(json.dumps(log.state)) == list(log.state), "others can keep it"


@pytest.mark.parametrize("calls", [1, 10, 256])
@given(st.lists(st.sampled_from([0, 0.125, 0.5, 2, 10]), min_size=1, max_size=600))
def test_no_call_waits_without_need(calls: int, pauses: list[float]) -> None:
    log = Log(RateLimit(calls, per=10))
    turns: list[float] = []
    for pause in pauses:
        log.now += pause
        turn = log.take()
        if turn.wait:
            assert turn.at == turns[-calls] + 10
        turns.append(turn.at)


def test_a_log_in_groups_lets_all_calls_go_at_once_and_loses_little() -> None:
    log = Log(RateLimit(5000, per=3600))
    assert {log.take().wait for _ in range(5000)} == {0}
    assert log.take().wait == 3600
    spread = Log(RateLimit(5000, per=3600))
    for _ in range(20_000):
        spread.now = max(spread.now, spread.take().at)
    assert spread.now - 1000 < 4 * 3600


def test_silence_holds_for_all_and_ends() -> None:
    log = Log(RateLimit(5, per=1))
    log.take()
    log.hold(30)
    assert log.take(patience=29) == Turn(False, 30.0, 1030.0, delay=30.0)
    log.now += 10
    log.hold(5)
    assert log.take() == Turn(True, 20.0, 1030.0, delay=30.0), "the longer silence counts"
    log.now += 21
    assert log.take().wait == 0


def test_silence_is_capped() -> None:
    log = Log(RateLimit(5, per=1, max_hint=60))
    log.hold(1e12)
    assert log.take().wait == 60


def test_a_turn_that_is_held_is_kept_unless_the_server_asks_for_silence() -> None:
    log = Log(RateLimit(1, per=10))
    log.take()
    turn = log.take()
    log.now = turn.at
    before = log.state
    assert log.take(held=turn) == Turn(True, 0.0, turn.at)
    assert log.state == before, "it was counted when it was taken"
    log.hold(30)
    assert log.take(held=turn) == Turn(True, 30.0, turn.at + 30, delay=30.0)
    assert log.take(patience=29, held=turn).granted is False


def test_a_turn_that_was_missed_before_a_silence_is_taken_anew() -> None:
    log = Log(RateLimit(1, per=10))
    log.take()
    turn = log.take()
    log.now = turn.at + 1
    log.hold(30)
    assert log.take(held=turn) == Turn(True, 30.0, log.now + 30, delay=30.0)


def test_a_turn_of_another_clock_waits_no_longer_than_turns_were_put_off() -> None:
    """A store that failed has another clock than the one that takes its place."""
    log = Log(RateLimit(1, per=10))
    log.hold(30)
    assert log.take(held=Turn(True, 5.0, 1e9)).wait == 30


def test_turns_are_put_off_by_as_long_as_silences_last() -> None:
    log = Log(RateLimit(1, per=10))
    turns = [log.take() for _ in range(4)]
    log.now += 5
    log.hold(8)
    log.now += 4
    log.hold(8)
    assert [log.take(held=turn).at for turn in turns[1:]] == [turn.at + 12 for turn in turns[1:]]
    assert log.take().at == turns[-1].at + 12 + 10


def test_a_shorter_silence_than_the_one_that_holds_changes_nothing() -> None:
    log = Log(RateLimit(1, per=1))
    log.hold(30)
    turns = [log.take() for _ in range(5)]
    before = log.state
    log.hold(10)
    assert log.state == before
    assert [log.take(held=turn).wait for turn in turns] == [0] * 5


@pytest.mark.parametrize("calls", [1, 3, 300])
@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 500).map(lambda number: number / 8),  # exact in binary, so that no rounding shows
            st.integers(1, 400) | st.sampled_from(["0.5", "7", "30"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_silences_come_the_limit_holds(calls: int, events: list[tuple[float, int | str]]) -> None:
    """A number is that of calls that come, a text that of seconds that the server wants to be left alone."""
    log = Log(RateLimit(calls, per=10))
    waiting: list[tuple[float, int, Turn | None]] = []
    order = itertools.count()
    for at, what in events:
        waiting += [(1000 + at, next(order), None) for _ in range(what)] if isinstance(what, int) else []
    silences = sorted((1000 + at, float(what)) for at, what in events if isinstance(what, str))
    sent = []
    quiet = 0.0
    heapq.heapify(waiting)
    while waiting:
        if silences and silences[0][0] <= waiting[0][0]:
            log.now, seconds = silences.pop(0)
            log.hold(seconds)
            quiet = max(quiet, log.now + seconds)
            continue
        at, _, held = heapq.heappop(waiting)
        log.now = at
        turn = log.take(held=held)
        if turn.wait:
            heapq.heappush(waiting, (log.now + turn.wait, next(order), turn))
        else:
            assert log.now >= quiet, "nobody breaks the silence"
            sent.append(log.now)
    assert most_in_a_window(sent, 10) <= calls
    assert len(log.state) <= 260


PATIENCE = [
    (None, None, 0, math.inf),
    (2.0, None, 9.0, 2.0),
    (None, 3.0, 0, 3.0),
    (None, 3.0, 1.0, 2.0),
    (2.0, 3.0, 0, 2.0),
    (5.0, 3.0, 0, 3.0),
    (None, 0, 0, 0),
    (-1.0, None, 0, 0),
    (None, 3.0, 4.0, 0),
]


@pytest.mark.parametrize("remaining, max_wait, waited, patience", PATIENCE)
def test_patience(remaining: float | None, max_wait: float | None, waited: float, patience: float) -> None:
    assert RateLimit(1, 1, max_wait=max_wait).patience(remaining, waited) == patience


@pytest.mark.parametrize(
    "given, error, says",
    [
        ({"calls": 0}, ValueError, "calls=0"),
        ({"calls": True}, ValueError, "calls=True"),
        ({"calls": 1.5}, ValueError, "calls=1.5"),
        ({"per": 0}, ValueError, "per=0"),
        ({"per": -1}, ValueError, "per=-1"),
        ({"per": math.inf}, ValueError, "per=inf"),
        ({"per": "1"}, ValueError, "per='1'"),
        ({"key": "path"}, TypeError, "key='path'"),
        ({"key": None}, TypeError, "key=None"),
        ({"max_wait": -1}, ValueError, "max_wait=-1"),
        ({"max_wait": math.nan}, ValueError, "max_wait=nan"),
        ({"max_hint": None}, ValueError, "max_hint=None"),
    ],
    ids=str,
)
def test_what_is_no_setting_is_refused(given: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"RateLimit: {says}"):
        RateLimit(**{"calls": 1, "per": 1, **given})


def test_it_is_a_value() -> None:
    limit = RateLimit(10, 1.0, "host")
    assert hash(limit) == hash(pickle.loads(pickle.dumps(limit)))
    assert dataclasses.replace(limit, calls=5) == RateLimit(5, 1.0, key="host")
    with pytest.raises(dataclasses.FrozenInstanceError):
        limit.calls = 1  # type: ignore[misc]
