"""What comes before and after a response: interim responses and trailers; and the codec's limits, for an adapter."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter, Limits, Retry
from httpkit.exceptions import ConnectionError, MalformedResponse
from httpkit.structures import CaseInsensitiveDict
from tests.servers import RawServer, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


class TestTrailers:
    REPLY = Reply(200, [("Trailer", "Digest")], [b"abc", b"def"], trailers=[("Digest", "1"), ("Digest", "2")])

    def test_are_there_once_the_body_was_read(self, serve: Serve, session: httpkit.Session) -> None:
        response = session.get(serve(self.REPLY).url)
        assert isinstance(response.trailers, CaseInsensitiveDict)
        assert response.trailers["digest"] == "1, 2"
        assert response.trailers.getlist("Digest") == ["1", "2"]
        assert response.raw.trailers.getlist("digest") == ["1", "2"]

    def test_are_no_fields(self, serve: Serve, session: httpkit.Session) -> None:
        assert "Digest" not in session.get(serve(self.REPLY).url).headers

    def test_are_not_there_before(self, serve: Serve, session: httpkit.Session) -> None:
        reply = Reply(200, [], [b"x" * 200_000], trailers=[("Digest", "1")])
        with session.get(serve(reply).url, stream=True) as response:
            assert not response.trailers
            for _ in response.iter_content(1000):
                pass
            assert response.trailers["digest"] == "1"

    @pytest.mark.parametrize(
        "reply", [Reply(200, body=b"abc"), Reply(204), Reply(200, body=[b"abc"])], ids=str
    )
    def test_most_responses_have_none(self, serve: Serve, session: httpkit.Session, reply: Reply) -> None:
        assert not session.get(serve(reply).url).trailers
        assert not httpkit.Response().trailers


class TestInterimResponses:
    HINTS = Reply(200, body=b"ok", interim=[(103, [("Link", "</a.css>; rel=preload")]), (102, [])])

    @pytest.mark.parametrize("retries", [0, Retry(total=2)], ids=["direct", "by urlopen"])
    def test_are_shown_in_their_order(self, serve: Serve, session: httpkit.Session, retries: Any) -> None:
        seen: list[tuple[int, str | None]] = []
        server = serve(self.HINTS)
        adapter = HTTPAdapter(
            max_retries=retries,
            on_interim=lambda status, headers: seen.append((status, headers.get("link"))),
        )
        session.mount(server.url, adapter)
        for _ in range(2):
            assert session.get(server.url).content == b"ok"
        assert seen == [(103, "</a.css>; rel=preload"), (102, None)] * 2

    def test_what_the_hook_raises_ends_the_call(self, serve: Serve, session: httpkit.Session) -> None:
        def refuse(status: int, headers: Any) -> None:
            raise LookupError(status)

        server = serve(self.HINTS)
        session.mount(server.url, HTTPAdapter(on_interim=refuse))
        with pytest.raises(LookupError):
            session.get(server.url)
        session.mount(server.url, HTTPAdapter())
        assert session.get(server.url).content == b"ok"


def keep(status: int, headers: Any) -> None:
    SEEN.append(status)


SEEN: list[int] = []


class TestLimits:
    MANY = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"Content-Length: 2\r\n\r\nok"

    def test_the_default_refuses(self, serve_raw: ServeRaw, session: httpkit.Session) -> None:
        with pytest.raises(MalformedResponse, match="256"):
            session.get(serve_raw(self.MANY).url)

    @pytest.mark.parametrize("retries", [0, Retry(total=2)], ids=["direct", "by urlopen"])
    def test_can_be_raised_and_lowered(
        self, serve_raw: ServeRaw, session: httpkit.Session, retries: Any
    ) -> None:
        server = serve_raw(self.MANY)
        session.mount(server.url, HTTPAdapter(max_retries=retries, limits=Limits(fields=1000)))
        assert session.get(server.url).content == b"ok"
        session.mount(server.url, HTTPAdapter(max_retries=retries, limits=Limits(fields=5)))
        with pytest.raises(ConnectionError, match=r"at most 5|more than 5"):
            session.get(server.url)

    def test_they_and_the_hook_travel_with_the_adapter(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve(Reply(200, body=b"ok", interim=[(103, [])]))
        adapter = pickle.loads(pickle.dumps(HTTPAdapter(limits=Limits(interim=1), on_interim=keep)))
        assert adapter._codec_limits == Limits(interim=1)
        session.mount(server.url, adapter)
        SEEN.clear()
        assert session.get(server.url).content == b"ok"
        assert SEEN == [103]
