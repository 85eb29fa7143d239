"""Looking changes nothing and starts no process: every address that can be got is got, on a filled database and a real
queue's server.
"""

import subprocess
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from rockonweb.models import Operation, RockOn, db, transaction
from tests.support.app import HX, FormClient
from tests.support.filled import dump_keys, dump_rows, list_addresses


def test_no_address_that_is_got_changes_anything_or_starts_a_process(
    app: Flask, owner_client: FormClient, filled: None, queue: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    start = subprocess.Popen.__init__

    def starting(self: Any, *arguments: Any, **options: Any) -> None:
        started.append(arguments)
        start(self, *arguments, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", starting)
    for path in ("/", "/rockons"):
        owner_client.get(path)  # what a first visit prepares
    before, held = dump_rows(app), dump_keys(queue)
    assert {name for name, found in before.items() if found} >= {
        "rockon",
        "container",
        "operation",
        "draft",
        "metastore",
    }
    statuses: dict[int, int] = {}
    asked = sorted({*list_addresses(app)})
    for path in asked:
        for headers in ({}, HX):
            status = owner_client.get(path, headers=headers).status_code
            statuses[status] = statuses.get(status, 0) + 1
            assert status < 500 or status == 503, f"{status} {path}"
        assert dump_rows(app) == before, path
        assert dump_keys(queue) == held, path
        assert started == [], path
    assert len(asked) > 100
    assert statuses[200] > 80


@pytest.mark.parametrize(
    "path",
    [
        *("/jobs/requeue/rockonweb", "/jobs/job/job-1/requeue", "/jobs/job/job-1/delete", "/jobs/job/job-1/stop"),
        *("/jobs/queue/rockonweb/queued/empty", "/jobs/queue/rockonweb/compact", "/rockons/refresh", "/logout"),
    ],
)
def test_what_changes_something_cannot_be_got(
    app: Flask, owner_client: FormClient, filled: None, queue: Redis, path: str
) -> None:
    before, held = dump_rows(app), dump_keys(queue)
    assert owner_client.get(path).status_code in (404, 405)
    assert owner_client.head(path).status_code in (404, 405)
    assert (dump_rows(app), dump_keys(queue)) == (before, held)


def test_the_test_would_notice(app: Flask, owner_client: FormClient, filled: None, queue: Redis) -> None:
    before = dump_rows(app)
    with transaction() as session:
        session.get_one(RockOn, 1).position += 1
    assert dump_rows(app) != before
    assert db.session.query(Operation).count()
