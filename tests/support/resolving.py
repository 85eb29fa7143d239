"""Names that a test resolves itself, and public addresses that stand for servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest

PUBLIC = "93.184.215.14"


class Resolver:
    """Answers for names with addresses; `answers` may change, and `asked` has the names that were asked for.

    A connection to a public address that `lead` names arrives at a server on loopback, whatever its port.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, Sequence[str]]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self._servers: dict[str, tuple[str, int]] = {}
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)
        connect = socket.socket.connect

        def connect_or_lead(sock: socket.socket, address: Any) -> None:
            connect(sock, self._servers.get(address[0], address) if isinstance(address, tuple) else address)

        monkeypatch.setattr(socket.socket, "connect", connect_or_lead)

    def lead(self, address: str, url: str) -> None:
        """Let connections to an address arrive at the server of a URL."""
        self._servers[address] = ("127.0.0.1", urlsplit(url).port or 80)

    def _look_up(self, host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host not in self.answers:
            return self._resolve(host, port, *arguments, **options)
        self.asked.append(host)
        return [
            (
                socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port or 0, 0, 0) if ip_address(address).version == 6 else (address, port or 0),
            )
            for address in self.answers[host]
        ]
