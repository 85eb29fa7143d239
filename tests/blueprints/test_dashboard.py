"""The first page: what stands there, for whom, and what it costs."""

import re

import pytest
from flask import Flask

from rockonweb.blueprints.dashboard import overview
from rockonweb.core.instance.attention import Capacity
from rockonweb.models import Kind, Operation, Progress, State, Status, transaction, utc_now
from rockonweb.work import heartbeat
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.pages import find_pattern
from tests.support.samples import port_question

UI = {"web": {"ports": {"80": port_question(8080, ui=True)}}}


def fail(rockon_id: int, error: str, kind: Kind = Kind.UPDATE) -> int:
    with transaction() as session:
        operation = Operation(installation_id=rockon_id, kind=kind, progress=Progress.RUNNING)
        operation.mark_finished(Progress.FAILED, error)
        session.add(operation)
        session.flush()
        return operation.id


def test_a_fresh_instance_leads_to_the_catalogue(owner_client: FormClient) -> None:
    page = owner_client.get("/").text
    assert "Nothing is installed yet." in page
    assert re.search(r'id="to-catalogue" href="/rockons\?tab=all"', page)


def test_the_free_space_for_shares_is_shown_before_there_is_one(app: Flask, owner_client: FormClient) -> None:
    folder = app.config["SETTINGS"].shares_root
    if folder.exists():
        folder.rmdir()
    meter = find_pattern(r'id="meter-shares".*?</div>', owner_client.get("/").text)
    assert re.search(r"[0-9.]+ [kMGT]?B of [0-9.]+ [kMGT]?B free", meter)
    assert "unknown" not in meter


def test_an_app_stands_there_with_its_link_and_state(app: Flask, owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes", UI))
    with transaction():
        notes.status = Status.STARTED
        for container in notes.containers:
            for port in container.ports:
                port.host = 8123
    page = owner_client.get("/").text
    assert re.search(rf'id="home-app-{notes.id}" href="http://localhost:8123/"', page)
    assert "1 of 1 running" in page


def test_a_failure_is_told_until_something_made_up_for_it(app: Flask, owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    failed = fail(notes.id, "There is no such image.")
    page = owner_client.get("/").text
    assert "Notes could not be updated." in page
    assert "There is no such image." in page
    assert f'id="attend-operation-{failed}" href="/operations/{failed}"' in page
    for kind, progress in ((Kind.REHEARSE, Progress.FAILED), (Kind.UPDATE, Progress.DONE)):
        assert "could not be updated" in owner_client.get("/").text
        with transaction() as session:
            session.add(Operation(installation_id=notes.id, kind=kind, progress=progress, finished=utc_now()))
    assert "could not be updated" not in owner_client.get("/").text


def test_a_restart_that_failed_is_no_news_once_the_app_runs(app: Flask, owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"), Status.STOPPED)
    fail(notes.id, "Docker does not answer.", Kind.RESTART)
    assert "Notes could not be restarted." in owner_client.get("/").text
    with transaction():
        notes.status = Status.STARTED
    assert "could not be restarted" not in owner_client.get("/").text


def test_a_viewer_sees_it_without_buttons(viewer: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    fail(notes.id, "No.")
    page = viewer.get("/").text
    assert set(re.findall(r'<form[^>]* method="post" action="([^"]+)"', page)) == {
        "/logout",
        "/theme/system",
        "/language/en",
    }
    for path in set(re.findall(r'href="(/[^"#?]*)', page)):
        assert viewer.get(path).status_code < 400, path


def test_a_page_that_has_seen_everything_gets_nothing(
    app: Flask, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_memory_capacity", Capacity)  # that of this machine may change meanwhile
    notes = mark_installed(add_rockon("Notes"))
    mark = find_pattern(r"seen=([0-9a-f]{8})", owner_client.get("/").text)
    assert owner_client.get("/", query_string={"seen": mark}, headers=HX).status_code == 204
    with transaction():
        notes.status, notes.state, notes.exit_code = Status.EXITED, State.INSTALLED, 3
    answer = owner_client.get("/", query_string={"seen": mark}, headers=HX)
    assert "Ended with exit code 3" in answer.text
    assert "<html" not in answer.text


def test_the_number_of_statements_does_not_grow(owner_client: FormClient, statements: list[str]) -> None:
    def count() -> int:
        statements.clear()
        assert owner_client.get("/").status_code == 200
        return len(statements)

    fail(mark_installed(add_rockon("App 0", UI)).id, "No.")
    few = count()
    for n in range(1, 20):
        fail(mark_installed(add_rockon(f"App {n}", UI)).id, "No.")
    assert count() <= few


def test_little_room_for_images_is_told(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    status = heartbeat.EngineStatus(reachable=True, version="29.0", images_folder="/nowhere", free=10**8)
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    page = owner_client.get("/").text
    assert "The disk for images is nearly full." in page
    assert "Docker 29.0 is running." in page
