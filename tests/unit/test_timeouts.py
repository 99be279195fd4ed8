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

from httpkit.timeouts import DEFAULT_TIMEOUT, NO_LIMIT, UNSET, Timeout


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
