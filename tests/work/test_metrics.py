"""What running containers use: looked at, kept for an hour, given to pages."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from rockonweb import config
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.instance.resources import Sample
from rockonweb.host import engine
from rockonweb.work import metrics


class Docker(engine.Engine):
    """An engine with containers that each use one core more at every look."""

    def __init__(self, **states: tuple[str, str]) -> None:
        self.states, self.asked, self.cpu = states, [], 0  # type: ignore[var-annotated]

    def list_containers(self) -> dict[str, ContainerFacts]:
        return {
            name: ContainerFacts(name=name, id=f"id-{name}", image="", image_id="", state=state, rockon=rockon)
            for name, (rockon, state) in self.states.items()
        }

    def container_stats(self, container_id: str) -> dict[str, Any] | None:
        self.asked.append(container_id)
        self.cpu += 1_000_000
        return {"cpu_stats": {"cpu_usage": {"total_usage": self.cpu}}, "memory_stats": {"usage": 1000}}


def test_only_containers_of_ours_that_run_are_asked_about() -> None:
    docker = Docker(mine=("Notes", "running"), off=("Notes", "exited"), stranger=("", "running"))
    seen, found = metrics.collect_samples(docker, {})
    assert (docker.asked, list(seen), found) == (["id-mine"], ["mine"], {})
    again, found = metrics.collect_samples(docker, seen)
    assert list(again) == ["mine"]
    assert found["mine"].memory == 1000
    assert found["mine"].cpu > 0


def test_a_container_that_was_made_anew_begins_anew() -> None:
    docker = Docker(mine=("Notes", "running"))
    seen, _ = metrics.collect_samples(docker, {})
    assert metrics.collect_samples(docker, {"mine": ("another", seen["mine"][1])})[1] == {}


def test_an_hour_is_kept_and_the_newest_is_at_hand(redis: Redis) -> None:
    for at in range(metrics.MAX_SAMPLES + 10):
        metrics.store_samples(redis, {"web": Sample(at, at, 5)})
    found = metrics.sample_history(["web", "db"])
    assert found is not None
    assert [one.at for one in found["web"]] == list(range(10, metrics.MAX_SAMPLES + 10))
    assert found["db"] == []
    assert metrics.latest_samples() == {"web": Sample(metrics.MAX_SAMPLES + 9, metrics.MAX_SAMPLES + 9, 5)}
    assert 0 < redis.ttl("rockonweb:samples:web") <= metrics.HISTORY_LIFETIME
    metrics.store_samples(redis, {})
    assert metrics.latest_samples() == {}


def test_without_the_queue_nothing_is_known(app: Flask) -> None:
    app.extensions["redis"] = Redis.from_url("redis://127.0.0.1:1")
    assert metrics.latest_samples() == {}
    assert metrics.sample_history(["web"]) is None


def test_the_watch_needs_nothing_but_settings(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It runs in a thread of its own, which is in no application."""
    docker = Docker(mine=("Notes", "running"))
    monkeypatch.setattr(engine, "connect_engine", lambda *_: docker)
    monkeypatch.setattr(metrics.queue, "connect_redis", lambda _: redis)
    pauses = iter([None, SystemExit])

    def pause(_seconds: float) -> None:
        if ended := next(pauses):
            raise ended

    monkeypatch.setattr(metrics.time, "sleep", pause)
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})
    config.create_secret_key(settings)
    thread = ThreadPoolExecutor().submit(metrics.run_sampler, settings)
    assert isinstance(thread.exception(30), SystemExit)
    assert docker.asked == ["id-mine", "id-mine"]
    assert redis.llen("rockonweb:samples:mine") == 1
    assert caplog.records == []
