"""Auth handlers: what they write, what they refuse to write, and which responses a Digest handler answers."""

from __future__ import annotations

import base64
import copy
import io
import pickle
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import auth as auth_module
from httpkit._message.fields import parse_challenges
from httpkit.auth import (
    AuthBase,
    HTTPBasicAuth,
    HTTPBearerAuth,
    HTTPDigestAuth,
    HTTPProxyAuth,
    _basic_auth_str,
)
from httpkit.exceptions import BodyNotReplayable, HTTPError, InvalidHeader, UnrewindableBodyError
from httpkit.hooks import dispatch_hook
from httpkit.models import PreparedRequest, Response
from httpkit.structures import CaseInsensitiveDict

URL = "http://example.test/private?x=1"
SECRETS = ("hunter2", "t0psecret")


def prepare(auth=None, method="GET", url=URL, **kwargs) -> PreparedRequest:
    request = PreparedRequest()
    request.prepare(method=method, url=url, auth=auth, **kwargs)
    return request


def decoded(value: str) -> bytes:
    scheme, _, credentials = value.partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(credentials, validate=True)


# Basic


@pytest.mark.parametrize(
    "username, password, octets",
    [
        pytest.param("Aladdin", "open sesame", b"Aladdin:open sesame", id="RFC 7617 section 2"),
        pytest.param("test", "123\u00a3", b"test:123\xa3", id="ISO-8859-1 where it fits"),
        pytest.param(
            "имя", "пароль", "имя:пароль".encode(), id="UTF-8 where it does not (RFC 7617 section 2.1)"
        ),
        pytest.param("имя".encode(), "пароль".encode(), "имя:пароль".encode(), id="bytes as they are"),
        pytest.param("user", "", b"user:", id="empty password"),
        pytest.param("", "key", b":key", id="empty user name"),
        pytest.param("user", "a:b", b"user:a:b", id="a colon in the password"),
        pytest.param("user", "x" * 300, b"user:" + b"x" * 300, id="longer than a line of base64"),
    ],
)
def test_basic_credentials(username, password, octets):
    assert decoded(_basic_auth_str(username, password)) == octets
    assert decoded(prepare(HTTPBasicAuth(username, password)).headers["Authorization"]) == octets


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=":")),
    st.text(st.characters(exclude_categories=["Cc", "Cs"])),
)
def test_basic_credentials_are_one_line_of_ascii(username, password):
    value = _basic_auth_str(username, password)
    assert value.isascii()
    assert value.isprintable()
    assert decoded(value).count(b":") >= 1


@pytest.mark.parametrize("value, octets", [(42, b"42:42"), (None, b"None:None")])
def test_credentials_that_are_no_text_are_written_as_such_and_that_is_deprecated(value, octets):
    with pytest.warns(DeprecationWarning, match="is of type") as warned:
        assert decoded(_basic_auth_str(value, value)) == octets
    assert len(warned) == 2
    assert not any(str(value) in str(warning.message).split() for warning in warned)


@pytest.mark.parametrize(
    "username, password",
    [
        pytest.param("domain:user", "hunter2", id="colon in the user name"),
        pytest.param(b"domain:user", b"hunter2", id="colon in the user name as bytes"),
        pytest.param("user\r\nX: y", "hunter2", id="line break in the user name"),
        pytest.param("user", "hunter2\n", id="line break after the password"),
        pytest.param("user", "hunter2\x00", id="NUL"),
        pytest.param("user", b"hunter2\x7f", id="DEL"),
    ],
)
@pytest.mark.parametrize("handler", [HTTPBasicAuth, HTTPProxyAuth])
def test_credentials_that_basic_cannot_carry_are_refused(handler, username, password):
    """RFC 7617 section 2."""
    with pytest.raises(InvalidHeader) as caught:
        prepare(handler(username, password))
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_proxy_credentials_go_to_the_proxy():
    headers = prepare(HTTPProxyAuth("user", "pass")).headers
    assert decoded(headers["Proxy-Authorization"]) == b"user:pass"
    assert "Authorization" not in headers


# Bearer


@pytest.mark.parametrize("token", ["mF_9.B5f-4.1JqM", b"mF_9.B5f-4.1JqM"], ids=["text", "bytes"])
def test_a_bearer_token_is_sent_as_it_is(token):
    """RFC 6750 section 2.1."""
    assert prepare(HTTPBearerAuth(token)).headers["Authorization"] == "Bearer mF_9.B5f-4.1JqM"


@pytest.mark.parametrize(
    "token, reason",
    [
        ("t0psecret\n", "white space"),
        (" t0psecret", "white space"),
        ("t0psecret\r\nX-Other: y", "control characters"),
        ("t0p secret", "blanks"),
        ("t0psecret\x00", "control characters"),
        ("t0psecretä", "beyond ASCII"),
        (b"t0psecret\xff", "beyond ASCII"),
        ("", "empty"),
        (b"", "empty"),
        (None, "NoneType"),
        (12345678, "int"),
    ],
)
def test_a_token_that_a_field_cannot_hold_is_refused_without_being_shown(token, reason):
    with pytest.raises(InvalidHeader, match=reason) as caught:
        prepare(HTTPBearerAuth(token))
    assert "t0p" not in str(caught.value)
    assert "12345678" not in str(caught.value)
    assert caught.value.request is not None


# All handlers


HANDLERS = [
    HTTPBasicAuth("t0psecret", "hunter2"),
    HTTPProxyAuth("t0psecret", "hunter2"),
    HTTPDigestAuth("t0psecret", "hunter2"),
    HTTPBearerAuth("t0psecret"),
]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: type(handler).__name__)
def test_no_secret_is_in_a_repr(handler):
    """A user name can be an API key."""
    shown = repr(handler) + str(handler) + f"{handler}" + repr([handler])
    assert type(handler).__name__ in shown
    assert not any(secret in shown for secret in SECRETS)


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: type(handler).__name__)
def test_a_handler_survives_copying_and_pickling(handler):
    for twin in (pickle.loads(pickle.dumps(handler)), copy.copy(handler), copy.deepcopy(handler)):
        assert type(twin) is type(handler)
        assert twin == handler
        prepare(twin)


@pytest.mark.parametrize(
    "one, other, equal",
    [
        (HTTPBasicAuth("u", "p"), HTTPBasicAuth("u", "p"), True),
        (HTTPBasicAuth("u", "p"), HTTPBasicAuth("u", "q"), False),
        (HTTPBasicAuth("u", "p"), HTTPBasicAuth("v", "p"), False),
        (HTTPBasicAuth("u", "p"), HTTPProxyAuth("u", "p"), True),
        (HTTPDigestAuth("u", "p"), HTTPDigestAuth("u", "p"), True),
        (HTTPDigestAuth("u", "p"), HTTPDigestAuth("u", "q"), False),
        (HTTPDigestAuth("u", "p"), types.SimpleNamespace(username="u", password="p"), True),
        (HTTPBasicAuth("u", "p"), None, False),
        (HTTPBasicAuth("u", "p"), ("u", "p"), False),
        (HTTPBearerAuth("t"), HTTPBearerAuth("t"), True),
        (HTTPBearerAuth("t"), HTTPBearerAuth("s"), False),
        (HTTPBearerAuth("t"), "t", False),
    ],
)
def test_handlers_are_equal_when_their_credentials_are(one, other, equal):
    assert (one == other) is equal
    assert (one != other) is not equal


def test_a_handler_without_a_call_says_what_is_missing():
    class Forgotten(AuthBase):
        pass

    with pytest.raises(NotImplementedError, match="Forgotten must implement __call__"):
        prepare(Forgotten())


def test_the_content_types_are_named():
    assert auth_module.CONTENT_TYPE_FORM_URLENCODED == "application/x-www-form-urlencoded"
    assert auth_module.CONTENT_TYPE_MULTI_PART == "multipart/form-data"


# Digest: what is answered. The wire is a list of responses; what is sent over it is kept.


CHALLENGE = 'Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256'


class Wire:
    """An adapter that gives these responses, `(status, headers)` each, one for each request."""

    def __init__(self, *script: tuple[int, dict[str, str]]) -> None:
        self.script = list(script)
        self.sent: list[PreparedRequest] = []
        self.bodies: list[bytes] = []
        self.settings: list[dict[str, object]] = []
        self.closed: list[Response] = []

    def send(self, request: PreparedRequest, **settings: object) -> Response:
        self.sent.append(request)
        self.bodies.append(
            request.body.read()
            if hasattr(request.body, "read")
            else b"".join(request.body)  # type: ignore[union-attr, arg-type]
            if isinstance(request.body, list)
            else request.body or b""  # type: ignore[arg-type]
        )
        self.settings.append(settings)
        return self.response(request, *self.script.pop(0))

    def response(
        self, request: PreparedRequest, status: int, headers: dict[str, str] | list[tuple[str, str]]
    ) -> Response:
        response = Response()
        pairs = headers.items() if isinstance(headers, dict) else headers
        response.status_code = status
        response.headers = CaseInsensitiveDict.from_pairs(pairs)
        response.raw = types.SimpleNamespace(
            headers=response.headers, close=lambda: self.closed.append(response), release_conn=lambda: None
        )
        response._content = b"please identify yourself"
        response.url, response.request, response.connection = request.url or "", request, self
        return response


def exchange(wire: Wire, request: PreparedRequest, **settings: object) -> Response:
    """What a session does with a request: send it, and let the hooks see the response."""
    return dispatch_hook("response", request.hooks, wire.send(request, **settings), **settings)


def credentials(request: PreparedRequest) -> dict[str, str]:
    (found,) = parse_challenges(request.headers["Authorization"])
    assert found.scheme == "digest"
    return found.parameters


def test_the_challenge_is_answered_once_with_the_same_settings():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    request = prepare(HTTPDigestAuth("u", "p"))
    answer = exchange(wire, request, timeout=3, verify=False)
    assert answer.status_code == 200
    assert len(wire.sent) == 2
    assert wire.settings == [{"timeout": 3, "verify": False}] * 2
    assert "Authorization" not in wire.sent[0].headers
    given = credentials(wire.sent[1])
    assert (given["username"], given["realm"], given["nonce"]) == ("u", "r", "n1")
    assert (given["uri"], given["qop"], given["nc"], given["algorithm"]) == (
        "/private?x=1",
        "auth",
        "00000001",
        "SHA-256",
    )


def test_what_was_answered_is_in_the_history_and_was_read_and_closed():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    answer = exchange(wire, prepare(HTTPDigestAuth("u", "p")))
    (refused,) = answer.history
    assert refused.status_code == 401
    assert refused.content == b"please identify yourself"
    assert answer.request is wire.sent[1]
    assert "Authorization" not in refused.request.headers


def test_wrong_credentials_are_sent_once_only():
    wire = Wire(
        (401, {"WWW-Authenticate": CHALLENGE}), (401, {"WWW-Authenticate": CHALLENGE.replace("n1", "n2")})
    )
    answer = exchange(wire, prepare(HTTPDigestAuth("u", "p")))
    assert answer.status_code == 401
    assert len(wire.sent) == 2
    assert [refused.status_code for refused in answer.history] == [401]


def test_after_a_refusal_the_next_request_asks_anew():
    refusal = (401, {"WWW-Authenticate": CHALLENGE})
    wire = Wire(refusal, refusal, refusal, (200, {}))
    auth = HTTPDigestAuth("u", "p")
    exchange(wire, prepare(auth))
    auth.password = "right"
    assert exchange(wire, prepare(auth)).status_code == 200
    assert ["Authorization" in request.headers for request in wire.sent] == [False, True, False, True]


STALE = 'Digest realm="r", nonce="n2", qop="auth", stale=TRUE'


def test_a_stale_nonce_is_replaced_once():
    """RFC 7616 section 3.3."""
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (401, {"WWW-Authenticate": STALE}), (200, {}))
    answer = exchange(wire, prepare(HTTPDigestAuth("u", "p")))
    assert answer.status_code == 200
    assert [credentials(request)["nonce"] for request in wire.sent[1:]] == ["n1", "n2"]
    assert [credentials(request)["nc"] for request in wire.sent[1:]] == ["00000001", "00000001"]
    assert [refused.status_code for refused in answer.history] == [401, 401]


def test_a_server_for_which_every_nonce_is_stale_gets_two_answers():
    script = [(401, {"WWW-Authenticate": STALE.replace("n2", f"s{number}")}) for number in range(9)]
    wire = Wire(*script)
    assert exchange(wire, prepare(HTTPDigestAuth("u", "p"))).status_code == 401
    assert len(wire.sent) == 3


def test_a_nonce_that_is_called_stale_and_offered_again_is_not_used_again():
    wire = Wire((401, {"WWW-Authenticate": STALE}), (401, {"WWW-Authenticate": STALE}), (200, {}))
    assert exchange(wire, prepare(HTTPDigestAuth("u", "p"))).status_code == 401
    assert len(wire.sent) == 2


def test_later_requests_have_credentials_at_once_and_count():
    """RFC 7616 section 3.4.6: nc is how often the nonce was used."""
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}), (200, {}), (200, {}))
    auth = HTTPDigestAuth("u", "p")
    for path in ("/a", "/b", "/c"):
        exchange(wire, prepare(auth, url=f"http://example.test{path}"))
    given = [credentials(request) for request in wire.sent[1:]]
    assert [one["nc"] for one in given] == ["00000001", "00000002", "00000003"]
    assert [one["uri"] for one in given] == ["/a", "/b", "/c"]
    assert len({one["cnonce"] for one in given}) == 3


def test_a_session_algorithm_keeps_its_cnonce_for_as_long_as_the_nonce():
    """RFC 7616 section 3.4.2: the key holds the cnonce of the first request after the challenge."""
    session = CHALLENGE.replace("SHA-256", "SHA-256-sess")
    wire = Wire((401, {"WWW-Authenticate": session}), (200, {}), (200, {}))
    auth = HTTPDigestAuth("u", "p")
    for _ in range(2):
        exchange(wire, prepare(auth))
    first, second = (credentials(request) for request in wire.sent[1:])
    assert first["cnonce"] == second["cnonce"]
    assert second["nc"] == "00000002"


def test_the_next_nonce_of_authentication_info_is_used():
    """RFC 7616 section 3.5."""
    wire = Wire(
        (401, {"WWW-Authenticate": CHALLENGE}), (200, {"Authentication-Info": 'nextnonce="n9"'}), (200, {})
    )
    auth = HTTPDigestAuth("u", "p")
    for _ in range(2):
        exchange(wire, prepare(auth))
    given = [credentials(request) for request in wire.sent[1:]]
    assert [(one["nonce"], one["nc"]) for one in given] == [("n1", "00000001"), ("n9", "00000001")]


def test_the_next_nonce_of_a_later_response_is_used_too():
    wire = Wire(
        (401, {"WWW-Authenticate": CHALLENGE}),
        (200, {}),
        (200, {"Authentication-Info": 'nextnonce="n9"'}),
        (200, {}),
    )
    auth = HTTPDigestAuth("u", "p")
    for _ in range(3):
        exchange(wire, prepare(auth))
    assert [credentials(request)["nonce"] for request in wire.sent[1:]] == ["n1", "n1", "n9"]


def test_a_session_key_stays_with_its_nonce():
    session = CHALLENGE.replace("SHA-256", "MD5-sess")
    wire = Wire(
        (401, {"WWW-Authenticate": session}), (200, {"Authentication-Info": 'nextnonce="n9"'}), (200, {})
    )
    auth = HTTPDigestAuth("u", "p")
    for _ in range(2):
        exchange(wire, prepare(auth))
    assert [credentials(request)["nonce"] for request in wire.sent[1:]] == ["n1", "n1"]


@pytest.mark.parametrize(
    "status, headers",
    [
        pytest.param(200, {"WWW-Authenticate": CHALLENGE}, id="a success"),
        pytest.param(302, {"WWW-Authenticate": CHALLENGE, "Location": "/"}, id="a redirect"),
        pytest.param(500, {"WWW-Authenticate": CHALLENGE}, id="a failure of the server"),
        pytest.param(401, {}, id="no challenge"),
        pytest.param(401, {"WWW-Authenticate": 'Basic realm="r"'}, id="another scheme"),
        pytest.param(
            401, {"WWW-Authenticate": 'Basic realm="digest "'}, id="another scheme that mentions this one"
        ),
        pytest.param(401, {"WWW-Authenticate": 'Digest realm="r"'}, id="no nonce"),
        pytest.param(401, {"WWW-Authenticate": CHALLENGE.replace("SHA-256", "SHA3")}, id="unknown algorithm"),
        pytest.param(401, {"WWW-Authenticate": CHALLENGE.replace('"auth"', '"x"')}, id="unknown protection"),
        pytest.param(407, {"Proxy-Authenticate": CHALLENGE}, id="the challenge of a proxy"),
    ],
)
def test_what_is_no_challenge_for_it_is_left_alone(status, headers):
    wire = Wire((status, headers))
    answer = exchange(wire, prepare(HTTPDigestAuth("u", "p")))
    assert len(wire.sent) == 1
    assert answer.history == []
    assert not wire.closed


def test_of_several_challenges_the_strongest_is_answered():
    """RFC 7616 section 3.7: in one field or in several."""
    fields = [
        ("WWW-Authenticate", 'Basic realm="b", Digest realm="r", nonce="weak", algorithm=MD5'),
        ("WWW-Authenticate", 'Digest realm="r", nonce="strong", algorithm=SHA-256'),
    ]
    wire = Wire((200, {}))
    request = prepare(HTTPDigestAuth("u", "p"))
    dispatch_hook("response", request.hooks, wire.response(request, 401, fields))
    assert credentials(wire.sent[0])["nonce"] == "strong"


def test_headers_may_be_any_mapping():
    wire = Wire((200, {}))
    request = prepare(HTTPDigestAuth("u", "p"))
    response = wire.response(request, 401, {})
    response.headers = {"www-authenticate": CHALLENGE}  # type: ignore[assignment]
    assert dispatch_hook("response", request.hooks, response).status_code == 200


# Digest: for whom.


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://other.test/private", id="another host"),
        pytest.param("https://example.test/private", id="another scheme"),
        pytest.param("http://example.test:8080/private", id="another port"),
        pytest.param("http://example.test.other.test/", id="a host that begins alike"),
    ],
)
def test_a_challenge_from_another_origin_is_not_answered(url):
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}))
    request = prepare(HTTPDigestAuth("u", "p"))
    elsewhere = request.copy()
    elsewhere.url = url
    answer = exchange(wire, elsewhere)
    assert answer.status_code == 401
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "url", ["http://example.test/other", "http://example.test:80/", "HTTP://EXAMPLE.test/"]
)
def test_a_challenge_from_the_same_origin_is_answered(url):
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    request = prepare(HTTPDigestAuth("u", "p"))
    following = request.copy()
    following.url = url
    assert exchange(wire, following).status_code == 200


def test_a_nonce_is_not_offered_to_another_origin():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}), (200, {}), (200, {}))
    auth = HTTPDigestAuth("u", "p")
    exchange(wire, prepare(auth))
    exchange(wire, prepare(auth, url="http://other.test/"))
    exchange(wire, prepare(auth))
    assert ["Authorization" in request.headers for request in wire.sent] == [False, True, False, True]


def test_whoever_drops_credentials_sees_whose_the_hook_is():
    auth = HTTPDigestAuth("u", "p")
    (hook,) = prepare(auth).hooks["response"]
    assert hook.__self__ is auth


# Digest: the body.


def test_a_file_is_sent_again_from_where_it_began():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    file = io.BytesIO(b"skip:content")
    file.seek(5)
    assert exchange(wire, prepare(HTTPDigestAuth("u", "p"), "POST", data=file)).status_code == 200
    assert wire.bodies == [b"content", b"content"]


def test_a_body_that_can_be_read_once_is_not_sent_again_empty():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    request = prepare(HTTPDigestAuth("u", "p"), "POST", data=iter([b"once"]))
    list(request.body)  # type: ignore[arg-type]  # what the wire does
    response = wire.response(request, 401, {"WWW-Authenticate": CHALLENGE})
    with pytest.raises(BodyNotReplayable, match="401 and asks for Digest") as caught:
        dispatch_hook("response", request.hooks, response)
    assert isinstance(caught.value, UnrewindableBodyError)
    assert isinstance(caught.value.__cause__, HTTPError)
    assert caught.value.__cause__.response is response
    assert caught.value.response is response
    assert caught.value.request is not None
    assert not wire.sent


INTEGRITY = CHALLENGE.replace('"auth"', '"auth-int"')


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("päyload", id="text"),
        pytest.param("päyload".encode(), id="bytes"),
        pytest.param({"a": "b c"}, id="a form"),
        pytest.param(None, id="none"),
        pytest.param(lambda: io.BytesIO(b"x" * 200_000), id="a file"),
    ],
)
def test_integrity_is_promised_of_the_body_that_is_sent(body):
    """RFC 7616 section 3.4.3, recomputed from what the wire saw."""
    import hashlib

    def digest(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    wire = Wire((401, {"WWW-Authenticate": INTEGRITY}), (200, {}), (200, {}))
    auth = HTTPDigestAuth("u", "p")
    for _ in range(2):
        data = body() if callable(body) else body
        assert (
            exchange(wire, prepare(auth, "POST", url="http://example.test/up", data=data)).status_code == 200
        )
    for request, sent in zip(wire.sent[1:], wire.bodies[1:], strict=True):
        octets = sent.encode() if isinstance(sent, str) else sent
        given = credentials(request)
        a2 = digest("POST", "/up", hashlib.sha256(octets).hexdigest())
        expected = digest(digest("u", "r", "p"), "n1", given["nc"], given["cnonce"], "auth-int", a2)
        assert given["response"] == expected
    assert len(set(map(bytes, (b if isinstance(b, bytes) else b.encode() for b in wire.bodies)))) == 1


def test_integrity_of_a_body_that_can_be_read_once_cannot_be_promised():
    wire = Wire()
    request = prepare(HTTPDigestAuth("u", "p"), "POST", data=iter([b"once"]))
    response = wire.response(request, 401, {"WWW-Authenticate": INTEGRITY})
    assert dispatch_hook("response", request.hooks, response) is response
    assert list(request.body) == [b"once"]  # type: ignore[arg-type]


# Digest: cookies.


def test_cookies_that_come_with_the_challenge_go_with_the_answer():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE, "Set-Cookie": "new=1; Path=/"}), (200, {}))
    answer = exchange(wire, prepare(HTTPDigestAuth("u", "p"), cookies={"old": "2"}))
    assert answer.status_code == 200
    assert wire.sent[0].headers["Cookie"] == "old=2"
    assert sorted(wire.sent[1].headers["Cookie"].split("; ")) == ["new=1", "old=2"]


def test_a_cookie_field_that_was_written_by_hand_is_left_alone():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE, "Set-Cookie": "new=1; Path=/"}), (200, {}))
    exchange(wire, prepare(HTTPDigestAuth("u", "p"), headers={"Cookie": "by=hand"}))
    assert wire.sent[1].headers["Cookie"] == "by=hand"


# Digest: user names.


@pytest.mark.parametrize("username", ["user\r\nX-Other: y", b"user\n", "\x00"])
def test_a_user_name_with_control_characters_is_refused(username):
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}))
    with pytest.raises(InvalidHeader, match="control character"):
        exchange(wire, prepare(HTTPDigestAuth(username, "hunter2")))


def test_bytes_and_text_give_the_same_credentials():
    text, octets = HTTPDigestAuth("Jäsøn", "pässword"), HTTPDigestAuth("Jäsøn".encode(), "pässword".encode())
    answers = []
    for auth in (text, octets):
        auth.init_per_thread_state()
        auth._thread_local.chal = {"realm": "r", "nonce": "n"}
        answers.append(auth.build_digest_header("GET", URL))
    assert answers[0] == answers[1]


# Digest: the state that subclasses elsewhere read and set.


def test_the_state_has_the_names_that_subclasses_know():
    auth = HTTPDigestAuth("u", "p")
    auth.init_per_thread_state()
    state = auth._thread_local
    assert state.init is True
    assert (state.last_nonce, state.nonce_count, state.chal, state.pos, state.num_401_calls) == (
        "",
        0,
        {},
        None,
        None,
    )
    prepare(auth, "POST", data=io.BytesIO(b"x"))
    assert (state.pos, state.num_401_calls) == (0, 1)


def test_state_that_exists_is_not_reset():
    auth = HTTPDigestAuth("u", "p")
    auth.init_per_thread_state()
    auth._thread_local.last_nonce = "n"
    auth.init_per_thread_state()
    assert auth._thread_local.last_nonce == "n"


def test_a_subclass_may_set_the_challenge_and_ask_for_credentials():
    """As a handler for the challenges of proxies does."""
    auth = HTTPDigestAuth("u", "p")
    auth.init_per_thread_state()
    assert auth.build_digest_header("GET", URL) is None
    auth._thread_local.chal = {"realm": "r", "nonce": "n", "qop": "auth"}
    first, second = (auth.build_digest_header("GET", URL) for _ in range(2))
    assert first is not None
    assert "nc=00000001" in first
    assert second is not None
    assert "nc=00000002" in second
    assert (auth._thread_local.last_nonce, auth._thread_local.nonce_count) == ("n", 2)


def test_a_response_can_be_handled_without_the_handler_having_been_called():
    """As handlers that guess the scheme do."""
    wire = Wire((200, {}))
    auth = HTTPDigestAuth("u", "p")
    request = prepare()
    answer = auth.handle_401(wire.response(request, 401, {"WWW-Authenticate": CHALLENGE}), timeout=1)
    assert answer.status_code == 200
    assert auth._thread_local.num_401_calls == 2


def test_a_response_is_not_answered_a_second_time():
    wire = Wire()
    auth = HTTPDigestAuth("u", "p")
    auth.init_per_thread_state()
    auth._thread_local.num_401_calls = 2
    refused = wire.response(prepare(), 401, {"WWW-Authenticate": CHALLENGE})
    assert auth.handle_401(refused) is refused
    assert auth._thread_local.num_401_calls == 1


def test_after_a_redirect_a_challenge_is_answered_again():
    wire = Wire((200, {}))
    auth = HTTPDigestAuth("u", "p")
    auth.init_per_thread_state()
    auth._thread_local.num_401_calls = 2
    auth.handle_redirect(wire.response(prepare(), 200, {}))
    assert auth._thread_local.num_401_calls == 2
    auth.handle_redirect(wire.response(prepare(), 302, {"Location": "/"}))
    assert auth._thread_local.num_401_calls == 1


def test_overridden_methods_are_called():
    class Loud(HTTPDigestAuth):
        heard: list[str] = []

        def handle_401(self, r, **kwargs):
            self.heard.append("handle_401")
            return super().handle_401(r, **kwargs)

        def build_digest_header(self, method, url):
            self.heard.append(f"build {method} {url}")
            return super().build_digest_header(method, url)

        def handle_redirect(self, r, **kwargs):
            self.heard.append("handle_redirect")

    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    assert exchange(wire, prepare(Loud("u", "p"))).status_code == 200
    assert Loud.heard == ["handle_401", f"build GET {URL}", "handle_redirect"]


def test_an_override_may_leave_the_response_as_it_is():
    class Silent(HTTPDigestAuth):
        def handle_401(self, r, **kwargs):
            return None

    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}))
    assert exchange(wire, prepare(Silent("u", "p"))).status_code == 401


def test_requests_that_are_prepared_together_are_answered_each():
    wire = Wire(
        (401, {"WWW-Authenticate": CHALLENGE}), (200, {}), (401, {"WWW-Authenticate": CHALLENGE}), (200, {})
    )
    auth = HTTPDigestAuth("u", "p")
    requests = [prepare(auth, url=f"http://{host}.test/") for host in ("one", "two")]
    assert [exchange(wire, request).status_code for request in requests] == [200, 200]


def test_a_request_may_be_sent_by_another_thread_than_prepared_it():
    wire = Wire((401, {"WWW-Authenticate": CHALLENGE}), (200, {}))
    request = prepare(HTTPDigestAuth("u", "p"))
    answers: list[Response] = []
    thread = threading.Thread(target=lambda: answers.append(exchange(wire, request)))
    thread.start()
    thread.join()
    assert answers[0].status_code == 200


def test_each_thread_counts_for_itself():
    auth = HTTPDigestAuth("u", "p")
    found: dict[str, list[str]] = {}
    barrier = threading.Barrier(4)

    def work(nonce: str) -> None:
        script = [(401, {"WWW-Authenticate": CHALLENGE.replace("n1", nonce)}), *[(200, {})] * 20]
        wire = Wire(*script)
        barrier.wait()
        for _ in range(20):
            exchange(wire, prepare(auth))
        found[nonce] = [credentials(request)["nc"] for request in wire.sent[1:]]
        assert {credentials(request)["nonce"] for request in wire.sent[1:]} == {nonce}

    threads = [threading.Thread(target=work, args=(f"nonce{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [[f"{count:08x}" for count in range(1, 21)]] * 4


def test_a_response_without_a_connection_is_not_answered():
    wire = Wire()
    request = prepare(HTTPDigestAuth("u", "p"))
    response = wire.response(request, 401, {"WWW-Authenticate": CHALLENGE})
    response.connection = None
    assert dispatch_hook("response", request.hooks, response) is response
