"""Settings of an installed rock-on, as a browser without JavaScript meets them."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import NetworkFacts
from rockonweb.core.operations.requests import ChangeRequest, blank_request
from rockonweb.host.shares import Shares
from rockonweb.host.snapshots import Snapshots
from rockonweb.models import (
    Draft,
    Installation,
    Kind,
    Network,
    Operation,
    Progress,
    State,
    Status,
    db,
    repository,
    transaction,
)
from rockonweb.work import operations
from tests.support.app import HX, FormClient, add_rockon, create_test_user, make_shares, mark_installed, new_visitor
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import field_errors, visible_text
from tests.support.person import Form, parse_forms
from tests.support.samples import label_questions, port_question

SECRET = "blue horses dream"
CONTAINERS: Mapping[str, Mapping[str, Any]] = {
    "notes": {
        "volumes": label_questions({"/data": "Notes"}),
        "ports": {"80": port_question(8080, ui=True)},
        "environment": label_questions(TITLE="Title", PASSWORD="Password"),
        "devices": label_questions(gpu="Graphics"),
    },
    "notes-vpn": {"opts": [["--net", "host"]], "ports": {"5000": port_question(None, "Tunnel", "udp")}},
}


@pytest.fixture
def notes(app: Flask, docker: FakeDocker) -> Installation:
    """An installed rock-on with everything answered, and running."""
    docker.run_containers("Notes", "notes", "notes-vpn")
    docker.known_networks = {"bridge": NetworkFacts("bridge"), "family": NetworkFacts("family")}
    rockon = mark_installed(
        add_rockon("Notes", CONTAINERS, volume_add_support=True, custom_config=label_questions(name="Name"))
    )
    make_shares(app, ["notes", "films", "other"])
    with transaction():
        repository.store_answers(
            rockon,
            Answers(
                shares={"notes": {"/data": "notes"}},
                ports={"notes": {80: 8080}, "notes-vpn": {5000: 5000}},
                devices={"notes": {"gpu": ""}},
                environment={"notes": {"TITLE": "Ours", "PASSWORD": SECRET}},
                custom_config={"name": "attic"},
            ),
        )
    return rockon


class Settings:
    """The settings of a rock-on, used by somebody."""

    def __init__(self, client: FormClient, rockon: Installation) -> None:
        self.client = client
        self.url = f"/rockons/{rockon.id}/settings"

    def get(self, page: str) -> TestResponse:
        return self.client.get(f"{self.url}/{page}")

    def fields(self, page: str) -> dict[str, str]:
        """What a browser would send of a page's form."""
        answer = self.get(page)
        checked = re.findall(r'<input checked [^>]*name="([^"]+)" type="checkbox" value="y">', answer.text)
        return form_of(answer, page).form_data() | {unescape(name): "y" for name in checked}

    def save(self, page: str, button: str = "Save", value: str = "Save", **typed: str) -> TestResponse:
        return self.submit_form(page, self.fields(page), typed, {button: value})

    def submit_form(self, page: str, *fields: Mapping[str, str]) -> TestResponse:
        data: dict[str, str] = {}
        for one in fields:
            data |= one
        return self.client.post(f"{self.url}/{page}", data=data)

    def accept(self, page: str, typed: Mapping[str, str]) -> None:
        answer = self.save(page, **typed)
        assert (answer.status_code, answer.location) == (303, f"{self.url}/review"), field_errors(answer.text)


@pytest.fixture
def here(owner_client: FormClient, notes: Installation) -> Settings:
    return Settings(owner_client, notes)


def form_of(answer: TestResponse, page: str) -> Form:
    return next(form for form in parse_forms(answer.text) if form.action.endswith(f"/settings/{page}"))


def wanted() -> dict[str, Any]:
    """What the draft says; nothing where there is none."""
    draft = db.session.scalar(db.select(Draft))
    return draft.typed_values["wanted"] if draft else {}


ALL_PAGES = ["shares", "storage", "ports", "devices", "environment", "custom-config", "labels", "networks"]


# -- who and where ----------------------------------------------------------------------------------------------------


def test_settings_begin_with_the_first_page_that_applies(owner_client: FormClient, here: Settings) -> None:
    answer = owner_client.get(here.url)
    assert (answer.status_code, answer.location) == (303, f"{here.url}/shares")
    bare = mark_installed(add_rockon("Bare"))
    assert owner_client.get(f"/rockons/{bare.id}/settings").location == f"/rockons/{bare.id}/settings/storage"
    assert owner_client.get(f"/rockons/{bare.id}/settings/ports").status_code == 404


def test_unknown_pages_and_rockons_are_not_found(owner_client: FormClient, here: Settings) -> None:
    assert here.get("colours").status_code == 404
    assert owner_client.get("/rockons/999/settings").status_code == 404
    assert owner_client.get("/rockons/999/settings/labels").status_code == 404


def test_only_owners_change_settings(operator: FormClient, notes: Installation) -> None:
    for page in (*ALL_PAGES, "review"):
        assert operator.get(f"/rockons/{notes.id}/settings/{page}").status_code == 403
    assert "settings/" not in operator.get(f"/rockons/{notes.id}").text


def test_what_is_not_installed_has_no_settings(owner_client: FormClient, here: Settings, notes: Installation) -> None:
    other = add_rockon("Other")
    answer = owner_client.get(f"/rockons/{other.id}/settings/labels")
    assert answer.status_code == 409
    assert (
        "Other is not installed. Install it first; you answer its questions during the installation."
        in visible_text(answer.text)
    )


def test_while_it_is_changed_the_page_says_so_and_keeps_nothing(here: Settings, notes: Installation) -> None:
    fields = here.fields("labels")
    operations.submit_operation(notes, ChangeRequest(repository.load_answers(notes)), "ada")
    answer = here.submit_form("labels", fields, {"new-1-key": "a=b", "new-1-container": "notes"})
    assert answer.status_code == 409
    assert "Notes is being changed, so a review now would soon be out of date." in visible_text(answer.text)
    assert wanted() == {}
    assert here.get("review").status_code == 409


def test_a_change_waits_for_a_stop_that_was_asked_for_before(here: Settings, notes: Installation) -> None:
    stopping = operations.submit_operation(notes, blank_request(Kind.STOP), "ada")
    here.submit_form("labels", here.fields("labels"), {"new-1-key": "a=b", "new-1-container": "notes"})
    answer = here.submit_form("review", here.fields("review"))
    assert answer.status_code == 303
    change = db.session.query(Operation).order_by(Operation.id.desc()).first()
    assert change is not None
    assert (change.kind, change.progress, change.id > stopping) == (Kind.CHANGE, Progress.QUEUED, True)
    assert "Waiting: next in the queue, after" in here.client.get(f"/operations/{change.id}").text


# -- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", [False, True], ids=["Docker answers", "Docker does not answer"])
def test_every_page_shows_what_was_answered_and_no_secret(here: Settings, docker: FakeDocker, down: bool) -> None:
    docker.is_down = down
    pages = {page: here.get(page) for page in ALL_PAGES}
    assert {page: answer.status_code for page, answer in pages.items()} == dict.fromkeys(ALL_PAGES, 200)
    assert here.fields("shares")["shares-notes-/data"] == "notes"
    assert here.fields("ports")["ports-notes-80"] == "8080"
    assert here.fields("environment")["environment-notes-TITLE"] == "Ours"
    assert here.fields("environment")["environment-notes-PASSWORD"] == ""
    assert here.fields("custom-config")["custom-config-name"] == "attic"
    assert all(SECRET not in answer.text for answer in pages.values())
    assert "Fixed: this app uses the server's own network" in visible_text(pages["ports"].text)
    refusal = "It uses the host network, so Docker doesn't let it join any other network."
    assert refusal in visible_text(pages["networks"].text)


def test_looking_writes_nothing(here: Settings) -> None:
    for page in (*ALL_PAGES, "review"):
        here.get(page)
    assert db.session.scalar(db.select(Draft)) is None


def test_a_page_that_is_saved_unchanged_changes_nothing(here: Settings) -> None:
    for page in ALL_PAGES:
        here.accept(page, {})
        assert wanted() == {}, page
    answer = here.get("review")
    assert "There are no changes to apply." in visible_text(answer.text)
    assert ">Apply<" not in answer.text


def test_values_of_several_lines_stay_when_others_on_their_page_are_changed(
    here: Settings, notes: Installation
) -> None:
    key, present = "-----BEGIN KEY-----\r\nab\n-----END KEY-----\n", repository.load_answers(notes)
    with transaction():
        repository.store_answers(
            notes,
            replace(
                present,
                environment={"notes": {"TITLE": "one\ntwo", "PASSWORD": key}},
                custom_config={"name": "a\n"},
                variables={"notes": {"CERTIFICATE": key, "LOG": "x"}},
                labels={"notes": [f"rule={key}", "a=b"]},
            ),
        )
    for page in ALL_PAGES:
        here.accept(page, {})
        assert wanted() == {}, page
    here.accept("environment", {"environment-notes-LOG": "y"})
    assert wanted()["variables"] == {"notes": {"CERTIFICATE": key, "LOG": "y"}}
    assert wanted()["environment"] == {"notes": {"TITLE": "one\ntwo", "PASSWORD": key}}
    here.accept("labels", {"labels-notes-2": "a=c\r\nd "})
    assert wanted()["labels"] == {"notes": [f"rule={key}", "a=c\nd"]}


def test_with_htmx_the_page_alone_is_sent(owner_client: FormClient, here: Settings) -> None:
    part = owner_client.get(f"{here.url}/labels", headers=HX).text
    assert part.lstrip().startswith("<title>Labels: settings of Notes")
    assert "<html" not in part


# -- changing ---------------------------------------------------------------------------------------------------------


def test_what_is_wanted_is_kept_apart_from_the_rows(app: Flask, here: Settings, notes: Installation) -> None:
    before = repository.load_answers(notes)
    here.accept("shares", {"shares-notes-/data": "other"})
    here.accept("storage", {"new-1-container": "notes", "new-1-key": "/films/", "new-1-value": "films/old"})
    here.accept("ports", {"ports-notes-80": "8181"})
    here.accept("environment", {"environment-notes-TITLE": "Theirs", "environment-notes-PASSWORD": "red horses"})
    here.accept("custom-config", {"custom-config-name": "cellar"})
    here.accept("labels", {"new-1-container": "*", "new-1-key": "proxy.enable=true"})
    here.accept("networks", {"networks-notes-family": "y", "new-1-container": "notes", "new-1-key": "lan"})
    assert wanted() == {
        "shares": {"notes": {"/data": "other"}},
        "storage": {"notes": {"/films": "films/old"}},
        "ports": {"notes": {"80": 8181}, "notes-vpn": {"5000": 5000}},
        "devices": {"notes": {"gpu": ""}},
        "environment": {"notes": {"TITLE": "Theirs", "PASSWORD": "red horses"}},
        "custom_config": {"name": "cellar"},
        "labels": {"notes": ["proxy.enable=true"], "notes-vpn": ["proxy.enable=true"]},
        "networks": {"notes": ["family", "lan"]},
    }
    assert repository.load_answers(db.session.get_one(Installation, notes.id)) == before
    with closing(sqlite3.connect(app.config["SETTINGS"].instance / "rockonweb.db")) as file:
        assert "red horses" not in str(file.execute("SELECT * FROM draft").fetchall())


def test_variables_are_added_changed_and_removed(here: Settings) -> None:
    here.accept("environment", {"new-1-container": "notes", "new-1-key": "LOG", "new-1-value": "debug"})
    assert wanted()["variables"] == {"notes": {"LOG": "debug"}}
    here.accept("environment", {"environment-notes-LOG": "quiet", "new-1-key": "API_TOKEN", "new-1-value": SECRET})
    assert wanted()["variables"] == {"notes": {"LOG": "quiet", "API_TOKEN": SECRET}}
    assert SECRET not in here.get("environment").text
    here.accept("environment", {})  # the blank field keeps the token
    assert wanted()["variables"] == {"notes": {"LOG": "quiet", "API_TOKEN": SECRET}}
    shorter = here.save("environment", "Remove", "environment-notes-LOG")
    assert shorter.status_code == 200
    assert "environment-notes-LOG" not in shorter.text
    form = form_of(shorter, "environment")
    assert here.submit_form("environment", form.form_data(Save="Save")).status_code == 303
    assert wanted()["variables"] == {"notes": {"API_TOKEN": SECRET}}


def test_storage_and_labels_that_were_added_are_removed(here: Settings) -> None:
    here.accept("storage", {"new-1-container": "*", "new-1-key": "/films", "new-1-value": "films"})
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=1"})
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "b=2"})
    for page, name in (("storage", "storage-notes-/films"), ("labels", "labels-notes-1")):
        shorter = here.save(page, "Remove", name)
        form = form_of(shorter, page)
        assert name not in form.fields
        assert here.submit_form(page, form.form_data(Save="Save")).status_code == 303
    assert wanted()["storage"] == {"notes-vpn": {"/films": "films"}}
    assert wanted()["labels"] == {"notes": ["b=2"]}


def test_another_row_keeps_what_was_typed(here: Settings) -> None:
    answer = here.save(
        "storage", "Add", "Add", **{"new-1-container": "notes-vpn", "new-1-key": "/films", "new-1-value": "films"}
    )
    form = form_of(answer, "storage")
    assert form.fields["new-1-key"].value == "/films"
    assert form.fields["new-2-key"].value == ""
    assert '<option selected value="notes-vpn">' in answer.text
    assert wanted() == {}
    here.submit_form(
        "storage",
        form.form_data(Save="Save"),
        {"new-1-container": "notes-vpn", "new-2-container": "notes", "new-2-key": "/x", "new-2-value": "other"},
    )
    assert wanted()["storage"] == {"notes": {"/x": "other"}, "notes-vpn": {"/films": "films"}}


def test_networks_are_left_and_those_that_an_owner_made_are_offered(here: Settings, notes: Installation) -> None:
    with transaction() as session:
        session.add(Network(name="attic"))
        repository.store_answers(
            notes, Answers(**{**vars(repository.load_answers(notes)), "networks": {"notes": ["old"]}})
        )
    offered = re.findall(r'name="networks-notes-([^"]+)"', here.get("networks").text)
    assert offered == ["attic", "family", "old"]
    fields = here.fields("networks")
    assert fields.pop("networks-notes-old") == "y"
    assert here.submit_form("networks", fields, {"Save": "Save"}).status_code == 303
    assert "networks" not in wanted()


def test_secrets_are_shown_and_made_on_the_page_that_was_sent(here: Settings) -> None:
    name = "environment-notes-PASSWORD"
    shown = here.save("environment", "Reveal", name, **{name: "typed just now"})
    assert shown.status_code == 200
    assert 'value="typed just now"' in shown.text
    made = here.save("environment", "Generate", name)
    form = form_of(made, "environment")
    assert len(form.fields[name].value) == 24
    assert SECRET not in shown.text + made.text
    wrong = here.save("environment", **{name: "typed just now", "environment-notes-TITLE": ""})
    assert wrong.status_code == 422
    form = form_of(wrong, "environment")
    assert form.fields[name].value == "typed just now"
    assert form.fields[name].kind == "password"
    assert wanted() == {}


def test_the_port_of_the_apps_page_may_be_unpublished_with_a_warning(here: Settings) -> None:
    here.accept("ports", {"ports-notes-80": ""})
    assert wanted()["ports"]["notes"] == {"80": None}
    warning = "The page of Notes will no longer be reachable at this server's address."
    assert warning in visible_text(here.get("ports").text)
    assert warning in visible_text(here.get("review").text)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "typed", "sentence"),
    [
        ("storage", {"new-1-key": "films", "new-1-value": "films"}, "A path in the app must start with a slash"),
        (
            "storage",
            {"new-1-key": "/data", "new-1-value": "films"},
            "The definition already mounts something at /data.",
        ),
        (
            "storage",
            {"new-1-key": "/etc/localtime", "new-1-value": "films"},
            "The definition already mounts something at",
        ),
        ("storage", {"new-1-key": "/films", "new-1-value": "../etc"}, '".." is not a name for a share'),
        ("storage", {"new-1-key": "/films", "new-1-value": "films/../x"}, '"../x" is not a folder inside a share.'),
        ("storage", {"new-1-key": "/films", "new-1-value": ""}, "Choose a share or enter a new name."),
        ("storage", {"new-1-key": "/x", "new-1-value": "a", "new-1-container": "nobody"}, 'Notes has no container "no'),
        ("shares", {"shares-notes-/data": ""}, "Choose a share or enter a new name."),
        ("ports", {"ports-notes-80": "99999"}, "A port is a number from 1 to 65535."),
        ("ports", {"ports-notes-80": "9000"}, "Port 9000 (tcp) is in use by the container other."),
        ("devices", {"devices-notes-gpu": "dev"}, "A device is an absolute path without spaces"),
        ("environment", {"environment-notes-TITLE": ""}, "This field is required."),
        ("environment", {"new-1-key": "A B", "new-1-value": "x"}, '"A B" is not a valid name for a variable'),
        ("environment", {"new-1-key": "TITLE", "new-1-value": "x"}, "The definition already asks for TITLE"),
        ("environment", {"new-1-key": "A", "new-1-value": "x\0y"}, "a value can't contain a NUL character"),
        ("environment", {"new-1-key": "A", "new-1-value": "x" * 131_070}, "This is too long: it has 131072 bytes"),
        ("environment", {"environment-notes-TITLE": "ü" * 70_000}, "This is too long: it has 140006 bytes"),
        ("custom-config", {"custom-config-name": "x" * 200_000}, "This is too long: it has 200005 bytes"),
        ("devices", {"devices-notes-gpu": "/" + "x" * 200_000}, "This is too long: it has 200001 bytes"),
        ("labels", {"new-1-key": "a=" + "x" * 200_000}, "This is too long: it has 200002 bytes"),
        ("storage", {"new-1-key": "/" + "x" * 200_000, "new-1-value": "films"}, "This is too long"),
        ("custom-config", {"custom-config-name": ""}, "This field is required."),
        ("labels", {"new-1-key": "a b=c"}, '"a b=c" is not a valid label'),
        ("labels", {"new-1-key": "rockonweb.rockon=Other"}, '"rockonweb.rockon=Other" is not a valid label'),
        ("networks", {"new-1-key": "host"}, '"host" is not a network that a container can join'),
        ("networks", {"new-1-key": "lan", "new-1-container": "notes-vpn"}, "It uses the host network"),
    ],
)
def test_bad_input_is_told_beside_its_field_and_changes_nothing(
    here: Settings, docker: FakeDocker, page: str, typed: dict[str, str], sentence: str
) -> None:
    docker.publish_ports(9000, container="other")
    answer = here.save(page, **{**({"new-1-container": "notes"} if "new-1-key" in typed else {}), **typed})
    assert answer.status_code == 422
    assert field_errors(answer.text)[0].startswith(sentence)
    assert 'aria-invalid="true"' in answer.text
    assert wanted() == {}
    sent = form_of(answer, page)
    for name, value in typed.items():
        assert name.endswith("-container") or unescape(sent.fields[name].value) == value


@pytest.mark.parametrize("name", ["ports-nobody-80", "labels-nobody-1", "networks-notes-nowhere", "shares-notes-/x"])
def test_fields_that_belong_nowhere_are_refused(here: Settings, name: str) -> None:
    page = name.partition("-")[0]
    answer = here.save(page, **{name: "1"})
    assert answer.status_code == 422
    assert f"Notes has no setting “{name}”." in visible_text(answer.text)
    assert wanted() == {}


def test_a_row_can_be_told_apart_from_one_that_is_there(here: Settings) -> None:
    here.accept("storage", {"new-1-container": "notes", "new-1-key": "/films", "new-1-value": "films"})
    answer = here.save("storage", **{"new-1-container": "notes", "new-1-key": "/films", "new-1-value": "other"})
    assert (answer.status_code, field_errors(answer.text)) == (422, ["/films is listed twice for notes."])
    assert wanted()["storage"] == {"notes": {"/films": "films"}}


# -- what is not applied yet ------------------------------------------------------------------------------------------


def test_changes_that_are_not_applied_are_told_and_can_be_discarded(
    owner_client: FormClient, here: Settings, notes: Installation
) -> None:
    line, page = "Unapplied changes", f"/rockons/{notes.id}"
    assert line not in owner_client.get(page).text
    here.accept("labels", {"new-1-key": "a=b"})
    for path in (page, f"{here.url}/ports"):
        answer = owner_client.get(path)
        assert line in answer.text
        assert f'href="{here.url}/review"' in answer.text
    gone = owner_client.submit_form(f"{here.url}/discard", page=f"{here.url}/review")
    assert (gone.status_code, gone.location) == (303, page)
    assert wanted() == {}
    assert line not in owner_client.get(page).text


def test_changes_are_a_persons_own(app: Flask, here: Settings, notes: Installation) -> None:
    here.accept("labels", {"new-1-key": "a=b"})
    create_test_user("otto")
    other = new_visitor(app).log_in("otto")
    assert "Unapplied changes" not in other.get(f"/rockons/{notes.id}").text


def test_what_others_applied_meanwhile_is_not_undone(here: Settings, notes: Installation) -> None:
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=b"})
    with transaction():
        old = repository.load_answers(notes)
        repository.store_answers(
            notes, Answers(**{**vars(old), "ports": {"notes": {80: 9999}, "notes-vpn": {5000: 5000}}})
        )
    told = visible_text(here.get("review").text)
    assert "a=b" in told
    assert "9999" in told
    assert "8080" not in told


# -- review and apply -------------------------------------------------------------------------------------------------


def test_the_review_shows_both_lines_and_marks_what_differs(here: Settings) -> None:
    here.accept("ports", {"ports-notes-80": "8181"})
    here.accept("environment", {"environment-notes-PASSWORD": "red horses"})
    html = unescape(here.get("review").text)
    marked = re.findall(r'<(ins|del)><span class="mark-word">(\w+)</span> (-[^<]*)</\1>', html)
    assert marked == [
        ("del", "old", "-p 8080:80/tcp"),
        ("del", "old", "-e PASSWORD=********"),
        ("ins", "new", "-p 8181:80/tcp"),
        ("ins", "new", "-e PASSWORD=********"),
    ]
    assert "horses" not in html
    told = visible_text(html)
    assert "notes recreated Why: its command line changes." in told
    assert "notes-vpn stays It is not changed." in told
    assert "1 of 2 containers are replaced; the others keep running." in told
    assert "The app's page moves from port 8080 to port 8181." in told


def test_containers_whose_names_and_keys_run_together_are_changed_apart(
    owner_client: FormClient, app: Flask, docker: FakeDocker
) -> None:
    docker.run_containers("Pair", "web", "web-db")
    docker.known_networks = {name: NetworkFacts(name) for name in ("bridge", "net", "db-net")}
    pair = mark_installed(add_rockon("Pair", {"web": {"environment": label_questions({"db-X": "Of web"})},
                                   "web-db": {"environment": label_questions(X="Of its database")}}))  # fmt: skip
    with transaction():
        repository.store_answers(pair, Answers(environment={"web": {"db-X": "old"}, "web-db": {"X": "old"}},
                                 variables={"web": {"db-MORE": "old"}, "web-db": {"MORE": "old"}}))  # fmt: skip
    here = Settings(owner_client, pair)
    names = [name for name in here.fields("environment") if name.startswith("environment-")]
    typed = {name: f"new-{place}" for place, name in enumerate(names)}
    here.accept("environment", typed)
    boxes = {"networks-/web/db-net": "y", "networks-web-db-net": "y"}
    assert boxes.keys() <= set(re.findall('name="(networks-[^"]+)"', here.get("networks").text))
    here.accept("networks", boxes)
    expected = {
        "environment-/web/db-X": "-e db-X=",
        "environment-/web/db-MORE": "-e db-MORE=",
        "environment-web-db-X": "-e X=",
        "environment-web-db-MORE": "-e MORE=",
    }
    assert typed.keys() == expected.keys()
    told = visible_text(here.get("review").text)
    for name, option in expected.items():
        assert f" {option}{typed[name]} " in told
    assert wanted()["networks"] == {"web": ["db-net"], "web-db": ["net"]}
    assert f"Of web db-X web old old new {typed['environment-/web/db-X']} " in told
    assert f"Of its database X web-db old old new {typed['environment-web-db-X']} " in told
    assert here.save("review", "Apply", "Apply").status_code == 303


def test_of_a_plain_folder_the_review_says_that_its_data_can_not_be_undone(here: Settings) -> None:
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=b"})
    told = visible_text(here.get("review").text)
    assert "The data of notes can't be rolled back. It is a plain folder" in told


def test_a_share_of_which_a_snapshot_is_taken_is_named_with_what_that_does_not_cover(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Shares.shares_by_name
    monkeypatch.setattr(
        Shares,
        "shares_by_name",
        lambda where: {name: replace(one, snapshots=True) for name, one in real(where).items()},
    )
    monkeypatch.setattr(Snapshots, "nested_subvolumes", lambda *_: ("inner",))
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=b"})
    told = visible_text(here.get("review").text)
    assert "The data of notes can be restored too: a snapshot is taken first." in told
    assert "The subvolumes inside it are not covered: inner." in told


def test_networks_alone_rebuild_nothing(here: Settings) -> None:
    here.accept("networks", {"networks-notes-family": "y"})
    told = visible_text(here.get("review").text)
    assert "Nothing is recreated: the app keeps running the whole time." in told
    assert "joins the network family" in told
    assert "docker run" not in told


def test_apply_begins_what_was_reviewed(here: Settings, notes: Installation) -> None:
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=b"})
    answer = here.save("review", "Apply", "Apply")
    operation = db.session.scalars(db.select(Operation)).one()
    assert (answer.status_code, answer.location) == (303, f"/operations/{operation.id}")
    assert (operation.kind, operation.user) == (Kind.CHANGE, "ada")
    rockon = db.session.get_one(Installation, notes.id)
    assert rockon.state is State.PENDING_UPDATE
    assert repository.load_answers(rockon).labels == {}  # until it has succeeded


def test_after_a_change_that_failed_nothing_has_to_be_typed_again(here: Settings, notes: Installation) -> None:
    here.accept("labels", {"new-1-container": "notes", "new-1-key": "a=b"})
    here.save("review", "Apply", "Apply")
    page = here.url.removesuffix("/settings")
    assert "Unapplied changes" not in here.client.get(page).text  # it is being applied
    with transaction():
        operation = db.session.scalars(db.select(Operation)).one()
        operation.progress = Progress.FAILED
        notes.state = State.INSTALLED
    assert "Unapplied changes" in here.client.get(page).text
    assert "a=b" in visible_text(here.get("review").text)


def test_a_program_that_sends_no_fingerprint_relies_on_what_is_assembled(here: Settings) -> None:
    here.accept("labels", {"new-1-key": "a=b"})
    token = here.fields("review")["csrf_token"]
    assert here.submit_form("review", {"csrf_token": token}).status_code == 303


def test_what_changed_since_the_look_is_shown_again(here: Settings) -> None:
    here.accept("labels", {"new-1-key": "a=b"})
    seen = here.fields("review")
    here.accept("labels", {"new-1-key": "c=d"})
    answer = here.submit_form("review", seen)
    assert answer.status_code == 409
    assert "Something has changed since your review, so nothing was started." in visible_text(answer.text)
    assert "c=d" in answer.text
    assert db.session.scalar(db.select(Operation)) is None


def test_nothing_to_apply_is_refused(here: Settings) -> None:
    here.accept("labels", {"new-1-key": "a=b"})
    seen = here.fields("review")
    here.client.submit_form(f"{here.url}/discard", page=f"{here.url}/review")
    answer = here.submit_form("review", seen)
    assert answer.status_code == 422
    assert "There are no changes to apply." in visible_text(answer.text)


def test_a_finding_that_forbids_it_disables_apply(here: Settings, docker: FakeDocker) -> None:
    here.accept("ports", {"ports-notes-80": "9000"})
    docker.publish_ports(9000, container="other")
    page = here.get("review")
    assert "Port 9000 (tcp) is in use by the container other." in visible_text(page.text)
    assert re.search(r"<button[^>]*name=\"Apply\"[^>]* disabled", page.text)
    answer = here.save("review", "Apply", "Apply")
    assert answer.status_code == 422
    assert db.session.scalar(db.select(Operation)) is None
    assert wanted()["ports"]["notes"] == {"80": 9000}


def test_a_share_is_given_to_the_apps_user_if_its_box_is_ticked(here: Settings) -> None:
    here.accept("storage", {"new-1-container": "notes", "new-1-key": "/films", "new-1-value": "films"})
    here.accept("environment", {"new-1-container": "notes", "new-1-key": "PUID", "new-1-value": "1000"})
    page = here.get("review")
    assert "notes runs as user 1000, who can't write to films" in visible_text(page.text)
    assert "Change the owner of films to user 1000 and group 0" in visible_text(page.text)
    fields = here.fields("review")
    assert here.submit_form("review", {**fields, "Apply": "Apply", "give": "films"}).status_code == 303
    assert db.session.query(Operation).one().request.give == {"films": (1000, 0)}


def test_without_docker_it_is_said_and_nothing_begins(here: Settings, docker: FakeDocker) -> None:
    docker.is_down = True
    here.accept("labels", {"new-1-key": "a=b"})
    page = here.get("review")
    assert page.status_code == 200
    assert "Docker does not answer." in visible_text(page.text)
    answer = here.save("review", "Apply", "Apply")
    assert answer.status_code == 503
    assert wanted()["labels"]
    assert db.session.scalar(db.select(Operation)) is None


def test_a_new_share_is_made_but_never_one_that_vanished(app: Flask, here: Settings) -> None:
    here.accept("shares", {"shares-notes-/data": "brand-new"})
    assert "create share brand-new" in visible_text(here.get("review").text)
    here.accept("shares", {"shares-notes-/data": "notes"})
    (app.config["SETTINGS"].shares_root / "notes").rmdir()
    here.accept("labels", {"new-1-key": "a=b"})
    told = visible_text(here.get("review").text)
    assert 'The share "notes" does not exist.' in told
    assert "create share" not in told


def test_a_stopped_app_stays_stopped(here: Settings, notes: Installation) -> None:
    with transaction():
        notes.status = Status.STOPPED
    here.accept("labels", {"new-1-key": "a=b"})
    assert "The app is stopped now and stays stopped" in visible_text(here.get("review").text)


# -- the rock-on's page -----------------------------------------------------------------------------------------------


def test_the_rockons_page_links_to_each_part_that_can_be_changed(owner_client: FormClient, here: Settings) -> None:
    page = owner_client.get(here.url.removesuffix("/settings")).text
    for part in ALL_PAGES:
        assert f'href="{here.url}/{part}"' in page
    available = add_rockon("Other", CONTAINERS)
    assert "settings/" not in owner_client.get(f"/rockons/{available.id}").text
