"""HTTPAdapter without a network: what it is made of, which pool serves whom, and what a response is built from."""

from __future__ import annotations

import inspect
import pickle
import socket
import ssl
import sys
import warnings
from http.client import HTTPMessage
from types import SimpleNamespace
from typing import Any

import certifi
import pytest
import urllib3

import httpkit
from httpkit import adapters
from httpkit._wire import connections, pools
from httpkit._wire.tls import TLSFileNotFound
from httpkit.adapters import BaseAdapter, HTTPAdapter
from httpkit.exceptions import InvalidProxyURL, InvalidSchema, InvalidURL, MissingSchema, RequestException
from httpkit.structures import CaseInsensitiveDict
from httpkit.timeouts import Timeout
from tests.servers import Authority


def prepared(url: str, method: str = "GET", **kwargs: Any) -> httpkit.PreparedRequest:
    return httpkit.Request(method, url, **kwargs).prepare()


def pool_for(
    adapter: HTTPAdapter, url: str, verify: Any = True, cert: Any = None, proxies: Any = None
) -> Any:
    return adapter.get_connection_with_tls_context(prepared(url), verify, proxies=proxies, cert=cert)


class TestBaseAdapter:
    def test_is_a_law_and_no_implementation(self) -> None:
        adapter = BaseAdapter()
        with pytest.raises(NotImplementedError):
            adapter.send(prepared("http://a.test/"))
        with pytest.raises(NotImplementedError):
            adapter.close()
        assert inspect.getdoc(BaseAdapter.send)

    def test_send_has_the_signature_that_sessions_and_subclasses_rely_on(self) -> None:
        for kind in (BaseAdapter, HTTPAdapter):
            parameters = list(inspect.signature(kind.send).parameters)
            assert parameters == ["self", "request", "stream", "timeout", "verify", "cert", "proxies"]


class TestConstruction:
    def test_names_that_programs_import_are_here(self) -> None:
        expected = {
            "BaseAdapter", "HTTPAdapter", "DEFAULT_POOLBLOCK", "DEFAULT_POOLSIZE", "DEFAULT_RETRIES",
            "DEFAULT_POOL_TIMEOUT", "Retry", "MaxRetryError", "ClosedPoolError", "ConnectTimeoutError",
            "LocationValueError", "NewConnectionError", "ProtocolError", "ReadTimeoutError", "ResponseError",
            "_HTTPError", "_InvalidHeader", "_ProxyError", "_SSLError", "PoolManager", "proxy_from_url", "TimeoutSauce",
            "Response", "CaseInsensitiveDict", "select_proxy", "extract_cookies_to_jar", "get_encoding_from_headers",
        }  # fmt: skip
        assert expected <= set(dir(adapters))
        assert (adapters.DEFAULT_POOLSIZE, adapters.DEFAULT_RETRIES) == (10, 0)
        assert (adapters.DEFAULT_POOLBLOCK, adapters.DEFAULT_POOL_TIMEOUT) == (False, None)

    def test_arguments_have_the_order_of_requests(self) -> None:
        adapter = HTTPAdapter(3, 4, 5, True)
        assert adapter.poolmanager.pools._maxsize == 3
        assert adapter.poolmanager.connection_pool_kw["maxsize"] == 4
        assert adapter.max_retries.total == 5
        assert adapter.poolmanager.connection_pool_kw["block"] is True

    def test_by_default_nothing_is_tried_twice(self) -> None:
        for none in (0, False):
            retries = HTTPAdapter(max_retries=none).max_retries
            assert (retries.total, retries.read) == (0, False)

    def test_a_retry_object_is_kept_as_it_is(self) -> None:
        retries = urllib3.Retry(2, status_forcelist=[503])
        assert HTTPAdapter(max_retries=retries).max_retries is retries

    def test_its_pools_and_connections_are_ours(self) -> None:
        adapter = HTTPAdapter()
        for url in ("http://a.test/", "https://a.test/"):
            pool = pool_for(adapter, url)
            assert type(pool) in (pools.HTTPConnectionPool, pools.HTTPSConnectionPool)
            assert isinstance(pool._new_conn(), connections.HTTPConnection)
        assert isinstance(adapter.poolmanager, urllib3.PoolManager)

    def test_urllib3_itself_is_left_alone(self) -> None:
        HTTPAdapter()
        assert type(urllib3.PoolManager().connection_from_url("http://a.test")) is urllib3.HTTPConnectionPool

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_replaced_connection_class_of_urllib3_is_used(
        self, scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stock = urllib3.poolmanager.pool_classes_by_scheme[scheme]
        pool = pool_for(HTTPAdapter(), f"{scheme}://a.test/")

        class Recording(stock.ConnectionCls):  # type: ignore[name-defined,misc]
            pass

        with monkeypatch.context() as patched:
            patched.setattr(stock, "ConnectionCls", Recording)
            assert type(pool._new_conn()) is Recording
        assert isinstance(pool._new_conn(), connections.HTTPConnection)
        pool.ConnectionCls = Recording
        assert type(pool._new_conn()) is Recording

    @pytest.mark.parametrize("subclass_has", ["timeout", "ssl_context", "source_address", "context"])
    def test_attributes_that_a_subclass_sets_first_are_not_overwritten(self, subclass_has: str) -> None:
        class Mine(HTTPAdapter):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                setattr(self, subclass_has, "mine")
                super().__init__(*args, **kwargs)

        assert getattr(Mine(max_retries=1), subclass_has) == "mine"


class TestSettings:
    OPTIONS = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]

    def test_reach_every_connection(self, ca: Authority) -> None:
        context = ca.client_context()
        adapter = HTTPAdapter(
            source_address=("127.0.0.9", 0),
            socket_options=self.OPTIONS,
            blocksize=4096,
            ssl_context=context,
            ssl_minimum_version=ssl.TLSVersion.TLSv1_2,
            ssl_maximum_version=ssl.TLSVersion.TLSv1_3,
            assert_fingerprint="aa" * 32,
            server_hostname="name.test",
            assert_hostname="other.test",
        )
        connection = pool_for(adapter, "https://a.test/")._new_conn()
        assert connection.source_address == ("127.0.0.9", 0)
        assert connection.socket_options == self.OPTIONS
        assert connection.blocksize == 4096
        assert connection.ssl_context is context
        assert connection.ssl_minimum_version == ssl.TLSVersion.TLSv1_2
        assert connection.ssl_maximum_version == ssl.TLSVersion.TLSv1_3
        assert connection.assert_fingerprint == "aa" * 32
        assert connection.server_hostname == "name.test"
        assert connection.assert_hostname == "other.test"

    def test_also_through_proxies(self) -> None:
        adapter = HTTPAdapter(source_address=("127.0.0.9", 0), server_hostname="name.test")
        for proxy in ("http://p.test:1", "socks5://p.test:1"):
            connection = pool_for(adapter, "https://a.test/", proxies={"https": proxy})._new_conn()
            assert connection.source_address == ("127.0.0.9", 0)
            assert connection.server_hostname == "name.test"

    def test_any_other_setting_of_urllib3_is_taken(self) -> None:
        assert HTTPAdapter(ca_cert_data="PEM").poolmanager.connection_pool_kw["ca_cert_data"] == "PEM"

    @pytest.mark.parametrize("name", ["sorce_address", "headers", "retries", "scheme", "_proxy", "maxsize"])
    def test_one_that_does_not_exist_is_a_type_error_that_names_it(self, name: str) -> None:
        with pytest.raises(TypeError, match=rf"{name}.*source_address"):
            HTTPAdapter(**{name: 1})

    @pytest.mark.parametrize("timeout", ["soon", 0, -1, (1, 2, 3), True, float("nan")])
    def test_a_default_timeout_that_means_nothing_is_refused(self, timeout: Any) -> None:
        with pytest.raises(ValueError, match="timeout"):
            HTTPAdapter(timeout=timeout)


class TestPickling:
    def test_settings_survive(self) -> None:
        adapter = HTTPAdapter(
            3,
            4,
            urllib3.Retry(2),
            True,
            timeout=(1, 2),
            source_address=("127.0.0.9", 0),
            socket_options=TestSettings.OPTIONS,
        )
        twin = pickle.loads(pickle.dumps(adapter))
        assert twin.max_retries.total == 2
        assert twin._default_timeout == Timeout(1, 2)
        assert twin.poolmanager.connection_pool_kw == adapter.poolmanager.connection_pool_kw
        assert twin.poolmanager.connection_pool_kw["source_address"] == ("127.0.0.9", 0)
        assert twin.poolmanager.pools._maxsize == 3
        assert (twin.proxy_manager, twin.config) == ({}, {})

    def test_state_of_a_subclass_that_has_the_attributes_of_requests_alone_is_enough(self) -> None:
        adapter = HTTPAdapter.__new__(HTTPAdapter)
        adapter.__setstate__(
            {"max_retries": 1, "config": {}, "_pool_connections": 1, "_pool_maxsize": 2, "_pool_block": False}
        )
        assert adapter.poolmanager.connection_pool_kw["maxsize"] == 2
        assert adapter._default_timeout is None

    def test_a_subclass_adds_attributes(self) -> None:
        twin = pickle.loads(pickle.dumps(Remembering("x")))
        assert twin.remembered == "x"
        assert twin.poolmanager.connection_pool_kw["server_hostname"] == "x"


class Remembering(HTTPAdapter):
    __attrs__ = [*HTTPAdapter.__attrs__, "remembered"]

    def __init__(self, remembered: str) -> None:
        self.remembered = remembered
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self.remembered, **kwargs)


class TestInitPoolmanager:
    def test_gets_sizes_by_position_and_the_rest_by_keyword(self) -> None:
        calls: list[Any] = []

        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kw: Any
            ) -> None:
                calls.append((connections, maxsize, block, kw))
                super().init_poolmanager(connections, maxsize, block, **kw)

        Mine(1, 2, blocksize=9)
        assert calls == [(1, 2, False, {"blocksize": 9})]

    def test_one_without_further_keywords_is_called_with_none(self) -> None:
        class Mine(HTTPAdapter):
            def init_poolmanager(self, connections: int, maxsize: int, block: bool = False) -> None:  # type: ignore[override]
                self.poolmanager = urllib3.PoolManager(connections, maxsize=maxsize, block=block)

        assert type(pool_for(Mine(), "http://a.test/")) is urllib3.HTTPConnectionPool

    def test_settings_of_a_stock_pool_manager_hold_for_proxies_too(self, ca: Authority) -> None:
        context = ca.client_context()

        class Mine(HTTPAdapter):
            def init_poolmanager(
                self, connections: int, maxsize: int, block: bool = False, **kw: Any
            ) -> None:
                self.poolmanager = urllib3.PoolManager(connections, maxsize=maxsize, ssl_context=context)

        pool = pool_for(Mine(), "https://a.test/", proxies={"https": "http://p.test:1"})
        assert pool.conn_kw["ssl_context"] is context
        assert pool.ca_certs is None, "what a context trusts is its own business"


class TestWhichPool:
    def test_the_same_for_the_same_origin_and_settings(self) -> None:
        adapter = HTTPAdapter()
        assert pool_for(adapter, "http://a.test/x") is pool_for(adapter, "http://a.test:80/y")
        assert pool_for(adapter, "https://a.test/x") is pool_for(adapter, "https://A.test/y?z")

    @pytest.mark.parametrize(
        "others",
        [("http://b.test/",), ("http://a.test:81/",), ("https://a.test/",)],
        ids=["host", "port", "scheme"],
    )
    def test_another_for_another_origin(self, others: tuple[str]) -> None:
        adapter = HTTPAdapter()
        assert pool_for(adapter, "http://a.test/") is not pool_for(adapter, *others)

    def test_another_for_each_tls_setting(self, ca: Authority) -> None:
        adapter, mine = HTTPAdapter(), ca.issue("me@example.test")
        settings: list[tuple[Any, Any]] = [
            (True, None),
            (False, None),
            (ca.file, None),
            (ca.trust_directory(), None),
            (ca.client_context(), None),
            (True, mine.combined_file),
            (True, (mine.cert_file, mine.key_file)),
            (True, (mine.cert_file, mine.key_file, "x")),
            (False, mine.combined_file),
        ]
        found = [pool_for(adapter, "https://a.test/", *each) for each in settings]
        assert len(set(map(id, found))) == len(settings)
        assert [pool_for(adapter, "https://a.test/", *each) for each in settings] == found

    def test_plain_http_has_no_tls_settings(self) -> None:
        adapter = HTTPAdapter()
        assert pool_for(adapter, "http://a.test/", verify="/nowhere") is pool_for(
            adapter, "http://a.test/", False
        )

    def test_an_ipv6_address(self) -> None:
        assert pool_for(HTTPAdapter(), "http://[::1]:8080/").host == "::1"

    def test_attributes_are_those_that_subclasses_know(self, ca: Authority) -> None:
        adapter, mine = HTTPAdapter(), ca.issue("me@example.test")
        host, settings = adapter.build_connection_pool_key_attributes(
            prepared("https://a.test:444/x"), ca.file, (mine.cert_file, mine.key_file)
        )
        assert host == {"scheme": "https", "host": "a.test", "port": 444}
        assert settings == {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": ca.file,
            "cert_file": mine.cert_file,
            "key_file": mine.key_file,
        }
        host, settings = adapter.build_connection_pool_key_attributes(prepared("https://a.test/"), False)
        assert (host["port"], settings) == (None, {"cert_reqs": "CERT_NONE"})

    def test_attributes_that_a_subclass_changes_are_used(self, ca: Authority) -> None:
        context = ca.client_context()

        class Mine(HTTPAdapter):
            def build_connection_pool_key_attributes(
                self, request: Any, verify: Any, cert: Any = None
            ) -> Any:
                host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
                return {**host, "host": "elsewhere.test"}, {**settings, "ssl_context": context}

        pool = pool_for(Mine(), "https://a.test/")
        assert pool.host == "elsewhere.test"
        assert pool.conn_kw["ssl_context"] is context

    @pytest.mark.parametrize("url", ["http://", "http://a..b/", "http://a.test:99999/"])
    def test_a_url_without_a_usable_host_is_an_error_of_ours(self, url: str) -> None:
        request = prepared("http://a.test/")
        request.url = url
        with pytest.raises(InvalidURL) as caught:
            HTTPAdapter().send(request)
        assert caught.value.request is request

    def test_a_url_without_a_scheme_is_an_error_of_ours(self) -> None:
        request = prepared("http://a.test/")
        request.url = "a.test/"
        with pytest.raises(MissingSchema):
            HTTPAdapter().send(request)

    def test_a_scheme_that_urllib3_does_not_know_is_an_error_of_ours(self) -> None:
        with pytest.raises(InvalidURL):
            HTTPAdapter().send(prepared("gopher://a.test/"))

    @pytest.mark.parametrize("kwargs", [{"verify": "/nowhere"}, {"cert": "/nowhere"}])
    def test_a_missing_file_is_an_error_with_the_request(self, kwargs: Any) -> None:
        request = prepared("https://a.test/")
        with pytest.raises(TLSFileNotFound) as caught:
            HTTPAdapter().send(request, **kwargs)
        assert caught.value.request is request

    def test_close_empties_all_pools_and_the_adapter_can_go_on(self) -> None:
        adapter = HTTPAdapter()
        before = [
            pool_for(adapter, "http://a.test/", proxies=proxies)
            for proxies in (None, {"http": "http://p.test"})
        ]
        managers = [adapter.poolmanager, *adapter.proxy_manager.values()]
        assert [len(manager.pools) for manager in managers] == [1, 1]
        adapter.close()
        assert [len(manager.pools) for manager in managers] == [0, 0]
        assert pool_for(adapter, "http://a.test/") is not before[0]


class TestGetConnection:
    def test_is_deprecated_and_works(self) -> None:
        adapter = HTTPAdapter()
        with pytest.warns(DeprecationWarning, match="get_connection_with_tls_context"):
            assert adapter.get_connection("HTTP://a.test/x") is pool_for(adapter, "http://a.test/")
        with pytest.warns(DeprecationWarning, match="verify"):
            pool = adapter.get_connection("http://a.test/", {"http": "p.test:3128"})
        assert (pool.proxy.host, pool.proxy.port) == ("p.test", 3128)

    def test_send_does_not_use_it(self) -> None:
        class Mine(HTTPAdapter):
            def get_connection(self, url: str, proxies: Any = None) -> Any:
                raise AssertionError("not for send")

        with pytest.raises(RequestException):
            Mine().send(prepared("http://nowhere.invalid/"))


class TestProxies:
    def test_one_manager_for_each_proxy(self) -> None:
        adapter = HTTPAdapter()
        one = adapter.proxy_manager_for("http://p.test:3128")
        assert adapter.proxy_manager_for("http://p.test:3128") is one
        assert adapter.proxy_manager == {"http://p.test:3128": one}
        assert adapter.proxy_manager_for("http://other.test:3128") is not one
        assert isinstance(one, urllib3.ProxyManager)

    def test_sizes_are_those_of_the_adapter(self) -> None:
        manager = HTTPAdapter(3, 4, pool_block=True).proxy_manager_for("http://p.test:3128")
        assert manager.pools._maxsize == 3
        assert manager.connection_pool_kw["maxsize"] == 4
        assert manager.connection_pool_kw["block"] is True

    def test_settings_that_a_subclass_adds_win(self) -> None:
        class Mine(HTTPAdapter):
            def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
                return super().proxy_manager_for(
                    proxy, source_address=("127.0.0.2", 0), proxy_headers={}, **kwargs
                )

        with pytest.raises(TypeError):
            Mine().proxy_manager_for("http://p.test")

        class Yours(HTTPAdapter):
            def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
                kwargs["source_address"] = ("127.0.0.2", 0)
                return super().proxy_manager_for(proxy, **kwargs)

        manager = Yours(source_address=("127.0.0.1", 0)).proxy_manager_for("http://p.test")
        assert manager.connection_pool_kw["source_address"] == ("127.0.0.2", 0)

    def test_credentials_are_decoded_and_stay_out_of_urllib3s_url(self) -> None:
        manager = HTTPAdapter().proxy_manager_for("http://us%40er:p%3Ass@p.test:3128")
        assert manager.proxy_headers == {"Proxy-Authorization": "Basic dXNAZXI6cDpzcw=="}
        assert manager.proxy.auth is None

    @pytest.mark.parametrize("proxy", ["http://p.test", "http://user@p.test", "http://:@p.test"])
    def test_no_credentials_no_field(self, proxy: str) -> None:
        assert HTTPAdapter().proxy_headers(proxy) == {}

    def test_fields_that_a_subclass_adds_go_to_the_proxy(self) -> None:
        class Mine(HTTPAdapter):
            def proxy_headers(self, proxy: str) -> dict[str, str]:
                return {"X-For-Proxy": proxy}

        manager = Mine().proxy_manager_for("http://p.test")
        assert manager.proxy_headers == {"X-For-Proxy": "http://p.test"}

    @pytest.mark.parametrize(
        "scheme, version, remote_names",
        [("socks4", 1, False), ("socks4a", 1, True), ("socks5", 2, False), ("socks5h", 2, True)],
    )
    def test_socks(self, scheme: str, version: int, remote_names: bool) -> None:
        pool = pool_for(HTTPAdapter(), "https://a.test/", proxies={"https": f"{scheme}://u%20:p@p.test:1080"})
        options = pool.conn_kw["_socks_options"]
        assert (options["socks_version"], options["rdns"]) == (version, remote_names)
        assert (options["proxy_host"], options["proxy_port"]) == ("p.test", 1080)
        assert (options["username"], options["password"]) == ("u ", "p")
        assert isinstance(pool, pools.HTTPSConnectionPool)
        assert isinstance(pool._new_conn(), connections.HTTPSConnection)

    def test_socks_without_credentials(self) -> None:
        pool = pool_for(HTTPAdapter(), "http://a.test/", proxies={"http": "socks5://p.test:1080"})
        options = pool.conn_kw["_socks_options"]
        assert (options["username"], options["password"]) == (None, None)

    def test_without_pysocks_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "socks", None)
        for name in [name for name in sys.modules if name.startswith("urllib3.contrib.socks")]:
            monkeypatch.delitem(sys.modules, name)
        connections.socks_connection_classes.cache_clear()
        pools._socks_pools.cache_clear()
        request = prepared("http://a.test/")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(InvalidSchema, match=r'pip install "httpkit\[socks\]"') as caught:
                HTTPAdapter().send(request, proxies={"http": "socks5://p.test:1080"})
        assert caught.value.request is request

    def test_a_url_without_scheme_is_http(self) -> None:
        pool = pool_for(HTTPAdapter(), "http://a.test/", proxies={"http": "p.test:3128"})
        assert (pool.proxy.scheme, pool.proxy.host, pool.proxy.port) == ("http", "p.test", 3128)

    @pytest.mark.parametrize(
        "proxy",
        [
            "http://",
            "http:///path",
            "http:/p.test:3128",
            "HTTPS:user:hunter2@p.test:3128",
            "http://user:hunter2@",
            "http://user:hunter2@p.test:port",
            "ftp://user:hunter2@p.test",
            "htpp://p.test",
            "http://p..test",
            "socks5://",
            "socks6://p.test",
        ],
    )
    def test_one_that_cannot_be_used_is_an_invalid_proxy_url_without_its_password(self, proxy: str) -> None:
        request = prepared("https://a.test/")
        with pytest.raises(InvalidProxyURL, match="proxy") as caught:
            HTTPAdapter().send(request, proxies={"https": proxy})
        assert caught.value.request is request
        assert "hunter2" not in str(caught.value)

    def test_a_proxy_reached_by_tls_is_verified_as_the_call_says_even_for_http(self, ca: Authority) -> None:
        adapter, proxies = HTTPAdapter(), {"http": "https://p.test:3128"}
        pool = pool_for(adapter, "http://a.test/", ca.file, proxies=proxies)
        assert (pool.cert_reqs, pool.ca_certs) == ("CERT_REQUIRED", ca.file)
        lax = pool_for(adapter, "http://a.test/", False, proxies=proxies)
        assert lax is not pool
        adapter.cert_verify(pool, "http://a.test/", False, None)
        assert pool.cert_reqs == "CERT_REQUIRED"


class TestRequestURL:
    PROXIES = {"http": "http://p.test", "https": "http://p.test"}

    @pytest.mark.parametrize(
        "url, proxies, target",
        [
            ("http://a.test/b%2fc?d=e#f", None, "/b%2fc?d=e"),
            ("http://a.test", {}, "/"),
            ("http://u:p@a.test/b?c#d", PROXIES, "http://a.test/b?c"),
            ("https://a.test/b", PROXIES, "/b"),
            ("http://a.test/b", {"http": "socks5://p.test"}, "/b"),
            ("http://a.test/b", {"http": "SOCKS5H://p.test"}, "/b"),
            ("http://a.test/b", {"https": "http://p.test"}, "/b"),
            ("http://a.test/b", {"http://a.test": "p.test"}, "http://a.test/b"),
        ],
        ids=[
            "origin form",
            "empty path",
            "absolute form",
            "tunnel",
            "socks",
            "SOCKS",
            "other scheme",
            "host",
        ],
    )
    def test_is_the_request_target(self, url: str, proxies: Any, target: str) -> None:
        assert HTTPAdapter().request_url(prepared(url), proxies) == target


class TestCertVerify:
    def test_sets_on_a_pool_of_somebody_elses_what_requests_would(self, ca: Authority) -> None:
        mine = ca.issue("me@example.test")
        pool = SimpleNamespace()
        HTTPAdapter().cert_verify(pool, "https://a.test/", True, (mine.cert_file, mine.key_file, "p"))
        assert vars(pool) == {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": certifi.where(),
            "cert_file": mine.cert_file,
            "key_file": mine.key_file,
            "key_password": "p",
        }

    def test_a_directory(self, ca: Authority) -> None:
        pool = SimpleNamespace()
        HTTPAdapter().cert_verify(pool, "HTTPS://a.test/", ca.trust_directory(), None)
        assert vars(pool) == {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir": ca.trust_directory()}

    def test_a_context_becomes_that_of_the_pool(self, ca: Authority) -> None:
        pool: Any = SimpleNamespace(conn_kw={})
        context = ca.client_context()
        HTTPAdapter().cert_verify(pool, "https://a.test/", context, None)
        assert pool.conn_kw == {"ssl_context": context}

    def test_plain_http_needs_nothing(self) -> None:
        pool = SimpleNamespace()
        HTTPAdapter().cert_verify(pool, "http://a.test/", "/nowhere", "/nowhere")
        assert vars(pool) == {}

    def test_the_pools_of_an_adapter_are_right_from_the_beginning(self, ca: Authority) -> None:
        adapter, mine = HTTPAdapter(), ca.issue("me@example.test")
        for verify in (True, False, ca.file):
            pool = pool_for(adapter, "https://a.test/", verify, mine.combined_file)
            before = {**vars(pool), "conn_kw": dict(pool.conn_kw)}
            adapter.cert_verify(pool, "https://a.test/", verify, mine.combined_file)
            assert vars(pool) == before

    @pytest.mark.parametrize(
        "verify, cert", [("/nowhere", None), (True, "/nowhere"), (True, (__file__, "/nowhere"))]
    )
    def test_a_missing_file_is_an_os_error(self, verify: Any, cert: Any) -> None:
        with pytest.raises(OSError, match="invalid path: /nowhere"):
            HTTPAdapter().cert_verify(SimpleNamespace(), "https://a.test/", verify, cert)


class TestBuildResponse:
    REQUEST = prepared("http://a.test/x")

    def build(self, raw: Any, request: Any = None) -> httpkit.Response:
        return HTTPAdapter().build_response(request or self.REQUEST, raw)

    def test_from_a_response_of_urllib3(self) -> None:
        raw = urllib3.HTTPResponse(
            body=b"content",
            headers={"Content-Type": "text/plain; charset=latin-1"},
            status=418,
            reason="I'm a teapot",
        )
        response = self.build(raw)
        assert (response.status_code, response.reason) == (418, "I'm a teapot")
        assert response.headers["content-type"] == "text/plain; charset=latin-1"
        assert response.encoding == "latin-1"
        assert response.raw is raw
        assert (response.url, response.request) == ("http://a.test/x", self.REQUEST)
        assert isinstance(response.connection, HTTPAdapter)

    def test_repeated_fields_are_kept(self) -> None:
        headers = urllib3.HTTPHeaderDict([("Via", "1.1 a"), ("X", "y"), ("via", "1.1 b")])
        response = self.build(urllib3.HTTPResponse(headers=headers, status=200))
        assert response.headers.getlist("VIA") == ["1.1 a", "1.1 b"]
        assert response.headers["via"] == "1.1 a, 1.1 b"
        assert isinstance(response.headers, CaseInsensitiveDict)

    def test_cookies_are_read(self) -> None:
        fields = [("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "c=d; Expires=Wed, 21 Oct 2099 07:28:00 GMT")]
        message = HTTPMessage()
        for name, value in fields:
            message[name] = value
        raw = urllib3.HTTPResponse(
            headers=urllib3.HTTPHeaderDict(fields),
            status=200,
            preload_content=False,
            original_response=SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None),  # type: ignore[arg-type]
        )
        assert self.build(raw).cookies.get_dict() == {"a": "b", "c": "d"}

    def test_without_a_cookie_no_jar_is_made(self) -> None:
        assert self.build(urllib3.HTTPResponse(status=200))._jar is None

    @pytest.mark.parametrize(
        "raw",
        [
            SimpleNamespace(),
            SimpleNamespace(headers=None),
            SimpleNamespace(headers={}, status=None, reason=None),
            SimpleNamespace(headers=[], reason=None),
            object(),
        ],
    )
    def test_what_imitations_leave_out_is_none(self, raw: Any) -> None:
        response = self.build(raw)
        assert (response.status_code, response.reason, dict(response.headers)) == (None, None, {})
        assert response.raw is raw

    @pytest.mark.parametrize(
        "headers",
        [{"Content-Type": "a/b"}, [("Content-Type", "a/b")], HTTPMessage()],
        ids=["dict", "pairs", "message"],
    )
    def test_headers_may_be_any_mapping(self, headers: Any) -> None:
        if isinstance(headers, HTTPMessage):
            headers["Content-Type"] = "a/b"
        assert (
            self.build(SimpleNamespace(headers=headers, status=200, reason="OK")).headers["content-type"]
            == "a/b"
        )

    def test_a_url_in_bytes_becomes_text(self) -> None:
        assert (
            self.build(SimpleNamespace(), SimpleNamespace(url="http://a.test/ü".encode())).url
            == "http://a.test/ü"
        )

    def test_the_body_is_left_to_be_read(self) -> None:
        raw = urllib3.HTTPResponse(body=_Body(b"content"), status=200, preload_content=False)
        response = self.build(raw)
        assert response.content == b"content"


class _Body:
    """A file as libraries that imitate exchanges give it."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def read(self, amt: int | None = None) -> bytes:
        piece, self._rest = (self._rest, b"") if amt is None else (self._rest[:amt], self._rest[amt:])
        return piece

    @property
    def closed(self) -> bool:
        return not self._rest

    def close(self) -> None:
        self._rest = b""


class TestTimeouts:
    @pytest.mark.parametrize("timeout", ["soon", 0, -1, (1, 2, 3), (1,), True, float("nan"), object()])
    def test_one_that_means_nothing_is_a_value_error_before_anything_is_connected(self, timeout: Any) -> None:
        class Mine(HTTPAdapter):
            def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
                raise AssertionError("too late")

        with pytest.raises(ValueError, match="timeout"):
            Mine().send(prepared("http://a.test/"), timeout=timeout)

    @pytest.mark.parametrize(
        "default, given, connect, read",
        [
            (None, None, 10.0, 60.0),
            (None, 3, 3, 3),
            (None, (1, 2), 1, 2),
            (None, (None, 2), None, 2),
            (None, Timeout(None, None), None, None),
            (None, Timeout(4, 5), 4, 5),
            (None, urllib3.Timeout(connect=6, read=7), 6, 7),
            (8, None, 8, 8),
            ((8, 9), None, 8, 9),
            (urllib3.Timeout(connect=6, read=7), None, 6, 7),
            (8, 3, 3, 3),
        ],
    )
    def test_which_limits_hold(self, default: Any, given: Any, connect: Any, read: Any) -> None:
        used: list[Any] = []

        class Mine(HTTPAdapter):
            def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
                return SimpleNamespace(urlopen=lambda **options: used.append(options["timeout"]))

        Mine(timeout=default).send(prepared("http://a.test/"), timeout=given)
        assert isinstance(used[0], urllib3.Timeout)
        assert (used[0]._connect, used[0]._read) == (connect, read)
