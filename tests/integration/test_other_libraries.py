"""What caching and recording libraries do to responses, pools and connections, and what has to come of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from unittest import mock

import urllib3.connection
import urllib3.connectionpool

import httpkit
from httpkit.adapters import HTTPAdapter
from tests.servers import RecordingServer, Reply


class Refreshing(HTTPAdapter):
    """As caches do that know better how long something is fresh."""

    def build_response(self, req: Any, resp: Any) -> httpkit.Response:
        resp.headers.update({"Expires": "Thu, 01 Jan 2032 00:00:00 GMT", "X-Seen": "yes"})
        del resp.headers["X-Old"]
        return super().build_response(req, resp)


def test_fields_that_an_adapter_changes_before_the_response_is_built_are_its_fields(
    serve: Callable[..., RecordingServer],
) -> None:
    fields = [("X-Old", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Kept", "k")]
    server = serve(Reply(200, fields, b"body"))
    with httpkit.Session() as session:
        session.mount("http://", Refreshing())
        response = session.get(server.url)
    assert response.headers["x-seen"] == "yes"
    assert response.headers["expires"].endswith("2032 00:00:00 GMT")
    assert "x-old" not in response.headers
    assert response.headers["x-kept"] == "k"
    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert response.cookies.get_dict() == {"a": "1", "b": "2"}


def test_a_body_that_was_read_can_be_put_back_as_a_file(serve: Callable[..., RecordingServer]) -> None:
    server = serve(Reply(200, [], b"some body"))
    with httpkit.Session() as session:
        response = session.get(server.url, stream=True)
        raw: Any = response.raw
        assert raw._fp.version == 11
        body = raw.read(decode_content=False)
        raw._fp = io.BytesIO(body)
        raw.length_remaining = len(body)
        assert raw.length_remaining == 9
        assert raw.read() == b"some body"


def test_connections_made_before_their_class_was_replaced_are_not_used_after_it(
    serve: Callable[..., RecordingServer],
) -> None:
    """And those of the replaced class not after that, in one session."""
    made: list[str] = []

    class Recording(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            made.append(self.host)
            super().connect()

    server = serve(Reply(200, [], b"body"))
    pool = urllib3.connectionpool.HTTPConnectionPool
    with httpkit.Session() as session:
        assert session.get(server.url).content == b"body"
        with mock.patch.object(pool, "ConnectionCls", Recording):
            assert session.get(server.url).content == b"body"
            assert session.get(server.url).content == b"body"
        assert made == ["127.0.0.1"]
        assert session.get(server.url).content == b"body"
    assert made == ["127.0.0.1"]
    assert server.connections == 3
