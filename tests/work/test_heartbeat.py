"""What the pages are told of the engine and the workers."""

import os
import socket
from collections.abc import Sequence

import pytest
from redis import Redis
from rq import Worker

from rockonweb.work import heartbeat, queue


def register(redis: Redis, name: str, hostname: str, pid: int, queues: Sequence[str] = queue.QUEUE_NAMES) -> None:
    worker = Worker([*queues], name=name, connection=redis)
    worker.hostname, worker.pid = hostname, pid
    worker.register_birth()


def test_a_worker_whose_process_was_killed_does_not_count(redis: Redis) -> None:
    register(redis, "alive", socket.gethostname(), os.getpid())
    register(redis, "killed", socket.gethostname(), 2**22 - 1)
    register(redis, "elsewhere", "another-host", 2**22 - 1)
    assert heartbeat.count_workers() == 2


def test_a_worker_that_serves_quick_jobs_alone_does_not_count(redis: Redis) -> None:
    register(redis, "all", socket.gethostname(), os.getpid())
    register(redis, "quick", socket.gethostname(), os.getpid(), [queue.QUICK_NAME])
    assert heartbeat.count_workers() == 1


def test_what_the_watcher_tells_is_read_back(redis: Redis) -> None:
    assert heartbeat.engine_status().reachable is None
    heartbeat.publish_status(redis, heartbeat.EngineStatus(True, version="28.0"))
    assert (heartbeat.engine_status().reachable, heartbeat.engine_status().version) == (True, "28.0")


@pytest.mark.parametrize("stored", ["[[", "null", '{"reachable": 5}', b"\xff"])
def test_what_cannot_be_read_of_the_engine_is_unknown(redis: Redis, stored: str) -> None:
    redis.set(heartbeat.STATUS_KEY, stored)
    assert heartbeat.engine_status() == heartbeat.EngineStatus()


def test_what_another_version_tells_of_the_engine_is_read_as_far_as_it_is_known(redis: Redis) -> None:
    redis.set(heartbeat.STATUS_KEY, '{"reachable": true, "version": "29.0", "newer": [1]}')
    assert heartbeat.engine_status() == heartbeat.EngineStatus(True, version="29.0")


def test_workers_that_are_started_for_jobs_count_where_none_lives(redis: Redis) -> None:
    assert heartbeat.count_workers() == 0
    heartbeat.publish_pool(redis, 3)
    assert heartbeat.count_workers() == 3
    assert 0 < redis.ttl(heartbeat.POOL_KEY) <= heartbeat.POOL_LIFETIME  # a supervisor that hangs counts no longer
    register(redis, "alive", socket.gethostname(), os.getpid())
    assert heartbeat.count_workers() == 1
