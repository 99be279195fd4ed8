"""Every error is a RequestException, and the builtin that programs catch for the same fault."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from httpkit import exceptions
from httpkit.exceptions import JSONDecodeError, RequestException

ERRORS = sorted(
    (
        value
        for value in vars(exceptions).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and not issubclass(value, Warning)
        if value.__module__ == exceptions.__name__
    ),
    key=lambda error: error.__name__,
)
WARNINGS = ["FileModeWarning", "RequestsDependencyWarning", "RequestsWarning"]


def make(kind: type[RequestException], **kwargs: Any) -> RequestException:
    if kind is JSONDecodeError:
        return JSONDecodeError("bad value", '{"a":\n x}', 8, **kwargs)
    return kind("what happened", **kwargs)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_a_request_exception_and_an_os_error(kind: type[Exception]) -> None:
    assert issubclass(kind, RequestException)
    assert issubclass(kind, OSError)
    assert kind.__doc__


def test_everything_public_is_listed() -> None:
    assert sorted(exceptions.__all__) == sorted([*(error.__name__ for error in ERRORS), *WARNINGS])


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("BodyNotReplayable", ["UnrewindableBodyError"]),
        ("ChunkedEncodingError", ["RequestException"]),
        ("CircuitOpen", ["ConnectionError"]),
        ("ConnectTimeout", ["ConnectionError", "Timeout"]),
        ("ConnectionError", ["RequestException"]),
        ("ContentDecodingError", ["RequestException"]),
        ("DeadlineExceeded", ["Timeout"]),
        ("HTTPError", ["RequestException"]),
        ("InvalidHeader", ["RequestException"]),
        ("InvalidJSONError", ["RequestException"]),
        ("InvalidProxyURL", ["InvalidURL"]),
        ("InvalidSchema", ["RequestException"]),
        ("InvalidURL", ["RequestException"]),
        ("JSONDecodeError", ["InvalidJSONError"]),
        ("MalformedResponse", ["ConnectionError"]),
        ("MissingSchema", ["RequestException"]),
        ("ProxyError", ["ConnectionError"]),
        ("RateLimitExceeded", ["Timeout"]),
        ("ReadTimeout", ["Timeout"]),
        ("ResponseCancelled", ["RequestException"]),
        ("RetryError", ["RequestException"]),
        ("SSLError", ["ConnectionError"]),
        ("StreamConsumedError", ["RequestException"]),
        ("Timeout", ["RequestException"]),
        ("TooManyRedirects", ["RequestException"]),
        ("URLRequired", ["RequestException"]),
        ("UnrewindableBodyError", ["RequestException"]),
    ],
)
def test_the_tree_is_that_of_requests(name: str, bases: list[str]) -> None:
    for base in bases:
        assert issubclass(getattr(exceptions, name), getattr(exceptions, base))


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("Timeout", TimeoutError),
        ("ConnectTimeout", TimeoutError),
        ("ReadTimeout", TimeoutError),
        ("ConnectionError", ConnectionError),
        ("DeadlineExceeded", TimeoutError),
        ("ProxyError", ConnectionError),
        ("MissingSchema", ValueError),
        ("InvalidSchema", ValueError),
        ("InvalidURL", ValueError),
        ("InvalidHeader", ValueError),
        ("InvalidProxyURL", ValueError),
        ("JSONDecodeError", ValueError),
        ("JSONDecodeError", json.JSONDecodeError),
        ("StreamConsumedError", TypeError),
        ("FileModeWarning", DeprecationWarning),
    ],
)
def test_the_builtin_for_the_same_fault_catches_it(name: str, builtin: type[BaseException]) -> None:
    assert issubclass(getattr(exceptions, name), builtin)


@pytest.mark.parametrize("kind", ERRORS)
def test_request_and_response_are_given_by_keyword(kind: type[RequestException]) -> None:
    error = make(kind, request="the request", response="the response")  # type: ignore[arg-type]
    assert (error.request, error.response) == ("the request", "the response")
    bare = make(kind)
    assert (bare.request, bare.response) == (None, None)


class FalseResponse:
    """A response to a 404 is false; it still has a request."""

    request = "its request"

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize("kind", ERRORS)
def test_the_request_is_found_on_the_response_even_if_that_is_false(kind: type[RequestException]) -> None:
    assert make(kind, response=FalseResponse()).request == "its request"


@pytest.mark.parametrize("kind", ERRORS)
def test_the_message_is_what_it_was_given(kind: type[RequestException]) -> None:
    error = make(kind)
    assert str(error).startswith("bad value" if kind is JSONDecodeError else "what happened")
    assert error.errno is None
    assert type(error).__name__ in repr(error)


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize(
    "travel",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_errors_travel_between_processes(kind: type[RequestException], travel: Callable[[Any], Any]) -> None:
    error = make(kind, request="a request", response="a response")  # type: ignore[arg-type]
    twin = travel(error)
    assert type(twin) is kind
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert (twin.request, twin.response) == ("a request", "a response")


class Custom(RequestException):
    """What programs do: a signature of their own."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def test_a_subclass_with_a_signature_of_its_own_can_be_pickled() -> None:
    twin = pickle.loads(pickle.dumps(Custom(7, detail="seven")))
    assert (str(twin), twin.code, twin.detail) == ("7: seven", 7, "seven")


def test_os_errors_keep_their_number() -> None:
    error = exceptions.ConnectionError(111, "refused")
    assert (error.errno, error.strerror) == (111, "refused")
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.errno, str(twin)) == (111, str(error))


class TestJSONDecodeError:
    def error(self) -> JSONDecodeError:
        return JSONDecodeError("Expecting value", '{"a":\n x}', 7)

    def test_it_says_where(self) -> None:
        error = self.error()
        assert (error.msg, error.doc, error.pos, error.lineno, error.colno) == (
            "Expecting value",
            '{"a":\n x}',
            7,
            2,
            2,
        )
        assert str(error) == "Expecting value: line 2 column 2 (char 7)"

    def test_it_says_where_after_a_journey(self) -> None:
        error = pickle.loads(pickle.dumps(self.error()))
        assert (error.msg, error.doc, error.pos, error.lineno, error.colno) == (
            "Expecting value",
            '{"a":\n x}',
            7,
            2,
            2,
        )
        assert str(error) == str(self.error())

    def test_one_except_clause_catches_the_standard_librarys_error_too(self) -> None:
        with pytest.raises(json.JSONDecodeError):
            raise self.error()


@pytest.mark.parametrize("limits", [{"total": 1}, {"connect": 1, "read": 2}, {"pool": 1}], ids=str)
def test_who_takes_the_error_for_the_limits_is_told(limits: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"httpkit\.timeouts\.Timeout"):
        exceptions.Timeout(**limits)
    assert exceptions.ReadTimeout("x", request=None).args == ("x",)
