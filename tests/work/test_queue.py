"""A queue server that hangs: what asks it gives up soon, and RQ does not change that."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis.exceptions import RedisError
from rq import Worker

from rockonweb.core.errors import QueueUnreachable
from rockonweb.work import heartbeat, queue
from tests.support.app import FormClient
from tests.support.queue_server import QueueServer
from tests.support.silencing import SilenceableProxy


@pytest.fixture
def proxy(app: Flask, queue_server: QueueServer, tmp_path: Path) -> Iterator[SilenceableProxy]:
    """What stands between `app` and a real queue server, with a worker in it."""
    queue_server.flush_queue()
    made = SilenceableProxy(tmp_path / "queue.sock", queue_server.url)
    app.extensions["redis"] = queue.Redis.from_pool(
        queue._LimitedPool.from_url(made.url, socket_connect_timeout=1, retry=queue._NoRetry())
    )
    worker = Worker([queue.NAME], name="alive", connection=queue.Redis.from_url(queue_server.url))
    worker.hostname, worker.pid = socket.gethostname(), os.getpid()
    worker.register_birth()
    yield made
    app.extensions.pop("redis").close()
    made.close()
    queue_server.flush_queue()


def test_a_look_at_the_workers_leaves_the_time_limits_of_pages(
    proxy: SilenceableProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ANSWER_SECONDS", 0.3)
    assert heartbeat.count_workers() == 1
    queue.redis_connection().connection_pool.disconnect()
    queue.redis_connection().connection_pool.reset()
    proxy.silence()
    begun = time.monotonic()
    assert heartbeat.count_workers() is None
    assert time.monotonic() - begun < 2
    proxy.speak()
    assert heartbeat.count_workers() == 1


@pytest.mark.parametrize("page", ["/healthz", "/", "/rockons", "/operations", "/account", "/jobs/", "/doctor"])
def test_each_page_waits_once(
    proxy: SilenceableProxy, owner_client: FormClient, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ANSWER_SECONDS", 0.5)
    proxy.silence()
    begun = time.monotonic()
    answer = owner_client.get(page)
    assert time.monotonic() - begun < 2.5
    assert answer.status_code in (200, 503)
    proxy.speak()
    assert owner_client.get("/healthz").json["queue"] == "ok"  # type: ignore[index]


def test_an_operation_is_refused_in_words(proxy: SilenceableProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ANSWER_SECONDS", 0.3)
    proxy.silence()
    with pytest.raises(QueueUnreachable):
        queue.ping()


def test_a_worker_may_wait_for_minutes(app: Flask, queue_server: QueueServer) -> None:
    with queue.Redis.from_url(queue_server.url) as reference:
        worker_timeout = Worker([queue.NAME], connection=reference).connection_timeout
    assert worker_timeout > 60
    connection = queue.connect_worker(app.config["SETTINGS"])
    assert connection.connection_pool.connection_kwargs.get("socket_timeout") in (None, worker_timeout)


def test_a_server_that_is_not_there_is_no_longer_waited_for(app: Flask) -> None:
    app.extensions.pop("redis", None)
    begun = time.monotonic()
    with pytest.raises(RedisError):
        queue.redis_connection().ping()
    assert time.monotonic() - begun < 1
