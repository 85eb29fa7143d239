"""Apps that went down with Docker are started again, and those that somebody stopped are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb.core.instance.diagnosis.apps import FallenApp
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.status.status import MISSING_CODE
from rockonweb.models import (
    Installation,
    Kind,
    NoticeMessage,
    NoticeTarget,
    Operation,
    Problem,
    Progress,
    Status,
    db,
    transaction,
)
from rockonweb.work import keep_running
from rockonweb.work.keep_running import KEEPER, RunningKeeper, find_fallen_apps, should_run_ids
from tests.support.app import FormClient, add_rockon, mark_installed


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_running, "GRACE_SECONDS", 0)
    monkeypatch.setattr(keep_running, "RETRY_SECONDS", 0)


def done(
    installation: Installation, kind: Kind, progress: Progress = Progress.DONE, user: str = "ada", **parts: object
) -> None:
    with transaction() as session:
        session.add(Operation(kind=kind, installation_id=installation.id, user=user, progress=progress, **parts))


def add_app(name: str, *kinds: Kind, status: Status = Status.STARTED) -> Installation:
    app = mark_installed(add_rockon(name), status=status)
    for kind in kinds:
        done(app, kind)
    return app


def set_status(*apps: Installation, status: Status) -> None:
    with transaction():
        for app in apps:
            app.status = status


def starts() -> list[int | None]:
    """The apps that were started automatically, in that order; the operations end."""
    with transaction() as session:
        found = list(session.scalars(select(Operation).where(Operation.user == KEEPER).order_by(Operation.id)))
        for operation in found:
            operation.progress = Progress.FAILED
    return [operation.installation_id for operation in found]


# -- what should run ----------------------------------------------------------------------------------------------


def test_what_a_person_last_asked_for_counts(app: Flask) -> None:
    runs = {
        add_app("Installed", Kind.INSTALL).id,
        add_app("Started", Kind.INSTALL, Kind.STOP, Kind.START).id,
        add_app("Restarted", Kind.INSTALL, Kind.RESTART, Kind.CHANGE, Kind.UPDATE).id,
    }
    add_app("Stopped", Kind.INSTALL, Kind.STOP, Kind.CHANGE, Kind.UPDATE)
    add_app("Found")  # nobody asked for anything
    uncertain = add_app("Uncertain", Kind.INSTALL, Kind.STOP)
    done(uncertain, Kind.START, Progress.CANCELLED)
    done(uncertain, Kind.START, user=KEEPER)
    resting = add_app("Restored stopped")
    done(resting, Kind.INSTALL, parameters=InstallRequest(stopped=True).to_json())
    failing = add_app("Failing", Kind.STOP)
    done(failing, Kind.START, Progress.FAILED)
    assert should_run_ids() == {*runs, failing.id}


def test_what_does_not_run_and_should_is_named_with_its_reason(app: Flask) -> None:
    add_app("Runs", Kind.INSTALL)
    add_app("Rests", Kind.INSTALL, Kind.STOP, status=Status.STOPPED)
    add_app("Down", Kind.INSTALL, status=Status.STOPPED)
    waits = add_app("Waits", Kind.INSTALL, status=Status.STOPPED)
    crashed, failed = add_app("Crashed", Kind.INSTALL), add_app("Failed", Kind.INSTALL, status=Status.START_FAILED)
    sick, busy = add_app("Sick", Kind.INSTALL), add_app("Busy", Kind.INSTALL, status=Status.STOPPED)
    done(busy, Kind.UPDATE, Progress.RUNNING)
    with transaction():
        crashed.status, crashed.exit_code, crashed.status_error = Status.EXITED, 3, "it has no room"
        failed.error = "The port is in use."
        waits.problem = Problem.SHARE_ABSENT
        sick.problem, sick.status_error = Problem.UNHEALTHY, "it is unhealthy"
    with Session(db.engine) as session:
        found = find_fallen_apps(session, str(app.secret_key))
        assert find_fallen_apps(session, "") == found
    assert found == [
        FallenApp("Crashed", 3, "it has no room"),
        FallenApp("Down"),
        FallenApp("Failed", None, "The port is in use."),
        FallenApp("Sick", None, "it is unhealthy", runs=True),
        FallenApp("Waits", waits=True),
    ]


# -- what is started ----------------------------------------------------------------------------------------------


def test_what_ran_when_docker_went_away_is_started_in_the_order_of_the_installs(app: Flask) -> None:
    first, second = add_app("First", Kind.INSTALL), add_app("Second", Kind.INSTALL)
    stopped = add_app("Stopped", Kind.INSTALL, Kind.STOP, status=Status.STOPPED)
    by_hand = add_app("Stopped by docker stop", Kind.INSTALL, status=Status.STOPPED)
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(first, second, status=Status.STOPPED)
    keeper.start_fallen()
    assert starts() == [first.id, second.id]
    assert {stopped.id, by_hand.id} & {*keeper.fallen} == set()


def test_what_ran_in_part_is_started_when_nothing_of_it_runs_any_more(app: Flask) -> None:
    down, as_before = (add_app(name, Kind.INSTALL, status=Status.EXITED) for name in ("Down", "As before"))
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(down, status=Status.STOPPED)
    keeper.start_fallen()
    assert starts() == [down.id]
    assert as_before.id not in keeper.fallen


def test_what_somebody_removed_is_not_recreated(app: Flask) -> None:
    gone, crashed = add_app("Gone", Kind.INSTALL), add_app("Crashed", Kind.INSTALL)
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(gone, crashed, status=Status.EXITED)
    with transaction():
        gone.exit_code, crashed.exit_code = MISSING_CODE, 1
    keeper.start_fallen()
    assert starts() == [crashed.id]


def test_what_docker_started_itself_is_left_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_running, "GRACE_SECONDS", 3600)
    back = add_app("Back", Kind.INSTALL)
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(back, status=Status.STOPPED)
    keeper.start_fallen()
    assert starts() == []  # Docker has time
    keeper.fallen[back.id] = 0
    set_status(back, status=Status.STARTED)
    keeper.start_fallen()
    assert (starts(), keeper.fallen) == ([], {})


def test_a_start_that_fails_is_tried_again_a_few_times(app: Flask) -> None:
    fallen = add_app("Fallen", Kind.INSTALL)
    keeper = RunningKeeper()
    for _ in range(2 * keep_running.MAX_STARTS):
        set_status(fallen, status=Status.STARTED)
        keeper.note_return()  # also when Docker goes up and down
        set_status(fallen, status=Status.STOPPED)
        keeper.start_fallen()
        starts()
    assert starts() == [fallen.id] * keep_running.MAX_STARTS
    assert keeper.fallen == {}


def test_what_a_person_stops_meanwhile_stays_so(app: Flask) -> None:
    fallen = add_app("Fallen", Kind.INSTALL)
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(fallen, status=Status.STOPPED)
    done(fallen, Kind.STOP)
    keeper.start_fallen()
    assert (starts(), keeper.fallen) == ([], {})


def test_what_is_being_worked_on_waits(app: Flask) -> None:
    fallen = add_app("Fallen", Kind.INSTALL)
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(fallen, status=Status.STOPPED)
    done(fallen, Kind.CHANGE, Progress.RUNNING)
    keeper.start_fallen()
    assert starts() == []
    assert fallen.id in keeper.fallen


@pytest.mark.parametrize("keeps", [True, False])
def test_who_wants_it_is_told_once_and_the_dashboard_names_them(
    app: Flask, owner_client: FormClient, *, keeps: bool
) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], keep_running=keeps)
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "http://127.0.0.1:9/"}', events="trouble"))
    apps = [add_app("Films", Kind.INSTALL), add_app("Notes", Kind.INSTALL)]
    keeper = RunningKeeper()
    keeper.note_return()
    set_status(*apps, status=Status.STOPPED)
    if not keeps:
        assert "Films should be running, but is stopped." in owner_client.get("/").text
    for attempt in range(1, 4):
        keeper.start_fallen()
        assert len(starts()) == (2 * attempt if keeps else 0)
        set_status(*apps, status=Status.STOPPED)
    [message] = db.session.scalars(select(NoticeMessage))
    assert message.title == "Apps are not running"
    assert "these apps did not start with it: Films, Notes." in message.body
    assert ("being started" in message.body) is keeps
