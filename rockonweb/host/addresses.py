"""The addresses of this machine, and the subnets that it reaches through its interfaces."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network
from pathlib import Path

import psutil

IPV4_ROUTES = Path("/proc/net/route")
IPV6_ROUTES = Path("/proc/net/ipv6_route")


def addresses() -> frozenset[str]:
    """Return this machine's own addresses."""
    return frozenset(address for _, address, _ in _interfaces())


def reached() -> dict[str, tuple[str, ...]]:
    """Return the subnets of each interface: of its addresses, and those that a route leads to.

    Left out are what is reached by the default route, and loopback and link-local subnets, which are everywhere.
    """
    found: dict[str, dict[str, None]] = {}
    for interface, address, mask in _interfaces():
        found.setdefault(interface, {})[str(ip_interface(f"{address}/{mask}").network)] = None
    for interface, subnet in (*_ipv4_routes(), *_ipv6_routes()):
        found.setdefault(interface, {})[subnet] = None
    return {name: kept for name, subnets in found.items() if (kept := tuple(one for one in subnets if _counts(one)))}


def _counts(subnet: str) -> bool:
    network = ip_network(subnet)
    everywhere = network.is_loopback or network.is_link_local or network.is_multicast
    return bool(network.prefixlen) and not everywhere


def _interfaces() -> Iterator[tuple[str, str, int]]:
    """Yield interface, address and length of the subnet's prefix."""
    for name, known in psutil.net_if_addrs().items():
        for one in known:
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.netmask:
                bits = IPv4Address if one.family == socket.AF_INET else IPv6Address
                yield name, one.address.partition("%")[0], int(bits(one.netmask)).bit_count()


def _ipv4_routes() -> Iterator[tuple[str, str]]:
    for words in _table(IPV4_ROUTES)[1:]:
        target, mask = (int.from_bytes(bytes.fromhex(words[place]), "little") for place in (1, 7))
        yield words[0], f"{IPv4Address(target)}/{mask.bit_count()}"


def _ipv6_routes() -> Iterator[tuple[str, str]]:
    for words in _table(IPV6_ROUTES):
        yield words[9], f"{IPv6Address(int(words[0], 16))}/{int(words[1], 16)}"


def _table(path: Path) -> list[list[str]]:
    """Return the rows of a table of the kernel's; none where this system has no such table."""
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
