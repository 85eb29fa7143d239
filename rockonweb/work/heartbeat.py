"""What the watcher and the workers tell the pages through the queue's server, so that no page has to ask Docker."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass

import psutil
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker

from rockonweb.work.queue import redis_connection

STATUS_KEY = "rockonweb:engine"
STATUS_LIFETIME = 30  # seconds; the watcher speaks every few


@dataclass(frozen=True)
class EngineStatus:
    """What is known of the Docker Engine; `reachable` is None while nobody has looked."""

    reachable: bool | None = None
    message: str = ""
    version: str = ""
    images_folder: str = ""
    file_system: str = ""  # of the disk that images live on; blank where it can't be seen from here
    free: int | None = None  # bytes on that disk


def publish_status(redis: Redis, status: EngineStatus) -> None:
    """Remember how the engine is. Called by the watcher."""
    redis.set(STATUS_KEY, json.dumps(asdict(status)), ex=STATUS_LIFETIME)


def engine_status() -> EngineStatus:
    """Return what the watcher last said; unknown when it has been silent or the queue is down."""
    try:
        raw = redis_connection().get(STATUS_KEY)
    except RedisError:
        return EngineStatus()
    return EngineStatus(**json.loads(raw)) if isinstance(raw, bytes | str) else EngineStatus()


def queue_alive() -> bool:
    """Whether the queue's server answers."""
    try:
        redis_connection().ping()
    except RedisError:
        return False
    return True


def count_workers() -> int:
    """Return how many workers are listening; 0 when the queue is down."""
    try:
        return len(listening_workers())
    except RedisError:
        return 0


def listening_workers(redis: Redis | None = None) -> set[str]:
    """Return the names of the workers that are listening. Raises RedisError.

    The queue remembers a worker that was killed for minutes; one of this machine whose process is gone is not counted.
    """
    hostname = socket.gethostname()
    return {
        worker.name
        for worker in Worker.all(connection=redis or redis_connection())
        if worker.hostname != hostname or worker.pid is None or psutil.pid_exists(worker.pid)
    }
