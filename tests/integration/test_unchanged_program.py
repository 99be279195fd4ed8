"""One program, written for requests, run as it is under both names: the same output, and the same at the servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ProxyServer, Received, RecordingServer, Reply

PROGRAM = r'''
import sys
import {library} as requests
from {library}.adapters import BaseAdapter, HTTPAdapter
from {library}.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from {library}.exceptions import (
    ConnectionError, HTTPError, InvalidSchema, JSONDecodeError, MissingSchema, RequestException, TooManyRedirects,
)
from {library}.models import PreparedRequest, Response
from {library}.structures import CaseInsensitiveDict
from {library}.utils import dict_from_cookiejar

BASE, PROXY, UPLOAD = sys.argv[1:]


class Signed(AuthBase):
    def __init__(self, key):
        self.key = key

    def __call__(self, r):
        r.headers["X-Signature"] = "%s:%s:%d" % (self.key, r.path_url, len(r.body or b""))
        return r

    def __eq__(self, other):
        return self.key == getattr(other, "key", None)


class Canned(BaseAdapter):
    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        response = Response()
        response.status_code = 200
        response.url = request.url
        response.request = request
        response.headers = CaseInsensitiveDict({"Content-Type": "text/plain; charset=utf-8"})
        response._content = ("canned " + request.url).encode("utf-8")
        return response

    def close(self):
        print("closed")


class Tagging(HTTPAdapter):
    def add_headers(self, request, **kwargs):
        request.headers["X-Tag"] = "%s stream=%s" % (request.method, kwargs["stream"])


class ApiSession(requests.Session):
    """A base URL, a log of statuses, and credentials that are kept on every redirect."""

    def __init__(self, base):
        super().__init__()
        self.base, self.log = base, []
        self.headers.update({"X-Client": "program/1"})
        self.hooks["response"].append(self.note)

    def request(self, method, url, *args, **kwargs):
        return super().request(method, requests.compat.urljoin(self.base, url), *args, **kwargs)

    def note(self, response, *args, **kwargs):
        self.log.append((response.status_code, sorted(kwargs)))

    def rebuild_auth(self, prepared_request, response):
        prepared_request.headers["X-Hop"] = str(response.status_code)


def show(label, value):
    print(label, "=", str(value).replace(BASE, "BASE"))


with ApiSession(BASE) as session:
    session.params = {"v": "1"}
    session.mount(BASE + "/tagged", Tagging(pool_connections=2, pool_maxsize=2, max_retries=1))
    session.mount("canned://", Canned())

    r = session.get("/echo", params={"q": ["a b", "ü"], "none": None}, headers={"Accept": "text/x"}, timeout=(5, 5))
    show("get", (r.status_code, r.reason, r.ok, bool(r), r.url, r.encoding, r.json()["method"]))
    show("headers", (r.headers["content-TYPE"], "x-nothing" in r.headers, r.headers.get("x-nothing", 3)))
    show("positional", session.get("/echo", {"p": 1}).json()["target"])

    for body in ({"data": {"a": ["1", "2"], "b": "ü"}}, {"data": [("x", "1"), ("x", "2")]}, {"data": b"\x00\xff"},
                 {"data": "text"}, {"json": {"k": [1, None, "ü"]}}, {"data": (piece for piece in (b"ab", b"cd"))}):
        r = session.post("/echo", **body)
        show("post", (r.json()["method"], r.json()["body"], r.request.headers.get("Content-Type")))

    with open(UPLOAD, "rb") as file:
        r = session.put("/echo", data=file)
        show("file", (r.request.headers["Content-Length"], r.json()["body"]))
    with open(UPLOAD, "rb") as file:
        r = session.post("/upload", files={"f": file, "g": ("g.txt", "content", "text/x", {"X-Part": "1"})},
                         data={"field": "value"})
        show("multipart", r.text)

    show("auth", session.get("/echo", auth=Signed("k")).status_code)
    show("basic", session.get("/echo", auth=("user", "pässword")).request.headers["Authorization"])
    show("equal", HTTPBasicAuth("a", "b") == HTTPBasicAuth("a", "b"))
    r = session.get("/digest", auth=HTTPDigestAuth("user", "pass"))
    show("digest", (r.status_code, [h.status_code for h in r.history]))

    r = session.get("/login", cookies={"once": "1"})
    show("cookies", (sorted(session.cookies.get_dict().items()), r.cookies.get("sid"), dict_from_cookiejar(r.cookies)))
    session.cookies.set("own", "2", path="/")
    session.get("/echo")
    del session.cookies["own"]

    r = session.post("/moved/302", data={"a": "1"})
    show("302", (r.request.method, r.url, [h.status_code for h in r.history], r.history[0].headers["Location"]))
    r = session.post("/moved/307", data={"a": "1"})
    show("307", (r.request.method, r.json()["body"]))
    r = session.get("/moved/301", allow_redirects=False)
    show("301", (r.is_redirect, r.is_permanent_redirect, r.next.url, r.next.method))
    show("head", session.head("/moved/302").status_code)
    session.max_redirects = 3
    try:
        session.get("/loop")
    except TooManyRedirects as error:
        show("loop", (len(error.response.history), isinstance(error, RequestException)))

    show("tagged", session.get("/tagged/x").request.headers["X-Tag"])
    show("mounted", requests.Session.get_adapter(session, BASE + "/tagged/x").max_retries.total)
    show("canned", session.get("canned://anything/here").text)

    r = requests.get("http://a.proxied.test/echo", proxies={"http": PROXY})
    show("proxy", (r.status_code, r.json()["headers"]["Host"]))

    with session.get("/stream", stream=True) as r:
        show("stream", (r.raw.read(4), next(r.iter_content(3)), b"".join(r.iter_content(1000))[-5:]))
    show("lines", [line for line in session.get("/lines", stream=True).iter_lines(decode_unicode=True)])
    r = session.get("/gzip")
    show("gzip", (r.text, r.headers["Content-Encoding"], len(r.content)))
    show("links", session.get("/links").links)

    prepared = session.prepare_request(requests.Request("POST", BASE + "/echo", json={"a": 1}, auth=Signed("p")))
    prepared.headers["X-Edited"] = "yes"
    prepared.prepare_body("other", None)
    r = session.send(prepared, timeout=5)
    show("prepared", (r.json()["body"], prepared.copy().headers == prepared.headers))
    show("kind", isinstance(prepared, PreparedRequest))
    show("chunks", [len(piece) for piece in session.get("/chunks", stream=True).iter_content(100)][:2])

    for status in (404, 503):
        try:
            session.get("/status/%d" % status).raise_for_status()
        except HTTPError as error:
            show("error", (error.response.status_code, error.request.method, str(error)))
    for url in ("canned-not://x", "no-scheme/x", "http://127.0.0.1:1/"):
        try:
            requests.get(url, timeout=5)
        except (InvalidSchema, MissingSchema, ConnectionError) as error:
            show("raised", (type(error).__name__, isinstance(error, (ValueError, OSError))))
    try:
        session.get("/lines").json()
    except JSONDecodeError as error:
        show("json", (isinstance(error, ValueError), error.pos))
    show("codes", (requests.codes.not_found, requests.codes["teapot"], requests.codes.OK))
    show("log", (len(session.log), session.log[0], session.log[-1][0]))
'''

COMPARED = [
    *("host", "accept", "connection", "content-type", "content-length", "transfer-encoding", "cookie"),
    *("authorization", "x-client", "x-signature", "x-tag", "x-hop", "x-edited"),
]


def site(request: Received) -> Reply:
    """What the program talks to."""
    path, _, rest = request.path[1:].partition("/")
    if path == "login":
        return Reply(200, [("Set-Cookie", "sid=abc; Path=/"), ("Set-Cookie", "deep=1; Path=/deep")])
    if path == "moved":
        return Reply.redirect("/echo?moved=1#fragment", int(rest))
    if path == "loop":
        return Reply.redirect("/loop")
    if path == "status":
        return Reply.text("no", int(rest))
    if path == "stream":
        return Reply(200, [("Content-Type", "text/plain")], b"0123456789" * 50)
    if path == "chunks":
        return Reply(200, [("Content-Type", "text/plain")], iter([b"0123456789" * 30] * 2))
    if path == "lines":
        return Reply(
            200, [("Content-Type", "text/plain; charset=utf-8")], "eins\nzwei\r\ndr\u00fc\n".encode()
        )
    if path == "gzip":
        import gzip

        return Reply(
            200,
            [("Content-Encoding", "gzip"), ("Content-Type", "text/plain; charset=utf-8")],
            gzip.compress(b"zip"),
        )
    if path == "links":
        return Reply(
            200, [("Link", '<https://a.test/2>; rel="next", <https://a.test/9>; rel=last; title="z"')]
        )
    if path == "digest" and not (request.header("authorization") or "").startswith("Digest "):
        return Reply(
            401, [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5')], b"no"
        )
    if path == "upload":
        return Reply.text("received")
    return Reply.json(
        {
            "method": request.method,
            "target": request.target,
            "body": request.body.decode("latin-1"),
            "headers": {"Host": request.header("host")},
        }
    )


def seen(request: Received) -> dict[str, Any]:
    """What arrived, without what is made by chance."""
    boundary = re.search(r"boundary=(\S+)", request.header("content-type") or "")
    fields = {name: request.getlist(name) for name in COMPARED if request.getlist(name)}
    body = request.body
    if boundary:
        body = body.replace(boundary[1].encode(), b"BOUNDARY")
        del fields["content-type"], fields["content-length"]
    if "cookie" in fields:
        # Among cookies of one path the order is that of their making, or with some Pythons another (RFC 6265 §5.4).
        fields["cookie"] = sorted(fields["cookie"][0].split("; "))
    if fields.get("authorization", [""])[0].startswith("Digest "):
        fields["authorization"] = ["Digest"]
    return {"method": request.method, "target": request.target, "body": body, **fields}


def run(library: str, directory: Path) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines that the program prints, and what arrived at the server and at the proxy."""
    upload = directory / "upload.txt"
    upload.write_bytes(b"content of the file")
    with RecordingServer(site) as server, ProxyServer({"a.proxied.test:80": server}) as proxy:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                PROGRAM.replace("{library}", library),
                server.url.rstrip("/"),
                proxy.url,
                upload,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        port = f":{server.port}"
        at_server = [seen(request) for request in server.requests]
        at_proxy = [seen(request) for request in proxy.requests]
    for request in at_server:
        request["host"] = [value.replace(port, ":PORT") for value in request["host"]]
    return done.stdout.replace(port, ":PORT").splitlines(), at_server, at_proxy


@pytest.mark.slow
def test_it_prints_the_same_and_servers_see_the_same(tmp_path: Path) -> None:
    pytest.importorskip("requests")
    lines, at_server, at_proxy = run("httpkit", tmp_path)
    their_lines, at_their_server, at_their_proxy = run("requests", tmp_path)
    assert lines == their_lines
    assert at_server == at_their_server
    assert at_proxy == at_their_proxy
    assert len(lines) > 35
    assert len(at_server) > 30
