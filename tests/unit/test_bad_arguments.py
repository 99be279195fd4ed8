"""An argument of the wrong type or form: the error names it and says what to give. Nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import (
    InvalidHeader,
    InvalidJSONError,
    InvalidProxyURL,
    InvalidURL,
    MissingSchema,
    RequestException,
)

URL = "https://127.0.0.1:9/"

#: argument, value, error, words of its message
TABLE: list[tuple[str, Any, type[Exception], str]] = [
    ("params", 5, InvalidURL, r"params .*mapping or \(name, value\) pairs"),
    ("params", [1, 2], InvalidURL, "params"),
    ("params", ["ab"], InvalidURL, r"params .*\(name, value\) pair"),
    ("data", 5, RequestException, "data: .*mapping"),
    ("data", [1, 2], RequestException, "data: .*pairs"),
    ("data", object(), RequestException, "data: .*json="),
    ("json", {1}, InvalidJSONError, "json: .*set"),
    ("json", float("nan"), InvalidJSONError, "json: "),
    ("headers", "a: b", InvalidHeader, "headers: .*mapping.*not str"),
    ("headers", b"a: b", InvalidHeader, "headers: .*mapping.*not bytes"),
    ("headers", 5, InvalidHeader, "headers: .*mapping.*not int"),
    ("headers", ["a: b"], InvalidHeader, "headers: .*mapping.*not list"),
    ("headers", {5: "a"}, InvalidHeader, "headers: .*names are not text"),
    ("headers", {"a": 5}, InvalidHeader, "'a'.*give str or bytes"),
    ("files", 5, RequestException, "files: .*mapping"),
    ("files", "x", RequestException, "files: .*mapping"),
    ("files", ["x"], RequestException, "files: .*mapping"),
    ("files", {"a": object()}, RequestException, "files: 'a' .*file opened in binary mode"),
    ("files", {"a": ("name",)}, RequestException, r"files: 'a' .*\(filename, content\)"),
    ("cookies", 5, RequestException, "cookies: .*mapping"),
    ("cookies", "a=b", RequestException, "cookies: .*mapping"),
    ("auth", "user:pass", TypeError, r"auth.*\(user, password\) tuple"),
    ("auth", 5, TypeError, r"auth.*\(user, password\) tuple"),
    ("auth", ("user",), TypeError, r"auth.*\(user, password\) tuple"),
    ("auth", lambda request: None, TypeError, "auth .*must return the request"),
    ("timeout", "5", ValueError, "timeout: .*seconds as a number"),
    ("timeout", {"connect": 1}, ValueError, "timeout: .*seconds as a number"),
    ("timeout", (1, 2, 3), ValueError, r"timeout=.*\(connect, read\)"),
    ("timeout", 0, ValueError, "timeout: .*more than 0"),
    ("timeout", -1, ValueError, "timeout: .*more than 0"),
    ("proxies", "http://proxy.test", InvalidProxyURL, "proxies: .*mapping.*not str"),
    ("proxies", 5, InvalidProxyURL, "proxies: .*mapping.*not int"),
    ("proxies", ["http://proxy.test"], InvalidProxyURL, "proxies: .*mapping.*not list"),
    ("proxies", {"https": 5}, InvalidProxyURL, "proxies: .*not int for 'https'"),
    ("proxies", {5: "http://proxy.test"}, InvalidProxyURL, "proxies: .*not str for '5'"),
    ("hooks", 5, TypeError, "hooks: .*'response'.*not int"),
    ("hooks", print, TypeError, "hooks: .*'response'"),
    ("hooks", ["response"], TypeError, "hooks: .*'response'.*not list"),
    ("hooks", {"response": 5}, TypeError, "hooks: .*callable.*not int"),
    ("hooks", {"response": "print"}, TypeError, "hooks: .*callable.*not str"),
    ("hooks", {"request": print}, ValueError, "'request'; events are: response"),
    ("verify", 5, ValueError, "verify: .*CA bundle.*not int"),
    ("verify", ["ca.pem"], ValueError, "verify: .*CA bundle.*not list"),
    ("verify", "/no/such/bundle.pem", OSError, "verify: .*/no/such/bundle.pem"),
    ("cert", 5, ValueError, r"cert: .*\(certificate, key\)"),
    ("cert", ("a", "b", "c", "d"), ValueError, r"cert: .*\(certificate, key\)"),
    ("cert", "/no/such/client.pem", OSError, "cert: .*/no/such/client.pem"),
]


@pytest.mark.parametrize(
    "argument, value, kind, words", TABLE, ids=[f"{name}-{place}" for place, (name, *_) in enumerate(TABLE)]
)
def test_the_error_names_the_argument_and_says_what_to_give(argument, value, kind, words):
    with pytest.raises(kind, match=words) as caught, httpkit.Session() as session:
        session.post(URL, **{argument: value})
    assert isinstance(caught.value, (RequestException, TypeError, ValueError))


@pytest.mark.parametrize(
    "setting, value, kind, words",
    [
        ("params", 5, InvalidURL, "params"),
        ("proxies", "http://proxy.test", InvalidProxyURL, "proxies: .*mapping.*not str"),
        ("verify", 5, ValueError, "verify: "),
        ("auth", "user:pass", TypeError, "auth"),
        ("timeout", "5", ValueError, "timeout: "),
    ],
)
def test_so_does_that_of_a_setting_of_the_session(setting, value, kind, words):
    with httpkit.Session() as session, pytest.raises(kind, match=words):
        setattr(session, setting, value)
        session.get(URL)


@pytest.mark.parametrize(
    "url, kind",
    [
        (None, MissingSchema),
        (5, MissingSchema),
        ("", MissingSchema),
        (b"", MissingSchema),
        (b"\xff", InvalidURL),
        (object(), MissingSchema),
        ("http://", InvalidURL),
    ],
    ids=["None", "a number", "empty", "empty bytes", "not UTF-8", "an object", "no host"],
)
def test_what_is_no_url_is_an_error_that_says_so(url, kind):
    with httpkit.Session() as session, pytest.raises(kind, match="Invalid URL"):
        session.get(url)


@pytest.mark.parametrize("method", [None, 5, "", b"", ["GET"], True, "G T", b"\xff", "GET\r\n"], ids=repr)
def test_what_is_no_method_is_an_error_that_says_so(method):
    with httpkit.Session() as session, pytest.raises(InvalidHeader, match="method"):
        session.request(method, URL)


@pytest.mark.parametrize("headers", ["a: b", 5, ["a: b"]], ids=repr)
def test_a_request_prepared_without_a_session_says_it_too(headers):
    with pytest.raises(InvalidHeader, match=r"headers: .*mapping"):
        httpkit.Request("GET", URL, headers=headers).prepare()


@pytest.mark.parametrize("request_", [None, "GET /", httpkit.Request("GET", URL)], ids=repr)
def test_only_a_prepared_request_is_sent(request_):
    with httpkit.Session() as session, pytest.raises(ValueError, match="prepare_request"):
        session.send(request_)


def test_an_unknown_argument_is_a_type_error_as_of_any_function():
    with pytest.raises(TypeError, match="retries"):
        httpkit.get(URL, retries=3)


@pytest.mark.parametrize("retries", ["3", 2.5, [3]], ids=repr)
def test_retries_are_a_number_or_a_policy(retries):
    with pytest.raises(ValueError, match="max_retries"):
        HTTPAdapter(max_retries=retries)


@pytest.mark.parametrize("request_", [None, "GET /", {"method": "GET"}], ids=repr)
def test_only_a_request_is_prepared(request_):
    with httpkit.Session() as session, pytest.raises(TypeError, match="takes a Request, not"):
        session.prepare_request(request_)


@pytest.mark.parametrize("adapter", [None, "https://", HTTPAdapter], ids=["None", "str", "class"])
def test_only_an_adapter_is_mounted(adapter):
    with httpkit.Session() as session:
        before = dict(session.adapters)
        with pytest.raises(TypeError, match=r"mount\(\): give an adapter"):
            session.mount("https://api.test", adapter)
        assert session.adapters == before


def test_and_at_a_prefix_that_is_text():
    with httpkit.Session() as session, pytest.raises(TypeError, match="prefix is text"):
        session.mount(HTTPAdapter(), "https://")
