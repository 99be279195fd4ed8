"""Precedence, written once: call > session > environment > default.

Pure merging of settings; `_environment` reads the outside world for it. What is empty costs a truth test
and no more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from ._environment import by_origin, ca_bundle, get_environ_proxies, should_bypass_proxies
from ._message import urls
from .exceptions import InvalidHeader, InvalidProxyURL, RequestException
from .structures import CaseInsensitiveDict, to_key_val_list
from .timeouts import NO_LIMIT, UNSET, Timeout

__all__ = [
    "CallProxies",
    "EffectiveProxies",
    "auth_of_origin",
    "check_trust",
    "effective_proxies",
    "effective_timeout",
    "effective_verify",
    "merge_headers",
    "merge_hooks",
    "merge_params",
    "merge_setting",
    "settled_proxies",
    "trusts",
]

#: What the environment may be asked for.
TRUSTED = frozenset(("proxies", "netrc", "ca"))


class CallProxies(dict[str, Any]):
    """The proxies of a call, with what the call says about the environment: the method that merges them, which
    programs override, has no place for it.
    """

    trust_env: Any = None

    @classmethod
    def of(cls, proxies: Any, trust_env: Any) -> CallProxies:
        """*proxies*, a mapping or None, and *trust_env*. Raises InvalidProxyURL for anything else."""
        try:
            given = cls(proxies or {})
        except (TypeError, ValueError) as error:
            raise _no_proxies(type(proxies).__name__) from error
        given.trust_env = trust_env
        return given


def trusts(trust_env: Any, what: str) -> bool:
    """Whether *trust_env*, True, False or a collection of names, lets the environment say *what* of `TRUSTED`."""
    if trust_env is True:
        return True
    check_trust(trust_env)
    return what in trust_env if isinstance(trust_env, Collection) else bool(trust_env)


def check_trust(trust_env: Any) -> None:
    """Raise TypeError or ValueError for what cannot be `trust_env`."""
    if trust_env is None or isinstance(trust_env, int):
        return
    if isinstance(trust_env, (str, bytes)) or not isinstance(trust_env, Collection):
        raise TypeError(
            f"trust_env is {type(trust_env).__name__}: give True, False, or a set of what the environment may say, "
            "such as {'proxies', 'ca'}"
        )
    for name in trust_env:
        if name not in TRUSTED:
            raise ValueError(
                f"trust_env has {str(name)[:40]!r} in it; the environment may be asked for "
                f"{', '.join(map(repr, sorted(TRUSTED)))}"
            )


def auth_of_origin(auths: Mapping[Any, Any], url: str) -> Any:
    """What *auths*, a mapping from origins to auth, has for exactly the origin of *url*; None for nothing.

    Raises ValueError for a key that is no origin, TypeError for a value that is no auth; the messages show neither
    userinfo nor credentials.
    """
    found = None
    try:
        wanted: Any = urls.origin(url)
    except RequestException:
        # For whoever prepares the request to say.
        wanted = None
    for key, auth in auths.items():
        if _origin_of_key(key) == wanted:
            found = auth
        if not (auth is None or callable(auth) or (isinstance(auth, tuple) and len(auth) == 2)):
            raise TypeError(
                f"session.auth[{key!r}] is {type(auth).__name__}: give a (user, password) tuple, a callable or None"
            )
    return found


def _origin_of_key(key: Any) -> urls.Origin:
    try:
        parsed = urls.parse(key if isinstance(key, str) else str(type(key)))
        if (
            parsed.host
            and parsed.userinfo is None
            and parsed.path in ("", "/")
            and parsed[5:] == (None, None)
        ):
            return parsed.origin
    except RequestException:
        pass
    raise ValueError(
        f"session.auth: {urls.redact(key, 80)!r} is no origin; the keys of a mapping are scheme, host and maybe "
        "a port, such as 'https://api.example.com' or 'http://localhost:8000'"
    )


class EffectiveProxies(dict[str, str]):
    """Proxies as they apply to one URL, with those that were given explicitly kept apart.

    A redirect asks the environment anew for its own URL; what the environment said about the first one must
    not stick.
    """

    explicit: Mapping[str, Any] = MappingProxyType({})
    #: What was in it when it was made: a program that changes them has the last word.
    as_made: Mapping[str, Any] = MappingProxyType({})


def merge_setting(request_setting: Any, session_setting: Any, dict_class: type = OrderedDict) -> Any:
    """The setting of a call over that of its session.

    None gives way to the other. Two mappings are merged into a *dict_class*, where a value of None in the
    call's removes the session's. Anything else: the call's wins.
    """
    if request_setting is None or session_setting is None:
        return session_setting if request_setting is None else request_setting
    if not (isinstance(request_setting, Mapping) and isinstance(session_setting, Mapping)):
        return request_setting
    merged = dict_class(to_key_val_list(session_setting))
    merged.update(to_key_val_list(request_setting))
    for name in [name for name, value in merged.items() if value is None]:
        del merged[name]
    return merged


def merge_headers(given: Any, session_headers: Any) -> CaseInsensitiveDict[Any]:
    """The fields of a call over those of the session, compared without regard to case; None removes a
    field.
    """
    if not given:
        if isinstance(session_headers, CaseInsensitiveDict) and not any(
            value is None for _, value in session_headers.pairs()
        ):
            return session_headers.copy()
        given = {}
    try:
        merged = merge_setting(given, session_headers, CaseInsensitiveDict)
        return merged if isinstance(merged, CaseInsensitiveDict) else CaseInsensitiveDict(merged)
    except (TypeError, ValueError, AttributeError) as error:
        kind = "one whose names are not text" if isinstance(given, Mapping) else type(given).__name__
        raise InvalidHeader(
            f"headers: give a mapping from names to values, such as {{'Accept': 'text/plain'}}, not {kind}"
        ) from error


def merge_params(given: Any, session_params: Any) -> Any:
    """The parameters of a call with those of the session, for any form in which either may be given."""
    if not session_params:
        return given
    if not given:
        return merge_setting({}, session_params) if isinstance(session_params, Mapping) else session_params
    if isinstance(given, Mapping) and isinstance(session_params, Mapping):
        return merge_setting(given, session_params)
    if not isinstance(given, (str, bytes)) and isinstance(session_params, Mapping):
        pairs = to_key_val_list(given) or []
        named = {name for name, _ in pairs}
        return [(name, value) for name, value in session_params.items() if name not in named] + pairs
    return f"{urls.encode_params(session_params)}&{urls.encode_params(given)}"


def merge_hooks(request_hooks: Any, session_hooks: Any, dict_class: type = OrderedDict) -> Any:
    """The hooks of a call instead of the session's, event by event; an empty list stands for none given."""
    if not session_hooks or not session_hooks.get("response"):
        return request_hooks
    if not request_hooks or not request_hooks.get("response"):
        return session_hooks
    return merge_setting(request_hooks, session_hooks, dict_class)


def effective_proxies(
    url: str, call: Mapping[str, Any] | None, session: Mapping[str, Any] | None, *, trust_env: Any
) -> EffectiveProxies:
    """The proxies that apply to *url*.

    Those given explicitly, on call or session, beat the environment's altogether when one of them speaks
    about *url*, be it to say None. A `no_proxy` entry among them is obeyed for them as well. *trust_env* as for
    `trusts`.
    """
    if not call and not session and trust_env is True and not get_environ_proxies(url):
        return EffectiveProxies()
    try:
        explicit: dict[str, Any] = {**(session or {}), **(call or {})}
    except TypeError as error:
        given: object = session if hasattr(call or {}, "keys") else call
        raise _no_proxies(type(given).__name__) from error
    effective = EffectiveProxies()
    effective.explicit = explicit
    if explicit:
        entries: Any = explicit.items()
        for name, value in entries:
            if not isinstance(name, str) or not (value is None or isinstance(value, str)):
                raise _no_proxies(f"{type(value).__name__} for {str(name)[:40]!r}")
        exceptions = explicit.get("no_proxy")
        if exceptions and should_bypass_proxies(url, no_proxy=exceptions):
            return effective
        effective.update({key: value for key, value in explicit.items() if value is not None})
    if (trust_env is True or trusts(trust_env, "proxies")) and not (
        explicit and _speaks_about(url, by_origin(explicit))
    ):
        environment = get_environ_proxies(url, no_proxy=explicit.get("no_proxy") if explicit else None)
        for key, value in environment.items():
            effective.setdefault(key, value)
        if "all" in environment:
            # Subclasses look for the scheme of the URL.
            effective.setdefault(url.partition(":")[0].lower(), environment["all"])
    if effective:
        effective.as_made = dict(effective)
    return effective


def _no_proxies(given: str) -> InvalidProxyURL:
    return InvalidProxyURL(
        "proxies: give a mapping from schemes to the URLs of proxies, such as "
        f"{{'https': 'http://proxy.example.com:3128'}}, not {given}"
    )


def settled_proxies(proxies: Mapping[str, Any] | None) -> EffectiveProxies:
    """*proxies* and no others, for every hop: neither the session nor the environment adds to them."""
    effective = EffectiveProxies({key: value for key, value in (proxies or {}).items() if value is not None})
    effective.explicit = {"all": None, **effective}
    effective.as_made = dict(effective)
    return effective


def _speaks_about(url: str, proxies: Mapping[str, Any]) -> bool:
    """True when *proxies* has a key that applies to *url*: its scheme, `all`, or either with its host."""
    if "all" in proxies or url.partition(":")[0].lower() in proxies:
        return True
    if not any("://" in key for key in proxies):
        return False
    scheme, hostname, _ = urls.origin(url)
    return f"{scheme}://{hostname}" in proxies or f"all://{hostname}" in proxies


def effective_verify(call: Any, session: Any, *, trust_env: Any) -> Any:
    """How to verify: a bundle, a context or False given on call or session, else the environment's bundle, else True.

    True says that certificates are verified and not by which bundle, so the environment may name one.
    """
    explicit = session if call is None or (call is True and session not in (None, True, False)) else call
    if explicit is None or explicit is True:
        return (ca_bundle() if trust_env is True or trusts(trust_env, "ca") else None) or True
    return explicit


def effective_timeout(call: Any, mount: Any = None, session: Any = UNSET) -> Any:
    """What the adapter is told: the value of the call, else of the session unless the *mount* has one.

    None leaves it to the adapter, which knows what it was mounted with.

    None on call or session is `NO_LIMIT`, UNSET says nothing. A total begins to run here, also that of a mount.
    """
    given = call
    if given is UNSET:
        if mount is not None and getattr(mount, "total", None) is None:
            return None
        given = session if mount is None else mount
        if given is UNSET:
            return None
    if isinstance(given, Timeout) and given.total is not None:
        return given.start()
    return NO_LIMIT if given is None else given
