"""Bodies of requests: what is sent for `data=`, `files=` and `json=`, its length, and whether it can be sent again.

`prepare` decides how a request is framed: the length of its body, or None where the length is not known and the body
goes out in chunks (RFC 9112 §6). The body itself stays what other programs expect to find on a request: text for a
form, bytes for JSON, the file or the iterable that was given. Whether a body can be replayed is a fact about the body
and where it began; nobody finds out by trying.
"""

from __future__ import annotations

import io
import json as _json
import os
import stat
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ..exceptions import BodyNotReplayable, FileModeWarning, InvalidJSONError, UnrewindableBodyError
from ..structures import to_key_val_list
from . import fields, multipart
from .multipart import Extent, InvalidBody, MultipartStream, Part
from .urls import form_urlencode

__all__ = [
    "FORM",
    "JSON",
    "InvalidBody",
    "MultipartStream",
    "Prepared",
    "Produced",
    "UnserializableJSON",
    "encode_form",
    "encode_json",
    "encode_multipart",
    "guess_filename",
    "is_replayable",
    "iter_slices",
    "length_of",
    "position_of",
    "prepare",
    "rewind",
    "rewind_body",
    "super_len",
]

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

AnyText = TypeVar("AnyText", str, bytes)

_BLOCK = 64 * 1024
_to_json = _json.JSONEncoder(allow_nan=False).encode
# Their length counts items, which is not the number of bytes in them.
_CONTAINERS = (set, frozenset, deque, range)
_ACCEPTED = (
    "give a mapping or (name, value) pairs for a form, text, bytes, a file opened in binary mode, an iterable of "
    "bytes, or a callable that returns one of these but a form; for JSON use json="
)


class UnserializableJSON(InvalidJSONError, TypeError):
    """The value given as `json=` has something in it that JSON has no form for."""


class Prepared(NamedTuple):
    """A body ready to be sent.

    *content_type* is None where the caller alone can know it. *length* is in bytes; None says that the body is sent in
    chunks. *position* is where a file stood, to be given to `rewind`; an opaque object when the file would not say;
    None for a body that has no position. Without a body, *body* is None and *length* 0.
    """

    body: Any
    content_type: str | None
    length: int | None
    position: object


#: What an absent body comes as.
_NOTHING_IN = (type(None), list)
_NO_BODY = Prepared(None, None, 0, None)


def prepare(data: Any = None, files: Any = None, json: Any = None) -> Prepared:
    """The body for what a caller gave; *json* counts only where neither *data* nor *files* are given.

    Raises InvalidBody, which is a TypeError and a ValueError too, for what cannot be sent, InvalidJSONError for what
    has no form in JSON, InvalidHeader for a field of a part that cannot be sent. Warns with FileModeWarning about files
    opened in text mode.
    """
    if json is not None and not files and type(data) in _NOTHING_IN and not data:
        written = encode_json(json)
        return Prepared(written, JSON, len(written), None)
    if _is_factory(data):
        data = Produced(data)
    if data is not None and not isinstance(data, (str, bytes, list, tuple, Mapping)) and _is_stream(data):
        if files:
            raise _StreamWithFiles(
                "files= cannot be combined with a file or an iterable as data=; give data= as pairs"
            )
        return _prepare_stream(data)
    if files:
        body, content_type = encode_multipart(files, data)
        return Prepared(body, content_type, len(body), None if isinstance(body, bytes) else body.tell())
    if data:
        body = encode_form(data)
        return Prepared(body, None if isinstance(data, (str, bytes)) else FORM, length_of(body), None)
    if json is not None:
        body = encode_json(json)
        return Prepared(body, JSON, len(body), None)
    return _NO_BODY


class _StreamWithFiles(InvalidBody, NotImplementedError):
    """Programs written for requests expect a NotImplementedError here."""


def _is_stream(data: Any) -> bool:
    return hasattr(data, "read") or hasattr(data, "__iter__")


def _is_factory(data: Any) -> bool:
    return callable(data) and not _is_stream(data)


def _prepare_stream(data: Any) -> Prepared:
    if isinstance(data, Produced):
        return Prepared(data, None, data.length, None)
    if isinstance(data, bytearray):
        return Prepared(data, None, len(data), None)
    if not hasattr(data, "read"):
        octets = _octets(data)
        if octets is not None:
            return Prepared(octets, None, len(octets), None)
    _check_open(data, "data")
    return Prepared(data, None, length_of(data), position_of(data))


class Produced:
    """The body that a callable makes anew for each sending: bytes, text, a file, or an iterable of bytes or text.

    `length` is in bytes, None where only the end will tell; each body that *make* gives has the same. A file is read
    from where it stands and closed afterwards. Raises InvalidBody for what is none of these.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        # Made now, to know its length, and used by the first sending.
        first = _checked(make())
        self._first = [first]
        in_memory = isinstance(first, (str, bytes, bytearray, memoryview))
        self.length = length_of(first) if in_memory or hasattr(first, "read") else None

    def __repr__(self) -> str:
        return f"<body made by {self._make!r}>"

    def __iter__(self) -> Iterator[Any]:
        """The pieces of a new body."""
        try:
            body = self._first.pop()
        except IndexError:
            body = _checked(self._make())
        if isinstance(body, (str, bytes, bytearray, memoryview)):
            yield body
        elif not hasattr(body, "read"):
            yield from body
        else:
            try:
                while piece := body.read(_BLOCK):
                    yield piece
            finally:
                getattr(body, "close", _nothing)()


def _nothing() -> None:
    """For files that do not close."""


def _checked(body: Any) -> Any:
    if body is None or isinstance(body, Mapping) or not _is_stream(body):
        kind = type(body).__name__
        raise InvalidBody(
            f"data: the callable gave {kind}; it must return bytes, text, a file or an iterable of bytes"
        )
    if hasattr(body, "read"):
        _check_open(body, "data")
    return body


def _octets(data: Any) -> bytes | None:
    """What a memoryview, an array or another object with a buffer holds; its items need not be bytes."""
    try:
        return memoryview(data).tobytes()
    except TypeError:
        return None


def _check_open(file: Any, where: str) -> None:
    if getattr(file, "closed", False) is True:
        raise InvalidBody(f"{where}: the file is closed; keep it open until the call returns")
    readable = getattr(file, "readable", None)
    if callable(readable) and readable() is False:
        raise InvalidBody(f"{where}: the file is not open for reading")


def position_of(body: Any) -> object:
    """Where *body* stands, for `rewind`: an opaque object when it would not say, None when it has no position."""
    tell = getattr(body, "tell", None)
    if tell is None:
        return None
    try:
        return tell()
    except (OSError, ValueError):
        return object()


# --- encoding


def encode_form(data: Any) -> Any:
    """Pairs as application/x-www-form-urlencoded text; text, bytes and files are given back as they are.

    Raises InvalidBody for anything else.
    """
    if isinstance(data, (str, bytes)) or hasattr(data, "read"):
        return data
    if not hasattr(data, "__iter__"):
        raise InvalidBody(f"data: {type(data).__name__} cannot be a body; {_ACCEPTED}")
    try:
        return form_urlencode(data)
    except (TypeError, ValueError) as error:
        raise InvalidBody(
            f"data: {type(data).__name__} cannot be written as a form: {error}; give a mapping or (name, value) pairs, "
            "or an iterator to send several pieces"
        ) from error


def encode_json(value: Any) -> bytes:
    """*value* as JSON (RFC 8259), in ASCII. Raises InvalidJSONError for NaN, infinities and what JSON cannot say."""
    try:
        return _to_json(value).encode("ascii")
    except TypeError as error:
        raise UnserializableJSON(f"json: {error}") from error
    except ValueError as error:
        raise InvalidJSONError(f"json: {error}") from error
    except RecursionError as error:
        raise InvalidJSONError("json: the value is nested too deeply") from error


def encode_multipart(files: Any, data: Any = None) -> tuple[bytes | MultipartStream, str]:
    """The multipart/form-data body of *data*'s pairs followed by *files*, and its Content-Type (RFC 7578).

    *files* is a mapping or pairs of a name and a file, text or bytes, or a tuple `(filename, content)`, `(filename,
    content, content_type)` or `(filename, content, content_type, fields)`; a file name of None makes a plain part,
    content of None is left out. Files are read from where they stand. The body is bytes when it is small or all of it
    is in memory, else a stream that reads the files while it is sent. Raises InvalidBody or InvalidHeader.
    """
    if isinstance(data, (str, bytes)):
        raise InvalidBody("data: with files= give pairs; text and bytes cannot be parts without a name")
    parts: list[Part | None] = []
    for name, values in _pairs(data, "data"):
        single = isinstance(values, (str, bytes, bytearray)) or not hasattr(values, "__iter__")
        parts.extend(_form_part(name, value) for value in ((values,) if single else values))
    parts.extend(_file_part(name, spec) for name, spec in _pairs(files, "files"))
    return multipart.encode(part for part in parts if part is not None)


def _pairs(value: Any, where: str) -> list[tuple[str, Any]]:
    try:
        pairs = to_key_val_list(value) or []
        if any(isinstance(pair, (str, bytes)) for pair in pairs):
            raise TypeError("an item is text")
        return [(_text(name), item) for name, item in pairs]
    except (TypeError, ValueError) as error:
        raise InvalidBody(f"{where}: give a mapping or (name, value) pairs: {error}") from error


def _text(name: Any) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def _form_part(name: str, value: Any) -> Part | None:
    if value is None:
        return None
    return Part(name, bytes(value) if isinstance(value, (bytes, bytearray)) else _utf8(name, str(value)))


def _file_part(name: str, spec: Any) -> Part | None:
    filename, content, content_type, extra = _file_spec(name, spec)
    if content is None:
        return None
    if filename is not None:
        filename = _text(os.fspath(filename) if isinstance(filename, os.PathLike) else filename)
    return Part(name, _content(name, content), filename, _part_fields(name, content_type, extra))


def _part_fields(name: str, content_type: Any, extra: Any) -> tuple[tuple[bytes, bytes], ...]:
    """The fields of a part after Content-Disposition, which is ours to write; empty ones are left out."""
    given = [(field, value) for field, value in _pairs(extra, f"files: fields of {name[:40]!r}") if value]
    if content_type is not None:
        given = [(field, value) for field, value in given if field.lower() != "content-type"]
        given.insert(0, ("Content-Type", content_type))
    for field, value in given:
        fields.validate(field, value)
    return tuple(
        (field.encode("ascii"), value.encode("utf-8") if isinstance(value, str) else value)
        for field, value in given
        if field.lower() != "content-disposition"
    )


def _file_spec(name: str, spec: Any) -> tuple[Any, Any, Any, Any]:
    """File name, content, Content-Type and further fields, None where they are not given."""
    if not isinstance(spec, (tuple, list)):
        return guess_filename(spec) or name, spec, None, None
    if not 2 <= len(spec) <= 4:
        raise InvalidBody(
            f"files: {name[:40]!r} is a tuple of {len(spec)}; give (filename, content), "
            "(filename, content, content_type) or (filename, content, content_type, fields)"
        )
    filename, content, content_type, extra = (*spec, None, None)[:4]
    return filename, content, content_type, extra


def _content(name: str, content: Any) -> bytes | Extent:
    if hasattr(content, "read"):
        _check_open(content, f"files: {name[:40]!r}")
        extent = _extent(content)
        if extent is not None:
            return extent
        content = content.read()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    if isinstance(content, (str, int, float)):
        return _utf8(name, str(content))
    raise InvalidBody(
        f"files: {name[:40]!r} is {type(content).__name__}; give a file opened in binary mode, bytes or text"
    )


def _extent(file: Any) -> Extent | None:
    """What is left of *file*, where it can be read in pieces later. Not of text files: their bytes are not known."""
    if isinstance(file, io.TextIOBase) or not callable(getattr(file, "seek", None)):
        return None
    mode = getattr(file, "mode", None)
    if not isinstance(file, io.IOBase) and not (isinstance(mode, str) and "b" in mode):
        return None
    length, start = length_of(file), position_of(file)
    return Extent(file, start, length) if length is not None and isinstance(start, int) else None


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidBody(f"{name[:40]!r} is text that has no form in UTF-8: {error.reason}") from error


# --- measuring


def length_of(body: Any) -> int | None:
    """Bytes that *body* has from where it stands; None when that is not known before it is read.

    Text counts as UTF-8; text files, and files that are decompressed while they are read, are read through for it. An
    empty file has 0 bytes; a pipe and a generator have an unknown number.
    """
    if body is None:
        return 0
    if isinstance(body, (bytes, bytearray)):
        return len(body)
    if isinstance(body, str):
        return _length_of_text(body)
    if isinstance(body, memoryview):
        return body.nbytes
    position = position_of(body)
    if position is not None and not isinstance(position, int):
        return None
    if isinstance(body, io.TextIOBase):
        return _length_of_text_file(body, position)
    total = _total_length(body, position)
    return None if total is None else max(0, total - (position or 0))


def _length_of_text(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InvalidBody(f"data: the text has no form in UTF-8: {error.reason} at {error.start}") from error


def _length_of_text_file(file: Any, position: int | None) -> int | None:
    """Counted, since a file's size says nothing about the text in it: newlines and charset change when it is read."""
    if position is None or not file.seekable():
        return None
    if not isinstance(file, io.StringIO):
        _warn_of_text_mode()
    length = 0
    try:
        while text := file.read(_BLOCK):
            length += len(text.encode("utf-8"))
    except UnicodeError as error:
        raise InvalidBody(
            f"data: the file was opened as text and is none: {error}; open it in binary mode"
        ) from error
    finally:
        file.seek(position)
    return length


def _total_length(body: Any, position: int | None) -> int | None:
    """Bytes in *body* from its beginning: as it says itself, else up to its end, else as its descriptor says."""
    if isinstance(body, _CONTAINERS):
        return None
    if hasattr(body, "__len__") or hasattr(body, "len"):
        return _claimed_length(body)
    # What gzip and its like have a descriptor of is not what their read() gives.
    own = isinstance(body, io.IOBase) or not hasattr(body, "fileno")
    length = _length_by_seeking(body, position) if own else _length_by_descriptor(body, position)
    # Files in /proc and the like say that they are empty and are not.
    return None if length == 0 and not _is_empty(body, position) else length


def _claimed_length(body: Any) -> int | None:
    try:
        length = len(body) if hasattr(body, "__len__") else body.len
    except (AttributeError, OSError, TypeError, ValueError):
        return None
    return length if isinstance(length, int) else None


def _length_by_seeking(file: Any, position: int | None) -> int | None:
    if position is None or not hasattr(file, "seek"):
        return None
    try:
        file.seek(0, os.SEEK_END)
        end = file.tell()
        file.seek(position)
    except (OSError, TypeError, ValueError):
        return None
    return end if isinstance(end, int) else None


def _length_by_descriptor(wrapper: Any, position: int | None) -> int | None:
    try:
        status = os.fstat(wrapper.fileno())
    except (AttributeError, OSError, TypeError, ValueError):
        return _length_by_seeking(wrapper, position)
    if not stat.S_ISREG(status.st_mode):
        return None
    mode = getattr(wrapper, "mode", None)
    if isinstance(mode, str) and "b" not in mode:
        _warn_of_text_mode()
    return status.st_size


def _is_empty(file: Any, position: int | None) -> bool:
    if position is None:
        return False
    empty = not file.read(1)
    file.seek(position)
    return empty


def _warn_of_text_mode() -> None:
    warnings.warn(
        "a file opened in text mode is the body of a request: it is sent as UTF-8 and with its newlines translated; "
        "open it in binary mode ('rb') to send what is in it",
        FileModeWarning,
        stacklevel=2,
    )


def super_len(o: Any) -> int:
    """Bytes that *o* has from where it stands; 0 when that is not known, as requests says it. See `length_of`."""
    return length_of(o) or 0


# --- sending again


def is_replayable(body: Any, position: object = None) -> bool:
    """Whether *body*, sent once from *position*, can be sent again from there.

    Text, bytes, seekable files, and iterables that begin anew each time they are iterated over can; iterators,
    generators and files that did not tell their position cannot.
    """
    if body is None or isinstance(body, (str, bytes, bytearray)):
        return True
    if hasattr(body, "read") or hasattr(body, "tell"):
        return isinstance(position, int) and _is_seekable(body)
    if hasattr(body, "__next__"):
        return False
    try:
        # One that hands out the same iterator twice is that iterator in disguise.
        return iter(body) is not iter(body)
    except TypeError:
        return False


def _is_seekable(file: Any) -> bool:
    if not callable(getattr(file, "seek", None)) or getattr(file, "closed", False) is True:
        return False
    seekable = getattr(file, "seekable", None)
    return not callable(seekable) or bool(seekable())


def rewind(body: Any, position: object) -> None:
    """Take *body* back to *position*, so that it can be sent again.

    Raises BodyNotReplayable when it can be read once only, UnrewindableBodyError when its `seek()` fails.
    """
    if not is_replayable(body, position):
        kind = type(body).__name__
        raise BodyNotReplayable(
            f"the request has to be sent again, and its body ({kind}) can be read once only; "
            "give bytes, an open seekable file, or an iterable that can be iterated over twice"
        )
    seek = getattr(body, "seek", None)
    if seek is not None:
        _seek(seek, position)


def rewind_body(prepared_request: Any) -> None:
    """Take the file that is the body of *prepared_request* back to where it was when the request was prepared.

    Raises UnrewindableBodyError when the body is no file, its position is unknown, or its `seek()` fails.
    """
    seek, position = getattr(prepared_request.body, "seek", None), prepared_request._body_position
    if seek is None or not isinstance(position, int):
        raise UnrewindableBodyError(
            "Unable to rewind request body: it has no seek(), or its position is not known"
        )
    _seek(seek, position)


def _seek(seek: Any, position: object) -> None:
    try:
        seek(position)
    except (OSError, ValueError) as error:
        raise UnrewindableBodyError(f"An error occurred when rewinding request body: {error}") from error


# --- what programs import from requests.utils


def guess_filename(obj: Any) -> str | None:
    """The last part of the `name` that *obj* has, if that looks like the path of a file and not like `<stdin>`."""
    name = getattr(obj, "name", None)
    if not isinstance(name, (str, bytes)) or not name:
        return None
    base = os.path.basename(name if isinstance(name, str) else os.fsdecode(name))
    return None if name[:1] in ("<", b"<") or name[-1:] in (">", b">") else base


def iter_slices(string: AnyText, slice_length: int | None) -> Iterator[AnyText]:
    """*string* in slices of *slice_length*, the last one shorter; in one piece for None, 0 or less."""
    step = slice_length if slice_length and slice_length > 0 else len(string)
    for start in range(0, len(string), step or 1):
        yield string[start : start + step]
