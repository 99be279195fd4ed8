"""The fields that a session sends when nobody says otherwise, and what they say about this installation.

A coding is offered only when a decoder for it is installed, since a server may use whatever was offered (RFC
9110 §12.5.3). Whether one is installed is looked up without importing it: most programs never meet a brotli
body.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.util import find_spec

from .__version__ import __version__
from .structures import CaseInsensitiveDict

__all__ = ["DEFAULT_ACCEPT_ENCODING", "accept_encoding", "default_headers", "default_user_agent"]

DEFAULT_ACCEPT_ENCODING: str

# urllib3 decodes with these, and tries them in this order.
_BROTLI = ("brotlicffi", "brotli")
# From 3.14 the standard library has zstd, unless Python was built without its C part.
_ZSTD = ("_zstd",) if sys.version_info >= (3, 14) else ("backports.zstd",)


def _installed(*modules: str) -> bool:
    for module in modules:
        try:
            if find_spec(module) is not None:
                return True
        except (ImportError, ValueError):
            # The package around a submodule is missing, or a stand-in in sys.modules has no spec.
            continue
    return False


@lru_cache(maxsize=1)
def accept_encoding() -> str:
    """The codings that can be decoded here, as the value of an Accept-Encoding field."""
    codings = ["gzip", "deflate"]
    if _installed(*_BROTLI):
        codings.append("br")
    if _installed(*_ZSTD):
        codings.append("zstd")
    return ", ".join(codings)


def __getattr__(name: str) -> str:
    if name == "DEFAULT_ACCEPT_ENCODING":
        return accept_encoding()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def default_user_agent(name: str = "httpkit") -> str:
    """The product and version that requests are sent with (RFC 9110 §10.1.5): `httpkit/1.2.3`."""
    return f"{name}/{__version__}"


def default_headers() -> CaseInsensitiveDict[str]:
    """The fields of a new session: User-Agent, Accept-Encoding, Accept and Connection."""
    return CaseInsensitiveDict.from_pairs(
        (
            ("User-Agent", default_user_agent()),
            ("Accept-Encoding", accept_encoding()),
            ("Accept", "*/*"),
            ("Connection", "keep-alive"),
        )
    )
