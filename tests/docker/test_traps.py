"""What the original gets wrong, as far as it shows on a real engine only; tests/test_traps.py has the whole list."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import ChangeRequest, plain_request
from rockonweb.models import Kind, db, repository
from rockonweb.work import operations, sync_status
from tests.support.apps import page
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port, told
from tests.support.registry import Registry

WEB = {"8080": {"label": "Web", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}}
IDENTITY = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"


def identity(engine: Engine, name: str) -> str:
    """Which container it is, since when it runs, and whether."""
    return engine.docker("inspect", "--type", "container", "-f", IDENTITY, name)


def test_5_a_variable_that_nobody_answered_is_not_in_the_container(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    asked = {"COLOUR": {"label": "Colour", "description": ""}}
    app = {"image": app_image, "tag": "", "ports": WEB}
    rockon = instance.add("Newer", {"newer": {**app, "environment": asked}})
    port = chosen_port(instance.install(rockon, environment={"newer": {"COLOUR": "mauve"}}), "newer")
    instance.add("Newer", {"newer": {**app, "environment": {**asked, "SIZE": {"label": "Size", "description": ""}}}})
    wanted = repository.answers_of(rockon)
    instance.succeed(
        operations.begin(rockon, ChangeRequest(wanted, source=rockon.entry.source, rebuild=True), "tester")
    )
    environment = engine.docker("inspect", "-f", "{{.Config.Env}}", "newer")
    assert "COLOUR=mauve" in environment
    assert "SIZE" not in environment
    assert "None" not in environment
    assert "COLOUR=mauve" in page(port)


def test_6_an_update_without_a_registry_leaves_the_app_running(
    engine: Engine, instance: Instance, standin: Callable[..., str], registry: Registry
) -> None:
    image = standin("traps/app:1")
    rockon = instance.add("Update", {"update": {"image": image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install(rockon), "update")
    before = identity(engine, "update")
    newer = instance.add("Update", {"update": {"image": image.replace(":1", ":2"), "tag": "", "ports": WEB}})
    registry.stop()
    try:
        instance.run(operations.begin(rockon, plain_request(Kind.UPDATE), "tester"))
        assert identity(engine, "update") == before
        wanted = repository.answers_of(rockon)
        found = instance.run(operations.begin(rockon, ChangeRequest(wanted, source=newer.entry.source), "tester"))
    finally:
        registry.start()
    assert found.progress == "failed", told(found)
    assert identity(engine, "update") == before
    assert (rockon.state, rockon.status) == ("installed", "started")
    page(port)


@pytest.mark.parametrize("kind", ["install", "start", "stop", "restart", "update", "change", "uninstall"])
def test_8_a_stranger_of_that_name_survives_every_operation(
    engine: Engine, instance: Instance, app_image: str, kind: str
) -> None:
    rockon = instance.add("Mine", {"mine": {"image": app_image, "tag": ""}})
    if kind != "install":
        instance.install(rockon)
        engine.docker("rm", "-f", "mine")
    reviewed = instance.review(rockon)
    engine.docker("run", "-d", "--name", "mine", app_image)
    before = identity(engine, "mine")
    if kind == "install":
        operation_id = instance.submit(reviewed)
    elif kind == "change":
        wanted = instance.wanted(rockon, variables={"mine": {"A": "b"}})
        operation_id = operations.begin(rockon, ChangeRequest(wanted), "tester")
    else:
        operation_id = operations.begin(rockon, plain_request(Kind(kind)), "tester")
    operation = instance.run(operation_id)
    assert identity(engine, "mine") == before
    assert operation.progress == ("done" if kind == "uninstall" else "failed"), told(operation)


@pytest.mark.parametrize("down", ["first", "last"])
def test_10_the_first_container_counts_as_much_as_the_last(
    engine: Engine, instance: Instance, app_image: str, down: str
) -> None:
    rockon = instance.add("Both", {name: {"image": app_image, "tag": ""} for name in ("first", "last")})
    instance.install(rockon)
    engine.docker("stop", down)
    sync_status.look(rockon.id)
    db.session.rollback()
    assert rockon.status_text == f"exitcode: 0 error: the container {down} is stopped"
