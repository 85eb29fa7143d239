"""Resource usage of running containers: a thread of the watcher samples it; Redis keeps the last hour for the pages.

Pages read it by `sample_history(names)`, the last hour, and `latest_samples()`, the last sample of each container.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable

from redis import Redis
from redis.exceptions import RedisError

from rockonweb.config import Config
from rockonweb.core.errors import EngineError
from rockonweb.core.instance import resources
from rockonweb.core.instance.resources import Counters, Sample
from rockonweb.host import Engine, Host
from rockonweb.work import queue

SAMPLE_SECONDS = 20  # between two samples
FIRST_RATE_SECONDS = 4  # to the second reading of a new container: a rate needs two
MAX_SAMPLES = 190  # samples of a container: a little more than an hour
HISTORY_LIFETIME = 70 * 60  # seconds
LATEST_KEY = "rockonweb:samples"  # the newest sample of each container that runs
LATEST_LIFETIME = 4 * SAMPLE_SECONDS
HISTORY_PREFIX = "rockonweb:samples:"  # + container name: its samples, newest first
logger = logging.getLogger(__name__)

CounterReadings = dict[str, tuple[str, Counters]]  # by container name: its id and counters


def latest_samples() -> dict[str, Sample]:
    """Return the newest sample of each managed, running container by name; none while Redis or the watcher is down."""
    try:
        raw = queue.redis_connection().get(LATEST_KEY)
    except RedisError:
        return {}
    encoded_samples = json.loads(raw) if isinstance(raw, bytes | str) else {}
    return {name: sample for name, encoded in encoded_samples.items() if (sample := resources.load_sample(encoded))}


def sample_history(names: Iterable[str]) -> dict[str, list[Sample]] | None:
    """Return the samples of the last hour by container, oldest first; None where Redis does not answer."""
    container_names = list(names)
    try:
        pipeline = queue.redis_connection().pipeline(transaction=False)
        for name in container_names:
            pipeline.lrange(f"{HISTORY_PREFIX}{name}", 0, MAX_SAMPLES)
        replies = pipeline.execute()
    except RedisError:
        return None
    history = {
        name: [sample for raw in reply if (sample := resources.load_sample(raw))]
        for name, reply in zip(container_names, replies, strict=True)
    }
    return {name: sorted(samples, key=lambda sample: sample.at) for name, samples in history.items()}


def store_samples(redis: Redis, samples: dict[str, Sample]) -> None:
    """Add one round of samples (by container name) to the stored ones."""
    pipeline = redis.pipeline(transaction=False)
    for name, sample in samples.items():
        pipeline.lpush(f"{HISTORY_PREFIX}{name}", resources.dump_sample(sample))
        pipeline.ltrim(f"{HISTORY_PREFIX}{name}", 0, MAX_SAMPLES - 1)
        pipeline.expire(f"{HISTORY_PREFIX}{name}", HISTORY_LIFETIME)
    pipeline.set(
        LATEST_KEY,
        json.dumps({name: resources.dump_sample(sample) for name, sample in samples.items()}),
        ex=LATEST_LIFETIME,
    )
    pipeline.execute()


def collect_samples(docker: Engine, previous_readings: CounterReadings) -> tuple[CounterReadings, dict[str, Sample]]:
    """Read the counters of all managed, running containers; return them, and the samples since `previous_readings`.

    One Docker request, and one more per running container.
    """
    readings: CounterReadings = {}
    samples: dict[str, Sample] = {}
    for name, container in docker.list_containers().items():
        if not container.rockon or container.state != "running":
            continue
        stats = docker.container_stats(container.id)
        counters = resources.read_counters(stats, time.time()) if stats else None
        if counters is None:
            continue
        readings[name] = (container.id, counters)
        previous = previous_readings.get(name)
        if previous and previous[0] == container.id and (sample := resources.compute_sample(previous[1], counters)):
            samples[name] = sample
    return readings, samples


def run_sampler(settings: Config) -> None:
    """Sample for ever, to be run in a thread. It has its own connections, so a slow engine delays nothing else."""
    redis, host = queue.connect_redis(settings), Host(settings)  # a thread has no application context
    docker: Engine | None = None
    readings: CounterReadings = {}
    while True:
        pause = SAMPLE_SECONDS
        try:
            docker = docker or host.connect_docker()
            previous_readings = readings
            readings, samples = collect_samples(docker, previous_readings)
            store_samples(redis, samples)
            pause = FIRST_RATE_SECONDS if readings.keys() - previous_readings.keys() else SAMPLE_SECONDS
        except EngineError:
            docker, readings = None, {}
        except RedisError:
            logger.info("the queue does not answer; samples of what containers use are left out")
        except Exception as error:  # the thread must go on; meanwhile pages show that there are no samples
            logger.warning("a look at what containers use failed: %s", type(error).__name__)
        time.sleep(pause)
