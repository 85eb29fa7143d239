"""Looking changes nothing: every address that can be got is got, on a filled database and a real queue's server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from sqlalchemy import inspect

from rockonweb.core.backup import Backup, to_json
from rockonweb.models import Metastore, Operation, RockOn, Role, RollbackPoint, db, writing
from rockonweb.models.base import engine_of
from rockonweb.web import drafts, wanted
from rockonweb.work import operations, restore
from tests.support.app import HX, Visitor, add_user, install, shelve
from tests.support.queue_server import QueueServer

SEEN = b"rockonweb:seen"  # when a session was last used
PAGES = ("shares", "storage", "ports", "devices", "environment", "custom-config", "labels", "networks", "summary")
WEB = {
    "web": {
        "ports": {"80": {"label": "Web", "host_default": 8080, "ui": True}},
        "volumes": {"/data": {"label": "Data"}},
        "environment": {"APP_PASSWORD": {"label": "Password"}},
    }
}

STRINGS = {
    "name": "family",
    "file": "notes.json",
    "filename": "icons.svg",
    "queue_name": "rockonweb",
    "job_id": "job-1",
}
STRINGS |= {"registry_name": "failed", "order": "asc", "instance_number": "0", "per_page": "8"}


@pytest.fixture
def queue(app: Flask, queue_server: QueueServer) -> Iterator[Redis]:
    """The queue's server with a job that waits and one that failed."""
    queue_server.flush()
    connection = app.extensions["redis"] = Redis.from_url(queue_server.url)
    line = Queue("rockonweb", connection=connection)
    line.enqueue("rockonweb.jobs.run", 7, job_id="job-2")
    job = Job.create("rockonweb.jobs.run", (1,), connection=connection, id="job-1", origin="rockonweb")
    job.save()
    FailedJobRegistry("rockonweb", connection=connection).add(job, ttl=-1)
    yield connection
    queue_server.flush()


@pytest.fixture
def filled(app: Flask, queue: Redis) -> None:
    """Rows of most kinds: ids from 1 on."""
    installed, fresh = install(shelve("Notes", WEB)), shelve("Fresh", WEB)
    add_user("viv", Role.VIEWER)
    with writing() as session:
        for container in installed.containers:
            for variable in container.environment:
                variable.value = "a word"
            for volume in container.volumes:
                volume.share = "notes"
        session.add(Metastore(place="http://box.example/rock-ons", position=1))
        session.add(RollbackPoint(rockon_id=installed.id, definition=installed.source, answers="{}"))
    restore.take(to_json(Backup("1", "2026-01-01T00:00:00+00:00")).encode(), "", "ada")
    drafts.save(fresh, drafts.definition_of(fresh), 1, "ports", {"ports-web-80": "8081"}, accepted=True)
    draft = wanted.load(installed, 1)
    wanted.save(installed, 1, draft.answers, frozenset())
    operations.begin(operations.Kind.STOP, install(shelve("Busy", WEB)), "ada")
    app.config["SETTINGS"].local_metastore.mkdir(parents=True, exist_ok=True)


def rows(app: Flask) -> dict[str, list[Any]]:
    """All that stands in the database."""
    with engine_of(app).connect() as connection:
        names = inspect(connection).get_table_names()
        return {name: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{name}"').all())) for name in names}


def keys(queue: Redis) -> dict[bytes, bytes | None]:
    """All that the queue's server holds, but when sessions were used."""
    return {key: queue.dump(key) for key in sorted(queue.keys()) if not key.startswith(SEEN)}


def addresses(app: Flask) -> list[str]:
    """Every address that can be got, with the ids and names of what is there and of what is not."""
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        for number in ("1", "2", "3", "99"):
            for page in PAGES if "<page>" in rule.rule and not rule.rule.startswith("/jobs") else ("1",):

                def value(match: re.Match[str], number: str = number, page: str = page) -> str:
                    kind, _, name = match[1].rpartition(":")
                    if one_of := re.match(r"any\((\w+)", kind):
                        return one_of[1]
                    return page if name == "page" else STRINGS.get(name) or number

                found.append(re.sub(r"<([^>]+)>", value, rule.rule))
    return sorted(set(found))


def test_no_address_that_is_got_changes_anything(app: Flask, owner_client: Visitor, filled: None, queue: Redis) -> None:
    for path in ("/", "/rockons"):
        owner_client.get(path)  # what a first visit prepares
    before, held = rows(app), keys(queue)
    assert {name for name, found in before.items() if found} >= {
        "rockon",
        "container",
        "operation",
        "draft",
        "metastore",
    }
    statuses: dict[int, int] = {}
    asked = addresses(app)
    for path in asked:
        for headers in ({}, HX):
            status = owner_client.get(path, headers=headers).status_code
            statuses[status] = statuses.get(status, 0) + 1
            assert status < 500 or status == 503, f"{status} {path}"
        assert rows(app) == before, path
        assert keys(queue) == held, path
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
    app: Flask, owner_client: Visitor, filled: None, queue: Redis, path: str
) -> None:
    before, held = rows(app), keys(queue)
    assert owner_client.get(path).status_code in (404, 405)
    assert owner_client.head(path).status_code in (404, 405)
    assert (rows(app), keys(queue)) == (before, held)


def test_the_test_would_notice(app: Flask, owner_client: Visitor, filled: None, queue: Redis) -> None:
    before = rows(app)
    with writing() as session:
        session.get_one(RockOn, 1).position += 1
    assert rows(app) != before
    assert db.session.query(Operation).count()
