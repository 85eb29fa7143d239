"""Who holds which port of the host, and what else a plan has to know of it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from rockonweb.core.answers import Answers
from rockonweb.core.facts import Listener
from rockonweb.core.preflight.ports import port_conflict
from rockonweb.host import survey
from rockonweb.models import Container, Port, RockOn, State, db, writing
from tests.support.claims import free_port
from tests.support.instance import Instance


@contextmanager
def held(kind: socket.SocketKind, address: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[int]:
    """A port that this process holds."""
    with socket.socket(family, kind) as holder:
        holder.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield holder.getsockname()[1]


def listeners(
    port: int, claims: list[Listener] | None = None, published: list[Listener] | None = None
) -> list[Listener]:
    """What is said to listen on a port."""
    return [one for one in survey.listening(claims or (), published or ()) if one.port == port]


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
        container = Listener(port, "tcp", "0.0.0.0", "the container web", "Web")
        assert listeners(port, published=[container]) == [container]
        # The other protocol of that number is another port.
        with_udp = listeners(port, published=[replace(container, protocol="udp")])
        assert [one.protocol for one in with_udp] == ["udp", "tcp"]


def test_the_socket_of_an_app_on_the_hosts_network_is_its_rock_ons() -> None:
    with held(socket.SOCK_STREAM) as port:
        claim = Listener(port, "tcp", "", "the rock-on Media", "Media")
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


def rockon(name: str, state: State, *ports: tuple[int, str | None, int | None]) -> RockOn:
    """A rock-on with ports (number, protocol, chosen host port)."""
    rows = [Port(number=n, protocol=p, default=n, suggested=n, host=h) for n, p, h in ports]
    return RockOn(name=name, source="{}", state=state, containers=[Container(name=name.lower(), image="i", ports=rows)])


@pytest.mark.parametrize("state", list(State))
def test_an_installed_rock_on_claims_its_ports_running_or_not(instance: Instance, state: State) -> None:
    with writing() as session:
        session.add(rockon("App", state, (80, "tcp", 8080), (53, None, 5353), (99, "tcp", None)))
    claimed = {(one.port, one.protocol, one.rockon) for one in survey.claimed_ports(db.session())}
    holds = state not in (State.AVAILABLE, State.INSTALL_FAILED)
    assert claimed == ({(8080, "tcp", "App"), (5353, "tcp", "App"), (5353, "udp", "App")} if holds else set())


def test_a_rock_ons_own_claim_does_not_speak_against_it_but_others_do(instance: Instance) -> None:
    port = free_port()
    instance.add("Mine", {"mine": {"image": "example/mine"}})
    with writing() as session:
        session.add(rockon("Other", State.INSTALLED, (80, "tcp", port)))
    mine, other = (db.session.query(RockOn).filter_by(name=name).one() for name in ("Mine", "Other"))
    facts = survey.gather(mine, Answers(), engine=None)
    conflict = port_conflict("Mine", port, "tcp", facts)
    assert conflict
    assert (conflict.rockon, conflict.holder) == ("Other", "the rock-on Other")
    with writing():
        other.installed_source = other.source = mine.source
    assert not port_conflict("Other", port, "tcp", survey.gather(other, Answers(), engine=None))


def test_devices_and_folders_that_are_missing_are_told(instance: Instance) -> None:
    (instance.settings.shares_root / "share" / "there").mkdir(parents=True)
    app = instance.add("App", {"app": {"image": "example/app"}})
    answers = Answers(
        shares={"app": {"/a": "share", "/b": "share/there", "/c": "share/new/deep"}},
        storage={"app": {"/d": "share/added"}},
        devices={"app": {"A": "/dev/null", "B": "/dev/nowhere:/dev/x:rwm", "C": ""}},
    )
    facts = survey.gather(app, answers, engine=None)
    assert facts.missing_devices == {"/dev/nowhere"}
    assert facts.missing_folders == {"share/new/deep", "share/added"}
    assert list(facts.shares) == ["share"]
    assert facts.groups["root"] == 0
    assert (facts.containers, facts.networks) == (None, None)
