"""Where the settings of a call come from: what `Session.explain` gives back.

The same decisions as in `_settings`, asked for their reasons; what is shown here is decided there. Nothing is sent, no
auth is called, and nothing that is shown is a secret: of credentials the kind, of cookies the names, of URLs what
`urls.redact` leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _environment
from ._gates import in_force
from ._message import urls
from ._proxies import applicable_key
from ._settings import CallProxies, auth_of_origin, check_trust, merge_headers, merge_params, trusts
from .models import PreparedRequest, Request
from .timeouts import UNSET, Timeout

__all__ = ["Explanation", "Setting", "explain"]

#: What a call may say, as `Session.request` has it.
_KEYWORDS = frozenset(
    (
        "params", "data", "headers", "cookies", "files", "auth", "timeout", "allow_redirects", "proxies", "hooks",
        "stream", "verify", "cert", "json", "max_response_size", "max_decompression_ratio", "retry", "trust_env",
    )
)  # fmt: skip
_DEFAULT = "default"
_LONGEST = 120


@dataclass(frozen=True)
class Setting:
    """One setting of a call: its *value* as it may be shown, and the *source* that has the last word about it.

    *source* is `call`, `session`, `mount 'https://'`, `environment variable NAME`, `file PATH`, `URL` or `default`.
    *note* says what else is to be known, such as why a proxy is not used.
    """

    name: str
    value: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.value} ({self.source}){'; ' + self.note if self.note else ''}"


@dataclass(frozen=True)
class Explanation:
    """The settings of one call and where each comes from. `str()` is a table; subscription gives one setting."""

    method: str
    url: str
    settings: tuple[Setting, ...]

    def __getitem__(self, name: str) -> Setting:
        for setting in self.settings:
            if setting.name == name:
                return setting
        raise KeyError(name)

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.settings)

    def __str__(self) -> str:
        names = max(len(setting.name) for setting in self.settings)
        values = min(40, max(len(setting.value) for setting in self.settings))
        lines = [f"{self.method} {self.url}"]
        for setting in self.settings:
            note = f" ({setting.note})" if setting.note else ""
            lines.append(f"  {setting.name:{names}}  {setting.value:{values}}  {setting.source}{note}")
        return "\n".join(lines)


class _Call:
    """What a call would be made of, collected once."""

    def __init__(self, session: Any, method: str, url: Any, given: Mapping[str, Any]) -> None:
        unknown = sorted(given.keys() - _KEYWORDS)
        if unknown:
            raise TypeError(f"explain() has no argument {unknown[0]!r}; it takes those of Session.request")
        self.session = session
        self.given = given
        trust_env = given.get("trust_env")
        check_trust(trust_env)
        self.trust_env = session.trust_env if trust_env is None else trust_env
        check_trust(self.trust_env)
        self.headers = merge_headers(given.get("headers"), session.headers)
        self.request = Request(method, url, cookies=given.get("cookies"))
        prepared = PreparedRequest()
        prepared.prepare_method(method)
        prepared.prepare_url(url, merge_params(given.get("params"), session.params))
        prepared.prepare_headers(self.headers)
        self.prepared = prepared
        self.url = prepared.url or ""
        self.adapter = session.get_adapter(self.url)
        proxies = given.get("proxies")
        self.effective = session.merge_environment_settings(
            self.url,
            proxies or {} if trust_env is None else CallProxies.of(proxies, trust_env),
            given.get("stream"),
            given.get("verify"),
            given.get("cert"),
        )

    def trusts(self, what: str) -> bool:
        return trusts(self.trust_env, what)


def explain(
    session: Any, method: str, url: Any, given: Mapping[str, Any], serves: Callable[[str, str], bool]
) -> Explanation:
    """The explanation of a call of *session* with the keywords *given*. *serves* tells whether a prefix serves a URL.

    Raises what the call would raise before anything is sent, TypeError for a keyword that calls do not have.
    """
    call = _Call(session, method, url, given)
    mount = _mount(call, serves)
    settings = [
        Setting("adapter", type(call.adapter).__name__, mount),
        _proxy(call, mount),
        _verify(call, mount),
        _cert(call, mount),
        _auth(call),
        _cookies(call),
        _timeout(call, mount),
        _retry(call, mount),
        _redirects(call),
        Setting(
            "trust_env",
            _trust(call.trust_env),
            _DEFAULT if call.trust_env is True else _of_call(call, "trust_env"),
        ),
    ]
    guard = getattr(session, "allow_addresses", None)
    own = getattr(getattr(call.adapter, "_route", None), "guard", None)
    if own is not None and getattr(call.adapter, "_borrowed_guard", None) is None:
        settings.append(Setting("allow_addresses", _shown(repr(own)), mount))
    elif guard is not None:
        settings.append(Setting("allow_addresses", _shown(repr(guard)), "session"))
    settings += _gates(call, mount)
    return Explanation(method, _shown(urls.redact(call.url)), tuple(settings))


def _shown(text: str) -> str:
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _of_call(call: _Call, name: str) -> str:
    return "session" if call.given.get(name) is None else "call"


def _mount(call: _Call, serves: Callable[[str, str], bool]) -> str:
    for prefix, adapter in call.session.adapters.items():
        if adapter is call.adapter and serves(prefix, call.url):
            return f"mount {_shown(urls.redact(prefix))!r}"
    return f"{type(call.session).__name__}.get_adapter"


def _steered(call: _Call, setting: Setting, effective: object, expected: object) -> Setting:
    """*setting*, or what an overridden `merge_environment_settings` has put in its place."""
    if effective == expected:
        return setting
    return Setting(
        setting.name,
        _shown(urls.redact(effective)),
        f"{type(call.session).__name__}.merge_environment_settings",
    )


# --- proxies


def _proxy(call: _Call, mount: str) -> Setting:
    if getattr(getattr(call.adapter, "_route", None), "uds", None) is not None:
        return Setting("proxy", "none", mount, "it connects to a Unix socket")
    proxy = _environment.select_proxy(call.url, call.effective.get("proxies"))
    found, expected = _proxy_and_reason(call)
    return _steered(call, found, proxy or None, expected or None)


def _proxy_and_reason(call: _Call) -> tuple[Setting, str | None]:
    place = _environment.place(call.url)
    merged: dict[str, Any] = {}
    for source, proxies in (("session", call.session.proxies), ("call", call.given.get("proxies"))):
        for key, value in (proxies or {}).items():
            merged[key] = (source, value)
    exceptions = merged.get("no_proxy", ("", None))
    entry = _environment.exempting_entry(call.url, exceptions[1]) if exceptions[1] else None
    if entry:
        return Setting("proxy", "none", exceptions[0], f"its no_proxy has {_shown(entry)!r}"), None
    key = applicable_key(merged, *place)
    if key is not None:
        source, proxy = merged[key]
        return _proxy_setting(proxy, source, f"for {key!r}"), proxy
    return _proxy_of_environment(call, exceptions)


def _proxy_of_environment(call: _Call, exceptions: tuple[str, str | None]) -> tuple[Setting, str | None]:
    source = _environment.proxy_source(call.url)
    if source is None:
        return Setting("proxy", "none", _DEFAULT), None
    name, proxy = source
    if not call.trusts("proxies"):
        return Setting(
            "proxy", "none", _of_call(call, "trust_env"), f"trust_env does not let {name} say"
        ), None
    no_proxy = exceptions[1] or None
    if _environment.should_bypass_proxies(call.url, no_proxy):
        variable, listed = (None, no_proxy) if no_proxy else _environment.no_proxy_source()
        entry = _environment.exempting_entry(call.url, listed) if listed else None
        where = (
            f"environment variable {variable}" if variable and entry else exceptions[0] if entry else "system"
        )
        why = f"it has {_shown(entry)!r}, which beats {name}" if entry else f"it exempts the host from {name}"
        return Setting("proxy", "none", where, why), None
    return _proxy_setting(proxy, name, ""), proxy


def _proxy_setting(proxy: str | None, source: str, note: str) -> Setting:
    return Setting("proxy", _shown(urls.redact(proxy)) if proxy else "none", source, note)


# --- TLS


def _verify(call: _Call, mount: str) -> Setting:
    given, own = call.given.get("verify"), call.session.verify
    effective = call.effective.get("verify")
    explicit = own if given is None or (given is True and own not in (None, True, False)) else given
    source = "call" if given is not None and explicit is given else "session"
    if explicit is not None and explicit is not True:
        return _steered(call, Setting("verify", _verification(explicit), source), effective, explicit)
    of_mount = getattr(getattr(call.adapter, "_tls", None), "verify", None)
    bundle = _environment.bundle_source() if call.trusts("ca") else None
    expected = bundle[1] if bundle else True
    if of_mount is not None:
        return _steered(call, Setting("verify", _verification(of_mount), mount), effective, expected)
    if bundle is not None:
        found = Setting("verify", _shown(bundle[1]), f"environment variable {bundle[0]}")
        return _steered(call, found, effective, expected)
    source = source if given is True else _DEFAULT
    return _steered(call, Setting("verify", "True", source, "the authorities of certifi"), effective, True)


def _verification(verify: object) -> str:
    return type(verify).__name__ if hasattr(verify, "wrap_socket") else _shown(str(verify))


def _cert(call: _Call, mount: str) -> Setting:
    cert, source = call.effective.get("cert"), _of_call(call, "cert")
    if cert is None:
        cert, source = getattr(getattr(call.adapter, "_tls", None), "cert", None), mount
    if not cert:
        return Setting("cert", "none", _DEFAULT)
    # The third part would be the password of the key.
    paths = cert[:2] if isinstance(cert, (tuple, list)) else (cert,)
    return Setting("cert", _shown(", ".join(str(path) for path in paths if path)), source)


# --- credentials


def _auth(call: _Call) -> Setting:
    given, own = call.given.get("auth"), call.session.auth
    if given is not None:
        return Setting("auth", _kind(given), "call")
    if isinstance(own, Mapping) and not callable(own):
        own = auth_of_origin(own, call.url)
        if own is not None:
            return Setting("auth", _kind(own), "session", "for this origin")
    elif own is not None:
        return Setting("auth", _kind(own), "session")
    if "Authorization" in call.headers:
        source = "call" if _has(call.given.get("headers"), "authorization") else "session"
        scheme = str(call.headers["Authorization"]).partition(" ")[0]
        kind = (
            scheme
            if scheme.isalnum() and len(scheme) < 20 and " " in str(call.headers["Authorization"])
            else "given"
        )
        return Setting("auth", kind, source, "the field Authorization")
    if any(urls.get_auth_from_url(call.url)):
        return Setting("auth", "Basic", "URL")
    return _auth_of_netrc(call)


def _auth_of_netrc(call: _Call) -> Setting:
    path = _environment.netrc_source()
    if path is None or urls.parse(call.url).userinfo is not None:
        return Setting("auth", "none", _DEFAULT)
    if not call.trusts("netrc"):
        return Setting("auth", "none", _of_call(call, "trust_env"), "trust_env does not let netrc say")
    found = _environment.get_netrc_auth(call.url)
    if found is None:
        return Setting("auth", "none", _DEFAULT, f"{_shown(path)} has nothing for the host")
    default = isinstance(found, _environment.DefaultEntry)
    return Setting(
        "auth", "Basic", f"file {_shown(path)}", "its default entry" if default else "an entry for the host"
    )


def _kind(auth: object) -> str:
    if isinstance(auth, tuple):
        return "Basic"
    return _shown(getattr(auth, "__qualname__", None) or type(auth).__name__)


def _has(headers: Any, lower: str) -> bool:
    return any(str(name).lower() == lower and value is not None for name, value in (headers or {}).items())


def _cookies(call: _Call) -> Setting:
    by_hand = "Cookie" in call.prepared.headers
    if not by_hand:
        call.prepared.prepare_cookies(call.session._cookies_for(call.request))
    field = str(call.prepared.headers.get("Cookie") or "")
    names = ", ".join(pair.partition("=")[0].strip() for pair in field.split(";") if pair.strip())
    if not names:
        return Setting("cookies", "none", _DEFAULT)
    if by_hand:
        source = "call" if _has(call.given.get("headers"), "cookie") else "session"
        return Setting("cookies", _shown(names), source, "the field Cookie")
    sources = [
        name for name, jar in (("call", call.request.cookies), ("session", call.session.cookies)) if jar
    ]
    return Setting("cookies", _shown(names), " and ".join(sources))


# --- policies


def _timeout(call: _Call, mount: str) -> Setting:
    given, own = call.given.get("timeout", UNSET), getattr(call.session, "timeout", UNSET)
    of_mount = getattr(call.adapter, "_default_timeout", None)
    for source, value in (
        ("call", given),
        (mount, UNSET if of_mount is None else of_mount),
        ("session", own),
    ):
        if value is not UNSET:
            return Setting("timeout", _seconds(Timeout.of(value)), source)
    return Setting("timeout", _seconds(Timeout()), _DEFAULT)


def _seconds(timeout: Timeout) -> str:
    limits = [(name, getattr(timeout, name, None)) for name in ("connect", "read", "total", "pool")]
    return ", ".join(f"{name} {limit:g} s" for name, limit in limits if limit is not None) or "no limit"


def _retry(call: _Call, mount: str) -> Setting:
    given, own = call.given.get("retry", UNSET), getattr(call.session, "retry", None)
    of_mount = getattr(call.adapter, "_retry", UNSET)
    for source, value in (("call", given), (mount, of_mount)):
        if value is not UNSET:
            return Setting("retry", _policy(value), source)
    legacy = getattr(call.adapter, "max_retries", None)
    if getattr(legacy, "total", 0):
        return Setting("retry", _policy(legacy), mount, "urllib3's")
    return Setting("retry", _policy(own), "session" if own else _DEFAULT)


def _gates(call: _Call, mount: str) -> list[Setting]:
    """The breaker and the limit, where there are any."""
    own = [getattr(call.session, name, None) for name in ("breaker", "rate_limit")]
    found = []
    for name, policy in zip(("breaker", "rate_limit"), in_force(call.adapter, *own), strict=True):
        of_mount = getattr(call.adapter, f"_{name}", UNSET)
        if policy is not None or of_mount is None:
            found.append(Setting(name, _policy(policy), "session" if of_mount is UNSET else mount))
    return found


def _policy(policy: object) -> str:
    return _shown(repr(policy)) if policy else "none"


def _redirects(call: _Call) -> Setting:
    if call.given.get("allow_redirects", call.prepared.method != "HEAD") is False:
        return Setting("redirects", "none", "call" if "allow_redirects" in call.given else _DEFAULT)
    policy, most = call.session.redirects, call.session.max_redirects
    shown = policy if isinstance(policy, str) else _kind(policy)
    cls = type(call.session)
    given = policy != cls.redirects or most != cls.max_redirects
    return Setting("redirects", f"{shown}, {most} at most", "session" if given else _DEFAULT)


def _trust(trust_env: Any) -> str:
    if isinstance(trust_env, (bool, int)) or trust_env is None:
        return str(bool(trust_env))
    return ", ".join(sorted(trust_env)) or "False"
