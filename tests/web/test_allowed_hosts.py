"""By which names the pages may be reached."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

from rockonweb import config, create_app
from rockonweb.web import allowed_hosts


def settings(bind: str = "127.0.0.1:8000", **environ: str) -> config.Config:
    """The settings of an instance that listens there."""
    return config.load_config({"ROCKONWEB_INSTANCE": "/nowhere", "ROCKONWEB_BIND": bind, **environ})


@pytest.mark.parametrize(
    ("value", "host"),
    [
        *(
            ("localhost:8000", "localhost"),
            ("Server.LAN.", "server.lan"),
            ("[::1]:80", "::1"),
            ("[fe80::1]", "fe80::1"),
        ),
        *(("10.0.0.2", "10.0.0.2"), ("", ""), ("a@localhost", ""), ("localhost/x", ""), ("a:b", ""), ("[::1", "")),
        *(
            ("localhost?x", ""),
            ("localhost#", ""),
            ("local\thost", ""),
            ("evil.example\\localhost", ""),
        ),
    ],
)
def test_the_host_of_a_header(value: str, host: str) -> None:
    assert allowed_hosts.parse_host_header(value) == host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_is_always_accepted(host: str) -> None:
    assert allowed_hosts.is_allowed_host(host, settings())
    assert allowed_hosts.is_allowed_host(host, settings("0.0.0.0:80"))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.2", "server", "", "127.0.0.1.nip.io"]
)
def test_on_loopback_nothing_else_is(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed_hosts.machine_names.cache_clear()
    monkeypatch.setattr(allowed_hosts.socket, "gethostname", lambda: "server")
    assert not allowed_hosts.is_allowed_host(host, settings())


@pytest.mark.parametrize("host", ["10.0.0.2", "fe80::1", "server", "server.local", "server.lan", "server.example.org"])
def test_beyond_loopback_addresses_and_the_machines_own_names_are(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed_hosts.machine_names.cache_clear()
    monkeypatch.setattr(allowed_hosts.socket, "gethostname", lambda: "Server.example.org")
    try:
        assert allowed_hosts.is_allowed_host(host, settings("0.0.0.0:80"))
        assert allowed_hosts.is_allowed_host(host, settings("[::]:80"))
        for other in ("evil.example", "server.evil.example", "local", "other.local", "server.com", ""):
            assert not allowed_hosts.is_allowed_host(other, settings("0.0.0.0:80"))
    finally:
        allowed_hosts.machine_names.cache_clear()


def test_configured_names_are() -> None:
    found = settings(ROCKONWEB_HOSTS="Apps.Example.org, server.lan.,")
    assert found.allowed_hosts == ("apps.example.org", "server.lan")
    assert allowed_hosts.is_allowed_host("apps.example.org", found)
    assert not allowed_hosts.is_allowed_host("example.org", found)
    assert not allowed_hosts.is_allowed_host("x.apps.example.org", found)


def certificate_file(folder: Path, *names: str) -> Path:
    """A certificate for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "common.example.org")])
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(today).not_valid_after(today + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, names)]), critical=False)
    path = folder / "host.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def test_the_names_of_the_certificate_that_the_pages_are_served_with_are(tmp_path: Path) -> None:
    path = certificate_file(tmp_path, "Apps.example.org", "*.home.example.org")
    for bind in ("127.0.0.1:8000", "0.0.0.0:8000"):
        found = settings(bind, ROCKONWEB_TLS_CERT=str(path), ROCKONWEB_TLS_KEY="/nowhere/key")
        for host in ("apps.example.org", "nas.home.example.org"):
            assert allowed_hosts.is_allowed_host(host, found)
        for host in ("example.org", "home.example.org", "a.b.home.example.org", "common.example.org", "org", ""):
            assert not allowed_hosts.is_allowed_host(host, found)
    assert not allowed_hosts.is_allowed_host("apps.example.org", settings())


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_certificate_without_names_adds_none(tmp_path: Path, content: str | None) -> None:
    path = certificate_file(tmp_path)
    if content is not None:
        path.write_text(content)
    found = settings(ROCKONWEB_TLS_CERT=str(path), ROCKONWEB_TLS_KEY="/nowhere/key")
    assert not allowed_hosts.is_allowed_host("common.example.org", found)
    assert allowed_hosts.is_allowed_host("localhost", found)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An application of which nothing is there but itself."""
    return create_app(config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path), "ROCKONWEB_HOSTS": "apps.example.org"}))


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/static/icons.svg", "/no/such", "/api/rockons", "/jobs/"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "<b>evil</b>", ""])
def test_another_name_is_refused_everywhere(app: Flask, path: str, host: str) -> None:
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "ROCKONWEB_HOSTS" in answer.text
    assert "<b>" not in answer.text
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.is_json == path.startswith("/api/")


def test_a_configured_name_is_answered(app: Flask) -> None:
    for host in ("apps.example.org", "apps.example.org:8000", "localhost:1"):
        assert app.test_client().get("/static/icons.svg", headers={"Host": host}).status_code == 200


def test_what_a_proxy_that_is_not_ours_says_of_the_host_does_not_count(app: Flask) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "apps.example.org"}
    assert app.test_client().get("/static/icons.svg", headers=headers).status_code == 421
