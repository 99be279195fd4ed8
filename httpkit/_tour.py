"""A tour of the library for newcomers: real calls to a small server on this machine, each shown with what came of it.

The code that is printed is the code that is run. It is written as a program would write it, so it imports what it uses
through the front door, by its text; this room itself needs only the server, which records what arrives. A step passes
when its output is the one it should have.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from .__version__ import __version__
from ._environment import set_environ
from ._message.fields import redact_field

__all__ = ["STEPS", "Step", "TourServer", "main"]

KEY = b"known to both sides"
#: Longer than any step waits for an answer, so that the client is the one who gives up.
_SILENCE = 5.0


class Step(NamedTuple):
    """One stop: what it is about, the code, and the output that it should have."""

    title: str
    code: str
    output: str


STEPS = [
    Step(
        "GET: one call, one response",
        """\
import httpkit

response = httpkit.get(f"{url}/hello")
print(response.status_code, response.headers["content-type"])
print(response.text)
""",
        """\
200 text/plain; charset=utf-8
Hello from this machine.
""",
    ),
    Step(
        "Parameters: a list repeats a name, None leaves it out",
        """\
response = httpkit.get(f"{url}/echo", params={"q": "late trains", "line": [4, 7], "page": None})
print(response.json()["target"])
""",
        """\
/echo?q=late+trains&line=4&line=7
""",
    ),
    Step(
        "JSON: out and back; raise_for_status() returns the response",
        """\
response = httpkit.post(f"{url}/trains", json={"line": 4, "late": True})
print(response.raise_for_status().json())
print(response.status_code, response.reason)
""",
        """\
{'id': 1, 'line': 4, 'late': True}
201 Created
""",
    ),
    Step(
        "Auth of your own: change the request and return it",
        """\
import hmac

class Signed(httpkit.auth.AuthBase):
    def __init__(self, key):
        self.key = key

    def __call__(self, request):
        signature = hmac.new(self.key, request.path_url.encode(), "sha256").hexdigest()
        request.headers["Authorization"] = f"Signature {signature}"
        return request

session = httpkit.Session()
print(session.get(f"{url}/private").status_code)
print(session.get(f"{url}/private", auth=Signed(b"known to both sides")).status_code)
""",
        """\
401
200
""",
    ),
    Step(
        "An adapter of your own, mounted for one host and serving that host alone",
        """\
class Warehouse(httpkit.adapters.HTTPAdapter):
    \"\"\"Finds a name that is in no DNS: it is the server on this machine.\"\"\"

    def send(self, request, **settings):
        inside = request.copy()
        inside.url = request.url.replace("http://warehouse.test", url)
        inside.headers["Host"] = "warehouse.test"
        return super().send(inside, **settings)

session.mount("http://warehouse.test", Warehouse())
print(session.get("http://warehouse.test/echo").json()["host"])
print(type(session.get_adapter("http://warehouse.test/echo")).__name__)
print(type(session.get_adapter("http://warehouse.test.evil.example/")).__name__)
""",
        """\
warehouse.test
Warehouse
HTTPAdapter
""",
    ),
    Step(
        "Retries: a policy for a session, a mount or a call, and what it tried",
        """\
from httpkit import Retry

response = session.get(f"{url}/flaky", retry=Retry(3, backoff=0.01))
print(response.json(), [attempt.outcome for attempt in response.attempts])
""",
        """\
{'attempt': 3} [503, 503, 200]
""",
    ),
    Step(
        "Timeouts: no call waits for ever, unless it is told to",
        """\
try:
    session.get(f"{url}/silent", timeout=0.2)
except httpkit.Timeout as error:
    print(type(error).__name__)
session.close()
""",
        """\
ReadTimeout
""",
    ),
]


@dataclass
class Exchange:
    """What the server received, and the status that it answered; None where it kept silent."""

    request_line: str
    fields: list[tuple[str, str]]
    body: bytes
    status: str | None = None


@dataclass
class Record:
    """What the server remembers."""

    exchanges: list[Exchange] = field(default_factory=list)
    attempts: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)


class TourServer(ThreadingHTTPServer):
    """An HTTP/1.1 server on loopback, at a free port. Closing it ends the connections that clients keep."""

    daemon_threads = False  # joined when the server is closed

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.record = Record()
        self.connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that gives up is part of the tour."""

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[TourServer]:
        """A server that serves until the end of the block."""
        with cls() as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
            )
            thread.start()
            try:
                yield server
            finally:
                server.record.leaving.set()
                server.shutdown()
                thread.join()
                server.hang_up()

    def hang_up(self) -> None:
        """End every connection, so that its thread ends as well."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._tour_server().connections.append(self.connection)

    def _tour_server(self) -> TourServer:
        assert isinstance(self.server, TourServer)
        return self.server

    def do_GET(self) -> None:
        record = self._tour_server().record
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        exchange = Exchange(self.requestline, list(self.headers.items()), body)
        record.exchanges.append(exchange)
        answer = self._answer(record, body)
        if answer is None:
            record.leaving.wait(_SILENCE)
            self.close_connection = True
            return
        status, value = answer
        exchange.status = f"{status} {self.responses[status][0]}"
        self._send(status, value)

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, record: Record, body: bytes) -> tuple[int, Any] | None:
        """Status and body; text is sent as text, anything else as JSON. None is no answer at all."""
        parts = urlsplit(self.path)
        if parts.path == "/hello":
            return 200, "Hello from this machine."
        if parts.path == "/trains":
            return 201, {"id": 1, **json.loads(body)}
        if parts.path == "/private":
            return (200, "Welcome.") if self._is_signed() else (401, "Who are you?")
        if parts.path == "/flaky":
            record.attempts += 1
            return (503, "Not yet.") if record.attempts < 3 else (200, {"attempt": record.attempts})
        if parts.path == "/silent":
            return None
        return 200, {"target": self.path, "host": self.headers["Host"], "query": parse_qs(parts.query)}

    def _is_signed(self) -> bool:
        signature = hmac.new(KEY, self.path.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers.get("Authorization", ""), f"Signature {signature}")

    def _send(self, status: int, value: Any) -> None:
        text = isinstance(value, str)
        body = (value if text else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tour shows what arrived."""


def main() -> int:
    """Walk through all steps; 0 when each gave what it should, else 1."""
    # Proxies are for what lies beyond this machine, and the environment may name some.
    with TourServer.running() as server, set_environ("no_proxy", "*"):
        print(
            f"httpkit {__version__}: {len(STEPS)} steps, with a server on this machine as url = {server.url!r}."
        )
        print("(no_proxy is set to * meanwhile, so proxies named in the environment are not asked.)")
        namespace: dict[str, Any] = {"url": server.url, "__name__": "tour"}
        passed = [_walk(number, step, namespace, server.record) for number, step in enumerate(STEPS, 1)]
    print(f"\n{passed.count(True)} of {len(passed)} steps gave what they should.")
    return 0 if all(passed) else 1


def _walk(number: int, step: Step, namespace: dict[str, Any], record: Record) -> bool:
    """Show and run one step; whether its output is as it should be."""
    print(f"\n{number}. {step.title}\n")
    print(_indented(step.code, "    "), end="\n\n")
    seen = len(record.exchanges)
    start = time.perf_counter()
    output = _run(step.code, namespace)
    elapsed = time.perf_counter() - start
    for exchange in record.exchanges[seen:]:
        print("\n".join(_described(exchange)))
    print(f"  prints, after {elapsed * 1000:.0f} ms:")
    print(_indented(output, "    "))
    if output != step.output:
        print("  FAILED; it should print:")
        print(_indented(step.output, "    "))
    return output == step.output


def _run(code: str, namespace: dict[str, Any]) -> str:
    """What *code* prints; the error that ended it, if one did."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "<tour>", "exec", dont_inherit=True), namespace)
        except Exception as error:  # noqa: BLE001  # whatever a step raises is its result
            printed.write("".join(traceback.format_exception_only(error)))
    return printed.getvalue()


def _described(exchange: Exchange) -> list[str]:
    """What the server saw, as far as a step is about it."""
    told = {"host", "content-type", "authorization"}
    lines = [f"  server received {exchange.request_line}"]
    lines += [
        f"                  {name}: {redact_field(name, value)}"
        for name, value in exchange.fields
        if name.lower() in told
    ]
    if exchange.body:
        lines.append(f"                  {exchange.body.decode()}")
    lines.append(f"  server answered {exchange.status or 'nothing'}")
    return lines


def _indented(text: str, margin: str) -> str:
    return "\n".join(f"{margin}{line}".rstrip() for line in text.rstrip("\n").split("\n"))
