"""The body of a response as it comes off a connection.

`BodyReader` gives it without its transfer coding, `WireResponse` on top of it without its content codings.

`WireResponse` is what `Response.raw` is: a `urllib3.response.BaseHTTPResponse`, because pandas, shutil and
recording libraries read it as one; its errors are urllib3's. Content codings are `decoding`'s, how a body ends is
`http11`'s. Nothing here opens a connection: it is given one that can receive, and says when it is done with it.

After a fault, an interruption or an early `close()` every further read fails: what is left never passes for the
end of a whole body.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from urllib3._collections import HTTPHeaderDict
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from ..exceptions import ChunkedEncodingError, RequestException, ResponseCancelled, ResponseTooLarge
from ..timeouts import UNSET, Unset
from . import decoding, http11

if TYPE_CHECKING:
    import socket

    Self = TypeVar("Self", bound="BodyReader")

__all__ = ["BodyReader", "Lease", "WireResponse"]

#: Bytes asked of the socket at once when the reader does not say how many it wants.
RECEIVE_SIZE = 65_536
#: From this size on a read is received straight into its result; less than this of it goes through a buffer.
_LARGE = 16_384
_SMALL = 4_096
#: At most so many at once, however many are wanted: the buffer is allocated before anything arrives.
_MOST_AT_ONCE = 1_048_576
#: A body that claims to be longer is collected as it comes, rather than into memory reserved on its word.
_MOST_RESERVED = 1_073_741_824
#: What of a body is read in order to use its connection again; of a longer one the connection is closed.
_WORTH_DRAINING = 1_048_576
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

    def cancel(self) -> None:
        """Wake who receives, and let nothing more be received. From any thread, at any time, more than once."""

    def belongs_to(self, pool: Any) -> None:
        """The connection is given back to *pool*, at once when the exchange has ended already."""

    def makefile(self) -> io.BufferedReader: ...

    def detach(self) -> socket.socket: ...

    @property
    def connection(self) -> Any: ...


class _Direct(io.RawIOBase):
    """Lets `io.BufferedReader` allocate one result and fill it from the connection, without a second copy.

    It ends where the read that it is offered for ends, so nothing stays in a buffer between two reads.
    """

    def __init__(self, lease: Lease, body: http11.LengthBody) -> None:
        self._lease = lease
        self._body = body
        self._first = b""
        self._left = 0

    def offer(self, first: bytes, size: int) -> None:
        """*size* bytes from now on: *first*, which have arrived already, and then what comes."""
        self._first = first
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._first:
            size = min(len(buffer), len(self._first))
            buffer[:size] = self._first[:size]
            self._first = self._first[size:]
            self._left -= size
            return size
        body = self._body
        room = min(self._left, body.remaining)
        if not room:
            return 0
        size = self._lease.receive_into(memoryview(buffer)[:room])
        if not size:
            body.eof()
        self._left -= size
        body.remaining -= size
        body.done = not body.remaining
        return size


class _ByHand:
    """The connection as a file, where http.client has it and programs reach for it: `raw._fp.fp.raw` is what
    settles a timeout, or speaks another protocol after an Upgrade. Nothing happens before something is asked.
    """

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader.file_of_connection(), name)


class BodyReader:
    """The content of one body in the order in which it arrives.

    The connection is given back with the last byte of it. A file to those who read, but no `io.IOBase`, which would
    take its time with each small answer.
    """

    _filled: io.BufferedReader
    #: As http.client has it: 10 or 11.
    version = 11
    _is_closed = False
    _direct: _Direct | None = None

    def __init__(
        self, lease: Lease, body: http11.Body, first: bytes, persistent: bool, upgraded: bool = False
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
        return self._is_closed or self.exhausted

    def isclosed(self) -> bool:
        """The same, under http.client's name."""
        return self.closed

    def readable(self) -> bool:
        return True

    def _is_not(self) -> bool:
        """What a body is not: to be written to, to be moved in, a terminal."""
        return False

    writable = seekable = isatty = _is_not

    def flush(self) -> None:
        """Nothing is buffered for writing."""

    def readall(self) -> bytes:
        return self.read()

    def _cannot(self, *args: Any, **named: Any) -> int:
        raise io.UnsupportedOperation("the body of a response can be read, and forward only")

    tell = seek = truncate = write = _cannot

    def readline(self, size: int | None = -1) -> bytes:
        """The next line with its end."""
        return _AsFile(self).readline(size)

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def readlines(self, hint: int = -1) -> list[bytes]:
        return _AsFile(self).readlines(hint)

    def __iter__(self: Self) -> Self:
        return self.__enter__()

    def __enter__(self: Self) -> Self:
        if self.closed:
            raise ValueError("the body of the response was read to its end, or closed")
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def fp(self) -> Any:
        """The connection as a file, None when it was given back, by which libraries that cache know the end."""
        return None if self._lease is None else _ByHand(self)

    def file_of_connection(self) -> io.BufferedReader:
        """The file itself. Whoever reads it takes bytes from the body, so nobody else gets the connection."""
        if self._lease is None:
            raise ValueError("the response has no connection any more")
        if self._file is None:
            self._persistent = False
            self._file = self._lease.makefile()
        return self._file

    @property
    def chunked(self) -> bool:
        """True when the body came in the chunked coding."""
        return isinstance(self._body, http11.ChunkedBody)

    @property
    def chunk_left(self) -> int | None:
        """Bytes that belong to a chunk that has begun to arrive; None when there are none."""
        left = len(self._ready) - self._at
        return (left + self._body.remaining if isinstance(self._body, http11.ChunkedBody) else left) or None

    @property
    def arrived(self) -> int:
        """Bytes that can be read without waiting."""
        return len(self._ready) - self._at

    @property
    def lease(self) -> Lease | None:
        """The connection as long as there is something to read."""
        return self._lease

    def _finish(self) -> None:
        """Give the connection back, now that all was read."""
        if self._upgraded:
            return
        lease, self._lease = self._lease, None
        if self._file is not None:
            self._file.close()
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
                data = lease.receive(min(max(wanted, RECEIVE_SIZE), _MOST_AT_ONCE))
                if not data:
                    self._blame(None)
                    body.eof()
                content = body.feed(data)
        except BaseException as error:
            self._abort()
            self._blame(error)
            raise
        return content

    def _blame(self, error: BaseException | None) -> None:
        """Raise what another thread has ended the body with, rather than what that looks like here."""
        if self._fault is not None and self._fault is not error:
            raise self._fault from error

    def _passed(self, piece: bytes) -> bytes:
        """*piece*, which goes to the reader. After the last one the connection is given back."""
        if self._lease is not None and self._body.done and self._at >= len(self._ready):
            self._finish()
        return piece

    def read1(self, amt: int | None = -1) -> bytes:
        """At most *amt* bytes with at most one wait."""
        if amt == 0:
            return b""
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
        body, lease = self._body, self._lease
        if isinstance(body, http11.LengthBody) and lease is not None and _LARGE <= amt <= _MOST_RESERVED:
            first, self._ready, self._at = self._ready[start:], b"", 0
            return self._read_known(first, body, lease, min(amt, len(first) + body.remaining))
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
        self._ready, self._at, body = b"", 0, self._body
        if body.done and self._fault is None:
            self._finish()
            return first
        if (
            isinstance(body, http11.LengthBody)
            and RECEIVE_SIZE < body.remaining <= _MOST_RESERVED
            and self._lease is not None
        ):
            return self._read_known(first, body, self._lease, len(first) + body.remaining)
        whole = io.BytesIO()
        whole.write(first)
        while piece := self._receive(RECEIVE_SIZE):
            whole.write(piece)
        return self._passed(whole.getvalue())

    def _read_known(self, first: bytes, body: http11.LengthBody, lease: Lease, size: int) -> bytes:
        """*size* bytes of a body that has as many, received straight into the result; *first* are there already."""
        if self._direct is None:
            self._direct = _Direct(lease, body)
            self._filled = io.BufferedReader(self._direct, _SMALL)
        self._direct.offer(first, size)
        try:
            content = self._filled.read(size)
        except BaseException as error:
            self._abort()
            self._blame(error)
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
        self._is_closed = True
        self._abort()

    def cancel(self) -> None:
        """Give up the rest, also under a thread that waits for it: that gets ResponseCancelled."""
        lease = self._lease
        if lease is not None and not self._body.done:
            self._fault = self._fault or ResponseCancelled(
                "the response was cancelled before its body was read"
            )
            lease.cancel()


io.RawIOBase.register(BodyReader)


class _AsFile(io.RawIOBase):
    """The same for those who read lines. Its end is not the body's."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._reader.readinto(buffer)


class WireResponse(BaseHTTPResponse):
    """A response on a connection of ours, as urllib3 shows one.

    `read()` and its kin give the body as it was sent unless *decode_content* is true, which removes the
    content codings (RFC 9110 §8.4). The attributes that other libraries look at are those of
    `urllib3.HTTPResponse`.
    """

    # For what every call touches: attributes of a file of `io` are slow otherwise.
    __slots__ = (
        "_fp",
        "_lease",
        "_may_be_short",
        "_reader",
        "_target",
        "head",
        "is_on_kept_connection",
        "reason",
        "sets_cookies",
        "status",
    )

    #: What urllib3's has.
    auto_close = True
    enforce_content_length = True
    version = 11
    version_string = "HTTP/1.1"
    chunked = False
    decode_content = False
    _retries = None
    _decoder_initialized = False
    _has_decoded_content = False
    _fields: HTTPHeaderDict | None = None
    _decoding: decoding.Decoder | None = None
    _decoded = b""
    _decoded_at = 0
    _flushed = False
    _tell = 0
    _ends = 0
    _closed_by_hand = False
    _body: bytes | None = None
    _ratio: float | None = decoding.DEFAULT_RATIO
    _most: int | None = None
    _fault: Exception | None = None
    _came = 0
    _left: int | None = None

    def __init__(
        self,
        head: http11.Head,
        lease: Lease,
        fp: BodyReader,
        url: str | None = None,
        *,
        decode_content: bool = False,
    ) -> None:
        # Not the base's __init__: it copies and scans the fields, which is a third of what a small response
        # may cost.
        self.head = head
        names = head.by_name
        #: False when there is no Set-Cookie field.
        self.sets_cookies = names is None or "set-cookie" in names
        # Until something is read, bounded or given up.
        self._may_be_short = names is not None and "content-encoding" not in names
        self.status = head.status
        self.reason = head.reason
        # Libraries that cache put a wrapper of theirs here, so all reading goes by way of it.
        self._fp: Any = fp
        self._reader = fp
        self._lease = lease
        self._target = url
        #: Whether the connection had carried an answer before.
        self.is_on_kept_connection: bool | None = None
        if head.version < 11:
            self.version = fp.version = head.version
            self.version_string = "HTTP/1.0"
        if type(fp._body) is http11.ChunkedBody:
            self.chunked = True
        if decode_content:
            self.decode_content = True

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

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Names and values as they arrived, or as a program has changed `headers` since: caches do."""
        return self.head.fields if self._fields is None else self._fields.iteritems()

    def by_name(self) -> dict[str, tuple[str, str]] | None:
        """Names in lower case to names and values, for the caller to keep; None when a name repeats, or a program
        has changed `headers`.
        """
        known = self.head.by_name
        return None if known is None or self._fields is not None else known.copy()

    @property
    def trailers(self) -> HTTPHeaderDict:
        """The fields after a chunked body; empty until the body was read (RFC 9112 §7.1.2)."""
        fields = HTTPHeaderDict()
        for name, value in getattr(self._reader._body, "trailers", ()):
            fields.add(name, value)
        return fields

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
    def length_remaining(self) -> int | None:
        """Bytes of a body of known length that are still to be read; None for a body of unknown length."""
        if self._left is not None and self._fp is not self._reader:
            return self._left
        body = self._reader._body
        if isinstance(body, (http11.ChunkedBody, http11.UntilCloseBody)):
            return None
        return body.remaining + self._reader.arrived

    @length_remaining.setter
    def length_remaining(self, left: int | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # the base has a plain attribute
        # Caches say it together with the file that they put in the place of the connection.
        self._left = left

    @property
    def chunk_left(self) -> int | None:
        """Bytes of a chunk that has begun to arrive; None when there are none."""
        return self._reader.chunk_left if self.chunked else None

    def _update_chunk_length(self) -> None:
        """Nothing: chunks are the codec's. CacheControl wraps this."""

    def limit(
        self,
        *,
        max_response_size: int | Unset | None = UNSET,
        max_decompression_ratio: float | Unset | None = UNSET,
    ) -> None:
        """Bound what reading gives; a later read raises ResponseTooLarge. None is no limit.

        The size counts bytes as they are read: with content codings removed where they are removed.
        """
        self._may_be_short = False
        if max_response_size is not UNSET:
            self._most = max_response_size
        if max_decompression_ratio is not UNSET:
            self._ratio = max_decompression_ratio
            if self._decoding is not None:
                self._decoding.ratio = max_decompression_ratio

    def _codings(self) -> bool:
        """True when the content is coded and we can decode it; sets up the decoder on the first question."""
        if not self._decoder_initialized:
            self._init_decoder()
            self._decoder_initialized = True
        return self._decoding is not None

    def _init_decoder(self) -> None:
        codings = self.head.values("content-encoding")
        if codings:
            self._decoding = decoder = decoding.decoder_for(codings)
            if decoder is not None:
                decoder.ratio = self._ratio

    def read(
        self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False
    ) -> bytes:
        """*amt* bytes, fewer only at the end; without *amt* all that remains."""
        self._may_be_short = False
        if amt is not None and amt < 0:
            amt = None
        try:
            if not self._plain(decode_content):
                data = self._read_decoded(amt)
            elif self._most is not None:
                data = self._read_bounded(amt, self._most)
            else:
                data = self._fp.read() if amt is None else self._fp.read(amt)
                self._tell += len(data)
        except BaseException as error:
            known = self._broken(error)
            if known is error:
                raise
            raise known from error
        if cache_content:
            self._body = data
        if not data and amt != 0:
            self._ends += 1
        return data

    def read_to_end(self) -> bytes:
        """All that remains in one piece, content codings removed; with that the response is done with, and closed.

        Errors as `read`.
        """
        reader = self._reader
        if self._may_be_short and self._fp is reader:
            try:
                data: bytes = reader._read_all()
            except BaseException as error:
                known = self._broken(error)
                if known is error:
                    raise
                raise known from error
            self._tell = len(data)
            self._may_be_short = False
        else:
            data = self.read(decode_content=True)
        # After 101 there may still be a connection to close.
        self._closed_by_hand = reader.lease is None
        return data

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """At most *amt* bytes, with at most one wait where the content is not coded."""
        self._may_be_short = False
        if amt is not None and amt < 0:
            amt = None
        try:
            if self._plain(decode_content):
                if self._most is not None:
                    self._check_announced(self._most)
                data = self._receive(amt)
                if self._most is not None:
                    self._count(data, self._most)
            else:
                data = self._take_decoded(RECEIVE_SIZE if amt is None else amt)
        except BaseException as error:
            known = self._broken(error)
            if known is error:
                raise
            raise known from error
        if not data and amt != 0:
            self._ends += 1
        return data

    def _plain(self, decode_content: bool | None) -> bool:
        """True when bytes pass as they are. Going back to coded bytes after decoded ones would lose some."""
        if self._fault is not None:
            raise self._fault
        wanted = self.decode_content if decode_content is None else decode_content
        if wanted and self._codings():
            return False
        if self._has_decoded_content:
            raise _Misuse("coded bytes cannot be read after decoded ones: some of them are used up")
        return True

    def _receive(self, amt: int | None) -> bytes:
        """What has come, at most *amt* bytes, after at most one wait; empty at the end."""
        fp = self._fp
        if fp is self._reader:
            data: bytes = fp.read1(-1 if amt is None else amt)
        elif amt == 0:
            data = b""
        else:
            # A wrapper sees what goes through its read(), whatever else it passes on.
            data = fp.read(1)
            more = self._reader.arrived if amt is None else min(self._reader.arrived, amt - 1)
            if data and more > 0:
                data += fp.read(more)
        self._tell += len(data)
        return data

    def _read_bounded(self, amt: int | None, most: int) -> bytes:
        """As it comes, but no more than *most* in all. A body that announces more is not even begun."""
        self._check_announced(most)
        if amt is not None:
            data: bytes = self._fp.read(amt)
            self._tell += len(data)
            self._count(data, most)
            return data
        whole = io.BytesIO()
        while piece := self._receive(RECEIVE_SIZE):
            self._count(piece, most)
            whole.write(piece)
        return whole.getvalue()

    def _check_announced(self, most: int) -> None:
        body = self._reader._body
        if isinstance(body, http11.LengthBody) and body.length > most:
            raise ResponseTooLarge.by_size(most, body.length, announced=True)

    def _count(self, data: bytes, most: int) -> None:
        self._came += len(data)
        if self._came > most:
            raise ResponseTooLarge.by_size(most, self._came)

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
        if self._decoded_at >= len(self._decoded) and most:
            self._decoded, self._decoded_at = self._decode_more(), 0
        if not self._decoded_at and len(self._decoded) <= most:
            piece, self._decoded = self._decoded, b""
            return piece
        piece = self._decoded[self._decoded_at : self._decoded_at + most]
        self._decoded_at += len(piece)
        return piece

    def _decode_more(self) -> bytes:
        """The next piece of decoded content, of bounded size whatever the ratio of compression; empty at
        the end.
        """
        decoder = cast(decoding.Decoder, self._decoding)
        self._has_decoded_content = True
        while not self._flushed:
            content = decoder.take(decoding.PIECE)
            if content:
                if self._most is not None:
                    self._count(content, self._most)
                return content
            data = self._receive(RECEIVE_SIZE)
            if data:
                decoder.give(data)
            else:
                decoder.check_end()
                self._flushed = True
        return b""

    def _broken(self, error: BaseException) -> BaseException:
        """What a reader gets for *error*, which ended the body: urllib3's, as readers of `raw` expect.

        Every later read fails as well.
        """
        self._may_be_short = False
        if isinstance(error, _Misuse) or error is self._fault:
            return error
        self._reader._abort()
        known: BaseException = error
        if isinstance(error, ChunkedEncodingError):
            known = ProtocolError(str(error), error)
        elif isinstance(error, DecodeError):
            coding = self.headers.get("content-encoding", "")
            known = DecodeError(f"the content is not in the coding {coding[:80]!r}: {error}", error)
        # A copy, since the one that is raised refers to us by its traceback.
        self._fault = (
            copy.copy(known)
            if isinstance(known, (DecodeError, RequestException))
            else ProtocolError(f"the body was not read to its end: {str(error) or type(error).__name__}")
        )
        return known

    def stream(self, amt: int | None = RECEIVE_SIZE, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body in pieces of *amt* bytes; a chunked one, or one without *amt*, in pieces of at most that
        as they arrive.
        """
        if amt == 0:
            raise ValueError("amt is 0; it must be positive, or None for pieces as they arrive")
        read = self.read1 if self.chunked or amt is None else self.read
        # The first piece settles how the others are read.
        piece = read(amt, decode_content)
        if self.chunked or amt is None or self._most is not None or self._has_decoded_content:
            while piece:
                yield piece
                piece = read(amt, decode_content)
        elif piece:
            yield piece
            yield from self._stream_plainly(amt)

    def _stream_plainly(self, amt: int) -> Iterator[bytes]:
        """The rest of a body that passes as it is: large downloads spend their time here."""
        take = self._fp.read
        try:
            while piece := take(amt):
                self._tell += len(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            known = self._broken(error)
            if known is error:
                raise
            raise known from error
        self._ends += 1

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
        held: list[bytes] = []
        for piece in self.stream(decode_content=True):
            first, *lines = piece.split(b"\n")
            held.append(first)
            for line in lines:
                yield b"".join((*held, b"\n"))
                held = [line]
        if any(held):
            yield b"".join(held)

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
        """Give up the rest of the body. What was not read by now cannot be read any more."""
        self._may_be_short = False
        self._closed_by_hand = True
        if not hasattr(self, "_reader"):
            # A copy that could not be made, and is gone already.
            return
        if self._fault is None and not self._is_at_end():
            self._fault = ProtocolError("the response was closed before its body was read to the end")
        self._reader._abort()

    def _is_at_end(self) -> bool:
        return (
            self._reader.exhausted
            and self._decoded_at >= len(self._decoded)
            and (self._flushed or not self._has_decoded_content)
        )

    def release_conn(self) -> None:
        """End the exchange.

        The connection was returned with the last byte; with bytes missing it is closed.
        """
        self._reader._abort()

    def drain_conn(self) -> None:
        """Read the rest and forget it, so that the connection can be used again. Not more than is worth it, and
        what goes wrong meanwhile is the end of the connection and no error.
        """
        drained = 0
        try:
            while drained < _WORTH_DRAINING and (piece := self._fp.read(RECEIVE_SIZE)):
                drained += len(piece)
        except (HTTPError, OSError):
            pass
        self.close()

    def cancel(self) -> None:
        """Give up the rest of the body from another thread: who is reading it, or reads on, gets ResponseCancelled."""
        self._reader.cancel()

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


class _Misuse(RuntimeError):
    """A call that makes no sense; the body is as it was."""
