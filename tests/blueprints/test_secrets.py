"""Secrets of an installed rock-on: shown against the password, by choice, and written down."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb.core.secret import MASK
from rockonweb.models import AuditEntry, Environment, Installation, db, transaction
from rockonweb.web.login_throttle import limiter
from tests.support.app import HX, PASSWORD, FormClient, add_rockon, mark_installed
from tests.support.samples import label_questions

ASKED = {"environment": label_questions(APP_PASSWORD="Password", PIN="Pin")}
VALUES = {"APP_PASSWORD": "word-of-secret <b>", "PIN": "4711-pin"}


@pytest.fixture
def notes(app: Flask) -> Installation:
    """An installed app with a secret and a variable that is none by its name."""
    rockon = mark_installed(add_rockon("Notes", {"notes": ASKED}))
    with transaction():
        for variable in rockon.containers[0].environment:
            variable.value = VALUES[variable.key]
    return rockon


def show(client: FormClient, rockon: Installation, password: str = PASSWORD, **data: str) -> Any:
    """Press a button of the page."""
    page = f"/rockons/{rockon.id}/secrets"
    return client.submit_form(f"{page}/show", {"password": password, **data}, page)


def lines() -> list[tuple[str, str, str]]:
    """What was written down of secrets."""
    found = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(line.who, line.action, line.about) for line in found if line.action.startswith(("secret.", "password."))]


def test_a_secret_is_shown_against_the_password_and_written_down(owner_client: FormClient, notes: Installation) -> None:
    page = owner_client.get(f"/rockons/{notes.id}/secrets").text
    assert "word-of-secret" not in page
    assert MASK in page
    answer = show(owner_client, notes, show="notes/APP_PASSWORD")
    assert answer.status_code == 200
    assert "word-of-secret &lt;b&gt;" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert lines() == [("ada", "secret.revealed", "Notes APP_PASSWORD")]
    assert "word-of-secret" not in owner_client.get(f"/rockons/{notes.id}/secrets").text


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " "])
@pytest.mark.parametrize("button", ["show", "unhide"])
def test_not_with_another_password(owner_client: FormClient, notes: Installation, password: str, button: str) -> None:
    answer = show(owner_client, notes, password, **{button: "notes/APP_PASSWORD"})
    assert answer.status_code == 422
    assert "word-of-secret" not in answer.text
    assert "secret.revealed" not in [action for _, action, _ in lines()]
    assert "word-of-secret" not in owner_client.get(f"/rockons/{notes.id}/secrets").text


def test_guessing_is_limited(owner_client: FormClient, notes: Installation) -> None:
    found = [show(owner_client, notes, "wrong", show="notes/APP_PASSWORD").status_code for _ in range(7)]
    assert 429 in found
    assert show(owner_client, notes, show="notes/APP_PASSWORD").status_code == 429
    limiter.reset()


def test_not_without_the_forms_token_nor_by_a_get(owner_client: FormClient, notes: Installation) -> None:
    address = f"/rockons/{notes.id}/secrets/show"
    data = {"password": PASSWORD, "show": "notes/APP_PASSWORD"}
    assert owner_client.post(address, data=data).status_code == 400
    assert owner_client.get(address, query_string=data).status_code == 405


def test_only_by_an_owner(no_owner: FormClient, notes: Installation) -> None:
    assert no_owner.get(f"/rockons/{notes.id}/secrets").status_code == 403
    data = {"password": PASSWORD, "show": "notes/APP_PASSWORD"}
    answer = no_owner.submit_form(f"/rockons/{notes.id}/secrets/show", data, page=f"/rockons/{notes.id}")
    assert (answer.status_code, "word-of-secret" in answer.text) == (403, False)


@pytest.mark.parametrize("name", ["notes/OTHER", "other/APP_PASSWORD", "APP_PASSWORD", ""])
def test_what_is_not_there_is_not_found(owner_client: FormClient, notes: Installation, name: str) -> None:
    assert show(owner_client, notes, show=name).status_code == 404


def test_hidden_by_choice_it_is_on_no_page(owner_client: FormClient, notes: Installation) -> None:
    pages = [f"/rockons/{notes.id}", f"/rockons/{notes.id}/settings/environment", f"/rockons/{notes.id}/secrets"]
    pages += [f"/rockons/{notes.id}/export", f"/api/rockons/environment/{notes.id}"]
    assert "4711-pin" in owner_client.get(pages[0]).text
    answer = owner_client.submit_form(f"/rockons/{notes.id}/secrets/hide", {"hide": "notes/PIN"}, pages[2])
    assert answer.status_code == 303
    for page in pages:
        text = owner_client.get(page).text
        assert "4711-pin" not in text, page
        assert "word-of-secret" not in text, page
        assert "4711-pin" not in owner_client.get(page, headers=HX).text
    assert lines() == [("ada", "secret.hidden", "Notes PIN")]


def test_shown_by_choice_it_is_no_secret_any_more(owner_client: FormClient, notes: Installation) -> None:
    assert show(owner_client, notes, unhide="notes/APP_PASSWORD").status_code == 303
    assert "word-of-secret" in owner_client.get(f"/rockons/{notes.id}").text
    assert ("ada", "secret.unhidden", "Notes APP_PASSWORD") in lines()


# -- the boxes of settings and of the wizard ----------------------------------------------------------------------


def post(client: FormClient, rockon: Installation, kind: str, **data: Any) -> Any:
    """Send the environment page."""
    page = f"/rockons/{rockon.id}/{kind}/environment"
    token = client.csrf_token(page)
    return client.post(page, data={"csrf_token": token, "Save": "Save", "Next": "Next", **data})


SENT = {"environment-notes-APP_PASSWORD": "", "environment-notes-PIN": "4711-pin"}
BOTH = ["environment-notes-APP_PASSWORD", "environment-notes-PIN"]


def test_a_script_that_knows_no_boxes_changes_nothing(owner_client: FormClient, notes: Installation) -> None:
    assert post(owner_client, notes, "settings", **SENT).status_code == 303
    assert not db.session.get_one(Installation, notes.id).secret_choices


def test_a_box_marks_a_secret(owner_client: FormClient, notes: Installation) -> None:
    assert post(owner_client, notes, "settings", **SENT, secret=BOTH).status_code == 303
    assert db.session.get_one(Installation, notes.id).secret_choices == {"notes": {"PIN": True}}
    assert "4711-pin" not in owner_client.get(f"/rockons/{notes.id}/settings/environment").text


def test_a_value_that_is_kept_is_not_shown_by_a_box(owner_client: FormClient, notes: Installation) -> None:
    answer = post(owner_client, notes, "settings", **SENT, **{"no-secret": BOTH})
    assert answer.status_code == 422
    assert "Enter the value again" in answer.text
    assert "word-of-secret" not in answer.text
    assert not db.session.get_one(Installation, notes.id).secret_choices
    typed = {**SENT, "environment-notes-APP_PASSWORD": VALUES["APP_PASSWORD"]}  # whoever knows it may show it
    assert post(owner_client, notes, "settings", **typed, **{"no-secret": BOTH}).status_code == 303
    assert db.session.get_one(Installation, notes.id).secret_choices == {"notes": {"APP_PASSWORD": False}}


def test_the_wizard_has_the_boxes_too(owner_client: FormClient) -> None:
    fresh = add_rockon("Fresh", {"notes": ASKED})
    page = owner_client.get(f"/rockons/{fresh.id}/install/environment").text
    boxes = re.findall(r'<input type="checkbox"[^>]*name="((?:no-)?secret)" value="([^"]+)"', page)
    assert boxes == [("no-secret", BOTH[0]), ("secret", BOTH[1])]
    sent = {"environment-notes-APP_PASSWORD": "first-word", "environment-notes-PIN": "4711-pin"}
    answer = post(owner_client, fresh, "install", **sent, secret=BOTH)
    assert answer.status_code == 303
    assert "4711-pin" not in owner_client.get(f"/rockons/{fresh.id}/install/environment").text
    assert "4711-pin" not in owner_client.get(f"/rockons/{fresh.id}/install/summary").text


def test_what_was_chosen_is_encrypted_like_every_answer(app: Flask, notes: Installation) -> None:
    stored = db.session.connection().exec_driver_sql("SELECT value FROM environment").scalars().all()
    assert len(stored) == 2
    assert not [value for value in stored if "4711" in value or "word" in value]
    assert db.session.scalars(select(Environment.value)).all()
