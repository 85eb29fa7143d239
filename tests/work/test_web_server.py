"""The web server, asked over real sockets: how much it takes, how long it waits, and TLS."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from rockonweb import config
from rockonweb.core.errors import BadInput
from rockonweb.host.certificate import create_self_signed
from rockonweb.work import web_server
from tests.support.claims import free_port
from tests.support.process import start_process, stop_process
from tests.support.stack import Stack

pytestmark = pytest.mark.waits

PROGRAM = """
import sys
from rockonweb import config
from rockonweb.work import web_server as server

server.HEAD_SECONDS, server.BODY_SECONDS, server.LARGE_SECONDS, server.SEND_SECONDS, server.THREADS = 2, 2, 2, 2, 3

def app(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"x" * 1_000_000 for _ in range(200))
    taken = length <= 1000 or environ["PATH_INFO"] == "/take"
    body = environ["wsgi.input"].read(length) if taken else b""
    start_response("200 OK" if taken else "413 Too Large", [("Content-Type", "text/plain")])
    return [f'{environ["wsgi.url_scheme"]} {environ["REMOTE_ADDR"]} {environ["SCRIPT_NAME"]} {len(body)}'.encode()]

settings = config.load_config()
server.run_server(app, 1000, settings, sys.argv[1])
"""

Serve = Callable[..., int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(**variables)` starts a web server with short limits and three threads; returns its port."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(**variables: str) -> int:
        port = free_port()
        environ = {"PATH": "/usr/bin:/bin", "ROCKONWEB_INSTANCE": str(tmp_path / "instance"), **variables}
        command = [sys.executable, "-c", PROGRAM, f"127.0.0.1:{port}"]
        processes.append(start_process(command, tmp_path / "log", environ))
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return port
            except OSError:
                waits = processes[-1].poll() is None and time.monotonic() < deadline
                assert waits, (tmp_path / "log").read_text()
                time.sleep(0.05)

    yield begin
    for process in processes:
        stop_process(process, 10)
    assert "Traceback" not in (tmp_path / "log").read_text()


def ask(port: int, sent: bytes, seconds: float = 10) -> bytes:
    """What comes back for these bytes, until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), seconds) as one:
        one.sendall(sent)
        found = b""
        while more := one.recv(65536):
            found += more
        return found


def test_sizes_are_limited(serve: Serve) -> None:
    port = serve()
    end = b"Host: x\r\nConnection: close\r\n\r\n"
    assert b" 200 " in ask(port, b"GET /" + b"x" * 7000 + b" HTTP/1.1\r\n" + end).split(b"\r\n")[0]
    assert b" 414 " in ask(port, b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + end).split(b"\r\n")[0]
    many = b"".join(b"X-%d: y\r\n" % number for number in range(web_server.MAX_HEADERS + 1))
    assert b" 431 " in ask(port, b"GET / HTTP/1.1\r\n" + many + end).split(b"\r\n")[0]
    assert b" 431 " in ask(port, b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n" + end).split(b"\r\n")[0]
    posted = b"POST / HTTP/1.1\r\nContent-Length: "
    assert b" 413 " in ask(port, posted + b"5000000000\r\n" + end).split(b"\r\n")[0]  # unread
    assert b" 5\r\n" in ask(port, posted + b"5\r\n" + end + b"12345")


def test_a_body_of_unknown_length_is_read_up_to_the_limit(serve: Serve) -> None:
    port = serve()
    begin = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 8\r\n" in ask(port, begin + b"5\r\n12345\r\n3\r\nabc\r\n0\r\n\r\n")
    assert b" 413 " in ask(port, begin + b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n").split(b"\r\n")[0]
    assert b" 413 " in ask(port, begin + b"1000\r\n" + b"x" * 4096 + b"\r\n").split(b"\r\n")[0]  # its end never comes


SLOW = (
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n5\r\na",
    b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc",
)


def test_slow_senders_shut_nobody_out(serve: Serve) -> None:
    """Each kind has a server of its own, and all are waited for at the same time."""
    with ThreadPoolExecutor() as threads:
        for begin, fault in zip(SLOW, threads.map(send_slowly, [serve() for _ in SLOW], SLOW), strict=True):
            assert not fault, (begin, fault)


def send_slowly(port: int, begin: bytes) -> str:
    """Begin a request on each thread of a server and never end it; returns what is wrong then, blank: nothing."""
    slow = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(3)]
    try:
        for one in slow:
            one.sendall(begin)
        time.sleep(0.3)
        began = time.monotonic()
        dripping = True
        while dripping and time.monotonic() - began < 15:  # a byte now and then does not help
            time.sleep(0.4)
            for one in slow:
                try:
                    one.sendall(b"y")
                except OSError:
                    dripping = False
        if dripping:
            return "a slow sender is waited for"
        status = requests.get(f"http://127.0.0.1:{port}/", timeout=8).status_code
        return "" if status == 200 else f"somebody else gets {status}"
    finally:
        for one in slow:
            one.close()


def test_slow_readers_shut_nobody_out(serve: Serve) -> None:
    port = serve()
    slow = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(3)]
    try:
        for one in slow:
            one.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=15).status_code == 200
    finally:
        for one in slow:
            one.close()


def test_gunicorn_itself_believes_no_proxy(serve: Serve) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6", "Script-Name": "/x", "SCRIPT_NAME": "/y"}
    assert requests.get(f"http://127.0.0.1:{serve()}/", headers=headers, timeout=8).text == "http 127.0.0.1  0"


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, str]:
    """The variables of a key and its certificate."""
    key, certificate = create_self_signed("localhost")
    for name, content in (("key", key), ("cert", certificate)):
        (tmp_path / f"{name}.pem").write_bytes(content)
    return {f"ROCKONWEB_TLS_{name.upper()}": str(tmp_path / f"{name}.pem") for name in ("key", "cert")}


def test_with_key_and_certificate_it_speaks_tls(serve: Serve, pair: dict[str, str]) -> None:
    port = serve(**pair)
    answer = requests.get(f"https://localhost:{port}/", verify=pair["ROCKONWEB_TLS_CERT"], timeout=8)
    assert answer.text.startswith("https ")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port), 8) as one, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(one)


def test_slow_handshakes_shut_nobody_out(serve: Serve, pair: dict[str, str]) -> None:
    port = serve(**pair)
    slow = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(3)]
    try:
        for one in slow:
            one.sendall(b"\x16\x03\x01\x02")
        address = f"https://localhost:{port}/"
        assert requests.get(address, verify=pair["ROCKONWEB_TLS_CERT"], timeout=12).status_code == 200
    finally:
        for one in slow:
            one.close()


def settings(tmp_path: Path, **variables: str) -> config.Config:
    """Settings with these variables."""
    return config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path / "instance"), **variables})


def test_a_pair_that_fits_is_taken(tmp_path: Path, pair: dict[str, str]) -> None:
    web_server.check_tls(settings(tmp_path, **pair))
    web_server.check_tls(settings(tmp_path))


@pytest.mark.parametrize(("variable", "words"), [("ROCKONWEB_TLS_KEY", "_KEY"), ("ROCKONWEB_TLS_CERT", "_CERT")])
def test_a_missing_file_is_named(tmp_path: Path, pair: dict[str, str], variable: str, words: str) -> None:
    with pytest.raises(BadInput, match=f"{words} names /no/where.pem, which can't be read"):
        web_server.check_tls(settings(tmp_path, **{**pair, variable: "/no/where.pem"}))


@pytest.mark.parametrize("content", [create_self_signed("other")[0], b"", b"no PEM"])
def test_a_key_of_another_certificate_is_refused(tmp_path: Path, pair: dict[str, str], content: bytes) -> None:
    Path(pair["ROCKONWEB_TLS_KEY"]).write_bytes(content)
    with pytest.raises(BadInput, match="can't be used together"):
        web_server.check_tls(settings(tmp_path, **pair))


def test_all_of_it_serves_by_https(stack: Callable[..., Stack], pair: dict[str, str]) -> None:
    made = stack(environment=pair, started=False)
    address = made.start()
    assert address == f"https://127.0.0.1:{made.port}"
    certificate = pair["ROCKONWEB_TLS_CERT"]
    at = address.replace("127.0.0.1", "localhost")
    assert requests.get(f"{at}/healthz", verify=certificate, timeout=10).json()["database"] == "ok"
    cookie = requests.get(f"{at}/login", verify=certificate, timeout=10).headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert "; HttpOnly" in cookie
    assert "Warning" not in made.output
    refused = requests.get(f"{at}/healthz", headers={"Host": "evil.example"}, verify=certificate, timeout=10)
    assert refused.status_code == 421


def test_it_does_not_begin_with_a_pair_that_does_not_fit(stack: Callable[..., Stack], pair: dict[str, str]) -> None:
    Path(pair["ROCKONWEB_TLS_KEY"]).write_bytes(create_self_signed("other")[0])
    made = stack(environment=pair, started=False)
    for command in ("up", "web"):
        done = made.run(command)
        assert done.returncode == 2
        assert "can't be used together" in done.stderr + done.stdout
        assert "Traceback" not in done.stderr
