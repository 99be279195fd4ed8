"""Fields: only what is safe is sent, no secret is shown, challenges and lists are read as they should be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.fields import (
    Challenge,
    _parse_content_type_header,
    check_header_validity,
    is_secret_field,
    parse_challenges,
    parse_dict_header,
    parse_header_links,
    parse_list_header,
    redact_field,
    unquote_header_value,
    validate,
)
from httpkit.exceptions import InvalidHeader

TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SECRET = "hunter2"

ANY_TEXT = st.text(st.sampled_from('ab ,;="\\<>()\t\r\nü*\x00@/:'), max_size=60) | st.text(max_size=40)


class Text(str):
    """A subclass, as multidict and werkzeug have for names."""

    __slots__ = ()


def quoted(text: str) -> str:
    """*text* as a quoted string (RFC 9110 §5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Accept", "text/html, */*", id="RFC 9110 §5.1"),
        pytest.param("X", "", id="RFC 9110 §5.5 an empty value"),
        pytest.param("!#$%&'*+-.^_`|~09azAZ", "x", id="RFC 9110 §5.6.2 every kind of tchar"),
        pytest.param("X", "a\tb", id="RFC 9110 §5.5 HTAB"),
        pytest.param("X", "a ", id="white space at the end"),
        pytest.param("X", "caf\xe9 \x80\xff", id="RFC 9110 §5.5 obs-text"),
        pytest.param(b"X", b"caf\xc3\xa9", id="bytes"),
        pytest.param("X", b"value", id="name str, value bytes"),
        pytest.param(b"X", "value", id="name bytes, value str"),
        pytest.param(Text("X"), Text("value"), id="subclasses of str"),
    ],
)
def test_a_field_that_is_safe_to_send_is_accepted(name: Any, value: Any) -> None:
    validate(name, value)
    check_header_validity((name, value))


@pytest.mark.parametrize("as_bytes", [False, True], ids=["str", "bytes"])
@pytest.mark.parametrize(
    "name", ["", " X", "X ", "X Y", "X:", ":authority", "X\n", "X\r\nY: z", "X\x00", "Ünder", "X(1)"]
)
def test_a_name_that_is_no_token_is_refused(name: str, as_bytes: bool) -> None:
    with pytest.raises(InvalidHeader, match="Invalid header name"):
        validate(name.encode("latin-1") if as_bytes else name, "value")


@pytest.mark.parametrize("as_bytes", [False, True], ids=["str", "bytes"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\r\nX-Injected: b", id="RFC 9110 §5.5 CR LF"),
        pytest.param("a\nb", id="LF"),
        pytest.param("a\rb", id="CR"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\x0bb", id="VT"),
        pytest.param("a\x1bb", id="ESC"),
        pytest.param("a\x7f", id="DEL"),
        pytest.param("a\n", id="LF at the end"),
        pytest.param("\n", id="LF alone"),
        pytest.param(" a", id="a space first"),
        pytest.param("\ta", id="a tab first"),
        pytest.param(" ", id="nothing but a space"),
    ],
)
def test_a_value_that_would_change_the_message_is_refused(value: str, as_bytes: bool) -> None:
    with pytest.raises(InvalidHeader, match="'X-Name'"):
        validate("X-Name", value.encode("latin-1") if as_bytes else value)
    with pytest.raises(InvalidHeader):
        check_header_validity(("X-Name", value))


@pytest.mark.parametrize("value", [None, 3, 1.5, True, ["a"], ("a",), {"a": "b"}, object(), bytearray(b"a")])
def test_a_value_of_another_type_is_refused_and_the_error_says_what_to_give(value: Any) -> None:
    with pytest.raises(InvalidHeader) as caught:
        validate("X-Name", value)
    message = str(caught.value)
    assert "'X-Name'" in message
    assert type(value).__name__ in message
    assert "give str or bytes" in message


@pytest.mark.parametrize("name", [None, 3, ("X",)])
def test_a_name_of_another_type_is_refused(name: Any) -> None:
    with pytest.raises(InvalidHeader, match="give str or bytes"):
        validate(name, "value")


def test_text_that_does_not_fit_in_bytes_is_refused_and_the_error_says_what_to_give() -> None:
    with pytest.raises(InvalidHeader, match=r"position 5 .* give value.encode\('utf-8'\)"):
        validate("X-Name", "5 or € 6")


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "Set-Cookie",
        "X-API-Key",
        "x-auth-token",
        b"X-Secret",
    ],
)
@pytest.mark.parametrize(
    "value", [f"{SECRET}\r\nX: y", f" {SECRET}", f"Bearer {SECRET}€", f"{SECRET}\n{SECRET}={SECRET}"]
)
def test_the_value_of_a_secret_field_is_in_no_error(name: Any, value: str) -> None:
    with pytest.raises(InvalidHeader) as caught:
        validate(name, value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", [f"Authorization: Bearer {SECRET}", f"X-Token={SECRET}", f"Cookie {SECRET}"])
def test_a_secret_that_was_given_as_part_of_the_name_is_in_no_error(name: str) -> None:
    with pytest.raises(InvalidHeader) as caught:
        validate(name, "x")
    assert SECRET not in str(caught.value)


def test_userinfo_is_in_no_error() -> None:
    with pytest.raises(InvalidHeader) as caught:
        validate("Referer", f"https://user:{SECRET}@example.com/\n")
    assert SECRET not in str(caught.value)
    assert "example.com" in str(caught.value)


@given(st.text() | st.binary(), st.text(max_size=400) | st.binary(max_size=400))
def test_an_error_is_one_short_printable_line(name: Any, value: Any) -> None:
    message = ""
    try:
        validate(name, value)
    except InvalidHeader as error:
        message = str(error)
    assert message.isprintable()
    assert len(message) < 450


@given(st.text(TCHAR, min_size=1), st.binary())
def test_what_is_accepted_cannot_break_the_line(name: str, value: bytes) -> None:
    allowed = not value[:1].isspace() and all(byte == 9 or (byte >= 32 and byte != 127) for byte in value)
    for form in (value, value.decode("latin-1")):
        if allowed:
            validate(name, form)
        else:
            with pytest.raises(InvalidHeader):
                validate(name, form)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        pytest.param("Authorization", "Basic dXNlcjpodW50ZXIy", "Basic ***", id="basic"),
        pytest.param("authorization", "Bearer hunter2", "Bearer ***", id="any case"),
        pytest.param(
            "Proxy-Authorization", 'Digest username="u", response="hunter2"', "Digest ***", id="digest"
        ),
        pytest.param("Authorization", "hunter2", "***", id="no scheme"),
        pytest.param("Authorization", "Basic ", "***", id="a word alone may be the secret"),
        pytest.param("Authorization", "hunter2=hunter2 x", "***", id="no scheme, but a space"),
        pytest.param("Authorization", "", "***", id="empty"),
        pytest.param("Authorization", "Basic a\r\nX: hunter2", "Basic ***", id="broken"),
        pytest.param("Cookie", "a=hunter2; b=hunter2", "a=***; b=***", id="cookies"),
        pytest.param("Cookie", 'a="hunter2;hunter2"', "a=***; ***", id="a semicolon in quotes"),
        pytest.param("Cookie", "hunter2", "***", id="a cookie without a name"),
        pytest.param("Cookie", "a=b=hunter2", "a=***", id="an equals sign in the value"),
        pytest.param(
            "Set-Cookie",
            "sid=hunter2; Path=/a; Domain=example.com; Max-Age=60; Expires=Sun, 06 Nov 1994 08:49:37 GMT; "
            "Secure; HttpOnly; SameSite=Lax",
            "sid=***; Path=/a; Domain=example.com; Max-Age=60; Expires=Sun, 06 Nov 1994 08:49:37 GMT; "
            "Secure; HttpOnly; SameSite=Lax",
            id="attributes stay",
        ),
        pytest.param("Set-Cookie", "a=hunter2; Path=/, b=hunter2", "a=***; Path=***", id="joined cookies"),
        pytest.param("Set-Cookie", "a=b, c=hunter2; Secure", "a=***; Secure", id="joined without attributes"),
        pytest.param(
            "Set-Cookie",
            "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT, c=hunter2",
            "a=***; Expires=***",
            id="joined behind a date",
        ),
        pytest.param("Set-Cookie", "a=b; hunter2; x=hunter2", "a=***; ***; x=***", id="unknown attributes"),
        pytest.param("Set-Cookie2", "a=hunter2", "***", id="RFC 2965"),
        pytest.param("X-API-Key", "hunter2", "***", id="api-key"),
        pytest.param("apikey", "hunter2", "***", id="apikey"),
        pytest.param("X-Auth-Token", "hunter2", "***", id="token"),
        pytest.param("X-Amz-Security-Token", "hunter2", "***", id="security token"),
        pytest.param("Client-Secret", "hunter2", "***", id="secret"),
        pytest.param("Ocp-Apim-Subscription-Key", "hunter2", "***", id="-key"),
        pytest.param("Password", "hunter2", "***", id="password"),
        pytest.param("X-Authorization", "Bearer hunter2", "***", id="an authorization of one's own"),
        pytest.param("Accept", "text/html", "text/html", id="no secret"),
        pytest.param("X-Keyboard", "qwerty", "qwerty", id="no key"),
        pytest.param("WWW-Authenticate", 'Basic realm="a"', 'Basic realm="a"', id="a challenge is no secret"),
        pytest.param(
            "Location", "https://u:hunter2@example.com/@a", "https://***@example.com/@a", id="userinfo"
        ),
        pytest.param(
            "Link", "<//hunter2@a/>, <//u:p@hunter2@b/>", "<//***@a/>, <//***@b/>", id="more userinfo"
        ),
        pytest.param("From", "me@example.com", "me@example.com", id="an address is no userinfo"),
        pytest.param(b"X-API-Key", b"hunter2", "***", id="bytes"),
        pytest.param(b"X-Name", b"caf\xe9", "caf\xe9", id="bytes that are no secret"),
    ],
)
def test_secrets_are_hidden_and_the_rest_is_shown(name: Any, value: Any, shown: str) -> None:
    assert redact_field(name, value) == shown


TOKENS = st.text(TCHAR, min_size=1, max_size=10)


@given(TOKENS, TOKENS, TOKENS)
def test_no_credential_survives_redaction(scheme: str, name: str, rest: str) -> None:
    secret = f"<{rest}>"
    for field, value in (
        ("Authorization", f"{scheme} {secret}"),
        ("Proxy-Authorization", f"{secret} {secret}"),
        ("Cookie", f"{name}={secret}; {name}={secret}"),
        ("Set-Cookie", f"{name}={secret}; Path=/; {name}={secret}"),
        (f"{name}-Key", secret),
        (f"X-{name}-Token", secret),
    ):
        assert secret not in redact_field(field, value)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("PROXY-AUTHORIZATION", True),
        ("Cookie", True),
        ("Set-Cookie", True),
        ("X-Api-Key", True),
        ("Key", True),
        ("X_API_KEY", True),
        ("X-CSRF-Token", True),
        ("X-Passwd", True),
        ("Accept", False),
        ("Cookies-Allowed", False),
        ("Keep-Alive", False),
        ("Monkey", False),
        ("", False),
    ],
)
def test_a_name_tells_whether_its_value_is_secret(name: str, secret: bool) -> None:
    assert is_secret_field(name) is secret


def challenge(scheme: str, token68: str | None = None, /, **parameters: str) -> Challenge:
    return Challenge(scheme, parameters, token68)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, [], id="no field"),
        pytest.param("", [], id="empty"),
        pytest.param('Basic realm="simple"', [challenge("basic", realm="simple")], id="RFC 7617 §2"),
        pytest.param(
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [
                challenge("basic", realm="simple"),
                challenge("newauth", realm="apps", type="1", title='Login to "apps"'),
            ],
            id="RFC 9110 §11.6.1 two challenges in one field",
        ),
        pytest.param(
            ['Basic realm="simple"', "Negotiate"],
            [challenge("basic", realm="simple"), challenge("negotiate")],
            id="RFC 9110 §11.6.1 two fields",
        ),
        pytest.param("Negotiate, NTLM", [challenge("negotiate"), challenge("ntlm")], id="schemes alone"),
        pytest.param("Negotiate YII+/a==", [challenge("negotiate", "YII+/a==")], id="RFC 9110 §11.2 token68"),
        pytest.param(
            "Negotiate YIIa=, Basic realm=x",
            [challenge("negotiate", "YIIa="), challenge("basic", realm="x")],
            id="token68 and parameters",
        ),
        pytest.param(
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
            [
                challenge(
                    "digest",
                    realm="http-auth@example.org",
                    qop="auth, auth-int",
                    algorithm="SHA-256",
                    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
                )
            ],
            id="RFC 7616 §3.9.1",
        ),
        pytest.param(
            "DIGEST Realm = x , NONCE = y",
            [challenge("digest", realm="x", nonce="y")],
            id="case, white space",
        ),
        pytest.param(
            ", ,Basic realm=x,,", [challenge("basic", realm="x")], id="RFC 9110 §5.6.1.2 empty elements"
        ),
        pytest.param(
            "Digest nonce=YWJj==, qop=auth",
            [challenge("digest", nonce="YWJj==", qop="auth")],
            id="not quoted",
        ),
        pytest.param("Basic realm=a, realm=b", [challenge("basic", realm="a")], id="the first counts"),
        pytest.param("realm=x, Basic", [challenge("basic")], id="a parameter of no challenge"),
        pytest.param(
            'Basic realm="x"y, charset=UTF-8', [challenge("basic", charset="UTF-8")], id="a broken parameter"
        ),
        pytest.param('Basic realm="x', [challenge("basic")], id="no closing quote"),
        pytest.param("\x00, Basic", [challenge("basic")], id="rubbish first"),
        pytest.param("Basic " + "x" * 70_000, [], id="too long"),
    ],
)
def test_challenges_are_read(value: Any, expected: list[Challenge]) -> None:
    assert parse_challenges(value) == tuple(expected)


PARAMETERS = st.dictionaries(TOKENS.map(str.lower), st.text(max_size=10), max_size=4)
CHALLENGES = st.builds(Challenge, TOKENS.map(str.lower), PARAMETERS, st.none()) | st.builds(
    Challenge, TOKENS.map(str.lower), st.just({}), st.from_regex(r"[A-Za-z0-9._~+/-]+={0,2}", fullmatch=True)
)


@given(st.lists(CHALLENGES, max_size=4))
def test_written_challenges_are_read_again(challenges: list[Challenge]) -> None:
    written = [
        " ".join(
            [item.scheme, item.token68 or ", ".join(f"{k}={quoted(v)}" for k, v in item.parameters.items())]
        )
        for item in challenges
    ]
    assert parse_challenges(", ".join(written)) == tuple(challenges)
    assert parse_challenges(written) == tuple(challenges)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("a", ["a"]),
        ("a, b,c", ["a", "b", "c"]),
        ('token, "quoted value"', ["token", "quoted value"]),
        ('"a, b", c', ["a, b", "c"]),
        (r'"say \"hi\""', ['say "hi"']),
        (r'"a\\b"', ["a\\b"]),
        ('a"b', ['a"b']),
        ('"unclosed', ['"unclosed']),
        ("a,,b", ["a", "", "b"]),
        ("a,", ["a"]),
    ],
)
def test_a_list_is_read(value: str, expected: list[str]) -> None:
    assert parse_list_header(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ('foo="is a fish", bar="as well"', {"foo": "is a fish", "bar": "as well"}),
        ("key_without_value", {"key_without_value": None}),
        ("a=", {"a": ""}),
        ('a=""', {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ('nonce="a==", qop="auth,auth-int"', {"nonce": "a==", "qop": "auth,auth-int"}),
        ("Name=Value", {"Name": "Value"}),
        ("a=1, a=2", {"a": "2"}),
        ('a = "b"', {"a": "b"}),
        ('a="unclosed', {"a": '"unclosed'}),
    ],
)
def test_a_dict_is_read(value: str, expected: dict[str, str | None]) -> None:
    assert parse_dict_header(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("a", "a"),
        ('"', ""),
        ('""', ""),
        ('"a"', "a"),
        ('a"', 'a"'),
        (r'"a\"b"', 'a"b'),
        (r'"a\\b"', r"a\b"),
        (r'"C:\notes.txt"', r"C:\notes.txt"),
    ],
)
def test_quotes_are_removed(value: str, expected: str) -> None:
    assert unquote_header_value(value) == expected


def test_the_name_of_a_file_server_keeps_its_backslashes() -> None:
    assert unquote_header_value(r'"\\server\share"', is_filename=True) == r"\\server\share"
    assert unquote_header_value(r'"\\server\share"') == r"\server\share"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" '\"", [], id="quotes only"),
        pytest.param(
            '<http://h/front.jpeg>; rel=front; type="image/jpeg"',
            [{"url": "http://h/front.jpeg", "rel": "front", "type": "image/jpeg"}],
            id="RFC 8288 §3",
        ),
        pytest.param("<http://h/front.jpeg>", [{"url": "http://h/front.jpeg"}], id="no parameters"),
        pytest.param("<http://h/front.jpeg>;", [{"url": "http://h/front.jpeg"}], id="a semicolon at the end"),
        pytest.param(
            '<http://h/front.jpeg>; type="image/jpeg",<http://h/back.jpeg>;',
            [{"url": "http://h/front.jpeg", "type": "image/jpeg"}, {"url": "http://h/back.jpeg"}],
            id="two links",
        ),
        pytest.param("http://h/a; rel=next", [{"url": "http://h/a", "rel": "next"}], id="no angle brackets"),
        pytest.param("<a,b;c>; rel=x", [{"url": "a,b;c", "rel": "x"}], id="marks in the target"),
        pytest.param(
            '<a>; t="1, <2>; 3=4"', [{"url": "a", "t": "1, <2>; 3=4"}], id="marks in a quoted string"
        ),
        pytest.param("<a>; crossorigin; rel=x", [{"url": "a", "rel": "x"}], id="a parameter without a value"),
        pytest.param(
            "<a>; rel=x; rel=y", [{"url": "a", "rel": "x"}], id="RFC 8288 §3.3 the first rel counts"
        ),
        pytest.param("<a>; url=evil", [{"url": "a"}], id="a parameter does not replace the target"),
        pytest.param("<a>; rel=x, <b", [{"url": "a", "rel": "x"}, {"url": "b"}], id="no closing bracket"),
        pytest.param("<a>; Rel='x'", [{"url": "a", "Rel": "x"}], id="case is kept, single quotes go"),
    ],
)
def test_links_are_read(value: str, expected: list[dict[str, str]]) -> None:
    assert parse_header_links(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("application/xml", ("application/xml", {})),
        ("application/json ; charset=utf-8", ("application/json", {"charset": "utf-8"})),
        ("application/json ; Charset=utf-8", ("application/json", {"charset": "utf-8"})),
        ("text/plain", ("text/plain", {})),
        (
            "multipart/form-data; boundary = something ; boundary2='something_else' ; no_equals ",
            ("multipart/form-data", {"boundary": "something", "boundary2": "something_else"}),
        ),
        ('multipart/form-data; boundary="a;b=c"', ("multipart/form-data", {"boundary": "a;b=c"})),
        ("a/b ; ; c=d;", ("a/b", {"c": "d"})),
        ("", ("", {})),
    ],
)
def test_a_content_type_is_read(value: str, expected: tuple[str, dict[str, str]]) -> None:
    assert _parse_content_type_header(value) == expected


READERS: list[Any] = [
    parse_list_header,
    parse_dict_header,
    parse_header_links,
    unquote_header_value,
    _parse_content_type_header,
    parse_challenges,
    *(
        lambda value, name=name: redact_field(name, value)
        for name in ("Authorization", "Cookie", "Set-Cookie", "Link")
    ),
]


@given(ANY_TEXT)
def test_no_reader_raises(value: str) -> None:
    for read in READERS:
        read(value)


@pytest.mark.parametrize(
    "unit",
    ['"', '\\"', '"\\', ',a="', 'a="\\",', "<", ">", ", ", ", <", ";", "=", "a ", "a=", "//", "//a@", "\t,"],
)
@pytest.mark.parametrize("start", ["", '"', 'Basic a="', "<", "a=1; Expires=Sun, "])
def test_hostile_text_is_read_in_linear_time(start: str, unit: str) -> None:
    """Quadratic time would be minutes to hours: this test does not end if the law is broken."""
    long = start + unit * (100_000 // len(unit))
    for read in READERS:
        read(long)
        read(long + "x")
    short = start + unit * (65_000 // len(unit))
    parse_challenges(short)
    parse_challenges(short + "x")


# A real requests, where one is installed, is asked what it makes of the same value.

WORDS = st.sampled_from(["a", "foo", "x-y", "Digest", "*", "1"])
CONTENTS = WORDS | st.sampled_from(['"quoted"', '"a, b"', '"es\\"c"', '"back\\\\slash"', '""', '"it\'s"'])
PAIRS = st.builds("{}={}".format, WORDS, CONTENTS)
PLAIN = st.sampled_from(["next", '"next"', '"a b"', "'x'", '"image/jpeg"'])


def links() -> st.SearchStrategy[str]:
    parameters = st.dictionaries(st.sampled_from(["rel", "title", "type"]), PLAIN, max_size=3)
    return st.lists(
        st.builds(
            lambda number, found: "; ".join(
                [f"<http://h/{number}?a=1,2>", *(f"{k}={v}" for k, v in found.items())]
            ),
            st.integers(0, 9),
            parameters,
        ),
        max_size=3,
    ).map(", ".join)


MEDIA_TYPES = st.builds(
    lambda name, found: "; ".join([name, *(f"{k}={v}" for k, v in found.items())]),
    st.sampled_from(["text/html", "application/json", "multipart/form-data"]),
    st.dictionaries(st.sampled_from(["charset", "Boundary", "x"]), PLAIN, max_size=2),
)


@pytest.mark.parametrize(
    ("reader", "values"),
    [
        (parse_list_header, st.lists(CONTENTS).map(", ".join)),
        (parse_dict_header, st.lists(WORDS | PAIRS).map(", ".join)),
        (unquote_header_value, st.text('"\\ab')),
        (parse_header_links, links()),
        (_parse_content_type_header, MEDIA_TYPES),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_valid_value_reads_as_in_requests(reader: Any, values: st.SearchStrategy[str]) -> None:
    theirs = pytest.importorskip(
        "requests.utils", reason="requests is not installed: nothing to compare with"
    )

    @given(values)
    def compare(value: str) -> None:
        assert reader(value) == getattr(theirs, reader.__name__)(value)

    compare()
