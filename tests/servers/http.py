"""An HTTP/1.1 server over plain sockets, which records exactly what it received and sends exactly what it is told.

Its own parser is small and literal (RFC 9112): it reads what the client under test sends and repairs nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Union
from urllib.parse import parse_qs, parse_qsl

from ._listener import LIMIT, Listener, Peer, TLSInfo, field_line, wait_until

__all__ = ["Handler", "Received", "RecordingServer", "Reply", "echo", "slowly"]


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    body: bytes = b""
    chunks: list[bytes] | None = None
    trailers: list[tuple[str, str]] = field(default_factory=list)
    connection: int = 1
    sequence: int = 1
    tls: TLSInfo | None = None

    def getlist(self, name: str) -> list[str]:
        """The values of all fields called *name*, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str, default: str | None = None) -> str | None:
        """The value of the field *name*, repeats joined with ', '; *default* when there is none."""
        return ", ".join(values) if (values := self.getlist(name)) else default

    @property
    def names(self) -> list[str]:
        """The field names as they were written, in order."""
        return [name for name, _ in self.headers]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (pair.partition("=") for value in self.getlist("cookie") for pair in value.split("; "))
        return {name: value for name, _, value in pairs}


Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]


@dataclass
class Reply:
    """What the server answers.

    *body* is bytes, str (sent as UTF-8) or an iterable of bytes, each item sent by itself. *framing* is 'length',
    'chunked', 'close' (the end of the connection ends the body) or 'none' (only what *headers* say); by default
    bytes have a length and iterables are chunked, unless *headers* already carry Content-Length or
    Transfer-Encoding. No other field is added. *interim* answers, (status, headers), go out first. *close* ends the
    connection afterwards; *takeover* gets the open connection instead (after 101, say).
    """

    status: int = 200
    headers: Headers = ()
    body: Any = b""
    reason: str | None = None
    version: str = "HTTP/1.1"
    framing: str | None = None
    interim: Sequence[tuple[int, Headers]] = ()
    trailers: Headers = ()
    close: bool = False
    takeover: Callable[[Peer], None] | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> Reply:
        """*value* as a JSON document."""
        return cls(
            status, [("Content-Type", "application/json"), *pairs(headers)], json.dumps(value).encode()
        )

    @classmethod
    def text(cls, text: str, status: int = 200, headers: Headers = ()) -> Reply:
        """*text* as UTF-8, and saying so."""
        return cls(status, [("Content-Type", "text/plain; charset=utf-8"), *pairs(headers)], text.encode())

    @classmethod
    def redirect(cls, location: str, status: int = 302, headers: Headers = ()) -> Reply:
        """A redirect with an empty body."""
        return cls(status, [("Location", location), *pairs(headers)])


Answer = Union[Reply, bytes, str, None]
Handler = Union[Callable[[Received], Answer], Mapping[str, Any], Sequence[Any], Reply, None]


def pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def echo(request: Received) -> Reply:
    """Answer with a JSON document of what arrived: method, target, headers (pairs) and body (as ISO-8859-1)."""
    return Reply.json(
        {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": request.body.decode("latin-1"),
            "connection": request.connection,
        }
    )


class RecordingServer(Listener):
    """A threaded keep-alive HTTP/1.1 server. `requests` holds every request, in the order they were complete.

    *handler* is a callable(Received) -> Reply | bytes | str | None (None: close without an answer); or a mapping of
    paths to replies or callables (other paths give 404); or a list of replies and callables, used up in order (599
    when there are no more); or one Reply for all. Without it, `echo`.

    *tls* is an ssl.SSLContext (see the `ca` fixture). *on_expect* decides about `Expect: 100-continue`: True sends
    100 and reads the body, False waits for the body in silence, a callable(Received) gives a Reply, sent in place of
    reading the body, or None for 100.
    """

    def __init__(
        self,
        handler: Handler = None,
        *,
        host: str = "127.0.0.1",
        tls: Any = None,
        on_expect: bool | Callable[[Received], Reply | None] = True,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.handler = handler
        self.on_expect = on_expect
        self.requests: list[Received] = []
        self.malformed: list[bytes] = []
        self._used = 0
        self._lock = threading.Lock()

    @property
    def last(self) -> Received:
        """The newest request."""
        return self.requests[-1]

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.requests]

    def wait_for_requests(self, count: int, timeout: float = LIMIT) -> bool:
        """Wait until *count* requests are complete; whether they are."""
        return wait_until(lambda: len(self.requests) >= count, timeout)

    def serve(self, peer: Peer) -> None:
        sequence = 0
        while True:
            sequence += 1
            request = self._read(peer, sequence)
            if request is None:
                return
            reply = self._read_body(peer, request)
            if reply is None:
                with self._lock:
                    self.requests.append(request)
                reply = self.answer(request)
                if reply is None:
                    return
            if not self._send(peer, request, reply):
                return

    def answer(self, request: Received) -> Reply | None:
        """What to answer, as the handler says."""
        answer = self._choose(request)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, (bytes, str)):
            return Reply(body=answer)
        assert answer is None or isinstance(answer, Reply), f"a handler answered {answer!r}"
        return answer

    def _choose(self, request: Received) -> Any:
        handler = self.handler
        if handler is None:
            return echo
        if isinstance(handler, Mapping):
            return handler.get(request.target, handler.get(request.path, Reply(404)))
        if isinstance(handler, Sequence) and not isinstance(handler, (bytes, str)):
            with self._lock:
                self._used += 1
                return (
                    handler[self._used - 1]
                    if self._used <= len(handler)
                    else Reply(599, reason="No More Replies")
                )
        return handler

    def _read(self, peer: Peer, sequence: int) -> Received | None:
        head = peer.read_head()
        first, *lines = head[:-4].split(b"\r\n")
        words = first.decode("latin-1").split(" ")
        if len(words) != 3 or any(b":" not in line for line in lines):
            self.malformed.append(head)
            peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        fields = [field_line(line) for line in lines]
        method, target, version = words
        return Received(
            method, target, version, fields, head, connection=peer.number, sequence=sequence, tls=peer.tls
        )

    def _read_body(self, peer: Peer, request: Received) -> Reply | None:
        """Read the body into *request*; or the Reply that an expectation is answered with instead."""
        if (request.header("expect") or "").lower() == "100-continue" and self.on_expect is not False:
            reply = self.on_expect(request) if callable(self.on_expect) else None
            if reply is not None:
                reply.close = peer.gently = True
                self.requests.append(request)
                return reply
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in (request.header("transfer-encoding") or "").lower():
            request.chunks, request.trailers = peer.read_chunks()
            request.body = b"".join(request.chunks)
        elif length := request.getlist("content-length"):
            request.body = peer.read_exactly(int(length[0]))
        return None

    def _send(self, peer: Peer, request: Received, reply: Reply) -> bool:
        """Send *reply*; whether the connection goes on."""
        for status, headers in reply.interim:
            peer.send(head(Reply(status, headers), pairs(headers)))
        fields, framing, body = framed(request, reply)
        peer.send(head(reply, fields) + (body if isinstance(body, bytes) else b""))
        if not isinstance(body, bytes):
            self._send_pieces(peer, body, framing, reply)
        if reply.takeover is not None:
            reply.takeover(peer)
            return False
        return not (reply.close or framing == "close" or wants_close(request, fields))

    def _send_pieces(self, peer: Peer, body: Iterable[bytes], framing: str, reply: Reply) -> None:
        for piece in body:
            peer.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)
        if framing == "chunked":
            peer.send(b"0\r\n" + field_lines(pairs(reply.trailers)) + b"\r\n")


def framed(request: Received, reply: Reply) -> tuple[list[tuple[str, str]], str, bytes | Iterable[bytes]]:
    """The fields to send, the framing, and the body: bytes that follow the head at once, or pieces."""
    fields = pairs(reply.headers)
    body: Any = reply.body.encode() if isinstance(reply.body, str) else reply.body
    whole = isinstance(body, (bytes, bytearray))
    given = {name.lower(): value.lower() for name, value in fields}
    framing = reply.framing
    if framing is None:
        if "transfer-encoding" in given:
            framing = "chunked" if "chunked" in given["transfer-encoding"] else "close"
        elif "content-length" in given or reply.status < 200 or reply.status in (204, 304):
            framing = "none"
        else:
            framing = "length" if whole else "chunked"
    if framing == "length":
        body = bytes(body) if whole else b"".join(body)
        fields.append(("Content-Length", str(len(body))))
    if framing == "chunked" and "transfer-encoding" not in given:
        fields.append(("Transfer-Encoding", "chunked"))
    if request.method == "HEAD" or reply.status < 200 or reply.status in (204, 304):
        return fields, framing, b""
    if framing == "chunked" and isinstance(body, (bytes, bytearray)):
        return fields, framing, [bytes(body)] if body else []
    return fields, framing, body


def head(reply: Reply, fields: list[tuple[str, str]]) -> bytes:
    reason = reply.reason
    if reason is None:
        reason = HTTPStatus(reply.status).phrase if reply.status in HTTPStatus._value2member_map_ else ""
    return f"{reply.version} {reply.status} {reason}\r\n".encode("latin-1") + field_lines(fields) + b"\r\n"


def field_lines(fields: list[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")


def wants_close(request: Received, fields: list[tuple[str, str]]) -> bool:
    """Whether one of the two has said that this is the last exchange on the connection (RFC 9112 section 9.3)."""
    said = ",".join(value for name, value in fields if name.lower() == "connection").lower()
    asked = (request.header("connection") or "").lower()
    if "close" in said or "close" in asked:
        return True
    return request.version == "HTTP/1.0" and "keep-alive" not in asked


def slowly(pieces: Iterable[bytes], delay: float = 0.002) -> Iterator[bytes]:
    """*pieces* with a pause before each: a body that trickles."""
    for piece in pieces:
        time.sleep(delay)
        yield piece
