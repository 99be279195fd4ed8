"""The same calls through requests and httpkit: servers cannot tell them apart, but where we differ on purpose."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import httpkit
from tests.servers import Received, RecordingServer, Reply

requests = pytest.importorskip("requests")

Call = Callable[[Any, Any, str], Any]
# What a server acts on. User-Agent and Accept-Encoding name the library and what is installed.
COMPARED = [
    "host",
    "accept",
    "connection",
    "content-type",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "authorization",
    "cookie",
    "proxy-authorization",
    "expect",
    "range",
    "x-a",
    "x-b",
    "x-api-key",
    "upgrade",
]


def seen(request: Received) -> dict[str, Any]:
    """What arrived, with multipart boundaries made equal."""
    content_type = request.header("content-type") or ""
    boundary = re.search(r"boundary=(\S+)", content_type)
    fields = {name: request.getlist(name) for name in COMPARED if request.getlist(name)}
    body: Any = request.body
    if boundary:
        body = body.replace(boundary[1].encode(), b"BOUNDARY")
        fields["content-type"] = [content_type.replace(boundary[1], "BOUNDARY")]
        del fields["content-length"]
    return {"method": request.method, "target": request.target, "body": body, **fields}


def site(request: Received) -> Reply:
    """Some pages that set cookies, redirect and challenge; everything else is 200."""
    path = request.path
    if path.startswith("/redirect/"):
        _, _, status, target = path.split("/", 3)
        return Reply.redirect("/" + target, int(status), [("Set-Cookie", f"hop{status}=1; Path=/")])
    if path == "/elsewhere":
        return Reply.redirect(f"http://b.test:{(request.header('host') or '').rpartition(':')[2]}/x")
    if path == "/cookies":
        return Reply(
            200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), ("Set-Cookie", "c=3; Path=/deep")]
        )
    return Reply(200, [("Content-Type", "text/plain; charset=utf-8")], b"body")


def adding_auth(request: Any) -> Any:
    request.headers["X-A"] = "signed " + (request.body or "")
    return request


def with_session(session: Any, **settings: Any) -> Any:
    for name, value in settings.items():
        current = getattr(session, name)
        if hasattr(current, "update") and isinstance(value, dict):
            current.update(value)
        else:
            setattr(session, name, value)
    return session


def edited(lib: Any, session: Any, start: str, **changes: Any) -> None:
    prepared = session.prepare_request(lib.Request("POST", start, data={"a": "1"}, headers={"X-A": "1"}))
    for name, value in changes.items():
        setattr(prepared, name, value)
    session.send(prepared)


CALLS: dict[str, Call] = {
    # methods
    **{
        method: (lambda lib, s, url, method=method: s.request(method, url))  # type: ignore[misc]
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get", "purge")
    },
    "method in bytes": lambda lib, s, url: s.request("get", url),
    # targets
    "no path": lambda lib, s, url: s.get(url),
    "query only": lambda lib, s, url: s.get(url + "?a=b"),
    "fragment": lambda lib, s, url: s.get(url + "/a#frag"),
    "blanks around": lambda lib, s, url: s.get("  " + url + "/a"),
    "url in bytes": lambda lib, s, url: s.get((url + "/a").encode()),
    "blank in path": lambda lib, s, url: s.get(url + "/a b"),
    "umlaut in path and query": lambda lib, s, url: s.get(url + "/ü?ü=ä"),
    "reserved characters": lambda lib, s, url: s.get(url + "/a;b=c,d:e@f!$&'()*+?a=b;c/d?e"),
    "dots": lambda lib, s, url: s.get(url + "/a/./b/../c"),
    # params
    "params mapping": lambda lib, s, url: s.get(url, params={"a": "1", "b": ["2", "3"], "c": None, "d": 4}),
    "params pairs": lambda lib, s, url: s.get(url, params=[("a", "1"), ("a", "2")]),
    "params text": lambda lib, s, url: s.get(url, params="a=1&b=ü"),
    "params bytes": lambda lib, s, url: s.get(url, params=b"a=1"),
    "params added": lambda lib, s, url: s.get(url + "/x?q=1#f", params={"a": "b c&d=e/f+g"}),
    "params of bytes": lambda lib, s, url: s.get(url, params={b"a": b"\xc3\xbc"}),
    # bodies
    "form": lambda lib, s, url: s.post(url, data={"a": "1", "b": ["2", "3"], "ü": "ä &="}),
    "form pairs": lambda lib, s, url: s.post(url, data=[("a", "1"), ("a", "2")]),
    "form tuple": lambda lib, s, url: s.post(url, data=(("a", "1"),)),
    "text": lambda lib, s, url: s.post(url, data="tüxt"),
    "bytes": lambda lib, s, url: s.post(url, data=b"\x00\xff"),
    "empty text": lambda lib, s, url: s.post(url, data=""),
    "empty mapping": lambda lib, s, url: s.post(url, data={}),
    "file": lambda lib, s, url: s.post(url, data=io.BytesIO(b"content")),
    "file in the middle": lambda lib, s, url: s.post(url, data=at(3, b"content")),
    "generator": lambda lib, s, url: s.post(url, data=(piece for piece in [b"one", b"two"])),
    "json": lambda lib, s, url: s.post(url, json={"a": [1, None, True, "ü"]}),
    "json empty": lambda lib, s, url: s.post(url, json={}),
    "json zero": lambda lib, s, url: s.post(url, json=0),
    "json and data": lambda lib, s, url: s.post(url, data={"a": "1"}, json={"b": 2}),
    "content type given": lambda lib, s, url: s.post(
        url, json=1, headers={"Content-Type": "application/x-a"}
    ),
    "get with a body": lambda lib, s, url: s.get(url, data=b"query"),
    "delete with json": lambda lib, s, url: s.delete(url, json={"a": 1}),
    # multipart
    "files bytes": lambda lib, s, url: s.post(url, files={"f": b"content"}),
    "files text": lambda lib, s, url: s.post(url, files={"f": "content"}),
    "files named": lambda lib, s, url: s.post(url, files={"f": ("n.txt", io.BytesIO(b"content"))}),
    "files typed": lambda lib, s, url: s.post(url, files={"f": ("n.txt", b"content", "text/x")}),
    "files with fields": lambda lib, s, url: s.post(url, files={"f": ("n", b"x", "text/x", {"X-P": "1"})}),
    "files and data": lambda lib, s, url: s.post(
        url, files={"f": ("n", b"x")}, data={"a": ["1", "2"], "b": 3}
    ),
    "files in pairs": lambda lib, s, url: s.post(url, files=[("f", ("1", b"one")), ("f", ("2", b"two"))]),
    "part without file name": lambda lib, s, url: s.post(url, files={"f": (None, "value")}),
    # fields
    "headers": lambda lib, s, url: s.get(url, headers={"X-A": "1", "x-b": "ü".encode().decode("latin-1")}),
    "headers in bytes": lambda lib, s, url: s.get(url, headers={"X-A": b"\xff"}),
    "header removed": lambda lib, s, url: s.get(url, headers={"Accept": None}),
    "host given": lambda lib, s, url: s.get(url, headers={"Host": "other.test"}),
    "session headers": lambda lib, s, url: with_session(s, headers={"X-A": "s"}).get(
        url, headers={"X-B": "c"}
    ),
    "session header beaten": lambda lib, s, url: with_session(s, headers={"X-A": "s"}).get(
        url, headers={"x-a": "c"}
    ),
    "session params": lambda lib, s, url: with_session(s, params={"a": "1", "b": "2"}).get(
        url, params={"b": "3"}
    ),
    # auth
    "auth pair": lambda lib, s, url: s.get(url, auth=("user", "pass")),
    "auth beyond ascii": lambda lib, s, url: s.get(url, auth=("ü", "ä")),
    "auth class": lambda lib, s, url: s.get(url, auth=lib.auth.HTTPBasicAuth("user", "pass")),
    "auth callable": lambda lib, s, url: s.post(url, data="body", auth=adding_auth),
    "auth of the session": lambda lib, s, url: with_session(s, auth=("a", "b")).get(url),
    "auth in the url": lambda lib, s, url: s.get(url.replace("://", "://us%40er:p%3Aw@")),
    # cookies
    "cookies": lambda lib, s, url: s.get(url, cookies={"a": "1", "b": "2"}),
    "cookies of the session": lambda lib, s, url: with_session(s, cookies={"a": "1"}).get(
        url, cookies={"b": "2"}
    ),
    "cookies beaten": lambda lib, s, url: with_session(s, cookies={"a": "1"}).get(url, cookies={"a": "2"}),
    "cookies by hand": lambda lib, s, url: s.get(url, headers={"Cookie": "by=hand"}, cookies={"a": "1"}),
    "cookies kept": lambda lib, s, url: (s.get(url + "/cookies"), s.get(url + "/"), s.get(url + "/deep/er")),
    "cookies by domain": lambda lib, s, url: (s.cookies.set("a", "1", domain="127.0.0.1"), s.get(url)),
    # redirects
    **{
        f"{method} and {status}": (
            lambda lib, s, url, m=method, c=status: s.request(
                m, f"{url}/redirect/{c}/x", data=b"b" if m != "GET" else None
            )  # type: ignore[misc]
        )
        for method in ("GET", "POST", "DELETE")
        for status in (301, 302, 303, 307, 308)
        if (method, status) != ("DELETE", 301)
    },
    "form and 307": lambda lib, s, url: s.post(url + "/redirect/307/x", data={"a": "1"}),
    "file and 308": lambda lib, s, url: s.post(url + "/redirect/308/x", data=at(2, b"content")),
    "files and 307": lambda lib, s, url: s.post(url + "/redirect/307/x", files={"f": ("n", b"x")}),
    "auth and 302": lambda lib, s, url: s.get(url + "/redirect/302/x", auth=("user", "pass")),
    "cookies and 302": lambda lib, s, url: s.get(url + "/redirect/302/x", cookies={"a": "1"}),
    "cookie by hand and 302": lambda lib, s, url: s.get(
        url + "/redirect/302/x", headers={"Cookie": "by=hand"}
    ),
    "a chain": lambda lib, s, url: s.get(url + "/redirect/301/redirect/302/redirect/307/x"),
    "head": lambda lib, s, url: s.head(url + "/redirect/302/x"),
    "head that follows": lambda lib, s, url: s.head(url + "/redirect/302/x", allow_redirects=True),
    "not followed": lambda lib, s, url: s.get(url + "/redirect/302/x", allow_redirects=False),
    "next": lambda lib, s, url: s.send(
        s.post(url + "/redirect/307/x", data=b"b", allow_redirects=False).next
    ),
    # prepared
    "prepared": lambda lib, s, url: s.send(
        lib.Request("POST", url, json={"a": 1}, headers={"X-A": "1"}).prepare()
    ),
    "prepared by the session": lambda lib, s, url: s.send(
        s.prepare_request(lib.Request("GET", url, params={"a": 1}))
    ),
    "edited method": lambda lib, s, url: edited(lib, s, url, method="REPORT"),
    "edited url": lambda lib, s, url: edited(lib, s, url, url=url + "/edited"),
    "edited body": lambda lib, s, url: edited(lib, s, url, body=b"a=2"),
    "function": lambda lib, s, url: lib.get(url, params={"a": 1}, headers={"Connection": "close"}),
    "hook": lambda lib, s, url: s.get(url, hooks={"response": lambda r, **kwargs: None}),
    "stream": lambda lib, s, url: s.get(url, stream=True).close(),
}


def at(position: int, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.seek(position)
    return file


def both(server: RecordingServer, call: Call) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the server saw from httpkit, and what it saw from requests."""
    found = []
    for lib in (httpkit, requests):
        start = len(server.requests)
        with lib.Session() as session:
            call(lib, session, server.url)
        found.append([seen(request) for request in server.requests[start:]])
    return found[0], found[1]


@pytest.fixture
def agreed(serve: Callable[..., RecordingServer]) -> Iterator[RecordingServer]:
    server = serve(site)
    yield server
    assert server.malformed == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_servers_see_the_same(agreed: RecordingServer, call: Call) -> None:
    ours, theirs = both(agreed, call)
    assert ours == theirs
    assert ours, "something was sent"


RESPONSES: dict[str, Reply] = {
    "text": Reply.text("grün"),
    "json": Reply.json({"ü": [1]}),
    "empty": Reply(204),
    "not found": Reply(404, body=b"no"),
    "server error": Reply(500, reason="Oops"),
    "links": Reply(200, [("Link", '</a>; rel="next"; title="x", </b>; rel=prev')]),
    "cookies": Reply(200, [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; HttpOnly")]),
    "declared charset": Reply(
        200, [("Content-Type", "text/plain; charset=latin-1")], "grün".encode("latin-1")
    ),
    "repeated fields": Reply(200, [("X-A", "1"), ("X-A", "2")]),
    "moved": Reply.redirect("/x", 301),
    "chunked": Reply(200, body=[b"one", b"two"]),
}


@pytest.mark.parametrize("reply", RESPONSES.values(), ids=RESPONSES)
def test_programs_see_the_same(serve: Callable[..., RecordingServer], reply: Reply) -> None:
    server = serve(reply)
    found = []
    for lib in (httpkit, requests):
        with lib.Session() as session:
            r = session.get(server.url + "/p?q", allow_redirects=False)
        try:
            r.raise_for_status()
            error = None
        except lib.HTTPError as raised:
            error = str(raised)
        found.append(
            {
                "status": (
                    r.status_code,
                    r.reason,
                    r.ok,
                    bool(r),
                    r.is_redirect,
                    r.is_permanent_redirect,
                    error,
                ),
                "body": (r.content, r.text, r.encoding),
                "fields": {name.lower(): value for name, value in r.headers.items()},
                "cookies": r.cookies.get_dict(),
                "links": r.links,
                "url": r.url,
                "next": r.next and r.next.url,
                "repr": repr(r),
                "lines": list(r.iter_lines()),
                "pieces": list(r.iter_content(2)),
            }
        )
    assert found[0] == found[1]


ERRORS: dict[str, Call] = {
    "no scheme": lambda lib, s, url: s.get("example.test/path"),
    "empty url": lambda lib, s, url: s.get(""),
    "no host": lambda lib, s, url: s.get("http://"),
    "unknown scheme": lambda lib, s, url: s.get("ftp://example.test/"),
    "no such host": lambda lib, s, url: s.get("http://nobody.invalid/"),
    "nobody listens": lambda lib, s, url: s.get("http://127.0.0.1:9/"),
    "field with a line break": lambda lib, s, url: s.get(url, headers={"X-A": "1\r\nX-B: 2"}),
    "field that is no text": lambda lib, s, url: s.get(url, headers={"X-A": 1}),
    "nan as json": lambda lib, s, url: s.post(url, json=float("nan")),
    "status": lambda lib, s, url: s.get(url).raise_for_status(),
    "not json": lambda lib, s, url: s.get(url).json(),
    "stream read twice": lambda lib, s, url: twice(s.get(url, stream=True)),
    "a loop": lambda lib, s, url: s.get(url + "/loop"),
    "files and text": lambda lib, s, url: s.post(url, files={"f": b"x"}, data="text"),
    "hook for nothing": lambda lib, s, url: s.get(url, hooks={"nosuch": print}),
    "request that is not prepared": lambda lib, s, url: s.send(lib.Request("GET", url)),
    "timeout of three": lambda lib, s, url: s.get(url, timeout=(1, 2, 3)),
    "missing bundle": lambda lib, s, url: s.get("https://127.0.0.1:9/", verify="/nonexistent"),
}


def twice(response: Any) -> None:
    list(response.iter_content(1))
    list(response.iter_content(1))


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_programs_catch_the_same(serve: Callable[..., RecordingServer], call: Call) -> None:
    server = serve(
        lambda request: Reply.redirect("/loop") if request.path == "/loop" else Reply(404, body=b"<no>")
    )
    with requests.Session() as session, pytest.raises(Exception) as theirs:
        call(requests, session, server.url)
    with httpkit.Session() as session, pytest.raises(Exception) as ours:
        call(httpkit, session, server.url)
    for kind in type(theirs.value).__mro__:
        if kind.__module__ == "requests.exceptions":
            assert isinstance(ours.value, getattr(httpkit.exceptions, kind.__name__)), kind
        elif kind.__module__ == "builtins":
            assert isinstance(ours.value, kind), kind


DIFFERENCES: dict[str, tuple[Call, Callable[[Any], Any], Any, Any]] = {
    # (call, what to look at, what httpkit sends, what requests sends)
    "an empty file has a length": (
        lambda lib, s, url: s.post(url, data=io.BytesIO(b"")),
        lambda sent: [name for name in ("content-length", "transfer-encoding") if name in sent[0]],
        ["content-length"],
        ["transfer-encoding"],
    ),
    "auth of a proxy is for a proxy": (
        lambda lib, s, url: s.get(url, auth=lib.auth.HTTPProxyAuth("user", "pass")),
        lambda sent: sent[0].get("proxy-authorization"),
        None,
        ["Basic dXNlcjpwYXNz"],
    ),
    "an empty query stays": (
        lambda lib, s, url: s.get(url + "/a?"),
        lambda sent: sent[0]["target"],
        "/a?",
        "/a",
    ),
    "an edited body has its own length": (
        lambda lib, s, url: edited(lib, s, url, body=b"longer than before"),
        lambda sent: sent[0]["body"],
        b"longer than before",
        b"lon",
    ),
    "a generator is not sent again empty": (
        lambda lib, s, url: attempt(lib, lambda: s.post(url + "/redirect/307/x", data=iter([b"x"]))),
        lambda sent: [request["body"] for request in sent],
        [b"x"],
        [b"x", b""],
    ),
    "a key stays with its origin": (
        lambda lib, s, url: s.get(url + "/elsewhere", headers={"X-API-Key": "secret"}),
        lambda sent: [request.get("x-api-key") for request in sent],
        [["secret"], None],
        [["secret"], ["secret"]],
    ),
    "a cookie of the call stays with its origin": (
        lambda lib, s, url: s.get(url + "/elsewhere", cookies={"a": "secret"}),
        lambda sent: [request.get("cookie") for request in sent],
        [["a=secret"], None],
        [["a=secret"], ["a=secret"]],
    ),
    "parameters of the session are kept beside text": (
        lambda lib, s, url: with_session(s, params={"a": "1"}).get(url, params="b=2"),
        lambda sent: sent[0]["target"],
        "/?a=1&b=2",
        "/?b=2",
    ),
}


def attempt(lib: Any, call: Callable[[], Any]) -> None:
    try:
        call()
    except lib.RequestException:
        pass


@pytest.mark.parametrize(("call", "look", "ours", "theirs"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_they_differ_on_purpose(
    agreed: RecordingServer, call: Call, look: Any, ours: Any, theirs: Any
) -> None:
    found_ours, found_theirs = both(agreed, call)
    assert (look(found_ours), look(found_theirs)) == (ours, theirs)
