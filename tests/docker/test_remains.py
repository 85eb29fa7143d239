"""What Docker goes on with after the process that asked for it has ended, and what could not be taken back at once."""

import subprocess
import time

import pytest

from rockonweb.config import instance_id
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Operation, db
from rockonweb.work import operations, recovery, runner
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

COLOUR = {"COLOUR": {"label": "Colour", "description": "Of the page."}}


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def pair(instance: Instance, app_image: str) -> Installation:
    """Two containers, not installed."""
    return instance.add_rockon(
        "Pair",
        {"pair-a": {"image": app_image, "tag": "", "environment": COLOUR}, "pair-b": {"image": app_image, "tag": ""}},
    )


def up(engine: DockerDaemon) -> set[str]:
    """The names of the containers that run."""
    return set(engine.run_docker("ps", "--format", "{{.Names}}").split())


def test_a_stop_that_docker_is_still_at_is_waited_for_before_the_app_is_started(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = instance.add_rockon(
        "Slow", {"slow": {"image": app_image, "tag": "", "environment": COLOUR, "opts": [["--stop-signal", "USR1"]]}}
    )
    instance.install_rockon(slow)
    operation_id = instance.submit_change(slow, environment={"slow": {"COLOUR": "red"}})
    going_on = []

    def ask_and_die(_engine: OurEngine, name: str) -> None:
        going_on.append(subprocess.Popen(["docker", "stop", "-t", "3", name], env=engine.environ))
        time.sleep(0.5)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "stop_container", ask_and_die)
        with pytest.raises(Killed):
            runner.run(operation_id)
    db.session.rollback()
    assert up(engine) == {"slow"}
    assert recovery.recover_operations() == [operation_id]
    going_on[0].wait()
    assert up(engine) == {"slow"}
    assert (slow.state, slow.status) == ("installed", "started")


def test_a_container_that_comes_late_is_removed(
    engine: DockerDaemon, instance: Instance, pair: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.install_rockon(pair)
    before = set(engine.run_docker("ps", "-aq").split())
    trouble = instance.submit_change(pair, environment={"pair-a": {"COLOUR": "red"}})
    stop = OurEngine.stop_container

    def meanwhile(self: OurEngine, name: str) -> None:
        stop(self, name)
        operations.cancel_operation(trouble)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "stop_container", meanwhile)
        assert instance.run_operation(trouble).progress == "cancelled"
    uid = db.session.get_one(Operation, trouble).uid
    mark = {"rockon": "Pair", "instance": instance_id(instance.settings), "operation": uid}
    labels = [word for key, value in mark.items() for word in ("--label", f"rockonweb.{key}={value}")]
    image = engine.run_docker("inspect", "-f", "{{.Config.Image}}", "pair-a")
    engine.run_docker("create", "--name", "late", *labels, image)
    engine.run_docker("create", "--name", "strange", image)
    assert recovery.recover_operations() == [trouble]
    names = set(engine.run_docker("ps", "-a", "--format", "{{.Names}}").split())
    assert names == {"pair-a", "pair-b", "strange"}
    assert before < set(engine.run_docker("ps", "-aq").split())
    assert recovery.recover_operations() == []


def test_what_an_install_could_not_take_back_goes_once_docker_answers(
    engine: DockerDaemon, instance: Instance, pair: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = instance.submit_review(instance.prepare_install(pair))
    start = OurEngine.start_container

    def last(self: OurEngine, name: str) -> None:
        start(self, name)
        engine.stop()

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "start_container", last)
        assert instance.run_operation(operation_id).progress == "failed"
    assert pair.state == "install_failed"
    engine.start()
    assert engine.run_docker("ps", "-aq") != ""
    assert recovery.recover_operations() == [operation_id]
    assert engine.run_docker("ps", "-aq") == ""
    assert recovery.recover_operations() == []
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert up(engine) == {"pair-a", "pair-b"}


def test_what_a_change_had_stopped_is_started_once_docker_answers(
    engine: DockerDaemon, instance: Instance, pair: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.install_rockon(pair)
    operation_id = instance.submit_change(pair, environment={"pair-a": {"COLOUR": "red"}})
    stop = OurEngine.stop_container

    def last(self: OurEngine, name: str) -> None:
        stop(self, name)
        engine.stop()

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "stop_container", last)
        assert instance.run_operation(operation_id).progress == "failed"
    again = instance.run_operation(operations.retry_operation(operation_id, "tester"))  # Docker is still away
    assert (again.progress, again.error) == ("failed", "Docker does not answer.")
    engine.start()
    assert "pair-a" not in up(engine)
    assert recovery.recover_operations() == [operation_id]
    wait_for(lambda: up(engine) == {"pair-a", "pair-b"})
    assert db.session.get_one(Operation, operation_id).progress == "failed"
    assert recovery.recover_operations() == []
