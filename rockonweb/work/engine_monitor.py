"""Whether Docker answers: a thread of the watcher asks every few seconds and tells the pages, whatever else it does."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from redis.exceptions import RedisError

from rockonweb.config import Config
from rockonweb.core.errors import EngineError
from rockonweb.host import Host
from rockonweb.work import heartbeat, queue
from rockonweb.work.heartbeat import EngineStatus

PAUSE_SECONDS = 5  # between two questions
ANSWER_SECONDS = 5  # for each answer, so that a silent engine is reported after 15 seconds at most
logger = logging.getLogger(__name__)


class EngineMonitor:
    """Asks Docker and publishes the answer. It has its own connections, as a thread has no application context."""

    def __init__(self, settings: Config) -> None:
        self.answers = False  # as of the last question
        self._redis = queue.connect_redis(settings)
        self._host = Host(settings)
        self._answered_at: float | None = None

    def run_forever(self) -> None:
        """Ask for ever, to be run in a thread."""
        while True:
            try:
                self.ask_once()
            except Exception as error:  # the thread must go on; meanwhile pages know nothing of Docker
                logger.warning("the state of Docker can't be published: %s", type(error).__name__)
            time.sleep(PAUSE_SECONDS)

    def ask_once(self) -> None:
        """Ask, and publish the answer."""
        if self._answered_at is None:
            self._answered_at = heartbeat.read_status(self._redis).answered_at
        status = self._probe_engine()
        self.answers, self._answered_at = bool(status.reachable), status.answered_at
        try:
            heartbeat.publish_status(self._redis, status)
        except RedisError:
            logger.warning("the queue does not answer; the pages can't be told how Docker is")

    def _probe_engine(self) -> EngineStatus:
        try:
            with self._host.connect_docker(seconds=ANSWER_SECONDS) as docker:
                found = docker.daemon_settings()
        except EngineError as error:
            return EngineStatus(False, error.hint, answered_at=self._answered_at)
        status = EngineStatus(True, "", found.version, found.images_folder, answered_at=time.time())
        return replace(status, file_system=found.disk.file_system, free=found.disk.free) if found.disk else status
