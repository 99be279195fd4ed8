"""Where calls go: overrides of names that keep the URL's name everywhere else, and hosts with several addresses."""

from __future__ import annotations

import copy
import pickle
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from urllib3.util import connection as urllib3_connecting

import httpkit
from httpkit._wire import addresses
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ConnectionError, ConnectTimeout, SSLError
from tests.servers import ProxyServer, RecordingServer, Reply, Socks5Server, full_backlog_listener
from tests.servers.guard import Network

Serve = Callable[..., RecordingServer]


def at_third(host: str, port: int) -> str:
    return "127.0.0.3"


@pytest.fixture
def third(serve: Serve) -> RecordingServer:
    """A server at an address that no name has: only an override leads there."""
    return serve(host="127.0.0.3")


def names(monkeypatch: pytest.MonkeyPatch, *places: tuple[str, int]) -> list[Any]:
    """Give every name these addresses; the lookups that there were."""
    lookups: list[Any] = []

    def getaddrinfo(*question: Any) -> list[Any]:
        lookups.append(question[0])
        return [
            (socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", place)
            for place in places
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lookups


class TestResolve:
    def test_the_name_of_the_url_stays_in_sni_certificate_host_and_cookies(
        self, serve_tls: Serve, ca_file: str, dns: Network
    ) -> None:
        server = serve_tls(Reply(headers=[("Set-Cookie", "a=b")]), host="127.0.0.3")
        with httpkit.Session(resolve={f"api.test:{server.port}": "127.0.0.3"}) as session:
            session.verify = ca_file
            session.get(server.url_as("api.test", "/x"))
            session.get(server.url_as("api.test", "/y"))
            assert session.cookies.list_domains() == ["api.test"]
        tls = server.last.tls
        assert tls is not None
        assert tls.sni == "api.test"
        assert server.last.header("host") == f"api.test:{server.port}"
        assert server.last.cookies == {"a": "b"}
        assert (server.connections, dns.queries) == (1, [])

    def test_a_certificate_for_another_name_is_refused(self, serve_tls: Serve, ca_file: str) -> None:
        server = serve_tls()
        session = httpkit.Session(resolve={"nowhere.invalid": "127.0.0.1"})
        with session, pytest.raises(SSLError, match=r"nowhere\.invalid"):
            session.get(server.url_as("nowhere.invalid"), verify=ca_file)

    def test_other_names_and_ports_are_looked_up(
        self, server: RecordingServer, third: RecordingServer, dns: Network
    ) -> None:
        with httpkit.Session(resolve={f"api.test:{third.port}": "127.0.0.3"}) as session:
            session.get(third.url_as("api.test"))
            session.get(server.url_as("api.test"))
        assert (len(third.requests), len(server.requests), dns.queries) == (1, 1, ["api.test"])

    def test_a_callable_is_asked_once_for_each_connection(self, third: RecordingServer) -> None:
        asked: list[tuple[str, int]] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.3"]

        with httpkit.Session(resolve=resolve) as session:
            session.get(third.url_as("API.test"))
            session.get(third.url_as("api.test"))
            assert asked == [("api.test", third.port)]
            third.drop_connections()
            session.get(third.url_as("api.test"))
        assert asked == [("api.test", third.port)] * 2

    def test_a_callable_may_leave_it_to_the_system(self, server: RecordingServer, dns: Network) -> None:
        with httpkit.Session(resolve=lambda host, port: None) as session:
            session.get(server.url_as("api.test"))
        assert dns.queries == ["api.test"]

    def test_what_a_callable_raises_is_the_programs_own(self, server: RecordingServer) -> None:
        def resolve(host: str, port: int) -> str:
            raise LookupError(host)

        with httpkit.Session(resolve=resolve) as session, pytest.raises(LookupError, match=r"api\.test"):
            session.get(server.url_as("api.test"))

    def test_a_callable_that_gives_none_of_any_use_says_so(self) -> None:
        session = httpkit.Session(resolve=lambda host, port: [])
        with session, pytest.raises(ConnectionError, match="resolve= gave no address"):
            session.get("http://api.test/")

    def test_adapters_never_share_connections(self, server: RecordingServer, third: RecordingServer) -> None:
        url = server.url_as("api.test")
        with httpkit.Session() as session:
            session.mount(f"{url}/third", HTTPAdapter(resolve={"api.test": "127.0.0.3"}))
            session.get(url + "/x")
            with pytest.raises(ConnectionError):
                session.get(url + "/third")
            assert session.get(url + "/x").ok
        assert server.connections == 1

    @pytest.mark.parametrize(
        "twin_of", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy], ids=["pickle", "copy"]
    )
    @pytest.mark.parametrize("resolve", [{"api.test": ["127.0.0.3"]}, at_third], ids=["mapping", "function"])
    def test_it_survives_pickling(self, third: RecordingServer, resolve: Any, twin_of: Any) -> None:
        with httpkit.Session(resolve=resolve) as session, twin_of(session) as twin:
            assert twin.get(third.url_as("api.test")).ok

    def test_a_retrying_adapter_goes_the_same_way(self, third: RecordingServer) -> None:
        with httpkit.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=2, resolve={"api.test": "127.0.0.3"}))
            assert session.get(third.url_as("api.test")).ok

    def test_it_holds_for_the_name_of_a_proxy(self, server: RecordingServer, dns: Network) -> None:
        with ProxyServer({"origin.test": server}) as proxy:
            with httpkit.Session(resolve={"proxy.invalid": proxy.host}) as session:
                proxies = {"http": proxy.url_as("proxy.invalid")}
                assert session.get("http://origin.test/", proxies=proxies).ok
            assert proxy.last.target == "http://origin.test/"

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    def test_a_socks_proxy_is_told_the_address(self, serve_tls: Serve, ca_file: str, scheme: str) -> None:
        pytest.importorskip("socks")
        server = serve_tls()
        with Socks5Server({"127.0.0.9": server}) as proxy:
            with httpkit.Session(resolve={"api.test": "127.0.0.9"}) as session:
                proxies = {"https": proxy.url_for(scheme)}
                assert session.get("https://api.test/", proxies=proxies, verify=ca_file).ok
            assert (proxy.requests[0].host, proxy.requests[0].kind) == ("127.0.0.9", "ipv4")
        tls = server.last.tls
        assert tls is not None
        assert tls.sni == "api.test"


class TestSubclasses:
    def test_stock_pools_of_a_subclass_are_led_too(self, third: RecordingServer) -> None:
        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block)

        with httpkit.Session() as session:
            session.mount("http://", Mine(resolve={"api.test": "127.0.0.3"}))
            assert session.get(third.url_as("api.test")).ok

    def test_pools_that_cannot_be_led_are_no_silent_way_round(self) -> None:
        class Theirs(urllib3.HTTPConnectionPool):
            pass

        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager()
                self.poolmanager.pool_classes_by_scheme = {"http": Theirs}

        assert Mine().poolmanager is not None
        with pytest.raises(TypeError, match="Theirs"):
            Mine(resolve={"api.test": "127.0.0.3"})

    def test_a_session_of_a_program_needs_no_arguments(self, third: RecordingServer) -> None:
        class Mine(httpkit.Session):
            def __init__(self, base: str) -> None:
                super().__init__()
                self.base = base

        class Led(httpkit.Session):
            def __init__(self) -> None:
                super().__init__(resolve={"api.test": "127.0.0.3"})

        with Mine("x") as session:
            assert session.get(third.url).ok
        with Led() as session:
            assert session.get(third.url_as("api.test")).ok

    def test_an_adapter_in_the_place_of_ours_needs_none_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Theirs(HTTPAdapter):
            def __init__(self) -> None:
                super().__init__()

        monkeypatch.setattr("httpkit.sessions.HTTPAdapter", Theirs)
        assert type(httpkit.Session().adapters["http://"]) is Theirs


class TestSeveralAddresses:
    """RFC 8305."""

    @pytest.mark.parametrize("dead, alive", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
    def test_a_family_that_does_not_work_costs_nothing(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch, dead: str, alive: str
    ) -> None:
        server = serve(host=alive)
        with socket.create_server(
            (dead, 0), family=socket.AF_INET6 if ":" in dead else socket.AF_INET
        ) as taken:
            port = taken.getsockname()[1]
        lookups = names(monkeypatch, (dead, port), (alive, server.port))
        with httpkit.Session() as session:
            assert session.get("http://api.test/", timeout=5).ok
            assert session.get("http://api.test/", timeout=5).ok
        assert lookups == ["api.test"]

    def test_one_that_never_answers_does_not_use_up_the_time_of_the_others(
        self, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with full_backlog_listener() as hole:
            names(monkeypatch, hole, (server.host, server.port))
            with httpkit.Session() as session:
                assert session.get("http://api.test/", timeout=5).ok

    def test_the_connect_timeout_bounds_them_together_and_names_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with full_backlog_listener() as one, full_backlog_listener("127.0.0.2") as other:
            names(monkeypatch, one, other)
            monkeypatch.setitem(addresses.connect.__kwdefaults__, "delay", 0.001)
            with httpkit.Session() as session, pytest.raises(ConnectTimeout) as caught:
                session.get("http://api.test/", timeout=(0.15, 5))
        assert re.fullmatch(
            r"No connection to api\.test:80 within 0\.15 seconds \(connect timeout, after .*connect 0\.\d\d s\): "
            r"127\.0\.0\.1: no answer in time; 127\.0\.0\.2: no answer in time\. "
            r"If it may take longer, give timeout=\(connect, read\) with a larger connect",
            str(caught.value),
        )

    def test_an_error_names_all_that_were_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        names(monkeypatch, ("::1", port), ("127.0.0.1", port))
        with httpkit.Session() as session, pytest.raises(ConnectionError) as caught:
            session.get("http://api.test/")
        assert str(caught.value) == (
            "Cannot connect to api.test:80: connection refused. Is it running, and is the port right? "
            "Tried ::1, 127.0.0.1"
        )
        assert "::1: Connection refused; 127.0.0.1: Connection refused" in str(caught.value.args[0])

    def test_settings_of_the_connection_hold(
        self, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names(monkeypatch, ("::1", server.port), (server.host, server.port))
        keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        adapter = HTTPAdapter(source_address=("127.0.0.7", 0), socket_options=[keepalive])
        with httpkit.Session() as session:
            session.mount("http://", adapter)
            response = session.get("http://api.test/", stream=True)
            sock = response.raw.connection.sock
            assert sock.getsockname()[0] == "127.0.0.7"
            assert sock.getsockopt(*keepalive[:2])
            response.close()


class TestWhatProgramsPatch:
    def test_a_replaced_create_connection_of_urllib3_is_used(
        self, third: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = urllib3_connecting.create_connection

        def elsewhere(address: Any, *args: Any, **kwargs: Any) -> Any:
            return original(("127.0.0.3", third.port), *args, **kwargs)

        monkeypatch.setattr(urllib3_connecting, "create_connection", elsewhere)
        with httpkit.Session() as session:
            assert session.get("http://nowhere.invalid/").ok
        assert third.last.header("host") == "nowhere.invalid"

    def test_families_that_urllib3_is_told_to_leave_out_are_not_looked_up(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve()
        asked = []
        original = socket.getaddrinfo

        def getaddrinfo(*question: Any) -> Any:
            asked.append(question[2])
            return original(*question)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(urllib3_connecting, "allowed_gai_family", lambda: socket.AF_INET)
        with httpkit.Session() as session:
            session.get(server.url_as("localhost"))
        assert asked == [socket.AF_INET]


class TestAddressesInURLs:
    @pytest.mark.parametrize("host", ["[::1]", "[::1%251]"], ids=["plain", "with a zone"])
    def test_an_ipv6_address_is_connected_to(self, serve: Serve, host: str) -> None:
        server = serve(host="::1")
        with httpkit.Session() as session:
            session.get(f"http://{host}:{server.port}/")
        assert server.last.header("host") == f"[::1]:{server.port}"

    def test_one_can_be_overridden_as_a_name_can(self, third: RecordingServer) -> None:
        with httpkit.Session(resolve={f"[::1]:{third.port}": "127.0.0.3"}) as session:
            session.get(f"http://[::1]:{third.port}/")
        assert third.last.header("host") == f"[::1]:{third.port}"
