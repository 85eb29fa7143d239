"""When sessions and tokens were last used: remembered by the queue's server, so that looking at a page writes no row.

Each is noted at most once a minute. Where that server does not answer nothing is known; nothing else depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from redis.exceptions import RedisError

from rockonweb.models import LoginSession, Token
from rockonweb.work import queue

PREFIX = "rockonweb:seen"
EVERY = 60  # seconds
KEPT = 400 * 86400  # seconds
MOST = 10_000
_noted: dict[str, float] = {}


def note(row: LoginSession | Token) -> None:
    """Remember that a session or token is used now."""
    key, moment = _key(row), time.monotonic()
    if moment - _noted.get(key, -EVERY) < EVERY:
        return
    if len(_noted) > MOST:
        _noted.clear()
    _noted[key] = moment
    with suppress(RedisError):
        queue.connection().set(key, int(time.time()), ex=KEPT)


def moments(rows: Iterable[LoginSession | Token]) -> dict[int, datetime]:
    """Return when rows of one kind were last used, by their ids, where that is known."""
    keys = {row.id: _key(row) for row in rows}
    if not keys:
        return {}
    try:
        found = queue.connection().mget([*keys.values()])
    except RedisError:
        return {}
    said = zip(keys, found if isinstance(found, list) else [], strict=False)
    return {row_id: datetime.fromtimestamp(int(value), UTC) for row_id, value in said if value is not None}


def _key(row: LoginSession | Token) -> str:
    return f"{PREFIX}:{type(row).__name__}:{row.id}"
