"""Charsets: which one the bytes of a body are in, and their text.

Bytes in, text out, whole or piece by piece; nothing here raises for bytes that a server sent. The charset
that a Content-Type declares (RFC 9110 §8.3.2) is believed. Without one, or with one that Python does not
know, the order is: a byte order mark, UTF-8 if all decodes, charset-normalizer. ISO-8859-1 is nobody's
default since RFC 7231, so it is not ours.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol

from .fields import _parse_content_type_header

__all__ = [
    "decode",
    "detect",
    "get_encoding_from_headers",
    "get_encodings_from_content",
    "guess_json_utf",
    "iter_decoded",
    "stream_decode_response_unicode",
]

_Decode = Callable[[bytes, bool], str]

_UTF_8_MARK = (codecs.BOM_UTF8, "utf-8")
_UTF_16_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF_32_MARKS = ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"))
# UTF-32 first: in little-endian order its mark begins with that of UTF-16.
_MARKS = (_UTF_8_MARK, *_UTF_32_MARKS, *_UTF_16_MARKS)

# Charsets with an optional mark: the marks, and what the bytes are in without one.
_MARKED = {
    "utf-8-sig": ((_UTF_8_MARK,), "utf-8"),
    "utf-16": (_UTF_16_MARKS, "utf-16-le"),
    "utf-32": (_UTF_32_MARKS, "utf-32-le"),
}
_NAME_WITH_MARK = {codec: name for name, (marks, _) in _MARKED.items() for _, codec in marks}

_is_charset_name = re.compile(r"[\x20-\x7e]{1,64}").fullmatch
# Text codecs that are no charsets. Punycode takes quadratic time, and a server could ask for it.
_NOT_CHARSETS = frozenset(("punycode", "idna", "undefined", "unicode-escape", "raw-unicode-escape"))

# The charsets that the web is written in apart from UTF-8, in the order in which an undecided guess falls.
# Short texts fit many equally well, and charset-normalizer would take the first of a hundred by alphabet.
_GUESSES = """
    cp1252 cp1251 euc_jp cp932 gb18030 euc_kr cp949 big5 big5hkscs cp1250 cp1254 cp1253 cp1255 cp1256
    cp874 cp1257 koi8_r koi8_u iso8859_2 iso8859_5 iso8859_7 cp866
"""
_RANK = {name: rank for rank, name in enumerate(_GUESSES.split())}

# What charset-normalizer is shown of a body: it takes seconds for megabytes and learns no more from them.
_BEFORE = 16_384
_AFTER = 49_152
_non_ascii = re.compile(rb"[\x80-\xff]").search


@lru_cache(maxsize=64)
def _codec(charset: str) -> str | None:
    """Python's name for *charset*; None where Python has none or it is not a charset."""
    if not _is_charset_name(charset):
        return None
    try:
        name = codecs.lookup(charset).name
        b"a".decode(name, "replace")  # LookupError for base64, zlib and other codecs that make no text
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_CHARSETS else name


def _mark(start: bytes | bytearray) -> tuple[bytes, str] | None:
    """The byte order mark at the *start* of a body, and what the bytes after it are in."""
    return next((mark for mark in _MARKS if start.startswith(mark[0])), None)


def decode(content: bytes, encoding: str | None) -> str:
    """The text of *content*, with U+FFFD for what does not decode; never an error.

    *encoding* is what the message declares. Where that is None or unknown: the text after a byte order mark,
    UTF-8 if all decodes, what charset-normalizer takes it for, or UTF-8.
    """
    codec = _codec(encoding) if encoding else None
    if codec is None:
        return _decode_undeclared(content)
    marks, codec = _MARKED.get(codec, ((), codec))
    return _decode_after(marks, codec, content)


def _decode_after(marks: Iterable[tuple[bytes, str]], otherwise: str, content: bytes) -> str:
    for mark, codec in marks:
        if content.startswith(mark):
            return str(memoryview(content)[len(mark) :], codec, "replace")
    return str(content, otherwise, "replace")


def _decode_undeclared(content: bytes) -> str:
    marked = _mark(content)
    if marked is not None:
        return _decode_after([marked], "", content)
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        return str(content, _guess_from(content) or "utf-8", "replace")


def detect(content: bytes) -> str | None:
    """The charset that *content* seems to be in: a byte order mark's, UTF-8 if all decodes, or a guess.

    The guess is charset-normalizer's. The name is one that Python knows and under which the mark is not part
    of the text; None where nothing fits.
    """
    marked = _mark(content)
    if marked is not None:
        return _NAME_WITH_MARK[marked[1]]
    if content.isascii():
        return "utf-8"
    try:
        str(content, "utf-8")
    except UnicodeDecodeError:
        return _guess_from(content)
    return "utf-8"


def _guess_from(content: bytes) -> str | None:
    """What charset-normalizer takes *content* for, which is not all ASCII."""
    found = _non_ascii(content)
    first = 0 if found is None else found.start()
    return _guess(_sample(content[max(0, first - _BEFORE) : first], content[first : first + _AFTER + 1]))


def _sample(before: bytes, after: bytes) -> bytes:
    """What to guess from: the ASCII *before* the first other byte, and what comes *after*.

    Where that is cut, it is cut at white space, lest half a character disprove the right charset.
    """
    if len(after) <= _AFTER:
        return before + after
    after = after[:_AFTER]
    end = max(after.rfind(b" "), after.rfind(b"\n"))
    return before + (after[:end] if end > 0 else after)


def _guess(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes  # 30 ms that a body with a known charset never pays

    matches = list(from_bytes(sample, cp_isolation=list(_RANK)))
    names = [
        name
        for match in matches
        if (match.chaos, match.coherence) == (matches[0].chaos, matches[0].coherence)
        for name in (match.encoding, *match.could_be_from_charset)
    ]
    return min(names, key=lambda name: _RANK.get(name, len(_RANK)), default=None)


def iter_decoded(chunks: Iterable[bytes], encoding: str | None) -> Iterator[str]:
    """The text of a body that comes in *chunks*, as it comes; no empty piece, never an error of its own.

    With a declared *encoding* the pieces together are `decode()` of the whole body. Where it is None or
    unknown they depend on the body alone and not on its chunks: ASCII passes at once, and from the first
    other byte on up to 48 KiB are held back to tell the charset from; up to there, too, the result is that of
    `decode()`.
    """
    codec = _codec(encoding) if encoding else None
    step = _Undeclared().decode if codec is None else _incremental(codec)
    for chunk in chunks:
        text = step(chunk, False)
        if text:
            yield text
    text = step(b"", True)
    if text:
        yield text


def _incremental(codec: str) -> _Decode:
    if codec in _MARKED:
        return _Held(codec, 4).decode
    # In pieces, Python's UTF-7 decoder takes quadratic time, and its ISO-2022 decoders give up ("pending
    # buffer overflow") at an escape sequence that they do not know.
    if codec.startswith(("utf-7", "iso2022")) or codecs.lookup(codec).incrementaldecoder is None:
        return _Held(codec, None).decode
    return codecs.getincrementaldecoder(codec)("replace").decode


class _Held:
    """Decodes in pieces what cannot be decoded before *needed* bytes of it are there; None needs all."""

    def __init__(self, codec: str, needed: int | None) -> None:
        self._codec = codec
        self._needed = needed
        self._held = bytearray()
        self._step: _Decode | None = None

    def decode(self, data: bytes, final: bool) -> str:
        if self._step is not None:
            return self._step(data, final)
        self._held += data
        if not final and (self._needed is None or len(self._held) < self._needed):
            return ""
        start, self._held = bytes(self._held), bytearray()
        if self._needed is None:
            return decode(start, self._codec)
        marks, codec = _MARKED[self._codec]
        mark, codec = next((pair for pair in marks if start.startswith(pair[0])), (b"", codec))
        self._step = _incremental(codec)
        return self._step(start[len(mark) :], final)


class _Undeclared:
    """Decodes in pieces what declares no charset; every decision follows from positions in the body."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._before = bytearray()
        self._begun = False
        self._step: _Decode | None = None

    def decode(self, data: bytes, final: bool) -> str:
        if self._step is not None:
            return self._step(data, final)
        self._held += data
        if not self._begun:
            if len(self._held) < 4 and not final:
                return ""
            self._begun = True
            marked = _mark(self._held)
            if marked is not None:
                del self._held[: len(marked[0])]
                return self._decode_as(marked[1], final)
        text = self._take_ascii()
        if not self._held or (len(self._held) <= _AFTER and not final):
            return text
        return text + self._decode_as(self._decide(final), final)

    def _take_ascii(self) -> str:
        """The text up to the first byte that is not ASCII."""
        found = _non_ascii(self._held)
        end = len(self._held) if found is None else found.start()
        plain = self._held[:end]
        del self._held[:end]
        self._before += plain
        if len(self._before) > 2 * _BEFORE:
            del self._before[:-_BEFORE]
        return plain.decode("ascii")

    def _decide(self, final: bool) -> str:
        after = bytes(self._held[: _AFTER + 1])
        try:
            codecs.getincrementaldecoder("utf-8")().decode(after[:_AFTER], final and len(after) <= _AFTER)
        except UnicodeDecodeError:
            return _guess(_sample(bytes(self._before[-_BEFORE:]), after)) or "utf-8"
        return "utf-8"

    def _decode_as(self, codec: str, final: bool) -> str:
        held, self._held, self._before = bytes(self._held), bytearray(), bytearray()
        self._step = _incremental(codec)
        return self._step(held, final)


class _HasEncoding(Protocol):
    @property
    def encoding(self) -> str | None: ...


def stream_decode_response_unicode(iterator: Iterable[bytes], r: _HasEncoding) -> Iterator[str | bytes]:
    """The pieces of *iterator* as text in the encoding of *r*, a response; as they are where that is None."""
    if r.encoding is None:
        yield from iterator
    else:
        yield from iter_decoded(iterator, r.encoding)


def get_encoding_from_headers(headers: Mapping[str, str]) -> str | None:
    """The charset that the Content-Type among *headers* declares, in its own spelling.

    `application/json` is UTF-8 (RFC 8259 §8.1). None for everything else without a charset, `text/*`
    included.
    """
    value = headers.get("content-type")
    return _declared(value) if value else None


@lru_cache(maxsize=64)
def _declared(content_type: str) -> str | None:
    media_type, parameters = _parse_content_type_header(content_type)
    charset = parameters.get("charset")
    if charset:
        return charset
    return "utf-8" if "application/json" in media_type.lower() else None


# Bounded on both sides, so that a page full of "<meta" or "charset=" takes linear time.
_META_CHARSET = r"(?i)<meta[^<>]{0,1024}?charset\s{0,8}=[\s\"']{0,8}([^\s\"'/<>;]{1,64})"
_XML_ENCODING = r"<\?xml[^<>]{0,1024}?encoding\s{0,8}=[\s\"']{0,8}([^\s\"'/<>;]{1,64})"


def get_encodings_from_content(content: str) -> list[str]:
    """The charsets that an HTML or XML text declares in its meta elements and its XML declaration."""
    declaration = re.match(_XML_ENCODING, content)
    return re.findall(_META_CHARSET, content) + ([declaration[1]] if declaration else [])


# Which of the first four bytes are NUL: JSON begins with two characters that are ASCII.
_JSON_BY_NULS = {
    "0.0.": "utf-16-be",
    "0.0": "utf-16-be",
    ".0.0": "utf-16-le",
    "000.": "utf-32-be",
    "000": "utf-32-be",
    ".000": "utf-32-le",
}


def guess_json_utf(data: bytes) -> str | None:
    """The UTF that JSON is in, by its mark or the NULs in its first four bytes; None where none fits."""
    start = data[:4]
    marked = _mark(start)
    if marked is not None:
        return _NAME_WITH_MARK[marked[1]]
    if 0 not in start:
        return "utf-8"
    return _JSON_BY_NULS.get("".join("." if byte else "0" for byte in start))
