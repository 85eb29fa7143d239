"""The further pages of one rock-on: head, logs, resources, history, definition, and what is connected to what."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from rockonweb.blueprints.rockons import connections
from rockonweb.blueprints.rockons.connections import ContainerConnection, ContainerConnections
from rockonweb.core.instance.resources import Sample
from rockonweb.models import Installation, Kind, NetworkMember, Operation, Progress, State, Status, db, transaction
from rockonweb.models.base import utc_now
from rockonweb.work import metrics
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import find_pattern
from tests.support.samples import label_questions, port_question

PORTS = {"80": port_question(8080, "Here", ui=True), "53": port_question(53, "Here", "")}
WEB: dict[str, Any] = {"web": {"ports": PORTS, "volumes": label_questions({"/data": "Here", "/own": "Here"})}}


@pytest.fixture
def docker(docker: FakeDocker) -> FakeDocker:
    docker.log_texts = {"web": "first <b>\nsecond HERON\n"}
    return docker


def ended(rockon_id: int, kind: Kind, progress: Progress = Progress.DONE, **columns: Any) -> int:
    """Write an operation that has ended and return its id."""
    with transaction() as session:
        start = utc_now() - timedelta(seconds=3)
        one = Operation(
            installation_id=rockon_id,
            kind=kind,
            progress=progress,
            user="ada",
            started=start,
            finished=utc_now(),
            **columns,
        )
        session.add(one)
        session.flush()
        return one.id


# -- the head -----------------------------------------------------------------------------------------------------


def test_the_switch_says_how_it_is_and_changes_it(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes", WEB))
    text = owner_client.get(f"/rockons/{notes.id}/head").text
    assert re.search(r'action="/rockons/1/stop".*?class="switch" id="switch" aria-pressed="true"', text, re.DOTALL)
    with transaction():
        notes.status = Status.STOPPED
    text = owner_client.get(f"/rockons/{notes.id}/head").text
    assert re.search(r'action="/rockons/1/start".*?class="switch" id="switch" aria-pressed="false"', text, re.DOTALL)
    assert "Restart" not in text
    assert "Open UI" not in text


def test_since_when_is_said_where_an_operation_has_brought_it_there(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    assert "since" not in owner_client.get("/rockons/1/head").text
    ended(notes.id, Kind.START)
    assert "since <time" in owner_client.get("/rockons/1/head").text
    ended(notes.id, Kind.STOP)
    assert "since" not in owner_client.get("/rockons/1/head").text


def test_a_failure_says_what_happened_and_leads_on(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"), Status.START_FAILED, error="The port 8080 is taken.")
    found = ended(notes.id, Kind.START, Progress.FAILED, error="Taken.", hint="Choose another port.")
    text = owner_client.get("/rockons/1/head").text
    for said in ("The port 8080 is taken.", "Choose another port.", f'href="/operations/{found}"', "/rockons/1/logs"):
        assert said in text


def test_viewers_see_no_buttons(viewer: FormClient) -> None:
    mark_installed(add_rockon("Notes", WEB))
    for path in ("", "/resources", "/history", "/source"):
        text = viewer.get(f"/rockons/1{path}").text
        assert "Open UI" in text
        assert 'action="/rockons/' not in text
        assert 'href="/rockons/1/logs"' not in text
    assert viewer.get("/rockons/1/logs").status_code == 403
    assert viewer.get("/rockons/1/logs/web").status_code == 403


# -- the tabs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/logs", "/resources", "/history", "/source"])
def test_a_tab_is_a_page_and_a_part_of_one(owner_client: FormClient, docker: FakeDocker, path: str) -> None:
    mark_installed(add_rockon("Notes", WEB))
    page, part = owner_client.get(f"/rockons/1{path}").text, owner_client.get(f"/rockons/1{path}", headers=HX).text
    assert page.count('aria-current="page"') >= part.count('aria-current="page"') == 1
    assert re.search(rf'href="/rockons/1{path}" aria-current="page"', part)
    assert "<html" in page
    assert "<html" not in part
    assert 'id="rockon-head"' not in part


def test_what_is_not_installed_has_no_logs_nor_resources(owner_client: FormClient) -> None:
    add_rockon("Notes")
    text = owner_client.get("/rockons/1").text
    assert 'id="tab-definition"' in text
    assert 'id="tab-logs"' not in text
    assert 'id="tab-resources"' not in text


# -- logs ---------------------------------------------------------------------------------------------------------


def test_found_words_are_marked_and_the_rest_is_left_out(owner_client: FormClient, docker: FakeDocker) -> None:
    mark_installed(add_rockon("Notes"))
    text = owner_client.get("/rockons/1/logs?q=heron&timestamps=1&lines=100").text
    assert "second <mark>HERON</mark>\n" in text
    assert "first" not in text
    assert "1 matching line in the last 2" in text
    assert docker.log_request == {"name": "web", "tail": 5000, "timestamps": True, "most": 1_000_000}
    assert "No line contains “&lt;i&gt;”." in owner_client.get("/rockons/1/logs?q=<i>").text


@pytest.mark.parametrize(
    "news",
    [
        {"status": Status.STOPPED},
        {"state": State.PENDING_UPDATE},
        {"error": "It broke."},
        {"summary": "Something else."},
        {"in_catalogue": False},
    ],
    ids=lambda news: next(iter(news)),
)
def test_a_head_that_was_seen_is_not_sent_again(owner_client: FormClient, news: dict[str, object]) -> None:
    mark_installed(add_rockon("Notes"), Status.STARTED)
    address = find_pattern(r'hx-get="(/rockons/1/head[^"]*)"', owner_client.get("/rockons/1").text)
    assert owner_client.get(address, headers=HX).status_code == 204
    assert owner_client.get(address).status_code == 200
    with transaction() as session:
        for column, value in news.items():
            app = session.get_one(Installation, 1)
            setattr(app if hasattr(app, column) else app.entry, column, value)
    assert owner_client.get(address, headers=HX).status_code == 200


def test_a_page_that_follows_gets_only_what_is_new(owner_client: FormClient, docker: FakeDocker) -> None:
    mark_installed(add_rockon("Notes"))
    again = find_pattern(r'hx-get="([^"]*/logs[^"]*seen=[^"]*)"', owner_client.get("/rockons/1/logs?follow=1").text)
    assert owner_client.get(again, headers=HX).status_code == 204
    docker.log_texts["web"] += "third\n"
    answer = owner_client.get(again, headers=HX)
    assert "third" in answer.text
    assert 'id="rockon-tab"' not in answer.text
    assert "hx-get" not in owner_client.get("/rockons/1/logs").text.partition('<div id="logs"')[2].partition(">")[0]


def test_a_log_is_a_file_too(owner_client: FormClient, docker: FakeDocker) -> None:
    mark_installed(add_rockon("Notes"))
    answer = owner_client.get("/rockons/1/logs/web")
    assert (answer.text, answer.mimetype) == ("first <b>\nsecond HERON\n", "text/plain")
    assert answer.headers["Content-Disposition"] == "attachment; filename=web.log.txt"
    assert owner_client.get("/rockons/1/logs/stranger").status_code == 404


def test_without_docker_a_file_is_a_sentence(owner_client: FormClient, docker: FakeDocker) -> None:
    docker.is_down = True
    mark_installed(add_rockon("Notes"))
    answer = owner_client.get("/rockons/1/logs/web")
    assert answer.status_code >= 400
    assert "Docker does not answer." in answer.text


# -- resources ----------------------------------------------------------------------------------------------------


def test_resources_are_drawn_told_and_listed(app: Flask, owner_client: FormClient) -> None:
    mark_installed(add_rockon("Notes"))
    assert "Nothing was measured in the last hour." in owner_client.get("/rockons/1/resources").text
    moment = time.time()
    for back, cpu in ((60, 10.0), (40, 30.0), (20, 20.0)):
        one = Sample(moment - back, cpu, 50_000_000, None, 1000.0, 2000.0)
        metrics.store_samples(app.extensions["redis"], {"web": one})
    text = owner_client.get("/rockons/1/resources").text
    assert "now 20 %, average 20 %, peak 30 %" in text
    assert "received: now 1.0 kB/s" in text
    assert text.count('<svg class="chart-drawing"') == 3  # what isn't counted is not drawn
    assert '<th scope="row">' in text
    part = owner_client.get("/rockons/1/resources?charts=1", headers=HX).text
    assert part.count('role="img"') == 3
    assert "rockon-tabs" not in part


def test_a_silent_queue_is_told(app: Flask, owner_client: FormClient) -> None:
    mark_installed(add_rockon("Notes"))
    app.extensions["redis"] = Redis.from_url("redis://127.0.0.1:1")
    answer = owner_client.get("/rockons/1/resources")
    assert answer.status_code == 200
    assert "the job queue does not answer" in answer.text


# -- history and definition ---------------------------------------------------------------------------------------


def test_the_history_has_every_operation_in_pages(owner_client: FormClient) -> None:
    notes, other = mark_installed(add_rockon("Notes")), mark_installed(add_rockon("Other"))
    for _ in range(26):
        ended(notes.id, Kind.RESTART)
    ended(other.id, Kind.STOP)
    first, second = (owner_client.get(f"/rockons/1/history?page={page}").text for page in (1, 2))
    assert first.count("Restart: Notes") == 25
    assert second.count("Restart: Notes") == 1
    assert "took 3.0 s" in first
    assert "ada" in first
    assert "Other" not in first + second
    assert owner_client.get("/rockons/1/history?page=99").status_code == 200


def test_the_installed_definition_is_shown_as_text_and_given_as_a_file(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Two Notes", WEB, description="</pre><script>alert(1)</script>"))
    shown = owner_client.get(f"/rockons/{notes.id}/source").text
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown
    answer = owner_client.get(f"/rockons/{notes.id}/source.json")
    assert json.loads(answer.text)["Two Notes"]["containers"]["web"]["image"] == "example/web"
    assert answer.headers["Content-Disposition"] == "attachment; filename=two-notes.json"


# -- the picture --------------------------------------------------------------------------------------------------


def test_containers_of_other_rock_ons_stand_on_both_pages(app: Flask, owner_client: FormClient) -> None:
    vpn = mark_installed(add_rockon("M vpn", {"m-vpn": {}}))
    opts = [["--network", "container:m-vpn"]]
    dep = mark_installed(add_rockon("M dep", {"m-dep": {"opts": opts}}))
    db.session.expire_all()
    assert [one.connections for one in connections.list_connections(dep)] == [
        [ContainerConnection("container", "m-vpn", "uses the network of")]
    ]
    assert [one.connections for one in connections.list_connections(vpn)] == [
        [ContainerConnection("container", "m-dep of M dep", "uses its network")]
    ]
    assert "m-dep of M dep uses the network of m-vpn." in owner_client.get(f"/rockons/{vpn.id}/uninstall").text
    assert "notice-warning" not in owner_client.get(f"/rockons/{dep.id}/uninstall").text
    for rockon, said in ((vpn, ("m-dep of M dep", "uses its network")), (dep, ("m-vpn", "uses the network of"))):
        text = owner_client.get(f"/rockons/{rockon.id}").text
        assert all(word in text for word in said)


def test_what_is_connected_to_what(app: Flask, owner_client: FormClient) -> None:
    links = {"web": [{"name": "inner", "source_container": "db"}]}
    containers = {**WEB, "db": {"opts": [["--net", "host"]], "ports": {"5432": port_question(5432, "Here", "")}}}
    notes = mark_installed(add_rockon("Notes", containers, container_links=links))
    with transaction():
        web = notes.containers[0]
        web.volumes[0].share = "photos/notes"
        next(port for port in web.ports if port.number == 53).host = None
        web.networks = [NetworkMember(network="outer")]
    db.session.expire_all()
    assert {one.name: one for one in connections.list_connections(notes)} == {
        "web": ContainerConnections(
            "web",
            [
                ContainerConnection("port", "8080", "80/tcp", "Here", ui=True),
                ContainerConnection("port", "", "53/tcp+udp", "Here"),
                ContainerConnection("share", "photos/notes", "/data", "Here"),
                ContainerConnection("share", "", "/own", "Here"),
                ContainerConnection("network", "inner", ""),
                ContainerConnection("network", "outer", ""),
            ],
        ),
        "db": ContainerConnections(
            "db",
            [ContainerConnection("port", "5432", "5432/tcp+udp", "Here"), ContainerConnection("network", "inner", "")],
            host_network=True,
        ),
    }
    text = owner_client.get("/rockons/1").text
    for said in ("not published", "a Docker volume", "the app itself listens on its ports"):
        assert said in text


def test_a_container_that_was_renamed_is_told_with_a_button_that_names_it_back(
    app: Flask, owner_client: FormClient
) -> None:
    rockon = mark_installed(add_rockon("Notes", {"notes": {}}))
    assert "name-back" not in owner_client.get(f"/rockons/{rockon.id}").text
    with transaction():
        rockon.containers[0].docker_name = "mine"
    text = owner_client.get(f"/rockons/{rockon.id}").text
    assert "The container notes was renamed to mine outside of Rockonweb." in text
    assert find_pattern(r'action="(/rockons/\d+/[a-z]+)"[^<]*<[^<]*<button[^>]*id="name-back"', text)
