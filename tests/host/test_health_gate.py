"""What counts as an answer of an app's page: an HTTP status line, and nothing less."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rockonweb.core.operations.steps import UiPage
from rockonweb.core.status.health import HealthLimits
from rockonweb.host import health_gate
from rockonweb.host.certificate import create_self_signed
from rockonweb.host.engine import Engine
from rockonweb.host.health_gate import answers_http
from rockonweb.host.waiting import Waiter

Handle = Callable[[socket.socket], None]


@contextmanager
def serving(handle: Handle) -> Iterator[int]:
    """Something that accepts connections on a port of this host and does with each what `handle` says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        handle(connection)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def says(words: bytes) -> Handle:
    """Say so to whoever asks in plain HTTP; anything else is hung up on."""

    def handle(connection: socket.socket) -> None:
        if connection.recv(4096).startswith(b"GET / "):
            connection.sendall(words)

    return handle


@pytest.fixture
def over_tls(tmp_path: Path) -> Callable[[Handle], Handle]:
    """`over_tls(handle)` does the same over TLS, with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, content in zip(("key", "certificate"), create_self_signed("elsewhere.example"), strict=True):
        (tmp_path / name).write_bytes(content)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")

    def wrap(handle: Handle) -> Handle:
        def secure(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                handle(wrapped)

        return secure

    return wrap


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "401 Unauthorized", "404 Not Found", "500 Oh"])
def test_any_status_line_is_an_answer(status: str) -> None:
    with serving(says(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as port:
        assert answers_http(UiPage(port))


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02"])
def test_a_connection_alone_proves_nothing(words: bytes) -> None:
    with serving(says(words)) as port:
        assert not answers_http(UiPage(port))
    assert not answers_http(UiPage(port))  # nobody is there any more


def test_a_redirect_is_not_followed() -> None:
    asked: list[bytes] = []
    with serving(lambda connection: asked.append(connection.recv(4096))) as elsewhere:
        location = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        with serving(says(location.encode())) as port:
            assert answers_http(UiPage(port))
    assert asked == []


def test_https_is_spoken_where_the_definition_says_so_with_whatever_certificate(
    over_tls: Callable[[Handle], Handle],
) -> None:
    with serving(over_tls(says(OK))) as port:
        assert answers_http(UiPage(port, https=True))
        assert not answers_http(UiPage(port))
    with serving(over_tls(says(b"hello"))) as port:
        assert not answers_http(UiPage(port, https=True))


def test_an_app_that_speaks_plain_http_instead_lives_also_when_it_hangs_up_on_tls() -> None:
    with serving(says(OK)) as port:
        assert answers_http(UiPage(port, https=True))


def test_an_answer_that_comes_drop_by_drop_is_awaited_for_some_seconds_altogether(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_gate, "PAGE_TIMEOUT", 0.5)

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(200):
            connection.sendall(b"y")
            time.sleep(0.05)

    with serving(trickle) as port:
        begun = time.monotonic()
        assert not answers_http(UiPage(port))
        assert time.monotonic() - begun < 3


def test_a_look_at_a_page_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who cancels does not wait for an app that accepts a connection and is silent."""

    class Left(Exception):
        pass

    def leave() -> None:
        raise Left

    engine = Engine.__new__(Engine)
    engine.waiter = Waiter()
    engine.waiter.on_wait = leave
    gate = threading.Event()
    with serving(lambda _: gate.wait(60) and None) as port:
        begun = time.monotonic()
        with pytest.raises(Left):
            next(health_gate.await_health(engine, {"app": UiPage(port)}, HealthLimits()))
        assert time.monotonic() - begun < 3
        gate.set()
