"""Writing the body of a request to an open socket, with an ear for an answer that comes before its end.

Here is how a request is framed (RFC 9112 §6), how a body of any kind becomes bytes, and when a client stops
sending because the server has answered (RFC 9112 §9.5). Nothing here opens, closes or reuses a connection.
"""

from __future__ import annotations

import errno
import io
import math
import os
import select
import socket
import ssl
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from ..exceptions import InvalidHeader, RequestException
from . import http11
from .deadlines import TimedSocket, Waits

__all__ = [
    "HUNG_UP",
    "EarlyAnswer",
    "UnfinishedBody",
    "Upload",
    "empty_body",
    "framing",
    "framing_of",
    "hear_in_spite",
    "receive_waiting",
    "says_close",
]

#: How a server that takes no more of a request looks from here.
HUNG_UP = (
    BrokenPipeError,
    ConnectionResetError,
    ConnectionAbortedError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
_RECEIVE_SIZE = 65_536
#: Bytes read from a file at a time, and bytes handed to the kernel.
BLOCK = 65_536
_SLICE = 4_194_304
#: Why the kernel may refuse to copy a file, which then is read.
_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EOVERFLOW)

# Linux has poll() everywhere; where it is missing, or replaced by a cooperative scheduler, select() serves.
_poll = getattr(select, "poll", None)
_IN, _OUT = getattr(select, "POLLIN", 1), getattr(select, "POLLOUT", 4)


class UnfinishedBody(RequestException, ValueError):
    """The body of a request has another length than its Content-Length says."""


# -- framing


def framing(body: Any, method: str, *, chunked: bool) -> list[tuple[str, str]]:
    """The framing field for a request whose fields have none (RFC 9112 §6)."""
    if body is None:
        return (
            []
            if method in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "DELETE")
            else [("Content-Length", "0")]
        )
    if not chunked and isinstance(body, (bytes, bytearray, memoryview)):
        return [("Content-Length", str(memoryview(body).nbytes))]
    if not chunked and isinstance(body, str):
        return [("Content-Length", str(len(body.encode("utf-8"))))]
    return [("Transfer-Encoding", "chunked")]


def framing_of(fields: list[tuple[str, Any]]) -> tuple[int | None, bool]:
    """Content-Length, and whether the body is chunked, as the fields to be sent say.

    Raises InvalidHeader for both, and for a transfer coding that does not end with chunked.
    """
    length, coding = None, None
    for name, value in fields:
        size = len(name)
        if size == 14 and name.lower() == "content-length":
            text = _text(value)
            if not text.isascii() or not text.isdigit() or (length is not None and int(text) != length):
                raise InvalidHeader("Content-Length: give one decimal number, or leave it to httpkit")
            length = int(text)
        elif size == 17 and name.lower() == "transfer-encoding":
            coding = _text(value)
    if coding is None:
        return length, False
    if length is not None:
        raise InvalidHeader("a request has Content-Length or Transfer-Encoding, not both (RFC 9112 §6.2)")
    if coding.rpartition(",")[2].strip(" \t").lower() != "chunked":
        raise InvalidHeader("Transfer-Encoding: the last coding of a request is chunked (RFC 9112 §6.1)")
    return None, True


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def empty_body(fields: list[tuple[str, Any]]) -> bytes:
    """What a message without a body ends with, as *fields* frame it.

    Raises UnfinishedBody when they promise a body: the server would take the next request for it.
    """
    length, chunked = framing_of(fields)
    if length:
        raise UnfinishedBody(f"there is no body, and Content-Length says {length}")
    return b"0\r\n\r\n" if chunked else b""


def says_close(fields: list[tuple[str, Any]]) -> bool:
    """True when *fields* ask for the connection to be closed after the answer (RFC 9112 §9.6)."""
    return any(
        name.lower() == "connection"
        and "close" in [option.strip(" \t") for option in _text(value).lower().split(",")]
        for name, value in fields
    )


# -- hearing


class EarlyAnswer:
    """What the server has said while it was still being spoken to."""

    __slots__ = ("began", "ended", "found", "reader")

    def __init__(self, reader: http11.HeadReader) -> None:
        self.reader = reader
        self.found: tuple[http11.Head, bytes] | None = None
        #: True once a byte has come, and once the server has said that none will come.
        self.began = False
        self.ended = False

    @property
    def is_final(self) -> bool:
        """True when there is nothing to wait for: the answer is there, or the connection has ended."""
        return self.found is not None or self.ended

    @property
    def refuses(self) -> bool:
        """True when there is no use in sending more: the server has declined, or cannot answer any more.

        A server that agrees may answer while it still reads, as those do that echo or convert a stream.
        """
        return self.ended or (self.found is not None and self.found[0].status >= 300)

    def feed(self, data: bytes) -> None:
        """Take what has come, empty at the end of the connection. Raises MalformedResponse."""
        if data:
            self.began = True
            self.found = self.reader.feed(data)
        else:
            self.ended = True


def receive_waiting(sock: Any) -> bytes | None:
    """What has arrived, empty at the end of the connection; None when there is nothing for us yet, such as a
    record of TLS alone.
    """
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        return cast(bytes, sock.recv(_RECEIVE_SIZE))
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError:
        return b""
    finally:
        sock.settimeout(timeout)


def hear_in_spite(sock: Any, answer: EarlyAnswer) -> bool:
    """Read the *answer* of a server that took no more of the request; False when there is none."""
    try:
        while not answer.is_final:
            answer.feed(sock.recv(_RECEIVE_SIZE))
    except OSError as error:
        if isinstance(error, RequestException):
            raise
    return answer.found is not None


# -- sending


class Upload:
    """One body on its way through *sock*, whose timeout limits each wait; *answer* gets what comes back.

    *waits* are the limits of the call that it is part of.
    """

    def __init__(
        self, sock: Any, answer: EarlyAnswer, block: int = BLOCK, waits: Waits | None = None
    ) -> None:
        self._sock = sock
        self._answer = answer
        self._block = block
        self._waits = waits
        self._plain = sock if waits is None else TimedSocket(sock, waits)
        self._timeout = sock.gettimeout()
        # Others, such as TLS within TLS, cannot wait for two things at once.
        self._listens = isinstance(sock, (socket.socket, ssl.SSLSocket))
        self._inputs: Any = None
        self._broken: OSError | None = None

    def send(self, body: Any, length: int | None, chunked: bool) -> bool:
        """Write *body*, framed; False when the server has answered, and wants no more of it.

        Raises UnfinishedBody when it has another length than *length*; what reading it raises; and OSError.
        """
        if self._listens:
            self._sock.settimeout(0)
        try:
            if length and not chunked and _can_sendfile(self._sock, body):
                done = self._send_file(body, length)
            else:
                done = self._send_pieces(_pieces(body, self._block, length), length, chunked)
        finally:
            self._sock.settimeout(self._timeout)
        if self._broken is not None and not hear_in_spite(self._plain, self._answer):
            raise self._broken
        return done

    def _send_pieces(self, pieces: Iterable[Any], length: int | None, chunked: bool) -> bool:
        left = 0 if length is None else length
        for piece in pieces:
            size = len(piece)
            if not size:
                continue
            if not chunked:
                left -= size
                if left < 0:
                    raise UnfinishedBody(
                        f"the body is longer than the {length} bytes that Content-Length says"
                    )
            sent = self._write_chunk(piece) if chunked else self._write(piece)
            if not sent or ((chunked or left) and self._is_refused()):
                return False
        if left:
            raise UnfinishedBody(f"the body ended {left} bytes before the {length} that Content-Length says")
        return self._write(b"0\r\n\r\n") if chunked else True

    def _write_chunk(self, piece: Any) -> bool:
        before, after = http11.encode_chunk(piece)
        if len(piece) <= BLOCK:
            return self._write(b"".join((before, piece, after)))
        return self._write(before) and self._write(piece) and self._write(after)

    def _send_file(self, file: Any, length: int) -> bool:
        """Let the kernel copy *file* to the socket, from its position on and leaving it after what was sent."""
        offset = start = file.tell()
        end = start + length
        try:
            while offset < end:
                try:
                    sent = os.sendfile(self._sock.fileno(), file.fileno(), offset, min(end - offset, _SLICE))
                except BlockingIOError:
                    if self._wait(_OUT):
                        continue
                    return False
                except HUNG_UP as error:
                    self._broken = error
                    return False
                except OSError as error:
                    if offset == start and error.errno in _NO_SENDFILE:
                        return self._send_pieces(_pieces(file, self._block, length), length, chunked=False)
                    raise
                if not sent:
                    raise UnfinishedBody(
                        f"the file ended {end - offset} bytes before the {length} that Content-Length says"
                    )
                offset += sent
                if offset < end and self._is_refused():
                    return False
        finally:
            if offset > start:
                file.seek(offset)
        return True

    def _write(self, data: Any) -> bool:
        """Write all of *data*; False when the server wants no more."""
        view = memoryview(data)
        try:
            if not self._listens:
                self._plain.sendall(view)
                return True
            while view:
                wanted = 0
                try:
                    view = view[self._sock.send(view) :]
                except (BlockingIOError, ssl.SSLWantWriteError):
                    wanted = _OUT
                except ssl.SSLWantReadError:
                    wanted = _IN
                if wanted and not self._wait(wanted):
                    return False
            return True
        except HUNG_UP as error:
            self._broken = error
            return False

    def _wait(self, wanted: int) -> bool:
        """Wait until the socket can be written, or read; False when what came meanwhile is a refusal."""
        hears = not self._answer.is_final
        limit = self._timeout if self._waits is None else self._waits.within()
        ready = _wait_for(self._sock, wanted | (_IN if hears else 0), limit)
        if not ready:
            overdue = TimeoutError("timed out")
            raise overdue if self._waits is None else self._waits.late(overdue)
        if hears and ready & ~_OUT:
            self._hear()
        return not self._answer.refuses

    def _is_refused(self) -> bool:
        """Look without waiting whether an answer has come that is a refusal."""
        if self._waits is not None:
            self._waits.within()
        if not self._listens or self._answer.is_final:
            return False
        if self._has_input():
            self._hear()
        return self._answer.refuses

    def _has_input(self) -> bool:
        sock = self._sock
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        if _poll is None:
            return bool(_wait_for(sock, _IN, 0))
        if self._inputs is None:
            self._inputs = _poll()
            self._inputs.register(sock, _IN)
        return bool(self._inputs.poll(0))

    def _hear(self) -> None:
        data = receive_waiting(self._sock)
        if data is not None:
            self._answer.feed(data)


def _wait_for(sock: Any, wanted: int, timeout: float | None) -> int:
    """Which of *wanted* the socket is ready for within *timeout* seconds; 0 for none."""
    if _poll is None:
        readable, writable, _ = select.select(
            [sock] if wanted & _IN else [], [sock] if wanted & _OUT else [], [], timeout
        )
        return (_IN if readable else 0) | (_OUT if writable else 0)
    poller = _poll()
    poller.register(sock, wanted)
    events = poller.poll(None if timeout is None else math.ceil(timeout * 1000))
    return cast(int, events[0][1]) if events else 0


# -- bodies as bytes


def _pieces(body: Any, block: int, length: int | None) -> Iterable[Any]:
    """The content of *body* in pieces of bytes: a whole, a file, or an iterable of bytes and text.

    Of a file no more is read than *length*: it may grow while it is sent, as logs do.
    """
    if isinstance(body, (bytes, bytearray, memoryview)):
        whole = memoryview(body)
        return (whole[start : start + _SLICE] for start in range(0, len(whole), _SLICE))
    read = getattr(body, "read", None)
    return map(_octets, body) if read is None else _read(read, block, length)


def _read(read: Callable[[int], Any], block: int, left: int | None) -> Iterator[Any]:
    while left is None or left > 0:
        piece = read(block if left is None else min(block, left))
        if not piece:
            return
        octets = _octets(piece)
        if left is not None:
            left -= len(octets)
        yield octets


def _octets(part: Any) -> Any:
    if isinstance(part, str):
        return part.encode("utf-8")
    if isinstance(part, memoryview):
        return part if part.format == "B" and part.contiguous else part.tobytes()
    if isinstance(part, (bytes, bytearray)):
        return part
    raise TypeError(f"a piece of the request body is {type(part).__name__}; give bytes or str")


def _can_sendfile(sock: Any, body: Any) -> bool:
    """True for a regular file opened for reading in binary, on a socket without TLS.

    Only for the plain classes: another one may read something else than what its descriptor has.
    """
    if not hasattr(os, "sendfile") or type(sock) is not socket.socket:
        return False
    raw = body.raw if type(body) is io.BufferedReader else body
    if type(raw) is not io.FileIO:
        return False
    try:
        return stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
    except (OSError, ValueError):
        return False
