"""Small helpers and names that requests has carried since Python 2, for programs that import them.

Nothing inside httpkit needs them, and new code should not: the standard library has most of them, and where
there is a better name in httpkit the docstring says so.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from ._message.grammar import TOKEN
from ._wire.tls import default_ca_bundle

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "DEFAULT_CA_BUNDLE_PATH",
    "HEADER_VALIDATORS",
    "atomic_open",
    "basestring",
    "builtin_str",
    "chardet",
    "dict_to_sequence",
    "extract_zipped_paths",
    "get_unicode_from_response",
    "has_simplejson",
    "integer_types",
    "is_py2",
    "is_py3",
    "is_urllib3_1",
    "numeric_types",
    "to_native_string",
    "unicode_is_ascii",
]

is_py2 = False
is_py3 = True
#: httpkit needs urllib3 2.
is_urllib3_1 = False
#: JSON is read and written by the standard library, whatever else is installed: one error to catch.
has_simplejson = False

builtin_str = str
basestring = (str, bytes)
numeric_types = (int, float)
integer_types = (int,)

# A name and a value that can be sent (RFC 9110 §5.1, §5.5). The check itself, which says what is wrong, is
# `check_header_validity`.
_VALUE = r"(?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?"
_VALID_HEADER_NAME_RE_STR, _VALID_HEADER_VALUE_RE_STR = re.compile(TOKEN + r"\Z"), re.compile(_VALUE + r"\Z")
_VALID_HEADER_NAME_RE_BYTE = re.compile(_VALID_HEADER_NAME_RE_STR.pattern.encode("iso-8859-1"))
_VALID_HEADER_VALUE_RE_BYTE = re.compile(_VALID_HEADER_VALUE_RE_STR.pattern.encode("iso-8859-1"))
_HEADER_VALIDATORS_STR = (_VALID_HEADER_NAME_RE_STR, _VALID_HEADER_VALUE_RE_STR)
_HEADER_VALIDATORS_BYTE = (_VALID_HEADER_NAME_RE_BYTE, _VALID_HEADER_VALUE_RE_BYTE)
HEADER_VALIDATORS = {bytes: _HEADER_VALIDATORS_BYTE, str: _HEADER_VALIDATORS_STR}

#: The file of certificates that `verify=True` stands for.
DEFAULT_CA_BUNDLE_PATH: str
#: The module that guesses charsets, `chardet` or else `charset_normalizer`; None without either. Imported on
#: first use.
chardet: ModuleType | None


def __getattr__(name: str) -> Any:
    if name == "chardet":
        return _charset_detector()
    if name == "DEFAULT_CA_BUNDLE_PATH":
        return default_ca_bundle()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@lru_cache(maxsize=1)
def _charset_detector() -> ModuleType | None:
    from importlib import import_module

    for name in ("chardet", "charset_normalizer"):
        with contextlib.suppress(ImportError):
            return import_module(name)
    return None


def to_native_string(string: str | bytes, encoding: str = "ascii") -> str:
    """*string* as text; bytes are decoded with *encoding*. Raises UnicodeDecodeError."""
    return string if isinstance(string, str) else string.decode(encoding)


def unicode_is_ascii(u_string: str) -> bool:
    """True when the text *u_string* is within ASCII. Raises TypeError for anything but text."""
    if not isinstance(u_string, str):
        raise TypeError(f"unicode_is_ascii() takes text, not {type(u_string).__name__}")
    return u_string.isascii()


def dict_to_sequence(d: Any) -> Iterable[tuple[Any, Any]]:
    """The pairs of a mapping; anything without `items()` is taken for pairs and given back."""
    return d.items() if hasattr(d, "items") else d  # type: ignore[no-any-return]  # pairs, as the caller promises


def get_unicode_from_response(r: Any) -> Any:
    """The text of the response *r*. Deprecated: read `r.text`."""
    warnings.warn("get_unicode_from_response(r) is deprecated, use r.text", DeprecationWarning, stacklevel=2)
    return r.text


@contextlib.contextmanager
def atomic_open(filename: str) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of *filename* when the block ends, and is gone if the block raises.

    Whoever reads *filename* meanwhile sees the old file or the new one, never half of it.
    """
    directory, name = os.path.split(os.path.abspath(filename))
    with tempfile.NamedTemporaryFile(dir=directory, prefix=f".{name}.", delete=False) as file:
        try:
            yield file.file
            file.close()
            os.replace(file.name, filename)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


def extract_zipped_paths(path: str) -> str:
    """The name of a file with the content of *path*, which may lie in a zip archive.

    So does certifi's bundle in a zipapp. *path* itself when it exists, or when no archive with such a member
    is on it. The copy is made once for each state of the archive and removed when the interpreter ends.
    """
    if os.path.exists(path):
        return path
    found = _archive_of(path)
    if found is None:
        return path
    archive, member = found
    try:
        status = os.stat(archive)
        copy = _extracted(archive, member, status.st_mtime_ns, status.st_size)
        if copy and not os.path.exists(copy):
            # Something that cleans up temporary files was here.
            _extracted.cache_clear()
            copy = _extracted(archive, member, status.st_mtime_ns, status.st_size)
    except OSError:
        return path
    return copy or path


def _archive_of(path: str) -> tuple[str, str] | None:
    """The longest part of *path* that is a file, and the rest, as a member of a zip archive is named."""
    uniform = path.replace(os.sep, "/")
    at = uniform.rfind("/")
    while at > 0:
        if os.path.exists(path[:at]):
            return (path[:at], uniform[at + 1 :]) if os.path.isfile(path[:at]) else None
        at = uniform.rfind("/", 0, at)
    return None


@lru_cache(maxsize=32)
def _extracted(archive: str, member: str, mtime_ns: int, size: int) -> str | None:
    """A copy of *member* of the *archive* in that state; None when it is no archive or has no such member."""
    import atexit
    import zipfile

    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as opened:
        try:
            content = opened.read(member)
        except (KeyError, zipfile.BadZipFile):
            return None
    with tempfile.NamedTemporaryFile(suffix=os.path.splitext(member)[1], delete=False) as copy:
        copy.write(content)
    atexit.register(_remove, copy.name)
    return copy.name


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
