"""Whoever asks for an install, and however: the same answers give the same lines and the same rows.

Each face is asked in its own words: fields of the wizard, the original's body, an answers file, a backup.
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
from rockonweb.core.formats.backup import Backup, SavedRockOn, backup_to_json
from rockonweb.core.operations.lifecycle import Kind, Progress, State
from rockonweb.core.questions import wizard
from rockonweb.host import Host
from rockonweb.models import Installation, Operation, db, repository
from rockonweb.work import operations, restore
from rockonweb.work.review import prepare_review
from tests.support import samples
from tests.support.app import PASSWORD, FormClient, put_definitions
from tests.support.command_line import CommandLine
from tests.support.docker_stand_in import FakeDocker
from tests.support.queue_server import QueueServer
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
