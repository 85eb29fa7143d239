"""Where an app was down, and how it is watched: on its pages, on the first page, by the API and the command line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rockonweb.models import Episode, Installation, Problem, db, maintenance_until, transaction, utc_now
from rockonweb.work.maintenance import set_maintenance
from tests.support.app import FormClient, add_rockon, create_test_user, mark_installed
from tests.support.command_line import CommandLine
from tests.support.instance import Instance

SAID = "the container web is unhealthy according to its own health check"


@pytest.fixture
def notes(app: Flask) -> Installation:
    installation = mark_installed(add_rockon("Notes"), problem=Problem.UNHEALTHY, status_error=SAID)
    began = utc_now() - timedelta(minutes=20)
    old = Episode(
        installation_id=installation.id,
        problem=Problem.OUT_OF_MEMORY,
        reason="no memory",
        began=began - timedelta(days=30),
        well_since=began - timedelta(days=30) + timedelta(minutes=190),
        ended=began - timedelta(days=29),
        relapses=2,
    )
    lasting = Episode(
        installation_id=installation.id,
        problem=Problem.UNHEALTHY,
        reason=SAID,
        container="web",
        log="<b>the last line</b>",
        began=began,
        gave_up=True,
    )
    with transaction() as session:
        session.add_all([old, lasting])
    return installation


def call_api(client: FormClient, path: str, body: object) -> TestResponse:
    return client.post(f"/api/{path}", json=body, headers={"X-CSRFToken": client.csrf_token()})


def test_the_app_s_page_names_the_container_since_when_and_the_end_of_its_log(
    notes: Installation, client: FormClient
) -> None:
    page = client.log_in("ada").get(f"/rockons/{notes.id}").text
    assert page.count(SAID) == 1
    assert f"Notes is not running properly: {SAID}." in page
    assert page.count("hero-since") == 1
    assert "that is not tried any more" in page
    assert "&lt;b&gt;the last line&lt;/b&gt;" in page
    create_test_user("eve", role="viewer")
    page = client.log_in("eve").get(f"/rockons/{notes.id}").text
    assert SAID in page
    assert "the last line" not in page


def test_the_history_lists_outages_beside_operations(notes: Installation, owner_client: FormClient) -> None:
    page = owner_client.get(f"/rockons/{notes.id}/history").text
    assert page.index("Unhealthy") < page.index("Out of memory")
    for words in ("Outages", "not over yet", "lasted 3 h 10 min", "2 relapses", "automatic restarts did not help"):
        assert words in page


def test_the_first_page_counts_those_of_the_last_week(notes: Installation, owner_client: FormClient) -> None:
    page = owner_client.get("/").text
    assert "1 outage in 7 days" in page
    assert f"Notes is not running properly: {SAID}." in page
    assert "0 of 1 running" in page


def test_how_it_is_watched_is_the_same_on_page_api_and_command_line(
    notes: Installation, owner_client: FormClient
) -> None:
    assert (notes.mend, notes.ask_page) == (False, True)
    owner_client.submit_form(f"/rockons/{notes.id}/watch", {"mend": "y"}, page=f"/rockons/{notes.id}/history")
    db.session.rollback()
    assert (notes.mend, notes.ask_page) == (True, False)
    shown = call_api(owner_client, f"rockons/{notes.id}/watch", {"mend": False}).get_json()
    assert (shown["mend"], shown["ask_page"]) == (False, False)
    refused = call_api(owner_client, f"rockons/{notes.id}/watch", {"mend": "no"})
    assert (refused.status_code, refused.get_json()["detail"]) == (400, '"mend" must be true or false.')


def test_the_command_line_shows_and_changes_how_it_is_watched(instance: Instance, tmp_path: Path) -> None:
    mark_installed(instance.add_rockon("Notes", {"notes": {"image": "a"}}))
    command_line = CommandLine(tmp_path)
    assert command_line.run("watching", "Notes").stdout == "mend: no\nask-page: yes\n"
    assert command_line.run("watching", "Notes", "--mend", "--no-ask-page").stdout == "mend: yes\nask-page: no\n"
    assert command_line.run("maintenance").stdout == "no maintenance\n"
    assert command_line.run("maintenance", "60").stdout.startswith("until 2")
    assert command_line.run("maintenance", "0").stdout == "no maintenance\n"
    assert command_line.run("maintenance", "99999999").returncode == 2


def test_maintenance_is_begun_and_ended_on_the_page_and_by_the_api(app: Flask, owner_client: FormClient) -> None:
    owner_client.submit_form("/notices/maintenance", {"minutes": "30"})
    assert maintenance_until() is not None
    assert "It lasts until" in owner_client.get("/notices").text
    assert "Maintenance lasts for 30 more minutes." in owner_client.get("/").text
    owner_client.submit_form("/notices/maintenance", {"end": "1"})
    assert owner_client.get("/api/maintenance").get_json() == {"until": None}
    assert call_api(owner_client, "maintenance", {"minutes": 5}).get_json()["until"]
    assert call_api(owner_client, "maintenance", {"minutes": "x"}).status_code == 400
    set_maintenance(0, "ada")
    assert owner_client.submit_form("/notices/maintenance", {"minutes": "7"}).status_code == 422
