"""The web server: how much it takes, and how long it waits for those who send or read slowly.

Each connection has a thread while a request is read, answered and sent. Gunicorn waits without an end there, so that
as many slow visitors as there are threads would shut everybody else out; here such a connection is cut.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.wsgi import get_content_length

from rockonweb.config import Config
from rockonweb.core.errors import BadInput

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 32
HEAD_SECONDS = 15  # for the request's line and headers, the TLS handshake included
BODY_SECONDS = 60  # for the body
LARGE_SECONDS = 600  # for one that only a page or two take, and for what they do with it
SEND_SECONDS = 120  # for the answer, once it is there
MAX_LINE_BYTES = 8190
MAX_HEADERS, MAX_HEADER_BYTES = 60, 8190


class Deadlines:
    """Until when each thread may wait for its visitor; a thread without a deadline is at work itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, Any]] = {}  # by thread: the moment, and its connection

    def set_deadline(self, connection: Any, seconds: float) -> None:
        """Note that this thread waits for a connection, at most so long."""
        with self._lock:
            self._waiting[threading.get_ident()] = (time.monotonic() + seconds, connection)

    def extend_deadline(self, seconds: float | None) -> None:
        """Give this thread's connection another deadline, or none."""
        with self._lock:
            if entry := self._waiting.get(threading.get_ident()):
                deadline = float("inf") if seconds is None else time.monotonic() + seconds
                self._waiting[threading.get_ident()] = (deadline, entry[1])

    def clear_deadline(self) -> None:
        """Forget this thread's connection."""
        with self._lock:
            self._waiting.pop(threading.get_ident(), None)

    def close_expired(self) -> None:
        """End the connections whose time is over: their threads then find them closed."""
        now = time.monotonic()
        with self._lock:
            for deadline, connection in self._waiting.values():
                if now > deadline:
                    with suppress(OSError):  # of the class of all sockets: TLS would want to say goodbye first
                        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


deadlines = Deadlines()


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's worker with threads, which cuts connections that take too long."""

    def notify(self) -> None:
        """Tell that it lives, once a second."""
        super().notify()
        deadlines.close_expired()

    def handle(self, connection: Any) -> Any:
        """Read and answer a request."""
        deadlines.set_deadline(connection, HEAD_SECONDS)
        try:
            return super().handle(connection)
        finally:
            deadlines.clear_deadline()


class BodyBufferingMiddleware:
    """A WSGI application in front of ours: reads a body before ours begins, so that only we wait for slow senders."""

    def __init__(self, app: WSGIApplication, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request. One with more than most pages take is left to ours, to read or to refuse."""
        deadlines.extend_deadline(BODY_SECONDS)
        if (get_content_length(environ) or 0) > self._max_bytes:
            deadlines.extend_deadline(LARGE_SECONDS)
        else:
            body = environ["wsgi.input"].read(self._max_bytes + 1)
            environ["wsgi.input"] = BytesIO(body)
            if "HTTP_TRANSFER_ENCODING" in environ:  # of unknown length until now
                del environ["HTTP_TRANSFER_ENCODING"]
                environ["CONTENT_LENGTH"] = str(len(body))
            deadlines.extend_deadline(None)
        try:
            return self._app(environ, start_response)
        finally:
            deadlines.extend_deadline(SEND_SECONDS)


class GunicornServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured by us alone."""

    def __init__(self, app: WSGIApplication, options: dict[str, Any]) -> None:
        self.app = app
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Take our options."""
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self) -> WSGIApplication:
        """Return what answers."""
        return self.app


def gunicorn_options(settings: Config, bind: str, after_fork: Callable[[object, object], None]) -> dict[str, Any]:
    """Return Gunicorn's options."""
    tls = {"keyfile": str(settings.tls_key), "certfile": str(settings.tls_certificate)} if settings.tls_key else {}
    return {
        "bind": bind,
        "worker_class": DeadlineWorker,
        "workers": 1,
        "threads": THREADS,
        "timeout": 120,
        "graceful_timeout": 5,
        "loglevel": "warning",
        "preload_app": True,
        "post_fork": after_fork,
        "control_socket_disable": True,
        "limit_request_line": MAX_LINE_BYTES,
        "limit_request_fields": MAX_HEADERS,
        "limit_request_field_size": MAX_HEADER_BYTES,
        # Gunicorn would believe whoever connects from this machine; see web/proxies.py.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "umask": 0o077,
        **tls,
    }


def check_tls(settings: Config) -> None:
    """Raise BadInput where the key and the certificate that the pages shall be served with can't be used."""
    if not (settings.tls_key and settings.tls_certificate):
        return
    for variable, path in (("KEY", settings.tls_key), ("CERT", settings.tls_certificate)):
        try:
            path.read_bytes()
        except OSError as error:
            raise BadInput(
                f"ROCKONWEB_TLS_{variable} names {path}, which can't be read: {error.strerror}.",
                "Mend the path, or let this user read it. Without both variables the pages are served by http.",
            ) from None
    try:
        # A password, so that a locked key is refused and not asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=lambda: ""
        )
    except (ssl.SSLError, OSError, ValueError) as error:
        raise BadInput(
            f"The key {settings.tls_key} and the certificate {settings.tls_certificate} can't be used together: "
            f"{getattr(error, 'reason', None) or error}.",
            "They must be PEM files that belong to each other, the key without a passphrase, the certificate followed "
            "by those that vouch for it.",
        ) from None
