"""Redirect law: what the next request is, and what it may carry (RFC 9110 §15.4). No socket in sight."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import redirects
from httpkit.exceptions import BodyNotReplayable, InvalidSchema, InvalidURL, RequestException
from httpkit.models import PreparedRequest, Request, Response

REDIRECTS = [301, 302, 303, 307, 308]


def response(
    status: int = 302, location: str | None = None, url: str = "http://example.test/a/b"
) -> Response:
    answer = Response()
    answer.status_code = status
    answer.url = url
    answer.request = Request("GET", url).prepare()
    if location is not None:
        answer.headers["Location"] = location
    return answer


class TestTarget:
    @pytest.mark.parametrize("status", REDIRECTS)
    def test_a_redirect_status_with_location_is_a_redirect(self, status: int) -> None:
        assert redirects.redirect_target(response(status, "/x")) == "/x"

    @pytest.mark.parametrize("status", [200, 201, 202, 300, 304, 305, 306, 399, 401, 404, 500])
    def test_location_means_nothing_with_other_statuses(self, status: int) -> None:
        assert redirects.redirect_target(response(status, "/x")) is None

    @pytest.mark.parametrize("status", REDIRECTS)
    def test_without_location_there_is_nowhere_to_go(self, status: int) -> None:
        assert redirects.redirect_target(response(status)) is None

    @pytest.mark.parametrize(
        ("bytes_on_the_wire", "target"),
        [
            ("/ü/€".encode(), "/ü/€"),
            ("/ü".encode("latin-1"), "/ü"),
            (b"/%C3%BC", "/%C3%BC"),
            (b"", ""),
        ],
        ids=["UTF-8", "ISO-8859-1", "percent-encoded", "empty"],
    )
    def test_locations_are_read_as_utf_8_where_they_are_that(
        self, bytes_on_the_wire: bytes, target: str
    ) -> None:
        assert redirects.redirect_target(response(302, bytes_on_the_wire.decode("latin-1"))) == target

    def test_a_location_beyond_latin_1_is_taken_as_it_is(self) -> None:
        assert redirects.redirect_target(response(302, "/€")) == "/€"


METHODS = [
    # (method, 301, 302, 303, 307, 308), RFC 9110 §15.4.2-4, §15.4.8-9
    ("GET", "GET", "GET", "GET", "GET", "GET"),
    ("HEAD", "HEAD", "HEAD", "HEAD", "HEAD", "HEAD"),
    ("POST", "GET", "GET", "GET", "POST", "POST"),
    ("PUT", "PUT", "GET", "GET", "PUT", "PUT"),
    ("PATCH", "PATCH", "GET", "GET", "PATCH", "PATCH"),
    ("DELETE", "DELETE", "GET", "GET", "DELETE", "DELETE"),
    ("OPTIONS", "OPTIONS", "GET", "GET", "OPTIONS", "OPTIONS"),
    ("PROPFIND", "PROPFIND", "GET", "GET", "PROPFIND", "PROPFIND"),
]


@pytest.mark.parametrize(
    ("method", "status", "following"),
    [(row[0], status, row[1 + column]) for row in METHODS for column, status in enumerate(REDIRECTS)],
)
def test_the_method_after_a_redirect(method: str, status: int, following: str) -> None:
    assert redirects.next_method(method, status) == following


BASE = "http://a.test/b/c/d;p?q"


class TestNextURL:
    @pytest.mark.parametrize(
        ("reference", "url"),
        [
            # RFC 3986 §5.4.1
            ("g", "http://a.test/b/c/g"),
            ("./g", "http://a.test/b/c/g"),
            ("g/", "http://a.test/b/c/g/"),
            ("/g", "http://a.test/g"),
            ("//g.test", "http://g.test/"),
            ("?y", "http://a.test/b/c/d;p?y"),
            ("g?y", "http://a.test/b/c/g?y"),
            ("g#s", "http://a.test/b/c/g#s"),
            ("g?y#s", "http://a.test/b/c/g?y#s"),
            (";x", "http://a.test/b/c/;x"),
            ("g;x?y#s", "http://a.test/b/c/g;x?y#s"),
            (".", "http://a.test/b/c/"),
            ("./", "http://a.test/b/c/"),
            ("..", "http://a.test/b/"),
            ("../g", "http://a.test/b/g"),
            ("../..", "http://a.test/"),
            ("../../g", "http://a.test/g"),
            # RFC 3986 §5.4.2
            ("../../../g", "http://a.test/g"),
            ("/./g", "http://a.test/g"),
            ("/../g", "http://a.test/g"),
            ("g.", "http://a.test/b/c/g."),
            ("..g", "http://a.test/b/c/..g"),
            ("./g/.", "http://a.test/b/c/g/"),
            ("g;x=1/../y", "http://a.test/b/c/y"),
            ("g?y/../x", "http://a.test/b/c/g?y/../x"),
            # the rest of the world
            ("https://other.test/x?y#z", "https://other.test/x?y#z"),
            ("HTTP://Other.TEST/X", "http://other.test/X"),
            (" /g ", "http://a.test/g"),
            ("/a b", "http://a.test/a%20b"),
            ("/ü", "http://a.test/%C3%BC"),
            ("/%C3%BC?q=%2F%20+", "http://a.test/%C3%BC?q=%2F%20+"),
            ("/a:b", "http://a.test/a:b"),
            ("//other.test:8080/x", "http://other.test:8080/x"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://münchen.test/", "http://xn--mnchen-3ya.test/"),
        ],
    )
    def test_references_are_resolved_as_rfc_3986_section_5_says(self, reference: str, url: str) -> None:
        answer = response(302, reference, url=BASE)
        assert redirects.next_url(answer, answer.request, reference).lower() == url.lower()

    @pytest.mark.parametrize(
        ("request_url", "reference", "url"),
        [
            ("http://a.test/#frag", "/x", "http://a.test/x#frag"),
            ("http://a.test/#frag", "/x#own", "http://a.test/x#own"),
            ("http://a.test/", "/x", "http://a.test/x"),
            ("http://a.test/#frag", "https://b.test/x", "https://b.test/x#frag"),
        ],
    )
    def test_a_target_without_fragment_inherits_it(self, request_url: str, reference: str, url: str) -> None:
        answer = response(302, reference, url="http://a.test/")
        assert redirects.next_url(answer, Request("GET", request_url).prepare(), reference) == url

    @pytest.mark.parametrize(
        "reference",
        [
            "http://",
            "http:///path",
            "//",
            "http://[::1/",
            "http://a.test:port/",
            "http://a.test:99999/",
            "http://*.test/",
            "http://.test/",
            "http://a b.test/",
            "/a\x00b",
            "/a\nb",
            "/a\r\nX-Injected: 1",
            "/a\x7f",
            "http://a\tb.test/",
        ],
    )
    def test_malformed_targets_are_an_invalid_url_with_the_response(self, reference: str) -> None:
        answer = response(302, "irrelevant")
        with pytest.raises(InvalidURL, match="redirect to") as caught:
            redirects.next_url(answer, answer.request, reference)
        assert caught.value.response is answer
        assert caught.value.request is answer.request

    @pytest.mark.parametrize(
        "reference",
        [
            "file:///etc/passwd",
            "ftp://a.test/",
            "javascript:alert(1)",
            "data:text/plain,x",
            "mailto:a@b.test",
            "gopher://a.test/",
            "unix:///x",
        ],
    )
    def test_redirects_do_not_leave_http(self, reference: str) -> None:
        answer = response(302, "irrelevant")
        with pytest.raises(InvalidSchema, match="redirect") as caught:
            redirects.next_url(answer, answer.request, reference)
        assert caught.value.response is answer

    def test_a_scheme_of_ones_own_may_redirect_within_itself(self) -> None:
        answer = response(302, "irrelevant", url="mock://a.test/x")
        assert redirects.next_url(answer, answer.request, "mock://a.test/y") == "mock://a.test/y"

    @pytest.mark.parametrize(
        "reference", ["http://user:hunter2@", "ftp://user:hunter2@b.test/", "http://user:hunter2@[/"]
    )
    def test_passwords_are_not_in_the_message(self, reference: str) -> None:
        answer = response(302, "irrelevant")
        with pytest.raises(RequestException) as caught:
            redirects.next_url(answer, answer.request, reference)
        assert "hunter2" not in str(caught.value)

    @given(st.text() | st.text("/:?#[]@.%\\a0 \t\u00fc\u3002", max_size=20).map("http:{}".format))
    def test_any_location_is_a_sendable_url_or_an_error_of_ours(self, reference: str) -> None:
        answer = response(302, "irrelevant")
        try:
            url = redirects.next_url(answer, answer.request, reference)
        except RequestException:
            return
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url
        assert Request("GET", url).prepare().url == url

    def test_messages_are_bounded_and_printable(self) -> None:
        answer = response(302, "irrelevant")
        with pytest.raises(InvalidURL) as caught:
            redirects.next_url(answer, answer.request, "/\x1b[31m\u202e" + "x" * 100_000)
        assert len(str(caught.value)) < 1000
        assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "strip"),
    [
        ("http://a.test/", "http://a.test/other?x#y", False),
        ("http://a.test/", "http://A.TEST/", False),
        ("http://a.test/", "http://a.test:80/", False),
        ("https://a.test:443/", "https://a.test/", False),
        ("http://a.test/", "https://a.test/", False),
        ("http://a.test:80/", "https://a.test:443/", False),
        ("http://u:p@a.test/", "http://a.test/", False),
        ("http://[::1]:8080/", "http://[::1]:8080/x", False),
        ("https://a.test/", "http://a.test/", True),
        ("http://a.test:8080/", "https://a.test:8080/", True),
        ("http://a.test:8080/", "https://a.test/", True),
        ("http://a.test/", "https://a.test:8443/", True),
        ("http://a.test/", "http://a.test:8080/", True),
        ("http://a.test:8080/", "http://a.test:8081/", True),
        ("http://a.test/", "http://b.test/", True),
        ("http://a.test/", "http://sub.a.test/", True),
        ("http://sub.a.test/", "http://a.test/", True),
        ("http://a.test/", "http://a.test.evil.test/", True),
        ("http://a.test/", "https://b.test/", True),
        ("http://a.test/", "http://a.test@evil.test/", True),
        ("http://127.0.0.1/", "http://localhost/", True),
        ("http://a.test/", "http://", True),
        ("http://a.test/", "not a url", True),
        ("", "http://a.test/", True),
    ],
)
def test_credentials_belong_to_one_origin_or_its_upgrade(old: str, new: str, strip: bool) -> None:
    assert redirects.should_strip_auth(old, new) is strip


def prepared(**kwargs: Any) -> PreparedRequest:
    return Request(kwargs.pop("method", "POST"), "http://example.test/", **kwargs).prepare()


class TestDropping:
    @pytest.mark.parametrize(
        "body",
        [{"data": {"a": "1"}}, {"json": [1]}, {"files": {"f": b"x"}}, {"data": iter([b"x"])}],
        ids=["form", "json", "files", "stream"],
    )
    def test_a_body_goes_with_the_fields_that_describe_it(self, body: Any) -> None:
        request = prepared(
            headers={"Content-Encoding": "gzip", "Content-Language": "de", "Accept": "text/html"}, **body
        )
        redirects.drop_body(request)
        assert request.body is None
        assert dict(request.headers) == {"Accept": "text/html"}
        redirects.rewind(request)

    @pytest.mark.parametrize(
        "name",
        [
            "X-API-Key",
            "x-api-key",
            "X-Apikey",
            "Api-Key",
            "X-Auth-Token",
            "X-Amz-Security-Token",
            "Private-Token",
            "X-Secret",
            "X-Password",
            "X-Goog-Api-Key",
            "Key",
            "Ocp-Apim-Subscription-Key",
            "Proxy-Authorization",
            "X_API_KEY",
            "X-Passwd",
        ],
    )
    def test_key_like_fields_are_dropped(self, name: str) -> None:
        request = prepared(headers={name: "s3cret", "Accept": "text/html"})
        redirects.drop_credentials(request, lambda hook: False)
        assert name not in request.headers
        assert request.headers["Accept"] == "text/html"

    @pytest.mark.parametrize(
        "name", ["X-Keyboard", "Keep-Alive", "X-Monkey", "Accept", "User-Agent", "X-Request-Id"]
    )
    def test_other_fields_stay(self, name: str) -> None:
        request = prepared(headers={name: "value"})
        redirects.drop_credentials(request, lambda hook: False)
        assert request.headers[name] == "value"

    def test_hooks_of_auth_go_and_those_of_the_program_stay(self) -> None:
        request = prepared()
        request.hooks["response"] = [print, len]
        before = request.hooks
        redirects.drop_credentials(request, lambda hook: hook is len)
        assert request.hooks == {"response": [print]}
        assert before == {"response": [print, len]}, "another request may share the registry"


class Once:
    """An iterable that can be iterated once."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise StopIteration


class TestRewinding:
    def test_a_file_is_taken_back_to_where_it_stood(self) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        request = prepared(data=file)
        assert file.read() == b"456789"
        redirects.rewind(request)
        assert file.read() == b"456789"

    @pytest.mark.parametrize("data", ["text", b"bytes", {"a": "1"}, None, b""], ids=repr)
    def test_what_lies_in_memory_needs_nothing(self, data: Any) -> None:
        request = prepared(data=data)
        body = request.body
        redirects.rewind(request)
        assert request.body == body

    @pytest.mark.parametrize(
        "data",
        [(piece for piece in [b"x"]), Once(), map(bytes, [b"x"])],
        ids=["generator", "own iterator", "map"],
    )
    def test_what_can_be_read_once_is_never_sent_again(self, data: Any) -> None:
        request = prepared(data=data)
        with pytest.raises(BodyNotReplayable) as caught:
            redirects.rewind(request)
        assert caught.value.request is request

    def test_a_file_that_does_not_seek_is_never_sent_again(self) -> None:
        class Pipe(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                return 0

        request = prepared(data=Pipe())
        with pytest.raises(BodyNotReplayable):
            redirects.rewind(request)
