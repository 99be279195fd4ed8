"""Servers for the tests: on loopback, at a free port, recording what they receive. All are context managers.

HTTP
----
    with RecordingServer({"/a": Reply.json({"x": 1}), "/b": lambda request: Reply(204)}) as server:
        httpkit.get(server.url + "/a", headers={"X-Y": "z"})
        assert server.last.getlist("x-y") == ["z"]

- `RecordingServer(handler=echo, tls=context, on_expect=True, host="127.0.0.1")`. The handler is a callable(Received), a
  mapping of paths, a list of replies used up in order, or one Reply; without it the request is echoed as JSON.
  It has `requests` (Received, in order), `last`, `targets`, `connections` (how many were accepted),
  `drop_connections()` (close idle ones as servers do), `wait_until_closed(n)`, `wait_for_requests(n)`, `malformed`.
- `Received`: method target version headers (pairs, as written) head body chunks trailers connection sequence tls, and
  `getlist(name)`, `header(name)`, `names`, `path`, `query`, `form`, `text`, `json()`, `cookies`.
- `Reply(status, headers, body, reason, framing=, interim=, trailers=, close=, takeover=)`, `Reply.json(value)`,
  `Reply.text(text)`, `Reply.redirect(location, status)`. A list or generator as body is sent chunked, piece by piece.
- `UnixServer(path, handler)` is the same behind a Unix socket; `server.at("/x")` is its URL for `http+unix`.
- `wsgi(app)` is a handler that lets a WSGI application answer.
- `RedisServer()` is a real one, where the program is installed: `RedisServer.missing()` says what is not.
- All servers: `url`, `url_as(name, path, userinfo)` (same server under another name), `host`, `port`, `authority`.

TLS (fixture `ca`, an `Authority`)
----------------------------------
    with RecordingServer(tls=ca.server_context()) as server:
        httpkit.get(server.url_as("api.test"), verify=ca.file)
        assert server.last.tls.sni == "api.test"

Without names a certificate is for localhost, 127.0.0.1, ::1, example.test, *.example.test, and a. b. c. api. other.
proxy.test.

- `ca.server_context(*names, expired=, client_certs="no"|"optional"|"required", minimum=, maximum=, issued=)`
- `ca.issue(*names, expired=)`: `cert_file key_file combined_file encrypted_key_file password fingerprint("sha256")`
- `ca.file`, `ca.pem`, `ca.trust_directory()`, `ca.client_context()`; failed handshakes are in `server.tls_failures`.

Raw peers
---------
    with RawServer(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nshort") as server: ...
    with RawServer([READ_REQUEST, Drip(b"HTTP/1.1 200 OK\\r\\n\\r\\nbody"), RESET]) as server: ...
    with RawServer(lambda peer: (peer.read_head(), peer.send(b"..."))) as server: ...

Steps: bytes, READ_REQUEST, READ_HEAD, HALF_CLOSE, CLOSE, RESET, HANG, `Drip(data, size, delay)`, a threading.Event to
wait for, any callable(Peer). One list serves each connection; a list of lists one connection each. `received` holds
what each connection sent. At the end of its script a connection closes gently; CLOSE closes at once.

Proxies
-------
    with RecordingServer() as origin, ProxyServer({"example.test": origin}, auth=("user", "pass")) as proxy:
        httpkit.get("http://example.test/", proxies={"http": proxy.url_as(userinfo="user:pass")})
        assert proxy.last.target == "http://example.test/"

- `ProxyServer(resolve, auth=, tls=, on_connect=)`: `requests` (with CONNECT), `forwarded`, `tunnels`.
- `Socks5Server(resolve, auth=)`, also SOCKS 4 and 4a: `url_for("socks5h", "user:pass")`; `requests` of
  `SocksRequest(version, host, port, kind, username, password)`; kind 'name' means that the proxy was to resolve it.
- `full_backlog_listener()` gives a (host, port) where connecting times out.

Fixtures (tests/conftest.py)
----------------------------
`server` (echoing), `https_server` (with `ca`), `serve(handler, **options)` and `serve_tls(handler, **options)` and
`serve_raw(script)` start servers that stop with the test; `ca`, `ca_file`; `httpbin`, `httpbin_secure`; and `dns`:
`dns.hosts["api.example.com"] = "127.0.0.1"`, `dns.route("example.test", 443, server)` for default ports, `dns.queries`.

Names under .test and .localhost are loopback, names under .invalid do not exist; everything else outside loopback fails
the test, as does a socket left open (mark: `leaks_sockets`). Proxy, netrc and CA variables are removed from the
environment, and what a test does to the environment is undone.
"""

from __future__ import annotations

from ._listener import Closed, Listener, Peer, TLSInfo, wait_until
from .backlog import full_backlog_listener
from .http import Received, RecordingServer, Reply, echo, slowly
from .proxies import ProxyServer, Socks5Server, SocksRequest
from .raw import CLOSE, HALF_CLOSE, HANG, READ_HEAD, READ_REQUEST, RESET, Drip, RawServer
from .redis import RedisServer
from .tls import Authority, Issued
from .unix import UnixServer
from .wsgi import wsgi

__all__ = [
    "CLOSE",
    "HALF_CLOSE",
    "HANG",
    "READ_HEAD",
    "READ_REQUEST",
    "RESET",
    "Authority",
    "Closed",
    "Drip",
    "Issued",
    "Listener",
    "Peer",
    "ProxyServer",
    "RawServer",
    "Received",
    "RecordingServer",
    "RedisServer",
    "Reply",
    "Socks5Server",
    "SocksRequest",
    "TLSInfo",
    "UnixServer",
    "echo",
    "full_backlog_listener",
    "slowly",
    "wait_until",
    "wsgi",
]
