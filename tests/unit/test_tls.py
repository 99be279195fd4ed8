"""What verify= and cert= become, and which contexts are shared. No connection is made here."""

from __future__ import annotations

import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import pytest

from httpkit._wire import tls
from httpkit._wire.tls import Settings, TLSFileNotFound, pool_settings, shared_context
from httpkit.exceptions import RequestException, SSLError
from tests.servers import Authority


@pytest.fixture
def own_context() -> ssl.SSLContext:
    """A context as programs make it for themselves, trusting nobody yet."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class TestWhatVerifyMeans:
    @pytest.mark.parametrize("verify", [True, None, "", 1], ids=["True", "None", "empty text", "1"])
    def test_the_default_is_to_verify_with_certifi(self, verify: object) -> None:
        assert pool_settings(verify, None, {}) == {"cert_reqs": "CERT_REQUIRED", "ca_certs": certifi.where()}

    @pytest.mark.parametrize("verify", [False, 0], ids=["False", "0"])
    def test_false_is_no_verification_and_no_trust(self, verify: object) -> None:
        assert pool_settings(verify, None, {"ca_certs": "x.pem"}) == {
            "cert_reqs": "CERT_NONE",
            "ca_certs": None,
        }

    def test_a_file_is_a_bundle_and_a_directory_is_a_directory(self, ca: Authority) -> None:
        assert pool_settings(ca.file, None, {}) == {"cert_reqs": "CERT_REQUIRED", "ca_certs": ca.file}
        assert pool_settings(ca.trust_directory(), None, {}) == {
            "cert_reqs": "CERT_REQUIRED",
            "ca_cert_dir": ca.trust_directory(),
        }

    def test_paths_may_be_path_objects_bytes_or_begin_at_home(
        self, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert pool_settings(Path(ca.file), None, {})["ca_certs"] == ca.file
        assert pool_settings(os.fsencode(ca.file), None, {})["ca_certs"] == ca.file
        monkeypatch.setenv("HOME", os.path.dirname(ca.file))
        assert pool_settings("~/" + os.path.basename(ca.file), None, {})["ca_certs"] == ca.file

    def test_a_path_of_the_call_replaces_what_the_pool_manager_trusts(self, ca: Authority) -> None:
        base = {"ca_cert_dir": "/somewhere", "ca_cert_data": "PEM"}
        assert pool_settings(ca.file, None, base) == {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": ca.file,
            "ca_cert_dir": None,
            "ca_cert_data": None,
        }

    def test_true_leaves_what_the_pool_manager_trusts(self) -> None:
        assert pool_settings(True, None, {"ca_certs": "own.pem"}) == {"cert_reqs": "CERT_REQUIRED"}

    def test_a_context_of_the_call_stands_alone(self, own_context: ssl.SSLContext) -> None:
        base = {"ssl_context": ssl.create_default_context(), "cert_reqs": "CERT_NONE", "ca_certs": "own.pem"}
        assert pool_settings(own_context, None, base) == {
            "ssl_context": own_context,
            "cert_reqs": None,
            "ca_certs": None,
        }


class TestAContextOfThePoolManager:
    def test_one_that_trusts_somebody_gets_no_other_certificates(self, ca: Authority) -> None:
        assert pool_settings(True, None, {"ssl_context": ca.client_context()}) == {
            "cert_reqs": "CERT_REQUIRED"
        }

    def test_one_that_trusts_nobody_gets_certifi(self, own_context: ssl.SSLContext) -> None:
        assert pool_settings(True, None, {"ssl_context": own_context})["ca_certs"] == certifi.where()

    def test_one_of_another_class_looks_after_itself(self) -> None:
        class SystemTrust(ssl.SSLContext):
            pass

        context = SystemTrust(ssl.PROTOCOL_TLS_CLIENT)
        assert pool_settings(True, None, {"ssl_context": context}) == {"cert_reqs": "CERT_REQUIRED"}

    def test_a_path_of_the_call_is_trusted_with_it(self, ca: Authority, own_context: ssl.SSLContext) -> None:
        assert pool_settings(ca.file, None, {"ssl_context": own_context})["ca_certs"] == ca.file

    def test_verify_false_contradicts_one_that_checks_host_names(self, own_context: ssl.SSLContext) -> None:
        with pytest.raises(SSLError, match="check_hostname"):
            pool_settings(False, None, {"ssl_context": own_context})

    def test_verify_false_is_carried_out_by_one_that_does_not(self, own_context: ssl.SSLContext) -> None:
        own_context.check_hostname = False
        assert pool_settings(False, None, {"ssl_context": own_context}) == {"cert_reqs": "CERT_NONE"}
        assert own_context.verify_mode == ssl.CERT_REQUIRED, "deciding changes nothing"


class TestWhatCertMeans:
    def test_a_path_a_pair_and_a_triple(self, ca: Authority) -> None:
        mine = ca.issue("me@example.test")
        assert _cert(mine.combined_file) == {"cert_file": mine.combined_file}
        assert _cert((mine.cert_file, mine.key_file)) == {
            "cert_file": mine.cert_file,
            "key_file": mine.key_file,
        }
        assert _cert([Path(mine.cert_file), mine.encrypted_key_file, "secret"]) == {
            "cert_file": mine.cert_file,
            "key_file": mine.encrypted_key_file,
            "key_password": "secret",
        }

    @pytest.mark.parametrize("cert", [None, "", ()])
    def test_nothing_is_no_certificate(self, cert: object) -> None:
        assert _cert(cert) == {}

    @pytest.mark.parametrize(
        "cert", [("a", "b", "c", "d"), 5, (None, "key")], ids=["four", "int", "no certificate"]
    )
    def test_another_form_is_a_value_error(self, cert: object) -> None:
        with pytest.raises(ValueError, match="certificate, key, password"):
            pool_settings(True, cert, {})


def _cert(cert: object) -> dict[str, object]:
    settings = pool_settings(False, cert, {})
    del settings["cert_reqs"]
    return settings


class TestMissingFiles:
    @pytest.mark.parametrize(
        "verify, cert, argument",
        [
            ("/nowhere/ca.pem", None, "verify"),
            (True, "/nowhere/ca.pem", "cert"),
            (True, (__file__, "/nowhere/ca.pem"), "cert"),
        ],
        ids=["bundle", "certificate", "key"],
    )
    def test_the_error_names_argument_and_path(self, verify: object, cert: object, argument: str) -> None:
        with pytest.raises(TLSFileNotFound) as caught:
            pool_settings(verify, cert, {})
        assert str(caught.value).startswith(f"{argument}: ")
        assert str(caught.value).endswith("invalid path: /nowhere/ca.pem")
        assert isinstance(caught.value, RequestException)
        assert isinstance(caught.value, FileNotFoundError)

    def test_a_path_is_shown_printable_and_bounded(self) -> None:
        with pytest.raises(TLSFileNotFound) as caught:
            pool_settings("/nowhere/\n\x1b[31m" + "x" * 1000, None, {})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300

    def test_one_that_disappears_later_is_still_an_error_of_ours(self) -> None:
        with pytest.raises(TLSFileNotFound):
            shared_context(Settings(ca_certs="/nowhere/ca.pem"))

    @pytest.mark.parametrize(
        "content", [b"", b"no certificate", b"\xff\xfe\x00"], ids=["empty", "text", "bytes"]
    )
    def test_one_without_certificates_is_a_tls_error_that_names_it(
        self, tmp_path: Path, content: bytes
    ) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_bytes(content)
        with pytest.raises(SSLError, match=r"^verify: .*ca\.pem"):
            shared_context(Settings(ca_certs=str(bundle)))


class TestSharedContexts:
    def test_one_for_each_setting(self, ca: Authority) -> None:
        one = shared_context(Settings(ca_certs=ca.file))
        assert shared_context(Settings(ca_certs=ca.file)) is one
        others = [
            Settings(),
            Settings(verifies=False, checks_hostname=False),
            Settings(ca_certs=ca.file, checks_hostname=False),
            Settings(ca_certs=ca.file, ssl_minimum_version=ssl.TLSVersion.TLSv1_3),
            Settings(ca_certs=ca.file, ssl_maximum_version=ssl.TLSVersion.TLSv1_2),
            Settings(ca_cert_data=ca.pem.decode()),
        ]
        contexts = [one, *map(shared_context, others)]
        assert len(set(map(id, contexts))) == len(contexts)

    def test_settings_are_carried_out(self, ca: Authority) -> None:
        context = shared_context(Settings(ca_certs=ca.file, ssl_minimum_version=ssl.TLSVersion.TLSv1_3))
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.cert_store_stats()["x509_ca"] == 1, "the authority and no other"
        lax = shared_context(Settings(verifies=False))
        assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)

    def test_without_trust_settings_certifi_is_trusted(self) -> None:
        assert shared_context(Settings()).cert_store_stats()["x509_ca"] > 50

    def test_threads_that_ask_together_get_one_context(self, ca: Authority) -> None:
        settings = Settings(ca_certs=ca.file, ssl_maximum_version=ssl.TLSVersion.TLSv1_3)
        together = threading.Barrier(8)

        def ask(_: int) -> ssl.SSLContext:
            together.wait()
            return shared_context(settings)

        with ThreadPoolExecutor(8) as threads:
            assert len({id(context) for context in threads.map(ask, range(8))}) == 1

    def test_a_file_that_changes_gives_a_new_context(self, ca: Authority, tmp_path: Path) -> None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(ca.pem)
        before = shared_context(Settings(ca_certs=str(bundle)))
        bundle.write_bytes(ca.pem + b"# another one\n" + Path(certifi.where()).read_bytes())
        after = shared_context(Settings(ca_certs=str(bundle)))
        assert after is not before
        assert after.cert_store_stats()["x509_ca"] > before.cert_store_stats()["x509_ca"] == 1

    def test_the_number_that_is_kept_is_limited(self, ca: Authority) -> None:
        for number in range(tls._KEPT + 5):
            shared_context(Settings(verifies=False, key_password=str(number)))
        assert len(tls._contexts) <= tls._KEPT

    def test_a_proxy_does_not_see_the_clients_certificate(self, ca: Authority) -> None:
        mine = ca.issue("me@example.test")
        settings = Settings(ca_certs=ca.file, cert_file=mine.combined_file, key_password="x")
        assert settings.without_client_certificate() == Settings(ca_certs=ca.file)


class TestClientCertificates:
    def test_an_encrypted_key_opens_with_its_password(self, ca: Authority) -> None:
        mine = ca.issue("me@example.test")
        settings = Settings(
            cert_file=mine.cert_file, key_file=mine.encrypted_key_file, key_password=mine.password
        )
        assert isinstance(shared_context(settings), ssl.SSLContext)

    @pytest.mark.parametrize(
        "password, says",
        [(None, r"encrypted; give cert=\(certificate, key, password\)"), ("wrong", "does not open")],
    )
    def test_a_missing_or_wrong_password_is_said_and_never_asked_for(
        self, ca: Authority, password: str | None, says: str
    ) -> None:
        mine = ca.issue("me@example.test")
        with pytest.raises(SSLError, match=says) as caught:
            shared_context(
                Settings(cert_file=mine.cert_file, key_file=mine.encrypted_key_file, key_password=password)
            )
        assert "wrong" not in str(caught.value)

    def test_a_key_of_another_certificate_is_an_error_that_names_the_file(self, ca: Authority) -> None:
        mine, other = ca.issue("me@example.test"), ca.issue("you@example.test")
        with pytest.raises(SSLError, match=r"^cert: no certificate with its key"):
            shared_context(Settings(cert_file=mine.cert_file, key_file=other.key_file))


class TestContextsOfAProgram:
    def test_trust_is_added_once(self, ca: Authority, own_context: ssl.SSLContext, tmp_path: Path) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_bytes(ca.pem)
        tls.extend_trust(own_context, str(bundle), None, None)
        bundle.chmod(0o644)
        stamp = bundle.stat()
        bundle.write_bytes(b"x" * len(ca.pem))
        os.utime(bundle, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        tls.extend_trust(own_context, str(bundle), None, None)
        assert own_context.cert_store_stats()["x509_ca"] == 1

    def test_nobody_uses_one_in_two_modes_at_the_same_time(self, own_context: ssl.SSLContext) -> None:
        inside: list[int] = []
        clashes: list[tuple[int, ...]] = []

        def use(number: int) -> None:
            mode = number % 2
            with tls.exclusively(own_context, mode):
                inside.append(mode)
                if set(inside) != {mode}:
                    clashes.append(tuple(inside))
                inside.remove(mode)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(use, range(400)))
        assert clashes == []

    def test_those_that_want_the_same_do_not_wait_for_each_other(self, own_context: ssl.SSLContext) -> None:
        together = threading.Barrier(3, timeout=5)

        def use(_: int) -> None:
            with tls.exclusively(own_context, ssl.CERT_REQUIRED):
                together.wait()

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(use, range(3)))

    def test_the_gate_opens_again_after_an_error(self, own_context: ssl.SSLContext) -> None:
        with pytest.raises(KeyError), tls.exclusively(own_context, 1):
            raise KeyError
        with tls.exclusively(own_context, 2):
            pass
