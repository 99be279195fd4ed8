"""URLs: the one parser that decides where a request goes, what its Host field says and what its target is.

RFC 3986 for syntax and reference resolution, RFC 6874 for zone identifiers, IDNA 2008 (RFC 5891, mapped by UTS #46) for
host names. `http` and `https` are read strictly: what two parsers could understand differently is an `InvalidURL`, so
that a host which was checked is the host that is connected to. Other schemes are split and left alone.

What is percent-encoded already is sent as it is; only what could not be sent is encoded. Pure: nothing here resolves a
name, reads the environment or opens a socket.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from .._types import ParamsType
from ..exceptions import InvalidURL, MissingSchema
from ..structures import to_key_val_list
from . import secrets

__all__ = [
    "DEFAULT_PORTS",
    "URL",
    "Origin",
    "encode_params",
    "facts",
    "form_urlencode",
    "get_auth_from_url",
    "origin",
    "parse",
    "path_url",
    "prepare",
    "prepend_scheme_if_needed",
    "redact",
    "requote_uri",
    "resolve",
    "same_host",
    "same_origin",
    "suggest_scheme",
    "suggest_url",
    "unquote_unreserved",
    "urldefragauth",
]

DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, "int | None"]
_Parts = tuple["str | None", "str | None", str, "str | None", "str | None"]

# Longer URLs are seldom repeated, and would fill the memory of a process with what it sent once.
_LONGEST_CACHED = 2048
_CACHED = 1024
_SHOWN = 80

_PCHAR = r"A-Za-z0-9\-._~!$&'()*+,;=:@"
_ENCODED = "%[0-9A-Fa-f]{2}"
# What most programs send: lower-case names and nothing that needs a second look. Everything else takes the long way.
_PLAIN = re.compile(
    rf"(https?)://((?:[a-z0-9_-]{{1,63}}\.)*[a-z][a-z0-9_-]{{0,62}})(?::([1-9][0-9]{{0,4}}))?"
    rf"(/[{_PCHAR}/]*(?:{_ENCODED}[{_PCHAR}/]*)*)?"
    rf"(?:\?([{_PCHAR}/?]*(?:{_ENCODED}[{_PCHAR}/?]*)*))?"
    rf"(?:\#([{_PCHAR}/?]*(?:{_ENCODED}[{_PCHAR}/?]*)*))?\Z"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_FOREIGN = re.compile(r"(?!http)[^/?#]*:", re.IGNORECASE)
_REFERENCE = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?\Z", re.DOTALL
)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_HOST_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?\Z")
_NOT_IN_LABEL = re.compile("[^a-z0-9_-]")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?\Z")

_STRAY_PERCENT = "%(?![0-9A-Fa-f]{2})"
_NOT_IN_PATH = re.compile(rf"[^{_PCHAR}/%]+|{_STRAY_PERCENT}")
_NOT_IN_QUERY = re.compile(rf"[^{_PCHAR}/?%]+|{_STRAY_PERCENT}")

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What follows is needed by few programs: `re` compiles it when it is used.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}\Z"
_ZONE = r"[A-Za-z0-9._~-]+\Z"
_LENIENT_PORT = r"(?s)(.*):([0-9]{1,5})\Z"
_NOT_IN_USERINFO = rf"[^A-Za-z0-9\-._~!$&'()*+,;=:%]+|{_STRAY_PERCENT}"
_NOT_IN_URI = r"[^A-Za-z0-9\-._~!#$%&'()*+,/:;=?@\[\]]+"
_NOT_IN_URI_NOR_PERCENT = r"[^A-Za-z0-9\-._~!#$&'()*+,/:;=?@\[\]]+"
_ESCAPE = "%([0-9A-Fa-f]{2})"
_NO_ESCAPE = "%(?![0-9A-Fa-f]{2})([0-9A-Za-z]{2})"
_NESTED_USERINFO = r"//[^/?#\\]*@"
_BEFORE_AUTHORITY = r"(?:[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]))?[/\\]*"
_AFTER_AUTHORITY = r"[/?#\\]"
_PORT_AT_END = r":[0-9]*\Z"

# application/x-www-form-urlencoded: one entry for each byte.
_FORM_BYTES = [chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_FORM_BYTES[0x20] = "+"


class URL(NamedTuple):
    """The parts of a URL, each as it is sent; `str()` puts them together again.

    *userinfo*, *path*, *query* and *fragment* are percent-encoded. None is absent, which is not empty (RFC 3986 §5.3).
    """

    scheme: str
    """In lower case."""
    userinfo: str | None
    host: str
    """In ASCII and lower case; an IPv6 address in its brackets, `%25` before a zone. Empty where there is none."""
    port: int | None
    """As the URL names it, be it the default."""
    path: str
    query: str | None
    fragment: str | None

    @property
    def authority(self) -> str:
        """Host and port as the URL has them, without userinfo."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def hostname(self) -> str:
        """What is connected to: the host without brackets, a zone identifier after a bare `%` (RFC 4007 §11)."""
        host = self.host
        return host[1:-1].replace("%25", "%", 1) if host[:1] == "[" else host

    @property
    def effective_port(self) -> int | None:
        """The port, or the scheme's default; None for a scheme that has none."""
        return DEFAULT_PORTS.get(self.scheme) if self.port is None else self.port

    @property
    def host_field(self) -> str:
        """The value of the Host field (RFC 9110 §7.2): no default port, no zone, which is ours alone (RFC 6874 §4).

        Behind a Unix socket every program answers to `localhost`; its path is none of the server's business.
        """
        if self.scheme == "http+unix":
            return "localhost"
        host = self.host
        if "%25" in host and host[0] == "[":
            host = host.partition("%25")[0] + "]"
        if self.port is None or self.port == DEFAULT_PORTS.get(self.scheme):
            return host
        return f"{host}:{self.port}"

    @property
    def origin(self) -> Origin:
        """`(scheme, hostname, effective port)` (RFC 6454 §4)."""
        return self.scheme, self.hostname, self.effective_port

    @property
    def target(self) -> str:
        """The request target in origin form (RFC 9112 §3.2.1)."""
        path = self.path or "/"
        return path if self.query is None else f"{path}?{self.query}"

    def __str__(self) -> str:
        scheme, userinfo, host, port, path, query, fragment = self
        authority = host if userinfo is None else f"{userinfo}@{host}"
        if port is not None:
            authority = f"{authority}:{port}"
        # A path without a root ('mailto:a@b') has no authority before it, not even an empty one.
        rooted = authority or path[:1] == "/" or scheme[:4] == "http"
        text = f"{scheme}://{authority}{path}" if rooted else f"{scheme}:{path}"
        if query is not None:
            text = f"{text}?{query}"
        return text if fragment is None else f"{text}#{fragment}"


def parse(url: str) -> URL:
    """The parts of *url*, encoded so that they can be sent. Parsing the result's `str()` gives the result again.

    Raises MissingSchema without a scheme and, for http and https, InvalidURL for whatever could not be connected to, or
    could be understood in two ways. URLs with other schemes are split as RFC 3986 appendix B splits them.
    """
    if len(url) <= _LONGEST_CACHED:
        return _parse_cached(url)
    return _parse(url)


class Facts(NamedTuple):
    """What a call asks of its URL, each as `URL` gives it."""

    origin: Origin
    host_field: str
    target: str


def facts(url: str) -> Facts:
    """The origin of *url*, its Host field and its request target, worked out once. Errors as `parse`."""
    if len(url) <= _LONGEST_CACHED:
        return _facts_cached(url)
    return _facts(url)


def prepare(url: object, params: ParamsType = None) -> str:
    """The URL to be sent for what a caller gave: text, UTF-8 bytes, or an object whose `str()` is a URL.

    *params* are appended to its query. Blanks around the URL do not count. Where another scheme than one beginning with
    `http` is named (`mailto:`, `data:`, an adapter's own), the URL is not touched and *params* are not used.
    Preparing what was prepared changes nothing. Errors as `parse`.
    """
    text = url if type(url) is str else _text(url)
    if len(text) <= _LONGEST_CACHED:
        prepared = _prepare_cached(text)
    else:
        prepared = _prepare(text)
    if not params or _FOREIGN.match(prepared):
        return prepared
    encoded = encode_params(params)
    return _with_query(
        prepared, _encode(encoded, _NOT_IN_QUERY) if isinstance(params, (str, bytes)) else encoded
    )


def origin(url: str) -> Origin:
    """`(scheme, hostname, effective port)` of *url* (RFC 6454 §4). Errors as `parse`."""
    return parse(url).origin


def same_origin(a: str, b: str) -> bool:
    """Whether scheme, host and effective port are the same. URLs without a host have no origin to share."""
    one, other = parse(a), parse(b)
    if not one.host or one.scheme != other.scheme or one.host != other.host:
        return False
    return one.port == other.port or one.effective_port == other.effective_port


def same_host(a: URL, b: URL) -> bool:
    """Whether both have the same host: without regard to case, but for the path of a Unix socket, which is none."""
    return a.host == b.host or (a.scheme != "http+unix" and a.host.lower() == b.host.lower())


def resolve(base: str, reference: str) -> str:
    """The URL that *reference* means in a document at *base* (RFC 3986 §5.2.2, strict).

    Both may be written badly: nothing is encoded or refused here, which `prepare` does afterwards. A fragment of *base*
    is not handed down; that is the business of redirects (RFC 9110 §10.2.2).
    """
    scheme, authority, path, query, fragment = _split(reference.strip())
    if scheme is None:
        scheme, base_authority, base_path, base_query, _ = _split(base.strip())
        if authority is None:
            authority = base_authority
            if not path:
                path, query = base_path, base_query if query is None else query
            elif path[0] != "/":
                path = _merge(base_authority, base_path, path)
    return _join((scheme, authority, _remove_dot_segments(path), query, fragment))


def path_url(url: str) -> str:
    """The request target of *url* in origin form, `/` for an empty path (RFC 9112 §3.2.1).

    A text without a scheme, which no request can be sent to, is read as far as it goes. Other errors as `parse`.
    """
    try:
        return parse(url).target
    except MissingSchema:
        _, _, path, query, _ = _split(url)
        return (path or "/") if query is None else f"{path or '/'}?{query}"


# --- parsing


def _text(url: object) -> str:
    if isinstance(url, (bytes, bytearray)):
        try:
            return url.decode("utf-8")
        except UnicodeDecodeError:
            raise _invalid(url, "the bytes are not UTF-8") from None
    if url is None:
        raise MissingSchema("Invalid URL: it is None")
    return str(url)


def _prepare(url: str) -> str:
    url = url.lstrip()
    return url if _FOREIGN.match(url) else str(parse(url))


def _parse(url: str) -> URL:
    plain = _PLAIN.match(url)
    if plain is not None and "/." not in url:
        scheme, host, digits, path, query, fragment = plain.groups()
        port = int(digits) if digits else None
        if len(host) <= 253 and (port is None or port <= 65535):
            return URL(scheme, None, host, port, path or "/", query, fragment)
    return _parse_any(url.strip())


def _facts(url: str) -> Facts:
    parsed = parse(url)
    return Facts(parsed.origin, parsed.host_field, parsed.target)


_parse_cached = lru_cache(_CACHED)(_parse)
_facts_cached = lru_cache(_CACHED)(_facts)
_prepare_cached = lru_cache(_CACHED)(_prepare)


def _parse_any(url: str) -> URL:
    unsendable = _CONTROL.search(url) or (None if url.isascii() else re.search("[\ud800-\udfff]", url))
    if unsendable:
        raise _invalid(url, f"{unsendable.group()!r} cannot be in a URL")
    match = _SCHEME.match(url)
    if match is None:
        raise _missing_scheme(url)
    scheme, rest = match[1].lower(), url[match.end() :]
    if scheme in DEFAULT_PORTS:
        return _parse_http(url, scheme, rest)
    if scheme.startswith("http") and rest[:2] != "//":
        raise _missing_scheme(url)  # 'httpbin.org:8080/get'
    return _parse_foreign(scheme, url)


def _parse_http(url: str, scheme: str, rest: str) -> URL:
    if rest[:2] != "//":
        meant = _did_you_mean(f"{scheme}://" + rest.lstrip("/\\"))
        raise _invalid(url, f"no '//' after the scheme{meant}")
    _, authority, path, query, fragment = _split(rest)
    authority = authority or ""
    if "\\" in authority:
        raise _invalid(url, "a backslash before the path; some programs read it as '/', others do not")
    userinfo, _, host_port = authority.rpartition("@")
    match = _HOST_PORT.match(host_port)
    if match is None:
        raise _invalid(url, _why_no_port(host_port))
    return URL(
        scheme,
        _encode(userinfo, _NOT_IN_USERINFO) if userinfo else None,
        _host(url, match[1]),
        _port(url, match[2]) if match[2] else None,
        _encode(_remove_dot_segments(path), _NOT_IN_PATH) or "/",
        None if query is None else _encode(query, _NOT_IN_QUERY),
        None if fragment is None else _encode(fragment, _NOT_IN_QUERY),
    )


def _parse_foreign(scheme: str, url: str) -> URL:
    """A URL whose authority has a meaning that only its adapter knows, such as the path of a socket."""
    _, authority, path, query, fragment = _split(url)
    userinfo, at, host = (authority or "").rpartition("@")
    port = None
    with_port = re.match(_LENIENT_PORT, host)
    if with_port is not None:
        host, port = with_port[1], int(with_port[2])
    if authority and not path:
        path = "/"
    return URL(
        scheme,
        _encode(userinfo, _NOT_IN_USERINFO) if at else None,
        host,
        port,
        _encode(path, _NOT_IN_PATH),
        None if query is None else _encode(query, _NOT_IN_QUERY),
        None if fragment is None else _encode(fragment, _NOT_IN_QUERY),
    )


def _why_no_port(host_port: str) -> str:
    """What is wrong with `host:port`. The text is not repeated: it can be a password with a '/' in it."""
    if host_port.count(":") > 1 and "[" not in host_port:
        return "more than one ':'; write an IPv6 address in brackets, http://[::1]/, and ':' in a password as %3A"
    if "[" in host_port or "]" in host_port:
        return "brackets enclose an IPv6 address, and only ':' and a port may follow them"
    return "the port is not a number; write '/', '?', '#' and '@' in a user name or password as %2F, %3F, %23 and %40"


def _port(url: str, digits: str) -> int:
    digits = digits.lstrip("0")
    if not digits or len(digits) > 5 or int(digits) > 65535:
        raise _invalid(url, "the port is not between 1 and 65535")
    return int(digits)


def _host(url: str, host: str) -> str:
    """The host in the form in which it is connected to and compared."""
    if not host:
        raise _invalid(url, "no host")
    if host[0] == "[":
        return _ipv6(url, host[1:-1])
    if "%" in host:
        raise _invalid(url, "'%' in the host; write its name without percent-encoding")
    host = host.lower() if host.isascii() else _idna(url, host)
    _check_labels(url, host)
    if _NUMBERS.match(host) and not re.match(_IPV4, host):
        raise _invalid(
            url,
            "the host is a number that some systems connect to as an IPv4 address and others look up as a name; "
            "write an address as four decimal numbers from 0 to 255, such as 127.0.0.1",
        )
    return host


def _check_labels(url: str, host: str) -> None:
    """A name that DNS can carry (RFC 1035 §2.3.4), underscores allowed as they are in use."""
    name = host[:-1] if host[-1] == "." else host
    if len(name) > 253:
        raise _invalid(url, "the host is longer than 253 characters")
    for label in name.split("."):
        if not label:
            raise _invalid(url, "the host has an empty label: a dot at its start, or two in a row")
        if len(label) > 63:
            raise _invalid(url, "a label of the host is longer than 63 characters")
        wrong = _NOT_IN_LABEL.search(label)
        if wrong:
            hint = " (no wildcard is a host that can be asked)" if wrong.group() == "*" else ""
            raise _invalid(url, f"{wrong.group()!r} in the host{hint}")


def _idna(url: str, host: str) -> str:
    """The name's A-labels (RFC 5891 §4.4) after the mapping of UTS #46."""
    import idna  # takes milliseconds to load, and few programs need it

    if len(host) > 253:
        raise _invalid(url, "the host is longer than 253 characters")
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except UnicodeError as error:
        raise _invalid(url, f"no valid international host name: {_cut(str(error))}") from error


def _ipv6(url: str, literal: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    address, percent, zone = literal.partition("%")
    try:
        IPv6Address(address)
    except AddressValueError:
        raise _invalid(url, "what stands in brackets is no IPv6 address") from None
    if not percent:
        return f"[{address.lower()}]"
    # RFC 6874 writes '%25' before the zone; people write what `ip addr` shows.
    zone = zone[2:] if zone[:2] == "25" else zone
    if not re.match(_ZONE, zone):
        raise _invalid(url, "the zone after the IPv6 address is empty or has a character that no zone has")
    return f"[{address.lower()}%25{zone}]"


def _split(url: str) -> _Parts:
    """scheme, authority, path, query, fragment; None is absent (RFC 3986 appendix B)."""
    match = _REFERENCE.match(url)
    assert match is not None, "the pattern matches every string"
    scheme, authority, path, query, fragment = match.groups()
    return scheme, authority, path, query, fragment


def _join(parts: _Parts) -> str:
    """RFC 3986 §5.3."""
    scheme, authority, path, query, fragment = parts
    text = path if authority is None else f"//{authority}{path}"
    if scheme is not None:
        text = f"{scheme}:{text}"
    if query is not None:
        text = f"{text}?{query}"
    return text if fragment is None else f"{text}#{fragment}"


def _merge(base_authority: str | None, base_path: str, path: str) -> str:
    """RFC 3986 §5.2.3."""
    if base_authority is not None and not base_path:
        return "/" + path
    return base_path[: base_path.rfind("/") + 1] + path


def _remove_dot_segments(path: str) -> str:
    """RFC 3986 §5.2.4, for a path from the root; one without a root (`mailto:`) has no segments to climb."""
    if "/." not in path or path[0] != "/":
        return path
    kept: list[str] = []
    segments = path[1:].split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


# --- percent-encoding and parameters


def _encode(text: str, unsafe: re.Pattern[str] | str) -> str:
    return re.sub(unsafe, _percent, text)


def _percent(match: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")])


def _with_query(prepared: str, encoded: str) -> str:
    if not encoded:
        return prepared
    head, hash_, fragment = prepared.partition("#")
    path, _, query = head.partition("?")
    return f"{path}?{query}&{encoded}{hash_}{fragment}" if query else f"{path}?{encoded}{hash_}{fragment}"


def encode_params(params: ParamsType) -> str:
    """The query that *params* stand for: pairs as `form_urlencode` writes them, text and UTF-8 bytes as they are.

    None gives an empty string. Raises InvalidURL for anything else.
    """
    if params is None or isinstance(params, str):
        return params or ""
    try:
        return params.decode("utf-8") if isinstance(params, bytes) else form_urlencode(params)
    except (TypeError, ValueError) as error:
        # What params hold can be secret: their type has to do.
        raise InvalidURL(f"Invalid params ({type(params).__name__}): {_cut(str(error))}") from error


def form_urlencode(data: object) -> str:
    """Pairs as application/x-www-form-urlencoded text, in their order (WHATWG URL §5.2; UTF-8, a space is '+').

    *data* is a mapping or an iterable of pairs. A value that is a list or another iterable gives one pair for each of
    its items; None values are left out; what is neither text nor bytes is written as its `str()`.
    Raises TypeError or ValueError where *data* holds no pairs or text that has no UTF-8 form.
    """
    fields: list[str] = []
    for pair in _pairs(data):
        if isinstance(pair, (str, bytes)):
            raise TypeError(f"an item is {type(pair).__name__}, not a (name, value) pair")
        name, values = pair
        name = _form_quote(name)
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = (values,)
        for value in values:
            if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
                if value is not None:
                    fields.append(f"{name}={_form_quote(value)}")
            else:
                fields.extend([f"{name}={_form_quote(item)}" for item in value])
    return "&".join(fields)


def _pairs(data: Any) -> list[tuple[Any, Any]]:
    if hasattr(data, "items"):
        data = data.items()
    elif not hasattr(data, "__iter__"):
        raise TypeError(f"give a mapping or (name, value) pairs, not {type(data).__name__}")
    return to_key_val_list(data) or []


def _form_quote(value: object) -> str:
    if isinstance(value, bytes):
        raw = value
    else:
        text = value if isinstance(value, str) else str(value)
        if text.isascii() and text.isalnum():
            return text
        raw = text.encode("utf-8")
    return "".join([_FORM_BYTES[byte] for byte in raw])


# --- what requests.utils has


def unquote_unreserved(uri: str) -> str:
    """*uri* with escapes of unreserved characters decoded, which changes nothing in its meaning (RFC 3986 §2.3).

    Raises InvalidURL for a '%' before two letters or digits that are not hexadecimal.
    """
    wrong = re.search(_NO_ESCAPE, uri)
    if wrong:
        raise _invalid(uri, f"'%{wrong[1]}' is no percent-encoded byte")

    def decode(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if character in _UNRESERVED else escape[0]

    return re.sub(_ESCAPE, decode, uri)


def requote_uri(uri: str) -> str:
    """*uri* with what cannot stand in a URI encoded and what need not be encoded decoded.

    A '%' that begins no escape makes the whole of *uri* count as not encoded yet. `prepare` does not use this: it
    leaves alone what was encoded already.
    """
    try:
        return _encode(unquote_unreserved(uri), _NOT_IN_URI)
    except InvalidURL:
        return _encode(uri, _NOT_IN_URI_NOR_PERCENT)


def prepend_scheme_if_needed(url: str, new_scheme: str) -> str:
    """*url* with *new_scheme* where it has none; scheme in lower case, otherwise as it was.

    `proxy:3128` is a host and a port here, as it is where people configure proxies.
    """
    url = url.strip()
    match = _SCHEME.match(url)
    if match is not None and url.startswith("//", match.end()):
        return match[1].lower() + url[match.end(1) :]
    return f"{new_scheme}:{url}" if url.startswith("//") else f"{new_scheme}://{url}"


def get_auth_from_url(url: str) -> tuple[str, str]:
    """User name and password from the userinfo of *url*, decoded; two empty strings unless it has both."""
    authority = _split(url)[1] or ""
    username, colon, password = authority.rpartition("@")[0].partition(":")
    if not colon:
        return "", ""
    if "%" not in authority:
        return username, password
    from urllib.parse import unquote

    return unquote(username), unquote(password)


def urldefragauth(url: str) -> str:
    """*url* without userinfo and fragment. What begins with no scheme and no '//' is taken for a host."""
    scheme, authority, path, query, _ = _split(url)
    if not authority and path and not path.startswith("//"):
        authority, path = path, ""
        authority, slash, rest = authority.partition("/")
        path = slash + rest
    return _join(
        (scheme, None if authority is None else authority.rpartition("@")[2], path, query or None, None)
    )


# --- messages


def redact(url: object, limit: int = 200) -> str:
    """*url* for a message or a log: userinfo and secret parameters hidden, printable, at most *limit* characters.

    Takes whatever was given for a URL. Where a '/' in a password made it unreadable, all up to the last '@' is hidden.
    """
    text = bytes(url).decode("utf-8", "replace") if isinstance(url, (bytes, bytearray)) else str(url)
    if "@" in text:
        text = _hide_userinfo(re.sub(_NESTED_USERINFO, "//***@", text))
    text = secrets.hide_in_url(text)
    if not text.isprintable():
        text = text[:limit].encode("unicode_escape").decode("ascii")
    return _cut(text, limit)


def _hide_userinfo(text: str) -> str:
    prefix = re.match(_BEFORE_AUTHORITY, text)
    start = prefix.end() if prefix else 0
    head = re.split(_AFTER_AUTHORITY, text[start:], maxsplit=1)[0]
    end = text.rfind("@", start, start + len(head))
    if end < 0 and ":" in head and head[0] != "[" and not re.search(_PORT_AT_END, head):
        end = text.rfind("@")
    return text if end < start else f"{text[:start]}***{text[end:]}"


def suggest_scheme(scheme: str) -> str | None:
    """`http` or `https` where *scheme* looks like a slip of the keyboard for it."""
    scheme = scheme.strip().lower()
    if scheme in DEFAULT_PORTS or not 2 < len(scheme) < 9:
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(scheme, ["https" if "s" in scheme else "http"], 1, 0.7)), None)


def suggest_url(url: str) -> str | None:
    """The URL probably meant by one that no adapter serves, userinfo hidden; None without a good guess."""
    match = _SCHEME.match(url)
    if match is None or not url.startswith("//", match.end()):
        return _if_valid("https://" + url.lstrip(":/"))
    scheme = suggest_scheme(match[1])
    return _if_valid(scheme + url[match.end(1) :]) if scheme else None


def _if_valid(url: str) -> str | None:
    try:
        _parse_any(url)
    except (InvalidURL, MissingSchema):
        return None
    return redact(url, _SHOWN)


def _missing_scheme(url: str) -> MissingSchema:
    if not url:
        return MissingSchema("Invalid URL '': it is empty")
    if url[0] == "/" and url[1:2] != "/":
        return MissingSchema(f"Invalid URL {_show(url)}: a path alone; give the scheme and the host too")
    return MissingSchema(f"Invalid URL {_show(url)}: no scheme{_did_you_mean('https://' + url.lstrip(':/'))}")


def _did_you_mean(url: str) -> str:
    meant = _if_valid(url)
    return f". Did you mean {meant}?" if meant else ""


def _invalid(url: object, why: str) -> InvalidURL:
    return InvalidURL(f"Invalid URL {_show(url)}: {why}")


def _show(url: object) -> str:
    return repr(redact(url, _SHOWN))


def _cut(text: str, limit: int = _SHOWN) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
