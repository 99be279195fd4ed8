"""verify=, cert= and the adapter's TLS settings against real servers: who is trusted, and who is never confused."""

from __future__ import annotations

import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme
import urllib3
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util.ssl_ import create_urllib3_context

import httpkit
from httpkit._wire import tls
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import ConnectionError, SSLError
from tests.servers import Authority, RawServer, RecordingServer

Serve = Callable[..., RecordingServer]


@pytest.fixture
def adapter() -> Iterator[HTTPAdapter]:
    adapter = HTTPAdapter()
    yield adapter
    adapter.close()


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, ca: Authority) -> None:
    """The test authority takes certifi's place."""
    monkeypatch.setattr(tls, "default_ca_bundle", lambda: ca.file)


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """The file of an authority that signed nothing here."""
    path = tmp_path / "stranger.pem"
    path.write_bytes(trustme.CA().cert_pem.bytes())
    return str(path)


def get(adapter: HTTPAdapter, server: Any, name: str = "localhost", **kwargs: Any) -> httpkit.Response:
    request = httpkit.Request("GET", server.url_as(name, "/")).prepare()
    response = adapter.send(request, **{"timeout": 5, **kwargs})
    response.content  # noqa: B018
    return response


def get_unverified(adapter: HTTPAdapter, server: Any, **kwargs: Any) -> httpkit.Response:
    with pytest.warns(InsecureRequestWarning) as caught:
        response = get(adapter, server, verify=False, **kwargs)
    assert len(caught) == 1, "one warning for each call"
    return response


def quiet() -> Any:
    context = warnings.catch_warnings()
    context.__enter__()
    warnings.simplefilter("ignore", InsecureRequestWarning)
    return context


class TestVerify:
    def test_a_file(self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority) -> None:
        assert get(adapter, https_server, verify=ca.file).status_code == 200
        assert https_server.last.tls is not None
        assert https_server.last.tls.sni == "localhost"

    def test_a_directory(self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority) -> None:
        assert get(adapter, https_server, verify=ca.trust_directory()).status_code == 200

    def test_a_path_object(self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority) -> None:
        assert get(adapter, https_server, verify=Path(ca.file)).status_code == 200

    def test_a_context(self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority) -> None:
        assert get(adapter, https_server, verify=ca.client_context()).status_code == 200

    @pytest.mark.usefixtures("trusting")
    @pytest.mark.parametrize("verify", [True, None, ""])
    def test_true_is_the_default_bundle(
        self, adapter: HTTPAdapter, https_server: RecordingServer, verify: Any
    ) -> None:
        assert get(adapter, https_server, verify=verify).status_code == 200

    def test_true_does_not_trust_an_unknown_authority(
        self, adapter: HTTPAdapter, https_server: RecordingServer
    ) -> None:
        with pytest.raises(
            SSLError, match=r"localhost:\d+ failed, the certificate does not verify: "
        ) as caught:
            get(adapter, https_server)
        assert isinstance(caught.value.args[0].reason, urllib3.exceptions.SSLError)
        assert https_server.requests == []

    @pytest.mark.usefixtures("trusting")
    def test_another_bundle_does_not_add_to_the_default_one(
        self, adapter: HTTPAdapter, https_server: RecordingServer, stranger: str
    ) -> None:
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=stranger)
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=ssl.create_default_context(cafile=stranger))

    def test_false_verifies_nothing_and_warns(
        self, adapter: HTTPAdapter, serve: Serve, ca: Authority
    ) -> None:
        server = serve(tls=ca.server_context("elsewhere.test", expired=True))
        assert get_unverified(adapter, server).status_code == 200
        assert get_unverified(adapter, server).status_code == 200
        assert server.connections == 1

    def test_a_verified_call_does_not_warn(
        self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            get(adapter, https_server, verify=ca.file)

    @pytest.mark.parametrize(
        "names, options, says",
        [
            (("elsewhere.test",), {}, r"certificate is not valid for 'localhost'\. [A-Z]"),
            (("localhost",), {"expired": True}, r"certificate has expired\. [A-Z]"),
        ],
        ids=["name", "expired"],
    )
    def test_the_error_says_which_check_failed(
        self, adapter: HTTPAdapter, serve: Serve, ca: Authority, names: Any, options: Any, says: str
    ) -> None:
        with pytest.raises(SSLError, match=says):
            get(adapter, serve(tls=ca.server_context(*names, **options)), verify=ca.file)

    def test_an_address_is_verified_as_an_address(
        self, adapter: HTTPAdapter, serve: Serve, https_server: RecordingServer, ca: Authority
    ) -> None:
        assert get(adapter, https_server, "127.0.0.1", verify=ca.file).status_code == 200
        with pytest.raises(SSLError, match="IP address mismatch"):
            get(adapter, serve(tls=ca.server_context("localhost")), "127.0.0.1", verify=ca.file)

    def test_a_server_without_tls_is_recognised(self, adapter: HTTPAdapter, serve_raw: Any) -> None:
        server: RawServer = serve_raw([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
        request = httpkit.Request("GET", f"https://{server.authority}/").prepare()
        with pytest.raises(SSLError, match="does not speak TLS"):
            adapter.send(request, timeout=5)

    def test_a_bundle_without_certificates_is_an_error_with_the_request(
        self, adapter: HTTPAdapter, https_server: RecordingServer, tmp_path: Path
    ) -> None:
        bundle = tmp_path / "empty.pem"
        bundle.write_text("nothing")
        with pytest.raises(SSLError, match=r"verify: .*empty\.pem") as caught:
            get(adapter, https_server, verify=str(bundle))
        assert caught.value.request is not None


class TestNoConfusion:
    """A connection is only used by calls with the TLS settings that it was made with."""

    def test_an_unverified_connection_serves_no_verifying_call(
        self, adapter: HTTPAdapter, https_server: RecordingServer
    ) -> None:
        get_unverified(adapter, https_server)
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=True)
        get_unverified(adapter, https_server)
        assert len(https_server.requests) == 2

    def test_nor_does_one_of_another_bundle(
        self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority, stranger: str
    ) -> None:
        get(adapter, https_server, verify=ca.file)
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=stranger)

    def test_nor_does_one_with_a_client_certificate_serve_a_call_without(
        self, adapter: HTTPAdapter, serve: Serve, ca: Authority
    ) -> None:
        server, mine = serve(tls=ca.server_context(client_certs="optional")), ca.issue("me@example.test")
        shown = []
        for cert in (mine.combined_file, None, mine.combined_file):
            get(adapter, server, verify=ca.file, cert=cert)
            shown.append(server.last.tls.peer_cert is not None)  # type: ignore[union-attr]
        assert shown == [True, False, True]
        assert server.connections == 2

    def test_calls_with_the_same_settings_share_one(
        self, adapter: HTTPAdapter, https_server: RecordingServer, ca: Authority
    ) -> None:
        for _ in range(3):
            get(adapter, https_server, verify=ca.file)
        assert https_server.connections == 1

    @pytest.mark.usefixtures("trusting")
    def test_threads_with_all_settings_at_once(
        self, https_server: RecordingServer, ca: Authority, stranger: str
    ) -> None:
        adapter = HTTPAdapter(pool_maxsize=1)
        expected = {True: True, False: True, ca.file: True, stranger: False}

        def call(verify: Any) -> bool:
            try:
                return get(adapter, https_server, verify=verify).ok
            except SSLError:
                return False

        settings = list(expected) * 10
        # Warnings filters are the process's, and this many threads would fight over them.
        context = quiet()
        try:
            with ThreadPoolExecutor(8) as threads:
                outcomes = list(threads.map(call, settings))
        finally:
            context.__exit__(None, None, None)
        assert outcomes == [expected[each] for each in settings]
        adapter.close()


class TestSharedContexts:
    def test_one_is_made_for_all_connections_and_adapters(
        self, https_server: RecordingServer, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[int] = []
        build = tls._build
        monkeypatch.setattr(tls, "_build", lambda settings: (made.append(1), build(settings))[1])
        monkeypatch.setattr(tls, "_contexts", type(tls._contexts)())
        for _ in range(3):
            adapter = HTTPAdapter()
            for name in ("localhost", "127.0.0.1"):
                get(adapter, https_server, name, verify=ca.file)
            adapter.close()
        assert (https_server.connections, len(made)) == (6, 1)

    def test_stays_as_it_was_made_whatever_adapters_want(
        self, https_server: RecordingServer, ca: Authority, stranger: str
    ) -> None:
        context = tls.shared_context(tls.Settings(ca_certs=ca.file))
        before = (context.verify_mode, context.check_hostname, context.cert_store_stats())
        fingerprint = _fingerprint(https_server)

        class Later(HTTPAdapter):
            def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
                super().cert_verify(conn, url, verify, cert)
                conn.assert_hostname = False

        class Other(HTTPAdapter):
            def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
                super().cert_verify(conn, url, verify, cert)
                conn.ca_certs = ca.file

        for adapter, verify in (
            (HTTPAdapter(assert_hostname=False), ca.file),
            (HTTPAdapter(assert_fingerprint=fingerprint), ca.file),
            (Later(), ca.file),
            (Other(), stranger),
            (HTTPAdapter(), ca.file),
        ):
            assert get(adapter, https_server, verify=verify).ok
            adapter.close()
        context_now = tls.shared_context(tls.Settings(ca_certs=ca.file))
        assert context_now is context
        assert (context.verify_mode, context.check_hostname, context.cert_store_stats()) == before

    def test_a_bundle_that_changes_holds_for_the_next_connection(
        self,
        adapter: HTTPAdapter,
        https_server: RecordingServer,
        ca: Authority,
        stranger: str,
        tmp_path: Path,
    ) -> None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(Path(stranger).read_bytes())
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=str(bundle))
        bundle.write_bytes(Path(stranger).read_bytes() + ca.pem)
        assert get(adapter, https_server, verify=str(bundle)).ok
        https_server.drop_connections()
        bundle.write_bytes(Path(stranger).read_bytes())
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=str(bundle))


def _fingerprint(server: RecordingServer) -> str:
    pem = ssl.get_server_certificate((server.host, server.port))
    import hashlib

    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


class TestClientCertificates:
    @pytest.fixture
    def strict(self, serve: Serve, ca: Authority) -> RecordingServer:
        return serve(tls=ca.server_context(client_certs="required"))

    @pytest.mark.parametrize("form", ["path", "pair", "list", "triple"])
    def test_each_form_is_shown_to_the_server(
        self, adapter: HTTPAdapter, strict: RecordingServer, ca: Authority, form: str
    ) -> None:
        mine = ca.issue("me@example.test")
        cert: Any = {
            "path": mine.combined_file,
            "pair": (mine.cert_file, mine.key_file),
            "list": [mine.cert_file, mine.key_file],
            "triple": (mine.cert_file, mine.encrypted_key_file, mine.password),
        }[form]
        assert get(adapter, strict, verify=ca.file, cert=cert).ok
        shown = strict.last.tls.peer_cert  # type: ignore[union-attr]
        assert shown is not None
        assert ("email", "me@example.test") in shown["subjectAltName"]

    def test_without_one_the_error_is_ours(
        self, adapter: HTTPAdapter, strict: RecordingServer, ca: Authority
    ) -> None:
        with pytest.raises(ConnectionError):
            get(adapter, strict, verify=ca.file)

    def test_an_encrypted_key_without_its_password_is_an_error_that_says_so(
        self, adapter: HTTPAdapter, strict: RecordingServer, ca: Authority
    ) -> None:
        mine = ca.issue("me@example.test")
        with pytest.raises(SSLError, match="encrypted"):
            get(adapter, strict, verify=ca.file, cert=(mine.cert_file, mine.encrypted_key_file))

    def test_it_is_shown_without_verification_too(
        self, adapter: HTTPAdapter, strict: RecordingServer, ca: Authority
    ) -> None:
        assert get_unverified(adapter, strict, cert=ca.issue("me@example.test").combined_file).ok

    def test_it_is_shown_with_a_context_of_the_programs_own(
        self, strict: RecordingServer, ca: Authority
    ) -> None:
        adapter = HTTPAdapter(ssl_context=ca.client_context())
        assert get(adapter, strict, cert=ca.issue("me@example.test").combined_file).ok
        adapter.close()


class TestSettingsOfTheAdapter:
    def test_a_fingerprint_takes_the_place_of_the_name(self, serve: Serve, ca: Authority) -> None:
        issued = ca.issue("elsewhere.test")
        server = serve(tls=ca.server_context(issued=issued))
        right = HTTPAdapter(assert_fingerprint=issued.fingerprint())
        assert get(right, server, verify=ca.file).ok
        assert get(right, server, verify=False).ok, "a matching fingerprint is a verification"
        wrong = HTTPAdapter(assert_fingerprint="00" * 32)
        with pytest.raises(SSLError, match="Fingerprint"):
            get(wrong, server, verify=ca.file)
        assert server.wait_until_closed(server.connections)
        right.close()

    @pytest.mark.parametrize("asserted", [False, "elsewhere.test"])
    def test_another_name_or_none_is_looked_for(self, serve: Serve, ca: Authority, asserted: Any) -> None:
        server = serve(tls=ca.server_context("elsewhere.test"))
        adapter = HTTPAdapter(assert_hostname=asserted)
        assert get(adapter, server, verify=ca.file).ok
        adapter.close()
        with pytest.raises(SSLError):
            get(HTTPAdapter(assert_hostname="third.test"), server, verify=ca.file)
        assert server.wait_until_closed(2)

    def test_a_server_hostname_is_asked_for_and_verified(self, serve: Serve, ca: Authority) -> None:
        server = serve(tls=ca.server_context("elsewhere.test"))
        adapter = HTTPAdapter(server_hostname="elsewhere.test")
        assert get(adapter, server, verify=ca.file).ok
        assert server.last.tls.sni == "elsewhere.test"  # type: ignore[union-attr]
        adapter.close()

    def test_versions(self, serve: Serve, ca: Authority) -> None:
        server = serve(tls=ca.server_context())
        adapter = HTTPAdapter(ssl_maximum_version=ssl.TLSVersion.TLSv1_2)
        get(adapter, server, verify=ca.file)
        assert server.last.tls.version == "TLSv1.2"  # type: ignore[union-attr]
        adapter.close()
        old = serve(tls=ca.server_context(maximum=ssl.TLSVersion.TLSv1_2))
        with pytest.raises(SSLError, match="TLS with"):
            get(HTTPAdapter(ssl_minimum_version=ssl.TLSVersion.TLSv1_3), old, verify=ca.file)

    def test_trust_of_the_adapter_holds_for_true(self, https_server: RecordingServer, ca: Authority) -> None:
        for settings in ({"ca_certs": ca.file}, {"ca_cert_data": ca.pem.decode()}):
            adapter = HTTPAdapter(**settings)  # type: ignore[arg-type]
            assert get(adapter, https_server).ok
            adapter.close()


class Given(HTTPAdapter):
    """The recipe that programs use: a context, in init_poolmanager."""

    def __init__(self, context: Any, stock: bool = False) -> None:
        self.context, self.stock = context, stock
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        if self.stock:
            self.poolmanager = urllib3.PoolManager(
                connections, maxsize=maxsize, block=block, ssl_context=self.context
            )
        else:
            super().init_poolmanager(connections, maxsize, block, ssl_context=self.context, **kwargs)


@pytest.mark.parametrize("stock", [False, True], ids=["ours", "stock"])
class TestContextsOfAProgram:
    def test_is_used(self, https_server: RecordingServer, ca: Authority, stock: bool) -> None:
        context = ca.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        adapter = Given(context, stock)
        assert get(adapter, https_server).ok
        assert https_server.last.tls.version == "TLSv1.2"  # type: ignore[union-attr]
        assert context.cert_store_stats()["x509_ca"] == 1, "what it trusts stays as it was"
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        adapter.close()

    @pytest.mark.usefixtures("trusting")
    def test_one_that_trusts_nobody_trusts_the_default_bundle(
        self, https_server: RecordingServer, stock: bool
    ) -> None:
        adapter = Given(create_urllib3_context(), stock)
        assert get(adapter, https_server).ok
        adapter.close()

    def test_a_bundle_of_the_call_is_trusted_too(
        self, https_server: RecordingServer, ca: Authority, stock: bool
    ) -> None:
        context = create_urllib3_context()
        adapter = Given(context, stock)
        assert get(adapter, https_server, verify=ca.file).ok
        https_server.drop_connections()
        assert get(adapter, https_server, verify=ca.file).ok
        assert context.cert_store_stats()["x509_ca"] == 1
        adapter.close()

    def test_a_context_of_the_call_wins(
        self, https_server: RecordingServer, ca: Authority, stranger: str, stock: bool
    ) -> None:
        adapter = Given(ssl.create_default_context(cafile=stranger), stock)
        assert get(adapter, https_server, verify=ca.client_context()).ok
        adapter.close()

    def test_verify_false_with_one_that_checks_names_is_an_error_that_says_so(
        self, https_server: RecordingServer, ca: Authority, stock: bool
    ) -> None:
        with pytest.raises(SSLError, match="check_hostname"):
            get(Given(ca.client_context(), stock), https_server, verify=False)

    def test_verify_false_with_one_that_does_not(self, https_server: RecordingServer, stock: bool) -> None:
        context = create_urllib3_context()
        context.check_hostname = False
        adapter = Given(context, stock)
        assert get_unverified(adapter, https_server).ok
        adapter.close()

    def test_an_unverifying_one_is_made_to_verify_by_default(
        self, https_server: RecordingServer, stock: bool
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with pytest.raises(SSLError):
            get(Given(context, stock), https_server)


def test_a_context_of_a_program_never_verifies_less_than_a_call_wants(
    https_server: RecordingServer, ca: Authority
) -> None:
    """One context, verify=True and verify=False in many threads: no verifying call gets an unverified connection."""
    context = create_urllib3_context()
    context.check_hostname = False
    context.load_verify_locations(certifi.where())
    adapter, together = Given(context), threading.Barrier(8)

    def call(verify: bool) -> bool:
        together.wait()
        try:
            return get(adapter, https_server, verify=verify).ok
        except SSLError:
            return False

    caught = quiet()
    try:
        for _ in range(10):
            https_server.drop_connections()
            with ThreadPoolExecutor(8) as threads:
                assert list(threads.map(call, [True, False] * 4)) == [False, True] * 4
    finally:
        caught.__exit__(None, None, None)
    adapter.close()


def test_a_context_of_a_program_keeps_its_mode_until_the_handshake(https_server: RecordingServer) -> None:
    """A call with verify=False comes after the mode was set for another call, and before that one's handshake."""
    inside, other_came = threading.Event(), threading.Event()

    class Slow(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
            if self.verify_mode == ssl.CERT_REQUIRED:
                inside.set()
                other_came.wait(0.3)
            else:
                other_came.set()
            return super().wrap_socket(*args, **kwargs)

    context = Slow(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certifi.where())
    adapter = Given(context)
    with ThreadPoolExecutor(1) as threads:
        verifying = threads.submit(get, adapter, https_server)
        assert inside.wait(5)
        assert get_unverified(adapter, https_server).ok
        with pytest.raises(SSLError):
            verifying.result()
    assert other_came.is_set()
    adapter.close()


def test_records_of_tls_alone_are_no_answer(serve_tls: Serve, ca: Authority) -> None:
    # Session tickets arrive while the body is sent: something to read, and yet nothing for us.
    server = serve_tls()
    with httpkit.Session() as session:
        session.verify = ca.file
        for number in range(20):
            body = (f"{number}-{piece}|".encode() for piece in range(50))
            assert session.post(server.url, data=body).status_code == 200
            assert server.last.body == b"".join(f"{number}-{piece}|".encode() for piece in range(50))
            if number % 5 == 0:
                server.drop_connections()
