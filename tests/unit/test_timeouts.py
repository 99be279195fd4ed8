"""Timeouts: a finite default, and one reading of all the forms in which a caller may give one."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import socket
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from httpkit.exceptions import DeadlineExceeded
from httpkit.timeouts import (
    DEFAULT_TIMEOUT,
    NO_LIMIT,
    UNSET,
    RunningTimeout,
    Stopwatch,
    Timeout,
    remaining,
)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_the_default_is_finite() -> None:
    assert Timeout() == DEFAULT_TIMEOUT == Timeout(connect=10, read=60)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (3, (3, 3)),
        (0.5, (0.5, 0.5)),
        ((3, 5), (3, 5)),
        ([3, 5], (3, 5)),
        ((None, 5), (None, 5)),
        ((3, None), (3, None)),
        ((None, None), (None, None)),
        (None, (None, None)),
        (Decimal("1.5"), (1.5, 1.5)),
        (Fraction(1, 2), (0.5, 0.5)),
        (math.inf, (None, None)),
        (1e300, (None, None)),
        (2_147_483.0, (None, None)),
        (Timeout(1, 2), (1, 2)),
        (urllib3.Timeout(connect=1, read=2), (1, 2)),
        (urllib3.Timeout(3), (3, 3)),
        (urllib3.Timeout(total=3), (3, 3)),
        (urllib3.Timeout(connect=5, read=1, total=3), (3, 1)),
        (urllib3.Timeout(connect=None, read=None), (None, None)),
    ],
    ids=repr,
)
def test_every_form_is_understood(given: Any, expected: tuple[float | None, float | None]) -> None:
    timeout = Timeout.of(given)
    assert (timeout.connect, timeout.read) == expected
    assert {type(timeout.connect), type(timeout.read)} <= {int, float, type(None)}
    with socket.socket() as sock:
        sock.settimeout(timeout.connect)
        sock.settimeout(timeout.read)


@pytest.mark.parametrize(
    "given",
    [
        0,
        -1,
        (0, 1),
        (1, -1),
        math.nan,
        "abc",
        "",
        "3",
        b"3",
        (1,),
        (1, 2, 3),
        (),
        ("a", "b"),
        True,
        False,
        (True, 1),
        object,
        {"connect": 1},
        -math.inf,
    ],
    ids=repr,
)
def test_what_is_no_timeout_is_a_value_error_that_says_so(given: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Timeout.of(given)


def test_it_is_a_value() -> None:
    timeout = Timeout(1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeout.read = 5  # type: ignore[misc]
    assert dataclasses.replace(timeout, read=5) == Timeout(1, 5)
    assert hash(timeout) == hash(Timeout(1, 2))
    with pytest.raises(ValueError):
        dataclasses.replace(timeout, read=0)


def test_a_timeout_is_read_without_a_copy() -> None:
    timeout = Timeout(1, 2)
    assert Timeout.of(timeout) is timeout
    assert Timeout.of(None) is NO_LIMIT


@given(st.floats(min_value=1e-6, max_value=1e9), st.floats(min_value=1e-6, max_value=1e9))
def test_pairs_and_urllib3_timeouts_mean_the_same(connect: float, read: float) -> None:
    assert Timeout.of((connect, read)) == Timeout.of(urllib3.Timeout(connect=connect, read=read))


@pytest.mark.parametrize(
    "travel", [lambda value: pickle.loads(pickle.dumps(value)), copy.copy, copy.deepcopy]
)
def test_unset_stays_the_one_it_is(travel: Any) -> None:
    assert travel(UNSET) is UNSET
    assert repr(UNSET) == "UNSET"


def test_the_limits_by_position_are_connect_read_total_pool() -> None:
    timeout = Timeout(1, 2, 3, 4)
    assert (timeout.connect, timeout.read, timeout.total, timeout.pool) == (1, 2, 3, 4)
    assert (Timeout().total, Timeout().pool) == (None, None)


@pytest.mark.parametrize("name", ["connect", "read", "total", "pool"])
@pytest.mark.parametrize("limit", [0, -1, True, "3", math.nan], ids=repr)
def test_the_error_names_the_limit(name: str, limit: Any) -> None:
    with pytest.raises(ValueError, match=f"timeout: {name} is "):
        Timeout(**{name: limit})


def test_the_total_of_urllib3_is_one_for_each_attempt() -> None:
    timeout = Timeout.of(urllib3.Timeout(total=3))
    assert (timeout.connect, timeout.read, timeout.total) == (3, 3, None)


class TestRunning:
    def test_one_clock_covers_the_call(self) -> None:
        clock = Clock()
        running = Timeout(10, 60, 5).start(clock)
        assert type(running) is RunningTimeout
        assert (running.connect, running.read, running.total, running.pool) == (10, 60, 5, None)
        assert (running.deadline, running.remaining()) == (1005, 5)
        clock.now += 2
        assert running.remaining() == 3 == remaining(running)
        assert running.start(clock) is running is Timeout.of(running)
        clock.now += 4
        assert running.remaining() == -1
        assert dataclasses.replace(running, read=1).deadline == 1005

    def test_without_a_total_it_never_ends(self) -> None:
        running = Timeout(10, 60).start(Clock())
        assert running.remaining() == math.inf
        assert remaining(running) is None
        assert running.within(60) == 60
        assert running.within() is None

    @pytest.mark.parametrize(
        ("value", "left"),
        [
            (None, None),
            (3, None),
            ((1, 2), None),
            (urllib3.Timeout(total=3), None),
            (UNSET, None),
            (Timeout(1, 2), None),
            (Timeout(total=7), 7),
        ],
        ids=repr,
    )
    def test_what_is_left_of_any_timeout(self, value: Any, left: float | None) -> None:
        assert remaining(value) == left

    @given(
        st.floats(min_value=1e-3, max_value=1e6),
        st.one_of(st.none(), st.floats(min_value=1e-3, max_value=1e6)),
        st.lists(st.floats(min_value=0, max_value=1e6), max_size=5),
    )
    def test_no_wait_goes_past_the_deadline(
        self, total: float, limit: float | None, steps: list[float]
    ) -> None:
        clock = Clock(0.0)
        running = Timeout(total=total).start(clock)
        for step in steps:
            clock.now += step
            if clock.now >= total:
                with pytest.raises(DeadlineExceeded):
                    running.within(limit)
            else:
                wait = running.within(limit)
                assert wait is not None
                assert 0 < wait
                assert clock.now + wait <= total * (1 + 1e-9)
                assert limit is None or wait <= limit

    def test_the_error_says_which_limit_it_was_and_where_the_time_went(self) -> None:
        clock = Clock()
        running = Timeout(total=1.5).start(clock)
        for phase, seconds in (("pool", 0.0), ("connect", 0.25), ("head", 0.5), ("body", 0.75)):
            running.enter(phase)
            clock.now += seconds
        with pytest.raises(DeadlineExceeded) as caught:
            running.within(60)
        error = caught.value
        assert (error.total, error.phase) == (1.5, "body")
        assert error.spent == {"pool": 0, "connect": 0.25, "head": 0.5, "body": 0.75}
        assert str(error) == (
            "the 1.5 s that the call was given (total) were over while the body was read "
            "(connect 0.25 s, head 0.50 s, body 0.75 s). "
            "If it may take longer, give a larger timeout=Timeout(total=...)"
        )
        again = pickle.loads(pickle.dumps(error))
        assert (again.total, again.phase, again.spent, str(again)) == (
            1.5,
            "body",
            error.spent,
            str(error),
        )

    def test_a_bare_error_has_nothing_to_say(self) -> None:
        error = DeadlineExceeded("too late")
        assert (error.total, error.phase, dict(error.spent), str(error)) == (0, "", {}, "too late")


def test_a_phase_may_come_back_and_hops_are_folded() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 9  # before the first phase
    for phase, seconds in (("head", 1.0), ("body", 2.0), ("head", 4.0)):
        watch.enter(phase)
        clock.now += seconds
    assert watch.spent() == {"head": 5, "body": 2}
    watch.fold("redirects")
    clock.now += 1
    watch.enter("head")
    clock.now += 1
    assert watch.spent() == {"redirects": 8, "head": 1}
    assert watch.phase == "head"
