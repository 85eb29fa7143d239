"""The pages of backup, restore and export."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from rockonweb.catalog import sources
from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.restored import RestoredRockOn, RestoreOutcome
from rockonweb.host import Host
from rockonweb.models import (
    AuditEntry,
    Installation,
    Kind,
    Metastore,
    Network,
    Operation,
    Progress,
    Restore,
    RockOn,
    State,
    Status,
    db,
    repository,
    transaction,
    utc_now,
)
from rockonweb.work import backup as edges
from rockonweb.work import backup_encryption, restore
from tests.support import samples
from tests.support.app import HX, PASSWORD, FormClient, add_rockon, mark_installed
from tests.support.command_line import CommandLine
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import find_pattern, visible_text
from tests.support.person import parse_forms
from tests.support.queue_server import QueueServer

PASSPHRASE = "a long enough passphrase"
SECRET = "s3cret-value"

pytestmark = pytest.mark.usefixtures("docker")


def filled(name: str = "Notes", status: Status = Status.STARTED) -> Installation:
    """An installed rock-on with a secret."""
    web = {
        "ports": {"80": samples.port_question(9080, ui=True)},
        "volumes": samples.label_questions({"/data": "Data"}),
        "environment": samples.label_questions(ADMIN_PASSWORD="", MODE=""),
    }
    container = name.lower()
    rockon = mark_installed(add_rockon(name, {container: web}), status)
    with transaction():
        repository.store_answers(
            rockon,
            Answers(
                shares={container: {"/data": f"{container}-data"}},
                ports={container: {80: rockon.containers[0].ports[0].suggested}},
                environment={container: {"ADMIN_PASSWORD": SECRET, "MODE": "quiet"}},
                labels={container: ["team=home"]},
            ),
        )
    return rockon


def download(client: FormClient, **fields: str) -> TestResponse:
    return client.submit_form("/backup", fields, "/backup")


def upload(client: FormClient, content: bytes, **fields: str) -> TestResponse:
    """Send a backup as a browser does."""
    data = {"csrf_token": client.csrf_token("/backup"), "file": (io.BytesIO(content), "backup.json"), **fields}
    return client.post("/backup/restore", data=data, content_type="multipart/form-data")


def wipe() -> None:
    """Forget everything that is installed."""
    with transaction() as session:
        for rockon in session.scalars(select(Installation)):
            session.delete(rockon)
        session.flush()
        for entry in session.scalars(select(RockOn)):
            session.delete(entry)


def made(app: Flask, passphrase: str | None = None) -> bytes:
    return edges.create_backup(app.config["SETTINGS"], "1.0", passphrase)[0].encode()


def moved(app: Flask, client: FormClient, passphrase: str = "") -> str:
    """Where a restore is reviewed, on a machine where nothing is installed any more."""
    content = made(app, passphrase or None)
    wipe()
    return upload(client, content, opening=passphrase).location


def end_operations(progress: Progress = Progress.DONE, error: str = "") -> None:
    """Let what waits have ended."""
    with transaction() as session:
        for operation in session.scalars(select(Operation)):
            operation.mark_finished(progress, error)
            if operation.installation:
                operation.installation.state = State.INSTALLED if progress is Progress.DONE else State.INSTALL_FAILED


# -- making one ----------------------------------------------------------------------------------------------------


def test_the_page_says_in_large_letters_what_is_not_in_it(owner_client: FormClient) -> None:
    text = owner_client.get("/backup").text
    assert '<p class="loud-words">BACKUPS OF SETTINGS DO NOT INCLUDE THE DATA IN YOUR SHARES.</p>' in text
    assert "Accounts and tokens are not included." in text
    assert 'href="/backup"' in owner_client.get("/shares").text


def test_a_backup_is_downloaded_without_secrets(owner_client: FormClient) -> None:
    filled()
    with transaction() as session:
        session.add(Metastore(place=f"https://me:{SECRET}@example.org/a", position=0))
    answer = download(owner_client)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r'attachment; filename="rockonweb-backup-[\d-]+\.json"', answer.headers["Content-Disposition"])
    assert SECRET not in answer.text
    assert "argon2" not in answer.text
    found = core.read_backup(answer.data)
    assert [place.key for place in found.withheld_secrets] == ["ADMIN_PASSWORD", "https://example.org/a"]
    assert found.sealed is None


def test_secrets_are_encrypted_with_a_passphrase(owner_client: FormClient) -> None:
    filled()
    answer = download(owner_client, secrets="y", passphrase=PASSPHRASE, again=PASSPHRASE)
    written = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "backup.make")).one()
    assert (written.who, written.about) == ("ada", "with secrets")
    assert SECRET not in answer.text
    opened = backup_encryption.unseal_secrets(core.read_backup(answer.data), PASSPHRASE)
    assert opened.rockons[0].given["environment"]["notes"]["ADMIN_PASSWORD"] == SECRET


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"secrets": "y"}, "Use at least 10 characters."),
        ({"secrets": "y", "passphrase": "short", "again": "short"}, "Use at least 10 characters."),
        ({"secrets": "y", "passphrase": PASSPHRASE, "again": "x"}, "The passphrases don't match."),
        ({"passphrase": PASSPHRASE, "again": PASSPHRASE}, "without secrets nothing is encrypted"),
    ],
)
def test_a_passphrase_that_does_not_fit(owner_client: FormClient, fields: dict[str, str], sentence: str) -> None:
    answer = download(owner_client, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert PASSPHRASE not in answer.text


def test_running_or_stopped_is_in_it(app: Flask) -> None:
    filled("One")
    filled("Two", Status.STOPPED)
    filled("Three", Status.EXITED)
    found = core.read_backup(made(app))
    assert [(one.name, one.running) for one in found.rockons] == [("One", True), ("Two", False), ("Three", True)]


def test_only_owners(operator: FormClient) -> None:
    rockon = filled()
    for path in ("/backup", "/backup/restore/1", f"/rockons/{rockon.id}/export"):
        assert operator.get(path).status_code == 403
    for path in ("/backup", "/backup/restore", "/backup/restore/1/begin", "/backup/restore/1/forget"):
        assert operator.submit_form(path, page="/rockons").status_code == 403
    assert operator.submit_form(f"/rockons/{rockon.id}/export", page="/rockons").status_code == 403
    assert f"/rockons/{rockon.id}/export" not in operator.get(f"/rockons/{rockon.id}").text
    assert 'href="/backup"' not in operator.get("/rockons").text


# -- restoring -----------------------------------------------------------------------------------------------------


def powerful(*options: list[str]) -> None:
    """An installed rock-on with options of `docker run`."""
    mark_installed(add_rockon("Mighty", {"mighty": {"opts": options}}))


def test_a_restore_is_confirmed_as_an_install_is(app: Flask, owner_client: FormClient) -> None:
    powerful(["-v", "/etc:/hostetc"])
    review = moved(app, owner_client)
    page = owner_client.get(review).text
    assert "mighty can read and change /etc on this host." in visible_text(page)
    assert "-v /etc:/hostetc" in find_pattern("The exact commands</summary>(.*?)</details>", page)
    shown = {name: find_pattern(rf'name="{name}" value="([^"]+)"', page) for name in ("reviewed", "confirm")}
    for unseen in shown:
        answer = owner_client.submit_form(f"{review}/begin", {**shown, unseen: "something else"})
        assert answer.status_code == 422
        assert "Something has changed since your review" in answer.text
    assert db.session.query(Operation).count() == 0
    assert owner_client.submit_form(f"{review}/begin", shown).status_code == 303
    assert db.session.query(Operation).filter_by(kind=Kind.INSTALL).count() == 1


def test_what_a_stranger_s_container_is_in_the_way_of_is_confirmed_too(
    app: Flask, owner_client: FormClient, docker: FakeDocker
) -> None:
    powerful(["-v", "/etc:/hostetc"])
    docker.known_containers["mighty"] = ContainerFacts("mighty", id="x", state="running")
    assert "can read and change /etc" in owner_client.get(moved(app, owner_client)).text


def test_the_command_line_asks_to_confirm_what_a_restore_allows(
    app: Flask, owner_client: FormClient, queue_server: QueueServer, tmp_path: Path
) -> None:
    powerful(["-v", "/etc:/hostetc"])
    (tmp_path / "it.json").write_bytes(made(app))
    wipe()
    terminal = CommandLine(tmp_path)
    terminal.environ["REDIS_URL"] = queue_server.url
    done = terminal.run("restore", "it.json")
    assert done.returncode == 1
    assert "mighty can read and change /etc on this host." in done.stderr
    assert "-v /etc:/hostetc" in done.stderr
    assert db.session.query(Operation).count() == 0
    db.session.rollback()
    code = done.stderr.rpartition("--confirm ")[2].strip(" .\n")
    done = terminal.run("restore", "it.json", "--confirm", code)
    assert (done.returncode, "Mighty" in done.stdout) == (0, True)
    assert db.session.query(Operation).filter_by(kind=Kind.INSTALL).count() == 1


def test_the_review_shows_what_will_be_done_and_changes_nothing(app: Flask, owner_client: FormClient) -> None:
    filled("Notes")
    filled("Sleeper", Status.STOPPED)
    content = made(app, PASSPHRASE)
    wipe()
    answer = upload(owner_client, content, opening=PASSPHRASE)
    assert answer.status_code == 303
    text = owner_client.get(answer.location).text
    assert "COPY YOUR DATA BACK INTO THESE SHARES FIRST, OR NOW." in text
    assert "notes-data" in text
    assert "will be installed and started" in text
    assert "will be installed and stay stopped" in text
    assert SECRET not in text
    assert 'name="secret-' not in text
    assert db.session.query(Installation).count() == 0
    assert db.session.query(Operation).count() == 0
    assert Host(app.config["SETTINGS"]).shares.shares_by_name() == {}


def test_a_restore_begins_the_installs_and_shows_how_far_they_are(app: Flask, owner_client: FormClient) -> None:
    filled("Notes")
    filled("Sleeper", Status.STOPPED)
    content = made(app, PASSPHRASE)
    source = db.session.scalar(select(RockOn.source).where(RockOn.name == "Notes"))
    wipe()
    here = upload(owner_client, content, opening=PASSPHRASE).location
    answer = owner_client.submit_form(f"{here}/begin", page=here)
    assert (answer.status_code, answer.location) == (303, here)
    text = owner_client.get(here).text
    assert 'hx-trigger="every 1s"' in text
    assert "0 of 2 finished" in text
    assert "<html" not in owner_client.get(here, headers=HX).text
    installs = db.session.scalars(select(Operation).where(Operation.kind == Kind.INSTALL)).all()
    assert [(one.installation and one.installation.name, one.request.stopped) for one in installs] == [
        ("Notes", False),
        ("Sleeper", True),
    ]
    notes = db.session.scalars(select(Installation).where(Installation.name == "Notes")).one()
    assert (notes.state, notes.entry.source, notes.entry.in_catalogue) == (State.PENDING_INSTALL, source, False)
    assert repository.load_answers(notes).environment == {"notes": {"ADMIN_PASSWORD": SECRET, "MODE": "quiet"}}
    assert repository.load_answers(notes).labels == {"notes": ["team=home"]}
    assert list(Host(app.config["SETTINGS"]).shares.shares_by_name()) == ["notes-data", "sleeper-data"]
    end_operations()
    text = owner_client.get(here).text
    assert "hx-trigger" not in text.partition('id="restore"')[2]
    assert ">Done.<" in text
    assert "Restore the rest" not in text
    owner_client.submit_form(f"{here}/begin", page=here)
    assert db.session.query(Operation).count() == 2  # nothing is done twice


def test_what_failed_is_told_and_tried_again(app: Flask, owner_client: FormClient) -> None:
    filled()
    here = moved(app, owner_client, PASSPHRASE)
    owner_client.submit_form(f"{here}/begin", page=here)
    end_operations(Progress.FAILED, "Docker's disk is full.")
    text = owner_client.get(here).text
    assert "Not everything could be restored." in text
    assert "Docker&#39;s disk is full." in text
    owner_client.submit_form(f"{here}/begin", page=here)
    assert db.session.query(Operation).count() == 2
    assert "0 of 1 finished" in owner_client.get(here).text


def test_a_missing_secret_may_have_several_lines_and_as_many_bytes_as_any(app: Flask, owner_client: FormClient) -> None:
    filled()
    here = moved(app, owner_client)
    form = next(
        form for form in parse_forms(owner_client.get(f"{here}?lines=1").text) if form.action.endswith("/begin")
    )
    (field,) = (name for name in form.fields if name.startswith("secret-"))
    assert form.fields[field].kind == "textarea"
    owner_client.submit_form(f"{here}/begin", {field: "x" * 200_000}, page=here)
    assert "waiting for its secrets" in owner_client.get(here).text
    key = "-----BEGIN KEY-----\n" + "abc\n" * 4_000
    owner_client.submit_form(f"{here}/begin", {field: key.replace("\n", "\r\n")}, page=here)
    rockon = db.session.scalars(select(Installation)).one()
    assert repository.load_answers(rockon).environment["notes"]["ADMIN_PASSWORD"] == key


def test_missing_secrets_are_asked_for(app: Flask, owner_client: FormClient) -> None:
    filled()
    here = moved(app, owner_client)
    text = owner_client.get(here).text
    assert "Secrets are missing." in text
    (field,) = re.findall(r'<input class="form-control" type="password" id="(secret-\w+)"', text)
    owner_client.submit_form(f"{here}/begin", page=here)
    text = owner_client.get(here).text
    assert "waiting for its secrets" in text
    assert f'name="{field}"' in text
    assert db.session.query(Operation).count() == 0
    owner_client.submit_form(f"{here}/begin", {field: "typed again", "secret-0000000000000000": "x"}, page=here)
    rockon = db.session.scalars(select(Installation)).one()
    assert repository.load_answers(rockon).environment["notes"]["ADMIN_PASSWORD"] == "typed again"
    assert "typed again" not in owner_client.get(here).text


def test_what_is_installed_or_a_strangers_is_left_alone(
    app: Flask, owner_client: FormClient, docker: FakeDocker
) -> None:
    filled("Notes")
    other = filled("Other")
    content = made(app, PASSPHRASE)
    with transaction() as session:
        session.delete(other)
    docker.known_containers = {"other": ContainerFacts("other", state="running")}
    Host(app.config["SETTINGS"]).shares.create_share("notes-data")
    here = upload(owner_client, content, opening=PASSPHRASE).location
    for _ in range(2):
        text = owner_client.get(here).text
        assert "It is already installed here and is not changed." in text
        assert "A container &#34;other&#34; already exists" in text
        owner_client.submit_form(f"{here}/begin", page=here)
    assert db.session.query(Operation).count() == 0


def test_definitions_metastores_and_shares_come_back(app: Flask, owner_client: FormClient) -> None:
    settings = app.config["SETTINGS"]
    folder: Path = settings.local_metastore
    folder.mkdir(parents=True)
    (folder / "own.json").write_text(samples.definition_source({"own": {}}, "Own"))
    (folder / "taken.json").write_text("{}")
    with transaction() as session:
        session.add(Metastore(place="https://me:pw@example.org/a", position=0, enabled=False))
        session.add(Metastore(place="https://example.org/b", position=1))
    content = made(app)
    (folder / "own.json").unlink()
    (folder / "taken.json").write_text("[]")
    for source in sources.list_sources(settings):
        sources.remove_metastore(source.id or 0)
    here = upload(owner_client, content).location
    text = owner_client.get(here).text
    assert "There is another file with this name, which is kept." in text
    assert "It will be added without its password: enter the password again." in text
    owner_client.submit_form(f"{here}/begin", page=here)
    assert (folder / "own.json").read_text() == samples.definition_source({"own": {}}, "Own")
    assert (folder / "taken.json").read_text() == "[]"
    assert [(one.place, one.enabled) for one in sources.list_sources(settings)[1:-1]] == [
        ("https://example.org/a", False),
        ("https://example.org/b", True),
    ]
    assert [one.kind for one in db.session.scalars(select(Operation))] == [Kind.REFRESH]
    assert "It was added without its password: enter the password again." in owner_client.get(here).text


def test_a_network_that_can_not_be_made_is_told(app: Flask, owner_client: FormClient) -> None:
    with transaction() as session:
        network = Network(name="mine", comment="", subnet="127.0.0.0/24")
        session.add(network)
    content = made(app)
    with transaction() as session:
        session.delete(session.scalars(select(Network)).one())
    here = upload(owner_client, content).location
    owner_client.submit_form(f"{here}/begin", page=here)
    text = owner_client.get(here).text
    assert "Not everything could be restored." in text
    assert "127.0.0.0/24" in text
    assert db.session.query(Network).count() == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not valid JSON, or is incomplete"),
        (b"PK\x03\x04\xff", "it is not UTF-8 text"),
        (b'{"a": 1}', "This is not a Rockonweb backup"),
        (b'{"rockonweb_backup": 99, "program": "9.9"}', "a newer version of Rockonweb, 9.9"),
        (b'{"rockonweb_backup": 1, "shares": [{"name": "../x"}]}', "shares.0.name: "),
        (b"[" * 200_000, "nested too deeply"),
        (b" " * 10_000_001, "larger than 10 MB"),
    ],
)
def test_what_is_no_backup_is_refused(owner_client: FormClient, content: bytes, sentence: str) -> None:
    answer = upload(owner_client, content)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert db.session.query(Restore).count() == 0


def test_a_truncated_backup_is_refused(app: Flask, owner_client: FormClient) -> None:
    filled()
    answer = upload(owner_client, made(app)[:-100])
    assert answer.status_code == 422
    assert "is incomplete" in answer.text


def test_a_file_of_50_mb_is_refused(owner_client: FormClient) -> None:
    answer = upload(owner_client, b" " * 50_000_000)
    assert answer.status_code == 413
    assert "The submitted data is too large." in answer.text


def test_no_file_is_told(owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/backup/restore", page="/backup")
    assert answer.status_code == 422
    assert "Choose a backup file." in answer.text


def test_a_backup_of_more_than_other_pages_take_is_read(app: Flask, owner_client: FormClient) -> None:
    data = json.loads(made(app))
    data["definitions"] = [{"file": f"{place}.json", "text": "x" * 900_000} for place in range(4)]
    assert upload(owner_client, json.dumps(data).encode()).status_code == 303


def test_a_wrong_passphrase_is_told(app: Flask, owner_client: FormClient) -> None:
    filled()
    answer = upload(owner_client, made(app, PASSPHRASE), opening="another one, wrong")
    assert answer.status_code == 422
    assert "The passphrase does not match this backup" in answer.text
    assert "another one, wrong" not in answer.text
    assert db.session.query(Restore).count() == 0


def test_without_its_passphrase_a_backup_asks_for_each_secret(app: Flask, owner_client: FormClient) -> None:
    filled()
    content = made(app, PASSPHRASE)
    wipe()
    here = upload(owner_client, content).location
    assert 'name="secret-' in owner_client.get(here).text


def test_a_restore_is_forgotten(app: Flask, owner_client: FormClient) -> None:
    filled()
    here = moved(app, owner_client, PASSPHRASE)
    owner_client.submit_form(f"{here}/begin", page=here)
    refused = owner_client.submit_form(f"{here}/forget", page=here)
    assert refused.status_code == 409
    assert "This restore has not finished yet." in refused.text
    end_operations()
    assert owner_client.submit_form(f"{here}/forget", page=here).location == "/backup"
    assert owner_client.get(here).status_code == 404


def test_secrets_of_a_restore_are_encrypted_in_the_database(app: Flask, tmp_path: Path) -> None:
    filled()
    restore.create_restore(made(app, PASSPHRASE), PASSPHRASE, "tester")
    assert SECRET in db.session.scalars(select(Restore)).one().content
    raw = b"".join(path.read_bytes() for path in (tmp_path / "instance").glob("rockonweb.db*"))
    assert SECRET.encode() not in raw


def test_another_upload_takes_the_place_of_one_that_was_not_begun(app: Flask, owner_client: FormClient) -> None:
    first = upload(owner_client, made(app)).location
    second = upload(owner_client, made(app)).location
    found = db.session.scalars(select(Restore.id)).all()
    assert [f"/backup/restore/{one}" for one in found] == [second]
    assert first == second or owner_client.get(first).status_code == 404


def test_a_restore_that_was_cut_off_can_go_on(app: Flask, owner_client: FormClient) -> None:
    filled()
    restore_id = restore.create_restore(made(app, PASSPHRASE), PASSPHRASE, "tester")
    wipe()
    with transaction() as session:
        row = session.get_one(Restore, restore_id)
        row.begun, row.outcome = utc_now(), RestoreOutcome(parts=(), rockons={"Notes": RestoredRockOn()})
    here = f"/backup/restore/{restore_id}"
    text = owner_client.get(here).text
    assert "not restored yet" in text
    assert "Restore the rest" in text


@pytest.mark.parametrize("path", ["/backup/restore/99", "/rockons/99/export"])
def test_unknown_ids(owner_client: FormClient, path: str) -> None:
    assert owner_client.get(path).status_code == 404
    for action in ("", "/begin", "/forget"):
        assert owner_client.submit_form(path + action, page="/backup").status_code in (404, 405)


# -- export --------------------------------------------------------------------------------------------------------


def unpacked(answer: TestResponse) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_a_rockon_is_exported(owner_client: FormClient) -> None:
    rockon = filled()
    here = f"/rockons/{rockon.id}/export"
    assert f'href="{here}"' in owner_client.get(f"/rockons/{rockon.id}").text
    text = owner_client.get(here).text
    assert "container_name: notes" in text
    assert SECRET not in text
    answer = owner_client.submit_form(here, page=here)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="notes-compose.zip"'
    files = unpacked(answer)
    assert list(files) == ["Notes/compose.yaml", "Notes/.env"]  # its .env counts for what is started beside it
    assert SECRET not in "".join(files.values())
    assert "\nADMIN_PASSWORD=\n" in files["Notes/.env"]
    for password in ("", "not mine"):
        refused = owner_client.submit_form(here, {"secrets": "y", "password": password}, page=here)
        assert refused.status_code == 422
        assert SECRET not in refused.text
    revealed = unpacked(owner_client.submit_form(here, {"secrets": "y", "password": PASSWORD}, page=here))
    written = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "secret.exported")).one()
    assert (written.who, written.about) == ("ada", rockon.name)
    assert f"ADMIN_PASSWORD='{SECRET}'" in revealed["Notes/.env"]
    assert SECRET not in revealed["Notes/compose.yaml"]


def test_a_rockon_is_exported_for_podman(owner_client: FormClient) -> None:
    here = f"/rockons/{filled().id}/export"
    assert "ContainerName=notes" in owner_client.get(here).text
    answer = owner_client.submit_form(here, {"export_format": "quadlet"}, page=here)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="notes-quadlet.zip"'
    files = unpacked(answer)
    assert list(files) == ["Notes/notes.container", "Notes/notes.env"]
    assert SECRET not in "".join(files.values())
    revealed = owner_client.submit_form(
        here, {"export_format": "quadlet", "secrets": "y", "password": PASSWORD}, page=here
    )
    assert f"\nADMIN_PASSWORD={SECRET}\n" in unpacked(revealed)["Notes/notes.env"]
    assert owner_client.submit_form(here, {"export_format": "other"}, page=here).status_code == 422


def test_what_is_not_installed_is_not_exported(owner_client: FormClient) -> None:
    rockon = add_rockon("Notes")
    assert owner_client.get(f"/rockons/{rockon.id}/export").location == f"/rockons/{rockon.id}"
    answer = owner_client.submit_form(f"/rockons/{rockon.id}/export", page="/backup")
    assert answer.status_code == 409
    assert "Notes is not installed." in answer.text
