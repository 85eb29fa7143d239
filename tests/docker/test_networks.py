"""Rocknets on a real engine: made, changed with containers on them, removed, lost and made again."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from rockonweb import config
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.operations.requests import blank_request
from rockonweb.host import engine as docker
from rockonweb.models import Installation, Kind, Network, NetworkMember, Operation, Progress, db, transaction
from rockonweb.work import network_operations, operations, recovery, rocknets
from rockonweb.work.rocknets import InvalidNetwork, Rocknet
from tests.docker.test_recovery import working
from tests.support.app import FakeQueueServer, FormClient, create_test_user
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

WHOLE = NetworkSpec(
    "media",
    comment="for films",
    subnet="10.5.77.0/24",
    gateway="10.5.77.3",
    ip_range="10.5.77.128/25",
    aux_addresses=(("nas", "10.5.77.2"),),
    host_binding="127.0.0.1",
    mtu=1400,
    internal=True,
    icc=False,
    ip_masquerade=False,
)


@pytest.fixture
def owner(instance: Instance) -> Iterator[FormClient]:
    """An owner of the instance, logged in."""
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user("ada")
    yield instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def inspect(engine: DockerDaemon, network: str) -> dict[str, Any]:
    """What Docker knows of a network."""
    found: list[dict[str, Any]] = json.loads(engine.run_docker("network", "inspect", network))
    return found[0]


def has_new_subnet(engine: DockerDaemon) -> bool:
    """Whether Docker has a network with the subnet of `WHOLE`."""
    with closing(engine.new_client()) as client:
        return WHOLE.subnet in json.dumps(client.api.networks())


def place(engine: DockerDaemon, container: str, network: str) -> dict[str, Any]:
    """What a container has on a network; nothing where it is not on it."""
    found = json.loads(
        engine.run_docker("inspect", "--type", "container", "-f", "{{json .NetworkSettings}}", container)
    )
    on: dict[str, Any] = found["Networks"].get(network) or {}
    return on


def state(engine: DockerDaemon, *containers: str) -> list[str]:
    """The ids of containers and when they were started."""
    return [
        engine.run_docker("inspect", "--type", "container", "-f", "{{.Id}} {{.State.StartedAt}}", name)
        for name in containers
    ]


def net(name: str) -> Rocknet:
    found = rocknets.list_rocknets().find_rocknet(name)
    assert found
    return found


def create(instance: Instance, spec: NetworkSpec) -> Operation:
    """Create a network, which must work."""
    return instance.run_successfully(network_operations.submit_creation(spec, "tester"))


def change(instance: Instance, spec: NetworkSpec) -> Operation:
    """Change a network, which must work."""
    operation_id = network_operations.submit_change(spec, "tester")
    assert operation_id is not None
    return instance.run_successfully(operation_id)


def run_submitted(instance: Instance, answer: TestResponse) -> Operation:
    """Run the operation that a form has submitted, which must work."""
    assert answer.status_code == 303, answer.text
    return instance.run_successfully(int(answer.location.rpartition("/")[2]))


def pair(instance: Instance, image: str, *networks: str) -> Installation:
    """An installed rock-on of two containers on networks."""
    rockon = instance.add_rockon("Pair", {name: {"image": image, "tag": ""} for name in ("pair-db", "pair-app")})
    instance.install_rockon(rockon, networks={"pair-db": list(networks), "pair-app": list(networks)})
    return rockon


def test_a_network_is_made_as_it_was_asked_for(engine: DockerDaemon, instance: Instance) -> None:
    create(instance, WHOLE)
    found = inspect(engine, "media")
    assert found["IPAM"]["Config"] == [
        {
            "Subnet": "10.5.77.0/24",
            "IPRange": "10.5.77.128/25",
            "Gateway": "10.5.77.3",
            "AuxiliaryAddresses": {"nas": "10.5.77.2"},
        }
    ]
    assert found["Internal"] is True
    assert found["Options"] == {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "com.docker.network.driver.mtu": "1400",
    }
    uid = db.session.scalars(select(Operation.uid)).one()
    assert found["Labels"] == {
        "rockonweb.instance": config.instance_id(instance.settings),
        "rockonweb.operation": uid,
    }
    assert net("media").spec == WHOLE
    assert rocknets.stored_spec("media") == WHOLE


def test_a_network_of_ipv6_gets_its_subnet_and_one_of_ipv4(engine: DockerDaemon, instance: Instance) -> None:
    create(instance, NetworkSpec("six", subnet="fd00:77::/64", gateway="fd00:77::5"))
    found = inspect(engine, "six")
    assert found["EnableIPv6"] is True
    assert {pool["Subnet"] for pool in found["IPAM"]["Config"]} > {"fd00:77::/64"}
    assert change(instance, NetworkSpec("six", subnet="fd00:78::/64"))
    assert "fd00:78::/64" in {pool["Subnet"] for pool in inspect(engine, "six")["IPAM"]["Config"]}


def test_what_overlaps_or_exists_is_refused_before_docker_is_asked(engine: DockerDaemon, instance: Instance) -> None:
    engine.run_docker("network", "create", "--subnet", "10.5.78.0/24", "foreign")
    host = f"10.{engine.subnet_number}.0.0/24"  # the engine's own bridge, which this machine has an address on
    for spec, words in (
        (NetworkSpec("home", subnet="10.5.78.128/25"), "of the network foreign"),
        (NetworkSpec("home", subnet=host), "overlaps"),
        (NetworkSpec("foreign"), "already exists"),
    ):
        with pytest.raises(InvalidNetwork) as refused:
            network_operations.submit_creation(spec, "tester")
        assert words in refused.value.faults[0]
    assert rocknets.list_rocknets().find_rocknet("home") is None
    assert db.session.query(Network).all() == []


def test_what_docker_itself_refuses_is_told_and_not_remembered(
    engine: DockerDaemon, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run_docker("network", "create", "--subnet", "10.5.78.0/24", "foreign")
    monkeypatch.setattr(rocknets, "network_faults", lambda *_: [])
    operation_id = network_operations.submit_creation(NetworkSpec("home", subnet="10.5.78.0/24"), "tester")
    assert net("home").spec  # nobody else takes the name in the meantime
    operation = instance.run_operation(operation_id)
    assert operation.progress is Progress.FAILED
    assert "overlaps with that of another network" in operation.error
    assert db.session.query(Network).all() == []


def test_the_members_of_all_networks_are_known_also_of_those_that_do_not_run(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(instance, NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    instance.perform(Kind.STOP, rockon)
    engine.run_docker("run", "-d", "--name", "theirs", app_image)
    with closing(docker.connect_engine(config.instance_id(instance.settings))) as connection:
        asked = []
        send = connection._api.send
        monkeypatch.setattr(
            connection._api, "send", lambda request, **more: (asked.append(request.url), send(request, **more))[1]
        )
        facts = connection.list_networks()
    assert len(asked) == 2, asked  # however many networks and containers there are
    assert facts["media"].containers == ("pair-app", "pair-db")
    assert facts["media"].ours
    assert facts["media"].driver == "bridge"
    assert facts["bridge"].containers == ("pair-app", "pair-db", "theirs")
    assert not facts["bridge"].ours
    assert facts["bridge"].subnets == (f"10.{engine.subnet_number}.0.0/24",)


def test_a_change_keeps_the_containers_that_are_on_it(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    create(instance, NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    engine.run_docker("network", "disconnect", "media", "pair-app")
    engine.run_docker("network", "connect", "--alias", "front", "media", "pair-app")
    before = state(engine, "pair-db", "pair-app")
    assert change(instance, NetworkSpec("media", subnet="10.5.77.0/24", mtu=1400))
    assert inspect(engine, "media")["IPAM"]["Config"][0]["Subnet"] == "10.5.77.0/24"
    assert inspect(engine, "media")["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert state(engine, "pair-db", "pair-app") == before
    for name in ("pair-db", "pair-app"):
        assert place(engine, name, "media")["IPAddress"].startswith("10.5.77.")
        assert place(engine, name, "bridge")["IPAddress"]
    assert "front" in place(engine, "pair-app", "media")["Aliases"]
    assert [member.container for member in net("media").members] == ["pair-app", "pair-db"]
    assert all(member.connected for member in net("media").members)
    instance.perform(Kind.RESTART, rockon)
    assert place(engine, "pair-db", "media")["IPAddress"].startswith("10.5.77.")


def test_a_container_that_does_not_run_starts_after_a_change(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    instance.perform(Kind.STOP, rockon)
    change(instance, NetworkSpec("media", subnet="10.5.77.0/24"))
    instance.perform(Kind.START, rockon)
    assert place(engine, "pair-app", "media")["IPAddress"].startswith("10.5.77.")


def test_an_address_of_its_own_stays_where_the_changed_network_has_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, NetworkSpec("media", subnet="10.5.77.0/24"))
    pair(instance, app_image, "media")
    engine.run_docker("network", "disconnect", "media", "pair-app")
    engine.run_docker("network", "connect", "--ip", "10.5.77.99", "media", "pair-app")
    change(instance, NetworkSpec("media", subnet="10.5.77.0/24", mtu=1400))
    assert place(engine, "pair-app", "media")["IPAddress"] == "10.5.77.99"
    change(instance, NetworkSpec("media", subnet="10.5.79.0/24"))
    assert place(engine, "pair-app", "media")["IPAddress"].startswith("10.5.79.")


def test_a_comment_alone_cuts_off_nobody(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    create(instance, NetworkSpec("media", subnet="10.5.77.0/24"))
    pair(instance, app_image, "media")
    before = inspect(engine, "media")
    commented = NetworkSpec("media", subnet="10.5.77.0/24", comment="for films")
    assert network_operations.submit_change(commented, "tester") is None
    assert inspect(engine, "media") == before
    assert net("media").desired_spec.comment == "for films"


@pytest.mark.parametrize("subnet", ["10.5.77.0/24", "", "fd00:77::/64"])
def test_a_change_that_docker_refuses_puts_the_old_one_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch, subnet: str
) -> None:
    create(instance, NetworkSpec("media", subnet=subnet, mtu=1400))
    pair(instance, app_image, "media")
    before = state(engine, "pair-db", "pair-app")
    old = inspect(engine, "media")
    engine.run_docker("network", "create", "--subnet", "10.5.78.0/24", "foreign")
    monkeypatch.setattr(rocknets, "network_faults", lambda *_: [])
    operation_id = network_operations.submit_change(NetworkSpec("media", subnet="10.5.78.0/24"), "tester")
    assert operation_id
    operation = instance.run_operation(operation_id)
    assert operation.progress is Progress.FAILED
    assert "overlaps with that of another network" in operation.error
    assert [step.progress for step in operation.steps][:3] == [Progress.UNDONE] * 3, describe_steps(operation)
    found = inspect(engine, "media")
    assert (found["IPAM"], found["Options"], found["Labels"]) == (old["IPAM"], old["Options"], old["Labels"])
    assert state(engine, "pair-db", "pair-app") == before
    assert {one["Name"] for one in found["Containers"].values()} == {"pair-db", "pair-app"}
    assert net("media").desired_spec.subnet == subnet


def test_a_removal_says_whom_it_cuts_off_and_does_it(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    create(instance, NetworkSpec("media"))
    create(instance, NetworkSpec("other"))
    rockon = pair(instance, app_image, "media", "other")
    before = state(engine, "pair-db", "pair-app")
    question = owner.get("/networks/media/remove").text
    assert "What will be disconnected" in question
    for name in ("pair-db", "pair-app"):
        assert f'<code class="break">{name}</code> of the rock-on <a href="/rockons/{rockon.id}">Pair</a>' in question
    assert place(engine, "pair-app", "media")
    removal = run_submitted(instance, owner.submit_form("/networks/media/remove", page="/networks/media/remove"))
    assert "Remove network: media" in owner.get(f"/rockons/{rockon.id}").text
    assert f'href="/rockons/{rockon.id}">Pair</a>' in owner.get(f"/operations/{removal.id}").text
    assert "media" not in engine.run_docker("network", "ls", "--format", "{{.Name}}").split()
    assert state(engine, "pair-db", "pair-app") == before
    assert place(engine, "pair-app", "other")
    assert db.session.query(Network.name).all() == [("other",)]
    assert {row.network for row in db.session.query(NetworkMember)} == {"other"}
    instance.perform(Kind.RESTART, rockon)


def test_a_network_with_a_strangers_container_is_refused_and_the_container_named(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    create(instance, NetworkSpec("media"))
    pair(instance, app_image, "media")
    engine.run_docker("run", "-d", "--name", "theirs", "--network", "media", app_image)
    before = (inspect(engine, "media"), state(engine, "theirs"))
    page = owner.get("/networks").text
    assert '<code class="break">theirs</code> (not created by this Rockonweb)' in page
    for path in ("edit", "remove"):
        form = {"mtu": "1400", "icc": "y", "ip_masquerade": "y"}
        answer = owner.submit_form(f"/networks/media/{path}", form, page="/networks/new")
        assert answer.status_code == 409
        assert "Unmanaged containers are connected to it: theirs." in answer.text
        assert "docker network disconnect media theirs" in answer.text
    assert 'class="btn btn-danger' not in owner.get("/networks/media/remove").text
    assert (inspect(engine, "media"), state(engine, "theirs")) == before


def test_strangers_networks_are_shown_and_never_touched(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    engine.run_docker("network", "create", "--label", "rockonweb.instance=0123456789ab", "foreign")
    pair(instance, app_image, "foreign")
    before = inspect(engine, "foreign")
    page = owner.get("/networks").text
    assert page.index("Unmanaged networks") < page.index("</svg> foreign<")
    for path in ("edit", "remove", "restore"):
        assert owner.submit_form(f"/networks/foreign/{path}", page="/networks/new").status_code == 404
    with closing(docker.connect_engine(config.instance_id(instance.settings), "Pair")) as connection:
        with pytest.raises(EngineError, match="is not changed"):
            connection.network_config("foreign")
        assert connection.remove_network("foreign")
    assert inspect(engine, "foreign") == before


def test_a_stranger_that_took_the_name_of_a_lost_one_is_left_alone(
    engine: DockerDaemon, instance: Instance, owner: FormClient
) -> None:
    create(instance, NetworkSpec("media"))
    engine.run_docker("network", "rm", "media")
    engine.run_docker("network", "create", "media")
    before = inspect(engine, "media")
    assert "Docker has a network with this name" in owner.get("/networks").text
    for spec in (WHOLE, net("media").desired_spec):
        with pytest.raises(Conflict, match="is not changed"):
            network_operations.submit_change(spec, "tester")
    instance.run_successfully(network_operations.submit_removal("media", "tester"))
    assert rocknets.list_rocknets().find_rocknet("media") is None
    assert inspect(engine, "media") == before


def test_one_that_docker_lost_is_made_again_with_its_containers(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    create(instance, WHOLE)
    rockon = pair(instance, app_image, "media")
    instance.perform(Kind.STOP, rockon)
    engine.run_docker("network", "rm", "media")
    page = owner.get("/networks").text
    assert "Docker no longer has this network." in page
    run_submitted(instance, owner.submit_form("/networks/media/restore", page="/networks"))
    assert inspect(engine, "media")["IPAM"]["Config"][0]["Gateway"] == "10.5.77.3"
    instance.perform(Kind.START, rockon)
    assert place(engine, "pair-db", "media")["IPAddress"].startswith("10.5.77.")
    run_submitted(instance, owner.submit_form("/networks/media/restore", page="/networks"))  # safe to repeat
    assert "Docker no longer has this network." not in owner.get("/networks").text


def test_a_plan_makes_a_remembered_network_as_it_is_remembered(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, WHOLE)
    engine.run_docker("network", "rm", "media")
    rockon = pair(instance, app_image, "media", "plain")
    assert inspect(engine, "media")["Options"]["com.docker.network.driver.mtu"] == "1400"
    assert inspect(engine, "media")["Internal"] is True
    assert inspect(engine, "plain")["Options"] == {}
    listing = rocknets.list_rocknets()
    assert [found.name for found in listing.rocknets] == ["media", "plain"]  # made on the way, and yours all the same
    assert listing.trouble is None
    assert change(instance, NetworkSpec("plain", internal=True))
    assert inspect(engine, "plain")["Internal"] is True
    assert rocknets.stored_spec("plain") == NetworkSpec("plain", internal=True)
    instance.perform(Kind.UNINSTALL, rockon)
    assert "media" in engine.run_docker("network", "ls", "--format", "{{.Name}}").split()


def test_link_networks_are_shown_as_such_and_stay_as_they_are(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    rockon = instance.add_rockon(
        "Linked",
        {name: {"image": app_image, "tag": ""} for name in ("link-db", "link-app")},
        container_links={"link-app": [{"name": "LinkNet", "source_container": "link-db"}]},
    )
    instance.install_rockon(rockon)
    assert [found.name for found in rocknets.list_rocknets().link_networks] == ["LinkNet"]
    before = inspect(engine, "LinkNet")
    for path in ("edit", "remove"):
        answer = owner.submit_form(f"/networks/LinkNet/{path}", {"icc": "y", "mtu": "1400"}, page="/networks/new")
        assert answer.status_code == 409
        assert "The definition of Linked creates this network to link its containers." in answer.text
    assert inspect(engine, "LinkNet") == before
    with pytest.raises(InvalidNetwork, match="can't be created"):
        network_operations.submit_creation(NetworkSpec("LinkNet"), "tester")


def test_a_network_that_an_option_names_can_be_changed_but_not_removed(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Fixed", {"fixed": {"image": app_image, "tag": "", "opts": [["--network", "special"]]}}
    )
    instance.install_rockon(rockon)
    with pytest.raises(Conflict, match="The definition of Fixed connects containers to this network"):
        network_operations.submit_removal("special", "tester")
    before = state(engine, "fixed")
    change(instance, NetworkSpec("special", subnet="10.5.77.0/24"))
    assert place(engine, "fixed", "special")["IPAddress"].startswith("10.5.77.")
    assert state(engine, "fixed") == before
    instance.perform(Kind.RESTART, rockon)
    assert place(engine, "fixed", "special")["IPAddress"].startswith("10.5.77.")


def test_an_operation_on_a_network_and_those_on_its_rock_ons_wait_for_each_other(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    earlier = operations.submit_operation(rockon, blank_request(Kind.RESTART), "tester")
    operation_id = network_operations.submit_change(WHOLE, "tester")
    assert operation_id
    later = operations.submit_operation(rockon, blank_request(Kind.STOP), "tester")
    before = inspect(engine, "media")
    for waiting in (operation_id, later):
        assert instance.run_operation(waiting).progress is Progress.QUEUED
    assert inspect(engine, "media") == before
    instance.run_successfully(earlier)
    assert instance.run_operation(later).progress is Progress.QUEUED
    instance.run_successfully(operation_id)
    instance.run_successfully(later)


def test_a_rock_on_that_joined_meanwhile_is_not_cut_off(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, NetworkSpec("media"))
    removal = network_operations.submit_removal("media", "tester")
    pair(instance, app_image)
    engine.run_docker("network", "connect", "media", "pair-app")
    operation = instance.run_operation(removal)
    assert "Pair was connected to this network in the meantime" in operation.error
    assert place(engine, "pair-app", "media")
    instance.run_successfully(operations.retry_operation(removal, "tester"))
    assert not place(engine, "pair-app", "media")


def hang_after(method: str, *names: str) -> Callable[[], None]:
    """A function that makes this process hang for ever once Docker was told this of these."""

    def patch() -> None:
        call = getattr(docker.Engine, method)

        def hang(self: docker.Engine, *told: Any, **more: Any) -> Any:
            result = call(self, *told, **more)
            if told[: len(names)] == names:
                time.sleep(600)
            return result

        setattr(docker.Engine, method, hang)

    return patch


REMOVAL_CALLS = [
    ("disconnect_network", "media", "pair-app"),
    ("disconnect_network", "media", "pair-db"),
    ("remove_network", "media"),
]
CHANGE_CALLS = [*REMOVAL_CALLS, ("ensure_network", "media"), ("connect_network", "media", "pair-app")]


@pytest.mark.parametrize(
    ("kind", "blow"),
    [*(("change", blow) for blow in CHANGE_CALLS), *(("removal", blow) for blow in REMOVAL_CALLS)],
    ids=lambda part: part if isinstance(part, str) else " ".join(part),
)
def test_a_network_whose_operation_was_killed_has_its_containers_again(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: str, blow: tuple[str, ...]
) -> None:
    create(instance, NetworkSpec("media", subnet="10.5.79.0/24"))
    pair(instance, app_image, "media")
    engine.run_docker("network", "disconnect", "media", "pair-app")
    engine.run_docker("network", "connect", "--alias", "front", "--ip", "10.5.79.99", "media", "pair-app")
    before = state(engine, "pair-db", "pair-app")
    operation_id = (
        network_operations.submit_change(WHOLE, "tester")
        if kind == "change"
        else network_operations.submit_removal("media", "tester")
    )
    assert operation_id
    method, *names = blow
    gone = {
        "disconnect_network": lambda: not place(engine, names[-1], "media"),
        "connect_network": lambda: place(engine, names[-1], "media").get("IPAddress", "").startswith("10.5.77."),
        "remove_network": lambda: "media" not in engine.run_docker("network", "ls", "--format", "{{.Name}}").split(),
        "ensure_network": lambda: has_new_subnet(engine),
    }[method]
    with working(instance, operation_id, hang_after(method, *names)):
        wait_for(gone)
        assert recovery.recover_operations() == []  # its process lives
    assert recovery.recover_operations() == [operation_id]
    db.session.rollback()
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress is Progress.INTERRUPTED, describe_steps(operation)
    assert inspect(engine, "media")["IPAM"]["Config"][0]["Subnet"] == "10.5.79.0/24"
    assert place(engine, "pair-app", "media")["IPAddress"] == "10.5.79.99"
    assert "front" in place(engine, "pair-app", "media")["Aliases"]
    assert place(engine, "pair-db", "media")["IPAddress"].startswith("10.5.79.")
    assert state(engine, "pair-db", "pair-app") == before
    assert net("media").spec == NetworkSpec("media", subnet="10.5.79.0/24")
    assert recovery.recover_operations() == []
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert bool(place(engine, "pair-app", "media")) == (kind == "change")


def test_what_an_engine_that_was_away_kept_from_being_put_back_is_put_back_later(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    create(instance, NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    operation_id = network_operations.submit_change(WHOLE, "tester")
    assert operation_id
    with working(instance, operation_id, hang_after("ensure_network", "media")):
        wait_for(lambda: has_new_subnet(engine))
    engine.stop()
    assert recovery.recover_operations() == [operation_id]
    db.session.rollback()
    assert db.session.get_one(Operation, operation_id).progress is Progress.INTERRUPTED
    assert recovery.recover_operations() == []
    engine.start()
    assert recovery.recover_operations() == [operation_id]
    assert recovery.recover_operations() == []
    assert inspect(engine, "media")["Options"] == {}
    instance.perform(Kind.RESTART, rockon)
    for name in ("pair-app", "pair-db"):
        assert place(engine, name, "media")["IPAddress"]


def test_a_cancel_puts_everything_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(instance, NetworkSpec("media"))
    pair(instance, app_image, "media")
    operation_id = network_operations.submit_change(WHOLE, "tester")
    assert operation_id
    ensure = docker.Engine.ensure_network

    def cancel(self: docker.Engine, *told: Any) -> bool:
        operations.cancel_operation(operation_id)
        return ensure(self, *told)

    monkeypatch.setattr(docker.Engine, "ensure_network", cancel)
    assert instance.run_operation(operation_id).progress is Progress.CANCELLED
    assert inspect(engine, "media")["Options"] == {}
    assert all(member.connected for member in net("media").members)


def test_the_old_one_that_cannot_be_put_back_is_told_and_put_back_once_it_can(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(instance, NetworkSpec("media"))
    pair(instance, app_image, "media")

    def refuse(self: object, form: object) -> None:
        raise EngineError("No.")

    operation_id = network_operations.submit_change(WHOLE, "tester")
    assert operation_id
    with monkeypatch.context() as patch:
        patch.setattr(docker.Engine, "_create_network", refuse)
        operation = instance.run_operation(operation_id)
        assert "No." in describe_steps(operation)
        assert recovery.recover_operations() == []
    assert not place(engine, "pair-app", "media")
    assert [member.connected for member in net("media").members] == [False, False]
    assert recovery.recover_operations() == [operation_id]
    assert place(engine, "pair-app", "media")["IPAddress"]
    with transaction() as session:
        assert session.query(NetworkMember).count() == 2
