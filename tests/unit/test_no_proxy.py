"""no_proxy and the choice of a proxy: which entries name an origin, which name none, and which key decides."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from httpkit._environment import select_proxy, should_bypass_proxies
from httpkit._proxies import (
    address_in_network,
    applicable_key,
    bypasses,
    dotted_netmask,
    is_ipv4_address,
    is_valid_cidr,
    malformed,
)
from httpkit.exceptions import RequestsWarning


@pytest.mark.parametrize(
    "no_proxy, url, exempt",
    [
        pytest.param("example.com", "http://example.com/", True, id="a name"),
        pytest.param("example.com", "http://example.com:8080/", True, id="a name, any port"),
        pytest.param("example.com", "https://a.b.example.com/", True, id="its subdomains"),
        pytest.param("example.com", "http://notexample.com/", False, id="no half label"),
        pytest.param("example.com", "http://example.com.org/", False, id="a name that begins so"),
        pytest.param("example.com", "http://example.org/", False, id="another name"),
        pytest.param("a.example.com", "http://example.com/", False, id="not the parent"),
        pytest.param("com", "http://example.com/", True, id="a top-level name"),
        pytest.param("localhost", "http://localhost:8080/", True, id="a single label"),
        pytest.param("localhost", "http://localhost.localdomain/", False, id="a single label is no prefix"),
        pytest.param(".example.com", "http://a.example.com/", True, id="a leading dot"),
        pytest.param(".example.com", "http://example.com/", True, id="a leading dot, the name itself"),
        pytest.param(".example.com", "http://notexample.com/", False, id="a leading dot, no half label"),
        pytest.param("*.example.com", "http://a.example.com/", True, id="an asterisk and a dot"),
        pytest.param("*.example.com", "http://notexample.com/", False, id="an asterisk, no half label"),
        pytest.param("EXAMPLE.com", "http://example.COM/", True, id="in any case"),
        pytest.param("example.com.", "http://example.com/", True, id="a trailing dot in the entry"),
        pytest.param("example.com", "http://example.com./", True, id="a trailing dot in the URL"),
        pytest.param(
            "example.com", "http://www.example.com./", True, id="a trailing dot in the URL, a subdomain"
        ),
        pytest.param(" example.com ", "http://example.com/", True, id="blanks around it"),
        pytest.param("a,\texample.com\n,b", "http://example.com/", True, id="blanks within the list"),
        pytest.param("a, b , c", "http://b/", True, id="one of several"),
        pytest.param("a,,b", "http://c/", False, id="none of several"),
        pytest.param("*", "http://example.com/", True, id="an asterisk: everything"),
        pytest.param("*", "http://[::1]:81/", True, id="an asterisk: addresses too"),
        pytest.param("a, *", "http://example.com/", True, id="an asterisk among others"),
        pytest.param("example.com:8080", "http://example.com:8080/", True, id="a port"),
        pytest.param("example.com:8080", "http://a.example.com:8080/", True, id="a port, a subdomain"),
        pytest.param("example.com:8080", "http://example.com/", False, id="a port, not the default one"),
        pytest.param(
            "example.com:8080", "http://example.com:80800/", True, id="no such port: no URL, no proxy"
        ),
        pytest.param("example.com:80", "http://example.com/", True, id="a default port"),
        pytest.param("example.com:443", "https://example.com/", True, id="a default port, https"),
        pytest.param(
            "example.com:80", "https://example.com/", False, id="the default port of the other scheme"
        ),
        pytest.param("192.168.0.1", "http://192.168.0.1:5000/", True, id="an address"),
        pytest.param("192.168.0.1", "http://192.168.0.11/", False, id="an address is no prefix"),
        pytest.param("192.168.0.1:80", "http://192.168.0.1/", True, id="an address and a port"),
        pytest.param("192.168.0.1:80", "http://192.168.0.1:81/", False, id="an address and another port"),
        pytest.param("192.168.0.0/24", "http://192.168.0.77:5000/", True, id="4632-3.1 a network"),
        pytest.param("192.168.0.0/24", "http://192.168.1.0/", False, id="4632-3.1 beyond it"),
        pytest.param(
            "192.168.0.9/24", "http://192.168.0.77/", True, id="any address of the network names it"
        ),
        pytest.param("10.0.0.0/8", "http://10.255.255.255/", True, id="4632-3.1 a large one"),
        pytest.param("10.0.0.0/31", "http://10.0.0.2/", False, id="4632-3.1 a small one"),
        pytest.param("10.0.0.1/32", "http://10.0.0.1/", True, id="4632-3.1 of one address"),
        pytest.param("10.0.0.0/8", "http://a10.0.0.1.example/", False, id="a name is in no network"),
        pytest.param("::1", "http://[::1]:81/", True, id="an IPv6 address"),
        pytest.param("[::1]", "http://[::1]/", True, id="an IPv6 address in brackets"),
        pytest.param("0:0:0:0:0:0:0:1", "http://[::1]/", True, id="5952-2 another spelling"),
        pytest.param("FD00::A", "http://[fd00::a]/", True, id="an IPv6 address in upper case"),
        pytest.param("::1", "http://[::2]/", False, id="another IPv6 address"),
        pytest.param("[::1]:81", "http://[::1]:81/", True, id="an IPv6 address and a port"),
        pytest.param("[::1]:81", "http://[::1]/", False, id="an IPv6 address and another port"),
        pytest.param("::1:81", "http://[::1]:81/", False, id="without brackets that is an address"),
        pytest.param("fd00::/8", "http://[fdff::1]/", True, id="4291-2.3 a network"),
        pytest.param("[fd00::]/8", "http://[fdff::1]/", True, id="4291-2.3 in brackets"),
        pytest.param("[fd00::/8]", "http://[fdff::1]/", True, id="4291-2.3 length in brackets too"),
        pytest.param("fd00::/8", "http://[fe00::1]/", False, id="4291-2.3 beyond it"),
        pytest.param("::/1", "http://10.0.0.1/", False, id="no IPv4 address is in an IPv6 network"),
        pytest.param("10.0.0.0/8", "http://[::10.0.0.1]/", False, id="nor the other way round"),
        pytest.param("fe80::1", "http://[fe80::1%25eth0]/", True, id="4007-11 a zone does not matter"),
        pytest.param("fe80::1%eth0", "http://[fe80::1%25eth0]/", True, id="4007-11 a zone"),
        pytest.param("fe80::1%25ETH0", "http://[fe80::1%25eth0]/", True, id="6874-2 a zone as in a URL"),
        pytest.param("fe80::1%eth0", "http://[fe80::1%25eth1]/", False, id="4007-11 another zone"),
        pytest.param("fe80::1%eth0", "http://[fe80::1]/", False, id="4007-11 no zone"),
        pytest.param("[fe80::1%eth0]:81", "http://[fe80::1%25eth0]:81/", True, id="a zone and a port"),
        pytest.param("[fe80::1%eth0]:81", "http://[fe80::1%25eth0]/", False, id="a zone and another port"),
        pytest.param("fe80::%eth0/10", "http://[fe80::7%25eth0]/", True, id="4007-11.7 a zone and a length"),
        pytest.param("[fe80::%eth0]/10", "http://[fe80::7%25eth0]/", True, id="4007-11.7 in brackets"),
        pytest.param("fe80::%eth0/10", "http://[fe80::7%25eth1]/", False, id="4007-11.7 another zone"),
        pytest.param(
            "10.0.0.0/8", "http://[::ffff:10.0.0.1]/", False, id="4291-2.5.5.2 a mapped address is IPv6"
        ),
        pytest.param(
            "::ffff:10.0.0.1", "http://[::ffff:a00:1]/", True, id="4291-2.5.5.2 in another spelling"
        ),
        pytest.param("", "http://example.com/", False, id="empty"),
        pytest.param("whatever", "file:///etc/passwd", True, id="no host, no proxy"),
        pytest.param("whatever", "mailto:a@b", True, id="no authority, no proxy"),
        pytest.param("", "http:///path", True, id="no URL, no proxy"),
    ],
)
def test_an_origin_is_exempt_when_an_entry_names_it(no_proxy: str, url: str, exempt: bool) -> None:
    assert should_bypass_proxies(url, no_proxy) is exempt


MALFORMED = [
    ".", "..", "*.", "**", "*example.com", "ex*mple.com", "*:80", "exam ple.com", "e xample.com", "foo example.com",
    "http://example.com", "//example.com", "example.com/", "example.com/24", "user@example.com", "example.com:",
    "example.com:http", "example.com:0", "example.com:65536", "example.com:99999", "example.com:080x",
    "example.com..", "example..com", "[example.com]", "10.0.0.1/", "10.0.0.0/33", "10.0.0.0/0", "10.0.0.0/-8",
    "10.0.0.0/+8", "10.0.0.0/8a", "10.0.0.0/255.0.0.0", "10.0.0.0/8:80", "10/8", "10.0/16", "10.0.0/24", "010.0.0.1/8",
    "0x0a.0.0.1/8", "10.0.0.256", "10.0.0.0/ 8", "[10.0.0.1]", "[10.0.0.0/8]", "[::1", "::1]", "[]", "[::1]:",
    "[::1]:99999", "[::1]81", "[[::1]]", "::1/0", "::1/129", "[::]/8/8", "[::/8]/8", "[::1]/128:80", ":::/8", "1::2::3",
    "::1%", "::1%/64", "::1%l o", "[::1%]", "fe80::/10%eth0", "10.0.0.1%lo", "a%lo", "1", "0.1", ".0.1", "168.0.1",
    "0x7f", "127.1", "b\u00fccher.example", "/8", "/", ":", ":80", "@", "٣.٣.٣.٣/1", "10.0.0.0/٨",
]  # fmt: skip
ORIGINS = [
    ("example.com", 80), ("foo", 80), ("ple.com", 80), ("xample.com", 443), ("http", 80), ("10.0.0.1", 80),
    ("10.0.0.0", 80), ("127.0.0.1", 8080), ("::1", 80), ("::", 81), ("fd00::1", 443), ("a.b", None),
]  # fmt: skip


@pytest.mark.parametrize("entry", MALFORMED)
def test_a_malformed_entry_names_nothing(entry: str) -> None:
    assert [origin for origin in ORIGINS if bypasses(entry, *origin)] == []
    assert malformed(f" good.example ,, {entry.upper()}, *") == (entry.lower(),)


@pytest.mark.parametrize(
    "no_proxy", ["", ",", " , ,", "*", "localhost,.a.b , *.c.d,10.0.0.0/8,[::1]:80,fe80::1%lo,a:80"]
)
def test_a_list_that_can_be_read_is_not_malformed(no_proxy: str) -> None:
    assert malformed(no_proxy) == ()


def test_malformed_entries_are_named_in_one_warning() -> None:
    no_proxy = "http://user:hunter2@a.test,b.test c.test,\x1b[31m,d.test," + ",".join(
        f"bad {n}" for n in range(50)
    )
    with pytest.warns(RequestsWarning, match=r"no_proxy: ignored .*'b\.test c\.test'.* and others") as caught:
        assert should_bypass_proxies("http://d.test/", no_proxy)
    text = str(caught[0].message)
    assert (len(caught), "hunter2" in text, text.isprintable()) == (1, False, True)
    assert len(text) < 600
    # Once: an error here would be one for each call.
    assert should_bypass_proxies("http://d.test/", no_proxy)
    assert not should_bypass_proxies("http://c.test/", no_proxy)


NAMES = st.sampled_from(
    ["com", "example.com", "a.example.com", "b.example.com", "notexample.com", "org", "10.0.0.1"]
)


@given(st.lists(st.sampled_from(MALFORMED), max_size=4), NAMES, NAMES, st.randoms())
def test_malformed_entries_do_not_change_what_the_others_name(
    malformed: list[str], entry: str, host: str, random: object
) -> None:
    entries = [*malformed, entry]
    random.shuffle(entries)  # type: ignore[attr-defined]
    assert bypasses(",".join(entries), host, 80) is bypasses(entry, host, 80)


@given(st.text(alphabet="*.:/[]%@ ,0189afx-_é\t", max_size=12))
def test_no_text_is_an_error_and_a_name_is_exempt_only_by_its_own_labels(no_proxy: str) -> None:
    found = bypasses(no_proxy, "www.example.com", 80)
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    assert found is ("*" in entries)


@given(NAMES, NAMES, st.none() | st.sampled_from([80, 81]), st.sampled_from([80, 81]))
def test_a_name_names_itself_and_what_is_below(
    entry: str, host: str, entry_port: int | None, port: int
) -> None:
    assume(entry[0].isalpha())
    below = host == entry or host.endswith("." + entry)
    written = entry if entry_port is None else f"{entry}:{entry_port}"
    assert bypasses(written, host, port) is (below and entry_port in (None, port))


@given(st.ip_addresses(), st.ip_addresses(), st.data())
def test_a_network_names_its_addresses(base: object, other: object, data: st.DataObject) -> None:
    """As the standard library's `ipaddress` has it."""
    assert isinstance(base, (ipaddress.IPv4Address, ipaddress.IPv6Address))
    assert isinstance(other, (ipaddress.IPv4Address, ipaddress.IPv6Address))
    length = data.draw(st.integers(1, base.max_prefixlen))
    network = ipaddress.ip_network(f"{base}/{length}", strict=False)
    near = base.__class__(int(network.network_address) + data.draw(st.integers(0, network.num_addresses - 1)))
    written = data.draw(st.sampled_from([f"{base}/{length}", str(network)]))
    assert bypasses(written, str(near), 80)
    assert bypasses(written, str(other), 80) is (other.version == base.version and other in network)


# --- the choice of a proxy


@pytest.mark.parametrize(
    "key, url, applies",
    [
        pytest.param("http", "http://h/", True, id="the scheme"),
        pytest.param("http", "https://h/", False, id="another scheme"),
        pytest.param("all", "https://h/", True, id="all"),
        pytest.param("http://h", "http://h:81/", True, id="scheme and host"),
        pytest.param("http://h", "https://h/", False, id="another scheme and the host"),
        pytest.param("http://h", "http://a.h/", False, id="a subdomain is another host"),
        pytest.param("http://h", "HTTP://u:p@H/", True, id="in any case, userinfo apart"),
        pytest.param("all://h", "https://h/", True, id="all and host"),
        pytest.param("http://h:81", "http://h:81/", True, id="a port"),
        pytest.param("http://h:81", "http://h/", False, id="another port"),
        pytest.param("http://h:80", "http://h/", True, id="the default port"),
        pytest.param("all://h:443", "https://h/", True, id="the default port, all"),
        pytest.param("http://::1", "http://[::1]/", True, id="an IPv6 address"),
        pytest.param("http://[::1]", "http://[::1]:81/", True, id="an IPv6 address in brackets"),
        pytest.param("http://[::1]:81", "http://[::1]:81/", True, id="an IPv6 address and a port"),
        pytest.param("all", "file:///etc/motd", True, id="no host: all"),
        pytest.param("file", "file:///etc/motd", True, id="no host: the scheme"),
        pytest.param("http", "http:///path", True, id="no host in http: the scheme"),
        pytest.param("all://", "http:///path", False, id="no host is no name"),
        pytest.param("mock", "mock://h/", True, id="another scheme"),
        pytest.param("http+unix", "http+unix://%2Frun%2Fx/", True, id="another scheme with a socket"),
    ],
)
def test_a_key_applies_to_an_origin(key: str, url: str, applies: bool) -> None:
    assert select_proxy(url, {key: "http://proxy"}) == ("http://proxy" if applies else None)


def test_the_most_particular_key_decides() -> None:
    keys = ["http://h:81", "http://h", "http", "all://h:81", "all://h", "all"]
    while keys:
        assert applicable_key(dict.fromkeys(reversed(keys), ""), "http", "h", 81) == keys[0]
        keys.pop(0)
    assert applicable_key({}, "http", "h", 81) is None


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_proxies_are_no_proxy(nothing: dict[str, str] | None) -> None:
    assert select_proxy("http://h/", nothing) is None


def test_a_key_with_none_is_an_answer() -> None:
    proxies: dict[str, str] = {"http": None, "all": "http://proxy"}  # type: ignore[dict-item]
    assert select_proxy("http://h/", proxies) is None
    assert select_proxy("https://h/", proxies) == "http://proxy"


# --- what requests.utils has


@pytest.mark.parametrize(
    "text, address",
    [("8.8.8.8", True), ("127.1", True), ("8.8.8.8.8", False), ("localhost.localdomain", False), ("::1", False),
     ("", False), ("1.2.3.4\x00", False)],
)  # fmt: skip
def test_ipv4_addresses_are_told_from_names(text: str, address: bool) -> None:
    assert is_ipv4_address(text) is address


@pytest.mark.parametrize(
    "text, valid",
    [("192.168.1.0/24", True), ("0.0.0.0/1", True), ("1.2.3.4/32", True), ("8.8.8.8", False),
     ("192.168.1.0/a", False), ("192.168.1.0/128", False), ("192.168.1.0/-1", False), ("192.168.1.0/0", False),
     ("192.168.1.999/24", False), ("192.168.1.0/24/8", False), ("192.168.1.0/", False), ("/24", False), ("", False),
     ("::1/64", False), ("1.2.3.4/" + "9" * 5000, False)],
)  # fmt: skip
def test_ipv4_networks_are_told_from_other_text(text: str, valid: bool) -> None:
    assert is_valid_cidr(text) is valid


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_an_address_is_in_a_network_when_its_first_bits_are(ip: object, base: object, length: int) -> None:
    network = ipaddress.ip_network(f"{base}/{length}", strict=False)
    assert address_in_network(str(ip), f"{base}/{length}") is (ip in network)
    assert address_in_network(str(network.network_address), f"{base}/{length}")


@pytest.mark.parametrize("ip, net", [("x", "1.2.3.0/24"), ("1.2.3.4", "x/24"), ("1.2.3.4", "1.2.3.0"),
                                     ("1.2.3.4", "1.2.3.0/33"), ("1.2.3.4", "1.2.3.0/-1")])  # fmt: skip
def test_a_network_that_cannot_be_read_is_an_error(ip: str, net: str) -> None:
    with pytest.raises((OSError, ValueError)):
        address_in_network(ip, net)


@pytest.mark.parametrize("length", range(33))
def test_a_prefix_length_is_a_netmask(length: int) -> None:
    assert dotted_netmask(length) == str(ipaddress.ip_network(f"0.0.0.0/{length}").netmask)


@pytest.mark.parametrize("length", [-1, 33])
def test_there_are_32_bits(length: int) -> None:
    with pytest.raises(ValueError, match="0 to 32"):
        dotted_netmask(length)
