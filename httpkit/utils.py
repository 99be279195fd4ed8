"""requests' `utils`: helpers of many kinds, each the same object as in its home. No logic.

Assigning to a name here takes effect in its home, where the code that uses it looks it up.
"""

from builtins import bytes, str  # noqa: UP029  # programs import them from here
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlparse, urlunparse

from . import certs

# What a new session sends.
from .__version__ import __version__

# What Python 2 left behind.
from ._compat import (
    _HEADER_VALIDATORS_BYTE,
    _HEADER_VALIDATORS_STR,
    DEFAULT_CA_BUNDLE_PATH,
    HEADER_VALIDATORS,
    atomic_open,
    basestring,
    dict_to_sequence,
    extract_zipped_paths,
    get_unicode_from_response,
    integer_types,
    is_urllib3_1,
    to_native_string,
)
from ._defaults import DEFAULT_ACCEPT_ENCODING, default_headers, default_user_agent

# The environment: proxies, netrc, variables.
from ._environment import (
    DEFAULT_PORTS,
    NETRC_FILES,
    address_in_network,
    dotted_netmask,
    get_environ_proxies,
    get_netrc_auth,
    getproxies,
    is_ipv4_address,
    is_valid_cidr,
    proxy_bypass,
    resolve_proxies,
    select_proxy,
    set_environ,
    should_bypass_proxies,
)
from ._forwarding import forward_assignments

# Bodies.
from ._message.bodies import guess_filename, iter_slices, rewind_body, super_len

# Charsets.
from ._message.charsets import (
    get_encoding_from_headers,
    get_encodings_from_content,
    guess_json_utf,
    stream_decode_response_unicode,
)

# Fields.
from ._message.fields import (
    _parse_content_type_header,
    check_header_validity,
    parse_dict_header,
    parse_header_links,
    parse_list_header,
    unquote_header_value,
)
from ._message.fields import parse_list_header as _parse_list_header

# URLs.
from ._message.urls import _UNRESERVED as UNRESERVED_SET
from ._message.urls import (
    get_auth_from_url,
    prepend_scheme_if_needed,
    requote_uri,
    unquote_unreserved,
    urldefragauth,
)

# Cookies.
from .cookies import add_dict_to_cookiejar, cookiejar_from_dict, dict_from_cookiejar

# Errors and containers.
from .exceptions import FileModeWarning, InvalidHeader, InvalidURL, UnrewindableBodyError
from .structures import CaseInsensitiveDict, from_key_val_list, to_key_val_list

__all__ = [
    "DEFAULT_ACCEPT_ENCODING",
    "DEFAULT_CA_BUNDLE_PATH",
    "DEFAULT_PORTS",
    "HEADER_VALIDATORS",
    "NETRC_FILES",
    "UNRESERVED_SET",
    "_HEADER_VALIDATORS_BYTE",
    "_HEADER_VALIDATORS_STR",
    "CaseInsensitiveDict",
    "FileModeWarning",
    "InvalidHeader",
    "InvalidURL",
    "Mapping",
    "OrderedDict",
    "UnrewindableBodyError",
    "__version__",
    "_parse_content_type_header",
    "_parse_list_header",
    "add_dict_to_cookiejar",
    "address_in_network",
    "atomic_open",
    "basestring",
    "bytes",
    "certs",
    "check_header_validity",
    "cookiejar_from_dict",
    "default_headers",
    "default_user_agent",
    "dict_from_cookiejar",
    "dict_to_sequence",
    "dotted_netmask",
    "extract_zipped_paths",
    "from_key_val_list",
    "get_auth_from_url",
    "get_encoding_from_headers",
    "get_encodings_from_content",
    "get_environ_proxies",
    "get_netrc_auth",
    "get_unicode_from_response",
    "getproxies",
    "guess_filename",
    "guess_json_utf",
    "integer_types",
    "is_ipv4_address",
    "is_urllib3_1",
    "is_valid_cidr",
    "iter_slices",
    "parse_dict_header",
    "parse_header_links",
    "parse_list_header",
    "prepend_scheme_if_needed",
    "proxy_bypass",
    "quote",
    "requote_uri",
    "resolve_proxies",
    "rewind_body",
    "select_proxy",
    "set_environ",
    "should_bypass_proxies",
    "str",
    "stream_decode_response_unicode",
    "super_len",
    "to_key_val_list",
    "to_native_string",
    "unquote",
    "unquote_header_value",
    "unquote_unreserved",
    "urldefragauth",
    "urlparse",
    "urlunparse",
]

forward_assignments(
    __name__,
    "_environment",
    "_defaults",
    "_compat",
    "_message.bodies",
    "_message.charsets",
    "_message.fields",
    "_message.urls",
    "cookies",
    "structures",
)
