"""Who holds which port of the host."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rockonweb.core.facts import PortListener
from rockonweb.host import sockets


@contextmanager
def held(kind: socket.SocketKind, address: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[int]:
    """A port that this process holds."""
    with socket.socket(family, kind) as holder:
        holder.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield holder.getsockname()[1]


def listeners(
    port: int, claims: list[PortListener] | None = None, published: list[PortListener] | None = None
) -> list[PortListener]:
    """What is said to listen on a port."""
    return [one for one in sockets.find_listeners(claims or (), published or ()) if one.port == port]


@pytest.mark.parametrize(
    ("kind", "protocol"), [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")], ids=["tcp", "udp"]
)
@pytest.mark.parametrize(
    ("address", "family"), [("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)]
)
def test_any_programs_port_is_seen_with_its_name(
    kind: socket.SocketKind, protocol: str, address: str, family: int
) -> None:
    with held(kind, address, family) as port:
        (found,) = listeners(port)
        assert (found.protocol, found.rockon) == (protocol, "")
        assert psutil.Process().name() in found.holder
        assert str(os.getpid()) in found.holder
    assert not listeners(port)


def test_the_port_that_a_connection_goes_out_from_is_held_too() -> None:
    with held(socket.SOCK_STREAM) as port, socket.create_connection(("127.0.0.1", port)) as client:
        mine = client.getsockname()[1]
        assert [one.protocol for one in listeners(port)] == ["tcp"]
        assert [one.protocol for one in listeners(mine)] == ["tcp"]
    assert not listeners(mine)


def test_what_a_container_publishes_is_its_and_not_docker_proxys() -> None:
    with held(socket.SOCK_STREAM) as port:
        container = PortListener(port, "tcp", "0.0.0.0", "the container web", "Web")
        assert listeners(port, published=[container]) == [container]
        # The other protocol of that number is another port.
        with_udp = listeners(port, published=[replace(container, protocol="udp")])
        assert [one.protocol for one in with_udp] == ["udp", "tcp"]


def test_the_socket_of_an_app_on_the_hosts_network_is_its_rock_ons() -> None:
    with held(socket.SOCK_STREAM) as port:
        claim = PortListener(port, "tcp", "", "the rock-on Media", "Media")
        (found,) = listeners(port, [claim])
        assert (found.rockon, found.holder) == ("Media", "the rock-on Media")
        (found,) = listeners(port, [replace(claim, protocol="udp")])
        assert found.rockon == ""


def test_the_port_of_a_program_that_ended_while_we_looked_is_still_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(pid: int) -> None:
        raise psutil.NoSuchProcess(pid)

    with held(socket.SOCK_STREAM) as port:
        monkeypatch.setattr(psutil, "Process", gone)
        assert [one.holder for one in listeners(port)] == [""]


def test_a_port_that_a_killed_docker_left_behind_is_told_with_the_way_out(tmp_path: Path) -> None:
    proxy = tmp_path / "docker-proxy"  # the kernel takes a program's name from the file that is run
    proxy.symlink_to(Path(sys.executable).resolve())
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    with subprocess.Popen([proxy, "-c", f"{code}; time.sleep(60)"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (found,) = listeners(int(process.stdout.readline()))
        process.kill()
    assert found.holder == "docker-proxy, for a container that Docker does not list (restarting Docker frees the port)"
