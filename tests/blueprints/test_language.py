"""In which language pages speak: what the browser asks for, or what was chosen in it."""

import pytest

from rockonweb.core.text import t
from rockonweb.models import Kind, Operation, OperationStep, Progress, db, transaction
from tests.support.app import FormClient, add_rockon, mark_installed
from tests.support.pages import find_pattern

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def words_of(page: str) -> str:
    return find_pattern(r'<html lang="(\w+)"', page)


@pytest.mark.parametrize(
    ("asked", "given"), [("de-CH,en;q=0.2", "de"), ("fr", "en"), ("en-GB,de;q=0.5", "en"), ("", "en")]
)
def test_a_page_speaks_as_the_browser_asks(owner_client: FormClient, asked: str, given: str) -> None:
    assert words_of(owner_client.get("/shares", headers={"Accept-Language": asked}).text) == given


def test_a_choice_counts_more_than_the_browser(owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/language/de", {"next": "/shares?"}, page="/shares")
    assert (answer.status_code, answer.location) == (303, "/shares")
    page = owner_client.get("/shares", headers={"Accept-Language": "en"}).text
    assert words_of(page) == "de"
    assert '<button type="submit" class="btn btn-sm btn-outline-secondary" lang="de"' in page
    assert "Freigaben" in page
    assert owner_client.submit_form("/language/en", page="/shares").location == "/"
    assert words_of(owner_client.get("/shares", headers=GERMAN).text) == "en"


def test_the_login_page_has_the_choice_too(owner_client: FormClient) -> None:
    owner_client.submit_form("/logout", page="/shares")
    page = owner_client.get("/login", headers=GERMAN).text
    assert "Anmelden" in page
    assert 'formaction="/language/en"' in page


def test_no_other_language_and_no_other_site(owner_client: FormClient) -> None:
    assert owner_client.submit_form("/language/xx", page="/shares").status_code == 404
    assert owner_client.submit_form("/language/de", {"next": "//evil.example"}, page="/shares").location == "/"
    owner_client.set_cookie("rockonweb_8000_language", '"><b>')
    assert words_of(owner_client.get("/shares").text) == "en"


def test_scripts_read_english(owner_client: FormClient) -> None:
    answer = owner_client.get("/api/rockons/77", headers=GERMAN)
    assert answer.status_code == 404
    assert answer.json == owner_client.get("/api/rockons/77").json


def test_what_is_on_record_is_shown_in_the_reader_s_language(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    with transaction() as session:
        operation = Operation(kind=Kind.STOP, installation_id=notes.id, user="ada")
        operation.steps = [
            OperationStep(
                position=0, title=t("stop %(container)s", container="notes"), why=t("in reverse launch order")
            )
        ]
        operation.mark_finished(Progress.FAILED, t("Cancelled."), t("Choose another port."))
        session.add(operation)
        session.flush()
        path = f"/operations/{operation.id}"
    db.session.expire_all()
    assert "stop notes" in owner_client.get(path).text
    page = owner_client.get(path, headers=GERMAN).text
    for words in ("notes stoppen", "Abgebrochen.", "Wählen Sie einen anderen Port."):
        assert words in page, words
