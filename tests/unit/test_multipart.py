"""multipart/form-data: the bytes that parts become, in memory and as a stream."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.formparser import parse_form_data

from httpkit._message import bodies, multipart
from httpkit._message.multipart import Extent, MultipartStream, Part
from httpkit.exceptions import FileModeWarning, InvalidHeader, RequestException


@pytest.fixture
def _boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "choose_boundary", lambda: "B")


def body_of(*parts: str) -> bytes:
    return "".join(f"--B\r\n{part}\r\n" for part in parts).encode() + b"--B--\r\n"


def named(name: str, rest: str = "", content: str = "x") -> str:
    return f'Content-Disposition: form-data; name="{name}"{rest}\r\n\r\n{content}'


class Named(io.BytesIO):
    name = "/tmp/dir/photo.png"


FORMS = [
    # what is given and the parts that come of it: as requests 2.34 writes them
    pytest.param({"f": b"x"}, [named("f", '; filename="f"')], id="bytes: named like the field"),
    pytest.param({"f": "x"}, [named("f", '; filename="f"')], id="text"),
    pytest.param({"f": "é"}, [named("f", '; filename="f"', "é")], id="text in UTF-8"),
    pytest.param({"f": bytearray(b"x")}, [named("f", '; filename="f"')], id="bytearray"),
    pytest.param({"f": 5}, [named("f", '; filename="f"', "5")], id="a number"),
    pytest.param({"f": io.BytesIO(b"x")}, [named("f", '; filename="f"')], id="a file without a name"),
    pytest.param({"f": Named(b"x")}, [named("f", '; filename="photo.png"')], id="a file with a path"),
    pytest.param({"f": io.StringIO("é")}, [named("f", '; filename="f"', "é")], id="text in a file"),
    pytest.param({"f": ("n", b"x")}, [named("f", '; filename="n"')], id="a pair"),
    pytest.param({"f": ["n", b"x"]}, [named("f", '; filename="n"')], id="a list for a pair"),
    pytest.param({"f": (None, "x")}, [named("f")], id="no file name: a plain part"),
    pytest.param({"f": ("", "x")}, [named("f", '; filename=""')], id="an empty file name"),
    pytest.param({"f": (b"n", b"x")}, [named("f", '; filename="n"')], id="a file name in bytes"),
    pytest.param({"f": (Path("n"), b"x")}, [named("f", '; filename="n"')], id="a path for a file name"),
    pytest.param(
        {"f": ("n", b"x", "image/png")},
        [named("f", '; filename="n"\r\nContent-Type: image/png')],
        id="a triple",
    ),
    pytest.param(
        {"f": ("n", b"x", "image/png", {"X-A": "b", "X-E": ""})},
        [named("f", '; filename="n"\r\nContent-Type: image/png\r\nX-A: b')],
        id="four things",
    ),
    pytest.param(
        {"f": ("n", b"x", None, {"content-type": "a/b", "X-A": b"c"})},
        [named("f", '; filename="n"\r\ncontent-type: a/b\r\nX-A: c')],
        id="the type among the fields",
    ),
    pytest.param(
        {"f": ("n", b"x", "a/b", {"content-type": "c/d"})},
        [named("f", '; filename="n"\r\nContent-Type: a/b')],
        id="one type for one part",
    ),
    pytest.param(
        {"f": ("n", b"x", None, {"Content-Disposition": 'form-data; name="g"'})},
        [named("f", '; filename="n"')],
        id="one disposition for one part",
    ),
    pytest.param(
        [("f", ("1", b"x")), ("f", ("2", b"x")), ("g", ("3", b"x"))],
        [named("f", '; filename="1"'), named("f", '; filename="2"'), named("g", '; filename="3"')],
        id="several files under one name",
    ),
    pytest.param(
        {"f": None, "g": ("n", None), "h": b"x"}, [named("h", '; filename="h"')], id="None is left out"
    ),
    pytest.param({"f": None}, [], id="nothing but None"),
    pytest.param({b"f": (None, b"x")}, [named("f")], id="a name in bytes"),
    pytest.param({3: (None, b"x")}, [named("3")], id="a number for a name"),
]


@pytest.mark.usefixtures("_boundary")
@pytest.mark.parametrize("files, parts", FORMS)
def test_files_become_parts(files: Any, parts: list[str]) -> None:
    for content in files.values() if isinstance(files, dict) else ():
        if isinstance(content, io.IOBase):
            content.seek(0)
    prepared = bodies.prepare(files=files)
    assert prepared.body == body_of(*parts)
    assert prepared.content_type == "multipart/form-data; boundary=B"
    assert prepared.length == len(body_of(*parts))
    assert prepared.position is None


@pytest.mark.usefixtures("_boundary")
def test_fields_of_the_form_come_first_and_lists_give_several_parts() -> None:
    data = {"a": [1, None, "é"], b"k": b"\xff", "n": None, "e": "", "b": bytearray(b"y")}
    body, _ = bodies.encode_multipart({"f": (None, b"x")}, data)
    expected = body_of(
        named("a", "", "1"),
        named("a", "", "é"),
        named("k", "", "@"),
        named("e", "", ""),
        named("b", "", "y"),
        named("f"),
    )
    assert body == expected.replace(b"@", b"\xff")


NAMES = [
    ('a"b', "a%22b"),
    ("a\r\nb", "a%0D%0Ab"),
    ('"; filename="x', "%22; filename=%22x"),
    ("é€", "é€"),
    ("a\\b", "a\\b"),
    ("a%22b", "a%22b"),
    ("a;b", "a;b"),
]


@pytest.mark.usefixtures("_boundary")
@pytest.mark.parametrize("name, written", NAMES)
def test_names_are_quoted_as_browsers_quote_them(name: str, written: str) -> None:
    body, _ = bodies.encode_multipart({name: (name, b"x")})
    assert body == body_of(named(written, f'; filename="{written}"'))


@pytest.mark.usefixtures("_boundary")
def test_a_file_name_that_is_not_utf_8_is_sent_with_its_bytes() -> None:
    body, _ = bodies.encode_multipart({"f": ("caf\udce9", b"x")})
    assert body == body_of(named("f", '; filename="caf@"')).replace(b"@", b"\xe9")


@pytest.mark.parametrize(
    "spec",
    [
        ("n", b"", "a/b\r\nX: y"),
        ("n", b"", "a/b\n"),
        ("n", b"", "a\x00b"),
        ("n", b"", None, {"X\r\nY": "z"}),
        ("n", b"", None, {"X Y": "z"}),
        ("n", b"", None, {"": "z"}),
        ("n", b"", None, {"X": "a\r\nY: b"}),
        ("n", b"", None, {"X": b"a\nb"}),
        ("n", b"", None, {"X": 5}),
        ("n", b"", 5),
    ],
    ids=repr,
)
def test_a_field_of_a_part_cannot_smuggle_another(spec: Any) -> None:
    with pytest.raises(InvalidHeader):
        bodies.encode_multipart({"f": spec})


def test_a_boundary_is_random_and_in_the_content_type() -> None:
    boundaries = set()
    for _ in range(50):
        body, content_type = bodies.encode_multipart({"f": b"x"})
        boundary = content_type.partition("boundary=")[2]
        assert isinstance(body, bytes)
        assert body.startswith(f"--{boundary}\r\n".encode())
        assert body.endswith(f"\r\n--{boundary}--\r\n".encode())
        assert len(boundary) == 32
        boundaries.add(boundary)
    assert len(boundaries) == 50


# --- what another program reads


def received(body: Any, content_type: str) -> tuple[list[tuple[str, str]], list[tuple[str, str, bytes, str]]]:
    """Fields as (name, value), files as (name, file name, content, type)."""
    content = body if isinstance(body, bytes) else b"".join(body)
    environ = {
        "wsgi.input": io.BytesIO(content),
        "CONTENT_LENGTH": str(len(content)),
        "CONTENT_TYPE": content_type,
        "REQUEST_METHOD": "POST",
    }
    _, form, uploads = parse_form_data(environ, silent=False)
    files = []
    for name, upload in uploads.items(multi=True):
        with upload.stream as stream:
            files.append((name, upload.filename or "", stream.read(), upload.content_type or ""))
    return list(form.items(multi=True)), files


# Backslashes mean something to some servers, surrogates nothing to any; control characters are no business of a form.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='\\"%'), min_size=1, max_size=10
)
CONTENT = st.binary(max_size=30) | st.sampled_from([b"\r\n", b"\r\n--", b"--B--\r\n", b"\n", b"\r"])


@given(
    st.lists(st.tuples(TEXT, TEXT), max_size=3),
    st.lists(st.tuples(TEXT, TEXT, CONTENT), min_size=1, max_size=3),
)
def test_a_server_reads_what_was_given(form: list[Any], files: list[Any]) -> None:
    body, content_type = bodies.encode_multipart([(k, (n, c, "a/b")) for k, n, c in files], form)
    got_form, got_files = received(body, content_type)
    assert sorted(got_form) == sorted(form)
    assert sorted(got_files) == sorted((k, n, c, "a/b") for k, n, c in files)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_breaks_out_of_its_line(name: str, filename: str) -> None:
    try:
        body, _ = bodies.encode_multipart({name: (filename, b"x", "a/b")})
    except bodies.InvalidBody:
        assert any("\ud800" <= character <= "\udfff" for character in name + filename)
        return
    assert isinstance(body, bytes)
    lines = body.split(b"\r\n")
    assert len(lines) == 7
    assert lines[1].startswith(b"Content-Disposition: form-data; name=")
    assert lines[1].count(b'"') == 4
    assert lines[2:5] == [b"Content-Type: a/b", b"", b"x"]
    assert b"\n" not in lines[1]
    assert b"\r" not in lines[1]


# --- streams


def big(path: Path, size: int = multipart.IN_MEMORY) -> Path:
    path.write_bytes(bytes(range(256)) * (size // 256) + b"!" * (size % 256))
    return path


@pytest.mark.usefixtures("_boundary")
def test_a_large_file_is_streamed_and_a_small_one_is_not(tmp_path: Path) -> None:
    around = len(body_of(named("f", '; filename="n"', "")))
    for size, kind in (
        (multipart.IN_MEMORY - around, bytes),
        (multipart.IN_MEMORY - around + 1, MultipartStream),
    ):
        with big(tmp_path / "file", size).open("rb") as file:
            prepared = bodies.prepare(files={"f": ("n", file)})
            assert type(prepared.body) is kind
            assert prepared.length == size + around
            assert len(prepared.body) == size + around


def test_content_in_memory_is_sent_from_memory() -> None:
    body, _ = bodies.encode_multipart({"f": b"x" * (multipart.IN_MEMORY + 1)})
    assert isinstance(body, bytes)


@pytest.mark.usefixtures("_boundary")
def test_a_streamed_body_can_be_sent_again(tmp_path: Path) -> None:
    content = b"x" * multipart.IN_MEMORY + b"end"
    (tmp_path / "file").write_bytes(b"skipped" + content)
    with (tmp_path / "file").open("rb") as file:
        file.seek(7)
        prepared = bodies.prepare({"a": "b"}, {"f": ("n", file, "a/b"), "g": (None, "after")})
        stream = prepared.body
        assert isinstance(stream, MultipartStream)
        assert prepared.position == 0
        once = b"".join(stream)
        assert len(once) == prepared.length
        assert stream.read() == b""
        assert bodies.is_replayable(stream, prepared.position)
        bodies.rewind(stream, prepared.position)
        assert stream.read() == once
        bodies.rewind(stream, prepared.position)
        assert stream.read(100) == once[:100]
        bodies.rewind(stream, prepared.position)
        assert b"".join(stream) == once
    expected = body_of(
        named("a", "", "b"), named("f", '; filename="n"\r\nContent-Type: a/b', "@"), named("g", "", "after")
    )
    assert once == expected.replace(b"@", content)


def test_the_same_file_may_be_in_two_parts(tmp_path: Path) -> None:
    for size in (10, multipart.IN_MEMORY):
        with big(tmp_path / "file", size).open("rb") as file:
            body, content_type = bodies.encode_multipart([("a", file), ("b", file)])
            one, other = received(body, content_type)[1]
        assert (one[0], other[0]) == ("a", "b")
        assert one[2] == other[2] == (tmp_path / "file").read_bytes()


PIECES = st.lists(st.tuples(st.booleans(), st.binary(max_size=8)), max_size=6)
SIZES = st.lists(st.one_of(st.integers(0, 10), st.none(), st.integers(-2, -1)), max_size=10)


def stream_of(pieces: list[tuple[bool, bytes]]) -> MultipartStream:
    made = []
    for in_file, content in pieces:
        made.append(Extent(io.BytesIO(b"??" + content + b"??"), 2, len(content)) if in_file else content)
    return MultipartStream(made)


@given(PIECES, SIZES)
def test_any_split_of_the_reads_gives_the_same_bytes(
    pieces: list[tuple[bool, bytes]], sizes: list[int | None]
) -> None:
    whole = b"".join(content for _, content in pieces)
    stream, like = stream_of(pieces), io.BytesIO(whole)
    assert len(stream) == len(whole)
    for size in sizes:
        assert stream.read(size) == like.read(size)
        assert stream.tell() == like.tell()
    assert stream.read() == like.read()


@given(PIECES, st.lists(st.tuples(st.integers(-20, 60), st.integers(0, 2), st.integers(0, 9)), max_size=6))
def test_seeking_lands_within_the_body(
    pieces: list[tuple[bool, bytes]], moves: list[tuple[int, int, int]]
) -> None:
    whole = b"".join(content for _, content in pieces)
    stream, position = stream_of(pieces), 0
    for offset, whence, size in moves:
        position = min(max(0, (0, position, len(whole))[whence] + offset), len(whole))
        assert stream.seek(offset, whence) == stream.tell() == position
        block = stream.read(size)
        assert block == whole[position : position + size]
        position += len(block)
        assert bodies.super_len(stream) == len(whole) - position


class Zeros(io.RawIOBase):
    """A file of any size that takes no room, and counts what is asked of it."""

    def __init__(self, size: int) -> None:
        self.size, self.at, self.largest, self.total = size, 0, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = (0, self.at, self.size)[whence] + offset
        return self.at

    def read(self, size: int | None = -1) -> bytes:
        size = self.size if size is None or size < 0 else size
        size = max(0, min(size, self.size - self.at))
        self.largest, self.total = max(self.largest, size), self.total + size
        self.at += size
        return bytes(size)


def test_a_large_upload_takes_constant_memory() -> None:
    size = 256 * 1024 * 1024
    with Zeros(size) as file:
        tracemalloc.start()
        try:
            prepared = bodies.prepare({"a": "b"}, {"f": file})
            sent = sum(len(block) for block in prepared.body)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert sent == prepared.length
        assert sent > size
        assert file.total == size
        assert file.largest <= multipart.BLOCK
        assert peak < 4 * multipart.BLOCK


def test_nothing_of_a_large_file_is_read_before_it_is_sent() -> None:
    with Zeros(10 * multipart.IN_MEMORY) as file:
        bodies.prepare(files={"f": file})
        assert file.total == 0
        assert file.at == 0


class Unsized(Zeros):
    """A pipe: it can be read and nothing else."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation


class Bare:
    def __init__(self, content: Any) -> None:
        self.content = content

    def read(self, size: int = -1) -> Any:
        return self.content


def test_a_file_of_unknown_length_is_read_into_memory() -> None:
    with Unsized(2 * multipart.IN_MEMORY) as file:
        body, content_type = bodies.encode_multipart({"f": file})
    assert isinstance(body, bytes)
    assert received(body, content_type)[1][0][2] == bytes(2 * multipart.IN_MEMORY)
    for content in (b"abc", "abc"):
        body, content_type = bodies.encode_multipart({"f": Bare(content)})
        assert received(body, content_type)[1][0][2] == b"abc"
    with pytest.raises(bodies.InvalidBody, match="'f' is list"):
        bodies.encode_multipart({"f": Bare([1])})


def test_a_text_file_is_sent_as_utf_8_whatever_its_size(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"\xe9" * multipart.IN_MEMORY)
    with path.open(encoding="latin-1") as file:
        body, content_type = bodies.encode_multipart({"f": file})
    assert received(body, content_type)[1][0][2] == "é".encode() * multipart.IN_MEMORY
    assert not [warning for warning in recwarn if issubclass(warning.category, FileModeWarning)]


@pytest.fixture
def large(tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    path = big(tmp_path / "large.bin")
    with path.open("rb", buffering=0) as file:
        yield path, file


def test_a_file_that_was_closed_too_early_is_told(large: tuple[Path, Any]) -> None:
    _, file = large
    stream = bodies.prepare(files={"f": file}).body
    file.close()
    with pytest.raises(bodies.InvalidBody, match=r"large\.bin' was closed before it was sent"):
        stream.read()


def test_a_file_that_became_shorter_is_told(large: tuple[Path, Any]) -> None:
    path, file = large
    stream = bodies.prepare(files={"f": file}).body
    path.write_bytes(b"short")
    with pytest.raises(bodies.InvalidBody, match="gave nothing where 1048571 bytes were left of the 1048576"):
        stream.read()


def test_a_file_that_grew_is_sent_as_it_was_announced(large: tuple[Path, Any]) -> None:
    path, file = large
    prepared = bodies.prepare(files={"f": file})
    with path.open("ab") as more:
        more.write(b"more")
    assert len(prepared.body.read()) == prepared.length


def test_a_file_that_gives_text_is_told() -> None:
    stream = MultipartStream([Extent(io.StringIO("abc"), 0, 3)])
    with pytest.raises(RequestException, match="a file gave str"):
        stream.read()


def test_an_encoder_without_parts_ends_at_once() -> None:
    assert multipart.encode([], "B") == (b"--B--\r\n", "multipart/form-data; boundary=B")
    assert multipart.encode([Part("a", b"x")], "B")[0] == body_of(named("a"))


def test_a_stream_is_a_seekable_file() -> None:
    stream = stream_of([(True, b"abc")])
    assert stream.readable()
    assert stream.seekable()
    assert repr(stream) == "<MultipartStream of 3 bytes>"
