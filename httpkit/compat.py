"""requests' `compat`: the standard library under the names that once depended on the Python, and the alias.

No logic. Assigning to a name here takes effect in its home.
"""

import json
from builtins import bytes, str  # noqa: UP029  # programs import them from here
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from http import cookiejar as cookielib
from http.cookies import Morsel, SimpleCookie
from io import StringIO
from json import JSONDecodeError
from urllib.parse import (
    quote,
    quote_plus,
    unquote,
    unquote_plus,
    urldefrag,
    urlencode,
    urljoin,
    urlparse,
    urlsplit,
    urlunparse,
)
from urllib.request import parse_http_list

from urllib3 import __version__ as urllib3_version  # type: ignore[attr-defined]  # not in its __all__

from ._alias import RequestsAlias, alias_requests
from ._compat import (
    basestring,
    builtin_str,
    chardet,
    has_simplejson,
    integer_types,
    is_py2,
    is_py3,
    is_urllib3_1,
    numeric_types,
)
from ._environment import getproxies, proxy_bypass
from ._forwarding import forward_assignments

__all__ = [
    "Callable",
    "JSONDecodeError",
    "Mapping",
    "Morsel",
    "MutableMapping",
    "OrderedDict",
    "RequestsAlias",
    "SimpleCookie",
    "StringIO",
    "alias_requests",
    "basestring",
    "builtin_str",
    "bytes",
    "chardet",
    "cookielib",
    "getproxies",
    "has_simplejson",
    "integer_types",
    "is_py2",
    "is_py3",
    "is_urllib3_1",
    "json",
    "numeric_types",
    "parse_http_list",
    "proxy_bypass",
    "quote",
    "quote_plus",
    "str",
    "unquote",
    "unquote_plus",
    "urldefrag",
    "urlencode",
    "urljoin",
    "urllib3_version",
    "urlparse",
    "urlsplit",
    "urlunparse",
]

forward_assignments(__name__, "_environment", "_compat", "_alias")
