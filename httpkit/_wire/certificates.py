"""What a certificate says of itself, read from its DER: for pins, and for errors that can name what is wrong.

X.509 as RFC 5280 §4.1 has it, as far as that needs. Nothing is verified here: OpenSSL does that. What is read comes
from a stranger, so `read` gives None for whatever is malformed, in time linear in its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import NamedTuple

__all__ = ["Certificate", "key_digest", "read"]

_SEQUENCE, _OCTETS, _OID = 0x30, 0x04, 0x06
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_UTC_TIME = 0x17
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
#: The parts of a name that tell people whose it is: common name, organisation, organisational unit.
_TELLING = tuple(bytes.fromhex(code) for code in ("550403", "55040a", "55040b"))
_MOST_NAMES = 1000


class Certificate(NamedTuple):
    """Whom a certificate is for, who issued it, and when it is valid. Text is as the certificate has it: unchecked."""

    names: tuple[str, ...]
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


class _Item(NamedTuple):
    """One value: its tag, its content, and tag, length and content together."""

    tag: int
    content: bytes
    whole: bytes


def read(der: bytes) -> Certificate | None:
    """What the certificate *der* says; None where it is malformed."""
    try:
        fields = _fields(der)
        not_before, not_after = map(_time, _items(fields[3].content))
        names = tuple(_names(fields[6:]))
        return Certificate(names, _name(fields[4]), _name(fields[2]), not_before, not_after)
    except (ValueError, IndexError):
        return None


def key_digest(der: bytes) -> bytes | None:
    """The SHA-256 of the SubjectPublicKeyInfo of the certificate *der*; None where it is malformed."""
    try:
        return hashlib.sha256(_fields(der)[5].whole).digest()
    except (ValueError, IndexError):
        return None


def _fields(der: bytes) -> list[_Item]:
    """The fields of the signed part, from the serial number on: the version before it may be absent."""
    (certificate,) = _items(der)
    signed = _first(certificate.content)
    if certificate.tag != _SEQUENCE or signed.tag != _SEQUENCE:
        raise ValueError("no certificate")
    fields = list(_items(signed.content))
    return fields[1:] if fields and fields[0].tag == _VERSION else fields


def _items(data: bytes) -> Iterator[_Item]:
    """The values that *data* consists of (X.690 §8.1). Raises ValueError where one does not fit."""
    position = 0
    while position < len(data):
        start, tag = position, data[position]
        if tag & 0x1F == 0x1F or position + 2 > len(data):
            raise ValueError("a tag that no certificate has")
        length, position = data[position + 1], position + 2
        if length > 0x80:
            octets = data[position : position + length - 0x80]
            if len(octets) != length - 0x80 or len(octets) > 4:
                raise ValueError("a length that does not fit")
            length, position = int.from_bytes(octets, "big"), position + len(octets)
        elif length == 0x80:
            raise ValueError("an indefinite length, which DER does not have")
        end = position + length
        if end > len(data):
            raise ValueError("a value that breaks off")
        yield _Item(tag, data[position:end], data[start:end])
        position = end


def _first(data: bytes) -> _Item:
    for item in _items(data):
        return item
    raise ValueError("nothing where something has to be")


def _time(item: _Item) -> datetime:
    """RFC 5280 §4.1.2.5: two digits of a year below 50 are of this century."""
    text = item.content.decode("ascii")
    if item.tag == _UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _name(name: _Item) -> str:
    """The most telling part of a distinguished name; empty without one."""
    known: dict[bytes, str] = {}
    for relative in _items(name.content):
        for pair in _items(relative.content):
            kind, value = _items(pair.content)
            known.setdefault(kind.content, _text(value))
    return next((known[kind] for kind in _TELLING if known.get(kind)), "")


def _text(value: _Item) -> str:
    wide = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(value.tag, "utf-8")
    return value.content.decode(wide, "replace")


def _names(rest: list[_Item]) -> Iterator[str]:
    """The hosts and addresses of the extension subjectAltName (RFC 5280 §4.2.1.6)."""
    for extensions in (item for item in rest if item.tag == _EXTENSIONS):
        for extension in _items(_first(extensions.content).content):
            kind, *_, value = _items(extension.content)
            if kind.tag == _OID and kind.content == _SUBJECT_ALT_NAME and value.tag == _OCTETS:
                for number, name in enumerate(_items(_first(value.content).content)):
                    if number >= _MOST_NAMES:
                        return
                    if name.tag == _DNS_NAME:
                        yield name.content.decode("latin-1")
                    elif name.tag == _IP_ADDRESS:
                        yield str(ip_address(name.content))
