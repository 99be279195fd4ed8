"""Retries against real servers: what is sent again, when, with what, and what a caller is told of it."""

from __future__ import annotations

import gc
import io
import pickle
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import pytest

import httpkit
from httpkit import Session, exceptions
from httpkit.adapters import HTTPAdapter
from httpkit.adapters import Retry as Urllib3Retry
from httpkit.auth import HTTPDigestAuth
from httpkit.retries import Attempt, Budget, Retry
from httpkit.timeouts import Timeout
from tests.servers import (
    CLOSE,
    HANG,
    READ_REQUEST,
    RESET,
    ProxyServer,
    RawServer,
    Received,
    RecordingServer,
    Reply,
)

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"
#: Nothing that urllib3 would do again, but by its own way of sending.
NONE_BY_URLOPEN = Urllib3Retry(0, status_forcelist=[418])
#: Quick, and with no limit but the attempts.
QUICK = Retry(3, backoff=0.001, budget=None)


@pytest.fixture
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


def outcomes(result: Any) -> list[Any]:
    return [
        one.outcome if isinstance(one.outcome, int) else type(one.outcome).__name__ for one in result.attempts
    ]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class TestWhoSays:
    @pytest.mark.parametrize(
        "of_session, of_mount, of_call, expected",
        [
            (None, None, {}, 1),
            (2, None, {}, 2),
            (QUICK, None, {}, 3),
            (2, Retry(4, backoff=0), {}, 4),
            (2, Retry(1), {}, 1),
            (2, Retry(4, backoff=0), {"retry": QUICK}, 3),
            (2, Retry(4, backoff=0), {"retry": None}, 1),
            (2, Retry(4, backoff=0), {"retry": 0}, 1),
            (2, None, {"retry": 1}, 1),
            (None, None, {"retry": 3}, 3),
            (2, 5, {}, 2),
            (2, Urllib3Retry(5, status_forcelist=()), {}, 2),
        ],
        ids=str,
    )
    def test_the_call_beats_the_mount_and_the_mount_the_session(
        self, serve: Serve, of_session: Any, of_mount: Any, of_call: dict[str, Any], expected: int
    ) -> None:
        server = serve(Reply(503))
        with Session(retry=of_session) as session, Retry.testing():
            if of_mount is not None:
                session.mount(server.url, HTTPAdapter(max_retries=of_mount))
            response = session.get(server.url, **of_call)
        assert (response.status_code, len(server.requests)) == (503, expected)
        assert [one.number for one in response.attempts] == list(range(1, expected + 1))

    def test_a_session_is_told_later_too(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        with Retry.testing():
            session.retry = 2
            session.get(server.url)
            assert len(server.requests) == 2
            session.retry = None
            session.get(server.url)
            assert len(server.requests) == 3

    def test_a_mount_is_told_later_too(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        adapter = session.get_adapter(server.url)
        assert isinstance(adapter, HTTPAdapter)
        with Retry.testing():
            adapter.max_retries = Retry(2)
            session.get(server.url)
            assert len(server.requests) == 2
            adapter.max_retries = Urllib3Retry(0, read=False)
            session.get(server.url)
            assert len(server.requests) == 3

    def test_the_functions_take_it(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply.text("fine")])
        assert httpkit.get(server.url, retry=QUICK).text == "fine"

    def test_an_adapter_alone_sends_once(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        adapter = HTTPAdapter(max_retries=QUICK)
        with adapter.send(session.prepare_request(httpkit.Request("GET", server.url))) as response:
            assert response.status_code == 503
        assert len(server.requests) == 1
        adapter.close()

    def test_attributes_of_that_name_that_programs_have_are_theirs(self, serve: Serve) -> None:
        server = serve(Reply(503))

        class Theirs(Session):
            def __init__(self) -> None:
                super().__init__()
                self.retry = Urllib3Retry(total=3)  # type: ignore[assignment]

        with Theirs() as session:
            assert session.get(server.url).status_code == 503
        assert len(server.requests) == 1

    def test_a_urllib3_policy_keeps_its_own_meaning(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        policy = Urllib3Retry(2, status_forcelist=[503], backoff_factor=0)
        session.mount("http://", HTTPAdapter(max_retries=policy))
        with pytest.raises(exceptions.RetryError):
            session.get(server.url)
        assert len(server.requests) == 3

    def test_adapters_of_other_makes_are_retried(self, session: Session) -> None:
        class Flaky(httpkit.adapters.BaseAdapter):
            calls = 0

            def send(self, request: Any, **settings: Any) -> httpkit.Response:  # type: ignore[override]
                self.calls += 1
                if self.calls < 3:
                    raise httpkit.ConnectionError("broken", request=request)
                response = httpkit.Response()
                response.status_code, response.request, response.raw = 200, request, io.BytesIO(b"ok")
                return response

            def close(self) -> None: ...

        session.mount("flaky://", adapter := Flaky())
        response = session.get("flaky://host/path", retry=QUICK)
        assert (response.content, adapter.calls) == (b"ok", 3)
        assert outcomes(response) == ["ConnectionError", "ConnectionError", 200]


class TestWhatIsTriedAgain:
    def test_a_status(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply(429), Reply.text("fine")])
        response = session.get(server.url, retry=QUICK)
        assert (response.text, outcomes(response)) == ("fine", [503, 429, 200])
        assert server.connections == 1

    @pytest.mark.parametrize("fault", [RESET, CLOSE], ids=["reset", "closed"])
    def test_a_connection_that_breaks_without_an_answer(
        self, serve_raw: ServeRaw, session: Session, fault: Any
    ) -> None:
        server = serve_raw([[READ_REQUEST, fault], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK)
        assert (response.text, outcomes(response)) == ("ok", ["ConnectionError", 200])

    def test_a_head_that_is_cut(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-"], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK)
        assert (response.text, outcomes(response)) == ("ok", ["MalformedResponse", 200])

    @pytest.mark.parametrize(
        "cut",
        [SHORT, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"],
        ids=["length", "chunked"],
    )
    def test_a_body_that_is_cut_while_nobody_has_seen_it(
        self, serve_raw: ServeRaw, session: Session, cut: bytes
    ) -> None:
        server = serve_raw([[READ_REQUEST, cut], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK)
        assert (response.text, outcomes(response)) == ("ok", ["ChunkedEncodingError", 200])

    def test_not_a_body_that_the_caller_streams(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, SHORT], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK, stream=True)
        with pytest.raises(exceptions.ChunkedEncodingError) as caught:
            response.content  # noqa: B018
        assert len(server.received) == 1
        assert outcomes(caught.value) == ["ChunkedEncodingError"]

    def test_an_answer_that_does_not_come(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, HANG], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK, timeout=(5, 0.2))
        assert (response.text, outcomes(response)) == ("ok", ["ReadTimeout", 200])

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_no_connection_whatever_the_method(self, session: Session, closed_port: int, method: str) -> None:
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.request(method, f"http://127.0.0.1:{closed_port}/", retry=QUICK)
        assert outcomes(caught.value) == ["ConnectionError"] * 3
        assert caught.value.attempts[-1].outcome is caught.value

    def test_a_name_without_an_address(self, session: Session) -> None:
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.post("http://nowhere.invalid/", data=b"x", retry=QUICK)
        assert len(caught.value.attempts) == 3

    def test_not_a_post_that_may_have_been_carried_out(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply.text("fine")])
        response = session.post(server.url, data=b"order", retry=QUICK)
        assert (response.status_code, len(server.requests)) == (503, 1)

    def test_not_a_post_whose_connection_broke(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, RESET], [READ_REQUEST, OK]])
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.post(server.url, data=b"order", retry=QUICK)
        assert len(caught.value.attempts) == len(server.received) == 1

    def test_a_post_with_an_idempotency_key(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply.text("fine")])
        response = session.post(
            server.url, data=b"order", headers={"idempotency-key": "8e03978e"}, retry=QUICK
        )
        assert response.text == "fine"
        assert [one.body for one in server.requests] == [b"order", b"order"]
        assert [one.header("Idempotency-Key") for one in server.requests] == ["8e03978e"] * 2

    def test_not_a_certificate_that_does_not_verify(
        self, https_server: RecordingServer, session: Session
    ) -> None:
        with pytest.raises(httpkit.SSLError) as caught:
            session.get(https_server.url, retry=QUICK)
        assert len(caught.value.attempts) == 1

    def test_not_an_answer_that_is_no_http(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        with pytest.raises(exceptions.MalformedResponse):
            session.get(server.url, retry=QUICK)
        assert len(server.received) == 1

    def test_not_too_many_redirects(self, serve: Serve) -> None:
        server = serve(lambda request: Reply.redirect("/again"))
        with Session(retry=QUICK) as session:
            session.max_redirects = 2
            with pytest.raises(httpkit.TooManyRedirects) as caught:
                session.get(server.url)
        assert len(server.requests) == 3
        assert outcomes(caught.value) == [302]

    @pytest.mark.parametrize("url", ["http://", "ftp://host/", "http://h:x/"])
    def test_what_cannot_be_sent_was_not_tried(self, session: Session, url: str) -> None:
        with pytest.raises(httpkit.RequestException) as caught:
            session.get(url, retry=QUICK)
        assert caught.value.attempts == ()

    @pytest.mark.parametrize("status, sent", [(407, 1), (503, 3)])
    def test_a_proxy_that_makes_no_tunnel(
        self, serve_raw: ServeRaw, session: Session, status: int, sent: int
    ) -> None:
        proxy = serve_raw(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
        with pytest.raises(httpkit.ProxyError) as caught:
            session.get("https://example.test/", proxies={"https": proxy.url}, retry=QUICK)
        assert len(caught.value.attempts) == len(proxy.received) == sent

    def test_the_predicate_sees_the_body(self, serve: Serve, session: Session) -> None:
        server = serve([Reply.json({"state": "busy"}), Reply.json({"state": "done"}), Reply.json({})])

        def is_busy(outcome: Any) -> bool | None:
            return isinstance(outcome, httpkit.Response) and outcome.json()["state"] == "busy"

        response = session.post(server.url, retry=Retry(3, backoff=0, predicate=is_busy))
        assert (response.json(), len(server.requests)) == ({"state": "done"}, 2)

    def test_what_it_cannot_read_is_tried_again(self, serve_raw: ServeRaw, session: Session) -> None:
        cut = b"HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\n{"
        server = serve_raw([[READ_REQUEST, cut], [READ_REQUEST, OK]])
        policy = Retry(3, backoff=0, predicate=lambda outcome: getattr(outcome, "text", "ok") != "ok" or None)
        response = session.get(server.url, retry=policy)
        assert (response.text, outcomes(response)) == ("ok", ["ChunkedEncodingError", 200])

    def test_the_predicate_may_decline(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        assert session.get(server.url, retry=Retry(3, predicate=lambda outcome: False)).status_code == 503
        assert len(server.requests) == 1

    def test_what_the_predicate_raises_is_its_own(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))

        def broken(outcome: Any) -> bool:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            session.get(server.url, retry=Retry(3, predicate=broken))

    def test_head_and_empty_answers(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply(204), Reply(503), Reply(200)])
        assert session.get(server.url, retry=QUICK).status_code == 204
        assert session.head(server.url, retry=QUICK).status_code == 200


class TestWaits:
    def test_a_seed_gives_the_same_waits(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        policy = Retry(4, seed=7, budget=None)
        waits = []
        for _ in range(2):
            with Retry.testing() as waited:
                response = session.get(server.url, retry=policy)
            assert [one.waited for one in response.attempts] == [0.0, *waited]
            waits.append(waited)
        assert waits[0] == waits[1]
        assert len(waits[0]) == 3

    def test_retry_after_in_seconds(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(429, {"Retry-After": "7"}), Reply(503, {"Retry-After": "900"}), Reply()])
        with Retry.testing() as waits:
            session.get(server.url, retry=3)
        assert waits == [7.0, 60.0]

    def test_retry_after_as_a_date(self, serve: Serve, session: Session) -> None:
        server = serve(lambda _: Reply(503, {"Retry-After": formatdate(time.time() + 20, usegmt=True)}))
        with Retry.testing() as waits:
            session.get(server.url, retry=2)
        assert 15 < waits[0] <= 20

    def test_retry_after_can_be_passed_over(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503, {"Retry-After": "7"}))
        with Retry.testing() as waits:
            session.get(server.url, retry=Retry(2, respect_retry_after=False))
        assert waits[0] <= 0.5

    def test_really_sleeps(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply()])
        begin = time.monotonic()
        session.get(server.url, retry=Retry(2, backoff=0.05, jitter=False))
        assert time.monotonic() - begin >= 0.05

    def test_a_wait_that_would_pass_the_deadline_is_not_begun(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503, {"Retry-After": "30"}, b"come later"))
        begin = time.monotonic()
        response = session.get(server.url, retry=3, timeout=Timeout(total=5))
        assert time.monotonic() - begin < 4
        assert (response.status_code, response.text, len(server.requests)) == (503, "come later", 1)

    def test_nor_is_one_after_an_error(self, session: Session, closed_port: int) -> None:
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.get(
                f"http://127.0.0.1:{closed_port}/",
                retry=Retry(5, backoff=30, jitter=False),
                timeout=Timeout(total=5),
            )
        assert len(caught.value.attempts) == 1

    def test_the_error_of_the_deadline_tells_how_long_it_slept(
        self, serve_raw: ServeRaw, session: Session
    ) -> None:
        busy = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        server = serve_raw([READ_REQUEST, busy, READ_REQUEST, HANG])
        policy = Retry(2, backoff=0.1, jitter=False)
        with pytest.raises(httpkit.DeadlineExceeded) as caught:
            session.get(server.url, retry=policy, timeout=Timeout(total=0.5))
        assert caught.value.spent["sleep"] >= 0.1
        assert outcomes(caught.value) == [503, "DeadlineExceeded"]

    def test_all_attempts_are_within_the_deadline(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        begin = time.monotonic()
        response = session.get(
            server.url, retry=Retry(1000, backoff=0.05, jitter=False, budget=None), timeout=Timeout(total=0.5)
        )
        assert response.status_code == 503
        assert time.monotonic() - begin < 2
        assert 2 <= len(server.requests) <= 11


class TestTheEnd:
    def test_the_last_response_comes_back(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503, body=b"one"), Reply(502, body=b"two"), Reply(503, body=b"three")])
        response = session.get(server.url, retry=QUICK)
        assert (response.status_code, response.text) == (503, "three")
        with pytest.raises(httpkit.HTTPError) as caught:
            response.raise_for_status()
        assert outcomes(caught.value) == [503, 502, 503]

    def test_or_an_error_for_those_who_ask(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503, body=b"sorry"))
        with pytest.raises(exceptions.RetryError, match="3 attempts: status 503") as caught:
            session.get(server.url, retry=Retry(3, backoff=0, raise_on_status=True))
        assert caught.value.response is not None
        assert caught.value.response.text == "sorry"
        assert outcomes(caught.value) == [503, 503, 503]

    def test_no_error_for_a_status_that_is_not_retried(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(404))
        policy = Retry(3, raise_on_status=True)
        assert session.get(server.url, retry=policy).status_code == 404
        assert session.post(server.url, retry=policy).status_code == 404

    def test_a_large_error_is_not_downloaded(self, serve_raw: ServeRaw, session: Session) -> None:
        endless = b"HTTP/1.1 503 No\r\nContent-Length: 99999999\r\n\r\n"
        server = serve_raw([[READ_REQUEST, endless, HANG], [READ_REQUEST, OK]])
        begin = time.monotonic()
        assert session.get(server.url, retry=QUICK).text == "ok"
        # The server waits ten.
        assert time.monotonic() - begin < 5

    def test_nor_one_without_an_end(self, serve: Serve, session: Session) -> None:
        sent = []

        def endless(_: Received) -> Reply:
            def pieces() -> Iterator[bytes]:
                for _ in range(1000):
                    sent.append(1)
                    yield b"x" * 65536

            return Reply(503, body=pieces()) if not sent else Reply.text("fine")

        assert session.get(serve(endless).url, retry=QUICK).text == "fine"
        assert len(sent) < 900

    def test_reused_connections_are_told(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply(503), Reply(), Reply(), Reply(503, close=True), Reply()])
        attempts = session.get(server.url, retry=QUICK).attempts
        assert [one.reused for one in attempts] == [False, True, True]
        assert [one.reused for one in session.get(server.url).attempts] == [True]
        assert [one.reused for one in session.get(server.url, retry=QUICK).attempts] == [True, False]

    def test_a_plain_call_has_one_attempt(self, server: RecordingServer, session: Session) -> None:
        response = session.get(server.url)
        assert response.attempts == (Attempt(1, response.request, 200, 0.0, False),)

    def test_the_silent_replay_is_no_retry(self, serve: Serve, session: Session) -> None:
        server = serve()
        session.get(server.url)
        server.drop_connections()
        response = session.get(server.url, retry=None)
        assert outcomes(response) == [200]

    @pytest.mark.parametrize("retries", [0, NONE_BY_URLOPEN], ids=["direct", "urlopen"])
    def test_so_is_that_of_an_error(self, serve_raw: ServeRaw, session: Session, retries: Any) -> None:
        server = serve_raw([READ_REQUEST, OK, READ_REQUEST, RESET])
        session.mount("http://", HTTPAdapter(max_retries=retries))
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.post(server.url, data=b"once")
        assert [one.reused for one in caught.value.attempts] == [True]

    def test_a_plain_error_has_one_attempt(self, session: Session, closed_port: int) -> None:
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.get(f"http://127.0.0.1:{closed_port}/")
        (attempt,) = caught.value.attempts
        assert (attempt.number, attempt.outcome, attempt.waited) == (1, caught.value, 0.0)
        assert attempt.request is caught.value.request

    def test_a_response_does_not_outlive_its_attempts(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, RESET], [READ_REQUEST, SHORT], [READ_REQUEST, OK]])
        response = session.get(server.url, retry=QUICK)
        gone = weakref.ref(response)
        gc.disable()
        try:
            del response
            assert gone() is None
        finally:
            gc.enable()


class TestBudgets:
    def test_retries_add_a_fifth_at_most(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        policy = Retry(3, backoff=0, budget=Budget(ratio=0.2, reserve=1))
        for _ in range(50):
            response = session.get(server.url, retry=policy)
            assert response.status_code == 503
        assert 55 <= len(server.requests) <= 50 + 1 + 10

    def test_it_is_on_by_default_and_each_origin_has_its_own(self, serve: Serve, session: Session) -> None:
        first, second = serve(Reply(503)), serve([Reply(503), Reply()])
        with Retry.testing():
            for _ in range(40):
                session.get(first.url, retry=3)
            assert len(first.requests) <= 40 + 10 + 8
            assert session.get(second.url, retry=3).status_code == 200

    def test_threads_share_that_of_their_session(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))
        policy = Retry(3, backoff=0, budget=Budget(ratio=0.25, reserve=2))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: session.get(server.url, retry=policy), range(80)))
        assert 80 + 10 <= len(server.requests) <= 80 + 2 + 20

    def test_sessions_do_not_share_it(self, serve: Serve) -> None:
        server = serve(Reply(503))
        policy = Retry(3, backoff=0, budget=Budget(ratio=0, reserve=1))
        for _ in range(3):
            with Session(retry=policy) as session:
                session.get(server.url)
        assert len(server.requests) == 6

    def test_the_functions_share_one(self, serve: Serve) -> None:
        server = serve(Reply(503))
        policy = Retry(3, backoff=0, budget=Budget(ratio=0, reserve=1))
        for _ in range(3):
            httpkit.get(server.url, retry=policy)
        assert len(server.requests) == 4

    def test_where_it_is_spent_an_error_comes_at_once(self, session: Session, closed_port: int) -> None:
        policy = Retry(5, backoff=0, budget=Budget(ratio=0, reserve=1))
        with pytest.raises(httpkit.ConnectionError) as caught:
            session.get(f"http://127.0.0.1:{closed_port}/", retry=policy)
        assert len(caught.value.attempts) == 2


class TestCookies:
    def test_those_of_a_retried_response_are_kept_and_sent(self, serve: Serve, session: Session) -> None:
        server = serve(
            [
                Reply(503, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
                Reply(503, {"Set-Cookie": "a=3"}),
                Reply(),
            ]
        )
        session.cookies.set("old", "0")
        response = session.get(server.url, retry=QUICK, cookies={"own": "4"})
        assert [one.cookies for one in server.requests] == [
            {"old": "0", "own": "4"},
            {"old": "0", "own": "4", "a": "1", "b": "2"},
            {"old": "0", "own": "4", "a": "3", "b": "2"},
        ]
        assert session.cookies.get_dict() == {"old": "0", "a": "3", "b": "2"}
        assert response.request.headers["Cookie"] == server.last.header("cookie")

    def test_so_are_those_of_a_challenge_before_it(self, serve: Serve, session: Session) -> None:
        challenge = 'Digest realm="r", nonce="n", qop="auth"'
        server = serve(
            [
                Reply(401, [("WWW-Authenticate", challenge), ("Set-Cookie", "a=1")]),
                Reply(503, {"Set-Cookie": "b=2"}),
                Reply(),
            ]
        )
        session.cookies.set_policy(Unwilling())
        session.get(server.url, auth=HTTPDigestAuth("user", "password"), retry=QUICK)
        assert [one.cookies for one in server.requests] == [{}, {"a": "1"}, {"a": "1", "b": "2"}]

    def test_a_field_written_by_hand_stays_as_it_is(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503, {"Set-Cookie": "a=1"}), Reply()])
        session.get(server.url, retry=QUICK, headers={"Cookie": "mine=1"})
        assert [one.header("cookie") for one in server.requests] == ["mine=1", "mine=1"]

    def test_the_request_of_the_caller_is_not_changed(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503, {"Set-Cookie": "a=1"}), Reply()])
        session.retry = QUICK
        prepared = session.prepare_request(httpkit.Request("GET", server.url))
        session.send(prepared)
        assert "Cookie" not in prepared.headers


class Unwilling(DefaultCookiePolicy):
    """Keeps nothing in the jar of a session, so that what is sent comes from the call itself."""

    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False


class TestBodies:
    @pytest.mark.parametrize("kind", ["bytes", "text", "form", "file", "list", "factory", "multipart"])
    def test_each_attempt_sends_all_of_it(
        self, serve: Serve, session: Session, kind: str, tmp_path: Any
    ) -> None:
        path = tmp_path / "body"
        path.write_bytes(b"xxcontent")
        server = serve([Reply(503), Reply(503), Reply()])
        with open(path, "rb") as file:
            file.seek(2)
            given: dict[str, dict[str, Any]] = {
                "bytes": {"data": b"content"},
                "text": {"data": "content"},
                "form": {"data": {"content": "1"}},
                "file": {"data": file},
                "list": {"data": Pieces([b"con", b"tent"])},
                "factory": {"data": lambda: iter([b"con", b"tent"])},
                "multipart": {"files": {"f": ("f", io.BytesIO(b"content" * 50_000))}},
            }
            response = session.put(server.url, retry=QUICK, **given[kind])
        assert response.status_code == 200
        bodies = [one.body for one in server.requests]
        assert b"content" in bodies[0]
        assert bodies == [bodies[0]] * 3

    def test_one_that_can_be_read_once_is_not_sent_again(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503, body=b"sorry"))
        with pytest.raises(httpkit.BodyNotReplayable) as caught:
            session.put(server.url, data=iter([b"con", b"tent"]), retry=QUICK)
        assert [one.body for one in server.requests] == [b"content"]
        error = caught.value
        assert isinstance(error.__cause__, httpkit.HTTPError)
        assert "503" in str(error.__cause__)
        assert error.response is not None
        assert error.response.text == "sorry"
        assert outcomes(error) == [503]

    def test_the_failure_that_asked_for_it_is_the_cause(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, RESET], [READ_REQUEST, OK]])
        with pytest.raises(httpkit.BodyNotReplayable) as caught:
            session.put(server.url, data=iter([b"con", b"tent"]), retry=QUICK)
        assert isinstance(caught.value.__cause__, httpkit.ConnectionError)
        assert outcomes(caught.value) == ["ConnectionError"]
        assert len(server.received) == 1

    def test_what_cannot_be_taken_back_says_why(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(503))

        class Stuck(io.BytesIO):
            def seek(self, *where: Any) -> int:
                if where == (2,) and self.tell() == len(self.getvalue()) and server.requests:
                    raise OSError("stuck")
                return super().seek(*where)

        body = Stuck(b"xxcontent")
        body.seek(2)
        with pytest.raises(exceptions.UnrewindableBodyError, match="stuck") as caught:
            session.put(server.url, data=body, retry=QUICK)
        assert type(caught.value.__cause__) is OSError
        assert outcomes(caught.value) == [503]

    def test_what_nobody_has_begun_to_read_can_be_sent(self, serve: Serve, session: Session) -> None:
        server = serve()
        down = HTTPAdapter(resolve={"example.test": "127.0.0.1"})
        calls = []

        class Late(HTTPAdapter):
            def send(self, request: Any, *args: Any, **settings: Any) -> httpkit.Response:
                calls.append(1)
                if len(calls) == 1:
                    raise httpkit.ConnectTimeout("late", request=request)
                return super().send(request, *args, **settings)

        session.mount("http://", Late())
        response = session.put(server.url, data=iter([b"con", b"tent"]), retry=QUICK)
        assert outcomes(response) == ["ConnectTimeout", 200]
        assert server.last.body == b"content"
        down.close()

    @pytest.mark.parametrize("status", [307, 308])
    def test_a_redirect_asks_the_same(self, serve: Serve, session: Session, status: int) -> None:
        server = serve([Reply.redirect("/there", status), Reply()])
        with pytest.raises(httpkit.BodyNotReplayable) as caught:
            session.post(server.url, data=iter([b"content"]))
        assert len(server.requests) == 1
        assert isinstance(caught.value.__cause__, httpkit.HTTPError)
        assert str(status) in str(caught.value.__cause__)
        assert caught.value.response is not None
        assert outcomes(caught.value) == [status]

    def test_so_does_a_challenge(self, serve: Serve, session: Session) -> None:
        server = serve(Reply(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}))
        with pytest.raises(httpkit.BodyNotReplayable) as caught:
            session.post(server.url, data=iter([b"content"]), auth=HTTPDigestAuth("user", "password"))
        assert len(server.requests) == 1
        assert isinstance(caught.value.__cause__, httpkit.HTTPError)
        assert "401" in str(caught.value.__cause__)

    @pytest.mark.parametrize("status", [307, 308])
    def test_a_factory_is_called_for_each_sending(self, serve: Serve, session: Session, status: int) -> None:
        server = serve([Reply.redirect("/there", status), Reply(503), Reply()])
        calls = []

        def content() -> Any:
            calls.append(1)
            return io.BytesIO(b"content")

        response = session.put(server.url, data=content, retry=QUICK)
        assert response.status_code == 200
        assert [one.body for one in server.requests] == [b"content"] * 3
        assert [one.header("content-length") for one in server.requests] == ["7"] * 3
        assert len(calls) == 3

    def test_a_dead_connection_calls_it_again_too(self, serve: Serve, session: Session) -> None:
        server = serve()
        session.get(server.url)
        server.drop_connections()
        assert session.put(server.url, data=lambda: iter([b"content"])).status_code == 200
        assert server.last.body == b"content"
        assert server.last.chunks == [b"content"]


class Pieces:
    """What can be iterated over twice."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


class TestWithOthers:
    def test_each_hop_of_a_redirect_has_its_attempts(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply.redirect("/there"), Reply(503), Reply(503), Reply()])
        response = session.get(server.url, retry=QUICK)
        assert outcomes(response) == [503, 503, 200]
        assert [outcomes(one) for one in response.history] == [[503, 302]]

    def test_hooks_see_the_response_that_the_caller_gets(self, serve: Serve, session: Session) -> None:
        server = serve([Reply(503), Reply(502), Reply()])
        seen = []
        session.get(server.url, retry=QUICK, hooks={"response": lambda r, **_: seen.append(r.status_code)})
        assert seen == [200]

    def test_credentials_for_a_challenge_are_retried(self, serve: Serve, session: Session) -> None:
        challenge = Reply(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
        replies = iter([Reply(503), challenge, Reply(503), Reply(200)])
        server = serve(lambda _: next(replies))
        response = session.put(
            server.url, data=b"content", auth=HTTPDigestAuth("user", "password"), retry=Retry(5, backoff=0)
        )
        assert response.status_code == 200
        assert [one.body for one in server.requests] == [b"content"] * 4

    def test_a_connection_that_breaks_on_the_answer_to_a_challenge(
        self, serve_raw: ServeRaw, session: Session
    ) -> None:
        challenge = (
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n"
            b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n'
        )
        again = [READ_REQUEST, challenge, READ_REQUEST]
        server = serve_raw([[*again, b"HTTP/1.1 2"], [*again, OK]])
        response = session.get(server.url, auth=HTTPDigestAuth("user", "password"), retry=QUICK)
        assert (response.text, outcomes(response)) == ("ok", ["MalformedResponse", 200])

    def test_what_else_a_hook_does_is_not_retried(
        self, serve: Serve, session: Session, closed_port: int
    ) -> None:
        server = serve(Reply())

        def report(response: Any, **_: Any) -> None:
            httpkit.get(f"http://127.0.0.1:{closed_port}/")

        with pytest.raises(httpkit.ConnectionError):
            session.get(server.url, retry=QUICK, hooks={"response": report})
        assert len(server.requests) == 1

    def test_not_even_where_it_is_the_same_request(self, serve_raw: ServeRaw, session: Session) -> None:
        server = serve_raw([[READ_REQUEST, OK], [READ_REQUEST, RESET], [READ_REQUEST, RESET]])

        def again(response: Any, **_: Any) -> None:
            response.close()
            with Session() as other:
                other.get(server.url, retry=Retry(2, backoff=0))

        for policy in (QUICK, None):
            with pytest.raises(httpkit.ConnectionError) as caught:
                session.get(server.url, retry=policy, hooks={"response": again})
            assert outcomes(caught.value) == ["ConnectionError"] * 2
            assert len(server.received) == 3
            server = serve_raw([[READ_REQUEST, OK], [READ_REQUEST, RESET], [READ_REQUEST, RESET]])

    def test_subclasses_that_override_send_and_request(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply()])

        class Theirs(Session):
            def send(self, request: Any, **kwargs: Any) -> httpkit.Response:
                return super().send(request, **kwargs)

            def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> httpkit.Response:  # type: ignore[override]
                return super().request(method, url, *args, **kwargs)

        with Theirs() as session:
            assert session.get(server.url, retry=QUICK).status_code == 200

    @pytest.mark.parametrize("kind", ["nothing", "bytes", "file", "factory"])
    def test_a_dead_connection_is_none_of_the_retries_of_urllib3(
        self, serve_raw: ServeRaw, session: Session, kind: str
    ) -> None:
        server = serve_raw([[READ_REQUEST, OK, READ_REQUEST, RESET], [READ_REQUEST, OK]])
        session.mount("http://", HTTPAdapter(max_retries=NONE_BY_URLOPEN))
        session.get(server.url)
        file = io.BytesIO(b"xxcontent")
        file.seek(2)
        data: Any = {"nothing": None, "bytes": b"content", "file": file, "factory": lambda: b"content"}[kind]
        assert session.put(server.url, data=data).text == "ok"
        first, second = server.received
        assert first.endswith(second)
        assert second.endswith(b"content" if data else b"Content-Length: 0\r\n\r\n")

    @pytest.mark.parametrize("data", [b"once", iter([b"once"])], ids=["post", "generator"])
    def test_where_it_may_not_be_sent_again_it_is_an_error(
        self, serve_raw: ServeRaw, session: Session, data: Any
    ) -> None:
        server = serve_raw([[READ_REQUEST, OK, READ_REQUEST, RESET], [READ_REQUEST, OK]])
        session.mount("http://", HTTPAdapter(max_retries=NONE_BY_URLOPEN))
        session.get(server.url)
        with pytest.raises(httpkit.ConnectionError):
            session.request("POST" if isinstance(data, bytes) else "PUT", server.url, data=data)
        assert len(server.received) == 1

    def test_nor_is_it_through_a_tunnel(self, serve_raw: ServeRaw, tls_context: Any, ca_file: str) -> None:
        server = serve_raw([[READ_REQUEST, OK, READ_REQUEST, CLOSE], [READ_REQUEST, OK]], tls=tls_context)
        with ProxyServer({"example.test": server}) as proxy, Session() as session:
            session.mount("https://", HTTPAdapter(max_retries=NONE_BY_URLOPEN))
            for _ in range(2):
                url = server.url_as("example.test")
                assert session.get(url, verify=ca_file, proxies={"https": proxy.url}).text == "ok"
            assert len(proxy.tunnels) == 2

    def test_answers_of_a_mocking_library(self, session: Session) -> None:
        responses = pytest.importorskip("responses")
        with (
            responses.RequestsMock(target="httpkit.adapters.HTTPAdapter.send") as mock,
            Retry.testing() as waits,
        ):
            mock.get("http://example.test/", status=503)
            mock.get("http://example.test/", body=httpkit.ConnectionError("broken"))
            mock.get("http://example.test/", json={"ok": True})
            response = session.get("http://example.test/", retry=3)
        assert response.json() == {"ok": True}
        assert outcomes(response) == [503, "ConnectionError", 200]
        assert [one.reused for one in response.attempts] == [None, None, None]
        assert len(waits) == 2

    def test_a_session_keeps_its_policy_in_a_pickle(self, serve: Serve) -> None:
        server = serve([Reply(503), Reply()])
        with Session(retry=QUICK) as session:
            session.mount("https://", HTTPAdapter(max_retries=Retry(7)))
            copy = pickle.loads(pickle.dumps(session))
        with copy:
            assert copy.get(server.url).status_code == 200
            assert copy.get_adapter("https://example.test")._retry == Retry(7)
