"""requests' `_internal_utils`: the names, each the same object as in its home. No logic."""

from ._compat import (
    _HEADER_VALIDATORS_BYTE,
    _HEADER_VALIDATORS_STR,
    _VALID_HEADER_NAME_RE_BYTE,
    _VALID_HEADER_NAME_RE_STR,
    _VALID_HEADER_VALUE_RE_BYTE,
    _VALID_HEADER_VALUE_RE_STR,
    HEADER_VALIDATORS,
    builtin_str,
    to_native_string,
    unicode_is_ascii,
)

__all__ = [
    "HEADER_VALIDATORS",
    "_HEADER_VALIDATORS_BYTE",
    "_HEADER_VALIDATORS_STR",
    "_VALID_HEADER_NAME_RE_BYTE",
    "_VALID_HEADER_NAME_RE_STR",
    "_VALID_HEADER_VALUE_RE_BYTE",
    "_VALID_HEADER_VALUE_RE_STR",
    "builtin_str",
    "to_native_string",
    "unicode_is_ascii",
]
