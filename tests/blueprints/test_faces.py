"""What all pages have in common: permissions, headers, error pages, partials."""

import html
import json
import re
import sqlite3
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from rockonweb.app import CONTENT_SECURITY_POLICY
from rockonweb.cli.imports import import_source
from rockonweb.core.errors import BadInput, Conflict, EngineUnreachable, QueueUnreachable, RockonwebError
from rockonweb.core.operations.requests import blank_request
from rockonweb.models import Role
from rockonweb.web import catalogue_listing
from rockonweb.web.permissions import PUBLIC
from rockonweb.work import heartbeat, operations
from rockonweb.work.heartbeat import EngineStatus
from tests.support.app import HX, FormClient, add_rockon, create_test_user, mark_installed

ANYBODY = {
    *("assets.style", "static", "language.choose", "theme.choose", "health.healthz"),
    *("auth.code", "auth.login", "auth.logout", "auth.setup"),
}


def example(rule: Any) -> str:
    """An address that a rule matches."""
    values = {"int": "1", "integer": "1", "path": "x", "string": "x", "default": "x"}

    def value(match: re.Match[str]) -> str:
        if one_of := re.match(r"any\((\w+)", match[1]):
            return one_of[1]
        return values[re.split(r"[(:]", match[1])[0] if ":" in match[1] else "default"]

    return re.sub(r"<([^>]+)>", value, rule.rule)


# -- who may what -------------------------------------------------------------------------------------------------


def test_every_view_says_who_may_use_it(app: Flask) -> None:
    silent = [name for name, view in app.view_functions.items() if not hasattr(view, "permission")]
    assert silent == []
    public = {name for name, view in app.view_functions.items() if getattr(view, "permission", "") == PUBLIC}
    assert public == ANYBODY


def test_a_view_that_says_nothing_serves_nobody(app: Flask, owner_client: FormClient) -> None:
    with app.test_request_context():
        app.view_functions["shares.index"] = lambda: "open"
    assert owner_client.get("/shares").status_code == 403


def test_every_address_refuses_anonymous_people(app: Flask, client: FormClient) -> None:
    token = client.csrf_token("/login")
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ANYBODY:
            continue
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(example(rule), method=method, data={"csrf_token": token} if method == "POST" else None)
            refused = answer.status_code == 303 and answer.location.startswith("/login")
            refused = refused or (rule.endpoint.startswith("api.") and answer.status_code == 401)  # for scripts
            assert refused or answer.status_code == 405, (method, rule, answer.status)


@pytest.mark.parametrize(
    ("role", "method", "path", "allowed"),
    [
        (Role.VIEWER, "GET", "/rockons", True),
        (Role.VIEWER, "GET", "/rockons/{id}", True),
        (Role.VIEWER, "GET", "/operations", True),
        (Role.VIEWER, "GET", "/shares", True),
        (Role.VIEWER, "GET", "/rockons/{id}/logs", False),
        (Role.VIEWER, "POST", "/rockons/{id}/start", False),
        (Role.VIEWER, "POST", "/shares", False),
        (Role.VIEWER, "GET", "/jobs/", False),
        (Role.OPERATOR, "POST", "/rockons/{id}/start", True),
        (Role.OPERATOR, "POST", "/rockons/{id}/stop", True),
        (Role.OPERATOR, "POST", "/rockons/{id}/restart", True),
        (Role.OPERATOR, "POST", "/rockons/{id}/uninstall", False),
        (Role.OPERATOR, "GET", "/rockons/{id}/uninstall", False),
        (Role.OPERATOR, "GET", "/rockons/{id}/install", False),
        (Role.OPERATOR, "POST", "/rockons/refresh", False),
        (Role.OPERATOR, "GET", "/jobs/", False),
        (Role.OWNER, "POST", "/rockons/{id}/uninstall", True),
        (Role.OWNER, "POST", "/rockons/refresh", True),
    ],
)
def test_roles(client: FormClient, role: Role, method: str, path: str, allowed: bool) -> None:
    create_test_user("bob", role)
    path = path.format(id=mark_installed(add_rockon("Notes")).id)
    client.log_in("bob")
    answer = client.get(path) if method == "GET" else client.submit_form(path, page="/rockons")
    assert (answer.status_code != 403) is allowed
    if not allowed:
        assert "Your account may not do this." in answer.text


def test_people_see_only_the_buttons_that_they_may_press(viewer: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    add_rockon("Other")
    for path in ("/rockons?tab=all", f"/rockons/{notes.id}", "/shares"):
        forms = re.findall(r'<form[^>]* method="post" action="([^"]+)"', viewer.get(path).text)
        assert set(forms) <= {"/logout", "/theme/system", "/language/en"}, path


# -- the same by each face ----------------------------------------------------------------------------------------


def test_page_api_and_command_line_import_the_same(app: Flask, owner_client: FormClient) -> None:
    line = "docker run --name notes -e TOKEN=geheim -p 18080:80 -v $(pwd)/data:/data --rm demo/notes"
    printed = app.test_cli_runner().invoke(import_source, ["--line", line, "--dry-run", "--json"])
    headers = {"X-CSRFToken": owner_client.csrf_token("/import")}
    sent = owner_client.post("/api/import", json={"text": line, "dry_run": True}, headers=headers)
    assert sent.json == json.loads(printed.output)
    shown = owner_client.submit_form("/import", {"show": "1", "text": line}, page="/import").text
    for entry in sent.json["report"]:
        assert html.escape(entry["message"], quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in shown
    for text in ("docker run -Z x", "docker run", "hello"):
        refused = app.test_cli_runner().invoke(import_source, ["--line", text])
        assert isinstance(refused.exception, BadInput)
        sent = owner_client.post("/api/import", json={"text": text}, headers=headers)
        assert all(fault in sent.json["detail"] for fault in refused.exception.faults)


# -- CSRF ---------------------------------------------------------------------------------------------------------


def test_every_post_without_a_token_is_refused(app: Flask, owner_client: FormClient) -> None:
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()):
            answer = owner_client.post(example(rule))
            assert answer.status_code == 400, rule
    assert "This form has expired, so nothing was done." in answer.text


# -- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/login", "/rockons", "/rockons/1", "/operations", "/shares", "/healthz", "/no/such", "/static/icons.svg"]
)
def test_every_answer_carries_the_headers(owner_client: FormClient, path: str) -> None:
    add_rockon("Notes")
    headers = owner_client.get(path).headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_by_caches_and_vary(client: FormClient) -> None:
    assert "Cache-Control" not in client.get("/login").headers
    client.log_in("ada")
    answer = client.get("/rockons")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "path", ["/rockons?tab=all", "/rockons/1", "/rockons/1/uninstall", "/operations", "/shares", "/rockons/report"]
)
def test_pages_have_nothing_that_the_policy_forbids(owner_client: FormClient, path: str) -> None:
    mark_installed(
        add_rockon("Notes", description="<p onclick=alert(1)>x</p><script>alert(1)</script><b style='color:red'>y</b>")
    )
    text = owner_client.get(path).text
    assert not re.search(r"<[^>]+\s(on\w+|style|hx-on[\w:-]*)=", text)
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert "<style" not in text
    assert not re.search(r'hx-trigger="[^"]*\[', text)


def test_the_scripts_settings_are_strict(client: FormClient) -> None:
    text = client.get("/login").text
    for setting in (
        '"allowEval": false',
        '"includeIndicatorStyles": false',
        '"selfRequestsOnly": true',
        '"historyCacheSize": 0',
    ):
        assert setting in text


# -- partials -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/rockons", "/rockons/1", "/operations", "/operations/1", "/rockons/1/logs"])
def test_htmx_gets_the_part_and_everybody_else_the_page(owner_client: FormClient, path: str) -> None:
    notes = mark_installed(add_rockon("Notes"))
    operations.submit_operation(notes, blank_request(operations.Kind.STOP), "ada")
    page = owner_client.get(path).text
    part = owner_client.get(path, headers=HX).text
    restored = owner_client.get(path, headers={**HX, "HX-History-Restore-Request": "true"}).text
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert "<html" not in part
    assert restored.lstrip().startswith("<!DOCTYPE html>")


def test_errors_are_parts_for_htmx(owner_client: FormClient) -> None:
    answer = owner_client.get("/rockons/99", headers=HX)
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert "<html" not in answer.text


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (QueueUnreachable("The job queue does not answer.", "Start it."), 503),
        (EngineUnreachable("Docker does not answer.", "Start it."), 503),
        (Conflict("It is busy.", "Wait."), 409),
        (BadInput("That is no name.", "Choose another."), 422),
        (RockonwebError("The disk is full.", "Make room.", "ENOSPC <b>"), 500),
    ],
)
def test_known_errors_give_their_sentence_and_hint(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch, error: RockonwebError, status: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(catalogue_listing, "list_catalogue", fail)
    answer = owner_client.get("/rockons")
    assert answer.status_code == status
    assert error.sentence in answer.text
    assert error.hint in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("database is locked", 503, "The database is busy."),
        ("database or disk is full", 507, "The disk that holds the database is full."),
        ("unable to open database file", 503, "The database can&#39;t be opened."),
        ("no such table: rockon", 500, "The database is older than this version of Rockonweb."),
    ],
)
def test_a_database_in_trouble_gives_a_sentence(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch, words: str, status: int, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, sqlite3.OperationalError(words))

    monkeypatch.setattr(catalogue_listing, "list_catalogue", fail)
    answer = owner_client.get("/rockons")
    assert (answer.status_code, sentence in answer.text, "SELECT" in answer.text) == (status, True, False)


def test_a_page_without_any_database_still_has_its_sentence(app: Flask, owner_client: FormClient) -> None:
    folder = app.config["SETTINGS"].instance
    for table in ("user", "rockon"):
        with sqlite3.connect(folder / "rockonweb.db") as database:
            database.execute("PRAGMA foreign_keys=OFF")
            database.execute(f'DROP TABLE "{table}"')
    answer = owner_client.get("/rockons")
    assert answer.status_code == 500
    assert "The database is older than this version of Rockonweb." in answer.text


def test_a_mistake_of_ours_shows_no_traceback(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_listing, "list_catalogue", lambda *_: 1 / 0)
    answer = owner_client.get("/rockons")
    assert answer.status_code == 500
    assert "Something went wrong in Rockonweb itself." in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_too_much_is_refused_with_a_sentence(owner_client: FormClient) -> None:
    answer = owner_client.post("/shares", data={"name": "x" * 3_000_000})
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_a_wrong_method_says_so(owner_client: FormClient) -> None:
    answer = owner_client.get("/rockons/refresh")
    assert answer.status_code == 405
    assert "Use the buttons on the pages." in answer.text
    assert "POST" in answer.headers["Allow"]


# -- the banner ---------------------------------------------------------------------------------------------------


def test_a_banner_tells_that_docker_does_not_answer(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Docker does not answer" not in owner_client.get("/shares").text
    monkeypatch.setattr(heartbeat, "engine_status", lambda: EngineStatus(False, "Start the service docker."))
    text = owner_client.get("/shares").text
    assert "Docker does not answer" in text
    assert "Start the service docker." in text


def test_a_banner_tells_that_the_queue_is_down(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: False)
    assert "The job queue does not answer" in owner_client.get("/shares").text


def test_the_banner_goes_when_all_is_well_again(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: False)
    assert 'hx-get="/banner"' in owner_client.get("/banner").text
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: True)
    assert owner_client.get("/banner").text.strip() == ""
