"""A start makes anew what was removed by hand, and leaves the rest as it is."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import ChangeRequest, blank_request
from rockonweb.models import Installation, Kind, Operation
from rockonweb.work import operations
from rockonweb.work.doctor import examine_instance
from tests.support.apps import fetch_app_page, wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}


def identity(engine: DockerDaemon, name: str) -> str:
    """What tells a container from its successor."""
    return engine.run_docker("inspect", "--type", "container", "-f", "{{.Id}}", name)


def steps(operation: Operation) -> list[tuple[str, str]]:
    return [(step.title, step.why) for step in operation.steps]


def trio(instance: Instance, image: str) -> Installation:
    """Two that share a network, and one that stands alone."""
    return instance.add_rockon(
        "Anew",
        {
            "anew-db": {"image": image, "tag": "", "volumes": DATA},
            "anew-app": {"image": image, "tag": "", "ports": WEB},
            "anew-alone": {"image": image, "tag": ""},
        },
        container_links={"anew-app": [{"name": "AnewLink", "source_container": "anew-db"}]},
    )


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_a_start_makes_what_is_missing_from_its_answers_and_says_so(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: Kind
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "anew-app")
    kept = [identity(engine, name) for name in ("anew-db", "anew-alone")]
    before = engine.run_docker("inspect", "-f", "{{.HostConfig.PortBindings}}{{.Config.Labels}}", "anew-app")
    engine.run_docker("rm", "-f", "anew-app")
    operation = instance.perform(kind, rockon)
    restarts = kind is Kind.RESTART
    assert [one for one, step in zip(steps(operation), operation.steps, strict=True) if step.kind != "stop"] == [
        ("start anew-db" if restarts else "anew-db is running already", "in launch order"),
        ("create container anew-app", "it was removed manually and is recreated from its settings"),
        ("connect anew-app to network AnewLink", "for name resolution"),
        ("start anew-app", "in launch order"),
        ("start anew-alone" if restarts else "anew-alone is running already", "in launch order"),
        ("check that it stays up: anew-db, anew-app, anew-alone", "one that keeps ending has not been started"),
    ]
    stopped = [str(step.title) for step in operation.steps if step.kind == "stop"]
    assert stopped == (["stop anew-alone", "anew-app is not running", "stop anew-db"] if restarts else [])
    assert [identity(engine, name) for name in ("anew-db", "anew-alone")] == kept
    after = engine.run_docker("inspect", "-f", "{{.HostConfig.PortBindings}}{{.Config.Labels}}", "anew-app")
    assert after.split("rockonweb.operation")[0] == before.split("rockonweb.operation")[0]
    assert rockon.status == "started"
    fetch_app_page(port)


def test_an_image_and_a_network_that_are_gone_too_are_got_again(
    engine: DockerDaemon, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("remaking/app:1", padding=1000)
    rockon = trio(instance, image)
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "anew-db", "anew-app", "anew-alone")
    engine.run_docker("network", "rm", "AnewLink")
    engine.run_docker("rmi", image)
    titles = [title for title, _ in steps(instance.perform(Kind.START, rockon))]
    assert titles[:2] == [f"pull {image}", "create network AnewLink"]
    assert rockon.status == "started"
    engine.run_docker("rm", "-f", "anew-alone")
    assert f"pull {image}" not in [title for title, _ in steps(instance.perform(Kind.START, rockon))]


def test_what_a_removed_container_lent_is_lent_by_its_successor(
    engine: DockerDaemon, instance: Instance, app_image: str, ending_image: str
) -> None:
    rockon = instance.add_rockon(
        "Lender",
        {
            "lender": {"image": ending_image, "tag": "", "opts": [["-v", "/keys"], ["--restart", "no"]]},
            "borrower": {"image": app_image, "tag": "", "opts": [["--volumes-from", "lender"]]},
        },
    )
    instance.install_rockon(rockon)
    engine.run_docker("exec", "borrower", "sh", "-c", "echo mine >/keys/key")
    engine.run_docker("rm", "lender")
    operation = instance.perform(Kind.START, rockon)
    assert ("create container borrower", "it refers to lender, which is recreated") in steps(operation)
    assert engine.run_docker("exec", "borrower", "cat", "/keys/key") == "mine"
    assert "/keys" in engine.run_docker("inspect", "-f", "{{range .Mounts}}{{.Destination}}{{end}}", "lender")


def test_a_stranger_who_took_the_name_is_left_alone(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "anew-alone")
    stranger = engine.run_docker("run", "-d", "--name", "anew-alone", app_image)
    operation = instance.run_operation(operations.submit_operation(rockon, blank_request(Kind.START), "tester"))
    assert operation.progress == "failed", describe_steps(operation)
    assert '"anew-alone" already exists' in operation.error
    assert identity(engine, "anew-alone") == stranger


def test_what_is_missing_can_still_be_stopped_and_uninstalled(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "anew-app")
    instance.perform(Kind.STOP, rockon)
    wait_for(lambda: engine.run_docker("ps", "-q") == "")
    instance.perform(Kind.UNINSTALL, rockon)
    assert rockon.state == "available"
    assert engine.run_docker("ps", "-aq") == ""


# -- what others removed: networks, folders, containers ----------------------------------------------------------------


def networks_of(engine: DockerDaemon, name: str) -> set[str]:
    """The networks that a container is on, and that exist."""
    on = engine.run_docker("inspect", "-f", "{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}", name)
    return {*on.split()} & {*engine.run_docker("network", "ls", "--format", "{{.Name}}").split()}


def test_a_start_creates_the_network_that_was_pruned(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon, shares={"anew-db": {"/data": "anew-data"}})
    instance.perform(Kind.STOP, rockon)
    engine.run_docker("network", "prune", "-f")
    ids = [identity(engine, name) for name in ("anew-db", "anew-app")]
    operation = instance.perform(Kind.START, rockon)
    assert ("create network AnewLink", "the containers reach each other on it") in steps(operation)
    assert [networks_of(engine, name) for name in ("anew-db", "anew-app")] == [{"bridge", "AnewLink"}] * 2
    assert [identity(engine, name) for name in ("anew-db", "anew-app")] == ids
    assert rockon.status_text == "started"


def test_a_restart_connects_who_was_disconnected(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon, shares={"anew-db": {"/data": "anew-data"}})
    engine.run_docker("network", "disconnect", "AnewLink", "anew-db")
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert (told.level, "anew-db (Anew)" in told.sentence) == ("warn", True)
    operation = instance.perform(Kind.RESTART, rockon)
    assert "connect anew-db to network AnewLink" in [title for title, _ in steps(operation)]
    assert networks_of(engine, "anew-db") == {"bridge", "AnewLink"}
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert told.level == "ok"


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_a_start_that_meets_a_dead_container_id_recreates(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: Kind
) -> None:
    engine.run_docker("run", "-d", "--name", "lender", app_image)
    rockon = instance.add_rockon(
        "Dep", {"dep": {"image": app_image, "tag": "", "opts": [["--net=container:lender", ""]]}}
    )
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "lender")
    engine.run_docker("run", "-d", "--name", "lender", app_image)
    old = identity(engine, "dep")
    operation = instance.perform(kind, rockon)
    assert identity(engine, "dep") != old
    assert ("create container dep", "it uses the network of lender, which was removed or recreated") in steps(operation)
    assert (
        engine.run_docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", "dep")
        == f"container:{identity(engine, 'lender')}"
    )


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_nothing_is_started_on_a_folder_that_is_gone(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: Kind
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon, shares={"anew-db": {"/data": "anew-data"}})
    if kind is Kind.START:
        instance.perform(Kind.STOP, rockon)
    share = instance.settings.shares_root / "anew-data"
    share.rename(share.with_name("away"))
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert (told.level, str(share) in told.sentence) == ("fail", True)
    request = blank_request(kind)
    operation = instance.run_operation(operations.submit_operation(rockon, request, "me"))
    assert operation.progress == "failed"
    assert operation.error == 'The share "anew-data" is missing.'
    assert not share.exists()
    assert engine.run_docker("inspect", "-f", "{{.State.Status}}", "anew-db") == (
        "exited" if kind is Kind.START else "running"
    )
    blocked = instance.review_request(rockon, ChangeRequest(answers=instance.changed_answers(rockon), rebuild=True))
    assert [one.sentence for one in blocked.blocking_findings][-1] == operation.error
    share.with_name("away").rename(share)
    assert instance.run_operation(operations.submit_operation(rockon, request, "me")).progress == "done"


def test_a_container_that_was_renamed_is_known_by_its_label_and_gets_its_name_back(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    old = identity(engine, "anew-db")
    engine.run_docker("rename", "anew-db", "mine")
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert (told.level, "anew-db → mine" in told.sentence) == ("warn", True)
    operation = instance.perform(Kind.STOP, rockon)
    assert steps(operation)[0] == ("give anew-db its name back", "it was renamed manually to mine")
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "anew-db") == f"{old} false"
    engine.run_docker("rename", "anew-db", "mine")
    instance.perform(Kind.START, rockon)
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "anew-db") == f"{old} true"
    assert rockon.status == "started"


@pytest.mark.parametrize("kind", [Kind.UNINSTALL, Kind.CHANGE])
def test_one_that_was_renamed_is_removed_and_replaced_as_if_it_was_not(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: Kind
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    old = identity(engine, "anew-app")
    engine.run_docker("rename", "anew-app", "mine")
    if kind is Kind.UNINSTALL:
        instance.perform(kind, rockon)
    else:
        instance.run_successfully(instance.submit_change(rockon, variables={"anew-app": {"NEW": "1"}}))
        assert identity(engine, "anew-app") != old
    assert old not in engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.ID}}").split()


def test_a_name_that_another_container_took_meanwhile_is_left_to_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    engine.run_docker("rename", "anew-db", "mine")
    engine.run_docker("run", "-d", "--name", "anew-db", app_image)
    stranger = identity(engine, "anew-db")
    operation = instance.run_operation(operations.submit_operation(rockon, blank_request(Kind.START), "me"))
    assert operation.progress == "failed"
    assert identity(engine, "anew-db") == stranger
    assert engine.run_docker("inspect", "-f", "{{.State.Running}}", "mine") == "true"
