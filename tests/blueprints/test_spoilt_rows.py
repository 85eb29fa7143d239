"""No single row of a table takes a page down: stored values are replaced by what nobody wrote, one after another."""

import json
import logging
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, text

from rockonweb.models import (
    Base,
    DataBackup,
    DataRepository,
    Episode,
    Installation,
    KeptVolume,
    Maintenance,
    MetastoreFile,
    NoticeMessage,
    NoticeTarget,
    OldContainer,
    Problem,
    PulledImage,
    RecoveryCode,
    RegistryLogin,
    Share,
    WatchedContainer,
    db,
    transaction,
    utc_now,
)
from tests.support.app import FormClient, add_rockon, mark_installed, new_visitor
from tests.support.database import engine_of
from tests.support.filled import list_addresses
from tests.support.scenes import fill_household, make_filled_app
from tests.support.spoiling import TEXTS, parsed_columns, spoiling_values, spoilt_row

FOREIGN = ("/jobs", "/static", "/assets", "/logout")
FINE = (200, 302, 303, 403, 404, 409)  # a role that can't be read is the least one
TABLES = {table.name: table for table in Base.metadata.sorted_tables}


def fill_all(app: Flask) -> None:
    """A household, and rows in the tables that it leaves empty."""
    fill_household(app)
    with transaction() as session:
        session.add_all(
            [
                NoticeMessage(target_id=session.query(NoticeTarget).one().id, title="Title", body="Body"),
                KeptVolume(installation_id=1, container="photos", volume="f" * 64, destination="/cache"),
                PulledImage(id="sha256:1", reference="box.example/photos:2.1"),
                MetastoreFile(url="http://box.example/root.json", body="{}"),
                RecoveryCode(user_id=1, hash="f" * 64),
                RegistryLogin(host="box.example", user="ada", password="a word", tested=utc_now()),
                Share(name="photos", mark="f" * 16, device="UUID=1", mount_point="/mnt/usb"),
                DataRepository(
                    name="disk", uid="f" * 64, url="/mnt/usb/restic", passphrase="a word", checked=utc_now()
                ),
                OldContainer(installation_id=1, container="photos", docker_id="f" * 64, name="photos", kept_name="old"),
                WatchedContainer(docker_id="e" * 64, name="other"),
                Maintenance(until=utc_now() + timedelta(hours=1), user="ada"),
                Episode(installation_id=1, problem=Problem.ENDED, reason="it ended", container="photos", log="x"),
                Episode(
                    installation_id=1, problem=Problem.ENDED, reason="it ended", well_since=utc_now(), ended=utc_now()
                ),
            ]
        )
        session.flush()
        session.add(DataBackup(installation_id=1, repository_id=1, taken=utc_now(), snapshot="f" * 64))


def pages_with(app: Flask, client: FormClient, table: str) -> list[str]:
    """The addresses that show something, and ask this table for it: of each route and page of a wizard the first."""
    statements: list[str] = []
    routes, found = app.url_map.bind("localhost"), set()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine_of(app), "before_cursor_execute", note)
    pages = []
    for path in sorted({path for path in list_addresses(app) if not path.startswith(FOREIGN)}):
        endpoint, values = routes.match(path)
        route = (endpoint, str(values.get("page")))
        statements.clear()
        if (
            route not in found
            and client.get(path).status_code == 200
            and re.search(rf"\b{table}\b", " ".join(statements))
        ):
            pages.append(path)
            found.add(route)
    event.remove(engine_of(app), "before_cursor_execute", note)
    return pages


@pytest.mark.waits
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("texts", [TEXTS[:1], pytest.param(TEXTS[1:], marks=pytest.mark.slow)], ids=["one", "others"])
def test_no_value_that_can_not_be_read_takes_a_page_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, texts: Sequence[str], tell: Callable[[str], None]
) -> None:
    app = make_filled_app(tmp_path, monkeypatch, fill_all)
    client = new_visitor(app).log_in("ada")
    monkeypatch.setattr(app, "testing", False)
    pages, failed, count = pages_with(app, client, table), [], 0
    logging.disable(logging.CRITICAL)
    try:
        for columns in parsed_columns(TABLES[table]):
            for value in spoiling_values(app, columns[0], texts):
                with spoilt_row(app, columns, value) as is_spoilt:
                    assert is_spoilt
                    for path in pages:
                        count += 1
                        if (status := client.get(path).status_code) not in FINE:
                            failed.append(f"{columns[0]} = {value[:20]}: {status} {path}")
    finally:
        logging.disable(logging.NOTSET)
    tell(f"{table}: {count} pages looked at with a spoilt row")
    assert failed == []


# -- an app whose definition or answers can't be read ------------------------------------------------------------------


def installed_app(**spoilt: str) -> int:
    """An app that is installed, with values past the code that writes them; returns its id."""
    web = {"ports": {"80": {"label": "Web", "host_default": 8080}}, "environment": {"APP_PASSWORD": {"label": "P"}}}
    rockon = mark_installed(add_rockon("Notes", {"web": web}))
    with transaction() as session:
        rockon.containers[0].environment[0].value = "a secret"
        session.flush()
        for column, value in spoilt.items():
            table, _, name = column.rpartition("__")
            session.execute(text(f"UPDATE {table} SET {name} = :value"), {"value": value})
    return rockon.id


UNREADABLE = "The definition of Notes can&#39;t be read in the database: not JSON: Expecting"


def test_a_definition_that_can_not_be_read_is_told_where_the_app_is(app: Flask, owner_client: FormClient) -> None:
    number = installed_app(installation__installed_source="{broken")
    assert UNREADABLE in owner_client.get("/").text
    assert "Its definition can't be read in the database." in owner_client.get("/rockons").text
    page = owner_client.get(f"/rockons/{number}").text
    assert UNREADABLE in page
    assert "Change to the newest definition of the catalogue, or uninstall it" in page
    assert "{broken" in owner_client.get(f"/rockons/{number}/source").text
    assert owner_client.get(f"/rockons/{number}/export").status_code == 200


def test_an_app_that_lost_its_definition_does_not_take_the_catalogue_s(app: Flask, owner_client: FormClient) -> None:
    number = installed_app()
    with transaction():
        db.session.get_one(Installation, number).installed_source = None
    for page in ("/", f"/rockons/{number}"):
        assert UNREADABLE in owner_client.get(page).text
    assert "Its definition can't be read in the database." in owner_client.get("/rockons").text


@pytest.mark.parametrize(
    ("spoilt", "sentence"),
    [
        ({"installation__installed_source": "{broken"}, UNREADABLE),
        ({"environment__value": "no ciphertext"}, "Answers of Notes can&#39;t be read in the database: APP_PASSWORD."),
    ],
)
def test_what_needs_it_is_refused_with_a_sentence_and_the_rest_is_not(
    app: Flask, owner_client: FormClient, spoilt: dict[str, str], sentence: str
) -> None:
    number = installed_app(**spoilt)
    settings = owner_client.get(f"/rockons/{number}/settings/ports")
    assert (settings.status_code, sentence in settings.text) == (409, True)
    headers = {"X-CSRFToken": owner_client.csrf_token("/account")}
    refused = owner_client.post(f"/rockons/{number}/update", headers=headers)
    assert refused.status_code == 409
    assert sentence in refused.text
    for kind in ("stop", "start", "restart"):
        assert owner_client.post(f"/rockons/{number}/{kind}", headers=headers).status_code == 303
    assert owner_client.get(f"/rockons/{number}/uninstall").status_code == 200
    assert owner_client.post(f"/rockons/{number}/uninstall", headers=headers).status_code == 303


def test_an_answer_that_can_not_be_read_is_left_as_it_is(app: Flask, owner_client: FormClient) -> None:
    number = installed_app(environment__value="no ciphertext")
    with transaction():
        db.session.get_one(Installation, number).containers[0].environment[0].label = "Another"
    stored = db.session.execute(text("SELECT label, value FROM environment")).one()
    assert tuple(stored) == ("Another", "no ciphertext")


def test_choices_of_secrets_that_can_not_be_read_make_everything_a_secret(app: Flask) -> None:
    rockon = db.session.get_one(Installation, installed_app(installation__secret_choices="[5]"))
    assert rockon.current_definition.hides_answer("web", "HARMLESS")
    with transaction():
        rockon.set_secret("web", "HARMLESS", "", secret=False)
    assert not rockon.current_definition.hides_answer("web", "HARMLESS")
    assert rockon.current_definition.hides_answer("web", "ANOTHER")


def test_the_json_api_answers_as_the_pages_do(app: Flask, owner_client: FormClient) -> None:
    number = installed_app(installation__installed_source="{broken")
    assert owner_client.get("/api/rockons").json
    shown = owner_client.get(f"/api/rockons/{number}")
    assert (shown.status_code, shown.json["state"]) == (200, "installed")
    headers = {"X-CSRFToken": owner_client.csrf_token("/account")}
    refused = owner_client.post(f"/api/rockons/{number}/update", data=json.dumps({"ports": {}}), headers=headers)
    assert refused.status_code == 409
    assert "can't be read in the database" in refused.text
    assert owner_client.post(f"/api/rockons/{number}/stop", headers=headers).status_code == 200
