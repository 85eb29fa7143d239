"""Docker's disk usage, which may take Docker minutes: a thread waits for it, one at a time, and not the pages."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from rockonweb.config import Config
from rockonweb.core.docker.disk_usage import DockerUsage
from rockonweb.core.errors import EngineError
from rockonweb.host import Host

FRESH_SECONDS = 30  # for which a result waits for a page that asks for it
PROBE_SECONDS = 2  # for whether Docker answers at all
WAIT_SECONDS = 2.5  # that a page waits for it


@dataclass
class _UsageReader:
    """The last result, when (monotonic) it came, and the thread that waits for the next one."""

    result: DockerUsage | EngineError | None = None
    came_at: float = 0.0
    thread: threading.Thread | None = None

    def read_usage(self, settings: Config) -> None:
        """Ask Docker, and keep the result."""
        try:
            with Host(settings).connect_docker(seconds=PROBE_SECONDS) as docker:
                docker.system_time()  # a hung engine is noticed soon
            with Host(settings).connect_docker() as docker:
                self.result = docker.disk_usage()
        except EngineError as error:
            self.result = error
        self.came_at = time.monotonic()


_reader = _UsageReader()  # of this process
_lock = threading.Lock()


def docker_disk_usage(settings: Config) -> DockerUsage | None:
    """Return the disk usage, None while Docker still computes it. Raises EngineError."""
    with _lock:
        is_fresh = _reader.result is not None and time.monotonic() - _reader.came_at < FRESH_SECONDS
        if not is_fresh and (_reader.thread is None or not _reader.thread.is_alive()):
            _reader.result = None
            _reader.thread = threading.Thread(target=_reader.read_usage, args=(settings,), daemon=True)
            _reader.thread.start()
        thread = _reader.thread
    if thread:
        thread.join(WAIT_SECONDS)
    result, _reader.result = _reader.result, None  # the next page asks again
    if isinstance(result, EngineError):
        raise result
    return result
