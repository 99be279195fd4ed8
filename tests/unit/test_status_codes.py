"""Status codes: every name of a status leads to its number, in either case and in either notation."""

from __future__ import annotations

import pickle

import pytest

from httpkit.status_codes import _codes, codes
from httpkit.structures import LookupDict


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("continue", 100, id="RFC 9110 §15.2.1"),
        pytest.param("ok", 200, id="RFC 9110 §15.3.1"),
        pytest.param("no_content", 204, id="RFC 9110 §15.3.5"),
        pytest.param("permanent_redirect", 308, id="RFC 9110 §15.4.9"),
        pytest.param("not_found", 404, id="RFC 9110 §15.5.5"),
        pytest.param("content_too_large", 413, id="RFC 9110 §15.5.14"),
        pytest.param("unprocessable_content", 422, id="RFC 9110 §15.5.21"),
        pytest.param("too_many_requests", 429, id="RFC 6585 §4"),
        pytest.param("unavailable_for_legal_reasons", 451, id="RFC 7725 §3"),
        pytest.param("gateway_timeout", 504, id="RFC 9110 §15.6.5"),
        pytest.param("teapot", 418, id="RFC 2324 §2.3.2"),
    ],
)
def test_a_name_is_an_attribute_and_a_key_in_lower_and_upper_case(name: str, status: int) -> None:
    assert (
        getattr(codes, name) == getattr(codes, name.upper()) == codes[name] == codes[name.upper()] == status
    )


@pytest.mark.parametrize(
    ("symbol", "status"),
    [(r"\o/", 200), ("✓", 200), (r"\o-", 301), ("-o-", 404), ("-O-", 404), ("/o\\", 500)],
)
def test_a_symbol_is_a_name(symbol: str, status: int) -> None:
    assert codes[symbol] == status


@pytest.mark.parametrize("symbol", [r"\O/", r"\O-", "/O\\"])
def test_a_symbol_that_begins_with_a_slash_has_no_upper_case(symbol: str) -> None:
    assert codes[symbol] is None


def test_every_name_in_the_table_leads_to_a_number_that_has_it() -> None:
    for status, names in _codes.items():
        assert 100 <= status <= 599
        assert names
        for name in names:
            assert name in _codes[codes[name]]


def test_of_two_numbers_for_one_name_the_registered_one_counts() -> None:
    assert "uri_too_long" in _codes[122]
    assert codes.uri_too_long == 414


def test_a_name_that_does_not_exist_is_none_as_a_key_and_an_error_as_an_attribute() -> None:
    assert codes["no_such_status"] is None
    assert codes.get("no_such_status", 0) == 0
    with pytest.raises(AttributeError):
        _ = codes.no_such_status


def test_codes_can_be_pickled_and_say_what_they_are() -> None:
    assert isinstance(codes, LookupDict)
    assert repr(codes) == "<lookup 'status_codes'>"
    assert pickle.loads(pickle.dumps(codes)).not_found == 404


def test_the_names_are_those_of_requests() -> None:
    theirs = pytest.importorskip(
        "requests.status_codes", reason="requests is not installed: nothing to compare with"
    )
    assert theirs.codes.__dict__ == codes.__dict__
    assert theirs._codes == _codes
