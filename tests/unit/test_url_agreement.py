"""One parser: what is connected to, what Host says, and what mounts, cookies, proxies and netrc are chosen by, agree.

Each URL is called for real, over a pair of sockets in the place of the network, and every part of httpkit is asked
which host it saw. Either all of them saw the same one or none of them saw any, and the error says why.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from httpkit import Request, Session, _environment
from httpkit._message import urls
from httpkit._wire import addresses
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException

ANSWER = b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nConnection: close\r\n\r\n"


class Witness(dict[str, Any]):
    """A netrc file without entries that notes which host it was asked for."""

    def get(self, key: str, default: Any = None) -> Any:
        if key != "default":
            self.setdefault("asked", key)
        return default


@contextmanager
def wire() -> Iterator[tuple[list[tuple[str, int]], list[bytes]]]:
    """Whom connections were made to meanwhile, and what was sent on them."""
    places: list[tuple[str, int]] = []
    sent: list[bytes] = []
    pairs: list[socket.socket] = []

    def connect(host: str, port: int, **_: Any) -> socket.socket:
        places.append((host, port))
        ours, theirs = socket.socketpair()
        pairs.append(theirs)
        theirs.sendall(ANSWER)
        return ours

    with patch.object(addresses, "connect", connect):
        try:
            yield places, sent
        finally:
            for theirs in pairs:
                theirs.settimeout(5)
                sent.append(theirs.recv(65536))
                theirs.close()


def seen(url: str) -> dict[str, tuple[str, int]]:
    """Host, without brackets and zone, and port as each part of httpkit saw them in a call to *url*."""
    netrc = Witness()
    with (
        Session() as session,
        patch.object(_environment, "_netrc_path", lambda: "netrc"),
        patch.object(_environment, "_netrc_entries", lambda path: (netrc, None)),
        wire() as (places, sent),
    ):
        response = session.get(url, allow_redirects=False)
        final = response.request.url or ""
        parsed = urls.parse(final)
        here = HTTPAdapter()
        session.mount("http://elsewhere.test", HTTPAdapter())
        session.mount(f"http://{parsed.authority}", here)
        mounted = session.get_adapter(final) is here
        domains = session.cookies.list_domains()
    (place,) = places
    lines = sent[0].decode("ascii").split("\r\n")
    (field,) = [line[6:] for line in lines if line.lower().startswith("host: ")]
    proxy = _environment.select_proxy(final, {f"http://{parsed.hostname}": "p"})
    found = {
        "connection": (bare(place[0]), place[1]),
        "Host": split(field),
        "mount": (bare(parsed.host), place[1]) if mounted else ("not mounted", 0),
        "cookies": (bare(domains[0]), place[1]),
        "proxy": (bare(parsed.hostname), place[1]) if proxy else ("no key", 0),
    }
    if parsed.userinfo is None:
        found["netrc"] = bare(netrc["asked"]), place[1]
    return found


def bare(host: str) -> str:
    return host.strip("[]").partition("%")[0]


def split(field: str) -> tuple[str, int]:
    parsed = urls.parse(f"http://{field}/")
    return bare(parsed.host), parsed.effective_port or 0


AGREED = [
    pytest.param("http://example.test/", "example.test", 80, id="a name"),
    pytest.param("http://EXAMPLE.Test:8080/", "example.test", 8080, id="rfc3986-6.2.2.1 upper case"),
    pytest.param("http://example.test./", "example.test.", 80, id="rfc3986-3.2.2 a trailing dot is kept"),
    pytest.param("http://example.test:080/", "example.test", 80, id="rfc3986-3.2.3 zeros before the port"),
    pytest.param("http://example.test:/", "example.test", 80, id="rfc3986-3.2.3 an empty port"),
    pytest.param("http://user:pw@example.test/", "example.test", 80, id="rfc3986-3.2.1 userinfo"),
    pytest.param("http://a@evil.test@good.test/", "good.test", 80, id="CVE-2016-8624 two @"),
    pytest.param("http://good.test:80@evil.test/", "evil.test", 80, id="a host in the userinfo"),
    pytest.param("http://good.test:pw@[::1]:81/", "::1", 81, id="userinfo before an address"),
    pytest.param("http://evil.test#@good.test/", "evil.test", 80, id="CVE-2016-8624 @ behind the fragment"),
    pytest.param("http://evil.test?@good.test/", "evil.test", 80, id="@ behind the query"),
    pytest.param("http://evil.test/@good.test/", "evil.test", 80, id="@ behind the path"),
    pytest.param("http://evil.test/\\@good.test/", "evil.test", 80, id="a backslash in the path"),
    pytest.param("  http://example.test/\n", "example.test", 80, id="rfc3986-C blanks around it"),
    pytest.param("http://127.0.0.1/", "127.0.0.1", 80, id="IPv4"),
    pytest.param("http://１２７。０．0.1/", "127.0.0.1", 80, id="uts46 full-width digits and dots"),
    pytest.param("http://ＥＸample。test/", "example.test", 80, id="uts46 full-width letters"),
    pytest.param("http://\u212aelvin.test/", "kelvin.test", 80, id="uts46 the Kelvin sign is a k"),
    pytest.param("http://bücher.test/", "xn--bcher-kva.test", 80, id="rfc5891 an international name"),
    pytest.param("http://BÜCHER.test/", "xn--bcher-kva.test", 80, id="rfc5891 in upper case"),
    pytest.param("http://bu\u0308cher.test/", "xn--bcher-kva.test", 80, id="rfc5891-4.1 decomposed"),
    pytest.param("http://faß.test/", "xn--fa-hia.test", 80, id="rfc5894-7.2 IDNA 2008, not faceless 'fass'"),
    pytest.param("http://\u0430pple.test/", "xn--pple-43d.test", 80, id="uts39 a Cyrillic a looks the same"),
    pytest.param("http://[::1]/", "::1", 80, id="IPv6"),
    pytest.param("http://[FE80::1%25Eth0]/", "fe80::1", 80, id="rfc6874-4 a zone is not sent"),
    pytest.param("http://[fe80::1%eth0]:81/", "fe80::1", 81, id="a zone as people write it"),
    pytest.param("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, id="rfc4291-2.5.5.2 mapped IPv4"),
    pytest.param("http://a_b.test/", "a_b.test", 80, id="an underscore"),
]


@pytest.mark.parametrize("url, host, port", AGREED)
def test_all_parts_see_the_host_that_is_connected_to(url: str, host: str, port: int) -> None:
    found = seen(url)
    assert set(found.values()) == {(host, port)}, found


REFUSED = [
    pytest.param("http://0x7f.1/", id="a hexadecimal, short IPv4"),
    pytest.param("http://017700000001/", id="an octal IPv4"),
    pytest.param("http://2130706433/", id="IPv4 as one number"),
    pytest.param("http://127.1/", id="a short IPv4"),
    pytest.param("http://127.0.0.1./", id="IPv4 with a dot behind it"),
    pytest.param("http://0127.0.0.1/", id="CVE-2021-29921 a zero before a number"),
    pytest.param("http://１２７.1/", id="a short IPv4 in full-width digits"),
    pytest.param("http://0/", id="zero"),
    pytest.param("http://evil.test\\@good.test/", id="CVE-2020-13956 a backslash before @"),
    pytest.param("http://good.test\\.evil.test/", id="a backslash in the host"),
    pytest.param("http://good.test%2eevil.test/", id="a percent-encoded dot"),
    pytest.param("http://%67ood.test/", id="a percent-encoded letter"),
    pytest.param("http://good.test%00.evil.test/", id="a percent-encoded NUL"),
    pytest.param("http://good\t.test/", id="CVE-2022-0391 a tab"),
    pytest.param("http://good\n.test/", id="CVE-2022-0391 a newline"),
    pytest.param("http://good.test\r\n/", id="a line break"),
    pytest.param("http://good.test:80:81/", id="two ports"),
    pytest.param("http://good.test:65536/", id="a port too large"),
    pytest.param("http://good.test:8٠/", id="a digit of another script in the port"),
    pytest.param("http://good.test:-80/", id="a negative port"),
    pytest.param("http:///good.test/", id="no host"),
    pytest.param("http://@/", id="no host behind userinfo"),
    pytest.param("http:/good.test/", id="one slash"),
    pytest.param("http:good.test/", id="no slash"),
    pytest.param("http:\\\\good.test/", id="backslashes for slashes"),
    pytest.param("http://[::1/", id="an open bracket"),
    pytest.param("http://[::1]good.test/", id="CVE-2024-11168 text behind the bracket"),
    pytest.param("http://good.test[::1]/", id="text before the bracket"),
    pytest.param("http://[v1.good]/", id="CVE-2024-11168 an address of the future"),
    pytest.param("http://[::1%25]/", id="rfc6874 an empty zone"),
    pytest.param("http://good\u2100.test/", id="CVE-2019-9636 a sign that becomes a/c"),
    pytest.param("http://good.test\uff0f.evil.test/", id="CVE-2019-9636 a full-width slash"),
    pytest.param("http://good.test\uff20evil.test/", id="a full-width @"),
    pytest.param("http://good.test\uff1a80/", id="a full-width colon"),
    pytest.param("http://good.test\uff05\uff12e.evil.test/", id="a full-width percent"),
    pytest.param("http://a..test/", id="an empty label"),
    pytest.param("http://\u00ad/", id="uts46 a host of which nothing is left"),
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_could_be_read_in_two_ways_is_no_call(url: str) -> None:
    with wire() as (places, _), Session() as session:
        with pytest.raises(InvalidURL, match=r"^Invalid URL "):
            session.get(url)
        assert places == []


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_put_onto_a_prepared_request_is_no_way_round(url: str) -> None:
    """Programs write to `prepared.url`; what they write is read by the same parser, or refused."""
    with wire() as (places, _), Session() as session:
        request = session.prepare_request(Request("GET", "http://example.test/"))
        request.url = url
        with pytest.raises(RequestException) as caught:
            session.send(request)
        assert isinstance(caught.value, (InvalidURL, InvalidSchema, MissingSchema))
        assert places == []


PIECES = [
    *(
        "good.test",
        "evil.test",
        "GOOD.test",
        "127.0.0.1",
        "0x7f.1",
        "127.1",
        "[::1]",
        "[fe80::1%25a]",
        "bücher.test",
    ),
    *(
        "@",
        ":",
        ":80",
        ":81",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "%",
        "%2e",
        "%40",
        ".",
        "..",
        "-",
        "_",
        "[",
        "]",
        " ",
        "\t",
    ),
    *(
        "\n",
        "\x00",
        "１",
        "。",
        "／",
        "＠",
        "：",
        "\u2100",
        "ß",
        "\u0430",
        "\u00ad",
        "\u200d",
        "ﷺ",
        "*",
        "a",
        "1",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=12))
@example("good.test:80@evil.test")
@example("a@evil.test#@good.test")
def test_whatever_stands_behind_the_slashes_they_agree_or_it_is_an_error(text: str) -> None:
    try:
        found = seen("http://" + text)
    except InvalidURL:
        return
    assert len(set(found.values())) == 1, found


class TestMounts:
    """A mount is written by hand, so it is read as a URL is."""

    @pytest.mark.parametrize(
        "prefix, url, is_served",
        [
            pytest.param(
                "https://bücher.test", "https://xn--bcher-kva.test/", True, id="an international name"
            ),
            pytest.param(
                "https://xn--bcher-kva.test", "https://BÜCHER.test/", True, id="the other way round"
            ),
            pytest.param("https://user:pw@api.test", "https://api.test/", True, id="userinfo does not count"),
            pytest.param("https://api.test:0443/v1", "https://api.test/v1/x", True, id="a port in full"),
            pytest.param("https://api.test:/v1", "https://api.test/v1/x", True, id="an empty port"),
            pytest.param("https://api.test/a/../v1", "https://api.test/v1/x", True, id="dot segments"),
            pytest.param("https://api.test/ü", "https://api.test/%C3%BC/x", True, id="a path, encoded"),
            pytest.param(
                "https://api.test./", "https://api.test/", False, id="a trailing dot is another name"
            ),
            pytest.param(
                "https://api.test", "https://api.test%2eevil.test/", False, id="what cannot be called"
            ),
            pytest.param("https://0x7f.1", "https://127.0.0.1/", False, id="what can never be called"),
            pytest.param("http+unix://%2Frun%2FA.sock", "http+unix://%2Frun%2FA.sock/x", True, id="a socket"),
            pytest.param("http+unix://%2Frun%2FA.sock", "http+unix://%2Frun%2Fa.sock/x", False, id="another"),
        ],
    )
    def test_it_serves_the_host_that_it_names(self, prefix: str, url: str, is_served: bool) -> None:
        adapter = HTTPAdapter()
        with Session() as session:
            session.mount("http+unix://", HTTPAdapter())
            session.mount(prefix, adapter)
            try:
                prepared = urls.prepare(url)
            except InvalidURL:
                prepared = url
            assert (session.get_adapter(prepared) is adapter) is is_served


class TestProxyKeys:
    """So are the keys of `proxies`."""

    @pytest.mark.parametrize(
        "key, url",
        [
            ("http://bücher.test", "http://xn--bcher-kva.test/"),
            ("http://BÜCHER.test:8080", "http://bücher.test:8080/"),
            ("HTTP://API.test", "http://api.test/"),
            ("all://API.test", "http://api.test/"),
            ("http://api.test:080", "http://api.test/"),
            ("http://api.test/", "http://api.test/"),
            ("http://[FE80::1]", "http://[fe80::1]/"),
            ("http://[fe80::1%25eth0]", "http://[fe80::1%eth0]/"),
            ("http://[fe80::1%eth0]:81", "http://[fe80::1%25eth0]:81/"),
        ],
    )
    def test_they_name_the_host_that_is_connected_to(self, key: str, url: str) -> None:
        final = urls.prepare(url)
        assert _environment.select_proxy(final, {key: "p", "all": "q"}) == "p"
        assert _environment.select_proxy("http://other.test/", {key: "p", "all": "q"}) == "q"

    def test_none_for_one_keeps_the_environment_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://proxy.test")
        with Session() as session:
            session.proxies = {"http://BÜCHER.test": None}  # type: ignore[dict-item]  # None is no proxy
            for url, proxy in (("http://bücher.test/", None), ("http://api.test/", "http://proxy.test")):
                settings = session.merge_environment_settings(urls.prepare(url), {}, None, None, None)
                assert _environment.select_proxy(urls.prepare(url), settings["proxies"]) == proxy

    @pytest.mark.parametrize(
        "key", ["http://", "://", "http://a b", "http://0x7f.1", "x://y://z", "no_proxy"]
    )
    def test_what_is_no_host_does_no_harm(self, key: str) -> None:
        assert _environment.select_proxy("http://127.0.0.1/", {key: "p", "http": "q"}) == "q"
