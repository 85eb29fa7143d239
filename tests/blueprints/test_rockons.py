"""The catalogue, and a rock-on's page."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from rockonweb.core.operations.requests import blank_request
from rockonweb.core.secret import MASK
from rockonweb.models import Installation, Kind, Operation, Progress, RefreshReport, State, Status, db, transaction
from rockonweb.work import operations
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import find_pattern
from tests.support.samples import label_questions, port_question

WEB = {"web": {"ports": {"80": port_question(8080, ui=True)}}}


def names(html: str) -> list[str]:
    """The rock-ons of a list, in its order."""
    return re.findall(r'<h2 class="app-name"><a [^>]*>([^<]*)</a>', html)


def card(html: str, rockon: Installation) -> str:
    """A rock-on's part of a list."""
    return find_pattern(rf'<article class="app" id="rockon-{rockon.id}".*?</article>', html)


# -- the list -----------------------------------------------------------------------------------------------------


def test_all_is_shown_while_nothing_is_installed_then_what_is_installed(owner_client: FormClient) -> None:
    notes = add_rockon("Notes")
    add_rockon("Wiki")
    assert names(owner_client.get("/rockons").text) == ["Notes", "Wiki"]
    mark_installed(notes)
    assert names(owner_client.get("/rockons").text) == ["Notes"]
    assert names(owner_client.get("/rockons?tab=all").text) == ["Notes", "Wiki"]


def test_names_are_in_order_whatever_their_case(owner_client: FormClient) -> None:
    for name in ("beta", "Gamma", "alpha", "Über", "Zeta", "2FA"):
        add_rockon(name)
    assert names(owner_client.get("/rockons").text) == ["2FA", "alpha", "beta", "Gamma", "Zeta", "Über"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("note", ["Notes"]),
        ("NOTES", ["Notes"]),
        ("music player", ["Jukebox"]),
        ("player music", ["Jukebox"]),
        ("straße", ["Jukebox"]),
        ("strong", []),
        ("href", []),
        ("100%", ["Wiki"]),
        ("_", []),
        ("' OR 1=1 --", []),
        ("   ", ["Jukebox", "Notes", "Wiki"]),
    ],
)
def test_search_looks_at_names_and_words_of_descriptions(
    owner_client: FormClient, search: str, found: list[str]
) -> None:
    add_rockon("Notes", description="<p>Write things down.</p>")
    add_rockon("Jukebox", description='<p>A <strong>music</strong> <a href="https://x.example">player</a>, STRASSE</p>')
    add_rockon("Wiki", description="100% yours")
    assert names(owner_client.get("/rockons", query_string={"tab": "all", "q": search}).text) == found


def test_a_search_that_finds_nothing_says_so_and_offers_all(owner_client: FormClient) -> None:
    mark_installed(add_rockon("Notes"))
    text = owner_client.get("/rockons?tab=installed&q=wiki").text
    assert "No rock-on matches “wiki”." in text
    assert "tab=all&amp;q=wiki" in text


def test_a_rockon_that_left_the_catalogue_is_shown_only_while_installed(owner_client: FormClient) -> None:
    gone, kept = add_rockon("Gone"), mark_installed(add_rockon("Kept"))
    with transaction():
        gone.entry.in_catalogue = kept.entry.in_catalogue = False
    assert names(owner_client.get("/rockons?tab=all").text) == ["Kept"]


def test_a_long_catalogue_has_pages(owner_client: FormClient) -> None:
    for number in range(100):
        add_rockon(f"App {number:03}")
    assert len(names(owner_client.get("/rockons").text)) == 96
    assert names(owner_client.get("/rockons?page=2").text) == [f"App {n:03}" for n in range(96, 100)]
    assert names(owner_client.get("/rockons?page=99").text) == [f"App {n:03}" for n in range(96, 100)]
    assert owner_client.get("/rockons?page=x").status_code == 200


def test_the_number_of_statements_does_not_grow_with_the_list(owner_client: FormClient, statements: list[str]) -> None:
    def count() -> int:
        statements.clear()
        owner_client.get("/rockons?tab=all")
        return len(statements)

    mark_installed(add_rockon("First", WEB))
    few = count()
    for number in range(30):
        mark_installed(add_rockon(f"App {number}", WEB))
    assert count() == few == 9


def test_the_list_asks_docker_nothing(owner_client: FormClient, docker: FakeDocker) -> None:
    notes = mark_installed(add_rockon("Notes", WEB))
    assert owner_client.get("/rockons").status_code == 200
    assert owner_client.get(f"/rockons/{notes.id}").status_code == 200
    assert docker.connections == 0


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (State.AVAILABLE, Status.STOPPED, "Not installed"),
        (State.PENDING_INSTALL, Status.PENDING_START, "Installing"),
        (State.INSTALL_FAILED, Status.STOPPED, "Install failed"),
        (State.PENDING_UPDATE, Status.STARTED, "Updating"),
        (State.PENDING_UNINSTALL, Status.STARTED, "Uninstalling"),
        (State.INSTALLED, Status.STARTED, "Running"),
        (State.INSTALLED, Status.STOPPED, "Stopped"),
        (State.INSTALLED, Status.PENDING_START, "Starting"),
        (State.INSTALLED, Status.PENDING_STOP, "Stopping"),
        (State.INSTALLED, Status.START_FAILED, "Start failed"),
        (State.INSTALLED, Status.STOP_FAILED, "Stop failed"),
        (State.INSTALLED, Status.EXITED, "Ended with exit code 137"),
    ],
)
def test_each_state_and_status_has_its_words(
    owner_client: FormClient, state: State, status: Status, words: str
) -> None:
    notes = mark_installed(add_rockon("Notes"), status, state, exit_code=137, status_error="out of <memory>")
    for path in ("/rockons?tab=all", f"/rockons/{notes.id}"):
        text = owner_client.get(path).text
        assert re.search(rf'<span class="pill pill-\w+">.*</svg>{words}</span>', text), path
        if status is Status.EXITED:
            assert "out of &lt;memory&gt;" in text


def test_buttons_fit_the_state(owner_client: FormClient) -> None:
    new, running, stopped = (
        add_rockon("New", WEB),
        mark_installed(add_rockon("Up", WEB)),
        mark_installed(add_rockon("Down", WEB), Status.STOPPED),
    )
    busy = mark_installed(add_rockon("Busy", WEB))
    operation = operations.submit_operation(busy, blank_request(Kind.STOP), "ada")
    html = owner_client.get("/rockons?tab=all").text
    assert f'href="/rockons/{new.id}/install"' in card(html, new)
    assert f'action="/rockons/{running.id}/stop"' in card(html, running)
    assert f'action="/rockons/{running.id}/start"' not in card(html, running)
    assert "Open UI" in card(html, running)
    assert f'action="/rockons/{stopped.id}/start"' in card(html, stopped)
    assert "Open UI" not in card(html, stopped)
    assert f'href="/operations/{operation}"' in card(html, busy)
    assert "<form" not in card(html, busy)


@pytest.mark.parametrize(
    ("containers", "ui", "host", "link"),
    [
        (WEB, {}, "nas.local:8000", "http://nas.local:8080/"),
        (WEB, {"slug": "/admin/", "https": True}, "nas.local", "https://nas.local:8080/admin/"),
        (WEB, {"slug": "a b/#/x?y=1"}, "10.0.0.2", "http://10.0.0.2:8080/a%20b/#/x?y=1"),
        ({"web": {**WEB["web"], "opts": [["--net=host", ""]]}}, {}, "nas.local", "http://nas.local:80/"),
    ],
)
def test_the_link_leads_to_the_app_as_the_reader_reaches_this_host(
    app: Flask, owner_client: FormClient, containers: Any, ui: dict[str, Any], host: str, link: str
) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], allowed_hosts=("nas.local", "10.0.0.2"))
    mark_installed(add_rockon("Notes", containers, ui=ui))
    for path in ("/rockons", "/rockons/1"):
        with owner_client.session_transaction() as session:
            kept = dict(session)
        with owner_client.session_transaction(base_url=f"http://{host}") as session:
            session.update(kept)
        text = owner_client.get(path, base_url=f"http://{host}").text
        assert f'href="{link}" target="_blank" rel="noopener noreferrer"' in text


def test_a_port_that_is_not_published_has_no_link(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes", WEB))
    with transaction():
        notes.containers[0].ports[0].host = None
    assert "Open UI" not in owner_client.get("/rockons").text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "%(x)s ' &amp;"]
)
def test_hostile_names_and_texts_stay_text(owner_client: FormClient, name: str) -> None:
    evil = mark_installed(
        add_rockon(
            name,
            {"web": {"environment": {"KEY": {"label": name, "description": name}}}},
            version=name,
            description="<script>alert(1)</script><p onclick='x()'>Hello <img src=x onerror=x()></p>",
            more_info="<iframe src='https://evil.example'></iframe><a href='javascript:x()'>y</a>",
            website="javascript:alert(1)",
        ),
        error=name,
        status_error=name,
    )
    operation = operations.submit_operation(evil, blank_request(Kind.STOP), name)
    for path in (
        "/rockons",
        f"/rockons?q={name}",
        f"/rockons/{evil.id}",
        f"/rockons/{evil.id}/uninstall",
        "/operations",
        f"/operations/{operation}",
    ):
        text = owner_client.get(path).text
        assert "<script>alert" not in text, path
        assert "onerror=alert" not in text.replace("&lt;", "<") or "<img src=x onerror=alert" not in text, path
        assert "onclick" not in text, path
        assert "<iframe" not in text, path
        assert 'href="javascript' not in text, path
        assert ">49<" not in text, path


def test_the_website_is_a_stranger(owner_client: FormClient) -> None:
    add_rockon("Notes", website="https://notes.example/")
    text = owner_client.get("/rockons").text
    assert 'href="https://notes.example/" class="" target="_blank" rel="noopener noreferrer nofollow"' in text


# -- the list that keeps itself true ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/rockons", "/rockons/1"])
def test_a_page_of_apps_asks_each_second_while_somebody_looks(owner_client: FormClient, path: str) -> None:
    mark_installed(add_rockon("Notes"))
    (part,) = re.findall(r"<div [^>]*data-looked-at[^>]*>", owner_client.get(path).text)
    assert 'hx-trigger="every 1s, look"' in part
    assert "seen=" in part


def test_a_list_that_was_seen_is_not_sent_again(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    seen = find_pattern(r"seen=(\w+)", owner_client.get("/rockons?tab=installed").text)
    again = f"/rockons?tab=installed&seen={seen}"
    answer = owner_client.get(again, headers=HX)
    assert (answer.status_code, answer.text) == (204, "")
    assert owner_client.get(again).status_code == 200
    with transaction():
        notes.status = Status.STOPPED
    assert owner_client.get(again, headers=HX).status_code == 200


# -- one rock-on --------------------------------------------------------------------------------------------------


def test_a_page_shows_settings_with_secrets_masked(owner_client: FormClient) -> None:
    web = {
        **WEB["web"],
        "volumes": label_questions({"/data": "Files"}),
        "devices": label_questions(GPU=""),
        "environment": label_questions(DB_PASSWORD="", TZ="Time zone", MODE="The secret token"),
    }
    notes = mark_installed(
        add_rockon("Notes", {"web": web}, custom_config=label_questions(admin_pw="Password of the admin"))
    )
    with transaction():
        container = notes.containers[0]
        container.volumes[0].share = "photos/notes"
        container.devices[0].value = "/dev/dri"
        for variable in container.environment:
            variable.value = "Europe/Vienna" if variable.key == "TZ" else "hunter2"
        notes.custom_config[0].value = "hunter2"
    text = owner_client.get(f"/rockons/{notes.id}").text
    assert "hunter2" not in text
    assert f"DB_PASSWORD={MASK}" in text
    assert f"MODE={MASK}" in text
    for shown in ("TZ=Europe/Vienna", "photos/notes", "/dev/dri", "example/web:latest", "8080", "80/tcp"):
        assert shown in text


def test_a_page_shows_the_history_and_the_last_error(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"), Status.START_FAILED, error="The port 8080 is taken.")
    with transaction() as session:
        session.add(
            Operation(kind=Kind.START, installation_id=notes.id, user="ada", progress=Progress.FAILED, error="Taken.")
        )
    text = owner_client.get(f"/rockons/{notes.id}").text
    assert "The port 8080 is taken." in text
    assert 'href="/operations/1">Start: Notes</a>' in text
    assert "Taken." in text


def test_an_unknown_rockon_is_not_found(owner_client: FormClient) -> None:
    for path in ("/rockons/99", "/rockons/99/logs", "/rockons/99/uninstall", "/rockons/99999999999999999999"):
        assert owner_client.get(path).status_code == 404, path
    assert owner_client.submit_form("/rockons/99/start", page="/rockons").status_code == 404


@pytest.mark.parametrize("kind", [Kind.START, Kind.STOP, Kind.RESTART, Kind.UPDATE, Kind.UNINSTALL])
def test_a_button_begins_an_operation(owner_client: FormClient, kind: Kind) -> None:
    notes = mark_installed(add_rockon("Notes"))
    answer = owner_client.submit_form(f"/rockons/{notes.id}/{kind}", page="/rockons")
    assert (answer.status_code, answer.location) == (303, "/operations/1")
    operation = db.session.get_one(Operation, 1)
    assert (operation.kind, operation.user, operation.installation_id) == (kind, "ada", notes.id)


def test_a_second_operation_waits_in_line_and_its_page_says_so(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    owner_client.submit_form(f"/rockons/{notes.id}/stop", page="/rockons")
    answer = owner_client.submit_form(f"/rockons/{notes.id}/start", page="/rockons")
    assert (answer.status_code, answer.location) == (303, "/operations/2")
    assert "Waiting: next in the queue, after Stop: Notes." in owner_client.get("/operations/2").text
    assert "Waiting for a worker." in owner_client.get("/operations/1").text
    assert owner_client.submit_form(f"/rockons/{notes.id}/start", page="/rockons").location == "/operations/2"
    owner_client.submit_form(f"/rockons/{notes.id}/restart", page="/rockons")
    assert "Waiting: number 2 in the queue, after Stop: Notes." in owner_client.get("/operations/3").text
    assert "Waiting: next" in owner_client.get("/operations").text
    owner_client.submit_form("/operations/1/cancel", page="/operations/1")
    assert "Waiting for a worker." in owner_client.get("/operations/2").text


def test_only_the_known_verbs_do_something(owner_client: FormClient) -> None:
    mark_installed(add_rockon("Notes"))
    assert owner_client.submit_form("/rockons/1/explode", page="/rockons").status_code == 404
    assert owner_client.get("/rockons/1/start").status_code in (404, 405)
    assert db.session.query(Operation).count() == 0


def test_uninstall_says_first_what_goes_and_what_stays(owner_client: FormClient) -> None:
    notes = mark_installed(
        add_rockon(
            "Notes",
            {"db": {}, "web": {"volumes": label_questions({"/data": ""})}},
            container_links={"web": [{"name": "notes-net", "source_container": "db"}]},
        )
    )
    with transaction():
        notes.containers[1].volumes[0].share = "photos/notes"
    text = owner_client.get(f"/rockons/{notes.id}/uninstall").text
    goes, stays = text.split("What is kept")
    for thing in ("<code>db</code>", "<code>web</code>", "<code>notes-net</code>"):
        assert thing in goes
    for thing in ("<code>photos</code>", "Remove example/db:latest"):
        assert thing in stays
    assert db.session.query(Operation).count() == 0


def test_what_is_not_installed_cannot_be_uninstalled(owner_client: FormClient) -> None:
    notes = add_rockon("Notes")
    assert owner_client.get(f"/rockons/{notes.id}/uninstall").location == f"/rockons/{notes.id}"
    assert owner_client.submit_form(f"/rockons/{notes.id}/uninstall", page="/rockons").status_code == 409


# -- logs ---------------------------------------------------------------------------------------------------------


def test_logs_are_shown_per_container_without_secrets_and_terminal_codes(
    owner_client: FormClient, docker: FakeDocker
) -> None:
    asked = label_questions(DB_PASSWORD="", TZ="")
    notes = mark_installed(add_rockon("Notes", {"web": {"environment": asked}, "sidecar": {}}))
    with transaction():
        for variable in notes.containers[0].environment:
            variable.value = {"DB_PASSWORD": "hunter2secret", "TZ": "Vienna"}[variable.key]
    docker.log_texts = {"web": "\x1b[31mready\x1b[0m <b>\r\nconnect with hunter2secret in Vienna\x00\n"}
    text = owner_client.get(f"/rockons/{notes.id}/logs").text
    assert f"ready &lt;b&gt;\nconnect with {MASK} in Vienna\n" in text
    assert "There is no container sidecar." in text


def test_without_docker_the_logs_say_so_and_the_page_stays(owner_client: FormClient, docker: FakeDocker) -> None:
    docker.is_down = True
    notes = mark_installed(add_rockon("Notes"))
    answer = owner_client.get(f"/rockons/{notes.id}/logs", headers=HX)
    assert answer.status_code == 200
    assert "Docker does not answer." in answer.text


# -- the refresh --------------------------------------------------------------------------------------------------


def test_a_refresh_is_an_operation(owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/rockons/refresh", page="/rockons")
    assert (answer.status_code, answer.location) == (303, "/operations/1")
    assert db.session.get_one(Operation, 1).kind is Kind.REFRESH


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED, Progress.QUEUED])
def test_the_way_back_from_a_refresh_is_a_button_once_it_has_ended(
    owner_client: FormClient, progress: Progress
) -> None:
    owner_client.submit_form("/rockons/refresh", page="/rockons")
    with transaction() as session:
        session.get_one(Operation, 1).progress = progress
    page = owner_client.get("/operations/1").text
    found = re.search(r'<a class="btn ([a-z-]+)" id="to-catalogue" href="/rockons">', page)
    shown = {Progress.DONE: "btn-primary", Progress.FAILED: "btn-outline-secondary"}.get(progress)
    assert (found and found[1]) == shown


def test_the_catalogue_says_once_that_the_starter_gave_way(owner_client: FormClient) -> None:
    for starters, said in (
        ({"starters_replaced": ["Gitea"], "starters_gone": ["<b>", "Notes"]}, "No longer offered: &lt;b&gt;, Notes."),
        ({"starters_replaced": ["Gitea"]}, "has given way"),
        ({}, ""),
    ):
        with transaction() as session:
            session.add(RefreshReport(content=json.dumps({"added": ["Gitea"], **starters})))
        for page in ("/rockons", "/rockons/report"):
            text = owner_client.get(page).text
            assert said in text
            assert ("has given way" in text, "No longer offered" in text) == (bool(starters), "Notes" in said)


def test_the_report_names_what_changed_and_every_reason(owner_client: FormClient) -> None:
    assert "has not been refreshed yet" in owner_client.get("/rockons/report").text
    report = {
        "added": ["Notes"], "changed": ["Wiki"], "removed": [], "unchanged": 51,
        "faulty": [{"file": "bad.json", "reasons": ["containers.web.image: is required", "<b>not JSON</b>"]}],
    }  # fmt: skip
    with transaction() as session:
        session.add(RefreshReport(content=json.dumps(report)))
    text = owner_client.get("/rockons/report").text
    for words in ("Notes", "Wiki", "51", "bad.json", "containers.web.image: is required", "&lt;b&gt;not JSON"):
        assert words in text
    assert 'href="/rockons/report"' in owner_client.get("/rockons").text
