"""Which sockets hold ports of the host, and the processes that they belong to.

The kernel lists sockets in one place, and their processes nowhere: to find these, every open file of every process is
looked at, which takes many times as long. So that is asked for apart, by those who need a name.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

TABLES = Path("/proc/net")
LISTENS, TIME_WAIT, CLOSED = 0x0A, 0x06, 0x07  # of TCP, from the kernel's tcp_states.h
_KINDS = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6), ("udp", socket.AF_INET), ("udp6", socket.AF_INET6))


@dataclass(frozen=True)
class Socket:
    """A socket that holds a port."""

    protocol: str
    address: str
    port: int
    listens: bool  # or takes what comes, for UDP; else it is an end of a connection


def held() -> list[Socket]:
    """Return the sockets of this host that hold a port; none where the kernel does not tell."""
    return [one for name, family in _KINDS for one in _read(name, family)]


def processes() -> dict[tuple[str, str, int], int]:
    """Return the process of each socket that holds a port, by protocol, address and port, as far as we may know."""
    try:
        found = psutil.net_connections("inet")
    except (psutil.AccessDenied, OSError):
        return {}
    return {
        ("tcp" if one.type == socket.SOCK_STREAM else "udp", one.laddr.ip, one.laddr.port): one.pid
        for one in found
        if one.laddr and one.pid is not None
    }


def _read(name: str, family: int) -> Iterator[Socket]:
    protocol = name.rstrip("6")
    try:
        lines = (TABLES / name).read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, local, remote, told, *_ = line.split()
        address, _, port = local.partition(":")
        state, connected = int(told, 16), not remote.endswith(":0000")
        idle = state in (TIME_WAIT, CLOSED) if protocol == "tcp" else connected
        if not idle and int(port, 16):
            listens = state == LISTENS if protocol == "tcp" else not connected
            yield Socket(protocol, _address(address, family), int(port, 16), listens)


def _address(digits: str, family: int) -> str:
    """Return an address as people write it; the kernel prints its words of 32 bits in the order of the processor."""
    raw = bytes.fromhex(digits)
    count = len(raw) // 4
    return socket.inet_ntop(family, struct.pack(f"={count}I", *struct.unpack(f">{count}I", raw)))
