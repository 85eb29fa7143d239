"""`/healthz`, for machines."""

from typing import Any

import pytest
from flask import Flask

from rockonweb import config
from rockonweb.accounts import tokens, users
from rockonweb.core.text import t
from rockonweb.work import heartbeat
from rockonweb.work.failing_roles import store_failing_roles
from rockonweb.work.heartbeat import EngineStatus
from tests.support.app import FormClient, new_visitor


def parts(monkeypatch: pytest.MonkeyPatch, queue: bool, engine: bool | None, workers: int) -> None:
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: queue)
    monkeypatch.setattr(heartbeat, "engine_status", lambda: EngineStatus(engine))
    monkeypatch.setattr(heartbeat, "count_workers", lambda: workers)


@pytest.mark.parametrize(
    ("queue", "engine", "workers", "code", "status"),
    [
        (True, True, 2, 200, "ok"),
        (True, False, 2, 200, "degraded"),
        (True, None, 2, 200, "degraded"),
        (True, True, 0, 200, "degraded"),
        (False, True, 2, 503, "error"),
    ],
)
def test_it_tells_of_each_part(
    client: FormClient,
    monkeypatch: pytest.MonkeyPatch,
    queue: bool,
    engine: bool | None,
    workers: int,
    code: int,
    status: str,
) -> None:
    parts(monkeypatch, queue, engine, workers)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (code, status) if answer.json else False
    assert set(answer.json or {}) == {"status", "database", "queue", "docker", "workers", "unseen"}


def test_a_database_that_is_gone_is_an_error(client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(monkeypatch, True, True, 1)
    monkeypatch.setattr("rockonweb.blueprints.health._database_alive", lambda: False)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert (answer.json["status"], answer.json["database"]) == ("error", "down")


STRANGER: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": "198.51.100.7"}}


@pytest.mark.parametrize(("queue", "workers", "answer"), [(True, 2, "ok"), (True, 0, "ok"), (False, 0, "error")])
def test_a_stranger_learns_only_whether_it_serves(
    client: FormClient, monkeypatch: pytest.MonkeyPatch, queue: bool, workers: int, answer: str
) -> None:
    parts(monkeypatch, queue, False, workers)
    for asked in (
        STRANGER,
        {"headers": {"X-Forwarded-For": "198.51.100.7"}},  # through a proxy of this machine that nobody configured
        {"headers": {"Via": "1.1 somewhere"}},
        {**STRANGER, "headers": {config.OWN_KEY_HEADER: "guessed"}},
        {**STRANGER, "headers": {"Authorization": "Bearer guessed"}},
    ):
        response = client.get("/healthz", **asked)
        assert (response.status_code, response.json) == (200 if queue else 503, {"status": answer}), asked


@pytest.mark.parametrize("environ", [{"ROCKONWEB_PROXIES": "127.0.0.1"}])
def test_through_a_configured_proxy_of_this_machine_comes_a_stranger(
    client: FormClient, monkeypatch: pytest.MonkeyPatch, environ: object
) -> None:
    parts(monkeypatch, True, True, 2)
    assert client.get("/healthz").json == {"status": "ok"}


def test_who_is_logged_in_learns_of_the_parts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(monkeypatch, True, True, 2)
    token = tokens.create_token(users.get_user("ada"))
    for client, headers in (
        (new_visitor(app).log_in("ada"), {}),
        (new_visitor(app), {"Authorization": f"Bearer {token}"}),
        (new_visitor(app), {config.OWN_KEY_HEADER: config.own_request_key(str(app.secret_key))}),
    ):
        assert (client.get("/healthz", headers=headers, **STRANGER).json or {})["workers"] == 2


def test_pages_say_which_part_ends_at_each_start_and_why(app: Flask, owner_client: FormClient) -> None:
    store_failing_roles(app.config["SETTINGS"], {"queue server": t("The disk %(name)s is full.", name="sda1")})
    page = owner_client.get("/rockons").text
    assert "This part ends each time it is started: queue server. The disk sda1 is full." in page
    assert "Start Rockonweb with" not in page
    store_failing_roles(app.config["SETTINGS"], {})
    assert "This part ends" not in owner_client.get("/banner").text
