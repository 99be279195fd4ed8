"""allow_addresses: nothing is connected to that the policy refuses, whatever name, hop, proxy or pool led there.

The server at 127.0.0.1 stands for what is allowed, the one at 127.0.0.2 for what must not be reached.
"""

from __future__ import annotations

import copy
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import urllib3
from urllib3.util import connection as urllib3_connecting

import httpkit
from httpkit._wire import addresses, connections
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.address_policy import AddressPolicy
from httpkit.exceptions import AddressNotAllowed, ConnectionError, RequestException
from httpkit.unix import UnixAdapter
from tests.servers import ProxyServer, RecordingServer, Reply, Socks5Server
from tests.servers.guard import Network

Serve = Callable[..., RecordingServer]

ALLOWED = "127.0.0.1"


@pytest.fixture
def outer(serve: Serve) -> RecordingServer:
    return serve()


@pytest.fixture
def inner(serve: Serve) -> Iterator[RecordingServer]:
    """What must not be reached: the test fails when somebody so much as connects to it."""
    server = serve(host="127.0.0.2")
    yield server
    assert server.connections == 0


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The address of every socket that is opened to connect, from now on."""
    tried: list[Any] = []
    original = addresses._opened

    def remember(address: Any, *args: Any) -> socket.socket:
        tried.append(address[3])
        return original(address, *args)

    monkeypatch.setattr(addresses, "_opened", remember)
    return tried


def answers(monkeypatch: pytest.MonkeyPatch, *rounds: list[tuple[str, int]]) -> list[Any]:
    """What the lookups find, one after the other and the last again and again; the names that were asked for."""
    asked: list[Any] = []

    def getaddrinfo(host: Any, *_: Any) -> list[Any]:
        found = rounds[min(len(asked), len(rounds) - 1)]
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", place)
            for place in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


class TestPublic:
    """The word that programs are told to use."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "http://localhost/",
            "https://localhost/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::]/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://100.100.100.200/",
            "http://192.0.0.192/",
            "http://168.63.129.16/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1%25lo]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:7f00:1::]/",
            "http://１２７.0.0.1/",
            "http://user:pw@8.8.8.8@127.0.0.1/",
        ],
    )
    def test_nothing_of_this_machine_or_network_is_so_much_as_tried(
        self, attempts: list[Any], url: str
    ) -> None:
        with httpkit.Session(allow_addresses="public") as session:
            session.trust_env = False
            with pytest.raises(AddressNotAllowed) as caught:
                session.get(url)
        assert attempts == []
        assert caught.value.request is not None
        assert caught.value.response is None
        assert "pw" not in str(caught.value)

    def test_the_error_says_who_where_why_and_what_to_do(self, dns: Network) -> None:
        dns.hosts["wiki.test"] = "127.0.0.2"
        with httpkit.Session(allow_addresses="public") as session, pytest.raises(AddressNotAllowed) as caught:
            session.get("http://wiki.test/")
        assert str(caught.value) == (
            "the address 127.0.0.2 of wiki.test is refused by allow_addresses: it is loopback (RFC 1122 §3.2.1.3). "
            'If calls may go there, add it: allow_addresses=["public", "127.0.0.2"]'
        )
        assert (caught.value.host, caught.value.address) == ("wiki.test", "127.0.0.2")
        assert isinstance(caught.value, (RequestException, PermissionError))
        assert not isinstance(caught.value, ConnectionError)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.host, again.address, str(again)) == ("wiki.test", "127.0.0.2", str(caught.value))

    def test_a_public_address_is_connected_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class ReachedError(Exception):
            pass

        def connect_to(address: Any, *_: Any) -> Any:
            raise ReachedError(address[3])

        monkeypatch.setattr(addresses, "_connect_to", connect_to)
        answers(monkeypatch, [("8.8.8.8", 80)])
        with httpkit.Session(allow_addresses="public") as session, pytest.raises(ReachedError) as caught:
            session.get("http://api.test/")
        assert caught.value.args == (("8.8.8.8", 80),)

    def test_without_it_everything_is_allowed(self, outer: RecordingServer) -> None:
        with httpkit.Session() as session:
            assert session.allow_addresses is None
            assert session.get(outer.url).ok


class TestEachAddress:
    def test_what_is_allowed_is_reached_and_kept(self, outer: RecordingServer) -> None:
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            assert session.get(outer.url).ok
            assert session.get(outer.url).ok
        assert outer.connections == 1

    def test_a_name_is_judged_by_where_it_leads(self, inner: RecordingServer, dns: Network) -> None:
        dns.hosts["good.test"] = "127.0.0.2"
        with httpkit.Session(allow_addresses=ALLOWED) as session, pytest.raises(AddressNotAllowed):
            session.get(inner.url_as("good.test"))

    def test_of_several_addresses_those_that_are_allowed_are_tried(
        self, outer: RecordingServer, inner: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [("127.0.0.2", inner.port), ("127.0.0.1", outer.port), ("::1", inner.port)])
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            assert session.get("http://api.test/").ok

    def test_none_of_several_being_allowed_none_is_tried(
        self, attempts: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [("127.0.0.2", 80), ("::1", 80)])
        with httpkit.Session(allow_addresses=ALLOWED) as session, pytest.raises(AddressNotAllowed):
            session.get("http://api.test/")
        assert attempts == []

    def test_an_allowed_address_that_fails_is_not_made_up_for_by_one_that_is_not(
        self, inner: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        answers(monkeypatch, [("127.0.0.1", port), ("127.0.0.2", inner.port)])
        with httpkit.Session(allow_addresses=ALLOWED) as session, pytest.raises(ConnectionError):
            session.get("http://api.test/")

    def test_an_answer_that_changes_gains_nothing(
        self, outer: RecordingServer, inner: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """DNS rebinding: what was looked up and checked is what is connected to, with no second lookup."""
        asked = answers(monkeypatch, [("127.0.0.1", outer.port)], [("127.0.0.2", inner.port)])
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            assert session.get("http://api.test/").ok
            assert asked == ["api.test"]
            outer.drop_connections()
            with pytest.raises(AddressNotAllowed):
                session.get("http://api.test/")
        assert asked == ["api.test", "api.test"]

    def test_a_name_in_the_place_of_an_address_is_not_looked_up_again(
        self, attempts: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [("localhost", 80)])
        session = httpkit.Session(allow_addresses=("0.0.0.0/0", "::/0"))
        with session, pytest.raises(AddressNotAllowed, match="it is no IP address"):
            session.get("http://api.test/")
        assert attempts == []

    def test_the_peer_of_the_socket_is_checked_too(
        self, outer: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """0.0.0.0 is connected to this machine, and functions of the socket module can be replaced."""
        policy = AddressPolicy(allow=["0.0.0.0", "127.0.0.9"], deny="127.0.0.1")
        answers(monkeypatch, [("127.0.0.9", outer.port)])

        def connect(sock: socket.socket, address: Any) -> None:
            original(sock, ("127.0.0.1", address[1]))

        original = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", connect)
        session = httpkit.Session(allow_addresses=policy)
        with session, pytest.raises(AddressNotAllowed, match=r"127\.0\.0\.1 .* is denied"):
            session.get("http://api.test/")
        assert outer.requests == []

    def test_addresses_that_race_are_checked_as_well(
        self, outer: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers(monkeypatch, [("127.0.0.1", outer.port), ("::1", outer.port)])
        asked: list[str] = []

        def fickle(address: Any) -> bool:
            asked.append(str(address))
            return len(asked) < 3  # both before they are tried, and then the winner's peer

        with httpkit.Session(allow_addresses=fickle) as session, pytest.raises(AddressNotAllowed):
            session.get("http://api.test/")
        assert outer.requests == []

    def test_overrides_of_names_are_checked(self, inner: RecordingServer) -> None:
        session = httpkit.Session(resolve={"api.test": "127.0.0.2"}, allow_addresses=ALLOWED)
        with session, pytest.raises(AddressNotAllowed):
            session.get(inner.url_as("api.test"))

    def test_a_create_connection_of_the_program_is_no_way_round(
        self, inner: RecordingServer, dns: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = urllib3_connecting.create_connection

        def elsewhere(address: Any, *args: Any, **kwargs: Any) -> Any:
            return original(("127.0.0.2", inner.port), *args, **kwargs)

        monkeypatch.setattr(urllib3_connecting, "create_connection", elsewhere)
        with httpkit.Session(allow_addresses=ALLOWED) as session, pytest.raises(AddressNotAllowed):
            session.get(inner.url)

    @pytest.mark.parametrize("retries", [0, 3, urllib3.Retry(total=5, connect=5, read=5, backoff_factor=0)])
    def test_it_is_never_tried_again(
        self, attempts: list[Any], monkeypatch: pytest.MonkeyPatch, retries: Any
    ) -> None:
        asked = answers(monkeypatch, [("127.0.0.2", 80)])
        with httpkit.Session(retry=3) as session:
            session.mount("http://", HTTPAdapter(max_retries=retries, allow_addresses="public"))
            with pytest.raises(AddressNotAllowed):
                session.get("http://api.test/")
            session.mount("http://", HTTPAdapter(allow_addresses="public"))
            with pytest.raises(AddressNotAllowed):
                session.get("http://api.test/")
        assert (asked, attempts) == (["api.test", "api.test"], [])

    def test_tls_is_guarded_as_well(
        self, serve_tls: Serve, ca_file: str, dns: Network, attempts: list[Any]
    ) -> None:
        server = serve_tls()
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            assert session.get(server.url_as("localhost"), verify=ca_file).ok
        attempts.clear()
        with httpkit.Session(allow_addresses="public") as session, pytest.raises(AddressNotAllowed):
            session.get(server.url_as("localhost"), verify=ca_file)
        assert attempts == []


class TestEachHop:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_does_not_lead_there(
        self, serve: Serve, inner: RecordingServer, dns: Network, status: int
    ) -> None:
        dns.hosts["inner.test"] = "127.0.0.2"
        outer = serve(Reply.redirect(inner.url_as("inner.test"), status))
        with httpkit.Session(allow_addresses=ALLOWED) as session, pytest.raises(AddressNotAllowed):
            session.get(outer.url)
        assert len(outer.requests) == 1

    def test_nor_does_a_hop_to_an_adapter_that_cannot_be_guarded(self, serve: Serve) -> None:
        with TemporaryDirectory() as place:
            path = str(Path(place) / "s").replace("/", "%2F")
            outer = serve(Reply.redirect(f"http+unix://{path}/"))
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                session.mount("http+unix://", UnixAdapter())
                with pytest.raises(RequestException):
                    session.get(outer.url)
                with pytest.raises(AddressNotAllowed, match="Unix socket"):
                    session.get(f"http+unix://{path}/")


class TestAdapters:
    def test_an_adapter_has_it_alone_too(self, outer: RecordingServer, inner: RecordingServer) -> None:
        with httpkit.Session() as session:
            session.mount("http://", HTTPAdapter(allow_addresses=ALLOWED))
            assert session.get(outer.url).ok
            with pytest.raises(AddressNotAllowed):
                session.get(inner.url)

    @pytest.mark.parametrize("retries", [0, 2], ids=["directly", "through urlopen"])
    def test_that_of_the_session_holds_for_every_adapter(
        self, outer: RecordingServer, inner: RecordingServer, retries: int
    ) -> None:
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            session.mount("http://", HTTPAdapter(max_retries=retries))
            session.adapters["http://127.0.0.2"] = HTTPAdapter(max_retries=retries)
            assert session.get(outer.url).ok
            with pytest.raises(AddressNotAllowed):
                session.get(inner.url)

    def test_that_of_the_adapter_beats_the_sessions(
        self, outer: RecordingServer, inner: RecordingServer
    ) -> None:
        with httpkit.Session(allow_addresses="public") as session:
            session.mount(f"http://127.0.0.1:{outer.port}", HTTPAdapter(allow_addresses=ALLOWED))
            assert session.get(outer.url).ok
            with pytest.raises(AddressNotAllowed):
                session.get(inner.url)

    def test_a_connection_that_was_made_without_it_serves_no_guarded_call(
        self, outer: RecordingServer
    ) -> None:
        adapter = HTTPAdapter()
        with httpkit.Session() as session, httpkit.Session(allow_addresses="public") as guarded:
            session.mount("http://", adapter)
            guarded.mount("http://", adapter)
            assert session.get(outer.url).ok
            with pytest.raises(AddressNotAllowed, match="loopback"):
                guarded.get(outer.url)
        assert len(outer.requests) == 1

    def test_a_connection_that_is_in_use_meanwhile_is_not_kept_either(self, outer: RecordingServer) -> None:
        with httpkit.Session() as session:
            response = session.get(outer.url, stream=True)
            session.allow_addresses = "public"
            assert response.json()
            with pytest.raises(AddressNotAllowed, match="loopback"):
                session.get(outer.url)
        assert len(outer.requests) == 1

    def test_it_can_be_set_changed_and_lifted(self, outer: RecordingServer) -> None:
        with httpkit.Session() as session:
            session.allow_addresses = ALLOWED
            assert session.allow_addresses == AddressPolicy(allow=ALLOWED)
            assert session.get(outer.url).ok
            session.allow_addresses = ["public"]
            with pytest.raises(AddressNotAllowed):
                session.get(outer.url)
            session.allow_addresses = None
            assert session.get(outer.url).ok

    def test_sessions_with_different_policies_share_no_adapter(self, outer: RecordingServer) -> None:
        adapter = HTTPAdapter()
        with (
            httpkit.Session(allow_addresses=ALLOWED) as one,
            httpkit.Session(allow_addresses="public") as other,
        ):
            one.mount("http://", adapter)
            other.mount("http://", adapter)
            assert one.get(outer.url).ok
            with pytest.raises(ValueError, match="different allow_addresses"):
                other.get(outer.url)
            assert one.get(outer.url).ok

    def test_sessions_with_the_same_policy_may(self, outer: RecordingServer) -> None:
        adapter = HTTPAdapter()
        for _ in range(2):
            with httpkit.Session(allow_addresses=[ALLOWED]) as session:
                session.mount("http://", adapter)
                assert session.get(outer.url).ok

    @pytest.mark.parametrize(
        "twin_of", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy], ids=["pickle", "copy"]
    )
    def test_it_survives_pickling(
        self, outer: RecordingServer, inner: RecordingServer, twin_of: Callable[[Any], Any]
    ) -> None:
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            session.get(outer.url)
            with twin_of(session) as twin:
                assert twin.allow_addresses == session.allow_addresses
                assert twin.get(outer.url).ok
                with pytest.raises(AddressNotAllowed):
                    twin.get(inner.url)
                twin.mount("http://127.0.0.2", HTTPAdapter())
                with pytest.raises(AddressNotAllowed):
                    twin.get(inner.url)
                twin.allow_addresses = "public"
                with pytest.raises(AddressNotAllowed):
                    twin.get(outer.url)

    def test_adapters_of_another_make_are_refused(self) -> None:
        class Mine(BaseAdapter):
            def send(self, *args: Any, **kwargs: Any) -> Any:
                raise AssertionError("it was asked to send")

            def close(self) -> None:
                pass

        with httpkit.Session(allow_addresses="public") as session:
            session.mount("http://", Mine())
            with pytest.raises(AddressNotAllowed, match="Mine") as caught:
                session.get("http://api.test/")
        assert caught.value.request is not None

    def test_stock_pools_of_a_subclass_are_guarded_too(
        self, outer: RecordingServer, inner: RecordingServer
    ) -> None:
        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block)

        for session, adapter in (
            (httpkit.Session(), Mine(allow_addresses=ALLOWED)),
            (httpkit.Session(allow_addresses=ALLOWED), Mine()),
        ):
            with session:
                session.mount("http://", adapter)
                assert session.get(outer.url).ok
                with pytest.raises(AddressNotAllowed):
                    session.get(inner.url)

    def test_pools_of_another_make_are_no_silent_way_round(self, inner: RecordingServer) -> None:
        class Theirs(urllib3.HTTPConnectionPool):
            pass

        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager()
                self.poolmanager.pool_classes_by_scheme = {"http": Theirs}

        with pytest.raises(TypeError, match=r"allow_addresses.*Theirs"):
            Mine(allow_addresses=ALLOWED)
        with httpkit.Session(allow_addresses=ALLOWED) as session:
            session.mount("http://", Mine())
            with pytest.raises(TypeError, match="Theirs"):
                session.get(inner.url)

    @pytest.mark.parametrize("how", ["replaced later", "overridden method", "overridden proxy manager"])
    def test_nor_is_a_pool_that_comes_from_elsewhere(self, inner: RecordingServer, how: str) -> None:
        class Mine(HTTPAdapter):
            def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
                if how == "overridden method":
                    return urllib3.PoolManager().connection_from_url(inner.url)
                return super().get_connection_with_tls_context(*args, **kwargs)

            def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
                return urllib3.ProxyManager(proxy)

        adapter = Mine(allow_addresses=["127.0.0.0/8"])
        if how == "replaced later":
            adapter.poolmanager = urllib3.PoolManager()
        proxies = {"http": inner.url} if how == "overridden proxy manager" else {}
        with httpkit.Session() as session:
            session.mount("http://", adapter)
            with pytest.raises(AddressNotAllowed, match="of its own"):
                session.get(inner.url, proxies=proxies)

    def test_nor_are_connections_that_replace_urllib3s(
        self, inner: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Recorded(urllib3.connection.HTTPConnection):
            pass

        monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Recorded)
        session = httpkit.Session(allow_addresses="127.0.0.0/8")
        with session, pytest.raises(AddressNotAllowed, match="replaced"):
            session.get(inner.url)

    @pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets on this system")
    def test_a_socket_has_no_address_to_be_checked(self) -> None:
        for make in (httpkit.Session, HTTPAdapter):
            with pytest.raises(ValueError, match="exclude each other"):
                make(uds="/run/s", allow_addresses="public")
        with pytest.raises(TypeError, match="allow_addresses"):
            UnixAdapter(allow_addresses="public")
        with httpkit.Session(allow_addresses="public") as session:
            session.mount("http://", HTTPAdapter(uds="/run/s"))
            with pytest.raises(ValueError, match="exclude each other"):
                session.get("http://api.test/")

    def test_a_wrong_value_is_refused_when_it_is_given(self) -> None:
        for make in (httpkit.Session, HTTPAdapter):
            with pytest.raises(ValueError, match="allow"):
                make(allow_addresses="private")
        with httpkit.Session(allow_addresses="public") as session:
            with pytest.raises(ValueError, match="allow"):
                session.allow_addresses = "10.0.0.1/8"
            assert session.allow_addresses == AddressPolicy()

    def test_threads_that_begin_together_are_all_guarded(
        self, outer: RecordingServer, inner: RecordingServer
    ) -> None:
        adapter = HTTPAdapter()
        outcomes: list[Any] = []
        start = threading.Barrier(8)

        def call(url: str) -> None:
            with httpkit.Session(allow_addresses=[ALLOWED]) as session:
                session.mount("http://", adapter)
                start.wait()
                try:
                    outcomes.append(session.get(url).status_code)
                except AddressNotAllowed as error:
                    outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=call, args=((outer, inner)[n % 2].url,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        adapter.close()
        assert sorted(map(str, outcomes)) == ["200"] * 4 + ["AddressNotAllowed"] * 4


class TestProxies:
    """The proxy connects, so its own address is what can be checked, and addresses in URLs."""

    def test_the_address_of_the_proxy_is_checked(self, outer: RecordingServer, attempts: list[Any]) -> None:
        with ProxyServer({"api.test": outer}, host="127.0.0.2") as proxy:
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                session.proxies = {"all": proxy.url}
                for url in ("http://api.test/", "https://api.test/"):
                    with pytest.raises(AddressNotAllowed, match=r"127\.0\.0\.2"):
                        session.get(url)
                assert attempts == []
            with httpkit.Session(allow_addresses=[ALLOWED, "127.0.0.2"]) as session:
                session.proxies = {"all": proxy.url}
                assert session.get("http://api.test/").ok

    @pytest.mark.parametrize(
        "url",
        [
            "http://10.0.0.1/",
            "https://169.254.169.254/",
            "http://[::1]/",
            "http://localhost/",
            "https://admin.localhost/",
        ],
    )
    def test_an_address_in_the_url_is_checked_and_the_proxy_not_asked(self, url: str) -> None:
        with ProxyServer(host="127.0.0.3") as proxy:
            with httpkit.Session(allow_addresses=["public", "127.0.0.3"]) as session:
                session.proxies = {"all": proxy.url}
                with pytest.raises(AddressNotAllowed):
                    session.get(url)
            assert proxy.connections == 0

    @pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
    def test_a_proxy_of_the_environment_is_refused_and_one_of_the_program_is_not(
        self, outer: RecordingServer, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        with ProxyServer({"api.test": outer}) as proxy:
            monkeypatch.setenv(variable, proxy.url.replace("//", "//user:secret@"))
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                with pytest.raises(AddressNotAllowed, match="environment") as caught:
                    session.get("http://api.test/")
                assert "secret" not in str(caught.value)
                assert proxy.requests == []
                assert session.get("http://api.test/", proxies={"http": proxy.url}).ok
                session.trust_env = False
                assert session.get(outer.url).ok
            assert len(proxy.requests) == 1

    def test_a_redirect_does_not_bring_the_environments_back(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outer = serve(Reply.redirect("http://other.test/"))
        with ProxyServer() as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            session = httpkit.Session(allow_addresses=ALLOWED)
            with session, pytest.raises(AddressNotAllowed, match="environment"):
                session.get(outer.url)
            assert proxy.requests == []

    @pytest.mark.parametrize("scheme", ["socks5", "socks4"])
    def test_a_socks_proxy_is_told_an_address_that_was_checked(
        self, outer: RecordingServer, dns: Network, monkeypatch: pytest.MonkeyPatch, scheme: str
    ) -> None:
        pytest.importorskip("socks")
        dns.hosts["inner.test"] = "127.0.0.2"
        with Socks5Server({"127.0.0.1": outer}) as proxy:
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                session.proxies = {"http": proxy.url_for(scheme)}
                assert session.get("http://api.test/").ok
                with pytest.raises(AddressNotAllowed, match=r"inner\.test"):
                    session.get("http://inner.test/")
                session.get("http://api.test/")
            assert [(request.host, request.kind) for request in proxy.requests] == [("127.0.0.1", "ipv4")]

    def test_a_name_that_changes_its_answer_gains_nothing_behind_socks(
        self, outer: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("socks")
        with Socks5Server({"127.0.0.1": outer}) as proxy:
            original = socket.getaddrinfo
            asked: list[Any] = []

            def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
                if host != "api.test":
                    return original(host, *args, **kwargs)
                asked.append(host)
                return original("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *args, **kwargs)

            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                session.proxies = {"http": proxy.url_for("socks5")}
                assert session.get("http://api.test/").ok
            assert [request.host for request in proxy.requests] == ["127.0.0.1"]

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4a"])
    def test_the_address_of_a_socks_proxy_is_checked(self, scheme: str) -> None:
        pytest.importorskip("socks")
        with Socks5Server() as proxy, httpkit.Session(allow_addresses="127.0.0.9") as session:
            session.proxies = {"http": proxy.url_for(scheme)}
            with pytest.raises(AddressNotAllowed, match=r"127\.0\.0\.1"):
                session.get("http://api.test/")
            assert proxy.requests == []

    def test_a_socks_proxy_whose_name_changes_its_answer_is_connected_to_where_it_was_checked(
        self, outer: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("socks")
        with Socks5Server({"api.test": outer}) as proxy:
            original = socket.getaddrinfo
            asked: list[Any] = []

            def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
                if host == "proxy.test":
                    asked.append(host)
                    host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
                return original(host, *args, **kwargs)

            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            with httpkit.Session(allow_addresses=ALLOWED) as session:
                session.proxies = {"http": f"socks5h://proxy.test:{proxy.port}"}
                assert session.get("http://api.test/").ok
            assert asked == ["proxy.test"]

    def test_names_are_the_proxys_to_look_up(self, outer: RecordingServer) -> None:
        """What it cannot promise, and says so."""
        pytest.importorskip("socks")
        with Socks5Server({"api.test": outer}) as proxy, httpkit.Session(allow_addresses=ALLOWED) as session:
            session.proxies = {"http": proxy.url_for("socks5h")}
            assert session.get("http://api.test/").ok
            assert proxy.requests[0].kind == "name"

    def test_an_override_behind_a_socks_proxy_is_checked(self) -> None:
        pytest.importorskip("socks")
        with Socks5Server() as proxy:
            session = httpkit.Session(resolve={"api.test": "127.0.0.2"}, allow_addresses=ALLOWED)
            with session:
                session.proxies = {"http": proxy.url_for("socks5h")}
                with pytest.raises(AddressNotAllowed, match=r"127\.0\.0\.2"):
                    session.get("http://api.test/")
            assert proxy.requests == []


def test_a_connection_used_by_hand_raises_what_is_no_failure_of_the_network(inner: RecordingServer) -> None:
    """urllib3's own retries catch every OSError."""
    conn = connections.HTTPConnection("127.0.0.2", inner.port)
    conn.route = addresses.Route(guard=AddressPolicy())
    with pytest.raises(addresses.Guarded) as caught:
        conn.connect()
    assert isinstance(caught.value.args[0], AddressNotAllowed)
    assert not isinstance(caught.value, OSError)
