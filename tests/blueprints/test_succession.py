"""A newer definition of an installed rock-on, and its new name, as a browser without JavaScript meets them."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest
from flask import Flask

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.facts import PortListener
from rockonweb.core.secret import MASK
from rockonweb.models import Installation, Kind, Operation, State, Status, db, repository, transaction
from tests.support.app import FormClient, add_rockon, make_shares, mark_installed
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import find_pattern, visible_text
from tests.support.samples import label_questions, port_question

SECRET = "blue horses dream"
PORTS = {"80": port_question(8080, ui=True)}
NOTES: dict[str, Any] = {
    "volumes": label_questions({"/data": "Notes"}),
    "ports": PORTS,
    "environment": label_questions(TITLE="Title", PASSWORD="Password"),
}


@pytest.fixture
def notes(app: Flask, docker: FakeDocker) -> Installation:
    """An installed rock-on with everything answered and something added, and running."""
    docker.run_containers("Notes", "notes")
    rockon = mark_installed(add_rockon("Notes", {"notes": NOTES}))
    make_shares(app, ["notes", "films"])
    with transaction():
        repository.store_answers(
            rockon,
            Answers(
                shares={"notes": {"/data": "notes"}},
                ports={"notes": {80: 8080}},
                environment={"notes": {"TITLE": "Ours", "PASSWORD": SECRET}},
                variables={"notes": {"LANG": "nl"}},
            ),
        )
    return rockon


def newer(**changes: Any) -> None:
    """Let the catalogue have a newer definition of Notes."""
    add_rockon("Notes", {"notes": {**NOTES, **changes}})


def leave(rockon: Installation) -> None:
    with transaction():
        rockon.entry.in_catalogue = False


def press(visitor: FormClient, address: str, button: str, seen: bool = True, **values: str) -> Any:
    """Press a button of the page, with the answers `values`, as somebody who saw what it shows."""
    page = visitor.get(address).text
    shown = re.search(r'name="reviewed" value="([^"]+)"', page)
    data = {button: button, **values, **({"reviewed": shown[1]} if seen and shown else {})}
    return visitor.submit_form(address, data, page=address)


def begun(rockon: Installation) -> Operation:
    return db.session.query(Operation).filter_by(installation_id=rockon.id).one()


# -- what waits is told -------------------------------------------------------------------------------------------


def test_a_newer_definition_touches_nothing_and_is_told_on_page_and_card(
    owner_client: FormClient, notes: Installation
) -> None:
    kept = repository.load_answers(notes)
    here = f"/rockons/{notes.id}"
    for address in (here, "/rockons"):
        assert "ewer definition" not in owner_client.get(address).text
    newer(tag="2")
    assert repository.load_answers(notes) == kept
    assert notes.current_definition.containers["notes"].tag is None
    assert f'href="{here}/definition"' in owner_client.get(here).text
    assert "A newer definition of this rock-on is available." in owner_client.get(f"{here}/head").text
    assert "Newer definition" in owner_client.get("/rockons").text


def test_one_that_was_left_aside_is_not_told_again_but_a_yet_newer_one_is(
    owner_client: FormClient, notes: Installation
) -> None:
    here = f"/rockons/{notes.id}"
    newer(tag="2")
    answer = press(owner_client, f"{here}/definition", "Ignore")
    assert (answer.status_code, answer.location) == (303, here)
    assert notes.ignored == definition_digest(notes.entry.source)
    assert (notes.state, db.session.query(Operation).count()) == (State.INSTALLED, 0)
    for address in (here, "/rockons"):
        assert "ewer definition" not in owner_client.get(address).text
    assert "You ignored this definition." in owner_client.get(f"{here}/definition").text
    newer(tag="3")
    for address in (here, "/rockons"):
        assert "ewer definition" in owner_client.get(address).text


def test_one_that_left_the_catalogue_stays_and_is_marked(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    assert "No longer in the catalogue" in owner_client.get("/rockons").text
    assert "It is no longer in the catalogue." in owner_client.get(f"/rockons/{notes.id}").text
    assert owner_client.get(f"/rockons/{notes.id}/uninstall").status_code == 200
    assert owner_client.get(f"/rockons/{notes.id}/definition").status_code == 409
    assert owner_client.get(f"/rockons/{notes.id}/successor").status_code == 409


def test_the_list_tells_of_newer_definitions_without_a_statement_for_each(
    owner_client: FormClient, statements: list[str]
) -> None:
    def count() -> int:
        statements.clear()
        assert "Newer definition" in owner_client.get("/rockons").text
        return len(statements)

    for number in range(12):
        mark_installed(add_rockon(f"App {number:02}", {f"app-{number}": {}}))
        add_rockon(f"App {number:02}", {f"app-{number}": {"tag": "2"}})
        if number == 0:
            few = count()
    assert count() == few


# -- the page -----------------------------------------------------------------------------------------------------


def test_the_page_says_what_differs_and_what_would_happen(owner_client: FormClient, notes: Installation) -> None:
    newer(tag="2", environment=label_questions(TITLE="Title"), opts=[["--memory", "1g"]])
    answer = owner_client.get(f"/rockons/{notes.id}/definition")
    text = visible_text(answer.text)
    assert "image version changed notes old example/notes:latest new example/notes:2" in text
    assert "Docker option notes new --memory 1g" in text
    assert "variable removed notes removed PASSWORD (Password)" in text
    assert "These are no longer used: Environment Password PASSWORD" in text
    assert MASK in text
    assert SECRET not in answer.text
    assert '<del><code>        "PASSWORD": {</code></del>' in unescape(answer.text)
    assert "notes recreated" in text
    assert "New questions" not in text


def test_what_it_may_do_to_the_host_beside_what_it_did_is_confirmed(
    owner_client: FormClient, notes: Installation
) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(opts=[["--cap-add", "NET_ADMIN"]])
    page = owner_client.get(here).text
    allowed = (
        "New permissions on this host that Accept grants to Notes notes has the capability NET_ADMIN on this host."
    )
    assert allowed in visible_text(page)
    other = press(owner_client, here, "Accept", confirm="0123456789abcdef")
    assert other.status_code == 422
    assert "the app's permissions on this host have changed since you reviewed them." in visible_text(other.text)
    assert db.session.query(Operation).count() == 0
    box = find_pattern(r'name="confirm" value="([^"]+)"', page)
    assert press(owner_client, here, "Accept", confirm=box).status_code == 303


def test_what_it_could_do_before_is_not_confirmed_again(owner_client: FormClient, notes: Installation) -> None:
    with transaction():
        notes.installed_source = notes.entry.source.replace('"image"', '"opts":[["--cap-add","NET_ADMIN"]],"image"', 1)
    newer(tag="2", opts=[["--cap-add", "NET_ADMIN"]])
    assert 'name="confirm"' not in owner_client.get(f"/rockons/{notes.id}/definition").text


def test_nothing_new_to_ask_is_accepted_in_one_click(owner_client: FormClient, notes: Installation) -> None:
    newer(tag="2")
    answer = press(owner_client, f"/rockons/{notes.id}/definition", "Accept")
    operation = begun(notes)
    assert (answer.status_code, answer.location) == (303, f"/operations/{operation.id}")
    assert (operation.kind, operation.request.source) == (Kind.CHANGE, notes.entry.source)
    assert operation.request.answers == repository.load_answers(notes)
    assert any("example/notes:2" in line for line in operation.reviewed_commands)
    assert SECRET not in str(operation.reviewed_commands)


def test_only_what_is_new_is_asked_and_never_has_a_value_that_nobody_gave(
    owner_client: FormClient, notes: Installation
) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(environment={**NOTES["environment"], "REALM": {"label": "Realm"}, "LANG": {"label": "Language"}})
    page = owner_client.get(here).text
    assert re.findall(r'<input[^>]* name="(\w+-notes-[^"]*)"', page) == ["environment-notes-REALM"]
    assert "The definition now asks for them, and your values are used as the answers" in page
    assert "None" not in page
    answer = press(owner_client, here, "Accept", **{"environment-notes-REALM": " "})
    assert (answer.status_code, "This field is required." in answer.text) == (422, True)
    assert db.session.query(Operation).count() == 0
    # The answer was not yet in what the page showed: it is shown first.
    answer = press(owner_client, here, "Accept", **{"environment-notes-REALM": "home"})
    assert (answer.status_code, "check what your answers will do" in answer.text) == (409, True)
    shown = find_pattern(r'name="reviewed" value="([^"]+)"', answer.text)
    data = {"Accept": "", "reviewed": shown, "environment-notes-REALM": "home"}
    assert owner_client.submit_form(here, data, page=here).status_code == 303
    wanted = begun(notes).request.answers
    assert wanted.environment == {"notes": {"TITLE": "Ours", "PASSWORD": SECRET, "REALM": "home", "LANG": "nl"}}
    assert not wanted.variables
    assert not any("None" in line for line in begun(notes).reviewed_commands)


def test_looking_begins_nothing(owner_client: FormClient, notes: Installation) -> None:
    newer(environment={**NOTES["environment"], "REALM": {"label": "Realm"}})
    answer = press(owner_client, f"/rockons/{notes.id}/definition", "Look", **{"environment-notes-REALM": "home"})
    assert (answer.status_code, "REALM=home" in answer.text) == (200, True)
    assert db.session.query(Operation).count() == 0


def test_who_sends_what_was_not_shown_by_a_page_relies_on_today(owner_client: FormClient, notes: Installation) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(environment={**NOTES["environment"], "REALM": {"label": "Realm"}})
    answer = press(owner_client, here, "Accept", seen=False, **{"environment-notes-REALM": "home"})
    assert answer.status_code == 303


def test_questions_of_every_page_are_the_wizards(app: Flask, owner_client: FormClient, notes: Installation) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(
        volumes={**NOTES["volumes"], "/media": {"label": "Media [e.g. notes-media]"}},
        ports={**PORTS, "81": port_question(8080, "Admin")},
        devices=label_questions(gpu="Graphics"),
        environment={**NOTES["environment"], "DB_PASSWORD": {"label": "Choose a password"}},
    )
    page = owner_client.get(here).text
    fields = dict(re.findall(r'<input[^>]*? name="(\w+-notes-[^"]*)"[^>]*? value="([^"]*)"', page))
    assert fields["shares-notes-/media"] == "notes-media"
    assert fields["ports-notes-81"] == "8081"
    assert "another port of this rock-on" in page
    assert 'name="Generate" value="environment-notes-DB_PASSWORD"' in page
    answers = {
        "shares-notes-/media": "media",
        "ports-notes-81": "8080",
        "devices-notes-gpu": "relative",
        "environment-notes-DB_PASSWORD": "",
    }
    answer = press(owner_client, here, "Accept", **answers)
    assert answer.status_code == 422
    for sentence in (
        "is in use by another port of this rock-on",
        "A device is an absolute path",
        "This field is required.",
    ):
        assert sentence in unescape(answer.text)
    good = {"ports-notes-81": "8090", "devices-notes-gpu": "", "environment-notes-DB_PASSWORD": "sea shells"}
    answer = press(owner_client, here, "Accept", seen=False, **{**answers, **good})
    assert answer.status_code == 303
    asked = begun(notes).request
    assert asked.new_shares == {"media"}
    assert asked.answers.ports == {"notes": {80: 8080, 81: 8090}}
    assert asked.answers.shares == {"notes": {"/data": "notes", "/media": "media"}}


def test_a_secret_is_generated_and_shown_without_javascript(owner_client: FormClient, notes: Installation) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(environment={**NOTES["environment"], "DB_PASSWORD": {"label": "Choose a password"}})
    answer = owner_client.submit_form(here, {"Generate": "environment-notes-DB_PASSWORD"}, page=here)
    assert answer.status_code == 200
    assert re.search(r'<input[^>]* type="text" value="[A-Za-z0-9]{24}"', answer.text)
    typed = {"Reveal": "environment-notes-DB_PASSWORD", "environment-notes-DB_PASSWORD": "sea shells"}
    assert 'value="sea shells"' in owner_client.submit_form(here, typed, page=here).text
    assert db.session.query(Operation).count() == 0


def test_what_can_not_be_done_is_said_and_not_begun(
    owner_client: FormClient, notes: Installation, docker: FakeDocker
) -> None:
    here = f"/rockons/{notes.id}/definition"
    newer(tag="2")
    docker.is_down = True
    assert "Docker does not answer." in owner_client.get(here).text
    assert press(owner_client, here, "Accept").status_code == 503
    docker.is_down = False
    docker.run_containers("", "web", published=(PortListener(8080, "tcp", holder="somebody else"),))
    answer = press(owner_client, here, "Accept")
    assert (answer.status_code, "somebody else" in answer.text) == (422, True)
    assert db.session.query(Operation).count() == 0


@pytest.mark.parametrize("page", ["definition", "successor"])
def test_there_is_a_sentence_where_nothing_waits(owner_client: FormClient, notes: Installation, page: str) -> None:
    other = add_rockon("Other", {"other": {}})
    for rockon in (notes, other):
        for answer in (
            owner_client.get(f"/rockons/{rockon.id}/{page}"),
            owner_client.submit_form(f"/rockons/{rockon.id}/{page}", {"Accept": ""}, page="/shares"),
        ):
            assert answer.status_code == 409
            assert rockon.name in answer.text
    assert owner_client.get(f"/rockons/999/{page}").status_code == 404
    with transaction() as session:
        session.add(Operation(kind=Kind.CHANGE, installation_id=notes.id))
    assert "is being changed" in owner_client.get(f"/rockons/{notes.id}/{page}").text


def test_only_an_owner_decides(operator: FormClient, notes: Installation) -> None:
    newer(tag="2")
    assert operator.get(f"/rockons/{notes.id}/definition").status_code == 403
    page = operator.get(f"/rockons/{notes.id}").text
    assert "A newer definition of this rock-on is available." in page
    assert "/definition" not in page


# -- another name -------------------------------------------------------------------------------------------------


def renamed(
    name: str = "Notebook", extra: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any
) -> Installation:
    """Let the catalogue have Notes under another name."""
    return add_rockon(name, {"notes": {**NOTES, **changes}, **(extra or {})})


def test_a_new_name_is_offered_on_both_pages(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    successor = renamed()
    add_rockon("Unrelated", {"unrelated": {}})
    page = owner_client.get(f"/rockons/{notes.id}").text
    assert "may now be called Notebook there" in page
    assert f'href="/rockons/{notes.id}/successor"' in page
    assert (
        f'href="/rockons/{notes.id}/successor?to={successor.id}"' in owner_client.get(f"/rockons/{successor.id}").text
    )


def test_who_begins_to_install_the_new_name_is_told(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    successor = renamed()
    page = owner_client.get(f"/rockons/{successor.id}/install/shares").text
    assert "You already have this app as Notes." in page


def test_the_new_name_is_taken_with_its_definition(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    successor = renamed(environment={**NOTES["environment"], "REALM": {"label": "Realm"}})
    here = f"/rockons/{notes.id}/successor"
    text = visible_text(owner_client.get(here).text)
    assert "name changed old Notes new Notebook" in text
    assert "all of them are recreated" in text
    answer = press(owner_client, here, "Accept", seen=False, **{"environment-notes-REALM": "home"})
    assert answer.status_code == 303
    asked = begun(notes).request
    assert (asked.successor, asked.source) == (successor.id, successor.entry.source)
    assert asked.answers.shares == {"notes": {"/data": "notes"}}
    assert asked.answers.ports == {"notes": {80: 8080}}
    assert asked.answers.environment["notes"] == {"TITLE": "Ours", "PASSWORD": SECRET, "REALM": "home"}


def test_a_new_name_that_is_left_aside_changes_nothing(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    renamed()
    here = f"/rockons/{notes.id}"
    answer = press(owner_client, f"{here}/successor", "Ignore")
    assert answer.status_code == 303
    page = owner_client.get(here).text
    assert "may now be called" not in page
    assert "It is no longer in the catalogue." in page
    assert "You ignored this definition." in owner_client.get(f"{here}/successor").text
    renamed(tag="2")
    assert "may now be called Notebook there" in owner_client.get(here).text
    assert (notes.name, notes.state, notes.status) == ("Notes", State.INSTALLED, Status.STARTED)
    assert db.session.query(Operation).count() == 0


def test_where_several_fit_a_person_chooses(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    one, other = renamed("Jotter"), renamed("Notebook")
    here = f"/rockons/{notes.id}/successor"
    page = owner_client.get(here).text
    assert f"{here}?to={one.id}" in page
    assert f"{here}?to={other.id}" in page
    assert owner_client.submit_form(here, {"Accept": ""}, page=here).status_code == 409
    assert press(owner_client, f"{here}?to={other.id}", "Accept").status_code == 303
    assert begun(notes).request.successor == other.id


def test_one_with_more_containers_asks_for_theirs(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    renamed(extra={"notes-db": {"volumes": label_questions({"/db": "Database"})}})
    page = owner_client.get(f"/rockons/{notes.id}/successor").text
    assert 'name="shares-notes-db-/db"' in page
    assert "container added" in page


def test_what_is_installed_too_is_no_successor(owner_client: FormClient, notes: Installation) -> None:
    leave(notes)
    mark_installed(renamed())
    assert owner_client.get(f"/rockons/{notes.id}/successor").status_code == 409
