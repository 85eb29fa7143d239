"""The job queues: RQ on a Redis-compatible server.

There are two, so that downloads which are stuck don't keep an app from being stopped: a worker serves both, the quick
one first, and one worker of `rockonweb up` serves the quick one alone.
"""

from __future__ import annotations

from typing import Any

from flask import current_app, has_request_context, request
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq import Queue

from rockonweb.config import Config, current_config
from rockonweb.core.errors import QueueUnreachable
from rockonweb.core.text import t
from rockonweb.work.wakeup import wake_supervisor

NAME = "rockonweb"
QUICK_NAME = "rockonweb-quick"  # of jobs that end soon
QUEUE_NAMES = (QUICK_NAME, NAME)  # in the order in which a worker serves them
ANSWER_SECONDS = 2  # for an answer of the server, also while pages wait
_SILENT_KEY = "rockonweb.queue_is_silent"  # of a request's environment
JOB_TIMEOUT = 6 * 3600  # seconds; pulling many gigabytes over a slow connection takes hours
RESULT_SECONDS = 24 * 3600
FAILURE_SECONDS = 7 * 24 * 3600


class _LimitedPool(ConnectionPool):
    """Connections that keep their timeouts: RQ writes those of a worker, minutes, into each pool that it is given."""

    def make_connection(self) -> Any:
        """Return a new connection."""
        self.connection_kwargs["socket_timeout"] = ANSWER_SECONDS
        return super().make_connection()


class _NoRetry(Retry):
    """Asks once. Within a web request, nothing more is asked of a server that did not answer."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)

    def call_with_retry(self, *arguments: Any, **options: Any) -> Any:
        """Call a function. Raises TimeoutError, at once where an earlier call has."""
        if has_request_context() and _SILENT_KEY in request.environ:
            raise RedisTimeoutError("the queue server has not answered before")
        try:
            return super().call_with_retry(*arguments, **options)
        except RedisTimeoutError:
            if has_request_context():
                request.environ[_SILENT_KEY] = True
            raise


def connect_redis(settings: Config) -> Redis:
    """Return a Redis client (a connection pool), which connects at the first command and waits briefly for answers."""
    pool = _LimitedPool.from_url(settings.queue_url, socket_connect_timeout=ANSWER_SECONDS, retry=_NoRetry())
    return Redis.from_pool(pool)


def connect_worker(settings: Config) -> Redis:
    """Return a Redis client for a worker, which waits for minutes for its next job."""
    return Redis.from_url(settings.queue_url, socket_connect_timeout=3)


def redis_connection() -> Redis:
    """Return the Redis client of this process, which the Flask application keeps."""
    pool = current_app.extensions.get("redis")
    if pool is None:
        pool = current_app.extensions["redis"] = connect_redis(current_config())
    return pool


def enqueue_job(function: str, *ids: int, job_id: str, quick: bool = False) -> None:
    """Enqueue a job by the dotted name of its function; its arguments are ids only. One that is `quick` ends soon.

    To be called after the commit, as the job may start at once. Raises QueueUnreachable.
    """
    try:
        Queue(QUICK_NAME if quick else NAME, connection=redis_connection()).enqueue(
            function,
            args=ids,
            job_id=job_id,
            job_timeout=JOB_TIMEOUT,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
        )
    except RedisError as error:
        raise unreachable_error(error) from None
    wake_supervisor(current_config())


def waiting_jobs(connection: Redis | None = None) -> set[str]:
    """Return the ids of the jobs that no worker has started. Raises QueueUnreachable."""
    redis = connection or redis_connection()
    try:
        return {job_id for name in QUEUE_NAMES for job_id in Queue(name, connection=redis).job_ids}
    except RedisError as error:
        raise unreachable_error(error) from None


def count_waiting(redis: Redis) -> int:
    """Return the number of jobs that no worker has started. Raises RedisError."""
    with redis.pipeline(transaction=False) as pipeline:
        for name in QUEUE_NAMES:
            pipeline.llen(f"{Queue.redis_queue_namespace_prefix}{name}")
        return sum(pipeline.execute())


def ping() -> dict[str, Any]:
    """Return the server's version as `{"version": …}`. Raises QueueUnreachable."""
    try:
        info: Any = redis_connection().info("server")
    except RedisError as error:
        raise unreachable_error(error) from None
    return {"version": info.get("valkey_version") or info.get("redis_version", "")}


def unreachable_error(error: Exception) -> QueueUnreachable:
    """Return QueueUnreachable for an error of the Redis client."""
    return QueueUnreachable(
        t("The job queue does not answer."),
        t("`rockonweb up` starts one of its own; a server of yours is named by REDIS_URL."),
        output=str(error),
    )
