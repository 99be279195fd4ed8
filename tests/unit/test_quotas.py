"""What servers say of their limits is read in all forms that are in use; what cannot be read is no hint."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.quotas import Quota, quotas, silence
from httpkit.structures import CaseInsensitiveDict

NOW = 1_700_000_000.0

READ = [
    # draft-ietf-httpapi-ratelimit-headers-10 §4.1
    ("10 §4.1", {"RateLimit": '"default";r=50;t=30'}, [Quota("default", 50, 30)]),
    ("10 §4.1 two", {"RateLimit": '"a";r=0;t=1, "b";r=9;t=60'}, [Quota("a", 0, 1), Quota("b", 9, 60)]),
    ("10 §4.1 a partition", {"RateLimit": '"default";r=50;t=30;pk=:dHJpYWw=:'}, [Quota("default", 50, 30)]),
    ("a token for a name", {"RateLimit": "default;r=50;t=30"}, [Quota("default", 50, 30)]),
    ("a name with marks", {"RateLimit": '"a;b, \\"c\\"";r=1;t=2'}, [Quota('a;b, "c"', 1, 2)]),
    ("no reset", {"RateLimit": '"p";r=0'}, [Quota("p", 0, None)]),
    ("the window", {"RateLimit": '"p";r=0', "RateLimit-Policy": '"o";q=9;w=5, "p";q=9;w=60'}, [Quota("p", 0, 60)]),
    ("another's window", {"RateLimit": '"p";r=0', "RateLimit-Policy": '"o";q=9;w=60'}, [Quota("p", 0, None)]),
    ("no remaining", {"RateLimit": '"p";t=60'}, []),
    ("07 §3", {"RateLimit": "limit=100, remaining=5, reset=50"}, [Quota("", 5, 50)]),
    ("03 §3", {"RateLimit-Limit": "10", "RateLimit-Remaining": "1", "RateLimit-Reset": "7"}, [Quota("", 1, 7)]),
    ("with X-", {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "7"}, [Quota("", 1, 7)]),
    ("with more hyphens", {"x-rate-limit-remaining": "1", "x-rate-limit-reset": "7"}, [Quota("", 1, 7)]),
    ("Unix time", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000042"}, [Quota("", 0, 42)]),
    ("Unix time, past", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1600000000"}, [Quota("", 0, 0)]),
    ("repeated fields", {"RateLimit-Remaining": "1, 1", "RateLimit-Reset": "7, 7"}, [Quota("", 1, 7)]),
    ("the newest form counts", {"RateLimit": '"p";r=3;t=4', "X-RateLimit-Remaining": "0"}, [Quota("p", 3, 4)]),
    ("nothing", {"Content-Type": "text/plain"}, []),
]  # fmt: skip


@pytest.mark.parametrize("fields, read", [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_every_form_is_read(fields: dict[str, str], read: list[Quota]) -> None:
    assert list(quotas(CaseInsensitiveDict(fields), now=NOW)) == read


MALFORMED = [
    {"RateLimit": ""},
    {"RateLimit": '"default;r=0;t=30'},
    {"RateLimit": '"default";r=-1;t=30'},
    {"RateLimit": '"default";r=0.5;t=30'},
    {"RateLimit": '"default";r=0;t=-30'},
    {"RateLimit": '"default";r=0;t=soon'},
    {"RateLimit": '"default";r=0;t="30"x'},
    {"RateLimit": '"default";r=0;t=30, @'},
    {"RateLimit": '"default";r=0;t=30;@'},
    {"RateLimit": '"default";r=0;t=30' + " " * 5000},
    {"RateLimit": '"default";r=0;t=1234567890123456'},
    {"RateLimit": "0;30"},
    {"RateLimit": "remaining=no, reset=30"},
    {"RateLimit-Remaining": "none", "RateLimit-Reset": "30"},
    {"RateLimit-Remaining": "0"},
    {"RateLimit-Remaining": "0", "RateLimit-Reset": "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"RateLimit-Reset": "30"},
    {"Retry-After": "30 s"},
    {"Retry-After": "-30"},
    {"Retry-After": "½"},
]


@pytest.mark.parametrize("fields", MALFORMED, ids=lambda fields: repr(fields)[:60])
def test_what_cannot_be_read_is_no_hint(fields: dict[str, str]) -> None:
    assert silence(429, CaseInsensitiveDict(fields), now=NOW) == 0


@pytest.mark.parametrize(
    "status, fields, seconds",
    [
        (429, {"Retry-After": "30"}, 30),
        (503, {"Retry-After": "30"}, 30),
        (503, {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60),
        (503, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0),
        (200, {"Retry-After": "30"}, 0),
        (301, {"Retry-After": "30"}, 0),
        (429, {}, 0),
        (200, {"RateLimit": '"a";r=0;t=30'}, 30),
        (200, {"RateLimit": '"a";r=1;t=30'}, 0),
        (200, {"RateLimit": '"a";r=0;t=3, "b";r=0;t=60, "c";r=1;t=900'}, 60),
        (429, {"RateLimit": '"a";r=0;t=3', "Retry-After": "5"}, 5),
        (429, {"RateLimit": '"a";r=0;t=30', "Retry-After": "5"}, 30),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000042"}, 42),
    ],
    ids=str,
)
def test_how_long_a_server_wants_silence(status: int, fields: dict[str, str], seconds: float) -> None:
    assert silence(status, CaseInsensitiveDict(fields), now=NOW) == seconds


NAMES = ["RateLimit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"]
VALUES = st.text() | st.text('"\\;,=rtw0123456789 ') | st.integers().map(str)


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_nothing_that_a_server_sends_raises(status: int, fields: dict[str, str]) -> None:
    assert 0 <= silence(status, CaseInsensitiveDict(fields), now=NOW) < 1e16


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20), st.integers(0, 10**15 - 1)
)
def test_a_policy_may_have_any_name(name: str, seconds: int) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert quotas({"RateLimit": f"{quoted};r=0;t={seconds}"}, now=NOW) == (Quota(name, 0, seconds),)


@pytest.mark.parametrize("piece", ['"', '\\"', '"a";r=0,', '"a', ";r", '"\\'])
def test_long_values_take_linear_time(piece: str) -> None:
    started = time.process_time()
    silence(
        429,
        {"RateLimit": piece * 200_000, "RateLimit-Policy": piece * 200_000, "Retry-After": piece * 9},
        now=NOW,
    )
    assert time.process_time() - started < 5
