"""The life of a call as a generator of effects: driven by hand here, without a session and without a socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from httpkit import _pipeline
from httpkit._pipeline import Drain, Hop, Read, RunHooks, Send, Sleep
from httpkit._tries import Persistence
from httpkit.adapters import HTTPAdapter
from httpkit.auth import AuthBase, HTTPDigestAuth
from httpkit.cookies import RequestsCookieJar
from httpkit.exceptions import (
    BodyNotReplayable,
    ChunkedEncodingError,
    ConnectionError,
    InvalidURL,
    RetryError,
    TooManyRedirects,
)
from httpkit.models import PreparedRequest, Request, Response
from httpkit.redirects import SecretFields, should_strip_auth
from httpkit.retries import Budget, Retry, Tokens
from httpkit.sessions import SessionRedirectMixin

URL = "http://example.test/"


class Session(SessionRedirectMixin):
    """All that the pipeline knows of a session."""

    def __init__(self, max_redirects: int = 30) -> None:
        self.max_redirects = max_redirects
        self.trust_env = False
        self.cookies = RequestsCookieJar()


def prepare(url: str = URL, method: str = "GET", **kwargs: Any) -> PreparedRequest:
    return Request(method, url, **kwargs).prepare()


def answer(request: PreparedRequest, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
    raw = urllib3.HTTPResponse(
        io.BytesIO(b""), urllib3.HTTPHeaderDict(headers), status, reason="", preload_content=False
    )
    return HTTPAdapter().build_response(request, raw)


def redirect(request: PreparedRequest, location: str, status: int = 302, *cookies: str) -> Response:
    return answer(request, status, [("Location", location), *(("Set-Cookie", cookie) for cookie in cookies)])


def finish(steps: Generator[Any, Any, Any], value: Any) -> Any:
    with pytest.raises(StopIteration) as done:
        steps.send(value)
    return done.value.value


class TestExchange:
    def test_a_plain_hop_is_one_send(self) -> None:
        request = prepare()
        steps = _pipeline.exchange(request, RequestsCookieJar())
        assert next(steps) == Send(request)
        response = answer(request)
        assert finish(steps, response) is response

    def test_cookies_are_kept_before_hooks_run(self) -> None:
        jar = RequestsCookieJar()
        request = prepare(hooks={"response": print})
        steps = _pipeline.exchange(request, jar)
        next(steps)
        response = answer(request, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        assert steps.send(response) == RunHooks(request, response)
        assert jar.get_dict() == {"a": "1", "b": "2"}
        assert finish(steps, response) is response

    def test_cookies_of_what_hooks_sent_in_between_are_kept(self) -> None:
        jar = RequestsCookieJar()
        request = prepare(hooks={"response": print})
        steps = _pipeline.exchange(request, jar)
        next(steps)
        first = answer(request, 401, [("Set-Cookie", "first=1")])
        steps.send(first)
        second = answer(request, 401, [("Set-Cookie", "second=2")])
        third = answer(request, 200, [("Set-Cookie", "third=3")])
        third.history = [first, second]
        assert finish(steps, third) is third
        assert jar.get_dict() == {"first": "1", "second": "2", "third": "3"}

    @pytest.mark.parametrize("hooks", [{}, {"response": []}, None], ids=repr)
    def test_without_hooks_none_are_run(self, hooks: Any) -> None:
        request = prepare()
        request.hooks = hooks
        steps = _pipeline.exchange(request, RequestsCookieJar())
        next(steps)
        finish(steps, answer(request))

    def test_a_response_without_raw_has_no_cookies_to_keep(self) -> None:
        request = prepare()
        steps = _pipeline.exchange(request, RequestsCookieJar())
        next(steps)
        assert isinstance(finish(steps, Response()), Response)

    def test_an_error_ends_it(self) -> None:
        steps = _pipeline.exchange(prepare(), RequestsCookieJar())
        next(steps)
        with pytest.raises(KeyError, match="mine"):
            steps.throw(KeyError("mine"))


class TestFollowRedirects:
    def test_what_is_no_redirect_is_the_end(self) -> None:
        request = prepare()
        with pytest.raises(StopIteration):
            next(_pipeline.follow_redirects(answer(request), request, Session(), {}))

    def test_each_hop_is_drained_before_the_next_is_sent(self) -> None:
        request = prepare()
        first = redirect(request, "/two")
        steps = _pipeline.follow_redirects(first, request, Session(), {})
        assert next(steps) == Drain(first)
        hop = steps.send(first)
        assert isinstance(hop, Hop)
        assert hop.request.url == URL + "two"
        second = redirect(hop.request, "/three")
        assert steps.send(second) == Drain(second)
        hop = steps.send(second)
        assert hop.request.url == URL + "three"
        with pytest.raises(StopIteration):
            steps.send(answer(hop.request))
        assert (first.history, second.history) == ([], [first])

    @pytest.mark.parametrize("limit", [0, 1, 5])
    def test_more_than_the_limit_is_an_error_with_the_last_response(self, limit: int) -> None:
        request = prepare()
        response = redirect(request, "/loop")
        steps = _pipeline.follow_redirects(response, request, Session(limit), {})
        hops = 0
        effect = next(steps)
        with pytest.raises(TooManyRedirects, match="max_redirects") as caught:
            while True:
                if isinstance(effect, Hop):
                    hops += 1
                    response = redirect(effect.request, "/loop")
                effect = steps.send(response)
        assert hops == limit
        assert caught.value.response is response
        assert len(response.history) == limit
        assert caught.value.request is response.request

    def test_a_loop_is_an_error_after_five_times_the_same(self) -> None:
        request = prepare()
        response = redirect(request, "/a")
        steps = _pipeline.follow_redirects(response, request, Session(30), {})
        effect = next(steps)
        sent: list[str] = []
        with pytest.raises(
            TooManyRedirects, match=r"loop: the same GET .*; the way there: 302 http"
        ) as caught:
            while True:
                if isinstance(effect, Hop):
                    sent.append(effect.request.path_url)
                    response = redirect(effect.request, "/b" if effect.request.path_url == "/a" else "/a")
                effect = steps.send(response)
        assert sent == ["/a", "/b"] * 5
        assert caught.value.response is response
        assert len(response.history) == 10

    @pytest.mark.parametrize("difference", ["cookie", "url", "callable"])
    def test_what_differs_or_is_decided_by_the_program_is_no_loop(self, difference: str) -> None:
        """A server that counts in a cookie sends a client to where it is until it has counted enough."""
        request = prepare()
        session = Session(30)
        if difference == "callable":
            session.redirects = lambda response, following: True
        response = redirect(request, "/loop")
        steps = _pipeline.follow_redirects(response, request, session, {})
        effect = next(steps)
        hops = 0
        with pytest.raises(TooManyRedirects, match="31 redirects"):
            while True:
                if isinstance(effect, Hop):
                    hops += 1
                    cookies = [f"n={hops}"] if difference == "cookie" else []
                    location = f"/loop?{hops}" if difference == "url" else "/loop"
                    response = redirect(effect.request, location, 302, *cookies)
                    _pipeline._keep_cookies(session.cookies, effect.request, response)
                effect = steps.send(response)
        assert hops == 30

    def test_messages_are_bounded(self) -> None:
        request = prepare()
        steps = _pipeline.follow_redirects(redirect(request, "/" + "x" * 10_000), request, Session(0), {})
        effect = next(steps)
        with pytest.raises(TooManyRedirects) as caught:
            steps.send(effect.response)  # type: ignore[union-attr]
        assert len(str(caught.value)) < 500


class TestPolicies:
    def effects(self, policy: Any, location: str, method: str = "POST", **kwargs: Any) -> list[Any]:
        request = prepare(method=method, **kwargs)
        session = Session()
        session.redirects = policy
        response = redirect(request, location, 307)
        steps = _pipeline.follow_redirects(response, request, session, {})
        found: list[Any] = []
        try:
            effect = next(steps)
            while True:
                found.append(effect)
                effect = steps.send(response if isinstance(effect, Drain) else answer(effect.request))
        except StopIteration:
            return found

    @pytest.mark.parametrize(
        ("policy", "location", "followed"),
        [
            ("all", "/x", True),
            ("all", "http://other.test/", True),
            ("same-origin", "/x", True),
            ("same-origin", "https://example.test/", True),
            ("same-origin", "http://other.test/", False),
            ("same-origin", "http://example.test:8080/", False),
            ("same-origin", "//other.test", False),
            ("none", "/x", False),
            (lambda response, following: following.url == "http://example.test/x", "/x", True),
            (lambda response, following: following.url == "http://example.test/x", "/y", False),
            (lambda response, following: response.status_code, "/y", True),
        ],
    )
    def test_a_redirect_that_is_not_wanted_is_the_end_and_unread(
        self, policy: Any, location: str, followed: bool
    ) -> None:
        kinds = [type(effect) for effect in self.effects(policy, location, data=b"body")]
        assert kinds == ([Drain, Hop] if followed else [])

    def test_a_callable_sees_what_would_be_sent(self) -> None:
        seen: list[Any] = []

        def ask(response: Response, following: PreparedRequest) -> bool:
            seen.append(
                (response.status_code, following.method, following.body, "X-API-Key" in following.headers)
            )
            return False

        self.effects(ask, "http://other.test/", data=b"body", headers={"X-API-Key": "k"})
        assert seen == [(307, "POST", b"body", False)]

    @pytest.mark.parametrize("policy", ["same-origin", lambda response, following: False])
    def test_what_is_not_followed_need_not_be_replayable(self, policy: Any) -> None:
        assert self.effects(policy, "http://other.test/", data=(piece for piece in [b"x"])) == []

    @pytest.mark.parametrize("policy", ["same-origin", lambda response, following: False])
    def test_a_malformed_target_is_an_error_all_the_same(self, policy: Any) -> None:
        with pytest.raises(InvalidURL):
            self.effects(policy, "http://[")

    @pytest.mark.parametrize("own", [0, 7, [], {}, 1.5], ids=str)
    def test_what_a_subclass_keeps_under_that_name_is_its_own(self, own: Any) -> None:
        assert [type(effect) for effect in self.effects(own, "http://other.test/")] == [Drain, Hop]

    def test_a_callable_that_fails_leaves_nothing_open(self) -> None:
        def fail(response: Response, following: PreparedRequest) -> bool:
            seen.append(response)
            raise KeyError("mine")

        seen: list[Response] = []
        with pytest.raises(KeyError, match="mine"):
            self.effects(fail, "/x")
        assert seen[0].raw.closed

    @pytest.mark.parametrize("policy", ["some", None, True])
    def test_one_that_is_none_is_an_error(self, policy: Any) -> None:
        with pytest.raises((ValueError, TypeError), match="redirects"):
            self.effects(policy, "/x")


def follow(
    request: PreparedRequest,
    *hops: tuple[str, int],
    session: Session | None = None,
    cookies: Sequence[str] = (),
) -> PreparedRequest:
    """The request at the end of a chain of redirects."""
    session = session or Session()
    for location, status in hops:
        response = redirect(request, location, status, *cookies)
        request, _ = _pipeline.next_request(response, request, location, session, {})
    return request


class TestNextRequest:
    def test_the_request_before_is_left_alone(self) -> None:
        request = prepare(
            method="POST", data={"a": "1"}, headers={"X-API-Key": "k"}, auth=("u", "p"), cookies={"c": "1"}
        )
        before = (request.method, request.url, dict(request.headers), request.body, request.hooks)
        follow(request, ("http://other.test/", 303))
        assert (request.method, request.url, dict(request.headers), request.body, request.hooks) == before

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_a_post_becomes_a_get_without_a_body(self, status: int) -> None:
        following = follow(prepare(method="POST", data={"a": "1"}), ("/next", status))
        assert (following.method, following.body) == ("GET", None)
        assert not {"Content-Length", "Content-Type", "Transfer-Encoding"} & set(following.headers)

    @pytest.mark.parametrize("status", [307, 308])
    def test_the_method_and_the_body_are_kept(self, status: int) -> None:
        following = follow(prepare(method="POST", data={"a": "1"}), ("/next", status), ("/more", status))
        assert (following.method, following.body, following.headers["Content-Length"]) == ("POST", "a=1", "3")
        assert following.headers["Content-Type"] == "application/x-www-form-urlencoded"

    def test_a_file_is_rewound(self) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(3)
        request = prepare(method="PUT", data=file)
        file.read()
        follow(request, ("/next", 307))
        assert file.tell() == 3

    def test_a_generator_is_never_sent_again(self) -> None:
        request = prepare(method="POST", data=(piece for piece in [b"x"]))
        with pytest.raises(BodyNotReplayable) as caught:
            follow(request, ("/next", 307))
        assert caught.value.request is not None

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_what_is_dropped_need_not_be_rewound(self, status: int) -> None:
        assert follow(prepare(method="POST", data=iter([b"x"])), ("/next", status)).body is None

    def test_a_malformed_target_is_an_error_with_the_response(self) -> None:
        with pytest.raises(InvalidURL) as caught:
            follow(prepare(), ("http://[", 302))
        assert caught.value.response is not None


ELSEWHERE = [
    "http://other.test/",
    "http://sub.example.test/",
    "http://example.test:8080/",
    "https://example.test:8443/",
    "//other.test/",
    "http://example.test@other.test/",
]
HERE = [
    "/next",
    "http://EXAMPLE.test/",
    "http://example.test:80/x",
    "https://example.test/",
    "?query",
    "//example.test/",
]


def carried(request: PreparedRequest) -> set[str]:
    """Which of the credentials that `armed()` has are still there."""
    found = {name for name in ("Authorization", "X-API-Key") if name in request.headers}
    found |= {"cookies=" for _ in [0] if "call=1" in request.headers.get("Cookie", "")}
    found |= {
        "digest"
        for hook in request.hooks["response"]
        if isinstance(getattr(hook, "__self__", None), AuthBase)
    }
    return found


ALL = {"Authorization", "X-API-Key", "cookies=", "digest"}


def armed(url: str = URL) -> PreparedRequest:
    """A request with every kind of credentials."""
    request = prepare(
        url,
        headers={"X-API-Key": "k"},
        cookies={"call": "1"},
        auth=HTTPDigestAuth("user", "pass"),
        hooks={"response": print},
    )
    request.headers["Authorization"] = "Bearer token"
    assert carried(request) == ALL
    return request


class TestCredentials:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("location", ELSEWHERE)
    def test_they_are_dropped_when_the_origin_changes(self, location: str, status: int) -> None:
        following = follow(armed(), (location, status))
        assert carried(following) == set()
        assert "Cookie" not in following.headers
        assert following.hooks["response"] == [print]

    @pytest.mark.parametrize("location", HERE)
    def test_they_stay_within_the_origin_and_its_upgrade(self, location: str) -> None:
        assert carried(follow(armed(), (location, 302))) == ALL

    @pytest.mark.parametrize("detour", ELSEWHERE)
    def test_what_was_dropped_never_comes_back(self, detour: str) -> None:
        following = follow(armed(), (detour, 302), (URL, 302), ("/again", 302))
        assert following.url == URL + "again"
        assert carried(following) == set()

    @given(
        st.lists(
            st.tuples(st.sampled_from([*HERE, *ELSEWHERE, URL]), st.sampled_from([301, 302, 303, 307, 308])),
            max_size=6,
        )
    )
    def test_they_stay_until_the_first_crossing_and_are_gone_after_it(
        self, hops: list[tuple[str, int]]
    ) -> None:
        request, crossed = armed(), False
        for hop in hops:
            before = request.url or ""
            request = follow(request, hop)
            crossed = crossed or should_strip_auth(before, request.url or "")
            assert carried(request) == (set() if crossed else ALL)

    def test_a_downgrade_is_another_origin(self) -> None:
        following = follow(armed("https://example.test/"), (URL, 302), ("https://example.test/", 302))
        assert carried(following) == set()

    def test_a_cookie_field_set_by_hand_is_dropped_for_good(self) -> None:
        request = prepare(headers={"Cookie": "by=hand"})
        assert "Cookie" not in follow(request, ("http://other.test/", 302)).headers
        assert "Cookie" not in follow(request, ("http://other.test/", 302), (URL, 302)).headers

    def test_a_session_names_fields_of_its_own(self) -> None:
        session = Session()
        session.secret_fields = SecretFields(also=["X-Ticket"], may_cross=["Idempotency-Key"])
        request = prepare(headers={"X-Ticket": "t", "Idempotency-Key": "i", "X-API-Key": "k"})
        away = follow(request, ("http://other.test/", 302), session=session)
        assert dict(away.headers) == {"Idempotency-Key": "i"}
        assert dict(follow(away, (URL, 302), session=session).headers) == {"Idempotency-Key": "i"}

    def test_what_auth_wrote_is_dropped_and_never_comes_back(self) -> None:
        def sign(request: PreparedRequest) -> PreparedRequest:
            request.headers["X-Signed-By"] = "me"
            return request

        request = prepare(auth=sign)
        assert follow(request, ("/x", 302)).headers["X-Signed-By"] == "me"
        assert "X-Signed-By" not in follow(request, ("/x", 302), ("http://other.test/", 302)).headers
        assert "X-Signed-By" not in follow(request, ("http://other.test/", 302), (URL, 302)).headers

    def test_a_referer_goes_along_without_secrets(self) -> None:
        request = prepare(
            "https://example.test/", headers={"Referer": "https://user:secret@example.test/page"}
        )
        here = follow(request, ("/x", 302))
        assert here.headers["Referer"] == "https://example.test/page"
        there = follow(request, ("https://other.test/", 302))
        assert there.headers["Referer"] == "https://example.test/page"
        assert "Referer" not in follow(request, ("http://example.test/", 302)).headers
        assert (
            "Referer" not in follow(there, ("http://other.test/", 302), ("https://other.test/", 302)).headers
        )

    def test_a_session_that_says_otherwise_is_obeyed(self) -> None:
        class Trusting(Session):
            def should_strip_auth(self, old_url: str, new_url: str) -> bool:
                return False

        class Wary(Session):
            def should_strip_auth(self, old_url: str, new_url: str) -> bool:
                return True

        assert carried(follow(armed(), ("http://other.test/", 302), session=Trusting())) == ALL
        assert carried(follow(armed(), ("/next", 302), session=Wary())) == set()


class TestCookies:
    def test_cookies_that_a_hop_sets_go_to_the_next(self) -> None:
        following = follow(prepare(), ("/next", 302), cookies=["hop=1"])
        assert following.headers["Cookie"] == "hop=1"

    def test_cookies_that_a_hop_deletes_are_gone(self) -> None:
        request = prepare(cookies={"a": "1"})
        session = Session()
        session.cookies.set("b", "2", domain="example.test")
        following = follow(request, ("/next", 302), session=session)
        assert set(following.headers["Cookie"].split("; ")) == {"a=1", "b=2"}

    def test_those_of_the_session_go_where_they_belong(self) -> None:
        session = Session()
        session.cookies.set("here", "1", domain="example.test")
        session.cookies.set("there", "2", domain="other.test")
        request = prepare(cookies=session.cookies)
        assert request.headers["Cookie"] == "here=1"
        there = follow(request, ("http://other.test/", 302), session=session)
        assert there.headers["Cookie"] == "there=2"
        back = follow(request, ("http://other.test/", 302), (URL, 302), session=session)
        assert back.headers["Cookie"] == "here=1"

    def test_cookies_of_the_call_are_bound_to_its_first_origin(self) -> None:
        request = prepare(cookies={"call": "1"})
        assert follow(request, ("/x", 302), ("https://example.test/", 302)).headers["Cookie"] == "call=1"
        assert "Cookie" not in follow(request, ("http://other.test/", 302)).headers
        assert "Cookie" not in follow(request, ("http://other.test/", 302), (URL, 302)).headers


class TestSteering:
    @pytest.mark.parametrize(
        ("method", "override", "expected"),
        [
            (
                "rebuild_method",
                lambda self, request, response: setattr(request, "method", "X"),
                ("method", "X"),
            ),
            (
                "rebuild_auth",
                lambda self, request, response: request.headers.update(A="1"),
                ("headers", {"A": "1"}),
            ),
        ],
        ids=["rebuild_method", "rebuild_auth"],
    )
    def test_a_session_that_overrides_a_decision_makes_it_for_every_hop(
        self, method: str, override: Callable[..., Any], expected: tuple[str, Any]
    ) -> None:
        session = type("Mine", (Session,), {method: override})()
        following = follow(prepare(), ("/a", 302), ("/b", 302), session=session)
        assert getattr(following, expected[0]) == expected[1]

    def test_proxies_are_what_rebuild_proxies_says(self) -> None:
        class Mine(Session):
            def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> dict[str, str]:
                return {"http": f"http://proxy-for{prepared_request.path_url.replace('/', '-')}.test"}

        request = prepare()
        steps = _pipeline.follow_redirects(redirect(request, "/a"), request, Mine(), {})
        effect: Any = next(steps)
        for path in ("/a", "/b"):
            effect = steps.send(effect.response)
            assert effect.proxies == {"http": f"http://proxy-for{path.replace('/', '-')}.test"}
            effect = steps.send(redirect(effect.request, "/b"))


class TestPersistence:
    """One hop under a retry policy, driven by hand."""

    def begin(
        self,
        policy: Retry,
        *,
        streams: bool = False,
        remaining: float | None = None,
        jar: RequestsCookieJar | None = None,
        **request: Any,
    ) -> Generator[Any, Any, Any]:
        self.request = prepare(**request)
        persistence = Persistence(policy, Tokens(), streams, lambda: remaining, lambda: 0.0)
        return _pipeline.exchange(self.request, RequestsCookieJar() if jar is None else jar, persistence)

    def test_a_good_answer_is_read_and_is_the_end(self) -> None:
        steps = self.begin(Retry())
        assert next(steps) == Send(self.request)
        response = answer(self.request)
        assert steps.send(response) == Read(response)
        assert finish(steps, response) is response

    def test_one_that_is_streamed_is_not_read(self) -> None:
        steps = self.begin(Retry(), streams=True)
        next(steps)
        response = answer(self.request)
        assert finish(steps, response) is response

    @pytest.mark.parametrize("status", [101, 302, 503], ids=["upgraded", "redirect", "last of its kind"])
    def test_nor_is_one_that_somebody_else_reads(self, status: int) -> None:
        steps = self.begin(Retry(1))
        next(steps)
        response = answer(self.request, status, [("Location", "/next")])
        assert finish(steps, response) is response

    def test_a_bad_one_is_drained_and_waited_after(self) -> None:
        steps = self.begin(Retry(backoff=2, jitter=False))
        next(steps)
        first = answer(self.request, 503)
        assert steps.send(first) == Drain(first, 65_536)
        assert steps.send(first) == Sleep(2.0)
        assert steps.send(None) == Send(self.request)
        second = answer(self.request, 503)
        assert steps.send(second) == Drain(second, 65_536)
        assert steps.send(second) == Sleep(4.0)
        assert steps.send(None) == Send(self.request)
        third = answer(self.request, 503)
        assert finish(steps, third) is third
        assert [(one.outcome, one.waited) for one in third.attempts] == [(503, 0.0), (503, 2.0), (503, 4.0)]

    def test_no_wait_is_no_sleep(self) -> None:
        steps = self.begin(Retry(backoff=0))
        next(steps)
        first = answer(self.request, 503)
        steps.send(first)
        assert steps.send(first) == Send(self.request)

    def test_an_error_is_waited_after(self) -> None:
        steps = self.begin(Retry(backoff=2, jitter=False))
        next(steps)
        assert steps.throw(ConnectionError("reset")) == Sleep(2.0)
        assert steps.send(None) == Send(self.request)

    def test_a_body_that_breaks_off_is_one(self) -> None:
        steps = self.begin(Retry(backoff=0))
        next(steps)
        response = answer(self.request)
        assert steps.send(response) == Read(response)
        assert steps.throw(ChunkedEncodingError("cut")) == Send(self.request)

    def test_without_time_it_is_the_end(self) -> None:
        steps = self.begin(Retry(backoff=2, jitter=False), remaining=1.0)
        next(steps)
        response = answer(self.request, 503)
        assert finish(steps, response) is response

    def test_other_errors_are_nobodys_business(self) -> None:
        steps = self.begin(Retry())
        next(steps)
        with pytest.raises(KeyError, match="mine"):
            steps.throw(KeyError("mine"))

    def test_hooks_see_the_last_one(self) -> None:
        steps = self.begin(Retry(2, backoff=0), hooks={"response": print})
        next(steps)
        first = answer(self.request, 503)
        assert isinstance(steps.send(first), Drain)
        assert isinstance(steps.send(first), Send)
        last = answer(self.request, 503)
        assert steps.send(last) == RunHooks(self.request, last)
        assert finish(steps, last) is last

    def test_the_cookie_field_is_made_anew(self) -> None:
        jar = RequestsCookieJar()
        steps = self.begin(Retry(backoff=0), jar=jar, cookies={"own": "1"})
        next(steps)
        first = answer(self.request, 503, [("Set-Cookie", "given=2")])
        steps.send(first)
        again = steps.send(first)
        assert again.request is not self.request
        assert sorted(again.request.headers["Cookie"].split("; ")) == ["given=2", "own=1"]
        assert self.request.headers["Cookie"] == "own=1"
        assert jar.get_dict() == {"given": "2"}

    def test_the_error_of_a_policy_is_raised_when_the_response_was_read(self) -> None:
        steps = self.begin(Retry(1, raise_on_status=True))
        next(steps)
        response = answer(self.request, 503)
        assert steps.send(response) == Read(response)
        with pytest.raises(RetryError) as caught:
            steps.send(response)
        assert caught.value.response is response

    def test_also_when_that_breaks_off(self) -> None:
        steps = self.begin(Retry(1, raise_on_status=True))
        next(steps)
        steps.send(answer(self.request, 503))
        with pytest.raises(RetryError):
            steps.throw(ChunkedEncodingError("cut"))

    def test_a_body_that_can_be_read_once_costs_no_token(self) -> None:
        tokens, budget = Tokens(), Budget(ratio=0, reserve=1)
        request = prepare(method="PUT", data=iter([b"once"]))
        persistence = Persistence(Retry(backoff=0, budget=budget), tokens, True, lambda: None, lambda: 0.0)
        steps = _pipeline.exchange(request, RequestsCookieJar(), persistence)
        next(steps)
        with pytest.raises(BodyNotReplayable):
            steps.send(answer(request, 503))
        again = Persistence(Retry(backoff=0, budget=budget), tokens, True, lambda: None, lambda: 0.0)
        second = prepare()
        steps = _pipeline.exchange(second, RequestsCookieJar(), again)
        next(steps)
        assert isinstance(steps.send(answer(second, 503)), Drain)
