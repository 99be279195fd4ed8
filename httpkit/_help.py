"""What is installed here, for bug reports.

Every package is looked at through a name of this room, so that a test can pretend that one is missing.
"""

from __future__ import annotations

import json
import platform
import ssl
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from .__version__ import __version__

__all__ = ["info", "main"]


def _optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


requests_version = __version__
urllib3 = _optional("urllib3")
idna = _optional("idna")
chardet = _optional("chardet")
charset_normalizer = _optional("charset_normalizer")
cryptography = _optional("cryptography")
OpenSSL = _optional("OpenSSL")
pyopenssl = _optional("urllib3.contrib.pyopenssl") if OpenSSL else None


def _version(package: object, unknown: str | None = "") -> dict[str, str | None]:
    return {"version": getattr(package, "__version__", unknown)}


def _implementation() -> dict[str, str]:
    """The Python that runs this, and its version: PyPy has one of its own beside the language's."""
    name = platform.python_implementation()
    own = getattr(sys, "pypy_version_info", None)
    if own is None:
        return {"name": name, "version": platform.python_version()}
    suffix = "" if own.releaselevel == "final" else own.releaselevel
    return {"name": name, "version": f"{own.major}.{own.minor}.{own.micro}{suffix}"}


def _platform() -> dict[str, str]:
    try:
        return {"system": platform.system(), "release": platform.release()}
    except OSError:
        return {"system": "Unknown", "release": "Unknown"}


def info() -> dict[str, Any]:
    """Versions and settings that a bug report should name, as a dict that JSON can hold.

    The keys are those that readers of requests' reports know, with `httpkit` added; `requests` has httpkit's
    version as well, since httpkit is what stands in its place.
    """
    return {
        "platform": _platform(),
        "implementation": _implementation(),
        "system_ssl": {"version": f"{ssl.OPENSSL_VERSION_NUMBER:x}"},
        "using_pyopenssl": pyopenssl is not None,
        "using_charset_normalizer": chardet is None,
        "pyOpenSSL": {
            **_version(OpenSSL, None),
            "openssl_version": f"{OpenSSL.SSL.OPENSSL_VERSION_NUMBER:x}" if OpenSSL else "",
        },
        "urllib3": _version(urllib3),
        "chardet": _version(chardet, None),
        "charset_normalizer": _version(charset_normalizer, None),
        "cryptography": _version(cryptography),
        "idna": _version(idna),
        "httpkit": {"version": __version__},
        "requests": {"version": requests_version},
    }


def main() -> None:
    """Print `info()` as JSON."""
    sys.stdout.write(json.dumps(info(), sort_keys=True, indent=2) + "\n")
