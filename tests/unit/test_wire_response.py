"""`WireResponse` on a connection that a list of receives stands in for: how bodies are read, end, and break."""

from __future__ import annotations

import gc
import gzip
import io
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError

from httpkit._wire import http11
from httpkit._wire.response import BodyReader, WireResponse
from httpkit.exceptions import ChunkedEncodingError, ResponseTooLarge

BODY = bytes(range(256)) * 40
PACKED = gzip.compress(BODY)


class Line:
    """A connection that receives *segments*: bytes, or an error to raise. Empty ones never end it by themselves."""

    def __init__(self, segments: list[Any]) -> None:
        self.segments = list(segments)
        self.ended: bool | None = None
        self.asked: list[int] = []

    def receive(self, size: int) -> bytes:
        assert self.ended is None, "received after the exchange had ended"
        self.asked.append(size)
        if not self.segments:
            return b""
        segment = self.segments.pop(0)
        if isinstance(segment, BaseException):
            raise segment
        if len(segment) > size:
            self.segments.insert(0, segment[size:])
        return cast(bytes, segment[:size])

    def receive_into(self, buffer: memoryview) -> int:
        data = self.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def give_back(self, *, reusable: bool) -> None:
        if self.ended is None:
            self.ended = reusable

    def fileno(self) -> int:
        return 77

    def belongs_to(self, pool: Any) -> None: ...

    def makefile(self) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(b"by hand"))  # type: ignore[arg-type]  # raw enough

    def detach(self) -> Any: ...

    connection = None


def chunked(data: bytes, size: int = 1000) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def answer(fields: str, *segments: Any, first: bytes = b"", method: str = "GET") -> WireResponse:
    """The response to *method* whose head has *fields*, a line each, and whose body arrives in *segments*."""
    head = http11.parse_head(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
    line = Line(list(segments))
    reader = BodyReader(line, http11.body_of(head, method), first, persistent=True)
    response = WireResponse(head, line, reader, url="/")
    response.line = line  # type: ignore[attr-defined]
    return response


LENGTH, CHUNKED, GZIP = (
    f"Content-Length: {len(BODY)}\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
)
FRAMED: dict[str, tuple[str, bytes]] = {
    "of known length": (LENGTH, BODY),
    "chunked": (CHUNKED, chunked(BODY)),
    "until the end": ("", BODY),
    "gzip of known length": (f"{GZIP}Content-Length: {len(PACKED)}\r\n", PACKED),
    "gzip in chunks": (GZIP + CHUNKED, chunked(PACKED, 50)),
}
READS: dict[str, Callable[[WireResponse], bytes]] = {
    "read": lambda r: r.read(),
    "read in pieces": lambda r: b"".join(iter(lambda: r.read(700), b"")),
    "read more than there is": lambda r: r.read(10**15),
    "read1": lambda r: b"".join(iter(r.read1, b"")),
    "read1 in pieces": lambda r: b"".join(iter(lambda: r.read1(700), b"")),
    "stream": lambda r: b"".join(r.stream(700)),
    "stream as it comes": lambda r: b"".join(r.stream(None)),
    "read_chunked": lambda r: b"".join(r.read_chunked()),
    "readinto": lambda r: _into(r),
    "lines": lambda r: b"".join(r),
    "readlines": lambda r: b"".join(r.readlines()),
    "data": lambda r: r.data,
    "a buffered reader": lambda r: io.BufferedReader(cast(Any, r)).read(),
    "a text wrapper": lambda r: (
        io.TextIOWrapper(cast(Any, r), "latin-1", newline="").read().encode("latin-1")
    ),
    "until it is closed": lambda r: b"".join(_while_open(r)),
}


def _into(response: WireResponse) -> bytes:
    whole, buffer = b"", bytearray(700)
    while size := response.readinto(buffer):
        whole += buffer[:size]
    return whole


def _while_open(response: WireResponse) -> Any:
    while not response.closed:
        yield response.read(900)


class TestReading:
    @pytest.mark.parametrize("how", READS)
    @pytest.mark.parametrize("framed", FRAMED)
    def test_gives_the_content_and_then_the_connection_back(self, framed: str, how: str) -> None:
        fields, sent = FRAMED[framed]
        response = answer(fields, sent[100:], first=sent[:100])
        response.decode_content = True
        assert READS[how](response) == BODY
        assert response.read() == response.read(5) == response.read1() == b""
        assert cast(Any, response).line.ended is True

    @given(cuts=st.lists(st.integers(1, 300), max_size=40), data=st.data())
    def test_gives_the_same_however_it_arrives_and_is_asked_for(
        self, cuts: list[int], data: st.DataObject
    ) -> None:
        fields, sent = data.draw(st.sampled_from(list(FRAMED.values())))
        segments, at = [], 0
        for cut in cuts:
            segments.append(sent[at : at + cut])
            at += cut
        response = answer(fields, *filter(None, [*segments, sent[at:]]))
        response.decode_content = True
        whole = b""
        for amount in data.draw(st.lists(st.integers(0, 3000), max_size=10)):
            piece = data.draw(st.sampled_from([response.read, response.read1]))(amount)
            assert len(piece) <= amount
            whole += piece
        assert whole + response.read() == BODY

    def test_read1_waits_for_what_comes_and_not_for_more(self) -> None:
        response = answer(CHUNKED, b"3\r\nabc\r\n", AssertionError("waited for more"))
        assert response.read1(100) == b"abc"

    @pytest.mark.parametrize("read", ["read", "read1"])
    def test_nothing_is_received_for_nothing(self, read: str) -> None:
        assert getattr(answer(LENGTH, AssertionError("received")), read)(0) == b""

    @pytest.mark.parametrize("fields", [LENGTH.replace(str(len(BODY)), "9" * 17), CHUNKED, ""])
    def test_a_large_wish_reserves_no_memory(self, fields: str) -> None:
        response = answer(fields, *[b"5\r\nabcde\r\n"] * 3, ConnectionResetError())
        with pytest.raises(ConnectionResetError):
            response.read(10**14)
        assert max(cast(Any, response).line.asked) <= 1 << 20

    def test_a_length_that_lies_reserves_no_memory(self) -> None:
        response = answer("Content-Length: 99999999999999999\r\n", b"abc")
        with pytest.raises(ProtocolError, match="3 of 99999999999999999"):
            response.read()

    def test_what_remains_is_what_is_unread(self) -> None:
        response = answer(LENGTH, BODY[5000:], first=BODY[:5000])
        assert response.length_remaining == len(BODY)
        response.read(10)
        assert response.length_remaining == len(BODY) - 10
        assert response.tell() == 10

    def test_a_long_line_takes_one_copy(self) -> None:
        line = b"x" * 5_000_000
        response = answer("", line + b"\nlast")
        assert list(response) == [line + b"\n", b"last"]

    def test_coded_bytes_after_decoded_ones_are_refused_and_cost_nothing(self) -> None:
        response = answer(GZIP, PACKED)
        first = response.read(5, decode_content=True)
        with pytest.raises(RuntimeError, match="after decoded ones"):
            response.read(5, decode_content=False)
        assert first + response.read(decode_content=True) == BODY


FAULTS: dict[str, tuple[str, list[Any], type[BaseException]]] = {
    "short of its length": (LENGTH, [BODY[:-1]], ProtocolError),
    "chunks without an end": (CHUNKED, [b"3\r\nabc\r\n"], ProtocolError),
    "a malformed chunk": (CHUNKED, [b"3\r\nabc\r\nxyz\r\n"], ProtocolError),
    "no gzip": (GZIP + "Content-Length: 8\r\n", [b"rubbish!"], DecodeError),
    "half of gzip": (f"{GZIP}Content-Length: {len(PACKED) - 9}\r\n", [PACKED[:-9]], DecodeError),
    "a reset": (LENGTH, [BODY[:9], ConnectionResetError()], ConnectionResetError),
    "a timeout": (LENGTH, [BODY[:9], HTTPError("late")], HTTPError),
    "an interruption": (LENGTH, [BODY[:9], KeyboardInterrupt()], KeyboardInterrupt),
    "an interruption in gzip": (GZIP, [PACKED[:50], KeyboardInterrupt(), PACKED[50:]], KeyboardInterrupt),
}


@pytest.mark.parametrize("fault", FAULTS)
class TestAfterAFault:
    @pytest.mark.parametrize("how", [name for name in READS if name not in ("read_chunked", "readlines")])
    def test_every_read_fails_and_the_connection_is_not_held(self, fault: str, how: str) -> None:
        fields, segments, kind = FAULTS[fault]
        response = answer(fields, *segments)
        response.decode_content = True
        with pytest.raises(kind):
            READS[how](response)
        assert cast(Any, response).line.ended is not None
        for read in (response.read, response.read1, lambda: list(response.stream()), lambda: response.data):
            with pytest.raises(HTTPError):
                read()

    def test_closing_changes_nothing_about_that(self, fault: str) -> None:
        fields, segments, kind = FAULTS[fault]
        response = answer(fields, *segments)
        with pytest.raises(kind):
            response.read(decode_content=True)
        response.close()
        response.release_conn()
        with pytest.raises(HTTPError):
            response.read()


def test_a_fault_of_the_codec_is_urllib3s_with_ours_inside() -> None:
    with pytest.raises(ProtocolError) as caught:
        answer(LENGTH, b"short").read()
    assert isinstance(caught.value.__cause__, ChunkedEncodingError)
    assert caught.value.args[1] is caught.value.__cause__


class TestEnding:
    def test_what_was_not_read_before_closing_cannot_be_read(self) -> None:
        response = answer(LENGTH, first=BODY)
        assert response.read(5) == BODY[:5]
        response.close()
        assert response.closed
        with pytest.raises(ProtocolError, match="closed before its body was read"):
            response.read()

    @pytest.mark.parametrize("framed", FRAMED)
    def test_closing_after_the_end_leaves_the_end(self, framed: str) -> None:
        fields, sent = FRAMED[framed]
        response = answer(fields, sent)
        response.read(decode_content=True)
        response.close()
        assert response.closed
        assert response.isclosed()
        assert cast(Any, response).line.ended is True

    def test_draining_makes_the_connection_usable(self) -> None:
        response = answer(LENGTH, BODY)
        response.drain_conn()
        assert cast(Any, response).line.ended is True

    @pytest.mark.parametrize("segments", [[BODY[:5]], [ConnectionResetError()], [HTTPError()]], ids=repr)
    def test_draining_never_raises(self, segments: list[Any]) -> None:
        response = answer(LENGTH, *segments)
        response.drain_conn()
        assert cast(Any, response).line.ended is False

    def test_an_endless_body_is_not_drained(self) -> None:
        response = answer("", *[bytes(65_536)] * 40)
        response.drain_conn()
        line = cast(Any, response).line
        assert line.ended is False
        assert len(line.segments) > 20

    def test_text_wrappers_may_ask_once_more_at_the_end(self) -> None:
        response = answer(LENGTH, BODY)
        assert response.read() == BODY
        assert not response.closed
        assert response.read() == b""
        assert response.read() == b""
        assert response.closed


class TestBounds:
    @pytest.mark.parametrize("how", READS)
    @pytest.mark.parametrize("framed", FRAMED)
    def test_a_body_beyond_the_size_is_given_up(self, framed: str, how: str) -> None:
        fields, sent = FRAMED[framed]
        response = answer(fields, *[sent[i : i + 100] for i in range(0, len(sent), 100)])
        response.decode_content = True
        response.limit(max_response_size=len(BODY) - 1)
        with pytest.raises(ResponseTooLarge, match="max_response_size"):
            READS[how](response)
        assert cast(Any, response).line.ended is not None
        with pytest.raises(ResponseTooLarge):
            response.read()

    @pytest.mark.parametrize("how", READS)
    @pytest.mark.parametrize("framed", FRAMED)
    def test_one_of_just_that_size_is_read(self, framed: str, how: str) -> None:
        fields, sent = FRAMED[framed]
        response = answer(fields, sent)
        response.decode_content = True
        response.limit(max_response_size=len(BODY))
        assert READS[how](response) == BODY

    def test_one_that_announces_too_much_is_not_begun(self) -> None:
        response = answer(LENGTH, AssertionError("received"))
        response.limit(max_response_size=100)
        with pytest.raises(ResponseTooLarge, match=f"Content-Length says {len(BODY)}") as caught:
            response.read()
        assert (caught.value.bound, caught.value.limit, caught.value.received) == (
            "max_response_size",
            100,
            len(BODY),
        )

    def test_a_length_without_a_body_announces_nothing(self) -> None:
        response = answer(LENGTH, method="HEAD")
        response.limit(max_response_size=100)
        assert response.read() == b""

    def test_a_bound_can_be_lifted(self) -> None:
        response = answer(LENGTH, BODY)
        response.limit(max_response_size=100)
        response.limit(max_response_size=None)
        assert response.read() == BODY

    def test_the_ratio_holds_without_being_asked_for_and_can_be_changed_while_reading(self) -> None:
        bomb = gzip.compress(bytes(30_000_000))
        with pytest.raises(ResponseTooLarge, match="max_decompression_ratio"):
            answer(GZIP, bomb).read(decode_content=True)
        response = answer(GZIP, bomb)
        first = response.read(10, decode_content=True)
        response.limit(max_decompression_ratio=None)
        assert len(first) + len(response.read(decode_content=True)) == 30_000_000


class Endless(Line):
    """*count* times the same segment."""

    def __init__(self, segment: bytes, count: int) -> None:
        super().__init__([])
        self.segment, self.count = segment, count

    def receive(self, size: int) -> bytes:
        self.count -= 1
        return b"" if self.count < 0 else self.segment[:size]

    def receive_into(self, buffer: memoryview) -> int:
        data = self.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def peak(work: Callable[[], int]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEBIBYTE = 1 << 20


class TestMemory:
    def made(self, fields: str, *, segment: bytes = bytes(65_536), count: int = 512) -> WireResponse:
        head = http11.parse_head(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
        line = Endless(segment, count)
        return WireResponse(head, line, BodyReader(line, http11.body_of(head, "GET"), b"", persistent=True))

    @pytest.mark.parametrize(
        "fields, most", [(f"Content-Length: {32 * MEBIBYTE}\r\n", 33), ("", 40)], ids=["length", "close"]
    )
    def test_the_whole_of_32_mebibytes_is_there_once(self, fields: str, most: int) -> None:
        size, used = peak(lambda: len(self.made(fields).read(decode_content=True)))
        assert size == 32 * MEBIBYTE
        assert used < most * MEBIBYTE

    @pytest.mark.parametrize("fields", [f"Content-Length: {32 * MEBIBYTE}\r\n", ""], ids=["length", "close"])
    def test_streaming_takes_what_one_piece_takes(self, fields: str) -> None:
        size, used = peak(lambda: sum(map(len, self.made(fields).stream(65_536))))
        assert size == 32 * MEBIBYTE
        assert used < MEBIBYTE

    def test_decoding_takes_some_pieces(self) -> None:
        packed = gzip.compress(bytes(40 * MEBIBYTE))

        def work() -> int:
            response = answer(GZIP, packed)
            response.limit(max_decompression_ratio=None)
            return sum(map(len, response.stream(65_536, decode_content=True)))

        size, used = peak(work)
        assert size == 40 * MEBIBYTE
        assert used < MEBIBYTE


class TestByHand:
    """http.client's insides, as far as libraries reach for them."""

    def test_the_file_of_the_connection_is_there_until_the_end_and_none_afterwards(self) -> None:
        response = answer(LENGTH, BODY)
        assert response._fp.fp is not None
        response.read()
        assert response._fp.fp is None
        assert cast(Any, response).line.ended is True

    def test_a_connection_whose_file_was_taken_serves_nobody_else(self) -> None:
        response = answer(LENGTH, BODY)
        assert response._fp.fp.read() == b"by hand"
        response.read()
        assert cast(Any, response).line.ended is False

    def test_what_is_left_of_a_chunk_can_be_read_without_another_wait(self) -> None:
        response = answer(CHUNKED, b"5\r\nhello\r\n", AssertionError("waited"))
        assert response._fp.chunked
        assert response.read(1) == b"h"
        assert response._fp.chunk_left == response.chunk_left == 4
        assert response.read(response.chunk_left) == b"ello"
        assert response.chunk_left is None

    def test_it_is_a_file_to_those_who_read_lines(self) -> None:
        lines = b"one\ntwo\n\nlast"
        for read, expected in [
            (lambda fp: fp.readlines(), [b"one\n", b"two\n", b"\n", b"last"]),
            (list, [b"one\n", b"two\n", b"\n", b"last"]),
            (lambda fp: [fp.readline(), fp.readline(2), fp.read()], [b"one\n", b"tw", b"o\n\nlast"]),
            (lambda fp: [fp.readall(), fp.readline()], [lines, b""]),
        ]:
            response = answer("Content-Length: 13\r\n", lines)
            fp: Any = response._fp
            assert (fp.readable(), fp.writable(), fp.seekable(), fp.isatty(), fp.closed) == (
                True,
                *[False] * 4,
            )
            assert read(fp) == expected
            assert fp.closed
            fp.flush()
            for call in (fp.tell, partial(fp.seek, 0), partial(fp.write, b""), fp.truncate):
                with pytest.raises(io.UnsupportedOperation):
                    call()
            for use in (partial(iter, fp), fp.__enter__):
                with pytest.raises(ValueError, match="read to its end"):
                    use()
        assert isinstance(fp, io.IOBase)

    def test_leaving_its_block_gives_up_the_rest(self) -> None:
        response = answer(LENGTH, b"by", AssertionError("waited"))
        with response._fp as fp:
            assert fp.read(2) == b"by"
        assert fp.closed
        assert cast(Any, response).line.ended is False
        with pytest.raises(ChunkedEncodingError):
            fp.read()

    def test_who_forgets_it_gives_up_the_rest(self) -> None:
        response = answer(LENGTH, b"by", AssertionError("waited"))
        line = cast(Any, response).line
        assert line.ended is None
        del response
        gc.collect()
        assert line.ended is False

    def test_a_wrapper_sees_every_byte_that_is_read(self) -> None:
        for framed, how in [(framed, how) for framed in FRAMED for how in READS]:
            fields, sent = FRAMED[framed]
            response = answer(fields, sent)
            response.decode_content = True
            response._fp = wrapper = Wrapper(response._fp)
            assert READS[how](response) == BODY
            assert b"".join(wrapper.seen) == (PACKED if "gzip" in framed else BODY), (framed, how)
            assert wrapper.fp.fp is None


class Wrapper:
    """What CacheControl puts around `_fp`: only `read` is its own."""

    def __init__(self, fp: Any) -> None:
        self.fp = fp
        self.seen: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fp, name)

    def read(self, amt: int | None = None) -> bytes:
        data = cast(bytes, self.fp.read(amt))
        self.seen.append(data)
        return data
