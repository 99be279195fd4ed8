"""Which addresses are tried, in which order and how: RFC 8305 over real sockets on loopback, with names of our own."""

from __future__ import annotations

import errno
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._wire import addresses
from httpkit._wire.addresses import NoConnection, NoConnectionInTime, Route, connect, interleaved
from tests.servers import RecordingServer, full_backlog_listener
from tests.servers.guard import Network

Serve = Callable[..., RecordingServer]
Naming = Callable[..., list[Any]]

V4, V6 = socket.AF_INET, socket.AF_INET6


def found(host: str, port: int = 80) -> Any:
    """An address as a lookup finds it."""
    if ":" in host:
        return V6, socket.SOCK_STREAM, 6, (host, port, 0, 0)
    return V4, socket.SOCK_STREAM, 6, (host, port)


def shown(addresses: list[Any]) -> list[str]:
    return [address[3][0] for address in addresses]


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Naming:
    """name((host, port), ...): what every lookup finds from now on; a list of the lookups that there were."""

    def has(*places: tuple[str, int]) -> list[Any]:
        lookups: list[Any] = []

        def getaddrinfo(*question: Any) -> list[Any]:
            lookups.append(question)
            return [
                (family, kind, protocol, "", address)
                for family, kind, protocol, address in (found(*place) for place in places)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return lookups

    return has


@pytest.fixture
def nobody() -> int:
    """A port on which nothing listens, on any address of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    with full_backlog_listener() as place:
        yield place


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The socket of every attempt from now on."""
    sockets: list[socket.socket] = []
    original = addresses._opened

    def remember(*args: Any) -> socket.socket:
        sockets.append(original(*args))
        return sockets[-1]

    monkeypatch.setattr(addresses, "_opened", remember)
    return sockets


class TestOrder:
    @pytest.mark.parametrize(
        "given, expected",
        [
            (["::1"], ["::1"]),
            (["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "127.0.0.2"]),
            (["::1", "::2", "127.0.0.1"], ["::1", "127.0.0.1", "::2"]),
            (["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"], ["127.0.0.1", "::1", "127.0.0.2", "127.0.0.3"]),
            (["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"], ["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"]),
            (["127.0.0.1", "127.0.0.1", "::1"], ["127.0.0.1", "::1"]),
        ],
        ids=["one", "one family", "§4 the other family is second", "§4 v4 first", "a tail", "repeats"],
    )
    def test_families_alternate_from_that_of_the_first_address(
        self, given: list[str], expected: list[str]
    ) -> None:
        assert shown(interleaved([found(host) for host in given])) == expected

    @given(
        st.lists(
            st.sampled_from([f"127.0.0.{n}" for n in range(9)] + [f"::{n}" for n in range(9)]), min_size=1
        )
    )
    def test_nothing_is_lost_and_within_a_family_the_order_stays(self, hosts: list[str]) -> None:
        result = shown(interleaved([found(host) for host in hosts]))
        once = list(dict.fromkeys(hosts))
        assert sorted(result) == sorted(once)
        for of_family in (lambda host: ":" in host, lambda host: ":" not in host):
            assert list(filter(of_family, result)) == list(filter(of_family, once))
        turns = [":" in host for host in result]
        both = 2 * min(turns.count(True), turns.count(False))
        assert all(one != other for one, other in pairwise(turns[:both]))


class TestOverride:
    @pytest.mark.parametrize(
        "key, host, port",
        [
            ("api.test:443", "api.test", 443),
            ("api.test:443", "API.test", 443),
            ("API.test.:443", "api.test", 443),
            ("api.test:443", "api.test.", 443),
            ("api.test", "api.test", 8443),
            ("[::1]:443", "::1", 443),
            ("[::1]:443", "[::1]", 443),
            ("::1", "::1", 80),
            ("[::1]", "::1", 80),
        ],
    )
    def test_a_key_is_a_host_with_or_without_a_port(self, key: str, host: str, port: int) -> None:
        route = Route.of({key: "127.0.0.9"})
        assert route is not None
        assert route.override(host, port) == ("127.0.0.9",)

    @pytest.mark.parametrize("host, port", [("api.test", 80), ("www.api.test", 443), ("pi.test", 443)])
    def test_another_host_or_port_is_looked_up(self, host: str, port: int) -> None:
        route = Route.of({"api.test:443": "127.0.0.9"})
        assert route is not None
        assert route.override(host, port) is None

    def test_a_key_with_the_port_beats_one_without(self) -> None:
        route = Route.of({"api.test": "127.0.0.1", "api.test:443": ["[::1]", "127.0.0.2"]})
        assert route is not None
        assert route.override("api.test", 443) == ("::1", "127.0.0.2")
        assert route.override("api.test", 80) == ("127.0.0.1",)

    def test_a_callable_gets_host_and_port_and_may_leave_it_to_the_system(self) -> None:
        asked = []

        def resolve(host: str, port: int) -> str | None:
            asked.append((host, port))
            return "127.0.0.9" if port == 443 else None

        route = Route.of(resolve)
        assert route is not None
        assert route.override("API.test.", 443) == ("127.0.0.9",)
        assert route.override("::1", 80) is None
        assert asked == [("api.test", 443), ("::1", 80)]

    @pytest.mark.parametrize(
        "resolve, says",
        [
            ({"a.test:443": "b.test"}, "'b.test' is no IP address"),
            ({"a.test:443": "127.0.0.1:8443"}, "is no IP address"),
            ({"a.test:443": []}, "there is no address"),
            ({"a.test:https": "127.0.0.1"}, "a port from 1 to 65535"),
            ({"a.test:0": "127.0.0.1"}, "a port from 1 to 65535"),
            ({"a.test:": "127.0.0.1"}, "a port from 1 to 65535"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_at_once(self, resolve: Any, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            Route.of(resolve)

    def test_a_socket_and_an_override_exclude_each_other(self) -> None:
        with pytest.raises(ValueError, match="exclude each other"):
            Route.of({"a.test": "127.0.0.1"}, "/run/x.sock")

    def test_nothing_given_is_no_route(self) -> None:
        assert Route.of(None, None) is None

    def test_a_socket_may_be_a_path_object(self) -> None:
        assert Route.of(uds=Path("/run/x.sock")) == Route(None, "/run/x.sock")

    def test_no_name_is_looked_up(self, server: RecordingServer, dns: Network) -> None:
        route = Route.of({"nowhere.invalid": server.host})
        with connect("nowhere.invalid", server.port, timeout=5, route=route) as sock:
            assert sock.getpeername() == (server.host, server.port)
        assert dns.queries == []

    @pytest.mark.parametrize("given", [[], "localhost", ["127.0.0.1", ""]], ids=["none", "a name", "empty"])
    def test_a_callable_that_gives_no_address_is_a_name_without_one(self, given: Any) -> None:
        with pytest.raises(socket.gaierror, match="resolve= gave"):
            connect("a.test", 80, timeout=5, route=Route.of(lambda host, port: given))

    def test_several_are_tried_in_the_order_given(self, serve: Serve, nobody: int) -> None:
        route = Route.of({"a.test": ["127.0.0.2", "127.0.0.3", "::1"]})
        with pytest.raises(NoConnection) as caught:
            connect("a.test", nobody, timeout=5, route=route)
        assert [address for address, _ in caught.value.tried] == ["127.0.0.2", "127.0.0.3", "::1"]


class TestOneAddress:
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
    def test_is_connected_to_without_a_race(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        monkeypatch.setattr(addresses, "_race", None)
        server = serve(host=host.strip("[]"))
        with connect(host, server.port, timeout=5) as sock:
            assert sock.getpeername()[:2] == (host.strip("[]"), server.port)
            assert sock.gettimeout() == 5

    def test_may_have_a_zone(self, serve: Serve) -> None:
        """RFC 4007 §11."""
        server = serve(host="::1")
        with connect("::1%1", server.port, timeout=5) as sock:
            assert sock.getpeername()[0] == "::1"
        for address in ("::1%1", "[::1%1]"):
            with connect("a.test", server.port, timeout=5, route=Route.of({"a.test": address})) as sock:
                assert sock.getpeername()[0] == "::1"

    def test_its_error_comes_as_it_is(self, nobody: int) -> None:
        with pytest.raises(ConnectionRefusedError) as caught:
            connect("127.0.0.1", nobody, timeout=5)
        assert not isinstance(caught.value, NoConnection)

    def test_takes_no_longer_than_the_limit(self, black_hole: tuple[str, int]) -> None:
        with pytest.raises(TimeoutError):
            connect(*black_hole, timeout=0.03)

    def test_no_address_at_all_is_an_error_of_the_lookup(self, name: Naming) -> None:
        name()
        with pytest.raises(socket.gaierror):
            connect("a.test", 80, timeout=5)

    def test_the_lookup_is_for_the_family_that_is_asked_for(
        self, name: Naming, server: RecordingServer
    ) -> None:
        lookups = name((server.host, server.port))
        connect("a.test", 80, timeout=5, family=V4).close()
        assert lookups == [("a.test", 80, V4, socket.SOCK_STREAM)]


class TestSeveralAddresses:
    @pytest.mark.parametrize(
        "families", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")], ids=["v6 first", "v4 first"]
    )
    def test_one_that_answers_at_once_is_the_only_one_tried(
        self, serve: Serve, name: Naming, families: tuple[str, str]
    ) -> None:
        first, second = (serve(host=host) for host in families)
        lookups = name((first.host, first.port), (second.host, second.port))
        with connect("a.test", 80, timeout=5) as sock:
            assert sock.getpeername()[:2] == (first.host, first.port)
            assert first.wait_for_connections(1)
        assert (len(lookups), second.connections) == (1, 0)

    def test_the_next_begins_after_the_delay_and_may_win(
        self, serve: Serve, name: Naming, black_hole: tuple[str, int]
    ) -> None:
        server = serve(host="::1")
        name(black_hole, (server.host, server.port))
        begun = time.monotonic()
        with connect("a.test", 80, timeout=5, delay=0.03) as sock:
            assert 0.03 <= time.monotonic() - begun < 2
            assert sock.getpeername()[:2] == (server.host, server.port)

    def test_by_default_a_quarter_of_a_second_later(self) -> None:
        """RFC 8305 §5."""
        assert addresses.ATTEMPT_DELAY == 0.25
        assert connect.__kwdefaults__["delay"] == addresses.ATTEMPT_DELAY

    def test_the_earlier_attempt_goes_on_meanwhile(self, name: Naming, serve: Serve) -> None:
        with full_backlog_listener() as hole, full_backlog_listener() as other:
            server = serve()
            name(hole, other, (server.host, server.port))
            with connect("a.test", 80, timeout=5, delay=0.01) as sock:
                assert sock.getpeername() == (server.host, server.port)

    def test_one_that_fails_lets_the_next_begin_at_once(
        self, serve: Serve, name: Naming, nobody: int
    ) -> None:
        server = serve()
        name(("::1", nobody), ("127.0.0.1", nobody), (server.host, server.port))
        begun = time.monotonic()
        connect("a.test", 80, timeout=50, delay=40).close()
        assert time.monotonic() - begun < 10

    def test_a_failure_lets_the_next_begin_though_another_is_still_open(
        self, serve: Serve, name: Naming, nobody: int, black_hole: tuple[str, int]
    ) -> None:
        server = serve()
        name(("127.0.0.1", nobody), black_hole, (server.host, server.port))
        connect("a.test", 80, timeout=5, delay=0.02).close()
        assert server.wait_for_connections(1)

    def test_every_socket_that_loses_is_closed(
        self, serve: Serve, name: Naming, nobody: int, black_hole: tuple[str, int], begun: list[socket.socket]
    ) -> None:
        server = serve()
        name(("::1", nobody), black_hole, (server.host, server.port))
        with connect("a.test", 80, timeout=5, delay=0.01) as sock:
            assert [one for one in begun if one.fileno() != -1] == [sock]
        assert len(begun) == 3

    @pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
    def test_an_interrupted_race_leaves_nothing_open(
        self,
        name: Naming,
        black_hole: tuple[str, int],
        begun: list[socket.socket],
        monkeypatch: pytest.MonkeyPatch,
        error: Any,
    ) -> None:
        def interrupted(*args: object) -> None:
            raise error

        name(black_hole, ("127.0.0.2", black_hole[1]))
        monkeypatch.setattr(addresses._Race, "wait", interrupted)
        with pytest.raises(error):
            connect("a.test", 80, timeout=5)
        assert [sock.fileno() for sock in begun] == [-1]

    def test_the_limit_is_for_all_of_them_together(self, name: Naming) -> None:
        with full_backlog_listener() as one, full_backlog_listener() as two, full_backlog_listener() as three:
            name(one, two, three)
            begun = time.monotonic()
            with pytest.raises(NoConnectionInTime) as caught:
                connect("a.test", 80, timeout=0.15, delay=0.001)
            assert 0.15 <= time.monotonic() - begun < 2
        assert isinstance(caught.value, TimeoutError)
        assert [type(error) for _, error in caught.value.tried] == [TimeoutError] * 3

    def test_a_limit_that_is_over_before_anything_began_is_a_timeout(self, name: Naming, nobody: int) -> None:
        name(("127.0.0.1", nobody), ("127.0.0.2", nobody))
        with pytest.raises(TimeoutError):
            connect("a.test", 80, timeout=0.0)

    @pytest.mark.parametrize("timeout", [None, 3.5])
    def test_the_winner_has_the_limit_as_its_own(
        self, serve: Serve, name: Naming, timeout: float | None
    ) -> None:
        one, other = serve(), serve()
        name((one.host, one.port), (other.host, other.port))
        with connect("a.test", 80, timeout=timeout) as sock:
            assert sock.gettimeout() == timeout

    def test_without_a_limit_it_waits_for_the_last(
        self, serve: Serve, name: Naming, black_hole: tuple[str, int]
    ) -> None:
        server = serve()
        name(black_hole, (server.host, server.port))
        connect("a.test", 80, timeout=None, delay=0.01).close()

    def test_select_does_where_there_is_no_poll(
        self, serve: Serve, name: Naming, nobody: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(addresses, "_Selector", addresses.selectors.SelectSelector)
        server = serve()
        name(("::1", nobody), (server.host, server.port))
        connect("a.test", 80, timeout=5).close()


class TestSettings:
    def test_options_are_set_on_each_attempt(self, serve: Serve, name: Naming, nobody: int) -> None:
        server = serve()
        name(("::1", nobody), (server.host, server.port))
        keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for places in ([(server.host, server.port)], [("::1", nobody), (server.host, server.port)]):
            name(*places)
            with connect("a.test", 80, timeout=5, socket_options=[keepalive]) as sock:
                assert sock.getsockopt(*keepalive[:2])

    def test_the_source_address_is_bound(self, server: RecordingServer) -> None:
        with connect(server.host, server.port, timeout=5, source_address=("127.0.0.7", 0)) as sock:
            assert sock.getsockname()[0] == "127.0.0.7"

    def test_an_address_that_the_source_cannot_reach_gives_way_to_one_that_it_can(
        self, serve: Serve, name: Naming
    ) -> None:
        server = serve()
        name(("::1", server.port), (server.host, server.port))
        with connect("a.test", 80, timeout=5, source_address=("127.0.0.7", 0)) as sock:
            assert sock.getsockname()[0] == "127.0.0.7"

    def test_a_source_of_another_family_is_no_missing_name(self) -> None:
        with pytest.raises(OSError, match=r"cannot send from 127\.0\.0\.7") as caught:
            connect("::1", 80, timeout=5, source_address=("127.0.0.7", 0))
        assert not isinstance(caught.value, socket.gaierror)


class TestErrors:
    def test_all_attempts_are_in_the_error(
        self, name: Naming, nobody: int, black_hole: tuple[str, int]
    ) -> None:
        name(("::1", nobody), black_hole, ("127.0.0.2", nobody))
        with pytest.raises(NoConnectionInTime) as caught:
            connect("a.test", 80, timeout=0.15, delay=0.001)
        tried = {address: error.errno for address, error in caught.value.tried}
        assert tried == {
            "::1": errno.ECONNREFUSED,
            "127.0.0.2": errno.ECONNREFUSED,
            "127.0.0.1": errno.ETIMEDOUT,
        }
        assert all(f"{address}: " in str(caught.value) for address in tried)
        assert isinstance(caught.value.__cause__, OSError)

    def test_where_all_are_alike_it_is_that_error(self, name: Naming, nobody: int) -> None:
        name(("::1", nobody), ("127.0.0.1", nobody))
        with pytest.raises(NoConnection) as caught:
            connect("a.test", 80, timeout=5)
        assert (caught.value.errno, caught.value.strerror) == (errno.ECONNREFUSED, "Connection refused")
        assert not isinstance(caught.value, TimeoutError)

    def test_its_text_is_bounded(self) -> None:
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        text = str(NoConnection.of((f"127.0.0.{n}", refused) for n in range(200)))
        assert text.endswith("and 192 more")
        assert len(text) < 500

    def test_it_pickles(self) -> None:
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        unreachable = OSError(errno.ENETUNREACH, "Network is unreachable")
        error = NoConnection.of([("::1", unreachable), ("127.0.0.1", refused)])
        twin = pickle.loads(pickle.dumps(error))
        assert str(twin) == str(error) == "::1: Network is unreachable; 127.0.0.1: Connection refused"
