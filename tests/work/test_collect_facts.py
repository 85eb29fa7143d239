"""What a plan has to know of the host, beside what the rows say of the rock-ons on it."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import port_conflict
from rockonweb.models import Container, Installation, Port, RockOn, State, db, transaction
from rockonweb.work.collect_facts import claimed_ports, gather_facts
from tests.support.claims import free_port
from tests.support.instance import Instance


def rockon(name: str, state: State, *ports: tuple[int, str | None, int | None]) -> Installation:
    """A rock-on with ports (number, protocol, chosen host port)."""
    rows = [Port(number=n, protocol=p, default=n, suggested=n, host=h) for n, p, h in ports]
    entry = RockOn(name=name, source="{}", ports=())
    return Installation(
        name=name, entry=entry, state=state, containers=[Container(name=name.lower(), image="i", ports=rows)]
    )


@pytest.mark.parametrize("state", list(State))
def test_an_installed_rock_on_claims_its_ports_running_or_not(instance: Instance, state: State) -> None:
    with transaction() as session:
        session.add(rockon("App", state, (80, "tcp", 8080), (53, None, 5353), (99, "tcp", None)))
    claimed = {(one.port, one.protocol, one.rockon) for one in claimed_ports(db.session())}
    holds = state not in (State.AVAILABLE, State.INSTALL_FAILED)
    assert claimed == ({(8080, "tcp", "App"), (5353, "tcp", "App"), (5353, "udp", "App")} if holds else set())


def test_a_rock_ons_own_claim_does_not_speak_against_it_but_others_do(instance: Instance) -> None:
    port = free_port()
    instance.add_rockon("Mine", {"mine": {"image": "example/mine"}})
    with transaction() as session:
        session.add(rockon("Other", State.INSTALLED, (80, "tcp", port)))
    mine, other = (db.session.query(Installation).filter_by(name=name).one() for name in ("Mine", "Other"))
    facts = gather_facts(mine, Answers(), None)
    conflict = port_conflict("Mine", port, "tcp", facts)
    assert conflict
    assert (conflict.rockon, conflict.holder) == ("Other", "the rock-on Other")
    with transaction():
        other.installed_source = other.entry.source = mine.entry.source
    assert not port_conflict("Other", port, "tcp", gather_facts(other, Answers(), None))


def test_devices_and_folders_that_are_missing_are_told(instance: Instance) -> None:
    (instance.settings.shares_root / "share" / "there").mkdir(parents=True)
    opts = [["--device", "/dev/nowhere"], ["--mount", "type=bind,src=/dev,dst=/d"], ["-v", "/nowhere:/n"]]
    app = instance.add_rockon("App", {"app": {"image": "example/app", "opts": opts}})
    answers = Answers(
        shares={"app": {"/a": "share", "/b": "share/there", "/c": "share/new/deep"}},
        storage={"app": {"/d": "share/added"}},
        devices={"app": {"A": "/dev/null", "B": "/dev/nowhere:/dev/x:rwm", "C": ""}},
    )
    facts = gather_facts(app, answers, None, definition=app.current_definition)
    assert facts.missing_devices == {"/dev/nowhere"}
    assert facts.missing_folders == {"share/new/deep", "share/added"}
    assert facts.missing_paths == {"/dev/nowhere"}
    assert list(facts.shares) == ["share"]
    assert facts.groups["root"] == 0
    assert (facts.containers, facts.networks) == (None, None)
