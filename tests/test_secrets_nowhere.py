"""A secret that was answered is masked wherever it could be seen: each place is looked at by itself."""

import logging
import sqlite3
from contextlib import closing

import pytest
from flask import Flask
from redis import Redis

from rockonweb.config import Config
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.plan import plan
from rockonweb.core.secret import MASK
from rockonweb.models import Installation, Operation, db, transaction
from rockonweb.models.repository import load_answers
from rockonweb.work import operations
from rockonweb.work.collect_facts import gather_facts
from tests.support.app import FormClient, add_rockon, mark_installed
from tests.support.samples import label_questions

SECRETS = ("secret-of-the-app-1", "secret-by-choice-2")
ASKED = {"environment": label_questions(APP_PASSWORD="Password", PIN="Pin")}


@pytest.fixture
def owner(redis: Redis, owner_client: FormClient) -> FormClient:
    """The owner, logged in; the queue is on a real server."""
    return owner_client


@pytest.fixture
def notes(app: Flask) -> Installation:
    """An installed app with a secret by its name and one by choice."""
    rockon = mark_installed(add_rockon("Notes", {"notes": ASKED}))
    with transaction():
        for variable, value in zip(rockon.containers[0].environment, SECRETS, strict=True):
            variable.value = value
        rockon.set_secret("notes", "PIN", "Pin", secret=True)
    return rockon


def clean(text: str) -> bool:
    """Whether none of the secrets is in a text."""
    return not any(secret in text for secret in SECRETS)


@pytest.fixture
def begun(app: Flask, notes: Installation) -> Operation:
    """A change of the app that waits in the queue, with the secrets among its answers."""
    return db.session.get_one(Operation, operations.submit_operation(notes, ChangeRequest(load_answers(notes)), "ada"))


@pytest.mark.parametrize(
    "path",
    [
        *("/rockons/1", "/rockons/1/settings/environment", "/rockons/1/settings/review", "/rockons/1/secrets"),
        *("/rockons/1/export", "/rockons/1/uninstall", "/rockons/1/updates", "/rockons", "/backup"),
        *("/api/rockons/1", "/api/rockons/environment/1"),
    ],
)
def test_on_pages_and_in_the_api(owner: FormClient, notes: Installation, path: str) -> None:
    answer = owner.get(path)
    assert answer.status_code in (200, 503)
    assert clean(answer.text)


def test_in_plans(notes: Installation) -> None:
    given = load_answers(notes)
    found = plan.plan_install(notes.current_definition, given, gather_facts(notes, given, None))
    text = "\n".join([*found.masked_lines, *map(str, found.steps), repr(found), str(found.to_json_data(list))])
    assert clean(text)
    assert f"APP_PASSWORD={MASK}" in text
    assert f"PIN={MASK}" in text
    assert not clean("\n".join(found.revealed_lines))


def test_in_operations(owner: FormClient, begun: Operation) -> None:
    for path in ("/operations", f"/operations/{begun.id}", f"/operations/{begun.id}/line", "/audit"):
        assert clean(owner.get(path).text), path


def test_in_the_queue_and_its_dashboard_only_ids_are(app: Flask, owner: FormClient, begun: Operation) -> None:
    connection = app.extensions["redis"]
    names = connection.keys("rq:job:*")
    assert names
    for name in connection.keys("*"):
        assert clean(repr(connection.dump(name)))
    listed = owner.get("/jobs/0/data/jobs/rockonweb/queued/8/asc/1.json").json
    assert listed is not None
    assert [job["description"] for job in listed["jobs"]] == [f"rockonweb.jobs.run({begun.id})"]
    assert clean(owner.get(f"/jobs/0/data/job/{listed['jobs'][0]['id']}.json").text)


def test_at_rest(app: Flask, begun: Operation) -> None:
    settings: Config = app.config["SETTINGS"]
    if not settings.database_url.startswith("sqlite"):
        pytest.skip("the file of SQLite is looked at")
    db.session.remove()  # who reads holds up the checkpoint
    with closing(sqlite3.connect(settings.instance / "rockonweb.db")) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in settings.instance.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path


def test_in_logs(owner: FormClient, notes: Installation, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        page = "/rockons/1/settings/environment"
        data = {"environment-notes-APP_PASSWORD": SECRETS[0], "environment-notes-PIN": SECRETS[1]}
        owner.submit_form(page, data, page)
        owner.get("/rockons/1/settings/review")
        owner.get("/rockons", headers={"Authorization": f"Bearer {SECRETS[0]}"})
        owner.get("/api/rockons", headers={"Authorization": f"Bearer {SECRETS[1]}"})
        owner.get("/no/such", headers={"Cookie": f"x={SECRETS[0]}"})
        owner.post("/shares", data={"name": SECRETS[0]})  # refused: without the form's token
    assert clean(caplog.text)
