"""Pages, API and command line ask what becomes of files that are in no share, before a container goes."""

import json
import re
from datetime import datetime

import pytest
from flask import Flask

from rockonweb.accounts import tokens, users
from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import LayerFacts, UnsavedFolder
from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.core.status.updates import UpdateStatus
from rockonweb.models import ContainerImage, Installation, Operation, db, repository, transaction
from rockonweb.work import update_obstacles, updates
from tests.support.app import FormClient, add_rockon, make_shares, mark_installed
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import visible_text
from tests.support.samples import label_questions

KEY = "notes:/app/data"
SENTENCE = "Notes has 312 files (1.4 MB) in /app/data, which is in no share; they would be lost."


@pytest.fixture(autouse=True)
def notes(app: Flask, docker: FakeDocker) -> Installation:
    """An installed app that wrote beside its share, and whose newer image is known."""
    docker.run_containers("Notes", "notes")
    docker.layers = {"notes": LayerFacts((UnsavedFolder("notes", "/app/data", 312, 1_400_000),))}
    rockon = mark_installed(add_rockon("Notes", {"notes": {"volumes": label_questions({"/data": "Notes"})}}))
    make_shares(app, ["notes"])
    with transaction() as session:
        repository.store_answers(rockon, Answers(shares={"notes": {"/data": "notes"}}))
        session.add(
            ContainerImage(
                container_id=rockon.containers[0].id,
                reference=rockon.containers[0].image,
                outcome=UpdateStatus.NEWER,
                said="",
                running="sha256:1",
                remote_digest="sha256:2",
            )
        )
        rockon.newer_images = True
    return rockon


def requested() -> object:
    """What the operation is to do that waits; None where there is none."""
    operation = db.session.query(Operation).one_or_none()
    return operation and operation.request


def test_the_page_of_an_update_offers_a_share_and_submits_what_was_chosen(owner_client: FormClient) -> None:
    path = "/rockons/1/updates/review"
    page = owner_client.get(path).text
    text = visible_text(page)
    for words in (
        SENTENCE,
        "The files in /app/data may be lost",
        "Decide below",
        "What is not counted",
        "__pycache__/",
    ):
        assert words in text
    assert f'name="save-{KEY}" value="notes/data"' in page
    assert 'href="/rockons/1/updates">Cancel</a>' in page
    assert "disabled" not in page
    assert "--lose" not in text
    refused = owner_client.submit_form(path, {f"save-{KEY}": ""})
    assert refused.status_code == 422
    assert SENTENCE in visible_text(refused.text)
    assert requested() is None
    owner_client.submit_form(path, {f"save-{KEY}": "notes/data"})
    assert requested() == UpdateRequest(unsaved={KEY: "notes/data"})


@pytest.mark.parametrize("page", ["/rockons/1", "/rockons/1/updates", "/updates"])
def test_each_button_for_an_update_leads_to_what_there_is_to_decide(owner_client: FormClient, page: str) -> None:
    assert 'action="/rockons/1/updates/review"' in owner_client.get(page).text
    pressed = owner_client.submit_form("/rockons/1/updates/review")
    assert pressed.status_code == 422
    assert "Decide below" in pressed.text
    assert requested() is None


def test_a_change_of_settings_asks_too(owner_client: FormClient) -> None:
    new_label = {"new-1-key": "a=b", "new-1-container": "notes", "Save": "Save"}
    owner_client.submit_form("/rockons/1/settings/labels", new_label)
    path = "/rockons/1/settings/review"
    page = owner_client.get(path).text
    assert SENTENCE in visible_text(page)
    (digest,) = re.findall('name="reviewed" value="([^"]+)"', page)
    refused = owner_client.submit_form(path, {"reviewed": digest})
    assert refused.status_code == 422
    assert f'value="{digest}"' in refused.text
    owner_client.submit_form(path, {"reviewed": digest, f"save-{KEY}": "notes/data"})
    request = requested()
    assert isinstance(request, ChangeRequest)
    assert request.answers
    assert (request.answers.storage, request.answers.labels) == (
        {"notes": {"/app/data": "notes/data"}},
        {"notes": ["a=b"]},
    )


def test_a_reinstall_asks_too(owner_client: FormClient) -> None:
    refused = owner_client.submit_form("/rockons/1/reinstall")
    assert refused.status_code == 422
    assert "Decide below" in refused.text
    assert 'href="/rockons/1">Cancel</a>' in refused.text
    assert SENTENCE in visible_text(refused.text)
    assert requested() is None
    owner_client.submit_form("/rockons/1/reinstall", {"lose": KEY, f"save-{KEY}": "notes/data"})
    request = requested()
    assert isinstance(request, ChangeRequest)
    assert (request.rebuild, request.unsaved) == (True, {KEY: ""})


def test_the_page_of_an_uninstall_warns(owner_client: FormClient) -> None:
    assert SENTENCE in visible_text(owner_client.get("/rockons/1/uninstall").text)


def test_only_an_owner_decides(operator: FormClient) -> None:
    page = operator.get("/rockons/1/updates/review").text
    assert "An owner can decide" in page
    assert 'name="lose"' not in page
    assert operator.submit_form("/rockons/1/updates/review", {"lose": KEY}).status_code == 403
    assert requested() is None


def test_the_api_refuses_until_it_is_told(owner_client: FormClient) -> None:
    headers = {"Authorization": f"Bearer {tokens.create_token(users.get_user('ada'), '')}"}

    def change(**more: object) -> tuple[int, str]:
        body = json.dumps({"labels": {"com.example": "notes"}, **more})
        answer = owner_client.post("/api/rockons/1/update", data=body, headers=headers)
        return answer.status_code, answer.text

    status, text = change()
    assert (status, SENTENCE in text) == (409, True)
    assert change(unsaved=[KEY])[0] == 400
    assert change(unsaved={KEY: "../etc"})[0] == 400
    assert requested() is None
    assert change(unsaved={KEY: "notes/data"})[0] == 200
    request = requested()
    assert isinstance(request, ChangeRequest)
    assert request.unsaved == {KEY: "notes/data"}
    assert request.answers
    assert request.answers.storage == {"notes": {"/app/data": "notes/data"}}


def test_an_automatic_update_passes_the_app_over_and_says_why(
    owner_client: FormClient, docker: FakeDocker, notes: Installation
) -> None:
    night = datetime(2026, 5, 4, 3, 30)
    with transaction():
        notes.auto_update, notes.auto_from, notes.auto_until = True, 0, 0
    assert updates.due_updates(night) == [1]
    update_obstacles.note_obstacles()
    assert updates.due_updates(night) == []
    text = visible_text(owner_client.get("/rockons/1/updates").text)
    assert f"The newer images above are not installed automatically. {SENTENCE}" in text
    docker.layers = {"notes": LayerFacts(unknown="It took too long.")}
    update_obstacles.note_obstacles(1)
    assert updates.due_updates(night) == []
    docker.layers = {}
    update_obstacles.note_obstacles(1)
    assert updates.due_updates(night) == [1]
