"""What looks like a secret, by its name, and how it is hidden from people: the one list for fields and parameters.

Names are all there is to go by: a secret in the path of a URL, or under a harmless name, is not known for one. Nothing
here changes what is sent.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["HIDDEN", "hide_in_url", "hide_parameters", "is_secret_name", "is_secret_parameter"]

HIDDEN = "***"

_NAME = r"api[-_]?key|token|secret|passw(?:or)?d|authorization|^(?:set-)?cookie2?$|(?:^|[-_])key$"
# What fields are called otherwise: the signatures and credentials of signed URLs, one-time codes, sessions.
_PARAMETER = (
    rf"{_NAME}|passphrase|pwd|^pass$|signature|^sig$|credential|^auth$|^code$|^otp$|^jwt$|^assertion$|samlresponse|"
    r"session[-_]?id|^sid$|access[-_]?key|private[-_]?key|apikey"
)
_SEPARATOR = r"([?&;#\s])"
_LONGEST_NAME = 200


@lru_cache(maxsize=256)
def is_secret_name(name: str) -> bool:
    """Does a field of this *name* carry a secret: credentials, cookies, keys, tokens, passwords?"""
    return re.search(_NAME, name.lower()) is not None


@lru_cache(maxsize=256)
def is_secret_parameter(name: str) -> bool:
    """The same of a parameter in a query or a form, percent-encoded or not."""
    if "%" in name:
        from urllib.parse import unquote

        name = unquote(name)
    return re.search(_PARAMETER, name.lower()) is not None


def hide_in_url(text: str) -> str:
    """*text*, which has URLs in it, with `***` for the values of secret parameters in queries and fragments."""
    if "=" not in text or ("?" not in text and "#" not in text):
        return text
    return _hide(text, inside=False)


def hide_parameters(text: str) -> str:
    """*text*, which is a form or a query without its '?', with `***` for the values of secret parameters."""
    return _hide(text, inside=True) if "=" in text else text


def _hide(text: str, *, inside: bool) -> str:
    """Look at each piece between separators once. *inside* where the first one is a parameter already."""
    shown: list[str] = []
    hiding = False
    mark = ""
    for piece, following in zip(*[iter([*re.split(_SEPARATOR, text), ""])] * 2, strict=True):
        # A '?' or ';' may be part of the value, which some servers see otherwise.
        hiding = hiding and mark in ("?", ";")
        if not hiding:
            name, equals, value = piece.partition("=")
            hiding = (
                inside
                and bool(equals)
                and (is_secret_parameter(name[-_LONGEST_NAME:]) or _has_secrets(value))
            )
            shown += (mark, f"{name}={HIDDEN}" if hiding else piece)
        inside, mark = True, following
    return "".join(shown)


def _has_secrets(value: str) -> bool:
    """True for a URL with secret parameters that is a parameter itself, and percent-encoded therefore."""
    if "%3d" not in value.lower():
        return False
    from urllib.parse import unquote

    plain = unquote(value)
    return any(
        is_secret_parameter(name[-_LONGEST_NAME:]) for name in re.findall(r"[?&;#]([^?&;#=]+)=", plain)
    )
