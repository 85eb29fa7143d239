"""Which sockets hold ports of the host, and the processes that they belong to.

The kernel lists sockets in one place, and their processes nowhere: to find these, every open file of every process is
looked at, which takes many times as long. So that is asked for apart, by those who need a name.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from rockonweb.core.facts import Listener
from rockonweb.core.preflight.ports import EVERY_ADDRESS
from rockonweb.core.text import t

TABLES = Path("/proc/net")
_PROXY = "docker-proxy"  # one for each published port; a Docker that was killed may leave one behind
LISTENS, TIME_WAIT, CLOSED = 0x0A, 0x06, 0x07  # of TCP, from the kernel's tcp_states.h
_KINDS = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6), ("udp", socket.AF_INET), ("udp6", socket.AF_INET6))


@dataclass(frozen=True)
class Socket:
    """A socket that holds a port."""

    protocol: str
    address: str
    port: int
    listens: bool  # or takes what comes, for UDP; else it is an end of a connection


def listening(
    claims: Iterable[Listener],
    published: Iterable[Listener],
    names: Mapping[str, str] | None = None,
    named: Collection[int] | None = None,
) -> tuple[Listener, ...]:
    """Return what holds ports of the host: what containers publish, then every other socket that listens or connects.

    A port may be held by several, each on an address of its own. `names` are the containers' by their ids, to tell
    which of those on the host's own network a process is in. A socket on a port that a running rock-on claims is
    taken to be that rock-on's: docker-proxy, or an app on the host's own network. With `named`, of other programs only
    those that hold one of these ports are found out; the others have no name.
    """
    published = list(published)
    by_container = {(listener.port, listener.protocol) for listener in published}
    owner = {(claim.port, claim.protocol): claim for claim in claims}
    found: dict[tuple[int, str, str], Listener] = {}
    everywhere: set[tuple[int, str]] = set()  # held on all addresses
    # Listeners first: the connections that they accepted have the same port. Of these, those on all addresses.
    for one in sorted(held(), key=lambda one: (not one.listens, one.address not in EVERY_ADDRESS)):
        key = (one.port, one.protocol)
        if key in by_container or key in everywhere or (*key, one.address) in found:
            continue
        claim = owner.get(key)
        found[*key, one.address] = Listener(
            *key, one.address, claim.holder if claim else "", claim.rockon if claim else ""
        )
        everywhere |= {key} if one.address in EVERY_ADDRESS else set()
    return (*published, *_with_holders(found.values(), names, named))


def _with_holders(
    found: Collection[Listener], names: Mapping[str, str] | None, named: Collection[int] | None
) -> Iterator[Listener]:
    """Yield listeners, those of programs with who they are."""
    asked = [one for one in found if not one.holder and (named is None or one.port in named)]
    pids = processes() if asked else {}
    for one in found:
        pid = pids.get((one.protocol, one.address, one.port)) if one in asked else None
        yield replace(one, holder=_holder(pid, names)) if pid is not None else one


def _holder(pid: int, names: Mapping[str, str] | None) -> str:
    """Return what a process is, in words: the container that it runs in, or the program."""
    if names:
        try:
            groups = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            groups = ""
        for found in re.findall(r"[0-9a-f]{64}", groups):
            if found in names:
                return t("the container %(name)s", name=names[found])
    return _process(pid)


def _process(pid: int) -> str:
    try:
        name = psutil.Process(pid).name()
    except psutil.Error:
        return ""
    if name == _PROXY:  # of a container that is listed, its port would be the container's
        return t("%(name)s, for a container that Docker does not list (a restart of Docker frees it)", name=name)
    return t("the program %(name)s (process %(pid)s)", name=name, pid=pid)


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
