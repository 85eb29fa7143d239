"""The rows say what is true in Docker, also when somebody else changed it."""

import subprocess
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from rockonweb import config
from rockonweb.core.operations.requests import blank_request
from rockonweb.host.engine import connect_engine
from rockonweb.models import Container, Installation, Kind, Operation, Progress, db, transaction, utc_now
from rockonweb.work import heartbeat, operations, sync_status
from rockonweb.work import watcher as watcher_module
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


def seen(rockon: Installation) -> str:
    """The status after a look at Docker."""
    sync_status.sync_status(rockon.id)
    return fresh(rockon)


def fresh(rockon: Installation) -> str:
    """The status on the rows, read anew."""
    db.session.rollback()
    return rockon.status_text


def test_a_look_sees_what_was_done_by_hand(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Hands", {name: {"image": app_image, "tag": ""} for name in ("hand-a", "hand-b")})
    instance.install_rockon(rockon)
    engine.run_docker("stop", "hand-a", "hand-b")
    assert seen(rockon) == "stopped"
    engine.run_docker("start", "hand-a")
    assert seen(rockon) == "exitcode: 0 error: the container hand-b is stopped"
    engine.run_docker("start", "hand-b")
    assert seen(rockon) == "started"
    engine.run_docker("pause", "hand-a")
    assert seen(rockon) == "exitcode: 0 error: the container hand-a is paused"
    engine.run_docker("unpause", "hand-a")
    engine.run_docker("kill", "hand-b")
    assert seen(rockon).startswith("exitcode: 137 error: the container hand-b ")
    engine.run_docker("rm", "-f", "hand-b")
    assert seen(rockon) == "exitcode: -1 error: the container hand-b does not exist"
    assert {row.name: row.docker_state for row in rockon.containers} == {"hand-a": "running", "hand-b": ""}
    instance.perform(Kind.UNINSTALL, rockon)
    assert engine.run_docker("ps", "-aq") == ""


def test_an_app_that_ends_again_and_again_shows_its_exit_code(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Crash", {"crash": {"image": app_image, "tag": "", "environment": {"STANDIN_EXIT": {"label": "Exit"}}}}
    )
    instance.install_rockon(rockon, environment={"crash": {"STANDIN_EXIT": "7"}})
    wait_for(lambda: seen(rockon).startswith("exitcode: 7 error: "))
    assert "crash" in rockon.status_error
    assert rockon.state == "installed"
    instance.perform(Kind.STOP, rockon)
    assert seen(rockon) == "stopped"


def test_an_app_without_restarts_that_failed_shows_its_exit_code(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    spec = {"image": app_image, "tag": "", "opts": [["-e", "STANDIN_EXIT=3"], ["--restart", "no"]]}
    rockon = instance.add_rockon("Once", {"once": spec})
    instance.run_operation(
        instance.submit_review(instance.prepare_install(rockon))
    )  # it stays, though it does not hold
    wait_for(lambda: seen(rockon) == "exitcode: 3 error: the container once has ended")


def test_containers_that_are_meant_to_end_are_left_out(
    engine: DockerDaemon, instance: Instance, app_image: str, ending_image: str
) -> None:
    rockon = instance.add_rockon(
        "Ends",
        {
            "ends-data": {"image": ending_image, "tag": "", "opts": [["--restart", "no"]]},
            "ends-app": {"image": app_image, "tag": ""},
        },
    )
    instance.install_rockon(rockon)
    wait_for(lambda: engine.run_docker("inspect", "-f", "{{.State.Status}}", "ends-data") == "exited")
    assert seen(rockon) == "started"
    engine.run_docker("stop", "ends-app")
    assert seen(rockon) == "stopped"


def test_a_look_leaves_what_an_operation_works_on_to_the_operation(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Busy", {"busy": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    operations.submit_operation(rockon, blank_request(Kind.STOP), "tester")
    assert seen(rockon) == "pending_stop"


def test_a_strangers_container_of_the_same_name_is_not_taken_for_ours(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Swap", {"swap": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "swap")
    engine.run_docker("run", "-d", "--name", "swap", app_image)
    assert seen(rockon) == "exitcode: -1 error: the container swap does not exist"


def test_the_watcher_follows_dockers_events(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    rockon = instance.add_rockon("Events", {"events": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    engine.run_docker("stop", "events")
    wait_for(lambda: fresh(rockon) == "stopped", 30)
    engine.run_docker("start", "events")
    wait_for(lambda: fresh(rockon) == "started", 30)
    engine.run_docker("rm", "-f", "events")
    wait_for(lambda: fresh(rockon) == "exitcode: -1 error: the container events does not exist", 30)
    assert watcher.poll() is None


def test_the_watcher_outlives_the_engine_and_looks_at_once_when_it_is_back(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    rockon = instance.add_rockon("Back", {"back": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    assert heartbeat.engine_status().reachable
    assert heartbeat.engine_status().version == engine.run_docker("version", "-f", "{{.Server.Version}}")
    engine.stop()
    wait_for(lambda: heartbeat.engine_status().reachable is False)
    assert "systemctl start docker" in heartbeat.engine_status().message
    engine.start()
    engine.run_docker("stop", "back")
    wait_for(lambda: heartbeat.engine_status().reachable)
    wait_for(lambda: fresh(rockon) == "stopped", 30)
    engine.run_docker("start", "back")
    wait_for(lambda: fresh(rockon) == "started", 30)  # by the events of the engine that came back
    assert watcher.poll() is None


def test_what_docker_left_down_when_it_was_killed_is_started_again(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    names = ("alpha", "beta", "resting", "by-hand", "removed")
    rockons = {name: instance.add_rockon(name.title(), {name: {"image": app_image, "tag": ""}}) for name in names}
    for rockon in rockons.values():
        instance.install_rockon(rockon)
    pair = {name: {"image": app_image, "tag": ""} for name in ("whole", "half")}
    instance.install_rockon(instance.add_rockon("Pair", pair))
    instance.perform(Kind.STOP, rockons["resting"])
    engine.run_docker("stop", "by-hand", "half")
    wait_for(lambda: fresh(rockons["by-hand"]) == "stopped", 30)
    time.sleep(1)
    engine.kill()
    wait_for(lambda: heartbeat.engine_status().reachable is False, 30)
    engine.start()
    wait_for(lambda: heartbeat.engine_status().reachable, 30)
    assert engine.run_docker("ps", "-q") == ""  # it leaves them down
    engine.run_docker("rm", "removed")

    def run_what_waits() -> bool:
        db.session.rollback()
        for operation_id in db.session.scalars(select(Operation.id).where(Operation.progress == Progress.QUEUED)).all():
            instance.run_operation(operation_id)
        return {*engine.run_docker("ps", "--format", "{{.Names}}").split()} == {"alpha", "beta", "whole", "half"}

    wait_for(run_what_waits, 90)
    assert watcher.poll() is None
    assert {fresh(rockons[name]) for name in ("alpha", "beta")} == {"started"}
    assert (fresh(rockons["resting"]), fresh(rockons["by-hand"])) == ("stopped", "stopped")
    assert "removed does not exist" in fresh(rockons["removed"])


def test_the_watcher_removes_what_ended_long_ago(
    engine: DockerDaemon, instance: Instance, watcher: subprocess.Popen[bytes]
) -> None:
    ended = utc_now() - timedelta(days=366)
    with transaction() as session:
        session.add_all(Operation(kind=Kind.REFRESH, progress=Progress.DONE, finished=ended) for _ in range(60))
    wait_for(lambda: (db.session.rollback(), db.session.query(Operation).count())[1] == 50, 30)
    assert watcher.poll() is None


def test_without_an_engine_what_was_seen_last_stays(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("Rows", {"rows": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    engine.run_docker("stop", "rows")
    seen(rockon)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert seen(rockon) == "stopped"
    assert db.session.query(Container).filter_by(name="rows").one().docker_state == "exited"


def test_an_event_before_the_stream_was_open_is_not_lost(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Early", {"early": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    docker = connect_engine(config.instance_id(instance.settings))
    since = docker.system_time()
    assert abs(since - time.time()) < 5
    engine.run_docker("kill", "early")  # nobody listens yet
    assert next(docker.stream_events(since)).rockon == "Early"
    docker.close()


def test_what_happened_while_an_operation_worked_is_looked_at_after_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Later", {"later": {"image": app_image, "tag": ""}})
    instance.install_rockon(rockon)
    docker = connect_engine(config.instance_id(instance.settings))
    operation_id = operations.submit_operation(rockon, blank_request(Kind.STOP), "tester")
    assert watcher_module._sync_rockons(docker, {"Later"}, {}) == {"Later"}
    instance.run_successfully(operation_id)
    assert watcher_module._sync_rockons(docker, {"Later"}, {}) == set()
    docker.close()
