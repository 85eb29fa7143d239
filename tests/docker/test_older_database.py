"""An older copy of the database was put back: what it does not know is left alone, and told."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import blank_request
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, Kind, Operation, RollbackPoint, db, transaction, utc_now
from rockonweb.models.repository import load_answers
from rockonweb.work import history, network_operations, operations, recovery, rollback
from rockonweb.work.doctor import examine_instance
from rockonweb.work.planners import PLANNERS
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


def forget_after(number: int) -> None:
    """Make the database one that knows no operation after this one."""
    with transaction() as session:
        for operation in session.query(Operation).filter(Operation.id > number):
            session.delete(operation)
        for point in session.query(RollbackPoint).filter(RollbackPoint.operation_id.is_(None)):
            session.delete(point)


def identity(engine: DockerDaemon, name: str) -> str:
    return engine.run_docker("inspect", "--type", "container", "-f", "{{.Id}} {{.State.Running}}", name)


@pytest.fixture
def rebuilt(instance: Instance, standin: Callable[..., str]) -> Installation:
    """An app that was changed after the copy of the database was made which is now put back."""
    image = standin("older/app:1")
    rockon = instance.add_rockon("Old", {"old": {"image": image, "tag": ""}})
    instance.install_rockon(rockon)
    last = db.session.query(Operation).order_by(Operation.id.desc()).first()
    assert last is not None
    instance.run_successfully(instance.submit_change(rockon, variables={"old": {"NEW": "1"}}))
    forget_after(last.id)
    return rockon


def test_a_failed_update_leaves_the_container_that_a_forgotten_operation_made(
    engine: DockerDaemon, instance: Instance, rebuilt: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = identity(engine, "old")
    number = operations.submit_operation(rebuilt, blank_request(Kind.UPDATE), "me")
    label = engine.run_docker("inspect", "-f", '{{index .Config.Labels "rockonweb.operation"}}', "old")
    assert label != db.session.get_one(Operation, number).uid

    def fail(*_: object) -> None:
        raise EngineError("the registry is down")

    monkeypatch.setitem(PLANNERS, Kind.UPDATE, (fail,))
    assert instance.run_operation(number).progress == "failed"
    recovery.recover_operations()
    assert identity(engine, "old") == working


def test_what_a_forgotten_operation_has_set_aside_is_left_and_told(
    engine: DockerDaemon, instance: Instance, rebuilt: Installation
) -> None:
    engine.run_docker("stop", "-t", "0", "old")
    engine.run_docker("rename", "old", f"old{RENAMED_SUFFIX}")
    aside = identity(engine, f"old{RENAMED_SUFFIX}")
    recovery.recover_operations()
    assert identity(engine, f"old{RENAMED_SUFFIX}") == aside


def test_the_doctor_tells_what_this_database_does_not_know(
    engine: DockerDaemon, instance: Instance, rebuilt: Installation
) -> None:
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert (told.level, told.facts["unknown"]) == ("warn", ["old"])
    assert "API tokens" in told.hint
    instance.run_successfully(instance.submit_change(rebuilt, variables={"old": {"NEW": "2"}}))
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert told.level == "ok"


def test_images_and_snapshots_of_forgotten_rollback_points_stay(
    engine: DockerDaemon, instance: Instance, rebuilt: Installation
) -> None:
    with get_host().connect_docker() as docker:
        repository = f"rockonweb/rollback-{docker.instance}"
        forgotten = set(docker.repository_tags(repository))
        assert forgotten
        rollback.prune_points(rebuilt.id, docker)
        instance.run_successfully(instance.submit_change(rebuilt, variables={"old": {"NEW": "3"}}))
        assert forgotten < set(docker.repository_tags(repository))


def test_a_trimmed_history_still_knows_who_made_what_there_is(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.run_successfully(network_operations.submit_creation(NetworkSpec("media"), "tester"))
    rockon = instance.add_rockon("Kept", {"kept": {"image": standin("older/app:1"), "tag": ""}})
    instance.install_rockon(rockon, networks={"kept": ["media"]})
    for kind in (Kind.STOP, Kind.START) * 3:
        instance.perform(kind, rockon)
    monkeypatch.setattr(history, "MIN_KEPT", 1)
    with transaction() as session:
        for operation in session.query(Operation):
            operation.finished = utc_now() - timedelta(days=400)
    with get_host().connect_docker() as docker:
        assert history.trim_operations(docker) == 4
        labels = {container.operation for container in docker.list_containers().values()}
        labels |= {network.operation for network in docker.list_networks().values() if network.ours}
    assert len(labels) == 2
    assert labels < {operation.uid for operation in db.session.query(Operation)}
    [told] = [one for one in examine_instance(instance.settings, "0") if one.about == "containers"]
    assert told.level == "ok"
    instance.run_successfully(instance.submit_change(rockon, labels={"kept": ["a=b"]}))


def test_a_copy_from_the_middle_of_an_update_does_not_undo_what_succeeded_since(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon(
        "Old", {"old": {"image": standin("older/app:1"), "tag": "", "opts": [["-v", "/keep"]]}}
    )
    instance.install_rockon(rockon)
    rockon_id = rockon.id
    engine.run_docker("exec", "old", "sh", "-c", "echo precious >/keep/file")
    path, copy = str(instance.settings.instance / "rockonweb.db"), str(instance.settings.instance / "copy.db")
    start = Engine.start_container

    def copy_before(self: Engine, name: str) -> bool:
        copy_database(path, copy)
        return start(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "start_container", copy_before)
        number = instance.submit_change(rockon, variables={"old": {"NEW": "1"}})
        instance.run_successfully(number)
    db.session.remove()
    working = identity(engine, "old")
    copy_database(copy, path)
    assert db.session.get_one(Operation, number).progress == "running"
    recovery.recover_operations()
    assert identity(engine, "old") == working
    assert engine.run_docker("exec", "old", "cat", "/keep/file") == "precious"
    assert db.session.get_one(Operation, number).progress == "done"
    assert load_answers(db.session.get_one(Installation, rockon_id)).variables == {"old": {"NEW": "1"}}


def copy_database(source: str, target: str) -> None:
    with closing(sqlite3.connect(source)) as former, closing(sqlite3.connect(target)) as copied:
        former.backup(copied)
