"""What the original gets wrong, as far as it shows on a real engine only; tests/test_traps.py has the whole list."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import ChangeRequest, blank_request
from rockonweb.models import Kind, db, repository
from rockonweb.work import operations, sync_status
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.registry import RegistryServer

WEB = {"8080": {"label": "Web", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}}
IDENTITY = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"


def identity(engine: DockerDaemon, name: str) -> str:
    """Which container it is, since when it runs, and whether."""
    return engine.run_docker("inspect", "--type", "container", "-f", IDENTITY, name)


def test_5_a_variable_that_nobody_answered_is_not_in_the_container(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    asked = {"COLOUR": {"label": "Colour", "description": ""}}
    app = {"image": app_image, "tag": "", "ports": WEB}
    rockon = instance.add_rockon("Newer", {"newer": {**app, "environment": asked}})
    port = chosen_port(instance.install_rockon(rockon, environment={"newer": {"COLOUR": "mauve"}}), "newer")
    instance.add_rockon(
        "Newer", {"newer": {**app, "environment": {**asked, "SIZE": {"label": "Size", "description": ""}}}}
    )
    wanted = repository.load_answers(rockon)
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source, rebuild=True), "tester")
    )
    environment = engine.run_docker("inspect", "-f", "{{.Config.Env}}", "newer")
    assert "COLOUR=mauve" in environment
    assert "SIZE" not in environment
    assert "None" not in environment
    assert "COLOUR=mauve" in fetch_app_page(port)


def test_6_an_update_without_a_registry_leaves_the_app_running(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str], registry: RegistryServer
) -> None:
    image = standin("traps/app:1")
    rockon = instance.add_rockon("Update", {"update": {"image": image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install_rockon(rockon), "update")
    before = identity(engine, "update")
    newer = instance.add_rockon("Update", {"update": {"image": image.replace(":1", ":2"), "tag": "", "ports": WEB}})
    registry.stop()
    try:
        instance.run_operation(operations.submit_operation(rockon, blank_request(Kind.UPDATE), "tester"))
        assert identity(engine, "update") == before
        wanted = repository.load_answers(rockon)
        found = instance.run_operation(
            operations.submit_operation(rockon, ChangeRequest(wanted, source=newer.entry.source), "tester")
        )
    finally:
        registry.start()
    assert found.progress == "failed", describe_steps(found)
    assert identity(engine, "update") == before
    assert (rockon.state, rockon.status) == ("installed", "started")
    fetch_app_page(port)


@pytest.mark.parametrize("kind", ["install", "start", "stop", "restart", "update", "change", "uninstall"])
def test_8_a_stranger_of_that_name_survives_every_operation(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: str
) -> None:
    rockon = instance.add_rockon("Mine", {"mine": {"image": app_image, "tag": ""}})
    if kind != "install":
        instance.install_rockon(rockon)
        engine.run_docker("rm", "-f", "mine")
    reviewed = instance.prepare_install(rockon)
    engine.run_docker("run", "-d", "--name", "mine", app_image)
    before = identity(engine, "mine")
    if kind == "install":
        operation_id = instance.submit_review(reviewed)
    elif kind == "change":
        wanted = instance.changed_answers(rockon, variables={"mine": {"A": "b"}})
        operation_id = operations.submit_operation(rockon, ChangeRequest(wanted), "tester")
    else:
        operation_id = operations.submit_operation(rockon, blank_request(Kind(kind)), "tester")
    operation = instance.run_operation(operation_id)
    assert identity(engine, "mine") == before
    assert operation.progress == ("done" if kind == "uninstall" else "failed"), describe_steps(operation)


@pytest.mark.parametrize("down", ["first", "last"])
def test_10_the_first_container_counts_as_much_as_the_last(
    engine: DockerDaemon, instance: Instance, app_image: str, down: str
) -> None:
    rockon = instance.add_rockon("Both", {name: {"image": app_image, "tag": ""} for name in ("first", "last")})
    instance.install_rockon(rockon)
    engine.run_docker("stop", down)
    sync_status.sync_status(rockon.id)
    db.session.rollback()
    assert rockon.status_text == f"exitcode: 0 error: the container {down} is stopped"
