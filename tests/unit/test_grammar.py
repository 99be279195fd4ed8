"""The words of field values: tokens, lists and quoted strings, whatever text stands for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.grammar import is_token, parameter, split, unquote

TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

ANY_TEXT = st.text(st.sampled_from('ab ,;="\\<>()\t\r\nü*\x00'), max_size=60) | st.text(max_size=40)


def quoted(text: str) -> str:
    """*text* as a quoted string (RFC 9110 §5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.text(TCHAR, min_size=1))
def test_a_token_is_made_of_tchars(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("char", [*'()<>@,;:\\"/[]?={} \t\r\n\x00\x7fä\u017f\u212a'])
def test_a_delimiter_is_in_no_token(char: str) -> None:
    assert not is_token(char)
    assert not is_token(f"a{char}")
    assert not is_token(f"a{char}b")


def test_a_token_is_not_empty() -> None:
    assert not is_token("")


@pytest.mark.parametrize(
    ("value", "mark", "pieces"),
    [
        pytest.param("", ",", [""], id="nothing"),
        pytest.param("a", ",", ["a"], id="one"),
        pytest.param("a, b ,c", ",", ["a", "b", "c"], id="RFC 9110 §5.6.1.1 white space"),
        pytest.param(", ,a,", ",", ["", "", "a", ""], id="RFC 9110 §5.6.1.2 empty elements"),
        pytest.param("a;b=1", ",", ["a;b=1"], id="the other mark"),
        pytest.param("a;b=1", ";", ["a", "b=1"], id="semicolons"),
        pytest.param('"a,b", c', ",", ['"a,b"', "c"], id="RFC 9110 §5.6.4 a mark in quotes"),
        pytest.param(r'"a\",b", c', ",", [r'"a\",b"', "c"], id="RFC 9110 §5.6.4 a quote in quotes"),
        pytest.param(r'"a\\", c', ",", [r'"a\\"', "c"], id="RFC 9110 §5.6.4 a backslash before the end"),
        pytest.param('x="1,2",y', ",", ['x="1,2"', "y"], id="quotes in the middle"),
        pytest.param('a,"b,c', ",", ["a", '"b,c'], id="no closing quote"),
        pytest.param('a,"b\\', ",", ["a", '"b\\'], id="a backslash at the end"),
        pytest.param('a",b\nc"', ",", ['a",b\nc"'], id="a line feed in quotes"),
    ],
)
def test_a_list_is_split_at_marks_outside_of_quoted_strings(value: str, mark: str, pieces: list[str]) -> None:
    assert split(value, mark) == pieces


@given(
    st.lists(st.text(max_size=8).map(quoted) | st.text(TCHAR, max_size=5), min_size=1), st.sampled_from(",;")
)
def test_what_is_joined_is_split_again(pieces: list[str], mark: str) -> None:
    assert split(mark.join(pieces), mark) == pieces
    assert split(f" {mark}\t".join(pieces), mark) == pieces


@given(ANY_TEXT, st.sampled_from(",;"))
def test_splitting_loses_nothing_but_white_space(value: str, mark: str) -> None:
    joined = mark.join(split(value, mark))
    assert "".join(joined.split()) == "".join(value.split())


@given(st.text())
def test_a_quoted_string_says_what_was_quoted(text: str) -> None:
    assert unquote(quoted(text)) == text


@pytest.mark.parametrize("text", ["", '"', "a", 'a"', '"a', "'a'"])
def test_what_is_not_in_quotes_stays(text: str) -> None:
    assert unquote(text) == text


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        pytest.param("a=b", ("a", "b"), id="RFC 9110 §5.6.6"),
        pytest.param('A="b c"', ("a", "b c"), id="RFC 9110 §5.6.6 quoted, and the name in lower case"),
        pytest.param(" a = b ", ("a", "b"), id="RFC 9110 §5.6.3 bad white space"),
        pytest.param("a=", ("a", ""), id="empty"),
        pytest.param('a=""', ("a", ""), id="empty in quotes"),
        pytest.param("a=b=c", ("a", "b=c"), id="a value that is no token"),
        pytest.param("a", None, id="no value"),
        pytest.param("=b", None, id="no name"),
        pytest.param("ü=b", None, id="a name that is no token"),
        pytest.param('a="b', None, id="no closing quote"),
        pytest.param('a="b"c', None, id="something after the quotes"),
        pytest.param('a="b\\"', None, id="the closing quote is escaped"),
    ],
)
def test_a_parameter_is_a_name_and_a_value(piece: str, expected: tuple[str, str] | None) -> None:
    assert parameter(piece) == expected


@pytest.mark.parametrize(
    "unit", ['"', '\\"', '"\\', '\\"\\', '","', '";a="', ",", ";", "=", ' "', '" ', "a=", '="\\"']
)
@pytest.mark.parametrize("start", ["", '"', 'a="', "a = ", '"\\'])
def test_hostile_text_is_read_in_linear_time(start: str, unit: str) -> None:
    """Quadratic time would be many minutes: this test does not end if the law is broken."""
    text = start + unit * (200_000 // len(unit))
    split(text, ",")
    split(text, ";")
    unquote(text)
    parameter(text)
    parameter(text + "x")
