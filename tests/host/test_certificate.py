"""The host's key and certificate: the configured ones, or a self-signed pair that is made once."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rockonweb import config
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.facts import CertificateFacts
from rockonweb.host import certificate


def settings(folder: Path, **environ: str) -> config.Config:
    """Settings with an instance in `folder`."""
    return config.load_config({"ROCKONWEB_INSTANCE": str(folder / "instance"), **environ})


def test_looking_makes_nothing(tmp_path: Path) -> None:
    here = tmp_path / "instance" / "tls"
    assert certificate.locate_certificate(settings(tmp_path)) == CertificateFacts(
        str(here / "host.key"), str(here / "host.crt")
    )
    assert not here.exists()


def test_a_pair_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    ours = settings(tmp_path)
    found = certificate.locate_certificate(ours)
    assert certificate.ensure_certificate(ours)
    first = Path(found.certificate).read_bytes()
    assert not certificate.ensure_certificate(ours)
    assert Path(found.certificate).read_bytes() == first
    assert stat.S_IMODE(Path(found.key).stat().st_mode) == 0o600
    assert sorted(path.name for path in Path(found.key).parent.iterdir()) == ["host.crt", "host.key"]


def test_it_names_the_host_and_lasts_ten_years() -> None:
    key, pem = certificate.create_self_signed("nas.home.example")
    made = x509.load_pem_x509_certificate(pem)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["nas.home.example", "nas", "nas.local", "localhost"]
    assert made.subject == made.issuer
    assert made.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3649)
    assert made.public_key() == load_pem_private_key(key, None).public_key()


def test_a_host_name_of_any_length_will_do() -> None:
    assert b"BEGIN CERTIFICATE" in certificate.create_self_signed("x" * 63 + "." + "y" * 63)[1]
    assert b"BEGIN CERTIFICATE" in certificate.create_self_signed("")[1]


def test_configured_files_are_taken_and_a_missing_one_is_named(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    key.touch()
    ours = settings(tmp_path, ROCKONWEB_TLS_KEY=str(key), ROCKONWEB_TLS_CERT=str(cert))
    assert certificate.locate_certificate(ours) == CertificateFacts(
        str(key), str(cert), self_signed=False, missing=str(cert)
    )
    cert.touch()
    assert certificate.locate_certificate(ours).missing == ""


@pytest.mark.parametrize("name", ["ROCKONWEB_TLS_KEY", "ROCKONWEB_TLS_CERT"])
def test_a_key_without_its_certificate_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="set both, or neither"):
        settings(tmp_path, **{name: "/x"})


def test_a_folder_that_can_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "instance").touch()
    with pytest.raises(RockonwebError, match="can't be created"):
        certificate.ensure_certificate(settings(tmp_path))
