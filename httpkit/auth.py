"""Auth handlers: what puts credentials into a request, and answers a challenge for them.

A handler is a callable that gets the prepared request, changes it and gives it back; `AuthBase` is the base
that programs subclass. Handlers hold credentials and never show them in a repr. The schemes are Basic (RFC
7617), Bearer (RFC 6750) and Digest (RFC 7616), whose calculation is in `_digest`; here is what needs
messages: which response is answered, on which origin, how often.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _digest
from ._late import late_names
from ._message import bodies, credentials, urls
from ._message.fields import parse_challenges
from .cookies import extract_cookies_to_jar, get_cookie_header
from .exceptions import BodyNotReplayable, InvalidHeader, UnrewindableBodyError

if TYPE_CHECKING:
    from .models import PreparedRequest, Response

__all__ = [
    "CONTENT_TYPE_FORM_URLENCODED",
    "CONTENT_TYPE_MULTI_PART",
    "AuthBase",
    "HTTPBasicAuth",
    "HTTPBearerAuth",
    "HTTPDigestAuth",
    "HTTPProxyAuth",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        __name__,
        {
            "._message.fields": "parse_dict_header",
            "base64": "b64encode",
            "builtins": "str",
            "urllib.parse": "urlparse",
        },
    )

CONTENT_TYPE_FORM_URLENCODED = "application/x-www-form-urlencoded"
CONTENT_TYPE_MULTI_PART = "multipart/form-data"

_BLOCK = 64 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: What a field value can hold without blanks. RFC 6750 §2.1 allows less, but issuers do not keep to it.
_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")


def _basic_auth_str(username: str | bytes, password: str | bytes) -> str:
    """The value of a field with Basic credentials (RFC 7617 §2).

    Other objects than text and bytes are written with `str()`, which is deprecated. Raises InvalidHeader for
    a colon in the user name and for control characters.
    """
    parts: list[tuple[str, object]] = [("user name", username), ("password", password)]
    for name, value in parts:
        if not isinstance(value, (str, bytes)):
            warnings.warn(
                f"Basic auth: the {name} is of type {type(value).__name__}; give text or bytes",
                DeprecationWarning,
                stacklevel=3,
            )
    return credentials.basic(username, password)


class AuthBase:
    """The base of auth handlers. A subclass implements `__call__`."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put credentials into *r*, which is complete but for them, and return it."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement __call__(request), change the request and return it"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class _PasswordAuth(AuthBase):
    """A handler for one user. Two are equal when they hold the same credentials, whatever their schemes."""

    def __init__(self, username: str | bytes, password: str | bytes) -> None:
        self.username = username
        self.password = password

    def __eq__(self, other: object) -> bool:
        theirs = (getattr(other, "username", None), getattr(other, "password", None))
        return (self.username, self.password) == theirs

    __hash__ = None  # type: ignore[assignment]  # equal by credentials that can be changed


class HTTPBasicAuth(_PasswordAuth):
    """Sends a user name and a password with each request, for anyone on the way to read (RFC 7617)."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["Authorization"] = _basic_auth_str(self.username, self.password)
        return r


class HTTPProxyAuth(HTTPBasicAuth):
    """Sends a user name and a password to the proxy of an `http:` URL, and to nobody else.

    Where no proxy would read them, they are not sent: in the tunnel for an `https:` URL, through SOCKS and without a
    proxy the origin would. Put those for a tunnel into the URL of the proxy.
    """

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["Proxy-Authorization"] = _basic_auth_str(self.username, self.password)
        r._is_for_proxy = True
        return r


class HTTPBearerAuth(AuthBase):
    """Sends a token with each request (RFC 6750 §2.1).

    *token* is text or bytes without blanks. Raises InvalidHeader, when a request is prepared, for one that a
    field cannot hold; the message does not show it.
    """

    def __init__(self, token: str | bytes) -> None:
        self.token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        given: object = self.token
        token = given.decode("iso-8859-1") if isinstance(given, bytes) else given
        if not isinstance(token, str) or not _VISIBLE.match(token):
            raise InvalidHeader(f"Bearer auth: {_fault(token)}", request=r)
        r.headers["Authorization"] = f"Bearer {token}"
        return r

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HTTPBearerAuth) and self.token == other.token

    __hash__ = None  # type: ignore[assignment]  # equal by a token that can be changed


def _fault(token: object) -> str:
    """What is wrong with *token*, without showing it."""
    if not isinstance(token, str):
        return f"the token is of type {type(token).__name__}; give text or bytes"
    if not token:
        return "the token is empty"
    if token != token.strip():
        return "the token begins or ends with white space, as text read from a file does; strip() it"
    return (
        "the token has blanks, control characters or characters beyond ASCII in it, which a field cannot hold"
    )


class _ThreadState(threading.local):
    """What a Digest handler remembers, in each thread for itself.

    A server may insist on a nonce's counter going up by one, and two threads cannot promise the order in
    which their requests arrive; so each thread asks for a nonce of its own. The first six names are read and
    set by subclasses elsewhere.
    """

    init: bool

    def __init__(self) -> None:
        #: The nonce that was used last; empty before the first one and after it was refused.
        self.last_nonce = ""
        #: How often it was used.
        self.nonce_count = 0
        #: The parameters of the challenge.
        self.chal: dict[str, str] = {}
        #: Where the body began, for a body that can tell.
        self.pos: int | None = None
        #: 1 before a challenge is answered, 2 after.
        self.num_401_calls: int | None = None
        #: The origin whose challenge `chal` is.
        self.origin: tuple[str, str, int | None] | None = None
        #: The client's nonce; the -sess algorithms keep it for as long as the server's.
        self.cnonce = ""
        #: The request that is being answered for; its body is read where its integrity is asked for.
        self.request: PreparedRequest | None = None


class HTTPDigestAuth(_PasswordAuth):
    """Proves to the server that it knows the password, without sending it (RFC 7616).

    The first request goes out without credentials; the server's challenge is answered by sending the request
    again, and the requests after it are sent with credentials at once. Of several challenges the strongest is
    answered: SHA-512-256, SHA-512, SHA-256, SHA, MD5 and their -sess forms, with the protection `auth`,
    `auth-int` or none. A challenge is answered on the origin of the request that the handler was called for
    and on no other. One handler may serve several threads.

    Raises BodyNotReplayable when the request that is to be sent again has a body that can be read only once,
    and InvalidHeader for control characters in the user name.
    """

    _thread_local: _ThreadState

    def __init__(self, username: str | bytes, password: str | bytes) -> None:
        super().__init__(username, password)
        self._thread_local = _ThreadState()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_thread_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._thread_local = _ThreadState()

    def init_per_thread_state(self) -> None:
        """Make sure that the calling thread has state of its own."""
        if not hasattr(self._thread_local, "init"):
            self._thread_local.init = True

    def build_digest_header(self, method: str, url: str) -> str | None:
        """The credentials that answer the last challenge, for one request of *method* to *url*.

        None when there was none, or it cannot be answered. Each call counts as one use of the server's nonce
        (RFC 7616 §3.4.6).
        """
        state = self._thread_local
        nonce = state.chal.get("nonce")
        if not nonce:
            return None
        used = nonce == state.last_nonce
        kept = used and state.cnonce and _digest.is_session(state.chal)
        use = _digest.Use(
            method=method,
            target=urls.path_url(url),
            count=state.nonce_count + 1 if used else 1,
            cnonce=state.cnonce if kept else os.urandom(16).hex(),
            body=None if state.request is None else _content(state.request),
        )
        answer = _digest.authorization(state.chal, self._user(), _text(self.password), use)
        if answer is not None:
            state.last_nonce, state.nonce_count, state.cnonce = nonce, use.count, use.cnonce
        return answer

    def _user(self) -> str | bytes:
        user = _text(self.username)
        if _CONTROL.search(user if isinstance(user, str) else user.decode("iso-8859-1")):
            raise InvalidHeader(
                "Digest auth: the user name contains a control character, which a field cannot hold"
            )
        return user

    def _credentials_for(self, request: PreparedRequest) -> str | None:
        state = self._thread_local
        state.request = request
        try:
            return self.build_digest_header(request.method or "", request.url or "")
        finally:
            state.request = None

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        self.init_per_thread_state()
        state = self._thread_local
        origin = urls.origin(r.url or "")
        if state.last_nonce and state.origin in (None, origin):
            known = self._credentials_for(r)
            if known:
                r.headers["Authorization"] = known
        state.pos = r._body_position if isinstance(r._body_position, int) else None
        state.num_401_calls = 1
        r.register_hook("response", _Answering(self, origin))
        return r

    def handle_401(self, r: Response, **kwargs: Any) -> Response:
        """The response to *r*'s request sent again with credentials.

        *r* itself when it holds no challenge that can be answered. *kwargs* go to the adapter. A challenge is
        answered once, and once more when the server says that the nonce was stale (RFC 7616 §3.3); what was
        answered is in the `history` of the result.
        """
        self.init_per_thread_state()
        state = self._thread_local
        challenge = _challenge(r)
        if challenge is None or (state.num_401_calls or 1) > 1:
            state.num_401_calls = 1
            self._note_next_nonce(r)
            return r
        state.num_401_calls = 2
        answer = self._answer(r, challenge, kwargs)
        again = _challenge(answer) if answer is not r else None
        if again is not None and _digest.is_stale(again) and again["nonce"] != state.last_nonce:
            answer = self._answer(answer, again, kwargs)
        if answer.status_code == 401:
            # Refused: the next call asks anew instead of offering the same again.
            state.last_nonce = ""
        self._note_next_nonce(answer)
        return answer

    def handle_redirect(self, r: Response, **kwargs: Any) -> None:
        """After a redirect a challenge may be answered again."""
        if r.is_redirect:
            self._thread_local.num_401_calls = 1

    def _answer(self, r: Response, challenge: dict[str, str], kwargs: dict[str, Any]) -> Response:
        state = self._thread_local
        prepared = r.request.copy()
        state.chal, state.origin = challenge, urls.origin(prepared.url or "")
        authorization = self._credentials_for(prepared)
        if authorization is None or r.connection is None:
            return r
        # Read to the end, so that the connection can carry the answer.
        r.content  # noqa: B018  # the property reads
        r.close()
        _rewind(prepared, r)
        renew_cookies(prepared, r)
        prepared.headers["Authorization"] = authorization
        answer: Response = r.connection.send(prepared, **kwargs)
        answer.history = [*r.history, r]
        answer.request = prepared
        return answer

    def _note_next_nonce(self, r: Response) -> None:
        """Use the nonce that the server wants next. A -sess key stays bound to the nonce it was made with."""
        state = self._thread_local
        nonce = _digest.next_nonce(r.headers.get("authentication-info"))
        if nonce and state.last_nonce and not _digest.is_session(state.chal):
            state.chal = {**state.chal, "nonce": nonce}


class _Answering:
    """The hook of one request: shows a Digest handler what comes from the origin of its credentials."""

    def __init__(self, auth: HTTPDigestAuth, origin: tuple[str, str, int | None]) -> None:
        # As on a bound method: whoever drops credentials asks a hook whose it is.
        self.__self__ = auth
        self._origin = origin

    def __call__(self, r: Response, **kwargs: Any) -> Response:
        auth = self.__self__
        if urls.origin(r.request.url or "") != self._origin:
            return r
        auth.init_per_thread_state()
        # The state may be another request's, prepared after this one.
        auth._thread_local.num_401_calls = 1
        answer: Response | None = auth.handle_401(r, **kwargs)
        if answer is None:
            # An override may say with None that the response stays as it is, as any hook may.
            answer = r
        auth.handle_redirect(answer, **kwargs)
        return answer


def _challenge(r: Response) -> dict[str, str] | None:
    """The Digest challenge to answer in *r*, out of one field or several (RFC 9110 §11.6.1)."""
    if not 400 <= r.status_code < 500:
        return None
    getlist = getattr(r.headers, "getlist", None)
    value = getlist("www-authenticate") if getlist else r.headers.get("www-authenticate")
    return _digest.choose(parse_challenges(value)) if value else None


def _text(value: object) -> str | bytes:
    return value if isinstance(value, (str, bytes)) else str(value)


def _content(request: PreparedRequest) -> Iterator[bytes] | None:
    """The body in pieces, taken back to its beginning afterwards; None when it can be read only once."""
    body, position = request.body, request._body_position
    if body is None or isinstance(body, (str, bytes, bytearray)):
        return iter([_octets(body or b"")])
    return _pieces(body, position) if bodies.is_replayable(body, position) else None


def _pieces(body: Any, position: Any) -> Iterator[bytes]:
    # Before the answer to a challenge the body has been sent once already.
    bodies.rewind(body, position)
    try:
        for piece in _blocks(body.read) if hasattr(body, "read") else body:
            yield _octets(piece)
    finally:
        bodies.rewind(body, position)


def _blocks(read: Callable[[int], Any]) -> Iterator[Any]:
    while piece := read(_BLOCK):
        yield piece


def _octets(piece: Any) -> bytes:
    return piece.encode("utf-8") if isinstance(piece, str) else bytes(piece)


def _rewind(request: PreparedRequest, r: Response) -> None:
    """Take the body back to where it began. Raises BodyNotReplayable, with the status of *r* as its cause."""
    if request.body is None:
        return
    try:
        bodies.rewind(request.body, request._body_position)
    except UnrewindableBodyError as error:
        raise BodyNotReplayable(
            f"The server answered {r.status_code} and asks for Digest credentials, so the request has to be "
            "sent again, but its body can be read only once. Give it as bytes or as a seekable file, or make "
            "a request without a body first: the next one then has credentials from the start.",
            request=request,
            response=r,
        ) from (error.__cause__ or r._status_error())


def renew_cookies(request: PreparedRequest, r: Response) -> None:
    """Send what *r* set along with the cookies of *request*, unless its Cookie field was written by hand."""
    jar = request._cookies
    written = request.headers.pop("Cookie", None)
    if written is not None and written != get_cookie_header(jar, request):
        request.headers["Cookie"] = written
    extract_cookies_to_jar(jar, r.request, r.raw)
    request.prepare_cookies(jar)
