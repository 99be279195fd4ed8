"""Nothing that looks like a secret is in what people see: reprs, errors, what `-v` shows."""

from __future__ import annotations

import sys
import traceback
from types import FrameType
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import httpkit
from httpkit import auth
from httpkit._message import urls
from httpkit._message.fields import redact_field
from httpkit._message.secrets import hide_in_url, hide_parameters, is_secret_parameter
from httpkit._wire.errors import translate
from httpkit.structures import CaseInsensitiveDict


@pytest.mark.parametrize(
    "name",
    [
        *("token", "access_token", "id_token", "refresh_token", "X-Amz-Security-Token", "csrfToken"),
        *("api_key", "apikey", "api-key", "key", "x-functions-key", "private_key", "AWSAccessKeyId"),
        *("password", "passwd", "pwd", "pass", "passphrase", "secret", "client_secret"),
        *(
            "signature",
            "sig",
            "X-Amz-Signature",
            "X-Goog-Signature",
            "X-Amz-Credential",
            "GoogleAccessId-signature",
        ),
        *(
            "auth",
            "authorization",
            "code",
            "otp",
            "jwt",
            "assertion",
            "SAMLResponse",
            "sessionid",
            "session_id",
            "sid",
        ),
        *("%74oken", "to%6ben", "client%5Fsecret"),
    ],
)
def test_a_parameter_with_this_name_is_secret(name: str) -> None:
    assert is_secret_parameter(name)
    assert hide_in_url(f"https://a.test/p?x=1&{name}=hush&y=2#f") == f"https://a.test/p?x=1&{name}=***&y=2#f"


@pytest.mark.parametrize(
    "name",
    ["q", "page", "monkey", "keyword", "country_code", "author", "design", "passenger", "side", "tok", ""],
)
def test_a_parameter_with_this_name_is_not(name: str) -> None:
    assert not is_secret_parameter(name)
    text = f"https://a.test/p?{name}=shown#f"
    assert hide_in_url(text) == text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("https://a.test/#access_token=hush&state=1", "https://a.test/#access_token=***&state=1"),
        ("https://a.test/?token=hush", "https://a.test/?token=***"),
        ("https://a.test/?token=", "https://a.test/?token=***"),
        ("https://a.test/?token", "https://a.test/?token"),
        ("https://a.test/?token=hu=sh", "https://a.test/?token=***"),
        ("https://a.test/?token=hu;sh&x=1", "https://a.test/?token=***&x=1"),
        ("https://a.test/?token=hu?sh", "https://a.test/?token=***"),
        ("https://a.test/?a=1;token=hush", "https://a.test/?a=1;token=***"),
        ("https://a.test/?next=/b?token=hush", "https://a.test/?next=/b?token=***"),
        ("https://a.test/?u=https%3A%2F%2Fb%3Ftoken%3Dhush", "https://a.test/?u=***"),
        ("https://a.test/?u=https%3A%2F%2Fb%3Fpage%3D1", "https://a.test/?u=https%3A%2F%2Fb%3Fpage%3D1"),
        ("<https://a.test/?token=hush>; rel=next, <https://a.test/?page=2>", None),
        ("https://a.test/token=shown", "https://a.test/token=shown"),
        ("token=shown", "token=shown"),
        ("", ""),
    ],
)
def test_parameters_are_hidden_wherever_a_url_has_them(text: str, shown: str | None) -> None:
    if shown is None:
        assert "hush" not in hide_in_url(text)
        return
    assert hide_in_url(text) == shown


def test_forms_have_no_question_mark() -> None:
    assert hide_parameters("user=me&password=hush&x=%20") == "user=me&password=***&x=%20"
    assert hide_parameters("plain text") == "plain text"


@given(st.text(alphabet="?&;#=% ab3D\u20ac", max_size=60), st.text(alphabet="abc%3D=?;", max_size=20))
def test_a_secret_is_never_shown_and_hiding_twice_changes_nothing(before: str, tail: str) -> None:
    shown = hide_in_url(f"https://h/{before}?token=zqz{tail}")
    assert "zqz" not in shown
    assert hide_in_url(shown) == shown


def test_twice_the_parameters_are_twice_the_work() -> None:
    def steps(text: str) -> int:
        calls = 0

        def count(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            hide_in_url(text)
        finally:
            sys.setprofile(before)
        return calls

    for unit in ("&token=a", ";a=b", "?a=b?", "a=%3D&", "#", "token=?"):
        assert steps("?" + unit * 4000) < 2.1 * steps("?" + unit * 2000) + 20, unit


class TestURLs:
    @pytest.mark.parametrize(
        "url, shown",
        [
            ("https://u:p@a.test/?api_key=hush&q=1", "https://***@a.test/?api_key=***&q=1"),
            (b"https://a.test/?sig=hush", "https://a.test/?sig=***"),
        ],
    )
    def test_are_shown_without_them(self, url: Any, shown: str) -> None:
        assert urls.redact(url) == shown

    @pytest.mark.parametrize(
        "url",
        [
            "a.test/?token=hush",
            "http://a test/?token=hush",
            "http://a.test:0/?token=hush",
            "ftp:/?token=hush",
        ],
    )
    def test_that_cannot_be_used_are_named_without_them(self, url: str) -> None:
        with pytest.raises(httpkit.RequestException) as caught:
            httpkit.Session().get(url)
        assert "hush" not in str(caught.value)
        assert "token=***" in str(caught.value)

    def test_of_a_failed_status_are_named_without_them_and_kept_whole(self) -> None:
        response = httpkit.Response()
        response.status_code, response.url, response.reason = 404, "https://u:p@a.test/?token=hush", "No"
        response.request = httpkit.Request("GET", response.url).prepare()
        with pytest.raises(httpkit.HTTPError) as caught:
            response.raise_for_status()
        assert "hush" not in str(caught.value) + repr(caught.value)
        assert caught.value.request is not None
        assert caught.value.request.url == "https://u:p@a.test/?token=hush"

    def test_in_an_error_of_urllib3_are_hidden_in_the_traceback_as_well(self) -> None:
        pool = urllib3.HTTPConnectionPool("a.test")
        reason = urllib3.exceptions.NewConnectionError(urllib3.connection.HTTPConnection("a.test"), "no")
        theirs = urllib3.exceptions.MaxRetryError(pool, "/p?token=hush&q=1", reason)
        request = httpkit.Request("GET", "http://a.test/p").prepare()
        with pytest.raises(httpkit.RequestException) as caught:
            raise translate(theirs, request) from theirs
        shown = "".join(traceback.format_exception_only(type(theirs), theirs))
        assert "hush" not in shown + repr(theirs) + repr(caught.value)
        assert "url: /p?token=***&q=1" in shown
        assert caught.value.args[0].reason is reason


@pytest.mark.parametrize("name", ["Location", "Content-Location", "Referer", "Link", "Refresh"])
def test_fields_with_urls_show_no_secret_parameters(name: str) -> None:
    assert "hush" not in redact_field(name, "<https://u:hush@a.test/?token=hush&q=1>")


class TestReprs:
    @pytest.mark.parametrize(
        "thing",
        [
            httpkit.Request(
                "GET", "https://u:hush@a.test/?token=hush", auth=("u", "hush"), cookies={"a": "hush"}
            ),
            httpkit.Request("GET", "https://a.test/?token=hush", auth=("u", "hush")).prepare(),
            auth.HTTPBasicAuth("u", "hush"),
            auth.HTTPProxyAuth("u", "hush"),
            auth.HTTPDigestAuth("u", "hush"),
            auth.HTTPBearerAuth("hush")
            if hasattr(auth, "HTTPBearerAuth")
            else auth.HTTPBasicAuth("u", "hush"),
            httpkit.adapters.HTTPAdapter(),
        ],
        ids=lambda thing: type(thing).__name__,
    )
    def test_hold_no_secret(self, thing: object) -> None:
        assert "hush" not in f"{thing!r} {thing}"

    def test_of_a_session_and_a_response_hold_none(self) -> None:
        session = httpkit.Session()
        session.auth = ("u", "hush")
        session.headers["Authorization"] = "Bearer hush"
        session.proxies = {"https": "http://u:hush@proxy.test"}
        session.cookies.set("a", "hush")
        response = httpkit.Response()
        response.url = "https://a.test/?token=hush"
        assert (
            "hush"
            not in f"{session!r} {session} {response!r} {response} {session.headers!r} {session.headers}"
        )
        assert "hush" not in f"{session.cookies!r} {session.cookies}"
        assert "a=***" in repr(session.cookies)
        session.close()

    def test_of_fields_show_what_is_no_secret(self) -> None:
        fields = CaseInsensitiveDict({"Accept": "*/*", "X-API-Key": "hush", "Cookie": "a=hush"})
        assert repr(fields) == str(fields) == "{'Accept': '*/*', 'X-API-Key': '***', 'Cookie': '***'}"
        assert dict(fields)["X-API-Key"] == "hush"
