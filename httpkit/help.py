"""requests' `help`: what to put into a bug report. `python -m httpkit.help` prints it. No logic.

Assigning to a name here takes effect in `_help`, so a test can pretend that a package is missing.
"""

import json
import platform
import ssl
import sys

from ._forwarding import forward_assignments
from ._help import (
    OpenSSL,
    _implementation,
    chardet,
    charset_normalizer,
    cryptography,
    idna,
    info,
    main,
    pyopenssl,
    requests_version,
    urllib3,
)

__all__ = [
    "OpenSSL",
    "_implementation",
    "chardet",
    "charset_normalizer",
    "cryptography",
    "idna",
    "info",
    "json",
    "main",
    "platform",
    "pyopenssl",
    "requests_version",
    "ssl",
    "sys",
    "urllib3",
]

if __name__ == "__main__":
    main()
else:
    forward_assignments(__name__, "_help")
