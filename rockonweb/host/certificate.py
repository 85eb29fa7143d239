"""The TLS key and certificate that apps get which serve https themselves.

What reads and makes them is imported only where it is used: it takes three megabytes.
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

from rockonweb.config import Config, make_private_folder, temporary_file
from rockonweb.core.errors import RockonwebError
from rockonweb.core.facts import CertificateFacts
from rockonweb.core.text import t

VALID_YEARS = 10
MAX_COMMON_NAME = 64  # characters, ub-common-name of RFC 5280


def locate_certificate(settings: Config) -> CertificateFacts:
    """Return the paths of key and certificate: the configured ones, else where self-signed ones are or will be."""
    if settings.tls_key and settings.tls_certificate:
        paths = (settings.tls_key, settings.tls_certificate)
        missing = next((str(path) for path in paths if not path.is_file()), "")
        return CertificateFacts(str(paths[0]), str(paths[1]), self_signed=False, missing=missing)
    key, certificate = _own_paths(settings)
    return CertificateFacts(str(key), str(certificate))


@cache  # as the web server reads the file when it starts
def read_dns_names(path: Path) -> tuple[str, ...]:
    """Return the DNS names of a certificate in lower case; a wildcard begins with `*.`. None where it can't be read."""
    from cryptography import x509

    try:
        extensions = x509.load_pem_x509_certificate(path.read_bytes()).extensions
        alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return ()
    return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))


def ensure_certificate(settings: Config) -> bool:
    """Create the instance's self-signed pair if missing; return whether it was created. Raises RockonwebError."""
    key_path, certificate_path = _own_paths(settings)
    if key_path.is_file() and certificate_path.is_file():
        return False
    key, certificate = create_self_signed(socket.gethostname())
    try:
        make_private_folder(key_path.parent)
        for path, content in ((key_path, key), (certificate_path, certificate)):
            with temporary_file(path, content) as temporary:
                temporary.replace(path)
    except OSError as error:
        raise RockonwebError(
            t(
                "The certificate %(path)s can't be created: %(why)s.",
                path=str(certificate_path),
                why=error.strerror or "",
            ),
            t("Check that Rockonweb may write there, or specify a certificate with ROCKONWEB_TLS_KEY and _CERT."),
        ) from None
    return True


def create_self_signed(host: str) -> tuple[bytes, bytes]:
    """Return a new key and a self-signed certificate for this host name, both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:MAX_COMMON_NAME] or "localhost")])
    short = host.partition(".")[0]
    dns_names = dict.fromkeys(alias for alias in (host, short, f"{short}.local", "localhost") if alias.strip("."))
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))  # for clients whose clock is behind
        .not_valid_after(today + timedelta(days=365 * VALID_YEARS))
        .add_extension(
            x509.SubjectAlternativeName(
                [*map(x509.DNSName, dns_names), x509.IPAddress(IPv4Address("127.0.0.1"))],
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def _own_paths(settings: Config) -> tuple[Path, Path]:
    folder = settings.instance / "tls"
    return folder / "host.key", folder / "host.crt"
