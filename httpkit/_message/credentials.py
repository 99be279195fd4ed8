"""How a user name and a password become the value of an Authorization field: the Basic scheme (RFC 7617).

Used for `auth=("user", "password")`, for userinfo in URLs and for proxies. Schemes that need more than one
exchange, and the classes that programs subclass, live in `auth`.
"""

from __future__ import annotations

from base64 import b64encode

from ..exceptions import InvalidHeader

__all__ = ["basic"]


def basic(username: str | bytes, password: str | bytes) -> str:
    """The credentials `Basic <base64 of username:password>`.

    Text is encoded as ISO-8859-1, as servers have long expected, and both halves as UTF-8 where that cannot
    hold one of them (RFC 7617 §2.1). Anything else than text and bytes is written with `str()`. Raises
    InvalidHeader for a colon in the user name, which would move the border between the two, for control
    characters (RFC 7617 §2), and for text that no charset can hold.
    """
    user, secret = _octets(username, password)
    if b":" in user:
        raise InvalidHeader("Basic auth: the user name contains a colon, which RFC 7617 does not allow")
    for name, octets in (("user name", user), ("password", secret)):
        if any(octet < 0x20 or octet == 0x7F for octet in octets):
            raise InvalidHeader(
                f"Basic auth: the {name} contains a control character, which RFC 7617 does not allow"
            )
    return "Basic " + b64encode(user + b":" + secret).decode("ascii")


def _octets(*parts: object) -> list[bytes]:
    """All *parts* in one charset."""
    texts = [part if isinstance(part, (str, bytes)) else str(part) for part in parts]
    for charset in ("iso-8859-1", "utf-8"):
        try:
            return [text if isinstance(text, bytes) else text.encode(charset) for text in texts]
        except UnicodeEncodeError:
            continue
    raise InvalidHeader(
        "Basic auth: the user name or password has a lone surrogate, which no charset can hold; give bytes"
    )
