"""`TLS`: what a program asks of its TLS connections, as one value. It opens no file and no socket.

The value is checked when it is made, so that a mistake is found where it was written and not at the first call. What
becomes of it, contexts and the check of pins, is `_wire`'s business. Versions are those of RFC 5246 and RFC 8446; a pin
is a digest of a certificate, or of its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), as RFC 7469 §2.4 has it.
"""

from __future__ import annotations

import binascii
import os
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Union

from ._message import urls
from .exceptions import RequestException

__all__ = ["TLS", "digest_of"]

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_BY_KEY = re.compile(r"sha256//?([A-Za-z0-9+/]{43}=)")
_BY_CERTIFICATE = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TLS:
    """What TLS connections shall be like, for `HTTPAdapter(tls=...)` and `Session(tls=...)`.

    *verify* is True, False, the path of a bundle or directory of certificates, or "system" for the trust store of the
    operating system; *cert* a path, `(certificate, key)` or `(certificate, key, password)`. None leaves each to the
    call, and a call that names a bundle or a certificate has its way in any case.

    *minimum_version* and *maximum_version* are `ssl.TLSVersion` or text such as "1.3"; without them 1.2 is the least.
    *ciphers* is an OpenSSL cipher list, for TLS 1.2 and older. *server_name* is the name to ask for and to verify in
    place of the host's.

    *pins* are digests, of which the server's own certificate has to match one, besides all that *verify* asks:
    "sha256//" and the base64 of its public key's, as curl has them, or its own SHA-256 in hexadecimal. With
    `verify=False` a pin is all that counts: a way to trust one self-signed certificate.

    Raises ValueError or TypeError for what means nothing. Vary a value by `dataclasses.replace`.
    """

    verify: bool | Path | None = None
    cert: Path | tuple[Path, ...] | None = None
    minimum_version: ssl.TLSVersion | str | None = None
    maximum_version: ssl.TLSVersion | str | None = None
    ciphers: str | None = None
    pins: str | Iterable[str] = ()
    server_name: str | None = None

    def __post_init__(self) -> None:
        minimum, maximum = (
            _version(name, getattr(self, name)) for name in ("minimum_version", "maximum_version")
        )
        if minimum is not None and maximum is not None and minimum > maximum:
            raise ValueError(
                f"TLS: minimum_version is {minimum.name}, and maximum_version less, {maximum.name}"
            )
        settled = {
            "verify": _trust(self.verify),
            "cert": _certificate(self.cert),
            "minimum_version": minimum,
            "maximum_version": maximum,
            "ciphers": _ciphers(self.ciphers),
            "pins": _pins(self.pins),
            "server_name": _name(self.server_name),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        said = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or value == ():
                continue
            if field.name == "cert" and isinstance(value, tuple) and len(value) == 3:
                value = (*value[:2], "***")
            said.append(f"{field.name}={value.name if isinstance(value, ssl.TLSVersion) else repr(value)}")
        return f"TLS({', '.join(said)})"


def digest_of(pin: str) -> tuple[bool, bytes]:
    """Whether *pin* is of the public key, rather than of the whole certificate; and the SHA-256 that it says.

    Raises ValueError for a pin of another form.
    """
    by_key = _BY_KEY.fullmatch(pin)
    if by_key is not None:
        return True, binascii.a2b_base64(by_key[1])
    if _BY_CERTIFICATE.fullmatch(pin):
        return False, bytes.fromhex(pin.replace(":", ""))
    raise ValueError(
        f"TLS: the pin {pin[:80]!r} is none: give 'sha256//' and the base64 of the SHA-256 of the public key, or the "
        "SHA-256 of the certificate as 64 hexadecimal digits"
    )


def _version(name: str, given: Any) -> ssl.TLSVersion | None:
    if given is None or (isinstance(given, ssl.TLSVersion) and given in _VERSIONS.values()):
        return given
    text = given.upper().removeprefix("TLS").removeprefix("V").strip() if isinstance(given, str) else ""
    if text not in _VERSIONS:
        raise ValueError(
            f"TLS: {name} is {str(given)[:40]!r}; give an ssl.TLSVersion, or one of {', '.join(_VERSIONS)}"
        )
    return _VERSIONS[text]


def _trust(given: Any) -> Any:
    if given is None or isinstance(given, bool):
        return given
    if isinstance(given, (str, bytes, os.PathLike)) and given:
        return os.fsdecode(given)
    if isinstance(given, ssl.SSLContext):
        raise TypeError(
            "TLS: verify is an ssl.SSLContext, which has settings of its own; give it to HTTPAdapter(ssl_context=...)"
        )
    raise TypeError(
        f"TLS: verify: give True, False, the path of a CA bundle or 'system', not {type(given).__name__}"
    )


def _certificate(given: Any) -> Any:
    if given is None:
        return None
    parts: list[Any] = list(given) if isinstance(given, (tuple, list)) else [given]
    if not 1 <= len(parts) <= 3 or not all(
        isinstance(path, (str, bytes, os.PathLike)) and path for path in parts[:2]
    ):
        raise ValueError(
            "TLS: cert: give the path of a file with certificate and key, (certificate, key) or "
            "(certificate, key, password)"
        )
    if len(parts) == 3 and not isinstance(parts[2], (str, bytes)):
        raise TypeError(f"TLS: cert: the password is {type(parts[2]).__name__}; give text")
    paths = [os.fsdecode(path) for path in parts[:2]]
    return (*paths, *parts[2:]) if len(parts) > 1 else paths[0]


def _ciphers(given: Any) -> str | None:
    if given is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(given)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise ValueError(
            f"TLS: OpenSSL knows none of the ciphers {str(given)[:80]!r}; give a list such as 'ECDHE+AESGCM'"
        ) from error
    return str(given)


def _pins(given: Any) -> tuple[str, ...]:
    if not isinstance(given, str) and not isinstance(given, Iterable):
        raise TypeError(f"TLS: pins: give one digest or several in a list, not {type(given).__name__}")
    pins = (given,) if isinstance(given, str) else tuple(given)
    for pin in pins:
        if not isinstance(pin, str):
            raise TypeError(f"TLS: pins: a pin is text, not {type(pin).__name__}")
        digest_of(pin)
    return pins


def _name(given: Any) -> str | None:
    if given is None:
        return None
    try:
        parts = urls.parse(f"https://{given}/")
    except RequestException as error:
        raise ValueError(f"TLS: server_name {str(given)[:80]!r} is no name of a host: {error}") from error
    if parts.userinfo is not None or parts.port is not None or parts.path != "/" or parts.query is not None:
        raise ValueError(f"TLS: server_name {str(given)[:80]!r}: give the name of a host and nothing else")
    return parts.hostname
