"""Shares that apps have used are known again, and what is in their place is confirmed on every face."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest
from flask import Flask

from rockonweb import program
from rockonweb.config import Config
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import ShareAbsence
from rockonweb.core.instance.systemd_unit import format_docker_dropin
from rockonweb.host import get_host
from rockonweb.models import AuditEntry, Installation, Share, db, transaction
from rockonweb.work import known_shares
from rockonweb.work.collect_facts import gather_facts
from tests.support.app import FormClient, add_rockon, mark_installed

VOLUME = {"web": {"volumes": {"/data": {"label": "", "description": ""}}}}
OTHER = 'The folder of the share "films" is not the one that apps have used until now.'


@pytest.fixture
def films(app: Flask) -> Path:
    settings: Config = app.config["SETTINGS"]
    folder = settings.shares_root / "films"
    folder.mkdir()
    return folder


@pytest.fixture
def notes(app: Flask, films: Path) -> Installation:
    """An installed app that has used that share, which was then replaced by another folder."""
    rockon = mark_installed(add_rockon("Notes", VOLUME))
    with transaction():
        rockon.containers[0].volumes[0].share = "films/new"
        rockon.containers[0].held_restart_policy = "unless-stopped"
    known_shares.prepare_mounts(get_host(), [str(films)])
    with transaction() as session:
        session.query(Share).one().mark = "of another folder"
    return rockon


def absent() -> dict[str, ShareAbsence]:
    return known_shares.find_absent_shares(db.session(), get_host().shares)


def test_a_share_becomes_known_when_it_is_mounted_and_with_the_first_app(app: Flask, films: Path) -> None:
    rockon = add_rockon("Notes", VOLUME)
    with transaction():
        rockon.containers[0].volumes[0].share = "films"
    known_shares.prepare_mounts(get_host(), [f"{films}/deep", "/elsewhere"])
    with transaction() as session:
        session.query(Share).one().mark = "of a disk that was erased"
    assert absent() == {}, "no app has data there"
    known_shares.prepare_mounts(get_host(), [str(films)])
    mark_installed(rockon)
    assert absent() == {}


def test_another_folder_is_neither_mounted_nor_taken_as_the_share(notes: Installation, films: Path) -> None:
    for _ in range(2):
        with pytest.raises(Conflict, match=OTHER):
            known_shares.prepare_mounts(get_host(), [f"{films}/new"])
    assert gather_facts(notes, None, None).absent_shares == {"films": ShareAbsence.OTHER}
    assert known_shares.find_apps_without_shares() == {notes.id: ["films"]}


def test_the_pages_of_shares_and_app_tell_it_until_it_is_confirmed(
    notes: Installation, owner_client: FormClient
) -> None:
    page = unescape(owner_client.get("/shares").text)
    assert OTHER in page
    assert "This is the share films" in page
    assert "Until then it is not started: not by Docker either" in owner_client.get(f"/rockons/{notes.id}").text
    answer = owner_client.submit_form("/shares/films/confirm", {}, page="/shares")
    assert answer.status_code == 303
    assert absent() == {}
    assert "This is the share films" not in owner_client.get("/shares").text


def test_the_api_says_it_and_confirms_it(notes: Installation, owner_client: FormClient) -> None:
    [row] = (owner_client.get("/api/shares").json or {})["results"]
    assert row["is_mounted"] is False
    token = {"X-CSRFToken": owner_client.csrf_token("/shares")}
    answer = owner_client.post("/api/shares/films/confirm", headers=token)
    assert [row["is_mounted"] for row in (answer.json or {})["results"]] == [True]
    assert owner_client.post("/api/shares/gone/confirm", headers=token).status_code == 404


def test_the_command_line_says_it_and_confirms_it(app: Flask, notes: Installation) -> None:
    run = app.test_cli_runner().invoke
    listed = run(args=["share", "list"])
    assert OTHER in listed.stderr
    assert json.loads(run(args=["share", "list", "--json"]).stdout)[0]["absent"] == "other"
    assert run(args=["share", "confirm", "films"]).exit_code == 0
    assert json.loads(run(args=["share", "list", "--json"]).stdout)[0]["absent"] is None
    assert [row.action for row in db.session.query(AuditEntry)][-1] == "shares.confirm"


def test_what_is_no_folder_can_not_be_confirmed(notes: Installation, films: Path, tmp_path: Path) -> None:
    films.rmdir()
    for name in ("films", "../films", ""):
        with pytest.raises(BadInput):
            known_shares.confirm_share(name)
    films.symlink_to(tmp_path)
    with pytest.raises(BadInput):
        known_shares.confirm_share("films")
    assert absent() == {"films": ShareAbsence.LINK}


def test_it_is_said_whether_docker_waits_for_a_disk(
    notes: Installation, owner_client: FormClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "DOCKER_DROPIN_FILE", tmp_path / "dropin")
    with transaction() as session:
        session.query(Share).one().mount_point = "/mnt/usb disk"
    [sentence] = known_shares.boot_sentences(notes.id)
    assert "Docker does not wait for /mnt/usb disk." in sentence
    for page in ("/shares", f"/rockons/{notes.id}"):
        assert "Docker does not wait for /mnt/usb disk." in owner_client.get(page).text
    (tmp_path / "dropin").write_text(format_docker_dropin(["/mnt/usb", "/mnt/usb disk"]))
    [sentence] = known_shares.boot_sentences()
    assert "Docker waits for /mnt/usb disk." in sentence
    with transaction() as session:
        session.query(Share).one().mount_point = "/"
    assert known_shares.boot_sentences() == []
