"""Request, PreparedRequest, Response: what they hold and how they translate, without a socket."""

from __future__ import annotations

import copy
import csv
import datetime as dt
import io
import itertools
import json
import math
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st

from httpkit.auth import AuthBase
from httpkit.cookies import RequestsCookieJar
from httpkit.exceptions import (
    HTTPError,
    InvalidHeader,
    InvalidJSONError,
    InvalidURL,
    JSONDecodeError,
    MissingSchema,
    StreamConsumedError,
)
from httpkit.models import PreparedRequest, Request, Response
from httpkit.structures import CaseInsensitiveDict

URL = "http://example.test/"


def prepare(method: str = "POST", url: Any = URL, **kwargs: Any) -> PreparedRequest:
    return Request(method, url, **kwargs).prepare()


def framing(request: PreparedRequest) -> dict[str, str]:
    return {k: request.headers[k] for k in ("Content-Length", "Transfer-Encoding") if k in request.headers}


def hook(response: Response, **kwargs: Any) -> None:
    return None


class TestRequest:
    def test_what_is_not_given_is_empty(self) -> None:
        request = Request()
        assert (request.method, request.url, request.auth, request.cookies, request.json) == (None,) * 5
        assert (request.headers, request.params, request.data, request.files) == ({}, {}, [], [])
        assert request.hooks == {"response": []}

    def test_requests_share_nothing(self) -> None:
        Request().headers["A"] = "1"
        Request().hooks["response"].append(hook)
        assert Request().headers == {}
        assert Request().hooks == {"response": []}

    def test_repr_shows_the_method(self) -> None:
        assert repr(Request("GET", URL)) == "<Request [GET]>"
        assert repr(prepare("GET")) == "<PreparedRequest [GET]>"

    @pytest.mark.parametrize("hooks", [hook, [hook], (hook,)], ids=["callable", "list", "tuple"])
    def test_hooks_are_one_callable_or_several(self, hooks: Any) -> None:
        assert Request(hooks={"response": hooks}).hooks == {"response": [hook]}
        assert prepare(hooks={"response": hooks}).hooks == {"response": [hook]}

    def test_hooks_for_an_event_that_does_not_exist_are_refused(self) -> None:
        with pytest.raises(ValueError, match="nosuch"):
            Request(hooks={"nosuch": hook})
        with pytest.raises(ValueError, match="nosuch"):
            Request().register_hook("nosuch", hook)

    def test_hooks_come_and_go(self) -> None:
        request = Request()
        request.register_hook("response", [hook, "no callable"])  # type: ignore[list-item]
        assert request.hooks["response"] == [hook]
        assert request.deregister_hook("response", hook) is True
        assert request.deregister_hook("response", hook) is False
        assert request.deregister_hook("nosuch", hook) is False

    def test_preparing_changes_nothing_that_was_given(self) -> None:
        given_ = {"headers": {"A": "1"}, "data": {"b": "2"}, "params": {"c": ["3"]}, "cookies": {"d": "4"}}
        before = copy.deepcopy(given_)
        request = Request("POST", URL, **given_)  # type: ignore[arg-type]
        request.prepare()
        request.prepare()
        assert given_ == before


class TestMethod:
    @pytest.mark.parametrize(
        ("method", "sent"),
        [("get", "GET"), (b"post", "POST"), ("M-SEARCH", "M-SEARCH"), ("x", "X"), (None, None)],
    )
    def test_it_is_sent_in_upper_case(self, method: Any, sent: str | None) -> None:
        assert prepare(method).method == sent

    @pytest.mark.parametrize("method", ["", "GET /", "GET\r\nX: y", "GE T", "GÉT", "G\x00", b"\xff"])
    def test_what_is_no_token_is_refused(self, method: Any) -> None:
        with pytest.raises(InvalidHeader):
            prepare(method)


class TestURL:
    @pytest.mark.parametrize(
        ("url", "params", "sent"),
        [
            (URL, None, URL),
            ("http://example.test", None, URL),
            ("http://example.test?a", None, "http://example.test/?a"),
            (b"http://example.test/a", None, "http://example.test/a"),
            ("  http://example.test/a", None, "http://example.test/a"),
            (URL, {"a": "1", "b": ["2", "3"], "c": None, "d": ""}, URL + "?a=1&b=2&b=3&d="),
            (URL, [("a", "1"), ("a", "2")], URL + "?a=1&a=2"),
            (URL, (("a", "1"),), URL + "?a=1"),
            (URL, "a=1&b", URL + "?a=1&b"),
            (URL, b"a=1", URL + "?a=1"),
            (URL, {}, URL),
            (URL, "", URL),
            (URL + "?x=0", {"a": 1}, URL + "?x=0&a=1"),
            (URL + "#frag", {"a": 1}, URL + "?a=1#frag"),
            (URL, {"ü": "€ &="}, URL + "?%C3%BC=%E2%82%AC+%26%3D"),
            (URL + "%2F%7e?%20", None, URL + "%2F%7e?%20"),
            ("mailto:user@example.test", {"a": 1}, "mailto:user@example.test"),
        ],
    )
    def test_parameters_go_into_the_query(self, url: Any, params: Any, sent: str) -> None:
        assert prepare(url=url, params=params).url == sent

    @pytest.mark.parametrize("url", ["example.test", "", "//example.test/", "/path", None], ids=repr)
    def test_a_url_needs_a_scheme(self, url: Any) -> None:
        with pytest.raises(MissingSchema, match="Invalid URL"):
            prepare(url=url)

    @pytest.mark.parametrize(
        "url", ["http://", "http://*.test/", "http://[::1", "http://x:port/", "http:///a"]
    )
    def test_a_url_needs_a_host(self, url: str) -> None:
        with pytest.raises(InvalidURL):
            prepare(url=url)

    @pytest.mark.parametrize(
        ("url", "target"),
        [
            (URL, "/"),
            ("http://example.test", "/"),
            ("http://example.test/a/b?c=d#e", "/a/b?c=d"),
            ("http://example.test?c", "/?c"),
            ("http://example.test/a?", "/a?"),
        ],
    )
    def test_path_url_is_the_target_in_origin_form(self, url: str, target: str) -> None:
        assert prepare(url=url).path_url == target


class TestHeaders:
    @pytest.mark.parametrize(
        ("headers", "fields"),
        [
            ({"A": "1", "b": "2"}, [("A", "1"), ("b", "2")]),
            ({b"A": b"1"}, [("A", b"1")]),
            ({"A": ""}, [("A", "")]),
            (CaseInsensitiveDict.from_pairs([("A", "1"), ("a", "2")]), [("A", "1"), ("A", "2")]),
            (None, []),
        ],
        ids=["text", "bytes", "empty value", "repeats", "None"],
    )
    def test_they_are_kept_in_order_case_and_number(self, headers: Any, fields: Any) -> None:
        assert list(prepare("GET", headers=headers).headers.multi_items()) == fields

    @pytest.mark.parametrize(
        "headers",
        [
            {"A": "1\r\nB: 2"},
            {"A": "1\n"},
            {"A": "\r"},
            {"A": "a\x00b"},
            {"A": " leading"},
            {b"A": b"1\r\nB: 2"},
            {"A\r\nB": "1"},
            {"A B": "1"},
            {"A:": "1"},
            {"": "1"},
            {b"\xff": b"1"},
            {"Ä": "1"},
            {"A": 1},
            {"A": None},
            {"A": ["1"]},
            {1: "1"},
        ],
        ids=repr,
    )
    def test_what_would_change_the_message_around_it_is_refused(self, headers: Any) -> None:
        with pytest.raises(InvalidHeader):
            prepare(headers=headers)

    def test_the_refusal_does_not_show_a_secret(self) -> None:
        with pytest.raises(InvalidHeader) as caught:
            prepare(headers={"Authorization": "Bearer s3cret\n"})
        assert "s3cret" not in str(caught.value)


class NoLength:
    """Bytes of unknown number."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])


class TestBody:
    @pytest.mark.parametrize(
        ("kwargs", "body", "content_type", "fields"),
        [
            ({"data": {"a": "1", "b": ["2", "3"]}}, "a=1&b=2&b=3", "form", {"Content-Length": "11"}),
            ({"data": [("a", "1"), ("a", "2")]}, "a=1&a=2", "form", {"Content-Length": "7"}),
            ({"data": "text"}, "text", None, {"Content-Length": "4"}),
            ({"data": "ü"}, "ü", None, {"Content-Length": "2"}),
            ({"data": b"bytes"}, b"bytes", None, {"Content-Length": "5"}),
            ({"data": bytearray(b"bytes")}, bytearray(b"bytes"), None, {"Content-Length": "5"}),
            ({"json": {"a": 1}}, b'{"a": 1}', "json", {"Content-Length": "8"}),
            ({"json": []}, b"[]", "json", {"Content-Length": "2"}),
            ({"json": {}}, b"{}", "json", {"Content-Length": "2"}),
            ({"json": 0}, b"0", "json", {"Content-Length": "1"}),
            ({"json": False}, b"false", "json", {"Content-Length": "5"}),
            ({"json": "ü"}, b'"\\u00fc"', "json", {"Content-Length": "8"}),
            ({"json": {"a": 1}, "data": {"b": "2"}}, "b=2", "form", {"Content-Length": "3"}),
            ({}, None, None, {"Content-Length": "0"}),
            ({"data": {}}, None, None, {"Content-Length": "0"}),
            ({"data": ""}, None, None, {"Content-Length": "0"}),
            ({"data": b""}, None, None, {"Content-Length": "0"}),
        ],
        ids=repr,
    )
    def test_each_form_of_data(self, kwargs: Any, body: Any, content_type: str | None, fields: Any) -> None:
        request = prepare(**kwargs)
        types = {"form": "application/x-www-form-urlencoded", "json": "application/json", None: None}
        sent = request.body
        assert (sent.decode() if isinstance(sent, bytes) else sent) == (
            body.decode() if isinstance(body, bytes) else body
        )
        assert request.headers.get("Content-Type") == types[content_type]
        assert framing(request) == fields

    @pytest.mark.parametrize(
        ("data", "fields"),
        [
            (io.BytesIO(b"12345"), {"Content-Length": "5"}),
            (io.BytesIO(b""), {"Content-Length": "0"}),
            (iter([b"a"]), {"Transfer-Encoding": "chunked"}),
            ((piece for piece in [b"a"]), {"Transfer-Encoding": "chunked"}),
            (NoLength(), {"Transfer-Encoding": "chunked"}),
        ],
        ids=["file", "empty file", "iterator", "generator", "iterable"],
    )
    def test_streams_have_a_length_or_are_chunked(self, data: Any, fields: dict[str, str]) -> None:
        request = prepare(data=data)
        assert framing(request) == fields
        assert "Content-Type" not in request.headers

    def test_a_file_is_counted_from_where_it_stands(self) -> None:
        file = io.BytesIO(b"0123456789")
        file.read(4)
        assert framing(prepare(data=file)) == {"Content-Length": "6"}
        assert file.tell() == 4

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_methods_without_a_body_say_nothing_about_it(self, method: str) -> None:
        assert framing(prepare(method)) == {}

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def test_other_methods_say_that_it_is_empty(self, method: str) -> None:
        assert framing(prepare(method)) == {"Content-Length": "0"}

    def test_a_content_type_that_was_given_stays(self) -> None:
        for kwargs in ({"json": {}}, {"data": {"a": 1}}, {"files": {"f": b"x"}}):
            request = prepare(headers={"content-type": "application/x-mine"}, **kwargs)
            assert request.headers["Content-Type"] == "application/x-mine"

    @pytest.mark.parametrize("given_", [{"Content-Length": "5"}, {"Transfer-Encoding": "chunked"}], ids=repr)
    def test_framing_that_was_given_for_a_stream_is_the_only_one(self, given_: dict[str, str]) -> None:
        assert framing(prepare(data=iter([b"12345"]), headers=given_)) == given_

    @pytest.mark.parametrize(
        "kwargs", [{"data": b"12345"}, {"json": 12345}, {"files": {"f": b"x"}}], ids=repr
    )
    @pytest.mark.parametrize("given_", [{"Content-Length": "7"}, {"Transfer-Encoding": "chunked"}], ids=repr)
    def test_there_is_never_more_than_one_framing(self, kwargs: Any, given_: dict[str, str]) -> None:
        request = prepare(headers=given_, **kwargs)
        assert len(framing(request)) == 1
        if "Content-Length" in request.headers:
            assert isinstance(request.body, (bytes, str))
            assert int(request.headers["Content-Length"]) == len(request.body)

    @pytest.mark.parametrize("value", [math.nan, math.inf, object, {1, 2}, {"a": b"bytes"}], ids=repr)
    def test_what_json_cannot_say_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidJSONError) as caught:
            prepare(json=value)
        assert isinstance(caught.value.request, PreparedRequest)

    def test_a_form_may_be_prepared_again(self) -> None:
        request = prepare(data=iter([b"x"]))
        request.prepare_body(b"12345", None)
        assert request.body == b"12345"
        assert len(framing(request)) == 1


class TestMultipart:
    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({"f": b"content"}, ['name="f"', "content"]),
            ({"f": "text"}, ['name="f"', "text"]),
            ({"f": io.BytesIO(b"content")}, ['name="f"', "content"]),
            ({"f": ("n.txt", b"content")}, ['name="f"; filename="n.txt"', "content"]),
            (
                {"f": ("n.txt", io.BytesIO(b"content"), "text/x")},
                ['filename="n.txt"', "Content-Type: text/x"],
            ),
            ({"f": ("n.txt", "content", "text/x", {"X-Y": "z"})}, ['filename="n.txt"', "X-Y: z", "text/x"]),
            ({"f": (None, "value")}, ['name="f"\r\n\r\nvalue']),
            ([("f", b"1"), ("f", b"2")], ["\r\n\r\n1\r\n", "\r\n\r\n2\r\n"]),
        ],
        ids=["bytes", "text", "file", "named", "typed", "with fields", "no file", "pairs"],
    )
    def test_each_form_of_files(self, files: Any, expected: list[str]) -> None:
        request = prepare(files=files, data={"k": "v"})
        body = request.body if isinstance(request.body, bytes) else b"".join(request.body)  # type: ignore[arg-type, union-attr]
        content_type, _, boundary = request.headers["Content-Type"].partition("; boundary=")
        assert content_type == "multipart/form-data"
        assert body.endswith(f"--{boundary}--\r\n".encode())
        assert framing(request) == {"Content-Length": str(len(body))}
        for part in [*expected, 'name="k"\r\n\r\nv\r\n']:
            assert part in body.decode()

    def test_boundaries_differ(self) -> None:
        types = {prepare(files={"f": b""}).headers["Content-Type"] for _ in range(5)}
        assert len(types) == 5

    @pytest.mark.parametrize("data", ["text", b"bytes", iter([b"x"])], ids=["str", "bytes", "stream"])
    def test_files_go_with_pairs_only(self, data: Any) -> None:
        with pytest.raises((ValueError, NotImplementedError)):
            prepare(files={"f": b"x"}, data=data)

    @pytest.mark.parametrize("name", ['a"b', "a\r\nX-Injected: 1", "a\nb"])
    def test_names_cannot_break_out_of_their_field(self, name: str) -> None:
        request = prepare(files={name: (name, b"content")})
        assert isinstance(request.body, bytes)
        head = request.body.split(b"\r\n\r\n")[0].decode()
        assert not any(line.startswith("X-Injected") for line in re.split("[\r\n]+", head))
        assert head.count('"') == 4


class Recorder(AuthBase):
    """Auth that changes whatever it is told to."""

    def __init__(self, change: Callable[[PreparedRequest], Any]) -> None:
        self.change = change

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        self.change(r)
        return r


class TestAuth:
    @pytest.mark.parametrize(
        ("auth", "value"),
        [
            (("user", "pass"), "Basic dXNlcjpwYXNz"),
            (("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 §2
            (("test", "123£"), "Basic dGVzdDoxMjOj"),
            (("", ""), "Basic Og=="),
            ((b"user", b"pass"), "Basic dXNlcjpwYXNz"),
        ],
    )
    def test_a_pair_is_basic(self, auth: Any, value: str) -> None:
        assert prepare(auth=auth).headers["Authorization"] == value

    @pytest.mark.parametrize(
        ("url", "value"),
        [
            ("http://user:pass@example.test/", "Basic dXNlcjpwYXNz"),
            ("http://us%40er:p%3Ass@example.test/", "Basic dXNAZXI6cDpzcw=="),
            ("http://user:@example.test/", "Basic dXNlcjo="),
            ("http://example.test/@user:pass", None),
            ("http://example.test/?q=a@b", None),
        ],
    )
    def test_userinfo_is_basic_where_nothing_else_was_given(self, url: str, value: str | None) -> None:
        assert prepare(url=url).headers.get("Authorization") == value
        given_ = prepare(url=url, auth=("Aladdin", "open sesame"))
        assert given_.headers["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="

    def test_a_callable_sees_the_whole_request(self) -> None:
        seen: list[Any] = []

        def look(request: PreparedRequest) -> PreparedRequest:
            seen.append(
                (request.method, request.url, request.headers["A"], request.headers["Cookie"], request.body)
            )
            return request

        prepare(url=URL + "x", headers={"A": "1"}, cookies={"c": "2"}, data=b"body", auth=look)
        assert seen == [("POST", URL + "x", "1", "c=2", b"body")]

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            (lambda r: setattr(r, "body", b"longer body"), {"Content-Length": "11"}),
            (lambda r: setattr(r, "body", "tüxt"), {"Content-Length": "5"}),
            (lambda r: setattr(r, "body", None), {"Content-Length": "0"}),
            (lambda r: setattr(r, "body", b""), {"Content-Length": "0"}),
            (lambda r: setattr(r, "body", io.BytesIO(b"123")), {"Content-Length": "3"}),
            (lambda r: setattr(r, "body", iter([b"1"])), {"Transfer-Encoding": "chunked"}),
        ],
        ids=["bytes", "text", "None", "empty", "file", "stream"],
    )
    @pytest.mark.parametrize("data", [b"body", None, iter([b"stream"])], ids=["bytes", "nothing", "stream"])
    def test_a_body_changed_by_auth_is_framed_anew(
        self, data: Any, change: Any, fields: dict[str, str]
    ) -> None:
        assert framing(prepare(data=data, auth=Recorder(change))) == fields

    def test_auth_may_answer_with_another_request(self) -> None:
        def other(request: PreparedRequest) -> PreparedRequest:
            twin = request.copy()
            twin.headers["Authorization"] = "mine"
            return twin

        assert prepare(auth=other).headers["Authorization"] == "mine"

    @pytest.mark.parametrize(
        ("auth", "message"),
        [(lambda r: None, "return"), ("token", "callable"), (("a", "b", "c"), "callable"), (7, "callable")],
        ids=["returns None", "text", "triple", "number"],
    )
    def test_what_is_no_auth_is_a_type_error_that_says_what_is(self, auth: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            prepare(auth=auth)

    def test_hooks_of_auth_come_before_those_of_the_call(self) -> None:
        def mine(response: Response, **kwargs: Any) -> None: ...

        request = prepare(
            auth=Recorder(lambda r: r.register_hook("response", mine)), hooks={"response": hook}
        )
        assert request.hooks["response"] == [mine, hook]


class TestCookies:
    @pytest.mark.parametrize(
        ("cookies", "value"),
        [
            ({"a": "1", "b": "2"}, "a=1; b=2"),
            ({}, None),
            (None, None),
            (RequestsCookieJar(), None),
        ],
        ids=["mapping", "empty", "None", "empty jar"],
    )
    def test_each_form_of_cookies(self, cookies: Any, value: str | None) -> None:
        assert prepare(cookies=cookies).headers.get("Cookie") == value

    def test_jars_say_which_cookies_are_for_whom(self) -> None:
        jar = RequestsCookieJar()
        jar.set("here", "1", domain="example.test")
        jar.set("there", "2", domain="other.test")
        jar.set("deep", "3", domain="example.test", path="/deep")
        jar.set("secure", "4", domain="example.test", secure=True)
        assert prepare(cookies=jar).headers["Cookie"] == "here=1"
        assert prepare(url="https://example.test/deep/x", cookies=jar).headers["Cookie"].split("; ") == [
            "deep=3",
            "here=1",
            "secure=4",
        ]

    def test_a_field_set_by_hand_stays(self) -> None:
        assert prepare(headers={"Cookie": "by=hand"}, cookies={"a": "1"}).headers["Cookie"] == "by=hand"


class TestCopy:
    def original(self) -> PreparedRequest:
        return prepare(
            headers=CaseInsensitiveDict.from_pairs([("A", "1"), ("A", "2")]),
            cookies={"c": "1"},
            data=b"body",
            hooks={"response": [hook]},
        )

    def state(self, request: PreparedRequest) -> Any:
        return (
            request.method,
            request.url,
            list(request.headers.multi_items()),
            request.body,
            {event: list(hooks) for event, hooks in request.hooks.items()},
            sorted((cookie.name, cookie.value) for cookie in request._cookies),
            request._body_position,
        )

    def test_a_copy_says_the_same(self) -> None:
        request = self.original()
        assert self.state(request.copy()) == self.state(request)

    @pytest.mark.parametrize(
        "edit",
        [
            lambda r: setattr(r, "method", "PUT"),
            lambda r: setattr(r, "url", "http://other.test/"),
            lambda r: r.headers.update({"B": "3"}),
            lambda r: r.headers.add("A", "3"),
            lambda r: r.headers.pop("A"),
            lambda r: setattr(r, "body", b"other"),
            lambda r: r.register_hook("response", print),
            lambda r: r.deregister_hook("response", hook),
            lambda r: r._cookies.set("d", "2"),
            lambda r: r._cookies.clear(),
        ],
        ids=[
            "method",
            "url",
            "update",
            "add",
            "pop",
            "body",
            "register",
            "deregister",
            "set cookie",
            "clear cookies",
        ],
    )
    def test_copies_are_independent(self, edit: Callable[[Any], Any]) -> None:
        request = self.original()
        before = self.state(request)
        twin = request.copy()
        edit(twin)
        assert self.state(request) == before
        assert self.state(twin) != before
        other = request.copy()
        edit(request)
        assert self.state(other) == before

    def test_a_request_that_was_never_prepared_can_be_copied(self) -> None:
        assert PreparedRequest().copy().headers is None

    def test_it_can_be_pickled(self) -> None:
        request = self.original()
        twin = pickle.loads(pickle.dumps(request))
        assert self.state(twin) == self.state(request)


def answer(
    body: Any = b"",
    status: int = 200,
    headers: Any = (),
    *,
    url: str = URL,
    reason: str = "OK",
    encoding: str | None = None,
) -> Response:
    """A response over a raw that is a plain file, or whatever was given."""
    response = Response()
    response.status_code = status
    response.reason = reason
    response.url = url
    response.headers = CaseInsensitiveDict.from_pairs(dict(headers).items())
    response.raw = io.BytesIO(body) if isinstance(body, bytes) else body
    response.encoding = encoding
    response.request = prepare("GET", url)
    return response


def arriving(pieces: list[bytes]) -> Any:
    """A raw whose bytes arrive as *pieces*, whatever is asked for."""

    class Raw:
        closed = False
        stream = staticmethod(lambda amount, decode_content: iter(pieces))

        def close(self) -> None:
            self.closed = True

    return Raw()


class TestStatus:
    @pytest.mark.parametrize("status", [200, 204, 299, 301, 304, 399, 100, 600, 999])
    def test_success_is_true_and_gives_itself(self, status: int) -> None:
        response = answer(status=status)
        assert bool(response) is response.ok is True
        assert response.raise_for_status() is response

    @pytest.mark.parametrize(
        ("status", "reason", "message"),
        [
            (400, "Bad Request", "400 Client Error: Bad Request for url: http://example.test/"),
            (404, "Not Found", "404 Client Error: Not Found for url: http://example.test/"),
            (499, "", "499 Client Error:  for url: http://example.test/"),
            (500, "Oops", "500 Server Error: Oops for url: http://example.test/"),
            (599, "ü", "599 Server Error: ü for url: http://example.test/"),
            (500, b"na\xc3\xafve", "500 Server Error: naïve for url: http://example.test/"),
            (500, b"na\xefve", "500 Server Error: naïve for url: http://example.test/"),
        ],
    )
    def test_errors_are_false_and_raise_with_the_response(
        self, status: int, reason: Any, message: str
    ) -> None:
        response = answer(status=status, reason=reason)
        assert bool(response) is response.ok is False
        with pytest.raises(HTTPError) as caught:
            response.raise_for_status()
        assert str(caught.value) == message
        assert caught.value.response is response
        assert caught.value.request is response.request

    def test_the_message_hides_a_password(self) -> None:
        with pytest.raises(HTTPError) as caught:
            answer(status=404, url="http://user:hunter2@example.test/").raise_for_status()
        assert "hunter2" not in str(caught.value)
        assert "example.test" in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "location", "redirect", "permanent"),
        [
            (301, True, True, True),
            (308, True, True, True),
            (302, True, True, False),
            (303, True, True, False),
            (307, True, True, False),
            (301, False, False, False),
            (304, True, False, False),
            (300, True, False, False),
            (200, True, False, False),
        ],
    )
    def test_redirects_are_known(self, status: int, location: bool, redirect: bool, permanent: bool) -> None:
        response = answer(status=status, headers={"Location": "/x"} if location else {})
        assert response.is_redirect is redirect
        assert response.is_permanent_redirect is permanent
        assert response.next is None

    def test_repr_shows_the_status(self) -> None:
        assert repr(answer(status=404)) == "<Response [404]>"
        assert repr(Response()) == "<Response [None]>"


class TestContent:
    def test_it_is_read_once_and_kept(self) -> None:
        response = answer(b"body")
        assert response.content is response.content
        assert response.content == b"body"
        assert b"".join(response.iter_content(3)) == b"body"
        assert b"".join(response) == b"body"

    def test_without_a_raw_there_is_none(self) -> None:
        response = Response()
        assert response.content is None
        assert response.text == ""
        assert list(response.iter_content(5)) == []

    def test_a_stream_is_read_once(self) -> None:
        response = answer(b"body")
        assert b"".join(response.iter_content(2)) == b"body"
        for read in (
            lambda: response.content,
            lambda: response.iter_content(1),
            lambda: response.text,
            response.json,
        ):
            with pytest.raises(StreamConsumedError):
                read()

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100, None])
    @pytest.mark.parametrize("consumed", [True, False])
    def test_pieces_have_the_size_that_was_asked_for(self, size: int | None, consumed: bool) -> None:
        response = answer(b"0123456789")
        if consumed:
            assert response.content
        pieces = list(response.iter_content(size))
        assert b"".join(pieces) == b"0123456789"
        assert all(len(piece) == size for piece in pieces[:-1])

    @pytest.mark.parametrize("size", ["1024", 1.5, b"1"])
    def test_a_size_that_is_no_integer_is_a_type_error_at_once(self, size: Any) -> None:
        with pytest.raises(TypeError, match="chunk_size"):
            answer(b"body").iter_content(size)

    @pytest.mark.parametrize("size", [0, -1])
    @pytest.mark.parametrize("consumed", [True, False])
    def test_a_size_that_gets_nowhere_does_not_hang(self, size: int, consumed: bool) -> None:
        response = answer(urllib3.HTTPResponse(body=io.BytesIO(b"body"), preload_content=False))
        if consumed:
            assert response.content
        try:
            pieces = list(itertools.islice(response.iter_content(size), 10))
        except ValueError:
            return
        assert b"".join(pieces) == b"body"

    def test_iteration_gives_pieces_of_128(self) -> None:
        assert [len(piece) for piece in answer(b"x" * 300)] == [128, 128, 44]

    def test_a_body_that_broke_off_never_looks_complete(self) -> None:
        class Breaks(io.RawIOBase):
            left = 1

            def read(self, size: int | None = -1) -> bytes:
                self.left -= 1
                if self.left == 0:
                    return b"first "
                if self.left == -1:
                    raise ConnectionResetError("gone")
                return b""

        response = answer(Breaks())
        with pytest.raises(OSError):
            response.content  # noqa: B018
        with pytest.raises((OSError, RuntimeError)):
            response.content  # noqa: B018

    def test_a_context_manager_closes(self) -> None:
        raw = arriving([b"x"])
        with answer(raw) as response:
            assert response.status_code == 200
        assert raw.closed

    def test_closing_what_was_read_leaves_the_connection_alone(self) -> None:
        raw = arriving([b"x"])
        response = answer(raw)
        assert response.content == b"x"
        response.close()
        assert not raw.closed

    @pytest.mark.parametrize(
        "raw", [None, io.BytesIO(b"x"), object.__new__(type("Closable", (), {"close": print}))]
    )
    def test_any_raw_can_be_closed(self, raw: Any) -> None:
        response = answer(raw)
        response.raw = raw
        response.close()
        response.close()


LINES = [
    (b"", []),
    (b"one", [b"one"]),
    (b"one\n", [b"one"]),
    (b"one\ntwo", [b"one", b"two"]),
    (b"one\r\ntwo\r\n", [b"one", b"two"]),
    (b"one\rtwo\r", [b"one", b"two"]),
    (b"one\n\ntwo", [b"one", b"", b"two"]),
    (b"one\r\n\r\ntwo", [b"one", b"", b"two"]),
    (b"one\r\rtwo", [b"one", b"", b"two"]),
    (b"one\n\rtwo", [b"one", b"", b"two"]),
    (b"\n", [b""]),
    (b"\r\n", [b""]),
    (b"\r\n\n", [b"", b""]),
    (b"\x0b\x0c\x1c\x1d\x1e", [b"\x0b\x0c\x1c\x1d\x1e"]),
    ("a\u2028b\u2029c\x85d\n".encode(), ["a\u2028b\u2029c\x85d".encode()]),
]


def cuts(body: bytes) -> st.SearchStrategy[list[bytes]]:
    """*body* as it may arrive: any split, with empty pieces too."""
    places = st.lists(st.integers(0, len(body)), max_size=8).map(sorted)
    return places.map(lambda at: [body[i:j] for i, j in zip([0, *at], [*at, len(body)], strict=True)])


arrivals = st.text("ab\r\n\u2028ü", max_size=20).map(str.encode).flatmap(cuts)


class TestLines:
    @pytest.mark.parametrize(("body", "lines"), LINES)
    @pytest.mark.parametrize("size", [1, 2, 3, 512])
    def test_lines_end_at_lf_crlf_and_cr_only(self, body: bytes, lines: list[bytes], size: int) -> None:
        assert list(answer(body).iter_lines(size)) == lines
        text = answer(body, encoding="utf-8").iter_lines(size, decode_unicode=True)
        assert list(text) == [line.decode() for line in lines]
        read = answer(body)
        assert read.content == body
        assert list(read.iter_lines(size)) == lines

    @given(arrivals)
    @example([b"a\r", b"\nb"])
    @example([b"a\r", b"", b"\n", b"b"])
    @example([b"\r", b"\r", b"\n"])
    def test_they_are_the_same_however_the_bytes_arrive(self, pieces: list[bytes]) -> None:
        body = b"".join(pieces)
        lines = re.split(rb"\r\n|\r|\n", body)
        expected = lines if lines[-1] else lines[:-1]
        assert list(answer(arriving(pieces)).iter_lines()) == expected
        assert list(answer(arriving(pieces), encoding="utf-8").iter_lines(decode_unicode=True)) == [
            line.decode() for line in expected
        ]

    @given(arrivals, st.sampled_from(["ab", "\r\n", "a", "ü", "bb", "\n\n"]))
    @example([b"xa", b"by"], "ab")
    def test_so_are_those_between_delimiters(self, pieces: list[bytes], delimiter: str) -> None:
        body = b"".join(pieces)
        lines = body.split(delimiter.encode())
        expected = lines if lines[-1] else lines[:-1]
        response = answer(arriving(pieces))
        assert list(response.iter_lines(delimiter=delimiter.encode())) == expected
        response = answer(arriving(pieces), encoding="utf-8")
        assert list(response.iter_lines(decode_unicode=True, delimiter=delimiter)) == [
            line.decode() for line in expected
        ]

    def test_a_line_is_given_as_soon_as_it_has_ended(self) -> None:
        arrived = []

        def pieces() -> Iterator[bytes]:
            for piece in (b"one\n", b"two\r", b"three"):
                arrived.append(piece)
                yield piece

        lines = answer(arriving(pieces())).iter_lines()  # type: ignore[arg-type]
        assert (next(lines), len(arrived)) == (b"one", 1)
        assert (next(lines), len(arrived)) == (b"two", 2)

    @pytest.mark.parametrize(
        ("delimiter", "decode", "lines"),
        [
            ("|", False, [b"a", b"b"]),
            (b"|", True, ["a", "b"]),
            ("|", True, ["a", "b"]),
            (b"|", False, [b"a", b"b"]),
        ],
    )
    def test_a_delimiter_may_be_text_or_bytes(self, delimiter: Any, decode: bool, lines: list[Any]) -> None:
        response = answer(b"a|b", encoding="utf-8")
        assert list(response.iter_lines(decode_unicode=decode, delimiter=delimiter)) == lines

    def test_a_huge_line_takes_linear_time(self) -> None:
        pieces = [b"x" * 64] * 20_000
        (line,) = answer(arriving([*pieces, b"\n"])).iter_lines()
        assert len(line) == 64 * 20_000
        (line,) = answer(arriving([*pieces, b"|"])).iter_lines(delimiter=b"|")
        assert len(line) == 64 * 20_000


class TestText:
    @pytest.mark.parametrize(
        ("body", "encoding", "text"),
        [
            (b"", None, ""),
            ("grün €".encode(), None, "grün €"),
            ("grün €".encode("utf-8-sig"), None, "grün €"),
            ("grün €".encode("utf-16"), None, "grün €"),
            ("grün €".encode("utf-32"), None, "grün €"),
            ("grün".encode("latin-1"), "iso-8859-1", "grün"),
            ("grün".encode("latin-1"), "utf-8", "gr\ufffdn"),
            ("日本語".encode("shift_jis"), "Shift_JIS", "日本語"),
            ("grün".encode(), "no-such-charset", "grün"),
            ("grün".encode(), "hex", "grün"),
            ("grün".encode(), "", "grün"),
            ("grün".encode(), "utf-8\x00", "grün"),
        ],
    )
    def test_text_is_read_in_the_charset_that_fits(
        self, body: bytes, encoding: str | None, text: str
    ) -> None:
        response = answer(body, encoding=encoding)
        assert response.text == text
        assert response.content == body

    def test_undeclared_bytes_that_are_not_utf_8_are_guessed_and_never_blindly_latin_1(self) -> None:
        russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
        response = answer(russian.encode("cp1251"))
        assert response.text == russian
        assert response.encoding is None

    def test_the_encoding_can_be_set_and_set_again(self) -> None:
        response = answer("grün".encode("latin-1"))
        response.encoding = "latin-1"
        assert response.text == "grün"
        response.encoding = "cp437"
        assert response.text == "grⁿn"

    @pytest.mark.parametrize(
        ("body", "charset"),
        [
            ("grün".encode(), "utf-8"),
            (b"ascii", ("ascii", "utf-8")),
            ("grün".encode("utf-8-sig"), ("utf-8", "utf-8-sig")),
            ("grün".encode("utf-16"), ("utf-16", "utf-16-le")),
        ],
    )
    def test_apparent_encoding_looks_at_the_bytes(self, body: bytes, charset: str | tuple[str, ...]) -> None:
        found = answer(body, encoding="iso-8859-1").apparent_encoding
        assert found is not None
        assert found.replace("_", "-").lower() in ((charset,) if isinstance(charset, str) else charset)

    @given(st.text(max_size=30).map(str.encode).flatmap(cuts))
    def test_decoded_pieces_are_the_text_however_the_bytes_arrive(self, pieces: list[bytes]) -> None:
        whole = answer(b"".join(pieces), encoding="utf-8").text
        parts = list(answer(arriving(pieces), encoding="utf-8").iter_content(1, decode_unicode=True))
        assert all(isinstance(part, str) for part in parts)
        assert "".join(parts) == whole

    @given(st.text(max_size=30).map(str.encode).flatmap(cuts))
    def test_so_they_are_without_a_declared_charset(self, pieces: list[bytes]) -> None:
        whole = answer(b"".join(pieces)).text
        assert "".join(answer(arriving(pieces)).iter_content(1, decode_unicode=True)) == whole

    @pytest.mark.parametrize("charset", ["no-such-charset", "hex", "zlib", "undefined", "rot13", "idna", ""])
    def test_a_charset_that_is_none_costs_nothing_but_the_hint(self, charset: str) -> None:
        parts = answer(arriving(["gr\u00fc".encode(), b"n"]), encoding=charset).iter_content(
            1, decode_unicode=True
        )
        assert "".join(parts) == "grün"


class TestJSON:
    @pytest.mark.parametrize(
        "charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
    )
    @pytest.mark.parametrize("declared", [None, "utf-8"])
    def test_each_utf_is_read_whatever_is_declared(self, charset: str, declared: str | None) -> None:
        response = answer('{"grün": "€"}'.encode(charset), encoding=declared)
        assert response.json() == {"grün": "€"}

    @pytest.mark.parametrize(
        ("charset", "declared"),
        [
            ("latin-1", "iso-8859-1"),
            ("utf-16", "utf-16"),
            ("utf-32-be", "utf-32-be"),
            ("cp1252", "windows-1252"),
        ],
    )
    def test_a_declared_charset_is_used(self, charset: str, declared: str) -> None:
        assert answer('{"a": "grün"}'.encode(charset), encoding=declared).json() == {"a": "grün"}

    @pytest.mark.parametrize("declared", ["no-such-charset", "hex", ""])
    def test_a_declared_charset_that_is_none_is_no_error(self, declared: str) -> None:
        assert answer('{"a": "grün"}'.encode(), encoding=declared).json() == {"a": "grün"}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"<html>",
            b'{"a": ',
            b"{} {}",
            b'{"a": "\xff"',
            b"\xff\xfe",
            b"\x00",
            b"'a'",
            b"\xef\xbb\xbf",
            b'{"a":1}\xff',
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1"])
    def test_what_is_not_json_is_our_error_and_the_librarys(self, body: bytes, declared: str | None) -> None:
        response = answer(body, encoding=declared)
        with pytest.raises(JSONDecodeError) as caught:
            response.json()
        assert isinstance(caught.value, json.JSONDecodeError)
        assert isinstance(caught.value, ValueError)
        assert caught.value.response is response
        assert caught.value.request is response.request
        assert isinstance(caught.value.pos, int)

    @pytest.mark.parametrize(
        "body", [b"[" * 100_000, b"1" * 10_000], ids=["deep", "a number of 10,000 digits"]
    )
    def test_so_is_what_python_refuses_to_read(self, body: bytes) -> None:
        with pytest.raises(JSONDecodeError):
            answer(body).json()

    def test_keywords_go_to_the_decoder(self) -> None:
        assert answer(b'{"a": 1.5}').json(parse_float=str) == {"a": "1.5"}
        assert answer(b'{"a": 1}').json(object_pairs_hook=list) == [("a", 1)]

    def test_bytes_that_are_no_utf_8_are_replaced_where_nothing_else_is_known(self) -> None:
        assert answer(b'{"a": "\xff"}', encoding="utf-8").json() == {"a": "\ufffd"}


UTC = dt.timezone.utc
MOMENT = dt.datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


class TestTypedFields:
    @pytest.mark.parametrize("attribute", ["date", "last_modified", "expires"])
    @pytest.mark.parametrize(
        "value",
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
        ids=["IMF-fixdate", "RFC 850", "asctime"],
    )
    def test_dates_are_read_in_all_three_formats(self, attribute: str, value: str) -> None:
        response = answer(headers={attribute.replace("_", "-").title(): value})
        assert getattr(response, attribute) == MOMENT

    @pytest.mark.parametrize(
        ("attribute", "name", "value", "read"),
        [
            ("age", "Age", "60", 60),
            ("retry_after", "Retry-After", "120", 120.0),
            ("retry_after", "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
            ("allow", "Allow", "GET, HEAD", frozenset({"GET", "HEAD"})),
            ("allow", "Allow", "", frozenset()),
        ],
    )
    def test_simple_values(self, attribute: str, name: str, value: str, read: Any) -> None:
        assert getattr(answer(headers={name: value}), attribute) == read

    def test_retry_after_counts_from_now(self) -> None:
        later = dt.datetime.now(UTC) + dt.timedelta(seconds=1000)
        wait = answer(headers={"Retry-After": later.strftime("%a, %d %b %Y %H:%M:%S GMT")}).retry_after
        assert wait is not None
        assert 990 < wait <= 1000

    def test_content_type_has_parameters(self) -> None:
        found = answer(headers={"Content-Type": 'Text/HTML; Charset="UTF-8"; x=y'}).content_type
        assert found is not None
        assert (found.essence, found.charset, found.parameters["x"]) == ("text/html", "utf-8", "y")

    def test_cache_control_has_directives(self) -> None:
        found = answer(
            headers={"Cache-Control": 'max-age=60, no-store, private="set-cookie", x=y'}
        ).cache_control
        assert found is not None
        assert (found.max_age, found.no_store, found.no_transform, found.extensions) == (
            60,
            True,
            False,
            {"x": "y"},
        )

    def test_lists_are_read_from_repeats_as_from_one_field(self) -> None:
        response = answer()
        for name, value in [
            ("Via", "1.0 fred"),
            ("Via", "1.1 p.example.test"),
            ("Link", "</a>; rel=next"),
            ("Link", "</b>; rel=prev"),
            ("Warning", '110 a "stale"'),
            ("Warning", '112 b "off"'),
        ]:
            response.headers.add(name, value)
        assert [hop.received_by for hop in response.via or ()] == ["fred", "p.example.test"]
        assert [(link.target, link.rel) for link in response.link or ()] == [
            ("/a", ("next",)),
            ("/b", ("prev",)),
        ]
        assert [warning.code for warning in response.warning or ()] == [110, 112]

    ALL = (
        "date last_modified expires age retry_after content_type cache_control via warning link allow".split()  # noqa: SIM905
    )

    @pytest.mark.parametrize("attribute", ALL)
    def test_what_is_missing_gives_none(self, attribute: str) -> None:
        assert getattr(answer(), attribute) is None

    @pytest.mark.parametrize("attribute", ALL)
    @pytest.mark.parametrize(
        "value", ["\x00", "@@@", "Sun, 32 Nov 1994 08:49:37 G(T", "<" * 500, "\u20ac", '"' * 99]
    )
    def test_what_is_malformed_gives_none_and_never_an_error(self, attribute: str, value: str) -> None:
        name = attribute.replace("_", "-").title()
        # One bad directive does not hide the others in Cache-Control.
        extensions = getattr(getattr(answer(headers={name: value}), attribute), "extensions", None)
        assert getattr(answer(headers={name: value}), attribute) is None or extensions == {"sun": None}

    @pytest.mark.parametrize(
        "attribute", ["age", "retry_after", "date", "last_modified", "expires", "content_type"]
    )
    @pytest.mark.parametrize("value", ["", "-1", "1.5", "1 2", "0x10", "١", ";;;"])
    def test_numbers_and_dates_are_read_strictly(self, attribute: str, value: str) -> None:
        assert getattr(answer(headers={attribute.replace("_", "-"): value}), attribute) is None

    @pytest.mark.parametrize("attribute", ALL)
    def test_a_program_may_assign_its_own_value(self, attribute: str) -> None:
        response = answer()
        setattr(response, attribute, "mine")
        assert getattr(response, attribute) == "mine"
        assert getattr(answer(), attribute) != "mine"

    @pytest.mark.parametrize("attribute", ALL)
    def test_they_are_read_from_any_mapping_of_fields(self, attribute: str) -> None:
        response = answer()
        response.headers = {}  # type: ignore[assignment]  # stand-ins assign a dict
        assert not getattr(response, attribute)

    @pytest.mark.parametrize("attribute", ALL)
    def test_the_class_documents_them(self, attribute: str) -> None:
        assert getattr(Response, attribute).__doc__

    @given(st.sampled_from(ALL), st.text(max_size=40))
    def test_no_value_raises(self, attribute: str, value: str) -> None:
        getattr(answer(headers={attribute.replace("_", "-"): value}), attribute)


class TestLinks:
    def test_links_are_found_by_relation_or_url(self) -> None:
        value = '<https://a.test/?page=2>; rel="next", </last>; rel=last; title="L", </plain>; type="x"'
        assert answer(headers={"Link": value}).links == {
            "next": {"url": "https://a.test/?page=2", "rel": "next"},
            "last": {"url": "/last", "rel": "last", "title": "L"},
            "/plain": {"url": "/plain", "type": "x"},
        }

    @pytest.mark.parametrize("value", [None, "", "<>", ";;", "a,b"])
    def test_without_links_there_are_none(self, value: str | None) -> None:
        links = answer(headers={} if value is None else {"Link": value}).links
        assert isinstance(links, dict)


def test_a_plain_mapping_in_the_place_of_the_fields_gets_the_type_of_a_body() -> None:
    # As libraries do that compare a multipart body with one that they make.
    prepared = PreparedRequest()
    prepared.headers = {"Content-Type": ""}  # type: ignore[assignment]
    prepared.prepare_body(data=None, files={"file": b"content"})
    assert prepared.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert prepared.headers["Content-Length"] == str(len(prepared.body or ""))  # type: ignore[arg-type]


def test_elapsed_is_a_timedelta_from_the_beginning_and_can_be_set() -> None:
    response = Response()
    assert response.elapsed == dt.timedelta(0)
    response.elapsed = dt.timedelta(seconds=3)
    assert response.elapsed is response.elapsed == dt.timedelta(seconds=3)
    assert "elapsed" in Response.__attrs__
    with mock.patch.object(response, "elapsed", "patched"):
        assert response.elapsed == "patched"
    assert response.elapsed == dt.timedelta(seconds=3)
    response.elapsed = None  # type: ignore[assignment]
    assert response.elapsed is None
    del response.elapsed
    assert not hasattr(response, "elapsed")


class TestPickling:
    def test_a_response_travels_with_its_body_and_history(self) -> None:
        response = answer("grün".encode(), 404, {"A": "1"}, reason="Not Found", encoding="utf-8")
        response.cookies.set("a", "1")
        response.history = [answer(b"moved", 301)]
        response.elapsed = dt.timedelta(seconds=2)
        twin = pickle.loads(pickle.dumps(response))
        assert (twin.status_code, twin.reason, twin.url, twin.encoding, twin.elapsed) == (
            404,
            "Not Found",
            URL,
            "utf-8",
            dt.timedelta(seconds=2),
        )
        assert (twin.text, twin.content, dict(twin.headers)) == ("grün", "grün".encode(), {"A": "1"})
        assert (twin.cookies["a"], twin.history[0].content, twin.request.method) == ("1", b"moved", "GET")
        assert list(twin.iter_lines()) == ["grün".encode()]
        assert twin.raw is None
        with pytest.raises(HTTPError):
            twin.raise_for_status()
        twin.close()

    def test_an_error_travels_with_its_response(self) -> None:
        with pytest.raises(HTTPError) as caught:
            answer(b"why", 400, reason="Bad Request").raise_for_status()
        twin = pickle.loads(pickle.dumps(caught.value))
        assert twin.response.content == b"why"
        assert twin.request.url == URL

    def test_repeats_survive(self) -> None:
        response = answer()
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        assert pickle.loads(pickle.dumps(response)).headers.getlist("set-cookie") == ["a=1", "b=2"]

    def test_a_stream_that_was_read_cannot_be_kept(self) -> None:
        response = answer(b"body")
        assert b"".join(response.iter_content(2)) == b"body"
        twin = pickle.loads(pickle.dumps(response))
        with pytest.raises(StreamConsumedError):
            twin.content  # noqa: B018


class TestSubclasses:
    def test_raise_for_status_decides_about_truth(self) -> None:
        class Lenient(Response):
            def raise_for_status(self) -> Any:
                return self

        response = Lenient()
        response.status_code = 500
        assert response.ok

    def test_lines_feed_other_readers(self) -> None:
        response = answer(b"a,b\r\n1,2\r\n", encoding="utf-8")
        assert list(csv.DictReader(response.iter_lines(decode_unicode=True))) == [{"a": "1", "b": "2"}]


class TestDetach:
    @pytest.mark.parametrize("status", [200, 101, 426])
    def test_only_a_switched_protocol_has_a_socket_to_give(self, status: int) -> None:
        with pytest.raises(ValueError, match="101"):
            answer(b"", status).detach()
