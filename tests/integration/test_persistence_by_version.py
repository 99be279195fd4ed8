"""Which connections are used again: RFC 9112 §9.3, as a server sees it that counts them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import httpkit
from tests.servers import READ_REQUEST, RawServer


@pytest.mark.parametrize(
    "version, fields, body, connections",
    [
        pytest.param("1.1", "Content-Length: 2", "ok", 1, id="1.1 persists"),
        pytest.param("1.1", "Content-Length: 2\r\nConnection: close", "ok", 2, id="1.1 close"),
        pytest.param(
            "1.1", "Content-Length: 2\r\nconnection: x, CLOSE", "ok", 2, id="1.1 close in a list, any case"
        ),
        pytest.param(
            "1.1", "Transfer-Encoding: cHunKed", "2\r\nok\r\n0\r\n\r\n", 1, id="1.1 chunked, any case"
        ),
        pytest.param("1.0", "Content-Length: 2", "ok", 2, id="1.0 ends"),
        pytest.param("1.0", "Content-Length: 2\r\nConnection: Keep-Alive", "ok", 1, id="1.0 keep-alive"),
    ],
)
def test_a_connection_is_used_again_when_both_sides_want_it(
    version: str, fields: str, body: str, connections: int, serve_raw: Callable[..., RawServer]
) -> None:
    answer = f"HTTP/{version} 200 OK\r\n{fields}\r\n\r\n{body}".encode()
    server = serve_raw([READ_REQUEST, answer, READ_REQUEST, answer])
    with httpkit.Session() as session:
        for _ in range(2):
            assert session.get(server.url).text == "ok"
    assert server.connections == connections


@pytest.mark.parametrize("name", ["Connection", "connection"])
def test_a_caller_that_says_close_is_obeyed(name: str, serve_raw: Callable[..., RawServer]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server = serve_raw([READ_REQUEST, answer, READ_REQUEST, answer])
    with httpkit.Session() as session:
        session.get(server.url, headers={name: "close"})
        session.get(server.url)
    assert server.connections == 2
