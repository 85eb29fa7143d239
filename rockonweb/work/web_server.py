"""The web server (Gunicorn's worker) with limits: sizes of requests, and deadlines for slow clients.

Each connection occupies a thread while a request is read, answered and sent. Gunicorn's gthread worker has no timeout
there, so that as many slow clients as there are threads would block all others; here such a connection is closed.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.sock import create_sockets
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.wsgi import get_content_length

from rockonweb.config import Config
from rockonweb.core.errors import BadInput

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 32
HEAD_SECONDS = 15  # for the TLS handshake and the request's line and headers
BODY_SECONDS = 60  # for the request's body
LARGE_SECONDS = 600  # for a body above the usual limit, which few pages accept, and for its processing
SEND_SECONDS = 120  # for sending the response
MAX_LINE_BYTES = 8190
MAX_HEADERS, MAX_HEADER_BYTES = 60, 8190


class Deadlines:
    """Until when each thread may wait for its client; a thread without a deadline is computing a response."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, Any]] = {}  # by thread id: deadline (monotonic), connection

    def set_deadline(self, connection: Any, seconds: float) -> None:
        """Let this thread wait for a connection, at most for `seconds`."""
        with self._lock:
            self._waiting[threading.get_ident()] = (time.monotonic() + seconds, connection)

    def extend_deadline(self, seconds: float | None) -> None:
        """Set this thread's deadline anew: in so many seconds, or none for None."""
        with self._lock:
            if entry := self._waiting.get(threading.get_ident()):
                deadline = float("inf") if seconds is None else time.monotonic() + seconds
                self._waiting[threading.get_ident()] = (deadline, entry[1])

    def clear_deadline(self) -> None:
        """Remove this thread's connection and deadline."""
        with self._lock:
            self._waiting.pop(threading.get_ident(), None)

    def close_expired(self) -> None:
        """Shut down the connections past their deadline, which ends the blocking read or write of their threads."""
        now = time.monotonic()
        with self._lock:
            for deadline, connection in self._waiting.values():
                if now > deadline:
                    with suppress(OSError):  # socket.socket's own, as SSLSocket's would unwrap first
                        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


deadlines = Deadlines()


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's threaded worker, which closes connections past their deadline.

    It runs without Gunicorn's master process, whose work is to restart it: so do `rockonweb up` and systemd.
    """

    def notify(self) -> None:
        """Send Gunicorn's heartbeat (once a second), and close expired connections."""
        super().notify()
        deadlines.close_expired()

    def is_parent_alive(self) -> bool:
        """Whether to go on: the end of `rockonweb up` is told by the kernel, and no other parent matters."""
        return True

    def handle(self, connection: Any) -> Any:
        """Handle a request within its deadlines."""
        deadlines.set_deadline(connection, HEAD_SECONDS)
        try:
            return super().handle(connection)
        finally:
            deadlines.clear_deadline()


class BodyBufferingMiddleware:
    """Reads the request's body before the application is called, so that it never waits for a slow client."""

    def __init__(self, app: WSGIApplication, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application; a body of more than `max_bytes` is left to it, to read or to refuse."""
        deadlines.extend_deadline(BODY_SECONDS)
        if (get_content_length(environ) or 0) > self._max_bytes:
            deadlines.extend_deadline(LARGE_SECONDS)
        else:
            body = environ["wsgi.input"].read(self._max_bytes + 1)
            environ["wsgi.input"] = BytesIO(body)
            if "HTTP_TRANSFER_ENCODING" in environ:  # chunked: the length is known only now
                del environ["HTTP_TRANSFER_ENCODING"]
                environ["CONTENT_LENGTH"] = str(len(body))
            deadlines.extend_deadline(None)
        try:
            return self._app(environ, start_response)
        finally:
            deadlines.extend_deadline(SEND_SECONDS)


class _GunicornApplication(BaseApplication):  # type: ignore[misc]
    """What Gunicorn's worker runs, configured by `options` alone, not by a command line or files."""

    def __init__(self, app: WSGIApplication, options: dict[str, Any]) -> None:
        self.app = app
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self) -> WSGIApplication:
        """Return the WSGI application."""
        return self.app


def run_server(app: WSGIApplication, max_bytes: int, settings: Config, bind: str) -> None:
    """Serve an application in this process until SIGTERM.

    `bind` is an address with its port, or `fd://` and the descriptor of an open socket; a body of more than `max_bytes`
    is left to the application to read.
    """
    application = _GunicornApplication(BodyBufferingMiddleware(app, max_bytes), _gunicorn_options(settings, bind))
    options = application.cfg
    log = options.logger_class(options)
    worker = DeadlineWorker(0, os.getppid(), create_sockets(options, log), application, options.timeout, options, log)
    worker.init_process()


def _gunicorn_options(settings: Config, bind: str) -> dict[str, Any]:
    tls = {"keyfile": str(settings.tls_key), "certfile": str(settings.tls_certificate)} if settings.tls_key else {}
    return {
        "bind": bind,
        "threads": THREADS,
        "graceful_timeout": 5,
        "loglevel": "warning",
        "limit_request_line": MAX_LINE_BYTES,
        "limit_request_fields": MAX_HEADERS,
        "limit_request_field_size": MAX_HEADER_BYTES,
        # Gunicorn would trust forwarded headers of any local client; web/proxies.py handles them.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        **tls,
    }


def check_tls(settings: Config) -> None:
    """Raise BadInput where the configured TLS key and certificate can't be used."""
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
        # With a password, so that an encrypted key fails instead of prompting on the terminal.
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
