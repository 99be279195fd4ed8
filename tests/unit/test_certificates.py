"""What is read from a certificate is what is in it, and nothing that a stranger sends raises or takes long."""

from __future__ import annotations

import hashlib
import sys
from datetime import datetime, timezone
from ipaddress import ip_address
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from httpkit._wire.certificates import Certificate, key_digest, read

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    subject: list[tuple[Any, str]],
    names: list[str],
    since: datetime = datetime(2020, 1, 1),
    until: datetime = datetime(2049, 12, 31, 23, 59, 59),
) -> bytes:
    who = x509.Name([x509.NameAttribute(kind, value) for kind, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tëst Authority")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(until)
    )
    if names:
        hosts = [x509.DNSName(name) for name in names]
        extension = x509.SubjectAlternativeName([*hosts, x509.IPAddress(ip_address("::1"))])
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


DER = certificate(
    [(NameOID.COMMON_NAME, "a.test"), (NameOID.ORGANIZATION_NAME, "Owner")], ["a.test", "*.b.test"]
)


def test_a_certificate_says_whose_it_is_who_issued_it_and_until_when() -> None:
    assert read(DER) == Certificate(
        ("a.test", "*.b.test", "::1"),
        "a.test",
        "Tëst Authority",
        datetime(2020, 1, 1, tzinfo=timezone.utc),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
    )


def test_years_beyond_2049_and_certificates_without_names_are_read() -> None:
    found = read(certificate([(NameOID.ORGANIZATIONAL_UNIT_NAME, "Unit")], [], until=datetime(2051, 2, 3)))
    assert found is not None
    assert (found.names, found.subject, found.not_after.year) == ((), "Unit", 2051)


def test_the_key_has_the_digest_that_others_compute() -> None:
    spki = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key_digest(DER) == hashlib.sha256(spki).digest()


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 10, 50, 100, -1])
def test_what_breaks_off_is_none(cut: int) -> None:
    assert read(DER[:cut]) is None
    assert key_digest(DER[:cut]) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_none(data: bytes) -> None:
    read(data)
    key_digest(data)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=4))
def test_any_change_is_read_or_none(position: int, change: bytes) -> None:
    changed = DER[:position] + change + DER[position + len(change) :]
    read(changed)
    key_digest(changed)


def test_twice_the_names_are_twice_the_work_and_a_thousand_the_most() -> None:
    def steps(count: int) -> int:
        der = certificate([(NameOID.COMMON_NAME, "a")], [f"{number}.test" for number in range(count)])
        calls = 0

        def count_call(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count_call)
        try:
            found = read(der)
        finally:
            sys.setprofile(before)
        assert found is not None
        assert len(found.names) == min(count + 1, 1000)
        return calls

    assert steps(800) < 2.1 * steps(400)
    assert steps(4000) < 1.1 * steps(2000)
