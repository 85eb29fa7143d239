"""How a change ends: once the replacements hold there is only forward, whatever happens to what is left to tidy."""

from typing import Any

import pytest

from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Operation, repository, transaction
from rockonweb.work import operations, recovery
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps


def linked(instance: Instance, image: str) -> Installation:
    """Two containers on a link network, installed; the catalogue has them without it."""
    containers = {name: {"image": image, "tag": ""} for name in ("ends-db", "ends-app")}
    link = {"name": "EndsLink", "source_container": "ends-db"}
    rockon = instance.add_rockon("Ends", containers, container_links={"ends-app": [link]})
    instance.install_rockon(rockon)
    return instance.add_rockon("Ends", containers)


def begin(instance: Instance, rockon: Installation) -> int:
    """Begin a change that rebuilds the app and takes the network away."""
    wanted = instance.changed_answers(rockon, variables={"ends-app": {"NEW": "1"}})
    return operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")


def test_what_did_not_run_before_a_change_that_fails_does_not_run_after_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Half", {name: {"image": app_image, "tag": ""} for name in ("half-up", "half-down")})
    instance.install_rockon(rockon)
    engine.run_docker("stop", "-t", "0", "half-down")
    broken = {"half-up": {"image": app_image, "tag": ""}, "half-down": {"image": app_image, "tag": ""}}
    broken["half-up"]["opts"] = broken["half-down"]["opts"] = [["--runtime", "none-of-this-name"]]  # type: ignore[assignment]
    instance.add_rockon("Half", broken)
    wanted = repository.load_answers(rockon)
    failed = instance.run_operation(
        operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")
    )
    assert failed.progress == "failed", describe_steps(failed)
    running = "{{.State.Running}}"
    assert engine.run_docker("inspect", "-f", running, "half-up", "half-down").split() == ["true", "false"]


def check_done(engine: DockerDaemon, rockon: Installation, operation: Operation) -> None:
    """The change is done: in Docker and on the rows."""
    assert operation.progress == "done", describe_steps(operation)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    assert repository.load_answers(rockon).variables == {"ends-app": {"NEW": "1"}}
    assert rockon.installed_source == rockon.entry.source
    assert "NEW=1" in engine.run_docker("inspect", "-f", "{{.Config.Env}}", "ends-app")


def names(engine: DockerDaemon) -> set[str]:
    return set(engine.run_docker("ps", "-a", "--format", "{{.Names}}").split())


def test_a_cancel_comes_too_late_once_the_old_containers_go(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)
    remove = OurEngine.remove_container

    def meanwhile(self: OurEngine, name: str) -> None:
        remove(self, name)
        operations.cancel_operation(operation_id)

    monkeypatch.setattr(OurEngine, "remove_container", meanwhile)
    check_done(engine, rockon, instance.run_operation(operation_id))
    assert "EndsLink" not in engine.run_docker("network", "ls", "--format", "{{.Name}}")


def test_a_network_that_cannot_be_removed_at_the_end_fails_nothing(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)

    def refuse(*_: Any) -> bool:
        raise EngineError("Docker does not like it.")

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "remove_network", refuse)
        operation = instance.run_operation(operation_id)
    check_done(engine, rockon, operation)
    assert operation.steps[-1].title == "not done: remove network EndsLink"
    assert "Docker does not like it." in operation.steps[-1].output
    assert names(engine) == {"ends-db", "ends-app"}


def test_an_old_container_that_cannot_be_removed_goes_later(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = linked(instance, app_image)
    operation_id = begin(instance, rockon)
    remove = OurEngine.remove_container

    def refuse(self: OurEngine, name: str) -> None:
        if name.endswith(RENAMED_SUFFIX):
            raise EngineError("Docker is busy with it.")
        remove(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "remove_container", refuse)
        operation = instance.run_operation(operation_id)
    check_done(engine, rockon, operation)
    assert names(engine) == {"ends-db", "ends-app", f"ends-app{RENAMED_SUFFIX}"}
    recovery.recover_operations()
    assert names(engine) == {"ends-db", "ends-app"}
    check_done(engine, rockon, operation)


def test_a_change_makes_the_share_that_was_asked_for(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Ends", {"ends-app": {"image": app_image, "tag": ""}}, volume_add_support=True)
    instance.install_rockon(rockon)
    wanted = instance.changed_answers(rockon, storage={"ends-app": {"/more": "films"}})
    fresh = frozenset({"films"})
    reviewed = instance.review_request(rockon, ChangeRequest(wanted, new_shares=fresh)).reviewed_lines
    refused = instance.run_operation(operations.submit_operation(rockon, ChangeRequest(wanted), "tester"))
    assert refused.progress == "failed"
    assert "films" in refused.error
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(wanted, new_shares=fresh), "tester", reviewed)
    )
    assert (instance.settings.shares_root / "films").is_dir()
    assert "/more" in engine.run_docker("inspect", "-f", "{{range .Mounts}}{{.Destination}} {{end}}", "ends-app")


def test_a_change_that_is_another_one_than_was_reviewed_is_not_done(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Ends", {name: {"image": app_image, "tag": ""} for name in ("ends-db", "ends-app")})
    instance.install_rockon(rockon)
    before = engine.run_docker("ps", "-aq", "--no-trunc")
    wanted = instance.changed_answers(rockon, variables={"ends-app": {"NEW": "1"}})
    reviewed = instance.review_request(rockon, ChangeRequest(wanted)).reviewed_lines
    with transaction():
        repository.store_answers(rockon, instance.changed_answers(rockon, variables={"ends-db": {"ELSE": "1"}}))
    found = instance.run_operation(operations.submit_operation(rockon, ChangeRequest(wanted), "tester", reviewed))
    assert found.progress == "failed"
    assert "Something has changed since your review" in found.error
    assert "ends-db" in describe_steps(found)
    assert engine.run_docker("ps", "-aq", "--no-trunc") == before
