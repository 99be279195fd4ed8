"""What `verify=` and `cert=` mean in TLS, and the contexts that carry it out. Opens no socket.

A context costs some twenty milliseconds, most of it reading the CA bundle, so one is made for each setting and shared
by every connection of the process that has the same setting; it is made anew when a file behind it changes. A shared
context is never changed after it was made: whoever needs other settings gets another context. A context that a program
made itself is used as it is. It is given certificates to trust only where it has none or where `verify=` names some,
which is also what urllib3 does with it, but once and not for each connection.

Certificates are checked as RFC 5280 says, names as RFC 9110 §4.3.4 and RFC 6125 say; OpenSSL does both.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from ..exceptions import RequestException, SSLError

__all__ = [
    "SYSTEM",
    "Settings",
    "TLSFileNotFound",
    "check_pins",
    "default_ca_bundle",
    "exclusively",
    "extend_trust",
    "pool_settings",
    "shared_context",
]

#: The value of `verify=` that asks for the trust store of the operating system. A file of that name is "./system".
SYSTEM = "system"

_KEPT = 64
_TRUST = ("ca_certs", "ca_cert_dir", "ca_cert_data")


class TLSFileNotFound(RequestException, FileNotFoundError):
    """A file or directory that `verify=` or `cert=` names does not exist."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a shared context depends on. Paths are text; versions are `ssl.TLSVersion`; names are urllib3's.

    Without any of *ca_certs* (a file), *ca_cert_dir* and *ca_cert_data* (PEM) certifi's bundle is trusted; with
    `SYSTEM` in place of a file it is the trust store of the operating system.
    """

    verifies: bool = True
    checks_hostname: bool = True
    ca_certs: str | None = None
    ca_cert_dir: str | None = None
    ca_cert_data: str | bytes | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password: str | None = None
    ssl_version: Any = None
    ssl_minimum_version: Any = None
    ssl_maximum_version: Any = None
    ciphers: str | None = None

    def without_client_certificate(self) -> Settings:
        """The same for a peer that shall not see the client's certificate: a proxy."""
        return replace(self, cert_file=None, key_file=None, key_password=None)


@lru_cache(maxsize=1)
def default_ca_bundle() -> str:
    """The path of the CA bundle that `verify=True` stands for: certifi's."""
    import certifi

    return certifi.where()


# --- what the arguments of a call mean


def pool_settings(verify: object, cert: object, base: Mapping[str, Any]) -> dict[str, Any]:
    """`verify=` and `cert=` of a call as keyword arguments of urllib3's pools; they are part of the pools' keys.

    *verify* is True, False, a path, "system" or an `ssl.SSLContext`; None and "" mean True. *cert* is None, a path,
    `(certificate, key)` or `(certificate, key, password)`. *base* is what the pool manager was made with:
    `verify=True` leaves alone what it says about trust, and a value of None in the answer takes something away from
    it. A context in it stays in use, but for a *verify* that is a context itself.

    Raises TLSFileNotFound for a path that does not exist, SSLError where `verify=False` contradicts the context of the
    pool manager, and ValueError for a *cert* of another form.
    """
    settings = _verification(verify, base)
    if cert:
        settings.update(_client_certificate(cert))
    return settings


def _verification(verify: Any, base: Mapping[str, Any]) -> dict[str, Any]:
    if verify is None or verify is True or verify == "":
        if any(base.get(name) for name in _TRUST) or _trusts_somebody(base.get("ssl_context")):
            return {"cert_reqs": "CERT_REQUIRED"}
        return {"cert_reqs": "CERT_REQUIRED", "ca_certs": default_ca_bundle()}
    if isinstance(verify, (str, bytes, os.PathLike)):
        if verify == SYSTEM:
            return {
                "cert_reqs": "CERT_REQUIRED",
                "ca_certs": SYSTEM,
                **_absent(base, *_TRUST, but="ca_certs"),
            }
        path = _existing("verify", verify, "the CA bundle, a file or a directory of certificates")
        name = "ca_cert_dir" if os.path.isdir(path) else "ca_certs"
        return {"cert_reqs": "CERT_REQUIRED", name: path, **_absent(base, *_TRUST, but=name)}
    if hasattr(verify, "wrap_socket"):
        return {"ssl_context": verify, **_absent(base, "cert_reqs", *_TRUST)}
    if verify not in (False, True):
        raise ValueError(
            "verify: give True, False, the path of a CA bundle, 'system' or an ssl.SSLContext, "
            f"not {type(verify).__name__}"
        )
    if verify:
        return _verification(True, base)
    if getattr(base.get("ssl_context"), "check_hostname", False):
        raise SSLError(
            "verify=False contradicts the adapter's ssl_context, which checks host names. "
            "Set its check_hostname to False, or give verify= a context that does not verify."
        )
    return {"cert_reqs": "CERT_NONE", **_absent(base, *_TRUST)}


def _absent(base: Mapping[str, Any], *names: str, but: str = "") -> dict[str, None]:
    return {name: None for name in names if name != but and base.get(name) is not None}


def _trusts_somebody(context: Any) -> bool:
    """Whether a program's own context needs no certificates from us. One of another class looks after itself."""
    if context is None or not isinstance(context, ssl.SSLContext):
        return False
    return type(context) is not ssl.SSLContext or context.cert_store_stats()["x509"] > 0


def _client_certificate(cert: Any) -> dict[str, str]:
    parts: tuple[Any, ...] = tuple(cert) if isinstance(cert, (tuple, list)) else (cert,)
    if not 1 <= len(parts) <= 3 or not isinstance(parts[0], (str, bytes, os.PathLike)):
        raise ValueError(
            "cert: give the path of a file with certificate and key, (certificate, key) or (certificate, key, password)"
        )
    settings = {"cert_file": _existing("cert", parts[0], "the client certificate")}
    if len(parts) > 1 and parts[1]:
        settings["key_file"] = _existing("cert", parts[1], "the key of the client certificate")
    if len(parts) > 2 and parts[2] is not None:
        settings["key_password"] = parts[2]
    return settings


def _existing(argument: str, given: Any, what: str) -> str:
    path = os.path.expanduser(os.fsdecode(given))
    if not os.path.exists(path):
        raise TLSFileNotFound(f"{argument}: {what} is not there, invalid path: {_show(path)}")
    return path


def _show(path: str) -> str:
    shown = path if path.isprintable() else path.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 200 else f"{shown[:197]}..."


# --- contexts


_lock = threading.Lock()
_contexts: OrderedDict[tuple[Any, ...], ssl.SSLContext] = OrderedDict()
_extended: WeakKeyDictionary[ssl.SSLContext, set[tuple[Any, ...]]] = WeakKeyDictionary()
_gates: WeakKeyDictionary[ssl.SSLContext, _Gate] = WeakKeyDictionary()


def _forked() -> None:
    """In the child of a fork, which has one thread only: nobody will ever give back what other threads had."""
    global _lock  # noqa: PLW0603  # a lock cannot be opened by another
    _lock = threading.Lock()
    _gates.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def shared_context(settings: Settings) -> ssl.SSLContext:
    """The context for *settings*: the same object for as long as the files that they name do not change.

    Nobody may change it. Raises TLSFileNotFound for a file that does not exist and SSLError for one without
    certificates, for a key that does not fit and for a key whose password is wrong or missing.
    """
    bundle = None if settings.ca_certs == SYSTEM else settings.ca_certs
    files = (bundle, settings.ca_cert_dir, settings.cert_file, settings.key_file)
    key = (settings, *map(_stamp, files))
    with _lock:
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = _build(settings)
            if len(_contexts) > _KEPT:
                _contexts.popitem(last=False)
        else:
            _contexts.move_to_end(key)
    return context


def _stamp(path: str | None) -> tuple[int, ...] | None:
    """What changes when a file or directory is written or replaced."""
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        raise TLSFileNotFound(f"TLS: a file is not there, invalid path: {_show(path)}") from None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _build(settings: Settings) -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context, resolve_ssl_version

    if settings.verifies and settings.ca_certs == SYSTEM:
        context = _system_context(settings)
    else:
        context = create_urllib3_context(
            ssl_version=None if settings.ssl_version is None else resolve_ssl_version(settings.ssl_version),
            ssl_minimum_version=settings.ssl_minimum_version,
            ssl_maximum_version=settings.ssl_maximum_version,
            cert_reqs=ssl.CERT_REQUIRED if settings.verifies else ssl.CERT_NONE,
            ciphers=settings.ciphers,
        )
    if not settings.checks_hostname:
        context.check_hostname = False
    if settings.verifies and settings.ca_certs != SYSTEM:
        trusted = settings.ca_certs, settings.ca_cert_dir, settings.ca_cert_data
        _load_trust(context, *(trusted if any(trusted) else (default_ca_bundle(), None, None)))
    if settings.cert_file is not None:
        _load_certificate(context, settings.cert_file, settings.key_file, settings.key_password)
    return context


def _system_context(settings: Settings) -> ssl.SSLContext:
    """A context that asks the operating system whom to trust. Raises SSLError when truststore is missing."""
    try:
        truststore: Any = import_module("truststore")
    except ImportError as error:
        raise SSLError(
            "verify='system' needs truststore, which is not installed: pip install \"httpkit[system-certs]\". "
            "A file of that name is './system'"
        ) from error
    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = settings.ssl_minimum_version or ssl.TLSVersion.TLSv1_2
    if settings.ssl_maximum_version is not None:
        context.maximum_version = settings.ssl_maximum_version
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    if settings.ciphers is not None:
        context.set_ciphers(settings.ciphers)
    return context


def _load_trust(
    context: ssl.SSLContext, file: str | None, directory: str | None, data: str | bytes | None
) -> None:
    try:
        context.load_verify_locations(file, directory, data)
    except (OSError, ValueError) as error:
        raise SSLError(
            f"verify: no CA certificates can be read from {_show(str(file or directory))} ({error})"
        ) from error


def _load_certificate(context: ssl.SSLContext, cert: str, key: str | None, password: str | None) -> None:
    asked = False

    def answer() -> str:
        # Without this OpenSSL would ask for the password at the terminal.
        nonlocal asked
        asked = True
        return password or ""

    try:
        context.load_cert_chain(cert, key, answer)
    except OSError as error:
        place = _show(key or cert)
        if asked and password is None:
            why = f"the key in {place} is encrypted; give cert=(certificate, key, password)"
        elif asked:
            why = f"the password does not open the key in {place}"
        else:
            why = f"no certificate with its key can be read from {place} ({error})"
        raise SSLError(f"cert: {why}") from error


# --- pins, and what a server shows


def check_pins(pins: tuple[str, ...], der: bytes | None, peer: str) -> None:
    """Nothing, if the certificate *der* of *peer* matches one of *pins*. Raises SSLError, which says what it has."""
    import base64
    import hashlib

    from ..tlsconfig import digest_of
    from . import certificates

    by_key = certificates.key_digest(der) if der else None
    by_certificate = hashlib.sha256(der or b"").digest()
    for pin in pins:
        of_key, digest = digest_of(pin)
        if der and digest == (by_key if of_key else by_certificate):
            return
    key = f"sha256//{base64.b64encode(by_key).decode()}" if by_key else "none that can be read"
    raise SSLError(
        f"TLS with {_show(peer)} failed: its certificate matches none of the {len(pins)} pins. The pin of its key is "
        f"{key}, and of the certificate {by_certificate.hex()}. If its operator says that it should have that one, "
        "add it to TLS(pins=...)"
    )


def presented(address: Any, name: str, settings: Settings, timeout: float) -> bytes | None:
    """The certificate, in DER, of the server *name* at the socket *address*, for people to read: it is not verified.

    Nothing is sent but a handshake. None when that fails, or takes more than *timeout* seconds.
    """
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    ends = time.monotonic() + timeout
    try:
        with socket.socket(family, socket.SOCK_STREAM) as plain:
            plain.settimeout(timeout)
            plain.connect(address)
            plain.settimeout(max(0.001, ends - time.monotonic()))
            with shared_context(settings).wrap_socket(plain, server_hostname=name) as secure:
                return secure.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None


# --- contexts that a program made


def extend_trust(
    context: ssl.SSLContext, ca_certs: str | None, ca_cert_dir: str | None, ca_cert_data: str | bytes | None
) -> None:
    """Let a program's own *context* trust these certificates as well, reading each source once.

    Errors as `shared_context`.
    """
    source = (ca_certs, _stamp(ca_certs), ca_cert_dir, _stamp(ca_cert_dir), ca_cert_data)
    with _lock:
        read = _extended.setdefault(context, set())
        if source not in read:
            _load_trust(context, ca_certs, ca_cert_dir, ca_cert_data)
            read.add(source)


class _Gate:
    """Lets any number pass together that want the same, and nobody else meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted: object = None
        self._inside = 0

    @contextmanager
    def passing(self, wanted: object) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._inside or self._wanted == wanted)
            self._wanted = wanted
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()


@contextmanager
def exclusively(context: ssl.SSLContext, verify_mode: object) -> Iterator[None]:
    """Use a program's own *context* with *verify_mode*, while nobody uses it with another one.

    urllib3 sets the mode on the context before each handshake. Were the same context used for `verify=True` in one
    thread and for `verify=False` in another, the first could shake hands without verifying.
    """
    with _lock:
        gate = _gates.setdefault(context, _Gate())
    with gate.passing(verify_mode):
        yield
