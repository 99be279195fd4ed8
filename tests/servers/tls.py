"""Certificates for the tests: an authority of our own, and server and client certificates that it signs."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = ["Authority", "Issued"]

# OpenSSL matches no wildcard directly below a top-level name.
TEST_NAMES = (
    "example.test",
    "*.example.test",
    "api.test",
    "other.test",
    "proxy.test",
    "a.test",
    "b.test",
    "c.test",
)
LOOPBACK = ("localhost", "127.0.0.1", "::1", *TEST_NAMES)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as files."""

    cert_file: str
    key_file: str
    combined_file: str
    encrypted_key_file: str
    password: str
    der: bytes

    def fingerprint(self, algorithm: str = "sha256") -> str:
        """The digest of the certificate in hexadecimal, as `assert_fingerprint` takes it."""
        return hashlib.new(algorithm, self.der).hexdigest()


class Authority:
    """A certificate authority whose files live in *directory*.

    `file` is its certificate as PEM, for `verify=`; `trust_directory()` a directory of hashed names, for the same.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ca = trustme.CA()
        self._count = 0
        self.pem = self._ca.cert_pem.bytes()
        path = directory / "authority.pem"
        path.write_bytes(self.pem)
        self.file = str(path)

    def issue(self, *names: str, expired: bool = False) -> Issued:
        """A certificate for *names* (hosts, addresses, e-mail addresses), good until long after all of us."""
        leaf = self._ca.issue_cert(
            *names,
            common_name=names[0],
            not_before=datetime(2001, 1, 1) if expired else None,
            not_after=datetime(2002, 1, 1) if expired else None,
        )
        self._count += 1
        stem = self.directory / f"{self._count}"
        pem = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        key = leaf.private_key_pem.bytes()
        locked = load_pem_private_key(key, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        files = {"cert": pem, "key": key, "both": key + pem, "locked": locked}
        paths = {}
        for kind, content in files.items():
            path = stem.with_suffix(f".{kind}.pem")
            path.write_bytes(content)
            paths[kind] = str(path)
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        return Issued(paths["cert"], paths["key"], paths["both"], paths["locked"], "secret", der)

    def server_context(
        self,
        *names: str,
        expired: bool = False,
        client_certs: str = "no",
        minimum: ssl.TLSVersion | None = None,
        maximum: ssl.TLSVersion | None = None,
        issued: Issued | None = None,
    ) -> ssl.SSLContext:
        """A server's context for *names*: by default localhost, 127.0.0.1, ::1 and `TEST_NAMES`.

        *client_certs* is 'no', 'optional' or 'required': whether clients must show one signed by this authority.
        """
        certificate = issued or self.issue(*(names or LOOPBACK), expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
        context.verify_mode = {
            "no": ssl.CERT_NONE,
            "optional": ssl.CERT_OPTIONAL,
            "required": ssl.CERT_REQUIRED,
        }[client_certs]
        context.load_verify_locations(self.file)
        if minimum is not None:
            context.minimum_version = minimum
        if maximum is not None:
            context.maximum_version = maximum
        return context

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.file)

    def trust_directory(self) -> str:
        """A directory as `openssl rehash` would make it, holding this authority alone."""
        path = self.directory / "trusted"
        path.mkdir(exist_ok=True)
        name = x509.load_pem_x509_certificate(self.pem).subject
        (path / f"{subject_hash(name):08x}.0").write_bytes(self.pem)
        return str(path)


def subject_hash(name: x509.Name) -> int:
    """OpenSSL's hash of a subject: SHA-1 over its canonical form (lower case, single blanks, UTF-8), cut to 4 bytes."""
    canonical = b""
    for attribute in name:
        numbers = [int(part) for part in attribute.oid.dotted_string.split(".")]
        oid = bytes([numbers[0] * 40 + numbers[1], *numbers[2:]])
        text = " ".join(str(attribute.value).lower().split()).encode()
        canonical += der(0x31, der(0x30, der(0x06, oid) + der(0x0C, text)))
    return int.from_bytes(hashlib.sha1(canonical, usedforsecurity=False).digest()[:4], "little")


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content
