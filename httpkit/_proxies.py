"""Which proxy serves an origin, and which origins go without one. Decisions over values.

Neither the environment nor the syntax of URLs is known here: scheme, host and port come in parsed. No RFC describes
`no_proxy`; its reading follows what curl, Go and requests agree on, and an entry that cannot be read matches nothing.
Networks are written as in RFC 4632 §3.1 (IPv4) and RFC 4291 §2.3 (IPv6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = [
    "address_in_network",
    "applicable_key",
    "bypasses",
    "dotted_netmask",
    "is_ipv4_address",
    "is_valid_cidr",
    "malformed",
]

_NAME = re.compile(r"[^\s./:\[\]*@%]+(?:\.[^\s./:\[\]*@%]+)*\Z")
# An IPv6 address may stand in brackets, its prefix length within them or behind; only with brackets can it have a port.
# A zone stands right behind the address, as RFC 4007 §11.7 has it.
_ENTRY = re.compile(
    r"""(?: \[ (?P<bracketed>[0-9a-f:.]+) (?:%(?:25)?(?P<zone>[a-z0-9._~-]+))? (?:/(?P<inner>[0-9]{1,3}))? \]
          | (?P<bare>[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*) (?:%(?:25)?(?P<bare_zone>[a-z0-9._~-]+))?
          | (?P<name>[^\s/:\[\]]+) )
        (?: /(?P<outer>[0-9]{1,3}) | :(?P<port>[0-9]{1,5}) )? \Z""",
    re.VERBOSE,
)
#: A last label of digits is the end of an address (RFC 3986 §3.2.2), and no shortened one is read.
_NUMBERS = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\Z")
_LENGTH = re.compile(r"[0-9]{1,4}\Z")


class _Network(NamedTuple):
    """The addresses of *bits* bits whose masked value is *prefix*, in *zone* and on *port* or, where that is None, in
    any.
    """

    bits: int
    mask: int
    prefix: int
    port: int | None
    zone: str | None


class _Exceptions(NamedTuple):
    everything: bool
    malformed: tuple[str, ...]
    names: frozenset[tuple[str, int | None]]
    networks: tuple[_Network, ...]


@lru_cache(maxsize=1024)
def bypasses(no_proxy: str, hostname: str, port: int | None) -> bool:
    """True when the `no_proxy` list names the origin.

    *hostname* is without brackets, *port* the effective one. Entries are separated by commas: a name stands for itself
    and its subdomains, with or without a leading dot or `*.`; an address for itself; a network for its addresses; `*`
    for every host. `:port` limits a name or an address to that port, and a zone an IPv6 address to that zone; without
    one it stands for every zone. Case, a trailing dot and blanks around an entry do not matter. A prefix length of 0 is
    not read as a network: that is what `*` is for.
    """
    listed = _read(no_proxy)
    if listed.everything:
        return True
    host = hostname.lower().removesuffix(".")
    names = listed.names
    if (host, None) in names or (host, port) in names:
        return True
    text, _, zone = host.partition("%")
    address = _address(text)
    if address is None:
        return any((name, None) in names or (name, port) in names for name in _parents(host))
    bits, value = address
    return any(
        bits == network.bits
        and value & network.mask == network.prefix
        and network.port in (None, port)
        and network.zone in (None, zone)
        for network in listed.networks
    )


def _parents(host: str) -> Iterator[str]:
    """`b.c` and `c` for `a.b.c`."""
    dot = host.find(".")
    while dot >= 0:
        yield host[dot + 1 :]
        dot = host.find(".", dot + 1)


@lru_cache(maxsize=64)
def _read(no_proxy: str) -> _Exceptions:
    names: set[tuple[str, int | None]] = set()
    networks: list[_Network] = []
    malformed: list[str] = []
    everything = False
    for entry in no_proxy.lower().split(","):
        entry = entry.strip()
        match = _ENTRY.match(entry)
        network = None if match is None or not _has_good_port(match) else _network(match)
        name = None if match is None or not _has_good_port(match) else _name(match)
        if entry == "*":
            everything = True
        elif match is not None and network is not None:
            networks.append(network)
        elif match is not None and name is not None:
            names.add((name, _port(match)))
        elif entry:
            malformed.append(entry)
    return _Exceptions(everything, tuple(malformed), frozenset(names), tuple(networks))


def malformed(no_proxy: str) -> tuple[str, ...]:
    """The entries of a `no_proxy` list that name nothing, since they cannot be read."""
    return _read(no_proxy).malformed


def _has_good_port(entry: re.Match[str]) -> bool:
    return entry["port"] is None or 0 < int(entry["port"]) < 65536


def _port(entry: re.Match[str]) -> int | None:
    return None if entry["port"] is None else int(entry["port"])


def _name(entry: re.Match[str]) -> str | None:
    """The name that an entry names with all below it; None for what cannot be one, such as a shortened address."""
    if not entry["name"] or entry["outer"]:
        return None
    name = entry["name"].removeprefix("*.").lstrip(".").removesuffix(".")
    return name if _NAME.match(name) and name.isascii() and not _NUMBERS.match(name) else None


def _network(entry: re.Match[str]) -> _Network | None:
    """The network that an entry names, an address being a network of one; None for a name or what cannot be read."""
    text = entry["bracketed"] or entry["bare"] or entry["name"]
    address = _address(text)
    if address is None or (entry["inner"] and entry["outer"]):
        return None
    bits, value = address
    if entry["bracketed"] and bits == 32:
        return None
    length = int(entry["inner"] or entry["outer"] or bits)
    if not 1 <= length <= bits:
        return None
    mask = _mask(length, bits)
    return _Network(bits, mask, value & mask, _port(entry), entry["zone"] or entry["bare_zone"])


def _mask(length: int, bits: int) -> int:
    if not 0 <= length <= bits:
        raise ValueError(f"a prefix length of this address is 0 to {bits}, not {length!r}")
    return (1 << bits) - (1 << (bits - length))


def _address(text: str) -> tuple[int, int] | None:
    """(32 or 128, value) of an IP address; None for anything else, the short and octal forms of IPv4 included."""
    import socket

    try:
        if ":" in text:
            return 128, int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
        return 32, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        return None


def applicable_key(
    proxies: Mapping[str, Any], scheme: str, hostname: str | None, port: int | None
) -> str | None:
    """The key of *proxies* that decides for an origin, None when none does.

    From the most to the least particular: `scheme://host:port`, `scheme://host`, `scheme`, then the same with `all` in
    the place of the scheme. *port* is the effective one; *hostname* is without brackets, and an IPv6 address in a key
    may have them or not. Without a host only `scheme` and `all` can apply.
    """
    for prefix in (scheme, "all"):
        if hostname:
            for host in _spellings(hostname, port):
                key = f"{prefix}://{host}"
                if key in proxies:
                    return key
        if prefix in proxies:
            return prefix
    return None


def _spellings(hostname: str, port: int | None) -> Iterator[str]:
    bracketed = f"[{hostname}]" if ":" in hostname else hostname
    if port is not None:
        yield f"{bracketed}:{port}"
    yield hostname
    if bracketed is not hostname:
        yield bracketed


def is_ipv4_address(string_ip: str) -> bool:
    """True for an IPv4 address in any form that the system's `inet_aton` reads."""
    import socket

    try:
        socket.inet_aton(string_ip)
    except (OSError, ValueError):
        return False
    return True


def is_valid_cidr(string_network: str) -> bool:
    """True for an IPv4 network in CIDR notation with a prefix length of 1 to 32."""
    address, _, length = string_network.partition("/")
    return bool(_LENGTH.match(length)) and 1 <= int(length) <= 32 and is_ipv4_address(address)


def address_in_network(ip: str, net: str) -> bool:
    """True when the IPv4 address *ip* lies in *net*, such as `192.168.1.0/24`.

    Raises OSError or ValueError when either cannot be read.
    """
    import socket

    address, _, length = net.partition("/")
    mask = _mask(int(length), 32)
    one, other = (int.from_bytes(socket.inet_aton(text), "big") for text in (ip, address))
    return one & mask == other & mask


def dotted_netmask(mask: int) -> str:
    """The netmask for a prefix length of *mask* bits: `255.255.255.0` for 24. Raises ValueError beyond 0 to 32."""
    return ".".join(str(octet) for octet in _mask(mask, 32).to_bytes(4, "big"))
