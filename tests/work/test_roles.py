"""What a worker says of jobs that failed, and that it stays registered; a watcher beside the web server."""

import logging
import queue as queue_of
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError

from rockonweb.core.errors import BadInput
from rockonweb.work import heartbeat, queue, roles
from rockonweb.work.failing_roles import read_failing_roles
from rockonweb.work.roles import _QueueWorker
from tests.support.apps import wait_for


def test_a_failed_job_is_one_line_of_the_log_whatever_its_sentence_quotes(caplog: pytest.LogCaptureFixture) -> None:
    worker = _QueueWorker.__new__(_QueueWorker)  # what a queue gives it does not matter here
    error = BadInput('"Notes\r\n2026-01-01 WARNING all is well\x1b[2J\u2028" is no name.')
    with caplog.at_level(logging.WARNING):
        worker.handle_exception(SimpleNamespace(id="operation-7"), BadInput, error, None)
    [said] = caplog.messages
    assert said.startswith("operation-7 failed: ")
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
    assert "all is well" in said


@pytest.mark.parametrize("state_was_written", [False, True])
def test_a_worker_is_listed_again_after_the_queue_server_lost_its_data(
    redis: Redis, *, state_was_written: bool
) -> None:
    worker = _QueueWorker([queue.NAME], connection=redis, worker_ttl=roles.WORKER_TTL)
    worker.register_birth()
    assert heartbeat.count_workers() == 1
    redis.flushall()
    if state_was_written:
        worker.set_state("idle")
    assert heartbeat.count_workers() == 0
    worker.heartbeat()
    assert heartbeat.count_workers() == 1
    with redis.pipeline() as pipeline:  # as while a job runs
        redis.flushall()
        worker.heartbeat(60, pipeline)
        pipeline.execute()
    assert set(heartbeat.listening_workers()) == {worker.name}
    assert 0 < worker.dequeue_timeout <= 30


def test_a_watcher_that_fails_is_started_again_and_told_until_it_stays(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = app.config["SETTINGS"]
    steps: queue_of.Queue[Callable[[], object]] = queue_of.Queue()

    def watch(_monitor: object) -> None:
        steps.get()()

    def stumble() -> None:
        raise ValueError("secret")

    def lose_queue() -> None:
        raise RedisError

    monkeypatch.setattr(roles.watcher, "watch_forever", watch)
    monkeypatch.setattr(roles.watcher, "start_monitor", lambda: None)
    monkeypatch.setattr(roles, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(roles, "SETTLED_SECONDS", 0.5)
    roles.start_watcher_thread(app)
    steps.put(lose_queue)  # which supervisor and pages tell
    steps.put(stumble)
    wait_for(steps.empty)
    assert read_failing_roles(settings) == {}
    steps.put(stumble)
    wait_for(lambda: read_failing_roles(settings) == {"watcher": "ValueError; the log of Rockonweb has more."})
    wait_for(lambda: read_failing_roles(settings) == {})  # it runs for some time
    told = capfd.readouterr().out
    assert told.count("watcher ended") == told.count("Traceback") == 1
