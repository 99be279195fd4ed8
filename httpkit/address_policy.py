"""Which addresses may be connected to: a value, decided by a table. No socket, no lookup and no clock.

A program that fetches URLs from strangers must not fetch for them what only its own machine and network can reach
(server-side request forgery): `Session(allow_addresses="public")`. What is "public" is decided here by the registries
of IANA for special-purpose addresses (RFC 6890) as they stand below, and not by `ipaddress`, whose answers differ from
one version of Python to the next. `_wire.addresses` asks, with the address of every connection before it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Union, cast

__all__ = ["PUBLIC", "AddressPolicy", "AllowAddresses"]

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]
#: What may stand in `allow` and `deny`: `"public"`, a network or an address as text or as a value of `ipaddress`, or a
#: callable that is given the address and says yes or no.
Rule = Union[str, Address, Network, Callable[[Address], bool]]
AllowAddresses = Union["AddressPolicy", Rule, Iterable[Rule], Mapping[str, Any], None]

PUBLIC = "public"

#: What no stranger's URL should lead to, each with what it is. Where several fit, the first counts.
_SPECIAL_IPV4 = (
    ("0.0.0.0/8", "unspecified, which some systems take for themselves (RFC 1122 §3.2.1.3)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared by a carrier's customers (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122 §3.2.1.3)"),
    ("168.63.129.16/32", "the platform's own inside Azure's machines"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "for protocols of the IETF (RFC 6890 §2.2.2)"),
    ("192.0.2.0/24", "for documentation (RFC 5737)"),
    ("192.88.99.0/24", "for relays of 6to4 (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    ("198.51.100.0/24", "for documentation (RFC 5737)"),
    ("203.0.113.0/24", "for documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("255.255.255.255/32", "broadcast (RFC 919)"),
    ("240.0.0.0/4", "reserved (RFC 1112 §4)"),
)
_SPECIAL_IPV6 = (
    ("::/128", "unspecified (RFC 4291 §2.5.2)"),
    ("::1/128", "loopback (RFC 4291 §2.5.3)"),
    ("::/96", "IPv4-compatible (RFC 4291 §2.5.5.1)"),
    ("::ffff:0:0:0/96", "translated from IPv4 (RFC 2765 §2.1)"),
    ("64:ff9b::/96", "translated to IPv4 (NAT64, RFC 6052)"),
    ("64:ff9b:1::/48", "translated to IPv4 (NAT64, RFC 8215)"),
    ("100::/64", "discarded (RFC 6666)"),
    ("100:0:0:1::/64", "a dummy (RFC 9780)"),
    ("2001::/32", "tunnelled to IPv4 (Teredo, RFC 4380)"),
    ("2001:2::/48", "for benchmarks (RFC 5180)"),
    ("2001::/23", "for protocols of the IETF (RFC 2928)"),
    ("2001:db8::/32", "for documentation (RFC 3849)"),
    ("2002::/16", "tunnelled to IPv4 (6to4, RFC 3056)"),
    ("3fff::/20", "for documentation (RFC 9637)"),
    ("5f00::/16", "for segment routing (RFC 9602)"),
    ("fc00::/7", "private (unique local, RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291 §2.5.6)"),
    ("fec0::/10", "private (site-local, RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291 §2.7)"),
)
#: All of IPv6 that is handed out for the Internet (RFC 4291 §2.4).
_GLOBAL_IPV6 = "2000::/3"
#: Where an IPv6 address holds an IPv4 one: the network, and the bits of the IPv4 address as pairs of how many there are
#: and how many are behind them. A NAT64 prefix that a site has for itself can have five lengths (RFC 6052 §2.2).
_HOLDS_IPV4 = (
    ("::/96", ((32, 0),)),
    ("::ffff:0:0:0/96", ((32, 0),)),
    ("64:ff9b::/96", ((32, 0),)),
    ("64:ff9b:1::/48", ((32, 0),)),
    ("64:ff9b:1::/48", ((32, 24),)),
    ("64:ff9b:1::/48", ((8, 64), (24, 32))),
    ("64:ff9b:1::/48", ((16, 64), (16, 40))),
    ("2002::/16", ((32, 80),)),
)
_MAPPED = 0xFFFF
_ISATAP = 0x5EFE

_WRITTEN = (str, IPv4Address, IPv6Address, IPv4Network, IPv6Network)

_Table = tuple[tuple[Network, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """The addresses that connections may be made to: those of *allow* less those of *deny*.

    Both hold rules: `"public"` for what the whole Internet can reach, a network (`"10.1.0.0/16"`) or an address as text
    or as an object of `ipaddress`, or a callable that is given an `ipaddress.IPv4Address` or `IPv6Address`. One rule
    may stand alone. By default public addresses are allowed and nothing is denied.

    An IPv4-mapped address (`::ffff:192.0.2.1`) counts as the IPv4 address that is reached through it. Other forms that
    lead to an IPv4 address (NAT64, 6to4, Teredo, IPv4-compatible, ISATAP) are not public; where a network allows them,
    what *deny* says about the IPv4 address holds too, and a callable is asked about both. Raises ValueError and
    TypeError for what is no rule, and for an empty *allow*.
    """

    allow: Rule | Iterable[Rule] = (PUBLIC,)
    deny: Rule | Iterable[Rule] = ()

    def __post_init__(self) -> None:
        for name in ("allow", "deny"):
            object.__setattr__(self, name, _rules(name, getattr(self, name)))
        if self.allow == ():
            raise ValueError('allow: nothing could be connected to; give "public", networks or a callable')

    @classmethod
    def of(cls, value: AllowAddresses) -> AddressPolicy | None:
        """The policy that *value* stands for: rules to allow, or a mapping with `allow` and `deny`; None for None.

        Raises ValueError and TypeError for anything else.
        """
        if value is None or isinstance(value, AddressPolicy):
            return value
        if isinstance(value, Mapping):
            unknown = sorted(map(str, value.keys() - {"allow", "deny"}))
            if unknown:
                raise ValueError(
                    f"allow_addresses: a mapping has 'allow' and 'deny', not {unknown[0][:40]!r}"
                )
            return cls(**cast("Mapping[str, Any]", value))
        return cls(allow=cast(Any, value))

    def allows(self, address: str | Address) -> bool:
        """True when connections to *address* may be made."""
        return self.why_not(address) is None

    def why_not(self, address: str | Address) -> str | None:
        """Why *address* is refused, such as `it is private (RFC 1918)`; None when it is allowed."""
        try:
            plain = _plain(address)
        except ValueError:
            return "it is no IP address"
        every = (plain, *_held(plain))
        allow, deny = cast("tuple[Rule, ...]", self.allow), cast("tuple[Rule, ...]", self.deny)
        for rule in deny:
            if any(_fits(rule, one) for one in every):
                return f"{_shown(rule)} is denied"
        for rule in allow:
            if all(_fits(rule, one) for one in (every if callable(rule) else (plain,))):
                return None
        special = _special(plain) if PUBLIC in allow else None
        return f"it is {special}" if special else f"only {_listed(allow)} is allowed"


# --- rules


def _rules(name: str, given: Any) -> tuple[Rule, ...]:
    if isinstance(given, _WRITTEN) or callable(given):
        given = (given,)
    if not isinstance(given, Iterable):
        raise _no_rule(name, given)
    return tuple(_rule(name, one) for one in given)


def _rule(name: str, given: Any) -> Rule:
    if callable(given) or given == PUBLIC:
        return cast(Rule, given)
    if not isinstance(given, _WRITTEN):
        raise _no_rule(name, given)
    try:
        network = ip_network(given)
    except ValueError as error:
        raise ValueError(
            f'{name}: {str(given)[:80]!r} is neither "public" nor a network such as "10.1.0.0/16": {str(error)[:160]}'
        ) from None
    return _unmapped(network)


def _no_rule(name: str, given: object) -> TypeError:
    kind = type(given).__name__
    return TypeError(f'{name}: give "public", networks such as "10.1.0.0/16", or a callable, not {kind}')


def _unmapped(network: Network) -> Network:
    """Mapped addresses count as what they are mapped to, and so do networks of them."""
    if network.version == 6 and network.prefixlen >= 96 and int(network.network_address) >> 32 == _MAPPED:
        value = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((value, network.prefixlen - 96))
    return network


def _fits(rule: Any, address: Address) -> bool:
    if rule == PUBLIC:
        return _special(address) is None
    if callable(rule):
        return bool(rule(address))
    return address in rule


def _shown(rule: Rule) -> str:
    return f"what {getattr(rule, '__name__', 'a callable')} chooses" if callable(rule) else str(rule)


def _listed(rules: tuple[Rule, ...]) -> str:
    shown = ", ".join(_shown(rule) for rule in rules[:4])
    return f"{shown}, ..." if len(rules) > 4 else shown


# --- addresses


def _plain(address: str | Address) -> Address:
    """*address* without its zone, an IPv4-mapped one as what it is mapped to. Raises ValueError for what is none."""
    plain = ip_address(str(address).partition("%")[0])
    if plain.version == 6 and int(plain) >> 32 == _MAPPED:
        return IPv4Address(int(plain) & 0xFFFFFFFF)
    return plain


@lru_cache(maxsize=1)
def _tables() -> tuple[_Table, _Table, IPv6Network, _Table]:
    four, six, holds = (
        tuple((ip_network(text), what) for text, what in table)
        for table in (_SPECIAL_IPV4, _SPECIAL_IPV6, _HOLDS_IPV4)
    )
    return four, six, IPv6Network(_GLOBAL_IPV6), holds


def _special(address: Address) -> str | None:
    """What *address* is, if not one of the public Internet."""
    four, six, unicast, _ = _tables()
    for network, what in four if address.version == 4 else six:
        if address in network:
            return cast(str, what)
    if address.version == 4:
        return None
    if address not in unicast:
        return "not handed out (RFC 4291 §2.4)"
    return "tunnelled to IPv4 (ISATAP, RFC 5214)" if _is_isatap(address) else None


def _is_isatap(address: Address) -> bool:
    """The 'universal' and the 'group' bit may be set or not (RFC 5214 §6.1)."""
    return int(address) >> 32 & 0xFCFFFFFF == _ISATAP


def _held(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that *address* leads to by translation or through a tunnel."""
    value = int(address)
    if (
        address.version == 4 or value <= 1
    ):  # the unspecified and the loopback address are no IPv4-compatible ones
        return
    for network, pieces in _tables()[3]:
        if address in network:
            found = 0
            for bits, behind in pieces:
                found = found << bits | value >> behind & (1 << bits) - 1
            yield IPv4Address(found)
    if value >> 96 == 0x20010000:
        yield IPv4Address(value >> 64 & 0xFFFFFFFF)  # the Teredo server
        yield IPv4Address(~value & 0xFFFFFFFF)  # the client, inverted (RFC 4380 §4)
    if _is_isatap(address):
        yield IPv4Address(value & 0xFFFFFFFF)
