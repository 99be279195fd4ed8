"""What httpkit and its peers do in the situations of the README's table: run them all and print the table.

    python tests/benchmarks/peers.py httpkit requests=/path/to/python httpx=/path/to/python ...

A peer is named with the interpreter that has it installed; without one, this interpreter is used (niquests wants an
environment of its own, httpx the h2 package). Everything happens on loopback: this process runs the servers and looks
at what they received, a process for each peer and row makes the calls. `--patience SECONDS` says how long to wait for a
default timeout to strike, 400 by default, because aiohttp's is 300; all peers wait at the same time. The table goes to
standard output.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIECES = [b"first ", b"second"]
SECRETS = {"Authorization": "Bearer a", "X-API-Key": "b"}


# --- the calling side: each peer spoken to in its own words


class Requests:
    """httpkit, requests and niquests."""

    def __init__(self, name: str) -> None:
        self.library: Any = importlib.import_module(name)

    def call(self, method: str, url: str, **options: Any) -> tuple[int, str]:
        response = self.library.request(method, url, **options)
        return response.status_code, response.text

    def stream(self, url: str) -> None:
        self.library.post(url, data=(piece for piece in PIECES))

    def unverified(self, url: str) -> None:
        session = self.library.Session()
        session.verify = False
        session.get(url)

    def cookies_apart(self, url: str) -> int:
        getlist = getattr(self.library.get(url).headers, "getlist", None)
        return len(getlist("set-cookie")) if getlist else 1

    def mounted_is_asked(self, prefix: str, url: str) -> bool:
        asked = []

        class Mounted(self.library.adapters.HTTPAdapter):  # type: ignore[misc, name-defined]  # a base known at run time
            def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
                asked.append(request.url)
                raise OSError("asked")

        session = self.library.Session()
        session.mount(prefix, Mounted())
        try:
            session.get(url, timeout=1)
        except OSError:
            pass
        return bool(asked)

    def http2(self, url: str) -> None:
        self.library.get(url, verify=False, timeout=5)

    def whole_call(self, url: str) -> None:
        timeouts = getattr(self.library, "timeouts", None)
        self.library.get(url, timeout=timeouts.Timeout(total=1) if timeouts else 1)

    def asynchronous(self, url: str) -> bool:
        if not hasattr(self.library, "AsyncSession"):
            return False

        async def get() -> bool:
            async with self.library.AsyncSession() as session:
                return bool((await session.get(url)).status_code == 200)

        return asyncio.run(get())


class Httpx:
    """httpx, told to follow redirects as the others do."""

    def __init__(self, name: str) -> None:
        self.library: Any = importlib.import_module(name)

    def call(self, method: str, url: str, **options: Any) -> tuple[int, str]:
        response = self.library.request(method, url, follow_redirects=True, **options)
        return response.status_code, response.text

    def stream(self, url: str) -> None:
        self.library.post(url, content=(piece for piece in PIECES), follow_redirects=True)

    def unverified(self, url: str) -> None:
        self.library.Client(verify=False).get(url)

    def cookies_apart(self, url: str) -> int:
        return len(self.library.get(url).headers.get_list("set-cookie"))

    def mounted_is_asked(self, prefix: str, url: str) -> bool:
        asked = []

        def answer(request: Any) -> Any:
            asked.append(request.url)
            return self.library.Response(200)

        client = self.library.Client(mounts={prefix: self.library.MockTransport(answer)})
        try:
            client.get(url, timeout=1)
        except self.library.HTTPError:
            pass
        return bool(asked)

    def http2(self, url: str) -> None:
        self.library.Client(http2=True, verify=False).get(url, timeout=5)

    def whole_call(self, url: str) -> None:
        self.library.get(url, timeout=1)

    def asynchronous(self, url: str) -> bool:
        async def get() -> bool:
            async with self.library.AsyncClient() as client:
                return bool((await client.get(url)).status_code == 200)

        return asyncio.run(get())


class Aiohttp:
    """aiohttp, told to trust the environment as the others do."""

    def __init__(self, name: str) -> None:
        self.library: Any = importlib.import_module(name)

    def _request(self, method: str, url: str, make_settings: Callable[[], Any] = dict, **options: Any) -> Any:
        async def request() -> Any:
            async with (
                self.library.ClientSession(trust_env=True, **make_settings()) as session,
                session.request(method, url, **options) as response,
            ):
                return response, await response.text()

        return asyncio.run(request())

    def call(self, method: str, url: str, **options: Any) -> tuple[int, str]:
        response, text = self._request(method, url, **options)
        return response.status, text

    def stream(self, url: str) -> None:
        async def pieces() -> Any:
            for piece in PIECES:
                yield piece

        self._request("POST", url, data=pieces())

    def unverified(self, url: str) -> None:
        self._request("GET", url, lambda: {"connector": self.library.TCPConnector(ssl=False)})

    def cookies_apart(self, url: str) -> int:
        response, _ = self._request("GET", url)
        return len(response.headers.getall("set-cookie"))

    def mounted_is_asked(self, prefix: str, url: str) -> None:
        return None

    def http2(self, url: str) -> None:
        self._request("GET", url, ssl=False, timeout=self.library.ClientTimeout(total=5))

    def whole_call(self, url: str) -> None:
        self._request("GET", url, timeout=self.library.ClientTimeout(total=1))

    def asynchronous(self, url: str) -> bool:
        return self.call("GET", url)[0] == 200


PEERS: dict[str, Callable[[str], Any]] = {
    "httpkit": Requests,
    "requests": Requests,
    "niquests": Requests,
    "httpx": Httpx,
    "aiohttp": Aiohttp,
}

ACTS: dict[str, Callable[[Any, Any], Any]] = {
    "version": lambda peer, given: peer.library.__version__,
    "get": lambda peer, given: peer.call("GET", given),
    "five": lambda peer, given: [peer.call("GET", given) for _ in range(5)],
    "secrets": lambda peer, given: peer.call("GET", given, headers=SECRETS, cookies={"c": "d"}),
    "bearer": lambda peer, given: peer.call("GET", given, headers={"Authorization": "Bearer a"}),
    "stream": lambda peer, given: peer.stream(given),
    "unverified": lambda peer, given: peer.unverified(given),
    "cookies apart": lambda peer, given: peer.cookies_apart(given),
    "mounted": lambda peer, given: peer.mounted_is_asked(*given),
    "http2": lambda peer, given: peer.http2(given),
    "whole call": lambda peer, given: peer.whole_call(given),
    "async": lambda peer, given: peer.asynchronous(given),
}


def act(name: str, what: str, given: str) -> None:
    """Make one call and print what came of it."""
    sys.path.append(str(ROOT))
    peer = PEERS[name](name)
    start = time.monotonic()
    try:
        result = {"value": ACTS[what](peer, json.loads(given))}
    except Exception as error:
        result = {"error": type(error).__name__, "message": str(error), "seconds": time.monotonic() - start}
    print("\n" + json.dumps(result))


# --- the looking side


class Peer:
    """A library, and the interpreter that has it."""

    def __init__(self, given: str) -> None:
        self.name, _, python = given.partition("=")
        self.python = python or sys.executable
        self.version = self.value("version", None)

    def ask(
        self, what: str, given: Any, patience: float = 30, environment: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """What `act` printed; {} when it had not come back in time."""
        command = [self.python, "-W", "ignore", __file__, "--act", self.name, what, json.dumps(given)]
        clean = {
            k: v for k, v in os.environ.items() if not k.lower().endswith(("_proxy", "_bundle", "_file"))
        }
        complete = {**clean, "NETRC": os.devnull, **(environment or {})}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=patience, env=complete, check=False
            )
        except subprocess.TimeoutExpired:
            return {}
        if done.returncode:
            raise RuntimeError(f"{self.name}, {what}: {done.stderr}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def value(self, what: str, given: Any) -> Any:
        """What the call gave, for rows where it has to succeed."""
        answer = self.ask(what, given)
        if "value" not in answer:
            raise RuntimeError(f"{self.name}, {what}: {answer}")
        return answer["value"]


def default_timeout(peer: Peer, patience: float) -> str:
    # The kernel takes the connection and the request, and nobody ever reads them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = peer.ask("get", f"http://127.0.0.1:{silent.getsockname()[1]}/", patience)
    if not answer:
        return f"none (still waiting after {patience:.0f} s)"
    if "timeout" not in answer["error"].lower():
        raise RuntimeError(f"{peer.name}: {answer}")
    return f"{answer['seconds']:.0f} s"


def whole_call(peer: Peer) -> str:
    """Twelve bytes, one each 0.3 s; the peer is told one second."""
    from tests.servers import READ_REQUEST, Drip, RawServer

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
    with RawServer([READ_REQUEST, head, Drip(b"x" * 12, delay=0.3)]) as server:
        answer = peer.ask("whole call", server.url)
    return "yes" if "error" in answer else "no"


def charset(content: str, encoding: str) -> Callable[[Peer], str]:
    def measure(peer: Peer) -> str:
        from tests.servers import RecordingServer, Reply

        with RecordingServer(
            Reply(200, [("Content-Type", "text/plain")], content.encode(encoding))
        ) as server:
            answer = peer.ask("get", server.url)
        if "error" in answer:
            return f"`{answer['error']}`"
        return "right" if answer["value"][1] == content else "mojibake"

    return measure


def mount(peer: Peer) -> str:
    from tests.servers import RecordingServer

    prefix = "http://127.0.0.1"
    with RecordingServer() as server:
        own = peer.value("mounted", (prefix, f"{prefix}:{server.port}/"))
        others = peer.value("mounted", (prefix, f"{prefix}.evil.localhost:{server.port}/"))
    if own is None:
        return "has no mounts"
    if not own:
        raise RuntimeError(f"{peer.name}: the mount does not serve its own host")
    return "yes" if others else "no"


def secrets(peer: Peer) -> str:
    from tests.servers import RecordingServer, Reply

    with (
        RecordingServer() as other,
        RecordingServer(Reply.redirect(other.url_as("localhost") + "/")) as first,
    ):
        peer.value("secrets", first.url)
        sent = {name.lower() for name in first.last.names}
        if not {"authorization", "x-api-key", "cookie"} <= sent:
            raise RuntimeError(f"{peer.name} sent {sent} to the first origin")
        arrived = [name for name in ("Authorization", "X-API-Key", "Cookie") if other.last.getlist(name)]
    return ", ".join(arrived) or "none of them"


def stream(peer: Peer) -> str:
    from tests.servers import RecordingServer, Reply

    with RecordingServer({"/": Reply.redirect("/again", 307), "/again": Reply(200)}) as server:
        answer = peer.ask("stream", server.url + "/")
        again = [request.body for request in server.requests if request.target == "/again"]
    if "error" in answer:
        return f"`{answer['error']}`"
    return {b"": "sends an empty body, reports 200", b"".join(PIECES): "sends the body"}[again[0]]


def unverified(peer: Peer) -> str:
    import certifi

    from tests.servers import Authority, RecordingServer, Reply

    bundle = certifi.where()
    named: dict[str, str] = dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), bundle)
    with tempfile.TemporaryDirectory() as directory:
        context = Authority(Path(directory)).server_context()
        with RecordingServer(Reply(200), tls=context) as server:
            answer = peer.ask("unverified", server.url, environment=named)
    return f"`{answer['error']}`" if "error" in answer else "not verified"


def netrc(peer: Peer) -> str:
    from tests.servers import RecordingServer

    with tempfile.TemporaryDirectory() as directory, RecordingServer() as server:
        path = Path(directory, "netrc")
        path.write_text("machine 127.0.0.1 login user password pass\n")
        path.chmod(0o600)
        answer = peer.ask("bearer", server.url, environment={"NETRC": str(path)})
        if "error" in answer:
            return f"`{answer['error']}`"
        return "the field" if server.last.header("authorization") == "Bearer a" else "netrc's password"


def cookies_apart(peer: Peer) -> str:
    from tests.servers import RecordingServer, Reply

    fields = [("Set-Cookie", "a=1; Expires=Wed, 09 Jun 2100 10:18:14 GMT"), ("Set-Cookie", "b=2")]
    with RecordingServer(Reply(200, fields)) as server:
        return "yes" if peer.value("cookies apart", server.url) == 2 else "no"


def five(peer: Peer) -> str:
    if peer.name == "aiohttp":
        return "has no such function"
    from tests.servers import RecordingServer, Reply

    with RecordingServer(Reply(200)) as server:
        peer.value("five", server.url)
        return str(server.connections)


def interfaces(peer: Peer) -> str:
    from tests.servers import RecordingServer, Reply

    with RecordingServer(Reply(200)) as server:
        asynchronous = peer.value("async", server.url)
    return ", ".join(["sync"] * (PEERS[peer.name] is not Aiohttp) + ["async"] * asynchronous)


def protocol_of(connection: socket.socket) -> str | None:
    return connection.selected_alpn_protocol() if isinstance(connection, ssl.SSLSocket) else None


@contextmanager
def alpn_server() -> Iterator[tuple[str, list[str | None]]]:
    """A TLS server that offers HTTP/2, notes what was agreed on, and hangs up."""
    from tests.servers import Authority, RawServer

    agreed: list[str | None] = []
    with tempfile.TemporaryDirectory() as directory:
        context: ssl.SSLContext = Authority(Path(directory)).server_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with RawServer(lambda peer: agreed.append(protocol_of(peer.sock)), tls=context) as server:
            yield server.url, agreed


def http2(peer: Peer) -> str:
    with alpn_server() as (url, agreed):
        peer.ask("http2", url)
    if not agreed:
        raise RuntimeError(f"{peer.name} did not come")
    return "yes" if "h2" in agreed else "no"


ROWS: list[tuple[str, Callable[[Peer], str]]] = [
    ("Interfaces", interfaces),
    ("HTTP/2", http2),
    ("A limit for the whole call, body included", whole_call),
    ("UTF-8 text without a declared charset", charset("Grüße, 你好", "utf-8")),
    (
        "Windows-1251 text without a declared charset",
        charset("Это обычный русский текст, который пришёл без указания кодировки.", "cp1251"),
    ),
    ("A mount for `http://host` also serves `http://host.evil.org`", mount),
    ("Of Authorization, X-API-Key and `cookies=`, a redirect to another host carries", secrets),
    ("307 to a request whose body is a generator", stream),
    ("`verify=False` on the session, a CA bundle in the environment", unverified),
    ("An Authorization field is given, and netrc has an entry; sent is", netrc),
    ("Two Set-Cookie fields can be told apart in `headers`", cookies_apart),
    ("Connections that five calls of `get()` make", five),
]


def main(arguments: list[str]) -> None:
    patience = 400.0
    if "--patience" in arguments:
        at = arguments.index("--patience")
        patience = float(arguments[at + 1])
        del arguments[at : at + 2]
    sys.path.insert(0, str(ROOT))
    peers = [Peer(given) for given in arguments or ["httpkit"]]
    with ThreadPoolExecutor(len(peers)) as pool:
        timeouts = pool.map(lambda peer: default_timeout(peer, patience), peers)
        rows = [(title, [measure(peer) for peer in peers]) for title, measure in ROWS]
        rows.insert(2, ("Default timeout, against a silent server", list(timeouts)))
    print("| | " + " | ".join(f"{peer.name} {peer.version}" for peer in peers) + " |")
    print("| --- |" + " --- |" * len(peers))
    for title, cells in rows:
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--act"]:
        act(*sys.argv[2:5])
    else:
        main(sys.argv[1:])
