"""The catalogue is refreshed by itself, as often as was chosen."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb.blueprints.dashboard import overview
from rockonweb.config import current_config
from rockonweb.core.operations.requests import Notes
from rockonweb.models import (
    Installation,
    Kind,
    NoticeMessage,
    NoticeTarget,
    Operation,
    Progress,
    RefreshReport,
    db,
    transaction,
    utc_now,
)
from rockonweb.models.operation import AUTOMATIC_REFRESH
from rockonweb.work import notification_queue, refresh_schedule
from tests.support.app import FormClient, add_rockon, mark_installed, put_definitions
from tests.support.samples import parse_rockon

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture(autouse=True)
def _instance_of_yesterday(app: Flask) -> None:
    yesterday = time.time() - 86_400
    os.utime(current_config().key_file, (yesterday, yesterday))


def end_refresh(hours_ago: float, progress: Progress, user: str = AUTOMATIC_REFRESH, *, offline: bool = False) -> int:
    moment = utc_now() - timedelta(hours=hours_ago)
    with transaction() as session:
        operation = Operation(kind=Kind.REFRESH, user=user, created=moment, notes=Notes(offline=offline))
        operation.mark_finished(progress, "No catalogue could be loaded." if progress is Progress.FAILED else "")
        operation.finished = moment
        session.add(operation)
        session.flush()
        return operation.id


def submitted() -> list[str]:
    """Who submitted the refreshes that wait, after the watcher looked twice."""
    refresh_schedule.submit_due_refresh()
    refresh_schedule.submit_due_refresh()
    return list(db.session.scalars(select(Operation.user).where(Operation.progress == Progress.QUEUED)))


def test_an_instance_that_never_was_is_refreshed_once(app: Flask) -> None:
    assert submitted() == [AUTOMATIC_REFRESH]


def test_a_new_instance_waits_for_its_owner_to_choose_metastores(app: Flask) -> None:
    os.utime(current_config().key_file)
    assert submitted() == []


@pytest.mark.parametrize(
    ("hours", "ago", "due"), [(24, 20, False), (24, 27, True), (168, 27, False), (168, 190, True), (0, 1000, False)]
)
def test_it_is_refreshed_as_often_as_was_chosen_whoever_did_it_last(
    app: Flask, hours: int, ago: float, due: bool
) -> None:
    refresh_schedule.set_refresh_hours(168)
    refresh_schedule.set_refresh_hours(hours)
    end_refresh(ago, Progress.DONE, "ada")
    assert submitted() == [AUTOMATIC_REFRESH] * due


def test_one_at_the_command_line_counts(app: Flask) -> None:
    end_refresh(30, Progress.FAILED)
    with transaction() as session:
        session.add(RefreshReport(content="{}"))
    assert submitted() == []
    assert refresh_schedule.last_failed_refresh(RefreshReport.load_latest(db.session())) is None


def test_a_failed_one_is_tried_again_with_growing_pauses(app: Flask) -> None:
    end_refresh(30, Progress.DONE)
    end_refresh(1.2, Progress.FAILED)
    assert submitted() == [AUTOMATIC_REFRESH]
    with transaction() as session:
        session.query(Operation).filter_by(progress=Progress.QUEUED).delete()
    end_refresh(1.2, Progress.FAILED)
    assert submitted() == []


def test_one_that_got_nothing_from_the_network_is_tried_again_as_soon(app: Flask) -> None:
    end_refresh(30, Progress.DONE)
    end_refresh(1.2, Progress.DONE, offline=True)
    assert submitted() == [AUTOMATIC_REFRESH]


def test_a_failed_one_is_told_in_the_catalogue_and_is_no_alarm(app: Flask, owner_client: FormClient) -> None:
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "https://box.example"}', events="failed ended"))
    notification_queue.notify_operation_ended(end_refresh(0, Progress.FAILED))
    assert db.session.query(NoticeMessage).count() == 0
    assert "No catalogue could be loaded." in owner_client.get("/rockons").text
    assert "It is tried again automatically." in owner_client.get("/rockons").text
    with app.test_request_context():
        assert not [alert for alert in overview.build_home_page("box").alerts if "catalogue" in str(alert.sentence)]
    notification_queue.notify_operation_ended(end_refresh(0, Progress.FAILED, "ada"))
    assert db.session.query(NoticeMessage).count() == 1


def test_a_newer_definition_of_an_installed_app_is_told_once(app: Flask) -> None:
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "https://box.example"}', events="images"))
    notes = mark_installed(add_rockon("Notes", {"notes": {"image": "example/notes"}}))
    add_rockon("Other")
    for version in ("2", "2", "3"):
        with notification_queue.notify_newer_definitions():
            put_definitions(parse_rockon({"notes": {"image": f"example/notes{version}"}}, "Notes"))
    assert db.session.get_one(Installation, notes.id).has_newer_definition
    bodies = list(db.session.scalars(select(NoticeMessage.body)))
    assert len(bodies) == 1
    assert "newer definitions of: Notes." in bodies[0]
