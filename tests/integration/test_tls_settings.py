"""TLS(...) and verify="system" against real servers, what a failed handshake says, and who shares no connection."""

from __future__ import annotations

import base64
import hashlib
import ssl
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from urllib3.exceptions import InsecureRequestWarning

import httpkit
from httpkit import TLS
from httpkit._wire import tls as wire_tls
from httpkit.adapters import HTTPAdapter
from httpkit.exceptions import SSLError
from tests.servers import Authority, ProxyServer, RecordingServer
from tests.servers.tls import Issued

Serve = Callable[..., RecordingServer]


@pytest.fixture
def make() -> Iterator[Callable[..., HTTPAdapter]]:
    made: list[HTTPAdapter] = []

    def make(**settings: Any) -> HTTPAdapter:
        made.append(HTTPAdapter(**settings))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


Make = Callable[..., HTTPAdapter]


def get(adapter: HTTPAdapter, server: Any, name: str = "localhost", **kwargs: Any) -> httpkit.Response:
    request = httpkit.Request("GET", server.url_as(name, "/")).prepare()
    response = adapter.send(request, **{"timeout": 5, **kwargs})
    response.content  # noqa: B018
    return response


def key_pin(issued: Issued) -> str:
    key = x509.load_der_x509_certificate(issued.der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256//" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


WRONG_KEY = "sha256//" + "A" * 43 + "="


class TestPins:
    @pytest.fixture
    def issued(self, ca: Authority) -> Issued:
        return ca.issue("localhost", "127.0.0.1", "proxy.test")

    @pytest.fixture
    def pinned(self, serve: Serve, ca: Authority, issued: Issued) -> RecordingServer:
        return serve(tls=ca.server_context(issued=issued))

    def test_one_of_several_has_to_match(
        self, make: Make, pinned: RecordingServer, ca: Authority, issued: Issued
    ) -> None:
        for right in (key_pin(issued), issued.fingerprint(), issued.fingerprint().upper()):
            assert get(make(tls=TLS(verify=ca.file, pins=[WRONG_KEY, right])), pinned).ok

    @pytest.mark.parametrize("wrong", [WRONG_KEY, "00" * 32], ids=["key", "certificate"])
    def test_with_no_match_nothing_is_sent_and_the_error_has_the_right_ones(
        self, make: Make, pinned: RecordingServer, ca: Authority, issued: Issued, wrong: str
    ) -> None:
        with pytest.raises(SSLError, match="matches none of the 1 pins") as caught:
            get(make(tls=TLS(verify=ca.file, pins=wrong)), pinned)
        assert key_pin(issued) in str(caught.value)
        assert issued.fingerprint() in str(caught.value)
        assert caught.value.request is not None
        assert pinned.requests == []
        assert pinned.wait_until_closed(1)

    def test_the_rest_is_verified_besides(
        self, make: Make, serve: Serve, ca: Authority, issued: Issued
    ) -> None:
        stranger = serve(tls=ca.server_context(issued=ca.issue("elsewhere.test")))
        right = TLS(verify=ca.file, pins=[issued.fingerprint()])
        with pytest.raises(SSLError, match="Hostname mismatch"):
            get(make(tls=right), stranger)
        pinned = serve(tls=ca.server_context(issued=issued))
        with pytest.raises(SSLError, match="does not verify"):
            get(make(tls=TLS(pins=[issued.fingerprint()])), pinned)

    def test_without_verification_they_are_what_counts(
        self, make: Make, pinned: RecordingServer, issued: Issued
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InsecureRequestWarning)
            assert get(make(tls=TLS(verify=False, pins=issued.fingerprint())), pinned).ok
        with pytest.raises(SSLError, match="none of the 1 pins"):
            get(make(tls=TLS(pins=WRONG_KEY)), pinned, verify=False)

    def test_they_hold_on_the_path_of_urllib3_too(
        self, make: Make, pinned: RecordingServer, ca: Authority
    ) -> None:
        retries = urllib3.Retry(1, status_forcelist=[503], backoff_factor=0)
        with pytest.raises(SSLError, match="none of the 1 pins"):
            get(make(tls=TLS(verify=ca.file, pins=WRONG_KEY), max_retries=retries), pinned)
        assert pinned.requests == []

    def test_they_hold_with_a_context_of_the_call(
        self, make: Make, pinned: RecordingServer, ca: Authority
    ) -> None:
        with pytest.raises(SSLError, match="none of the 1 pins"):
            get(make(tls=TLS(pins=WRONG_KEY)), pinned, verify=ca.client_context())

    @pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
    def test_they_are_for_the_server_and_not_for_a_proxy(
        self, make: Make, pinned: RecordingServer, ca: Authority, issued: Issued, secure: bool
    ) -> None:
        with ProxyServer(tls=ca.server_context() if secure else None) as proxy:
            proxies = {"https": f"http{'s' if secure else ''}://localhost:{proxy.port}"}
            right = make(tls=TLS(verify=ca.file, pins=key_pin(issued)))
            assert get(right, pinned, proxies=proxies).ok
            with pytest.raises(SSLError, match="none of the 1 pins"):
                get(make(tls=TLS(verify=ca.file, pins=WRONG_KEY)), pinned, proxies=proxies)
            right.close()

    def test_a_proxy_that_forwards_is_not_held_to_them(
        self, make: Make, server: RecordingServer, ca: Authority
    ) -> None:
        with ProxyServer(tls=ca.server_context()) as proxy:
            adapter = make(tls=TLS(verify=ca.file, pins=WRONG_KEY))
            assert get(adapter, server, proxies={"http": f"https://localhost:{proxy.port}"}).ok
            adapter.close()


class TestOtherSettings:
    def test_versions_and_ciphers(self, make: Make, https_server: RecordingServer, ca: Authority) -> None:
        assert get(make(tls=TLS(verify=ca.file, maximum_version="1.2")), https_server).ok
        assert https_server.last.tls.version == "TLSv1.2"  # type: ignore[union-attr]
        adapter = make(
            tls=TLS(verify=ca.file, maximum_version="1.2", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305")
        )
        assert get(adapter, https_server).ok
        pool = adapter.get_connection_with_tls_context(request_to(https_server), True)
        assert pool.pool.queue[-1].sock.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"

    def test_a_server_name_is_asked_for_and_verified(self, make: Make, serve: Serve, ca: Authority) -> None:
        server = serve(tls=ca.server_context("elsewhere.test"))
        assert get(make(tls=TLS(verify=ca.file, server_name="elsewhere.test")), server).ok
        assert server.last.tls.sni == "elsewhere.test"  # type: ignore[union-attr]
        assert server.last.header("host") == f"localhost:{server.port}"

    def test_a_client_certificate(self, make: Make, serve: Serve, ca: Authority) -> None:
        strict, mine = serve(tls=ca.server_context(client_certs="required")), ca.issue("me@example.test")
        cert = (mine.cert_file, mine.encrypted_key_file, mine.password)
        assert get(make(tls=TLS(verify=ca.file, cert=cert)), strict).ok

    def test_of_a_session_are_for_its_own_adapters(
        self, https_server: RecordingServer, ca: Authority
    ) -> None:
        with httpkit.Session(tls=TLS(verify=ca.file, maximum_version="1.2")) as session:
            assert session.get(https_server.url_as("localhost", "/"), timeout=5).ok
            assert https_server.last.tls.version == "TLSv1.2"  # type: ignore[union-attr]

    def test_of_a_mount_are_for_its_origin_alone(self, https_server: RecordingServer, ca: Authority) -> None:
        with httpkit.Session() as session:
            session.verify = ca.file
            session.mount(https_server.url_as("localhost", ""), HTTPAdapter(tls=TLS(maximum_version="1.2")))
            versions = []
            for name in ("localhost", "127.0.0.1"):
                session.get(https_server.url_as(name, "/"), timeout=5)
                versions.append(https_server.last.tls.version)  # type: ignore[union-attr]
            assert versions == ["TLSv1.2", "TLSv1.3"]


def request_to(server: RecordingServer) -> httpkit.PreparedRequest:
    return httpkit.Request("GET", server.url_as("localhost", "/")).prepare()


class TestNoConfusion:
    """Adapters have pools of their own, and within one the settings of a call are part of the key."""

    def test_calls_with_other_bundles_contexts_and_certificates_share_nothing(
        self, make: Make, serve: Serve, ca: Authority
    ) -> None:
        server = serve(tls=ca.server_context(client_certs="optional"))
        mine, other = ca.issue("me@example.test"), ca.issue("you@example.test")
        adapter = make()
        settings: list[dict[str, Any]] = [
            {"verify": ca.file},
            {"verify": ca.trust_directory()},
            {"verify": ca.client_context()},
            {"verify": ca.client_context()},
            {"verify": ca.file, "cert": mine.combined_file},
            {"verify": ca.file, "cert": other.combined_file},
        ]
        for round_ in range(2):
            for number, each in enumerate(settings):
                get(adapter, server, **each)
                assert server.last.connection == number + 1, (round_, each)

    def test_a_connection_to_another_server_name_is_not_used(
        self, make: Make, serve: Serve, ca: Authority
    ) -> None:
        server = serve(tls=ca.server_context("a.test", "b.test"))
        for number, name in enumerate(("a.test", "b.test"), 1):
            adapter = make(tls=TLS(verify=ca.file, server_name=name))
            get(adapter, server)
            assert (server.last.tls.sni, server.connections) == (name, number)  # type: ignore[union-attr]

    def test_a_pinned_adapter_uses_no_connection_of_one_without_pins(
        self, https_server: RecordingServer, ca: Authority
    ) -> None:
        with httpkit.Session() as session:
            session.verify = ca.file
            url = https_server.url_as("localhost", "/")
            assert session.get(url, timeout=5).ok
            session.mount(url, HTTPAdapter(tls=TLS(pins=WRONG_KEY)))
            with pytest.raises(SSLError, match="pins"):
                session.get(url, timeout=5)
            assert len(https_server.requests) == 1


class TestSystemTrust:
    @pytest.fixture(autouse=True)
    def anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A context that was made before has read what the system said then."""
        monkeypatch.setattr(wire_tls, "_contexts", type(wire_tls._contexts)())

    @pytest.fixture
    def system(self, ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        """The test authority takes the place of those of the operating system, as far as OpenSSL serves it."""
        pytest.importorskip("truststore")
        if sys.platform in ("win32", "darwin"):
            pytest.skip("the trust store of this system is not ours to change")
        monkeypatch.setenv("SSL_CERT_FILE", ca.file)

    @pytest.mark.usefixtures("system")
    def test_the_operating_system_says_whom_to_trust(
        self, make: Make, https_server: RecordingServer, serve: Serve, ca: Authority
    ) -> None:
        assert get(make(), https_server, verify="system").ok
        assert get(make(tls=TLS(verify="system")), https_server).ok
        with pytest.raises(SSLError, match="Hostname mismatch"):
            get(make(), serve(tls=ca.server_context("elsewhere.test")), verify="system")

    @pytest.mark.usefixtures("system")
    def test_versions_and_client_certificates_are_as_elsewhere(
        self, make: Make, serve: Serve, ca: Authority
    ) -> None:
        strict, mine = serve(tls=ca.server_context(client_certs="required")), ca.issue("me@example.test")
        tls = TLS(verify="system", cert=mine.combined_file, maximum_version="1.2", ciphers="ECDHE+AESGCM")
        assert get(make(tls=tls), strict).ok
        assert strict.last.tls.version == "TLSv1.2"  # type: ignore[union-attr]

    @pytest.mark.usefixtures("system")
    def test_it_is_not_confused_with_certifi(self, make: Make, https_server: RecordingServer) -> None:
        adapter = make()
        assert get(adapter, https_server, verify="system").ok
        with pytest.raises(SSLError):
            get(adapter, https_server, verify=True)

    def test_an_authority_that_it_does_not_know_is_not_trusted(
        self, make: Make, https_server: RecordingServer
    ) -> None:
        pytest.importorskip("truststore")
        with pytest.raises(SSLError):
            get(make(), https_server, verify="system")
        assert https_server.requests == []

    def test_without_truststore_the_error_names_the_extra(
        self, make: Make, https_server: RecordingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "truststore", None)
        with pytest.raises(SSLError, match=r"pip install \"httpkit\[system-certs\]\""):
            get(make(), https_server, verify="system")

    def test_a_file_of_that_name_is_given_with_its_directory(
        self,
        make: Make,
        https_server: RecordingServer,
        ca: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("system").write_bytes(ca.pem)
        assert get(make(), https_server, verify="./system").ok

    def test_pools_of_another_make_are_told(self, https_server: RecordingServer) -> None:
        class Theirs(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                self.poolmanager = urllib3.PoolManager()

        with pytest.raises(SSLError, match=r"truststore\.SSLContext"):
            get(Theirs(), https_server, verify="system")


class TestWhatAFailureSays:
    @pytest.mark.parametrize(
        "names, options, says",
        [
            (
                ("localhost",),
                {"expired": True},
                ["certificate has expired", "valid until 2002-01-01 00:00:00 UTC", "operator has to renew"],
            ),
            (
                ("other.test", "*.example.test", "127.0.0.9"),
                {},
                [
                    "not valid for 'localhost'",
                    "It is for other.test, *.example.test, 127.0.0.9.",
                    "server_name",
                ],
            ),
        ],
        ids=["expired", "name"],
    )
    def test_names_the_host_what_failed_and_what_to_do(
        self, make: Make, serve: Serve, ca: Authority, names: Any, options: Any, says: list[str]
    ) -> None:
        server = serve(tls=ca.server_context(*names, **options))
        with pytest.raises(SSLError) as caught:
            get(make(), server, verify=ca.file)
        message = str(caught.value)
        assert message.startswith(f"TLS with localhost:{server.port} failed")
        assert [each for each in says if each not in message] == []
        assert message.isprintable()
        assert server.requests == [], "looking at a certificate sends nothing"

    def test_names_the_issuer_that_is_unknown(self, make: Make, https_server: RecordingServer) -> None:
        with pytest.raises(
            SSLError, match=r"It was issued by 'trustme v[^']*'\. If its authority is your own"
        ):
            get(make(), https_server)

    def test_knows_a_certificate_that_signed_itself(self, make: Make, serve: Serve, tmp_path: Path) -> None:
        with pytest.raises(
            SSLError, match=r"self-signed certificate\. It was issued by 'myself'\. To trust it all"
        ):
            get(make(), serve(tls=self_signed(tmp_path)))

    def test_many_names_are_cut(self, make: Make, serve: Serve, ca: Authority) -> None:
        server = serve(tls=ca.server_context(*(f"{number}.test" for number in range(300))))
        with pytest.raises(SSLError, match=r"7\.test and 292 more\. ") as caught:
            get(make(), server, verify=ca.file)
        assert len(str(caught.value)) < 600

    def test_does_without_the_certificate_where_that_cannot_be_had(
        self, make: Make, serve: Serve, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wire_tls, "presented", lambda *given: None)
        with pytest.raises(SSLError, match=r"certificate has expired\. Its operator"):
            get(make(), serve(tls=ca.server_context("localhost", expired=True)), verify=ca.file)

    def test_has_no_more_time_to_look_than_the_call(
        self, serve: Serve, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[float] = []
        monkeypatch.setattr(wire_tls, "presented", lambda *all_: given.append(all_[-1]))
        server = serve(tls=ca.server_context("localhost", expired=True))
        with httpkit.Session() as session:
            session.verify = ca.file
            for timeout in (httpkit.timeouts.Timeout(total=1.5), 1.0, 60):
                with pytest.raises(SSLError, match="expired"):
                    session.get(server.url_as("localhost", "/"), timeout=timeout)
        assert 0 < given[0] < 1.5
        assert given[1:] == [1.0, 2.0]

    def test_does_not_look_for_long(self, serve_raw: Callable[..., Any]) -> None:
        server = serve_raw(lambda peer: peer.hang())
        address = (server.host, server.port)
        assert wire_tls.presented(address, "localhost", wire_tls.Settings(verifies=False), 0.05) is None

    def test_does_not_look_through_a_proxy(
        self, make: Make, serve: Serve, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[Any] = []
        monkeypatch.setattr(wire_tls, "presented", lambda *given: looked.append(given))
        server = serve(tls=ca.server_context("localhost", expired=True))
        with ProxyServer() as proxy, pytest.raises(SSLError, match="expired"):
            get(make(), server, verify=ca.file, proxies={"https": f"http://localhost:{proxy.port}"})
        assert looked == []

    @pytest.mark.parametrize(
        "server_options, tls, says",
        [
            ({"maximum": ssl.TLSVersion.TLSv1_2}, TLS(minimum_version="1.3"), "no version of TLS in common"),
            (
                {"client_certs": "required", "maximum": ssl.TLSVersion.TLSv1_2},
                TLS(),
                r"a client certificate that it wants, cert=",
            ),
        ],
        ids=["version", "client certificate"],
    )
    def test_says_what_the_two_sides_do_not_agree_on(
        self, make: Make, serve: Serve, ca: Authority, server_options: Any, tls: TLS, says: str
    ) -> None:
        with pytest.raises(SSLError, match=says):
            get(make(tls=tls), serve(tls=ca.server_context(**server_options)), verify=ca.file)

    def test_says_that_the_client_certificate_is_not_accepted(
        self, make: Make, serve: Serve, ca: Authority, tmp_path: Path
    ) -> None:
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        # With TLS 1.3 the client has sent its request when it hears of that.
        strict = serve(tls=ca.server_context(client_certs="required", maximum=ssl.TLSVersion.TLSv1_2))
        mine = Authority(foreign).issue("me@example.test")
        with pytest.raises(SSLError, match="does not accept the client certificate"):
            get(make(), strict, verify=ca.file, cert=mine.combined_file)


def self_signed(directory: Path) -> ssl.SSLContext:
    from datetime import datetime

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "myself")])
    made = (
        x509.CertificateBuilder()
        .subject_name(me)
        .issuer_name(me)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2049, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "self.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "self.pem")
    return context
