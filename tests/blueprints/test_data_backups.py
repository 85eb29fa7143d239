"""The pages of data backups, and the same in the JSON API: with a real restic, without an engine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from flask import Flask

from rockonweb.core.operations.requests import BackupDataRequest, RestoreDataRequest
from rockonweb.models import (
    AuditEntry,
    DataBackup,
    DataRepository,
    Installation,
    Operation,
    Restore,
    Volume,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import backup, data_repositories, data_schedule
from rockonweb.work.data_repositories import RepositorySettings
from tests.support.app import FormClient, add_rockon, make_shares, mark_installed

PAGE = "/data-backups"
COUNTS = {"hours": "24", "from_hour": "0", "to_hour": "0", "hourly": "0", "daily": "7", "weekly": "4", "monthly": "12"}
SETTINGS = {**COUNTS, "upload_limit": "0", "all_apps": "y"}
VOLUMES = {"web": {"volumes": {"/data": {"label": "Data", "description": ""}}}}


@pytest.fixture
def notes(app: Flask) -> Installation:
    """An installed app whose data is in the share `notes`."""
    make_shares(app, ["notes"])
    (app.config["SETTINGS"].shares_root / "notes" / "folder").mkdir()
    (app.config["SETTINGS"].shares_root / "notes" / "folder" / "file & more").write_text("words")
    installation = mark_installed(add_rockon("Notes", VOLUMES))
    with transaction() as session:
        session.query(Volume).one().share = "notes"
    return installation


@pytest.fixture
def repository(app: Flask, tmp_path: Path) -> DataRepository:
    """A repository in a folder."""
    return data_repositories.add_repository(RepositorySettings("disk", str(tmp_path / "repository")))[0]


def save(app: Flask, repository: DataRepository, notes: Installation) -> str:
    """Put a snapshot of the app's share into the repository, with its settings; returns its id."""
    folder = app.config["SETTINGS"].shares_root
    (folder / "rockonweb-backup").mkdir(exist_ok=True)
    text, _ = backup.create_backup(app.config["SETTINGS"], "1", repository.passphrase)
    (folder / "rockonweb-backup" / "settings.json").write_text(text)
    opened = data_repositories.open_row(repository)
    tags = ("rockonweb", f"app={notes.name}", "instance=1")
    opened.save(folder, ["notes", "rockonweb-backup"], tags, "host", lambda _: None)
    (folder / "rockonweb-backup" / "settings.json").unlink()
    (folder / "rockonweb-backup").rmdir()
    return data_repositories.list_snapshots(repository)[0].id


def test_the_passphrase_is_shown_once_with_the_commands_that_do_without_us(
    owner_client: FormClient, tmp_path: Path
) -> None:
    address = str(tmp_path / "repository")
    form = {**SETTINGS, "name": "disk", "url": address}
    answer = owner_client.submit_form(f"{PAGE}/repositories/new", form, page=f"{PAGE}/repositories/new")
    row = db.session.query(DataRepository).one()
    assert (answer.status_code, row.schedule.hours, row.retention.monthly) == (200, 24, 12)
    assert re.search(rf'id="passphrase"[^>]*>{row.passphrase}<', answer.text)
    assert f"restic --repo {address} restore SNAPSHOT" in answer.text
    for page in (PAGE, f"{PAGE}/repositories/{row.id}", "/audit"):
        assert row.passphrase not in owner_client.get(page).text
    assert [entry.action for entry in db.session.query(AuditEntry)][-1] == "data_backups.add"


@pytest.mark.parametrize(
    ("name", "url", "passphrase", "words"),
    [
        ("", "/x", "", "Enter a name for the repository."),
        ("disk", "nowhere", "", "This is no address of a repository: nowhere"),
        ("disk", "/proc/none", "", "restic failed with exit code 1."),
        ("disk", "/x", "short", "Use at least 10 characters"),
    ],
)
def test_what_is_no_repository_says_why(
    owner_client: FormClient, name: str, url: str, passphrase: str, words: str
) -> None:
    form = {**SETTINGS, "name": name, "url": url, "passphrase": passphrase}
    answer = owner_client.submit_form(f"{PAGE}/repositories/new", form, page=f"{PAGE}/repositories/new")
    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.query(DataRepository).count() == 0


def test_the_page_and_the_first_page_tell_what_is_not_backed_up(
    owner_client: FormClient, notes: Installation, viewer: FormClient
) -> None:
    assert "Its data is not backed up." in owner_client.get(PAGE).text
    for client in (owner_client, viewer):
        assert "The data of these apps is not backed up: Notes." in client.get("/").text
    assert viewer.get(PAGE).status_code == 403
    with transaction() as session:
        row = DataBackup(installation_id=notes.id, taken=utc_now(), size=1500, files=2, taken_live=True)
        row.unread = ["/a"]
        session.add(row)
    assert "is not backed up" not in owner_client.get("/").text
    text = owner_client.get(PAGE).text
    assert "2 files" in text
    assert "Notes went on running meanwhile" in text
    assert "It lacks files that could not be read: /a" in text


def test_a_backup_is_begun_by_a_button_and_by_the_api(
    owner_client: FormClient, notes: Installation, repository: DataRepository
) -> None:
    answer = owner_client.submit_form(f"{PAGE}/apps/{notes.id}/back-up", page=PAGE)
    [operation] = db.session.query(Operation)
    assert answer.location == f"/operations/{operation.id}"
    assert operation.request == BackupDataRequest(repository.id)
    assert "Data backup: Notes" in owner_client.get(f"/operations/{operation.id}").text
    assert "It is being backed up." in owner_client.get(PAGE).text
    headers = {"X-CSRFToken": owner_client.csrf_token()}
    same = owner_client.post(f"/api/rockons/{notes.id}/data-backup", headers=headers)
    assert same.json == {"operation": operation.id}
    listed = owner_client.get("/api/data-backups").json
    assert [(row["name"], row["operation"], row["shares"]) for row in listed["results"]] == [
        ("Notes", operation.id, ["notes"])
    ]
    wrong = owner_client.post(f"/api/rockons/{notes.id}/data-backup", data='{"repository": "x"}', headers=headers)
    assert wrong.status_code == 400


def test_how_an_app_is_backed_up_is_chosen(
    owner_client: FormClient, notes: Installation, repository: DataRepository
) -> None:
    page = f"{PAGE}/apps/{notes.id}"
    form = {"repository": str(repository.id), "hours": "168", "live": "y"}
    assert owner_client.submit_form(page, form, page=page).status_code == 303
    status = data_schedule.find_status(notes)
    assert (status.repository, status.schedule.hours, status.live) == (repository, 168, True)
    assert owner_client.submit_form(page, {"repository": "-1", "hours": "0"}, page=page).status_code == 303
    status = data_schedule.find_status(notes)
    assert (status.repository, status.schedule.hours, status.live, status.next_time) == (repository, 0, False, None)


def test_a_snapshot_is_browsed_and_a_file_of_it_restored(
    app: Flask, owner_client: FormClient, notes: Installation, repository: DataRepository
) -> None:
    snapshot = save(app, repository, notes)
    page = f"{PAGE}/apps/{notes.id}/snapshots/{repository.id}/{snapshot}"
    assert page in owner_client.get(f"{PAGE}/apps/{notes.id}").text
    assert "rockonweb-backup" not in owner_client.get(page).text
    folder = owner_client.get(f"{page}?folder=notes/folder").text
    assert "file &amp; more" in folder
    missing = owner_client.submit_form(page, {"path": "notes/folder", "place": "beside"}, page=page)
    assert "Enter a name for the new share." in missing.text
    answer = owner_client.submit_form(page, {"path": "notes/folder", "place": "there"}, page=page)
    assert answer.status_code == 303
    [operation] = db.session.query(Operation)
    assert operation.request == RestoreDataRequest(repository.id, snapshot, {"notes/folder": "notes/folder"})
    everything = owner_client.submit_form(page, {"path": "", "place": "beside", "share": "older"}, page=page)
    assert everything.status_code == 303
    last = db.session.query(Operation).order_by(Operation.id.desc()).first()
    assert last
    assert last.request == RestoreDataRequest(repository.id, snapshot, {"notes": "older"})
    for bad in (f"{page}?folder=../../etc", page.replace(snapshot, "--help")):
        assert owner_client.get(bad).status_code in (200, 404, 503)


def test_a_machine_without_the_app_gets_its_data_and_a_restore_of_its_settings(
    app: Flask, owner_client: FormClient, notes: Installation, repository: DataRepository
) -> None:
    snapshot = save(app, repository, notes)
    with transaction() as session:
        session.delete(session.get_one(Installation, notes.id))
    folder = app.config["SETTINGS"].shares_root / "notes"
    folder.rename(folder.with_name("elsewhere"))
    page = f"{PAGE}/repositories/{repository.id}"
    assert "not installed here" in owner_client.get(page).text
    answer = owner_client.submit_form(f"{page}/bring-back", {"app": "Notes"}, page=page)
    [restore] = db.session.query(Restore)
    assert answer.location == f"/backup/restore/{restore.id}"
    [operation] = db.session.query(Operation)
    assert operation.request == RestoreDataRequest(repository.id, snapshot, {"notes": "notes"})


def test_a_repository_is_changed_and_removed(owner_client: FormClient, repository: DataRepository) -> None:
    page = f"{PAGE}/repositories/{repository.id}"
    assert owner_client.submit_form(page, {**SETTINGS, "name": "usb", "daily": "30"}, page=page).status_code == 303
    assert (repository.name, repository.retention.daily) == ("usb", 30)
    assert owner_client.submit_form(page, {**SETTINGS, "name": "usb", "daily": "x"}, page=page).status_code == 422
    assert owner_client.submit_form(f"{page}/unlock", page=page).status_code == 303
    assert owner_client.submit_form(f"{page}/check", page=page).status_code == 303
    assert owner_client.submit_form(f"{page}/remove", page=f"{page}/remove").status_code == 303
    assert db.session.query(DataRepository).count() == 0
    assert os.path.isdir(repository_path(owner_client))


def repository_path(client: FormClient) -> str:
    return str(client.application.config["SETTINGS"].instance.parent / "repository")


def test_the_api_adds_a_repository_and_lists_what_is_in_it(
    app: Flask, owner_client: FormClient, notes: Installation, tmp_path: Path
) -> None:
    headers = {"X-CSRFToken": owner_client.csrf_token()}
    body = json.dumps({"name": "disk", "url": str(tmp_path / "repository"), "hours": 6})
    added = owner_client.post("/api/data-repositories", data=body, headers=headers).json
    row = db.session.query(DataRepository).one()
    assert (added["passphrase"], added["schedule"]["hours"]) == (row.passphrase, 6)
    snapshot = save(app, row, notes)
    listed = owner_client.get(f"/api/data-repositories/{row.id}/snapshots").json["results"]
    assert [(one["id"], one["app"]) for one in listed] == [(snapshot, "Notes")]
    assert row.passphrase not in owner_client.get("/api/data-repositories").text
    restore = json.dumps({"repository": row.id, "snapshot": snapshot, "paths": ["notes"], "to": "older"})
    answer = owner_client.post(f"/api/rockons/{notes.id}/data-restore", data=restore, headers=headers).json
    assert db.session.get_one(Operation, answer["operation"]).request == RestoreDataRequest(
        row.id, snapshot, {"notes": "older"}
    )
