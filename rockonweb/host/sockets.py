"""Which sockets use ports of the host, and the processes that they belong to.

/proc/net lists sockets, but not their processes: to find these, every open file of every process is read, which takes
many times as long. So that is done only for ports whose process is to be named.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rockonweb.core.containers.host_ports import WILDCARD_ADDRESSES
from rockonweb.core.facts import PortListener
from rockonweb.core.text import t

TABLES = Path("/proc/net")
_PROXY = "docker-proxy"  # one per published port; it may survive when the Docker daemon is killed
LISTEN, TIME_WAIT, CLOSED = 0x0A, 0x06, 0x07  # of TCP, from the kernel's tcp_states.h
_SOCKET_TABLES = (
    ("tcp", socket.AF_INET),
    ("tcp6", socket.AF_INET6),
    ("udp", socket.AF_INET),
    ("udp6", socket.AF_INET6),
)


@dataclass(frozen=True)
class Socket:
    """A socket that uses a port; `protocol` is tcp or udp."""

    protocol: str
    address: str
    port: int
    is_listening: bool  # for UDP: it is not connected


def find_listeners(
    claims: Iterable[PortListener],
    published: Iterable[PortListener],
    container_names: Mapping[str, str] | None = None,
    named_ports: Collection[int] | None = None,
) -> tuple[PortListener, ...]:
    """Return what uses ports of the host: the `published` ports of containers, then every other socket.

    Several may use one port, on different addresses. `container_names` is by container id, to find the container of a
    process on the host network. A socket on a port that a running rock-on claims is taken to be that rock-on's: it is
    docker-proxy, or an app on the host network. With `named_ports`, only the programs that use one of these ports are
    identified; the `holder` of others is blank.
    """
    published = list(published)
    by_container = {(listener.port, listener.protocol) for listener in published}
    claims_by_port = {(claim.port, claim.protocol): claim for claim in claims}
    listeners: dict[tuple[int, str, str], PortListener] = {}
    wildcard_keys: set[tuple[int, str]] = set()  # in use on all addresses
    # Listening sockets first, as connections that they accepted have the same port; among these, wildcard addresses.
    for sock in sorted(
        read_sockets(), key=lambda sock: (not sock.is_listening, sock.address not in WILDCARD_ADDRESSES)
    ):
        key = (sock.port, sock.protocol)
        if key in by_container or key in wildcard_keys or (*key, sock.address) in listeners:
            continue
        claim = claims_by_port.get(key)
        listeners[*key, sock.address] = PortListener(
            *key, sock.address, claim.holder if claim else "", claim.rockon if claim else ""
        )
        wildcard_keys |= {key} if sock.address in WILDCARD_ADDRESSES else set()
    return (*published, *_add_holders(listeners.values(), container_names, named_ports))


def _add_holders(
    listeners: Collection[PortListener], container_names: Mapping[str, str] | None, named_ports: Collection[int] | None
) -> Iterator[PortListener]:
    """Yield the listeners, with `holder` filled in for programs."""
    unnamed = [
        listener
        for listener in listeners
        if not listener.holder and (named_ports is None or listener.port in named_ports)
    ]
    pids = socket_pids() if unnamed else {}
    for listener in listeners:
        pid = pids.get((listener.protocol, listener.address, listener.port)) if listener in unnamed else None
        yield replace(listener, holder=_describe_holder(pid, container_names)) if pid is not None else listener


def _describe_holder(pid: int, container_names: Mapping[str, str] | None) -> str:
    """Return a text for a process: the container that it runs in, or the program."""
    if container_names:
        try:
            cgroups = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            cgroups = ""
        for container_id in re.findall(r"[0-9a-f]{64}", cgroups):
            if container_id in container_names:
                return t("the container %(name)s", name=container_names[container_id])
    return _describe_process(pid)


def _describe_process(pid: int) -> str:
    import psutil

    try:
        name = psutil.Process(pid).name()
    except psutil.Error:
        return ""
    if name == _PROXY:  # the ports of listed containers are in `published`
        return t("%(name)s, for a container that Docker does not list (restarting Docker frees the port)", name=name)
    return t("the program %(name)s (process %(pid)s)", name=name, pid=pid)


def read_sockets() -> list[Socket]:
    """Return the sockets of this host that use a port; none where /proc/net is not readable."""
    return [sock for name, family in _SOCKET_TABLES for sock in _read_socket_table(name, family)]


def socket_pids() -> dict[tuple[str, str, int], int]:
    """Return the process ids of sockets by protocol, address and port, as far as this user may read them."""
    import psutil

    try:
        connections = psutil.net_connections("inet")
    except (psutil.AccessDenied, OSError):
        return {}
    return {
        (
            "tcp" if connection.type == socket.SOCK_STREAM else "udp",
            connection.laddr.ip,
            connection.laddr.port,
        ): connection.pid
        for connection in connections
        if connection.laddr and connection.pid is not None
    }


def _read_socket_table(name: str, family: int) -> Iterator[Socket]:
    protocol = name.rstrip("6")
    try:
        lines = (TABLES / name).read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, local, remote, hex_state, *_ = line.split()
        address, _, port = local.partition(":")
        state, connected = int(hex_state, 16), not remote.endswith(":0000")
        idle = state in (TIME_WAIT, CLOSED) if protocol == "tcp" else connected
        if not idle and int(port, 16):
            listens = state == LISTEN if protocol == "tcp" else not connected
            yield Socket(protocol, _format_address(address, family), int(port, 16), listens)


def _format_address(digits: str, family: int) -> str:
    """Return a hexadecimal address of /proc/net as text; the kernel prints its 32-bit words in host byte order."""
    raw = bytes.fromhex(digits)
    count = len(raw) // 4
    return socket.inet_ntop(family, struct.pack(f"={count}I", *struct.unpack(f">{count}I", raw)))
