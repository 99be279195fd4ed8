"""`max_response_size` and `max_decompression_ratio`: who says it, whom it reaches, what the error says."""

from __future__ import annotations

import gzip
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
import urllib3

import httpkit
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.auth import HTTPDigestAuth
from httpkit.exceptions import RequestException, ResponseTooLarge
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
KIB = b"x" * 1024
BOMB = gzip.compress(bytes(20_000_000))


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


def refused(session: httpkit.Session, url: str, **kwargs: Any) -> bool:
    try:
        session.get(url, **kwargs)
    except ResponseTooLarge:
        return True
    return False


@pytest.mark.parametrize(
    "call, mount, on_session, expected",
    [
        ({}, {}, {}, False),
        ({"max_response_size": 1023}, {}, {}, True),
        ({"max_response_size": 1024}, {}, {}, False),
        ({}, {"max_response_size": 1023}, {}, True),
        ({}, {}, {"max_response_size": 1023}, True),
        ({"max_response_size": None}, {"max_response_size": 1}, {"max_response_size": 1}, False),
        ({"max_response_size": 1}, {"max_response_size": None}, {"max_response_size": None}, True),
        ({}, {"max_response_size": None}, {"max_response_size": 1}, False),
        ({}, {"max_response_size": 1}, {"max_response_size": None}, True),
        # What one of them says about the ratio is nothing about the size.
        ({"max_decompression_ratio": 9}, {"max_response_size": 1}, {}, True),
        ({"max_decompression_ratio": 9}, {}, {"max_response_size": 1}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_the_call_beats_the_mount_and_the_mount_the_session(
    serve: Serve,
    session: httpkit.Session,
    framing: str,
    call: Any,
    mount: Any,
    on_session: Any,
    expected: bool,
) -> None:
    server = serve(Reply(200, body=KIB, framing=framing))
    session.mount(server.url, HTTPAdapter(**mount))
    for name, value in on_session.items():
        setattr(session, name, value)
    assert refused(session, server.url, **call) is expected


class TestTheRatio:
    def test_stops_a_bomb_without_being_asked(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, [("Content-Encoding", "gzip")], BOMB))
        with pytest.raises(ResponseTooLarge) as caught:
            session.get(server.url)
        assert caught.value.bound == "max_decompression_ratio"
        assert caught.value.request is not None
        assert "Give" in str(caught.value) or "give" in str(caught.value)
        assert server.url.split("//")[1].strip("/") in str(caught.value)

    @pytest.mark.parametrize("place", ["call", "mount", "session"])
    @pytest.mark.parametrize("value", [None, 2000])
    def test_can_be_lifted(self, serve: Serve, session: httpkit.Session, place: str, value: Any) -> None:
        server = serve(Reply(200, [("Content-Encoding", "gzip")], BOMB))
        call = {}
        if place == "call":
            call["max_decompression_ratio"] = value
        elif place == "mount":
            session.mount(server.url, HTTPAdapter(max_decompression_ratio=value))
        else:
            session.max_decompression_ratio = value
        assert len(session.get(server.url, **call).content) == 20_000_000

    def test_can_be_lowered(self, serve: Serve, session: httpkit.Session) -> None:
        rows = b"".join(b"row %d of many\n" % i for i in range(600_000))
        server = serve(Reply(200, [("Content-Encoding", "gzip")], gzip.compress(rows)))
        assert session.get(server.url).content == rows
        assert refused(session, server.url, max_decompression_ratio=2)


class TestWhatItReaches:
    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    def test_every_hop_of_a_redirect(self, serve: Serve, session: httpkit.Session, framing: str) -> None:
        server = serve({"/a": Reply.redirect("/b"), "/b": Reply(200, body=KIB, framing=framing)})
        assert refused(session, server.url + "/a", max_response_size=100)

    def test_the_answer_to_a_challenge(self, serve: Serve, session: httpkit.Session) -> None:
        def answer(request: Received) -> Reply:
            if request.header("authorization"):
                return Reply(200, body=KIB)
            return Reply(401, [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')])

        server = serve(answer)
        auth = HTTPDigestAuth("user", "password")
        assert refused(session, server.url, auth=auth, max_response_size=100)
        session.max_response_size = 100
        assert refused(session, server.url, auth=auth)

    def test_streams_and_raw(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, body=KIB))
        with session.get(server.url, stream=True, max_response_size=100) as response:
            assert response.headers["content-length"] == "1024"
            with pytest.raises(ResponseTooLarge):
                list(response.iter_content(10))
        response = session.get(server.url, stream=True, max_response_size=100)
        with response, pytest.raises(ResponseTooLarge):
            response.raw.read()

    def test_functions_and_prepared_requests(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, body=KIB))
        with pytest.raises(ResponseTooLarge):
            httpkit.get(server.url, max_response_size=100)
        session.max_response_size = 100
        with pytest.raises(ResponseTooLarge):
            session.send(httpkit.Request("GET", server.url).prepare())

    def test_pools_that_are_not_ours(self, serve: Serve, session: httpkit.Session) -> None:
        class Stock(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                self.poolmanager = urllib3.PoolManager()

        server = serve({"/": Reply(200, body=KIB), "/bomb": Reply(200, [("Content-Encoding", "gzip")], BOMB)})
        session.mount(server.url, Stock())
        assert not refused(session, server.url)
        assert refused(session, server.url, max_response_size=100)
        assert refused(session, server.url + "/bomb", max_decompression_ratio=500)
        session.mount(server.url, Stock(max_response_size=100))
        assert refused(session, server.url)

    def test_adapters_that_know_nothing_of_it(self, session: httpkit.Session) -> None:
        class Canned(BaseAdapter):
            def send(  # type: ignore[no-untyped-def]  # as programs write them
                self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None
            ):
                response = httpkit.Response()
                response.status_code, response.url, response.request = 200, request.url, request
                response.raw = io.BytesIO(KIB)
                return response

            def close(self) -> None: ...

        session.mount("canned://", Canned())
        assert session.get("canned://x", max_response_size=1024).content == KIB
        assert refused(session, "canned://x", max_response_size=100)

    def test_mocks(self) -> None:
        with responses.RequestsMock(target="httpkit.adapters.HTTPAdapter.send") as api:
            api.get("https://api.test/", body=KIB)
            with pytest.raises(ResponseTooLarge):
                httpkit.get("https://api.test/", max_response_size=100)
            assert httpkit.get("https://api.test/", max_response_size=5000).content == KIB

    def test_no_later_call(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, body=KIB))
        assert refused(session, server.url, max_response_size=100)
        assert session.get(server.url).content == KIB


def test_the_error_says_which_bound_how_much_came_and_what_to_do(
    serve: Serve, session: httpkit.Session
) -> None:
    server = serve(Reply(200, body=[KIB] * 3))
    with pytest.raises(ResponseTooLarge) as caught:
        session.get(server.url, max_response_size=2000)
    error = caught.value
    assert isinstance(error, RequestException)
    assert (error.bound, error.limit) == ("max_response_size", 2000)
    assert 2000 < error.received <= 3072
    text = str(error)
    assert "max_response_size" in text
    assert "2000" in text
    assert str(error.received) in text
    assert "None for no limit" in text
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.bound, again.received) == (text, error.bound, error.received)


def test_after_it_the_connection_is_closed_and_the_session_goes_on(
    serve: Serve, session: httpkit.Session
) -> None:
    server = serve({"/big": Reply(200, body=KIB * 1000), "/": Reply(200, body=b"ok")})
    assert refused(session, server.url + "/big", max_response_size=100)
    assert session.get(server.url).content == b"ok"
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("value", [-1, 0, True, "1000", 1.5], ids=repr)
def test_a_size_that_means_nothing_is_refused_at_once(session: httpkit.Session, value: Any) -> None:
    with pytest.raises(ValueError, match="max_response_size"):
        session.get("http://127.0.0.1:9/", max_response_size=value)
    with pytest.raises(ValueError, match="max_response_size"):
        HTTPAdapter(max_response_size=value)
    session.max_response_size = value
    with pytest.raises(ValueError, match="max_response_size"):
        session.get("http://127.0.0.1:9/")


def test_bounds_travel_with_sessions_and_adapters(serve: Serve) -> None:
    server = serve(Reply(200, body=KIB))
    with httpkit.Session() as first:
        first.mount(server.url, HTTPAdapter(max_response_size=100))
        first.max_decompression_ratio = 7
        with pickle.loads(pickle.dumps(first)) as copied:
            assert copied.max_decompression_ratio == 7
            assert refused(copied, server.url)
