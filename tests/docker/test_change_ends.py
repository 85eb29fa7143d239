"""How a change ends: once the replacements hold there is only forward, whatever happens to what is left to tidy."""

from typing import Any

import pytest

from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.operations.steps import ASIDE
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Operation, repository, writing
from rockonweb.work import operations, recovery
from tests.support.engine import Engine
from tests.support.instance import Instance, told


def linked(instance: Instance, image: str) -> Installation:
    """Two containers on a link network, installed; the catalogue has them without it."""
    containers = {name: {"image": image, "tag": ""} for name in ("ends-db", "ends-app")}
    link = {"name": "EndsLink", "source_container": "ends-db"}
    rockon = instance.add("Ends", containers, container_links={"ends-app": [link]})
    instance.install(rockon)
    return instance.add("Ends", containers)


def begin(instance: Instance, rockon: Installation) -> int:
    """Begin a change that rebuilds the app and takes the network away."""
    wanted = instance.wanted(rockon, variables={"ends-app": {"NEW": "1"}})
    return operations.begin(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")


def test_what_did_not_run_before_a_change_that_fails_does_not_run_after_it(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = instance.add("Half", {name: {"image": app_image, "tag": ""} for name in ("half-up", "half-down")})
    instance.install(rockon)
    engine.docker("stop", "-t", "0", "half-down")
    broken = {"half-up": {"image": app_image, "tag": ""}, "half-down": {"image": app_image, "tag": ""}}
    broken["half-up"]["opts"] = broken["half-down"]["opts"] = [["--runtime", "none-of-this-name"]]  # type: ignore[assignment]
    instance.add("Half", broken)
    wanted = repository.answers_of(rockon)
    failed = instance.run(operations.begin(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester"))
    assert failed.progress == "failed", told(failed)
    running = "{{.State.Running}}"
    assert engine.docker("inspect", "-f", running, "half-up", "half-down").split() == ["true", "false"]


def check_done(engine: Engine, rockon: Installation, operation: Operation) -> None:
    """The change is done: in Docker and on the rows."""
    assert operation.progress == "done", told(operation)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    assert repository.answers_of(rockon).variables == {"ends-app": {"NEW": "1"}}
    assert rockon.installed_source == rockon.entry.source
    assert "NEW=1" in engine.docker("inspect", "-f", "{{.Config.Env}}", "ends-app")


def names(engine: Engine) -> set[str]:
    return set(engine.docker("ps", "-a", "--format", "{{.Names}}").split())


def test_a_cancel_comes_too_late_once_the_old_containers_go(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)
    remove = OurEngine.remove

    def meanwhile(self: OurEngine, name: str) -> None:
        remove(self, name)
        operations.cancel(operation_id)

    monkeypatch.setattr(OurEngine, "remove", meanwhile)
    check_done(engine, rockon, instance.run(operation_id))
    assert "EndsLink" not in engine.docker("network", "ls", "--format", "{{.Name}}")


def test_a_network_that_cannot_be_removed_at_the_end_fails_nothing(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)

    def refuse(*_: Any) -> bool:
        raise EngineError("Docker does not like it.")

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "remove_network", refuse)
        operation = instance.run(operation_id)
    check_done(engine, rockon, operation)
    assert "Docker does not like it." in operation.steps[-1].output
    assert names(engine) == {"ends-db", "ends-app"}


def test_an_old_container_that_cannot_be_removed_goes_later(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)
    remove = OurEngine.remove

    def refuse(self: OurEngine, name: str) -> None:
        if name.endswith(ASIDE):
            raise EngineError("Docker is busy with it.")
        remove(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "remove", refuse)
        operation = instance.run(operation_id)
    check_done(engine, rockon, operation)
    assert names(engine) == {"ends-db", "ends-app", f"ends-app{ASIDE}"}
    recovery.recover()
    assert names(engine) == {"ends-db", "ends-app"}
    check_done(engine, rockon, operation)


def test_a_change_makes_the_share_that_was_asked_for(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = instance.add("Ends", {"ends-app": {"image": app_image, "tag": ""}}, volume_add_support=True)
    instance.install(rockon)
    wanted = instance.wanted(rockon, storage={"ends-app": {"/more": "films"}})
    fresh = frozenset({"films"})
    reviewed = instance.look_at(rockon, ChangeRequest(wanted, new_shares=fresh)).lines
    refused = instance.run(operations.begin(rockon, ChangeRequest(wanted), "tester"))
    assert refused.progress == "failed"
    assert "films" in refused.error
    instance.succeed(operations.begin(rockon, ChangeRequest(wanted, new_shares=fresh), "tester", reviewed))
    assert (instance.settings.shares_root / "films").is_dir()
    assert "/more" in engine.docker("inspect", "-f", "{{range .Mounts}}{{.Destination}} {{end}}", "ends-app")


def test_a_change_that_is_another_one_than_was_reviewed_is_not_done(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = instance.add("Ends", {name: {"image": app_image, "tag": ""} for name in ("ends-db", "ends-app")})
    instance.install(rockon)
    before = engine.docker("ps", "-aq", "--no-trunc")
    wanted = instance.wanted(rockon, variables={"ends-app": {"NEW": "1"}})
    reviewed = instance.look_at(rockon, ChangeRequest(wanted)).lines
    with writing():
        repository.store(rockon, instance.wanted(rockon, variables={"ends-db": {"ELSE": "1"}}))
    found = instance.run(operations.begin(rockon, ChangeRequest(wanted), "tester", reviewed))
    assert found.progress == "failed"
    assert "Something changed since you looked" in found.error
    assert "ends-db" in told(found)
    assert engine.docker("ps", "-aq", "--no-trunc") == before
