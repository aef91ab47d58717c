"""Certificates for tests: an authority of their own, and what it signs, as PEM files."""

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = datetime.timedelta(days=2)
CLOCKS_DIFFER = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key, each in a file, and both in one, as brokers want them."""

    cert_file: Path
    key_file: Path
    both_file: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates and writes them below `directory`; `ca_file` is what trusts them."""

    directory: Path
    name: str = "Test authority"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        own = self._signed(self.name, self._key.public_key(), (), is_authority=True)
        self.ca_file.write_bytes(_pem(own))

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, name: str, *hosts: str) -> Identity:
        """A certificate for `name` (its CN), good for these hosts: names, or addresses as numbers."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _pem(self._signed(name, key.public_key(), hosts))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made = Identity(
            cert_file=self.directory / f"{name}.pem",
            key_file=self.directory / f"{name}.key.pem",
            both_file=self.directory / f"{name}.both.pem",
        )
        made.cert_file.write_bytes(certificate)
        made.key_file.write_bytes(secret)
        made.both_file.write_bytes(secret + certificate)
        return made

    def _signed(
        self, name: str, key: ec.EllipticCurvePublicKey, hosts: tuple[str, ...], *, is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(_common_name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_DIFFER)
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_host, hosts)), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
