"""Names for the types that the public signatures share. Aliases only: importing this room costs nothing at run time.

What an auth handler or a hook is depends on the models, so those two names live in `models`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Union

if TYPE_CHECKING:
    import ssl
    from http.cookiejar import CookieJar

    from urllib3.util import Timeout as Urllib3Timeout

T_co = TypeVar("T_co", covariant=True)


class SupportsRead(Protocol[T_co]):
    """A file-like object that can be read."""

    def read(self, length: int = ..., /) -> T_co: ...


Primitive = Union[str, bytes, int, float, bool, None]
KeyValues = Union[Mapping[Any, Any], Iterable[tuple[Any, Any]]]
ParamsType = Union[KeyValues, str, bytes, None]
StreamType = Union[str, bytes, bytearray, SupportsRead[Any], Iterable[bytes], Iterable[str]]
DataType = Union[KeyValues, StreamType, Callable[[], StreamType], None]
FileContent = Union[SupportsRead[Any], str, bytes, bytearray]
FileSpec = Union[
    FileContent,
    tuple[Union[str, None], FileContent],
    tuple[Union[str, None], FileContent, Union[str, None]],
    tuple[Union[str, None], FileContent, Union[str, None], Mapping[str, str]],
]
FilesType = Union[Mapping[str, FileSpec], Iterable[tuple[str, FileSpec]], None]
HeadersType = Union[Mapping[str, Union[str, bytes, None]], None]
CookiesType = Union["CookieJar", Mapping[str, str], None]
ProxiesType = Union[Mapping[str, str], None]
TimeoutType = Union[float, tuple[Union[float, None], Union[float, None]], "Urllib3Timeout", None]
VerifyType = Union[bool, str, "PathLike[str]", "ssl.SSLContext", None]
CertType = Union[str, "PathLike[str]", tuple[str, str], tuple[str, str, Union[str, None]], None]
JsonType = Any
TrustEnv = Union[bool, Collection[str], None]
BodyType = Union[bytes, bytearray, str, SupportsRead[Any], Iterable[bytes], Iterable[str], None]
HooksInput = Union[Mapping[str, Union[Callable[..., Any], Iterable[Callable[..., Any]]]], None]
