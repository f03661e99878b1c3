"""Certificates that a test makes for a server of its own: an authority, and what it says of ``localhost``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"  # the one name that the certificate is valid for; 127.0.0.1 is another


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files."""

    authority: Path
    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Write an authority and a certificate for `HOST`, which it has signed."""
    made = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _sign("Authority of a test", authority_key.public_key(), "Authority of a test", authority_key, None)
    certificate = _sign(HOST, key.public_key(), "Authority of a test", authority_key, HOST)
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.key.chmod(0o600)
    return made


def _sign(
    name: str, key: ec.EllipticCurvePublicKey, by: str, with_key: ec.EllipticCurvePrivateKey, host: str | None
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is None:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(with_key.public_key())
        builder = builder.add_extension(of_authority, critical=False)
    return builder.sign(with_key, hashes.SHA256())
