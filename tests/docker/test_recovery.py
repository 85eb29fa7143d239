"""After a crash: nothing hangs, nothing runs twice, and what was half made is taken back."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rq import Queue, SimpleWorker

from rockonweb import jobs
from rockonweb.core.operations.requests import blank_request
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Kind, Operation, Progress, db, transaction
from rockonweb.work import operations, queue, recovery, roles, scheduler
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.queue_server import QueueServer

VOLUME = {"/data": {"label": "Data", "description": ""}}


def waiting_jobs() -> list[str]:
    return Queue(queue.NAME, connection=queue.redis_connection()).job_ids


@contextmanager
def working(instance: Instance, operation_id: int, hang_at: Callable[..., object]) -> Iterator[int]:
    """A worker's process in the middle of an operation, where it hangs; killed at the end at the latest."""
    pid = os.fork()
    if not pid:
        try:
            roles.forget_connections(instance.app)
            hang_at()
            instance.run_operation(operation_id)
        finally:
            os._exit(0)
    try:
        wait_for(lambda: _progress(operation_id) is Progress.RUNNING)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _progress(operation_id: int) -> Progress:
    db.session.rollback()
    return db.session.get_one(Operation, operation_id).progress


def hang_after(container: str) -> Callable[[], None]:
    """A function that makes this process hang for ever once `container` was started."""

    def patch() -> None:
        start = OurEngine.start_container

        def hang(self: OurEngine, name: str) -> None:
            start(self, name)
            if name == container:
                time.sleep(600)

        OurEngine.start_container = hang  # type: ignore[method-assign]

    return patch


def test_an_install_whose_process_was_killed_is_cleaned_up_and_can_be_repeated(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("lifecycle/linked:1", volumes=["/cache"])
    rockon = instance.add_rockon(
        "Killed",
        {
            "killed-db": {"image": image, "tag": "", "volumes": VOLUME},
            "killed-app": {"image": image, "tag": "", "opts": [["--link", "killed-db:db"]]},
            "killed-last": {"image": image, "tag": ""},
        },
    )
    engine.run_docker("run", "-d", "--name", "strange", image)
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with working(instance, operation_id, hang_after("killed-app")):
        wait_for(lambda: "killed-app" in engine.run_docker("ps", "--format", "{{.Names}}"))
        assert recovery.recover_operations() == []  # its process lives
        assert _progress(operation_id) is Progress.RUNNING
    assert recovery.recover_operations() == [operation_id]
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress == "interrupted", describe_steps(operation)
    assert "interrupted" in operation.error
    assert (rockon.state, rockon.error) == ("install_failed", operation.error)
    assert Progress.RUNNING not in {step.progress for step in operation.steps}
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}") == "strange"
    assert recovery.recover_operations() == []
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert (rockon.state, rockon.status) == ("installed", "started")


def test_a_stop_whose_process_was_killed_is_told_and_can_be_repeated(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Halted", {name: {"image": app_image, "tag": ""} for name in ("halt-a", "halt-b")})
    instance.install_rockon(rockon)
    operation_id = operations.submit_operation(rockon, blank_request(Kind.RESTART), "tester")
    with working(instance, operation_id, hang_after("halt-a")):
        wait_for(lambda: engine.run_docker("ps", "--format", "{{.Names}}") == "halt-a")
        wait_for(lambda: recovery.recover_operations() == [])
    recovery.recover_operations()
    assert _progress(operation_id) == "interrupted"
    assert rockon.state == "installed"
    assert set(engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()) == {"halt-a", "halt-b"}
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert rockon.status == "started"


def test_one_whose_lock_another_process_holds_is_left_alone(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Held", {"held": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with transaction() as session:
        session.get_one(Operation, operation_id).progress = Progress.RUNNING
    instance.settings.locks_folder.mkdir()
    lock = instance.settings.locks_folder / f"operation-{operation_id}.lock"
    with subprocess.Popen(
        ["flock", "--no-fork", lock, "sh", "-c", "echo held; exec sleep 60"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert recovery.recover_operations() == []
        assert _progress(operation_id) is Progress.RUNNING
        holder.terminate()
    assert recovery.recover_operations() == [operation_id]
    assert _progress(operation_id) is Progress.INTERRUPTED


def test_an_interrupted_install_without_an_engine_is_ended_and_the_retry_cleans_up(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Dark", {"dark-a": {"image": app_image, "tag": ""}, "dark-b": {"image": app_image, "tag": ""}}
    )
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with working(instance, operation_id, hang_after("dark-a")):
        wait_for(lambda: engine.run_docker("ps", "-q"))
    old = engine.run_docker("ps", "-q")
    engine.stop()
    assert recovery.recover_operations() == [operation_id]
    assert rockon.state == "install_failed"
    engine.start()
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert rockon.status == "started"
    assert old not in engine.run_docker("ps", "-aq").split()


def test_a_waiting_operation_without_a_job_gets_one(
    instance: Instance, app_image: str, queue_server: QueueServer
) -> None:
    rockon = instance.add_rockon("Lost", {"lost": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    assert waiting_jobs() == [scheduler.job_id(operation_id)]
    assert recovery.recover_operations() == []
    queue_server.flush_queue()
    assert recovery.recover_operations() == [operation_id]
    assert waiting_jobs() == [scheduler.job_id(operation_id)]
    assert recovery.recover_operations() == []
    SimpleWorker([queue.NAME], connection=queue.redis_connection()).work(burst=True, logging_level="ERROR")
    assert _progress(operation_id) is Progress.DONE
    assert rockon.state == "installed"


def test_an_operation_that_does_not_wait_is_not_run_again(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Again", {"again": {"image": app_image, "tag": ""}})
    reviewed = instance.prepare_install(rockon)
    done = instance.submit_review(reviewed)
    instance.run_successfully(done)
    before = engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "again")
    rows = instance.rows_of("operation", "operation_step")
    jobs.run(done)
    assert instance.rows_of("operation", "operation_step") == rows
    assert engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "again") == before
    jobs.run(4711)  # one that was never there


@pytest.mark.parametrize("progress", [Progress.RUNNING, Progress.FAILED, Progress.CANCELLED, Progress.INTERRUPTED])
def test_whatever_else_an_operation_is_its_job_does_nothing(
    engine: DockerDaemon, instance: Instance, app_image: str, progress: Progress
) -> None:
    rockon = instance.add_rockon("Still", {"still": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with transaction() as session:
        session.get_one(Operation, operation_id).progress = progress
    jobs.run(operation_id)
    assert _progress(operation_id) is progress
    assert engine.run_docker("ps", "-aq") == ""


def test_an_interrupted_install_s_networks_and_empty_new_shares_go_too(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    volumes = {path: {"label": path, "description": ""} for path in ("/empty", "/full", "/lent")}
    rockon = instance.add_rockon(
        "Halfway",
        {
            "half-a": {"image": app_image, "tag": "", "volumes": volumes},
            "half-b": {"image": app_image, "tag": ""},
        },
        container_links={"half-b": [{"name": "HalfLink", "source_container": "half-a"}]},
    )
    engine.run_docker("network", "create", "strange")
    other = instance.add_rockon("Other", {"other": {"image": app_image, "tag": "", "volumes": VOLUME}})
    places = {"half-a": {"/empty": "half-empty", "/full": "half-full", "/lent": "half-lent"}}
    reviewed = instance.prepare_install(rockon, new_shares=["half-empty", "half-full", "half-lent"], shares=places)
    operation_id = instance.submit_review(reviewed)
    root = instance.settings.shares_root
    with working(instance, operation_id, hang_after("half-a")):
        wait_for(lambda: "half-a" in engine.run_docker("ps", "--format", "{{.Names}}"))
        (root / "half-full" / "mine").write_text("mine")
        instance.install_rockon(other, shares={"other": {"/data": "half-lent"}})
        engine.run_docker("stop", "-t", "0", "other")
    assert recovery.recover_operations() == [operation_id]
    assert sorted(path.name for path in root.iterdir()) == ["half-full", "half-lent"]
    networks = engine.run_docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}")
    assert networks == "strange"
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert (root / "half-full" / "mine").read_text() == "mine"


def test_a_network_that_was_there_before_an_interrupted_install_stays(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    engine.run_docker("network", "create", "OldLink")
    rockon = instance.add_rockon(
        "Early",
        {"early-a": {"image": app_image, "tag": ""}, "early-b": {"image": app_image, "tag": ""}},
        container_links={"early-b": [{"name": "OldLink", "source_container": "early-a"}]},
    )
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with working(instance, operation_id, hang_after("early-a")):
        wait_for(lambda: "early-a" in engine.run_docker("ps", "--format", "{{.Names}}"))
    assert recovery.recover_operations() == [operation_id]
    assert "OldLink" in engine.run_docker("network", "ls", "--format", "{{.Name}}")
