"""The IP addresses of this machine, and the subnets that it reaches through its interfaces."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network
from pathlib import Path

IPV4_ROUTES = Path("/proc/net/route")
IPV6_ROUTES = Path("/proc/net/ipv6_route")


def local_addresses() -> frozenset[str]:
    """Return the IPv4 and IPv6 addresses of this machine's interfaces."""
    return frozenset(address for _, address, _ in _interface_addresses())


def reachable_subnets() -> dict[str, tuple[str, ...]]:
    """Return the subnets (CIDR) of each interface: those of its addresses, and those that a route leads to.

    The default route and loopback, link-local and multicast subnets are left out: they conflict with no network.
    """
    subnets_by_interface: dict[str, dict[str, None]] = {}
    for interface, address, mask in _interface_addresses():
        subnets_by_interface.setdefault(interface, {})[str(ip_interface(f"{address}/{mask}").network)] = None
    for interface, subnet in (*_read_ipv4_routes(), *_read_ipv6_routes()):
        subnets_by_interface.setdefault(interface, {})[subnet] = None
    return {
        name: relevant
        for name, subnets in subnets_by_interface.items()
        if (relevant := tuple(candidate for candidate in subnets if _is_relevant_subnet(candidate)))
    }


def _is_relevant_subnet(subnet: str) -> bool:
    network = ip_network(subnet)
    is_local = network.is_loopback or network.is_link_local or network.is_multicast
    return bool(network.prefixlen) and not is_local


def _interface_addresses() -> Iterator[tuple[str, str, int]]:
    """Yield interface, address and prefix length."""
    import psutil

    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6) and entry.netmask:
                address_type = IPv4Address if entry.family == socket.AF_INET else IPv6Address
                yield name, entry.address.partition("%")[0], int(address_type(entry.netmask)).bit_count()


def _read_ipv4_routes() -> Iterator[tuple[str, str]]:
    for columns in _read_table_rows(IPV4_ROUTES)[1:]:
        target, mask = (int.from_bytes(bytes.fromhex(columns[index]), "little") for index in (1, 7))
        yield columns[0], f"{IPv4Address(target)}/{mask.bit_count()}"


def _read_ipv6_routes() -> Iterator[tuple[str, str]]:
    for columns in _read_table_rows(IPV6_ROUTES):
        yield columns[9], f"{IPv6Address(int(columns[0], 16))}/{int(columns[1], 16)}"


def _read_table_rows(path: Path) -> list[list[str]]:
    """Return the rows of a table in /proc/net, split into columns; none where this system has no such table."""
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
