"""What the world outside the program says about a call: environment variables, netrc files, proxies of the system.

The only reader of `os.environ`, of netrc and of the system's proxy settings. Nothing is remembered beyond what the
world shows to be unchanged, so a variable that a program or a test sets counts from the next call on; but that there is
no netrc file holds for a second. Each call asks for the variables that it needs by name, because reading all of them
costs more than the rest of a small call.

Which origins a `no_proxy` list names is decided in `_proxies`; what takes precedence over the environment, in
`_settings`.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from . import _proxies
from ._message import urls
from ._message.urls import DEFAULT_PORTS
from ._proxies import address_in_network, dotted_netmask, is_ipv4_address, is_valid_cidr
from .exceptions import InvalidURL, MissingSchema, RequestsWarning

__all__ = [
    "DEFAULT_PORTS",
    "NETRC_FILES",
    "DefaultEntry",
    "EnvironmentBundle",
    "address_in_network",
    "bundle_source",
    "by_origin",
    "ca_bundle",
    "dotted_netmask",
    "exempting_entry",
    "get_environ_proxies",
    "get_netrc_auth",
    "getproxies",
    "is_ipv4_address",
    "is_valid_cidr",
    "netrc_source",
    "no_proxy_source",
    "place",
    "proxy_bypass",
    "proxy_source",
    "resolve_proxies",
    "select_proxy",
    "set_environ",
    "should_bypass_proxies",
    "variable",
]

NETRC_FILES = (".netrc", "_netrc")

# As curl has it. Python 3.10 takes a second for as much in one line.
_LONGEST_NETRC = 131_072
# A file that changed this recently may change again without its time stamp showing it.
_SETTLED_NS = 1_000_000_000
_HAS_SYSTEM_PROXIES = sys.platform == "darwin" or os.name == "nt"
_HOME = "USERPROFILE" if os.name == "nt" else "HOME"

# --- variables

_encode = lru_cache(maxsize=128)(os.environ.encodekey)


_BUNDLE, _CURL_BUNDLE = _encode("REQUESTS_CA_BUNDLE"), _encode("CURL_CA_BUNDLE")
_NETRC, _STORED_HOME = _encode("NETRC"), _encode(_HOME)


#: CPython's own, and where it keeps its variables.
_environ = os.environ
_variables: Mapping[Any, Any] | None = getattr(_environ, "_data", None)


def _stored() -> Mapping[Any, Any] | None:
    """The dict in which `os.environ` keeps its variables, encoded; None where something else took its place.

    Asking `os.environ` itself for a variable that is not set costs a microsecond, and a call asks for ten.
    """
    return _variables if os.environ is _environ else None


def _read(name: str) -> str | None:
    """The value of one variable, which may be empty; None when it is not set."""
    stored = _stored()
    if stored is None:
        return os.environ.get(name)
    value = stored.get(_encode(name))
    return None if value is None else os.environ.decodevalue(value)


def variable(*names: str) -> str | None:
    """The value of the first of these environment variables that is set and not empty, or None."""
    for name in names:
        value = _read(name)
        if value:
            return value
    return None


class EnvironmentBundle(str):
    """The path of a CA bundle that nobody in the program has named."""

    __slots__ = ()


def ca_bundle() -> EnvironmentBundle | None:
    """The file or directory of certificates that the environment asks to verify with, or None."""
    stored = _stored()
    if stored is not None and _BUNDLE not in stored and _CURL_BUNDLE not in stored:
        return None
    named = variable("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return None if named is None else EnvironmentBundle(named)


def bundle_source() -> tuple[str, str] | None:
    """The variable that names that bundle, and what it says; None where `ca_bundle` is."""
    return _first_set("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _first_set(*names: str) -> tuple[str, str] | None:
    for name in names:
        value = _read(name)
        if value:
            return name, value
    return None


@contextmanager
def set_environ(env_name: str, value: str | None) -> Iterator[None]:
    """Set an environment variable while the block runs, then put back what was there. None changes nothing."""
    if value is None:
        yield
        return
    before = os.environ.get(env_name)
    os.environ[env_name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(env_name, None)
        else:
            os.environ[env_name] = before


# --- proxies

_PLAIN_KEY = re.compile(r"[a-z0-9+.-]+://[a-z0-9._-]+(?::[1-9][0-9]*)?\Z")


def getproxies() -> dict[str, str]:
    """All proxies that the environment names or, without any, the system's settings; by scheme."""
    import urllib.request

    return urllib.request.getproxies()


def proxy_bypass(host: str) -> bool:
    """True when the environment or the settings of the system exempt *host* from proxies."""
    import urllib.request

    return bool(urllib.request.proxy_bypass(host))


_own_getproxies = getproxies
_own_proxy_bypass = proxy_bypass


def get_environ_proxies(url: str, no_proxy: str | None = None) -> dict[str, str]:
    """The proxies that the environment configures, by scheme; empty when *url* shall be reached without one.

    Reads `http_proxy`, `https_proxy`, `ftp_proxy`, `all_proxy`, `no_proxy` and the variable of the URL's own scheme,
    each in lower case or, when that is not set, in upper case. HTTP_PROXY does not count in a CGI program, where a
    client's Proxy field arrives under that name. *no_proxy* takes the place of the variable. Without a variable the
    settings of macOS and Windows are asked.
    """
    stored = _stored()
    if (
        stored is not None
        and getproxies is _own_getproxies
        and not _HAS_SYSTEM_PROXIES
        and url.startswith(_USUAL_SCHEMES)
        and stored.keys().isdisjoint(_USUAL_VARIABLES)
    ):
        return {}
    proxies = _configured(url)
    if not proxies or should_bypass_proxies(url, no_proxy):
        return {}
    return proxies


def _configured(url: str) -> dict[str, str]:
    if getproxies is not _own_getproxies:
        return getproxies()
    proxies = _from_variables(url.partition(":")[0].lower())
    if not proxies and _HAS_SYSTEM_PROXIES:
        return getproxies()
    return proxies


@lru_cache(maxsize=32)
def _proxy_variables(scheme: str) -> tuple[tuple[tuple[str, str, str], ...], tuple[Any, ...]]:
    """Each variable as (scheme, lower-case name, upper-case name), and all names as the environment stores them."""
    schemes = dict.fromkeys(("http", "https", "ftp", "all", "no", scheme))
    named = tuple((each, f"{each}_proxy", f"{each}_proxy".upper()) for each in schemes)
    try:
        return named, tuple(_encode(name) for _, *names in named for name in names)
    except UnicodeError:  # no scheme of a URL
        return _proxy_variables("http")


_USUAL_SCHEMES = ("http:", "https:")
_USUAL_VARIABLES = _proxy_variables("http")[1]


def _from_variables(scheme: str) -> dict[str, str]:
    named, encoded = _proxy_variables(scheme)
    stored = _stored()
    if stored is not None and stored.keys().isdisjoint(encoded):
        return {}
    proxies = {}
    for each, lower, upper in named:
        value = _read(lower)
        if value is None and not (each == "http" and _read("REQUEST_METHOD") is not None):
            value = _read(upper)
        if value:
            proxies[each] = value
    return proxies


def proxy_source(url: str) -> tuple[str, str] | None:
    """What names the proxy that is configured for *url*, as people call it, and that proxy; None where there is none.

    Whether the URL is exempt is another question.
    """
    scheme = url.partition(":")[0].lower()
    proxies = _configured(url)
    for each in (scheme, "all"):
        if each not in proxies:
            continue
        named = _first_set(f"{each}_proxy", f"{each}_proxy".upper()) if proxies else None
        return f"environment variable {named[0]}" if named else "system", proxies[each]
    return None


def no_proxy_source() -> tuple[str | None, str | None]:
    """The variable that holds the `no_proxy` list, and the list."""
    return _first_set("no_proxy", "NO_PROXY") or (None, None)


def exempting_entry(url: str, no_proxy: str) -> str | None:
    """The first entry of *no_proxy* that exempts *url*, None where none does."""
    _, hostname, port = place(url)
    if not hostname:
        return None
    entries = (entry.strip() for entry in no_proxy.split(","))
    return next((entry for entry in entries if _proxies.bypasses(entry, hostname, port)), None)


def should_bypass_proxies(url: str, no_proxy: str | None) -> bool:
    """True when *url* shall be reached without a proxy: `no_proxy` or the system exempts it, or it has no host.

    *no_proxy* takes the place of the variable; an empty one exempts nothing. `_proxies.bypasses` says how it is read.
    """
    _, hostname, port = place(url)
    if not hostname:
        return True
    listed = variable("no_proxy", "NO_PROXY") if no_proxy is None else no_proxy
    if listed:
        _warn_of_malformed(listed)
        if _proxies.bypasses(listed, hostname, port):
            return True
    if proxy_bypass is _own_proxy_bypass and not (_HAS_SYSTEM_PROXIES and not _from_variables("http")):
        return False
    return _bypassed_elsewhere(hostname, no_proxy)


@lru_cache(maxsize=64)
def _warn_of_malformed(no_proxy: str) -> None:
    """Say once what in a `no_proxy` list names nothing."""
    malformed = _proxies.malformed(no_proxy)
    if malformed:
        shown = ", ".join(repr(urls.redact(entry, 60)) for entry in malformed[:5])
        _warn(
            f"no_proxy: ignored {shown}{' and others' if malformed[5:] else ''}; separate entries by commas, and write "
            "a name in ASCII, an address, a network such as 10.0.0.0/8, or * for every host"
        )


def _warn(message: str) -> None:
    warnings.warn(message, RequestsWarning, stacklevel=2)


def _bypassed_elsewhere(hostname: str, no_proxy: str | None) -> bool:
    import socket

    with set_environ("no_proxy", no_proxy):
        try:
            return bool(proxy_bypass(hostname))
        except (TypeError, socket.gaierror):  # what the settings of macOS and Windows are known to fail with
            return False


def select_proxy(url: str, proxies: Mapping[str, str] | None) -> str | None:
    """The URL of the proxy that *proxies* holds for *url*, or None.

    Keys, from the most to the least particular: `scheme://host:port`, `scheme://host`, `scheme`, `all://host:port`,
    `all://host`, `all`.
    """
    if not proxies:
        return None
    proxies = by_origin(proxies)
    key = _proxies.applicable_key(proxies, *place(url))
    return None if key is None else proxies[key]


def by_origin(proxies: Mapping[str, Any]) -> Mapping[str, Any]:
    """*proxies* with hosts in keys as URLs have them: `http://BÜCHER.test` is `http://xn--bcher-kva.test`.

    What is no host stays as it is, and so does *proxies* where there is nothing to change.
    """
    odd = [key for key in proxies if "://" in key and not _PLAIN_KEY.match(key)]
    if not odd:
        return proxies
    read = {key: value for key, value in proxies.items() if key not in odd}
    for key in odd:
        read.setdefault(_origin_key(key), proxies[key])
    return read


def _origin_key(key: str) -> str:
    scheme, _, rest = key.partition("://")
    try:
        parsed = urls.parse(f"http://{rest}")
    except InvalidURL:
        return key
    host = f"[{parsed.hostname}]" if ":" in parsed.hostname else parsed.hostname
    return f"{scheme.lower()}://{host}" if parsed.port is None else f"{scheme.lower()}://{host}:{parsed.port}"


def resolve_proxies(
    request: Any, proxies: Mapping[str, str] | None, trust_env: bool = True
) -> dict[str, str]:
    """*proxies*, with the proxy that the environment has for the URL of *request* where they say nothing about it.

    A `no_proxy` entry among *proxies* takes the place of the variable.
    """
    resolved = dict(proxies or {})
    url = str(request.url)
    if not trust_env or _proxies.applicable_key(resolved, *place(url)) is not None:
        return resolved
    environment = get_environ_proxies(url, no_proxy=resolved.get("no_proxy"))
    if environment:
        scheme = url.partition(":")[0].lower()
        proxy = environment.get(scheme) or environment.get("all")
        if proxy:
            resolved[scheme] = proxy
    return resolved


def place(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, hostname and effective port; no hostname for a URL that nothing can be connected for."""
    try:
        parsed = urls.parse(url)
    except (InvalidURL, MissingSchema):
        return url.partition(":")[0].strip().lower(), None, None
    # What can be called is in lower case, but for a zone, whose case counts.
    hostname = parsed.hostname if parsed.scheme in DEFAULT_PORTS else parsed.hostname.lower()
    return parsed.scheme, hostname or None, parsed.effective_port


# --- netrc


def get_netrc_auth(url: str | bytes, raise_errors: bool = False) -> tuple[str, str] | None:
    """`(login, password)` that netrc has for exactly the host of *url*, or its default entry; None without either.

    The file is the one that NETRC names or else `~/.netrc` or `~/_netrc`; a regular file of at most 128 KiB, parsed
    anew only when it has changed. One that cannot be opened counts as empty; so does one that cannot be parsed, or with
    passwords that others on the machine can read or have written, with a warning. A file that appears while the program
    runs is found within a second. With *raise_errors* the OSError or NetrcParseError is raised.
    """
    path = _netrc_path()
    if path is None:
        return None
    hostname = place(url.decode("utf-8", "replace") if isinstance(url, bytes) else url)[1]
    if not hostname:
        return None
    entries, error = _netrc_entries(path)
    if error is not None and raise_errors:
        raise error.with_traceback(None)
    named = entries.get(hostname)
    entry = named or entries.get("default")
    if entry is None or not any(entry):
        return None
    login, account, password = entry
    found = str(login or account or ""), password or ""
    return found if named else DefaultEntry(found)


class DefaultEntry(tuple[str, str]):
    """What the default entry of a netrc file holds. It is for hosts that a program calls, not for those that servers
    name.
    """

    __slots__ = ()


def netrc_source() -> str | None:
    """The path of the netrc file that counts, None where there is none."""
    return _netrc_path()


#: Places without a netrc file, and until when nobody looks there again. Threads would hand the interpreter over at
#: each look, which costs more than the look.
_absent: dict[tuple[str, ...], float] = {}
_ABSENT_FOR, _ABSENT_MOST = 1.0, 64
_clock = time.monotonic


def _netrc_path() -> str | None:
    stored = _stored()
    if stored is None:
        places = _netrc_locations(os.environ.get("NETRC"), os.environ.get(_HOME), NETRC_FILES)
    else:
        places = _netrc_locations(stored.get(_NETRC), stored.get(_STORED_HOME), NETRC_FILES)
    if _absent.get(places, 0.0) > _clock():
        return None
    for path in places:
        if os.access(path, os.F_OK):  # half the price of a stat that fails
            return path
    if len(_absent) >= _ABSENT_MOST:
        _absent.clear()
    _absent[places] = _clock() + _ABSENT_FOR
    return None


@lru_cache(maxsize=16)
def _netrc_locations(netrc: Any, home: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Where netrc files may lie. *netrc* is what NETRC says, and *home* what `~` depends on, as text or as the
    environment stores it; *home* is here so that a change of it is seen.
    """
    if netrc is not None:
        return (os.path.expanduser(os.fsdecode(netrc)),)
    return tuple(os.path.join(os.path.expanduser("~"), name) for name in names)


_Entry = tuple["str | None", "str | None", "str | None"]
_Entries = tuple[dict[str, _Entry], "Exception | None"]


def _netrc_entries(path: str) -> _Entries:
    """The entries of a file by host in lower case, and what was wrong with it."""
    try:
        found = os.stat(path)
    except OSError as error:
        return {}, error
    if not stat.S_ISREG(found.st_mode):
        return {}, None
    exposed = _exposed(path, found)
    if time.time_ns() - found.st_mtime_ns < _SETTLED_NS:
        return _parse_netrc(path, found.st_size, exposed)
    return _parse_netrc_once(path, found.st_size, found.st_mtime_ns, found.st_ino, exposed)


def _exposed(path: str, found: os.stat_result) -> str | None:
    """Why passwords in the file *path* are not used, None where nothing speaks against it.

    As Python's own netrc for the file in the home directory, but where that leaves out what is common and harmless: a
    file in a directory that others cannot enter, and one of root, who puts secrets into containers for everybody there
    to read. Members of the file's group are left to whoever administers the machine.
    """
    user = getattr(os, "geteuid", None)
    if user is None:
        return None
    if found.st_uid not in (user(), 0):
        return "it belongs to another user"
    if not found.st_mode & (stat.S_IROTH | stat.S_IWOTH) or not _is_reached_by_others(path):
        return None
    if found.st_mode & stat.S_IWOTH:
        return "others may write it"
    return "others may read it" if found.st_uid == user() else None


def _is_reached_by_others(path: str) -> bool:
    """False where a directory on the way to the file *path* keeps others out."""
    directory = os.path.dirname(os.path.realpath(path))
    try:
        while os.stat(directory).st_mode & stat.S_IXOTH:
            above = os.path.dirname(directory)
            if above == directory:
                return True
            directory = above
    except OSError:
        return True
    return False


@lru_cache(maxsize=8)
def _parse_netrc_once(path: str, size: int, mtime_ns: int, inode: int, exposed: str | None) -> _Entries:
    return _parse_netrc(path, size, exposed)


def _parse_netrc(path: str, size: int, exposed: str | None) -> _Entries:
    from netrc import NetrcParseError, netrc

    if size > _LONGEST_NETRC:
        return _unusable(NetrcParseError(f"larger than {_LONGEST_NETRC} bytes, which no netrc file is", path))
    try:
        hosts = netrc(path).hosts
    except NetrcParseError as error:
        return _unusable(error)
    except OSError as error:
        return {}, error
    except ValueError as error:  # neither UTF-8 nor text of the locale; an open quotation on Python 3.10
        return _unusable(NetrcParseError(str(error), path))
    if exposed and any(password for _, _, password in hosts.values()):
        _warn(
            f"netrc: {path[:200]!r} is not used, since {exposed}; make it yours alone: chmod 600, and chown if need be"
        )
        return {}, NetrcParseError(f"not used, since {exposed}", path)
    return {host.lower(): entry for host, entry in hosts.items()}, None


def _unusable(error: Any) -> _Entries:
    """Nothing, and a warning that does not repeat what stands in the file: it may be a password."""
    where = f", line {error.lineno}" if error.lineno else ""
    too_large = str(error.msg) if str(error.msg).startswith("larger") else "it cannot be parsed"
    _warn(f"netrc: {str(error.filename)[:200]!r} is not used{where}: {too_large}")
    return {}, error
