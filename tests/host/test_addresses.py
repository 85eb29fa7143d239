"""What this machine reaches through its interfaces."""

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from rockonweb.host import addresses

IPV4 = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wg0\t0000080A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
IPV6 = """\
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 0 100 1 0 1 eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 0 100 1 0 1 eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 0 100 1 0 1 eth0
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 0 100 1 0 1 eth0
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with a local network, a tunnel and a link-local address."""

    def known(family: int, address: str, mask: str | None) -> SimpleNamespace:
        return SimpleNamespace(family=family, address=address, netmask=mask)

    found = {
        "lo": [known(socket.AF_INET, "127.0.0.1", "255.0.0.0")],
        "eth0": [
            known(socket.AF_INET, "192.168.1.5", "255.255.255.0"),
            known(socket.AF_INET6, "fe80::1%eth0", "ffff:ffff:ffff:ffff::"),
            known(socket.AF_PACKET, "00:00:00:00:00:01", None),
        ],
        "tun0": [known(socket.AF_INET, "10.9.0.2", "255.255.255.255")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    (tmp_path / "route").write_text(IPV4)
    (tmp_path / "ipv6_route").write_text(IPV6)
    monkeypatch.setattr(addresses, "IPV4_ROUTES", tmp_path / "route")
    monkeypatch.setattr(addresses, "IPV6_ROUTES", tmp_path / "ipv6_route")


def test_its_own_addresses_are_told_without_their_scope() -> None:
    assert addresses.local_addresses() == {"127.0.0.1", "192.168.1.5", "fe80::1", "10.9.0.2"}


def test_subnets_of_addresses_and_of_routes_are_told_but_not_what_is_everywhere() -> None:
    assert addresses.reachable_subnets() == {
        "eth0": ("192.168.1.0/24", "fd00::/64"),
        "tun0": ("10.9.0.2/32",),
        "wg0": ("10.8.0.0/16",),
    }


def test_without_the_kernels_tables_the_addresses_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(addresses, "IPV4_ROUTES", tmp_path / "none")
    monkeypatch.setattr(addresses, "IPV6_ROUTES", tmp_path / "none")
    assert addresses.reachable_subnets() == {"eth0": ("192.168.1.0/24",), "tun0": ("10.9.0.2/32",)}
