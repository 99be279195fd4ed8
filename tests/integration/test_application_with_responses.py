"""A small application, tested the way its authors would: with `responses` in the place of HTTPAdapter.send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ConnectionError, HTTPError
from httpkit.models import PreparedRequest

responses = pytest.importorskip("responses")

API = "https://api.example.test"


class Token(httpkit.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["Authorization"] = f"Token {self.token}"
        return r


class Shop:
    """The application: a client of a shop's API."""

    def __init__(self, token: str) -> None:
        self.session = httpkit.Session()
        self.session.auth = Token(token)
        self.session.headers["Accept"] = "application/json"
        self.session.mount(API, HTTPAdapter(max_retries=2))

    def items(self) -> Iterator[dict[str, Any]]:
        """All items, over all pages."""
        url: str | None = f"{API}/items"
        params: dict[str, Any] | None = {"per_page": 2}
        while url:
            response = self.session.get(url, params=params, timeout=5).raise_for_status()
            yield from response.json()
            url, params = response.links.get("next", {}).get("url"), None

    def order(self, item: int, picture: bytes) -> str:
        response = self.session.post(
            f"{API}/orders", data={"item": item}, files={"picture": ("p.png", picture)}
        )
        response.raise_for_status()
        return response.headers["Location"]

    def login(self, user: str) -> str:
        self.session.post(f"{API}/login", json={"user": user}).raise_for_status()
        return self.session.cookies["sid"]

    def export(self) -> list[str]:
        with self.session.get(f"{API}/export", stream=True) as response:
            return list(response.iter_lines(decode_unicode=True))


@pytest.fixture
def mocked() -> Iterator[Any]:
    with responses.RequestsMock(target="httpkit.adapters.HTTPAdapter.send") as mock:
        yield mock


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop("s3cret")
    yield shop
    shop.session.close()


def test_pages_are_followed(mocked: Any, shop: Shop) -> None:
    mocked.get(
        f"{API}/items",
        json=[{"id": 1}, {"id": 2}],
        headers={"Link": f'<{API}/items?page=2>; rel="next"'},
        match=[responses.matchers.query_param_matcher({"per_page": 2})],
    )
    mocked.get(f"{API}/items", json=[{"id": 3}], match=[responses.matchers.query_param_matcher({"page": 2})])
    assert [item["id"] for item in shop.items()] == [1, 2, 3]
    sent = mocked.calls[0].request
    assert isinstance(sent, PreparedRequest)
    assert sent.headers["Authorization"] == "Token s3cret"
    assert sent.headers["Accept"] == "application/json"
    assert mocked.calls[1].request.url == f"{API}/items?page=2"


def test_a_form_with_a_file_is_sent(mocked: Any, shop: Shop) -> None:
    mocked.post(f"{API}/orders", status=201, headers={"Location": "/orders/7"})
    assert shop.order(3, b"\x89PNG") == "/orders/7"
    body = mocked.calls[0].request.body
    assert b'name="item"\r\n\r\n3' in body
    assert b"\x89PNG" in body


def test_errors_are_errors(mocked: Any, shop: Shop) -> None:
    mocked.get(f"{API}/items", status=503, json={"why": "tea"})
    with pytest.raises(HTTPError, match="503 Server Error: Service Unavailable") as caught:
        list(shop.items())
    assert caught.value.response is not None
    assert caught.value.response.json() == {"why": "tea"}


def test_cookies_are_kept(mocked: Any, shop: Shop) -> None:
    mocked.post(f"{API}/login", headers={"Set-Cookie": "sid=42; Path=/"})
    mocked.get(f"{API}/export", body="")
    assert shop.login("me") == "42"
    shop.export()
    assert mocked.calls[1].request.headers["Cookie"] == "sid=42"
    assert json.loads(mocked.calls[0].request.body) == {"user": "me"}


def test_streams_are_read_line_by_line(mocked: Any, shop: Shop) -> None:
    mocked.get(f"{API}/export", body="eins\nzwei\r\ndrei grün", content_type="text/csv; charset=utf-8")
    assert shop.export() == ["eins", "zwei", "drei grün"]


def test_redirects_are_followed(mocked: Any, shop: Shop) -> None:
    mocked.get(f"{API}/export", status=302, headers={"Location": "https://files.example.test/x"})
    mocked.get("https://files.example.test/x", body="line")
    assert shop.export() == ["line"]
    assert "Authorization" not in mocked.calls[1].request.headers


def test_what_was_not_registered_is_a_connection_error(mocked: Any, shop: Shop) -> None:
    mocked.assert_all_requests_are_fired = False
    mocked.get(f"{API}/items", json=[])
    # responses raises the error of the library that it was written for.
    with pytest.raises(OSError, match="refused by Responses"):
        shop.export()


def test_an_exception_as_body_is_raised(mocked: Any, shop: Shop) -> None:
    mocked.get(f"{API}/export", body=ConnectionError("down"))
    with pytest.raises(ConnectionError, match="down"):
        shop.export()


def test_a_callback_sees_the_prepared_request(mocked: Any, shop: Shop) -> None:
    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        return 200, {"X-Path": request.path_url}, json.dumps([dict(request.params)])  # type: ignore[attr-defined]

    mocked.add_callback(responses.GET, f"{API}/items", callback=answer)
    assert list(shop.items()) == [{"per_page": "2"}]


def test_functions_are_mocked_too(mocked: Any) -> None:
    mocked.get(f"{API}/ping", body="pong")
    assert httpkit.get(f"{API}/ping").text == "pong"
    assert mocked.assert_call_count(f"{API}/ping", 1)


def test_what_passes_through_reaches_the_server(mocked: Any, server: Any) -> None:
    mocked.add_passthru(server.url)
    mocked.get(f"{API}/ping", body="pong")
    with httpkit.Session() as session:
        assert session.get(server.url + "/x").json()["target"] == "/x"
        assert session.get(f"{API}/ping").text == "pong"


def test_afterwards_everything_is_as_it_was(server: Any) -> None:
    with responses.RequestsMock(
        target="httpkit.adapters.HTTPAdapter.send", assert_all_requests_are_fired=False
    ):
        pass
    assert httpkit.get(server.url).status_code == 200
