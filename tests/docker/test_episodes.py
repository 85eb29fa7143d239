"""Apps that die are seen, told once, and restarted where that is wanted."""

import json
import socket
import subprocess
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rockonweb.models import (
    Episode,
    Installation,
    NoticeMessage,
    NoticeTarget,
    Operation,
    Problem,
    Progress,
    Status,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import episodes, sync_status
from rockonweb.work.operations import KEEPER
from tests.support.apps import wait_for
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

SEEN_SECONDS = 5  # after Docker's event


@pytest.fixture
def instance(instance: Instance) -> Instance:
    """Everything is told at once, to a target that nobody answers for."""
    instance.environ["ROCKONWEB_DOWN_SECONDS"] = "1"
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address=json.dumps({"url": "http://127.0.0.1:9/"}), events="down"))
    return instance


def add(instance: Instance, name: str, image: str, *options: str, **columns: object) -> Installation:
    """An app that Docker does not restart, with these options of `docker run`; it is installed and runs."""
    pairs = [[option, ""] for option in ("--restart=no", *options)]
    rockon = instance.add_rockon(name, {name.lower(): {"image": image, "tag": "", "opts": pairs}})
    instance.install_rockon(rockon)
    with transaction():
        for key, value in columns.items():
            setattr(rockon, key, value)
    return rockon


def problem_of(rockon: Installation) -> tuple[str, str]:
    db.session.rollback()
    return str(rockon.problem), str(rockon.status_error)


def titles() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(NoticeMessage.title).order_by(NoticeMessage.id)))


def run_what_waits(instance: Instance) -> int:
    """Do the automatic restarts that wait; returns how many there have been."""
    db.session.rollback()
    for operation_id in db.session.scalars(select(Operation.id).where(Operation.progress == Progress.QUEUED)).all():
        instance.run_operation(operation_id)
    return len(db.session.scalars(select(Operation.id).where(Operation.user == KEEPER)).all())


def test_an_app_that_exits_is_seen_told_once_with_its_log_and_well_again(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    rockon = add(instance, "Exits", app_image)
    long_line = "head -c 50000000 /dev/zero | tr '\\0' x >/proc/1/fd/1; echo >/proc/1/fd/1"
    engine.run_docker("exec", "exits", "sh", "-c", long_line)
    engine.run_docker("exec", "-d", "exits", "kill", "-HUP", "1")
    wait_for(lambda: problem_of(rockon) == ("ended", "the container exits has ended"), SEEN_SECONDS)
    wait_for(lambda: titles() == ["Exits is down"], 30)
    body = db.session.scalar(select(NoticeMessage.body)) or ""
    assert ("crashing" in body, len(body) < 5000) == (True, True)
    assert run_what_waits(instance) == 0
    engine.run_docker("start", "exits")
    wait_for(lambda: titles() == ["Exits is down", "Exits is well again"], 30)
    engine.run_docker("stop", "exits")  # on purpose, whatever status it ends with
    wait_for(lambda: db.session.rollback() or rockon.status is Status.STOPPED, SEEN_SECONDS)
    assert len(titles()) == 2
    assert watcher.poll() is None


def test_one_that_is_killed_for_memory_says_so_and_is_started_again_where_that_is_wanted(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    rockon = add(instance, "Hungry", app_image, "--memory=24m", "--memory-swap=24m", mend=True)
    engine.run_docker("exec", "-d", "hungry", "kill", "-USR1", "1")
    sentence = "the container hungry was killed because its memory was used up"
    wait_for(lambda: problem_of(rockon) == ("out_of_memory", sentence), SEEN_SECONDS)
    wait_for(lambda: run_what_waits(instance) == 1, 30)
    wait_for(lambda: problem_of(rockon) == ("none", ""), 30)
    assert watcher.poll() is None


def test_one_that_turns_unhealthy_is_restarted_within_bounds_then_given_up(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    check = ("--health-cmd=test ! -e /srv/sick", "--health-interval=1s", "--health-retries=1")
    rockon = add(instance, "Sick", app_image, *check, mend=True)
    engine.run_docker("exec", "sick", "touch", "/srv/sick")  # and it stays so after a restart
    sentence = "the container sick is unhealthy according to its own health check"
    wait_for(lambda: problem_of(rockon) == ("unhealthy", sentence), SEEN_SECONDS + 3)
    assert rockon.status is Status.STARTED
    wait_for(lambda: run_what_waits(instance) == 3, 60)
    wait_for(lambda: titles() == ["Sick is down", "Sick stays down"], 30)
    [episode] = db.session.scalars(select(Episode)).all()
    assert (episode.problem, episode.ended, episode.gave_up) == (Problem.UNHEALTHY, None, True)
    assert watcher.poll() is None


def test_one_whose_page_stops_is_seen_told_and_restarted(
    engine: DockerDaemon, instance: Instance, app_image: str, watcher: subprocess.Popen[bytes]
) -> None:
    ports = {"8080": {"label": "Page", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}}
    rockon = instance.add_rockon("Paged", {"paged": {"image": app_image, "tag": "", "ports": ports}})
    instance.install_rockon(rockon)
    with transaction():
        rockon.mend = True
    wait_for(lambda: db.session.rollback() or rockon.page_answers, 30)
    engine.run_docker("exec", "paged", "killall", "httpd")
    sentence = "its page does not answer any more, although its containers are running"
    wait_for(lambda: problem_of(rockon) == ("not_answering", sentence), SEEN_SECONDS)
    wait_for(lambda: titles() == ["Paged is down"], 30)
    wait_for(lambda: run_what_waits(instance) == 1, 30)
    wait_for(lambda: problem_of(rockon) == ("none", ""), 30)
    wait_for(lambda: titles() == ["Paged is down", "Paged is well again"], 30)
    assert watcher.poll() is None


def test_restarts_that_fail_are_given_up_and_the_app_is_told_as_down(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    rockon = add(instance, "Exits", app_image, f"--publish=127.0.0.1:{port}:8080", mend=True)
    engine.run_docker("exec", "-d", "exits", "kill", "-HUP", "1")
    wait_for(lambda: engine.run_docker("inspect", "-f", "{{.State.Status}}", "exits") == "exited")
    now = utc_now()
    monkeypatch.setattr(episodes, "utc_now", lambda: now)
    with socket.create_server(("127.0.0.1", port)):
        for number, pause in enumerate((0, 30, 300, 900, 60)):
            now += timedelta(seconds=pause)
            sync_status.sync_status(rockon.id)
            episodes.review_apps()
            assert run_what_waits(instance) == min(number, 3)
            with transaction() as session:  # as if it had been done at that time
                session.execute(update(Operation).where(Operation.progress == Progress.FAILED).values(created=now))
    assert problem_of(rockon)[0] == "ended"
    assert "address already in use" in problem_of(rockon)[1]
    assert titles() == ["Exits is down", "Exits stays down"]
