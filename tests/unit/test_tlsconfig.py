"""TLS as a value: what it takes, what it refuses, and what it shows. No connection is made here."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import ssl
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit import TLS
from httpkit.adapters import HTTPAdapter
from httpkit.tlsconfig import digest_of

KEY_PIN = "sha256//" + "A" * 43 + "="
CERTIFICATE_PIN = "00" * 32


def test_without_anything_it_says_nothing() -> None:
    nothing = TLS()
    assert [getattr(nothing, field.name) for field in dataclasses.fields(nothing)] == [None] * 5 + [(), None]
    assert repr(nothing) == "TLS()"


@pytest.mark.parametrize(
    "given",
    [ssl.TLSVersion.TLSv1_3, "1.3", "TLSv1.3", "tls 1.3"],
    ids=["enum", "number", "name", "lower case"],
)
def test_a_version_has_several_spellings(given: Any) -> None:
    assert TLS(minimum_version=given).minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    "settings, says",
    [
        pytest.param({"minimum_version": "1.4"}, "minimum_version is '1.4'; give", id="no such version"),
        pytest.param({"maximum_version": 3}, "maximum_version is '3'; give", id="a number"),
        pytest.param({"minimum_version": ssl.TLSVersion.SSLv3}, "minimum_version", id="RFC 7568 SSLv3"),
        pytest.param(
            {"minimum_version": "1.3", "maximum_version": "1.2"}, "maximum_version less", id="upside down"
        ),
        pytest.param({"verify": 5}, "verify: give True", id="verify a number"),
        pytest.param({"verify": ""}, "verify: give True", id="verify empty"),
        pytest.param({"verify": ssl.create_default_context()}, r"ssl_context=", id="verify a context"),
        pytest.param({"cert": ("a", "b", "c", "d")}, "cert: give the path", id="cert of four"),
        pytest.param({"cert": 5}, "cert: give the path", id="cert a number"),
        pytest.param({"cert": ("a", None)}, "cert: give the path", id="no key"),
        pytest.param({"cert": ("a", "b", 5)}, "the password is int", id="password a number"),
        pytest.param({"ciphers": "NOSUCHTHING"}, "none of the ciphers 'NOSUCHTHING'", id="cipher unknown"),
        pytest.param({"ciphers": 5}, "none of the ciphers", id="cipher a number"),
        pytest.param({"pins": "sha1//abc"}, "64 hexadecimal digits", id="pin of another digest"),
        pytest.param({"pins": ["00" * 31]}, "64 hexadecimal digits", id="pin too short"),
        pytest.param({"pins": "sha256//short="}, "64 hexadecimal digits", id="key pin too short"),
        pytest.param({"pins": 5}, "pins: give one digest", id="pin a number"),
        pytest.param({"pins": [5]}, "a pin is text", id="a number among pins"),
        pytest.param({"server_name": "a b"}, "is no name of a host", id="blank in a name"),
        pytest.param(
            {"server_name": "host:443"}, "the name of a host and nothing else", id="name with a port"
        ),
        pytest.param(
            {"server_name": "u@host"}, "the name of a host and nothing else", id="name with userinfo"
        ),
        pytest.param(
            {"server_name": "host/path"}, "the name of a host and nothing else", id="name with a path"
        ),
        pytest.param(
            {"server_name": "host?q"}, "the name of a host and nothing else", id="name with a query"
        ),
        pytest.param({"server_name": "host\r\n"}, "is no name of a host", id="name with a line break"),
    ],
)
def test_what_means_nothing_is_refused_when_it_is_made(settings: Any, says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says) as caught:
        TLS(**settings)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_the_forms_of_paths_become_one() -> None:
    assert TLS(verify=Path("ca.pem")) == TLS(verify=b"ca.pem") == TLS(verify="ca.pem")
    assert TLS(cert=[Path("a.pem"), b"k.pem"]) == TLS(cert=("a.pem", "k.pem"))  # type: ignore[arg-type]
    assert TLS(cert=("a.pem",)) == TLS(cert="a.pem")


def test_a_name_is_written_as_it_is_sent() -> None:
    assert TLS(server_name="Bücher.example").server_name == "xn--bcher-kva.example"


def test_pins_are_of_keys_or_certificates() -> None:
    assert TLS(pins=KEY_PIN).pins == (KEY_PIN,)
    assert digest_of(KEY_PIN) == digest_of(KEY_PIN.replace("//", "/")) == (True, bytes(32))
    assert digest_of(CERTIFICATE_PIN) == digest_of(":".join(["00"] * 32)) == (False, bytes(32))


def test_the_password_of_a_key_is_not_shown() -> None:
    shown = repr(TLS(cert=("a.pem", "k.pem", "s3cret"), minimum_version="1.3", pins=[CERTIFICATE_PIN]))
    assert (
        shown == f"TLS(cert=('a.pem', 'k.pem', '***'), minimum_version=TLSv1_3, pins=('{CERTIFICATE_PIN}',))"
    )
    adapter = HTTPAdapter(tls=TLS(cert=("a.pem", "k.pem", "s3cret")))
    assert "s3cret" not in repr(adapter)
    assert "s3cret" not in repr(httpkit.Session(tls=TLS(cert=("a.pem", "k.pem", "s3cret"))))


def test_it_is_a_value() -> None:
    one = TLS(verify=False, cert=("a", "b", "c"), minimum_version="1.2", pins=[KEY_PIN], server_name="a.test")
    assert one == dataclasses.replace(one) == copy.copy(one) == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(dataclasses.replace(one))
    assert dataclasses.replace(one, minimum_version="1.3").minimum_version is ssl.TLSVersion.TLSv1_3
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.verify = True  # type: ignore[misc]


class TestAdapters:
    @pytest.mark.parametrize(
        "settings",
        [
            {"ssl_context": ssl.create_default_context()},
            {"ssl_minimum_version": ssl.TLSVersion.TLSv1_2},
            {"ssl_maximum_version": ssl.TLSVersion.TLSv1_3},
            {"server_hostname": "b.test"},
        ],
        ids=lambda settings: next(iter(settings)),
    )
    def test_what_is_said_twice_is_refused(self, settings: Any) -> None:
        tls = TLS(minimum_version="1.2", maximum_version="1.3", server_name="a.test")
        with pytest.raises(ValueError, match=next(iter(settings))):
            HTTPAdapter(tls=tls, **settings)

    def test_what_is_no_tls_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"tls: give a TLS, .* not dict"):
            HTTPAdapter(tls={"verify": False})  # type: ignore[arg-type]

    def test_so_is_a_context_that_a_subclass_brings(self) -> None:
        class Own(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

        Own()
        with pytest.raises(ValueError, match="ssl_context"):
            Own(tls=TLS(minimum_version="1.3"))

    def test_pools_of_another_make_are_told_apart(self) -> None:
        import urllib3

        class Pool(urllib3.HTTPSConnectionPool):
            pass

        class Theirs(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                self.poolmanager = urllib3.PoolManager()
                self.poolmanager.pool_classes_by_scheme = {"https": Pool}

        with pytest.raises(TypeError, match="tls= does not work with the pools of this adapter, Pool"):
            Theirs(tls=TLS(pins=KEY_PIN))

    @pytest.mark.parametrize(
        "of_tls, of_call, used",
        [
            pytest.param(False, True, (False, None), id="True leaves it open"),
            pytest.param("own.pem", None, ("own.pem", None), id="None leaves it open"),
            pytest.param("own.pem", False, (False, None), id="False of the call beats it"),
            pytest.param("own.pem", "other.pem", ("other.pem", None), id="a bundle of the call beats it"),
            pytest.param(None, True, (True, None), id="silence"),
        ],
    )
    def test_the_call_beats_it_where_it_says_something(self, of_tls: Any, of_call: Any, used: Any) -> None:
        assert HTTPAdapter(tls=TLS(verify=of_tls))._wanted(of_call, None) == used

    def test_a_bundle_of_the_environment_does_not_beat_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/env/ca.pem")
        session = httpkit.Session(tls=TLS(verify="own.pem"))
        settings = session.merge_environment_settings("https://a.test/", {}, None, None, None)
        assert settings["verify"] == "/env/ca.pem"
        adapter = session.get_adapter("https://a.test/")
        assert isinstance(adapter, HTTPAdapter)
        assert adapter._wanted(settings["verify"], None) == ("own.pem", None)

    def test_a_certificate_of_the_call_beats_it(self) -> None:
        adapter = HTTPAdapter(tls=TLS(cert="mine.pem"))
        assert adapter._wanted(True, None)[1] == "mine.pem"
        assert adapter._wanted(True, "other.pem")[1] == "other.pem"

    def test_it_travels_with_the_adapter(self) -> None:
        tls = TLS(pins=KEY_PIN, minimum_version="1.3")
        twin = pickle.loads(pickle.dumps(HTTPAdapter(tls=tls)))
        pool = twin.poolmanager.connection_from_url("https://a.test")
        assert pool.tls == tls
        assert pool.ssl_minimum_version == ssl.TLSVersion.TLSv1_3
