"""Programs as people write them. Type checkers accept every line and agree about the types; nothing here is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

import httpkit
from httpkit import (
    AddressNotAllowed,
    AddressPolicy,
    Breaker,
    Budget,
    PreparedRequest,
    RateLimit,
    Request,
    Response,
    Retry,
    Session,
)
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.adapters import Retry as Urllib3Retry
from httpkit.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from httpkit.cookies import RequestsCookieJar
from httpkit.redirects import SecretFields
from httpkit.retries import Attempt
from httpkit.stores import Change, MemoryStore
from httpkit.structures import CaseInsensitiveDict
from httpkit.timeouts import Timeout

if TYPE_CHECKING:
    from typing_extensions import assert_type

T = TypeVar("T")


def functions() -> None:
    response = httpkit.get("https://example.test/")
    assert_type(response, Response)
    assert_type(httpkit.post("https://example.test/", json={"a": [1, None]}), Response)
    assert_type(httpkit.put("https://example.test/", data=b"x"), Response)
    assert_type(httpkit.request("GET", "https://example.test/", timeout=(1, None)), Response)
    for function in (httpkit.get, httpkit.options, httpkit.head, httpkit.delete, httpkit.patch):
        assert_type(function("https://example.test/"), Response)


def params() -> None:
    httpkit.get("https://example.test/", params={"a": 1, "b": ["x", "y"], "c": None})
    httpkit.get("https://example.test/", params=[("a", 1), ("a", "2")])
    httpkit.get("https://example.test/", params="a=1")
    httpkit.get("https://example.test/", params=b"a=1")


def bodies(pieces: Iterator[bytes]) -> None:
    for data in ("text", b"bytes", bytearray(b"bytes")):
        httpkit.post("https://example.test/", data=data)
    httpkit.post("https://example.test/", data={"a": "1", "b": ["2", "3"]})
    httpkit.post("https://example.test/", data=[("a", "1")])
    httpkit.post("https://example.test/", data=pieces)
    with open("file", "rb") as file:
        httpkit.post("https://example.test/", data=file)
        httpkit.post("https://example.test/", files={"f": file})
        httpkit.post("https://example.test/", files={"f": ("name", file, "text/plain", {"X-A": "1"})})
        httpkit.post("https://example.test/", files=[("f", ("name", b"content")), ("f", "text")])


def responses() -> None:
    response = httpkit.get("https://example.test/")
    assert_type(response.status_code, int)
    assert_type(response.ok, bool)
    assert_type(response.content, bytes)
    assert_type(response.text, str)
    assert_type(response.url, str)
    assert_type(response.headers, CaseInsensitiveDict[str])
    assert_type(response.headers["content-type"], str)
    assert_type(response.headers.getlist("set-cookie"), list[str])
    assert_type(response.history, list[Response])
    assert_type(response.cookies, RequestsCookieJar)
    assert_type(response.raise_for_status(), Response)
    assert_type(response.request, PreparedRequest)
    with httpkit.get("https://example.test/", stream=True) as streamed:
        assert_type(streamed, Response)
        for piece in streamed.iter_content(1024):
            piece.upper()


def sessions(ca: Path) -> None:
    with Session() as session:
        assert_type(session, Session)
        session.headers["X-A"] = "1"
        session.headers.update({"X-B": "2"})
        session.auth = ("user", "pass")
        session.auth = HTTPDigestAuth("user", "pass")
        session.verify = False
        session.verify = "ca.pem"
        session.cert = ("cert.pem", "key.pem")
        session.proxies = {"http": "http://proxy.test"}
        session.max_redirects = 3
        session.params = {"a": "1"}
        session.mount("https://example.test/", HTTPAdapter(max_retries=3, pool_maxsize=2))
        assert_type(session.get_adapter("https://example.test/"), BaseAdapter)
        assert_type(session.cookies, RequestsCookieJar)
        prepared = session.prepare_request(Request("GET", "https://example.test/", params={"a": 1}))
        assert_type(prepared, PreparedRequest)
        assert_type(prepared.headers, CaseInsensitiveDict[Any])
        assert_type(session.send(prepared, stream=True, timeout=3), Response)
        session.get(
            "https://example.test/", verify=str(ca), cert=None, allow_redirects=False, cookies={"a": "b"}
        )
        session.request(
            "GET", "https://example.test/", auth=HTTPBasicAuth("user", "pass"), headers={"X-A": None}
        )


def retries(opened: Callable[[], Iterator[bytes]]) -> None:
    policy = Retry(4, statuses={503}, on=(httpkit.ConnectionError,), methods=None, budget=Budget(ratio=0.5))
    with Session(retry=3) as session:
        session.retry = policy
        session.retry = None
        session.mount("https://example.test", HTTPAdapter(max_retries=policy))
        session.mount("https://example.test", HTTPAdapter(max_retries=Urllib3Retry(3)))
        for retry in (policy, 3, None):
            session.get("https://example.test/", retry=retry)
        response = session.put("https://example.test/", data=opened)
        assert_type(response.attempts, tuple[Attempt, ...])
        assert_type(response.attempts[0].waited, float)
    with Retry.testing(attempts=1) as waits:
        assert_type(waits, list[float])
    try:
        httpkit.get("https://example.test/", retry=policy)
    except httpkit.RequestException as error:
        assert_type(error.attempts, tuple[Attempt, ...])


class Kept:
    """A store as programs write one."""

    def update(self, key: str, change: Change[T]) -> T:
        state, ttl, answer = change((1.0, 2), 3.5)
        assert_type(state, "tuple[float, ...] | None")
        assert_type(ttl, float)
        return answer


def limits() -> None:
    limit = RateLimit(10, per=1, key=lambda request: str(request.url), max_wait=None)
    breaker = Breaker(3, reset=5, statuses={503}, on=(httpkit.Timeout,))
    with Session(breaker=breaker, rate_limit=limit, store=Kept()) as session:
        session.rate_limit = session.breaker = None
        session.store = MemoryStore(10)
        session.mount("https://example.test", HTTPAdapter(breaker=None, rate_limit=limit))
    assert_type(Kept().update("key", lambda state, now: (None, 0.0, "answer")), str)
    try:
        httpkit.get("https://example.test/")
    except httpkit.CircuitOpen as error:
        assert_type(error.retry_after, float)
    except httpkit.RateLimitExceeded as error:
        assert_type(error.wait, float)


def timeouts() -> None:
    limit = Timeout(connect=3, read=None)
    assert_type(limit.connect, "float | None")
    httpkit.get("https://example.test/", timeout=limit)
    with httpkit.Session(timeout=Timeout(total=5)) as session:
        session.request("GET", "https://example.test/", timeout=Timeout(1, 2, 3, 4))
        session.timeout = Timeout(total=3)
        session.get("https://example.test/").cancel()
    try:
        httpkit.get("https://example.test/")
    except httpkit.DeadlineExceeded as error:
        assert_type(error.total, float)
        assert_type(error.phase, str)
    httpkit.get("https://example.test/", timeout=3.5)
    httpkit.get("https://example.test/", timeout=(3, 5))
    httpkit.get("https://example.test/", timeout=None)


def errors() -> None:
    try:
        httpkit.get("https://example.test/").raise_for_status()
    except httpkit.HTTPError as error:
        assert_type(error.response, "Response | None")
    except (httpkit.ConnectionError, httpkit.Timeout, httpkit.TooManyRedirects):
        pass
    except httpkit.RequestException as error:
        assert_type(error.request, "Request | PreparedRequest | None")


class KeyAuth(AuthBase):
    """An authentication scheme of one's own."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers["X-Key"] = self.key
        r.register_hook("response", self.look)
        return r

    def look(self, response: Response, *args: Any, **kwargs: Any) -> Response:
        return response


class CountingAdapter(HTTPAdapter):
    """A transport adapter of one's own."""

    sent = 0

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        self.sent += 1
        return super().send(request, stream, timeout, verify, cert, proxies)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)


class CannedAdapter(BaseAdapter):
    """An adapter that needs no network."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        response = Response()
        response.status_code = 200
        response.request = request
        return response

    def close(self) -> None:
        pass


class BaseURLSession(Session):
    """A session of one's own."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Response:
        return super().request(method, f"https://example.test{url!r}", *args, **kwargs)

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        prepared_request.headers.pop("X-Key", None)

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        return True


def own_classes() -> None:
    session = BaseURLSession()
    session.auth = KeyAuth("key")
    session.mount("https://", CountingAdapter())
    session.mount("canned://", CannedAdapter())
    session.hooks["response"] = [KeyAuth("key").look]
    httpkit.get("https://example.test/", auth=KeyAuth("key"), hooks={"response": KeyAuth("key").look})


def tls_files_and_commands(response: Response, request: PreparedRequest) -> None:
    tls = httpkit.TLS(
        verify="system",
        cert=("a.pem", "a.key", "password"),
        minimum_version="1.3",
        pins=["00" * 32],
        server_name="a.test",
    )
    session = Session(tls=dataclasses.replace(tls, verify=Path("ca.pem"), pins="00" * 32))
    session.mount("https://a.test", HTTPAdapter(tls=tls))
    session.verify = "system"
    assert_type(response.save("folder"), Path)
    assert_type(response.save(Path("folder"), filename="a.txt", overwrite=True), Path)
    assert_type(request.to_curl(secrets=True), str)


def origins_and_environment(sign: Callable[[PreparedRequest], PreparedRequest]) -> None:
    def agree(response: Response, following: PreparedRequest) -> bool:
        return response.status_code == 302 and following.method == "GET"

    secret = SecretFields(also=["X-Session-Id"], may_cross=("Idempotency-Key",))
    session = Session(redirects="same-origin", secret_fields=secret, trust_env={"proxies", "ca"})
    session.redirects = agree
    session.redirects = "none"
    session.auth = {"https://api.example.test": ("user", "password"), "http://localhost:8000": sign}
    session.auth = ("user", "password")
    session.trust_env = False
    httpkit.get("https://example.test/", trust_env=["netrc"])
    for setting in session.explain("https://example.test/", timeout=3):
        assert_type(setting.source, str)
    assert_type(session.explain("https://example.test/", "POST")["proxy"].note, str)


def addresses() -> None:
    session = Session(allow_addresses="public")
    session.allow_addresses = ["public", "10.1.0.0/16", ip_network("fd00::/8"), ip_address("::1")]
    session.allow_addresses = lambda address: address.is_global
    session.allow_addresses = {"deny": ["10.0.0.1"]}
    session.allow_addresses = None
    policy = AddressPolicy(allow="10.0.0.0/8", deny=["10.0.0.1"])
    session.mount("https://", HTTPAdapter(allow_addresses=policy))
    assert_type(policy.allows("10.0.0.2"), bool)
    assert_type(policy.why_not(ip_address("10.0.0.1")), Union[str, None])
    try:
        httpkit.get("https://example.test/")
    except AddressNotAllowed as error:
        assert_type(error.address, str)
