"""Auth on the wire: what servers receive, and that they accept it. The servers check credentials with code of
their own."""

from __future__ import annotations

import hashlib
import io
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

import pytest

import httpkit
from httpkit.auth import HTTPBasicAuth, HTTPBearerAuth, HTTPDigestAuth
from httpkit.exceptions import BodyNotReplayable
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session():
    with httpkit.Session() as session:
        yield session


# Basic and Bearer


def test_a_tuple_is_basic_auth(server, session):
    session.get(server.url, auth=("Aladdin", "open sesame"))
    assert server.last.getlist("Authorization") == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]


def test_httpbin_accepts_basic_auth(httpbin, session):
    url = httpbin.url + "/basic-auth/user/pass"
    assert session.get(url, auth=HTTPBasicAuth("user", "pass")).json() == {
        "authenticated": True,
        "user": "user",
    }
    assert session.get(url, auth=HTTPBasicAuth("user", "other")).status_code == 401


def test_httpbin_accepts_a_bearer_token(httpbin, session):
    answer = session.get(httpbin.url + "/bearer", auth=HTTPBearerAuth("t0ken"))
    assert answer.json() == {"authenticated": True, "token": "t0ken"}


def test_the_auth_of_the_session_is_for_every_request_and_that_of_a_call_beats_it(server, session):
    session.auth = HTTPBearerAuth("session")
    session.get(server.url)
    session.get(server.url, auth=HTTPBearerAuth("call"))
    assert [one.header("Authorization") for one in server.requests] == ["Bearer session", "Bearer call"]


# Digest, against httpbin


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize("method", ["GET"])
def test_httpbin_accepts_digest_auth(httpbin, session, qop, algorithm, method):
    url = f"{httpbin.url}/digest-auth/{qop}/user/pass/{algorithm}"
    answer = session.request(method, url, auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 200
    assert answer.json() == {"authenticated": True, "user": "user"}
    assert [earlier.status_code for earlier in answer.history] == [401]


def test_httpbin_refuses_a_wrong_password(httpbin, session):
    url = f"{httpbin.url}/digest-auth/auth/user/pass"
    answer = session.get(url, auth=HTTPDigestAuth("user", "other"))
    assert answer.status_code == 401
    assert len(answer.history) == 1


def test_without_credentials_httpbin_challenges(httpbin, session):
    answer = session.get(f"{httpbin.url}/digest-auth/auth/user/pass")
    assert answer.status_code == 401
    assert answer.history == []


def test_the_cookies_of_httpbins_challenge_are_kept_and_sent_back(httpbin, session):
    answer = session.get(f"{httpbin.url}/digest-auth/auth/user/pass", auth=HTTPDigestAuth("user", "pass"))
    assert "fake=fake_value" in answer.request.headers["Cookie"]
    assert session.cookies["fake"] == "fake_value"


def test_a_nonce_that_httpbin_calls_stale_is_replaced(httpbin, session):
    url = f"{httpbin.url}/digest-auth/auth/user/pass/MD5/1"
    auth = HTTPDigestAuth("user", "pass")
    assert [session.get(url, auth=auth).status_code for _ in range(4)] == [200] * 4


# Digest, against a server that checks each word of it


@dataclass
class Guard:
    """A handler that lets pass who knows the password (RFC 7616), written from the server's side.

    A nonce is good for *uses* requests, numbered 1, 2, 3...; then it is stale. *problems* are what no client
    may do.
    """

    user: str = "user"
    password: str = "pass"
    realm: str = "the realm"
    algorithm: str = "SHA-256"
    offered: str | None = "auth"
    uses: int = 1_000_000
    extra: str = ""
    announce_next: bool = False
    reply: Callable[[Received], Reply] = lambda request: Reply.json({"body": request.text})
    nonces: dict[str, int] = field(default_factory=dict)
    session_keys: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Any = field(default_factory=itertools.count)

    def __call__(self, request: Received) -> Reply:
        value = request.header("Authorization")
        if value is None:
            return self.challenge()
        with self.lock:
            given = parse_keqv_list(parse_http_list(value.removeprefix("Digest ")))
            count = self.nonces.get(given["nonce"])
            if count is None or count >= self.uses:
                return self.challenge(stale=True)
            if given["response"] != self.expected(given, request):
                return self.challenge()
            self.nonces[given["nonce"]] = count + 1
            if "nc" in given and int(given["nc"], 16) != count + 1:
                self.problems.append(f"nc={given['nc']} after {count} uses")
            if given["uri"] != request.target:
                self.problems.append(f"uri={given['uri']} for {request.target}")
        reply = self.reply(request)
        if self.announce_next:
            reply.headers = [("Authentication-Info", f'nextnonce="{self.nonce()}", qop=auth')]
        return reply

    def nonce(self) -> str:
        nonce = f"nonce{next(self.numbers)}"
        self.nonces[nonce] = 0
        return nonce

    def challenge(self, stale: bool = False) -> Reply:
        qop = "" if self.offered is None else f', qop="{self.offered}"'
        value = (
            f'Digest realm="{self.realm}", nonce="{self.nonce()}", algorithm={self.algorithm}{qop}'
            f', opaque="op,aque"{", stale=true" if stale else ""}{self.extra}'
        )
        return Reply(
            401, [("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", value)], b"who are you?"
        )

    def h(self, *parts: str | bytes) -> str:
        name = self.algorithm.lower().removesuffix("-sess").replace("-", "")
        name = {"sha512256": "sha512_256"}.get(name, name)
        octets = [part if isinstance(part, bytes) else part.encode() for part in parts]
        return hashlib.new(name, b":".join(octets)).hexdigest()

    def expected(self, given: dict[str, str], request: Received) -> str:
        key = self.h(self.user, self.realm, self.password)
        if self.algorithm.endswith("-sess"):
            key = self.session_keys.setdefault(given["nonce"], self.h(key, given["nonce"], given["cnonce"]))
        a2: list[str | bytes] = [request.method, request.target]
        if given.get("qop") == "auth-int":
            a2.append(self.h(request.body))
        if given.get("opaque") != "op,aque":
            self.problems.append(f"opaque={given.get('opaque')}")
        if "qop" not in given:
            return self.h(key, given["nonce"], self.h(*a2))
        return self.h(key, given["nonce"], given["nc"], given["cnonce"], given["qop"], self.h(*a2))


def has_hash(name: str) -> bool:
    try:
        hashlib.new(name)
    except ValueError:
        return False
    return True


ALGORITHMS = ["MD5", "SHA", "SHA-256", "SHA-512", *(["SHA-512-256"] if has_hash("sha512_256") else [])]
HASHES = {"SHA": "sha1"}


@pytest.mark.parametrize("session_form", ["", "-sess"])
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "SHA"])
@pytest.mark.parametrize("offered", ["auth", "auth-int", "auth,auth-int", None])
def test_every_algorithm_with_every_protection_is_accepted(serve, session, algorithm, session_form, offered):
    guard = Guard(algorithm=algorithm + session_form, offered=offered)
    server = serve(guard)
    auth = HTTPDigestAuth("user", "pass")
    answers = [session.post(server.url + "/a?b=c", data=b"body", auth=auth) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json() for answer in answers] == [{"body": "body"}] * 3
    assert len(server.requests) == 4
    assert guard.problems == []


def test_a_stale_nonce_is_replaced_without_the_caller_noticing(serve, session):
    guard = Guard(uses=2)
    server = serve(guard)
    auth = HTTPDigestAuth("user", "pass")
    assert [session.get(server.url, auth=auth).status_code for _ in range(6)] == [200] * 6
    assert len(guard.nonces) == 3
    assert guard.problems == []


def test_a_server_that_has_forgotten_every_nonce_gets_two_answers(serve, session):
    server = serve(Guard(uses=0))
    answer = session.get(server.url, auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 401
    assert len(server.requests) == 3


def test_the_nonce_that_the_server_wants_next_is_used(serve, session):
    guard = Guard(uses=1, announce_next=True)
    server = serve(guard)
    auth = HTTPDigestAuth("user", "pass")
    assert [session.get(server.url, auth=auth).status_code for _ in range(4)] == [200] * 4
    assert len(server.requests) == 5
    assert guard.problems == []


@pytest.mark.parametrize("charset", ["", ", charset=UTF-8"], ids=["older server", "RFC 7616 section 3.4"])
def test_names_beyond_ascii_reach_the_server(serve, session, charset):
    guard = Guard(user="Jäsøn Doe", password="пароль", extra=charset)
    server = serve(guard)
    assert session.get(server.url, auth=HTTPDigestAuth("Jäsøn Doe", "пароль")).status_code == 200
    written = server.last.head.decode("utf-8")
    assert ("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe" if charset else 'username="Jäsøn Doe"') in written


def test_the_name_is_hashed_where_the_server_wants_that(serve, session):
    guard = Guard(extra=", userhash=true")
    server = serve(guard)
    assert session.get(server.url, auth=HTTPDigestAuth("user", "pass")).status_code == 200
    assert guard.h("user", guard.realm) in (server.last.header("Authorization") or "")


@pytest.mark.parametrize("path", ["", "/", "/a%20b?q=%C3%A4&x=/y?z", "/a?b#fragment", "/ä ö"])
def test_the_uri_is_the_target_that_is_sent(serve, session, path):
    guard = Guard()
    server = serve(guard)
    assert session.get(server.url + path, auth=HTTPDigestAuth("user", "pass")).status_code == 200
    assert guard.problems == []


def test_a_file_is_sent_again_from_where_it_stood(serve, session):
    server = serve(Guard(offered="auth-int"))
    file = io.BytesIO(b"skipped" + b"content" * 20_000)
    file.seek(7)
    answer = session.post(server.url, data=file, auth=HTTPDigestAuth("user", "pass"))
    assert answer.json() == {"body": "content" * 20_000}
    assert [len(request.body) for request in server.requests] == [140_000, 140_000]


def test_a_multipart_body_is_sent_again_whole(serve, session):
    server = serve(Guard(offered="auth-int"))
    files = {"file": ("name.bin", io.BytesIO(b"x" * 2_000_000))}
    assert session.post(server.url, files=files, auth=HTTPDigestAuth("user", "pass")).status_code == 200
    first, second = (request.body for request in server.requests)
    assert first == second
    assert len(first) > 2_000_000


def test_a_generator_is_not_sent_again_as_nothing(serve, session):
    server = serve(Guard())
    auth = HTTPDigestAuth("user", "pass")
    with pytest.raises(BodyNotReplayable) as caught:
        session.post(server.url, data=iter([b"once"]), auth=auth)
    assert caught.value.__cause__ is not None
    assert caught.value.response is not None
    assert caught.value.response.status_code == 401
    assert len(server.requests) == 1


def test_once_the_nonce_is_known_a_generator_can_be_sent(serve, session):
    server = serve(Guard())
    auth = HTTPDigestAuth("user", "pass")
    session.get(server.url, auth=auth)
    assert session.post(server.url, data=iter([b"on", b"ce"]), auth=auth).json() == {"body": "once"}
    assert len(server.requests) == 3


def test_a_streamed_answer_can_be_read_after_the_challenge_was_read_for_it(serve, session):
    server = serve(Guard())
    with session.get(server.url, auth=HTTPDigestAuth("user", "pass"), stream=True) as answer:
        assert answer.status_code == 200
        assert b"".join(answer.iter_content(3)) == b'{"body": ""}'
        assert answer.history[0].content == b"who are you?"


def test_the_challenge_and_the_answer_share_a_connection(serve, session):
    server = serve(Guard())
    session.get(server.url, auth=HTTPDigestAuth("user", "pass"))
    assert server.connections == 1


def test_cookies_that_are_set_with_the_challenge_are_sent_with_the_answer_and_kept(serve, session):
    guard = Guard()

    def handler(request: Received) -> Reply:
        reply = guard(request)
        if reply.status == 401:
            reply.headers = [*reply.headers, ("Set-Cookie", "visit=1; Path=/")]
        return reply

    server = serve(handler)
    session.cookies.set("old", "2", domain="127.0.0.1", path="/")
    assert session.get(server.url, auth=HTTPDigestAuth("user", "pass")).status_code == 200
    sent = SimpleCookie(server.last.header("Cookie"))
    assert {name: morsel.value for name, morsel in sent.items()} == {"old": "2", "visit": "1"}
    assert session.cookies["visit"] == "1"


def test_one_handler_serves_several_threads(serve, session):
    guard = Guard(uses=5)
    server = serve(guard)
    auth = HTTPDigestAuth("user", "pass")
    statuses: list[int] = []

    def work() -> None:
        statuses.extend(session.get(server.url, auth=auth).status_code for _ in range(12))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 72
    assert guard.problems == []


# Digest and redirects


def redirecting(guard: Guard, location: str) -> Callable[[Received], Reply]:
    """The guard, but for /from, which leads to *location* once the guard is content."""

    def reply(request: Received) -> Reply:
        return Reply.redirect(location, 302) if request.path == "/from" else Reply.json({})

    guard.reply = reply
    return guard


def test_a_redirect_within_the_origin_is_followed_with_credentials(serve, session):
    guard = Guard()
    server = serve(redirecting(guard, "/to"))
    answer = session.get(server.url + "/from", auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 200
    assert answer.url == server.url + "/to"
    assert guard.problems == []


def test_a_redirect_of_a_request_with_credentials_gets_credentials_for_its_own_target(serve, session):
    guard = Guard()
    server = serve(redirecting(guard, "/to"))
    auth = HTTPDigestAuth("user", "pass")
    session.get(server.url + "/first", auth=auth)
    answer = session.get(server.url + "/from", auth=auth)
    assert answer.status_code == 200
    assert answer.url == server.url + "/to"
    assert guard.problems == []


def test_a_challenge_after_a_redirect_to_another_origin_is_not_answered(serve, session):
    other = serve(Guard())
    server = serve(redirecting(Guard(), other.url + "/to"))
    answer = session.get(server.url + "/from", auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 401
    assert answer.url == other.url + "/to"
    assert [request.header("Authorization") for request in other.requests] == [None]


def test_a_challenge_after_an_open_redirect_is_not_answered(serve, session):
    """The first server asks for nothing, so the first challenge is that of the stranger."""
    other = serve(Guard())
    server = serve(lambda request: Reply.redirect(other.url + "/to", 302))
    answer = session.get(server.url, auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 401
    assert [request.header("Authorization") for request in other.requests] == [None]


def test_credentials_do_not_come_back_when_the_redirects_do(serve, session):
    """What was dropped on one hop stays dropped on the next."""
    guard = Guard()
    home = serve(guard)
    stranger = serve(lambda request: Reply.redirect(home.url + "/back", 302))
    redirecting(guard, stranger.url + "/")
    answer = session.get(home.url + "/from", auth=HTTPDigestAuth("user", "pass"))
    assert answer.status_code == 401
    assert answer.url == home.url + "/back"
    assert "Authorization" not in stranger.last.names


def test_module_level_functions_answer_challenges_too(serve):
    server = serve(Guard())
    assert httpkit.get(server.url, auth=HTTPDigestAuth("user", "pass")).status_code == 200


def test_a_handler_that_a_program_writes_can_do_the_same(serve, session):
    """AuthBase, a response hook and the adapter are all that Digest uses."""

    class Ask(httpkit.auth.AuthBase):
        def __call__(self, r):
            r.register_hook("response", self.answer)
            return r

        def answer(self, r, **kwargs):
            if r.status_code != 401:
                return r
            r.content  # noqa: B018  # the property reads
            r.close()
            request = r.request.copy()
            request.headers["Authorization"] = "Word friend"
            answer = r.connection.send(request, **kwargs)
            answer.history.append(r)
            return answer

    server = serve(lambda request: Reply(200 if request.header("Authorization") == "Word friend" else 401))
    answer = session.get(server.url, auth=Ask())
    assert answer.status_code == 200
    assert len(answer.history) == 1
