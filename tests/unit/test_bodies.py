"""Bodies: what is sent for data, files and json, how it is framed, and whether it can be sent again."""

from __future__ import annotations

import array
import asyncio
import gzip
import io
import json
import mmap
import os
import tarfile
import tempfile
import types
import warnings
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message import bodies
from httpkit.exceptions import (
    BodyNotReplayable,
    FileModeWarning,
    InvalidJSONError,
    RequestException,
    UnrewindableBodyError,
)

FORM = "application/x-www-form-urlencoded"


def drain(body: Any) -> bytes:
    """What a connection would send of a body."""
    if hasattr(body, "read"):
        read = body.read
        body = iter(lambda: read(7), read(0))
    pieces = [body] if isinstance(body, (str, bytes, bytearray)) else body
    return b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)


# --- data and json

WHOLE = [
    # what is given, the body, its Content-Type, its length: as requests 2.34 has them, but for the empty form's length
    pytest.param(
        {"data": {"a": "b c", "d": ["1", "2"], "e": None}}, "a=b+c&d=1&d=2", FORM, 13, id="a mapping"
    ),
    pytest.param({"data": OrderedDict([("b", 1), ("a", 2)])}, "b=1&a=2", FORM, 7, id="an ordered mapping"),
    pytest.param({"data": [("b", "1"), ("a", "2"), ("b", "3")]}, "b=1&a=2&b=3", FORM, 11, id="pairs"),
    pytest.param({"data": (("a", "ü"),)}, "a=%C3%BC", FORM, 8, id="a tuple of pairs"),
    pytest.param({"data": {"a": None}}, "", FORM, 0, id="a form with nothing in it"),
    pytest.param({"data": "a=b"}, "a=b", None, 3, id="text has no type of its own"),
    pytest.param({"data": "é€"}, "é€", None, 5, id="text is measured in UTF-8"),
    pytest.param({"data": b"a\x00\xff"}, b"a\x00\xff", None, 3, id="bytes"),
    pytest.param({"data": bytearray(b"ab")}, bytearray(b"ab"), None, 2, id="bytearray"),
    pytest.param({"data": memoryview(b"abc")[::2]}, b"ac", None, 2, id="memoryview"),
    pytest.param(
        {"data": array.array("H", [1, 2])}, array.array("H", [1, 2]).tobytes(), None, 4, id="wide items"
    ),
    pytest.param(
        {"json": {"a": [1, None, "é"]}}, b'{"a": [1, null, "\\u00e9"]}', "application/json", 26, id="json"
    ),
    pytest.param({"json": []}, b"[]", "application/json", 2, id="empty json is json"),
    pytest.param({"json": 0}, b"0", "application/json", 1, id="zero is json"),
    pytest.param({"json": False}, b"false", "application/json", 5, id="false is json"),
    pytest.param({"data": {}, "json": {}}, b"{}", "application/json", 2, id="empty data gives way to json"),
    pytest.param({"data": "", "json": {}}, b"{}", "application/json", 2, id="empty text gives way to json"),
    pytest.param({"data": {"a": "b"}, "json": {}}, "a=b", FORM, 3, id="data goes before json"),
    pytest.param({}, None, None, 0, id="nothing"),
    pytest.param({"data": ""}, None, None, 0, id="empty text is no body"),
    pytest.param({"data": b""}, None, None, 0, id="empty bytes are no body"),
    pytest.param({"data": {}, "files": []}, None, None, 0, id="an empty mapping is no body"),
    pytest.param({"data": [], "files": {}}, None, None, 0, id="an empty list is no body"),
    pytest.param({"data": False}, None, None, 0, id="False is no body"),
]


@pytest.mark.parametrize("given_body, body, content_type, length", WHOLE)
def test_a_body_is_made_of_what_was_given(
    given_body: dict[str, Any], body: Any, content_type: str | None, length: int
) -> None:
    prepared = bodies.prepare(**given_body)
    assert tuple(prepared) == (body, content_type, length, None)
    assert type(prepared.body) is type(body)
    if body is not None:
        assert len(drain(prepared.body)) == length


NOT_SENDABLE = [
    pytest.param({"data": 5}, "int cannot be a body", id="a number"),
    pytest.param({"data": True}, "bool cannot be a body", id="a truth value"),
    pytest.param({"data": 1.5}, "float cannot be a body", id="a fraction"),
    pytest.param({"data": object()}, "object cannot be a body", id="an object"),
    pytest.param({"data": Path("x")}, "Path cannot be a body", id="a path"),
    pytest.param({"data": [1, 2]}, "list cannot be written as a form", id="a list of numbers"),
    pytest.param({"data": ["ab", "cd"]}, "not a (name, value) pair", id="a list of text"),
    pytest.param({"data": [b"ab", b"cd"]}, "not a (name, value) pair", id="a list of bytes"),
    pytest.param({"data": [("a", "b", "c")]}, "list cannot be written as a form", id="a list of triples"),
    pytest.param(
        {"data": {"a": "\ud800"}}, "cannot be written as a form", id="half a surrogate pair in a form"
    ),
    pytest.param({"data": "\ud800"}, "no form in UTF-8", id="half a surrogate pair in text"),
    pytest.param({"data": 5, "files": {"f": b""}}, "data: give", id="a number beside files"),
    pytest.param({"data": "text", "files": {"f": b""}}, "give pairs", id="text beside files"),
    pytest.param({"data": b"bytes", "files": {"f": b""}}, "give pairs", id="bytes beside files"),
    pytest.param({"files": "text"}, "files: give", id="text for files"),
    pytest.param({"files": ["text"]}, "files: give", id="a list of text for files"),
    pytest.param({"files": ["ab"]}, "files: give", id="two letters are no pair"),
    pytest.param({"files": 5}, "files: give", id="a number for files"),
    pytest.param({"files": {"f": ()}}, "a tuple of 0", id="an empty tuple"),
    pytest.param({"files": {"f": ("n",)}}, "a tuple of 1", id="a name without content"),
    pytest.param({"files": {"f": ("n", b"", "t/p", {}, 5)}}, "a tuple of 5", id="five things"),
    pytest.param({"files": {"f": Path("x")}}, "opened in binary mode", id="a path for a file"),
    pytest.param({"files": {"f": {"a": "b"}}}, "'f' is dict", id="a mapping for a file"),
    pytest.param(
        {"files": {"f": ("n", b"", None, "X: y")}}, "fields of 'f'", id="text for the fields of a part"
    ),
    pytest.param({"files": {"f": "\ud800"}}, "no form in UTF-8", id="half a surrogate pair in a part"),
    pytest.param(
        {"files": {"\ud800": b""}}, "cannot be written in UTF-8", id="half a surrogate pair in a name"
    ),
]


@pytest.mark.parametrize("given_body, why", NOT_SENDABLE)
def test_what_cannot_be_a_body_is_refused_with_what_can(given_body: dict[str, Any], why: str) -> None:
    with pytest.raises(RequestException) as caught:
        bodies.prepare(**given_body)
    assert why in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300


def test_an_async_iterable_is_refused() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"

    unsent = pieces()
    with pytest.raises(bodies.InvalidBody, match="async_generator cannot be a body"):
        bodies.prepare(unsent)
    asyncio.run(unsent.aclose())  # type: ignore[attr-defined]


def test_a_stream_and_files_exclude_each_other() -> None:
    for stream in (io.BytesIO(b"a"), iter([b"a"])):
        with pytest.raises(bodies.InvalidBody, match="cannot be combined") as caught:
            bodies.prepare(stream, {"f": b""})
        assert isinstance(caught.value, NotImplementedError)


def test_no_secret_of_the_body_is_in_an_error() -> None:
    for data in (["password=s3cret"], {"s3cret": "\ud800"}, "s3cret\ud800", b"s3cret"):
        with pytest.raises(RequestException) as caught:
            bodies.prepare(data, {"f": b""} if isinstance(data, bytes) else None)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_json_has_no_nan_and_no_infinity(value: Any) -> None:
    with pytest.raises(InvalidJSONError, match="json: "):
        bodies.prepare(json=value)


def test_what_json_cannot_say_is_a_type_error_and_ours() -> None:
    for value in ({1, 2}, {"a": b"bytes"}, object(), {(1, 2): 3}):
        with pytest.raises(InvalidJSONError, match="json: ") as caught:
            bodies.prepare(json=value)
        assert isinstance(caught.value, TypeError)


def test_a_value_that_contains_itself_is_no_json() -> None:
    circle: list[Any] = []
    circle.append(circle)
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for value in (circle, nested):
        with pytest.raises(InvalidJSONError):
            bodies.prepare(json=value)
    while nested:  # taken apart by hand: a tree as deep as this is not left to the garbage collector
        nested = nested[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_json_is_undone_by_parsing_it(value: Any) -> None:
    encoded = bodies.encode_json(value)
    assert json.loads(encoded) == value
    assert encoded.isascii()


# --- streams


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")
    return path


def test_a_file_is_its_own_body_with_its_length_and_position(path: Path) -> None:
    with path.open("rb") as file:
        assert bodies.prepare(file) == (file, None, 10, 0)
        assert bodies.prepare(file).body is file
        file.read(4)
        assert bodies.prepare(file) == (file, None, 6, 4)
        file.seek(20)
        assert bodies.prepare(file) == (file, None, 0, 20)


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_measuring_a_file_does_not_move_it(path: Path, mode: str, buffering: int) -> None:
    with path.open(mode, buffering=buffering) as file:
        file.read(3)
        assert bodies.length_of(file) == 7
        assert file.tell() == 3
        assert file.read() == b"3456789"


def test_an_empty_file_has_a_length(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with empty.open("rb") as file:
        assert bodies.prepare(file).length == 0
    assert bodies.prepare(io.BytesIO()).length == 0
    assert bodies.prepare(io.StringIO()).length == 0


def test_memory_files_are_measured_from_where_they_stand() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    assert bodies.prepare(file) == (file, None, 6, 4)
    assert file.tell() == 4


def test_text_in_memory_is_measured_in_utf_8() -> None:
    file = io.StringIO("aé€")
    assert bodies.prepare(file) == (file, None, 6, 0)
    file.read(1)
    assert bodies.length_of(file) == 5
    assert file.read() == "é€"


@pytest.mark.parametrize(
    "content, encoding",
    [
        (b"plain", "ascii"),
        ("é€".encode(), "utf-8"),
        (b"\xe9", "latin-1"),
        (b"a\r\nb\r\n", "ascii"),
        (b"", "ascii"),
    ],
)
def test_a_text_file_warns_and_is_measured_as_it_will_be_sent(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with path.open(encoding=encoding) as file:
        with pytest.warns(FileModeWarning, match="binary mode"):
            prepared = bodies.prepare(file)
        assert prepared.body is file
        assert prepared.position == 0
        assert prepared.length == len(drain(file))


def test_a_file_that_is_no_text_cannot_be_sent_as_text(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"\xff\xfe")
    refused = pytest.raises(bodies.InvalidBody, match="open it in binary mode")
    with path.open(encoding="utf-8") as file, pytest.warns(FileModeWarning), refused:
        bodies.prepare(file)


def test_a_file_that_cannot_be_read_is_refused(path: Path) -> None:
    with path.open("rb") as closed:
        pass
    with path.open("ab") as appending:
        for file, why in ((closed, "is closed"), (appending, "not open for reading")):
            with pytest.raises(bodies.InvalidBody, match=f"data: .*{why}"):
                bodies.prepare(file)
            with pytest.raises(bodies.InvalidBody, match=f"files: 'f'.*{why}"):
                bodies.prepare(files={"f": file})


def test_the_length_of_a_pipe_is_not_known() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as file, open(writing, "wb"):
        prepared = bodies.prepare(file)
        assert prepared.length is None
        assert prepared.position is not None
        assert not isinstance(prepared.position, int)
        assert not bodies.is_replayable(file, prepared.position)


def test_a_pipe_in_disguise_is_not_read_to_measure_it() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb"):
        assert (
            bodies.length_of(Duck(fileno=lambda: reading, tell=lambda: 0, seek=print, read=fails(OSError)))
            is None
        )


@pytest.mark.parametrize("name", ["status", "cmdline", "environ", "maps"])
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_a_file_that_only_says_that_it_is_empty_has_no_known_length(name: str) -> None:
    path = Path("/proc/self", name)
    with path.open("rb") as file:
        assert bodies.prepare(file).length is None
        assert file.read() == path.read_bytes()
    with path.open("rb") as file:
        wrapper = Duck(fileno=file.fileno, tell=file.tell, seek=file.seek, read=file.read)
        assert bodies.length_of(wrapper) is None
        assert file.read() == path.read_bytes()


def test_a_file_that_is_decompressed_while_it_is_read_is_not_as_long_as_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"a" * 10_000))
    with gzip.open(path) as file:
        assert bodies.prepare(file).length == 10_000
        assert len(drain(file)) == 10_000


def test_a_member_of_an_archive_is_measured(tmp_path: Path, path: Path) -> None:
    with tarfile.open(tmp_path / "archive.tar", "w") as archive:
        archive.add(path, "member")
    with tarfile.open(tmp_path / "archive.tar") as archive:
        member = archive.extractfile("member")
        assert member is not None
        with member:
            assert bodies.length_of(member) == 10


def test_temporary_files_are_measured_and_stay_where_they_are() -> None:
    with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
        for temporary in (file, named):
            temporary.write(b"01234")
            temporary.flush()
            temporary.seek(1)
            assert bodies.prepare(temporary) == (temporary, None, 4, 1)
    with tempfile.SpooledTemporaryFile(max_size=100) as spooled:
        spooled.write(b"01234")
        spooled.seek(1)
        assert bodies.length_of(spooled) == 4


def test_a_mapped_file_is_a_file(path: Path) -> None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.read(3)
        assert bodies.prepare(mapped) == (mapped, None, 7, 3)


def test_a_generator_is_its_own_body_and_is_not_begun() -> None:
    begun = []

    def pieces() -> Iterator[bytes]:
        begun.append(True)
        yield b"a"

    generator = pieces()
    prepared = bodies.prepare(generator)
    assert tuple(prepared) == (generator, None, None, None)
    assert prepared.body is generator
    assert not begun


def test_containers_are_measured_by_their_bytes_and_not_by_their_items() -> None:
    for container in ({b"abc"}, frozenset([b"abc"]), deque([b"abc", b"d"])):
        assert bodies.prepare(container) == (container, None, None, None)


class Sized:
    """An iterable that knows its length in bytes: what progress bars and signing libraries hand over."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


def test_an_iterable_may_say_how_long_it_is() -> None:
    body = Sized(b"abc", b"d")
    assert bodies.prepare(body) == (body, None, 4, None)
    assert bodies.prepare(Sized()).length == 0


class Duck:
    """A file-like object with just the methods and attributes that a test gives it."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def read(self, size: int = -1) -> bytes:
        return b""


class Weird(Duck):
    def __init__(self, length: object) -> None:
        self.length = length

    def __len__(self) -> Any:
        return self.length


def fails(error: type[Exception]) -> Any:
    def method(*args: Any) -> Any:
        raise error("no")

    return method


MEASURED = [
    pytest.param(Duck(), None, id="nothing but read()"),
    pytest.param(Duck(len=5), 5, id="len attribute"),
    pytest.param(Duck(len=5, tell=lambda: 2), 3, id="len attribute and position"),
    pytest.param(Duck(len="5"), None, id="len attribute of another type"),
    pytest.param(Duck(len=5, tell=fails(OSError)), None, id="a position that is not told"),
    pytest.param(Duck(tell=fails(OSError)), None, id="neither length nor position"),
    pytest.param(Duck(tell=lambda: 0, seek=fails(OSError)), None, id="seek fails"),
    pytest.param(Duck(tell=lambda: 0), None, id="a position and no seek"),
    pytest.param(Duck(fileno=fails(OSError)), None, id="no descriptor"),
    pytest.param(Duck(fileno=lambda: None), None, id="a descriptor of another type"),
    pytest.param(Duck(fileno=lambda: -1), None, id="a descriptor that is not open"),
    pytest.param(Weird("five"), None, id="a length of another type"),
    pytest.param(Weird(-1), None, id="a negative length"),
    pytest.param(None, 0, id="None"),
    pytest.param("é", 2, id="text"),
    pytest.param(b"ab", 2, id="bytes"),
    pytest.param(memoryview(array.array("I", [1, 2])), 8, id="a view of wide items"),
    pytest.param(object(), None, id="an object"),
]


@pytest.mark.parametrize("body, length", MEASURED)
def test_a_length_is_bytes_or_not_known(body: Any, length: int | None) -> None:
    assert bodies.length_of(body) == length
    assert bodies.super_len(body) == (length or 0)


def test_a_wrapper_around_a_file_is_measured_by_its_descriptor(path: Path) -> None:
    with path.open("rb") as file:
        wrapper = Duck(fileno=file.fileno, tell=file.tell, mode="rb")
        assert bodies.length_of(wrapper) == 10
        text = Duck(fileno=file.fileno, tell=file.tell, mode="r")
        with pytest.warns(FileModeWarning):
            assert bodies.length_of(text) == 10


def test_binary_files_do_not_warn(path: Path) -> None:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("error")
        assert bodies.super_len(file) == 10


@given(st.binary(max_size=50), st.integers(0, 60), st.booleans())
def test_the_length_is_what_is_read(content: bytes, position: int, on_disk: bool) -> None:
    with tempfile.TemporaryFile() if on_disk else io.BytesIO() as file:
        file.write(content)
        file.seek(position)
        prepared = bodies.prepare(file)
        assert prepared.length == len(file.read())
        bodies.rewind(file, prepared.position)
        assert file.read() == content[position:]


# --- sending again


class Fresh:
    """An iterable that begins anew."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"a"


class Disguised:
    """An iterable that hands out what is left of one iterator."""

    def __init__(self) -> None:
        self.pieces = iter([b"a"])

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


class Told(Fresh):
    """Begins anew by its own word, and has the position of a file."""

    def tell(self) -> int:
        return 0


class NotIterable:
    __iter__: Any = fails(TypeError)


REPLAYABLE = [
    pytest.param(lambda: (None, None), True, id="no body"),
    pytest.param(lambda: ("text", None), True, id="text"),
    pytest.param(lambda: (b"bytes", None), True, id="bytes"),
    pytest.param(lambda: (bytearray(b"bytes"), None), True, id="bytearray"),
    pytest.param(lambda: (io.BytesIO(b"abc"), 0), True, id="a file"),
    pytest.param(lambda: (io.BytesIO(b"abc"), 2), True, id="a file from the middle"),
    pytest.param(lambda: ([b"a", b"b"], None), True, id="a list"),
    pytest.param(lambda: (Sized(b"a"), None), True, id="an iterable with a length"),
    pytest.param(lambda: (Fresh(), None), True, id="an iterable that begins anew"),
    pytest.param(lambda: (io.BytesIO(b"abc"), object()), False, id="a file that did not tell its position"),
    pytest.param(lambda: (io.BytesIO(b"abc"), None), False, id="a file that was not asked"),
    pytest.param(lambda: (Duck(), None), False, id="nothing but read()"),
    pytest.param(lambda: (Duck(tell=lambda: 0), 0), False, id="a file without seek()"),
    pytest.param(
        lambda: (Duck(tell=lambda: 0, seek=print, seekable=lambda: False), 0), False, id="not seekable"
    ),
    pytest.param(lambda: (Duck(tell=lambda: 0, seek=print, closed=True), 0), False, id="closed"),
    pytest.param(lambda: (Told(), 0), False, id="a position and no seek()"),
    pytest.param(lambda: (iter([b"a"]), None), False, id="an iterator"),
    pytest.param(lambda: ((piece for piece in [b"a"]), None), False, id="a generator"),
    pytest.param(lambda: (map(bytes, []), None), False, id="a map"),
    pytest.param(lambda: (Disguised(), None), False, id="an iterator in disguise"),
    pytest.param(lambda: (NotIterable(), None), False, id="an iterable that is none"),
    pytest.param(lambda: (object(), None), False, id="an object"),
]


@pytest.mark.parametrize("make, replayable", REPLAYABLE)
def test_a_body_says_whether_it_can_be_sent_again(make: Any, replayable: bool) -> None:
    body, position = make()
    assert bodies.is_replayable(body, position) is replayable
    if replayable:
        bodies.rewind(body, position)
        once = None if body is None else drain(body)
        bodies.rewind(body, position)
        assert (None if body is None else drain(body)) == once
        assert body is None or once
        return
    with pytest.raises(
        BodyNotReplayable, match="give bytes, an open seekable file, or an iterable"
    ) as caught:
        bodies.rewind(body, position)
    assert isinstance(caught.value, UnrewindableBodyError)


def test_asking_does_not_use_a_body_up() -> None:
    generator = (piece for piece in [b"a", b"b"])
    disguised = Disguised()
    assert not bodies.is_replayable(generator)
    assert not bodies.is_replayable(disguised)
    assert drain(generator) == b"ab"
    assert drain(disguised) == b"a"


def test_a_closed_file_cannot_be_sent_again(path: Path) -> None:
    with path.open("rb") as file:
        position = bodies.prepare(file).position
        assert bodies.is_replayable(file, position)
    assert not bodies.is_replayable(file, position)
    with pytest.raises(BodyNotReplayable):
        bodies.rewind(file, position)


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_seek_that_fails_is_told(error: type[Exception]) -> None:
    body = Duck(tell=lambda: 0, seek=fails(error))
    with pytest.raises(UnrewindableBodyError) as caught:
        bodies.rewind(body, 0)
    assert isinstance(caught.value.__cause__, error)


def request(body: Any, position: Any) -> Any:
    return types.SimpleNamespace(body=body, _body_position=position)


def test_rewind_body_takes_a_file_back() -> None:
    body = io.BytesIO(b"the data")
    body.seek(4)
    body.read()
    bodies.rewind_body(request(body, 4))
    assert body.read() == b"data"


@pytest.mark.parametrize(
    "body, position, message",
    [
        (Duck(tell=lambda: 0), 0, "Unable to rewind request body"),
        (io.BytesIO(), object(), "Unable to rewind request body"),
        (io.BytesIO(), None, "Unable to rewind request body"),
        (b"bytes", None, "Unable to rewind request body"),
        (Duck(seek=fails(OSError)), 0, "error occurred when rewinding request body"),
    ],
    ids=["no seek", "position not told", "no position", "bytes", "seek fails"],
)
def test_rewind_body_says_why_it_cannot(body: Any, position: Any, message: str) -> None:
    with pytest.raises(UnrewindableBodyError, match=message):
        bodies.rewind_body(request(body, position))


# --- what programs import from requests.utils


@pytest.mark.parametrize(
    "name, guessed",
    [
        ("/a/b/file.txt", "file.txt"),
        ("file.txt", "file.txt"),
        (b"/a/file.txt", "file.txt"),
        ("<stdin>", None),
        ("<fdopen", None),
        ("x>", None),
        ("", None),
        (3, None),
        (None, None),
    ],
)
def test_a_file_name_is_guessed_from_a_path(name: object, guessed: str | None) -> None:
    assert bodies.guess_filename(types.SimpleNamespace(name=name)) == guessed


def test_an_object_without_a_name_has_no_file_name() -> None:
    assert bodies.guess_filename(object()) is None


@given(st.one_of(st.binary(), st.text()), st.one_of(st.none(), st.integers(-5, 50)))
def test_slices_put_together_are_the_whole(whole: Any, length: int | None) -> None:
    slices = list(bodies.iter_slices(whole, length))
    assert whole[:0].join(slices) == whole
    assert all(slices)
    if length is not None and length > 0:
        assert all(len(piece) == length for piece in slices[:-1])
    else:
        assert len(slices) <= 1


@pytest.mark.parametrize("data", ["a=b", b"a=b", io.BytesIO(b"a")], ids=["text", "bytes", "file"])
def test_what_is_encoded_already_is_not_encoded_again(data: Any) -> None:
    assert bodies.encode_form(data) is data


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.tuples(children, children)
        | st.dictionaries(st.text(max_size=3) | st.integers(), children, max_size=3)
    ),
    max_leaves=8,
)


@given(GARBAGE, GARBAGE, GARBAGE)
def test_whatever_is_given_is_framed_or_refused(data: Any, files: Any, json_value: Any) -> None:
    try:
        prepared = bodies.prepare(data, files, json_value)
    except RequestException as error:
        check_message(error)
        return
    if prepared.body is None:
        assert prepared.length == 0
    else:
        assert prepared.length == len(drain(prepared.body))


def check_message(error: RequestException) -> None:
    assert str(error)
    assert len(str(error)) < 500


# --- bodies that a callable makes


@pytest.mark.parametrize(
    "make, length",
    [
        (lambda: b"content", 7),
        (lambda: bytearray(b"content"), 7),
        (lambda: "content", 7),
        (lambda: io.BytesIO(b"content"), 7),
        (lambda: io.StringIO("content"), 7),
        (lambda: [b"con", b"tent"], None),
        (lambda: iter([b"con", "tent"]), None),
        (lambda: b"", 0),
    ],
    ids=["bytes", "bytearray", "text", "file", "text file", "list", "iterator", "nothing"],
)
def test_a_callable_makes_the_body_anew(make: Any, length: int | None) -> None:
    prepared = bodies.prepare(make)
    assert (prepared.content_type, prepared.length, prepared.position) == (None, length, None)
    for _ in range(3):
        assert bodies.is_replayable(prepared.body)
        assert drain(prepared.body) == (b"" if length == 0 else b"content")
        bodies.rewind(prepared.body, prepared.position)


def test_it_is_called_once_for_each_sending() -> None:
    calls = []

    def make() -> bytes:
        calls.append(1)
        return b"content"

    prepared = bodies.prepare(make)
    for number in (1, 2, 3):
        drain(prepared.body)
        assert len(calls) == number


def test_a_file_that_it_opens_is_closed_when_it_was_sent_or_given_up() -> None:
    opened: list[io.BytesIO] = []

    def make() -> io.BytesIO:
        opened.append(io.BytesIO(b"content" * 100_000))
        opened[-1].seek(7)
        return opened[-1]

    prepared = bodies.prepare(make)
    assert prepared.length == 7 * 99_999
    assert len(drain(prepared.body)) == 7 * 99_999
    pieces = iter(prepared.body)
    next(pieces)
    pieces.close()
    assert [file.closed for file in opened] == [True, True]


@pytest.mark.parametrize("made", [None, {"a": "1"}, 7, io.BytesIO], ids=repr)
def test_what_it_makes_has_to_be_a_body(made: Any) -> None:
    with pytest.raises(bodies.InvalidBody, match="the callable gave"):
        bodies.prepare(lambda: made if made is not io.BytesIO else object())


def test_what_it_raises_is_its_own() -> None:
    def make() -> bytes:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        bodies.prepare(make)


def test_it_does_not_go_with_files() -> None:
    with pytest.raises(NotImplementedError):
        bodies.prepare(lambda: b"content", {"f": b"x"})
