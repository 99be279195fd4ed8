"""Whatever a server sends or a caller gives, the message of an error is one short line that a terminal only shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import httpkit
from httpkit import Request, RequestException, Response, Session
from httpkit._wire import http11
from httpkit.adapters import HTTPAdapter
from httpkit.auth import HTTPBasicAuth
from httpkit.cookies import RequestsCookieJar, create_cookie, get_cookie_header

LONGEST = 600
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="\r\n\x00\x1b[31m\x9b\u202e\u2028\ud800@:/?#=&;, \"'\\%", max_size=60),
    st.builds(lambda text: text * 3000, st.text(alphabet="a\x1b\u202e ", min_size=1, max_size=3)),
)


def answer(status: int = 200, reason: Any = "OK", **headers: str) -> Response:
    response = Response()
    response.status_code, response.reason, response.url = status, reason, "https://a.test/"
    response.raw = io.BytesIO(b"")
    response.request = Request("GET", "https://a.test/").prepare()
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def redirected_to(location: str) -> object:
    session = Session()
    return session.get_redirect_target(answer(302, Location=location)) and next(
        session.resolve_redirects(answer(302, Location=location), answer().request, yield_requests=True), None
    )


def parsed_head(text: str) -> object:
    data = text.encode("utf-8", "surrogatepass")
    reader = http11.HeadReader(http11.DEFAULT_LIMITS, None)
    found = reader.feed(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n")
    return found or http11.HeadReader(http11.DEFAULT_LIMITS, None).feed(data + b"\r\n\r\n")


def parsed_chunk(text: str) -> object:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = http11.HeadReader(http11.DEFAULT_LIMITS, None).feed(head)
    assert found is not None
    body = http11.body_of(found[0], "GET", http11.DEFAULT_LIMITS)
    return list(body.feed(text.encode("utf-8", "surrogatepass") + b"\r\n"))


def saved_as(name: str) -> object:
    with TemporaryDirectory() as place:
        (Path(place) / "there").write_bytes(b"")
        response = answer()
        response.url = "https://a.test/there"
        return response.save(place, filename=name or "there")


def cookie(text: str) -> object:
    jar = RequestsCookieJar()
    jar.set_cookie(create_cookie("a", text))
    jar.set_cookie(create_cookie(text, "a"))
    return get_cookie_header(jar, Request("GET", "https://a.test/").prepare())


CAUSES: dict[str, Callable[[str], object]] = {
    "reason of a status": lambda text: answer(404, text).raise_for_status(),
    "reason in bytes": lambda text: answer(500, text.encode("utf-8", "surrogatepass")).raise_for_status(),
    "Location": redirected_to,
    "head": parsed_head,
    "chunk": parsed_chunk,
    "URL": lambda text: Request("GET", text).prepare(),
    "host": lambda text: Request("GET", f"https://{text}/").prepare(),
    "URL in bytes": lambda text: Request("GET", text.encode("utf-8", "surrogatepass")).prepare(),
    "method": lambda text: Request(text, "https://a.test/").prepare(),
    "name of a field": lambda text: Request("GET", "https://a.test/", headers={text: "a"}).prepare(),
    "value of a field": lambda text: Request("GET", "https://a.test/", headers={"a": text}).prepare(),
    "cookie": cookie,
    "cookies": lambda text: Request("GET", "https://a.test/", cookies={text: text}).prepare(),
    "user name": lambda text: Request("GET", "https://a.test/", auth=HTTPBasicAuth(text, text)).prepare(),
    "scheme": lambda text: Session().get(f"x{text}://a.test/"),
    "proxy": lambda text: HTTPAdapter().send(
        Request("GET", "http://a.test/").prepare(), proxies={"http": f"ftp://{text}"}
    ),
    "JSON": lambda text: answer_with(text).json(),
    "JSON given": lambda text: Request("POST", "https://a.test/", json={text: {1, 2}}).prepare(),
    "parameters": lambda text: Request("GET", "https://a.test/", params=[text]).prepare(),
    "part": lambda text: Request(
        "POST", "https://a.test/", files={"a": (text, b"", text, {text: text})}
    ).prepare(),
    "file to save": saved_as,
    "verify": lambda text: HTTPAdapter().send(
        Request("GET", "https://a.test/").prepare(), verify=f"/nowhere{text}"
    ),
    "timeout": lambda text: HTTPAdapter(timeout=text),
    "TLS": lambda text: httpkit.TLS(server_name=text, ciphers=text, pins=text),
}


def answer_with(text: str) -> Response:
    response = answer()
    response.raw = io.BytesIO(text.encode("utf-8", "surrogatepass"))
    return response


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
@settings(max_examples=60)
@given(text=HOSTILE)
def test_a_message_is_short_and_printable(cause: Callable[[str], object], text: str) -> None:
    try:
        cause(text)
    except (RequestException, ValueError, TypeError) as error:
        shown = str(error)
        assert shown.isprintable(), shown
        assert len(shown) <= LONGEST, len(shown)
