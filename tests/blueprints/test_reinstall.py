"""Installing again what was installed before: nothing is submitted that nobody has seen, on each face."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from werkzeug.test import TestResponse

from rockonweb.accounts import tokens, users
from rockonweb.core.answers.answers import Answers
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.models import Installation, Kind, Operation, Progress, State, db, repository, transaction
from rockonweb.work.submission import review_or_refuse, submit_review
from tests.support.app import FormClient, add_rockon, installation_by_id
from tests.support.command_line import CommandLine
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import visible_text
from tests.support.queue_server import QueueServer
from tests.support.samples import definition_source, label_questions

OPTIONS = [["-v", "/etc:/hostetc"], ["-v", "/var/run/docker.sock:/var/run/docker.sock"], ["--cap-add", "SYS_ADMIN"]]
SENTENCES = (
    "notes can read and change /etc on this host.",
    "notes has access to the Docker socket (/var/run/docker.sock) and can do anything on this host through it.",
    "notes has the capability SYS_ADMIN on this host.",
)
BODY: dict[str, Any] = {"environment": label_questions(TITLE="Title")}
ANSWERS = Answers(environment={"notes": {"TITLE": "Mine"}})


def offer(**more: Any) -> None:
    """Let the catalogue have this definition of Notes."""
    add_rockon("Notes", {"notes": {**BODY, **more}})


@pytest.fixture
def notes(owner_client: FormClient, docker: FakeDocker) -> Installation:
    """A rock-on that was installed and uninstalled again."""
    offer()
    installation = installation_by_id(1)
    operation_id = submit_review(review_or_refuse(installation, InstallRequest(ANSWERS)), "ada")
    uninstall(operation_id)
    return installation_by_id(1)


def uninstall(operation_id: int) -> None:
    """Let the rows say that an install succeeded, and that it was uninstalled since."""
    with transaction() as session:
        session.get_one(Operation, operation_id).mark_finished(Progress.DONE)
        installation = installation_by_id(1)
        installation.state, installation.installed_source = State.AVAILABLE, None


def installs() -> list[Operation]:
    """The installs that wait or run."""
    return db.session.query(Operation).filter_by(kind=Kind.INSTALL, progress=Progress.QUEUED).all()


def press(client: FormClient) -> TestResponse:
    return client.submit_form("/rockons/1/reinstall", page="/rockons/1")


def test_the_same_definition_with_the_answers_of_last_time_goes_on(owner_client: FormClient, notes: object) -> None:
    assert press(owner_client).location == "/operations/2"
    assert repository.load_answers(installation_by_id(1)).environment == {"notes": {"TITLE": "Mine"}}


def test_another_definition_is_shown_with_what_is_new_before_anything_is_submitted(
    owner_client: FormClient, notes: object
) -> None:
    offer(opts=OPTIONS)
    answer = press(owner_client)
    assert answer.location == "/rockons/1/install/summary"
    assert not installs()
    page = owner_client.get(answer.location)
    text = visible_text(page.text)
    for words in (*SENTENCES, "What changed since the last install", "--cap-add SYS_ADMIN", "Mine"):
        assert words in text
    assert 'name="confirm"' in page.text


@pytest.mark.parametrize("changed", [{"image": "example/other"}, {"cmd_arguments": [["serve", "--all"]]}])
def test_any_other_definition_is_shown_first(owner_client: FormClient, notes: object, changed: dict[str, Any]) -> None:
    offer(**changed)
    assert press(owner_client).location == "/rockons/1/install/summary"
    assert not installs()


def test_what_is_repeated_is_the_definition_that_was_reviewed(owner_client: FormClient, notes: Installation) -> None:
    press(owner_client)
    with transaction() as session:
        session.get_one(Operation, 2).mark_finished(Progress.FAILED)
        installation_by_id(1).state = State.INSTALL_FAILED
    offer(opts=OPTIONS)
    assert owner_client.submit_form("/operations/2/retry", page="/operations/2").location == "/operations/3"
    assert not installation_by_id(1).current_definition.containers["notes"].run_options.capabilities
    uninstall(3)
    assert press(owner_client).location == "/rockons/1/install/summary"


def test_what_was_last_installed_from_an_unknown_definition_is_shown_first(
    owner_client: FormClient, notes: Installation
) -> None:
    with transaction():
        installation_by_id(1).last_source = None
    assert press(owner_client).location == "/rockons/1/install/summary"


@pytest.fixture
def install(owner_client: FormClient) -> Callable[[dict[str, Any]], TestResponse]:
    """Install Notes by the API."""
    headers = {"Authorization": f"Bearer {tokens.create_token(users.get_user('ada'), '')}"}
    return lambda body: owner_client.post("/api/rockons/1/install", data=json.dumps(body), headers=headers)


def test_the_api_refuses_new_permissions_until_they_are_confirmed(
    install: Callable[[dict[str, Any]], TestResponse], notes: object
) -> None:
    offer(opts=OPTIONS)
    body = {"environment": {"TITLE": "Other"}}
    answer = install(body)
    assert answer.status_code == 409
    detail = answer.json["detail"]  # type: ignore[index]
    assert all(sentence in detail for sentence in SENTENCES)
    assert install({**body, "confirm": "something"}).status_code == 409
    assert not installs()
    code = detail.rpartition('"confirm": "')[2].partition('"')[0]
    assert install({**body, "confirm": code}).status_code == 200
    assert len(installs()) == 1


def test_the_api_refuses_what_was_last_installed_from_an_unknown_definition(
    install: Callable[[dict[str, Any]], TestResponse], notes: object
) -> None:
    with transaction():
        installation_by_id(1).last_source = None
    assert install({}).status_code == 409
    assert install({"environment": {"TITLE": "Other"}}).status_code == 200


def test_the_api_goes_on_with_answers_to_a_definition_without_new_permissions(
    install: Callable[[dict[str, Any]], TestResponse], notes: object
) -> None:
    offer(image="example/other")
    answer = install({})  # all as last time
    assert (answer.status_code, "image changed" in answer.text) == (409, True)
    assert install({"environment": {"TITLE": "Other"}}).status_code == 200


def test_the_command_line_refuses_new_permissions_until_they_are_confirmed(
    command_line: CommandLine, docker: FakeDocker, queue_server: QueueServer
) -> None:
    def refresh(**more: Any) -> None:
        (command_line.instance / "rockons").mkdir(exist_ok=True)
        source = definition_source({"notes": {**BODY, **more}}, "Notes")
        (command_line.instance / "rockons" / "notes.json").write_text(source)
        assert command_line.run("catalog", "refresh").returncode == 0

    def install(*arguments: str) -> Any:
        return command_line.run(
            *("install", "Notes", "--answers", "-", *arguments),
            stdin=json.dumps(ANSWERS.to_dict()),
            REDIS_URL=queue_server.url,
        )

    refresh()
    assert install().returncode == 0
    with closing(sqlite3.connect(command_line.database)) as database, database:
        database.execute("UPDATE operation SET progress = 'DONE'")
        database.execute("UPDATE installation SET state = 'AVAILABLE', installed_source = NULL")
    refresh(opts=OPTIONS)
    done = install()
    assert done.returncode == 1
    assert all(sentence in done.stderr for sentence in SENTENCES)
    code = done.stderr.rpartition("--confirm ")[2].strip(" .\n")
    assert install("--confirm", code).returncode == 0
