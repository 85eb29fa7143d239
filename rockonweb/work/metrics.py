"""What running containers use: a thread of the watcher looks, the queue's server keeps an hour of it for pages.

For pages: `of(names)` gives the last hour, `newest()` the last sample of each container that runs.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable

from redis import Redis
from redis.exceptions import RedisError

from rockonweb.config import Settings
from rockonweb.core.errors import EngineError
from rockonweb.core.instance import resources
from rockonweb.core.instance.resources import Counters, Sample
from rockonweb.host import Engine, Host
from rockonweb.work import queue

SECONDS = 20  # between two looks
SOON = 4  # seconds to the second look at what is new: one alone tells no rate
KEPT = 190  # samples of a container: a little more than an hour
LIFETIME = 70 * 60
NEWEST = "rockonweb:samples"  # the newest sample of each container that runs
NEWEST_LIFETIME = 4 * SECONDS
HISTORY = "rockonweb:samples:"  # and a container's name: its samples, newest first
logger = logging.getLogger(__name__)

Seen = dict[str, tuple[str, Counters]]  # by container's name: its id, and what it had used


def newest() -> dict[str, Sample]:
    """Return the newest sample of each running container of ours, by the container's name; none while the queue's
    server or the watcher is silent. One question to the queue's server, whatever runs.
    """
    try:
        raw = queue.connection().get(NEWEST)
    except RedisError:
        return {}
    found = json.loads(raw) if isinstance(raw, bytes | str) else {}
    return {name: one for name, line in found.items() if (one := resources.read(line))}


def of(names: Iterable[str]) -> dict[str, list[Sample]] | None:
    """Return the samples of the last hour by container, oldest first; None when the queue's server is silent."""
    wanted = list(names)
    try:
        line = queue.connection().pipeline(transaction=False)
        for name in wanted:
            line.lrange(f"{HISTORY}{name}", 0, KEPT)
        answers = line.execute()
    except RedisError:
        return None
    found = {
        name: [one for raw in answer if (one := resources.read(raw))]
        for name, answer in zip(wanted, answers, strict=True)
    }
    return {name: sorted(samples, key=lambda one: one.at) for name, samples in found.items()}


def keep(redis: Redis, samples: dict[str, Sample]) -> None:
    """Put the samples of one look with those before them."""
    line = redis.pipeline(transaction=False)
    for name, one in samples.items():
        line.lpush(f"{HISTORY}{name}", resources.write(one))
        line.ltrim(f"{HISTORY}{name}", 0, KEPT - 1)
        line.expire(f"{HISTORY}{name}", LIFETIME)
    line.set(NEWEST, json.dumps({name: resources.write(one) for name, one in samples.items()}), ex=NEWEST_LIFETIME)
    line.execute()


def look(docker: Engine, before: Seen) -> tuple[Seen, dict[str, Sample]]:
    """Look once at the containers of ours that run; return what they have used, and the samples since `before`.

    Asks Docker one question when nothing runs, and one more for each container that does.
    """
    seen: Seen = {}
    samples: dict[str, Sample] = {}
    for name, known in docker.containers().items():
        if not known.rockon or known.state != "running":
            continue
        stats = docker.stats(known.id)
        after = resources.counters(stats, time.time()) if stats else None
        if after is None:
            continue
        seen[name] = (known.id, after)
        old = before.get(name)
        if old and old[0] == known.id and (one := resources.sample(old[1], after)):
            samples[name] = one
    return seen, samples


def watch(settings: Settings) -> None:
    """Look for ever, in a thread of its own with a connection of its own: a slow engine holds up nobody else."""
    redis, host = queue.connect(settings), Host(settings)  # a thread is in no application
    docker: Engine | None = None
    seen: Seen = {}
    while True:
        pause = SECONDS
        try:
            docker = docker or host.connect()
            before = seen
            seen, samples = look(docker, before)
            keep(redis, samples)
            pause = SOON if seen.keys() - before.keys() else SECONDS
        except EngineError:
            docker, seen = None, {}
        except RedisError:
            logger.info("the queue does not answer; samples of what containers use are left out")
        except Exception as error:  # the thread goes on: pages say that nothing was sampled
            logger.warning("a look at what containers use failed: %s", type(error).__name__)
        time.sleep(pause)
