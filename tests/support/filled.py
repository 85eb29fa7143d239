"""A database with rows of most kinds, ids from 1 on, and what stands in it and in the queue's server."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from sqlalchemy import inspect
from werkzeug.routing import Rule

from rockonweb.accounts import tokens, users
from rockonweb.blueprints.settings import pending_changes
from rockonweb.core.formats.backup import Backup, backup_to_json
from rockonweb.core.operations.requests import blank_request
from rockonweb.models import Installation, Kind, Metastore, RegistryLogin, Role, RollbackPoint, transaction
from rockonweb.web import drafts
from rockonweb.work import operations, restore
from tests.support.database import engine_of

from .app import add_rockon, create_test_user, mark_installed

LAST_USED_PREFIX = b"rockonweb:seen"  # when a session was last used
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
    "way": "hook",
    "what": "up",
}
STRINGS |= {"registry_name": "failed", "order": "asc", "instance_number": "0", "per_page": "8"}


def fill_queue(connection: Redis) -> None:
    """A job that waits and one that failed."""
    queue = Queue("rockonweb", connection=connection)
    queue.enqueue("rockonweb.jobs.run", 7, job_id="job-2")
    job = Job.create("rockonweb.jobs.run", (1,), connection=connection, id="job-1", origin="rockonweb")
    job.save()
    FailedJobRegistry("rockonweb", connection=connection).add(job, ttl=-1)


def fill_database(app: Flask) -> None:
    """An app that is installed, one with a draft, one that is busy; a viewer, a token, a metastore and the like."""
    installed, available = mark_installed(add_rockon("Notes", WEB)), add_rockon("Fresh", WEB)
    create_test_user("viv", Role.VIEWER)
    tokens.create_token(users.get_user("ada"), Role.VIEWER, 9, "a script")
    with transaction() as session:
        for container in installed.containers:
            for variable in container.environment:
                variable.value = "a word"
            for volume in container.volumes:
                volume.share = "notes"
        session.add(Metastore(place="http://box.example/rock-ons", position=1))
        session.add(RegistryLogin(host="127.0.0.1:9", user="ada", password="a word"))
        session.add(RollbackPoint(installation_id=installed.id, definition=installed.entry.source, answers="{}"))
    restore.create_restore(backup_to_json(Backup("1", "2026-01-01T00:00:00+00:00")).encode(), "", "ada")
    begin_draft(available, {"ports-web-80": "8081"})
    pending_changes.save_pending(installed, 1, pending_changes.load_pending(installed, 1).answers, frozenset())
    operations.submit_operation(mark_installed(add_rockon("Busy", WEB)), blank_request(Kind.STOP), "ada")
    app.config["SETTINGS"].local_metastore.mkdir(parents=True, exist_ok=True)


def begin_draft(installation: Installation, typed: dict[str, str]) -> None:
    """Begin an install of a rock-on, as the account with the id 1, with some answers."""
    drafts.save_draft(installation, drafts.catalogue_definition(installation), 1, "ports", typed, accepted=True)


def dump_rows(app: Flask) -> dict[str, list[Any]]:
    """All that stands in the database."""
    with engine_of(app).connect() as connection:
        names = inspect(connection).get_table_names()
        return {name: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{name}"').all())) for name in names}


def dump_keys(queue: Redis) -> dict[bytes, Any]:
    """All that the queue's server holds, but when sessions were used."""
    names = sorted(key for key in queue.scan_iter() if isinstance(key, bytes) and not key.startswith(LAST_USED_PREFIX))
    return {key: queue.dump(key) for key in names}


def route_address(rule: Rule, number: str = "1", page: str = "1") -> str:
    """The address of a route with an id, the name of a wizard's page, and names of what is there."""

    def fill_placeholder(match: re.Match[str]) -> str:
        kind, _, name = match[1].rpartition(":")
        if one_of := re.match(r"any\((\w+)", kind):
            return one_of[1]
        return page if name == "page" else STRINGS.get(name) or number

    return re.sub(r"<([^>]+)>", fill_placeholder, rule.rule)


def list_addresses(app: Flask) -> Iterator[str]:
    """Every address that can be got, with the ids and names of what is there and of what is not."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            for number in ("1", "2", "3", "99"):
                for page in PAGES if "<page>" in rule.rule and not rule.rule.startswith("/jobs") else ("1",):
                    yield route_address(rule, number, page)
