"""Whoever asks, and however: the same answers give the same lines and the same rows, and the same facts are told.

Each face is asked in its own words: fields of a page, the original's body, a command, for an install also a backup.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import resolve_host_ports
from rockonweb.core.definition.parser import ParsedDefinition, parse_definitions
from rockonweb.core.facts import LayerFacts, UnsavedFolder
from rockonweb.core.formats.backup import Backup, SavedRockOn, backup_to_json
from rockonweb.core.operations.lifecycle import Kind, Progress, State
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.core.questions import wizard
from rockonweb.core.status.status import Problem, Status
from rockonweb.core.status.updates import UpdateStatus
from rockonweb.host import Host
from rockonweb.models import (
    ContainerImage,
    Episode,
    Installation,
    Maintenance,
    Operation,
    RegistryLogin,
    Share,
    db,
    maintenance_until,
    repository,
    transaction,
    utc_now,
)
from rockonweb.work import operations, restore
from rockonweb.work.review import prepare_review
from tests.support import samples
from tests.support.app import (
    PASSWORD,
    FormClient,
    add_rockon,
    installation_by_id,
    make_shares,
    mark_installed,
    new_visitor,
    put_definitions,
)
from tests.support.command_line import CommandLine
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import visible_text
from tests.support.queue_server import QueueServer
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer
from tests.support.samples import NAMES

FOLDER = os.environ.get("ROCKONWEB_TEST_REGISTRY")
FILES = sorted(path for path in Path(FOLDER).glob("*.json") if path.name != "root.json") if FOLDER else []
FACES = ("wizard", "api", "command line", "restore")


def everything() -> Iterator[object]:
    """The project's own definitions, and all published ones where there is a folder of them."""
    for name in NAMES:
        for place, one in enumerate(samples.parsed_file(name)):
            yield pytest.param(one, id=f"{name}-{place}")
    for file in FILES:
        for place, one in enumerate(parse_definitions(file.read_bytes())):
            yield pytest.param(one, id=f"{file.stem}-{place}", marks=pytest.mark.registry)


def chosen(found: ParsedDefinition) -> Answers:
    """An answer of its own to each question; ports that the definition does not suggest, on the host's network too."""
    definition, number = found.definition, iter(range(20_000, 60_000))
    devices = dict.fromkeys([name for spec in definition.containers.values() for name in spec.devices], "/dev/null")
    settings = {key: f"{key}.example" for key in definition.custom_config}
    per = definition.containers.items()
    return Answers(
        shares={name: {path: f"share-{next(number)}" for path in spec.volumes} for name, spec in per if spec.volumes},
        ports={name: {port: next(number) for port in spec.port_specs} for name, spec in per if spec.port_specs},
        devices={name: {device: devices[device] for device in spec.devices} for name, spec in per if spec.devices},
        environment={
            name: {key: str(next(number)) for key in spec.environment} for name, spec in per if spec.environment
        },
        custom_config=settings,
    )


class Asker:
    """Asks for the install of a rock-on by each face, and takes it back after that."""

    def __init__(
        self, app: Flask, client: FormClient, command_line: CommandLine, queue_url: str, found: ParsedDefinition
    ) -> None:
        self.client, self.command_line, self.found = client, command_line, found
        self.settings = app.config["SETTINGS"]
        self.environ = {
            "ROCKONWEB_INSTANCE": str(self.settings.instance),
            "ROCKONWEB_SHARES_ROOT": str(self.settings.shares_root),
            "REDIS_URL": queue_url,
        }
        [self.id] = put_definitions(found)
        self.answers = chosen(found)
        for share in self.answers.used_shares():
            Host(self.settings).shares.create_share(share)

    @property
    def rockon(self) -> Installation:
        db.session.rollback()
        found = repository.find_installation(self.id)
        assert found
        return found

    def by_wizard(self) -> None:
        definition, here = self.rockon.parse_definition(self.found.source), f"/rockons/{self.id}/install"
        values = wizard.values_from_answers(definition, self.answers)
        for page in wizard.wizard_pages(definition)[:-1]:
            fields = {ask.name: values.get(ask.name, "") for ask in wizard.page_questions(definition, page)}
            answer = self.client.submit_form(f"{here}/{page}", {**fields, "Next": ""})
            assert answer.status_code == 303, (page, answer.text)
        answer = self.client.submit_form(f"{here}/summary", {"Submit": ""})
        assert answer.status_code == 303, answer.text

    def by_api(self) -> None:
        ids = {one.name: str(one.id) for one in self.rockon.containers}
        given = self.answers
        devices = {name: value for by in given.devices.values() for name, value in by.items()}
        body: dict[str, Any] = {
            "shares": {ids[name]: {share: path for path, share in by.items()} for name, by in given.shares.items()},
            "ports": {ids[name]: {str(port): host for port, host in by.items()} for name, by in given.ports.items()},
            "devices": devices,
            "environment": {ids[name]: by for name, by in given.environment.items()},
            "cc": given.custom_config,
        }
        answer = self.client.post(f"/api/rockons/{self.id}/install", json=body, headers=basic())
        assert answer.status_code == 200, answer.text

    def by_command_line(self) -> None:
        done = self.command_line.run(
            "install", self.found.definition.name, "--answers", "-", stdin=json.dumps(self.answers.to_dict()),
            **self.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def by_restore(self) -> None:
        source = self.found.source
        saved = SavedRockOn(self.found.definition.name, True, source, source, self.answers.to_dict())
        number = restore.create_restore(backup_to_json(Backup("", "", (saved,))).encode(), "", "ada")
        restore.apply_restore(number, {}, "ada")

    def ask(self, face: str) -> tuple[list[str], Answers, State]:
        """Return the lines that were reviewed, the answers that were stored, and the state; then take it back."""
        {
            "wizard": self.by_wizard,
            "api": self.by_api,
            "command line": self.by_command_line,
            "restore": self.by_restore,
        }[face]()
        db.session.rollback()
        query = db.session.query(Operation).filter_by(installation_id=self.id, kind=Kind.INSTALL)
        operation = query.order_by(Operation.id.desc()).first()
        assert operation is not None, face
        job = prepare_review(self.rockon, operation.request, None)
        assert job.reviewed_lines == operation.reviewed_commands, "what the job assembles is what was reviewed"
        outcome = operation.reviewed_commands, repository.load_answers(self.rockon), self.rockon.state
        operations.cancel_operation(operation.id)
        assert db.session.get_one(Operation, operation.id).progress is Progress.CANCELLED
        return outcome


def basic() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}


@pytest.fixture
def asker(
    app: Flask,
    owner_client: FormClient,
    docker: FakeDocker,
    redis: Redis,
    queue_server: QueueServer,
    command_line: CommandLine,
) -> Callable[[ParsedDefinition], Asker]:
    """`asker(definition)` has it in the catalogue and its shares made."""
    return lambda found: Asker(app, owner_client, command_line, queue_server.url, found)


@pytest.mark.parametrize("found", list(everything()))
def test_each_face_gives_the_same_lines_and_rows(
    asker: Callable[[ParsedDefinition], Asker], found: ParsedDefinition
) -> None:
    one = asker(found)
    outcomes = {face: one.ask(face) for face in FACES}
    lines, answers, state = outcomes["wizard"]
    assert state is State.PENDING_INSTALL
    assert answers.ports == resolve_host_ports(found.definition, one.answers).ports
    assert len(lines) >= len(found.definition.containers)
    for face in FACES[1:]:
        assert outcomes[face] == (lines, answers, state), face


# -- an installed app and its surroundings ----------------------------------------------------------------------------

VOLUME = {"web": {"volumes": {"/data": {"label": "", "description": ""}}}}


class Faces:
    """The pages, the API and the command line of one instance; each is asked for the same things."""

    def __init__(self, app: Flask, client: FormClient) -> None:
        self.client, self.visitor, self.runner = client, new_visitor(app), app.test_cli_runner()

    def submit(self, page: str, path: str, **fields: str) -> None:
        assert self.client.submit_form(path, fields, page=page).status_code == 303

    def call(self, path: str, body: object = None) -> Any:
        basic_auth = {"auth": ("ada", PASSWORD)}
        answer = (
            self.visitor.get(f"/api{path}", **basic_auth)
            if body is None
            else self.visitor.post(f"/api{path}", json=body, **basic_auth)
        )
        assert answer.status_code == 200, answer.text
        return answer.json

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        result = self.runner.invoke(args=arguments, input=stdin)
        assert result.exit_code == 0, result.output
        db.session.rollback()
        return result.stdout


@pytest.fixture
def faces(app: Flask, owner_client: FormClient) -> Faces:
    return Faces(app, owner_client)


@pytest.fixture
def notes(app: Flask) -> Installation:
    make_shares(app, ["films"])
    rockon = mark_installed(add_rockon("Notes", VOLUME))
    with transaction():
        rockon.containers[0].volumes[0].share = "films"
    return rockon


@pytest.mark.parametrize(
    ("status", "problem", "sentence"),
    [
        (Status.STOPPED, Problem.SHARE_ABSENT, "its share is absent"),
        (Status.STARTED, Problem.UNHEALTHY, "the container web is unhealthy according to its own health check"),
        (Status.EXITED, Problem.MISSING, "the container web does not exist"),
        (Status.STARTED, Problem.NONE, ""),
    ],
)
def test_what_is_wrong_with_an_app(
    faces: Faces, notes: Installation, status: Status, problem: Problem, sentence: str
) -> None:
    with transaction():
        notes.status, notes.problem, notes.status_error = status, problem, sentence
    facts = {"status": notes.status_text, "problem": problem.value, "problem_detail": sentence or None}
    row = faces.call("/rockons/1")
    [line] = json.loads(faces.run("catalog", "list", "--json"))
    assert {key: row[key] for key in facts} == {key: line[key] for key in facts} == facts
    assert sentence in visible_text(faces.client.get("/rockons/1").text)
    assert sentence in visible_text(faces.client.get("/rockons").text)
    assert sentence in faces.run("catalog", "list")


def test_what_else_a_page_says_of_an_app(faces: Faces, notes: Installation) -> None:
    began = utc_now()
    with transaction() as session:
        notes.status, notes.problem, notes.status_error = Status.STARTED, Problem.UNHEALTHY, "it is unhealthy"
        notes.auto_update, notes.newer_images, notes.auto_obstacle = True, True, "Its disk is full."
        notes.containers[0].docker_name = "old-web"
        session.add(Episode(installation_id=notes.id, problem=Problem.UNHEALTHY, began=began, gave_up=True, reason=""))
    row, page = faces.call("/rockons/1"), visible_text(faces.client.get("/rockons/1").text)
    assert (row["down_since"], row["gave_up"]) == (began.isoformat(timespec="seconds"), True)
    assert "did not stay well, so that is not tried any more" in page
    assert faces.call("/rockons/docker/containers/1")["results"][0]["renamed"] == "old-web"
    assert "renamed to old-web" in page
    assert row["update_obstacle"] == "Its disk is full."
    assert "Its disk is full." in faces.client.get("/rockons/1/updates").text
    with transaction():
        notes.installed_source = "{"
    unreadable = faces.call("/rockons/1")["unreadable"]
    assert unreadable.startswith("The definition of Notes can't be read")
    assert unreadable in visible_text(faces.client.get("/rockons/1").text)


def test_how_an_app_is_watched(faces: Faces, notes: Installation) -> None:
    asks: dict[str, Callable[[], object]] = {
        "page": lambda: faces.submit("/rockons/1/history", "/rockons/1/watch", mend="y"),
        "api": lambda: faces.call("/rockons/1/watch", {"mend": True, "ask_page": False}),
        "command line": lambda: faces.run("watching", "Notes", "--mend", "--no-ask-page"),
    }
    for face, ask in asks.items():
        with transaction():
            installation = installation_by_id(1)
            installation.mend, installation.ask_page = False, True
        ask()
        row = faces.call("/rockons/1")
        assert (row["mend"], row["ask_page"]) == (True, False), face
        assert faces.run("watching", "Notes") == "mend: yes\nask-page: no\n", face


def test_maintenance(faces: Faces) -> None:
    asks: dict[str, Callable[[], object]] = {
        "page": lambda: faces.submit("/notices", "/notices/maintenance", minutes="120"),
        "api": lambda: faces.call("/maintenance", {"minutes": 120}),
        "command line": lambda: faces.run("maintenance", "120"),
    }
    for face, ask in asks.items():
        with transaction() as session:
            session.query(Maintenance).delete()
        ask()
        db.session.rollback()
        until = maintenance_until()
        assert until is not None, face
        assert 119 <= (until - utc_now()).total_seconds() / 60 <= 120, face
        assert faces.call("/maintenance") == {"until": until.isoformat(timespec="seconds")}
        assert f"until {until.astimezone():%Y-%m-%d %H:%M}" in faces.run("maintenance")


def test_a_login_for_a_registry(faces: Faces, private_registry: RegistryServer) -> None:
    host = private_registry.address
    login = {"host": host, "user": USER, "password": ODD_PASSWORD}
    asks: dict[str, Callable[[], object]] = {
        "page": lambda: faces.submit("/registries", "/registries", **login),
        "api": lambda: faces.call("/registries", login),
        "command line": lambda: faces.run("registry", "login", host, "--user", USER, stdin=f"{ODD_PASSWORD}\n"),
    }
    for face, ask in asks.items():
        with transaction() as session:
            session.query(RegistryLogin).delete()
        ask()
        db.session.rollback()
        [row] = faces.call("/registries")["results"]
        [line] = json.loads(faces.run("registry", "list", "--json"))
        assert (row["host"], row["user"], row["accepted"], row["error"]) == (host, USER, True, None), face
        assert (line["host"], line["user"], line["accepted"], line["error"]) == (host, USER, True, None), face
        assert db.session.query(RegistryLogin).one().password == ODD_PASSWORD, face


def test_the_folder_that_is_a_share_from_now_on(faces: Faces, notes: Installation) -> None:
    asks: dict[str, Callable[[], object]] = {
        "page": lambda: faces.submit("/shares", "/shares/films/confirm"),
        "api": lambda: faces.call("/shares/films/confirm", {}),
        "command line": lambda: faces.run("share", "confirm", "films"),
    }
    for face, ask in asks.items():
        with transaction() as session:
            session.query(Share).delete()
            session.add(Share(name="films", mark="of another folder", device="", mount_point=""))
        [row] = faces.call("/shares")["results"]
        assert (row["is_mounted"], row["absent"]) == (False, "other")
        assert json.loads(faces.run("share", "list", "--json"))[0]["absent"] == "other"
        ask()
        assert faces.call("/shares")["results"][0]["is_mounted"] is True, face
        assert json.loads(faces.run("share", "list", "--json"))[0]["absent"] is None, face


@pytest.mark.parametrize(
    ("fields", "words", "unsaved"),
    [
        ({"save-web:/app": "films/app"}, ["--save", "web:/app=films/app"], {"web:/app": "films/app"}),
        ({"save-web:/app": "films/app", "lose": "web:/app"}, ["--lose", "web:/app"], {"web:/app": ""}),
    ],
)
def test_what_becomes_of_files_in_no_share(
    faces: Faces, notes: Installation, docker: FakeDocker, fields: dict[str, str], words: list[str], unsaved: object
) -> None:
    docker.run_containers("Notes", "web")
    docker.layers = {"web": LayerFacts((UnsavedFolder("web", "/app", 3, 100),))}
    container = notes.containers[0]
    with transaction() as session:
        notes.newer_images = True
        session.add(
            ContainerImage(
                container_id=container.id, reference=container.image, outcome=UpdateStatus.NEWER, said="",
                running="sha256:1", remote_digest="sha256:2",
            )
        )  # fmt: skip
    path = "/rockons/1/updates/review"
    for ask in (lambda: faces.submit(path, path, **fields), lambda: faces.run("update", "Notes", *words)):
        ask()
        operation = db.session.query(Operation).order_by(Operation.id.desc()).first()
        assert operation is not None
        assert operation.request == UpdateRequest(unsaved=unsaved)
        operations.cancel_operation(operation.id)
