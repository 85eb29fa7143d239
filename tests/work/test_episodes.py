"""Apps that are down: their episodes, what is told of them, and what is restarted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from rockonweb.models import (
    Episode,
    Installation,
    Kind,
    Maintenance,
    NoticeMessage,
    NoticeTarget,
    Operation,
    Problem,
    Progress,
    Share,
    State,
    Status,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import episodes, known_shares, notification_queue
from rockonweb.work.keep_running import GUARD
from rockonweb.work.operations import KEEPER
from tests.support.app import add_rockon, make_shares, mark_installed
from tests.support.samples import label_questions

SAID = "the container app has ended"


class Clock:
    """The time of the reviews."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def review_after(self, seconds: float) -> bool:
        """Let time pass, then review the apps."""
        self.now += timedelta(seconds=seconds)
        return episodes.review_apps()


@pytest.fixture
def clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(episodes, "utc_now", lambda: made.now)
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "http://127.0.0.1:9/"}', events="down"))
    return made


def add_app(name: str, **columns: object) -> Installation:
    rockon = add_rockon(name, {"web": {"volumes": label_questions({"/data": "Data"})}})
    app = mark_installed(rockon, **columns)  # type: ignore[arg-type]
    add_operation(app, Kind.INSTALL)
    return app


def add_operation(app: Installation, kind: Kind, progress: Progress = Progress.DONE, user: str = "ada") -> None:
    with transaction() as session:
        session.add(Operation(kind=kind, installation_id=app.id, user=user, progress=progress, finished=utc_now()))


def fall(*apps: Installation, problem: Problem = Problem.ENDED, reason: str = SAID) -> None:
    status = Status.STARTED if problem in (Problem.UNHEALTHY, Problem.NOT_ANSWERING) else Status.EXITED
    with transaction():
        for app in apps:
            app.status, app.problem, app.status_error = status, problem, reason


def recover(*apps: Installation, status: Status = Status.STARTED) -> None:
    with transaction():
        for app in apps:
            app.status, app.problem, app.status_error = status, Problem.NONE, ""


def titles() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(NoticeMessage.title).order_by(NoticeMessage.id)))


def bodies() -> str:
    return "\n".join(db.session.scalars(select(NoticeMessage.body).order_by(NoticeMessage.id)))


def kept() -> list[Episode]:
    db.session.rollback()
    return list(db.session.scalars(select(Episode).order_by(Episode.id)))


def restarts(clock: Clock) -> list[tuple[Kind, int | None]]:
    """The automatic restarts that wait; they end with this."""
    with transaction() as session:
        waiting = list(session.scalars(select(Operation).where(Operation.progress == Progress.QUEUED)))
        for operation in waiting:
            assert operation.user == KEEPER
            operation.progress, operation.created = Progress.DONE, clock.now
    return [(operation.kind, operation.installation_id) for operation in waiting]


def set_restart_times(clock: Clock) -> None:
    with transaction() as session:
        newest = session.scalars(
            select(Operation).where(Operation.user == KEEPER).order_by(Operation.id.desc())
        ).first()
        if newest:
            newest.created = clock.now


def begin_maintenance(until: datetime) -> None:
    with transaction() as session:
        session.add(Maintenance(until=until, user="ada"))


# -- telling ------------------------------------------------------------------------------------------------------


def test_an_app_that_is_down_is_told_once_and_when_it_is_well_again(clock: Clock) -> None:
    app = add_app("Notes")
    assert clock.review_after(0) is False
    fall(app)
    assert clock.review_after(0) is True
    clock.review_after(119)
    assert titles() == []
    clock.review_after(1)
    clock.review_after(600)
    assert titles() == ["Notes is down"]
    assert f"Notes is not running properly: {SAID}." in bodies()
    recover(app)
    clock.review_after(5)
    clock.review_after(119)
    assert [(one.ended, one.reason, one.problem) for one in kept()] == [(None, SAID, Problem.ENDED)]
    assert clock.review_after(1) is False
    assert titles() == ["Notes is down", "Notes is well again"]
    assert [one.ended is not None for one in kept()] == [True]


def test_what_is_well_within_the_grace_is_kept_and_not_told(clock: Clock) -> None:
    app = add_app("Notes")
    fall(app, problem=Problem.UNHEALTHY)
    clock.review_after(0)
    recover(app)
    clock.review_after(30)
    clock.review_after(120)
    assert (titles(), [one.told for one in kept()]) == ([], [False])


@pytest.mark.parametrize("change", [{"status": Status.STOPPED}, {"state": State.AVAILABLE}])
def test_what_somebody_stops_or_removes_ends_without_a_word(clock: Clock, change: dict[str, object]) -> None:
    app = add_app("Notes")
    fall(app)
    clock.review_after(0)
    clock.review_after(200)
    with transaction():
        for key, value in change.items():
            setattr(app, key, value)
    assert clock.review_after(10) is False
    assert titles() == ["Notes is down"]


def test_nothing_is_judged_while_an_operation_is_at_work(clock: Clock) -> None:
    app = add_app("Notes")
    add_operation(app, Kind.UPDATE, Progress.RUNNING)
    fall(app)
    assert clock.review_after(0) is False
    assert kept() == []


def test_many_apps_at_once_are_one_message_of_few_statements(clock: Clock) -> None:
    apps = [add_app(f"App {n:02}") for n in range(50)]
    fall(*apps[:25])
    clock.review_after(0)
    fall(*apps)
    clock.review_after(40)
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        clock.review_after(80)
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    assert titles() == ["50 apps are down"]
    assert "They went down at about the same time" in bodies()
    assert len(statements) < 20
    recover(*apps)
    clock.review_after(0)
    clock.review_after(120)
    assert titles() == ["50 apps are down", "50 apps are well again"]


def test_apps_that_lack_the_same_share_are_one_message_that_names_it(app: Flask, clock: Clock) -> None:
    make_shares(app, ["photos"])
    apps = [add_app("Albums"), add_app("Backups"), add_app("Notes")]
    with transaction() as session:
        session.add(Share(name="films", mark="f" * 16, device="UUID=1", mount_point="/mnt/usb"))
        for installation, share in zip(apps, ("films", "films/old", "photos"), strict=True):
            installation.containers[0].volumes[0].share = share
    fall(*apps)
    clock.review_after(0)
    clock.review_after(120)
    assert sorted(titles()) == ["2 apps are down", "Notes is down"]
    assert "The share films is not there.\nAffected: Albums, Backups." in bodies()


def test_an_app_that_is_kept_stopped_because_its_share_is_absent_is_told(app: Flask, clock: Clock) -> None:
    make_shares(app, ["photos"])
    waiting, stopped, well = add_app("Albums"), add_app("Backups"), add_app("Notes")
    add_operation(waiting, Kind.STOP, user=GUARD)
    add_operation(stopped, Kind.STOP)
    with transaction() as session:
        session.add(Share(name="films", mark="f" * 16, device="UUID=1", mount_point="/mnt/usb"))
        for installation in (waiting, stopped):
            installation.containers[0].volumes[0].share = "films"
            installation.containers[0].held_restart_policy = "always:0"
    recover(waiting, stopped, status=Status.STOPPED)
    with transaction():
        for installation in (waiting, stopped):
            installation.problem, installation.status_error = Problem.SHARE_ABSENT, "its share is absent"
    assert clock.review_after(0) is True
    clock.review_after(120)
    clock.review_after(600)
    assert titles() == ["Albums is down"]
    assert "its share is absent.\nThe share films is not there.\nMount its disk" in bodies()
    recover(waiting, well)
    clock.review_after(0)
    clock.review_after(120)
    assert titles() == ["Albums is down", "Albums is well again"]


def test_one_missing_network_is_one_message(clock: Clock) -> None:
    fall(add_app("Albums"), add_app("Notes"), reason="network garden not found")
    clock.review_after(0)
    clock.review_after(120)
    assert titles() == ["2 apps are down"]
    assert "The network garden does not exist." in bodies()


def test_a_failed_automatic_restart_is_no_message_of_its_own(clock: Clock) -> None:
    app = add_app("Notes")
    with transaction() as session:
        session.scalars(select(NoticeTarget)).one().events = "failed down"
    fall(app)
    clock.review_after(0)
    add_operation(app, Kind.START, Progress.FAILED, KEEPER)
    newest = db.session.scalars(select(Operation.id).order_by(Operation.id.desc())).first()
    assert newest is not None
    notification_queue.notify_operation_ended(newest)
    assert titles() == []


# -- mending ------------------------------------------------------------------------------------------------------


def test_it_is_restarted_three_times_then_given_up_and_told(clock: Clock) -> None:
    app = add_app("Notes", mend=True)
    fall(app, problem=Problem.UNHEALTHY)
    clock.review_after(0)
    assert restarts(clock) == []
    for pause in (30, 300, 900):
        clock.review_after(pause - 1)
        assert restarts(clock) == []
        clock.review_after(1)
        assert restarts(clock) == [(Kind.RESTART, app.id)]
        fall(app, problem=Problem.UNHEALTHY)
    clock.review_after(60)
    assert restarts(clock) == []
    assert titles() == ["Notes is down", "Notes stays down"]
    clock.review_after(7200)
    assert (restarts(clock), titles()) == ([], ["Notes is down", "Notes stays down"])
    assert [one.gave_up for one in kept()] == [True]


def test_a_clock_that_is_set_back_an_hour_lets_nothing_be_told_or_done_twice(clock: Clock) -> None:
    app = add_app("Notes", mend=True)
    fall(app, problem=Problem.UNHEALTHY)
    clock.review_after(0)
    clock.review_after(30)
    assert restarts(clock) == [(Kind.RESTART, app.id)]
    fall(app, problem=Problem.UNHEALTHY)
    clock.review_after(90)
    assert titles() == ["Notes is down"]
    clock.review_after(-3600)
    assert restarts(clock) == []
    clock.review_after(300)
    assert (restarts(clock), titles()) == ([(Kind.RESTART, app.id)], ["Notes is down"])
    recover(app)
    clock.review_after(0)
    clock.review_after(-3600)
    clock.review_after(120)
    assert titles() == ["Notes is down", "Notes is well again"]


def test_a_container_that_ended_is_started(clock: Clock) -> None:
    app = add_app("Notes", mend=True)
    fall(app)
    clock.review_after(0)
    clock.review_after(30)
    assert restarts(clock) == [(Kind.START, app.id)]


def test_only_what_somebody_wants_running_and_mended_is_restarted(clock: Clock) -> None:
    unwanted, not_chosen = add_app("Films", mend=True), add_app("Notes")
    add_operation(unwanted, Kind.STOP)
    fall(unwanted, not_chosen)
    clock.review_after(0)
    clock.review_after(300)
    assert restarts(clock) == []


def test_what_lacks_a_share_is_not_restarted(app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = add_app("Notes", mend=True)
    monkeypatch.setattr(known_shares, "find_apps_without_shares", lambda: {installation.id: ["films"]})
    fall(installation)
    clock.review_after(0)
    clock.review_after(300)
    assert restarts(clock) == []


# -- maintenance --------------------------------------------------------------------------------------------------


def test_maintenance_holds_messages_and_restarts_until_its_end(clock: Clock) -> None:
    app = add_app("Notes", mend=True)
    with transaction() as session:
        session.scalars(select(NoticeTarget)).one().events = "failed down"
    begin_maintenance(utc_now() + timedelta(hours=1))
    fall(app)
    clock.review_after(0)
    clock.review_after(300)
    assert (titles(), restarts(clock)) == ([], [])
    with transaction() as session:
        session.scalars(select(Maintenance)).one().until = utc_now() - timedelta(seconds=1)
    clock.review_after(1)
    assert titles() == ["Notes is down"]
    assert restarts(clock) == [(Kind.START, app.id)]


def test_what_fell_in_a_maintenance_that_ended_while_nothing_ran_is_told_once(clock: Clock) -> None:
    stays_down, recovered = add_app("Notes"), add_app("Films")
    begin_maintenance(utc_now() + timedelta(hours=1))
    fall(stays_down, recovered)
    clock.review_after(0)
    recover(recovered)
    with transaction() as session:  # Rockonweb was down meanwhile
        session.scalars(select(Maintenance)).one().until = utc_now() - timedelta(hours=5)
    clock.review_after(6 * 3600)
    clock.review_after(600)
    assert titles() == ["Notes is down"]


def test_a_maintenance_that_a_wrong_clock_set_years_ahead_holds_nothing(clock: Clock) -> None:
    begin_maintenance(utc_now() + timedelta(days=400))
    fall(add_app("Notes"))
    clock.review_after(0)
    clock.review_after(120)
    assert titles() == ["Notes is down"]
