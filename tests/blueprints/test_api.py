"""The JSON API: its calls, who may make them, and what it answers when something is wrong."""

import base64
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from rockonweb.accounts import tokens, users
from rockonweb.blueprints import api
from rockonweb.blueprints.api import fields, login
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.operations.requests import UninstallRequest, blank_request
from rockonweb.host import Host, get_host
from rockonweb.models import (
    Installation,
    Kind,
    Network,
    Operation,
    Problem,
    Progress,
    RefreshReport,
    Role,
    State,
    Status,
    User,
    db,
    repository,
    transaction,
)
from rockonweb.work import operations, queue
from tests.support.app import (
    PASSWORD,
    FormClient,
    add_rockon,
    create_test_user,
    installation_of,
    make_shares,
    mark_installed,
    put_definitions,
)
from tests.support.docker_stand_in import FakeDocker
from tests.support.examples import example_settings
from tests.support.samples import label_questions, parse_rockon, port_question

SECRET = "blue horses dream"
CONTAINERS: Mapping[str, Mapping[str, Any]] = {
    "notes": {
        "volumes": {"/data": {"label": "Notes", "description": "Kept here.", "min_size": 1024}},
        "ports": {"80": port_question(8080, ui=True)},
        "environment": label_questions(TITLE="Title", PASSWORD="Password"),
        "devices": label_questions(gpu="Graphics"),
        "uid": -1,
    },
    "notes-db": {"ports": {"80": port_question(8081, "Other", "")}},
}
BODY = {
    "shares": {"files": "/data"},
    "ports": {"9001": 80, "9002": 80},
    "devices": {"gpu": ""},
    "environment": {"TITLE": "Mine", "PASSWORD": SECRET},
    "cc": {"name": "home"},
}
READS = ["volumes", "ports", "devices", "environment", "customconfig", "labels", "networks", "docker/containers"]
HOST_READS = ("/shares", "/pools", "/network", "/network/connections")
Call = Callable[..., TestResponse]


pytestmark = pytest.mark.usefixtures("docker")


@pytest.fixture(autouse=True)
def nobody_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "login_cache", login.LoginCache())


@pytest.fixture
def notes(app: Flask) -> Installation:
    """A rock-on that can be installed, and the share for it."""
    make_shares(app, ["files", "more"])
    return add_rockon(
        "Notes", CONTAINERS, custom_config=label_questions(name="Name"), ui={"slug": "login"}, volume_add_support=True,
        more_info="<p onclick=x>More.</p>",
    )  # fmt: skip


@pytest.fixture
def installed(notes: Installation, docker: FakeDocker) -> Installation:
    """The same, installed with everything answered, and running."""
    mark_installed(notes)
    docker.run_containers("Notes", "notes", "notes-db")
    with transaction():
        repository.store_answers(
            notes,
            Answers(
                shares={"notes": {"/data": "files"}},
                ports={"notes": {80: 9001}, "notes-db": {80: None}},
                devices={"notes": {"gpu": "/dev/null"}},
                environment={"notes": {"TITLE": "Mine", "PASSWORD": SECRET}},
                custom_config={"name": "home"},
                storage={"notes": {"/more": "more"}},
                labels={"notes": ["team=home"]},
                networks={"notes-db": ["garden"]},
            ),
        )
    return notes


def basic(name: str = "ada", password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def call(client: FormClient) -> Call:
    """`call("POST", "/rockons/1/stop", json=…)` as ada, an owner."""

    def make(method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> TestResponse:
        return client.open(f"/api{path}", method=method, headers=basic() if headers is None else headers, **options)

    return make


def refused(answer: TestResponse, status: int) -> str:
    """The sentences of a refusal, which is JSON whatever happens."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    found: str = (answer.json or {})["detail"]
    assert re.fullmatch(r"[A-Z\"][^<]*", found), found
    return found


def last() -> Operation:
    return db.session.query(Operation).order_by(Operation.id.desc())[0]


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_rockon_has_the_original_s_fields(call: Call, installed: Installation) -> None:
    assert call("GET", f"/rockons/{installed.id}").json == {
        "id": installed.id,
        "name": "Notes",
        "description": "",
        "version": "1",
        "state": "installed",
        "status": "started",
        "problem": "none",
        "problem_detail": None,
        "mend": False,
        "ask_page": True,
        "taskid": None,
        "link": "login",
        "website": "",
        "https": False,
        "icon": None,
        "ui": True,
        "volume_add_support": True,
        "more_info": "<p>More.</p>",
        "ui_port": 9001,
        "ui_publish": True,
        "host_network": False,
        "error": None,
        "down_since": None,
        "gave_up": False,
        "unreadable": None,
        "update_obstacle": None,
    }


def test_states_statuses_tasks_and_errors_are_told(call: Call, installed: Installation) -> None:
    with transaction():
        installed.status, installed.exit_code, installed.status_error = Status.EXITED, 3, "no luck"
        installed.error = "It failed."
    found = call("GET", f"/rockons/{installed.id}").json or {}
    assert (found["status"], found["error"]) == ("exitcode: 3 error: no luck", "It failed.")
    with transaction():
        installed.status, installed.problem, installed.status_error = Status.STARTED, Problem.UNHEALTHY, "not well"
    found = call("GET", f"/rockons/{installed.id}").get_json()
    assert (found["status"], found["problem"], found["problem_detail"]) == ("started", "unhealthy", "not well")
    operation = operations.submit_operation(installed, blank_request(Kind.STOP), "ada")
    found = call("GET", f"/rockons/{installed.id}").json or {}
    assert (found["status"], found["taskid"]) == ("pending_stop", str(operation))


def test_a_rockon_that_is_not_installed_names_the_suggested_port(call: Call, notes: Installation) -> None:
    found = call("GET", f"/rockons/{notes.id}").json or {}
    assert (found["state"], found["status"], found["ui_port"], found["ui_publish"]) == (
        *("available", "stopped", 8080, True),
    )


def test_after_an_uninstall_the_port_is_that_of_the_last_install_also_where_another_one_is_the_app_s_own_now(
    call: Call,
) -> None:
    rockon = mark_installed(
        add_rockon("App", {"web": {"ports": {"80": port_question(8080, ui=True), "81": port_question(8081)}}})
    )
    with transaction():
        rockon.containers[0].ports[1].host = 9191
        rockon.state, rockon.installed_source = State.AVAILABLE, None
    put_definitions(
        parse_rockon({"web": {"ports": {"80": port_question(8080), "81": port_question(8081, ui=True)}}}, "App")
    )
    assert (call("GET", f"/rockons/{rockon.id}").json or {})["ui_port"] == 9191


def test_on_the_host_s_network_the_port_is_the_container_s_own(call: Call) -> None:
    web = {"ports": {"80": port_question(8080, ui=True)}, "opts": [["--net=host", ""]]}
    hostly = add_rockon("Hostly", {"web": web})
    found = call("GET", f"/rockons/{hostly.id}").json or {}
    assert (found["host_network"], found["ui_port"]) == (True, 80)
    assert (call("GET", f"/rockons/ports/{hostly.id}").json or {})["results"][0]["hostp"] == 80


def part(call: Call, rockon: Installation, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (call("GET", f"/rockons/{name}/{rockon.id}").json or {})["results"]
    return found


def test_settings_have_the_original_s_fields(call: Call, installed: Installation) -> None:
    first, second = (one.id for one in installed.containers)
    ids = {name: [one.pop("id") for one in rows] for name in READS if (rows := part(call, installed, name))}
    assert all(len(set(found)) == len(found) for found in ids.values())
    shown = {
        name: [{k: v for k, v in one.items() if k != "id"} for one in part(call, installed, name)] for name in READS
    }
    words = {"description": "", "label": ""}
    share = {"min_size": None, **words, "share": "more", "share_name": "more"}
    assert shown["volumes"] == [
        {
            "container": first, "dest_dir": "/data", "uservol": False, "min_size": 1024, "label": "Notes",
            "description": "Kept here.", "share": "files", "share_name": "files",
        },
        {"container": first, "dest_dir": "/more", "uservol": True, **share},
    ]  # fmt: skip
    assert shown["ports"] == [
        {
            "container": first, "container_name": "notes", "hostp": 9001, "hostp_default": 8080, "containerp": 80,
            "protocol": "tcp", "uiport": True, "publish": True, "label": "Page", "description": "",
        },
        {
            "container": second, "container_name": "notes-db", "hostp": 8081, "hostp_default": 8081, "containerp": 80,
            "protocol": None, "uiport": False, "publish": False, "label": "Other", "description": "",
        },
    ]  # fmt: skip
    assert shown["devices"] == [{"container": first, "dev": "gpu", "val": "/dev/null", **words, "label": "Graphics"}]
    assert shown["environment"] == [
        {"container": first, "key": "TITLE", "val": "Mine", **words, "label": "Title"},
        {"container": first, "key": "PASSWORD", "val": "********", **words, "label": "Password"},
    ]
    assert shown["customconfig"] == [{"rockon": installed.id, "key": "name", "val": "home", **words, "label": "Name"}]
    assert shown["labels"] == [{"container": first, "key": "notes", "val": "team=home"}]
    assert shown["networks"] == [
        {"container": second, "container_name": "notes-db", "connection": "garden", "docker_name": "garden"}
    ]
    well = {"problem": "none", "problem_detail": None, "renamed": None}
    assert shown["docker/containers"] == [
        {
            "rockon": installed.id,
            "dimage": "example/notes:latest",
            "name": "notes",
            "launch_order": 1,
            "uid": -1,
            **well,
        },
        {
            "rockon": installed.id,
            "dimage": "example/notes-db:latest",
            "name": "notes-db",
            "launch_order": 2,
            "uid": None,
            **well,
        },
    ]


def test_what_was_never_answered_is_null(call: Call, notes: Installation) -> None:
    assert [one["val"] for one in part(call, notes, "environment")] == [None, None]
    assert [one["share_name"] for one in part(call, notes, "volumes")] == [None]
    assert [one["publish"] for one in part(call, notes, "ports")] == [True, True]


@pytest.mark.parametrize("role", list(Role))
def test_no_role_sees_a_secret(call: Call, installed: Installation, role: Role) -> None:
    create_test_user("bob", role)
    for path in (f"/rockons/{installed.id}", "/rockons", *(f"/rockons/{name}/{installed.id}" for name in READS)):
        answer = call("GET", path, headers=basic("bob"))
        assert answer.status_code == 200
        assert SECRET not in answer.text


def test_the_list_comes_in_pages(call: Call) -> None:
    for number in range(17):
        add_rockon(f"App {number:02}")
    first = call("GET", "/rockons").json or {}
    assert (first["count"], first["next"], first["previous"]) == (17, "http://localhost/api/rockons?page=2", None)
    assert [one["name"] for one in first["results"]] == [f"App {number:02}" for number in range(15)]
    second = call("GET", "/rockons?page=2").json or {}
    assert (second["next"], second["previous"]) == (None, "http://localhost/api/rockons")
    assert [one["name"] for one in second["results"]] == ["App 15", "App 16"]
    assert call("GET", "/rockons?page=last").json == (call("GET", "/rockons/?page=2").json or {}) | {
        "previous": "http://localhost/api/rockons"
    }
    few = call("GET", "/rockons?format=json&page_size=6&page=2&count=").json or {}
    assert few["next"] == "http://localhost/api/rockons?format=json&page_size=6&count=&page=3"
    assert [one["name"] for one in few["results"]] == [f"App {number:02}" for number in range(6, 12)]
    for size in ("9000", "10000", "99999999999999999999"):
        assert len((call("GET", f"/rockons?page_size={size}").json or {})["results"]) == 17


def test_a_list_that_is_not_there(call: Call) -> None:
    for page in ("2", "0", "-1", "x", "99999999999999999999"):
        assert refused(call("GET", f"/rockons?page={page}"), 404).startswith(f'There is no page "{page}"')
    for size in ("0", "-1", "x", "1.5"):
        assert "page_size" in refused(call("GET", f"/rockons?page_size={size}"), 400)
    assert call("GET", "/rockons").json == {"count": 0, "next": None, "previous": None, "results": []}


def test_what_left_the_catalogue_is_listed_while_it_is_installed(call: Call) -> None:
    gone, kept = add_rockon("Gone"), mark_installed(add_rockon("Kept"))
    with transaction():
        gone.entry.in_catalogue = kept.entry.in_catalogue = False
    assert [one["name"] for one in (call("GET", "/rockons").json or {})["results"]] == ["Kept"]


def test_a_definition_of_another_age_spoils_no_list(call: Call) -> None:
    old = add_rockon("Old")
    with transaction():
        old.entry.source = '{"containers": 7}'
    found = (call("GET", "/rockons").json or {})["results"]
    assert [(one["name"], one["ui"], one["ui_port"]) for one in found] == [("Old", False, None)]


@pytest.mark.parametrize("path", ["/rockons/", "/rockons/{id}/", *(f"/rockons/{name}/{{id}}/" for name in READS)])
def test_a_slash_at_the_end_changes_nothing(call: Call, installed: Installation, path: str) -> None:
    path = path.format(id=installed.id)
    assert call("GET", path).json == call("GET", path.rstrip("/")).json


def test_reading_writes_nothing_and_is_kept_by_no_cache(app: Flask, call: Call, installed: Installation) -> None:
    def content() -> list[str]:
        with sqlite3.connect(app.config["SETTINGS"].instance / "rockonweb.db") as file:
            return list(file.iterdump())

    before = content()
    for path in ("/rockons", f"/rockons/{installed.id}", *(f"/rockons/{name}/{installed.id}" for name in READS)):
        assert call("GET", path).headers["Cache-Control"] == "no-store"
    assert content() == before


# -- doing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        (Kind.START, "installed", "pending_start"),
        (Kind.STOP, "installed", "pending_stop"),
        (Kind.RESTART, "installed", "pending_start"),
        (Kind.UNINSTALL, "pending_uninstall", "started"),
    ],
)
@pytest.mark.parametrize("body", [{}, {"json": {}}, {"data": "anything"}])
def test_operations_begin(
    call: Call, installed: Installation, kind: Kind, state: str, status: str, body: dict[str, Any]
) -> None:
    answer = call("POST", f"/rockons/{installed.id}/{kind}/", **body)
    assert answer.status_code == 200
    found = answer.json or {}
    assert (found["id"], found["state"], found["status"]) == (installed.id, state, status)
    operation = last()
    assert (operation.kind, operation.user, found["taskid"]) == (kind, "ada", str(operation.id))


def test_an_install_begins_with_what_was_sent(call: Call, notes: Installation) -> None:
    answer = call("POST", f"/rockons/{notes.id}/install", data=json.dumps(BODY))  # as scripts without a content type do
    assert answer.status_code == 200, answer.text
    assert (answer.json or {})["state"] == "pending_install"
    found = repository.load_answers(notes)
    assert found.ports == {"notes": {80: 9001}, "notes-db": {80: 9002}}
    assert found.environment["notes"] == {"TITLE": "Mine", "PASSWORD": SECRET}
    operation = last()
    assert (operation.kind, operation.user, len(operation.reviewed_commands)) == (Kind.INSTALL, "ada", 2)
    assert SECRET not in answer.text + str(operation.reviewed)


def test_no_port_that_browsers_block_is_suggested_and_one_that_is_chosen_is_no_fault(call: Call) -> None:
    phone = add_rockon("Phone", {"phone": {"ports": {"80": port_question(5060, ui=True)}}})
    [port] = part(call, phone, "ports")
    assert (port["hostp"], port["hostp_default"]) == (5062, 5062)
    assert call("POST", f"/rockons/{phone.id}/install", json={"ports": {"5060": 80}}).status_code == 200


def test_a_port_that_was_not_published_is_published_by_the_next_install(
    call: Call, installed: Installation, docker: FakeDocker
) -> None:
    docker.known_containers.clear()
    with transaction():
        installed.state = State.AVAILABLE
    assert call("POST", f"/rockons/{installed.id}/install").status_code == 200
    assert repository.load_answers(installed).ports == {"notes": {80: 9001}, "notes-db": {80: 8081}}


def test_a_failed_install_is_repeated_with_its_own_answers(
    call: Call, installed: Installation, docker: FakeDocker
) -> None:
    docker.known_containers.clear()
    with transaction():
        installed.state = State.INSTALL_FAILED
    assert call("POST", f"/rockons/{installed.id}/install", json={}).status_code == 200
    assert repository.load_answers(installed).ports == {"notes": {80: 9001}, "notes-db": {80: None}}


def test_an_update_begins_and_the_rows_keep_what_is(call: Call, installed: Installation) -> None:
    before = repository.load_answers(installed)
    body = {"labels": {"colour=red": "notes-db"}, "cnets": {"notes": ["orchard"]}, "update_mode": "normal"}
    answer = call("POST", f"/rockons/{installed.id}/update", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json or {})["state"] == "pending_update"
    operation = last()
    assert (operation.kind, operation.user) == (Kind.CHANGE, "ada")
    wanted = operation.request.answers
    assert wanted.labels == {"notes": ["team=home"], "notes-db": ["colour=red"]}
    assert wanted.networks == {"notes": ["orchard"]}
    assert wanted.environment == before.environment
    assert repository.load_answers(installed) == before


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`ends(progress, error)`: the next refresh ends so as soon as it is on the queue."""

    def prepare(progress: Progress, error: str = "", data: dict[str, Any] | None = None) -> None:
        def work(_job: str, operation_id: int, **_options: object) -> None:
            with transaction() as session:
                session.get_one(Operation, operation_id).mark_finished(progress, error)
                if data is not None:
                    session.add(RefreshReport(content=json.dumps(data)))

        monkeypatch.setattr(queue, "enqueue_job", work)

    return prepare


def test_a_refresh_answers_when_it_is_done(call: Call, ends: Callable[..., None]) -> None:
    ends(Progress.DONE, data={"added": ["Notes"], "changed": []})
    answer = call("POST", "/rockons/update")
    assert (answer.status_code, answer.json) == (200, {"added": ["Notes"], "changed": []})


def test_a_refresh_that_fails_says_why(call: Call, ends: Callable[..., None]) -> None:
    ends(Progress.FAILED, "No catalogue could be loaded.")
    assert refused(call("POST", "/rockons/update/"), 503) == "No catalogue could be loaded."
    ends(Progress.CANCELLED, "Cancelled.")
    assert refused(call("POST", "/rockons/update"), 503) == "Cancelled."


def test_a_refresh_that_does_not_end_is_not_waited_for_forever(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "REFRESH_SECONDS", 0.4)
    assert "is still running: /operations/1" in refused(call("POST", "/rockons/update"), 503)


# -- what can't be ------------------------------------------------------------------------------------------------


def unchanged(rockon: Installation, state: State = State.AVAILABLE) -> bool:
    """Whether nothing was begun and nothing stored."""
    db.session.rollback()
    return db.session.query(Operation).count() == 0 and rockon.state is state


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"data": "{"}, 400, "The body is not JSON"),
        ({"data": {"shares": "x"}}, 400, "The body is not JSON"),
        ({"json": []}, 400, "The body must be a JSON object."),
        ({"json": {}}, 400, "environment.notes.PASSWORD: an answer is missing."),
        ({"json": {**BODY, "shares": {"nowhere": "/data"}}}, 400, 'There is no share "nowhere".'),
        ({"json": {**BODY, "ports": {"9001": 80}}}, 400, '{"ports": {"ID": {container port: host port}}}'),
        ({"json": {**BODY, "ports": {"1": {"80": 1}}, "x": 1}}, 400, '"x" is not a key of this body'),
        ({"json": {**BODY, "environment": {"77": {"TITLE": "x"}}}}, 400, 'Notes has no container "77".'),
        ({"data": b'{"x": "' + b"x" * 3_000_000 + b'"}'}, 413, "The body is too large."),
    ],
)
def test_an_install_that_can_t_be(
    call: Call, notes: Installation, options: dict[str, Any], status: int, words: str
) -> None:
    answer = call("POST", f"/rockons/{notes.id}/install", **options)
    assert words in refused(answer, status)
    assert unchanged(notes)
    assert repository.load_answers(notes).environment == {"notes": {}}


def test_every_fault_stands_alone_too(call: Call, notes: Installation) -> None:
    answer = call("POST", f"/rockons/{notes.id}/install", json={"x": 1, "y": 2})
    found = (answer.json or {})["faults"]
    assert found[:2] == [
        f'"{key}" is not a key of this body; it has shares, ports, devices, environment, cc.' for key in "xy"
    ]
    assert all(fault in (answer.json or {})["detail"] for fault in found)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"labels": {"x": "other"}}, 400, 'labels: Notes has no container "other".'),
        ({"shares": {"/x": "nowhere"}}, 400, 'There is no share "nowhere".'),
        ({"shares": {"data": "more"}}, 400, "A path in the app must start with a slash"),
        ({"shares": {"/data": "more"}}, 400, "something is mounted there in notes already"),
        ({"edit_ports": {"999": "checked"}}, 400, 'Notes has no port with the id "999".'),
        ({"cnets": {"notes": ["not a name"]}}, 400, "is not a network that a container can join"),
        ({"update_mode": "live", "labels": {"x": "notes"}}, 400, '"live" changes networks alone'),
    ],
)
def test_an_update_that_can_t_be(call: Call, installed: Installation, body: object, status: int, words: str) -> None:
    assert words in refused(call("POST", f"/rockons/{installed.id}/update", json=body), status)
    assert unchanged(installed, State.INSTALLED)


def test_the_ids_of_the_lists_are_good_after_the_install_too(call: Call, docker: FakeDocker) -> None:
    mark_installed(add_rockon("First", {"web": {}}))  # whose rows take the first ids
    entry = add_rockon(
        "Pair", {"aa": {"ports": {"80": port_question(7001)}}, "bb": {"ports": {"80": port_question(7002)}}}
    ).entry
    with transaction() as session:
        session.delete(session.get_one(Installation, entry.id))  # it was never installed

    def ids(part: str) -> list[int]:
        return [one["id"] for one in call("GET", f"/rockons/{part}/{entry.id}").json["results"]]

    containers, ports = ids("docker/containers"), ids("ports")
    assert len({*containers, *ports}) == 4
    body = {"ports": {str(containers[0]): {"80": 7101}, str(containers[1]): {"80": 7102}}}
    assert call("POST", f"/rockons/{entry.id}/install", json=body).status_code == 200
    assert repository.load_answers(installation_of(entry)).ports == {"aa": {80: 7101}, "bb": {80: 7102}}
    pair = mark_installed(installation_of(entry))
    assert (ids("docker/containers"), ids("ports")) == (containers, ports)
    assert containers == [one.id for one in pair.containers]
    with transaction() as session:
        for operation in session.query(Operation):
            session.delete(operation)
    body = {"labels": {"x=1": containers[1]}, "edit_ports": {str(ports[0]): "unchecked"}}
    assert call("POST", f"/rockons/{entry.id}/update", json=body).status_code == 200
    wanted = last().request.answers
    assert wanted.labels == {"bb": ["x=1"]}
    assert wanted.ports["aa"] == {80: None}


def test_a_port_of_another_rockon_is_none_of_this_one(call: Call, installed: Installation) -> None:
    other = mark_installed(add_rockon("Other", {"web": {"ports": {"80": port_question(7000)}}}))
    foreign = other.containers[0].ports[0].id
    body = {"edit_ports": {str(foreign): "unchecked"}}
    assert "has no port with the id" in refused(call("POST", f"/rockons/{installed.id}/update", json=body), 400)
    body = {"cnets": {str(other.containers[0].id): ["x"]}}
    assert "has no container" in refused(call("POST", f"/rockons/{installed.id}/update", json=body), 400)
    assert unchanged(installed, State.INSTALLED)


def test_ports_that_are_suggested_are_free_and_an_install_with_them_is_accepted(
    call: Call, notes: Installation, docker: FakeDocker
) -> None:
    docker.publish_ports(8080, 8081)
    suggested = (call("GET", f"/rockons/ports/{notes.id}").json or {})["results"]
    assert [(port["containerp"], port["hostp"], port["hostp_default"]) for port in suggested] == [
        (80, 8082, 8082),
        (80, 8083, 8083),
    ]
    body = {**BODY, "ports": {port["container"]: {port["containerp"]: port["hostp"]} for port in suggested}}
    assert call("POST", f"/rockons/{notes.id}/install", json=body).status_code == 200


def test_ports_that_are_left_out_take_free_ones(call: Call, notes: Installation, docker: FakeDocker) -> None:
    docker.publish_ports(8080)
    body = {key: value for key, value in BODY.items() if key != "ports"}
    assert call("POST", f"/rockons/{notes.id}/install", json=body).status_code == 200


def test_what_the_host_speaks_against_is_a_conflict(
    call: Call, notes: Installation, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.known_containers = {"notes": ContainerFacts("notes", id="x", state="running")}
    docker.publish_ports(9002)
    found = refused(call("POST", f"/rockons/{notes.id}/install", json=BODY), 409)
    assert 'A container named "notes" already exists' in found
    assert "Port 9002 (tcp) is in use by the container somebody." in found
    assert unchanged(notes)


def test_an_update_that_the_host_speaks_against_is_a_conflict(
    call: Call, installed: Installation, docker: FakeDocker
) -> None:
    docker.publish_ports(9500)
    body = {"ports": {str(installed.containers[0].id): {"80": 9500}}}
    found = refused(call("POST", f"/rockons/{installed.id}/update", json=body), 409)
    assert "Port 9500 (tcp) is in use by the container somebody." in found
    assert unchanged(installed, State.INSTALLED)


@pytest.mark.parametrize("command", ["update", "start", "stop", "restart", "uninstall"])
def test_what_is_not_installed_can_only_be_installed(call: Call, notes: Installation, command: str) -> None:
    said = refused(call("POST", f"/rockons/{notes.id}/{command}", json={}), 409)
    assert said.startswith("Notes is available" if command == "update" else "Notes is not installed.")
    assert unchanged(notes)


def test_what_is_installed_is_not_installed_again(call: Call, installed: Installation) -> None:
    assert "Notes is installed" in refused(call("POST", f"/rockons/{installed.id}/install", json=BODY), 409)
    assert unchanged(installed, State.INSTALLED)


@pytest.mark.parametrize("command", ["update", "start", "stop", "restart", "uninstall"])
def test_what_is_asked_of_a_busy_one_waits_in_line(call: Call, installed: Installation, command: str) -> None:
    operations.submit_operation(installed, blank_request(Kind.STOP), "ada")
    answer = call("POST", f"/rockons/{installed.id}/{command}", json={"labels": {"x": "notes"}})
    assert answer.status_code == 200, answer.text
    kinds = [operation.kind for operation in db.session.query(Operation).order_by(Operation.id)]
    asked = {"update": [Kind.CHANGE], "stop": []}.get(command, [Kind(command)])  # the same once more is one
    assert kinds == [Kind.STOP, *asked]


@pytest.mark.parametrize("command", ["update", "start", "stop", "restart"])
def test_nothing_waits_behind_an_uninstall(call: Call, installed: Installation, command: str) -> None:
    operations.submit_operation(installed, UninstallRequest(), "ada")
    assert refused(call("POST", f"/rockons/{installed.id}/{command}", json={"labels": {"x": "notes"}}), 409)
    assert db.session.query(Operation).count() == 1


def test_without_docker_nothing_is_installed_or_changed(call: Call, notes: Installation, docker: FakeDocker) -> None:
    docker.is_down = True
    assert "Docker does not answer." in refused(call("POST", f"/rockons/{notes.id}/install", json=BODY), 503)
    assert unchanged(notes)
    mark_installed(notes)
    assert "Docker does not answer." in refused(call("POST", f"/rockons/{notes.id}/update", json={}), 503)
    assert unchanged(notes, State.INSTALLED)


def test_without_a_queue_nothing_begins(app: Flask, call: Call, installed: Installation) -> None:
    del app.extensions["redis"]
    for path in (f"/rockons/{installed.id}/stop", f"/rockons/{installed.id}/update", "/rockons/update"):
        assert "The job queue does not answer." in refused(call("POST", path, json={}), 503)
    assert unchanged(installed, State.INSTALLED)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(
            ("GET", path, 404)
            for path in ("/rockons/99", "/rockons/99999999999999999999", "/rockons/x", "/x", "/x/y/z")
        ),
        *(("GET", f"/rockons/{name}/99", 404) for name in READS),
        *(("GET", f"/rockons/{name}", 404) for name in ("volumes", "docker/containers", "nonsense/1")),
        *(("POST", f"/rockons/99/{name}", 404) for name in ("install", "update", "start", "uninstall", "nonsense")),
        *(("POST", path, 405) for path in ("/rockons", "/rockons/1", "/rockons/ports/1")),
        *(("GET", path, 405) for path in ("/rockons/update", "/rockons/1/install", "/rockons/1/stop")),
        *((method, "/rockons/1", 405) for method in ("PUT", "PATCH", "DELETE")),
        *((method, path, 405) for method in ("POST", "PUT", "DELETE") for path in HOST_READS),
    ],
)
def test_unknown_things_and_wrong_methods(call: Call, method: str, path: str, status: int) -> None:
    answer = call(method, path)
    refused(answer, status)
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_database_in_trouble_is_told_in_json(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise OperationalError("SELECT secret", {}, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(fields, "count_rockons", fail)
    assert "The database is busy." in refused(call("GET", "/rockons"), 503)


def test_a_mistake_of_ours_shows_no_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "count_rockons", lambda: 1 / 0)
    assert "ZeroDivision" not in refused(call("GET", "/rockons"), 500)


# -- shares, disks and networks -----------------------------------------------------------------------------------


def test_shares_have_the_original_s_fields(app: Flask, call: Call) -> None:
    make_shares(app, ["photos", "Films"])
    root = get_host().shares.root
    (root / "photos").chmod(0o750)
    answer = call("GET", "/shares?sortby=name&page_size=100").json or {}
    assert (answer["count"], answer["next"], answer["previous"]) == (2, None, None)
    films, photos = answer["results"]
    assert (films["name"], photos["name"], photos["subvol_name"]) == ("Films", "photos", "photos")
    assert (photos["perms"], films["perms"]) == ("750", "755")
    assert f"{photos['owner']}:{photos['group']}" == f"{root.owner()}:{root.group()}"
    assert photos["size"] == photos["pool"]["size"] == shutil.disk_usage(root).total // 1024
    assert films["id"] != photos["id"]
    assert photos["id"] == ((call("GET", "/shares?page=2&page_size=1").json or {})["results"][0])["id"]
    assert {key for key, value in photos.items() if value is None} == {
        *("mount_status", "uuid", "compression_algo", "absent")
    }
    numbers = ("id", "size", "rusage", "eusage", "pqgroup_rusage", "pqgroup_eusage")
    assert all(type(photos[key]) is int for key in numbers)  # clients calculate with them
    assert (photos["snapshots"], photos["nfs_exports"], photos["is_mounted"]) == ([], [], True)


def test_what_is_used_of_a_share_is_told_where_it_is_a_disk_of_its_own(
    app: Flask, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shares(app, ["disk", "plain"])
    own = str(get_host().shares.root / "disk")
    free_and_total = (100 * 1024, 400 * 1024)
    monkeypatch.setattr(
        Host,
        "disk",
        lambda _, folder: Disk(*free_and_total, "ext4", own if folder == own else "/", "/dev/sd" + folder[-1]),
    )
    found = {share["name"]: share for share in (call("GET", "/shares").json or {})["results"]}
    assert {name: share["rusage"] for name, share in found.items()} == {"disk": 300, "plain": 0}


def test_pools_are_the_disks_that_hold_shares(app: Flask, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    make_shares(app, ["one", "two", "tmp"])
    tmp = Disk(1024, 4096, "tmpfs", "/x/tmp", "tmpfs")
    monkeypatch.setattr(
        Host, "disk", lambda _, f: tmp if f.endswith("tmp") else Disk(10_240, 20_480, "btrfs", f, "/dev/sdb1")
    )
    answer = call("GET", "/pools").json or {}
    assert answer["count"] == 2
    disk, memory = answer["results"]
    assert (disk["name"], disk["size"], disk["free"], disk["reclaimable"]) == ("/dev/sdb1", 20, 10, 0)
    assert (memory["name"], memory["free"], memory["disks"], memory["raid"]) == ("/x/tmp", 1, [], "unknown")


def test_networks_have_the_original_s_fields(call: Call, installed: Installation, docker: FakeDocker) -> None:
    with transaction() as session:
        spec = NetworkSpec("garden", subnet="10.5.0.0/16", aux_addresses=(("nas", "10.5.0.2"),), mtu=1400, icc=False)
        session.add(Network(network_spec=spec))
    docker.known_networks = {
        "bridge": NetworkFacts("bridge", driver="bridge", subnets=("172.17.0.0/16",)),
        "host": NetworkFacts("host", driver="host"),
        "none": NetworkFacts("none", driver="null"),
        "garden": NetworkFacts("garden", ("notes-db",), ours=True, driver="bridge", id="abc"),
        "theirs": NetworkFacts("theirs", driver="macvlan"),
    }
    rows = (call("GET", "/network").json or {})["results"]
    assert rows == (call("GET", "/network/connections").json or {})["results"]
    assert [(row["docker_name"], row["user_dnet"], row["ctype"]) for row in rows] == [
        ("bridge", False, "bridge"),
        ("garden", True, "bridge"),
        ("theirs", False, None),
    ]
    bridge, garden, _ = rows
    assert bridge["docker_options"]["subnet"] == "172.17.0.0/16"
    assert (garden["mtu"], bridge["mtu"], garden["state"], garden["uuid"]) == (1400, 1500, "activated", "abc")
    assert garden["docker_options"] == {
        "aux_address": "nas=10.5.0.2",
        "dgateway": None,
        "host_binding": None,
        "icc": False,
        "internal": False,
        "ip_masquerade": True,
        "ip_range": None,
        "subnet": "10.5.0.0/16",
        "containers": ["notes-db (Notes)"],
    }


def test_without_docker_no_list_of_networks_is_given(call: Call, docker: FakeDocker) -> None:
    docker.is_down = True
    assert "Docker does not answer." in refused(call("GET", "/network"), 503)
    assert call("GET", "/shares").status_code == call("GET", "/pools").status_code == 200


# -- who calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "method", "path", "allowed"),
    [
        *((Role.VIEWER, "GET", path, True) for path in ("/rockons", "/rockons/{id}", *HOST_READS)),
        *((Role.VIEWER, "GET", f"/rockons/{name}/{{id}}", True) for name in READS),
        *((Role.VIEWER, "POST", f"/rockons/{{id}}/{name}", False) for name in ("start", "stop", "restart")),
        *((Role.OPERATOR, "POST", f"/rockons/{{id}}/{name}", True) for name in ("start", "stop", "restart")),
        *((Role.OPERATOR, "POST", f"/rockons/{{id}}/{name}", False) for name in ("install", "update", "uninstall")),
        (Role.OPERATOR, "POST", "/rockons/update", False),
    ],
)
def test_roles(call: Call, installed: Installation, role: Role, method: str, path: str, allowed: bool) -> None:
    create_test_user("bob", role)
    answer = call(method, path.format(id=installed.id), headers=basic("bob"))
    if allowed:
        assert answer.status_code == 200
    else:
        assert refused(answer, 403).startswith("Your account may not do this.")
        assert db.session.query(Operation).count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ada", "wrong"),
        basic("nobody"),
        basic("a\0da"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YWRh"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Digest username=ada"},
        {"Authorization": "nonsense"},
    ],
)
def test_without_a_login_that_is_right_nothing_is_told(
    call: Call, installed: Installation, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/rockons"), ("POST", f"/rockons/{installed.id}/stop")):
        answer = call(method, path, headers=headers)
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert db.session.query(Operation).count() == 0


def test_a_token_stands_for_its_account(call: Call, installed: Installation) -> None:
    create_test_user("viv", Role.VIEWER)
    for name, status in (("ada", 200), ("viv", 403)):
        token = {"Authorization": f"Bearer {tokens.create_token(users.get_user(name))}"}
        assert call("GET", "/rockons", headers=token).status_code == 200
        assert call("POST", f"/rockons/{installed.id}/stop", headers=token).status_code == status


def test_a_browser_s_session_reads_but_changes_nothing_without_its_token(
    owner_client: FormClient, installed: Installation
) -> None:
    stop = f"/api/rockons/{installed.id}/stop"
    assert owner_client.get("/api/rockons").status_code == 200
    assert "X-CSRFToken" in refused(owner_client.post(stop), 400)
    assert "X-CSRFToken" in refused(owner_client.post(stop, headers={"X-CSRFToken": "made up"}), 400)
    assert db.session.query(Operation).count() == 0
    token = owner_client.csrf_token("/rockons")
    assert owner_client.post(stop, headers={"X-CSRFToken": token}).status_code == 200


def test_a_wrong_login_is_not_made_good_by_a_session(owner_client: FormClient, installed: Installation) -> None:
    headers = {**basic("ada", "wrong"), "X-CSRFToken": owner_client.csrf_token("/rockons")}
    refused(owner_client.get("/api/rockons", headers=headers), 401)
    refused(owner_client.post(f"/api/rockons/{installed.id}/stop", headers=headers), 401)
    assert db.session.query(Operation).count() == 0


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
    ],
)
def test_a_page_of_another_site_can_t_use_a_login_that_the_browser_remembers(
    call: Call, installed: Installation, told: dict[str, str], status: int
) -> None:
    assert call("POST", f"/rockons/{installed.id}/stop", headers={**basic(), **told}).status_code == status
    assert (db.session.query(Operation).count() == 0) is (status == 403)


def test_passwords_can_t_be_guessed_fast(call: Call) -> None:
    paths = ["/rockons", "/rockons/1", "/rockons/ports/1", "/rockons/1", "/rockons", "/rockons/volumes/1"]
    codes = [call("GET", path, headers=basic("ada", f"wrong {n}")).status_code for n, path in enumerate(paths)]
    assert codes == [401] * 5 + [429]
    assert re.search(r"Try again in \d+ seconds?\.", refused(call("GET", "/rockons"), 429))
    create_test_user("bob")
    assert call("GET", "/rockons", headers=basic("bob")).status_code == 200


def test_nobody_tries_many_names_fast(call: Call) -> None:
    codes = {call("GET", "/rockons", headers=basic(f"user{n}", "wrong")).status_code for n in range(30)}
    assert codes == {401}
    assert call("GET", "/rockons", headers=basic("user31")).status_code == 429


@pytest.mark.parametrize("header", ["Bearer revoked", "Bearer", "Token revoked", "Digest username=ada", "nonsense"])
def test_what_is_no_password_locks_nobody_out_who_has_one(call: Call, header: str) -> None:
    codes = [call("GET", "/rockons", headers={"Authorization": header}).status_code for _ in range(40)]
    assert set(codes) == {401, 429}
    assert call("GET", "/rockons", headers=basic()).status_code == 200


def test_calls_without_a_login_and_good_ones_do_not_count(call: Call) -> None:
    assert {call("GET", "/rockons", headers={}).status_code for _ in range(40)} == {401}
    assert {call("GET", "/rockons").status_code for _ in range(40)} == {200}


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names whose passwords were really checked."""
    names: list[str] = []
    really = users.authenticate

    def check(name: str, password: str) -> User | None:
        names.append(name)
        return really(name, password)

    monkeypatch.setattr(users, "authenticate", check)
    return names


def test_a_script_that_polls_has_its_password_checked_once(call: Call, checked: list[str]) -> None:
    assert {call("GET", "/rockons").status_code for _ in range(3)} == {200}
    assert checked == ["ada"]
    refused(call("GET", "/rockons", headers=basic("ada", "wrong")), 401)
    refused(call("GET", "/rockons", headers=basic("ad", f"a{PASSWORD}")), 401)
    assert checked == ["ada", "ada", "ad"]


def test_a_login_is_remembered_for_a_while_only(
    call: Call, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LOGIN_CACHE_SECONDS", 0)
    call("GET", "/rockons")
    call("GET", "/rockons")
    assert checked == ["ada", "ada"]


def test_a_new_password_and_a_removed_account_count_at_once(call: Call) -> None:
    create_test_user("bob")
    for name in ("ada", "bob"):
        assert call("GET", "/rockons", headers=basic(name)).status_code == 200
    with transaction() as session:
        ada = session.scalars(select(User).where(User.name == "ada")).one()
        ada.password_hash = users._hasher.hash("another password")
        session.delete(session.scalars(select(User).where(User.name == "bob")).one())
    for name in ("ada", "bob"):
        refused(call("GET", "/rockons", headers=basic(name)), 401)


def test_few_logins_are_remembered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MAX_CACHED_LOGINS", 2)
    user = db.session.scalars(select(User)).one()
    passed = login.LoginCache()
    for name in ("one", "two", "three"):
        passed.store_login(name, "x", user)
    assert [passed.find_user(name, "x") for name in ("one", "two", "three")] == [None, user, user]


# -- its page -----------------------------------------------------------------------------------------------------


def test_the_page_tells_of_every_call(app: Flask, owner_client: FormClient) -> None:
    text = owner_client.get("/api").text
    assert owner_client.get("/api/").status_code == 200
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.guide":
            any_of = re.search(r"<any\(([^)]+)\):\w+>", rule.rule)
            for one in any_of[1].split(", ") if any_of else [""]:
                path = re.sub(r"<any[^>]+>", one, rule.rule)
                path = re.sub(r"<\w+>", "NAME", re.sub(r"<int:\w+>", "ID", path))
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                assert f"{method} {path}</code>" in text, path
    for status in ("400", "401", "403", "404", "405", "409", "413", "429", "503"):
        assert f"<code>{status}</code>" in text


def test_the_page_is_for_those_who_are_logged_in_and_has_a_link(client: FormClient, viewer: FormClient) -> None:
    answer = client.get("/api")
    assert (answer.status_code, answer.location) == (303, "/login?next=/api")
    assert viewer.get("/api").status_code == 200
    assert 'href="/api"' in viewer.get("/rockons").text


# -- whatever is sent ---------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
# Words that mean something somewhere, also where they do not belong.
WORDS = st.sampled_from(
    [
        *("files", "more", "files/inside", "/data", "/more", "/new", "..", "../etc", "files/../more", "/", "", "-v"),
        *("a:b", "TITLE", "PASSWORD", "gpu", "/dev/null", "name", "garden", "orchard", "host", "none", "bridge"),
        *("normal", "live", "80", "9001", "9002", "0", "65536", "99999999999", "1e3", "checked", "unchecked"),
        *("team=home", "a\0b", "\ud800", "********", "rockonweb.rockon=Other", "x" * 300, "--privileged", "$(id)"),
        *("\u202e", "\u2215", "a\nb"),
    ]
)
NUMBERS = st.integers(-1, 4) | st.sampled_from([80, 9001, 9002, 65536, 2**31, 2**70, 1.5, float("inf"), True])
NAMES = st.sampled_from(["notes", "notes-db", "1", "2", "3", "01", "-1"])
LEAVES = WORDS | NUMBERS | st.none() | ANYTHING
FLAT = st.dictionaries(WORDS | NAMES, LEAVES, max_size=4)
NESTED = st.dictionaries(NAMES | WORDS, FLAT | st.lists(LEAVES, max_size=3) | LEAVES, max_size=3)
SENT_PARTS = ("shares", "ports", "devices", "environment", "cc", "labels", "edit_ports", "cnets", "update_mode")
SENT = st.fixed_dictionaries({}, optional=dict.fromkeys(SENT_PARTS, FLAT | NESTED | LEAVES))
BODIES = SENT | SENT.map(lambda sent: {**BODY, **sent}) | ANYTHING | st.dictionaries(WORDS, ANYTHING, max_size=3)
SPOILED = st.sampled_from(
    [b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b"\xff\xfe{}", b"[" * 50_000, b'{"cc":1e999999999}']
)
LONG = example_settings(200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@LONG
@given(action=st.sampled_from(["install", "update"]), body=BODIES.map(lambda body: json.dumps(body).encode()) | SPOILED)
def test_whatever_is_sent_there_is_a_sentence(
    call: Call, installed: Installation, docker: FakeDocker, action: str, body: bytes
) -> None:
    """Never a failure of ours, never a traceback; what is accepted is one operation."""
    with transaction() as session:
        session.execute(delete(Operation))
        installed.state = State.INSTALLED if action == "update" else State.AVAILABLE
    docker.known_containers.clear()
    if action == "update":
        docker.run_containers("Notes", "notes", "notes-db")
    answer = call("POST", f"/rockons/{installed.id}/{action}", data=body)
    begun = [one.kind for one in db.session.scalars(select(Operation))]
    if answer.status_code == 200:
        assert begun == [Kind.CHANGE if action == "update" else Kind.INSTALL]
    else:
        assert begun == []
        assert answer.status_code in (400, 409), answer.text
        assert answer.mimetype == "application/json"
        said = (answer.json or {})["detail"]
        assert said[:1].isupper() or said[:1] == '"', said
        assert "Traceback" not in said
        assert "went wrong in Rockonweb" not in said
