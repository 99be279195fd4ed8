"""Digest credentials: which challenge can be answered, and what the answer is (RFC 7616).

Servers that follow RFC 2617 and RFC 2069 are answered as well. Calculation only. No message objects, no clock
and no randomness: the client's nonce and the counter come in as arguments, so the RFCs' examples are tests.
What is sent, to whom and how often is decided in `auth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from ._message.fields import Challenge, parse_dict_header

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Use", "authorization", "choose", "is_session", "is_stale", "next_nonce", "protection"]

#: Algorithms by strength, with hashlib's names. RFC 7616 §6.1 registers three; servers announce SHA and
#: SHA-512 as well.
_HASHES = {
    "SHA-512-256": "sha512_256",
    "SHA-512": "sha512",
    "SHA-256": "sha256",
    "SHA": "sha1",
    "MD5": "md5",
}
_STRENGTH = {name: len(_HASHES) - rank for rank, name in enumerate(_HASHES)}
#: attr-char of RFC 8187 §3.2.1, beyond what `quote` leaves alone anyway.
_ATTR_CHARS = "!#$&+^`|"


@dataclass(frozen=True)
class Use:
    """One use of a nonce: what the response is calculated over, besides the challenge and the secret.

    *target* is the request target as it is sent (path and query). *count* says how often the nonce was used,
    this time included. *body* gives the content in pieces and is read only where the server asks for its
    integrity; None stands for content that cannot be read ahead of sending it.
    """

    method: str
    target: str
    count: int
    cnonce: str
    body: Iterable[bytes] | None = None


def choose(challenges: Iterable[Challenge]) -> dict[str, str] | None:
    """The parameters of the strongest Digest challenge that can be answered; None without one.

    Among equals it is the first. RFC 7616 §3.7 lets a client have its own policy instead of the server's
    order; an attacker who can put a weaker challenge first must not get the weaker answer.
    """
    known = [c.parameters for c in challenges if c.scheme == "digest" and _is_answerable(c.parameters)]
    if not known:
        return None
    strongest = max(known, key=_strength)
    return dict(strongest)


def _strength(challenge: Mapping[str, str]) -> int:
    return _STRENGTH[_family(challenge)]


def _is_answerable(challenge: Mapping[str, str]) -> bool:
    return (
        bool(challenge.get("nonce"))
        and protection(challenge) is not None
        and _hash(_family(challenge)) is not None
    )


def protection(challenge: Mapping[str, str]) -> str | None:
    """The quality of protection to answer with: `auth` where it is offered, else `auth-int`.

    Empty when the server offers none (RFC 2069); None when it offers only what is not known here.
    """
    offered = [token.strip().lower() for token in challenge.get("qop", "").split(",")]
    if "auth" in offered:
        return "auth"
    if "auth-int" in offered:
        return "auth-int"
    return None if any(offered) else ""


def is_session(challenge: Mapping[str, str]) -> bool:
    """True for the -sess algorithms, whose key holds the first cnonce after a challenge (RFC 7616 §3.4.2)."""
    return challenge.get("algorithm", "").lower().endswith("-sess")


def is_stale(challenge: Mapping[str, str]) -> bool:
    """True when the server says that the credentials were right and the nonce too old (RFC 7616 §3.3)."""
    return challenge.get("stale", "").lower() == "true"


def next_nonce(value: str | None) -> str | None:
    """The nonce that an Authentication-Info field wants for the next request (RFC 7616 §3.5)."""
    if not value:
        return None
    return next(
        (text for name, text in parse_dict_header(value).items() if name.lower() == "nextnonce" and text),
        None,
    )


def authorization(
    challenge: Mapping[str, str], username: str | bytes, password: str | bytes, use: Use
) -> str | None:
    """The value of the Authorization field that answers *challenge* (RFC 7616 §3.4).

    None when the challenge asks for an algorithm or a protection that is not known, or for the integrity of a
    body that cannot be read ahead.
    """
    digest, qop = _hash(_family(challenge)), protection(challenge)
    if digest is None or qop is None or (qop == "auth-int" and use.body is None):
        return None
    user, realm, nonce = (
        _octets(username, "utf-8"),
        _octets(challenge.get("realm", "")),
        challenge.get("nonce", ""),
    )
    secret = _joined(digest, user, realm, _octets(password, "utf-8"))
    if is_session(challenge):
        secret = _joined(digest, secret, _octets(nonce), use.cnonce.encode())
    count = f"{use.count:08x}"
    protected = [count.encode(), use.cnonce.encode(), qop.encode()] if qop else []
    response = _joined(digest, secret, _octets(nonce), *protected, _message_digest(digest, qop, use)).decode()
    parameters = _user(digest, user, realm, challenge)
    parameters += [f"realm={_quoted(challenge.get('realm', ''))}", f"nonce={_quoted(nonce)}"]
    parameters += [f"uri={_quoted(use.target)}", f'response="{response}"']
    if "opaque" in challenge:
        parameters.append(f"opaque={_quoted(challenge['opaque'])}")
    if challenge.get("algorithm"):
        parameters.append(f"algorithm={challenge['algorithm']}")
    if qop:
        parameters += [f"qop={qop}", f"nc={count}"]
    if qop or is_session(challenge):
        parameters.append(f"cnonce={_quoted(use.cnonce)}")
    return "Digest " + ", ".join(parameters)


def _family(challenge: Mapping[str, str]) -> str:
    """The hash algorithm without its -sess; RFC 7616 §3.3 reads an absent one as MD5."""
    return (challenge.get("algorithm") or "MD5").upper().removesuffix("-SESS")


@lru_cache(maxsize=16)
def _hash(family: str) -> Callable[..., _Hash] | None:
    """The hash of that name; None when we do not know it, or this build of Python's OpenSSL does not."""
    name = _HASHES.get(family)
    if name is None:
        return None
    import hashlib

    # The server chooses; MD5 is its business, so a FIPS build must not refuse.
    digest = partial(hashlib.new, name, usedforsecurity=False)
    try:
        digest(b"")
    except ValueError:
        return None
    return digest


def _joined(digest: Callable[..., _Hash], *parts: bytes) -> bytes:
    """H of the parts with colons between them, in hexadecimal, which RFC 7616 §3.4 uses throughout."""
    return digest(b":".join(parts)).hexdigest().encode()


def _message_digest(digest: Callable[..., _Hash], qop: str, use: Use) -> bytes:
    """H(A2): the method and target, and under `auth-int` the content as well (RFC 7616 §3.4.3)."""
    line = [use.method.encode(), _octets(use.target)]
    if qop == "auth-int":
        entity = digest()
        for piece in use.body or ():
            entity.update(piece)
        line.append(entity.hexdigest().encode())
    return _joined(digest, *line)


def _user(digest: Callable[..., _Hash], user: bytes, realm: bytes, challenge: Mapping[str, str]) -> list[str]:
    """The parameters that name the user (RFC 7616 §3.4, §3.4.4).

    Hashed where the server wants that. A name beyond ASCII goes into `username*` for a server that announces
    UTF-8; others are older than that parameter, and read the same octets that they hash.
    """
    if challenge.get("userhash", "").lower() == "true":
        return [f'username="{_joined(digest, user, realm).decode()}"', "userhash=true"]
    if not user.isascii() and challenge.get("charset", "").lower() == "utf-8":
        return [f"username*=UTF-8''{quote(user, safe=_ATTR_CHARS)}"]
    return [f"username={_quoted(user.decode('iso-8859-1'))}"]


def _quoted(value: str) -> str:
    """*value* as a quoted-string (RFC 9110 §5.6.4)."""
    if '"' in value or "\\" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _octets(value: str | bytes, charset: str = "iso-8859-1") -> bytes:
    """The octets of *value*. What a server sent was read as ISO-8859-1, which gives its own octets back."""
    if isinstance(value, bytes):
        return value
    try:
        return value.encode(charset)
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
