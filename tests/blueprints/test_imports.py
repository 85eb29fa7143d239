"""The page that imports an app, and the same by the API."""

import io
import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from rockonweb.models import AuditEntry, RockOn, Role, db
from tests.support.app import HX, FormClient, add_rockon, create_test_user

LINE = "docker run --name notes -e TOKEN=geheim -e A=$B -p 18080:80 -v $(pwd)/data:/data --rm demo/notes"


def post(client: FormClient, button: str = "show", **fields: Any) -> Any:
    return client.submit_form("/import", {button: button, **fields}, page="/import")


def kept(text: str) -> str:
    found = re.search(r'name="kept"[^>]* value="([^"]*)"', text)
    assert found
    return found[1].replace("&#34;", '"').replace("&amp;", "&").replace("&#39;", "'")


def saved() -> list[str]:
    return list(db.session.scalars(select(RockOn.name)))


def test_a_pasted_line_is_shown_as_what_it_becomes_here(owner_client: FormClient) -> None:
    answer = post(owner_client, text=LINE)
    assert answer.status_code == 200
    for words in ("Import notes", "left out", "--rm", "to be answered", "notes/data", "new share", "18080"):
        assert words in answer.text
    assert "geheim" not in re.sub(r'name="kept"[^>]*', "", answer.text)
    assert saved() == []


def test_continue_saves_it_and_leads_into_the_wizard_with_the_answers(owner_client: FormClient) -> None:
    answer = post(owner_client, "save", kept=kept(post(owner_client, text=LINE).text), name="My notes")
    assert answer.status_code == 303
    assert saved() == ["My notes"]
    page = owner_client.get(owner_client.get(answer.location).location)
    assert 'value="my-notes/data"' in page.text
    recorded = [entry.about for entry in db.session.scalars(select(AuditEntry)) if entry.action == "imports.save"]
    assert recorded == ["My notes"]


def test_back_shows_the_text_again(owner_client: FormClient) -> None:
    answer = post(owner_client, "back", kept=kept(post(owner_client, text=LINE).text), name="My notes")
    assert "docker run --name notes" in answer.text
    assert 'value="My notes"' in answer.text


def test_what_is_wrong_stands_beside_the_text_which_is_kept(owner_client: FormClient) -> None:
    answer = post(owner_client, text="docker run -Z x\ndocker run", name="My notes")
    assert answer.status_code == 422
    for words in ("Line 1: &#34;-Z&#34;", "Line 2: It names no image", "docker run -Z x", 'value="My notes"'):
        assert words in answer.text


def test_a_name_that_is_taken_is_told_beside_the_name(owner_client: FormClient) -> None:
    add_rockon("Notes")
    answer = post(owner_client, text=LINE, name="Notes")
    assert answer.status_code == 422
    assert re.search(r'id="name-errors">\s*<li>.*has a rock-on', answer.text)
    assert "docker run --name notes" in answer.text


def test_files_are_read_and_kept_until_they_are_saved(owner_client: FormClient) -> None:
    files = [(io.BytesIO(LINE.encode()), "run.sh"), (io.BytesIO(b"docker run demo/other"), "other.sh")]
    shown = post(owner_client, files=files)
    assert set(json.loads(kept(shown.text))) == {"run.sh", "other.sh"}
    assert "run.sh" in post(owner_client, "back", kept=kept(shown.text)).text
    assert post(owner_client, "save", kept=kept(shown.text)).status_code == 303
    assert len(saved()) == 1


@pytest.mark.parametrize("body", [b"\xff\xfe", b"docker run\0", b"#" * (MAX_SOURCE_BYTES + 1)], ids=len)
def test_a_file_that_is_no_text_is_refused(owner_client: FormClient, body: bytes) -> None:
    assert post(owner_client, files=[(io.BytesIO(body), "run.sh")]).status_code == 422


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[" * 100_000])
def test_kept_files_that_were_changed_are_refused(owner_client: FormClient, text: str) -> None:
    assert post(owner_client, "save", kept=text).status_code == 422
    assert saved() == []


def test_htmx_gets_the_part_and_is_led_away_as_a_whole(owner_client: FormClient) -> None:
    shown = owner_client.submit_form("/import", {"show": "1", "text": LINE}, page="/import", headers=HX)
    assert "<html" not in shown.text
    assert "<title>Import notes" in shown.text
    done = owner_client.submit_form("/import", {"save": "1", "kept": kept(shown.text)}, page="/import", headers=HX)
    assert done.headers["HX-Redirect"].endswith("/install")


def test_it_is_for_the_owner(client: FormClient) -> None:
    create_test_user("bob", Role.OPERATOR)
    assert client.log_in("bob").get("/import").status_code == 403
    assert "/import" not in client.get("/rockons").text


def test_the_api_does_the_same(app: Flask, owner_client: FormClient) -> None:
    def call(**body: Any) -> Any:
        return owner_client.post("/api/import", json=body, headers={"X-CSRFToken": owner_client.csrf_token("/import")})

    looked = call(text=LINE, name="Notes", dry_run=True)
    assert list(looked.json) == ["answers", "definition", "plan", "report"]
    assert saved() == []
    done = call(files={"run.sh": LINE}, name="Notes")
    assert done.json["definition"] == looked.json["definition"]
    assert saved() == ["Notes"]
    assert db.session.get(RockOn, done.json["id"])
    refused = call(text="docker run -Z x\ndocker run")
    assert (refused.status_code, len(refused.json["faults"])) == (400, 2)
    for body in ({"text": LINE, "other": 1}, {"files": []}, {"files": {"a": 1}}, {"name": 1}, {}):
        assert call(**body).status_code == 400, body


@pytest.mark.parametrize("wrong", [{"dry_run": "true"}, {"dry_run": 1}, {"containers": ["web"]}])
def test_the_api_refuses_what_it_would_not_heed_and_saves_nothing(
    owner_client: FormClient, wrong: dict[str, Any]
) -> None:
    headers = {"X-CSRFToken": owner_client.csrf_token("/import")}
    answer = owner_client.post("/api/import", json={"text": LINE, **wrong}, headers=headers)
    assert (answer.status_code, saved()) == (400, [])
