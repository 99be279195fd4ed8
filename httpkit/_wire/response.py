"""The body of a response as it comes off a connection.

`BodyReader` gives it without its transfer coding, `WireResponse` on top of it without its content codings.

`WireResponse` is what `Response.raw` is: a `urllib3.response.BaseHTTPResponse`, because pandas, shutil and
recording libraries read it as one. Content decoders are urllib3's; how a body ends is `http11`'s. Nothing
here opens a connection: it is given one that can receive, and says when it is done with it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, cast

from urllib3._collections import HTTPHeaderDict
from urllib3.exceptions import DecodeError
from urllib3.response import BaseHTTPResponse

from ..exceptions import ChunkedEncodingError, RequestException
from . import http11

if TYPE_CHECKING:
    import socket

__all__ = ["BodyReader", "Lease", "WireResponse"]

#: Bytes asked of the socket at once when the reader does not say how many it wants.
RECEIVE_SIZE = 65_536
_ENDS = 2


class Lease(Protocol):
    """An open connection while it carries one exchange."""

    def receive(self, size: int) -> bytes:
        """Up to *size* bytes; empty at the end of the connection. Raises urllib3's errors."""
        ...

    def receive_into(self, buffer: memoryview) -> int:
        """The same, into *buffer*."""
        ...

    def give_back(self, *, reusable: bool) -> None:
        """End the exchange: the connection returns to its pool, or is closed. Harmless when called again."""

    def fileno(self) -> int: ...

    def belongs_to(self, pool: Any) -> None:
        """The connection is given back to *pool*, at once when the exchange has ended already."""

    def makefile(self) -> io.BufferedReader: ...

    def detach(self) -> socket.socket: ...

    @property
    def connection(self) -> Any: ...


class _Direct(io.RawIOBase):
    """Lets `io.BufferedReader` allocate one result and fill it from the connection, without a second copy."""

    def __init__(self, lease: Lease, body: http11.LengthBody, first: bytes) -> None:
        self._lease = lease
        self._body = body
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._first:
            size = min(len(buffer), len(self._first))
            buffer[:size] = self._first[:size]
            self._first = self._first[size:]
            return size
        body = self._body
        view = memoryview(buffer)[: body.remaining]
        if not view:
            return 0
        size = self._lease.receive_into(view)
        if not size:
            body.eof()
        body.remaining -= size
        body.done = not body.remaining
        return size


class BodyReader(io.RawIOBase):
    """The content of one body in the order in which it arrives.

    The connection is given back with the last byte of it.
    """

    def __init__(
        self, lease: Lease, body: http11.Body, first: bytes, *, persistent: bool, upgraded: bool = False
    ) -> None:
        self._lease: Lease | None = lease
        self._body = body
        self._persistent = persistent
        # After 101 the connection goes on, though not for HTTP: it waits for somebody to take it.
        self._upgraded = upgraded
        self._fault: Exception | None = None
        self._ready, self._at = b"", 0
        self._file: io.BufferedReader | None = None
        if first:
            try:
                self._ready = body.feed(first)
            except RequestException as fault:
                # The head was right: who reads the body is told what is wrong with it.
                self._fault = fault
                self._abort()
        if body.done and not self._ready:
            self._finish()

    @property
    def done(self) -> bool:
        """True when all of the body has been received; part of it may still be unread."""
        return self._body.done

    @property
    def exhausted(self) -> bool:
        """True when all of the body has been read."""
        return self._body.done and self._at >= len(self._ready)

    @property
    def closed(self) -> bool:
        """True when nothing more can be read; libraries that cache wait for that."""
        return super().closed or self.exhausted

    def isclosed(self) -> bool:
        """The same, under http.client's name."""
        return self.closed

    def readable(self) -> bool:
        return True

    @property
    def fp(self) -> Any:
        """The socket of a 101 response as a file, where http.client has it and programs reach for it by
        hand.
        """
        if not self._upgraded or self._lease is None:
            raise AttributeError("fp")
        if self._file is None:
            self._file = self._lease.makefile()
        return self._file

    @property
    def lease(self) -> Lease | None:
        """The connection as long as there is something to read."""
        return self._lease

    def _finish(self) -> None:
        """Give the connection back, now that all was read."""
        if self._upgraded:
            return
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.give_back(reusable=self._persistent and not self._body.excess)

    def _abort(self) -> None:
        lease, self._lease = self._lease, None
        if self._file is not None:
            self._file.close()
        if lease is not None:
            lease.give_back(reusable=False)

    def _receive(self, wanted: int) -> bytes:
        """The next content, possibly more than *wanted*; empty only when the body is done."""
        body, lease = self._body, self._lease
        if self._fault is not None:
            raise self._fault
        if body.done:
            return b""
        if lease is None:
            raise ChunkedEncodingError("the response was closed before its body was read to the end")
        content = b""
        try:
            while not content and not body.done:
                data = lease.receive(max(wanted, RECEIVE_SIZE))
                if not data:
                    body.eof()
                content = body.feed(data)
        except BaseException:
            self._abort()
            raise
        return content

    def _passed(self, piece: bytes) -> bytes:
        """*piece*, which goes to the reader. After the last one the connection is given back."""
        if self._lease is not None and self._body.done and self._at >= len(self._ready):
            self._finish()
        return piece

    def read1(self, amt: int | None = -1) -> bytes:
        """At most *amt* bytes with at most one wait."""
        if self._at >= len(self._ready):
            self._ready, self._at = self._receive(amt or 0), 0
        stop = len(self._ready) if amt is None or amt < 0 else self._at + amt
        piece = self._ready[self._at : stop]
        self._at += len(piece)
        return self._passed(piece)

    def read(self, amt: int | None = None) -> bytes:
        """*amt* bytes, fewer only at the end; without *amt* all that remains."""
        if amt is None or amt < 0:
            return self._read_all()
        start = self._at
        if start + amt <= len(self._ready):
            self._at = start + amt
            return self._passed(self._ready[start : start + amt])
        pieces = [self._ready[start:]] if start < len(self._ready) else []
        missing = amt - sum(map(len, pieces))
        self._ready, self._at = b"", 0
        while missing:
            piece = self._receive(missing)
            if not piece:
                break
            if len(piece) > missing:
                self._ready, self._at = piece, missing
                piece = piece[:missing]
            pieces.append(piece)
            missing -= len(piece)
        return self._passed(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _read_all(self) -> bytes:
        first = self._ready[self._at :] if self._at else self._ready
        self._ready, self._at = b"", 0
        body = self._body
        if body.done and self._fault is None:
            return self._passed(first)
        if isinstance(body, http11.LengthBody) and body.remaining > RECEIVE_SIZE and self._lease is not None:
            return self._read_known(first, body, self._lease)
        whole = io.BytesIO()
        whole.write(first)
        while piece := self._receive(RECEIVE_SIZE):
            whole.write(piece)
        return self._passed(whole.getvalue())

    def _read_known(self, first: bytes, body: http11.LengthBody, lease: Lease) -> bytes:
        """All of a long body of known length, received straight into the result."""
        direct = io.BufferedReader(_Direct(lease, body, first), RECEIVE_SIZE)
        try:
            content = direct.read(len(first) + body.remaining)
        except BaseException:
            self._abort()
            raise
        return self._passed(content)

    def readinto(self, buffer: Any) -> int:
        piece = self.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def fileno(self) -> int:
        if self._lease is None:
            raise io.UnsupportedOperation(
                "the body was received, or given up: the response has no connection any more"
            )
        return self._lease.fileno()

    def detach(self) -> tuple[socket.socket, bytes]:
        """The socket, for the caller to own, and what has arrived beyond the message."""
        lease, self._lease = self._lease, None
        if lease is None:
            raise ValueError(
                "there is no socket to detach: it is gone, closed with the response or taken already"
            )
        return lease.detach(), self._body.excess

    def close(self) -> None:
        """Give up the rest. A connection with unread bytes is closed."""
        self._abort()
        super().close()


class WireResponse(BaseHTTPResponse):
    """A response on a connection of ours, as urllib3 shows one.

    `read()` and its kin give the body as it was sent unless *decode_content* is true, which removes the
    content codings (RFC 9110 §8.4). The attributes that other libraries look at are those of
    `urllib3.HTTPResponse`.
    """

    #: Tells `Response.content` that `read()` gives the whole body with our errors, without a second copy.
    reads_whole = True

    def __init__(
        self,
        head: http11.Head,
        lease: Lease,
        fp: BodyReader,
        *,
        url: str | None = None,
        decode_content: bool = False,
    ) -> None:
        # Not the base's __init__: it copies and scans the fields, which is a third of what a small response
        # may cost.
        self.head = head
        self._fields: HTTPHeaderDict | None = None
        self.status = head.status
        self.version = head.version
        self.version_string = "HTTP/1.1" if head.version >= 11 else "HTTP/1.0"
        self.reason = head.reason
        self.decode_content = decode_content
        self.chunked = isinstance(fp._body, http11.ChunkedBody)
        # Libraries that cache put a wrapper of theirs here, so all reading goes by way of it.
        self._fp: Any = fp
        self._reader = fp
        self._lease = lease
        self._target = url
        self._retries = None
        self._decoder = None
        self._decoder_initialized = False
        self._has_decoded_content = False
        self._decoded = b""
        self._decoded_at = 0
        self._flushed = False
        self._tell = 0
        self._ends = 0
        self._closed_by_hand = False
        self._body: bytes | None = None

    # -- what the head says

    @property
    def headers(self) -> HTTPHeaderDict:
        """The fields, repeats included."""
        if self._fields is None:
            fields = HTTPHeaderDict()
            for name, value in self.head.fields:
                fields.add(name, value)
            self._fields = fields
        return self._fields

    @headers.setter
    def headers(self, fields: Any) -> None:
        self._fields = fields if isinstance(fields, HTTPHeaderDict) else HTTPHeaderDict(fields)

    @property
    def sets_cookies(self) -> bool:
        """True when there is a Set-Cookie field."""
        return any(len(name) == 10 and name.lower() == "set-cookie" for name, _ in self.head.fields)

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The fields after a chunked body; empty until the body was read (RFC 9112 §7.1.2)."""
        return getattr(self._reader._body, "trailers", [])

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """The value of the field *name*, repeats joined with a comma, or *default*."""
        fields = self.headers
        return fields.get(name, default)

    def info(self) -> HTTPHeaderDict:
        """The fields, under the name that `http.cookiejar` asks for."""
        return self.headers

    def getheaders(self) -> HTTPHeaderDict:
        """The fields."""
        return self.headers

    def geturl(self) -> str | None:
        """What was asked for: the request target, or what a retry has put in its place."""
        return self._target

    @property
    def url(self) -> str | None:
        """The same."""
        return self._target

    @url.setter
    def url(self, url: str | None) -> None:
        self._target = url

    # -- reading

    @property
    def length_remaining(self) -> int | None:  # type: ignore[override]  # the base has a plain attribute
        """Bytes of a body of known length that have not arrived yet; None for a body of unknown length."""
        body = self._reader._body
        return None if isinstance(body, (http11.ChunkedBody, http11.UntilCloseBody)) else body.remaining

    def _codings(self) -> bool:
        """True when the content is coded and we can decode it; sets up the decoder on the first question."""
        if not self._decoder_initialized:
            if any(len(name) == 16 and name.lower() == "content-encoding" for name, _ in self.head.fields):
                self._init_decoder()
            self._decoder_initialized = True
        return self._decoder is not None

    def read(
        self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False
    ) -> bytes:
        """*amt* bytes, fewer only at the end; without *amt* all that remains."""
        if amt is not None and amt < 0:
            amt = None
        if self._plain(decode_content):
            data = self._fp.read() if amt is None else self._fp.read(amt)
            self._tell += len(data)
        else:
            data = self._read_decoded(amt)
        if cache_content:
            self._body = data
        if not data and amt != 0:
            self._ends += 1
        return cast(bytes, data)

    def _plain(self, decode_content: bool | None) -> bool:
        """True when bytes pass as they are. Going back to coded bytes after decoded ones would lose some."""
        wanted = self.decode_content if decode_content is None else decode_content
        if wanted and self._codings():
            return False
        if self._has_decoded_content:
            raise RuntimeError("read(decode_content=False) after decoded content was read")
        return True

    def _read_decoded(self, amt: int | None) -> bytes:
        if amt is None:
            whole = io.BytesIO()
            while piece := self._take_decoded(RECEIVE_SIZE):
                whole.write(piece)
            return whole.getvalue()
        pieces = []
        while amt and (piece := self._take_decoded(amt)):
            pieces.append(piece)
            amt -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_decoded(self, most: int) -> bytes:
        """Up to *most* bytes of decoded content; empty at the end."""
        if self._decoded_at >= len(self._decoded):
            self._decoded, self._decoded_at = self._decode_more(), 0
        piece = self._decoded[self._decoded_at : self._decoded_at + most]
        self._decoded_at += len(piece)
        return piece

    def _decode_more(self) -> bytes:
        """The next piece of decoded content, of bounded size whatever the ratio of compression; empty at
        the end.
        """
        self._has_decoded_content = True
        while not self._flushed:
            data = b""
            if not cast(Any, self._decoder).has_unconsumed_tail:
                data = (
                    self._fp.read1(RECEIVE_SIZE)
                    if hasattr(self._fp, "read1")
                    else self._fp.read(RECEIVE_SIZE)
                )
                self._tell += len(data)
                self._flushed = not data
            content = self._decompress(data)
            if content:
                return content
        return b""

    def _decompress(self, data: bytes) -> bytes:
        decoder = cast(Any, self._decoder)
        try:
            if self._flushed:
                content = decoder.flush()
                if self._tell:
                    _check_complete(decoder)
                return cast(bytes, content)
            return cast(bytes, decoder.decompress(data, max_length=RECEIVE_SIZE * 4))
        except _undecodable() as error:
            self._reader._abort()
            coding = self.headers.get("content-encoding", "")
            raise DecodeError(
                f"the content does not decode as Content-Encoding {coding!r} says: {error}", error
            ) from error

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """At most *amt* bytes, with at most one wait where the content is not coded."""
        if self._plain(decode_content):
            data = cast(bytes, self._fp.read1(-1 if amt is None else amt))
            self._tell += len(data)
        else:
            data = self._take_decoded(RECEIVE_SIZE if amt is None or amt < 0 else amt)
        if not data and amt != 0:
            self._ends += 1
        return data

    def stream(self, amt: int | None = RECEIVE_SIZE, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body in pieces of *amt* bytes; a chunked one, or one without *amt*, in pieces of at most that
        as they arrive.
        """
        if amt == 0:
            raise ValueError("amt is 0; it must be positive, or None for pieces as they arrive")
        read = self.read1 if self.chunked or amt is None else self.read
        while piece := read(amt, decode_content):
            yield piece

    def read_chunked(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        """The content of a chunked body as it arrives."""
        return self.stream(amt, decode_content)

    def supports_chunked_reads(self) -> bool:
        """False: the transfer coding is removed below this class."""
        return False

    @property
    def data(self) -> bytes:
        """The whole body, kept."""
        if self._body is None:
            self._body = self.read()
        return self._body

    def readinto(self, b: Any) -> int:
        """Fill *b* as far as the body goes."""
        piece = self.read(len(b))
        b[: len(piece)] = piece
        return len(piece)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        """Bytes read from the connection, before content decoding."""
        return self._tell

    def flush(self) -> None:
        """Nothing is buffered for writing."""

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for piece in self.stream(decode_content=True):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest

    # -- the connection

    @property
    def _pool(self) -> Any:
        """urllib3's `urlopen` names the pool here, after the head was read."""
        return None

    @_pool.setter
    def _pool(self, pool: Any) -> None:
        self._lease.belongs_to(pool)

    @property
    def connection(self) -> Any:
        """The connection as long as there is something to read."""
        lease = self._reader.lease
        return None if lease is None else lease.connection

    @property
    def _connection(self) -> Any:
        """The same, under the name by which programs reach for the socket; urllib3's `urlopen` sets it as well."""
        return self.connection

    @_connection.setter
    def _connection(self, connection: Any) -> None:
        """The lease knows its connection."""

    def fileno(self) -> int:
        return cast(int, self._fp.fileno())

    def isclosed(self) -> bool:
        """True when nothing more can be read."""
        return self._reader.closed and self._decoded_at >= len(self._decoded)

    @property
    def closed(self) -> bool:
        """True after `close()`, and when the end of the body was read twice.

        Once would be too early for what wraps a file, such as `io.TextIOWrapper`, which asks again; never
        would be too late for programs that read until it is closed.
        """
        return self._closed_by_hand or self._ends >= _ENDS

    def close(self) -> None:
        """Give up the rest of the body."""
        self._closed_by_hand = True
        self._reader._abort()

    def release_conn(self) -> None:
        """End the exchange.

        The connection was returned with the last byte; with bytes missing it is closed.
        """
        self._reader._abort()

    def drain_conn(self) -> None:
        """Read the rest and forget it, so that the connection can be used again."""
        while self._fp.read(RECEIVE_SIZE):
            pass

    def shutdown(self) -> None:
        """Wake a thread that is blocked reading this response."""
        import socket

        if not self._reader.done:
            with socket.fromfd(self._lease.fileno(), socket.AF_INET, socket.SOCK_STREAM) as twin:
                twin.shutdown(socket.SHUT_RD)

    def detach_socket(self) -> tuple[socket.socket, bytes]:
        """The open socket of a 101 response and the bytes that came right after its head. The caller owns it.

        Raises ValueError for another response, and when the socket is gone already.
        """
        if self.status != 101:
            raise ValueError(
                f"there is no socket to detach: the server did not switch protocols, it answered {self.status}"
            )
        return self._reader.detach()


def _undecodable() -> tuple[type[Exception], ...]:
    return (*BaseHTTPResponse.DECODER_ERROR_CLASSES, DecodeError)


def _check_complete(decoder: Any) -> None:
    """Raise when the compressed stream lacks its end: a truncated download must not look like a whole one."""
    for one in getattr(decoder, "_decoders", [decoder]):
        inner: Any = getattr(one, "_obj", None)
        finished = getattr(inner, "eof", None)
        if finished is None and hasattr(inner, "is_finished"):
            finished = inner.is_finished()
        if finished is False:
            raise DecodeError("the compressed stream ended early")
