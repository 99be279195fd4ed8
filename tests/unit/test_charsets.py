"""Charsets: the declared one is believed, a missing one found, and splitting the bytes changes no text."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpkit._message.charsets import (
    decode,
    detect,
    get_encoding_from_headers,
    get_encodings_from_content,
    guess_json_utf,
    iter_decoded,
    stream_decode_response_unicode,
)
from httpkit.structures import CaseInsensitiveDict


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        pytest.param("naïve".encode(), "utf-8", "naïve", id="utf-8"),
        pytest.param("naïve".encode(), "UTF8", "naïve", id="by another name"),
        pytest.param(b"na\xefve", "iso-8859-1", "naïve", id="iso-8859-1 where it is declared"),
        pytest.param("日本".encode("shift_jis"), "Shift_JIS", "日本", id="shift_jis"),
        pytest.param("日本".encode("iso-2022-jp"), "ISO-2022-JP", "日本", id="iso-2022-jp"),
        pytest.param(b"a\xffb", "utf-8", "a\ufffdb", id="what does not decode"),
        pytest.param("é".encode()[:1], "utf-8", "\ufffd", id="half a character"),
        pytest.param(b"", "utf-8", "", id="nothing"),
        pytest.param(b"a\r\nb\rc\n", "utf-8", "a\r\nb\rc\n", id="ends of lines stay"),
        pytest.param(codecs.BOM_UTF8 + b"a", "utf-8", "\ufeffa", id="a mark under a charset that has none"),
        pytest.param(codecs.BOM_UTF8 + b"a", "utf-8-sig", "a", id="a mark under a charset that has one"),
        pytest.param("aé".encode("utf-16"), "utf-16", "aé", id="RFC 2781 §4.3"),
        pytest.param(codecs.BOM_UTF16_BE + "aé".encode("utf-16-be"), "utf-16", "aé", id="the other order"),
        pytest.param("aé".encode("utf-16-le"), "utf-16", "aé", id="no mark"),
        pytest.param("aé".encode("utf-32"), "utf-32", "aé", id="utf-32"),
        pytest.param(b"\xff", "utf-16", "\ufffd", id="half a mark"),
    ],
)
def test_a_declared_charset_is_believed(content: bytes, encoding: str, text: str) -> None:
    assert decode(content, encoding) == text


NO_CHARSETS = [
    None,
    "",
    " ",
    "no-such-charset",
    "base64",
    "hex",
    "zlib",
    "bz2",
    "rot13",
    "quopri",
    "uu",
    "idna",
    "punycode",
    "undefined",
    "unicode_escape",
    "raw_unicode_escape",
    "utf-8\x00",
    "utf-8\r\n",
    "ütf-8",
    "\ud800",
    "x" * 1000,
    "../utf-8",
    "encodings.utf_8",
]


@pytest.mark.parametrize("encoding", NO_CHARSETS)
def test_what_is_no_charset_counts_as_none(encoding: str | None) -> None:
    content = "naïve — ünïcödé".encode()
    assert decode(content, encoding) == content.decode()
    assert "".join(iter_decoded([content[:3], content[3:]], encoding)) == content.decode()


@pytest.mark.parametrize(
    ("content", "found", "text"),
    [
        pytest.param(codecs.BOM_UTF8 + b"a", "utf-8-sig", "a", id="utf-8 with a mark"),
        pytest.param(codecs.BOM_UTF8 + b"a\xff", "utf-8-sig", "a\ufffd", id="a mark beats what follows"),
        pytest.param("aé".encode("utf-16"), "utf-16", "aé", id="utf-16"),
        pytest.param(
            codecs.BOM_UTF16_BE + "aé".encode("utf-16-be"), "utf-16", "aé", id="utf-16 in the other order"
        ),
        pytest.param("aé".encode("utf-32"), "utf-32", "aé", id="utf-32, whose mark begins as that of utf-16"),
        pytest.param(
            codecs.BOM_UTF32_BE + "aé".encode("utf-32-be"), "utf-32", "aé", id="utf-32 in the other order"
        ),
        pytest.param(codecs.BOM_UTF8, "utf-8-sig", "", id="a mark alone"),
        pytest.param(b"", "utf-8", "", id="nothing"),
        pytest.param(b"plain", "utf-8", "plain", id="ASCII"),
        pytest.param("naïve 日本".encode(), "utf-8", "naïve 日本", id="utf-8"),
        pytest.param("a\ufeffb".encode(), "utf-8", "a\ufeffb", id="a mark in the middle is text"),
    ],
)
def test_without_a_charset_a_mark_counts_and_then_utf_8(content: bytes, found: str, text: str) -> None:
    assert detect(content) == found
    assert decode(content, None) == text
    assert decode(content, detect(content)) == text


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("café", "cp1252"),
        ("Grüße aus München", "cp1252"),
        ("naïve café résumé, déjà vu", "cp1252"),
        ("El niño comió piñas en la montaña con su compañero", "cp1252"),
        ("Zażółć gęślą jaźń", "cp1250"),
        ("Árvíztűrő tükörfúrógép", "cp1250"),
        ("Привет, мир! Как дела?", "cp1251"),
        ("<title>Главная страница</title>", "cp1251"),
        ("こんにちは世界、これはテストです。", "shift_jis"),
        ("中文测试内容，这是一个测试。", "gb18030"),
        ("中文測試內容，這是一個測試。", "big5"),
        ("안녕하세요 세계", "euc_kr"),
        ("Γειά σου Κόσμε, τι κάνεις σήμερα;", "cp1253"),
    ],
)
def test_what_is_not_utf_8_is_guessed_among_the_charsets_of_the_web(text: str, charset: str) -> None:
    content = text.encode(charset)
    assert decode(content, None) == text
    assert "".join(iter_decoded([content], None)) == text


@pytest.mark.parametrize("content", [bytes(range(256)), b"\xff" * 100, b"\x81\x8d\x8f\x90\x9d" * 9])
def test_what_nothing_fits_is_still_text(content: bytes) -> None:
    assert isinstance(decode(content, None), str)
    assert isinstance(detect(content), (str, type(None)))


@given(st.binary(max_size=60))
@settings(deadline=None)  # the first guess imports charset-normalizer
def test_any_bytes_are_text(content: bytes) -> None:
    found = detect(content)
    assert found is None or decode(content, found) == decode(content, None)


@given(st.text())
def test_utf_8_is_text_again_with_and_without_a_mark(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass") if text.isascii() else text.encode("utf-8", "ignore")
    expected = content.decode()
    assert decode(content, "utf-8") == expected
    assert decode(codecs.BOM_UTF8 + content, None) == expected
    if not expected.startswith("\ufeff"):
        assert decode(content, None) == expected


def test_a_large_body_is_guessed_from_a_part_of_it() -> None:
    """charset-normalizer would take half a minute for all of this."""
    line = "Übung macht den Meister, heißt es; später wäre zu spät.\n"
    content = ("plain text only\n" * 50_000 + line * 200_000).encode("cp1252")
    assert detect(content) == "cp1252"
    assert decode(content, None).endswith(line)


TEXT_CODECS = sorted(
    name
    for name in {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    if name
    not in ("aliases", "mbcs", "oem", "undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape")
    and codecs.lookup(name)._is_text_encoding
)
# Bytes that mean something to one charset or another: marks, escapes, shifts, lead bytes, surrogates.
TELLING = b"ab\x1b$B(J)A~{}+-/&@\x0e\x0f\r\n\\0\x00\xef\xbb\xbf\xff\xfe\xd8\xdc\x80\x81\x8e\x8f\xa4\xe3\xf0"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A charset and a body in it, or partly in it, or not in it at all."""
    charset = draw(st.sampled_from(TEXT_CODECS))
    pieces = st.text(st.sampled_from("aé中日あПр한\r\n ~"), max_size=6).map(
        lambda text: text.encode(charset, "ignore")
    )
    telling = st.lists(st.sampled_from(TELLING), max_size=24).map(bytes)
    return charset, b"".join(draw(st.lists(pieces | telling | st.binary(max_size=8), max_size=4)))


def cuts(body: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(body) + 1) for point in points), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


SPLITS = st.lists(st.integers(0, 10**6), max_size=4)


@given(bodies(), SPLITS)
def test_text_in_a_declared_charset_does_not_depend_on_how_its_bytes_are_split(
    body: tuple[str, bytes], points: list[int]
) -> None:
    charset, content = body
    whole = decode(content, charset)
    assert "".join(iter_decoded(cuts(content, points), charset)) == whole
    assert "".join(iter_decoded([content[i : i + 1] for i in range(len(content))], charset)) == whole


@given(bodies())
def test_a_declared_charset_decodes_as_python_does(body: tuple[str, bytes]) -> None:
    charset, content = body
    assert decode(content, charset) == content.decode(charset, "replace")


@given(st.binary(max_size=40) | bodies().map(lambda body: body[1]), SPLITS)
@settings(deadline=None)  # the first guess imports charset-normalizer
def test_text_without_a_charset_does_not_depend_on_how_its_bytes_are_split(
    content: bytes, points: list[int]
) -> None:
    whole = decode(content, None)
    assert "".join(iter_decoded(cuts(content, points), None)) == whole
    assert "".join(iter_decoded([content[i : i + 1] for i in range(len(content))], None)) == whole


@pytest.mark.parametrize("size", [1000, 16_384, 49_152, 50_001])
@pytest.mark.parametrize("ascii_first", [0, 5, 40_000])
def test_where_the_guess_is_made_from_a_part_the_split_does_not_matter_either(
    size: int, ascii_first: int
) -> None:
    line = "Übung macht den Meister, heißt es; später wäre zu spät.\n"
    content = b"x" * ascii_first + (line * 4000).encode("cp1252")
    pieces = [content[i : i + size] for i in range(0, len(content), size)]
    assert "".join(iter_decoded(pieces, None)) == decode(content, None) == content.decode("cp1252")


def test_many_bytes_of_one_multibyte_character_each_are_not_cut_in_half_for_the_guess() -> None:
    content = ("これは日本語の文章です。\n" * 5000).encode("shift_jis")
    assert decode(content, None) == content.decode("shift_jis")
    assert "".join(iter_decoded([content[:77_777], content[77_777:]], None)) == content.decode("shift_jis")


def test_text_that_is_utf_8_for_long_stays_utf_8_when_it_comes_in_pieces() -> None:
    content = ("é" * 60_000).encode() + b"\xff" + "é".encode()
    assert "".join(iter_decoded([content], None)) == "é" * 60_000 + "\ufffdé"


def test_ascii_is_not_held_back() -> None:
    pieces = iter_decoded(iter([b"data: 1\n\n", b"data: 2\n\n"]), None)
    assert next(pieces) == "data: 1\n\n"
    assert next(pieces) == "data: 2\n\n"


def test_a_declared_charset_holds_no_more_back_than_an_unfinished_character() -> None:
    pieces = iter_decoded(iter(["é".encode() + b"\xc3", b"\xa9!"]), "utf-8")
    assert next(pieces) == "é"
    assert next(pieces) == "é!"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-2022-jp", "nonsense", None])
def test_no_piece_is_empty(encoding: str | None) -> None:
    assert list(iter_decoded([], encoding)) == []
    assert list(iter_decoded([b"", b""], encoding)) == []
    assert "" not in list(iter_decoded([b"", b"\xe2", b"\x82", b"", b"\xac", b""], encoding))


def test_an_error_of_the_source_passes_through() -> None:
    def source() -> Any:
        yield b"a"
        raise ConnectionResetError("gone")

    pieces = iter_decoded(source(), "utf-8")
    assert next(pieces) == "a"
    with pytest.raises(ConnectionResetError):
        next(pieces)


@pytest.mark.parametrize("unit", [b"\x1b", b"\x1b$", b"\xe3", b"a", b"\xff", b"+", b"~{"])
@pytest.mark.parametrize("encoding", [None, "utf-8", "iso-2022-jp", "iso-2022-kr", "utf-7", "hz", "gb18030"])
def test_hostile_bytes_one_by_one_are_decoded_in_linear_time(unit: bytes, encoding: str | None) -> None:
    content = unit * 60_000
    pieces = (content[i : i + 1] for i in range(len(content)))
    assert "".join(iter_decoded(pieces, encoding)) == decode(content, encoding)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        pytest.param(None, None, id="no field"),
        pytest.param("", None, id="empty"),
        pytest.param("text/html; charset=utf-8", "utf-8", id="RFC 9110 §8.3.2"),
        pytest.param('text/html; charset="UTF-8"', "UTF-8", id="quoted, spelled as declared"),
        pytest.param("text/html; charset='utf-8'", "utf-8", id="single quotes"),
        pytest.param("text/html; Charset = utf-8 ; x=y", "utf-8", id="case and white space"),
        pytest.param('multipart/mixed; boundary="; charset=x"', None, id="not a parameter"),
        pytest.param("text/html", None, id="text is not ISO-8859-1 by default"),
        pytest.param("text/html; charset", None, id="no value"),
        pytest.param("text/html; charset=", None, id="an empty value"),
        pytest.param("application/json", "utf-8", id="RFC 8259 §8.1"),
        pytest.param("application/json; charset=latin-1", "latin-1", id="a declaration counts"),
        pytest.param("image/png", None, id="no text"),
        pytest.param("text/html; charset=no-such", "no-such", id="unknown"),
    ],
)
def test_the_charset_that_fields_declare_is_read(content_type: str | None, expected: str | None) -> None:
    headers = CaseInsensitiveDict({} if content_type is None else {"Content-Type": content_type})
    assert get_encoding_from_headers(headers) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("charset=utf-8", [], id="no element"),
        pytest.param('<meta charset="UTF-8">', ["UTF-8"], id="HTML 5"),
        pytest.param("<META CHARSET='UTF-8'>", ["UTF-8"], id="single quotes, case"),
        pytest.param("<meta charset=UTF-8>", ["UTF-8"], id="no quotes"),
        pytest.param("<meta charset=UTF-8/>", ["UTF-8"], id="no quotes, XHTML"),
        pytest.param(
            '<meta http-equiv="Content-type" content="text/html;charset=UTF-8" />', ["UTF-8"], id="HTML 4"
        ),
        pytest.param('<meta content="text/html; charset=UTF-8; x=y">', ["UTF-8"], id="more parameters"),
        pytest.param('<meta\n  charset = "UTF-8">', ["UTF-8"], id="white space"),
        pytest.param('<?xml version="1.0" encoding="UTF-8"?>', ["UTF-8"], id="XML"),
        pytest.param(' <?xml version="1.0" encoding="UTF-8"?>', [], id="XML only at the very start"),
        pytest.param('<meta name="a"><p title="charset=x">', [], id="another element's"),
        pytest.param(
            '<?xml version="1.0" encoding="XML"?>\n<meta charset="HTML5">\n'
            '<meta http-equiv="Content-type" content="text/html;charset=HTML4" />',
            ["HTML5", "HTML4", "XML"],
            id="in the order of requests",
        ),
    ],
)
def test_the_charsets_that_a_text_declares_are_read(content: str, expected: list[str]) -> None:
    assert get_encodings_from_content(content) == expected


@pytest.mark.parametrize(
    "unit",
    ["<meta", "<meta ", "charset=", "<meta charset=", '<meta charset="', "<", "<?xml", "encoding=", "'", " "],
)
@pytest.mark.parametrize("start", ["", "<meta ", "<?xml ", "<meta charset="])
def test_a_hostile_page_is_read_in_linear_time(start: str, unit: str) -> None:
    get_encodings_from_content(start + unit * (300_000 // len(unit)))


UTFS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le"]


@pytest.mark.parametrize("utf", UTFS)
@pytest.mark.parametrize("text", ["{}", "[1]", '{"é": "日"}', '"x"', "12"])
def test_json_says_by_its_first_bytes_which_utf_it_is_in(utf: str, text: str) -> None:
    content = text.encode(utf)
    found = guess_json_utf(content)
    assert found is not None
    assert content.decode(found) == text


@pytest.mark.parametrize("utf", ["utf-16-be", "utf-32-le"])
def test_json_with_a_mark_is_read_without_it(utf: str) -> None:
    content = "\ufeff{}".encode(utf)
    assert content.decode(guess_json_utf(content) or "") == "{}"


@pytest.mark.parametrize(
    "content", [b"\x00\x00\x00\x00", b"\x00\x00", b"\x00a\x00\x00", b"a\x00\x00b", b"\x00"]
)
def test_bytes_that_begin_no_json_are_in_no_utf(content: bytes) -> None:
    assert guess_json_utf(content) is None


def test_the_utf_of_json_is_guessed_as_in_requests() -> None:
    theirs = pytest.importorskip(
        "requests.utils", reason="requests is not installed: nothing to compare with"
    )
    for size in range(6):
        for content in map(bytes, product(b"\x00a\xef\xbb\xbf\xfe\xff", repeat=size)):
            assert guess_json_utf(content) == theirs.guess_json_utf(content), content


@dataclass
class Encoded:
    """As much of a response as decoding it takes."""

    encoding: str | None


def test_a_stream_is_decoded_in_the_encoding_of_its_response() -> None:
    pieces = [b"caf\xc3", b"\xa9"]
    assert list(stream_decode_response_unicode(iter(pieces), Encoded("utf-8"))) == [
        "caf",
        "é",
    ]
    assert list(stream_decode_response_unicode(iter(pieces), Encoded(None))) == pieces
    assert "".join(map(str, stream_decode_response_unicode(iter(pieces), Encoded("nonsense")))) == "café"


def test_charset_normalizer_is_imported_for_a_guess_only() -> None:
    script = """if True:
        import sys
        from httpkit._message import charsets
        charsets.decode(b"caf\\xc3\\xa9", None), charsets.detect(b"abc"), charsets.decode(b"\\xe9", "latin-1")
        list(charsets.iter_decoded([b"caf\\xc3\\xa9"], None))
        assert "charset_normalizer" not in sys.modules
        charsets.decode(b"caf\\xe9", None)
        assert "charset_normalizer" in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
