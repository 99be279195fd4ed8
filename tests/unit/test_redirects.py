"""Redirect law: what the next request is, and what it may carry (RFC 9110 §15.4). No socket in sight."""

from __future__ import annotations

import io
import pickle
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
        ("http+unix://%2Fa.sock/", "http+unix://%2Fa.sock/x", False),
        ("http+unix://%2Fa.sock/", "http+unix://%2Fb.sock/", True),
        ("http+unix://%2Fa.sock:1/", "http+unix://%2Fa.sock:2/", True),
        ("http+unix://%2Fa.sock/", "http://localhost/", True),
        ("mock:///a", "mock:///a", True),
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

    def test_fields_that_auth_wrote_are_dropped_and_those_of_the_body_stay(self) -> None:
        def sign(request: PreparedRequest) -> PreparedRequest:
            request.headers["X-Signature"] = "abc"
            request.headers["Accept"] = "application/signed"
            request.headers["Content-Type"] = "text/signed"
            return request

        request = prepared(data=b"x", auth=sign, headers={"Accept": "*/*", "X-Trace": "1"})
        redirects.drop_credentials(request, lambda hook: False)
        assert dict(request.headers) == {"X-Trace": "1", "Content-Length": "1", "Content-Type": "text/signed"}

    def test_a_host_field_names_the_old_origin(self) -> None:
        request = prepared(headers={"Host": "internal.test"})
        redirects.drop_credentials(request, lambda hook: False)
        assert "Host" not in request.headers

    def test_hooks_of_auth_go_and_those_of_the_program_stay(self) -> None:
        request = prepared()
        request.hooks["response"] = [print, len]
        before = request.hooks
        redirects.drop_credentials(request, lambda hook: hook is len)
        assert request.hooks == {"response": [print]}
        assert before == {"response": [print, len]}, "another request may share the registry"


class TestSecretFields:
    @pytest.mark.parametrize(
        ("given", "name", "dropped"),
        [
            ({}, "X-API-Key", True),
            ({}, "X-Session-Id", False),
            ({"also": ["X-Session-Id"]}, "x-session-ID", True),
            ({"also": ["X-Session-Id"]}, "X-Session-Id2", False),
            ({"also": ["X-Session-Id"]}, "X-API-Key", True),
            ({"also": {"*-ticket"}}, "X-Ticket", True),
            ({"also": {"*-ticket"}}, "X-Tickets", False),
            ({"also": {"x-acme-*"}}, "X-Acme-Anything", True),
            ({"also": {"x.acme"}}, "x-acme", False),
            ({"may_cross": ("idempotency-key",)}, "Idempotency-Key", False),
            ({"may_cross": ("Idempotency-Key",)}, "X-API-Key", True),
            ({"may_cross": ("x-csrf-*",)}, "X-CSRF-Token", False),
            ({"also": ("a",), "may_cross": ("A",)}, "a", False),
        ],
        ids=str,
    )
    def test_a_program_says_which_there_are_besides_and_which_are_none(
        self, given: Any, name: str, dropped: bool
    ) -> None:
        secret = redirects.SecretFields(**given)
        assert secret.is_for_one_origin(name) is dropped
        request = prepared(headers={name: "value"})
        redirects.drop_credentials(request, lambda hook: False, secret)
        assert (name not in request.headers) is dropped

    @pytest.mark.parametrize(
        "name", ["Authorization", "COOKIE", "Proxy-Authorization", "*", "auth*", "*authorization"]
    )
    def test_credentials_never_cross(self, name: str) -> None:
        with pytest.raises(ValueError, match="belongs to one origin"):
            redirects.SecretFields(may_cross=[name])

    @pytest.mark.parametrize(
        ("given", "error"),
        [("X-Key", TypeError), (b"X-Key", TypeError), (3, TypeError), ([""], ValueError), (["a b"], ValueError),
         (["a[bc]"], ValueError), ([None], ValueError), (["x:"], ValueError)],
    )  # fmt: skip
    @pytest.mark.parametrize("argument", ["also", "may_cross"])
    def test_what_is_no_name_is_an_error(self, argument: str, given: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=argument):
            redirects.SecretFields(**{argument: given})

    def test_forms_in_which_a_session_may_have_them(self) -> None:
        own = redirects.SecretFields(also=["X-Own"])
        assert redirects.SecretFields.of(own) is own
        assert redirects.SecretFields.of(None) == redirects.SecretFields()
        assert redirects.SecretFields.of(["X-Own"]) == own
        assert pickle.loads(pickle.dumps(own)) == own


class TestReferer:
    @pytest.mark.parametrize(
        ("referer", "came_from", "url", "sent"),
        [
            ("https://a.test/x?y", "https://a.test/", "https://b.test/", "https://a.test/x?y"),
            ("http://a.test/x", "http://a.test/", "http://b.test/", "http://a.test/x"),
            ("http://a.test/x", "http://a.test/", "https://b.test/", "http://a.test/x"),
            pytest.param("https://a.test/x", "https://a.test/", "http://a.test/", None, id="9110-10.1.3 https to http"),
            pytest.param("/x", "https://a.test/", "http://a.test/", None, id="9110-10.1.3 a relative one"),
            pytest.param("https://a.test/x", "http://b.test/", "http://c.test/", None, id="9110-10.1.3 itself https"),
            pytest.param(" HTTPS://a.test/x", "http://b.test/", "http://c.test/", None, id="in any case"),
            pytest.param(b"https://a.test/", "https://a.test/", "http://a.test/", None, id="bytes"),
            pytest.param(
                "http://user:secret@a.test/x", "http://a.test/", "http://a.test/y", "http://a.test/x",
                id="9110-10.1.3 userinfo",
            ),
            pytest.param(
                "https://user:secret@a.test/x#frag", "https://a.test/", "https://b.test/", "https://a.test/x",
                id="9110-10.1.3 userinfo and fragment",
            ),
            pytest.param(
                b"http://u:secret@a.test/", "http://a.test/", "http://b.test/", "http://a.test/", id="in bytes",
            ),
            pytest.param("http://u:secret@[/", "http://a.test/", "http://b.test/", None, id="malformed"),
            pytest.param("//u:secret@a.test/", "http://a.test/", "http://b.test/", None, id="without a scheme"),
            ("http://a.test/@x", "http://a.test/", "http://b.test/", "http://a.test/@x"),
            ("app", "http://a.test/", "http://b.test/", "app"),
        ],
    )  # fmt: skip
    def test_it_tells_no_secret(self, referer: Any, came_from: str, url: str, sent: str | None) -> None:
        request = prepared()
        request.headers["Referer"] = referer
        request.url = url
        redirects.drop_referer(request, came_from)
        assert request.headers.get("referer") == sent


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "here", "upgrade", "elsewhere"),
        [("all", True, True, True), ("same-origin", True, True, False), ("none", False, False, False)],
    )
    def test_a_word_says_what_is_followed(
        self, policy: str, here: bool, upgrade: bool, elsewhere: bool
    ) -> None:
        redirects.check_policy(policy)
        found = [
            redirects.is_followed(policy, "http://a.test/", url)
            for url in ("http://a.test/x", "https://a.test/", "http://b.test/")
        ]
        assert found == [here, upgrade, elsewhere]

    @pytest.mark.parametrize(
        ("policy", "error"),
        [("ALL", ValueError), ("", ValueError), ("same_origin", ValueError), (None, TypeError), (True, TypeError),
         (5, TypeError), (["all"], TypeError)],
    )  # fmt: skip
    def test_anything_else_is_an_error_that_names_the_choices(
        self, policy: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error, match=r"redirects.*'all', 'same-origin', 'none'.*callable"):
            redirects.check_policy(policy)


class TestMessages:
    def way(self, hops: int, url: str = "http://user:hunter2@a.test/") -> Response:
        way = [response(301, "/x") for _ in range(hops - 1)] + [response(302, "/x")]
        for number, hop in enumerate(way):
            hop.url = f"{url}{number}"
        *way[-1].history, _ = way
        return way[-1]

    @pytest.mark.parametrize("hops", [1, 2, 5, 6, 31])
    @pytest.mark.parametrize("url", ["http://user:hunter2@a.test/", "http://a.test/\x1b[31m" + "x" * 10_000])
    def test_they_show_the_way_bounded_and_without_secrets(self, hops: int, url: str) -> None:
        last = self.way(hops, url)
        errors: list[RequestException] = [
            redirects.limit_passed(last, 30, url), redirects.loop_found(last, prepared(method="GET")),
        ]  # fmt: skip
        for target in ("http://user:hunter2@[", "ftp://user:hunter2@a.test/", "/\x00"):
            with pytest.raises(RequestException) as caught:
                redirects.next_url(last, last.request, target)
            errors.append(caught.value)
        for error in errors:
            text = str(error)
            assert error.response is last
            assert "; the way there: 30" in text
            assert text.count(" -> ") == min(hops, 5) - 1
            assert ("more)" in text) is (hops > 5)
            assert "hunter2" not in text
            assert text.isprintable()
            assert len(text) < 1000

    def test_the_middle_is_left_out(self) -> None:
        error = redirects.limit_passed(self.way(31, "http://a.test/"), 30, "/next")
        assert str(error).endswith(
            "the last asked for '/next'; the way there: 301 http://a.test/0 -> 301 http://a.test/1 -> (27 more) "
            "-> 301 http://a.test/29 -> 302 http://a.test/30"
        )


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
