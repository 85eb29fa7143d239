"""A proxy on a Unix socket, in front of a server, which a test can silence: it still accepts, and says nothing more."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class SilenceableProxy:
    """Forwards each connection to a server's Unix socket, or with none is silent from the beginning."""

    def __init__(self, path: Path, target: str = "") -> None:
        self.path = path
        self._target = target
        self._speaks = threading.Event()
        self._silent_after: int | None = None  # bytes of answers
        if target:
            self._speaks.set()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(256)
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.path}"

    def silence(self) -> None:
        """Say nothing from now on, as a process that was stopped."""
        self._speaks.clear()

    def silence_after(self, answered_bytes: int) -> None:
        """Be silent once so many more bytes were answered."""
        self._silent_after = answered_bytes

    def speak(self) -> None:
        """Say what was held back, and go on."""
        self._silent_after = None
        self._speaks.set()

    def close(self) -> None:
        """End it with all of its connections."""
        self._speaks.set()
        for sock in (self._server, *self._connections):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            if not self._target:
                self._speaks.wait()
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target.removeprefix("unix://"))
            self._connections.append(server)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            self._forward(server, client, counts=True)

    def _forward(self, source: socket.socket, target: socket.socket, *, counts: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if counts and self._silent_after is not None:
                    target.sendall(data[: self._silent_after])
                    data, self._silent_after = data[self._silent_after :], max(0, self._silent_after - len(data))
                    if not self._silent_after:
                        self._speaks.clear()
                self._speaks.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
