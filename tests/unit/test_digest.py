"""Digest credentials against the examples of the RFCs, and against what servers get wrong."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import _digest
from httpkit._digest import Use
from httpkit._message.fields import parse_challenges


def needs_sha512_256():
    try:
        hashlib.new("sha512_256")
    except ValueError:
        return pytest.mark.skip(reason="this Python's hashlib has no SHA-512/256")
    return ()


def challenge(value: str) -> dict[str, str]:
    (found,) = parse_challenges(value)
    return dict(found.parameters)


def parameters(authorization: str | None) -> dict[str, str]:
    """The parameters of an Authorization field as they are written, quotes included."""
    assert authorization is not None
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "Digest"
    pairs = re.findall(r'([a-z*]+)=("(?:[^"\\]|\\.)*"|[^", ]+)(?:, |$)', rest)
    assert ", ".join(f"{name}={value}" for name, value in pairs) == rest
    return dict(pairs)


RFC2617 = {
    "challenge": 'Digest realm="testrealm@host.com", qop="auth,auth-int", '
    'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    "user": "Mufasa",
    "password": "Circle Of Life",
    "use": Use("GET", "/dir/index.html", 1, "0a4f113b"),
    "expected": {
        "username": '"Mufasa"',
        "realm": '"testrealm@host.com"',
        "nonce": '"dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        "uri": '"/dir/index.html"',
        "qop": "auth",
        "nc": "00000001",
        "cnonce": '"0a4f113b"',
        "response": '"6629fae49393a05397450978507c4ef1"',
        "opaque": '"5ccc069c403ebaf9f0171e9517f40e41"',
    },
}
RFC2069 = {
    # The password and the response are those of erratum 749.
    "challenge": 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    "user": "Mufasa",
    "password": "CircleOfLife",
    "use": Use("GET", "/dir/index.html", 1, "unused"),
    "expected": {
        "username": '"Mufasa"',
        "realm": '"testrealm@host.com"',
        "nonce": '"dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        "uri": '"/dir/index.html"',
        "response": '"1949323746fe6a43ef61f9606e7febea"',
        "opaque": '"5ccc069c403ebaf9f0171e9517f40e41"',
    },
}


def rfc7616_3_9_1(algorithm: str, response: str) -> dict[str, object]:
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    return {
        "challenge": f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{nonce}", opaque="{opaque}"',
        "user": "Mufasa",
        "password": "Circle of Life",
        "use": Use("GET", "/dir/index.html", 1, cnonce),
        "expected": {
            "username": '"Mufasa"',
            "realm": '"http-auth@example.org"',
            "uri": '"/dir/index.html"',
            "algorithm": algorithm,
            "nonce": f'"{nonce}"',
            "nc": "00000001",
            "cnonce": f'"{cnonce}"',
            "qop": "auth",
            "response": f'"{response}"',
            "opaque": f'"{opaque}"',
        },
    }


def rfc7616_3_9_2(offer: str, *named: tuple[str, str]) -> dict[str, object]:
    # The user's hash and the response are those of erratum 4897: the RFC's were made with a draft of
    # SHA-512/256.
    nonce, opaque = (
        "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
    )
    cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    return {
        "challenge": f'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="{nonce}", '
        f'opaque="{opaque}", charset=UTF-8{offer}',
        "user": "J\u00e4s\u00f8n Doe",
        "password": "Secret, or not?",
        "use": Use("GET", "/doe.json", 1, cnonce),
        "expected": {
            **dict(named),
            "realm": '"api@example.org"',
            "uri": '"/doe.json"',
            "algorithm": "SHA-512-256",
            "nonce": f'"{nonce}"',
            "nc": "00000001",
            "cnonce": f'"{cnonce}"',
            "qop": "auth",
            "response": '"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"',
            "opaque": f'"{opaque}"',
        },
    }


HASHED = ("username", '"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"')


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(RFC2069, id="RFC 2069 section 2.4"),
        pytest.param(RFC2617, id="RFC 2617 section 3.5"),
        pytest.param(
            rfc7616_3_9_1("MD5", "8ca523f5e9506fed4657c9700eebdbec"), id="RFC 7616 section 3.9.1, MD5"
        ),
        pytest.param(
            rfc7616_3_9_1("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            id="RFC 7616 section 3.9.1, SHA-256",
        ),
        pytest.param(
            rfc7616_3_9_2(", userhash=true", HASHED, ("userhash", "true")),
            id="RFC 7616 section 3.9.2, hashed user",
            marks=needs_sha512_256(),
        ),
        pytest.param(
            rfc7616_3_9_2("", ("username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe")),
            id="RFC 7616 section 3.9.2, username*",
            marks=needs_sha512_256(),
        ),
    ],
)
def test_the_examples_of_the_rfcs_are_answered_as_they_say(example):
    offered = challenge(example["challenge"])
    answer = _digest.authorization(offered, example["user"], example["password"], example["use"])
    assert parameters(answer) == example["expected"]


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def sha256(*parts: str) -> str:
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


@pytest.mark.parametrize(
    "name, digest",
    [
        ("MD5", md5),
        ("SHA-256", sha256),
        ("SHA", lambda *parts: hashlib.sha1(":".join(parts).encode(), usedforsecurity=False).hexdigest()),
        ("SHA-512", lambda *parts: hashlib.sha512(":".join(parts).encode()).hexdigest()),
        pytest.param(
            "SHA-512-256",
            lambda *parts: hashlib.new("sha512_256", ":".join(parts).encode()).hexdigest(),
            marks=needs_sha512_256(),
        ),
    ],
)
def test_session_algorithms_bind_the_key_to_both_nonces(name, digest):
    """RFC 7616 section 3.4.2: A1 is H(user:realm:password):nonce:cnonce."""
    offered = challenge(f'Digest realm="r", nonce="n", qop="auth", algorithm={name}-sess')
    answer = parameters(_digest.authorization(offered, "u", "p", Use("GET", "/", 2, "c")))
    key = digest(digest("u", "r", "p"), "n", "c")
    assert answer["response"] == f'"{digest(key, "n", "00000002", "c", "auth", digest("GET", "/"))}"'
    assert answer["algorithm"] == f"{name}-sess"


def test_a_session_key_without_protection_still_names_its_cnonce():
    offered = challenge('Digest realm="r", nonce="n", algorithm=MD5-sess')
    answer = parameters(_digest.authorization(offered, "u", "p", Use("GET", "/", 1, "c")))
    assert answer["response"] == f'"{md5(md5(md5("u", "r", "p"), "n", "c"), "n", md5("GET", "/"))}"'
    assert answer["cnonce"] == '"c"'
    assert not {"qop", "nc"} & set(answer)


@pytest.mark.parametrize(
    "pieces", [[b"some body"], [b"some", b" ", b"body"], []], ids=["one", "three", "empty"]
)
def test_integrity_covers_the_body_however_it_comes_in_pieces(pieces):
    """RFC 7616 section 3.4.3: A2 is method:uri:H(entity-body)."""
    offered = challenge('Digest realm="r", nonce="n", qop="auth-int", algorithm=SHA-256')
    use = Use("POST", "/x?y=1", 1, "c", body=iter(pieces))
    answer = parameters(_digest.authorization(offered, "u", "p", use))
    a2 = sha256("POST", "/x?y=1", sha256(b"".join(pieces).decode()))
    assert answer["response"] == f'"{sha256(sha256("u", "r", "p"), "n", "00000001", "c", "auth-int", a2)}"'
    assert answer["qop"] == "auth-int"


def test_integrity_of_a_body_that_cannot_be_read_ahead_is_not_promised():
    offered = challenge('Digest realm="r", nonce="n", qop="auth-int"')
    assert _digest.authorization(offered, "u", "p", Use("POST", "/", 1, "c", body=None)) is None


def test_the_body_is_left_alone_where_its_integrity_is_not_asked_for():
    def untouchable():
        raise AssertionError("the body was read")
        yield b""

    offered = challenge('Digest realm="r", nonce="n", qop="auth-int, auth"')
    answer = parameters(
        _digest.authorization(offered, "u", "p", Use("POST", "/", 1, "c", body=untouchable()))
    )
    assert answer["qop"] == "auth"


@pytest.mark.parametrize(
    "qop, chosen",
    [
        pytest.param(None, "", id="none offered, as in RFC 2069"),
        pytest.param("", "", id="empty"),
        pytest.param("auth", "auth", id="auth"),
        pytest.param("AUTH", "auth", id="upper case"),
        pytest.param("auth-int", "auth-int", id="auth-int"),
        pytest.param("auth-int,auth", "auth", id="both"),
        pytest.param(" auth-int , token ", "auth-int", id="with one that is unknown"),
        pytest.param("authentic", None, id="unknown alone"),
    ],
)
def test_the_protection_is_auth_where_it_is_offered(qop, chosen):
    assert _digest.protection({} if qop is None else {"qop": qop}) == chosen


def test_an_unknown_protection_is_not_answered():
    offered = challenge('Digest realm="r", nonce="n", qop="confidential"')
    assert _digest.authorization(offered, "u", "p", Use("GET", "/", 1, "c")) is None


def test_algorithm_qop_and_nc_are_not_quoted():
    """RFC 7616 §3.4: they must not be, whatever others send."""
    offered = challenge('Digest realm="r", nonce="n", qop="auth", algorithm=MD5, opaque="o"')
    answer = _digest.authorization(offered, "u", "p", Use("GET", "/", 1, "c", body=None))
    assert answer is not None
    assert ", algorithm=MD5, qop=auth, nc=0000000" in answer


def test_an_unknown_algorithm_is_not_answered():
    offered = challenge('Digest realm="r", nonce="n", algorithm=ROT13')
    assert _digest.authorization(offered, "u", "p", Use("GET", "/", 1, "c")) is None
    assert _digest.choose(parse_challenges('Digest realm="r", nonce="n", algorithm=ROT13')) is None


def offer(*algorithms: str) -> list[str]:
    return [f'Digest realm="r", nonce="{algorithm}", algorithm={algorithm}' for algorithm in algorithms]


@pytest.mark.parametrize(
    "values, chosen",
    [
        pytest.param(offer("MD5", "SHA-256"), "SHA-256", id="the server's preference comes last"),
        pytest.param(offer("SHA-256", "MD5"), "SHA-256", id="the server's preference comes first"),
        pytest.param([", ".join(offer("MD5", "SHA-256", "SHA"))], "SHA-256", id="several in one field"),
        pytest.param(offer("SHA", "MD5"), "SHA", id="SHA beats MD5"),
        pytest.param(offer("SHA-256-sess", "SHA-256"), "SHA-256-sess", id="the first among equals"),
        pytest.param(offer("md5", "sha-256"), "sha-256", id="lower case"),
        pytest.param(offer("SHA3-512", "MD5"), "MD5", id="unknown ones are passed over"),
        pytest.param(['Basic realm="b", ' + offer("MD5")[0]], "MD5", id="beside Basic, in one field"),
        pytest.param(['Digest realm="r", algorithm=SHA-256', *offer("MD5")], "MD5", id="one without a nonce"),
        pytest.param(
            ['Digest realm="r", nonce="x", algorithm=SHA-256, qop="other"', *offer("MD5")],
            "MD5",
            id="unknown protection",
        ),
        pytest.param(
            offer("SHA-256", "SHA-512-256"), "SHA-512-256", id="SHA-512-256", marks=needs_sha512_256()
        ),
    ],
)
def test_the_strongest_challenge_that_can_be_answered_is_chosen(values, chosen):
    found = _digest.choose(parse_challenges(values))
    assert found is not None
    assert found["nonce"] == chosen


@pytest.mark.parametrize(
    "value", ["", 'Basic realm="x"', "Digest", "Negotiate", 'Digest realm="r"', "Digest nonce="]
)
def test_where_there_is_no_digest_challenge_none_is_chosen(value):
    assert _digest.choose(parse_challenges(value)) is None


def test_an_algorithm_that_this_python_lacks_is_passed_over(monkeypatch):
    def new(name, *args, **kwargs):
        if name == "sha512_256":
            raise ValueError("unsupported hash type sha512_256")
        return known(name, *args, **kwargs)

    known = hashlib.new
    monkeypatch.setattr(hashlib, "new", new)
    _digest._hash.cache_clear()
    try:
        found = _digest.choose(parse_challenges(offer("SHA-512-256", "SHA-256")))
    finally:
        _digest._hash.cache_clear()
    assert found is not None
    assert found["nonce"] == "SHA-256"


def test_md5_is_no_security_decision_of_ours(monkeypatch):
    """A FIPS build refuses MD5 unless it is told that nothing rests on it; the server's choice must not fail
    there."""
    seen = []

    def new(name, *args, usedforsecurity=True):
        seen.append(usedforsecurity)
        return known(name, *args, usedforsecurity=usedforsecurity)

    known = hashlib.new
    monkeypatch.setattr(hashlib, "new", new)
    _digest._hash.cache_clear()
    try:
        _digest.authorization({"nonce": "n"}, "u", "p", Use("GET", "/", 1, "c"))
    finally:
        _digest._hash.cache_clear()
    assert set(seen) == {False}


def test_parameters_are_quoted_as_rfc_7616_section_3_4_wants_it():
    offered = challenge('Digest realm="r", nonce="n", qop="auth", algorithm="MD5", opaque="o", userhash=true')
    answer = parameters(_digest.authorization(offered, "u", "p", Use("GET", "/", 1, "c")))
    quoted = {name for name, value in answer.items() if value.startswith('"')}
    assert quoted == {"username", "realm", "nonce", "uri", "response", "cnonce", "opaque"}
    assert set(answer) - quoted == {"algorithm", "qop", "nc", "userhash"}


def test_quotes_and_backslashes_are_hashed_bare_and_written_escaped():
    offered = challenge(r'Digest realm="a \"b\" \\ c", nonce="n"')
    answer = parameters(_digest.authorization(offered, 'the "user"', "p", Use("GET", "/", 1, "c")))
    assert answer["realm"] == r'"a \"b\" \\ c"'
    assert answer["username"] == r'"the \"user\""'
    key = md5('the "user"', r'a "b" \ c', "p")
    expected = md5(key, "n", md5("GET", "/"))
    assert answer["response"] == f'"{expected}"'


def test_a_realm_beyond_ascii_is_hashed_in_the_octets_that_the_server_sent():
    received = "caf\u00e9".encode().decode("iso-8859-1")
    answer = _digest.authorization({"realm": received, "nonce": "n"}, "u", "p", Use("GET", "/", 1, "c"))
    assert parameters(answer)["response"] == f'"{md5(md5("u", "café", "p"), "n", md5("GET", "/"))}"'
    assert f'realm="{received}"' in str(answer)


def test_a_user_beyond_ascii_is_sent_raw_to_a_server_that_does_not_speak_of_charsets():
    answer = _digest.authorization(
        {"realm": "r", "nonce": "n"}, "J\u00e4s\u00f8n", "p", Use("GET", "/", 1, "c")
    )
    assert answer is not None
    assert 'username="Jäsøn"'.encode() in answer.encode("iso-8859-1")
    assert parameters(answer)["response"] == f'"{md5(md5("Jäsøn", "r", "p"), "n", md5("GET", "/"))}"'


def test_credentials_may_be_bytes():
    use = Use("GET", "/", 1, "c")
    text = _digest.authorization({"realm": "r", "nonce": "n"}, "Jäsøn", "пароль", use)
    octets = _digest.authorization({"realm": "r", "nonce": "n"}, "Jäsøn".encode(), "пароль".encode(), use)
    assert text == octets


def test_an_absent_opaque_is_not_sent_and_an_empty_one_is():
    use = Use("GET", "/", 1, "c")
    assert "opaque" not in parameters(_digest.authorization({"nonce": "n"}, "u", "p", use))
    assert parameters(_digest.authorization({"nonce": "n", "opaque": ""}, "u", "p", use))["opaque"] == '""'


@pytest.mark.parametrize(
    "value, nonce",
    [
        pytest.param('nextnonce="abc"', "abc", id="RFC 7616 section 3.5"),
        pytest.param(
            'rspauth="r", cnonce="c", nc=00000001, qop=auth, NextNonce="x,y"', "x,y", id="among others"
        ),
        pytest.param('qop=auth, rspauth=""', None, id="without one"),
        pytest.param('nextnonce=""', None, id="empty"),
        pytest.param("nextnonce", None, id="no value"),
        pytest.param("", None, id="empty field"),
        pytest.param(None, None, id="no field"),
    ],
)
def test_the_next_nonce_is_read_from_authentication_info(value, nonce):
    assert _digest.next_nonce(value) == nonce


@pytest.mark.parametrize(
    "parameters, stale",
    [
        ({"stale": "true"}, True),
        ({"stale": "TRUE"}, True),
        ({"stale": "false"}, False),
        ({"stale": ""}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_nonce_is_stale_when_the_server_says_so(parameters, stale):
    """RFC 7616 section 3.3."""
    assert _digest.is_stale(parameters) is stale


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=20)


@given(
    st.fixed_dictionaries(
        {"nonce": TEXT, "realm": TEXT},
        optional={
            "opaque": TEXT,
            "qop": st.sampled_from(["auth", "auth-int", "auth,auth-int", ""]),
            "algorithm": st.sampled_from(["MD5", "sha-256", "SHA-256-sess", "SHA"]),
            "userhash": st.sampled_from(["true", "false"]),
            "charset": st.sampled_from(["UTF-8", "utf-8", "x"]),
        },
    ),
    TEXT,
    st.binary(max_size=20),
)
def test_what_is_written_reads_back_as_what_was_challenged(offered, user, body):
    answer = _digest.authorization(offered, user, "%secret%", Use("GET", "/", 1, "c", body=[body]))
    assert answer is not None
    (read,) = parse_challenges(answer)
    assert read.parameters["nonce"] == offered["nonce"]
    assert read.parameters["realm"] == offered["realm"]
    assert read.parameters.get("opaque") == offered.get("opaque")
    assert "%secret%" not in answer
