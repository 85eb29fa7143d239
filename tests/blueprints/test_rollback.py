"""Going back, as a browser without JavaScript meets it."""

import json
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask import Flask

from rockonweb.core.answers.answers import Answers
from rockonweb.core.plan.rollback import PreviousImage
from rockonweb.host.shares import Shares
from rockonweb.models import Installation, Kind, Operation, Progress, RollbackPoint, db, repository, transaction
from tests.support import docker_stand_in as stand_in
from tests.support.app import FormClient, add_rockon, make_shares, mark_installed
from tests.support.samples import label_questions

OLD, NEW = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32
SECRET = "blue horses dream"
NOTES: dict[str, Any] = {
    "volumes": label_questions({"/data": "Notes"}),
    "environment": label_questions(TITLE="Title", PASSWORD="Password"),
}


class Docker(stand_in.FakeDocker):
    """It runs a newer image of Notes, and knows who mounts its share."""

    def __init__(self) -> None:
        super().__init__()
        self.run_containers("Notes", "notes", image_id=NEW)
        self.mounts: list[str] = []

    def image_id(self, _image: str) -> str:
        return NEW

    def containers_mounting(self, _path: str) -> list[str]:
        return self.mounts


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    return Docker().replace_engine(monkeypatch)


def answers(title: str) -> Answers:
    return Answers(shares={"notes": {"/data": "notes"}}, environment={"notes": {"TITLE": title, "PASSWORD": SECRET}})


@pytest.fixture
def notes(app: Flask) -> Installation:
    """An installed rock-on whose title was changed."""
    rockon = mark_installed(add_rockon("Notes", {"notes": NOTES}))
    make_shares(app, ["notes"])
    with transaction():
        repository.store_answers(rockon, answers("Later"))
    return rockon


def remember(rockon: Installation, snapshots: dict[str, list[str]] | None = None) -> RollbackPoint:
    """A point from before the change of the title."""
    with transaction() as session:
        operation = Operation(kind=Kind.CHANGE, installation_id=rockon.id, progress=Progress.DONE)
        session.add(operation)
        session.flush()
        point = RollbackPoint(
            installation_id=rockon.id,
            operation_id=operation.id,
            definition=rockon.installed_source or rockon.entry.source,
            answers=json.dumps(answers("Earlier").to_dict()),
            kept={"notes": PreviousImage("example/notes", OLD, "", "2025-03-04T05:06:07Z", ran=True)},
            shares=snapshots or {},
        )
        session.add(point)
    return point


@pytest.fixture
def subvolumes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all shares were subvolumes."""
    real = Shares.shares_by_name

    def listing(shares: Shares) -> Any:
        return {name: replace(facts, snapshots=True) for name, facts in real(shares).items()}

    monkeypatch.setattr(Shares, "shares_by_name", listing)


def text(answer: Any) -> str:
    return " ".join(unescape(answer.text).split())


def address(point: RollbackPoint) -> str:
    return f"/rockons/{point.installation_id}/back/{point.id}"


def test_the_page_of_a_rockon_lists_its_points(owner_client: FormClient, notes: Installation) -> None:
    assert "go-back" not in owner_client.get(f"/rockons/{notes.id}").text
    point = remember(notes, {"notes": ["notes"]})
    found = text(owner_client.get(f"/rockons/{notes.id}"))
    assert address(point) in found
    assert f"{address(point)}?data=1" in found
    assert OLD[7:19] in found
    assert "created on 2025-03-04" in found
    assert "Then its settings or its definition were changed." in found


def test_only_an_owner_goes_back(operator: FormClient, notes: Installation) -> None:
    point = remember(notes)
    assert "go-back" not in operator.get(f"/rockons/{notes.id}").text
    assert operator.get(address(point)).status_code == 403
    assert operator.submit_form(address(point), {}, page="/rockons").status_code == 403
    assert db.session.query(Operation).count() == 1


def test_the_page_says_exactly_what_comes_back(owner_client: FormClient, notes: Installation) -> None:
    found = text(owner_client.get(address(remember(notes))))
    assert "now</span> Later" in found
    assert "then</span> Earlier" in found
    assert OLD in found
    assert SECRET not in found
    assert "There is no snapshot of it from that time." in found
    assert "All shares stay unchanged" in found


def test_going_back_is_an_operation_with_what_the_point_remembers(
    owner_client: FormClient, notes: Installation
) -> None:
    point = remember(notes)
    page = owner_client.get(address(point))
    reviewed = page.text.partition('name="reviewed" value="')[2].partition('"')[0]
    answer = owner_client.submit_form(address(point), {"reviewed": reviewed}, page="/shares")
    assert answer.status_code == 303
    operation = db.session.query(Operation).order_by(Operation.id.desc())[0]
    assert answer.location.endswith(f"/operations/{operation.id}")
    asked = operation.request
    assert (asked.point, asked.data, asked.source) == (point.id, False, point.definition)
    assert asked.answers.environment["notes"]["TITLE"] == "Earlier"
    assert any(OLD in line for line in operation.reviewed_commands)
    assert owner_client.get(address(point)).status_code == 409  # busy


def test_what_changed_since_one_looked_is_shown_first(owner_client: FormClient, notes: Installation) -> None:
    point = remember(notes)
    answer = owner_client.submit_form(address(point), {"reviewed": "another"}, page="/shares")
    assert answer.status_code == 409
    assert "nothing was started" in text(answer)
    assert db.session.query(Operation).count() == 1


@pytest.mark.usefixtures("subvolumes")
def test_with_data_it_is_said_what_disappears_and_where_it_is_kept(
    owner_client: FormClient, notes: Installation, docker: Docker
) -> None:
    point = remember(notes, {"notes": ["notes"]})
    found = text(owner_client.get(f"{address(point)}?data=1"))
    assert "is restored to its state at that time" in found
    assert ".rockonweb/replaced" in found
    assert "restore the data of share notes" in found
    docker.mounts = ["notes", "stranger"]
    answer = owner_client.submit_form(address(point), {"data": "1"}, page="/shares")
    assert answer.status_code == 422
    assert "stranger is running and uses the share notes." in text(answer)
    docker.mounts = ["notes"]
    assert owner_client.submit_form(address(point), {"data": "1"}, page="/shares").status_code == 303


@pytest.mark.usefixtures("subvolumes")
def test_a_share_of_another_rockon_is_put_back_only_when_it_is_ticked(
    owner_client: FormClient, notes: Installation
) -> None:
    other = mark_installed(add_rockon("Films", {"films": {"volumes": label_questions({"/films": "Films"})}}))
    with transaction():
        repository.store_answers(other, Answers(shares={"films": {"/films": "notes"}}))
    point = remember(notes, {"notes": ["notes"]})
    page = owner_client.get(f"{address(point)}?data=1")
    assert "because Films uses it too" in text(page)
    assert "restore the data of share notes" not in text(page)
    reviewed = page.text.partition('name="reviewed" value="')[2].partition('"')[0]
    answer = owner_client.submit_form(
        address(point), {"reviewed": reviewed, "data": "1", "asked": "notes"}, page="/shares"
    )
    assert answer.status_code == 303
    operation = db.session.query(Operation).order_by(Operation.id.desc())[0]
    assert operation.request.asked == {"notes"}
    assert "restore the data of share notes" in operation.reviewed_commands


def test_a_point_that_is_gone_and_one_of_another_rockon_are_refused(
    owner_client: FormClient, notes: Installation
) -> None:
    other = mark_installed(add_rockon("Films", {"films": {}}))
    point = remember(other)
    for number in (point.id, 999):
        answer = owner_client.get(f"/rockons/{notes.id}/back/{number}")
        assert answer.status_code == 409
        assert "Notes no longer has this rollback point" in text(answer)


def test_without_docker_the_page_says_so_and_begins_nothing(
    owner_client: FormClient, notes: Installation, docker: Docker
) -> None:
    docker.is_down = True
    point = remember(notes)
    assert "Docker does not answer." in text(owner_client.get(address(point)))
    assert owner_client.submit_form(address(point), {}, page="/shares").status_code == 503
    assert db.session.query(Operation).count() == 1
