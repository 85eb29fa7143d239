"""The editor of one's own definitions."""

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from rockonweb.models import Container, Kind, Operation, RockOn, db, transaction
from tests.support import samples
from tests.support.app import FormClient, add_rockon, mark_installed


@pytest.fixture
def folder(app: Flask) -> Path:
    path: Path = app.config["SETTINGS"].local_metastore
    return path


def text_of(name: str = "My Notes", **keys: Any) -> str:
    web = {
        "ports": {"80": samples.port_question(9080, "Web", ui=True)},
        "volumes": samples.label_questions({"/data": "Data"}),
        "environment": samples.label_questions(ADMIN_PASSWORD="Password", MODE="The mode"),
        "opts": [["--init", ""]],
    }
    return samples.definition_source({"web": web}, name, **keys)


def send(
    client: FormClient, text: str, button: str = "save", path: str = "/definitions/new", **more: Any
) -> TestResponse:
    """Send the editor's form as a browser does."""
    token = client.csrf_token("/definitions/new")
    fields = {"csrf_token": token, "text": text, button: "x", **more}
    return client.post(path, data=fields, content_type="multipart/form-data")


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


def test_without_one_the_page_says_so(owner_client: FormClient) -> None:
    assert "You have no definitions of your own yet." in owner_client.get("/definitions").text


def test_a_pasted_definition_is_saved_and_a_refresh_begins(owner_client: FormClient, folder: Path) -> None:
    answer = send(owner_client, text_of().replace(",", ",\r\n"))
    assert (answer.status_code, answer.location) == (303, "/definitions")
    assert files(folder) == {"my-notes.json": text_of().replace(",", ",\n")}
    assert [one.kind for one in db.session.scalars(select(Operation))] == [Kind.REFRESH]
    text = owner_client.get("/definitions").text
    assert "The definition was saved as my-notes.json." in text
    assert ">My Notes</span>" in text


def test_the_example_has_no_fault(owner_client: FormClient) -> None:
    page = owner_client.get("/definitions/new").text
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    from html import unescape

    assert "No errors found." in send(owner_client, unescape(found[1]), "check").text


def test_a_file_can_be_uploaded(owner_client: FormClient, folder: Path) -> None:
    answer = send(owner_client, "", file=(io.BytesIO(text_of("Up").encode()), "../../x.json"))
    assert answer.status_code == 303
    assert list(files(folder)) == ["up.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b" " * 1_000_001, "larger than 1 MB"), (b"\xff\xfe{", "is not UTF-8 text"), (b"{", "not JSON")],
)
def test_a_file_that_can_not_be_used_is_refused(
    owner_client: FormClient, folder: Path, content: bytes, words: str
) -> None:
    answer = send(owner_client, "kept", file=(io.BytesIO(content), "x.json"))
    assert answer.status_code == 422
    assert words in answer.text
    assert files(folder) == {}


def test_a_text_of_one_megabyte_is_read_and_a_larger_one_refused(owner_client: FormClient) -> None:
    padded = text_of(more_info="").replace('"A sample."', '"A sample."' + " " * 990_000)
    assert len(padded) < 1_000_000
    assert send(owner_client, padded, "check").status_code == 200
    answer = send(owner_client, padded + " " * 10_000, "check")
    assert answer.status_code == 422
    assert "larger than 1.0 MB" in answer.text
    assert send(owner_client, padded * 2, "check").status_code == 413


def test_every_fault_is_shown_with_its_path_and_the_text_is_kept(owner_client: FormClient, folder: Path) -> None:
    bad = text_of().replace('"protocol": "tcp"', '"protocol": "<b>icmp"').replace('"version": "1", ', "")
    for button in ("save", "attempt", "check"):
        answer = send(owner_client, bad, button)
        assert answer.status_code == 422
        assert '<code class="break">containers.web.ports.80.protocol</code>' in answer.text
        assert '<code class="break">version</code>' in answer.text
        assert "&lt;b&gt;icmp" in answer.text
        assert "<b>icmp" not in answer.text
    assert files(folder) == {}


def test_try_shows_the_questions_and_the_command_and_touches_nothing(
    app: Flask, owner_client: FormClient, folder: Path
) -> None:
    counts = select(func.count(RockOn.id)), select(func.count(Container.id)), select(func.count(Operation.id))
    before = [db.session.scalar(query) for query in counts]
    text = send(owner_client, text_of(), "attempt").text
    for words in (
        "What My Notes would ask",
        "Web",
        "Data",
        "The mode",
        "my-notes-data",
        "9080",
        "docker run -d",
        "--init",
    ):
        assert words in text, words
    assert "-e &#39;ADMIN_PASSWORD=&#39;********" in text or "ADMIN_PASSWORD=********" in text
    assert [db.session.scalar(query) for query in counts] == before
    assert files(folder) == {}
    assert list(app.config["SETTINGS"].shares_root.iterdir()) == []


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_fixture_can_be_tried(owner_client: FormClient, name: str) -> None:
    answer = send(owner_client, (samples.FOLDER / f"{name}.json").read_text(), "attempt")
    assert answer.status_code == 200
    assert "docker run" in answer.text


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/x", "root", "..", ".", "日本", "<b>'\"", "a/b", "CON.json", "x" * 100]
)
def test_a_name_never_leads_outside_of_the_folder(owner_client: FormClient, folder: Path, name: str) -> None:
    outside = set(folder.parent.iterdir())
    assert send(owner_client, text_of(name)).status_code == 303
    (file,) = files(folder)
    assert re.fullmatch(r"[a-z0-9-]+\.json", file)
    assert file != "root.json"
    assert set(folder.parent.iterdir()) - outside <= {folder}
    assert "<b>" not in owner_client.get("/definitions").text


def test_a_file_of_the_same_name_is_never_overwritten(owner_client: FormClient, folder: Path) -> None:
    folder.mkdir()
    (folder / "my-notes.json").write_text("{")
    send(owner_client, text_of())
    assert files(folder) == {"my-notes.json": "{", "my-notes-2.json": text_of()}
    answer = send(owner_client, text_of())
    assert answer.status_code == 422
    assert "the file my-notes-2.json already has a rock-on with this name" in answer.text


def test_a_file_is_edited_in_place_also_under_another_name(owner_client: FormClient, folder: Path) -> None:
    send(owner_client, text_of())
    assert "My Notes" in owner_client.get("/definitions/my-notes.json/edit").text
    answer = send(owner_client, text_of("Renamed"), path="/definitions/my-notes.json/edit")
    assert answer.status_code == 303
    assert files(folder) == {"my-notes.json": text_of("Renamed")}


def test_a_faulty_file_opens_with_its_faults(owner_client: FormClient, folder: Path) -> None:
    folder.mkdir()
    (folder / "bad.json").write_text('{"A": {"version": 1}}')
    (folder / "latin.json").write_bytes(b"\xe9")
    text = owner_client.get("/definitions/bad.json/edit").text
    assert '<code class="break">containers</code>' in text
    assert "is not UTF-8 text" in owner_client.get("/definitions/latin.json/edit", follow_redirects=True).text
    assert "3 errors" in owner_client.get("/definitions").text


@pytest.mark.parametrize("file", ["none.json", "..%2fsecret.key", "%2e%2e", "root.json", ".json", "x.txt", "a%00.json"])
@pytest.mark.parametrize("what", ["edit", "remove"])
def test_a_file_that_is_none_of_the_folder_is_not_found(
    owner_client: FormClient, folder: Path, file: str, what: str
) -> None:
    folder.mkdir()
    (folder / "root.json").write_text("{}")
    (folder / "x.txt").write_text("{}")
    assert owner_client.get(f"/definitions/{file}/{what}").status_code == 404
    assert send(owner_client, text_of(), path=f"/definitions/{file}/{what}").status_code == 404
    assert set(files(folder)) == {"root.json", "x.txt"}


def test_a_link_in_the_folder_is_replaced_and_never_written_through(
    owner_client: FormClient, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    (tmp_path / "outside.json").write_text(text_of())
    os.symlink(tmp_path / "outside.json", folder / "link.json")
    send(owner_client, text_of("New"), path="/definitions/link.json/edit")
    assert (tmp_path / "outside.json").read_text() == text_of()
    assert files(folder) == {"link.json": text_of("New")}


def test_a_folder_that_can_not_be_written_is_said(owner_client: FormClient, folder: Path) -> None:
    folder.write_text("")
    answer = owner_client.get("/definitions")
    assert answer.status_code == 500
    assert "can&#39;t be read" in answer.text


def test_before_one_is_removed_the_page_says_what_happens(owner_client: FormClient, folder: Path) -> None:
    send(owner_client, text_of())
    rockon = mark_installed(add_rockon("My Notes"))
    with transaction():
        rockon.entry.origin = "local"
    text = owner_client.get("/definitions/my-notes.json/remove").text
    assert "My Notes is installed: it is not changed" in text
    answer = owner_client.submit_form("/definitions/my-notes.json/remove", page="/definitions/my-notes.json/remove")
    assert (answer.status_code, files(folder)) == (303, {})
    assert owner_client.get("/definitions/my-notes.json/remove").status_code == 404


def test_a_rock_on_of_the_catalogue_is_a_starting_point(owner_client: FormClient) -> None:
    rockon = add_rockon("Wiki", more_info="<b>x</b>")
    assert f'<option value="{rockon.id}">Wiki</option>' in owner_client.get("/definitions").text
    text = owner_client.get(f"/definitions/new?from={rockon.id}").text
    assert "A copy of Wiki." in text
    assert "&#34;Wiki&#34;: {" in text
    assert "<b>x</b>" not in text
    assert owner_client.get("/definitions/new?from=99").status_code == 404


def test_two_rock_ons_in_a_file_are_both_tried(owner_client: FormClient) -> None:
    both = json.loads(text_of("One")) | json.loads(text_of("Two"))
    text = send(owner_client, json.dumps(both), "attempt").text
    assert "What One would ask" in text
    assert "What Two would ask" in text
