"""What the pages are told of a Docker that hangs, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from rockonweb.models import Status
from rockonweb.work import engine_monitor, heartbeat
from rockonweb.work.engine_monitor import EngineMonitor
from rockonweb.work.queue import redis_connection
from tests.support.app import FormClient, add_rockon, mark_installed
from tests.support.silencing import SilenceableProxy


@pytest.fixture
def monitor(app: Flask, monkeypatch: pytest.MonkeyPatch) -> EngineMonitor:
    """A monitor that publishes where the pages read."""
    made = EngineMonitor(app.config["SETTINGS"])
    made._redis = redis_connection()
    return made


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilenceableProxy]:
    """A Docker that accepts and says nothing."""
    proxy = SilenceableProxy(tmp_path / "silent.sock")
    monkeypatch.setenv("DOCKER_HOST", proxy.url)
    yield proxy
    proxy.close()


def test_a_silent_docker_is_told_in_time(
    monitor: EngineMonitor, silent: SilenceableProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine_monitor.PAUSE_SECONDS + 2 * engine_monitor.ANSWER_SECONDS <= 15
    assert heartbeat.STATUS_LIFETIME > engine_monitor.PAUSE_SECONDS + 2 * engine_monitor.ANSWER_SECONDS
    monkeypatch.setattr(engine_monitor, "ANSWER_SECONDS", 0.3)
    begun = time.monotonic()
    monitor.ask_once()
    assert time.monotonic() - begun < 3
    assert not monitor.answers
    assert heartbeat.engine_status().reachable is False


def test_when_it_last_answered_is_remembered_also_by_a_new_watcher(
    app: Flask, monitor: EngineMonitor, silent: SilenceableProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_monitor, "ANSWER_SECONDS", 0.1)
    heartbeat.publish_status(redis_connection(), heartbeat.EngineStatus(True, answered_at=1000.0))
    monitor.ask_once()
    monitor.ask_once()
    status = heartbeat.engine_status()
    assert (status.reachable, status.answered_at) == (False, 1000.0)


def test_the_thread_goes_on_whatever_happens(monitor: EngineMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = threading.Semaphore(0)
    monkeypatch.setattr(engine_monitor, "PAUSE_SECONDS", 0.01)

    def fall() -> None:
        rounds.release()
        raise ValueError

    monkeypatch.setattr(monitor, "ask_once", fall)
    threading.Thread(target=monitor.run_forever, daemon=True).start()
    for _ in range(3):
        assert rounds.acquire(timeout=30)


@pytest.mark.parametrize(("seconds", "age"), [(300, "5 minutes ago"), (None, "last known")])
def test_while_docker_is_silent_each_page_shows_how_old_a_status_is(
    app: Flask, owner_client: FormClient, seconds: int | None, age: str
) -> None:
    rockon = mark_installed(add_rockon("Notes"), status=Status.STARTED)
    pages = ("/rockons", "/", f"/rockons/{rockon.id}")
    heartbeat.publish_status(redis_connection(), heartbeat.EngineStatus(True))
    assert all("Running</span>" in owner_client.get(page).text for page in pages)
    answered = None if seconds is None else time.time() - seconds
    heartbeat.publish_status(redis_connection(), heartbeat.EngineStatus(False, answered_at=answered))
    for page in pages:
        text = owner_client.get(page).text
        assert f"Running ({age})</span>" in text
        assert "pill-good" not in text
        assert "Docker does not answer" in text
