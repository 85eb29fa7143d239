"""When sessions and tokens were last used: stored in Redis, so that viewing a page does not write to the database.

Each is recorded at most once a minute. While Redis is down, nothing is known; nothing else depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from redis.exceptions import RedisError

from rockonweb.models import LoginSession, Token
from rockonweb.work import queue

KEY_PREFIX = "rockonweb:seen"
RECORD_INTERVAL = 60  # seconds between two records of the same session or token
EXPIRY_SECONDS = 400 * 86400  # seconds
MAX_RECORDED = 10_000
_recorded: dict[str, float] = {}


def record_use(row: LoginSession | Token) -> None:
    """Record that a session or token is used now."""
    key, current_time = _redis_key(row), time.monotonic()
    if current_time - _recorded.get(key, -RECORD_INTERVAL) < RECORD_INTERVAL:
        return
    if len(_recorded) > MAX_RECORDED:
        _recorded.clear()
    _recorded[key] = current_time
    with suppress(RedisError):
        queue.redis_connection().set(key, int(time.time()), ex=EXPIRY_SECONDS)


def last_used_times(rows: Iterable[LoginSession | Token]) -> dict[int, datetime]:
    """Return when sessions, or tokens, were last used, by id, where that is known."""
    keys = {row.id: _redis_key(row) for row in rows}
    if not keys:
        return {}
    try:
        timestamps = queue.redis_connection().mget([*keys.values()])
    except RedisError:
        return {}
    timestamps_by_id = zip(keys, timestamps if isinstance(timestamps, list) else [], strict=False)
    return {row_id: datetime.fromtimestamp(int(value), UTC) for row_id, value in timestamps_by_id if value is not None}


def _redis_key(row: LoginSession | Token) -> str:
    return f"{KEY_PREFIX}:{type(row).__name__}:{row.id}"
