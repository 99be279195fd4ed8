"""Content codings removed as the bytes come: gzip, deflate, br, zstd, and chains of them (RFC 9110 §8.4).

Sans-io: bytes in, bytes out. Nothing here knows a response or a socket. Three laws hold for every coding:

- No step gives more than it is asked for at a time (brotli rounds up to its own blocks), so a small body
  cannot fill the memory, and none is fed more than `BITE` bytes at once.
- A stream that lacks its end is an error: a truncated download must not look like a whole one.
- What comes out of any step is weighed against what came over the wire; beyond `FREE` bytes a ratio is a
  reason to stop. The limit bounds the work that a chain of bombs can cause, also when nothing comes out at
  its end.

Faults are raised as urllib3's DecodeError, which those who read `raw` expect; a ratio as `ResponseTooLarge`.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

from urllib3.exceptions import DecodeError

from ..exceptions import ResponseTooLarge

__all__ = ["DEFAULT_RATIO", "FREE", "MOST_CODINGS", "PIECE", "Decoder", "decoder_for"]

#: The default for `max_decompression_ratio`. One step of deflate reaches 1032:1 and no more, on a single byte
#: repeated; logs and generated JSON stay below 100:1. Half of the extreme stops bombs and nothing that is read.
DEFAULT_RATIO = 500.0
#: Bytes of output for which no ratio is asked: small and very regular documents exist.
FREE = 8_388_608
#: Codings in one Content-Encoding. More than two are an attack or a mistake.
MOST_CODINGS = 5
#: Bytes that pass between two steps at a time.
PIECE = 65_536
#: Bytes of input that a step is given at a time. What it leaves is copied, for each piece of output.
BITE = 16_384
#: The same for brotli libraries that cannot limit their output (before 1.2).
_SMALL_BITE = 64
#: RFC 9659: no larger window in the content coding zstd. Its decoder would reserve up to 128 MiB.
_ZSTD_WINDOW_LOG = 23

_GZIP_MAGIC = b"\x1f\x8b"


class _Step:
    """One coding: input goes in by `give`, content comes out by `take`."""

    bite = BITE

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._given = 0
        #: Bytes that came out so far.
        self.produced = 0

    @property
    def consumed(self) -> int:
        """Bytes of input that were used."""
        return self._given - len(self._data) + self._at

    def give(self, data: bytes) -> None:
        """Add *data* to the input."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        self._given += len(data)

    def take(self, most: int) -> bytes:
        """Up to *most* bytes of content; empty only when more input is needed, or the stream has ended."""
        raise NotImplementedError

    def check_end(self) -> None:
        """Raises DecodeError when the stream lacks its end. No stream at all lacks none."""
        raise NotImplementedError

    def _bite(self) -> bytes:
        data, start = self._data, self._at
        if not start and len(data) <= self.bite:
            self._data = b""
            return data
        self._at = min(start + self.bite, len(data))
        return data[start : self._at]

    def _put_back(self, rest: bytes) -> None:
        if not rest:
            return
        if len(rest) <= self._at:
            # It is still there. To copy what follows it, for each of many small streams, would take quadratic time.
            self._at -= len(rest)
        else:
            self._data, self._at = rest + self._data[self._at :], 0

    def _forget_input(self) -> None:
        self._data, self._at = b"", 0


class _Zlib(_Step):
    """What gzip and deflate have in common."""

    _wbits = zlib.MAX_WBITS

    def __init__(self) -> None:
        super().__init__()
        self._inflate = zlib.decompressobj(self._wbits)

    @property
    def consumed(self) -> int:
        return super().consumed - len(self._inflate.unconsumed_tail)

    def take(self, most: int) -> bytes:
        while not self._inflate.eof or self._go_on():
            data = self._inflate.unconsumed_tail or self._bite()
            if not data:
                break
            content = self._decompress(data, most)
            if content:
                return content
        return b""

    def _decompress(self, data: bytes, most: int) -> bytes:
        return self._inflate.decompress(data, most)

    def _go_on(self) -> bool:
        """True when another stream begins where one has ended."""
        self._forget_input()
        return False

    def check_end(self) -> None:
        if self._given and not self._inflate.eof:
            raise DecodeError("the compressed content ends early")


class _Gzip(_Zlib):
    """RFC 1952, several members included. What follows the last one and is no member is ignored, zeros above all,
    as browsers and other clients do.
    """

    _wbits = 16 + zlib.MAX_WBITS
    _ignores = False

    def _go_on(self) -> bool:
        self._put_back(self._inflate.unused_data)
        if self._ignores:
            self._forget_input()
        start = self._data[self._at : self._at + 2]
        if start == _GZIP_MAGIC:
            self._inflate = zlib.decompressobj(self._wbits)
            return True
        # The unused data was put back, and must not be put back again.
        self._inflate = _ENDED
        self._ignores = start not in (b"", _GZIP_MAGIC[:1])
        return False


def _ended() -> Any:
    """A decompressor that has seen the end of its stream and nothing beyond."""
    one = zlib.decompressobj(-zlib.MAX_WBITS)
    one.decompress(b"\x03\x00")
    return one


_ENDED = _ended()


class _Deflate(_Zlib):
    """RFC 1950, or RFC 1951 without the header of zlib, which some servers send under this name (RFC 9110 §8.4.1.2)."""

    _first: bytes | None = b""

    def _decompress(self, data: bytes, most: int) -> bytes:
        first = self._first
        if first is None:
            return self._inflate.decompress(data, most)
        first += data
        try:
            content = self._inflate.decompress(data, most)
        except zlib.error:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            self._first = None
            return self._inflate.decompress(first, most)
        self._first = None if content or len(first) > BITE else first
        return content


class _Brotli(_Step):
    """RFC 7932."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self._decompressor = library.Decompressor()
        self._process = getattr(self._decompressor, "process", None) or self._decompressor.decompress
        self._limits = hasattr(self._decompressor, "can_accept_more_data")
        if not self._limits:
            self.bite = _SMALL_BITE

    def take(self, most: int) -> bytes:
        decompressor = self._decompressor
        while not decompressor.is_finished():
            is_full = self._limits and not decompressor.can_accept_more_data()
            data = b"" if is_full else self._bite()
            if not data and not is_full:
                return b""
            content: bytes = (
                self._process(data, output_buffer_limit=most) if self._limits else self._process(data)
            )
            if content:
                return content
        if self._bite():
            raise DecodeError("bytes follow the end of the brotli stream")
        return b""

    def check_end(self) -> None:
        if self._given and not self._decompressor.is_finished():
            raise DecodeError("the compressed content ends early")


class _Zstd(_Step):
    """RFC 8878, several frames included."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self._library = library
        self._options = {library.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._frame: Any = None

    def take(self, most: int) -> bytes:
        while True:
            frame = self._frame
            data = self._bite() if frame is None or frame.needs_input else b""
            if frame is None:
                if not data:
                    return b""
                frame = self._frame = self._library.ZstdDecompressor(options=self._options)
            elif not data and frame.needs_input:
                return b""
            content: bytes = frame.decompress(data, most)
            if frame.eof:
                self._put_back(frame.unused_data)
                self._frame = None
            if content:
                return content

    def check_end(self) -> None:
        if self._frame is not None:
            raise DecodeError("the compressed content ends early")


class Decoder:
    """Removes *steps*, the coding that was applied last being the first of them.

    *ratio* is how many times the bytes on the wire any step may give, None for no limit.
    """

    def __init__(self, steps: list[_Step], ratio: float | None = DEFAULT_RATIO) -> None:
        self._steps = steps
        self.ratio = ratio

    def give(self, data: bytes) -> None:
        """Add *data*, as it came, to the input."""
        self._steps[0].give(data)

    def take(self, most: int) -> bytes:
        """Up to *most* bytes of content; empty when more input is needed.

        Raises DecodeError for what does not decode, ResponseTooLarge beyond the ratio.
        """
        try:
            return self._take(len(self._steps) - 1, most)
        except _errors() as error:
            raise DecodeError(str(error)) from error

    def _take(self, number: int, most: int) -> bytes:
        step = self._steps[number]
        content = step.take(most)
        while not content and number:
            piece = self._take(number - 1, PIECE)
            if not piece:
                return b""
            step.give(piece)
            content = step.take(most)
        step.produced += len(content)
        if step.produced > FREE and self.ratio is not None:
            self._weigh(step.produced, self.ratio)
        return content

    def _weigh(self, produced: int, ratio: float) -> None:
        consumed = self._steps[0].consumed
        if produced > ratio * consumed:
            raise ResponseTooLarge.by_ratio(ratio, produced, consumed)

    def check_end(self) -> None:
        """Raises DecodeError when the input, all of which was given and taken, is not complete."""
        for step in self._steps:
            step.check_end()


def decoder_for(codings: Iterable[str]) -> Decoder | None:
    """The decoder for the values of Content-Encoding, in their order; None when there is nothing that we can decode.

    Names without a decoder stand for nothing beside others: servers write charsets there. Raises DecodeError for
    more than `MOST_CODINGS`.
    """
    names = [name.strip(" \t").lower() for value in codings for name in value.split(",")]
    if len(names) > MOST_CODINGS:
        raise DecodeError(f"{len(names)} content codings; at most {MOST_CODINGS} are removed")
    steps = [step for name in reversed(names) if (step := _step_for(name)) is not None]
    return Decoder(steps) if steps else None


def _step_for(name: str) -> _Step | None:
    if name in ("gzip", "x-gzip"):
        return _Gzip()
    if name == "deflate":
        return _Deflate()
    if name == "br":
        library = brotli_library()
        return None if library is None else _Brotli(library)
    if name == "zstd":
        library = zstd_library()
        return None if library is None else _Zstd(library)
    return None


@lru_cache(maxsize=1)
def brotli_library() -> Any:
    """The module that decodes brotli, None when none is installed."""
    return _first_installed("brotlicffi", "brotli")


@lru_cache(maxsize=1)
def zstd_library() -> Any:
    """The module that decodes zstd, None when none is installed."""
    return _first_installed("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _first_installed(*modules: str) -> Any:
    for module in modules:
        try:
            return import_module(module)
        except ImportError:
            continue
    return None


@lru_cache(maxsize=1)
def _errors() -> tuple[type[Exception], ...]:
    """What the libraries raise for content that does not decode."""
    brotli, zstd = brotli_library(), zstd_library()
    return (
        zlib.error,
        *(() if brotli is None else (brotli.error,)),
        *(() if zstd is None else (zstd.ZstdError,)),
    )
