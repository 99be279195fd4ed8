"""Saving the body of a response: what the file is called, and how it gets there whole and nowhere else.

The name that a server suggests is the word of a stranger. Only its last component counts (RFC 6266 §4.3), without what
means something to a file system, a shell or a reader's eye. Nothing is written but inside the directory that the
program names, and nothing that is there is touched unless it says so. The file appears when it is complete.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes, urlsplit

from ._message import grammar
from .exceptions import RequestException

__all__ = ["FileExists", "safe_name", "save", "suggested_name"]

UNNAMED = "download"
#: Bytes of a name in UTF-8. File systems take 255; the rest is for what programs add.
LONGEST_NAME = 200

_CHUNK = 64 * 1024
_LONGEST_SUFFIX = 20
_SEPARATORS = re.compile(r"[/\\]")
# What Windows takes in no name, ':' of drives and streams among it.
_FORBIDDEN = re.compile(r'[<>:"|?*]')
#: Controls, format characters such as U+202E, which turns "gpj.exe" around, surrogates, ends of lines.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(?:\.|\Z)", re.IGNORECASE
)
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[A-Za-z0-9-]*'(.*)", re.IGNORECASE | re.DOTALL)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class FileExists(RequestException, FileExistsError):
    """There is a file of that name already, and nobody said that it may be replaced."""


def save(response: Any, path: Any, filename: str | None, overwrite: bool) -> Path:
    """Write the body of *response*; see `Response.save`."""
    given = Path(os.fsdecode(path))
    if filename is not None:
        if safe_name(filename) != filename:
            raise ValueError(
                f"filename: {filename[:80]!r} is not the plain name of a file; give the directory as path, "
                f"and a name such as {safe_name(filename)[:80]!r}"
            )
        target = given / filename
    else:
        target = given / suggested_name(response) if given.is_dir() else given
    try:
        if os.path.lexists(target) and not overwrite:
            raise _exists(target)
        with _appearing(target, overwrite) as file:
            for piece in response.iter_content(_CHUNK):
                file.write(piece)
    except RequestException as error:
        if error.response is None and isinstance(error, FileExists):
            error.response, error.request = response, getattr(response, "request", None)
        raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise RequestException(f"cannot write {_shown(target)}: {why}", response=response) from error
    return target


def _exists(target: Path) -> FileExists:
    return FileExists(
        f"{_shown(target)} is there already; give overwrite=True to replace it, or another filename="
    )


def _shown(path: Path) -> str:
    return ascii(str(path)[-160:])


# --- the name


def suggested_name(response: Any) -> str:
    """The name that Content-Disposition gives (RFC 6266), else the end of the URL's path, made safe."""
    named = _of_disposition(response.headers.get("content-disposition") or "")
    return safe_name(named or _of_url(str(response.url or "")))


def _of_disposition(value: str) -> str:
    """`filename*` where it can be read (RFC 8187), else `filename`; empty without either."""
    if len(value) > grammar.MAX_LENGTH:
        return ""
    parameters: dict[str, str] = {}
    for pair in map(grammar.parameter, grammar.split(value, ";")[1:]):
        if pair is not None:
            parameters.setdefault(*pair)
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    if extended is not None:
        with suppress(UnicodeDecodeError):
            return unquote_to_bytes(extended[2]).decode(extended[1].lower())
    plain = parameters.get("filename", "")
    try:
        # Fields are read as ISO-8859-1, and many servers write UTF-8 here.
        return plain.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return plain


def _of_url(url: str) -> str:
    try:
        segment = urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return ""
    return unquote_to_bytes(segment).decode("utf-8", "replace")


def safe_name(name: str) -> str:
    """*name* as the name of a file in any directory of any system: one component, visible, of LONGEST_NAME bytes.

    What is safe already comes back as it is; where nothing is left it is UNNAMED.
    """
    name = _SEPARATORS.split(name[: 16 * LONGEST_NAME].rstrip("/\\"))[-1]
    name = "".join(char for char in name if unicodedata.category(char) not in _UNSEEN)
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    # Leading dots hide a file, trailing ones and blanks are dropped by Windows.
    name = _cut(_trimmed(name))
    if name[:1] == "-":
        # It would be an option of whatever is told to work on it.
        name = f"_{name[1:]}"
    if _RESERVED.match(name):
        name = f"_{name}"
    return name or UNNAMED


def _trimmed(name: str) -> str:
    start, end = 0, len(name)
    while start < end and _is_edge(name[start]):
        start += 1
    while start < end and _is_edge(name[end - 1]):
        end -= 1
    return name[start:end]


def _is_edge(char: str) -> bool:
    return char == "." or char.isspace()


def _cut(name: str) -> str:
    """*name* within its length, with its suffix."""
    encoded = name.encode("utf-8")
    if len(encoded) <= LONGEST_NAME:
        return name
    _stem, dot, suffix = name.rpartition(".")
    end = f".{suffix}" if dot and len(suffix.encode("utf-8")) <= _LONGEST_SUFFIX else ""
    kept = encoded[: LONGEST_NAME - len(end.encode("utf-8"))].decode("utf-8", "ignore")
    return _trimmed(kept) + end


# --- the file


@contextmanager
def _appearing(target: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that is called *target* when all of it was written, and is gone when it was not."""
    part = target.with_name(f".{os.urandom(8).hex()}.part")
    # With "x" nothing that is there is opened, and no symbolic link followed.
    with open(part, "xb") as file:
        try:
            yield file
            file.close()
            if overwrite:
                os.replace(part, target)
            else:
                _place(part, target)
        except BaseException:
            file.close()
            with suppress(OSError):
                os.unlink(part)
            raise


def _place(part: Path, target: Path) -> None:
    """Give *part* the name *target* unless there is one by now. Raises FileExists then."""
    try:
        os.link(part, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except (OSError, AttributeError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
        _place_without_links(part, target)
    else:
        os.unlink(part)


def _place_without_links(part: Path, target: Path) -> None:
    try:
        with open(target, "xb"):
            pass
    except FileExistsError as error:
        raise _exists(target) from error
    try:
        os.replace(part, target)
    except BaseException:
        os.unlink(target)
        raise
