"""Breakers: every transition, from every state, by a table; and any order of calls, compared with a plain model."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from httpkit import exceptions
from httpkit.breakers import Admission, Breaker, Outcome, ask, tell
from httpkit.stores import MemoryStore, State

BREAKER = Breaker(3, 30.0)
SUCCESS, FAILURE, NEITHER = Outcome

CLOSED = None
ONE, TWO = (0.0, 1.0, 0.0, -1.0), (0.0, 2.0, 0.0, -1.0)
OPEN = (1.0, 3.0, 100.0, -1.0)
PROBING = (2.0, 3.0, 100.0, 130.0)
READY = (2.0, 3.0, 100.0, -1.0)


def opened(now: float, failures: float = 3.0) -> State:
    return (1.0, failures, now, -1.0)


THROUGH = Admission()
ASKED = [
    ("closed", CLOSED, 100.0, CLOSED, THROUGH),
    ("closed, after failures", TWO, 100.0, TWO, THROUGH),
    ("open", OPEN, 100.0, OPEN, Admission(True, None, 30.0, 0.0)),
    ("open, a while later", OPEN, 120.0, OPEN, Admission(True, None, 10.0, 20.0)),
    ("open, reset is over", OPEN, 130.0, PROBING, Admission(ticket=130.0)),
    ("open, long over", OPEN, 500.0, (2.0, 3.0, 100.0, 500.0), Admission(ticket=500.0)),
    ("half-open, the probe is out", PROBING, 131.0, PROBING, Admission(True, None, 29.0, 31.0)),
    ("half-open, the probe is lost", PROBING, 160.0, (2.0, 3.0, 100.0, 160.0), Admission(ticket=160.0)),
    ("half-open, no probe is out", READY, 131.0, (2.0, 3.0, 100.0, 131.0), Admission(ticket=131.0)),
    (
        "half-open, no probe is out, early",
        (2.0, 3.0, 0.0, -1.0),
        5.0,
        (2.0, 3.0, 0.0, 5.0),
        Admission(ticket=5.0),
    ),
]


@pytest.mark.parametrize(
    "before, now, after, admission", [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_who_is_let_through(
    before: State | None, now: float, after: State | None, admission: Admission
) -> None:
    state, ttl, answer = ask(BREAKER, before, now)
    assert (state, answer) == (after, admission)
    assert ttl > BREAKER.reset


TOLD = [
    ("closed: success", CLOSED, SUCCESS, None, CLOSED),
    ("closed: failure", CLOSED, FAILURE, None, ONE),
    ("closed: neither", CLOSED, NEITHER, None, CLOSED),
    ("closed after failures: success", TWO, SUCCESS, None, CLOSED),
    ("closed after failures: one fewer than too many", ONE, FAILURE, None, TWO),
    ("closed after failures: too many", TWO, FAILURE, None, opened(140.0)),
    ("closed after failures: neither", TWO, NEITHER, None, TWO),
    ("closed: a probe that was given up succeeds", TWO, SUCCESS, 50.0, CLOSED),
    ("open: a call from before succeeds", OPEN, SUCCESS, None, OPEN),
    ("open: a call from before fails", OPEN, FAILURE, None, OPEN),
    ("open: a call from before tells nothing", OPEN, NEITHER, None, OPEN),
    ("open: a probe that was given up succeeds", OPEN, SUCCESS, 50.0, OPEN),
    ("half-open: the probe succeeds", PROBING, SUCCESS, 130.0, CLOSED),
    ("half-open: the probe fails", PROBING, FAILURE, 130.0, opened(140.0)),
    ("half-open: the probe tells nothing", PROBING, NEITHER, 130.0, READY),
    ("half-open: a call from before succeeds", PROBING, SUCCESS, None, PROBING),
    ("half-open: a call from before fails", PROBING, FAILURE, None, PROBING),
    ("half-open: a call from before tells nothing", PROBING, NEITHER, None, PROBING),
    ("half-open: a probe that was given up succeeds", PROBING, SUCCESS, 99.0, PROBING),
    ("half-open: a probe that was given up fails", PROBING, FAILURE, 99.0, PROBING),
    ("half-open without a probe: a call from before fails", READY, FAILURE, None, READY),
]


@pytest.mark.parametrize(
    "before, outcome, ticket, after", [row[1:] for row in TOLD], ids=[row[0] for row in TOLD]
)
def test_what_an_outcome_changes(
    before: State | None, outcome: Outcome, ticket: float | None, after: State | None
) -> None:
    state, ttl, _ = tell(BREAKER, outcome, ticket, before, 140.0)
    assert state == after
    assert ttl > BREAKER.reset
    assert json.loads(json.dumps(state)) == (None if state is None else list(state)), "others can keep it"


JUDGED: list[tuple[Breaker, Any, Outcome]] = [
    (BREAKER, 200, SUCCESS),
    (BREAKER, 404, SUCCESS),
    (BREAKER, 429, SUCCESS),
    (BREAKER, 501, SUCCESS),
    *((BREAKER, status, FAILURE) for status in (500, 502, 503, 504)),
    (Breaker(statuses=[429]), 429, FAILURE),
    (Breaker(statuses=[429]), 503, SUCCESS),
    (BREAKER, exceptions.ConnectTimeout(), FAILURE),
    (BREAKER, exceptions.ReadTimeout(), FAILURE),
    (BREAKER, exceptions.SSLError(), FAILURE),
    (BREAKER, exceptions.MalformedResponse(), FAILURE),
    (BREAKER, exceptions.InvalidURL(), NEITHER),
    (BREAKER, exceptions.BodyNotReplayable(), NEITHER),
    (BREAKER, KeyboardInterrupt(), NEITHER),
    (Breaker(on=(exceptions.ReadTimeout,)), exceptions.ConnectTimeout(), NEITHER),
    (Breaker(on=exceptions.ReadTimeout), exceptions.ReadTimeout(), FAILURE),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("breaker, end, outcome", JUDGED, ids=lambda value: repr(value)[:40])
def test_what_counts_as_a_failure(breaker: Breaker, end: Any, outcome: Outcome) -> None:
    given = {"status": end} if isinstance(end, int) else {"error": end}
    assert breaker.judge(**given) is outcome


@pytest.mark.parametrize(
    "given, error, says",
    [
        ({"failures": 0}, ValueError, "failures=0"),
        ({"failures": True}, ValueError, "failures=True"),
        ({"failures": 2.5}, ValueError, "failures=2.5"),
        ({"reset": 0}, ValueError, "reset=0"),
        ({"reset": -1}, ValueError, "reset=-1"),
        ({"reset": float("nan")}, ValueError, "reset=nan"),
        ({"reset": float("inf")}, ValueError, "reset=inf"),
        ({"reset": "30"}, ValueError, "reset='30'"),
        ({"statuses": 500}, TypeError, "statuses=500"),
        ({"statuses": "500"}, TypeError, "statuses='500'"),
        ({"statuses": [5]}, ValueError, r"statuses=\[5\]"),
        ({"statuses": ["500"]}, ValueError, "statuses="),
        ({"on": (500,)}, TypeError, "on="),
        ({"on": None}, TypeError, "on=None"),
    ],
    ids=str,
)
def test_what_is_no_setting_is_refused(given: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"Breaker: {says}"):
        Breaker(**given)


def test_it_is_a_value() -> None:
    breaker = Breaker(2, 5.0, statuses=[503, 500, 503])
    assert breaker == Breaker(2, 5.0, statuses={500, 503})
    assert hash(breaker) == hash(pickle.loads(pickle.dumps(breaker)))
    assert dataclasses.replace(breaker, failures=4).failures == 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        breaker.failures = 1  # type: ignore[misc]


class Circuits(RuleBasedStateMachine):
    """Calls begin, end and time passes in any order. The model knows what happened, and nothing of tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.breaker = Breaker(3, 30.0)
        self.store = MemoryStore(clock=lambda: self.now)
        self.under_way: list[tuple[float | None, bool]] = []
        self.mode = "closed"
        self.failures = 0
        self.opened = self.probed = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.5, 10.0, 29.0, 30.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_asks(self) -> None:
        admission = self.store.update("o", lambda state, now: ask(self.breaker, state, now))
        began = self.opened if self.mode == "open" else self.probed
        due = self.mode != "closed" and self.now >= began + 30
        assert admission.refused is (self.mode != "closed" and not due)
        assert (admission.ticket is not None) is due, "a probe when it is time for one, and at no other time"
        if admission.refused:
            assert 0 < admission.retry_after <= 30
            assert admission.since == self.now - self.opened
            return
        if due:
            self.mode, self.probed = "half-open", self.now
            self.under_way = [(ticket, False) for ticket, _ in self.under_way]
        self.under_way.append((admission.ticket, due))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def a_call_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        index = data.draw(st.integers(0, len(self.under_way) - 1))
        ticket, is_the_probe = self.under_way.pop(index)
        self.store.update("o", lambda state, now: tell(self.breaker, outcome, ticket, state, now))
        if self.mode == "closed":
            self.failures = 0 if outcome is SUCCESS else self.failures + (outcome is FAILURE)
            if self.failures == 3:
                self.mode, self.opened = "open", self.now
        elif self.mode == "half-open" and is_the_probe:
            if outcome is SUCCESS:
                self.mode, self.failures = "closed", 0
            elif outcome is FAILURE:
                self.mode, self.opened = "open", self.now
            else:
                self.probed = float("-inf")

    @invariant()
    def one_probe_at_a_time(self) -> None:
        assert sum(is_the_probe for _, is_the_probe in self.under_way) <= 1

    @invariant()
    def nothing_is_kept_of_a_healthy_origin(self) -> None:
        assert len(self.store) == (self.mode != "closed" or self.failures > 0)


TestCircuits = Circuits.TestCase
