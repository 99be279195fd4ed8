"""Content codings: any split gives the same content, nothing is unbounded, nothing incomplete passes for a whole."""

from __future__ import annotations

import gzip
import itertools
import random
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError

from httpkit import _defaults
from httpkit._wire import decoding
from httpkit._wire.decoding import Decoder, decoder_for
from httpkit.exceptions import ResponseTooLarge

brotli = pytest.importorskip("brotli")
zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

TEXT = ("grün und weiß, " * 300).encode()
NOISE = random.Random(1).randbytes(50_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def stored(data: bytes) -> bytes:
    packer = zlib.compressobj(0, wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip, RFC 1952": ("gzip", gzip.compress),
    "x-gzip, RFC 9110 §8.4.1.3": ("x-gzip", gzip.compress),
    "gzip in two members, RFC 1952 §2.2": ("gzip", lambda d: gzip.compress(d[:9]) + gzip.compress(d[9:])),
    "gzip with empty members": (
        "gzip",
        lambda d: gzip.compress(b"") * 3 + gzip.compress(d) + gzip.compress(b""),
    ),
    "deflate, RFC 1950": ("deflate", zlib.compress),
    "deflate without a header, RFC 1951": ("deflate", raw_deflate),
    "deflate, only stored": ("deflate", stored),
    "br, RFC 7932": ("br", brotli.compress),
    "zstd, RFC 8878": ("zstd", zstd.compress),
    "zstd in two frames": ("zstd", lambda d: zstd.compress(d[:9]) + zstd.compress(d[9:])),
    "zstd with a skippable frame": ("zstd", lambda d: b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(d)),
    "a chain": ("deflate, gzip", lambda d: gzip.compress(zlib.compress(d))),
    "a chain of five": ("gzip,zstd , br,deflate,\tgzip", lambda d: _five(d)),
    "with a charset beside it": ("utf-8, gzip", gzip.compress),
    "identity beside it": ("identity, BR", brotli.compress),
}


def _five(data: bytes) -> bytes:
    for pack in (gzip.compress, zstd.compress, brotli.compress, zlib.compress, gzip.compress):
        data = pack(data)
    return data


def made(coding: str) -> Decoder:
    decoder = decoder_for([coding])
    assert decoder is not None
    return decoder


def decoded(decoder: Decoder, pieces: Any, most: int = 65_536) -> Iterator[bytes]:
    """What comes out, piece by piece, its end checked."""
    for piece in pieces:
        decoder.give(piece)
        while content := decoder.take(most):
            yield content
    decoder.check_end()


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(places)]


@pytest.mark.parametrize("name", PACK)
class TestEveryCoding:
    @pytest.mark.parametrize("data", [b"", b"a", TEXT, NOISE], ids=["nothing", "a byte", "text", "noise"])
    def test_gives_the_content(self, name: str, data: bytes) -> None:
        coding, pack = PACK[name]
        assert b"".join(decoded(made(coding), [pack(data)])) == data

    @given(cuts=st.lists(st.integers(0, 10_000), max_size=8), most=st.integers(1, 500))
    def test_gives_the_same_however_it_is_split(self, name: str, cuts: list[int], most: int) -> None:
        coding, pack = PACK[name]
        packed = split(pack(TEXT[:700]), cuts)
        assert b"".join(decoded(made(coding), packed, most)) == TEXT[:700]

    def test_byte_by_byte(self, name: str) -> None:
        coding, pack = PACK[name]
        packed = pack(TEXT)
        assert b"".join(decoded(made(coding), (packed[i : i + 1] for i in range(len(packed))))) == TEXT

    def test_is_not_complete_without_its_last_byte(self, name: str) -> None:
        coding, pack = PACK[name]
        with pytest.raises(DecodeError):
            list(decoded(made(coding), [pack(TEXT)[:-1]]))

    @given(data=st.data())
    def test_never_raises_anything_but_a_decode_error(self, name: str, data: st.DataObject) -> None:
        coding, pack = PACK[name]
        packed = bytearray(pack(TEXT[:300]))
        place = data.draw(st.integers(0, len(packed) - 1))
        packed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        try:
            list(decoded(made(coding), [bytes(packed)]))
        except DecodeError:
            pass

    def test_no_bytes_at_all_lack_no_end(self, name: str) -> None:
        assert list(decoded(made(PACK[name][0]), [])) == []


BOMBS = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "br": ("br", lambda d: brotli.compress(d, quality=5)),
    "zstd": ("zstd", zstd.compress),
    "gzip in gzip": ("gzip, gzip", lambda d: gzip.compress(gzip.compress(d))),
    "zstd in br": ("zstd, br", lambda d: brotli.compress(zstd.compress(d), quality=5)),
}


class TestBounds:
    @pytest.mark.parametrize("name", BOMBS)
    def test_a_step_gives_no_more_than_it_is_asked_for(self, name: str) -> None:
        coding, pack = BOMBS[name]
        decoder = made(coding)
        decoder.give(pack(bytes(6_000_000)))
        sizes = []
        while content := decoder.take(10_000):
            sizes.append(len(content))
        # The bindings of brotli fill whole blocks of theirs.
        assert max(sizes) <= (10_000 if "br" not in coding else 131_072)
        assert sum(sizes) == 6_000_000

    @pytest.mark.parametrize("name", BOMBS)
    def test_a_bomb_is_stopped_by_its_ratio_soon_after_what_is_free(self, name: str) -> None:
        coding, pack = BOMBS[name]
        decoder = made(coding)
        came = 0
        with pytest.raises(ResponseTooLarge, match="max_decompression_ratio") as caught:
            for content in decoded(decoder, [pack(bytes(64_000_000))]):
                came += len(content)
        assert caught.value.bound == "max_decompression_ratio"
        assert caught.value.limit == 500
        assert decoding.FREE - 200_000 < came <= caught.value.received < decoding.FREE + 200_000

    def test_so_is_one_that_explodes_inside_a_chain_and_gives_nothing(self) -> None:
        empty = gzip.compress(b"") * 450_000
        decoder = made("gzip, br")
        with pytest.raises(ResponseTooLarge):
            list(decoded(decoder, [brotli.compress(empty, quality=5)]))

    @pytest.mark.parametrize("ratio", [None, 5000])
    def test_a_larger_ratio_or_none_lets_it_pass(self, ratio: float | None) -> None:
        decoder = made("gzip")
        decoder.ratio = ratio
        assert sum(map(len, decoded(decoder, [gzip.compress(bytes(20_000_000))]))) == 20_000_000

    def test_what_is_regular_and_real_passes(self) -> None:
        rows = b"".join(b'{"id": %d, "state": "waiting", "tags": []}\n' % i for i in range(400_000))
        assert len(rows) > 2 * decoding.FREE
        assert sum(map(len, decoded(made("gzip"), [gzip.compress(rows)]))) == len(rows)

    def test_zstd_may_not_reserve_more_than_rfc_9659_allows(self) -> None:
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
        wide = packer.compress(NOISE) + packer.flush()
        with pytest.raises(DecodeError, match="memory"):
            list(decoded(made("zstd"), [wide]))

    def test_six_codings_are_too_many(self) -> None:
        with pytest.raises(DecodeError, match="6 content codings; at most 5"):
            decoder_for(["gzip, gzip, gzip", "gzip, gzip, gzip"])

    def test_a_brotli_library_that_knows_no_limit_is_fed_by_small_bites(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[int] = []

        class Old:
            error = brotli.error

            class Decompressor:
                def __init__(self) -> None:
                    self._inner = brotli.Decompressor()
                    self.is_finished = self._inner.is_finished

                def process(self, data: bytes) -> bytes:
                    given.append(len(data))
                    return self._inner.process(data)  # type: ignore[no-any-return]

        monkeypatch.setattr(decoding, "brotli_library", lambda: Old)
        assert b"".join(decoded(made("br"), [brotli.compress(NOISE)])) == NOISE
        assert max(given) <= 64


class TestEnds:
    @pytest.mark.parametrize("rest", [b"\0" * 5, b"\x1f", b"\x1f\x00\x8b", b"rubbish"], ids=repr)
    @pytest.mark.parametrize("size", [1, 3, 1000])
    def test_what_follows_gzip_and_is_no_member_is_ignored(self, rest: bytes, size: int) -> None:
        packed = gzip.compress(TEXT) + rest
        pieces = [packed[i : i + size] for i in range(0, len(packed), size)]
        assert b"".join(decoded(made("gzip"), pieces)) == TEXT

    def test_a_second_member_that_is_broken_does_not_pass_for_the_end(self) -> None:
        broken = bytearray(gzip.compress(NOISE))
        broken[-6] ^= 1
        with pytest.raises(DecodeError):
            list(decoded(made("gzip"), [gzip.compress(TEXT) + broken]))

    def test_nor_does_one_that_breaks_off(self) -> None:
        with pytest.raises(DecodeError, match="ends early"):
            list(decoded(made("gzip"), [gzip.compress(TEXT) + gzip.compress(TEXT)[:-4]]))

    @pytest.mark.parametrize("size", [1, 1000])
    def test_what_follows_brotli_is_an_error_however_it_comes(self, size: int) -> None:
        packed = brotli.compress(TEXT) + b"more"
        with pytest.raises(DecodeError):
            list(decoded(made("br"), [packed[i : i + size] for i in range(0, len(packed), size)]))

    def test_a_chain_lacks_its_end_when_an_inner_step_does(self) -> None:
        with pytest.raises(DecodeError, match="ends early"):
            list(decoded(made("deflate, gzip"), [gzip.compress(zlib.compress(TEXT)[:-3])]))

    def test_content_that_was_flushed_is_there_before_more_comes(self) -> None:
        packer = zlib.compressobj(wbits=31)
        decoder = made("gzip")
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            decoder.give(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
            assert decoder.take(100) == event
            assert decoder.take(100) == b""


class TestNames:
    @pytest.mark.parametrize("values", [[], [""], ["identity"], ["unknown"], ["gzip2, utf-8"]], ids=repr)
    def test_nothing_known_is_nothing_to_decode(self, values: list[str]) -> None:
        assert decoder_for(values) is None

    def test_what_is_offered_is_what_is_decoded(self) -> None:
        for coding in _defaults.accept_encoding().split(", "):
            assert decoder_for([coding]) is not None, coding

    @pytest.mark.parametrize("coding, library", [("br", "brotli_library"), ("zstd", "zstd_library")])
    def test_without_its_library_a_coding_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, coding: str, library: str
    ) -> None:
        monkeypatch.setattr(decoding, library, lambda: None)
        assert decoder_for([coding]) is None
