"""When a request is sent again: decisions over tables, and what holds for all of them."""

from __future__ import annotations

import copy
import math
import pickle
import random
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import httpkit
from httpkit import exceptions
from httpkit.retries import Attempt, Budget, Decision, Retry, Tokens, Tried, decide, never_left
from httpkit.stores import MemoryStore
from httpkit.structures import CaseInsensitiveDict

NOW = 1_700_000_000.0
LATER = "Tue, 14 Nov 2023 22:13:40 GMT"  # twenty seconds after NOW


@dataclass
class Answer:
    """All that a decision asks of a response."""

    status_code: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)


def ask(
    outcome: Any,
    policy: Retry | None = None,
    *,
    number: int = 1,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    remaining: float | None = None,
    random: Callable[[], float] = lambda: 1.0,
) -> Decision:
    fields = CaseInsensitiveDict(headers or {})
    chosen = Retry() if policy is None else policy
    return decide(chosen, number, method, fields, outcome, remaining=remaining, random=random, now=NOW)


def truncated() -> exceptions.MalformedResponse:
    error = exceptions.MalformedResponse("cut")
    error.is_truncated = True
    return error


NEW = urllib3.exceptions.NewConnectionError(None, "refused")  # type: ignore[arg-type]

ERRORS: dict[str, tuple[Exception, bool, bool]] = {
    # what, tried again after GET, after POST
    "no connection": (exceptions.ConnectionError(NEW), True, True),
    "no connection, in urllib3's wrapping": (
        exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", NEW)),  # type: ignore[arg-type]
        True,
        True,
    ),
    "connect timeout": (exceptions.ConnectTimeout("late"), True, True),
    "no connection to the proxy": (exceptions.ProxyError(NEW), True, True),
    "reset": (exceptions.ConnectionError(ConnectionResetError()), True, False),
    "of a mock": (exceptions.ConnectionError(), True, False),
    "read timeout": (exceptions.ReadTimeout("late"), True, False),
    "cut in the head": (truncated(), True, False),
    "cut in the body": (exceptions.ChunkedEncodingError("cut"), True, False),
    "ended in the handshake": (exceptions.SSLError(ssl.SSLEOFError("eof")), True, False),
    "tunnel refused for now": (
        exceptions.ProxyError(OSError("Tunnel connection failed: 503 Busy")),
        True,
        False,
    ),
    "tunnel refused for good": (
        exceptions.ProxyError(OSError("Tunnel connection failed: 407 Who?")),
        False,
        False,
    ),
    "certificate": (exceptions.SSLError(ssl.SSLCertVerificationError("expired")), False, False),
    "no TLS": (exceptions.SSLError(ssl.SSLError("WRONG_VERSION_NUMBER")), False, False),
    "no HTTP": (exceptions.MalformedResponse("SSH-2.0"), False, False),
    "URL": (exceptions.InvalidURL("no host"), False, False),
    "scheme": (exceptions.InvalidSchema("ftp"), False, False),
    "field": (exceptions.InvalidHeader("LF"), False, False),
    "proxy's URL": (exceptions.InvalidProxyURL("no host"), False, False),
    "redirects": (exceptions.TooManyRedirects("31"), False, False),
    "coding": (exceptions.ContentDecodingError("not gzip"), False, False),
    "too large": (exceptions.ResponseTooLarge("1 GB"), False, False),
    "deadline": (exceptions.DeadlineExceeded("over"), False, False),
    "urllib3's retries": (exceptions.RetryError("used up"), False, False),
    "body": (exceptions.BodyNotReplayable("a generator"), False, False),
    "status": (exceptions.HTTPError("503"), False, False),
    "address": (exceptions.AddressNotAllowed("loopback"), False, False),
    "breaker": (exceptions.CircuitOpen("open"), False, False),
    "rate limit": (exceptions.RateLimitExceeded("late"), False, False),
}


class TestWhatIsTriedAgain:
    @pytest.mark.parametrize("error, get, post", ERRORS.values(), ids=ERRORS)
    def test_of_errors(self, error: exceptions.RequestException, get: bool, post: bool) -> None:
        assert ask(error).retry is get
        assert ask(error, method="POST").retry is post

    def test_an_open_breaker_is_waited_for_where_the_policy_names_it(self) -> None:
        """Whatever the method, since nothing was sent."""
        error = exceptions.CircuitOpen("open")
        error.retry_after = 20
        policy = Retry(on=(exceptions.CircuitOpen,), backoff=0)
        decision = ask(error, policy, method="POST")
        assert (decision.retry, decision.delay) == (True, 20)
        assert ask(error, replace(policy, retry_after_max=5)).delay == 5
        assert ask(error, replace(policy, respect_retry_after=False)).delay == 0
        assert not ask(error, policy, remaining=20).retry

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_of_statuses(self, status: int) -> None:
        assert ask(Answer(status)).retry
        assert ask(Answer(status), method="POST") == Decision(False, why="POST may have been carried out")

    @pytest.mark.parametrize("status", [200, 204, 301, 304, 307, 400, 401, 403, 404, 409, 412, 422, 501, 505])
    def test_not_of_others(self, status: int) -> None:
        assert ask(Answer(status)) == Decision(False, why=f"status {status} is not tried again")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "get"])
    def test_idempotent_methods_rfc9110_9_2_2(self, method: str) -> None:
        assert ask(Answer(), method=method).retry

    @pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "PROPPATCH", ""])
    def test_others_with_a_key_only(self, method: str) -> None:
        assert not ask(Answer(), method=method).retry
        assert ask(Answer(), method=method, headers={"IDEMPOTENCY-KEY": "1"}).retry

    def test_methods_can_be_chosen(self) -> None:
        assert ask(Answer(), Retry(methods=["post"]), method="POST").retry
        assert not ask(Answer(), Retry(methods=["post"]), method="GET").retry
        assert ask(Answer(), Retry(methods=None), method="PATCH").retry
        assert not ask(Answer(), Retry(methods=())).retry

    def test_statuses_can_be_chosen(self) -> None:
        assert ask(Answer(404), Retry(statuses=[404])).retry
        assert ask(Answer(599), Retry(statuses=range(500, 600))).retry
        assert not ask(Answer(503), Retry(statuses=())).retry

    def test_errors_can_be_chosen(self) -> None:
        policy = Retry(on=(exceptions.ReadTimeout,))
        assert ask(exceptions.ReadTimeout("late"), policy).retry
        assert not ask(exceptions.ConnectTimeout("late"), policy).retry
        assert not ask(exceptions.ReadTimeout("late"), Retry(on=())).retry

    def test_an_error_that_is_asked_for_by_name(self) -> None:
        certificate = exceptions.SSLError(ssl.SSLCertVerificationError("expired"))
        assert ask(certificate, Retry(on=(exceptions.SSLError,))).retry
        assert ask(exceptions.MalformedResponse("x"), Retry(on=(exceptions.MalformedResponse,))).retry
        assert not ask(certificate, Retry(on=(exceptions.RequestException,))).retry

    @pytest.mark.parametrize("said", [True, False, None])
    @pytest.mark.parametrize("outcome, plainly", [(Answer(200), False), (Answer(503), True)])
    def test_the_predicate_has_the_say(self, said: bool | None, outcome: Answer, plainly: bool) -> None:
        decision = ask(outcome, Retry(predicate=lambda _: said))
        assert decision.retry is (plainly if said is None else said)

    def test_the_predicate_answers_for_methods_too(self) -> None:
        assert ask(Answer(200), Retry(predicate=lambda _: True), method="POST").retry

    def test_but_not_for_the_number(self) -> None:
        assert not ask(Answer(), Retry(2, predicate=lambda _: True), number=2).retry

    def test_wrapped_in_itself_an_error_is_followed_to_an_end(self) -> None:
        error = exceptions.ConnectionError()
        error.args = (error, error)
        error.__cause__ = error
        assert not never_left(error)
        assert ask(error).retry


class TestWaits:
    @pytest.mark.parametrize("number, most", [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (100_000, 30.0)])
    def test_the_formula(self, number: int, most: float) -> None:
        policy = Retry(1_000_000)
        assert policy.wait_after(number, lambda: 1.0) == most
        assert policy.wait_after(number, lambda: 0.25) == most / 4
        assert replace(policy, jitter=False).wait_after(number, lambda: 0.25) == most

    def test_a_seed_gives_given_waits(self) -> None:
        policy = Retry(4, seed=7)
        source, again = policy.random(), policy.random()
        waits = [policy.wait_after(number, source) for number in (1, 2, 3)]
        assert waits == [policy.wait_after(number, again) for number in (1, 2, 3)]
        plain = random.Random(7)
        assert waits == [plain.random() * most for most in (0.5, 1.0, 2.0)]

    def test_without_one_they_differ(self) -> None:
        source = Retry().random()
        assert len({source() for _ in range(10)}) > 1

    @pytest.mark.parametrize(
        "value, delay",
        [
            ("7", 7.0),
            ("0", 0.5),
            ("600", 60.0),
            (LATER, 20.0),
            ("Tue, 14 Nov 2023 20:00:00 GMT", 0.5),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
            ("soon", 0.5),
            ("-1", 0.5),
            ("1.5", 0.5),
            ("", 0.5),
            ("9" * 5000, 60.0),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_retry_after_rfc9110_10_2_3(self, value: str, delay: float) -> None:
        for status in (429, 503):
            assert ask(Answer(status, {"retry-after": value})).delay == delay

    def test_retry_after_is_capped(self) -> None:
        answer = Answer(503, {"retry-after": "600"})
        assert ask(answer).delay == 60.0
        assert ask(answer, Retry(retry_after_max=3600)).delay == 600.0
        assert ask(answer, Retry(retry_after_max=0)).delay == 0.5
        assert ask(answer, Retry(respect_retry_after=False)).delay == 0.5

    def test_of_an_error_there_is_none(self) -> None:
        assert ask(exceptions.ReadTimeout("late", response=Answer(503, {"retry-after": "7"}))).delay == 0.5  # type: ignore[arg-type]


class TestTheEnd:
    def test_attempts_are_all_tries(self) -> None:
        assert ask(Answer(), Retry(3), number=2).retry
        decision = ask(Answer(), Retry(3), number=3)
        assert decision == Decision(False, why="status 503, and there are no more attempts", wanted=True)

    @pytest.mark.parametrize(
        "remaining, retry", [(0.51, True), (0.5, False), (0.0, False), (-1.0, False), (None, True)]
    )
    def test_no_wait_beyond_the_deadline(self, remaining: float | None, retry: bool) -> None:
        assert ask(Answer(), remaining=remaining).retry is retry

    def test_no_wait_that_a_server_asks_for_either(self) -> None:
        decision = ask(Answer(503, {"retry-after": "30"}), remaining=1.0)
        assert decision == Decision(
            False, why="status 503, and waiting 30 s would pass the deadline", wanted=True
        )


ANYTHING = st.one_of(
    st.builds(
        Answer,
        st.integers(100, 599),
        st.fixed_dictionaries(
            {}, optional={"retry-after": st.one_of(st.integers(0, 10**6).map(str), st.text())}
        ),
    ),
    st.sampled_from([error for error, _, _ in ERRORS.values()]),
)
POLICIES = st.builds(
    Retry,
    st.integers(1, 8),
    methods=st.one_of(st.none(), st.frozensets(st.sampled_from(["GET", "POST", "PUT"]))),
    statuses=st.frozensets(st.integers(100, 599)),
    backoff=st.floats(0, 1e6),
    backoff_max=st.floats(0, 1e6),
    retry_after_max=st.floats(0, 1e6),
    jitter=st.booleans(),
    respect_retry_after=st.booleans(),
    seed=st.one_of(st.none(), st.integers()),
    predicate=st.sampled_from([None, lambda _: True, lambda _: None]),
)


class TestAlways:
    @given(policy=POLICIES, outcome=ANYTHING, remaining=st.one_of(st.none(), st.floats(-10, 1e6)))
    def test_never_more_attempts_than_allowed_and_no_wait_out_of_bounds(
        self, policy: Retry, outcome: Any, remaining: float | None
    ) -> None:
        source = policy.random()
        made = 0
        while True:
            made += 1
            decision = ask(outcome, policy, number=made, remaining=remaining, random=source)
            if not decision.retry:
                break
            assert 0 <= decision.delay <= max(policy.backoff_max, policy.retry_after_max)
            if remaining is not None:
                assert decision.delay < remaining
                remaining -= decision.delay
        assert made <= policy.attempts
        assert decision.delay == 0

    @given(policy=POLICIES, number=st.integers(1, 10**9), drawn=st.floats(0, 1))
    def test_waits_are_between_nothing_and_the_most(self, policy: Retry, number: int, drawn: float) -> None:
        assert 0 <= policy.wait_after(number, lambda: drawn) <= policy.backoff_max

    @given(
        budget=st.builds(Budget, st.floats(0, 3), st.floats(1, 50)),
        steps=st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=200),
    )
    def test_a_budget_is_never_negative_and_never_overdrawn(
        self, budget: Budget, steps: list[tuple[bool, int]]
    ) -> None:
        tokens = Tokens()
        calls, retries = dict.fromkeys(range(6), 0), dict.fromkeys(range(6), 0)
        for is_call, key in steps:
            if is_call:
                tokens.earn(budget, key)
                calls[key] += 1
            else:
                retries[key] += tokens.try_spend(budget, key)
            assert 0 <= tokens.left(budget, key) <= budget.reserve
            assert retries[key] <= budget.reserve + budget.ratio * calls[key] + 1e-6


class TestBudgets:
    def test_a_fifth_of_the_load_after_the_reserve(self) -> None:
        tokens, budget = Tokens(), Budget()
        spent = 0
        for _ in range(100):
            tokens.earn(budget, "origin")
            spent += sum(tokens.try_spend(budget, "origin") for _ in range(3))
        # The first call finds the bucket full, and adds nothing.
        assert spent == 29

    def test_the_store_bounds_them_and_the_oldest_goes(self) -> None:
        store = MemoryStore(3)
        tokens, budget = Tokens(store), Budget(ratio=0.5, reserve=1)
        for key in "abc":
            assert tokens.try_spend(budget, key)
        tokens.earn(budget, "a")
        assert tokens.try_spend(budget, "d")
        assert len(store) == 3
        assert [tokens.left(budget, key) for key in "abcd"] == [0.5, 1, 0, 0]

    def test_a_full_bucket_takes_no_room(self) -> None:
        store = MemoryStore()
        tokens, budget = Tokens(store), Budget(ratio=0.5, reserve=1)
        tokens.earn(budget, "a")
        tokens.try_spend(budget, "a")
        assert len(store) == 1
        tokens.earn(budget, "a")
        tokens.earn(budget, "a")
        assert (len(store), tokens.left(budget, "a")) == (0, 1)

    def test_sessions_may_share_them(self) -> None:
        store, budget = MemoryStore(), Budget(ratio=0, reserve=1)
        assert Tokens(store).try_spend(budget, "a")
        assert not Tokens(store).try_spend(budget, "a")

    def test_budgets_do_not_mix(self) -> None:
        tokens, small, large = Tokens(), Budget(reserve=1), Budget(reserve=2)
        assert tokens.try_spend(small, "a")
        assert not tokens.try_spend(small, "a")
        assert tokens.try_spend(large, "a")

    def test_threads_spend_no_token_twice(self) -> None:
        tokens, budget = Tokens(), Budget(ratio=0, reserve=500)
        spent: list[int] = []

        def spend() -> None:
            spent.append(sum(tokens.try_spend(budget, "a") for _ in range(200)))

        threads = [threading.Thread(target=spend) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(spent) == 500


class TestTesting:
    def test_policies_try_no_more_than_it_says(self) -> None:
        with Retry.testing(attempts=2):
            assert ask(Answer(), Retry(5), number=1).retry
            assert not ask(Answer(), Retry(5), number=2).retry
            with Retry.testing(attempts=1):
                assert not ask(Answer(), Retry(5), number=1).retry
            assert ask(Answer(), Retry(5), number=1).retry
        assert ask(Answer(), Retry(5), number=4).retry

    def test_all_open_blocks_are_told(self) -> None:
        from httpkit.retries import rehearsed

        assert not rehearsed(1.0)
        with Retry.testing() as outer:
            assert rehearsed(1.0)
            with Retry.testing() as inner:
                assert rehearsed(2.0)
        assert (outer, inner) == ([1.0, 2.0], [2.0])
        assert not rehearsed(3.0)

    def test_an_error_ends_it_too(self) -> None:
        from httpkit.retries import rehearsed

        with pytest.raises(KeyError), Retry.testing():
            raise KeyError
        assert not rehearsed(1.0)

    @pytest.mark.parametrize("attempts", [0, -1, True, 1.5])
    def test_of_attempts_one_is_the_least(self, attempts: Any) -> None:
        with pytest.raises(ValueError, match="attempts"):
            Retry.testing(attempts)


class TestPolicies:
    @pytest.mark.parametrize(
        "given, attempts",
        [(0, None), (1, None), (None, None), (False, None), (3, 3), (Retry(4), 4), (Retry(1), None)],
        ids=repr,
    )
    def test_what_stands_for_one(self, given: Any, attempts: int | None) -> None:
        policy = Retry.of(given)
        assert (policy and policy.attempts) == attempts

    @pytest.mark.parametrize("given", [True, 1.5, "3", b"3", [3], len], ids=str)
    def test_what_does_not(self, given: Any) -> None:
        with pytest.raises(TypeError, match="number of attempts, a Retry, or None"):
            Retry.of(given)

    def test_that_of_urllib3_is_shown_its_place(self) -> None:
        with pytest.raises(TypeError, match="HTTPAdapter"):
            Retry.of(urllib3.Retry(3))

    def test_a_negative_number(self) -> None:
        with pytest.raises(ValueError, match="-1"):
            Retry.of(-1)

    @pytest.mark.parametrize(
        "settings, error",
        [
            ({"attempts": 0}, ValueError),
            ({"attempts": -1}, ValueError),
            ({"attempts": True}, ValueError),
            ({"attempts": 2.5}, ValueError),
            ({"backoff": -1}, ValueError),
            ({"backoff": math.nan}, ValueError),
            ({"backoff": math.inf}, ValueError),
            ({"backoff": "1"}, ValueError),
            ({"backoff_max": None}, ValueError),
            ({"retry_after_max": -0.1}, ValueError),
            ({"methods": "GET"}, TypeError),
            ({"methods": [b"GET"]}, TypeError),
            ({"statuses": 503}, TypeError),
            ({"statuses": ["503"]}, TypeError),
            ({"on": OSError}, TypeError),
            ({"on": (KeyError,)}, TypeError),
            ({"on": "ReadTimeout"}, TypeError),
            ({"predicate": "x"}, TypeError),
            ({"budget": 0.2}, TypeError),
        ],
        ids=str,
    )
    def test_what_means_nothing_is_named(self, settings: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error, match=next(iter(settings))):
            Retry(**settings)

    @pytest.mark.parametrize(
        "settings",
        [{"ratio": -0.1}, {"ratio": "x"}, {"ratio": math.inf}, {"reserve": 0.5}, {"reserve": math.nan}],
    )
    def test_so_is_what_is_no_budget(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(settings))):
            Budget(**settings)

    def test_they_are_values(self) -> None:
        policy = Retry(4, methods={"get"}, on=exceptions.ReadTimeout, statuses=[503])  # type: ignore[arg-type]
        assert policy == Retry(4, methods=["GET"], on=(exceptions.ReadTimeout,), statuses=(503,))
        assert hash(policy) == hash(copy.copy(policy))
        assert pickle.loads(pickle.dumps(policy)) == policy
        assert replace(policy, attempts=2).methods == {"GET"}
        with pytest.raises(FrozenInstanceError):
            policy.attempts = 5  # type: ignore[misc]

    def test_they_show_what_is_not_as_by_default(self) -> None:
        assert repr(Retry()) == "Retry(attempts=3)"
        assert (
            repr(Retry(5, statuses={503, 429}, budget=None))
            == "Retry(attempts=5, statuses=[429, 503], budget=None)"
        )

    def test_the_door_has_them(self) -> None:
        assert httpkit.Retry is Retry
        assert httpkit.Budget is Budget


class TestAttempts:
    def test_an_error_tells_its_own_last(self) -> None:
        first = Attempt(1, "request", 503)
        error = exceptions.ConnectionError("reset")
        error._tried = Tried((first,), 0.5, "request", True)
        assert error.attempts == (first, Attempt(2, "request", error, 0.5, True))

    def test_or_only_those_before(self) -> None:
        error = exceptions.BodyNotReplayable("generator")
        error._tried = Tried((Attempt(1, "request", 503),))
        assert error.attempts == (Attempt(1, "request", 503),)

    def test_one_that_no_call_has_seen_has_none(self) -> None:
        assert exceptions.InvalidURL("no").attempts == ()

    def test_one_with_a_response_has_its(self) -> None:
        response = httpkit.Response()
        response.status_code, response.url = 404, "http://example.test/"
        with pytest.raises(httpkit.HTTPError) as caught:
            response.raise_for_status()
        assert caught.value.attempts == response.attempts == (Attempt(1, None, 404),)

    def test_they_survive_pickling(self) -> None:
        error = exceptions.ConnectionError("reset")
        error._tried = Tried((Attempt(1, None, 503),), 0.5, "request", None)
        copied = pickle.loads(pickle.dumps(error))
        assert [one.outcome for one in copied.attempts] == [503, copied]
