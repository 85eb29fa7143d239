"""Fetching from a remote metastore, and from servers that misbehave."""

import gzip
import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

import pytest

from rockonweb.catalog import metastore_client
from rockonweb.catalog.metastore import FetchedFile, FileContent
from rockonweb.catalog.metastore_client import RemoteMetastore
from rockonweb.core.definition.parser import MAX_BYTES
from rockonweb.remote import http_client
from tests.support.claims import free_port
from tests.support.metastore import MetastoreServer
from tests.support.odd_server import Answer, odd_server, redirect_to, respond_with
from tests.support.resolving import PUBLIC, Resolver

pytestmark = pytest.mark.waits


def fetch(base: str, *names: str, known: Mapping[str, FileContent] | None = None) -> dict[str, FetchedFile]:
    return {one.file: one for one in RemoteMetastore(base, known or {}).fetch_files(names)}


def fault(answer: Answer) -> str:
    """The fault of a file that is answered so."""

    def last(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        answer(handler)

    with odd_server({"/a.json": last}) as url:
        found = fetch(url, "a.json")["a.json"]
    assert found.content is None
    return found.fault


def test_every_file_comes_once_with_its_text_and_validators(metastore):
    files = {f"app {n}.json": f"text {n} é" for n in range(40)}
    found = fetch(metastore(files).url, *files)
    assert {name: one.content.body for name, one in found.items()} == files
    assert all(one.content.etag and one.content.last_modified for one in found.values())


def test_files_come_side_by_side(metastore):
    store = metastore({f"{n}.json": "x" for n in range(64)}, delay=0.1)
    start = time.monotonic()
    assert len(fetch(store.url, *store.files)) == 64
    assert time.monotonic() - start < 3  # one after another: 6.4


def test_connections_are_kept():
    ports = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address)
        time.sleep(0.01)
        respond_with(b"x")(handler)

    names = [f"{n}.json" for n in range(100)]
    with odd_server({f"/{name}": answer for name in names}) as url:
        found = fetch(url, *names)
    assert all(one.content for one in found.values())
    assert len(ports) <= metastore_client.THREADS


def test_an_unchanged_file_is_not_sent_again(metastore):
    store = metastore({"a.json": "first", "b.json": "first"})
    known = {f"{store.url}/{name}": one.content for name, one in fetch(store.url, *store.files).items()}
    store.files["b.json"] = "second"
    found = fetch(store.url, *store.files, known=known)
    assert (found["a.json"].content.body, found["b.json"].content.body) == ("first", "second")
    assert store.count_requests("a.json", 304) == 1
    assert store.count_requests("b.json", 200) == 2


def test_a_server_without_validators_is_asked_in_full(metastore):
    store = metastore({"a.json": "text"})
    store.validators = False
    known = {f"{store.url}/a.json": FileContent("text")}
    assert fetch(store.url, "a.json", known=known)["a.json"].content == FileContent("text")
    assert store.count_requests("a.json", 200) == 1


def test_a_304_that_nobody_asked_for_is_a_fault():
    assert "304" in fault(respond_with(b"", 304))


def test_validators_that_can_not_be_sent_back_are_not_kept():
    def answer(handler: BaseHTTPRequestHandler) -> None:
        long = b"x" * 1000
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nETag: \xe9\r\nLast-Modified: %b\r\nContent-Length: 1\r\n\r\nx" % long)

    with odd_server({"/a.json": answer}) as url:
        assert fetch(url, "a.json")["a.json"].content == FileContent("x")


def test_a_password_in_the_address_is_used_and_not_kept():
    seen = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        respond_with(b"x")(handler)

    with odd_server({"/a.json": answer}) as url:
        store = RemoteMetastore(url.replace("//", "//me:hush@"), {})
        assert [one.content.body for one in store.fetch_files(["a.json"])] == ["x"]
        assert store.file_key("a.json") == f"{url}/a.json"
    assert seen == ["Basic bWU6aHVzaA=="]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (respond_with(b"", 404), "is missing: the metastore returned 404 Not Found"),
        (respond_with(b"", 403), "the metastore returned 403 Forbidden"),
        (respond_with(b"", 500), "the metastore returned 500 Internal Server Error"),
        (respond_with(b"", 299), "the metastore returned 299"),
        (respond_with(b"", 302), "the metastore returned 302 Found"),  # to nowhere
        (respond_with(b"\xff\xfe"), "is not UTF-8 text"),
        (respond_with(gzip.compress(b"{}"), Content_Encoding="gzip"), "was sent compressed"),
        (respond_with(b"short", Content_Length="500", Connection="close"), "the connection to the metastore was lost"),
        (respond_with(b"x" * (MAX_BYTES + 1)), "is larger than 1.0 MB"),
        (respond_with(b"x", Content_Length="9" * 5000), "is larger than 1.0 MB"),
        (lambda handler: handler.wfile.write(b"mumble\r\n\r\n"), "the connection to the metastore was lost"),
        (lambda handler: handler.connection.shutdown(socket.SHUT_RDWR), "the connection to the metastore was lost"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"), "was lost"),
        (
            lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "the connection to the metastore was lost",
        ),
    ],
)
def test_a_bad_answer_is_a_fault_in_words(answer: Answer, words: str):
    assert words in fault(answer)


def test_two_gigabytes_are_not_read():
    sent = 0

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        block = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        while sent < 2_000_000_000:
            handler.wfile.write(block)
            sent += len(block)

    assert fault(answer) == "is larger than 1.0 MB"
    assert sent < 50_000_000  # what fits into the buffers between


def test_all_files_together_have_a_limit(monkeypatch):
    monkeypatch.setattr(metastore_client, "MAX_TOTAL_BYTES", 250)
    names = [f"{n}.json" for n in range(5)]
    with odd_server({f"/{name}": respond_with(b"x" * 100) for name in names}) as url:
        found = fetch(url, *names)
    assert sum(one.content is not None for one in found.values()) == 2
    assert all(one.content or "too large in total" in one.fault for one in found.values())


def test_a_slow_file_is_a_fault_and_the_others_come(monkeypatch):
    monkeypatch.setattr(http_client, "READ_SECONDS", 0.3)
    slow = threading.Event()
    with odd_server({"/slow.json": lambda handler: slow.wait(5) and None, "/a.json": respond_with(b"x")}) as url:
        found = fetch(url, "slow.json", "a.json")
        slow.set()
    assert found["slow.json"].fault == "was not received in time: the metastore is too slow"
    assert found["a.json"].content


def test_a_file_that_comes_drop_by_drop_is_given_up(monkeypatch):
    monkeypatch.setattr(metastore_client, "FILE_SECONDS", 0.5)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    start = time.monotonic()
    assert "too slow" in fault(answer)
    assert time.monotonic() - start < 5


def test_headers_that_never_end_hold_nobody_for_ever(monkeypatch):
    monkeypatch.setattr(metastore_client, "FILE_SECONDS", 0.3)
    monkeypatch.setattr(http_client, "READ_SECONDS", 0.7)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(100):
            handler.wfile.write(b"y")
            time.sleep(0.1)

    start = time.monotonic()
    with odd_server({"/drip.json": answer, "/a.json": respond_with(b"x")}) as url:
        found = fetch(url, "drip.json", "a.json")
    assert "too slow" in found["drip.json"].fault
    assert found["a.json"].content
    assert time.monotonic() - start < 5


def test_a_refresh_has_an_end_and_new_files_come_first(monkeypatch, metastore):
    monkeypatch.setattr(metastore_client, "REFRESH_SECONDS", 0.5)
    monkeypatch.setattr(metastore_client, "THREADS", 2)
    store = metastore({f"{n}.json": "x" for n in range(20)}, delay=0.2)
    known = {f"{store.url}/{n}.json": FileContent("x") for n in range(18)}
    start = time.monotonic()
    found = fetch(store.url, *store.files, known=known)
    assert time.monotonic() - start < 5
    assert len(found) == 20
    assert found["18.json"].content
    assert found["19.json"].content
    assert "too slow" in found["17.json"].fault


def test_a_host_that_refuses_or_is_not_known_is_said_in_words():
    assert fetch(f"http://127.0.0.1:{free_port()}", "a.json")["a.json"].fault == (
        "could not be downloaded: the metastore refuses connections"
    )
    assert "can't be resolved" in fetch("http://nowhere.invalid", "a.json")["a.json"].fault


@pytest.mark.parametrize("base", ["ftp://example.org", "example.org/rockons", "file:///etc", "http://", "nonsense"])
def test_an_address_that_is_none_is_a_fault(base):
    assert "must start with http" in RemoteMetastore(base, {}).fetch_root().fault


@pytest.mark.parametrize("base", ["http://[::1", "http://127.0.0.1:99999", "http://a b", "http://*"])
def test_an_address_that_can_not_be_used_is_a_fault(base):
    assert RemoteMetastore(base, {}).fetch_root().fault


def test_a_kept_connection_that_was_closed_meanwhile_is_no_fault():
    seen = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        if len(seen) == 2:
            handler.close_connection = True  # without an answer
        else:
            respond_with(b"x")(handler)

    names = ["a.json", "b.json"]
    with odd_server({f"/{name}": answer for name in names}) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(metastore_client, "THREADS", 1)
        found = fetch(url, *names)
    assert all(one.content for one in found.values())
    assert len(seen) == 3


def test_an_untrusted_certificate_is_a_fault(tmp_path):
    import datetime
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(today).not_valid_after(today + datetime.timedelta(1))
    pem = tmp_path / "own.pem"
    pem.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    store = MetastoreServer({"a.json": "x"})
    store._server.socket = context.wrap_socket(store._server.socket, server_side=True)
    try:
        found = fetch(store.url.replace("http:", "https:").replace("127.0.0.1", "localhost"), "a.json")
    finally:
        store.close()
    assert found["a.json"].fault == "could not be downloaded: the metastore's certificate is not trusted"


def test_up_to_three_redirects_are_followed():
    hops = {
        "/a.json": redirect_to("/1"),
        "/1": redirect_to("2"),
        "/2": redirect_to("/3"),
        "/3": respond_with(b"found"),
        "/b.json": redirect_to("/a.json"),
    }
    with odd_server(hops) as url:
        found = fetch(url, "a.json", "b.json")
    assert found["a.json"].content == FileContent("found")
    assert found["b.json"].fault == "is redirected more than 3 times"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.org/a", "javascript:alert(1)"])
def test_a_redirect_to_something_else_than_a_web_address_is_refused(location):
    assert fault(redirect_to(location)) == "is redirected to something other than a web address"


@pytest.mark.parametrize(
    "target",
    ["127.0.0.1", "localhost", "10.0.0.7", "192.168.1.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],
)
def test_a_public_metastore_can_not_redirect_into_the_own_network(target, monkeypatch):
    names = Resolver(monkeypatch, {"public.example": [PUBLIC]})
    with odd_server({"/a.json": redirect_to(f"http://{target}:9/x")}) as url:
        names.lead(PUBLIC, url)
        found = fetch("http://public.example", "a.json")
    assert "which is on this machine or its network" in found["a.json"].fault


def test_a_public_metastore_whose_name_leads_elsewhere_later_is_not_followed(metastore, monkeypatch):
    store = metastore({"a.json": "secret"})
    names = Resolver(monkeypatch, {"public.example": [PUBLIC]})
    with odd_server({"/root.json": respond_with(b"{}", Connection="close")}) as url:
        names.lead(PUBLIC, url)
        remote = RemoteMetastore(f"http://public.example:{store.url.rpartition(':')[2]}", {})
        assert remote.fetch_root().content
        names.answers["public.example"] = ["127.0.0.1"]
        assert [one.content for one in remote.fetch_files(["a.json"])] == [None]
    assert store.count_requests() == 0


def test_a_metastore_on_the_own_network_may_redirect_within_it(metastore):
    store = metastore({"there.json": "found"})
    with odd_server({"/a.json": redirect_to(f"{store.url}/there.json")}) as url:
        assert fetch(url, "a.json")["a.json"].content.body == "found"


def test_a_password_does_not_travel_with_a_redirect():
    seen = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        respond_with(b"x")(handler)

    with odd_server({"/x": answer}) as other, odd_server({"/a.json": redirect_to(f"{other}/x")}) as url:
        assert fetch(url.replace("//", "//me:hush@"), "a.json")["a.json"].content
    assert seen == [None]
