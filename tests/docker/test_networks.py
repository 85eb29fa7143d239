"""Rocknets on a real engine: made, changed with containers on them, removed, lost and made again."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from rockonweb import config
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.operations.requests import blank_request
from rockonweb.host import engine as docker
from rockonweb.models import Installation, Kind, Network, NetworkMember, db, transaction
from rockonweb.work import operations, rocknets
from rockonweb.work.rocknets import InvalidNetwork, Rocknet
from tests.support.app import FakeQueueServer, FormClient, create_test_user
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


def pair(instance: Instance, image: str, *networks: str) -> Installation:
    """An installed rock-on of two containers on networks."""
    rockon = instance.add_rockon("Pair", {name: {"image": image, "tag": ""} for name in ("pair-db", "pair-app")})
    instance.install_rockon(rockon, networks={"pair-db": list(networks), "pair-app": list(networks)})
    return rockon


def test_a_network_is_made_as_it_was_asked_for(engine: DockerDaemon, instance: Instance) -> None:
    rocknets.create_rocknet(WHOLE)
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
    assert found["Labels"] == {"rockonweb.instance": config.instance_id(instance.settings)}
    assert net("media").spec == WHOLE
    assert rocknets.stored_spec("media") == WHOLE


def test_a_network_of_ipv6_gets_its_subnet_and_one_of_ipv4(engine: DockerDaemon, instance: Instance) -> None:
    rocknets.create_rocknet(NetworkSpec("six", subnet="fd00:77::/64", gateway="fd00:77::5"))
    found = inspect(engine, "six")
    assert found["EnableIPv6"] is True
    assert {pool["Subnet"] for pool in found["IPAM"]["Config"]} > {"fd00:77::/64"}
    assert rocknets.update_rocknet(net("six"), NetworkSpec("six", subnet="fd00:78::/64"))
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
            rocknets.create_rocknet(spec)
        assert words in refused.value.faults[0]
    assert rocknets.list_rocknets().find_rocknet("home") is None
    assert db.session.query(Network).all() == []


def test_what_docker_itself_refuses_is_told_and_not_remembered(
    engine: DockerDaemon, instance: Instance, owner: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run_docker("network", "create", "--subnet", "10.5.78.0/24", "foreign")
    monkeypatch.setattr(rocknets, "network_faults", lambda *_: [])
    form = {"name": "home", "subnet": "10.5.78.0/24", "icc": "y", "ip_masquerade": "y"}
    answer = owner.submit_form("/networks/new", form, page="/networks/new")
    assert answer.status_code == 409
    assert "overlaps with that of another network" in answer.text
    assert 'value="10.5.78.0/24"' in answer.text
    assert db.session.query(Network).all() == []


def test_the_members_of_all_networks_are_known_also_of_those_that_do_not_run(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
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
    rocknets.create_rocknet(NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    engine.run_docker("network", "disconnect", "media", "pair-app")
    engine.run_docker("network", "connect", "--alias", "front", "media", "pair-app")
    before = state(engine, "pair-db", "pair-app")
    assert rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.77.0/24", mtu=1400))
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
    rocknets.create_rocknet(NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    instance.perform(Kind.STOP, rockon)
    rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.77.0/24"))
    instance.perform(Kind.START, rockon)
    assert place(engine, "pair-app", "media")["IPAddress"].startswith("10.5.77.")


def test_an_address_of_its_own_stays_where_the_changed_network_has_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rocknets.create_rocknet(NetworkSpec("media", subnet="10.5.77.0/24"))
    pair(instance, app_image, "media")
    engine.run_docker("network", "disconnect", "media", "pair-app")
    engine.run_docker("network", "connect", "--ip", "10.5.77.99", "media", "pair-app")
    rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.77.0/24", mtu=1400))
    assert place(engine, "pair-app", "media")["IPAddress"] == "10.5.77.99"
    rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.79.0/24"))
    assert place(engine, "pair-app", "media")["IPAddress"].startswith("10.5.79.")


def test_a_comment_alone_cuts_off_nobody(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rocknets.create_rocknet(NetworkSpec("media", subnet="10.5.77.0/24"))
    pair(instance, app_image, "media")
    before = inspect(engine, "media")
    assert not rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.77.0/24", comment="for films"))
    assert inspect(engine, "media") == before
    assert net("media").desired_spec.comment == "for films"


@pytest.mark.parametrize("subnet", ["10.5.77.0/24", "", "fd00:77::/64"])
def test_a_change_that_docker_refuses_puts_the_old_one_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch, subnet: str
) -> None:
    rocknets.create_rocknet(NetworkSpec("media", subnet=subnet, mtu=1400))
    pair(instance, app_image, "media")
    before = state(engine, "pair-db", "pair-app")
    old = inspect(engine, "media")
    engine.run_docker("network", "create", "--subnet", "10.5.78.0/24", "foreign")
    monkeypatch.setattr(rocknets, "network_faults", lambda *_: [])
    with pytest.raises(EngineError) as refused:
        rocknets.update_rocknet(net("media"), NetworkSpec("media", subnet="10.5.78.0/24"))
    assert "overlaps with that of another network" in refused.value.sentence
    found = inspect(engine, "media")
    assert (found["IPAM"], found["Options"], found["Labels"]) == (old["IPAM"], old["Options"], old["Labels"])
    assert state(engine, "pair-db", "pair-app") == before
    assert {one["Name"] for one in found["Containers"].values()} == {"pair-db", "pair-app"}
    assert net("media").desired_spec.subnet == subnet


def test_a_removal_says_whom_it_cuts_off_and_does_it(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
    rocknets.create_rocknet(NetworkSpec("other"))
    rockon = pair(instance, app_image, "media", "other")
    before = state(engine, "pair-db", "pair-app")
    question = owner.get("/networks/media/remove").text
    assert "What will be disconnected" in question
    for name in ("pair-db", "pair-app"):
        assert f'<code class="break">{name}</code> of the rock-on <a href="/rockons/{rockon.id}">Pair</a>' in question
    assert place(engine, "pair-app", "media")
    assert owner.submit_form("/networks/media/remove", page="/networks/media/remove").status_code == 303
    assert "media" not in engine.run_docker("network", "ls", "--format", "{{.Name}}").split()
    assert state(engine, "pair-db", "pair-app") == before
    assert place(engine, "pair-app", "other")
    assert db.session.query(Network.name).all() == [("other",)]
    assert {row.network for row in db.session.query(NetworkMember)} == {"other"}
    instance.perform(Kind.RESTART, rockon)


def test_a_network_with_a_strangers_container_is_refused_and_the_container_named(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
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
        for act in (connection.disconnect_and_remove, lambda name: connection.recreate_network(NetworkSpec(name))):
            with pytest.raises(EngineError, match="is not changed"):
                act("foreign")
    assert inspect(engine, "foreign") == before


def test_a_stranger_that_took_the_name_of_a_lost_one_is_left_alone(
    engine: DockerDaemon, instance: Instance, owner: FormClient
) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
    engine.run_docker("network", "rm", "media")
    engine.run_docker("network", "create", "media")
    before = inspect(engine, "media")
    assert "Docker has a network with this name" in owner.get("/networks").text
    for refused in (
        lambda: rocknets.update_rocknet(net("media"), WHOLE),
        lambda: rocknets.recreate_rocknet(net("media")),
    ):
        with pytest.raises(Conflict, match="is not changed"):
            refused()
    rocknets.remove_rocknet(net("media"))
    assert rocknets.list_rocknets().find_rocknet("media") is None
    assert inspect(engine, "media") == before


def test_one_that_docker_lost_is_made_again_with_its_containers(
    engine: DockerDaemon, instance: Instance, app_image: str, owner: FormClient
) -> None:
    rocknets.create_rocknet(WHOLE)
    rockon = pair(instance, app_image, "media")
    instance.perform(Kind.STOP, rockon)
    engine.run_docker("network", "rm", "media")
    page = owner.get("/networks").text
    assert "Docker no longer has this network." in page
    assert owner.submit_form("/networks/media/restore", page="/networks").status_code == 303
    assert inspect(engine, "media")["IPAM"]["Config"][0]["Gateway"] == "10.5.77.3"
    instance.perform(Kind.START, rockon)
    assert place(engine, "pair-db", "media")["IPAddress"].startswith("10.5.77.")
    assert owner.submit_form("/networks/media/restore", page="/networks").status_code == 303  # safe to repeat
    assert "Docker no longer has this network." not in owner.get("/networks").text


def test_a_plan_makes_a_remembered_network_as_it_is_remembered(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rocknets.create_rocknet(WHOLE)
    engine.run_docker("network", "rm", "media")
    rockon = pair(instance, app_image, "media", "plain")
    assert inspect(engine, "media")["Options"]["com.docker.network.driver.mtu"] == "1400"
    assert inspect(engine, "media")["Internal"] is True
    assert inspect(engine, "plain")["Options"] == {}
    listing = rocknets.list_rocknets()
    assert [found.name for found in listing.rocknets] == ["media", "plain"]  # made on the way, and yours all the same
    assert listing.trouble is None
    assert rocknets.update_rocknet(net("plain"), NetworkSpec("plain", internal=True))
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
        rocknets.create_rocknet(NetworkSpec("LinkNet"))


def test_a_network_that_an_option_names_can_be_changed_but_not_removed(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Fixed", {"fixed": {"image": app_image, "tag": "", "opts": [["--network", "special"]]}}
    )
    instance.install_rockon(rockon)
    with pytest.raises(Conflict, match="The definition of Fixed connects containers to this network"):
        rocknets.remove_rocknet(net("special"))
    before = state(engine, "fixed")
    rocknets.update_rocknet(net("special"), NetworkSpec("special", subnet="10.5.77.0/24"))
    assert place(engine, "fixed", "special")["IPAddress"].startswith("10.5.77.")
    assert state(engine, "fixed") == before
    instance.perform(Kind.RESTART, rockon)
    assert place(engine, "fixed", "special")["IPAddress"].startswith("10.5.77.")


def test_while_a_rockon_on_it_is_busy_nothing_is_done(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
    rockon = pair(instance, app_image, "media")
    waiting = operations.submit_operation(rockon, blank_request(Kind.RESTART), "tester")
    before = inspect(engine, "media")
    for act in (lambda: rocknets.update_rocknet(net("media"), WHOLE), lambda: rocknets.remove_rocknet(net("media"))):
        with pytest.raises(Conflict, match="Pair is busy with another operation"):
            act()
    assert inspect(engine, "media") == before
    operation = instance.run_successfully(waiting)
    assert rocknets.update_rocknet(net("media"), WHOLE), describe_steps(operation)


def test_the_old_one_that_cannot_be_put_back_is_told_and_made_again_by_hand(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rocknets.create_rocknet(NetworkSpec("media"))
    pair(instance, app_image, "media")

    def refuse(self: object, form: object) -> None:
        raise EngineError("No.")

    with monkeypatch.context() as patch:
        patch.setattr(docker.Engine, "_create_network", refuse)
        with pytest.raises(EngineError, match="could not be restored: No"):
            rocknets.update_rocknet(net("media"), WHOLE)
    assert not place(engine, "pair-app", "media")
    assert [member.connected for member in net("media").members] == [False, False]
    rocknets.recreate_rocknet(net("media"))
    assert place(engine, "pair-app", "media")["IPAddress"]
    with transaction() as session:
        assert session.query(NetworkMember).count() == 2
