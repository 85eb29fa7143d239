"""Maintenance holds what would be sent, and what waits is sent after its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from rockonweb.core.errors import BadInput
from rockonweb.core.instance.notifications import NoticeContent, NoticeEvent
from rockonweb.models import Maintenance, NoticeMessage, NoticeTarget, db, maintenance_until, transaction, utc_now
from rockonweb.work import notification_queue
from rockonweb.work.maintenance import MAX_MINUTES, set_maintenance


def waiting_jobs(redis: Redis) -> int:
    return sum(int(redis.llen(key)) for key in redis.keys("rq:queue:*"))  # type: ignore[union-attr, arg-type]


def test_it_lasts_until_its_end_and_can_be_ended_before(app: Flask) -> None:
    assert maintenance_until() is None
    until = set_maintenance(60, "ada")
    assert until is not None
    assert timedelta(minutes=59) < until - utc_now() <= timedelta(minutes=60)
    assert maintenance_until() == until
    set_maintenance(90, "ada")
    assert db.session.query(Maintenance).count() == 1
    assert set_maintenance(0, "ada") is None
    assert maintenance_until() is None
    for minutes in (-1, MAX_MINUTES + 1, 10**30):
        with pytest.raises(BadInput):
            set_maintenance(minutes, "ada")


def test_messages_wait_for_its_end(app: Flask, redis: Redis) -> None:
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "http://127.0.0.1:9/"}', events="failed"))
    set_maintenance(60, "ada")
    notification_queue.notify_targets(NoticeEvent.FAILED, NoticeContent("It failed", ()))
    notification_queue.process_notices()
    assert (db.session.query(NoticeMessage).count(), waiting_jobs(redis)) == (1, 0)
    set_maintenance(0, "ada")
    notification_queue.process_notices()
    assert waiting_jobs(redis) == 1
