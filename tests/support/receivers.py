"""Servers on loopback that receive what notices send: a web hook, and a mail server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.claims import free_port


@dataclass
class Hook:
    """What a web hook got, and how it answers."""

    url: str = ""
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    delay: float = 0


@contextmanager
def hook(path: str = "/hook") -> Iterator[Hook]:
    """A web hook."""
    seen = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append((self.path, json.loads(body)))
            time.sleep(seen.delay)
            self.send_response(seen.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen.url = f"http://127.0.0.1:{server.server_port}{path}"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mailbox:
    """The mails that came, and where the server listens."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)


@contextmanager
def mail_server(user: str = "", password: str = "") -> Iterator[Mailbox]:
    """A mail server without encryption; with `user` it takes mails from that one alone."""
    box = Mailbox(free_port())

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - its name
            found = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            box.mails.append(found)
            box.to.append(envelope.rcpt_tos)
            return "250 OK"

    def authenticate(_server: object, _session: object, _envelope: object, _how: str, data: Any) -> AuthResult:
        fits = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=fits, handled=False)

    controller = Controller(
        Handler(), hostname="127.0.0.1", port=box.port, authenticator=authenticate,
        auth_required=bool(user), auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
