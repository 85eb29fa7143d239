"""The state of Docker and of the workers, which the watcher and RQ store in Redis: so pages need not ask Docker."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker

from rockonweb.core.packed import unpack_or
from rockonweb.work import queue

STATUS_KEY = "rockonweb:engine"
STATUS_LIFETIME = 30  # seconds; the watcher publishes every few
POOL_KEY = "rockonweb:workers"
POOL_LIFETIME = 30  # seconds; the supervisor publishes three times as often


@dataclass(frozen=True)
class EngineStatus:
    """The state of the Docker Engine as last published; `reachable` is None where unknown."""

    reachable: bool | None = None
    message: str = ""
    version: str = ""
    images_folder: str = ""
    file_system: str = ""  # of the images' disk; blank where it can't be read
    free: int | None = None  # bytes on that disk
    answered_at: float | None = None  # when it last answered, as Unix time


def publish_status(redis: Redis, status: EngineStatus) -> None:
    """Store the engine's state, for STATUS_LIFETIME. Called by the watcher. Raises RedisError."""
    redis.set(STATUS_KEY, json.dumps(asdict(status)), ex=STATUS_LIFETIME)


def engine_status() -> EngineStatus:
    """Return the last published state; unknown where the watcher or Redis is down, or it can't be read."""
    return read_status(queue.redis_connection())


def read_status(redis: Redis) -> EngineStatus:
    """Return the state that Redis has, as `engine_status`."""
    try:
        raw = redis.get(STATUS_KEY)
    except RedisError:
        return EngineStatus()
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
    status: EngineStatus = unpack_or(EngineStatus, text, EngineStatus())  # another version may have written it
    return status


def queue_alive() -> bool:
    """Whether Redis answers."""
    try:
        queue.redis_connection().ping()
    except RedisError:
        return False
    return True


def publish_pool(redis: Redis, workers: int) -> None:
    """Store, for POOL_LIFETIME, that so many workers are started for jobs that wait. Called by the supervisor. Raises
    RedisError.
    """
    redis.set(POOL_KEY, workers, ex=POOL_LIFETIME)


def count_workers(redis: Redis | None = None) -> int | None:
    """Return the number of workers that serve all jobs, not only the quick ones: those that live or, where there are
    none, those that are started once a job waits. None where Redis is down.
    """
    try:
        living = sum(queue.NAME in names for names in listening_workers(redis).values())
        started: Any = (redis or queue.redis_connection()).get(POOL_KEY)
    except RedisError:
        return None
    return living or int(started or 0)


def listening_workers(redis: Redis | None = None) -> dict[str, list[str]]:
    """Return the live workers: their names, and the queues that each serves. Raises RedisError.

    RQ lists a killed worker for minutes; one of this machine whose process no longer exists is left out.
    """
    hostname = socket.gethostname()
    return {
        worker.name: worker.queue_names()
        for worker in Worker.all(connection=redis or queue.redis_connection())
        if worker.hostname != hostname or worker.pid is None or psutil.pid_exists(worker.pid)
    }
