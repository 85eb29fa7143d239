"""`/healthz`, for machines."""

import pytest

from rockonweb.work import heartbeat
from rockonweb.work.heartbeat import EngineStatus
from tests.support.app import FormClient


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
    assert set(answer.json or {}) == {"status", "database", "queue", "docker", "workers"}


def test_a_database_that_is_gone_is_an_error(client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(monkeypatch, True, True, 1)
    monkeypatch.setattr("rockonweb.blueprints.health._database_alive", lambda: False)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert (answer.json["status"], answer.json["database"]) == ("error", "down")
