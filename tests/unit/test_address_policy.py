"""Which addresses a policy allows: the special-purpose registries row by row, rules, and forms that hide an address."""

from __future__ import annotations

import pickle
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit.address_policy import AddressPolicy

PUBLIC = AddressPolicy()

# network, a word of the reason; the addresses just outside are public unless another row has them.
BLOCKS = [
    pytest.param("0.0.0.0/8", "unspecified", id="rfc1122-3.2.1.3 this network"),
    pytest.param("10.0.0.0/8", "private", id="rfc1918 10/8"),
    pytest.param("100.64.0.0/10", "shared", id="rfc6598 carrier-grade NAT"),
    pytest.param("127.0.0.0/8", "loopback", id="rfc1122-3.2.1.3 loopback"),
    pytest.param("169.254.0.0/16", "link-local", id="rfc3927 link-local, cloud metadata"),
    pytest.param("172.16.0.0/12", "private", id="rfc1918 172.16/12"),
    pytest.param("192.0.0.0/24", "protocols", id="rfc6890 protocol assignments, metadata of one cloud"),
    pytest.param("192.0.2.0/24", "documentation", id="rfc5737 TEST-NET-1"),
    pytest.param("192.88.99.0/24", "6to4", id="rfc7526 6to4 relay anycast"),
    pytest.param("192.168.0.0/16", "private", id="rfc1918 192.168/16"),
    pytest.param("198.18.0.0/15", "benchmarks", id="rfc2544 benchmarks"),
    pytest.param("198.51.100.0/24", "documentation", id="rfc5737 TEST-NET-2"),
    pytest.param("203.0.113.0/24", "documentation", id="rfc5737 TEST-NET-3"),
    pytest.param("224.0.0.0/4", "multicast", id="rfc5771 multicast"),
    pytest.param("240.0.0.0/4", "reserved|broadcast", id="rfc1112-4 reserved"),
    pytest.param("255.255.255.255/32", "broadcast", id="rfc919 limited broadcast"),
    pytest.param("168.63.129.16/32", "Azure", id="a cloud's platform at an address of the Internet"),
    pytest.param("::/128", "unspecified", id="rfc4291-2.5.2 unspecified"),
    pytest.param("::1/128", "loopback", id="rfc4291-2.5.3 loopback"),
    pytest.param("::/96", "IPv4-compatible|unspecified|loopback", id="rfc4291-2.5.5.1 IPv4-compatible"),
    pytest.param("::ffff:0:0:0/96", "translated", id="rfc2765 IPv4-translated"),
    pytest.param("64:ff9b::/96", "NAT64", id="rfc6052 NAT64"),
    pytest.param("64:ff9b:1::/48", "NAT64", id="rfc8215 NAT64 of a site"),
    pytest.param("100::/64", "discarded", id="rfc6666 discard-only"),
    pytest.param("100:0:0:1::/64", "dummy", id="rfc9780 dummy prefix"),
    pytest.param("2001::/23", "protocols|Teredo|benchmarks", id="rfc2928 protocol assignments"),
    pytest.param("2001::/32", "Teredo", id="rfc4380 Teredo"),
    pytest.param("2001:2::/48", "benchmarks", id="rfc5180 benchmarks"),
    pytest.param("2001:10::/28", "protocols", id="rfc4843 ORCHID"),
    pytest.param("2001:20::/28", "protocols", id="rfc7343 ORCHIDv2"),
    pytest.param("2001:db8::/32", "documentation", id="rfc3849 documentation"),
    pytest.param("2002::/16", "6to4", id="rfc3056 6to4"),
    pytest.param("3fff::/20", "documentation", id="rfc9637 documentation"),
    pytest.param("5f00::/16", "segment routing", id="rfc9602 segment routing"),
    pytest.param("fc00::/7", "unique local", id="rfc4193 unique local"),
    pytest.param("fe80::/10", "link-local", id="rfc4291-2.5.6 link-local"),
    pytest.param("fec0::/10", "site-local", id="rfc3879 site-local"),
    pytest.param("ff00::/8", "multicast", id="rfc4291-2.7 multicast"),
    pytest.param("4000::/3", "not handed out", id="rfc4291-2.4 not handed out"),
    pytest.param("::ffff:7f00:0/104", "loopback", id="rfc4291-2.5.5.2 mapped loopback"),
    pytest.param("::ffff:a9fe:0/112", "link-local", id="rfc4291-2.5.5.2 mapped metadata"),
    pytest.param("::ffff:0:0/104", "unspecified", id="rfc4291-2.5.5.2 mapped unspecified"),
]


@pytest.mark.parametrize("block, why", BLOCKS)
def test_no_address_of_a_special_block_is_public_from_its_first_to_its_last(block: str, why: str) -> None:
    network = ip_network(block)
    for address in (network[0], network[len_of(network) // 2], network[-1]):
        refusal = PUBLIC.why_not(address)
        assert refusal is not None, address
        assert any(word in refusal for word in why.split("|")), refusal


def len_of(network: Any) -> int:
    return int(network.num_addresses)


# The neighbours of blocks that border on the public Internet.
BESIDE = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255
    203.0.114.0 223.255.255.255 168.63.129.15 168.63.129.17 8.8.8.8 2000::
    2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::
    2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 2606:4700::1111 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff
    3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::ffff:8.8.8.8 ::ffff:b00:0
"""


@pytest.mark.parametrize("address", BESIDE.split())
def test_the_addresses_beside_them_are_public(address: str) -> None:
    assert PUBLIC.why_not(address) is None


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("fe80::1%eth0", id="rfc4007-11 a zone hides nothing"),
        pytest.param("::1%1", id="a zone after loopback"),
        pytest.param("::ffff:127.0.0.1%lo", id="a zone after a mapped address"),
        pytest.param("2001:470::5efe:7f00:1", id="rfc5214-6.1 ISATAP"),
        pytest.param("2001:470::200:5efe:a00:1", id="rfc5214-6.1 ISATAP, universal bit"),
        pytest.param("localhost", id="a name"),
        pytest.param("", id="nothing"),
        pytest.param("127.1", id="a short IPv4"),
        pytest.param("0x7f000001", id="a hexadecimal IPv4"),
        pytest.param("0177.0.0.1", id="an octal IPv4"),
        pytest.param("8.8.8.8 ", id="a blank"),
        pytest.param("/run/server.sock", id="a path"),
    ],
)
def test_what_is_hidden_or_no_address_is_refused(address: str) -> None:
    assert not PUBLIC.allows(address)
    assert not AddressPolicy(allow="8.8.8.8").allows(address)


@given(st.ip_addresses())
def test_what_is_public_is_global_for_every_version_of_ipaddress(address: Any) -> None:
    """What ipaddress calls private, loopback and so on is never public here, whatever version it is of."""
    if PUBLIC.allows(address):
        address = getattr(address, "ipv4_mapped", None) or address
        kinds = ["private", "loopback", "link_local", "multicast", "reserved", "unspecified"]
        assert [kind for kind in kinds if getattr(address, f"is_{kind}")] == []
        assert address.version == 4 or 0x2000 <= int(address) >> 112 < 0x4000


@given(st.ip_addresses(v=4))
def test_a_mapped_address_counts_as_what_it_is_mapped_to(address: IPv4Address) -> None:
    mapped = IPv6Address(0xFFFF << 32 | int(address))
    assert PUBLIC.allows(mapped) == PUBLIC.allows(address)
    assert AddressPolicy(allow=f"{address}").allows(mapped)
    assert AddressPolicy(allow=f"::ffff:{address}").allows(address)


EVERYTHING = ("0.0.0.0/0", "::/0")
HOLDING = [
    pytest.param("::ffff:169.254.169.254", id="rfc4291-2.5.5.2 mapped"),
    pytest.param("::169.254.169.254", id="rfc4291-2.5.5.1 compatible"),
    pytest.param("::ffff:0:169.254.169.254", id="rfc2765 translated"),
    pytest.param("64:ff9b::a9fe:a9fe", id="rfc6052 NAT64"),
    pytest.param("64:ff9b:1::a9fe:a9fe", id="rfc8215 NAT64 /96"),
    pytest.param("64:ff9b:1:a9fe:a9:fe00::", id="rfc6052-2.2 NAT64 /48"),
    pytest.param("64:ff9b:1:aa:a9:fea9:fe00:0", id="rfc6052-2.2 NAT64 /64"),
    pytest.param("64:ff9b:1:aaa9:fe:a9fe::", id="rfc6052-2.2 NAT64 /56"),
    pytest.param("2002:a9fe:a9fe::1", id="rfc3056 6to4"),
    pytest.param("2001:0:a9fe:a9fe::1", id="rfc4380-4 the Teredo server"),
    pytest.param("2001:0:808:808:0:0:5601:5601", id="rfc4380-4 the Teredo client"),
    pytest.param("2001:470::5efe:a9fe:a9fe", id="rfc5214-6.1 ISATAP"),
]


@pytest.mark.parametrize("address", HOLDING)
def test_what_is_denied_is_denied_in_every_form_that_leads_to_it(address: str) -> None:
    assert not AddressPolicy(allow=EVERYTHING, deny="169.254.0.0/16").allows(address)
    assert not AddressPolicy(allow=EVERYTHING, deny=lambda one: str(one) == "169.254.169.254").allows(address)
    assert not AddressPolicy(allow=lambda one: str(one) != "169.254.169.254").allows(address)
    assert AddressPolicy(allow=EVERYTHING).allows(address)
    assert not PUBLIC.allows(address)


class TestRules:
    @pytest.mark.parametrize(
        "given_, allowed, refused",
        [
            ("public", ["8.8.8.8"], ["10.0.0.1", "::1"]),
            ("10.1.0.0/16", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.2.0.0", "8.8.8.8", "64:ff9b::a01:203"]),
            ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "::1"]),
            (ip_address("::1"), ["::1"], ["127.0.0.1"]),
            (ip_network("fd00::/8"), ["fd00::1"], ["fe80::1"]),
            (["public", "10.1.0.0/16"], ["10.1.0.1", "1.1.1.1"], ["10.0.0.1"]),
            ({"10.0.0.1"}, ["10.0.0.1"], ["10.0.0.2"]),
            ({"allow": "10.0.0.0/8", "deny": "10.0.0.1"}, ["10.0.0.2"], ["10.0.0.1", "8.8.8.8"]),
            ({"deny": ["8.8.8.8"]}, ["8.8.4.4"], ["8.8.8.8", "10.0.0.1"]),
            (AddressPolicy(allow="::1"), ["::1"], ["::2"]),
            (lambda one: one.version == 6, ["::1", "2606::1"], ["127.0.0.1", "::ffff:127.0.0.1"]),
            ([lambda one: False, "10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]),
        ],
    )
    def test_every_form_is_read(self, given_: Any, allowed: list[str], refused: list[str]) -> None:
        policy = AddressPolicy.of(given_)
        assert policy is not None
        assert [address for address in allowed if not policy.allows(address)] == []
        assert [address for address in refused if policy.allows(address)] == []

    def test_none_is_no_policy(self) -> None:
        assert AddressPolicy.of(None) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/8,127.0.0.1",
            "private",
            "example.com",
            "127.1",
            [],
            (),
            ["public", "all"],
            {"alow": "public"},
            {"allow": []},
        ],
    )
    def test_what_is_no_rule_is_refused_with_the_reason(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match=r"^(allow|allow_addresses): ") as caught:
            AddressPolicy.of(wrong)
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize("wrong", [True, 1, 1.5, b"10.0.0.0/8", [b"x"], [1], object(), {"allow": None}])
    def test_a_wrong_type_is_named(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"^allow: give .*, not \w+$"):
            AddressPolicy.of(wrong)

    def test_it_is_a_value(self) -> None:
        one = AddressPolicy(allow=["public", "10.0.0.0/8"], deny=["10.0.0.1"])
        assert one == AddressPolicy(allow=("public", ip_network("10.0.0.0/8")), deny="10.0.0.1")
        assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
        assert pickle.loads(pickle.dumps(one)) == one
        assert replace(one, deny=()).allows("10.0.0.1")
        with pytest.raises(AttributeError):
            one.allow = ()  # type: ignore[misc]

    def test_the_reason_names_what_decided(self) -> None:
        def office(address: object) -> bool:
            return False

        assert AddressPolicy(allow=["10.0.0.0/8", office]).why_not("8.8.8.8") == (
            "only 10.0.0.0/8, what office chooses is allowed"
        )
        assert AddressPolicy(deny="8.0.0.0/8").why_not("8.8.8.8") == "8.0.0.0/8 is denied"
        assert AddressPolicy(allow=[f"10.0.0.{n}" for n in range(9)]).why_not("8.8.8.8") == (
            "only 10.0.0.0/32, 10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32, ... is allowed"
        )

    def test_what_a_callable_raises_is_the_programs_own(self) -> None:
        def broken(address: object) -> bool:
            raise LookupError("x")

        with pytest.raises(LookupError):
            AddressPolicy(allow=broken).why_not("8.8.8.8")
